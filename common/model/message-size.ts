// Message size: how large a value becomes on the wire, and how large what a framework says may be.
//
// Owns:      an upper bound of the encoded size of any domain value, and the bounds on what is passed on from one session to another.
// Elsewhere: how large a status may be (status-size.ts), the bound of a link and its queue, which end a session (proto/stream-link.ts); encoding itself (proto/).
// Invariants:
//   S1. No codec makes more bytes of a value than `sizeOf` says.
//   S2. What obeys the bounds here fits, with all that is sent along with it, into a message of a link several times over. So what one framework says
//       never ends the session of an agent, which is everybody's.
// Source: our choice. Mesos has no such bounds: there every message is an HTTP body of its own.

import { Resources, type Resource } from './resources';

/** Data of a MESSAGE, in either direction. An eighth of what a link takes; more than that belongs into a file that the executor fetches. */
export const messageDataBytesMax = 1024 * 1024;

/** A task with its executor, data included. It is sent, stored and reported as a whole; what is larger belongs into a file, too. */
export const taskInfoBytesMax = 1024 * 1024;

/** It goes along with every task, and to each agent when it changes. A thousand roles of sixty characters fit. */
export const frameworkInfoBytesMax = 64 * 1024;

/**
 * One part of an agent's report: half of a message, because the last element of a part may go beyond by as much as the largest executor takes. What is
 * reported of most agents fits into one.
 */
export const reportPartBytesMax = 4 * 1024 * 1024;

/**
 * What may be sent to a peer in one go because of something small: copies of a FrameworkInfo for the tasks of one ACCEPT, heads of update streams after a
 * registration. A quarter of what a link queues for a peer that does not read at the moment.
 */
export const burstBytesMax = 8 * 1024 * 1024;

/**
 * Launches that an agent may not have read yet, with all that goes along with them: half of what a link queues for a peer that does not read at the moment,
 * so that many large ones in a row do not end the session of a slow agent. Thousands of ordinary tasks, or sixteen of the largest.
 */
export const launchBytesMax = 16 * 1024 * 1024;

/** Tag and length of a text, of bytes or of a message, with room for the message that holds it alone where the model has one level (ids, labels). */
const fieldBytes = 8;
/** A number, amount or time with its tag, likewise. */
const numberBytes = 16;
const flagBytes = 4;

/** An upper bound (S1) of the bytes of a domain value, as a field of a message. Takes time in proportion to the value. */
export function sizeOf(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return fieldBytes + utf8Length(value);
    case 'number':
      return numberBytes;
    case 'boolean':
      return flagBytes;
    case 'object':
      return value === null ? 0 : fieldBytes + sizeOfObject(value);
    default:
      return 0;
  }
}

function sizeOfObject(value: object): number {
  if (value instanceof Uint8Array) return value.length;
  let size = 0;
  if (value instanceof Resources) {
    for (const resource of value) size += sizeOfResource(resource);
  } else if (value instanceof Map) {
    for (const [key, entry] of value as ReadonlyMap<unknown, unknown>) size += fieldBytes + sizeOf(key) + sizeOf(entry);
  } else if (Array.isArray(value)) {
    for (const entry of value) size += sizeOf(entry);
  } else {
    for (const key in value) size += sizeOf((value as Readonly<Record<string, unknown>>)[key]);
  }
  return size;
}

function sizeOfResource({ value, ...identity }: Resource): number {
  const size = sizeOf(identity);
  if (value.kind !== 'ranges') return size + sizeOf(value);
  // Ports may be in thousands of pieces, so these are counted as they are: a message with two numbers.
  return value.ranges.reduce((sum, { begin, end }) => sum + 4 + varintBytes(begin) + varintBytes(end), size + 2 * fieldBytes);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest /= 128) bytes += 1;
  return bytes;
}

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // A surrogate pair is two units and four bytes; one alone is replaced by a character of three.
    if (unit >= 0x80) length += unit >= 0x800 ? 2 : 1;
  }
  return length;
}
