// Decline filters: what a framework has said it does not want for a while.
//
// Owns:      the live filters, found by agent and role membership, and when the next one expires.
// Elsewhere: how long a decline lasts (drf-allocator.ts), the other reasons not to offer (eligibility.ts, minimum-size.ts).
// Invariants:
//   F1. A filter refuses exactly the bundles that its refused resources contain: less of the same is refused, more is not.
//   F2. A filter is live up to and including `expiresAtMs`: the batch that is due at that very instant still sees it.
//   F3. Of two filters at one place (membership and agent), neither is made superfluous by the other, and there are at most
//       `filtersPerPlaceMax`; one more pushes out the one that would have expired first. Offering too early harms nobody.
// Source: Mesos RefusedOfferFilter (reference 5.5 and 6).

import type { AgentId } from '../common/model/ids';
import type { Resources } from '../common/model/resources';
import { PlaceHeap, type Placed } from '../common/place-heap';
import type { Membership } from './role-tree';

/**
 * Bound on filters of one framework in one role on one agent. One is usual; more coexist only when bundles were declined none of which
 * contains another. Ours, because a framework that declines ever new mixtures must not fill the master's memory.
 */
export const filtersPerPlaceMax = 8;

interface DeclineFilter extends Placed {
  readonly expiresAtMs: number;
  readonly member: Membership;
  readonly agentId: AgentId;
  /** Unallocated form. */
  readonly refused: Resources;
}

export class DeclineFilters {
  readonly #byAgent = new Map<AgentId, Map<Membership, DeclineFilter[]>>();
  /** The agents at which a membership has filters. */
  readonly #agentsOf = new Map<Membership, Set<AgentId>>();
  readonly #expiries = new PlaceHeap<DeclineFilter>((one, other) => one.expiresAtMs < other.expiresAtMs);

  get size(): number {
    return this.#expiries.size;
  }

  /** When the next filter expires; Infinity when there is none. */
  get nextExpiryMs(): number {
    return this.#expiries.first?.expiresAtMs ?? Infinity;
  }

  /** Installs a filter (F2). `refused` is in unallocated form. */
  add(member: Membership, agentId: AgentId, refused: Resources, expiresAtMs: number): void {
    const here = this.#byAgent.get(agentId)?.get(member) ?? [];
    if (here.some((filter) => filter.expiresAtMs >= expiresAtMs && filter.refused.contains(refused))) return;
    for (const filter of [...here]) if (filter.expiresAtMs <= expiresAtMs && refused.contains(filter.refused)) this.#remove(filter);
    const others = this.#byAgent.get(agentId)?.get(member) ?? [];
    if (others.length >= filtersPerPlaceMax) this.#remove(others.reduce((a, b) => (b.expiresAtMs < a.expiresAtMs ? b : a)));
    this.#insert({ member, agentId, refused, expiresAtMs, place: -1 });
  }

  /** Whether `bundle`, in unallocated form, would be declined again (F1). Expired filters are gone once `expire` was called. */
  refuses(member: Membership, agentId: AgentId, bundle: Resources): boolean {
    const here = this.#byAgent.get(agentId)?.get(member);
    return here !== undefined && here.some((filter) => filter.refused.contains(bundle));
  }

  removeOfMember(member: Membership): void {
    for (const agentId of [...(this.#agentsOf.get(member) ?? [])]) {
      for (const filter of [...(this.#byAgent.get(agentId)?.get(member) ?? [])]) this.#remove(filter);
    }
  }

  removeOfAgent(agentId: AgentId): void {
    for (const filters of [...(this.#byAgent.get(agentId)?.values() ?? [])]) for (const filter of [...filters]) this.#remove(filter);
  }

  /** Removes what expired before `nowMs` (F2), first the oldest; `gone` learns where and when. */
  expire(nowMs: number, gone: (agentId: AgentId, expiredAtMs: number) => void): void {
    for (let filter = this.#expiries.first; filter !== undefined && filter.expiresAtMs < nowMs; filter = this.#expiries.first) {
      this.#remove(filter);
      gone(filter.agentId, filter.expiresAtMs);
    }
  }

  #insert(filter: DeclineFilter): void {
    const { member, agentId } = filter;
    let atAgent = this.#byAgent.get(agentId);
    if (atAgent === undefined) this.#byAgent.set(agentId, (atAgent = new Map()));
    const here = atAgent.get(member);
    if (here === undefined) atAgent.set(member, [filter]);
    else here.push(filter);
    let agents = this.#agentsOf.get(member);
    if (agents === undefined) this.#agentsOf.set(member, (agents = new Set()));
    agents.add(agentId);
    this.#expiries.add(filter);
  }

  #remove(filter: DeclineFilter): void {
    const { member, agentId } = filter;
    this.#expiries.remove(filter);
    const atAgent = this.#byAgent.get(agentId);
    const here = atAgent?.get(member);
    if (atAgent === undefined || here === undefined) return;
    here.splice(here.indexOf(filter), 1);
    if (here.length > 0) return;
    atAgent.delete(member);
    if (atAgent.size === 0) this.#byAgent.delete(agentId);
    const agents = this.#agentsOf.get(member);
    agents?.delete(agentId);
    if (agents?.size === 0) this.#agentsOf.delete(member);
  }
}
