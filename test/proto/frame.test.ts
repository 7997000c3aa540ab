// Frames: taken apart by hand exactly as a protobuf library would.
//
// Proves:    joinFrame writes what the contract's own type writes, splitFrame reads it back (R1); damaged and hostile frames are told in
//            words, never thrown.

import fc from 'fast-check';

import { frameMessageCountMax, joinFrame, splitFrame } from '../../proto/frame';
import { wireType } from '../../proto/loader';

const batch = wireType('scheduler', 'SchedulerCalls');
const single = wireType('scheduler', 'SchedulerCall');

test('a joined frame is byte for byte the batch message of the contract', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ type: fc.constantFrom('TEARDOWN', 'REVIVE'), number: fc.nat() })), (calls) => {
      const frame = joinFrame(calls.map(single.serialize));
      expect(frame).toEqual(batch.serialize({ calls }));
    }),
  );
});

test('what is joined is split into the same messages', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 400 })), (messages) => {
      expect(splitFrame(joinFrame(messages))).toEqual(messages.map((message) => Buffer.from(message)));
    }),
  );
});

test('long messages need more than one byte of length, and get them', () => {
  const message = Buffer.alloc(300_000, 7);
  expect(splitFrame(joinFrame([message, Buffer.alloc(0)]))).toEqual([message, Buffer.alloc(0)]);
});

test('unknown fields of a newer peer are skipped, whatever their wire type', () => {
  const unknown = Buffer.from([0x10, 0x96, 0x01, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x22, 2, 9, 9, 0x2d, 1, 2, 3, 4]);
  expect(splitFrame(Buffer.concat([unknown, joinFrame([Buffer.from('a')]), unknown]))).toEqual([Buffer.from('a')]);
});

test('any bytes at all are split or refused, never thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const parts = splitFrame(Buffer.from(bytes));
      expect(typeof parts === 'string' || Array.isArray(parts)).toBe(true);
    }),
  );
});

test.each<[claim: string, frame: Buffer]>([
  ['a length beyond the end', Buffer.from([0x0a, 5, 1])],
  ['no length', Buffer.from([0x0a])],
  ['an endless number', Buffer.alloc(11, 0xff)],
  ['a group, which proto3 does not have', Buffer.from([0x0b])],
])('%s is a frame that breaks off', (_claim, frame) => {
  expect(splitFrame(frame)).toMatch(/breaks off/);
});

test('millions of empty messages are refused before they become objects', () => {
  const frame = Buffer.alloc(2 * (frameMessageCountMax + 1));
  for (let at = 0; at < frame.length; at += 2) frame[at] = 0x0a;
  expect(splitFrame(frame)).toMatch(/more than 100000 messages/);
});
