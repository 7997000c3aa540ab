// The master's metrics: every counter of the core has a name and a sentence, and a master that does not lead shows none of them (U1).

import { Histogram, Metrics } from '../../common/metrics';
import { silentLog } from '../../common/logging';
import { countOfferHold, countTaskEnded, newMasterCounters, type MasterGauges, type RoleGauges } from '../../master/core/master-counters';
import { masterMetrics, type ObservedMaster } from '../../master/metrics';

const gauges: MasterGauges = {
  agentsByState: { active: 3, disconnected: 1, recovered: 0, unreachable: 0 },
  frameworksByState: { connected: 2, disconnected: 0, recovered: 0, completed: 5 },
  tasksByState: { TASK_RUNNING: 7 },
  offersOutstanding: 4,
  declineFilters: 1,
  allocatorRuns: 99,
  deadlines: 2,
};

const roleGauges: RoleGauges = {
  quotas: [
    { role: 'eng', resource: 'cpus', guarantee: 1_500, limit: 4_000, consumed: 2_000, offeredOrAllocated: 2_500 },
    { role: 'eng', resource: 'mem', guarantee: undefined, limit: undefined, consumed: 64_000, offeredOrAllocated: 64_000 },
    { role: 'ops', resource: 'cpus', guarantee: undefined, limit: 0, consumed: 0, offeredOrAllocated: 0 },
  ],
  declineFilters: [{ role: 'eng', count: 3 }],
  shares: [{ role: 'eng', share: 0.25 }],
  resources: [{ resource: 'cpus', total: 10_000, offeredOrAllocated: 2_500 }],
};

const stepTimes = { allocating: new Histogram([0.001, 1]), other: new Histogram([0.001, 1]) };
stepTimes.allocating.observe(0.02);

async function rendered(master: Omit<ObservedMaster, 'stepTimes'>): Promise<string> {
  const metrics = new Metrics(silentLog);
  metrics.register(masterMetrics({ ...master, stepTimes: master.core && stepTimes }));
  return await metrics.render();
}

test('a leader shows what its core has counted', async () => {
  const counters = newMasterCounters();
  counters.offersMade = 12;
  countTaskEnded(counters, 'TASK_FINISHED');
  countOfferHold(counters, 40);
  countOfferHold(counters, 400_000);
  const text = await rendered({ core: { counters, gauges: () => gauges, roleGauges: () => roleGauges }, health: { role: 'leading', leader: 'a:1' } });
  for (const line of [
    'allot_master_elected 1',
    'allot_master_waiting 0',
    'allot_master_offers_made_total 12',
    'allot_master_tasks_ended_total{state="finished"} 1',
    'allot_master_agents{state="active"} 3',
    'allot_master_tasks{state="running"} 7',
    'allot_master_offers_outstanding 4',
    'allot_master_allocation_runs_total 99',
    'allot_master_offer_hold_seconds_bucket{le="0.01"} 0',
    'allot_master_offer_hold_seconds_bucket{le="0.05"} 1',
    'allot_master_offer_hold_seconds_bucket{le="300"} 1',
    'allot_master_offer_hold_seconds_bucket{le="+Inf"} 2',
    'allot_master_offer_hold_seconds_count 2',
    'allot_master_step_seconds_bucket{allocator="ran",le="0.001"} 0',
    'allot_master_step_seconds_bucket{allocator="ran",le="1"} 1',
    'allot_master_step_seconds_count{allocator="none"} 0',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  expect(text).not.toContain('allot_metrics_collect_failures_total{');
});

test('quota, shares and the cluster are shown per role and resource in units; a limit of 0 is shown, no limit is not', async () => {
  const text = await rendered({ core: { counters: newMasterCounters(), gauges: () => gauges, roleGauges: () => roleGauges }, health: { role: 'leading', leader: 'a:1' } });
  const samples = text.split('\n').filter((line) => /^allot_master_(quota|role|resources)/.test(line));
  expect(samples.sort()).toEqual([
    'allot_master_quota_consumed{role="eng",resource="cpus"} 2',
    'allot_master_quota_consumed{role="eng",resource="mem"} 64',
    'allot_master_quota_consumed{role="ops",resource="cpus"} 0',
    'allot_master_quota_guarantee{role="eng",resource="cpus"} 1.5',
    'allot_master_quota_limit{role="eng",resource="cpus"} 4',
    'allot_master_quota_limit{role="ops",resource="cpus"} 0',
    'allot_master_quota_offered_or_allocated{role="eng",resource="cpus"} 2.5',
    'allot_master_quota_offered_or_allocated{role="eng",resource="mem"} 64',
    'allot_master_quota_offered_or_allocated{role="ops",resource="cpus"} 0',
    'allot_master_resources_offered_or_allocated{resource="cpus"} 2.5',
    'allot_master_resources{resource="cpus"} 10',
    'allot_master_role_decline_filters{role="eng"} 3',
    'allot_master_role_dominant_share_ratio{role="eng"} 0.25',
  ]);
});

test('a standby shows that it is one, and no numbers of a term that is not its own', async () => {
  const text = await rendered({ core: undefined, health: { role: 'standby', waitingFor: 'Cannot reach etcd' } });
  const samples = text.split('\n').filter((line) => line.startsWith('allot_master_'));
  expect(samples).toEqual(['allot_master_elected 0', 'allot_master_waiting 1']);
});
