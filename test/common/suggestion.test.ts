// Proves what is suggested to someone who mistyped, and that the distance is a distance.

import fc from 'fast-check';

import { editDistance, suggest, suggestionClause } from '../../common/suggestion';

const names = ['master', 'work-dir', 'resources', 'port'];

test.each<[typed: string, suggested: string | undefined]>([
  ['mastr', 'master'],
  ['amster', 'master'],
  ['Master', 'master'],
  ['workdir', 'work-dir'],
  ['resource', 'resources'],
  ['prot', 'port'],
  ['unrelated-thing', undefined],
  ['x', undefined],
  ['', undefined],
])('for %j, %j is suggested', (typed, suggested) => {
  expect(suggest(typed, names)).toBe(suggested);
});

test('the clause ends a sentence, or is nothing', () => {
  expect(suggestionClause('mastr', names, (name) => `--${name}`)).toBe(' (did you mean "--master"?)');
  expect(suggestionClause('unrelated', names)).toBe('');
});

test('the distance is zero only for the same text, symmetric, and at most the longer length', () => {
  const word = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c') });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      expect(distance === 0).toBe(a === b);
      expect(editDistance(b, a)).toBe(distance);
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
    }),
  );
});
