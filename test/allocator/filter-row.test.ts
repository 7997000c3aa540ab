// Filter row against a plain sorted list.
//
// Proves:    P1 to P3: filters stay sorted by membership and then by age, each with its lapse and what is refused, whatever is added and removed, however
//            long the row was meanwhile, and however different the refusals.

import fc from 'fast-check';
import { FilterRow } from '../../allocator/filter-row';
import { AllocatorParts } from './allocator-parts';

/** The first two are equal and not the same object. */
const [parts, others] = [new AllocatorParts(), new AllocatorParts()];
const bundles = [parts.bundle('cpus:1'), others.bundle('cpus:1'), parts.bundle('cpus:2'), parts.bundle('mem:3')] as const;

type Filter = readonly [member: number, lapse: number, refused: string];

function check(row: FilterRow, expected: readonly Filter[]): void {
  expect(row.size).toBe(expected.length);
  expect(expected.map((_, place) => [row.memberAt(place), row.lapseAt(place), row.refusedAt(place).resources.toString()])).toEqual(expected);
  expect(row.memberAt(expected.length)).toBe(-1);
}

test.each<[kinds: string, refused: number]>([
  ['of one refusal', 0],
  ['of equal refusals', 1],
  ['of different refusals', 3],
])('after any history %s a row has the filters of a plain list, and finds the first of each membership', (_kinds, refusedMax) => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), member: fc.nat(9), refused: fc.nat(refusedMax) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat(100) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const row = new FilterRow(0);
      const filters: Filter[] = [];
      for (const [lapse, one] of steps.entries()) {
        if (one.kind === 'add') {
          const refused = bundles[one.refused]!;
          row.add(one.member, lapse, refused);
          filters.push([one.member, lapse, refused.resources.toString()]);
          filters.sort(([a, i], [b, j]) => a - b || i - j);
        } else if (filters.length > 0) {
          row.removeAt(one.which % filters.length);
          filters.splice(one.which % filters.length, 1);
        }
        check(row, filters);
        for (let member = 0; member <= 10; member++) expect(row.placeOf(member)).toBe(filters.filter(([other]) => other < member).length);
      }
    }),
  );
});

test('a row that was long and is short again goes on as before', () => {
  const row = new FilterRow(0);
  for (let member = 0; member < 1000; member++) row.add(member, 2 * member, bundles[0]);
  for (let place = 999; place >= 3; place--) row.removeAt(place);
  row.add(2, 77, bundles[2]);
  check(row, [[0, 0, 'cpus:1'], [1, 2, 'cpus:1'], [2, 4, 'cpus:1'], [2, 77, 'cpus:2']]);
});
