// Minimum size: which bundles are worth an offer.
//
// Owns:      the rule, and whose list counts.
// Elsewhere: the default list (AllocatorOptions, allocator.ts), its validation (the master's).
// Invariants:
//   M1. An empty bundle is never worth an offer, whatever the list says.
// Source: Mesos `--min_allocatable_resources` and FrameworkInfo.offer_filters (reference 5.4).

import type { FrameworkInfo, Quantities } from '../common/model/framework';
import type { Resources } from '../common/model/resources';

/** The framework's own list for the role where it has one, an empty one too; else the global list. */
export function minAllocatableFor(info: FrameworkInfo, role: string, globalList: readonly Quantities[]): readonly Quantities[] {
  return info.offerFilters.get(role)?.minAllocatable ?? globalList;
}

/** Whether `bundle` holds, for at least one entry of `minAllocatable`, all of its amounts. An empty list asks for nothing but M1. */
export function isAllocatable(bundle: Resources, minAllocatable: readonly Quantities[]): boolean {
  if (bundle.isEmpty) return false;
  if (minAllocatable.length === 0) return true;
  const quantities = bundle.quantities();
  return minAllocatable.some((smallest) => {
    for (const [name, milli] of smallest) if ((quantities.get(name) ?? 0) < milli) return false;
    return true;
  });
}
