// Bundles: resources as the allocator handles them, looked at once.
//
// Owns:      what is asked of the same resources again and again: their scalars as vectors, what kinds of amounts are among them.
// Elsewhere: the algebra (common/model/resources.ts), how a bundle is cut to quota (division.ts).
// Invariants:
//   U1. A bundle never changes; its resources have no allocation role.
//   U2. `quotaScalars` are the unreserved, non-revocable, non-shared scalars: what quota and headroom are about. `scalars` are all; of shared
//       amounts one copy.
//   U3. Whole bundles travel: what was free and is handed out, and what was held and comes back, is the same object, so that a cluster
//       whose offers come and go does no arithmetic and compares pointers.
// Source: our choice, because most agents of a cluster are alike and most offers are everything an agent has.

import type { Quantities } from '../common/model/framework';
import { Resources } from '../common/model/resources';
import type { ClusterTotals } from './cluster-totals';
import { emptyVector, type Vector } from './vector';

export class Bundle {
  readonly scalars: Vector;
  readonly quotaScalars: Vector;
  readonly hasReserved: boolean;
  readonly hasShared: boolean;
  /** Whether some frameworks may not have all of it: revocable, shared or refined amounts. */
  readonly needsCapability: boolean;
  /** Whether there is nothing in it but quota scalars. */
  readonly isQuotaOnly: boolean;
  /** Indexes of names of which quota scalars have several amounts (disks): less room may cut another of them, not only less of the same. */
  readonly repeatedIndexes: readonly number[];
  /** The last answer of {@link isAllocatable}, and to which list: for each visit the global one is asked about. */
  #isAllocatable: boolean | undefined;
  #judgedBy: readonly Quantities[] | undefined;
  #nonShared: Bundle | undefined;

  /** `resources` without allocation role. Made by {@link BundleCache.of} only. */
  constructor(
    readonly resources: Resources,
    private readonly totals: ClusterTotals,
    private readonly bundles: BundleCache,
  ) {
    const amounts: number[] = [];
    const quotaAmounts: number[] = [];
    let repeatedIndexes: number[] | undefined;
    let hasReserved = false;
    let hasShared = false;
    let needsCapability = false;
    let isQuotaOnly = true;
    resources.forEachAmount(({ name, reservations, revocable, shared }, quantity) => {
      if (reservations.length > 0) hasReserved = true;
      if (shared) hasShared = true;
      if (shared || revocable || reservations.length > 1) needsCapability = true;
      const isOfQuota = quantity > 0 && !shared && !revocable && reservations.length === 0;
      if (!isOfQuota) isQuotaOnly = false;
      if (quantity === 0) return;
      const index = totals.indexOf(name);
      amounts[index] = (amounts[index] ?? 0) + quantity;
      if (!isOfQuota) return;
      if (quotaAmounts[index] !== undefined) (repeatedIndexes ??= []).push(index);
      quotaAmounts[index] = (quotaAmounts[index] ?? 0) + quantity;
    });
    this.hasReserved = hasReserved;
    this.hasShared = hasShared;
    this.needsCapability = needsCapability;
    this.isQuotaOnly = isQuotaOnly;
    this.repeatedIndexes = repeatedIndexes ?? noIndexes;
    this.scalars = vectorOf(amounts);
    this.quotaScalars = hasReserved || needsCapability ? vectorOf(quotaAmounts) : this.scalars;
  }

  get isEmpty(): boolean {
    return this.resources.isEmpty;
  }

  /** Without shared amounts. */
  get nonShared(): Bundle {
    if (!this.hasShared) return this;
    return (this.#nonShared ??= this.bundles.of(this.resources.nonShared()));
  }

  plus(other: Bundle): Bundle {
    if (other.isEmpty) return this;
    return this.isEmpty ? other : this.bundles.of(this.resources.plus(other.resources));
  }

  minus(other: Bundle): Bundle {
    return other.isEmpty ? this : this.derived(this.resources.minus(other.resources));
  }

  /** The bundle of a part of these resources; itself where the part is the whole. */
  derived(part: Resources): Bundle {
    return part === this.resources ? this : this.bundles.of(part);
  }

  contains(other: Bundle): boolean {
    return this === other || this.resources.contains(other.resources);
  }

  equals(other: Bundle): boolean {
    return this === other || this.resources.equals(other.resources);
  }

  /** What of it may be offered to `role`. */
  allocatableTo(role: string): Bundle {
    return this.hasReserved ? this.derived(this.resources.allocatableTo(role)) : this;
  }

  /** Whether it holds at least one of the quantities of the list; an empty list asks for anything at all. Source: reference 5.4. */
  isAllocatable(list: readonly Quantities[]): boolean {
    if (this.#isAllocatable === undefined || this.#judgedBy !== list) {
      this.#judgedBy = list;
      this.#isAllocatable = !this.isEmpty && (list.length === 0 || list.some((smallest) => this.totals.holds(this.scalars, smallest)));
    }
    return this.#isAllocatable;
  }
}

const noIndexes: readonly number[] = [];

function vectorOf(amounts: readonly (number | undefined)[]): Vector {
  if (amounts.length === 0) return emptyVector;
  const vector = new Float64Array(amounts.length);
  for (let i = 0; i < amounts.length; i++) vector[i] = amounts[i] ?? 0;
  return vector;
}

/** Kinds of agents, and of what they have left, that a cluster is expected to have at a time. More only costs recognising some anew. */
const placesMax = 4096;

/**
 * The bundles of late, each at the place its hash says: equal resources that come up again, on this agent or another, are the same object (U3). Bounded: a
 * bundle gives way to the next of its place.
 */
export class BundleCache {
  readonly #places = new Array<Bundle | undefined>(placesMax).fill(undefined);

  constructor(private readonly totals: ClusterTotals) {}

  /** `resources` without allocation role. */
  of(resources: Resources): Bundle {
    if (!resources.isInterchangeable) return new Bundle(resources, this.totals, this);
    const place = resources.hash % placesMax;
    const known = this.#places[place];
    if (known?.resources.equals(resources) === true) return known;
    const bundle = new Bundle(resources, this.totals, this);
    this.#places[place] = bundle;
    return bundle;
  }
}
