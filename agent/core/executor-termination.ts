// Executor termination: how executors are ended, and what their end means.
//
// Owns:      container events, SHUTDOWN with grace, the timeouts of custom executors, the states of tasks whose executor is gone, the end of a
//            framework's and of all executors.
// Elsewhere: command tasks (command-executor.ts), killing a single task (kill.ts), the sandbox that stays (sandbox-reading.ts).
// Invariants:
//   E1. A container's end gives every live task of its executor a terminal update, before the executor is forgotten.
//   E2. Asking twice for the end of an executor is asking once.
// Source: Mesos agent (reference, agent section 16; scheduler sections 13.3 and 13.4).

import type { ContainerId, ExecutorId, FrameworkId } from '../../common/model/ids';
import type { AgentEnd, AgentState, EndCause, Executor } from './agent-state';
import type { ContainerExit } from './agent-step';
import { commandEnded, commandStarted, killCommand, type ContainerEnd } from './command-executor';
import { describeExit, waitStatus } from './container-exit';
import { keepSandbox } from './sandbox-reading';
import { reportTask, type TaskNews } from './task-updates';

export function containerStarted(agent: AgentState, containerId: ContainerId, pid: number, startedAt: string): void {
  const executor = agent.containers.get(containerId);
  if (executor === undefined) return;
  executor.started = { pid, startedAt };
  agent.turn.checkpoint({ kind: 'executor-started', containerId, pid, startedAt });
  if (executor.isCommand) commandStarted(agent, executor);
}

/** The container is gone. Tells what became of its tasks (E1), then keeps only the sandbox. */
export function containerOver(agent: AgentState, executor: Executor, end: ContainerEnd): void {
  const { framework, containerId, info } = executor;
  if (executor.isCommand) {
    commandEnded(agent, executor, end);
  } else {
    const news = verdictOnTasks(executor, end);
    for (const task of executor.tasks.values()) reportTask(agent, framework, task, 'SOURCE_AGENT', news);
  }
  agent.deadlines.clear(executor.endDeadline);
  agent.deadlines.clear(executor.completionDeadline);
  if (executor.session !== undefined) agent.closeSession(executor.session);
  agent.containers.delete(containerId);
  if (framework.executors.get(info.executorId) === executor) framework.executors.delete(info.executorId);
  keepSandbox(agent, { kind: 'ended-executor', containerId, frameworkId: framework.id, executorId: info.executorId, isCommand: executor.isCommand, endedAtWallMs: agent.wallMs });
  if (!executor.isCommand && !framework.isTerminating) tellExit(agent, framework.id, info.executorId, end.kind === 'ended' ? waitStatus(end.exit) : -1);
  agent.turn.log('info', 'Executor ended', { frameworkId: framework.id, executorId: info.executorId, containerId, exit: describeEnd(end) });
  agent.releaseFramework(framework);
}

/**
 * The master charges an executor until it hears of its end. While a registration that names the executor is under way the news waits for the
 * answer; without a session it is said by the next registration, which does not name it.
 */
function tellExit(agent: AgentState, frameworkId: FrameworkId, executorId: ExecutorId, status: number): void {
  const exit = { kind: 'exited-executor', frameworkId, executorId, status } as const;
  if (agent.link === 'registered') agent.turn.toMaster(exit);
  else if (agent.link === 'registering') agent.untoldExits.push(exit);
}

/** SHUTDOWN, and the forcible end if it is not gone in time. A command is killed with its own grace period. */
export function shutdownExecutor(agent: AgentState, executor: Executor): void {
  if (executor.life.phase === 'terminating') return; // E2
  if (executor.isCommand) {
    killCommand(agent, executor);
    return;
  }
  beginEnd(agent, executor, { kind: 'shutdown' });
  if (executor.started === undefined) {
    agent.turn.do({ kind: 'destroy-container', containerId: executor.containerId }); // Nothing runs yet that could hear of it.
    return;
  }
  if (executor.session !== undefined) agent.turn.toExecutor(executor.session.id, { kind: 'shutdown' });
  agent.deadlines.set(executor.endDeadline, agent.nowMs + (executor.info.shutdownGracePeriodMs ?? agent.config.executorShutdownGracePeriodMs));
}

/** An executor has not subscribed (a command: not started) in time, or has not gone in time. */
export function executorEndDue(agent: AgentState, executor: Executor): void {
  if (executor.life.phase === 'registering') {
    const { returning } = executor.life;
    const timeoutMs = returning ? agent.config.executorReregistrationTimeoutMs : agent.config.executorRegistrationTimeoutMs;
    beginEnd(agent, executor, {
      kind: 'verdict',
      state: returning ? 'TASK_GONE' : 'TASK_FAILED',
      reason: returning ? 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT' : 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
      message: returning
        ? `Executor did not come back within ${timeoutMs} ms of the agent's restart`
        : `Executor did not ${executor.isCommand ? 'start' : 'subscribe'} within ${timeoutMs} ms of its launch`,
    });
  }
  agent.turn.do({ kind: 'destroy-container', containerId: executor.containerId });
}

/** The framework is gone: ends its executors, and forgets its tasks and updates at once. */
export function shutdownFramework(agent: AgentState, frameworkId: FrameworkId): void {
  const framework = agent.frameworks.get(frameworkId);
  if (framework === undefined ? !agent.updates.hasFramework(frameworkId) : framework.isTerminating) return;
  // Durable first, so that a restarted agent goes on ending the executors instead of reporting them.
  agent.turn.checkpoint({ kind: 'framework-removed', frameworkId });
  agent.updates.closeFramework(frameworkId);
  if (framework === undefined) return;
  framework.isTerminating = true;
  for (const executor of framework.executors.values()) {
    shutdownExecutor(agent, executor);
    executor.tasks.clear();
  }
  framework.tasks.clear();
  agent.turn.log('info', 'Framework shut down', { frameworkId, executorCount: framework.executors.size });
  agent.releaseFramework(framework);
}

/** Ends everything, and then the agent (`finishIfDone`). */
export function endAgent(agent: AgentState, end: Pick<AgentEnd, 'reason' | 'unregister'>): void {
  if (agent.end !== undefined) return;
  agent.end = { ...end, isPatienceOver: false };
  agent.turn.log('info', 'Agent ends', { reason: end.reason, executorCount: agent.containers.size });
  for (const executor of agent.containers.values()) shutdownExecutor(agent, executor);
}

/**
 * Leaves once nothing runs any more. A clean goodbye first waits for the last updates to be acknowledged, as long as an executor gets to shut down:
 * what is not acknowledged by then stays in the journal for the next life.
 */
export function finishIfDone(agent: AgentState): void {
  const { end } = agent;
  if (end === undefined || agent.hasExited || agent.containers.size > 0) return;
  if (end.unregister && agent.link === 'registered') {
    if (!end.isPatienceOver && agent.updates.hasPending) {
      if (agent.deadlines.get(agent.exitDeadline) === undefined) agent.deadlines.set(agent.exitDeadline, agent.nowMs + agent.config.executorShutdownGracePeriodMs);
      return;
    }
    agent.turn.toMaster({ kind: 'unregister' });
  }
  agent.hasExited = true;
  agent.turn.do({ kind: 'exit', reason: end.reason, isFailure: false });
}

function beginEnd(agent: AgentState, executor: Executor, cause: EndCause): void {
  executor.life = { phase: 'terminating', cause };
  agent.deadlines.clear(executor.endDeadline);
}

/** Containerizer's verdict, else the agent's, else that it simply ended. */
function verdictOnTasks(executor: Executor, end: ContainerEnd): TaskNews {
  const cause = executor.life.phase === 'terminating' ? executor.life.cause : undefined;
  const limitation: ContainerExit['limitation'] = end.kind === 'ended' ? end.exit.limitation : undefined;
  if (limitation !== undefined) {
    const { reason, message, resources } = limitation;
    return { state: 'TASK_FAILED', reason, message, limitation: { resources } };
  }
  if (cause?.kind === 'verdict') return { state: cause.state, reason: cause.reason, message: cause.message };
  if (end.kind === 'failed') return { state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LAUNCH_FAILED', message: `Failed to launch container: ${end.message}` };
  const exit = describeExit(end.exit);
  return { state: 'TASK_FAILED', reason: 'REASON_EXECUTOR_TERMINATED', message: exit === undefined ? 'Executor terminated' : `Executor terminated; ${exit}` };
}

function describeEnd(end: ContainerEnd): string {
  return end.kind === 'failed' ? end.message : (describeExit(end.exit) ?? 'unseen');
}
