// Tasks: what runs where, until its end is acknowledged.
//
// Owns:      the task and executor records: made at launch or from an agent's report, released when ended, forgotten when acknowledged.
// Elsewhere: whether a task may be launched (task-validation.ts, accept.ts), what its agent says of it (status-updates.ts).
// Invariants:
//   T1. A task's resources are charged from its record's making until the first terminal state known, and returned once.
//   T2. A terminal state is never replaced by another (task-states.ts, K1).
//   T3. A task leaves the record as completed, unreachable or removed with its agent or framework; its id is taken until then.
//   T4. A record is small whatever its framework and executor said: what is delivered and never asked for again is not kept, and texts are cut.
// Source: Mesos `Master::updateTask`, `removeTask`; two states per task, the newest known and the newest passed on (reference, 11.3).
//         Ours: the launch deadline.

import { invariant } from '../../common/invariant';
import type { NetworkInfo } from '../../common/model/command';
import type { TaskSummary } from '../../common/model/operator-protocol';
import type { Resources } from '../../common/model/resources';
import { sizeOf } from '../../common/model/message-size';
import { isTerminal } from '../../common/model/task-states';
import { commandExecutorId, taskId, type ExecutorId } from '../../common/model/ids';
import type { ExecutorInfo, TaskInfo } from '../../common/model/task';
import type { TaskState, TaskStatus } from '../../common/model/task-status';
import { cutText, textLengthMax } from './cut-text';
import { countTaskEnded } from './master-counters';
import { removeStray } from './strays';
import { executorOn, sendToAgent, type Agent, type Executor, type Framework, type MasterState, type Task, type UnreachableTask } from './master-state';

export interface TaskOrigin {
  readonly info: TaskInfo;
  readonly role: string;
  /** With allocation role. */
  readonly resources: Resources;
  readonly state: TaskState;
  readonly executorId: ExecutorId;
  /** Whether the allocator already has the charge: of an offer accepted, or of a report. */
  readonly isCharged: boolean;
}

export function addTask(state: MasterState, framework: Framework, agent: Agent, origin: TaskOrigin): Task {
  invariant(!framework.tasks.has(origin.info.taskId), 'a task id is in use once per framework (T3)');
  const task: Task = {
    framework,
    agent,
    info: { taskId: origin.info.taskId, name: cutText(origin.info.name) },
    executorId: origin.executorId,
    role: origin.role,
    resources: origin.resources,
    isCharged: origin.isCharged,
    state: origin.state,
    update: undefined,
    isAcknowledged: false,
    isKillRequested: false,
    launchTimeout: undefined,
    startedAtWallMs: undefined,
    endedAtWallMs: undefined,
  };
  framework.isKnownToAgents = true;
  framework.tasks.set(origin.info.taskId, task);
  agent.tasks.add(task);
  if (origin.state === 'TASK_STAGING') armLaunchTimeout(state, task);
  return task;
}

/** Only the master says these of a task, because only it knows when an agent is away. */
const masterStates: ReadonlySet<TaskState> = new Set<TaskState>(['TASK_UNREACHABLE', 'TASK_UNKNOWN', 'TASK_GONE_BY_OPERATOR']);

export function isAgentsToReport(state: TaskState): boolean {
  return !masterStates.has(state);
}

export function executorIdOf(info: TaskInfo): ExecutorId {
  return info.executor?.executorId ?? commandExecutorId(info.taskId);
}

function armLaunchTimeout(state: MasterState, task: Task): void {
  task.launchTimeout = state.deadlines.set(state.nowMs + state.config.launchTimeoutMs, { kind: 'launch-timeout', task });
}

function disarmLaunchTimeout(state: MasterState, task: Task): void {
  if (task.launchTimeout !== undefined) state.deadlines.cancel(task.launchTimeout);
  task.launchTimeout = undefined;
}

/** No update since the launch: the agent is told to kill the task, and told again as long as it stays silent. */
export function onLaunchTimeout(state: MasterState, task: Task): void {
  state.counters.launchesTimedOut += 1;
  task.isKillRequested = true;
  sendToAgent(state, task.agent, { kind: 'kill-task', frameworkId: task.framework.id, taskId: task.info.taskId });
  state.outgoing.log('warn', 'Task killed as its launch had no result in time', {
    frameworkId: task.framework.id,
    taskId: task.info.taskId,
    agentId: task.agent.id,
    launchTimeoutMs: state.config.launchTimeoutMs,
  });
  armLaunchTimeout(state, task);
}

/** Notes the newest state that the agent knows; a terminal one frees the resources at once (T1). */
export function moveTask(state: MasterState, task: Task, to: TaskState): void {
  if (isTerminal(task.state)) return; // T2
  if (to !== 'TASK_STAGING') disarmLaunchTimeout(state, task);
  if (to === 'TASK_RUNNING') task.startedAtWallMs ??= state.wallMs;
  task.state = to;
  if (!isTerminal(to)) return;
  task.endedAtWallMs = state.wallMs;
  countTaskEnded(state.counters, to);
  releaseTask(state, task);
}

/** Notes an update as passed on: what reconciliation repeats of it, and what people look at (T4). */
export function noteUpdate(task: Task, status: TaskStatus): void {
  // A task may have ended before the news of its beginning arrives: `moveTask` never saw it run.
  if (status.state === 'TASK_RUNNING') task.startedAtWallMs ??= status.timestampMs;
  task.isAcknowledged = false; // Its agent sends what it has no acknowledgement of.
  task.update = keptOf(status);
}

/** Without data, labels and limitation, which nobody is told again (reference, 12); networks only as long as they are few. */
function keptOf({ data: _data, labels: _labels, limitation: _limitation, message, containerStatus, ...rest }: TaskStatus): TaskStatus {
  return {
    ...rest,
    labels: [],
    ...(message === undefined ? {} : { message: cutText(message) }),
    ...(containerStatus === undefined ? {} : { containerStatus: { ...containerStatus, networkInfos: smallNetworks(containerStatus.networkInfos) } }),
  };
}

/** Addresses are a few short texts. What is larger than a text that is kept is an executor's joke. */
function smallNetworks(networkInfos: readonly NetworkInfo[]): readonly NetworkInfo[] {
  return networkInfos.length === 0 || JSON.stringify(networkInfos).length <= textLengthMax ? networkInfos : [];
}

/** Returns the task's resources, if it still has them (T1). */
export function releaseTask(state: MasterState, task: Task): void {
  if (!task.isCharged) return;
  task.isCharged = false;
  state.allocator.recoverResources(task.framework.id, task.agent.id, task.resources, { cause: 'ended', refuseMs: 0 }, state.nowMs);
}

/** Takes the task out of the indices; what it had is returned. */
export function removeTask(state: MasterState, task: Task): void {
  disarmLaunchTimeout(state, task);
  releaseTask(state, task);
  const was = task.framework.tasks.delete(task.info.taskId) && task.agent.tasks.delete(task);
  invariant(was, 'a task is in both indices (Z1)');
}

/** The task is over for everybody: it goes into its framework's ring. */
export function completeTask(state: MasterState, task: Task): void {
  removeTask(state, task);
  task.framework.completedTasks.push(summarizeTask(task));
}

/** The task's agent is away: remembered apart, oldest forgotten first, for reconciliation and for its return. */
export function parkTask(state: MasterState, task: Task): void {
  removeTask(state, task);
  const { framework, agent } = task;
  const parked: UnreachableTask = { framework, agentId: agent.id, summary: summarizeTask(task) };
  framework.unreachableTasks.set(task.info.taskId, parked);
  const ofAgent = state.unreachableTasks.get(agent.id);
  if (ofAgent === undefined) state.unreachableTasks.set(agent.id, new Set([parked]));
  else ofAgent.add(parked);
  for (const oldest of framework.unreachableTasks.values()) {
    if (framework.unreachableTasks.size <= state.config.unreachableTaskCountMax) break;
    unparkTask(state, oldest);
  }
}

/** The task is back, over, or forgotten. */
export function unparkTask(state: MasterState, parked: UnreachableTask): void {
  const ofAgent = state.unreachableTasks.get(parked.agentId);
  const was = parked.framework.unreachableTasks.delete(parked.summary.id) && ofAgent?.delete(parked) === true;
  invariant(was, 'an unreachable task is in both indices (Z1)');
  if (ofAgent.size === 0) state.unreachableTasks.delete(parked.agentId);
}

/** The agent is back and has said how a task that was given up ended. Nothing happens when none of that id is remembered there. */
export function completeParkedTask(state: MasterState, framework: Framework, agent: Agent, { taskId, state: end, source, reason }: TaskStatus): void {
  const parked = framework.unreachableTasks.get(taskId);
  if (parked?.agentId !== agent.id) return;
  unparkTask(state, parked);
  framework.completedTasks.push({ ...parked.summary, state: end, ...(source && { source }), ...(reason && { reason }), endedAtMs: state.wallMs });
}

export function summarizeTask(task: Task): TaskSummary {
  const { info, framework, agent, update } = task;
  return {
    id: info.taskId,
    name: info.name,
    frameworkId: framework.id,
    frameworkName: cutText(framework.info.name),
    agentId: agent.id,
    hostname: agent.info.hostname,
    executorId: task.executorId,
    role: task.role,
    state: task.state,
    ...(update?.source === undefined ? {} : { source: update.source }),
    ...(update?.reason === undefined ? {} : { reason: update.reason }),
    ...(update?.message === undefined ? {} : { message: update.message }),
    resources: task.resources,
    ...(task.startedAtWallMs === undefined ? {} : { startedAtMs: task.startedAtWallMs }),
    ...(task.endedAtWallMs === undefined ? {} : { endedAtMs: task.endedAtWallMs }),
  };
}

/** Records a custom executor whose resources the allocator already has as charged. */
export function addExecutor(framework: Framework, agent: Agent, info: ExecutorInfo, resources: Resources): Executor {
  invariant(executorOn(agent, framework.id, info.executorId) === undefined, 'an executor id is in use once per framework and agent');
  framework.isKnownToAgents = true;
  const executor: Executor = { framework, agent, info, size: sizeOf(info), resources };
  const ofFramework = agent.executors.get(framework.id);
  if (ofFramework === undefined) agent.executors.set(framework.id, new Map([[info.executorId, executor]]));
  else ofFramework.set(info.executorId, executor);
  framework.executors.add(executor);
  framework.executorBytes += executor.size;
  return executor;
}

/** The executor is gone; what it had is returned. */
export function removeExecutor(state: MasterState, executor: Executor): void {
  const { framework, agent, info } = executor;
  const ofFramework = agent.executors.get(framework.id);
  const was = ofFramework?.delete(info.executorId) === true && framework.executors.delete(executor);
  invariant(was, 'an executor is in both indices (Z1)');
  framework.executorBytes -= executor.size;
  if (ofFramework?.size === 0) agent.executors.delete(framework.id);
  if (executor.resources.isEmpty) return;
  state.allocator.recoverResources(framework.id, agent.id, executor.resources, { cause: 'ended', refuseMs: 0 }, state.nowMs);
}

export function executorsOn(agent: Agent): Executor[] {
  return [...agent.executors.values()].flatMap((ofFramework) => [...ofFramework.values()]);
}

/** What runs under that executor id there: a custom executor, or the task that an agent runs by itself, whose id is its executor's. */
export function runningExecutor(framework: Framework, agent: Agent, executorId: ExecutorId): Executor | Task | undefined {
  const custom = executorOn(agent, framework.id, executorId);
  if (custom !== undefined) return custom;
  const task = taskOn(framework, agent, taskId(executorId));
  return task?.executorId === executorId ? task : undefined;
}

/** Agents that run something of the framework. */
export function agentsOf(framework: Framework): Set<Agent> {
  const agents = new Set<Agent>();
  for (const task of framework.tasks.values()) agents.add(task.agent);
  for (const executor of framework.executors) agents.add(executor.agent);
  return agents;
}

/** The task of that id if it runs on that agent. */
export function taskOn(framework: Framework, agent: Agent, taskId: TaskInfo['taskId']): Task | undefined {
  const task = framework.tasks.get(taskId);
  return task?.agent === agent ? task : undefined;
}

/** Ends everything of one framework in the master's own books. Its scheduler is not told. Source: Mesos (removal). */
export function endTasksOfFramework(state: MasterState, framework: Framework): void {
  for (const task of [...framework.tasks.values()]) {
    if (!isTerminal(task.state)) {
      noteUpdate(task, killedByRemoval(state, task));
      moveTask(state, task, 'TASK_KILLED');
    }
    completeTask(state, task);
  }
  for (const parked of [...framework.unreachableTasks.values()]) {
    unparkTask(state, parked);
    framework.completedTasks.push({ ...parked.summary, state: 'TASK_KILLED', source: 'SOURCE_MASTER', reason: 'REASON_FRAMEWORK_REMOVED', endedAtMs: state.wallMs });
  }
  for (const executor of [...framework.executors]) removeExecutor(state, executor);
  for (const stray of [...framework.strays]) removeStray(state, stray);
}

function killedByRemoval(state: MasterState, task: Task): TaskStatus {
  return {
    taskId: task.info.taskId,
    state: 'TASK_KILLED',
    source: 'SOURCE_MASTER',
    reason: 'REASON_FRAMEWORK_REMOVED',
    message: 'Framework removed',
    timestampMs: state.wallMs,
    labels: [],
  };
}

