// Charges: who holds what where.
//
// Owns:      the holdings, one per membership and agent, and that a change of one reaches everything that counts it.
// Elsewhere: shares and consumption (role-tree.ts), what is free on the agent (agent-ledger.ts), headroom (quota-ledger.ts).
// Invariants:
//   J1. A holding is in its member's list at `place`, in its agent's list, and never empty.
//   J2. `allocated` is `bundle` in the name of the member's role.
//   J3. Resources that come back exactly as they were granted are recognised by identity: the bundle that was free before is free again (U3).
// Source: Mesos `offeredOrAllocated` (reference 1).

import { BugError, invariant } from '../common/invariant';
import type { Resources } from '../common/model/resources';
import type { AgentLedger } from './agent-ledger';
import type { Bundle, BundleCache } from './bundle';
import type { QuotaLedger } from './quota-ledger';
import type { Membership } from './role-node';
import type { RoleTree } from './role-tree';

export interface Holding {
  readonly member: Membership;
  readonly agent: AgentLedger;
  bundle: Bundle;
  allocated: Resources;
  /** Number of the run that last added to it; 0: none did. */
  grantedInRun: number;
  place: number;
}

export class Charges {
  constructor(
    private readonly bundles: BundleCache,
    private readonly tree: RoleTree,
    private readonly quotas: QuotaLedger,
  ) {}

  /** First half of a grant: quota numbers move at once, even in the middle of a visit. */
  consume(member: Membership, bundle: Bundle): void {
    this.tree.consume(member.role, bundle.quotaScalars, 1);
    this.quotas.addAvailable(bundle.quotaScalars, -1);
  }

  /** Second half: the shares, and what is free. `run`: the granting run, 0 outside of one. */
  hold(member: Membership, agent: AgentLedger, bundle: Bundle, allocated: Resources, run: number): void {
    const held = agent.holdingOf(member);
    if (held === undefined) {
      const holding: Holding = { member, agent, bundle, allocated, grantedInRun: run, place: member.holdings.length };
      member.holdings.push(holding);
      agent.holdings.push(holding);
    } else {
      held.bundle = held.bundle.plus(bundle);
      held.allocated = held.allocated.plus(allocated);
      held.grantedInRun = run === 0 ? held.grantedInRun : run;
    }
    agent.charged(bundle);
    this.tree.charge(member, agent.id, bundle);
  }

  /** Outside of a run. `resources` are in the name of the member's role. */
  charge(member: Membership, agent: AgentLedger, resources: Resources): void {
    const bundle = this.bundles.of(resources.unallocated());
    this.consume(member, bundle);
    this.hold(member, agent, bundle, resources, 0);
  }

  /** What `member` gives back on the agent; returns it as a bundle. */
  credit(member: Membership, agent: AgentLedger, resources: Resources): Bundle {
    const held = agent.holdingOf(member);
    if (held === undefined || (held.allocated !== resources && !held.allocated.contains(resources))) {
      const has = held === undefined ? 'nothing' : held.allocated.toString();
      throw new BugError(`"${member.frameworkId}" gives back ${resources.toString()} on ${agent.id} in role "${member.role.path}", and holds ${has}`);
    }
    const rest = held.allocated === resources ? undefined : held.allocated.minus(resources);
    let returned = held.bundle;
    if (rest === undefined || rest.isEmpty) {
      this.#forget(held);
    } else {
      returned = this.bundles.of(resources.unallocated());
      held.allocated = rest;
      held.bundle = held.bundle.minus(returned);
    }
    agent.credited(returned);
    this.tree.credit(member, agent.id, returned);
    this.tree.consume(member.role, returned.quotaScalars, -1);
    this.quotas.addAvailable(returned.quotaScalars, 1);
    return returned;
  }

  /** An operation made `after` of `before`, both in the name of the role; the agent's total has changed or is about to. */
  exchange(member: Membership, agent: AgentLedger, before: Resources, after: Resources): void {
    const held = agent.holdingOf(member);
    invariant(held !== undefined && held.allocated.contains(before), 'What is converted is held');
    const was = this.bundles.of(before.unallocated());
    const is = this.bundles.of(after.unallocated());
    this.tree.exchange(member, agent.id, was, is);
    this.tree.consume(member.role, was.quotaScalars, -1);
    this.tree.consume(member.role, is.quotaScalars, 1);
    this.quotas.addAvailable(was.quotaScalars, 1);
    this.quotas.addAvailable(is.quotaScalars, -1);
    held.allocated = held.allocated.minus(before).plus(after);
    held.bundle = this.bundles.of(held.allocated.unallocated());
    if (held.bundle.isEmpty) this.#forget(held);
    agent.recount();
  }

  #forget(holding: Holding): void {
    const { member, agent } = holding;
    const last = member.holdings.pop();
    if (last !== undefined && last !== holding) {
      member.holdings[holding.place] = last;
      last.place = holding.place;
    }
    agent.holdings.splice(agent.holdings.indexOf(holding), 1);
  }
}
