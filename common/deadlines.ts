// Deadlines: which of many things is due next.
//
// Owns:      a set of keys with one deadline each, ordered by time.
// Elsewhere: what being due means (the core that sets the deadline), waking up (the node's one clock timer). Pure, for any core.
// Invariants:
//   D1. A key has at most one deadline: setting it again moves it.
//   D2. Due keys come out in order of their deadlines, those of the same time in the order in which they were set: equal runs, equal order.
//   D3. Setting, clearing and taking cost O(log n), looking at the next O(1): one task among ten thousand pays for itself alone.
// Source: binary heap with positions, Cormen et al., Introduction to Algorithms, section 6.5. Ours instead of a heap with stale entries,
//         because deadlines here are mostly moved or cleared before they are due, and stale entries would be a queue without a bound.

interface Entry<Key> {
  readonly key: Key;
  readonly atMs: number;
  /** Order of setting (D2). */
  readonly turn: number;
}

export class Deadlines<Key> {
  private readonly heap: Entry<Key>[] = [];
  private readonly positions = new Map<Key, number>();
  private turns = 0;

  /** How many keys have a deadline. */
  get size(): number {
    return this.heap.length;
  }

  /** The earliest deadline, in the monotonic milliseconds of whoever sets them; Infinity without any. */
  get nextMs(): number {
    return this.heap[0]?.atMs ?? Infinity;
  }

  /** When `key` is due; undefined when it has no deadline. */
  get(key: Key): number | undefined {
    const position = this.positions.get(key);
    return position === undefined ? undefined : this.heap[position]?.atMs;
  }

  /** Gives `key` the deadline `atMs`, instead of any earlier one (D1). Infinity: none. Keys are compared as those of a Map are. */
  set(key: Key, atMs: number): void {
    this.clear(key);
    if (atMs === Infinity) return;
    this.heap.push({ key, atMs, turn: this.turns++ });
    this.rise(this.heap.length - 1);
  }

  /** Forgets the deadline of `key`; nothing happens when it has none. */
  clear(key: Key): void {
    const position = this.positions.get(key);
    if (position === undefined) return;
    this.positions.delete(key);
    const last = this.heap.pop();
    if (last === undefined || position === this.heap.length) return;
    this.heap[position] = last;
    this.sink(this.rise(position));
  }

  /** Removes and returns the first key due at `nowMs`; undefined when none is. Call until then. */
  takeDue(nowMs: number): Key | undefined {
    const first = this.heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.clear(first.key);
    return first.key;
  }

  /** Moves the entry at `from` up to where its parent is earlier; returns where it then is. */
  private rise(from: number): number {
    const entry = this.heap[from]!;
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (!isEarlier(entry, this.heap[parent]!)) break;
      this.place(this.heap[parent]!, position);
      position = parent;
    }
    this.place(entry, position);
    return position;
  }

  private sink(from: number): void {
    const entry = this.heap[from]!;
    let position = from;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= this.heap.length) break;
      if (child + 1 < this.heap.length && isEarlier(this.heap[child + 1]!, this.heap[child]!)) child += 1;
      if (!isEarlier(this.heap[child]!, entry)) break;
      this.place(this.heap[child]!, position);
      position = child;
    }
    this.place(entry, position);
  }

  private place(entry: Entry<Key>, position: number): void {
    this.heap[position] = entry;
    this.positions.set(entry.key, position);
  }
}

function isEarlier<Key>(a: Entry<Key>, b: Entry<Key>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.turn < b.turn);
}
