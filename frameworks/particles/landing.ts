// Landing: where one particle comes down.
//
// Owns:      the greater real root of y = a·x² + b·x + c, and the exact decision on which side of the origin it is.
// Elsewhere: the error of a product (exact-product.ts), reading coefficients from text (particle-text.ts), counting places (tally.ts).
// Invariants:
//   L1. The sign of the place is exact for the given doubles, never a matter of rounding: NaN exactly if the particle never lands,
//       0 (never -0) exactly if it lands at the origin, otherwise a finite number with the sign of the true root.
//   L2. A place is within a few units in the last place of the true root. One beyond the range of doubles is ±MAX_VALUE, one too small
//       for them ±MIN_VALUE: a particle that lands, lands somewhere, and never at the origin by underflow.
//   L3. No call allocates: one call per particle, tens of nanoseconds.
// Why it is exact without big numbers. With a ≠ 0 and c ≠ 0, signs alone decide everything but whether b² < 4ac when a·c > 0. Rounding is
// monotone, so whenever the rounded products differ they are ordered as the true ones; when they are equal, their rounding errors, which are
// doubles too (Dekker's product), decide. Both need products far from overflow and underflow: other coefficients are scaled by powers of two.
// Source: T. J. Dekker, "A floating-point technique for extending the available precision" (1971); W. Kahan, "On the cost of floating-point
// computation without extra-precise arithmetic" (2004), for the discriminant; G. E. Forsythe (1969), for scaling and the stable root.

import { productError } from './exact-product';

/**
 * The place where a particle lands: the greater real root of a·x² + b·x + c, or -c/b for a straight flight (a = 0).
 * NaN if it never lands: no real root, or a = b = 0 (a particle that hangs still, even at height 0, does not come down).
 *
 * @param a, b, c finite doubles; the reader of the text refuses everything else
 */
export function landingPlace(a: number, b: number, c: number): number {
  if (a === 0) return straightLandingPlace(b, c);
  if (c === 0) {
    // Roots 0 and -b/a: the second counts where it is on the positive side.
    return b !== 0 && a < 0 !== b < 0 ? withinRange(-b / a) : 0;
  }
  if (isTame(a) && isTame(c) && (isTame(b) || b === 0)) return tameLandingPlace(a, b, c);
  return wildLandingPlace(a, b, c);
}

/**
 * Coefficients of this size need no care: squares and products of two, Dekker's split (· 2²⁷) and the error terms (· 2⁻¹⁰⁶) stay within
 * 2^±1022 with room to spare, and so does the root, which is at most about 2⁴⁰² and at least about 2⁻⁴⁰².
 */
const TAME_MAX = 2 ** 200;
const TAME_MIN = 2 ** -200;

function isTame(coefficient: number): boolean {
  const size = Math.abs(coefficient);
  return size >= TAME_MIN && size <= TAME_MAX;
}

function straightLandingPlace(b: number, c: number): number {
  if (b === 0) return NaN;
  return c === 0 ? 0 : withinRange(-c / b);
}

/** For a ≠ 0, c ≠ 0 and tame coefficients (b may be 0). */
function tameLandingPlace(a: number, b: number, c: number): number {
  const square = b * b;
  const product = 4 * a * c;
  let discriminant = square - product;
  if (discriminant < product) {
    // Here product > 0 and square < 2·product: the difference may cancel, or be negative, or both products may have rounded to the same.
    if (discriminant < 0) return NaN;
    const tail = productError(b, b, square) - productError(4 * a, c, product);
    if (discriminant === 0 && tail < 0) return NaN;
    // The difference of the products is exact (Sterbenz). A sum below zero would be the rounding of `tail`, not a missing root.
    discriminant = Math.max(discriminant + tail, 0);
  }
  const spread = Math.sqrt(discriminant);
  // Of the two forms of the greater root, the one that adds numbers of the same sign.
  if (a > 0) return b > 0 ? (-2 * c) / (b + spread) : (spread - b) / (2 * a);
  return b < 0 ? (-2 * c) / (b - spread) : (-spread - b) / (2 * a);
}

/**
 * For a ≠ 0, c ≠ 0 and coefficients of any size. Put x = 2^shift·y and divide by a power of two, so that the outer coefficients of the
 * equation in y are between 1 and 4 in size; only the middle one, of size 2^middle, may still be large or small.
 */
function wildLandingPlace(a: number, b: number, c: number): number {
  if (a < 0) return wildLandingPlace(-a, -b, -c);
  const aExponent = exponentOf(a);
  const cExponent = exponentOf(c);
  const shift = (cExponent - aExponent) >> 1;
  const outerA = timesPowerOfTwo(a, -aExponent);
  const outerC = timesPowerOfTwo(c, -aExponent - 2 * shift);
  if (b !== 0) {
    const middle = exponentOf(b) - aExponent - shift;
    // b² exceeds 4ac by 2¹⁹⁵ and more: dropping the smallest term of the equation changes either root by less than 2⁻¹⁹⁵ of itself.
    if (middle > MIDDLE_MAX) return withinRange(b < 0 ? -b / a : -c / b);
    if (middle >= -MIDDLE_MAX) {
      return withinRange(timesPowerOfTwo(tameLandingPlace(outerA, timesPowerOfTwo(b, -aExponent - shift), outerC), shift));
    }
  }
  // The middle term moves the root ±sqrt(-c/a) by less than 2⁻⁹⁷ of itself, and cannot make one where there is none.
  return outerC > 0 ? NaN : withinRange(timesPowerOfTwo(Math.sqrt(-outerC / outerA), shift));
}

/** Beyond 2^±100 the smallest term is below the last place of a double by far; up to it everything is tame. */
const MIDDLE_MAX = 100;

/** Rounds a place outside the range of doubles back into it (L2). A zero here is an underflow, and its sign is the sign of the root. */
function withinRange(place: number): number {
  if (place === 0) return 1 / place > 0 ? Number.MIN_VALUE : -Number.MIN_VALUE;
  if (place === Infinity) return Number.MAX_VALUE;
  if (place === -Infinity) return -Number.MAX_VALUE;
  return place;
}

/** One double and its bits, reused by every call (L3). */
const bits = new DataView(new ArrayBuffer(8));

/** The e with 2^e ≤ |x| < 2^(e+1), for finite x ≠ 0; -1074 … 1023. */
function exponentOf(x: number): number {
  bits.setFloat64(0, x);
  const biased = (bits.getUint32(0) >>> 20) & 0x7ff;
  // A subnormal number has no leading 1 of its own: 2⁵⁴ makes it normal.
  return biased === 0 ? exponentOf(x * 2 ** 54) - 54 : biased - 1023;
}

/** x·2^exponent, rounded once: in two equal steps neither the first product nor a factor leaves the range of doubles before the result does. */
function timesPowerOfTwo(x: number, exponent: number): number {
  const half = exponent >> 1;
  return x * powerOfTwo(half) * powerOfTwo(exponent - half);
}

/** 2^exponent from its bits, for -1022 … 1023; `**` need not be exact in every engine. */
function powerOfTwo(exponent: number): number {
  bits.setUint32(0, (exponent + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}
