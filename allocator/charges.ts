// Charges: who holds what where.
//
// Owns:      the holdings, one per membership and agent, and that a change of one reaches everything that counts it.
// Elsewhere: shares and consumption (role-tree.ts), what is free on the agent (agent-ledger.ts), headroom (quota-ledger.ts).
// Invariants:
//   J1. A holding is in its member's list at `place`, in its agent's list, and never empty.
//   J2. `allocated` is `bundle` in the name of the member's role, here and in parts.
//   J3. Resources that come back exactly as they were granted are recognised by identity: the bundle that was free before is free again (U3).
// Source: Mesos `offeredOrAllocated` (reference 1).

import { BugError, invariant } from '../common/invariant';
import type { Resources } from '../common/model/resources';
import type { AgentLedger } from './agent-ledger';
import type { Bundle, BundleCache } from './bundle';
import type { QuotaLedger } from './quota-ledger';
import type { Membership } from './role-node';
import type { RoleTree } from './role-tree';

/** Resources in the name of a role, and as a bundle (J2). */
interface Part {
  readonly bundle: Bundle;
  readonly allocated: Resources;
}

/** What one membership holds on one agent. The last grant is kept apart as long as it is whole: mostly it is what comes back (J3). */
export class Holding {
  /** Number of the run that last added to it; 0: none did. */
  grantedInRun = 0;
  /** In the member's list (J1). */
  place: number;
  #kept: Part | undefined;
  #granted: Part | undefined;

  constructor(
    readonly member: Membership,
    readonly agent: AgentLedger,
  ) {
    this.place = member.holdings.length;
  }

  get bundle(): Bundle {
    if (this.#kept === undefined) return this.#granted!.bundle;
    return this.#granted === undefined ? this.#kept.bundle : this.#kept.bundle.plus(this.#granted.bundle);
  }

  get allocated(): Resources {
    if (this.#kept === undefined) return this.#granted!.allocated;
    return this.#granted === undefined ? this.#kept.allocated : this.#kept.allocated.plus(this.#granted.allocated);
  }

  get isEmpty(): boolean {
    return this.#kept === undefined && this.#granted === undefined;
  }

  /** `run`: the granting run, 0 outside of one. */
  add(part: Part, run: number): void {
    if (run === 0) {
      this.#keep(part);
    } else {
      if (this.#granted !== undefined) this.#keep(this.#granted);
      this.#granted = part;
      this.grantedInRun = run;
    }
  }

  /** Takes out these very resources, if they are still whole; else undefined, and nothing happens. */
  takeWhole(allocated: Resources): Bundle | undefined {
    const { bundle } = (this.#granted?.allocated === allocated ? this.#granted : this.#kept?.allocated === allocated ? this.#kept : undefined) ?? {};
    if (bundle === undefined) return undefined;
    if (this.#granted?.allocated === allocated) this.#granted = undefined;
    else this.#kept = undefined;
    return bundle;
  }

  /** From now on it holds this, which may be nothing. */
  replace(part: Part): void {
    this.#granted = undefined;
    this.#kept = part.allocated.isEmpty ? undefined : part;
  }

  #keep(part: Part): void {
    this.#kept = this.#kept === undefined ? part : { bundle: this.#kept.bundle.plus(part.bundle), allocated: this.#kept.allocated.plus(part.allocated) };
  }
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
    let held = agent.holdingOf(member);
    if (held === undefined) {
      held = new Holding(member, agent);
      member.holdings.push(held);
      agent.holdings.push(held);
    }
    held.add({ bundle, allocated }, run);
    if (run > 0) agent.noteGrant(member, run);
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
    const returned = held?.takeWhole(resources) ?? this.#takePart(held, member, agent, resources);
    if (held?.isEmpty === true) this.#forget(held);
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
    const allocated = held.allocated.minus(before).plus(after);
    held.replace({ bundle: this.bundles.of(allocated.unallocated()), allocated });
    if (held.isEmpty) this.#forget(held);
    agent.recount();
  }

  #takePart(held: Holding | undefined, member: Membership, agent: AgentLedger, resources: Resources): Bundle {
    const allocated = held?.allocated;
    if (held === undefined || allocated === undefined || !allocated.contains(resources)) {
      throw new BugError(`"${member.frameworkId}" gives back ${resources.toString()} on ${agent.id} in role "${member.role.path}", and holds ${allocated?.toString() ?? 'nothing'}`);
    }
    const returned = this.bundles.of(resources.unallocated());
    held.replace({ bundle: held.bundle.minus(returned), allocated: allocated.minus(resources) });
    return returned;
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
