// The reference allocator: the written definition of the algorithm, as code.
//
// Owns:      what the fast allocator is measured against: the same operations, carried out the slow and obvious way.
// Elsewhere: the fast one (allocator/); histories that both must agree on (allocator-agreement.test.ts); the draws, written again from what is
//            published (reference-draws.ts).
// How:       agents, frameworks, charges, filters are plain lists. Every share, consumption, headroom, order is computed from them at every
//            question, and every batch visits every agent. Nothing is cached. Section numbers are those of the reference on the allocator; "ours"
//            marks what was decided by us and is not there. Shared with the fast one is the resource algebra alone, which is common/'s: what plus, minus,
//            contains and allocatableTo mean is proved by its own tests (test/common/model/resources.test.ts), not by agreement here.

import type {
  Allocation,
  AllocationRun,
  AllocatorOptions,
  InverseOfferAnswer,
  InverseOfferRequest,
  Quota,
  Recovery,
  ResourceConversion,
  UsedByFramework,
} from '../../allocator/allocator';
import type { AgentInfo, Attribute, Unavailability } from '../../common/model/agent';
import type { FrameworkCapability, FrameworkInfo, Quantities } from '../../common/model/framework';
import type { AgentId, FrameworkId } from '../../common/model/ids';
import { isIndivisible, reservationRole, Resources, type Resource } from '../../common/model/resources';
import type { AttributeConstraint, OfferConstraints } from '../../common/model/scheduler-protocol';
import type { Random } from '../../common/ports';
import type { DrivenAllocator } from './allocator-cluster';
import { drawOf, exponentialKey, fmix32, nameHash, visitSeed } from './reference-draws';

// State (1)

interface Agent {
  readonly id: AgentId;
  info: AgentInfo;
  /** Unallocated form, with what operations made of it. */
  total: Resources;
  isActive: boolean;
  window: MaintenanceWindow | undefined;
}

/** (11) What was asked and answered is forgotten with the window. */
interface MaintenanceWindow {
  readonly unavailability: Unavailability;
  readonly outstanding: Set<FrameworkId>;
  readonly answers: Map<FrameworkId, InverseOfferAnswer>;
  filters: { readonly frameworkId: FrameworkId; readonly lapsesAtMs: number }[];
}

interface Framework {
  readonly id: FrameworkId;
  info: FrameworkInfo;
  offerConstraints: OfferConstraints;
  isActive: boolean;
  suppressedRoles: ReadonlySet<string>;
}

/** A framework in a role it is subscribed to, or still holds something in. */
interface Membership {
  readonly frameworkId: FrameworkId;
  readonly role: string;
  grantCount: number;
  /** Ours, standing back: the last run that granted it something, and what became of that. */
  lastGrantingRun: number;
  hasUsedSince: boolean;
  isCountedIdle: boolean;
  idleCount: number;
  standsBackUntilMs: number | undefined;
}

/** What a framework, known or not yet, holds on an agent in a role; at most one of a place, never empty. */
interface Charge {
  readonly frameworkId: FrameworkId;
  readonly role: string;
  readonly agentId: AgentId;
  /** Unallocated form. */
  readonly held: Resources;
}

interface DeclineFilter {
  readonly frameworkId: FrameworkId;
  readonly role: string;
  readonly agentId: AgentId;
  /** Unallocated form. */
  readonly refused: Resources;
  /** The first batch that does not see it any more. */
  readonly lapsesAtMs: number;
}

/** One of the siblings that are put in order: a role with all below it, the frameworks directly in a role (`role/.`), or a framework. */
interface Sibling {
  readonly path: string;
  readonly weight: number;
  readonly share: number;
  readonly grantCount: number;
  readonly standsBack: boolean;
}

/** One stage of a run, and the seed of its draws. */
interface Stage {
  readonly kind: 'guarantees' | 'fair-share';
  readonly seed: number;
}

const day = 24 * 3600 * 1000;
const nothing: AllocationRun = { allocations: [], inverseOffers: [] };

/** The operations are those of `Allocator` (allocator/allocator.ts). Explanations and what-if questions are the fast one's alone. */
export class ReferenceAllocator implements DrivenAllocator {
  agents: Agent[] = [];
  frameworks: Framework[] = [];
  memberships: Membership[] = [];
  charges: Charge[] = [];
  filters: DeclineFilter[] = [];
  readonly weights = new Map<string, number>();
  readonly quotas = new Map<string, Quota>();
  allowedHostnames: ReadonlySet<string> | undefined;
  /** By path of a role or virtual leaf: grants since there is such a node. */
  readonly grantCounts = new Map<string, number>();
  /** Agents that ask for a run without waiting for the batch, and when the first did. */
  triggered: Set<AgentId> | 'all' = new Set();
  triggeredAtMs = Infinity;
  pause: { agentsMissing: number; readonly untilMs: number } | undefined;
  nowMs = 0;
  runNumber = 0;

  constructor(
    private readonly options: AllocatorOptions,
    private readonly random: Random,
  ) {}

  // Frameworks (7)

  addFramework(
    id: FrameworkId,
    info: FrameworkInfo,
    {
      suppressedRoles,
      active,
      offerConstraints,
      used,
    }: {
      readonly suppressedRoles: readonly string[];
      readonly active: boolean;
      readonly offerConstraints: OfferConstraints;
      readonly used: ReadonlyMap<AgentId, Resources>;
    },
    nowMs: number,
  ): void {
    this.#timeIs(nowMs);
    // Ours: what agents reported of it so far was kept out of offers; `used` says what is still true of that.
    this.charges = this.charges.filter((charge) => charge.frameworkId !== id);
    this.#settle();
    this.frameworks.push({ id, info, offerConstraints, isActive: active, suppressedRoles: new Set(suppressedRoles) });
    for (const [agentId, resources] of used) if (this.#isKnownAgent(agentId)) this.#chargeCounted(id, agentId, resources);
    this.#settle();
    if (active) this.#trigger('all');
  }

  removeFramework(id: FrameworkId, nowMs: number): void {
    this.#timeIs(nowMs);
    this.frameworks = this.frameworks.filter((framework) => framework.id !== id);
    this.charges = this.charges.filter((charge) => charge.frameworkId !== id);
    this.filters = this.filters.filter((filter) => filter.frameworkId !== id);
    this.#forgetInverseOffersTo(id);
    for (const { window } of this.agents) window?.answers.delete(id);
    this.#settle();
  }

  activateFramework(id: FrameworkId, nowMs: number): void {
    this.#timeIs(nowMs);
    this.#framework(id).isActive = true;
    for (const member of this.#membershipsOf(id)) this.#endStandingBack(member);
    this.#settle();
    this.#trigger('all');
  }

  deactivateFramework(id: FrameworkId, nowMs: number): void {
    this.#timeIs(nowMs);
    this.#framework(id).isActive = false;
    this.filters = this.filters.filter((filter) => filter.frameworkId !== id);
    this.#forgetInverseOffersTo(id);
    this.#settle();
  }

  updateFramework(id: FrameworkId, info: FrameworkInfo, suppressedRoles: readonly string[], offerConstraints: OfferConstraints, nowMs: number): void {
    this.#timeIs(nowMs);
    const framework = this.#framework(id);
    const suppressedBefore = framework.suppressedRoles;
    framework.info = info;
    framework.offerConstraints = offerConstraints;
    framework.suppressedRoles = new Set(suppressedRoles);
    // (6) Filters go with a role that is left, and with one that is suppressed no more.
    this.filters = this.filters.filter(
      ({ frameworkId, role }) => frameworkId !== id || (info.roles.includes(role) && (suppressedRoles.includes(role) || !suppressedBefore.has(role))),
    );
    for (const member of this.#membershipsOf(id)) this.#endStandingBack(member);
    this.#settle();
  }

  suppress(id: FrameworkId, roles: readonly string[]): void {
    const framework = this.#framework(id);
    framework.suppressedRoles = new Set([...framework.suppressedRoles, ...this.#meantRoles(framework, roles)]);
    this.#settle();
  }

  revive(id: FrameworkId, roles: readonly string[], nowMs: number): void {
    this.#timeIs(nowMs);
    const framework = this.#framework(id);
    const revived = this.#meantRoles(framework, roles);
    framework.suppressedRoles = new Set([...framework.suppressedRoles].filter((role) => !revived.includes(role)));
    this.filters = this.filters.filter(({ frameworkId, role }) => frameworkId !== id || !revived.includes(role));
    this.#dropInverseOfferFilters(id); // Scheduler reference, REVIVE: whatever the roles.
    for (const member of this.#membershipsOf(id)) if (revived.includes(member.role)) this.#endStandingBack(member);
    this.#settle();
    this.#trigger('all');
  }

  // Agents (7)

  addAgent(id: AgentId, info: AgentInfo, used: UsedByFramework, nowMs: number): void {
    this.#timeIs(nowMs);
    this.agents.push({ id, info, total: info.resources.unallocated(), isActive: true, window: undefined });
    for (const [frameworkId, resources] of used) this.#chargeCounted(frameworkId, id, resources);
    this.#settle();
    this.#trigger(id);
    if (this.pause !== undefined && --this.pause.agentsMissing === 0) this.#endPause();
  }

  removeAgent(id: AgentId, nowMs: number): void {
    this.#timeIs(nowMs);
    this.agents = this.agents.filter((agent) => agent.id !== id);
    this.charges = this.charges.filter((charge) => charge.agentId !== id);
    this.filters = this.filters.filter((filter) => filter.agentId !== id);
    this.#settle();
  }

  updateAgent(id: AgentId, info: AgentInfo, nowMs: number): void {
    this.#timeIs(nowMs);
    const agent = this.#agent(id);
    const total = info.resources.unallocated();
    const hasNewAttributes = JSON.stringify(agent.info.attributes) !== JSON.stringify(info.attributes);
    const hasChanged =
      hasNewAttributes ||
      agent.info.hostname !== info.hostname ||
      JSON.stringify(agent.info.domain) !== JSON.stringify(info.domain) ||
      !agent.total.equals(total);
    agent.info = info;
    agent.total = total;
    if (hasNewAttributes) this.filters = this.filters.filter((filter) => filter.agentId !== id);
    this.#settle();
    if (hasChanged) this.#trigger(id);
  }

  activateAgent(id: AgentId, nowMs: number): void {
    this.#timeIs(nowMs);
    this.#agent(id).isActive = true;
  }

  deactivateAgent(id: AgentId): void {
    this.#agent(id).isActive = false;
    this.#settle();
  }

  updateAllowList(hostnames: ReadonlySet<string> | undefined, nowMs: number): void {
    this.#timeIs(nowMs);
    this.allowedHostnames = hostnames;
    this.#settle();
  }

  // Charges (7)

  charge(frameworkId: FrameworkId, agentId: AgentId, resources: Resources): void {
    this.#chargeCounted(frameworkId, agentId, resources);
    this.#settle();
  }

  transitionOfferedToAllocated(frameworkId: FrameworkId, agentId: AgentId, resources: Resources): void {
    if (!this.#isKnownAgent(agentId)) return;
    for (const [role] of byRole(resources)) {
      const member = this.memberships.find((one) => one.frameworkId === frameworkId && one.role === role);
      if (member === undefined) continue;
      member.hasUsedSince = true;
      this.#endStandingBack(member);
    }
  }

  recoverResources(frameworkId: FrameworkId, agentId: AgentId, resources: Resources, { cause, refuseMs }: Recovery, nowMs: number): void {
    this.#timeIs(nowMs);
    if (!this.#isKnownAgent(agentId)) return;
    const framework = this.frameworks.find((one) => one.id === frameworkId);
    const parts = [...byRole(resources)];
    // Of a framework that is gone, or not here yet and not known to use that, there is nothing to return.
    if (framework === undefined && !parts.every(([role, part]) => this.#heldAt(frameworkId, role, agentId).contains(part))) return;
    for (const [role, part] of parts) {
      if (framework !== undefined) this.#learnFromReturn(framework, role, agentId, part, { cause, refuseMs });
      this.#setHeld(frameworkId, role, agentId, this.#heldAt(frameworkId, role, agentId).minus(part));
    }
    this.#settle();
    // DESIGN's difference: what an ended task used does not wait for the batch.
    if (cause === 'ended') this.#trigger(agentId);
  }

  #learnFromReturn(framework: Framework, role: string, agentId: AgentId, part: Resources, { cause, refuseMs }: Recovery): void {
    if (refuseMs > 0) {
      if (framework.isActive && framework.info.roles.includes(role))
        this.#addFilter({ frameworkId: framework.id, role, agentId, refused: part, lapsesAtMs: this.#lapseMs(refuseMs) });
      return;
    }
    // Ours, standing back: once for each run that granted it something.
    const member = this.#membership(framework.id, role);
    if (cause !== 'declined' || member.hasUsedSince || member.isCountedIdle) return;
    member.isCountedIdle = true;
    member.idleCount++;
    member.standsBackUntilMs = this.#batchAfterMs(this.nowMs) + this.options.allocationIntervalMs * Math.min(2 ** (member.idleCount - 1), 64);
  }

  updateAllocation(frameworkId: FrameworkId, agentId: AgentId, offered: Resources, conversions: readonly ResourceConversion[], nowMs: number): void {
    this.#timeIs(nowMs);
    const agent = this.#agent(agentId);
    const [[role, before] = ['', Resources.empty]] = byRole(offered);
    let after = before;
    for (const { consumed, converted } of conversions) {
      after = after.minus(consumed.unallocated()).plus(converted.unallocated());
      // Nothing consumed: one more copy of something shared, of which the agent has no more than before.
      if (!consumed.isEmpty) agent.total = agent.total.minus(consumed.unallocated()).plus(converted.unallocated());
    }
    this.#setHeld(frameworkId, role, agentId, this.#heldAt(frameworkId, role, agentId).minus(before).plus(after));
    this.#settle();
  }

  updateAvailable(agentId: AgentId, conversions: readonly ResourceConversion[], nowMs: number): boolean {
    this.#timeIs(nowMs);
    const agent = this.#agent(agentId);
    let free = this.#freeOf(agent);
    let total = agent.total;
    for (const { consumed, converted } of conversions) {
      if (!free.contains(consumed)) return false;
      free = free.minus(consumed).plus(converted);
      total = total.minus(consumed).plus(converted);
    }
    agent.total = total;
    this.#settle();
    return true;
  }

  updateWeight(role: string, weight: number): void {
    this.weights.set(role, weight);
    this.#settle();
  }

  updateQuota(role: string, quota: Quota, nowMs: number): void {
    this.#timeIs(nowMs);
    if (quota.guarantees.size === 0 && quota.limits.size === 0) this.quotas.delete(role);
    else this.quotas.set(role, quota);
    this.#settle();
  }

  // Maintenance (11)

  updateUnavailability(agentId: AgentId, unavailability: Unavailability | undefined, nowMs: number): void {
    this.#timeIs(nowMs);
    this.#agent(agentId).window =
      unavailability === undefined ? undefined : { unavailability, outstanding: new Set(), answers: new Map(), filters: [] };
    this.#settle();
    this.#trigger(agentId);
  }

  updateInverseOffer(frameworkId: FrameworkId, agentId: AgentId, answer: InverseOfferAnswer | undefined, refuseMs: number, nowMs: number): void {
    this.#timeIs(nowMs);
    const window = this.agents.find(({ id }) => id === agentId)?.window;
    if (window === undefined) return;
    window.outstanding.delete(frameworkId);
    if (answer !== undefined) window.answers.set(frameworkId, answer);
    if (refuseMs > 0) window.filters.push({ frameworkId, lapsesAtMs: this.#lapseMs(refuseMs) });
  }

  inverseOfferAnswers(agentId: AgentId): ReadonlyMap<FrameworkId, InverseOfferAnswer> {
    return this.agents.find(({ id }) => id === agentId)?.window?.answers ?? new Map();
  }

  #forgetInverseOffersTo(id: FrameworkId): void {
    for (const { window } of this.agents) window?.outstanding.delete(id);
    this.#dropInverseOfferFilters(id);
  }

  #dropInverseOfferFilters(id: FrameworkId): void {
    for (const { window } of this.agents) if (window !== undefined) window.filters = window.filters.filter(({ frameworkId }) => frameworkId !== id);
  }

  #inverseOffersOn(agent: Agent): InverseOfferRequest[] {
    const requests: InverseOfferRequest[] = [];
    if (agent.window === undefined) return requests;
    const { unavailability, outstanding, filters } = agent.window;
    for (const { id, isActive } of this.frameworks) {
      const holdsSomething = this.charges.some((charge) => charge.frameworkId === id && charge.agentId === agent.id);
      const isRefused = filters.some((filter) => filter.frameworkId === id && this.nowMs < filter.lapsesAtMs);
      if (!isActive || !holdsSomething || isRefused || outstanding.has(id)) continue;
      outstanding.add(id);
      requests.push({ frameworkId: id, agentId: agent.id, unavailability });
    }
    return requests;
  }

  // Recovery (10)

  recover(agentCount: number, nowMs: number): void {
    this.#timeIs(nowMs);
    const agentsMissing = Math.floor(agentCount * this.options.recoveryAgentFactor);
    if (this.quotas.size > 0 && agentsMissing > 0) this.pause = { agentsMissing, untilMs: nowMs + this.options.recoveryTimeoutMs };
  }

  #endPause(): void {
    this.pause = undefined;
    this.#trigger('all');
  }

  // When runs happen (4, with DESIGN's differences)

  nextRunAtMs(): number {
    if (!this.#isAnybodyInterested()) return Infinity;
    if (this.pause !== undefined) return this.pause.untilMs;
    return Math.min(this.#batchAfterMs(this.nowMs), this.triggeredAtMs + this.options.eventDelayMs);
  }

  run(nowMs: number): AllocationRun {
    if (nowMs < this.nextRunAtMs()) return nothing;
    const isBatch = nowMs >= this.#batchAfterMs(this.nowMs);
    const wasPaused = this.pause !== undefined;
    this.#timeIs(nowMs);
    if (wasPaused) return nothing; // The end of the pause is no run, it asks for one.
    const candidates =
      isBatch || this.triggered === 'all' ? this.agents : this.agents.filter(({ id }) => this.triggered !== 'all' && this.triggered.has(id));
    const allocations = this.#allocate(candidates.filter((agent) => this.#isCandidate(agent)));
    this.#forgetTriggers();
    return { allocations, inverseOffers: candidates.filter((agent) => this.#isCandidate(agent)).flatMap((agent) => this.#inverseOffersOn(agent)) };
  }

  /** Everything is told in the order of time; what time alone brings about is settled first. */
  #timeIs(nowMs: number): void {
    this.nowMs = nowMs;
    if (this.pause !== undefined && nowMs >= this.pause.untilMs) this.#endPause();
  }

  #trigger(concerned: AgentId | 'all'): void {
    if (!this.#isAnybodyInterested() || this.pause !== undefined) return;
    this.triggeredAtMs = Math.min(this.triggeredAtMs, this.nowMs);
    if (concerned === 'all') this.triggered = 'all';
    else if (this.triggered !== 'all') this.triggered.add(concerned);
    this.#withdrawTriggers();
  }

  /** An agent that takes no part, or no more, asks for nothing: once it does again the batch will do, because that is what changed last. */
  #withdrawTriggers(): void {
    if (this.triggered !== 'all') {
      const stay = this.agents.filter((agent) => this.triggered !== 'all' && this.triggered.has(agent.id) && this.#isCandidate(agent));
      this.triggered = new Set(stay.map(({ id }) => id));
    }
    if (!this.#isAnybodyInterested() || (this.triggered !== 'all' && this.triggered.size === 0)) this.#forgetTriggers();
  }

  #forgetTriggers(): void {
    this.triggered = new Set();
    this.triggeredAtMs = Infinity;
  }

  #batchAfterMs(ms: number): number {
    const { allocationIntervalMs } = this.options;
    return (Math.floor(ms / allocationIntervalMs) + 1) * allocationIntervalMs;
  }

  // The run (5)

  #isCandidate({ isActive, info }: Agent): boolean {
    return isActive && (this.allowedHostnames === undefined || this.allowedHostnames.has(info.hostname));
  }

  #allocate(candidates: readonly Agent[]): Allocation[] {
    this.runNumber++;
    for (const member of this.memberships)
      if (member.standsBackUntilMs !== undefined && member.standsBackUntilMs <= this.nowMs) member.standsBackUntilMs = undefined;
    const seeds = [this.random.next(), this.random.next()].map((drawn) => Math.floor(drawn * 2 ** 32));
    const stages: Stage[] = [
      { kind: 'guarantees', seed: seeds[0]! },
      { kind: 'fair-share', seed: seeds[1]! },
    ];
    const allocations: Allocation[] = [];
    for (const stage of stages) {
      const hasWork = stage.kind === 'fair-share' || [...this.quotas.values()].some(({ guarantees }) => guarantees.size > 0);
      const draw = ({ id }: Agent): number => drawOf(stage.seed, id);
      const order = [...candidates].sort((a, b) => draw(a) - draw(b) || (a.id < b.id ? -1 : 1));
      if (hasWork) for (const agent of order) this.#visit(stage, agent, allocations);
    }
    return allocations;
  }

  /** Shares stand still while an agent is visited, and so do the orders; what is free, and what quotas leave, moves at once. */
  #visit(stage: Stage, agent: Agent, allocations: Allocation[]): void {
    if (this.#freeOf(agent).isEmpty) return;
    const seed = visitSeed(stage.seed, agent.id);
    const orders = this.#rolesInOrder('', seed).map((role) => ({ role, frameworks: this.#frameworksInOrder(role, seed) }));
    for (const { role, frameworks } of orders) {
      for (const framework of frameworks) {
        if (stage.kind === 'guarantees' && this.#unsatisfied(topLevel(role)).size === 0) break; // 5.1
        if (!satisfiesConstraints(framework.offerConstraints.get(role), agent.info, this.options)) continue; // 5.1, 1
        const free = this.#freeOf(agent).allocatableTo(role).minus(sharedOf(agent.id, allocations)); // 5.1, 2; 5.3
        if (free.isEmpty) break;
        const bundle = this.#bundleFor(stage.kind, framework, role, agent, free);
        if (bundle === undefined || this.#isRefused(framework, role, agent, bundle)) continue; // 5.1, 8; 5.5
        this.#grant(framework, role, agent, bundle);
        allocations.push({ frameworkId: framework.id, role, agentId: agent.id, resources: bundle.allocatedTo(role) });
      }
    }
  }

  /** What of `free` the framework is to be offered; undefined when that is not worth an offer. */
  #bundleFor(stage: Stage['kind'], framework: Framework, role: string, agent: Agent, free: Resources): Resources | undefined {
    if (!this.#mayReceive(framework.info, agent)) return undefined; // 5.1, 3; 5.6
    const available = withoutIncapable(framework.info, free); // 5.1, 4
    if (!this.#isAllocatable(framework.info, role, available)) return undefined; // 5.1, 3; 5.4
    const quotaPart = available.filter(isOfQuota); // 5.1, 5
    const granted =
      stage === 'guarantees' ? shrink(quotaPart, (name) => this.#unsatisfied(topLevel(role)).get(name) ?? 0, agent.id) : Resources.empty;
    if (stage === 'guarantees' && granted.isEmpty) return undefined;
    // 5.1, 7; 5.2, 6. Ours: cut once, to the smaller of the two rooms; cut twice, something whole could be given up for a part that is cut off in the end.
    const roomFor = (name: string): number => Math.min(this.#limitRoom(role, granted, name), this.#headroom(granted, name));
    const extra = shrink(quotaPart.minus(granted), roomFor, agent.id);
    const others =
      stage === 'guarantees'
        ? available.filter((resource) => isGivenWithGuarantees(resource, role))
        : available.filter((resource) => !isOfQuota(resource)); // 5.1, 6; 5.2, 5
    const bundle = granted.plus(extra).plus(others);
    return this.#isAllocatable(framework.info, role, bundle) ? bundle : undefined; // 5.1, 8
  }

  /** Limit - consumed - what is granted already. Ours: limits and consumption are those of the top-level role, for its whole subtree. */
  #limitRoom(role: string, granted: Resources, name: string): number {
    const limit = this.quotas.get(topLevel(role))?.limits.get(name);
    return limit === undefined ? Infinity : limit - (this.#consumed(topLevel(role)).get(name) ?? 0) - granted.scalar(name);
  }

  /** What is available in the cluster and not required for guarantees; no bound if nothing is. A grant towards a guarantee lowers both alike. */
  #headroom(granted: Resources, name: string): number {
    const required = this.#required();
    const isAnythingRequired = [...required].some(([required_, milli]) => milli - granted.scalar(required_) > 0);
    return isAnythingRequired ? (this.#available().get(name) ?? 0) - (required.get(name) ?? 0) : Infinity;
  }

  #grant(framework: Framework, role: string, agent: Agent, bundle: Resources): void {
    this.#chargeCounted(framework.id, agent.id, bundle.allocatedTo(role));
    const member = this.#membership(framework.id, role);
    if (member.lastGrantingRun === this.runNumber) return;
    member.lastGrantingRun = this.runNumber;
    member.hasUsedSince = false;
    member.isCountedIdle = false;
  }

  // Order (3)

  /** (3.2) Roles with active frameworks at or below `parent` (the root: no name), most deserving first. */
  #rolesInOrder(parent: string, seed: number): string[] {
    const isLeafOf = (path: string): boolean => path === `${parent}/.`;
    return this.#inOrder(this.#competitorsIn(parent), this.options.roleSorter, seed).flatMap(({ path }) =>
      isLeafOf(path) ? [parent] : this.#rolesInOrder(path, seed),
    );
  }

  /** Children with someone active at or below them, and the virtual leaf if somebody active is directly in the role. */
  #competitorsIn(parent: string): Sibling[] {
    const activeRoles = this.memberships.filter((member) => this.#isActive(member)).map(({ role }) => role);
    const children = new Set(activeRoles.filter((role) => isWithin(role, parent) && role !== parent).map((role) => childOf(parent, role)));
    const siblings = [...children].map((path) => this.#roleSibling(path));
    if (activeRoles.includes(parent)) siblings.push(this.#leafSibling(parent));
    return siblings;
  }

  #roleSibling(path: string): Sibling {
    const weight = this.weights.get(path) ?? 1;
    return {
      path,
      weight,
      share: this.#share((charge) => isWithin(charge.role, path), weight),
      grantCount: this.grantCounts.get(path) ?? 0,
      standsBack: this.#competitorsIn(path).every(({ standsBack }) => standsBack),
    };
  }

  #leafSibling(role: string): Sibling {
    const active = this.memberships.filter((member) => member.role === role && this.#isActive(member));
    return {
      path: `${role}/.`,
      weight: 1,
      share: this.#share((charge) => charge.role === role, 1),
      grantCount: this.grantCounts.get(`${role}/.`) ?? 0,
      standsBack: active.every(({ standsBackUntilMs }) => standsBackUntilMs !== undefined),
    };
  }

  #frameworksInOrder(role: string, seed: number): Framework[] {
    const active = this.memberships.filter((member) => member.role === role && this.#isActive(member));
    const siblings = active.map(({ frameworkId, grantCount, standsBackUntilMs }): Sibling => ({
      path: frameworkId,
      weight: 1,
      share: this.#share((charge) => charge.role === role && charge.frameworkId === frameworkId, 1),
      grantCount,
      standsBack: standsBackUntilMs !== undefined,
    }));
    return this.#inOrder(siblings, this.options.frameworkSorter, seed).map(({ path }) => this.frameworks.find(({ id }) => id === path)!);
  }

  /** (3.3, 3.4) */
  #inOrder(siblings: readonly Sibling[], sorter: 'drf' | 'random', seed: number): readonly Sibling[] {
    const byPath = (a: Sibling, b: Sibling): number => (a.path < b.path ? -1 : 1);
    const draw = ({ path, weight }: Sibling): number => exponentialKey(drawOf(seed, path), weight);
    if (sorter === 'random') return [...siblings].sort((a, b) => draw(a) - draw(b) || byPath(a, b));
    return [...siblings].sort(
      (a, b) => Number(a.standsBack) - Number(b.standsBack) || a.share - b.share || a.grantCount - b.grantCount || byPath(a, b),
    );
  }

  /** (3.1) Of known frameworks: what nobody has claimed is in nobody's share. */
  #share(isOwn: (charge: Charge) => boolean, weight: number): number {
    const own = this.charges.filter((charge) => isOwn(charge) && this.#isKnownFramework(charge.frameworkId));
    const allocated = sumOf(
      this.agents.map(({ id }) => Resources.sum(own.filter(({ agentId }) => agentId === id).map(({ held }) => held)).quantities()),
    );
    const totals = sumOf(this.agents.map(({ total }) => total.quantities()));
    const fractions = [...allocated]
      .filter(([name]) => !this.options.fairSharingExcludedNames.has(name))
      .map(([name, milli]) => ((totals.get(name) ?? 0) > 0 ? milli / (totals.get(name)! * weight) : 0));
    return Math.max(0, ...fractions);
  }

  #isActive({ frameworkId, role }: Membership): boolean {
    const framework = this.#framework(frameworkId);
    return framework.isActive && framework.info.roles.includes(role) && !framework.suppressedRoles.has(role);
  }

  /** Somebody could be offered something, or asked to leave a machine; else no run is due. */
  #isAnybodyInterested(): boolean {
    return this.memberships.some((member) => this.#isActive(member)) || this.agents.some(({ window }) => window !== undefined);
  }

  // Quota (5, up front; 8)

  /** Reservations for the role and its subtree, used or not, and what is charged there of what nobody has reserved. */
  #consumed(top: string): Quantities {
    const reserved = this.agents.map(({ total }) =>
      total
        .reserved()
        .filter((resource) => isWithin(reservationRole(resource)!, top))
        .quantities(),
    );
    const charged = this.charges.filter(({ role }) => isWithin(role, top)).map(({ held }) => held.filter(isOfQuota).quantities());
    return sumOf([...reserved, ...charged]);
  }

  /** What is missing to the guarantees of a top-level role; only names that something is missing of. */
  #unsatisfied(top: string): Quantities {
    const consumed = this.#consumed(top);
    const guarantees = this.quotas.get(top)?.guarantees ?? new Map<string, number>();
    return new Map(
      [...guarantees].map(([name, milli]): [string, number] => [name, milli - (consumed.get(name) ?? 0)]).filter(([, missing]) => missing > 0),
    );
  }

  /** Headroom that guarantees need. */
  #required(): Quantities {
    return sumOf([...this.quotas.keys()].map((top) => this.#unsatisfied(top)));
  }

  /** Headroom there is: of what nobody has reserved, on all known agents, what is not charged. */
  #available(): Quantities {
    const totals = this.agents.map(({ total }) => total.filter(isOfQuota).quantities());
    const charged = this.charges.map(({ held }) => negated(held.filter(isOfQuota).quantities()));
    return sumOf([...totals, ...charged]);
  }

  // What may be offered to whom (5.3 to 5.6)

  /** (1) Shared amounts stay free while they are used. */
  #freeOf(agent: Agent): Resources {
    const charged = Resources.sum(this.charges.filter(({ agentId }) => agentId === agent.id).map(({ held }) => held));
    return agent.total.nonShared().minus(charged.nonShared()).plus(agent.total.shared());
  }

  /** (5.6) */
  #mayReceive(info: FrameworkInfo, agent: Agent): boolean {
    const isGpuAgent = this.options.filtersGpus && agent.total.scalar('gpus') > 0;
    const region = agent.info.domain?.faultDomain?.region;
    const isRemote = this.options.region !== undefined && region !== undefined && region !== this.options.region;
    return (!isGpuAgent || info.capabilities.includes('GPU_RESOURCES')) && (!isRemote || info.capabilities.includes('REGION_AWARE'));
  }

  /** (5.4) */
  #isAllocatable(info: FrameworkInfo, role: string, bundle: Resources): boolean {
    const list = info.offerFilters.get(role)?.minAllocatable ?? this.options.minAllocatable;
    const isEnough = (smallest: Quantities): boolean => [...smallest].every(([name, milli]) => bundle.scalar(name) >= milli);
    return !bundle.isEmpty && (list.length === 0 || list.some(isEnough));
  }

  /** (5.5) */
  #isRefused(framework: Framework, role: string, agent: Agent, bundle: Resources): boolean {
    return this.#filtersAt(framework.id, role, agent.id).some(({ refused }) => refused.contains(bundle));
  }

  // Filters (6)

  #filtersAt(frameworkId: FrameworkId, role: string, agentId: AgentId): DeclineFilter[] {
    return this.filters.filter(
      (filter) => filter.frameworkId === frameworkId && filter.role === role && filter.agentId === agentId && this.nowMs < filter.lapsesAtMs,
    );
  }

  /** Ours: superfluous ones are dropped, and no place has more than 8. */
  #addFilter(added: DeclineFilter): void {
    const isSuperfluous = (one: DeclineFilter, other: DeclineFilter): boolean =>
      other.lapsesAtMs >= one.lapsesAtMs && other.refused.contains(one.refused);
    const here = this.#filtersAt(added.frameworkId, added.role, added.agentId);
    if (here.some((filter) => isSuperfluous(added, filter))) return;
    const kept = here.filter((filter) => !isSuperfluous(filter, added));
    const firstToLapse = kept.find(({ lapsesAtMs }) => lapsesAtMs === Math.min(...kept.map((filter) => filter.lapsesAtMs)));
    const stay = kept.length < 8 ? kept : kept.filter((filter) => filter !== firstToLapse);
    this.filters = [...this.filters.filter((filter) => !here.includes(filter)), ...stay, added];
  }

  /** The first batch strictly after the filter's time is over: the one at that very instant still sees it. */
  #lapseMs(refuseMs: number): number {
    return this.#batchAfterMs(this.nowMs + Math.max(this.options.allocationIntervalMs, Math.min(refuseMs, 365 * day)));
  }

  // Lists

  /** Those in force, whether or not anybody was interested lately. */
  filterCountAt(nowMs: number): number {
    return this.filters.filter(({ lapsesAtMs }) => nowMs < lapsesAtMs).length;
  }

  charged(frameworkId: FrameworkId): ReadonlyMap<AgentId, Resources> {
    const charged = new Map<AgentId, Resources>();
    for (const { agentId, role, held } of this.charges.filter((charge) => charge.frameworkId === frameworkId)) {
      charged.set(agentId, (charged.get(agentId) ?? Resources.empty).plus(held.allocatedTo(role)));
    }
    return charged;
  }

  #framework(id: FrameworkId): Framework {
    const framework = this.frameworks.find((one) => one.id === id);
    if (framework === undefined) throw new Error(`No framework ${id}`);
    return framework;
  }

  #agent(id: AgentId): Agent {
    const agent = this.agents.find((one) => one.id === id);
    if (agent === undefined) throw new Error(`No agent ${id}`);
    return agent;
  }

  #isKnownAgent(id: AgentId): boolean {
    return this.agents.some((agent) => agent.id === id);
  }

  #isKnownFramework(id: FrameworkId): boolean {
    return this.frameworks.some((framework) => framework.id === id);
  }

  #membershipsOf(id: FrameworkId): Membership[] {
    return this.memberships.filter(({ frameworkId }) => frameworkId === id);
  }

  #membership(frameworkId: FrameworkId, role: string): Membership {
    const known = this.memberships.find((member) => member.frameworkId === frameworkId && member.role === role);
    if (known !== undefined) return known;
    const member: Membership = {
      frameworkId,
      role,
      grantCount: 0,
      lastGrantingRun: 0,
      hasUsedSince: true,
      isCountedIdle: false,
      idleCount: 0,
      standsBackUntilMs: undefined,
    };
    this.memberships.push(member);
    return member;
  }

  /** Empty: all it is subscribed to. */
  #meantRoles({ info }: Framework, roles: readonly string[]): readonly string[] {
    return roles.length === 0 ? info.roles : roles.filter((role) => info.roles.includes(role));
  }

  #endStandingBack(member: Membership): void {
    member.standsBackUntilMs = undefined;
    member.idleCount = 0;
  }

  #heldAt(frameworkId: FrameworkId, role: string, agentId: AgentId): Resources {
    return (
      this.charges.find((charge) => charge.frameworkId === frameworkId && charge.role === role && charge.agentId === agentId)?.held ?? Resources.empty
    );
  }

  #setHeld(frameworkId: FrameworkId, role: string, agentId: AgentId, held: Resources): void {
    this.charges = this.charges.filter((charge) => charge.frameworkId !== frameworkId || charge.role !== role || charge.agentId !== agentId);
    if (!held.isEmpty) this.charges.push({ frameworkId, role, agentId, held });
  }

  /** (3.4) A charge is counted with its membership, the role's virtual leaf, the role and its ancestors; once for each role. */
  #chargeCounted(frameworkId: FrameworkId, agentId: AgentId, resources: Resources): void {
    for (const [role, part] of byRole(resources)) {
      this.#setHeld(frameworkId, role, agentId, this.#heldAt(frameworkId, role, agentId).plus(part));
      if (!this.#isKnownFramework(frameworkId)) continue;
      this.#membership(frameworkId, role).grantCount++;
      for (const path of [`${role}/.`, ...pathsTo(role)]) this.grantCounts.set(path, (this.grantCounts.get(path) ?? 0) + 1);
    }
  }

  /**
   * After every operation: (1) whoever subscribes or holds something is a member, (2) a node is there, and its count with it, as long as something
   * needs it; and while nobody is interested nothing is asked for.
   */
  #settle(): void {
    for (const { id, info } of this.frameworks) for (const role of info.roles) this.#membership(id, role);
    this.memberships = this.memberships.filter(({ frameworkId, role }) => {
      const framework = this.frameworks.find(({ id }) => id === frameworkId);
      return (
        framework !== undefined &&
        (framework.info.roles.includes(role) || this.charges.some((charge) => charge.frameworkId === frameworkId && charge.role === role))
      );
    });
    for (const path of [...this.grantCounts.keys()]) if (!this.#isNode(path.replace(/\/\.$/, ''))) this.grantCounts.delete(path);
    this.#withdrawTriggers();
  }

  #isNode(path: string): boolean {
    const hasReservation = ({ total }: Agent): boolean =>
      total.reserved().filter((resource) => resource.value.kind === 'scalar' && isWithin(reservationRole(resource)!, path)).size > 0;
    return (
      this.memberships.some(({ role }) => isWithin(role, path)) ||
      this.charges.some(({ role, held }) => isWithin(role, path) && !held.filter(isOfQuota).isEmpty) || // Also of frameworks that are not here yet.
      this.agents.some(hasReservation) ||
      [...this.quotas.keys()].some((role) => isWithin(role, path)) ||
      [...this.weights].some(([role, weight]) => weight !== 1 && isWithin(role, path))
    );
  }
}

// Roles (2)

/** `eng/web` and `eng` are within `eng`; everything is within the root, which has no name. */
function isWithin(role: string, ancestor: string): boolean {
  return ancestor === '' || role === ancestor || role.startsWith(`${ancestor}/`);
}

function topLevel(role: string): string {
  return role.split('/')[0]!;
}

/** `eng`, `eng/web` for `eng/web`. */
function pathsTo(role: string): string[] {
  return role.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'));
}

/** The child of `parent` on the way to `role`. */
function childOf(parent: string, role: string): string {
  return pathsTo(role)[parent === '' ? 0 : parent.split('/').length]!;
}

// Resources

/** By allocation role, unallocated. */
function byRole(resources: Resources): ReadonlyMap<string, Resources> {
  const roles = new Set([...resources].map(({ allocationRole }) => allocationRole ?? ''));
  return new Map([...roles].map((role) => [role, resources.filter(({ allocationRole }) => allocationRole === role).unallocated()]));
}

/** What quota and headroom are about: unreserved, non-revocable scalars that are not shared. */
function isOfQuota({ value, reservations, revocable, shared }: Resource): boolean {
  return value.kind === 'scalar' && reservations.length === 0 && !revocable && !shared;
}

/** (5.1, 6) The role's own reservations, everything that is no scalar, everything revocable; not the reservations of its ancestors (9). */
function isGivenWithGuarantees({ value, reservations, revocable }: Resource, role: string): boolean {
  return reservations.length > 0 ? reservationRole({ reservations }) === role : value.kind !== 'scalar' || revocable;
}

/** (5.6) */
function withoutIncapable({ capabilities }: FrameworkInfo, resources: Resources): Resources {
  const can = (capability: FrameworkCapability): boolean => capabilities.includes(capability);
  return resources.filter(
    ({ revocable, shared, reservations }) =>
      (!revocable || can('REVOCABLE_RESOURCES')) &&
      (!shared || can('SHARED_RESOURCES')) &&
      (reservations.length < 2 || can('RESERVATION_REFINEMENT')),
  );
}

/** (9) At most once in a run. */
function sharedOf(agentId: AgentId, allocations: readonly Allocation[]): Resources {
  return Resources.sum(allocations.filter((allocation) => allocation.agentId === agentId).map(({ resources }) => resources.shared().unallocated()));
}

/**
 * (5.2) Scalars cut so that those of one name are no more than its target; entries of one name in random order. Ours: an order of each agent's
 * own, the same in every run, so that what was declined once is not cut another way and offered again.
 */
function shrink(scalars: Resources, targetOf: (name: string) => number, agentId: AgentId): Resources {
  const textOf = (resource: Resource): string => Resources.of([resource]).toString();
  const draw = (resource: Resource): number => drawOf(fmix32(nameHash(agentId)), textOf(resource));
  const kept: Resource[] = [];
  for (const name of scalars.names()) {
    let left = targetOf(name);
    const entries = [...scalars].filter((resource) => resource.name === name).sort((a, b) => draw(a) - draw(b) || (textOf(a) < textOf(b) ? -1 : 1));
    for (const entry of entries) {
      const milli = entry.value.kind === 'scalar' ? entry.value.milli : 0;
      const taken = milli <= left ? milli : isIndivisible(entry) ? 0 : Math.max(0, left);
      kept.push({ ...entry, value: { kind: 'scalar', milli: taken } });
      left -= taken;
    }
  }
  return Resources.of(kept.filter(({ value }) => value.kind === 'scalar' && value.milli > 0));
}

function sumOf(all: readonly Quantities[]): Quantities {
  const sum = new Map<string, number>();
  for (const quantities of all) for (const [name, milli] of quantities) sum.set(name, (sum.get(name) ?? 0) + milli);
  return sum;
}

function negated(quantities: Quantities): Quantities {
  return new Map([...quantities].map(([name, milli]) => [name, -milli]));
}

// Offer constraints (scheduler reference)

/** OR over groups, AND within one. */
function satisfiesConstraints(groups: readonly (readonly AttributeConstraint[])[] | undefined, agent: AgentInfo, options: AllocatorOptions): boolean {
  return groups === undefined || groups.some((group) => group.every((constraint) => satisfies(constraint, agent, options)));
}

function satisfies({ selector, predicate }: AttributeConstraint, agent: AgentInfo, { compileRegex }: AllocatorOptions): boolean {
  const selected =
    selector.kind === 'attribute' ? agent.attributes.find(({ name }) => name === selector.name) : pseudoattribute(selector.name, agent);
  if (selected === undefined) return predicate.kind === 'not-exists' || predicate.kind === 'text-not-equals' || predicate.kind === 'text-not-matches';
  if (predicate.kind === 'exists' || predicate.kind === 'not-exists') return predicate.kind === 'exists';
  if (selected.kind !== 'text') return true;
  if ('value' in predicate) return (selected.text === predicate.value) === (predicate.kind === 'text-equals');
  if (!('regex' in predicate)) return false;
  const compiled = compileRegex(predicate.regex);
  return compiled.ok && compiled.matches(selected.text) === (predicate.kind === 'text-matches');
}

function pseudoattribute(name: 'HOSTNAME' | 'REGION' | 'ZONE', { hostname, domain }: AgentInfo): Attribute | undefined {
  const text = { HOSTNAME: hostname, REGION: domain?.faultDomain?.region, ZONE: domain?.faultDomain?.zone }[name];
  return text === undefined ? undefined : { name, kind: 'text', text };
}
