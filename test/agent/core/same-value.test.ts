// Proves structural equality over everything that domain data is made of: a difference anywhere is seen, and only a difference.

import { isSameValue } from '../../../agent/core/same-value';
import { Resources } from '../../../common/model/resources';
import { aFramework } from './agent-harness';

const cpus = (milli: number) => Resources.ofQuantities(new Map([['cpus', milli]]));

test.each<[claim: string, a: unknown, b: unknown, same: boolean]>([
  ['a framework and its copy', aFramework(), structuredClone(aFramework()), true],
  ['an absent member and one that is undefined', { a: 1 }, { a: 1, b: undefined }, true],
  ['lists in another order', ['a', 'b'], ['b', 'a'], false],
  ['a list and a longer one', ['a'], ['a', 'b'], false],
  ['maps of the same entries', new Map([['r', { min: [1] }]]), new Map([['r', { min: [1] }]]), true],
  ['maps that differ deep down', new Map([['r', { min: [1] }]]), new Map([['r', { min: [2] }]]), false],
  ['maps with other keys', new Map([['r', undefined]]), new Map([['s', undefined]]), false],
  ['sets', new Set(['a']), new Set(['b']), false],
  ['bytes', new Uint8Array([1, 2]), new Uint8Array([1, 2]), true],
  ['other bytes', new Uint8Array([1, 2]), new Uint8Array([1, 3]), false],
  ['amounts', cpus(1500), cpus(1500), true],
  ['other amounts', cpus(1500), cpus(1501), false],
  ['a value and nothing', {}, undefined, false],
])('%s: same is what it should be', (_claim, a, b, same) => {
  expect(isSameValue(a, b)).toBe(same);
  expect(isSameValue(b, a)).toBe(same);
});
