// Scale: five times the agents and ten times the frameworks of the reference page's largest cluster, in a tree of roles.
//
// Owns:      the cluster of 50000 agents and 5000 frameworks in 1000 roles, three levels deep, and what its cycles take.
// Elsewhere: the page's own sizes (full-allocation.ts).
// Source: our choice; there is no C++ figure.

import { agentTotalText, expectEqualParts, expectNothing } from './full-allocation';
import { Expectations, measurement, peakResident, usedMib, warmMeasurement, type CellResult } from './measurement';
import { ReplayCluster } from './replay-cluster';
import type { Cell, Workload } from './workload';

export interface ScalePlan {
  readonly agents: number;
  readonly frameworks: number;
  /** Children of each role on each of three levels; frameworks are in the roles of the third. */
  readonly branching: number;
  readonly cycles: number;
  /** How often a single agent changes. */
  readonly singleChanges: number;
}

export function measureScale({ agents, frameworks, branching, cycles, singleChanges }: ScalePlan): CellResult {
  const expectations = new Expectations();
  const cluster = new ReplayCluster();
  const roleOf = (index: number): string => `region${Math.floor(index / branching ** 2) % branching}/team${Math.floor(index / branching) % branching}/job${index % branching}`;
  const addedFrameworksMs = cluster.addFrameworks({ count: frameworks, roleOf });
  const addedAgentsMs = cluster.addAgents({ count: agents, total: agentTotalText });

  const full: number[] = [];
  const idle: number[] = [];
  const over: number[] = [];
  const recovered: number[] = [];
  let held = cluster.cycle();
  for (let round = 0; round < cycles; round++) {
    if (round > 0) {
      recovered.push(cluster.decline(held.allocations));
      held = cluster.cycle();
    }
    full.push(held.ms);
    expectEqualParts(held, agents, frameworks, `Cycle ${round}`, expectations);
    idle.push(expectNothing(cluster.cycle(), `Idle cycle ${round}`, expectations));
    over.push(expectNothing(cluster.cycleOverAll(), `Idle cycle over all agents ${round}`, expectations));
  }
  const single: number[] = [];
  for (let change = 0; change < singleChanges; change++) {
    const given = held.allocations[(change * 7_919) % agents]; // A prime, so that the agents are spread and none comes twice.
    if (given === undefined) continue;
    cluster.decline([given]);
    const { ms, allocations } = cluster.cycle();
    single.push(ms);
    expectations.equal('One agent changed, offers', allocations.length, 1);
    expectations.holds(allocations[0]?.agentId === given.agentId, `One agent changed: an offer of ${allocations[0]?.agentId}, expected of ${given.agentId}`);
  }
  const heapMib = usedMib();
  return {
    measurements: [
      measurement('add frameworks', [addedFrameworksMs]),
      measurement('add agents', [addedAgentsMs]),
      warmMeasurement('cycle', full, { offers: agents, heapMib }),
      warmMeasurement('recover all', recovered),
      warmMeasurement('nothing changed, batch', idle, { offers: 0 }),
      warmMeasurement('nothing changed, all looked at again', over, { offers: 0 }),
      warmMeasurement('one agent changed, batch', single, { offers: 1 }),
      peakResident(),
    ],
    problems: expectations.problems,
  };
}

const plan: ScalePlan = { agents: 50_000, frameworks: 5_000, branching: 10, cycles: 8, singleChanges: 1_000 };

export const scale: Workload = {
  name: 'scale',
  title: '50000 agents, 5000 frameworks in 1000 roles on three levels (ours)',
  cells: [{ name: `${plan.agents}x${plan.frameworks}`, measure: () => measureScale(plan) } satisfies Cell],
};
