// A harness for scenarios of the agent's core: inputs in, effects out, in a time that the test moves.
//
// Owns:      builders of frameworks, tasks and executors, and a core with its journal, which every restart replays.
// Elsewhere: the scenarios (the tests of this folder), the node (../agent-node.test.ts).
// Source: our choice.

import { createAgentCore } from '../../../agent/core/agent';
import type { AgentConfig, AgentCore, AgentEffect, AgentInput, CheckpointRecord, ContainerExit } from '../../../agent/core/agent-step';
import type { AgentMessage, MasterMessage } from '../../../common/model/agent-protocol';
import type { CommandInfo } from '../../../common/model/command';
import type { ExecutorCall, ExecutorEvent } from '../../../common/model/executor-protocol';
import type { FrameworkCapability, FrameworkInfo } from '../../../common/model/framework';
import { agentId, executorId, frameworkId, taskId, type ContainerId, type FrameworkId } from '../../../common/model/ids';
import { Resources } from '../../../common/model/resources';
import type { ExecutorInfo, TaskInfo } from '../../../common/model/task';
import type { TaskState, TaskStatus } from '../../../common/model/task-status';
import { fakeEnvironment, fakeEpochMs } from '../../common/fake-environment';

export const theAgentId = agentId('M-S1');
export const theFrameworkId = frameworkId('M-0000');

export const aConfig: AgentConfig = {
  info: { hostname: 'pi', port: 0, resources: Resources.ofQuantities(new Map([['cpus', 4000]])), attributes: [] },
  version: '0.1.0',
  executorRegistrationTimeoutMs: 60_000,
  executorReregistrationTimeoutMs: 2_000,
  executorShutdownGracePeriodMs: 5_000,
  killGracePeriodMs: 3_000,
  updateRetryIntervalMs: 10_000,
  updateRetryIntervalMaxMs: 600_000,
  sandboxRetentionMs: 604_800_000,
  completedExecutorCountMax: 150,
  executorEnvironment: new Map([['ALLOT_AGENT_SOCKET', '/run/allot.sock']]),
};

export function aCommand(change: Partial<CommandInfo> = {}): CommandInfo {
  return { uris: [], environment: [], shell: true, arguments: [], value: 'sleep 1', ...change };
}

export function aFramework(capabilities: readonly FrameworkCapability[] = ['PARTITION_AWARE', 'TASK_KILLING_STATE'], id: FrameworkId = theFrameworkId): FrameworkInfo {
  return { id, user: 'pi', name: 'test', roles: ['*'], capabilities, failoverTimeoutMs: 0, checkpoint: false, labels: [], offerFilters: new Map() };
}

export function aTask(id: string, change: Partial<TaskInfo> = {}): TaskInfo {
  const what = change.executor === undefined ? { command: aCommand() } : {};
  return { name: id, taskId: taskId(id), agentId: theAgentId, resources: Resources.ofQuantities(new Map([['cpus', 1000]])), limits: new Map(), labels: [], ...what, ...change };
}

export function anExecutor(id = 'e', change: Partial<ExecutorInfo> = {}): ExecutorInfo {
  return { executorId: executorId(id), command: aCommand({ value: './executor' }), resources: Resources.empty, labels: [], ...change };
}

export function runTask(task: TaskInfo, framework = aFramework(), launchExecutor = true): MasterMessage {
  return { kind: 'run-task', framework, task, launchExecutor };
}

/** A core and its journal. Log effects are left out of all answers. */
export class AgentHarness {
  nowMs = 0;
  readonly journal: CheckpointRecord[] = [];
  /** Effects of all steps since the last `take`. */
  private effects: AgentEffect[] = [];
  private readonly environment = fakeEnvironment();
  private core!: AgentCore;
  private nextSession = 0;
  private readonly allRecords: CheckpointRecord[] = [];

  constructor(
    readonly config: AgentConfig = aConfig,
    records: readonly CheckpointRecord[] = [],
  ) {
    this.begin(records);
  }

  get wallMs(): number {
    return fakeEpochMs + this.nowMs;
  }

  /** A crash, and a new life from `records`, by default all that were written. */
  restart(records: readonly CheckpointRecord[] = [...this.journal]): readonly AgentEffect[] {
    this.effects = [];
    this.journal.length = 0;
    this.begin(records);
    return this.take();
  }

  step(input: AgentInput): readonly AgentEffect[] {
    return this.collect(this.core.step(input, { nowMs: this.nowMs, wallMs: this.wallMs }));
  }

  /** The effects so far, and forgets them. */
  take(): readonly AgentEffect[] {
    const { effects } = this;
    this.effects = [];
    return effects;
  }

  /** Lets `ms` pass, waking the core whenever it wants. */
  advance(ms: number): readonly AgentEffect[] {
    const untilMs = this.nowMs + ms;
    const effects: AgentEffect[] = [];
    for (let next = this.core.nextDeadlineMs(); next <= untilMs; next = this.core.nextDeadlineMs()) {
      this.nowMs = Math.max(this.nowMs, next);
      effects.push(...this.step({ kind: 'time-advanced' }));
    }
    this.nowMs = untilMs;
    return effects;
  }

  get nextDeadlineMs(): number {
    return this.core.nextDeadlineMs();
  }

  snapshot(): readonly CheckpointRecord[] {
    return this.core.snapshot();
  }

  /** Connects and is admitted; returns the effects of the answer. */
  register(missingTasks: Extract<MasterMessage, { kind: 'reregistered' }>['missingTasks'] = []): readonly AgentEffect[] {
    const opening = this.connect();
    if (opening.kind === 'register') return this.say({ kind: 'registered', agentId: theAgentId, masterId: 'M' });
    return this.say({ kind: 'reregistered', agentId: theAgentId, masterId: 'M', missingTasks });
  }

  connect(): Extract<AgentMessage, { kind: 'register' | 'reregister' }> {
    const [opening] = toMaster(this.step({ kind: 'master-connected', address: 'm:5050' }));
    if (opening?.kind !== 'register' && opening?.kind !== 'reregister') throw new Error('A session opens with a registration');
    return opening;
  }

  say(...messages: readonly MasterMessage[]): readonly AgentEffect[] {
    return this.step({ kind: 'master-messages', messages });
  }

  disconnect(): readonly AgentEffect[] {
    return this.step({ kind: 'master-disconnected', end: { kind: 'silent' } });
  }

  /** The master passes on the scheduler's acknowledgement of the update under way. */
  acknowledge(effects: readonly AgentEffect[]): readonly AgentEffect[] {
    return this.say(...statusUpdates(effects).map((status) => ({ kind: 'acknowledge-status' as const, frameworkId: theFrameworkId, taskId: status.taskId, uuid: status.uuid ?? '' })));
  }

  started(containerId: ContainerId): readonly AgentEffect[] {
    return this.step({ kind: 'container-started', containerId, pid: 4711, startedAt: '99' });
  }

  /** A container of an earlier life still runs. */
  found(containerId: ContainerId, ageMs: number): readonly AgentEffect[] {
    return this.step({ kind: 'container-found', containerId, ageMs });
  }

  ended(containerId: ContainerId, exit: ContainerExit): readonly AgentEffect[] {
    return this.step({ kind: 'container-ended', containerId, exit });
  }

  /** Launches one task and lets its container start; a custom executor has not subscribed then. */
  launch(task: TaskInfo, framework = aFramework()): ContainerId {
    const [spec] = launches(this.say(runTask(task, framework)));
    if (spec === undefined) throw new Error('Nothing was launched');
    this.started(spec.containerId);
    return spec.containerId;
  }

  /** Opens a session and says the calls on it, as the executor `id`. */
  openExecutor(...calls: readonly ExecutorCall[]): { readonly session: number; readonly effects: readonly AgentEffect[] } {
    this.nextSession += 1;
    const session = this.nextSession;
    this.step({ kind: 'executor-opened', session });
    return { session, effects: this.callAs(session, 'e', ...calls) };
  }

  callAs(session: number, id: string, ...calls: readonly ExecutorCall[]): readonly AgentEffect[] {
    const envelope = (call: ExecutorCall) => ({ ok: true as const, value: { frameworkId: theFrameworkId, executorId: executorId(id), call } });
    return this.step({ kind: 'executor-calls', session, calls: calls.map(envelope) });
  }

  /** The secret of an executor, as its container's environment has it. */
  token(id = 'e'): string {
    const record = this.allRecords.filter((one) => one.kind === 'executor' && one.executor.executorId === id).at(-1);
    return record?.kind === 'executor' ? record.token : '';
  }

  private begin(records: readonly CheckpointRecord[]): void {
    this.journal.push(...records);
    this.core = createAgentCore(this.config, records, this.environment, this.nowMs);
    this.collect(this.core.start({ nowMs: this.nowMs, wallMs: this.wallMs }));
  }

  private collect(effects: readonly AgentEffect[]): readonly AgentEffect[] {
    const shown = effects.filter((effect) => effect.kind !== 'log');
    for (const effect of shown) {
      if (effect.kind !== 'checkpoint') continue;
      this.journal.push(...effect.records);
      this.allRecords.push(...effect.records);
    }
    this.effects.push(...shown);
    return shown;
  }
}

export function toMaster(effects: readonly AgentEffect[]): AgentMessage[] {
  return effects.flatMap((effect) => (effect.kind === 'send-master' ? effect.messages : []));
}

export function toExecutor(effects: readonly AgentEffect[], session?: number): ExecutorEvent[] {
  return effects.flatMap((effect) => (effect.kind === 'send-executor' && (session === undefined || effect.session === session) ? effect.events : []));
}

export function statusUpdates(effects: readonly AgentEffect[]): TaskStatus[] {
  return toMaster(effects).flatMap((message) => (message.kind === 'status-update' ? [message.status] : []));
}

export function launches(effects: readonly AgentEffect[]) {
  return effects.flatMap((effect) => (effect.kind === 'launch-container' ? [effect.spec] : []));
}

export function records(effects: readonly AgentEffect[]): CheckpointRecord[] {
  return effects.flatMap((effect) => (effect.kind === 'checkpoint' ? effect.records : []));
}

/** Statuses checkpointed, whether or not they could be sent yet. */
export function checkpointedStatuses(effects: readonly AgentEffect[]): TaskStatus[] {
  return records(effects).flatMap((record) => (record.kind === 'update' ? [record.status] : []));
}

export function kinds(effects: readonly AgentEffect[]): AgentEffect['kind'][] {
  return effects.map((effect) => effect.kind);
}

/** `t TASK_FAILED REASON_X` lines, for reading. */
export function shown(statuses: readonly TaskStatus[]): string[] {
  return statuses.map(({ taskId: id, state, reason }) => [id, state, ...(reason === undefined ? [] : [reason])].join(' '));
}

export function anUpdate(id: string, state: TaskState, uuid: string, change: Partial<TaskStatus> = {}): Extract<ExecutorCall, { kind: 'update' }> {
  return { kind: 'update', status: { taskId: taskId(id), state, uuid: uuid.padStart(32, '0'), labels: [], ...change } };
}
