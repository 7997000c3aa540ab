// The election through etcd: one key, one lease, one local deadline.
//
// Owns:      campaigning, renewing, proving leadership by the clock, resigning, knowing who leads.
// Elsewhere: what a leader does (master-node.ts), fenced writes (etcd-registry.ts), the client (common/etcd-client.ts), which of several servers is
//            asked (common/etcd-servers.ts).
// Invariants:
//   L1. The leader key exists only under its holder's lease; its creation revision is the epoch of the term and never comes again.
//   L2. `holds` is true only before the local deadline: the time at which the last successful renewal was *sent* to the server that answered it,
//       plus 0.6 of the lease. etcd counts the lease from when it received the renewal, which is later, so our deadline passes well before anybody
//       else can be elected.
//   L3. One question to etcd at a time, each with a deadline (T1); after `resign` nothing is reported any more.
//   L4. Each question may be asked of several servers (V3). A lease granted twice lapses by itself; the key is taken only where there is none, and a
//       key under our own lease is a success of an earlier try; a renewal that arrives late makes the lease longer, never our own trust in it.
// Source: Gray and Cheriton, Leases (1989): the holder's clock must end the lease before the grantor's does. etcd3's Election keeps a lost
//         lease for a full term (measured), which is why it is not used.

import type { Etcd3 } from 'etcd3';
import { describeError } from '../common/errors';
import { briefly, closeEtcd, connectEtcd, etcdCallTimeoutMs, leaderKey, tryMsOf, within, type Etcd, type EtcdLocation } from '../common/etcd-client';
import type { Cancel, Candidacy, Clock, Election, ElectionHandlers, Log } from '../common/ports';

export interface EtcdElectionOptions {
  readonly location: EtcdLocation;
  readonly clock: Clock;
  /** Lease in seconds, at least 2; default 5. Longer survives longer hiccups of etcd, shorter elects a new leader sooner. */
  readonly leaseSeconds: number;
  /** Hears of etcd servers that do not answer while others do. Default: nobody does. */
  readonly log?: Log;
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
  readonly leaseId: string;
  deadlineMs: number;
  cancelDeadline: Cancel;
}

class EtcdCandidacy implements Candidacy {
  private etcd: Etcd | undefined;
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
        this.etcd ??= await connectEtcd(this.options.location, this.options.clock, tryMsOf(this.leaseMs), this.options.log);
        if (this.term) await this.renew(this.etcd, this.term);
        else await this.stand(this.etcd);
        this.tell((handlers) => handlers.trouble(undefined));
      } catch (error) {
        this.tell((handlers) => handlers.trouble(describeError(error)));
      }
      if (!this.resigned) await this.pause();
    }
    await this.leave();
  }

  /** One attempt: take the key if it is free, else note who has it. */
  private async stand(etcd: Etcd): Promise<void> {
    const { clock, leaseSeconds } = this.options;
    const held = await etcd.ask((client, timeoutMs) => client.get(this.key).options(within(clock, timeoutMs)).string(), briefly);
    if (held !== null) {
      this.noteLeader(held);
      return;
    }
    const lease = await etcd.ask(async (client, timeoutMs) => {
      const sentMs = clock.nowMs();
      const granted = await client.leaseClient.leaseGrant({ TTL: leaseSeconds }, within(clock, timeoutMs));
      return { id: granted.ID, sentMs };
    }, briefly);
    let epoch: string | undefined;
    try {
      epoch = await this.take(etcd, lease.id);
    } catch (error) {
      // Whether the key was written is unknown: with the lease it goes, so that somebody may lead soon.
      await this.revoke(etcd, lease.id);
      throw error;
    }
    const deadlineMs = lease.sentMs + this.leaseMs * trustedPart;
    if (epoch === undefined || this.resigned || clock.nowMs() >= deadlineMs) {
      // Lost, or won so slowly that the proof has already run out: give it back rather than wait for it to lapse.
      await this.revoke(etcd, lease.id);
      return;
    }
    const term: Term = { epoch, leaseId: lease.id, deadlineMs, cancelDeadline: this.armDeadline(deadlineMs) };
    this.term = term;
    this.noteLeader(this.address);
    this.tell((handlers) => handlers.elected(term.epoch));
  }

  /** Puts the key under the lease if there is none. The epoch of the term, or undefined if another was faster. */
  private async take(etcd: Etcd, leaseId: string): Promise<string | undefined> {
    const result = await etcd.ask(
      (client, timeoutMs) =>
        client
          .if(this.key, 'Create', '==', 0)
          .then(client.put(this.key).value(this.address).lease(leaseId))
          .else(client.get(this.key))
          .options(within(this.options.clock, timeoutMs))
          .commit(),
      briefly,
    );
    if (result.succeeded) return result.header.revision;
    const [pair] = result.responses[0]?.response_range?.kvs ?? [];
    return pair?.lease === leaseId ? pair.create_revision : undefined;
  }

  /** Keeps the lease alive and makes sure that the key is still ours. */
  private async renew(etcd: Etcd, term: Term): Promise<void> {
    const { clock } = this.options;
    const renewal = await etcd.ask(
      async (client, timeoutMs) => {
        const sentMs = clock.nowMs();
        if (!(await keepAlive(client, term.leaseId, within(clock, timeoutMs)))) return { isOurs: false, sentMs };
        const guard = await client.if(this.key, 'Create', '==', Number(term.epoch)).then(client.get(this.key)).options(within(clock, timeoutMs)).commit();
        return { isOurs: guard.succeeded, sentMs };
      },
      { callMs: Math.min(etcdCallTimeoutMs, Math.max(1, term.deadlineMs - clock.nowMs())), persists: true },
    );
    if (this.term !== term) return;
    if (!renewal.isOurs) {
      this.depose('the leader key is no longer ours');
      return;
    }
    term.cancelDeadline();
    term.deadlineMs = renewal.sentMs + this.leaseMs * trustedPart;
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
    if (this.etcd) void this.revoke(this.etcd, term.leaseId);
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
    if (term && this.etcd) await this.revoke(this.etcd, term.leaseId);
    if (this.etcd) closeEtcd(this.etcd);
    this.resignedDone?.();
  }

  /** Gives a lease back, and with it the key, if it was under it. Never rejects. */
  private async revoke(etcd: Etcd, leaseId: string): Promise<void> {
    try {
      await etcd.ask((client, timeoutMs) => client.leaseClient.leaseRevoke({ ID: leaseId }, within(this.options.clock, timeoutMs)), briefly);
    } catch {
      // etcd cannot be told, or has it no more: a lease lapses by itself.
    }
  }

  /**
   * A renewal each eighth of the lease, a look at the key as often while standing by. A renewal that finds no server goes on from one to the next
   * until the deadline (`tryMsOf`), so that one of them has four eighths of the lease to answer.
   */
  private async pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      this.cancelPause = this.options.clock.schedule(Math.max(100, this.leaseMs / 8), resolve);
    });
    this.cancelPause?.();
    this.wake = undefined;
  }
}

/** One renewal of a lease. False: etcd has it no more. */
async function keepAlive(client: Etcd3, leaseId: string, options: { readonly deadline: number }): Promise<boolean> {
  const stream = await client.leaseClient.leaseKeepAlive(options);
  const answer = await new Promise<{ readonly TTL: string }>((resolve, reject) => {
    stream.on('data', resolve);
    // Also after the answer, for the end of the stream is awaited by nobody.
    stream.on('error', reject);
    stream.write({ ID: leaseId });
  });
  stream.end();
  return answer.TTL !== '0';
}
