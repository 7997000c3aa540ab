// Same value: whether two pieces of domain data say the same.
//
// Owns:      structural equality over what domain data is made of: primitives, arrays, plain objects, Map, Set, Uint8Array, Resources.
// Elsewhere: equality of resources by meaning (Resources.equals).
// Invariants:
//   Y1. Equal by this means equal on the wire; a member that is undefined equals one that is absent.
// Source: our choice, because writing an unchanged record to an SD card wears it for nothing.

export function isSameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (hasEquals(a)) return hasEquals(b) && a.equals(b);
  const tag = tagOf(a);
  if (tag !== tagOf(b)) return false;
  switch (tag) {
    case '[object Map]':
      return isSameMap(a as ReadonlyMap<unknown, unknown>, b as ReadonlyMap<unknown, unknown>);
    case '[object Set]':
      return isSameMap(keyed(a as ReadonlySet<unknown>), keyed(b as ReadonlySet<unknown>));
    case '[object Array]':
    case '[object Uint8Array]':
      return isSameList(a as ArrayLike<unknown>, b as ArrayLike<unknown>);
    default:
      return isSameRecord(a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>);
  }
}

/** What a built-in is, whichever realm made it: `instanceof` denies those of another. */
function tagOf(value: object): string {
  return Object.prototype.toString.call(value);
}

function keyed(items: ReadonlySet<unknown>): ReadonlyMap<unknown, unknown> {
  return new Map([...items].map((item) => [item, true]));
}

function isSameMap(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.has(key) && isSameValue(value, b.get(key)));
}

function isSameList(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (!isSameValue(a[index], b[index])) return false;
  return true;
}

function isSameRecord(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => isSameValue(a[name], b[name]));
}

function hasEquals(value: object): value is { equals(other: unknown): boolean } {
  return 'equals' in value && typeof value.equals === 'function';
}
