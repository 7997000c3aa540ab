// Executor sessions: what custom executors say, and whether to believe it.
//
// Owns:      who a session speaks for, subscription and re-subscription, validity of an executor's updates, framework messages.
// Elsewhere: durable updates (task-updates.ts), how large a status may be (common/model/status-size.ts), the container (executor-termination.ts),
//            the wire (proto/, ../executor service).
// Invariants:
//   S1. A session speaks for the one executor whose token it showed, and for no task but that executor's own.
//   S2. Bad input is answered to its sender, by an error event or by a refusal of the update; nothing else changes, and nobody else notices.
//   S3. Every update with a uuid is acknowledged: once it is durable, or if it is already known or no longer of interest; else with a refusal, so that
//       its executor does not keep it and send it again for ever.
//   S4. No status enters the books that would not fit the agent's own messages: it would end every session with every master. An end that is too
//       large is taken as an end without its details.
// Source: Mesos agent (reference, scheduler sections 11.4, 18.2 to 18.6). Two differences. An executor that subscribes while it is being shut down keeps
//         its session, because its last updates travel over it (Mesos has a second connection for them). An update for a task that is not the
//         executor's own is refused, because a framework must not speak of another's tasks.

import type { ExecutorCall, ExecutorCallEnvelope, ReceivedExecutorCall } from '../../common/model/executor-protocol';
import { messageDataBytesMax } from '../../common/model/message-size';
import { describeOversizedPart, endInPlaceOf, findOversizedPart, type OversizedPart } from '../../common/model/status-size';
import { mayMove } from '../../common/model/task-states';
import type { TaskStatus } from '../../common/model/task-status';
import { describeRefusal } from '../../common/refusal';
import { assertNever } from '../../common/invariant';
import { updateUuid, type AgentState, type Executor, type ExecutorSession, type Task } from './agent-state';
import { shutdownExecutor } from './executor-termination';
import { repeatKills } from './kill';
import { deliverQueued } from './launch';
import type { PendingUpdate } from './status-update-manager';
import { enterUpdate, reportTask } from './task-updates';

/** A connection that has not subscribed by then is closed: it may be anybody. Ours. */
export const subscribeTimeoutMs = 10_000;

/**
 * Connections that may not have subscribed; beyond it the oldest is closed. All executors of a large machine come back at once after a restart of their
 * agent, and a subscription follows its connection in milliseconds: so it is not theirs that waits for long. Ours, because the socket is open to everybody.
 */
export const strangerCountMax = 1_000;

export function executorOpened(agent: AgentState, id: number): void {
  const session: ExecutorSession = { kind: 'session', id };
  agent.sessions.set(id, session);
  agent.strangers.add(session);
  agent.deadlines.set(session, agent.nowMs + subscribeTimeoutMs);
  if (agent.strangers.size <= strangerCountMax) return;
  for (const oldest of agent.strangers) {
    refuse(agent, oldest, 'Too many connections wait for their first call, SUBSCRIBE: this is the oldest');
    agent.closeSession(oldest);
    return;
  }
}

/** The connection is over. That alone says nothing of the executor: its container ends, or it comes back. Source: Mesos. */
export function executorClosed(agent: AgentState, id: number): void {
  const session = agent.sessions.get(id);
  if (session !== undefined) agent.dropSession(session);
}

export function executorCalls(agent: AgentState, id: number, calls: readonly ReceivedExecutorCall[]): void {
  for (const call of calls) {
    const session = agent.sessions.get(id);
    if (session === undefined) return; // Closed by one of the calls before.
    if (call.ok) takeCall(agent, session, call.value);
    else refuse(agent, session, `${call.callKind}: ${describeRefusal(call.refusal)}`);
  }
}

function takeCall(agent: AgentState, session: ExecutorSession, { frameworkId, executorId, call }: ExecutorCallEnvelope): void {
  if (call.kind === 'subscribe') {
    const executor = agent.findExecutor(frameworkId, executorId);
    const isProved = executor !== undefined && !executor.isCommand && executor.token === call.token;
    if (!isProved || (session.executor !== undefined && session.executor !== executor)) {
      refuse(agent, session, `Cannot subscribe executor "${executorId}" of framework "${frameworkId}": no such executor runs here, or the token is not its own`);
      agent.closeSession(session);
      return;
    }
    subscribe(agent, session, executor, call);
    return;
  }
  const { executor } = session;
  if (executor === undefined) {
    refuse(agent, session, `The first call must be SUBSCRIBE: current value is "${call.kind}"`);
    agent.closeSession(session);
    return;
  }
  if (executor.framework.id !== frameworkId || executor.info.executorId !== executorId) {
    refuse(agent, session, `This session speaks for executor "${executor.info.executorId}" of framework "${executor.framework.id}": current value is "${executorId}" of "${frameworkId}"`);
    return;
  }
  switch (call.kind) {
    case 'update':
      takeUpdate(agent, session, executor, call.status, false);
      return;
    case 'message':
      if (call.data.length > messageDataBytesMax) refuse(agent, session, `message.data: current value has ${call.data.length} bytes, at most ${messageDataBytesMax} are taken`);
      else if (agent.link === 'registered' && !executor.framework.isTerminating) agent.turn.toMaster({ kind: 'framework-message', frameworkId, executorId, data: call.data });
      return;
    case 'heartbeat':
      return;
    default:
      assertNever(call);
  }
}

function subscribe(agent: AgentState, session: ExecutorSession, executor: Executor, call: Extract<ExecutorCall, { kind: 'subscribe' }>): void {
  bind(agent, session, executor);
  const { framework } = executor;
  for (const status of call.unacknowledgedUpdates) takeUpdate(agent, session, executor, status, true);
  if (executor.life.phase === 'terminating') {
    agent.turn.toExecutor(session.id, { kind: 'shutdown' });
    return;
  }
  executor.life = { phase: 'running' };
  agent.deadlines.clear(executor.endDeadline);
  const heldTasks = new Set(call.unacknowledgedTasks.map((task) => task.taskId));
  for (const task of executor.tasks.values()) {
    if (task.place !== 'launched' || task.state !== 'TASK_STAGING' || heldTasks.has(task.info.taskId)) continue;
    reportTask(agent, framework, task, 'SOURCE_AGENT', { state: 'TASK_DROPPED', reason: 'REASON_AGENT_RESTARTED', message: 'The launch was lost before it reached the executor' });
  }
  if (!executor.hadTask && executor.tasks.size === 0) {
    shutdownExecutor(agent, executor);
    return;
  }
  agent.turn.toExecutor(session.id, {
    kind: 'subscribed',
    executorInfo: { ...executor.info, frameworkId: framework.id },
    frameworkInfo: framework.info,
    agentInfo: { ...agent.config.info, ...(agent.agentId === undefined ? {} : { id: agent.agentId }) },
    containerId: executor.containerId,
  });
  repeatKills(agent, executor);
  deliverQueued(agent, executor);
}

/** The newest session of an executor replaces an earlier one, without an error to it. Source: Mesos. */
function bind(agent: AgentState, session: ExecutorSession, executor: Executor): void {
  if (executor.session !== undefined && executor.session !== session) agent.closeSession(executor.session);
  executor.session = session;
  session.executor = executor;
  agent.strangers.delete(session);
  agent.deadlines.clear(session);
}

/** `isResent`: part of a subscription, so it may be about a task that is long over. */
function takeUpdate(agent: AgentState, session: ExecutorSession, executor: Executor, status: TaskStatus, isResent: boolean): void {
  const { framework } = executor;
  const { taskId } = status;
  const update: PendingUpdate = { ...stamp(agent, executor, status), uuid: status.uuid ?? updateUuid(agent) };
  const acknowledge = (): void => agent.turn.toExecutor(session.id, { kind: 'acknowledged', taskId, uuid: update.uuid });
  const refuseUpdate = (why: string): void => {
    const refusal = `Update of task "${taskId}" refused: ${why}`;
    if (status.uuid === undefined) refuse(agent, session, refusal);
    else agent.turn.toExecutor(session.id, { kind: 'acknowledged', taskId, uuid: status.uuid, refusal });
  };

  const misstamped = findFalseStamp(executor, status);
  if (misstamped !== undefined) return refuseUpdate(misstamped);
  // Nobody wants to hear of it any more, but the executor needs to be able to go.
  if (framework.isTerminating || executor.forgotten.has(taskId)) return acknowledge();
  const task = framework.tasks.get(taskId);
  if (task === undefined && isResent) return acknowledge();
  if (task === undefined || task.containerId !== executor.containerId) return refuseUpdate('this executor runs no such task');
  if (task.place === 'ended' || agent.updates.knows(framework.id, taskId, update.uuid)) return acknowledge();
  const objection = findObjection(task, status);
  if (objection !== undefined) return refuseUpdate(objection);
  const oversized = findOversizedPart(update);
  if (oversized !== undefined) {
    const end = smallerEnd(agent, executor, update, oversized);
    if (end !== undefined) enterUpdate(agent, framework, task, end);
    return refuseUpdate(describeOversizedPart(oversized));
  }
  const outcome = enterUpdate(agent, framework, task, update);
  switch (outcome.kind) {
    case 'added':
    case 'duplicate':
    case 'late':
      return acknowledge();
    case 'full':
      return refuseUpdate('too many updates of it wait for the scheduler');
    default:
      return assertNever(outcome);
  }
}

/** S4. The executor has said that the task is over, and the scheduler learns that in any case. Undefined: it was no end, so nothing is lost but a remark. */
function smallerEnd(agent: AgentState, executor: Executor, update: PendingUpdate, oversized: OversizedPart): PendingUpdate | undefined {
  const end = endInPlaceOf(update, oversized);
  return end === undefined ? undefined : { ...stamp(agent, executor, end), uuid: update.uuid };
}

/** What a status says of its origin must be true. */
function findFalseStamp(executor: Executor, status: TaskStatus): string | undefined {
  if (status.source !== undefined && status.source !== 'SOURCE_EXECUTOR') return `source: current value is "${status.source}", expected "SOURCE_EXECUTOR"`;
  if (status.executorId !== undefined && status.executorId !== executor.info.executorId) {
    return `executor_id: current value is "${status.executorId}", expected "${executor.info.executorId}"`;
  }
  return undefined;
}

function findObjection(task: Task, status: TaskStatus): string | undefined {
  if (task.place === 'queued') return 'the executor has not been told of the task yet';
  if (!mayMove(task.state, status.state, 'executor')) return `state: current value is "${status.state}", expected a state that an executor may report after "${task.state}"`;
  return undefined;
}

function stamp(agent: AgentState, executor: Executor, status: TaskStatus): TaskStatus {
  return {
    ...status,
    source: 'SOURCE_EXECUTOR',
    ...(agent.agentId === undefined ? {} : { agentId: agent.agentId }),
    executorId: executor.info.executorId,
    timestampMs: status.timestampMs ?? agent.wallMs,
    containerStatus: {
      containerId: executor.containerId,
      ...(executor.started === undefined ? {} : { executorPid: executor.started.pid }),
      networkInfos: status.containerStatus?.networkInfos ?? [],
    },
  };
}

function refuse(agent: AgentState, session: ExecutorSession, message: string): void {
  agent.turn.toExecutor(session.id, { kind: 'error', message });
}
