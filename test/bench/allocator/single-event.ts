// Single events: one task ends in a cluster in which everything is in use, and what it held is offered again; one agent changes in a cluster in which
// quota holds back what all others have.
//
// Owns:      the time from returning what a task held to having the offer, against the number of agents; cost against the number of changes; that agents
//            which quota holds back cost a change elsewhere nothing.
// Elsewhere: whole cycles (full-allocation.ts, scale.ts).
// Source: our choice; there is no C++ figure, because Mesos lets what ended tasks held wait for the next cycle over all agents.

import type { Allocation } from '../../../allocator/allocator';
import type { Quantities } from '../../../common/model/framework';
import type { AgentId } from '../../../common/model/ids';
import { SeededRandom } from '../../../frameworks/sdk/testing/seeded-random';
import { quantile } from '../measure';
import { agentTotalText, expectNothing } from './full-allocation';
import { Expectations, measurement, warmMeasurement, type CellResult, type Goal, type Measurement } from './measurement';
import { ReplayCluster, resources, timed } from './replay-cluster';
import type { Cell, Workload } from './workload';

/** Every agent is wholly in use, by one task or by ten that have a tenth of everything each. */
class BusyCluster {
  readonly cluster = new ReplayCluster();
  readonly expectations = new Expectations();
  /** The one that has run for longest first: it ends next. */
  readonly #tasks = new Map<AgentId, Allocation[]>();
  #random = new SeededRandom(2);

  constructor(agents: number, frameworks: number, tasksPerAgent: 1 | 10 = 1) {
    this.cluster.addFrameworks({ count: frameworks, roleOf: () => '*' });
    this.cluster.addAgents({ count: agents, total: agentTotalText });
    const { allocations } = this.cluster.nextRun();
    this.expectations.equal('Offers at first', allocations.length, agents);
    this.#launch(tasksPerAgent === 1 ? allocations : allocations.flatMap(tenthsOf));
  }

  /** So many different agents, every choice equally likely. */
  someAgents(count: number): readonly AgentId[] {
    const ids = [...this.cluster.agentIds];
    for (let index = 0; index < count; index++) {
      const other = index + this.#random.below(ids.length - index);
      [ids[index], ids[other]] = [ids[other]!, ids[index]!];
    }
    return ids.slice(0, count);
  }

  anAgent(): AgentId {
    return this.#random.pick(this.cluster.agentIds)!;
  }

  /** The oldest task of each of these agents ends; the times of saying so and of the run that follows. What is offered is in use again afterwards. */
  endTasks(ids: readonly AgentId[]): { readonly endMs: number; readonly runMs: number } {
    const { cluster } = this;
    const ended = ids.map((id) => this.#tasks.get(id)!.shift()!);
    const { ms: endMs } = timed(() => {
      for (const { frameworkId, agentId, resources } of ended) {
        cluster.allocator.recoverResources(frameworkId, agentId, resources, { cause: 'ended', refuseMs: 0 }, cluster.nowMs);
      }
    });
    const { ms: runMs, allocations } = cluster.nextRun();
    this.expectations.equal(`Offers when ${ids.length} tasks end`, allocations.length, ids.length);
    for (const { agentId, resources: offered } of allocations) {
      this.expectations.holds(ids.length > 1 || agentId === ids[0], `An offer of ${agentId}, expected of ${ids[0]}`);
      this.expectations.holds(ids.length > 1 || ended[0]!.resources.unallocated().equals(offered.unallocated()), `An offer of ${offered.toString()}, expected what the task had`);
    }
    this.#launch(allocations);
    return { endMs, runMs };
  }

  #launch(allocations: readonly Allocation[]): void {
    for (const allocation of allocations) {
      const tasks = this.#tasks.get(allocation.agentId);
      if (tasks === undefined) this.#tasks.set(allocation.agentId, [allocation]);
      else tasks.push(allocation);
      this.cluster.allocator.transitionOfferedToAllocated(allocation.frameworkId, allocation.agentId, allocation.resources);
    }
  }
}

/** What ten equal tasks use of one offer, which is all of an agent; each a value of its own, as in an ACCEPT. */
function tenthsOf(offer: Allocation): readonly Allocation[] {
  const tenths = Array.from({ length: 10 }, (_, index) => {
    const port = 31_000 + 100 * index;
    return resources(`cpus:2.4;mem:409.6;disk:409.6;ports:[${port}-${port + (index === 9 ? 100 : 99)}]`).allocatedTo(offer.role);
  });
  return tenths.map((tenth) => ({ ...offer, resources: tenth }));
}

export interface SingleEventPlan {
  readonly agents: number;
  readonly frameworks: number;
  readonly tasksPerAgent: 1 | 10;
  /** Before anything is counted. */
  readonly warmUpEvents: number;
  readonly events: number;
}

export function measureSingleEvents({ agents, frameworks, tasksPerAgent, warmUpEvents, events }: SingleEventPlan, limitMicroseconds?: number): CellResult {
  const busy = new BusyCluster(agents, frameworks, tasksPerAgent);
  const eventMicroseconds = (): number => {
    const { endMs, runMs } = busy.endTasks([busy.anAgent()]);
    return (endMs + runMs) * 1_000;
  };
  const first = eventMicroseconds();
  for (let event = 1; event < warmUpEvents; event++) eventMicroseconds();
  const times = Array.from({ length: events }, eventMicroseconds);
  const sorted = [...times].sort((left, right) => left - right);
  const goals: readonly Goal[] = limitMicroseconds === undefined ? [] : [{ target: 'single-event', kind: 'at-most', limit: limitMicroseconds }];
  return {
    measurements: [
      { ...measurement('task ends, to the offer', times, { offers: 1, goals }, 'µs'), first },
      measurement('99 of 100 are below', [quantile(sorted, 0.99)], { goals }, 'µs'),
    ],
    problems: busy.expectations.problems,
  };
}

export interface ChangesPlan {
  readonly agents: number;
  readonly frameworks: number;
  /** How many agents change between two runs. */
  readonly changes: readonly number[];
  readonly repetitions: number;
}

export function measureChanges({ agents, frameworks, changes, repetitions }: ChangesPlan): CellResult {
  const busy = new BusyCluster(agents, frameworks);
  const measurements: Measurement[] = [];
  // All at once first: then every path has been compiled before anything is counted.
  for (let round = 0; round < repetitions; round++) busy.endTasks(busy.someAgents(agents));
  for (const count of changes) {
    const ends: number[] = [];
    const runs: number[] = [];
    for (let round = 0; round < repetitions; round++) {
      if (count === 0) {
        runs.push(expectNothing(busy.cluster.cycle(), 'Nothing changed', busy.expectations));
        continue;
      }
      const { endMs, runMs } = busy.endTasks(busy.someAgents(count));
      ends.push(endMs);
      runs.push(runMs);
    }
    if (count > 0) measurements.push(measurement(`${count} tasks end`, ends));
    measurements.push(measurement(`run, ${count} agents changed`, runs, { offers: count }));
  }
  return { measurements, problems: busy.expectations.problems };
}

export interface HeldBackPlan {
  readonly agents: number;
  readonly frameworks: number;
  /** A limit of cpus that is reached, on the role of all; or a guarantee of more cpus than there are, to a role without frameworks. */
  readonly quota: 'limit' | 'guarantee';
  readonly changes: number;
}

const dayMs = 24 * 3_600_000;

/** Everybody has declined for a day what quota leaves of each agent; then one agent gets a little more memory each second. */
export function measureHeldBack({ agents, frameworks, quota, changes }: HeldBackPlan): CellResult {
  const cluster = new ReplayCluster();
  const { allocator } = cluster;
  const expectations = new Expectations();
  const none: Quantities = new Map();
  allocator.updateQuota('limited', { guarantees: none, limits: new Map([['cpus', 1_000]]) }, 0);
  allocator.updateQuota('guaranteed', { guarantees: quota === 'guarantee' ? new Map([['cpus', 1_000_000_000]]) : none, limits: none }, 0);
  const role = quota === 'limit' ? 'limited' : 'free';
  cluster.addAgents({ count: agents, total: 'cpus:4;mem:4096' });
  cluster.addFrameworks({ count: frameworks, roleOf: () => role });
  const id = cluster.agentIds[0]!;
  // What there is of the limit is in use on the agent that will change.
  const used = resources('cpus:1').allocatedTo(role);
  if (quota === 'limit') allocator.charge(cluster.frameworkIds[0]!, id, used);
  for (let round = 0; round < frameworks; round++) {
    const { allocations } = cluster.cycle();
    expectations.equal(`Round ${round}, offers`, allocations.length, agents);
    cluster.decline(allocations, dayMs);
  }
  const quietMs = expectNothing(cluster.cycle(), 'Everything declined', expectations);
  const times: number[] = [];
  for (let change = 1; change <= changes; change++) {
    const info = { hostname: id, port: 5051, resources: resources(`cpus:4;mem:${4_096 + change}`), attributes: [] };
    const { ms: updateMs } = timed(() => allocator.updateAgent(id, info, cluster.nowMs));
    const { ms: runMs, allocations } = cluster.cycle();
    expectations.equal('Offers when one agent changes', allocations.length, 1);
    times.push((updateMs + runMs + cluster.decline(allocations, dayMs)) * 1_000);
  }
  const lookedAt = cluster.agentIds.filter((one) => allocator.explain(cluster.frameworkIds[0]!, role, one, cluster.nowMs).lastVisitMs === cluster.nowMs);
  expectations.equal('Agents looked at when one changes', lookedAt.length, 1);
  return {
    measurements: [
      measurement('everything declined, batch', [quietMs], { offers: 0 }),
      warmMeasurement('one agent changes, to the offer and its decline', times, { offers: 1 }, 'µs'),
    ],
    problems: expectations.problems,
  };
}

/** On a Pi one task has the machine; on a machine with many cores ten share it, and what ends is a part of what its framework holds there. */
const singleEventSizes: readonly SingleEventPlan[] = (
  [
    [1, 1],
    [100, 1],
    [1_000, 1],
    [10_000, 1],
    [50_000, 1],
    [10_000, 10],
  ] as const
).map(([agents, tasksPerAgent]) => ({ agents, frameworks: 500, tasksPerAgent, warmUpEvents: 3_000, events: 5_000 }));

export const singleEvent: Workload = {
  name: 'event',
  title: 'One task ends where everything is in use: from returning its resources to the offer (ours)',
  cells: singleEventSizes.map((plan): Cell => {
    const suffix = plan.tasksPerAgent === 1 ? '' : `,${plan.tasksPerAgent}-tasks-each`;
    return { name: `${plan.agents}x${plan.frameworks}${suffix}`, measure: () => measureSingleEvents(plan, 100) };
  }),
};

const changesPlan: ChangesPlan = { agents: 10_000, frameworks: 500, changes: [0, 1, 10, 100, 1_000, 10_000], repetitions: 20 };

const heldBackPlans: readonly HeldBackPlan[] = [
  { agents: 2_000, frameworks: 100, quota: 'limit', changes: 200 },
  { agents: 2_000, frameworks: 100, quota: 'guarantee', changes: 200 },
];

export const changes: Workload = {
  name: 'changes',
  title: 'What a run costs against how many agents changed since the last one; also where quota holds back what the others have (ours)',
  cells: [
    { name: `${changesPlan.agents}x${changesPlan.frameworks}`, measure: () => measureChanges(changesPlan) },
    ...heldBackPlans.map((plan): Cell => ({ name: `${plan.agents}x${plan.frameworks}-${plan.quota}`, measure: () => measureHeldBack(plan) })),
  ],
};
