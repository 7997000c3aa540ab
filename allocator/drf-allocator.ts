// The DRF allocator: who is offered what, decided agent by agent.
//
// Owns:      the allocation run, and what each operation of the Allocator interface means for tree, ledgers, filters and schedule.
// Elsewhere: order and shares (role-tree.ts), what is free (agent-ledger.ts), refusals (decline-filters.ts), gates and constraints
//            (eligibility.ts), when a run is due (run-schedule.ts). Offers, tasks and sessions are the master's.
// Invariants:
//   A1. What is charged to frameworks on an agent never exceeds the agent's total (shared resources aside). Only agents' own reports may
//       (one that came back smaller than what runs on it); a run hands out nothing that is not free.
//   A2. Synchronous and deterministic: time and randomness come in.
//   D1. A run visits its agents in random order. On each, whoever deserves most and may have anything gets all of it (DRF at the grain of
//       agents); what that one may not have goes down the order. Shares move before the next agent is visited.
//   D2. An agent that a run has visited has nothing left to give (run-schedule.ts, C1), so every change that could make it give again is
//       noted in the schedule at the place where it happens.
//   D3. While no framework is active nothing is noted: becoming active concerns all agents.
//   D4. What an agent runs for a framework that has not subscribed yet (the leader is new) is not free, and is in nobody's share until the
//       framework is added with what it uses.
// Source: DRF (Ghodsi et al., NSDI 2011, Algorithm 1), Mesos hierarchical allocator (reference, sections 4 to 7), DESIGN's differences.

import { BugError, invariant } from '../common/invariant';
import type { AgentInfo } from '../common/model/agent';
import type { FrameworkInfo } from '../common/model/framework';
import type { AgentId, FrameworkId } from '../common/model/ids';
import { Resources } from '../common/model/resources';
import type { OfferConstraints } from '../common/model/scheduler-protocol';
import type { Random } from '../common/ports';
import { AgentLedger } from './agent-ledger';
import type { Allocation, Allocator, AllocatorFactory, AllocatorOptions, RoleShare, UsedByFramework } from './allocator';
import { ClusterTotals } from './cluster-totals';
import { DeclineFilters } from './decline-filters';
import { mayReceiveAgent, satisfiesConstraints, withoutIncapable } from './eligibility';
import { isAllocatable, minAllocatableFor } from './minimum-size';
import { RoleTree, type Membership } from './role-tree';
import { RunSchedule } from './run-schedule';

/** The weighted DRF allocator. Options are taken as valid: the master checked them as it read its flags. */
export const createDrfAllocator: AllocatorFactory = (options, random) => new DrfAllocator(options, random);

interface Framework {
  readonly id: FrameworkId;
  info: FrameworkInfo;
  offerConstraints: OfferConstraints;
  isActive: boolean;
  /** By role: those it subscribes to, and those it left while it still holds something in them. */
  readonly memberships: Map<string, Membership>;
}

/** What one visit hands to one membership, before it is charged. */
interface Grant {
  readonly member: Membership;
  readonly bundle: Resources;
}

class DrfAllocator implements Allocator {
  readonly #totals = new ClusterTotals();
  readonly #tree = new RoleTree(this.#totals);
  readonly #filters = new DeclineFilters();
  readonly #schedule: RunSchedule<AgentLedger>;
  readonly #frameworks = new Map<FrameworkId, Framework>();
  readonly #agents = new Map<AgentId, AgentLedger>();
  /** D4. In allocated form, as reported. No empty value at either level. */
  readonly #unclaimed = new Map<FrameworkId, Map<AgentId, Resources>>();
  #runCount = 0;

  constructor(
    private readonly options: AllocatorOptions,
    private readonly random: Random,
  ) {
    this.#schedule = new RunSchedule(options.allocationIntervalMs, options.eventDelayMs);
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
    invariant(!this.#frameworks.has(id), `Framework ${id} is added once`);
    const framework: Framework = { id, info, offerConstraints: options.offerConstraints, isActive: options.active, memberships: new Map() };
    this.#frameworks.set(id, framework);
    // What agents reported of it is in `used`, as far as it still runs.
    for (const [agentId, reported] of this.#unclaimed.get(id) ?? []) {
      this.#agent(agentId).credit(reported);
      this.#noteChange(this.#agent(agentId), nowMs);
    }
    this.#unclaimed.delete(id);
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
      member.isSubscribed = false;
      for (const [agentId, held] of [...member.held]) this.#credit(member, this.#agent(agentId), held, nowMs);
      this.#untrackIfUnused(framework, member);
    }
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
    this.#rest();
  }

  updateFramework(id: FrameworkId, info: FrameworkInfo, suppressedRoles: readonly string[], offerConstraints: OfferConstraints, nowMs: number): void {
    const framework = this.#framework(id);
    framework.info = info;
    framework.offerConstraints = offerConstraints;
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
    this.#schedule.trigger('all', nowMs);
    this.#rest();
  }

  updateWeight(role: string, weight: number): void {
    invariant(weight > 0 && Number.isFinite(weight), `The weight of role "${role}" is a number > 0, got ${weight}`);
    this.#tree.setWeight(role, weight);
  }

  // Agents

  addAgent(id: AgentId, info: AgentInfo, used: UsedByFramework, nowMs: number): void {
    invariant(!this.#agents.has(id), `Agent ${id} is added once`);
    const agent = new AgentLedger(id, info);
    this.#agents.set(id, agent);
    this.#totals.replace(Resources.empty.quantities(), agent.total.quantities());
    for (const [frameworkId, resources] of used) this.charge(frameworkId, id, resources);
    this.#trigger(agent, nowMs);
  }

  removeAgent(id: AgentId): void {
    const agent = this.#agent(id);
    for (const member of [...agent.holders]) {
      const held = member.held.get(id);
      if (held !== undefined) this.#tree.credit(member, id, held);
      this.#untrackIfUnused(this.#framework(member.frameworkId), member);
    }
    for (const frameworkId of [...this.#unclaimed.keys()]) this.#setUnclaimed(frameworkId, id, Resources.empty);
    this.#filters.removeOfAgent(id);
    this.#schedule.forget(agent);
    this.#totals.replace(agent.total.quantities(), Resources.empty.quantities());
    this.#agents.delete(id);
  }

  updateAgent(id: AgentId, info: AgentInfo, nowMs: number): void {
    const agent = this.#agent(id);
    const before = agent.info;
    const hasNewAttributes = JSON.stringify(before.attributes) !== JSON.stringify(info.attributes);
    const hasNewTotal = !before.resources.equals(info.resources);
    const isElsewhere = before.hostname !== info.hostname || JSON.stringify(before.domain) !== JSON.stringify(info.domain);
    const totalBefore = agent.total;
    agent.replaceInfo(info);
    this.#totals.replace(totalBefore.quantities(), agent.total.quantities());
    // Whoever declined the machine declined another kind of machine. Source: Mesos.
    if (hasNewAttributes) this.#filters.removeOfAgent(id);
    if (hasNewAttributes || hasNewTotal || isElsewhere) this.#trigger(agent, nowMs);
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

  // Charges

  charge(frameworkId: FrameworkId, agentId: AgentId, resources: Resources): void {
    const framework = this.#frameworks.get(frameworkId);
    const agent = this.#agent(agentId);
    if (framework !== undefined) {
      this.#chargeByRole(framework, agent, resources);
    } else {
      agent.charge(resources);
      this.#setUnclaimed(frameworkId, agentId, this.#unclaimedOn(frameworkId, agentId).plus(resources));
    }
  }

  recoverResources(
    frameworkId: FrameworkId,
    agentId: AgentId,
    resources: Resources,
    recovery: { readonly cause: 'ended' | 'declined'; readonly refuseMs: number },
    nowMs: number,
  ): void {
    const framework = this.#frameworks.get(frameworkId);
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    if (framework === undefined) {
      this.#recoverUnclaimed(frameworkId, agent, resources, nowMs);
      return;
    }
    invariant(recovery.refuseMs >= 0, `The time to refuse is >= 0 ms, got ${recovery.refuseMs}`);
    for (const [role, part] of byAllocationRole(resources)) {
      const member = framework.memberships.get(role);
      invariant(member, `Framework ${frameworkId} holds something in role "${role}" as it returns ${part.toString()}`);
      // The filter first: the run that the return leads to must see it.
      if (recovery.refuseMs > 0 && member.isSubscribed && framework.isActive) {
        const effectiveMs = Math.max(this.options.allocationIntervalMs, recovery.refuseMs);
        this.#filters.add(member, agentId, part.unallocated(), nowMs + effectiveMs);
      }
      this.#credit(member, agent, part, nowMs);
      this.#untrackIfUnused(framework, member);
    }
    if (recovery.cause === 'ended') this.#trigger(agent, nowMs);
  }

  charged(frameworkId: FrameworkId): ReadonlyMap<AgentId, Resources> {
    const charged = new Map(this.#unclaimed.get(frameworkId));
    for (const member of this.#frameworks.get(frameworkId)?.memberships.values() ?? []) {
      for (const [agentId, held] of member.held) charged.set(agentId, (charged.get(agentId) ?? Resources.empty).plus(held));
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
    }));
  }

  // Runs

  nextRunAtMs(): number {
    if (this.#tree.activeCount === 0) return Infinity;
    // A filter is still seen by the batch at its own expiry, so the batch after it is the first that could offer again.
    return Math.min(this.#schedule.dueAtMs, this.#schedule.batchAfterMs(this.#filters.nextExpiryMs));
  }

  run(nowMs: number): readonly Allocation[] {
    this.#filters.expire(nowMs, (agentId, expiredAtMs) => this.#noteChange(this.#agent(agentId), expiredAtMs));
    const candidates = this.#schedule.take(nowMs);
    if (candidates === undefined || this.#tree.activeCount === 0) return [];
    this.#runCount++;
    const allocations: Allocation[] = [];
    for (const agent of this.#shuffled(candidates === 'all' ? this.#agents.values() : candidates)) {
      for (const { member, bundle } of this.#visit(agent)) {
        const role = member.role.path;
        const resources = bundle.allocatedTo(role);
        invariant(agent.free.contains(bundle), `What is handed out on agent ${agent.id} is free (A1)`);
        this.#charge(member, agent, resources);
        allocations.push({ frameworkId: member.frameworkId, role, agentId: agent.id, resources });
      }
      // Shared amounts are free again for the next run, whoever has them (agent-ledger.ts, G1).
      if (agent.hasShared) this.#noteChange(agent, nowMs);
    }
    return allocations;
  }

  /** Those of the agents that have something to give, every order equally likely (Fisher-Yates). */
  #shuffled(agents: Iterable<AgentLedger>): readonly AgentLedger[] {
    const list: AgentLedger[] = [];
    for (const agent of agents) if (agent.isActive && !agent.free.isEmpty) list.push(agent);
    for (let i = list.length - 1; i > 0; i--) {
      const j = Math.floor(this.random.next() * (i + 1));
      const agent = list[i]!;
      list[i] = list[j]!;
      list[j] = agent;
    }
    return list;
  }

  /**
   * Divides what is free on one agent (D1). Nothing is charged yet, so that the orders stand still while they are read; nothing is lost
   * by that: roles and, within each role, frameworks are asked once per agent.
   */
  #visit(agent: AgentLedger): readonly Grant[] {
    const grants: Grant[] = [];
    let free = agent.free;
    for (const role of this.#tree.inOrder()) {
      if (free.isEmpty) break;
      let offerable = free.allocatableTo(role.path);
      if (offerable.isEmpty) continue;
      for (const member of role.activeMembers.inOrder()) {
        const bundle = this.#bundleFor(member, agent, offerable);
        if (bundle === undefined) continue;
        grants.push({ member, bundle });
        free = free.minus(bundle);
        offerable = offerable.minus(bundle);
        if (offerable.isEmpty) break;
      }
    }
    return grants;
  }

  /** All of `offerable` that the framework may have and would not decline again; undefined when that is nothing worth an offer. */
  #bundleFor(member: Membership, agent: AgentLedger, offerable: Resources): Resources | undefined {
    const { info, offerConstraints } = this.#framework(member.frameworkId);
    const role = member.role.path;
    if (!satisfiesConstraints(offerConstraints.get(role), agent.info)) return undefined;
    if (!mayReceiveAgent(info, agent.total)) return undefined;
    const bundle = withoutIncapable(info, offerable);
    if (!isAllocatable(bundle, minAllocatableFor(info, role, this.options.minAllocatable))) return undefined;
    return this.#filters.refuses(member, agent.id, bundle) ? undefined : bundle;
  }

  // What the operations share

  #framework(id: FrameworkId): Framework {
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
  #subscribe(framework: Framework, suppressedRoles: readonly string[]): void {
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

  #subscribed(framework: Framework, roles: readonly string[]): Membership[] {
    const isMeant = roles.length === 0 ? (): boolean => true : (role: string): boolean => roles.includes(role); // Empty: all. Source: Mesos.
    return [...framework.memberships.values()].filter((member) => member.isSubscribed && isMeant(member.role.path));
  }

  #applyActivity(framework: Framework, member: Membership): void {
    if (framework.isActive && member.isSubscribed && !member.isSuppressed) this.#tree.activate(member);
    else this.#tree.deactivate(member);
  }

  #track(framework: Framework, role: string): Membership {
    const member = this.#tree.track(role, framework.id);
    framework.memberships.set(role, member);
    return member;
  }

  #untrackIfUnused(framework: Framework, member: Membership): void {
    if (member.isSubscribed || member.held.size > 0) return;
    framework.memberships.delete(member.role.path);
    this.#tree.untrack(member);
  }

  #chargeByRole(framework: Framework, agent: AgentLedger, resources: Resources): void {
    for (const [role, part] of byAllocationRole(resources)) this.#charge(this.#track(framework, role), agent, part);
  }

  #charge(member: Membership, agent: AgentLedger, resources: Resources): void {
    this.#tree.charge(member, agent.id, resources);
    agent.charge(resources);
    agent.holders.add(member);
  }

  /** Returns what a membership holds. The agent has more to give from the next batch on. */
  #credit(member: Membership, agent: AgentLedger, resources: Resources, nowMs: number): void {
    this.#tree.credit(member, agent.id, resources);
    agent.credit(resources);
    if (!member.held.has(agent.id)) agent.holders.delete(member);
    this.#noteChange(agent, nowMs);
  }

  #unclaimedOn(frameworkId: FrameworkId, agentId: AgentId): Resources {
    return this.#unclaimed.get(frameworkId)?.get(agentId) ?? Resources.empty;
  }

  #setUnclaimed(frameworkId: FrameworkId, agentId: AgentId, resources: Resources): void {
    const onAgents = this.#unclaimed.get(frameworkId) ?? new Map<AgentId, Resources>();
    if (resources.isEmpty) onAgents.delete(agentId);
    else onAgents.set(agentId, resources);
    if (onAgents.size === 0) this.#unclaimed.delete(frameworkId);
    else this.#unclaimed.set(frameworkId, onAgents);
  }

  /** A task ended before its framework was back (D4). Of a framework that is gone for good nothing is unclaimed, and nothing happens. */
  #recoverUnclaimed(frameworkId: FrameworkId, agent: AgentLedger, resources: Resources, nowMs: number): void {
    const unclaimed = this.#unclaimedOn(frameworkId, agent.id);
    if (!unclaimed.contains(resources)) return;
    this.#setUnclaimed(frameworkId, agent.id, unclaimed.minus(resources));
    agent.credit(resources);
    this.#trigger(agent, nowMs);
  }

  #noteChange(agent: AgentLedger, nowMs: number): void {
    if (this.#tree.activeCount > 0 && agent.isActive) this.#schedule.noteChange(agent, nowMs);
  }

  #trigger(agent: AgentLedger, nowMs: number): void {
    if (this.#tree.activeCount > 0 && agent.isActive) this.#schedule.trigger(agent, nowMs);
  }

  /** D3: with nobody left to offer to, what was noted is moot. */
  #rest(): void {
    if (this.#tree.activeCount === 0) this.#schedule.clear();
  }
}

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

