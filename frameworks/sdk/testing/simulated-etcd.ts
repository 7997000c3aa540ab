// A simulated etcd: one leader key under a lease, one fact per key, and every way in which they fail.
//
// Owns:      lease and fencing semantics as etcd has them; outages, lost answers, masters cut off from it; election and registry ports on top.
// Elsewhere: the real ones (master/etcd-election.ts, master/etcd-registry.ts), who breaks what and when (test/simulation/).
// Invariants:
//   Z1. The leader key exists only under a live lease; its creation revision never comes again.
//   Z2. A write is applied only if the leader key still has the writer's revision; an applied write is never lost.
//   Z3. A request or an answer may be lost: then the write may have been applied or not, and the writer hears `failed`.
// Source: etcd's lease and transaction guarantees; the candidate's arithmetic follows master/etcd-election.ts (0.6 of the lease).

import type { Cancel, Candidacy, Clock, Election, ElectionHandlers, Registry, RegistryEntry, RegistryOutcome, RegistryWrite } from '../../../common/ports';
import type { SeededRandom } from './seeded-random';
import type { VirtualClock } from './virtual-clock';

/** What somebody who watches the server sees, in the order in which it happens there. */
export type EtcdSight =
  | { readonly kind: 'elected'; readonly address: string; readonly epoch: string }
  /** The leader key went: resigned, revoked or lapsed. */
  | { readonly kind: 'vacant'; readonly epoch: string }
  | { readonly kind: 'loaded'; readonly epoch: string; readonly entries: readonly RegistryEntry[] }
  | { readonly kind: 'applied'; readonly epoch: string; readonly writes: readonly RegistryWrite[] }
  /** The writer was told that its write is durable. */
  | { readonly kind: 'acknowledged'; readonly epoch: string; readonly writes: readonly RegistryWrite[] };

export interface SimulatedEtcdOptions {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  /** Default 5 s. */
  readonly leaseMs?: number;
  /** One way, ms. Default 0.2 to 3. */
  readonly delayMs?: readonly [from: number, to: number];
  /** Sees everything, changes nothing. */
  readonly observe?: (sight: EtcdSight) => void;
}

/** Source: the call deadline of the real client. */
const callTimeoutMs = 2_000;

interface Holder {
  readonly address: string;
  readonly revision: number;
  expiresAtMs: number;
}

export class SimulatedEtcd {
  private readonly facts = new Map<string, Uint8Array>();
  private holder: Holder | undefined;
  private revision = 1;
  private readonly cutOff = new Set<string>();
  private readonly delay: readonly [number, number];
  readonly leaseMs: number;
  /** No server answers. Leases do not run out meanwhile in etcd (they are counted by the leader); here they do, which is harder. */
  isDown = false;
  /** Probability that a request is lost on its way, so that nothing happens (Z3). */
  requestLossProbability = 0;
  /** Probability that an answer is lost, after what was asked has happened (Z3). */
  answerLossProbability = 0;

  constructor(private readonly options: SimulatedEtcdOptions) {
    this.leaseMs = options.leaseMs ?? 5_000;
    this.delay = options.delayMs ?? [0.2, 3];
  }

  cut(host: string): void {
    this.cutOff.add(host);
  }

  heal(host: string): void {
    this.cutOff.delete(host);
  }

  healAll(): void {
    this.cutOff.clear();
    this.isDown = false;
    this.requestLossProbability = 0;
    this.answerLossProbability = 0;
  }

  /** The address in the leader key now: for checkers and address sources. */
  leader(): string | undefined {
    this.expire();
    return this.holder?.address;
  }

  /** The facts as any linearizable reader would see them now: for checkers. */
  contents(): ReadonlyMap<string, Uint8Array> {
    return this.facts;
  }

  /** The ports of one master process on `host`; timers run on that process's `clock` and die with it. */
  ports(host: string, clock: Clock): { readonly election: Election; readonly registry: Registry } {
    return {
      election: { campaign: (address, handlers) => new SimulatedCandidacy(this, host, clock, address, handlers) },
      registry: {
        load: (epoch, done) => this.load(host, clock, epoch, done),
        write: (epoch, writes, done) => this.write(host, clock, epoch, writes, done),
      },
    };
  }

  /**
   * One call: the request travels, `serve` runs at the server, the answer travels back. `failed` after the call deadline when either is lost.
   * The request runs on the world's clock (it is on its way whether or not its sender lives), the answer on the caller's.
   */
  call<T>(host: string, clock: Clock, serve: () => T, answered: (answer: T) => void, failed: () => void): void {
    let settled = false;
    const cancelTimeout = clock.schedule(callTimeoutMs, () => {
      settled = true;
      failed();
    });
    this.options.clock.schedule(this.drawDelay(), () => {
      if (this.isUnreachable(host) || this.options.random.chance(this.requestLossProbability)) return;
      const answer = serve();
      if (this.options.random.chance(this.answerLossProbability)) return;
      clock.schedule(this.drawDelay(), () => {
        if (settled || this.isUnreachable(host)) return;
        cancelTimeout();
        answered(answer);
      });
    });
  }

  /** At the server: take the key if it is free, else say who has it. */
  acquire(address: string): { readonly won: true; readonly revision: number } | { readonly won: false; readonly leader: string } {
    this.expire();
    if (this.holder) return { won: false, leader: this.holder.address };
    this.revision += 1;
    this.holder = { address, revision: this.revision, expiresAtMs: this.options.clock.nowMs() + this.leaseMs };
    this.options.observe?.({ kind: 'elected', address, epoch: String(this.revision) });
    return { won: true, revision: this.revision };
  }

  /** At the server: extend the lease if it still lives. */
  renew(revision: number): boolean {
    if (!this.isCurrent(revision) || !this.holder) return false;
    this.holder.expiresAtMs = this.options.clock.nowMs() + this.leaseMs;
    return true;
  }

  /** At the server: the lease is revoked, the key goes. */
  release(revision: number): void {
    if (this.isCurrent(revision)) this.vacate();
  }

  private vacate(): void {
    if (!this.holder) return;
    const epoch = String(this.holder.revision);
    this.holder = undefined;
    this.options.observe?.({ kind: 'vacant', epoch });
  }

  private isCurrent(revision: number): boolean {
    this.expire();
    return this.holder?.revision === revision;
  }

  private expire(): void {
    if (this.holder && this.options.clock.nowMs() >= this.holder.expiresAtMs) this.vacate();
  }

  private load(host: string, clock: Clock, epoch: string, done: Parameters<Registry['load']>[1]): Cancel {
    let cancelled = false;
    this.call<readonly RegistryEntry[] | undefined>(
      host,
      clock,
      () => {
        if (!this.isCurrent(Number(epoch))) return undefined;
        const entries = [...this.facts].map(([key, value]) => ({ key, value }));
        this.options.observe?.({ kind: 'loaded', epoch, entries });
        return entries;
      },
      (entries) => {
        if (!cancelled) done(entries ? { kind: 'loaded', entries } : { kind: 'fenced' });
      },
      () => {
        if (!cancelled) done({ kind: 'failed', detail: 'Cannot reach the simulated etcd' });
      },
    );
    return () => {
      cancelled = true;
    };
  }

  private write(host: string, clock: Clock, epoch: string, writes: readonly RegistryWrite[], done: (outcome: RegistryOutcome) => void): void {
    this.call<boolean>(
      host,
      clock,
      () => {
        if (!this.isCurrent(Number(epoch))) return false;
        for (const write of writes) {
          if (write.kind === 'put') this.facts.set(write.key, write.value);
          else this.facts.delete(write.key);
        }
        this.options.observe?.({ kind: 'applied', epoch, writes });
        return true;
      },
      (isApplied) => {
        if (isApplied) this.options.observe?.({ kind: 'acknowledged', epoch, writes });
        done(isApplied ? { kind: 'committed' } : { kind: 'fenced' });
      },
      () => done({ kind: 'failed', detail: 'Cannot reach the simulated etcd' }),
    );
  }

  private isUnreachable(host: string): boolean {
    return this.isDown || this.cutOff.has(host);
  }

  private drawDelay(): number {
    return this.options.random.between(this.delay[0], this.delay[1]);
  }
}

/** The candidate's side, with the same arithmetic as the real one: trust ends 0.6 of a lease after the renewal was sent. */
class SimulatedCandidacy implements Candidacy {
  private term: { readonly revision: number; deadlineMs: number; cancelDeadline: Cancel } | undefined;
  private leader: string | undefined;
  private stopped = false;

  constructor(
    private readonly etcd: SimulatedEtcd,
    private readonly host: string,
    private readonly clock: Clock,
    private readonly address: string,
    private readonly handlers: ElectionHandlers,
  ) {
    clock.schedule(0, () => this.turn());
  }

  holds(epoch: string): boolean {
    return this.term !== undefined && String(this.term.revision) === epoch && this.clock.nowMs() < this.term.deadlineMs;
  }

  resign(done?: () => void): void {
    if (this.stopped) {
      done?.();
      return;
    }
    this.stopped = true;
    const { term } = this;
    this.term = undefined;
    term?.cancelDeadline();
    if (!term) {
      done?.();
      return;
    }
    const finish = (): void => done?.();
    this.etcd.call(this.host, this.clock, () => this.etcd.release(term.revision), finish, finish);
  }

  private turn(): void {
    if (this.stopped) return;
    const sentMs = this.clock.nowMs();
    const again = (): void => {
      if (!this.stopped) this.clock.schedule(this.etcd.leaseMs / 8, () => this.turn());
    };
    const failed = (): void => {
      if (!this.stopped) this.handlers.trouble('Cannot reach the simulated etcd');
      again();
    };
    const { term } = this;
    if (term) {
      this.etcd.call(this.host, this.clock, () => this.etcd.renew(term.revision), (isRenewed) => {
        if (this.term === term) {
          if (isRenewed) this.extend(term, sentMs);
          else this.depose('the leader key is no longer ours');
        }
        if (!this.stopped) this.handlers.trouble(undefined);
        again();
      }, failed);
      return;
    }
    this.etcd.call(this.host, this.clock, () => this.etcd.acquire(this.address), (outcome) => {
      if (this.stopped) {
        if (outcome.won) this.etcd.call(this.host, this.clock, () => this.etcd.release(outcome.revision), () => undefined, () => undefined);
        return;
      }
      this.handlers.trouble(undefined);
      if (!outcome.won) {
        this.noteLeader(outcome.leader === this.address ? undefined : outcome.leader);
      } else {
        this.term = { revision: outcome.revision, deadlineMs: 0, cancelDeadline: () => undefined };
        this.extend(this.term, sentMs);
        this.noteLeader(this.address);
        this.handlers.elected(String(outcome.revision));
      }
      again();
    }, failed);
  }

  private extend(term: NonNullable<typeof this.term>, sentMs: number): void {
    term.cancelDeadline();
    term.deadlineMs = sentMs + this.etcd.leaseMs * 0.6;
    term.cancelDeadline = this.clock.schedule(Math.max(0, term.deadlineMs - this.clock.nowMs()), () => this.depose('etcd has not renewed the lease in time'));
  }

  private depose(reason: string): void {
    const { term } = this;
    if (this.stopped || !term) return;
    term.cancelDeadline();
    this.term = undefined;
    // Let go of the key at once if etcd can hear us; if it cannot, the lease lapses by itself.
    this.etcd.call(this.host, this.clock, () => this.etcd.release(term.revision), () => undefined, () => undefined);
    this.noteLeader(undefined);
    this.handlers.deposed(reason);
  }

  private noteLeader(address: string | undefined): void {
    if (address === this.leader) return;
    this.leader = address;
    this.handlers.leaderChanged(address);
  }
}
