// Units: durations and sizes as people write them.
//
// Owns:      the text forms of milliseconds and bytes, both ways.
// Elsewhere: which options take them (common/options, each binary's table); amounts of resources have no unit text (resource-text.ts).
// Invariants:
//   U1. Parsing what was printed gives the same number.
// Source: Mesos Duration and Bytes (`5secs`, `15mins`, `64KB`), plus the short forms that everybody types (`5s`, `15m`, `512mb`).

import { accepted, refused, type Checked } from './refusal';

interface Unit {
  readonly size: number;
  /** The first prints short, the second as Mesos does; all parse, in any case of letters. */
  readonly names: readonly [short: string, mesos: string, ...others: string[]];
}

/** Milliseconds. Mesos also knows microseconds and nanoseconds; no option of ours is that fine, and less than 1 ms is refused. */
const durationUnits: readonly Unit[] = [
  { size: 604_800_000, names: ['w', 'weeks', 'week', 'wks', 'wk'] },
  { size: 86_400_000, names: ['d', 'days', 'day'] },
  { size: 3_600_000, names: ['h', 'hrs', 'hr', 'hours', 'hour'] },
  { size: 60_000, names: ['m', 'mins', 'min', 'minutes', 'minute'] },
  { size: 1000, names: ['s', 'secs', 'sec', 'seconds', 'second'] },
  { size: 1, names: ['ms', 'ms', 'millis'] },
];

/** Powers of 1024. Source: Mesos Bytes. */
const sizeUnits: readonly Unit[] = [
  { size: 1024 ** 4, names: ['tb', 'TB', 't'] },
  { size: 1024 ** 3, names: ['gb', 'GB', 'g'] },
  { size: 1024 ** 2, names: ['mb', 'MB', 'm'] },
  { size: 1024, names: ['kb', 'KB', 'k'] },
  { size: 1, names: ['b', 'B'] },
];

/** Milliseconds of `250ms`, `5s`, `1.5h`, `5secs`, `1w`. A bare `0` needs no unit. */
export function parseDuration(text: string, field: string): Checked<number> {
  return parse(text, durationUnits, field, 'a duration in whole milliseconds such as "250ms", "5s", "15m", "1h", "1d" or "1w"');
}

/** Bytes of `64kb`, `512mb`, `2gb`, `100b`. A bare `0` needs no unit. */
export function parseSize(text: string, field: string): Checked<number> {
  return parse(text, sizeUnits, field, 'a size in whole bytes such as "64kb", "512mb" or "2gb"');
}

/** Shortest text in one unit: 5000 is `5s`, 90000 is `90s`, 5400000 is `90m`. */
export function formatDuration(ms: number): string {
  return print(ms, durationUnits, 0);
}

/** As Mesos prints flags: 5000 is `5secs`, 900000 is `15mins`. */
export function formatMesosDuration(ms: number): string {
  return print(ms, durationUnits, 1);
}

/** Shortest text in one unit: 536870912 is `512mb`. */
export function formatSize(bytes: number): string {
  return print(bytes, sizeUnits, 0);
}

/** As Mesos prints flags: `512MB`. */
export function formatMesosSize(bytes: number): string {
  return print(bytes, sizeUnits, 1);
}

function parse(text: string, units: readonly Unit[], field: string, expected: string): Checked<number> {
  const trimmed = text.trim();
  if (trimmed === '0') return accepted(0);
  const [, digits = '', name = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(trimmed) ?? [];
  const unit = units.find(({ names }) => names.some((known) => known.toLowerCase() === name.toLowerCase()));
  if (unit === undefined) return refused(field, text, expected);
  const exact = Number(digits) * unit.size;
  const whole = Math.round(exact);
  // A decimal is not exact in binary (1.005 * 1000 is a hair below 1005), but half a millisecond cannot be had: two units in the last place.
  const isWhole = Number.isSafeInteger(whole) && Math.abs(exact - whole) <= 2 * Number.EPSILON * whole;
  return isWhole ? accepted(whole) : refused(field, text, expected);
}

/** In the largest unit that divides the amount; whole numbers only, so that U1 is plain. */
function print(amount: number, units: readonly Unit[], form: 0 | 1): string {
  const base = units[units.length - 1]!;
  const unit = amount === 0 ? (units.find(({ names }) => names[0] === 's') ?? base) : (units.find(({ size }) => amount % size === 0) ?? base);
  return `${amount / unit.size}${unit.names[form]}`;
}
