// Agent messages: what an agent's session may say, and to whom each message goes.
//
// Owns:      the order of a session (P1), putting together what is reported in parts, and the messages that need no file of their own.
// Elsewhere: registration (agents.ts), updates (status-updates.ts), answers to operators (relays.ts).
// Invariants:
//   V1. An agent speaks for itself only: its own tasks and executors, under its own id.
//   V2. A message out of turn before registration ends the session; after it, the message is passed over.
// Source: Mesos master's handlers of agent messages, here over one stream.

import { assertNever } from '../../common/invariant';
import type { AgentMessage, ReportPart } from '../../common/model/agent-protocol';
import type { ExecutorId, FrameworkId } from '../../common/model/ids';
import { onPong, onRegister, onReregister, onUnregister, refuseAgent } from './agents';
import { executorOn, reportPartCountMax, sendToScheduler, type Agent, type AgentSession, type MasterState } from './master-state';
import type { ReregisterMessage } from './agent-report';
import { onSandboxChunk } from './relays';
import { onStatusUpdate } from './status-updates';
import { removeExecutor } from './tasks';

export function onAgentMessage(state: MasterState, session: AgentSession, message: AgentMessage): void {
  const { agent } = session;
  if (agent === undefined) {
    if (message.kind === 'register') onRegister(state, session, message);
    else if (message.kind === 'report-part') onReportPart(state, session, message);
    else if (message.kind === 'reregister') onReregister(state, session, wholeReport(session, message));
    else refuseAgent(state, session, `First message of a session: current value is "${message.kind}", expected "register" or "reregister"`, false);
    return;
  }
  switch (message.kind) {
    case 'register':
    case 'reregister':
    case 'report-part':
      state.counters.agentMessagesInvalid += 1; // V2: a new try is a new session (P1).
      state.outgoing.log('warn', 'Agent registered twice in one session', { agentId: agent.id, peer: session.peer });
      return;
    case 'status-update':
      onStatusUpdate(state, agent, message);
      return;
    case 'exited-executor':
      onExitedExecutor(state, agent, message);
      return;
    case 'framework-message': {
      const framework = state.frameworks.get(message.frameworkId);
      const event = { kind: 'message', agentId: agent.id, executorId: message.executorId, data: message.data } as const;
      if (framework !== undefined && sendToScheduler(state, framework, event)) state.counters.frameworkMessages += 1;
      else state.counters.frameworkMessagesDropped += 1;
      return;
    }
    case 'pong':
      onPong(state, agent);
      return;
    case 'unregister':
      onUnregister(state, session, agent);
      return;
    case 'sandbox-chunk':
      onSandboxChunk(state, agent, message);
      return;
    default:
      assertNever(message);
  }
}

/** Kept until the rest is there: who registers is judged by the whole. The session's opening deadline runs on. */
function onReportPart(state: MasterState, session: AgentSession, { tasks, executors, frameworks }: ReportPart): void {
  if (session.reportParts.length >= reportPartCountMax) {
    refuseAgent(state, session, `Report in parts: current value is more than ${reportPartCountMax} parts, expected at most as many`, false);
    return;
  }
  session.reportParts.push({ tasks, executors, frameworks });
  state.outgoing.toAgent(session.number, { kind: 'report-part-taken' });
}

/** With what came before. */
function wholeReport(session: AgentSession, message: ReregisterMessage): ReregisterMessage {
  if (session.reportParts.length === 0) return message;
  const parts = [...session.reportParts, message];
  session.reportParts = [];
  return {
    ...message,
    tasks: parts.flatMap(({ tasks }) => tasks),
    executors: parts.flatMap(({ executors }) => executors),
    frameworks: parts.flatMap(({ frameworks }) => frameworks),
  };
}

/** A custom executor ended. Of one that is not tracked, or of a command task, nobody is told. Source: Mesos. */
function onExitedExecutor(
  state: MasterState,
  agent: Agent,
  { frameworkId, executorId, status }: { readonly frameworkId: FrameworkId; readonly executorId: ExecutorId; readonly status: number },
): void {
  const executor = executorOn(agent, frameworkId, executorId);
  if (executor === undefined) return;
  removeExecutor(state, executor);
  sendToScheduler(state, executor.framework, { kind: 'failure', agentId: agent.id, executorId, status });
}
