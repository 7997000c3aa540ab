// Real etcd servers for tests, alone or as a cluster: their own data directories, their own ports, stopped and continued at will.
//
// Owns:      starting (on ports that are proved free by binding them), pausing, killing, restarting on the same data, asking who leads a cluster.
// Elsewhere: that etcd is there at all (test/ensure-etcd.sh gives its path in ETCD).

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Place {
  readonly name: string;
  readonly directory: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

const urlOf = (port: number): string => `http://127.0.0.1:${port}`;

export class EtcdServer {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly place: Place,
    /** Of all members, for etcd's `--initial-cluster`. */
    private readonly members: string,
  ) {}

  /** Starts a single server and resolves when it serves. */
  static async start(): Promise<EtcdServer> {
    const [server] = await EtcdServer.startCluster(1);
    return server!;
  }

  /** Starts one cluster and resolves when all serve. Ports are asked of the kernel; should another process take one first, others are tried. */
  static async startCluster(count: number): Promise<readonly EtcdServer[]> {
    for (let attempt = 0; ; attempt += 1) {
      const places: Place[] = [];
      for (let index = 1; index <= count; index += 1) {
        const [clientPort, peerPort] = await Promise.all([freePort(), freePort()]);
        places.push({ name: `s${index}`, directory: mkdtempSync(join(tmpdir(), 'allot-etcd-')), clientPort, peerPort });
      }
      const members = places.map(({ name, peerPort }) => `${name}=${urlOf(peerPort)}`).join(',');
      const servers = places.map((place) => new EtcdServer(place, members));
      const launches = await Promise.allSettled(servers.map((server) => server.launch()));
      const failed = launches.find((launch) => launch.status === 'rejected');
      if (!failed) return servers;
      await Promise.all(servers.map((server) => server.stop()));
      if (attempt === 4) throw failed.reason;
    }
  }

  /** Whether this server leads its cluster. */
  async leads(): Promise<boolean> {
    const response = await fetch(`${urlOf(this.place.clientPort)}/v3/maintenance/status`, { method: 'POST', body: '{}', signal: AbortSignal.timeout(5_000) });
    const status = (await response.json()) as { readonly header: { readonly member_id: string }; readonly leader?: string };
    return status.leader === status.header.member_id;
  }

  /** `host:port` of the client endpoint. */
  get endpoint(): string {
    return `127.0.0.1:${this.place.clientPort}`;
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
    const client = urlOf(this.place.clientPort);
    const peer = urlOf(this.place.peerPort);
    const child = spawn(
      process.env['ETCD'] ?? 'etcd',
      [
        ...['--name', this.place.name, '--data-dir', join(this.place.directory, 'data'), '--logger', 'zap', '--log-level', 'error'],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', this.members],
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
    rmSync(this.place.directory, { recursive: true, force: true });
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

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
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
