// Fault plan: what breaks, when, and for how long, drawn from declared probabilities.
//
// Owns:      the kinds of faults with their weights, their durations, and their end.
// Elsewhere: how each is done (frameworks/sdk/testing/), what must hold meanwhile (the checkers).
// Invariants:
//   F1. The plan draws from its own random stream: what the cluster does changes neither which faults come nor when.
//   F2. After `stop` nothing new breaks, and what was to be mended later is mended by whoever heals everything.
// Source: tigerbeetle's simulator (declared probabilities) and FoundationDB's (everything that can fail, does).

import type { SeededRandom, VirtualCluster } from '../../frameworks/sdk/testing';
import type { QuotaOperator } from './quota-operator';
import type { Workload } from './workload';

interface Fault {
  readonly name: string;
  /** Relative frequency. */
  readonly weight: number;
  readonly strike: (plan: FaultPlan) => void;
}

const faults: readonly Fault[] = [
  { name: 'leader killed', weight: 6, strike: (plan) => plan.masterAway(plan.cluster.masters.findIndex((master) => master.isLeading)) },
  { name: 'master killed', weight: 3, strike: (plan) => plan.masterAway(plan.random.below(plan.cluster.masters.length)) },
  { name: 'agent killed', weight: 6, strike: (plan) => plan.agentAway('process') },
  { name: 'machine lost', weight: 4, strike: (plan) => plan.agentAway('machine') },
  { name: 'scheduler killed', weight: 6, strike: (plan) => plan.schedulerAway() },
  { name: 'container killed', weight: 6, strike: (plan) => plan.killContainer() },
  { name: 'launches fail', weight: 2, strike: (plan) => plan.failLaunches() },
  { name: 'host cut off', weight: 5, strike: (plan) => plan.cut('both') },
  { name: 'host half-open', weight: 5, strike: (plan) => plan.cut('one way') },
  { name: 'one path cut', weight: 3, strike: (plan) => plan.cutOnePath() },
  { name: 'host slow', weight: 3, strike: (plan) => plan.slow() },
  { name: 'master cut off from etcd', weight: 3, strike: (plan) => plan.cutFromEtcd() },
  { name: 'etcd down', weight: 2, strike: (plan) => plan.etcdDown() },
  { name: 'etcd loses messages', weight: 4, strike: (plan) => plan.etcdLossy() },
  { name: 'process stalled', weight: 6, strike: (plan) => plan.stall() },
  { name: 'master stopped in order', weight: 2, strike: (plan) => plan.stopMaster() },
  { name: 'agent stopped in order', weight: 2, strike: (plan) => plan.stopAgent() },
  { name: 'scheduler handed over', weight: 3, strike: (plan) => plan.handOver() },
  { name: 'task killed by its author', weight: 6, strike: (plan) => plan.random.pick(plan.workloads)?.killOne() },
  { name: 'weight changed', weight: 2, strike: (plan) => plan.changeWeight() },
  { name: 'quota changed', weight: 8, strike: (plan) => plan.changeQuota() },
];

export class FaultPlan {
  private isOver = false;
  readonly strikes = new Map<string, number>();

  constructor(
    readonly cluster: VirtualCluster,
    readonly workloads: readonly Workload[],
    private readonly quotas: QuotaOperator,
    readonly random: SeededRandom,
    /** Mean pause between faults, ms. */
    private readonly meanPauseMs: number,
  ) {}

  start(): void {
    this.after(-Math.log(1 - this.random.next()) * this.meanPauseMs, () => {
      let draw = this.random.between(0, faults.reduce((sum, { weight }) => sum + weight, 0));
      const fault = faults.find(({ weight }) => (draw -= weight) < 0);
      if (fault) {
        this.strikes.set(fault.name, (this.strikes.get(fault.name) ?? 0) + 1);
        fault.strike(this);
      }
      this.start();
    });
  }

  stop(): void {
    this.isOver = true;
  }

  masterAway(index: number): void {
    const awayMs = this.duration(500, 20_000);
    if (index < 0 || !this.cluster.masters[index]?.isAlive) return;
    this.cluster.killMaster(index);
    this.after(awayMs, () => {
      if (!this.cluster.masters[index]?.isAlive) this.cluster.restartMaster(index);
    });
  }

  agentAway(what: 'process' | 'machine'): void {
    const index = this.random.below(this.cluster.agents.length);
    const awayMs = this.duration(300, what === 'process' ? 40_000 : 90_000);
    if (!this.cluster.agents[index]?.isAlive) return;
    if (what === 'process') this.cluster.killAgent(index);
    else this.cluster.crashMachine(index);
    this.after(awayMs, () => {
      if (!this.cluster.agents[index]?.isAlive) this.cluster.restartAgent(index);
    });
  }

  schedulerAway(): void {
    const workload = this.random.pick(this.workloads);
    const awayMs = this.duration(300, 45_000);
    if (!workload?.isAlive) return;
    this.cluster.killScheduler(workload.name);
    this.after(awayMs, () => {
      if (!workload.isAlive) workload.start();
    });
  }

  /** No turn for a while; masters, which must know that they may have been deposed meanwhile, most of all. */
  stall(): void {
    const { masters, agents } = this.cluster;
    const kind = this.random.below(4);
    const durationMs = this.duration(200, 20_000);
    const name = this.random.pick(this.workloads)?.name ?? '';
    const process = kind < 2 ? this.random.pick(masters)?.process : kind === 2 ? this.random.pick(agents)?.process : this.cluster.schedulerProcess(name);
    this.cluster.log.note(`--- stall ${process?.host} for ${durationMs.toFixed(0)} ms`);
    process?.stall(durationMs);
  }

  stopMaster(): void {
    const index = this.random.below(this.cluster.masters.length);
    this.cluster.log.note(`--- stop master-${index}`);
    this.cluster.masters[index]?.stop();
    this.after(this.duration(500, 20_000), () => {
      if (!this.cluster.masters[index]?.isAlive) this.cluster.restartMaster(index);
    });
  }

  stopAgent(): void {
    const index = this.random.below(this.cluster.agents.length);
    const mode = this.random.chance(0.5) ? 'keep-tasks' : 'end-tasks';
    this.cluster.log.note(`--- stop agent-${index}, ${mode}`);
    this.cluster.agents[index]?.node?.stop(mode);
    this.after(this.duration(10_000, 40_000), () => {
      if (!this.cluster.agents[index]?.isAlive) this.cluster.restartAgent(index);
    });
  }

  handOver(): void {
    const workload = this.random.pick(this.workloads);
    const awayMs = this.duration(300, 20_000);
    if (!workload?.isAlive) return;
    this.cluster.log.note(`--- ${workload.name} hands over`);
    workload.handOver();
    this.after(awayMs, () => {
      if (!workload.isAlive) workload.start();
    });
  }

  killContainer(): void {
    const agent = this.random.pick(this.cluster.agents);
    const choice = this.random.next();
    const specs = agent?.machine.specs() ?? [];
    const spec = specs[Math.floor(choice * specs.length)];
    if (!spec) return;
    this.cluster.log.note(`--- kill -9 container ${spec.containerId} on ${agent?.host}`);
    agent?.machine.kill(spec.containerId);
  }

  failLaunches(): void {
    const agent = this.random.pick(this.cluster.agents);
    if (!agent) return;
    this.cluster.log.note(`--- launches on ${agent.host} fail`);
    agent.machine.launchFailureProbability = 0.5;
    this.after(this.duration(2_000, 20_000), () => {
      agent.machine.launchFailureProbability = 0;
    });
  }

  cut(way: 'both' | 'one way'): void {
    const host = this.host();
    const unheard = this.random.chance(0.5) ? 'host' : 'masters';
    if (way === 'both') this.cluster.cut(host);
    else this.cluster.cutOneWay(host, unheard);
    this.after(this.duration(500, 60_000), () => this.cluster.heal(host));
  }

  cutOnePath(): void {
    const host = this.host();
    const master = this.random.pick(this.cluster.masters)?.host ?? '';
    this.cluster.log.note(`--- cut ${host} and ${master}`);
    this.cluster.network.cut(host, master);
    this.after(this.duration(500, 60_000), () => this.cluster.heal(host));
  }

  slow(): void {
    const host = this.random.chance(0.3) ? (this.random.pick(this.cluster.masters)?.host ?? '') : this.host();
    this.cluster.log.note(`--- ${host} is slow`);
    this.cluster.network.slow(host, this.random.between(100, 3_000));
    this.after(this.duration(2_000, 30_000), () => this.cluster.network.slow(host, 0));
  }

  cutFromEtcd(): void {
    const host = this.random.pick(this.cluster.masters)?.host ?? '';
    this.cluster.log.note(`--- cut ${host} from etcd`);
    this.cluster.etcd.cut(host);
    this.after(this.duration(500, 30_000), () => this.cluster.etcd.heal(host));
  }

  etcdDown(): void {
    this.cluster.log.note('--- etcd is down');
    this.cluster.etcd.isDown = true;
    this.after(this.duration(500, 60_000), () => {
      this.cluster.etcd.isDown = false;
    });
  }

  etcdLossy(): void {
    this.cluster.log.note('--- etcd loses messages');
    this.cluster.etcd.answerLossProbability = this.random.between(0.05, 0.4);
    this.cluster.etcd.requestLossProbability = this.random.between(0, 0.2);
    this.after(this.duration(2_000, 30_000), () => {
      this.cluster.etcd.answerLossProbability = 0;
      this.cluster.etcd.requestLossProbability = 0;
    });
  }

  changeWeight(): void {
    const role = this.random.pick(this.workloads)?.options.role ?? '*';
    const weight = this.random.pick([0.5, 1, 2, 10]) ?? 1;
    this.cluster.leader?.node?.operator({ kind: 'set-weight', role, weight }, () => undefined);
  }

  changeQuota(): void {
    this.quotas.change(this.random.pick(this.workloads)?.options.role ?? '*', this.random);
  }

  private host(): string {
    const hosts = [...this.cluster.agents.map((agent) => agent.host), ...this.workloads.map((workload) => workload.name)];
    return this.random.pick(hosts) ?? '';
  }

  /** Mostly short, sometimes long: uniform in the logarithm. */
  private duration(fromMs: number, toMs: number): number {
    return fromMs * (toMs / fromMs) ** this.random.next();
  }

  private after(delayMs: number, act: () => void): void {
    this.cluster.clock.schedule(delayMs, () => {
      if (!this.isOver) act();
    });
  }
}
