// Quota ledger: what top-level roles are guaranteed and limited to, and how much of the cluster must be kept for that.
//
// Owns:      the quotas, the amounts required for unsatisfied guarantees, the amounts free of reservation in the whole cluster, how resources
//            are cut to the room there is.
// Elsewhere: what each role consumes (role-tree.ts), whether a quota may be set (the master's), who is asked in which order (division.ts), whether there
//            is more room than there was (quota-growth.ts).
// Invariants:
//   Q1. `required` is the sum over all roles with quota of max(0, guarantees - consumed), whatever frameworks there are.
//   Q2. `available` is what of all agents' unreserved non-revocable scalars is not charged. Both are current at every moment, so headroom is
//       `available - required` in the middle of a run, too.
//   Q3. A quota is a top-level role's and counts its whole subtree: nobody passes a limit by way of subroles, and what subroles use serves the
//       guarantee.
// Source: Mesos quota (reference 5, 8); Q3 aggregates where Mesos's second stage looks at the very role only (DESIGN, differences). That `required`
//         also falls as the second stage hands out is ours: Mesos computes it before, and keeps more back than guarantees need.

import type { ClusterTotals } from './cluster-totals';
import { quotaDefault, type Quota } from './allocator';
import { keyed, hash32 } from './draws';
import { QuotaGrowth, RoleGrowth } from './quota-growth';
import { isIndivisible, Resources, type Resource } from '../common/model/resources';
import { add, at, emptyVector, grown, type Vector } from './vector';

/** A role as far as quota is concerned. */
export interface QuotaRole {
  /** Reservations of the subtree, and its charged unreserved non-revocable scalars. */
  readonly consumed: Vector;
  /** Changed by the ledger only, as the two flags are. */
  quota: CompiledQuota | undefined;
  /** Whether a guarantee is not yet met. */
  isUnsatisfied: boolean;
  /** Whether what is left up to the limits is worth no offer to anybody. */
  isClosed: boolean;
}

export interface CompiledQuota {
  readonly quota: Quota;
  readonly guarantees: Vector;
  /** Infinity where there is no limit, also past its end: read by {@link limitAt}. */
  readonly limits: Vector;
  readonly hasGuarantees: boolean;
  readonly hasLimits: boolean;
  /** Among the quotas there are. */
  readonly number: number;
  /** A copy of what the role consumes, while that does not change: read by {@link QuotaLedger.consumedOf}. */
  consumed: Vector | undefined;
  /** Kept by quota-growth.ts. */
  readonly growth: RoleGrowth;
}

export class QuotaLedger {
  readonly #roles = new Set<QuotaRole>();
  /** Q1 */
  #required = emptyVector;
  /** Q2 */
  #available = emptyVector;
  #isHeadroomClosed: boolean | undefined;
  /** The answer of {@link surplus}, while nothing changes. */
  #surplus: Vector | undefined | 'unknown' = 'unknown';
  readonly #byNumber: (QuotaRole | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly growth = new QuotaGrowth(this);
  /** Counts the quotas that were set: what is remembered under another generation is of other quotas. */
  generation = 0;

  /** Names known when roles were last judged: one that comes later may be room for all. */
  #namesJudged = 0;

  /** `isWorthOffering`: whether some framework could be offered unreserved scalars of at most these amounts; for any index that has a name. */
  constructor(
    private readonly totals: ClusterTotals,
    private readonly isWorthOffering: (roomAt: (index: number) => number) => boolean,
  ) {}

  get isEmpty(): boolean {
    return this.#roles.size === 0;
  }

  get required(): Vector {
    return this.#required;
  }

  get available(): Vector {
    return this.#available;
  }

  /** Whether headroom binds anybody now. */
  get isHeadroomRequired(): boolean {
    for (const amount of this.#required) if (amount > 0) return true;
    return false;
  }

  /** Whether headroom leaves nothing that is worth an offer; spares asking everybody about every agent. */
  get isHeadroomClosed(): boolean {
    return (this.#isHeadroomClosed ??= this.isHeadroomRequired && !this.isWorthOffering((index) => this.surplusAt(index)));
  }

  /** Agents or quotas may have brought new names. */
  noteNames(): void {
    if (this.totals.size > this.#namesJudged) this.judgeAnew();
  }

  /** What is worth an offer has changed. */
  judgeAnew(): void {
    this.#namesJudged = this.totals.size;
    this.#isHeadroomClosed = undefined;
    for (const role of this.#roles) this.#judge(role);
  }

  set(role: QuotaRole, quota: Quota): void {
    this.generation++;
    this.leave(role);
    if (role.quota !== undefined) this.#drop(role.quota);
    role.quota = quota.guarantees.size === 0 && quota.limits.size === 0 ? undefined : this.#compiled(quota);
    if (role.quota === undefined) {
      this.#roles.delete(role);
    } else {
      this.#roles.add(role);
      this.#byNumber[role.quota.number] = role;
    }
    this.enter(role);
    this.noteNames();
  }

  of(role: QuotaRole): Quota {
    return role.quota?.quota ?? quotaDefault;
  }

  /** The role whose quota has this number. */
  numbered(number: number): QuotaRole | undefined {
    return this.#byNumber[number];
  }

  /** First half of a change of what `role` consumes (Q1). */
  leave(role: QuotaRole): void {
    this.#addUnsatisfied(role, -1);
  }

  /** Second half. */
  enter(role: QuotaRole): void {
    this.#addUnsatisfied(role, 1);
    this.#judge(role);
    if (role.quota === undefined) return;
    role.quota.consumed = undefined;
    this.growth.consumedOtherwise(role);
  }

  /** Unreserved non-revocable scalars come free (1) or go (-1), somewhere in the cluster. */
  addAvailable(quotaScalars: Vector, sign: 1 | -1): void {
    this.#available = add(this.#available, quotaScalars, sign);
    this.#isHeadroomClosed = undefined;
    this.#surplus = 'unknown';
  }

  /** What is available beyond what guarantees need; binds only while {@link isHeadroomRequired}. */
  surplusAt(index: number): number {
    return Math.max(0, at(this.#available, index) - at(this.#required, index));
  }

  /** All of it, as it is now, in a vector that does not change; undefined while it binds nobody. */
  get surplus(): Vector | undefined {
    if (this.#surplus === 'unknown') {
      this.#surplus = this.isHeadroomRequired ? this.#available.map((_, index) => this.surplusAt(index)) : undefined;
    }
    return this.#surplus;
  }

  /** What a role with quota consumes, as it is now, in a vector that does not change. */
  consumedOf({ consumed }: QuotaRole, quota: CompiledQuota): Vector {
    return (quota.consumed ??= consumed.slice());
  }

  #addUnsatisfied(role: QuotaRole, sign: 1 | -1): void {
    const { quota, consumed } = role;
    if (quota?.hasGuarantees !== true) return;
    this.#isHeadroomClosed = undefined;
    this.#surplus = 'unknown';
    const { guarantees } = quota;
    if (this.#required.length < guarantees.length) this.#required = grown(this.#required, guarantees.length);
    for (let i = 0; i < guarantees.length; i++) {
      const unsatisfied = guarantees[i]! - at(consumed, i);
      if (unsatisfied > 0) this.#required[i] = this.#required[i]! + sign * unsatisfied;
    }
  }

  #judge(role: QuotaRole): void {
    role.isUnsatisfied = isUnsatisfied(role);
    role.isClosed = role.quota?.hasLimits === true && !this.isWorthOffering((index) => limitRoomAt(role, index));
  }

  #compiled(quota: Quota): CompiledQuota {
    const guarantees = this.totals.vectorOf(quota.guarantees);
    const finite = this.totals.vectorOf(quota.limits);
    const limits = new Float64Array(finite.length).fill(Infinity);
    for (const [name, milli] of quota.limits) limits[this.totals.indexOf(name)] = milli;
    return {
      quota,
      guarantees,
      limits,
      hasGuarantees: guarantees.some((amount) => amount > 0),
      hasLimits: quota.limits.size > 0,
      number: this.#freeNumbers.pop() ?? this.#byNumber.length,
      consumed: undefined,
      growth: new RoleGrowth(),
    };
  }

  #drop({ number, growth }: CompiledQuota): void {
    this.#byNumber[number] = undefined;
    this.#freeNumbers.push(number);
    this.growth.forget(growth);
  }
}

export function limitAt(quota: CompiledQuota, index: number): number {
  return index < quota.limits.length ? quota.limits[index]! : Infinity;
}

function isUnsatisfied({ quota, consumed }: QuotaRole): boolean {
  if (quota === undefined) return false;
  for (let i = 0; i < quota.guarantees.length; i++) if (quota.guarantees[i]! > at(consumed, i)) return true;
  return false;
}

/** What is left up to the limit; never below 0. */
export function limitRoomAt({ quota, consumed }: QuotaRole, index: number): number {
  return quota === undefined ? Infinity : Math.max(0, limitAt(quota, index) - at(consumed, index));
}

/**
 * As much of scalar `resources` as there is room for, by name. What can be cut is cut to the room, what cannot is taken whole or not at all; where several
 * amounts of one name compete for room, draws of the agent's own say which goes first. Source: Mesos `shrinkResources` (reference 5.2).
 */
export function shrink(resources: Resources, roomOf: (name: string) => number, cutSeed: number): Resources {
  const byName = new Map<string, Resource[]>();
  for (const resource of resources) {
    const sameName = byName.get(resource.name);
    if (sameName === undefined) byName.set(resource.name, [resource]);
    else sameName.push(resource);
  }
  const kept: Resource[] = [];
  for (const [name, amounts] of byName) {
    let room = roomOf(name);
    for (const resource of inDrawnOrder(amounts, cutSeed)) {
      const milli = resource.value.kind === 'scalar' ? resource.value.milli : 0;
      if (milli <= room) {
        kept.push(resource);
        room -= milli;
      } else if (room > 0 && !isIndivisible(resource)) {
        kept.push({ ...resource, value: { kind: 'scalar', milli: room } });
        room = 0;
      }
    }
  }
  return Resources.of(kept);
}

function inDrawnOrder(amounts: readonly Resource[], cutSeed: number): readonly Resource[] {
  if (amounts.length < 2) return amounts;
  return amounts
    .map((resource) => {
      const text = Resources.of([resource]).toString();
      return { resource, text, draw: keyed(cutSeed, hash32(text)) };
    })
    .sort((a, b) => a.draw - b.draw || (a.text < b.text ? -1 : 1))
    .map(({ resource }) => resource);
}
