// Master state: everything that a leading master knows, for one term.
//
// Owns:      the records of frameworks, agents, tasks, executors, offers and sessions, and how they point at each other.
// Elsewhere: who changes them and when (the functions of this folder, each file one noun); who deserves what (allocator/).
// Invariants:
//   Z1. A record is in every index that should have it, or in none: task in `framework.tasks` and `agent.tasks`; executor in
//       `framework.executors` and `agent.executors`; offer in `offers`, `framework.offers` and `agent.offers`; unreachable task in
//       `framework.unreachableTasks` and `unreachableTasks`.
//   Z2. What is charged in the allocator is exactly: every open offer, every task with `isCharged`, every executor, every stray. So what is
//       offered of an agent and what runs there never exceed its total, because launches are taken out of offers and reports of agents are checked.
//   Z3. Offers are open only for a connected framework on an active agent.
//   Z4. A session number is in a record exactly while that session is open; nothing is said to any other.
//   Z5. Every collection is bounded: by what agents have (tasks, executors, offers), by a ring, or by a maximum named here.
// Source: Mesos `Master`, `Framework`, `Slave` (src/master/master.hpp); the records are plain data, because decisions are functions.

import { invariant } from '../../common/invariant';
import type { Allocator } from '../../allocator/allocator';
import type { AgentInfo } from '../../common/model/agent';
import type { FrameworkInfo } from '../../common/model/framework';
import { hasCapability } from '../../common/model/framework';
import type { AgentId, ExecutorId, FrameworkId, OfferId, TaskId } from '../../common/model/ids';
import type { AgentSummary, FrameworkSummary, TaskSummary } from '../../common/model/operator-protocol';
import type { QuotaConfig } from '../../common/model/quota';
import type { RegexCompiler } from '../../common/model/regex';
import type { Resources } from '../../common/model/resources';
import { lostState } from '../../common/model/task-states';
import type { MasterMessage, ReportPart } from '../../common/model/agent-protocol';
import type { OfferConstraints, SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { ExecutorInfo, KillPolicy, TaskInfo } from '../../common/model/task';
import type { TaskReason, TaskState, TaskStatus } from '../../common/model/task-status';
import type { Deadline, Deadlines } from './deadlines';
import type { LaunchFlight } from './launch-flight';
import type { MasterCounters } from './master-counters';
import type { MasterConfig, MasterStart } from './master-step';
import type { Outgoing } from './outgoing';
import type { Ring } from './ring';

/** Entries of any list in a scheduler's call: offer ids, tasks, reconciled tasks. Ours: ten times what the largest real calls carry. */
export const callListCountMax = 10_000;
/** Roles of one framework. Ours: a role costs the allocator a node. */
export const roleCountMax = 1_000;
/**
 * Frameworks not yet completed. Ours: a hostile author must not fill the memory with subscriptions that are never used again. Nor the table: for a
 * newcomer one that is away and has nothing makes room (frameworks.ts, F4).
 */
export const frameworkCountMax = 10_000;
/** Agents admitted. Ours: each is a fact of the registry and a record here, and whoever registers again and again must not fill either. */
export const agentCountMax = 100_000;
/** Tasks of one framework that run, or have ended and wait for its acknowledgement. Ours: acknowledging nothing must not fill the memory. */
export const trackedTaskCountMax = 200_000;
/** Unreachable agents remembered, oldest forgotten first. Source: Mesos `--registry_max_agent_count`. */
export const unreachableAgentCountMax = 102_400;
/** Unreachable agents are forgotten when they have been away for so long: two weeks. Source: Mesos `--registry_max_agent_age`. */
export const unreachableAgeMaxMs = 14 * 24 * 60 * 60 * 1_000;
/** Between looks at who has been away for too long. Source: Mesos `--registry_gc_interval` (15 min). */
export const forgettingIntervalMs = 15 * 60 * 1_000;
/** Agents forgotten in one step; the others a moment later. Ours, as {@link unreachableAgentCountMax} of them may come of age together. */
export const forgottenCountMax = 1_000;
/**
 * Agents are told of a changed FrameworkInfo at most so often, each of them having 64 KiB to read and to store. Ours: their copies are for a next leader,
 * with whom the framework subscribes again anyway, and new tasks bring the newest along.
 */
export const infoIntervalMs = 1_000;
/** An order about the same task or executor is passed on at most so often. Ours: nobody waits for it, and an agent's link is not there for one framework. */
export const orderIntervalMs = 250;
/**
 * Descriptions of one framework's running executors, in bytes: a master and each next leader keep them whole, to compare them with what later tasks say.
 * Ours: sixty of the largest, or sixty thousand of a KiB.
 */
export const executorBytesMax = 64 * 1024 * 1024;
/**
 * Parts of one agent's report. Ours: a part is about 4 MiB, so that is a GiB, and one framework cannot make that much of an agent's report: its tracked
 * tasks and its executors are bounded (trackedTaskCountMax, executorBytesMax), and so is what is reported of each.
 */
export const reportPartCountMax = 256;
/** Operator requests waiting for answers of agents. Ours. */
export const relayCountMax = 1_000;
/**
 * A session that has not subscribed or registered by then is ended: it may be anybody, and holds a stream for nothing. Ours: twice what a driver
 * waits for the answer to its SUBSCRIBE, so that a slow peer gives up first.
 */
export const openingTimeoutMs = 30_000;

export type MasterDue =
  | { readonly kind: 'offer-timeout'; readonly offer: OpenOffer }
  | { readonly kind: 'agent-timeout'; readonly agentId: AgentId }
  | { readonly kind: 'agents-forgotten' }
  | { readonly kind: 'failover-timeout'; readonly frameworkId: FrameworkId }
  | { readonly kind: 'info-rested'; readonly framework: Framework }
  | { readonly kind: 'orders-rested'; readonly framework: Framework }
  | { readonly kind: 'launch-timeout'; readonly task: Task }
  | { readonly kind: 'relay-timeout'; readonly relay: Relay }
  | { readonly kind: 'scheduler-opening-timeout'; readonly session: SchedulerSession }
  | { readonly kind: 'agent-opening-timeout'; readonly session: AgentSession };

export type MasterDeadline = Deadline<MasterDue>;

/** Whether and how the framework's scheduler can be reached. Only a connected framework is active in the allocator. */
export type FrameworkConnection =
  | { readonly kind: 'connected'; readonly session: number }
  | { readonly kind: 'disconnected'; readonly failover: MasterDeadline }
  /** Known only from agents, after a change of leader. */
  | { readonly kind: 'recovered'; readonly failover: MasterDeadline };

export interface Framework {
  readonly id: FrameworkId;
  info: FrameworkInfo;
  connection: FrameworkConnection;
  /** Whether an agent may have heard of it: it launched something, or an agent reported it. */
  isKnownToAgents: boolean;
  /** Set for a while after agents were told of a changed `info` ({@link infoIntervalMs}). */
  infoRest: MasterDeadline | undefined;
  /** It has changed again since. */
  isInfoNews: boolean;
  readonly orders: RecentOrders;
  readonly suppressedRoles: Set<string>;
  offerConstraints: OfferConstraints;
  /** Wall clock of the newest subscription; undefined before the first in this term. */
  subscribedAtWallMs: number | undefined;
  readonly offers: Set<OpenOffer>;
  /** Running tasks, and ended ones whose last update is not yet acknowledged. */
  readonly tasks: Map<TaskId, Task>;
  readonly executors: Set<Executor>;
  /** Sum of their sizes (`sizeOf`); at most {@link executorBytesMax} by launches. */
  executorBytes: number;
  readonly strays: Set<Stray>;
  /** Tasks of agents that are away, oldest first; at most `unreachableTaskCountMax`. */
  readonly unreachableTasks: Map<TaskId, UnreachableTask>;
  readonly completedTasks: Ring<TaskSummary>;
  /** Updates of tasks that are not tracked, passed on and not acknowledged yet (U4). */
  looseUpdateCount: number;
  /** Sum and number of the times for which offers were held. */
  offerHoldSumMs: number;
  offerHoldCount: number;
}

/** What a framework has ordered a moment ago (kills.ts, Q2). */
export interface RecentOrders {
  /** Set while one of the sets holds something. */
  rest: MasterDeadline | undefined;
  readonly killed: Set<Task>;
  readonly shutDown: Set<Task | Executor>;
  /** Kills of `killed` that were asked for meanwhile, to be passed on when the moment is over. */
  readonly killsRepeated: Map<Task, KillPolicy | undefined>;
}

export interface CompletedFramework {
  readonly summary: FrameworkSummary;
  readonly completedTasks: Ring<TaskSummary>;
}

/** Only an active agent is active in the allocator; a recovered one is not known there at all. */
export type AgentPresence =
  | { readonly kind: 'active'; readonly session: number }
  | { readonly kind: 'disconnected'; readonly timeout: MasterDeadline }
  /** Known from the registry only. */
  | { readonly kind: 'recovered'; readonly timeout: MasterDeadline };

export interface Agent {
  readonly id: AgentId;
  /** With its id; resources without allocation role. */
  info: AgentInfo;
  /** At most what `info` takes on the wire. */
  infoBytes: number;
  version: string;
  presence: AgentPresence;
  /** Whether the allocator knows it. Not yet: recovered ones, and those of which it is not certain that they know their id (A5). */
  isInAllocator: boolean;
  registeredAtWallMs: number | undefined;
  readonly offers: Set<OpenOffer>;
  readonly tasks: Set<Task>;
  /** Of this session. */
  readonly launchFlight: LaunchFlight;
  /** Custom executors believed alive. */
  readonly executors: Map<FrameworkId, Map<ExecutorId, Executor>>;
  readonly strays: Map<string, Stray>;
  /** Operator requests under way to it. */
  readonly relays: Set<Relay>;
}

export interface UnreachableAgent {
  readonly id: AgentId;
  readonly info: AgentInfo;
  readonly version: string;
  /** Wall clock. */
  readonly sinceMs: number;
}

export interface Task {
  readonly framework: Framework;
  readonly agent: Agent;
  /** Of what the framework described: the rest went to the agent, which has it for the next leader, and may be megabytes. */
  readonly info: Pick<TaskInfo, 'taskId' | 'name'>;
  readonly executorId: ExecutorId;
  readonly role: string;
  /** With allocation role. */
  readonly resources: Resources;
  /** Whether `resources` are charged in the allocator: from launch until the first terminal state known, however old the update in hand. */
  isCharged: boolean;
  /** Newest known to the agent. */
  state: TaskState;
  /** The newest update passed on, which reconciliation repeats and acknowledgements refer to; as much of it as is kept (tasks.ts, T4). */
  update: TaskStatus | undefined;
  /** The acknowledgement of `update` went to the agent (U4). */
  isAcknowledged: boolean;
  /** A kill that the agent must hear again if it was away. */
  isKillRequested: boolean;
  launchTimeout: MasterDeadline | undefined;
  startedAtWallMs: number | undefined;
  endedAtWallMs: number | undefined;
}

export interface UnreachableTask {
  readonly framework: Framework;
  readonly agentId: AgentId;
  readonly summary: TaskSummary;
}

export interface Executor {
  readonly framework: Framework;
  readonly agent: Agent;
  readonly info: ExecutorInfo;
  /** Of `info`, in bytes. */
  readonly size: number;
  /** With allocation role; charged as long as the record exists. */
  readonly resources: Resources;
}

/** A forgotten run (strays.ts). */
export interface Stray {
  readonly framework: Framework;
  readonly agent: Agent;
  readonly taskId: TaskId;
  /** With allocation role; charged as long as the record exists. */
  readonly resources: Resources;
}

export interface OpenOffer {
  readonly id: OfferId;
  readonly framework: Framework;
  readonly agent: Agent;
  readonly role: string;
  readonly resources: Resources;
  /** Monotonic. */
  readonly madeAtMs: number;
  timeout: MasterDeadline | undefined;
}

/** An operator's question that an agent must answer. */
export interface Relay {
  readonly number: number;
  readonly request: number;
  readonly agent: Agent;
  timeout: MasterDeadline | undefined;
}

export interface SchedulerSession {
  readonly number: number;
  readonly peer: string;
  /** undefined until it subscribes. */
  framework: Framework | undefined;
  /** Until it subscribes. */
  opening: MasterDeadline | undefined;
}

export interface AgentSession {
  readonly number: number;
  readonly peer: string;
  /** undefined until it registers. */
  agent: Agent | undefined;
  /** What it has reported so far, until it registers; at most {@link reportPartCountMax}. */
  reportParts: ReportPart[];
  /** Until it registers. */
  opening: MasterDeadline | undefined;
}

export interface MasterState {
  readonly config: MasterConfig;
  readonly start: MasterStart;
  readonly allocator: Allocator;
  /** Of offer constraints, here and in the allocator. */
  readonly compileRegex: RegexCompiler;
  readonly outgoing: Outgoing;
  readonly deadlines: Deadlines<MasterDue>;
  readonly counters: MasterCounters;
  /** Of the step under way. */
  nowMs: number;
  wallMs: number;

  readonly frameworks: Map<FrameworkId, Framework>;
  /** Those that are not connected, longest away first. */
  readonly awayFrameworks: Set<Framework>;
  /** Newest last; at most `completedFrameworkCountMax`. */
  readonly completedFrameworks: Map<FrameworkId, CompletedFramework>;
  /** Admitted agents. */
  readonly agents: Map<AgentId, Agent>;
  recoveredAgentCount: number;
  /** Oldest first; at most {@link unreachableAgentCountMax}, and none that is older than {@link unreachableAgeMaxMs} for long. */
  readonly unreachableAgents: Map<AgentId, UnreachableAgent>;
  /** By the agent that had them, oldest first; no set is empty. */
  readonly unreachableTasks: Map<AgentId, Set<UnreachableTask>>;
  readonly offers: Map<OfferId, OpenOffer>;
  readonly schedulerSessions: Map<number, SchedulerSession>;
  readonly agentSessions: Map<number, AgentSession>;
  readonly relays: Map<number, Relay>;
  readonly weights: Map<string, number>;
  /** By role; none that is empty. */
  readonly quotas: Map<string, QuotaConfig>;

  frameworkNumberNext: number;
  agentNumberNext: number;
  offerNumberNext: number;
  relayNumberNext: number;
}

export type AgentState = AgentSummary['state'];

// What the nouns share: saying something to a peer, and the master's own statuses.

/** Says it to the framework's scheduler, if that is there; best effort otherwise. Returns whether it was. */
export function sendToScheduler(state: MasterState, framework: Framework, event: SchedulerEvent): boolean {
  if (framework.connection.kind !== 'connected') return false;
  state.outgoing.toScheduler(framework.connection.session, event);
  return true;
}

/** Says it to the agent, if that is there. Returns whether it was. */
export function sendToAgent(state: MasterState, agent: Agent, message: MasterMessage): boolean {
  if (agent.presence.kind !== 'active') return false;
  state.outgoing.toAgent(agent.presence.session, message);
  return true;
}

export function isPartitionAware(framework: Framework): boolean {
  return hasCapability(framework.info, 'PARTITION_AWARE');
}

/**
 * Tells the scheduler about a task in the master's own name: without uuid, sent once, not to be acknowledged (S1). `state` is the precise
 * one; a framework without PARTITION_AWARE hears TASK_LOST instead of those it cannot know.
 */
export function sendMasterStatus(
  state: MasterState,
  framework: Framework,
  about: {
    readonly taskId: TaskId;
    readonly state: TaskState;
    readonly reason: TaskReason;
    readonly message: string;
    readonly agentId: AgentId | undefined;
    readonly executorId?: ExecutorId | undefined;
    readonly unreachableTimeMs?: number;
    /** What the last update said beside the state. */
    readonly known?: TaskStatus | undefined;
  },
): void {
  const { known } = about;
  const executorId = about.executorId ?? known?.executorId;
  sendToScheduler(state, framework, {
    kind: 'update',
    status: {
      taskId: about.taskId,
      state: lostState(isPartitionAware(framework), about.state),
      source: 'SOURCE_MASTER',
      reason: about.reason,
      message: about.message,
      timestampMs: state.wallMs,
      labels: known?.labels ?? [],
      ...(about.agentId === undefined ? {} : { agentId: about.agentId }),
      ...(executorId === undefined ? {} : { executorId }),
      ...(about.unreachableTimeMs === undefined ? {} : { unreachableTimeMs: about.unreachableTimeMs }),
      ...(known?.healthy === undefined ? {} : { healthy: known.healthy }),
      ...(known?.checkStatus === undefined ? {} : { checkStatus: known.checkStatus }),
      ...(known?.containerStatus === undefined ? {} : { containerStatus: known.containerStatus }),
    },
  });
}

/** Says that one call was not carried out. The session goes on. */
export function refuseCall(
  state: MasterState,
  session: SchedulerSession,
  number: number,
  callKind: string,
  refusal: { readonly field: string; readonly value: string; readonly expected: string },
): void {
  state.counters.schedulerCallsRefused += 1;
  state.outgoing.toScheduler(session.number, { kind: 'refused', number, callKind, refusal });
}

/** The session has said who it is, or is over: it is waited for no longer. */
export function endOpening(state: MasterState, session: SchedulerSession | AgentSession): void {
  if (session.opening !== undefined) state.deadlines.cancel(session.opening);
  session.opening = undefined;
}

/** Sets the agent's presence and keeps the count of recovered agents. The deadline of the old presence is called off. */
export function setPresence(state: MasterState, agent: Agent, presence: AgentPresence): void {
  const before = agent.presence;
  if (before.kind !== 'active') state.deadlines.cancel(before.timeout);
  if (before.kind === 'recovered') state.recoveredAgentCount -= 1;
  if (presence.kind === 'recovered') state.recoveredAgentCount += 1;
  invariant(state.recoveredAgentCount >= 0, 'the number of recovered agents is not negative');
  agent.presence = presence;
}

/** The custom executor believed alive under that id, if any. */
export function executorOn(agent: Agent, frameworkId: FrameworkId, executorId: ExecutorId): Executor | undefined {
  return agent.executors.get(frameworkId)?.get(executorId);
}
