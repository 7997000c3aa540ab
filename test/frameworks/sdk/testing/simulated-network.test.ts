// Proves that simulated links fail as real ones do: in order, at most once, by reset, by silence, by overflow, and never inside a call.

import fc from 'fast-check';
import type { Link, LinkEnd } from '../../../../common/ports';
import { SeededRandom } from '../../../../frameworks/sdk/testing/seeded-random';
import { SimulatedNetwork } from '../../../../frameworks/sdk/testing/simulated-network';
import { VirtualClock } from '../../../../frameworks/sdk/testing/virtual-clock';

function connected(seed = 1) {
  const clock = new VirtualClock();
  const network = new SimulatedNetwork({ clock, random: new SeededRandom(seed) });
  const served = { links: [] as Link<number>[], heard: [] as number[], ends: [] as LinkEnd[] };
  const heard: number[] = [];
  const ends: LinkEnd[] = [];
  network.listen<number, number>('server', 'server:1', 'numbers', (link) => {
    served.links.push(link);
    return { messages: (numbers) => served.heard.push(...numbers), closed: (end) => served.ends.push(end) };
  });
  const dial = () => network.dialer<number, number>('client', 'numbers').dial('server:1', { messages: (numbers) => heard.push(...numbers), closed: (end) => ends.push(end) });
  const link = dial();
  return { clock, network, served, heard, ends, link, dial };
}

test('frames arrive in order and once, also those sent before the link was accepted and those sent during a cut', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.record({ pauseMs: fc.integer({ min: 0, max: 3 }), isCut: fc.boolean() }), { maxLength: 40 }), (seed, steps) => {
      const { clock, network, served, link } = connected(seed);
      steps.forEach(({ pauseMs, isCut }, index) => {
        link.send([index]);
        // The connection itself must come about.
        if (isCut && served.links.length > 0) network.cut('client', 'server');
        else network.heal('client', 'server');
        clock.advance(pauseMs);
      });
      network.healAll();
      clock.advance(100);
      expect(served.heard).toEqual(steps.map((_, index) => index));
    }),
  );
});

test('nothing is called inside dial, send or close', () => {
  const { served, ends, link } = connected();
  link.send([1]);
  link.close();
  expect([served.heard, served.ends, ends]).toEqual([[], [], []]);
});

test('a link closed in order delivers what was sent before, and tells only the other side', () => {
  const { clock, served, ends, link } = connected();
  clock.advance(10);
  link.send([1, 2]);
  link.close({ kind: 'not-leader', leader: 'b:1' });
  clock.advance(10);
  expect([served.heard, served.ends, ends]).toEqual([[1, 2], [{ kind: 'not-leader', leader: 'b:1' }], []]);
});

test('nobody at an address is a refusal, a dark machine is no answer', () => {
  const { clock, network, ends, dial } = connected();
  clock.advance(10);
  network.crash('server');
  clock.advance(10);
  dial();
  clock.advance(10);
  expect(ends.map((end) => end.kind === 'failed' && end.detail)).toEqual(['Connection reset', 'Connection refused by server:1']);
  network.listen('server', 'server:1', 'numbers', () => ({ messages: () => undefined, closed: () => undefined }));
  network.crash('server', true);
  dial();
  clock.advance(10_000);
  expect(ends.at(-1)).toEqual({ kind: 'failed', detail: 'No answer from server:1' });
});

test('the peer of a lost machine learns of it by silence only, after the silence limit', () => {
  const { clock, network, ends } = connected();
  clock.advance(10);
  network.crash('server', true);
  clock.advance(14_000);
  expect(ends).toEqual([]);
  clock.advance(7_000);
  expect(ends).toEqual([{ kind: 'silent' }]);
  expect(network.linkCount('client')).toBe(0);
});

test('of a half-open path the side that hears nothing gives up, and the other learns of it', () => {
  const { clock, network, served, ends, link } = connected();
  clock.advance(10);
  network.cutOneWay('client', 'server');
  link.send([1]);
  clock.advance(60_000);
  expect([served.heard, served.ends, ends]).toEqual([[], [{ kind: 'silent' }], [{ kind: 'failed', detail: 'Connection reset' }]]);
});

test('what a dying process sent last may be lost, but never something before what arrived', () => {
  const counts = new Set<number>();
  for (let seed = 1; seed <= 40; seed += 1) {
    const { clock, network, served, link } = connected(seed);
    clock.advance(10);
    for (let index = 0; index < 6; index += 1) link.send([index]);
    network.crash('client');
    clock.advance(100);
    expect(served.heard).toEqual([0, 1, 2, 3, 4, 5].slice(0, served.heard.length));
    expect(served.ends).toHaveLength(1);
    counts.add(served.heard.length);
  }
  expect(counts.size).toBeGreaterThan(3);
});

test('a peer that takes nothing ends the link with overflow on both sides, so that no queue grows without bound', () => {
  const { clock, network, served, ends, link } = connected();
  clock.advance(10);
  network.cut('client', 'server');
  for (let index = 0; index < 2_000; index += 1) link.send([index]);
  clock.advance(1);
  expect(ends).toEqual([{ kind: 'overflow' }]);
  network.healAll();
  clock.advance(10);
  expect([served.heard, served.ends]).toEqual([[], [{ kind: 'overflow' }]]);
});

test('a stalled process hears nothing until its stall is over, and keeps its links if that is soon enough', () => {
  const { clock, network, served, ends, link } = connected();
  clock.advance(10);
  network.stall('server', 12_000);
  link.send([1]);
  clock.advance(11_000);
  expect(served.heard).toEqual([]);
  clock.advance(30_000);
  expect([served.heard, served.ends, ends]).toEqual([[1], [], []]);
});

test('a slow host is slower by what was said, and as before when it recovers', () => {
  const { clock, network, served, link } = connected();
  clock.advance(10);
  network.slow('client', 500);
  link.send([1]);
  clock.advance(499);
  expect(served.heard).toEqual([]);
  clock.advance(10);
  network.healAll();
  link.send([2]);
  clock.advance(10);
  expect(served.heard).toEqual([1, 2]);
});
