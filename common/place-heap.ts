// Place heap: a binary heap whose items know their place, so that any of them can be taken out.
//
// Owns:      the order of the items, and their `place`.
// Elsewhere: what the order means: deadlines of a core (deadlines.ts, master/core/deadlines.ts), filters to expire (allocator/), timers of virtual
//            time (frameworks/sdk/testing/).
// Invariants:
//   H1. Item i comes no later than items 2i+1 and 2i+2, and its `place` is i; outside of the heap it is -1.
//   H2. What was taken out is gone: nothing that has been called off lingers until its time, which may be a year away.
// Source: binary heap with positions, Cormen et al., Introduction to Algorithms, section 6.5. Most deadlines are called off long before they
//         come, so a heap that only marks them dead would be a queue without a bound.

export interface Placed {
  /** Kept by the heap; -1 outside of it. */
  place: number;
}

export class PlaceHeap<Item extends Placed> {
  private readonly items: Item[] = [];

  /** `isBefore` must be a strict order; equal items come out in no particular order, so callers that need one add a number to it. */
  constructor(private readonly isBefore: (one: Item, other: Item) => boolean) {}

  get size(): number {
    return this.items.length;
  }

  get first(): Item | undefined {
    return this.items[0];
  }

  /** `item` must not be in a heap. */
  add(item: Item): void {
    this.items.push(item);
    this.rise(item, this.items.length - 1);
  }

  /** Takes `item` out; nothing happens when it is in no heap. */
  remove(item: Item): void {
    const { place } = item;
    if (place < 0) return;
    item.place = -1;
    const last = this.items.pop();
    if (last === undefined || last === item) return;
    // The last item fills the gap, and may belong above or below it.
    this.sink(last, place);
    this.rise(last, last.place);
  }

  private rise(item: Item, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >>> 1;
      const parent = this.items[above];
      if (parent === undefined || !this.isBefore(item, parent)) break;
      this.settle(parent, place);
      place = above;
    }
    this.settle(item, place);
  }

  private sink(item: Item, from: number): void {
    let place = from;
    for (;;) {
      const left = this.items[2 * place + 1];
      const right = this.items[2 * place + 2];
      const sooner = right !== undefined && left !== undefined && this.isBefore(right, left) ? right : left;
      if (sooner === undefined || !this.isBefore(sooner, item)) break;
      const below = sooner.place;
      this.settle(sooner, place);
      place = below;
    }
    this.settle(item, place);
  }

  private settle(item: Item, place: number): void {
    this.items[place] = item;
    item.place = place;
  }
}
