// Decline filters: containment, expiry, early removal, bounds.
//
// Proves:    F1 to F3, and that the two indexes and the heap always tell the same story.

import fc from 'fast-check';
import { ClusterTotals } from '../../allocator/cluster-totals';
import { DeclineFilters, filtersPerPlaceMax } from '../../allocator/decline-filters';
import { RoleTree, type Membership } from '../../allocator/role-tree';
import { agentId, frameworkId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import { resources } from './allocator-cluster';

const tree = new RoleTree(new ClusterTotals());
const member = (name: string): Membership => tree.track('*', frameworkId(name));
const here = agentId('a1');
const there = agentId('a2');

function expireAt(filters: DeclineFilters, nowMs: number): [string, number][] {
  const gone: [string, number][] = [];
  filters.expire(nowMs, (agent, expiredAtMs) => gone.push([agent, expiredAtMs]));
  return gone;
}

const revocableCpus = Resources.of([{ name: 'cpus', reservations: [], revocable: true, shared: false, value: { kind: 'scalar', milli: 1000 } }]);

test.each<[claim: string, refused: Resources, bundle: Resources, isRefused: boolean]>([
  ['the same bundle is refused', resources('cpus:2;mem:512'), resources('cpus:2;mem:512'), true],
  ['less of it is refused', resources('cpus:2;mem:512'), resources('cpus:2;mem:256'), true],
  ['part of it is refused', resources('cpus:2;mem:512'), resources('mem:512'), true],
  ['more of one passes, even with less of another', resources('cpus:2;mem:512'), resources('cpus:3;mem:256'), false],
  ['something new passes', resources('cpus:2;mem:512'), resources('cpus:2;mem:512;ports:[1-2]'), false],
  ['a reserved amount is not the unreserved one', resources('cpus:2'), resources('cpus(eng):1'), false],
  ['a revocable amount is not the regular one', resources('cpus:2'), revocableCpus, false],
  ['a regular and revocable bundle refuses both', resources('cpus:2').plus(revocableCpus), revocableCpus, true],
])('%s', (_claim, refused, bundle, isRefused) => {
  const filters = new DeclineFilters();
  filters.add(member('f1'), here, refused, 1000);
  expect(filters.refuses(member('f1'), here, bundle)).toBe(isRefused);
  expect(filters.refuses(member('f2'), here, bundle)).toBe(false);
  expect(filters.refuses(member('f1'), there, bundle)).toBe(false);
});

test('a filter lives through its expiry and is gone just after, oldest first', () => {
  const filters = new DeclineFilters();
  filters.add(member('f1'), there, resources('cpus:1'), 2000);
  filters.add(member('f1'), here, resources('cpus:1'), 1000);
  expect(filters.nextExpiryMs).toBe(1000);
  expect(expireAt(filters, 1000)).toEqual([]);
  expect(expireAt(filters, 2000.1)).toEqual([['a1', 1000], ['a2', 2000]]);
  expect([filters.size, filters.nextExpiryMs]).toEqual([0, Infinity]);
});

test('a filter that another makes superfluous is not kept, whichever came first; others coexist', () => {
  const filters = new DeclineFilters();
  filters.add(member('f1'), here, resources('cpus:1'), 1000);
  filters.add(member('f1'), here, resources('cpus:2'), 1000);
  filters.add(member('f1'), here, resources('cpus:1'), 900);
  expect(filters.size).toBe(1);
  filters.add(member('f1'), here, resources('cpus:1'), 5000); // smaller, but outlives the other
  filters.add(member('f1'), here, resources('mem:512'), 1000);
  expect(filters.size).toBe(3);
  expireAt(filters, 1001);
  expect(filters.refuses(member('f1'), here, resources('cpus:1'))).toBe(true);
  expect(filters.refuses(member('f1'), here, resources('cpus:2'))).toBe(false);
});

test('one filter too many at a place pushes out the one that would expire first', () => {
  const filters = new DeclineFilters();
  for (let i = 0; i <= filtersPerPlaceMax; i++) filters.add(member('f1'), here, resources(`cpus:${i + 1};mem:${100 - i}`), 1000 + i);
  expect(filters.size).toBe(filtersPerPlaceMax);
  expect(filters.refuses(member('f1'), here, resources('mem:100'))).toBe(false);
  expect(filters.refuses(member('f1'), here, resources('mem:99'))).toBe(true);
});

test('after any history, indexes and heap agree with a plain list', () => {
  const name = fc.constantFrom('f1', 'f2', 'f3');
  const place = fc.constantFrom(here, there);
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('add' as const), name, place, cpus: fc.integer({ min: 1, max: 4 }), expiresAtMs: fc.integer({ min: 0, max: 50 }) }) },
    fc.record({ kind: fc.constant('member' as const), name }),
    fc.record({ kind: fc.constant('agent' as const), place }),
    fc.record({ kind: fc.constant('expire' as const), nowMs: fc.integer({ min: 0, max: 50 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const filters = new DeclineFilters();
      let list: { name: string; place: string; cpus: number; expiresAtMs: number }[] = [];
      for (const one of steps) {
        if (one.kind === 'add') {
          list.push(one);
          filters.add(member(one.name), one.place, resources(`cpus:${one.cpus}`), one.expiresAtMs);
        } else if (one.kind === 'member') {
          list = list.filter((filter) => filter.name !== one.name);
          filters.removeOfMember(member(one.name));
        } else if (one.kind === 'agent') {
          list = list.filter((filter) => filter.place !== one.place);
          filters.removeOfAgent(one.place);
        } else {
          list = list.filter((filter) => filter.expiresAtMs >= one.nowMs);
          const times = expireAt(filters, one.nowMs).map(([, ms]) => ms);
          expect(times).toEqual([...times].sort((a, b) => a - b));
        }
        expect(filters.size).toBeLessThanOrEqual(list.length);
        expect(filters.size === 0).toBe(list.length === 0);
        expect(filters.nextExpiryMs).toBeGreaterThanOrEqual(Math.min(Infinity, ...list.map((filter) => filter.expiresAtMs)));
        for (const who of ['f1', 'f2', 'f3']) {
          for (const where of [here, there]) {
            const greatest = Math.max(0, ...list.filter((filter) => filter.name === who && filter.place === where).map((filter) => filter.cpus));
            for (let cpus = 1; cpus <= 4; cpus++) expect(filters.refuses(member(who), where, resources(`cpus:${cpus}`))).toBe(cpus <= greatest);
          }
        }
      }
    }),
    { numRuns: 200 },
  );
});
