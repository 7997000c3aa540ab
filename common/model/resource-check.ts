// Resource check: which amounts from outside may enter.
//
// Owns:      the rules that one resource must obey before it becomes domain data, whatever it was written in.
// Elsewhere: rules between resources and for operations (master's validation), the grammars and codecs that call this.
// Invariants:
//   C1. `Resources.of` accepts whatever passed here.
//   C2. Refusals name fields as the wire does: `<field>.scalar.value`, `<field>.reservations[1].role`.
//   C3. What passed `checkTogether` passes it again after it was written and read.
// Source: Mesos `Resources::validate` and the master's resource validation.

import { accepted, refused, type Checked } from '../refusal';
import { assertNever } from '../invariant';
import type { Milli, Range, Reservation, Resource, ResourceIdentity, Resources, ResourceValue } from './resources';
import { checkPersistenceId } from './ids';
import { milliOf } from './resource-value';
import { checkRole, isSubroleOf, unreservedRole } from './role';

/**
 * Largest scalar of one resource, in units: 10 PB when the unit is a megabyte. Our choice, so that cluster-wide sums in thousandths stay
 * exact integers for 900 machines of that size, and nobody's typing error can make the sums of others inexact.
 */
export const scalarUnitsMax = 10_000_000_000;

/**
 * Most ranges, or items of a set, of one resource. Our choice: into so many pieces 65,536 ports can fall, when every other one is taken. So whatever tasks
 * leave of a machine's ports can be said in an offer, and nobody can make others work through more.
 */
export const valueEntryCountMax = 32_768;

/** A resource as a decoder finds it: the scalar still in units, everything else of the right type but not yet of the right value. */
export interface ResourceCandidate extends ResourceIdentity {
  readonly value: Exclude<ResourceValue, { kind: 'scalar' }> | { readonly kind: 'scalar'; readonly units: number };
}

/** Rounds to the nearest thousandth. 0 is an amount (of nothing); an amount that only rounding makes 0 is refused. */
export function checkScalar(units: number, field: string): Checked<Milli> {
  const milli = milliOf(units);
  const isAmount = Number.isFinite(units) && units >= 0 && units <= scalarUnitsMax && (milli > 0 || units === 0);
  if (!isAmount) return refused(field, units, `0, or a number from 0.001 to ${scalarUnitsMax}`);
  return accepted(milli === 0 ? 0 : milli); // Not the -0 that JSON can say.
}

export function checkResource(candidate: ResourceCandidate, field: string): Checked<Resource> {
  const value = checkValue(candidate, field);
  if (!value.ok) return value;
  const refusal =
    nameRefusal(candidate.name, `${field}.name`) ??
    reservationsRefusal(candidate.reservations, `${field}.reservations`) ??
    compositionRefusal(candidate, field) ??
    allocationRefusal(candidate.allocationRole, `${field}.allocation_info.role`);
  return refusal ?? accepted({ ...candidate, value: value.value });
}

/** What the entries of one list add up to, after each of them was checked: the sum of one identity is one resource, and obeys the same bounds (C3). */
export function checkTogether(resources: Resources, field: string): Checked<Resources> {
  for (const { name, value } of resources) {
    if (value.kind === 'scalar' && value.milli > scalarUnitsMax * 1000) {
      return refused(field, `${name}:${value.milli / 1000}`, `amounts of ${name} that add up to at most ${scalarUnitsMax}`);
    }
    const refusal = entryCountRefusal(value, field, ` of ${name} in all`);
    if (refusal !== undefined) return refusal;
  }
  return accepted(resources);
}

type Refused = ReturnType<typeof refused>;

function entryCountRefusal(value: ResourceCandidate['value'] | ResourceValue, field: string, inAll = ''): Refused | undefined {
  if (value.kind === 'scalar') return undefined;
  const [count, what] = value.kind === 'ranges' ? [value.ranges.length, 'ranges'] : [value.items.length, 'items'];
  return count > valueEntryCountMax ? refused(field, count, `at most ${valueEntryCountMax} ${what}${inAll}`) : undefined;
}

function nameRefusal(name: string, field: string): Refused | undefined {
  // Control characters would make two names look alike, and the algebra's keys end in one.
  return name === '' || /[\u0000-\u001f\u007f]/.test(name) ? refused(field, name, 'a non-empty name without control characters') : undefined;
}

function checkValue({ name, value }: ResourceCandidate, field: string): Checked<ResourceValue> {
  switch (value.kind) {
    case 'scalar': {
      const milli = checkScalar(value.units, `${field}.scalar.value`);
      if (!milli.ok) return milli;
      if (name === 'gpus' && milli.value % 1000 !== 0) return refused(`${field}.scalar.value`, value.units, 'a whole number of gpus');
      return accepted({ kind: 'scalar', milli: milli.value });
    }
    case 'ranges': {
      const at = `${field}.ranges`;
      const refusal = gpusRefusal(name, `${field}.type`) ?? entryCountRefusal(value, at) ?? rangesRefusal(value.ranges, at);
      return refusal ?? accepted(value);
    }
    case 'set': {
      const refusal = gpusRefusal(name, `${field}.type`) ?? entryCountRefusal(value, `${field}.set`) ?? itemsRefusal(value.items, `${field}.set.item`);
      return refusal ?? accepted(value);
    }
    default:
      return assertNever(value);
  }
}

function gpusRefusal(name: string, field: string): Refused | undefined {
  return name === 'gpus' ? refused(field, 'gpus', 'SCALAR, as gpus are counted') : undefined;
}

function rangesRefusal(ranges: readonly Range[], field: string): Refused | undefined {
  for (const [i, range] of ranges.entries()) {
    const isRange = Number.isSafeInteger(range.begin) && Number.isSafeInteger(range.end) && 0 <= range.begin && range.begin <= range.end;
    if (!isRange) return refused(`${field}.range[${i}]`, range, 'whole numbers with 0 <= begin <= end <= 9007199254740991');
  }
  const sorted = [...ranges].sort((a, b) => a.begin - b.begin);
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i]!.begin <= sorted[i - 1]!.end) return refused(field, [sorted[i - 1], sorted[i]], 'ranges that do not overlap');
  }
  return undefined;
}

function itemsRefusal(items: readonly string[], field: string): Refused | undefined {
  const seen = new Set<string>();
  for (const [i, item] of items.entries()) {
    if (seen.has(item)) return refused(`${field}[${i}]`, item, 'items that differ from each other');
    seen.add(item);
  }
  return undefined;
}

function reservationsRefusal(reservations: readonly Reservation[], field: string): Refused | undefined {
  for (const [i, { type, role }] of reservations.entries()) {
    const below = reservations[i - 1];
    const checked = checkRole(role, `${field}[${i}].role`);
    if (!checked.ok) return checked;
    if (role === unreservedRole) return refused(`${field}[${i}].role`, role, 'a role other than "*", which means unreserved');
    if (i > 0 && type === 'STATIC') return refused(`${field}[${i}].type`, type, 'DYNAMIC, as only the first reservation of a stack may be static');
    if (below !== undefined && !isSubroleOf(role, below.role)) {
      return refused(`${field}[${i}].role`, role, `a role below "${below.role}", which holds the reservation that this one refines`);
    }
  }
  return undefined;
}

function compositionRefusal({ name, disk, revocable, shared, reservations }: ResourceCandidate, field: string): Refused | undefined {
  if (disk !== undefined && name !== 'disk') return refused(`${field}.disk`, name, 'a disk description only on the resource named "disk"');
  const { persistence } = disk ?? {};
  const id = persistence === undefined ? undefined : checkPersistenceId(persistence.id, `${field}.disk.persistence.id`);
  if (id?.ok === false) return id;
  if (revocable && reservations.some(({ type }) => type === 'DYNAMIC')) {
    return refused(`${field}.revocable`, 'revocable', 'a resource that is not dynamically reserved, or not revocable');
  }
  if (revocable && persistence !== undefined) {
    return refused(`${field}.revocable`, 'revocable', 'a resource that is no persistent volume, or not revocable');
  }
  return shared && persistence === undefined ? refused(`${field}.shared`, name, 'sharing only of a persistent volume') : undefined;
}

function allocationRefusal(role: string | undefined, field: string): Refused | undefined {
  if (role === undefined) return undefined;
  const checked = checkRole(role, field);
  return checked.ok ? undefined : checked;
}
