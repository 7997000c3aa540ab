// Proves that the simulated etcd gives leases and fences as the real one does: one holder at a time whatever is lost, cut off or stalled.

import type { ElectionHandlers, RegistryOutcome } from '../../../../common/ports';
import { SeededRandom } from '../../../../frameworks/sdk/testing/seeded-random';
import { SimulatedEtcd, type EtcdSight } from '../../../../frameworks/sdk/testing/simulated-etcd';
import { VirtualClock } from '../../../../frameworks/sdk/testing/virtual-clock';

function server(seed = 1) {
  const clock = new VirtualClock();
  const sights: EtcdSight[] = [];
  const etcd = new SimulatedEtcd({ clock, random: new SeededRandom(seed), observe: (sight) => sights.push(sight) });
  const candidate = (name: string) => {
    const scope = clock.scope();
    const ports = etcd.ports(name, scope);
    const news: string[] = [];
    let epoch: string | undefined;
    const handlers: ElectionHandlers = {
      elected: (won) => {
        epoch = won;
        news.push('elected');
      },
      deposed: () => news.push('deposed'),
      leaderChanged: (address) => news.push(`leader ${address}`),
      trouble: (message) => message !== undefined && news.push('trouble'),
    };
    const candidacy = ports.election.campaign(`${name}:1`, handlers);
    return { scope, registry: ports.registry, candidacy, news, epoch: () => epoch ?? '', leads: () => epoch !== undefined && candidacy.holds(epoch) };
  };
  return { clock, etcd, sights, candidate };
}

test('one of several candidates is elected, the others learn its address', () => {
  const { clock, candidate } = server();
  const [a, b] = [candidate('a'), candidate('b')];
  clock.advance(2_000);
  const [leader, other, name] = a.leads() ? [a, b, 'a'] : [b, a, 'b'];
  expect(leader.news).toEqual([`leader ${name}:1`, 'elected']);
  expect(other.news).toEqual([`leader ${name}:1`]);
});

test.each([
  ['cut off from etcd', (etcd: SimulatedEtcd) => etcd.cut('a')],
  ['behind lost answers', (etcd: SimulatedEtcd) => (etcd.answerLossProbability = 1)],
])('a leader %s is deposed before anybody else can be elected', (_claim, breakIt) => {
  const { clock, etcd, candidate } = server();
  const a = candidate('a');
  clock.advance(1_000);
  expect(a.leads()).toBe(true);
  const b = candidate('b');
  clock.advance(500);
  breakIt(etcd);
  while (a.leads()) {
    expect(clock.advanceToNext()).toBe(true);
    expect(a.leads() && b.leads()).toBe(false);
  }
  etcd.answerLossProbability = 0;
  while (!a.leads() && !b.leads()) expect(clock.advanceToNext()).toBe(true);
  expect(a.leads() && b.leads()).toBe(false);
  expect(a.news).toContain('deposed');
});

test('a leader that is stalled beyond its deadline does not hold, even before its own timer says so', () => {
  const { clock, candidate } = server();
  const a = candidate('a');
  clock.advance(1_000);
  a.scope.stall(30_000);
  clock.advance(10_000);
  expect(a.news).not.toContain('deposed');
  expect(a.leads()).toBe(false);
});

test('who resigns makes room at once', () => {
  const { clock, candidate } = server();
  const a = candidate('a');
  clock.advance(1_000);
  const b = candidate('b');
  let isDone = false;
  a.candidacy.resign(() => (isDone = true));
  clock.advance(1_000);
  expect([isDone, b.leads()]).toEqual([true, true]);
});

test('a write of an ended term is fenced and changes nothing; an acknowledged one is in every later load', () => {
  const { clock, etcd, sights, candidate } = server();
  const a = candidate('a');
  clock.advance(1_000);
  const outcomes = new Map<string, RegistryOutcome['kind']>();
  const write = (writer: typeof a, key: string): void => writer.registry.write(writer.epoch(), [{ kind: 'put', key, value: new Uint8Array([1]) }], ({ kind }) => outcomes.set(key, kind));
  write(a, 'mine');
  clock.advance(100);
  a.candidacy.resign();
  const b = candidate('b');
  clock.advance(1_000);
  write(a, 'too late');
  write(b, 'theirs');
  clock.advance(100);
  expect(Object.fromEntries(outcomes)).toEqual({ mine: 'committed', 'too late': 'fenced', theirs: 'committed' });
  expect([...etcd.contents().keys()]).toEqual(['mine', 'theirs']);
  let loaded: readonly string[] = [];
  b.registry.load(b.epoch(), (outcome) => (loaded = outcome.kind === 'loaded' ? outcome.entries.map(({ key }) => key) : []));
  clock.advance(100);
  expect(loaded).toEqual(['mine', 'theirs']);
  expect(sights.map(({ kind }) => kind)).toEqual(['elected', 'applied', 'acknowledged', 'vacant', 'elected', 'applied', 'acknowledged', 'loaded']);
});

test.each([
  ['request', 0],
  ['answer', 1],
])('a lost %s fails the write after the deadline of the call, whether or not it was applied (%i)', (what, appliedCount) => {
  const { clock, etcd, candidate } = server();
  const a = candidate('a');
  clock.advance(1_000);
  if (what === 'request') etcd.requestLossProbability = 1;
  else etcd.answerLossProbability = 1;
  const outcomes: RegistryOutcome['kind'][] = [];
  a.registry.write(a.epoch(), [{ kind: 'put', key: 'k', value: new Uint8Array() }], ({ kind }) => outcomes.push(kind));
  clock.advance(1_900);
  expect(outcomes).toEqual([]);
  clock.advance(200);
  expect([outcomes, etcd.contents().size]).toEqual([['failed'], appliedCount]);
});

test('an outage troubles everybody and elects nobody; afterwards somebody leads again', () => {
  const { clock, etcd, candidate } = server();
  const a = candidate('a');
  clock.advance(1_000);
  etcd.isDown = true;
  clock.advance(60_000);
  expect([a.leads(), a.news.includes('trouble')]).toEqual([false, true]);
  etcd.healAll();
  clock.advance(10_000);
  expect(a.leads()).toBe(true);
});
