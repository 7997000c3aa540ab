// Deadlines: what shall happen when, unless it is called off.
//
// Owns:      the pending deadlines of one core, earliest first.
// Elsewhere: what a deadline means (master.ts); waking up for it (the node, through `nextDeadlineMs`).
// Invariants:
//   D1. A deadline is taken at most once, and never after it was cancelled.
//   D2. Deadlines of the same instant are taken in the order in which they were set: a run repeats to the letter.
// Source: our choice; a binary heap whose entries know their place, because nearly every deadline (an offer's, a launch's) is called off long
//         before it comes, and the heap must not fill with the dead at ten thousand task cycles a second.

/** A pending deadline: the handle that cancels it. */
export interface Deadline<Due> {
  /** Monotonic milliseconds; Infinity for a deadline that never comes. */
  readonly atMs: number;
  readonly due: Due;
  /** Breaks ties (D2). */
  readonly order: number;
  /** Place in the heap; -1 when not in it. Written by {@link Deadlines} only. */
  place: number;
}

export class Deadlines<Due> {
  private readonly heap: Deadline<Due>[] = [];
  private orderNext = 0;

  get count(): number {
    return this.heap.length;
  }

  /** Monotonic time of the earliest deadline; Infinity when there is none. */
  get nextMs(): number {
    return this.heap[0]?.atMs ?? Infinity;
  }

  set(atMs: number, due: Due): Deadline<Due> {
    const deadline: Deadline<Due> = { atMs, due, order: this.orderNext++, place: -1 };
    if (atMs === Infinity) return deadline;
    deadline.place = this.heap.length;
    this.heap.push(deadline);
    this.rise(deadline);
    return deadline;
  }

  /** Calls the deadline off. Nothing happens if it was taken or cancelled before. */
  cancel(deadline: Deadline<Due>): void {
    const place = deadline.place;
    if (place < 0) return;
    deadline.place = -1;
    const last = this.heap.pop();
    if (last === undefined || last === deadline) return;
    this.heap[place] = last;
    last.place = place;
    this.rise(last);
    this.sink(last);
  }

  /** Takes out the earliest deadline that has come; undefined when none has. One at a time: handling one may call off the next. */
  takeDue(nowMs: number): Due | undefined {
    const first = this.heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.cancel(first);
    return first.due;
  }

  private rise(deadline: Deadline<Due>): void {
    while (deadline.place > 0) {
      const parent = this.heap[(deadline.place - 1) >> 1];
      if (parent === undefined || !isBefore(deadline, parent)) return;
      this.swap(deadline, parent);
    }
  }

  private sink(deadline: Deadline<Due>): void {
    for (;;) {
      const left = this.heap[2 * deadline.place + 1];
      const right = this.heap[2 * deadline.place + 2];
      const least = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
      if (least === undefined || !isBefore(least, deadline)) return;
      this.swap(least, deadline);
    }
  }

  private swap(one: Deadline<Due>, other: Deadline<Due>): void {
    const place = one.place;
    one.place = other.place;
    other.place = place;
    this.heap[one.place] = one;
    this.heap[other.place] = other;
  }
}

function isBefore<Due>(one: Deadline<Due>, other: Deadline<Due>): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
