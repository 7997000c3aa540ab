// Refusals: bad input of the particle job as a value.
//
// Owns:      the shape in which the readers of this folder say "not this", naming field, value and expectation.
// Elsewhere: a line of the particle file that is no particle (malformed-line.ts), failures that end a command (failure.ts).
// Source: our choice; it repeats the shape of the cluster's own refusals, because a framework imports the SDK and nothing behind it.

/** Why an input was refused, written for the person who sent it. */
export interface Refusal {
  /** Dotted path from the root of the input, e.g. `histogram.positive[3]`. */
  readonly field: string;
  /** The value as received, printed and shortened to at most 200 characters. */
  readonly value: string;
  /** What would have been accepted. */
  readonly expected: string;
}

/** Outcome of reading something that others wrote. */
export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

export function accepted<T>(value: T): Checked<T> {
  return { ok: true, value };
}

export function refused(field: string, value: unknown, expected: string): { readonly ok: false; readonly refusal: Refusal } {
  const printed = value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value));
  return { ok: false, refusal: { field, value: printed.length <= 200 ? printed : `${printed.slice(0, 197)}...`, expected } };
}

/** One sentence for people, e.g. `origin: current value is -1, expected a whole number from 0 to 9007199254740991`. */
export function describeRefusal(refusal: Refusal): string {
  return `${refusal.field}: current value is ${refusal.value}, expected ${refusal.expected}`;
}
