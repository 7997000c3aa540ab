// Measuring: medians, and rows for the table that `make bench` prints.
//
// Owns:      the shape of a figure, order statistics, the table.
// Elsewhere: what is measured (the …-bench.ts files beside this one).

/** One figure with its conditions, as printed and as written to JSON. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Smallest and largest of the runs behind a median, where there were several. */
  readonly from?: number;
  readonly to?: number;
  /** What a reader must know to compare: counts, sizes, how many runs. */
  readonly conditions: string;
}

export function medianFigure(name: string, values: readonly number[], unit: string, conditions: string): Figure {
  const sorted = [...values].sort((left, right) => left - right);
  return { name, value: quantile(sorted, 0.5), unit, from: sorted[0] ?? NaN, to: sorted.at(-1) ?? NaN, conditions };
}

/** Of an ascending list: the value below which `part` of them lie. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}

export function formatFigures(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, from, to, conditions }) => [
    name,
    formatNumber(value),
    unit,
    from === undefined || to === undefined ? '' : `${formatNumber(from)} to ${formatNumber(to)}`,
    conditions,
  ]);
  const head = ['figure', 'median', 'unit', 'from, to', 'conditions'];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => cells.map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join('  ').trimEnd();
  return [head, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('\n');
}

function formatNumber(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 });
}
