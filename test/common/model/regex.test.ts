// Regular expressions: what they match, what is refused, and that nothing makes them slow.
//
// Proves:    the syntax by tables; agreement with JavaScript's RegExp on what both write alike, by a property; the limits, and the count of steps
//            (X1) by patterns and texts at which an engine that goes back would not return before the end of the world.

import fc from 'fast-check';
import { patternLengthMax, regexCompiler, regexLimitsDefault } from '../../../common/model/regex';
import { nestingMax } from '../../../common/model/regex-syntax';

const compile = regexCompiler();

function matches(pattern: string, text: string): boolean {
  const compiled = compile(pattern);
  if (!compiled.ok) throw new Error(compiled.expected);
  return compiled.matches(text);
}

test.each<[pattern: string, matching: readonly string[], others: readonly string[]]>([
  ['pi-[0-9]+', ['pi-7', 'pi-042'], ['pi-', 'pi-7b', 'a pi-7', 'PI-7']],
  ['', [''], ['a']],
  ['a|b|', ['a', 'b', ''], ['ab']],
  ['(rack|row)-(?:1|2)', ['rack-1', 'row-2'], ['rack-3', 'rack']],
  ['(?P<kind>a)(?<number>1)', ['a1'], ['a']],
  ['a?b*c+', ['c', 'abbcc', 'bc'], ['ab', 'aac']],
  ['a??b*?c+?', ['c', 'abbcc'], ['ab']],
  ['a{2}', ['aa'], ['a', 'aaa']],
  ['a{2,}', ['aa', 'aaaaa'], ['a']],
  ['a{1,3}', ['a', 'aa', 'aaa'], ['', 'aaaa']],
  ['a{0}b', ['b'], ['ab']],
  ['(?:a{0,1}){3}', ['', 'aaa'], ['aaaa']],
  ['a{,2}', ['a{,2}'], ['a', 'aa']],
  ['{x}]', ['{x}]'], ['x']],
  ['.', ['a', '-', 'é', '😀'], ['\n', 'ab', '']],
  ['(?s).', ['\n'], ['']],
  ['[a-cx]', ['b', 'x'], ['d', '-']],
  ['[^a-c]', ['d', '\n', '😀'], ['b', '']],
  ['[]a]', [']', 'a'], ['b']],
  ['[^]a]', ['b'], [']', 'a']],
  ['[-a]', ['-', 'a'], ['b']],
  ['[a-]', ['-', 'a'], ['b']],
  ['[+--]', ['+', ',', '-'], ['.']],
  ['[é-ü]', ['ê'], ['e']],
  ['[\\d.]', ['1', '.'], ['a']],
  ['[^\\D]', ['1'], ['a']],
  ['\\d\\D\\s\\S\\w\\W', ['1a x_-'], ['aa x_-', '1a x--']],
  ['\\w', ['a', 'Z', '0', '_'], ['é']],
  ['[[:alpha:]][[:^digit:]][[:space:][:punct:]]', ['ab\v', 'ab!'], ['1b!', 'a1!']],
  ['\\pL\\p{Lu}\\p{Greek}\\PL\\p{^Lu}', ['éÉλ1a'], ['1Éλ1a', 'éÉlaa']],
  ['\\p{Any}', ['\n', '😀'], ['']],
  ['\\.\\*\\\\\\_\\ ', ['.*\\_ '], ['a']],
  ['\\a\\f\\n\\r\\t\\v', ['\x07\f\n\r\t\v'], ['afnrtv']],
  ['\\x41\\x{1F600}\\101\\0', ['A😀A\0'], ['a']],
  ['\\Qa.b*\\E+', ['a.b*', 'a.b**'], ['a.b', 'acb']],
  ['\\Q(', ['('], ['']],
  ['^a$', ['a'], ['a\n', '\na']],
  ['a$b|a^b', [], ['ab']],
  ['a(?m:$)\\n(?m:^)b', ['a\nb'], ['ab']],
  ['(?m)a$(?s:.)^b', ['a\nb'], ['a b']],
  ['\\Aa\\nb\\z', ['a\nb'], ['a\nb\n']],
  ['a\\b-\\Bb?', ['a-'], ['a-b']],
  ['(?i)pi-K', ['PI-k', 'Pi-\u212a'], ['pi_k']],
  ['(?i)[a-k]\\x{3c3}', ['Bς', '\u212aΣ'], ['zσ']],
  ['(?i)[^k]', ['x'], ['K', '\u212a']],
  ['(?i)\\P{Lu}', ['1'], ['a', 'A']],
  ['(?i:a)b(?i)c(?-i)d', ['Abcd', 'abCd'], ['aBcd', 'abcD']],
  ['((?i)a)b', ['Ab'], ['aB']],
  ['(?i)a|b', ['B'], ['c']],
  ['(?i)\\x{131}', ['\u0131'], ['i', 'I']],
  ['(?:a*)*(?:|b)+', ['', 'aab'], ['c']],
])('%s', (pattern, matching, others) => {
  expect(matching.filter((text) => !matches(pattern, text))).toEqual([]);
  expect(others.filter((text) => matches(pattern, text))).toEqual([]);
});

test.each<[pattern: string, problem: string]>([
  ['*a', 'nothing to repeat at "*a"'],
  ['a|{2}', 'nothing to repeat at "{2}"'],
  ['(?i)*', 'nothing to repeat at "*"'],
  ['a**', 'a repetition of a repetition'],
  ['a++', 'a repetition of a repetition'],
  ['a{2}{3}', 'a repetition of a repetition'],
  ['a{1001}', 'n <= m <= 1000 at "{1001}"'],
  ['a{3,2}', 'n <= m <= 1000 at "{3,2}"'],
  ['(a', '"(" without ")" at "(a"'],
  ['(\\Qa)', '"(" without ")"'],
  ['a)', '")" without "(" at ")"'],
  ['[a', '"[" without "]" at "[a"'],
  ['[]', '"[" without "]"'],
  ['[b-a]', 'whose end is before its begin'],
  ['[a-\\d]', 'a range without an end'],
  ['[[:letter:]]', 'a class that RE2 does not know at "[:letter:]]"'],
  ['[\\b]', 'a boundary in a set'],
  ['\\p{Klingon}', 'a class of Unicode that is not known'],
  ['\\p{L=u}', 'a class of Unicode that is not known'],
  ['\\pX', 'a class of Unicode that is not known'],
  ['\\p{', 'an escape that RE2 does not know'],
  ['\\x{110000}', 'a character beyond'],
  ['\\x4', 'an escape that RE2 does not know'],
  ['(a)\\1', 'an escape that RE2 does not know at "\\\\1"'],
  ['\\C', 'an escape that RE2 does not know'],
  ['a\\', 'a "\\" at the end'],
  ['a(?=b)', 'a group of a kind that RE2 does not know at "(?=b)"'],
  ['(?<=a)b', 'a group of a kind that RE2 does not know'],
  ['(?P=n)', 'a group of a kind that RE2 does not know'],
  ['(?-)a', 'a group of a kind that RE2 does not know'],
  ['(?<n>a)(?P<n>b)', 'a second group called n'],
])('%s is refused: %s', (pattern, problem) => {
  expect(compile(pattern)).toEqual({ ok: false, expected: expect.stringContaining(problem) as string });
});

// JavaScript and RE2 write these alike, and both mean the same by them when the whole text must match.
const atoms = fc.constantFrom('a', 'b', '1', '-', '\\.', '.', '[ab]', '[^a1]', '[a-b-]', '\\d', '\\w', '\\W', '\\s', '\\n', '^', '$', '\\b', '\\B', '(?:)');
const { expression } = fc.letrec<{ expression: string; sequence: string; item: string }>((tie) => ({
  expression: fc.array(tie('sequence'), { minLength: 1, maxLength: 2 }).map((parts) => parts.join('|')),
  sequence: fc.array(tie('item'), { maxLength: 3 }).map((parts) => parts.join('')),
  item: fc
    .tuple(
      fc.oneof({ maxDepth: 3, depthIdentifier: 'regex' }, atoms, tie('expression').map((inner) => `(?:${inner})`), tie('expression').map((inner) => `(${inner})`)),
      fc.constantFrom('', '', '', '*', '+', '?', '*?', '{2}', '{0,2}', '{1,}'),
    )
    // JavaScript cannot repeat a boundary itself.
    .map(([atom, repetition]) => (['^', '$', '\\b', '\\B'].includes(atom) ? `(?:${atom})${repetition}` : `${atom}${repetition}`)),
}));
const texts = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-', '.', '\n', ' '), maxLength: 6 });

test('what JavaScript writes alike matches the same texts', () => {
  const compileLong = regexCompiler({ programSizeMax: 100_000 });
  fc.assert(
    fc.property(expression, fc.array(texts, { minLength: 1, maxLength: 8 }), (pattern, candidates) => {
      const compiled = compileLong(pattern);
      if (!compiled.ok) throw new Error(compiled.expected);
      const reference = new RegExp(`^(?:${pattern})$`, 'u');
      for (const text of candidates) expect([text, compiled.matches(text)]).toEqual([text, reference.test(text)]);
    }),
    { numRuns: 1_000 },
  );
});

test('whatever the pattern, it compiles or is refused with words', () => {
  const pieces = fc.constantFrom('a', '(', ')', '(?', '(?:', '(?i)', '(?P<n>', '[', '[^', ']', '[:alpha:]', '-', '*', '+', '?', '{2}', '{1,', '}', '|', '^', '\\', '\\p', '\\pL', '\\x', '\\Q', '\\E', '\\b', '😀', '\ud800');
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 8 }), (parts, text) => {
      const compiled = compile(parts.join(''));
      if (compiled.ok) expect(typeof compiled.matches(text)).toBe('boolean');
      else expect(compiled.expected).toMatch(/^a regular expression (in the syntax of RE2 \(.+\)|of at most )/);
    }),
    { numRuns: 300 },
  );
});

test('the alternatives of one match do not leak into the next', () => {
  const compiled = compile('(?:ab|a)(?:c|bcd)?');
  if (!compiled.ok) throw new Error(compiled.expected);
  const asked = ['abcd', 'abc', 'a', 'ab', 'abcdx', 'abbcd', '', 'abcd'];
  expect(asked.map((text) => compiled.matches(text))).toEqual([true, true, true, true, false, true, false, true]);
});

describe('nothing is slow', () => {
  const long = 'a'.repeat(50_000);
  test.each<[pattern: string, text: string, is: boolean]>([
    ['(a+)+$', `${long}!`, false],
    ['(a*)*b', long, false],
    ['(a|a)*b', long, false],
    ['(?:a|b|ab)*c', 'ab'.repeat(25_000), false],
    ['(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)b', long, false],
    [`${'a?'.repeat(30)}${'a'.repeat(30)}`, 'a'.repeat(30), true],
    ['(?:.*a){30}', 'b'.repeat(50_000), false],
    ['(((a*)*)*)*', long, true],
    ['(?i)(?:[^k]|\\pL)*', long, true],
  ])('%s over a long text', (pattern, text, is) => {
    expect(matches(pattern, text)).toBe(is);
  });

  const limit = regexLimitsDefault.programSizeMax;
  test.each<[claim: string, pattern: string, size: string]>([
    ['a counted repetition', 'x{1000}', '1001'],
    ['repetitions within each other', '(?:x{1000}){1000}', '1000001'],
    ['more of them than there are numbers', `${'('.repeat(200)}x${'{1000})'.repeat(200)}`, 'Infinity'],
    ['a long text that is repeated', `(?:${'ab'.repeat(500)}){1000}`, '1000001'],
    ['optional ones', '(?:(?:x?){9}){9}', '163'],
  ])('%s beyond the limit is refused before it is written out', (_claim, pattern, size) => {
    expect(compile(pattern)).toEqual({ ok: false, expected: `a regular expression of at most ${limit} instructions, not ${size}` });
  });

  test.each<[claim: string, pattern: string, text: string]>([
    ['nothing, a thousand times a thousand times', '(?:(?:(?:){1000}){1000}){1000}', ''],
    ['something endless, not at all', `(?:${'('.repeat(200)}x${'{1000})'.repeat(200)}){0}`, ''],
    ['large sets', '(?i)[b-\\x{1EFFF}]'.repeat(90), 'k'.repeat(90)],
    ['classes of Unicode', '(?i)[\\pL\\p{Greek}]'.repeat(90), 'k'.repeat(90)],
    ['a set of the longest pattern', `[${'ab'.repeat((patternLengthMax - 2) / 2)}]`, 'a'],
    ['groups within groups', `${'('.repeat(nestingMax)}a${')'.repeat(nestingMax)}`, 'a'],
  ])('%s: small enough, and matches', (_claim, pattern, text) => {
    expect(matches(pattern, text)).toBe(true);
  });

  test('patterns that are too long or too deep are refused', () => {
    expect(compile(`a{0}${'b'.repeat(patternLengthMax)}`)).toMatchObject({ ok: false, expected: expect.stringContaining('at most 4096 characters, not 4100') as string });
    expect(compile(`${'('.repeat(nestingMax + 1)}a${')'.repeat(nestingMax + 1)}`)).toMatchObject({ ok: false, expected: expect.stringContaining('more than 1000 groups') as string });
  });
});

test.each<[pattern: string, size: number]>([
  ['', 1],
  ['abc', 4],
  ['[a-z\\pL]', 2],
  ['a|b', 4],
  ['a*', 3],
  ['a+', 3],
  ['a?', 3],
  ['a{3}', 4],
  ['a{3,}', 5],
  ['a{0,}', 3],
  ['a{1,3}', 6],
  ['^(?:a)$', 4],
  ['pi-[0-9]+', 6],
])('%s is a program of %i instructions', (pattern, size) => {
  expect(regexCompiler({ programSizeMax: size })(pattern).ok).toBe(true);
  expect(regexCompiler({ programSizeMax: size - 1 })(pattern)).toMatchObject({ ok: false, expected: expect.stringContaining(`not ${size}`) as string });
});
