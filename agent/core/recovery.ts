// Recovery: from the journal's records back to the agent's state, and from the state to the shortest journal.
//
// Owns:      replaying records, what to do about executors of an earlier life, the snapshot.
// Elsewhere: the journal (../checkpoint-store.ts), when to take a snapshot (../agent-node.ts).
// Invariants:
//   J1. Replaying the snapshot gives the same registration and the same pending updates as replaying all records before it.
//   J2. A journal that ends anywhere between two records gives a consistent state: what is half-written is completed or undone here.
//   J3. A task of an earlier life is taken as delivered to its executor; whether it was, the executor says when it comes back.
//   J4. What is left of a removed framework or executor is asked to end again.
//   J5. An update that no message of the agent can carry is replaced here by one that fits: else the agent would lose every master as soon as it joins.
// Source: Mesos agent recovery (reference, agent section 17).

import { assertNever } from '../../common/invariant';
import type { FrameworkInfo } from '../../common/model/framework';
import type { ContainerId, ExecutorId, FrameworkId, TaskId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import { endInPlaceOf, findOversizedPart } from '../../common/model/status-size';
import type { ExecutorInfo } from '../../common/model/task';
import type { TaskStatus } from '../../common/model/task-status';
import { updateUuid, type AgentState, type Executor, type Framework, type Task } from './agent-state';
import type { CheckpointRecord } from './agent-step';
import { killCommand, soleTask } from './command-executor';
import { containerOver, shutdownExecutor } from './executor-termination';
import { trimSandboxes } from './sandbox-reading';
import type { EndedExecutor } from './sandboxes';
import { applyStatus, reportTask } from './task-updates';

/** The containers that the core will take up again; any other that an earlier life started is an orphan, and to be ended before `start`. */
export function knownContainers(records: readonly CheckpointRecord[]): ReadonlySet<ContainerId> {
  const known = new Set<ContainerId>();
  for (const record of records) {
    if (record.kind === 'executor-started') known.add(record.containerId);
    else if (record.kind === 'executor-ended') known.delete(record.containerId);
  }
  return known;
}

/**
 * The containers that the core knows of, running or not: it asks for the removal of their directories itself. Of any other directory an earlier life died
 * before it had removed it, could not remove it, or kept its journal elsewhere.
 */
export function namedContainers(records: readonly CheckpointRecord[]): ReadonlySet<ContainerId> {
  return new Set(records.flatMap((record) => (record.kind === 'executor' ? [record.containerId] : [])));
}

/** What replaying found beside the state itself. */
export interface Found {
  /** Executors of which only the sandbox was left, and that was removed: perhaps not to the end. */
  readonly removed: Set<ContainerId>;
  /** Records that fit nothing before them. */
  strayCount: number;
}

/** Applies the records in order. Emits no effects. */
export function replay(agent: AgentState, records: readonly CheckpointRecord[]): Found {
  const found: Found = { removed: new Set(), strayCount: 0 };
  const live = new Map<ContainerId, Extract<CheckpointRecord, { kind: 'executor' }>>();
  for (const record of records) replayRecord(agent, found, live, record);
  return found;
}

/** Takes up what an earlier life left, and makes the books consistent (J2, J4). */
export function recover(agent: AgentState, found: Found): void {
  if (found.strayCount > 0) agent.turn.log('warn', 'Journal records fit nothing before them and were skipped', { recordCount: found.strayCount });
  for (const containerId of found.removed) agent.turn.do({ kind: 'remove-sandbox', containerId });
  for (const ended of agent.sandboxes.all()) {
    agent.deadlines.set(ended, agent.nowMs + Math.max(0, ended.endedAtWallMs + agent.config.sandboxRetentionMs - agent.wallMs));
  }
  trimSandboxes(agent);
  for (const executor of [...agent.containers.values()]) recoverExecutor(agent, executor);
  for (const framework of [...agent.frameworks.values()]) {
    for (const task of framework.tasks.values()) {
      if (!agent.containers.has(task.containerId)) reportTask(agent, framework, task, 'SOURCE_AGENT', { state: 'TASK_FAILED', reason: 'REASON_EXECUTOR_TERMINATED', message: 'Executor terminated' });
    }
    agent.releaseFramework(framework);
  }
  if (agent.agentId !== undefined) {
    agent.turn.log('info', 'Recovered', { agentId: agent.agentId, frameworkCount: agent.frameworks.size, executorCount: agent.containers.size });
  }
}

function recoverExecutor(agent: AgentState, executor: Executor): void {
  const { containerId, started } = executor;
  if (started === undefined) {
    // Whether it was started is not known (`knownContainers`): ask for its end, but do not wait for it, as nobody may have an end to tell.
    agent.turn.do({ kind: 'destroy-container', containerId });
    executor.life = {
      phase: 'terminating',
      cause: { kind: 'verdict', state: 'TASK_FAILED', reason: 'REASON_EXECUTOR_TERMINATED', message: 'Abnormal executor termination: the agent was restarted during the launch' },
    };
    containerOver(agent, executor, { kind: 'ended', exit: {} });
    return;
  }
  agent.turn.do({ kind: 'reattach-container', containerId, ...started });
  if (executor.framework.isTerminating) {
    shutdownExecutor(agent, executor);
  } else if (!executor.isCommand) {
    executor.life = { phase: 'registering', returning: true };
    agent.deadlines.set(executor.endDeadline, agent.nowMs + agent.config.executorReregistrationTimeoutMs);
  } else {
    recoverCommand(agent, executor);
  }
}

function recoverCommand(agent: AgentState, executor: Executor): void {
  const task = soleTask(executor);
  if (task === undefined) {
    agent.turn.do({ kind: 'destroy-container', containerId: executor.containerId }); // Its record was the last that was not written.
    return;
  }
  if (task.state === 'TASK_KILLING') {
    killCommand(agent, executor);
    return;
  }
  // Started, but the crash came before that was reported.
  if (task.state !== 'TASK_RUNNING') reportTask(agent, executor.framework, task, 'SOURCE_EXECUTOR', { state: 'TASK_RUNNING' });
}

function replayRecord(agent: AgentState, found: Found, live: Map<ContainerId, Extract<CheckpointRecord, { kind: 'executor' }>>, record: CheckpointRecord): void {
  switch (record.kind) {
    case 'agent':
      agent.agentId = record.agentId;
      return;
    case 'framework':
      replayFramework(agent, found, record.framework);
      return;
    case 'framework-removed':
      replayFrameworkRemoved(agent, record.frameworkId);
      return;
    case 'executor': {
      live.set(record.containerId, record);
      const framework = agent.frameworks.get(record.frameworkId);
      // Without its framework it can only be one that has ended: see `snapshot`.
      if (framework !== undefined) replayExecutor(agent, framework, record);
      return;
    }
    case 'executor-started': {
      const executor = agent.containers.get(record.containerId);
      if (executor === undefined) {
        found.strayCount += 1;
        return;
      }
      executor.started = { pid: record.pid, startedAt: record.startedAt };
      executor.life = { phase: 'running' };
      return;
    }
    case 'executor-ended': {
      const ended = live.get(record.containerId);
      live.delete(record.containerId);
      if (ended === undefined) found.strayCount += 1;
      else replayEnd(agent, ended, record.endedAtWallMs);
      return;
    }
    case 'executor-removed': {
      const ended = agent.sandboxes.get(record.containerId);
      if (ended !== undefined) agent.sandboxes.remove(ended);
      found.removed.add(record.containerId);
      return;
    }
    case 'task': {
      const framework = agent.frameworks.get(record.frameworkId);
      if (framework === undefined) {
        found.strayCount += 1;
        return;
      }
      const { task: info, executorId, containerId } = record;
      const entry: Task = { info, executorId, containerId, state: 'TASK_STAGING', place: 'launched' }; // J3
      framework.tasks.set(info.taskId, entry);
      agent.containers.get(containerId)?.tasks.set(info.taskId, entry);
      return;
    }
    case 'task-removed':
      replayTaskRemoved(agent, record.frameworkId, record.taskId);
      return;
    case 'update':
      replayUpdate(agent, record.frameworkId, record.status);
      return;
    case 'update-acknowledged': {
      const outcome = agent.updates.acknowledge(record.frameworkId, record.taskId, record.uuid);
      if (outcome.kind === 'acknowledged' && outcome.isTerminal) replayTaskRemoved(agent, record.frameworkId, record.taskId);
      return;
    }
    default:
      assertNever(record);
  }
}

function replayFramework(agent: AgentState, found: Found, info: FrameworkInfo): void {
  if (info.id === undefined) {
    found.strayCount += 1;
    return;
  }
  const known = agent.frameworks.get(info.id);
  if (known === undefined) agent.addFramework(info, info.id);
  else known.info = info;
}

function replayFrameworkRemoved(agent: AgentState, frameworkId: FrameworkId): void {
  agent.updates.closeFramework(frameworkId);
  const framework = agent.frameworks.get(frameworkId);
  if (framework === undefined) return;
  framework.isTerminating = true;
  framework.tasks.clear();
  for (const executor of framework.executors.values()) executor.tasks.clear();
  if (framework.executors.size === 0) agent.frameworks.delete(frameworkId);
}

function replayExecutor(agent: AgentState, framework: Framework, record: Extract<CheckpointRecord, { kind: 'executor' }>): void {
  const { executor: info, containerId, token, isCommand } = record;
  agent.addExecutor({ framework, info, containerId, token, isCommand, life: { phase: 'registering', returning: true }, hadTask: true });
}

function replayEnd(agent: AgentState, record: Extract<CheckpointRecord, { kind: 'executor' }>, endedAtWallMs: number): void {
  const { containerId, frameworkId, isCommand } = record;
  const { executorId } = record.executor;
  const executor = agent.containers.get(containerId);
  if (executor !== undefined) {
    const { framework } = executor;
    agent.containers.delete(containerId);
    if (framework.executors.get(executorId) === executor) framework.executors.delete(executorId);
    if (framework.isTerminating && framework.executors.size === 0) agent.frameworks.delete(framework.id);
  }
  agent.sandboxes.add({ kind: 'ended-executor', containerId, frameworkId, executorId, isCommand, endedAtWallMs });
}

function replayTaskRemoved(agent: AgentState, frameworkId: FrameworkId, taskId: TaskId): void {
  agent.updates.close(frameworkId, taskId);
  const framework = agent.frameworks.get(frameworkId);
  const task = framework?.tasks.get(taskId);
  if (framework === undefined || task === undefined) return;
  framework.tasks.delete(taskId);
  agent.containers.get(task.containerId)?.tasks.delete(taskId);
}

function replayUpdate(agent: AgentState, frameworkId: FrameworkId, recorded: TaskStatus): void {
  const status = fitting(recorded);
  agent.updates.add(frameworkId, { ...status, uuid: status.uuid ?? updateUuid(agent) });
  const task = agent.frameworks.get(frameworkId)?.tasks.get(status.taskId);
  if (task === undefined || task.place === 'ended') return;
  applyStatus(agent.containers.get(task.containerId), task, status);
}

/** J5. A journal may come from a release that took statuses of any size. What was no end loses its details and keeps its state. */
function fitting(status: TaskStatus): TaskStatus {
  const oversized = findOversizedPart(status);
  if (oversized === undefined) return status;
  return endInPlaceOf(status, oversized) ?? { taskId: status.taskId, state: status.state, labels: [], ...(status.uuid === undefined ? {} : { uuid: status.uuid }) };
}

/** The shortest list of records that rebuilds the present state (J1). */
export function snapshot(agent: AgentState): readonly CheckpointRecord[] {
  const records: CheckpointRecord[] = [];
  if (agent.agentId !== undefined) records.push({ kind: 'agent', agentId: agent.agentId, info: agent.config.info });
  // Ended ones first, while their frameworks are not there: that is how replaying knows that nothing of them runs.
  for (const ended of agent.sandboxes.all()) records.push(...endedRecords(ended));
  for (const framework of agent.frameworks.values()) {
    records.push({ kind: 'framework', framework: framework.info });
    for (const record of frameworkRecords(framework)) records.push(record);
  }
  for (const stream of agent.updates.all()) {
    const { frameworkId, taskId } = stream;
    for (const { uuid, state, timestampMs } of stream.acknowledged) {
      records.push({ kind: 'update', frameworkId, status: { taskId, state, uuid, labels: [], ...(timestampMs === undefined ? {} : { timestampMs }) } });
      records.push({ kind: 'update-acknowledged', frameworkId, taskId, uuid });
    }
    for (const status of stream.pending) records.push({ kind: 'update', frameworkId, status });
  }
  for (const framework of agent.frameworks.values()) if (framework.isTerminating) records.push({ kind: 'framework-removed', frameworkId: framework.id });
  return records;
}

function endedRecords({ containerId, frameworkId, executorId, isCommand, endedAtWallMs }: EndedExecutor): CheckpointRecord[] {
  return [
    { kind: 'executor', frameworkId, executor: forgottenExecutor(executorId), containerId, token: '', isCommand },
    { kind: 'executor-ended', containerId, endedAtWallMs },
  ];
}

/** Of an ended executor nothing but its name is needed. */
function forgottenExecutor(executorId: ExecutorId): ExecutorInfo {
  return { executorId, resources: Resources.empty, labels: [] };
}

function* frameworkRecords(framework: Framework): Iterable<CheckpointRecord> {
  const frameworkId = framework.id;
  for (const { info: executor, containerId, token, isCommand, started } of framework.executors.values()) {
    yield { kind: 'executor', frameworkId, executor, containerId, token, isCommand };
    if (started !== undefined) yield { kind: 'executor-started', containerId, ...started };
  }
  for (const { info: task, executorId, containerId } of framework.tasks.values()) yield { kind: 'task', frameworkId, executorId, containerId, task };
}
