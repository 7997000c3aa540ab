// Master session: joining a master, and what it says.
//
// Owns:      registration and re-registration, their answers, the dispatch of the master's messages.
// Elsewhere: dialing, backoff and following the leader (common/leader-session.ts), what each message means (launch.ts, kill.ts, ...).
// Invariants:
//   R1. The agent id is durable before anything that rests on it leaves; it never changes for the life of a work directory.
//   R2. Before its registration is answered, a session may only answer it, ping, or send the agent away.
//   R3. On every registration all update streams begin again with their heads.
//   R4. However much the agent runs, no message of its report is longer than a link takes: it is cut into parts, and each waits until the one before was
//       taken. All parts are of the moment in which the session began.
// Source: Mesos agent (reference, agent section 14), without a registration timer of its own per try: a new try is a new session (P1 of
//         common/model/agent-protocol.ts).

import type { AgentMessage, ExecutorReport, MasterMessage, ReportPart, TaskReport } from '../../common/model/agent-protocol';
import { assertNever } from '../../common/invariant';
import type { FrameworkInfo } from '../../common/model/framework';
import type { AgentId } from '../../common/model/ids';
import { reportPartBytesMax, sizeOf } from '../../common/model/message-size';
import { outlineOf } from '../../common/model/task';
import type { AgentState } from './agent-state';
import { endAgent, shutdownExecutor, shutdownFramework } from './executor-termination';
import { killTask } from './kill';
import { recordFramework, runTask } from './launch';
import { readSandbox } from './sandbox-reading';
import { acknowledgeUpdate, reportUnknownTask } from './task-updates';

/**
 * How long a master may take to answer a registration; then the session is made anew. Longer than an admission takes, which writes the registry,
 * even when all agents of a large cluster come at once. Ours.
 */
export const registrationTimeoutMs = 30_000;

export function masterConnected(agent: AgentState, address: string): void {
  agent.link = 'registering';
  agent.untoldExits = [];
  agent.reportToCome = registration(agent);
  agent.turn.log('debug', 'Registration begun', { address, agentId: agent.agentId, partCount: agent.reportToCome.length });
  reportNext(agent);
}

/** Says the next part of the registration (R4); the master has as long for it as for a whole one. */
function reportNext(agent: AgentState): void {
  const part = agent.reportToCome.shift();
  if (part === undefined) return; // The master asks for more than there is.
  agent.deadlines.set(agent.registrationDeadline, agent.nowMs + registrationTimeoutMs);
  agent.turn.toMaster(part);
}

export function masterDisconnected(agent: AgentState): void {
  agent.link = 'none';
  agent.reportToCome = [];
  agent.deadlines.clear(agent.registrationDeadline);
  agent.updates.pause();
  agent.sandboxes.forgetReads();
}

/** No answer to our registration. */
export function registrationDue(agent: AgentState): void {
  restartSession(agent, `The master did not answer the registration within ${registrationTimeoutMs} ms`);
}

export function masterMessage(agent: AgentState, message: MasterMessage): void {
  if (agent.link === 'none') return; // The session was given up by an earlier message of the batch.
  switch (message.kind) {
    case 'registered':
      registered(agent, message.agentId, []);
      return;
    case 'reregistered':
      registered(agent, message.agentId, message.missingTasks);
      return;
    case 'report-part-taken':
      if (agent.link === 'registering') reportNext(agent);
      return;
    case 'registration-refused':
      refused(agent, message.message, message.permanent);
      return;
    case 'ping':
      agent.turn.toMaster({ kind: 'pong' });
      return;
    case 'shutdown':
      endAgent(agent, { reason: `The master ended this agent: ${message.message}`, unregister: false });
      return;
    default:
      if (agent.link === 'registered') orderOf(agent, message);
      else agent.turn.log('warn', 'Message before registration ignored', { messageKind: message.kind }); // R2
  }
}

type Order = Exclude<MasterMessage, { kind: 'registered' | 'reregistered' | 'report-part-taken' | 'registration-refused' | 'ping' | 'shutdown' }>;

function orderOf(agent: AgentState, message: Order): void {
  switch (message.kind) {
    case 'run-task':
      runTask(agent, message);
      return;
    case 'kill-task':
      killTask(agent, message);
      return;
    case 'acknowledge-status':
      acknowledgeUpdate(agent, message.frameworkId, message.taskId, message.uuid);
      return;
    case 'shutdown-executor': {
      const executor = agent.findExecutor(message.frameworkId, message.executorId);
      if (executor !== undefined) shutdownExecutor(agent, executor);
      return;
    }
    case 'shutdown-framework':
      shutdownFramework(agent, message.frameworkId);
      return;
    case 'update-framework': {
      const { id } = message.framework;
      if (id !== undefined && agent.frameworks.get(id)?.isTerminating === false) recordFramework(agent, message.framework, id);
      return;
    }
    case 'framework-message': {
      const executor = agent.findExecutor(message.frameworkId, message.executorId);
      if (executor?.session !== undefined && executor.life.phase === 'running') agent.turn.toExecutor(executor.session.id, { kind: 'message', data: message.data });
      return; // Best effort: for any other executor it is dropped. Source: Mesos.
    }
    case 'read-sandbox':
      readSandbox(agent, message);
      return;
    default:
      assertNever(message);
  }
}

/** The master has the agent in its books. */
function registered(agent: AgentState, agentId: AgentId, missingTasks: Extract<MasterMessage, { kind: 'reregistered' }>['missingTasks']): void {
  if (agent.agentId !== undefined && agent.agentId !== agentId) {
    exitNow(agent, `The master knows this agent as "${agentId}", but its work directory belongs to "${agent.agentId}"`);
    return;
  }
  if (agent.link === 'registered') return;
  agent.agentId = agentId;
  agent.turn.checkpoint({ kind: 'agent', agentId, info: agent.config.info });
  agent.link = 'registered';
  agent.deadlines.clear(agent.registrationDeadline);
  agent.turn.do({ kind: 'master-established' });
  agent.turn.log('info', 'Agent registered', { agentId, missingTaskCount: missingTasks.length });
  for (const exit of agent.untoldExits.splice(0)) agent.turn.toMaster(exit);
  agent.updates.resume();
  for (const { frameworkId, taskId } of missingTasks) {
    // What the agent knows after all is told by its own updates.
    const framework = agent.frameworks.get(frameworkId);
    if (framework?.tasks.has(taskId) === true || agent.updates.has(frameworkId, taskId)) continue;
    reportUnknownTask(agent, frameworkId, taskId, undefined, framework?.info, { state: 'TASK_DROPPED', reason: 'REASON_RECONCILIATION', message: 'Task is unknown to the agent' });
  }
}

function refused(agent: AgentState, message: string, permanent: boolean): void {
  if (agent.link === 'registered') return; // It answers a registration, and ours is answered.
  if (permanent) exitNow(agent, `The master refused this agent for good: ${message}`);
  else restartSession(agent, `The master refused the registration for now: ${message}`);
}

function restartSession(agent: AgentState, reason: string): void {
  masterDisconnected(agent);
  agent.turn.do({ kind: 'restart-master-session', reason });
}

function exitNow(agent: AgentState, reason: string): void {
  agent.hasExited = true;
  agent.turn.do({ kind: 'exit', reason, isFailure: true });
}

/** The opening of a session: who we are, and all that a new leader needs to know. Several messages if one has no room for it (R4). */
function registration(agent: AgentState): AgentMessage[] {
  const { agentId } = agent;
  const { info, version } = agent.config;
  if (agentId === undefined) return [{ kind: 'register', info, version }];
  const parts = reportParts(agent);
  const last = parts.pop() ?? { tasks: [], executors: [], frameworks: [] };
  return [...parts.map((part) => ({ kind: 'report-part', ...part }) as const), { kind: 'reregister', agentId, info: { ...info, id: agentId }, version, ...last }];
}

type DraftPart = { readonly [Key in keyof ReportPart]: ReportPart[Key][number][] };

/** What runs here, in as few parts as `reportPartBytesMax` allows. */
function reportParts(agent: AgentState): ReportPart[] {
  const parts: DraftPart[] = [];
  let bytes = Infinity;
  /** The part that has room for one more. */
  const roomFor = (report: FrameworkInfo | ExecutorReport | TaskReport): DraftPart => {
    const size = sizeOf(report);
    if (bytes + size > reportPartBytesMax) {
      parts.push({ tasks: [], executors: [], frameworks: [] });
      bytes = 0;
    }
    bytes += size;
    return parts[parts.length - 1]!;
  };
  for (const framework of agent.frameworks.values()) {
    if (framework.isTerminating) continue; // The master has forgotten it already.
    roomFor(framework.info).frameworks.push(framework.info);
    for (const executor of framework.executors.values()) {
      const report: ExecutorReport = { frameworkId: framework.id, executor: executor.info };
      if (!executor.isCommand) roomFor(report).executors.push(report);
    }
    for (const task of framework.tasks.values()) {
      const head = agent.updates.head(framework.id, task.info.taskId);
      const report: TaskReport = {
        frameworkId: framework.id,
        task: outlineOf(task.info),
        executorId: task.executorId,
        state: task.state,
        ...(head === undefined ? {} : { unacknowledged: { state: head.state, uuid: head.uuid } }),
      };
      roomFor(report).tasks.push(report);
    }
  }
  return parts;
}
