// The allocator as a whole, where it is ours.
//
// Proves:    DESIGN's differences in when things happen (ended tasks cause a run, declined resources wait for the batch, an idle cluster costs nothing),
//            what becomes of frameworks that are not back after a failover, what callers must not do, and the examples of allocator/README.md.
// How:       small clusters in virtual time; what is offered within a stretch of time is compared whole, so that nothing slips in.
// Elsewhere: Mesos's behaviours (reference-behaviours.test.ts), standing back (standing-back.test.ts).

import { agentId, frameworkId } from '../../common/model/ids';
import { AllocatorCluster, anOffer, quantities, resources } from './allocator-cluster';

const a1 = agentId('a1');
const f1 = frameworkId('f1');
const f2 = frameworkId('f2');

describe('when things happen', () => {
  test('a framework that comes is offered all agents, after the coalescing delay and not before', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:4;mem:1024');
    cluster.framework('f1');
    expect(cluster.allocator.nextRunAtMs()).toBe(5);
    expect(cluster.offersWithin(4)).toEqual([]);
    expect(cluster.offersWithin(1)).toEqual(['f1 gets cpus:4;mem:1024 of a1 for role *']);
  });

  test('resources of an ended task are offered within the delay, declined ones only by the next batch', () => {
    const { cluster, offer } = anOffer();
    cluster.end('f1', 'a1', 'cpus:1');
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:1 of a1 for role *']);
    cluster.decline({ ...offer, resources: resources('cpus:2').allocatedTo('*') });
    expect(cluster.allocator.nextRunAtMs()).toBe(1000);
    expect(cluster.offersWithin(989)).toEqual([]);
    expect(cluster.offersWithin(1)).toEqual(['f1 gets cpus:2 of a1 for role *']);
  });

  test('an event-driven run looks only at the agents that asked for it: what was declined elsewhere still waits', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:4');
    cluster.agent('a2', 'cpus:4');
    cluster.framework('f1');
    const offers = cluster.advance(5);
    cluster.decline(offers.find(({ agentId: agent }) => agent === a1)!);
    cluster.end('f1', 'a2', 'cpus:4');
    expect(cluster.offersWithin(900)).toEqual(['f1 gets cpus:4 of a2 for role *']);
    expect(cluster.offersWithin(100)).toEqual(['f1 gets cpus:4 of a1 for role *']);
  });

  test('in a cluster where nothing changes no run is ever due', () => {
    const { cluster } = anOffer();
    const runCount = cluster.allocator.runCount;
    expect(cluster.allocator.nextRunAtMs()).toBe(Infinity);
    expect(cluster.allocator.run(1_000_000).allocations).toEqual([]);
    expect(cluster.allocator.runCount).toBe(runCount);
  });

  test('without anybody interested no run is due; interest brings everything that was missed', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:4');
    expect(cluster.allocator.nextRunAtMs()).toBe(Infinity);
    cluster.framework('f1', { suppressedRoles: ['*'] });
    expect(cluster.allocator.nextRunAtMs()).toBe(Infinity);
    cluster.revive('f1', '*');
    expect(cluster.offersWithin(5)).toHaveLength(1);
  });
});

describe('after a failover', () => {
  test('what agents run for a framework that is not back is not offered to others', () => {
    const cluster = new AllocatorCluster();
    const running = resources('cpus:3').allocatedTo('eng');
    cluster.framework('f2');
    cluster.agent('a1', 'cpus:4', {}, new Map([['f1', running]]));
    expect(cluster.offersWithin(5)).toEqual(['f2 gets cpus:1 of a1 for role *']);
    // The role is there because it consumes; in nobody's share yet.
    expect(cluster.allocator.roles().map(({ role, share }) => [role, share > 0])).toEqual([['*', true], ['eng', false]]);
    cluster.allocator.recoverResources(f1, a1, resources('cpus:1').allocatedTo('eng'), { cause: 'ended', refuseMs: 0 }, cluster.nowMs);
    expect(cluster.offersWithin(5)).toEqual(['f2 gets cpus:1 of a1 for role *']);
    // Back with what still runs: in its share from now on.
    cluster.framework('f1', { roles: ['eng'], used: new Map([[a1, resources('cpus:2').allocatedTo('eng')]]) });
    expect(cluster.offersWithin(5000)).toEqual([]);
    expect(cluster.allocator.roles().map(({ role, share }) => [role, share])).toEqual([['*', 0.5], ['eng', 0.5]]);
    cluster.allocator.removeFramework(f1, cluster.nowMs);
    expect(cluster.offersWithin(1000)).toEqual(['f2 gets cpus:2 of a1 for role *']);
  });

  test('what agents run for a framework that is not back counts against its role\'s limit, and towards its guarantee', () => {
    const cluster = new AllocatorCluster();
    cluster.allocator.updateQuota('eng', { guarantees: quantities({ cpus: 5 }), limits: quantities({ cpus: 5 }) }, 0);
    cluster.agent('a1', 'cpus:4', {}, new Map([['f1', resources('cpus:3').allocatedTo('eng')]]));
    cluster.framework('f2');
    cluster.agent('a2', 'cpus:4');
    // 5 free, 2 still missing in the guarantee.
    expect(cluster.advance(5).reduce((sum, offer) => sum + offer.resources.scalar('cpus'), 0)).toBe(3000);
    cluster.framework('f3', { roles: ['eng'] });
    expect(cluster.advance(5).reduce((sum, offer) => sum + offer.resources.scalar('cpus'), 0)).toBe(2000);
    cluster.agent('a3', 'cpus:4');
    expect(cluster.offersWithin(5)).toEqual(['f2 gets cpus:4 of a3 for role *']);
  });

  test('charges from outside count in shares at once', () => {
    const cluster = new AllocatorCluster();
    cluster.framework('f1');
    cluster.framework('f2');
    cluster.agent('a1', 'cpus:4');
    cluster.allocator.charge(f1, a1, resources('cpus:1').allocatedTo('*'));
    expect(cluster.offersWithin(5)).toEqual(['f2 gets cpus:3 of a1 for role *']);
    expect([...cluster.allocator.charged(f2).keys()]).toEqual(['a1']);
  });
});

test('giving back more than is held, or naming a stranger, is a bug of the caller', () => {
  const { cluster } = anOffer();
  expect(() => cluster.end('f1', 'a1', 'cpus:5')).toThrow('gives back');
  expect(() => cluster.end('f1', 'a1', 'cpus:1', 'ops')).toThrow('and holds nothing in it');
  expect(() => cluster.suppress('f9')).toThrow('f9 is not known');
  expect(() => cluster.allocator.updateWeight('*', 0)).toThrow('a number > 0');
});

test('the worked example of allocator/README.md: eng/db, ops, eng/web, and equal shares in the end', () => {
  const cluster = new AllocatorCluster();
  cluster.allocator.updateWeight('eng', 2);
  for (const name of ['a1', 'a2', 'a3']) cluster.agent(name, 'cpus:4;mem:8192');
  for (const role of ['ops', 'eng/web', 'eng/db']) cluster.framework(role.replace('/', '-'), { roles: [role] });
  expect(cluster.advance(5).map(({ role }) => role)).toEqual(['eng/db', 'ops', 'eng/web']);
  const shares = new Map(cluster.allocator.roles().map(({ role, share }) => [role, share]));
  expect([shares.get('eng'), shares.get('ops')]).toEqual([1 / 3, 1 / 3]);
});

test.each<[whether: string, hasFramework: boolean, expected: readonly string[]]>([
  ['with a framework in ops, 4 of one agent go to ops and the other agent to eng', true, ['ops cpus:4', 'eng cpus:4']],
  ['without one, 3 stay free for it: eng gets 4 of one agent and 1 of the other', false, ['eng cpus:4', 'eng cpus:1']],
])('the example of quota in allocator/README.md: %s', (_whether, hasFramework, expected) => {
  const cluster = new AllocatorCluster();
  cluster.allocator.updateQuota('ops', { guarantees: quantities({ cpus: 3 }), limits: quantities({ cpus: 5 }) }, 0);
  for (const name of ['a1', 'a2']) cluster.agent(name, 'cpus:4');
  for (const role of hasFramework ? ['eng', 'ops'] : ['eng']) cluster.framework(role, { roles: [role] });
  expect(cluster.advance(5).map(({ role, resources: amounts }) => `${role} ${amounts.unallocated().toString()}`)).toEqual(expected);
});
