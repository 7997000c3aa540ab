// Proves that the questions asked of two lists in normal form have the answers of looking at every pair.

import fc from 'fast-check';
import { itemsIntersect, normalItems, normalRanges, rangesOverlap } from '../../../common/model/resource-value';

const ranges = fc.array(fc.tuple(fc.nat(60), fc.nat(6)).map(([begin, length]) => ({ begin, end: begin + length })), { maxLength: 6 }).map(normalRanges);
const items = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 3 }).map(normalItems);

test('two lists of ranges overlap exactly if some pair of them does', () => {
  fc.assert(
    fc.property(ranges, ranges, (one, other) => {
      expect(rangesOverlap(one, other)).toBe(one.some((left) => other.some((right) => left.begin <= right.end && right.begin <= left.end)));
    }),
  );
});

test('two sets intersect exactly if some item of one is in the other', () => {
  fc.assert(
    fc.property(items, items, (one, other) => {
      expect(itemsIntersect(one, other)).toBe(one.some((item) => other.includes(item)));
    }),
  );
});
