// A cluster to replay workloads on: agents, frameworks, virtual time, and a stopwatch around the runs.
//
// Owns:      building the inputs outside of what is timed, one cycle per step, returning what was handed out.
// Elsewhere: what a workload consists of (the files beside this one).
// Invariants:
//   W1. Every agent has values of its own, as if its report had come over the wire: nothing gets quicker because ten thousand agents share one.
//   W2. A cycle is one call at the next batch instant. The stopwatch runs from asking whether a run is due to having the bundles; what they
//       leave as garbage is collected when it is, in whoever's time.

import { allocatorOptionsDefault, type Allocation, type Allocator, type UsedByFramework } from '../../../allocator/allocator';
import { createDrfAllocator } from '../../../allocator/drf-allocator';
import type { FrameworkCapability, FrameworkInfo } from '../../../common/model/framework';
import { agentId, frameworkId, type AgentId, type FrameworkId } from '../../../common/model/ids';
import { parseResourceText } from '../../../common/model/resource-text';
import { Resources } from '../../../common/model/resources';
import { SeededRandom } from '../../../frameworks/sdk/testing/seeded-random';

/** `cpus:4;mem:1024` in whole units, a new value at each call (W1). */
export function resources(text: string): Resources {
  const parsed = parseResourceText(text, 'resources');
  if (!parsed.ok) throw new TypeError(`Not resources: ${text}`);
  return Resources.of(parsed.value);
}

export interface Timed<T> {
  readonly ms: number;
  readonly value: T;
}

export function timed<T>(work: () => T): Timed<T> {
  const startMs = performance.now();
  const value = work();
  return { ms: performance.now() - startMs, value };
}

export interface Cycle {
  readonly ms: number;
  readonly allocations: readonly Allocation[];
}

export interface AgentPlan {
  readonly count: number;
  readonly total: string | ((index: number) => string);
  /** `agent1`, … by default; some workloads of Mesos begin with `agent-0`. */
  readonly nameOf?: (index: number) => string;
  readonly usedOn?: (index: number) => UsedByFramework;
}

export interface FrameworkPlan {
  readonly count: number;
  readonly roleOf: (index: number) => string;
  readonly nameOf?: (index: number) => string;
  readonly capabilities?: readonly FrameworkCapability[];
}

export const frameworkNameDefault = (index: number): string => `framework${index + 1}`;

/** Refuse seconds of 0: the bundle comes back and no filter stays. */
const withoutFilter = 0;

export class ReplayCluster {
  readonly allocator: Allocator;
  readonly agentIds: AgentId[] = [];
  readonly frameworkIds: FrameworkId[] = [];
  readonly #infos = new Map<FrameworkId, FrameworkInfo>();
  nowMs = 0;

  constructor(seed = 1) {
    this.allocator = createDrfAllocator({ ...allocatorOptionsDefault }, new SeededRandom(seed));
  }

  /** Adds them at one instant, and says how long the calls took together. No run is made. */
  addAgents(plan: AgentPlan): number {
    const steps = this.agentSteps(plan);
    return timed(() => {
      for (const step of steps) step();
    }).ms;
  }

  /** The same as single calls with their inputs prepared, for {@link live}. */
  agentSteps({ count, total, nameOf = (index) => `agent${index + 1}`, usedOn }: AgentPlan): readonly (() => void)[] {
    return Array.from({ length: count }, (_, index) => {
      const id = agentId(nameOf(index));
      this.agentIds.push(id);
      const info = { hostname: nameOf(index), port: 5051, resources: resources(typeof total === 'string' ? total : total(index)), attributes: [] };
      const used = usedOn?.(index) ?? new Map<FrameworkId, Resources>();
      return () => this.allocator.addAgent(id, info, used, this.nowMs);
    });
  }

  addFrameworks({ count, roleOf, nameOf = frameworkNameDefault, capabilities = ['MULTI_ROLE'] }: FrameworkPlan): number {
    const infos = Array.from({ length: count }, (_, index): FrameworkInfo => {
      const id = frameworkId(nameOf(index));
      this.frameworkIds.push(id);
      const info = { id, user: '', name: nameOf(index), roles: [roleOf(index)], capabilities, failoverTimeoutMs: 0, checkpoint: true, labels: [], offerFilters: new Map() };
      this.#infos.set(id, info);
      return info;
    });
    return timed(() => {
      for (const info of infos) {
        this.allocator.addFramework(info.id!, info, { suppressedRoles: [], active: true, offerConstraints: new Map(), used: new Map() }, this.nowMs);
      }
    }).ms;
  }

  /** One cycle: whatever is due at the next batch instant (W2). */
  cycle(): Cycle {
    const { allocationIntervalMs } = allocatorOptionsDefault;
    this.nowMs = (Math.floor(this.nowMs / allocationIntervalMs) + 1) * allocationIntervalMs;
    return this.#run();
  }

  /** The run that is due next, event-driven or batch, with virtual time brought there. Nothing when none is due. */
  nextRun(): Cycle {
    const dueMs = this.allocator.nextRunAtMs();
    if (dueMs === Infinity) return { ms: 0, allocations: [] };
    this.nowMs = Math.max(this.nowMs, dueMs);
    return this.#run();
  }

  /**
   * A cycle that looks at every agent again although nothing changed: a framework is updated to what it is, which may make it eligible for
   * anything. The update itself is not timed.
   */
  cycleOverAll(): Cycle {
    const id = this.frameworkIds[0];
    const info = id === undefined ? undefined : this.#infos.get(id);
    if (id !== undefined && info !== undefined) this.allocator.updateFramework(id, info, [], new Map(), this.nowMs);
    return this.cycle();
  }

  /** Gives everything back and says how long the calls took. */
  decline(allocations: readonly Allocation[], refuseMs = withoutFilter): number {
    const recovery = { cause: 'declined', refuseMs } as const;
    return timed(() => {
      for (const { frameworkId: framework, agentId: agent, resources: offered } of allocations) {
        this.allocator.recoverResources(framework, agent, offered, recovery, this.nowMs);
      }
    }).ms;
  }

  /**
   * Makes the calls one after the other while virtual time follows the stopwatch, and runs what has come due between them, as a master does. At
   * the end what is still due is run without waiting for it. The time is that of everything.
   */
  live(steps: readonly (() => void)[]): { readonly ms: number; readonly runCount: number; readonly allocations: readonly Allocation[] } {
    const allocations: Allocation[] = [];
    const runsBefore = this.allocator.runCount;
    const baseMs = this.nowMs;
    const startMs = performance.now();
    for (const step of steps) {
      this.nowMs = baseMs + (performance.now() - startMs);
      if (this.allocator.nextRunAtMs() <= this.nowMs) for (const allocation of this.allocator.run(this.nowMs).allocations) allocations.push(allocation);
      step();
    }
    // One interval on, the last batch that these calls could have asked for has been.
    const untilMs = this.nowMs + allocatorOptionsDefault.allocationIntervalMs;
    for (let dueMs = this.allocator.nextRunAtMs(); dueMs <= untilMs; dueMs = this.allocator.nextRunAtMs()) {
      this.nowMs = Math.max(this.nowMs, dueMs);
      for (const allocation of this.allocator.run(this.nowMs).allocations) allocations.push(allocation);
    }
    return { ms: performance.now() - startMs, runCount: this.allocator.runCount - runsBefore, allocations };
  }

  #run(): Cycle {
    const { ms, value } = timed(() => {
      this.allocator.nextRunAtMs();
      return this.allocator.run(this.nowMs).allocations;
    });
    return { ms, allocations: value };
  }
}

/** How many of the bundles each framework has. */
export function countByFramework(allocations: readonly Allocation[]): ReadonlyMap<FrameworkId, number> {
  const counts = new Map<FrameworkId, number>();
  for (const { frameworkId: id } of allocations) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** How many different agents the bundles are on. */
export function countAgents(allocations: readonly Allocation[]): number {
  return new Set(allocations.map((allocation) => allocation.agentId)).size;
}
