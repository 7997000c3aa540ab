// Proves the laws of resources.ts (R1 to R4): by properties, against a slow model that counts thousandths, ports, items and copies one by
// one, and by the tables of cases that people will look up.

import fc from 'fast-check';
import { isAllocatableTo, isIndivisible, Resources, type Resource } from '../../../common/model/resources';
import { aRange, aScalar, aSet, aVolume, bags, dynamicFor, resourceLists, staticFor } from './resource-arbitraries';

/** Every countable thing on its own. Shares no code with the algebra: identity is the printed resource without its amount. */
type Model = Map<string, number>;

function modelOf(resources: Iterable<Resource>): Model {
  const model: Model = new Map();
  for (const { value, disk, ...rest } of resources) {
    const { volume: _, ...place } = disk ?? {};
    const identity = JSON.stringify([rest.name, value.kind, rest.reservations, place, disk === undefined, rest.revocable, rest.shared, rest.providerId, rest.allocationRole]);
    const isWhole = rest.shared || disk?.persistence !== undefined || disk?.source?.type === 'MOUNT' || disk?.source?.id !== undefined;
    if (value.kind === 'scalar') {
      const key = isWhole ? `${identity} of ${value.milli}` : identity;
      const count = (model.get(key) ?? 0) + (isWhole ? 1 : value.milli);
      if (count > 0 && value.milli > 0) model.set(key, count);
    } else if (value.kind === 'set') {
      for (const item of value.items) model.set(`${identity} item ${item}`, 1);
    } else {
      for (const { begin, end } of value.ranges) for (let port = begin; port <= end; port++) model.set(`${identity} port ${port}`, 1);
    }
  }
  return model;
}

const isUnion = (key: string): boolean => / (item|port) \w+$/.test(key);

function modelPlus(a: Model, b: Model): Model {
  const sum = new Map(a);
  for (const [key, count] of b) sum.set(key, isUnion(key) ? 1 : (sum.get(key) ?? 0) + count);
  return sum;
}

function modelMinus(a: Model, b: Model): Model {
  const rest: Model = new Map();
  for (const [key, count] of a) if (count > (b.get(key) ?? 0)) rest.set(key, count - (b.get(key) ?? 0));
  return rest;
}

const modelContains = (a: Model, b: Model): boolean => [...b].every(([key, count]) => (a.get(key) ?? 0) >= count);
const shareNothing = (a: Resources, b: Resources): boolean => ![...modelOf(a).keys()].some((key) => isUnion(key) && modelOf(b).has(key));
const expectEqual = (a: Resources, b: Resources): void => {
  expect([...a]).toEqual([...b]);
  expect(a.equals(b)).toBe(true);
};

describe('Resources as an algebra', () => {
  test('plus, minus, contains and equals agree with counting one by one', () => {
    fc.assert(
      fc.property(bags, bags, (a, b) => {
        expect(modelOf(a.plus(b))).toEqual(modelPlus(modelOf(a), modelOf(b)));
        expect(modelOf(a.minus(b))).toEqual(modelMinus(modelOf(a), modelOf(b)));
        expect(a.contains(b)).toBe(modelContains(modelOf(a), modelOf(b)));
        expect(a.equals(b)).toBe(modelContains(modelOf(a), modelOf(b)) && modelContains(modelOf(b), modelOf(a)));
      }),
    );
  });

  test('plus is commutative and associative, so that the order of arrival never matters', () => {
    fc.assert(
      fc.property(bags, bags, bags, (a, b, c) => {
        expect(a.plus(b).equals(b.plus(a))).toBe(true);
        expect(a.plus(b).plus(c).equals(a.plus(b.plus(c)))).toBe(true);
      }),
    );
  });

  test('R3: what was added can be taken away again, and the rest is what there was', () => {
    fc.assert(
      fc.property(bags, bags, (a, b) => {
        fc.pre(shareNothing(a, b));
        expectEqual(a.plus(b).minus(b), a);
        expect(a.plus(b).contains(b)).toBe(true);
      }),
    );
  });

  test('R3: a bag contains another exactly if taking it away loses nothing', () => {
    fc.assert(fc.property(bags, bags, (a, b) => a.contains(b) === a.minus(b).plus(b).equals(a)));
    fc.assert(fc.property(bags, bags, (a, b) => a.plus(b).contains(a)));
  });

  test('taking away more than there is leaves nothing, never a negative amount', () => {
    fc.assert(fc.property(bags, bags, (a, b) => a.minus(a.plus(b)).isEmpty));
  });

  test('R1, R2: of normalises whatever order, repetition and overlap it is given, and again changes nothing', () => {
    fc.assert(
      fc.property(resourceLists, (list) => {
        const once = Resources.of(list);
        expectEqual(Resources.of([...list].reverse()), Resources.of(list.map((resource) => ({ ...resource }))));
        expectEqual(Resources.of(once), once);
        expectEqual(Resources.sum(list.map((resource) => Resources.of([resource]))), once);
        for (const { value } of once) {
          if (value.kind === 'scalar') expect(value.milli).toBeGreaterThan(0);
          if (value.kind === 'set') expect(value.items).toEqual([...new Set(value.items)].sort());
          if (value.kind === 'ranges') {
            expect(value.ranges.length).toBeGreaterThan(0);
            for (const [i, { begin }] of value.ranges.entries()) if (i > 0) expect(begin).toBeGreaterThan(value.ranges[i - 1]!.end + 1);
          }
        }
      }),
    );
  });

  test('a hundred thousand ranges, each an entry of its own, are added up at once and not one after the other, which would take minutes', () => {
    const entries = Array.from({ length: 100_000 }, (_, i) => aRange('ports', [2 * i, 2 * i]));
    const [ports] = Resources.of(entries);
    expect(ports?.value.kind === 'ranges' && ports.value.ranges.length).toBe(100_000);
  });

  test('R2: no operation changes its operands', () => {
    fc.assert(
      fc.property(bags, bags, (a, b) => {
        const before = JSON.stringify([[...a], [...b]]);
        void [a.plus(b), a.minus(b), a.contains(b), a.allocatedTo('x'), a.unallocated(), a.quantities(), String(a)];
        expect(JSON.stringify([[...a], [...b]])).toBe(before);
      }),
    );
  });

  test('quantities add up over disjoint names of bags without shared amounts, and scalar agrees with them', () => {
    fc.assert(
      fc.property(bags, bags, (a, b) => {
        const [left, right] = [a.nonShared(), b.nonShared()];
        const sum = left.plus(right);
        for (const name of ['cpus', 'mem', 'disk', 'ports']) {
          expect(sum.scalar(name)).toBe(left.scalar(name) + right.scalar(name));
          expect(sum.quantities().get(name) ?? 0).toBe(sum.scalar(name));
        }
      }),
    );
  });

  test('allocating and unallocating changes the role of everything and the amount of nothing', () => {
    fc.assert(
      fc.property(bags, (a) => {
        const allocated = a.allocatedTo('eng/web');
        expect([...allocated].every(({ allocationRole }) => allocationRole === 'eng/web')).toBe(true);
        expectEqual(allocated, Resources.of([...a].map((resource) => ({ ...resource, allocationRole: 'eng/web' }))));
        expectEqual(allocated.unallocated(), a.unallocated());
        expectEqual(allocated.allocatedTo('ops'), a.allocatedTo('ops'));
      }),
    );
  });

  test('the parts of a bag are disjoint and make up the whole', () => {
    fc.assert(
      fc.property(bags, (a) => {
        expectEqual(a.reserved().plus(a.unreserved()), a);
        expectEqual(a.revocable().plus(a.nonRevocable()), a);
        expectEqual(a.shared().plus(a.nonShared()), a);
        expectEqual(a.allocatableTo('eng'), a.filter((resource) => isAllocatableTo(resource, 'eng')));
        expectEqual(a.map((resource) => resource), a);
      }),
    );
  });
});

describe('scalars', () => {
  test('0.1 + 0.2 is 0.3, so that ten tenths of a cpu fill one', () => {
    const tenth = Resources.of([aScalar('cpus', 100)]);
    expect(String(tenth.plus(Resources.of([aScalar('cpus', 200)])))).toBe('cpus:0.3');
    expectEqual(Resources.sum(Array.from({ length: 10 }, () => tenth)), Resources.of([aScalar('cpus', 1000)]));
  });

  test('an amount of 0 is not stored, so that a bag of nothing is empty', () => {
    expect(Resources.of([aScalar('cpus', 0), aRange('ports'), aSet('zones')]).isEmpty).toBe(true);
    expect(Resources.of([aScalar('cpus', 5)]).minus(Resources.of([aScalar('cpus', 5)])).isEmpty).toBe(true);
  });

  test.each([
    ['a negative amount', aScalar('cpus', -1)],
    ['a fraction of a thousandth', aScalar('cpus', 0.5)],
    ['an infinite amount', aScalar('cpus', Infinity)],
    ['a range that ends before it begins', aRange('ports', [2, 1])],
    ['a negative port', aRange('ports', [-1, 1])],
    ['an empty name', aScalar('', 1)],
  ])('%s is a bug of the caller and throws', (_, resource) => {
    expect(() => Resources.of([resource])).toThrow(TypeError);
  });
});

describe('ranges and sets', () => {
  test.each<[string, Resource, Resource, string, string]>([
    ['a hole is cut', aRange('ports', [1, 9]), aRange('ports', [4, 5]), 'ports:[1-9]', 'ports:[1-3,6-9]'],
    ['neighbours join', aRange('ports', [1, 3]), aRange('ports', [4, 5]), 'ports:[1-5]', 'ports:[1-3]'],
    ['one cut reaches into several ranges', aRange('ports', [1, 3], [5, 7], [9, 9]), aRange('ports', [2, 6]), 'ports:[1-7,9-9]', 'ports:[1-1,7-7,9-9]'],
    ['items unite', aSet('zones', 'b', 'a'), aSet('zones', 'b', 'c'), 'zones:{a,b,c}', 'zones:{a}'],
  ])('%s', (_, a, b, sum, difference) => {
    expect(String(Resources.of([a]).plus(Resources.of([b])))).toBe(sum);
    expect(String(Resources.of([a]).minus(Resources.of([b])))).toBe(difference);
  });
});

describe('identity', () => {
  const plain = aScalar('disk', 1000);
  const reserved = aScalar('disk', 1000, { reservations: [dynamicFor('eng', 'alice')] });
  test.each<[string, Resource, Resource]>([
    ['name', plain, aScalar('mem', 1000)],
    ['value kind', plain, aSet('disk', 'sda')],
    ['reservation', plain, reserved],
    ['reservation type', aScalar('disk', 1000, { reservations: [dynamicFor('eng')] }), aScalar('disk', 1000, { reservations: [staticFor('eng')] })],
    ['reservation role', reserved, aScalar('disk', 1000, { reservations: [dynamicFor('ops', 'alice')] })],
    ['reservation principal', reserved, aScalar('disk', 1000, { reservations: [dynamicFor('eng', 'bob')] })],
    ['reservation labels', reserved, aScalar('disk', 1000, { reservations: [{ ...dynamicFor('eng', 'alice'), labels: [{ key: 'k' }] }] })],
    ['refinement', reserved, aScalar('disk', 1000, { reservations: [dynamicFor('eng', 'alice'), dynamicFor('eng/web')] })],
    ['disk source', plain, aScalar('disk', 1000, { disk: { source: { type: 'PATH', metadata: [] } } })],
    ['persistence id', aVolume('v1', 1000), aVolume('v2', 1000)],
    ['persistence principal', aVolume('v', 1000), aVolume('v', 1000, { disk: { persistence: { id: 'v', principal: 'alice' } } })],
    ['size of a volume', aVolume('v', 1000), aVolume('v', 2000)],
    ['revocability', plain, { ...plain, revocable: true }],
    ['sharedness', aVolume('v', 1000), aVolume('v', 1000, { shared: true })],
    ['provider', plain, { ...plain, providerId: 'storage' }],
    ['allocation role', plain, { ...plain, allocationRole: 'eng' }],
  ])('amounts that differ in %s are different things: neither pays for the other', (_, a, b) => {
    const [left, right] = [Resources.of([a]), Resources.of([b])];
    expect(left.plus(right).size).toBe(2);
    expect(left.contains(right) || right.contains(left)).toBe(false);
    expectEqual(left.minus(right), left);
  });

  test('the order of labels, and where a task mounts a volume, make no difference', () => {
    const labels = [{ key: 'a', value: '1' }, { key: 'b' }];
    const one = aScalar('cpus', 1, { reservations: [{ ...dynamicFor('eng'), labels }] });
    const other = aScalar('cpus', 1, { reservations: [{ ...dynamicFor('eng'), labels: [...labels].reverse() }] });
    expect(Resources.of([one]).equals(Resources.of([other]))).toBe(true);
    const elsewhere = aVolume('v', 1000, { disk: { persistence: { id: 'v' }, volume: { containerPath: 'other', mode: 'RO' } } });
    expect(Resources.of([aVolume('v', 1000)]).contains(Resources.of([elsewhere]))).toBe(true);
  });
});

describe('what cannot be cut (R4)', () => {
  test('a volume is taken whole or not at all', () => {
    const held = Resources.of([aVolume('v', 2000)]);
    expectEqual(held.minus(Resources.of([aVolume('v', 1000)])), held);
    expect(held.minus(Resources.of([aVolume('v', 2000)])).isEmpty).toBe(true);
  });

  test('copies of a shared volume are counted in containment, and once in quantities', () => {
    const copy = Resources.of([aVolume('v', 1000, { shared: true })]);
    const two = copy.plus(copy);
    expect([two.contains(two), copy.contains(two), two.minus(copy).equals(copy), [...two].length, two.size]).toEqual([true, false, true, 2, 1]);
    expect([two.scalar('disk'), two.quantities().get('disk')]).toEqual([1000, 1000]);
  });

  test('equal MOUNT disks of two agents stay two disks, and both count', () => {
    const mount = Resources.of([aScalar('disk', 1000, { disk: { source: { type: 'MOUNT', root: '/d', metadata: [] } } })]);
    expect([mount.plus(mount).scalar('disk'), mount.plus(mount).minus(mount).equals(mount)]).toEqual([2000, true]);
  });

  test.each([
    ['PATH', undefined, false],
    ['MOUNT', undefined, true],
    ['BLOCK', undefined, true],
    ['RAW', undefined, false],
    ['RAW', 'dev1', true],
  ] as const)('a %s disk with id %s is indivisible: %s', (type, id, expected) => {
    const disk = { source: { type, metadata: [], ...(id === undefined ? {} : { id }) } };
    expect(isIndivisible({ disk, shared: false })).toBe(expected);
  });
});

test.each([
  [[], 'eng', true],
  [[staticFor('eng')], 'eng', true],
  [[staticFor('eng')], 'eng/web', true],
  [[staticFor('eng/web')], 'eng', false],
  [[staticFor('eng')], 'engine', false],
  [[staticFor('eng')], '*', false],
  [[staticFor('eng'), dynamicFor('eng/web')], 'eng', false],
  [[staticFor('eng'), dynamicFor('eng/web')], 'eng/web/a', true],
])('an amount reserved %j may be offered to %s: %s', (reservations, role, expected) => {
  expect(isAllocatableTo({ reservations }, role)).toBe(expected);
});

test('allocationRole is the role of all entries, and nothing when they disagree', () => {
  const bag = Resources.of([aScalar('cpus', 1), aScalar('mem', 1)]);
  expect(bag.allocationRole).toBeUndefined();
  expect(Resources.empty.allocationRole).toBeUndefined();
  expect(bag.allocatedTo('eng').allocationRole).toBe('eng');
  expect(bag.allocatedTo('eng').plus(bag.allocatedTo('ops')).allocationRole).toBeUndefined();
  expect(bag.allocatedTo('eng').plus(bag).allocationRole).toBeUndefined();
});

test('toString says what the text grammar can, and remarks on the rest', () => {
  const bag = Resources.of([
    aRange('ports', [31000, 32000]),
    aScalar('mem', 1_024_000),
    aScalar('cpus', 500),
    aScalar('cpus', 4000, { reservations: [staticFor('eng')] }),
    aScalar('cpus', 1500, { revocable: true, allocationRole: 'ops' }),
    aVolume('v', 1000, { reservations: [dynamicFor('eng', 'alice')], shared: true }),
    aVolume('v', 1000, { reservations: [dynamicFor('eng', 'alice')], shared: true }),
  ]);
  expect(String(bag)).toBe(
    'cpus:0.5;cpus(eng):4;cpus:1.5{revocable, allocated to ops};' +
      'disk(eng):1{dynamic eng by alice, disk volume v at data, shared, 2 copies};mem:1024;ports:[31000-32000]',
  );
  expect(JSON.stringify({ bag: Resources.of([aScalar('cpus', 500)]) })).toBe('{"bag":"cpus:0.5"}');
  expect(bag.names()).toEqual(['cpus', 'disk', 'mem', 'ports']);
});

test('ofQuantities and quantities are inverse', () => {
  const quantities = new Map([['cpus', 500], ['mem', 64_000]]);
  expect(Resources.ofQuantities(quantities).quantities()).toEqual(quantities);
});
