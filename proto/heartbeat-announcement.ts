// Heartbeat announcement: how each end of a session tells the other how often it beats.
//
// Owns:      the metadata key, and what is made of what a peer says under it.
// Elsewhere: beating, and judging silence by it (stream-link.ts), when metadata is sent (grpc-link.ts).
// Invariants:
//   A1. Whatever a peer says, it is waited for between three of the shortest and three of the longest intervals that a flag allows: neither can a
//       peer make itself immortal, nor have itself cut by a word.
// Source: our choice, because intervals are flags of single machines and differ from one to another; scheduler.proto says the same to others.

import { Metadata } from '@grpc/grpc-js';

import { heartbeatIntervalDefaultMs } from './stream-link';

const key = 'allot-heartbeat-interval-ms';

/** The bounds of `--heartbeat-interval`. */
const intervalMinMs = 100;
const intervalMaxMs = 60_000;

export function announcementOf(heartbeatIntervalMs: number): Metadata {
  const metadata = new Metadata();
  metadata.set(key, String(Math.ceil(heartbeatIntervalMs)));
  return metadata;
}

/** How often the peer beats; the default where it does not say so in digits (A1). */
export function announcedInterval(metadata: Metadata): number {
  const text = metadata.get(key)[0]?.toString() ?? '';
  return /^\d+$/.test(text) ? Math.min(intervalMaxMs, Math.max(intervalMinMs, Number(text))) : heartbeatIntervalDefaultMs;
}
