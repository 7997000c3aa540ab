// Message size: whether what an author describes can travel.
//
// Owns:      the bounds by bytes that authors meet, and counting before anything is encoded.
// Elsewhere: the same bounds for everybody else (master and agent, which count what was encoded), the largest message of a link (proto/stream-link.ts).
// Invariants:
//   Z1. What is counted is never less than its encoded form for what matters here, text and bytes; so what passes here passes there.
// Source: our choice. A link of ours carries messages of 8 MiB, in which descriptions come several at a time, with others around them. Mesos has no such
//         bound, and masters that run out of memory.

import { refused } from '../../common/refusal';
import { inputError } from './resource-request';

const mib = 1024 * 1024;

/** A task with its executor, as it is described. More belongs into a file that is fetched. */
export const taskBytesMax = mib;

/** A framework as it is described. */
export const frameworkBytesMax = mib;

/** `data` of a message or of a status. More belongs where both sides can read it. */
export const dataBytesMax = mib;

/** All that one ACCEPT launches: what a link carries, less some room. */
export const acceptBytesMax = 7 * mib;

/** Tags and lengths around a value; numbers in their longest form. */
const wrappingBytes = 4;
const numberBytes = 11;

/** Z1. `kind` is ours and does not travel as text. */
export function bytesOfMessage(value: unknown): number {
  if (typeof value === 'string') return wrappingBytes + Buffer.byteLength(value);
  if (typeof value === 'number' || typeof value === 'boolean') return numberBytes;
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Uint8Array) return wrappingBytes + value.length;
  let bytes = wrappingBytes;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) bytes += bytesOfMessage(value[index]);
  } else if (Symbol.iterator in value) {
    for (const item of value as Iterable<unknown>) bytes += bytesOfMessage(item);
  } else {
    // Not by entries: this runs at each launch.
    for (const name in value) if (name !== 'kind') bytes += bytesOfMessage((value as Readonly<Record<string, unknown>>)[name]);
  }
  return bytes;
}

/** Throws INPUT_REFUSED, naming the largest part, when the message is too large. Returns its size. */
export function checkMessageSize(message: object, field: string, bytesMax: number): number {
  const bytes = bytesOfMessage(message);
  if (bytes <= bytesMax) return bytes;
  const parts = Object.entries(message).map(([name, value]) => [name, bytesOfMessage(value)] as const);
  const [[largest] = ['']] = parts.sort(([, left], [, right]) => right - left);
  throw inputError(refused(`${field}.${largest}`, `${bytes} bytes with all around it`, `at most ${bytesMax} bytes`).refusal);
}

/** Throws INPUT_REFUSED when `data` is too large. Returns it. */
export function checkDataSize(data: Uint8Array, field = 'data'): Uint8Array {
  if (data.length > dataBytesMax) throw inputError(refused(field, `${data.length} bytes`, `at most ${dataBytesMax} bytes`).refusal);
  return data;
}
