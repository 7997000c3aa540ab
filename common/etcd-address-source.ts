// Who leads, asked of etcd: the address source behind `--master etcd://…`.
//
// Owns:      reading the leader key when somebody wants to know.
// Elsewhere: dialing and following redirections (leader-session.ts), holding the key (master/etcd-election.ts).
// Source: our choice: asked on each new dial, not watched, because agents dial rarely and a watch per agent would burden etcd.

import { describeError } from './errors';
import { briefly, closeEtcd, connectEtcd, leaderKey, within, type EtcdLocation } from './etcd-client';
import type { AddressSource } from './leader-session';
import type { Cancel, Clock } from './ports';

export class EtcdAddressSource implements AddressSource {
  private known: readonly string[] = [];

  constructor(
    private readonly location: EtcdLocation,
    private readonly clock: Clock,
  ) {}

  /** The leader as last heard; empty before the first answer and while nobody leads. */
  current(): readonly string[] {
    return this.known;
  }

  /** Asks etcd, for at most its call timeout. When it cannot be reached the last known leader stays the best guess. */
  refresh(done: (trouble: string | undefined) => void): Cancel {
    let cancelled = false;
    void this.ask().then((trouble) => {
      if (!cancelled) done(trouble);
    });
    return () => {
      cancelled = true;
    };
  }

  private async ask(): Promise<string | undefined> {
    try {
      const etcd = await connectEtcd(this.location, this.clock);
      try {
        // Reading twice does no harm (V3).
        const address = await etcd.ask((client, timeoutMs) => client.get(leaderKey(this.location)).options(within(this.clock, timeoutMs)).string(), briefly);
        this.known = address === null ? [] : [address];
        return address === null ? 'No master leads at present' : undefined;
      } finally {
        closeEtcd(etcd);
      }
    } catch (error) {
      return describeError(error);
    }
  }
}
