// Event-driven runs: agents join a live allocator, frameworks revive, agents change their totals.
//
// Owns:      the replay of section 3.3 of the reference page, the C++ figures of its cells.
// Elsewhere: the hand-driven cycles over the same clusters (full-allocation.ts).
// Source: Mesos `AllocatorBacklog` and `AddAndUpdateSlave` benchmarks. As there, times are those of all calls and runs together, and the number of
//         runs depends on how long the calls take: virtual time follows the stopwatch here.

import { Resources } from '../../../common/model/resources';
import { Expectations, warmMeasurement, type CellResult } from './measurement';
import { agentTotalText } from './full-allocation';
import { countAgents, ReplayCluster, resources } from './replay-cluster';
import type { Cell, Workload } from './workload';

export interface EventDrivenPlan {
  readonly agents: number;
  readonly frameworks: number;
  /** Each with a cluster of its own; the first is reported apart. */
  readonly repetitions: number;
}

/** C++ medians of 5 processes, wall ms. */
interface MesosBacklog {
  readonly add: number;
  readonly revive: number;
}

export function measureBacklog({ agents, frameworks, repetitions }: EventDrivenPlan, mesos?: MesosBacklog): CellResult {
  const expectations = new Expectations();
  const added: number[] = [];
  const revived: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const cluster = new ReplayCluster(repetition);
    cluster.addFrameworks({ count: frameworks, roleOf: () => '*' });
    const steps = cluster.agentSteps({ count: agents, total: agentTotalText });
    const adding = cluster.live(steps);
    added.push(adding.ms);
    expectations.equal('Offers as agents are added', adding.allocations.length, agents);
    expectations.equal('Agents offered', countAgents(adding.allocations), agents);
    const reviving = cluster.live(cluster.frameworkIds.map((id) => () => cluster.allocator.revive(id, [], cluster.nowMs)));
    revived.push(reviving.ms);
    expectations.equal('Offers after revivals', reviving.allocations.length, 0);
  }
  return {
    measurements: [
      warmMeasurement('add agents, runs included', added, { offers: agents, mesos: mesos && { median: mesos.add, note: 'wall' } }),
      warmMeasurement('revive all, runs included', revived, { offers: 0, mesos: mesos && { median: mesos.revive, note: 'wall' } }),
    ],
    problems: expectations.problems,
  };
}

const updatedAgentTotal = 'cpus:2;mem:1024;disk:4096;ports:[31000-32000]';
const updatedAgentUsed = 'cpus:1;mem:128;disk:1024;ports:[31126-31510,31512-31623,31810-31852,31854-31964]';

interface MesosUpdate {
  readonly add: number;
  readonly update: number;
}

export function measureAddAndUpdate({ agents, frameworks, repetitions }: EventDrivenPlan, mesos?: MesosUpdate): CellResult {
  const expectations = new Expectations();
  const added: number[] = [];
  const updated: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const cluster = new ReplayCluster(repetition);
    cluster.addFrameworks({ count: frameworks, roleOf: () => '*', capabilities: ['MULTI_ROLE', 'REVOCABLE_RESOURCES'] });
    const steps = cluster.agentSteps({
      count: agents,
      total: updatedAgentTotal,
      usedOn: (index) => new Map([[cluster.frameworkIds[index % frameworks]!, resources(updatedAgentUsed).allocatedTo('*')]]),
    });
    const updates = cluster.agentIds.map((id) => {
      const info = { hostname: id, port: 5051, resources: resources(updatedAgentTotal).plus(revocable('cpus:10')), attributes: [] };
      return () => cluster.allocator.updateAgent(id, info, cluster.nowMs);
    });
    const adding = cluster.live(steps);
    added.push(adding.ms);
    expectations.equal('Offers as agents are added', adding.allocations.length, agents);
    const updating = cluster.live(updates);
    updated.push(updating.ms);
    expectations.equal('Offers of what is revocable', updating.allocations.length, agents);
    expectations.equal('Agents with revocable offers', countAgents(updating.allocations), agents);
  }
  return {
    measurements: [
      warmMeasurement('add agents in use, runs included', added, { offers: agents, mesos: mesos && { median: mesos.add, note: 'wall' } }),
      warmMeasurement('update agents, runs included', updated, { offers: agents, mesos: mesos && { median: mesos.update, note: 'wall' } }),
    ],
    problems: expectations.problems,
  };
}

function revocable(text: string): Resources {
  return Resources.of([...resources(text)].map((resource) => ({ ...resource, revocable: true })));
}

type EventDrivenRow = readonly [agents: number, frameworks: number, add: number, revive: number, addInUse: number, update: number];

/** Section 3.3: `AllocatorBacklog` (add, revive) and `AddAndUpdateSlave` (add, update). */
const rows: readonly EventDrivenRow[] = [
  [1_000, 1, 28, 1.1, 66, 38],
  [1_000, 50, 29, 7.8, 55, 36],
  [1_000, 200, 33, 32, 60, 44],
  [1_000, 500, 39, 64, 65, 54],
  [5_000, 1, 164, 9, 339, 198],
  [5_000, 50, 166, 59, 311, 210],
  [5_000, 200, 178, 208, 318, 213],
  [5_000, 500, 203, 474, 346, 249],
  [10_000, 1, 329, 20, 694, 393],
  [10_000, 50, 350, 136, 645, 421],
  [10_000, 200, 381, 468, 705, 463],
  [10_000, 500, 466, 1_253, 798, 542],
];

/** A small cluster is a short measurement: more of them. */
const repetitionsFor = (agents: number): number => 1 + Math.max(6, Math.ceil(30_000 / agents));

export const eventDriven: Workload = {
  name: 'event-driven',
  title: 'Agents join a live allocator, frameworks revive, agents grow (3.3)',
  cells: rows.map(([agents, frameworks, add, revive, addInUse, update]): Cell => ({
    name: `${agents}x${frameworks}`,
    measure: () => {
      const plan = { agents, frameworks, repetitions: repetitionsFor(agents) };
      const backlog = measureBacklog(plan, { add, revive });
      const grown = measureAddAndUpdate(plan, { add: addInUse, update });
      return { measurements: [...backlog.measurements, ...grown.measurements], problems: [...backlog.problems, ...grown.problems] };
    },
  })),
};
