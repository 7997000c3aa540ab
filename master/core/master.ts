// Master: the deciding core of a leading master.
//
// Owns:      one step: which input goes to whom, in which order things happen within it, and what is due.
// Elsewhere: the conversation (master-step.ts), the decisions (one noun per file beside this one), carrying out (../master-node.ts).
// Invariants:
//   W1. Nothing that a peer sends makes a step throw. `invariant` here means: this code has a bug.
//   W2. The allocator runs last in a step, so that it sees all that the step returned, and offers go only to who is there at its end.
//   W3. A step's work is bounded by its input and by {@link dueCountMax}; no step looks at all agents or tasks, except where every agent
//       must be told (removal of a framework that launched something) or every framework (loss of an agent). Source: those are Mesos's broadcasts. A call whose answer
//       is larger than itself is answered once per frame, or counted against a maximum (call-frame.ts). An operator's question looks at what it
//       asks about, within a bound where that costs more than a line each (explanations.ts).
// Source: DESIGN, "decisions do no I/O"; Mesos `Master` (src/master/master.cpp).

import { assertNever, invariant } from '../../common/invariant';
import { allocatorOptionsDefault, type AllocatorFactory, type RoleShare } from '../../allocator/allocator';
import type { Quantities } from '../../common/model/framework';
import { regexCompiler } from '../../common/model/regex';
import { ancestorsOf } from '../../common/model/role';
import type { TaskState } from '../../common/model/task-status';
import type { Environment } from '../../common/ports';
import { onAgentMessage } from './agent-messages';
import { disconnectAgent, forgetAgents, forgetAgentsLater, markUnreachable, newAgent, refuseAgent } from './agents';
import { Deadlines } from './deadlines';
import { disconnectFramework, onInfoRested, refuseSubscription, removeFramework } from './frameworks';
import { onOrdersRested } from './kills';
import { newMasterCounters, type MasterCounters, type MasterGauges, type RoleGauges } from './master-counters';
import { endOpening, forgettingIntervalMs, openingTimeoutMs, type Agent, type AgentSession, type MasterDue, type MasterState, type SchedulerSession } from './master-state';
import type { MasterConfig, MasterCore, MasterEffect, MasterInput, MasterStart } from './master-step';
import { allocateIfDue, endOffer } from './offers';
import { onOperatorCall } from './operator';
import { Outgoing } from './outgoing';
import { summarizeQuotas } from './quota';
import { onRelayTimeout } from './relays';
import { onSchedulerCalls } from './scheduler-calls';
import { onLaunchTimeout } from './tasks';

/**
 * Deadlines handled in one step; the rest waits for the next, which `nextDeadlineMs` asks for at once. Ours: when ten thousand agents are
 * given up after a change of leader, every framework hears of each, and the node must get a turn in between.
 */
export const dueCountMax = 1_000;

/** The core, and what it shows to those who watch it. */
export interface ObservableMasterCore extends MasterCore {
  readonly counters: MasterCounters;
  gauges(): MasterGauges;
  roleGauges(): RoleGauges;
  /** Runs of the allocator in this term. At once, unlike the gauges. */
  readonly allocatorRuns: number;
}

export function createMasterCore(
  config: MasterConfig,
  start: MasterStart,
  allocatorFactory: AllocatorFactory,
  environment: Pick<Environment, 'random' | 'ids'>,
): ObservableMasterCore {
  return new LeadingMaster(config, start, allocatorFactory, environment);
}

class LeadingMaster implements ObservableMasterCore {
  readonly #state: MasterState;
  #hasBegun = false;

  constructor(config: MasterConfig, start: MasterStart, allocatorFactory: AllocatorFactory, { random }: Pick<Environment, 'random' | 'ids'>) {
    const { allocationIntervalMs, allocationEventDelayMs: eventDelayMs, minAllocatable, allocation } = config;
    const compileRegex = regexCompiler({ programSizeMax: config.regexProgramSizeMax });
    this.#state = {
      config,
      start,
      allocator: allocatorFactory({ ...allocatorOptionsDefault, ...allocation, allocationIntervalMs, eventDelayMs, minAllocatable, compileRegex }, random),
      compileRegex,
      outgoing: new Outgoing(),
      deadlines: new Deadlines<MasterDue>(),
      counters: newMasterCounters(),
      nowMs: 0,
      wallMs: 0,
      frameworks: new Map(),
      awayFrameworks: new Set(),
      completedFrameworks: new Map(),
      agents: new Map(),
      recoveredAgentCount: 0,
      unreachableAgents: new Map(),
      unreachableTasks: new Map(),
      offers: new Map(),
      schedulerSessions: new Map(),
      agentSessions: new Map(),
      relays: new Map(),
      weights: new Map(),
      quotas: new Map(),
      frameworkNumberNext: 0,
      agentNumberNext: 0,
      offerNumberNext: 0,
      relayNumberNext: 0,
    };
  }

  get counters(): MasterCounters {
    return this.#state.counters;
  }

  get allocatorRuns(): number {
    return this.#state.allocator.runCount;
  }

  gauges(): MasterGauges {
    return gaugesOf(this.#state);
  }

  roleGauges(): RoleGauges {
    return roleGaugesOf(this.#state);
  }

  /** 0 before the first step: the clocks of a term begin with it. */
  nextDeadlineMs(): number {
    return this.#hasBegun ? Math.min(this.#state.deadlines.nextMs, this.#state.allocator.nextRunAtMs()) : 0;
  }

  step(input: MasterInput, { nowMs, wallMs }: { readonly nowMs: number; readonly wallMs: number }): readonly MasterEffect[] {
    const state = this.#state;
    invariant(nowMs >= state.nowMs || !this.#hasBegun, 'monotonic time does not go back');
    state.nowMs = nowMs;
    state.wallMs = wallMs;
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      begin(state);
    }
    takeInput(state, input);
    takeDue(state);
    allocateIfDue(state); // W2
    return state.outgoing.take();
  }
}

/** Takes over what the registry remembers: everything admitted is expected back. */
function begin(state: MasterState): void {
  const { registry } = state.start;
  const facts = registry.filter((fact) => fact.kind === 'agent');
  for (const fact of registry) {
    if (fact.kind === 'weight') {
      state.weights.set(fact.role, fact.weight);
      state.allocator.updateWeight(fact.role, fact.weight);
    } else if (fact.kind === 'quota') {
      const { role, guarantees, limits } = fact;
      state.quotas.set(role, { role, guarantees, limits });
      state.allocator.updateQuota(role, { guarantees, limits }, state.nowMs);
    }
  }
  for (const { agentId, info, version, state: admission } of facts) {
    if (admission !== 'admitted') continue;
    const timeout = state.deadlines.set(state.nowMs + state.config.agentReregisterTimeoutMs, { kind: 'agent-timeout', agentId });
    state.agents.set(agentId, newAgent(agentId, info, version, { kind: 'recovered', timeout }));
    state.recoveredAgentCount += 1;
  }
  // With guarantees to keep, the first agents to come back must not be handed out before it is known what runs on the others.
  state.allocator.recover(state.recoveredAgentCount, state.nowMs);
  const unreachable = facts.filter((fact) => fact.state === 'unreachable').map((fact) => ({ ...fact, sinceMs: fact.unreachableSinceMs ?? state.wallMs }));
  unreachable.sort((one, other) => one.sinceMs - other.sinceMs); // Oldest first: the order of forgetting.
  for (const { agentId: id, info, version, sinceMs } of unreachable) state.unreachableAgents.set(id, { id, info, version, sinceMs });
  forgetAgentsLater(state, forgettingIntervalMs);
  state.outgoing.log('info', 'Master leads', {
    masterId: state.start.masterId,
    clusterName: state.config.clusterName,
    recoveredAgentCount: state.recoveredAgentCount,
    unreachableAgentCount: state.unreachableAgents.size,
    weightCount: state.weights.size,
    quotaCount: state.quotas.size,
  });
}

function takeInput(state: MasterState, input: MasterInput): void {
  switch (input.kind) {
    case 'scheduler-opened': {
      invariant(!state.schedulerSessions.has(input.session), 'session numbers are not reused (M3)');
      const session: SchedulerSession = { number: input.session, peer: input.peer, framework: undefined, opening: undefined };
      session.opening = state.deadlines.set(state.nowMs + openingTimeoutMs, { kind: 'scheduler-opening-timeout', session });
      state.schedulerSessions.set(session.number, session);
      return;
    }
    case 'scheduler-calls':
      onSchedulerCalls(state, input.session, input.calls);
      return;
    case 'scheduler-closed': {
      const session = state.schedulerSessions.get(input.session);
      state.schedulerSessions.delete(input.session);
      if (session !== undefined) endOpening(state, session);
      if (session?.framework !== undefined) disconnectFramework(state, session.framework);
      return;
    }
    case 'agent-opened': {
      invariant(!state.agentSessions.has(input.session), 'session numbers are not reused (M3)');
      const session: AgentSession = { number: input.session, peer: input.peer, agent: undefined, reportParts: [], opening: undefined };
      session.opening = state.deadlines.set(state.nowMs + openingTimeoutMs, { kind: 'agent-opening-timeout', session });
      state.agentSessions.set(session.number, session);
      return;
    }
    case 'agent-messages':
      for (const message of input.messages) {
        const session = state.agentSessions.get(input.session);
        if (session === undefined) return;
        onAgentMessage(state, session, message);
      }
      return;
    case 'agent-closed': {
      const session = state.agentSessions.get(input.session);
      state.agentSessions.delete(input.session);
      if (session !== undefined) endOpening(state, session);
      if (session?.agent !== undefined) disconnectAgent(state, session.agent);
      return;
    }
    case 'operator-call':
      onOperatorCall(state, input.request, input.call);
      return;
    case 'time-advanced':
      return;
    default:
      assertNever(input);
  }
}

/** Handles what has come due, with any input: a busy master is late for nothing. */
function takeDue(state: MasterState): void {
  const agents: Agent[] = [];
  for (let count = 0; count < dueCountMax; count += 1) {
    const due = state.deadlines.takeDue(state.nowMs);
    if (due === undefined) break;
    switch (due.kind) {
      case 'offer-timeout':
        endOffer(state, due.offer, 'expired');
        break;
      case 'agent-timeout': {
        const agent = state.agents.get(due.agentId);
        invariant(agent !== undefined && agent.presence.kind !== 'active', 'the deadline of an agent ends with its absence (A4)');
        agents.push(agent);
        break;
      }
      case 'agents-forgotten':
        forgetAgents(state);
        break;
      case 'failover-timeout': {
        const framework = state.frameworks.get(due.frameworkId);
        invariant(framework !== undefined && framework.connection.kind !== 'connected', 'the failover deadline ends with the absence (F3)');
        removeFramework(state, framework, 'failover timeout');
        break;
      }
      case 'info-rested':
        onInfoRested(state, due.framework);
        break;
      case 'orders-rested':
        onOrdersRested(state, due.framework);
        break;
      case 'launch-timeout':
        onLaunchTimeout(state, due.task);
        break;
      case 'relay-timeout':
        onRelayTimeout(state, due.relay);
        break;
      case 'scheduler-opening-timeout':
        refuseSubscription(state, due.session, `The first call, SUBSCRIBE, did not come within ${openingTimeoutMs} ms`);
        break;
      case 'agent-opening-timeout':
        refuseAgent(state, due.session, `The first message, "register" or "reregister", did not come within ${openingTimeoutMs} ms`, false);
        break;
      default:
        assertNever(due);
    }
  }
  if (agents.length > 0) markUnreachable(state, agents);
}

function gaugesOf(state: MasterState): MasterGauges {
  const agentsByState = { active: 0, disconnected: 0, recovered: 0, unreachable: state.unreachableAgents.size };
  for (const { presence } of state.agents.values()) agentsByState[presence.kind] += 1;
  const frameworksByState = { connected: 0, disconnected: 0, recovered: 0, completed: state.completedFrameworks.size };
  const tasksByState: Partial<Record<TaskState, number>> = {};
  for (const { connection, tasks, unreachableTasks } of state.frameworks.values()) {
    frameworksByState[connection.kind] += 1;
    for (const task of tasks.values()) tasksByState[task.state] = (tasksByState[task.state] ?? 0) + 1;
    if (unreachableTasks.size > 0) tasksByState.TASK_UNREACHABLE = (tasksByState.TASK_UNREACHABLE ?? 0) + unreachableTasks.size;
  }
  return {
    agentsByState,
    frameworksByState,
    tasksByState,
    offersOutstanding: state.offers.size,
    declineFilters: state.allocator.filterCount,
    allocatorRuns: state.allocator.runCount,
    deadlines: state.deadlines.count,
  };
}

function roleGaugesOf(state: MasterState): RoleGauges {
  const roles = state.allocator.roles();
  const charged = new Map(roles.map((role) => [role.role, role.charged]));
  return {
    quotas: summarizeQuotas(state).flatMap(({ config: { role, guarantees, limits }, consumed }) =>
      [...new Set([...guarantees.keys(), ...limits.keys(), ...consumed.keys()])].map((resource) => ({
        role,
        resource,
        guarantee: guarantees.get(resource),
        limit: limits.get(resource),
        consumed: consumed.get(resource) ?? 0,
        offeredOrAllocated: charged.get(role)?.get(resource) ?? 0,
      })),
    ),
    declineFilters: roles.flatMap(({ role, filterCount }) => (filterCount === 0 ? [] : [{ role, count: filterCount }])),
    shares: roles.flatMap(({ role, share }) => (share === 0 ? [] : [{ role, share }])),
    resources: resourceGauges(state, roles),
  };
}

function resourceGauges(state: MasterState, roles: readonly RoleShare[]): RoleGauges['resources'] {
  const total = new Map<string, number>();
  const used = new Map<string, number>();
  const add = (sums: Map<string, number>, quantities: Quantities): void => {
    for (const [name, milli] of quantities) sums.set(name, (sums.get(name) ?? 0) + milli);
  };
  for (const { isInAllocator, info } of state.agents.values()) if (isInAllocator) add(total, info.resources.quantities());
  // A role counts all that is below it.
  for (const { role, charged } of roles) if (ancestorsOf(role).length === 0) add(used, charged);
  return [...total].map(([resource, milli]) => ({ resource, total: milli, offeredOrAllocated: used.get(resource) ?? 0 }));
}
