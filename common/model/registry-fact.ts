// Registry facts: what a cluster knows whoever leads it.
//
// Owns:      the facts, one registry key each.
// Elsewhere: when they change (master/core/), how they are kept (master/'s registries), their bytes (proto/registry-codec.ts).
// Source: Mesos registry (admitted and unreachable agents, weights, quotas), split into one key per fact, because a write should cost what changed.

import type { AgentInfo } from './agent';
import type { AgentId } from './ids';
import type { QuotaConfig } from './quota';

/** One durable fact, decoded. */
export type RegistryFact =
  | { readonly kind: 'agent'; readonly agentId: AgentId; readonly info: AgentInfo; readonly version: string; readonly state: 'admitted' | 'unreachable'; readonly unreachableSinceMs?: number }
  | { readonly kind: 'weight'; readonly role: string; readonly weight: number }
  | ({ readonly kind: 'quota' } & QuotaConfig);
