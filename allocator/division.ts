// The division: who is offered what in one run, decided agent by agent. This is where DRF is.
//
// Owns:      the two stages of a run, what is asked of whom in which order, how a bundle is cut to quota.
// Elsewhere: order and shares (role-tree.ts), quota numbers (quota-ledger.ts), what a framework may have (framework-ledger.ts), refusals
//            (decline-filters.ts), which agents are looked at and when (drf-allocator.ts, run-schedule.ts).
// Invariants:
//   D1. Stage 1 serves guarantees, stage 2 divides the rest; each visits the agents in an order of its own. On each agent, whoever deserves most and
//       may have anything gets all of it (DRF at the grain of agents); what that one may not have goes down the order.
//   D2. Shares move when a visit ends, so that the orders stand still while they are read; nothing is lost by that, because each pair of role and
//       framework is asked once per visit. Quota numbers move at once.
//   D3. Nothing is handed out that is not free, and no unreserved non-revocable amount that a limit or the headroom forbids.
//   D4. An agent that both stages have visited has nothing left that anybody could be offered, quota aside. Where nothing was granted of it, neither has
//       quota: everybody was asked about all of it, at the room there was. Where something was, another visit will tell.
//   D5. Agents that quota holds back are visited from the moment on at which there is more room than they were refused at (quota-growth.ts), at the places
//       that they would have had from the start: each agent draws its place for itself (draws.ts, W1).
// Source: DRF (Ghodsi et al., NSDI 2011, Algorithm 1), Mesos hierarchical allocator (reference, section 5).

import { Resources, type Resource } from '../common/model/resources';
import type { AgentLedger } from './agent-ledger';
import type { Allocation, AllocatorOptions } from './allocator';
import type { Bundle } from './bundle';
import { CutRefusals } from './cut-refusals';
import type { Charges } from './charges';
import type { DeclineFilters } from './decline-filters';
import { keyed, mix32 } from './draws';
import type { Membership, RoleNode } from './role-node';
import { limitRoomAt, shrink, type QuotaLedger } from './quota-ledger';
import { RoleWalk, type RoleTree, type WalkScope } from './role-tree';
import type { StandingBack } from './standing-back';
import type { ClusterTotals } from './cluster-totals';
import { at } from './vector';

export interface RunParts {
  readonly options: AllocatorOptions;
  readonly totals: ClusterTotals;
  /** The empty bundle. */
  readonly nothing: Bundle;
  readonly tree: RoleTree;
  readonly quotas: QuotaLedger;
  readonly filters: DeclineFilters;
  readonly charges: Charges;
  readonly standingBack: StandingBack;
}

/** One draw for each stage, unsigned 32-bit integers. */
export interface RunSeeds {
  readonly guarantees: number;
  readonly fairShare: number;
}

export class Division {
  readonly allocations: Allocation[] = [];
  /** Shared amounts handed out in this run: once per agent is enough. */
  readonly #sharedOut = new Map<AgentLedger, Resources>();
  /** What the visit has handed out so far (D2). */
  readonly #members: Membership[] = [];
  readonly #bundles: Bundle[] = [];
  readonly #walk = new RoleWalk();
  /** Whether no role's limits leave anything to offer that quota is about. Within stage 2 rooms only shrink, so it stays true. */
  #isAllClosed = false;
  #candidates: readonly AgentLedger[] = [];
  /** D5; empty until they are wanted. */
  #heldBack: ReadonlySet<AgentLedger> = new Set();
  #hasAskedForHeldBack = false;
  /** Of the visit: the last top-level role of which it was asked whether what is remembered of it holds, and the answer. */
  #coveredTop: RoleNode | undefined;
  #isCovered = false;
  /** What was free as the visit began. */
  #free: Bundle;

  constructor(
    private readonly parts: RunParts,
    /** Counts up; what was granted in it bears it. */
    private readonly number: number,
  ) {
    this.#free = parts.nothing;
  }

  /** All of this take part and have something free. `heldBack` is asked at most once, and only when there is reason to (D5). */
  allocate(candidates: readonly AgentLedger[], seeds: RunSeeds, heldBack: () => readonly AgentLedger[] = noAgents): void {
    const { quotas } = this.parts;
    this.#candidates = candidates;
    if (quotas.isHeadroomRequired) {
      this.#visitInOrder(seeds.guarantees, heldBack, (agent) => {
        if (quotas.isHeadroomRequired) this.#serveGuarantees(agent, mix32(seeds.guarantees ^ agent.hash));
      });
    }
    this.#visitInOrder(seeds.fairShare, heldBack, (agent) => this.#divide(agent, mix32(seeds.fairShare ^ agent.hash)));
  }

  /** Candidates, and those held back once they were asked for. */
  get considered(): readonly AgentLedger[] {
    return this.#candidates;
  }

  #visitInOrder(seed: number, heldBack: () => readonly AgentLedger[], visit: (agent: AgentLedger) => void): void {
    const { growth } = this.parts.quotas;
    this.#joinHeldBack(heldBack);
    let order = inDrawnOrder(this.#candidates, seed);
    for (let place = 0; place < order.length; place++) {
      const agent = order[place]!;
      // What there was of room may be gone again.
      if (this.#heldBack.has(agent) && !growth.isThere) continue;
      visit(agent);
      if (agent.lastGrantRun !== this.number || !this.#joinHeldBack(heldBack)) continue;
      order = inDrawnOrder(this.#candidates, seed);
      place = order.indexOf(agent);
    }
  }

  /** Whether anybody has joined. */
  #joinHeldBack(heldBack: () => readonly AgentLedger[]): boolean {
    const { quotas } = this.parts;
    if (this.#hasAskedForHeldBack || quotas.isEmpty || !quotas.growth.isThere) return false;
    this.#hasAskedForHeldBack = true;
    const joining = heldBack();
    if (joining.length === 0) return false;
    this.#heldBack = new Set(joining);
    this.#candidates = [...this.#candidates, ...joining];
    return true;
  }

  /** Stage 1: unreserved amounts that make good a guarantee go to the role, whatever headroom says; with them, what no quota is about. */
  #serveGuarantees(agent: AgentLedger, visitSeed: number): void {
    const { tree, quotas, totals } = this.parts;
    const free = this.#begin(agent);
    if (this.#isRefusedByAll(agent, free)) return;
    let rest = free;
    this.#walk.begin(tree.root, visitSeed, 'unsatisfied');
    for (let role = this.#walk.next(); role !== undefined && !rest.isEmpty; role = this.#walk.next()) {
      if (!role.top.isUnsatisfied) continue; // It was when the walk came below it.
      let offerable = rest.allocatableTo(role.path);
      if (offerable.isEmpty) continue;
      // Mostly it is what everybody in the role would be given. Where there is nothing for the role, nobody needs to be asked.
      let most: Bundle | undefined;
      for (const member of role.activeMembers.inOrder(visitSeed)) {
        if (this.#isKnownToRefuse(member, agent)) continue;
        most ??= guaranteedPart(offerable, role, agent, quotas, totals);
        if (most === undefined) break;
        const wanted = this.#askAbout(offerable, member, agent, rest === free);
        if (wanted === undefined) continue;
        const bundle = wanted === offerable ? most : guaranteedPart(wanted, role, agent, quotas, totals);
        if (bundle === undefined || !this.#isOffer(bundle, member, agent)) continue;
        this.#grant(member, agent, bundle);
        rest = this.#without(rest, bundle);
        offerable = this.#without(offerable, bundle);
        if (offerable.isEmpty || !role.top.isUnsatisfied) break;
        most = undefined;
      }
    }
    this.#end(agent);
  }

  /** Stage 2: by fair share, everything that limits and headroom allow. */
  #divide(agent: AgentLedger, visitSeed: number): void {
    const { tree, quotas, totals } = this.parts;
    const free = this.#begin(agent);
    if (free.isEmpty || (free.isQuotaOnly && this.#isAllClosed) || this.#isRefusedByAll(agent, free)) return;
    let rest = free;
    this.#walk.begin(tree.root, visitSeed, scopeFor(rest));
    let role = this.#walk.next();
    if (role === undefined) this.#isAllClosed = true; // Somebody is active, or there were no run: so limits leave no role anything.
    for (; role !== undefined && !rest.isEmpty; role = this.#walk.next()) {
      if (rest.isQuotaOnly && quotas.isHeadroomClosed) break;
      let offerable = rest.allocatableTo(role.path);
      if (offerable.isEmpty) continue;
      // As in stage 1.
      let most: Bundle | undefined;
      for (const member of role.activeMembers.inOrder(visitSeed)) {
        if (this.#isKnownToRefuse(member, agent)) continue;
        most ??= withinQuota(offerable, role, agent, quotas, totals);
        if (most.isEmpty) break;
        const wanted = this.#askAbout(offerable, member, agent, rest === free);
        if (wanted === undefined) continue;
        const bundle = wanted === offerable ? most : withinQuota(wanted, role, agent, quotas, totals);
        if (bundle !== wanted && !this.#isOffer(bundle, member, agent)) {
          // After a grant, stage 1 has not asked everyone about what is left.
          if (rest === free && agent.lastGrantRun !== this.number) this.#rememberCut(member, agent, free);
          continue;
        }
        this.#grant(member, agent, bundle);
        rest = this.#without(rest, bundle);
        offerable = this.#without(offerable, bundle);
        if (offerable.isEmpty) break;
        most = undefined;
      }
      this.#walk.narrow(scopeFor(rest));
    }
    this.#end(agent);
  }

  /** What of `offerable` the member may have and has not declined; undefined if nothing. What it refuses for good is remembered (refusal-memo.ts). */
  #askAbout(offerable: Bundle, member: Membership, agent: AgentLedger, isAllFree: boolean): Bundle | undefined {
    const { framework, role } = member;
    const bundle = framework.gateAt(agent, role.path) === undefined ? framework.capableOf(offerable) : undefined;
    if (bundle !== undefined && this.#isOffer(bundle, member, agent)) return bundle;
    if (isAllFree) {
      agent.refusals.add(member.index);
      member.isRemembered = true;
    }
    return undefined;
  }

  /** Whether nothing of what is free is anything for it; or nothing that quota leaves of it now (cut-refusals.ts). */
  #isKnownToRefuse(member: Membership, agent: AgentLedger): boolean {
    const { refusals } = agent;
    if (refusals.has(member.index)) return true;
    const { cut } = refusals;
    if (cut === undefined || !cut.has(member.index)) return false;
    const { top } = member.role;
    if (this.#coveredTop !== top) {
      this.#coveredTop = top;
      this.#isCovered = cut.covers(top, this.#free, this.parts.quotas);
    }
    return this.#isCovered;
  }

  #rememberCut(member: Membership, agent: AgentLedger, free: Bundle): void {
    (agent.refusals.cut ??= new CutRefusals()).add(member, free, this.parts.quotas);
    member.isRemembered = true;
    this.#coveredTop = undefined;
  }

  /** Without a walk. */
  #isRefusedByAll(agent: AgentLedger, free: Bundle): boolean {
    const { cut } = agent.refusals;
    return cut !== undefined && cut.coversAll(free, this.parts.quotas) && agent.refusals.hasAll(this.parts.tree.activeBits, cut);
  }

  /** What is left of `whole`; mostly nothing. */
  #without(whole: Bundle, taken: Bundle): Bundle {
    return whole === taken ? this.parts.nothing : whole.minus(taken);
  }

  #isOffer(bundle: Bundle, member: Membership, agent: AgentLedger): boolean {
    return member.framework.isAllocatable(bundle, member.role.path) && !this.parts.filters.refuses(member, agent, bundle);
  }

  /** What is free as the visit begins. */
  #begin(agent: AgentLedger): Bundle {
    const out = this.#sharedOut.get(agent);
    const free = out === undefined ? agent.free : agent.free.derived(agent.free.resources.minus(out));
    agent.refusals.recall(free);
    this.#free = free;
    this.#coveredTop = undefined;
    return free;
  }

  #grant(member: Membership, agent: AgentLedger, bundle: Bundle): void {
    this.parts.charges.consume(member, bundle);
    this.#coveredTop = undefined;
    this.#members.push(member);
    this.#bundles.push(bundle);
    if (bundle.hasShared) this.#sharedOut.set(agent, (this.#sharedOut.get(agent) ?? Resources.empty).plus(bundle.resources.shared()));
  }

  /** The grants of the visit become charges and allocations (D2). */
  #end(agent: AgentLedger): void {
    const { charges, standingBack } = this.parts;
    for (let i = 0; i < this.#members.length; i++) {
      const member = this.#members[i]!;
      const bundle = this.#bundles[i]!;
      const resources = member.allocated(bundle);
      charges.hold(member, agent, bundle, resources, this.number);
      standingBack.noteGrant(member, this.number);
      this.allocations.push({ frameworkId: member.frameworkId, role: member.role.path, agentId: agent.id, resources });
    }
    this.#members.length = 0;
    this.#bundles.length = 0;
  }
}

const noAgents = (): readonly AgentLedger[] => [];

/** Where there is nothing but what quota is about, roles at their limits need no asking. */
function scopeFor(rest: Bundle): WalkScope {
  return rest.isQuotaOnly ? 'open' : 'all';
}

/** Stage 1: `wanted` cut to what serves the guarantee, and then to what limit and headroom leave beyond it; undefined if it serves none. */
export function guaranteedPart(wanted: Bundle, role: RoleNode, agent: AgentLedger, quotas: QuotaLedger, totals: ClusterTotals): Bundle | undefined {
  const { top } = role;
  const { quota } = top;
  if (quota === undefined) return undefined;
  const unsatisfiedAt = (index: number): number => Math.max(0, at(quota.guarantees, index) - at(top.consumed, index));
  const quotaPart = wanted.resources.filter(isOfQuota);
  const guaranteed = shrink(quotaPart, (name) => unsatisfiedAt(totals.indexOf(name)), agent.cutSeed);
  if (guaranteed.isEmpty) return undefined;
  const served = totals.vectorOf(guaranteed.quantities());
  // What is required and what is available both fall by what is served, so that the surplus stays; but it may be that nothing is required any more.
  const isRequired = quotas.required.some((amount, index) => amount - Math.min(unsatisfiedAt(index), at(served, index)) > 0);
  const roomAt = (index: number): number => {
    const limitRoom = Math.max(0, limitRoomAt(top, index) - at(served, index));
    return isRequired ? Math.min(limitRoom, quotas.surplusAt(index)) : limitRoom;
  };
  const extra = shrink(quotaPart.minus(guaranteed), (name) => roomAt(totals.indexOf(name)), agent.cutSeed);
  const besides = wanted.resources.filter((resource) => !isOfQuota(resource) && isOwnOrUnreserved(resource, role.path));
  return wanted.derived(besides.plus(guaranteed).plus(extra));
}

/** Stage 2: `wanted` cut to the role's limit and to the headroom; itself where they leave room for all of it. */
export function withinQuota(wanted: Bundle, { top }: RoleNode, agent: AgentLedger, quotas: QuotaLedger, totals: ClusterTotals): Bundle {
  if (quotas.isEmpty) return wanted;
  const isRequired = quotas.isHeadroomRequired;
  if (!isRequired && top.quota?.hasLimits !== true) return wanted;
  const roomAt = (index: number): number => (isRequired ? Math.min(limitRoomAt(top, index), quotas.surplusAt(index)) : limitRoomAt(top, index));
  const { quotaScalars } = wanted;
  let fits = true;
  for (let i = 0; fits && i < quotaScalars.length; i++) fits = quotaScalars[i]! <= roomAt(i);
  if (fits) return wanted;
  const cut = shrink(wanted.resources.filter(isOfQuota), (name) => roomAt(totals.indexOf(name)), agent.cutSeed);
  return wanted.derived(wanted.resources.filter((resource) => !isOfQuota(resource)).plus(cut));
}

/** Every order equally likely, and the same for some agents as among all (draws.ts, W1). */
export function inDrawnOrder(agents: readonly AgentLedger[], seed: number): readonly AgentLedger[] {
  const { length } = agents;
  if (length < 2) return agents;
  // Draw and place in one double: the engine sorts plain numbers ten times as fast as it calls a comparison.
  const keys = new Float64Array(length);
  for (let i = 0; i < length; i++) keys[i] = keyed(seed, agents[i]!.hash) * placesMax + i;
  keys.sort();
  const ordered = new Array<AgentLedger>(length);
  for (let i = 0; i < length; i++) ordered[i] = agents[keys[i]! % placesMax]!;
  // Two names in some ten thousand agents may have the same hash.
  for (let i = 1; i < length; i++) {
    for (let j = i; j > 0 && ordered[j]!.hash === ordered[j - 1]!.hash && ordered[j]!.id < ordered[j - 1]!.id; j--) {
      const later = ordered[j]!;
      ordered[j] = ordered[j - 1]!;
      ordered[j - 1] = later;
    }
  }
  return ordered;
}

/** 2^21 agents times 2^32 draws is what a double holds exactly. */
const placesMax = 2 ** 21;

/** Unreserved, non-revocable, non-shared scalars: what quota is about (bundle.ts, U2). */
export function isOfQuota({ value, reservations, revocable, shared }: Resource): boolean {
  return value.kind === 'scalar' && reservations.length === 0 && !revocable && !shared;
}

/** Stage 1 gives a role its own reservations and no ancestor's. Source: reference 9. */
function isOwnOrUnreserved({ reservations }: Resource, role: string): boolean {
  const holder = reservations[reservations.length - 1];
  return holder === undefined || holder.role === role;
}
