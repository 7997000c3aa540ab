// Mixed frameworks: few that launch much, many that launch little, and all of them done at some time.
//
// Owns:      the replay of "Mixed frameworks" in section 6 of the reference page, what each framework does with an offer.
// Source: Mesos's newer allocator benchmark. There it stalls at 5132 of 19500 tasks: frameworks that are done keep the lowest share, take all offers
//         and give them back. Ours is to finish.

import type { Allocation } from '../../../allocator/allocator';
import { frameworkId, type FrameworkId } from '../../../common/model/ids';
import type { Resources } from '../../../common/model/resources';
import { Expectations, measurement, type CellResult, type Goal } from './measurement';
import { ReplayCluster, resources, timed } from './replay-cluster';
import type { Cell, Workload } from './workload';

/** Frameworks of one kind. */
export interface FrameworkKind {
  readonly name: string;
  readonly count: number;
  readonly roleOf: (index: number) => string;
  readonly tasks: number;
  readonly tasksPerOffer: number;
  readonly task: string;
}

export interface MixedPlan {
  readonly agents: number;
  readonly kinds: readonly FrameworkKind[];
  /** Given up after so many cycles. */
  readonly roundsMax: number;
  /** Launched after the first cycle, where the workload says so. */
  readonly firstRoundTasks?: number;
}

const agentText = 'cpus:64;mem:488000';

/** What one framework has still to launch. */
class TaskSource {
  readonly #one: Resources;
  /** `#sums[n]`: n tasks. */
  readonly #sums: Resources[];
  remaining: number;

  constructor(
    private readonly kind: FrameworkKind,
    role: string,
  ) {
    this.remaining = kind.tasks;
    this.#one = resources(kind.task).allocatedTo(role);
    this.#sums = [this.#one.minus(this.#one)];
  }

  /** The tasks that fit into an offer, within both bounds; they count as launched. */
  take(offered: Resources): { readonly tasks: number; readonly used: Resources } {
    let tasks = 0;
    while (tasks < Math.min(this.remaining, this.kind.tasksPerOffer) && offered.contains(this.#sum(tasks + 1))) tasks++;
    this.remaining -= tasks;
    return { tasks, used: this.#sum(tasks) };
  }

  #sum(tasks: number): Resources {
    while (this.#sums.length <= tasks) this.#sums.push(this.#sums.at(-1)!.plus(this.#one));
    return this.#sums[tasks]!;
  }
}

export function measureMixedFrameworks({ agents, kinds, roundsMax, firstRoundTasks }: MixedPlan, hasTargets = false): CellResult {
  const expectations = new Expectations();
  const cluster = new ReplayCluster();
  cluster.addAgents({ count: agents, total: agentText, nameOf: (index) => `agent-${index}` });
  const sources = new Map<FrameworkId, TaskSource>();
  for (const kind of kinds) {
    const nameOf = (index: number): string => `${kind.name}-${index}`;
    cluster.addFrameworks({ count: kind.count, roleOf: kind.roleOf, nameOf, capabilities: ['MULTI_ROLE', 'RESERVATION_REFINEMENT'] });
    for (let index = 0; index < kind.count; index++) sources.set(frameworkId(nameOf(index)), new TaskSource(kind, kind.roleOf(index)));
  }
  const wanted = kinds.reduce((sum, kind) => sum + kind.count * kind.tasks, 0);

  let launched = 0;
  const cycles: number[] = [];
  const { ms } = timed(() => {
    while (launched < wanted && cycles.length < roundsMax) {
      const cycle = cluster.cycle();
      cycles.push(cycle.ms);
      for (const allocation of cycle.allocations) launched += useOffer(cluster, sources.get(allocation.frameworkId)!, allocation);
      if (cycles.length === 1 && firstRoundTasks !== undefined) expectations.equal('Tasks after the first cycle', launched, firstRoundTasks);
    }
  });
  expectations.equal(`Tasks launched in ${cycles.length} cycles`, launched, wanted);
  const goals: readonly Goal[] = hasTargets ? [{ target: 'mixed-frameworks', kind: 'at-least', limit: wanted }] : [];
  return {
    measurements: [
      measurement('tasks launched', [launched], { mesos: hasTargets ? { median: 5_132, note: 'and no more' } : undefined, goals }, 'tasks'),
      measurement('cycles until then', [cycles.length], {}, 'rounds'),
      measurement('all of it, answers included', [ms / 1_000], { mesos: hasTargets ? { median: 30, note: 'given up' } : undefined }, 's'),
      measurement('cycle', cycles, { mesos: hasTargets ? { median: 1.06 } : undefined }),
    ],
    problems: expectations.problems,
  };
}

/** As many tasks as may be; the rest comes back without a filter. */
function useOffer({ allocator, nowMs }: ReplayCluster, source: TaskSource, { frameworkId: framework, agentId: agent, resources: offered }: Allocation): number {
  const { tasks, used } = source.take(offered);
  if (tasks > 0) allocator.transitionOfferedToAllocated(framework, agent, used);
  const rest = offered.minus(used);
  if (!rest.isEmpty) allocator.recoverResources(framework, agent, rest, { cause: 'declined', refuseMs: 0 }, nowMs);
  return tasks;
}

/** Section 6, "Mixed frameworks": 16000, 2500 and 1000 tasks. */
const plan: MixedPlan = {
  agents: 80,
  kinds: [
    { name: 'Marathon', count: 4, roleOf: (index) => `roleA-${index}`, tasks: 4_000, tasksPerOffer: 100, task: 'cpus:0.07;mem:400' },
    { name: 'Jenkins', count: 500, roleOf: () => 'roleB', tasks: 5, tasksPerOffer: 1, task: 'cpus:0.1;mem:4000' },
    { name: 'SparkDispatcher', count: 50, roleOf: (index) => `roleC-${index}`, tasks: 20, tasksPerOffer: 5, task: 'cpus:1;mem:1000' },
  ],
  roundsMax: 20_000,
  firstRoundTasks: 1_152,
};

export const mixedFrameworks: Workload = {
  name: 'mixed',
  title: 'Mixed frameworks: 19500 tasks of 554 frameworks on 80 agents (6)',
  cells: [{ name: '80x554', measure: () => measureMixedFrameworks(plan, true) } satisfies Cell],
};
