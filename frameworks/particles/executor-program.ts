// Executor program: several chunks at a time on one agent, for as long as the job lasts.
//
// Owns:      what the executor does with a task, what it tells of it meanwhile, and for how long it waits for a scheduler that is away.
// Elsewhere: talking to the agent (the SDK), threads (worker-pool.ts), the entry (executor-main.ts).
// Invariants:
//   E1. A scheduler that is started again within GIVE_UP_MS finds its chunks still being worked on: a broken connection is no failure at once.

import { createEnvironment, runExecutor, type Clock, type Log, type TaskContext, type TaskInfo, type TaskResult } from '../sdk';
import { chunkResultFromJson, printChunkProgress, printChunkResult, readChunkData, readJobData, type ChunkResult } from './chunk-task';
import { countedSoFar, newSharedCount, takeNone, type CountOrder, type SharedCount } from './piece-count';
import { cutPieces, PiecedChunk } from './pieces';
import { describeRefusal, type Checked } from './refusal';
import type { WorkerPool } from './worker-pool';

/** A scheduler that was killed is started again by a person or a supervisor within this; afterwards the place is better used by others. */
const GIVE_UP_MS = 60_000;

/** Between tries to reach the scheduler: the first at once nearly, for a connection that was only cut. */
const PAUSE_MS = { initial: 100, max: 2_000 };

/** Most chunks are counted within this; a large one on a slow machine tells that it is being worked on. */
const RUNNING_REPORT_DELAY_MS = 5_000;

/** Runs until the agent ends the executor. */
export async function runParticleExecutor(pool: WorkerPool): Promise<never> {
  const { clock } = createEnvironment();
  return runExecutor({ run: (task, context) => countChunk(task, context, pool, clock), runningReportDelayMs: RUNNING_REPORT_DELAY_MS, log: stderrLog });
}

/** Into the sandbox's stderr. Plain, since a logging library would take longer to load than a chunk to count. */
const stderrLog: Log = {
  write: (level, message, fields = {}) => {
    if (level === 'error' || level === 'warn') process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`);
  },
  child: () => stderrLog,
};

/** Between two messages that tell how far a task is. A chunk of a second needs none. */
const PROGRESS_INTERVAL_MS = 1_000;

/** One task. What it throws becomes TASK_FAILED with the message. */
export async function countChunk(task: TaskInfo, context: Pick<TaskContext, 'signal' | 'message'>, pool: Pick<WorkerPool, 'run' | 'sizeMax'>, clock: Clock): Promise<TaskResult> {
  const order = { ...valueOf(readJobData(task.executor?.data)), ...valueOf(readChunkData(task.data)), share: newSharedCount() };
  const stopTelling = tellProgress(task.taskId, order.share, context, clock);
  try {
    return { data: printChunkResult(await countWhole(order, task.resources.scalar('cpus') / 1_000, context.signal, pool, clock)) };
  } finally {
    stopTelling();
  }
}

/** Until every piece is counted, or a line has stopped the counting. */
async function countWhole(order: Omit<CountOrder, 'pieces'>, cpus: number, signal: AbortSignal, pool: Pick<WorkerPool, 'run' | 'sizeMax'>, clock: Clock): Promise<ChunkResult> {
  const chunk = new PiecedChunk(cutPieces(order, pool.sizeMax));
  let brokenSinceMs: number | undefined;
  let pauseMs = PAUSE_MS.initial;
  for (;;) {
    takeNone(order.share);
    const { runs, failure } = await pool.run({ ...order, pieces: chunk.missing }, cpus, signal);
    for (const run of runs) chunk.add({ ...run, result: valueOf(chunkResultFromJson(run.result)) });
    const { result } = chunk;
    if (result !== undefined) return result;
    const nowMs = clock.nowMs();
    if (runs.length > 0) {
      // The scheduler was there in the meantime.
      brokenSinceMs = nowMs;
      pauseMs = PAUSE_MS.initial;
    }
    brokenSinceMs ??= nowMs;
    if (failure?.kind !== 'broken' || nowMs - brokenSinceMs >= GIVE_UP_MS) {
      throw new Error(`Cannot count bytes ${order.start} to ${order.end}: ${failure?.reason ?? 'a piece was forgotten'}`);
    }
    await pause(clock, pauseMs, signal);
    pauseMs = Math.min(PAUSE_MS.max, 2 * pauseMs);
  }
}

/** Tells the scheduler now and then how far the task is, when it is farther than before. Call what it returns to stop it. */
function tellProgress(taskId: string, share: SharedCount, { message }: Pick<TaskContext, 'message'>, clock: Clock): () => void {
  let toldBytes = 0;
  const later = (): (() => void) =>
    clock.schedule(PROGRESS_INTERVAL_MS, () => {
      const { bytes, particles } = countedSoFar(share);
      if (bytes > toldBytes && message(printChunkProgress({ taskId, bytes, particles }))) toldBytes = bytes;
      cancel = later();
    });
  let cancel = later();
  return () => cancel();
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.schedule(delayMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function valueOf<T>(checked: Checked<T>): T {
  if (!checked.ok) throw new Error(`Cannot take the task: ${describeRefusal(checked.refusal)}`);
  return checked.value;
}
