// Executor main: the program of the particle job on agents. It is bundled into one file (bundle.js), which executor-loader.ts runs.
//
// Owns:      the order in which the parts start. The first threads start while the SDK is being loaded: the time until the first particle is counted
//            is what a short job consists of.
// Elsewhere: everything else.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { WorkerPool } from './worker-pool';

/** The program of a thread (count-worker.ts) as text. A program of its own: parsing the SDK once in each thread would double the thread's start. */
declare const ALLOT_COUNT_WORKER: string;

async function runExecutorProcess(): Promise<void> {
  const pool = new WorkerPool(availableParallelism(), () => new Worker(ALLOT_COUNT_WORKER, { eval: true }));
  pool.warmUp();
  try {
    // Executed here, so that it is loaded when the threads are on their way.
    const { runParticleExecutor } = require('./executor-program') as typeof import('./executor-program');
    await runParticleExecutor(pool);
  } catch (error) {
    process.stderr.write(`particle executor: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

void runExecutorProcess();
