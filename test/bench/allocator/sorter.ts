// The sorter alone: clients, agents, allocations and the order, without an allocator around them.
//
// Owns:      the replay of section 5 of the reference page, the C++ figures of its cells.
// Elsewhere: how the steps are said to our tree (sorter-tree.ts).
// Source: Mesos sorter benchmarks, with clients activated (else nothing is sorted), and the page's own two steps: an allocation taken away and then a
//         sort, and allocations added to a tree in order.

import type { Quantities } from '../../../common/model/framework';
import { Expectations, measurement, usedMib, warmMeasurement, type CellResult, type Measurement, type MesosFigure } from './measurement';
import { resources, timed } from './replay-cluster';
import { flatRole, prepareFramework, SorterTree, type SorterCandidate, type SorterGrant } from './sorter-tree';
import type { Cell, Workload } from './workload';

/** Flat, or a tree of this many levels in which every node is a client. */
type ClientShape = { readonly kind: 'flat'; readonly count: number } | { readonly kind: 'tree'; readonly levels: number; readonly branching: number };

export interface SorterPlan {
  readonly agents: number;
  readonly clients: ClientShape;
  readonly repetitions: number;
}

/** In the order of the page. */
const steps = [
  'add and activate clients',
  'add agents',
  'add allocations, not sorted',
  'full sort',
  'sort, nothing changed',
  'take one away, sort',
  'add allocations, sorted',
  'remove allocations',
  'remove agents',
  'remove clients',
] as const;
type Step = (typeof steps)[number];

const agentText = 'cpus:24;mem:4096;disk:4096';
/** 100 ranges: 31000, 31002, … 31196 and all from 31198. */
const allocatedPorts = [...Array.from({ length: 99 }, (_, index) => `${31_000 + 2 * index}-${31_000 + 2 * index}`), '31198-32000'].join(',');
const allocationText = `cpus:16;mem:2014;disk:1024;ports:[${allocatedPorts}]`;

/** How often one allocation is taken away, of different agents. */
const dirtySorts = 20;

export function measureSorter(plan: SorterPlan, mesos: ReadonlyMap<Step, number> = new Map()): CellResult {
  const expectations = new Expectations();
  const times = new Map<Step, number[]>(steps.map((step) => [step, []]));
  const replay = new SorterReplay(plan, expectations);
  for (let repetition = 0; repetition < plan.repetitions; repetition++) replay.run((step, ms) => times.get(step)?.push(ms));
  // One more to weigh, and not to time.
  let heapMib = 0;
  replay.run(
    () => undefined,
    () => {
      heapMib = usedMib();
    },
  );
  const measurements = steps.map((step): Measurement => {
    const median = mesos.get(step);
    const figure: MesosFigure | undefined = median === undefined ? undefined : { median };
    return warmMeasurement(step, times.get(step) ?? [], { mesos: figure, goals: figure && [{ target: 'sorter', kind: 'ratio-at-least', limit: 1 }] });
  });
  measurements.push(measurement('loaded: heap and external', [heapMib], {}, 'MiB'));
  return { measurements, problems: expectations.problems };
}

/**
 * One tree that is filled and emptied again and again. What is said to it is made once, as the page has it: a repetition that made thousands of resources
 * before it measured would mostly measure that they have pushed everything else out of the processor's caches.
 */
class SorterReplay {
  private readonly tree = new SorterTree();
  private readonly clientCount: number;
  private readonly candidates: readonly SorterCandidate[];
  private readonly totals: readonly Quantities[];
  private readonly grants: readonly SorterGrant[];

  constructor(
    { agents, clients: shape }: SorterPlan,
    private readonly expectations: Expectations,
  ) {
    const isFlat = shape.kind === 'flat';
    const paths = isFlat ? Array.from({ length: shape.count }, (_, index) => `${index}`) : pathsOfTree(shape.levels, shape.branching);
    const roleOf = (path: string): string => (isFlat ? flatRole : path);
    this.clientCount = paths.length;
    this.candidates = paths.map((path) => ({ role: roleOf(path), framework: prepareFramework(isFlat ? path : 'framework', roleOf(path)) }));
    this.totals = Array.from({ length: agents }, () => resources(agentText).quantities());
    this.grants = Array.from({ length: agents }, (_, index) => this.tree.prepareGrant(`agent${index}`, resources(allocationText), roleOf(paths[index % paths.length]!)));
  }

  /** One repetition. `whenLoaded` is called while everything is allocated. */
  run(note: (step: Step, ms: number) => void, whenLoaded: () => void = () => undefined): void {
    const { tree, clientCount, candidates, totals, grants, expectations } = this;
    const run = <T>(step: Step, work: () => T): T => {
      const { ms, value } = timed(work);
      note(step, ms);
      return value;
    };
    const clients = run('add and activate clients', () => candidates.map((candidate) => tree.addClient(candidate)));
    const allocateAll = (): void => grants.forEach((grant, index) => tree.allocate(clients[index % clientCount]!, grant));
    const unallocateAll = (): void => grants.forEach((grant, index) => tree.unallocate(clients[index % clientCount]!, grant));

    run('add agents', () => totals.forEach((quantities) => tree.addAgent(quantities)));
    run('add allocations, not sorted', allocateAll);
    expectations.equal('Clients sorted', run('full sort', () => tree.sort()).length, clientCount);
    expectations.equal('Clients sorted again', run('sort, nothing changed', () => tree.sort()).length, clientCount);
    for (let round = 0; round < dirtySorts; round++) {
      // The multiplier only spreads the agents; a prime does it without repeats.
      const index = (round * 37) % grants.length;
      const grant = grants[index]!;
      const client = clients[index % clientCount]!;
      run('take one away, sort', () => {
        tree.unallocate(client, grant);
        return tree.sort();
      });
      tree.allocate(client, grant);
      tree.sort();
    }
    whenLoaded();
    run('remove allocations', unallocateAll);
    tree.sort();
    run('add allocations, sorted', allocateAll);
    unallocateAll();
    run('remove agents', () => totals.forEach((quantities) => tree.removeAgent(quantities)));
    run('remove clients', () => clients.forEach((client) => tree.removeClient(client)));
    expectations.equal('Clients left', tree.sort().length, 0);
  }
}

/** `0`, `1`, …, `0/0`, `0/1`, …: all nodes below the root, upper levels first. */
function pathsOfTree(levels: number, branching: number): readonly string[] {
  const paths: string[] = [];
  let level = [''];
  for (let depth = 0; depth < levels; depth++) {
    level = level.flatMap((parent) => Array.from({ length: branching }, (_, index) => (parent === '' ? `${index}` : `${parent}/${index}`)));
    paths.push(...level);
  }
  return paths;
}

interface SorterRow {
  readonly name: string;
  readonly agents: number;
  readonly clients: ClientShape;
  readonly mesos: ReadonlyMap<Step, number>;
}

/** The columns of the flat table, by step. */
const flatFigures = (add: number, agents: number, unsorted: number, full: number, again: number, dirty: number, sorted: number, remove: number, removeAgents: number, removeClients: number): ReadonlyMap<Step, number> =>
  new Map([
    ['add and activate clients', add],
    ['add agents', agents],
    ['add allocations, not sorted', unsorted],
    ['full sort', full],
    ['sort, nothing changed', again],
    ['take one away, sort', dirty],
    ['add allocations, sorted', sorted],
    ['remove allocations', remove],
    ['remove agents', removeAgents],
    ['remove clients', removeClients],
  ]);
const treeFigures = (full: number, again: number, unsorted: number, remove: number): ReadonlyMap<Step, number> =>
  new Map([
    ['full sort', full],
    ['sort, nothing changed', again],
    ['add allocations, not sorted', unsorted],
    ['remove allocations', remove],
  ]);

/** Section 5, medians of 9 repetitions. */
const rows: readonly SorterRow[] = [
  { name: '1000x1000', agents: 1_000, clients: { kind: 'flat', count: 1_000 }, mesos: flatFigures(2.17, 0.38, 0.93, 0.138, 0.014, 0.153, 3.79, 43.8, 0.28, 0.4) },
  { name: '1000x5000', agents: 1_000, clients: { kind: 'flat', count: 5_000 }, mesos: flatFigures(39.4, 0.41, 1.26, 1.46, 0.061, 0.564, 4.68, 43.6, 0.27, 2.84) },
  { name: '5000x1000', agents: 5_000, clients: { kind: 'flat', count: 1_000 }, mesos: flatFigures(2.14, 1.91, 4.91, 0.137, 0.014, 0.149, 19.0, 226, 1.36, 0.39) },
  { name: '10000x1000', agents: 10_000, clients: { kind: 'flat', count: 1_000 }, mesos: flatFigures(2.1, 3.94, 10.8, 0.139, 0.014, 0.148, 38.4, 449, 2.88, 0.48) },
  { name: '1000x1', agents: 1_000, clients: { kind: 'flat', count: 1 }, mesos: new Map([['full sort', 0.002]]) },
  { name: '1000x50', agents: 1_000, clients: { kind: 'flat', count: 50 }, mesos: new Map([['full sort', 0.008]]) },
  { name: '1000x200', agents: 1_000, clients: { kind: 'flat', count: 200 }, mesos: new Map([['full sort', 0.025]]) },
  { name: '1000x500', agents: 1_000, clients: { kind: 'flat', count: 500 }, mesos: new Map([['full sort', 0.061]]) },
  // A height of 3 in Mesos's words counts the root.
  { name: 'tree-3x32', agents: 1_000, clients: { kind: 'tree', levels: 2, branching: 32 }, mesos: treeFigures(0.101, 0.016, 1.4, 65) },
  { name: 'tree-7x3', agents: 1_000, clients: { kind: 'tree', levels: 6, branching: 3 }, mesos: treeFigures(0.133, 0.017, 3.2, 154) },
  { name: 'tree-10x2', agents: 1_000, clients: { kind: 'tree', levels: 9, branching: 2 }, mesos: treeFigures(0.171, 0.032, 4.3, 208) },
];

/**
 * The first is reported apart, and the next few dozen still meet code that is being compiled: a repetition sorts everything once, and it takes some
 * forty sorts until the engine has made fast code of that.
 */
const repetitions = 201;

export const sorter: Workload = {
  name: 'sorter',
  title: 'The sorter alone, agents x clients (5)',
  cells: rows.map(({ name, agents, clients, mesos }): Cell => ({ name, measure: () => measureSorter({ agents, clients, repetitions }, mesos) })),
};
