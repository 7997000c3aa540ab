// What a scheduler and the master say to each other, as domain values.
//
// Owns:      SchedulerCall and SchedulerEvent.
// Elsewhere: their wire form (proto/scheduler.proto, proto/scheduler-codec.ts), their meaning (master/core/), the driver (frameworks/sdk/).
// Source: Mesos v1 scheduler.Call and scheduler.Event. Ours: `refused` (a call that was not carried out, and why), where Mesos answers
//         with an HTTP status; call numbers, so that a refusal can name its call.

import type { Refusal } from '../refusal';
import type { AgentId, ExecutorId, FrameworkId, OfferId, TaskId } from './ids';
import type { Filters, Offer, OfferOperation } from './offer';
import type { FrameworkInfo, Quantities } from './framework';
import type { KillPolicy } from './task';
import type { OperationStatus } from './operation-status';
import type { TaskStatus } from './task-status';

/** Per role: OR over groups, AND inside a group. Source: Mesos OfferConstraints. */
export type OfferConstraints = ReadonlyMap<string, readonly (readonly AttributeConstraint[])[]>;

export interface AttributeConstraint {
  readonly selector:
    | { readonly kind: 'attribute'; readonly name: string }
    | { readonly kind: 'pseudoattribute'; readonly name: 'HOSTNAME' | 'REGION' | 'ZONE' };
  readonly predicate:
    | { readonly kind: 'exists' | 'not-exists' }
    | { readonly kind: 'text-equals' | 'text-not-equals'; readonly value: string }
    /** In the syntax of RE2, for the whole text (regex.ts). */
    | { readonly kind: 'text-matches' | 'text-not-matches'; readonly regex: string };
}

export type SchedulerCall =
  | {
      readonly kind: 'subscribe';
      /** Set to subscribe again under an id given earlier; must equal `frameworkInfo.id`. */
      readonly frameworkId?: FrameworkId;
      readonly frameworkInfo: FrameworkInfo;
      readonly suppressedRoles: readonly string[];
      readonly offerConstraints: OfferConstraints;
    }
  | { readonly kind: 'teardown' }
  | { readonly kind: 'accept'; readonly offerIds: readonly OfferId[]; readonly operations: readonly OfferOperation[]; readonly filters: Filters }
  | { readonly kind: 'decline'; readonly offerIds: readonly OfferId[]; readonly filters: Filters }
  /** Empty roles: all subscribed roles. */
  | { readonly kind: 'revive'; readonly roles: readonly string[] }
  | { readonly kind: 'suppress'; readonly roles: readonly string[] }
  | { readonly kind: 'kill'; readonly taskId: TaskId; readonly agentId?: AgentId; readonly killPolicy?: KillPolicy }
  | { readonly kind: 'shutdown'; readonly executorId: ExecutorId; readonly agentId: AgentId }
  | { readonly kind: 'acknowledge'; readonly agentId: AgentId; readonly taskId: TaskId; readonly uuid: string }
  /** No tasks: implicit, all tasks that the master knows of the framework. */
  | { readonly kind: 'reconcile'; readonly tasks: readonly { readonly taskId: TaskId; readonly agentId?: AgentId }[] }
  | { readonly kind: 'message'; readonly agentId: AgentId; readonly executorId: ExecutorId; readonly data: Uint8Array }
  | { readonly kind: 'request'; readonly requests: readonly { readonly agentId?: AgentId; readonly quantities: Quantities }[] }
  | {
      readonly kind: 'update-framework';
      readonly frameworkInfo: FrameworkInfo;
      readonly suppressedRoles: readonly string[];
      readonly offerConstraints: OfferConstraints;
    };

/** A call in its envelope. `frameworkId` must be that of the session for all but `subscribe` (absent is taken as it). */
export interface SchedulerCallEnvelope {
  /** Chosen by the caller, increasing; echoed in a refusal. 0 when the caller numbers nothing. */
  readonly number: number;
  readonly frameworkId?: FrameworkId;
  readonly call: SchedulerCall;
}

/** What a session's service hands to the core: a decoded call, or why it could not be decoded. */
export type ReceivedSchedulerCall =
  | { readonly ok: true; readonly value: SchedulerCallEnvelope }
  | { readonly ok: false; readonly number: number; readonly callKind: string; readonly refusal: Refusal };

export interface MasterInfo {
  readonly id: string;
  /** `host:port` at which the master serves. */
  readonly address: string;
  readonly version: string;
}

export type SchedulerEvent =
  | { readonly kind: 'subscribed'; readonly frameworkId: FrameworkId; readonly heartbeatIntervalMs: number; readonly masterInfo: MasterInfo }
  | { readonly kind: 'offers'; readonly offers: readonly Offer[] }
  | { readonly kind: 'rescind'; readonly offerId: OfferId }
  | { readonly kind: 'update'; readonly status: TaskStatus }
  /** What became of an operation of an ACCEPT that is no launch. */
  | { readonly kind: 'operation-update'; readonly status: OperationStatus }
  | { readonly kind: 'message'; readonly agentId: AgentId; readonly executorId: ExecutorId; readonly data: Uint8Array }
  /** Agent lost (no executor), or one executor ended (`status` = wait status, -1 unknown). */
  | { readonly kind: 'failure'; readonly agentId?: AgentId; readonly executorId?: ExecutorId; readonly status?: number }
  /** The session is over: subscription refused, or superseded by a newer one. The stream ends after it. */
  | { readonly kind: 'error'; readonly message: string }
  /** One call was not carried out and changed nothing; the session goes on. Ours. */
  | { readonly kind: 'refused'; readonly number: number; readonly callKind: string; readonly refusal: Refusal }
  | { readonly kind: 'heartbeat' };
