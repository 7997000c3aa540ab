// Exact product: what rounding took from a product of two doubles.
//
// Owns:      Dekker's error term, which makes a product of doubles exact as a sum of two.
// Elsewhere: the sign of a discriminant (landing.ts) and the rounding of long decimals (long-decimal.ts), both built on it.
// Source: T. J. Dekker, "A floating-point technique for extending the available precision" (1971); JavaScript has no fused multiply-add.

/** 2²⁷ + 1 cuts the 53 bits of a double into halves whose products are exact (Veltkamp). */
const SPLITTER = 134217729;

/** x·y - product exactly, where product = fl(x·y). The sizes of x, y and product must be between 2⁻⁴⁵⁰ and 2⁴⁵⁰, or 0. */
export function productError(x: number, y: number, product: number): number {
  const xSplit = SPLITTER * x;
  const xHigh = xSplit - (xSplit - x);
  const xLow = x - xHigh;
  const ySplit = SPLITTER * y;
  const yHigh = ySplit - (ySplit - y);
  const yLow = y - yHigh;
  return xLow * yLow - (product - xHigh * yHigh - xLow * yHigh - xHigh * yLow);
}
