// Offers: resources of one agent, held out to one framework for one role.
//
// Owns:      the offer as both sides see it, filters, and the operations of an ACCEPT.
// Elsewhere: life and death of offers (master/core/), choosing among them (frameworks), what became of an operation (operation-status.ts).
// Source: Mesos v1 Offer, Filters, Offer.Operation. LAUNCH is carried out; the other operations are carried by the vocabulary and dropped
//         by name until a later release executes them.

import type { Refusal } from '../refusal';
import type { AgentId, ExecutorId, FrameworkId, OfferId, TaskId } from './ids';
import type { Attribute, DomainInfo, Unavailability } from './agent';
import type { Resources } from './resources';
import type { ExecutorInfo, TaskInfo } from './task';

export interface Url {
  readonly scheme: string;
  readonly address: { readonly hostname?: string; readonly ip?: string; readonly port: number };
  readonly path?: string;
}

export interface Offer {
  readonly id: OfferId;
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly url?: Url;
  readonly resources: Resources;
  readonly attributes: readonly Attribute[];
  /** Executors of this framework alive on the agent (custom ones only): launching on them is cheap. */
  readonly executorIds: readonly ExecutorId[];
  /** The role in whose name the offer is made. */
  readonly role: string;
  readonly unavailability?: Unavailability;
  readonly domain?: DomainInfo;
  /** Wall-clock milliseconds after which the master rescinds the offer; absent when the master never does. Ours: a visible deadline. */
  readonly expiresAtMs?: number;
}

/** How long declined resources of an agent stay away from the framework. */
export interface Filters {
  /** Seconds; default 5, at most 31 536 000 (365 days), negative or NaN means the default, 0 means no filter. Source: Mesos. */
  readonly refuseSeconds: number;
}

/** Source: Mesos `Filters.refuse_seconds`. */
export const refuseSecondsDefault = 5;
/** Source: Mesos (365 days). */
export const refuseSecondsMax = 31_536_000;

/** A task of an ACCEPT that its receiver could not read: whatever of its ids could be, so that it can be answered, and why. */
export interface UnreadableTask {
  readonly taskId?: TaskId;
  readonly agentId?: AgentId;
  readonly refusal: Refusal;
}

export type OfferOperation =
  /** `unreadable` is made by a decoder only: these are answered, and the tasks beside them go their way. */
  | { readonly kind: 'launch'; readonly id?: string; readonly tasks: readonly TaskInfo[]; readonly unreadable?: readonly UnreadableTask[] }
  | { readonly kind: 'launch-group'; readonly id?: string; readonly executor: ExecutorInfo; readonly tasks: readonly TaskInfo[] }
  | { readonly kind: 'reserve'; readonly id?: string; readonly resources: Resources; readonly source: Resources }
  | { readonly kind: 'unreserve'; readonly id?: string; readonly resources: Resources }
  | { readonly kind: 'create'; readonly id?: string; readonly volumes: Resources }
  | { readonly kind: 'destroy'; readonly id?: string; readonly volumes: Resources }
  | { readonly kind: 'grow-volume'; readonly id?: string; readonly volume: Resources; readonly addition: Resources }
  | { readonly kind: 'shrink-volume'; readonly id?: string; readonly volume: Resources; readonly subtractMilli: number }
  | { readonly kind: 'create-disk'; readonly id?: string; readonly source: Resources; readonly targetType: string; readonly targetProfile?: string }
  | { readonly kind: 'destroy-disk'; readonly id?: string; readonly source: Resources }
  /** Made by a decoder only, of an operation that could not be read as a whole; `type` is its wire name, `unreadable` are the tasks that it names. */
  | { readonly kind: 'unreadable'; readonly id?: string; readonly type: string; readonly refusal: Refusal; readonly unreadable: readonly UnreadableTask[] };
