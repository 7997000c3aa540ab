// The allocator as a whole, where it is ours.
//
// Proves:    DESIGN's differences in when things happen (ended tasks cause a run, declined resources wait for the batch, an idle cluster costs nothing),
//            what becomes of frameworks that are not back after a failover, what quota holds back and when that is looked at, what callers must not do, and the
//            examples of allocator/README.md.
// How:       small clusters in virtual time; what is offered within a stretch of time is compared whole, so that nothing slips in.
// Elsewhere: Mesos's behaviours (reference-behaviours.test.ts), standing back (standing-back.test.ts).

import { FrameworkLedger } from '../../allocator/framework-ledger';
import { agentId, frameworkId } from '../../common/model/ids';
import { Resources, type Resource } from '../../common/model/resources';
import { aScalar } from '../common/model/resource-arbitraries';
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

describe('what quota holds back', () => {
  const agentCount = 12;
  const frameworkCount = 4;
  const dayMs = 24 * 3_600_000;
  const nameOf = (index: number): string => `a${index}`;
  const indexes = [...Array(agentCount).keys()];

  /** `role` has all frameworks and uses a cpu of the first agent; what the quota in force leaves of the agents, everybody has declined for a day. */
  function declinedByAll(role: string, setQuota: (cluster: AllocatorCluster) => void): AllocatorCluster {
    const cluster = new AllocatorCluster();
    setQuota(cluster);
    for (const index of indexes) cluster.agent(nameOf(index), 'cpus:4;mem:4096');
    for (let index = 1; index <= frameworkCount; index++) cluster.framework(`f${index}`, { roles: [role] });
    cluster.allocator.charge(f1, agentId('a0'), resources('cpus:1').allocatedTo(role));
    declineAll(cluster);
    return cluster;
  }

  function declineAll(cluster: AllocatorCluster): void {
    for (let offers = cluster.advance(1000); offers.length > 0; offers = cluster.advance(1000)) for (const offer of offers) cluster.decline(offer, dayMs);
  }

  const limited = (): AllocatorCluster =>
    declinedByAll('eng', ({ allocator }) => allocator.updateQuota('eng', { guarantees: new Map(), limits: quantities({ cpus: 1 }) }, 0));

  /** All cpus are kept for a role without frameworks. */
  const guaranteed = (): AllocatorCluster =>
    declinedByAll('eng', ({ allocator }) => allocator.updateQuota('ops', { guarantees: quantities({ cpus: 1000 }), limits: new Map() }, 0));

  /** Lets a second pass after `change`: which agents runs looked at, how often they asked a framework about an agent, and what was offered. */
  function lookAt(cluster: AllocatorCluster, change: (cluster: AllocatorCluster) => void): { readonly agents: readonly string[]; readonly asked: number; readonly offers: number } {
    const asks = jest.spyOn(FrameworkLedger.prototype, 'gateAt');
    const sinceMs = cluster.nowMs;
    change(cluster);
    const offers = cluster.advance(1000).length;
    const asked = asks.mock.calls.length;
    asks.mockRestore();
    const { role } = cluster.allocator.roles().find(({ frameworkIds }) => frameworkIds.includes(f1))!;
    const agents = indexes.map(nameOf).filter((name) => (cluster.allocator.explain(f1, role, agentId(name), cluster.nowMs).lastVisitMs ?? 0) > sinceMs);
    return { agents, asked, offers };
  }

  const change = (name: string, total: string) => (cluster: AllocatorCluster) =>
    cluster.allocator.updateAgent(agentId(name), { hostname: 'host', port: 0, resources: resources(total), attributes: [] }, cluster.nowMs);

  test.each<[held: string, make: () => AllocatorCluster]>([
    ['a limit that is reached', limited],
    ['a guarantee that is not met', guaranteed],
  ])('by %s: when another agent changes, only that one is looked at, and everybody is asked about it at most once', (_held, make) => {
    const cluster = make();
    expect(lookAt(cluster, () => undefined)).toEqual({ agents: [], asked: 0, offers: 0 });
    const { agents, asked, offers } = lookAt(cluster, change('a5', 'cpus:4;mem:5000'));
    expect([agents, offers]).toEqual([['a5'], 1]);
    expect(asked).toBeLessThanOrEqual(frameworkCount);
  });

  test('a task that ends at the limit, and is followed by another before the batch, sends nobody to the other agents', () => {
    const cluster = limited();
    const { agents } = lookAt(cluster, () => {
      cluster.end('f1', 'a0', 'cpus:1', 'eng');
      const [offer] = cluster.advance(5);
      cluster.decline({ ...offer!, resources: offer!.resources.minus(resources('cpus:1').allocatedTo('eng')) }, dayMs);
    });
    expect(agents).toEqual(['a0']);
  });

  test('room that nobody took is offered on the other agents, one after the other, until all have declined it; then nobody is asked again', () => {
    const cluster = limited();
    cluster.end('f1', 'a0', 'cpus:1', 'eng');
    let offerCount = 0;
    for (let offers = cluster.advance(1000); offers.length > 0; offers = cluster.advance(1000)) {
      offerCount += offers.length;
      for (const offer of offers) cluster.decline(offer, dayMs);
    }
    expect(offerCount).toBe(agentCount * frameworkCount);
    // Less room, and as much again: everybody has refused that much.
    const { agents, asked, offers } = lookAt(cluster, () => {
      cluster.allocator.charge(f1, agentId('a0'), resources('cpus:1').allocatedTo('eng'));
      change('a5', 'cpus:4;mem:4000')(cluster);
      cluster.advance(1000);
      cluster.end('f1', 'a0', 'cpus:1', 'eng');
    });
    expect([agents.includes('a0'), offers]).toEqual([true, 0]);
    expect(asked).toBeLessThanOrEqual(3 * frameworkCount); // About the two agents that changed, and one of them again.
  });

  test('a framework that revives is asked about every agent, and no other is', () => {
    const cluster = limited();
    const { asked, offers } = lookAt(cluster, () => cluster.revive('f2'));
    expect(offers).toBe(agentCount);
    expect(asked).toBe(agentCount);
  });

  test('of two disks less room may free the other: such agents are looked at whatever has changed', () => {
    const disk = (units: number, root: string): Resource => aScalar('disk', units * 1000, { disk: { source: { type: 'MOUNT', root, metadata: [] } } });
    const outcomes = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'].map((name) => {
      const cluster = new AllocatorCluster({ options: { minAllocatable: [] } });
      cluster.allocator.updateQuota('eng', { guarantees: new Map(), limits: quantities({ disk: 4 }) }, 0);
      cluster.framework('f1', { roles: ['eng'] });
      cluster.agent(name, Resources.of([disk(3, '/a'), disk(4, '/b')]));
      const before = cluster.advance(2000);
      for (const offer of before) cluster.decline(offer, dayMs);
      expect(cluster.advance(2000)).toEqual([]);
      cluster.agent('b1', 'disk:1', {}, new Map([['f1', resources('disk:1').allocatedTo('eng')]]));
      return [...before, ...cluster.advance(2000)].map((offer) => offer.resources.scalar('disk') / 1000);
    });
    // Where the greater one goes first, the lesser is all that fits once there is less room; where the lesser does, it was declined already.
    expect(new Set(outcomes.map((outcome) => outcome.join(' then ')))).toEqual(new Set(['4 then 3', '3']));
  });

  test('an agent that joins is headroom, and frees what is kept on others, even if it takes no part itself', () => {
    const cluster = new AllocatorCluster();
    cluster.allocator.updateQuota('ops', { guarantees: quantities({ cpus: 4 }), limits: new Map() }, 0);
    cluster.agent('a1', 'cpus:4');
    cluster.framework('f1', { roles: ['ops'] });
    cluster.decline(cluster.advance(1000)[0]!, dayMs);
    cluster.framework('f2', { roles: ['eng'] });
    expect(cluster.offersWithin(2000)).toEqual([]); // Kept for ops.
    cluster.agent('a2', 'cpus:4');
    cluster.allocator.deactivateAgent(agentId('a2'));
    expect(cluster.offersWithin(2000)).toEqual(['f2 gets cpus:4 of a1 for role eng']);
  });

  test('a new quota makes everything be asked again', () => {
    const cluster = limited();
    const { agents, asked } = lookAt(cluster, ({ allocator, nowMs }) => allocator.updateQuota('ops', { guarantees: quantities({ mem: 1 }), limits: new Map() }, nowMs));
    expect(agents).toHaveLength(agentCount);
    expect(asked).toBe(agentCount * frameworkCount);
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
