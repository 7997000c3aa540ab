// Last words: what a cluster must be able to do after everything that happened to it.
//
// Owns:      the census (everything that agents have can be offered again) and the fair division among frameworks that want all they can get.
// Elsewhere: when they are asked for (simulation.ts).
// Invariants:
//   L1. The census knows agents' totals from their declarations, never from the master.
//   L2. The division is judged by what runs: all tasks have the same size, so that shares are numbers of tasks.
// Source: DESIGN, "What the simulation asserts": all resources are accounted for; DRF shares are within one task of fair.

import type { Offer } from '../../common/model/offer';
import { task } from '../../frameworks/sdk/task-builder';
import type { SeededRandom, VirtualAgent, VirtualCluster } from '../../frameworks/sdk/testing';
import { amountsOf, difference, sumOf, type Amounts } from './amounts';
import { endStates } from './term-books';

/** A framework that is offered everything and takes nothing. */
export class Census {
  private readonly offers = new Map<string, Offer>();

  constructor(private readonly cluster: VirtualCluster) {
    cluster.runScheduler({
      name: 'census',
      failoverTimeoutMs: 0,
      offers: (offers, driver) => {
        for (const offer of offers) {
          this.offers.set(offer.id, offer);
          driver.hold(offer);
        }
      },
      rescinded: (offerId) => {
        this.offers.delete(offerId);
      },
    });
  }

  /** Names an agent of which not everything was offered that `usedOn` leaves; undefined when all was. */
  findMissing(usedOn: (agent: VirtualAgent) => Amounts = () => new Map()): string | undefined {
    for (const agent of this.cluster.agents) {
      const offered: Amounts = sumOf([...this.offers.values()].filter(({ hostname }) => hostname === agent.host).map(({ resources }) => amountsOf(resources)));
      const wrong = difference(sumOf([offered, usedOn(agent)]), amountsOf(agent.total));
      if (wrong !== undefined) return `${agent.host}: offered and in use against declared: ${wrong}`;
    }
    return undefined;
  }
}

/** Means of some hundred looks at a number that goes up and down. */
const noise = 0.25;

/** Frameworks of different roles and equal weight that each want everything, in equal tasks that end and are launched again. */
export class Division {
  private readonly running = new Map<string, Set<string>>();
  private readonly sums = new Map<string, number>();
  private samples = 0;

  constructor(cluster: VirtualCluster, random: SeededRandom) {
    const names = ['first', 'second', 'third'].slice(0, 2 + random.below(2));
    for (const name of names) {
      const running = new Set<string>();
      this.running.set(name, running);
      cluster.runScheduler({
        name,
        roles: [`divided-${name}`],
        failoverTimeoutMs: 0,
        refuseSeconds: 1,
        offers: (offers, driver) => {
          for (const offer of offers) driver.launch(offer, [task({ name, command: `sleep ${5 + random.below(20)}`, resources: { cpus: 0.5, mem: 64 } })]);
        },
        update: ({ state, taskId }) => {
          if (state === 'TASK_RUNNING') running.add(taskId);
          else if (endStates.has(state)) running.delete(taskId);
        },
      });
    }
  }

  /** Looks once, as often as the caller likes. */
  sample(): void {
    this.samples += 1;
    for (const [name, running] of this.running) this.sums.set(name, (this.sums.get(name) ?? 0) + running.size);
  }

  /** Why it was not fair on average since the first sample; undefined when each had as much as the others, give or take a task. */
  findUnfair(): string | undefined {
    const means = [...this.running.keys()].map((name) => (this.sums.get(name) ?? 0) / this.samples);
    if (Math.min(...means) > 0 && Math.max(...means) - Math.min(...means) <= 1 + noise) return undefined;
    return `equal frameworks ran on average: ${means.map((mean) => mean.toFixed(2)).join(', ')} tasks`;
  }
}
