// Offer table: the offers that may still be answered.
//
// Owns:      which offers are open, which of them the user has not yet seen, and until when each may be used.
// Elsewhere: answering them (scheduler-driver.ts), choosing among them (matching.ts).
// Invariants:
//   F1. An offer leaves once: taken by an answer, rescinded, expired, or cleared with the session. None is kept past its deadline.
//   F2. At most `offerCountMax` are open; the caller declines what was not added.
// Source: Mesos offers; the visible deadline is ours.

import { Deadlines } from '../../common/deadlines';
import type { OfferId } from '../../common/model/ids';
import type { Offer } from '../../common/model/offer';
import type { Cancel, Clock } from '../../common/ports';

/** More than any cluster of ours offers one framework at a time; a master that sends more has a bug, and gets the rest back. */
export const offerCountMax = 100_000;

/**
 * An offer whose deadline seems nearer than this on arrival was not made late: the clocks of master and scheduler differ. Then the deadline
 * means nothing here, and the master's RESCIND has to do.
 */
const believableLifeMs = 1000;

export class OfferTable {
  private readonly open = new Map<OfferId, Offer>();
  private readonly unseen = new Set<OfferId>();
  private readonly deadlines = new Deadlines<OfferId>();
  private timer: { readonly dueMs: number; readonly cancel: Cancel } | undefined;

  /** `expired` hears of offers that were dropped because nobody answered them in time. */
  constructor(
    private readonly clock: Clock,
    private readonly expired: (offers: readonly Offer[]) => void,
  ) {}

  /** False: known already, or the table is full (F2). */
  add(offer: Offer): boolean {
    if (this.open.has(offer.id) || this.open.size >= offerCountMax) return false;
    this.open.set(offer.id, offer);
    this.unseen.add(offer.id);
    if (offer.expiresAtMs !== undefined) {
      const lifeMs = offer.expiresAtMs - this.clock.wallMs();
      if (lifeMs >= believableLifeMs) this.deadlines.set(offer.id, this.clock.nowMs() + lifeMs);
    }
    this.arm();
    return true;
  }

  has(offerId: OfferId): boolean {
    return this.open.has(offerId);
  }

  /** Removes the offer and returns it; undefined when it is not open. */
  take(offerId: OfferId): Offer | undefined {
    const offer = this.open.get(offerId);
    this.open.delete(offerId);
    this.unseen.delete(offerId);
    this.deadlines.clear(offerId);
    this.arm();
    return offer;
  }

  /** The offers that arrived since the last call and are still open. */
  takeUnseen(): readonly Offer[] {
    const offers: Offer[] = [];
    for (const offerId of this.unseen) {
      const offer = this.open.get(offerId);
      if (offer !== undefined) offers.push(offer);
    }
    this.unseen.clear();
    return offers;
  }

  /** Open offers, oldest first. */
  all(): readonly Offer[] {
    return [...this.open.values()];
  }

  clear(): void {
    for (const offerId of this.open.keys()) this.deadlines.clear(offerId);
    this.open.clear();
    this.unseen.clear();
    this.arm();
  }

  /** One timer for all deadlines. It is not moved back: waking once too early costs less than a timer per offer. */
  private arm(): void {
    const dueMs = this.deadlines.nextMs;
    if (this.timer !== undefined && this.timer.dueMs <= dueMs && dueMs !== Infinity) return;
    this.timer?.cancel();
    this.timer = undefined;
    if (dueMs === Infinity) return;
    this.timer = { dueMs, cancel: this.clock.schedule(Math.max(0, dueMs - this.clock.nowMs()), () => this.expire()) };
  }

  private expire(): void {
    this.timer = undefined;
    const dropped: Offer[] = [];
    for (let due = this.deadlines.takeDue(this.clock.nowMs()); due !== undefined; due = this.deadlines.takeDue(this.clock.nowMs())) {
      const offer = this.open.get(due);
      this.open.delete(due);
      this.unseen.delete(due);
      if (offer !== undefined) dropped.push(offer);
    }
    this.arm();
    if (dropped.length > 0) this.expired(dropped);
  }
}
