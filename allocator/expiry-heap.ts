// Expiry heap: what expires next.
//
// Owns:      the order of deadlines.
// Elsewhere: what a deadline is for (decline-filters.ts).
// Invariants:
//   X1. Item i is due no later than items 2i+1 and 2i+2, and knows its place i: so removal from the middle is as cheap as from the top, and
//       nothing that has been cancelled lingers until its deadline, which may be a year away.
// Source: the binary heap of any textbook; knowing the place is the usual extension.

export interface Expiring {
  readonly expiresAtMs: number;
  /** Kept by the heap; -1 outside. */
  place: number;
}

export class ExpiryHeap<Item extends Expiring> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The item that is due first. */
  get first(): Item | undefined {
    return this.#items[0];
  }

  add(item: Item): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** `item` must be in the heap. */
  remove(item: Item): void {
    const last = this.#items.pop();
    const place = item.place;
    item.place = -1;
    if (last === undefined || last === item) return;
    // The last item fills the gap, and may belong above or below it.
    this.#sink(last, place);
    this.#rise(last, last.place);
  }

  #rise(item: Item, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >>> 1;
      const parent = this.#items[above];
      if (parent === undefined || parent.expiresAtMs <= item.expiresAtMs) break;
      this.#settle(parent, place);
      place = above;
    }
    this.#settle(item, place);
  }

  #sink(item: Item, from: number): void {
    let place = from;
    for (;;) {
      const left = this.#items[2 * place + 1];
      const right = this.#items[2 * place + 2];
      const sooner = right !== undefined && left !== undefined && right.expiresAtMs < left.expiresAtMs ? right : left;
      if (sooner === undefined || sooner.expiresAtMs >= item.expiresAtMs) break;
      const below = sooner.place;
      this.#settle(sooner, place);
      place = below;
    }
    this.#settle(item, place);
  }

  #settle(item: Item, place: number): void {
    this.#items[place] = item;
    item.place = place;
  }
}
