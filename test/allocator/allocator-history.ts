// Histories: what can happen to an allocator, as values that can be drawn, shrunk, read, and carried out, on one allocator or on two in lockstep.
//
// Owns:      the small universe (machines, roles, frameworks), the steps, their arbitraries, the replay of a history with its own books of what is
//            where, and the demand that both allocators agree after each step.
// Elsewhere: the allocator that is right by definition (reference-allocator.ts), what is claimed of histories (allocator-agreement.test.ts,
//            allocator-laws.test.ts).
// How:       a step names what it does; what was offered before is meant by its place among the bundles that are out, so that any history can be
//            carried out, and shrunk. Steps that make no sense as things stand do nothing. Both allocators draw from a generator that begins anew
//            with each instant, so that a run that only one of them makes does not shift the draws of the next.

import fc from 'fast-check';
import {
  allocatorOptionsDefault,
  type Allocation,
  type AllocationRun,
  type Allocator,
  type AllocatorOptions,
  type InverseOfferAnswer,
  type InverseOfferRequest,
  type Quota,
  type Recovery,
  type ResourceConversion,
} from '../../allocator/allocator';
import { createDrfAllocator } from '../../allocator/drf-allocator';
import type { AgentInfo } from '../../common/model/agent';
import type { FrameworkCapability } from '../../common/model/framework';
import { agentId, frameworkId, type AgentId, type FrameworkId } from '../../common/model/ids';
import { isPersistentVolume, reservationRole, Resources, type DiskInfo, type Reservation, type Resource } from '../../common/model/resources';
import { isSubroleOf } from '../../common/model/role';
import type { AttributeConstraint, OfferConstraints } from '../../common/model/scheduler-protocol';
import type { Random } from '../../common/ports';
import { aFramework, anAgent, quantities, resources, seededRandom, sentence, type DrivenAllocator } from './allocator-cluster';
import { ReferenceAllocator } from './reference-allocator';
import { visitSeed } from './reference-draws';

// The universe

export const agentNames = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'] as const;
export const frameworkNames = ['f1', 'f2', 'f3', 'f10', 'f4'] as const;
export const roleNames = ['*', 'eng', 'eng/web', 'eng/db', 'ops', 'ops/x/y'] as const;
const hostNames = ['h1', 'h2', 'h3'] as const;

type Role = (typeof roleNames)[number];

const dynamic = (...roles: string[]): Reservation[] => roles.map((role) => ({ type: 'DYNAMIC', role, labels: [] }));

function scalar(name: string, units: number, traits: Partial<Resource> = {}): Resource {
  return { name, reservations: [], revocable: false, shared: false, ...traits, value: { kind: 'scalar', milli: Math.round(units * 1000) } };
}

const mount = (root: string): DiskInfo => ({ source: { type: 'MOUNT', root, metadata: [] } });
const path = (root: string): DiskInfo => ({ source: { type: 'PATH', root, metadata: [] } });
const volume = (id: string): DiskInfo => ({ persistence: { id } });

/** Machines by what is special about them. */
export const machines = {
  plain: resources('cpus:4;mem:4096;disk:10000;ports:[31000-31009]'),
  'many cpus': resources('cpus:8;mem:1024'),
  'much memory': resources('cpus:2;mem:8192'),
  tiny: resources('cpus:0.1;mem:16'),
  dwarf: resources('cpus:0.005;mem:16;disk:100'),
  reserved: resources('cpus:4;cpus(eng):2;mem:2048;mem(eng):512;cpus(ops):1'),
  'all reserved': resources('cpus(eng):2;mem(eng):512;ports(eng):[1-5]'),
  refined: Resources.of([
    ...resources('cpus:2;mem:1024;cpus(ops/x):1;mem(ops/x/y):256'),
    scalar('cpus', 3, { reservations: [...dynamic('eng'), ...dynamic('eng/web')] }),
    scalar('mem', 300, { reservations: [{ type: 'STATIC', role: 'eng', labels: [] }, ...dynamic('eng/db')] }),
  ]),
  gpus: resources('cpus:4;mem:2048;gpus:2'),
  disks: Resources.of([
    ...resources('cpus:4;mem:1024;disk:1000'),
    scalar('disk', 500, { disk: mount('/m1') }),
    scalar('disk', 700, { disk: mount('/m2') }),
    scalar('disk', 300, { disk: path('/p') }),
  ]),
  'disks only': Resources.of([...resources('disk:200'), scalar('disk', 500, { disk: mount('/m1') }), scalar('disk', 700, { disk: mount('/m2') })]),
  volumes: Resources.of([
    ...resources('cpus:2;mem:512;disk(eng):300'),
    scalar('disk', 200, { disk: volume('v1'), reservations: dynamic('eng') }),
    scalar('disk', 400, { disk: { ...mount('/m3'), ...volume('v2') }, reservations: dynamic('ops') }),
  ]),
  shared: Resources.of([...resources('cpus:3;mem:512'), scalar('disk', 100, { disk: volume('s1'), reservations: dynamic('eng'), shared: true })]),
  'shared twice': Resources.of([
    ...resources('cpus:3;mem:512;cpus(ops):1'),
    scalar('disk', 100, { disk: volume('s1'), reservations: dynamic('eng'), shared: true }),
    scalar('disk', 50, { disk: volume('s2'), reservations: dynamic('ops'), shared: true }),
  ]),
  revocable: Resources.of([...resources('cpus:4;mem:1024'), scalar('cpus', 3, { revocable: true })]),
  'all revocable': Resources.of([scalar('cpus', 3, { revocable: true }), scalar('mem', 256, { revocable: true })]),
  custom: resources('cpus:2;mem:512;gold:3;blades:{b1,b2,b3}'),
} as const satisfies Readonly<Record<string, Resources>>;

export type Machine = keyof typeof machines;

const rack = { kind: 'attribute', name: 'rack' } as const;
const hostname = { kind: 'pseudoattribute', name: 'HOSTNAME' } as const;

/** Offer constraints by what they ask for: one of the groups, all of its members. Racks are text, or a number, of which text says nothing. */
const constraints = {
  none: undefined,
  'rack r1': [[{ selector: rack, predicate: { kind: 'text-equals', value: 'r1' } }]],
  'no rack': [[{ selector: rack, predicate: { kind: 'not-exists' } }]],
  'rack like r.': [[{ selector: rack, predicate: { kind: 'text-matches', regex: 'r.' } }]],
  'not h1': [[{ selector: hostname, predicate: { kind: 'text-not-equals', value: 'h1' } }]],
  'rack unlike .1, there or not': [[{ selector: rack, predicate: { kind: 'text-not-matches', regex: '.1' } }]],
  'a rack unlike .1': [[{ selector: rack, predicate: { kind: 'exists' } }, { selector: rack, predicate: { kind: 'text-not-matches', regex: '.1' } }]],
  'rack r2, or here and not h3': [
    [{ selector: rack, predicate: { kind: 'text-equals', value: 'r2' } }],
    [
      { selector: { kind: 'pseudoattribute', name: 'REGION' }, predicate: { kind: 'text-equals', value: 'here' } },
      { selector: hostname, predicate: { kind: 'text-not-matches', regex: 'h3' } },
    ],
  ],
} as const satisfies Readonly<Record<string, readonly (readonly AttributeConstraint[])[] | undefined>>;

/** Own minimum sizes of a framework, for all its roles. */
const minimumSizes = {
  'as all': undefined,
  anything: [],
  big: [quantities({ cpus: 3 }), quantities({ mem: 2000 })],
} as const;

export interface FrameworkSketch {
  readonly roles: readonly Role[];
  readonly suppressed: readonly Role[];
  readonly capabilities: readonly FrameworkCapability[];
  readonly constraint: keyof typeof constraints;
  readonly minimumSize: keyof typeof minimumSizes;
}

/** Whole units per name. */
export type Units = Readonly<Record<string, number>>;

export type Step =
  /** `used`: what it already runs, as parts (in tenths) of what is there. */
  | {
      readonly kind: 'add-agent';
      readonly agent: string;
      readonly machine: Machine;
      readonly host: string;
      readonly rack: string;
      readonly region: string;
      readonly used: readonly { readonly framework: string; readonly role: Role; readonly tenths: number }[];
    }
  | { readonly kind: 'remove-agent' | 'toggle-agent'; readonly agent: string }
  | { readonly kind: 'change-machine'; readonly agent: string; readonly machine: Machine }
  | { readonly kind: 'change-host'; readonly agent: string; readonly host: string; readonly rack: string; readonly region: string }
  | { readonly kind: 'charge'; readonly framework: string; readonly role: Role; readonly agent: string; readonly tenths: number }
  /** `claims`: whether it still uses what agents reported of it. */
  | {
      readonly kind: 'add-framework';
      readonly framework: string;
      readonly sketch: FrameworkSketch;
      readonly active: boolean;
      readonly claims: boolean;
    }
  | { readonly kind: 'remove-framework' | 'toggle-framework'; readonly framework: string }
  | { readonly kind: 'update-framework'; readonly framework: string; readonly sketch: FrameworkSketch }
  | { readonly kind: 'suppress' | 'revive'; readonly framework: string; readonly roles: readonly Role[] }
  /** An answer to an offer: so many tenths of it are used from now on, the rest comes back. */
  | { readonly kind: 'answer'; readonly which: number; readonly usedTenths: number; readonly refuseMs: number; readonly restFirst: boolean }
  /** All offers of one framework, or all on one agent, are taken back. */
  | { readonly kind: 'rescind'; readonly of: string }
  | { readonly kind: 'end'; readonly which: number; readonly keptTenths: number }
  /** What went with its agent or its framework is returned all the same: word of it was on its way. */
  | { readonly kind: 'return-late'; readonly which: number; readonly cause: Recovery['cause']; readonly refuseMs: number }
  /** Operations of one ACCEPT on an offer, each on what the ones before made of it. */
  | { readonly kind: 'operate'; readonly which: number; readonly operations: readonly Operation[] }
  /** The same of an operator on what is free of an agent; `isBold`: chosen from all that it has, so that some are refused, and all with them. */
  | {
      readonly kind: 'operate-on-free';
      readonly agent: string;
      readonly role: Role;
      readonly operations: readonly Exclude<Operation, 'copy'>[];
      readonly isBold: boolean;
    }
  | { readonly kind: 'weight'; readonly role: Role; readonly weight: number }
  | { readonly kind: 'quota'; readonly role: 'eng' | 'ops' | '*'; readonly guarantees: Units; readonly limits: Units }
  | { readonly kind: 'allow'; readonly hosts: readonly string[] | undefined }
  | { readonly kind: 'window'; readonly agent: string; readonly startMs: number | undefined }
  | { readonly kind: 'answer-inverse'; readonly which: number; readonly answer: 'accept' | 'decline' | undefined; readonly refuseMs: number }
  | { readonly kind: 'recover'; readonly agentCount: number }
  | { readonly kind: 'advance'; readonly ms: number };

export type Operation = 'reserve' | 'unreserve' | 'create' | 'create-shared' | 'destroy' | 'copy';

// Replay

/** Something that is out with a framework, perhaps one that is not here yet: offered, or used. */
export interface OutBundle {
  readonly frameworkId: FrameworkId;
  readonly agentId: AgentId;
  readonly role: string;
  /** In the name of the role. */
  readonly resources: Resources;
  readonly isUsed: boolean;
}

/** The allocator is not as it should be. The message is the history as a script, up to where that shows. */
export class Disagreement extends Error {}

/** Begins anew whenever it is told the time. */
class RandomOfTheInstant implements Random {
  #random: Random;
  constructor(private readonly seed: number) {
    this.#random = seededRandom(seed);
  }
  beginAt(nowMs: number): void {
    this.#random = seededRandom(visitSeed(this.seed, `${nowMs}`));
  }
  next(): number {
    return this.#random.next();
  }
}

export interface ReplaySetting {
  readonly seed: number;
  readonly options?: Partial<AllocatorOptions> | undefined;
  /** Whether the reference allocator does the same in lockstep and must agree. */
  readonly isJudged: boolean;
  /** Is told of every run, before the books know of it. */
  readonly observe?: (run: AllocationRun, replay: Replay) => void;
}

export class Replay {
  readonly fast: Allocator;
  readonly reference: ReferenceAllocator | undefined;
  readonly script: string[] = [];
  nowMs = 0;
  /** `1000: f1 gets cpus:4 of a1 for role *`. */
  readonly handedOut: string[] = [];
  allowedHosts: readonly string[] | undefined;
  #bundles: OutBundle[] = [];
  #inverseOffers: { readonly frameworkId: FrameworkId; readonly agentId: AgentId }[] = [];
  /** What was out as its agent or its framework went. */
  readonly #lost: OutBundle[] = [];
  /** `resources`: the total with what operations made of it. */
  readonly #infos = new Map<AgentId, AgentInfo>();
  readonly #inactiveAgents = new Set<AgentId>();
  readonly #sketches = new Map<FrameworkId, { sketch: FrameworkSketch; isActive: boolean }>();
  readonly #quotas = new Map<string, Quota>();
  readonly #random: RandomOfTheInstant;
  #volumeCount = 0;

  constructor(private readonly setting: ReplaySetting) {
    const options: AllocatorOptions = { ...allocatorOptionsDefault, compileRegex: anchored, recoveryTimeoutMs: 7300, ...setting.options };
    this.#random = new RandomOfTheInstant(setting.seed);
    this.fast = createDrfAllocator(options, this.#random);
    this.reference = setting.isJudged ? new ReferenceAllocator(options, this.#random) : undefined;
  }

  // The books

  get agents(): ReadonlyMap<AgentId, AgentInfo> {
    return this.#infos;
  }

  get inactiveAgents(): ReadonlySet<AgentId> {
    return this.#inactiveAgents;
  }

  get frameworks(): ReadonlyMap<FrameworkId, { readonly sketch: FrameworkSketch; readonly isActive: boolean }> {
    return this.#sketches;
  }

  get quotas(): ReadonlyMap<string, Quota> {
    return this.#quotas;
  }

  get bundles(): readonly OutBundle[] {
    return this.#bundles;
  }

  /** What nobody holds; shared amounts are free while they are used. */
  freeOf(agent: AgentId): Resources {
    const total = this.#infos.get(agent)!.resources;
    const charged = Resources.sum(this.#bundles.filter((bundle) => bundle.agentId === agent).map(({ resources: held }) => held.unallocated()));
    return total.nonShared().minus(charged.nonShared()).plus(total.shared());
  }

  /** Throws {@link Disagreement}. */
  replay(steps: readonly Step[]): void {
    for (const step of steps) this.carryOut(step);
  }

  carryOut(step: Step): void {
    switch (step.kind) {
      case 'add-agent':
        return this.#addAgent(step);
      case 'remove-agent': {
        const id = agentId(step.agent);
        if (!this.#infos.delete(id)) return;
        this.#inactiveAgents.delete(id);
        this.#lose((bundle) => bundle.agentId === id);
        this.#inverseOffers = this.#inverseOffers.filter((one) => one.agentId !== id);
        return this.#both(`remove agent ${id}`, (allocator) => allocator.removeAgent(id, this.nowMs));
      }
      case 'toggle-agent': {
        const id = agentId(step.agent);
        if (!this.#infos.has(id)) return;
        if (this.#inactiveAgents.delete(id)) return this.#both(`activate agent ${id}`, (allocator) => allocator.activateAgent(id, this.nowMs));
        this.#inactiveAgents.add(id);
        return this.#both(`deactivate agent ${id}`, (allocator) => allocator.deactivateAgent(id));
      }
      case 'change-machine': {
        const info = this.#infos.get(agentId(step.agent));
        return info === undefined ? undefined : this.#updateAgent(step.agent, { ...info, resources: machines[step.machine] }, step.machine);
      }
      case 'change-host': {
        const info = this.#infos.get(agentId(step.agent));
        if (info === undefined) return;
        return this.#updateAgent(step.agent, infoOf(info.resources, step), `host ${step.host}, rack ${step.rack}, region ${step.region}`);
      }
      case 'charge': {
        const info = this.#infos.get(agentId(step.agent));
        const charged =
          info === undefined
            ? Resources.empty
            : partOf(this.freeOf(agentId(step.agent)).allocatableTo(step.role).nonShared(), step.tenths).allocatedTo(step.role);
        if (charged.isEmpty) return;
        this.#take(step.framework, step.agent, step.role, charged, true);
        return this.#both(`charge ${step.framework} with ${charged.toString()} on ${step.agent}`, (allocator) =>
          allocator.charge(frameworkId(step.framework), agentId(step.agent), charged),
        );
      }
      case 'add-framework':
        return this.#addFramework(step);
      case 'remove-framework': {
        const id = frameworkId(step.framework);
        if (!this.#sketches.delete(id)) return;
        this.#lose((bundle) => bundle.frameworkId === id);
        this.#inverseOffers = this.#inverseOffers.filter((one) => one.frameworkId !== id);
        return this.#both(`remove framework ${id}`, (allocator) => allocator.removeFramework(id, this.nowMs));
      }
      case 'toggle-framework': {
        const id = frameworkId(step.framework);
        const known = this.#sketches.get(id);
        if (known === undefined) return;
        known.isActive = !known.isActive;
        if (known.isActive) return this.#both(`activate framework ${id}`, (allocator) => allocator.activateFramework(id, this.nowMs));
        this.#inverseOffers = this.#inverseOffers.filter((one) => one.frameworkId !== id);
        return this.#both(`deactivate framework ${id}`, (allocator) => allocator.deactivateFramework(id, this.nowMs));
      }
      case 'update-framework': {
        const id = frameworkId(step.framework);
        const known = this.#sketches.get(id);
        if (known === undefined) return;
        known.sketch = step.sketch;
        const { info, suppressed, offerConstraints } = frameworkOf(step.sketch);
        return this.#both(`update framework ${id}: ${sketched(step.sketch)}`, (allocator) =>
          allocator.updateFramework(id, info, suppressed, offerConstraints, this.nowMs),
        );
      }
      case 'suppress':
      case 'revive': {
        const id = frameworkId(step.framework);
        const known = this.#sketches.get(id);
        if (known === undefined) return;
        const suppresses = step.kind === 'suppress';
        const meant = step.roles.length === 0 ? known.sketch.roles : step.roles.filter((role) => known.sketch.roles.includes(role));
        const others = known.sketch.suppressed.filter((role) => !meant.includes(role));
        known.sketch = { ...known.sketch, suppressed: suppresses ? [...others, ...meant] : others };
        return this.#both(`${step.kind} ${id} in ${step.roles.join(', ') || 'all roles'}`, (allocator) =>
          suppresses ? allocator.suppress(id, step.roles) : allocator.revive(id, step.roles, this.nowMs),
        );
      }
      case 'answer':
        return this.#answer(step);
      case 'rescind': {
        const rescinded = this.#bundles.filter((bundle) => !bundle.isUsed && (bundle.frameworkId === step.of || bundle.agentId === step.of));
        for (const bundle of rescinded) this.#return(bundle, bundle.resources, 'rescinded', 0);
        return;
      }
      case 'end': {
        const bundle = this.#pick((one) => one.isUsed, step.which);
        if (bundle === undefined) return;
        const kept = partOf(bundle.resources, step.keptTenths);
        const returned = bundle.resources.minus(kept);
        if (returned.isEmpty) return;
        return this.#return(bundle, returned, 'ended', 0);
      }
      case 'return-late':
        return this.#returnLate(step);
      case 'operate':
        return this.#operate(step);
      case 'operate-on-free':
        return this.#operateOnFree(step);
      case 'weight':
        return this.#both(`weight of ${step.role} is ${step.weight}`, (allocator) => allocator.updateWeight(step.role, step.weight));
      case 'quota': {
        // No limit is below its guarantee: the master sees to that.
        const limits = Object.fromEntries(Object.entries(step.limits).map(([name, units]) => [name, Math.max(units, step.guarantees[name] ?? 0)]));
        const quota = { guarantees: quantities(step.guarantees), limits: quantities(limits) };
        this.#quotas.set(step.role, quota);
        return this.#both(`quota of ${step.role}: guarantees ${JSON.stringify(step.guarantees)}, limits ${JSON.stringify(limits)}`, (allocator) =>
          allocator.updateQuota(step.role, quota, this.nowMs),
        );
      }
      case 'allow': {
        const hosts = step.hosts === undefined ? undefined : new Set(step.hosts);
        this.allowedHosts = step.hosts;
        return this.#both(`allow ${step.hosts?.join(', ') ?? 'all hosts'}`, (allocator) => allocator.updateAllowList(hosts, this.nowMs));
      }
      case 'window': {
        const id = agentId(step.agent);
        if (!this.#infos.has(id)) return;
        const { startMs } = step;
        this.#inverseOffers = this.#inverseOffers.filter((one) => one.agentId !== id);
        return this.#both(`window of ${id}: ${startMs ?? 'none'}`, (allocator) =>
          allocator.updateUnavailability(id, startMs === undefined ? undefined : { startMs }, this.nowMs),
        );
      }
      case 'answer-inverse': {
        const asked = this.#inverseOffers[step.which % Math.max(1, this.#inverseOffers.length)];
        if (asked === undefined) return;
        this.#inverseOffers = this.#inverseOffers.filter((one) => one !== asked);
        return this.#both(
          `${asked.frameworkId} answers the inverse offer of ${asked.agentId}: ${step.answer ?? 'nothing'}, refused for ${step.refuseMs} ms`,
          (allocator) => allocator.updateInverseOffer(asked.frameworkId, asked.agentId, step.answer, step.refuseMs, this.nowMs),
        );
      }
      case 'recover':
        // A new leader, so nothing is there yet.
        if (this.#infos.size > 0 || this.#sketches.size > 0) return;
        return this.#both(`recover with ${step.agentCount} agents`, (allocator) => allocator.recover(step.agentCount, this.nowMs));
      case 'advance':
        return this.#advance(step.ms);
    }
  }

  // Steps

  #addAgent({ agent, machine, host, rack, region, used }: Extract<Step, { kind: 'add-agent' }>): void {
    const id = agentId(agent);
    if (this.#infos.has(id)) return;
    const info = infoOf(machines[machine], { host, rack, region });
    this.#infos.set(id, info);
    const usedByFramework = new Map<FrameworkId, Resources>();
    let free = info.resources.nonShared();
    for (const { framework, role, tenths } of used) {
      const taken = partOf(free.allocatableTo(role), tenths);
      if (taken.isEmpty) continue;
      free = free.minus(taken);
      this.#take(framework, agent, role, taken.allocatedTo(role), true);
      usedByFramework.set(frameworkId(framework), (usedByFramework.get(frameworkId(framework)) ?? Resources.empty).plus(taken.allocatedTo(role)));
    }
    const uses = [...usedByFramework].map(([framework, taken]) => `, ${framework} uses ${taken.toString()}`);
    this.#both(
      `add agent ${id}, ${machine}: ${info.resources.toString()}, host ${host}, rack ${rack}, region ${region}${uses.join('')}`,
      (allocator) => allocator.addAgent(id, info, usedByFramework, this.nowMs),
    );
  }

  #updateAgent(agent: string, info: AgentInfo, what: string): void {
    this.#infos.set(agentId(agent), info);
    this.#both(`update agent ${agent}: ${what}`, (allocator) => allocator.updateAgent(agentId(agent), info, this.nowMs));
  }

  #addFramework({ framework, sketch, active, claims }: Extract<Step, { kind: 'add-framework' }>): void {
    const id = frameworkId(framework);
    if (this.#sketches.has(id)) return;
    this.#sketches.set(id, { sketch, isActive: active });
    if (!claims) this.#bundles = this.#bundles.filter((bundle) => bundle.frameworkId !== id);
    const used = new Map<AgentId, Resources>();
    for (const bundle of this.#bundles)
      if (bundle.frameworkId === id) used.set(bundle.agentId, (used.get(bundle.agentId) ?? Resources.empty).plus(bundle.resources));
    const { info, suppressed, offerConstraints } = frameworkOf(sketch);
    this.#both(`add ${active ? '' : 'inactive '}framework ${id}: ${sketched(sketch)}${claims ? '' : ', claims nothing'}`, (allocator) =>
      allocator.addFramework(id, info, { suppressedRoles: suppressed, active, offerConstraints, used }, this.nowMs),
    );
  }

  #answer({ which, usedTenths, refuseMs, restFirst }: Extract<Step, { kind: 'answer' }>): void {
    const bundle = this.#pick((one) => !one.isUsed, which);
    if (bundle === undefined) return;
    const used = partOf(bundle.resources, usedTenths);
    const rest = bundle.resources.minus(used);
    const remaining = { ...bundle, resources: rest };
    this.#bundles = this.#bundles.filter((one) => one !== bundle);
    if (!rest.isEmpty) this.#bundles.push(remaining);
    if (!used.isEmpty) this.#bundles.push({ ...bundle, resources: used, isUsed: true });
    const use = (): void => {
      if (used.isEmpty) return;
      this.#both(`${bundle.frameworkId} uses ${used.toString()} on ${bundle.agentId}`, (allocator) =>
        allocator.transitionOfferedToAllocated(bundle.frameworkId, bundle.agentId, used),
      );
    };
    if (!restFirst) use();
    if (!rest.isEmpty) this.#return(remaining, rest, 'declined', refuseMs);
    if (restFirst) use();
  }

  #operate({ which, operations }: Extract<Step, { kind: 'operate' }>): void {
    const bundle = this.#pick((one) => !one.isUsed, which);
    if (bundle === undefined) return;
    const isHeldElsewhere = this.#bundles.some((other) => other !== bundle && other.agentId === bundle.agentId && !other.resources.shared().isEmpty);
    const conversions: ResourceConversion[] = [];
    let after = bundle.resources;
    let { resources: total } = this.#infos.get(bundle.agentId)!;
    for (const operation of operations) {
      const conversion = this.#conversion(operation, after, bundle.role);
      if (conversion === undefined || !total.contains(conversion.consumed.unallocated()) || (isOfShared(conversion) && isHeldElsewhere)) continue;
      conversions.push(conversion);
      after = after.minus(conversion.consumed).plus(conversion.converted);
      if (!conversion.consumed.isEmpty) total = total.minus(conversion.consumed.unallocated()).plus(conversion.converted.unallocated());
    }
    if (conversions.length === 0) return;
    this.#bundles = this.#bundles.map((one) => (one === bundle ? { ...bundle, resources: after } : one));
    this.#infos.set(bundle.agentId, { ...this.#infos.get(bundle.agentId)!, resources: total });
    this.#both(`${bundle.frameworkId} on ${bundle.agentId}: ${conversions.map(converted).join(', then ')}`, (allocator) =>
      allocator.updateAllocation(bundle.frameworkId, bundle.agentId, bundle.resources, conversions, this.nowMs),
    );
  }

  #operateOnFree({ agent, role, operations, isBold }: Extract<Step, { kind: 'operate-on-free' }>): void {
    const id = agentId(agent);
    const info = this.#infos.get(id);
    if (info === undefined) return;
    const isSharedHeld = this.#bundles.some((bundle) => !bundle.resources.shared().isEmpty);
    const conversions: ResourceConversion[] = [];
    let [free, total] = [this.freeOf(id), info.resources];
    let isPossible = true;
    for (const operation of operations) {
      const conversion = this.#conversion(operation, isBold ? total : free, role);
      if (conversion === undefined || (isOfShared(conversion) && isSharedHeld)) continue;
      conversions.push(conversion);
      const { consumed, converted: made } = conversion;
      isPossible &&= free.contains(consumed);
      if (isPossible) free = free.minus(consumed).plus(made);
      total = total.minus(consumed).plus(made);
    }
    if (conversions.length === 0) return;
    if (isPossible) this.#infos.set(id, { ...info, resources: total });
    this.#both(`operator on ${agent}: ${conversions.map(converted).join(', then ')}${isPossible ? '' : ', of which not all is free'}`, (allocator) => {
      if (allocator.updateAvailable(id, conversions, this.nowMs) !== isPossible) throw new Error(`Operations are ${isPossible ? 'refused' : 'carried out'}`);
    });
  }

  /** One operation on part of `from`, in the name of `role`; undefined where there is nothing for it. */
  #conversion(operation: Operation, from: Resources, role: string): ResourceConversion | undefined {
    const all = [...from];
    const one = (matches: (resource: Resource) => boolean): Resource | undefined =>
      all.find((resource) => resource.value.kind === 'scalar' && !resource.revocable && matches(resource));
    const make = (chosen: Resource | undefined, change: (resource: Resource) => Resource): ResourceConversion | undefined =>
      chosen === undefined ? undefined : { consumed: Resources.of([chosen]), converted: Resources.of([change(chosen)]) };
    const halved = (resource: Resource | undefined): Resource | undefined => {
      const half = resource && [...partOf(Resources.of([resource]), 5)][0];
      return half;
    };
    switch (operation) {
      case 'reserve': {
        const mayReserve = (resource: Resource): boolean => {
          const holder = reservationRole(resource);
          return role !== '*' && !isPersistentVolume(resource) && (holder === undefined || isSubroleOf(role, holder));
        };
        return make(halved(one(mayReserve)), (resource) => ({ ...resource, reservations: [...resource.reservations, ...dynamic(role)] }));
      }
      case 'unreserve':
        return make(
          one((resource) => resource.reservations.at(-1)?.type === 'DYNAMIC' && !isPersistentVolume(resource)),
          (resource) => ({ ...resource, reservations: resource.reservations.slice(0, -1) }),
        );
      case 'create':
      case 'create-shared': {
        const isRawDisk = (resource: Resource): boolean =>
          resource.name === 'disk' && resource.reservations.length > 0 && !isPersistentVolume(resource);
        return make(halved(one(isRawDisk)), (resource) => ({
          ...resource,
          disk: { ...resource.disk, persistence: { id: `n${++this.#volumeCount}` } },
          shared: operation === 'create-shared',
        }));
      }
      case 'destroy': {
        const isOnlyCopy = (resource: Resource): boolean =>
          isPersistentVolume(resource) && all.filter((other) => other.disk?.persistence?.id === resource.disk?.persistence?.id).length === 1;
        return make(one(isOnlyCopy), ({ disk: { persistence: _, ...disk } = {}, ...resource }) => ({
          ...resource,
          ...(Object.keys(disk).length === 0 ? {} : { disk }),
          shared: false,
        }));
      }
      case 'copy': {
        const shared = one((resource) => resource.shared);
        return shared && { consumed: Resources.empty, converted: Resources.of([shared]) };
      }
    }
  }

  // What is out

  #pick(isMeant: (bundle: OutBundle) => boolean, which: number): OutBundle | undefined {
    const meant = this.#bundles.filter(isMeant);
    return meant[which % Math.max(1, meant.length)];
  }

  #take(framework: string, agent: string, role: string, taken: Resources, isUsed: boolean): void {
    this.#bundles.push({ frameworkId: frameworkId(framework), agentId: agentId(agent), role, resources: taken, isUsed });
  }

  #lose(isLost: (bundle: OutBundle) => boolean): void {
    this.#lost.push(...this.#bundles.filter(isLost));
    this.#bundles = this.#bundles.filter((bundle) => !isLost(bundle));
  }

  /** Both must take no notice. What an agent reports of a framework that is not here is no late word: it is there. */
  #returnLate({ which, cause, refuseMs }: Extract<Step, { kind: 'return-late' }>): void {
    const late = this.#lost.filter(
      (lost) =>
        !this.#infos.has(lost.agentId) ||
        (!this.#sketches.has(lost.frameworkId) && !this.#bundles.some((bundle) => bundle.frameworkId === lost.frameworkId && bundle.agentId === lost.agentId)),
    );
    const bundle = late[which % Math.max(1, late.length)];
    if (bundle === undefined) return;
    this.#both(`late word of ${bundle.frameworkId} on ${bundle.agentId}: ${bundle.resources.toString()}, ${cause}, for ${refuseMs} ms`, (allocator) =>
      allocator.recoverResources(bundle.frameworkId, bundle.agentId, bundle.resources, { cause, refuseMs }, this.nowMs),
    );
  }

  #return(bundle: OutBundle, returned: Resources, cause: Recovery['cause'], refuseMs: number): void {
    const kept = bundle.resources.minus(returned);
    this.#bundles = this.#bundles.filter((one) => one !== bundle);
    if (!kept.isEmpty) this.#bundles.push({ ...bundle, resources: kept });
    const how = { ended: 'gives back what it used', declined: `declines for ${refuseMs} ms`, rescinded: 'loses the offer of' }[cause];
    this.#both(`${bundle.frameworkId} ${how}: ${returned.toString()} on ${bundle.agentId}`, (allocator) =>
      allocator.recoverResources(bundle.frameworkId, bundle.agentId, returned, { cause, refuseMs }, this.nowMs),
    );
  }

  // Lockstep

  #both(what: string, act: (allocator: DrivenAllocator) => unknown): void {
    this.script.push(`${this.nowMs}: ${what}`);
    if (this.reference !== undefined) act(this.reference);
    this.#onFast(() => act(this.fast));
    this.#demandSameCharges();
  }

  #onFast<Result>(act: () => Result): Result {
    try {
      return act();
    } catch (error) {
      throw this.#disagreement(`the fast allocator throws: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }

  #advance(ms: number): void {
    this.script.push(`${this.nowMs}: ${ms} ms pass`);
    const untilMs = this.nowMs + ms;
    for (let dueMs = this.#dueMs(); dueMs <= untilMs; dueMs = this.#dueMs()) {
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.#runBoth();
    }
    this.nowMs = untilMs;
  }

  #dueMs(): number {
    return Math.min(this.fast.nextRunAtMs(), this.reference?.nextRunAtMs() ?? Infinity);
  }

  #runBoth(): void {
    const { nowMs } = this;
    this.#random.beginAt(nowMs);
    const expected = this.reference?.run(nowMs);
    this.#random.beginAt(nowMs);
    const isDue = this.fast.nextRunAtMs() <= nowMs;
    const actual: AllocationRun = isDue ? this.#onFast(() => this.fast.run(nowMs)) : { allocations: [], inverseOffers: [] };
    const { allocations, inverseOffers } = expected ?? actual;
    this.script.push(
      ...allocations.map((allocation) => `${nowMs}:   ${allocationText(allocation)}`),
      ...inverseOffers.map((request) => `${nowMs}:   ${inverseText(request)}`),
    );
    if (expected !== undefined) {
      const when = `${nowMs} ms${isDue ? '' : ' (the fast one has no run due)'}`;
      this.#demandEqual(expected.allocations.map(allocationText).join('\n'), actual.allocations.map(allocationText).join('\n'), `the run at ${when}`);
      this.#demandEqual(
        expected.inverseOffers.map(inverseText).sort().join('\n'),
        actual.inverseOffers.map(inverseText).sort().join('\n'),
        `the inverse offers at ${when}`,
      );
    }
    if (this.fast.nextRunAtMs() <= nowMs)
      throw this.#disagreement(`the allocator is due again at ${this.fast.nextRunAtMs()} after its run at ${nowMs}`);
    this.setting.observe?.(actual, this);
    for (const { frameworkId: framework, agentId: agent, role, resources: granted } of allocations)
      this.#take(framework, agent, role, granted, false);
    this.#inverseOffers.push(...inverseOffers);
    this.handedOut.push(...allocations.map((allocation) => `${nowMs}: ${sentence(allocation)}`));
    this.#demandSameCharges();
  }

  /** By the books, and where there is a judge, by its own. */
  #demandSameCharges(): void {
    for (const framework of frameworkNames) {
      const booked = new Map<AgentId, Resources>();
      for (const { agentId: agent, resources: held } of this.#bundles.filter((bundle) => bundle.frameworkId === framework))
        booked.set(agent, (booked.get(agent) ?? Resources.empty).plus(held));
      for (const allocator of [this.reference, this.fast]) {
        if (allocator !== undefined)
          this.#demandEqual(chargesText(booked), chargesText(allocator.charged(frameworkId(framework))), `what is charged to ${framework}`);
      }
    }
    if (this.reference === undefined) return;
    this.#demandEqual(`${this.reference.filterCountAt(this.nowMs)}`, `${this.fast.filterCount}`, 'the number of live filters');
    for (const agent of this.#infos.keys())
      this.#demandEqual(
        answersText(this.reference.inverseOfferAnswers(agent)),
        answersText(this.fast.inverseOfferAnswers(agent)),
        `the answers on ${agent}`,
      );
  }

  #demandEqual(expected: string, actual: string, what: string): void {
    if (expected !== actual) throw this.#disagreement(`${what} is\n${indented(actual)}\nand should be\n${indented(expected)}`);
  }

  #disagreement(how: string): Disagreement {
    return new Disagreement(`${['', ...this.script].join('\n  ')}\n${how}`);
  }
}

function indented(text: string): string {
  return text === ''
    ? '  nothing'
    : text
        .split('\n')
        .map((line) => `  ${line}`)
        .join('\n');
}

function allocationText({ frameworkId: framework, role, agentId: agent, resources: granted }: Allocation): string {
  return `${framework} gets ${granted.toString()} of ${agent} for role ${role}`;
}

function inverseText({ frameworkId: framework, agentId: agent, unavailability }: InverseOfferRequest): string {
  return `${framework} is asked to leave ${agent} by ${unavailability.startMs}`;
}

function chargesText(charged: ReadonlyMap<AgentId, Resources>): string {
  return [...charged]
    .map(([agent, held]) => `${agent}: ${held.toString()}`)
    .sort()
    .join('\n');
}

function answersText(answers: ReadonlyMap<FrameworkId, InverseOfferAnswer>): string {
  return [...answers]
    .map(([framework, answer]) => `${framework}: ${answer}`)
    .sort()
    .join('\n');
}

function isOfShared({ consumed }: ResourceConversion): boolean {
  return !consumed.shared().isEmpty;
}

function converted({ consumed, converted: made }: ResourceConversion): string {
  return `${consumed.toString() || 'nothing'} becomes ${made.toString()}`;
}

function infoOf(total: Resources, { host, rack, region }: { readonly host: string; readonly rack: string; readonly region: string }): AgentInfo {
  return anAgent(total, {
    hostname: host,
    attributes: rack === '' ? [] : [rack === '7' ? { name: 'rack', kind: 'scalar', milli: 7000 } : { name: 'rack', kind: 'text', text: rack }],
    ...(region === '' ? {} : { domain: { faultDomain: { region, zone: 'z' } } }),
  });
}

function frameworkOf({ roles, suppressed, capabilities, constraint, minimumSize }: FrameworkSketch) {
  const groups = constraints[constraint];
  const sizes = minimumSizes[minimumSize];
  const info = aFramework({
    roles,
    capabilities: ['MULTI_ROLE', ...capabilities],
    ...(sizes === undefined ? {} : { minAllocatable: Object.fromEntries(roles.map((role) => [role, sizes])) }),
  });
  const offerConstraints: OfferConstraints = groups === undefined ? new Map() : new Map(roles.map((role) => [role, groups]));
  return { info, offerConstraints, suppressed: suppressed.filter((role) => roles.includes(role)) };
}

function sketched({ roles, suppressed, capabilities, constraint, minimumSize }: FrameworkSketch): string {
  return [
    `roles ${roles.join(', ')}`,
    ...(suppressed.length === 0 ? [] : [`suppressed ${suppressed.join(', ')}`]),
    ...capabilities,
    ...(constraint === 'none' ? [] : [`wants ${constraint}`]),
    ...(minimumSize === 'as all' ? [] : [`minimum ${minimumSize}`]),
  ].join('; ');
}

/** Full match. */
const anchored: AllocatorOptions['compileRegex'] = (pattern) => {
  const expression = new RegExp(`^(?:${pattern})$`);
  return { ok: true, matches: (text) => expression.test(text) };
};

/** So many tenths: of divisible scalars and ranges, rounded down; what is whole is taken from the half on. */
export function partOf(amounts: Resources, tenths: number): Resources {
  const parts: Resource[] = [];
  for (const resource of amounts) {
    const { value } = resource;
    const isWhole =
      resource.shared || isPersistentVolume(resource) || resource.disk?.source?.type === 'MOUNT' || resource.name === 'gpus' || value.kind === 'set';
    if (isWhole) {
      if (tenths >= 5) parts.push(resource);
    } else if (value.kind === 'scalar') {
      parts.push({ ...resource, value: { kind: 'scalar', milli: Math.floor((value.milli * tenths) / 10) } });
    } else if (value.kind === 'ranges') {
      const numbers = value.ranges.flatMap(({ begin, end }) => Array.from({ length: end - begin + 1 }, (_, i) => begin + i));
      parts.push({
        ...resource,
        value: { kind: 'ranges', ranges: numbers.slice(0, Math.floor((numbers.length * tenths) / 10)).map((port) => ({ begin: port, end: port })) },
      });
    }
  }
  return Resources.of(parts);
}

// Arbitraries

/** What a kind of history is about: options, and how often which step occurs (0: never). Steps that are not named occur as usual. */
export interface Emphasis {
  readonly options?: Partial<AllocatorOptions>;
  readonly machines?: readonly Machine[];
  readonly roles?: readonly Role[];
  readonly capabilities?: readonly FrameworkCapability[];
  readonly weights?: Partial<Record<Step['kind'], number>>;
  readonly refuseMs?: readonly number[];
  readonly stepCountMax?: number;
  /** Agents often come with what they run for frameworks, as after a failover. */
  readonly isReporting?: boolean;
}

export interface History {
  readonly seed: number;
  readonly steps: readonly Step[];
}

const usualWeights: Record<Step['kind'], number> = {
  'add-agent': 4,
  'remove-agent': 1,
  'toggle-agent': 1,
  'change-machine': 1,
  'change-host': 1,
  charge: 1,
  'add-framework': 3,
  'remove-framework': 1,
  'toggle-framework': 1,
  'update-framework': 1,
  suppress: 1,
  revive: 1,
  answer: 9,
  rescind: 1,
  end: 6,
  'return-late': 1,
  operate: 4,
  'operate-on-free': 1,
  weight: 1,
  quota: 1,
  allow: 1,
  window: 2,
  'answer-inverse': 2,
  recover: 0,
  advance: 15,
};

export const machineNames = Object.keys(machines) as readonly Machine[];
const allCapabilities: readonly FrameworkCapability[] = [
  'GPU_RESOURCES',
  'REVOCABLE_RESOURCES',
  'SHARED_RESOURCES',
  'RESERVATION_REFINEMENT',
  'REGION_AWARE',
];

export function historyArbitrary(emphasis: Emphasis = {}): fc.Arbitrary<History> {
  const agent = fc.constantFrom(...agentNames);
  const framework = fc.constantFrom(...frameworkNames);
  const host = fc.constantFrom(...hostNames);
  const rack = fc.constantFrom('', 'r1', 'r2', '7');
  const region = fc.constantFrom('', '', '', 'here', 'there');
  const machine = fc.constantFrom(...(emphasis.machines ?? machineNames));
  const role = fc.constantFrom(...(emphasis.roles ?? roleNames));
  const which = fc.nat(40);
  const tenths = fc.constantFrom(0, 0, 3, 5, 10);
  const refuseMs = fc.constantFrom(...(emphasis.refuseMs ?? [0, 0, 1, 1500, 5000, 60_000]));
  const capabilities = fc.subarray([...(emphasis.capabilities ?? allCapabilities)]);
  const sketch: fc.Arbitrary<FrameworkSketch> = fc.record({
    roles: fc.uniqueArray(role, { minLength: 1, maxLength: 3 }),
    suppressed: fc.oneof({ weight: 7, arbitrary: fc.constant<Role[]>([]) }, { weight: 1, arbitrary: fc.subarray([...roleNames], { maxLength: 3 }) }),
    capabilities,
    constraint: fc.oneof({ weight: 2, arbitrary: fc.constant('none' as const) }, { weight: 1, arbitrary: fc.constantFrom(...(Object.keys(constraints) as (keyof typeof constraints)[])) }),
    minimumSize: fc.constantFrom('as all', 'as all', 'as all', 'anything', 'big'),
  });
  const someUnits = fc.constantFrom<Units>(
    {},
    { cpus: 1 },
    { cpus: 3 },
    { cpus: 5, mem: 1000 },
    { mem: 512 },
    { disk: 600 },
    { cpus: 2, disk: 1000 },
    { cpus: 0 },
    { cpus: 100 },
    { gold: 1 },
  );
  const useOf = fc.record({ framework, role, tenths: fc.constantFrom(3, 5, 10) });

  const fields: { [Kind in Step['kind']]: object } = {
    'add-agent': {
      agent,
      machine,
      host,
      rack,
      region,
      used: fc.oneof(
        { weight: emphasis.isReporting === true ? 1 : 4, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: fc.array(useOf, { minLength: 1, maxLength: 2 }) },
      ),
    },
    'remove-agent': { agent },
    'toggle-agent': { agent },
    'change-machine': { agent, machine },
    'change-host': { agent, host, rack, region },
    charge: { framework, role, agent, tenths: fc.constantFrom(3, 10) },
    'add-framework': { framework, sketch, active: fc.constantFrom(true, true, true, true, true, false), claims: fc.boolean() },
    'remove-framework': { framework },
    'toggle-framework': { framework },
    'update-framework': { framework, sketch },
    suppress: { framework, roles: fc.subarray([...roleNames], { maxLength: 3 }) },
    revive: { framework, roles: fc.subarray([...roleNames], { maxLength: 3 }) },
    answer: { which, usedTenths: tenths, refuseMs, restFirst: fc.boolean() },
    rescind: { of: fc.constantFrom(...agentNames, ...frameworkNames) },
    end: { which, keptTenths: fc.constantFrom(0, 0, 3, 7) },
    'return-late': { which, cause: fc.constantFrom<Recovery['cause']>('ended', 'declined', 'rescinded'), refuseMs },
    operate: {
      which,
      operations: fc.array(fc.constantFrom<Operation>('reserve', 'reserve', 'unreserve', 'create', 'create-shared', 'destroy', 'copy'), {
        minLength: 1,
        maxLength: 3,
      }),
    },
    'operate-on-free': {
      agent,
      role,
      operations: fc.array(fc.constantFrom<Exclude<Operation, 'copy'>>('reserve', 'unreserve', 'create', 'create-shared', 'destroy'), {
        minLength: 1,
        maxLength: 3,
      }),
      isBold: fc.boolean(),
    },
    weight: { role, weight: fc.constantFrom(1, 2, 3, 0.5) },
    quota: { role: fc.constantFrom('eng', 'ops', '*'), guarantees: someUnits, limits: someUnits },
    allow: { hosts: fc.option(fc.subarray([...hostNames]), { nil: undefined }) },
    window: { agent, startMs: fc.option(fc.constantFrom(1, 2), { nil: undefined }) },
    'answer-inverse': { which, answer: fc.constantFrom('accept', 'decline', undefined), refuseMs: fc.constantFrom(0, 1, 2500) },
    recover: { agentCount: fc.integer({ min: 0, max: 4 }) },
    advance: { ms: fc.constantFrom(1, 3, 5, 7, 200, 495, 995, 1000, 1000, 2500, 6000) },
  };
  const of = (kind: Step['kind']): fc.Arbitrary<Step> =>
    fc.record({ kind: fc.constant(kind), ...fields[kind] } as Record<string, fc.Arbitrary<unknown>>) as unknown as fc.Arbitrary<Step>;
  const step = fc.oneof(
    ...(Object.keys(fields) as Step['kind'][]).map((kind) => ({ weight: emphasis.weights?.[kind] ?? usualWeights[kind], arbitrary: of(kind) })),
  );
  const some = (kind: Step['kind'], maxLength: number, minLength = 0): fc.Arbitrary<Step[]> =>
    fc.array(of(kind), { minLength, maxLength, size: 'max' });
  const begins = (kind: Step['kind'], maxLength: number): fc.Arbitrary<Step[]> =>
    (emphasis.weights?.[kind] ?? usualWeights[kind]) > 0 ? some(kind, maxLength) : fc.constant([]);

  return fc.record({
    seed: fc.nat(),
    steps: fc
      .tuple(
        (emphasis.weights?.recover ?? 0) > 0 ? fc.tuple(some('quota', 2), some('recover', 1)).map((both) => both.flat()) : fc.constant([]),
        begins('quota', 1),
        some('add-framework', 4, 1),
        some('add-agent', 5, 1),
        fc.array(step, { minLength: 5, maxLength: emphasis.stepCountMax ?? 60, size: 'max' }),
        fc.constant<Step[]>([{ kind: 'advance', ms: 2000 }]),
      )
      .map((parts) => parts.flat()),
  });
}

/** Carries a history out on both; throws {@link Disagreement} with the script. */
export function agree({ seed, steps }: History, options?: Partial<AllocatorOptions>): Replay {
  const replay = new Replay({ seed, options, isJudged: true });
  replay.replay(steps);
  return replay;
}
