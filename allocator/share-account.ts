// Share accounts: what one client of the fair division holds, and the share that makes of it.
//
// Owns:      the amounts charged to one role, virtual leaf or framework-in-a-role, its grant count, its weight, its dominant share, and whether
//            it stands back.
// Elsewhere: the order among siblings (sibling-order.ts), who is whose sibling (role-tree.ts), what is free (agent-ledger.ts), when a
//            framework stands back (standing-back.ts).
// Invariants:
//   S1. `amounts` is the sum of what was charged and not returned, per scalar name, in thousandths; a shared amount counts once per agent.
//   S2. `share` = max over names n with a fair total of amounts[n] / (total[n] * weight), as of the last change or refresh.
//   S3. `grantCount` only grows: it makes equal clients take turns.
//   S4. An account in an order changes its share, count, weight or standing only between `order.placeOf` and `order.moved`, so the order
//       stays sorted.
// Source: DRF (Ghodsi et al., NSDI 2011, sections 4.1 and 4.3), Mesos DRF sorter (reference 3.1, 3.3).

import { invariant } from '../common/invariant';
import type { AgentId } from '../common/model/ids';
import { Resources } from '../common/model/resources';
import type { Bundle } from './bundle';
import type { ClusterTotals } from './cluster-totals';
import { hash32 } from './draws';
import { add, emptyVector, type Vector } from './vector';

/** The order that keeps an account in its place, as far as the account needs to know it. */
export interface PlaceKeeper {
  /** Whether places are kept now; if not, all are found anew at the next reading. */
  readonly isCurrent: boolean;
  /** Where the account stands, by the key it has now. */
  placeOf(account: ShareAccount): number;
  /** The key of the account that stood at `place` has changed. */
  moved(place: number, account: ShareAccount): void;
}

/** Siblings are compared by these, in this order. */
export interface ShareKey {
  readonly standsBack: boolean;
  readonly share: number;
  readonly grantCount: number;
  readonly path: string;
}

export abstract class ShareAccount implements ShareKey {
  /** Behind all siblings that do not. Changed by {@link setStandsBack} only. */
  standsBack = false;
  /** As of the last change or refresh; {@link currentShare} is exact at any time. */
  share = 0;
  grantCount = 0;
  weight = 1;
  amounts: Vector = emptyVector;
  /** The order this account takes part in now; undefined while inactive: it still counts for its ancestors, but gets nothing. */
  order: PlaceKeeper | undefined;
  /** Copies of shared amounts, per agent: the second copy on an agent costs nothing (S1). Absent until there is one. */
  #shared: Map<AgentId, Resources> | undefined;
  #hash: number | undefined;
  /** Of the totals that `share` is of. */
  #generation = -1;

  /** `path` settles the last tie, by plain string order. */
  constructor(
    readonly path: string,
    protected readonly totals: ClusterTotals,
  ) {}

  /** The account's own number among draws. */
  get hash(): number {
    return (this.#hash ??= hash32(this.path));
  }

  currentShare(): number {
    return dominantShare(this.amounts, this.totals.fair, this.weight);
  }

  /** The name whose share is the dominant one; the first known of equals; undefined when nothing is held. */
  dominantResource(): string | undefined {
    let dominant: string | undefined;
    let greatest = 0;
    for (let i = 0; i < this.amounts.length; i++) {
      const total = this.totals.fair[i] ?? 0;
      const share = total > 0 ? this.amounts[i]! / total : 0;
      if (share > greatest) {
        greatest = share;
        dominant = this.totals.nameOf(i);
      }
    }
    return dominant;
  }

  /** One grant: the bundle is charged on the agent. */
  charge(agentId: AgentId, bundle: Bundle): void {
    const place = this.#placeNow();
    this.grantCount++;
    this.#apply(agentId, bundle, 1);
    this.#settle(place);
  }

  /** What was charged comes back. The grant count stays (S3). */
  credit(agentId: AgentId, bundle: Bundle): void {
    const place = this.#placeNow();
    this.#apply(agentId, bundle, -1);
    this.#settle(place);
  }

  /** An operation made something else of what is held: no grant. */
  exchange(agentId: AgentId, before: Bundle, after: Bundle): void {
    const place = this.#placeNow();
    this.#apply(agentId, before, -1);
    this.#apply(agentId, after, 1);
    this.#settle(place);
  }

  setWeight(weight: number): void {
    const place = this.#placeNow();
    this.weight = weight;
    this.#settle(place);
  }

  /** For copies only (S3). */
  setGrantCount(grantCount: number): void {
    const place = this.#placeNow();
    this.grantCount = grantCount;
    this.#settle(place);
  }

  setStandsBack(standsBack: boolean): void {
    if (this.standsBack === standsBack) return;
    const place = this.#placeNow();
    this.standsBack = standsBack;
    this.#settle(place);
  }

  /** Brings the share up to date with changed totals; only the order calls it, as it sorts anew. */
  refresh(): void {
    if (this.#generation !== this.totals.generation) this.#computeShare();
  }

  #placeNow(): number {
    return this.order?.isCurrent === true ? this.order.placeOf(this) : -1;
  }

  #settle(place: number): void {
    this.#computeShare();
    if (place >= 0) this.order?.moved(place, this);
  }

  #computeShare(): void {
    this.share = this.currentShare();
    this.#generation = this.totals.generation;
  }

  #apply(agentId: AgentId, bundle: Bundle, sign: 1 | -1): void {
    const { nonShared } = bundle;
    this.amounts = add(this.amounts, nonShared.scalars, sign);
    if (bundle.hasShared) this.#applyShared(agentId, bundle.resources.shared(), sign);
  }

  #applyShared(agentId: AgentId, shared: Resources, sign: 1 | -1): void {
    this.#shared ??= new Map();
    const before = this.#shared.get(agentId) ?? Resources.empty;
    invariant(sign > 0 || before.contains(shared), `"${this.path}" gives back no more copies of ${shared.toString()} than it holds`);
    const after = sign > 0 ? before.plus(shared) : before.minus(shared);
    this.amounts = add(this.amounts, this.totals.vectorOf(after.quantities()), 1);
    this.amounts = add(this.amounts, this.totals.vectorOf(before.quantities()), -1);
    if (after.isEmpty) this.#shared.delete(agentId);
    else this.#shared.set(agentId, after);
  }
}

/**
 * `max over n of amounts[n] / total[n]`, divided by `weight` (> 0); names without a total do not count.
 *
 * The division by the weight is folded into the denominator: with integer weights that product is exact and there is one rounding only,
 * so that 3/10 at weight 3 ties with 1/10 at weight 1, which `(3/10)/3` in floating point would not.
 */
export function dominantShare(amounts: Vector, totals: Vector, weight: number): number {
  let dominant = 0;
  const length = Math.min(amounts.length, totals.length);
  for (let i = 0; i < length; i++) {
    const total = totals[i]!;
    if (total <= 0) continue;
    const share = amounts[i]! / (total * weight);
    if (share > dominant) dominant = share;
  }
  return dominant;
}
