// Framework ledger: what one framework may be offered at all.
//
// Owns:      a framework's info as runs need it (capabilities, compiled constraints, own minimum sizes), whether it is active, its memberships.
// Elsewhere: the meaning of gates and constraints (eligibility.ts), its shares (role-tree.ts), what it declined (decline-filters.ts).
// Invariants:
//   E1. What is eligible depends on the framework's info, the role and the agent's info alone; it changes only when one of them does.
//   E2. What is ineligible for its kind or size stays so in part: every rule here refuses a part of what it refuses.
// Source: Mesos capability gates, OfferConstraints and `min_allocatable_resources` (reference 5.4 and 5.6).

import { hasCapability, type FrameworkInfo, type Quantities } from '../common/model/framework';
import type { FrameworkId } from '../common/model/ids';
import type { OfferConstraints } from '../common/model/scheduler-protocol';
import type { AgentLedger } from './agent-ledger';
import type { AllocatorOptions } from './allocator';
import type { Bundle } from './bundle';
import { compileConstraints, withoutIncapable, type CompiledConstraints } from './eligibility';
import type { Membership } from './role-node';

export class FrameworkLedger {
  /** By role: those it subscribes to, and those it left while it still holds something in them. */
  readonly memberships = new Map<string, Membership>();
  #info: FrameworkInfo;
  #offerConstraints: OfferConstraints;
  #constraints: CompiledConstraints | undefined;
  #takesGpus = false;
  #isRegionAware = false;
  #takesAll = false;

  constructor(
    readonly id: FrameworkId,
    info: FrameworkInfo,
    offerConstraints: OfferConstraints,
    public isActive: boolean,
    private readonly options: AllocatorOptions,
  ) {
    this.#info = info;
    this.#offerConstraints = offerConstraints;
    this.replaceInfo(info, offerConstraints);
  }

  get info(): FrameworkInfo {
    return this.#info;
  }

  get offerConstraints(): OfferConstraints {
    return this.#offerConstraints;
  }

  get constraints(): CompiledConstraints | undefined {
    return this.#constraints;
  }

  /** Whether some role has a list of its own. */
  get hasOwnSizes(): boolean {
    return this.#info.offerFilters.size > 0;
  }

  replaceInfo(info: FrameworkInfo, offerConstraints: OfferConstraints): void {
    this.#info = info;
    this.#offerConstraints = offerConstraints;
    this.#constraints = offerConstraints.size === 0 ? undefined : compileConstraints(offerConstraints, this.options.compileRegex);
    this.#takesGpus = !this.options.filtersGpus || hasCapability(info, 'GPU_RESOURCES');
    this.#isRegionAware = this.options.region === undefined || hasCapability(info, 'REGION_AWARE');
    this.#takesAll = hasCapability(info, 'REVOCABLE_RESOURCES') && hasCapability(info, 'SHARED_RESOURCES') && hasCapability(info, 'RESERVATION_REFINEMENT');
  }

  /** The first gate that keeps everything of the agent from the framework in this role. */
  gateAt(agent: AgentLedger, role: string): 'constraint' | 'gpus' | 'region' | undefined {
    if (this.#constraints !== undefined && !this.#constraints.isSatisfied(role, agent.info)) return 'constraint';
    if (agent.hasGpus && !this.#takesGpus) return 'gpus';
    if (!this.#isRegionAware && agent.region !== undefined && agent.region !== this.options.region) return 'region';
    return undefined;
  }

  /** `bundle` without what it is not capable of. */
  capableOf(bundle: Bundle): Bundle {
    return this.#takesAll || !bundle.needsCapability ? bundle : bundle.derived(withoutIncapable(this.#info, bundle.resources));
  }

  /** The smallest bundles worth offering it in the role: its own list where it has one, an empty one too; else the global list. */
  minAllocatable(role: string): readonly Quantities[] {
    return this.#info.offerFilters.get(role)?.minAllocatable ?? this.options.minAllocatable;
  }

  isAllocatable(bundle: Bundle, role: string): boolean {
    return bundle.isAllocatable(this.hasOwnSizes ? this.minAllocatable(role) : this.options.minAllocatable);
  }
}
