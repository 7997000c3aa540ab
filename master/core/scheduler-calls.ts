// Scheduler calls: what a scheduler's session may ask, and to whom each call goes.
//
// Owns:      the order of checks before a call is carried out, the calls that need no file of their own, and the end of a frame of calls.
// Elsewhere: the meaning of the larger ones (frameworks.ts, accept.ts, offers.ts, kills.ts, reconciliation.ts, status-updates.ts), what a frame
//            has asked for so far (call-frame.ts).
// Invariants:
//   L1. A session says nothing but SUBSCRIBE before it is subscribed, and speaks for its own framework only.
//   L2. A call that is not carried out is answered with `refused`, and the session goes on; a refused SUBSCRIBE ends it.
//       Silent, as in Mesos: offers no longer valid in a DECLINE, acknowledgements that come too late, messages to who is away or not there.
// Source: Mesos scheduler API (reference, 1.2, 1.4 and 6), with `refused` where Mesos answers by HTTP status.

import { assertNever } from '../../common/invariant';
import { describeRefusal, refused } from '../../common/refusal';
import type { AgentId, ExecutorId, TaskId } from '../../common/model/ids';
import { messageDataBytesMax } from '../../common/model/message-size';
import type { ReceivedSchedulerCall, SchedulerCallEnvelope } from '../../common/model/scheduler-protocol';
import { onAccept } from './accept';
import { countMessage, countQuestions, newCallFrame, roomForQuestions, type CallFrame } from './call-frame';
import { onSubscribe, onUpdateFramework, refuseSubscription, removeFramework, tellAgents } from './frameworks';
import { subsetRefusal } from './framework-validation';
import { killAsked, onKill, onShutdownExecutor } from './kills';
import { callListCountMax, refuseCall, sendToAgent, type Framework, type MasterState, type SchedulerSession } from './master-state';
import { declineOffers } from './offers';
import { reconcileExplicitly, reconcileImplicitly } from './reconciliation';
import { onAcknowledge } from './status-updates';
import { runningExecutor } from './tasks';

/** One frame of calls, and then what it asked for as a whole (call-frame.ts). */
export function onSchedulerCalls(state: MasterState, number: number, calls: readonly ReceivedSchedulerCall[]): void {
  const frame = newCallFrame();
  for (const call of calls) {
    const session = state.schedulerSessions.get(number); // A call may end its own session: the rest of the frame goes unheard.
    if (session === undefined) return;
    onSchedulerCall(state, session, frame, call);
  }
  const framework = state.schedulerSessions.get(number)?.framework;
  if (framework !== undefined) settle(state, framework, frame);
}

/** What a frame asked for, however often, happens once, when all of it has been heard. */
function settle(state: MasterState, framework: Framework, frame: CallFrame): void {
  if (frame.isInfoNews) tellAgents(state, framework);
  killAsked(state, framework, frame);
  if (frame.isAllAsked) reconcileImplicitly(state, framework);
}

function onSchedulerCall(state: MasterState, session: SchedulerSession, frame: CallFrame, received: ReceivedSchedulerCall): void {
  state.counters.schedulerCalls += 1;
  if (!received.ok) {
    const isSubscribe = received.callKind.toLowerCase() === 'subscribe';
    if (isSubscribe && session.framework === undefined) refuseSubscription(state, session, describeRefusal(received.refusal));
    else refuseCall(state, session, received.number, received.callKind, received.refusal);
    return;
  }
  const { number, frameworkId, call } = received.value;
  const { framework } = session;
  if (call.kind === 'subscribe') {
    if (framework === undefined) onSubscribe(state, session, frameworkId, call);
    else refuseCall(state, session, number, call.kind, refused('type', 'SUBSCRIBE', `another call: this session is subscribed as ${framework.id}`).refusal);
    return;
  }
  if (framework === undefined) {
    refuseCall(state, session, number, call.kind, refused('type', call.kind.toUpperCase().replaceAll('-', '_'), 'SUBSCRIBE as the first call of a session').refusal);
    return;
  }
  if (frameworkId !== undefined && frameworkId !== framework.id) {
    refuseCall(state, session, number, call.kind, refused('framework_id', frameworkId, `the framework of this session (${framework.id})`).refusal);
    return;
  }
  carryOut(state, session, framework, frame, number, call);
}

function carryOut(
  state: MasterState,
  session: SchedulerSession,
  framework: Framework,
  frame: CallFrame,
  number: number,
  call: Exclude<SchedulerCallEnvelope['call'], { kind: 'subscribe' }>,
): void {
  switch (call.kind) {
    case 'teardown':
      removeFramework(state, framework, 'teardown by its scheduler');
      return;
    case 'accept':
      onAccept(state, session, framework, number, call);
      return;
    case 'decline':
      declineOffers(state, session, framework, number, call);
      return;
    case 'revive':
    case 'suppress':
      setSuppressed(state, session, framework, number, call);
      return;
    case 'kill':
      onKill(state, session, framework, frame, number, call);
      return;
    case 'shutdown':
      onShutdownExecutor(state, framework, call);
      return;
    case 'acknowledge':
      onAcknowledge(state, session, framework, number, call);
      return;
    case 'reconcile':
      reconcile(state, session, framework, frame, number, call.tasks);
      return;
    case 'message':
      passMessage(state, session, framework, frame, number, call);
      return;
    case 'request':
      return; // Taken and passed over. Source: Mesos's allocator.
    case 'update-framework':
      onUpdateFramework(state, session, framework, frame, number, call);
      return;
    default:
      assertNever(call);
  }
}

/** REVIVE and SUPPRESS. One wrong role refuses the whole call; no roles mean all. Source: Mesos, which drops it silently. */
function setSuppressed(
  state: MasterState,
  session: SchedulerSession,
  framework: Framework,
  number: number,
  { kind, roles: named }: { readonly kind: 'revive' | 'suppress'; readonly roles: readonly string[] },
): void {
  const refusal = subsetRefusal(named, framework.info, (index) => `${kind}.roles[${index}]`);
  if (refusal !== undefined) {
    refuseCall(state, session, number, kind, refusal);
    return;
  }
  const roles = named.length === 0 ? framework.info.roles : named;
  if (roles.length === 0) return;
  if (kind === 'suppress') {
    for (const role of roles) framework.suppressedRoles.add(role);
    state.allocator.suppress(framework.id, roles);
  } else {
    for (const role of roles) framework.suppressedRoles.delete(role);
    state.allocator.revive(framework.id, roles, state.nowMs);
  }
}

function reconcile(
  state: MasterState,
  session: SchedulerSession,
  framework: Framework,
  frame: CallFrame,
  number: number,
  tasks: readonly { readonly taskId: TaskId; readonly agentId?: AgentId }[],
): void {
  if (tasks.length === 0) {
    frame.isAllAsked = true;
    return;
  }
  if (tasks.length > callListCountMax) {
    refuseCall(state, session, number, 'reconcile', refused('reconcile.tasks', tasks.length, `at most ${callListCountMax} tasks`).refusal);
    return;
  }
  if (!countQuestions(frame, tasks.length)) {
    refuseCall(state, session, number, 'reconcile', refused('reconcile.tasks', tasks.length, roomForQuestions(frame)).refusal);
    return;
  }
  for (const task of tasks) reconcileExplicitly(state, framework, task);
}

/**
 * MESSAGE: best effort, to an executor that the framework has there. Those of other agents and frameworks use the same link, so what is said to one
 * agent in a frame has a bound (R2).
 */
function passMessage(
  state: MasterState,
  session: SchedulerSession,
  framework: Framework,
  frame: CallFrame,
  number: number,
  { agentId, executorId, data }: { readonly agentId: AgentId; readonly executorId: ExecutorId; readonly data: Uint8Array },
): void {
  if (data.length > messageDataBytesMax) {
    refuseCall(state, session, number, 'message', refused('message.data', `${data.length} bytes`, `at most ${messageDataBytesMax} bytes`).refusal);
    return;
  }
  const agent = state.agents.get(agentId);
  const bytes = data.length + 3 * (framework.id.length + executorId.length) + 32; // As UTF-8 at worst, with field heads.
  const isSent =
    agent !== undefined &&
    runningExecutor(framework, agent, executorId) !== undefined &&
    countMessage(frame, agent, bytes) &&
    sendToAgent(state, agent, { kind: 'framework-message', frameworkId: framework.id, executorId, data });
  if (isSent) state.counters.frameworkMessages += 1;
  else state.counters.frameworkMessagesDropped += 1;
}
