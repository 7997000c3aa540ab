// A candidate for tests of the election: it writes down what happens to it, and lets tests wait for the next event.
//
// Elsewhere: the election (master/etcd-election.ts), what is proved with it (etcd-election.test.ts, etcd-cluster.test.ts).

import type { Candidacy, Election } from '../../common/ports';

export class RecordingCandidate {
  readonly events: string[] = [];
  epoch: string | undefined;
  private waiting: { readonly pattern: RegExp; readonly resolve: () => void }[] = [];
  private candidacy: Candidacy;

  constructor(
    election: Election,
    readonly address: string,
  ) {
    this.candidacy = election.campaign(address, {
      elected: (epoch) => {
        this.epoch = epoch;
        this.note('elected');
      },
      deposed: (reason) => this.note(`deposed: ${reason}`),
      leaderChanged: (leader) => this.note(`leader: ${leader ?? 'none'}`),
      trouble: (message) => {
        if (message !== undefined) this.note(`trouble: ${message}`);
      },
    });
  }

  get holds(): boolean {
    return this.epoch !== undefined && this.candidacy.holds(this.epoch);
  }

  next(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => this.waiting.push({ pattern, resolve }));
  }

  resign(): Promise<void> {
    return new Promise((resolve) => this.candidacy.resign(resolve));
  }

  private note(event: string): void {
    this.events.push(event);
    this.waiting = this.waiting.filter(({ pattern, resolve }) => {
      if (!pattern.test(event)) return true;
      resolve();
      return false;
    });
  }
}
