// Refusal memo: who is known not to take what an agent has free.
//
// Owns:      one bit per membership and agent, and the bundle for which the bits hold.
// Elsewhere: the reasons (framework-ledger.ts, decline-filters.ts), when they end (drf-allocator.ts).
// Invariants:
//   E1. A bit is set only where the membership refuses all that the agent had free, and for a reason that lasts: constraint, gate, capability,
//       size, filter; not quota, which changes with every grant. All these reasons refuse any part of the bundle, too.
//   E2. What could end a reason clears the bit: of one membership on one agent (a filter lapses), of a membership everywhere (it changes,
//       revives), of an agent (its info changes). So asking everybody about an agent that everybody refuses costs a word per 32 memberships.
// Source: our choice: Mesos asks every framework about every agent in every batch, and looks through its filters each time.

import type { Bundle } from './bundle';

export class RefusalMemo {
  #bundle: Bundle | undefined;
  #bits: Int32Array | undefined;

  /** From now on the bits speak of `free`; they are kept where it is what they spoke of before. */
  recall(free: Bundle): void {
    if (this.#bundle === free) return;
    if (this.#bundle?.equals(free) !== true) this.#bits?.fill(0);
    this.#bundle = free;
  }

  /** Whether the bits speak of this very bundle. */
  isAbout(bundle: Bundle): boolean {
    return this.#bundle === bundle;
  }

  has(index: number): boolean {
    const bits = this.#bits;
    const word = index >>> 5;
    return bits !== undefined && word < bits.length && (bits[word]! & (1 << (index & 31))) !== 0;
  }

  add(index: number): void {
    const word = index >>> 5;
    if (this.#bits === undefined || word >= this.#bits.length) {
      // By a quarter more: memberships come one by one, and every agent has a memo.
      const longer = new Int32Array(word + 1 + (word >>> 2));
      if (this.#bits !== undefined) longer.set(this.#bits);
      this.#bits = longer;
    }
    this.#bits[word] = this.#bits[word]! | (1 << (index & 31));
  }

  remove(index: number): void {
    const bits = this.#bits;
    const word = index >>> 5;
    if (bits !== undefined && word < bits.length) bits[word] = bits[word]! & ~(1 << (index & 31));
  }

  clear(): void {
    this.#bundle = undefined;
    this.#bits?.fill(0);
  }

  /** Whether all of `wanted` refuse. */
  hasAll(wanted: Int32Array): boolean {
    const bits = this.#bits;
    if (bits === undefined) return false;
    for (let word = 0; word < wanted.length; word++) {
      if ((wanted[word]! & ~(word < bits.length ? bits[word]! : 0)) !== 0) return false;
    }
    return true;
  }
}
