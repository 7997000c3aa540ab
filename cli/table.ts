// Table: rows for people, in columns that line up.
//
// Owns:      alignment; text forms of ages, resources and amounts in tables.
// Elsewhere: which columns (commands/), the JSON form for programs (json.ts).
// Source: our choice, after what `kubectl get` taught everybody to expect.

import type { Quantities } from '../common/model/framework';
import { formatMilli } from '../common/model/resource-value';

export interface Column<Row> {
  /** Upper case. */
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Empty text shows as a dash. */
  readonly cell: (row: Row) => string;
}

/** A header and one line per row; two spaces between columns, no trailing blanks. Always ends with a newline. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ cell }) => oneLine(cell(row)) || '-'))];
  const widths = columns.map((_column, index) => lines.reduce((width, line) => Math.max(width, widthOf(line[index] ?? '')), 0));
  const text = lines.map((line) =>
    line
      .map((cell, index) => {
        const blanks = ' '.repeat((widths[index] ?? 0) - widthOf(cell));
        return columns[index]?.align === 'right' ? blanks + cell : cell + blanks;
      })
      .join('  ')
      .trimEnd(),
  );
  return `${text.join('\n')}\n`;
}

/** Whatever a framework wrote into a name must not break the table, or the terminal. */
function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}

/** Characters, not UTF-16 units. Wide characters count as one: good enough for a table. */
function widthOf(text: string): number {
  return [...text].length;
}

/** `5s`, `3m20s`, `2h05m`, `4d3h`: as precise as the eye needs. Negative (clocks differ) is `0s`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d${hours % 24}h`;
}

/** Age since a wall-clock time that may be unknown. */
export function formatSince(sinceMs: number | undefined, nowMs: number): string {
  return sinceMs === undefined ? '' : formatAge(nowMs - sinceMs);
}

/** `cpus:1.5;mem:512`. */
export function formatQuantities(quantities: Quantities): string {
  return [...quantities].map(([name, milli]) => `${name}:${formatMilli(milli)}`).join(';');
}

/** `0.5/4`: used of all. */
export function formatUse(used: number, total: number): string {
  return `${formatMilli(used)}/${formatMilli(total)}`;
}
