// Amounts: resources in the checkers' own arithmetic.
//
// Owns:      adding up resources and saying what is too much, without the algebra of common/model/resources.ts (which is being checked).
// Elsewhere: who adds up what (resource-checker.ts, quiet-check.ts).
// Source: our choice: sums of thousandths by name for scalars, single numbers for ranges, names for sets.

import type { Resource } from '../../common/model/resources';

/** How much of each name: scalars in thousandths under their name, each port or item as `ports:31000`, counted. */
export type Amounts = ReadonlyMap<string, number>;

export function amountsOf(resources: Iterable<Resource>): Amounts {
  const amounts = new Map<string, number>();
  const add = (key: string, amount: number): void => void amounts.set(key, (amounts.get(key) ?? 0) + amount);
  for (const { name, value } of resources) {
    if (value.kind === 'scalar') add(name, value.milli);
    else if (value.kind === 'ranges') for (const { begin, end } of value.ranges) for (let number = begin; number <= end; number += 1) add(`${name}:${number}`, 1);
    else for (const item of value.items) add(`${name}:${item}`, 1);
  }
  return amounts;
}

export function sumOf(all: Iterable<Amounts>): Amounts {
  const sum = new Map<string, number>();
  for (const amounts of all) for (const [key, amount] of amounts) sum.set(key, (sum.get(key) ?? 0) + amount);
  return sum;
}

/** Names the first amount of which `used` has more than `total`; undefined when it all fits. */
export function excess(used: Amounts, total: Amounts): string | undefined {
  for (const [key, amount] of used) if (amount > (total.get(key) ?? 0)) return `${key}: ${amount} in use or offered, ${total.get(key) ?? 0} there`;
  return undefined;
}

/** Names the first difference; undefined when equal. */
export function difference(left: Amounts, right: Amounts): string | undefined {
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    if ((left.get(key) ?? 0) !== (right.get(key) ?? 0)) return `${key}: ${left.get(key) ?? 0} against ${right.get(key) ?? 0}`;
  }
  return undefined;
}
