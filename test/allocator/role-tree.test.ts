// The role tree against the obvious: shares and order computed from scratch.
//
// Proves:    that siblings are compared with siblings only, weights and virtual leaves count as in the reference (3.1 to 3.3), and the
//            order kept incrementally is, after any history, the one that a full computation gives (R1 to R4, B1 to B3, S1 to S4).
// How:       named examples; then random histories in which a plain log of charges is the only memory of the checker, and fractions are
//            compared as whole numbers.

import fc from 'fast-check';
import { ClusterTotals } from '../../allocator/cluster-totals';
import { RoleTree } from '../../allocator/role-tree';
import { agentId, frameworkId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import { quantities, resources } from './allocator-cluster';

const anywhere = agentId('a1');

function aTree(total: Readonly<Record<string, number>>): { tree: RoleTree; totals: ClusterTotals } {
  const totals = new ClusterTotals();
  totals.replace(new Map(), quantities(total));
  return { tree: new RoleTree(totals), totals };
}

function join(tree: RoleTree, role: string, framework: string): void {
  tree.activate(tree.track(role, frameworkId(framework)));
}

function charge(tree: RoleTree, role: string, framework: string, amounts: string): void {
  tree.charge(tree.track(role, frameworkId(framework)), anywhere, resources(amounts).allocatedTo(role));
}

function orderOf(tree: RoleTree): string[] {
  return [...tree.inOrder()].flatMap((role) => role.activeMembers.inOrder().map((member) => `${role.path}:${member.frameworkId}`));
}

test('a subtree is compared as a whole: a rich sibling within a poor subtree still comes before a poor stranger', () => {
  const { tree } = aTree({ cpus: 100 });
  join(tree, 'eng/web', 'f1');
  join(tree, 'eng/db', 'f2');
  join(tree, 'ops', 'f3');
  charge(tree, 'eng/web', 'f1', 'cpus:20');
  charge(tree, 'ops', 'f3', 'cpus:21');
  expect(orderOf(tree)).toEqual(['eng/db:f2', 'eng/web:f1', 'ops:f3']);
  charge(tree, 'eng/db', 'f2', 'cpus:2'); // eng 22, ops 21
  expect(orderOf(tree)).toEqual(['ops:f3', 'eng/db:f2', 'eng/web:f1']);
});

test('the weight of a role is that of its subtree, not of its virtual leaf, which weighs one among the children', () => {
  const { tree } = aTree({ cpus: 100 });
  tree.setWeight('eng', 10);
  join(tree, 'eng', 'direct');
  join(tree, 'eng/web', 'f1');
  join(tree, 'ops', 'f3');
  charge(tree, 'eng', 'direct', 'cpus:30');
  charge(tree, 'eng/web', 'f1', 'cpus:20');
  charge(tree, 'ops', 'f3', 'cpus:6');
  // eng 50/100/10 = 0.05 before ops 0.06; within eng the leaf has 0.30, web 0.20.
  expect(orderOf(tree)).toEqual(['eng/web:f1', 'eng:direct', 'ops:f3']);
});

test('the share is the greatest of all scalars, custom ones too; names without a total count nothing', () => {
  const { tree } = aTree({ cpus: 100, watts: 10 });
  join(tree, 'a', 'f1');
  join(tree, 'b', 'f2');
  charge(tree, 'a', 'f1', 'cpus:30;unheard:1000');
  charge(tree, 'b', 'f2', 'cpus:1;watts:4');
  expect(tree.nodes().map((node) => [node.path, node.currentShare(), node.dominantResource()])).toEqual([['a', 0.3, 'cpus'], ['b', 0.4, 'watts']]);
  expect(orderOf(tree)).toEqual(['a:f1', 'b:f2']);
});

test('equal shares go by the fewer grants ever made, and grants are not taken back: equals take turns', () => {
  const { tree } = aTree({ cpus: 10 });
  for (const framework of ['f1', 'f10', 'f2']) join(tree, '*', framework);
  expect(orderOf(tree)).toEqual(['*:f1', '*:f10', '*:f2']); // plain string order
  charge(tree, '*', 'f1', 'cpus:1');
  tree.credit(tree.track('*', frameworkId('f1')), anywhere, resources('cpus:1').allocatedTo('*'));
  expect(orderOf(tree)).toEqual(['*:f10', '*:f2', '*:f1']);
});

test('3/10 at weight 3 ties exactly with 1/10 at weight 1, although (3/10)/3 in floating point is less', () => {
  const { tree } = aTree({ cpus: 10 });
  tree.setWeight('heavy', 3);
  join(tree, 'heavy', 'f1');
  join(tree, 'light', 'f2');
  charge(tree, 'heavy', 'f1', 'cpus:1');
  charge(tree, 'heavy', 'f1', 'cpus:2');
  charge(tree, 'light', 'f2', 'cpus:1');
  expect(orderOf(tree)).toEqual(['light:f2', 'heavy:f1']); // a tie, so fewer grants first
});

test('what an inactive framework holds still counts for its ancestors', () => {
  const { tree } = aTree({ cpus: 100 });
  join(tree, 'eng/web', 'f1');
  join(tree, 'eng/db', 'f2');
  join(tree, 'ops', 'f3');
  charge(tree, 'eng/web', 'f1', 'cpus:20');
  charge(tree, 'ops', 'f3', 'cpus:10');
  tree.deactivate(tree.track('eng/web', frameworkId('f1')));
  expect(orderOf(tree)).toEqual(['ops:f3', 'eng/db:f2']);
});

test('a shared volume counts once per client and agent, however many copies are in use', () => {
  const { tree } = aTree({ disk: 100 });
  join(tree, '*', 'f1');
  const volume = Resources.of([
    { name: 'disk', reservations: [], revocable: false, shared: true, disk: { persistence: { id: 'v' } }, value: { kind: 'scalar', milli: 10_000 } },
  ]).allocatedTo('*');
  const member = tree.track('*', frameworkId('f1'));
  tree.charge(member, anywhere, volume);
  tree.charge(member, anywhere, volume);
  expect(member.currentShare()).toBe(0.1);
  tree.credit(member, anywhere, volume);
  expect(member.currentShare()).toBe(0.1);
  tree.credit(member, anywhere, volume);
  expect(member.currentShare()).toBe(0);
});

test('a role nobody needs is forgotten with its ancestors; a weight or a child keeps it', () => {
  const { tree } = aTree({ cpus: 1 });
  join(tree, 'a/b/c', 'f1');
  tree.setWeight('a', 2);
  tree.untrack(tree.track('a/b/c', frameworkId('f1')));
  expect(tree.nodes().map(({ path }) => path)).toEqual(['a']);
  tree.setWeight('a', 1);
  expect(tree.nodes()).toEqual([]);
});

test('a role ten thousand levels deep harms nobody', () => {
  const { tree } = aTree({ cpus: 1 });
  join(tree, Array.from({ length: 10_000 }, () => 'r').join('/'), 'f1');
  expect(orderOf(tree)).toHaveLength(1);
});

test('giving back what is not held is a bug', () => {
  const { tree } = aTree({ cpus: 1 });
  join(tree, '*', 'f1');
  charge(tree, '*', 'f1', 'cpus:0.5');
  expect(() => tree.credit(tree.track('*', frameworkId('f1')), anywhere, resources('cpus:0.6').allocatedTo('*'))).toThrow('holds cpus:0.5');
});

// The slow, obvious order.

interface Charge {
  readonly role: string;
  readonly framework: string;
  readonly amounts: ReadonlyMap<string, number>;
  isReturned: boolean;
}

interface Candidate {
  readonly path: string;
  readonly weight: number;
  readonly charges: readonly Charge[];
  readonly below: readonly string[];
}

/** Active (role, framework) pairs, from the log alone. */
function slowOrder(log: readonly Charge[], active: ReadonlySet<string>, weights: ReadonlyMap<string, number>, totals: ReadonlyMap<string, number>): string[] {
  const isIn = (role: string, path: string): boolean => path === '' || role === path || role.startsWith(`${path}/`);
  const rolesWithActive = [...new Set([...active].map((pair) => pair.split(':')[0]!))];
  const within = (path: string): string[] => {
    const prefix = path === '' ? '' : `${path}/`;
    const names = new Set(rolesWithActive.filter((role) => role !== path && isIn(role, path)).map((role) => role.slice(prefix.length).split('/')[0]!));
    const candidates: Candidate[] = [...names].map((name) => {
      const child = prefix + name;
      return { path: child, weight: weights.get(child) ?? 1, charges: log.filter(({ role }) => isIn(role, child)), below: within(child) };
    });
    if (rolesWithActive.includes(path)) {
      const direct = log.filter(({ role }) => role === path);
      const frameworks = [...active].filter((pair) => pair.startsWith(`${path}:`)).map((pair) => pair.split(':')[1]!);
      const members = frameworks.map((framework) => ({ path: framework, weight: 1, charges: direct.filter((one) => one.framework === framework), below: [`${path}:${framework}`] }));
      candidates.push({ path: `${path}/.`, weight: 1, charges: direct, below: sorted(members) });
    }
    return sorted(candidates);
  };
  /** Share as numerator and denominator. */
  const shareOf = ({ charges, weight }: Candidate): [bigint, bigint] => {
    let best: [bigint, bigint] = [0n, 1n];
    for (const [name, total] of totals) {
      if (total === 0) continue;
      const held = charges.reduce((sum, one) => sum + (one.isReturned ? 0 : (one.amounts.get(name) ?? 0)), 0);
      const share: [bigint, bigint] = [BigInt(held), BigInt(total) * BigInt(weight)];
      if (share[0] * best[1] > best[0] * share[1]) best = share;
    }
    return best;
  };
  const sorted = (candidates: readonly Candidate[]): string[] =>
    [...candidates]
      .sort((a, b) => {
        const [x, y] = [shareOf(a), shareOf(b)];
        const difference = x[0] * y[1] - y[0] * x[1];
        return difference !== 0n ? (difference < 0n ? -1 : 1) : a.charges.length - b.charges.length || (a.path < b.path ? -1 : 1);
      })
      .flatMap(({ below }) => below);
  return within('');
}

const roles = ['*', 'a', 'a/x', 'a/x/deep', 'a/y', 'b', 'b/x', 'c'];
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('charge' as const), role: fc.constantFrom(...roles), framework: fc.constantFrom('f1', 'f2', 'f10'), cpus: fc.integer({ min: 0, max: 3 }), mem: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('credit' as const), which: fc.nat(1000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('toggle' as const), role: fc.constantFrom(...roles), framework: fc.constantFrom('f1', 'f2', 'f10') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('weight' as const), role: fc.constantFrom(...roles), weight: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('total' as const), cpus: fc.integer({ min: 0, max: 60 }), mem: fc.integer({ min: 0, max: 60 }) }) },
);

test('after any history the order kept incrementally is the order computed from scratch', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const totals = new ClusterTotals();
      const tree = new RoleTree(totals);
      let total: ReadonlyMap<string, number> = new Map();
      const log: Charge[] = [];
      const active = new Set<string>();
      const weights = new Map<string, number>();
      // Everyone stays tracked: what is forgotten with its counts is the subject of an example above.
      for (const role of roles) for (const framework of ['f1', 'f2', 'f10']) tree.track(role, frameworkId(framework));
      for (const one of steps) {
        switch (one.kind) {
          case 'charge': {
            const amounts = new Map([['cpus', one.cpus * 1000], ['mem', one.mem * 1000]]);
            log.push({ role: one.role, framework: one.framework, amounts, isReturned: false });
            tree.charge(tree.track(one.role, frameworkId(one.framework)), anywhere, Resources.ofQuantities(amounts).allocatedTo(one.role));
            break;
          }
          case 'credit': {
            const out = log.filter(({ isReturned }) => !isReturned);
            const returned = out[one.which % Math.max(1, out.length)];
            if (returned === undefined) break;
            returned.isReturned = true;
            tree.credit(tree.track(returned.role, frameworkId(returned.framework)), anywhere, Resources.ofQuantities(returned.amounts).allocatedTo(returned.role));
            break;
          }
          case 'toggle': {
            const member = tree.track(one.role, frameworkId(one.framework));
            const pair = `${one.role}:${one.framework}`;
            if (active.delete(pair)) tree.deactivate(member);
            else {
              active.add(pair);
              tree.activate(member);
            }
            break;
          }
          case 'weight':
            weights.set(one.role, one.weight);
            tree.setWeight(one.role, one.weight);
            break;
          case 'total': {
            const next = new Map([['cpus', one.cpus * 1000], ['mem', one.mem * 1000]]);
            totals.replace(total, next);
            total = next;
            break;
          }
        }
        expect(orderOf(tree)).toEqual(slowOrder(log, active, weights, total));
        expect(tree.activeCount).toBe(active.size);
      }
    }),
    { numRuns: 300 },
  );
});
