// The virtual cluster: masters, agents and frameworks in one process, in virtual time, from one seed.
//
// Owns:      building it, letting time pass, breaking and mending its parts, and a readable picture of its state.
// Elsewhere: the nodes themselves (master/, agent/), what they run on (the other files of this folder), random faults (test/simulation/).
// Invariants:
//   U1. Same seed and same calls, same run: nothing here reads a real clock, a real random number, or waits for anything real.
//   U2. Time passes only inside `advance` and `until`. After each event every promise that can settle has settled, so async handlers behave.
// Source: FoundationDB's and tigerbeetle's whole-system simulation, for the idea.

import type { CheckpointRecord } from '../../../common/model/checkpoint-record';
import type { AgentSummary, FrameworkSummary, OfferSummary, OperatorCall, OperatorReply, Page, Rest, TaskSummary } from '../../../common/model/operator-protocol';
import { staticAddresses } from '../../../common/leader-session';
import { describeRefusal } from '../../../common/refusal';
import { formatDuration, parseDuration } from '../../../common/units';
import type { MasterConfig } from '../../../master/core/master-step';
import type { ContainerSpec } from '../../../agent/core/agent-step';
import { SchedulerDriver, type SchedulerConnection } from '../scheduler-driver';
import type { SchedulerOptions } from '../scheduler-options';
import { SeededRandom } from './seeded-random';
import type { SimulatedProgram } from './simulated-containers';
import { SimulatedEtcd, type EtcdSight } from './simulated-etcd';
import { SimulatedNetwork, type NetworkSight } from './simulated-network';
import { VirtualAgent, virtualAgentConfig, type VirtualAgentConfig, type VirtualAgentOptions, type VirtualExecutor } from './virtual-agent';
import { VirtualClock } from './virtual-clock';
import { VirtualLog } from './virtual-log';
import { VirtualMaster, virtualMasterConfig } from './virtual-master';
import { VirtualProcess, type VirtualWorld } from './virtual-process';

/** Everything that can be seen of a virtual cluster from outside of its processes. */
export type ClusterSight =
  | { readonly source: 'network'; readonly sight: NetworkSight }
  | { readonly source: 'etcd'; readonly sight: EtcdSight }
  | { readonly source: 'container'; readonly agent: VirtualAgent; readonly sight: { readonly kind: 'started' | 'ended'; readonly spec: ContainerSpec } }
  | { readonly source: 'disk'; readonly agent: VirtualAgent; readonly record: CheckpointRecord }
  | { readonly source: 'log'; readonly line: string };

export interface VirtualClusterOptions {
  /** Everything that varies follows from it. Default 1. */
  readonly seed?: number;
  /** Default 1. */
  readonly masters?: number;
  /** One entry an agent. Default: one agent with the default resources. */
  readonly agents?: readonly VirtualAgentOptions[];
  /** What differs from {@link virtualMasterConfig}. */
  readonly master?: Partial<MasterConfig>;
  /** What differs from {@link virtualAgentConfig}. */
  readonly agent?: Partial<VirtualAgentConfig>;
  /** What commands do, by the first word of the command line. Known without being named: sleep, exit, true, false, echo, ignore-term. */
  readonly programs?: Readonly<Record<string, SimulatedProgram>>;
  /** Executors built on the SDK, by the first word of their command line. */
  readonly executors?: Readonly<Record<string, VirtualExecutor>>;
  /** Sees everything, changes nothing. */
  readonly observe?: (sight: ClusterSight) => void;
}

/** What the leading master says of the cluster. */
export interface ClusterState {
  readonly agents: readonly AgentSummary[];
  readonly frameworks: readonly FrameworkSummary[];
  /** Running ones, and those that ended lately. */
  readonly tasks: readonly TaskSummary[];
  readonly offers: readonly OfferSummary[];
}

/** A time as text (`10s`, `5m`) or in milliseconds. */
export type VirtualDuration = string | number;

export class VirtualCluster {
  readonly seed: number;
  readonly clock = new VirtualClock();
  readonly network: SimulatedNetwork;
  readonly etcd: SimulatedEtcd;
  readonly log: VirtualLog;
  readonly masters: readonly VirtualMaster[];
  readonly agents: readonly VirtualAgent[];
  private readonly world: VirtualWorld;
  private readonly schedulers = new Map<string, VirtualProcess>();

  /** Everything is started; the first leader is elected as soon as time passes. Throws a TypeError on options that make no sense. */
  constructor(options: VirtualClusterOptions = {}) {
    const { seed = 1, masters = 1, agents = [{}], observe } = options;
    const { clock } = this;
    this.seed = seed;
    const random = new SeededRandom(seed);
    this.network = new SimulatedNetwork({ clock, random: random.stream('network'), ...(observe && { observe: (sight) => observe({ source: 'network', sight }) }) });
    this.etcd = new SimulatedEtcd({ clock, random: random.stream('etcd'), ...(observe && { observe: (sight) => observe({ source: 'etcd', sight }) }) });
    this.log = new VirtualLog(clock, observe && ((line) => observe({ source: 'log', line })));
    this.world = { clock, random, network: this.network, etcd: this.etcd, log: this.log };
    this.masters = Array.from({ length: masters }, (_, index) => new VirtualMaster(index, this.world, { ...virtualMasterConfig, ...options.master }));
    const programs = new Map(Object.entries(options.programs ?? {}));
    const executors = new Map(Object.entries(options.executors ?? {}));
    this.agents = agents.map(
      (agent, index) =>
        new VirtualAgent(index, this.world, this.addresses, { ...virtualAgentConfig, ...options.agent }, agent, programs, executors, {
          ...(observe && {
            container: (at: VirtualAgent, sight: { readonly kind: 'started' | 'ended'; readonly spec: ContainerSpec }) => observe({ source: 'container', agent: at, sight }),
            record: (at: VirtualAgent, record: CheckpointRecord) => observe({ source: 'disk', agent: at, record }),
          }),
        }),
    );
    for (const master of this.masters) master.start();
    for (const agent of this.agents) agent.start();
  }

  /** Addresses of all masters, as `--master` would list them. */
  get addresses(): readonly string[] {
    return this.masters.map((master) => master.address);
  }

  // Frameworks.

  /** Starts a scheduler in a process called `name`. A process of that name that still runs is killed first: that is a failover. */
  runScheduler(options: SchedulerOptions, name: string = options.name): SchedulerDriver {
    const driver = new SchedulerDriver(options, this.connectScheduler(name));
    driver.start();
    return driver;
  }

  /** What a scheduler driver needs of the world, for a process called `name`, which begins now. */
  connectScheduler(name: string): SchedulerConnection {
    const process = this.schedulers.get(name) ?? new VirtualProcess(name, this.world);
    this.schedulers.set(name, process);
    process.end();
    const { environment, log } = process.begin();
    return { environment, dialer: this.network.dialer(name, 'schedulers'), addresses: staticAddresses(this.addresses), log };
  }

  /** As by `kill -9`: the driver never does anything any more. */
  killScheduler(name: string): void {
    this.note(`kill ${name}`);
    this.schedulers.get(name)?.end();
  }

  /** The process of a scheduler: for leak checks. */
  schedulerProcess(name: string): VirtualProcess | undefined {
    return this.schedulers.get(name);
  }

  // Breaking and mending.

  /** The master that leads now. */
  get leader(): VirtualMaster | undefined {
    return this.masters.find((master) => master.isAlive && master.isLeading);
  }

  /** Kills the leading master, if one leads, and returns it. */
  killLeader(): VirtualMaster | undefined {
    const { leader } = this;
    this.note(`kill leader ${leader?.host ?? '(none)'}`);
    leader?.kill();
    return leader;
  }

  killMaster(index: number): void {
    const master = this.masterAt(index);
    this.note(`kill ${master.host}`);
    master.kill();
  }

  restartMaster(index: number): void {
    const master = this.masterAt(index);
    this.note(`restart ${master.host}`);
    master.kill();
    master.start();
  }

  /** The agent's process; its tasks run on. */
  killAgent(index: number): void {
    const agent = this.agentAt(index);
    this.note(`kill ${agent.host}`);
    agent.kill();
  }

  /** The agent's process, again; also after the machine was lost. */
  restartAgent(index: number): void {
    const agent = this.agentAt(index);
    this.note(`restart ${agent.host}`);
    agent.kill();
    agent.start();
  }

  /** The agent's machine with all that runs on it. Its disk keeps what was synced. */
  crashMachine(index: number): void {
    const agent = this.agentAt(index);
    this.note(`crash the machine of ${agent.host}`);
    agent.crashMachine();
  }

  /** No frame passes between the agent and any master; both find out by silence. */
  cutAgent(index: number): void {
    this.cut(this.agentAt(index).host);
  }

  healAgent(index: number): void {
    this.heal(this.agentAt(index).host);
  }

  /** Cuts a host (an agent's or scheduler's name) off from all masters. */
  cut(host: string): void {
    this.note(`cut ${host}`);
    for (const master of this.masters) this.network.cut(host, master.host);
  }

  /** Cuts one direction only: the masters hear `host` no more, or it hears them no more. */
  cutOneWay(host: string, unheard: 'host' | 'masters'): void {
    this.note(`cut ${host} one way, ${unheard} unheard`);
    for (const master of this.masters) {
      if (unheard === 'host') this.network.cutOneWay(host, master.host);
      else this.network.cutOneWay(master.host, host);
    }
  }

  heal(host: string): void {
    this.note(`heal ${host}`);
    for (const master of this.masters) this.network.heal(host, master.host);
  }

  /** Every cable and etcd work again, and every dead process but schedulers is started. */
  healAll(): void {
    this.note('heal everything');
    this.network.healAll();
    this.etcd.healAll();
    for (const master of this.masters) if (!master.isAlive) master.start();
    for (const agent of this.agents) if (!agent.isAlive) agent.start();
  }

  // Time.

  /** Lets exactly that much time pass. */
  async advance(duration: VirtualDuration): Promise<void> {
    const untilMs = this.clock.nowMs() + millisecondsOf(duration, 'advance');
    await settled();
    while (this.clock.advanceToNext(untilMs)) await settled();
    this.clock.settleAt(untilMs);
  }

  /** Lets time pass until `condition` holds, asked after each event. Throws with a picture of the cluster when it does not `within` 5 minutes. */
  async until(condition: () => boolean, options: { readonly within?: VirtualDuration; readonly what?: string } = {}): Promise<void> {
    const withinMs = millisecondsOf(options.within ?? '5m', 'within');
    const untilMs = this.clock.nowMs() + withinMs;
    await settled();
    while (!condition()) {
      if (!this.clock.advanceToNext(untilMs)) {
        this.clock.settleAt(untilMs);
        const what = options.what ?? String(condition);
        throw new Error(`Not reached within ${formatDuration(withinMs)} of virtual time (seed ${this.seed}): ${what}\n\n${this.describe()}`);
      }
      await settled();
    }
  }

  // Looking.

  /** What the leading master knows; undefined while none leads, or it waits for its registry. */
  state(): ClusterState | undefined {
    const agents = this.list((page) => this.ask({ kind: 'get-agents', ...page }), (reply) => (reply.kind === 'agents' ? [reply.agents, reply] : undefined));
    const frameworks = this.list((page) => this.ask({ kind: 'get-frameworks', ...page }), (reply) => (reply.kind === 'frameworks' ? [reply.frameworks, reply] : undefined));
    const tasks = this.list((page) => this.ask({ kind: 'get-tasks', includeCompleted: true, ...page }), (reply) => (reply.kind === 'tasks' ? [reply.tasks, reply] : undefined));
    const offers = this.list((page) => this.ask({ kind: 'get-offers', ...page }), (reply) => (reply.kind === 'offers' ? [reply.offers, reply] : undefined));
    if (agents === undefined || frameworks === undefined || tasks === undefined || offers === undefined) return undefined;
    return { agents, frameworks, tasks, offers };
  }

  /** All of a list, of which one answer holds a part; undefined as for {@link state}. */
  private list<Entry>(
    ask: (page: Page) => OperatorReply | undefined,
    read: (reply: OperatorReply) => readonly [entries: readonly Entry[], rest: Rest] | undefined,
  ): readonly Entry[] | undefined {
    const all: Entry[] = [];
    for (;;) {
      const reply = ask({ skip: all.length });
      const part = reply === undefined ? undefined : read(reply);
      if (part === undefined) return undefined;
      const [entries, { omittedCount }] = part;
      for (const entry of entries) all.push(entry);
      if (omittedCount === 0) return all;
    }
  }

  /** A picture for people: who lives, who leads, what runs where, and what happened last. */
  describe(): string {
    const lines = [`at ${(this.clock.nowMs() / 1_000).toFixed(3)} s`];
    for (const { host, node } of this.masters) {
      const { role, waitingFor } = node?.health ?? { role: 'dead', waitingFor: undefined };
      lines.push(`${host}: ${role}${waitingFor === undefined ? '' : `, waiting: ${waitingFor}`}`);
    }
    const state = this.state();
    for (const agent of this.agents) {
      const known = state?.agents.filter(({ info }) => info.hostname === agent.host) ?? [];
      const view = known.map((one) => `${one.state}, offered ${one.offered.toString() || 'nothing'}, allocated ${one.allocated.toString() || 'nothing'}`).join(' | ');
      lines.push(`${agent.host}: ${agent.isAlive ? 'alive' : 'dead'}, ${agent.machine.specs().length} containers; to the master: ${view || 'unknown'}`);
    }
    for (const framework of state?.frameworks ?? []) {
      lines.push(`framework ${framework.info.name} (${framework.id}): ${framework.state}, ${framework.offerCount} offers, ${framework.taskCount} tasks, suppressed [${framework.suppressedRoles.join()}]`);
    }
    const tasks = state?.tasks.slice(-20) ?? [];
    for (const task of tasks) lines.push(`task ${task.id} of ${task.frameworkName} on ${task.hostname}: ${task.state}${task.reason === undefined ? '' : ` ${task.reason}`}`);
    return [...lines, '', 'Last lines of the log:', ...this.log.tail(40)].join('\n');
  }

  private ask(call: OperatorCall): OperatorReply | undefined {
    let reply: OperatorReply | undefined;
    this.leader?.node?.operator(call, (answer) => {
      if (answer.kind !== 'not-leader') reply = answer;
    });
    return reply;
  }

  private note(what: string): void {
    this.log.note(`--- ${what}`);
  }

  private masterAt(index: number): VirtualMaster {
    return at(this.masters, index, 'masters');
  }

  private agentAt(index: number): VirtualAgent {
    return at(this.agents, index, 'agents');
  }
}

function at<T>(items: readonly T[], index: number, what: string): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`There are ${items.length} ${what}, numbered from 0: current value is ${index}`);
  return item;
}

function millisecondsOf(duration: VirtualDuration, field: string): number {
  if (typeof duration === 'number') return duration;
  const parsed = parseDuration(duration, field);
  if (!parsed.ok) throw new TypeError(describeRefusal(parsed.refusal));
  return parsed.value;
}

/** Resolves when every promise that can settle without the world has done so (U2). */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
