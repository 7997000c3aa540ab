// The parts of an allocator without the allocator, for tests that look at one part at a time.
//
// Owns:      real ledgers, tree and charges, linked as drf-allocator.ts links them; terse names for agents, frameworks and memberships.
// Elsewhere: the whole allocator in virtual time (allocator-cluster.ts), the claims (the test files).
// Source: our choice.

import { AgentLedger } from '../../allocator/agent-ledger';
import type { AllocatorOptions } from '../../allocator/allocator';
import { BundleCache, type Bundle } from '../../allocator/bundle';
import { Charges } from '../../allocator/charges';
import { ClusterTotals } from '../../allocator/cluster-totals';
import { FrameworkLedger } from '../../allocator/framework-ledger';
import { QuotaLedger } from '../../allocator/quota-ledger';
import type { Membership } from '../../allocator/role-node';
import { RoleTree } from '../../allocator/role-tree';
import type { Vector } from '../../allocator/vector';
import type { Quantities } from '../../common/model/framework';
import { agentId, frameworkId } from '../../common/model/ids';
import { reservationRole, Resources } from '../../common/model/resources';
import type { OfferConstraints } from '../../common/model/scheduler-protocol';
import { aFramework, anAgent, optionsDefault, resources, type AgentWishes, type FrameworkWishes } from './allocator-cluster';

export interface LedgerWishes extends FrameworkWishes {
  readonly offerConstraints?: OfferConstraints;
}

/** Names stand for ids, as in `AllocatorCluster`. What is asked for twice is the same object. */
export class AllocatorParts {
  readonly options: AllocatorOptions;
  readonly totals: ClusterTotals;
  readonly bundles: BundleCache;
  readonly nothing: Bundle;
  readonly quotas: QuotaLedger;
  readonly tree: RoleTree;
  readonly charges: Charges;
  readonly #frameworks = new Map<string, FrameworkLedger>();

  /** `worthMin`: the quota ledger takes room for an offer to be worth one from so many thousandths of any name on. */
  constructor(options: Partial<AllocatorOptions> = {}, worthMin = 1) {
    this.options = { ...optionsDefault, ...options };
    this.totals = new ClusterTotals(this.options.fairSharingExcludedNames);
    this.bundles = new BundleCache(this.totals);
    this.nothing = this.bundles.of(Resources.empty);
    this.quotas = new QuotaLedger(this.totals, (roomAt) => {
      for (let index = 0; index < this.totals.size; index++) if (roomAt(index) >= worthMin) return true;
      return false;
    });
    this.tree = new RoleTree(this.totals, this.quotas, { roles: this.options.roleSorter, frameworks: this.options.frameworkSorter });
    this.charges = new Charges(this.bundles, this.tree, this.quotas);
  }

  bundle(amounts: string | Resources): Bundle {
    return this.bundles.of(typeof amounts === 'string' ? resources(amounts) : amounts);
  }

  /** An agent that counts in the totals, as available, and as reserved. */
  agent(name: string, total: string | Resources, wishes: AgentWishes = {}): AgentLedger {
    const info = anAgent(total, wishes);
    const bundle = this.bundle(info.resources);
    this.#addTotal(bundle, 1);
    return new AgentLedger(agentId(name), info, bundle, this.nothing);
  }

  /** The agent comes back with another total. */
  replaceTotal(agent: AgentLedger, total: string | Resources): void {
    const bundle = this.bundle(total);
    this.#addTotal(agent.total, -1);
    this.#addTotal(bundle, 1);
    agent.replaceInfo({ ...agent.info, resources: bundle.resources }, bundle);
  }

  /** What `member` is given in a run. */
  grant(member: Membership, agent: AgentLedger, bundle: Bundle, run = 1): void {
    this.charges.consume(member, bundle);
    this.charges.hold(member, agent, bundle, member.allocated(bundle), run);
  }

  framework(name: string, { offerConstraints = new Map(), ...wishes }: LedgerWishes = {}): FrameworkLedger {
    const known = this.#frameworks.get(name);
    if (known !== undefined) return known;
    const framework = new FrameworkLedger(frameworkId(name), aFramework(wishes), offerConstraints, true, this.options);
    this.#frameworks.set(name, framework);
    return framework;
  }

  /** Tracked; active once {@link join} was called. */
  member(role: string, framework: string): Membership {
    const ledger = this.framework(framework);
    const member = this.tree.track(role, ledger);
    ledger.memberships.set(role, member);
    return member;
  }

  join(role: string, framework: string): Membership {
    const member = this.member(role, framework);
    this.tree.activate(member);
    return member;
  }

  vector(amounts: Quantities): Vector {
    return this.totals.vectorOf(amounts);
  }

  #addTotal(total: Bundle, sign: 1 | -1): void {
    this.totals.add(total.scalars, sign);
    this.quotas.addAvailable(total.quotaScalars, sign);
    this.quotas.noteNames();
    this.quotas.growth.noteAgent(total.quotaScalars);
    for (const role of new Set([...total.resources].map(reservationRole))) {
      if (role !== undefined) this.tree.reserve(role, this.bundle(total.resources.reserved(role)).scalars, sign);
    }
  }
}
