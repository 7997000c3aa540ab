// The judge, judged: the reference allocator on scenarios worked out by hand.
//
// Proves:    that the reference allocator does what the reference says, with its numbers, on one scenario for each rule that a reader would want to see
//            carried out. What it says beyond that is read, section by section, in reference-allocator.ts.
// How:       small clusters in virtual time. Where chance may choose among agents, they are alike.

import { allocatorOptionsDefault, type AllocatorOptions } from '../../allocator/allocator';
import { agentId, frameworkId } from '../../common/model/ids';
import { Resources, type Resource } from '../../common/model/resources';
import { DrivenCluster, quantities, resources, seededRandom } from './allocator-cluster';
import { ReferenceAllocator } from './reference-allocator';
import { exponentialKey, fmix32, fnv1a } from './reference-draws';

class ReferenceCluster extends DrivenCluster<ReferenceAllocator> {
  constructor(options: Partial<AllocatorOptions> = {}) {
    super(new ReferenceAllocator({ ...allocatorOptionsDefault, ...options }, seededRandom(1)));
  }

  quota(role: string, guarantees: Readonly<Record<string, number>>, limits: Readonly<Record<string, number>> = {}): void {
    this.allocator.updateQuota(role, { guarantees: quantities(guarantees), limits: quantities(limits) }, this.nowMs);
  }
}

test('draws are made of what is published: FNV-1a, the finaliser of MurmurHash3, exponential keys', () => {
  expect(['', 'a', 'b', 'foobar'].map(fnv1a)).toEqual([0x811c9dc5, 0xe40c292c, 0xe70c2de5, 0xbf9cf968]); // The test vectors of its authors.
  expect([0, 1, 0xffffffff].map(fmix32)).toEqual([0, 0x514e28b7, 0x81f16f39]);
  expect([exponentialKey(2 ** 31 - 0.5, 1), exponentialKey(2 ** 31 - 0.5, 2)]).toEqual([Math.LN2, Math.LN2 / 2]); // The median of an exponential time.
});

test('3: siblings are compared with siblings, weights count for subtrees: eng/db, ops, eng/web in the worked example', () => {
  const cluster = new ReferenceCluster();
  cluster.allocator.updateWeight('eng', 2);
  for (const [name, role] of [
    ['d', 'eng/db'],
    ['w', 'eng/web'],
    ['o', 'ops'],
  ] as const)
    cluster.framework(name, { roles: [role] });
  for (const name of ['a1', 'a2', 'a3']) cluster.agent(name, 'cpus:4;mem:8192');
  // Shares before each: eng 0, ops 0 (a tie by name); eng 1/3 / 2, ops 0; eng 1/6, ops 1/3 and within eng: db 1/3, web 0.
  expect(cluster.advance(5).map(({ role }) => role)).toEqual(['eng/db', 'ops', 'eng/web']);
});

test('3.2: frameworks directly in a role compete with its children as one virtual leaf of weight 1', () => {
  const cluster = new ReferenceCluster();
  cluster.allocator.updateWeight('eng', 10);
  cluster.allocator.updateWeight('eng/web', 2);
  cluster.framework('f', { roles: ['eng'] });
  cluster.framework('w', { roles: ['eng/web'] });
  for (const name of ['a1', 'a2', 'a3']) cluster.agent(name, 'cpus:4');
  // The weight of eng is not its leaf's. Leaf first by name ("." before "w"); then web 0, then web 1/6 before the leaf's 1/3.
  expect(cluster.advance(5).map(({ frameworkId: framework }) => framework)).toEqual(['f', 'w', 'w']);
});

test('3.3: equal shares go by grants ever made, so equals take turns although everything returns', () => {
  const cluster = new ReferenceCluster();
  cluster.agent('a1', 'cpus:4');
  cluster.framework('f1');
  cluster.framework('f2');
  const order: string[] = [];
  for (let i = 0; i < 4; i++) {
    for (const allocation of cluster.advance(1000)) {
      order.push(allocation.frameworkId);
      cluster.allocator.transitionOfferedToAllocated(allocation.frameworkId, allocation.agentId, allocation.resources);
      cluster.decline(allocation);
    }
  }
  expect(order).toEqual(['f1', 'f2', 'f1', 'f2']);
});

test('4: a burst of triggers is one run after 5 ms, what ended is offered after 5 ms, what was declined with the batch', () => {
  const cluster = new ReferenceCluster();
  cluster.framework('f1');
  cluster.agent('a1', 'cpus:4');
  cluster.advance(3);
  cluster.agent('a2', 'cpus:4');
  const [first, second] = cluster.advance(2);
  expect([first?.agentId, second?.agentId].sort()).toEqual(['a1', 'a2']);
  cluster.end('f1', 'a1', 'cpus:1');
  expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:1 of a1 for role *']);
  cluster.decline({ ...second!, resources: resources('cpus:2').allocatedTo('*') });
  expect(cluster.offersWithin(989)).toEqual([]);
  expect(cluster.offersWithin(1)).toEqual([`f1 gets cpus:2 of ${second!.agentId} for role *`]);
});

test('5.1: a guarantee is served first, beyond it the role bursts to its limit, and names without a limit come along', () => {
  const cluster = new ReferenceCluster();
  cluster.quota('eng', { cpus: 2 }, { cpus: 3 });
  cluster.framework('a', { roles: ['a'] });
  cluster.framework('e', { roles: ['eng/web'] });
  cluster.agent('a1', 'cpus:8;mem:1024');
  expect(cluster.offersWithin(5)).toEqual(['e gets cpus:3;mem:1024 of a1 for role eng/web', 'a gets cpus:5 of a1 for role a']);
});

test('5.2: what guarantees still need of the whole cluster is left free, though nobody is there to take it', () => {
  const cluster = new ReferenceCluster();
  cluster.quota('eng', { cpus: 6 });
  cluster.framework('o', { roles: ['ops'] });
  cluster.agent('a1', 'cpus:4');
  cluster.agent('a2', 'cpus:4');
  expect(cluster.advance(5000).map(({ resources: granted }) => granted.scalar('cpus'))).toEqual([2000]);
});

test('5.2, ours: a limit binds the whole subtree, reservations and all', () => {
  const cluster = new ReferenceCluster();
  cluster.quota('eng', {}, { cpus: 4 });
  cluster.framework('e', { roles: ['eng'] });
  cluster.framework('w', { roles: ['eng/web'] });
  cluster.agent('a1', 'cpus:3;cpus(eng):1');
  cluster.agent('a2', 'cpus:3');
  expect(cluster.advance(5000).reduce((sum, { resources: granted }) => sum + granted.scalar('cpus'), 0)).toBe(4000);
});

test('5.2: what cannot be cut is taken whole or not at all', () => {
  const cluster = new ReferenceCluster();
  cluster.quota('eng', {}, { disk: 600 });
  cluster.framework('e', { roles: ['eng'] });
  const disk = (units: number): Resource => ({
    name: 'disk',
    reservations: [],
    revocable: false,
    shared: false,
    disk: { source: { type: 'MOUNT', root: `/${units}`, metadata: [] } },
    value: { kind: 'scalar', milli: units * 1000 },
  });
  cluster.agent('a1', Resources.of([...resources('cpus:1'), disk(500), disk(700)]));
  expect(cluster.offersWithin(5000)).toEqual(['e gets cpus:1;disk:500{disk MOUNT /500} of a1 for role eng']);
});

test("5.3, 9: a role is offered its ancestors' reservations, but not by way of its guarantee", () => {
  const cluster = new ReferenceCluster();
  cluster.quota('eng', { cpus: 3 });
  cluster.framework('w', { roles: ['eng/web'] });
  cluster.agent('a1', 'cpus:4;cpus(eng):1;cpus(ops):1');
  // The reservation serves the guarantee: two are missing, two are extra. The reservation itself comes with the second stage.
  expect(cluster.offersWithin(5)).toEqual(['w gets cpus:4 of a1 for role eng/web', 'w gets cpus(eng):1 of a1 for role eng/web']);
});

test.each<[now: string, isOffered: boolean]>([
  ['cpus:2;mem:512', false],
  ['cpus:2;mem:256', false],
  ['cpus:3;mem:256', true],
])('5.5: after declining cpus:2;mem:512, is %s offered: %s', (now, isOffered) => {
  const cluster = new ReferenceCluster();
  cluster.agent('a1', 'cpus:2;mem:512');
  cluster.framework('f1');
  cluster.decline(cluster.advance(5)[0]!, 60_000);
  cluster.allocator.updateAgent(agentId('a1'), { hostname: 'host', port: 0, attributes: [], resources: resources(now) }, cluster.nowMs);
  expect(cluster.advance(5000)).toHaveLength(isOffered ? 1 : 0);
});

test.each<[refuseMs: number, declinedAtMs: number, offeredAtMs: number]>([
  [1, 5, 2000], // No filter is shorter than the interval: until 1005, so the batch of 1000 sees it.
  [1995, 5, 3000], // Until 2000: the batch at that very instant sees it.
  [1994, 5, 2000],
])('6: declined for %i ms at %i, it is offered again at %i', (refuseMs, declinedAtMs, offeredAtMs) => {
  const cluster = new ReferenceCluster();
  cluster.agent('a1', 'cpus:4');
  cluster.framework('f1');
  const [offer] = cluster.advance(declinedAtMs);
  cluster.decline(offer!, refuseMs);
  expect(cluster.advance(offeredAtMs - declinedAtMs - 1)).toEqual([]);
  expect(cluster.advance(1)).toHaveLength(1);
});

test('9: a shared volume is offered once in a run, and again in the next while it is in use', () => {
  const cluster = new ReferenceCluster();
  const volume: Resource = {
    name: 'disk',
    reservations: [{ type: 'DYNAMIC', role: 'eng', labels: [] }],
    disk: { persistence: { id: 'v' } },
    revocable: false,
    shared: true,
    value: { kind: 'scalar', milli: 1000 },
  };
  const sharing = { roles: ['eng'], capabilities: ['MULTI_ROLE', 'SHARED_RESOURCES'], minAllocatable: { eng: [] } } as const;
  cluster.agent('a1', Resources.of([...resources('cpus:4'), volume]));
  cluster.framework('f1', sharing);
  cluster.framework('f2', sharing);
  expect(cluster.advance(2000).map(({ frameworkId: framework, resources: granted }) => `${framework} ${granted.unallocated().toString()}`)).toEqual([
    'f1 cpus:4;disk(eng):1{dynamic eng, disk volume v, shared}',
    'f2 disk(eng):1{dynamic eng, disk volume v, shared}',
    'f1 disk(eng):1{dynamic eng, disk volume v, shared}',
  ]);
});

test('10: of 5 agents known with a quota, 4 are waited for, or the timeout', () => {
  const paused = (): ReferenceCluster => {
    const cluster = new ReferenceCluster();
    cluster.quota('eng', {}, { cpus: 100 });
    cluster.allocator.recover(5, 0);
    cluster.framework('f1');
    for (const name of ['a1', 'a2', 'a3']) cluster.agent(name, 'cpus:4');
    expect(cluster.advance(20_000)).toEqual([]);
    return cluster;
  };
  const complete = paused();
  complete.agent('a4', 'cpus:4');
  expect(complete.advance(5)).toHaveLength(4);
  const late = paused();
  expect(late.advance(580_004)).toEqual([]);
  expect(late.advance(1)).toHaveLength(3);
});

test('11: who holds something on a machine that goes away is asked to leave once, and again when it has answered and its filter is over', () => {
  const cluster = new ReferenceCluster();
  cluster.agent('a1', 'cpus:4');
  cluster.framework('f1');
  cluster.framework('f2');
  cluster.advance(5);
  cluster.allocator.updateUnavailability(agentId('a1'), { startMs: 7 }, cluster.nowMs);
  const askedWithin = (ms: number): string[] =>
    cluster.runsWithin(ms).flatMap(({ inverseOffers }) => inverseOffers.map(({ frameworkId: framework }) => framework));
  expect(askedWithin(3000)).toEqual(['f1']);
  cluster.allocator.updateInverseOffer(frameworkId('f1'), agentId('a1'), 'decline', 2000, cluster.nowMs);
  expect(askedWithin(2994)).toEqual([]); // From 3005 for 2000 ms, and the batch after: 6000.
  expect(askedWithin(1)).toEqual(['f1']);
});

test('ours: who gives back everything unused and without a filter stands back for 1, 2, 4 batches, but is not excluded', () => {
  const cluster = new ReferenceCluster();
  cluster.agent('a1', 'cpus:4');
  cluster.agent('a2', 'cpus:4');
  cluster.framework('idle');
  cluster.framework('busy');
  // "busy" has half the cluster, so by its share "idle" would be first in every batch.
  cluster.allocator.charge(frameworkId('busy'), agentId('a2'), resources('cpus:4').allocatedTo('*'));
  const offered = (seconds: number): string[] => {
    const to: string[] = [];
    for (let i = 0; i < seconds; i++) {
      for (const allocation of cluster.advance(1000)) {
        to.push(`${cluster.nowMs / 1000} ${allocation.frameworkId}`);
        if (allocation.frameworkId === 'busy')
          cluster.allocator.transitionOfferedToAllocated(allocation.frameworkId, allocation.agentId, allocation.resources);
        cluster.decline(allocation);
      }
    }
    return to;
  };
  expect(offered(9)).toEqual(['1 idle', '2 busy', '3 idle', '4 busy', '5 busy', '6 idle', '7 busy', '8 busy', '9 busy']);
  cluster.suppress('busy');
  expect(offered(1)).toEqual(['10 idle']); // It would have stood back until 11.
});
