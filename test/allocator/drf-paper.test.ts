// The DRF paper's worked example and weighted DRF, played through the whole allocator with offers.
//
// Proves:    that offering an agent to the smallest dominant share, one task taken per offer, is the paper's Algorithm 1.
// How:       one agent is the paper's whole cluster; a framework takes one task of every offer and returns the rest at once, or refuses
//            the offer for good when its task does not fit. After each round the shares are compared with the paper's.
// Source: Ghodsi et al., "Dominant Resource Fairness", NSDI 2011, sections 4.1 (example, Table 1) and 4.3 (weighted DRF).

import type { Allocation } from '../../allocator/allocator';
import { AllocatorCluster, resources } from './allocator-cluster';

/** Takes one task out of an offer, or refuses it for a day; says whether it was taken. */
function takeOneTask(cluster: AllocatorCluster, offer: Allocation, task: string): boolean {
  const taken = resources(task).allocatedTo(offer.role);
  if (!offer.resources.contains(taken)) {
    cluster.decline(offer, 86_400_000);
    return false;
  }
  const rest = offer.resources.minus(taken);
  if (!rest.isEmpty) cluster.decline({ ...offer, resources: rest });
  return true;
}

function shareOf(cluster: AllocatorCluster, role: string): number {
  return cluster.allocator.roles().find((share) => share.role === role)!.share;
}

/** Plays until nobody takes anything any more; the role that launched a task, round by round, with the shares it led to. */
function play(cluster: AllocatorCluster, tasks: Readonly<Record<string, string>>): { role: string; shares: number[] }[] {
  const launched: { role: string; shares: number[] }[] = [];
  for (let quiet = 0; quiet < 3; ) {
    const offers = cluster.advance(1000);
    quiet = offers.length === 0 ? quiet + 1 : 0;
    for (const offer of offers) {
      if (takeOneTask(cluster, offer, tasks[offer.role]!)) launched.push({ role: offer.role, shares: Object.keys(tasks).map((role) => shareOf(cluster, role)) });
    }
  }
  return launched;
}

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
