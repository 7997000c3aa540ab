// Filter row against a plain sorted list.
//
// Proves:    P1 and P2: pairs stay sorted by membership and then by age, whatever is added and removed, however long the row was meanwhile.

import fc from 'fast-check';
import { FilterRow } from '../../allocator/filter-row';

type Pair = readonly [member: number, declination: number];

function check(row: FilterRow, expected: readonly Pair[]): void {
  expect(row.size).toBe(expected.length);
  expect(expected.map((_, place) => [row.memberAt(place), row.declinationAt(place)])).toEqual(expected);
  expect(row.memberAt(expected.length)).toBe(-1);
}

test('after any history a row has the pairs of a plain list, and finds the first of each membership', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), member: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat(100) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const row = new FilterRow();
      const pairs: Pair[] = [];
      for (const [declination, one] of steps.entries()) {
        if (one.kind === 'add') {
          row.add(one.member, declination);
          pairs.push([one.member, declination]);
          pairs.sort(([a, i], [b, j]) => a - b || i - j);
        } else if (pairs.length > 0) {
          row.removeAt(one.which % pairs.length);
          pairs.splice(one.which % pairs.length, 1);
        }
        check(row, pairs);
        for (let member = 0; member <= 10; member++) expect(row.placeOf(member)).toBe(pairs.filter(([other]) => other < member).length);
      }
    }),
  );
});

test('a row that was long and is short again goes on as before', () => {
  const row = new FilterRow();
  for (let member = 0; member < 1000; member++) row.add(member, 2 * member);
  for (let place = 999; place >= 3; place--) row.removeAt(place);
  row.add(2, 77);
  check(row, [[0, 0], [1, 2], [2, 4], [2, 77]]);
});
