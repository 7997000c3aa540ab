// Deadlines: which of many things is due next.
//
// Owns:      a set of keys with one deadline each, ordered by time.
// Elsewhere: what being due means (the core that sets the deadline), waking up (the node's one clock timer). Pure, for any core.
// Invariants:
//   D1. A key has at most one deadline: setting it again moves it.
//   D2. Due keys come out in order of their deadlines, those of the same time in the order in which they were set: equal runs, equal order.
//   D3. Setting, clearing and taking cost O(log n), looking at the next O(1): one task among ten thousand pays for itself alone.
// Source: our choice; a keyed view of the shared heap whose items know their place (place-heap.ts).

import { PlaceHeap } from './place-heap';

interface Entry<Key> {
  readonly key: Key;
  readonly atMs: number;
  /** Order of setting (D2). */
  readonly turn: number;
  place: number;
}

export class Deadlines<Key> {
  private readonly heap = new PlaceHeap<Entry<Key>>(isEarlier);
  private readonly entries = new Map<Key, Entry<Key>>();
  private turns = 0;

  /** How many keys have a deadline. */
  get size(): number {
    return this.heap.size;
  }

  /** The earliest deadline, in the monotonic milliseconds of whoever sets them; Infinity without any. */
  get nextMs(): number {
    return this.heap.first?.atMs ?? Infinity;
  }

  /** When `key` is due; undefined when it has no deadline. */
  get(key: Key): number | undefined {
    return this.entries.get(key)?.atMs;
  }

  /** Gives `key` the deadline `atMs`, instead of any earlier one (D1). Infinity: none. Keys are compared as those of a Map are. */
  set(key: Key, atMs: number): void {
    this.clear(key);
    if (atMs === Infinity) return;
    const entry: Entry<Key> = { key, atMs, turn: this.turns++, place: -1 };
    this.entries.set(key, entry);
    this.heap.add(entry);
  }

  /** Forgets the deadline of `key`; nothing happens when it has none. */
  clear(key: Key): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    this.entries.delete(key);
    this.heap.remove(entry);
  }

  /** Removes and returns the first key due at `nowMs`; undefined when none is. Call until then. */
  takeDue(nowMs: number): Key | undefined {
    const { first } = this.heap;
    if (first === undefined || first.atMs > nowMs) return undefined;
    this.clear(first.key);
    return first.key;
  }
}

function isEarlier<Key>(a: Entry<Key>, b: Entry<Key>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.turn < b.turn);
}
