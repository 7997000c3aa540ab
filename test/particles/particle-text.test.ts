// Proves that the text of particles is read as written: numbers bit for bit, lines whole wherever the input is cut, and every malformed line
// named with its number and its fault.

import fc from 'fast-check';
import { describeMalformedLine, MalformedLine, MalformedPolicy } from '../../frameworks/particles/malformed-line';
import { LINE_LENGTH_MAX, ParticleTextReader } from '../../frameworks/particles/particle-text';

interface Reading {
  readonly particles: [number, number, number][];
  readonly malformed: MalformedLine[];
  readonly lines: number;
}

function read(pieces: readonly (string | Uint8Array)[], policy: MalformedPolicy = 'count'): Reading {
  const particles: [number, number, number][] = [];
  const malformed: MalformedLine[] = [];
  const reader = new ParticleTextReader({ particle: (a, b, c) => particles.push([a, b, c]), malformed: (line) => malformed.push(line) }, policy);
  for (const piece of pieces) reader.write(typeof piece === 'string' ? Buffer.from(piece) : piece);
  reader.end();
  return { particles, malformed, lines: reader.lines };
}

test.each<[claim: string, text: string, particles: [number, number, number][], lines: number]>([
  ['lines end in LF', '1 2 3\n4 5 6\n', [[1, 2, 3], [4, 5, 6]], 2],
  ['lines end in CRLF', '1 2 3\r\n4 5 6\r\n', [[1, 2, 3], [4, 5, 6]], 2],
  ['the last line needs no end', '1 2 3\n4 5 6', [[1, 2, 3], [4, 5, 6]], 2],
  ['the last line may end in CR alone, as CRLF cut short', '1 2 3\r', [[1, 2, 3]], 1],
  ['tabs and runs of spaces separate, and surround', ' \t1\t 2  3\t \n', [[1, 2, 3]], 1],
  ['blank lines are nothing but count as lines', '\n  \n\r\n1 2 3\n', [[1, 2, 3]], 4],
  ['a comment is nothing, alone, indented or after a particle', '# a\n  #b\n1 2 3 # c d\n#', [[1, 2, 3]], 4],
  ['a comment may hold any text', '# x² → ∞\n1 2 3\n', [[1, 2, 3]], 2],
  ['signs, points and exponents are read', '-1.5 +2e3 .5E-1\n5. -0 0e9\n', [[-1.5, 2000, 0.05], [5, -0, 0]], 2],
  ['an empty input has no line', '', [], 0],
])('%s', (_claim, text, particles, lines) => {
  expect(read([text])).toEqual({ particles, malformed: [], lines });
});

test.each<[claim: string, line: string, description: string]>([
  ['too few fields', '1 2', 'line 2: it is "1 2", expected three numbers "a b c" instead of 2 fields'],
  ['one field', ' 17 ', 'line 2: it is "17 ", expected three numbers "a b c" instead of 1 field'],
  ['too many fields', '1 2 3 4', 'line 2: it is "1 2 3 4", expected three numbers "a b c" instead of 4 fields'],
  ['hexadecimal', '1 0x1F 3', 'line 2: b is "0x1F", expected a finite decimal number such as -1.5 or 2e3'],
  ['not a number', 'nan 2 3', 'line 2: a is "nan", expected a finite decimal number such as -1.5 or 2e3'],
  ['NaN as JavaScript prints it', '1 2 NaN', 'line 2: c is "NaN", expected a finite decimal number such as -1.5 or 2e3'],
  ['infinity', '1 2 -Infinity', 'line 2: c is "-Infinity", expected a finite decimal number such as -1.5 or 2e3'],
  ['beyond the range of doubles', '1 1e999 3', 'line 2: b is "1e999", expected a finite decimal number such as -1.5 or 2e3'],
  ['a lone sign', '1 - 3', 'line 2: b is "-", expected a finite decimal number such as -1.5 or 2e3'],
  ['a lone point', '. 2 3', 'line 2: a is ".", expected a finite decimal number such as -1.5 or 2e3'],
  ['an exponent without digits', '1e 2 3', 'line 2: a is "1e", expected a finite decimal number such as -1.5 or 2e3'],
  ['two signs', '--1 2 3', 'line 2: a is "--1", expected a finite decimal number such as -1.5 or 2e3'],
  ['a decimal comma', '1,5 2 3', 'line 2: a is "1,5", expected a finite decimal number such as -1.5 or 2e3'],
  ['a separator of another language', '1_000 2 3', 'line 2: a is "1_000", expected a finite decimal number such as -1.5 or 2e3'],
  ['a comment glued to a number', '1 2 3#x', 'line 2: c is "3#x", expected a finite decimal number such as -1.5 or 2e3'],
  ['letters that are not ASCII', '1 2 ½', 'line 2: c is "½", expected a finite decimal number such as -1.5 or 2e3'],
  ['a CR in the middle', '1 2\r3 4', 'line 2: b is "2\\r3", expected a finite decimal number such as -1.5 or 2e3'],
])('%s is malformed: the line is named, the fault explained, and reading goes on', (_claim, line, description) => {
  const { particles, malformed, lines } = read([`1 2 3\n${line}\n4 5 6\n`]);
  expect(malformed.map(describeMalformedLine)).toEqual([description]);
  expect(particles).toEqual([[1, 2, 3], [4, 5, 6]]);
  expect(lines).toBe(3);
});

test('a line of the greatest length is read, and one byte more is malformed, comment or not', () => {
  const padded = (length: number): string => `1 2 3${' '.repeat(length - 5)}`;
  expect(read([`${padded(LINE_LENGTH_MAX)}\n4 5 6\n`]).particles).toHaveLength(2);
  for (const line of [padded(LINE_LENGTH_MAX + 1), `#${'x'.repeat(LINE_LENGTH_MAX)}`, '7'.repeat(1_000_000)]) {
    const { particles, malformed, lines } = read([`${line}\n4 5 6\n`]);
    expect(malformed).toHaveLength(1);
    expect(malformed[0]?.expected).toBe('at most 65536 bytes');
    expect(malformed[0]?.value.length).toBeLessThanOrEqual(60);
    expect({ particles, lines }).toEqual({ particles: [[4, 5, 6]], lines: 2 });
  }
});

test('the policy stop delivers the first malformed line and nothing after it, so a broken file costs no more time', () => {
  const reading = read(['1 2 3\nx\n4 5 6\ny\n', '7 8 9\n'], 'stop');
  expect(reading.particles).toEqual([[1, 2, 3]]);
  expect(reading.malformed.map((line) => line.lineNumber)).toEqual([2]);
});

test('after stopping, write says that nothing more is wanted', () => {
  const reader = new ParticleTextReader({ particle: () => undefined, malformed: () => undefined }, 'stop');
  expect(reader.write(Buffer.from('1 2 3\n'))).toBe(true);
  expect(reader.write(Buffer.from('x\n'))).toBe(false);
  expect(reader.write(Buffer.from('1 2 3\n'))).toBe(false);
});

const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 25 });
const decimal = fc.oneof(
  // Sixteen to nineteen digits: as programs print doubles, and nearly or exactly in the middle between two of them.
  fc.double({ min: -1000, max: 1000, noNaN: true }).map(String),
  fc.tuple(fc.bigInt({ min: 2n ** 53n, max: 10n ** 19n }), fc.integer({ min: -24, max: 24 })).map(([n, e]) => `${n}e${e}`),
  fc.tuple(fc.bigInt({ min: 2n ** 52n, max: 2n ** 53n }), fc.integer({ min: 0, max: 10 }), fc.integer({ min: -1, max: 1 })).map(
    ([n, shift, nudge]) => String(((2n * n + 1n) << BigInt(shift)) + BigInt(nudge)),
  ),
  fc.integer({ min: 2 ** 30, max: 2 ** 31 }).map((n) => `${(2n * BigInt(n) * 2n ** 22n + 1n) * 5n ** 1n}e-1`),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x.toExponential(18)),
  fc.integer({ min: 2 ** 31 - 3, max: 2 ** 31 + 3 }).map(String),
  fc.bigInt({ min: 2n ** 53n - 5n, max: 2n ** 53n + 5n }).map(String),
  fc
    .tuple(fc.constantFrom('', '-', '+'), fc.oneof(digits, fc.tuple(digits, digits).map(([i, f]) => `${i}.${f}`)), fc.oneof(fc.constant(''), fc.integer({ min: -400, max: 290 }).map((e) => `e${e}`)))
    .map((parts) => parts.join(''))
    .filter((written) => Number.isFinite(Number(written))),
);

test('a coefficient is bit for bit what Number makes of its text', () => {
  fc.assert(
    fc.property(decimal, decimal, decimal, (a, b, c) => {
      const { particles, malformed } = read([`${a} ${b} ${c}\n`]);
      expect(malformed).toEqual([]);
      // toEqual tells -0 from 0.
      expect(particles).toEqual([[Number(a), Number(b), Number(c)]]);
    }),
    { numRuns: 20_000 },
  );
});

test.each(['9007199254740993', '0.1', '123456789012345e22', '123456789012345e23', '1e22', '1e23', '5e-324', '2.4703282292062327e-324', '2.4703282292062328e-324',
  '1.7976931348623157e308', '8.5e-22', '100000000000000000000000', '0.000000000000000000000001', '0e99999999999999999999', '000000000000000000001.5', '179769313486231570000e288',
  '4.35', '9.5367431640625e-7', '89255.0e-22', '1e-22'])('the hard decimal %s is read as Number reads it', (written) => {
  expect(read([`${written} -${written} 1`]).particles).toEqual([[Number(written), -Number(written), 1]]);
});

const line = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(decimal, decimal, decimal).map((parts) => parts.join(' ')) },
  { weight: 1, arbitrary: fc.constantFrom('', '# note é', '1 2', 'x y z', '1 2 3 4', `# ${'long '.repeat(15_000)}`, '1 2 3\t', '1 2 3 # c') },
);

test('what is read does not depend on where the input is cut into pieces', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'), fc.boolean(), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }), (lines, ending, isEnded, cuts) => {
      const bytes = Buffer.from(lines.join(ending) + (isEnded ? ending : ''));
      const positions = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length)).sort((x, y) => x - y), bytes.length];
      const pieces = positions.slice(1).map((end, index) => bytes.subarray(positions[index], end));
      expect(read(pieces)).toEqual(read([bytes]));
    }),
    { numRuns: 400 },
  );
});

test('a text fed byte by byte is the same text, so no state is lost at any boundary', () => {
  const bytes = Buffer.from('1 2 3\r\n-4.5e-1\t5 6 # é\n\nbad line\r\n7 8 9');
  expect(read(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(read([bytes]));
});
