// Filter row: the decline filters of one agent, as numbers.
//
// Owns:      pairs of a membership's index and a declination's number.
// Elsewhere: what the numbers stand for, and what a filter means (decline-filters.ts).
// Invariants:
//   P1. Pairs are sorted by membership; those of one membership by age. So a place is found by halving, and eight bytes hold a filter.
//   P2. Room for at most half as much again as is needed, and a few: five million filters must not need the memory of ten.
// Source: our choice, because an agent of a busy cluster has a filter of almost every framework, and a hash table of objects for each agent took five
//         times the memory, and the collector's time to walk it.

/** Pairs that a row has room for at first. */
const roomMin = 4;

export class FilterRow {
  #numbers = new Int32Array(2 * roomMin);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The place of the first pair of this membership, or of the first after it. */
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

  declinationAt(place: number): number {
    return this.#numbers[2 * place + 1]!;
  }

  /** After the others of the membership (P1). */
  add(member: number, declination: number): void {
    const place = this.placeOf(member + 1);
    if (2 * this.#size === this.#numbers.length) this.#resize(this.#size + (this.#size >>> 1) + roomMin);
    this.#numbers.copyWithin(2 * place + 2, 2 * place, 2 * this.#size);
    this.#numbers[2 * place] = member;
    this.#numbers[2 * place + 1] = declination;
    this.#size++;
  }

  removeAt(place: number): void {
    this.#numbers.copyWithin(2 * place, 2 * place + 2, 2 * this.#size);
    this.#size--;
    if (8 * this.#size < this.#numbers.length) this.#resize(this.#size + (this.#size >>> 1) + roomMin);
  }

  #resize(room: number): void {
    const numbers = new Int32Array(2 * room);
    numbers.set(this.#numbers.subarray(0, 2 * this.#size));
    this.#numbers = numbers;
  }
}
