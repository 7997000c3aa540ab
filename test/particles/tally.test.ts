// Proves that tallies merge exactly in any order, that bins are where they are said to be, and that only true tallies are read back.

import fc from 'fast-check';
import { BIN_COUNT, binBounds, Tally } from '../../frameworks/particles/tally';
import { stepped } from './exact-parabola';

const place = fc.oneof(
  fc.double({ noDefaultInfinity: true }),
  fc.double({ min: -1e10, max: 1e10, noNaN: true }),
  fc.constantFrom(0, NaN, 1, -1, 1e-9, 1e9, -1e9, Number.MIN_VALUE, -Number.MAX_VALUE),
);
const places = fc.array(place, { maxLength: 40 });

function tallyOf(landings: readonly number[], malformed = 0): Tally {
  const tally = new Tally();
  for (const landing of landings) tally.add(landing);
  for (let line = 0; line < malformed; line++) tally.addMalformed();
  return tally;
}

function merged(...tallies: readonly Tally[]): Tally {
  const sum = new Tally();
  for (const tally of tallies) sum.merge(tally);
  return sum;
}

test('each landing place is counted once, on its side, and malformed lines are no particles', () => {
  const { particles, negative, positive, origin, never, malformed } = tallyOf([-3, -1e-300, 0, -0, 5, NaN, 1e300, 2], 4);
  expect({ particles, negative, positive, origin, never, malformed }).toEqual({ particles: 8, negative: 2, positive: 3, origin: 2, never: 1, malformed: 4 });
});

test('a distance on an edge belongs to the farther bin and one ulp less to the nearer, so equal places never part', () => {
  for (let bin = 1; bin < BIN_COUNT; bin++) {
    const edge = binBounds(bin).least;
    expect(tallyOf([edge]).binCount('positive', bin)).toBe(1);
    expect(tallyOf([-edge]).binCount('negative', bin)).toBe(1);
    expect(tallyOf([stepped(edge, -1)]).binCount('positive', bin - 1)).toBe(1);
  }
});

test('every place is in the bin whose bounds hold it, whatever its size', () => {
  fc.assert(
    fc.property(place.filter((x) => x !== 0 && !Number.isNaN(x)), (x) => {
      const side = x < 0 ? 'negative' : 'positive';
      const filled = Array.from({ length: BIN_COUNT }, (_unused, bin) => bin).filter((bin) => tallyOf([x]).binCount(side, bin) === 1);
      expect(filled).toHaveLength(1);
      const { least, most } = binBounds(filled[0] ?? -1);
      expect(Math.abs(x) >= least && Math.abs(x) < most).toBe(true);
    }),
  );
});

test('merging is commutative and associative with the empty tally as its zero, so chunks may come in any order', () => {
  fc.assert(
    fc.property(places, places, places, fc.nat(3), (x, y, z, malformed) => {
      const [tx, ty, tz] = [tallyOf(x, malformed), tallyOf(y), tallyOf(z, 1)] as const;
      expect(merged(tx, ty).equals(merged(ty, tx))).toBe(true);
      expect(merged(merged(tx, ty), tz).equals(merged(tx, merged(ty, tz)))).toBe(true);
      expect(merged(tx, new Tally()).equals(tx)).toBe(true);
      expect(merged(tx, ty, tz).equals(tallyOf([...x, ...y, ...z], malformed + 1))).toBe(true);
    }),
  );
});

test('merging leaves the merged tally as it was', () => {
  const other = tallyOf([1, 2]);
  tallyOf([3]).merge(other);
  expect(other.equals(tallyOf([1, 2]))).toBe(true);
});

test('tallies that differ in one bin alone are not equal, though their totals are', () => {
  expect(tallyOf([1]).equals(tallyOf([100]))).toBe(false);
});

test('a tally survives JSON text', () => {
  fc.assert(
    fc.property(places, fc.nat(3), (landings, malformed) => {
      const tally = tallyOf(landings, malformed);
      const back = Tally.fromJSON(JSON.parse(JSON.stringify(tally)));
      expect(back.ok && back.value.equals(tally)).toBe(true);
    }),
  );
});

test('a merge beyond the safe integers throws instead of losing particles', () => {
  const half = Tally.fromJSON({ ...new Tally().toJSON(), particles: 2 ** 52, never: 2 ** 52 });
  if (!half.ok) throw new Error(half.refusal.field);
  expect(() => merged(half.value, half.value)).toThrow(RangeError);
});

const valid = (): Record<string, unknown> => JSON.parse(JSON.stringify(tallyOf([1, -1, 0, NaN], 2))) as Record<string, unknown>;
const histogram = (positive: unknown): Record<string, unknown> => ({ ...valid(), histogram: { negative: [[46, 1]], positive } });

test.each<[claim: string, json: unknown, field: string]>([
  ['nothing', undefined, 'tally'],
  ['a list', [], 'tally'],
  ['a negative count', { ...valid(), origin: -1 }, 'origin'],
  ['a fraction', { ...valid(), never: 0.5 }, 'never'],
  ['a count as text', { ...valid(), malformed: '2' }, 'malformed'],
  ['a count beyond the safe integers', { ...valid(), never: 2 ** 53 }, 'never'],
  ['no histogram', { ...valid(), histogram: undefined }, 'histogram'],
  ['no bins', histogram(null), 'histogram.positive'],
  ['a bin that is none', histogram([[BIN_COUNT, 1]]), 'histogram.positive[0]'],
  ['a bin twice', histogram([[3, 1], [3, 1]]), 'histogram.positive[1]'],
  ['an empty bin', histogram([[3, 0]]), 'histogram.positive[0]'],
  ['a pair of three', histogram([[3, 1, 1]]), 'histogram.positive[0]'],
  ['bins that do not add up to their side', histogram([[3, 7]]), 'positive'],
  ['sides that do not add up to all', { ...valid(), particles: 17 }, 'particles'],
  ['a total beyond the safe integers', { ...valid(), particles: 2 ** 53 + 2, never: Number.MAX_SAFE_INTEGER }, 'particles'],
])('%s is refused by its field, so a broken message adds no particle', (_claim, json, field) => {
  const checked = Tally.fromJSON(json);
  expect(checked.ok ? 'accepted' : checked.refusal.field).toBe(field);
});
