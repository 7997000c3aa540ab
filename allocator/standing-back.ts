// Standing back: who has shown that it has no use for offers just now.
//
// Owns:      the rule, and until when each membership stands back.
// Elsewhere: what standing back does to the order (sibling-order.ts, role-tree.ts R6), what is a grant, a use, a return (drf-allocator.ts).
// Invariants:
//   K1. A membership that used nothing of what a run granted it, and gives some of it back without a filter, stands back behind its siblings for
//       1, 2, 4 ... 64 batches: one step further at each such run. One step per run, however many bundles come back.
//   K2. Using anything of an offer ends it at once and begins anew; so does whatever says that the framework wants offers (revival, activation, a
//       changed subscription).
//   K3. It excludes nobody: what no sibling takes is offered to those who stand back, in their usual order.
// Source: ours. DRF picks the user with the smallest dominant share *among those that have a next task* (Ghodsi et al., NSDI 2011, Algorithm 1).
//         Mesos's allocator cannot know who has one, so frameworks that are done keep the smallest share, and with it every offer of a busy
//         cluster, for ever. Giving back everything, unused and without a filter, is how a framework says that it has no next task.

import { PlaceHeap, type Placed } from '../common/place-heap';
import type { Membership } from './role-node';
import type { RoleTree } from './role-tree';

/**
 * Longest time behind the siblings, in batches. About a minute at the default interval: how long a framework that wants offers again and does not say so
 * (REVIVE) may have to wait in a contended cluster. More lets the idle disturb less.
 */
export const standingBackBatchesMax = 64;

/** What is remembered of a membership that was granted something. */
export interface Standing extends Placed {
  readonly member: Membership;
  /** Number of the last run that granted it something. */
  grantedInRun: number;
  hasUsedSince: boolean;
  /** The last granting run that was held against it (K1). */
  idleRun: number;
  /** Granting runs in a row that were of no use to it. */
  idleCount: number;
  untilMs: number;
}

export class StandingBack {
  readonly #ends = new PlaceHeap<Standing>((one, other) => one.untilMs < other.untilMs);

  constructor(
    private readonly tree: RoleTree,
    private readonly intervalMs: number,
  ) {}

  noteGrant(member: Membership, run: number): void {
    const standing = (member.standing ??= { member, grantedInRun: 0, hasUsedSince: true, idleRun: 0, idleCount: 0, untilMs: 0, place: -1 });
    if (standing.grantedInRun === run) return;
    standing.grantedInRun = run;
    standing.hasUsedSince = false;
  }

  /** K2: it runs something on what it was offered. */
  noteUse(member: Membership): void {
    const { standing } = member;
    if (standing === undefined) return;
    standing.hasUsedSince = true;
    this.#end(standing);
  }

  /** Something comes back unused and unfiltered. `batchMs`: the next batch. */
  noteIdleReturn(member: Membership, batchMs: number): void {
    const { standing } = member;
    if (standing === undefined || standing.hasUsedSince || standing.idleRun === standing.grantedInRun) return;
    standing.idleRun = standing.grantedInRun;
    standing.idleCount++;
    this.#ends.remove(standing);
    standing.untilMs = batchMs + this.intervalMs * Math.min(2 ** (standing.idleCount - 1), standingBackBatchesMax);
    this.#ends.add(standing);
    this.tree.setStandsBack(member, true);
  }

  /** K2: it says that it wants offers, or is no more. */
  reset(member: Membership): void {
    const { standing } = member;
    if (standing !== undefined) this.#end(standing);
  }

  /** Ends what is over by `nowMs`; how often it happened is remembered. */
  endDue(nowMs: number): void {
    for (let first = this.#ends.first; first !== undefined && first.untilMs <= nowMs; first = this.#ends.first) {
      this.#ends.remove(first);
      this.tree.setStandsBack(first.member, false);
    }
  }

  #end(standing: Standing): void {
    standing.idleCount = 0;
    if (standing.place < 0) return;
    this.#ends.remove(standing);
    this.tree.setStandsBack(standing.member, false);
  }
}
