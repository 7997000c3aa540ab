// Explain: why an agent is, or is not, offered to a framework in a role.
//
// Proves:    each reason with its numbers (X2: the first that a run would come upon), what else an explanation tells, that what it foretells happens, and
//            that asking changes nothing (X1).
// How:       one small cluster per reason; then random histories, one of which is asked about everything all the time while its twin is not.

import fc from 'fast-check';
import type { Allocation, AllocatorOptions, Explanation, ExplanationReason } from '../../allocator/allocator';
import { agentId, frameworkId } from '../../common/model/ids';
import type { RegexCompiler } from '../../common/model/regex';
import { Resources } from '../../common/model/resources';
import type { AttributeConstraint, OfferConstraints } from '../../common/model/scheduler-protocol';
import { aScalar, dynamicFor } from '../common/model/resource-arbitraries';
import { AllocatorCluster, anAgent, quantities, resources, type aFramework } from './allocator-cluster';
import { historyArbitrary, Replay, type Step } from './allocator-history';

const [a1, f1, f2] = [agentId('a1'), frameworkId('f1'), frameworkId('f2')];

function explained(cluster: AllocatorCluster, role = '*', framework = 'f1', agent = 'a1'): Explanation {
  return cluster.allocator.explain(frameworkId(framework), role, agentId(agent), cluster.nowMs);
}

/** With bundles as text. */
function told(reason: ExplanationReason): unknown {
  if ('bundle' in reason) return { ...reason, bundle: reason.bundle.toString(), ...('refused' in reason ? { refused: reason.refused.toString() } : {}) };
  return reason;
}

const ssd: AttributeConstraint = { selector: { kind: 'attribute', name: 'ssd' }, predicate: { kind: 'exists' } };
const named: AttributeConstraint = { selector: { kind: 'pseudoattribute', name: 'HOSTNAME' }, predicate: { kind: 'text-equals', value: 'host' } };
const special = Resources.of([aScalar('cpus', 1000, { revocable: true }), aScalar('mem', 64_000, { reservations: [dynamicFor('eng'), dynamicFor('eng/web')] })]);

type Reason = ExplanationReason['kind'];

/** `a1` has 4 cpus, and `f1` is in the role `*`, unless the case says otherwise. */
const cases: Readonly<Record<Reason, readonly { readonly claim: string; readonly given: () => Explanation; readonly reason: unknown }[]>> = {
  'framework-unknown': [{ claim: 'nobody of that name', given: () => explained(aCluster(), '*', 'f9'), reason: { kind: 'framework-unknown' } }],
  'agent-unknown': [{ claim: 'no machine of that name', given: () => explained(aCluster(), '*', 'f1', 'a9'), reason: { kind: 'agent-unknown' } }],
  'role-not-subscribed': [
    { claim: 'a role that the framework is not in', given: () => explained(aCluster(), 'ops'), reason: { kind: 'role-not-subscribed' } },
    {
      claim: 'a role that it left while it still holds something in it',
      given: () => {
        const cluster = aCluster();
        cluster.allocator.charge(f1, a1, resources('cpus:1').allocatedTo('ops'));
        return explained(cluster, 'ops');
      },
      reason: { kind: 'role-not-subscribed' },
    },
  ],
  'framework-inactive': [
    { claim: 'a framework that is away', given: () => explained(aCluster((cluster) => cluster.allocator.deactivateFramework(f1, 0))), reason: { kind: 'framework-inactive' } },
  ],
  'role-suppressed': [{ claim: 'a role that it suppressed', given: () => explained(aCluster((cluster) => cluster.suppress('f1'))), reason: { kind: 'role-suppressed' } }],
  recovering: [
    {
      claim: 'a new leader that waits for agents',
      given: () => {
        const cluster = new AllocatorCluster();
        cluster.allocator.updateQuota('eng', { guarantees: quantities({ cpus: 1 }), limits: new Map() }, 0);
        cluster.allocator.recover(5, 0);
        cluster.framework('f1');
        cluster.agent('a1', 'cpus:4');
        return explained(cluster);
      },
      reason: { kind: 'recovering', agentCount: 1, agentCountNeeded: 4, untilMs: 600_000 },
    },
  ],
  'agent-inactive': [{ claim: 'a machine that was deactivated', given: () => explained(aCluster((cluster) => cluster.allocator.deactivateAgent(a1))), reason: { kind: 'agent-inactive' } }],
  'agent-not-allowed': [
    { claim: 'a machine that is not on the allow list', given: () => explained(aCluster((cluster) => cluster.allocator.updateAllowList(new Set(['other']), 0))), reason: { kind: 'agent-not-allowed' } },
  ],
  'nothing-free': [{ claim: 'everything is held', given: () => explained(aCluster((cluster) => cluster.advance(5))), reason: { kind: 'nothing-free' } }],
  'reserved-for-others': [
    {
      claim: 'everything free is reserved for roles other than its own and those above',
      given: () => explained(aCluster(() => undefined, { total: 'cpus(ops):4;mem(eng/web):64;mem(ops):64', roles: ['eng'] }), 'eng'),
      reason: { kind: 'reserved-for-others', roles: ['eng/web', 'ops'] },
    },
  ],
  constraint: [
    {
      claim: 'the first of the first group that fails',
      given: () => {
        const cluster = new AllocatorCluster();
        cluster.framework('f1', { offerConstraints: new Map([['*', [[named, ssd], [ssd]]]]) });
        cluster.agent('a1', 'cpus:4');
        return explained(cluster);
      },
      reason: { kind: 'constraint', constraint: ssd },
    },
  ],
  gpus: [{ claim: 'an agent with gpus', given: () => explained(aCluster(() => undefined, { total: 'cpus:4;gpus:1' })), reason: { kind: 'gpus' } }],
  region: [
    {
      claim: 'an agent of another region',
      given: () => {
        const cluster = new AllocatorCluster({ options: { region: 'attic' } });
        cluster.framework('f1');
        cluster.agent('a1', 'cpus:4', { domain: { faultDomain: { region: 'cellar', zone: 'z' } } });
        return explained(cluster);
      },
      reason: { kind: 'region', region: 'cellar' },
    },
  ],
  incapable: [
    {
      claim: 'everything free needs capabilities that it lacks',
      given: () => explained(aCluster(() => undefined, { total: special, roles: ['eng/web'] }), 'eng/web'),
      reason: { kind: 'incapable', missing: ['RESERVATION_REFINEMENT', 'REVOCABLE_RESOURCES'] },
    },
  ],
  'too-small': [
    {
      claim: 'less than the global list asks for',
      given: () => explained(aCluster(() => undefined, { total: 'cpus:0.005;disk:100' })),
      reason: { kind: 'too-small', bundle: 'cpus:0.005;disk:100', minAllocatable: [quantities({ cpus: 0.01 }), quantities({ mem: 32 })] },
    },
    {
      claim: 'less than its own list asks for, of what it may have',
      given: () => {
        const cluster = new AllocatorCluster();
        cluster.framework('f1', { minAllocatable: { '*': [quantities({ cpus: 5 })] } });
        cluster.agent('a1', resources('cpus:4').plus(Resources.of([aScalar('cpus', 2000, { revocable: true })])));
        return explained(cluster);
      },
      reason: { kind: 'too-small', bundle: 'cpus:4', minAllocatable: [quantities({ cpus: 5 })] },
    },
  ],
  quota: [
    {
      claim: 'the limit of the role above is reached',
      given: () =>
        explained(aCluster((cluster) => cluster.allocator.updateQuota('eng', { guarantees: new Map(), limits: quantities({ cpus: 0 }) }, 0), { total: 'cpus:4;mem:16', roles: ['eng/web'] }), 'eng/web'),
      reason: { kind: 'quota', bundle: 'mem:16', cutByLimit: ['cpus'], cutByHeadroom: [] },
    },
    {
      claim: 'what is free is kept for the guarantees of others',
      given: () => explained(aCluster((cluster) => cluster.allocator.updateQuota('eng', { guarantees: quantities({ cpus: 9 }), limits: new Map() }, 0))),
      reason: { kind: 'quota', bundle: '', cutByLimit: [], cutByHeadroom: ['cpus'] },
    },
    {
      claim: 'its own guarantee is of another resource than the agent has, and its limit reached',
      given: () =>
        explained(aCluster((cluster) => cluster.allocator.updateQuota('eng', { guarantees: quantities({ mem: 64 }), limits: quantities({ cpus: 0 }) }, 0), { roles: ['eng'] }), 'eng'),
      reason: { kind: 'quota', bundle: '', cutByLimit: ['cpus'], cutByHeadroom: [] },
    },
  ],
  filtered: [
    {
      claim: 'it declined at least as much for longer',
      given: () => explained(aCluster((cluster) => cluster.advance(5).forEach((offer) => cluster.decline(offer, 5000)))),
      reason: { kind: 'filtered', bundle: 'cpus:4', refused: 'cpus:4', untilMs: 6000 },
    },
  ],
  behind: [
    {
      claim: 'others who would be offered it stand before it in the order',
      given: () => {
        const cluster = aCluster((cluster) => {
          cluster.framework('f2', { roles: ['eng', 'ops'] });
          cluster.framework('f3', { roles: ['eng'], minAllocatable: { eng: [quantities({ cpus: 99 })] } });
          cluster.agent('a2', 'cpus:4');
          cluster.allocator.charge(f1, agentId('a2'), resources('cpus:4').allocatedTo('*'));
        });
        return explained(cluster);
      },
      reason: { kind: 'behind', ahead: [{ frameworkId: f2, role: 'eng' }, { frameworkId: f2, role: 'ops' }] },
    },
    {
      claim: 'others whose guarantee is not met come before it, whatever their shares',
      given: () => {
        const cluster = aCluster((cluster) => {
          cluster.framework('f2', { roles: ['eng'] });
          cluster.agent('a2', 'cpus:4');
          cluster.agent('a3', 'cpus:4');
          cluster.allocator.charge(f2, agentId('a2'), resources('cpus:4').allocatedTo('eng'));
          cluster.allocator.updateQuota('eng', { guarantees: quantities({ cpus: 5 }), limits: new Map() }, 0);
        });
        return explained(cluster);
      },
      reason: { kind: 'behind', ahead: [{ frameworkId: f2, role: 'eng' }] },
    },
  ],
  'by-chance': [
    {
      claim: 'others whom a random sorter may draw first, in whatever role',
      given: () => explained(drawn({ roleSorter: 'random' })),
      reason: { kind: 'by-chance', bundle: 'cpus:4', rivals: [{ frameworkId: f2, role: 'eng' }] },
    },
    {
      claim: 'others in the same role, where only these are drawn',
      given: () => explained(drawn({ frameworkSorter: 'random' })),
      reason: { kind: 'by-chance', bundle: 'cpus:4', rivals: [{ frameworkId: frameworkId('f3'), role: '*' }] },
    },
  ],
  'would-be-offered': [
    { claim: 'nothing speaks against it', given: () => explained(aCluster()), reason: { kind: 'would-be-offered', bundle: 'cpus:4' } },
    {
      claim: 'cut to what its limit leaves',
      given: () => explained(aCluster((cluster) => cluster.allocator.updateQuota('eng', { guarantees: new Map(), limits: quantities({ cpus: 1 }) }, 0), { roles: ['eng'] }), 'eng'),
      reason: { kind: 'would-be-offered', bundle: 'cpus:1' },
    },
    {
      claim: 'its guarantee is served, whatever headroom is left',
      given: () => explained(aCluster((cluster) => cluster.allocator.updateQuota('eng', { guarantees: quantities({ cpus: 9 }), limits: new Map() }, 0), { roles: ['eng'] }), 'eng'),
      reason: { kind: 'would-be-offered', bundle: 'cpus:4' },
    },
  ],
};

/** `f1` holds less than `f3` in the role `*`, which comes before `eng`, where `f2` is. Who would win these comparisons is drawn where `sorters` say so. */
function drawn(sorters: Partial<Pick<AllocatorOptions, 'roleSorter' | 'frameworkSorter'>>): AllocatorCluster {
  const cluster = new AllocatorCluster({ options: sorters });
  for (const name of ['f1', 'f3']) cluster.framework(name);
  cluster.framework('f2', { roles: ['eng'] });
  for (const name of ['a1', 'a2', 'a3']) cluster.agent(name, 'cpus:4');
  cluster.allocator.charge(frameworkId('f3'), agentId('a2'), resources('cpus:1').allocatedTo('*'));
  cluster.allocator.charge(f2, agentId('a3'), resources('cpus:2').allocatedTo('eng'));
  return cluster;
}

test('what is drawn is told as drawn, and what is not as certain', () => {
  const kinds = (sorters: Parameters<typeof drawn>[0]): unknown => {
    const cluster = drawn(sorters);
    return (['f1', 'f3', 'f2'] as const).map((name) => {
      const { reason, standings } = explained(cluster, name === 'f2' ? 'eng' : '*', name);
      return [reason.kind, standings[0]?.rank, standings.at(-1)?.rank];
    });
  };
  expect(kinds({})).toEqual([['would-be-offered', 1, 1], ['behind', 1, 2], ['behind', 2, 1]]);
  expect(kinds({ roleSorter: 'random' })).toEqual([['by-chance', undefined, 1], ['behind', undefined, 2], ['by-chance', undefined, 1]]);
  expect(kinds({ frameworkSorter: 'random' })).toEqual([['by-chance', 1, undefined], ['by-chance', 1, undefined], ['behind', 2, 1]]);
  expect(kinds({ roleSorter: 'random', frameworkSorter: 'random' })).toEqual([['by-chance', undefined, undefined], ['by-chance', undefined, undefined], ['by-chance', undefined, 1]]);
});

test('where orders are drawn, an unmet guarantee still comes first for certain', () => {
  const cluster = drawn({ roleSorter: 'random', frameworkSorter: 'random' });
  cluster.allocator.updateQuota('eng', { guarantees: quantities({ cpus: 3 }), limits: new Map() }, 0);
  expect(told(explained(cluster).reason)).toEqual({ kind: 'behind', ahead: [{ frameworkId: f2, role: 'eng' }] });
  expect(explained(cluster, 'eng', 'f2').reason.kind).toBe('would-be-offered');
});

interface ClusterWishes {
  readonly total?: string | Resources;
  readonly roles?: readonly string[];
}

function aCluster(change: (cluster: AllocatorCluster) => unknown = () => undefined, { total = 'cpus:4', roles = ['*'] }: ClusterWishes = {}): AllocatorCluster {
  const cluster = new AllocatorCluster();
  cluster.framework('f1', { roles });
  cluster.agent('a1', total);
  change(cluster);
  return cluster;
}

const rows = Object.entries(cases).flatMap(([kind, list]) => list.map(({ claim, given, reason }) => [kind, claim, given, reason] as const));

test.each(rows)('%s: %s', (_kind, _claim, given, reason) => {
  expect(told(given().reason)).toEqual(reason);
});

test('the first reason that a run would come upon is told, however many there are', () => {
  const cluster = new AllocatorCluster({ options: { region: 'attic' } });
  cluster.framework('f1', { offerConstraints: new Map([['*', [[ssd]]]]), active: false, suppressedRoles: ['*'] });
  cluster.agent('a1', 'cpus:0.001;gpus:1', { domain: { faultDomain: { region: 'cellar', zone: 'z' } } });
  cluster.allocator.deactivateAgent(a1);
  cluster.allocator.updateAllowList(new Set(), 0);
  const kinds: string[] = [];
  const tell = (): unknown => kinds.push(explained(cluster).reason.kind);
  const update = (capabilities: readonly ('GPU_RESOURCES' | 'REGION_AWARE')[]): void =>
    cluster.allocator.updateFramework(f1, { ...aFrameworkInfo, capabilities }, [], new Map(), 0);
  tell();
  cluster.allocator.activateFramework(f1, 0);
  tell();
  cluster.revive('f1');
  tell();
  cluster.allocator.activateAgent(a1, 0);
  tell();
  cluster.allocator.updateAllowList(undefined, 0);
  tell();
  update([]);
  tell();
  update(['GPU_RESOURCES']);
  tell();
  update(['GPU_RESOURCES', 'REGION_AWARE']);
  tell();
  expect(kinds).toEqual(['framework-inactive', 'role-suppressed', 'agent-inactive', 'agent-not-allowed', 'constraint', 'gpus', 'region', 'too-small']);
});

test.each<[Reason, Parameters<typeof aFramework>[0] & { readonly offerConstraints?: OfferConstraints }]>([
  ['constraint', { capabilities: ['GPU_RESOURCES', 'REGION_AWARE'], offerConstraints: new Map([['*', [[ssd]]]]) }],
  ['gpus', { capabilities: ['REGION_AWARE'] }],
  ['region', { capabilities: ['GPU_RESOURCES'] }],
  ['nothing-free', { capabilities: ['GPU_RESOURCES', 'REGION_AWARE'] }],
])('%s: what will last is told of an agent that is wholly held, and of one that is reserved for others', (kind, wishes) => {
  for (const total of ['cpus:4;gpus:1', 'cpus:4;gpus:1;cpus(ops):4']) {
    const cluster = new AllocatorCluster({ options: { region: 'attic' } });
    cluster.framework('f1', wishes);
    cluster.framework('f2');
    cluster.agent('a1', total, { domain: { faultDomain: { region: 'cellar', zone: 'z' } } });
    cluster.allocator.charge(f2, a1, resources('cpus:4;gpus:1').allocatedTo('*'));
    expect(explained(cluster).reason.kind).toBe(kind === 'nothing-free' && total.includes('ops') ? 'reserved-for-others' : kind);
  }
});

const aFrameworkInfo = { user: '', name: 'framework', roles: ['*'], failoverTimeoutMs: 0, checkpoint: true, labels: [], offerFilters: new Map() };

test('an explanation tells what is held and free there, who holds the rest, when the agent was looked at, and what came of that', () => {
  const cluster = new AllocatorCluster();
  cluster.framework('f1');
  cluster.framework('f2');
  cluster.agent('a1', 'cpus:4;mem:64');
  expect(explained(cluster)).toMatchObject({ offeredInLastVisit: false, lastVisitMs: undefined, held: Resources.empty, heldBy: [] });
  cluster.allocator.charge(f2, a1, resources('cpus:1').allocatedTo('*'));
  expect(explained(cluster, '*', 'f2')).toMatchObject({ offeredInLastVisit: false, lastVisitMs: undefined });
  cluster.advance(5);
  const after = explained(cluster);
  expect([after.offeredInLastVisit, after.lastVisitMs, after.held.unallocated().toString(), after.free.isEmpty]).toEqual([true, 5, 'cpus:3;mem:64', true]);
  expect(after.heldBy.map((one) => [one.frameworkId, one.role, one.resources.unallocated().toString()])).toEqual([[f2, '*', 'cpus:1'], [f1, '*', 'cpus:3;mem:64']]);
  expect(explained(cluster, '*', 'f2')).toMatchObject({ offeredInLastVisit: false, lastVisitMs: 5 });
  cluster.end('f1', 'a1', 'cpus:1');
  expect(explained(cluster).free.toString()).toBe('cpus:1');
  cluster.advance(5); // f2 has the smaller share now
  expect([explained(cluster).offeredInLastVisit, explained(cluster, '*', 'f2').offeredInLastVisit]).toEqual([false, true]);
});

test('an explanation tells to whom the last visit gave the agent, also once it was given back; and when that gave it to nobody', () => {
  const cluster = new AllocatorCluster();
  cluster.framework('f1', { roles: ['eng'] });
  for (const name of ['f2', 'f3']) cluster.framework(name, { roles: ['ops'], minAllocatable: { ops: [] } });
  const granted = (): unknown => explained(cluster, 'ops', 'f2').grantedInLastVisit;
  cluster.agent('a1', 'cpus(eng):1;cpus(ops):1');
  expect(granted()).toBeUndefined();
  const offers = cluster.advance(5);
  expect(granted()).toEqual({ frameworkId: f1, role: 'eng', othersCount: 1 });
  for (const offer of offers) cluster.decline(offer, 60_000);
  expect(granted()).toEqual({ frameworkId: f1, role: 'eng', othersCount: 1 });
  for (const offer of cluster.advance(1000)) cluster.decline(offer, 60_000);
  expect(granted()).toEqual({ frameworkId: frameworkId('f3'), role: 'ops', othersCount: 0 });
  cluster.allocator.updateAgent(a1, anAgent('cpus(eng):1'), cluster.nowMs);
  expect(cluster.advance(1000)).toEqual([]);
  expect(granted()).toBeUndefined();
});

test('standings lead from the top-level role down to the framework, each with its rank among those who take part', () => {
  const cluster = new AllocatorCluster();
  cluster.allocator.updateWeight('eng', 2);
  cluster.framework('f1', { roles: ['eng/web'] });
  cluster.framework('f2', { roles: ['eng', 'ops'] });
  cluster.framework('away', { roles: ['eng/web'], active: false });
  cluster.agent('a1', 'cpus:4;mem:100');
  cluster.allocator.charge(f1, a1, resources('cpus:2').allocatedTo('eng/web'));
  const { standings } = explained(cluster, 'eng/web');
  expect(standings.map(({ name, share, dominantResource, weight, grantCount, rank, of }) => [name, share, dominantResource, weight, grantCount, `${rank} of ${of}`])).toEqual([
    ['eng', 0.25, 'cpus', 2, 1, '2 of 2'],
    ['eng/web', 0.5, 'cpus', 1, 1, '2 of 2'],
    ['eng/web/.', 0.5, 'cpus', 1, 1, '1 of 1'],
    ['f1', 0.5, 'cpus', 1, 1, '1 of 1'],
  ]);
  expect(explained(cluster, 'eng/web', 'away').standings).toEqual([]);
});

test('an explanation tells the quota of the top-level role, headroom, and all filters there, refusing or not', () => {
  const cluster = new AllocatorCluster();
  cluster.allocator.updateQuota('eng', { guarantees: quantities({ cpus: 3 }), limits: quantities({ cpus: 8 }) }, 0);
  cluster.framework('f1', { roles: ['eng/web'] });
  cluster.agent('a1', 'cpus:4');
  const [offer] = cluster.advance(5);
  cluster.decline({ ...offer!, resources: resources('cpus:2').allocatedTo('eng/web') }, 5000);
  cluster.end('f1', 'a1', 'cpus:1', 'eng/web');
  const { quota, headroom, filters, reason } = explained(cluster, 'eng/web');
  expect(quota).toEqual({ role: 'eng', guarantees: quantities({ cpus: 3 }), limits: quantities({ cpus: 8 }), consumed: quantities({ cpus: 1 }) });
  expect(headroom).toEqual({ required: quantities({ cpus: 2 }), available: quantities({ cpus: 3 }) });
  expect(filters.map(({ refused, untilMs }) => [refused.toString(), untilMs])).toEqual([['cpus:2', 6000]]);
  expect(told(reason)).toEqual({ kind: 'would-be-offered', bundle: 'cpus:3' });
});

test('what a run has learned of others is not asked again, however often it is explained who comes first', () => {
  let askedCount = 0;
  const nobody: RegexCompiler = () => ({ ok: true, matches: () => { askedCount++; return false; } });
  const cluster = new AllocatorCluster({ options: { compileRegex: nobody } });
  const picky: OfferConstraints = new Map([['*', [[{ selector: { kind: 'pseudoattribute', name: 'HOSTNAME' }, predicate: { kind: 'text-matches', regex: 'x' } }]]]]);
  for (let i = 0; i < 5; i++) cluster.framework(`picky${i}`, { offerConstraints: picky });
  cluster.framework('f1', { roles: ['eng'] });
  cluster.agent('a1', 'cpus:4');
  expect(told(explained(cluster, 'eng').reason)).toEqual({ kind: 'would-be-offered', bundle: 'cpus:4' });
  expect(askedCount).toBe(5); // No run has looked yet.
  for (const offer of cluster.advance(5)) cluster.decline(offer);
  askedCount = 0;
  expect(told(explained(cluster, 'eng').reason)).toEqual({ kind: 'would-be-offered', bundle: 'cpus:4' });
  expect(askedCount).toBe(0);
  cluster.allocator.updateAgent(a1, { ...anAgent('cpus:4'), attributes: [{ name: 'ssd', kind: 'text', text: '' }] }, cluster.nowMs);
  explained(cluster, 'eng');
  expect(askedCount).toBe(5);
});

// Histories

/** Everybody, in each role, about every agent. */
function explainAll(replay: Replay, nowMs = replay.nowMs): readonly Explanation[] {
  const agents = [...replay.agents.keys()];
  return [...replay.frameworks].flatMap(([framework, { sketch }]) => sketch.roles.flatMap((role) => agents.map((agent) => replay.fast.explain(framework, role, agent, nowMs))));
}

test('asking changes nothing: a history that is asked about everything after each step goes on as its twin does', () => {
  fc.assert(
    fc.property(historyArbitrary({ weights: { recover: 1, quota: 2 }, stepCountMax: 30 }), ({ seed, steps }) => {
      const asked = new Replay({ seed, isJudged: false });
      const twin = new Replay({ seed, isJudged: false });
      for (const step of steps) {
        asked.carryOut(step);
        twin.carryOut(step);
        explainAll(asked);
        expect([asked.fast.nextRunAtMs(), asked.handedOut.length]).toEqual([twin.fast.nextRunAtMs(), twin.handedOut.length]);
      }
      expect(asked.handedOut).toEqual(twin.handedOut);
      expect(asked.fast.roles()).toEqual(twin.fast.roles());
    }),
    { numRuns: 25 },
  );
});

test.each<[what: string, sorters: Partial<AllocatorOptions>]>([
  ['what explanations foretell', {}],
  ['what explanations foretell, or one of those among whom they let chance decide (roles)', { roleSorter: 'random' }],
  ['what explanations foretell, or one of those among whom they let chance decide (frameworks)', { frameworkSorter: 'random' }],
  ['what explanations foretell, or one of those among whom they let chance decide (both)', { roleSorter: 'random', frameworkSorter: 'random' }],
])('in a cluster of one agent, %s, is what the next run hands out first', (_what, sorters) => {
  const onOneAgent = (steps: readonly Step[]): Step[] => steps.filter((step) => !('agent' in step) || step.agent === 'a1');
  const history = historyArbitrary({
    weights: { quota: 3, window: 0, rescind: 0, answer: 12, end: 8, 'add-agent': 30, recover: 1 },
    machines: ['plain', 'many cpus', 'much memory', 'tiny', 'reserved', 'all reserved', 'refined', 'gpus', 'revocable', 'shared'],
    refuseMs: [60_000],
    stepCountMax: 40,
  });
  let foretold = 0;
  fc.assert(
    fc.property(history, ({ seed, steps }) => {
      const runs: (readonly Allocation[])[] = [];
      const replay = new Replay({ seed, options: sorters, isJudged: false, observe: ({ allocations }) => void runs.push(allocations) });
      const told = (kind: 'would-be-offered' | 'by-chance'): string[] =>
        explainAll(replay, Math.min(replay.fast.nextRunAtMs(), 1e12)).flatMap(({ frameworkId: framework, role, agentId: agent, reason }) =>
          reason.kind === kind ? [`${framework} gets ${reason.bundle.toString()} of ${agent} for role ${role}`] : [],
        );
      for (const step of onOneAgent(steps)) {
        if (step.kind !== 'advance') {
          replay.carryOut(step);
          continue;
        }
        const dueMs = replay.fast.nextRunAtMs();
        const foreseen = told('would-be-offered');
        const possible = told('by-chance');
        if (dueMs === Infinity) expect([...foreseen, ...possible]).toEqual([]); // L1: no run is due, so nobody could be given anything
        if (dueMs > replay.nowMs + step.ms) continue;
        const explanations = explainAll(replay);
        // What ends with the run itself is not foretold.
        const isEnding = explanations.some(
          ({ filters, standings, reason }) => reason.kind === 'recovering' || filters.some(({ untilMs }) => untilMs <= dueMs) || standings.some(({ standsBack }) => standsBack),
        );
        runs.length = 0;
        replay.carryOut({ kind: 'advance', ms: dueMs - replay.nowMs });
        if (isEnding || runs.length === 0) continue;
        const [first] = runs[0]!;
        foretold += foreseen.length + possible.length;
        const handedOut = first === undefined ? [] : [`${first.frameworkId} gets ${first.resources.unallocated().toString()} of ${first.agentId} for role ${first.role}`];
        if (possible.length === 0) expect(foreseen).toEqual(handedOut);
        else expect([foreseen, possible]).toEqual([[], expect.arrayContaining(handedOut)]);
      }
    }),
    { numRuns: 100 },
  );
  expect(foretold).toBeGreaterThan(20);
});
