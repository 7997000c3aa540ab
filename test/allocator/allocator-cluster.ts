// A cluster as the allocator sees it, for tests: builders, virtual time, and what is out with whom.
//
// Owns:      terse construction of agents and frameworks, a clock that runs what is due, the bundles handed out so far.
// Elsewhere: the claims themselves (the test files).
// Source: our choice.

import { allocatorOptionsDefault, type Allocation, type AllocationRun, type Allocator, type AllocatorOptions } from '../../allocator/allocator';
import { createDrfAllocator } from '../../allocator/drf-allocator';
import type { AgentInfo, Attribute, DomainInfo } from '../../common/model/agent';
import type { FrameworkCapability, FrameworkInfo, Quantities } from '../../common/model/framework';
import { agentId, frameworkId, type AgentId } from '../../common/model/ids';
import { parseResourceText } from '../../common/model/resource-text';
import { Resources } from '../../common/model/resources';
import type { OfferConstraints } from '../../common/model/scheduler-protocol';
import type { Random } from '../../common/ports';

/** `cpus:4;mem(eng):1024`; in whole units, as in flags. */
export function resources(text: string): Resources {
  const parsed = parseResourceText(text, 'resources');
  if (!parsed.ok) throw new TypeError(`Not resources: ${text}`);
  return Resources.of(parsed.value);
}

/** In whole units: `quantities({ cpus: 0.5 })`. */
export function quantities(units: Readonly<Record<string, number>>): Quantities {
  return new Map(Object.entries(units).map(([name, amount]) => [name, Math.round(amount * 1000)]));
}

export interface FrameworkWishes {
  readonly roles?: readonly string[];
  readonly capabilities?: readonly FrameworkCapability[];
  readonly minAllocatable?: Readonly<Record<string, readonly Quantities[]>>;
}

export function aFramework({ roles = ['*'], capabilities = ['MULTI_ROLE'], minAllocatable = {} }: FrameworkWishes = {}): FrameworkInfo {
  return {
    user: '',
    name: 'framework',
    roles,
    capabilities,
    failoverTimeoutMs: 0,
    checkpoint: true,
    labels: [],
    offerFilters: new Map(Object.entries(minAllocatable).map(([role, list]) => [role, { minAllocatable: list }])),
  };
}

export interface AgentWishes {
  readonly hostname?: string;
  readonly attributes?: readonly Attribute[];
  readonly domain?: DomainInfo;
}

export function anAgent(total: string | Resources, { hostname = 'host', attributes = [], domain }: AgentWishes = {}): AgentInfo {
  const amounts = typeof total === 'string' ? resources(total) : total;
  return { hostname, port: 0, resources: amounts, attributes, ...(domain === undefined ? {} : { domain }) };
}

/** A small generator with a full period; only tests draw from it. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next(): number {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    },
  };
}

/** Mesos's defaults. */
export const optionsDefault: AllocatorOptions = allocatorOptionsDefault;

export interface Subscription extends FrameworkWishes {
  readonly suppressedRoles?: readonly string[];
  readonly active?: boolean;
  readonly offerConstraints?: OfferConstraints;
  readonly used?: ReadonlyMap<AgentId, Resources>;
}

/** What can be driven: the operations of an allocator, without its answers to questions. */
export type DrivenAllocator = Omit<Allocator, 'explain' | 'whatIf' | 'roles' | 'filterCount' | 'runCount'>;

/** Some allocator with its clock. Names stand for ids: `cluster.agent('a1', 'cpus:4')`. */
export class DrivenCluster<Driven extends DrivenAllocator> {
  nowMs = 0;

  constructor(readonly allocator: Driven) {}

  agent(name: string, total: string | Resources, wishes: AgentWishes = {}, used: ReadonlyMap<string, Resources> = new Map()): void {
    const usedById = new Map([...used].map(([framework, amounts]) => [frameworkId(framework), amounts]));
    this.allocator.addAgent(agentId(name), anAgent(total, wishes), usedById, this.nowMs);
  }

  framework(name: string, { suppressedRoles = [], active = true, offerConstraints = new Map(), used = new Map(), ...wishes }: Subscription = {}): void {
    this.allocator.addFramework(frameworkId(name), aFramework(wishes), { suppressedRoles, active, offerConstraints, used }, this.nowMs);
  }

  /** Lets `ms` pass, running each run as it becomes due. */
  advance(ms: number): Allocation[] {
    return this.runsWithin(ms).flatMap(({ allocations }) => allocations);
  }

  /** The same with inverse offers, run by run. */
  runsWithin(ms: number): AllocationRun[] {
    const untilMs = this.nowMs + ms;
    const runs: AllocationRun[] = [];
    for (let dueMs = this.allocator.nextRunAtMs(); dueMs <= untilMs; dueMs = this.allocator.nextRunAtMs()) {
      this.nowMs = Math.max(this.nowMs, dueMs);
      runs.push(this.allocator.run(this.nowMs));
    }
    this.nowMs = untilMs;
    return runs;
  }

  /** The same, as sentences. */
  offersWithin(ms: number): string[] {
    return this.advance(ms).map(sentence);
  }

  /** Returns a bundle that nobody used. */
  decline(allocation: Allocation, refuseMs = 0): void {
    this.allocator.recoverResources(allocation.frameworkId, allocation.agentId, allocation.resources, { cause: 'declined', refuseMs }, this.nowMs);
  }

  /** Returns what a task used. */
  end(framework: string, agent: string, amounts: string, role = '*'): void {
    const used = resources(amounts).allocatedTo(role);
    this.allocator.recoverResources(frameworkId(framework), agentId(agent), used, { cause: 'ended', refuseMs: 0 }, this.nowMs);
  }

  suppress(framework: string, ...roles: string[]): void {
    this.allocator.suppress(frameworkId(framework), roles);
  }

  revive(framework: string, ...roles: string[]): void {
    this.allocator.revive(frameworkId(framework), roles, this.nowMs);
  }
}

/** The allocator with its clock. */
export class AllocatorCluster extends DrivenCluster<Allocator> {
  constructor({ seed = 1, options = {} }: { readonly seed?: number; readonly options?: Partial<AllocatorOptions> } = {}) {
    super(createDrfAllocator({ ...optionsDefault, ...options }, seededRandom(seed)));
  }
}

/** Agent `a1` of 4 cpus and 1 GB, all of it offered to `f1` in `*` at 5 ms. */
export function anOffer(): { readonly cluster: AllocatorCluster; readonly offer: Allocation } {
  const cluster = new AllocatorCluster();
  cluster.agent('a1', 'cpus:4;mem:1024');
  cluster.framework('f1');
  const [offer] = cluster.advance(5);
  if (offer === undefined) throw new Error('Nothing was offered');
  return { cluster, offer };
}

/** `f1 gets cpus:4;mem:1024 of a1 for role *`. */
export function sentence({ frameworkId: framework, agentId: agent, role, resources: amounts }: Allocation): string {
  return `${framework} gets ${amounts.unallocated().toString()} of ${agent} for role ${role}`;
}
