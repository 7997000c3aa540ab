// Command executor: how the agent plays the executor of a command task.
//
// Owns:      a command task's states from launch to end, its kill with grace, its completion limit.
// Elsewhere: who asks for the kill (kill.ts, executor-termination.ts), the container (../containerizer.ts), custom executors (executor-sessions.ts).
// Invariants:
//   C1. A killed task ends TASK_KILLED, whatever its exit status, unless the container was ended for a limitation.
//   C2. A repeated kill can only shorten the time left, counted from the first kill; one without a grace period of its own changes nothing.
//   C3. Whether a task is being killed survives a restart of the agent only where TASK_KILLING was reported; else the master repeats the kill.
//   C4. A completion limit counts time that passed, never the difference of two wall times.
// Source: Mesos command executor (reference, agent section 22; scheduler section 13.2). That the agent plays it is our choice: a process of 40 MB
//         beside every shell command is no way to treat a small machine, and it makes a task's start one fork instead of two.

import { hasCapability } from '../../common/model/framework';
import type { KillPolicy } from '../../common/model/task';
import type { AgentState, EndCause, Executor, Task } from './agent-state';
import type { ContainerExit } from './agent-step';
import { describeExit } from './container-exit';
import { reportTask, type TaskNews } from './task-updates';

/** How a container came to its end: it ran and ended, or it never came to run. */
export type ContainerEnd = { readonly kind: 'ended'; readonly exit: ContainerExit } | { readonly kind: 'failed'; readonly message: string };

export function commandLaunched(agent: AgentState, executor: Executor, task: Task): void {
  reportTask(agent, executor.framework, task, 'SOURCE_EXECUTOR', { state: 'TASK_STARTING' });
}

/** The process runs. If it is being killed already, its end is the next news. */
export function commandStarted(agent: AgentState, executor: Executor): void {
  if (executor.life.phase !== 'registering') return;
  executor.life = { phase: 'running' };
  agent.deadlines.clear(executor.endDeadline);
  const task = soleTask(executor);
  if (task === undefined) return;
  reportTask(agent, executor.framework, task, 'SOURCE_EXECUTOR', { state: 'TASK_RUNNING' });
  limitCompletion(agent, executor, task, 0);
}

/**
 * The process of an earlier life of the agent goes on. What is left of its time is counted from the process's own start: the wall time noted when it
 * began may be that of a machine whose clock was not set yet.
 */
export function commandFound(agent: AgentState, executor: Executor, ageMs: number): void {
  const task = soleTask(executor);
  if (executor.life.phase === 'running' && task !== undefined) limitCompletion(agent, executor, task, ageMs);
}

/** Arms the completion limit of a task that has been running for `elapsedMs`. */
function limitCompletion(agent: AgentState, executor: Executor, task: Task, elapsedMs: number): void {
  const limitMs = task.info.maxCompletionTimeMs;
  if (limitMs !== undefined) agent.deadlines.set(executor.completionDeadline, agent.nowMs + Math.max(0, limitMs - elapsedMs));
}

/** The completion limit has come: no grace, no TASK_KILLING. */
export function completionDue(agent: AgentState, executor: Executor): void {
  if (executor.life.phase !== 'running') return;
  const limitMs = soleTask(executor)?.info.maxCompletionTimeMs ?? 0;
  const message = `Command did not complete within its limit of ${limitMs} ms`;
  executor.life = { phase: 'terminating', cause: { kind: 'verdict', state: 'TASK_FAILED', reason: 'REASON_MAX_COMPLETION_TIME_REACHED', message } };
  agent.turn.do({ kind: 'destroy-container', containerId: executor.containerId });
}

/** SIGTERM now, the forcible end when the grace period is over: the policy of the call, else the task's, else the agent's default. */
export function killCommand(agent: AgentState, executor: Executor, policy?: KillPolicy): void {
  const { life, containerId } = executor;
  if (life.phase === 'terminating') {
    shortenGrace(agent, executor, life.cause, policy);
    return;
  }
  const task = soleTask(executor);
  const graceMs = Math.max(0, policy?.gracePeriodMs ?? task?.info.killPolicy?.gracePeriodMs ?? agent.config.killGracePeriodMs);
  const hadStarted = executor.started !== undefined;
  executor.life = { phase: 'terminating', cause: { kind: 'killed', sinceMs: agent.nowMs, graceMs, hadStarted } };
  agent.deadlines.clear(executor.completionDeadline);
  agent.deadlines.clear(executor.endDeadline);
  if (!hadStarted) {
    agent.turn.do({ kind: 'destroy-container', containerId }); // Nothing runs that could be asked politely.
    return;
  }
  if (task !== undefined && task.state !== 'TASK_KILLING' && hasCapability(executor.framework.info, 'TASK_KILLING_STATE')) {
    reportTask(agent, executor.framework, task, 'SOURCE_EXECUTOR', { state: 'TASK_KILLING' });
  }
  agent.turn.do({ kind: 'signal-container', containerId, signal: 'SIGTERM' });
  armKill(agent, executor, agent.nowMs + graceMs);
}

function shortenGrace(agent: AgentState, executor: Executor, cause: EndCause, policy: KillPolicy | undefined): void {
  const graceMs = policy?.gracePeriodMs;
  if (cause.kind !== 'killed' || !cause.hadStarted || graceMs === undefined || graceMs >= cause.graceMs) return; // C2
  executor.life = { phase: 'terminating', cause: { ...cause, graceMs: Math.max(0, graceMs) } };
  armKill(agent, executor, cause.sinceMs + Math.max(0, graceMs));
}

function armKill(agent: AgentState, executor: Executor, atMs: number): void {
  if (atMs > agent.nowMs) {
    agent.deadlines.set(executor.endDeadline, atMs);
    return;
  }
  agent.deadlines.clear(executor.endDeadline);
  agent.turn.do({ kind: 'destroy-container', containerId: executor.containerId });
}

/** Reports the end of the task with the end of its container. */
export function commandEnded(agent: AgentState, executor: Executor, end: ContainerEnd): void {
  const task = soleTask(executor);
  if (task === undefined) return;
  const { source, ...news } = verdictOnCommand(executor, task, end);
  reportTask(agent, executor.framework, task, source, news);
}

type Verdict = TaskNews & { readonly source: 'SOURCE_AGENT' | 'SOURCE_EXECUTOR' };

function verdictOnCommand(executor: Executor, task: Task, end: ContainerEnd): Verdict {
  const cause = executor.life.phase === 'terminating' ? executor.life.cause : undefined;
  const limitation = end.kind === 'ended' ? end.exit.limitation : undefined;
  if (limitation !== undefined) {
    const { reason, message, resources } = limitation;
    return { source: 'SOURCE_AGENT', state: 'TASK_FAILED', reason, message, limitation: { resources } };
  }
  if (cause?.kind === 'killed' && !cause.hadStarted) {
    return { source: 'SOURCE_AGENT', state: 'TASK_KILLED', reason: 'REASON_TASK_KILLED_DURING_LAUNCH', message: 'Task was killed while it was being launched' };
  }
  if (cause?.kind === 'verdict') {
    const { state, reason, message } = cause;
    return { source: reason === 'REASON_MAX_COMPLETION_TIME_REACHED' ? 'SOURCE_EXECUTOR' : 'SOURCE_AGENT', state, reason, message };
  }
  if (end.kind === 'failed') {
    return { source: 'SOURCE_AGENT', state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LAUNCH_FAILED', message: `Failed to launch container: ${end.message}` };
  }
  const exit = describeExit(end.exit);
  const message = exit === undefined ? 'Command ended unseen, its exit status is unknown' : `Command ${exit}`;
  if (cause !== undefined || task.state === 'TASK_KILLING') return { source: 'SOURCE_EXECUTOR', state: 'TASK_KILLED', message }; // C1, C3
  if (exit === undefined) return { source: 'SOURCE_AGENT', state: 'TASK_FAILED', reason: 'REASON_EXECUTOR_TERMINATED', message };
  return { source: 'SOURCE_EXECUTOR', state: end.exit.status === 0 ? 'TASK_FINISHED' : 'TASK_FAILED', message };
}

/** The task; undefined when its framework was shut down. */
export function soleTask(executor: Executor): Task | undefined {
  for (const task of executor.tasks.values()) return task;
  return undefined;
}
