// Explanations: why somebody is or is not offered something, and who would get what if.
//
// Owns:      both answers as people and programs see them, and what may be asked.
// Elsewhere: working them out (allocator/), asking the allocator (master/core/explanations.ts), wire form (proto/operator.proto), sentences (cli/).
// Source: ours; Mesos leaves its operators to guess. Times are spans from or to the moment of asking, because the master's clock is nobody else's.

import type { AgentInfo } from './agent';
import type { Quantities } from './framework';
import type { AgentId, FrameworkId } from './ids';
import type { QuotaConfig } from './quota';
import type { Resources } from './resources';
import type { AttributeConstraint } from './scheduler-protocol';

/** One competitor on the way from the root of the role tree to the framework. */
export interface Standing {
  /** A role, `role/.` for a role's own frameworks beside its subroles, or a framework id. */
  readonly name: string;
  /** Dominant share divided by weight. */
  readonly share: number;
  readonly dominantResource?: string;
  readonly weight: number;
  readonly grantCount: number;
  /** Behind all siblings that do not: it gave back what it was last offered, unused. */
  readonly standsBack: boolean;
  /** 1 is next. Absent: drawn anew for each agent, with chances in proportion to weights. */
  readonly rank?: number;
  /** Siblings that take part, itself included. */
  readonly of: number;
}

/** Reasons that say everything by their name. */
export type PlainReasonKind =
  | 'framework-unknown'
  | 'agent-unknown'
  | 'role-not-subscribed'
  | 'framework-inactive'
  | 'role-suppressed'
  | 'agent-inactive'
  | 'agent-not-allowed'
  | 'nothing-free'
  | 'gpus';

/** Why not: the first reason that a run would come upon, those that do not depend on what is free first; or that it would be offered. */
export type Reason =
  | { readonly [Kind in PlainReasonKind]: { readonly kind: Kind } }[PlainReasonKind]
  /** After a change of leader with quotas, until enough agents are back. */
  | { readonly kind: 'recovering'; readonly agentCount: number; readonly agentCountNeeded: number; readonly remainingMs: number }
  | { readonly kind: 'reserved-for-others'; readonly roles: readonly string[] }
  | { readonly kind: 'constraint'; readonly constraint: AttributeConstraint }
  | { readonly kind: 'region'; readonly region: string }
  /** Capabilities that what is free asks for. */
  | { readonly kind: 'incapable'; readonly missing: readonly string[] }
  | { readonly kind: 'too-small'; readonly bundle: Resources; readonly minAllocatable: readonly Quantities[] }
  /** What is left after limits and what is kept free for guarantees is not worth an offer. */
  | { readonly kind: 'quota'; readonly bundle: Resources; readonly cutByLimit: readonly string[]; readonly cutByHeadroom: readonly string[] }
  | { readonly kind: 'filtered'; readonly bundle: Resources; readonly refused: Resources; readonly remainingMs: number }
  /** Nothing speaks against it, but these are asked first and may have it, too: the first of them, at most ten. */
  | { readonly kind: 'behind'; readonly ahead: readonly Membership[] }
  /** Nothing speaks against it, and nobody is asked first for certain: it is drawn whether these are, at most ten, in no order. */
  | { readonly kind: 'by-chance'; readonly bundle: Resources; readonly rivals: readonly Membership[] }
  | { readonly kind: 'would-be-offered'; readonly bundle: Resources };

export interface Membership {
  readonly frameworkId: FrameworkId;
  readonly role: string;
}

/** Of one framework in one role about one agent. */
export interface Explanation {
  readonly frameworkId: FrameworkId;
  readonly role: string;
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly reason: Reason;
  /** What the framework holds there in the role, offered or used. */
  readonly held: Resources;
  /** Whether some of that was offered when the allocator last looked at the agent. */
  readonly offeredInLastVisit: boolean;
  /** Absent: it has not looked yet. */
  readonly lastVisitAgeMs?: number;
  /** To whom it then went first, and to how many more after that; absent: to nobody. It may have been given back since. */
  readonly grantedInLastVisit?: Membership & { readonly othersCount: number };
  readonly free: Resources;
  readonly heldBy: readonly (Membership & { readonly resources: Resources })[];
  /** From top-level role down to framework; empty when it does not take part. */
  readonly standings: readonly Standing[];
  /** Of the top-level role above, if it has one. `consumed` with offers, as limits are held against it. */
  readonly quota?: { readonly config: QuotaConfig; readonly consumed: Quantities };
  /** What guarantees lack in the whole cluster, and what is free there for them. */
  readonly headroom: { readonly required: Quantities; readonly available: Quantities };
  /** Live decline filters of the framework there. */
  readonly filters: readonly { readonly refused: Resources; readonly remainingMs: number }[];
}

export type WhatIfChange =
  | { readonly kind: 'weight'; readonly role: string; readonly weight: number }
  | ({ readonly kind: 'quota' } & QuotaConfig)
  /** `count` agents like this one. */
  | { readonly kind: 'add-agents'; readonly info: AgentInfo; readonly count: number }
  | { readonly kind: 'remove-agents'; readonly agentIds: readonly AgentId[] }
  | { readonly kind: 'remove-framework'; readonly frameworkId: FrameworkId };

/**
 * `next-batch`: what the next batch hands out on top of what is held. `afresh`: the whole cluster divided anew, as if nothing were held and
 * nothing declined: where things tend to as tasks end.
 */
export type WhatIfDivision = 'next-batch' | 'afresh';

/** One framework in one role, without and with the changes. Absent: it is not there. */
export interface WhatIfEffect {
  readonly frameworkId: FrameworkId;
  readonly frameworkName: string;
  readonly role: string;
  readonly before?: WhatIfHolding;
  readonly after?: WhatIfHolding;
}

export interface WhatIfHolding {
  /** Dominant share, 0 to 1, not divided by any weight. */
  readonly share: number;
  readonly held: Quantities;
}
