// Proves that a landing place is on the exactly right side and within a few units in the last place, for coefficients of every size.
// How: a table of named cases, then properties against exact arithmetic (exact-parabola.ts), over coefficients made to be hard.

import fc from 'fast-check';
import { landingPlace } from '../../frameworks/particles/landing';
import { exactSide, isWithinUlps, Side, stepped } from './exact-parabola';

/** The properties below also hold with 2, and not with 1. The discriminant, its root, the sum and the quotient round once each, with weights of a half to one. */
const ULPS_MAX = 3;

const MIN = Number.MIN_VALUE;
const MAX = Number.MAX_VALUE;

function sideOf(place: number): Side {
  if (Number.isNaN(place)) return 'never';
  return place === 0 ? 'origin' : place > 0 ? 'positive' : 'negative';
}

function expectExact(a: number, b: number, c: number): void {
  const place = landingPlace(a, b, c);
  expect({ a, b, c, side: sideOf(place) }).toEqual({ a, b, c, side: exactSide(a, b, c) });
  if (place === 0) expect(Object.is(place, 0)).toBe(true);
  if (Number.isNaN(place)) return;
  expect(Number.isFinite(place)).toBe(true);
  expect({ a, b, c, place, isClose: isWithinUlps(a, b, c, place, ULPS_MAX) }).toEqual({ a, b, c, place, isClose: true });
}

test.each<[claim: string, a: number, b: number, c: number, place: number]>([
  ['two roots: the greater one counts', 1, -3, 2, 2],
  ['a parabola that opens downwards has the same greater root', -1, 3, -2, 2],
  ['two negative roots: the greater one is nearer', 1, 3, 2, -1],
  ['a double root is a root', 1, -4, 4, 2],
  ['a double root at the origin is the origin', 5, 0, 0, 0],
  ['roots 0 and -1: the greater one is the origin', 1, 1, 0, 0],
  ['roots 0 and 1: the greater one is positive', 1, -1, 0, 1],
  ['negative zeros are zeros: the origin has no sign', -0, 1, -0, 0],
  ['a negative zero in front is a straight flight', -0, 2, -4, 2],
  ['a straight flight lands where it lands', 0, 2, 4, -2],
  ['no real root never lands', 1, 0, 1, NaN],
  ['a particle that hangs still does not come down', 0, 0, 3, NaN],
  ['a particle that hangs still at height 0 does not come down either', 0, 0, 0, NaN],
  ['a pure square and a constant', 1, 0, -9, 3],
  ['the small root survives a large middle coefficient', 1, 1e8, 1, -1e-8],
  ['squares that overflow leave the root alone', 1e200, -3e200, 2e200, 2],
  ['squares that underflow leave the root alone', 1e-200, -3e-200, 2e-200, 2],
  ['a root too near for a double still is positive', MAX, MAX, -MIN, MIN],
  ['a root too near for a double still is negative', MAX, MAX, MIN, -MIN],
  ['a root too far for a double still is finite', MIN, -MAX, 1, MAX],
  ['a straight flight too far for a double still is finite', 0, MIN, MAX, -MAX],
  ['subnormal coefficients are as good as others', MIN, -3 * MIN, 2 * MIN, 2],
])('%s', (_claim, a, b, c, place) => {
  expect(landingPlace(a, b, c)).toBe(place);
  expectExact(a, b, c);
});

test('a discriminant below the last place of its products decides exactly between a near miss and a double root', () => {
  // b² = 4ac + d with d = -1, 0, 1 in units far below the rounding of either product.
  const b = 2 ** 27 + 1;
  expectExact(b / 4, b, b);
  for (const steps of [-2, -1, 0, 1, 2]) {
    expectExact(b / 4, stepped(b, steps), b);
    expectExact(b / 4, b, stepped(b, steps));
    expectExact(stepped(-b / 4, steps), b, -b);
  }
});

/** Coefficients of every size, with extremes far more often than chance gives them. */
const coefficient = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -20, max: 20 }),
  fc.constantFrom(0, -0, MIN, -MIN, MAX, -MAX, 2 ** -1022, -(2 ** -1022), 2 ** 200, 2 ** -200, 1, -1),
  fc.tuple(fc.integer({ min: -1074, max: 1023 }), fc.integer({ min: -3, max: 3 }), fc.boolean()).map(([exponent, steps, isNegative]) => {
    const x = stepped(2 ** exponent, Math.abs(exponent) < 1023 ? steps : 0);
    return isNegative ? -x : x;
  }),
);

const finite = (x: number): number => (Number.isFinite(x) ? x : Math.sign(x) * MAX);

const RUNS = { numRuns: 4000 };

test('any three doubles are classified exactly and placed within a few ulps', () => {
  fc.assert(
    fc.property(coefficient, coefficient, coefficient, (a, b, c) => expectExact(a, b, c)),
    RUNS,
  );
});

test('a middle coefficient within a few ulps of making a double root is still decided exactly', () => {
  fc.assert(
    fc.property(coefficient, coefficient, fc.integer({ min: -4, max: 4 }), fc.boolean(), (a, c, steps, isNegative) => {
      const b = finite(stepped(finite(2 * Math.sqrt(Math.abs(a)) * Math.sqrt(Math.abs(c))), steps));
      expectExact(a, isNegative ? -b : b, Math.sign(a) === Math.sign(c) ? c : -c);
    }),
    RUNS,
  );
});

test('a perfect square scaled by any power of two has its double root, and moved by one ulp is on the right side of it', () => {
  const part = fc.integer({ min: -(2 ** 26), max: 2 ** 26 }).filter((n) => n !== 0);
  fc.assert(
    fc.property(part, part, fc.integer({ min: -1000, max: 900 }), fc.constantFrom(-1, 0, 1), fc.constantFrom(-1, 0, 1), (p, q, scale, bSteps, cSteps) => {
      const unit = 2 ** scale;
      expectExact(p * p * unit, stepped(2 * p * q * unit, bSteps), stepped(q * q * unit, cSteps));
    }),
    RUNS,
  );
});

test('outer coefficients of very different size with a middle one near the switch of methods keep their accuracy', () => {
  const exponent = fc.integer({ min: -500, max: 500 });
  const mantissa = fc.double({ min: 1, max: 2, noNaN: true });
  fc.assert(
    fc.property(exponent, exponent, fc.integer({ min: -210, max: 210 }), mantissa, mantissa, mantissa, fc.nat(7), (ea, ec, offset, ma, mb, mc, signs) => {
      const [sa, sb, sc] = [signs & 1 ? -1 : 1, signs & 2 ? -1 : 1, signs & 4 ? -1 : 1] as const;
      expectExact(sa * ma * 2 ** ea, sb * mb * 2 ** (((ea + ec) >> 1) + offset), sc * mc * 2 ** ec);
    }),
    RUNS,
  );
});

test('turning a parabola upside down changes nothing, because it has the same roots', () => {
  fc.assert(fc.property(coefficient, coefficient, coefficient, (a, b, c) => expect(landingPlace(-a, -b, -c)).toBe(landingPlace(a, b, c))));
});
