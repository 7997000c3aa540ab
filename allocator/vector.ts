// Vectors: amounts of scalars by index, in thousandths.
//
// Owns:      sums and comparisons of vectors whose lengths may differ.
// Elsewhere: which index stands for which name (cluster-totals.ts), where vectors come from (bundle.ts).
// Invariants:
//   V1. An index past the end means 0. So a vector made before a name was known is as good as a longer one.
//   V2. Amounts are integers below 2^53: sums are exact, in any order.
// Source: our choice: doubles in a typed array are compact, never boxed, and exact for integers.

export type Vector = Float64Array;

export const emptyVector: Vector = new Float64Array(0);

/** `target + sign * amounts`, in place where it fits: use the returned vector. */
export function add(target: Vector, amounts: Vector, sign: 1 | -1): Vector {
  const sum = target.length < amounts.length ? grown(target, amounts.length) : target;
  for (let i = 0; i < amounts.length; i++) sum[i] = sum[i]! + sign * amounts[i]!;
  return sum;
}

/** The same amounts in a vector of at least this length. */
export function grown(vector: Vector, length: number): Vector {
  const longer = new Float64Array(length);
  longer.set(vector);
  return longer;
}

export function at(vector: Vector, index: number): number {
  return index < vector.length ? vector[index]! : 0;
}

export function isZero(vector: Vector): boolean {
  for (let i = 0; i < vector.length; i++) if (vector[i] !== 0) return false;
  return true;
}
