// Quota growth: whether quota leaves more room somewhere than when those it holds back were last asked about.
//
// Owns:      the room at which every agent that is held back is known to be refused, and whether anything has grown beyond it.
// Elsewhere: the room itself (quota-ledger.ts), which agents are held back (drf-allocator.ts), what one of them remembers (cut-refusals.ts).
// Invariants:
//   M1. What is known is a bound for each number that a refusal may hang on: every active membership refuses what any held-back agent has free as long as
//       its role has consumed at least `consumed` says, the surplus is at most `surplus`, and what is required is at least `required`. Less room is less
//       to be offered, and whoever refuses something refuses a part of it (framework-ledger.ts, E2; decline-filters.ts, F1). Agents of which some
//       name has several amounts are left out of this: less room may be another part.
//   M2. What is required is among the numbers because stage 1 hands out beyond a guarantee without regard to the surplus when nothing else is required.
//   M3. More room than any agent has is no bound to any: `agentMax`. So what happens far from limits is no growth.
//   M4. In a run rooms shrink, but for the surplus, which binds nobody any more when nothing is required any more. So a run ends with the least room that it
//       asked at, unless that happened: then nothing is known of the surplus.
// Source: our choice: Mesos visits every agent in every batch, and asks everyone.

import type { CompiledQuota, QuotaLedger, QuotaRole } from './quota-ledger';
import { at, emptyVector, grown, type Vector } from './vector';

/** What of M1 is about one role. */
export class RoleGrowth {
  /** Undefined: nothing is known yet. */
  consumed: Vector | undefined;
  /** Whether the role has room that nobody was asked at. */
  hasGrown = false;
  /** Whether it is in the list of those to look at after a run. */
  isListed = false;
}

export class QuotaGrowth {
  readonly #listed: QuotaRole[] = [];
  #grownCount = 0;
  /** Undefined: unbounded. */
  #surplus: Vector | undefined;
  #required = emptyVector;
  #requiredAtBegin = emptyVector;
  #wasRequired = false;
  /** Whether headroom was required when the run began and has ceased to be in it (M4). */
  #hasCeased = false;
  /** M3: the most of each name that any agent has had. */
  #agentMax = emptyVector;

  constructor(private readonly quotas: QuotaLedger) {}

  /** An agent may have so much free. */
  noteAgent(quotaScalars: Vector): void {
    if (this.#agentMax.length < quotaScalars.length) this.#agentMax = grown(this.#agentMax, quotaScalars.length);
    for (let i = 0; i < quotaScalars.length; i++) this.#agentMax[i] = Math.max(this.#agentMax[i]!, quotaScalars[i]!);
  }

  /** The role's consumption has changed, or its quota is new. */
  consumedOtherwise(role: QuotaRole): void {
    const growth = role.quota!.growth;
    this.#setGrown(growth, this.#isGrown(role, role.quota!));
    if (!growth.isListed) {
      growth.isListed = true;
      this.#listed.push(role);
    }
    if (this.#wasRequired && !this.quotas.isHeadroomRequired) this.#hasCeased = true;
  }

  /** The quota is gone. */
  forget(growth: RoleGrowth): void {
    this.#setGrown(growth, false);
  }

  /** Whether those held back may be offered something. */
  get isThere(): boolean {
    if (this.#grownCount > 0) return true;
    const { surplus, required } = this.quotas;
    if (this.#surplus !== undefined) {
      for (let i = 0; i < this.#agentMax.length; i++) {
        const known = at(this.#surplus, i);
        if (known < this.#agentMax[i]! && (surplus === undefined || at(surplus, i) > known)) return true;
      }
    }
    if (surplus !== undefined) for (let i = 0; i < this.#required.length; i++) if (at(required, i) < this.#required[i]!) return true;
    return false;
  }

  /** A run begins. */
  begin(): void {
    this.#requiredAtBegin = this.quotas.required.slice();
    this.#wasRequired = this.quotas.isHeadroomRequired;
    this.#hasCeased = false;
  }

  /** A run is over that asked about some agents. */
  endAmongSome(): void {
    for (const role of this.#relisted()) {
      const { growth } = role.quota!;
      const { consumed } = growth;
      if (consumed !== undefined) growth.consumed = maxOf(consumed, role.consumed);
      this.#relist(role);
    }
    const { surplus } = this.quotas;
    if (this.#hasCeased) this.#surplus = emptyVector;
    else if (surplus !== undefined) this.#surplus = this.#surplus === undefined ? surplus : minOf(this.#surplus, surplus);
    this.#required = maxOf(this.#required, this.#requiredAtBegin);
    this.#wasRequired = false;
  }

  /** A run is over that asked about all that are held back, or knew that they refuse. */
  endAmongAll(): void {
    for (const role of this.#relisted()) {
      role.quota!.growth.consumed = this.quotas.consumedOf(role, role.quota!);
      this.#relist(role);
    }
    this.#surplus = this.#hasCeased ? emptyVector : this.quotas.surplus;
    this.#required = this.#requiredAtBegin;
    this.#wasRequired = false;
  }

  #isGrown({ consumed }: QuotaRole, { growth, guarantees, limits }: CompiledQuota): boolean {
    const known = growth.consumed;
    if (known === undefined) return true;
    const { length } = this.#agentMax;
    for (let i = 0; i < length; i++) {
      const then = at(known, i);
      if (at(consumed, i) >= then) continue;
      const agentMax = this.#agentMax[i]!;
      if (i < limits.length && limits[i]! > at(consumed, i) && limits[i]! - then < agentMax) return true;
      if (at(guarantees, i) > at(consumed, i) && at(guarantees, i) - then < agentMax) return true;
    }
    return false;
  }

  #setGrown(growth: RoleGrowth, hasGrown: boolean): void {
    if (growth.hasGrown === hasGrown) return;
    growth.hasGrown = hasGrown;
    this.#grownCount += hasGrown ? 1 : -1;
  }

  /** The list, which is empty from then on; without those whose quota went. */
  #relisted(): readonly QuotaRole[] {
    const listed = this.#listed.filter(({ quota }) => quota?.growth.isListed === true);
    this.#listed.length = 0;
    for (const { quota } of listed) quota!.growth.isListed = false;
    return listed;
  }

  /** What has grown stays in the list, until all were asked. */
  #relist(role: QuotaRole): void {
    const { growth } = role.quota!;
    this.#setGrown(growth, this.#isGrown(role, role.quota!));
    if (!growth.hasGrown || growth.isListed) return;
    growth.isListed = true;
    this.#listed.push(role);
  }
}

function maxOf(one: Vector, other: Vector): Vector {
  return Float64Array.from({ length: Math.max(one.length, other.length) }, (_, i) => Math.max(at(one, i), at(other, i)));
}

/** Of surpluses, which are 0 past their end. */
function minOf(one: Vector, other: Vector): Vector {
  return Float64Array.from({ length: Math.max(one.length, other.length) }, (_, i) => Math.min(at(one, i), at(other, i)));
}
