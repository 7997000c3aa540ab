// Mesos's allocator, behaviour by behaviour.
//
// Proves:    what the reference says of the allocator in Part I, sections 2 to 7 and 9 to 11, each claim with concrete numbers and its section; where we
//            differ on purpose (DESIGN, "Where we deliberately differ"; allocator/README.md) the title says "ours".
// How:       tables over small clusters in virtual time, through the public interface alone. What is offered within a stretch of time is compared whole,
//            so that nothing slips in. Each role has one framework, named after it, unless a row says otherwise.
// Elsewhere: what is ours alone (drf-allocator.test.ts, standing-back.test.ts), the paper (drf-paper.test.ts), each part on its own (the files beside).

import type { Allocation, AllocatorOptions, InverseOfferRequest } from '../../allocator/allocator';
import type { Attribute, DomainInfo } from '../../common/model/agent';
import type { FrameworkCapability, Quantities } from '../../common/model/framework';
import { agentId, frameworkId } from '../../common/model/ids';
import { Resources, type DiskInfo, type Resource } from '../../common/model/resources';
import type { OfferConstraints } from '../../common/model/scheduler-protocol';
import { aScalar, dynamicFor, staticFor } from '../common/model/resource-arbitraries';
import { AllocatorCluster, aFramework, anAgent, anOffer, quantities, resources, sentence, type Subscription } from './allocator-cluster';

const a1 = agentId('a1');
const a2 = agentId('a2');
const f1 = frameworkId('f1');
const f2 = frameworkId('f2');

const longMs = 300 * 24 * 3600 * 1000;
const ssd: Attribute = { name: 'ssd', kind: 'text', text: 'yes' };
const needsSsd: OfferConstraints = new Map([['*', [[{ selector: { kind: 'attribute', name: 'ssd' }, predicate: { kind: 'exists' } }]]]]);

const revocableCpus = (units: number): Resources => Resources.of([aScalar('cpus', units * 1000, { revocable: true })]);
const disk = (units: number, info: DiskInfo): Resources => Resources.of([aScalar('disk', units * 1000, { disk: info })]);
const mountDisk = (units: number, root: string): Resources => disk(units, { source: { type: 'MOUNT', root, metadata: [] } });
const pathDisk = (units: number, root: string): Resources => disk(units, { source: { type: 'PATH', root, metadata: [] } });
const sharedVolume = aScalar('disk', 1_000_000, { reservations: [dynamicFor('eng')], disk: { persistence: { id: 'v' } }, shared: true });
const inRegion = (region: string): DomainInfo => ({ faultDomain: { region, zone: 'z' } });

/** `ops gets cpus:4`: where agents are alike, it does not matter which. */
const toRole = ({ role, resources: amounts }: Allocation): string => `${role} gets ${amounts.unallocated().toString()}`;

/** Of the one framework of a role. */
const idIn = (role: string): string => role.replaceAll('/', '-');

/** One framework per role, named after it. */
function frameworksIn(cluster: AllocatorCluster, roles: readonly string[], subscription: Subscription = {}): void {
  for (const role of roles) cluster.framework(idIn(role), { ...subscription, roles: [role] });
}

/** Agents `a1`, `a2` ... */
function agents(cluster: AllocatorCluster, ...totals: readonly (string | Resources)[]): void {
  totals.forEach((total, i) => cluster.agent(`a${i + 1}`, total));
}

function alike(count: number, total: string): readonly string[] {
  return new Array<string>(count).fill(total);
}

function roleOf(cluster: AllocatorCluster, name: string) {
  const role = cluster.allocator.roles().find((one) => one.role === name);
  if (role === undefined) throw new Error(`There is no role ${name}`);
  return role;
}

/** Takes `amounts` of an offer, and returns the rest. */
function launch(cluster: AllocatorCluster, offer: Allocation, amounts: string, refuseMs = 0): void {
  const taken = resources(amounts).allocatedTo(offer.role);
  cluster.allocator.transitionOfferedToAllocated(offer.frameworkId, offer.agentId, taken);
  const rest = offer.resources.minus(taken);
  if (!rest.isEmpty) cluster.decline({ ...offer, resources: rest }, refuseMs);
}

type Units = Readonly<Record<string, number>>;
interface QuotaUnits {
  readonly guarantees?: Units;
  readonly limits?: Units;
}

function setQuotas(cluster: AllocatorCluster, quotas: Readonly<Record<string, QuotaUnits>>): void {
  for (const [role, { guarantees = {}, limits = {} }] of Object.entries(quotas)) {
    cluster.allocator.updateQuota(role, { guarantees: quantities(guarantees), limits: quantities(limits) }, cluster.nowMs);
  }
}

describe('roles (2)', () => {
  test.each<[need: string, change: (cluster: AllocatorCluster) => void, undo: (cluster: AllocatorCluster) => void]>([
    ['a framework', (cluster) => cluster.framework('f1', { roles: ['eng/web'] }), (cluster) => cluster.allocator.removeFramework(f1, 0)],
    ['a reservation', (cluster) => cluster.agent('a1', 'cpus(eng/web):1'), (cluster) => cluster.allocator.removeAgent(a1, 0)],
    ['a weight', (cluster) => cluster.allocator.updateWeight('eng/web', 2), (cluster) => cluster.allocator.updateWeight('eng/web', 1)],
  ])('2: a role exists, with its ancestors, while %s needs it', (_need, change, undo) => {
    const cluster = new AllocatorCluster();
    const roles = (): string[] => cluster.allocator.roles().map(({ role }) => role);
    change(cluster);
    expect(roles()).toEqual(['eng', 'eng/web']);
    undo(cluster);
    expect(roles()).toEqual([]);
  });

  test('2: a quota alone keeps a role; what its subtree reserves, and is offered of the rest, it consumes; the default quota takes it away', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:4;cpus(eng/web):2;mem:1024');
    cluster.agent('a2', revocableCpus(3));
    setQuotas(cluster, { eng: { limits: { gold: 1 } }, ops: { limits: { cpus: 8 } } });
    cluster.framework('f1', { roles: ['eng/db'], capabilities: ['MULTI_ROLE', 'REVOCABLE_RESOURCES'] });
    cluster.advance(5);
    expect(cluster.allocator.roles().map(({ role }) => role)).toEqual(['eng', 'eng/db', 'eng/web', 'ops']);
    expect(roleOf(cluster, 'eng')).toMatchObject({ reserved: quantities({ cpus: 2 }), consumed: quantities({ cpus: 6, mem: 1024 }), charged: quantities({ cpus: 7, mem: 1024 }) });
    setQuotas(cluster, { ops: {} });
    expect(cluster.allocator.roles().map(({ role }) => role)).toEqual(['eng', 'eng/db', 'eng/web']);
  });
});

describe('shares (3.1)', () => {
  test.each<[claim: string, agentTotals: readonly (string | Resources)[], held: string | Resources, share: number, dominant: string | undefined, options: Partial<AllocatorOptions>]>([
    ['the greatest part of any scalar counts', ['cpus:10;mem:10240'], 'cpus:2;mem:1024', 2 / 10, 'cpus', {}],
    ['the total is that of all agents', ['cpus:10;mem:10240', 'cpus:10;mem:1024', 'cpus:20'], 'cpus:2;mem:2048', 2048 / 11_264, 'mem', {}],
    ['custom scalars count as any other', ['cpus:10;watts:300'], 'cpus:1;watts:60', 60 / 300, 'watts', {}],
    ['gpus count', ['cpus:10;gpus:4'], 'cpus:1;gpus:1', 1 / 4, 'gpus', {}],
    ['excluded names do not, in all their amounts', ['cpus:10;gpus:4'], 'cpus:1;gpus:4', 1 / 10, 'cpus', { fairSharingExcludedNames: new Set(['gpus']) }],
    ['with everything excluded nobody has a share', ['cpus:10'], 'cpus:5', 0, undefined, { fairSharingExcludedNames: new Set(['cpus']) }],
    ['ports and sets make no share', ['cpus:10;ports:[1-10];blades:{b1,b2}'], 'cpus:1;ports:[1-10];blades:{b1,b2}', 1 / 10, 'cpus', {}],
    ['reserved amounts count, held and in the total', ['cpus:6;cpus(r):4'], 'cpus(r):4', 4 / 10, 'cpus', {}],
    ['revocable amounts count, held and in the total', [resources('cpus:6').plus(revocableCpus(4))], revocableCpus(4), 4 / 10, 'cpus', {}],
    ['disks of all kinds are one name', [resources('disk:500').plus(mountDisk(300, '/m')).plus(pathDisk(200, '/p'))], mountDisk(300, '/m'), 300 / 1000, 'disk', {}],
    ['copies of a shared volume count once', [resources('disk:1000').plus(Resources.of([{ ...sharedVolume, reservations: [] }]))], Resources.of([1, 2, 3].map(() => ({ ...sharedVolume, reservations: [] }))), 1000 / 2000, 'disk', {}],
  ])('3.1: %s', (_claim, agentTotals, held, share, dominantResource, options) => {
    const cluster = new AllocatorCluster({ options });
    agents(cluster, ...agentTotals);
    const amounts = typeof held === 'string' ? resources(held) : held;
    cluster.framework('f1', { roles: ['r'], used: new Map([[a1, amounts.allocatedTo('r')]]) });
    expect(roleOf(cluster, 'r')).toMatchObject({ share, dominantResource });
  });

  test('3.1: a name of which there is nothing any more makes no share, though some of it is still held', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:10;gpus:2');
    cluster.framework('f1', { roles: ['r'], used: new Map([[a1, resources('cpus:1;gpus:2').allocatedTo('r')]]) });
    expect(roleOf(cluster, 'r').share).toBe(1);
    cluster.allocator.updateAgent(a1, anAgent('cpus:10'), cluster.nowMs);
    expect(roleOf(cluster, 'r')).toMatchObject({ share: 1 / 10, dominantResource: 'cpus' });
  });

  test('3.1: a share is divided by the weight of that very role; frameworks, and the frameworks of a role as one of its children, weigh 1', () => {
    const cluster = new AllocatorCluster();
    cluster.allocator.updateWeight('eng', 4);
    cluster.agent('a1', 'cpus:8');
    cluster.framework('f1', { roles: ['eng'], used: new Map([[a1, resources('cpus:2').allocatedTo('eng')]]) });
    const { standings } = cluster.allocator.explain(f1, 'eng', a1, 0);
    expect(standings.map(({ name, share, weight }) => [name, share, weight])).toEqual([['eng', 1 / 16, 4], ['eng/.', 1 / 4, 1], ['f1', 1 / 4, 1]]);
  });
});

describe('order (3.2 to 3.4)', () => {
  test.each<[claim: string, roles: readonly string[], weights: Units, expected: readonly string[]]>([
    ['3.2: only siblings are compared: ops has half, whatever happens within eng', ['eng/db', 'eng/web', 'ops'], {},
      ['eng/db', 'ops', 'eng/web', 'ops', 'eng/db', 'ops']],
    ['3.2: the frameworks of a role that has children are together one more child', ['eng', 'eng/db', 'eng/web'], {},
      ['eng', 'eng/db', 'eng/web', 'eng', 'eng/db', 'eng/web']],
    ['3.2: a role\'s weight is for its whole subtree: eng has three of four', ['eng', 'eng/web', 'ops'], { eng: 3 },
      ['eng', 'ops', 'eng/web', 'eng', 'ops', 'eng/web', 'eng', 'eng/web']],
    ['3.2: a role\'s weight is not that of its own frameworks among its children: they weigh 1 beside a child of weight 2', ['eng', 'eng/web'], { eng: 7, 'eng/web': 2 },
      ['eng', 'eng/web', 'eng/web', 'eng', 'eng/web', 'eng/web']],
    ['3.2: a weight that nobody set is 1', ['a', 'b'], { b: 2 }, ['a', 'b', 'b', 'a', 'b', 'b']],
    ['3.3: equals take turns, the smaller path first; paths go by plain string order', ['r10', 'r2', 'R3'], {}, ['R3', 'r10', 'r2', 'R3', 'r10', 'r2']],
    ['3.4: the order moves within one run, with every agent handed out', ['a', 'b'], {}, ['a', 'b', 'a', 'b']],
  ])('%s', (_claim, roles, weights, expected) => {
    const cluster = new AllocatorCluster();
    for (const [role, weight] of Object.entries(weights)) cluster.allocator.updateWeight(role, weight);
    frameworksIn(cluster, roles);
    agents(cluster, ...alike(expected.length, 'cpus:4;mem:1024'));
    expect(cluster.advance(5).map(({ role }) => role)).toEqual(expected);
    expect(cluster.allocator.runCount).toBe(1);
  });

  test('3.2: what an inactive framework holds still counts for the roles above it', () => {
    const cluster = new AllocatorCluster();
    frameworksIn(cluster, ['eng/db']);
    agents(cluster, ...alike(2, 'cpus:4'));
    expect(cluster.advance(5)).toHaveLength(2);
    cluster.allocator.deactivateFramework(frameworkId(idIn('eng/db')), cluster.nowMs);
    frameworksIn(cluster, ['eng/web', 'ops']);
    for (const name of ['a3', 'a4', 'a5']) cluster.agent(name, 'cpus:4');
    expect(cluster.advance(5).map(({ role }) => role)).toEqual(['ops', 'ops', 'eng/web']); // 2/5 and 0; 1/5; 2/5: eng has had as many grants, and the smaller name
  });

  test('3.3: of equal shares the one with fewer grants ever is first, and returning what was granted does not undo a grant', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:4');
    for (const name of ['framework10', 'framework2', 'framework3']) cluster.framework(name);
    const turns: string[] = [];
    for (let i = 0; i < 6; i++) {
      for (const offer of cluster.advance(1000)) {
        turns.push(offer.frameworkId);
        launch(cluster, offer, 'cpus:4');
        cluster.end(offer.frameworkId, 'a1', 'cpus:4');
      }
    }
    expect(turns.slice(0, 6)).toEqual(['framework10', 'framework2', 'framework3', 'framework10', 'framework2', 'framework3']);
  });

  test('3.4: what an operation makes of what is held is no grant: the next tie goes as if nothing had happened', () => {
    const cluster = new AllocatorCluster();
    frameworksIn(cluster, ['a', 'b']);
    agents(cluster, ...alike(2, 'cpus:4'));
    const [toA, toB] = cluster.advance(5);
    const reserved = resources('cpus:4').map((amount) => ({ ...amount, reservations: [dynamicFor('a')] }));
    cluster.allocator.updateAllocation(frameworkId('a'), toA!.agentId, toA!.resources, [{ consumed: toA!.resources, converted: reserved.allocatedTo('a') }], cluster.nowMs);
    cluster.agent('a3', 'cpus:4');
    expect([toB!.role, ...cluster.advance(5).map(({ role }) => role)]).toEqual(['b', 'a']);
  });

  test('3.4: a new weight counts from the next sort on, and moves nothing that is held', () => {
    const cluster = new AllocatorCluster();
    frameworksIn(cluster, ['a', 'b']);
    agents(cluster, ...alike(2, 'cpus:4'));
    cluster.advance(5);
    cluster.allocator.updateWeight('b', 3);
    for (const name of ['a3', 'a4']) cluster.agent(name, 'cpus:4');
    expect(cluster.advance(5).map(({ role }) => role)).toEqual(['b', 'b']); // 1/4 and 1/12; 1/4 and 2/12
  });

  test.each<[sorter: 'roleSorter' | 'frameworkSorter', subscription: (name: string) => readonly string[], heavy: readonly [least: number, greatest: number]]>([
    ['roleSorter', (name) => [name], [270, 330]], //        three of four chances in 400: 300, with a deviation of 9
    ['frameworkSorter', () => ['*'], [170, 230]], //        frameworks weigh 1: 200, with a deviation of 10
  ])('3.4: the random %s follows chances in proportion to weights, whatever the shares', (sorter, rolesOf, [least, greatest]) => {
    const cluster = new AllocatorCluster({ options: { [sorter]: 'random' } });
    cluster.allocator.updateWeight('heavy', 3);
    for (const name of ['heavy', 'light']) cluster.framework(name, { roles: rolesOf(name) });
    agents(cluster, ...alike(400, 'cpus:4'));
    const count = cluster.advance(5).filter(({ frameworkId: framework }) => framework === 'heavy').length;
    expect(count).toBeGreaterThanOrEqual(least);
    expect(count).toBeLessThanOrEqual(greatest);
    expect(count).not.toBe(sorter === 'roleSorter' ? 300 : 200); // Shares would make it exact.
  });
});

describe('when a run happens (4)', () => {
  /**
   * At 10.5 s: `f1` in `*` runs a task of 1 cpu on each of `a1` and `a2`; it and `f2` in `other` have refused the rest for long. `f3` is inactive, `a0` too.
   * The allow list leaves out `a9`. Nothing is due.
   */
  function aQuietCluster(): AllocatorCluster {
    const cluster = new AllocatorCluster();
    cluster.allocator.updateAllowList(new Set(['host']), 0);
    agents(cluster, ...alike(2, 'cpus:4;mem:1024'));
    for (const name of ['a0', 'a9']) cluster.agent(name, 'cpus:4;mem:1024', name === 'a9' ? { hostname: 'other' } : {});
    cluster.allocator.deactivateAgent(agentId('a0'));
    cluster.framework('f1');
    cluster.framework('f3', { active: false });
    for (const offer of cluster.advance(5)) launch(cluster, offer, 'cpus:1', longMs);
    cluster.framework('f2', { roles: ['other'] });
    for (const offer of cluster.advance(1000)) cluster.decline(offer, longMs);
    cluster.advance(9495);
    return cluster;
  }

  const task = resources('cpus:1').allocatedTo('*');
  const returns = (cause: 'ended' | 'declined' | 'rescinded') => (cluster: AllocatorCluster) => cluster.allocator.recoverResources(f1, a1, task, { cause, refuseMs: 0 }, cluster.nowMs);
  const update = (wishes: Parameters<typeof anAgent>[1], total = 'cpus:4;mem:1024') => (cluster: AllocatorCluster) => cluster.allocator.updateAgent(a1, anAgent(total, wishes), cluster.nowMs);
  const reserve = { consumed: resources('cpus:1'), converted: Resources.of([aScalar('cpus', 1000, { reservations: [dynamicFor('x')] })]) };

  test.each<[operation: string, change: (cluster: AllocatorCluster) => void, run: string]>([
    ['addFramework', (cluster) => cluster.framework('f9'), 'after 5 ms, over a1 a2'],
    ['addFramework, inactive', (cluster) => cluster.framework('f9', { active: false }), 'none'],
    ['activateFramework', (cluster) => cluster.allocator.activateFramework(frameworkId('f3'), cluster.nowMs), 'after 5 ms, over a1 a2'],
    ['revive', (cluster) => cluster.revive('f1', '*'), 'after 5 ms, over a1 a2'],
    ['addAgent', (cluster) => cluster.agent('a3', 'cpus:1'), 'after 5 ms, over a3'],
    ['updateAgent, new total', update({}, 'cpus:5;mem:1024'), 'after 5 ms, over a1'],
    ['updateAgent, new attributes', update({ attributes: [ssd] }), 'after 5 ms, over a1'],
    ['updateAgent, new domain', update({ domain: inRegion('far') }), 'after 5 ms, over a1'],
    ['updateAgent, nothing new', update({}), 'none'],
    ['updateUnavailability', (cluster) => cluster.allocator.updateUnavailability(a1, { startMs: 0 }, cluster.nowMs), 'after 5 ms, over a1'],
    ['updateUnavailability, none any more', (cluster) => cluster.allocator.updateUnavailability(a1, undefined, cluster.nowMs), 'after 5 ms, over a1'],
    ['recoverResources of an ended task (ours: not only the batch)', returns('ended'), 'after 5 ms, over a1'],
    ['recoverResources, declined', returns('declined'), 'the next batch, over a1'],
    ['recoverResources, rescinded', returns('rescinded'), 'the next batch, over a1'],
    ['removeFramework', (cluster) => cluster.allocator.removeFramework(f1, cluster.nowMs), 'the next batch, over a1 a2'],
    ['updateFramework', (cluster) => cluster.allocator.updateFramework(f1, aFramework(), [], new Map(), cluster.nowMs), 'the next batch, over a1 a2'],
    ['updateQuota', (cluster) => setQuotas(cluster, { ops: { guarantees: { cpus: 1 } } }), 'the next batch, over a1 a2'],
    ['updateAllowList, one more host', (cluster) => cluster.allocator.updateAllowList(undefined, cluster.nowMs), 'the next batch, over a9'],
    ['activateAgent', (cluster) => cluster.allocator.activateAgent(agentId('a0'), cluster.nowMs), 'the next batch, over a0'],
    ['updateAvailable', (cluster) => void cluster.allocator.updateAvailable(a1, [reserve], cluster.nowMs), 'the next batch, over a1'],
    ['updateAllocation', (cluster) => cluster.allocator.updateAllocation(f1, a1, task, [{ consumed: task, converted: reserve.converted.allocatedTo('*') }], cluster.nowMs), 'the next batch, over a1'],
    ['updateAllowList, one host less', (cluster) => cluster.allocator.updateAllowList(new Set(), cluster.nowMs), 'none'],
    ['updateWeight', (cluster) => cluster.allocator.updateWeight('other', 2), 'none'],
    ['suppress', (cluster) => cluster.suppress('f2'), 'none'],
    ['deactivateFramework', (cluster) => cluster.allocator.deactivateFramework(f2, cluster.nowMs), 'none'],
    ['deactivateAgent', (cluster) => cluster.allocator.deactivateAgent(a1), 'none'],
    ['removeAgent', (cluster) => cluster.allocator.removeAgent(a1, cluster.nowMs), 'none'],
    ['charge', (cluster) => cluster.allocator.charge(f2, a1, resources('cpus:1').allocatedTo('other')), 'none'],
    ['transitionOfferedToAllocated', (cluster) => cluster.allocator.transitionOfferedToAllocated(f1, a1, task), 'none'],
  ])('4: the run for %s', (_operation, change, expected) => {
    const cluster = aQuietCluster();
    expect(cluster.allocator.nextRunAtMs()).toBeGreaterThan(longMs);
    change(cluster);
    const dueMs = cluster.allocator.nextRunAtMs();
    const when = dueMs === cluster.nowMs + 5 ? 'after 5 ms' : dueMs === 11_000 ? 'the next batch' : dueMs > longMs ? 'none' : `at ${dueMs}`;
    if (when === 'none') {
      expect(when).toBe(expected);
      return;
    }
    cluster.allocator.run(dueMs);
    const visited = ['a0', 'a1', 'a2', 'a3', 'a9'].filter((name) => cluster.allocator.explain(f2, 'other', agentId(name), dueMs).lastVisitMs === dueMs);
    expect(`${when}, over ${visited.join(' ')}`).toBe(expected);
  });

  test('4: triggers are coalesced: a burst costs one run, at the time of the first', () => {
    const cluster = new AllocatorCluster();
    cluster.framework('f1');
    cluster.advance(10);
    const before = cluster.allocator.runCount;
    cluster.agent('a1', 'cpus:4');
    cluster.advance(3);
    cluster.agent('a2', 'cpus:4');
    cluster.revive('f1');
    expect(cluster.advance(2)).toHaveLength(2);
    expect(cluster.allocator.runCount - before).toBe(1);
  });
});

describe('the run (5)', () => {
  test('5.2: everything free on an agent goes to one framework, ports and all; the order is anew for the next agent', () => {
    const cluster = new AllocatorCluster();
    agents(cluster, ...alike(4, 'cpus:4;mem:1024;ports:[31000-31099]'));
    cluster.framework('f1');
    cluster.framework('f2');
    const offers = cluster.advance(5);
    expect(offers.map(({ frameworkId: framework }) => framework)).toEqual(['f1', 'f2', 'f1', 'f2']);
    for (const offer of offers) expect(offer.resources.toString()).toBe(resources('cpus:4;mem:1024;ports:[31000-31099]').allocatedTo('*').toString());
  });

  test.each<[stage: string, quotas: Readonly<Record<string, QuotaUnits>>]>([
    ['fair share', {}],
    ['guarantees', { ops: { guarantees: { cpus: 12 } } }],
  ])('5: the stage of %s visits agents in random order, so that none is always first', (_stage, quotas) => {
    const firsts = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const cluster = new AllocatorCluster({ seed });
      agents(cluster, ...alike(3, 'cpus:4'));
      setQuotas(cluster, quotas);
      frameworksIn(cluster, ['ops']);
      firsts.add(cluster.advance(5)[0]!.agentId);
    }
    expect([...firsts].sort()).toEqual(['a1', 'a2', 'a3']);
  });

  test('5.2: what the first may not have goes down the order within the same run', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', resources('cpus:4;mem(ops):512').plus(revocableCpus(2)));
    frameworksIn(cluster, ['dev', 'ops']);
    cluster.framework('spot', { roles: ['spot'], capabilities: ['MULTI_ROLE', 'REVOCABLE_RESOURCES'] });
    expect(cluster.advance(5).map(toRole)).toEqual(['dev gets cpus:4', 'ops gets mem(ops):512', 'spot gets cpus:2{revocable}']);
  });

  test('3: a framework in two roles is a client of each, with the shares of each', () => {
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
});

describe('quota (5.1, 5.2)', () => {
  const whole = 'cpus:8;mem:8192';
  type Row = [claim: string, agentTotals: readonly (string | Resources)[], quotas: Readonly<Record<string, QuotaUnits>>, roles: readonly string[], offers: readonly string[]];

  test.each<Row>([
    ['5.1: an unmet guarantee comes before the smaller name, and brings along what has neither guarantee nor limit',
      [whole], { ops: { guarantees: { cpus: 3 }, limits: { cpus: 3 } } }, ['dev', 'ops'], ['ops gets cpus:3;mem:8192', 'dev gets cpus:5']],
    ['5.1: beyond its guarantee the role gets up to its limit in the same offer',
      [whole], { ops: { guarantees: { cpus: 3 }, limits: { cpus: 5 } } }, ['dev', 'ops'], ['ops gets cpus:5;mem:8192', 'dev gets cpus:3']],
    ['5.1: without a limit it gets all there is', [whole], { ops: { guarantees: { cpus: 3 } } }, ['dev', 'ops'], ['ops gets cpus:8;mem:8192']],
    ['5.1: in the first stage, too, the tighter of limit and headroom counts, here the limit: 1 beyond the guarantee, and 8 less 3 less 2',
      [whole], { ops: { guarantees: { cpus: 3 }, limits: { cpus: 4 } }, qa: { guarantees: { cpus: 2 } } }, ['dev', 'ops'], ['ops gets cpus:4;mem:8192', 'dev gets cpus:2']],
    ['5.1: a limit on a name without a guarantee holds in the first stage, too',
      [whole], { ops: { guarantees: { cpus: 3 }, limits: { cpus: 3, mem: 1024 } } }, ['dev', 'ops'], ['ops gets cpus:3;mem:1024', 'dev gets cpus:5;mem:7168']],
    ['5.1: beyond its guarantee the role leaves what other guarantees need: 8 less 3 and 4 is 1',
      [whole], { ops: { guarantees: { cpus: 3 } }, qa: { guarantees: { cpus: 4 } } }, ['dev', 'ops'], ['ops gets cpus:4;mem:8192']],
    ['5.1: guarantees that are more than there is are served nevertheless, in order of shares',
      [whole], { ops: { guarantees: { cpus: 6 } }, qa: { guarantees: { cpus: 6 } } }, ['dev', 'ops', 'qa'], ['ops gets cpus:6;mem:8192', 'qa gets cpus:2']],
    ['5.1: the guarantee of a role is served from as many agents as it takes, a cpu of the last',
      alike(3, 'cpus:4'), { ops: { guarantees: { cpus: 9 }, limits: { cpus: 9 } } }, ['dev', 'ops'], ['ops gets cpus:4', 'ops gets cpus:4', 'ops gets cpus:1', 'dev gets cpus:3']],
    ['5.1: ports come with a guarantee', ['cpus:4;mem:512;ports:[1-9]'], { ops: { guarantees: { cpus: 1 }, limits: { cpus: 1, mem: 0 } } }, ['dev', 'ops'],
      ['ops gets cpus:1;ports:[1-9]', 'dev gets cpus:3;mem:512']],
    ['5.1, ours: a guarantee is the whole subtree\'s', [whole], { ops: { guarantees: { cpus: 3 }, limits: { cpus: 3 } } }, ['dev', 'ops/a'], ['ops/a gets cpus:3;mem:8192', 'dev gets cpus:5']],
    ['5.2: what a role without frameworks is guaranteed stays free', [whole], { ops: { guarantees: { cpus: 3 } } }, ['dev'], ['dev gets cpus:5;mem:8192']],
    ['5.2: what must stay free must do so somewhere in the cluster, not on every agent', alike(2, 'cpus:4;mem:4096'), { ops: { guarantees: { cpus: 4 } } }, ['dev'], ['dev gets cpus:4;mem:4096', 'dev gets mem:4096']],
    ['5.2: what must stay free of one name keeps nothing of another', [whole], { ops: { guarantees: { mem: 1024 } } }, ['dev'], ['dev gets cpus:8;mem:7168']],
    ['5.2: a guarantee beyond the cluster keeps all of its name free, and no more', [whole], { ops: { guarantees: { cpus: 100 } } }, ['dev'], ['dev gets mem:8192']],
    ['5.2: a role with a met guarantee is held by the guarantees of others as anybody is',
      ['cpus:4;cpus(ops):2'], { ops: { guarantees: { cpus: 2 } }, qa: { guarantees: { cpus: 3 } } }, ['ops'], ['ops gets cpus:1;cpus(ops):2']],
    ['5.2: a limit cuts a role\'s fair share, and the rest goes to the next', [whole], { ops: { limits: { cpus: 2 } } }, ['ops', 'qa'], ['ops gets cpus:2;mem:8192', 'qa gets cpus:6']],
    ['5.2: of limit and headroom the tighter counts, here the limit: 3, and 8 less 2', [whole], { ops: { limits: { cpus: 3 } }, qa: { guarantees: { cpus: 2 } } }, ['ops'], ['ops gets cpus:3;mem:8192']],
    ['5.2: of limit and headroom the tighter counts, here the headroom: 3, and 8 less 6', [whole], { ops: { limits: { cpus: 3 } }, qa: { guarantees: { cpus: 6 } } }, ['ops'], ['ops gets cpus:2;mem:8192']],
    ['5.2: a limit of 0 is a limit', [whole], { ops: { limits: { cpus: 0 } } }, ['ops', 'qa'], ['ops gets mem:8192', 'qa gets cpus:8']],
    ['5.2: a role that may have nothing worth an offer is passed over', [whole], { ops: { limits: { cpus: 0, mem: 16 } } }, ['ops', 'qa'], ['qa gets cpus:8;mem:8192']],
    ['5.2: a name without a limit is not limited', ['cpus:8;watts:90'], { ops: { limits: { cpus: 8, mem: 0 } } }, ['ops', 'qa'], ['ops gets cpus:8;watts:90']],
    ['5.2, ours: a limit is the whole subtree\'s, and nobody gets past it by way of subroles',
      alike(2, 'cpus:4;mem:4096'), { ops: { limits: { cpus: 6 } } }, ['ops/a', 'ops/b'], ['ops/a gets cpus:4;mem:4096', 'ops/b gets cpus:2;mem:4096']],
    ['2, 9: what is reserved for a role counts towards its guarantee, though nobody has it: 1 of 3 is missing',
      ['cpus:6;cpus(ops):2;mem:8192'], { ops: { guarantees: { cpus: 3 } } }, ['dev'], ['dev gets cpus:5;mem:8192']],
    ['2, 9: what is reserved for a subrole counts as well', ['cpus:6;cpus(ops/a/b):2;mem:8192'], { ops: { guarantees: { cpus: 3 } } }, ['dev'], ['dev gets cpus:5;mem:8192']],
    ['2, 9: what is reserved for a role uses up its limit', ['cpus:6;cpus(ops):2'], { ops: { limits: { cpus: 3 } } }, ['ops'], ['ops gets cpus:1;cpus(ops):2']],
    ['5.2: reserved amounts are offered beyond any limit', ['cpus:6;cpus(ops):5'], { ops: { limits: { cpus: 3 } } }, ['ops'], ['ops gets cpus(ops):5']],
    ['5.1, 9: with a guarantee come the role\'s own reservations, in one offer; those of its ancestors come by fair share',
      ['cpus:4;cpus(ops/a):1;mem(ops):512'], { ops: { guarantees: { cpus: 2 }, limits: { cpus: 4 } } }, ['ops/a'], ['ops/a gets cpus:3;cpus(ops/a):1', 'ops/a gets mem(ops):512']],
    ['5.2: a disk is cut to the limit', ['cpus:1;disk:1000'], { ops: { limits: { disk: 300 } } }, ['ops'], ['ops gets cpus:1;disk:300']],
    ['5.2: a PATH disk, too', [resources('cpus:1').plus(pathDisk(1000, '/p'))], { ops: { limits: { disk: 300 } } }, ['ops'], ['ops gets cpus:1;disk:300{disk PATH /p}']],
    ['5.2: a MOUNT disk is taken whole or not at all: of 700 and 300 within 500, 300', [resources('cpus:1').plus(mountDisk(700, '/m')).plus(mountDisk(300, '/n'))],
      { ops: { limits: { disk: 500 } } }, ['ops'], ['ops gets cpus:1;disk:300{disk MOUNT /n}']],
    ['5.2: headroom does not cut a MOUNT disk either: of one of 700 with 500 guaranteed nobody has anything', [resources('cpus:1').plus(mountDisk(700, '/m'))],
      { ops: { guarantees: { disk: 500 } } }, ['dev', 'ops'], ['dev gets cpus:1']],
  ])('%s', (_claim, agentTotals, quotas, roles, offers) => {
    const cluster = new AllocatorCluster();
    agents(cluster, ...agentTotals);
    setQuotas(cluster, quotas);
    frameworksIn(cluster, roles);
    expect(cluster.advance(5).map(toRole)).toEqual(offers);
    expect(cluster.advance(3000).map(toRole)).toEqual([]); // Nothing was forgotten, and nothing that is held back leaks out.
  });

  test('5.1: once its guarantee is met a role competes by its share', () => {
    const cluster = new AllocatorCluster();
    setQuotas(cluster, { ops: { guarantees: { cpus: 4 } } });
    frameworksIn(cluster, ['dev', 'ops']);
    for (const expected of [['ops gets cpus:4'], ['dev gets cpus:4'], ['dev gets cpus:4'], ['ops gets cpus:4']]) {
      cluster.agent(`a${cluster.nowMs}`, 'cpus:4');
      expect(cluster.advance(5).map(toRole)).toEqual(expected); // The third: equal shares, and one grant each.
    }
  });

  test('5.1: of several unmet guarantees the smallest share is served first, and within the role its frameworks take turns', () => {
    const cluster = new AllocatorCluster();
    agents(cluster, ...alike(4, 'cpus:4'));
    setQuotas(cluster, { ops: { guarantees: { cpus: 20 } }, qa: { guarantees: { cpus: 8 } } });
    cluster.framework('ops-1', { roles: ['ops'], used: new Map([[a1, resources('cpus:2').allocatedTo('ops')]]) });
    cluster.framework('ops-2', { roles: ['ops'] });
    frameworksIn(cluster, ['dev', 'qa']);
    cluster.allocator.deactivateAgent(a1);
    // Shares of 16 cpus: ops 2, qa 0; ops 2, qa 4; ops 6, qa 4.
    expect(cluster.advance(5).map(({ frameworkId: framework }) => framework)).toEqual(['qa', 'ops-2', 'qa']);
  });

  test('5.1, 5.5: what a role declines of its guarantee stays free for it, and is offered to nobody else', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:8');
    setQuotas(cluster, { ops: { guarantees: { cpus: 3 }, limits: { cpus: 3 } } });
    frameworksIn(cluster, ['dev', 'ops']);
    cluster.decline(cluster.advance(5).find(({ role }) => role === 'ops')!, 5000);
    expect(cluster.advance(5994).map(toRole)).toEqual([]);
    expect(cluster.advance(1).map(toRole)).toEqual(['ops gets cpus:3']);
  });

  test('5.2: what is offered counts against the limit before anything is launched, and room returns with the offer', () => {
    const cluster = new AllocatorCluster();
    setQuotas(cluster, { ops: { limits: { cpus: 4 } } });
    frameworksIn(cluster, ['ops']);
    cluster.agent('a1', 'cpus:4');
    const [offer] = cluster.advance(5);
    cluster.agent('a2', 'cpus:8');
    expect(cluster.offersWithin(3000)).toEqual([]);
    cluster.decline(offer!, longMs);
    expect(cluster.offersWithin(1000)).toEqual(['ops gets cpus:4 of a2 for role ops']);
  });

  test('5.1: what was kept free goes to the role when its framework comes; and while it has it, nothing more is kept', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:8');
    setQuotas(cluster, { ops: { guarantees: { cpus: 3 }, limits: { cpus: 3 } } });
    frameworksIn(cluster, ['dev']);
    expect(cluster.advance(5).map(toRole)).toEqual(['dev gets cpus:5']);
    frameworksIn(cluster, ['ops']);
    expect(cluster.advance(5).map(toRole)).toEqual(['ops gets cpus:3']);
    cluster.agent('a2', 'cpus:2');
    expect(cluster.advance(5).map(toRole)).toEqual(['dev gets cpus:2']);
  });

  test('7: a quota that is set holds from the next run on, and the default quota sets free what it held back', () => {
    const cluster = new AllocatorCluster();
    agents(cluster, 'cpus:8');
    frameworksIn(cluster, ['dev']);
    setQuotas(cluster, { ops: { guarantees: { cpus: 6 } } });
    expect(cluster.advance(5).map(toRole)).toEqual(['dev gets cpus:2']);
    setQuotas(cluster, { ops: {} });
    expect(cluster.advance(994).map(toRole)).toEqual([]);
    expect(cluster.advance(1).map(toRole)).toEqual(['dev gets cpus:6']);
  });

  test('9: revocable amounts are outside of quota: no limit cuts them, no guarantee keeps them', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', resources('cpus:2').plus(revocableCpus(4)));
    setQuotas(cluster, { dev: { limits: { cpus: 0 } }, ops: { guarantees: { cpus: 6 } } });
    frameworksIn(cluster, ['dev'], { capabilities: ['MULTI_ROLE', 'REVOCABLE_RESOURCES'] });
    expect(cluster.advance(5).map(toRole)).toEqual(['dev gets cpus:4{revocable}']);
    frameworksIn(cluster, ['ops']); // 4 revocable cpus of dev's consume nothing of the 6.
    expect(cluster.advance(5).map(toRole)).toEqual(['ops gets cpus:2']);
    expect(roleOf(cluster, 'dev')).toMatchObject({ consumed: new Map(), share: 4 / 6 });
  });
});

describe('reservations (5.3, 9)', () => {
  test.each<[holder: string, role: string, isOffered: boolean]>([
    ['eng', 'eng', true],
    ['eng', 'eng/web', true],
    ['eng', 'eng/web/api', true],
    ['eng/web', 'eng/web/api', true],
    ['eng/web', 'eng', false],
    ['eng/web', 'eng/db', false],
    ['eng/web', 'eng/webby', false],
    ['eng', 'ops', false],
    ['eng', '*', false],
  ])('5.3: what is reserved for %s may be offered in %s: %s', (holder, role, isOffered) => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', `cpus(${holder}):1;mem(${holder}):64`);
    frameworksIn(cluster, [role]);
    expect(cluster.advance(5000).map(toRole)).toEqual(isOffered ? [`${role} gets cpus(${holder}):1;mem(${holder}):64`] : []);
  });

  test.each<[capability: FrameworkCapability, what: string, special: Resource]>([
    ['RESERVATION_REFINEMENT', 'a stack of two reservations', aScalar('cpus', 2000, { reservations: [staticFor('eng'), dynamicFor('eng/web')] })],
    ['REVOCABLE_RESOURCES', 'a revocable amount', aScalar('cpus', 2000, { revocable: true })],
    ['SHARED_RESOURCES', 'a shared volume', sharedVolume],
  ])('5.1, 9: without %s, %s stays with the agent and the rest is offered; with it both are', (capability, _what, special) => {
    for (const capabilities of [[], [capability]]) {
      const cluster = new AllocatorCluster();
      const total = resources('cpus:1;mem:64').plus(Resources.of([special]));
      cluster.agent('a1', total);
      frameworksIn(cluster, ['eng/web'], { capabilities: ['MULTI_ROLE', ...capabilities] });
      expect(cluster.advance(5).map(toRole)).toEqual([`eng/web gets ${(capabilities.length === 0 ? resources('cpus:1;mem:64') : total).toString()}`]);
    }
  });

  test('9: one dynamic reservation needs no capability', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', Resources.of([aScalar('cpus', 2000, { reservations: [dynamicFor('eng')] })]));
    frameworksIn(cluster, ['eng']);
    expect(cluster.advance(5)).toHaveLength(1);
  });

  test('1, 9: a shared volume is free while it is in use: offered in every batch, once a run; one of its clients is charged once', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', Resources.of([sharedVolume]));
    for (const name of ['f1', 'f2']) cluster.framework(name, { roles: ['eng'], capabilities: ['MULTI_ROLE', 'SHARED_RESOURCES'], minAllocatable: { eng: [] } });
    const turns: string[] = [];
    for (let i = 0; i < 4; i++) turns.push(...cluster.advance(i === 0 ? 5 : 1000).map(({ frameworkId: framework }) => framework));
    expect(turns).toEqual(['f1', 'f2', 'f1', 'f2']);
    expect(cluster.allocator.charged(f1).get(a1)!.unallocated().equals(Resources.of([sharedVolume, sharedVolume]))).toBe(true);
    expect(roleOf(cluster, 'eng')).toMatchObject({ charged: quantities({ disk: 1000 }), share: 1 });
  });

  test('9: a shared volume that went out with a guarantee is not offered again by fair share in the same run', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', resources('cpus:2').plus(Resources.of([sharedVolume])));
    setQuotas(cluster, { eng: { guarantees: { cpus: 1 }, limits: { cpus: 1 } } });
    cluster.framework('guaranteed', { roles: ['eng'], capabilities: ['MULTI_ROLE', 'SHARED_RESOURCES'] });
    cluster.framework('below', { roles: ['eng/web'], capabilities: ['MULTI_ROLE', 'SHARED_RESOURCES'], minAllocatable: { 'eng/web': [] } });
    const names = (allocations: readonly Allocation[]): string[][] => allocations.map(({ frameworkId: framework, resources: amounts }) => [framework, ...amounts.names()]);
    expect(names(cluster.advance(5))).toEqual([['guaranteed', 'cpus', 'disk']]);
    expect(names(cluster.advance(1000))).toEqual([['below', 'disk']]);
  });
});

describe('minimum size (5.4)', () => {
  test('5.4: an empty bundle is never offered, not even to a framework that takes anything', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', revocableCpus(4)); // All of it is stripped for want of the capability.
    cluster.framework('f1', { minAllocatable: { '*': [] } });
    expect(cluster.offersWithin(5000)).toEqual([]);
    expect(cluster.allocator.charged(f1).size).toBe(0);
  });

  test.each<[claim: string, total: string, own: readonly Quantities[] | undefined, isOffered: boolean]>([
    ['0.01 cpus are enough', 'cpus:0.01', undefined, true],
    ['less than 0.01 cpus is not', 'cpus:0.009', undefined, false],
    ['32 MB are enough', 'mem:32', undefined, true],
    ['less than 32 MB is not', 'mem:31.999', undefined, false],
    ['crumbs of both do not add up', 'cpus:0.009;mem:31;disk:100;ports:[1-9]', undefined, false],
    ['one of two is enough, and all comes', 'cpus:4;mem:1;ports:[1-9]', undefined, true],
    ['what no size speaks of is never enough', 'disk:100000;ports:[1-9]', undefined, false],
    ['reserved and unreserved amounts add up', 'cpus:0.005;cpus(r):0.005', undefined, true],
    ['an own list takes the place of the default', 'cpus:4;mem:1024', [quantities({ cpus: 5 })], false],
    ['an own list may ask for less', 'disk:1', [quantities({ disk: 1 })], true],
    ['within a size all names must be there', 'cpus:4;mem:1024', [quantities({ cpus: 4, mem: 1025 })], false],
    ['of several sizes one is enough', 'cpus:4;mem:1024', [quantities({ cpus: 4, mem: 1025 }), quantities({ mem: 1024 })], true],
    ['an empty own list takes anything', 'cpus:0.001', [], true],
    ['an empty own list takes ports alone', 'ports:[7-7]', [], true],
  ])('5.4: %s', (_claim, total, own, isOffered) => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', total);
    cluster.framework('f1', { roles: ['r'], ...(own === undefined ? {} : { minAllocatable: { r: own } }) });
    expect(cluster.offersWithin(5000)).toEqual(isOffered ? [`f1 gets ${resources(total).toString()} of a1 for role r`] : []);
  });

  test('5.4: an own list is for its role only, and what it passes by is left to others', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('small', 'cpus:2');
    cluster.framework('f1', { roles: ['a', 'b'], minAllocatable: { a: [quantities({ cpus: 4 })] } });
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:2 of small for role b']);
    cluster.agent('large', 'cpus:4');
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:4 of large for role a']);
  });
});

describe('gates (5.6)', () => {
  const local = { region: 'here' };
  test.each<[claim: string, total: string, domain: DomainInfo | undefined, capabilities: readonly FrameworkCapability[], options: Partial<AllocatorOptions>, isOffered: boolean]>([
    ['of an agent with gpus nothing goes to a framework without GPU_RESOURCES', 'cpus:4;gpus:1', undefined, [], {}, false],
    ['of an agent with gpus everything goes to one with GPU_RESOURCES', 'cpus:4;gpus:1', undefined, ['GPU_RESOURCES'], {}, true],
    ['an agent with gpus goes to anybody when the gate is off', 'cpus:4;gpus:1', undefined, [], { filtersGpus: false }, true],
    ['a framework with GPU_RESOURCES gets agents without gpus', 'cpus:4', undefined, ['GPU_RESOURCES'], {}, true],
    ['gpus that are reserved for somebody else are gpus', 'cpus:4;gpus(ops):1', undefined, [], {}, false],
    ['an agent of another region does not go to a framework without REGION_AWARE', 'cpus:4', inRegion('far'), [], local, false],
    ['an agent of another region goes to a REGION_AWARE framework', 'cpus:4', inRegion('far'), ['REGION_AWARE'], local, true],
    ['an agent of the master\'s region goes to anybody', 'cpus:4', inRegion('here'), [], local, true],
    ['an agent without a domain is local', 'cpus:4', undefined, [], local, true],
    ['where the master has no region none is remote', 'cpus:4', inRegion('far'), [], {}, true],
  ])('5.6: %s', (_claim, total, domain, capabilities, options, isOffered) => {
    const cluster = new AllocatorCluster({ options });
    cluster.agent('a1', total, domain === undefined ? {} : { domain });
    cluster.framework('f1', { capabilities: ['MULTI_ROLE', ...capabilities] });
    expect(cluster.advance(5000)).toHaveLength(isOffered ? 1 : 0);
  });

  test('5.1: offer constraints exclude agents for their role only', () => {
    const cluster = new AllocatorCluster();
    cluster.framework('f1', { roles: ['*', 'b'], offerConstraints: needsSsd });
    cluster.agent('a1', 'cpus:4');
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:4 of a1 for role b']);
    cluster.agent('a2', 'cpus:4', { attributes: [ssd] });
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:4 of a2 for role *']);
  });
});

describe('decline filters (5.5, 6)', () => {
  const revocable = { capabilities: ['MULTI_ROLE', 'REVOCABLE_RESOURCES'] as const };

  test.each<[declined: string | Resources, then: string | Resources, isOffered: boolean]>([
    ['cpus:2;mem:512', 'cpus:2;mem:512', false],
    ['cpus:2;mem:512', 'cpus:2;mem:256', false],
    ['cpus:2;mem:512', 'cpus:1', false],
    ['cpus:2;mem:512', 'cpus:3;mem:256', true],
    ['cpus:2;mem:512', 'cpus:2;mem:513', true],
    ['cpus:2;mem:512', 'cpus:2;mem:512;disk:1', true],
    ['cpus:2;mem:512', 'cpus:1;cpus(eng):1;mem:512', true],
    ['cpus:2;ports:[1-9]', 'cpus:2;ports:[3-4]', false],
    ['cpus:2;ports:[1-9]', 'cpus:2;ports:[3-10]', true],
    ['cpus:2;mem:512', resources('cpus:2;mem:512').plus(revocableCpus(1)), true],
    [resources('cpus:2').plus(revocableCpus(1)), resources('cpus:2').plus(revocableCpus(2)), true],
    [resources('cpus:2').plus(revocableCpus(2)), resources('cpus:2').plus(revocableCpus(1)), false],
  ])('5.5: after %s was declined, %s is offered: %s', (declined, then, isOffered) => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', declined);
    cluster.framework('f1', { roles: ['eng'], ...revocable });
    cluster.decline(cluster.advance(5)[0]!, 60_000);
    cluster.allocator.updateAgent(a1, anAgent(then), cluster.nowMs);
    expect(cluster.advance(5000)).toHaveLength(isOffered ? 1 : 0);
  });

  test('6: filters for the same agent coexist: either refuses what it contains, together they refuse no more', () => {
    const cluster = new AllocatorCluster();
    const offeredOf = (total: string): Allocation[] => {
      cluster.allocator.updateAgent(a1, anAgent(total), cluster.nowMs);
      return cluster.advance(5);
    };
    cluster.agent('a1', 'cpus:2;mem:512');
    cluster.framework('f1');
    cluster.decline(cluster.advance(5)[0]!, 60_000);
    cluster.decline(offeredOf('cpus:1;mem:1024')[0]!, 60_000);
    expect(cluster.allocator.filterCount).toBe(2);
    expect(roleOf(cluster, '*').filterCount).toBe(2);
    expect(offeredOf('cpus:2;mem:511')).toEqual([]);
    expect(offeredOf('cpus:0.5;mem:1024')).toEqual([]);
    expect(offeredOf('cpus:2;mem:1024')).toHaveLength(1);
  });

  test.each<[refuseMs: number, declinedAtMs: number, nextOfferMs: number]>([
    [0, 5, 1000], //                  none: the next batch
    [1, 5, 2000], //                  at least the interval: until 1005
    [999, 5, 2000],
    [1000, 5, 2000],
    [5000, 5, 6000], //               the default: until 5005
    [5000, 1000, 7000], //            until 6000: the batch at that very instant still sees it
    [5000, 999, 6000],
    [366 * 86_400_000, 5, 365 * 86_400_000 + 1000], // at most 365 days
  ])('6: declined for %d ms at %d, an agent is offered again at %d', (refuseMs, declinedAtMs, nextOfferMs) => {
    const { cluster, offer } = anOffer();
    cluster.advance(declinedAtMs - cluster.nowMs);
    cluster.decline(offer, refuseMs);
    expect(cluster.offersWithin(nextOfferMs - 1 - cluster.nowMs)).toEqual([]);
    expect(cluster.offersWithin(1)).toHaveLength(1);
    expect(cluster.allocator.filterCount).toBe(0);
  });

  test('6: a filter is applied until the batch that removes it: a run in between, after its time, sees it still', () => {
    const { cluster, offer } = anOffer();
    cluster.decline(offer, 5000);
    cluster.advance(5495);
    cluster.allocator.updateAgent(a1, anAgent('cpus:3;mem:1024'), cluster.nowMs); // A run at 5505, though the filter was until 5005.
    expect(cluster.offersWithin(6000 - cluster.nowMs - 1)).toEqual([]);
    expect(cluster.offersWithin(1)).toEqual(['f1 gets cpus:3;mem:1024 of a1 for role *']);
  });

  test('6: a filter is for one framework, in one role, on one agent', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:4');
    cluster.framework('f1', { roles: ['a', 'b'] });
    cluster.decline(cluster.advance(5)[0]!, 60_000);
    expect(cluster.offersWithin(1000)).toEqual(['f1 gets cpus:4 of a1 for role b']);
    cluster.agent('a2', 'cpus:4');
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:4 of a2 for role a']);
  });

  test('6: declining keeps the agent from nobody else', () => {
    const { cluster, offer } = anOffer();
    cluster.framework('f2');
    cluster.decline(offer, 60_000);
    expect(cluster.offersWithin(5)).toEqual(['f2 gets cpus:4;mem:1024 of a1 for role *']);
  });

  test('6: a filter that lapses on an agent with nothing free offers nothing', () => {
    const { cluster, offer } = anOffer();
    cluster.decline(offer, 5000);
    cluster.framework('f2');
    cluster.advance(5);
    expect(cluster.offersWithin(20_000)).toEqual([]);
    expect(cluster.allocator.filterCount).toBe(0);
  });

  test.each<[state: string, change: (cluster: AllocatorCluster) => void]>([
    ['all roles are suppressed', (cluster) => cluster.suppress('f1')],
    ['all roles are suppressed by an update', (cluster) => cluster.allocator.updateFramework(f1, aFramework({ roles: ['*', 'b'] }), ['*', 'b'], new Map(), cluster.nowMs)],
  ])('6: a filter lapses in its time while %s; then nothing is due any more', (_state, change) => {
    const { cluster, offer } = anOffer();
    cluster.decline(offer, 5000);
    change(cluster);
    const inForce = (): unknown => [cluster.allocator.filterCount, roleOf(cluster, '*').filterCount, cluster.allocator.explain(f1, '*', a1, cluster.nowMs).filters.length];
    cluster.advance(5994);
    expect([cluster.nowMs, inForce(), cluster.allocator.nextRunAtMs()]).toEqual([5999, [1, 1, 1], 6000]);
    expect(cluster.runsWithin(1)).toEqual([{ allocations: [], inverseOffers: [] }]);
    expect([inForce(), cluster.allocator.nextRunAtMs(), cluster.allocator.runCount]).toEqual([[0, 0, 0], Infinity, 1]);
    cluster.revive('f1', '*');
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:4;mem:1024 of a1 for role *']);
  });

  test.each<[operation: string, change: (cluster: AllocatorCluster) => void, withinMs: number]>([
    ['REVIVE of the role', (cluster) => cluster.revive('f1', '*'), 5],
    ['REVIVE of all roles', (cluster) => cluster.revive('f1'), 5],
    ['a disconnection', (cluster) => { cluster.allocator.deactivateFramework(f1, cluster.nowMs); cluster.allocator.activateFramework(f1, cluster.nowMs); }, 5],
    ['a change of attributes', (cluster) => cluster.allocator.updateAgent(a1, anAgent('cpus:4;mem:1024', { attributes: [ssd] }), cluster.nowMs), 5],
    ['un-suppression by an update', (cluster) => { cluster.suppress('f1'); cluster.allocator.updateFramework(f1, aFramework(), [], new Map(), cluster.nowMs); }, 1000],
    ['leaving the role', (cluster) => { cluster.allocator.updateFramework(f1, aFramework({ roles: ['b'] }), ['b'], new Map(), cluster.nowMs); cluster.allocator.updateFramework(f1, aFramework(), [], new Map(), cluster.nowMs); }, 1000],
    ['removal of the agent', (cluster) => { cluster.allocator.removeAgent(a1, cluster.nowMs); cluster.agent('a1', 'cpus:4;mem:1024'); }, 5],
    ['removal of the framework', (cluster) => { cluster.allocator.removeFramework(f1, cluster.nowMs); cluster.framework('f1'); }, 5],
  ])('6: %s removes a filter early', (_operation, change, withinMs) => {
    const { cluster, offer } = anOffer();
    cluster.decline(offer, 3_600_000);
    change(cluster);
    expect(cluster.allocator.filterCount).toBe(0);
    expect(cluster.offersWithin(withinMs)).toEqual(['f1 gets cpus:4;mem:1024 of a1 for role *']);
  });

  test('6: a change of attributes removes the filters of all frameworks there, and those on no other agent', () => {
    const cluster = new AllocatorCluster();
    agents(cluster, ...alike(2, 'cpus:4'));
    for (const name of ['f1', 'f2']) cluster.framework(name);
    for (let i = 0; i < 2; i++) for (const offer of cluster.advance(1000)) cluster.decline(offer, 3_600_000);
    expect(cluster.allocator.filterCount).toBe(4);
    cluster.allocator.updateAgent(a1, anAgent('cpus:4', { attributes: [ssd] }), cluster.nowMs);
    expect(cluster.allocator.filterCount).toBe(2);
  });

  test.each<[operation: string, change: (cluster: AllocatorCluster) => void]>([
    ['a changed total', (cluster) => cluster.allocator.updateAgent(a1, anAgent('cpus:3;mem:1024'), cluster.nowMs)],
    ['another host name', (cluster) => cluster.allocator.updateAgent(a1, anAgent('cpus:4;mem:1024', { hostname: 'moved' }), cluster.nowMs)],
    ['deactivation of the agent', (cluster) => { cluster.allocator.deactivateAgent(a1); cluster.allocator.activateAgent(a1, cluster.nowMs); }],
    ['an allow list without the agent', (cluster) => { cluster.allocator.updateAllowList(new Set(), cluster.nowMs); cluster.allocator.updateAllowList(undefined, cluster.nowMs); }],
    ['suppression', (cluster) => cluster.suppress('f1', '*')],
    ['an update that leaves the subscription as it was', (cluster) => cluster.allocator.updateFramework(f1, aFramework({ capabilities: ['MULTI_ROLE', 'GPU_RESOURCES'] }), [], new Map(), cluster.nowMs)],
    ['a revival of another role', (cluster) => cluster.revive('f1', 'other')],
  ])('6: %s leaves it in place', (_operation, change) => {
    const { cluster, offer } = anOffer();
    cluster.decline(offer, 3_600_000);
    change(cluster);
    expect(cluster.offersWithin(5000)).toEqual([]);
    expect(cluster.allocator.filterCount).toBe(1);
  });

  test.each<[who: string, change: (cluster: AllocatorCluster) => void]>([
    ['a framework that is inactive', (cluster) => cluster.allocator.deactivateFramework(f1, cluster.nowMs)],
    ['a framework that has left the role', (cluster) => cluster.allocator.updateFramework(f1, aFramework({ roles: ['b'] }), [], new Map(), cluster.nowMs)],
  ])('6: %s installs none', (_who, change) => {
    const { cluster, offer } = anOffer();
    change(cluster);
    cluster.decline(offer, 60_000);
    expect(cluster.allocator.filterCount).toBe(0);
  });
});

describe('operations (7)', () => {
  const held = (cluster: AllocatorCluster, framework: string): Readonly<Record<string, string>> =>
    Object.fromEntries([...cluster.allocator.charged(frameworkId(framework))].map(([agent, amounts]) => [agent, amounts.unallocated().toString()]));
  const update = (cluster: AllocatorCluster, wishes: Subscription): void =>
    cluster.allocator.updateFramework(f1, aFramework(wishes), wishes.suppressedRoles ?? [], wishes.offerConstraints ?? new Map(), cluster.nowMs);
  const offerOf = (cluster: AllocatorCluster, ...totals: readonly string[]): Allocation => {
    agents(cluster, ...totals);
    cluster.framework('f1');
    return cluster.advance(5)[0]!;
  };
  const reservation = (units: number, role: string): Resources => Resources.of([aScalar('cpus', units * 1000, { reservations: [dynamicFor(role)] })]);

  test.each<[operation: string, effect: string, play: (cluster: AllocatorCluster) => unknown, expected: unknown]>([
    ['addFramework', 'charges what it uses on known agents', (cluster) => {
      cluster.agent('a1', 'cpus:4');
      const usedAmounts = resources('cpus:1').allocatedTo('*');
      cluster.framework('f1', { used: new Map([[a1, usedAmounts], [agentId('a9'), usedAmounts]]) });
      return [held(cluster, 'f1'), roleOf(cluster, '*').share, cluster.offersWithin(5)];
    }, [{ a1: 'cpus:1' }, 1 / 4, ['f1 gets cpus:3 of a1 for role *']]],
    ['addFramework', 'tracks it in all its roles; suppressed ones get nothing', (cluster) => {
      cluster.framework('f1', { roles: ['a', 'b'], suppressedRoles: ['a'] });
      agents(cluster, ...alike(2, 'cpus:4'));
      return [cluster.allocator.roles().map(({ role, frameworkIds }) => [role, ...frameworkIds]), cluster.advance(5).map(({ role }) => role)];
    }, [[['a', 'f1'], ['b', 'f1']], ['b', 'b']]],
    ['addFramework', 'charges an inactive one as well, and offers it nothing', (cluster) => {
      cluster.agent('a1', 'cpus:4');
      cluster.framework('f1', { active: false, used: new Map([[a1, resources('cpus:1').allocatedTo('*')]]) });
      return [held(cluster, 'f1'), cluster.offersWithin(5000)];
    }, [{ a1: 'cpus:1' }, []]],
    ['removeFramework', 'returns everything it holds to the others, and forgets its roles', (cluster) => {
      offerOf(cluster, 'cpus:4');
      cluster.framework('f2', { roles: ['b'] });
      cluster.allocator.removeFramework(f1, cluster.nowMs);
      return [cluster.offersWithin(1000), cluster.allocator.roles().map(({ role }) => role)];
    }, [['f2 gets cpus:4 of a1 for role b'], ['b']]],
    ['activateFramework', 'leaves suppressed roles suppressed', (cluster) => {
      cluster.framework('f1', { roles: ['a', 'b'], suppressedRoles: ['a'], active: false });
      agents(cluster, ...alike(2, 'cpus:4'));
      cluster.allocator.activateFramework(f1, cluster.nowMs);
      return cluster.advance(5).map(({ role }) => role);
    }, ['b', 'b']],
    ['deactivateFramework', 'ends offers; what it holds stays charged until it is returned', (cluster) => {
      const offer = offerOf(cluster, 'cpus:4');
      cluster.allocator.deactivateFramework(f1, cluster.nowMs);
      cluster.agent('a2', 'cpus:4');
      const charged = [roleOf(cluster, '*').charged, roleOf(cluster, '*').share];
      cluster.decline(offer);
      return [...charged, held(cluster, 'f1'), cluster.offersWithin(5000)];
    }, [quantities({ cpus: 4 }), 1 / 2, {}, []]],
    ['updateFramework', 'offers in added roles from the next batch on', (cluster) => {
      cluster.framework('f1', { roles: ['a'], suppressedRoles: ['a'] });
      cluster.agent('a1', 'cpus:4');
      update(cluster, { roles: ['a', 'b'], suppressedRoles: ['a'] });
      return [cluster.offersWithin(999), cluster.offersWithin(1)];
    }, [[], ['f1 gets cpus:4 of a1 for role b']]],
    ['updateFramework', 'ends offers in removed roles; what is held there is tracked until it returns', (cluster) => {
      const offer = offerOf(cluster, 'cpus:4');
      update(cluster, { roles: ['b'] });
      const roles = cluster.allocator.roles().map(({ role }) => role);
      cluster.decline(offer);
      return [roles, cluster.offersWithin(1000), cluster.allocator.roles().map(({ role }) => role)];
    }, [['*', 'b'], ['f1 gets cpus:4 of a1 for role b'], ['b']]],
    ['updateFramework', 'replaces capabilities', (cluster) => {
      cluster.agent('a1', 'cpus:4;gpus:1');
      cluster.framework('f1');
      const before = cluster.offersWithin(1000);
      update(cluster, { capabilities: ['MULTI_ROLE', 'GPU_RESOURCES'] });
      return [before, cluster.offersWithin(1000)];
    }, [[], ['f1 gets cpus:4;gpus:1 of a1 for role *']]],
    ['updateFramework', 'replaces offer constraints', (cluster) => {
      cluster.agent('a1', 'cpus:4');
      cluster.framework('f1', { offerConstraints: needsSsd });
      const before = cluster.offersWithin(1000);
      update(cluster, {});
      return [before, cluster.offersWithin(1000)];
    }, [[], ['f1 gets cpus:4 of a1 for role *']]],
    ['updateFramework', 'replaces minimum sizes', (cluster) => {
      cluster.agent('a1', 'cpus:4');
      cluster.framework('f1', { minAllocatable: { '*': [quantities({ cpus: 5 })] } });
      const before = cluster.offersWithin(1000);
      update(cluster, { minAllocatable: { '*': [quantities({ cpus: 4 })] } });
      return [before, cluster.offersWithin(1000)];
    }, [[], ['f1 gets cpus:4 of a1 for role *']]],
    ['updateFramework', 'makes the suppressed roles exactly those it names', (cluster) => {
      cluster.framework('f1', { roles: ['a', 'b'], suppressedRoles: ['a'] });
      update(cluster, { roles: ['a', 'b'], suppressedRoles: ['b'] });
      agents(cluster, ...alike(2, 'cpus:4'));
      return cluster.advance(5).map(({ role }) => role);
    }, ['a', 'a']],
    ['addAgent', 'adds to the totals, and charges what known frameworks use there', (cluster) => {
      cluster.framework('f1');
      cluster.agent('a1', 'cpus:4', {}, new Map([['f1', resources('cpus:1').allocatedTo('*')]]));
      return [held(cluster, 'f1'), roleOf(cluster, '*').share, cluster.offersWithin(5)];
    }, [{ a1: 'cpus:1' }, 1 / 4, ['f1 gets cpus:3 of a1 for role *']]],
    ['removeAgent', 'takes its total away with everything charged there; what comes back later is ignored', (cluster) => {
      const offer = offerOf(cluster, 'cpus:4');
      cluster.agent('a2', 'cpus:4');
      cluster.advance(5);
      cluster.allocator.removeAgent(a1, cluster.nowMs);
      cluster.decline(offer, 60_000);
      return [held(cluster, 'f1'), roleOf(cluster, '*').share, cluster.allocator.filterCount, cluster.offersWithin(5000)];
    }, [{ a2: 'cpus:4' }, 1, 0, []]],
    ['updateAgent', 'offers what has been added, and moves the shares', (cluster) => {
      offerOf(cluster, 'cpus:4');
      cluster.allocator.updateAgent(a1, anAgent('cpus:16;mem:64'), cluster.nowMs);
      return [roleOf(cluster, '*').share, cluster.offersWithin(5)];
    }, [1 / 4, ['f1 gets cpus:12;mem:64 of a1 for role *']]],
    ['updateAgent', 'offers nothing of an agent that has less than runs there, until enough of it has ended', (cluster) => {
      offerOf(cluster, 'cpus:4');
      cluster.allocator.updateAgent(a1, anAgent('cpus:2'), cluster.nowMs);
      cluster.end('f1', 'a1', 'cpus:1.5');
      const before = cluster.offersWithin(5000);
      cluster.end('f1', 'a1', 'cpus:1');
      return [before, cluster.offersWithin(5)];
    }, [[], ['f1 gets cpus:0.5 of a1 for role *']]],
    ['deactivateAgent', 'passes it over; it counts in the totals', (cluster) => {
      agents(cluster, ...alike(2, 'cpus:4'));
      cluster.allocator.deactivateAgent(a1);
      cluster.framework('f1');
      return [cluster.offersWithin(5000), roleOf(cluster, '*').share];
    }, [['f1 gets cpus:4 of a2 for role *'], 1 / 2]],
    ['activateAgent', 'has it offered in the next batch', (cluster) => {
      cluster.agent('a1', 'cpus:4');
      cluster.allocator.deactivateAgent(a1);
      cluster.framework('f1');
      cluster.advance(500);
      cluster.allocator.activateAgent(a1, cluster.nowMs);
      return [cluster.offersWithin(499), cluster.offersWithin(1)];
    }, [[], ['f1 gets cpus:4 of a1 for role *']]],
    ['updateAllocation', 'puts what operations made in place of what was offered, for the framework and in the agent\'s total', (cluster) => {
      cluster.agent('a1', 'cpus:4');
      frameworksIn(cluster, ['ops']);
      const [offer] = cluster.advance(5);
      cluster.allocator.updateAllocation(offer!.frameworkId, a1, offer!.resources, [{ consumed: resources('cpus:3').allocatedTo('ops'), converted: reservation(3, 'ops').allocatedTo('ops') }], cluster.nowMs);
      const [holding, { reserved, share }] = [held(cluster, 'ops'), roleOf(cluster, 'ops')];
      cluster.decline({ ...offer!, resources: reservation(3, 'ops').allocatedTo('ops') });
      frameworksIn(cluster, ['dev']);
      return [holding, reserved, share, cluster.advance(1000).map(toRole)];
    }, [{ a1: 'cpus:1;cpus(ops):3{dynamic ops}' }, quantities({ cpus: 3 }), 1, ['ops gets cpus(ops):3{dynamic ops}']]],
    ['updateAllocation', 'lets a later operation use what an earlier one made', (cluster) => {
      cluster.agent('a1', 'cpus:4');
      frameworksIn(cluster, ['ops']);
      const [offer] = cluster.advance(5);
      const [plain, reserved] = [offer!.resources, reservation(4, 'ops').allocatedTo('ops')];
      cluster.allocator.updateAllocation(offer!.frameworkId, a1, plain, [{ consumed: plain, converted: reserved }, { consumed: reserved, converted: plain }], cluster.nowMs);
      return [held(cluster, 'ops'), roleOf(cluster, 'ops').reserved];
    }, [{ a1: 'cpus:4' }, new Map()]],
    ['updateAllocation', 'with nothing consumed adds copies of a shared volume, and nothing to the agent', (cluster) => {
      cluster.agent('a1', Resources.of([sharedVolume]));
      cluster.framework('f1', { roles: ['eng'], capabilities: ['MULTI_ROLE', 'SHARED_RESOURCES'], minAllocatable: { eng: [] } });
      const [offer] = cluster.advance(5);
      cluster.allocator.updateAllocation(f1, a1, offer!.resources, [{ consumed: Resources.empty, converted: offer!.resources }], cluster.nowMs);
      const isTwice = cluster.allocator.charged(f1).get(a1)!.equals(offer!.resources.plus(offer!.resources));
      const [next] = cluster.advance(1000);
      return [isTwice, roleOf(cluster, 'eng').share, roleOf(cluster, 'eng').reserved, next!.resources.equals(offer!.resources)];
    }, [true, 1, quantities({ disk: 1000 }), true]],
    ['updateAvailable', 'makes of free resources what the operator asks for', (cluster) => {
      cluster.agent('a1', 'cpus:4');
      const isDone = cluster.allocator.updateAvailable(a1, [{ consumed: resources('cpus:3'), converted: reservation(3, 'ops') }], cluster.nowMs);
      frameworksIn(cluster, ['dev', 'ops']);
      return [isDone, cluster.advance(5).map(toRole)];
    }, [true, ['dev gets cpus:1', 'ops gets cpus(ops):3{dynamic ops}']]],
    ['updateAvailable', 'does nothing when what it consumes is not all free', (cluster) => {
      const offer = offerOf(cluster, 'cpus:4');
      cluster.decline({ ...offer, resources: resources('cpus:2').allocatedTo('*') });
      const ask = (units: number): boolean =>
        cluster.allocator.updateAvailable(a1, [{ consumed: resources('cpus:1'), converted: reservation(1, 'ops') }, { consumed: resources(`cpus:${units}`), converted: Resources.empty }], cluster.nowMs);
      return [ask(2), cluster.allocator.explain(f1, '*', a1, cluster.nowMs).free.toString(), ask(1), cluster.allocator.explain(f1, '*', a1, cluster.nowMs).free.toString()];
    }, [false, 'cpus:2', true, 'cpus(ops):1{dynamic ops}']],
    ['transitionOfferedToAllocated', 'changes neither charges nor shares', (cluster) => {
      const offer = offerOf(cluster, 'cpus:4', 'cpus:4');
      const before = cluster.allocator.roles();
      cluster.allocator.transitionOfferedToAllocated(f1, offer.agentId, offer.resources);
      return JSON.stringify(cluster.allocator.roles()) === JSON.stringify(before) && roleOf(cluster, '*').share;
    }, 1],
    ['recoverResources', 'returns a part, and the rest stays charged', (cluster) => {
      const offer = offerOf(cluster, 'cpus:4');
      cluster.decline({ ...offer, resources: resources('cpus:3').allocatedTo('*') }, 60_000);
      return [held(cluster, 'f1'), roleOf(cluster, '*').share, cluster.allocator.filterCount];
    }, [{ a1: 'cpus:1' }, 1 / 4, 1]],
    ['recoverResources', 'is ignored for frameworks and agents that are not known', (cluster) => {
      const offer = offerOf(cluster, 'cpus:4');
      cluster.decline({ ...offer, agentId: agentId('a9') }, 60_000);
      cluster.decline({ ...offer, frameworkId: frameworkId('f9') }, 60_000);
      return [held(cluster, 'f1'), cluster.allocator.filterCount, cluster.allocator.nextRunAtMs()];
    }, [{ a1: 'cpus:4' }, 0, Infinity]],
    ['suppress', 'ends offers in the roles named, and in no others', (cluster) => {
      cluster.framework('f1', { roles: ['a', 'b'] });
      cluster.suppress('f1', 'a');
      agents(cluster, ...alike(2, 'cpus:4'));
      return cluster.advance(5).map(({ role }) => role);
    }, ['b', 'b']],
    ['suppress', 'without roles means all', (cluster) => {
      cluster.framework('f1', { roles: ['a', 'b'] });
      cluster.suppress('f1');
      cluster.agent('a1', 'cpus:4');
      return cluster.offersWithin(5000);
    }, []],
    ['suppress', 'leaves charged what is held', (cluster) => {
      offerOf(cluster, 'cpus:4');
      cluster.suppress('f1');
      return [held(cluster, 'f1'), roleOf(cluster, '*').share];
    }, [{ a1: 'cpus:4' }, 1]],
    ['revive', 'un-suppresses the roles named, and no others', (cluster) => {
      cluster.framework('f1', { roles: ['a', 'b'], suppressedRoles: ['a', 'b'] });
      agents(cluster, ...alike(2, 'cpus:4'));
      cluster.revive('f1', 'b');
      return cluster.advance(5).map(({ role }) => role);
    }, ['b', 'b']],
    ['updateWeight', 'of a role without frameworks waits for them', (cluster) => {
      cluster.allocator.updateWeight('b', 3);
      frameworksIn(cluster, ['a', 'b']);
      agents(cluster, ...alike(4, 'cpus:4'));
      return cluster.advance(5).map(({ role }) => role);
    }, ['a', 'b', 'b', 'b']],
  ])('7: %s %s', (_operation, _effect, play, expected) => {
    expect(play(new AllocatorCluster())).toEqual(expected);
  });
});

describe('the allow list (5, 7)', () => {
  const hosts = ['h1', 'h2', 'h3'];
  test.each<[claim: string, allowed: readonly string[] | undefined, offered: readonly string[]]>([
    ['no list: all agents', undefined, hosts],
    ['a list: the agents of these host names', ['h1', 'h3', 'elsewhere'], ['h1', 'h3']],
    ['an empty list: none', [], []],
  ])('5: %s are offered, and all count in the totals', (_claim, allowed, offered) => {
    const cluster = new AllocatorCluster();
    cluster.allocator.updateAllowList(allowed === undefined ? undefined : new Set(allowed), 0);
    for (const host of hosts) cluster.agent(host, 'cpus:4', { hostname: host });
    cluster.framework('f1');
    expect(cluster.advance(5000).map(({ agentId: agent }) => agent).sort()).toEqual(offered);
    expect(roleOf(cluster, '*').share).toBe(offered.length / 3);
  });

  test('7: who comes onto the list is offered in the next batch; who goes keeps what it has', () => {
    const cluster = new AllocatorCluster();
    for (const host of hosts) cluster.agent(host, 'cpus:4', { hostname: host });
    cluster.allocator.updateAllowList(new Set(['h1']), 0);
    cluster.framework('f1');
    expect(cluster.offersWithin(500)).toEqual(['f1 gets cpus:4 of h1 for role *']);
    cluster.allocator.updateAllowList(new Set(['h2']), cluster.nowMs);
    expect(cluster.offersWithin(499)).toEqual([]);
    expect(cluster.offersWithin(1)).toEqual(['f1 gets cpus:4 of h2 for role *']);
    expect([...cluster.allocator.charged(f1).keys()].sort()).toEqual(['h1', 'h2']);
    cluster.end('f1', 'h1', 'cpus:4');
    expect(cluster.offersWithin(5000)).toEqual([]);
  });

  test('7: an agent that comes back under a host name on the list is offered', () => {
    const cluster = new AllocatorCluster();
    cluster.allocator.updateAllowList(new Set(['h2']), 0);
    cluster.agent('a1', 'cpus:4', { hostname: 'h1' });
    cluster.framework('f1');
    expect(cluster.offersWithin(1000)).toEqual([]);
    cluster.allocator.updateAgent(a1, anAgent('cpus:4', { hostname: 'h2' }), cluster.nowMs);
    expect(cluster.offersWithin(5)).toEqual(['f1 gets cpus:4 of a1 for role *']);
  });
});

describe('failover with quota (10)', () => {
  const aQuota = { ops: { limits: { cpus: 1 } } };

  test.each<[known: number, factor: number | undefined, needed: number]>([
    [1, undefined, 0], // floor(0.8)
    [2, undefined, 1],
    [5, undefined, 4],
    [9, undefined, 7],
    [10, undefined, 8],
    [10, 0.25, 2],
    [10, 0, 0],
  ])('10: of %d agents in the registry, with factor %s, %d are waited for', (known, recoveryAgentFactor, needed) => {
    const cluster = new AllocatorCluster({ options: recoveryAgentFactor === undefined ? {} : { recoveryAgentFactor } });
    setQuotas(cluster, aQuota);
    cluster.allocator.recover(known, 0);
    cluster.framework('f1');
    for (let agent = 1; agent < needed; agent++) {
      cluster.agent(`a${agent}`, 'cpus:4');
      expect(cluster.advance(5000)).toEqual([]);
    }
    cluster.agent('last', 'cpus:4'); // Whether the registry knows it or not.
    expect(cluster.advance(5)).toHaveLength(Math.max(1, needed));
  });

  test('10: after ten minutes nobody is waited for any more, and those who came are offered', () => {
    const cluster = new AllocatorCluster();
    setQuotas(cluster, aQuota);
    cluster.advance(100);
    cluster.allocator.recover(100, cluster.nowMs);
    cluster.framework('f1');
    cluster.agent('a1', 'cpus:4');
    expect(cluster.offersWithin(600_000 - 1)).toEqual([]);
    expect(cluster.allocator.explain(f1, '*', a1, cluster.nowMs).reason).toEqual({ kind: 'recovering', agentCount: 1, agentCountNeeded: 80, untilMs: 600_100 });
    expect(cluster.offersWithin(1 + 5)).toEqual(['f1 gets cpus:4 of a1 for role *']);
  });

  test.each<[claim: string, quotas: Readonly<Record<string, QuotaUnits>>]>([
    ['without a quota', {}],
    ['with a quota that was removed again', { ops: {} }],
  ])('10: %s nothing is waited for', (_claim, quotas) => {
    const cluster = new AllocatorCluster();
    setQuotas(cluster, { ...(Object.keys(quotas).length > 0 ? aQuota : {}) });
    setQuotas(cluster, quotas);
    cluster.allocator.recover(100, 0);
    cluster.framework('f1');
    cluster.agent('a1', 'cpus:4');
    expect(cluster.advance(5)).toHaveLength(1);
  });

  test('10: what happens while agents are waited for is not lost: who came, revived, was declined is offered when it is over', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:4');
    cluster.framework('f1');
    const [offer] = cluster.advance(5);
    setQuotas(cluster, { ops: { guarantees: { cpus: 4 } } });
    cluster.allocator.recover(2, cluster.nowMs);
    cluster.decline(offer!);
    frameworksIn(cluster, ['ops']);
    expect(cluster.advance(5000)).toEqual([]);
    cluster.agent('a2', 'cpus:4');
    expect(cluster.advance(5).map(toRole).sort()).toEqual(['* gets cpus:4', 'ops gets cpus:4']);
  });
});

describe('maintenance (11)', () => {
  const window = { startMs: 1_700_000_000_000, durationMs: 3_600_000 };
  const asked = ({ frameworkId: framework, agentId: agent }: InverseOfferRequest): string => `${framework} of ${agent}`;
  const askedWithin = (cluster: AllocatorCluster, ms: number): string[] => cluster.runsWithin(ms).flatMap(({ inverseOffers }) => inverseOffers.map(asked));
  const announce = (cluster: AllocatorCluster, agent = a1): void => cluster.allocator.updateUnavailability(agent, window, cluster.nowMs);

  /** `f1` and `f2` hold 2 cpus each of `a1`; `f2` holds `a2`, and `a4` of another host name; `a3` is free, since nobody takes gpus. */
  function aUsedCluster(): AllocatorCluster {
    const cluster = new AllocatorCluster();
    agents(cluster, 'cpus:4', 'cpus:4', 'cpus:4;gpus:1');
    cluster.agent('a4', 'cpus:4', { hostname: 'elsewhere' });
    const part = (units: number): Resources => resources(`cpus:${units}`).allocatedTo('*');
    cluster.framework('f1', { used: new Map([[a1, part(2)]]) });
    cluster.framework('f2', { used: new Map([[a1, part(2)], [a2, part(4)], [agentId('a4'), part(4)]]) });
    cluster.advance(500);
    return cluster;
  }

  test('11: each active framework that has something on the agent is asked once, with the window, within 5 ms', () => {
    const cluster = aUsedCluster();
    announce(cluster);
    const [run] = cluster.runsWithin(5);
    expect(run!.inverseOffers).toEqual([{ frameworkId: f1, agentId: a1, unavailability: window }, { frameworkId: f2, agentId: a1, unavailability: window }]);
    expect(askedWithin(cluster, 60_000)).toEqual([]);
  });

  test.each<[claim: string, change: (cluster: AllocatorCluster) => void, expected: readonly string[]]>([
    ['who has nothing there is not', (cluster) => announce(cluster, a2), ['f2 of a2']],
    ['on an agent that nobody uses nobody is', (cluster) => announce(cluster, agentId('a3')), []],
    ['who is inactive is not', (cluster) => { cluster.allocator.deactivateFramework(f1, cluster.nowMs); announce(cluster); }, ['f2 of a1']],
    ['who has suppressed its roles is', (cluster) => { cluster.suppress('f1'); announce(cluster); }, ['f1 of a1', 'f2 of a1']],
    ['all are, though all have suppressed their roles', (cluster) => { cluster.suppress('f1'); cluster.suppress('f2'); announce(cluster); }, ['f1 of a1', 'f2 of a1']],
    ['on an inactive agent nobody is, while on others everybody is', (cluster) => { cluster.allocator.deactivateAgent(a1); announce(cluster); announce(cluster, a2); }, ['f2 of a2']],
    ['on an agent off the allow list nobody is', (cluster) => { cluster.allocator.updateAllowList(new Set(['elsewhere']), cluster.nowMs); announce(cluster); announce(cluster, agentId('a4')); }, ['f2 of a4']],
    ['after the window was taken back nobody is', (cluster) => { announce(cluster); cluster.allocator.updateUnavailability(a1, undefined, cluster.nowMs); }, []],
    ['whoever has ended everything there before the run is not', (cluster) => { announce(cluster); cluster.end('f1', 'a1', 'cpus:2'); cluster.suppress('f1'); cluster.suppress('f2'); }, ['f2 of a1']],
  ])('11: asked to leave: %s', (_claim, change, expected) => {
    const cluster = aUsedCluster();
    change(cluster);
    expect(askedWithin(cluster, 3000)).toEqual(expected);
  });

  test.each<[claim: string, refuseMs: number, againMs: number]>([
    ['without a filter the next batch asks again', 0, 1000],
    ['a filter holds for the interval at least', 1, 2000],
    ['a filter of 5 s, from 505 ms on, lapses with the batch at 6 s', 5000, 6000],
  ])('11: after an answer %s', (_claim, refuseMs, againMs) => {
    const cluster = aUsedCluster();
    announce(cluster);
    cluster.advance(5);
    cluster.allocator.updateInverseOffer(f1, a1, 'decline', refuseMs, cluster.nowMs);
    expect(askedWithin(cluster, againMs - 1 - cluster.nowMs)).toEqual([]);
    expect(askedWithin(cluster, 1)).toEqual(['f1 of a1']);
  });

  test.each<[claim: string, change: (cluster: AllocatorCluster) => void, expected: readonly string[]]>([
    ['a new window asks everybody anew', (cluster) => announce(cluster), ['f1 of a1', 'f2 of a1']],
    ['one who comes back is asked anew, whatever it answered', (cluster) => { cluster.allocator.deactivateFramework(f1, cluster.nowMs); cluster.allocator.activateFramework(f1, cluster.nowMs); }, ['f1 of a1']],
    ['one who comes back is asked anew, if it had not answered', (cluster) => { cluster.allocator.deactivateFramework(f2, cluster.nowMs); cluster.allocator.activateFramework(f2, cluster.nowMs); }, ['f2 of a1']],
    ['REVIVE asks whoever answered again, whatever the roles', (cluster) => cluster.revive('f1', 'a role that it is not in'), ['f1 of a1']],
    ['REVIVE asks nobody who has still to answer, nor for others', (cluster) => cluster.revive('f2'), []],
    ['a request that was taken back is made again', (cluster) => cluster.allocator.updateInverseOffer(f2, a1, undefined, 0, cluster.nowMs), ['f2 of a1']],
    ['an answer from one who was not asked harms nobody', (cluster) => cluster.allocator.updateInverseOffer(frameworkId('f9'), a2, 'accept', 0, cluster.nowMs), []],
  ])('11: while requests and filters are out, %s', (_claim, change, expected) => {
    const cluster = aUsedCluster();
    announce(cluster);
    cluster.advance(5);
    cluster.allocator.updateInverseOffer(f1, a1, 'decline', 60_000, cluster.nowMs);
    change(cluster);
    expect(askedWithin(cluster, 3000)).toEqual(expected);
  });

  test('6.7, 11: the run that REVIVE triggers asks again, however long the filter, and leaves the answer as it was', () => {
    const cluster = aUsedCluster();
    announce(cluster);
    cluster.advance(5);
    cluster.allocator.updateInverseOffer(f1, a1, 'decline', 3_600_000, cluster.nowMs);
    cluster.advance(95);
    cluster.revive('f1');
    expect(askedWithin(cluster, 4)).toEqual([]);
    expect(askedWithin(cluster, 1)).toEqual(['f1 of a1']);
    expect(askedWithin(cluster, 60_000)).toEqual([]);
    expect(cluster.allocator.inverseOfferAnswers(a1)).toEqual(new Map([[f1, 'decline']]));
  });

  test('11: the last answer of each framework is kept, as long as the window', () => {
    const cluster = aUsedCluster();
    announce(cluster);
    cluster.advance(5);
    cluster.allocator.updateInverseOffer(f1, a1, 'decline', 0, cluster.nowMs);
    cluster.allocator.updateInverseOffer(f2, a1, 'decline', 0, cluster.nowMs);
    cluster.allocator.updateInverseOffer(f2, a1, 'accept', 0, cluster.nowMs);
    cluster.allocator.updateInverseOffer(f2, a1, undefined, 0, cluster.nowMs);
    expect(cluster.allocator.inverseOfferAnswers(a1)).toEqual(new Map([[f1, 'decline'], [f2, 'accept']]));
    expect(cluster.allocator.inverseOfferAnswers(a2)).toEqual(new Map());
    announce(cluster);
    expect(cluster.allocator.inverseOfferAnswers(a1)).toEqual(new Map());
  });

  test('11: a machine that will be away is offered as before, and who takes the offer is asked to leave in the same run', () => {
    const cluster = new AllocatorCluster();
    cluster.agent('a1', 'cpus:4');
    announce(cluster);
    cluster.framework('f1');
    const [run] = cluster.runsWithin(5);
    expect([run!.allocations.map(sentence), run!.inverseOffers.map(asked)]).toEqual([['f1 gets cpus:4 of a1 for role *'], ['f1 of a1']]);
  });
});

test('11: a later, shorter answer does not shorten a filter that lives', () => {
  const cluster = new AllocatorCluster();
  cluster.agent('a1', 'cpus:4');
  cluster.framework('f1', { used: new Map([[agentId('a1'), resources('cpus:4').allocatedTo('*')]]) });
  cluster.allocator.updateUnavailability(agentId('a1'), { startMs: 0 }, 0);
  cluster.advance(5);
  cluster.allocator.updateInverseOffer(frameworkId('f1'), agentId('a1'), 'decline', 60_000, cluster.nowMs);
  cluster.allocator.updateInverseOffer(frameworkId('f1'), agentId('a1'), 'decline', 1, cluster.nowMs);
  expect(cluster.runsWithin(50_000).flatMap(({ inverseOffers }) => inverseOffers)).toEqual([]);
});
