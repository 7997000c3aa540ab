// Task updates: how a change of a task becomes an update that cannot be lost.
//
// Owns:      making the agent's own statuses, entering any status into the books, taking acknowledgements.
// Elsewhere: streams and retries (status-update-manager.ts), which updates of an executor are valid (executor-sessions.ts).
// Invariants:
//   A1. An update is checkpointed in the turn in which it is entered, so it is durable before its executor or the master hears of it.
//   A2. A task's first terminal update is its last.
//   A3. Of a framework that was shut down, nothing is reported.
// Source: Mesos agent (reference, scheduler section 11; agent section 18). What a framework without PARTITION_AWARE is
//         told instead of TASK_DROPPED and TASK_GONE is decided here, as in Mesos, because the update travels unchanged; of a framework unknown
//         to the agent the precise state is reported, and whoever passes it on knows better (K4 of common/model/task-states.ts).

import { hasCapability, type FrameworkInfo } from '../../common/model/framework';
import type { ExecutorId, FrameworkId, TaskId } from '../../common/model/ids';
import { isTerminal, lostState } from '../../common/model/task-states';
import type { TaskStatus } from '../../common/model/task-status';
import { updateUuid, forgottenTaskCountMax, type AgentState, type Executor, type Framework, type Task } from './agent-state';
import type { AddOutcome, PendingUpdate } from './status-update-manager';

/** What a report says; the rest of the status is the same for all. */
export type TaskNews = Pick<TaskStatus, 'state' | 'reason' | 'message' | 'limitation'>;

/** Reports a change of a task that the agent itself saw or caused. Nothing happens if the task has ended (A2) or nobody wants to know (A3). */
export function reportTask(agent: AgentState, framework: Framework, task: Task, source: 'SOURCE_AGENT' | 'SOURCE_EXECUTOR', news: TaskNews): void {
  if (framework.isTerminating || task.place === 'ended') return;
  const pid = agent.containers.get(task.containerId)?.started?.pid;
  const status: PendingUpdate = {
    ...ownStatus(agent, task.info.taskId, task.executorId, told(framework.info, news)),
    source,
    containerStatus: { containerId: task.containerId, ...(pid === undefined ? {} : { executorPid: pid }), networkInfos: [] },
  };
  enterUpdate(agent, framework, task, status);
}

/** Reports the end of a task that never got into the books: dropped at launch, or unknown here. `info`: of its framework, where known. */
export function reportUnknownTask(agent: AgentState, frameworkId: FrameworkId, taskId: TaskId, executorId: ExecutorId | undefined, info: FrameworkInfo | undefined, news: TaskNews): void {
  const status: PendingUpdate = { ...ownStatus(agent, taskId, executorId, info === undefined ? news : told(info, news)), source: 'SOURCE_AGENT' };
  if (agent.updates.add(frameworkId, status).kind === 'added') agent.turn.checkpoint({ kind: 'update', frameworkId, status });
}

/** Enters a status of a task in the books into its stream, and the task's state with it. */
export function enterUpdate(agent: AgentState, framework: Framework, task: Task, status: PendingUpdate): AddOutcome {
  const outcome = agent.updates.add(framework.id, status);
  if (outcome.kind !== 'added') return outcome;
  agent.turn.checkpoint({ kind: 'update', frameworkId: framework.id, status });
  applyStatus(agent.containers.get(task.containerId), task, status);
  return outcome;
}

/** What a status changes in the books; also when the journal is replayed. */
export function applyStatus(executor: Executor | undefined, task: Task, status: Pick<TaskStatus, 'state'>): void {
  task.state = status.state;
  if (!isTerminal(status.state)) return;
  task.place = 'ended';
  executor?.tasks.delete(task.info.taskId);
}

/** The scheduler has an update. A terminal one was the last that anybody needed to know of the task. */
export function acknowledgeUpdate(agent: AgentState, frameworkId: FrameworkId, taskId: TaskId, uuid: string): void {
  const outcome = agent.updates.acknowledge(frameworkId, taskId, uuid);
  if (outcome.kind === 'ignored') {
    agent.turn.log('debug', 'Acknowledgement ignored', { frameworkId, taskId, uuid, reason: outcome.why });
    return;
  }
  agent.turn.checkpoint({ kind: 'update-acknowledged', frameworkId, taskId, uuid });
  if (!outcome.isTerminal) return;
  const framework = agent.frameworks.get(frameworkId);
  const task = framework?.tasks.get(taskId);
  if (framework === undefined) return;
  if (task !== undefined) {
    framework.tasks.delete(taskId);
    agent.turn.checkpoint({ kind: 'task-removed', frameworkId, taskId });
    rememberForgotten(agent.containers.get(task.containerId), taskId);
  }
  agent.releaseFramework(framework);
}

function rememberForgotten(executor: Executor | undefined, taskId: TaskId): void {
  if (executor === undefined || executor.isCommand) return;
  executor.forgotten.add(taskId);
  if (executor.forgotten.size <= forgottenTaskCountMax) return;
  for (const oldest of executor.forgotten) {
    executor.forgotten.delete(oldest);
    return;
  }
}

function told(info: FrameworkInfo, news: TaskNews): TaskNews {
  return { ...news, state: lostState(hasCapability(info, 'PARTITION_AWARE'), news.state) };
}

function ownStatus(agent: AgentState, taskId: TaskId, executorId: ExecutorId | undefined, news: TaskNews): PendingUpdate {
  return {
    taskId,
    ...news,
    ...(agent.agentId === undefined ? {} : { agentId: agent.agentId }),
    ...(executorId === undefined ? {} : { executorId }),
    timestampMs: agent.wallMs,
    uuid: updateUuid(agent),
    labels: [],
  };
}
