// Recent map: what was learned lately, up to a bound.
//
// Owns:      keys with a value each, the oldest forgotten first.
// Elsewhere: what forgetting one means (each owner says so at its bound).
// Invariants:
//   M1. Never more than `sizeMax` keys; setting a key makes it the newest.
// Source: our choice, because a driver lives for months and must not grow with every task it has seen.

export class RecentMap<Key, Value> {
  private readonly entries = new Map<Key, Value>();

  constructor(private readonly sizeMax: number) {}

  get size(): number {
    return this.entries.size;
  }

  get(key: Key): Value | undefined {
    return this.entries.get(key);
  }

  has(key: Key): boolean {
    return this.entries.has(key);
  }

  set(key: Key, value: Value): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size <= this.sizeMax) return;
    const oldest = this.entries.keys().next();
    if (oldest.done !== true) this.entries.delete(oldest.value);
  }

  delete(key: Key): boolean {
    return this.entries.delete(key);
  }
}
