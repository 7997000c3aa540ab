// Cut refusals: who is known not to take what quota leaves of what an agent has free.
//
// Owns:      one bit per membership on one agent, and the room at which the bits hold.
// Elsewhere: who refuses the whole bundle (refusal-memo.ts, whose bundle this is about too), how a bundle is cut (quota-ledger.ts, division.ts), room and
//            its growth over the whole cluster (quota-growth.ts).
// Invariants:
//   H1. A bit says: in either stage of a run the membership refuses what is left of the bundle by the surplus marked here, and by what its top-level role had
//       consumed as marked here. So it refuses what is left by less room (`covers`), and nothing is said of more.
//   H2. A mark goes down to where a new refusal was found. Where it cannot, because there is more room than marked, the bits that hung on it go first.
//   H3. Three things are not "less of the same", and covered only where room does not bind: names with several amounts, of which less room may leave another;
//       the same of a role with a guarantee that is not met, not at all; and what stage 1 hands out beyond a guarantee, which the surplus bounds only as
//       long as something else is required.
//   H4. Marks are of the quotas of one generation. When any is set, nothing of this holds any more.
// Source: our choice, because a role at its limit of cpus is still offered memory, on every agent in every batch, and whoever has declined that once for a day
//         need not be asked again because some task has ended somewhere.

import type { Bundle } from './bundle';
import { limitAt, type CompiledQuota, type QuotaLedger } from './quota-ledger';
import type { Membership, RoleNode } from './role-node';
import { at, type Vector } from './vector';

export class CutRefusals {
  #bits = new Int32Array(1);
  #isEmpty = true;
  #generation = 0;
  /** Undefined: unbounded, as long as there is a bit. */
  #surplus: Vector | undefined;
  /** By number of a quota: what the role had consumed. */
  readonly #consumed: (Vector | undefined)[] = [];

  has(index: number): boolean {
    return (this.wordAt(index >>> 5) & (1 << (index & 31))) !== 0;
  }

  /** 32 bits of memberships. */
  wordAt(word: number): number {
    return word < this.#bits.length ? this.#bits[word]! : 0;
  }

  /** Whether the bits of memberships below `top` hold for the room there is now (H1, H3); `bundle` is what they are about. */
  covers(top: RoleNode, bundle: Bundle, quotas: QuotaLedger): boolean {
    if (this.#generation !== quotas.generation || !isNoMore(quotas.surplus, this.#surplus, bundle)) return false;
    const { quota } = top;
    if (quota === undefined) return true;
    const consumed = this.#consumed[quota.number];
    return consumed !== undefined && hasConsumedAsMuch(top.consumed, consumed, quota, bundle) && (!top.isUnsatisfied || this.#isBoundAlike(top, quota, bundle, quotas));
  }

  /** Whether the bits of all memberships hold. */
  coversAll(bundle: Bundle, quotas: QuotaLedger): boolean {
    if (this.#isEmpty || this.#generation !== quotas.generation || !isNoMore(quotas.surplus, this.#surplus, bundle)) return false;
    for (let number = 0; number < this.#consumed.length; number++) {
      if (this.#consumed[number] !== undefined && !this.covers(quotas.numbered(number) as RoleNode, bundle, quotas)) return false;
    }
    return true;
  }

  /** The membership refuses what the room there is now leaves of `bundle` (H2). */
  add(member: Membership, bundle: Bundle, quotas: QuotaLedger): void {
    const { top } = member.role;
    const { surplus } = quotas;
    if (this.#isEmpty || this.#generation !== quotas.generation || !isNoMore(surplus, this.#surplus, bundle)) this.clear();
    this.#isEmpty = false;
    this.#generation = quotas.generation;
    this.#surplus = surplus;
    if (top.quota !== undefined) {
      const marked = this.#consumed[top.quota.number];
      if (marked !== undefined && !hasConsumedAsMuch(top.consumed, marked, top.quota, bundle)) this.#removeBelow(top);
      this.#consumed[top.quota.number] = quotas.consumedOf(top, top.quota);
    }
    const word = member.index >>> 5;
    if (word >= this.#bits.length) {
      const longer = new Int32Array(word + 1 + (word >>> 2));
      longer.set(this.#bits);
      this.#bits = longer;
    }
    this.#bits[word] = this.#bits[word]! | (1 << (member.index & 31));
  }

  remove(index: number): void {
    const word = index >>> 5;
    if (word < this.#bits.length) this.#bits[word] = this.#bits[word]! & ~(1 << (index & 31));
  }

  clear(): void {
    if (this.#isEmpty) return;
    this.#isEmpty = true;
    this.#bits.fill(0);
    this.#consumed.length = 0;
  }

  #removeBelow(role: RoleNode): void {
    const nodes = [role];
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      for (const { index } of node.members.values()) this.remove(index);
      nodes.push(...node.children.values());
    }
  }

  /** H3, about the role's guarantee. */
  #isBoundAlike(top: RoleNode, quota: CompiledQuota, { quotaScalars, repeatedIndexes }: Bundle, { required }: QuotaLedger): boolean {
    if (repeatedIndexes.length > 0) return false;
    const surplus = this.#surplus;
    if (surplus === undefined || quotaScalars.every((amount, index) => amount <= at(surplus, index))) return true;
    // Whatever it is given of this agent, something stays required.
    return required.some((amount, index) => amount > Math.min(Math.max(0, at(quota.guarantees, index) - at(top.consumed, index)), at(quotaScalars, index)));
  }
}

/** Whether a surplus leaves nothing of the bundle that the other would not; undefined is unbounded. */
function isNoMore(now: Vector | undefined, then: Vector | undefined, { quotaScalars, repeatedIndexes }: Bundle): boolean {
  if (now === then) return true;
  for (let i = 0; i < quotaScalars.length; i++) {
    const [roomNow, roomThen] = [now === undefined ? Infinity : at(now, i), then === undefined ? Infinity : at(then, i)];
    if (roomNow > roomThen && roomThen < quotaScalars[i]!) return false;
  }
  return repeatedIndexes.every((i) => {
    const [roomNow, roomThen] = [now === undefined ? Infinity : at(now, i), then === undefined ? Infinity : at(then, i)];
    return roomNow === roomThen || Math.min(roomNow, roomThen) >= at(quotaScalars, i);
  });
}

/** Whether limit and guarantee leave nothing of the bundle, where a role has consumed `now`, that they would not where it had consumed `then`. */
function hasConsumedAsMuch(now: Vector, then: Vector, quota: CompiledQuota, { quotaScalars, repeatedIndexes }: Bundle): boolean {
  if (now === then) return true;
  for (let i = 0; i < quotaScalars.length; i++) {
    if (at(now, i) >= at(then, i)) continue;
    const amount = quotaScalars[i]!;
    const limit = limitAt(quota, i);
    if (limit > at(now, i) && limit - at(then, i) < amount) return false;
    const guarantee = at(quota.guarantees, i);
    if (guarantee > at(now, i) && guarantee - at(then, i) < amount) return false;
  }
  return repeatedIndexes.every((i) => at(now, i) === at(then, i) || limitAt(quota, i) - Math.max(at(now, i), at(then, i)) >= at(quotaScalars, i));
}
