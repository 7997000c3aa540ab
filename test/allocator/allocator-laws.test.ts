// The allocator's laws, on random histories and random clusters.
//
// Proves:    conservation to the thousandth, nothing offered twice, reservations and capabilities respected, nobody offered what is suppressed or
//            inactive, no run takes a role past its limit, shares and consumption as told, everything free again in the end; guarantees met whenever
//            they can be, at once or later; weighted shares within one bundle of fair, monotone in weight, among the siblings of any tree; no dependence
//            on the order in which anything was told.
// How:       of the allocator alone, against the plain books that the replay keeps of what is where (allocator-history.ts), with fractions as whole
//            numbers. That each bundle goes to the right one at the right instant is another matter: allocator-agreement.test.ts. ALLOT_RUNS sets the
//            number of histories.

import fc from 'fast-check';
import type { Allocation, AllocationRun, RoleShare } from '../../allocator/allocator';
import type { Quantities } from '../../common/model/framework';
import { agentId } from '../../common/model/ids';
import { reservationRole, Resources, type Resource } from '../../common/model/resources';
import { isSubroleOf } from '../../common/model/role';
import { AllocatorCluster, quantities, resources } from './allocator-cluster';
import { historyArbitrary, machineNames, Replay, roleNames, type Emphasis, type FrameworkSketch, type History } from './allocator-history';

const numRuns = Number(process.env['ALLOT_RUNS'] ?? 80);

const isAtOrBelow = (role: string, ancestor: string): boolean => role === ancestor || isSubroleOf(role, ancestor);
const isOfQuota = ({ value, reservations, revocable, shared }: Resource): boolean =>
  value.kind === 'scalar' && reservations.length === 0 && !revocable && !shared;

// Laws of every run

/** Free as the run goes on, on agents that take part, to frameworks that want it, of what they may have. */
function checkHandedOut({ allocations }: AllocationRun, replay: Replay): void {
  const handedOut = new Map<string, Resources>();
  for (const { frameworkId, role, agentId: agent, resources: granted } of allocations) {
    const info = replay.agents.get(agent)!;
    const framework = replay.frameworks.get(frameworkId)!;
    expect(replay.inactiveAgents.has(agent)).toBe(false);
    expect(replay.allowedHosts === undefined || replay.allowedHosts.includes(info.hostname)).toBe(true);
    const isRole = (one: string): boolean => one === role;
    expect(framework.isActive && framework.sketch.roles.some(isRole) && !framework.sketch.suppressed.some(isRole)).toBe(true);
    expect(granted.allocationRole).toBe(role);
    const before = handedOut.get(agent) ?? Resources.empty;
    const all = before.plus(granted.unallocated());
    handedOut.set(agent, all);
    // Nothing twice, shared amounts included: of each the agent has one.
    const free = replay.freeOf(agent);
    expect(`${all.toString()} of ${free.toString()}: ${free.contains(all)}`).toMatch(/: true$/);
    for (const { reservations, revocable, shared } of granted) {
      const { capabilities } = framework.sketch;
      const holder = reservationRole({ reservations });
      expect(holder === undefined || isAtOrBelow(role, holder)).toBe(true);
      expect(!revocable || capabilities.includes('REVOCABLE_RESOURCES')).toBe(true);
      expect(!shared || capabilities.includes('SHARED_RESOURCES')).toBe(true);
      expect(reservations.length < 2 || capabilities.includes('RESERVATION_REFINEMENT')).toBe(true);
    }
  }
}

/** Scalars reserved for the subtree of a role and, unless reserved, revocable or shared, charged in it. */
function consumedOf(role: string, charges: readonly { readonly role: string; readonly resources: Resources }[], { agents }: Replay): Quantities {
  const reserved = [...agents.values()].map((info) =>
    info.resources
      .reserved()
      .filter((one) => isAtOrBelow(reservationRole(one)!, role))
      .quantities(),
  );
  const charged = charges.filter((charge) => isAtOrBelow(charge.role, role)).map((charge) => charge.resources.filter(isOfQuota).quantities());
  return sumOf([...reserved, ...charged]);
}

/** What agents report may pass a limit, and so may a limit that is lowered; a run may not, and takes no role that is past it any further. */
function checkLimits({ allocations }: AllocationRun, replay: Replay): void {
  for (const [role, { limits }] of replay.quotas) {
    const before = consumedOf(role, replay.bundles, replay);
    const after = consumedOf(role, [...replay.bundles, ...allocations], replay);
    for (const [name, limit] of limits)
      expect([role, name, (after.get(name) ?? 0) <= Math.max(limit, before.get(name) ?? 0)]).toEqual([role, name, true]);
  }
}

/** Shares, charges, reservations and consumption, as told, are those of the books. */
function checkRoles(replay: Replay): void {
  const { agents, frameworks } = replay;
  const totals = sumOf([...agents.values()].map((info) => info.resources.quantities()));
  const claimed = replay.bundles.filter(({ frameworkId }) => frameworks.has(frameworkId));
  const told = replay.fast.roles();
  const booked = told.map(({ role, weight }) => {
    const below = claimed.filter((charge) => isAtOrBelow(charge.role, role));
    // Of what is shared on an agent one copy counts.
    const charged = sumOf(
      [...agents.keys()].map((agent) =>
        Resources.sum(below.filter((charge) => charge.agentId === agent).map((charge) => charge.resources.unallocated())).quantities(),
      ),
    );
    let greatest: [bigint, bigint] = [0n, 1n];
    for (const [name, held] of charged) {
      const total = totals.get(name) ?? 0;
      // As whole numbers: weights are halves at least.
      if (total > 0 && BigInt(held * 2) * greatest[1] > greatest[0] * BigInt(total * weight * 2))
        greatest = [BigInt(held * 2), BigInt(total * weight * 2)];
    }
    return {
      role,
      share: Number(greatest[0]) / Number(greatest[1]),
      charged,
      reserved: consumedOf(role, [], replay),
      consumed: consumedOf(role, replay.bundles, replay),
    };
  });
  const text = (all: readonly Pick<RoleShare, 'role' | 'share' | 'charged' | 'reserved' | 'consumed'>[]): string =>
    all
      .map(
        ({ role, share, ...amounts }) => `${role}: ${share}, ${[amounts.charged, amounts.reserved, amounts.consumed].map(quantitiesText).join(', ')}`,
      )
      .join('\n');
  expect(text(told)).toBe(text(booked));
}

function sumOf(all: readonly Quantities[]): Quantities {
  const sum = new Map<string, number>();
  for (const amounts of all) for (const [name, milli] of amounts) sum.set(name, (sum.get(name) ?? 0) + milli);
  return sum;
}

function quantitiesText(amounts: Quantities): string {
  return [...amounts]
    .filter(([, milli]) => milli !== 0)
    .map(([name, milli]) => `${name}:${milli}`)
    .sort()
    .join(';');
}

/** With nobody holding anything and somebody who takes everything, everything is handed out: what is charged in the end is what there is. */
function checkNothingLost(replay: Replay): void {
  const { fast } = replay;
  for (const framework of [...replay.frameworks.keys()]) replay.carryOut({ kind: 'remove-framework', framework });
  for (const agent of [...replay.inactiveAgents]) replay.carryOut({ kind: 'toggle-agent', agent });
  for (const role of ['eng', 'ops', '*'] as const) replay.carryOut({ kind: 'quota', role, guarantees: {}, limits: {} });
  replay.carryOut({ kind: 'allow', hosts: undefined });
  // What was reported of frameworks that never came is given back, too.
  const collector: FrameworkSketch = {
    roles: [...roleNames],
    suppressed: [],
    capabilities: ['GPU_RESOURCES', 'REVOCABLE_RESOURCES', 'SHARED_RESOURCES', 'RESERVATION_REFINEMENT', 'REGION_AWARE'],
    constraint: 'none',
    minimumSize: 'anything',
  };
  for (const framework of new Set(replay.bundles.map(({ frameworkId }) => frameworkId))) {
    replay.carryOut({ kind: 'add-framework', framework, sketch: collector, active: false, claims: false });
    replay.carryOut({ kind: 'remove-framework', framework });
  }
  replay.carryOut({ kind: 'add-framework', framework: 'f1', sketch: collector, active: true, claims: false });
  replay.carryOut({ kind: 'advance', ms: 20_000 });
  const charged = fast.charged(replay.frameworks.keys().next().value!);
  for (const [agent, info] of replay.agents) {
    const held = (charged.get(agent) ?? Resources.empty).unallocated();
    expect([agent, held.nonShared().toString()]).toEqual([agent, info.resources.nonShared().toString()]);
    expect([agent, held.shared().contains(info.resources.shared())]).toEqual([agent, true]);
  }
}

function replayWithLaws({ seed, steps }: History): Replay {
  const replay = new Replay({
    seed,
    isJudged: false,
    observe: (run) => {
      checkHandedOut(run, replay);
      checkLimits(run, replay);
    },
  });
  for (const step of steps) {
    replay.carryOut(step);
    checkRoles(replay);
  }
  return replay;
}

test('on any history: conserved, never twice, within reservations, capabilities and limits, told as it is, and nothing lost in the end', () => {
  fc.assert(
    fc.property(
      historyArbitrary({ weights: { quota: 2 }, machines: [...machineNames, 'shared', 'shared twice', 'shared twice', 'refined', 'reserved'] }),
      (history) => checkNothingLost(replayWithLaws(history)),
    ),
    { numRuns },
  );
});

test('the same history with the same seed hands out the same bundles at the same times', () => {
  const handedOut = ({ seed, steps }: History): readonly string[] => {
    const replay = new Replay({ seed, isJudged: false });
    replay.replay(steps);
    return replay.handedOut;
  };
  fc.assert(
    fc.property(historyArbitrary(), (history) => expect(handedOut(history)).toEqual(handedOut(history))),
    { numRuns: numRuns / 4 },
  );
});

// Guarantees

const units = fc.integer({ min: 0, max: 6 });
const plainAgents = fc.array(fc.record({ cpus: fc.integer({ min: 1, max: 8 }), mem: fc.integer({ min: 1, max: 8 }) }), {
  minLength: 1,
  maxLength: 6,
});
/** How much more than its guarantee a role may have; undefined: no limit. */
const beyond = fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined });
const guaranteed = fc.uniqueArray(fc.record({ role: fc.constantFrom('p', 'q', 'r'), cpus: units, mem: units, cpusBeyond: beyond, memBeyond: beyond }), {
  minLength: 1,
  maxLength: 3,
  selector: ({ role }) => role,
});

interface GuaranteedCluster {
  readonly agents: readonly { readonly cpus: number; readonly mem: number }[];
  readonly quotas: readonly {
    readonly role: string;
    readonly cpus: number;
    readonly mem: number;
    readonly cpusBeyond: number | undefined;
    readonly memBeyond: number | undefined;
  }[];
  readonly seed: number;
}

/** Guarantees that the agents can meet all together. */
const guaranteedCluster: fc.Arbitrary<GuaranteedCluster> = fc
  .record({ agents: plainAgents, quotas: guaranteed, seed: fc.nat() })
  .filter(({ agents, quotas }) => (['cpus', 'mem'] as const).every((name) => sumBy(quotas, name) <= sumBy(agents, name)));

function sumBy<Name extends string>(all: readonly Readonly<Record<Name, number>>[], name: Name): number {
  return all.reduce((sum, one) => sum + one[name], 0);
}

function limitsOf({ cpus, mem, cpusBeyond, memBeyond }: GuaranteedCluster['quotas'][number]): Readonly<Record<string, number>> {
  return { ...(cpusBeyond === undefined ? {} : { cpus: cpus + cpusBeyond }), ...(memBeyond === undefined ? {} : { mem: mem + memBeyond }) };
}

/** With a greedy framework without quota; frameworks take the smallest crumbs, or a guarantee might be met in pieces that nobody wants. */
function clusterOf({ agents, quotas, seed }: GuaranteedCluster): AllocatorCluster {
  const cluster = new AllocatorCluster({ seed, options: { minAllocatable: [] } });
  for (const quota of quotas) {
    const { role, cpus, mem } = quota;
    cluster.allocator.updateQuota(role, { guarantees: quantities({ cpus, mem }), limits: quantities(limitsOf(quota)) }, 0);
  }
  cluster.framework('greedy', { roles: ['greedy'] });
  agents.forEach(({ cpus, mem }, i) => cluster.agent(`a${i}`, `cpus:${cpus};mem:${mem}`));
  return cluster;
}

function checkGuarantees(cluster: AllocatorCluster, { quotas }: GuaranteedCluster): void {
  for (const quota of quotas) {
    const { role, cpus, mem } = quota;
    const { consumed } = cluster.allocator.roles().find((one) => one.role === role)!;
    expect([role, (consumed.get('cpus') ?? 0) >= cpus * 1000, (consumed.get('mem') ?? 0) >= mem * 1000]).toEqual([role, true, true]);
    for (const [name, limit] of quantities(limitsOf(quota))) expect([role, name, (consumed.get(name) ?? 0) <= limit]).toEqual([role, name, true]);
  }
}

test('guarantees that can be met, with limits at or above them or without, are met by the first run, whatever else is wanted, also by way of a subrole', () => {
  fc.assert(
    fc.property(guaranteedCluster, fc.boolean(), (wanted, isBelow) => {
      const cluster = clusterOf(wanted);
      for (const { role } of wanted.quotas) cluster.framework(`f-${role}`, { roles: [isBelow ? `${role}/sub` : role] });
      cluster.advance(5);
      checkGuarantees(cluster, wanted);
    }),
    { numRuns },
  );
});

test('guarantees are met whenever their framework comes, because others are left without what they need', () => {
  fc.assert(
    fc.property(guaranteedCluster, (wanted) => {
      const cluster = clusterOf(wanted);
      cluster.advance(3000);
      for (const { role } of wanted.quotas) cluster.framework(`f-${role}`, { roles: [role] });
      cluster.advance(5);
      checkGuarantees(cluster, wanted);
    }),
    { numRuns },
  );
});

// Shares

const claimants = fc.uniqueArray(fc.record({ role: fc.constantFrom('p', 'q', 'r', 's', 't'), weight: fc.integer({ min: 1, max: 5 }) }), {
  minLength: 2,
  maxLength: 5,
  selector: ({ role }) => role,
});

test('of equal agents, weighted shares end within one bundle of fair', () => {
  fc.assert(
    fc.property(claimants, fc.integer({ min: 1, max: 40 }), fc.nat(), (wanted, agentCount, seed) => {
      const cluster = new AllocatorCluster({ seed });
      for (const { role, weight } of wanted) {
        cluster.allocator.updateWeight(role, weight);
        cluster.framework(`f-${role}`, { roles: [role] });
      }
      for (let i = 0; i < agentCount; i++) cluster.agent(`a${i}`, 'cpus:4;mem:1024');
      expect(cluster.advance(5)).toHaveLength(agentCount);
      const shares = cluster.allocator.roles();
      // Whoever got the last bundle was not ahead before it: share - bundle/weight <= everyone's share then <= everyone's share now.
      for (const one of shares) for (const other of shares) expect(one.share - 1 / agentCount / one.weight).toBeLessThanOrEqual(other.share + 1e-12);
    }),
    { numRuns: 100 },
  );
});

test('more weight never gets a role fewer of equal agents', () => {
  fc.assert(
    fc.property(claimants, fc.integer({ min: 1, max: 30 }), fc.nat(), (wanted, agentCount, seed) => {
      const bundlesOfFirst = (extra: number): number => {
        const cluster = new AllocatorCluster({ seed });
        wanted.forEach(({ role, weight }, i) => {
          cluster.allocator.updateWeight(role, i === 0 ? weight + extra : weight);
          cluster.framework(`f-${role}`, { roles: [role] });
        });
        for (let i = 0; i < agentCount; i++) cluster.agent(`a${i}`, 'cpus:4');
        return cluster.advance(5).filter(({ role }) => role === wanted[0]!.role).length;
      };
      expect(bundlesOfFirst(2)).toBeGreaterThanOrEqual(bundlesOfFirst(0));
    }),
    { numRuns: 60 },
  );
});

// Shares in a tree

const treePaths = ['a', 'a/x', 'a/x/p', 'a/x/q', 'a/y', 'b', 'b/z', 'c'] as const;

/** Some frameworks in some roles of a tree, several in a role and in several roles, with weights on any node. */
interface RoleForest {
  readonly subscriptions: readonly { readonly framework: string; readonly roles: readonly string[] }[];
  readonly weights: ReadonlyMap<string, number>;
  readonly seed: number;
}

const roleForest: fc.Arbitrary<RoleForest> = fc.record({
  subscriptions: fc.uniqueArray(
    fc.record({ framework: fc.constantFrom('f1', 'f2', 'f3', 'f4', 'f5', 'f6'), roles: fc.subarray([...treePaths], { minLength: 1, maxLength: 3 }) }),
    { minLength: 2, maxLength: 6, selector: ({ framework }) => framework },
  ),
  weights: fc.array(fc.tuple(fc.constantFrom(...treePaths), fc.integer({ min: 1, max: 5 })), { maxLength: 6 }).map((pairs) => new Map(pairs)),
  seed: fc.nat(),
});

/** What one run hands out of all agents, each of which goes whole to somebody. */
function dividedAmong({ subscriptions, weights, seed }: RoleForest, agents: readonly string[]): readonly Allocation[] {
  const cluster = new AllocatorCluster({ seed });
  for (const [role, weight] of weights) cluster.allocator.updateWeight(role, weight);
  for (const { framework, roles } of subscriptions) cluster.framework(framework, { roles });
  agents.forEach((total, i) => cluster.agent(`a${i}`, total));
  const allocations = cluster.advance(5);
  expect(allocations).toHaveLength(agents.length);
  return allocations;
}

/** From the top-level role down: each step with those it competes in. A role's own frameworks are one competitor of its subroles, `role/.`. */
function stepsTo(role: string, framework: string): readonly (readonly [within: string, one: string])[] {
  const paths = role.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'));
  return [...paths.map((path, i) => [paths[i - 1] ?? '', path] as const), [role, `${role}/.`], [`${role}/.`, `${role}/. ${framework}`]];
}

test('of any agents, in any tree, the weighted shares of siblings end within one bundle, the largest, of each other', () => {
  const agent = fc.record({ cpus: fc.integer({ min: 1, max: 4 }), mem: fc.integer({ min: 1, max: 4 }) });
  fc.assert(
    fc.property(roleForest, fc.array(agent, { minLength: 1, maxLength: 30 }), (forest, agents) => {
      const allocations = dividedAmong(forest, agents.map(({ cpus, mem }) => `cpus:${cpus};mem:${mem * 1024}`));
      const total = sumOf(agents.map(({ cpus, mem }) => quantities({ cpus, mem: mem * 1024 })));
      const shareOf = (held: Quantities): number => Math.max(0, ...[...held].map(([name, milli]) => milli / total.get(name)!));
      const bundleMax = Math.max(...allocations.map(({ resources: granted }) => shareOf(granted.quantities())));
      const held = new Map<string, Map<string, Quantities>>();
      const add = (role: string, framework: string, amounts: Quantities): void => {
        for (const [within, one] of stepsTo(role, framework)) {
          const siblings = held.get(within) ?? new Map<string, Quantities>();
          held.set(within, siblings.set(one, sumOf([siblings.get(one) ?? new Map<string, number>(), amounts])));
        }
      };
      for (const { framework, roles } of forest.subscriptions) for (const role of roles) add(role, framework, new Map());
      for (const { frameworkId, role, resources: granted } of allocations) add(role, frameworkId, granted.quantities());
      for (const siblings of held.values()) {
        const weighted = [...siblings].map(([one, amounts]) => ({ share: shareOf(amounts) / (forest.weights.get(one) ?? 1), step: bundleMax / (forest.weights.get(one) ?? 1) }));
        // Whoever got its last bundle was not ahead before it, and nobody has had anything taken away since.
        for (const one of weighted) for (const other of weighted) expect(one.share - one.step).toBeLessThanOrEqual(other.share + 1e-12);
      }
    }),
    { numRuns: 2 * numRuns },
  );
});

test('more weight never gets a subtree fewer of equal agents, nor anybody outside of its siblings more or fewer', () => {
  fc.assert(
    fc.property(roleForest, fc.constantFrom(...treePaths), fc.integer({ min: 1, max: 30 }), (forest, path, agentCount) => {
      const agents = Array.from({ length: agentCount }, () => 'cpus:4');
      const countsWith = (extra: number): ((within: string) => number) => {
        const weights = new Map(forest.weights).set(path, (forest.weights.get(path) ?? 1) + extra);
        const allocations = dividedAmong({ ...forest, weights }, agents);
        return (within) => allocations.filter(({ role }) => isAtOrBelow(role, within)).length;
      };
      const [before, after] = [countsWith(0), countsWith(2)];
      expect(after(path)).toBeGreaterThanOrEqual(before(path));
      const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
      for (const other of treePaths.filter((one) => parent !== '' && !isSubroleOf(one, parent))) expect([other, after(other)]).toEqual([other, before(other)]);
    }),
    { numRuns: 2 * numRuns },
  );
});

// Orders that mean nothing

const agentTotals = ['cpus:1;mem:512', 'cpus:2;mem:512', 'cpus:3;mem:512', 'cpus:2;cpus(a):1;mem:256', 'cpus:4;mem:1024;disk:100', 'cpus:2;mem:2048'];
const subscriptions = ['*', 'a', 'a/x', 'a/y', 'b', 'b'];

test.each(['drf', 'random'] as const)(
  'with %s sorters, the order in which agents, frameworks, weights and quotas were told makes no difference',
  (kind) => {
    const shuffled = <Item>(items: readonly Item[]): fc.Arbitrary<Item[]> => fc.shuffledSubarray([...items], { minLength: items.length });
    const run = (
      seed: number,
      agents: readonly number[],
      frameworks: readonly number[],
      weighted: readonly string[],
      limited: readonly string[],
    ): string[] => {
      const cluster = new AllocatorCluster({ seed, options: { roleSorter: kind, frameworkSorter: kind } });
      for (const role of limited) cluster.allocator.updateQuota(role, { guarantees: quantities({ cpus: 2 }), limits: quantities({ cpus: 5 }) }, 0);
      for (const i of agents) cluster.agent(`a${i}`, agentTotals[i]!);
      for (const role of weighted) cluster.allocator.updateWeight(role, role.length + 1);
      for (const i of frameworks) cluster.framework(`f${i}`, { roles: [subscriptions[i]!] });
      return cluster.offersWithin(5);
    };
    const places = [0, 1, 2, 3, 4, 5];
    fc.assert(
      fc.property(
        fc.nat(),
        shuffled(places),
        shuffled(places),
        shuffled(['a', 'a/x', 'b']),
        fc.subarray(['a', 'b']).chain(shuffled),
        (seed, agents, frameworks, weighted, limited) => {
          const inOrder = run(seed, places, places, ['a', 'a/x', 'b'], [...limited].sort());
          expect(inOrder.length).toBeGreaterThan(0);
          expect(run(seed, agents, frameworks, weighted, limited)).toEqual(inOrder);
        },
      ),
      { numRuns: numRuns / 2 },
    );
  },
);

test('agents that a run does not look at leave the order of the others as it is', () => {
  fc.assert(
    fc.property(fc.nat(), fc.subarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 2 }), (seed, present) => {
      const orderOf = (agents: readonly number[]): string[] => {
        const cluster = new AllocatorCluster({ seed });
        cluster.framework('f1');
        for (const i of agents) cluster.agent(`a${i}`, 'cpus:4');
        return cluster.advance(5).map(({ agentId: agent }) => agent);
      };
      const isPresent = (agent: string): boolean => present.some((i) => agentId(`a${i}`) === agent);
      expect(orderOf(present)).toEqual(orderOf([0, 1, 2, 3, 4, 5, 6, 7]).filter(isPresent));
    }),
    { numRuns: 60 },
  );
});

test('the order of a list of minimum sizes makes no difference', () => {
  const entries = [quantities({ cpus: 2 }), quantities({ mem: 600 }), quantities({ cpus: 1, mem: 100 })];
  const run = (minAllocatable: typeof entries): string[] => {
    const cluster = new AllocatorCluster({ options: { minAllocatable } });
    for (let i = 1; i <= 6; i++) cluster.agent(`a${i}`, resources(`cpus:${i / 2};mem:${i * 110}`));
    cluster.framework('f1');
    return cluster.offersWithin(5);
  };
  expect(run([...entries].reverse())).toEqual(run(entries));
  expect(run(entries)).toHaveLength(5);
});

test('a history in which nothing was offered proves nothing: most offer something, and what is rare happens', () => {
  const replayed = (emphasis: Emphasis, count: number): Replay[] =>
    fc.sample(historyArbitrary(emphasis), { numRuns: count, seed: 7 }).map(({ seed, steps }) => {
      const replay = new Replay({ seed, isJudged: false });
      replay.replay(steps);
      return replay;
    });
  expect(replayed({}, 50).filter(({ handedOut }) => handedOut.length > 0).length).toBeGreaterThan(35);
  const scripts = replayed({ weights: { 'operate-on-free': 5, 'return-late': 2 } }, 100).map(({ script }) => script.join('\n'));
  for (const rare of [/: late word of/, /becomes .*, then .* becomes/, /operator .* not all is free/, /wants rack r2, or/])
    expect([rare, scripts.some((script) => rare.test(script))]).toEqual([rare, true]);
});
