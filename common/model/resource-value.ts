// Resource values: the arithmetic of one amount, without asking what it is an amount of.
//
// Owns:      thousandths, and the algebra of range lists and item sets in normal form.
// Elsewhere: identity and the algebra of many amounts (resources.ts), what may come in from outside (resource-check.ts).
// Invariants:
//   A1. Every function takes normal forms and returns them: ranges sorted, disjoint and not even adjacent; items sorted and unique.
//       `normalRanges` and `normalItems` make them.
//   A2. Work grows with the number of ranges and items, times its logarithm where they are sorted: peers choose that number.
// Source: Mesos Value arithmetic (scalars in fixed point with three decimals; ranges and sets by union and difference).

import type { Milli, Range, ResourceValue } from './resources';

/** The nearest whole number of thousandths. `milliOf(0.0004)` is 0: callers that must not lose it check. */
export function milliOf(units: number): Milli {
  return Math.round(units * 1000);
}

/** Shortest decimal of the amount in units: 500 is `0.5`, 4000 is `4`. */
export function formatMilli(milli: Milli): string {
  // Exact: the nearest double to a decimal of at most 15 digits prints as that decimal.
  return String(milli / 1000);
}

/** As in the text grammar: `4`, `[31000-32000,33000-33000]`, `{a,b}`. */
export function formatValue(value: ResourceValue): string {
  switch (value.kind) {
    case 'scalar':
      return formatMilli(value.milli);
    case 'ranges':
      return `[${value.ranges.map(({ begin, end }) => `${begin}-${end}`).join(',')}]`;
    case 'set':
      return `{${value.items.join(',')}}`;
  }
}

/** Sorts, and merges what overlaps or touches: `[5-6],[1-2],[3-4]` is `[1-6]`. */
export function normalRanges(ranges: readonly Range[]): readonly Range[] {
  if (isNormal(ranges)) return ranges;
  const merged: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.begin - b.begin)) {
    const last = merged[merged.length - 1];
    if (last !== undefined && range.begin <= last.end + 1) {
      if (range.end > last.end) merged[merged.length - 1] = { begin: last.begin, end: range.end };
    } else {
      merged.push(range);
    }
  }
  return merged;
}

function isNormal(ranges: readonly Range[]): boolean {
  for (let i = 1; i < ranges.length; i++) if (ranges[i]!.begin <= ranges[i - 1]!.end + 1) return false;
  return true;
}

export function plusRanges(a: readonly Range[], b: readonly Range[]): readonly Range[] {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  // What merely touches is merged, too.
  const [start, end] = touched(a, b[0]!.begin - 1, b[b.length - 1]!.end + 1);
  return a.slice(0, start).concat(normalRanges([...a.slice(start, end), ...b]), a.slice(end));
}

/** What of `a` is not in `b`. */
export function minusRanges(a: readonly Range[], b: readonly Range[]): readonly Range[] {
  if (a.length === 0 || b.length === 0) return a;
  const [start, end] = touched(a, b[0]!.begin, b[b.length - 1]!.end);
  if (start === end) return a;
  return a.slice(0, start).concat(minusEach(a.slice(start, end), b), a.slice(end));
}

function minusEach(a: readonly Range[], b: readonly Range[]): readonly Range[] {
  const left: Range[] = [];
  let next = 0;
  for (const { begin, end } of a) {
    let from = begin;
    while (next < b.length && b[next]!.end < from) next++;
    // A range of b may reach into several of a, so `next` stays on the last one looked at.
    let i = next;
    for (; i < b.length && b[i]!.begin <= end; i++) {
      const taken = b[i]!;
      if (taken.begin > from) left.push({ begin: from, end: taken.begin - 1 });
      from = taken.end + 1;
    }
    if (from <= end) left.push({ begin: from, end });
    next = i > next ? i - 1 : next;
  }
  return left;
}

export function containsRanges(a: readonly Range[], b: readonly Range[]): boolean {
  let at = 0;
  for (const { begin, end } of b) {
    at = firstEndingFrom(a, begin, at);
    const around = a[at];
    if (around === undefined || around.begin > begin || around.end < end) return false;
  }
  return true;
}

/**
 * Which of `ranges` have a number from `first` to `last`: from one index up to, not including, the other. The ports of a machine may be in thousands of pieces
 * and a task takes one: the others are neither looked at nor made anew.
 */
function touched(ranges: readonly Range[], first: number, last: number): readonly [start: number, end: number] {
  const start = firstEndingFrom(ranges, first, 0);
  let end = firstEndingFrom(ranges, last, start);
  if (end < ranges.length && ranges[end]!.begin <= last) end++;
  return [start, end];
}

/** The index from `low` on of the first range that ends at or after `number`. */
function firstEndingFrom(ranges: readonly Range[], number: number, low: number): number {
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.end < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether any number is in both. */
export function rangesOverlap(a: readonly Range[], b: readonly Range[]): boolean {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i]!.end < b[j]!.begin) i++;
    else if (b[j]!.end < a[i]!.begin) j++;
    else return true;
  }
  return false;
}

export function equalRanges(a: readonly Range[], b: readonly Range[]): boolean {
  return a === b || (a.length === b.length && a.every((range, i) => range.begin === b[i]!.begin && range.end === b[i]!.end));
}

/** Sorts by code unit and drops repetitions. */
export function normalItems(items: readonly string[]): readonly string[] {
  return [...new Set(items)].sort();
}

export function plusItems(a: readonly string[], b: readonly string[]): readonly string[] {
  return normalItems([...a, ...b]);
}

export function minusItems(a: readonly string[], b: readonly string[]): readonly string[] {
  const taken = new Set(b);
  return a.filter((item) => !taken.has(item));
}

export function containsItems(a: readonly string[], b: readonly string[]): boolean {
  const held = new Set(a);
  return b.every((item) => held.has(item));
}

/** Whether any item is in both. */
export function itemsIntersect(a: readonly string[], b: readonly string[]): boolean {
  const held = new Set(a);
  return b.some((item) => held.has(item));
}

export function equalItems(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((item, i) => item === b[i]));
}
