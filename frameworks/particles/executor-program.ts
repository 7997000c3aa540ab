// Executor program: several chunks at a time on one agent, for as long as the job lasts.
//
// Owns:      what the executor does with a task, and for how long it waits for a scheduler that is away.
// Elsewhere: talking to the agent (the SDK), threads (worker-pool.ts), the entry (executor-main.ts).
// Invariants:
//   E1. A scheduler that is started again within GIVE_UP_MS finds its chunks still being worked on: a broken connection is no failure at once.

import { createEnvironment, runExecutor, type Clock, type Log, type TaskContext, type TaskInfo, type TaskResult } from '../sdk';
import { readChunkData, readJobData } from './chunk-task';
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

/** One task. What it throws becomes TASK_FAILED with the message. */
export async function countChunk(task: TaskInfo, { signal }: Pick<TaskContext, 'signal'>, pool: Pick<WorkerPool, 'run'>, clock: Clock): Promise<TaskResult> {
  const order = { ...valueOf(readJobData(task.executor?.data)), ...valueOf(readChunkData(task.data)) };
  const cpus = task.resources.scalar('cpus') / 1_000;
  let brokenSinceMs: number | undefined;
  for (let pauseMs = PAUSE_MS.initial; ; pauseMs = Math.min(PAUSE_MS.max, 2 * pauseMs)) {
    const answer = await pool.run(order, cpus, signal);
    if (answer.kind === 'counted') return { data: answer.result };
    const nowMs = clock.nowMs();
    brokenSinceMs ??= nowMs;
    if (answer.kind === 'refused' || nowMs - brokenSinceMs >= GIVE_UP_MS) throw new Error(`Cannot count bytes ${order.start} to ${order.end}: ${answer.reason}`);
    await pause(clock, pauseMs, signal);
  }
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
