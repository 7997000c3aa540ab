// Cluster totals: how much of everything there is, and the numbers that stand for resource names.
//
// Owns:      the index of every scalar resource name, the sum of all agents' scalars, and the generation of that sum.
// Elsewhere: what each agent has and has free (agent-ledger.ts), shares (share-account.ts).
// Invariants:
//   T1. `amounts[indexOf(name)]` is the sum of `name` over every known agent, active or not, reserved and revocable included, in thousandths.
//   T2. Whenever an amount changes, `generation` does: a share computed under another generation is out of date.
//   T3. An index is never given to a second name. There are as many as names in agents' resources and quotas, so operators bound them, not
//       frameworks.
//   T4. `fair` is `amounts` with 0 for names that make no share.
// Source: Mesos sorters (share over all agents, whole cluster also within a role; reference 3.1).

import type { Quantities } from '../common/model/framework';
import { add, at, emptyVector, grown, type Vector } from './vector';

export class ClusterTotals {
  readonly #indexes = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #areFair: boolean[] = [];
  #amounts = emptyVector;
  #fair = emptyVector;
  #generation = 0;
  /** Counts every change of place in any order over these totals. */
  moves = 0;

  /** `excluded`: names that make no share (T4). */
  constructor(private readonly excluded: ReadonlySet<string> = new Set()) {}

  get amounts(): Vector {
    return this.#amounts;
  }

  get fair(): Vector {
    return this.#fair;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Number of names known so far: the length that a vector of all of them has. */
  get size(): number {
    return this.#names.length;
  }

  /** The number that stands for `name` in every vector; given at first sight. */
  indexOf(name: string): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const index = this.#names.push(name) - 1;
    this.#indexes.set(name, index);
    this.#areFair.push(!this.excluded.has(name));
    return index;
  }

  /** The number that stands for `name`, if it has one: for names that frameworks bring (T3). */
  find(name: string): number | undefined {
    return this.#indexes.get(name);
  }

  nameOf(index: number): string {
    return this.#names[index] ?? '';
  }

  /** An agent with these scalars comes (1) or goes (-1). */
  add(scalars: Vector, sign: 1 | -1): void {
    this.#amounts = add(this.#amounts, scalars, sign);
    if (this.#fair.length < this.#amounts.length) this.#fair = grown(this.#fair, this.#amounts.length);
    for (let i = 0; i < scalars.length; i++) if (this.#areFair[i] === true) this.#fair[i] = this.#amounts[i]!;
    this.#generation++;
  }

  vectorOf(quantities: Quantities): Vector {
    let vector = emptyVector;
    for (const [name, milli] of quantities) {
      const index = this.indexOf(name);
      if (vector.length <= index) vector = grown(vector, this.size);
      vector[index] = milli;
    }
    return vector;
  }

  /** A vector of amounts by name, without what is not above zero. */
  named(vector: Vector): Quantities {
    const quantities = new Map<string, number>();
    for (let i = 0; i < vector.length; i++) if (vector[i]! > 0) quantities.set(this.nameOf(i), vector[i]!);
    return quantities;
  }

  /** Whether `vector` has all of `wanted`; a name nobody has an index for is one that nobody has. */
  holds(vector: Vector, wanted: Quantities): boolean {
    for (const [name, milli] of wanted) {
      const index = this.#indexes.get(name);
      if ((index === undefined ? 0 : at(vector, index)) < milli) return false;
    }
    return true;
  }
}
