// Proves that no codec makes more bytes of a value than `sizeOf` says (S1), and that the bounds are not used up by guessing high.

import fc from 'fast-check';

import { sizeOf } from '../../common/model/message-size';
import type { OperatorReply } from '../../common/model/operator-protocol';
import { Resources } from '../../common/model/resources';
import { agentMessage, masterMessage } from '../../proto/agent-codec';
import { wireType } from '../../proto/loader';
import { operatorReply } from '../../proto/operator-codec';
import { executorInfo, frameworkInfo, taskInfo, taskStatus } from '../../proto/vocabulary-codec';
import { amounts } from '../master/core/scripted-master';
import * as arbitraries from './domain-arbitraries';

const bytesOf = (message: string, wire: object): number => wireType('agent', message).serialize(wire).length;

test.each<[message: string, arbitrary: fc.Arbitrary<unknown>, encode: (value: never) => object]>([
  ['TaskInfo', arbitraries.taskInfo, taskInfo.encode],
  ['ExecutorInfo', arbitraries.executorInfo, executorInfo.encode],
  ['FrameworkInfo', arbitraries.frameworkInfo, frameworkInfo.encode],
  ['TaskStatus', arbitraries.taskStatus, taskStatus.encode],
  ['AgentMessage', fc.oneof(...(Object.values(arbitraries.agentMessages) as fc.Arbitrary<unknown>[])), agentMessage.encode],
  ['MasterMessage', fc.oneof(...(Object.values(arbitraries.masterMessages) as fc.Arbitrary<unknown>[])), masterMessage.encode],
])('%s takes no more bytes than its size says', (message, arbitrary, encode) => {
  fc.assert(
    fc.property(arbitrary, (value) => {
      expect(bytesOf(message, encode(value as never))).toBeLessThanOrEqual(sizeOf(value));
    }),
  );
});

test.each<[claim: string, value: unknown, encoded: number]>([
  ['bytes', { data: new Uint8Array(100_000) }, 100_000],
  ['text of one byte a character', { name: 'x'.repeat(100_000) }, 100_000],
  ['text of other characters', { name: 'ä€'.repeat(10_000) }, 50_000],
  ['ports in pieces', Resources.of([{ name: 'ports', reservations: [], revocable: false, shared: false, value: { kind: 'ranges', ranges: Array.from({ length: 10_000 }, (_, i) => ({ begin: 20_000 + 2 * i, end: 20_000 + 2 * i })) } }]), 100_000],
])('%s counts as what it is', (_claim, value, encoded) => {
  expect(Math.abs(sizeOf(value) - encoded)).toBeLessThan(encoded / 100 + 300);
});

test('for an everyday agent in a list the size is less than four times the truth', () => {
  const total = amounts('cpus:4;mem:4096;disk:50000;ports:[31000-32000]');
  const info = { id: 'm-S1234', hostname: 'node1234.rack2.example.org', port: 0, resources: total, attributes: [{ name: 'rack', kind: 'text', text: 'r2' }] };
  const agent = { id: info.id, info, version: '0.1.0', state: 'active', total, offered: total.allocatedTo('eng'), allocated: total.allocatedTo('eng'), taskCount: 3 };
  const reply = { kind: 'agents', agents: [agent] } as unknown as OperatorReply;
  expect(sizeOf(reply)).toBeLessThan(4 * wireType('operator', 'OperatorReply').serialize(operatorReply.encode(reply)).length);
});
