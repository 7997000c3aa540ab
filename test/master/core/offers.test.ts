// Offers: how they end, and what comes back when.
//
// Proves the rules of DECLINE, filters, rescinding and the offer timeout, and that the deadline on an offer is visible.

import { refuseMsOf } from '../../../master/core/offers';
import { anExecutor, anExecutorTask, aTask, launch, ScriptedMaster } from './scripted-master';

const whole = '[cpus:4;mem:4096;ports:[31000-31009]]';

test('a declined agent is not offered to the same framework before refuse seconds pass, and to another at once', () => {
  const master = new ScriptedMaster();
  master.registered();
  const one = master.subscribed();
  master.skip();
  one.decline(['O0'], 30);
  expect(master.trace(29_000)).toEqual([]);
  master.subscribed({ name: 'other' });
  expect(master.trace()).toEqual(['s3 subscribed 0001', `s3 offers O1@S0 eng ${whole}`]);
});

test('the offers of many agents arrive in events that a link carries, each offer once', () => {
  const master = new ScriptedMaster();
  const attributes = [{ name: 'about', kind: 'text', text: 'x'.repeat(50_000) }] as const;
  for (let count = 0; count < 100; count += 1) master.registered({ attributes });
  const scheduler = master.subscribed();
  master.skip();
  const events = scheduler.events.filter((event) => event.kind === 'offers');
  expect(events.length).toBeGreaterThanOrEqual(5);
  for (const { offers } of events) expect(offers.length).toBeLessThanOrEqual(20);
  expect(new Set(scheduler.offers.map(({ agentId }) => agentId)).size).toBe(100);
  expect(scheduler.offers).toHaveLength(100);
});

test('an offer names the executors that run there, a thousand at most', () => {
  const master = new ScriptedMaster();
  master.registered();
  const scheduler = master.subscribed();
  master.skip();
  const tasks = Array.from({ length: 1_001 }, (_, index) => anExecutorTask(`t${index}`, 'm-S0', anExecutor(`e${index}`, ''), 'cpus:0.001'));
  scheduler.accept(['O0'], [launch(...tasks)]);
  master.skip(2_000);
  expect(scheduler.offers.at(-1)?.executorIds).toHaveLength(1_000);
});

test('a decline without a filter comes back with the next batch; reviving drops a long filter at once', () => {
  const master = new ScriptedMaster();
  master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.decline(['O0'], 0);
  expect(master.trace(2_000)).toEqual([`s2 offers O1@S0 eng ${whole}`]);
  scheduler.decline(['O1'], 3_600);
  expect(master.trace(10_000)).toEqual([]);
  scheduler.call({ kind: 'revive', roles: [] });
  expect(master.trace()).toEqual([`s2 offers O2@S0 eng ${whole}`]);
});

test('what an ACCEPT leaves over is declined with its filter', () => {
  const master = new ScriptedMaster();
  master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0', 'cpus:1;mem:96'))], 60);
  expect(master.trace(50_000)).toEqual(['a1 run-task t on a new executor']);
  expect(master.trace(15_000)).toEqual(['s2 offers O1@S0 eng [cpus:3;mem:4000;ports:[31000-31009]]']);
});

test('an offer lives until its visible deadline, is rescinded then, and comes back without a filter', () => {
  const master = new ScriptedMaster('m', [], { offerTimeoutMs: 60_000 });
  master.registered();
  const scheduler = master.subscribed();
  master.skip();
  const [offer] = scheduler.offers;
  const madeAtMs = master.nowMs + master.wallOffsetMs - 10;
  expect(offer?.expiresAtMs).toBeGreaterThanOrEqual(madeAtMs + 60_000);
  expect(master.trace(59_000)).toEqual([]);
  expect(master.trace(3_000)).toEqual(['s2 rescind O0', `s2 offers O1@S0 eng ${whole}`]);
  expect(master.core.counters).toMatchObject({ offersMade: 2, offersExpired: 1 });
});

test('suppressing stops new offers without touching those that are out', () => {
  const master = new ScriptedMaster();
  master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.call({ kind: 'suppress', roles: ['eng'] });
  scheduler.decline(['O0'], 0);
  expect(master.trace(10_000)).toEqual([]);
  expect(master.ask({ kind: 'get-frameworks' })).toMatchObject({ frameworks: [{ suppressedRoles: ['eng'], offerCount: 0 }] });
  scheduler.call({ kind: 'revive', roles: ['eng'] });
  expect(master.trace()).toContain(`s2 offers O1@S0 eng ${whole}`);
});

test('the offers of an agent whose session ends are rescinded', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  master.subscribed();
  master.skip();
  agent.close();
  expect(master.trace(5_000)).toEqual(['s2 rescind O0']);
});

test('an operator sees who holds offers, for how long, and for how long on average', () => {
  const master = new ScriptedMaster();
  master.registered();
  const scheduler = master.subscribed();
  master.skip(5);
  master.skip(2_000);
  expect(master.ask({ kind: 'get-offers' })).toMatchObject({ offers: [{ id: 'm-O0', hostname: 'pi', ageMs: 2_000, expiresInMs: 298_000 }] });
  scheduler.decline(['O0']);
  expect(master.ask({ kind: 'get-frameworks' })).toMatchObject({ frameworks: [{ offerHoldMeanMs: 2_000 }] });
  expect(master.core.counters.offerHold.counts.reduce((sum, count) => sum + count)).toBe(1);
});

test.each([
  [5, 5_000],
  [0, 0],
  [0.1, 100],
  [-1, 5_000],
  [NaN, 5_000],
  [Infinity, 31_536_000_000],
  [1e12, 31_536_000_000],
])('refuse_seconds %d means %d ms', (refuseSeconds, ms) => {
  expect(refuseMsOf({ refuseSeconds })).toBe(ms);
});

test('shares and the cluster are counted as offered and as used, and of agents that the allocator knows alone', () => {
  const master = new ScriptedMaster();
  master.registered();
  const scheduler = master.subscribed();
  master.registered({ hostname: 'other' });
  master.skip();
  expect(scheduler.offers).toHaveLength(2);
  const [first] = scheduler.offers;
  scheduler.accept([first!.id.slice(2)], [launch(aTask('t', first!.agentId, 'cpus:1;mem:1024'))], 3_600);
  expect(master.core.roleGauges()).toMatchObject({
    // Of eight cpus one is used and four are offered.
    shares: [{ role: 'eng', share: 0.625 }],
    resources: expect.arrayContaining([
      { resource: 'cpus', total: 8_000, offeredOrAllocated: 5_000 },
      { resource: 'mem', total: 8_192_000, offeredOrAllocated: 5_120_000 },
    ]) as unknown,
  });
});
