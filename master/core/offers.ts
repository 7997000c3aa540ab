// Offers: which resources are out, to whom, until when.
//
// Owns:      the open offers: making them from allocations, and each way in which one ends.
// Elsewhere: who deserves the next offer (allocator/), what an ACCEPT does with one (accept.ts).
// Invariants:
//   O1. A resource is in at most one open offer, or in use, or free: never two of these (with Z2).
//   O2. An offer ends once: accepted, declined, rescinded, expired or discarded; afterwards its id is never valid again.
//   O3. A framework learns that an offer ended unless it ended it itself, or its session is over. Source: Mesos (SUBSCRIBED voids all offers).
//   O4. An OFFERS event is one that a link carries, however many agents there are.
// Source: Mesos scheduler API, Offers and Rescind (reference, section 8). Ours: the offer timeout has a default, and the offers of one run may
//         arrive in several events.

import { invariant } from '../../common/invariant';
import { refused } from '../../common/refusal';
import type { Allocation } from '../../allocator/allocator';
import { offerId, type ExecutorId, type FrameworkId, type OfferId } from '../../common/model/ids';
import { refuseSecondsDefault, refuseSecondsMax, type Filters, type Offer } from '../../common/model/offer';
import { sizeOf } from '../../common/model/message-size';
import { countOfferHold } from './master-counters';
import { callListCountMax, refuseCall, sendToScheduler, type Agent, type Framework, type MasterState, type OpenOffer, type SchedulerSession } from './master-state';

/** Bytes of one OFFERS event, about. Ours: a frame's worth (proto/stream-link.ts), and an eighth of the longest message of a link. */
export const offersBytesMax = 1024 * 1024;

/** Executors named in an offer. Ours: more do not help to choose, and thousands on one agent must not make its offers too long for a link. */
export const offerExecutorCountMax = 1_000;

interface Bundle {
  readonly framework: Framework;
  offers: Offer[];
  bytes: number;
}

/** Runs the allocator if a run is due, and sends what it handed out: one OFFERS per framework, or as few as links carry (O4). */
export function allocateIfDue(state: MasterState): void {
  if (state.allocator.nextRunAtMs() > state.nowMs) return;
  const bundles = new Map<FrameworkId, Bundle>();
  const { allocations, inverseOffers } = state.allocator.run(state.nowMs);
  invariant(inverseOffers.length === 0, 'nobody is asked to leave an agent, as no agent is given a maintenance window');
  for (const allocation of allocations) {
    const { offer, framework, bytes } = makeOffer(state, allocation);
    const bundle = bundles.get(framework.id);
    if (bundle === undefined) {
      bundles.set(framework.id, { framework, offers: [offer], bytes });
      continue;
    }
    if (bundle.bytes + bytes > offersBytesMax) {
      sendBundle(state, bundle);
      bundle.offers = [];
      bundle.bytes = 0;
    }
    bundle.offers.push(offer);
    bundle.bytes += bytes;
  }
  for (const bundle of bundles.values()) sendBundle(state, bundle);
}

function sendBundle(state: MasterState, { framework, offers }: Bundle): void {
  sendToScheduler(state, framework, { kind: 'offers', offers });
}

function makeOffer(
  state: MasterState,
  { frameworkId, role, agentId, resources }: Allocation,
): { readonly offer: Offer; readonly framework: Framework; readonly bytes: number } {
  const framework = state.frameworks.get(frameworkId);
  const agent = state.agents.get(agentId);
  invariant(framework?.connection.kind === 'connected', 'the allocator offers to connected frameworks only (Z3)');
  invariant(agent?.presence.kind === 'active', 'the allocator offers active agents only (Z3)');
  const id = offerId(`${state.start.masterId}-O${state.offerNumberNext++}`);
  const open: OpenOffer = { id, framework, agent, role, resources, madeAtMs: state.nowMs, timeout: undefined };
  const { offerTimeoutMs } = state.config;
  if (offerTimeoutMs !== Infinity) open.timeout = state.deadlines.set(state.nowMs + offerTimeoutMs, { kind: 'offer-timeout', offer: open });
  state.offers.set(id, open);
  framework.offers.add(open);
  agent.offers.add(open);
  state.counters.offersMade += 1;
  const { info } = agent;
  const executorIds = executorIdsOf(agent, frameworkId);
  const offer: Offer = {
    id,
    frameworkId,
    agentId,
    hostname: info.hostname,
    ...(info.port > 0 ? { url: { scheme: 'http', address: { hostname: info.hostname, port: info.port } } } : {}),
    resources,
    attributes: info.attributes,
    executorIds,
    role,
    ...(info.domain === undefined ? {} : { domain: info.domain }),
    ...(offerTimeoutMs === Infinity ? {} : { expiresAtMs: state.wallMs + offerTimeoutMs }),
  };
  // What is the agent's own was measured when it came: at each offer only the rest is.
  return { offer, framework, bytes: agent.infoBytes + sizeOf(resources) + sizeOf([executorIds, id, frameworkId, agentId, role]) };
}

function executorIdsOf(agent: Agent, frameworkId: FrameworkId): ExecutorId[] {
  const ids: ExecutorId[] = [];
  for (const id of agent.executors.get(frameworkId)?.keys() ?? []) {
    if (ids.length === offerExecutorCountMax) break;
    ids.push(id);
  }
  return ids;
}

export type OfferEnd = 'accepted' | 'declined' | 'rescinded' | 'expired' | 'discarded';

/** Ends the offer without returning its resources: the caller owns them from here on (O2). */
export function takeOffer(state: MasterState, offer: OpenOffer, end: OfferEnd): void {
  const was = state.offers.delete(offer.id);
  invariant(was, 'an offer ends once (O2)');
  offer.framework.offers.delete(offer);
  offer.agent.offers.delete(offer);
  if (offer.timeout !== undefined) state.deadlines.cancel(offer.timeout);
  offer.timeout = undefined;
  const heldMs = state.nowMs - offer.madeAtMs;
  offer.framework.offerHoldSumMs += heldMs;
  offer.framework.offerHoldCount += 1;
  countOfferHold(state.counters, heldMs);
  const counter = ({ accepted: 'offersAccepted', declined: 'offersDeclined', rescinded: 'offersRescinded', expired: 'offersExpired', discarded: 'offersDiscarded' } as const)[end];
  state.counters[counter] += 1;
}

/** Ends the offer and returns its resources, with a filter of `refuseMs` if that is > 0; RESCIND where the framework must be told (O3). */
export function endOffer(state: MasterState, offer: OpenOffer, end: Exclude<OfferEnd, 'accepted'>, refuseMs = 0): void {
  takeOffer(state, offer, end);
  if (end === 'rescinded' || end === 'expired') sendToScheduler(state, offer.framework, { kind: 'rescind', offerId: offer.id });
  // An offer that ran out says as much of its framework as one declined; one taken back says nothing.
  const cause = end === 'declined' || end === 'expired' ? 'declined' : 'rescinded';
  state.allocator.recoverResources(offer.framework.id, offer.agent.id, offer.resources, { cause, refuseMs }, state.nowMs);
}

export function rescindOffersOnAgent(state: MasterState, agent: Agent): void {
  for (const offer of [...agent.offers]) endOffer(state, offer, 'rescinded');
}

/** Voids what a session held, silently (O3). */
export function discardOffersOfFramework(state: MasterState, framework: Framework): void {
  for (const offer of [...framework.offers]) endOffer(state, offer, 'discarded');
}

/**
 * DECLINE, also in the form of an ACCEPT that does nothing: each offer that is still open goes back with the filter, ids no longer valid are passed over
 * (source: Mesos). An offer of another framework refuses the call, before any of the others is given back.
 */
export function declineOffers(
  state: MasterState,
  session: SchedulerSession,
  framework: Framework,
  number: number,
  { kind, offerIds, filters }: { readonly kind: 'accept' | 'decline'; readonly offerIds: readonly OfferId[]; readonly filters: Filters },
): void {
  if (offerIds.length > callListCountMax) {
    refuseCall(state, session, number, kind, refused(`${kind}.offer_ids`, offerIds.length, `at most ${callListCountMax} ids`).refusal);
    return;
  }
  const foreign = offerIds.findIndex((id) => (state.offers.get(id)?.framework ?? framework) !== framework);
  if (foreign >= 0) {
    refuseCall(state, session, number, kind, refused(`${kind}.offer_ids[${foreign}]`, offerIds[foreign], 'an offer made to this framework').refusal);
    return;
  }
  const refuseMs = refuseMsOf(filters);
  for (const id of offerIds) {
    const offer = state.offers.get(id);
    if (offer !== undefined) endOffer(state, offer, 'declined', refuseMs);
  }
}

/** The time to refuse in ms: default for what is no duration, capped at a year, 0 for no filter. Source: Mesos. */
export function refuseMsOf({ refuseSeconds }: Filters): number {
  const seconds = refuseSeconds >= 0 ? Math.min(refuseSeconds, refuseSecondsMax) : refuseSecondsDefault; // NaN is not >= 0.
  return seconds * 1000;
}
