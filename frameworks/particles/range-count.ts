// Range count: counts a range of the input while its bytes arrive.
//
// Owns:      from where the bytes of a range come, and what it amounts to: a count, or a reason to try again or to give up.
// Elsewhere: reading it on this machine (same-file.ts), fetching it (range-connection.ts), the thread it runs in (count-worker.ts), trying again
//            (executor-program.ts).
// Invariants:
//   R1. A result is of exactly the bytes asked for, or of those up to the line that stopped it.
//   R2. Memory is bounded: bytes are counted as they come, and the server is read no faster than they are counted.

import type { ChunkData, JobData } from './chunk-task';
import { ParticleCounter, type CountOutcome } from './count';
import type { FetchEnd, RangeConnection } from './range-connection';
import type { SameFileReader } from './same-file';

export type RangeOrder = JobData & ChunkData;

/** How fetching and counting a range ended. */
export type RangeOutcome = { readonly kind: 'counted'; readonly outcome: CountOutcome } | Extract<FetchEnd, { kind: 'broken' | 'refused' }>;

export async function countRange({ inputUrl, malformed, sameFile, start, end }: RangeOrder, connection: RangeConnection, reader: SameFileReader): Promise<RangeOutcome> {
  if (sameFile !== undefined) {
    const counter = new ParticleCounter(malformed);
    if (reader.read(sameFile, start, end, (piece) => counter.write(piece))) return { kind: 'counted', outcome: counter.end() };
  }
  const counter = new ParticleCounter(malformed);
  const fetched = await connection.fetch(inputUrl, start, end, (piece) => counter.write(piece));
  switch (fetched.kind) {
    case 'complete':
    case 'enough':
      return { kind: 'counted', outcome: counter.end() };
    case 'broken':
    case 'refused':
      return fetched;
  }
}
