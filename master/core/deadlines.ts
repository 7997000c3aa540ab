// Deadlines: what shall happen when, unless it is called off.
//
// Owns:      the pending deadlines of one core, earliest first.
// Elsewhere: what a deadline means (master.ts); waking up for it (the node, through `nextDeadlineMs`).
// Invariants:
//   D1. A deadline is taken at most once, and never after it was cancelled.
//   D2. Deadlines of the same instant are taken in the order in which they were set: a run repeats to the letter.
// Source: our choice; over the shared heap whose items know their place (common/place-heap.ts), because nearly every deadline (an offer's, a
//         launch's) is called off long before it comes.

import { PlaceHeap } from '../../common/place-heap';

/** A pending deadline: the handle that cancels it. */
export interface Deadline<Due> {
  /** Monotonic milliseconds; Infinity for a deadline that never comes. */
  readonly atMs: number;
  readonly due: Due;
  /** Breaks ties (D2). */
  readonly order: number;
  /** Kept by the heap. */
  place: number;
}

export class Deadlines<Due> {
  private readonly heap = new PlaceHeap<Deadline<Due>>(isBefore);
  private orderNext = 0;

  get count(): number {
    return this.heap.size;
  }

  /** Monotonic time of the earliest deadline; Infinity when there is none. */
  get nextMs(): number {
    return this.heap.first?.atMs ?? Infinity;
  }

  set(atMs: number, due: Due): Deadline<Due> {
    const deadline: Deadline<Due> = { atMs, due, order: this.orderNext++, place: -1 };
    if (atMs !== Infinity) this.heap.add(deadline);
    return deadline;
  }

  /** Calls the deadline off. Nothing happens if it was taken or cancelled before. */
  cancel(deadline: Deadline<Due>): void {
    this.heap.remove(deadline);
  }

  /** Takes out the earliest deadline that has come; undefined when none has. One at a time: handling one may call off the next. */
  takeDue(nowMs: number): Due | undefined {
    const { first } = this.heap;
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.heap.remove(first);
    return first.due;
  }
}

function isBefore<Due>(one: Deadline<Due>, other: Deadline<Due>): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
