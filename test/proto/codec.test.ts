// Codec: the combinators alone.
//
// Proves:    paths of refusals, bounds of lists and maps, numbers and times at their edges.
// Elsewhere: the tables made of them (codecs.test.ts).

import fc from 'fast-check';

import {
  boxed,
  bytes,
  byMember,
  count,
  decodeChecked,
  enumeration,
  integer,
  listOf,
  message,
  nanoseconds,
  repeatedCountMax,
  seconds,
  text,
  uuidBytes,
  type Codec,
} from '../../proto/codec';

interface Point {
  readonly x: number;
  readonly name?: string;
  readonly tags: readonly string[];
  readonly weights: ReadonlyMap<string, number>;
}
interface WirePoint {
  x?: number;
  name?: string;
  tags?: string[];
  weights?: Record<string, number>;
  forbidden?: string;
}
const point = message<Point, WirePoint>(
  (field) => ({ x: field.required('x', integer), name: field.optional('name', text), tags: field.repeated('tags', text), weights: field.map('weights', count) }),
  { unsupported: ['forbidden'] },
);

test.each<[claim: string, wire: unknown, field: string, value: string]>([
  ['a missing field', {}, 'x', 'nothing'],
  ['null, which is missing', { x: null }, 'x', 'nothing'],
  ['a field of another type', { x: 'one' }, 'x', '"one"'],
  ['an element of a list', { x: 1, tags: ['a', 2] }, 'tags[1]', '2'],
  ['an entry of a map', { x: 1, weights: { a: 1, 'b"': -1 } }, 'weights["b\\""]', '-1'],
  ['no list', { x: 1, tags: 'a' }, 'tags', '"a"'],
  ['what cannot be done', { x: 1, forbidden: 'it' }, 'forbidden', '"it"'],
  ['no message', 7, 'message', '7'],
  ['a list for a message', [], 'message', 'a list of 0'],
])('%s is refused by its path', (_claim, wire, field, value) => {
  expect(decodeChecked(point, wire)).toMatchObject({ ok: false, refusal: { field, value } });
});

test('what is absent outside is absent inside, and lists and maps are empty', () => {
  const decoded = decodeChecked(point, { x: 1 });
  expect(decoded).toEqual({ ok: true, value: { x: 1, tags: [], weights: new Map() } });
  expect(decoded.ok && 'name' in decoded.value).toBe(false);
});

test('empty lists and maps are not written', () => {
  expect(point.encode({ x: 1, tags: [], weights: new Map() })).toEqual({ x: 1 });
});

test('the key __proto__ is a key like any other, on the way out too', () => {
  const weights = new Map([['__proto__', 3]]);
  expect(decodeChecked(point, point.encode({ x: 1, tags: [], weights }))).toMatchObject({ ok: true, value: { weights } });
});

test('a list longer than any honest one is refused without looking at its elements', () => {
  const looks: unknown[] = [];
  const element: Codec<string, string> = { ...text, decode: (wire) => (looks.push(wire), text.decode(wire)) };
  expect(decodeChecked(listOf(element), Array(repeatedCountMax + 1).fill('a'))).toMatchObject({ ok: false, refusal: { value: String(repeatedCountMax + 1) } });
  expect(looks).toEqual([]);
});

test('bytes are copied, because a window on a frame would keep all of it alive', () => {
  const frame = Buffer.from('abcdef');
  const decoded = bytes.decode(frame.subarray(1, 3));
  frame.fill(0);
  expect(decoded).toEqual(new Uint8Array([98, 99]));
});

test.each([0, 15, 17, 32])('%p bytes are no uuid', (length) => {
  expect(decodeChecked(uuidBytes, Buffer.alloc(length))).toMatchObject({ ok: false, refusal: { value: `${length} bytes` } });
});

test('whole milliseconds survive both ways of writing time, from 1678 to 2262', () => {
  fc.assert(
    fc.property(fc.integer({ min: -9_200_000_000_000, max: 9_200_000_000_000 }), (ms) => {
      expect(seconds.decode(seconds.encode(ms))).toBe(ms);
      expect(nanoseconds.decode(nanoseconds.encode(ms))).toBe(ms);
    }),
  );
});

test.each([NaN, Infinity, -Infinity, 1e300, '5', undefined])('%p is no number of seconds', (wire) => {
  expect(decodeChecked(seconds, wire).ok).toBe(false);
});

test.each([0.5, 2 ** 53, -(2 ** 53), NaN])('%p is no whole number that a double counts exactly', (wire) => {
  expect(decodeChecked(integer, wire).ok).toBe(false);
});

test('an enumeration refuses what nobody may send, naming what one may', () => {
  const mode = enumeration<'rw' | 'ro', 'UNKNOWN' | 'RW' | 'RO'>('a mode')({ UNKNOWN: null, RW: 'rw', RO: 'ro' });
  for (const wire of ['UNKNOWN', 'XX', 1, undefined]) expect(decodeChecked(mode, wire)).toMatchObject({ ok: false, refusal: { expected: 'a mode: RW, RO' } });
  expect([mode.decode('RW'), mode.encode('ro')]).toEqual(['rw', 'RO']);
});

test('an enumeration without a line for every value on both sides does not compile', () => {
  // @ts-expect-error RO has no line.
  enumeration<'rw', 'RW' | 'RO'>('a mode')({ RW: 'rw' });
  // @ts-expect-error ro is never reached.
  enumeration<'rw' | 'ro', 'RW' | 'RO'>('a mode')({ RW: 'rw', RO: null });
  expect.assertions(0);
});

test('a table that forgets a field, or names one that the contract does not have, does not compile', () => {
  // @ts-expect-error The domain's name, tags and weights have no line.
  message<Point, WirePoint>((field) => ({ x: field.required('x', integer) }));
  // @ts-expect-error The contract has no y.
  boxed<WirePoint>()('y', integer);
  // @ts-expect-error The contract's x is no text.
  boxed<WirePoint>()('x', text);
  expect.assertions(0);
});

test('two members of a oneof at once are refused: which one was meant is anybody’s guess', () => {
  type Shape = { readonly kind: 'dot'; readonly x: number } | { readonly kind: 'line'; readonly x: number };
  const part = <K extends Shape['kind']>(kind: K) =>
    message<{ readonly kind: K; readonly x: number }, { x?: number }>((field) => ({ kind: field.kind(kind), x: field.required('x', integer) }) as never);
  const shape = byMember<Shape, { dot?: { x?: number }; line?: { x?: number } }>((member) => ({ dot: member('dot', part('dot')), line: member('line', part('line')) }));
  expect(decodeChecked(shape, { dot: { x: 1 }, line: { x: 2 } })).toMatchObject({ ok: false, refusal: { expected: 'exactly one of dot, line' } });
  expect(decodeChecked(shape, { dot: { x: 1 }, line: null, newer: {} })).toEqual({ ok: true, value: { kind: 'dot', x: 1 } });
  expect(decodeChecked(shape, {}).ok).toBe(false);
});
