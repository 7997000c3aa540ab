// Printed numbers: counts and powers of ten as people read them.
//
// Owns:      their spelling, the same in every locale, since reports and pictures are compared.
// Elsewhere: what is printed (result-report.ts, plot.ts).

/** A whole number with its thousands apart: `1,234,567`. */
export function printedCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

const SUPERSCRIPTS = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];

/** 10^exponent: `0.1`, `1` and `10` as such, the others like `10⁻⁶`. */
export function printedPowerOfTen(exponent: number): string {
  if (exponent >= -1 && exponent <= 1) return ['0.1', '1', '10'][exponent + 1] as string;
  const digits = String(Math.abs(exponent)).replace(/\d/g, (digit) => SUPERSCRIPTS[Number(digit)] ?? digit);
  return `10${exponent < 0 ? '⁻' : ''}${digits}`;
}
