// Virtual time: hours pass in a moment, and always in the same way.
//
// Owns:      the queue of timers, the present moment, and scopes of timers that die together with their process.
// Elsewhere: the real clock (common/environment.ts).
// Invariants:
//   W1. Time moves only in `advance…`; callbacks run in the order of their times, and of being scheduled where times are equal.
//   W2. A timer of a stopped scope never runs.
//   W3. A timer of a stalled scope runs late: just after the stall, when what else waited for the process has been handled already.
// Source: the event queue of every discrete-event simulation.

import { PlaceHeap } from '../../../common/place-heap';
import type { Cancel, Clock } from '../../../common/ports';

/** 1 January 2030, so that a virtual wall time is seen at a glance not to be a real one. */
const wallStartMs = 1_893_456_000_000;

/** A process that was stalled reads its sockets before it looks at its timers: the harder order (W3). */
const afterStallMs = 0.001;

interface Timer {
  readonly atMs: number;
  /** Of being scheduled (W1). */
  readonly order: number;
  readonly callback: () => void;
  place: number;
}

export class VirtualClock implements Clock {
  private readonly timers = new PlaceHeap<Timer>(isBefore);
  private present = 0;
  private scheduled = 0;
  /** Callbacks run so far: the measure of work of a simulation. */
  eventCount = 0;

  nowMs(): number {
    return this.present;
  }

  wallMs(): number {
    return wallStartMs + this.present;
  }

  schedule(delayMs: number, callback: () => void): Cancel {
    const timer: Timer = { atMs: this.present + Math.max(0, delayMs), order: this.scheduled, callback, place: -1 };
    this.scheduled += 1;
    this.timers.add(timer);
    return () => this.timers.remove(timer);
  }

  /** Time of the next timer; Infinity when nothing is scheduled. */
  nextAtMs(): number {
    return this.timers.first?.atMs ?? Infinity;
  }

  /** Runs the next timer, moving time to it. False when nothing is scheduled at or before `limitMs`. */
  advanceToNext(limitMs = Infinity): boolean {
    const next = this.timers.first;
    if (!next || next.atMs > limitMs) return false;
    this.timers.remove(next);
    this.present = next.atMs;
    this.eventCount += 1;
    next.callback();
    return true;
  }

  /** Runs everything due within the next `durationMs`, then stands exactly that much later. */
  advance(durationMs: number): void {
    const untilMs = this.present + durationMs;
    while (this.advanceToNext(untilMs)) {
      // Each turn runs one timer.
    }
    this.present = untilMs;
  }

  /** Moves time forward without running anything that is not due; for callers that step with `advanceToNext`. */
  settleAt(ms: number): void {
    if (ms > this.present && ms <= this.nextAtMs()) this.present = ms;
  }

  /** A clock on the same time whose timers can be stopped together (W2). */
  scope(): ClockScope {
    return new ClockScope(this);
  }
}

export class ClockScope implements Clock {
  private stopped = false;
  private pending = 0;
  private stalledUntilMs = 0;

  constructor(private readonly clock: VirtualClock) {}

  nowMs(): number {
    return this.clock.nowMs();
  }

  wallMs(): number {
    return this.clock.wallMs();
  }

  schedule(delayMs: number, callback: () => void): Cancel {
    if (this.stopped) return () => undefined;
    this.pending += 1;
    let isPending = true;
    const settle = (): void => {
      if (isPending) this.pending -= 1;
      isPending = false;
    };
    let cancel: Cancel;
    const fire = (): void => {
      const lateMs = this.stalledUntilMs - this.clock.nowMs();
      if (lateMs >= 0 && !this.stopped) {
        cancel = this.clock.schedule(lateMs + afterStallMs, fire);
        return;
      }
      settle();
      if (!this.stopped) callback();
    };
    cancel = this.clock.schedule(delayMs, fire);
    return () => {
      settle();
      cancel();
    };
  }

  /** The process gets no turn for so long, as when its machine swaps or its memory is being collected. */
  stall(durationMs: number): void {
    this.stalledUntilMs = Math.max(this.stalledUntilMs, this.clock.nowMs() + durationMs);
  }

  /** Timers that are set and neither due nor cancelled: for leak checks. */
  get timerCount(): number {
    return this.stopped ? 0 : this.pending;
  }

  stop(): void {
    this.stopped = true;
  }
}

function isBefore(left: Timer, right: Timer): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}
