// Codec: one table per message, read in both directions.
//
// Owns:      the combinators from which every codec between wire and domain is built, and the path of a refusal.
// Elsewhere: the tables themselves (vocabulary-codec.ts and its neighbours), bytes to wire objects (loader.ts).
// Invariants:
//   D1. `decode` takes anything at all and returns: the domain value, or a Rejection. It never throws and keeps no reference to its input.
//   D2. `encode` is total: it takes every value of the domain type. What the domain type cannot rule out (an id of 300 characters made by a
//       cast) travels as it is and is refused at the other end.
//   D3. decode(encode(value)) equals value, for values in normal form: amounts in thousandths, seconds in whole microseconds;
//       nanoseconds likewise up to 104 days, and in whole milliseconds beyond.
//   D4. A domain field that a table forgets, a wire field that the contract does not have, and a codec of the wrong type do not compile.
// Source: our choice, because two functions per message drift apart. Tables are compiled into closures once, at start: messages at a rate of
//         ten thousands a second allow no interpretation. Paths are built on the way out of a failure only, so success pays nothing for them.

import { accepted, shortenedField, type Checked, type Refusal } from '../common/refusal';

/** Why a value was refused; the path grows from the inside out as callers return it. */
export class Rejection {
  path = '';

  constructor(
    readonly value: unknown,
    readonly expected: string,
  ) {}

  /** The same rejection seen from one level further out. `step` is a wire name or `[index]`. */
  within(step: string): this {
    this.path = this.path === '' ? step : this.path.startsWith('[') ? `${step}${this.path}` : `${step}.${this.path}`;
    return this;
  }

  toRefusal(): Refusal {
    return { field: this.path === '' ? 'message' : shortenedField(this.path), value: printWire(this.value), expected: this.expected };
  }
}

/** Adopts a refusal of the domain's own checks. Its field is taken as relative to where the codec stands. */
export function rejectionFrom(refusal: Refusal): Rejection {
  const rejection = new PrintedRejection(refusal.value, refusal.expected);
  rejection.path = refusal.field;
  return rejection;
}

/** A rejection whose value is already in print. */
class PrintedRejection extends Rejection {
  override toRefusal(): Refusal {
    return { ...super.toRefusal(), value: String(this.value) };
  }
}

/**
 * Both directions of one type. `Wire` is what the generated types say about the input of the encoder on the wire side.
 * Function properties, not methods, so that `Domain` is checked in both directions.
 */
export interface Codec<Domain, Wire> {
  /** In words, for a field that lacks a value: `a task id`. */
  readonly expected: string;
  readonly decode: (wire: unknown) => Domain | Rejection;
  readonly encode: (value: Domain) => Wire;
}

/** Runs a codec at an outermost place; `field` names it when the place itself has a name. */
export function decodeChecked<Domain>(codec: Codec<Domain, unknown>, wire: unknown, field?: string): Checked<Domain> {
  const decoded = codec.decode(wire);
  if (!(decoded instanceof Rejection)) return accepted(decoded);
  if (field !== undefined) decoded.within(field);
  return { ok: false, refusal: decoded.toRefusal() };
}

/** A codec by hand, for what no combinator says better. */
export function codec<Domain, Wire>(
  expected: string,
  decode: (wire: unknown) => Domain | Rejection,
  encode: (value: Domain) => Wire,
): Codec<Domain, Wire> {
  return { expected, decode, encode };
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// Scalars.

export const text = codec<string, string>(
  'text',
  (wire) => (typeof wire === 'string' ? wire : new Rejection(wire, 'text')),
  (value) => value,
);

export const flag = codec<boolean, boolean>(
  'true or false',
  (wire) => (typeof wire === 'boolean' ? wire : new Rejection(wire, 'true or false')),
  (value) => value,
);

/** Any double but NaN and the infinities. */
export const finite = number('a finite number', Number.isFinite);

/** int64, as far as a double counts in ones. */
export const integer = number('a whole number between -2^53 and 2^53', Number.isSafeInteger);

/** uint32 and uint64, likewise. */
export const count = number('a whole number from 0 to 2^53 - 1', (value) => Number.isSafeInteger(value) && value >= 0);

/** Numbers of which `accepts` holds. -0 is taken as 0, which is how the wire writes it for integers. */
export function number(expected: string, accepts: (value: number) => boolean): Codec<number, number> {
  return codec(
    expected,
    (wire) => (typeof wire === 'number' && accepts(wire) ? wire + 0 : new Rejection(wire, expected)),
    (value) => value,
  );
}

/** Copied, because what the decoder hands out is a window on the whole frame and would keep it alive. */
export const bytes = codec<Uint8Array, Buffer>(
  'bytes',
  (wire) => (wire instanceof Uint8Array ? new Uint8Array(wire) : new Rejection(wire, 'bytes')),
  (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength),
);

/** 16 raw bytes on the wire, 32 lower-case hexadecimal digits inside. */
export const uuidBytes = codec<string, Buffer>(
  'exactly 16 bytes',
  (wire) => {
    if (!(wire instanceof Uint8Array) || wire.length !== 16) return new Rejection(wire, 'exactly 16 bytes');
    return (Buffer.isBuffer(wire) ? wire : Buffer.from(wire)).toString('hex');
  },
  (value) => Buffer.from(value, 'hex'),
);

// ---------------------------------------------------------------------------------------------------------------------------------------
// Times. Milliseconds inside, with three decimals at most: a double holds the microseconds since 1970 exactly, the nanoseconds not.

/** About 292 years: what 64 bits of nanoseconds hold. Source: Mesos Duration. */
const durationMaxMs = 9_223_372_036_854;

const isDurationMs = (ms: number): boolean => ms >= -durationMaxMs && ms <= durationMaxMs;

/** A double of seconds. */
export const seconds = codec<number, number>(
  'a number of seconds within 292 years',
  (wire) => {
    const ms = typeof wire === 'number' ? millisecondsOfSeconds(wire) : NaN;
    return isDurationMs(ms) ? ms : new Rejection(wire, 'a number of seconds within 292 years');
  },
  (ms) => ms / 1000,
);

/** TimeInfo and DurationInfo. */
export const nanoseconds = codec<number, { nanoseconds: number }>(
  'a time in nanoseconds',
  (wire) => {
    const value = isRecord(wire) ? wire['nanoseconds'] : undefined;
    const ms = typeof value === 'number' ? millisecondsOf(value) : NaN;
    return isDurationMs(ms) ? ms : new Rejection(value, 'a number of nanoseconds').within('nanoseconds');
  },
  (ms) => ({ nanoseconds: Math.round(ms * 1e6) }),
);

/** Beyond 2^32 s (136 years, so until 2106 for times of day) a double of seconds no longer tells the microseconds. */
function millisecondsOfSeconds(value: number): number {
  return Math.abs(value) <= 2 ** 32 ? wholeMicroseconds(value * 1e6) : Math.round(value * 1e3);
}

/** Beyond 2^53 ns (104 days, so all times of day) a double no longer tells the microseconds, but still the milliseconds. */
function millisecondsOf(value: number): number {
  return Number.isSafeInteger(value) ? wholeMicroseconds(value / 1e3) : Math.round(value / 1e6);
}

function wholeMicroseconds(microseconds: number): number {
  return (Math.round(microseconds) + 0) / 1000;
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// Enumerations.

/** Longest list of names that a refusal spells out. */
const namesSpelledOutMax = 16;

/**
 * Wire name to domain name; `null` for a name that nobody may send. Called twice so that the types can be named and the table inferred:
 * `enumeration<Mode, WireMode>('a mode')({ UNKNOWN: null, RW: 'RW', RO: 'RO' })`. A wire name without a line does not compile, nor does a
 * table in which a domain name is missing. A value that the contract does not name (a newer peer's) is refused.
 */
export function enumeration<Domain extends string, Wire extends string>(expected: string) {
  return <const Table extends Readonly<Record<Wire, Domain | null>>>(
    table: Table & ([Domain] extends [Table[Wire]] ? unknown : { readonly missing: Exclude<Domain, Table[Wire]> }),
  ): Codec<Domain, Wire> => {
    const toDomain = new Map<unknown, Domain>();
    const toWire = new Map<Domain, Wire>();
    for (const wire of Object.keys(table) as Wire[]) {
      const domain = table[wire] as Domain | null;
      if (domain === null) continue;
      toDomain.set(wire, domain);
      toWire.set(domain, wire);
    }
    const wanted = toDomain.size > namesSpelledOutMax ? expected : `${expected}: ${[...toDomain.keys()].join(', ')}`;
    return codec(
      wanted,
      (wire) => toDomain.get(wire) ?? new Rejection(wire, wanted),
      // The cast is D2: a name that is not in the table came in by a cast, and goes out as it came.
      (value) => toWire.get(value) ?? (value as string as Wire),
    );
  };
}

/** An enumeration whose names are the same inside and outside, all of them. `names` has them as keys. */
export function sameNames<Names extends string>(expected: string, names: Readonly<Record<Names, unknown>>): Codec<Names, Names> {
  const known = new Set<unknown>(Object.keys(names));
  const wanted = known.size > namesSpelledOutMax ? expected : `${expected}: ${Object.keys(names).join(', ')}`;
  return codec(
    wanted,
    (wire) => (known.has(wire) ? (wire as Names) : new Rejection(wire, wanted)),
    (value) => value,
  );
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// Messages.

/** A wire object while it is read or written. */
export type WireRecord = Record<string, unknown>;

/**
 * One domain field: how to read it from a wire message, and how to write it there. `read` returns undefined for "absent", and a Rejection
 * whose path begins at the message.
 */
export interface Field<Value> {
  readonly read: (wire: WireRecord) => Value | Rejection;
  readonly write: (value: Value, wire: WireRecord) => void;
}

/** A field that may be absent. */
export interface OptionalField<Value> {
  readonly isOptional: true;
  readonly read: (wire: WireRecord) => Value | Rejection | undefined;
  readonly write: (value: Value, wire: WireRecord) => void;
}

/** A line for every domain field: those with `?` by `optional`, the others by anything else. */
export type FieldTable<Domain> = {
  readonly [Key in keyof Domain]-?: object extends Pick<Domain, Key> ? OptionalField<Exclude<Domain[Key], undefined>> : Field<Domain[Key]>;
};

type Name<Wire> = keyof Wire & string;
type Item<List> = NonNullable<List> extends readonly (infer Element)[] ? Element : never;
type Entry<Map> = NonNullable<Map> extends Readonly<Record<string, infer Value>> ? Value : never;

/** What is inside a field of a wire message: the message, or the elements of the list. */
export type Inside<Wire, N extends keyof Wire> = NonNullable<Wire[N]> extends readonly (infer Element)[] ? Element : NonNullable<Wire[N]>;
/** The names of an enumeration field of a wire message, or of the elements of a list of them. */
export type NamesOf<Wire, N extends keyof Wire> = Extract<Inside<Wire, N>, string>;

/** How the fields of one wire message are named in a table. */
export interface FieldKinds<Wire> {
  /** Refused when absent. */
  required<N extends Name<Wire>, Value>(name: N, codec: Codec<Value, NonNullable<Wire[N]>>): Field<Value>;
  /** Absent outside is absent inside. */
  optional<N extends Name<Wire>, Value>(name: N, codec: Codec<Value, NonNullable<Wire[N]>>): OptionalField<Value>;
  /** Absent outside is `value` inside; always written. */
  withDefault<N extends Name<Wire>, Value>(name: N, codec: Codec<Value, NonNullable<Wire[N]>>, value: NoInfer<Value>): Field<Value>;
  /** A list that is a message outside (Labels): absent is empty, and empty is not written. */
  list<N extends Name<Wire>, Element>(name: N, codec: Codec<readonly Element[], NonNullable<Wire[N]>>): Field<readonly Element[]>;
  repeated<N extends Name<Wire>, Element>(name: N, codec: Codec<Element, Item<Wire[N]>>): Field<readonly Element[]>;
  /** All of a repeated field as one domain value. */
  whole<N extends Name<Wire>, Value>(name: N, codec: Codec<Value, NonNullable<Wire[N]>>): Field<Value>;
  map<N extends Name<Wire>, Value>(name: N, codec: Codec<Value, Entry<Wire[N]>>): Field<ReadonlyMap<string, Value>>;
  /** True if the (empty) message is there. */
  presence<N extends Name<Wire>>(name: N): Field<boolean>;
  /** The constant that tells the variants of a domain union apart; nothing outside. */
  kind<const Kind extends string>(kind: Kind): Field<Kind>;
}

/**
 * Most elements of one list, and entries of one map. Far above what any message of 8 MiB has a use for, far below the number of empty
 * elements that fit in: 2 bytes each would become a hundred.
 */
export const repeatedCountMax = 100_000;

const emptyList: readonly never[] = Object.freeze([]);
const emptyMap: ReadonlyMap<string, never> = new Map<string, never>();

const fieldKinds: FieldKinds<WireRecord> = {
  required: (name, { decode, encode, expected }) => ({
    read: (wire) => {
      const found = wire[name];
      const value = found === undefined || found === null ? new Rejection(undefined, expected) : decode(found);
      return value instanceof Rejection ? value.within(name) : value;
    },
    write: (value, wire) => {
      wire[name] = encode(value);
    },
  }),
  optional: (name, { decode, encode }) => ({
    isOptional: true,
    read: (wire) => {
      const found = wire[name];
      if (found === undefined || found === null) return undefined;
      const value = decode(found);
      return value instanceof Rejection ? value.within(name) : value;
    },
    write: (value, wire) => {
      wire[name] = encode(value);
    },
  }),
  withDefault: (name, { decode, encode }, fallback) => ({
    read: (wire) => {
      const found = wire[name];
      if (found === undefined || found === null) return fallback;
      const value = decode(found);
      return value instanceof Rejection ? value.within(name) : value;
    },
    write: (value, wire) => {
      wire[name] = encode(value);
    },
  }),
  list: (name, { decode, encode }) => ({
    read: (wire) => {
      const found = wire[name];
      if (found === undefined || found === null) return emptyList;
      const value = decode(found);
      return value instanceof Rejection ? value.within(name) : value;
    },
    write: (value, wire) => {
      if (value.length > 0) wire[name] = encode(value);
    },
  }),
  repeated: (name, element) => {
    const { decode, encode } = listOf(element);
    return {
      read: (wire) => {
        const found = wire[name];
        if (found === undefined || found === null) return emptyList;
        const value = decode(found);
        return value instanceof Rejection ? value.within(name) : value;
      },
      write: (value, wire) => {
        if (value.length > 0) wire[name] = encode(value);
      },
    };
  },
  whole: (name, { decode, encode }) => ({
    read: (wire) => {
      const value = decode(wire[name] ?? emptyList);
      return value instanceof Rejection ? value.within(name) : value;
    },
    write: (value, wire) => {
      wire[name] = encode(value);
    },
  }),
  map: (name, { decode, encode }) => ({
    read: (wire) => {
      const found = wire[name];
      if (found === undefined || found === null) return emptyMap;
      if (!isRecord(found)) return new Rejection(found, 'a map').within(name);
      const keys = Object.keys(found);
      if (keys.length > repeatedCountMax) return new Rejection(keys.length, `at most ${repeatedCountMax} entries`).within(name);
      const values = new Map<string, never>();
      for (const key of keys) {
        const value = decode(found[key]);
        if (value instanceof Rejection) return value.within(`[${JSON.stringify(key)}]`).within(name);
        values.set(key, value as never);
      }
      return values;
    },
    write: (value, wire) => {
      if (value.size === 0) return;
      // Without a prototype, so that the key "__proto__" is a key.
      const entries = Object.create(null) as WireRecord;
      for (const [key, entry] of value) entries[key] = encode(entry);
      wire[name] = entries;
    },
  }),
  presence: (name) => ({
    read: (wire) => wire[name] !== undefined && wire[name] !== null,
    write: (value, wire) => {
      if (value) wire[name] = {};
    },
  }),
  kind: (kind) => ({ read: () => kind, write: () => undefined }),
};

export interface MessageOptions<Wire> {
  /** In words; default `a message`. */
  readonly expected?: string;
  /**
   * Fields of the contract that ask for something that Allot cannot do: refused by name when they are set. Leaving them out would start a
   * task without the protection that its framework asked for.
   */
  readonly unsupported?: readonly Name<Wire>[];
}

/** A message: one line per domain field, in the order of decoding. */
export function message<Domain extends object, Wire extends object>(
  table: (field: FieldKinds<Wire>) => FieldTable<Domain>,
  options: MessageOptions<Wire> = {},
): Codec<Domain, Wire> {
  const expected = options.expected ?? 'a message';
  const unsupported = options.unsupported ?? [];
  // The kinds know nothing of Wire at run time: it only restricts the names that a table may use.
  const fields: object = table(fieldKinds as FieldKinds<unknown> as FieldKinds<Wire>);
  const lines = Object.entries(fields) as readonly (readonly [string, Field<unknown> | OptionalField<unknown>])[];
  const keys = lines.map(([key]) => key);
  const reads = lines.map(([, field]) => field.read);
  const writes = lines.map(([, field]) => field.write);
  return codec(
    expected,
    (wire) => {
      if (!isRecord(wire)) return new Rejection(wire, expected);
      for (const name of unsupported) {
        if (!isAbsent(wire[name])) return new Rejection(wire[name], 'no value, as this release cannot do it').within(name);
      }
      const domain: WireRecord = {};
      for (let index = 0; index < keys.length; index += 1) {
        const value = reads[index]!(wire);
        if (value instanceof Rejection) return value;
        if (value !== undefined) domain[keys[index]!] = value;
      }
      return domain as Domain;
    },
    (value) => {
      const wire: WireRecord = {};
      for (let index = 0; index < keys.length; index += 1) {
        const field = (value as WireRecord)[keys[index]!];
        if (field !== undefined) writes[index]!(field, wire);
      }
      return wire as Wire;
    },
  );
}

/** Absent, or empty where the wire cannot tell. */
function isAbsent(wire: unknown): boolean {
  return wire === undefined || wire === null || (Array.isArray(wire) && wire.length === 0);
}

export function listOf<Element, Wire>(element: Codec<Element, Wire>): Codec<readonly Element[], Wire[]> {
  const { decode, encode } = element;
  return codec<readonly Element[], Wire[]>(
    'a list',
    (wire) => {
      if (!Array.isArray(wire)) return new Rejection(wire, 'a list');
      if (wire.length > repeatedCountMax) return new Rejection(wire.length, `at most ${repeatedCountMax} elements`);
      const elements: Element[] = [];
      for (let index = 0; index < wire.length; index += 1) {
        const value = decode(wire[index]);
        if (value instanceof Rejection) return value.within(`[${index}]`);
        elements.push(value);
      }
      return elements;
    },
    (value) => value.map(encode),
  );
}

/** A message with the one field `name`, which inside is nothing but that field: `TaskID { value }` is its text. */
export function boxed<Wire extends object>() {
  return <N extends Name<Wire>, Value>(name: N, inner: Codec<Value, NonNullable<Wire[N]>>, options: { readonly isNamed?: boolean } = {}): Codec<Value, Wire> =>
    codec(
      inner.expected,
      (wire) => {
        if (!isRecord(wire)) return new Rejection(wire, inner.expected);
        const found = wire[name];
        const value = found === undefined || found === null ? new Rejection(undefined, inner.expected) : inner.decode(found);
        return value instanceof Rejection && options.isNamed !== false ? value.within(name) : value;
      },
      (value) => ({ [name]: inner.encode(value) }) as Wire,
    );
}

/** A message that is nothing but a list: `Labels { labels }`. */
export function boxedList<Wire extends object>() {
  return <N extends Name<Wire>, Element>(name: N, element: Codec<Element, Item<Wire[N]>>): Codec<readonly Element[], Wire> => {
    const list = listOf(element);
    return codec(
      'a list',
      (wire) => {
        if (!isRecord(wire)) return new Rejection(wire, 'a list');
        const value = list.decode(wire[name] ?? emptyList);
        return value instanceof Rejection ? value.within(name) : value;
      },
      (value) => ({ [name]: list.encode(value) }) as Wire,
    );
  };
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// Unions.

interface Variant {
  readonly kind: string;
  /** Wire name of the value of `type`; unused for `oneof`. */
  readonly type: string;
  readonly member: string | undefined;
  /** Whether the member may be missing, being all optional. */
  readonly mayLack: boolean;
  readonly codec: Codec<unknown, unknown>;
}

/** One variant by its member. */
interface MemberOf<Domain, Wire> {
  readonly member: Name<Wire>;
  readonly type: string;
  readonly mayLack?: boolean;
  readonly codec: Codec<Domain, unknown>;
}

/** One variant that is told by `type` alone. */
interface BareOf<Domain> {
  readonly type: string;
  readonly bare: Domain;
}

type VariantTable<Domain extends { readonly kind: string }, Wire> = {
  readonly [Kind in Domain['kind']]: MemberOf<Extract<Domain, { readonly kind: Kind }>, Wire> | BareOf<Extract<Domain, { readonly kind: Kind }>>;
};

/** How the variants of a Mesos union are written in a table: by the name of `type`, and by the member that goes with it. */
export interface VariantKinds<Wire, Types extends string> {
  member<N extends Name<Wire>, Domain>(type: Types, name: N, codec: Codec<Domain, NonNullable<Wire[N]>>): MemberOf<Domain, Wire>;
  /** The member may be missing: then all of its fields are. */
  mayLack<N extends Name<Wire>, Domain>(type: Types, name: N, codec: Codec<Domain, NonNullable<Wire[N]>>): MemberOf<Domain, Wire>;
  bare<const Kind extends string>(type: Types, kind: Kind): BareOf<{ readonly kind: Kind }>;
}

/** A union in Mesos's form: `type` says which member counts. Members that `type` does not name are ignored, as Mesos does. */
export function byType<Domain extends { readonly kind: string }, Wire extends object, Types extends string>(
  table: (variant: VariantKinds<Wire, Types>) => VariantTable<Domain, Wire>,
): Codec<Domain, Wire> {
  const lines = variantsOf(
    table({
      member: (type, member, inner) => ({ type, member, codec: inner }),
      mayLack: (type, member, inner) => ({ type, member, mayLack: true, codec: inner }),
      bare: (type, kind) => ({ type, bare: { kind } }),
    }),
  );
  const byWireType = new Map<unknown, Variant>(lines.map((line) => [line.type, line]));
  const byKind = new Map(lines.map((line) => [line.kind, line]));
  const expected = `one of ${lines.map((line) => line.type).join(', ')}`;
  return codec(
    expected,
    (wire) => {
      if (!isRecord(wire)) return new Rejection(wire, 'a message');
      const variant = byWireType.get(wire['type']);
      if (variant === undefined) return new Rejection(wire['type'], expected).within('type');
      const { member } = variant;
      if (member === undefined) return variant.codec.decode(undefined) as Domain;
      const found = wire[member] ?? (variant.mayLack ? {} : undefined);
      const value = found === undefined ? new Rejection(undefined, `what belongs to type ${variant.type}`) : variant.codec.decode(found);
      return value instanceof Rejection ? value.within(member) : (value as Domain);
    },
    (value) => {
      const variant = byKind.get(value.kind);
      if (variant === undefined) return {} as Wire;
      const wire: WireRecord = { type: variant.type };
      if (variant.member !== undefined) wire[variant.member] = variant.codec.encode(value);
      return wire as Wire;
    },
  );
}

type MemberTable<Domain extends { readonly kind: string }, Wire> = {
  readonly [Kind in Domain['kind']]: MemberOf<Extract<Domain, { readonly kind: Kind }>, Wire>;
};

/** A union in our own form, `oneof`: exactly one member is there. */
export function byMember<Domain extends { readonly kind: string }, Wire extends object>(
  table: (member: <N extends Name<Wire>, D>(name: N, codec: Codec<D, NonNullable<Wire[N]>>) => MemberOf<D, Wire>) => MemberTable<Domain, Wire>,
): Codec<Domain, Wire> {
  const lines = variantsOf(table((member, inner) => ({ type: member, member, codec: inner })));
  const byName = new Map(lines.map((line) => [line.type, line]));
  const byKind = new Map(lines.map((line) => [line.kind, line]));
  const expected = `exactly one of ${lines.map((line) => line.type).join(', ')}`;
  return codec(
    expected,
    (wire) => {
      if (!isRecord(wire)) return new Rejection(wire, expected);
      let found: Variant | undefined;
      for (const name in wire) {
        const variant = byName.get(name);
        if (variant === undefined || wire[name] === undefined || wire[name] === null) continue;
        if (found !== undefined) return new Rejection(`${found.type} and ${name}`, expected);
        found = variant;
      }
      if (found === undefined) return new Rejection(undefined, expected);
      const value = found.codec.decode(wire[found.type]);
      return value instanceof Rejection ? value.within(found.type) : (value as Domain);
    },
    (value) => {
      const variant = byKind.get(value.kind);
      return (variant === undefined ? {} : { [variant.type]: variant.codec.encode(value) }) as Wire;
    },
  );
}

function variantsOf(table: object): readonly Variant[] {
  const lines = Object.entries(table) as [string, MemberOf<unknown, WireRecord> | BareOf<unknown>][];
  return lines.map(([kind, line]) =>
    'bare' in line
      ? { kind, type: line.type, member: undefined, mayLack: true, codec: codec('nothing', () => line.bare, () => undefined) }
      : { kind, type: line.type, member: line.member, mayLack: line.mayLack === true, codec: line.codec as Codec<unknown, unknown> },
  );
}

// ---------------------------------------------------------------------------------------------------------------------------------------

export function isRecord(wire: unknown): wire is WireRecord {
  return typeof wire === 'object' && wire !== null && !Array.isArray(wire);
}

/** Longest print of a refused value. */
const printLengthMax = 200;

/** Prints what was refused without ever walking through a large value. */
function printWire(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'string':
      return value.length <= printLengthMax ? JSON.stringify(value) : `${JSON.stringify(value.slice(0, printLengthMax - 20))}... of ${value.length} characters`;
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value);
    default:
      if (value === null) return 'nothing';
      if (value instanceof Uint8Array) return `${value.length} bytes`;
      return Array.isArray(value) ? `a list of ${value.length}` : 'a message';
  }
}
