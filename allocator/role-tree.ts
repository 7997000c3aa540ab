// The role tree: which role is next, and which framework within it.
//
// Owns:      the roles as a tree of share accounts, their weights, reservations and consumption, the frameworks of each role, and the order of
//            both.
// Elsewhere: the arithmetic of a share (share-account.ts), quotas (quota-ledger.ts), what a framework is and may receive (framework-ledger.ts), what
//            is held where (charges.ts).
// Invariants:
//   R1. A charge in role a/b is charged to the framework's account there, to the virtual leaf of a/b, and to a/b and every ancestor.
//   R2. Only siblings are compared: the children of a role with each other and with that role's own virtual leaf, which stands for the
//       frameworks directly in it and weighs 1.0; the weight of a role is that of its whole subtree against its siblings.
//   R3. A role, leaf or framework is in its order exactly while there is an active framework at or below it. What is not in an order still
//       counts for its ancestors, and costs a run nothing.
//   R4. A node exists while it has a child, a framework, a reservation, something consumed, a quota, or a weight other than 1.0.
//   R5. `consumed` of a role = scalars reserved in its subtree + unreserved non-revocable scalars charged there.
//   R6. A leaf stands back while all active frameworks of its role do; a role while all that take part in it do.
// Source: Mesos hierarchical roles and DRF sorter (reference 2 and 3.2).

import { invariant } from '../common/invariant';

import type { AgentId } from '../common/model/ids';
import { ancestorsOf } from '../common/model/role';
import { quotaDefault, type Quota, type SorterKind } from './allocator';
import type { Bundle } from './bundle';
import type { ClusterTotals } from './cluster-totals';
import type { FrameworkLedger } from './framework-ledger';
import { Membership, RoleNode, VirtualLeaf } from './role-node';
import type { QuotaLedger } from './quota-ledger';
import type { ShareAccount } from './share-account';
import type { SiblingOrder } from './sibling-order';
import { add, isZero, type Vector } from './vector';

/** Source: Mesos. */
export const weightDefault = 1;

export interface Sorters {
  readonly roles: SorterKind;
  readonly frameworks: SorterKind;
}

export class RoleTree {
  readonly root: RoleNode;
  readonly #nodes = new Map<string, RoleNode>();
  #activeCount = 0;
  /** Bit `member.index` of every active membership. */
  #activeBits = new Int32Array(1);
  /** The last answers of {@link inOrder} and {@link membersInOrder}: whoever asks why about many agents asks for the same line again and again. */
  readonly #roleLine = new KeptLine<RoleNode>();
  readonly #memberLine = new KeptLine<Membership>();
  readonly #freeIndexes: number[] = [];
  #indexCount = 0;

  constructor(
    private readonly totals: ClusterTotals,
    private readonly quotas: QuotaLedger,
    private readonly sorters: Sorters = { roles: 'drf', frameworks: 'drf' },
  ) {
    this.root = new RoleNode('', undefined, totals, sorters.roles, sorters.frameworks);
  }

  /** Active memberships; 0 means that nobody could be given anything. */
  get activeCount(): number {
    return this.#activeCount;
  }

  get activeBits(): Int32Array {
    return this.#activeBits;
  }

  find(role: string): RoleNode | undefined {
    return this.#nodes.get(role);
  }

  /** The membership, tracked from now on, inactive at first. */
  track(role: string, framework: FrameworkLedger): Membership {
    const node = this.#obtain(role);
    let member = node.members.get(framework.id);
    if (member === undefined) {
      member = new Membership(framework, node, this.totals, this.#freeIndexes.pop() ?? this.#indexCount++);
      node.members.set(framework.id, member);
    }
    return member;
  }

  /** Forgets a membership that holds nothing, and of which no agent remembers a refusal (drf-allocator.ts sees to that): its index is free. */
  untrack(member: Membership): void {
    invariant(member.holdings.length === 0, 'A membership holds nothing as it is forgotten');
    this.deactivate(member);
    member.role.members.delete(member.frameworkId);
    this.#freeIndexes.push(member.index);
    this.#prune(member.role);
  }

  activate(member: Membership): void {
    if (member.isActive) return;
    this.#activeCount++;
    this.#setActiveBit(member.index, true);
    const role = member.role;
    role.activeMembers.join(member);
    if (role.activeMembers.size === 1) {
      role.competitors.join(role.leaf);
      for (let node = role; node.parent !== undefined && node.order === undefined; node = node.parent) node.parent.competitors.join(node);
    }
    this.#updateStanding(role);
  }

  deactivate(member: Membership): void {
    if (!member.isActive) return;
    this.#activeCount--;
    this.#setActiveBit(member.index, false);
    const role = member.role;
    role.activeMembers.leave(member);
    if (role.activeMembers.size === 0) {
      role.competitors.leave(role.leaf);
      for (let node = role; node.parent !== undefined && node.competitors.size === 0; node = node.parent) node.parent.competitors.leave(node);
    }
    this.#updateStanding(role);
  }

  /** R6. An inactive member may be told, too; becoming active ends it (standing-back.ts, K2). */
  setStandsBack(member: Membership, standsBack: boolean): void {
    if (member.isActive) member.role.activeMembers.setStandsBack(member, standsBack);
    else member.setStandsBack(standsBack);
    this.#updateStanding(member.role);
  }

  /** R1: one grant. */
  charge(member: Membership, agentId: AgentId, bundle: Bundle): void {
    for (const account of member.accounts) account.charge(agentId, bundle);
  }

  /** R1, the other way round. */
  credit(member: Membership, agentId: AgentId, bundle: Bundle): void {
    for (const account of member.accounts) account.credit(agentId, bundle);
  }

  /** An operation made something else of what is charged. */
  exchange(member: Membership, agentId: AgentId, before: Bundle, after: Bundle): void {
    for (const account of member.accounts) account.exchange(agentId, before, after);
  }

  /** R5: charged (1) or given back (-1) in the role. */
  consume(role: RoleNode, quotaScalars: Vector, sign: 1 | -1): void {
    if (quotaScalars.length === 0) return;
    for (let node = role; node.parent !== undefined; node = node.parent) {
      if (node.quota !== undefined) this.quotas.leave(node);
      node.consumed = add(node.consumed, quotaScalars, sign);
      if (node.quota !== undefined) this.quotas.enter(node);
    }
  }

  /** The same for a framework that is not known yet: consumed by the role, in nobody's share. */
  consumeUnclaimed(role: string, quotaScalars: Vector, sign: 1 | -1): void {
    const node = this.#obtain(role);
    this.consume(node, quotaScalars, sign);
    this.#prune(node);
  }

  /** An agent with these scalars reserved for `role` comes (1) or goes (-1). */
  reserve(role: string, scalars: Vector, sign: 1 | -1): void {
    const node = this.#obtain(role);
    for (let above = node; above.parent !== undefined; above = above.parent) above.reserved = add(above.reserved, scalars, sign);
    this.consume(node, scalars, sign);
    this.#prune(node);
  }

  setWeight(role: string, weight: number): void {
    const node = this.#obtain(role);
    node.setWeight(weight);
    this.#prune(node);
  }

  setQuota(role: string, quota: Quota): void {
    invariant(!role.includes('/'), 'Quotas are for top-level roles');
    const node = this.#obtain(role);
    this.quotas.set(node, quota);
    this.#prune(node);
  }

  quotaOf(node: RoleNode): Quota {
    return node.parent === this.root ? this.quotas.of(node) : quotaDefault;
  }

  /** Roles that have active frameworks, the one that deserves most first: the leaves of the tree, siblings in order. The list is the tree's own. */
  inOrder(): readonly RoleNode[] {
    return this.#roleLine.get(this.totals, () => {
      const order: RoleNode[] = [];
      const walk = new RoleWalk();
      walk.begin(this.root, 0, 'all');
      for (let role = walk.next(); role !== undefined; role = walk.next()) order.push(role);
      return order;
    });
  }

  /** The active memberships, next first. The list is the tree's own. */
  membersInOrder(): readonly Membership[] {
    return this.#memberLine.get(this.totals, () => this.inOrder().flatMap((role) => [...role.activeMembers.inOrder(0)]));
  }

  /** All roles there are (R4), alphabetically. */
  nodes(): readonly RoleNode[] {
    return [...this.#nodes.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** R6, all the way up: who joins or leaves changes the standing of those above without changing its own. */
  #updateStanding(role: RoleNode): void {
    setStanding(role.competitors, role.leaf, role.activeMembers.isAllBack);
    for (let node = role; node.parent !== undefined; node = node.parent) setStanding(node.parent.competitors, node, node.competitors.isAllBack);
  }

  #setActiveBit(index: number, isActive: boolean): void {
    const word = index >>> 5;
    if (word >= this.#activeBits.length) {
      const longer = new Int32Array(Math.max(word + 1, 2 * this.#activeBits.length));
      longer.set(this.#activeBits);
      this.#activeBits = longer;
    }
    const bit = 1 << (index & 31);
    const bits = this.#activeBits[word]!;
    this.#activeBits[word] = isActive ? bits | bit : bits & ~bit;
  }

  #obtain(path: string): RoleNode {
    const known = this.#nodes.get(path);
    if (known !== undefined) return known;
    let node = this.root;
    // No recursion, here and in RoleWalk: how deep a role may lie is up to whoever names it.
    for (const step of [...ancestorsOf(path).reverse(), path]) {
      let child = node.children.get(step);
      if (child === undefined) {
        child = new RoleNode(step, node, this.totals, this.sorters.roles, this.sorters.frameworks);
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

/** Which top-level roles a walk leaves out, with all below: none, those without an unsatisfied guarantee, those whose limits leave nothing to offer. */
export type WalkScope = 'all' | 'unsatisfied' | 'open';

/** A walk over the roles with active frameworks, in order; each level is read once, in its own order (R2). Begin it again rather than make another. */
export class RoleWalk {
  readonly #levels: (readonly (RoleNode | VirtualLeaf)[])[] = [];
  readonly #places: number[] = [];
  #depth = -1;
  #visitSeed = 0;
  #scope: WalkScope = 'all';

  begin(root: RoleNode, visitSeed: number, scope: WalkScope): void {
    this.#depth = -1;
    this.#visitSeed = visitSeed;
    this.#scope = scope;
    this.#enter(root);
  }

  /** From now on the walk leaves out more, or less. */
  narrow(scope: WalkScope): void {
    this.#scope = scope;
  }

  next(): RoleNode | undefined {
    while (this.#depth >= 0) {
      const level = this.#levels[this.#depth]!;
      const place = this.#depth === 0 && this.#scope !== 'all' ? this.#nextTop(level as readonly RoleNode[], this.#places[0]!) : this.#places[this.#depth]!;
      const competitor = level[place];
      if (competitor === undefined) {
        this.#depth--;
        continue;
      }
      this.#places[this.#depth] = place + 1;
      if (competitor instanceof VirtualLeaf) return competitor.role;
      if (competitor.children.size === 0) return competitor; // Its leaf is all there is below it.
      this.#enter(competitor);
    }
    return undefined;
  }

  /** Thousands of roles may be at their limits: they are passed without a look below. */
  #nextTop(tops: readonly RoleNode[], from: number): number {
    let place = from;
    if (this.#scope === 'unsatisfied') while (place < tops.length && !tops[place]!.isUnsatisfied) place++;
    else while (place < tops.length && tops[place]!.isClosed) place++;
    return place;
  }

  #enter(node: RoleNode): void {
    this.#depth++;
    this.#levels[this.#depth] = node.competitors.inOrder(this.#visitSeed);
    this.#places[this.#depth] = 0;
  }
}

/** A line in order, kept until totals or any place in any order change. */
class KeptLine<Item> {
  #line: readonly Item[] | undefined;
  #generation = 0;
  #moves = 0;

  get(totals: ClusterTotals, lineUp: () => readonly Item[]): readonly Item[] {
    if (this.#line === undefined || this.#generation !== totals.generation || this.#moves !== totals.moves) {
      this.#line = lineUp();
      this.#generation = totals.generation;
      this.#moves = totals.moves; // Reading may have sorted.
    }
    return this.#line;
  }
}

function isDispensable(node: RoleNode): boolean {
  return (
    node.children.size === 0 &&
    node.members.size === 0 &&
    node.weight === weightDefault &&
    node.quota === undefined &&
    isZero(node.consumed) &&
    isZero(node.reserved)
  );
}

/** What takes no part needs no place, but must not keep an old standing for when it does. */
function setStanding<Member extends ShareAccount>(order: SiblingOrder<Member>, member: Member, standsBack: boolean): void {
  if (member.order === undefined) member.setStandsBack(standsBack);
  else order.setStandsBack(member, standsBack);
}

