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

/**
 * Threads started before there is an order. Before it nobody knows how many cpus there will be: two serve the small machines whole, and cost a large one
 * little. One after the other: the SDK is loaded on one core and a thread started on another, so the first order comes sooner than with three at once.
 */
const WARM_THREADS = 2;

async function runExecutorProcess(): Promise<void> {
  const pool = new WorkerPool(availableParallelism(), () => new Worker(ALLOT_COUNT_WORKER, { eval: true }));
  pool.warmUp(1);
  try {
    // Executed here, so that it is loaded while a thread is on its way.
    const { runParticleExecutor } = require('./executor-program') as typeof import('./executor-program');
    pool.warmUp(WARM_THREADS);
    await runParticleExecutor(pool);
  } catch (error) {
    process.stderr.write(`particle executor: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

void runExecutorProcess();
