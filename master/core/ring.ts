// Ring: the newest few of something.
//
// Owns:      a bounded memory that forgets its oldest entry.
// Elsewhere: what is remembered (completed tasks and frameworks, master-state.ts).
// Invariants:
//   N1. Holds at most `countMax` entries; entries are visited oldest first.
// Source: Mesos keeps completed frameworks and tasks in bounded rings, because they are for people, not for decisions.

export class Ring<Entry> {
  private readonly entries: Entry[] = [];
  private oldest = 0;

  constructor(private readonly countMax: number) {}

  get count(): number {
    return this.entries.length;
  }

  /** Remembers the entry; returns the one forgotten for it, if any. */
  push(entry: Entry): Entry | undefined {
    if (this.countMax <= 0) return entry;
    if (this.entries.length < this.countMax) {
      this.entries.push(entry);
      return undefined;
    }
    const forgotten = this.entries[this.oldest];
    this.entries[this.oldest] = entry;
    this.oldest = (this.oldest + 1) % this.countMax;
    return forgotten;
  }

  *[Symbol.iterator](): Iterator<Entry> {
    yield* this.entries.slice(this.oldest);
    yield* this.entries.slice(0, this.oldest);
  }
}
