// Proves which single resources may enter, and that a refusal names the field that is wrong; by table.

import fc from 'fast-check';
import { checkResource, checkScalar, checkTogether, scalarUnitsMax, valueEntryCountMax, type ResourceCandidate } from '../../../common/model/resource-check';
import { Resources } from '../../../common/model/resources';
import { dynamicFor, staticFor } from './resource-arbitraries';

const aCandidate = (traits: Partial<ResourceCandidate>): ResourceCandidate => ({
  name: 'cpus',
  value: { kind: 'scalar', units: 1 },
  reservations: [],
  revocable: false,
  shared: false,
  ...traits,
});
const volume = { persistence: { id: 'v' } };
const ranges = (...pairs: [number, number][]): ResourceCandidate['value'] => ({ kind: 'ranges', ranges: pairs.map(([begin, end]) => ({ begin, end })) });

const everyOther = (count: number, from = 0): ResourceCandidate['value'] => ranges(...Array.from({ length: count }, (_, i): [number, number] => [from + 2 * i, from + 2 * i]));
const differentItems = (count: number): ResourceCandidate['value'] => ({ kind: 'set', items: Array.from({ length: count }, (_, i) => `i${i}`) });

test.each<[string, Partial<ResourceCandidate>]>([
  ['every other port of a machine', { name: 'ports', value: everyOther(valueEntryCountMax) }],
  ['the largest set', { name: 'disks', value: differentItems(valueEntryCountMax) }],
  ['nothing of something', { value: { kind: 'scalar', units: 0 } }],
  ['the least amount', { value: { kind: 'scalar', units: 0.001 } }],
  ['whole gpus', { name: 'gpus', value: { kind: 'scalar', units: 2 } }],
  ['ranges in any order that only touch', { name: 'ports', value: ranges([5, 9], [1, 4]) }],
  ['a static reservation, refined twice', { reservations: [staticFor('a'), dynamicFor('a/b', 'p'), dynamicFor('a/b/c')] }],
  ['a dynamic reservation refined', { reservations: [dynamicFor('a'), dynamicFor('a/b')] }],
  ['a shared persistent volume', { name: 'disk', disk: volume, shared: true }],
  ['a revocable static reservation', { revocable: true, reservations: [staticFor('a')] }],
])('%s is accepted, and the algebra takes it (C1)', (_, traits) => {
  const checked = checkResource(aCandidate(traits), 'r');
  expect(checked.ok).toBe(true);
  if (checked.ok) expect(() => Resources.of([checked.value])).not.toThrow();
});

test.each<[string, Partial<ResourceCandidate>, string]>([
  ['an empty name', { name: '' }, 'r.name'],
  ['a control character in the name', { name: 'a\u0000b' }, 'r.name'],
  ['a negative amount', { value: { kind: 'scalar', units: -1 } }, 'r.scalar.value'],
  ['NaN', { value: { kind: 'scalar', units: NaN } }, 'r.scalar.value'],
  ['infinity', { value: { kind: 'scalar', units: Infinity } }, 'r.scalar.value'],
  ['an amount that rounds to nothing', { value: { kind: 'scalar', units: 0.0004 } }, 'r.scalar.value'],
  ['more than there can be', { value: { kind: 'scalar', units: scalarUnitsMax * 2 } }, 'r.scalar.value'],
  ['half a gpu', { name: 'gpus', value: { kind: 'scalar', units: 0.5 } }, 'r.scalar.value'],
  ['gpus as a set', { name: 'gpus', value: { kind: 'set', items: ['a'] } }, 'r.type'],
  ['a range that ends before it begins', { value: ranges([1, 2], [9, 8]) }, 'r.ranges.range[1]'],
  ['a fractional port', { value: ranges([0.5, 1]) }, 'r.ranges.range[0]'],
  ['a port beyond exact integers', { value: ranges([1, 2 ** 53]) }, 'r.ranges.range[0]'],
  ['ranges that overlap', { value: ranges([5, 9], [1, 5]) }, 'r.ranges'],
  ['more ranges than the ports of a machine fall into', { name: 'ports', value: everyOther(valueEntryCountMax + 1) }, 'r.ranges'],
  ['more items than any machine has', { name: 'disks', value: differentItems(valueEntryCountMax + 1) }, 'r.set'],
  ['an item twice', { value: { kind: 'set', items: ['a', 'b', 'a'] } }, 'r.set.item[2]'],
  ['a reservation for nobody', { reservations: [staticFor('*')] }, 'r.reservations[0].role'],
  ['a reservation for no role', { reservations: [staticFor('a//b')] }, 'r.reservations[0].role'],
  ['a static refinement', { reservations: [staticFor('a'), staticFor('a/b')] }, 'r.reservations[1].type'],
  ['a refinement for the same role', { reservations: [staticFor('a'), dynamicFor('a')] }, 'r.reservations[1].role'],
  ['a refinement for a stranger', { reservations: [staticFor('a'), dynamicFor('a/b'), dynamicFor('a/c')] }, 'r.reservations[2].role'],
  ['a disk description of cpus', { disk: volume }, 'r.disk'],
  ['a persistence id that is no file name', { name: 'disk', disk: { persistence: { id: '../x' } } }, 'r.disk.persistence.id'],
  ['revocable and dynamically reserved', { revocable: true, reservations: [staticFor('a'), dynamicFor('a/b')] }, 'r.revocable'],
  ['revocable and persistent', { name: 'disk', disk: volume, revocable: true }, 'r.revocable'],
  ['sharing of what is no volume', { shared: true }, 'r.shared'],
  ['an allocation to no role', { allocationRole: 'a b' }, 'r.allocation_info.role'],
])('%s is refused by the name of its field', (_, traits, field) => {
  const checked = checkResource(aCandidate(traits), 'r');
  expect(checked.ok ? 'accepted' : checked.refusal.field).toBe(field);
});

test.each<[string, Partial<ResourceCandidate>[]]>([
  ['amounts that add up to more than there can be', [{ value: { kind: 'scalar', units: scalarUnitsMax } }, { value: { kind: 'scalar', units: 1 } }]],
  ['ranges that add up to more than a value may have', [{ name: 'ports', value: everyOther(valueEntryCountMax) }, { name: 'ports', value: everyOther(1, 1_000_000) }]],
])('%s are refused together, because the sum could be written but not read again (C3)', (_, candidates) => {
  const resources = candidates.map((traits) => {
    const checked = checkResource(aCandidate(traits), 'r');
    if (!checked.ok) throw new Error(checked.refusal.expected);
    return checked.value;
  });
  expect(checkTogether(Resources.of(resources), 'rs')).toMatchObject({ ok: false, refusal: { field: 'rs' } });
  expect(checkTogether(Resources.of(resources.slice(1)), 'rs').ok).toBe(true);
});

test('scalars round to the nearest thousandth, exactly for every decimal of three digits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: scalarUnitsMax * 1000 }), (milli) => {
      expect(checkScalar(milli / 1000, 'f')).toEqual({ ok: true, value: milli });
    }),
  );
  expect(checkScalar(0.0015, 'f')).toEqual({ ok: true, value: 2 });
  expect(checkScalar(-0, 'f')).toEqual({ ok: true, value: 0 });
});
