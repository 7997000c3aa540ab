// Decline filters: what a framework has said it does not want for a while.
//
// Owns:      the live filters, found by agent and membership, and when the next ones lapse.
// Elsewhere: how long a decline lasts (drf-allocator.ts), how an agent keeps its filters (filter-row.ts), which end together (filter-lapse.ts), the other
//            reasons not to offer (framework-ledger.ts), the memo that spares asking (refusal-memo.ts).
// Invariants:
//   F1. A filter refuses exactly the bundles that its refused resources contain: less of the same is refused, more is not.
//   F2. A filter lapses with a batch, the first after its time: the batch due at that very instant still sees it. There is one lapse for each instant at
//       which some filter ends, and none without a live filter. So a filter costs a pair of numbers in its agent's row and one in its lapse, however
//       different agents, refusals and times are.
//   F3. Of two filters at one place (membership and agent), neither is made superfluous by the other, and there are at most
//       `filtersPerPlaceMax`; one more pushes out the one that would have lapsed first, of equals the oldest. Offering too early harms nobody.
//   F4. `filterCount` of a membership is the number of its filters: who has none need not be looked for on every agent.
//   F5. Where a filter goes, what the agent remembers of the membership's refusals goes with it (refusal-memo.ts, E2).
// Source: Mesos RefusedOfferFilter (reference 5.5 and 6).

import { PlaceHeap } from '../common/place-heap';
import type { AgentLedger } from './agent-ledger';
import type { Bundle } from './bundle';
import { FilterLapse } from './filter-lapse';
import { FilterRow } from './filter-row';
import type { Membership } from './role-node';

/**
 * Bound on filters of one framework in one role on one agent. One is usual; more coexist only when bundles were declined none of which
 * contains another. Ours, because a framework that declines ever new mixtures must not fill the master's memory.
 */
export const filtersPerPlaceMax = 8;

/** A live filter, as it is told to those who ask. */
export interface DeclineFilter {
  readonly member: Membership;
  readonly refused: Bundle;
  readonly lapsesAtMs: number;
}

export class DeclineFilters {
  readonly #lapses = new PlaceHeap<FilterLapse>((one, other) => one.atMs < other.atMs);
  readonly #lapseAt = new Map<number, FilterLapse>();
  readonly #byNumber: (FilterLapse | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  /** The last that was asked for: mostly it is asked for again. */
  #lastLapse: FilterLapse | undefined;
  /** By number of their row; those without a filter have none. */
  readonly #agents: (AgentLedger | undefined)[] = [];
  readonly #freeRows: number[] = [];
  /** By index: whoever has a filter is there; others may be. */
  readonly #members: Membership[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the next filters lapse; Infinity when there is none. */
  get nextLapseMs(): number {
    return this.#lapses.first?.atMs ?? Infinity;
  }

  /** Instants at which filters end (F2). */
  get lapseCount(): number {
    return this.#lapseAt.size;
  }

  /** Entries of all lapses, dead ones included. */
  get entryCount(): number {
    let count = 0;
    for (const { size } of this.#lapseAt.values()) count += size;
    return count;
  }

  /** Installs a filter (F3). */
  add(member: Membership, agent: AgentLedger, refused: Bundle, lapsesAtMs: number): void {
    const row = agent.filters;
    if (row !== undefined) {
      const { index } = member;
      const first = row.placeOf(index);
      let end = first;
      for (; row.memberAt(end) === index; end++) {
        if (this.#atMs(row, end) >= lapsesAtMs && row.refusedAt(end).contains(refused)) return;
      }
      for (let place = end - 1; place >= first; place--) {
        if (this.#atMs(row, place) > lapsesAtMs || !refused.contains(row.refusedAt(place))) continue;
        this.#removeAt(agent, row, place);
        end--;
      }
      if (end - first >= filtersPerPlaceMax) {
        let soonest = first;
        for (let place = first + 1; place < end; place++) if (this.#atMs(row, place) < this.#atMs(row, soonest)) soonest = place;
        this.#removeAt(agent, row, soonest);
      }
    }
    this.#install(member, agent, refused, this.#lapseFor(lapsesAtMs));
  }

  /** The filters at a place, oldest first. */
  at(member: Membership, agent: AgentLedger): readonly DeclineFilter[] {
    const row = agent.filters;
    if (row === undefined) return none;
    const found: DeclineFilter[] = [];
    for (let place = row.placeOf(member.index); row.memberAt(place) === member.index; place++) found.push(this.#told(row, place));
    return found;
  }

  /** All filters of an agent. */
  on(agent: AgentLedger): readonly DeclineFilter[] {
    const row = agent.filters;
    return row === undefined ? none : Array.from({ length: row.size }, (_, place) => this.#told(row, place));
  }

  /** Whether `bundle` would be declined again (F1). Lapsed filters are gone once `lapse` was called. */
  refuses(member: Membership, agent: AgentLedger, bundle: Bundle): boolean {
    const row = agent.filters;
    if (row === undefined) return false;
    for (let place = row.placeOf(member.index); row.memberAt(place) === member.index; place++) {
      if (row.refusedAt(place).contains(bundle)) return true;
    }
    return false;
  }

  countOf(member: Membership): number {
    return member.filterCount;
  }

  removeOfMember(member: Membership): void {
    const { index } = member;
    for (let number = 0; member.filterCount > 0 && number < this.#agents.length; number++) {
      const agent = this.#agents[number];
      const row = agent?.filters;
      if (agent === undefined || row === undefined) continue;
      const place = row.placeOf(index);
      while (row.memberAt(place) === index) this.#removeAt(agent, row, place);
    }
  }

  removeOfAgent(agent: AgentLedger): void {
    const row = agent.filters;
    if (row !== undefined) while (row.size > 0) this.#removeAt(agent, row, row.size - 1);
  }

  /** Removes what lapses at or before `nowMs`; `gone` learns where. */
  lapse(nowMs: number, gone: (member: Membership, agent: AgentLedger) => void): void {
    for (let first = this.#lapses.first; first !== undefined && first.atMs <= nowMs; first = this.#lapses.first) {
      this.#lapses.remove(first);
      for (let entry = 0; entry < first.size; entry++) {
        const agent = this.#agents[first.agentAt(entry)];
        const index = first.memberAt(entry);
        const place = agent?.filters === undefined ? -1 : placeIn(agent.filters, index, first.number);
        if (agent === undefined || place < 0) continue; // An entry that has outlived its filter.
        const member = this.#members[index]!;
        this.#removeAt(agent, agent.filters!, place);
        gone(member, agent);
      }
    }
  }

  #told(row: FilterRow, place: number): DeclineFilter {
    return { member: this.#members[row.memberAt(place)]!, refused: row.refusedAt(place), lapsesAtMs: this.#atMs(row, place) };
  }

  #atMs(row: FilterRow, place: number): number {
    return this.#byNumber[row.lapseAt(place)]!.atMs;
  }

  /** The one of that instant, or a new one (F2). */
  #lapseFor(atMs: number): FilterLapse {
    if (this.#lastLapse?.atMs === atMs) return this.#lastLapse;
    let lapse = this.#lapseAt.get(atMs);
    if (lapse === undefined) {
      lapse = new FilterLapse(this.#freeNumbers.pop() ?? this.#byNumber.length, atMs);
      this.#byNumber[lapse.number] = lapse;
      this.#lapseAt.set(atMs, lapse);
      this.#lapses.add(lapse);
    }
    this.#lastLapse = lapse;
    return lapse;
  }

  #install(member: Membership, agent: AgentLedger, refused: Bundle, lapse: FilterLapse): void {
    const row = (agent.filters ??= this.#newRow(agent));
    row.add(member.index, lapse.number, refused);
    lapse.add(row.number, member.index);
    lapse.count++;
    this.#members[member.index] = member;
    member.filterCount++;
    this.#size++;
  }

  #newRow(agent: AgentLedger): FilterRow {
    const number = this.#freeRows.pop() ?? this.#agents.length;
    this.#agents[number] = agent;
    return new FilterRow(number);
  }

  #removeAt(agent: AgentLedger, row: FilterRow, place: number): void {
    const index = row.memberAt(place);
    const lapse = this.#byNumber[row.lapseAt(place)]!;
    row.removeAt(place);
    agent.refusals.remove(index);
    if (row.size === 0) {
      agent.filters = undefined;
      this.#agents[row.number] = undefined;
      this.#freeRows.push(row.number);
    }
    this.#members[index]!.filterCount--;
    this.#size--;
    lapse.count--;
    if (lapse.count === 0) this.#forget(lapse);
    else if (lapse.isSparse && lapse.place >= 0) this.#sweep(lapse); // One that is lapsing is being read.
  }

  #forget(lapse: FilterLapse): void {
    this.#lapses.remove(lapse);
    this.#lapseAt.delete(lapse.atMs);
    this.#byNumber[lapse.number] = undefined;
    this.#freeNumbers.push(lapse.number);
    if (this.#lastLapse === lapse) this.#lastLapse = undefined;
  }

  /** One entry for each live filter, and no other (filter-lapse.ts, Z2). */
  #sweep(lapse: FilterLapse): void {
    const numbers = new Set<number>();
    for (let entry = 0; entry < lapse.size; entry++) numbers.add(lapse.agentAt(entry));
    lapse.clear();
    for (const number of numbers) {
      const row = this.#agents[number]?.filters;
      if (row === undefined) continue;
      for (let place = 0; place < row.size; place++) if (row.lapseAt(place) === lapse.number) lapse.add(number, row.memberAt(place));
    }
  }
}

const none: readonly DeclineFilter[] = [];

/** Where in the row the membership has a filter of that lapse; -1 if nowhere. */
function placeIn(row: FilterRow, member: number, lapse: number): number {
  for (let place = row.placeOf(member); row.memberAt(place) === member; place++) if (row.lapseAt(place) === lapse) return place;
  return -1;
}
