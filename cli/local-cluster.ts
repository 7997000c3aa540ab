// Local cluster: a master and some agents on this machine, kept together.
//
// Owns:      the order of starting and ending, what happens when one of them dies.
// Elsewhere: one process (local-process.ts), what people see of it (commands/local.ts), dividing the machine (fair-part.ts).
// Invariants:
//   K1. Agents start when the master serves; the cluster is up when all are registered.
//   K2. It ends as a whole: agents end their tasks first, then themselves, then the master; whatever is left after its time is killed.
//   K3. No child outlives its keeper's orderly end, nor a second signal.
// Source: our choice.

import { join } from 'node:path';

import type { AllotError } from '../common/errors';
import { silentLog } from '../common/logging';
import type { Clock } from '../common/ports';
import { PosixContainerizer } from '../agent/posix-containerizer';
import { LocalProcess } from './local-process';

export interface LocalClusterPlan {
  /** Holds everything: state, logs, sandboxes. */
  readonly directory: string;
  /** Arguments of node before the command: this program. */
  readonly program: readonly string[];
  readonly port: number;
  readonly httpPort: number;
  /** `--resources` of each agent. */
  readonly resources: readonly string[];
  readonly clock: Clock;
}

/** How long agents get to end their tasks, and the master to say goodbye. More than the default grace periods (5 s and 2 s). */
const agentGraceMs = 15_000;
const masterGraceMs = 5_000;

export class LocalCluster {
  master = '';
  http = '';
  private readonly agents: LocalProcess[] = [];
  private masterProcess: LocalProcess | undefined;
  private isStopping = false;
  private readonly killOnExit = (): void => {
    for (const child of this.children()) child.signal('SIGKILL');
  };

  constructor(private readonly plan: LocalClusterPlan) {}

  /** Resolves when the cluster is up (K1). Throws AllotError with the last words of what did not start; then `stop` ends the rest. */
  async start(stop: AbortSignal): Promise<void> {
    const { port, httpPort, resources } = this.plan;
    process.on('exit', this.killOnExit); // K3: a forced end does not wait.
    this.masterProcess = this.spawn('master', 'master', ['--ip', '127.0.0.1', '--port', String(port), '--http-port', String(httpPort), '--work-dir', this.path('master')]);
    const serving = await this.masterProcess.logged('Master serving', stop);
    this.master = String(serving['address']);
    this.http = String(serving['httpAddress']);
    for (const [index, text] of resources.entries()) {
      const name = `agent-${index + 1}`;
      this.agents.push(this.spawn(name, 'agent', ['--master', this.master, '--work-dir', this.path(name), '--hostname', name, '--resources', text]));
    }
    await Promise.all(this.agents.map((agent) => agent.logged('Agent registered', stop)));
  }

  /** Resolves with the failure of the first child that ends by itself. */
  async firstFailure(): Promise<AllotError> {
    return await Promise.race(this.children().map(async (child) => (await child.ended, child.failure())));
  }

  /** K2. Twice does nothing more. */
  async stop(): Promise<void> {
    if (this.isStopping) return;
    this.isStopping = true;
    await Promise.all(this.agents.map((agent) => this.endAgent(agent)));
    await this.masterProcess?.stop('SIGTERM', masterGraceMs);
    process.off('exit', this.killOnExit);
  }

  private async endAgent(agent: LocalProcess): Promise<void> {
    await agent.stop('SIGUSR1', agentGraceMs);
    // An agent that was killed could not end its tasks.
    const containerizer = new PosixContainerizer({ workDir: this.path(agent.name), clock: this.plan.clock, log: silentLog, switchUser: false });
    await containerizer.destroyOrphans(new Set());
  }

  private children(): readonly LocalProcess[] {
    return [...this.agents, ...(this.masterProcess === undefined ? [] : [this.masterProcess])];
  }

  private spawn(name: string, command: string, args: readonly string[]): LocalProcess {
    return new LocalProcess(name, [...this.plan.program, command, ...args, '--log-format', 'json'], this.path(`${name}.log`), this.plan.clock);
  }

  private path(name: string): string {
    return join(this.plan.directory, name);
  }
}
