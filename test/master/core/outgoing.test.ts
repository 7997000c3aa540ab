// Outgoing: one batch per session, and nothing moves across a persist.

import { agentId, offerId } from '../../../common/model/ids';
import { Outgoing } from '../../../master/core/outgoing';

const rescind = (number: number) => ({ kind: 'rescind', offerId: offerId(`O${number}`) }) as const;
const change = { kind: 'delete-agent', agentId: agentId('S0') } as const;

test('what is said to one session gathers in one batch, whatever is said to others in between', () => {
  const outgoing = new Outgoing();
  outgoing.toScheduler(1, rescind(1));
  outgoing.toAgent(1, { kind: 'ping' });
  outgoing.toScheduler(1, rescind(2));
  expect(outgoing.take()).toEqual([
    { kind: 'send-scheduler', session: 1, events: [rescind(1), rescind(2)] },
    { kind: 'send-agent', session: 1, messages: [{ kind: 'ping' }] },
  ]);
  expect(outgoing.take()).toEqual([]);
});

test('what is said after a persist stays behind it, and neighbouring persists are one', () => {
  const outgoing = new Outgoing();
  outgoing.toScheduler(1, rescind(1));
  outgoing.persist([change]);
  outgoing.persist([change]);
  outgoing.persist([]);
  outgoing.toScheduler(1, rescind(2));
  outgoing.persist([change]);
  expect(outgoing.take().map((effect) => (effect.kind === 'persist' ? effect.changes.length : effect.kind))).toEqual(['send-scheduler', 2, 'send-scheduler', 1]);
});

test('a close comes after all that was said', () => {
  const outgoing = new Outgoing();
  outgoing.toScheduler(1, rescind(1));
  outgoing.toScheduler(2, rescind(2));
  outgoing.toScheduler(1, rescind(3));
  outgoing.closeScheduler(1);
  expect(outgoing.take().map(({ kind }) => kind)).toEqual(['send-scheduler', 'send-scheduler', 'close-scheduler']);
});

test('more changes than the arguments of a call may be are one persist all the same', () => {
  const outgoing = new Outgoing();
  outgoing.persist(Array.from({ length: 200_000 }, () => change));
  expect(outgoing.take().map((effect) => (effect.kind === 'persist' ? effect.changes.length : effect.kind))).toEqual([200_000]);
});
