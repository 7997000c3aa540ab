// Sibling order against a full sort.
//
// Proves:    B1 to B4 (also with hundreds of siblings and moves from any place to any other), and the chances of the random sorter.
// How:       after each change of a long random history the kept order is compared with a sort from scratch; frequencies over fixed seeds, so that they
//            are the same in every run of the test.

import fc from 'fast-check';
import type { SorterKind } from '../../allocator/allocator';
import { ShareAccount } from '../../allocator/share-account';
import { SiblingOrder } from '../../allocator/sibling-order';
import { agentId } from '../../common/model/ids';
import { quantities, seededRandom } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';

const anywhere = agentId('a1');

class Sibling extends ShareAccount {}

/** One order, its siblings `s000`, `s001`, ..., and bundles of so many thousandths of the cluster's cpus. */
class Family extends AllocatorParts {
  readonly order: SiblingOrder<Sibling>;
  readonly siblings: readonly Sibling[];

  constructor(count: number, kind: SorterKind = 'drf') {
    super();
    this.totals.add(this.vector(quantities({ cpus: 1000 })), 1);
    this.order = new SiblingOrder(this.totals, kind);
    this.siblings = Array.from({ length: count }, (_, i) => new Sibling(`s${String(i).padStart(3, '0')}`, this.totals));
    for (const sibling of this.siblings) this.order.join(sibling);
  }

  charge(sibling: Sibling, cpus: number): void {
    sibling.charge(anywhere, this.bundle(`cpus:${cpus}`));
  }

  credit(sibling: Sibling, cpus: number): void {
    sibling.credit(anywhere, this.bundle(`cpus:${cpus}`));
  }

  /** The members by what they hold now, whatever they were sorted by. */
  check(members: Iterable<Sibling> = this.siblings): void {
    const sorted = [...members].sort((a, b) => {
      const byShare = a.currentShare() - b.currentShare() || a.grantCount - b.grantCount || (a.path < b.path ? -1 : 1);
      return Number(a.standsBack) - Number(b.standsBack) || byShare;
    });
    expect(this.order.inOrder(0).map(({ path }) => path)).toEqual(sorted.map(({ path }) => path));
    expect([this.order.size, this.order.isAllBack]).toEqual([sorted.length, sorted.length > 0 && sorted.every(({ standsBack }) => standsBack)]);
  }
}

test.each([1, 2, 23, 24, 25, 26, 48, 49, 100, 298, 299])('one that moves by %d places, forwards or backwards, from wherever it stands, leaves the others in order', (distance) => {
  const family = new Family(300);
  const { order, siblings } = family;
  // s000 holds 1, s001 holds 3, s002 holds 5, ...: there is room between each two.
  for (const [place, sibling] of siblings.entries()) family.charge(sibling, 2 * place + 1);
  for (const from of [0, 1, 24, 25, 150, 274, 298, 299]) {
    for (const to of [from - distance, from + distance]) {
      if (to < 0 || to > 299) continue;
      const sibling = siblings[from]!;
      const before = order.inOrder(0).map(({ path }) => path);
      // Just past whoever stands at `to`: 2 * to + 2 when it goes back, 2 * to when it comes forward.
      const held = 2 * from + 1;
      const change = to > from ? 2 * to + 2 - held : held - 2 * to;
      if (to > from) family.charge(sibling, change);
      else family.credit(sibling, change);
      const moved = before.filter((path) => path !== sibling.path);
      moved.splice(to, 0, sibling.path);
      expect(order.inOrder(0).map(({ path }) => path)).toEqual(moved);
      if (to > from) family.credit(sibling, change);
      else family.charge(sibling, change);
      expect(order.inOrder(0).map(({ path }) => path)).toEqual(before);
    }
  }
});

test('hundreds of siblings are in order after each of thousands of changes', () => {
  const random = seededRandom(7);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const family = new Family(350);
  const held = new Map(family.siblings.map((sibling) => [sibling, 0]));
  const change = (sibling: Sibling, cpus: number): void => {
    const before = held.get(sibling)!;
    if (cpus > before) family.charge(sibling, cpus - before);
    else if (cpus < before) family.credit(sibling, before - cpus);
    held.set(sibling, cpus);
  };
  for (const sibling of family.siblings) change(sibling, below(50));
  for (let i = 0; i < 3000; i++) {
    const sibling = family.siblings[below(350)]!;
    const kind = below(10);
    if (kind < 4) change(sibling, Math.max(0, held.get(sibling)! + below(5) - 2)); // a few places, ties, or none
    else if (kind < 7) change(sibling, below(60)); // anywhere
    else if (kind < 8) change(family.order.inOrder(0)[0]!, below(60)); // the first, as in a run
    else if (kind < 9) sibling.setWeight(1 + below(3));
    else family.order.setStandsBack(sibling, !sibling.standsBack);
    const order = family.order.inOrder(0);
    const misplaced = order.findIndex((one, place) => {
      const next = order[place + 1];
      if (next === undefined) return false;
      if (one.standsBack !== next.standsBack) return one.standsBack;
      const byShare = one.currentShare() - next.currentShare() || one.grantCount - next.grantCount;
      return byShare > 0 || (byShare === 0 && one.path > next.path);
    });
    expect([misplaced, order.length, new Set(order).size]).toEqual([-1, 350, 350]);
  }
  family.check();
});

test('totals that change cost nothing until the order is read: then it is that of the new totals', () => {
  const family = new Family(3);
  const [first, second, third] = family.siblings as [Sibling, Sibling, Sibling];
  family.totals.add(family.vector(quantities({ mem: 1000 })), 1);
  family.charge(first, 100);
  second.charge(anywhere, family.bundle('mem:200'));
  third.charge(anywhere, family.bundle('mem:150'));
  expect(family.order.inOrder(0).map(({ path }) => path)).toEqual(['s000', 's002', 's001']);
  family.totals.add(family.vector(quantities({ mem: 1000 })), 1);
  expect(family.order.isCurrent).toBe(false);
  family.order.leave(first); // whoever leaves, joins or changes meanwhile needs no place
  family.order.setStandsBack(second, true);
  family.credit(first, 10);
  family.order.join(first);
  expect(family.order.isCurrent).toBe(false);
  expect(family.order.inOrder(0).map(({ path }) => path)).toEqual(['s002', 's000', 's001']);
  expect(family.order.isCurrent).toBe(true);
});

test('an account takes part in one order at most', () => {
  const family = new Family(1);
  expect(() => new SiblingOrder<Sibling>(family.totals, 'drf').join(family.siblings[0]!)).toThrow('one order at most');
});

const which = fc.nat(2);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('hold' as const), which, cpus: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('back' as const), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('take part' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('weight' as const), which, weight: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('totals' as const), cpus: fc.constantFrom(-1000, 500, 1000) }) },
);

test('after any history of joining, leaving, holding, standing back and new totals the order is a full sort, and knows whether all stand back', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, readsAlways) => {
      const family = new Family(3); // few, so that now and then all stand back
      const members = new Set(family.siblings);
      const held = new Map(family.siblings.map((sibling) => [sibling, 0]));
      for (const [number, one] of steps.entries()) {
        const sibling = one.kind === 'totals' ? family.siblings[0]! : family.siblings[one.which]!;
        switch (one.kind) {
          case 'hold': {
            const before = held.get(sibling)!;
            if (one.cpus >= before) family.charge(sibling, one.cpus - before);
            else family.credit(sibling, before - one.cpus);
            held.set(sibling, one.cpus);
            break;
          }
          case 'back':
            if (members.has(sibling)) family.order.setStandsBack(sibling, !sibling.standsBack);
            else sibling.setStandsBack(!sibling.standsBack);
            break;
          case 'take part':
            if (members.delete(sibling)) family.order.leave(sibling);
            else {
              members.add(sibling);
              family.order.join(sibling);
            }
            break;
          case 'weight':
            sibling.setWeight(one.weight);
            break;
          case 'totals':
            family.totals.add(family.vector(quantities({ cpus: Math.abs(one.cpus) })), one.cpus < 0 ? -1 : 1);
            break;
        }
        if (readsAlways || number === steps.length - 1) family.check(members);
      }
    }),
    { numRuns: 300 },
  );
});

// The random sorter

function firstsOf(family: Family, draws: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < draws; seed++) {
    const first = family.order.inOrder(seed)[0]!.path;
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  return counts;
}

test('the random sorter puts each first in proportion to its weight, whatever it holds', () => {
  const family = new Family(4, 'random');
  for (const [place, weight] of [1, 2, 3, 4].entries()) family.siblings[place]!.setWeight(weight);
  family.charge(family.siblings[3]!, 900);
  const counts = firstsOf(family, 10_000);
  for (const [place, expected] of [1000, 2000, 3000, 4000].entries()) expect(Math.abs(counts.get(`s00${place}`)! - expected)).toBeLessThan(150);
});

test('among those who are left after the first, chances are again in proportion to weights', () => {
  const family = new Family(3, 'random');
  for (const [place, weight] of [5, 1, 2].entries()) family.siblings[place]!.setWeight(weight);
  let firsts = 0;
  let lighter = 0;
  for (let seed = 0; seed < 12_000; seed++) {
    const [first, second] = family.order.inOrder(seed);
    if (first!.path !== 's000') continue;
    firsts++;
    if (second!.path === 's001') lighter++;
  }
  expect(Math.abs(firsts / 12_000 - 5 / 8)).toBeLessThan(0.02);
  expect(Math.abs(lighter / firsts - 1 / 3)).toBeLessThan(0.02);
});

test('a shuffle depends on the seed and the names alone: who joined when, or is there besides, changes nothing', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7]), (seed, some) => {
      const all = new Family(8, 'random');
      const fewer = new Family(8, 'random');
      for (const sibling of fewer.siblings) fewer.order.leave(sibling);
      for (const place of some) fewer.order.join(fewer.siblings[place]!);
      const names = new Set(some.map((place) => fewer.siblings[place]!.path));
      const expected = all.order.inOrder(seed).filter(({ path }) => names.has(path));
      expect(fewer.order.inOrder(seed).map(({ path }) => path)).toEqual(expected.map(({ path }) => path));
    }),
  );
});

test('the order of shares does not depend on any draw', () => {
  const family = new Family(5);
  family.charge(family.siblings[2]!, 3);
  expect(family.order.inOrder(1).map(({ path }) => path)).toEqual(family.order.inOrder(2).map(({ path }) => path));
});
