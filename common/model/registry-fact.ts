// Registry facts: what a cluster knows whoever leads it.
//
// Owns:      the facts, one registry key each, and how long one may be.
// Elsewhere: when they change (master/core/), how they are kept (master/'s registries), their bytes (proto/registry-codec.ts).
// Source: Mesos registry (admitted and unreachable agents, weights, quotas), split into one key per fact, because a write should cost what changed.

import { refused, type Checked } from '../refusal';
import type { AgentInfo } from './agent';
import { sizeOf } from './message-size';
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
  const sizes = Object.entries(parts).map(([field, value]) => ({ field, bytes: sizeOf(value) }));
  const bytes = sizes.reduce((sum, part) => sum + part.bytes, 0);
  if (bytes <= factBytesMax) return { ok: true, value: undefined };
  const longest = sizes.reduce((one, other) => (other.bytes > one.bytes ? other : one));
  return refused(longest.field, `${longest.bytes} bytes`, `less, as all that the registry keeps of it has at most ${factBytesMax} bytes: it would have ${bytes}`);
}
