// Resource checker: nothing is offered or used twice.
//
// Owns:      the promises "what is offered plus what is in use on an agent never exceeds its total" and "an offer is made once, to one framework".
// Elsewhere: the books that it reads (term-books.ts), the master's own (master/core/, allocator/).
// Source: DESIGN, "What the simulation asserts".

import type { Offer } from '../../common/model/offer';
import type { ClusterSight } from '../../frameworks/sdk/testing';
import { excess, sumOf } from './amounts';
import { TermBooks, type TermBook } from './term-books';
import { Violation, type Checker } from './violation';

export class ResourceChecker implements Checker {
  private readonly books = new TermBooks((term, offers) => this.offered(term, offers));
  private readonly offersEver = new Set<string>();
  /** Offers checked: a run in which nothing was offered proves nothing. */
  offerCount = 0;

  see(sight: ClusterSight): void {
    this.books.see(sight);
  }

  private offered(term: TermBook, offers: readonly Offer[]): void {
    for (const { id, frameworkId } of offers) {
      if (this.offersEver.has(id)) throw new Violation('No offer is with two frameworks', `${id} was offered again, to ${frameworkId}`);
      this.offersEver.add(id);
      this.offerCount += 1;
    }
    for (const agentId of new Set(offers.map((offer) => offer.agentId))) this.check(term, agentId);
  }

  private check(term: TermBook, agentId: string): void {
    const agent = term.agents.get(agentId);
    if (!agent) throw new Violation('Only registered agents are offered', agentId);
    const offered = [...term.offers.values()].filter((offer) => offer.agentId === agentId);
    const held = [...offered, ...agent.tasks.values(), ...agent.executors.values()];
    const tooMuch = excess(sumOf(held.map(({ amounts }) => amounts)), agent.total);
    if (tooMuch === undefined) return;
    throw new Violation('What is offered plus what is in use on an agent never exceeds its total', `${agentId}: ${tooMuch} (${offered.length} offers, tasks ${[...agent.tasks.keys()].join(', ') || 'none'})`);
  }
}
