// Measurements: what a cell of a workload reports, and the targets it is held against.
//
// Owns:      the shape of one row, order statistics with the cold first value apart, targets and whether a row reaches them, memory readings.
// Elsewhere: what is measured (the workloads beside this file), how rows are printed (report.ts).

import { quantile } from '../measure';

/** What the allocator is to reach, each a sentence of the closing list. Ratios are against the C++ medians of the same workload. */
export const targets = {
  'full-allocation': 'First full allocation, one role or a role each: the median cycle at least 10 times as fast in every cell',
  'full-allocation-largest': 'First full allocation of 10000 agents x 500 frameworks in one role: the median cycle below 25 ms',
  'empty-rounds': 'DeclineOffers, empty rounds: the median at least 100 times as fast in every cell',
  'first-empty-round': 'DeclineOffers, the first empty round, which looks at every agent: at least 100 times as fast in every cell',
  'quota-3000': 'Quotas in 3000 roles: both cycles at least 100 times as fast',
  sorter: 'Sorter: every step at least as fast',
  'mixed-frameworks': 'Mixed frameworks: all 19500 tasks are launched',
  'single-event': 'From the end of one task to the offer of what it held: below 100 µs',
  'filter-memory': 'Five million decline filters: at most 400 MB, or as many bytes each where there are fewer, whether agents are alike or not',
} as const;
export type TargetName = keyof typeof targets;

/** What one row must reach for a target. `ratio`: C++ median divided by ours. */
export interface Goal {
  readonly target: TargetName;
  readonly kind: 'ratio-at-least' | 'at-most' | 'at-least';
  readonly limit: number;
}

/** What Mesos's C++ allocator takes, from the reference page of the workloads. */
export interface MesosFigure {
  /** In the unit of the row: the median, or the only one there is. */
  readonly median: number;
  /** How it was come by, where it is not a median of the same step. */
  readonly note?: string;
}

export interface Measurement {
  /** `cycle`, `idle cycle`, `recover all`. */
  readonly step: string;
  readonly unit: 'ms' | 'µs' | 's' | 'MiB' | 'MB' | 'bytes' | 'tasks' | 'rounds';
  /** The first of several, with code not compiled yet, is none of the `count` values that min, median and max are of. */
  readonly first?: number;
  readonly count: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
  /** Handed out in each of the runs measured. */
  readonly offers?: number;
  /** In use after a full collection: heap and memory outside of it. */
  readonly heapMib?: number;
  readonly mesos?: MesosFigure;
  readonly goals?: readonly Goal[];
}

type Details = Pick<Measurement, 'offers' | 'heapMib'> & { readonly mesos?: MesosFigure | undefined; readonly goals?: readonly Goal[] | undefined };

/** What a cell found. A problem is a count that is not what the workload says: then the times are of some other work. */
export interface CellResult {
  readonly measurements: readonly Measurement[];
  readonly problems: readonly string[];
}

/** A row over all of `values`. */
export function measurement(step: string, values: readonly number[], { mesos, goals, ...details }: Details = {}, unit: Measurement['unit'] = 'ms'): Measurement {
  const sorted = [...values].sort((left, right) => left - right);
  return {
    step,
    unit,
    count: sorted.length,
    min: sorted[0] ?? NaN,
    median: quantile(sorted, 0.5),
    max: sorted.at(-1) ?? NaN,
    ...details,
    ...(mesos !== undefined && { mesos }),
    ...(goals !== undefined && goals.length > 0 && { goals }),
  };
}

/** The same with the first value apart, if there are others. */
export function warmMeasurement(step: string, values: readonly number[], details: Details = {}, unit: Measurement['unit'] = 'ms'): Measurement {
  const [first, ...others] = values;
  return first === undefined || others.length === 0 ? measurement(step, values, details, unit) : { ...measurement(step, others, details, unit), first };
}

/** C++ median divided by ours; undefined without one to compare with, and for counts of which more is better. */
export function ratioOf({ mesos, median, unit }: Measurement): number | undefined {
  return mesos === undefined || unit === 'tasks' ? undefined : mesos.median / median;
}

export interface Verdict {
  readonly isReached: boolean;
  readonly value: number;
}

export function verdictOn(row: Measurement, goal: Goal): Verdict {
  const value = goal.kind === 'ratio-at-least' ? (ratioOf(row) ?? NaN) : row.median;
  // Not a number reaches nothing.
  return { value, isReached: goal.kind === 'at-most' ? value <= goal.limit : value >= goal.limit };
}

/** Counts that must come out, and those that did not. */
export class Expectations {
  readonly problems: string[] = [];

  equal(what: string, actual: number, expected: number): void {
    this.holds(actual === expected, `${what}: ${actual}, expected ${expected}`);
  }

  holds(claim: boolean, problem: string): void {
    // A wrong count tends to be wrong every round; ten of them say enough.
    if (!claim && this.problems.length < 10) this.problems.push(problem);
  }
}

export interface MemoryReading {
  /** Heap in use, and what it holds outside of itself (typed arrays). */
  readonly usedBytes: number;
  readonly residentBytes: number;
}

/**
 * After a full collection, when the process was started with --expose-gc; twice, because what finalisers let go of goes with the second. For the end of a
 * cell: a forced collection makes the engine throw compiled code away, and what is timed after it is timed in the interpreter.
 */
export function readMemory(): MemoryReading {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { usedBytes: heapUsed + external, residentBytes: rss };
}

export function usedMib(): number {
  return readMemory().usedBytes / 2 ** 20;
}

/** The most that this process has ever been resident with, Node itself (about 45) included. */
export function peakResident(mesos?: MesosFigure): Measurement {
  return measurement('peak resident', [process.resourceUsage().maxRSS / 1024], { mesos }, 'MiB');
}
