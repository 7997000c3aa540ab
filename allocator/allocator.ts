// The allocator: who deserves the next offer.
//
// Owns:      roles and their weights, shares, decline filters, suppression, and when a run is due.
// Elsewhere: offers and their ids, tasks, sessions (master/core/); this module never learns what an offer id is.
// Invariants:
//   A1. What is charged to frameworks on an agent never exceeds the agent's total (shared resources aside).
//   A2. Synchronous and deterministic: time and randomness come in.
// Source: DRF (Ghodsi et al., NSDI 2011), Mesos hierarchical allocator (reference, part I).

import type { AgentInfo } from '../common/model/agent';
import type { FrameworkInfo, Quantities } from '../common/model/framework';
import type { AgentId, FrameworkId } from '../common/model/ids';
import type { Resources } from '../common/model/resources';
import type { OfferConstraints } from '../common/model/scheduler-protocol';
import type { Random } from '../common/ports';

export interface AllocatorOptions {
  /** Period of the run over all agents, ms. Default 1000. Source: Mesos. */
  readonly allocationIntervalMs: number;
  /** Coalescing delay of event-driven runs, ms. Default 5: short tasks must not idle a second, a burst must not cost a run each. Ours. */
  readonly eventDelayMs: number;
  /** OR-ed smallest bundles worth offering, thousandths. Default [{cpus: 10}, {mem: 32000}]. Source: Mesos. */
  readonly minAllocatable: readonly Quantities[];
}

/** One bundle handed out: everything free and allowed on one agent, for one role of one framework. Already charged. */
export interface Allocation {
  readonly frameworkId: FrameworkId;
  readonly role: string;
  readonly agentId: AgentId;
  /** With `allocationRole` set to `role`. */
  readonly resources: Resources;
}

/** Charges of one framework on an agent, by role (resources carry their allocationRole). */
export type UsedByFramework = ReadonlyMap<FrameworkId, Resources>;

export interface RoleShare {
  readonly role: string;
  readonly weight: number;
  /** Dominant share divided by weight. */
  readonly share: number;
  readonly dominantResource: string | undefined;
  readonly frameworkIds: readonly FrameworkId[];
  /** Offered and allocated, scalars in thousandths. */
  readonly charged: Quantities;
}

/** The interface that the complete allocator keeps. All operations are exact effects of reference section 7 with DESIGN's differences. */
export interface Allocator {
  addFramework(id: FrameworkId, info: FrameworkInfo, options: {
    readonly suppressedRoles: readonly string[];
    readonly active: boolean;
    readonly offerConstraints: OfferConstraints;
    /** What it already uses per agent (after a failover). */
    readonly used: ReadonlyMap<AgentId, Resources>;
  }, nowMs: number): void;
  /** Everything charged to it returns. */
  removeFramework(id: FrameworkId, nowMs: number): void;
  activateFramework(id: FrameworkId, nowMs: number): void;
  /** No offers any more, filters cleared; charges stay. */
  deactivateFramework(id: FrameworkId, nowMs: number): void;
  updateFramework(id: FrameworkId, info: FrameworkInfo, suppressedRoles: readonly string[], offerConstraints: OfferConstraints, nowMs: number): void;

  addAgent(id: AgentId, info: AgentInfo, used: UsedByFramework, nowMs: number): void;
  removeAgent(id: AgentId): void;
  /** New info or total; triggers a run for the agent if something changed. */
  updateAgent(id: AgentId, info: AgentInfo, nowMs: number): void;
  activateAgent(id: AgentId, nowMs: number): void;
  deactivateAgent(id: AgentId): void;

  /**
   * Charges resources outside of a run (a task reported by a re-registering agent). Of a framework not added yet, here or in `addAgent`, they
   * are kept out of offers until it is added with what it uses.
   */
  charge(frameworkId: FrameworkId, agentId: AgentId, resources: Resources): void;
  /**
   * Returns resources. `refuseMs` > 0 installs a filter of max(refuseMs, allocation interval); 0 installs none.
   * cause `ended`: of an ended task, triggers a run for the agent after eventDelayMs; `declined`: waits for the periodic run (DESIGN, differences).
   * Ignored for unknown agents, and for unknown frameworks that nothing was charged to.
   */
  recoverResources(frameworkId: FrameworkId, agentId: AgentId, resources: Resources, recovery: { readonly cause: 'ended' | 'declined'; readonly refuseMs: number }, nowMs: number): void;

  suppress(id: FrameworkId, roles: readonly string[]): void;
  /** Un-suppresses, clears the framework's filters for the roles, triggers a run over all agents. */
  revive(id: FrameworkId, roles: readonly string[], nowMs: number): void;
  updateWeight(role: string, weight: number): void;

  /** When the next run is due (monotonic ms): an event-driven one, or the periodic one; Infinity when there is nothing that a run could do. */
  nextRunAtMs(): number;
  /** Runs whatever is due at `nowMs`; returns the bundles handed out, in order. */
  run(nowMs: number): readonly Allocation[];

  roles(): readonly RoleShare[];
  /** Everything charged to a framework, per agent: for invariants and summaries. */
  charged(frameworkId: FrameworkId): ReadonlyMap<AgentId, Resources>;
  /** Number of live decline filters, for metrics. */
  readonly filterCount: number;
  readonly runCount: number;
}

export type AllocatorFactory = (options: AllocatorOptions, random: Random) => Allocator;
