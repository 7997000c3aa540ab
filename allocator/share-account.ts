// Share accounts: what one client of the fair division holds, and the share that makes of it.
//
// Owns:      the amounts charged to one role, virtual leaf or framework-in-a-role, its grant count, its weight, its dominant share.
// Elsewhere: the order among siblings (sibling-order.ts), who is whose sibling (role-tree.ts), what is free (agent-ledger.ts).
// Invariants:
//   S1. `amounts` is the sum of what was charged and not returned, per scalar name, in thousandths; a shared amount counts once per agent.
//   S2. `share` = max over names n with a total of amounts[n] / (total[n] * weight), as of the last change or refresh.
//   S3. `grantCount` only grows: it makes equal clients take turns.
//   S4. An account in an order changes its share, count or weight only between `order.take` and `order.put`, so the order stays sorted.
// Source: DRF (Ghodsi et al., NSDI 2011, sections 4.1 and 4.3), Mesos DRF sorter (reference 3.1, 3.3).

import type { Quantities } from '../common/model/framework';
import type { AgentId } from '../common/model/ids';
import { Resources } from '../common/model/resources';
import { invariant } from '../common/invariant';
import type { ClusterTotals } from './cluster-totals';

/** The order that keeps an account in its place, as far as the account needs to know it. */
export interface PlaceKeeper {
  /** Whether places are kept now; if not, all are found anew at the next reading. */
  readonly isCurrent: boolean;
  /** First half of a change: out of the old place. */
  take(account: ShareAccount): void;
  /** Second half: into the new place. */
  put(account: ShareAccount): void;
}

export abstract class ShareAccount {
  readonly #amounts: number[] = [];
  /** Copies of shared amounts, per agent: the second copy on an agent costs nothing (S1). Absent until there is one. */
  #shared: Map<AgentId, Resources> | undefined;
  #weight = 1;
  #share = 0;
  #grantCount = 0;

  /** The order this account takes part in now; undefined while inactive: it still counts for its ancestors, but gets nothing. */
  order: PlaceKeeper | undefined;

  /** `path` settles the last tie, by plain string order. */
  constructor(
    readonly path: string,
    protected readonly totals: ClusterTotals,
  ) {}

  get amounts(): readonly number[] {
    return this.#amounts;
  }

  /** As of the last change or refresh; {@link currentShare} is exact at any time. */
  get share(): number {
    return this.#share;
  }

  get grantCount(): number {
    return this.#grantCount;
  }

  get weight(): number {
    return this.#weight;
  }

  currentShare(): number {
    return dominantShare(this.#amounts, this.totals.amounts, this.#weight);
  }

  /** The name whose share is the dominant one; the first known of equals; undefined when nothing is held. */
  dominantResource(): string | undefined {
    let dominant: string | undefined;
    let greatest = 0;
    for (let index = 0; index < this.#amounts.length; index++) {
      const total = this.totals.amounts[index] ?? 0;
      const share = total > 0 ? (this.#amounts[index] ?? 0) / total : 0;
      if (share > greatest) {
        greatest = share;
        dominant = this.totals.nameOf(index);
      }
    }
    return dominant;
  }

  /** One grant: `resources` of `agentId` are charged. */
  charge(agentId: AgentId, resources: Resources): void {
    this.#change(() => {
      this.#grantCount++;
      this.#add(resources.nonShared().quantities(), 1);
      const shared = resources.shared();
      if (!shared.isEmpty) this.#replaceShared(agentId, (held) => held.plus(shared));
    });
  }

  /** What was charged comes back. The grant count stays (S3). */
  credit(agentId: AgentId, resources: Resources): void {
    this.#change(() => {
      this.#add(resources.nonShared().quantities(), -1);
      const shared = resources.shared();
      if (!shared.isEmpty) this.#replaceShared(agentId, (held) => held.minus(shared));
    });
  }

  setWeight(weight: number): void {
    this.#change(() => {
      this.#weight = weight;
    });
  }

  /** Brings the share up to date with changed totals; only the order calls it, as it sorts anew. */
  refresh(): void {
    this.#share = this.currentShare();
  }

  #change(apply: () => void): void {
    const keeper = this.order?.isCurrent === true ? this.order : undefined;
    keeper?.take(this);
    apply();
    this.refresh();
    keeper?.put(this);
  }

  #add(quantities: Quantities, sign: 1 | -1): void {
    for (const [name, milli] of quantities) {
      const index = this.totals.indexOf(name);
      while (this.#amounts.length <= index) this.#amounts.push(0); // Without holes the vector stays a packed array of integers.
      const amount = (this.#amounts[index] ?? 0) + sign * milli;
      invariant(amount >= 0, `"${this.path}" gives back no more ${name} than it holds`);
      this.#amounts[index] = amount;
    }
  }

  #replaceShared(agentId: AgentId, change: (held: Resources) => Resources): void {
    this.#shared ??= new Map();
    const before = this.#shared.get(agentId) ?? Resources.empty;
    const after = change(before);
    this.#add(after.quantities(), 1);
    this.#add(before.quantities(), -1);
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
export function dominantShare(amounts: readonly number[], totals: readonly number[], weight: number): number {
  let dominant = 0;
  for (let index = 0; index < amounts.length; index++) {
    const total = totals[index] ?? 0;
    if (total <= 0) continue;
    const share = (amounts[index] ?? 0) / (total * weight);
    if (share > dominant) dominant = share;
  }
  return dominant;
}
