// The role tree: which role is next, and which framework within it.
//
// Owns:      the roles as a tree of share accounts, their weights, the frameworks of each role, and the order of both.
// Elsewhere: the arithmetic of a share (share-account.ts), what a framework is and may receive (drf-allocator.ts, eligibility.ts).
// Invariants:
//   R1. A charge in role a/b is charged to the framework's account there, to the virtual leaf of a/b, and to a/b and every ancestor.
//   R2. Only siblings are compared: the children of a role with each other and with that role's own virtual leaf, which stands for the
//       frameworks directly in it and weighs 1.0; the weight of a role is that of its whole subtree against its siblings.
//   R3. A role, leaf or framework is in its order exactly while there is an active framework at or below it. What is not in an order still
//       counts for its ancestors, and costs a run nothing.
//   R4. A node exists while it has a child, a framework or a weight other than 1.0.
// Source: Mesos hierarchical roles and DRF sorter (reference 2 and 3.2).

import { BugError, invariant } from '../common/invariant';
import type { AgentId, FrameworkId } from '../common/model/ids';
import { Resources } from '../common/model/resources';
import { ancestorsOf } from '../common/model/role';
import type { ClusterTotals } from './cluster-totals';
import { ShareAccount } from './share-account';
import { SiblingOrder } from './sibling-order';

/** Source: Mesos. */
export const weightDefault = 1;

/** The frameworks directly in a role, as one competitor of the role's children (R2). */
export class VirtualLeaf extends ShareAccount {
  readonly kind = 'leaf';
  constructor(
    readonly role: RoleNode,
    totals: ClusterTotals,
  ) {
    super(`${role.path}/.`, totals);
  }
}

/** One role with everything below it. The root is the role without a name, in which nobody can be. */
export class RoleNode extends ShareAccount {
  readonly kind = 'role';
  readonly leaf: VirtualLeaf;
  readonly children = new Map<string, RoleNode>();
  /** The competitors within this role that have an active framework. */
  readonly competitors: SiblingOrder<RoleNode | VirtualLeaf>;
  /** Everyone tracked directly here, active or not. */
  readonly members = new Map<FrameworkId, Membership>();
  /** Those of them that are active. */
  readonly activeMembers: SiblingOrder<Membership>;

  constructor(
    path: string,
    readonly parent: RoleNode | undefined,
    totals: ClusterTotals,
  ) {
    super(path, totals);
    this.leaf = new VirtualLeaf(this, totals);
    this.competitors = new SiblingOrder(totals);
    this.activeMembers = new SiblingOrder(totals);
  }
}

/** A framework in a role: its account among the other frameworks of the role. */
export class Membership extends ShareAccount {
  /** Subscribed; a role may be left while tasks in its name still run. */
  isSubscribed = false;
  isSuppressed = false;
  /** What it holds in this role, per agent; never an empty value. */
  readonly held = new Map<AgentId, Resources>();

  constructor(
    readonly frameworkId: FrameworkId,
    readonly role: RoleNode,
    totals: ClusterTotals,
  ) {
    super(frameworkId, totals);
  }

  get isActive(): boolean {
    return this.order !== undefined;
  }
}

export class RoleTree {
  readonly #root: RoleNode;
  readonly #nodes = new Map<string, RoleNode>();
  #activeCount = 0;

  constructor(private readonly totals: ClusterTotals) {
    this.#root = new RoleNode('', undefined, totals);
  }

  /** Active memberships; 0 means that nobody could be given anything. */
  get activeCount(): number {
    return this.#activeCount;
  }

  /** The membership, tracked from now on, inactive at first. */
  track(role: string, frameworkId: FrameworkId): Membership {
    const node = this.#obtain(role);
    let member = node.members.get(frameworkId);
    if (member === undefined) {
      member = new Membership(frameworkId, node, this.totals);
      node.members.set(frameworkId, member);
    }
    return member;
  }

  /** Forgets a membership that holds nothing. */
  untrack(member: Membership): void {
    invariant(member.held.size === 0, `"${member.frameworkId}" holds nothing in role "${member.role.path}" as it leaves`);
    this.deactivate(member);
    member.role.members.delete(member.frameworkId);
    this.#prune(member.role);
  }

  activate(member: Membership): void {
    if (member.isActive) return;
    this.#activeCount++;
    const role = member.role;
    role.activeMembers.join(member);
    if (role.activeMembers.size > 1) return;
    role.competitors.join(role.leaf);
    for (let node = role; node.parent !== undefined && node.order === undefined; node = node.parent) {
      node.parent.competitors.join(node);
    }
  }

  deactivate(member: Membership): void {
    if (!member.isActive) return;
    this.#activeCount--;
    const role = member.role;
    role.activeMembers.leave(member);
    if (role.activeMembers.size > 0) return;
    role.competitors.leave(role.leaf);
    for (let node = role; node.parent !== undefined && node.competitors.size === 0; node = node.parent) {
      node.parent.competitors.leave(node);
    }
  }

  /** R1. `resources` are not empty. */
  charge(member: Membership, agentId: AgentId, resources: Resources): void {
    const held = member.held.get(agentId);
    member.held.set(agentId, held === undefined ? resources : held.plus(resources));
    for (const account of accountsOf(member)) account.charge(agentId, resources);
  }

  /** R1, the other way round. `resources` are contained in what is held. */
  credit(member: Membership, agentId: AgentId, resources: Resources): void {
    const held = member.held.get(agentId) ?? Resources.empty;
    if (!held.contains(resources)) {
      throw new BugError(`"${member.frameworkId}" gives back ${resources.toString()} on ${agentId} in role "${member.role.path}", and holds ${held.toString()}`);
    }
    const rest = held.minus(resources);
    if (rest.isEmpty) member.held.delete(agentId);
    else member.held.set(agentId, rest);
    for (const account of accountsOf(member)) account.credit(agentId, resources);
  }

  setWeight(role: string, weight: number): void {
    const node = this.#obtain(role);
    node.setWeight(weight);
    this.#prune(node);
  }

  /** Roles that have active frameworks, the one that deserves most first: the leaves of the tree, siblings in order of share. */
  inOrder(): Iterable<RoleNode> {
    return leavesInOrder(this.#root);
  }

  /** All roles there are (R4), alphabetically. */
  nodes(): readonly RoleNode[] {
    return [...this.#nodes.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  #obtain(path: string): RoleNode {
    const known = this.#nodes.get(path);
    if (known !== undefined) return known;
    let node = this.#root;
    // No recursion, here and in leavesInOrder: how deep a role may lie is up to whoever names it.
    for (const step of [...ancestorsOf(path).reverse(), path]) {
      let child = node.children.get(step);
      if (child === undefined) {
        child = new RoleNode(step, node, this.totals);
        node.children.set(step, child);
        this.#nodes.set(step, child);
      }
      node = child;
    }
    return node;
  }

  #prune(from: RoleNode): void {
    for (let node = from; node.parent !== undefined && isDispensable(node); node = node.parent) {
      node.parent.children.delete(node.path);
      this.#nodes.delete(node.path);
    }
  }
}

function isDispensable(node: RoleNode): boolean {
  return node.children.size === 0 && node.members.size === 0 && node.weight === weightDefault;
}

function* accountsOf(member: Membership): Generator<ShareAccount> {
  yield member;
  yield member.role.leaf;
  // The root competes with nobody.
  for (let node = member.role; node.parent !== undefined; node = node.parent) yield node;
}

/** Depth first; each level is read in its own order (R2). */
function* leavesInOrder(root: RoleNode): Generator<RoleNode> {
  const levels = [root.competitors.inOrder().values()];
  for (let level = levels[0]; level !== undefined; level = levels[levels.length - 1]) {
    const next = level.next();
    if (next.done === true) levels.pop();
    else if (next.value.kind === 'leaf') yield next.value.role;
    else levels.push(next.value.competitors.inOrder().values());
  }
}
