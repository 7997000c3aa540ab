// Proves X1 to X3 of metrics: the text form to the letter, the names that are let in, and that one broken family hides no other.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { buildSync } from 'esbuild';
import fc from 'fast-check';

import { memoryLog } from '../../common/logging';
import { byLabel, Histogram, Metrics, processMetrics, secondsBounds, single, type MetricFamily } from '../../common/metrics';
import { fakeEnvironment } from './fake-environment';

const aFamily = (change: Partial<MetricFamily> = {}): MetricFamily =>
  ({ name: 'allot_master_offers', help: 'Offers outstanding.', kind: 'gauge', collect: () => single(1), ...change }) as MetricFamily;

async function rendered(...families: readonly MetricFamily[]): Promise<string> {
  const metrics = new Metrics(memoryLog());
  metrics.register(families);
  const text = await metrics.render();
  return text.slice(text.indexOf('\n\n') + 2);
}

test('counters and gauges are told as they are at the scrape, with their labels escaped', async () => {
  let offers = 3;
  const metrics = new Metrics(memoryLog());
  metrics.register([
    aFamily({ collect: () => single(offers) }),
    aFamily({
      name: 'allot_master_task_ends_total',
      help: 'Tasks that ended, by state.',
      kind: 'counter',
      labels: ['state'],
      collect: () => byLabel('state', new Map([['TASK_FINISHED', 7], ['odd "\\\n', 1.5]])),
    }),
  ]);
  await metrics.render();
  offers = 4;
  expect(await metrics.render()).toBe(
    [
      '# HELP allot_metrics_collect_failures_total Scrapes in which a metric family could not be collected.',
      '# TYPE allot_metrics_collect_failures_total counter',
      '',
      '# HELP allot_master_offers Offers outstanding.',
      '# TYPE allot_master_offers gauge',
      'allot_master_offers 4',
      '',
      '# HELP allot_master_task_ends_total Tasks that ended, by state.',
      '# TYPE allot_master_task_ends_total counter',
      'allot_master_task_ends_total{state="TASK_FINISHED"} 7',
      'allot_master_task_ends_total{state="odd \\"\\\\\\n"} 1.5',
      '',
    ].join('\n'),
  );
});

test('a histogram is told as cumulative buckets, sum and count, for each combination of labels', async () => {
  const histogram = new Histogram([0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value);
  const text = await rendered(
    aFamily({ name: 'allot_allocator_cycle_seconds', help: 'Duration of allocation cycles.', kind: 'histogram', labels: ['cause'], collect: () => [{ labels: { cause: 'batch' }, histogram }] }),
  );
  expect(text.trimEnd().split('\n')).toEqual([
    '# HELP allot_allocator_cycle_seconds Duration of allocation cycles.',
    '# TYPE allot_allocator_cycle_seconds histogram',
    'allot_allocator_cycle_seconds_bucket{cause="batch",le="0.1"} 2',
    'allot_allocator_cycle_seconds_bucket{cause="batch",le="1"} 3',
    'allot_allocator_cycle_seconds_bucket{cause="batch",le="+Inf"} 4',
    'allot_allocator_cycle_seconds_sum{cause="batch"} 7.65',
    'allot_allocator_cycle_seconds_count{cause="batch"} 4',
  ]);
});

test('a histogram counts each value once, in the first bucket whose bound is not below it', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { maxLength: 50 }), (values) => {
      const histogram = new Histogram(secondsBounds);
      values.forEach((value) => histogram.observe(value));
      for (const { bound, count } of histogram.cumulative()) expect(count).toBe(values.filter((value) => value <= bound).length);
      expect(histogram.count).toBe(values.length);
      expect(histogram.sum).toBeCloseTo(values.reduce((sum, value) => sum + value, 0), 6);
    }),
  );
});

test('families may be added after the first scrape', async () => {
  const metrics = new Metrics(memoryLog());
  await metrics.render();
  metrics.register([aFamily()]);
  expect(await metrics.render()).toContain('allot_master_offers 1');
});

test('a family that fails is left out, logged and counted; the others are told (X3)', async () => {
  const log = memoryLog();
  const metrics = new Metrics(log);
  metrics.register([
    aFamily({
      name: 'allot_master_broken',
      collect: () => {
        throw new Error('no numbers');
      },
    }),
    aFamily({ name: 'allot_master_mislabelled', labels: ['state'], collect: () => [{ labels: { reason: 'x' }, value: 1 }] }),
    aFamily(),
  ]);
  expect(await metrics.render()).toContain('\nallot_master_offers 1\n');
  expect(log.lines.map((line) => [line.message, line.fields['family']])).toEqual([
    ['Metric not collected', 'allot_master_broken'],
    ['Metric not collected', 'allot_master_mislabelled'],
  ]);
  const text = await metrics.render();
  expect(text).toContain('allot_metrics_collect_failures_total{family="allot_master_broken"} 1');
  expect(text).toContain('allot_metrics_collect_failures_total{family="allot_master_mislabelled"} 1');
});

test.each<[claim: string, change: Partial<MetricFamily>]>([
  ['a counter without _total', { kind: 'counter' }],
  ['a gauge with _total', { name: 'allot_master_offers_total' }],
  ['capitals', { name: 'allot_Master_offers' }],
  ['a single word', { name: 'offers' }],
  ['a unit that is not a base unit', { name: 'allot_master_cycle_ms' }],
  ['a suffix that histograms use', { name: 'allot_master_offers_count' }],
  ['help that is no sentence', { help: 'offers' }],
  ['the label of buckets', { labels: ['le'] }],
])('%s is a bug, found at registration', (_claim, change) => {
  expect(() => new Metrics(memoryLog()).register([aFamily(change)])).toThrow(expect.objectContaining({ code: 'BUG' }));
});

test('a name registered twice is a bug', () => {
  const metrics = new Metrics(memoryLog());
  metrics.register([aFamily()]);
  expect(() => metrics.register([aFamily()])).toThrow(/twice/);
});

test('bounds that do not ascend are a bug', () => {
  expect(() => new Histogram([1, 1])).toThrow(/ascend/);
  expect(() => new Histogram([])).toThrow(/ascend/);
});

test('every process tells memory, processor time and start', async () => {
  const text = await rendered(...processMetrics(fakeEnvironment().clock));
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_start_time_seconds', 'nodejs_heap_used_bytes']) {
    expect(text).toMatch(new RegExp(`^${name} [0-9.e+]+$`, 'm'));
  }
});

test('prom-client is loaded by the first scrape, not before (X1)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'allot-metrics-'));
  try {
    const contents = `
      import { Metrics, single } from './common/metrics';
      import { silentLog } from './common/logging';
      const loaded = () => Object.keys(require.cache).some((path) => path.includes('/prom-client/'));
      const metrics = new Metrics(silentLog);
      metrics.register([{ name: 'allot_x_y', help: 'A thing.', kind: 'gauge', collect: () => single(1) }]);
      const before = loaded();
      metrics.render().then(() => console.log(JSON.stringify([before, loaded()])));`;
    const root = resolve(__dirname, '../..');
    const script = join(directory, 'main.js');
    buildSync({ stdin: { contents, resolveDir: root, loader: 'ts' }, bundle: true, platform: 'node', packages: 'external', outfile: script, logLevel: 'error' });
    const output = execFileSync(process.execPath, [script], { encoding: 'utf8', env: { ...process.env, NODE_PATH: join(root, 'node_modules') } });
    expect(JSON.parse(output)).toEqual([false, true]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
