// The DRF allocator: what each operation of the Allocator interface means.
//
// Owns:      the agents and frameworks, what each operation does to tree, ledgers, filters and schedule, which agents a run looks at.
// Elsewhere: who gets what in a run (division.ts), order and shares (role-tree.ts), what is free (agent-ledger.ts), what is held (charges.ts), quota
//            numbers (quota-ledger.ts), refusals (decline-filters.ts), when a run is due (run-schedule.ts), answers to questions (explain.ts,
//            what-if.ts). Offers, tasks and sessions are the master's.
// Invariants:
//   A1. What is charged to frameworks on an agent never exceeds the agent's total (shared resources aside). Only agents' own reports may
//       (one that came back smaller than what runs on it); a run hands out nothing that is not free.
//   A2. Synchronous and deterministic: time and randomness come in.
//   L1. An agent that a run has visited has nothing left to give (division.ts, D4), so every change that could make it give again is noted in
//       the schedule at the place where it happens, unless all are known to refuse it (refusal-memo.ts). An agent of which a run granted something
//       and left something that a quota may be about is noted for one more look. One of which nothing was granted is held back, and looked at in
//       batches that find more room than when it was refused (quota-growth.ts).
//   L2. While no framework is active, and no machine is to be left, nothing is noted: becoming active concerns all agents. Filters lapse all the same, in
//       their time, so that they are counted, explained and kept in memory as long as they are in force.
//   L3. What an agent runs for a framework that has not subscribed yet (the leader is new) is not free, and is in nobody's share until the
//       framework is added with what it uses. It does count as consumed by its role: a limit holds from the first moment.
//   L4. While recovering after a failover (reference, section 10) nothing is handed out; the end of the wait is due.
// Source: DRF (Ghodsi et al., NSDI 2011, Algorithm 1), Mesos hierarchical allocator (reference, sections 4 to 7 and 10), DESIGN's differences.

import { BugError, invariant } from '../common/invariant';
import type { AgentInfo, Unavailability } from '../common/model/agent';
import type { FrameworkInfo } from '../common/model/framework';
import type { AgentId, FrameworkId } from '../common/model/ids';
import { Resources } from '../common/model/resources';
import type { OfferConstraints } from '../common/model/scheduler-protocol';
import type { Random } from '../common/ports';
import { AgentLedger } from './agent-ledger';
import type {
  AllocationRun,
  AllocatorFactory,
  AllocatorOptions,
  Explanation,
  InverseOfferAnswer,
  Quota,
  Recovery,
  ResourceConversion,
  RoleShare,
  UsedByFramework,
  WhatIfAnswer,
  WhatIfQuestion,
  WhatIfTooLarge,
} from './allocator';
import { BundleCache, type Bundle } from './bundle';
import { Charges } from './charges';
import { ClusterTotals } from './cluster-totals';
import { DeclineFilters } from './decline-filters';
import { Division, type RunParts, type RunSeeds } from './division';
import { explain, type AllocatorView } from './explain';
import { FrameworkLedger } from './framework-ledger';
import { InverseOffers } from './inverse-offers';
import { QuotaLedger } from './quota-ledger';
import type { Membership, RoleNode } from './role-node';
import { RoleTree, weightDefault } from './role-tree';
import { RunSchedule } from './run-schedule';
import { StandingBack } from './standing-back';
import type { Vector } from './vector';
import { whatIf, type Position, type TrialAllocator } from './what-if';

/** The weighted DRF allocator. Options are taken as valid: the master checked them as it read its flags. */
export const createDrfAllocator: AllocatorFactory = (options, random) => new DrfAllocator(options, random);

/** Longest time that a filter may last. Source: Mesos. */
const refuseMsMax = 365 * 24 * 3600 * 1000;

/** The wait for agents after a failover (L4). */
interface AgentWait {
  readonly agentCountNeeded: number;
  agentCount: number;
  readonly untilMs: number;
}

/** Of the allocator that another is a copy of: what the copy has still to take over. Read only. */
interface Original {
  readonly agents: ReadonlyMap<AgentId, AgentLedger>;
  readonly filters: DeclineFilters;
  readonly twins: ReadonlyMap<Membership, Membership>;
}

class DrfAllocator implements TrialAllocator {
  readonly #totals: ClusterTotals;
  readonly #bundles: BundleCache;
  readonly #nothing: Bundle;
  readonly #quotas: QuotaLedger;
  readonly #tree: RoleTree;
  readonly #filters = new DeclineFilters();
  readonly #charges: Charges;
  readonly #standingBack: StandingBack;
  readonly #inverseOffers = new InverseOffers();
  readonly #schedule: RunSchedule<AgentLedger>;
  readonly #runParts: RunParts;
  readonly #frameworks = new Map<FrameworkId, FrameworkLedger>();
  readonly #agents = new Map<AgentId, AgentLedger>();
  /** L3. In allocated form, as reported. No empty value at either level. */
  readonly #unclaimed = new Map<FrameworkId, Map<AgentId, Resources>>();
  /** Agents that were left with something while there was a quota (L1). */
  readonly #heldBack = new Set<AgentLedger>();
  /** Those of them that less room could be cut for otherwise (quota-growth.ts, M1): they are looked at in every batch, whatever has changed. */
  readonly #heldBackAnyway = new Set<AgentLedger>();
  #allowList: ReadonlySet<string> | undefined;
  #recovery: AgentWait | undefined;
  /** Frameworks with minimum sizes of their own: with one, the global list does not say what is worth an offer to anybody. */
  #ownSizesCount = 0;
  #runCount = 0;
  /** Of a copy that has not taken over everything yet. */
  #original: Original | undefined;

  constructor(
    private readonly options: AllocatorOptions,
    private readonly random: Random,
  ) {
    this.#totals = new ClusterTotals(options.fairSharingExcludedNames);
    this.#bundles = new BundleCache(this.#totals);
    this.#nothing = this.#bundles.of(Resources.empty);
    this.#quotas = new QuotaLedger(this.#totals, (roomAt) => this.#isWorthOffering(roomAt));
    this.#tree = new RoleTree(this.#totals, this.#quotas, { roles: options.roleSorter, frameworks: options.frameworkSorter });
    this.#charges = new Charges(this.#bundles, this.#tree, this.#quotas);
    this.#standingBack = new StandingBack(this.#tree, options.allocationIntervalMs);
    this.#schedule = new RunSchedule(options.allocationIntervalMs, options.eventDelayMs);
    this.#runParts = {
      options,
      totals: this.#totals,
      nothing: this.#nothing,
      tree: this.#tree,
      quotas: this.#quotas,
      filters: this.#filters,
      charges: this.#charges,
      standingBack: this.#standingBack,
    };
  }

  get filterCount(): number {
    return this.#filters.size;
  }

  get runCount(): number {
    return this.#runCount;
  }

  // Frameworks

  addFramework(
    id: FrameworkId,
    info: FrameworkInfo,
    options: {
      readonly suppressedRoles: readonly string[];
      readonly active: boolean;
      readonly offerConstraints: OfferConstraints;
      readonly used: ReadonlyMap<AgentId, Resources>;
    },
    nowMs: number,
  ): void {
    invariant(!this.#frameworks.has(id), 'A framework is added once');
    const framework = new FrameworkLedger(id, info, options.offerConstraints, options.active, this.options);
    this.#frameworks.set(id, framework);
    this.#countOwnSizes(framework, 1);
    // What agents reported of it is in `used`, as far as it still runs.
    for (const [agentId, reported] of [...(this.#unclaimed.get(id) ?? [])]) {
      const agent = this.#agent(agentId);
      this.#addUnclaimed(id, agent, reported, -1);
      this.#noteChange(agent, nowMs);
      this.#wantQuotaBatch(nowMs);
    }
    for (const [agentId, used] of options.used) {
      const agent = this.#agents.get(agentId);
      if (agent !== undefined) this.#chargeByRole(framework, agent, used);
    }
    this.#subscribe(framework, options.suppressedRoles);
    if (framework.isActive) this.#schedule.trigger('all', nowMs);
    this.#rest();
  }

  removeFramework(id: FrameworkId, nowMs: number): void {
    const framework = this.#framework(id);
    for (const member of [...framework.memberships.values()]) {
      this.#filters.removeOfMember(member);
      this.#tree.deactivate(member);
      this.#standingBack.reset(member);
      member.isSubscribed = false;
      for (const { agent, allocated } of [...member.holdings]) {
        this.#charges.credit(member, agent, allocated);
        this.#noteReturn(agent, nowMs);
      }
      this.#untrackIfUnused(framework, member);
    }
    this.#inverseOffers.forgetFramework(id);
    this.#countOwnSizes(framework, -1);
    this.#frameworks.delete(id);
    this.#rest();
  }

  activateFramework(id: FrameworkId, nowMs: number): void {
    const framework = this.#framework(id);
    framework.isActive = true;
    for (const member of framework.memberships.values()) this.#applyActivity(framework, member);
    this.#schedule.trigger('all', nowMs);
    this.#rest();
  }

  deactivateFramework(id: FrameworkId, _nowMs: number): void {
    const framework = this.#framework(id);
    framework.isActive = false;
    for (const member of framework.memberships.values()) {
      this.#filters.removeOfMember(member);
      this.#applyActivity(framework, member);
    }
    this.#inverseOffers.disconnected(id);
    this.#rest();
  }

  updateFramework(id: FrameworkId, info: FrameworkInfo, suppressedRoles: readonly string[], offerConstraints: OfferConstraints, nowMs: number): void {
    const framework = this.#framework(id);
    this.#countOwnSizes(framework, -1);
    framework.replaceInfo(info, offerConstraints);
    this.#countOwnSizes(framework, 1);
    this.#subscribe(framework, suppressedRoles);
    // It may now be eligible for what everyone left. No run of its own: the batch will do. Source: Mesos.
    this.#schedule.noteChange('all', nowMs);
    this.#rest();
  }

  suppress(id: FrameworkId, roles: readonly string[]): void {
    const framework = this.#framework(id);
    for (const member of this.#subscribed(framework, roles)) {
      member.isSuppressed = true;
      this.#applyActivity(framework, member);
    }
    this.#rest();
  }

  revive(id: FrameworkId, roles: readonly string[], nowMs: number): void {
    const framework = this.#framework(id);
    for (const member of this.#subscribed(framework, roles)) {
      member.isSuppressed = false;
      this.#filters.removeOfMember(member);
      this.#applyActivity(framework, member);
    }
    this.#inverseOffers.revived(id); // Whatever the roles: an inverse offer is for none. Source: Mesos.
    this.#schedule.trigger('all', nowMs);
    this.#rest();
  }

  // Roles

  updateWeight(role: string, weight: number): void {
    invariant(weight > 0 && Number.isFinite(weight), `The weight of role "${role}" is a number > 0, got ${weight}`);
    this.#tree.setWeight(role, weight);
  }

  updateQuota(role: string, quota: Quota, nowMs: number): void {
    this.#tree.setQuota(role, quota);
    // A new guarantee takes from everybody's headroom, a new limit from the role alone; what either gives back anybody may have.
    if (!this.#isIdle) this.#schedule.noteChange('all', nowMs);
  }

  // Agents

  addAgent(id: AgentId, info: AgentInfo, used: UsedByFramework, nowMs: number): void {
    invariant(!this.#agents.has(id), 'An agent is added once');
    const total = this.#bundles.of(info.resources.unallocated());
    const agent = new AgentLedger(id, info, total, this.#nothing);
    agent.isAllowed = this.#allowList?.has(info.hostname) ?? true;
    this.#agents.set(id, agent);
    this.#addTotal(total, 1);
    for (const [frameworkId, resources] of used) this.charge(frameworkId, id, resources);
    this.#trigger(agent, nowMs);
    this.#wantQuotaBatch(nowMs);
    if (this.#recovery !== undefined) {
      this.#recovery.agentCount++;
      if (this.#recovery.agentCount >= this.#recovery.agentCountNeeded) this.#endRecovery(nowMs);
    }
  }

  removeAgent(id: AgentId, nowMs: number): void {
    const agent = this.#agent(id);
    for (const { member, allocated } of [...agent.holdings]) {
      this.#charges.credit(member, agent, allocated);
      this.#untrackIfUnused(member.framework, member);
    }
    for (const frameworkId of [...this.#unclaimed.keys()]) this.#addUnclaimed(frameworkId, agent, this.#unclaimedOn(frameworkId, id), -1);
    this.#filters.removeOfAgent(agent);
    this.#inverseOffers.forgetAgent(agent);
    this.#schedule.forget(agent);
    this.#release(agent);
    this.#addTotal(agent.total, -1);
    this.#agents.delete(id);
    this.#wantQuotaBatch(nowMs);
    this.#rest();
  }

  updateAgent(id: AgentId, info: AgentInfo, nowMs: number): void {
    const agent = this.#agent(id);
    const before = agent.info;
    const hasNewAttributes = JSON.stringify(before.attributes) !== JSON.stringify(info.attributes);
    const hasNewTotal = !before.resources.equals(info.resources);
    const isElsewhere = before.hostname !== info.hostname || JSON.stringify(before.domain) !== JSON.stringify(info.domain);
    this.#replaceInfo(agent, info);
    agent.isAllowed = this.#allowList?.has(info.hostname) ?? true;
    // Whoever declined the machine declined another kind of machine. Source: Mesos.
    if (hasNewAttributes) this.#filters.removeOfAgent(agent);
    if (!agent.isAllowed) this.#schedule.forget(agent);
    if (hasNewAttributes || hasNewTotal || isElsewhere) this.#trigger(agent, nowMs);
    this.#wantQuotaBatch(nowMs);
  }

  activateAgent(id: AgentId, nowMs: number): void {
    const agent = this.#agent(id);
    agent.isActive = true;
    this.#noteChange(agent, nowMs);
  }

  deactivateAgent(id: AgentId): void {
    const agent = this.#agent(id);
    agent.isActive = false;
    this.#schedule.forget(agent);
  }

  updateAllowList(hostnames: ReadonlySet<string> | undefined, nowMs: number): void {
    this.#allowList = hostnames;
    for (const agent of this.#agents.values()) {
      const wasAllowed = agent.isAllowed;
      agent.isAllowed = hostnames?.has(agent.info.hostname) ?? true;
      if (agent.isAllowed && !wasAllowed) this.#noteChange(agent, nowMs);
      if (!agent.isAllowed) this.#schedule.forget(agent);
    }
  }

  // Charges

  charge(frameworkId: FrameworkId, agentId: AgentId, resources: Resources): void {
    const framework = this.#frameworks.get(frameworkId);
    const agent = this.#agent(agentId);
    if (framework !== undefined) this.#chargeByRole(framework, agent, resources);
    else this.#addUnclaimed(frameworkId, agent, resources, 1);
  }

  transitionOfferedToAllocated(frameworkId: FrameworkId, agentId: AgentId, resources: Resources): void {
    const framework = this.#frameworks.get(frameworkId);
    if (framework === undefined || !this.#agents.has(agentId)) return;
    for (const role of byAllocationRole(resources).keys()) {
      const member = framework.memberships.get(role);
      if (member !== undefined) this.#standingBack.noteUse(member);
    }
  }

  recoverResources(
    frameworkId: FrameworkId,
    agentId: AgentId,
    resources: Resources,
    recovery: Recovery,
    nowMs: number,
  ): void {
    const framework = this.#frameworks.get(frameworkId);
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    if (framework === undefined) {
      this.#recoverUnclaimed(frameworkId, agent, resources, nowMs);
      return;
    }
    invariant(recovery.refuseMs >= 0, 'The time to refuse is >= 0 ms');
    const only = resources.allocationRole;
    if (only !== undefined) this.#recover(framework, agent, only, resources, recovery, nowMs);
    else for (const [role, part] of byAllocationRole(resources)) this.#recover(framework, agent, role, part, recovery, nowMs);
    if (recovery.cause === 'ended') this.#trigger(agent, nowMs);
  }

  updateAllocation(frameworkId: FrameworkId, agentId: AgentId, offered: Resources, conversions: readonly ResourceConversion[], nowMs: number): void {
    const agent = this.#agent(agentId);
    const role = offered.allocationRole;
    const member = role === undefined ? undefined : this.#framework(frameworkId).memberships.get(role);
    invariant(member, 'What is converted is offered to the framework in one role');
    let converted = offered;
    let total = agent.info.resources.unallocated();
    for (const conversion of conversions) {
      invariant(converted.contains(conversion.consumed), 'A conversion consumes what is offered, or what an earlier one made of it');
      converted = converted.minus(conversion.consumed).plus(conversion.converted);
      // Further copies of what is shared are uses of one thing: the agent has no more for it.
      if (!conversion.consumed.isEmpty) total = total.minus(conversion.consumed.unallocated()).plus(conversion.converted.unallocated());
    }
    this.#charges.exchange(member, agent, offered, converted);
    this.#replaceTotal(agent, total);
    this.#noteChange(agent, nowMs);
    this.#wantQuotaBatch(nowMs);
  }

  updateAvailable(agentId: AgentId, conversions: readonly ResourceConversion[], nowMs: number): boolean {
    const agent = this.#agent(agentId);
    let free = agent.free.resources;
    let total = agent.info.resources.unallocated();
    for (const { consumed, converted } of conversions) {
      if (!free.contains(consumed)) return false;
      free = free.minus(consumed).plus(converted);
      total = total.minus(consumed).plus(converted);
    }
    this.#replaceTotal(agent, total);
    this.#noteChange(agent, nowMs);
    this.#wantQuotaBatch(nowMs);
    return true;
  }

  charged(frameworkId: FrameworkId): ReadonlyMap<AgentId, Resources> {
    const charged = new Map(this.#unclaimed.get(frameworkId));
    for (const member of this.#frameworks.get(frameworkId)?.memberships.values() ?? []) {
      for (const { agent, allocated } of member.holdings) charged.set(agent.id, (charged.get(agent.id) ?? Resources.empty).plus(allocated));
    }
    return charged;
  }

  roles(): readonly RoleShare[] {
    return this.#tree.nodes().map((node) => ({
      role: node.path,
      weight: node.weight,
      share: node.currentShare(),
      dominantResource: node.dominantResource(),
      frameworkIds: [...node.members.keys()].sort(),
      charged: this.#totals.named(node.amounts),
      reserved: this.#totals.named(node.reserved),
      consumed: this.#totals.named(node.consumed),
      quota: this.#tree.quotaOf(node),
      filterCount: [...node.members.values()].reduce((sum, member) => sum + this.#filters.countOf(member), 0),
    }));
  }

  // Maintenance

  updateUnavailability(agentId: AgentId, unavailability: Unavailability | undefined, nowMs: number): void {
    const agent = this.#agent(agentId);
    this.#inverseOffers.setWindow(agent, unavailability);
    this.#trigger(agent, nowMs);
    this.#rest();
  }

  updateInverseOffer(frameworkId: FrameworkId, agentId: AgentId, answer: InverseOfferAnswer | undefined, refuseMs: number, nowMs: number): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    this.#inverseOffers.answered(frameworkId, agent, answer, refuseMs > 0 ? this.#lapseOf(refuseMs, nowMs) : undefined);
    this.#noteChange(agent, nowMs);
  }

  inverseOfferAnswers(agentId: AgentId): ReadonlyMap<FrameworkId, InverseOfferAnswer> {
    return this.#inverseOffers.answersOn(this.#agent(agentId));
  }

  // Runs

  recover(agentCount: number, nowMs: number): void {
    const agentCountNeeded = Math.floor(agentCount * this.options.recoveryAgentFactor);
    if (this.#quotas.isEmpty || agentCountNeeded === 0) return;
    this.#recovery = { agentCountNeeded, agentCount: 0, untilMs: nowMs + this.options.recoveryTimeoutMs };
  }

  nextRunAtMs(): number {
    const runMs = this.#isIdle ? Infinity : this.#schedule.dueAtMs;
    return Math.min(this.#recovery?.untilMs ?? runMs, this.#filters.nextLapseMs);
  }

  run(nowMs: number): AllocationRun {
    const isIdle = this.#isIdle;
    this.#filters.lapse(nowMs, (_member, agent) => {
      if (!isIdle && agent.takesPart) this.#schedule.noteDue(agent, nowMs);
    });
    if (this.#recovery !== undefined) {
      if (nowMs >= this.#recovery.untilMs) this.#endRecovery(nowMs);
      return nothingHandedOut;
    }
    if (isIdle) return nothingHandedOut;
    const due = this.#schedule.take(nowMs);
    if (due === undefined) return nothingHandedOut;
    const seeds = this.#drawSeeds();
    this.#standingBack.endDue(nowMs);
    this.#runCount++;
    const division = new Division(this.#runParts, this.#runCount);
    this.#divide(division, due, seeds, nowMs);
    // What went out may have met a guarantee, and so freed headroom for what was held back.
    if (division.allocations.length > 0) this.#wantQuotaBatch(nowMs);
    return { allocations: division.allocations, inverseOffers: this.#requestInverseOffers(due.agents, due.isBatch, nowMs) };
  }

  /** A run over those that are due; a batch that has not all of them takes those held back as soon as it finds room for them. */
  #divide(division: Division, { agents, isBatch }: Due, seeds: RunSeeds, nowMs: number): void {
    const { growth } = this.#quotas;
    const isAll = agents === 'all';
    const hasHeldBack = isBatch && !isAll && this.#heldBack.size > 0;
    const areAllAsked = isAll || (isBatch && (!hasHeldBack || growth.isThere));
    growth.begin();
    const candidates = this.#candidates(isAll ? this.#agents.values() : agents, nowMs);
    if (hasHeldBack) candidates.push(...this.#candidates(without(this.#heldBackAnyway, agents), nowMs));
    division.allocate(candidates, seeds, () => (hasHeldBack ? this.#candidates(without(without(this.#heldBack, this.#heldBackAnyway), agents), nowMs) : []));
    this.#noteLeftOver(division.considered, nowMs);
    if (areAllAsked) growth.endAmongAll();
    else growth.endAmongSome();
  }

  /** Those of `agents` that a run looks at: they take part, have something free, and somebody may want it. */
  #candidates(agents: Iterable<AgentLedger>, nowMs: number): AgentLedger[] {
    const candidates: AgentLedger[] = [];
    for (const agent of agents) {
      const { free, refusals } = agent;
      if (!agent.takesPart || free.isEmpty) continue;
      agent.lastVisitMs = nowMs;
      agent.lastVisitRun = this.#runCount;
      refusals.recall(free);
      if (!refusals.hasAll(this.#tree.activeBits)) candidates.push(agent);
    }
    return candidates;
  }

  #drawSeeds(): RunSeeds {
    const guarantees = Math.floor(this.random.next() * 2 ** 32);
    const fairShare = Math.floor(this.random.next() * 2 ** 32);
    return { guarantees, fairShare };
  }

  /** What a run leaves is left for good (L1), except what quota held back, and shared amounts, which are free again for the next run. */
  #noteLeftOver(visited: readonly AgentLedger[], nowMs: number): void {
    for (const agent of visited) {
      if (agent.total.hasShared) this.#noteChange(agent, nowMs);
      if (this.#quotas.isEmpty || agent.free.isEmpty) {
        this.#release(agent);
        continue;
      }
      if (agent.lastGrantRun === this.#runCount) this.#noteChange(agent, nowMs);
      this.#heldBack.add(agent);
      if (agent.free.repeatedIndexes.length > 0) this.#heldBackAnyway.add(agent);
      else this.#heldBackAnyway.delete(agent);
    }
  }

  #release(agent: AgentLedger): void {
    this.#heldBack.delete(agent);
    this.#heldBackAnyway.delete(agent);
  }

  #requestInverseOffers(agents: ReadonlySet<AgentLedger> | 'all', isBatch: boolean, nowMs: number): AllocationRun['inverseOffers'] {
    if (this.#inverseOffers.isEmpty) return [];
    for (const agent of this.#inverseOffers.agents) this.#noteChange(agent, nowMs);
    return this.#inverseOffers.request(isBatch ? 'all' : agents, nowMs);
  }

  #endRecovery(nowMs: number): void {
    this.#recovery = undefined;
    this.#schedule.clear(); // What asked for runs meanwhile is among all.
    if (!this.#isIdle) this.#schedule.trigger('all', nowMs);
  }

  // Questions

  explain(frameworkId: FrameworkId, role: string, agentId: AgentId, nowMs: number): Explanation {
    return explain(this.#view(), { frameworkId, role, agentId }, nowMs);
  }

  whatIf(question: WhatIfQuestion, nowMs: number): WhatIfAnswer | WhatIfTooLarge {
    const { whatIfFilterCountMax: filterCountMax } = this.options;
    return whatIf((division) => this.#copy(division, nowMs), this.positions(), question, { nowMs, batchMs: this.#schedule.batchAfterMs(nowMs), filterCountMax });
  }

  positions(): readonly Position[] {
    return [...this.#frameworks.values()].flatMap(({ memberships }) =>
      [...memberships.values()].map((member) => ({
        frameworkId: member.frameworkId,
        role: member.role.path,
        share: member.currentShare(), // Frameworks weigh 1.
        held: this.#totals.named(member.amounts),
        isActive: member.isActive,
      })),
    );
  }

  #view(): AllocatorView {
    return {
      options: this.options,
      totals: this.#totals,
      tree: this.#tree,
      quotas: this.#quotas,
      filters: this.#filters,
      agents: this.#agents,
      frameworks: this.#frameworks,
      recovery: this.#recovery,
    };
  }

  /** Everything that decides, in an allocator of its own; `afresh`: without what is held, declined or counted. */
  #copy(division: WhatIfQuestion['division'], nowMs: number): DrfAllocator {
    // The middle of every draw: both sides of a comparison see the same luck.
    const copy = new DrfAllocator(this.options, { next: () => 0.5 });
    for (const node of this.#tree.nodes()) {
      if (node.weight !== weightDefault) copy.updateWeight(node.path, node.weight);
      if (node.quota !== undefined) copy.updateQuota(node.path, node.quota.quota, nowMs);
    }
    if (this.#allowList !== undefined) copy.updateAllowList(this.#allowList, nowMs);
    for (const agent of this.#agents.values()) {
      copy.addAgent(agent.id, agent.info, new Map(), nowMs);
      if (!agent.isActive) copy.deactivateAgent(agent.id);
    }
    const isAfresh = division === 'afresh';
    for (const { id, info, isActive, offerConstraints, memberships } of this.#frameworks.values()) {
      const suppressedRoles = [...memberships.values()].filter(({ isSuppressed }) => isSuppressed).map(({ role }) => role.path);
      const used = isAfresh ? new Map<AgentId, Resources>() : this.charged(id);
      copy.addFramework(id, info, { suppressedRoles, active: isActive, offerConstraints, used }, nowMs);
    }
    if (isAfresh) return copy;
    for (const [frameworkId, onAgents] of this.#unclaimed) for (const [agentId, resources] of onAgents) copy.charge(frameworkId, agentId, resources);
    for (const node of this.#tree.nodes()) copy.#takeOverCounts(node, this.#schedule.batchAfterMs(nowMs));
    copy.#original = { agents: this.#agents, filters: this.#filters, twins: this.#twinsIn(copy) };
    // A wait that time ends before the batch is no wait for it. Agents that the question adds count, as they would.
    const isWaiting = this.#recovery !== undefined && this.#recovery.untilMs >= this.#schedule.batchAfterMs(nowMs);
    copy.#recovery = isWaiting ? { ...this.#recovery! } : undefined;
    return copy;
  }

  /** Grant counts and standing, which decide ties and order, as `node` of another allocator will have them in its next batch. */
  #takeOverCounts(node: RoleNode, batchMs: number): void {
    const own = this.#tree.find(node.path);
    if (own === undefined) return;
    own.setGrantCount(node.grantCount);
    own.leaf.setGrantCount(node.leaf.grantCount);
    for (const [id, member] of node.members) {
      const ownMember = own.members.get(id);
      ownMember?.setGrantCount(member.grantCount);
      if (ownMember !== undefined && member.standsBack && member.standing!.untilMs > batchMs) this.#tree.setStandsBack(ownMember, true);
    }
  }

  /** Who is who in a copy that nothing has happened to. */
  #twinsIn(copy: DrfAllocator): ReadonlyMap<Membership, Membership> {
    const twins = new Map<Membership, Membership>();
    for (const { id, memberships } of this.#frameworks.values()) {
      for (const [role, member] of memberships) {
        const twin = copy.#framework(id).memberships.get(role);
        if (twin !== undefined) twins.set(member, twin);
      }
    }
    return twins;
  }

  get filterCountLeft(): number {
    let count = 0;
    this.#forEachFiltered((original) => (count += original.filters?.size ?? 0));
    return count;
  }

  takeOverFilters(batchMs: number): void {
    this.#forEachFiltered((original, agent, { filters, twins }) => {
      for (const { member, refused, lapsesAtMs } of filters.on(original)) {
        const twin = twins.get(member);
        if (twin?.isActive === true && lapsesAtMs > batchMs) this.#filters.add(twin, agent, this.#bundles.of(refused.resources), lapsesAtMs);
      }
    });
    this.#original = undefined;
  }

  /** The agents whose filters a run could come upon, as they are in the original and here. */
  #forEachFiltered(visit: (original: AgentLedger, agent: AgentLedger, whole: Original) => void): void {
    for (const original of this.#original?.agents.values() ?? []) {
      const agent = this.#agents.get(original.id);
      if (original.filters !== undefined && agent?.takesPart === true && !agent.free.isEmpty) visit(original, agent, this.#original!);
    }
  }

  // What the operations share

  #framework(id: FrameworkId): FrameworkLedger {
    const framework = this.#frameworks.get(id);
    if (framework === undefined) throw new BugError(`Framework ${id} is not known to the allocator`);
    return framework;
  }

  #agent(id: AgentId): AgentLedger {
    const agent = this.#agents.get(id);
    if (agent === undefined) throw new BugError(`Agent ${id} is not known to the allocator`);
    return agent;
  }

  /** Makes the subscriptions exactly those of `framework.info.roles`, and the suppressed ones exactly `suppressedRoles`. */
  #subscribe(framework: FrameworkLedger, suppressedRoles: readonly string[]): void {
    const roles = new Set(framework.info.roles);
    const suppressed = new Set(suppressedRoles);
    for (const role of roles) {
      const member = this.#track(framework, role);
      // Leaving the suppressed set is a revival, filters included. Source: Mesos.
      if (member.isSuppressed && !suppressed.has(role)) this.#filters.removeOfMember(member);
      member.isSubscribed = true;
      member.isSuppressed = suppressed.has(role);
      this.#applyActivity(framework, member);
    }
    for (const [role, member] of [...framework.memberships]) {
      if (roles.has(role)) continue;
      this.#filters.removeOfMember(member);
      member.isSubscribed = false;
      member.isSuppressed = false;
      this.#applyActivity(framework, member);
      this.#untrackIfUnused(framework, member);
    }
  }

  #subscribed(framework: FrameworkLedger, roles: readonly string[]): Membership[] {
    const isMeant = roles.length === 0 ? (): boolean => true : (role: string): boolean => roles.includes(role); // Empty: all. Source: Mesos.
    return [...framework.memberships.values()].filter((member) => member.isSubscribed && isMeant(member.role.path));
  }

  /** Something was said about the membership: whatever it refused or did not use before, it is asked again. */
  #applyActivity(framework: FrameworkLedger, member: Membership): void {
    this.#forgetRefusals(member);
    this.#standingBack.reset(member);
    if (framework.isActive && member.isSubscribed && !member.isSuppressed) this.#tree.activate(member);
    else this.#tree.deactivate(member);
  }

  #forgetRefusals(member: Membership): void {
    if (!member.isRemembered) return;
    member.isRemembered = false;
    for (const { refusals } of this.#agents.values()) refusals.remove(member.index);
  }

  #track(framework: FrameworkLedger, role: string): Membership {
    const member = this.#tree.track(role, framework);
    framework.memberships.set(role, member);
    return member;
  }

  #untrackIfUnused(framework: FrameworkLedger, member: Membership): void {
    if (member.isSubscribed || member.holdings.length > 0) return;
    framework.memberships.delete(member.role.path);
    this.#forgetRefusals(member);
    this.#standingBack.reset(member);
    this.#tree.untrack(member);
  }

  #chargeByRole(framework: FrameworkLedger, agent: AgentLedger, resources: Resources): void {
    for (const [role, part] of byAllocationRole(resources)) this.#charges.charge(this.#track(framework, role), agent, part);
  }

  #recover(
    framework: FrameworkLedger,
    agent: AgentLedger,
    role: string,
    resources: Resources,
    { cause, refuseMs }: Recovery,
    nowMs: number,
  ): void {
    const member = framework.memberships.get(role);
    if (member === undefined) throw new BugError(`Framework ${framework.id} returns ${resources.toString()} in role "${role}", and holds nothing in it`);
    const returned = this.#charges.credit(member, agent, resources);
    if (refuseMs > 0 && member.isSubscribed && framework.isActive) this.#refuse(member, agent, returned, this.#lapseOf(refuseMs, nowMs));
    else if (cause === 'declined' && refuseMs === 0) this.#standingBack.noteIdleReturn(member, this.#schedule.batchAfterMs(nowMs));
    this.#noteReturn(agent, nowMs);
    this.#untrackIfUnused(framework, member);
  }

  #refuse(member: Membership, agent: AgentLedger, refused: Bundle, lapsesAtMs: number): void {
    this.#filters.add(member, agent, refused, lapsesAtMs);
    // Mostly all of an agent was offered, and all of it is declined: then the next run need not ask to know.
    if (!agent.refusals.isAbout(refused)) return;
    agent.refusals.add(member.index);
    member.isRemembered = true;
  }

  /** When what is refused from now on for `refuseMs` may be offered again: with the first batch after (decline-filters.ts, F2). */
  #lapseOf(refuseMs: number, nowMs: number): number {
    return this.#schedule.batchAfterMs(nowMs + Math.max(this.options.allocationIntervalMs, Math.min(refuseMs, refuseMsMax)));
  }

  /** The agent has more to give from the next batch on; unless nobody wants it, as after the last refusal of a round. */
  #noteReturn(agent: AgentLedger, nowMs: number): void {
    agent.refusals.recall(agent.free);
    if (!agent.refusals.hasAll(this.#tree.activeBits)) this.#noteChange(agent, nowMs);
    this.#wantQuotaBatch(nowMs);
  }

  #addTotal(total: Bundle, sign: 1 | -1): void {
    this.#totals.add(total.scalars, sign);
    this.#quotas.noteNames();
    this.#quotas.addAvailable(total.quotaScalars, sign);
    this.#quotas.growth.noteAgent(total.quotaScalars);
    if (!total.hasReserved) return;
    for (const [role, scalars] of this.#reservedByHolder(total)) this.#tree.reserve(role, scalars, sign);
  }

  #reservedByHolder(total: Bundle): ReadonlyMap<string, Vector> {
    const byHolder = new Map<string, Map<string, number>>();
    total.resources.forEachAmount(({ name, reservations }, quantity) => {
      const holder = reservations[reservations.length - 1]?.role;
      if (holder === undefined || quantity === 0) return;
      const amounts = byHolder.get(holder) ?? new Map<string, number>();
      byHolder.set(holder, amounts.set(name, (amounts.get(name) ?? 0) + quantity));
    });
    return new Map([...byHolder].map(([role, amounts]) => [role, this.#totals.vectorOf(amounts)]));
  }

  #replaceInfo(agent: AgentLedger, info: AgentInfo): void {
    const before = agent.total;
    const after = this.#bundles.of(info.resources.unallocated());
    if (after !== before) {
      // First what comes: a role that is there for its reservation alone must not be forgotten in between, and its grants with it.
      this.#addTotal(after, 1);
      this.#addTotal(before, -1);
    }
    agent.replaceInfo(info, after);
  }

  #replaceTotal(agent: AgentLedger, total: Resources): void {
    this.#replaceInfo(agent, { ...agent.info, resources: total });
  }

  #unclaimedOn(frameworkId: FrameworkId, agentId: AgentId): Resources {
    return this.#unclaimed.get(frameworkId)?.get(agentId) ?? Resources.empty;
  }

  /** L3: more (1) or less (-1) is known to run on the agent for a framework that is not known. */
  #addUnclaimed(frameworkId: FrameworkId, agent: AgentLedger, resources: Resources, sign: 1 | -1): void {
    if (resources.isEmpty) return;
    const onAgents = this.#unclaimed.get(frameworkId) ?? new Map<AgentId, Resources>();
    const before = onAgents.get(agent.id) ?? Resources.empty;
    const after = sign > 0 ? before.plus(resources) : before.minus(resources);
    if (after.isEmpty) onAgents.delete(agent.id);
    else onAgents.set(agent.id, after);
    if (onAgents.size === 0) this.#unclaimed.delete(frameworkId);
    else this.#unclaimed.set(frameworkId, onAgents);
    for (const [role, part] of byAllocationRole(resources)) {
      const { quotaScalars } = this.#bundles.of(part.unallocated());
      this.#tree.consumeUnclaimed(role, quotaScalars, sign);
      this.#quotas.addAvailable(quotaScalars, sign > 0 ? -1 : 1);
    }
    const bundle = this.#bundles.of(resources.unallocated());
    agent.unclaimed = sign > 0 ? agent.unclaimed.plus(bundle) : agent.unclaimed.minus(bundle);
    agent.recount();
  }

  /** A task ended before its framework was back (L3). Of a framework that is gone for good nothing is unclaimed, and nothing happens. */
  #recoverUnclaimed(frameworkId: FrameworkId, agent: AgentLedger, resources: Resources, nowMs: number): void {
    if (!this.#unclaimedOn(frameworkId, agent.id).contains(resources)) return;
    this.#addUnclaimed(frameworkId, agent, resources, -1);
    this.#trigger(agent, nowMs);
    this.#wantQuotaBatch(nowMs);
  }

  /** Whether unreserved scalars within this room can be worth an offer to anybody. */
  #isWorthOffering(roomAt: (index: number) => number): boolean {
    const { minAllocatable } = this.options;
    if (this.#ownSizesCount > 0 || minAllocatable.length === 0) {
      for (let index = 0; index < this.#totals.size; index++) if (roomAt(index) > 0) return true;
      return false;
    }
    // What nobody has yet cannot be offered, nor is there a limit to it.
    return minAllocatable.some((smallest) => [...smallest].every(([name, milli]) => roomAt(this.#totals.indexOf(name)) >= milli));
  }

  #countOwnSizes(framework: FrameworkLedger, sign: 1 | -1): void {
    if (!framework.hasOwnSizes) return;
    this.#ownSizesCount += sign;
    this.#quotas.judgeAnew();
  }

  #noteChange(agent: AgentLedger, nowMs: number): void {
    if (!this.#isIdle && agent.takesPart) this.#schedule.noteChange(agent, nowMs);
  }

  #trigger(agent: AgentLedger, nowMs: number): void {
    if (!this.#isIdle && agent.takesPart) this.#schedule.trigger(agent, nowMs);
  }

  /** Something has changed somewhere: what quota held back may be offered if there is more room for it now. */
  #wantQuotaBatch(nowMs: number): void {
    if (this.#heldBack.size === 0 || this.#isIdle) return;
    if (this.#heldBackAnyway.size > 0 || this.#quotas.growth.isThere) this.#schedule.wantBatch(nowMs);
  }

  /** L2: nobody could be offered anything, nor asked to leave. */
  get #isIdle(): boolean {
    return this.#tree.activeCount === 0 && this.#inverseOffers.isEmpty;
  }

  /** L2: with nobody left to offer to, what was noted is moot. */
  #rest(): void {
    if (this.#isIdle) this.#schedule.clear();
  }
}

type Due = NonNullable<ReturnType<RunSchedule<AgentLedger>['take']>>;

function* without(agents: Iterable<AgentLedger>, others: ReadonlySet<AgentLedger>): Iterable<AgentLedger> {
  for (const agent of agents) if (!others.has(agent)) yield agent;
}

const nothingHandedOut: AllocationRun = { allocations: [], inverseOffers: [] };

/** The parts of `resources` by the role they are allocated to. An amount allocated to nobody is a bug of the caller. */
function byAllocationRole(resources: Resources): ReadonlyMap<string, Resources> {
  const only = resources.allocationRole;
  if (only !== undefined) return new Map([[only, resources]]);
  const roles = new Set<string>();
  for (const { name, allocationRole } of resources) {
    invariant(allocationRole, `What is charged or returned is allocated to a role, got ${name} without one`);
    roles.add(allocationRole);
  }
  return new Map([...roles].map((role) => [role, resources.filter((resource) => resource.allocationRole === role)]));
}
