// Matching: what of an offer a task takes, how many fit, and why none does.
//
// Owns:      turning requested amounts into concrete pieces of an offer, packing drafts into it, refusals with numbers.
// Elsewhere: how amounts are written (resource-request.ts), conditions on agents (agent-predicate.ts), launching (scheduler-driver.ts).
// Invariants:
//   G1. What was taken and what is left add up to what was offered, exactly; nothing is taken twice.
//   G2. `count` is the greatest number of equal requests that fit together, and `takeMany` finds them.
//   G3. A plain amount is met by unreserved resources and by those reserved for the offer's role, reserved ones first, so that what others
//       could use too is left; never by revocable resources, volumes or special disks. Amounts described in full (reserved, revocable, on a
//       volume) are met only by exactly those.
// Source: Mesos resource semantics (identity of reservations, disks, revocable); the preference of reserved resources is ours.

import type { Offer } from '../../common/model/offer';
import { formatMilli, minusItems, minusRanges } from '../../common/model/resource-value';
import { isIndivisible, Resources, type Range, type Resource, type ResourceValue } from '../../common/model/resources';
import type { ExecutorInfo } from '../../common/model/task';
import { refused } from '../../common/refusal';
import type { AgentPredicate } from './agent-predicate';
import { inputError, resources, type ResourceRequest } from './resource-request';
import type { TaskDraft } from './task-builder';

/** Why a request does not fit: how much of `name` is wanted and how much of it is left that would do. */
export interface Shortfall {
  readonly name: string;
  readonly wanted: string;
  readonly left: string;
}

/** A draft with its concrete place. */
export interface Placement {
  readonly resources: Resources;
  readonly executor?: ExecutorInfo;
}

/** One offer, or several of one agent and role, while tasks are put into it. Changes with every `take` and `place`. */
export class OfferSpace {
  readonly offers: readonly Offer[];
  readonly #offered: Resources;
  #left: Resources;
  /** Executors that run on the agent or will after what was placed: their own resources are paid for. */
  readonly #executors = new Set<string>();
  readonly #role: string | undefined;

  constructor(offers: Offer | readonly Offer[]) {
    this.offers = 'id' in offers ? [offers] : offers;
    const offered = Resources.sum(this.offers.map((offer) => offer.resources));
    this.#offered = offered;
    this.#role = offered.allocationRole;
    this.#left = offered.unallocated();
    for (const offer of this.offers) for (const executorId of offer.executorIds) this.#executors.add(executorId);
  }

  /** What nobody has taken yet. */
  get left(): Resources {
    return this.#named(this.#left);
  }

  /** What was taken so far. */
  get taken(): Resources {
    return this.#offered.minus(this.left);
  }

  /** How many of `request` fit at once into what is left (G2). Throws INPUT_REFUSED for a request of nothing. */
  count(request: ResourceRequest): number {
    return countOf(this.#left, wantOf(request));
  }

  /** Takes `request`; undefined, and nothing is taken, when it does not fit. */
  take(request: ResourceRequest): Resources | undefined {
    return this.takeMany(request, 1)?.[0];
  }

  /** Takes `request` `count` times; undefined, and nothing is taken, when they do not all fit. */
  takeMany(request: ResourceRequest, count: number): readonly Resources[] | undefined {
    const taken = takeOf(this.#left, wantOf(request), count);
    if (taken === undefined) return undefined;
    this.#left = taken.left;
    return taken.pieces.map((piece) => this.#named(piece));
  }

  /** Takes what `draft` needs, and what its executor needs unless that is paid for; undefined when it does not fit. */
  place(draft: TaskDraft): Placement | undefined {
    const before = this.#left;
    const { executor } = draft;
    if (executor === undefined) {
      const taken = this.take(draft.resources);
      return taken === undefined ? undefined : { resources: taken };
    }
    // Exactly as described, so that an executor is the same for every task that shares it.
    const own = executor.resources.unallocated();
    if (!this.#executors.has(executor.executorId)) {
      if (!before.contains(own)) return undefined;
      this.#left = before.minus(own);
    }
    const taken = this.take(draft.resources);
    if (taken === undefined) {
      this.#left = before;
      return undefined;
    }
    this.#executors.add(executor.executorId);
    return { resources: taken, executor: { ...executor, resources: this.#named(own) } };
  }

  /** Why `request` does not fit into what is left; empty when it does. */
  shortfalls(request: ResourceRequest): readonly Shortfall[] {
    return shortfallsOf(this.#left, wantOf(request));
  }

  /** As the offer says it: with the role in whose name it was made, if that was written on its resources. */
  #named(pieces: Resources): Resources {
    return this.#role === undefined ? pieces : pieces.allocatedTo(this.#role);
  }
}

export interface Packed<Draft> {
  readonly placed: readonly { readonly draft: Draft; readonly placement: Placement }[];
  /** What did not fit, in the order given. */
  readonly rest: readonly Draft[];
}

/** Puts as many of `drafts` into `space` as go in one after the other: first fit, in the order given. `countMax` places at most. */
export function pack<Draft extends TaskDraft>(space: OfferSpace, drafts: readonly Draft[], countMax = Infinity): Packed<Draft> {
  const placed: { draft: Draft; placement: Placement }[] = [];
  const rest: Draft[] = [];
  // What once did not fit fits no more, so thousands of equal drafts cost one try.
  const tooBig: TaskDraft[] = [];
  for (const draft of drafts) {
    const isHopeless = placed.length >= countMax || tooBig.some((other) => asksTheSame(other, draft));
    const placement = isHopeless ? undefined : space.place(draft);
    if (placement !== undefined) placed.push({ draft, placement });
    else rest.push(draft);
    if (placement === undefined && !isHopeless && tooBig.length < differentTriesMax) tooBig.push(draft);
  }
  return { placed, rest };
}

/** Different misfits remembered while packing; beyond it drafts are simply tried. */
const differentTriesMax = 16;

function asksTheSame(a: TaskDraft, b: TaskDraft): boolean {
  return a.executor?.executorId === b.executor?.executorId && (a.resources === b.resources || a.resources.equals(b.resources));
}

/** Why no offer fits, as a sentence and in parts, most frequent reason first. Agents with at least one fitting offer are not counted. */
export interface Mismatch {
  /** `insufficient mem on 3 agents (2048 wanted, at most 1024 left); attribute rack mismatch on 1`; empty when some reason is lacking. */
  readonly text: string;
  readonly reasons: readonly { readonly reason: string; readonly agentCount: number }[];
}

/** Explains why `request` runs on none of `offers`: an agent counts for every reason that it gives. */
export function explainMismatch(offers: readonly Offer[], request: ResourceRequest, ...where: readonly AgentPredicate[]): Mismatch {
  const want = wantOf(request);
  const fitting = new Set<string>();
  const reasons = new Map<string, { readonly agents: Set<string>; shortfall: Shortfall | undefined; leftMost: number }>();
  const blame = (reason: string, agentId: string, shortfall: Shortfall | undefined): void => {
    const entry = reasons.get(reason) ?? { agents: new Set(), shortfall, leftMost: -1 };
    entry.agents.add(agentId);
    const left = Number(shortfall?.left);
    if (left > entry.leftMost) Object.assign(entry, { shortfall, leftMost: left });
    reasons.set(reason, entry);
  };
  for (const offer of offers) {
    const missed = where.filter(({ holds }) => !holds(offer));
    const shortfalls = shortfallsOf(offer.resources.unallocated(), want);
    if (missed.length === 0 && shortfalls.length === 0) fitting.add(offer.agentId);
    for (const { label } of missed) blame(`${label} mismatch`, offer.agentId, undefined);
    for (const shortfall of shortfalls) blame(`insufficient ${shortfall.name}`, offer.agentId, shortfall);
  }
  const counted = [...reasons]
    .map(([reason, { agents, shortfall }]) => ({ reason, shortfall, agentCount: [...agents].filter((agentId) => !fitting.has(agentId)).length }))
    .filter(({ agentCount }) => agentCount > 0)
    .sort((a, b) => b.agentCount - a.agentCount || (a.reason < b.reason ? -1 : 1));
  const text = counted.map(({ reason, shortfall, agentCount }, i) => {
    const agents = i === 0 ? `${agentCount} ${agentCount === 1 ? 'agent' : 'agents'}` : String(agentCount);
    return `${reason} on ${agents}${shortfall === undefined ? '' : ` (${shortfall.wanted} wanted, at most ${shortfall.left} left)`}`;
  });
  return { text: text.join('; '), reasons: counted.map(({ reason, agentCount }) => ({ reason, agentCount })) };
}

/** A request taken apart (G3). */
interface Want {
  /** Thousandths by name, from whichever pool. */
  readonly amounts: ReadonlyMap<string, number>;
  /** Plain ports and items by name: these, from whichever pool. */
  readonly items: readonly Resource[];
  /** Described in full. */
  readonly exact: Resources;
}

function wantOf(request: ResourceRequest): Want {
  const wanted = resources(request).unallocated();
  if (wanted.isEmpty) throw inputError(refused('resources', '', 'at least one amount such as "cpus:0.1;mem:32"').refusal);
  const amounts = new Map<string, number>();
  const items: Resource[] = [];
  for (const resource of wanted) {
    if (!isPlain(resource)) continue;
    if (resource.value.kind === 'scalar') amounts.set(resource.name, resource.value.milli);
    else items.push(resource);
  }
  return { amounts, items, exact: wanted.filter((resource) => !isPlain(resource)) };
}

function isPlain(resource: Resource): boolean {
  return resource.reservations.length === 0 && isOrdinary(resource);
}

function isOrdinary({ revocable, shared, disk, providerId }: Resource): boolean {
  return !revocable && !shared && disk === undefined && providerId === undefined;
}

/** The pieces that may meet a plain amount of `name`, those with the deepest reservation first (G3). */
function poolOf(left: Resources, name: string): readonly Resource[] {
  const pool = [...left].filter((resource) => resource.name === name && isOrdinary(resource));
  return pool.sort((a, b) => b.reservations.length - a.reservations.length);
}

/** Thousandths in scalars; each item of ranges and sets counts as 1000. */
function sizeOf(value: ResourceValue): number {
  switch (value.kind) {
    case 'scalar':
      return value.milli;
    case 'ranges':
      return value.ranges.reduce((sum, { begin, end }) => sum + (end - begin + 1) * 1000, 0);
    case 'set':
      return value.items.length * 1000;
  }
}

function poolSize(left: Resources, name: string): number {
  return poolOf(left, name).reduce((sum, { value }) => sum + sizeOf(value), 0);
}

/** Whether a request can be met more than once at all: named ports and items exist once, and so does what cannot be cut. */
function isRepeatable({ items, exact }: Want): boolean {
  return items.length === 0 && [...exact].every((resource) => resource.value.kind === 'scalar' && !isIndivisible(resource));
}

function countOf(left: Resources, want: Want): number {
  if (!isRepeatable(want)) {
    let count = 0;
    // Copies of shared or equal volumes are few, and everything else fits once or not at all.
    while (takeOf(left, want, count + 1) !== undefined) count += 1;
    return count;
  }
  let count = Infinity;
  for (const [name, milli] of want.amounts) {
    // Exact amounts of the same name come out of the same pool.
    const perTask = milli + poolSize(want.exact, name);
    const pool = poolOf(left, name);
    const itemMilli = pool.some(({ value }) => value.kind !== 'scalar') ? Math.ceil(perTask / 1000) * 1000 : perTask;
    count = Math.min(count, Math.floor(poolSize(left, name) / itemMilli));
  }
  for (const resource of want.exact) {
    const held = left.filter((other) => Resources.of([{ ...other, value: resource.value }]).equals(Resources.of([resource])));
    count = Math.min(count, Math.floor(held.scalar(resource.name) / sizeOf(resource.value)));
  }
  return count;
}

function takeOf(left: Resources, want: Want, count: number): { readonly pieces: readonly Resources[]; readonly left: Resources } | undefined {
  if (count > 1 && want.items.length > 0) return undefined;
  // All exact amounts first: what only they can use must not go to an amount that any pool can meet (G2).
  let rest = left;
  for (let n = 0; n < count && !want.exact.isEmpty; n += 1) {
    if (!rest.contains(want.exact)) return undefined;
    rest = rest.minus(want.exact);
  }
  const pieces: Resources[] = [];
  for (let n = 0; n < count; n += 1) {
    const piece: Resource[] = [...want.exact];
    for (const item of want.items) {
      const found = takeItems(rest, item);
      if (found === undefined) return undefined;
      for (const part of found) piece.push(part);
      rest = rest.minus(Resources.of(found));
    }
    for (const [name, milli] of want.amounts) {
      const found = takeAmount(rest, name, milli);
      if (found === undefined) return undefined;
      for (const part of found) piece.push(part);
      rest = rest.minus(Resources.of(found));
    }
    pieces.push(Resources.of(piece));
  }
  return { pieces, left: rest };
}

/** Exactly these ports or items, from whichever pools hold them. */
function takeItems(left: Resources, item: Resource): readonly Resource[] | undefined {
  const found: Resource[] = [];
  let missing = item.value;
  for (const held of poolOf(left, item.name)) {
    const remains = minusValue(missing, held.value);
    const part = remains === undefined ? undefined : minusValue(missing, remains);
    if (remains === undefined || part === undefined || sizeOf(part) === 0) continue;
    found.push({ ...held, value: part });
    missing = remains;
  }
  return sizeOf(missing) === 0 ? found : undefined;
}

/** So many thousandths, from as few pools as it takes; of ranges and sets whole items, lowest first. */
function takeAmount(left: Resources, name: string, milli: number): readonly Resource[] | undefined {
  const found: Resource[] = [];
  let missing = milli;
  for (const held of poolOf(left, name)) {
    if (missing <= 0) break;
    const part = firstOf(held.value, missing);
    found.push({ ...held, value: part });
    missing -= sizeOf(part);
  }
  return missing > 0 ? undefined : found;
}

function firstOf(value: ResourceValue, milli: number): ResourceValue {
  const items = Math.ceil(milli / 1000);
  switch (value.kind) {
    case 'scalar':
      return { kind: 'scalar', milli: Math.min(milli, value.milli) };
    case 'ranges': {
      const ranges: Range[] = [];
      let wanted = items;
      for (const { begin, end } of value.ranges) {
        if (wanted === 0) break;
        const size = Math.min(wanted, end - begin + 1);
        ranges.push({ begin, end: begin + size - 1 });
        wanted -= size;
      }
      return { kind: 'ranges', ranges };
    }
    case 'set':
      return { kind: 'set', items: value.items.slice(0, items) };
  }
}

/** undefined: values of different kinds. */
function minusValue(a: ResourceValue, b: ResourceValue): ResourceValue | undefined {
  if (a.kind === 'ranges' && b.kind === 'ranges') return { kind: 'ranges', ranges: minusRanges(a.ranges, b.ranges) };
  if (a.kind === 'set' && b.kind === 'set') return { kind: 'set', items: minusItems(a.items, b.items) };
  return undefined;
}

function shortfallsOf(left: Resources, want: Want): readonly Shortfall[] {
  if (takeOf(left, want, 1) !== undefined) return [];
  const short: Shortfall[] = [];
  const afterExact = left.minus(want.exact);
  for (const resource of want.exact) {
    const one = Resources.of([resource]);
    if (!left.contains(one)) short.push({ name: `${resource.name} as described`, wanted: one.toString(), left: 'none that would do' });
  }
  for (const item of want.items) {
    if (takeItems(left, item) === undefined) {
      const held = Resources.of(poolOf(left, item.name)).toString();
      short.push({ name: item.name, wanted: Resources.of([item]).toString(), left: held === '' ? 'none' : held });
    }
  }
  for (const [name, milli] of want.amounts) {
    const size = poolSize(afterExact, name);
    if (size < milli) short.push({ name, wanted: formatMilli(milli), left: formatMilli(size) });
  }
  return short;
}
