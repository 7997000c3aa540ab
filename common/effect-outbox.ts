// The effect outbox: decisions leave in order, and only after what they rest on is durable.
//
// Owns:      the queue of effects between a deciding core and the world, and the rule of output commit.
// Elsewhere: deciding (master/core/, agent/core/), making durable (registry, checkpoint store), carrying out (the nodes).
// Invariants:
//   E1. Effects are carried out in the order in which they were put in, each at most once.
//   E2. No effect is carried out before every durable effect put in earlier is committed.
//   E3. At most one commit is outstanding; what becomes durable meanwhile goes together into the next one (group commit).
//   E4. After `stop`, or a failed commit, nothing is carried out any more.
// Source: our choice; the idea is the output commit of log-based recovery (Strom and Yemini, Optimistic Recovery, 1985): compute ahead,
//         but let nobody see the result of what may still be lost.

import { invariant } from './invariant';

export interface OutboxPorts<Durable, Other> {
  /** Makes the batch durable, all or nothing, and then calls `done` once; not within this call. */
  commit(batch: readonly Durable[], done: (outcome: { readonly ok: true } | { readonly ok: false; readonly detail: string }) => void): void;
  /** Carries out one effect. Must not throw for failures of the world. */
  perform(effect: Other): void;
  /** A commit failed: what was not performed never will be. Called at most once. */
  failed(detail: string): void;
}

export type OutboxEffect<Durable, Other> = { readonly durable: true; readonly value: Durable } | { readonly durable: false; readonly value: Other };

/**
 * How many effects may wait behind a commit. A core produces effects only from input, and its node stops feeding it while `isFull`; the bound
 * is generous because a single step (an agent of a thousand tasks lost) is never cut in two. Ours.
 */
export const outboxEffectCountMax = 100_000;

export class EffectOutbox<Durable, Other> {
  private waiting: OutboxEffect<Durable, Other>[] = [];
  private head = 0;
  private committing = false;
  private stopped = false;
  private flushing = false;

  constructor(private readonly ports: OutboxPorts<Durable, Other>) {}

  /** Whether feeding should pause until the outstanding commit is done. */
  get isFull(): boolean {
    return this.waiting.length - this.head >= outboxEffectCountMax;
  }

  /** Whether everything put in has been carried out. */
  get isDrained(): boolean {
    return this.head === this.waiting.length && !this.committing;
  }

  put(effects: readonly OutboxEffect<Durable, Other>[]): void {
    if (this.stopped) return;
    for (const effect of effects) this.waiting.push(effect);
    this.flush();
  }

  /** Drops what waits (E4). */
  stop(): void {
    this.stopped = true;
    this.waiting = [];
    this.head = 0;
  }

  private flush(): void {
    if (this.flushing) return;
    this.flushing = true;
    try {
      while (!this.committing && !this.stopped && this.head < this.waiting.length) {
        const next = this.waiting[this.head];
        invariant(next, 'the head of the outbox exists');
        if (next.durable) {
          this.commit();
        } else {
          this.head += 1;
          this.ports.perform(next.value);
        }
      }
    } finally {
      this.flushing = false;
    }
    if (this.head > 0 && this.head === this.waiting.length) {
      this.waiting = [];
      this.head = 0;
    }
  }

  /** Commits every durable effect now waiting, in one batch (E3). The others keep their order and leave once it is done (E2). */
  private commit(): void {
    const batch: Durable[] = [];
    const rest: OutboxEffect<Durable, Other>[] = [];
    for (let index = this.head; index < this.waiting.length; index += 1) {
      const effect = this.waiting[index];
      invariant(effect, 'the outbox has no holes');
      if (effect.durable) batch.push(effect.value);
      else rest.push(effect);
    }
    this.waiting = rest;
    this.head = 0;
    this.committing = true;
    this.ports.commit(batch, (outcome) => {
      this.committing = false;
      if (this.stopped) return;
      if (!outcome.ok) {
        this.stop();
        this.ports.failed(outcome.detail);
        return;
      }
      this.flush();
    });
  }
}
