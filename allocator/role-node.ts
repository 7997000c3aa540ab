// Role nodes: what the role tree is made of.
//
// Owns:      the shape of a role, of its virtual leaf, and of a framework's membership in it.
// Elsewhere: how they are linked, charged and ordered (role-tree.ts), a framework beyond one role (framework-ledger.ts).
// Invariants:
//   N1. `accounts` of a membership are all that are charged with it, from the framework up to the top-level role. The root competes with nobody.
//   N2. No two memberships that exist have the same `index`.
// Source: Mesos hierarchical roles (reference 2 and 3.2): a role that has frameworks and subroles competes with the latter by a virtual leaf.

import type { FrameworkId } from '../common/model/ids';
import type { Resources } from '../common/model/resources';
import type { SorterKind } from './allocator';
import type { Bundle } from './bundle';
import type { Holding } from './charges';
import type { ClusterTotals } from './cluster-totals';
import type { CompiledQuota, QuotaRole } from './quota-ledger';
import type { FrameworkLedger } from './framework-ledger';
import { ShareAccount } from './share-account';
import { SiblingOrder } from './sibling-order';
import type { Standing } from './standing-back';
import { emptyVector, type Vector } from './vector';

/** The frameworks directly in a role, as one competitor of the role's children (R2). */
export class VirtualLeaf extends ShareAccount {
  constructor(
    readonly role: RoleNode,
    totals: ClusterTotals,
  ) {
    super(`${role.path}/.`, totals);
  }
}

/** One role with everything below it. The root is the role without a name, in which nobody can be. */
export class RoleNode extends ShareAccount implements QuotaRole {
  readonly leaf: VirtualLeaf;
  /** The top-level role above, itself for one: whose quota counts. */
  readonly top: RoleNode;
  readonly children = new Map<string, RoleNode>();
  /** The competitors within this role that have an active framework. */
  readonly competitors: SiblingOrder<RoleNode | VirtualLeaf>;
  /** Everyone tracked directly here, active or not. */
  readonly members = new Map<FrameworkId, Membership>();
  /** Those of them that are active. */
  readonly activeMembers: SiblingOrder<Membership>;
  /** Scalars reserved for the subtree on all agents. */
  reserved: Vector = emptyVector;
  /** R5. */
  consumed: Vector = emptyVector;
  /** Of top-level roles only; kept by the quota ledger. */
  quota: CompiledQuota | undefined;
  isUnsatisfied = false;
  isClosed = false;

  constructor(path: string, readonly parent: RoleNode | undefined, totals: ClusterTotals, roleSorter: SorterKind, frameworkSorter: SorterKind) {
    super(path, totals);
    this.leaf = new VirtualLeaf(this, totals);
    this.top = parent?.parent === undefined ? this : parent.top;
    this.competitors = new SiblingOrder(totals, roleSorter);
    this.activeMembers = new SiblingOrder(totals, frameworkSorter);
  }
}

/** A framework in a role: its account among the other frameworks of the role. */
export class Membership extends ShareAccount {
  readonly frameworkId: FrameworkId;
  /** N1. */
  readonly accounts: readonly ShareAccount[];
  /** Subscribed; a role may be left while tasks in its name still run. */
  isSubscribed = false;
  isSuppressed = false;
  /** What it holds in this role, one entry per agent, in no order (charges.ts). */
  readonly holdings: Holding[] = [];
  /** Whether some agent's refusal memo may have its bit (refusal-memo.ts). */
  isRemembered = false;
  /** Its live decline filters, on all agents (decline-filters.ts, F4). */
  filterCount = 0;
  /** Whether and why it stands back (standing-back.ts). Absent: it never did. */
  standing: Standing | undefined;
  #grantedBundle: Bundle | undefined;
  #granted: Resources | undefined;

  constructor(
    readonly framework: FrameworkLedger,
    readonly role: RoleNode,
    totals: ClusterTotals,
    readonly index: number,
  ) {
    super(framework.id, totals);
    this.frameworkId = framework.id;
    const accounts: ShareAccount[] = [this, role.leaf];
    for (let node = role; node.parent !== undefined; node = node.parent) accounts.push(node);
    this.accounts = accounts;
  }

  get isActive(): boolean {
    return this.order !== undefined;
  }

  /** The bundle's resources as allocated to the role. The last answer is kept: what a framework is granted is mostly what it was granted before. */
  allocated(bundle: Bundle): Resources {
    if (this.#granted === undefined || this.#grantedBundle !== bundle) {
      this.#grantedBundle = bundle;
      this.#granted = bundle.resources.allocatedTo(this.role.path);
    }
    return this.#granted;
  }
}
