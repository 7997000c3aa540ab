// Inverse offers: asking frameworks to leave machines that will be away.
//
// Owns:      the maintenance windows, which requests are outstanding, the last answers, and how long who is not asked again.
// Elsewhere: who holds something where (charges.ts), when runs happen (drf-allocator.ts), what a request looks like to a framework (the master).
// Invariants:
//   O1. At most one request per framework and agent is outstanding.
//   O2. Whoever asked not to be asked is not, until the batch after that time; a new window begins anew, and so does REVIVE.
// Source: Mesos maintenance primitives (reference, section 11).

import type { Unavailability } from '../common/model/agent';
import type { FrameworkId } from '../common/model/ids';
import type { AgentLedger } from './agent-ledger';
import type { InverseOfferAnswer, InverseOfferRequest } from './allocator';

interface Window {
  readonly unavailability: Unavailability;
  readonly outstanding: Set<FrameworkId>;
  readonly answers: Map<FrameworkId, InverseOfferAnswer>;
  /** Until when a framework is not asked again. */
  readonly quietUntilMs: Map<FrameworkId, number>;
}

export class InverseOffers {
  readonly #windows = new Map<AgentLedger, Window>();

  /** Agents with a window: as long as there are any, each batch looks at them. */
  get agents(): Iterable<AgentLedger> {
    return this.#windows.keys();
  }

  get isEmpty(): boolean {
    return this.#windows.size === 0;
  }

  setWindow(agent: AgentLedger, unavailability: Unavailability | undefined): void {
    if (unavailability === undefined) this.#windows.delete(agent);
    else this.#windows.set(agent, { unavailability, outstanding: new Set(), answers: new Map(), quietUntilMs: new Map() });
  }

  answersOn(agent: AgentLedger): ReadonlyMap<FrameworkId, InverseOfferAnswer> {
    return this.#windows.get(agent)?.answers ?? new Map<FrameworkId, InverseOfferAnswer>();
  }

  answered(frameworkId: FrameworkId, agent: AgentLedger, answer: InverseOfferAnswer | undefined, quietUntilMs: number | undefined): void {
    const window = this.#windows.get(agent);
    if (window === undefined) return;
    window.outstanding.delete(frameworkId);
    if (answer !== undefined) window.answers.set(frameworkId, answer);
    // A later, shorter answer does not take back what an earlier one asked for.
    if (quietUntilMs !== undefined) window.quietUntilMs.set(frameworkId, Math.max(quietUntilMs, window.quietUntilMs.get(frameworkId) ?? 0));
  }

  /** O2: it may be asked again at once, on every machine; what is outstanding it has still to answer (O1). Source: Mesos `reviveOffers`. */
  revived(frameworkId: FrameworkId): void {
    for (const { quietUntilMs } of this.#windows.values()) quietUntilMs.delete(frameworkId);
  }

  /** It cannot answer any more; when it is back it is asked again. What it answered before stands. */
  disconnected(frameworkId: FrameworkId): void {
    for (const { outstanding, quietUntilMs } of this.#windows.values()) {
      outstanding.delete(frameworkId);
      quietUntilMs.delete(frameworkId);
    }
  }

  forgetFramework(frameworkId: FrameworkId): void {
    this.disconnected(frameworkId);
    for (const { answers } of this.#windows.values()) answers.delete(frameworkId);
  }

  forgetAgent(agent: AgentLedger): void {
    this.#windows.delete(agent);
  }

  /** The requests that are due on `agents`, from now on outstanding (O1). By agent, then framework. */
  request(agents: ReadonlySet<AgentLedger> | 'all', nowMs: number): readonly InverseOfferRequest[] {
    if (this.isEmpty) return [];
    const requests: InverseOfferRequest[] = [];
    for (const [agent, window] of this.#windows) {
      if (!agent.takesPart || (agents !== 'all' && !agents.has(agent))) continue;
      for (const { member } of agent.holdings) {
        const { frameworkId, framework } = member;
        const isQuiet = (window.quietUntilMs.get(frameworkId) ?? -Infinity) > nowMs;
        if (!framework.isActive || isQuiet || window.outstanding.has(frameworkId)) continue;
        window.outstanding.add(frameworkId);
        requests.push({ frameworkId, agentId: agent.id, unavailability: window.unavailability });
      }
    }
    return requests.sort((a, b) => compare(a.agentId, b.agentId) || compare(a.frameworkId, b.frameworkId));
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
