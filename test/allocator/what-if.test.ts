// What if: who gains, who loses and who starves if weights, quotas, agents or frameworks were others.
//
// Proves:    the answers to each kind of change, with their numbers; that without a change nothing changes; that what the next batch is said to hand out
//            is what it hands out; that the live state stays as it is (Y1);
//            that a question that would take too long is refused (Y2).
// How:       clusters of equal agents, in which the order of visits does not matter; then random histories, one of which is asked all the time while its
//            twin is not.

import fc from 'fast-check';
import { quotaDefault, type Allocator, type WhatIfAnswer, type WhatIfChange, type WhatIfEffect, type WhatIfQuestion } from '../../allocator/allocator';
import { agentId, frameworkId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import { aFramework, AllocatorCluster, anAgent, quantities, resources } from './allocator-cluster';
import { frameworkNames, historyArbitrary, machines, Replay, roleNames, type Step } from './allocator-history';

const [f1, f2] = [frameworkId('f1'), frameworkId('f2')];

/** `f1` in `eng`, `f2` in `ops`, and so many agents of 4 cpus. */
function twoRoles(agentCount: number): AllocatorCluster {
  const cluster = new AllocatorCluster();
  cluster.framework('f1', { roles: ['eng'] });
  cluster.framework('f2', { roles: ['ops'] });
  for (let i = 1; i <= agentCount; i++) cluster.agent(`a${i}`, 'cpus:4');
  cluster.advance(5);
  return cluster;
}

function ask(cluster: AllocatorCluster, division: WhatIfQuestion['division'], ...changes: readonly WhatIfChange[]): WhatIfAnswer {
  return answered(cluster.allocator.whatIf({ changes, division }, cluster.nowMs));
}

function answered(answer: ReturnType<Allocator['whatIf']>): WhatIfAnswer {
  if (answer.kind !== 'answer') throw new Error(`Too many filters: ${answer.filterCount}`);
  return answer;
}

/** `f1 in eng: 4 -> 8 cpus`. */
function inCpus({ frameworkId: framework, role, before, after }: WhatIfEffect): string {
  const cpus = (state: WhatIfEffect['before']): string => (state === undefined ? 'nobody' : String((state.held.get('cpus') ?? 0) / 1000));
  return `${framework} in ${role}: ${cpus(before)} -> ${cpus(after)}`;
}

function summary({ gains, loses, starves }: WhatIfAnswer): Readonly<Record<'gains' | 'loses' | 'starves', string[]>> {
  return { gains: gains.map(inCpus), loses: loses.map(inCpus), starves: starves.map(inCpus) };
}

test('twice the weight gains agents of the others, in a division of the whole cluster anew', () => {
  const cluster = twoRoles(6);
  const answer = ask(cluster, 'afresh', { kind: 'weight', role: 'eng', weight: 2 });
  expect(summary(answer)).toEqual({ gains: ['f1 in eng: 12 -> 16'], loses: ['f2 in ops: 12 -> 8'], starves: [] });
  expect(answer.effects.map(({ before, after }) => [before?.share, after?.share])).toEqual([[0.5, 4 / 6], [0.5, 2 / 6]]);
});

test('a weight changes nothing in the next batch while everything is held, and decides about what is free', () => {
  const cluster = twoRoles(2);
  expect(summary(ask(cluster, 'next-batch', { kind: 'weight', role: 'ops', weight: 9 }))).toEqual({ gains: [], loses: [], starves: [] });
  cluster.agent('a3', 'cpus:4');
  // Without: shares tie, and eng is the smaller name.
  expect(summary(ask(cluster, 'next-batch', { kind: 'weight', role: 'ops', weight: 9 }))).toEqual({ gains: ['f2 in ops: 4 -> 8'], loses: ['f1 in eng: 8 -> 4'], starves: [] });
});

test('agents that are removed are lost to those who hold them', () => {
  const cluster = twoRoles(4);
  const held = cluster.allocator.charged(f1);
  const answer = ask(cluster, 'next-batch', { kind: 'remove-agents', agentIds: [...held.keys()] });
  expect(summary(answer)).toEqual({ gains: ['f2 in ops: 8 -> 8'], loses: ['f1 in eng: 8 -> 0'], starves: ['f1 in eng: 8 -> 0'] });
  expect(answer.gains[0]?.after?.share).toBe(1); // of what is left
  expect(summary(ask(cluster, 'afresh', { kind: 'remove-agents', agentIds: [agentId('a1'), agentId('a2')] })).starves).toEqual([]);
});

test('agents that are added are divided with the others', () => {
  const cluster = twoRoles(2);
  const added = (count: number, hostname: string): WhatIfChange => ({ kind: 'add-agents', info: anAgent('cpus:4', { hostname }), count });
  expect(summary(ask(cluster, 'next-batch', added(3, 'new')))).toEqual({ gains: ['f1 in eng: 4 -> 12'], loses: ['f2 in ops: 4 -> 8'], starves: [] }); // 8 of 20 is less than 4 of 8
  expect(ask(cluster, 'next-batch', added(3, 'new'), added(1, 'newer')).effects.map(inCpus)).toEqual(['f1 in eng: 4 -> 12', 'f2 in ops: 4 -> 12']);
});

test('a limit takes from its role what goes to the others; one of nothing starves it', () => {
  const cluster = twoRoles(4);
  const limit = (cpus: number): WhatIfChange => ({ kind: 'quota', role: 'eng', quota: { guarantees: new Map(), limits: quantities({ cpus }) } });
  expect(summary(ask(cluster, 'afresh', limit(4)))).toEqual({ gains: ['f2 in ops: 8 -> 12'], loses: ['f1 in eng: 8 -> 4'], starves: [] });
  expect(summary(ask(cluster, 'afresh', limit(0)))).toEqual({ gains: ['f2 in ops: 8 -> 16'], loses: ['f1 in eng: 8 -> 0'], starves: ['f1 in eng: 8 -> 0'] });
  cluster.allocator.updateQuota('eng', { guarantees: new Map(), limits: quantities({ cpus: 0 }) }, cluster.nowMs);
  expect(summary(ask(cluster, 'afresh', { kind: 'quota', role: 'eng', quota: quotaDefault })).gains).toEqual(['f1 in eng: 0 -> 8']);
});

test('a guarantee is served before shares are compared', () => {
  const cluster = twoRoles(4);
  const answer = ask(cluster, 'afresh', { kind: 'quota', role: 'ops', quota: { guarantees: quantities({ cpus: 12 }), limits: new Map() } });
  expect(summary(answer)).toEqual({ gains: ['f2 in ops: 8 -> 12'], loses: ['f1 in eng: 8 -> 4'], starves: [] });
});

test('a framework that comes takes its share, or starves where all is held', () => {
  const cluster = twoRoles(6);
  const added: WhatIfChange = { kind: 'add-framework', id: frameworkId('f3'), info: aFramework({ roles: ['web'] }) };
  expect(summary(ask(cluster, 'afresh', added))).toEqual({ gains: ['f3 in web: nobody -> 8'], loses: ['f1 in eng: 12 -> 8', 'f2 in ops: 12 -> 8'], starves: [] });
  expect(summary(ask(cluster, 'next-batch', added))).toEqual({ gains: [], loses: [], starves: ['f3 in web: nobody -> 0'] });
});

test('what a framework that goes holds is handed out to those who stay', () => {
  const cluster = twoRoles(4);
  expect(summary(ask(cluster, 'next-batch', { kind: 'remove-framework', id: f2 }))).toEqual({ gains: ['f1 in eng: 8 -> 16'], loses: ['f2 in ops: 8 -> nobody'], starves: [] });
});

test('who does not take part, or had nothing anyway, does not starve', () => {
  const cluster = twoRoles(2);
  cluster.framework('away', { roles: ['eng'], active: false });
  cluster.framework('quiet', { roles: ['eng'], suppressedRoles: ['eng'] });
  cluster.framework('picky', { roles: ['eng'], minAllocatable: { eng: [quantities({ cpus: 99 })] } });
  const answer = ask(cluster, 'afresh', { kind: 'quota', role: 'eng', quota: { guarantees: new Map(), limits: quantities({ cpus: 0 }) } });
  expect(answer.starves.map(inCpus)).toEqual(['f1 in eng: 4 -> 0']);
  expect(answer.effects.map(({ frameworkId: framework }) => framework)).toEqual(['away', 'f1', 'picky', 'quiet', 'f2']);
});

test('the next batch goes by what is held and declined; a division anew by neither', () => {
  const cluster = new AllocatorCluster();
  for (const name of ['f1', 'f2']) cluster.framework(name);
  cluster.agent('a1', 'cpus:4');
  const [offer] = cluster.advance(5);
  cluster.decline(offer!, 3_600_000); // f1
  const nextBatch = ask(cluster, 'next-batch');
  expect(nextBatch.effects.map(inCpus)).toEqual(['f1 in *: 0 -> 0', 'f2 in *: 4 -> 4']);
  cluster.advance(5);
  expect(ask(cluster, 'afresh').effects.map(inCpus)).toEqual(['f1 in *: 4 -> 4', 'f2 in *: 0 -> 0']);
});

test('who holds something now and would hold nothing in a division anew starves, with or without the changes', () => {
  const cluster = new AllocatorCluster();
  for (const name of ['f1', 'f2']) cluster.framework(name);
  cluster.agent('a1', 'cpus:4');
  cluster.allocator.charge(f2, agentId('a1'), resources('cpus:4').allocatedTo('*'));
  expect(summary(ask(cluster, 'afresh'))).toEqual({ gains: [], loses: [], starves: ['f2 in *: 0 -> 0'] });
});

test('what agents run for a framework that is not back is nobody\'s, and not free', () => {
  const cluster = new AllocatorCluster();
  cluster.framework('f2');
  cluster.agent('a1', 'cpus:4', {}, new Map([['f1', resources('cpus:3').allocatedTo('eng')]]));
  expect(ask(cluster, 'next-batch').effects.map(inCpus)).toEqual(['f2 in *: 1 -> 1']);
  expect(ask(cluster, 'afresh').effects.map(inCpus)).toEqual(['f2 in *: 4 -> 4']);
});

test('machines that take no part are in the totals and divided among nobody', () => {
  const cluster = twoRoles(4);
  cluster.allocator.deactivateAgent(agentId('a1'));
  cluster.agent('a5', 'cpus:4', { hostname: 'other' });
  cluster.allocator.updateAllowList(new Set(['host']), cluster.nowMs);
  const held = ask(cluster, 'afresh').effects.map(({ before }) => before?.held.get('cpus') ?? 0);
  expect(held.reduce((sum, milli) => sum + milli, 0)).toBe(12_000);
});

test('several changes are one question, taken in their order; gains and losses are told with the most first', () => {
  const cluster = twoRoles(6);
  cluster.framework('f3', { roles: ['web'] });
  const answer = ask(cluster, 'afresh', { kind: 'remove-framework', id: f1 }, { kind: 'weight', role: 'web', weight: 5 });
  expect(summary(answer)).toEqual({ gains: ['f3 in web: 8 -> 20'], loses: ['f1 in eng: 8 -> nobody', 'f2 in ops: 8 -> 4'], starves: [] });
});

test('who gains or loses more is told first', () => {
  const cluster = new AllocatorCluster();
  for (const [framework, role, weight] of [['f1', 'a', 1], ['f2', 'b', 3], ['f3', 'c', 4]] as const) {
    cluster.framework(framework, { roles: [role] });
    cluster.allocator.updateWeight(role, weight);
  }
  for (let i = 1; i <= 8; i++) cluster.agent(`a${i}`, 'cpus:1');
  expect(summary(ask(cluster, 'afresh', { kind: 'remove-framework', id: frameworkId('f3') })).gains).toEqual(['f2 in b: 3 -> 6', 'f1 in a: 1 -> 2']);
  const added: WhatIfChange[] = [{ kind: 'add-framework', id: frameworkId('f4'), info: aFramework({ roles: ['d'] }) }, { kind: 'weight', role: 'd', weight: 8 }];
  expect(summary(ask(cluster, 'afresh', ...added)).loses).toEqual(['f3 in c: 4 -> 2', 'f2 in b: 3 -> 2']);
});

test('a framework whose time of standing back is over with the next batch does not stand back in the answer', () => {
  const cluster = new AllocatorCluster();
  for (const name of ['f1', 'f2']) cluster.framework(name);
  cluster.agent('a1', 'cpus:4');
  for (const offer of cluster.advance(5)) cluster.decline(offer); // f1, which is passed by at 1000 and no longer at 2000
  for (const offer of cluster.advance(1000)) {
    cluster.allocator.transitionOfferedToAllocated(offer.frameworkId, offer.agentId, offer.resources);
    cluster.decline(offer); // f2, which does not stand back, as it used something
  }
  expect(ask(cluster, 'next-batch').effects.map(inCpus)).toEqual(['f1 in *: 4 -> 4', 'f2 in *: 0 -> 0']);
  expect(cluster.offersWithin(1000)).toEqual(['f1 gets cpus:4 of a1 for role *']);
});

describe('decline filters', () => {
  /** Two frameworks have refused so many agents, which are free, for an hour; at most `filterCountMax` filters may be looked at. */
  function refusedAgents(agentCount: number, filterCountMax: number): AllocatorCluster {
    const cluster = new AllocatorCluster({ options: { whatIfFilterCountMax: filterCountMax } });
    for (const name of ['f1', 'f2']) cluster.framework(name);
    for (let i = 1; i <= agentCount; i++) cluster.agent(`a${i}`, 'cpus:4');
    for (let i = 0; i < 2; i++) for (const offer of cluster.advance(1000)) cluster.decline(offer, 3_600_000);
    expect(cluster.allocator.filterCount).toBe(2 * agentCount);
    return cluster;
  }
  const added: WhatIfChange = { kind: 'add-agents', info: anAgent('cpus:4'), count: 1 };

  test('as many as may be looked at are, and decide; with one more on a free agent the question is refused with both numbers, unless it is about a division anew', () => {
    expect(ask(refusedAgents(3, 6), 'next-batch', added).effects.map(inCpus)).toEqual(['f1 in *: 0 -> 4', 'f2 in *: 0 -> 0']);
    const { allocator, nowMs } = refusedAgents(3, 5);
    expect(allocator.whatIf({ changes: [], division: 'next-batch' }, nowMs)).toEqual({ kind: 'too-many-filters', filterCount: 6, filterCountMax: 5 });
    expect(allocator.whatIf({ changes: [], division: 'afresh' }, nowMs)).toMatchObject({ kind: 'answer' });
  });

  test.each<[agents: string, change: (cluster: AllocatorCluster) => void]>([
    ['are in use', ({ allocator }) => { for (let i = 1; i <= 3; i++) allocator.charge(f1, agentId(`a${i}`), resources('cpus:4').allocatedTo('*')); }],
    ['take no part', ({ allocator }) => { for (let i = 1; i <= 3; i++) allocator.deactivateAgent(agentId(`a${i}`)); }],
    ['are gone', ({ allocator, nowMs }) => { for (let i = 1; i <= 3; i++) allocator.removeAgent(agentId(`a${i}`), nowMs); }],
  ])('those on agents that %s cost nothing', (_agents, change) => {
    const cluster = refusedAgents(3, 0);
    change(cluster);
    expect(ask(cluster, 'next-batch')).toMatchObject({ gains: [], loses: [] });
  });

  test('what counts is what is free with the changes, too: what a framework that goes gives back was refused by the other', () => {
    const cluster = refusedAgents(1, 2);
    cluster.allocator.charge(f1, agentId('a1'), resources('cpus:4').allocatedTo('*'));
    expect(summary(ask(cluster, 'next-batch', { kind: 'remove-framework', id: f1 }))).toEqual({ gains: [], loses: ['f1 in *: 4 -> nobody'], starves: [] });
    const small = refusedAgents(1, 1);
    small.allocator.charge(f1, agentId('a1'), resources('cpus:4').allocatedTo('*'));
    expect(small.allocator.whatIf({ changes: [{ kind: 'remove-framework', id: f1 }], division: 'next-batch' }, small.nowMs)).toMatchObject({ filterCount: 2 });
  });

  test('a framework that comes under the name of one that went has refused nothing', () => {
    const cluster = refusedAgents(1, 100);
    const again: WhatIfChange[] = [{ kind: 'remove-framework', id: f1 }, { kind: 'add-framework', id: f1, info: aFramework() }];
    expect(ask(cluster, 'next-batch', ...again).effects.map(inCpus)).toEqual(['f1 in *: 0 -> 4', 'f2 in *: 0 -> 0']);
  });
});

test.each<[claim: string, askedAtMs: number, changes: readonly WhatIfChange[], given: string]>([
  ['hands out nothing', 599_400, [], 'f1 in *: 0 -> 0'],
  ['hands out nothing, with one agent too few', 500, [{ kind: 'add-agents', info: anAgent('cpus:4'), count: 2 }], 'f1 in *: 0 -> 0'],
  ['hands out everything, if as many agents came as are waited for', 500, [{ kind: 'add-agents', info: anAgent('cpus:4'), count: 3 }], 'f1 in *: 0 -> 16'],
  ['hands out everything, if time ends the wait before it', 600_100, [], 'f1 in *: 4 -> 4'],
])('while a new leader waits for agents the next batch %s', (_claim, askedAtMs, changes, given) => {
  const cluster = new AllocatorCluster();
  cluster.allocator.updateQuota('eng', { guarantees: new Map(), limits: quantities({ cpus: 1 }) }, 0);
  cluster.nowMs = 300; // The wait ends between two batches.
  cluster.allocator.recover(5, cluster.nowMs);
  cluster.framework('f1');
  cluster.agent('a1', 'cpus:4');
  cluster.nowMs = askedAtMs;
  expect(ask(cluster, 'next-batch', ...changes).effects.map(inCpus)).toEqual([given]);
  expect(ask(cluster, 'afresh').effects.map(inCpus)).toEqual(['f1 in *: 4 -> 4']);
  const [, after] = given.split(' -> ');
  if (changes.length === 0) expect(cluster.advance(1000 - (askedAtMs % 1000))).toHaveLength(Number(after) / 4);
});

// Histories

const anyChange = (replay: Replay): fc.Arbitrary<WhatIfChange> => {
  const role = fc.constantFrom(...roleNames);
  const units = fc.constantFrom({}, { cpus: 2 }, { cpus: 0, mem: 512 });
  const agents = [...replay.agents.keys()];
  const frameworks = [...replay.frameworks.keys()];
  return fc.oneof(
    fc.record({ kind: fc.constant('weight' as const), role, weight: fc.constantFrom(0.5, 1, 3) }),
    fc.record({ kind: fc.constant('quota' as const), role: fc.constantFrom('eng', 'ops', '*'), quota: fc.record({ guarantees: units.map(quantities), limits: units.map(quantities) }) }),
    fc.record({ kind: fc.constant('add-agents' as const), info: fc.constantFrom(...Object.values(machines)).map((total) => anAgent(total, { hostname: 'new' })), count: fc.nat(2) }),
    fc.record({ kind: fc.constant('add-framework' as const), id: fc.constant(frameworkId('stranger')), info: role.map((one) => aFramework({ roles: [one] })) }),
    ...(agents.length === 0 ? [] : [fc.record({ kind: fc.constant('remove-agents' as const), agentIds: fc.constantFrom(...agents).map((id) => [id]) })]),
    ...(frameworks.length === 0 ? [] : [fc.record({ kind: fc.constant('remove-framework' as const), id: fc.constantFrom(...frameworks) })]),
  );
};

const division = fc.constantFrom('next-batch' as const, 'afresh' as const);

test('asking changes nothing: a history that is asked what if after each step goes on as its twin does', () => {
  fc.assert(
    fc.property(historyArbitrary({ weights: { recover: 1, quota: 2 }, stepCountMax: 30 }), fc.gen(), ({ seed, steps }, draw) => {
      const asked = new Replay({ seed, isJudged: false });
      const twin = new Replay({ seed, isJudged: false });
      for (const step of steps) {
        asked.carryOut(step);
        twin.carryOut(step);
        const change = draw(() => anyChange(asked));
        asked.fast.whatIf({ changes: [change], division: draw(() => division) }, asked.nowMs);
        expect(asked.fast.nextRunAtMs()).toBe(twin.fast.nextRunAtMs());
      }
      expect(asked.handedOut).toEqual(twin.handedOut);
      expect(asked.fast.roles()).toEqual(twin.fast.roles());
    }),
    { numRuns: 25 },
  );
});

test('without a change nothing changes', () => {
  fc.assert(
    fc.property(historyArbitrary({ weights: { quota: 2 }, stepCountMax: 30 }), division, ({ seed, steps }, meant) => {
      const replay = new Replay({ seed, isJudged: false });
      replay.replay(steps);
      const { effects, gains, loses } = answered(replay.fast.whatIf({ changes: [], division: meant }, replay.nowMs));
      for (const { before, after } of effects) expect(after).toEqual(before);
      expect([gains, loses]).toEqual([[], []]);
    }),
    { numRuns: 50 },
  );
});

test('in a cluster of one agent, what the next batch is said to hand out is what it hands out', () => {
  const onOneAgent = (steps: readonly Step[]): Step[] => steps.filter((step) => !('agent' in step) || step.agent === 'a1');
  const history = historyArbitrary({
    weights: { quota: 2, window: 0, answer: 14, 'add-agent': 30, operate: 0, 'operate-on-free': 0 },
    machines: ['plain', 'many cpus', 'much memory', 'tiny', 'reserved', 'all reserved', 'refined', 'gpus', 'revocable'],
    stepCountMax: 40,
  });
  let compared = 0;
  fc.assert(
    fc.property(history, ({ seed, steps }) => {
      const replay = new Replay({ seed, isJudged: false });
      for (const step of onOneAgent(steps)) {
        const batchMs = (Math.floor(replay.nowMs / 1000) + 1) * 1000;
        // An event-driven run before the batch would come upon filters that the batch does not see any more.
        if (step.kind !== 'advance' || replay.fast.nextRunAtMs() !== batchMs) {
          replay.carryOut(step);
          continue;
        }
        const said = new Map(answered(replay.fast.whatIf({ changes: [], division: 'next-batch' }, replay.nowMs)).effects.map((effect) => [`${effect.frameworkId} in ${effect.role}`, effect.after?.held]));
        replay.carryOut({ kind: 'advance', ms: batchMs - replay.nowMs });
        for (const framework of frameworkNames) {
          const held = Resources.sum(replay.fast.charged(frameworkId(framework)).values());
          for (const role of roleNames) {
            const holding = said.get(`${framework} in ${role}`);
            if (holding !== undefined) expect([framework, role, holding]).toEqual([framework, role, held.filter(({ allocationRole }) => allocationRole === role).quantities()]);
          }
        }
        compared++;
      }
    }),
    { numRuns: 300 },
  );
  expect(compared).toBeGreaterThan(20);
});
