// Refusal memo: who is known not to take what an agent has free.
//
// Owns:      one bit per membership and agent, and the bundle for which the bits hold.
// Elsewhere: the reasons (framework-ledger.ts, decline-filters.ts), when they end (drf-allocator.ts), who refuses what quota leaves of the bundle
//            (cut-refusals.ts).
// Invariants:
//   E1. A bit is set only where the membership refuses all that the agent had free, and for a reason that lasts: constraint, gate, capability,
//       size, filter; not quota, which changes with every grant. All these reasons refuse any part of the bundle, too. What is refused only as far as
//       quota leaves it is remembered apart, in `cut`, and goes whenever a bit would.
//   E2. What could end a reason clears the bit: of one membership on one agent (a filter lapses), of a membership everywhere (it changes,
//       revives), of an agent (its info changes). So asking everybody about an agent that everybody refuses costs a word per 32 memberships.
// Source: our choice: Mesos asks every framework about every agent in every batch, and looks through its filters each time.

import type { Bundle } from './bundle';
import type { CutRefusals } from './cut-refusals';

export class RefusalMemo {
  #bundle: Bundle | undefined;
  #bits: Int32Array | undefined;
  /** Absent while there is none. */
  cut: CutRefusals | undefined;

  /** From now on the bits speak of `free`; they are kept where it is what they spoke of before. */
  recall(free: Bundle): void {
    if (this.#bundle === free) return;
    if (this.#bundle?.equals(free) !== true) {
      this.#bits?.fill(0);
      this.cut?.clear();
    }
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
    this.cut?.remove(index);
  }

  clear(): void {
    this.#bundle = undefined;
    this.#bits?.fill(0);
    this.cut?.clear();
  }

  /** Whether all of `wanted` refuse; with `cut`: the whole, or what is cut. */
  hasAll(wanted: Int32Array, cut?: CutRefusals): boolean {
    const bits = this.#bits;
    if (bits === undefined && cut === undefined) return false;
    for (let word = 0; word < wanted.length; word++) {
      const refusing = (bits !== undefined && word < bits.length ? bits[word]! : 0) | (cut === undefined ? 0 : cut.wordAt(word));
      if ((wanted[word]! & ~refusing) !== 0) return false;
    }
    return true;
  }
}
