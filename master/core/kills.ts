// Kills: ending what runs, when its framework or an operator asks.
//
// Owns:      KILL and SHUTDOWN on their way to the agent.
// Elsewhere: the killing (agent/core/), the launch deadline's kill (tasks.ts), repeating a kill to an agent that was away (agents.ts).
// Invariants:
//   Q1. A kill changes no task's state: only the agent's update does.
//   Q2. Of the kills of one task in a frame one goes out, with the shortest grace period that was named: only that counts for an executor. So it is with
//       those of further frames within a moment: they go out together when it is over.
//       SHUTDOWN has nothing to add: of one executor it goes out once in a moment.
//   Q3. SHUTDOWN goes to an agent only for what the framework has there. An agent that is active has said what it runs, so all of it is known.
// Source: Mesos `Master::kill`, `Master::shutdown` (reference, section 13). Ours, Q2 and Q3: an agent's link is not there for one framework alone.

import { refused } from '../../common/refusal';
import type { AgentId, ExecutorId, TaskId } from '../../common/model/ids';
import type { KillPolicy } from '../../common/model/task';
import { isTerminal } from '../../common/model/task-states';
import { countQuestions, roomForQuestions, type CallFrame } from './call-frame';
import { orderIntervalMs, refuseCall, sendToAgent, type Framework, type MasterState, type SchedulerSession, type Task } from './master-state';
import { reconcileExplicitly } from './reconciliation';
import { runningExecutor } from './tasks';

export function onKill(
  state: MasterState,
  session: SchedulerSession,
  framework: Framework,
  frame: CallFrame,
  number: number,
  call: { readonly taskId: TaskId; readonly agentId?: AgentId; readonly killPolicy?: KillPolicy },
): void {
  const gracePeriodMs = call.killPolicy?.gracePeriodMs ?? 0;
  if (!(gracePeriodMs >= 0)) {
    refuseCall(state, session, number, 'kill', refused('kill.kill_policy.grace_period', gracePeriodMs, 'a duration >= 0').refusal);
    return;
  }
  const task = framework.tasks.get(call.taskId);
  if (task === undefined) {
    // Whoever kills what is not there wants to hear so. Source: Mesos.
    if (!countQuestions(frame, 1)) {
      refuseCall(state, session, number, 'kill', refused('kill.task_id', call.taskId, `the id of a task that is tracked, or ${roomForQuestions(frame)}`).refusal);
      return;
    }
    reconcileExplicitly(state, framework, call);
    return;
  }
  if (call.agentId !== undefined && call.agentId !== task.agent.id) return; // Meant for another run of that id. Source: Mesos.
  frame.kills.set(task, shorter(frame.kills.get(task), call.killPolicy));
}

function shorter(one: KillPolicy | undefined, other: KillPolicy | undefined): KillPolicy | undefined {
  return (one?.gracePeriodMs ?? Infinity) < (other?.gracePeriodMs ?? Infinity) ? one : (other ?? one);
}

/** The frame is over: what it wants killed, and what is still there, is (Q2). */
export function killAsked(state: MasterState, framework: Framework, frame: CallFrame): void {
  for (const [task, killPolicy] of frame.kills) passOn(state, framework, task, killPolicy);
}

function passOn(state: MasterState, framework: Framework, task: Task, killPolicy: KillPolicy | undefined): void {
  if (framework.tasks.get(task.info.taskId) !== task) return;
  const { killed, killsRepeated } = framework.orders;
  if (killed.has(task)) {
    killsRepeated.set(task, shorter(killsRepeated.get(task), killPolicy));
  } else {
    killTask(state, task, killPolicy);
    killed.add(task);
    rest(state, framework);
  }
}

function rest(state: MasterState, framework: Framework): void {
  framework.orders.rest ??= state.deadlines.set(state.nowMs + orderIntervalMs, { kind: 'orders-rested', framework });
}

/** The moment is over (Q2). */
export function onOrdersRested(state: MasterState, framework: Framework): void {
  const { orders } = framework;
  const repeated = [...orders.killsRepeated];
  orders.rest = undefined;
  orders.killed.clear();
  orders.shutDown.clear();
  orders.killsRepeated.clear();
  for (const [task, killPolicy] of repeated) passOn(state, framework, task, killPolicy);
}

/** Tells the agent now, or, without the policy, when it is back and still reports the task. Repeated kills are repeated there. */
export function killTask(state: MasterState, task: Task, killPolicy: KillPolicy | undefined): void {
  state.counters.killsRequested += 1;
  if (!isTerminal(task.state)) task.isKillRequested = true;
  sendToAgent(state, task.agent, {
    kind: 'kill-task',
    frameworkId: task.framework.id,
    taskId: task.info.taskId,
    ...(killPolicy === undefined ? {} : { killPolicy }),
  });
}

/** SHUTDOWN of one executor: best effort. */
export function onShutdownExecutor(
  state: MasterState,
  framework: Framework,
  call: { readonly executorId: ExecutorId; readonly agentId: AgentId },
): void {
  const agent = state.agents.get(call.agentId);
  const executor = agent === undefined ? undefined : runningExecutor(framework, agent, call.executorId); // Q3
  const { shutDown } = framework.orders;
  if (executor !== undefined && shutDown.has(executor)) return; // It says nothing new.
  const isSent = executor !== undefined && sendToAgent(state, executor.agent, { kind: 'shutdown-executor', frameworkId: framework.id, executorId: call.executorId });
  if (!isSent) {
    state.counters.frameworkMessagesDropped += 1;
    return;
  }
  shutDown.add(executor);
  rest(state, framework);
}
