// Wire size: the estimate holds against the real wire.
//
// Proves B4 for everything that the master cuts into pieces by it, and that it is not so far above the truth that pieces become crumbs.

import fc from 'fast-check';
import type { OperatorReply } from '../../../common/model/operator-protocol';
import { wireBytes } from '../../../master/core/wire-size';
import { wireType } from '../../../proto/loader';
import { operatorReply } from '../../../proto/operator-codec';
import { schedulerEvent } from '../../../proto/scheduler-codec';
import { operatorReplies, schedulerEvents } from '../../proto/domain-arbitraries';
import { amounts } from './scripted-master';

const replyBytes = (reply: OperatorReply): number => wireType('operator', 'OperatorReply').serialize(operatorReply.encode(reply)).length;

test.each(['agents', 'frameworks', 'tasks', 'offers', 'roles'] as const)('an answer of %s is never longer than estimated', (kind) => {
  fc.assert(fc.property(operatorReplies[kind] as fc.Arbitrary<OperatorReply>, (reply) => expect(wireBytes(reply)).toBeGreaterThanOrEqual(replyBytes(reply))), { numRuns: Number(process.env['WIRE_SIZE_RUNS'] ?? 300) });
});

test('an OFFERS event is never longer than estimated', () => {
  const trueBytes = (event: object): number => wireType('scheduler', 'SchedulerEvent').serialize(schedulerEvent.encode(event as never)).length;
  fc.assert(fc.property(schedulerEvents.offers, (event) => expect(wireBytes(event)).toBeGreaterThanOrEqual(trueBytes(event))), { numRuns: Number(process.env['WIRE_SIZE_RUNS'] ?? 300) });
});

test('for an everyday agent the estimate is less than four times the truth', () => {
  const total = amounts('cpus:4;mem:4096;disk:50000;ports:[31000-32000]');
  const info = { id: 'm-S1234', hostname: 'node1234.rack2.example.org', port: 0, resources: total, attributes: [{ name: 'rack', kind: 'text', text: 'r2' }] };
  const agent = { id: info.id, info, version: '0.1.0', state: 'active', total, offered: total.allocatedTo('eng'), allocated: total.allocatedTo('eng'), taskCount: 3 };
  const reply = { kind: 'agents', agents: [agent] } as unknown as OperatorReply;
  expect(wireBytes(reply)).toBeLessThan(4 * replyBytes(reply));
});
