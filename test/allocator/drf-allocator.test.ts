// The allocator's operations, pinned one by one.
//
// Proves:    the effects of reference 4 to 7 with their concrete numbers, and DESIGN's differences (ended tasks trigger a run, declined
//            resources wait for the batch).
// How:       small clusters in virtual time; what is offered within a stretch of time is compared whole, so that nothing slips in.

import { agentId, frameworkId } from '../../common/model/ids';
import { Resources, type Resource } from '../../common/model/resources';
import type { OfferConstraints } from '../../common/model/scheduler-protocol';
import { AllocatorCluster, aFramework, anAgent, quantities, resources } from './allocator-cluster';

const a1 = agentId('a1');
const f1 = frameworkId('f1');
const f2 = frameworkId('f2');

/** One agent `a1` of 4 cpus and one framework `f1` in `*`, which holds all of it. */
function aHeldAgent(): { cluster: AllocatorCluster; offer: ReturnType<AllocatorCluster['advance']>[number] } {
  const cluster = new AllocatorCluster();
  cluster.agent('a1', 'cpus:4;mem:1024');
  cluster.framework('f1');
  const [offer] = cluster.advance(5);
  if (offer === undefined) throw new Error('Nothing was offered');
  return { cluster, offer };
}

describe('triggers (4)', () => {
  test('a framework that comes is offered all agents, after the coalescing delay and not before', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:4;mem:1024');
    cluster.framework('f1');
    expect(cluster.allocator.nextRunAtMs()).toBe(5);
    expect(cluster.offersWithin(4)).toEqual([]);
    expect(cluster.offersWithin(1)).toEqual(['f1 gets cpus:4;mem:1024 of a1 for role *']);
  });

  test('an agent that comes is offered; a burst of agents costs one run, and a late trigger does not postpone it', () => {
    const cluster = new AllocatorCluster();
    cluster.framework('f1');
    cluster.advance(10);
    const runCountBefore = cluster.allocator.runCount;
    cluster.agent('a1', 'cpus:4');
    cluster.advance(3);
    cluster.agent('a2', 'cpus:4');
    expect(cluster.advance(2)).toHaveLength(2);
    expect(cluster.allocator.runCount - runCountBefore).toBe(1);
  });

  test('resources of an ended task are offered within the delay, declined ones only by the next batch', () => {
    const { cluster, offer } = aHeldAgent();
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

  test.each<[operation: string, change: (cluster: AllocatorCluster) => void]>([
    ['suppress', (cluster) => cluster.suppress('f2')],
    ['updateWeight', (cluster) => cluster.allocator.updateWeight('*', 2)],
    ['deactivateFramework', (cluster) => cluster.allocator.deactivateFramework(f2, cluster.nowMs)],
    ['deactivateAgent', (cluster) => cluster.allocator.deactivateAgent(a1)],
    ['updateAgent with nothing new', (cluster) => cluster.allocator.updateAgent(a1, anAgent('cpus:4;mem:1024'), cluster.nowMs)],
  ])('%s triggers no run, not even a batch', (_operation, change) => {
    const { cluster } = aHeldAgent();
    cluster.framework('f2');
    cluster.advance(10_000);
    change(cluster);
    expect(cluster.allocator.nextRunAtMs()).toBe(Infinity);
  });

  test('freed by a removed framework, resources wait for the batch', () => {
    const { cluster } = aHeldAgent();
    cluster.framework('f2');
    cluster.advance(10);
    cluster.allocator.removeFramework(f1, cluster.nowMs);
    expect(cluster.allocator.nextRunAtMs()).toBe(1000);
    expect(cluster.offersWithin(1000)).toEqual(['f2 gets cpus:4;mem:1024 of a1 for role *']);
  });

  test('in a cluster where nothing changes no run is ever due', () => {
    const { cluster } = aHeldAgent();
    const runCount = cluster.allocator.runCount;
    expect(cluster.allocator.nextRunAtMs()).toBe(Infinity);
    expect(cluster.allocator.run(1_000_000)).toEqual([]);
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

describe('the run (5)', () => {
  test('everything free on an agent goes to one framework, and agents of one run are spread over equals', () => {
    const cluster = new AllocatorCluster();
    for (const name of ['a1', 'a2', 'a3', 'a4']) cluster.agent(name, 'cpus:4;mem:1024;ports:[31000-31099]');
    cluster.framework('f1');
    cluster.framework('f2');
    const offers = cluster.advance(5);
    expect(offers.map(({ frameworkId: framework }) => framework)).toEqual(['f1', 'f2', 'f1', 'f2']);
    for (const offer of offers) expect(offer.resources.toString()).toBe(resources('cpus:4;mem:1024;ports:[31000-31099]').allocatedTo('*').toString());
  });

  test('reserved resources go to the role and its descendants, never to the parent, a sibling or a namesake', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus(eng/web):1;mem(eng/web):64');
    for (const role of ['eng', 'eng/db', 'eng/webby', 'ops', '*']) cluster.framework(role.replace('/', '-').replace('*', 'star'), { roles: [role] });
    expect(cluster.offersWithin(5000)).toEqual([]);
    cluster.framework('child', { roles: ['eng/web/api'] });
    expect(cluster.offersWithin(5)).toEqual(['child gets cpus(eng/web):1;mem(eng/web):64 of a1 for role eng/web/api']);
  });

  test('what the first may not have goes down the order within the same run', () => {
    const cluster = new AllocatorCluster();
    const revocable: Resource = { name: 'cpus', reservations: [], revocable: true, shared: false, value: { kind: 'scalar', milli: 2000 } };
    cluster.agent('a1', resources('cpus:4').plus(Resources.of([revocable])));
    cluster.framework('f1');
    cluster.framework('f2', { capabilities: ['MULTI_ROLE', 'REVOCABLE_RESOURCES'] });
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:4 of a1 for role *', 'f2 gets cpus:2{revocable} of a1 for role *']);
  });

  test('a framework in two roles is a client of each, with the shares of each', () => {
    const cluster = new AllocatorCluster();
    cluster.framework('f1', { roles: ['a', 'b'] });
    cluster.framework('f2', { roles: ['b'] });
    cluster.agent('a1', 'cpus:4');
    cluster.agent('a2', 'cpus:4');
    expect(cluster.advance(5).map(({ frameworkId: framework, role }) => `${framework} in ${role}`)).toEqual(['f1 in a', 'f1 in b']);
    cluster.agent('a3', 'cpus:4');
    cluster.agent('a4', 'cpus:4');
    // Roles are even again; in b it is f2 that has nothing.
    expect(cluster.advance(5).map(({ frameworkId: framework, role }) => `${framework} in ${role}`)).toEqual(['f1 in a', 'f2 in b']);
  });

  test('crumbs below the minimum size are not offered, unless the framework says that it takes them', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:0.009;mem:31;disk:100');
    cluster.framework('f1');
    expect(cluster.offersWithin(5000)).toEqual([]);
    expect(cluster.allocator.nextRunAtMs()).toBe(Infinity);
    cluster.framework('f2', { minAllocatable: { '*': [] } });
    expect(cluster.offersWithin(5)).toEqual(['f2 gets cpus:0.009;disk:100;mem:31 of a1 for role *']);
  });

  test('a larger minimum of the framework passes small agents by, and leaves them to others', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('small', 'cpus:2');
    cluster.framework('f1', { minAllocatable: { '*': [quantities({ cpus: 4 })] } });
    cluster.framework('f2');
    cluster.agent('large', 'cpus:4');
    expect(cluster.offersWithin(5).sort()).toEqual(['f1 gets cpus:4 of large for role *', 'f2 gets cpus:2 of small for role *']);
  });

  test('offer constraints hold for their role only', () => {
    const cluster = new AllocatorCluster();
    const offerConstraints: OfferConstraints = new Map([['a', [[{ selector: { kind: 'attribute', name: 'ssd' }, predicate: { kind: 'exists' } }]]]]);
    cluster.framework('f1', { roles: ['a', 'b'], offerConstraints });
    cluster.agent('a1', 'cpus:4');
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:4 of a1 for role b']);
    cluster.agent('a2', 'cpus:4', { attributes: [{ name: 'ssd', kind: 'text', text: 'yes' }] });
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:4 of a2 for role a']);
  });

  test('a shared volume is offered again in every batch while it is in use, once a run', () => {
    const cluster = new AllocatorCluster();
    const volume: Resource = { name: 'disk', reservations: [], revocable: false, shared: true, disk: { persistence: { id: 'v' } }, value: { kind: 'scalar', milli: 1000 } };
    cluster.agent('a1', Resources.of([volume]));
    for (const name of ['f1', 'f2']) cluster.framework(name, { capabilities: ['MULTI_ROLE', 'SHARED_RESOURCES'], minAllocatable: { '*': [] } });
    expect(cluster.advance(5).map(({ frameworkId: framework }) => framework)).toEqual(['f1']);
    expect(cluster.advance(1000).map(({ frameworkId: framework }) => framework)).toEqual(['f2']);
  });
});

describe('filters (6)', () => {
  test.each<[refuseMs: number, declinedAtMs: number, nextOfferMs: number]>([
    [0, 5, 1000], // none: the next batch
    [1, 5, 2000], // at least to the next batch, which still sees it
    [1000, 5, 2000],
    [5000, 5, 6000], // the default: until 5005, so the batch at 6000
    [5000, 1000, 7000], // until 6000: the batch at that very instant still sees it
  ])('declined for %d ms at %d, an agent is offered again at %d', (refuseMs, declinedAtMs, nextOfferMs) => {
    const { cluster, offer } = aHeldAgent();
    cluster.advance(declinedAtMs - cluster.nowMs);
    cluster.decline(offer, refuseMs);
    expect(cluster.offersWithin(nextOfferMs - 1 - cluster.nowMs)).toEqual([]);
    expect(cluster.offersWithin(1)).toHaveLength(1);
  });

  test('declining keeps the agent from nobody else', () => {
    const { cluster, offer } = aHeldAgent();
    cluster.framework('f2');
    cluster.decline(offer, 60_000);
    expect(cluster.offersWithin(5)).toEqual(['f2 gets cpus:4;mem:1024 of a1 for role *']);
  });

  test('a refused bundle keeps smaller ones away; one that has grown is offered', () => {
    const { cluster, offer } = aHeldAgent();
    cluster.decline({ ...offer, resources: resources('cpus:2;mem:512').allocatedTo('*') }, 60_000);
    expect(cluster.offersWithin(5000)).toEqual([]);
    cluster.end('f1', 'a1', 'cpus:1');
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:3;mem:512 of a1 for role *']);
  });

  test('an expired filter of an agent with nothing free offers nothing', () => {
    const { cluster, offer } = aHeldAgent();
    cluster.decline(offer, 5000);
    cluster.framework('f2');
    cluster.advance(5);
    expect(cluster.offersWithin(20_000)).toEqual([]);
    expect(cluster.allocator.filterCount).toBe(0);
  });

  test.each<[operation: string, change: (cluster: AllocatorCluster) => void, withinMs: number]>([
    ['revive', (cluster) => cluster.revive('f1', '*'), 5],
    ['revive of all roles', (cluster) => cluster.revive('f1'), 5],
    ['deactivation and activation', (cluster) => { cluster.allocator.deactivateFramework(f1, cluster.nowMs); cluster.allocator.activateFramework(f1, cluster.nowMs); }, 5],
    ['changed attributes', (cluster) => cluster.allocator.updateAgent(a1, anAgent('cpus:4;mem:1024', { attributes: [{ name: 'new', kind: 'text', text: 'yes' }] }), cluster.nowMs), 5],
    ['un-suppression by update', (cluster) => { cluster.suppress('f1'); cluster.allocator.updateFramework(f1, aFramework(), [], new Map(), cluster.nowMs); }, 1000],
    ['leaving the role and coming back', (cluster) => { cluster.allocator.updateFramework(f1, aFramework({ roles: ['b'] }), ['b'], new Map(), cluster.nowMs); cluster.allocator.updateFramework(f1, aFramework(), [], new Map(), cluster.nowMs); }, 1000],
  ])('%s removes a filter early', (_operation, change, withinMs) => {
    const { cluster, offer } = aHeldAgent();
    cluster.decline(offer, 3_600_000);
    change(cluster);
    expect(cluster.allocator.filterCount).toBe(0);
    expect(cluster.offersWithin(withinMs)).toEqual(['f1 gets cpus:4;mem:1024 of a1 for role *']);
  });

  test.each<[operation: string, change: (cluster: AllocatorCluster) => void]>([
    ['a changed total', (cluster) => cluster.allocator.updateAgent(a1, anAgent('cpus:3;mem:1024'), cluster.nowMs)],
    ['deactivation of the agent', (cluster) => { cluster.allocator.deactivateAgent(a1); cluster.allocator.activateAgent(a1, cluster.nowMs); }],
    ['suppression', (cluster) => cluster.suppress('f1', '*')],
    ['a revival of another role', (cluster) => cluster.revive('f1', 'other')],
  ])('%s leaves it in place', (_operation, change) => {
    const { cluster, offer } = aHeldAgent();
    cluster.decline(offer, 3_600_000);
    change(cluster);
    expect(cluster.offersWithin(5000)).toEqual([]);
    expect(cluster.allocator.filterCount).toBe(1);
  });

  test('filters of a removed agent or framework are gone', () => {
    const { cluster, offer } = aHeldAgent();
    cluster.decline(offer, 3_600_000);
    cluster.allocator.removeAgent(a1);
    expect(cluster.allocator.filterCount).toBe(0);
    cluster.agent('a1', 'cpus:4');
    cluster.decline(cluster.advance(5)[0]!, 3_600_000);
    cluster.allocator.removeFramework(f1, cluster.nowMs);
    expect([cluster.allocator.filterCount, cluster.allocator.roles()]).toEqual([0, []]);
  });
});

describe('operations (7)', () => {
  test('a suppressed role is offered nothing, the other roles of the framework are', () => {
    const cluster = new AllocatorCluster();
    cluster.framework('f1', { roles: ['a', 'b'] });
    cluster.suppress('f1', 'a');
    cluster.agent('a1', 'cpus:4');
    cluster.agent('a2', 'cpus:4');
    expect(cluster.advance(5).map(({ role }) => role)).toEqual(['b', 'b']);
  });

  test('a deactivated framework gets nothing, and what it holds stays charged', () => {
    const { cluster } = aHeldAgent();
    cluster.allocator.deactivateFramework(f1, cluster.nowMs);
    cluster.agent('a2', 'cpus:4');
    expect(cluster.offersWithin(5000)).toEqual([]);
    expect(cluster.allocator.roles()[0]).toMatchObject({ role: '*', charged: quantities({ cpus: 4, mem: 1024 }), dominantResource: 'mem' });
    cluster.allocator.activateFramework(f1, cluster.nowMs);
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:4 of a2 for role *']);
  });

  test('a deactivated agent is not offered but still counts in the totals; activated, it waits for the batch', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:4');
    cluster.agent('a2', 'cpus:4');
    cluster.allocator.deactivateAgent(a1);
    cluster.framework('f1');
    expect(cluster.offersWithin(500)).toEqual(['f1 gets cpus:4 of a2 for role *']);
    expect(cluster.allocator.roles()[0]!.share).toBe(0.5);
    cluster.allocator.activateAgent(a1, cluster.nowMs);
    expect(cluster.offersWithin(499)).toEqual([]);
    expect(cluster.offersWithin(1)).toEqual(['f1 gets cpus:4 of a1 for role *']);
  });

  test('a role that is left keeps what is held in it, and is forgotten when that returns', () => {
    const { cluster } = aHeldAgent();
    cluster.allocator.updateFramework(f1, aFramework({ roles: ['b'] }), [], new Map(), cluster.nowMs);
    expect(cluster.allocator.roles().map(({ role, frameworkIds }) => [role, frameworkIds])).toEqual([['*', ['f1']], ['b', ['f1']]]);
    cluster.end('f1', 'a1', 'cpus:4;mem:1024');
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:4;mem:1024 of a1 for role b']);
    expect(cluster.allocator.roles().map(({ role }) => role)).toEqual(['b']);
  });

  test('an agent that comes back smaller than what runs on it offers nothing until enough has ended', () => {
    const { cluster } = aHeldAgent();
    cluster.allocator.updateAgent(a1, anAgent('cpus:2;mem:1024'), cluster.nowMs);
    cluster.end('f1', 'a1', 'cpus:1.5');
    expect(cluster.offersWithin(5000)).toEqual([]);
    cluster.end('f1', 'a1', 'cpus:1');
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:0.5 of a1 for role *']);
  });

  test('what is given back for an unknown framework or agent is ignored', () => {
    const { cluster, offer } = aHeldAgent();
    cluster.decline({ ...offer, agentId: agentId('a9') });
    cluster.decline({ ...offer, frameworkId: frameworkId('f9') });
    expect(cluster.allocator.charged(f1).get(a1)!.unallocated().toString()).toBe('cpus:4;mem:1024');
    expect(cluster.allocator.nextRunAtMs()).toBe(Infinity);
  });

  test('giving back more than is held, or naming a stranger, is a bug of the caller', () => {
    const { cluster } = aHeldAgent();
    expect(() => cluster.end('f1', 'a1', 'cpus:5')).toThrow('gives back');
    expect(() => cluster.end('f1', 'a1', 'cpus:1', 'ops')).toThrow('holds something in role "ops"');
    expect(() => cluster.suppress('f9')).toThrow('f9 is not known');
    expect(() => cluster.allocator.updateWeight('*', 0)).toThrow('a number > 0');
  });

  test('after a failover, what agents run for a framework that is not back is not offered to others', () => {
    const cluster = new AllocatorCluster();
    const running = resources('cpus:3').allocatedTo('eng');
    cluster.framework('f2');
    cluster.agent('a1', 'cpus:4', {}, new Map([['f1', running]]));
    expect(cluster.offersWithin(5)).toEqual(['f2 gets cpus:1 of a1 for role *']);
    expect(cluster.allocator.roles().map(({ role }) => role)).toEqual(['*']);
    cluster.allocator.recoverResources(f1, a1, resources('cpus:1').allocatedTo('eng'), { cause: 'ended', refuseMs: 0 }, cluster.nowMs);
    expect(cluster.offersWithin(5)).toEqual(['f2 gets cpus:1 of a1 for role *']);
    // Back with what still runs: in its share from now on.
    cluster.framework('f1', { roles: ['eng'], used: new Map([[a1, resources('cpus:2').allocatedTo('eng')]]) });
    expect(cluster.offersWithin(5000)).toEqual([]);
    expect(cluster.allocator.roles().map(({ role, share }) => [role, share])).toEqual([['*', 0.5], ['eng', 0.5]]);
    cluster.allocator.removeFramework(f1, cluster.nowMs);
    expect(cluster.offersWithin(1000)).toEqual(['f2 gets cpus:2 of a1 for role *']);
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

test('the worked example of allocator/README.md: eng/db, ops, eng/web, and equal shares in the end', () => {
  const cluster = new AllocatorCluster();
  cluster.allocator.updateWeight('eng', 2);
  for (const name of ['a1', 'a2', 'a3']) cluster.agent(name, 'cpus:4;mem:8192');
  for (const role of ['ops', 'eng/web', 'eng/db']) cluster.framework(role.replace('/', '-'), { roles: [role] });
  expect(cluster.advance(5).map(({ role }) => role)).toEqual(['eng/db', 'ops', 'eng/web']);
  const shares = new Map(cluster.allocator.roles().map(({ role, share }) => [role, share]));
  expect([shares.get('eng'), shares.get('ops')]).toEqual([1 / 3, 1 / 3]);
});
