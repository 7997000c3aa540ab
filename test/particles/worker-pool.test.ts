// Proves that orders reach threads one at a time, that idle threads help with what is left, and that a killed order ends at once.
// How: threads are doubles that answer when told.

import { EventEmitter } from 'node:events';
import { chunkResultToJson } from '../../frameworks/particles/chunk-task';
import type { WorkerAnswer } from '../../frameworks/particles/count-worker';
import { emptyCount } from '../../frameworks/particles/particle-count';
import { newSharedCount, pieceFor, takeAll, type CountOrder } from '../../frameworks/particles/piece-count';
import { WorkerPool } from '../../frameworks/particles/worker-pool';

class FakeThread extends EventEmitter {
  readonly orders: CountOrder[] = [];
  isEnded = false;

  postMessage(order: CountOrder): void {
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

/** Of a single piece, which its first thread takes at once. */
function order(start: number): CountOrder {
  const one = pieces(start, 1);
  take(one);
  return one;
}

/** Of so many pieces, none of them taken. A byte each. */
function pieces(start: number, count: number): CountOrder {
  const list = Array.from({ length: count }, (_unused, index) => ({ index, start: start + index, end: start + index + 1 }));
  return { inputUrl: 'http://x', malformed: 'stop', start, end: start + count, pieces: list, share: newSharedCount() };
}

/** As a thread that begins with it. */
function take({ share }: CountOrder): void {
  Atomics.add(share, 0, 1);
  Atomics.add(share, 3, 1);
}

const never = (): AbortSignal => new AbortController().signal;
const counted: WorkerAnswer = { runs: [] };
const aRun = (index: number): WorkerAnswer['runs'][number] => ({ first: index, last: index, result: chunkResultToJson({ kind: 'complete', count: emptyCount() }) });

test('orders of half a cpu share a thread in turn, whole ones get their own, up to the cores', async () => {
  const { pool, threads } = aPool(2);
  const halves = [1, 2].map((start) => pool.run(order(start), 0.5, never()));
  expect(threads).toHaveLength(1);
  const wholes = [3, 4, 5].map((start) => pool.run(order(start), 1, never()));
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
  for (let start = 1; start <= warm; start++) void pool.run(order(start), 1, never());
  expect(threads.map(({ orders }) => orders.length)).toEqual(Array.from({ length: warm }, () => 1));
});

test('two orders of half a cpu count on one thread although a second one is warm, so that the job takes no more than it was given', () => {
  const { pool, threads } = aPool(2);
  pool.warmUp(2);
  for (const start of [1, 2]) void pool.run(order(start), 0.5, never());
  expect(threads.map(({ orders }) => orders.length)).toEqual([1, 0]);
  threads[0]?.answer(counted);
  expect(threads.map(({ orders }) => orders.length)).toEqual([2, 0]);
});

test('when orders become fewer, the last two still count at the same time', () => {
  const { pool, threads } = aPool(2);
  for (const start of [1, 2, 3, 4]) void pool.run(order(start), 0.5, never());
  for (const thread of threads) thread.answer(counted);
  expect(threads.map(({ orders }) => orders.map(({ start }) => start))).toEqual([[1, 3], [2, 4]]);
});

test('an order that is killed while it is counted ends its thread, and the next one gets a new thread', async () => {
  const { pool, threads } = aPool(1);
  const kill = new AbortController();
  const killed = pool.run(order(1), 1, kill.signal);
  const next = pool.run(order(2), 1, never());
  kill.abort(new Error('killed'));
  await expect(killed).rejects.toThrow('killed');
  expect(threads.map(({ isEnded }) => isEnded)).toEqual([true, false]);
  threads[1]?.answer(counted);
  await expect(next).resolves.toEqual(counted);
});

test('an order that is killed in the queue never reaches a thread', async () => {
  const { pool, threads } = aPool(1);
  void pool.run(order(1), 1, never());
  const kill = new AbortController();
  const killed = pool.run(order(2), 1, kill.signal);
  kill.abort(new Error('killed'));
  await expect(killed).rejects.toThrow('killed');
  threads[0]?.answer(counted);
  expect(threads.flatMap((thread) => thread.orders)).toHaveLength(1);
});

test('a thread that dies answers for its order, and the queue goes on with another', async () => {
  const { pool, threads } = aPool(1);
  const [first, second] = [pool.run(order(1), 1, never()), pool.run(order(2), 1, never())];
  threads[0]?.emit('error', new Error('out of memory'));
  threads[0]?.emit('exit', 1);
  await expect(first).resolves.toEqual({ runs: [], failure: { kind: 'refused', reason: 'out of memory' } });
  threads[1]?.answer(counted);
  await expect(second).resolves.toEqual(counted);
});

test('a thread with nothing to begin helps with the order of which most is left, and an order is answered with what all have counted', async () => {
  const { pool, threads } = aPool(3);
  const orders = [pieces(0, 3), pieces(10, 9), pieces(20, 5), order(30)] as const;
  const [short, most, less, last] = orders.map((one) => pool.run(one, 1, never()));
  for (const one of orders) take(one);
  const starts = (): number[][] => threads.map((thread) => thread.orders.map((given) => given.start));
  expect(starts()).toEqual([[0], [10], [20]]);
  takeAll(orders[0]);
  threads[0]?.answer({ runs: [aRun(0), aRun(1), aRun(2)] });
  expect(starts()).toEqual([[0, 30], [10], [20]]);
  threads[0]?.answer(counted);
  expect(starts()).toEqual([[0, 30, 10], [10], [20]]);
  takeAll(orders[1]);
  let isAnswered = false;
  void most?.then(() => (isAnswered = true));
  threads[0]?.answer({ runs: [aRun(1)] });
  await Promise.all([short, last]);
  expect([isAnswered, starts()[0]]).toEqual([false, [0, 30, 10, 20]]);
  takeAll(orders[2]);
  threads[1]?.answer({ runs: [aRun(0)] });
  expect((await most)?.runs.map(({ first }) => first)).toEqual([1, 0]);
  for (const thread of [threads[2], threads[0]]) thread?.answer({ runs: [aRun(0)] });
  expect((await less)?.runs).toHaveLength(2);
});

test('no more threads come to an order than there are pieces for, also while those that were asked have not begun', () => {
  for (const [pieceCount, threadCount] of [[1, 1], [3, 3], [20, 8]] as const) {
    const { pool, threads } = aPool(8);
    void pool.run(pieces(0, pieceCount), 8, never());
    expect(threads.map(({ orders }) => orders.length)).toEqual(Array.from({ length: threadCount }, () => 1));
  }
});

test('where no further thread can be started those that there are do the work; without any, an order is refused with the reason', async () => {
  const threads: FakeThread[] = [];
  const pool = new WorkerPool(4, () => {
    if (threads.length > 0) throw new Error('EAGAIN');
    threads.push(new FakeThread());
    return threads[0] as FakeThread;
  });
  const [first, second] = [order(1), order(2)].map((one) => pool.run(one, 2, never()));
  threads[0]?.answer(counted);
  threads[0]?.answer(counted);
  await expect(Promise.all([first, second])).resolves.toEqual([counted, counted]);
  const none = new WorkerPool(4, () => {
    throw new Error('EAGAIN');
  });
  none.warmUp(2);
  await expect(none.run(order(1), 1, never())).resolves.toEqual({ runs: [], failure: { kind: 'refused', reason: 'no thread can be started: EAGAIN' } });
});

test('an order of two cpus is worked on by two threads from the beginning, one of half a cpu by one', () => {
  for (const [cpus, threadCount] of [[2, 2], [0.5, 1]] as const) {
    const { pool, threads } = aPool(4);
    void pool.run(pieces(0, 9), cpus, never());
    expect(threads.map(({ orders }) => orders.length)).toEqual(Array.from({ length: threadCount }, () => 1));
  }
});

test('a failure of one thread is that of the order, once the others have said what they counted', async () => {
  const { pool, threads } = aPool(2);
  const shared = pieces(0, 9);
  const answer = pool.run(shared, 2, never());
  takeAll(shared);
  threads[0]?.answer({ runs: [], failure: { kind: 'broken', reason: 'gone' } });
  threads[1]?.answer({ runs: [aRun(1)] });
  await expect(answer).resolves.toEqual({ runs: [aRun(1)], failure: { kind: 'broken', reason: 'gone' } });
});

test('when a thread dies the others take no more of its order', async () => {
  const { pool, threads } = aPool(2);
  const shared = pieces(0, 9);
  const answer = pool.run(shared, 2, never());
  threads[0]?.emit('exit', 1);
  expect(pieceFor(shared, 0)).toBeUndefined();
  threads[1]?.answer({ runs: [aRun(1)] });
  await expect(answer).resolves.toMatchObject({ failure: { kind: 'refused' } });
});

test('a thread that dies makes the order refused, also where another had a broken connection: nobody knows what it had counted', async () => {
  const { pool, threads } = aPool(2);
  const shared = pieces(0, 9);
  const answer = pool.run(shared, 2, never());
  takeAll(shared);
  threads[0]?.answer({ runs: [], failure: { kind: 'broken', reason: 'gone' } });
  threads[1]?.emit('exit', 1);
  await expect(answer).resolves.toMatchObject({ failure: { kind: 'refused' } });
});

test('an order that is killed while several threads work on it ends all of them', async () => {
  const { pool, threads } = aPool(2);
  const kill = new AbortController();
  const killed = pool.run(pieces(0, 9), 2, kill.signal);
  kill.abort(new Error('killed'));
  await expect(killed).rejects.toThrow('killed');
  expect(threads.map(({ isEnded }) => isEnded)).toEqual([true, true]);
});
