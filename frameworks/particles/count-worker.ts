// Count worker: the thread in which chunks are counted, so that every core is used and the executor's own thread stays responsive.
//
// Owns:      taking one order after the other and answering each; the thread's one connection to the scheduler and its one open file.
// Elsewhere: the other end of the port (worker-pool.ts), the counting (piece-count.ts).

import { parentPort } from 'node:worker_threads';
import { chunkResultToJson, type ChunkResultJson } from './chunk-task';
import { rehearse } from './count';
import { countPieces, type CountedPieces, type CountOrder } from './piece-count';
import type { PieceRun } from './pieces';
import { RangeConnection } from './range-connection';
import { SameFileReader } from './same-file';

/** {@link CountedPieces} as they go from thread to thread. */
export interface WorkerAnswer extends Omit<CountedPieces, 'runs'> {
  readonly runs: readonly (Omit<PieceRun, 'result'> & { readonly result: ChunkResultJson })[];
}

/** Serves orders until the thread is ended. */
export function serveOrders(): void {
  const connection = new RangeConnection();
  const reader = new SameFileReader();
  rehearse();
  parentPort?.on('message', (order: CountOrder) => {
    // countPieces never rejects; a bug in the counting ends the thread, and the pool reports it.
    void countPieces(order, connection, reader).then(({ runs, ...rest }) => {
      const answer: WorkerAnswer = { ...rest, runs: runs.map((run) => ({ ...run, result: chunkResultToJson(run.result) })) };
      parentPort?.postMessage(answer);
    });
  });
}
