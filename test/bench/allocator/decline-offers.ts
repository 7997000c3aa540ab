// DeclineOffers: everybody declines everything for a year, until nobody is left to offer to.
//
// Owns:      the replay of section 4 of the reference page, its expected counts, the C++ figures of its cells; what the filters take of memory.
// Elsewhere: suppression over nearly the same clusters (suppression.ts).
// Source: Mesos `DeclineOffers` benchmark. Round r (from 0): rounds 0 to F-2 offer every agent, then nothing is offered for ever.

import type { Allocation } from '../../../allocator/allocator';
import type { FrameworkId } from '../../../common/model/ids';
import { Resources } from '../../../common/model/resources';
import { agentTotalText, expectNothing } from './full-allocation';
import { Expectations, measurement, peakResident, readMemory, usedMib, type CellResult, type Goal, type Measurement } from './measurement';
import { countAgents, ReplayCluster, resources } from './replay-cluster';
import type { Cell, Workload } from './workload';

/** What `refuse_seconds` holds at most; the allocator makes 365 days of it. */
const refuseMs = 2_147_483_647 * 1_000;

/** Ports as runs of one below 31030: what is left between them is 31001, 31003, … 31029. */
const usedPorts = [...Array.from({ length: 15 }, (_, index) => `${31_000 + 2 * index}-${31_000 + 2 * index}`), '31030-32000'].join(',');

/** Agent `index` comes with this in use by framework `index` mod `frameworks`. Allocated to `*`. */
export function usedRoundRobin(frameworkIds: readonly FrameworkId[], memText: string): (index: number) => ReadonlyMap<FrameworkId, Resources> {
  const text = `cpus:16;mem:${memText};disk:1024;ports:[${usedPorts}]`;
  return (index) => new Map([[frameworkIds[index % frameworkIds.length]!, resources(text).allocatedTo('*')]]);
}

export interface DeclinePlan {
  readonly agents: number;
  readonly frameworks: number;
  /** How many rounds with offers; undefined: all of them, and then the empty ones. */
  readonly roundsWithOffers?: number;
  readonly emptyRounds: number;
  /** How often all of it is played, each time on a cluster of its own; default 1. What comes once per replay needs several to have a median. */
  readonly replays?: number;
  /** Agent `index` is of kind `index` mod `kinds`; each kind has a thousandth of a cpu more than the one before. Default 1, as in Mesos. */
  readonly kinds?: number;
}

/** C++ figures: medians of run ms, except where said. */
interface MesosCell {
  readonly add: number;
  readonly firstFive?: number;
  readonly withOffers?: number;
  readonly last?: number;
  readonly empty?: number;
  /** Wall. */
  readonly decline?: number;
  readonly residentPeak?: number;
  /** Of the figures that are none of a completed run. */
  readonly note?: string;
}

/** The rounds themselves; {@link measureDeclineOffers} makes rows of them, {@link measureFilterMemory} weighs what is left. */
class DeclineReplay {
  readonly cluster = new ReplayCluster();
  readonly expectations = new Expectations();
  readonly addMs: number;
  readonly declined: number[] = [];
  #outstanding: readonly Allocation[];

  constructor(readonly plan: DeclinePlan) {
    const { agents, frameworks, kinds = 1 } = plan;
    this.cluster.addFrameworks({ count: frameworks, roleOf: () => '*' });
    const total = (index: number): string => agentTotalText.replace(/cpus:(\d+)/, (_, cpus: string) => `cpus:${Number(cpus) + (index % kinds) / 1_000}`);
    const joinMs = this.cluster.addAgents({ count: agents, total, usedOn: usedRoundRobin(this.cluster.frameworkIds, '2014') });
    const first = this.cluster.nextRun();
    this.addMs = joinMs + first.ms;
    this.#outstanding = first.allocations;
    this.expectations.equal('Offers as agents join', first.allocations.length, agents);
    const offeredOnKind = Array.from({ length: kinds }, (_, kind) => offeredOnEach.plus(kind === 0 ? Resources.empty : resources(`cpus:${kind / 1_000}`)));
    const indexOf = new Map(this.cluster.agentIds.map((id, index) => [id, index]));
    const isWhole = ({ agentId, resources: offered }: Allocation): boolean => offered.unallocated().equals(offeredOnKind[indexOf.get(agentId)! % kinds]!);
    this.expectations.equal('Offered on each agent', first.allocations.filter(isWhole).length, agents);
  }

  /** Declines what is out, then one cycle that offers every agent. */
  roundWithOffers(round: number): number {
    this.#declineAll();
    const { ms, allocations } = this.cluster.cycle();
    this.expectations.equal(`Round ${round}, offers`, allocations.length, this.plan.agents);
    this.expectations.equal(`Round ${round}, agents offered`, countAgents(allocations), this.plan.agents);
    this.#outstanding = allocations;
    return ms;
  }

  /** The same when nothing may come. Only the first of them declines anything. */
  emptyRound(round: number): number {
    if (this.#outstanding.length > 0) this.#declineAll();
    return expectNothing(this.cluster.cycle(), `Round ${round}`, this.expectations);
  }

  #declineAll(): void {
    this.declined.push(this.cluster.decline(this.#outstanding, refuseMs));
    this.#outstanding = [];
  }
}

const offeredOnEach = resources(`cpus:8;mem:2082;disk:3072;ports:[${Array.from({ length: 15 }, (_, index) => `${31_001 + 2 * index}-${31_001 + 2 * index}`).join(',')}]`);

interface DeclineTimes {
  readonly added: readonly number[];
  readonly declined: readonly number[];
  readonly withOffers: readonly number[];
  readonly empty: readonly number[];
  /** Empty rounds in which nothing changed and all agents are looked at all the same. */
  readonly over: readonly number[];
}

function playDeclineOffers(replay: DeclineReplay): DeclineTimes {
  const { cluster, expectations, plan } = replay;
  const withOffers = Array.from({ length: plan.roundsWithOffers ?? plan.frameworks - 1 }, (_, round) => replay.roundWithOffers(round));
  const empty = Array.from({ length: plan.emptyRounds }, (_, round) => replay.emptyRound(withOffers.length + round));
  if (empty.length > 0) expectations.equal('Filters', cluster.allocator.filterCount, plan.agents * plan.frameworks);
  const over = empty.map((_, round) => {
    const runsBefore = cluster.allocator.runCount;
    const ms = expectNothing(cluster.cycleOverAll(), `Round ${round} over all agents`, expectations);
    expectations.equal(`Round ${round} over all agents, runs`, cluster.allocator.runCount - runsBefore, 1);
    return ms;
  });
  return { added: [replay.addMs], declined: replay.declined, withOffers, empty, over };
}

export function measureDeclineOffers(plan: DeclinePlan, mesos?: MesosCell): CellResult {
  const { agents } = plan;
  const played: DeclineTimes[] = [];
  const problems: string[] = [];
  let heapMib = 0;
  for (let count = 1; count <= (plan.replays ?? 1); count++) {
    const replay = new DeclineReplay(plan);
    played.push(playDeclineOffers(replay));
    problems.push(...replay.expectations.problems);
    if (count === (plan.replays ?? 1)) heapMib = usedMib();
  }
  const all = (timesOf: (times: DeclineTimes) => readonly number[]): readonly number[] => played.flatMap(timesOf);
  const withOffers = all((times) => times.withOffers);
  const empty = all((times) => times.empty);
  const over = all((times) => times.over);

  const figure = (median: number | undefined): { readonly median: number; readonly note?: string } | undefined =>
    median === undefined ? undefined : { median, ...(mesos?.note !== undefined && { note: mesos.note }) };
  const goals = (target: 'empty-rounds' | 'first-empty-round'): readonly Goal[] => (mesos?.empty === undefined ? [] : [{ target, kind: 'ratio-at-least', limit: 100 }]);
  const measurements: Measurement[] = [
    measurement('add agents in use, first run included', all((times) => times.added), { offers: agents, mesos: mesos && { median: mesos.add, note: 'wall, least of its range' } }),
  ];
  if (withOffers.length > 0) {
    measurements.push(
      measurement('first 5 rounds', all((times) => times.withOffers.slice(0, 5)), { offers: agents, mesos: figure(mesos?.firstFive) }),
      measurement('all rounds with offers', withOffers, { offers: agents, mesos: figure(mesos?.withOffers) }),
      measurement('last round with offers', all((times) => times.withOffers.slice(-1)), { offers: agents, mesos: figure(mesos?.last) }),
    );
  }
  if (empty.length > 0) {
    measurements.push(
      measurement('empty rounds, batch', empty, { offers: 0, heapMib, mesos: figure(mesos?.empty), goals: goals('empty-rounds') }),
      measurement('first empty round', all((times) => times.empty.slice(0, 1)), { offers: 0, mesos: figure(mesos?.empty), goals: goals('first-empty-round') }),
      measurement('empty rounds, all looked at again', over, { offers: 0, mesos: figure(mesos?.empty) }),
    );
  }
  measurements.push(measurement('decline all', all((times) => times.declined), { mesos: mesos?.decline === undefined ? undefined : { median: mesos.decline, note: 'wall' } }));
  // The clusters of earlier replays may still be lying about at the peak.
  if ((plan.replays ?? 1) === 1) measurements.push(peakResident(figure(mesos?.residentPeak)));
  return { measurements, problems };
}

/** What the filters of a whole replay take: memory after the last round, less memory before the first. */
export function measureFilterMemory(plan: DeclinePlan, limitMb?: number): CellResult {
  const replay = new DeclineReplay(plan);
  const { cluster, expectations } = replay;
  const before = readMemory();
  for (let round = 0; round < plan.frameworks - 1; round++) replay.roundWithOffers(round);
  replay.emptyRound(plan.frameworks - 1);
  const after = readMemory();
  const filters = cluster.allocator.filterCount;
  expectations.equal('Filters', filters, plan.agents * plan.frameworks);
  const usedBytes = after.usedBytes - before.usedBytes;
  const goals: readonly Goal[] = limitMb === undefined ? [] : [{ target: 'filter-memory', kind: 'at-most', limit: limitMb }];
  return {
    measurements: [
      measurement('before: heap and external', [before.usedBytes / 1e6], {}, 'MB'),
      measurement('before: resident', [before.residentBytes / 1e6], {}, 'MB'),
      measurement(`${filters} filters: heap and external`, [usedBytes / 1e6], { goals }, 'MB'),
      measurement(`${filters} filters: resident`, [(after.residentBytes - before.residentBytes) / 1e6], {}, 'MB'),
      measurement('per filter', [usedBytes / filters], { mesos: { median: 4.3 * 1024, note: 'about 4.3 KiB' } }, 'bytes'),
    ],
    problems: expectations.problems,
  };
}

interface DeclineRow {
  readonly plan: DeclinePlan;
  readonly mesos: MesosCell;
}

/** Section 4. Marks of foreign load are left out; `add`: the lower end of the range for that number of agents. */
const rows: readonly DeclineRow[] = [
  { plan: { agents: 1_000, frameworks: 1, emptyRounds: 30, replays: 40 }, mesos: { add: 61, empty: 4.4, decline: 48 } },
  { plan: { agents: 1_000, frameworks: 50, emptyRounds: 8 }, mesos: { add: 61, firstFive: 28.0, withOffers: 37.4, last: 151, empty: 254, decline: 53, residentPeak: 278 } },
  { plan: { agents: 1_000, frameworks: 200, emptyRounds: 8 }, mesos: { add: 61, firstFive: 32.0, withOffers: 45.8, last: 561, empty: 1_201, decline: 57, residentPeak: 892 } },
  { plan: { agents: 1_000, frameworks: 500, emptyRounds: 8 }, mesos: { add: 61, firstFive: 37.7, withOffers: 57.0, last: 1_043, empty: 3_364, decline: 61, residentPeak: 2_119 } },
  { plan: { agents: 5_000, frameworks: 1, emptyRounds: 30, replays: 20 }, mesos: { add: 330, empty: 40.5, decline: 242 } },
  { plan: { agents: 5_000, frameworks: 50, emptyRounds: 8 }, mesos: { add: 330, firstFive: 182, withOffers: 230, last: 845, empty: 1_400, decline: 300, residentPeak: 1_335 } },
  { plan: { agents: 5_000, frameworks: 200, emptyRounds: 8 }, mesos: { add: 330, firstFive: 178, withOffers: 290, last: 3_620, empty: 6_933, decline: 355, residentPeak: 4_402 } },
  { plan: { agents: 5_000, frameworks: 500, emptyRounds: 8 }, mesos: { add: 330, firstFive: 234, withOffers: 337, last: 7_932, empty: 20_636, decline: 393, residentPeak: 10_542 } },
  { plan: { agents: 10_000, frameworks: 1, emptyRounds: 30, replays: 10 }, mesos: { add: 700, empty: 86.2, decline: 520 } },
  { plan: { agents: 10_000, frameworks: 50, emptyRounds: 8 }, mesos: { add: 700, firstFive: 321, withOffers: 473, last: 2_098, empty: 3_360, decline: 671, residentPeak: 2_659 } },
  { plan: { agents: 10_000, frameworks: 200, emptyRounds: 8 }, mesos: { add: 700, firstFive: 428, withOffers: 674, last: 7_729, empty: 14_898, decline: 821, residentPeak: 8_793 } },
  {
    plan: { agents: 10_000, frameworks: 500, emptyRounds: 8 },
    // C++ was stopped after 20 rounds: their median stands for all, the empty rounds (least of 37000 to 41000) and the memory are extrapolated.
    mesos: { add: 700, firstFive: 503, withOffers: 543, empty: 37_000, decline: 766, residentPeak: 21_000, note: '20 rounds, then extrapolated' },
  },
  // C++ made six rounds of it, and so do we.
  { plan: { agents: 10_000, frameworks: 1_000, roundsWithOffers: 6, emptyRounds: 0 }, mesos: { add: 700, firstFive: 530, decline: 570 } },
];

/** Played once before, on a cluster of its own: a single framework has two rounds, and a replay cannot be repeated to have compiled code in them. */
const rehearsal: DeclinePlan = { agents: 1_000, frameworks: 40, emptyRounds: 8 };

export const declineOffers: Workload = {
  name: 'decline',
  title: 'DeclineOffers: every offer is declined for a year until nobody is left (4); after a rehearsal, so no first values apart',
  cells: rows.map(({ plan, mesos }): Cell => ({
    name: `${plan.agents}x${plan.frameworks}`,
    measure: () => {
      playDeclineOffers(new DeclineReplay(rehearsal));
      return measureDeclineOffers(plan, mesos);
    },
  })),
};

/** The most that this share of five million filters may take. */
const filterMb = ({ agents, frameworks }: DeclinePlan): number => (400 * agents * frameworks) / 5_000_000;

/** Alike as in Mesos; as real clusters are; and at worst, when nothing that was looked at once comes up again on another agent, and all takes its time. */
const filterMemoryPlans: readonly (readonly [suffix: string, plan: DeclinePlan])[] = [
  ['', { agents: 10_000, frameworks: 500, emptyRounds: 1 }],
  ['-5-kinds', { agents: 10_000, frameworks: 500, emptyRounds: 1, kinds: 5 }],
  ['-all-different', { agents: 10_000, frameworks: 50, emptyRounds: 1, kinds: 10_000 }],
];

export const filterMemory: Workload = {
  name: 'filters',
  title: 'Memory of decline filters, one for each agent and framework, at the end of DeclineOffers (4); also where agents are not alike (ours)',
  cells: filterMemoryPlans.map(([suffix, plan]): Cell => ({
    name: `${plan.agents}x${plan.frameworks}${suffix}`,
    measure: () => measureFilterMemory(plan, filterMb(plan)),
  })),
};
