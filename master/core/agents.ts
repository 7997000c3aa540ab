// Agents: which machines there are, and whether they can be reached.
//
// Owns:      admission, re-registration, disconnection, unreachability and removal of agents.
// Elsewhere: reading what a returning agent reports (agent-report.ts), its updates (status-updates.ts), liveness of links (../, proto/).
// Invariants:
//   A1. An agent is admitted, moved to unreachable, or removed in the registry before anybody hears of it (with M2).
//   A2. An agent has at most one session; the newest registration wins (P2).
//   A3. A refused agent changes nothing, except that its session is closed.
//   A4. An agent that is away has a deadline: it comes back, or it is unreachable, and then forgotten two weeks later, or for newer ones.
//   A5. Nothing of a new agent is offered before it has answered under its id: the answer to a first registration may be lost, the agent then joins
//       under another id, and what was launched on the first would wait for ever for an agent that never was.
//   A6. An id given out is nobody's: not an agent's, nor remembered as one's, whatever ids machines have come with.
// Source: Mesos (reference, operator document, sections 9 to 11, and 15). Ours: links find silence, so a ping only asks for A5; an agent whose id is
//         at work under another hostname refuses a second one of that id, as Mesos does by address, which means nothing behind a router.

import { invariant } from '../../common/invariant';
import { describeRefusal } from '../../common/refusal';
import type { AgentMessage, MasterMessage } from '../../common/model/agent-protocol';
import type { AgentInfo } from '../../common/model/agent';
import { agentId as makeAgentId, type AgentId, type FrameworkId, type TaskId } from '../../common/model/ids';
import type { Resources } from '../../common/model/resources';
import { isTerminal } from '../../common/model/task-states';
import { sizeOf } from '../../common/model/message-size';
import { checkAgentInfo, readReport, type AgentReport, type ReadTask, type ReregisterMessage } from './agent-report';
import { recoverFramework } from './frameworks';
import { countTaskEnded } from './master-counters';
import { newLaunchFlight, notePing, notePong, resetLaunchFlight } from './launch-flight';
import {
  agentCountMax,
  endOpening,
  executorOn,
  forgettingIntervalMs,
  forgottenCountMax,
  sendMasterStatus,
  sendToAgent,
  sendToScheduler,
  setPresence,
  unreachableAgeMaxMs,
  unreachableAgentCountMax,
  type Agent,
  type AgentPresence,
  type AgentSession,
  type MasterState,
  type Task,
  type UnreachableAgent,
} from './master-state';
import type { RegistryChange } from './master-step';
import { rescindOffersOnAgent } from './offers';
import { failRelaysOf } from './relays';
import { addStray, removeStray } from './strays';
import { areEqual } from './structural-equality';
import { addExecutor, addTask, completeTask, executorsOn, moveTask, parkTask, releaseTask, removeExecutor, taskOn, unparkTask } from './tasks';

type RegisterMessage = Extract<AgentMessage, { kind: 'register' }>;

/** `register`: a machine that has no id yet. */
export function onRegister(state: MasterState, session: AgentSession, { info: given, version }: RegisterMessage): void {
  const checked = checkAgentInfo(given, version);
  if (!checked.ok) {
    refuseAgent(state, session, describeRefusal(checked.refusal), true);
    return;
  }
  if (state.agents.size >= agentCountMax) {
    refuseAsTooMany(state, session);
    return;
  }
  const agentId = newAgentId(state);
  const agent = newAgent(agentId, checked.value, version, { kind: 'active', session: session.number });
  state.agents.set(agentId, agent);
  attach(state, session, agent);
  state.outgoing.persist([admission(agent)]); // A1
  state.outgoing.toAgent(session.number, { kind: 'registered', agentId, masterId: state.start.masterId });
  state.outgoing.toAgent(session.number, { kind: 'ping' }); // A5
  notePing(agent);
  state.counters.agentsRegistered += 1;
  state.outgoing.log('info', 'Agent registered', { agentId, hostname: agent.info.hostname, peer: session.peer, resources: agent.info.resources.toString() });
}

/** `<masterId>-SN`; skips ids that a machine made up and re-registered with. */
function newAgentId(state: MasterState): AgentId {
  for (;;) {
    const id = makeAgentId(`${state.start.masterId}-S${state.agentNumberNext++}`);
    if (!state.agents.has(id) && !state.unreachableAgents.has(id)) return id;
  }
}

function refuseAsTooMany(state: MasterState, session: AgentSession): void {
  refuseAgent(state, session, `This master has ${state.agents.size} agents already, at most ${agentCountMax} are taken`, false);
}

export function newAgent(id: AgentId, info: AgentInfo, version: string, presence: AgentPresence): Agent {
  return {
    id,
    info: { ...info, id },
    infoBytes: sizeOf(info) + sizeOf(id),
    version,
    presence,
    isInAllocator: false,
    registeredAtWallMs: undefined,
    offers: new Set(),
    tasks: new Set(),
    launchFlight: newLaunchFlight(),
    executors: new Map(),
    strays: new Map(),
    relays: new Set(),
  };
}

function admission({ id, info, version }: Agent): RegistryChange {
  return { kind: 'put', fact: { kind: 'agent', agentId: id, info, version, state: 'admitted' } };
}

/** The agent answers under its id, so it has it for good (A5). */
export function onPong(state: MasterState, agent: Agent): void {
  notePong(state, agent);
  if (agent.isInAllocator) return;
  agent.isInAllocator = true;
  state.allocator.addAgent(agent.id, agent.info, new Map(), state.nowMs);
}

function attach(state: MasterState, session: AgentSession, agent: Agent): void {
  session.agent = agent;
  resetLaunchFlight(agent);
  endOpening(state, session);
  agent.registeredAtWallMs = state.wallMs;
}

/** Turns the agent away (A3). `permanent`: it would be refused again. */
export function refuseAgent(state: MasterState, session: AgentSession, message: string, permanent: boolean): void {
  state.counters.agentRegistrationsRefused += 1;
  state.outgoing.log('warn', 'Agent registration refused', { peer: session.peer, reason: message, permanent });
  endSession(state, session, { kind: 'registration-refused', message, permanent });
}

function endSession(state: MasterState, session: AgentSession, last: MasterMessage | undefined): void {
  if (last !== undefined) state.outgoing.toAgent(session.number, last);
  state.outgoing.closeAgent(session.number);
  endOpening(state, session);
  state.agentSessions.delete(session.number);
}

/** `reregister`: a machine that has an id, from this master or another, with what it runs. */
export function onReregister(state: MasterState, session: AgentSession, message: ReregisterMessage): void {
  const known = state.agents.get(message.agentId);
  if (known?.presence.kind === 'active' && known.info.hostname !== message.info.hostname) {
    refuseAgent(state, session, `Agent id ${message.agentId} is at work on host "${known.info.hostname}": was the work directory copied?`, true);
    return;
  }
  // What it says of its machine it will say again; what it says of its tasks may fit when some have ended.
  const info = checkAgentInfo(message.info, message.version);
  if (!info.ok) {
    refuseAgent(state, session, describeRefusal(info.refusal), true);
    return;
  }
  const read = readReport(state, message, info.value);
  if (!read.ok) {
    refuseAgent(state, session, describeRefusal(read.refusal), false);
    return;
  }
  if (known === undefined && state.agents.size >= agentCountMax) {
    refuseAsTooMany(state, session);
    return;
  }
  if (known?.presence.kind === 'active') replaceSession(state, known); // A2
  // Gone from the registry, or unreachable: its tasks were given up, and come back. Source: Mesos (MarkReachable adds anyway).
  const wasGivenUp = known === undefined;
  const agent = known ?? newAgent(message.agentId, read.value.info, message.version, { kind: 'active', session: session.number });
  const changes = readmit(state, agent, session, read.value.info, message.version, wasGivenUp);
  state.outgoing.persist(changes); // A1
  const missingTasks = [
    ...reconcile(state, agent, read.value, wasGivenUp).map((task) => ({ frameworkId: task.framework.id, taskId: task.info.taskId })),
    ...parkedTasksOf(state, agent),
  ];
  sendToAgent(state, agent, {
    kind: 'reregistered',
    agentId: agent.id,
    masterId: state.start.masterId,
    missingTasks,
  });
  correct(state, agent, read.value);
  state.counters.agentsReregistered += 1;
  state.outgoing.log('info', 'Agent re-registered', {
    agentId: agent.id,
    hostname: agent.info.hostname,
    peer: session.peer,
    taskCount: agent.tasks.size,
    missingTaskCount: missingTasks.length,
  });
}

/**
 * Tasks remembered as unreachable that the agent did not bring back: it answers for them, so that they end like any other that is missing, by an
 * update that is repeated until acknowledged. Ours: in Mesos they stay unreachable until their framework asks.
 */
function parkedTasksOf(state: MasterState, agent: Agent): { readonly frameworkId: FrameworkId; readonly taskId: TaskId }[] {
  return [...(state.unreachableTasks.get(agent.id) ?? [])].map(({ framework, summary }) => ({ frameworkId: framework.id, taskId: summary.id }));
}

function replaceSession(state: MasterState, agent: Agent): void {
  invariant(agent.presence.kind === 'active', 'only an active agent has a session to replace');
  const old = state.agentSessions.get(agent.presence.session);
  if (old !== undefined) {
    old.agent = undefined;
    endSession(state, old, undefined);
  }
  disconnectAgent(state, agent);
}

/** Makes the agent an active one with that info; returns what the registry must learn first. */
function readmit(state: MasterState, agent: Agent, session: AgentSession, info: AgentInfo, version: string, wasGivenUp: boolean): RegistryChange[] {
  const next: AgentInfo = { ...info, id: agent.id };
  const isChanged = agent.version !== version || !areEqual(agent.info, next);
  agent.info = next;
  agent.infoBytes = sizeOf(next);
  agent.version = version;
  if (wasGivenUp) {
    state.agents.set(agent.id, agent);
    state.unreachableAgents.delete(agent.id);
  }
  setPresence(state, agent, { kind: 'active', session: session.number });
  attach(state, session, agent);
  return isChanged || wasGivenUp ? [admission(agent)] : [];
}

/** Makes the master's books say what the agent said. Returns the tasks that it ought to have and does not. */
function reconcile(state: MasterState, agent: Agent, report: AgentReport, wasGivenUp: boolean): Task[] {
  for (const executor of executorsOn(agent)) {
    if (report.executors.get(executor.framework.id)?.has(executor.info.executorId) !== true) removeExecutor(state, executor);
  }
  for (const stray of [...agent.strays.values()]) removeStray(state, stray); // Those still reported are found again.
  const missing: Task[] = [];
  for (const task of [...agent.tasks]) {
    const reported = report.tasks.get(task.framework.id)?.get(task.info.taskId);
    if (reported !== undefined) {
      moveTask(state, task, reported.state);
      continue;
    }
    missing.push(task);
    // Whatever was on its way to the old session never arrives (P2), so the task is certain not to run: its resources are free.
    releaseTask(state, task);
  }
  const charges = adopt(state, agent, report, wasGivenUp);
  if (agent.isInAllocator) {
    state.allocator.activateAgent(agent.id, state.nowMs);
    state.allocator.updateAgent(agent.id, agent.info, state.nowMs);
    for (const [frameworkId, used] of charges) state.allocator.charge(frameworkId, agent.id, used);
  } else {
    agent.isInAllocator = true;
    state.allocator.addAgent(agent.id, agent.info, charges, state.nowMs);
  }
  return missing;
}

/** Tracks what the agent has and the master did not know of; returns what that uses per framework. */
function adopt(state: MasterState, agent: Agent, report: AgentReport, wasGivenUp: boolean): Map<FrameworkId, Resources> {
  const charges = new Map<FrameworkId, Resources>();
  const charge = (frameworkId: FrameworkId, resources: Resources): void => {
    if (!resources.isEmpty) charges.set(frameworkId, charges.get(frameworkId)?.plus(resources) ?? resources);
  };
  for (const [id, info] of report.frameworks) {
    const framework = state.frameworks.get(id) ?? recoverFramework(state, id, { ...info, id });
    framework.isKnownToAgents = true;
  }
  for (const [frameworkId, executors] of report.executors) {
    const framework = state.frameworks.get(frameworkId);
    invariant(framework, 'a framework of a report is known or to be shut down');
    for (const { executor, resources } of executors.values()) {
      if (executorOn(agent, frameworkId, executor.executorId) !== undefined) continue;
      addExecutor(framework, agent, { ...executor, frameworkId }, resources);
      charge(frameworkId, resources);
    }
  }
  for (const [frameworkId, tasks] of report.tasks) {
    const framework = state.frameworks.get(frameworkId);
    invariant(framework, 'a framework of a report is known or to be shut down');
    for (const reported of tasks.values()) {
      const isCharged = !isTerminal(reported.state);
      const tracked = framework.tasks.get(reported.task.taskId);
      if (tracked !== undefined) {
        if (tracked.agent !== agent && isCharged) {
          addStray(framework, agent, reported.task.taskId, reported.resources); // And killed (see `correct`).
          charge(frameworkId, reported.resources);
        }
        continue;
      }
      const task = addTask(state, framework, agent, {
        info: reported.task,
        role: reported.role,
        resources: reported.resources,
        state: reported.state,
        executorId: reported.executorId,
        isCharged,
      });
      if (isCharged) charge(frameworkId, reported.resources);
      noteReported(state, task, reported);
      const parked = framework.unreachableTasks.get(reported.task.taskId);
      if (parked !== undefined) unparkTask(state, parked);
      if (!wasGivenUp) continue;
      sendMasterStatus(state, framework, {
        taskId: reported.task.taskId,
        state: reported.state,
        reason: 'REASON_AGENT_REREGISTERED',
        message: `Agent ${agent.info.hostname} is back`,
        agentId: agent.id,
        executorId: reported.executorId,
      });
    }
  }
  return charges;
}

/** What the update in hand at the agent says, so that its acknowledgement is understood. */
function noteReported(state: MasterState, task: Task, { unacknowledged, executorId }: ReadTask): void {
  if (unacknowledged === undefined) return;
  const { state: taskState, uuid } = unacknowledged;
  task.isAcknowledged = false;
  task.update = { taskId: task.info.taskId, state: taskState, uuid, agentId: task.agent.id, executorId, timestampMs: state.wallMs, labels: [] };
}

/** Tells the agent what it missed: kills, framework infos, frameworks that are over, ids that belong to another agent by now. */
function correct(state: MasterState, agent: Agent, report: AgentReport): void {
  for (const [frameworkId, tasks] of report.tasks) {
    const framework = state.frameworks.get(frameworkId);
    if (framework === undefined) continue;
    for (const { task: info, state: reportedState } of tasks.values()) {
      if (isTerminal(reportedState)) continue;
      const tracked = taskOn(framework, agent, info.taskId);
      // One task id, two agents: the one that was away runs a forgotten run, and must end it.
      if (tracked === undefined || tracked.isKillRequested) sendToAgent(state, agent, { kind: 'kill-task', frameworkId, taskId: info.taskId });
    }
  }
  for (const frameworkId of report.frameworksToShutDown) sendToAgent(state, agent, { kind: 'shutdown-framework', frameworkId });
  for (const frameworkId of report.frameworks.keys()) {
    const framework = state.frameworks.get(frameworkId);
    if (framework?.connection.kind === 'connected') sendToAgent(state, agent, { kind: 'update-framework', framework: framework.info });
  }
}

/** The session is over, and the agent may come back: nothing is given up yet, nothing new is sent there. */
export function disconnectAgent(state: MasterState, agent: Agent): void {
  const timeout = state.deadlines.set(state.nowMs + state.config.agentTimeoutMs, { kind: 'agent-timeout', agentId: agent.id });
  setPresence(state, agent, { kind: 'disconnected', timeout });
  if (agent.isInAllocator) state.allocator.deactivateAgent(agent.id);
  rescindOffersOnAgent(state, agent);
  failRelaysOf(state, agent);
  state.outgoing.log('info', 'Agent disconnected', { agentId: agent.id, hostname: agent.info.hostname, taskCount: agent.tasks.size });
}

/** Their time is over: durable first, in one write for all of them, then everybody is told. */
export function markUnreachable(state: MasterState, agents: readonly Agent[]): void {
  const changes: RegistryChange[] = [];
  for (const { id, info, version } of agents) {
    changes.push({ kind: 'put', fact: { kind: 'agent', agentId: id, info, version, state: 'unreachable', unreachableSinceMs: state.wallMs } });
    state.unreachableAgents.set(id, { id, info, version, sinceMs: state.wallMs });
  }
  for (const oldest of state.unreachableAgents.values()) {
    if (state.unreachableAgents.size <= unreachableAgentCountMax) break;
    changes.push(forget(state, oldest));
  }
  state.outgoing.persist(changes); // A1
  for (const agent of agents) {
    state.counters.agentsUnreachable += 1;
    giveUp(state, agent, 'TASK_UNREACHABLE', `Agent ${agent.info.hostname} is unreachable`);
    state.outgoing.log('warn', 'Agent is unreachable', { agentId: agent.id, hostname: agent.info.hostname });
  }
}

function forget(state: MasterState, { id }: UnreachableAgent): RegistryChange {
  state.unreachableAgents.delete(id);
  return { kind: 'delete-agent', agentId: id };
}

/** Arms the look at who has been away for too long. One comes after the other for the whole term. */
export function forgetAgentsLater(state: MasterState, delayMs: number): void {
  state.deadlines.set(state.nowMs + delayMs, { kind: 'agents-forgotten' });
}

/** Forgets the oldest of those that are unreachable, here and in the registry. One that comes back after all is admitted like any that nobody knows. */
export function forgetAgents(state: MasterState): void {
  const changes: RegistryChange[] = [];
  for (const agent of state.unreachableAgents.values()) {
    if (state.wallMs - agent.sinceMs <= unreachableAgeMaxMs || changes.length === forgottenCountMax) break;
    changes.push(forget(state, agent));
  }
  state.outgoing.persist(changes); // A1
  if (changes.length > 0) state.outgoing.log('info', 'Unreachable agents forgotten', { agentCount: changes.length, ageMaxMs: unreachableAgeMaxMs });
  forgetAgentsLater(state, changes.length === forgottenCountMax ? 1 : forgettingIntervalMs);
}

/** `unregister`: a clean goodbye. */
export function onUnregister(state: MasterState, session: AgentSession, agent: Agent): void {
  state.outgoing.persist([{ kind: 'delete-agent', agentId: agent.id }]); // A1
  state.counters.agentsRemoved += 1;
  // Nothing new and nothing of this may reach it any more.
  disconnectAgent(state, agent);
  giveUp(state, agent, 'TASK_LOST', `Agent ${agent.info.hostname} has unregistered`);
  endSession(state, session, undefined);
  state.outgoing.log('info', 'Agent removed as it unregistered', { agentId: agent.id, hostname: agent.info.hostname });
}

/** Ends the master's hopes in an agent: its tasks are parked as unreachable or completed as lost, and every framework hears of it. */
function giveUp(state: MasterState, agent: Agent, taskState: 'TASK_UNREACHABLE' | 'TASK_LOST', message: string): void {
  invariant(agent.presence.kind !== 'active', 'an agent is given up after its session');
  const isParked = taskState === 'TASK_UNREACHABLE';
  for (const task of [...agent.tasks]) {
    if (!isTerminal(task.state)) {
      sendMasterStatus(state, task.framework, {
        taskId: task.info.taskId,
        state: taskState,
        reason: 'REASON_AGENT_REMOVED',
        message,
        agentId: agent.id,
        executorId: task.executorId,
        ...(isParked ? { unreachableTimeMs: state.wallMs } : {}),
        known: task.update,
      });
      moveTask(state, task, taskState);
      if (isParked) {
        countTaskEnded(state.counters, taskState);
        parkTask(state, task);
        continue;
      }
    }
    completeTask(state, task);
  }
  for (const executor of executorsOn(agent)) removeExecutor(state, executor);
  for (const stray of [...agent.strays.values()]) removeStray(state, stray);
  if (agent.isInAllocator) state.allocator.removeAgent(agent.id, state.nowMs);
  // Away is not a presence of its own: the record goes, and its deadline with it.
  state.deadlines.cancel(agent.presence.timeout);
  if (agent.presence.kind === 'recovered') state.recoveredAgentCount -= 1;
  state.agents.delete(agent.id);
  for (const framework of state.frameworks.values()) sendToScheduler(state, framework, { kind: 'failure', agentId: agent.id });
}
