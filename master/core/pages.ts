// Pages: long lists, a part at a time.
//
// Owns:      how much of a list one answer to an operator holds.
// Elsewhere: which lists there are (operator.ts), their entries (summaries.ts, tasks.ts).
// Invariants:
//   B5. An answer is one that gRPC carries, however long the list is; what of the list comes after it is counted.
//   B6. Summaries are made for what is shown, and not for what is only counted.
// Source: ours. Mesos answers with everything, over a transport without a bound.

import type { Page } from '../../common/model/operator-protocol';
import { sizeOf } from '../../common/model/message-size';

/** Bytes of the entries of one answer, by the estimate of common/model/message-size.ts. Ours: below the 8 MiB that both ends take (proto/). */
export const pageBytesMax = 7 * 1024 * 1024;

export interface Shown<Summary> {
  readonly shown: readonly Summary[];
  readonly omittedCount: number;
}

/** The asked part of a list of `count` entries. */
export function pageOf<Entry, Summary>(
  entries: Iterable<Entry>,
  count: number,
  { skip = 0, limit = Infinity }: Page,
  summarize: (entry: Entry) => Summary,
): Shown<Summary> {
  const shown: Summary[] = [];
  let position = 0;
  let bytes = 0;
  for (const entry of entries) {
    position += 1;
    if (position <= skip) continue;
    if (shown.length >= limit) break;
    const summary = summarize(entry);
    bytes += sizeOf(summary);
    if (bytes > pageBytesMax && shown.length > 0) break;
    shown.push(summary);
  }
  return { shown, omittedCount: Math.max(0, count - skip - shown.length) };
}
