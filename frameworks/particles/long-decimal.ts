// Long decimal: the nearest double of a number of 16 to 19 digits, as programs print doubles in full.
//
// Owns:      rounding in twice the precision of a double, and knowing when that is not enough.
// Elsewhere: shorter numbers need one operation, and whatever is refused here is left to Number (particle-text.ts).
// Why it is right: digits and power of ten are exact as sums of at most two doubles, so their product or quotient is known as first + second
// with an error below 2⁻¹⁰⁰ of it. If adding and subtracting more than that error rounds to the same double, so does the true value.
// Source: A. Ziv, "Fast evaluation of elementary mathematical functions with correctly rounded last bit" (1991), for the test.

import { productError } from './exact-product';

/** Digits of the leading part: below 10¹⁵ all whole numbers are exact doubles, with room for the products. */
const LEADING_DIGITS = 15;
const TRAILING_DIGITS_MAX = 4;

/** More than the error of the double-length arithmetic below (some 2⁻¹⁰² of the value), less than what chance often hits. */
const DOUBT = 2 ** -98;

/** 10⁰ … 10²², all exact. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_unused, power) => Number(`1e${power}`));

/**
 * The double nearest to digits·10^exponent, or NaN if that is not certain: more than 19 significant digits, or too near to the middle between
 * two doubles.
 *
 * @param bytes holds decimal digits, with at most one point among them, from `start` to `end`
 * @param exponent of the whole number that the digits make without their point; -22 … 22
 */
export function longDecimal(bytes: Uint8Array, start: number, end: number, exponent: number): number {
  let leading = 0;
  let trailing = 0;
  let digitCount = 0;
  for (let position = start; position < end; position++) {
    const digit = (bytes[position] as number) - ZERO;
    // The point, or a leading zero.
    if (digit < 0 || (digit === 0 && digitCount === 0)) continue;
    if (digitCount++ < LEADING_DIGITS) leading = leading * 10 + digit;
    else trailing = trailing * 10 + digit;
    if (digitCount > LEADING_DIGITS + TRAILING_DIGITS_MAX) return NaN;
  }
  // digits = whole + rest exactly: the error term and `trailing` are small whole numbers.
  const shift = POWERS_OF_TEN[Math.max(0, digitCount - LEADING_DIGITS)] as number;
  const shifted = leading * shift;
  const low = productError(leading, shift, shifted) + trailing;
  const whole = shifted + low;
  const rest = low - (whole - shifted);

  const power = POWERS_OF_TEN[Math.abs(exponent)] as number;
  let first: number;
  let second: number;
  if (exponent >= 0) {
    first = whole * power;
    second = productError(whole, power, first) + rest * power;
  } else {
    first = whole / power;
    const back = first * power;
    second = (whole - back - productError(first, power, back) + rest) / power;
  }
  const doubt = first * DOUBT;
  const value = first + (second + doubt);
  return value === first + (second - doubt) ? value : NaN;
}

const ZERO = 0x30;
