// The report: measurements as tables, and the closing list of targets.
//
// Owns:      columns, number formats, the wording of the closing list, what is said about the conditions.
// Elsewhere: the rows and the targets themselves (measurement.ts), the JSON (main.ts).

import { ratioOf, targets, verdictOn, type CellResult, type Goal, type Measurement, type TargetName } from './measurement';
import type { Workload } from './workload';

/** The machine at hand. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly node: string;
  /** Processes that wanted a core during the minute before, on average: much above 0, and the times are those of a busy machine. */
  readonly loadBefore: number;
}

export interface MeasuredCell extends CellResult {
  readonly workload: string;
  readonly cell: string;
}

export function formatConditions({ cores, cpu, memoryGb, node, loadBefore }: Machine): string {
  return [
    `Allocator workloads on ${cores} cores of ${cpu}, ${memoryGb} GB, Node ${node}, load ${formatNumber(loadBefore)} before. One process per cell, one thread.`,
    'Virtual time, one cycle per step; run = from asking whether a run is due to holding the bundles. "first": code not compiled yet; the other',
    'columns are of the later ones. Heap: heap and external memory in use after a full collection.',
    'C++: medians of the Mesos allocator (1.12 development head, optimised), run time without message passing unless "wall" is noted, measured elsewhere',
    'on the same kind of machine (2 virtual AMD EPYC cores, about 2.6 GHz). Such machines differ by tens of per cent: read ratios with that margin.',
  ].join('\n');
}

const head = ['cell', 'step', 'n', 'first', 'min', 'median', 'max', 'unit', 'offers', 'heap MiB', 'C++', 'C++/ours', 'C++ is'];
const leftAligned = new Set(['cell', 'step', 'unit', 'C++ is']);

export function formatWorkload({ name, title }: Workload, cells: readonly MeasuredCell[]): string {
  const rows = cells.flatMap(({ cell, measurements }) => measurements.map((row, index) => cellsOf(index === 0 ? cell : '', row)));
  const widths = head.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (texts: readonly string[]): string =>
    texts.map((text, index) => (leftAligned.has(head[index] ?? '') ? text.padEnd(widths[index] ?? 0) : text.padStart(widths[index] ?? 0))).join('  ').trimEnd();
  return [`${title} [${name}]`, line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function cellsOf(cell: string, row: Measurement): readonly string[] {
  const isOne = row.count === 1 && row.first === undefined;
  const ratio = ratioOf(row);
  return [
    cell,
    row.step,
    `${row.count}`,
    row.first === undefined ? '' : formatNumber(row.first),
    isOne ? '' : formatNumber(row.min),
    formatNumber(row.median),
    isOne ? '' : formatNumber(row.max),
    row.unit,
    row.offers === undefined ? '' : `${row.offers}`,
    row.heapMib === undefined ? '' : formatNumber(row.heapMib),
    row.mesos === undefined ? '' : formatNumber(row.mesos.median),
    ratio === undefined ? '' : formatNumber(ratio),
    row.mesos?.note ?? '',
  ];
}

/** Three digits that mean something, and none of them lost before the point. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '?';
  if (value === 0 || Math.abs(value) >= 100) return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
  return Number(value.toPrecision(3)).toString();
}

export interface TargetSummary {
  readonly target: TargetName;
  readonly claim: string;
  readonly isReached: boolean;
  readonly reached: number;
  readonly of: number;
  /** One sentence for each row that misses; with how much. */
  readonly missed: readonly string[];
  /** The row nearest to its limit, or farthest beyond. */
  readonly tightest: string;
}

/** Every target that something measured speaks to. */
export function summariseTargets(cells: readonly MeasuredCell[]): readonly TargetSummary[] {
  return (Object.keys(targets) as TargetName[]).flatMap((target) => {
    const judged = cells.flatMap((cell) =>
      cell.measurements.flatMap((row) => (row.goals ?? []).filter((goal) => goal.target === target).map((goal) => ({ cell, row, goal, verdict: verdictOn(row, goal) }))),
    );
    if (judged.length === 0) return [];
    const sentences = judged.map(({ cell, row, goal, verdict }) => ({
      isReached: verdict.isReached,
      // How many times better than asked; below 1 it is missed.
      margin: goal.kind === 'at-most' ? goal.limit / verdict.value : verdict.value / goal.limit,
      text: `${cell.workload} ${cell.cell}, ${row.step}: ${sentenceOf(row, goal, verdict.value)}`,
    }));
    const missed = sentences.filter((sentence) => !sentence.isReached).map((sentence) => sentence.text);
    const tightest = sentences.reduce((least, sentence) => (sentence.margin < least.margin ? sentence : least)).text;
    return [{ target, claim: targets[target], isReached: missed.length === 0, reached: judged.length - missed.length, of: judged.length, missed, tightest }];
  });
}

function sentenceOf(row: Measurement, { kind, limit }: Goal, value: number): string {
  if (kind !== 'ratio-at-least') return `${formatNumber(value)} ${row.unit}, wanted ${kind === 'at-most' ? 'at most' : 'at least'} ${formatNumber(limit)}`;
  return `${formatNumber(value)} times as fast (${formatNumber(row.median)} ${row.unit} for ${formatNumber(row.mesos?.median ?? NaN)}), wanted ${formatNumber(limit)}`;
}

export function formatTargets(summaries: readonly TargetSummary[]): string {
  return [
    'Targets',
    ...summaries.flatMap(({ claim, isReached, reached, of, missed, tightest }) => [
      `${isReached ? 'reached' : 'MISSED '}  ${claim}: ${reached} of ${of}`,
      ...(isReached ? [`           tightest: ${tightest}`] : missed.map((sentence) => `           ${sentence}`)),
    ]),
  ].join('\n');
}
