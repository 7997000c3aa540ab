// Run schedule: when the next run is due, and which agents it looks at.
//
// Owns:      the agents whose situation has changed since they were last looked at, and the due times of batch and event-driven run.
// Elsewhere: what counts as a change (drf-allocator.ts), what a run does with an agent (drf-allocator.ts).
// Invariants:
//   C1. An agent in neither set has nothing to give: the last run that looked at it offered it to everyone, and what has happened since only
//       took away. So a batch looks at what changed, and a cluster in which nothing changes costs nothing.
//   C2. A batch is due at the first multiple of the interval after the change; an event-driven run `eventDelayMs` after the first of the
//       triggers that it coalesces, or with the batch that comes sooner. Later triggers never postpone it.
//   C3. A batch takes everything, an event-driven run only what asked for one: declined resources wait for the batch.
//   C4. A batch can be wanted for agents that are kept elsewhere (held back by quota): then it is due without any of its own.
// Source: Mesos batch allocation and `allocate()` coalescing (reference, section 4); C1 is ours.

/** Which agents a change concerns. */
export type Concerned<Agent> = Agent | 'all';

export class RunSchedule<Agent> {
  readonly #batch = new PendingRun<Agent>();
  readonly #event = new PendingRun<Agent>();

  constructor(
    private readonly intervalMs: number,
    private readonly eventDelayMs: number,
  ) {}

  /** Infinity while nothing waits. */
  get dueAtMs(): number {
    return Math.min(this.#batch.dueAtMs, this.#event.dueAtMs);
  }

  /** The first batch strictly after `nowMs` (C2). */
  batchAfterMs(nowMs: number): number {
    return (Math.floor(nowMs / this.intervalMs) + 1) * this.intervalMs;
  }

  /** Something changed about the agents at `nowMs`; the next batch will do. */
  noteChange(concerned: Concerned<Agent>, nowMs: number): void {
    this.#batch.add(concerned, this.batchAfterMs(nowMs));
  }

  /** The same, for a batch that is known by its time: what a filter kept back until then. */
  noteDue(agent: Agent, dueAtMs: number): void {
    this.#batch.add(agent, dueAtMs);
  }

  /** The next batch should happen, whether or not an agent of this schedule asks for it (C4). */
  wantBatch(nowMs: number): void {
    this.#batch.want(this.batchAfterMs(nowMs));
  }

  /** Something changed about the agents at `nowMs` that should not wait for the batch. */
  trigger(concerned: Concerned<Agent>, nowMs: number): void {
    this.#event.add(concerned, Math.min(nowMs + this.eventDelayMs, this.batchAfterMs(nowMs)));
  }

  /** The agent is gone or takes no part. */
  forget(agent: Agent): void {
    this.#batch.remove(agent);
    this.#event.remove(agent);
  }

  /** Nobody is interested: whoever becomes so will concern all agents. */
  clear(): void {
    this.#batch.clear();
    this.#event.clear();
  }

  /** The run that is due at `nowMs`, whose agents from then on count as looked at; undefined when none is. */
  take(nowMs: number): { readonly isBatch: boolean; readonly agents: ReadonlySet<Agent> | 'all' } | undefined {
    const isBatch = this.#batch.dueAtMs <= nowMs;
    if (!isBatch && this.#event.dueAtMs > nowMs) return undefined;
    const taken = new PendingRun<Agent>();
    taken.take(this.#event);
    if (isBatch) taken.take(this.#batch);
    else this.#batch.removeAllOf(taken);
    return { isBatch, agents: taken.isAll ? 'all' : taken.agents };
  }
}

/** What one run will look at, and when. */
class PendingRun<Agent> {
  /** Every agent, whatever the set says: spares listing ten thousand of them at each REVIVE. */
  isAll = false;
  /** Whether it is due for agents that are not its own (C4). */
  isWanted = false;
  agents = new Set<Agent>();
  dueAtMs = Infinity;

  add(concerned: Concerned<Agent>, dueAtMs: number): void {
    if (concerned === 'all') this.isAll = true;
    else this.agents.add(concerned);
    this.dueAtMs = Math.min(this.dueAtMs, dueAtMs);
  }

  want(dueAtMs: number): void {
    this.isWanted = true;
    this.dueAtMs = Math.min(this.dueAtMs, dueAtMs);
  }

  remove(agent: Agent): void {
    if (this.agents.delete(agent)) this.#restIfIdle();
  }

  /** What `other` looks at need not be looked at again. */
  removeAllOf(other: PendingRun<Agent>): void {
    if (other.isAll) {
      this.isAll = false;
      this.agents.clear();
      this.#restIfIdle();
    } else {
      for (const agent of other.agents) this.remove(agent);
    }
  }

  /** Takes over what `other` had. */
  take(other: PendingRun<Agent>): void {
    this.isAll ||= other.isAll;
    if (this.agents.size === 0) {
      this.agents = other.agents;
      other.agents = new Set();
    } else {
      for (const agent of other.agents) this.agents.add(agent);
    }
    other.clear();
  }

  clear(): void {
    this.isAll = false;
    this.isWanted = false;
    this.agents.clear();
    this.dueAtMs = Infinity;
  }

  #restIfIdle(): void {
    if (this.agents.size === 0 && !this.isAll && !this.isWanted) this.dueAtMs = Infinity;
  }
}
