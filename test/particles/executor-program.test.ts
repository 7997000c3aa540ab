// Proves that a task counts its chunk whole, bears with a scheduler that is away, and tells how far it is. How: the threads are replaced by answers; time
// is virtual.

import { task, executor, agentId, taskId, type TaskInfo } from '../../frameworks/sdk';
import { VirtualClock } from '../../frameworks/sdk/testing';
import { chunkResultToJson, printChunkData, printJobData, readChunkProgress, readChunkResult } from '../../frameworks/particles/chunk-task';
import { countBytes } from '../../frameworks/particles/count';
import type { WorkerAnswer } from '../../frameworks/particles/count-worker';
import { countChunk } from '../../frameworks/particles/executor-program';
import type { CountOrder } from '../../frameworks/particles/piece-count';
import { cutPieces } from '../../frameworks/particles/pieces';

const never = new AbortController().signal;

/** What a task is given; messages go to the list. */
function context(signal = never, messages: string[] = []): Parameters<typeof countChunk>[1] {
  return { signal, message: (data) => messages.push(String(data)) > 0 };
}

/** A pool of four threads that answers as it is told. */
function poolOf(run: (order: CountOrder) => WorkerAnswer | Promise<WorkerAnswer>): Parameters<typeof countChunk>[2] {
  return { sizeMax: 4, run: async (order) => run(order) };
}

const line = '0 1 -2\n';
/** All pieces that the order names, a line for each. */
function counted({ pieces }: CountOrder): WorkerAnswer {
  return { runs: pieces.map(({ index }) => ({ first: index, last: index, result: chunkResultToJson(countBytes(Buffer.from(line), 'stop')) })) };
}
const broken: WorkerAnswer = { runs: [], failure: { kind: 'broken', reason: 'refused' } };

const aTask = (data = printChunkData({ start: 0, end: 7 })): TaskInfo => ({
  ...task({ name: 'chunk', resources: 'cpus:0.5', executor: executor({ id: 'e', command: 'x', data: printJobData({ inputUrl: 'http://x', malformed: 'stop' }) }), data }),
  taskId: taskId('t'),
  agentId: agentId('a'),
});

/** Lets promises settle, then moves to the next timer. */
async function passTime(clock: VirtualClock): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  clock.advanceToNext();
  await new Promise((resolve) => setImmediate(resolve));
}

/** Passes time until the promise settles. */
async function settled<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = (): void => void (isSettled = true);
  promise.then(settle, settle);
  while (!isSettled) await passTime(clock);
  return promise;
}

test('a scheduler that is away for a while costs time and no failure', async () => {
  const clock = new VirtualClock();
  let tries = 0;
  const done = countChunk(aTask(), context(), poolOf((order) => ((tries += 1) <= 10 ? broken : counted(order))), clock);
  const { data } = (await settled(clock, done)) as { data: string };
  expect(readChunkResult(Buffer.from(data))).toMatchObject({ ok: true, value: { kind: 'complete', count: { lines: 1 } } });
  expect(clock.nowMs()).toBeGreaterThan(5_000);
  expect(clock.nextAtMs()).toBe(Infinity);
});

test('a scheduler that does not come back is given up after a minute, so that the place is free for others', async () => {
  const clock = new VirtualClock();
  const outcome = settled(clock, countChunk(aTask(), context(), poolOf(() => broken), clock));
  await expect(outcome).rejects.toThrow('Cannot count bytes 0 to 7: refused');
  expect(clock.nowMs()).toBeGreaterThanOrEqual(60_000);
  expect(clock.nowMs()).toBeLessThan(63_000);
});

test('pieces that were counted before the scheduler went away are not counted again, and each that comes begins the minute anew', async () => {
  const clock = new VirtualClock();
  const asked: (readonly number[])[] = [];
  const chunk = { start: 0, end: 8 * 1024 ** 2 };
  // One piece comes at once, another after fifty seconds, the rest never.
  const comes = [{ piece: 1, atMs: 0 }, { piece: 2, atMs: 50_000 }];
  const pool = poolOf((order) => {
    asked.push(order.pieces.map(({ index }) => index));
    const piece = comes[0] !== undefined && clock.nowMs() >= comes[0].atMs ? comes.shift()?.piece : undefined;
    return { ...counted({ ...order, pieces: order.pieces.filter(({ index }) => index === piece) }), ...(broken.failure === undefined ? {} : { failure: broken.failure }) };
  });
  await expect(settled(clock, countChunk(aTask(printChunkData(chunk)), context(), pool, clock))).rejects.toThrow('refused');
  expect(clock.nowMs()).toBeGreaterThanOrEqual(110_000);
  const all = cutPieces(chunk, pool.sizeMax).map(({ index }) => index);
  expect([asked[0], asked[1], asked.at(-1)]).toEqual([all, all.filter((index) => index !== 1), all.filter((index) => index !== 1 && index !== 2)]);
});

test('a killed task does not wait out its pause, and leaves no timer', async () => {
  const clock = new VirtualClock();
  const kill = new AbortController();
  const done = countChunk(aTask(), context(kill.signal), poolOf(() => broken), clock);
  await new Promise((resolve) => setImmediate(resolve));
  kill.abort(new Error('killed'));
  await expect(done).rejects.toThrow('killed');
  expect(clock.nextAtMs()).toBe(Infinity);
});

test('a task tells once a second how far it is, while that changes', async () => {
  const clock = new VirtualClock();
  const messages: string[] = [];
  let finish = (): void => undefined;
  const done = countChunk(
    aTask(),
    context(never, messages),
    poolOf(
      (order) =>
        new Promise((resolve) => {
          // As threads do after each piece.
          clock.schedule(1_500, () => (Atomics.add(order.share, 1, 4), Atomics.add(order.share, 2, 1)));
          finish = () => resolve(counted(order));
        }),
    ),
    clock,
  );
  for (let step = 0; step < 6; step++) await passTime(clock);
  finish();
  await settled(clock, done);
  expect(messages.map((message) => readChunkProgress(Buffer.from(message)))).toEqual([{ ok: true, value: { taskId: 't', bytes: 4, particles: 1 } }]);
  expect(clock.nextAtMs()).toBe(Infinity);
});

test.each<[string, string]>([
  ['no JSON', 'task.data'],
  ['{"start":-1,"end":5}', 'task.data.start'],
  ['{"start":5,"end":5}', 'task.data.end'],
])('a task with the data %s fails naming %s', async (data, field) => {
  await expect(countChunk(aTask(data), context(), poolOf(counted), new VirtualClock())).rejects.toThrow(field);
});
