// Resource JSON: resources in the form of the Mesos v1 API.
//
// Owns:      the JSON form of resources, both ways, and the reading of the two reservation formats.
// Elsewhere: the rules each resource must obey (resource-check.ts), the short text form (resource-text.ts), protobuf (proto/).
// Invariants:
//   J1. Parsing what was printed gives equal resources.
//   J2. Refusals name the JSON path: `resources[2].reservations[0].role`.
// Source: Mesos v1 Resource in JSON, as its codec reads it: unknown members are ignored, null means absent, numbers may be strings, one
//         value may stand for a list of one. Input in the format before refinement (`role`, `reservation`) or after (`reservations`), never
//         both in one resource; output in the latter.

import { accepted, refused, type Checked, type Refusal } from '../refusal';
import { checkResource, type ResourceCandidate } from './resource-check';
import type { DiskInfo, Range, Reservation, Resource, ResourceValue } from './resources';
import { unreservedRole } from './role';

/**
 * The resources of a JSON array (already parsed), in order, those of amount 0 included. Resources without any reservation are reserved
 * (statically) for `defaultRole`, default `*`: for nobody.
 */
export function parseResourcesJson(json: unknown, field: string, defaultRole = unreservedRole): Checked<readonly Resource[]> {
  if (!Array.isArray(json)) return refused(field, json, 'an array of resources');
  const resources: Resource[] = [];
  for (const [i, item] of json.entries()) {
    const resource = parseResourceJson(item, `${field}[${i}]`, defaultRole);
    if (!resource.ok) return resource;
    resources.push(resource.value);
  }
  return accepted(resources);
}

export function parseResourceJson(json: unknown, field: string, defaultRole = unreservedRole): Checked<Resource> {
  try {
    return checkResource(readResource(readObject(json, field), field, defaultRole), field);
  } catch (error) {
    if (error instanceof Misread) return { ok: false, refusal: error.refusal };
    throw error;
  }
}

/** Plain JSON values, ready for `JSON.stringify`; copies one by one. */
export function resourcesToJson(resources: Iterable<Resource>): JsonObject[] {
  return Array.from(resources, resourceToJson);
}

export function resourceToJson(resource: Resource): JsonObject {
  const { name, value, reservations, disk, revocable, shared, providerId, allocationRole } = resource;
  return {
    name,
    ...valueToJson(value),
    ...(reservations.length === 0 ? {} : { reservations: reservations.map(reservationToJson) }),
    ...(disk === undefined ? {} : { disk: diskToJson(disk) }),
    ...(revocable ? { revocable: {} } : {}),
    ...(shared ? { shared: {} } : {}),
    ...(allocationRole === undefined ? {} : { allocation_info: { role: allocationRole } }),
    ...(providerId === undefined ? {} : { provider_id: { value: providerId } }),
  };
}

type JsonObject = Readonly<Record<string, unknown>>;
type Labels = readonly { readonly key: string; readonly value?: string }[];

/** Leaves the reading of one resource early; caught where the reading began, so it never leaves this file. */
class Misread extends Error {
  readonly refusal: Refusal;
  constructor(field: string, value: unknown, expected: string) {
    super(`${field}: expected ${expected}`);
    this.refusal = refused(field, value, expected).refusal;
  }
}

function readResource(json: JsonObject, field: string, defaultRole: string): ResourceCandidate {
  const disk = maybe(json['disk'], (value) => readDisk(value, `${field}.disk`));
  const providerId = maybe(json['provider_id'], (value) => readText(readObject(value, `${field}.provider_id`)['value'], `${field}.provider_id.value`));
  const allocationRole = maybe(json['allocation_info'], (value) => {
    const path = `${field}.allocation_info`;
    return maybe(readObject(value, path)['role'], (role) => readText(role, `${path}.role`));
  });
  return {
    name: readText(json['name'], `${field}.name`),
    value: readValue(json, field),
    reservations: readReservations(json, field, defaultRole),
    ...(disk === undefined ? {} : { disk }),
    revocable: maybe(json['revocable'], (value) => readObject(value, `${field}.revocable`)) !== undefined,
    shared: maybe(json['shared'], (value) => readObject(value, `${field}.shared`)) !== undefined,
    ...(providerId === undefined ? {} : { providerId }),
    ...(allocationRole === undefined ? {} : { allocationRole }),
  };
}

const memberOfType = { SCALAR: 'scalar', RANGES: 'ranges', SET: 'set' } as const;

function readValue(json: JsonObject, field: string): ResourceCandidate['value'] {
  const type = readChoice(json['type'], ['SCALAR', 'RANGES', 'SET'], `${field}.type`);
  for (const [other, member] of Object.entries(memberOfType)) {
    if (other !== type && isPresent(json[member])) throw new Misread(`${field}.${member}`, json[member], `no such member, as the type is ${type}`);
  }
  const member = memberOfType[type];
  const path = `${field}.${member}`;
  const value = readObject(json[member], path);
  switch (type) {
    case 'SCALAR':
      return { kind: 'scalar', units: readNumber(value['value'], `${path}.value`) };
    case 'RANGES':
      return { kind: 'ranges', ranges: readList(value['range'], `${path}.range`, readRange) };
    case 'SET':
      return { kind: 'set', items: readList(value['item'], `${path}.item`, readText) };
  }
}

function readRange(json: unknown, field: string): Range {
  const range = readObject(json, field);
  return { begin: readNumber(range['begin'], `${field}.begin`), end: readNumber(range['end'], `${field}.end`) };
}

function readReservations(json: JsonObject, field: string, defaultRole: string): readonly Reservation[] {
  const { role, reservation, reservations } = json;
  const stack = readList(reservations, `${field}.reservations`, readReservation);
  if (stack.length > 0) {
    if (isPresent(role)) throw new Misread(`${field}.role`, role, 'no such member beside reservations');
    if (isPresent(reservation)) throw new Misread(`${field}.reservation`, reservation, 'no such member beside reservations');
    return stack;
  }
  const holder = maybe(role, (value) => readText(value, `${field}.role`)) ?? unreservedRole;
  if (!isPresent(reservation)) {
    const reservedFor = holder === unreservedRole ? defaultRole : holder;
    return reservedFor === unreservedRole ? [] : [{ type: 'STATIC', role: reservedFor, labels: [] }];
  }
  if (holder === unreservedRole) throw new Misread(`${field}.role`, role, 'the role that holds the reservation');
  const path = `${field}.reservation`;
  const old = readObject(reservation, path);
  for (const member of ['type', 'role']) {
    if (isPresent(old[member])) throw new Misread(`${path}.${member}`, old[member], 'no such member, as it belongs to the format with reservations');
  }
  return [{ type: 'DYNAMIC', role: holder, ...readPrincipalAndLabels(old, path) }];
}

function readReservation(json: unknown, field: string): Reservation {
  const reservation = readObject(json, field);
  return {
    type: readChoice(reservation['type'], ['STATIC', 'DYNAMIC'], `${field}.type`),
    role: readText(reservation['role'], `${field}.role`),
    ...readPrincipalAndLabels(reservation, field),
  };
}

function readPrincipalAndLabels(json: JsonObject, field: string): { readonly principal?: string; readonly labels: Labels } {
  return { ...readMembers(json, field, ['principal']), labels: readLabels(json['labels'], `${field}.labels`) };
}

function readLabels(json: unknown, field: string): Labels {
  if (!isPresent(json)) return [];
  return readList(readObject(json, field)['labels'], `${field}.labels`, (item, path) => {
    const label = readObject(item, path);
    return { key: readText(label['key'], `${path}.key`), ...readMembers(label, path, ['value']) };
  });
}

function readDisk(json: unknown, field: string): DiskInfo {
  const { persistence, volume, source } = readObject(json, field);
  return {
    ...(isPresent(persistence) ? { persistence: readPersistence(persistence, `${field}.persistence`) } : {}),
    ...(isPresent(volume) ? { volume: readVolume(volume, `${field}.volume`) } : {}),
    ...(isPresent(source) ? { source: readSource(source, `${field}.source`) } : {}),
  };
}

function readPersistence(json: unknown, field: string): NonNullable<DiskInfo['persistence']> {
  const persistence = readObject(json, field);
  return { id: readText(persistence['id'], `${field}.id`), ...readMembers(persistence, field, ['principal']) };
}

function readVolume(json: unknown, field: string): NonNullable<DiskInfo['volume']> {
  const volume = readObject(json, field);
  const hostPath = maybe(volume['host_path'], (value) => readText(value, `${field}.host_path`));
  return {
    containerPath: readText(volume['container_path'], `${field}.container_path`),
    ...(hostPath === undefined ? {} : { hostPath }),
    mode: readChoice(volume['mode'], ['RW', 'RO'], `${field}.mode`),
  };
}

function readSource(json: unknown, field: string): NonNullable<DiskInfo['source']> {
  const source = readObject(json, field);
  const type = readChoice(source['type'], ['PATH', 'MOUNT', 'BLOCK', 'RAW'], `${field}.type`);
  for (const [other, member] of [['PATH', 'path'], ['MOUNT', 'mount']] as const) {
    if (type !== other && isPresent(source[member])) {
      throw new Misread(`${field}.${member}`, source[member], `no such member, as the type is ${type}`);
    }
  }
  const member = type.toLowerCase();
  const place = maybe(source[member], (value) => readMembers(readObject(value, `${field}.${member}`), `${field}.${member}`, ['root']));
  return {
    type,
    ...(type === 'PATH' || type === 'MOUNT' ? place : {}),
    ...readMembers(source, field, ['id', 'profile', 'vendor']),
    metadata: readLabels(source['metadata'], `${field}.metadata`),
  };
}

/** The optional text members of those names that are there. */
function readMembers<Name extends string>(json: JsonObject, field: string, names: readonly Name[]): { readonly [name in Name]?: string } {
  const members: { [name in Name]?: string } = {};
  for (const name of names) if (isPresent(json[name])) members[name] = readText(json[name], `${field}.${name}`);
  return members;
}

function isPresent(json: unknown): boolean {
  return json !== undefined && json !== null;
}

function maybe<T>(json: unknown, read: (json: unknown) => T): T | undefined {
  return isPresent(json) ? read(json) : undefined;
}

function readObject(json: unknown, field: string): JsonObject {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Misread(field, json, 'an object');
  return json as JsonObject;
}

function readList<T>(json: unknown, field: string, read: (item: unknown, field: string) => T): readonly T[] {
  if (!isPresent(json)) return [];
  const items: readonly unknown[] = Array.isArray(json) ? json : [json];
  return items.map((item, i) => read(item, `${field}[${i}]`));
}

function readText(json: unknown, field: string): string {
  if (typeof json !== 'string') throw new Misread(field, json, 'text');
  return json;
}

function readNumber(json: unknown, field: string): number {
  const isText = typeof json === 'string' && json.trim() !== '';
  const number = isText ? Number(json) : json;
  if (typeof number !== 'number' || Number.isNaN(number)) throw new Misread(field, json, 'a number');
  return number;
}

function readChoice<Choice extends string>(json: unknown, choices: readonly Choice[], field: string): Choice {
  const choice = choices.find((known) => known === json);
  if (choice === undefined) throw new Misread(field, json, `one of ${choices.join(', ')}`);
  return choice;
}

function valueToJson(value: ResourceValue): JsonObject {
  switch (value.kind) {
    case 'scalar':
      return { type: 'SCALAR', scalar: { value: value.milli / 1000 } };
    case 'ranges':
      return { type: 'RANGES', ranges: { range: value.ranges.map(({ begin, end }) => ({ begin, end })) } };
    case 'set':
      return { type: 'SET', set: { item: [...value.items] } };
  }
}

function reservationToJson({ type, role, principal, labels }: Reservation): JsonObject {
  return {
    type,
    role,
    ...(principal === undefined ? {} : { principal }),
    ...(labels.length === 0 ? {} : { labels: labelsToJson(labels) }),
  };
}

function labelsToJson(labels: Labels): JsonObject {
  return { labels: labels.map(({ key, value }) => (value === undefined ? { key } : { key, value })) };
}

function diskToJson({ persistence, volume, source }: DiskInfo): JsonObject {
  return {
    ...(persistence === undefined ? {} : { persistence: { ...persistence } }),
    ...(volume === undefined ? {} : { volume: volumeToJson(volume) }),
    ...(source === undefined ? {} : { source: sourceToJson(source) }),
  };
}

function volumeToJson({ containerPath, hostPath, mode }: NonNullable<DiskInfo['volume']>): JsonObject {
  return { container_path: containerPath, ...(hostPath === undefined ? {} : { host_path: hostPath }), mode };
}

function sourceToJson({ type, root, id, profile, vendor, metadata }: NonNullable<DiskInfo['source']>): JsonObject {
  const place = root === undefined ? {} : { root };
  return {
    type,
    ...(type === 'PATH' ? { path: place } : type === 'MOUNT' ? { mount: place } : {}),
    ...(id === undefined ? {} : { id }),
    ...(metadata.length === 0 ? {} : { metadata: labelsToJson(metadata) }),
    ...(profile === undefined ? {} : { profile }),
    ...(vendor === undefined ? {} : { vendor }),
  };
}
