// Refusal memo against a plain set of numbers.
//
// Proves:    that a bit is there exactly from when it was set until it, all of them, or the bundle they speak of has gone, however many memberships
//            there are. What sets and clears bits is the allocator's affair (E1, E2): allocator-agreement.test.ts; one case that histories hardly come
//            upon is here.

import fc from 'fast-check';
import { RefusalMemo } from '../../allocator/refusal-memo';
import { agentId, frameworkId } from '../../common/model/ids';
import type { Resources } from '../../common/model/resources';
import { AllocatorCluster, resources } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';

/** Equal bundles that are not the same object: of two caches. */
const [parts, others] = [new AllocatorParts(), new AllocatorParts()];
const bundles = [parts.bundle('cpus:1'), others.bundle('cpus:1'), parts.bundle('cpus:2'), parts.nothing];

const index = fc.oneof(fc.nat(70), fc.constantFrom(31, 32, 63, 64, 1000));
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), index }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('recall' as const), bundle: fc.nat(bundles.length - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
);

function bitsOf(indexes: Iterable<number>): Int32Array {
  const bits = new Int32Array(40);
  for (const one of indexes) bits[one >>> 5] = bits[one >>> 5]! | (1 << (one & 31));
  return bits;
}

test('after any history a memo knows what a set would, and whether all who are asked about refuse', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.array(index, { minLength: 1 }), (steps, asked) => {
      const memo = new RefusalMemo();
      const refusing = new Set<number>();
      let about: number | undefined;
      for (const one of steps) {
        switch (one.kind) {
          case 'add':
            refusing.add(one.index);
            memo.add(one.index);
            break;
          case 'remove':
            refusing.delete(one.index);
            memo.remove(one.index);
            break;
          case 'recall':
            if (about === undefined || !bundles[about]!.equals(bundles[one.bundle]!)) refusing.clear();
            about = one.bundle;
            memo.recall(bundles[one.bundle]!);
            break;
          case 'clear':
            refusing.clear();
            about = undefined;
            memo.clear();
            break;
        }
        expect([...Array(80).keys(), 1000, 1001, 5000].filter((number) => memo.has(number))).toEqual([...refusing].sort((a, b) => a - b));
        expect(memo.hasAll(bitsOf(asked))).toBe(asked.every((number) => refusing.has(number)));
        expect(bundles.map((bundle) => memo.isAbout(bundle))).toEqual(bundles.map((_, number) => number === about));
      }
    }),
    { numRuns: 300 },
  );
});

test('bits stay for an equal bundle, and go with another', () => {
  const memo = new RefusalMemo();
  memo.recall(bundles[0]!);
  memo.add(40);
  memo.recall(bundles[1]!);
  expect(memo.has(40)).toBe(true);
  memo.recall(bundles[2]!);
  memo.recall(bundles[0]!);
  expect(memo.has(40)).toBe(false);
});

test('a filter that was pushed out refuses no more, not even from memory', () => {
  const cluster = new AllocatorCluster();
  cluster.framework('f1');
  cluster.framework('f2', { suppressedRoles: ['*'] });
  cluster.agent('a1', 'cpus:45;mem:450');
  const [offer] = cluster.advance(5);
  /** Nine parts, none of which contains another. */
  const part = (number: number): Resources => resources(`cpus:${number};mem:${10 * (10 - number)}`).allocatedTo('*');
  cluster.decline({ ...offer!, resources: part(1) }, 10_000);
  expect(cluster.offersWithin(2000)).toEqual([]);
  // The ninth filter pushes out the first; and free is again what it refused, as an agent reports that the rest is used.
  for (let number = 2; number <= 9; number++) cluster.decline({ ...offer!, resources: part(number) }, 1_000_000);
  for (let number = 2; number <= 9; number++) cluster.allocator.charge(frameworkId('f2'), agentId('a1'), part(number));
  expect(cluster.offersWithin(1000)).toEqual(['f1 gets cpus:1;mem:90 of a1 for role *']);
});
