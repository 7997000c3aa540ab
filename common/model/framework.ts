// Frameworks as others see them.
//
// Owns:      FrameworkInfo, capabilities, offer filters of a framework.
// Elsewhere: sessions and failover (master/core/frameworks.ts), validation rules (master/core/framework-validation.ts).
// Source: Mesos v1 FrameworkInfo.

import type { FrameworkId } from './ids';
import type { Label } from './command';

export const frameworkCapabilities = [
  'REVOCABLE_RESOURCES',
  'TASK_KILLING_STATE',
  'GPU_RESOURCES',
  'SHARED_RESOURCES',
  'PARTITION_AWARE',
  'MULTI_ROLE',
  'RESERVATION_REFINEMENT',
  'REGION_AWARE',
] as const;
export type FrameworkCapability = (typeof frameworkCapabilities)[number];

/** Amounts per scalar resource name, in thousandths. */
export type Quantities = ReadonlyMap<string, number>;

export interface FrameworkInfo {
  readonly id?: FrameworkId;
  /** The user on the agents in whose name tasks run. May be empty: the agent's own. */
  readonly user: string;
  readonly name: string;
  /** The roles subscribed to. Without MULTI_ROLE exactly one (from the deprecated `role`, default `*`). */
  readonly roles: readonly string[];
  readonly capabilities: readonly FrameworkCapability[];
  /** How long the master keeps tasks running after the scheduler's session ended. Milliseconds; default 0: removed at once. Source: Mesos. */
  readonly failoverTimeoutMs: number;
  /** Carried for Mesos clients; Allot always checkpoints (our choice, because losing tasks on an agent restart serves nobody). */
  readonly checkpoint: boolean;
  readonly hostname?: string;
  readonly principal?: string;
  readonly webuiUrl?: string;
  readonly labels: readonly Label[];
  /** Per role: the smallest offers worth making, OR-ed; an empty list means any non-empty bundle. */
  readonly offerFilters: ReadonlyMap<string, { readonly minAllocatable: readonly Quantities[] }>;
}

export function hasCapability(info: FrameworkInfo, capability: FrameworkCapability): boolean {
  return info.capabilities.includes(capability);
}
