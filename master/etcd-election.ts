// The election through etcd: one key, one lease, one local deadline.
//
// Owns:      campaigning, renewing, proving leadership by the clock, resigning, knowing who leads.
// Elsewhere: what a leader does (master-node.ts), fenced writes (etcd-registry.ts), the client (common/etcd-client.ts).
// Invariants:
//   L1. The leader key exists only under its holder's lease; its creation revision is the epoch of the term and never comes again.
//   L2. `holds` is true only before the local deadline: the time at which the last successful renewal was *sent*, plus 0.6 of the lease. etcd
//       counts the lease from when it received the renewal, which is later, so our deadline passes well before anybody else can be elected.
//   L3. One call to etcd at a time, each with a deadline (T1); after `resign` nothing is reported any more.
// Source: Gray and Cheriton, Leases (1989): the holder's clock must end the lease before the grantor's does. etcd3's Election keeps a lost
//         lease for a full term (measured), which is why it is not used.

import type { Etcd3, Lease } from 'etcd3';
import { connectEtcd, describeEtcdTrouble, etcdCallTimeoutMs, leaderKey, type EtcdLocation } from '../common/etcd-client';
import type { Cancel, Candidacy, Clock, Election, ElectionHandlers } from '../common/ports';

export interface EtcdElectionOptions {
  readonly location: EtcdLocation;
  readonly clock: Clock;
  /** Lease in seconds, at least 2; default 5. Longer survives longer hiccups of etcd, shorter elects a new leader sooner. */
  readonly leaseSeconds: number;
}

/** Part of the lease during which the holder trusts itself. The rest covers clock rates that differ and calls in flight. */
const trustedPart = 0.6;

export class EtcdElection implements Election {
  constructor(private readonly options: EtcdElectionOptions) {}

  campaign(address: string, handlers: ElectionHandlers): Candidacy {
    return new EtcdCandidacy(this.options, address, handlers);
  }
}

interface Term {
  readonly epoch: string;
  readonly lease: Lease;
  deadlineMs: number;
  cancelDeadline: Cancel;
}

class EtcdCandidacy implements Candidacy {
  private client: Etcd3 | undefined;
  private term: Term | undefined;
  private leader: string | undefined;
  private resigned = false;
  private resignedDone: (() => void) | undefined;
  private cancelPause: Cancel | undefined;
  private wake: (() => void) | undefined;
  private readonly key: string;
  private readonly leaseMs: number;

  constructor(
    private readonly options: EtcdElectionOptions,
    private readonly address: string,
    private readonly handlers: ElectionHandlers,
  ) {
    this.key = leaderKey(options.location);
    this.leaseMs = options.leaseSeconds * 1_000;
    void this.run();
  }

  holds(epoch: string): boolean {
    return this.term !== undefined && this.term.epoch === epoch && this.options.clock.nowMs() < this.term.deadlineMs;
  }

  resign(done?: () => void): void {
    if (this.resigned) {
      done?.();
      return;
    }
    this.resigned = true;
    this.resignedDone = done;
    this.wake?.();
  }

  /** The whole life of a candidacy: stand, renew while leading, look while not, until resigned. Never rejects. */
  private async run(): Promise<void> {
    // O1: nothing is reported inside `campaign`.
    await Promise.resolve();
    while (!this.resigned) {
      try {
        this.client ??= await connectEtcd(this.options.location, this.options.clock);
        if (this.term) await this.renew(this.client, this.term);
        else await this.stand(this.client);
        this.tell((handlers) => handlers.trouble(undefined));
      } catch (error) {
        this.tell((handlers) => handlers.trouble(describeEtcdTrouble(this.options.location, error)));
      }
      if (!this.resigned) await this.pause();
    }
    await this.leave();
  }

  /** One attempt: take the key if it is free, else note who has it. */
  private async stand(client: Etcd3): Promise<void> {
    const held = await client.get(this.key).string();
    if (held !== null) {
      this.noteLeader(held);
      return;
    }
    const sentMs = this.options.clock.nowMs();
    const lease = client.lease(this.options.leaseSeconds, { autoKeepAlive: false, deadline: this.options.clock.wallMs() + etcdCallTimeoutMs });
    try {
      const leaseId = await lease.grant();
      const result = await client
        .if(this.key, 'Create', '==', 0)
        .then(client.put(this.key).value(this.address).lease(leaseId))
        .commit();
      if (!result.succeeded || this.resigned) {
        await lease.revoke();
        return;
      }
      const deadlineMs = sentMs + this.leaseMs * trustedPart;
      if (this.options.clock.nowMs() >= deadlineMs) {
        // Won, but so slowly that the proof has already run out: give it back rather than wait for it to lapse.
        await lease.revoke();
        return;
      }
      this.term = { epoch: result.header.revision, lease, deadlineMs, cancelDeadline: this.armDeadline(deadlineMs) };
      this.noteLeader(this.address);
      const { epoch } = this.term;
      this.tell((handlers) => handlers.elected(epoch));
    } catch (error) {
      lease.release();
      // Whether the key was written is unknown. If it was, its lease lapses by itself; meanwhile nobody leads, which is safe.
      throw error;
    }
  }

  /** Keeps the lease alive and makes sure that the key is still ours. */
  private async renew(client: Etcd3, term: Term): Promise<void> {
    const sentMs = this.options.clock.nowMs();
    const callDeadline = { deadline: this.options.clock.wallMs() + Math.min(etcdCallTimeoutMs, Math.max(1, term.deadlineMs - sentMs)) };
    await term.lease.keepaliveOnce(callDeadline);
    const guard = await client.if(this.key, 'Create', '==', Number(term.epoch)).then(client.get(this.key)).options(callDeadline).commit();
    if (this.term !== term) return;
    if (!guard.succeeded) {
      this.depose('the leader key is no longer ours');
      return;
    }
    term.cancelDeadline();
    term.deadlineMs = sentMs + this.leaseMs * trustedPart;
    term.cancelDeadline = this.armDeadline(term.deadlineMs);
  }

  private armDeadline(deadlineMs: number): Cancel {
    return this.options.clock.schedule(Math.max(0, deadlineMs - this.options.clock.nowMs()), () => {
      this.depose('etcd has not renewed the lease in time');
    });
  }

  private depose(reason: string): void {
    const term = this.term;
    if (!term || this.resigned) return;
    this.term = undefined;
    term.cancelDeadline();
    // Let go of the key at once if etcd can hear us; if it cannot, the lease lapses by itself.
    term.lease.revoke({ deadline: this.options.clock.wallMs() + etcdCallTimeoutMs }).catch(() => undefined);
    this.noteLeader(undefined);
    this.tell((handlers) => handlers.deposed(reason));
  }

  private noteLeader(address: string | undefined): void {
    // A key with our own address that we do not hold is a leftover of an earlier life on the same address: it lapses soon, and nobody leads.
    const leader = address === this.address && !this.term ? undefined : address;
    if (leader === this.leader || this.resigned) return;
    this.leader = leader;
    this.tell((handlers) => handlers.leaderChanged(leader));
  }

  /**
   * Reports on a turn of its own and in order: what goes wrong in a handler is its owner's bug and ends the process, and must not be taken here for
   * trouble with etcd.
   */
  private tell(report: (handlers: ElectionHandlers) => void): void {
    this.options.clock.schedule(0, () => {
      if (!this.resigned) report(this.handlers);
    });
  }

  private async leave(): Promise<void> {
    const term = this.term;
    this.term = undefined;
    term?.cancelDeadline();
    try {
      await term?.lease.revoke({ deadline: this.options.clock.wallMs() + etcdCallTimeoutMs });
    } catch {
      // etcd cannot be told; the lease lapses by itself.
    }
    this.client?.close();
    this.resignedDone?.();
  }

  /** A renewal each eighth of the lease (four tries before the deadline), a look at the key as often while standing by. */
  private async pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      this.cancelPause = this.options.clock.schedule(Math.max(100, this.leaseMs / 8), resolve);
    });
    this.cancelPause?.();
    this.wake = undefined;
  }
}
