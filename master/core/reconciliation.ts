// Reconciliation: the truth about tasks, on demand.
//
// Owns:      the answers to RECONCILE, explicit and implicit.
// Elsewhere: KILL of a task that is not tracked, which is answered here too (kills.ts).
// Invariants:
//   C1. Asking changes nothing.
//   C2. Silence only while the truth may still arrive: an agent known from the registry has not come back yet, or one that is back has been asked.
// Source: Mesos `Master::reconcileTasks` (reference, section 12). Ours: a task remembered as unreachable is answered as such even if the
//         question names no agent, because TASK_UNKNOWN would be false.

import type { AgentId, TaskId } from '../../common/model/ids';
import type { TaskState } from '../../common/model/task-status';
import { sendMasterStatus, type Framework, type MasterState, type Task } from './master-state';

export interface TaskQuestion {
  readonly taskId: TaskId;
  readonly agentId?: AgentId;
}

/** All tasks tracked for the framework; unreachable and completed ones are passed over. */
export function reconcileImplicitly(state: MasterState, framework: Framework): void {
  for (const task of framework.tasks.values()) sendKnownState(state, task);
}

export function reconcileExplicitly(state: MasterState, framework: Framework, question: TaskQuestion): void {
  const task = framework.tasks.get(question.taskId);
  if (task !== undefined) sendKnownState(state, task);
  else answerAboutUntracked(state, framework, question);
}

function sendKnownState(state: MasterState, task: Task): void {
  sendMasterStatus(state, task.framework, {
    taskId: task.info.taskId,
    state: task.update?.state ?? task.state,
    reason: 'REASON_RECONCILIATION',
    message: 'Reconciliation: Latest task state',
    agentId: task.agent.id,
    executorId: task.executorId,
    known: task.update,
  });
}

function answerAboutUntracked(state: MasterState, framework: Framework, { taskId, agentId: givenAgentId }: TaskQuestion): void {
  const parked = framework.unreachableTasks.get(taskId);
  const agentId = parked?.agentId ?? givenAgentId;
  const answer = (precise: TaskState, message: string, unreachableTimeMs?: number): void => {
    sendMasterStatus(state, framework, {
      taskId,
      state: precise,
      reason: 'REASON_RECONCILIATION',
      message: `Reconciliation: ${message}`,
      agentId,
      ...(unreachableTimeMs === undefined ? {} : { unreachableTimeMs }),
    });
  };
  if (agentId === undefined) {
    if (state.recoveredAgentCount === 0) answer('TASK_UNKNOWN', 'Task is unknown');
    return; // C2
  }
  const agent = state.agents.get(agentId);
  if (agent !== undefined) {
    if (agent.presence.kind !== 'recovered' && parked === undefined) answer('TASK_GONE', 'Task is unknown to the agent');
    return; // C2
  }
  const unreachable = state.unreachableAgents.get(agentId);
  if (unreachable !== undefined) answer('TASK_UNREACHABLE', 'Agent is unreachable', unreachable.sinceMs);
  else answer('TASK_UNKNOWN', 'Task is unknown, and so is its agent');
}
