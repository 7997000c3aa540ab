// The allocator's laws, on random histories.
//
// Proves:    conservation to the thousandth, nothing offered twice, nobody offered what is suppressed, inactive or refused, each bundle to
//            whom a from-scratch computation of weighted DRF gives it, nothing left that somebody could have had, weighted shares within one
//            bundle of fair, same seed same result, no dependence on the order of symmetric input.
// How:       a model that keeps plain lists (agents, charges, filters) and recomputes everything at every question; fractions are compared
//            as whole numbers. It shares the resource algebra with the allocator and nothing else.

import fc from 'fast-check';
import type { Allocation } from '../../allocator/allocator';
import { agentId, frameworkId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import { AllocatorCluster, aFramework, anAgent, optionsDefault, quantities, sentence } from './allocator-cluster';

const intervalMs = optionsDefault.allocationIntervalMs;
const roleNames = ['*', 'a', 'a/x', 'a/y', 'b'];
const weightOf: Readonly<Record<string, number>> = { a: 2, 'a/y': 3, b: 1 };

interface ModelAgent {
  total: Resources;
  isActive: boolean;
}

interface ModelFramework {
  roles: string[];
  readonly suppressed: Set<string>;
  isActive: boolean;
}

/** One grant, whole or in part returned. Returned ones stay for their count. */
interface ModelCharge {
  readonly framework: string;
  readonly role: string;
  readonly agent: string;
  held: Resources;
}

interface ModelFilter {
  readonly framework: string;
  readonly role: string;
  readonly agent: string;
  readonly refused: Resources;
  readonly expiresAtMs: number;
}

class Model {
  readonly agents = new Map<string, ModelAgent>();
  readonly frameworks = new Map<string, ModelFramework>();
  /** What is left counts as nobody's grant once framework or agent is gone; the counts of a client last as long as the client. */
  charges: ModelCharge[] = [];
  filters: ModelFilter[] = [];

  freeOf(agent: string): Resources {
    const charged = Resources.sum(this.charges.filter((one) => one.agent === agent).map(({ held }) => held));
    return this.agents.get(agent)!.total.minus(charged);
  }

  isSubscribed(framework: string, role: string): boolean {
    const known = this.frameworks.get(framework);
    return known !== undefined && known.isActive && known.roles.includes(role) && !known.suppressed.has(role);
  }

  /** Undefined where the pair may have nothing of `free`. `isLive` decides which filters count. */
  bundleFor(framework: string, role: string, agent: string, free: Resources, isLive: (filter: ModelFilter) => boolean): Resources | undefined {
    if (!this.isSubscribed(framework, role)) return undefined;
    const bundle = free.filter(({ reservations }) => reservations.every((one) => one.role === role || role.startsWith(`${one.role}/`)));
    if (bundle.scalar('cpus') < 10 && bundle.scalar('mem') < 32_000) return undefined;
    const isRefused = this.filters.some(
      (filter) => filter.framework === framework && filter.role === role && filter.agent === agent && isLive(filter) && filter.refused.contains(bundle),
    );
    return isRefused ? undefined : bundle;
  }

  /** [share as a fraction, held by whom] of what `selects` chooses. */
  share(selects: (charge: ModelCharge) => boolean, weight: number): [bigint, bigint] {
    let best: [bigint, bigint] = [0n, 1n];
    for (const name of ['cpus', 'mem']) {
      const total = [...this.agents.values()].reduce((sum, agent) => sum + agent.total.scalar(name), 0);
      const held = this.charges.filter(selects).reduce((sum, { held: amounts }) => sum + amounts.scalar(name), 0);
      if (total > 0 && BigInt(held) * best[1] > best[0] * BigInt(total * weight)) best = [BigInt(held), BigInt(total * weight)];
    }
    return best;
  }

  /** Whether `first` has no greater share than `second`; ties are left to chance here (role-tree.test.ts settles them). */
  isNotBehind(first: [bigint, bigint], second: [bigint, bigint]): boolean {
    return first[0] * second[1] <= second[0] * first[1];
  }

  /** Competitors on the way from the root down to a pair: path of subtree (or leaf, or framework), and its share. */
  wayTo(framework: string, role: string): { key: string; share: [bigint, bigint] }[] {
    const parts = role.split('/');
    const way = parts.map((_part, i) => {
      const path = parts.slice(0, i + 1).join('/');
      return { key: path, share: this.share((one) => one.role === path || one.role.startsWith(`${path}/`), weightOf[path] ?? 1) };
    });
    way.push({ key: `${role}/.`, share: this.share((one) => one.role === role, 1) });
    way.push({ key: framework, share: this.share((one) => one.role === role && one.framework === framework, 1) });
    return way;
  }

  /** Whether DRF may prefer the first pair to the second: at the first place where their ways part, its share is not the greater. */
  mayPrefer(first: readonly [string, string], second: readonly [string, string]): boolean {
    const one = this.wayTo(...first);
    const other = this.wayTo(...second);
    const fork = one.findIndex(({ key }, i) => key !== other[i]?.key);
    return fork === -1 || this.isNotBehind(one[fork]!.share, other[fork]!.share);
  }

  pairs(): [string, string][] {
    return [...this.frameworks].flatMap(([framework, { roles }]) => roles.map((role): [string, string] => [framework, role]));
  }
}

type Step =
  | { readonly kind: 'add-agent'; readonly agent: string; readonly cpus: number; readonly mem: number; readonly reservedCpus: number }
  | { readonly kind: 'remove-agent' | 'toggle-agent'; readonly agent: string }
  | { readonly kind: 'resize-agent'; readonly agent: string; readonly cpus: number }
  | { readonly kind: 'add-framework'; readonly framework: string; readonly roles: readonly string[] }
  | { readonly kind: 'remove-framework' | 'toggle-framework'; readonly framework: string }
  | { readonly kind: 'change-roles'; readonly framework: string; readonly roles: readonly string[] }
  | { readonly kind: 'suppress' | 'revive'; readonly framework: string; readonly role: string }
  | { readonly kind: 'decline'; readonly which: number; readonly refuseMs: number; readonly keptTenths: number }
  | { readonly kind: 'end'; readonly which: number; readonly keptTenths: number }
  | { readonly kind: 'advance'; readonly ms: number };

const agent = fc.constantFrom('a1', 'a2', 'a3', 'a4');
const framework = fc.constantFrom('f1', 'f2', 'f3', 'f10');
const cpus = fc.integer({ min: 1, max: 8 });
const roles = fc.uniqueArray(fc.constantFrom(...roleNames), { minLength: 1, maxLength: 3 });
const keptTenths = fc.constantFrom(0, 0, 3, 7);
const which = fc.nat(1000);
const of = <Kind extends Step['kind'], Fields extends object>(kind: Kind, fields: { [Key in keyof Fields]: fc.Arbitrary<Fields[Key]> }) =>
  fc.record({ kind: fc.constant(kind), ...fields });

const step = fc.oneof(
  { weight: 4, arbitrary: of('add-agent', { agent, cpus, mem: fc.integer({ min: 0, max: 8 }), reservedCpus: fc.constantFrom(0, 0, 1) }) },
  { weight: 1, arbitrary: of('remove-agent', { agent }) },
  { weight: 1, arbitrary: of('toggle-agent', { agent }) },
  { weight: 1, arbitrary: of('resize-agent', { agent, cpus }) },
  { weight: 4, arbitrary: of('add-framework', { framework, roles }) },
  { weight: 1, arbitrary: of('remove-framework', { framework }) },
  { weight: 1, arbitrary: of('toggle-framework', { framework }) },
  { weight: 1, arbitrary: of('change-roles', { framework, roles }) },
  { weight: 2, arbitrary: of('suppress', { framework, role: fc.constantFrom(...roleNames) }) },
  { weight: 2, arbitrary: of('revive', { framework, role: fc.constantFrom(...roleNames) }) },
  { weight: 6, arbitrary: of('decline', { which, refuseMs: fc.constantFrom(0, 1, 1500, 5000, 60_000), keptTenths }) },
  { weight: 6, arbitrary: of('end', { which, keptTenths }) },
  { weight: 8, arbitrary: of('advance', { ms: fc.constantFrom(1, 5, 200, 995, 1000, 2500, 10_000) }) },
) as fc.Arbitrary<Step>;

const history = fc.array(step, { minLength: 10, maxLength: 60 });

const milliOf = (units: number): number => units * 1000;

function totalOf(cpuUnits: number, memUnits: number, reservedCpus: number): Resources {
  return Resources.of([
    { name: 'cpus', reservations: [], revocable: false, shared: false, value: { kind: 'scalar', milli: milliOf(cpuUnits) } },
    { name: 'mem', reservations: [], revocable: false, shared: false, value: { kind: 'scalar', milli: milliOf(memUnits * 512) } },
    { name: 'cpus', reservations: [{ type: 'STATIC', role: 'a', labels: [] }], revocable: false, shared: false, value: { kind: 'scalar', milli: milliOf(reservedCpus) } },
  ]);
}

/** Part of the scalars, rounded to thousandths. */
function tenthsOf(amounts: Resources, tenths: number): Resources {
  return amounts.map((one) => (one.value.kind === 'scalar' ? { ...one, value: { kind: 'scalar', milli: Math.floor((one.value.milli * tenths) / 10) } } : one));
}

/** Carries a history out on allocator and model, checking each law as it goes; returns everything handed out. */
function replay(steps: readonly Step[], seed: number): string[] {
  const cluster = new AllocatorCluster({ seed });
  for (const [role, weight] of Object.entries(weightOf)) cluster.allocator.updateWeight(role, weight);
  const model = new Model();
  const handedOut: string[] = [];
  for (const one of steps) {
    carryOut(one, cluster, model, handedOut);
    checkConservation(cluster, model);
  }
  return handedOut;
}

function carryOut(one: Step, cluster: AllocatorCluster, model: Model, handedOut: string[]): void {
  const { allocator } = cluster;
  switch (one.kind) {
    case 'add-agent': {
      if (model.agents.has(one.agent)) return;
      const total = totalOf(one.cpus, one.mem, one.reservedCpus);
      model.agents.set(one.agent, { total, isActive: true });
      return cluster.agent(one.agent, total);
    }
    case 'remove-agent':
      if (!model.agents.delete(one.agent)) return;
      model.charges = model.charges.filter((charge) => charge.agent !== one.agent);
      model.filters = model.filters.filter((filter) => filter.agent !== one.agent);
      return allocator.removeAgent(agentId(one.agent));
    case 'toggle-agent': {
      const known = model.agents.get(one.agent);
      if (known === undefined) return;
      known.isActive = !known.isActive;
      return known.isActive ? allocator.activateAgent(agentId(one.agent), cluster.nowMs) : allocator.deactivateAgent(agentId(one.agent));
    }
    case 'resize-agent': {
      const known = model.agents.get(one.agent);
      if (known === undefined) return;
      known.total = totalOf(one.cpus, 2, 0);
      return allocator.updateAgent(agentId(one.agent), anAgent(known.total), cluster.nowMs);
    }
    case 'add-framework':
      if (model.frameworks.has(one.framework)) return;
      model.frameworks.set(one.framework, { roles: [...one.roles], suppressed: new Set(), isActive: true });
      return cluster.framework(one.framework, { roles: one.roles });
    case 'remove-framework':
      if (!model.frameworks.delete(one.framework)) return;
      model.charges = model.charges.filter((charge) => charge.framework !== one.framework);
      model.filters = model.filters.filter((filter) => filter.framework !== one.framework);
      return allocator.removeFramework(frameworkId(one.framework), cluster.nowMs);
    case 'toggle-framework': {
      const known = model.frameworks.get(one.framework);
      if (known === undefined) return;
      known.isActive = !known.isActive;
      if (known.isActive) return allocator.activateFramework(frameworkId(one.framework), cluster.nowMs);
      model.filters = model.filters.filter((filter) => filter.framework !== one.framework);
      return allocator.deactivateFramework(frameworkId(one.framework), cluster.nowMs);
    }
    case 'change-roles': {
      const known = model.frameworks.get(one.framework);
      if (known === undefined) return;
      // Everything given up or un-suppressed loses its filters; nothing is suppressed afterwards.
      model.filters = model.filters.filter(({ framework: of_, role }) => of_ !== one.framework || (one.roles.includes(role) && !known.suppressed.has(role)));
      known.roles = [...one.roles];
      known.suppressed.clear();
      return allocator.updateFramework(frameworkId(one.framework), aFramework({ roles: one.roles }), [], new Map(), cluster.nowMs);
    }
    case 'suppress':
    case 'revive': {
      const known = model.frameworks.get(one.framework);
      if (known === undefined || !known.roles.includes(one.role)) return;
      if (one.kind === 'suppress') {
        known.suppressed.add(one.role);
        return cluster.suppress(one.framework, one.role);
      }
      known.suppressed.delete(one.role);
      model.filters = model.filters.filter((filter) => filter.framework !== one.framework || filter.role !== one.role);
      return cluster.revive(one.framework, one.role);
    }
    case 'decline':
    case 'end': {
      const out = model.charges.filter(({ held }) => !held.isEmpty);
      const charge = out[one.which % Math.max(1, out.length)];
      if (charge === undefined) return;
      const kept = tenthsOf(charge.held, one.keptTenths);
      const returned = charge.held.minus(kept);
      charge.held = kept;
      const refuseMs = one.kind === 'decline' ? one.refuseMs : 0;
      const known = model.frameworks.get(charge.framework)!;
      if (refuseMs > 0 && known.isActive && known.roles.includes(charge.role)) {
        model.filters.push({ framework: charge.framework, role: charge.role, agent: charge.agent, refused: returned, expiresAtMs: cluster.nowMs + Math.max(intervalMs, refuseMs) });
      }
      const cause = one.kind === 'decline' ? 'declined' : 'ended';
      return allocator.recoverResources(frameworkId(charge.framework), agentId(charge.agent), returned.allocatedTo(charge.role), { cause, refuseMs }, cluster.nowMs);
    }
    case 'advance': {
      const untilMs = cluster.nowMs + one.ms;
      for (let dueMs = allocator.nextRunAtMs(); dueMs <= untilMs; dueMs = allocator.nextRunAtMs()) {
        cluster.nowMs = Math.max(cluster.nowMs, dueMs);
        const allocations = allocator.run(cluster.nowMs);
        expect(allocator.nextRunAtMs()).toBeGreaterThan(cluster.nowMs);
        for (const allocation of allocations) {
          checkAllocation(allocation, cluster.nowMs, model);
          handedOut.push(`${cluster.nowMs}: ${sentence(allocation)}`);
        }
      }
      cluster.nowMs = untilMs;
      return checkNothingLeft(cluster, model, one.ms);
    }
  }
}

/** Free, allowed, not refused, and the best placed of all who could have had something there. */
function checkAllocation({ agentId: where, frameworkId: who, role, resources }: Allocation, nowMs: number, model: Model): void {
  const isLive = (filter: ModelFilter): boolean => filter.expiresAtMs >= nowMs;
  const free = model.freeOf(where);
  expect(model.agents.get(where)!.isActive).toBe(true);
  const bundle = model.bundleFor(who, role, where, free, isLive);
  expect(`${String(bundle)} for ${who} in ${role}`).toBe(`${resources.unallocated().toString()} for ${who} in ${role}`);
  expect(resources.allocationRole).toBe(role);
  for (const [rival, rivalRole] of model.pairs()) {
    // Someone with the better claim must have got what is eligible for it before: then it is eligible for nothing here any more.
    if (model.mayPrefer([who, role], [rival, rivalRole])) continue;
    expect([rival, rivalRole, String(model.bundleFor(rival, rivalRole, where, free, isLive))]).toEqual([rival, rivalRole, 'undefined']);
  }
  model.charges.push({ framework: who, role, agent: where, held: resources.unallocated() });
}

/** After a batch nothing lies idle that somebody active, not refusing it, could have had. */
function checkNothingLeft(cluster: AllocatorCluster, model: Model, advancedMs: number): void {
  if (advancedMs < intervalMs) return;
  // An expired filter takes effect with the first batch after its expiry.
  const isLive = (filter: ModelFilter): boolean => (Math.floor(filter.expiresAtMs / intervalMs) + 1) * intervalMs > cluster.nowMs;
  for (const [name, { isActive }] of model.agents) {
    if (!isActive) continue;
    for (const [who, role] of model.pairs()) expect([name, who, role, String(model.bundleFor(who, role, name, model.freeOf(name), isLive))]).toEqual([name, who, role, 'undefined']);
  }
}

/** What the allocator has charged is what was handed out and not returned, and the shares are those of that. */
function checkConservation(cluster: AllocatorCluster, model: Model): void {
  for (const name of model.frameworks.keys()) {
    const charged = cluster.allocator.charged(frameworkId(name));
    for (const where of model.agents.keys()) {
      const held = Resources.sum(model.charges.filter((one) => one.framework === name && one.agent === where).map((one) => one.held.allocatedTo(one.role)));
      expect((charged.get(agentId(where)) ?? Resources.empty).toString()).toBe(held.toString());
    }
  }
  for (const { role, share, weight } of cluster.allocator.roles()) {
    const [numerator, denominator] = model.share((one) => one.role === role || one.role.startsWith(`${role}/`), weight);
    expect(share).toBe(Number(numerator) / Number(denominator));
  }
}

test('on any history: conserved, never twice, respecting filters and suppression, to the least served first, nothing left over', () => {
  fc.assert(fc.property(history, fc.nat(), (steps, seed) => void replay(steps, seed)), { numRuns: 250 });
});

test('the same history with the same seed hands out the same bundles at the same times', () => {
  fc.assert(
    fc.property(history, fc.nat(), (steps, seed) => expect(replay(steps, seed)).toEqual(replay(steps, seed))),
    { numRuns: 30 },
  );
});

const claimants = fc.uniqueArray(fc.record({ role: fc.constantFrom('p', 'q', 'r', 's', 't'), weight: fc.integer({ min: 1, max: 5 }) }), { minLength: 2, maxLength: 5, selector: ({ role }) => role });

test('of equal agents, weighted shares end within one bundle of fair', () => {
  fc.assert(
    fc.property(claimants, fc.integer({ min: 1, max: 40 }), fc.nat(), (wanted, agentCount, seed) => {
      const cluster = new AllocatorCluster({ seed });
      for (const { role, weight } of wanted) {
        cluster.allocator.updateWeight(role, weight);
        cluster.framework(`f-${role}`, { roles: [role] });
      }
      for (let i = 0; i < agentCount; i++) cluster.agent(`a${i}`, 'cpus:4;mem:1024');
      expect(cluster.advance(5)).toHaveLength(agentCount);
      const shares = cluster.allocator.roles();
      // Whoever got the last bundle was not ahead before it: share - bundle/weight <= everyone's share then <= everyone's share now.
      for (const one of shares) for (const other of shares) expect(one.share - 1 / agentCount / one.weight).toBeLessThanOrEqual(other.share + 1e-12);
    }),
    { numRuns: 100 },
  );
});

test('more weight never gets a role fewer of equal agents', () => {
  fc.assert(
    fc.property(claimants, fc.integer({ min: 1, max: 30 }), fc.nat(), (wanted, agentCount, seed) => {
      const bundlesOfFirst = (extra: number): number => {
        const cluster = new AllocatorCluster({ seed });
        wanted.forEach(({ role, weight }, i) => {
          cluster.allocator.updateWeight(role, i === 0 ? weight + extra : weight);
          cluster.framework(`f-${role}`, { roles: [role] });
        });
        for (let i = 0; i < agentCount; i++) cluster.agent(`a${i}`, 'cpus:4');
        return cluster.advance(5).filter(({ role }) => role === wanted[0]!.role).length;
      };
      expect(bundlesOfFirst(2)).toBeGreaterThanOrEqual(bundlesOfFirst(0));
    }),
    { numRuns: 60 },
  );
});

test('the order in which frameworks, roles and weights were told makes no difference', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }), fc.shuffledSubarray(['a', 'a/x', 'b'], { minLength: 3 }), fc.nat(), (order, weights, seed) => {
      const subscriptions = ['*', 'a', 'a/x', 'a/y', 'b', 'b'];
      const run = (frameworks: readonly number[], weighted: readonly string[]): string[] => {
        const cluster = new AllocatorCluster({ seed });
        for (let i = 0; i < 12; i++) cluster.agent(`a${i}`, `cpus:${1 + (i % 3)};mem:512`);
        for (const role of weighted) cluster.allocator.updateWeight(role, role.length + 1);
        for (const i of frameworks) cluster.framework(`f${i}`, { roles: [subscriptions[i]!] });
        return cluster.offersWithin(5);
      };
      expect(run(order, weights)).toEqual(run([0, 1, 2, 3, 4, 5], ['a', 'a/x', 'b']));
    }),
    { numRuns: 60 },
  );
});

test('the order of a list of minimum sizes makes no difference', () => {
  const entries = [quantities({ cpus: 2 }), quantities({ mem: 600 }), quantities({ cpus: 1, mem: 100 })];
  const run = (minAllocatable: typeof entries): string[] => {
    const cluster = new AllocatorCluster({ options: { minAllocatable } });
    for (let i = 1; i <= 6; i++) cluster.agent(`a${i}`, `cpus:${i / 2};mem:${i * 110}`);
    cluster.framework('f1');
    return cluster.offersWithin(5);
  };
  expect(run([...entries].reverse())).toEqual(run(entries));
  expect(run(entries)).toHaveLength(5);
});
