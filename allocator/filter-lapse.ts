// Filter lapse: the decline filters that end at one instant.
//
// Owns:      where they are, as numbers, and how many of them live.
// Elsewhere: what the numbers stand for, and when a lapse is due (decline-filters.ts).
// Invariants:
//   Z1. Every live filter of the lapse has an entry. An entry may have outlived its filter, and a place may have entries too many.
//   Z2. There are at most twice as many entries as live filters, and a few: whoever removes a filter looks to that (`isSparse`). So
//       frameworks that decline and revive for a year leave nothing behind.
//   Z3. Room for a quarter more entries than are needed, and a few.
// Source: our choice. Filters end with batches (decline-filters.ts, F2), so that many end together, whoever declined whatever: a list of pairs for each
//         instant takes eight bytes a filter, and one that is alone pays for the list.

import type { Placed } from '../common/place-heap';

/** Entries that a lapse has room for at first. */
const roomMin = 2;
/** So many dead entries are never worth a look at every agent. */
const deadMin = 64;

export class FilterLapse implements Placed {
  place = -1;
  /** Live filters. */
  count = 0;
  #entries = new Int32Array(2 * roomMin);
  #size = 0;

  constructor(
    /** Among the lapses there are. */
    readonly number: number,
    readonly atMs: number,
  ) {}

  get size(): number {
    return this.#size;
  }

  /** Z2: whether it is time to throw out the dead. */
  get isSparse(): boolean {
    return this.#size > 2 * this.count + deadMin;
  }

  agentAt(entry: number): number {
    return this.#entries[2 * entry]!;
  }

  memberAt(entry: number): number {
    return this.#entries[2 * entry + 1]!;
  }

  add(agent: number, member: number): void {
    if (2 * this.#size === this.#entries.length) this.#resize(this.#size + (this.#size >>> 2) + roomMin);
    this.#entries[2 * this.#size] = agent;
    this.#entries[2 * this.#size + 1] = member;
    this.#size++;
  }

  /** From now on it has no entries; whoever calls adds those that live. */
  clear(): void {
    this.#size = 0;
    this.#resize(this.count + roomMin);
  }

  #resize(room: number): void {
    const entries = new Int32Array(2 * room);
    entries.set(this.#entries.subarray(0, 2 * this.#size));
    this.#entries = entries;
  }
}
