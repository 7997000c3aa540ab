// What if: who gains, who loses and who starves if weights, quotas, agents or frameworks were others.
//
// Owns:      the comparison of one division without the changes and one with them.
// Elsewhere: the copies that are divided, and the dividing (drf-allocator.ts): it is the same code as in earnest.
// Invariants:
//   Y1. Both sides start from copies of the same state and draw the same luck; the live state is not touched.
//   Y2. A question costs two copies and two runs, and of what may be much more than that, decline filters, it looks only at those that a run could come
//       upon: on agents with something free after the changes. Where these are too many it is refused before they are looked at.
// Source: ours. An operator changes a weight in Mesos and waits to see what happens.

import { assertNever } from '../common/invariant';
import type { Quantities } from '../common/model/framework';
import { agentId, type FrameworkId } from '../common/model/ids';
import { Resources } from '../common/model/resources';
import type { Allocator, WhatIfAnswer, WhatIfChange, WhatIfEffect, WhatIfQuestion, WhatIfTooLarge } from './allocator';

/** An allocator that may be changed at will, and can tell what each framework holds. */
export interface TrialAllocator extends Allocator {
  /** How many filters {@link takeOverFilters} would look at. */
  readonly filterCountLeft: number;
  /** The filters of the allocator that it is a copy of, as far as a run at `batchMs` could come upon them. Once, after all changes. */
  takeOverFilters(batchMs: number): void;
  /** Of every framework in every role it takes part or holds something in. */
  positions(): readonly Position[];
}

export interface Position {
  readonly frameworkId: FrameworkId;
  readonly role: string;
  /** Dominant share of the cluster, 0 to 1, whatever the weight. */
  readonly share: number;
  readonly held: Quantities;
  readonly isActive: boolean;
}

/** `copyOf` makes the copies, at the time `nowMs`; `now` is what is held then; the batch is run at `batchMs`, when one is due at the latest. */
export function whatIf(
  copyOf: (division: WhatIfQuestion['division']) => TrialAllocator,
  now: readonly Position[],
  { changes, division }: WhatIfQuestion,
  { nowMs, batchMs, filterCountMax }: { readonly nowMs: number; readonly batchMs: number; readonly filterCountMax: number },
): WhatIfAnswer | WhatIfTooLarge {
  const without = copyOf(division);
  const withChanges = copyOf(division);
  const start = new Map(now.map((position) => [keyOf(position), position]));
  let addedCount = 0;
  for (const change of changes) {
    apply(change, withChanges, addedCount, nowMs);
    if (change.kind === 'add-agents') addedCount += change.count;
  }
  const filterCount = Math.max(without.filterCountLeft, withChanges.filterCountLeft);
  if (filterCount > filterCountMax) return { kind: 'too-many-filters', filterCount, filterCountMax };
  for (const trial of [without, withChanges]) {
    trial.takeOverFilters(batchMs);
    trial.run(batchMs);
  }
  const before = new Map(without.positions().map((position) => [keyOf(position), position]));
  const after = new Map(withChanges.positions().map((position) => [keyOf(position), position]));
  const effects: WhatIfEffect[] = [];
  for (const key of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const one = before.get(key);
    const other = after.get(key);
    const { frameworkId, role } = (one ?? other)!;
    effects.push({ frameworkId, role, before: stateOf(one), after: stateOf(other) });
  }
  const changeOf = ({ before: one, after: other }: WhatIfEffect): number => (other?.share ?? 0) - (one?.share ?? 0);
  const starves = (effect: WhatIfEffect): boolean => {
    const key = keyOf(effect);
    if (after.get(key)?.isActive !== true || (effect.after?.share ?? 0) > 0) return false;
    return effect.before === undefined || effect.before.share > 0 || (start.get(key)?.share ?? 0) > 0;
  };
  return {
    kind: 'answer',
    effects,
    gains: effects.filter((effect) => changeOf(effect) > 0).sort((a, b) => changeOf(b) - changeOf(a)),
    loses: effects.filter((effect) => changeOf(effect) < 0).sort((a, b) => changeOf(a) - changeOf(b)),
    starves: effects.filter(starves),
  };
}

/** `addedCount`: agents added so far, which are numbered. */
function apply(change: WhatIfChange, allocator: TrialAllocator, addedCount: number, nowMs: number): void {
  switch (change.kind) {
    case 'weight':
      allocator.updateWeight(change.role, change.weight);
      return;
    case 'quota':
      allocator.updateQuota(change.role, change.quota, nowMs);
      return;
    case 'add-agents':
      for (let i = 1; i <= change.count; i++) allocator.addAgent(agentId(`what-if-${addedCount + i}`), change.info, new Map(), nowMs);
      return;
    case 'remove-agents':
      for (const id of change.agentIds) allocator.removeAgent(id, nowMs);
      return;
    case 'add-framework':
      allocator.addFramework(change.id, change.info, { suppressedRoles: [], active: true, offerConstraints: new Map(), used: new Map<never, Resources>() }, nowMs);
      return;
    case 'remove-framework':
      allocator.removeFramework(change.id, nowMs);
      return;
    default:
      return assertNever(change);
  }
}

function stateOf(position: Position | undefined): WhatIfEffect['before'] {
  return position === undefined ? undefined : { share: position.share, held: position.held };
}

/** By role, then framework. No role holds the separator. */
function keyOf({ frameworkId, role }: { readonly frameworkId: FrameworkId; readonly role: string }): string {
  return `${role}\u0000${frameworkId}`;
}
