// Resource codec: amounts and their identity, wire <-> domain.
//
// Owns:      the Resource message with both forms of reservation, and lists of them as Resources.
// Elsewhere: which amounts may enter (common/model/resource-check.ts), their algebra (common/model/resources.ts), other messages
//            (vocabulary-codec.ts).
// Invariants:
//   Y1. Both forms of reservation are read, never mixed in one resource; the stack form is written.
//   Y2. What comes out of `decode` is accepted by `Resources.of`.
// Source: reference 8.3 and section 3; doubles with three decimals outside, thousandths inside.

import { checkResource, checkTogether, type ResourceCandidate } from '../common/model/resource-check';
import { Resources, type DiskInfo, type Reservation, type Resource, type ResourceValue } from '../common/model/resources';
import { roleDepthMax, unreservedRole } from '../common/model/role';
import { assertNever } from '../common/invariant';
import {
  boxed,
  boxedList,
  codec,
  count,
  enumeration,
  isRecord,
  message,
  number,
  Rejection,
  rejectionFrom,
  repeatedCountMax,
  text,
  type Codec,
  type Inside,
  type NamesOf,
  type WireRecord,
} from './codec';
import type { Labels as WireLabels } from './generated/allot/v1/Labels';
import type { Resource as WireResource } from './generated/allot/v1/Resource';
import type { ResourceProviderID as WireResourceProviderID } from './generated/allot/v1/ResourceProviderID';

type Labels = Reservation['labels'];
const labels: Codec<Labels, WireLabels> = boxedList<WireLabels>()(
  'labels',
  message<Labels[number], Inside<WireLabels, 'labels'>>((field) => ({ key: field.required('key', text), value: field.optional('value', text) })),
);

type WireReservation = Inside<WireResource, 'reservations'>;
const reservation = message<Reservation, WireReservation>((field) => ({
  type: field.required(
    'type',
    enumeration<Reservation['type'], NamesOf<WireReservation, 'type'>>('a reservation type')({ UNKNOWN: null, STATIC: 'STATIC', DYNAMIC: 'DYNAMIC' }),
  ),
  role: field.required('role', text),
  principal: field.optional('principal', text),
  labels: field.list('labels', labels),
}));
const dynamicRemarks = message<Omit<Reservation, 'type' | 'role'>, WireReservation>((field) => ({
  principal: field.optional('principal', text),
  labels: field.list('labels', labels),
}));

type WireDisk = Inside<WireResource, 'disk'>;
type WireDiskSource = Inside<WireDisk, 'source'>;
type DiskSource = NonNullable<DiskInfo['source']>;
type DiskVolume = NonNullable<DiskInfo['volume']>;
type WireDiskVolume = Inside<WireDisk, 'volume'>;

const diskSourceFields = message<Omit<DiskSource, 'root'>, WireDiskSource>((field) => ({
  type: field.required(
    'type',
    enumeration<DiskSource['type'], NamesOf<WireDiskSource, 'type'>>('a disk type')({ UNKNOWN: null, PATH: 'PATH', MOUNT: 'MOUNT', BLOCK: 'BLOCK', RAW: 'RAW' }),
  ),
  id: field.optional('id', text),
  profile: field.optional('profile', text),
  vendor: field.optional('vendor', text),
  metadata: field.list('metadata', labels),
}));
/** The member that carries the root, by type; the other two types have none. */
const rootMembers = { PATH: 'path', MOUNT: 'mount', BLOCK: undefined, RAW: undefined } as const;
const diskSource = codec<DiskSource, WireDiskSource>(
  'a disk source',
  (wire) => {
    const fields = diskSourceFields.decode(wire);
    if (fields instanceof Rejection) return fields;
    const member = rootMembers[fields.type];
    const holder = member === undefined ? undefined : (wire as WireRecord)[member];
    const root = isRecord(holder) ? holder['root'] : undefined;
    if (root === undefined || root === null) return fields;
    return typeof root === 'string' ? { ...fields, root } : new Rejection(root, 'a path').within(`${String(member)}.root`);
  },
  (value) => {
    const wire = diskSourceFields.encode(value);
    const member = rootMembers[value.type];
    if (member !== undefined && value.root !== undefined) wire[member] = { root: value.root };
    return wire;
  },
);

const disk = message<DiskInfo, WireDisk>((field) => ({
  persistence: field.optional(
    'persistence',
    message<NonNullable<DiskInfo['persistence']>, Inside<WireDisk, 'persistence'>>((inner) => ({
      id: inner.required('id', text),
      principal: inner.optional('principal', text),
    })),
  ),
  volume: field.optional(
    'volume',
    message<DiskVolume, WireDiskVolume>(
      (inner) => ({
        containerPath: inner.required('container_path', text),
        hostPath: inner.optional('host_path', text),
        mode: inner.required('mode', enumeration<DiskVolume['mode'], NamesOf<WireDiskVolume, 'mode'>>('a volume mode')({ UNKNOWN: null, RW: 'RW', RO: 'RO' })),
      }),
      { unsupported: ['image', 'source'] },
    ),
  ),
  source: field.optional('source', diskSource),
}));

const valueType = enumeration<ResourceValue['kind'], NamesOf<WireResource, 'type'>>('a resource type')({
  SCALAR: 'scalar',
  RANGES: 'ranges',
  SET: 'set',
  TEXT: null,
});
const units = boxed<Inside<WireResource, 'scalar'>>()('value', number('a number', (value) => !Number.isNaN(value)));
const ranges = boxedList<Inside<WireResource, 'ranges'>>()(
  'range',
  message<{ readonly begin: number; readonly end: number }, Inside<Inside<WireResource, 'ranges'>, 'range'>>((field) => ({
    begin: field.required('begin', count),
    end: field.required('end', count),
  })),
);
const items = boxedList<Inside<WireResource, 'set'>>()('item', text);
const providerId = boxed<WireResourceProviderID>()('value', text);
const allocation = boxed<Inside<WireResource, 'allocation_info'>>()('role', text);

const resource = codec<Resource, WireResource>(
  'a resource',
  (wire) => {
    if (!isRecord(wire)) return new Rejection(wire, 'a resource');
    const { name } = wire;
    if (typeof name !== 'string') return new Rejection(name, 'a resource name').within('name');
    const value = decodeValue(wire);
    if (value instanceof Rejection) return value;
    const reservations = decodeReservations(wire);
    if (reservations instanceof Rejection) return reservations;
    const candidate: Draft<ResourceCandidate> = {
      name,
      value,
      reservations,
      revocable: isSet(wire['revocable']),
      shared: isSet(wire['shared']),
    };
    if (isSet(wire['disk'])) {
      const decoded = disk.decode(wire['disk']);
      if (decoded instanceof Rejection) return decoded.within('disk');
      candidate.disk = decoded;
    }
    if (isSet(wire['provider_id'])) {
      const decoded = providerId.decode(wire['provider_id']);
      if (decoded instanceof Rejection) return decoded.within('provider_id');
      candidate.providerId = decoded;
    }
    const allocatedTo = wire['allocation_info'];
    if (isRecord(allocatedTo) && isSet(allocatedTo['role'])) {
      const decoded = allocation.decode(allocatedTo);
      if (decoded instanceof Rejection) return decoded.within('allocation_info');
      candidate.allocationRole = decoded;
    }
    const checked = checkResource(candidate, '');
    // The check builds absolute paths from the field that it is given; from the empty one they begin with the dot.
    return checked.ok ? checked.value : rejectionFrom({ ...checked.refusal, field: checked.refusal.field.replace(/^\./, '') });
  },
  (value) => {
    const wire: WireResource = { name: value.name, type: valueType.encode(value.value.kind) };
    encodeValue(value.value, wire);
    if (value.reservations.length > 0) wire.reservations = value.reservations.map(reservation.encode);
    if (value.disk !== undefined) wire.disk = disk.encode(value.disk);
    if (value.revocable) wire.revocable = {};
    if (value.shared) wire.shared = {};
    if (value.providerId !== undefined) wire.provider_id = { value: value.providerId };
    if (value.allocationRole !== undefined) wire.allocation_info = { role: value.allocationRole };
    return wire;
  },
);

type Draft<T> = { -readonly [Key in keyof T]: T[Key] };

function isSet(wire: unknown): boolean {
  return wire !== undefined && wire !== null;
}

function decodeValue(wire: WireRecord): ResourceCandidate['value'] | Rejection {
  const type = valueType.decode(wire['type']);
  if (type instanceof Rejection) return type.within('type');
  const other = valueMembers.find((member) => member !== type && isSet(wire[member]));
  if (other !== undefined) return new Rejection(wire[other], `no value beside the type ${valueType.encode(type)}`).within(other);
  switch (type) {
    case 'scalar': {
      const decoded = units.decode(wire['scalar']);
      return decoded instanceof Rejection ? decoded.within('scalar') : { kind: 'scalar', units: decoded };
    }
    case 'ranges': {
      const decoded = ranges.decode(wire['ranges']);
      return decoded instanceof Rejection ? decoded.within('ranges') : { kind: 'ranges', ranges: decoded };
    }
    case 'set': {
      const decoded = items.decode(wire['set']);
      return decoded instanceof Rejection ? decoded.within('set') : { kind: 'set', items: decoded };
    }
    default:
      return assertNever(type);
  }
}

const valueMembers = ['scalar', 'ranges', 'set'] as const;

function encodeValue(value: ResourceValue, wire: WireResource): void {
  switch (value.kind) {
    case 'scalar':
      wire.scalar = { value: value.milli / 1000 };
      return;
    case 'ranges':
      wire.ranges = ranges.encode(value.ranges);
      return;
    case 'set':
      wire.set = items.encode(value.items);
      return;
    default:
      assertNever(value);
  }
}

const unreserved: readonly Reservation[] = Object.freeze([]);

/** Y1. */
function decodeReservations(wire: WireRecord): readonly Reservation[] | Rejection {
  const stack = wire['reservations'];
  const role = wire['role'];
  const single = wire['reservation'];
  if (stack !== undefined && stack !== null && !(Array.isArray(stack) && stack.length === 0)) {
    if (!Array.isArray(stack)) return new Rejection(stack, 'a list').within('reservations');
    if (stack.length > reservationCountMax) return new Rejection(stack.length, `at most ${reservationCountMax} reservations`).within('reservations');
    if (isSet(role)) return new Rejection(role, 'no value beside "reservations"').within('role');
    if (isSet(single)) return new Rejection(single, 'no value beside "reservations"').within('reservation');
    const decoded: Reservation[] = [];
    for (let index = 0; index < stack.length; index += 1) {
      const entry = reservation.decode(stack[index]);
      if (entry instanceof Rejection) return entry.within(`[${index}]`).within('reservations');
      decoded.push(entry);
    }
    return decoded;
  }
  if (isSet(role) && typeof role !== 'string') return new Rejection(role, 'a role').within('role');
  const holder = typeof role === 'string' && role !== '' ? role : unreservedRole;
  if (!isSet(single)) return holder === unreservedRole ? unreserved : [{ type: 'STATIC', role: holder, labels: [] }];
  if (holder === unreservedRole) return new Rejection(role, 'a role other than "*", as "reservation" is set').within('role');
  const remarks = dynamicRemarks.decode(single);
  if (remarks instanceof Rejection) return remarks.within('reservation');
  for (const inner of ['role', 'type'] as const) {
    const value = (single as WireRecord)[inner];
    if (isSet(value)) return new Rejection(value, 'no value; use "reservations" for stacks').within(`reservation.${inner}`);
  }
  return [{ type: 'DYNAMIC', role: holder, ...remarks }];
}

/** Deepest stack of refinements: each is for a role strictly below the one before. */
const reservationCountMax = roleDepthMax;

/** A repeated Resource field as one Resources value. */
export const resourceList = codec<Resources, WireResource[]>(
  'a list of resources',
  (wire) => {
    if (!Array.isArray(wire)) return new Rejection(wire, 'a list of resources');
    if (wire.length === 0) return Resources.empty;
    if (wire.length > repeatedCountMax) return new Rejection(wire.length, `at most ${repeatedCountMax} resources`);
    const decoded: Resource[] = [];
    for (let index = 0; index < wire.length; index += 1) {
      const entry = resource.decode(wire[index]);
      if (entry instanceof Rejection) return entry.within(`[${index}]`);
      decoded.push(entry);
    }
    const checked = checkTogether(Resources.of(decoded), '');
    return checked.ok ? checked.value : rejectionFrom(checked.refusal);
  },
  (value) => Array.from(value, resource.encode),
);

/** A single Resource field as a Resources value of one entry. */
export const oneResource = codec<Resources, WireResource>(
  'a resource',
  (wire) => {
    const decoded = resource.decode(wire);
    return decoded instanceof Rejection ? decoded : Resources.of([decoded]);
  },
  (value) => {
    const [first] = value;
    return first === undefined ? {} : resource.encode(first);
  },
);
