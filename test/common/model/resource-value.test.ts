// Proves that what is asked and made of two lists in normal form has the answer of looking at every number and every pair, and is in normal form (A1).

import fc from 'fast-check';
import { containsRanges, itemsIntersect, minusRanges, normalItems, normalRanges, plusRanges, rangesOverlap } from '../../../common/model/resource-value';

const ranges = fc.array(fc.tuple(fc.nat(60), fc.nat(6)).map(([begin, length]) => ({ begin, end: begin + length })), { maxLength: 6 }).map(normalRanges);
const items = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 3 }).map(normalItems);

const numbersOf = (list: readonly { readonly begin: number; readonly end: number }[]): number[] => list.flatMap(({ begin, end }) => Array.from({ length: end - begin + 1 }, (_, i) => begin + i));

test('union, difference and containment of ranges are those of their numbers, also where only the middle of a long list is touched', () => {
  const many = fc.array(fc.tuple(fc.nat(60), fc.nat(2)).map(([begin, length]) => ({ begin, end: begin + length })), { maxLength: 25 }).map(normalRanges);
  fc.assert(
    fc.property(many, fc.oneof(many, ranges), (one, other) => {
      const [ones, others] = [new Set(numbersOf(one)), new Set(numbersOf(other))];
      const expectNumbers = (result: typeof one, numbers: Iterable<number>): void => {
        expect(result).toEqual(normalRanges([...numbers].map((number) => ({ begin: number, end: number }))));
      };
      expectNumbers(plusRanges(one, other), new Set([...ones, ...others]));
      expectNumbers(minusRanges(one, other), [...ones].filter((number) => !others.has(number)));
      expect(containsRanges(one, other)).toBe([...others].every((number) => ones.has(number)));
    }),
  );
});

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
