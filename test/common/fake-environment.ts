// A fake environment for tests: time moves only when the test says so.
//
// Owns:      virtual clock, seeded randomness, numbered UUIDs.
// Elsewhere: the whole simulated cluster (frameworks/sdk/testing/, test/simulation/).
// Invariants:
//   F1. Callbacks run in order of their due time, then of their scheduling; each sees `nowMs` equal to its due time.
//   F2. Same seed and same calls, same run.
// Source: our choice.

import type { Cancel, Clock, Environment, IdSource, Random } from '../../common/ports';

/** Wall time at virtual zero: 2026-01-01T00:00:00Z. */
export const fakeEpochMs = Date.UTC(2026, 0, 1);

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  private currentMs = 0;
  private scheduled = 0;
  private timers: Timer[] = [];

  nowMs(): number {
    return this.currentMs;
  }

  wallMs(): number {
    return fakeEpochMs + this.currentMs;
  }

  schedule(delayMs: number, callback: () => void): Cancel {
    const timer: Timer = { dueMs: this.currentMs + Math.max(0, delayMs), order: this.scheduled++, callback };
    this.timers.push(timer);
    this.timers.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Timers not yet due: 0 after everything was cancelled, or something leaks. */
  get pendingCount(): number {
    return this.timers.length;
  }

  /** Milliseconds until the next timer; undefined without one. */
  get nextInMs(): number | undefined {
    const next = this.timers[0];
    return next === undefined ? undefined : next.dueMs - this.currentMs;
  }

  /** Moves time on by `ms`, running everything that becomes due, also what is scheduled on the way. */
  advance(ms: number): void {
    const targetMs = this.currentMs + ms;
    for (let next = this.timers[0]; next !== undefined && next.dueMs <= targetMs; next = this.timers[0]) {
      this.timers.shift();
      this.currentMs = Math.max(this.currentMs, next.dueMs);
      next.callback();
    }
    this.currentMs = targetMs;
  }

  /** As {@link advance}, and lets promises settle before and after each timer. */
  async advanceAndSettle(ms: number): Promise<void> {
    const targetMs = this.currentMs + ms;
    await settle();
    for (let next = this.timers[0]; next !== undefined && next.dueMs <= targetMs; next = this.timers[0]) {
      this.advance(next.dueMs - this.currentMs);
      await settle();
    }
    this.advance(targetMs - this.currentMs);
    await settle();
  }
}

/** Lets every promise that can go on do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Seeded uniform numbers (mulberry32). */
export class FakeRandom implements Random {
  constructor(private seed = 1) {}

  next(): number {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

class FakeIds implements IdSource {
  private made = 0;

  uuid(): string {
    this.made += 1;
    return `00000000-0000-4000-8000-${this.made.toString(16).padStart(12, '0')}`;
  }
}

export interface FakeEnvironment extends Environment {
  readonly clock: FakeClock;
}

export function fakeEnvironment(seed = 1): FakeEnvironment {
  return { clock: new FakeClock(), random: new FakeRandom(seed), ids: new FakeIds() };
}
