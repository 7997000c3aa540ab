// The DRF paper, played through the whole allocator with offers.
//
// Proves:    that offering an agent to the smallest dominant share, one task taken per offer, is the paper's Algorithm 1: its worked examples task by
//            task, its counterexamples to other policies, and the properties of its section 3 on random users.
// How:       one agent is the paper's whole cluster; a user takes one task of every offer and returns the rest at once, or refuses the offer for
//            good when its task does not fit. So tasks are given one by one, as in Algorithm 1, and who is refused a task is out of the game.
//            Where the paper's continuous division consists of whole tasks the properties hold to the task, and are checked so. Where it does
//            not, nobody can do better than within a task of it (section 6.2); which task, each property says.
// Source: Ghodsi et al., "Dominant Resource Fairness: Fair Allocation of Multiple Resource Types", NSDI 2011. Envy-freeness up to one task: Parkes,
//         Procaccia and Shah, "Beyond Dominant Resource Fairness", EC 2012.

import fc from 'fast-check';
import type { Allocation } from '../../allocator/allocator';
import { frameworkId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import { AllocatorCluster, quantities, resources } from './allocator-cluster';

// The game

/** Takes one task out of an offer, or refuses it for a day; says whether it was taken. */
function takeOneTask(cluster: AllocatorCluster, offer: Allocation, task: string): boolean {
  const taken = resources(task).allocatedTo(offer.role);
  if (!offer.resources.contains(taken)) {
    cluster.decline(offer, 86_400_000);
    return false;
  }
  const rest = offer.resources.minus(taken);
  cluster.allocator.transitionOfferedToAllocated(offer.frameworkId, offer.agentId, taken);
  if (!rest.isEmpty) cluster.decline({ ...offer, resources: rest });
  return true;
}

function shareOf(cluster: AllocatorCluster, role: string): number {
  return cluster.allocator.roles().find((share) => share.role === role)!.share;
}

/** Plays until nobody takes anything any more; who launched a task, round by round, with the shares it led to. Users are roles. */
function play(cluster: AllocatorCluster, tasks: Readonly<Record<string, string>>): { role: string; shares: number[] }[] {
  const launched: { role: string; shares: number[] }[] = [];
  for (let offers = cluster.advance(1000); offers.length > 0; offers = cluster.advance(1000)) {
    for (const offer of offers) {
      if (takeOneTask(cluster, offer, tasks[offer.role]!)) launched.push({ role: offer.role, shares: Object.keys(tasks).map((role) => shareOf(cluster, role)) });
    }
  }
  return launched;
}

/** Everything is worth an offer: the paper knows no smallest one. */
const options = { minAllocatable: [] };

/** Amounts in whole units. */
type Amounts = Readonly<Record<string, number>>;

/** How many tasks of `demands` each of the users runs in the end. They are roles, each with one framework, or frameworks of one role. */
class Division {
  readonly cluster = new AllocatorCluster({ options });
  readonly tasks = new Map<string, number>();

  constructor(
    readonly pool: Amounts,
    readonly demands: Readonly<Record<string, Amounts>>,
    { weights = {}, asFrameworks = false }: { readonly weights?: Readonly<Record<string, number>>; readonly asFrameworks?: boolean } = {},
  ) {
    this.cluster.agent('pool', Resources.ofQuantities(quantities(pool)));
    for (const [user, weight] of Object.entries(weights)) this.cluster.allocator.updateWeight(user, weight);
    for (const user of Object.keys(demands)) {
      this.tasks.set(user, 0);
      this.cluster.framework(user, { roles: [asFrameworks ? '*' : user] });
    }
    this.play();
  }

  play(): void {
    for (let offers = this.cluster.advance(1000); offers.length > 0; offers = this.cluster.advance(1000)) {
      for (const offer of offers) {
        const task = Resources.ofQuantities(quantities(this.demands[offer.frameworkId]!));
        if (takeOneTask(this.cluster, offer, task.toString())) this.tasks.set(offer.frameworkId, this.tasks.get(offer.frameworkId)! + 1);
      }
    }
  }

  /** The user goes, and what it used comes free; the others go on. */
  leave(user: string): void {
    this.cluster.allocator.removeFramework(frameworkId(user), this.cluster.nowMs);
    this.tasks.delete(user);
    this.play();
  }

  get counts(): readonly number[] {
    return [...this.tasks.values()];
  }

  get free(): Amounts {
    const used = (name: string): number => [...this.tasks].reduce((sum, [user, count]) => sum + count * this.demands[user]![name]!, 0);
    return Object.fromEntries(Object.entries(this.pool).map(([name, amount]) => [name, amount - used(name)]));
  }
}

// Worked examples

test('section 4.1: of 9 CPUs and 18 GB, A (1 CPU, 4 GB a task) runs 3 tasks and B (3 CPUs, 1 GB) runs 2: both hold two thirds', () => {
  const cluster = new AllocatorCluster();
  cluster.agent('cluster', 'cpus:9;mem:18432');
  cluster.framework('user-a', { roles: ['A'] });
  cluster.framework('user-b', { roles: ['B'] });
  const launched = play(cluster, { A: 'cpus:1;mem:4096', B: 'cpus:3;mem:1024' });
  // The paper breaks the first tie for B; our tie goes to the smaller name. From the second round on nothing is a matter of taste.
  expect(launched).toEqual([
    { role: 'A', shares: [4 / 18, 0] }, //          A <1/9, 4/18>   B <0, 0>       B is behind
    { role: 'B', shares: [4 / 18, 3 / 9] }, //      A <1/9, 4/18>   B <3/9, 1/18>  A is behind, 2/9 < 1/3
    { role: 'A', shares: [8 / 18, 3 / 9] }, //      A <2/9, 8/18>   B <3/9, 1/18>  B is behind, 1/3 < 4/9
    { role: 'B', shares: [8 / 18, 6 / 9] }, //      A <2/9, 8/18>   B <6/9, 2/18>  A is behind, 4/9 < 2/3
    { role: 'A', shares: [12 / 18, 6 / 9] }, //     A <3/9, 12/18>  B <6/9, 2/18>  equal; CPUs are exhausted
  ]);
  const dominant = cluster.allocator.roles().map(({ role, dominantResource }) => [role, dominantResource]);
  expect(dominant).toEqual([['A', 'mem'], ['B', 'cpus']]); // Section 4: each user's own dominant resource.
});

test('section 4.2, Table 1: with the tie broken as in the paper, shares go B 1/3, A 2/9, A 4/9, B 2/3, A 2/3', () => {
  const cluster = new AllocatorCluster();
  cluster.agent('cluster', 'cpus:9;mem:18432');
  cluster.framework('user-a', { roles: ['a'] });
  cluster.framework('user-b', { roles: ['B'] }); // Capitals come first.
  const launched = play(cluster, { a: 'cpus:1;mem:4096', B: 'cpus:3;mem:1024' });
  expect(launched.map(({ role, shares: [a, b] }) => [role, role === 'a' ? a : b])).toEqual([['B', 1 / 3], ['a', 2 / 9], ['a', 4 / 9], ['B', 2 / 3], ['a', 2 / 3]]);
});

test('section 4.1, as frameworks of one role: the same division, since a role divides by the whole cluster too', () => {
  const cluster = new AllocatorCluster();
  cluster.agent('cluster', 'cpus:9;mem:18432');
  cluster.framework('user-a');
  cluster.framework('user-b');
  const taskOf: Record<string, string> = { 'user-a': 'cpus:1;mem:4096', 'user-b': 'cpus:3;mem:1024' };
  const launched: string[] = [];
  for (let round = 0; round < 12; round++) {
    for (const offer of cluster.advance(1000)) if (takeOneTask(cluster, offer, taskOf[offer.frameworkId]!)) launched.push(offer.frameworkId);
  }
  expect(launched).toEqual(['user-a', 'user-b', 'user-a', 'user-b', 'user-a']);
});

test('section 4.2: a user without a next task is passed over, whatever its share, and what it leaves goes to those who have one', () => {
  const cluster = new AllocatorCluster();
  cluster.agent('cluster', 'cpus:10;mem:10240');
  for (const user of ['a', 'b', 'c']) cluster.framework(user, { roles: [user] });
  const wanted: Record<string, number> = { a: 2, b: 3, c: 100 };
  const running: Record<string, number> = { a: 0, b: 0, c: 0 };
  for (let offers = cluster.advance(1000); offers.length > 0; offers = cluster.advance(1000)) {
    for (const offer of offers) {
      if (takeOneTask(cluster, offer, 'cpus:1;mem:1024') && ++running[offer.role]! === wanted[offer.role]) cluster.suppress(offer.frameworkId);
    }
  }
  expect(running).toEqual({ a: 2, b: 3, c: 5 });
});

test('section 4.3: with equal demands, weights 3 and 1 give dominant shares in the ratio 3 to 1', () => {
  const cluster = new AllocatorCluster();
  cluster.agent('cluster', 'cpus:8;mem:8192');
  cluster.allocator.updateWeight('heavy', 3);
  cluster.framework('h', { roles: ['heavy'] });
  cluster.framework('l', { roles: ['light'] });
  const launched = play(cluster, { heavy: 'cpus:1;mem:1024', light: 'cpus:1;mem:1024' }).map(({ role }) => role);
  // heavy 1/8/3 = 1/24, light 1/8; heavy 2/24, 3/24: equal, and light has had fewer grants; then heavy again until 6/24 meets 2/8.
  expect(launched).toEqual(['heavy', 'light', 'heavy', 'heavy', 'light', 'heavy', 'heavy', 'heavy']);
});

test('section 4.3: on the example of 4.1, weight 3 for A moves a task from B to A', () => {
  const cluster = new AllocatorCluster();
  cluster.agent('cluster', 'cpus:9;mem:18432');
  cluster.allocator.updateWeight('A', 3);
  cluster.framework('user-a', { roles: ['A'] });
  cluster.framework('user-b', { roles: ['B'] });
  const launched = play(cluster, { A: 'cpus:1;mem:4096', B: 'cpus:3;mem:1024' });
  expect(launched).toEqual([
    { role: 'A', shares: [4 / 54, 0] }, //          a third of 4/18; B is behind
    { role: 'B', shares: [4 / 54, 3 / 9] },
    { role: 'A', shares: [8 / 54, 3 / 9] },
    { role: 'A', shares: [12 / 54, 3 / 9] },
    { role: 'A', shares: [16 / 54, 3 / 9] }, //     A is still behind, but 1 GB is left for tasks of 4, and 2 CPUs for tasks of 3
  ]);
});

// The paper compares policies by what they do to small examples. What DRF does there:
test.each<[where: string, claim: string, pool: Amounts, demands: Readonly<Record<string, Amounts>>, tasks: readonly number[]]>([
  ['5.3 (Figure 4)', 'ten times the example of 4.1 is exactly 30 and 20 tasks: neither equal sums (asset fairness, 25.2 and 21.6) nor equal budgets (CEEI, 40.9 and 16.4)',
    { cpus: 90, mem: 180 }, { A: { cpus: 1, mem: 4 }, B: { cpus: 3, mem: 1 } }, [30, 20]],
  ['6.1.1', 'the second user keeps half of its dominant resource, where asset fairness leaves it 12 tasks of the 15 that half the pool would run',
    { cpus: 30, mem: 30 }, { A: { cpus: 1, mem: 3 }, B: { cpus: 1, mem: 1 } }, [5, 15]],
  ['6.1.1', 'where all are bound by CPUs each gets half of the CPUs (bottleneck fairness), where asset fairness runs 34 tasks each and gives the second user four sevenths',
    { cpus: 240, mem: 240 }, { A: { cpus: 3, mem: 2 }, B: { cpus: 4, mem: 1 } }, [40, 30]],
  ['6.1.2', 'a user that tells the truth runs 4 tasks', { cpus: 100, mem: 100 }, { A: { cpus: 16, mem: 1 }, B: { cpus: 1, mem: 2 } }, [4, 36]],
  ['6.1.2', 'the same user runs 4 tasks when it claims to need 8 GB instead of 1: under CEEI that lie takes it from 3.2 to 4.2', { cpus: 100, mem: 100 }, { A: { cpus: 16, mem: 8 }, B: { cpus: 1, mem: 2 } }, [4, 34]],
  ['6.1.3', 'with symmetric demands and as much of both resources, two users run 4 tasks each', { cpus: 12, mem: 12 }, { A: { cpus: 2, mem: 1 }, B: { cpus: 1, mem: 2 } }, [4, 4]],
  ['6.1.3', 'with four times the memory they run 3 and 6: no policy that is fair and wastes nothing can make everyone gain from more of one resource',
    { cpus: 12, mem: 48 }, { A: { cpus: 2, mem: 1 }, B: { cpus: 1, mem: 2 } }, [3, 6]],
  ['3', 'of one resource everyone gets as much (single resource fairness), in whole tasks', { cpus: 30 }, { A: { cpus: 1 }, B: { cpus: 2 }, C: { cpus: 5 } }, [10, 5, 2]],
])('section %s: %s', (_where, _claim, pool, demands, tasks) => {
  expect(new Division(pool, demands).counts).toEqual(tasks);
});

test('section 3: of one resource, whoever wants little gets it, and the rest is divided equally (max-min fairness)', () => {
  const cluster = new AllocatorCluster({ options });
  cluster.agent('pool', 'cpus:10');
  const wanted: Record<string, number> = { a: 20, b: 26, c: 40, d: 50 }; // tenths of a CPU
  const running: Record<string, number> = { a: 0, b: 0, c: 0, d: 0 };
  for (const user of Object.keys(wanted)) cluster.framework(user);
  for (let offers = cluster.advance(1000); offers.length > 0; offers = cluster.advance(1000)) {
    for (const offer of offers) {
      if (takeOneTask(cluster, offer, 'cpus:0.1') && ++running[offer.frameworkId]! === wanted[offer.frameworkId]) cluster.suppress(offer.frameworkId);
    }
  }
  expect(running).toEqual({ a: 20, b: 26, c: 27, d: 27 });
});

test('section 6.1.2: when the third user leaves, nobody loses a task, where CEEI takes the second from 5.4 to 4.8', () => {
  const demands = { A: { cpus: 4, mem: 1 }, B: { cpus: 1, mem: 16 }, C: { cpus: 16, mem: 1 } };
  const division = new Division({ cpus: 100, mem: 100 }, demands);
  expect(division.counts).toEqual([12, 4, 3]); // 48/100 each, and the last CPU to B
  division.leave('C');
  expect(division.counts).toEqual([20, 5]);
  expect(new Division(division.pool, { A: demands.A, B: demands.B }).counts).toEqual([20, 5]);
});

test('section 6.2: machines that come one after the other, each like the cluster of 4.1, add 3 and 2 tasks each', () => {
  const division = new Division({ cpus: 9, mem: 18 }, { A: { cpus: 1, mem: 4 }, B: { cpus: 3, mem: 1 } });
  for (let machines = 1; machines <= 5; machines++) {
    expect(division.counts).toEqual([3 * machines, 2 * machines]);
    division.cluster.agent(`machine-${machines}`, Resources.ofQuantities(quantities(division.pool)));
    division.play();
  }
});

// Properties (section 3), where the continuous division consists of whole tasks

const names = ['cpus', 'mem', 'disk'] as const;
const userNames = ['u1', 'u2', 'u3', 'u4'] as const;

interface ExactCase {
  readonly pool: Amounts;
  readonly demands: Readonly<Record<string, Amounts>>;
  readonly weights: Readonly<Record<string, number>>;
  /** Of each user, in order: with them all dominant shares are equal, by weight, and the pool is exhausted. */
  readonly tasks: readonly number[];
  readonly asFrameworks: boolean;
}

/** Sums `counts[i]` tasks of each user, per name. */
function used(demands: readonly Amounts[], counts: readonly number[]): Amounts {
  return Object.fromEntries(names.map((name) => [name, demands.reduce((sum, demand, i) => sum + counts[i]! * demand[name]!, 0)]));
}

const most = (amounts: Amounts): number => Math.max(...Object.values(amounts));
const positiveDemand = (max: number): fc.Arbitrary<Amounts> => fc.record({ cpus: fc.integer({ min: 1, max }), mem: fc.integer({ min: 1, max }), disk: fc.integer({ min: 1, max }) });

/**
 * The pool has as much of each name, so that a demand's greatest amount is its dominant one. Each user's tasks are as many as make 12 (times its weight) of that:
 * a common level. The pool is what the busiest name then needs, so that it is exhausted just there.
 */
function exactCases(weight: fc.Arbitrary<number>): fc.Arbitrary<ExactCase> {
  const user = fc.record({
    demand: fc.constantFrom(1, 2, 3, 4, 6).chain((dominant) => fc.tuple(fc.constantFrom(...names), positiveDemand(dominant)).map(([name, demand]) => ({ ...demand, [name]: dominant }))),
    weight,
  });
  return fc.tuple(fc.array(user, { minLength: 2, maxLength: userNames.length }), fc.boolean()).map(([users, isOneRole]) => {
    const tasks = users.map((one) => (12 * one.weight) / most(one.demand));
    const size = most(used(users.map(({ demand }) => demand), tasks));
    return {
      pool: { cpus: size, mem: size, disk: size },
      demands: Object.fromEntries(users.map(({ demand }, i) => [userNames[i]!, demand])),
      weights: Object.fromEntries(users.map((one, i) => [userNames[i]!, one.weight])),
      tasks,
      asFrameworks: isOneRole && users.every((one) => one.weight === 1),
    };
  });
}

const unweighted = exactCases(fc.constant(1));

/** How many tasks of `demand` `amounts` would run. */
function tasksIn(amounts: Amounts, demand: Amounts): number {
  return Math.floor(Math.min(...Object.entries(demand).map(([name, amount]) => amounts[name]! / amount)));
}

function times(amounts: Amounts, factor: number): Amounts {
  return Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount * factor]));
}

test('sections 4 and 4.3: weighted dominant shares end equal, to the task, where whole tasks allow it', () => {
  fc.assert(
    fc.property(exactCases(fc.constantFrom(1, 2, 3)), (one) => {
      expect(new Division(one.pool, one.demands, one).counts).toEqual(one.tasks);
    }),
    { numRuns: 60 },
  );
});

test('sections 3 and 6.1: to the task, nobody would do better with 1/n of the pool, nor with what another has', () => {
  fc.assert(
    fc.property(unweighted, (one) => {
      const { counts } = new Division(one.pool, one.demands, one);
      const demands = Object.values(one.demands);
      demands.forEach((demand, i) => {
        expect(counts[i]!).toBeGreaterThanOrEqual(tasksIn(one.pool, times(demand, demands.length)));
        demands.forEach((other, j) => expect(counts[i]!).toBeGreaterThanOrEqual(tasksIn(times(other, counts[j]!), demand)));
      });
    }),
    { numRuns: 60 },
  );
});

test('sections 3 and 6.1: when a user leaves, nobody runs fewer tasks, whether the others go on or begin anew', () => {
  fc.assert(
    fc.property(unweighted, fc.nat(), (one, which) => {
      const division = new Division(one.pool, one.demands, one);
      const users = Object.keys(one.demands);
      const leaver = users[which % users.length]!;
      const before = new Map(division.tasks);
      division.leave(leaver);
      const { [leaver]: _gone, ...remaining } = one.demands;
      const anew = new Division(one.pool, remaining, one);
      for (const user of Object.keys(remaining)) {
        expect(division.tasks.get(user)).toBeGreaterThanOrEqual(before.get(user)!);
        expect(anew.tasks.get(user)).toBeGreaterThanOrEqual(before.get(user)!);
      }
    }),
    { numRuns: 60 },
  );
});

// Tolerance: a lie may block another user earlier than the truth would, and what is then left of it is less than one task of that user. No policy that
// gives whole tasks and leaves nothing that fits can do without (section 6.2).
test('sections 3 and 6.1: who asks for more of anything than it needs gains less than one task of another user', () => {
  fc.assert(
    fc.property(unweighted, fc.record({ cpus: fc.nat(4), mem: fc.nat(4), disk: fc.nat(4) }), (one, extra) => {
      const [liar, ...others] = Object.keys(one.demands);
      const truth = one.demands[liar!]!;
      const lie = Object.fromEntries(names.map((name) => [name, truth[name]! + extra[name]]));
      const claimed = new Division(one.pool, { ...one.demands, [liar!]: lie }, one).tasks.get(liar!)!;
      const gained = times(truth, claimed - one.tasks[0]!); // Each task that it runs is a useful one.
      expect(names.some((name) => gained[name]! <= 0 || others.some((user) => gained[name]! < one.demands[user]![name]!))).toBe(true);
    }),
    { numRuns: 100 },
  );
});

// Properties (section 3), whatever the demands

const anyCases = fc
  .tuple(fc.record({ cpus: fc.integer({ min: 10, max: 60 }), mem: fc.integer({ min: 10, max: 60 }), disk: fc.integer({ min: 10, max: 60 }) }), fc.array(positiveDemand(9), { minLength: 2, maxLength: userNames.length }), fc.boolean())
  .map(([pool, demands, asFrameworks]) => ({ pool, demands: Object.fromEntries(demands.map((demand, i) => [userNames[i]!, demand])), asFrameworks }));

/** Dominant share of one task. */
function taskShare(demand: Amounts, pool: Amounts): number {
  return Math.max(...names.map((name) => demand[name]! / pool[name]!));
}

/** The level that all dominant shares reach when tasks can be cut at will (section 6.2). */
function continuousLevel(demands: readonly Amounts[], pool: Amounts): number {
  return Math.min(...names.map((name) => 1 / demands.reduce((sum, demand) => sum + demand[name]! / pool[name]! / taskShare(demand, pool), 0)));
}

const roundingTolerance = 1e-9;

// Tolerance: while nobody has been refused a task all shares are within one task of the least; whoever is refused first held the least, and of what
// refused it there was less than a task of each short of the continuous level. So: less than one task of whoever has the largest.
test('section 6.2: everyone ends within one task, the largest there is, of the continuous division, and so of 1/n of the pool (sharing incentive)', () => {
  fc.assert(
    fc.property(anyCases, (one) => {
      const { counts } = new Division(one.pool, one.demands, one);
      const demands = Object.values(one.demands);
      const largest = Math.max(...demands.map((demand) => taskShare(demand, one.pool)));
      const level = continuousLevel(demands, one.pool);
      expect(level).toBeGreaterThanOrEqual(1 / demands.length - roundingTolerance);
      demands.forEach((demand, i) => expect(counts[i]! * taskShare(demand, one.pool)).toBeGreaterThan(level - largest - roundingTolerance));
    }),
    { numRuns: 100 },
  );
});

// The same with equal tasks: within one task of 1/n means that no whole one is missing.
test('section 3: users whose tasks have equal dominant shares run at least as many as in 1/n of the pool each (sharing incentive)', () => {
  const equalDemands = fc.array(fc.tuple(fc.constantFrom(...names), positiveDemand(5)), { minLength: 2, maxLength: userNames.length });
  fc.assert(
    fc.property(equalDemands, fc.integer({ min: 10, max: 60 }), (drawn, size) => {
      const demands = Object.fromEntries(drawn.map(([name, demand], i) => [userNames[i]!, { ...demand, [name]: 5 }]));
      const { counts } = new Division({ cpus: size, mem: size, disk: size }, demands);
      for (const count of counts) expect(count).toBeGreaterThanOrEqual(Math.floor(size / drawn.length / 5));
    }),
    { numRuns: 60 },
  );
});

// Tolerance: the other's last task came when both had as much, or after one was refused; either way it is one task of the other's.
test('section 3: nobody would run more tasks with what another has, less one task of the other (envy-freeness)', () => {
  fc.assert(
    fc.property(anyCases, (one) => {
      const { counts } = new Division(one.pool, one.demands, one);
      const demands = Object.values(one.demands);
      demands.forEach((demand, i) => demands.forEach((other, j) => expect(tasksIn(times(other, counts[j]! - 1), demand)).toBeLessThanOrEqual(counts[i]!)));
    }),
    { numRuns: 100 },
  );
});

test('section 3: in the end no task of anybody fits into what is left (Pareto efficiency)', () => {
  fc.assert(
    fc.property(anyCases, (one) => {
      const division = new Division(one.pool, one.demands, one);
      for (const demand of Object.values(one.demands)) expect(tasksIn(division.free, demand)).toBe(0);
    }),
    { numRuns: 100 },
  );
});

test('sections 3 and 6.2: on many small machines, too, no task of anybody fits into what is left of any of them', () => {
  fc.assert(
    fc.property(anyCases, fc.integer({ min: 2, max: 6 }), (one, machineCount) => {
      const cluster = new AllocatorCluster({ options });
      const free = new Map<string, Resources>();
      for (let machine = 0; machine < machineCount; machine++) {
        const total = Resources.ofQuantities(quantities(times(one.pool, 0.5)));
        cluster.agent(`machine-${machine}`, total);
        free.set(`machine-${machine}`, total);
      }
      const tasks = new Map(Object.entries(one.demands).map(([user, demand]) => [user, Resources.ofQuantities(quantities(demand))]));
      for (const user of tasks.keys()) cluster.framework(user);
      for (let offers = cluster.advance(1000); offers.length > 0; offers = cluster.advance(1000)) {
        for (const offer of offers) {
          const task = tasks.get(offer.frameworkId)!;
          if (takeOneTask(cluster, offer, task.toString())) free.set(offer.agentId, free.get(offer.agentId)!.minus(task));
        }
      }
      for (const left of free.values()) for (const task of tasks.values()) expect(left.contains(task)).toBe(false);
    }),
    { numRuns: 40 },
  );
});
