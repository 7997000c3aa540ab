// What operators ask of the master, as domain values.
//
// Owns:      OperatorCall, OperatorReply and the summaries in them.
// Elsewhere: wire form (proto/operator.proto, proto/operator-codec.ts), answers (master/core/operator.ts), tables (cli/).
// Source: the questions of Mesos's v1 operator API that this release needs. Snapshots are plain data, made on demand, never on the
//         allocator's turn.

import type { Refusal } from '../refusal';
import type { AgentInfo } from './agent';
import type { Explanation, WhatIfChange, WhatIfDivision, WhatIfEffect } from './explanation';
import type { AgentId, ExecutorId, FrameworkId, OfferId, TaskId } from './ids';
import type { FrameworkInfo, Quantities } from './framework';
import type { QuotaConfig } from './quota';
import type { Resources } from './resources';
import type { SandboxStream } from './agent-protocol';
import type { TaskReason, TaskSource, TaskState } from './task-status';
import type { MasterInfo } from './scheduler-protocol';

/** Which part of a list is asked for. A list that changes meanwhile may show an entry in two of its parts, or in none. */
export interface Page {
  /** Entries of the beginning that are left out. Default 0. */
  readonly skip?: number;
  /** At most so many. Default, and at most in any case: what one answer holds. */
  readonly limit?: number;
}

/** How many more entries the list has after those shown. */
export interface Rest {
  readonly omittedCount: number;
}

export type OperatorCall =
  | { readonly kind: 'get-master' }
  | ({ readonly kind: 'get-agents' } & Page)
  | ({ readonly kind: 'get-frameworks' } & Page)
  | ({ readonly kind: 'get-tasks'; readonly frameworkId?: FrameworkId; readonly includeCompleted: boolean } & Page)
  | ({ readonly kind: 'get-offers' } & Page)
  | ({ readonly kind: 'get-roles' } & Page)
  /** Without frameworkId the task id must be unambiguous. */
  | { readonly kind: 'kill-task'; readonly taskId: TaskId; readonly frameworkId?: FrameworkId }
  | { readonly kind: 'teardown'; readonly frameworkId: FrameworkId }
  | { readonly kind: 'set-weight'; readonly role: string; readonly weight: number }
  | { readonly kind: 'get-quota' }
  /** All or nothing. Each config replaces what its role has; an empty one takes it away. */
  | { readonly kind: 'update-quota'; readonly configs: readonly QuotaConfig[]; readonly force: boolean }
  /** Why the framework is or is not offered things now. Without role: in each of its own; without agent: of each agent. */
  | { readonly kind: 'explain'; readonly frameworkId: FrameworkId; readonly role?: string; readonly agentId?: AgentId }
  /** Who would get what. Changes nothing. */
  | { readonly kind: 'what-if'; readonly changes: readonly WhatIfChange[]; readonly division: WhatIfDivision }
  | {
      readonly kind: 'read-sandbox';
      readonly taskId: TaskId;
      readonly frameworkId?: FrameworkId;
      readonly stream: SandboxStream;
      readonly offset: number;
      readonly lengthMax: number;
    };

export interface AgentSummary {
  readonly id: AgentId;
  readonly info: AgentInfo;
  readonly version: string;
  /** recovered: known from the registry, not yet back after a change of leader. */
  readonly state: 'active' | 'disconnected' | 'recovered' | 'unreachable';
  readonly registeredAtMs?: number;
  readonly unreachableSinceMs?: number;
  readonly total: Resources;
  readonly offered: Resources;
  readonly allocated: Resources;
  readonly taskCount: number;
}

export interface FrameworkSummary {
  readonly id: FrameworkId;
  readonly info: FrameworkInfo;
  readonly state: 'connected' | 'disconnected' | 'recovered' | 'completed';
  readonly suppressedRoles: readonly string[];
  readonly subscribedAtMs?: number;
  readonly offerCount: number;
  readonly taskCount: number;
  readonly allocated: Quantities;
  /** Mean time for which the framework held its offers, in milliseconds; absent before the first came back. */
  readonly offerHoldMeanMs?: number;
}

export interface TaskSummary {
  readonly id: TaskId;
  readonly name: string;
  readonly frameworkId: FrameworkId;
  readonly frameworkName: string;
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly executorId?: ExecutorId;
  readonly role: string;
  readonly state: TaskState;
  readonly source?: TaskSource;
  readonly reason?: TaskReason;
  readonly message?: string;
  readonly resources: Resources;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
}

export interface OfferSummary {
  readonly id: OfferId;
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly role: string;
  readonly resources: Resources;
  readonly ageMs: number;
  readonly expiresInMs?: number;
}

export interface RoleSummary {
  readonly role: string;
  readonly weight: number;
  /** Dominant share divided by weight, 0 to 1 and above. */
  readonly share: number;
  readonly dominantResource?: string;
  readonly frameworkIds: readonly FrameworkId[];
  /** Offered and allocated. */
  readonly allocated: Quantities;
  /** For the role and everything below it, in use or not. */
  readonly reserved: Quantities;
  /** As in {@link QuotaSummary}, also for roles without quota. */
  readonly consumed: Quantities;
  /** Of the role itself; absent: none. */
  readonly quota?: QuotaConfig;
}

export interface QuotaSummary {
  readonly config: QuotaConfig;
  /**
   * Of the role and everything below it: reservations, in use or not, and unreserved non-revocable scalars in use. Without what is only offered.
   * Source: Mesos.
   */
  readonly consumed: Quantities;
}

export type OperatorReply =
  | { readonly kind: 'master'; readonly masterInfo: MasterInfo; readonly electedAtMs: number; readonly registry: string; readonly agentCount: number; readonly frameworkCount: number }
  | ({ readonly kind: 'agents'; readonly agents: readonly AgentSummary[] } & Rest)
  | ({ readonly kind: 'frameworks'; readonly frameworks: readonly FrameworkSummary[] } & Rest)
  | ({ readonly kind: 'tasks'; readonly tasks: readonly TaskSummary[] } & Rest)
  | ({ readonly kind: 'offers'; readonly offers: readonly OfferSummary[] } & Rest)
  | ({ readonly kind: 'roles'; readonly roles: readonly RoleSummary[] } & Rest)
  | { readonly kind: 'quota'; readonly quotas: readonly QuotaSummary[] }
  /**
   * By role, then agent. When all agents were asked about, only the first of each role has `standings` and `heldBy`, and of many the last are left out.
   */
  | { readonly kind: 'explanations'; readonly frameworkName: string; readonly explanations: readonly Explanation[]; readonly omittedCount: number }
  /** All who take part before or after; of these, those whose share grows, most first; shrinks, most first; and those who hold nothing afterwards. */
  | {
      readonly kind: 'what-if';
      readonly effects: readonly WhatIfEffect[];
      readonly gains: readonly WhatIfEffect[];
      readonly loses: readonly WhatIfEffect[];
      readonly starves: readonly WhatIfEffect[];
    }
  | { readonly kind: 'done' }
  | { readonly kind: 'sandbox-chunk'; readonly offset: number; readonly data: Uint8Array; readonly size: number; readonly ended: boolean }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The request was fine, but cannot be served now: agent away, no answer in time. */
  | { readonly kind: 'unavailable'; readonly message: string };
