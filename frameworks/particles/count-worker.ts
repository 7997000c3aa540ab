// Count worker: the thread in which chunks are counted, so that every core is used and the executor's own thread stays responsive.
//
// Owns:      taking one order after the other and answering each; the thread's one connection to the scheduler and its one open file.
// Elsewhere: the other end of the port (worker-pool.ts), the counting (range-count.ts).

import { parentPort } from 'node:worker_threads';
import { printChunkResult } from './chunk-task';
import { rehearse } from './count';
import { RangeConnection } from './range-connection';
import { countRange, type RangeOrder } from './range-count';
import { SameFileReader } from './same-file';

/** What a worker answers to a {@link RangeOrder}. `result`: as it goes into the task's status, so that nobody prints it on the way. */
export type WorkerAnswer =
  | { readonly kind: 'counted'; readonly result: string }
  | { readonly kind: 'broken' | 'refused'; readonly reason: string };

/** Serves orders until the thread is ended. */
export function serveOrders(): void {
  const connection = new RangeConnection();
  const reader = new SameFileReader();
  rehearse();
  parentPort?.on('message', (order: RangeOrder) => {
    // countRange never rejects; a bug in the counting ends the thread, and the pool reports it.
    void countRange(order, connection, reader).then((range) => {
      const answer: WorkerAnswer = range.kind === 'counted' ? { kind: 'counted', result: printChunkResult(range.outcome) } : range;
      parentPort?.postMessage(answer);
    });
  });
}
