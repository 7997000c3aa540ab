// Leader session: one live link to the leading master, for as long as its owner wants one.
//
// Owns:      which master address is dialed and when; following a standby's hint to the leader; the pause between attempts; that
//            callbacks of a link that is no longer ours are not heard.
// Elsewhere: what is said over the link (agent node, scheduler driver), heartbeats and silence (the link itself), where addresses come
//            from when etcd knows them (master side; injected as an AddressSource).
// Invariants:
//   L1. At most one link is open. A newer link exists only after the older one has ended or was closed by us.
//   L2. Handlers run from the clock or from a link, never inside `start`, `send`, `restart` or `close`; none runs after `close`.
//   L3. Every `connected` is followed by exactly one `disconnected` before the next `connected`, unless `close` comes first.
//   L4. Between two attempts lies a pause (backoff.ts), except that a hint to another master is followed at once, at most
//       `redirectsMax` times in a row: two standbys that point to each other must not make a peer spin.
//   L5. The pause grows until the owner says `established`. A link that merely opens proves nothing: a standby accepts links too.
// Source: Mesos agent and scheduler registration backoff; the numbers are ours (backoff.ts).

import { backoffDelayMs, masterBackoff, type Backoff } from './backoff';
import { assertNever, invariant } from './invariant';
import { parseAddress } from './master-location';
import type { Cancel, Dialer, Environment, Link, LinkEnd, Log } from './ports';

/** Knows addresses where a master may be found. */
export interface AddressSource {
  /** Addresses known now, best first, as `host:port`; empty when none is known. Cheap. */
  current(): readonly string[];
  /**
   * Brings `current` up to date, before each round over the addresses; absent where they never change. `done` is called once, not inside
   * the call, in bounded time, with what stood in the way if something did (`Cannot reach etcd at …`). The cancel silences it.
   */
  refresh?(done: (trouble: string | undefined) => void): Cancel;
}

/** Addresses that were named once and stay. */
export function staticAddresses(addresses: readonly string[]): AddressSource {
  return { current: () => addresses };
}

/** What the owner of the session hears. */
export interface LeaderSessionHandlers<In> {
  /** A link was dialed: say what opens the conversation now, with `send`. Whether anybody listens shows later. */
  connected(address: string): void;
  messages(messages: readonly In[]): void;
  /** No link any more, or none was to be had (then without a `connected` before). The next attempt follows in `retryInMs` by itself. */
  disconnected(end: LinkEnd, retryInMs: number): void;
}

export interface LeaderSessionOptions<Out, In> {
  readonly environment: Environment;
  readonly dialer: Dialer<Out, In>;
  readonly addresses: AddressSource;
  /** Default {@link masterBackoff}. */
  readonly backoff?: Backoff;
  readonly log: Log;
  readonly handlers: LeaderSessionHandlers<In>;
}

/** Hints followed in a row without a pause (L4). More than the usual number of masters, so that a chain of stale hints still resolves. */
export const redirectsMax = 5;

type SessionState<Out> =
  | { readonly kind: 'new' }
  /** Asking the address source. */
  | { readonly kind: 'resolving'; readonly cancel: Cancel }
  | { readonly kind: 'connected'; readonly link: Link<Out>; readonly address: string }
  /** The owner dropped the link; `disconnected` is due (L2). */
  | { readonly kind: 'dropped'; readonly cancel: Cancel }
  /** Until the next attempt. */
  | { readonly kind: 'waiting'; readonly cancel: Cancel }
  | { readonly kind: 'closed' };

export class LeaderSession<Out, In> {
  private readonly environment: Environment;
  private readonly dialer: Dialer<Out, In>;
  private readonly source: AddressSource;
  private readonly backoff: Backoff;
  private readonly log: Log;
  private readonly handlers: LeaderSessionHandlers<In>;

  private state: SessionState<Out> = { kind: 'new' };
  /** Where to go next in place of the round: a leader's address, used once. */
  private preferred: string | undefined;
  /** The address of the last useful session. It belongs to every later round, for the ones named on the command line may be gone. */
  private lastUseful: string | undefined;
  /** Addresses of this round not yet tried, in order. */
  private round: string[] = [];
  /** Rounds without success (L5): the pause grows with rounds, not attempts, so that many masters are not found later than few. */
  private roundsFailed = 0;
  private redirects = 0;
  /** What was last warned about; the same trouble again is a debug line. */
  private lastTrouble: string | undefined;

  constructor(options: LeaderSessionOptions<Out, In>) {
    this.environment = options.environment;
    this.dialer = options.dialer;
    this.source = options.addresses;
    this.backoff = options.backoff ?? masterBackoff;
    this.log = options.log;
    this.handlers = options.handlers;
  }

  /** Where the live link leads to; undefined without one. */
  get address(): string | undefined {
    return this.state.kind === 'connected' ? this.state.address : undefined;
  }

  /** Begins; the first link is dialed as soon as the caller's turn is over. Once per session. */
  start(): void {
    invariant(this.state.kind === 'new', 'A leader session starts once');
    this.wait(0);
  }

  /** Hands a batch to the live link. False: there is none, and nothing was sent. True promises no arrival. */
  send(messages: readonly Out[]): boolean {
    if (this.state.kind !== 'connected') return false;
    this.state.link.send(messages);
    return true;
  }

  /** The owner was registered or subscribed: the session is useful, and the next pause is a short one again (L5). */
  established(): void {
    if (this.state.kind !== 'connected') return;
    this.lastUseful = this.state.address;
    this.roundsFailed = 0;
    this.redirects = 0;
    this.round = [];
    this.lastTrouble = undefined;
  }

  /**
   * Drops the link and makes a new one after the usual pause; `disconnected` tells `reason` as a failure. While no link is open an
   * attempt is on its way already, and nothing happens.
   */
  restart(reason: string): void {
    if (this.state.kind !== 'connected') return;
    const { link, address } = this.state;
    const cancel = this.environment.clock.schedule(0, () => this.ended(address, { kind: 'failed', detail: reason }));
    this.state = { kind: 'dropped', cancel };
    link.close();
  }

  /** Ends for good; what was sent is still delivered if the master lives. Calling it twice does nothing. */
  close(): void {
    const state = this.state;
    this.state = { kind: 'closed' };
    switch (state.kind) {
      case 'connected':
        state.link.close();
        return;
      case 'resolving':
      case 'dropped':
      case 'waiting':
        state.cancel();
        return;
      case 'new':
      case 'closed':
        return;
      default:
        assertNever(state);
    }
  }

  private wait(delayMs: number): void {
    this.state = { kind: 'waiting', cancel: this.environment.clock.schedule(delayMs, () => this.attempt()) };
  }

  /** Dials the leader we were pointed to, else the next address of the round, else begins a new round. */
  private attempt(): void {
    const address = this.preferred ?? this.round.shift();
    this.preferred = undefined;
    if (address !== undefined) {
      this.round = this.round.filter((other) => other !== address);
      this.dial(address);
    } else if (this.source.refresh === undefined) {
      this.beginRound(undefined);
    } else {
      this.state = { kind: 'resolving', cancel: this.source.refresh((trouble) => this.beginRound(trouble)) };
    }
  }

  private beginRound(trouble: string | undefined): void {
    if (this.state.kind === 'closed') return;
    this.round = this.order(this.source.current());
    const address = this.round.shift();
    if (address === undefined) {
      this.ended(undefined, { kind: 'failed', detail: trouble ?? 'No master is known yet' });
    } else {
      this.dial(address);
    }
  }

  /**
   * The last useful leader comes last in a fixed list: it just went away, perhaps with its machine, and a dial to a dead machine takes
   * long, while any other master points back to it at once if it still leads. A source that asks somebody knows better.
   */
  private order(known: readonly string[]): string[] {
    const last = this.lastUseful;
    if (last === undefined) return [...new Set(known)];
    if (this.source.refresh !== undefined) return [...new Set([...known, last])];
    return [...new Set(known.filter((address) => address !== last)), last];
  }

  private dial(address: string): void {
    const isCurrent = (): boolean => this.state.kind === 'connected' && this.state.link === link;
    const link: Link<Out> = this.dialer.dial(address, {
      messages: (messages) => {
        if (isCurrent()) this.handlers.messages(messages);
      },
      closed: (end) => {
        if (isCurrent()) this.ended(address, end);
      },
    });
    this.state = { kind: 'connected', link, address };
    this.log.write('debug', 'Dialing master', { address });
    this.handlers.connected(address);
  }

  /** The one way out of an attempt: decides where and when the next one goes, then tells the owner. */
  private ended(address: string | undefined, end: LinkEnd): void {
    const retryInMs = this.planNext(address, end);
    const trouble = describeLinkEnd(end);
    this.log.write(trouble === this.lastTrouble || retryInMs === 0 ? 'debug' : 'warn', 'Master not connected', { address, reason: trouble, retryInMs: Math.round(retryInMs) });
    this.lastTrouble = trouble;
    this.wait(retryInMs);
    this.handlers.disconnected(end, retryInMs);
  }

  private planNext(address: string | undefined, end: LinkEnd): number {
    const hint = end.kind === 'not-leader' ? end.leader : undefined;
    if (hint !== undefined && hint !== address && parseAddress(hint, 'leader').ok) {
      this.preferred = hint;
      this.redirects += 1;
      if (this.redirects <= redirectsMax) return 0;
      this.redirects = 0;
      return this.pauseMs(this.roundsFailed++);
    }
    return this.pauseMs(this.round.length > 0 ? this.roundsFailed : this.roundsFailed++);
  }

  private pauseMs(attempt: number): number {
    return backoffDelayMs(this.backoff, attempt, this.environment.random.next());
  }
}

/** One clause for people: why a link is over. */
export function describeLinkEnd(end: LinkEnd): string {
  switch (end.kind) {
    case 'closed':
      return 'the peer closed the connection';
    case 'failed':
      return end.detail;
    case 'silent':
      return 'nothing was heard from the peer for the silence limit';
    case 'overflow':
      return 'the peer does not take what is sent to it';
    case 'not-leader':
      return end.leader === undefined ? 'the master does not lead and knows no leader' : `the master does not lead, ${end.leader} does`;
    default:
      return assertNever(end);
  }
}
