// Structural equality: two descriptions are equal exactly if every member is.

import { areEqual } from '../../../master/core/structural-equality';
import { amounts, anExecutor } from './scripted-master';

const base = anExecutor('e', 'cpus:1', { data: new Uint8Array([1, 2]), labels: [{ key: 'k', value: 'v' }] });

test.each<[difference: string, other: unknown, isEqual: boolean]>([
  ['nothing', { ...base, resources: amounts('cpus:1'), data: new Uint8Array([1, 2]), labels: [{ value: 'v', key: 'k' }] }, true],
  ['a member that is undefined', { ...base, name: undefined }, true],
  ['a member', { ...base, name: 'x' }, false],
  ['a byte', { ...base, data: new Uint8Array([1, 3]) }, false],
  ['a missing byte', { ...base, data: new Uint8Array([1]) }, false],
  ['an amount', { ...base, resources: amounts('cpus:2') }, false],
  ['a label', { ...base, labels: [] }, false],
  ['a deep member', { ...base, command: { ...base.command, value: 'x' } }, false],
  ['everything', undefined, false],
])('%s makes the difference', (_difference, other, isEqual) => {
  expect(areEqual(base, other)).toBe(isEqual);
  expect(areEqual(other, base)).toBe(isEqual);
});

test('maps are equal by key and value', () => {
  const map = new Map([['a', [1]], ['b', [2]]]);
  expect(areEqual(map, new Map([['b', [2]], ['a', [1]]]))).toBe(true);
  expect(areEqual(map, new Map([['b', [2]]]))).toBe(false);
  expect(areEqual(map, new Map([['b', [2]], ['c', [1]]]))).toBe(false);
});
