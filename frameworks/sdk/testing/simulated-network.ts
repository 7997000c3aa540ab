// The simulated network: links between named hosts, with everything that happens to real ones.
//
// Owns:      delivery with delay and in order, cuts, half-open paths, slow hosts, resets, silence.
// Elsewhere: the real links (proto/grpc-link.ts); who cuts what and when (test/simulation/).
// Invariants:
//   B1. Frames of one direction arrive in order and at most once. During a cut they wait, as TCP's do, and arrive after healing if both ends
//       still hold the link. When a process dies, an end of what it had sent may be lost, nothing before it.
//   B2. A host whose process dies resets its links; where the path is cut, or the whole machine died, the peer learns of it only by silence.
//   B3. A side that hears nothing for the silence limit ends its link with `silent`. Heartbeats are part of the model.
//   B4. Messages are handed over as they are: both sides treat them as values.
//   B5. What waits for one side has a bound; the frame that would exceed it ends the link with `overflow` on both sides.
// Source: tigerbeetle's packet simulator for the idea of declared fault probabilities; the rest is what TCP and our links do.

import type { Accept, Cancel, Dialer, Link, LinkEnd, LinkHandler } from '../../../common/ports';
import type { SeededRandom } from './seeded-random';
import type { VirtualClock } from './virtual-clock';

/** What somebody who watches the wire sees. `link` names one link, the same for both of its sides. */
export type NetworkSight =
  | { readonly kind: 'opened'; readonly link: number; readonly service: string; readonly from: string; readonly to: string }
  /** A side said something: it is on its way. */
  | { readonly kind: 'sent'; readonly link: number; readonly service: string; readonly from: string; readonly to: string; readonly messages: readonly unknown[] }
  /** It arrived; told just before the receiver hears it. */
  | { readonly kind: 'delivered'; readonly link: number; readonly service: string; readonly from: string; readonly to: string; readonly messages: readonly unknown[] }
  /** `host` holds the link no more: it closed it, learned of its end, or died. */
  | { readonly kind: 'ended'; readonly link: number; readonly service: string; readonly host: string };

export interface SimulatedNetworkOptions {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  /** One-way delay of a frame, ms. Default 0.1 to 2. */
  readonly delayMs?: readonly [from: number, to: number];
  /** Default 5 s. */
  readonly heartbeatIntervalMs?: number;
  /** Default 15 s. */
  readonly silenceLimitMs?: number;
  /** Sees everything, changes nothing. */
  readonly observe?: (sight: NetworkSight) => void;
}

/** Frames that may wait for one side (B5). Source: the bound of the real links. */
const framesWaitingMax = 1_024;

interface Endpoint {
  readonly host: string;
  readonly link: number;
  readonly service: string;
  handler: LinkHandler<unknown> | undefined;
  open: boolean;
  lastHeardMs: number;
  /** Frames on their way to this endpoint, oldest first. */
  inbox: { readonly frame: Frame; readonly arrivesAtMs: number }[];
  cancelDelivery: Cancel | undefined;
  peer: Endpoint;
}

type Frame = { readonly kind: 'messages'; readonly messages: readonly unknown[] } | { readonly kind: 'heartbeat' } | { readonly kind: 'end'; readonly end: LinkEnd };

export class SimulatedNetwork {
  /** Without `accept`: the machine is dark, and dials get no answer. */
  private readonly listeners = new Map<string, { readonly host: string; readonly accept?: Accept<unknown, unknown> }>();
  private readonly endpoints = new Set<Endpoint>();
  /** Directed: `from>to`. */
  private readonly blocked = new Set<string>();
  private readonly slowness = new Map<string, number>();
  /** Hosts whose process gets no turn, until when. */
  private readonly stalls = new Map<string, number>();
  private readonly delay: readonly [number, number];
  private readonly heartbeatMs: number;
  private readonly silenceMs: number;
  private linksOpened = 0;
  /** Frames delivered, heartbeats included. */
  frameCount = 0;

  constructor(private readonly options: SimulatedNetworkOptions) {
    this.delay = options.delayMs ?? [0.1, 2];
    this.heartbeatMs = options.heartbeatIntervalMs ?? 5_000;
    this.silenceMs = options.silenceLimitMs ?? 15_000;
  }

  /** Serves links of one service (`agents`, `schedulers`) at `address` (any text) on `host`. */
  listen<Out, In>(host: string, address: string, service: string, accept: Accept<Out, In>): Cancel {
    const key = listenerKey(address, service);
    const listener = { host, accept: accept as Accept<unknown, unknown> };
    this.listeners.set(key, listener);
    return () => {
      if (this.listeners.get(key) === listener) this.listeners.delete(key);
    };
  }

  dialer<Out, In>(host: string, service: string): Dialer<Out, In> {
    return { dial: (address, handler) => this.dial(host, address, service, handler as LinkHandler<unknown>) as Link<Out> };
  }

  /** Sides of links that `host` holds now: for leak checks. */
  linkCount(host: string): number {
    let count = 0;
    for (const endpoint of this.endpoints) if (endpoint.host === host) count += 1;
    return count;
  }

  /** Blocks both directions. What is under way waits. */
  cut(left: string, right: string): void {
    this.blocked.add(`${left}>${right}`).add(`${right}>${left}`);
  }

  /** Blocks one direction only: `from` is heard no more by `to`. */
  cutOneWay(from: string, to: string): void {
    this.blocked.add(`${from}>${to}`);
  }

  heal(left: string, right: string): void {
    this.blocked.delete(`${left}>${right}`);
    this.blocked.delete(`${right}>${left}`);
    this.resume();
  }

  healAll(): void {
    this.blocked.clear();
    this.slowness.clear();
    this.resume();
  }

  /** Adds delay to everything that this host sends. */
  slow(host: string, extraDelayMs: number): void {
    this.slowness.set(host, extraDelayMs);
  }

  /** The host's process gets no turn for so long: it takes nothing in and sends no heartbeat. */
  stall(host: string, durationMs: number): void {
    this.stalls.set(host, Math.max(this.stalls.get(host) ?? 0, this.options.clock.nowMs() + durationMs));
  }

  /** The host's process is gone: its listeners and links with it (B2). `withMachine`: nothing tells the peers, they find out by silence. */
  crash(host: string, withMachine = false): void {
    for (const [key, listener] of this.listeners) {
      if (listener.host !== host) continue;
      if (withMachine) this.listeners.set(key, { host });
      else this.listeners.delete(key);
    }
    for (const endpoint of [...this.endpoints]) {
      if (endpoint.host !== host) continue;
      this.loseTail(endpoint.peer);
      if (!withMachine) this.transmit(endpoint, { kind: 'end', end: { kind: 'failed', detail: 'Connection reset' } });
      this.drop(endpoint);
    }
  }

  /** What a dead process had sent last may never have left its machine (B1). */
  private loseTail(to: Endpoint): void {
    const { random } = this.options;
    if (random.chance(0.5)) to.inbox.length = random.below(to.inbox.length + 1);
  }

  private dial(host: string, address: string, service: string, handler: LinkHandler<unknown>): Link<unknown> {
    const key = listenerKey(address, service);
    const listener = this.listeners.get(key);
    const link = ++this.linksOpened;
    const near = this.endpoint(host, link, service, handler);
    const far = this.endpoint(listener?.host ?? address, link, service, undefined);
    near.peer = far;
    far.peer = near;
    this.endpoints.add(near);
    this.options.observe?.({ kind: 'opened', link, service, from: near.host, to: far.host });
    if (!listener) {
      // Nobody listens: refused, after a round trip.
      this.options.clock.schedule(this.drawDelay(host) * 2, () => this.finish(near, { kind: 'failed', detail: `Connection refused by ${address}` }));
      return this.linkOf(near);
    }
    this.options.clock.schedule(this.drawDelay(host), () => {
      if (!near.open) return;
      const present = this.listeners.get(key);
      if (!present) {
        this.finish(near, { kind: 'failed', detail: `Connection refused by ${address}` });
        return;
      }
      if (!present.accept || this.isBlocked(host, present.host) || this.isBlocked(present.host, host)) {
        // No answer to our first packet: given up at the connect deadline.
        this.options.clock.schedule(this.heartbeatMs, () => this.finish(near, { kind: 'failed', detail: `No answer from ${address}` }));
        return;
      }
      this.endpoints.add(far);
      const accepted = present.accept(this.linkOf(far), host);
      // The listener may have closed it at once, with a redirection on its way.
      if (!far.open) return;
      far.handler = accepted;
      this.schedule(far);
      this.beat(far);
    });
    this.beat(near);
    return this.linkOf(near);
  }

  private endpoint(host: string, link: number, service: string, handler: LinkHandler<unknown> | undefined): Endpoint {
    const endpoint: Omit<Endpoint, 'peer'> = { host, link, service, handler, open: true, lastHeardMs: this.options.clock.nowMs(), inbox: [], cancelDelivery: undefined };
    return Object.assign(endpoint, { peer: endpoint as Endpoint }); // The caller makes it meet its peer.
  }

  private linkOf(endpoint: Endpoint): Link<unknown> {
    return {
      send: (messages) => {
        if (!endpoint.open || messages.length === 0) return;
        const { host, link, service, peer } = endpoint;
        this.options.observe?.({ kind: 'sent', link, service, from: host, to: peer.host, messages });
        this.transmit(endpoint, { kind: 'messages', messages: [...messages] });
      },
      close: (end) => {
        if (!endpoint.open) return;
        this.transmit(endpoint, { kind: 'end', end: end ?? { kind: 'closed' } });
        this.drop(endpoint);
      },
    };
  }

  private transmit(from: Endpoint, frame: Frame): void {
    const to = from.peer;
    if (!to.open) return; // Nobody is there any more; `from` learns it from the reset on its way, or by silence.
    if (to.inbox.length >= framesWaitingMax && frame.kind !== 'end') {
      // O1: not within the call of the one who sends.
      this.options.clock.schedule(0, () => this.finish(from, { kind: 'overflow' }));
      to.inbox.length = 0;
      to.inbox.push({ frame: { kind: 'end', end: { kind: 'overflow' } }, arrivesAtMs: this.options.clock.nowMs() });
      this.schedule(to);
      return;
    }
    const last = to.inbox.at(-1)?.arrivesAtMs ?? 0;
    // B1: never earlier than the frame before it.
    const arrivesAtMs = Math.max(last, this.options.clock.nowMs() + this.drawDelay(from.host));
    to.inbox.push({ frame, arrivesAtMs });
    if (to.inbox.length === 1) this.schedule(to);
  }

  private schedule(to: Endpoint): void {
    const next = to.inbox[0];
    if (!next || to.cancelDelivery) return;
    const dueMs = Math.max(next.arrivesAtMs, this.stalls.get(to.host) ?? 0);
    to.cancelDelivery = this.options.clock.schedule(Math.max(0, dueMs - this.options.clock.nowMs()), () => {
      to.cancelDelivery = undefined;
      this.deliver(to);
    });
  }

  private deliver(to: Endpoint): void {
    if ((this.stalls.get(to.host) ?? 0) > this.options.clock.nowMs()) {
      this.schedule(to);
      return;
    }
    // `handler` is missing while the far end has not accepted yet; accepting schedules again.
    if (!to.open || !to.handler || this.isBlocked(to.peer.host, to.host)) return;
    const next = to.inbox.shift();
    if (!next) return;
    to.lastHeardMs = this.options.clock.nowMs();
    this.frameCount += 1;
    this.schedule(to);
    if (next.frame.kind === 'messages') {
      const { messages } = next.frame;
      this.options.observe?.({ kind: 'delivered', link: to.link, service: to.service, from: to.peer.host, to: to.host, messages });
      to.handler.messages(messages);
    } else if (next.frame.kind === 'end') this.finish(to, next.frame.end);
  }

  /** Heartbeats out and silence in, for as long as the endpoint is open (B3). */
  private beat(endpoint: Endpoint): void {
    this.options.clock.schedule(this.heartbeatMs, () => {
      if (!endpoint.open) return;
      const stalledForMs = (this.stalls.get(endpoint.host) ?? 0) - this.options.clock.nowMs();
      if (stalledForMs >= 0) {
        // What came in meanwhile is read before anybody looks at how long it was silent.
        this.options.clock.schedule(stalledForMs + 1, () => this.beatNow(endpoint));
        return;
      }
      this.beatNow(endpoint);
    });
  }

  private beatNow(endpoint: Endpoint): void {
    if (!endpoint.open) return;
    if (this.options.clock.nowMs() - endpoint.lastHeardMs >= this.silenceMs) {
      this.transmit(endpoint, { kind: 'end', end: { kind: 'failed', detail: 'Connection reset' } });
      this.finish(endpoint, { kind: 'silent' });
      return;
    }
    this.transmit(endpoint, { kind: 'heartbeat' });
    this.beat(endpoint);
  }

  private finish(endpoint: Endpoint, end: LinkEnd): void {
    if (!endpoint.open) return;
    const { handler } = endpoint;
    this.drop(endpoint);
    handler?.closed(end);
  }

  private drop(endpoint: Endpoint): void {
    endpoint.open = false;
    endpoint.cancelDelivery?.();
    endpoint.cancelDelivery = undefined;
    endpoint.inbox = [];
    endpoint.handler = undefined;
    if (this.endpoints.delete(endpoint)) this.options.observe?.({ kind: 'ended', link: endpoint.link, service: endpoint.service, host: endpoint.host });
  }

  private resume(): void {
    for (const endpoint of this.endpoints) this.schedule(endpoint);
  }

  private isBlocked(from: string, to: string): boolean {
    return this.blocked.has(`${from}>${to}`);
  }

  private drawDelay(host: string): number {
    return this.options.random.between(this.delay[0], this.delay[1]) + (this.slowness.get(host) ?? 0);
  }
}

function listenerKey(address: string, service: string): string {
  return `${service}@${address}`;
}
