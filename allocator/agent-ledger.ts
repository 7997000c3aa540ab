// Agent ledger: what one agent has, what of it is out, what is free.
//
// Owns:      an agent's total, the sum charged to frameworks, who holds some of it, whether it takes part.
// Elsewhere: the amounts by role and framework (role-tree.ts), when the agent is looked at (run-schedule.ts).
// Invariants:
//   G1. free = (total - charged, both without shared) + all shared of the total. Shared amounts stay free while they are used.
//   G2. Free is never negative: an agent that came back smaller than what runs on it has nothing free until enough has ended.
//   G3. `holders` are the memberships whose `held` has this agent.
//   G4. What the agent runs for frameworks that the allocator does not know yet is charged here too (drf-allocator.ts, D4).
// Source: Mesos hierarchical allocator, agent state (reference, section 1).

import type { AgentInfo } from '../common/model/agent';
import type { AgentId } from '../common/model/ids';
import { Resources } from '../common/model/resources';
import type { Membership } from './role-tree';

export class AgentLedger {
  readonly holders = new Set<Membership>();
  isActive = true;
  #info: AgentInfo;
  #total: Resources;
  /** Unallocated form, without shared. */
  #charged = Resources.empty;
  /** G1, computed when asked for: within a burst of returns nobody asks. */
  #free: Resources | undefined;

  constructor(
    readonly id: AgentId,
    info: AgentInfo,
  ) {
    this.#info = info;
    this.#total = info.resources.unallocated();
  }

  get info(): AgentInfo {
    return this.#info;
  }

  get total(): Resources {
    return this.#total;
  }

  get free(): Resources {
    return (this.#free ??= this.#total.nonShared().minus(this.#charged).plus(this.#total.shared()));
  }

  get hasShared(): boolean {
    return !this.#total.shared().isEmpty;
  }

  replaceInfo(info: AgentInfo): void {
    this.#info = info;
    this.#total = info.resources.unallocated();
    this.#free = undefined;
  }

  charge(resources: Resources): void {
    this.#charged = this.#charged.plus(resources.nonShared().unallocated());
    this.#free = undefined;
  }

  credit(resources: Resources): void {
    this.#charged = this.#charged.minus(resources.nonShared().unallocated());
    this.#free = undefined;
  }
}
