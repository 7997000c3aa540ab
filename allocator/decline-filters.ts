// Decline filters: what a framework has said it does not want for a while.
//
// Owns:      the live filters, found by agent and membership, and when the next ones lapse.
// Elsewhere: how long a decline lasts (drf-allocator.ts), how an agent keeps its filters (filter-row.ts), the other reasons not to offer
//            (framework-ledger.ts), the memo that spares asking (refusal-memo.ts).
// Invariants:
//   F1. A filter refuses exactly the bundles that its refused resources contain: less of the same is refused, more is not.
//   F2. A filter lapses with a batch, the first after its time: the batch due at that very instant still sees it. So filters of one framework that
//       lapse together, over equal bundles, share one declination: a filter costs a pair of numbers in its agent's row and an entry in a list.
//   F3. Of two filters at one place (membership and agent), neither is made superfluous by the other, and there are at most
//       `filtersPerPlaceMax`; one more pushes out the one that would have lapsed first. Offering too early harms nobody.
//   F4. `count` of a declination is the number of places that have it; at 0 it is gone, and its number free. Its list of agents may name some that
//       no longer have it.
//   F5. Where a filter goes, what the agent remembers of the membership's refusals goes with it (refusal-memo.ts, E2).
// Source: Mesos RefusedOfferFilter (reference 5.5 and 6).

import { PlaceHeap, type Placed } from '../common/place-heap';
import type { AgentLedger } from './agent-ledger';
import type { Bundle } from './bundle';
import { FilterRow } from './filter-row';
import type { Membership } from './role-node';

/**
 * Bound on filters of one framework in one role on one agent. One is usual; more coexist only when bundles were declined none of which
 * contains another. Ours, because a framework that declines ever new mixtures must not fill the master's memory.
 */
export const filtersPerPlaceMax = 8;

/** Equal refusals of one membership on any number of agents. */
export interface Declination extends Placed {
  /** Among all that live. */
  readonly number: number;
  /** Older ones lapse first among equals. */
  readonly age: number;
  readonly member: Membership;
  readonly refused: Bundle;
  readonly lapsesAtMs: number;
  readonly agents: AgentLedger[];
  count: number;
}

export class DeclineFilters {
  readonly #lapses = new PlaceHeap<Declination>(isEarlier);
  readonly #byNumber: (Declination | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  #size = 0;
  #age = 0;

  get size(): number {
    return this.#size;
  }

  /** When the next filters lapse; Infinity when there is none. */
  get nextLapseMs(): number {
    return this.#lapses.first?.lapsesAtMs ?? Infinity;
  }

  /** Installs a filter (F2). */
  add(member: Membership, agent: AgentLedger, refused: Bundle, lapsesAtMs: number): void {
    const others = this.at(member, agent);
    if (others.some((filter) => filter.lapsesAtMs >= lapsesAtMs && filter.refused.contains(refused))) return;
    for (const filter of others) if (filter.lapsesAtMs <= lapsesAtMs && refused.contains(filter.refused)) this.#removeAt(filter, agent);
    const left = this.at(member, agent);
    if (left.length >= filtersPerPlaceMax) this.#removeAt(left.reduce((a, b) => (isEarlier(b, a) ? b : a)), agent);
    this.#install(this.#declinationFor(member, refused, lapsesAtMs), agent);
  }

  /** The filters at a place, oldest first. */
  at(member: Membership, agent: AgentLedger): readonly Declination[] {
    const row = agent.filters;
    if (row === undefined) return none;
    const found: Declination[] = [];
    for (let place = row.placeOf(member.index); row.memberAt(place) === member.index; place++) found.push(this.#numbered(row.declinationAt(place)));
    return found;
  }

  /** All filters of an agent. */
  on(agent: AgentLedger): readonly Declination[] {
    const row = agent.filters;
    return row === undefined ? none : Array.from({ length: row.size }, (_, place) => this.#numbered(row.declinationAt(place)));
  }

  /** Whether `bundle` would be declined again (F1). Lapsed filters are gone once `lapse` was called. */
  refuses(member: Membership, agent: AgentLedger, bundle: Bundle): boolean {
    const row = agent.filters;
    if (row === undefined) return false;
    for (let place = row.placeOf(member.index); row.memberAt(place) === member.index; place++) {
      if (this.#numbered(row.declinationAt(place)).refused.contains(bundle)) return true;
    }
    return false;
  }

  countOf(member: Membership): number {
    let count = 0;
    for (const declination of member.declinations) count += declination.count;
    return count;
  }

  removeOfMember(member: Membership): void {
    for (const declination of [...member.declinations]) for (const agent of declination.agents) this.#removeAt(declination, agent);
  }

  removeOfAgent(agent: AgentLedger): void {
    for (const filter of this.on(agent)) this.#removeAt(filter, agent);
  }

  /** Removes what lapses at or before `nowMs`; `gone` learns where. */
  lapse(nowMs: number, gone: (member: Membership, agent: AgentLedger) => void): void {
    for (let first = this.#lapses.first; first !== undefined && first.lapsesAtMs <= nowMs; first = this.#lapses.first) {
      for (const agent of first.agents) if (this.#removeAt(first, agent)) gone(first.member, agent);
    }
  }

  #numbered(number: number): Declination {
    return this.#byNumber[number]!;
  }

  /** The one to share (F2), or a new one. */
  #declinationFor(member: Membership, refused: Bundle, lapsesAtMs: number): Declination {
    const last = member.lastDeclination;
    if (last !== undefined && last.count > 0 && last.lapsesAtMs === lapsesAtMs && last.refused.equals(refused)) return last;
    const number = this.#freeNumbers.pop() ?? this.#byNumber.length;
    const declination: Declination = { number, age: this.#age++, member, refused, lapsesAtMs, agents: [], count: 0, place: -1 };
    this.#byNumber[number] = declination;
    member.lastDeclination = declination;
    member.declinations.add(declination);
    this.#lapses.add(declination);
    return declination;
  }

  #install(declination: Declination, agent: AgentLedger): void {
    (agent.filters ??= new FilterRow()).add(declination.member.index, declination.number);
    declination.agents.push(agent);
    declination.count++;
    this.#size++;
  }

  /** False if the place does not have it (F4). */
  #removeAt(declination: Declination, agent: AgentLedger): boolean {
    const { member, number } = declination;
    const row = agent.filters;
    if (row === undefined || declination.count === 0) return false;
    let place = row.placeOf(member.index);
    while (row.memberAt(place) === member.index && row.declinationAt(place) !== number) place++;
    if (row.memberAt(place) !== member.index) return false;
    row.removeAt(place);
    agent.refusals.remove(member.index);
    if (row.size === 0) agent.filters = undefined;
    this.#size--;
    declination.count--;
    if (declination.count === 0) this.#forget(declination);
    return true;
  }

  #forget(declination: Declination): void {
    const { member, number } = declination;
    this.#lapses.remove(declination);
    this.#byNumber[number] = undefined;
    this.#freeNumbers.push(number);
    member.declinations.delete(declination);
    if (member.lastDeclination === declination) member.lastDeclination = undefined;
  }
}

const none: readonly Declination[] = [];

function isEarlier(one: Declination, other: Declination): boolean {
  return one.lapsesAtMs < other.lapsesAtMs || (one.lapsesAtMs === other.lapsesAtMs && one.age < other.age);
}
