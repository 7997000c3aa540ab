// Scripted master: drives the deciding core by readable scripts.
//
// Owns:      fake sessions, virtual time, and a trace of effects in one short line each.
// Elsewhere: the claims (the *.test.ts files beside this one).
// Invariants:
//   S1. A trace line shows everything of an effect that a claim may rest on; logs are left out.
//   S2. Nothing is said to a session that was closed, by either side: the harness throws if the core does.
// Source: our choice; scripts with their trace beside them, as in etcd-io/raft's interaction tests.

import { createDrfAllocator } from '../../../allocator/drf-allocator';
import type { AgentMessage, MasterMessage, TaskReport } from '../../../common/model/agent-protocol';
import type { AgentInfo } from '../../../common/model/agent';
import type { CommandInfo } from '../../../common/model/command';
import type { FrameworkInfo } from '../../../common/model/framework';
import { agentId, executorId, frameworkId, masterId, offerId, taskId, type AgentId, type FrameworkId } from '../../../common/model/ids';
import type { Offer, OfferOperation } from '../../../common/model/offer';
import type { OperatorCall, OperatorReply } from '../../../common/model/operator-protocol';
import { parseResourceText } from '../../../common/model/resource-text';
import { Resources } from '../../../common/model/resources';
import type { SchedulerCall, SchedulerEvent } from '../../../common/model/scheduler-protocol';
import type { ExecutorInfo, TaskInfo } from '../../../common/model/task';
import type { TaskState, TaskStatus } from '../../../common/model/task-status';
import { createMasterCore, type ObservableMasterCore } from '../../../master/core/master';
import type { MasterConfig, MasterEffect, MasterInput, RegistryChange, RegistryFact } from '../../../master/core/master-step';

export const config: MasterConfig = {
  clusterName: 'test',
  allocationIntervalMs: 1_000,
  allocationEventDelayMs: 5,
  minAllocatable: [new Map([['cpus', 10]]), new Map([['mem', 32_000]])],
  regexProgramSizeMax: 100,
  offerTimeoutMs: 300_000,
  agentTimeoutMs: 75_000,
  agentReregisterTimeoutMs: 600_000,
  launchTimeoutMs: 300_000,
  heartbeatIntervalMs: 5_000,
  completedFrameworkCountMax: 50,
  completedTaskCountMax: 1_000,
  unreachableTaskCountMax: 1_000,
  operatorTimeoutMs: 10_000,
};

export function amounts(text: string): Resources {
  const parsed = parseResourceText(text, 'resources');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.refusal));
  return Resources.of(parsed.value);
}

export function aFramework(over: Partial<FrameworkInfo> = {}): FrameworkInfo {
  return {
    user: 'svc',
    name: 'batch',
    roles: ['eng'],
    capabilities: ['MULTI_ROLE', 'PARTITION_AWARE'],
    failoverTimeoutMs: 60_000,
    checkpoint: true,
    labels: [],
    offerFilters: new Map(),
    ...over,
  };
}

export function anAgentInfo(over: Partial<AgentInfo> = {}): AgentInfo {
  return { hostname: 'pi', port: 0, resources: amounts('cpus:4;mem:4096;ports:[31000-31009]'), attributes: [], ...over };
}

export function aCommand(over: Partial<CommandInfo> = {}): CommandInfo {
  return { uris: [], environment: [], value: 'sleep 1', shell: true, arguments: [], ...over };
}

/** A command task. `resources` in the text grammar. */
export function aTask(id: string, agent: string, resources = 'cpus:1;mem:128', over: Partial<TaskInfo> = {}): TaskInfo {
  return { name: id, taskId: taskId(id), agentId: agentId(agent), resources: amounts(resources), limits: new Map(), labels: [], command: aCommand(), ...over };
}

export function anExecutor(id: string, resources = 'cpus:0.5;mem:64', over: Partial<ExecutorInfo> = {}): ExecutorInfo {
  return { executorId: executorId(id), resources: amounts(resources), command: aCommand(), labels: [], ...over };
}

/** A task for a custom executor. */
export function anExecutorTask(id: string, agent: string, executor: ExecutorInfo, resources = 'cpus:1;mem:128', over: Partial<TaskInfo> = {}): TaskInfo {
  const { command: _command, ...rest } = aTask(id, agent, resources);
  return { ...rest, executor, ...over };
}

export function launch(...tasks: TaskInfo[]): Extract<OfferOperation, { kind: 'launch' }> {
  return { kind: 'launch', tasks };
}

/** The uuid with that number. */
export const uuid = (number: number): string => number.toString(16).padStart(32, '0');

const statusOf = (id: string, state: TaskState, number: number): TaskStatus => ({ taskId: taskId(id), state, source: 'SOURCE_EXECUTOR', uuid: uuid(number), labels: [] });

export class ScriptedMaster {
  readonly core: ObservableMasterCore;
  nowMs = 1_000;
  readonly wallOffsetMs = 1_700_000_000_000;
  readonly changes: RegistryChange[] = [];
  /** Sees each effect as it is made. */
  observe: ((effect: MasterEffect) => void) | undefined;
  private readonly lines: string[] = [];
  private readonly open = new Set<string>();
  private readonly inboxes = new Map<string, unknown[]>();
  readonly replies = new Map<number, OperatorReply>();
  private sessionNext = 1;
  private requestNext = 1;

  constructor(
    readonly id = 'm',
    registry: readonly RegistryFact[] = [],
    over: Partial<MasterConfig> = {},
  ) {
    let seed = 1;
    const random = { next: (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647 };
    this.core = createMasterCore(
      { ...config, ...over },
      { masterId: masterId(id), masterInfo: { id, address: 'localhost:5050', version: '0' }, registry, registryName: 'memory', electedAtWallMs: 0 },
      createDrfAllocator,
      { random, ids: { uuid: () => uuid(0) } },
    );
    this.step({ kind: 'time-advanced' });
  }

  /** Feeds one input and notes what comes out. */
  step(input: MasterInput): readonly MasterEffect[] {
    const effects = this.core.step(input, { nowMs: this.nowMs, wallMs: this.nowMs + this.wallOffsetMs });
    for (const effect of effects) {
      this.note(effect);
      this.observe?.(effect);
    }
    return effects;
  }

  /** Lets time pass, waking the core at each of its deadlines. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let at = this.core.nextDeadlineMs(); at <= endMs; at = this.core.nextDeadlineMs()) {
      this.nowMs = Math.max(at, this.nowMs);
      this.step({ kind: 'time-advanced' });
    }
    this.nowMs = endMs;
  }

  /** Everything said since the last call, and after `ms` more (an allocation's worth by default). */
  trace(ms = 10): string[] {
    this.advance(ms);
    return this.lines.splice(0);
  }

  /** As {@link trace}, but nothing is compared. */
  skip(ms = 10): void {
    this.trace(ms);
  }

  scheduler(): ScriptedScheduler {
    const session = this.sessionNext++;
    this.open.add(`s${session}`);
    this.step({ kind: 'scheduler-opened', session, peer: 'scheduler' });
    return new ScriptedScheduler(this, session);
  }

  /** A subscribed scheduler. */
  subscribed(over: Partial<FrameworkInfo> = {}): ScriptedScheduler {
    const scheduler = this.scheduler();
    scheduler.subscribe(over);
    return scheduler;
  }

  agent(): ScriptedAgent {
    const session = this.sessionNext++;
    this.open.add(`a${session}`);
    this.step({ kind: 'agent-opened', session, peer: 'agent' });
    return new ScriptedAgent(this, session);
  }

  /** A registered agent. */
  registered(over: Partial<AgentInfo> = {}): ScriptedAgent {
    const agent = this.agent();
    agent.register(over);
    return agent;
  }

  operator(call: OperatorCall): number {
    const request = this.requestNext++;
    this.step({ kind: 'operator-call', request, call });
    return request;
  }

  /** Asks, and expects the answer at once. */
  ask(call: OperatorCall): OperatorReply {
    const reply = this.replies.get(this.operator(call));
    if (reply === undefined) throw new Error('no reply yet');
    return reply;
  }

  isOpen(session: string): boolean {
    return this.open.has(session);
  }

  closed(session: string): void {
    this.open.delete(session);
  }

  inbox<Said>(session: string): Said[] {
    const said = (this.inboxes.get(session) ?? []) as Said[];
    this.inboxes.set(session, said);
    return said;
  }

  short(text: string): string {
    return text.replace(new RegExp(`(?<![\\w-])${this.id}-`, 'g'), '');
  }

  private note(effect: MasterEffect): void {
    switch (effect.kind) {
      case 'log':
        return;
      case 'persist':
        this.changes.push(...effect.changes);
        for (const change of effect.changes) this.lines.push(this.short(`persist ${describeChange(change)}`));
        return;
      case 'send-scheduler':
      case 'send-agent': {
        const isScheduler = effect.kind === 'send-scheduler';
        const name = `${isScheduler ? 's' : 'a'}${effect.session}`;
        if (!this.open.has(name)) throw new Error(`said to closed session ${name} (S2)`);
        const said: readonly (SchedulerEvent | MasterMessage)[] = isScheduler ? effect.events : effect.messages;
        const inbox = this.inbox(name);
        for (const one of said) inbox.push(one); // A list as long as this may be is no list of arguments.
        // The ping of A5 stands beside every `registered` and says nothing more.
        for (const one of said.filter(({ kind }) => kind !== 'ping')) this.lines.push(this.short(`${name} ${isScheduler ? describeEvent(one as SchedulerEvent) : describeMessage(one as MasterMessage)}`));
        return;
      }
      case 'close-scheduler':
      case 'close-agent': {
        const name = `${effect.kind === 'close-scheduler' ? 's' : 'a'}${effect.session}`;
        if (!this.open.delete(name)) throw new Error(`closed twice: ${name} (S2)`);
        this.lines.push(`${name} closed`);
        return;
      }
      case 'reply-operator':
        if (this.replies.has(effect.request)) throw new Error(`replied twice to ${effect.request}`);
        this.replies.set(effect.request, effect.reply);
        this.lines.push(`op${effect.request} ${effect.reply.kind}`);
    }
  }
}

export class ScriptedScheduler {
  private number = 0;

  constructor(
    readonly master: ScriptedMaster,
    readonly session: number,
  ) {}

  get events(): SchedulerEvent[] {
    return this.master.inbox(`s${this.session}`);
  }

  get frameworkId(): FrameworkId {
    const subscribed = this.events.find((event) => event.kind === 'subscribed');
    if (subscribed === undefined) throw new Error('not subscribed');
    return subscribed.frameworkId;
  }

  /** Offers received, whatever became of them. */
  get offers(): Offer[] {
    return this.events.flatMap((event) => (event.kind === 'offers' ? event.offers : []));
  }

  get updates(): TaskStatus[] {
    return this.events.flatMap((event) => (event.kind === 'update' ? [event.status] : []));
  }

  call(...calls: SchedulerCall[]): void {
    this.master.step({ kind: 'scheduler-calls', session: this.session, calls: calls.map((call) => ({ ok: true, value: { number: ++this.number, call } })) });
  }

  subscribe(over: Partial<FrameworkInfo> = {}, suppressedRoles: readonly string[] = []): void {
    const frameworkInfo = aFramework(over);
    this.call({ kind: 'subscribe', ...(over.id === undefined ? {} : { frameworkId: over.id }), frameworkInfo, suppressedRoles, offerConstraints: new Map() });
  }

  accept(offerIds: readonly string[], operations: readonly OfferOperation[], refuseSeconds = 0): void {
    this.call({ kind: 'accept', offerIds: offerIds.map((id) => offerId(`${this.master.id}-${id}`)), operations, filters: { refuseSeconds } });
  }

  decline(offerIds: readonly string[], refuseSeconds = 5): void {
    this.call({ kind: 'decline', offerIds: offerIds.map((id) => offerId(`${this.master.id}-${id}`)), filters: { refuseSeconds } });
  }

  acknowledge(id: string, agent: string, number: number): void {
    this.call({ kind: 'acknowledge', agentId: agentId(agent), taskId: taskId(id), uuid: uuid(number) });
  }

  close(): void {
    this.master.closed(`s${this.session}`);
    this.master.step({ kind: 'scheduler-closed', session: this.session, end: { kind: 'closed' } });
  }
}

export class ScriptedAgent {
  constructor(
    readonly master: ScriptedMaster,
    readonly session: number,
  ) {}

  get messages(): MasterMessage[] {
    return this.master.inbox(`a${this.session}`);
  }

  get agentId(): AgentId {
    for (const message of this.messages) if (message.kind === 'registered' || message.kind === 'reregistered') return message.agentId;
    throw new Error('not registered');
  }

  /** Tasks that it was told to run, as it would report them. */
  launched(): TaskReport[] {
    return this.messages.flatMap((message) =>
      message.kind === 'run-task'
        ? [{ frameworkId: frameworkId(message.framework.id ?? ''), task: message.task, executorId: executorId(message.task.executor?.executorId ?? message.task.taskId), state: 'TASK_STAGING' as const }]
        : [],
    );
  }

  say(...messages: AgentMessage[]): void {
    this.master.step({ kind: 'agent-messages', session: this.session, messages });
  }

  register(over: Partial<AgentInfo> = {}): void {
    // With the pong that follows in life: nothing is offered before (agents.ts, A5). The tests of A5 say `register` alone.
    this.say({ kind: 'register', info: anAgentInfo(over), version: '1' }, { kind: 'pong' });
  }

  reregister(id: string, over: Partial<Extract<AgentMessage, { kind: 'reregister' }>> = {}): void {
    this.say({ kind: 'reregister', agentId: agentId(id), info: anAgentInfo(), version: '1', tasks: [], executors: [], frameworks: [], ...over });
  }

  /** One update, whose uuid has that number. */
  update(framework: FrameworkId, id: string, state: TaskState, number: number, latestState: TaskState = state): void {
    this.say({ kind: 'status-update', frameworkId: framework, status: statusOf(id, state, number), latestState });
  }

  close(): void {
    this.master.closed(`a${this.session}`);
    this.master.step({ kind: 'agent-closed', session: this.session, end: { kind: 'silent' } });
  }
}

function describeChange(change: RegistryChange): string {
  switch (change.kind) {
    case 'delete-agent':
      return `delete ${change.agentId}`;
    case 'delete-weight':
      return `delete weight ${change.role}`;
    case 'delete-quota':
      return `delete quota ${change.role}`;
    case 'put':
      return `put ${describeFact(change.fact)}`;
  }
}

function describeFact(fact: RegistryFact): string {
  switch (fact.kind) {
    case 'agent':
      return `${fact.agentId} ${fact.state}`;
    case 'weight':
      return `weight ${fact.role}=${fact.weight}`;
    case 'quota':
      return `quota ${fact.role} guaranteed [${Resources.ofQuantities(fact.guarantees).toString()}] limited [${[...fact.limits].map(([name, milli]) => `${name}:${milli / 1000}`).join(';')}]`;
  }
}

function describeEvent(event: SchedulerEvent): string {
  switch (event.kind) {
    case 'subscribed':
      return `subscribed ${event.frameworkId}`;
    case 'offers':
      return `offers ${event.offers.map((offer) => `${offer.id}@${offer.agentId} ${offer.role} [${offer.resources.unallocated().toString()}]`).join(', ')}`;
    case 'rescind':
      return `rescind ${event.offerId}`;
    case 'update':
      return `update ${describeStatus(event.status)}`;
    case 'operation-update':
      return `operation-update ${event.status.state}${event.status.operationId === undefined ? '' : ` ${event.status.operationId}`}`;
    case 'failure':
      return `failure ${event.agentId ?? ''}${event.executorId === undefined ? '' : ` ${event.executorId} ${event.status ?? ''}`}`;
    case 'error':
      return `error ${event.message}`;
    case 'refused':
      return `refused ${event.callKind} ${event.refusal.field}`;
    case 'message':
      return `message ${event.executorId}`;
    case 'heartbeat':
      return 'heartbeat';
  }
}

function describeStatus({ taskId: id, state, source, reason, uuid: mark }: TaskStatus): string {
  return [id, state, source?.replace('SOURCE_', '').toLowerCase(), reason, mark === undefined ? undefined : `#${parseInt(mark, 16)}`].filter((part) => part !== undefined).join(' ');
}

function describeMessage(message: MasterMessage): string {
  switch (message.kind) {
    case 'registered':
      return `registered ${message.agentId}`;
    case 'reregistered':
      return `reregistered ${message.agentId}${message.missingTasks.map(({ taskId: id }) => ` missing ${id}`).join('')}`;
    case 'run-task':
      return `run-task ${message.task.taskId}${message.launchExecutor ? ' on a new executor' : ' on a running executor'}`;
    case 'kill-task':
      return `kill-task ${message.taskId}${message.killPolicy?.gracePeriodMs === undefined ? '' : ` within ${message.killPolicy.gracePeriodMs}`}`;
    case 'acknowledge-status':
      return `acknowledge-status ${message.taskId} #${parseInt(message.uuid, 16)}`;
    case 'shutdown-executor':
    case 'framework-message':
      return `${message.kind} ${message.executorId}`;
    case 'shutdown-framework':
      return `shutdown-framework ${message.frameworkId}`;
    case 'update-framework':
      return `update-framework ${message.framework.name}`;
    case 'registration-refused':
      return `registration-refused${message.permanent ? ' for good' : ''}`;
    case 'read-sandbox':
      return `read-sandbox ${message.executorId} ${message.stream} ${message.offset}+${message.lengthMax}`;
    case 'report-part-taken':
    case 'ping':
    case 'shutdown':
      return message.kind;
  }
}
