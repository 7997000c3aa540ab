// Registry facts: what a cluster knows whoever leads it.
//
// Owns:      the facts, one registry key each, and how long one may be.
// Elsewhere: when they change (master/core/), how they are kept (master/'s registries), their bytes (proto/registry-codec.ts).
// Source: Mesos registry (admitted and unreachable agents, weights, quotas), split into one key per fact, because a write should cost what changed.

import { refused, type Checked } from '../refusal';
import type { AgentInfo } from './agent';
import type { AgentId } from './ids';
import type { QuotaConfig } from './quota';

/** One durable fact, decoded. */
export type RegistryFact =
  | { readonly kind: 'agent'; readonly agentId: AgentId; readonly info: AgentInfo; readonly version: string; readonly state: 'admitted' | 'unreachable'; readonly unreachableSinceMs?: number }
  | { readonly kind: 'weight'; readonly role: string; readonly weight: number }
  | ({ readonly kind: 'quota' } & QuotaConfig);

/**
 * Longest fact in bytes, about. Ours: a thousand times a usual agent's, and twenty of them still go into one transaction of etcd, which takes 1.5 MiB.
 * Whoever asks for a longer one is refused before the registry is asked: there it would fail, and end the term of this leader and of each after it.
 */
export const factBytesMax = 64 * 1024;

/** Refuses the parts of a fact, by field, that are too long together, naming the longest. */
export function checkFactSize(parts: Readonly<Record<string, unknown>>): Checked<undefined> {
  const sizes = Object.entries(parts).map(([field, value]) => ({ field, bytes: encodedBytes(value) }));
  const bytes = sizes.reduce((sum, part) => sum + part.bytes, 0);
  if (bytes <= factBytesMax) return { ok: true, value: undefined };
  const longest = sizes.reduce((one, other) => (other.bytes > one.bytes ? other : one));
  return refused(longest.field, `${longest.bytes} bytes`, `less, as all that the registry keeps of it has at most ${factBytesMax} bytes: it would have ${bytes}`);
}

/**
 * Bytes of a value on the wire, or somewhat more: each number, flag and length at its longest. The deciding core cannot encode, and what counts is that
 * nothing passes that is longer than said.
 */
export function encodedBytes(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return headerBytes + utf8Bytes(value);
    case 'number':
      return 12;
    case 'boolean':
      return 3;
    case 'object': {
      if (value === null) return 0;
      let bytes = headerBytes;
      for (const part of Symbol.iterator in value ? (value as Iterable<unknown>) : Object.values(value)) bytes += encodedBytes(part);
      return bytes;
    }
    default:
      return 0;
  }
}

/** Field number and length of a text or message of up to 256 MiB. */
const headerBytes = 6;

function utf8Bytes(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
  }
  return bytes;
}
