// Resources for properties: few names, roles and ports, so that what is drawn meets itself often.
//
// Owns:      fast-check arbitraries of resources, and short builders for tables.
// Elsewhere: the properties (the tests beside this file).

import fc from 'fast-check';
import { Resources, type DiskInfo, type Reservation, type Resource, type ResourceValue } from '../../../common/model/resources';

type Traits = Partial<Omit<Resource, 'name' | 'value'>>;

export function aScalar(name: string, milli: number, traits: Traits = {}): Resource {
  return { name, value: { kind: 'scalar', milli }, reservations: [], revocable: false, shared: false, ...traits };
}

export function aRange(name: string, ...ranges: readonly (readonly [begin: number, end: number])[]): Resource {
  return { ...aScalar(name, 0), value: { kind: 'ranges', ranges: ranges.map(([begin, end]) => ({ begin, end })) } };
}

export function aSet(name: string, ...items: readonly string[]): Resource {
  return { ...aScalar(name, 0), value: { kind: 'set', items } };
}

export const staticFor = (role: string): Reservation => ({ type: 'STATIC', role, labels: [] });
export const dynamicFor = (role: string, principal?: string): Reservation => ({
  type: 'DYNAMIC',
  role,
  ...(principal === undefined ? {} : { principal }),
  labels: [],
});

/** A persistent volume on the agent's root disk. */
export function aVolume(id: string, milli: number, traits: Traits = {}): Resource {
  return aScalar('disk', milli, {
    reservations: [staticFor('eng')],
    disk: { persistence: { id }, volume: { containerPath: 'data', mode: 'RW' } },
    ...traits,
  });
}

const milli = fc.integer({ min: 0, max: 5000 });
const range = fc.tuple(fc.nat(20), fc.nat(5)).map(([begin, length]) => ({ begin, end: begin + length }));

const reservations = fc.constantFrom<readonly Reservation[]>(
  [],
  [],
  [staticFor('eng')],
  [dynamicFor('eng')],
  [dynamicFor('eng', 'alice')],
  [{ ...dynamicFor('eng'), labels: [{ key: 'k', value: 'v' }, { key: 'flag' }] }],
  [staticFor('eng'), dynamicFor('eng/web', 'bob')],
);

const allocation = fc.constantFrom<Pick<Resource, 'allocationRole'>>({}, {}, { allocationRole: 'eng' }, { allocationRole: 'ops' });

const disk = fc.constantFrom<DiskInfo>(
  { source: { type: 'PATH', root: '/mnt/a', metadata: [] } },
  { source: { type: 'MOUNT', root: '/mnt/b', metadata: [{ key: 'k', value: 'v' }] } },
  { source: { type: 'RAW', profile: 'fast', metadata: [] } },
  { source: { type: 'RAW', id: 'dev1', vendor: 'acme', metadata: [] } },
  { persistence: { id: 'v1', principal: 'alice' }, volume: { containerPath: 'data', mode: 'RW' } },
  { persistence: { id: 'v2' }, volume: { containerPath: 'data', hostPath: '/x', mode: 'RO' } },
);

const scalarResource = fc
  .tuple(fc.constantFrom('cpus', 'mem'), milli, reservations, allocation)
  .map(([name, amount, stack, role]) => aScalar(name, amount, { reservations: stack, ...role }));
const rangesResource = fc
  .tuple(fc.array(range, { maxLength: 4 }), reservations)
  .map(([ranges, stack]): Resource => ({ ...aRange('ports'), value: { kind: 'ranges', ranges }, reservations: stack }));
const setResource = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 }), reservations)
  .map(([items, stack]): Resource => ({ ...aSet('zones'), value: { kind: 'set', items }, reservations: stack }));
const diskResource = fc
  .tuple(fc.constantFrom(1000, 2000), disk, reservations)
  .map(([amount, info, stack]) => aScalar('disk', amount, { disk: info, reservations: stack }));
const sharedVolume = fc.constantFrom('s1', 's2').map((id) => aVolume(id, 1000, { shared: true }));
const revocableResource = milli.map((amount) => aScalar('cpus', amount, { revocable: true }));
const providedResource = milli.map((amount) => aScalar('disk', amount, { providerId: 'storage' }));

const resource = fc.oneof(scalarResource, rangesResource, setResource, diskResource, sharedVolume, revocableResource, providedResource);

/** A list as a decoder would hand it over: with repetitions, zeros, overlaps, in any order. */
export const resourceLists: fc.Arbitrary<readonly Resource[]> = fc.array(resource, { maxLength: 8 });
export const bags: fc.Arbitrary<Resources> = resourceLists.map((list) => Resources.of(list));

/** Only what the text grammar can say. */
export const sayableBags: fc.Arbitrary<Resources> = fc
  .array(fc.tuple(fc.oneof(scalarResource, rangesResource, setResource), fc.constantFrom([], [staticFor('eng/web')])), { maxLength: 8 })
  .map((list) => Resources.of(list.map(([{ name, value }, stack]) => ({ ...aScalar(name, 0), value, reservations: stack }))));

/** A value without normal form. */
export const rangeLists: fc.Arbitrary<Extract<ResourceValue, { kind: 'ranges' }>['ranges']> = fc.array(range, { maxLength: 6 });
