// Byte sizes: `4mb` on the command line.
//
// Owns:      reading them, in powers of 1024 as everywhere in Allot.

const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };

/** Whole bytes of `512`, `64kb`, `4mb`, `1.5gb`; undefined for anything else. */
export function readByteSize(text: string): number | undefined {
  const [, number, unit = 'b'] = /^(\d{1,15}(?:\.\d{1,6})?)\s*(b|kb|mb|gb)?$/i.exec(text.trim()) ?? [];
  const bytes = Number(number ?? NaN) * (UNITS[unit.toLowerCase()] ?? NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
