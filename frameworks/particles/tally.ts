// Tally: how many particles landed where.
//
// Owns:      the counts, the bins of the histogram, their merging and their JSON.
// Elsewhere: where one particle lands (landing.ts), what else is known of a run of lines (particle-count.ts), pictures (plot.ts).
// Invariants:
//   T1. Bins are fixed, whatever the data: merging adds whole numbers, so it is exact and does not depend on order or grouping.
//   T2. Every particle is in exactly one counter; the totals are sums of counters, computed when asked for.
//   T3. Every counter is a safe integer.
// The bins: five to a decade of distance from the origin, from 10⁻⁹ to 10⁹ on either side, one for all that is nearer and one for all that is
// farther, and the origin itself. A distance on an edge belongs to the farther bin.

import { accepted, Checked, refused, Refusal } from './refusal';

/** Five give bars of a factor 1.58 in width: fine enough to see a shape, coarse enough for smooth bars from a thousand particles. */
export const BINS_PER_DECADE = 5;

/** Places nearer than 10⁻⁹ or farther than 10⁹ are rare in any sensible input; each such side shares one bin. */
export const LEAST_DECADE = -9;
export const GREATEST_DECADE = 9;

/** 10^(i/5) to double precision. As decimal text, since reading that is correctly rounded everywhere, and `**` is not (T1). */
const STEPS_WITHIN_DECADE = ['1', '1.584893192461113485', '2.511886431509580111', '3.981071705534972507', '6.309573444801932494'];

/** Least distance of each bin of a side after the nearest one, whose least distance is 0. */
const EDGES: readonly number[] = [
  ...Array.from({ length: (GREATEST_DECADE - LEAST_DECADE) * BINS_PER_DECADE }, (_unused, index) =>
    Number(`${STEPS_WITHIN_DECADE[index % BINS_PER_DECADE]}e${LEAST_DECADE + Math.floor(index / BINS_PER_DECADE)}`),
  ),
  Number(`1e${GREATEST_DECADE}`),
];

/** Bins of one side, the nearest (0) and the farthest included. */
export const BIN_COUNT = EDGES.length + 1;

/** The distances from the origin that fall into a bin of either side: from `least` (included) up to `most` (not included). */
export function binBounds(bin: number): { readonly least: number; readonly most: number } {
  return { least: EDGES[bin - 1] ?? 0, most: EDGES[bin] ?? Infinity };
}

/** The counters, in one array: one increment a particle. */
const NEVER = 0;
const MALFORMED = 1;
const ORIGIN = 2;
const NEGATIVE = 3;
const POSITIVE = NEGATIVE + BIN_COUNT;
const COUNTER_COUNT = POSITIVE + BIN_COUNT;

/** What {@link Tally.toJSON} gives: the public result and the bins that are not empty, as pairs of bin and count in ascending order. */
export interface TallyJson {
  readonly particles: number;
  readonly negative: number;
  readonly positive: number;
  readonly origin: number;
  readonly never: number;
  readonly malformed: number;
  readonly histogram: { readonly negative: readonly (readonly [number, number])[]; readonly positive: readonly (readonly [number, number])[] };
}

/** Counts of landing places. Mutable while counting; whoever made it owns it. */
export class Tally {
  private readonly counters = new Float64Array(COUNTER_COUNT);

  /** Counts one particle by its landing place, NaN for never (landing.ts, L1). */
  add(place: number): void {
    const counter = place > 0 ? POSITIVE + binOf(place) : place < 0 ? NEGATIVE + binOf(-place) : place === 0 ? ORIGIN : NEVER;
    this.counters[counter]! += 1;
  }

  /** Counts one malformed line. It is no particle. */
  addMalformed(): void {
    this.counters[MALFORMED]! += 1;
  }

  /** Adds the counts of `other`, which stays as it is. Throws a RangeError where a count would exceed the safe integers (T3). */
  merge(other: Tally): void {
    if (!Number.isSafeInteger(this.particles + other.particles + this.malformed + other.malformed)) {
      throw new RangeError('Tally exceeds the safe integers');
    }
    for (let counter = 0; counter < COUNTER_COUNT; counter++) this.counters[counter]! += other.counters[counter]!;
  }

  /** All particles, wherever they land or not; malformed lines are none. */
  get particles(): number {
    return this.negative + this.positive + this.origin + this.never;
  }
  get negative(): number {
    return sum(this.counters.subarray(NEGATIVE, NEGATIVE + BIN_COUNT));
  }
  get positive(): number {
    return sum(this.counters.subarray(POSITIVE, POSITIVE + BIN_COUNT));
  }
  get origin(): number {
    return this.counters[ORIGIN]!;
  }
  get never(): number {
    return this.counters[NEVER]!;
  }
  get malformed(): number {
    return this.counters[MALFORMED]!;
  }

  /** Particles in a bin (0 … BIN_COUNT - 1, outwards) of one side. */
  binCount(side: 'negative' | 'positive', bin: number): number {
    return this.counters[(side === 'negative' ? NEGATIVE : POSITIVE) + bin] ?? 0;
  }

  equals(other: Tally): boolean {
    return this.counters.every((count, counter) => count === other.counters[counter]);
  }

  toJSON(): TallyJson {
    const { particles, negative, positive, origin, never, malformed } = this;
    const histogram = { negative: this.filledBins('negative'), positive: this.filledBins('positive') };
    return { particles, negative, positive, origin, never, malformed, histogram };
  }

  private filledBins(side: 'negative' | 'positive'): [number, number][] {
    return Array.from({ length: BIN_COUNT }, (_unused, bin): [number, number] => [bin, this.binCount(side, bin)]).filter(([, count]) => count > 0);
  }

  /** Reads what {@link toJSON} gave. Refuses anything that no tally gives, also counts that contradict each other. */
  static fromJSON(json: unknown): Checked<Tally> {
    if (!isRecord(json)) return refused('tally', json, 'an object with counts');
    const tally = new Tally();
    for (const [field, counter] of [['origin', ORIGIN], ['never', NEVER], ['malformed', MALFORMED]] as const) {
      const count = json[field];
      if (!isCount(count)) return refused(field, count, EXPECTED_COUNT);
      tally.counters[counter] = count;
    }
    const histogram = json['histogram'];
    if (!isRecord(histogram)) return refused('histogram', histogram, 'an object with the bins of both sides');
    for (const [side, offset] of [['negative', NEGATIVE], ['positive', POSITIVE]] as const) {
      const refusal = readBins(histogram[side], `histogram.${side}`, tally.counters.subarray(offset, offset + BIN_COUNT));
      if (refusal !== undefined) return { ok: false, refusal };
    }
    for (const field of ['negative', 'positive', 'particles'] as const) {
      if (json[field] !== tally[field]) return refused(field, json[field], `${tally[field]}, the sum of its parts`);
    }
    return isCount(tally.particles + tally.malformed) ? accepted(tally) : refused('particles', tally.particles, EXPECTED_COUNT);
  }
}

const EXPECTED_COUNT = `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`;

function readBins(pairs: unknown, field: string, into: Float64Array): Refusal | undefined {
  if (!Array.isArray(pairs)) return refused(field, pairs, 'a list of pairs of bin and count').refusal;
  let previousBin = -1;
  for (const [index, pair] of (pairs as unknown[]).entries()) {
    const [bin, count] = Array.isArray(pair) && pair.length === 2 ? (pair as unknown[]) : [];
    if (!isCount(bin) || bin >= BIN_COUNT || bin <= previousBin || !isCount(count) || count === 0) {
      return refused(`${field}[${index}]`, pair, `a bin below ${BIN_COUNT}, greater than the one before, and its count above 0`).refusal;
    }
    into[bin] = count;
    previousBin = bin;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function sum(counts: Float64Array): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** For each binary exponent (biased, as in the bits of a double) the bin of the least distance that has it. */
const FIRST_BIN_OF_EXPONENT = Uint8Array.from({ length: 2047 }, (_unused, biased) => {
  const least = biased === 0 ? 0 : 2 ** (biased - 1023);
  return EDGES.filter((edge) => edge <= least).length;
});

const distanceBits = new DataView(new ArrayBuffer(8));

/** The bin of a distance > 0. A factor of two spans 1.5 bins, so the walk from the first bin of the exponent takes two steps at most. */
function binOf(distance: number): number {
  distanceBits.setFloat64(0, distance);
  let bin = FIRST_BIN_OF_EXPONENT[distanceBits.getUint32(0) >>> 20]!;
  while (bin < EDGES.length && distance >= EDGES[bin]!) bin++;
  return bin;
}
