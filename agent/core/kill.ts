// Kill: what becomes of a KILL that the master passes on.
//
// Owns:      the table of situations in which a kill may find a task.
// Elsewhere: killing a command (command-executor.ts), the executor that has nothing left to do when it subscribes (executor-sessions.ts).
// Invariants:
//   Q1. A task that its executor was never told of is killed without bothering the executor.
//   Q2. A task delivered to its executor is reported by that executor alone.
// Source: Mesos agent (reference, scheduler section 13.2).

import type { MasterMessage } from '../../common/model/agent-protocol';
import type { KillPolicy } from '../../common/model/task';
import type { AgentState, Executor, Task } from './agent-state';
import { killCommand } from './command-executor';
import { reportTask, reportUnknownTask } from './task-updates';

type KillTask = Extract<MasterMessage, { kind: 'kill-task' }>;

export function killTask(agent: AgentState, { frameworkId, taskId, killPolicy }: KillTask): void {
  const framework = agent.frameworks.get(frameworkId);
  if (framework?.isTerminating === true || agent.end !== undefined) return;
  const task = framework?.tasks.get(taskId);
  if (task === undefined) {
    // Its end may be under way already. Of a framework unknown here, nothing was ever accepted. Source: Mesos ignores both.
    if (framework === undefined || agent.updates.has(frameworkId, taskId)) return;
    reportUnknownTask(agent, frameworkId, taskId, undefined, framework.info, { state: 'TASK_DROPPED', reason: 'REASON_EXECUTOR_TERMINATED', message: 'The agent has no such task' });
    return;
  }
  const executor = agent.containers.get(task.containerId);
  if (task.place === 'ended' || executor === undefined) return;
  if (executor.isCommand) {
    killCommand(agent, executor, killPolicy);
  } else if (executor.life.phase === 'terminating') {
    return; // Its tasks end with it.
  } else if (task.place === 'queued') {
    killQueued(agent, executor, task);
  } else {
    task.kill = killPolicy === undefined ? {} : { policy: killPolicy };
    if (executor.session !== undefined) sendKill(agent, executor, task);
  }
}

/** Tells the executor of every kill asked for so far: after it subscribed again. */
export function repeatKills(agent: AgentState, executor: Executor): void {
  for (const task of executor.tasks.values()) if (task.kill !== undefined) sendKill(agent, executor, task);
}

function sendKill(agent: AgentState, executor: Executor, task: Task): void {
  if (executor.session === undefined || task.kill === undefined) return;
  const policy: KillPolicy | undefined = task.kill.policy;
  agent.turn.toExecutor(executor.session.id, { kind: 'kill', taskId: task.info.taskId, ...(policy === undefined ? {} : { killPolicy: policy }) });
}

function killQueued(agent: AgentState, executor: Executor, task: Task): void {
  reportTask(agent, executor.framework, task, 'SOURCE_AGENT', {
    state: 'TASK_KILLED',
    reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
    message: 'Task was killed before its executor was told of it',
  });
  // If that was the first task of an executor that has yet to subscribe, it is shut down when it does. Source: Mesos.
}
