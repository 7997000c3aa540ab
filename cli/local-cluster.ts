// Local cluster: a master and some agents on this machine, kept together.
//
// Owns:      the order of starting and ending, what happens when one of them dies.
// Elsewhere: one process (local-process.ts), what is left where its keeper was killed (local-remains.ts), what people see of it (commands/local.ts), dividing the machine (fair-part.ts).
// Invariants:
//   K1. Agents start when the master serves; the cluster is up when all are registered.
//   K2. It ends as a whole: agents end their tasks first, then themselves, then the master; whatever is left after its time is killed.
//   K3. No child outlives its keeper's orderly end, nor a second signal.
// Source: our choice.

import { join } from 'node:path';

import type { AllotError } from '../common/errors';
import type { Clock } from '../common/ports';
import { agentGraceMs, masterGraceMs } from './local-grace';
import { LocalProcess } from './local-process';
import { endContainers } from './local-remains';
import type { LocalChild } from './local-state';
import { identityOf } from './process-identity';

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
  /** Called right after each start of a process, with all that were started: whoever finds them without their keeper must know them. */
  readonly started: (children: readonly LocalChild[]) => void;
}

export class LocalCluster {
  master = '';
  http = '';
  private readonly agents: LocalProcess[] = [];
  private masterProcess: LocalProcess | undefined;
  private readonly started: LocalChild[] = [];
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
    await endContainers(this.path(agent.name), this.plan.clock);
  }

  private children(): readonly LocalProcess[] {
    return [...this.agents, ...(this.masterProcess === undefined ? [] : [this.masterProcess])];
  }

  private spawn(name: string, command: string, args: readonly string[]): LocalProcess {
    const child = new LocalProcess(name, [...this.plan.program, command, ...args, '--log-format', 'json'], this.path(`${name}.log`), this.plan.clock);
    const identity = child.pid === undefined ? undefined : identityOf(child.pid);
    if (identity !== undefined) this.started.push({ ...identity, name });
    this.plan.started(this.started);
    return child;
  }

  private path(name: string): string {
    return join(this.plan.directory, name);
  }
}
