// Refusals: bad input as a value.
//
// Owns:      the shape in which a decoder, parser or validator says "not this", naming field, value and expectation.
// Elsewhere: failures of the world (errors.ts), bugs (invariant.ts).
// Source: our choice, because an exception thrown across a stream kills the stream, and a refusal must not.

/** Why an input was refused. All three parts are written for the person who sent it. */
export interface Refusal {
  /** Dotted path of the offending field from the message root, e.g. `accept.operations[0].launch.task_infos[2].task_id`; wire names. Shortened, too. */
  readonly field: string;
  /** The value as received, printed and shortened to at most 200 characters. */
  readonly value: string;
  /** What would have been accepted, e.g. `a number > 0`. */
  readonly expected: string;
}

/** Outcome of decoding, parsing or validating. */
export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

export function accepted<T>(value: T): Checked<T> {
  return { ok: true, value };
}

export function refused(field: string, value: unknown, expected: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { field: shortenedField(field), value: printValue(value), expected } };
}

/** Longest path. Ours: names of the contract come to a tenth of that, and keys of maps, which are their author's choice, are cut. */
const fieldLengthMax = 500;

export function shortenedField(field: string): string {
  return field.length <= fieldLengthMax ? field : `${field.slice(0, fieldLengthMax - 3)}...`;
}

/** One sentence for people: `role_weight: current value is "-1", expected a number > 0`. */
export function describeRefusal(refusal: Refusal): string {
  return `${refusal.field}: current value is ${refusal.value}, expected ${refusal.expected}`;
}

function printValue(value: unknown): string {
  const text =
    typeof value === 'string' ? JSON.stringify(value) : value === undefined ? 'nothing' : typeof value === 'number' ? String(value) : safeJson(value);
  return text.length <= 200 ? text : `${text.slice(0, 197)}...`;
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Cyclic or otherwise unprintable: the field name still tells the sender where to look.
    return String(value);
  }
}
