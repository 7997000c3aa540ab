// Metrics: numbers that components keep anyway, told to Prometheus when it asks.
//
// Owns:      metric families as data, the check of their names, histograms as plain counts, the text form.
// Elsewhere: which numbers a component has (its own metrics.ts), serving the text (status-server.ts).
// Invariants:
//   X1. A component pays for a metric what adding to a number costs. Families are read, and prom-client (5 MB) is loaded, at the first scrape:
//       where nobody scrapes, nobody pays.
//   X2. Names are `<app>_<component>_<noun>_<unit>[_total]`, in base units; help is a sentence; a name is registered once. Breaking this is a bug and
//       shows at registration.
//   X3. One family that fails to collect does not hide the others: it is left out and counted in `allot_metrics_collect_failures_total`.
// Source: prometheus.io/docs/practices/naming and /docs/instrumenting/exposition_formats (text format 0.0.4).

import type * as PromClient from 'prom-client';

import { invariant } from './invariant';
import type { Clock, Log } from './ports';

/** Label values by label name; exactly the labels that the family declares. Values of low cardinality: states, reasons, roles, never task ids. */
export type LabelValues = Readonly<Record<string, string>>;

export interface MetricSample {
  readonly labels?: LabelValues;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels?: LabelValues;
  /** A {@link Histogram}, or whoever has kept the same numbers. */
  readonly histogram: Pick<Histogram, 'cumulative' | 'sum' | 'count'>;
}

interface FamilyText {
  readonly name: string;
  /** A sentence with its period. */
  readonly help: string;
  readonly labels?: readonly string[];
}

/** A metric with all its label combinations. `collect` is called at each scrape and reads the component's present numbers. */
export type MetricFamily = FamilyText &
  (
    | { readonly kind: 'counter' | 'gauge'; collect(): Iterable<MetricSample> }
    | { readonly kind: 'histogram'; collect(): Iterable<HistogramSample> }
  );

/** One unlabelled sample: for families that are a single number. */
export function single(value: number): readonly MetricSample[] {
  return [{ value }];
}

/** Samples of a map from the one label's value to the number. */
export function byLabel(label: string, values: ReadonlyMap<string, number>): readonly MetricSample[] {
  return [...values].map(([text, value]) => ({ labels: { [label]: text }, value }));
}

/** Counts of observations by upper bound: all that a Prometheus histogram is. */
export class Histogram {
  /** One more than bounds: the last counts what is beyond all of them. Not cumulative. */
  private readonly counts: number[];
  private total = 0;

  /** `bounds`: inclusive upper bounds, ascending, in the unit of the metric's name. */
  constructor(readonly bounds: readonly number[]) {
    invariant(bounds.length > 0 && bounds.every((bound, index) => Number.isFinite(bound) && bound > (bounds[index - 1] ?? -Infinity)), 'Histogram bounds ascend');
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    // A dozen bounds at most: looking at them in turn is faster than bisection.
    let bucket = 0;
    while (value > (this.bounds[bucket] ?? Infinity)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.total += value;
  }

  get sum(): number {
    return this.total;
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Observations at or below each bound, and last of all. */
  cumulative(): readonly { readonly bound: number; readonly count: number }[] {
    let count = 0;
    return this.counts.map((inBucket, index) => {
      count += inBucket;
      return { bound: this.bounds[index] ?? Infinity, count };
    });
  }
}

/** From 1 ms to 10 s in steps of about 2.5: for durations of requests and cycles, whose timeouts are 10 s. */
export const secondsBounds: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** All metric families of a process. */
export class Metrics {
  private readonly families = new Map<string, MetricFamily>();
  private readonly failures = new Map<string, number>();
  private registry: PromClient.Registry | undefined;

  constructor(private readonly log: Log) {
    this.register([
      {
        name: 'allot_metrics_collect_failures_total',
        help: 'Scrapes in which a metric family could not be collected.',
        kind: 'counter',
        labels: ['family'],
        collect: () => byLabel('family', this.failures),
      },
    ]);
  }

  /** Adds families (X2). At any time, also after the first scrape. */
  register(families: readonly MetricFamily[]): void {
    for (const family of families) {
      checkFamily(family);
      invariant(!this.families.has(family.name), `The metric ${family.name} is registered twice`);
      this.families.set(family.name, family);
      this.registry?.registerMetric(this.promMetric(family));
    }
  }

  /** Content type of {@link render}. */
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';

  /** The text that a scrape gets. */
  async render(): Promise<string> {
    this.registry ??= this.createRegistry();
    return this.registry.metrics();
  }

  private createRegistry(): PromClient.Registry {
    // Loaded late on purpose (X1).
    const { Registry } = require('prom-client') as typeof PromClient;
    const registry = new Registry();
    for (const family of this.families.values()) registry.registerMetric(this.promMetric(family));
    return registry;
  }

  /**
   * A family as prom-client sees a metric. Its own Counter, Gauge and Histogram keep numbers of their own and take single observations; ours are
   * kept by the components, so the registry gets an object that answers `get` with values, which is all that it asks of a metric.
   */
  private promMetric(family: MetricFamily): PromClient.Metric {
    const { name, help, kind: type } = family;
    const metric = { name, help, type, aggregator: 'sum', get: async () => ({ name, help, type, aggregator: 'sum', values: this.collect(family) }) };
    return metric as unknown as PromClient.Metric;
  }

  private collect(family: MetricFamily): readonly PromValue[] {
    try {
      return family.kind === 'histogram' ? [...family.collect()].flatMap((sample) => histogramValues(family, sample)) : [...family.collect()].map((sample) => plainValue(family, sample));
    } catch (error) {
      this.failures.set(family.name, (this.failures.get(family.name) ?? 0) + 1);
      this.log.write('error', 'Metric not collected', { family: family.name, error });
      return [];
    }
  }
}

interface PromValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

function checkFamily({ name, help, kind, labels = [] }: MetricFamily): void {
  invariant(/^[a-z][a-z0-9]*(_[a-z0-9]+)+$/.test(name), `Not a metric name: ${name}`);
  invariant((kind === 'counter') === name.endsWith('_total'), `A metric's name ends in _total exactly if it is a counter: ${name}`);
  invariant(!/_(bucket|sum|count|ms|milliseconds|mb|kb|percent)$/.test(name), `The metric ${name} ends in a reserved word or not in a base unit`);
  invariant(/^[A-Z].*[a-z0-9)]\.$/s.test(help), `The help of metric ${name} is a sentence`);
  for (const label of labels) invariant(/^[a-z][a-z0-9_]*$/.test(label) && label !== 'le', `Not a label of metric ${name}: ${label}`);
}

function checkedLabels({ name, labels: declared = [] }: MetricFamily, labels: LabelValues = {}): LabelValues {
  const given = Object.keys(labels);
  if (given.length !== declared.length || !declared.every((label) => Object.hasOwn(labels, label))) {
    throw new Error(`Metric ${name} declares the labels ${declared.join(', ') || 'none'} and a sample has ${given.join(', ') || 'none'}`);
  }
  return labels;
}

function plainValue(family: MetricFamily, sample: MetricSample): PromValue {
  return { value: sample.value, labels: checkedLabels(family, sample.labels) };
}

function histogramValues(family: MetricFamily, { labels, histogram }: HistogramSample): readonly PromValue[] {
  const checked = checkedLabels(family, labels);
  return [
    ...histogram.cumulative().map(({ bound, count }) => ({
      metricName: `${family.name}_bucket`,
      labels: { ...checked, le: bound === Infinity ? '+Inf' : String(bound) },
      value: count,
    })),
    { metricName: `${family.name}_sum`, labels: checked, value: histogram.sum },
    { metricName: `${family.name}_count`, labels: checked, value: histogram.count },
  ];
}

/** What every process tells of itself, under the names that all Prometheus clients use. */
export function processMetrics(clock: Clock): readonly MetricFamily[] {
  const startSeconds = clock.wallMs() / 1_000 - process.uptime();
  return [
    {
      name: 'process_cpu_seconds_total',
      help: 'Processor time used by the process, user and system, in seconds.',
      kind: 'counter',
      collect: () => {
        const { user, system } = process.cpuUsage();
        return single((user + system) / 1e6);
      },
    },
    { name: 'process_resident_memory_bytes', help: 'Memory of the process that is in RAM, in bytes.', kind: 'gauge', collect: () => single(process.memoryUsage.rss()) },
    { name: 'process_start_time_seconds', help: 'Start of the process in seconds since the Unix epoch.', kind: 'gauge', collect: () => single(startSeconds) },
    { name: 'nodejs_heap_used_bytes', help: 'Memory of the JavaScript heap in use, in bytes.', kind: 'gauge', collect: () => single(process.memoryUsage().heapUsed) },
  ];
}
