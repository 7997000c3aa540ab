// Message size: whether what an author describes can travel.
//
// Owns:      refusing what is too large where the author describes it.
// Elsewhere: how large it is and may be, which master and agent count by the same measure (common/model/message-size.ts), the largest message of a link
//            (common/ports.ts).
// Invariants:
//   Z1. What passes here passes there.
// Source: our choice. A link of ours carries messages of 8 MiB, in which descriptions come several at a time, with others around them. Mesos has no such
//         bound, and masters that run out of memory.

import { messageDataBytesMax, sizeOf } from '../../common/model/message-size';
import { refused } from '../../common/refusal';
import { inputError } from './resource-request';

/** All that one ACCEPT launches: what a link carries, less some room. */
export const acceptBytesMax = 7 * 1024 * 1024;

/** Throws INPUT_REFUSED, naming the largest part, when the message is too large. Returns its size. */
export function checkMessageSize(message: object, field: string, bytesMax: number): number {
  const bytes = sizeOf(message);
  if (bytes <= bytesMax) return bytes;
  const parts = Object.entries(message).map(([name, value]) => [name, sizeOf(value)] as const);
  const [[largest] = ['']] = parts.sort(([, left], [, right]) => right - left);
  throw inputError(refused(`${field}.${largest}`, `${bytes} bytes with all around it`, `at most ${bytesMax} bytes`).refusal);
}

/** Throws INPUT_REFUSED when `data`, of a message or of a status, is too large. Returns it. */
export function checkDataSize(data: Uint8Array, field = 'data'): Uint8Array {
  if (data.length > messageDataBytesMax) throw inputError(refused(field, `${data.length} bytes`, `at most ${messageDataBytesMax} bytes`).refusal);
  return data;
}
