// Executor main: the program that agents start for the particle job. It is bundled into one file (bundle.js), since agents fetch it by URI.
//
// Owns:      the choice between the executor and one of its threads, which are started from the same file.
// Elsewhere: everything else. Each side loads only what it needs, and the first thread starts while the SDK is being loaded: the time until the
//            first particle is counted is what a short job consists of.

import { availableParallelism } from 'node:os';
import { isMainThread, Worker } from 'node:worker_threads';

/** Executed here, so that each is loaded when it is needed. */
const load = {
  worker: () => require('./count-worker') as typeof import('./count-worker'),
  pool: () => require('./worker-pool') as typeof import('./worker-pool'),
  program: () => require('./executor-program') as typeof import('./executor-program'),
};

async function runExecutorProcess(): Promise<void> {
  const { WorkerPool } = load.pool();
  const pool = new WorkerPool(availableParallelism(), () => new Worker(__filename));
  pool.warmUp();
  try {
    await load.program().runParticleExecutor(pool);
  } catch (error) {
    process.stderr.write(`particle executor: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

if (isMainThread) void runExecutorProcess();
else load.worker().serveOrders();
