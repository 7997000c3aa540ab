// Bundles: what is known of them at once, which are worth an offer, and that whole ones stay the same object.
//
// Proves:    U1 to U3 against the algebra of resources, for any bag; the smallest bundles of the master and of a framework (reference 5.4), as tables.

import fc from 'fast-check';
import { allocatorOptionsDefault } from '../../allocator/allocator';
import { BundleCache, type Bundle } from '../../allocator/bundle';
import { ClusterTotals } from '../../allocator/cluster-totals';
import { FrameworkLedger } from '../../allocator/framework-ledger';
import type { Quantities } from '../../common/model/framework';
import { frameworkId } from '../../common/model/ids';
import { Resources, type Resource } from '../../common/model/resources';
import { aScalar, bags } from '../common/model/resource-arbitraries';
import { aFramework, quantities, resources } from './allocator-cluster';

const cpusOrMem = [quantities({ cpus: 0.01 }), quantities({ mem: 32 })];
const aBundle = (text: string): Bundle => new BundleCache(new ClusterTotals()).of(text === '' ? Resources.empty : resources(text));

test.each<[claim: string, bundle: string, list: readonly Quantities[], is: boolean]>([
  ['enough cpus without memory is worth an offer', 'cpus:0.01', cpusOrMem, true],
  ['enough memory without cpus is worth an offer', 'mem:32', cpusOrMem, true],
  ['too little of both is not', 'cpus:0.009;mem:31.999', cpusOrMem, false],
  ['disk alone is not', 'disk:100000', cpusOrMem, false],
  ['reserved amounts of a name add up', 'cpus(eng):0.005;cpus:0.005', cpusOrMem, true],
  ['an entry must be met whole', 'cpus:8', [quantities({ cpus: 1, mem: 1 })], false],
  ['an empty list is content with anything', 'ports:[1-1]', [], true],
  ['an empty list is not content with nothing', '', [], false],
])('%s', (_claim, bundle, list, is) => {
  expect(aBundle(bundle).isAllocatable(list)).toBe(is);
  expect(aBundle(bundle).isAllocatable(list)).toBe(is);
});

test('the own list of a framework for the role goes before the global one, an empty one too', () => {
  const info = aFramework({ roles: ['a', 'b', 'c'], minAllocatable: { a: [quantities({ cpus: 4 })], b: [] } });
  const ledger = new FrameworkLedger(frameworkId('f'), info, new Map(), true, { ...allocatorOptionsDefault, minAllocatable: cpusOrMem });
  expect(ledger.minAllocatable('a')).toEqual([quantities({ cpus: 4 })]);
  expect(ledger.minAllocatable('b')).toEqual([]);
  expect(ledger.minAllocatable('c')).toBe(cpusOrMem);
  const offered = (bundle: string): string[] => ['a', 'b', 'c'].filter((role) => ledger.isAllocatable(aBundle(bundle), role));
  expect(offered('cpus:4')).toEqual(['a', 'b', 'c']);
  expect(offered('cpus:1')).toEqual(['b', 'c']);
  expect(offered('disk:1')).toEqual(['b']);
});

test('a bundle asked first by the global list and then by a framework\'s own answers each for itself', () => {
  const bundle = aBundle('cpus:1');
  expect([bundle.isAllocatable(cpusOrMem), bundle.isAllocatable([quantities({ cpus: 4 })]), bundle.isAllocatable(cpusOrMem)]).toEqual([true, false, true]);
});

test('a size in a name that no agent has and no quota speaks of is met by nobody, and adds no name', () => {
  const totals = new ClusterTotals();
  const bundle = new BundleCache(totals).of(resources('cpus:1'));
  expect([bundle.isAllocatable([quantities({ unheard: 1 })]), totals.size]).toEqual([false, 1]);
});

const isOfQuota = ({ value, reservations, revocable, shared }: Resource): boolean => value.kind === 'scalar' && reservations.length === 0 && !revocable && !shared;

test('what a bundle knows of itself is what the algebra says of its resources', () => {
  fc.assert(
    fc.property(bags, bags, (one, other) => {
      const totals = new ClusterTotals();
      const bundles = new BundleCache(totals);
      const bag = one.unallocated();
      const bundle = bundles.of(bag);
      const list = [...bag];
      expect(totals.named(bundle.scalars)).toEqual(bag.quantities());
      expect(totals.named(bundle.quotaScalars)).toEqual(bag.filter(isOfQuota).quantities());
      expect([bundle.isEmpty, bundle.hasReserved, bundle.hasShared, bundle.isQuotaOnly]).toEqual([
        list.length === 0,
        list.some(({ reservations }) => reservations.length > 0),
        list.some(({ shared }) => shared),
        list.every(isOfQuota),
      ]);
      expect(bundle.needsCapability).toBe(list.some(({ shared, revocable, reservations }) => shared || revocable || reservations.length > 1));
      expect(bundle.nonShared.resources.equals(bag.nonShared())).toBe(true);
      expect(bundle.allocatableTo('eng').resources.equals(bag.allocatableTo('eng'))).toBe(true);

      const second = bundles.of(other.unallocated());
      const sum = bundle.plus(second);
      expect(sum.resources.equals(bag.plus(second.resources))).toBe(true);
      expect(totals.named(sum.scalars)).toEqual(sum.resources.quantities());
      expect(bundle.minus(second).resources.equals(bag.minus(second.resources))).toBe(true);
      expect([bundle.contains(second), bundle.equals(second), sum.contains(second)]).toEqual([bag.contains(second.resources), bag.equals(second.resources), true]);
    }),
    { numRuns: 200 },
  );
});

test('a part that is the whole is the same object, so that what travels whole is compared by identity', () => {
  const bundles = new BundleCache(new ClusterTotals());
  const nothing = bundles.of(Resources.empty);
  const bundle = bundles.of(resources('cpus:4;ports:[1-2]'));
  const same = [bundle.plus(nothing), nothing.plus(bundle), bundle.minus(nothing), bundle.derived(bundle.resources), bundle.allocatableTo('eng'), bundle.nonShared];
  expect(same.every((one) => one === bundle)).toBe(true);
});

test('equal resources that come up again are the same object, whichever way they were made', () => {
  const bundles = new BundleCache(new ClusterTotals());
  const whole = bundles.of(resources('cpus:4;mem:1024'));
  expect(bundles.of(resources('mem:1024;cpus:4'))).toBe(whole);
  expect(bundles.of(resources('cpus:1')).plus(bundles.of(resources('cpus:3;mem:1024')))).toBe(whole);
  expect(bundles.of(resources('cpus:5;mem:1024')).minus(bundles.of(resources('cpus:1')))).toBe(whole);
});

test('resources that only read alike are kept apart', () => {
  const bundles = new BundleCache(new ClusterTotals());
  const disk = (vendor: string): Resources => Resources.of([aScalar('disk', 1000, { disk: { source: { type: 'MOUNT', vendor, metadata: [] } } })]);
  expect(disk('acme').toString()).toBe(disk('umbrella').toString());
  for (const vendor of ['acme', 'umbrella', 'acme']) expect(bundles.of(disk(vendor)).resources.equals(disk(vendor))).toBe(true);
});

test('volumes of one name on two agents stay each at its own path', () => {
  const bundles = new BundleCache(new ClusterTotals());
  const volumeAt = (containerPath: string): Resources => Resources.of([aScalar('disk', 1000, { disk: { persistence: { id: 'v' }, volume: { containerPath, mode: 'RW' } } })]);
  for (const path of ['one', 'two']) expect([...bundles.of(volumeAt(path)).resources].map(({ disk }) => disk?.volume?.containerPath)).toEqual([path]);
});

test('however many kinds there are, each is itself: one that was forgotten is only made anew', () => {
  const bundles = new BundleCache(new ClusterTotals());
  const kinds = Array.from({ length: 10_000 }, (_, i) => Resources.ofQuantities(new Map([['cpus', i + 1]])));
  for (const kind of [...kinds, ...kinds]) expect(bundles.of(kind).resources.scalar('cpus')).toBe(kind.scalar('cpus'));
});
