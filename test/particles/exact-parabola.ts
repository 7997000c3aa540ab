// The slow, obvious reference for landing places: exact arithmetic on m·2^e with big integers.
//
// Owns:      what is true of the greater root, decided without computing it: no square root, no division, no rounding.
// Elsewhere: it shares no code with what it checks (frameworks/particles/landing.ts).
// How: for a > 0 and a real root, the greater root is at most x exactly if f(x) ≥ 0 and f'(x) ≥ 0; it is at least x exactly if f(x) ≤ 0 or
// f'(x) ≤ 0. The first is a statement about signs of polynomials, which big integers decide.

/** m·2^e exactly. */
interface Dyadic {
  readonly m: bigint;
  readonly e: number;
}

export type Side = 'negative' | 'origin' | 'positive' | 'never';

/** On which side of the origin the particle lands. */
export function exactSide(a: number, b: number, c: number): Side {
  if (a === 0 && b === 0) return 'never';
  if (!landsSomewhere(a, b, c)) return 'never';
  const isAtMostZero = isRootAtMost(a, b, c, 0);
  const isAtLeastZero = isRootAtLeast(a, b, c, 0);
  if (isAtMostZero && isAtLeastZero) return 'origin';
  return isAtMostZero ? 'negative' : 'positive';
}

/** Whether the true landing place is within `ulps` units in the last place of `place`; the ends of the doubles stand for all that is beyond. */
export function isWithinUlps(a: number, b: number, c: number, place: number, ulps: number): boolean {
  const least = stepped(place, -ulps);
  const most = stepped(place, ulps);
  return (least === -Infinity || isRootAtLeast(a, b, c, least)) && (most === Infinity || isRootAtMost(a, b, c, most));
}

/** The double that is `ulps` doubles above x. */
export function stepped(x: number, ulps: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, x);
  const raw = bits.getBigInt64(0);
  const ordered = (raw < 0n ? -(raw & 0x7fffffffffffffffn) : raw) + BigInt(ulps);
  const infinity = 0x7ff0000000000000n;
  if (ordered >= infinity) return Infinity;
  if (ordered <= -infinity) return -Infinity;
  bits.setBigInt64(0, ordered < 0n ? -ordered : ordered);
  return ordered < 0n ? -bits.getFloat64(0) : bits.getFloat64(0);
}

function landsSomewhere(a: number, b: number, c: number): boolean {
  if (a === 0) return true;
  const four: Dyadic = { m: 4n, e: 0 };
  return sign(plus(times(dyadic(b), dyadic(b)), negated(times(four, times(dyadic(a), dyadic(c)))))) >= 0;
}

function isRootAtMost(a: number, b: number, c: number, x: number): boolean {
  const { height, slope } = upwards(a, b, c, x);
  return height >= 0 && slope >= 0;
}

function isRootAtLeast(a: number, b: number, c: number, x: number): boolean {
  const { height, slope } = upwards(a, b, c, x);
  return height <= 0 || slope <= 0;
}

/** Signs of f(x) and f'(x), with f turned so that it opens (or, straight, goes) upwards: that moves no root. */
function upwards(a: number, b: number, c: number, x: number): { height: number; slope: number } {
  const [da, db, dc, dx] = [dyadic(a), dyadic(b), dyadic(c), dyadic(x)] as const;
  const ax = times(da, dx);
  const turn = a !== 0 ? Math.sign(a) : Math.sign(b);
  return { height: turn * sign(plus(times(plus(ax, db), dx), dc)), slope: turn * sign(plus(plus(ax, ax), db)) };
}

function dyadic(x: number): Dyadic {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, x);
  const raw = bits.getBigUint64(0);
  const biased = Number((raw >> 52n) & 0x7ffn);
  const fraction = raw & 0xfffffffffffffn;
  const m = biased === 0 ? fraction : fraction | 0x10000000000000n;
  return { m: raw >> 63n === 1n ? -m : m, e: Math.max(biased, 1) - 1075 };
}

function plus(x: Dyadic, y: Dyadic): Dyadic {
  if (x.e > y.e) return plus(y, x);
  return { m: x.m + (y.m << BigInt(y.e - x.e)), e: x.e };
}

function times(x: Dyadic, y: Dyadic): Dyadic {
  return { m: x.m * y.m, e: x.e + y.e };
}

function negated(x: Dyadic): Dyadic {
  return { m: -x.m, e: x.e };
}

function sign(x: Dyadic): number {
  return x.m > 0n ? 1 : x.m < 0n ? -1 : 0;
}
