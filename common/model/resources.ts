// Resources: what an agent has, an offer holds and a task uses.
//
// Owns:      the exact algebra of named amounts with their identity (reservation stack, disk, revocable, shared, provider, allocation role).
// Elsewhere: arithmetic of one value (resource-value.ts), validation of what comes from outside (resource-check.ts), the text and JSON
//            grammars (resource-text.ts, resource-json.ts), the wire form (proto/), who gets what (allocator/).
// Invariants:
//   R1. Scalars are integers of thousandths: 0.1 + 0.2 is 0.3. A stored scalar is > 0; ranges are sorted, disjoint and coalesced; set items
//       are sorted and unique; an empty value is not stored.
//   R2. A Resources value holds at most one entry per identity, in an order that depends on the identities alone, and never changes: every
//       operation returns a new value.
//   R3. `a.plus(b).minus(b)` equals `a`, as long as `a` and `b` share no port or item (ranges and sets add by union);
//       `a.contains(b)` exactly if `a.minus(b)` is possible without loss.
//   R4. What cannot be cut (a persistent volume, a MOUNT or BLOCK disk, a RAW disk with an id, anything shared) is taken and given back
//       whole: its amount is part of its identity, and equal ones are kept as copies, never as one of twice the size.
//       Copies of a shared amount are uses of one thing: they count in containment, and once in quantities.
// Source: Mesos v1 Resource and its C++ `Resources` (fixed point with three decimals, addition and containment by identity, shared counts).
//         As there, `disk.volume` is no part of the identity: it says how a disk is to be used, not which it is.

import { assertNever, BugError } from '../invariant';
import {
  containsItems,
  containsRanges,
  equalItems,
  equalRanges,
  formatValue,
  minusItems,
  minusRanges,
  normalItems,
  normalRanges,
  plusItems,
  plusRanges,
} from './resource-value';
import { isSubroleOf } from './role';

/** One thousandth of a unit, as a safe integer. `cpus:0.5` is 500. */
export type Milli = number;

export interface Range {
  /** Inclusive bounds, non-negative safe integers, begin <= end. */
  readonly begin: number;
  readonly end: number;
}

export type ResourceValue =
  | { readonly kind: 'scalar'; readonly milli: Milli }
  | { readonly kind: 'ranges'; readonly ranges: readonly Range[] }
  | { readonly kind: 'set'; readonly items: readonly string[] };

/** One level of a reservation stack. Source: Mesos Resource.ReservationInfo. */
export interface Reservation {
  readonly type: 'STATIC' | 'DYNAMIC';
  readonly role: string;
  readonly principal?: string;
  readonly labels: readonly { readonly key: string; readonly value?: string }[];
}

/** Source: Mesos Resource.DiskInfo. */
export interface DiskInfo {
  readonly persistence?: { readonly id: string; readonly principal?: string };
  readonly volume?: { readonly containerPath: string; readonly hostPath?: string; readonly mode: 'RW' | 'RO' };
  readonly source?: {
    readonly type: 'PATH' | 'MOUNT' | 'BLOCK' | 'RAW';
    readonly root?: string;
    readonly id?: string;
    readonly profile?: string;
    readonly vendor?: string;
    readonly metadata: readonly { readonly key: string; readonly value?: string }[];
  };
}

/** What makes two amounts of the same name different things. */
export interface ResourceIdentity {
  readonly name: string;
  /** Bottom first; the last entry is the role that holds the reservation now. Empty: unreserved. */
  readonly reservations: readonly Reservation[];
  readonly disk?: DiskInfo;
  /** May be taken back at any time. */
  readonly revocable: boolean;
  /** May be used by several tasks at once (persistent volumes only). */
  readonly shared: boolean;
  readonly providerId?: string;
  /** The role in whose name the amount is offered or allocated; absent on an agent's own total. */
  readonly allocationRole?: string;
}

export interface Resource extends ResourceIdentity {
  readonly value: ResourceValue;
}

/** An immutable bag of amounts in canonical form (R1, R2). */
export class Resources implements Iterable<Resource> {
  // `private`, not `#`, for methods: TypeScript 6.0 lets a class whose #methods name it speak of itself by an alias that is set only after its
  // static fields, so that this one would fail when the module is loaded.
  static readonly empty: Resources = new Resources([]);

  /** Sorted by key, keys unique, no empty value. */
  readonly #entries: readonly Entry[];
  #quantities: ReadonlyMap<string, Milli> | undefined;
  #hash: number | undefined;

  private constructor(entries: readonly Entry[]) {
    this.#entries = entries;
  }

  // Private by type, as all methods here: for a class with #private methods the compiler (6.0) writes an alias that static fields cannot see yet.
  private static from(entries: readonly Entry[]): Resources {
    return entries.length === 0 ? Resources.empty : new Resources(entries);
  }

  /** Normalises (R1, R2). Throws TypeError on values that break R1 (negative, fractional milli, begin > end): decoders check before. */
  static of(resources: Iterable<Resource>): Resources {
    const entries: Entry[] = [];
    for (const resource of resources) {
      const value = normalValue(resource);
      if (value !== undefined) entries.push(new Entry(Identity.of(resource), value, 1));
    }
    return Resources.from(canonical(entries));
  }

  /** Unreserved scalars by name, in thousandths: `Resources.ofQuantities(new Map([['cpus', 500]]))`. */
  static ofQuantities(quantities: ReadonlyMap<string, Milli>): Resources {
    const resources: Resource[] = [];
    for (const [name, milli] of quantities) {
      resources.push({ name, reservations: [], revocable: false, shared: false, value: { kind: 'scalar', milli } });
    }
    return Resources.of(resources);
  }

  static sum(all: Iterable<Resources>): Resources {
    let sum = Resources.empty;
    for (const resources of all) sum = sum.plus(resources);
    return sum;
  }

  /** Every amount in canonical order, copies one by one, so that `Resources.of([...r])` equals `r`. */
  [Symbol.iterator](): Iterator<Resource> {
    const listed: Resource[] = [];
    for (const entry of this.#entries) for (let copy = 0; copy < entry.copies; copy++) listed.push(entry.resource);
    return listed[Symbol.iterator]();
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Number of different amounts; copies count once. */
  get size(): number {
    return this.#entries.length;
  }

  plus(other: Resources): Resources {
    const a = this.#entries;
    const b = other.#entries;
    if (b.length === 0) return this;
    if (a.length === 0) return other;
    const sum: Entry[] = [];
    let i = 0;
    let j = 0;
    while (i < a.length && j < b.length) {
      const left = a[i]!;
      const right = b[j]!;
      const order = compareEntries(left, right);
      if (order <= 0) i++;
      if (order >= 0) j++;
      sum.push(order === 0 ? left.plus(right) : order < 0 ? left : right);
    }
    while (i < a.length) sum.push(a[i++]!);
    while (j < b.length) sum.push(b[j++]!);
    return new Resources(sum);
  }

  /** What is left of this after taking away as much of `other` as is there; never negative. */
  minus(other: Resources): Resources {
    const a = this.#entries;
    const b = other.#entries;
    if (a.length === 0 || b.length === 0) return this;
    const rest: Entry[] = [];
    let i = 0;
    let j = 0;
    while (i < a.length && j < b.length) {
      const left = a[i]!;
      const order = compareEntries(left, b[j]!);
      if (order > 0) {
        j++;
        continue;
      }
      i++;
      const remainder = order === 0 ? left.minus(b[j++]!) : left;
      if (remainder !== undefined) rest.push(remainder);
    }
    while (i < a.length) rest.push(a[i++]!);
    return Resources.from(rest);
  }

  /** Whether `other` can be taken from this without loss (R3). */
  contains(other: Resources): boolean {
    const a = this.#entries;
    let i = 0;
    for (const wanted of other.#entries) {
      while (i < a.length && compareEntries(a[i]!, wanted) < 0) i++;
      const held = a[i++];
      if (held === undefined || compareEntries(held, wanted) !== 0 || !held.contains(wanted)) return false;
    }
    return true;
  }

  equals(other: Resources): boolean {
    const a = this.#entries;
    const b = other.#entries;
    if (a === b) return true;
    if (a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (compareEntries(a[i]!, b[i]!) !== 0 || !a[i]!.equals(b[i]!)) return false;
    return true;
  }

  /**
   * Whether equal resources can stand for each other: a volume's path and mode, which are no part of its identity, differ between equals.
   * Source: Mesos, where `disk.volume` is ignored by comparison as well.
   */
  get isInterchangeable(): boolean {
    return this.#entries.every(({ identity }) => identity.isPlain || identity.source.disk?.volume === undefined);
  }

  /** Equal resources have equal hashes. An unsigned 32-bit integer; computed once. */
  get hash(): number {
    if (this.#hash === undefined) {
      let hash = 0;
      for (const entry of this.#entries) hash = combineHashes(combineHashes(hash, entry.identity.hash), combineHashes(hashOfValue(entry.value), entry.copies));
      this.#hash = hash >>> 0;
    }
    return this.#hash;
  }

  /** Calls `visit` for each amount in canonical order, with its scalar quantity as in {@link quantities} (0 when not scalar). Builds nothing. */
  forEachAmount(visit: (identity: Pick<ResourceIdentity, 'name' | 'reservations' | 'revocable' | 'shared'>, quantity: Milli) => void): void {
    for (const entry of this.#entries) visit(entry.identity, entry.quantity);
  }

  /** Keeps or drops each amount with all its copies. */
  filter(keep: (resource: Resource) => boolean): Resources {
    return this.where((entry) => keep(entry.resource));
  }

  map(change: (resource: Resource) => Resource): Resources {
    return Resources.of([...this].map(change));
  }

  /** Different names, in canonical order. */
  names(): string[] {
    return [...new Set(this.#entries.map((entry) => entry.identity.name))];
  }

  /** Sum of scalar amounts per name, ignoring identity; shared amounts count once. */
  quantities(): ReadonlyMap<string, Milli> {
    if (this.#quantities === undefined) {
      const sums = new Map<string, Milli>();
      for (const entry of this.#entries) {
        if (entry.milli > 0) sums.set(entry.identity.name, (sums.get(entry.identity.name) ?? 0) + entry.quantity);
      }
      this.#quantities = sums;
    }
    return this.#quantities;
  }

  /** Sum of the scalar `name` over all identities, thousandths; 0 when absent. */
  scalar(name: string): Milli {
    let sum = 0;
    for (const entry of this.#entries) if (entry.identity.name === name) sum += entry.quantity;
    return sum;
  }

  /** The amounts as offered or allocated to `role` (identity gains `allocationRole`). */
  allocatedTo(role: string): Resources {
    return this.identified((identity) => identity.allocatedTo(role));
  }

  /** The amounts without `allocationRole`. */
  unallocated(): Resources {
    return this.identified((identity) => identity.bare);
  }

  /** The one allocation role of all entries; undefined when empty, unallocated, or mixed. */
  get allocationRole(): string | undefined {
    const role = this.#entries[0]?.identity.allocationRole;
    for (const entry of this.#entries) if (entry.identity.allocationRole !== role) return undefined;
    return role;
  }

  /** The part that {@link isAllocatableTo} `role`. */
  allocatableTo(role: string): Resources {
    return this.where(({ identity }) => identity.isPlain || isAllocatableTo(identity, role));
  }

  /** The part that nobody has reserved. */
  unreserved(): Resources {
    return this.where(({ identity }) => identity.isPlain || identity.reservations.length === 0);
  }

  /** The part whose reservation is held by exactly `role`; without `role`, the part that anybody has reserved. */
  reserved(role?: string): Resources {
    return this.where(({ identity }) => {
      const holder = reservationRole(identity);
      return holder !== undefined && (role === undefined || holder === role);
    });
  }

  revocable(): Resources {
    return this.where(({ identity }) => identity.revocable);
  }

  nonRevocable(): Resources {
    return this.where(({ identity }) => !identity.revocable);
  }

  shared(): Resources {
    return this.where(({ identity }) => identity.shared);
  }

  nonShared(): Resources {
    return this.where(({ identity }) => !identity.shared);
  }

  /** `cpus:4;mem:1024;ports:[31000-32000]`; reserved as `cpus(role):4`; remarks in braces for what the text grammar cannot say. */
  toString(): string {
    return this.#entries.map((entry) => entry.toString()).join(';');
  }

  /** For logs and refusals. Resources to be read back are written by resource-json.ts. */
  toJSON(): string {
    return this.toString();
  }

  private where(keep: (entry: Entry) => boolean): Resources {
    const entries = this.#entries;
    let dropped = 0;
    for (const entry of entries) if (!keep(entry)) dropped++;
    // Dropping nothing or everything is the usual case in the allocator's loops.
    if (dropped === 0) return this;
    return dropped === entries.length ? Resources.empty : new Resources(entries.filter(keep));
  }

  private identified(change: (identity: Identity) => Identity): Resources {
    if (this.#entries.length === 0) return this;
    const changed: Entry[] = [];
    let isSame = true;
    for (const entry of this.#entries) {
      const identity = change(entry.identity);
      isSame &&= identity === entry.identity;
      changed.push(identity === entry.identity ? entry : new Entry(identity, entry.value, entry.copies));
    }
    // Only amounts that differed in nothing but the allocation role can now coincide or change places.
    return isSame ? this : new Resources(canonical(changed));
  }
}

/** The role that holds the reservation now; undefined when unreserved. */
export function reservationRole(resource: Pick<ResourceIdentity, 'reservations'>): string | undefined {
  return resource.reservations[resource.reservations.length - 1]?.role;
}

/** Whether the amount may be offered to `role`: unreserved, or reserved for `role` or one of its ancestors. Source: Mesos. */
export function isAllocatableTo(resource: Pick<ResourceIdentity, 'reservations'>, role: string): boolean {
  const holder = reservationRole(resource);
  return holder === undefined || holder === role || isSubroleOf(role, holder);
}

export function isPersistentVolume(resource: Pick<ResourceIdentity, 'disk'>): boolean {
  return resource.disk?.persistence !== undefined;
}

/** Whether the amount can only be taken whole (R4). Source: Mesos `isSubtractable`. */
export function isIndivisible({ disk, shared }: Pick<ResourceIdentity, 'disk' | 'shared'>): boolean {
  if (shared) return true;
  if (disk === undefined) return false;
  if (disk.persistence !== undefined) return true;
  switch (disk.source?.type) {
    case 'MOUNT':
    case 'BLOCK':
      return true;
    case 'RAW':
      return disk.source.id !== undefined; // Without an id it is a pool of raw space, not a device.
    case 'PATH':
    case undefined:
      return false;
  }
}

/**
 * A resource identity with its comparison key. Derived amounts share the object, so that comparing keys is mostly comparing pointers.
 * The allocation role ends the key: giving all amounts of a bag the same one keeps their order.
 */
class Identity {
  readonly name: string;
  readonly reservations: readonly Reservation[];
  readonly revocable: boolean;
  readonly shared: boolean;
  /** Neither reserved, disk, revocable, shared nor of a provider: the common case. */
  readonly isPlain: boolean;
  readonly isIndivisible: boolean;
  readonly key: string;
  /** This identity without its allocation role. */
  readonly bare: Identity;
  /** The last answer of {@link allocatedTo}: a bag is mostly asked again for the role it went to before. */
  private allocated: Identity | undefined;
  #hash: number | undefined;

  private constructor(
    /** Whence the optional members come; its value and allocation role mean nothing here. */
    readonly source: ResourceIdentity,
    private readonly bareKey: string,
    readonly allocationRole: string | undefined,
    bare: Identity | undefined,
  ) {
    this.name = source.name;
    this.reservations = source.reservations;
    this.revocable = source.revocable;
    this.shared = source.shared;
    this.isPlain =
      source.reservations.length === 0 && !source.revocable && !source.shared && source.disk === undefined && source.providerId === undefined;
    this.isIndivisible = isIndivisible(source);
    this.key = allocationRole === undefined ? bareKey : bareKey + allocationRole;
    this.bare = bare ?? this;
  }

  static of(resource: Resource): Identity {
    const bare = new Identity(resource, bareKeyOf(resource), undefined, undefined);
    return resource.allocationRole === undefined ? bare : bare.allocatedTo(resource.allocationRole);
  }

  get hash(): number {
    return (this.#hash ??= hashOfText(this.key));
  }

  allocatedTo(role: string): Identity {
    if (this.allocationRole === role) return this;
    const { bare } = this;
    if (bare.allocated?.allocationRole !== role) bare.allocated = new Identity(bare.source, bare.bareKey, role, bare);
    return bare.allocated;
  }

  with(value: ResourceValue): Resource {
    const { source, allocationRole } = this;
    return {
      name: source.name,
      reservations: source.reservations,
      ...(source.disk === undefined ? {} : { disk: source.disk }),
      revocable: source.revocable,
      shared: source.shared,
      ...(source.providerId === undefined ? {} : { providerId: source.providerId }),
      ...(allocationRole === undefined ? {} : { allocationRole }),
      value,
    };
  }
}

/** Amounts of one identity. `copies` is 1 unless the identity is indivisible (R4). */
class Entry {
  /** The amount of one copy; 0 when the value is no scalar. */
  readonly milli: Milli;
  #resource: Resource | undefined;

  constructor(
    readonly identity: Identity,
    readonly value: ResourceValue,
    readonly copies: number,
  ) {
    this.milli = value.kind === 'scalar' ? value.milli : 0;
  }

  /** Of one identity, at once: adding one after the other would go through the ranges of the first ones again for each. */
  static sum(entries: readonly Entry[]): Entry {
    const [{ identity, value }] = entries as [Entry];
    if (!identity.isIndivisible) return new Entry(identity, sumOfValues(entries.map((entry) => entry.value)), 1);
    return new Entry(identity, value, entries.reduce((copies, entry) => copies + entry.copies, 0));
  }

  get resource(): Resource {
    return (this.#resource ??= this.identity.with(this.value));
  }

  get quantity(): Milli {
    return this.identity.shared ? this.milli : this.milli * this.copies;
  }

  plus(other: Entry): Entry {
    if (this.identity.isIndivisible) return new Entry(this.identity, this.value, this.copies + other.copies);
    return new Entry(this.identity, plusValues(this.value, other.value), 1);
  }

  /** Undefined when nothing is left. */
  minus(other: Entry): Entry | undefined {
    if (this.identity.isIndivisible) {
      return this.copies > other.copies ? new Entry(this.identity, this.value, this.copies - other.copies) : undefined;
    }
    const value = minusValues(this.value, other.value);
    return value === undefined ? undefined : new Entry(this.identity, value, 1);
  }

  contains(other: Entry): boolean {
    return this.identity.isIndivisible ? this.copies >= other.copies : containsValue(this.value, other.value);
  }

  equals(other: Entry): boolean {
    return this.copies === other.copies && (this.identity.isIndivisible || equalValues(this.value, other.value));
  }

  toString(): string {
    const { name, reservations, source, revocable, shared, allocationRole } = this.identity;
    const only = reservations.length === 1 ? reservations[0] : undefined;
    const isStatic = only?.type === 'STATIC' && only.principal === undefined && only.labels.length === 0;
    const remarks: string[] = [];
    if (reservations.length > 0 && !isStatic) remarks.push(reservations.map(describeReservation).join(' > '));
    if (source.disk !== undefined) remarks.push(describeDisk(source.disk));
    if (revocable) remarks.push('revocable');
    if (shared) remarks.push('shared');
    if (this.copies > 1) remarks.push(`${this.copies} copies`);
    if (source.providerId !== undefined) remarks.push(`provider ${source.providerId}`);
    if (allocationRole !== undefined) remarks.push(`allocated to ${allocationRole}`);
    const holder = reservationRole(this.identity);
    return `${name}${holder === undefined ? '' : `(${holder})`}:${formatValue(this.value)}${remarks.length === 0 ? '' : `{${remarks.join(', ')}}`}`;
  }
}

function compareEntries(a: Entry, b: Entry): number {
  if (a.identity === b.identity || a.identity.key === b.identity.key) return 0;
  return a.identity.key < b.identity.key ? -1 : 1;
}

/** Sorts, and adds up entries of the same key. */
function canonical(entries: Entry[]): readonly Entry[] {
  let isOrdered = true;
  for (let i = 1; isOrdered && i < entries.length; i++) isOrdered = compareEntries(entries[i - 1]!, entries[i]!) < 0;
  if (isOrdered) return entries;
  entries.sort(compareEntries);
  const merged: Entry[] = [];
  for (let start = 0, end = 1; start < entries.length; start = end++) {
    while (end < entries.length && compareEntries(entries[start]!, entries[end]!) === 0) end++;
    merged.push(end === start + 1 ? entries[start]! : Entry.sum(entries.slice(start, end)));
  }
  return merged;
}

function combineHashes(one: number, other: number): number {
  return Math.imul(one ^ Math.imul(other, 0x9e3779b1), 0x85ebca6b) ^ (other >>> 15);
}

/** FNV-1a over UTF-16 code units. */
function hashOfText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

function hashOfValue(value: ResourceValue): number {
  switch (value.kind) {
    case 'scalar':
      return combineHashes(value.milli | 0, Math.floor(value.milli / 2 ** 32));
    case 'ranges': {
      let hash = 0;
      for (const { begin, end } of value.ranges) hash = combineHashes(combineHashes(hash, begin | 0), end | 0);
      return hash;
    }
    case 'set':
      return hashOfText(value.items.join(separator));
    default:
      return assertNever(value);
  }
}

/** Ends each part of a key. No name holds it ({@link normalValue}), and JSON escapes it, so keys cannot run into each other. */
const separator = '\u0000';

/** Name first: the canonical order is alphabetical, and a plain amount comes before a reserved one. */
function bareKeyOf(resource: Resource): string {
  const { name, value, reservations, disk, revocable, shared, providerId } = resource;
  const start = name + separator + value.kind + separator;
  if (reservations.length === 0 && disk === undefined && !revocable && !shared && providerId === undefined) return start + separator;
  const details = [
    reservations.map(({ type, role, principal, labels }) => [role, type, principal ?? null, labelsKey(labels)]),
    disk === undefined ? null : [persistenceKey(disk), sourceKey(disk)],
    revocable,
    shared,
    providerId ?? null,
    isIndivisible(resource) ? formatValue(value) : null,
  ];
  return start + JSON.stringify(details) + separator;
}

function persistenceKey({ persistence }: DiskInfo): unknown {
  return persistence === undefined ? null : [persistence.id, persistence.principal ?? null];
}

function sourceKey({ source }: DiskInfo): unknown {
  if (source === undefined) return null;
  return [source.type, source.root ?? null, source.id ?? null, source.profile ?? null, source.vendor ?? null, labelsKey(source.metadata)];
}

/** Labels are a bag: their order means nothing. Source: Mesos. */
function labelsKey(labels: readonly { readonly key: string; readonly value?: string }[]): unknown {
  return labels.map(({ key, value }) => JSON.stringify(value === undefined ? [key] : [key, value])).sort();
}

function describeReservation({ type, role, principal, labels }: Reservation): string {
  const by = principal === undefined ? '' : ` by ${principal}`;
  const marked = labels.map(({ key, value }) => ` ${value === undefined ? key : `${key}=${value}`}`).join('');
  return `${type.toLowerCase()} ${role}${by}${marked}`;
}

function describeDisk({ persistence, source, volume }: DiskInfo): string {
  const parts: string[] = [];
  if (source !== undefined) parts.push([source.type, source.root, source.id, source.profile].filter((part) => part !== undefined).join(' '));
  if (persistence !== undefined) parts.push(`volume ${persistence.id}`);
  if (volume !== undefined) parts.push(`at ${volume.containerPath}`);
  return `disk ${parts.join(' ')}`.trimEnd();
}

/** The value in normal form; undefined when it is empty; TypeError when it is none. */
function normalValue({ name, value }: Resource): ResourceValue | undefined {
  if (name === '' || name.includes(separator)) throw new TypeError(`Not a resource name: ${JSON.stringify(name)}`);
  switch (value.kind) {
    case 'scalar':
      if (!Number.isSafeInteger(value.milli) || value.milli < 0) {
        throw new TypeError(`Not an amount of ${name}: ${value.milli} thousandths, expected a safe integer >= 0`);
      }
      return value.milli === 0 ? undefined : value;
    case 'ranges': {
      for (const { begin, end } of value.ranges) {
        if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || begin < 0 || begin > end) {
          throw new TypeError(`Not a range of ${name}: [${begin}-${end}], expected safe integers with 0 <= begin <= end`);
        }
      }
      if (value.ranges.length === 0) return undefined;
      const ranges = normalRanges(value.ranges);
      return ranges === value.ranges ? value : { kind: 'ranges', ranges };
    }
    case 'set':
      return value.items.length === 0 ? undefined : { kind: 'set', items: normalItems(value.items) };
    default:
      return assertNever(value);
  }
}

// The kind is part of the identity, so in the functions below both values are of the same kind: the last return of each is never reached.

function sumOfValues(values: readonly ResourceValue[]): ResourceValue {
  const [first, ...others] = values as [ResourceValue, ...ResourceValue[]];
  switch (first.kind) {
    case 'scalar':
      return others.reduce(plusValues, first);
    case 'ranges':
      return { kind: 'ranges', ranges: normalRanges(values.flatMap((value) => (value.kind === 'ranges' ? value.ranges : differentKinds(first, value)))) };
    case 'set':
      return { kind: 'set', items: normalItems(values.flatMap((value) => (value.kind === 'set' ? value.items : differentKinds(first, value)))) };
    default:
      return assertNever(first);
  }
}

function plusValues(a: ResourceValue, b: ResourceValue): ResourceValue {
  if (a.kind === 'scalar' && b.kind === 'scalar') return { kind: 'scalar', milli: a.milli + b.milli };
  if (a.kind === 'ranges' && b.kind === 'ranges') return { kind: 'ranges', ranges: plusRanges(a.ranges, b.ranges) };
  if (a.kind === 'set' && b.kind === 'set') return { kind: 'set', items: plusItems(a.items, b.items) };
  return differentKinds(a, b);
}

function minusValues(a: ResourceValue, b: ResourceValue): ResourceValue | undefined {
  if (a.kind === 'scalar' && b.kind === 'scalar') return a.milli > b.milli ? { kind: 'scalar', milli: a.milli - b.milli } : undefined;
  if (a.kind === 'ranges' && b.kind === 'ranges') {
    const ranges = minusRanges(a.ranges, b.ranges);
    return ranges.length === 0 ? undefined : { kind: 'ranges', ranges };
  }
  if (a.kind === 'set' && b.kind === 'set') {
    const items = minusItems(a.items, b.items);
    return items.length === 0 ? undefined : { kind: 'set', items };
  }
  return differentKinds(a, b);
}

function containsValue(a: ResourceValue, b: ResourceValue): boolean {
  if (a.kind === 'scalar' && b.kind === 'scalar') return a.milli >= b.milli;
  if (a.kind === 'ranges' && b.kind === 'ranges') return containsRanges(a.ranges, b.ranges);
  if (a.kind === 'set' && b.kind === 'set') return containsItems(a.items, b.items);
  return differentKinds(a, b);
}

function equalValues(a: ResourceValue, b: ResourceValue): boolean {
  if (a.kind === 'scalar' && b.kind === 'scalar') return a.milli === b.milli;
  if (a.kind === 'ranges' && b.kind === 'ranges') return equalRanges(a.ranges, b.ranges);
  if (a.kind === 'set' && b.kind === 'set') return equalItems(a.items, b.items);
  return differentKinds(a, b);
}

function differentKinds(a: ResourceValue, b: ResourceValue): never {
  throw new BugError(`Values of one identity differ in kind: ${formatValue(a)} and ${formatValue(b)}`);
}
