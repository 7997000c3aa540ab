// Sibling order: who among siblings is next.
//
// Owns:      the active siblings, smallest share first; ties by grant count, then path.
// Elsewhere: shares (share-account.ts), which siblings there are (role-tree.ts).
// Invariants:
//   B1. While `isCurrent`, the array is sorted by (share, grantCount, path). Paths differ, so the order is total and every place unique.
//   B2. Totals that changed make the whole order out of date; it is sorted again when it is next read, not before: a thousand agents that
//       join cost one sort, not a thousand.
//   B3. A member whose key changes is taken out under its old key and put back under its new one (`take`, `put`): two binary searches
//       and a move within an array, which for the hundreds of siblings of real clusters is quicker than any tree of nodes.
// Source: Mesos DRF sorter order (reference 3.3); keeping it incrementally is ours (DESIGN, differences).

import { invariant } from '../common/invariant';
import type { ClusterTotals } from './cluster-totals';
import type { PlaceKeeper, ShareAccount } from './share-account';

export class SiblingOrder<Member extends ShareAccount> implements PlaceKeeper {
  #members: Member[] = [];
  #generation: number;

  constructor(private readonly totals: ClusterTotals) {
    this.#generation = totals.generation;
  }

  get size(): number {
    return this.#members.length;
  }

  /** Whether the array is sorted by today's totals (B1, B2). */
  get isCurrent(): boolean {
    return this.#generation === this.totals.generation;
  }

  /** Smallest share first. The array is the order's own: read it before the next change, and change nothing while reading. */
  inOrder(): readonly Member[] {
    if (!this.isCurrent) {
      for (const member of this.#members) member.refresh();
      this.#members.sort(compareAccounts);
      this.#generation = this.totals.generation;
    }
    return this.#members;
  }

  /** `member` takes part from now on. */
  join(member: Member): void {
    invariant(member.order === undefined, `"${member.path}" is in one order at most`);
    member.refresh();
    member.order = this;
    if (this.isCurrent) this.put(member);
    else this.#members.push(member);
  }

  /** `member` takes part no more. */
  leave(member: Member): void {
    if (this.isCurrent) this.take(member);
    else this.#members.splice(this.#members.indexOf(member), 1);
    member.order = undefined;
  }

  take(member: Member): void {
    const place = this.#placeOf(member);
    invariant(this.#members[place] === member, `"${member.path}" is where its share says`);
    this.#members.splice(place, 1);
  }

  put(member: Member): void {
    this.#members.splice(this.#placeOf(member), 0, member);
  }

  /** Where `member` stands, or would stand. */
  #placeOf(member: Member): number {
    let low = 0;
    let high = this.#members.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#members[middle];
      if (other !== undefined && compareAccounts(other, member) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Share, then grant count, then path by plain string order (`framework10` before `framework2`). */
export function compareAccounts(a: ShareAccount, b: ShareAccount): number {
  if (a.share !== b.share) return a.share - b.share;
  if (a.grantCount !== b.grantCount) return a.grantCount - b.grantCount;
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
