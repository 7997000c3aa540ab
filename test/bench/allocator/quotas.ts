// Quotas: small and large ones together, and the same roles with a quota and without.
//
// Owns:      the replay of the first two workloads of section 6 of the reference page, their expected counts, the C++ figures.
// Elsewhere: the other two (mixed-frameworks.ts, suppression.ts).
// Source: Mesos quota benchmarks (guarantee = limit). Settings are in place before the clock starts. The second cycle offers nothing.

import type { Quantities } from '../../../common/model/framework';
import { expectNothing } from './full-allocation';
import { Expectations, usedMib, warmMeasurement, type CellResult, type Goal, type TargetName } from './measurement';
import { ReplayCluster, resources, type Cycle } from './replay-cluster';
import type { Cell, Workload } from './workload';

const agentText = 'cpus:2;mem:2048;disk:2048';
const smallQuota = 'cpus:1;mem:1024;disk:1024';
const largeQuota = 'cpus:4;mem:4096;disk:4096';
/** A large role fills this many agents, a small one half an agent. */
const agentsPerLargeRole = 2;

/** C++ medians of a first and a second cycle, run ms. */
interface MesosCycles {
  readonly first: number;
  readonly second: number;
  readonly note?: string;
}

/** The times of one kind of cycle over repetitions, each on a cluster of its own. */
class QuotaTimes {
  readonly first: number[] = [];
  readonly second: number[] = [];
  readonly over: number[] = [];
  heapMib = 0;

  constructor(private readonly expectations: Expectations) {}

  /** The first cycle of a cluster that is set up, then the two that offer nothing. */
  measure(cluster: ReplayCluster, isLast: boolean): Cycle {
    const cycle = cluster.cycle();
    this.first.push(cycle.ms);
    this.second.push(expectNothing(cluster.cycle(), 'Second cycle', this.expectations));
    this.over.push(expectNothing(cluster.cycleOverAll(), 'Third cycle, over all agents', this.expectations));
    if (isLast) this.heapMib = usedMib();
    return cycle;
  }

  /** The offers of one cluster may differ from the next one's only where chance decides how agents are shared. */
  rows(prefix: string, offers: number, mesos: MesosCycles | undefined, target: TargetName | undefined): CellResult['measurements'] {
    const goals: readonly Goal[] = target === undefined ? [] : [{ target, kind: 'ratio-at-least', limit: 100 }];
    const figure = (median: number | undefined): { readonly median: number; readonly note?: string } | undefined =>
      median === undefined ? undefined : { median, ...(mesos?.note !== undefined && { note: mesos.note }) };
    return [
      warmMeasurement(`${prefix}first cycle`, this.first, { offers, heapMib: this.heapMib, mesos: figure(mesos?.first), goals }),
      warmMeasurement(`${prefix}second cycle, batch`, this.second, { offers: 0, mesos: figure(mesos?.second), goals }),
      warmMeasurement(`${prefix}third cycle, all looked at again`, this.over, { offers: 0, mesos: figure(mesos?.second) }),
    ];
  }
}

export interface SmallAndLargePlan {
  readonly small: number;
  readonly large: number;
  readonly repetitions: number;
}

export function measureSmallAndLargeQuotas({ small, large, repetitions }: SmallAndLargePlan, mesos?: MesosCycles, target?: TargetName): CellResult {
  const expectations = new Expectations();
  const times = new QuotaTimes(expectations);
  const roles = [
    ...Array.from({ length: small }, (_, index) => ({ role: `smallQuotaRole${index}`, quota: resources(smallQuota).quantities() })),
    ...Array.from({ length: large }, (_, index) => ({ role: `largeQuotaRole${index}`, quota: resources(largeQuota).quantities() })),
  ];
  let offers = 0;
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const cluster = new ReplayCluster(repetition);
    cluster.addAgents({ count: small / 5 + 5 * large, total: agentText, nameOf: (index) => `agent-${index}` });
    cluster.addFrameworks({ count: roles.length, roleOf: (index) => roles[index]!.role, capabilities: ['MULTI_ROLE', 'RESERVATION_REFINEMENT'] });
    for (const { role, quota } of roles) cluster.allocator.updateQuota(role, { guarantees: quota, limits: quota }, cluster.nowMs);
    const cycle = times.measure(cluster, repetition === repetitions - 1);
    offers = cycle.allocations.length;
    expectations.holds(offers >= small + agentsPerLargeRole * large, `First cycle, offers: ${offers}, expected at least ${small + agentsPerLargeRole * large}`);
    expectExactly(cycle, roles, expectations);
  }
  return { measurements: times.rows('', offers, mesos, target), problems: expectations.problems };
}

/** What each role was handed is its quota. */
function expectExactly({ allocations }: Cycle, roles: readonly { readonly role: string; readonly quota: Quantities }[], expectations: Expectations): void {
  const handed = new Map<string, Map<string, number>>(roles.map(({ role }) => [role, new Map()]));
  for (const { role, resources: bundle } of allocations) {
    const amounts = handed.get(role);
    for (const [name, milli] of bundle.quantities()) amounts?.set(name, (amounts.get(name) ?? 0) + milli);
  }
  for (const { role, quota } of roles) for (const [name, milli] of quota) expectations.equal(`Thousandths of ${name} for ${role}`, handed.get(role)?.get(name) ?? 0, milli);
}

export interface AgainstNonePlan {
  readonly roles: number;
  readonly repetitions: number;
}

export function measureQuotaAgainstNone({ roles, repetitions }: AgainstNonePlan, mesos?: { readonly none: MesosCycles; readonly quota: MesosCycles }): CellResult {
  const expectations = new Expectations();
  const agents = 2 * roles;
  const quota = resources(largeQuota).quantities();
  const measureKind = (hasQuota: boolean): QuotaTimes => {
    const times = new QuotaTimes(expectations);
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const cluster = new ReplayCluster(repetition);
      cluster.addAgents({ count: agents, total: agentText, nameOf: (index) => `agent-${index}` });
      cluster.addFrameworks({ count: 2 * roles, roleOf: (index) => `role${Math.floor(index / 2)}`, capabilities: ['MULTI_ROLE', 'RESERVATION_REFINEMENT'] });
      for (let index = 0; hasQuota && index < roles; index++) cluster.allocator.updateQuota(`role${index}`, { guarantees: quota, limits: quota }, cluster.nowMs);
      const cycle = times.measure(cluster, repetition === repetitions - 1);
      expectations.equal(hasQuota ? 'With quota, offers' : 'Without quota, offers', cycle.allocations.length, agents);
    }
    return times;
  };
  const none = measureKind(false).rows('no quota, ', agents, mesos?.none, undefined);
  const withQuota = measureKind(true).rows('quota, ', agents, mesos?.quota, undefined);
  return { measurements: [...none, ...withQuota], problems: expectations.problems };
}

interface SmallAndLargeRow {
  readonly plan: SmallAndLargePlan;
  readonly mesos: MesosCycles;
  readonly target?: TargetName;
}

/** Section 6, "Small and large quotas". Of the largest the quiet one of three runs. */
const smallAndLargeRows: readonly SmallAndLargeRow[] = [
  { plan: { small: 25, large: 5, repetitions: 101 }, mesos: { first: 1.2, second: 0.53 } },
  { plan: { small: 250, large: 50, repetitions: 31 }, mesos: { first: 67.1, second: 48.3 } },
  { plan: { small: 2_500, large: 500, repetitions: 6 }, mesos: { first: 10_947, second: 9_944, note: 'one run' }, target: 'quota-3000' },
];

export const smallAndLargeQuotas: Workload = {
  name: 'quotas',
  title: 'Small and large quotas, a role each (6)',
  cells: smallAndLargeRows.map(({ plan, mesos, target }): Cell => ({ name: `${plan.small}+${plan.large}`, measure: () => measureSmallAndLargeQuotas(plan, mesos, target) })),
};

interface AgainstNoneRow {
  readonly plan: AgainstNonePlan;
  readonly none: MesosCycles;
  readonly quota: MesosCycles;
}

/** Section 6, "Quota against no quota". */
const againstNoneRows: readonly AgainstNoneRow[] = [
  { plan: { roles: 10, repetitions: 101 }, none: { first: 0.26, second: 0.02 }, quota: { first: 0.4, second: 0.04 } },
  { plan: { roles: 100, repetitions: 31 }, none: { first: 4.3, second: 0.87 }, quota: { first: 4.4, second: 0.67 } },
  { plan: { roles: 1_000, repetitions: 9 }, none: { first: 204, second: 160 }, quota: { first: 117, second: 58 } },
];

export const quotaAgainstNone: Workload = {
  name: 'quota-or-none',
  title: 'Two frameworks in each role, with a quota and without (6)',
  cells: againstNoneRows.map(({ plan, none, quota }): Cell => ({
    name: `${plan.roles}x${2 * plan.roles}x${2 * plan.roles}`,
    measure: () => measureQuotaAgainstNone(plan, { none, quota }),
  })),
};
