// Frameworks: who schedules, whether it can be reached, and for how long it is waited for.
//
// Owns:      subscription, re-subscription, disconnection, failover timeout, update and removal of frameworks.
// Elsewhere: what a subscription may say (framework-validation.ts), the calls of a subscribed session (scheduler-calls.ts).
// Invariants:
//   F1. A framework has at most one session; the newest SUBSCRIBE wins. Source: Mesos.
//   F2. A refused subscription changes nothing: the session is told by `error` and closed, an older session of that framework stays.
//   F3. A framework that is not connected has a failover deadline: none is waited for without end.
//   F4. Where there is no room for a framework, the one that is away for longest and has nothing that runs is removed before its time.
//   F5. Agents are told of a changed info at once, but not more often than they can bear: what changes sooner is told together.
// Source: Mesos (reference, section 5). Ours, F3: after a change of leader, frameworks seen through agents only are waited for too, for
//         their failover timeout but at least as long as agents are, because even a timeout of 0 must survive a change of leader.

import { refused, describeRefusal, type Refusal } from '../../common/refusal';
import type { FrameworkInfo } from '../../common/model/framework';
import { frameworkId, type FrameworkId } from '../../common/model/ids';
import type { OfferConstraints, SchedulerCall, SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { CallFrame } from './call-frame';
import { frameworkRefusal, type Subscription } from './framework-validation';
import {
  endOpening,
  frameworkCountMax,
  infoIntervalMs,
  refuseCall,
  sendToAgent,
  sendToScheduler,
  type Framework,
  type FrameworkConnection,
  type MasterState,
  type SchedulerSession,
} from './master-state';
import { discardOffersOfFramework, endOffer } from './offers';
import { Ring } from './ring';
import { areEqual } from './structural-equality';
import { summarizeFramework } from './summaries';
import { agentsOf, endTasksOfFramework } from './tasks';

type SubscribeCall = Extract<SchedulerCall, { kind: 'subscribe' }>;
type UpdateFrameworkCall = Extract<SchedulerCall, { kind: 'update-framework' }>;

export function onSubscribe(state: MasterState, session: SchedulerSession, envelopeId: FrameworkId | undefined, call: SubscribeCall): void {
  const id = call.frameworkInfo.id;
  const claimedId = call.frameworkId ?? envelopeId;
  const refusal =
    (claimedId === id && (envelopeId ?? id) === id
      ? undefined
      : refused('subscribe.framework_info.id', id, `the framework_id of the call (${envelopeId ?? claimedId ?? 'not set'})`).refusal) ??
    frameworkRefusal(call, 'subscribe', state.compileRegex);
  if (refusal !== undefined) {
    refuseSubscription(state, session, describeRefusal(refusal));
    return;
  }
  if (id !== undefined && state.completedFrameworks.has(id)) {
    refuseSubscription(state, session, 'Framework has been removed');
    return;
  }
  const known = id === undefined ? undefined : state.frameworks.get(id);
  if (known !== undefined) {
    resubscribe(state, session, known, call);
    return;
  }
  if (state.frameworks.size >= frameworkCountMax && !makeRoom(state)) {
    refuseSubscription(state, session, `This master has ${state.frameworks.size} frameworks already, at most ${frameworkCountMax} are taken`);
    return;
  }
  // An id nobody knows is that of a framework from before a change of leader. Source: Mesos.
  const framework = addFramework(state, id ?? newFrameworkId(state), call, { kind: 'connected', session: session.number });
  state.counters.frameworksSubscribed += 1;
  welcome(state, session, framework);
}

/** F4. Not while agents are awaited after a change of leader: what they bring may belong to any framework. */
function makeRoom(state: MasterState): boolean {
  if (state.recoveredAgentCount > 0) return false;
  for (const framework of state.awayFrameworks) {
    const { tasks, executors, strays, unreachableTasks } = framework;
    if (tasks.size + executors.size + strays.size + unreachableTasks.size > 0) continue;
    removeFramework(state, framework, 'it was away, with nothing that runs, and others need the room');
    return true;
  }
  return false;
}

/** `<masterId>-NNNN`; skips ids that a scheduler made up and subscribed with. */
function newFrameworkId(state: MasterState): FrameworkId {
  for (;;) {
    const id = frameworkId(`${state.start.masterId}-${String(state.frameworkNumberNext++).padStart(4, '0')}`);
    if (!state.frameworks.has(id) && !state.completedFrameworks.has(id)) return id;
  }
}

/** Ends the session with the reason (F2). */
export function refuseSubscription(state: MasterState, session: SchedulerSession, message: string): void {
  state.counters.subscriptionsRefused += 1;
  state.outgoing.log('info', 'Subscription refused', { peer: session.peer, reason: message });
  endSession(state, session.number, { kind: 'error', message });
}

function endSession(state: MasterState, number: number, last: SchedulerEvent | undefined): void {
  if (last !== undefined) state.outgoing.toScheduler(number, last);
  state.outgoing.closeScheduler(number);
  const session = state.schedulerSessions.get(number);
  if (session !== undefined) endOpening(state, session);
  state.schedulerSessions.delete(number);
}

function addFramework(state: MasterState, id: FrameworkId, subscription: Subscription, connection: FrameworkConnection): Framework {
  const { suppressedRoles, offerConstraints } = subscription;
  const info: FrameworkInfo = { ...subscription.frameworkInfo, id };
  const framework: Framework = {
    id,
    info,
    connection,
    isKnownToAgents: false,
    infoRest: undefined,
    isInfoNews: false,
    orders: { rest: undefined, killed: new Set(), shutDown: new Set(), killsRepeated: new Map() },
    suppressedRoles: new Set(suppressedRoles),
    offerConstraints,
    subscribedAtWallMs: undefined,
    offers: new Set(),
    tasks: new Map(),
    executors: new Set(),
    executorBytes: 0,
    strays: new Set(),
    unreachableTasks: new Map(),
    completedTasks: new Ring(state.config.completedTaskCountMax),
    looseUpdateCount: 0,
    offerHoldSumMs: 0,
    offerHoldCount: 0,
  };
  state.frameworks.set(id, framework);
  const active = connection.kind === 'connected';
  if (!active) state.awayFrameworks.add(framework);
  state.allocator.addFramework(id, info, { suppressedRoles, active, offerConstraints, used: new Map() }, state.nowMs);
  return framework;
}

/** A framework that agents run tasks of, and that has not subscribed with this leader yet (F3). `info` was checked, and has an id. */
export function recoverFramework(state: MasterState, id: FrameworkId, info: FrameworkInfo): Framework {
  const waitMs = Math.max(info.failoverTimeoutMs, state.config.agentReregisterTimeoutMs);
  const subscription = { frameworkInfo: info, suppressedRoles: [], offerConstraints: new Map() as OfferConstraints };
  const failover = state.deadlines.set(state.nowMs + waitMs, { kind: 'failover-timeout', frameworkId: id });
  const framework = addFramework(state, id, subscription, { kind: 'recovered', failover });
  state.outgoing.log('info', 'Framework recovered from an agent', { frameworkId: id, frameworkName: info.name, waitMs });
  return framework;
}

/** Tells the scheduler that it is in. */
function welcome(state: MasterState, session: SchedulerSession, framework: Framework): void {
  session.framework = framework;
  endOpening(state, session);
  framework.subscribedAtWallMs = state.wallMs;
  const { heartbeatIntervalMs } = state.config;
  sendToScheduler(state, framework, { kind: 'subscribed', frameworkId: framework.id, heartbeatIntervalMs, masterInfo: state.start.masterInfo });
  state.outgoing.log('info', 'Framework subscribed', { frameworkId: framework.id, frameworkName: framework.info.name, peer: session.peer });
}

function resubscribe(state: MasterState, session: SchedulerSession, framework: Framework, call: SubscribeCall): void {
  const before = framework.info;
  if (call.frameworkInfo.principal !== before.principal) {
    refuseSubscription(state, session, "Changing framework's principal is not allowed.");
    return;
  }
  if (call.frameworkInfo.user !== before.user || call.frameworkInfo.checkpoint !== before.checkpoint) {
    state.outgoing.log('warn', 'Framework may not change its user or checkpoint flag, keeping the old', { frameworkId: framework.id });
  }
  const { connection } = framework;
  if (connection.kind === 'connected') {
    const old = state.schedulerSessions.get(connection.session);
    if (old !== undefined) old.framework = undefined;
    endSession(state, connection.session, { kind: 'error', message: 'Framework failed over' }); // F1
  } else {
    state.deadlines.cancel(connection.failover);
    state.awayFrameworks.delete(framework);
  }
  discardOffersOfFramework(state, framework);
  framework.connection = { kind: 'connected', session: session.number };
  replaceInfo(state, framework, { ...call, frameworkInfo: { ...call.frameworkInfo, user: before.user, checkpoint: before.checkpoint } });
  if (connection.kind !== 'connected') state.allocator.activateFramework(framework.id, state.nowMs);
  state.counters.frameworksResubscribed += 1;
  welcome(state, session, framework);
  tellAgents(state, framework);
}

function replaceInfo(state: MasterState, framework: Framework, { frameworkInfo, suppressedRoles, offerConstraints }: Subscription): void {
  framework.info = { ...frameworkInfo, id: framework.id };
  framework.offerConstraints = offerConstraints;
  framework.suppressedRoles.clear();
  for (const role of suppressedRoles) framework.suppressedRoles.add(role);
  state.allocator.updateFramework(framework.id, framework.info, suppressedRoles, offerConstraints, state.nowMs);
}

/** Agents keep a copy of the info for the next leader. Those that run nothing of it learn it with the first task. Now, or when it has rested (F5). */
export function tellAgents(state: MasterState, framework: Framework): void {
  framework.isInfoNews = framework.infoRest !== undefined;
  if (framework.isInfoNews) return;
  const agents = agentsOf(framework);
  if (agents.size === 0) return;
  for (const agent of agents) sendToAgent(state, agent, { kind: 'update-framework', framework: framework.info });
  framework.infoRest = state.deadlines.set(state.nowMs + infoIntervalMs, { kind: 'info-rested', framework });
}

export function onInfoRested(state: MasterState, framework: Framework): void {
  framework.infoRest = undefined;
  if (framework.isInfoNews) tellAgents(state, framework);
}

/** UPDATE_FRAMEWORK: all or nothing. Unlike at a re-subscription, no immutable field may differ. Source: Mesos. */
export function onUpdateFramework(
  state: MasterState,
  session: SchedulerSession,
  framework: Framework,
  frame: CallFrame,
  number: number,
  call: UpdateFrameworkCall,
): void {
  const refusal = updateRefusal(state, framework, call);
  if (refusal !== undefined) {
    refuseCall(state, session, number, 'update-framework', refusal);
    return;
  }
  const roles = new Set(call.frameworkInfo.roles);
  for (const offer of [...framework.offers]) if (!roles.has(offer.role)) endOffer(state, offer, 'rescinded');
  const before = framework.info;
  replaceInfo(state, framework, call);
  if (!areEqual(before, framework.info)) frame.isInfoNews = true; // Agents hear of it at the end of the frame.
}

function updateRefusal(state: MasterState, framework: Framework, call: UpdateFrameworkCall): Refusal | undefined {
  const { info } = framework;
  const next = call.frameworkInfo;
  const at = 'update_framework.framework_info';
  if (next.id !== framework.id) return refused(`${at}.id`, next.id, framework.id).refusal;
  if (next.user !== info.user) return refused(`${at}.user`, next.user, `"${info.user}": the user cannot change`).refusal;
  if (next.checkpoint !== info.checkpoint) return refused(`${at}.checkpoint`, next.checkpoint, `${info.checkpoint}: the checkpoint flag cannot change`).refusal;
  if (next.principal !== info.principal) return refused(`${at}.principal`, next.principal, `${info.principal ?? 'nothing'}: the principal cannot change`).refusal;
  return frameworkRefusal(call, 'update_framework', state.compileRegex);
}

/** The session of the framework's scheduler is over: tasks run on, offers return, and the failover clock runs. */
export function disconnectFramework(state: MasterState, framework: Framework): void {
  state.counters.frameworksDisconnected += 1;
  const { failoverTimeoutMs } = framework.info;
  state.outgoing.log('info', 'Framework disconnected', { frameworkId: framework.id, frameworkName: framework.info.name, failoverTimeoutMs });
  discardOffersOfFramework(state, framework);
  state.allocator.deactivateFramework(framework.id, state.nowMs);
  const failover = state.deadlines.set(state.nowMs + Math.max(0, failoverTimeoutMs), { kind: 'failover-timeout', frameworkId: framework.id });
  framework.connection = { kind: 'disconnected', failover };
  state.awayFrameworks.add(framework);
  if (failoverTimeoutMs <= 0) removeFramework(state, framework, 'failover timeout is 0');
}

/** Removes the framework for good: its executors are shut down everywhere, its id is not taken again (reference, 5.6). */
export function removeFramework(state: MasterState, framework: Framework, reason: string, lastEvent?: SchedulerEvent): void {
  state.counters.frameworksRemoved += 1;
  state.outgoing.log('info', 'Framework removed', { frameworkId: framework.id, frameworkName: framework.info.name, reason });
  discardOffersOfFramework(state, framework);
  for (const rest of [framework.infoRest, framework.orders.rest]) if (rest !== undefined) state.deadlines.cancel(rest);
  // Every agent, as in Mesos, unless none can have heard of it: what has subscribed and gone is no reason to speak to all of them.
  if (framework.isKnownToAgents) for (const agent of state.agents.values()) sendToAgent(state, agent, { kind: 'shutdown-framework', frameworkId: framework.id });
  endTasksOfFramework(state, framework);
  const { connection } = framework;
  if (connection.kind === 'connected') endSession(state, connection.session, lastEvent);
  else state.deadlines.cancel(connection.failover);
  state.allocator.removeFramework(framework.id, state.nowMs);
  state.frameworks.delete(framework.id);
  state.awayFrameworks.delete(framework);
  const { completedFrameworks } = state;
  completedFrameworks.set(framework.id, {
    summary: { ...summarizeFramework(state, framework), state: 'completed' },
    completedTasks: framework.completedTasks,
  });
  for (const oldest of completedFrameworks.keys()) {
    if (completedFrameworks.size <= state.config.completedFrameworkCountMax) break;
    completedFrameworks.delete(oldest);
  }
}
