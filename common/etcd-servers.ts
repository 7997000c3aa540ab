// Etcd servers: one question, asked of one server after the other until one answers.
//
// Owns:      which server is asked first, when the next one is asked too, when a question is given up.
// Elsewhere: the client of one server (etcd-client.ts), the questions (master/etcd-election.ts, master/etcd-registry.ts, etcd-address-source.ts).
// Invariants:
//   V1. A call ends when its time is over, whatever the servers do.
//   V2. A server that is down or hangs costs one try, in the first call only: the server that answered last is asked first.
//   V3. A question may reach several servers, and one that hung may act on it long after another has answered. Only questions may be asked that
//       do no harm then; each asker says why its own do none.
//   V4. What etcd refuses is refused by all of its servers: it ends the call at once, and nobody is called unreachable for it.
// Source: hedged requests, as in Dean and Barroso, The Tail at Scale (2013). etcd3's pool takes a server at random for each call and no other
//         (measured: of three servers one down, a quarter of all calls failed).

import { AllotError, describeError } from './errors';
import type { Cancel, Clock } from './ports';

/** Servers that failed at once are asked again after this: while etcd elects, for about a second, its members refuse. */
const roundPauseMs = 100;

export interface EtcdServer<Client> {
  /** `host:port`. */
  readonly address: string;
  readonly client: Client;
}

export interface EtcdServersOptions<Client> {
  readonly clock: Clock;
  /** At least one, in the order in which they are asked until one has answered. */
  readonly servers: readonly EtcdServer<Client>[];
  /**
   * Without an answer for this long the next server is asked as well; the one before may still answer first, so a slow etcd is not cut short.
   * More: fewer questions asked twice; less: less time lost to a server that hangs.
   */
  readonly tryMs: number;
  /** A try without an answer is given up after this. Longer than `tryMs`. */
  readonly tryTimeoutMs: number;
  /** Whether another server, or the same one later, may answer what failed with this error. */
  readonly isPassing: (error: unknown) => boolean;
  /** The server that was asked first did not answer and another did: calls go there from now on. Addresses, and what was wrong if it said so. */
  readonly moved?: (from: string, to: string, detail: string | undefined) => void;
}

export interface AskLimits {
  /** After this the call fails. */
  readonly callMs: number;
  /** Whether servers that have all failed are asked again while there is time. Without it the caller hears at once. */
  readonly persists: boolean;
}

/** A try at one server; without an answer it has to reject within `timeoutMs`. */
export type Question<Client, Answer> = (client: Client, timeoutMs: number) => Promise<Answer>;

export class EtcdServers<Client> {
  /** Index of the server that is asked first (V2). */
  private first = 0;

  constructor(private readonly options: EtcdServersOptions<Client>) {}

  /** The first answer. Rejects with AllotError: ETCD_UNREACHABLE (a server may have acted all the same), ETCD_REFUSED (V4). */
  ask<Answer>(question: Question<Client, Answer>, limits: AskLimits): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { servers } = this.options;
      const order = servers.map((_, index) => (this.first + index) % servers.length);
      const asking = new Asking<Client, Answer>(this.options, order, question, limits, (outcome, first) => {
        if (outcome.ok && first !== order[0]) this.options.moved?.(servers[order[0]!]!.address, servers[first]!.address, outcome.trouble);
        this.first = first;
        if (outcome.ok) resolve(outcome.answer);
        else reject(outcome.error);
      });
      asking.begin();
    });
  }

  /** Hands each client back, to be closed. */
  close(closeClient: (client: Client) => void): void {
    for (const { client } of this.options.servers) closeClient(client);
  }
}

/** `trouble`: what the newest try that failed said. */
type Outcome<Answer> = { readonly ok: true; readonly answer: Answer; readonly trouble: string | undefined } | { readonly ok: false; readonly error: AllotError };

/** One call: its tries, several of which may be under way. */
class Asking<Client, Answer> {
  private readonly endsAtMs: number;
  private startedCount = 0;
  private pendingCount = 0;
  private isOver = false;
  private cancelNext: Cancel = () => undefined;
  private cancelEnd: Cancel = () => undefined;
  private lastError: unknown;

  constructor(
    private readonly options: EtcdServersOptions<Client>,
    /** Indexes of the servers, as they are to be asked. */
    private readonly order: readonly number[],
    private readonly question: Question<Client, Answer>,
    private readonly limits: AskLimits,
    /** Called once, with the server that the next call shall begin with. */
    private readonly done: (outcome: Outcome<Answer>, first: number) => void,
  ) {
    this.endsAtMs = options.clock.nowMs() + limits.callMs;
  }

  begin(): void {
    this.cancelEnd = this.options.clock.schedule(this.limits.callMs, () => this.giveUp());
    this.tryNext();
  }

  private get nextIndex(): number {
    return this.order[this.startedCount % this.order.length]!;
  }

  private tryNext(): void {
    const { clock, servers, tryMs, tryTimeoutMs } = this.options;
    const index = this.nextIndex;
    const { address, client } = servers[index]!;
    this.startedCount += 1;
    this.pendingCount += 1;
    const number = this.startedCount;
    this.cancelNext = clock.schedule(tryMs, () => this.tryNext());
    this.question(client, Math.max(1, Math.min(tryTimeoutMs, this.endsAtMs - clock.nowMs()))).then(
      (answer) => this.end({ ok: true, answer, trouble: this.trouble }, index),
      (error: unknown) => this.tryFailed(number, index, address, error),
    );
  }

  private tryFailed(number: number, index: number, address: string, error: unknown): void {
    if (this.isOver) return;
    this.pendingCount -= 1;
    if (!this.options.isPassing(error)) {
      this.end({ ok: false, error: new AllotError({ code: 'ETCD_REFUSED', address, detail: describeError(error) }, { cause: error }) }, index);
      return;
    }
    this.lastError = error;
    const isRoundOver = this.startedCount % this.order.length === 0;
    if (number === this.startedCount) {
      // Of an earlier try the time is over already: when the next one follows is settled by a later one.
      this.cancelNext();
      if (!isRoundOver) this.tryNext();
      else if (this.limits.persists) this.cancelNext = this.options.clock.schedule(roundPauseMs, () => this.tryNext());
    }
    if (this.pendingCount === 0 && isRoundOver && !this.limits.persists) this.giveUp();
  }

  private get trouble(): string | undefined {
    return this.lastError === undefined ? undefined : describeError(this.lastError);
  }

  private giveUp(): void {
    const addresses = this.options.servers.map(({ address }) => address);
    const detail = this.trouble ?? `no answer within ${Math.round(this.limits.callMs)} ms`;
    this.end({ ok: false, error: new AllotError({ code: 'ETCD_UNREACHABLE', addresses, detail }, { cause: this.lastError }) }, this.nextIndex);
  }

  private end(outcome: Outcome<Answer>, first: number): void {
    if (this.isOver) return;
    this.isOver = true;
    this.cancelNext();
    this.cancelEnd();
    this.done(outcome, first);
  }
}
