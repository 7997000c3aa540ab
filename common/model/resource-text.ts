// Resource text: `cpus:4;mem:1024;ports:[31000-32000];disks(ops):{sda,sdb}`.
//
// Owns:      the text grammar of resources, both ways.
// Elsewhere: the JSON form, which can say everything (resource-json.ts); the rules each resource must obey (resource-check.ts); the text
//            for people, with remarks (`Resources.toString`); the attributes' grammar (attribute-text.ts).
// Invariants:
//   X1. Parsing what was printed gives equal resources; what the grammar cannot say is not printed.
// Source: Mesos `--resources`. As there: whitespace means nothing, empty entries are skipped, ranges are merged. Ours: an empty item, an
//         empty `[]` or `{}` and number forms other than plain decimals are refused, because they are always typing errors.

import { accepted, refused, type Checked } from '../refusal';
import { checkResource, type ResourceCandidate } from './resource-check';
import { formatValue, normalRanges } from './resource-value';
import type { Range, Reservation, Resource, Resources } from './resources';
import { unreservedRole } from './role';

const valueExpectation = 'a number, ranges such as "[31000-32000,33000-33010]", or a set such as "{sda,sdb}"';

/**
 * The entries as written, in order, those of amount 0 included (`cpus:0` is how an operator says that there are none).
 * Refusals name the entry: `<field>[2]`. Entries without a role are reserved (statically) for `defaultRole`, default `*`: for nobody.
 */
export function parseResourceText(text: string, field: string, defaultRole = unreservedRole): Checked<readonly Resource[]> {
  const resources: Resource[] = [];
  const kinds = new Map<string, string>();
  for (const entry of text.replace(/\s/g, '').split(';').filter((part) => part !== '')) {
    const entryField = `${field}[${resources.length}]`;
    const candidate = parseEntry(entry, entryField, defaultRole);
    if (!candidate.ok) return candidate;
    const resource = checkResource(candidate.value, entryField);
    if (!resource.ok) return resource;
    const { name, value } = resource.value;
    if ((kinds.get(name) ?? value.kind) !== value.kind) return refused(entryField, entry, `the same kind of value as in the other entries of ${name}`);
    kinds.set(name, value.kind);
    resources.push(resource.value);
  }
  return accepted(resources);
}

/** The text that parses back to `resources` (X1); undefined when one of them has traits that only JSON can say. */
export function printResourceText(resources: Resources): string | undefined {
  const entries: string[] = [];
  for (const resource of resources) {
    const role = sayableRole(resource);
    if (role === undefined || !isSayableName(resource.name) || !isSayableValue(resource)) return undefined;
    entries.push(`${resource.name}${role === unreservedRole ? '' : `(${role})`}:${formatValue(resource.value)}`);
  }
  return entries.join(';');
}

/** Ranges of `[1-2,5-9]` in normal form; undefined when the text is none. Also used for attributes. */
export function parseRangesText(text: string): readonly Range[] | undefined {
  const inside = /^\[(.+)\]$/.exec(text)?.[1];
  if (inside === undefined) return undefined;
  const ranges: Range[] = [];
  for (const part of inside.split(',')) {
    const [, begin, end] = /^(\d+)-(\d+)$/.exec(part) ?? [];
    const range = { begin: Number(begin), end: Number(end) };
    if (!Number.isSafeInteger(range.begin) || !Number.isSafeInteger(range.end) || range.begin > range.end) return undefined;
    ranges.push(range);
  }
  return normalRanges(ranges);
}

/** Units of a plain non-negative decimal; undefined for everything else (`1e3`, `-1`, `inf`, `1.2.3`). Also used for attributes. */
export function parseDecimalText(text: string): number | undefined {
  return /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : undefined;
}

function parseEntry(entry: string, field: string, defaultRole: string): Checked<ResourceCandidate> {
  const [, name = '', , role, text = ''] = /^([^():]+)(\(([^():]+)\))?:([^:]*)$/.exec(entry) ?? [];
  if (name === '') return refused(field, entry, 'name:value or name(role):value with exactly one ":"');
  const value = parseValue(text);
  if (value === undefined) return refused(field, entry, `${name}:value, where the value is ${valueExpectation}`);
  return accepted({ name, value, reservations: staticReservations(role ?? defaultRole), revocable: false, shared: false });
}

function parseValue(text: string): ResourceCandidate['value'] | undefined {
  if (text.startsWith('[')) {
    const ranges = parseRangesText(text);
    return ranges === undefined ? undefined : { kind: 'ranges', ranges };
  }
  if (text.startsWith('{')) {
    const items = /^\{([^{}[\]]+)\}$/.exec(text)?.[1]?.split(',');
    return items === undefined || items.includes('') ? undefined : { kind: 'set', items };
  }
  const units = parseDecimalText(text);
  return units === undefined ? undefined : { kind: 'scalar', units };
}

function staticReservations(role: string): readonly Reservation[] {
  return role === unreservedRole ? [] : [{ type: 'STATIC', role, labels: [] }];
}

/** The role as the grammar says it, `*` for unreserved; undefined when the traits of the resource are beyond the grammar. */
function sayableRole({ reservations, disk, revocable, shared, providerId, allocationRole }: Resource): string | undefined {
  if (disk !== undefined || revocable || shared || providerId !== undefined || allocationRole !== undefined) return undefined;
  const [reservation, ...others] = reservations;
  if (reservation === undefined) return unreservedRole;
  const isPlain = reservation.type === 'STATIC' && reservation.principal === undefined && reservation.labels.length === 0;
  return others.length === 0 && isPlain && !/[():;]/.test(reservation.role) ? reservation.role : undefined;
}

function isSayableName(name: string): boolean {
  return !/[():;\s]/.test(name);
}

function isSayableValue({ value }: Resource): boolean {
  return value.kind !== 'set' || value.items.every((item) => item !== '' && !/[{}[\],:;\s]/.test(item));
}
