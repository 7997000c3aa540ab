// Wire size: about how long a value is once it is said.
//
// Owns:      the estimate by which long lists are cut into messages that links carry.
// Elsewhere: the exact form (proto/), how long a message may be (proto/stream-link.ts, and gRPC for answers to operators).
// Invariants:
//   B4. The estimate is not below the true length, whatever is in the value: what fits by it fits.
// Source: ours; the core does not know the wire, and need not know it to the byte.

import { Resources, type Resource } from '../../common/model/resources';

/** Tags and lengths around a text, which may be the member of a message of its own (an id). */
const textHeadBytes = 6;
/** A number, time or amount, which may be the member of one or two messages of its own. */
const numberBytes = 14;
const flagBytes = 3;
/** Tag and length of a message, which is not huge where this counts. */
const messageHeadBytes = 4;

/** A scalar resource without its texts: tags, kind, amount, role `*`. */
const plainResourceBytes = 48;

/** At most so many bytes. Takes time in proportion to them. */
export function wireBytes(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return textHeadBytes + utf8BytesMax(value);
    case 'number':
      return numberBytes;
    case 'boolean':
      return flagBytes;
    case 'object':
      return value === null ? 0 : objectBytes(value);
    default:
      return 0;
  }
}

function objectBytes(value: object): number {
  if (value instanceof Uint8Array) return messageHeadBytes + value.length;
  let bytes = messageHeadBytes;
  if (value instanceof Map) {
    for (const [key, item] of value) bytes += messageHeadBytes + wireBytes(key) + wireBytes(item);
  } else if (value instanceof Resources) {
    for (const resource of value) bytes += resourceBytes(resource);
  } else if (Array.isArray(value)) {
    for (const item of value) bytes += wireBytes(item);
  } else {
    for (const item of Object.values(value)) bytes += wireBytes(item);
  }
  return bytes;
}

/** Nearly all are amounts that nobody has reserved, and there are some in each offer. */
function resourceBytes(resource: Resource): number {
  const { name, value, reservations, disk, allocationRole, providerId } = resource;
  const isPlain = value.kind === 'scalar' && reservations.length === 0 && disk === undefined && providerId === undefined;
  return isPlain ? plainResourceBytes + 3 * (name.length + (allocationRole?.length ?? 0)) : wireBytes(resource);
}

/** A text is all ASCII, or counted at the most that a UTF-16 unit takes. */
function utf8BytesMax(text: string): number {
  return /^[\u0000-\u007f]*$/.test(text) ? text.length : 3 * text.length;
}
