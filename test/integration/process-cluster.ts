// A cluster of real processes on loopback: masters, agents, and whatever a test starts beside them.
//
// Owns:      starting and finding them by what they log, restarting agents on their work directories, ending everything and removing it.
// Elsewhere: one process (logged-process.ts), etcd (etcd-server.ts).

import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoggedProcess } from './logged-process';

export interface ClusterPlan {
  readonly agents: number;
  /** Default 1 with the embedded registry; more need etcd. */
  readonly masters?: number;
  /** `host:port` of etcd. */
  readonly etcd?: string;
  readonly masterFlags?: readonly string[];
  readonly agentFlags?: readonly string[];
  /** Per agent. Default `cpus:1;mem:512`. */
  readonly resources?: string;
}

/** Short enough that a test need not wait long for what is lost, long enough for a busy machine. */
const testAgentTimeout = '3s';

export class ProcessCluster {
  readonly directory = mkdtempSync(join(tmpdir(), 'allot-cluster-'));
  readonly masters: LoggedProcess[] = [];
  readonly agents: LoggedProcess[] = [];
  private readonly others: LoggedProcess[] = [];
  private addresses: readonly string[] = [];

  private constructor(private readonly plan: ClusterPlan) {}

  static async start(plan: ClusterPlan): Promise<ProcessCluster> {
    const cluster = new ProcessCluster(plan);
    try {
      for (let index = 0; index < (plan.masters ?? 1); index += 1) cluster.masters.push(cluster.startMaster(index));
      cluster.addresses = await Promise.all(cluster.masters.map(async (master) => String((await master.logged('Master serving'))['address'])));
      for (let index = 0; index < plan.agents; index += 1) cluster.agents.push(cluster.startAgent(index));
      await Promise.all(cluster.agents.map((agent) => agent.logged('Agent registered')));
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** What `--master` takes. */
  get master(): string {
    return this.addresses.join(',');
  }

  /** What `--master` takes to find the leader through etcd. */
  get masterInEtcd(): string {
    return `etcd://${this.plan.etcd ?? ''}${this.etcdPrefix}`;
  }

  private get etcdPrefix(): string {
    return `/allot-${this.directory.split('-').at(-1) ?? ''}`;
  }

  /** Starts one of our programs beside the cluster; it ends with it. */
  run(name: string, program: string, args: readonly string[], options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {}): LoggedProcess {
    const started = new LoggedProcess(name, program, args, options);
    this.others.push(started);
    return started;
  }

  allot(...args: string[]): LoggedProcess {
    return this.run(`allot ${args[0] ?? ''}`, 'cli/main.js', args, { env: { ALLOT_MASTER: this.master } });
  }

  /** The master that leads now, as its own log says. */
  async leader(): Promise<LoggedProcess> {
    return Promise.any(this.masters.filter((master) => master.isRunning).map(async (master) => (await master.logged('Leading'), master)));
  }

  /** A new life of agent `index` on the work directory of the last one. */
  async restartAgent(index: number): Promise<LoggedProcess> {
    const agent = this.startAgent(index);
    this.agents[index] = agent;
    await agent.logged('Agent registered');
    return agent;
  }

  async stop(): Promise<void> {
    const all = [...this.others, ...this.agents, ...this.masters];
    await Promise.all(all.map((child) => child.kill('SIGKILL')));
    this.killContainers();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Pids of the supervisors of all containers that were ever started, per agent. */
  containerPids(index: number): readonly number[] {
    const containers = join(this.agentDirectory(index), 'containers');
    return names(containers).flatMap((name) => {
      try {
        return [Number(readFileSync(join(containers, name, 'pid'), 'utf8'))];
      } catch {
        // Not started yet, or removed meanwhile.
        return [];
      }
    });
  }

  /** The sandbox of the newest container of agent `index`: that of the task named, when it is the last one launched there. */
  sandboxOf(index: number): string {
    const containers = join(this.agentDirectory(index), 'containers');
    const [newest] = names(containers).map((name) => join(containers, name)).sort((left, right) => statSync(right).ctimeMs - statSync(left).ctimeMs);
    if (newest === undefined) throw new Error(`Agent ${index} has no container`);
    return join(newest, 'sandbox');
  }

  private agentDirectory(index: number): string {
    return join(this.directory, `agent-${index}`);
  }

  private startMaster(index: number): LoggedProcess {
    const { etcd, masterFlags = [] } = this.plan;
    const registry = etcd === undefined ? ['--registry', 'embedded'] : ['--registry', 'etcd', '--etcd', etcd, '--etcd-prefix', this.etcdPrefix, '--election-lease', '2s'];
    const common = ['--ip', '127.0.0.1', '--port', '0', '--http-port', '0', '--work-dir', join(this.directory, `master-${index}`), '--log-format', 'json'];
    return new LoggedProcess(`master ${index}`, 'cli/main.js', ['master', ...common, ...registry, '--agent-timeout', testAgentTimeout, ...masterFlags]);
  }

  private startAgent(index: number): LoggedProcess {
    const { resources = 'cpus:1;mem:512', agentFlags = [] } = this.plan;
    return new LoggedProcess(`agent ${index}`, 'cli/main.js', [
      ...['agent', '--master', this.master, '--work-dir', this.agentDirectory(index), '--hostname', `agent-${index}`],
      ...['--resources', resources, '--log-format', 'json', ...agentFlags],
    ]);
  }

  /** Containers outlive their agents by design; a test's must not outlive the test. */
  private killContainers(): void {
    for (let index = 0; index < this.plan.agents; index += 1) {
      for (const pid of this.containerPids(index)) {
        try {
          process.kill(-pid, 'SIGKILL');
        } catch {
          // Ended already.
        }
      }
    }
  }
}

function names(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Never made: the agent has launched nothing.
    return [];
  }
}
