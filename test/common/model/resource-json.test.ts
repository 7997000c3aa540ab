// Proves the Mesos JSON form of resources: round trip by property, both reservation formats and refusals by table.

import fc from 'fast-check';
import { parseResourceJson, parseResourcesJson, resourcesToJson } from '../../../common/model/resource-json';
import { Resources } from '../../../common/model/resources';
import { bags, dynamicFor, staticFor } from './resource-arbitraries';

const cpus = { name: 'cpus', type: 'SCALAR', scalar: { value: 1.5 } };

test('J1: parsing what was printed gives equal resources, copies and mount points included', () => {
  fc.assert(
    fc.property(bags, (bag) => {
      const result = parseResourcesJson(JSON.parse(JSON.stringify(resourcesToJson(bag))), 'resources');
      if (!result.ok) throw new Error(JSON.stringify(result.refusal));
      expect(Resources.of(result.value).equals(bag)).toBe(true);
      expect(result.value).toEqual([...bag]);
    }),
  );
});

test('the form is that of Mesos, in the format with reservations', () => {
  const json = {
    name: 'disk',
    type: 'SCALAR',
    scalar: { value: 0.3 },
    reservations: [
      { type: 'STATIC', role: 'eng' },
      { type: 'DYNAMIC', role: 'eng/web', principal: 'alice', labels: { labels: [{ key: 'k', value: 'v' }, { key: 'flag' }] } },
    ],
    disk: {
      persistence: { id: 'v', principal: 'alice' },
      volume: { container_path: 'data', mode: 'RW' },
      source: { type: 'MOUNT', mount: { root: '/mnt' }, id: 'i', metadata: { labels: [{ key: 'm' }] }, profile: 'p', vendor: 'x' },
    },
    shared: {},
    allocation_info: { role: 'eng/web' },
    provider_id: { value: 'storage' },
  };
  const result = parseResourcesJson([json], 'resources');
  expect(result.ok && resourcesToJson(Resources.of(result.value))).toEqual([json]);
});

test.each([
  ['no role at all', {}, []],
  ['role "*"', { role: '*' }, []],
  ['nulls', { role: null, reservation: null, reservations: null, revocable: null }, []],
  ['an empty stack beside role "*"', { role: '*', reservations: [] }, []],
  ['a role alone', { role: 'eng' }, [staticFor('eng')]],
  ['a role with a reservation', { role: 'eng', reservation: { principal: 'p' } }, [dynamicFor('eng', 'p')]],
  ['a stack', { reservations: [{ type: 'STATIC', role: 'eng' }, { type: 'DYNAMIC', role: 'eng/a' }] }, [staticFor('eng'), dynamicFor('eng/a')]],
  ['a stack of one, not in a list', { reservations: { type: 'STATIC', role: 'eng' } }, [staticFor('eng')]],
])('%s is read as the stack %j', (_, members, reservations) => {
  expect(parseResourceJson({ ...cpus, ...members }, 'r')).toMatchObject({ ok: true, value: { reservations } });
});

test('numbers may be text, and unknown members are ignored, as Mesos clients expect', () => {
  const ports = { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: '1', end: '2' }] }, colour: 'red' };
  expect(parseResourceJson(ports, 'r')).toMatchObject({ ok: true, value: { value: { ranges: [{ begin: 1, end: 2 }] } } });
});

test('the default role reserves only what has no reservation', () => {
  const result = parseResourcesJson([cpus, { ...cpus, role: 'ops' }], 'r', 'eng');
  expect(result.ok && String(Resources.of(result.value))).toBe('cpus(eng):1.5;cpus(ops):1.5');
});

test.each<[string, unknown, string]>([
  ['no object', 'cpus', 'r'],
  ['no name', { ...cpus, name: undefined }, 'r.name'],
  ['a name that is no text', { ...cpus, name: 7 }, 'r.name'],
  ['an unknown type', { ...cpus, type: 'TEXT' }, 'r.type'],
  ['no value', { name: 'cpus', type: 'SCALAR' }, 'r.scalar'],
  ['a value of another type beside it', { ...cpus, set: { item: ['a'] } }, 'r.set'],
  ['a number that is none', { ...cpus, scalar: { value: 'many' } }, 'r.scalar.value'],
  ['a negative number', { ...cpus, scalar: { value: -1 } }, 'r.scalar.value'],
  ['infinity', { ...cpus, scalar: { value: 'Infinity' } }, 'r.scalar.value'],
  ['a broken range', { name: 'p', type: 'RANGES', ranges: { range: [{ begin: 1, end: 2 }, { begin: 3 }] } }, 'r.ranges.range[1].end'],
  ['an item that is no text', { name: 's', type: 'SET', set: { item: ['a', 1] } }, 'r.set.item[1]'],
  ['both formats', { ...cpus, role: 'eng', reservations: [{ type: 'STATIC', role: 'eng' }] }, 'r.role'],
  ['both formats, the other way', { ...cpus, reservation: {}, reservations: [{ type: 'STATIC', role: 'eng' }] }, 'r.reservation'],
  ['a reservation for nobody', { ...cpus, role: '*', reservation: {} }, 'r.role'],
  ['a role inside the old format', { ...cpus, role: 'eng', reservation: { role: 'eng' } }, 'r.reservation.role'],
  ['a reservation without type', { ...cpus, reservations: [{ role: 'eng' }] }, 'r.reservations[0].type'],
  ['a refinement for a stranger', { ...cpus, reservations: [{ type: 'STATIC', role: 'a' }, { type: 'DYNAMIC', role: 'b' }] }, 'r.reservations[1].role'],
  ['a label without key', { ...cpus, reservations: [{ type: 'STATIC', role: 'a', labels: { labels: [{ value: 'v' }] } }] }, 'r.reservations[0].labels.labels[0].key'],
  ['a disk of cpus', { ...cpus, disk: {} }, 'r.disk'],
  ['a volume without mode', { ...cpus, name: 'disk', disk: { volume: { container_path: 'x' } } }, 'r.disk.volume.mode'],
  ['a mount of a PATH disk', { ...cpus, name: 'disk', disk: { source: { type: 'PATH', mount: { root: '/' } } } }, 'r.disk.source.mount'],
  ['revocable as text', { ...cpus, revocable: 'yes' }, 'r.revocable'],
])('%s is refused by its path', (_, json, field) => {
  const result = parseResourceJson(json, 'r');
  expect(result.ok ? 'accepted' : result.refusal.field).toBe(field);
});

test('a list is refused by the index of the bad resource, and what is no list as a whole', () => {
  expect(parseResourcesJson([cpus, {}], 'resources')).toMatchObject({ ok: false, refusal: { field: 'resources[1].name' } });
  expect(parseResourcesJson({}, 'resources')).toMatchObject({ ok: false, refusal: { field: 'resources', value: '{}' } });
});
