// Filter row: the decline filters of one agent, packed.
//
// Owns:      for each filter its membership's index, the number of its lapse, and what is refused.
// Elsewhere: what the numbers stand for, and what a filter means (decline-filters.ts).
// Invariants:
//   P1. Filters are sorted by membership; those of one membership by age. So a place is found by halving, and eight bytes hold a filter.
//   P2. Room for at most half as much again as is needed, and a few: five million filters must not need the memory of ten.
//   P3. What is refused is kept once while it is the same for all: mostly everything the agent has was offered to everybody in turn. Only a row of
//       different refusals has a list of them, one for each place.
// Source: our choice, because an agent of a busy cluster has a filter of almost every framework, and a hash table of objects for each agent took five
//         times the memory, and the collector's time to walk it.

import type { Bundle } from './bundle';

/** Filters that a row has room for at first. */
const roomMin = 4;

export class FilterRow {
  #numbers = new Int32Array(2 * roomMin);
  #size = 0;
  /** P3. */
  #refusedByAll: Bundle | undefined;
  #refused: Bundle[] | undefined;

  /** `number`: of the agent, among those that have a row. */
  constructor(readonly number: number) {}

  get size(): number {
    return this.#size;
  }

  /** The place of the first filter of this membership, or of the first after it. */
  placeOf(member: number): number {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#numbers[2 * middle]! < member) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** -1 past the end. */
  memberAt(place: number): number {
    return place < this.#size ? this.#numbers[2 * place]! : -1;
  }

  lapseAt(place: number): number {
    return this.#numbers[2 * place + 1]!;
  }

  refusedAt(place: number): Bundle {
    return this.#refused === undefined ? this.#refusedByAll! : this.#refused[place]!;
  }

  /** After the others of the membership (P1). */
  add(member: number, lapse: number, refused: Bundle): void {
    const place = this.placeOf(member + 1);
    if (2 * this.#size === this.#numbers.length) this.#resize(this.#size + (this.#size >>> 1) + roomMin);
    this.#numbers.copyWithin(2 * place + 2, 2 * place, 2 * this.#size);
    this.#numbers[2 * place] = member;
    this.#numbers[2 * place + 1] = lapse;
    this.#addRefused(place, refused);
    this.#size++;
  }

  removeAt(place: number): void {
    this.#numbers.copyWithin(2 * place, 2 * place + 2, 2 * this.#size);
    this.#refused?.splice(place, 1);
    this.#size--;
    if (8 * this.#size < this.#numbers.length) this.#resize(this.#size + (this.#size >>> 1) + roomMin);
  }

  #addRefused(place: number, refused: Bundle): void {
    if (this.#size === 0) {
      this.#refusedByAll = refused;
      this.#refused = undefined;
    } else if (this.#refused !== undefined) {
      this.#refused.splice(place, 0, refused);
    } else if (!this.#refusedByAll!.equals(refused)) {
      this.#refused = new Array<Bundle>(this.#size).fill(this.#refusedByAll!);
      this.#refusedByAll = undefined;
      this.#refused.splice(place, 0, refused);
    }
  }

  #resize(room: number): void {
    const numbers = new Int32Array(2 * room);
    numbers.set(this.#numbers.subarray(0, 2 * this.#size));
    this.#numbers = numbers;
  }
}
