// Stored codecs: what a registry or journal kept is read back, or is refused in words.
//
// Proves:    every fact and record survives its bytes, which are no more than the deciding core takes them for; damaged bytes, what a newer release wrote, and a fact under a foreign key are refused.

import fc from 'fast-check';

import { sizeOf } from '../../common/model/message-size';
import { agentId, frameworkId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import { decodeCheckpointRecord, encodeCheckpointRecord } from '../../proto/checkpoint-codec';
import { agentFactKey, decodeRegistryFact, encodeRegistryFact, quotaFactKey, weightFactKey } from '../../proto/registry-codec';
import { checkpointRecords, registryFacts } from './domain-arbitraries';

const equals = (a: unknown, b: unknown): boolean | undefined => (a instanceof Resources && b instanceof Resources ? a.equals(b) : undefined);
beforeAll(() => {
  (expect as unknown as { addEqualityTesters(testers: unknown[]): void }).addEqualityTesters([equals]);
});

test.each(Object.entries(registryFacts))('a fact about %s is the same after a restart', (_kind, arbitrary) => {
  fc.assert(
    fc.property(arbitrary, (fact) => {
      const { key, value } = encodeRegistryFact(fact);
      expect(decodeRegistryFact(key, value)).toEqual({ ok: true, value: fact });
      expect(sizeOf(fact)).toBeGreaterThanOrEqual(value.length);
    }),
    { numRuns: 100 },
  );
});

test.each(Object.entries(checkpointRecords))('a record of %s is the same after a crash', (_kind, arbitrary) => {
  fc.assert(
    fc.property(arbitrary as fc.Arbitrary<Parameters<typeof encodeCheckpointRecord>[0]>, (record) => {
      expect(decodeCheckpointRecord(encodeCheckpointRecord(record))).toEqual({ ok: true, value: record });
    }),
    { numRuns: 25 },
  );
});

test('damaged records are refused or read as another record, and never throw', () => {
  fc.assert(
    fc.property(checkpointRecords.task, fc.nat(), fc.nat(255), (record, position, byte) => {
      const bytes = encodeCheckpointRecord(record);
      bytes[position % bytes.length] = byte;
      expect(typeof decodeCheckpointRecord(bytes).ok).toBe('boolean');
    }),
    { numRuns: 100 },
  );
});

test('bytes that are no protobuf are refused, naming the key for the operator', () => {
  expect(decodeRegistryFact('agents/x', Buffer.from([0xff, 0xff]))).toMatchObject({ ok: false, refusal: { field: 'agents/x' } });
  expect(decodeCheckpointRecord(Buffer.from([0xff, 0xff]))).toMatchObject({ ok: false, refusal: { field: 'record' } });
});

test('a record that a newer release wrote is refused: an agent that skipped it would forget a promise', () => {
  // Field 99, empty message.
  expect(decodeCheckpointRecord(Buffer.from([0x9a, 0x06, 0x00]))).toMatchObject({ ok: false, refusal: { field: 'record', expected: expect.stringContaining('exactly one of') } });
});

test('a fact under the key of another is refused, because deleting one would leave the other', () => {
  const { value } = encodeRegistryFact({ kind: 'weight', role: 'eng', weight: 2 });
  expect(decodeRegistryFact(weightFactKey('ops'), value)).toMatchObject({ ok: false, refusal: { field: 'weights/ops' } });
});

test('keys are those that the design names', () => {
  expect(agentFactKey(agentId('m-S1'))).toBe('agents/m-S1');
  expect(weightFactKey('eng/batch')).toBe('weights/eng/batch');
  expect(encodeRegistryFact({ kind: 'weight', role: 'eng/batch', weight: 2 }).key).toBe('weights/eng/batch');
  expect(quotaFactKey('eng')).toBe('quotas/eng');
  expect(encodeRegistryFact({ kind: 'quota', role: 'eng', guarantees: new Map(), limits: new Map() }).key).toBe('quotas/eng');
});

test('a limit of 0 is a limit, and a missing one is none, after a restart too', () => {
  const fact = { kind: 'quota' as const, role: 'eng', guarantees: new Map(), limits: new Map([['cpus', 0]]) };
  const { key, value } = encodeRegistryFact(fact);
  expect(decodeRegistryFact(key, value)).toEqual({ ok: true, value: fact });
});

test('a small record stays small: a journal on an SD card is written often', () => {
  const bytes = encodeCheckpointRecord({ kind: 'framework-removed', frameworkId: frameworkId('m-0001') });
  expect(bytes.length).toBeLessThan(16);
});
