// Quota operator: who sets quotas in a run, and takes all of them away before its end.
//
// Owns:      which quotas are set, asking the leader, repeating itself until nothing is left.
// Elsewhere: when (fault-plan.ts, simulation.ts), what must hold of the answers and offers (quota-checker.ts).
// Source: our choice.

import type { OperatorCall } from '../../common/model/operator-protocol';
import type { QuotaConfig } from '../../common/model/quota';
import type { SeededRandom, VirtualCluster } from '../../frameworks/sdk/testing';
import { noQuota, topLevelOf, type QuotaChecker } from './quota-checker';

/** In thousandths; from nothing to more than most clusters have. An agent has 1 to 8 cpus and 512 to 4096 MB, a task up to 1 and 128. */
const amountsByName: readonly (readonly [name: string, amounts: readonly number[]])[] = [
  ['cpus', [0, 700, 2_000, 5_000, 12_000]],
  ['mem', [0, 200_000, 1_000_000, 4_000_000]],
];

/** Between two tries to take quotas away. */
const repeatMs = 1_000;

export class QuotaOperator {
  /** Those that may have a quota. */
  private readonly roles = new Set<string>();

  constructor(
    private readonly cluster: VirtualCluster,
    private readonly answered: QuotaChecker['answered'],
  ) {}

  /** Gives the top-level role of `role` some quota, or takes it away. Draws the same whatever the cluster does. */
  change(role: string, random: SeededRandom): void {
    const config = draw(topLevelOf(role), random);
    this.roles.add(config.role);
    this.ask({ kind: 'get-quota' });
    this.ask({ kind: 'update-quota', configs: [config], force: true });
    this.ask({ kind: 'get-quota' });
  }

  /** Takes all quotas away; again and again, until a leader has confirmed it. */
  lift(): void {
    if (this.roles.size === 0) return;
    this.ask({ kind: 'update-quota', configs: [...this.roles].map(noQuota), force: true }, () => this.roles.clear());
    this.ask({ kind: 'get-quota' });
    this.cluster.clock.schedule(repeatMs, () => this.lift());
  }

  /** Names the roles that may have a quota still; undefined when none has. */
  findLeft(): string | undefined {
    return this.roles.size === 0 ? undefined : `nobody has confirmed that the quotas of ${[...this.roles].join(', ')} are gone`;
  }

  private ask(call: OperatorCall, done?: () => void): void {
    const { leader } = this.cluster;
    leader?.node?.operator(call, (reply) => {
      this.answered(leader.host, call, reply);
      if (reply.kind === 'done') done?.();
    });
  }
}

function draw(role: string, random: SeededRandom): QuotaConfig {
  const guarantees = new Map<string, number>();
  const limits = new Map<string, number>();
  for (const [name, amounts] of amountsByName) {
    const limit = random.chance(0.6) ? random.pick(amounts) : undefined;
    const guarantee = Math.min(random.chance(0.4) ? (random.pick(amounts) ?? 0) : 0, limit ?? Infinity);
    if (limit !== undefined) limits.set(name, limit);
    if (guarantee > 0) guarantees.set(name, guarantee);
  }
  return random.chance(0.25) ? noQuota(role) : { role, guarantees, limits };
}
