// Sibling order: who among siblings is next.
//
// Owns:      the active siblings, smallest share first; those that stand back behind the others; ties by grant count, then path. Or a
//            weighted shuffle of them, when the sorter is the random one.
// Elsewhere: shares (share-account.ts), which siblings there are (role-tree.ts), the draws (draws.ts).
// Invariants:
//   B1. While `isCurrent`, the array is sorted by (standsBack, share, grantCount, path). Paths differ, so the order is total and every place
//       unique.
//   B2. Totals that changed make the whole order out of date; it is sorted again when it is next read, not before: a thousand agents that
//       join cost one sort, not a thousand. One alone is never sorted, so its order stays out of date until it has company.
//   B3. A member whose key changes is found under its old key and moved to the place of its new one: two binary searches and a move within
//       an array, which for the thousands of siblings of real clusters is quicker than any tree of nodes.
//   B4. `backCount` is the number of members that stand back.
// Source: Mesos DRF and random sorters (reference 3.3, 3.4); keeping the order incrementally is ours (DESIGN, differences).

import { invariant } from '../common/invariant';
import type { SorterKind } from './allocator';
import type { ClusterTotals } from './cluster-totals';
import { keyed, weightedKey } from './draws';
import type { PlaceKeeper, ShareAccount, ShareKey } from './share-account';

/** Up to this distance moving one by one beats two `splice` calls, which move memory at once but also allocate. */
const shortMove = 24;

export class SiblingOrder<Member extends ShareAccount> implements PlaceKeeper {
  #members: Member[] = [];
  #generation: number;
  #backCount = 0;

  constructor(
    private readonly totals: ClusterTotals,
    private readonly kind: SorterKind,
  ) {
    this.#generation = totals.generation;
  }

  get size(): number {
    return this.#members.length;
  }

  /** Whether someone takes part, and all who do stand back. */
  get isAllBack(): boolean {
    return this.#members.length > 0 && this.#backCount === this.#members.length;
  }

  /** Whether the array is sorted by today's totals (B1, B2). */
  get isCurrent(): boolean {
    return this.#generation === this.totals.generation;
  }

  /**
   * Next first. `visitSeed` is what the random sorter draws from; the DRF order does not depend on it. The array is the order's own: read it before the
   * next change, and change nothing while reading.
   */
  inOrder(visitSeed: number): readonly Member[] {
    // One alone needs no order, and most frameworks are alone in their role.
    if (this.#members.length > 1 && !this.isCurrent) {
      if (!refreshAll(this.#members)) sortByShares(this.#members);
      this.totals.moves++;
      this.#generation = this.totals.generation;
    }
    return this.kind === 'drf' ? this.#members : shuffled(this.#members, visitSeed);
  }

  /** `member` takes part from now on. */
  join(member: Member): void {
    invariant(member.order === undefined, 'An account is in one order at most');
    this.totals.moves++;
    member.refresh();
    member.order = this;
    if (member.standsBack) this.#backCount++;
    if (this.isCurrent) this.#members.splice(this.#insertionPlace(member, 0, this.#members.length), 0, member);
    else this.#members.push(member);
  }

  /** `member` takes part no more. */
  leave(member: Member): void {
    this.totals.moves++;
    this.#members.splice(this.isCurrent ? this.placeOf(member) : this.#members.indexOf(member), 1);
    if (member.standsBack) this.#backCount--;
    member.order = undefined;
  }

  placeOf(member: Member): number {
    const members = this.#members;
    if (members[0] === member) return 0; // Whoever is granted something mostly stood first.
    const place = this.#insertionPlace(member, 0, members.length);
    invariant(members[place] === member, 'An account is where its share says (B1)');
    return place;
  }

  moved(place: number, member: Member): void {
    this.totals.moves++;
    const members = this.#members;
    const next = members[place + 1];
    const previous = place > 0 ? members[place - 1] : undefined;
    if (next !== undefined && compareShares(next, member) < 0) this.#move(place, this.#insertionPlace(member, place + 1, members.length) - 1);
    else if (previous !== undefined && compareShares(member, previous) < 0) this.#move(place, this.#insertionPlace(member, 0, place));
  }

  /** A member begins or ends to stand back (B4); the one way to change that, whether the order is current or not. */
  setStandsBack(member: Member, standsBack: boolean): void {
    if (member.standsBack === standsBack) return;
    this.#backCount += standsBack ? 1 : -1;
    member.setStandsBack(standsBack);
  }

  /** Takes the member at `from` to `to`; those between move up by one. */
  #move(from: number, to: number): void {
    const members = this.#members;
    const member = members[from]!;
    if (Math.abs(to - from) <= shortMove) {
      const step = to > from ? 1 : -1;
      for (let i = from; i !== to; i += step) members[i] = members[i + step]!;
      members[to] = member;
      return;
    }
    // Whoever is granted something mostly goes from the front to the end, and arrays are good at that.
    if (from === 0) members.shift();
    else members.splice(from, 1);
    if (to === members.length) members.push(member);
    else members.splice(to, 0, member);
  }

  /** The first place in [low, high) whose member does not come before `member`, else `high`. */
  #insertionPlace(member: Member, from: number, to: number): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareShares(this.#members[middle]!, member) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Those with a use for offers first, then by share, then grant count, then path by plain string order (`framework10` before `framework2`). */
export function compareShares(a: ShareKey, b: ShareKey): number {
  if (a.standsBack !== b.standsBack) return a.standsBack ? 1 : -1;
  if (a.share !== b.share) return a.share - b.share;
  if (a.grantCount !== b.grantCount) return a.grantCount - b.grantCount;
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

/** Brings all shares up to date, and tells whether the members are in order all the same: mostly totals grow, and nobody overtakes anybody. */
function refreshAll(members: readonly ShareAccount[]): boolean {
  let previous = members[0]!;
  previous.refresh();
  let areInOrder = true;
  for (let i = 1; i < members.length; i++) {
    const member = members[i]!;
    member.refresh();
    if (areInOrder && compareShares(previous, member) > 0) areInOrder = false;
    previous = member;
  }
  return areInOrder;
}

/** Up to this many are put in order by insertion: a role has mostly few siblings, and a call of the engine's sort costs more than sorting them. */
const fewMembers = 12;

function sortByShares(members: ShareAccount[]): void {
  if (members.length > fewMembers) {
    members.sort(compareShares);
    return;
  }
  for (let i = 1; i < members.length; i++) {
    const member = members[i]!;
    let place = i;
    while (place > 0 && compareShares(members[place - 1]!, member) > 0) {
      members[place] = members[place - 1]!;
      place--;
    }
    members[place] = member;
  }
}

/** Chances in proportion to weight, shares left aside. Source: Mesos random sorter. */
function shuffled<Member extends ShareAccount>(members: readonly Member[], visitSeed: number): readonly Member[] {
  if (members.length < 2) return members;
  return members
    .map((member) => ({ member, key: weightedKey(keyed(visitSeed, member.hash), member.weight) }))
    .sort((a, b) => a.key - b.key || (a.member.path < b.member.path ? -1 : 1))
    .map(({ member }) => member);
}
