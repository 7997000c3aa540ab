// Proves that orders reach threads one at a time, that a killed order ends at once, and that an executor bears with a scheduler that is away.
// How: threads are doubles that answer when told; time is virtual.

import { EventEmitter } from 'node:events';
import { task, executor, agentId, taskId, type TaskInfo } from '../../frameworks/sdk';
import { VirtualClock } from '../../frameworks/sdk/testing';
import { printChunkData, printJobData } from '../../frameworks/particles/chunk-task';
import type { WorkerAnswer } from '../../frameworks/particles/count-worker';
import { countChunk } from '../../frameworks/particles/executor-program';
import type { RangeOrder } from '../../frameworks/particles/range-count';
import { WorkerPool } from '../../frameworks/particles/worker-pool';

class FakeThread extends EventEmitter {
  readonly orders: RangeOrder[] = [];
  isEnded = false;

  postMessage(order: RangeOrder): void {
    this.orders.push(order);
  }

  answer(answer: WorkerAnswer): void {
    this.emit('message', answer);
  }

  terminate(): Promise<number> {
    this.isEnded = true;
    this.emit('exit', 1);
    return Promise.resolve(1);
  }
}

function aPool(sizeMax: number): { readonly pool: WorkerPool; readonly threads: FakeThread[] } {
  const threads: FakeThread[] = [];
  const pool = new WorkerPool(sizeMax, () => {
    threads.push(new FakeThread());
    return threads.at(-1) as FakeThread;
  });
  return { pool, threads };
}

const order = (start: number): RangeOrder => ({ inputUrl: 'http://x', malformed: 'stop', start, end: start + 1 });
const never = new AbortController().signal;
const counted: WorkerAnswer = { kind: 'counted', result: '{}' };

test('orders of half a cpu share a thread in turn, whole ones get their own, up to the cores', async () => {
  const { pool, threads } = aPool(2);
  const halves = [1, 2].map((start) => pool.run(order(start), 0.5, never));
  expect(threads).toHaveLength(1);
  const wholes = [3, 4, 5].map((start) => pool.run(order(start), 1, never));
  expect(threads).toHaveLength(2);
  for (let round = 0; round < 5; round++) for (const thread of threads) if (thread.orders.length > round) thread.answer(counted);
  await Promise.all([...halves, ...wholes]);
  expect(threads.flatMap((thread) => thread.orders.map(({ start }) => start)).sort()).toEqual([1, 2, 3, 4, 5]);
});

test.each([
  [1, 1],
  [2, 2],
  [64, 2],
])('with %i cores %i threads are warm, and used before others are started', (cores, warm) => {
  const { pool, threads } = aPool(cores);
  pool.warmUp(2);
  pool.warmUp(2);
  for (let start = 1; start <= warm; start++) void pool.run(order(start), 1, never);
  expect(threads.map(({ orders }) => orders.length)).toEqual(Array.from({ length: warm }, () => 1));
});

test('two orders of half a cpu count on one thread although a second one is warm, so that the job takes no more than it was given', () => {
  const { pool, threads } = aPool(2);
  pool.warmUp(2);
  for (const start of [1, 2]) void pool.run(order(start), 0.5, never);
  expect(threads.map(({ orders }) => orders.length)).toEqual([1, 0]);
  threads[0]?.answer(counted);
  expect(threads.map(({ orders }) => orders.length)).toEqual([2, 0]);
});

test('when orders become fewer, the last two still count at the same time', () => {
  const { pool, threads } = aPool(2);
  for (const start of [1, 2, 3, 4]) void pool.run(order(start), 0.5, never);
  for (const thread of threads) thread.answer(counted);
  expect(threads.map(({ orders }) => orders.map(({ start }) => start))).toEqual([[1, 3], [2, 4]]);
});

test('an order that is killed while it is counted ends its thread, and the next one gets a new thread', async () => {
  const { pool, threads } = aPool(1);
  const kill = new AbortController();
  const killed = pool.run(order(1), 1, kill.signal);
  const next = pool.run(order(2), 1, never);
  kill.abort(new Error('killed'));
  await expect(killed).rejects.toThrow('killed');
  expect(threads.map(({ isEnded }) => isEnded)).toEqual([true, false]);
  threads[1]?.answer(counted);
  await expect(next).resolves.toEqual(counted);
});

test('an order that is killed in the queue never reaches a thread', async () => {
  const { pool, threads } = aPool(1);
  void pool.run(order(1), 1, never);
  const kill = new AbortController();
  const killed = pool.run(order(2), 1, kill.signal);
  kill.abort(new Error('killed'));
  await expect(killed).rejects.toThrow('killed');
  threads[0]?.answer(counted);
  expect(threads.flatMap((thread) => thread.orders)).toHaveLength(1);
});

test('a thread that dies answers for its order, and the queue goes on with another', async () => {
  const { pool, threads } = aPool(1);
  const [first, second] = [pool.run(order(1), 1, never), pool.run(order(2), 1, never)];
  threads[0]?.emit('error', new Error('out of memory'));
  threads[0]?.emit('exit', 1);
  await expect(first).resolves.toEqual({ kind: 'refused', reason: 'out of memory' });
  threads[1]?.answer(counted);
  await expect(second).resolves.toEqual(counted);
});

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

test('a scheduler that is away for a while costs time and no failure', async () => {
  const clock = new VirtualClock();
  const answers: WorkerAnswer[] = [...Array.from({ length: 10 }, (): WorkerAnswer => ({ kind: 'broken', reason: 'refused' })), counted];
  const done = countChunk(aTask(), { signal: never }, { run: () => Promise.resolve(answers.shift() as WorkerAnswer) }, clock);
  while (answers.length > 0) await passTime(clock);
  await expect(done).resolves.toEqual({ data: '{}' });
  expect(clock.nowMs()).toBeGreaterThan(5_000);
});

test('a scheduler that does not come back is given up after a minute, so that the place is free for others', async () => {
  const clock = new VirtualClock();
  const outcome = countChunk(aTask(), { signal: never }, { run: () => Promise.resolve({ kind: 'broken', reason: 'refused' }) }, clock).catch((error: Error) => error.message);
  for (let step = 0; step < 60; step++) await passTime(clock);
  expect(await outcome).toBe('Cannot count bytes 0 to 7: refused');
  expect(clock.nowMs()).toBeGreaterThanOrEqual(60_000);
  expect(clock.nowMs()).toBeLessThan(63_000);
});

test('a killed task does not wait out its pause, and leaves no timer', async () => {
  const clock = new VirtualClock();
  const kill = new AbortController();
  const done = countChunk(aTask(), { signal: kill.signal }, { run: () => Promise.resolve({ kind: 'broken', reason: 'refused' }) }, clock);
  await new Promise((resolve) => setImmediate(resolve));
  kill.abort(new Error('killed'));
  await expect(done).rejects.toThrow('killed');
  expect(clock.nextAtMs()).toBe(Infinity);
});

test.each<[string, string]>([
  ['no JSON', 'task.data'],
  ['{"start":-1,"end":5}', 'task.data.start'],
  ['{"start":5,"end":5}', 'task.data.end'],
])('a task with the data %s fails naming %s', async (data, field) => {
  await expect(countChunk(aTask(data), { signal: never }, { run: () => Promise.resolve(counted) }, new VirtualClock())).rejects.toThrow(field);
});
