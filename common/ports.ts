// Ports: everything of the outside world that a node touches.
//
// Owns:      the interfaces of clock, randomness, ids, links, election, registry and log sink, what each promises, and how long a message may be.
// Elsewhere: the real implementations (environment.ts, proto/grpc-link.ts, master/, agent/), the simulated ones (frameworks/sdk/testing/).
// Invariants:
//   O1. Callbacks of a port never run inside the call that asked for them: a caller finishes its turn first.
//   O2. After `close` or the returned cancel, no callback of that link, timer or request runs any more.
//   O3. Ports are synchronous to call; waiting is a callback. So a node runs in virtual time without a promise.
// Source: our choice, because the whole cluster must run inside one deterministic test.

/** Ends what was started. Calling it twice does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Monotonic milliseconds since an arbitrary start; for durations and deadlines. May have a fraction. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch; for people and the wire only. */
  wallMs(): number;
  /** Runs `callback` once, no sooner than `delayMs` from now. */
  schedule(delayMs: number, callback: () => void): Cancel;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

export interface IdSource {
  /** RFC 4122 version 4, 36 characters. */
  uuid(): string;
}

export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: IdSource;
}

/** Why a link is over. */
export type LinkEnd =
  /** The peer or we ended it in order. */
  | { readonly kind: 'closed' }
  /** Transport trouble: refused, reset, timed out. */
  | { readonly kind: 'failed'; readonly detail: string }
  /** Nothing heard for the silence limit. */
  | { readonly kind: 'silent' }
  /** The peer does not take what we send: the outgoing queue passed its bound. */
  | { readonly kind: 'overflow' }
  /** The master reached does not lead; `leader` is the leader's `host:port` where it knows one. */
  | { readonly kind: 'not-leader'; readonly leader?: string };

/**
 * Longest message that a link carries, in bytes as encoded: 8 MiB, less what frames it. Mesos clients send whole executors in `data`, and gRPC's own
 * default of 4 MiB is tight for the report of a returning agent. Who passes on what others send bounds it below this.
 */
export const linkMessageBytesMax = 8 * 1024 * 1024 - 16;

/**
 * One side of an ordered duplex stream of batches. What is sent arrives in order and at most once, until the link ends; what was in
 * flight then may or may not have arrived.
 */
export interface Link<Out> {
  /**
   * Queues one frame. Never blocks; when the queue passes its bound the link ends with `overflow` on both sides. No-op on an ended link. A message longer
   * than {@link linkMessageBytesMax} is not sent: one that may get lost anyway (a message between a framework and its executor) is left out with a
   * warning in the log; for any other the link ends with `failed`, because what follows may rest on it. What may get lost is left out, too, while the peer
   * is far behind.
   */
  send(messages: readonly Out[]): void;
  /** Ends the link in order: what was queued is still delivered if the peer lives. Our own handler's `closed` is not called. */
  close(end?: LinkEnd): void;
}

export interface LinkHandler<In> {
  /** One frame arrived. Empty frames (heartbeats) are not passed on. */
  messages(messages: readonly In[]): void;
  /** The link ended, and not by our own `close`. Called at most once, last. */
  closed(end: LinkEnd): void;
}

/** Opens links towards an address. Failure to connect arrives as `closed`. Heartbeats and silence detection are the link's own business. */
export interface Dialer<Out, In> {
  dial(address: string, handler: LinkHandler<In>): Link<Out>;
}

/** The serving side: called for each link that a peer opens. */
export type Accept<Out, In> = (link: Link<Out>, peer: string) => LinkHandler<In>;

/**
 * The election port. A candidate campaigns until cancelled. Fencing: `epoch` identifies one term for ever; registry writes carry it.
 */
export interface Election {
  /** `address`: our `host:port`, published while we lead. At most one candidacy at a time. */
  campaign(address: string, handlers: ElectionHandlers): Candidacy;
}

export interface Candidacy {
  /**
   * Whether this very moment it is certain that nobody else leads: the local deadline, well inside the lease, has not passed. To be asked before
   * every act, because a process that was stalled runs its late timers after the work that came in meanwhile.
   */
  holds(epoch: string): boolean;
  /** Gives leadership up, if held, so that another may take over at once, and stops. `done` when etcd knows, or will not be told. */
  resign(done?: () => void): void;
}

export interface ElectionHandlers {
  /** We lead from now on, until `deposed`. */
  elected(epoch: string): void;
  /** We can no longer prove that we lead. The campaign goes on by itself; a new `elected` may follow. */
  deposed(reason: string): void;
  /** Who leads according to the newest knowledge; undefined when nobody is known to. */
  leaderChanged(address: string | undefined): void;
  /** Something keeps the election from working (`Cannot reach etcd …`), for logs and /health; undefined when it works again. */
  trouble(message: string | undefined): void;
}

/** One durable fact: its key (`agents/<id>`, `weights/<role>`) and its encoded value. */
export interface RegistryEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

export type RegistryWrite = { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array } | { readonly kind: 'delete'; readonly key: string };

export type RegistryOutcome =
  /** Durable. */
  | { readonly kind: 'committed' }
  /** Another term has begun: this epoch may write no more. */
  | { readonly kind: 'fenced' }
  /** Unknown whether written; the writer must stop leading. */
  | { readonly kind: 'failed'; readonly detail: string };

/** The registry port: one key per fact, every write fenced by the epoch of the term. */
export interface Registry {
  /** First call of a term: all facts, read no earlier than the election of `epoch`. */
  load(epoch: string, done: (outcome: { readonly kind: 'loaded'; readonly entries: readonly RegistryEntry[] } | Exclude<RegistryOutcome, { kind: 'committed' }>) => void): Cancel;
  /**
   * Writes durably, in order; `committed` means all of it. After any other outcome a prefix may have been written, which is no harm: every fact
   * stands for itself, and nobody was told. At most one call is outstanding (the caller batches).
   */
  write(epoch: string, writes: readonly RegistryWrite[], done: (outcome: RegistryOutcome) => void): void;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Where life events go. `message` is constant text; data goes into fields. */
export interface Log {
  write(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** A log whose lines carry `component` and the given fields. */
  child(component: string, fields?: Readonly<Record<string, unknown>>): Log;
}
