// Agent ledger: what one agent has, what of it is out, what is free.
//
// Owns:      an agent's total, who holds what of it, what is free, whether it takes part, what came of the last visit, what is known of refusals there.
// Elsewhere: the amounts by role and framework (role-tree.ts), changes of holdings (charges.ts), when the agent is looked at (run-schedule.ts).
// Invariants:
//   G1. free = (total - charged, both without shared) + all shared of the total. Shared amounts stay free while they are used.
//   G2. Free is never negative: an agent that came back smaller than what runs on it has nothing free until enough has ended.
//   G3. charged = the holdings + `unclaimed`: what the agent runs for frameworks that the allocator does not know yet (drf-allocator.ts, L3).
//   G4. With nothing charged, free is the very object `total` (U3).
// Source: Mesos hierarchical allocator, agent state (reference, section 1).

import type { AgentInfo } from '../common/model/agent';
import type { AgentId } from '../common/model/ids';
import type { Bundle } from './bundle';
import type { Holding } from './charges';
import { hash32, mix32 } from './draws';
import type { FilterRow } from './filter-row';
import { RefusalMemo } from './refusal-memo';
import type { Membership } from './role-node';

export class AgentLedger {
  readonly hash: number;
  /**
   * In which order amounts of one name are cut to quota. The agent's own, not the run's: else what one run left another might offer, cut otherwise, and
   * nothing that was looked at would ever be done with.
   */
  readonly cutSeed: number;
  readonly holdings: Holding[] = [];
  readonly refusals = new RefusalMemo();
  /** Absent while there is none (decline-filters.ts). */
  filters: FilterRow | undefined;
  unclaimed: Bundle;
  /** False while the master deactivated it. */
  isActive = true;
  /** False while an allow list does not have its hostname. */
  isAllowed = true;
  /** When a run last looked at it; -1: none did. */
  lastVisitMs = -1;
  lastVisitRun = 0;
  /** The last run that granted something here (0: none did); for explanations also to whom first, and how often after that. No list, because grants are many. */
  lastGrantRun = 0;
  lastGrantedTo: Membership | undefined;
  lastGrantsAfter = 0;
  hasGpus = false;
  region: string | undefined;
  #info: AgentInfo;
  #total: Bundle;
  #free: Bundle | undefined;
  /** Whether the total contains all that is charged; if not, free is computed anew after each change (G2). */
  #isCovered = true;

  constructor(
    readonly id: AgentId,
    info: AgentInfo,
    total: Bundle,
    private readonly nothing: Bundle,
  ) {
    this.hash = hash32(id);
    this.cutSeed = mix32(this.hash);
    this.unclaimed = nothing;
    this.#info = info;
    this.#total = total;
    this.replaceInfo(info, total);
  }

  get info(): AgentInfo {
    return this.#info;
  }

  get total(): Bundle {
    return this.#total;
  }

  get takesPart(): boolean {
    return this.isActive && this.isAllowed;
  }

  get free(): Bundle {
    return (this.#free ??= this.#freeAnew());
  }

  replaceInfo(info: AgentInfo, total: Bundle): void {
    this.#info = info;
    this.#total = total;
    this.hasGpus = total.resources.scalar('gpus') > 0;
    this.region = info.domain?.faultDomain?.region;
    this.refusals.clear();
    this.recount();
  }

  /** Few hold something of one agent, so a list is searched. */
  holdingOf(member: Membership): Holding | undefined {
    const { holdings } = this;
    for (let i = 0; i < holdings.length; i++) if (holdings[i]!.member === member) return holdings[i];
    return undefined;
  }

  noteGrant(member: Membership, run: number): void {
    if (this.lastGrantRun === run) {
      this.lastGrantsAfter++;
      return;
    }
    this.lastGrantRun = run;
    this.lastGrantedTo = member;
    this.lastGrantsAfter = 0;
  }

  /** A holding has grown by `bundle`. */
  charged(bundle: Bundle): void {
    const free = this.#free;
    if (free === undefined) return;
    const taken = bundle.nonShared;
    if (taken === free) this.#free = this.nothing;
    else this.#free = this.#isCovered && free.contains(taken) ? free.minus(taken) : undefined;
  }

  /** A holding has shrunk by `bundle`. */
  credited(bundle: Bundle): void {
    if (this.holdings.length === 0 && this.unclaimed.isEmpty) {
      this.#free = this.#total; // G4
      this.#isCovered = true;
    } else if (this.#free !== undefined) {
      this.#free = this.#isCovered ? this.#free.plus(bundle.nonShared) : undefined;
    }
  }

  /** Total, holdings or `unclaimed` have changed otherwise. */
  recount(): void {
    this.#free = undefined;
  }

  #freeAnew(): Bundle {
    if (this.holdings.length === 0 && this.unclaimed.isEmpty) {
      this.#isCovered = true;
      return this.#total;
    }
    let charged = this.unclaimed.nonShared;
    for (const { bundle } of this.holdings) charged = charged.plus(bundle.nonShared);
    const total = this.#total.nonShared;
    this.#isCovered = total.contains(charged);
    const rest = total.minus(charged).resources;
    return this.#total.derived(this.#total.hasShared ? rest.plus(this.#total.resources.shared()) : rest);
  }
}
