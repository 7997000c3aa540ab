// Proves S1 to S3 of the bounded writer, by a target that counts writes made while it asked to wait, and the bound of the queue.

import { EventEmitter, once } from 'node:events';
import { Writable } from 'node:stream';

import fc from 'fast-check';

import { BoundedQueue, BoundedWriter } from '../../common/streams';

/** Takes `room` frames, then asks to wait. */
class Target extends EventEmitter {
  readonly taken: string[] = [];
  room = 0;
  isFull = false;
  violations = 0;

  write(frame: string): boolean {
    if (this.isFull) this.violations += 1;
    this.taken.push(frame);
    this.room -= 1;
    this.isFull = this.room <= 0;
    return !this.isFull;
  }
  drain(room: number): void {
    this.room = room;
    this.isFull = false;
    this.emit('drain');
  }
}

function aWriter(limits: { framesMax?: number; bytesMax?: number } = {}) {
  const target = new Target();
  let overflows = 0;
  const writer = new BoundedWriter<string>({ target, sizeOf: (frame) => frame.length, overflowed: () => (overflows += 1), ...limits });
  return { target, writer, overflows: () => overflows };
}

test('whatever the reader does, order is kept, nothing is written against its wish, and what waits stays within both bounds (S1, S2)', () => {
  const action = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('write' as const), bytes: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), room: fc.integer({ min: 1, max: 4 }) }) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const { target, writer } = aWriter({ framesMax: 5, bytesMax: 30 });
      const accepted: string[] = [];
      let isOpen = true;
      let made = 0;
      for (const step of actions) {
        if (step.kind === 'drain') {
          target.drain(step.room);
          continue;
        }
        const frame = String(made++ % 10).repeat(step.bytes);
        const taken = writer.write(frame);
        if (taken) accepted.push(frame);
        expect(taken && !isOpen).toBe(false);
        isOpen &&= taken;
        expect(writer.framesWaiting).toBeLessThanOrEqual(5);
        expect(accepted.slice(target.taken.length).join('').length).toBeLessThanOrEqual(isOpen ? 30 : Infinity);
        if (isOpen) expect(writer.framesWaiting).toBe(accepted.length - target.taken.length);
      }
      expect(target.violations).toBe(0);
      expect(target.taken).toEqual(accepted.slice(0, target.taken.length));
    }),
  );
});

test.each<[bound: string, limits: { framesMax?: number; bytesMax?: number }, frames: string[]]>([
  ['frames', { framesMax: 2 }, ['a', 'b', 'c', 'd']],
  ['bytes', { bytesMax: 5 }, ['a', 'bbb', 'ccc']],
])('beyond the bound of %s the writer ends: overflow is told once, after the turn, and nothing more is written', async (_bound, limits, frames) => {
  const { target, writer, overflows } = aWriter(limits);
  target.room = 1;
  const outcomes = frames.map((frame) => writer.write(frame));
  expect(outcomes.at(-1)).toBe(false);
  expect(outcomes.slice(0, -1)).not.toContain(false);
  expect(overflows()).toBe(0);
  await Promise.resolve();
  expect(overflows()).toBe(1);
  expect(writer.write('e')).toBe(false);
  target.drain(10);
  await Promise.resolve();
  expect(target.taken).toEqual(['a']);
  expect(overflows()).toBe(1);
  expect(target.listenerCount('drain')).toBe(0);
});

test('overflow is not told to an owner who closed meanwhile', async () => {
  const { writer, overflows } = aWriter({ framesMax: 1 });
  for (const frame of ['a', 'b', 'c']) writer.write(frame);
  writer.close();
  await Promise.resolve();
  expect(overflows()).toBe(0);
});

test('finish waits until the reader has taken what waits, then leaves no listener', () => {
  const { target, writer } = aWriter();
  const finished: string[][] = [];
  for (const frame of ['a', 'b', 'c']) writer.write(frame);
  writer.finish(() => finished.push([...target.taken]));
  expect(writer.write('too late')).toBe(false);
  target.drain(1);
  expect(finished).toEqual([]);
  target.drain(5);
  expect(finished).toEqual([['a', 'b', 'c']]);
  expect(target.listenerCount('drain')).toBe(0);
});

test('finish with nothing waiting finishes at once; after close it never does', () => {
  const first = aWriter();
  const finished: string[] = [];
  first.writer.finish(() => finished.push('first'));
  const second = aWriter();
  for (const frame of ['a', 'b']) second.writer.write(frame);
  second.writer.finish(() => finished.push('second'));
  second.writer.close();
  second.target.drain(5);
  expect(finished).toEqual(['first']);
  expect(second.target.taken).toEqual(['a']);
  expect(second.target.listenerCount('drain')).toBe(0);
});

test('a real Node stream with a slow sink gets every frame in order', async () => {
  const received: number[] = [];
  const sink = new Writable({
    objectMode: true,
    highWaterMark: 4,
    write(frame: number, _encoding, done) {
      received.push(frame);
      setImmediate(done);
    },
  });
  const overflowed = jest.fn();
  const writer = new BoundedWriter<number>({ target: sink, sizeOf: () => 1, framesMax: 100, overflowed });
  for (let frame = 0; frame < 100; frame += 1) expect(writer.write(frame)).toBe(true);
  writer.finish(() => sink.end());
  await once(sink, 'finish');
  expect(received).toEqual(Array.from({ length: 100 }, (_unused, frame) => frame));
  expect(overflowed).not.toHaveBeenCalled();
});

test.each(['refuse', 'drop-oldest'] as const)('a queue that overflows by "%s" behaves as an array of bounded length', (overflow) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(fc.option(fc.nat(), { nil: undefined }), { maxLength: 100 }), (lengthMax, steps) => {
      const queue = new BoundedQueue<number>(lengthMax, overflow);
      const model: number[] = [];
      for (const item of steps) {
        if (item === undefined) {
          expect(queue.shift()).toBe(model.shift());
        } else {
          const isFull = model.length === lengthMax;
          expect(queue.push(item)).toBe(!isFull);
          if (isFull && overflow === 'drop-oldest') model.shift();
          if (!isFull || overflow === 'drop-oldest') model.push(item);
        }
        expect(queue.length).toBe(model.length);
      }
      queue.clear();
      expect(queue.length).toBe(0);
      expect(queue.shift()).toBeUndefined();
    }),
  );
});
