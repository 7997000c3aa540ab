// Proves, for random histories with crashes between any two records, that the agent forgets no task and no update, launches no container twice,
// bears whatever an executor says, and that a rewritten journal says the same as the long one (J1).
//
// How: a small world plays master, containers and executor around the core. What is due to whom is read from the journal by code of its own.

import fc from 'fast-check';
import type { AgentEffect, CheckpointRecord } from '../../../agent/core/agent-step';
import { knownContainers } from '../../../agent/core/recovery';
import type { ExecutorCall, ExecutorEvent } from '../../../common/model/executor-protocol';
import { taskId, type ContainerId, type TaskId } from '../../../common/model/ids';
import { isTerminal } from '../../../common/model/task-states';
import { taskStateNumbers, type TaskState, type TaskStatus } from '../../../common/model/task-status';
import { aConfig, aFramework, AgentHarness, anExecutor, aTask, launches, runTask, statusUpdates, theAgentId, theFrameworkId, toExecutor, toMaster } from './agent-harness';

/** Updates per task that the journal owes the scheduler, oldest first. */
function owed(journal: readonly CheckpointRecord[]): Map<TaskId, string[]> {
  const pending = new Map<TaskId, string[]>();
  for (const record of journal) {
    if (record.kind === 'update') pending.set(record.status.taskId, [...(pending.get(record.status.taskId) ?? []), `${record.status.uuid} ${record.status.state}`]);
    if (record.kind === 'update-acknowledged') pending.set(record.taskId, (pending.get(record.taskId) ?? []).filter((entry) => !entry.startsWith(record.uuid)));
  }
  return new Map([...pending].filter(([, entries]) => entries.length > 0).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const states = Object.keys(taskStateNumbers) as TaskState[];
const executorId = anExecutor().executorId;

type Action = { readonly kind: (typeof actions)[number]; readonly pick: number; readonly crashesAt: number | undefined };
const actions = ['launch-command', 'launch-custom', 'start', 'end', 'fail', 'subscribe', 'update', 'hostile', 'hang-up', 'acknowledge', 'kill', 'shutdown-executor', 'cut', 'join', 'wait', 'rewrite'] as const;

/** Everything around the agent. */
class World {
  readonly agent = new AgentHarness({ ...aConfig, completedExecutorCountMax: 2 });
  private isRegistered = false;
  private tasksMade = 0;
  private uuidsMade = 0;
  /** What the master believes to be at the agent. */
  private readonly open = new Set<TaskId>();
  private readonly launched = new Set<ContainerId>();
  private containers: { readonly id: ContainerId; readonly isCommand: boolean; phase: 'launching' | 'running' }[] = [];
  private session: number | undefined;
  /** The executor's: its tasks, and its updates not yet acknowledged by the agent. */
  private held = new Map<TaskId, TaskState>();
  private resend: TaskStatus[] = [];
  /** Last update sent on this master session, per task. */
  private sent = new Map<TaskId, string>();

  do({ kind, pick, crashesAt }: Action): void {
    const { agent } = this;
    const before = agent.journal.length;
    agent.take();
    const beforeAction = crashesAt === undefined ? undefined : this.copy();
    const effects = this.act(kind, pick);
    if (beforeAction !== undefined && crashesAt !== undefined && agent.journal.length > before) {
      // The crash comes while the records of this step are being written: nothing else of the step has left.
      beforeAction();
      this.crash(agent.journal.slice(0, before + (crashesAt % (agent.journal.length - before + 1))));
      return;
    }
    this.carryOut(effects);
  }

  /** After the storm: everybody answers, everything ends, and nothing may be left over. */
  settle(): void {
    for (let round = 0; round < 60 && (round < 3 || this.open.size > 0 || this.containers.length > 0); round += 1) {
      if (!this.isRegistered) this.carryOut(this.act('join', 0));
      for (let count = 0; count < 6; count += 1) this.carryOut(this.act('acknowledge', 0));
      for (const container of [...this.containers]) {
        if (container.phase === 'launching') this.carryOut(this.start(container));
        this.carryOut(this.end(container));
      }
      this.carryOut(this.act('wait', 5));
    }
    expect([...this.open]).toEqual([]);
    expect(owed(this.agent.journal)).toEqual(new Map());
    expect(this.agent.snapshot().filter((record) => record.kind === 'task' || record.kind === 'update' || record.kind === 'framework')).toEqual([]);
  }

  private act(kind: Action['kind'], pick: number): readonly AgentEffect[] {
    const { agent } = this;
    const choose = <T>(from: readonly T[]): T | undefined => from[pick % Math.max(1, from.length)];
    switch (kind) {
      case 'launch-command':
      case 'launch-custom': {
        if (!this.isRegistered) return [];
        const isCustom = kind === 'launch-custom';
        const id = taskId(`t${this.tasksMade++}`);
        this.open.add(id);
        return agent.say(runTask(aTask(id, isCustom ? { executor: anExecutor() } : {}), aFramework(), isCustom && !this.containers.some((one) => !one.isCommand)));
      }
      case 'start': {
        const container = choose(this.containers.filter((one) => one.phase === 'launching'));
        return container === undefined ? [] : this.start(container);
      }
      case 'end': {
        const container = choose(this.containers.filter((one) => one.phase === 'running'));
        return container === undefined ? [] : this.end(container);
      }
      case 'fail': {
        const container = choose(this.containers.filter((one) => one.phase === 'launching'));
        if (container === undefined) return [];
        this.containers = this.containers.filter((one) => one !== container);
        return agent.step({ kind: 'container-failed', containerId: container.id, message: 'it happens' });
      }
      case 'subscribe':
        if (!this.containers.some((one) => !one.isCommand && one.phase === 'running')) return [];
        return this.open_({ kind: 'subscribe', token: agent.token(), unacknowledgedTasks: [...this.held.keys()].map((id) => aTask(id)), unacknowledgedUpdates: this.resend });
      case 'update': {
        const id = choose([...this.held.keys()]);
        if (id === undefined || this.session === undefined) return [];
        const state: TaskState = this.held.get(id) === 'TASK_RUNNING' ? 'TASK_FINISHED' : 'TASK_RUNNING';
        const status: TaskStatus = { taskId: id, state, uuid: (++this.uuidsMade).toString(16).padStart(32, 'e'), labels: [] };
        if (state === 'TASK_FINISHED') this.held.delete(id);
        else this.held.set(id, state);
        this.resend.push(status);
        return agent.callAs(this.session, executorId, { kind: 'update', status });
      }
      case 'hostile': {
        const status = { taskId: taskId(`t${pick % 5}`), state: states[pick % states.length] ?? 'TASK_LOST', labels: [], source: 'SOURCE_MASTER' as const };
        const call: ExecutorCall = pick % 2 === 0 ? { kind: 'update', status } : { kind: 'subscribe', token: `${pick}`, unacknowledgedTasks: [], unacknowledgedUpdates: [status] };
        const other = agent.openExecutor(call).effects;
        return this.session === undefined ? other : [...other, ...agent.callAs(this.session, pick % 3 === 0 ? 'other' : executorId, { kind: 'update', status })];
      }
      case 'hang-up': {
        const { session } = this;
        this.session = undefined;
        return session === undefined ? [] : agent.step({ kind: 'executor-closed', session, end: { kind: 'silent' } });
      }
      case 'acknowledge': {
        if (!this.isRegistered) return [];
        return agent.say(...[...this.sent].map(([id, uuid]) => ({ kind: 'acknowledge-status' as const, frameworkId: theFrameworkId, taskId: id, uuid })));
      }
      case 'kill': {
        const id = choose([...this.open]);
        return id === undefined || !this.isRegistered ? [] : agent.say({ kind: 'kill-task', frameworkId: theFrameworkId, taskId: id });
      }
      case 'shutdown-executor':
        return this.isRegistered ? agent.say({ kind: 'shutdown-executor', frameworkId: theFrameworkId, executorId }) : [];
      case 'cut':
        this.isRegistered = false;
        this.sent.clear();
        return agent.disconnect();
      case 'join':
        return this.join();
      case 'wait':
        return agent.advance([100, 3_000, 10_000, 60_000][pick % 4] ?? 0);
      case 'rewrite':
        this.compareWithSnapshot();
        return [];
    }
  }

  private join(): readonly AgentEffect[] {
    if (this.isRegistered) this.carryOut(this.act('cut', 0));
    this.isRegistered = true;
    const opening = this.agent.connect();
    if (opening.kind === 'register') return this.agent.say({ kind: 'registered', agentId: theAgentId, masterId: 'M' });
    const reported = new Set(opening.tasks.map((report) => report.task.taskId));
    // A new master learns of tasks from the report; an old one asks after those that it misses.
    for (const id of reported) this.open.add(id);
    const missingTasks = [...this.open].filter((id) => !reported.has(id)).map((id) => ({ frameworkId: theFrameworkId, taskId: id }));
    return this.agent.say({ kind: 'reregistered', agentId: theAgentId, masterId: 'M', missingTasks });
  }

  private carryOut(effects: readonly AgentEffect[]): void {
    for (const spec of launches(effects)) {
      expect(this.launched.has(spec.containerId)).toBe(false);
      this.launched.add(spec.containerId);
      this.containers.push({ id: spec.containerId, isCommand: spec.executorId !== executorId, phase: 'launching' });
    }
    this.hearExecutorEvents(toExecutor(effects, this.session));
    this.hearUpdates(statusUpdates(effects));
    for (const effect of effects) if (effect.kind === 'close-executor' && effect.session === this.session) this.session = undefined;
    for (const message of toMaster(effects)) if (message.kind === 'unregister') throw new Error('nobody asked it to go');
  }

  private hearExecutorEvents(events: readonly ExecutorEvent[]): void {
    for (const event of events) {
      if (event.kind === 'launch') this.held.set(event.task.taskId, 'TASK_STAGING');
      if (event.kind === 'acknowledged') this.resend = this.resend.filter((status) => status.uuid !== event.uuid);
    }
  }

  /** What arrives is durable, and the oldest that is owed; the order of a task's updates is the journal's. */
  private hearUpdates(updates: readonly TaskStatus[]): void {
    const order = new Map<string, number>();
    for (const [index, record] of this.agent.journal.entries()) if (record.kind === 'update') order.set(record.status.uuid ?? '', index);
    for (const { taskId: id, uuid = '', state } of updates) {
      expect(order.has(uuid)).toBe(true);
      expect(order.get(uuid)).toBeGreaterThanOrEqual(order.get(this.sent.get(id) ?? '') ?? -1);
      this.sent.set(id, uuid);
      if (isTerminal(state)) this.open.delete(id);
    }
    if (!this.isRegistered) return;
    for (const [id, [head = '']] of owed(this.agent.journal)) expect(head.startsWith(this.sent.get(id) ?? 'nothing was sent')).toBe(true);
  }

  private start(container: World['containers'][number]): readonly AgentEffect[] {
    container.phase = 'running';
    return this.agent.started(container.id);
  }

  private end(container: World['containers'][number]): readonly AgentEffect[] {
    this.containers = this.containers.filter((one) => one !== container);
    if (!container.isCommand) this.forgetExecutor();
    return this.agent.ended(container.id, { status: 1 });
  }

  private open_(call: ExecutorCall): readonly AgentEffect[] {
    const { session, effects } = this.agent.openExecutor(call);
    this.session = session;
    return effects;
  }

  private forgetExecutor(): void {
    this.session = undefined;
    this.held = new Map();
    this.resend = [];
  }

  /** The process is gone; what the journal knows is taken up again, orphans are ended before (as main does). */
  private crash(journal: readonly CheckpointRecord[]): void {
    this.isRegistered = false;
    this.session = undefined;
    this.sent.clear();
    const known = knownContainers(journal);
    if (this.containers.some((one) => !one.isCommand && !known.has(one.id))) this.forgetExecutor();
    this.containers = this.containers.filter((one) => known.has(one.id));
    const effects = this.agent.restart(journal);
    const reattached = new Set(effects.flatMap((effect) => (effect.kind === 'reattach-container' ? [effect.containerId] : [])));
    this.carryOut(effects);
    for (const container of this.containers) container.phase = 'running';
    // Gone while nobody looked: told at once.
    for (const id of reattached) if (!this.containers.some((one) => one.id === id)) this.carryOut(this.agent.ended(id, {}));
    expect(this.containers.every((one) => reattached.has(one.id))).toBe(true);
  }

  /** Undoes what an action did to the master's and the executor's own books, for a step whose effects never left. */
  private copy(): () => void {
    const { held, resend } = { held: new Map(this.held), resend: [...this.resend] };
    const updates = this.uuidsMade;
    return () => {
      // What the executor said stays said, to be resent; what it was told was never told.
      this.held = new Map([...held].filter(([id]) => this.held.has(id)));
      this.resend = this.uuidsMade > updates ? this.resend : resend;
    };
  }

  private compareWithSnapshot(): void {
    const snapshot = this.agent.snapshot();
    expect(owed(snapshot)).toEqual(owed(this.agent.journal));
    const opening = (records: readonly CheckpointRecord[]): unknown => {
      const other = new AgentHarness(this.agent.config, records);
      const message = other.connect();
      if (message.kind === 'register') return message.kind;
      const tasks = message.tasks.map((report) => [report.task.taskId, report.executorId, report.state, report.unacknowledged?.state].join(' ')).sort();
      return { ...message, tasks, executors: message.executors.map((report) => report.executor.executorId) };
    };
    expect(opening(snapshot)).toEqual(opening([...this.agent.journal]));
  }
}

const action: fc.Arbitrary<Action> = fc.record({
  // The executor's own life needs several steps in order, so it gets more chances than what disturbs it.
  kind: fc.constantFrom(...actions, 'start', 'subscribe', 'update', 'update', 'update', 'launch-custom'),
  pick: fc.nat(1000),
  crashesAt: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(10) }),
});

test('no history of launches, ends, kills, cuts, hostile calls and crashes makes the agent forget, repeat or reorder anything', () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 10, maxLength: 90, size: 'max' }), (history) => {
      const world = new World();
      world.do({ kind: 'join', pick: 0, crashesAt: undefined });
      for (const one of history) world.do(one);
      world.settle();
    }),
    { numRuns: 200 },
  );
});
