// Simulation: one seed, one cluster, one life under faults, and what must hold during and after it.
//
// Owns:      the stages of a run (faults, healing, agreement, farewell), its trace and the hash of it, the verdict.
// Elsewhere: the cluster (frameworks/sdk/testing/), the faults (fault-plan.ts), the work (workload.ts), the promises (the checkers, quiet-check.ts).
// Invariants:
//   S1. Everything follows from the seed: the same seed gives the same trace to the byte, so the same hash.
//   S2. Nothing that a process throws is swallowed: it ends the run like a violation.
// Source: DESIGN, "What the simulation asserts".

import { createHash } from 'node:crypto';
import { VirtualCluster, virtualMasterConfig, SeededRandom, type ClusterSight, type VirtualAgent, type VirtualAgentOptions } from '../../frameworks/sdk/testing';
import type { MasterConfig } from '../../master/core/master-step';
import type { Amounts } from './amounts';
import { FaultPlan } from './fault-plan';
import { HostileFramework } from './hostile-framework';
import { Census, Division } from './last-words';
import { LeadershipChecker } from './leadership-checker';
import { findLeak, findLeftover, findUnsettled, usedOn } from './quiet-check';
import { QuotaChecker } from './quota-checker';
import { QuotaOperator } from './quota-operator';
import { RegistryChecker } from './registry-checker';
import { ResourceChecker } from './resource-checker';
import { TaskChecker } from './task-checker';
import { Violation, type Checker } from './violation';
import { Workload, worker } from './workload';

export interface SimulationOptions {
  readonly seed: number;
  /** How long things break, in virtual minutes. Default: 1 to 3, by the seed. */
  readonly faultMinutes?: number;
  /** Called with each line of the trace. */
  readonly trace?: (line: string) => void;
}

export interface SimulationOutcome {
  readonly seed: number;
  /** What was broken; undefined when everything held. */
  readonly failure: { readonly invariant: string; readonly detail: string; readonly stack: string | undefined } | undefined;
  readonly traceHash: string;
  /** The last part of the trace. */
  readonly tail: readonly string[];
  readonly virtualMs: number;
  readonly eventCount: number;
  /** What happened how often: a run in which nothing happens proves nothing. */
  readonly counts: Readonly<Record<string, number>>;
}

const tailLength = 120;

/**
 * Virtual time within which everybody must agree again: beyond the longest timeouts of the configuration below, and the drivers' rounds of
 * reconciliation, which find what was lost with the memory of a master.
 */
const settleLimitMs = 22 * 60_000;

/** Faster than the defaults, so that a short run meets every timeout; every fifth seed has the defaults. */
const quickMaster = {
  agentTimeoutMs: 20_000,
  agentReregisterTimeoutMs: 60_000,
  offerTimeoutMs: 30_000,
  launchTimeoutMs: 60_000,
  allocation: { recoveryTimeoutMs: 15_000 },
};
type MasterTimeouts = Pick<MasterConfig, keyof typeof quickMaster>;
const quickAgent = { updateRetryIntervalMs: 3_000, updateRetryIntervalMaxMs: 60_000, executorRegistrationTimeoutMs: 20_000 };

export async function simulate(options: SimulationOptions): Promise<SimulationOutcome> {
  const run = new SimulationRun(options);
  await run.toTheEnd();
  return run.outcome();
}

class SimulationRun {
  private readonly random: SeededRandom;
  private readonly cluster!: VirtualCluster;
  private readonly workloads: readonly Workload[];
  private readonly hostile!: HostileFramework;
  private readonly plan: FaultPlan;
  private readonly checkers: readonly Checker[];
  private readonly resources = new ResourceChecker();
  private readonly quotas = new QuotaChecker();
  private readonly quotaOperator: QuotaOperator;
  private readonly tasks: TaskChecker;
  private readonly isAsync: boolean;
  private readonly master: MasterTimeouts;
  private readonly hash = createHash('sha256');
  /** The newest, printed only when somebody wants to read them. */
  private readonly sights: { readonly sight: ClusterSight; readonly atMs: number }[] = [];
  private readonly told = new Map<string, number>();
  private failure: SimulationOutcome['failure'];
  private stage = 'faults';

  constructor(private readonly options: SimulationOptions) {
    const { seed } = options;
    this.random = new SeededRandom(seed, 'simulation');
    const { random } = this;
    this.isAsync = random.chance(0.25);
    const etcd = () => this.cluster.etcd;
    const names = ['batch', 'service', 'workers'].slice(0, 2 + random.below(2));
    this.tasks = new TaskChecker((host) => names.includes(host));
    this.checkers = [new LeadershipChecker(etcd), new RegistryChecker(etcd), this.resources, this.quotas, this.tasks];
    const usesDefaults = seed % 5 === 0;
    this.master = usesDefaults ? virtualMasterConfig : quickMaster;
    const agents: VirtualAgentOptions[] = Array.from({ length: 2 + random.below(6) }, () => ({
      resources: random.pick(['cpus:2;mem:1024', 'cpus:4;mem:4096;ports:[31000-31010]', 'cpus:8;mem:2048', 'cpus:1;mem:512']) ?? '',
    }));
    this.cluster = new VirtualCluster({
      seed,
      masters: 1 + random.below(3),
      agents,
      master: this.master,
      agent: usesDefaults ? {} : quickAgent,
      executors: { worker: worker(this.isAsync, (...run) => this.checked(() => this.tasks.started(...run))) },
      observe: (sight) => this.see(sight),
    });
    this.workloads = names.map(
      (name) =>
        new Workload(
          {
            name,
            kind: name as Workload['options']['kind'],
            role: random.pick(['*', 'a', 'a/b', 'c']) ?? '*',
            taskCount: name === 'service' ? 1 + random.below(4) : 30 + random.below(150),
            failoverTimeoutMs: random.pick([5_000, 60_000, 600_000, 600_000, 600_000]) ?? 60_000,
            isAsync: this.isAsync,
            random: random.stream(name),
            told: (frameworkId, taskId, state) => {
              this.told.set(state, (this.told.get(state) ?? 0) + 1);
              this.checked(() => this.tasks.told(frameworkId, taskId, state));
            },
          },
          this.cluster,
        ),
    );
    this.hostile = new HostileFramework(this.cluster, random.stream('hostile'));
    this.quotaOperator = new QuotaOperator(this.cluster, (...answer) => this.checked(() => this.quotas.answered(...answer)));
    this.plan = new FaultPlan(this.cluster, this.workloads, this.quotaOperator, random.stream('faults'), random.pick([1_500, 4_000, 10_000]) ?? 4_000);
  }

  async toTheEnd(): Promise<void> {
    try {
      const faultMs = (this.options.faultMinutes ?? 1 + this.random.below(3)) * 60_000;
      for (const workload of this.workloads) workload.start();
      if (this.random.chance(0.7)) this.hostile.start();
      this.plan.start();
      await this.pass(faultMs);
      this.stage = 'healing';
      this.heal();
      await this.passUntil('Each task is terminal or running, and known identically to scheduler, master and agent', () => this.quotaOperator.findLeft() ?? findUnsettled(this.cluster, this.workloads));
      await this.count((agent) => usedOn(agent, this.workloads));
      this.stage = 'farewell';
      for (const workload of this.workloads) workload.driver?.stop();
      await this.passUntil('What is torn down leaves nothing behind', () => findLeftover(this.cluster));
      // Let everything lapse that waits for nothing any more.
      await this.pass(this.master.launchTimeoutMs + this.master.agentReregisterTimeoutMs);
      this.stage = 'rest';
      const leak = findLeak(this.cluster);
      if (leak !== undefined) throw new Violation('No session and no timer leaks', leak);
      await this.count(() => new Map());
      if (this.options.seed % 10 === 0) await this.divide();
    } catch (error) {
      this.fail(error); // S2; does nothing where the failure is known already.
    }
  }

  /** What is not in use can be had. */
  private async count(used: (agent: VirtualAgent) => Amounts): Promise<void> {
    this.stage = 'census';
    const census = new Census(this.cluster);
    await this.passUntil('All resources are accounted for', () => census.findMissing(used));
    this.cluster.killScheduler('census');
    await this.pass(1_000);
  }

  /** Takes a while, so not every seed does it. */
  private async divide(): Promise<void> {
    this.stage = 'division';
    const division = new Division(this.cluster, this.random.stream('division'));
    await this.pass(60_000);
    for (let second = 0; second < 120; second += 1) {
      await this.pass(1_000);
      division.sample();
    }
    const unfair = division.findUnfair();
    if (unfair !== undefined) throw new Violation('DRF shares are within one task of fair', unfair);
  }

  outcome(): SimulationOutcome {
    const { clock } = this.cluster;
    const counts: Record<string, number> = {
      offers: this.resources.offerCount,
      starts: this.tasks.startCount,
      updates: this.tasks.updateCount,
      hostileCalls: this.hostile.callCount,
      quotasSet: this.quotas.changeCount,
      limitedOffers: this.quotas.offerCount,
    };
    for (const [what, count] of [...this.told, ...this.plan.strikes]) counts[what] = count;
    return {
      seed: this.options.seed,
      failure: this.failure,
      traceHash: this.hash.digest('hex'),
      tail: this.failure === undefined ? [] : this.sights.slice(-tailLength).map(({ sight, atMs }) => printSight(sight, atMs)),
      virtualMs: clock.nowMs(),
      eventCount: clock.eventCount,
      counts,
    };
  }

  private heal(): void {
    this.plan.stop();
    this.cluster.healAll();
    this.hostile.stop();
    // Under a limit services might never have what they want, and the census not everything.
    this.quotaOperator.lift();
    for (const { machine } of this.cluster.agents) machine.launchFailureProbability = 0;
    for (const workload of this.workloads) workload.windDown();
    this.supervise();
  }

  /** The first failure counts. */
  private fail(error: unknown): void {
    if (this.failure !== undefined) return;
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
    this.failure =
      error instanceof Violation
        ? { invariant: error.invariant, detail: `${error.detail} (${this.stage}, at ${(this.cluster.clock.nowMs() / 1_000).toFixed(3)} s)`, stack: undefined }
        : { invariant: 'No process throws', detail: `${message} (${this.stage})`, stack };
  }

  private async pass(durationMs: number): Promise<void> {
    const { clock } = this.cluster;
    const untilMs = clock.nowMs() + durationMs;
    while (clock.advanceToNext(untilMs)) {
      if (this.isAsync) await settled();
      if (this.failure !== undefined) throw new EndOfRun();
    }
    clock.settleAt(untilMs);
  }

  /** Asks each virtual second; after the limit the last answer is the violation. */
  private async passUntil(invariant: string, find: () => string | undefined): Promise<void> {
    for (let passedMs = 0; ; passedMs += 1_000) {
      const found = find();
      if (found === undefined) return;
      if (passedMs >= settleLimitMs) throw new Violation(`${invariant} within ${settleLimitMs / 60_000} min`, `${found}\n${this.cluster.describe()}`);
      await this.pass(1_000);
      this.supervise();
    }
  }

  /** What every machine has that runs services: who ended is started again, also who only now came to the end that was asked of it. */
  private supervise(): void {
    for (const agent of this.cluster.agents) if (!agent.isAlive) agent.start();
    for (const master of this.cluster.masters) if (!master.isAlive) master.start();
    if (this.stage === 'healing') for (const workload of this.workloads) if (!workload.isAlive) workload.start();
  }

  private see(sight: ClusterSight): void {
    const atMs = this.cluster?.clock.nowMs() ?? 0;
    this.hash.update(`${atMs} ${fingerprint(sight)}\n`);
    this.sights.push({ sight, atMs });
    if (this.sights.length > 2 * tailLength) this.sights.splice(0, tailLength);
    this.options.trace?.(printSight(sight, atMs));
    // While the cluster is being built nothing can be wrong yet.
    if (this.cluster === undefined || this.failure !== undefined) return;
    this.checked(() => {
      for (const checker of this.checkers) checker.see(sight);
      this.hostile?.see(sight);
    });
  }

  /** Runs a check wherever it happens to be: what is between it and the run (a driver that survives its handlers) must not swallow a violation. */
  private checked(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.fail(error);
    }
  }
}

/** Ends a run whose failure is already known. */
class EndOfRun extends Error {}

/** One line for people: who said what to whom, by kinds and ids. */
function printSight(sight: ClusterSight, nowMs: number): string {
  if (sight.source === 'log') return sight.line;
  const time = `${(nowMs / 1_000).toFixed(3)}s`;
  switch (sight.source) {
    case 'network': {
      const { sight: seen } = sight;
      if (seen.kind === 'ended') return `${time} link ${seen.link} ${seen.service} ended at ${seen.host}`;
      const path = `${time} link ${seen.link} ${seen.service} ${seen.from} > ${seen.to}`;
      return seen.kind === 'opened' ? path : `${path} ${seen.kind} ${seen.messages.map(printMessage).join(', ')}`;
    }
    case 'etcd':
      return `${time} etcd ${sight.sight.kind} ${sight.sight.epoch}`;
    case 'container':
      return `${time} ${sight.agent.host} container ${sight.sight.spec.containerId} ${sight.sight.kind}`;
    case 'disk':
      return `${time} ${sight.agent.host} disk ${printMessage(sight.record)}`;
  }
}

/** Everything about a sight, for the hash (S1). What was sent says what is delivered. */
function fingerprint(sight: ClusterSight): string {
  switch (sight.source) {
    case 'log':
      return sight.line;
    case 'network':
      return sight.sight.kind === 'delivered' ? `delivered ${sight.sight.link}` : JSON.stringify(sight.sight);
    case 'etcd':
      return JSON.stringify(sight.sight);
    case 'container':
      return `${sight.agent.host} ${sight.sight.kind} ${sight.sight.spec.containerId}`;
    case 'disk':
      return `${sight.agent.host} ${JSON.stringify(sight.record)}`;
  }
}

/** The kind of a message, and what it is about. */
function printMessage(message: unknown): string {
  const words: string[] = [];
  const collect = (value: unknown, depth: number): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (typeof inner === 'string' && /^(kind|id|taskId|state|latestState|reason|uuid|offerId|executorId|phase)$/.test(name)) words.push(name === 'uuid' ? inner.slice(0, 6) : inner);
      else if (Array.isArray(inner) && inner.every((item) => typeof item === 'string')) words.push(...inner.filter((item) => /-[OS]\d+$/.test(item)));
      else if (depth < 5 && !/^(resources|command|frameworkInfo|framework|labels|info)$/.test(name)) collect(inner, depth + 1);
    }
  };
  collect(message, 0);
  return words.join(' ');
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
