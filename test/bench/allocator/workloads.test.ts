// Proves that the replay of Mesos's allocator workloads does the work it says: each workload on a handful of agents, with its counts checked by the
// same code that checks the large ones; and that a wrong count, a missed target and an unknown name are told. No time is looked at.

import { measureDeclineOffers, measureFilterMemory } from './decline-offers';
import { measureAddAndUpdate, measureBacklog } from './event-driven';
import { measureFullAllocation } from './full-allocation';
import { Expectations, measurement, verdictOn, warmMeasurement, type CellResult, type Measurement } from './measurement';
import { measureMixedFrameworks, type MixedPlan } from './mixed-frameworks';
import { measureQuotaAgainstNone, measureSmallAndLargeQuotas } from './quotas';
import { formatNumber, formatWorkload, summariseTargets } from './report';
import { measureScale } from './scale';
import { measureChanges, measureHeldBack, measureSingleEvents } from './single-event';
import { measureSorter } from './sorter';
import { measureSuppression } from './suppression';
import { readWanted, type Workload } from './workload';

const tiny = { agents: 20, frameworks: 5 };

const step = ({ measurements }: CellResult, name: string): Measurement | undefined => measurements.find((row) => row.step === name);

describe('the counts of each workload come out', () => {
  test.each<['one' | 'own']>([['one'], ['own']])('a full allocation with %s role gives every agent to somebody in each cycle, and nothing in the next', (roles) => {
    const result = measureFullAllocation({ ...tiny, roles, cycles: 4 });
    expect(result.problems).toEqual([]);
    expect(step(result, 'cycle')).toMatchObject({ count: 3, offers: 20 });
    expect(step(result, 'idle cycle, batch')).toMatchObject({ count: 3, offers: 0 });
  });

  test('agents that join a live allocator are offered, and revivals offer nothing that is out', () => {
    const result = measureBacklog({ ...tiny, repetitions: 2 });
    expect(result.problems).toEqual([]);
    expect(result.measurements.map(({ count }) => count)).toEqual([1, 1]);
  });

  test('agents that grow by something revocable are offered it', () => {
    expect(measureAddAndUpdate({ ...tiny, repetitions: 2 }).problems).toEqual([]);
  });

  test('declining offers every agent in all rounds but the last, and then nothing for ever', () => {
    const result = measureDeclineOffers({ ...tiny, emptyRounds: 8 });
    expect(result.problems).toEqual([]);
    expect(step(result, 'all rounds with offers')).toMatchObject({ count: 4, offers: 20 });
    expect(step(result, 'empty rounds, batch')).toMatchObject({ count: 8, offers: 0 });
    // Of the offers as agents joined, and of those of four rounds.
    expect(step(result, 'decline all')).toMatchObject({ count: 5 });
  });

  test('a single framework that declines is offered nothing again', () => {
    const result = measureDeclineOffers({ agents: 20, frameworks: 1, emptyRounds: 3, replays: 2 });
    expect(result.problems).toEqual([]);
    expect(step(result, 'first empty round')).toMatchObject({ count: 2, offers: 0 });
    expect(step(result, 'all rounds with offers')).toBeUndefined();
  });

  test.each([1, 3, 20])('there is one filter for each agent and framework when nobody is left, with %i kinds of agents', (kinds) => {
    const result = measureFilterMemory({ ...tiny, emptyRounds: 1, kinds });
    expect(result.problems).toEqual([]);
    expect(step(result, '100 filters: heap and external')).toBeDefined();
  });

  test.each([
    ['flat', { kind: 'flat', count: 5 }],
    ['in a tree', { kind: 'tree', levels: 2, branching: 3 }],
  ] as const)('the sorter lists all its clients, %s', (_shape, clients) => {
    expect(measureSorter({ agents: 20, clients, repetitions: 2 }).problems).toEqual([]);
  });

  test('small and large quotas are handed out to the last thousandth, and nothing beyond', () => {
    expect(measureSmallAndLargeQuotas({ small: 10, large: 2, repetitions: 3 }).problems).toEqual([]);
  });

  test('two frameworks in each role share as many agents with a quota as without', () => {
    const result = measureQuotaAgainstNone({ roles: 3, repetitions: 2 });
    expect(result.problems).toEqual([]);
    expect(step(result, 'quota, first cycle')).toMatchObject({ offers: 6 });
  });

  test('suppressed frameworks leave all agents to the others, until there are none', () => {
    const result = measureSuppression({ agents: 20, frameworks: 10, repetitions: 2 });
    expect(result.problems).toEqual([]);
    expect(result.measurements.map(({ offers }) => offers)).toEqual([20, 20, 20, 20, 0, 20]);
  });

  test('a tree of roles divides all agents evenly, and one that changes is offered alone', () => {
    expect(measureScale({ agents: 80, frameworks: 16, branching: 2, cycles: 3, singleChanges: 5 }).problems).toEqual([]);
  });

  test.each([[1], [10]] as const)('a task that ends where everything is in use, %d to an agent, gives one offer, of what it had', (tasksPerAgent) => {
    const result = measureSingleEvents({ ...tiny, tasksPerAgent, warmUpEvents: 300, events: 10 });
    expect(result.problems).toEqual([]);
    expect(step(result, 'task ends, to the offer')).toMatchObject({ count: 10, unit: 'µs' });
  });

  test('as many agents are offered as changed', () => {
    const result = measureChanges({ ...tiny, changes: [0, 1, 20], repetitions: 3 });
    expect(result.problems).toEqual([]);
    expect(result.measurements.map(({ step: name }) => name)).toEqual([
      'run, 0 agents changed',
      '1 tasks end',
      'run, 1 agents changed',
      '20 tasks end',
      'run, 20 agents changed',
    ]);
  });
});

describe('what quota holds back', () => {
  test.each(['limit', 'guarantee'] as const)('where a %s holds it back, a change elsewhere gives one offer and one look at one agent', (quota) => {
    const result = measureHeldBack({ ...tiny, quota, changes: 4 });
    expect(result.problems).toEqual([]);
    expect(step(result, 'one agent changes, to the offer and its decline')).toMatchObject({ count: 3, offers: 1, unit: 'µs' });
  });
});

describe('mixed frameworks', () => {
  const plan: MixedPlan = {
    agents: 4,
    kinds: [
      { name: 'large', count: 1, roleOf: (index) => `roleA-${index}`, tasks: 40, tasksPerOffer: 10, task: 'cpus:0.07;mem:400' },
      { name: 'small', count: 12, roleOf: () => 'roleB', tasks: 2, tasksPerOffer: 1, task: 'cpus:0.1;mem:4000' },
      { name: 'medium', count: 3, roleOf: (index) => `roleC-${index}`, tasks: 6, tasksPerOffer: 3, task: 'cpus:1;mem:1000' },
    ],
    roundsMax: 2_000,
  };

  test('all tasks are launched, because those that are done do not hold the offers for ever', () => {
    const result = measureMixedFrameworks(plan);
    expect(result.problems).toEqual([]);
    expect(step(result, 'tasks launched')).toMatchObject({ median: 40 + 24 + 18 });
  });

  test('tasks that are not launched in time are a problem, not a slow result', () => {
    expect(measureMixedFrameworks({ ...plan, roundsMax: 1 }).problems).toEqual([expect.stringMatching(/^Tasks launched in 1 cycles: \d+, expected 82$/)]);
  });

  test('another division in the first cycle is a problem', () => {
    expect(measureMixedFrameworks({ ...plan, firstRoundTasks: 1 }).problems).toEqual([expect.stringMatching(/^Tasks after the first cycle: \d+, expected 1$/)]);
  });
});

describe('rows', () => {
  test('the first value stays out of the median when there are others', () => {
    expect(warmMeasurement('cycle', [90, 3, 1, 2])).toMatchObject({ first: 90, count: 3, min: 1, median: 2, max: 3 });
    expect(warmMeasurement('cycle', [90])).toMatchObject({ count: 1, median: 90 });
  });

  test.each([
    ['ten times as fast as C++ reaches a ratio of ten', { kind: 'ratio-at-least', limit: 10 }, 10, true],
    ['a little slower does not', { kind: 'ratio-at-least', limit: 10 }, 10.1, false],
    ['a time at its limit is reached', { kind: 'at-most', limit: 25 }, 25, true],
    ['a time beyond it is missed', { kind: 'at-most', limit: 25 }, 25.1, false],
    ['fewer than asked for is missed', { kind: 'at-least', limit: 20 }, 19, false],
  ] as const)('%s', (_claim, goal, value, isReached) => {
    const row = measurement('cycle', [value], { mesos: { median: 100 } });
    expect(verdictOn(row, { target: 'full-allocation', ...goal }).isReached).toBe(isReached);
  });

  test('a ratio without a C++ figure reaches nothing', () => {
    expect(verdictOn(measurement('cycle', [1]), { target: 'sorter', kind: 'ratio-at-least', limit: 1 }).isReached).toBe(false);
  });

  test('the closing list names the rows that miss, or else the tightest one', () => {
    const row = (value: number): Measurement => measurement('cycle', [value], { mesos: { median: 100 }, goals: [{ target: 'sorter', kind: 'ratio-at-least', limit: 1 }] });
    const cell = (name: string, value: number) => ({ workload: 'sorter', cell: name, measurements: [row(value)], problems: [] });
    expect(summariseTargets([cell('a', 10), cell('b', 50)])).toMatchObject([{ isReached: true, reached: 2, of: 2, missed: [], tightest: 'sorter b, cycle: 2 times as fast (50 ms for 100), wanted 1' }]);
    expect(summariseTargets([cell('a', 10), cell('b', 200)])).toMatchObject([{ isReached: false, reached: 1, of: 2, missed: ['sorter b, cycle: 0.5 times as fast (200 ms for 100), wanted 1'] }]);
  });

  test.each([
    [0.000_691_4, '0.000691'],
    [6.954, '6.95'],
    [36_758.3, '36,758'],
    [0, '0'],
    [NaN, '?'],
  ])('%p reads %p', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  test('ten wrong counts are told, and not five million', () => {
    const expectations = new Expectations();
    for (let count = 0; count < 100; count++) expectations.equal('Offers', count, -1);
    expect(expectations.problems).toHaveLength(10);
    expect(expectations.problems[0]).toBe('Offers: 0, expected -1');
  });
});

describe('what can be asked for', () => {
  const cell = (name: string) => ({ name, measure: (): CellResult => ({ measurements: [], problems: [] }) });
  const workloads: readonly Workload[] = [
    { name: 'full', title: 'Full', cells: [cell('1x1'), cell('2x1')] },
    { name: 'decline', title: 'Decline', cells: [cell('1x1')] },
  ];
  const asked = (...words: readonly string[]): unknown => {
    const wanted = readWanted(workloads, words);
    return typeof wanted === 'string' ? wanted : wanted.flatMap(({ name, cells }) => cells.map((known) => `${name}:${known.name}`));
  };

  test.each([
    [[], ['full:1x1', 'full:2x1', 'decline:1x1']],
    [['decline'], ['decline:1x1']],
    [['decline', 'full:2x1'], ['full:2x1', 'decline:1x1']],
    [['offers'], 'There is no workload "offers", expected full, decline'],
    [['full:3x1'], 'There is no cell "3x1" of workload full, expected 1x1, 2x1'],
  ])('%p gives %p', (words, expected) => {
    expect(asked(...words)).toEqual(expected);
  });

  test('a table has the cell, the C++ figure and the ratio in each row that has one', () => {
    const row = measurement('cycle', [2, 4, 6], { offers: 20, mesos: { median: 100, note: 'wall' } });
    const lines = formatWorkload(workloads[0]!, [{ workload: 'full', cell: '2x1', measurements: [row], problems: [] }]).split('\n');
    expect(lines[0]).toBe('Full [full]');
    expect(lines[3]?.split(/\s+/)).toEqual(['2x1', 'cycle', '3', '2', '4', '6', 'ms', '20', '100', '25', 'wall']);
  });
});
