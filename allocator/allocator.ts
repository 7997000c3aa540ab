// The allocator: who deserves the next offer.
//
// Owns:      the vocabulary between the allocator and whoever drives it: operations, what a run hands out, explanations, what-if questions.
// Elsewhere: what the operations do (drf-allocator.ts); offers and their ids, tasks, sessions (master/core/): this folder never learns what an
//            offer id is.
// Invariants:
//   A1. What is charged to frameworks on an agent never exceeds the agent's total (shared resources aside).
//   A2. Synchronous and deterministic: time and randomness come in.
// Source: DRF (Ghodsi et al., NSDI 2011), Mesos hierarchical allocator (reference, part I).

import type { AgentInfo, Unavailability } from '../common/model/agent';
import type { FrameworkInfo, Quantities } from '../common/model/framework';
import type { AgentId, FrameworkId } from '../common/model/ids';
import type { Resources } from '../common/model/resources';
import { regexCompiler, type RegexCompiler } from '../common/model/regex';
import type { AttributeConstraint, OfferConstraints } from '../common/model/scheduler-protocol';
import type { Random } from '../common/ports';

/** How the clients of one order are lined up: by dominant share, or shuffled with chances in proportion to weights. Source: Mesos sorters. */
export type SorterKind = 'drf' | 'random';

export interface AllocatorOptions {
  /** Period of the run over all agents, ms. Default 1000. Source: Mesos. */
  readonly allocationIntervalMs: number;
  /** Coalescing delay of event-driven runs, ms. Default 5: short tasks must not idle a second, a burst must not cost a run each. Ours. */
  readonly eventDelayMs: number;
  /** OR-ed smallest bundles worth offering, thousandths. Default [{cpus: 10}, {mem: 32000}]. Source: Mesos. */
  readonly minAllocatable: readonly Quantities[];
  /** Scalar names that make no share: things that everybody gets enough of, or that only few can use. Default none. Source: Mesos. */
  readonly fairSharingExcludedNames: ReadonlySet<string>;
  /** Whether agents with gpus are kept for frameworks with GPU_RESOURCES. Default true. Source: Mesos `--filter_gpu_resources`. */
  readonly filtersGpus: boolean;
  /** The master's own region; agents of other regions go to REGION_AWARE frameworks only. Default undefined: no gate. Source: Mesos `--domain`. */
  readonly region: string | undefined;
  /** Order of roles. Default drf. */
  readonly roleSorter: SorterKind;
  /** Order of the frameworks of a role. Default drf. */
  readonly frameworkSorter: SorterKind;
  /** After a failover with quotas: longest wait for agents before anything is handed out, ms. Default 600000. Source: Mesos. */
  readonly recoveryTimeoutMs: number;
  /** After a failover with quotas: part of the agents to wait for, 0 to 1. Default 0.8. Source: Mesos. */
  readonly recoveryAgentFactor: number;
  /**
   * Decline filters that a what-if question about the next batch may have to look at; beyond it is refused. Default 100000: they are copied, twice, at
   * some 3 µs together, while nobody else is served, and a leader that serves nobody for a second may lose a short lease. More lets questions be asked of
   * more agents that are free and declined; agents in use, and a division afresh, need none. Ours.
   */
  readonly whatIfFilterCountMax: number;
  /** For offer constraints. Whoever owns the allocator refuses expressions that it does not compile. Default: the engine of common/model/regex.ts. */
  readonly compileRegex: RegexCompiler;
}

/** The defaults named above. */
export const allocatorOptionsDefault: AllocatorOptions = {
  allocationIntervalMs: 1000,
  eventDelayMs: 5,
  minAllocatable: [new Map([['cpus', 10]]), new Map([['mem', 32_000]])],
  fairSharingExcludedNames: new Set(),
  filtersGpus: true,
  region: undefined,
  roleSorter: 'drf',
  frameworkSorter: 'drf',
  recoveryTimeoutMs: 600_000,
  recoveryAgentFactor: 0.8,
  whatIfFilterCountMax: 100_000,
  compileRegex: regexCompiler(),
};

/** One bundle handed out: on one agent, for one role of one framework. Already charged, as offered. */
export interface Allocation {
  readonly frameworkId: FrameworkId;
  readonly role: string;
  readonly agentId: AgentId;
  /** With `allocationRole` set to `role`. */
  readonly resources: Resources;
}

/** A request to a framework to leave an agent by the time it becomes unavailable. Empty resources in Mesos's words: everything there. */
export interface InverseOfferRequest {
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly unavailability: Unavailability;
}

export interface AllocationRun {
  /** In the order of handing out. */
  readonly allocations: readonly Allocation[];
  readonly inverseOffers: readonly InverseOfferRequest[];
}

/** Charges of one framework on an agent, by role (resources carry their allocationRole). */
export type UsedByFramework = ReadonlyMap<FrameworkId, Resources>;

/** Of a top-level role, for its whole subtree. Names absent in `limits` are unlimited; a limit of 0 is one. Both empty: no quota. */
export interface Quota {
  readonly guarantees: Quantities;
  readonly limits: Quantities;
}

export const quotaDefault: Quota = { guarantees: new Map(), limits: new Map() };

/** What an operation (RESERVE, CREATE, ...) makes of resources. Empty `consumed`: further copies of a shared resource. */
export interface ResourceConversion {
  readonly consumed: Resources;
  readonly converted: Resources;
}

/** How a framework answered an inverse offer. */
export type InverseOfferAnswer = 'accept' | 'decline';

export interface Recovery {
  /**
   * `ended`: what a task or executor used; triggers a run for the agent after eventDelayMs. `declined`: the framework gave it back, at once or by
   * letting the offer lapse; waits for the batch (DESIGN, differences). `rescinded`: taken back from it; the same, but nothing is concluded from it.
   */
  readonly cause: 'ended' | 'declined' | 'rescinded';
  /** How long the framework does not want it, ms; 0: no filter. */
  readonly refuseMs: number;
}

export interface RoleShare {
  readonly role: string;
  readonly weight: number;
  /** Dominant share divided by weight. */
  readonly share: number;
  readonly dominantResource: string | undefined;
  readonly frameworkIds: readonly FrameworkId[];
  /** Offered and allocated, scalars in thousandths. */
  readonly charged: Quantities;
  /** Scalars reserved for the role and its subtree, allocated or not. */
  readonly reserved: Quantities;
  /** Of the role and its subtree: reservations, and unreserved non-revocable scalars that are offered or allocated. What quota counts. */
  readonly consumed: Quantities;
  readonly quota: Quota;
  /** Live decline filters of the role's frameworks. */
  readonly filterCount: number;
}

/** The interface of the complete allocator. All operations are exact effects of reference section 7 with DESIGN's differences. */
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
  /** What was charged there is gone; returns of it that come later are ignored. */
  removeAgent(id: AgentId, nowMs: number): void;
  /** New info or total; triggers a run for the agent if something changed. New attributes clear all filters there. */
  updateAgent(id: AgentId, info: AgentInfo, nowMs: number): void;
  activateAgent(id: AgentId, nowMs: number): void;
  /** Passed over by runs from now on; charges and filters stay. */
  deactivateAgent(id: AgentId): void;
  /** Only agents of these hostnames are offered; undefined: all; empty: none. No run of its own. Source: Mesos whitelist. */
  updateAllowList(hostnames: ReadonlySet<string> | undefined, nowMs: number): void;

  /**
   * Charges resources outside of a run (a task reported by a re-registering agent), as allocated. Of a framework not added yet, here or in
   * `addAgent`, they are kept out of offers until it is added with what it uses.
   */
  charge(frameworkId: FrameworkId, agentId: AgentId, resources: Resources): void;
  /**
   * What was offered is used now (a launch). No run. It also shows that the framework has a use for offers (`standing-back.ts`).
   * Ignored for unknown agents and frameworks.
   */
  transitionOfferedToAllocated(frameworkId: FrameworkId, agentId: AgentId, resources: Resources): void;
  /**
   * Returns resources. `refuseMs` > 0 installs a filter of max(refuseMs, allocation interval); 0 installs none.
   * Ignored for unknown agents, and for unknown frameworks that nothing was charged to.
   */
  recoverResources(frameworkId: FrameworkId, agentId: AgentId, resources: Resources, recovery: Recovery, nowMs: number): void;
  /**
   * ACCEPT's operations on what is offered: `offered` becomes what the conversions make of it, for the framework and (without allocation role) in
   * the agent's total. All in the name of one role. Grants are not counted. No run.
   */
  updateAllocation(frameworkId: FrameworkId, agentId: AgentId, offered: Resources, conversions: readonly ResourceConversion[], nowMs: number): void;
  /** An operator's operations on what is free. False, and nothing changed, if the agent's free resources do not contain what they consume. */
  updateAvailable(agentId: AgentId, conversions: readonly ResourceConversion[], nowMs: number): boolean;

  suppress(id: FrameworkId, roles: readonly string[]): void;
  /**
   * Un-suppresses, clears the framework's filters for the roles and all its filters of inverse offers, triggers a run over all agents. Inverse offers
   * that are outstanding stay so.
   */
  revive(id: FrameworkId, roles: readonly string[], nowMs: number): void;
  /** `weight` is finite and > 0. Takes effect in the next run; none of its own. */
  updateWeight(role: string, weight: number): void;
  /** `role` is top-level. Takes effect in the next run; none of its own. {@link quotaDefault} removes it. */
  updateQuota(role: string, quota: Quota, nowMs: number): void;

  /** The agent's maintenance window; undefined: none any more. Inverse-offer filters there are dropped; triggers a run for the agent. */
  updateUnavailability(agentId: AgentId, unavailability: Unavailability | undefined, nowMs: number): void;
  /** A framework answered (or did not: undefined) an inverse offer, or it was rescinded: it may be asked again, after `refuseMs` when > 0. */
  updateInverseOffer(frameworkId: FrameworkId, agentId: AgentId, answer: InverseOfferAnswer | undefined, refuseMs: number, nowMs: number): void;
  /** The last answers on an agent with a maintenance window. */
  inverseOfferAnswers(agentId: AgentId): ReadonlyMap<FrameworkId, InverseOfferAnswer>;

  /**
   * A new leader that knows `agentCount` agents from its registry begins, after the quotas were set. If there is one, nothing is handed out until
   * floor(agentCount * recoveryAgentFactor) agents were added or recoveryTimeoutMs passed. Source: reference, section 10.
   */
  recover(agentCount: number, nowMs: number): void;

  /**
   * When the next run is due (monotonic ms): an event-driven one, or the periodic one, be it that filters lapse and nothing else; Infinity when there is
   * nothing that a run could do.
   */
  nextRunAtMs(): number;
  /** Runs whatever is due at `nowMs`. */
  run(nowMs: number): AllocationRun;

  /**
   * Why this agent is or is not offered to the framework in the role, from the state as it is; and of the last run that looked at the agent, when it was
   * and to whom it gave something: runs keep no reasons. Changes nothing.
   */
  explain(frameworkId: FrameworkId, role: string, agentId: AgentId, nowMs: number): Explanation;
  /** The same code on a copy of the state with the changes: who gains, who loses, who starves. The live state stays as it is. */
  whatIf(question: WhatIfQuestion, nowMs: number): WhatIfAnswer | WhatIfTooLarge;

  roles(): readonly RoleShare[];
  /** Everything charged to a framework, per agent: for invariants and summaries. */
  charged(frameworkId: FrameworkId): ReadonlyMap<AgentId, Resources>;
  /** Number of live decline filters, for metrics. */
  readonly filterCount: number;
  readonly runCount: number;
}

export type AllocatorFactory = (options: AllocatorOptions, random: Random) => Allocator;

// Explain

/** One competitor on the way from the root of the role tree to the framework. */
export interface Standing {
  /** A role path, `role/.` for a role's own frameworks beside its subroles, or a framework id. */
  readonly name: string;
  readonly share: number;
  readonly dominantResource: string | undefined;
  readonly weight: number;
  readonly grantCount: number;
  /** Behind all siblings that do not: it gave back what it was last offered, unused (`standing-back.ts`). */
  readonly standsBack: boolean;
  /** 1 is next. Undefined: drawn anew for each agent, with chances in proportion to weights (random sorter). */
  readonly rank: number | undefined;
  /** Siblings that take part, itself included. */
  readonly of: number;
}

/** Why not, in the order in which a run asks, what does not depend on what is free first; or that the bundle would go to the framework. */
export type ExplanationReason =
  | { readonly kind: 'framework-unknown' | 'agent-unknown' | 'role-not-subscribed' | 'framework-inactive' | 'role-suppressed' | 'agent-inactive' | 'agent-not-allowed' }
  /** After a failover, until enough agents are back. */
  | { readonly kind: 'recovering'; readonly agentCount: number; readonly agentCountNeeded: number; readonly untilMs: number }
  /** The first group's first constraint that fails; with several groups all fail. */
  | { readonly kind: 'constraint'; readonly constraint: AttributeConstraint }
  | { readonly kind: 'gpus' }
  | { readonly kind: 'region'; readonly region: string }
  | { readonly kind: 'nothing-free' }
  /** All that is free is reserved for roles that are neither this one nor its ancestors. */
  | { readonly kind: 'reserved-for-others'; readonly roles: readonly string[] }
  /** What is free is revocable, shared or refined, and the framework lacks the capability. */
  | { readonly kind: 'incapable'; readonly missing: readonly string[] }
  | { readonly kind: 'too-small'; readonly bundle: Resources; readonly minAllocatable: readonly Quantities[] }
  /** What is left after limits and headroom is not worth an offer. */
  | { readonly kind: 'quota'; readonly bundle: Resources; readonly cutByLimit: readonly string[]; readonly cutByHeadroom: readonly string[] }
  | { readonly kind: 'filtered'; readonly bundle: Resources; readonly refused: Resources; readonly untilMs: number }
  /** Nothing speaks against it: those before it in the order take it first. */
  | { readonly kind: 'behind'; readonly ahead: readonly { readonly frameworkId: FrameworkId; readonly role: string }[] }
  /** Nothing speaks against it, and nobody is before it for certain: a random sorter draws whether these come first, at most ten, in no order. */
  | { readonly kind: 'by-chance'; readonly bundle: Resources; readonly rivals: readonly { readonly frameworkId: FrameworkId; readonly role: string }[] }
  | { readonly kind: 'would-be-offered'; readonly bundle: Resources };

export interface Explanation {
  readonly frameworkId: FrameworkId;
  readonly role: string;
  readonly agentId: AgentId;
  readonly reason: ExplanationReason;
  /** What the framework holds there in the role, and how much of it came in the last run that looked at the agent. */
  readonly held: Resources;
  readonly offeredInLastVisit: boolean;
  /** When a run last looked at the agent; undefined: not yet. */
  readonly lastVisitMs: number | undefined;
  /** To whom that run granted something there first, and how many grants came after; undefined: to nobody. It may have been given back since. */
  readonly grantedInLastVisit: { readonly frameworkId: FrameworkId; readonly role: string; readonly othersCount: number } | undefined;
  readonly free: Resources;
  readonly heldBy: readonly { readonly frameworkId: FrameworkId; readonly role: string; readonly resources: Resources }[];
  /** From top-level role down to framework; empty when it does not take part. */
  readonly standings: readonly Standing[];
  /** Of the top-level role above, when it has a quota. */
  readonly quota: { readonly role: string; readonly guarantees: Quantities; readonly limits: Quantities; readonly consumed: Quantities } | undefined;
  readonly headroom: { readonly required: Quantities; readonly available: Quantities };
  /** Live decline filters of the framework there, whether they refuse what is free now or not. */
  readonly filters: readonly { readonly refused: Resources; readonly untilMs: number }[];
}

// What if

export type WhatIfChange =
  | { readonly kind: 'weight'; readonly role: string; readonly weight: number }
  | { readonly kind: 'quota'; readonly role: string; readonly quota: Quota }
  | { readonly kind: 'add-agents'; readonly info: AgentInfo; readonly count: number }
  | { readonly kind: 'remove-agents'; readonly agentIds: readonly AgentId[] }
  | { readonly kind: 'add-framework'; readonly id: FrameworkId; readonly info: FrameworkInfo }
  | { readonly kind: 'remove-framework'; readonly id: FrameworkId };

export interface WhatIfQuestion {
  readonly changes: readonly WhatIfChange[];
  /**
   * `next-batch`: what the next batch hands out on top of what is held: nothing, while a new leader waits for agents.
   * `afresh`: as if nothing were held and nothing declined, the whole cluster divided anew: where things tend to as tasks end.
   */
  readonly division: 'next-batch' | 'afresh';
}

/** One framework in one role, without and with the changes. */
export interface WhatIfEffect {
  readonly frameworkId: FrameworkId;
  readonly role: string;
  /** Dominant share held after the division, 0 to 1, not divided by any weight. Undefined: not there. */
  readonly before: { readonly share: number; readonly held: Quantities } | undefined;
  readonly after: { readonly share: number; readonly held: Quantities } | undefined;
}

/** Answering would take too long (`whatIfFilterCountMax`). */
export interface WhatIfTooLarge {
  readonly kind: 'too-many-filters';
  /** On the agents that have something free in the next batch, without or with the changes, whichever are more. */
  readonly filterCount: number;
  readonly filterCountMax: number;
}

export interface WhatIfAnswer {
  readonly kind: 'answer';
  /** By role, then framework. All that take part before or after. */
  readonly effects: readonly WhatIfEffect[];
  /** Those whose share grows, most first; shrinks, most first; and who takes part, holds nothing after, and held something before or is new. */
  readonly gains: readonly WhatIfEffect[];
  readonly loses: readonly WhatIfEffect[];
  readonly starves: readonly WhatIfEffect[];
}
