// Metrics of the master: what its core counts, by name and with a sentence each.
//
// Owns:      names, help texts and labels of the `allot_master_…` families.
// Elsewhere: the numbers (core/master-counters.ts), their exposition (common/metrics.ts, common/status-server.ts).
// Invariants:
//   U1. Counters are those of the present term, and start at zero with it; a master that does not lead shows none of them.
// Source: the events of Mesos's `master/…` metrics, and its quota and filter gauges per role; names after prometheus.io/docs/practices/naming.

import { single, type MetricFamily, type MetricSample } from '../common/metrics';
import type { ObservableMasterCore } from './core/master';
import { offerHoldBucketsSeconds, type MasterCounters, type MasterGauges, type RoleGauges } from './core/master-counters';
import type { MasterHealth, StepTimes } from './master-node';

/** What is watched: a node, or something that looks like one. */
export interface ObservedMaster {
  /** Of the present term; undefined while not leading. */
  readonly core: Pick<ObservableMasterCore, 'counters' | 'gauges' | 'roleGauges'> | undefined;
  readonly health: MasterHealth;
  /** Of the present term, too. */
  readonly stepTimes: StepTimes | undefined;
}

type Counted = { readonly [Key in keyof MasterCounters]: MasterCounters[Key] extends number ? Key : never }[keyof MasterCounters];

/** One family per counter. A new counter without a line here does not compile. */
const counterHelp: { readonly [Key in Counted]: readonly [noun: string, help: string] } = {
  schedulerCalls: ['scheduler_calls', 'Calls received from schedulers.'],
  schedulerCallsRefused: ['scheduler_calls_refused', 'Calls of schedulers that were not carried out, malformed ones included.'],
  frameworksSubscribed: ['frameworks_subscribed', 'Subscriptions of new frameworks.'],
  frameworksResubscribed: ['frameworks_resubscribed', 'Subscriptions of frameworks that came back.'],
  subscriptionsRefused: ['subscriptions_refused', 'Subscriptions that were refused.'],
  frameworksDisconnected: ['frameworks_disconnected', 'Sessions of schedulers that ended without a teardown.'],
  frameworksRemoved: ['frameworks_removed', 'Frameworks that ended: torn down, or away for longer than their failover timeout.'],
  offersMade: ['offers_made', 'Offers made.'],
  offersAccepted: ['offers_accepted', 'Offers accepted.'],
  offersDeclined: ['offers_declined', 'Offers declined.'],
  offersRescinded: ['offers_rescinded', 'Offers taken back as their agent or role went away, or to make room for a quota.'],
  offersExpired: ['offers_expired', 'Offers taken back as they were not answered in time.'],
  offersDiscarded: ['offers_discarded', 'Offers that ended with the session that held them, or were misused.'],
  operationsDropped: ['operations_dropped', 'Operations other than launches that were not carried out.'],
  tasksLaunched: ['tasks_launched', 'Tasks sent to agents.'],
  launchesTimedOut: ['launches_timed_out', 'Tasks killed as their launch had no result in time.'],
  killsRequested: ['kills_requested', 'Kills requested by schedulers and operators.'],
  statusUpdates: ['status_updates', 'Status updates received from agents.'],
  statusUpdatesDropped: ['status_updates_dropped', 'Status updates not forwarded as their scheduler was away; agents send them again.'],
  statusUpdatesInvalid: ['status_updates_invalid', 'Status updates about something that their sender has nothing to do with.'],
  acknowledgements: ['acknowledgements', 'Acknowledgements received from schedulers.'],
  acknowledgementsInvalid: ['acknowledgements_invalid', 'Acknowledgements of nothing that waits for one.'],
  frameworkMessages: ['framework_messages', 'Messages between schedulers and executors, either way.'],
  frameworkMessagesDropped: ['framework_messages_dropped', 'Messages to executors or schedulers that were not there.'],
  agentsRegistered: ['agents_registered', 'Registrations of new agents.'],
  agentsReregistered: ['agents_reregistered', 'Registrations of agents that came back.'],
  agentRegistrationsRefused: ['agent_registrations_refused', 'Registrations of agents that were refused.'],
  agentsUnreachable: ['agents_marked_unreachable', 'Agents that were away for longer than the agent timeout.'],
  agentsRemoved: ['agents_removed', 'Agents that said goodbye.'],
  agentMessagesInvalid: ['agent_messages_invalid', 'Messages that agents sent out of turn.'],
  operatorCalls: ['operator_calls', 'Calls received from operators.'],
  operatorCallsRefused: ['operator_calls_refused', 'Calls of operators that were refused.'],
};

export function masterMetrics(master: ObservedMaster): readonly MetricFamily[] {
  const families = (Object.keys(counterHelp) as Counted[]).map((key): MetricFamily => {
    const [noun, help] = counterHelp[key];
    return { name: `allot_master_${noun}_total`, help, kind: 'counter', collect: () => ofTerm(master, ({ counters }) => single(counters[key])) };
  });
  return [
    ...families,
    {
      name: 'allot_master_tasks_ended_total',
      help: 'Tasks that reached an end, by state; unreachable ones may come back.',
      kind: 'counter',
      labels: ['state'],
      collect: () => ofTerm(master, ({ counters }) => byState(counters.tasksEnded)),
    },
    {
      name: 'allot_master_offer_hold_seconds',
      help: 'How long offers were held before they came back.',
      kind: 'histogram',
      *collect() {
        if (master.core !== undefined) yield { histogram: offerHold(master.core.counters) };
      },
    },
    {
      name: 'allot_master_step_seconds',
      help: 'How long the core took for one input, such as a frame of a peer or a timer, while nobody else was served; apart for steps in which the allocator ran.',
      kind: 'histogram',
      labels: ['allocator'],
      *collect() {
        if (master.stepTimes === undefined) return;
        yield { labels: { allocator: 'ran' }, histogram: master.stepTimes.allocating };
        yield { labels: { allocator: 'none' }, histogram: master.stepTimes.other };
      },
    },
    gauge('elected', 'Whether this master leads (1) or not (0).', () => single(master.health.role === 'leading' ? 1 : 0)),
    gauge('waiting', 'Whether this master waits for the election or the registry to work (1) or not (0).', () => single(master.health.waitingFor === undefined ? 0 : 1)),
    ofGauges(master, 'agents', 'Agents by state.', ({ agentsByState }) => byState(agentsByState), 'state'),
    ofGauges(master, 'frameworks', 'Frameworks by state; completed ones as far as they are remembered.', ({ frameworksByState }) => byState(frameworksByState), 'state'),
    ofGauges(master, 'tasks', 'Tasks that have not ended, or whose end is not acknowledged, by state.', ({ tasksByState }) => byState(tasksByState), 'state'),
    ofGauges(master, 'offers_outstanding', 'Offers that are out now.', ({ offersOutstanding }) => single(offersOutstanding)),
    ofGauges(master, 'decline_filters', 'Decline filters in force now.', ({ declineFilters }) => single(declineFilters)),
    ofRoleGauges(master, 'role_decline_filters', 'Decline filters in force now, by role.', ({ declineFilters }) => declineFilters.map(({ role, count }) => ({ labels: { role }, value: count })), 'role'),
    ofQuotas(master, 'guarantee', 'What the role is guaranteed, by resource, in units.'),
    ofQuotas(master, 'limit', 'What the role may have at most, by resource, in units; a resource without a line has no limit.'),
    ofQuotas(master, 'consumed', 'What the role and those below it use or have reserved, by resource, in units; of roles with quota.'),
    ofQuotas(master, 'offeredOrAllocated', 'What the role and those below it are offered or use, by resource, in units; of roles with quota.'),
    ofRoleGauges(master, 'role_dominant_share_ratio', 'Dominant share of the role and those below it divided by its weight, which is compared among siblings.', ({ shares }) => shares.map(({ role, share }) => ({ labels: { role }, value: share })), 'role'),
    ofResources(master, 'resources', 'total', 'What the agents that are there have, by resource, in units.'),
    ofResources(master, 'resources_offered_or_allocated', 'offeredOrAllocated', 'What of it is offered or in use, by resource, in units.'),
    ofGauges(master, 'deadlines', 'Timers that the core waits for now.', ({ deadlines }) => single(deadlines)),
    { name: 'allot_master_allocation_runs_total', help: 'Runs of the allocator.', kind: 'counter', collect: () => ofTerm(master, (core) => single(core.gauges().allocatorRuns)) },
  ];
}

type Core = NonNullable<ObservedMaster['core']>;

/** U1. */
function ofTerm(master: ObservedMaster, read: (core: Core) => readonly MetricSample[]): readonly MetricSample[] {
  return master.core === undefined ? [] : read(master.core);
}

function gauge(noun: string, help: string, collect: () => readonly MetricSample[]): MetricFamily {
  return { name: `allot_master_${noun}`, help, kind: 'gauge', collect };
}

function ofGauges(master: ObservedMaster, noun: string, help: string, read: (gauges: MasterGauges) => readonly MetricSample[], ...labels: readonly string[]): MetricFamily {
  return { ...gauge(noun, help, () => ofTerm(master, (core) => read(core.gauges()))), labels };
}

function ofRoleGauges(master: ObservedMaster, noun: string, help: string, read: (gauges: RoleGauges) => readonly MetricSample[], ...labels: readonly string[]): MetricFamily {
  return { ...gauge(noun, help, () => ofTerm(master, (core) => read(core.roleGauges()))), labels };
}

function ofResources(master: ObservedMaster, noun: string, figure: 'total' | 'offeredOrAllocated', help: string): MetricFamily {
  return ofRoleGauges(master, noun, help, ({ resources }) => resources.map(({ resource, [figure]: milli }) => ({ labels: { resource }, value: milli / 1000 })), 'resource');
}

function ofQuotas(master: ObservedMaster, figure: 'guarantee' | 'limit' | 'consumed' | 'offeredOrAllocated', help: string): MetricFamily {
  const read = ({ quotas }: RoleGauges): readonly MetricSample[] =>
    quotas.flatMap(({ role, resource, [figure]: milli }) => (milli === undefined ? [] : [{ labels: { role, resource }, value: milli / 1000 }]));
  return ofRoleGauges(master, `quota_${figure === 'offeredOrAllocated' ? 'offered_or_allocated' : figure}`, help, read, 'role', 'resource');
}

/** States as Mesos writes them in metrics: `TASK_RUNNING` is `running`. */
function byState(counts: Readonly<Partial<Record<string, number>>>): readonly MetricSample[] {
  return Object.entries(counts).map(([state, value]) => ({ labels: { state: state.replace(/^TASK_/, '').toLowerCase() }, value: value ?? 0 }));
}

function offerHold({ offerHold: { counts, sumSeconds } }: MasterCounters) {
  let count = 0;
  const cumulative = counts.map((inBucket, index) => {
    count += inBucket;
    return { bound: offerHoldBucketsSeconds[index] ?? Infinity, count };
  });
  return { cumulative: () => cumulative, sum: sumSeconds, count };
}
