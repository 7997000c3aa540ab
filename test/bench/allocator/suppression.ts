// Suppression: ever more frameworks want no offers.
//
// Owns:      the replay of "Suppression" in section 6 of the reference page, the C++ figures of its cells.
// Elsewhere: agents with something in use (decline-offers.ts).
// Source: Mesos `SuppressOffers` and `ExtremeSuppressOffers` benchmarks.

import { usedRoundRobin } from './decline-offers';
import { agentTotalText } from './full-allocation';
import { Expectations, warmMeasurement, type CellResult } from './measurement';
import { countAgents, ReplayCluster } from './replay-cluster';
import type { Cell, Workload } from './workload';

export interface SuppressionPlan {
  readonly agents: number;
  readonly frameworks: number;
  /** Each with clusters of its own; the first is reported apart. */
  readonly repetitions: number;
}

/** In so many equal steps all are suppressed. */
const stepCount = 5;
/** Part of them that is suppressed at once in the extreme case. */
const extremePart = 0.99;
const extremeCycles = 20;

interface MesosCell {
  /** Run ms of the five cycles; the last is with everybody suppressed. */
  readonly cycles: readonly number[];
  /** Median with 99 of 100 suppressed. */
  readonly extreme: number;
}

export function measureSuppression(plan: SuppressionPlan, mesos?: MesosCell): CellResult {
  const { agents, frameworks } = plan;
  const expectations = new Expectations();
  const suppressedAfter = (step: number): number => Math.round(((step + 1) * frameworks) / stepCount);

  const times: readonly number[][] = Array.from({ length: stepCount }, () => []);
  for (let repetition = 0; repetition < plan.repetitions; repetition++) {
    const cluster = startedCluster(plan, expectations);
    let outstanding = cluster.nextRun().allocations;
    for (let step = 0; step < stepCount; step++) {
      cluster.decline(outstanding);
      const suppressed = suppressedAfter(step);
      for (const id of cluster.frameworkIds.slice(suppressedAfter(step - 1), suppressed)) cluster.allocator.suppress(id, []);
      const { ms, allocations } = cluster.cycle();
      times[step]?.push(ms);
      expectations.equal(`${suppressed} suppressed, offers`, allocations.length, suppressed < frameworks ? agents : 0);
      expectations.equal(`${suppressed} suppressed, agents offered`, countAgents(allocations), suppressed < frameworks ? agents : 0);
      outstanding = allocations;
    }
  }

  const extreme = startedCluster(plan, expectations);
  let outstanding = extreme.nextRun().allocations;
  const suppressed = Math.floor(frameworks * extremePart);
  for (const id of extreme.frameworkIds.slice(0, suppressed)) extreme.allocator.suppress(id, []);
  const extremeTimes: number[] = [];
  for (let cycle = 0; cycle < extremeCycles; cycle++) {
    extreme.decline(outstanding);
    const { ms, allocations } = extreme.cycle();
    extremeTimes.push(ms);
    expectations.equal(`${suppressed} suppressed at once, offers`, allocations.length, agents);
    outstanding = allocations;
  }
  return {
    measurements: [
      ...times.map((values, step) => {
        const median = mesos?.cycles[step];
        const offers = suppressedAfter(step) < frameworks ? agents : 0;
        return warmMeasurement(`cycle, ${suppressedAfter(step)} of ${frameworks} suppressed`, values, { offers, mesos: median === undefined ? undefined : { median } });
      }),
      warmMeasurement(`cycle, ${suppressed} of ${frameworks} suppressed at once`, extremeTimes, { offers: agents, mesos: mesos && { median: mesos.extreme } }),
    ],
    problems: expectations.problems,
  };
}

/** Its first run is due. */
function startedCluster({ agents, frameworks }: SuppressionPlan, expectations: Expectations): ReplayCluster {
  const cluster = new ReplayCluster();
  cluster.addFrameworks({ count: frameworks, roleOf: () => '*' });
  cluster.addAgents({ count: agents, total: agentTotalText, usedOn: usedRoundRobin(cluster.frameworkIds, '1024') });
  expectations.equal('Runs before the first', cluster.allocator.runCount, 0);
  return cluster;
}

/** Section 6, "Suppression". */
const rows: readonly (SuppressionPlan & { readonly mesos: MesosCell })[] = [
  { agents: 1_000, frameworks: 500, repetitions: 11, mesos: { cycles: [37, 38, 35, 38, 1.2], extreme: 29 } },
  { agents: 10_000, frameworks: 500, repetitions: 6, mesos: { cycles: [572, 413, 343, 417, 24], extreme: 359 } },
];

export const suppression: Workload = {
  name: 'suppress',
  title: 'A further fifth of the frameworks suppressed before each cycle; 99 of 100 at once (6)',
  cells: rows.map(({ mesos, ...plan }): Cell => ({ name: `${plan.agents}x${plan.frameworks}`, measure: () => measureSuppression(plan, mesos) })),
};
