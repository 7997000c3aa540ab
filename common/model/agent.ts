// Agents as others see them.
//
// Owns:      AgentInfo, attributes, fault domain, unavailability.
// Elsewhere: the agent's own state (agent/core/), its life in the master (master/core/), detection (agent/).
// Source: Mesos v1 AgentInfo, Attribute, DomainInfo, Unavailability.

import type { AgentId } from './ids';
import type { Resources } from './resources';

/** A remark about a machine that schedulers may read: `rack:r2`, `kernel:6.1`. Names may repeat. Scalars in thousandths. */
export type Attribute =
  | { readonly name: string; readonly kind: 'scalar'; readonly milli: number }
  | { readonly name: string; readonly kind: 'ranges'; readonly ranges: readonly { readonly begin: number; readonly end: number }[] }
  | { readonly name: string; readonly kind: 'set'; readonly items: readonly string[] }
  | { readonly name: string; readonly kind: 'text'; readonly text: string };

export interface DomainInfo {
  readonly faultDomain?: { readonly region: string; readonly zone: string };
}

/** Wall-clock window in which a machine is away. No duration: for ever. */
export interface Unavailability {
  readonly startMs: number;
  readonly durationMs?: number;
}

export interface AgentInfo {
  readonly id?: AgentId;
  /** What people call the machine; not necessarily resolvable by anybody. */
  readonly hostname: string;
  /** Default 5051; 0 when the agent listens nowhere, which is usual: agents dial out. */
  readonly port: number;
  readonly resources: Resources;
  readonly attributes: readonly Attribute[];
  readonly domain?: DomainInfo;
}
