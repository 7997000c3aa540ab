// A real etcd server for tests: its own data directory, its own ports, stopped and continued at will.
//
// Owns:      starting (on ports that are proved free by binding them), pausing, killing, restarting on the same data.
// Elsewhere: that etcd is there at all (test/ensure-etcd.sh gives its path in ETCD).

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class EtcdServer {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly directory: string,
    private readonly clientPort: number,
    private readonly peerPort: number,
  ) {}

  /** Starts a single server and resolves when it serves. Ports are asked of the kernel; should another process take one first, others are tried. */
  static async start(): Promise<EtcdServer> {
    for (let attempt = 0; ; attempt += 1) {
      const [clientPort, peerPort] = await Promise.all([freePort(), freePort()]);
      const server = new EtcdServer(mkdtempSync(join(tmpdir(), 'allot-etcd-')), clientPort, peerPort);
      try {
        await server.launch();
        return server;
      } catch (error) {
        await server.stop();
        if (attempt === 4) throw error;
      }
    }
  }

  /** `host:port` of the client endpoint. */
  get endpoint(): string {
    return `127.0.0.1:${this.clientPort}`;
  }

  /** SIGSTOP: connections stay open and nothing is answered, the worst way to be away. */
  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  /** SIGKILL; the data stays. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /** Starts again on the same ports and data. */
  async launch(): Promise<void> {
    const client = `http://127.0.0.1:${this.clientPort}`;
    const peer = `http://127.0.0.1:${this.peerPort}`;
    const child = spawn(
      process.env['ETCD'] ?? 'etcd',
      [
        ...['--name', 's1', '--data-dir', join(this.directory, 'data'), '--logger', 'zap', '--log-level', 'error'],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `s1=${peer}`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.child = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2_000);
    });
    let ended: string | undefined;
    child.once('error', (error) => (ended = error.message));
    child.once('exit', (status, signal) => (ended = `etcd ended (${status ?? signal ?? 'unknown'}): ${said}`));
    while (!(await isHealthy(client))) {
      if (ended !== undefined) throw new Error(ended);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    this.resume();
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function isHealthy(client: string): Promise<boolean> {
  try {
    const response = await fetch(`${client}/health`, { signal: AbortSignal.timeout(1_000) });
    return response.ok && ((await response.json()) as { health?: string }).health === 'true';
  } catch {
    // Not yet listening.
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
