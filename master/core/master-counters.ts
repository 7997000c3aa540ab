// Counters: what the master has done, in plain numbers.
//
// Owns:      MasterCounters and MasterGauges: the figures that the core keeps for people.
// Elsewhere: names, help texts and exposition (../metrics.ts); the events counted (the rest of this folder).
// Invariants:
//   K1. A counter only grows, and no decision reads one.
// Source: the events are those of Mesos's `master/…` metrics.

import type { TaskState } from '../../common/model/task-status';

/**
 * Upper bounds, in seconds, of the buckets of offer holding times. A scheduler that answers at once holds an offer for milliseconds, one
 * that thinks for seconds; 5 s is the default filter, 60 s and 300 s are what hoarders show (300 s is the default offer timeout). Ours.
 */
export const offerHoldBucketsSeconds: readonly number[] = [0.01, 0.05, 0.25, 1, 5, 15, 60, 300];

export interface MasterCounters {
  schedulerCalls: number;
  /** Calls answered with `refused`, malformed ones included. */
  schedulerCallsRefused: number;
  frameworksSubscribed: number;
  frameworksResubscribed: number;
  subscriptionsRefused: number;
  frameworksDisconnected: number;
  frameworksRemoved: number;

  offersMade: number;
  offersAccepted: number;
  offersDeclined: number;
  /** Taken back with a RESCIND event: agent gone, role left, room made for a quota. */
  offersRescinded: number;
  offersExpired: number;
  /** Void without an event: the session that held them ended, or an ACCEPT misused them. */
  offersDiscarded: number;
  /** How long offers were held: `counts[i]` is the number held at most `offerHoldBucketsSeconds[i]` (and longer than the bound before); the last entry counts the rest. */
  readonly offerHold: { readonly counts: number[]; sumSeconds: number };

  /** Operations other than launches that were not carried out, and tasks without an id by which they could be answered. */
  operationsDropped: number;
  tasksLaunched: number;
  /** Tasks that reached this terminal state (or went unreachable), whoever said so; TASK_ERROR and TASK_DROPPED include launches never made. */
  readonly tasksEnded: Partial<Record<TaskState, number>>;
  launchesTimedOut: number;
  killsRequested: number;

  statusUpdates: number;
  /** Not forwarded, because the scheduler was away; the agent sends them again. */
  statusUpdatesDropped: number;
  /** Named a framework or task that the sender has nothing to do with, or a state that is not an agent's to report. */
  statusUpdatesInvalid: number;
  acknowledgements: number;
  acknowledgementsInvalid: number;

  frameworkMessages: number;
  /** Executor messages either way, and executor shutdowns, whose receiver was not there. */
  frameworkMessagesDropped: number;

  agentsRegistered: number;
  agentsReregistered: number;
  agentRegistrationsRefused: number;
  agentsUnreachable: number;
  agentsRemoved: number;
  /** Messages that an agent sent out of turn. */
  agentMessagesInvalid: number;

  operatorCalls: number;
  operatorCallsRefused: number;
}

/** Figures of this moment. Computed on demand, in time proportional to the number of agents and frameworks. */
export interface MasterGauges {
  readonly agentsByState: Readonly<Record<'active' | 'disconnected' | 'recovered' | 'unreachable', number>>;
  readonly frameworksByState: Readonly<Record<'connected' | 'disconnected' | 'recovered' | 'completed', number>>;
  readonly tasksByState: Readonly<Partial<Record<TaskState, number>>>;
  readonly offersOutstanding: number;
  readonly declineFilters: number;
  readonly allocatorRuns: number;
  readonly deadlines: number;
}

/** Figures of this moment about roles and what they share, in thousandths. Computed on demand, in time proportional to the number of roles, agents and open offers. */
export interface RoleGauges {
  /** One entry per role with quota and scalar name that it guarantees, limits or consumes; undefined: not guaranteed, not limited. */
  readonly quotas: readonly { readonly role: string; readonly resource: string; readonly guarantee: number | undefined; readonly limit: number | undefined; readonly consumed: number; readonly offeredOrAllocated: number }[];
  /** Of every role that has some. */
  readonly declineFilters: readonly { readonly role: string; readonly count: number }[];
  /** Of every role that is offered or uses something: its dominant share divided by its weight, a ratio, by which it is compared with its siblings. */
  readonly shares: readonly { readonly role: string; readonly share: number }[];
  /** Scalars of the agents that are there, and what of them is offered or allocated. */
  readonly resources: readonly { readonly resource: string; readonly total: number; readonly offeredOrAllocated: number }[];
}

export function newMasterCounters(): MasterCounters {
  return {
    schedulerCalls: 0,
    schedulerCallsRefused: 0,
    frameworksSubscribed: 0,
    frameworksResubscribed: 0,
    subscriptionsRefused: 0,
    frameworksDisconnected: 0,
    frameworksRemoved: 0,
    offersMade: 0,
    offersAccepted: 0,
    offersDeclined: 0,
    offersRescinded: 0,
    offersExpired: 0,
    offersDiscarded: 0,
    offerHold: { counts: [...offerHoldBucketsSeconds, Infinity].map(() => 0), sumSeconds: 0 },
    operationsDropped: 0,
    tasksLaunched: 0,
    tasksEnded: {},
    launchesTimedOut: 0,
    killsRequested: 0,
    statusUpdates: 0,
    statusUpdatesDropped: 0,
    statusUpdatesInvalid: 0,
    acknowledgements: 0,
    acknowledgementsInvalid: 0,
    frameworkMessages: 0,
    frameworkMessagesDropped: 0,
    agentsRegistered: 0,
    agentsReregistered: 0,
    agentRegistrationsRefused: 0,
    agentsUnreachable: 0,
    agentsRemoved: 0,
    agentMessagesInvalid: 0,
    operatorCalls: 0,
    operatorCallsRefused: 0,
  };
}

/** Counts one task that ended as `state`. */
export function countTaskEnded(counters: MasterCounters, state: TaskState): void {
  counters.tasksEnded[state] = (counters.tasksEnded[state] ?? 0) + 1;
}

/** Counts one offer that was held for `heldMs`. */
export function countOfferHold(counters: MasterCounters, heldMs: number): void {
  const seconds = heldMs / 1000;
  const found = offerHoldBucketsSeconds.findIndex((bound) => seconds <= bound);
  const bucket = found < 0 ? offerHoldBucketsSeconds.length : found;
  counters.offerHold.counts[bucket] = (counters.offerHold.counts[bucket] ?? 0) + 1;
  counters.offerHold.sumSeconds += seconds;
}
