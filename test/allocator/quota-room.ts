// Room to be cut to, for tests of what is known of it: quotas, tasks that start and end, and what would be offered of a bundle in the meantime.
//
// Owns:      a small universe of roles with quotas, in which consumption, totals and headroom move; the arbitraries of its moves.
// Elsewhere: the claims (cut-refusals.test.ts, quota-growth.test.ts), the cut itself (division.ts).

import fc from 'fast-check';
import type { AgentLedger } from '../../allocator/agent-ledger';
import type { Bundle } from '../../allocator/bundle';
import { guaranteedPart, withinQuota } from '../../allocator/division';
import type { Membership } from '../../allocator/role-node';
import type { Resource } from '../../common/model/resources';
import { Resources } from '../../common/model/resources';
import { aScalar } from '../common/model/resource-arbitraries';
import { quantities, resources } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';

export const roles = ['eng', 'eng/web', 'ops', 'dev'] as const;
type Role = (typeof roles)[number];

/** Whole units. */
interface Amounts {
  readonly cpus: number;
  readonly mem: number;
  readonly disk: number;
}

export interface QuotaPlan {
  readonly guarantees: Amounts;
  /** Above 5: none. */
  readonly limits: Amounts;
}

export type Move =
  | { readonly kind: 'start'; readonly role: Role; readonly amounts: Amounts }
  | { readonly kind: 'end'; readonly which: number }
  | { readonly kind: 'grow'; readonly amounts: Amounts }
  | { readonly kind: 'reserve'; readonly role: Role; readonly amounts: Amounts };

const amounts: fc.Arbitrary<Amounts> = fc.record({ cpus: fc.nat(3), mem: fc.nat(3), disk: fc.nat(3) });

export const quotaPlan: fc.Arbitrary<QuotaPlan> = fc.record({
  guarantees: fc.record({ cpus: fc.nat(6), mem: fc.nat(4), disk: fc.constantFrom(0, 2, 3, 5) }),
  limits: fc.record({ cpus: fc.nat(8), mem: fc.nat(12), disk: fc.nat(8) }),
});

export const start = fc.record({ kind: fc.constant('start' as const), role: fc.constantFrom(...roles), amounts });

export const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: start },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('grow' as const), amounts }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reserve' as const), role: fc.constantFrom(...roles), amounts }) },
);

const mountDisk = (units: number, root: string): Resource => aScalar('disk', units * 1000, { disk: { source: { type: 'MOUNT', root, metadata: [] } } });

/** By what is special about them. */
export const offers: readonly Resources[] = [
  resources('cpus:4;mem:4;disk:4'),
  resources('cpus:2;mem:1;ports:[1-5]'),
  Resources.of([...resources('cpus:3'), mountDisk(3, '/m')]),
  Resources.of([...resources('cpus:2;mem:2;disk:1'), mountDisk(2, '/a')]),
  Resources.of([mountDisk(2, '/a'), mountDisk(3, '/b'), aScalar('disk', 2000, { disk: { source: { type: 'PATH', root: '/p', metadata: [] } } })]),
];

const textOf = ({ cpus, mem, disk }: Amounts, role = ''): string => (['cpus', 'mem', 'disk'] as const).map((name) => `${name}${role}:${{ cpus, mem, disk }[name]}`).join(';');

export class QuotaRoom extends AllocatorParts {
  readonly members: readonly Membership[];
  readonly #tasks: (() => void)[] = [];
  #count = 0;

  constructor(plans: readonly QuotaPlan[]) {
    super();
    this.members = roles.map((role) => this.join(role, `of-${role.replace('/', '-')}`));
    for (const [place, role] of ['eng', 'ops'].entries()) {
      const { guarantees, limits } = plans[place]!;
      const finite = Object.fromEntries(Object.entries(limits).filter(([, units]) => units <= 5));
      const wanted = Object.fromEntries(Object.entries(guarantees).filter(([, units]) => units > 0));
      this.tree.setQuota(role, { guarantees: quantities(wanted), limits: quantities(finite) });
    }
  }

  /** A new agent that has these resources, of which nothing is used. Its name says in which order amounts of one name are cut. */
  offer(kind: number, name = `offer${this.#count++}`): AgentLedger {
    return this.agent(name, offers[kind]!);
  }

  make(move: Move): void {
    switch (move.kind) {
      case 'start': {
        const member = this.members[roles.indexOf(move.role)]!;
        const bundle = this.bundle(textOf(move.amounts));
        if (bundle.isEmpty) break;
        const agent = this.agent(`task${this.#count++}`, Resources.empty); // More runs there than it has, as may be.
        this.grant(member, agent, bundle);
        this.#tasks.push(() => this.charges.credit(member, agent, bundle.resources.allocatedTo(move.role)));
        break;
      }
      case 'end':
        this.#tasks.splice(move.which % Math.max(1, this.#tasks.length), 1)[0]?.();
        break;
      case 'grow':
        this.agent(`grown${this.#count++}`, textOf(move.amounts));
        break;
      case 'reserve':
        this.agent(`reserved${this.#count++}`, textOf(move.amounts, `(${move.role})`));
        break;
    }
  }

  /** What the member would be asked about in the two stages of a run, were everything of the agent free. */
  asked(member: Membership, agent: AgentLedger): readonly Bundle[] {
    const guaranteed = member.role.top.isUnsatisfied ? guaranteedPart(agent.total, member.role, agent, this.quotas, this.totals) : undefined;
    const fair = withinQuota(agent.total, member.role, agent, this.quotas, this.totals);
    return guaranteed === undefined ? [fair] : [guaranteed, fair];
  }
}
