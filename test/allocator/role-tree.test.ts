// The role tree against the obvious: shares, standing, consumption and order computed from scratch.
//
// Proves:    that siblings are compared with siblings only, weights and virtual leaves count as in the reference (3.1 to 3.3), and everything
//            kept incrementally is, after any history, what a full computation gives (R1 to R6, B1 to B4, S1 to S4, N1, N2).
// How:       named examples; then random histories in which a plain log of charges is the only memory of the checker, and fractions are
//            compared as whole numbers.

import fc from 'fast-check';
import type { Membership } from '../../allocator/role-node';
import { RoleWalk, type RoleTree, type WalkScope } from '../../allocator/role-tree';
import { agentId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import { aVolume } from '../common/model/resource-arbitraries';
import { quantities } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';

const anywhere = agentId('a1');

function partsWith(total: Readonly<Record<string, number>>, excluded: readonly string[] = []): AllocatorParts {
  const parts = new AllocatorParts({ fairSharingExcludedNames: new Set(excluded) });
  parts.totals.add(parts.vector(quantities(total)), 1);
  return parts;
}

function charge(parts: AllocatorParts, role: string, framework: string, amounts: string): void {
  parts.tree.charge(parts.member(role, framework), anywhere, parts.bundle(amounts));
}

function orderOf(tree: RoleTree): string[] {
  const order = tree.inOrder().flatMap((role) => role.activeMembers.inOrder(0).map((member) => `${role.path}:${member.frameworkId}`));
  expect(tree.membersInOrder().map(({ role, frameworkId }) => `${role.path}:${frameworkId}`)).toEqual(order);
  return order;
}

test('a subtree is compared as a whole: a rich sibling within a poor subtree still comes before a poor stranger', () => {
  const parts = partsWith({ cpus: 100 });
  parts.join('eng/web', 'f1');
  parts.join('eng/db', 'f2');
  parts.join('ops', 'f3');
  charge(parts, 'eng/web', 'f1', 'cpus:20');
  charge(parts, 'ops', 'f3', 'cpus:21');
  expect(orderOf(parts.tree)).toEqual(['eng/db:f2', 'eng/web:f1', 'ops:f3']);
  charge(parts, 'eng/db', 'f2', 'cpus:2'); // eng 22, ops 21
  expect(orderOf(parts.tree)).toEqual(['ops:f3', 'eng/db:f2', 'eng/web:f1']);
});

test('the weight of a role is that of its subtree, not of its virtual leaf, which weighs one among the children', () => {
  const parts = partsWith({ cpus: 100 });
  parts.tree.setWeight('eng', 10);
  parts.join('eng', 'direct');
  parts.join('eng/web', 'f1');
  parts.join('ops', 'f3');
  charge(parts, 'eng', 'direct', 'cpus:30');
  charge(parts, 'eng/web', 'f1', 'cpus:20');
  charge(parts, 'ops', 'f3', 'cpus:6');
  // eng 50/100/10 = 0.05 before ops 0.06; within eng the leaf has 0.30, web 0.20.
  expect(orderOf(parts.tree)).toEqual(['eng/web:f1', 'eng:direct', 'ops:f3']);
});

test('the share is the greatest of all scalars, custom ones too; names without a total count nothing', () => {
  const parts = partsWith({ cpus: 100, watts: 10 });
  parts.join('a', 'f1');
  parts.join('b', 'f2');
  charge(parts, 'a', 'f1', 'cpus:30;unheard:1000');
  charge(parts, 'b', 'f2', 'cpus:1;watts:4');
  expect(parts.tree.nodes().map((node) => [node.path, node.currentShare(), node.dominantResource()])).toEqual([['a', 0.3, 'cpus'], ['b', 0.4, 'watts']]);
  expect(orderOf(parts.tree)).toEqual(['a:f1', 'b:f2']);
});

test('an excluded name makes no share, however much of it is held, and is dominant for nobody', () => {
  const parts = partsWith({ cpus: 100, gpus: 4 }, ['gpus']);
  parts.join('a', 'f1');
  parts.join('b', 'f2');
  charge(parts, 'a', 'f1', 'cpus:1;gpus:4');
  charge(parts, 'b', 'f2', 'cpus:2');
  expect(parts.tree.nodes().map((node) => [node.path, node.currentShare(), node.dominantResource()])).toEqual([['a', 0.01, 'cpus'], ['b', 0.02, 'cpus']]);
  expect(orderOf(parts.tree)).toEqual(['a:f1', 'b:f2']);
});

test('equal shares go by the fewer grants ever made, and grants are not taken back: equals take turns', () => {
  const parts = partsWith({ cpus: 10 });
  for (const framework of ['f1', 'f10', 'f2']) parts.join('*', framework);
  expect(orderOf(parts.tree)).toEqual(['*:f1', '*:f10', '*:f2']); // plain string order
  charge(parts, '*', 'f1', 'cpus:1');
  parts.tree.credit(parts.member('*', 'f1'), anywhere, parts.bundle('cpus:1'));
  expect(orderOf(parts.tree)).toEqual(['*:f10', '*:f2', '*:f1']);
});

test('what an operation makes of what is held moves the share and is no grant', () => {
  const parts = partsWith({ cpus: 10, gold: 2 });
  parts.join('a', 'f1');
  parts.join('b', 'f2');
  charge(parts, 'a', 'f1', 'cpus:1');
  charge(parts, 'b', 'f2', 'cpus:2');
  parts.tree.exchange(parts.member('a', 'f1'), anywhere, parts.bundle('cpus:1'), parts.bundle('gold:1'));
  expect(orderOf(parts.tree)).toEqual(['b:f2', 'a:f1']); // 2/10 before 1/2
  expect(parts.member('a', 'f1').accounts.map(({ grantCount }) => grantCount)).toEqual([1, 1, 1]);
});

test('3/10 at weight 3 ties exactly with 1/10 at weight 1, although (3/10)/3 in floating point is less', () => {
  const parts = partsWith({ cpus: 10 });
  parts.tree.setWeight('heavy', 3);
  parts.join('heavy', 'f1');
  parts.join('light', 'f2');
  charge(parts, 'heavy', 'f1', 'cpus:1');
  charge(parts, 'heavy', 'f1', 'cpus:2');
  charge(parts, 'light', 'f2', 'cpus:1');
  expect(orderOf(parts.tree)).toEqual(['light:f2', 'heavy:f1']); // a tie, so fewer grants first
});

test('what an inactive framework holds still counts for its ancestors', () => {
  const parts = partsWith({ cpus: 100 });
  parts.join('eng/web', 'f1');
  parts.join('eng/db', 'f2');
  parts.join('ops', 'f3');
  charge(parts, 'eng/web', 'f1', 'cpus:20');
  charge(parts, 'ops', 'f3', 'cpus:10');
  parts.tree.deactivate(parts.member('eng/web', 'f1'));
  expect(orderOf(parts.tree)).toEqual(['ops:f3', 'eng/db:f2']);
});

test('a shared volume counts once per client and agent, however many copies are in use', () => {
  const parts = partsWith({ disk: 100 });
  const member = parts.join('*', 'f1');
  const other = parts.join('*', 'f2');
  const volume = parts.bundle(Resources.of([aVolume('v', 10_000, { shared: true })]));
  parts.tree.charge(member, anywhere, volume);
  parts.tree.charge(member, anywhere, volume);
  parts.tree.charge(other, anywhere, volume);
  expect([member.currentShare(), other.currentShare(), parts.tree.find('*')?.currentShare()]).toEqual([0.1, 0.1, 0.1]);
  parts.tree.charge(member, agentId('a2'), volume);
  expect(member.currentShare()).toBe(0.2);
  parts.tree.credit(member, agentId('a2'), volume);
  parts.tree.credit(member, anywhere, volume);
  expect(member.currentShare()).toBe(0.1);
  parts.tree.credit(member, anywhere, volume);
  expect([member.currentShare(), parts.tree.find('*')?.currentShare()]).toEqual([0, 0.1]);
  expect(() => parts.tree.credit(member, anywhere, volume)).toThrow('gives back no more copies');
});

test('a role stands back only while everyone in its subtree who takes part does, and then comes behind the richest who does not', () => {
  const parts = partsWith({ cpus: 100 });
  parts.join('eng', 'direct');
  parts.join('eng/web', 'f1');
  parts.join('ops', 'f3');
  charge(parts, 'ops', 'f3', 'cpus:50');
  parts.tree.setStandsBack(parts.member('eng/web', 'f1'), true);
  expect(orderOf(parts.tree)).toEqual(['eng:direct', 'eng/web:f1', 'ops:f3']);
  parts.tree.setStandsBack(parts.member('eng', 'direct'), true);
  expect(orderOf(parts.tree)).toEqual(['ops:f3', 'eng:direct', 'eng/web:f1']);
  parts.tree.setStandsBack(parts.member('eng/web', 'f1'), false);
  expect(orderOf(parts.tree)).toEqual(['eng/web:f1', 'eng:direct', 'ops:f3']);
});

test('whoever joins a role whose others all stand back brings it forward again, at every level above', () => {
  const parts = partsWith({ cpus: 100 });
  parts.join('eng/web', 'f1');
  parts.join('ops', 'f3');
  charge(parts, 'ops', 'f3', 'cpus:50');
  parts.tree.setStandsBack(parts.member('eng/web', 'f1'), true);
  expect(orderOf(parts.tree)).toEqual(['ops:f3', 'eng/web:f1']);
  parts.join('eng/db', 'f2');
  expect(orderOf(parts.tree)).toEqual(['eng/db:f2', 'eng/web:f1', 'ops:f3']);
});

test('when the last who does not stand back leaves, the role above stands back with the others', () => {
  const parts = partsWith({ cpus: 100 });
  parts.join('eng/web', 'f1');
  parts.join('eng/db', 'f2');
  parts.join('ops', 'f3');
  charge(parts, 'ops', 'f3', 'cpus:50');
  parts.tree.setStandsBack(parts.member('eng/web', 'f1'), true);
  expect(orderOf(parts.tree)).toEqual(['eng/db:f2', 'eng/web:f1', 'ops:f3']);
  parts.tree.deactivate(parts.member('eng/db', 'f2'));
  expect(orderOf(parts.tree)).toEqual(['ops:f3', 'eng/web:f1']);
});

test('a walk may be begun again before it has ended, and starts over', () => {
  const parts = partsWith({ cpus: 1 });
  for (const role of ['a', 'a/x', 'b']) parts.join(role, 'f1');
  const walk = new RoleWalk();
  walk.begin(parts.tree.root, 0, 'all');
  walk.next();
  walk.next();
  walk.begin(parts.tree.root, 0, 'all');
  expect([walk.next(), walk.next(), walk.next(), walk.next()].map((role) => role?.path)).toEqual(['a', 'a/x', 'b', undefined]);
});

test('a walk passes by whole subtrees whose top-level role has no guarantee left to serve, or whose limits leave nothing to offer', () => {
  const parts = new AllocatorParts();
  parts.agent('a1', 'cpus:8');
  for (const role of ['a', 'a/x', 'b/x', 'c']) parts.join(role, 'f1');
  parts.tree.setQuota('a', { guarantees: quantities({ cpus: 1 }), limits: quantities({ cpus: 1 }) });
  parts.tree.setQuota('b', { guarantees: new Map(), limits: quantities({ cpus: 0 }) });
  const walk = new RoleWalk();
  const rest = (): string[] => {
    const paths: string[] = [];
    for (let role = walk.next(); role !== undefined; role = walk.next()) paths.push(role.path);
    return paths;
  };
  const pathsOf = (scope: WalkScope): string[] => {
    walk.begin(parts.tree.root, 0, scope);
    return rest();
  };
  expect([pathsOf('all'), pathsOf('unsatisfied'), pathsOf('open')]).toEqual([['a', 'a/x', 'b/x', 'c'], ['a', 'a/x'], ['a', 'a/x', 'c']]);
  walk.begin(parts.tree.root, 0, 'all');
  walk.next();
  parts.tree.consumeUnclaimed('a/x', parts.vector(quantities({ cpus: 1 })), 1);
  walk.narrow('open');
  expect(rest()).toEqual(['a/x', 'c']); // below the role it has entered it stays
  expect([pathsOf('unsatisfied'), pathsOf('open')]).toEqual([[], ['c']]);
});

test('a membership names its accounts from the framework up to the top-level role, without the root', () => {
  const member = new AllocatorParts().member('a/b/c', 'f1');
  expect(member.accounts.map(({ path }) => path)).toEqual(['f1', 'a/b/c/.', 'a/b/c', 'a/b', 'a']);
  expect([member.role.top.path, member.role.top.top.path]).toEqual(['a', 'a']);
});

test('a role nobody needs is forgotten with its ancestors; a weight or a child keeps it', () => {
  const parts = partsWith({ cpus: 1 });
  parts.join('a/b/c', 'f1');
  parts.tree.setWeight('a', 2);
  parts.tree.untrack(parts.member('a/b/c', 'f1'));
  expect(parts.tree.nodes().map(({ path }) => path)).toEqual(['a']);
  parts.tree.setWeight('a', 1);
  expect(parts.tree.nodes()).toEqual([]);
});

test('a quota is a top-level role\'s: one for a subrole is a bug', () => {
  const { tree } = new AllocatorParts();
  expect(() => tree.setQuota('a/b', { guarantees: new Map(), limits: quantities({ cpus: 1 }) })).toThrow('top-level');
});

test('what consumes of a subrole is consumed of every role above, beside what is reserved there', () => {
  const parts = partsWith({ cpus: 10 });
  parts.tree.reserve('a/b', parts.vector(quantities({ cpus: 3 })), 1);
  parts.tree.consumeUnclaimed('a/c', parts.vector(quantities({ cpus: 2 })), 1);
  const consumed = (): unknown => parts.tree.nodes().map((node) => [node.path, parts.totals.named(node.consumed).get('cpus')]);
  expect(consumed()).toEqual([['a', 5000], ['a/b', 3000], ['a/c', 2000]]);
  parts.tree.consumeUnclaimed('a/c', parts.vector(quantities({ cpus: 2 })), -1);
  expect(consumed()).toEqual([['a', 3000], ['a/b', 3000]]);
});

test('a role ten thousand levels deep harms nobody', () => {
  const parts = partsWith({ cpus: 1 });
  parts.join(Array.from({ length: 10_000 }, () => 'r').join('/'), 'f1');
  expect(orderOf(parts.tree)).toHaveLength(1);
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

interface Log {
  readonly charges: readonly Charge[];
  /** `role:framework` pairs. */
  readonly active: ReadonlySet<string>;
  readonly standingBack: ReadonlySet<string>;
  readonly weights: ReadonlyMap<string, number>;
  readonly totals: ReadonlyMap<string, number>;
}

const isIn = (role: string, path: string): boolean => path === '' || role === path || role.startsWith(`${path}/`);

/** Active (role, framework) pairs, from the log alone. */
function slowOrder({ charges, active, standingBack, weights, totals }: Log): string[] {
  const rolesWithActive = [...new Set([...active].map((pair) => pair.split(':')[0]!))];
  const within = (path: string): string[] => {
    const prefix = path === '' ? '' : `${path}/`;
    const names = new Set(rolesWithActive.filter((role) => role !== path && isIn(role, path)).map((role) => role.slice(prefix.length).split('/')[0]!));
    const candidates: Candidate[] = [...names].map((name) => {
      const child = prefix + name;
      return { path: child, weight: weights.get(child) ?? 1, charges: charges.filter(({ role }) => isIn(role, child)), below: within(child) };
    });
    if (rolesWithActive.includes(path)) {
      const direct = charges.filter(({ role }) => role === path);
      const frameworks = [...active].filter((pair) => pair.startsWith(`${path}:`)).map((pair) => pair.split(':')[1]!);
      const members = frameworks.map((framework) => ({ path: framework, weight: 1, charges: direct.filter((one) => one.framework === framework), below: [`${path}:${framework}`] }));
      candidates.push({ path: `${path}/.`, weight: 1, charges: direct, below: sorted(members) });
    }
    return sorted(candidates);
  };
  /** Share as numerator and denominator. */
  const shareOf = ({ charges: own, weight }: Candidate): [bigint, bigint] => {
    let best: [bigint, bigint] = [0n, 1n];
    for (const [name, total] of totals) {
      if (total === 0) continue;
      const held = own.reduce((sum, one) => sum + (one.isReturned ? 0 : (one.amounts.get(name) ?? 0)), 0);
      const share: [bigint, bigint] = [BigInt(held), BigInt(total) * BigInt(weight)];
      if (share[0] * best[1] > best[0] * share[1]) best = share;
    }
    return best;
  };
  /** R6: everyone below who takes part does. */
  const standsBack = ({ below }: Candidate): boolean => below.every((pair) => standingBack.has(pair));
  const sorted = (candidates: readonly Candidate[]): string[] =>
    [...candidates]
      .sort((a, b) => {
        const [x, y] = [shareOf(a), shareOf(b)];
        const difference = x[0] * y[1] - y[0] * x[1];
        const byStanding = Number(standsBack(a)) - Number(standsBack(b));
        return byStanding || (difference !== 0n ? (difference < 0n ? -1 : 1) : a.charges.length - b.charges.length || (a.path < b.path ? -1 : 1));
      })
      .flatMap(({ below }) => below);
  return within('');
}

const roles = ['*', 'a', 'a/x', 'a/x/deep', 'a/y', 'b', 'b/x', 'c'];
const frameworks = ['f1', 'f2', 'f10'];
const role = fc.constantFrom(...roles);
const framework = fc.constantFrom(...frameworks);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('charge' as const), role, framework, cpus: fc.integer({ min: 0, max: 3 }), mem: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('credit' as const), which: fc.nat(1000) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('toggle' as const), role, framework }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('stand' as const), which: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('weight' as const), role, weight: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('total' as const), cpus: fc.integer({ min: 0, max: 60 }), mem: fc.integer({ min: 0, max: 60 }) }) },
);

const cpusAndMem = (cpus: number, mem: number): ReadonlyMap<string, number> => new Map([['cpus', cpus * 1000], ['mem', mem * 1000]]);

test('after any history the order kept incrementally is the order computed from scratch', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const parts = new AllocatorParts();
      const { tree, totals } = parts;
      let total = cpusAndMem(0, 0);
      const charges: Charge[] = [];
      const active = new Set<string>();
      const standingBack = new Set<string>();
      const weights = new Map<string, number>();
      // Everyone stays tracked: what is forgotten with its counts is the subject of an example above.
      for (const path of roles) for (const name of frameworks) parts.member(path, name);
      for (const one of steps) {
        switch (one.kind) {
          case 'charge': {
            const amounts = cpusAndMem(one.cpus, one.mem);
            charges.push({ role: one.role, framework: one.framework, amounts, isReturned: false });
            tree.charge(parts.member(one.role, one.framework), anywhere, parts.bundle(Resources.ofQuantities(amounts)));
            break;
          }
          case 'credit': {
            const out = charges.filter(({ isReturned }) => !isReturned);
            const returned = out[one.which % Math.max(1, out.length)];
            if (returned === undefined) break;
            returned.isReturned = true;
            tree.credit(parts.member(returned.role, returned.framework), anywhere, parts.bundle(Resources.ofQuantities(returned.amounts)));
            break;
          }
          case 'toggle': {
            const member = parts.member(one.role, one.framework);
            const pair = `${one.role}:${one.framework}`;
            if (active.delete(pair)) {
              if (standingBack.delete(pair)) tree.setStandsBack(member, false);
              tree.deactivate(member);
            } else {
              active.add(pair);
              tree.activate(member);
            }
            break;
          }
          case 'stand': {
            const pair = [...active][one.which % Math.max(1, active.size)];
            if (pair === undefined) break;
            const isForward = standingBack.delete(pair);
            if (!isForward) standingBack.add(pair);
            const [path, name] = pair.split(':');
            tree.setStandsBack(parts.member(path!, name!), !isForward);
            break;
          }
          case 'weight':
            weights.set(one.role, one.weight);
            tree.setWeight(one.role, one.weight);
            break;
          case 'total':
            totals.add(parts.vector(total), -1);
            total = cpusAndMem(one.cpus, one.mem);
            totals.add(parts.vector(total), 1);
            break;
        }
        expect(orderOf(tree)).toEqual(slowOrder({ charges, active, standingBack, weights, totals: total }));
        expect(tree.activeCount).toBe(active.size);
        for (const node of tree.nodes()) {
          const held = charges.filter(({ role: path, isReturned }) => !isReturned && isIn(path, node.path));
          const sum = (name: string): number => held.reduce((milli, { amounts }) => milli + amounts.get(name)!, 0);
          expect([node.amounts[totals.indexOf('cpus')] ?? 0, node.amounts[totals.indexOf('mem')] ?? 0]).toEqual([sum('cpus'), sum('mem')]);
        }
      }
    }),
    { numRuns: 300 },
  );
});

const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('track' as const), role, framework, isActive: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('untrack' as const), which: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reserve' as const), role, cpus: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('consume' as const), role, cpus: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('weight' as const), role, weight: fc.constantFrom(1, 1, 2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('quota' as const), role: fc.constantFrom('a', 'b', '*'), limit: fc.constantFrom(undefined, 0, 5) }) },
);

test('after any history exactly the roles that something needs exist, with what is reserved and consumed below them, and every membership has a bit of its own', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const parts = new AllocatorParts();
      const { tree, totals } = parts;
      const members = new Map<string, Membership>();
      const reserved = new Map<string, number>();
      const consumed = new Map<string, number>();
      const weights = new Map<string, number>();
      const limits = new Map<string, number>();
      /** Makes the amount of a role `cpus`, by taking away what was and adding what is. */
      const replace = (amounts: Map<string, number>, path: string, cpus: number, apply: (role: string, amount: ReturnType<AllocatorParts['vector']>, sign: 1 | -1) => void): void => {
        apply(path, parts.vector(quantities({ cpus })), 1);
        apply(path, parts.vector(quantities({ cpus: amounts.get(path) ?? 0 })), -1);
        amounts.set(path, cpus);
      };
      for (const one of changes) {
        switch (one.kind) {
          case 'track': {
            const member = parts.member(one.role, one.framework);
            if (one.isActive) tree.activate(member);
            members.set(`${one.role}:${one.framework}`, member);
            break;
          }
          case 'untrack': {
            const pair = [...members.keys()][one.which % Math.max(1, members.size)];
            if (pair === undefined) break;
            tree.untrack(members.get(pair)!);
            members.delete(pair);
            break;
          }
          case 'reserve':
            replace(reserved, one.role, one.cpus, (path, amount, sign) => tree.reserve(path, amount, sign));
            break;
          case 'consume':
            replace(consumed, one.role, one.cpus, (path, amount, sign) => tree.consumeUnclaimed(path, amount, sign));
            break;
          case 'weight':
            weights.set(one.role, one.weight);
            tree.setWeight(one.role, one.weight);
            break;
          case 'quota':
            if (one.limit === undefined) limits.delete(one.role);
            else limits.set(one.role, one.limit);
            tree.setQuota(one.role, { guarantees: new Map(), limits: one.limit === undefined ? new Map() : quantities({ cpus: one.limit }) });
            break;
        }
        const needed = [
          ...[...members.keys()].map((pair) => pair.split(':')[0]!),
          ...[...reserved, ...consumed].filter(([, cpus]) => cpus > 0).map(([path]) => path),
          ...[...weights].filter(([, weight]) => weight !== 1).map(([path]) => path),
          ...limits.keys(),
        ];
        const paths = roles.filter((path) => needed.some((other) => isIn(other, path)));
        expect(tree.nodes().map(({ path }) => path)).toEqual(paths.sort());
        for (const node of tree.nodes()) {
          const sum = (amounts: ReadonlyMap<string, number>): number => [...amounts].reduce((all, [path, cpus]) => (isIn(path, node.path) ? all + cpus * 1000 : all), 0);
          expect([totals.named(node.reserved).get('cpus') ?? 0, totals.named(node.consumed).get('cpus') ?? 0]).toEqual([sum(reserved), sum(reserved) + sum(consumed)]);
        }
        const bits = (list: readonly Membership[]): number[] => list.map(({ index }) => index).sort((a, b) => a - b);
        const set: number[] = [];
        for (let index = 0; index < tree.activeBits.length * 32; index++) if ((tree.activeBits[index >>> 5]! & (1 << (index & 31))) !== 0) set.push(index);
        expect(set).toEqual(bits([...members.values()].filter(({ isActive }) => isActive)));
        expect(new Set(bits([...members.values()])).size).toBe(members.size);
      }
    }),
    { numRuns: 300 },
  );
});
