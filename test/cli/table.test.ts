// Tables: columns line up whatever is in them, and nothing that a framework wrote breaks them.

import { formatAge, formatQuantities, formatSince, formatTable, formatUse, type Column } from '../../cli/table';

interface Row {
  readonly name: string;
  readonly count: number;
}
const columns: readonly Column<Row>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'COUNT', align: 'right', cell: ({ count }) => String(count) },
  { title: 'LAST', cell: () => 'x' },
];

test('columns are as wide as their widest cell, and numbers end at the same place', () => {
  expect(
    formatTable(columns, [
      { name: 'a', count: 5 },
      { name: 'longer', count: 12_345 },
    ]),
  ).toBe(['NAME    COUNT  LAST', 'a           5  x', 'longer  12345  x', ''].join('\n'));
});

test('a list of more rows than the arguments of a call may be is a table like any other', () => {
  const rows = Array.from({ length: 200_000 }, (_, count) => ({ name: 'a', count }));
  expect(formatTable(columns, rows).split('\n').slice(-2)).toEqual(['a     199999  x', '']);
});

test('without rows there is still a header, so that a script sees that it was answered', () => {
  expect(formatTable(columns, [])).toBe('NAME  COUNT  LAST\n');
});

test.each<[claim: string, name: string, shown: string]>([
  ['nothing shows as a dash', '', '-'],
  ['a line break becomes a blank', 'a\nb', 'a b'],
  ['an escape sequence cannot reach the terminal', '\u001b[31mred', '[31mred'],
  ['only blanks show as a dash', '  ', '-'],
  ['characters beyond the basic plane count once', '🍓', '🍓'],
])('%s', (_claim, name, shown) => {
  expect(formatTable(columns, [{ name, count: 1 }]).split('\n')[1]).toBe(`${shown}${' '.repeat(4 - [...shown].length > 0 ? 4 - [...shown].length : 0)}      1  x`);
});

test.each<[ms: number, text: string]>([
  [-5_000, '0s'],
  [999, '0s'],
  [59_999, '59s'],
  [60_000, '1m00s'],
  [3_599_000, '59m59s'],
  [3_600_000, '1h00m'],
  [86_399_000, '23h59m'],
  [86_400_000 * 3 + 3_600_000 * 5, '3d5h'],
])('an age of %d ms reads %s', (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});

test('amounts are in units, and what is unknown is left to the dash', () => {
  expect(formatUse(100, 4_000)).toBe('0.1/4');
  expect(formatQuantities(new Map([['cpus', 1_500], ['mem', 512_000]]))).toBe('cpus:1.5;mem:512');
  expect(formatSince(undefined, 5)).toBe('');
  expect(formatSince(1_000, 4_000)).toBe('3s');
});
