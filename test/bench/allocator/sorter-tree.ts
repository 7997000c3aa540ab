// The allocator's role tree, used as Mesos's benchmark uses its sorter: clients, totals, allocations, the order.
//
// Owns:      the one place of the benchmarks that knows how the allocator's parts fit together (allocator/role-tree.ts, charges.ts).
// Elsewhere: the steps and their figures (sorter.ts).
// Source: our choice. Flat clients are the frameworks of one role: their siblings are all in one order, as in a Mesos sorter without slashes. A client
//         of a hierarchy is a role with one framework, because inner clients compete with their own children there. A Mesos sorter remembers who
//         has what on which agent; here the holdings do, so they are part of what is timed, and an agent's ledger with them. As in a run, what is
//         allocated is all that the ledger has.

import { AgentLedger } from '../../../allocator/agent-ledger';
import { allocatorOptionsDefault } from '../../../allocator/allocator';
import { BundleCache, type Bundle } from '../../../allocator/bundle';
import { Charges } from '../../../allocator/charges';
import { ClusterTotals } from '../../../allocator/cluster-totals';
import { FrameworkLedger } from '../../../allocator/framework-ledger';
import { QuotaLedger } from '../../../allocator/quota-ledger';
import type { Membership } from '../../../allocator/role-node';
import { RoleTree } from '../../../allocator/role-tree';
import type { FrameworkInfo, Quantities } from '../../../common/model/framework';
import { agentId, frameworkId } from '../../../common/model/ids';
import { Resources } from '../../../common/model/resources';

export type SorterClient = Membership;

/** Who becomes a client. */
export interface SorterCandidate {
  readonly role: string;
  readonly framework: FrameworkLedger;
}

/** What one client gets on one agent. */
export interface SorterGrant {
  readonly agent: AgentLedger;
  readonly bundle: Bundle;
  readonly allocated: Resources;
}

export class SorterTree {
  readonly #totals = new ClusterTotals();
  readonly #quotas = new QuotaLedger(this.#totals, () => true);
  readonly #tree = new RoleTree(this.#totals, this.#quotas);
  readonly #bundles = new BundleCache(this.#totals);
  readonly #charges = new Charges(this.#bundles, this.#tree, this.#quotas);
  readonly #nothing = this.#bundles.of(Resources.empty);

  /** Active at once. */
  addClient({ role, framework }: SorterCandidate): SorterClient {
    const client = this.#tree.track(role, framework);
    this.#tree.activate(client);
    return client;
  }

  removeClient(client: SorterClient): void {
    this.#tree.untrack(client);
  }

  addAgent(quantities: Quantities): void {
    this.#totals.add(this.#totals.vectorOf(quantities), 1);
  }

  removeAgent(quantities: Quantities): void {
    this.#totals.add(this.#totals.vectorOf(quantities), -1);
  }

  /** Not part of any step: what a run has at hand. */
  prepareGrant(agentName: string, resources: Resources, role: string): SorterGrant {
    const bundle = this.#bundles.of(resources);
    const agent = new AgentLedger(agentId(agentName), { hostname: agentName, port: 5051, resources, attributes: [] }, bundle, this.#nothing);
    return { agent, bundle, allocated: resources.allocatedTo(role) };
  }

  allocate(client: SorterClient, { agent, bundle, allocated }: SorterGrant): void {
    this.#charges.consume(client, bundle);
    this.#charges.hold(client, agent, bundle, allocated, 1);
  }

  unallocate(client: SorterClient, { agent, allocated }: SorterGrant): void {
    this.#charges.credit(client, agent, allocated);
  }

  /** All clients, who deserves most first, in a list of their own as Mesos's `sort()` returns them. */
  sort(): readonly SorterClient[] {
    const sorted: SorterClient[] = [];
    for (const role of this.#tree.inOrder()) for (const member of role.activeMembers.inOrder(0)) sorted.push(member);
    return sorted;
  }
}

/** Of all clients without slashes. */
export const flatRole = '*';

/** Not part of any step either: a client's framework in the role. */
export function prepareFramework(name: string, role: string): FrameworkLedger {
  const info: FrameworkInfo = { user: '', name, roles: [role], capabilities: ['MULTI_ROLE'], failoverTimeoutMs: 0, checkpoint: true, labels: [], offerFilters: new Map() };
  return new FrameworkLedger(frameworkId(name), info, new Map(), true, allocatorOptionsDefault);
}
