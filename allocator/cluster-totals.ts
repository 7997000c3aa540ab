// Cluster totals: how much of everything there is, and the numbers that stand for resource names.
//
// Owns:      the index of every scalar resource name, the sum of all agents' scalars, and the generation of that sum.
// Elsewhere: what each agent has and has free (agent-ledger.ts), shares (share-account.ts).
// Invariants:
//   T1. `amounts[indexOf(name)]` is the sum of `name` over every known agent, active or not, reserved and revocable included, in thousandths.
//   T2. Whenever an amount changes, `generation` does: a share computed under another generation is out of date.
//   T3. An index is never given to a second name. There are as many as names in agents' resources, so operators bound them, not frameworks.
// Source: Mesos sorters (share over all agents, whole cluster also within a role; reference 3.1).

import type { Quantities } from '../common/model/framework';

export class ClusterTotals {
  readonly #indexes = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #amounts: number[] = [];
  #generation = 0;

  get amounts(): readonly number[] {
    return this.#amounts;
  }

  get generation(): number {
    return this.#generation;
  }

  /** The number that stands for `name` in every vector of amounts; given at first sight. */
  indexOf(name: string): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const index = this.#names.push(name) - 1;
    this.#indexes.set(name, index);
    this.#amounts.push(0);
    return index;
  }

  nameOf(index: number): string | undefined {
    return this.#names[index];
  }

  /** An agent's total was `before` and is `after`. An agent that comes had nothing, one that goes has nothing. */
  replace(before: Quantities, after: Quantities): void {
    const changes = new Map(after);
    for (const [name, milli] of before) changes.set(name, (changes.get(name) ?? 0) - milli);
    for (const [name, change] of changes) {
      if (change === 0) continue;
      const index = this.indexOf(name);
      this.#amounts[index] = (this.#amounts[index] ?? 0) + change;
      this.#generation++;
    }
  }

  /** A vector of amounts by name, without the zeros. */
  named(amounts: readonly number[]): Quantities {
    const quantities = new Map<string, number>();
    for (let index = 0; index < amounts.length; index++) {
      const milli = amounts[index] ?? 0;
      const name = this.#names[index];
      if (milli > 0 && name !== undefined) quantities.set(name, milli);
    }
    return quantities;
  }
}
