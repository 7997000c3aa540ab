// Quota ledger: what must be kept for guarantees, what limits leave, how amounts are cut.
//
// Proves:    Q1 to Q3 after any history against sums computed from scratch; that what is known to leave nothing worth an offer is known in time; the
//            rule of cutting (reference 5.2, `shrink`) as tables and as laws.

import fc from 'fast-check';
import { quotaDefault } from '../../allocator/allocator';
import { hash32, keyed } from '../../allocator/draws';
import { limitRoomAt, shrink } from '../../allocator/quota-ledger';
import { at } from '../../allocator/vector';
import { isIndivisible, Resources, type Resource } from '../../common/model/resources';
import { aScalar, bags } from '../common/model/resource-arbitraries';
import { quantities, resources } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';

test('names absent from the limits are unlimited, a limit of 0 is one, and room is never below nothing', () => {
  const parts = new AllocatorParts();
  parts.agent('a1', 'cpus:4;mem:1024;disk:10');
  parts.tree.setQuota('eng', { guarantees: new Map(), limits: quantities({ cpus: 2, disk: 0 }) });
  const eng = parts.tree.find('eng')!;
  const room = (name: string): number => limitRoomAt(eng, parts.totals.indexOf(name));
  expect([room('cpus'), room('mem'), room('disk'), room('unheard')]).toEqual([2000, Infinity, 0, Infinity]);
  parts.charges.charge(parts.join('eng/web', 'f1'), parts.agent('a2', 'cpus:4'), resources('cpus:3').allocatedTo('eng/web'));
  expect([room('cpus'), room('mem')]).toEqual([0, Infinity]);
  expect(limitRoomAt(parts.member('ops', 'f1').role, parts.totals.indexOf('cpus'))).toBe(Infinity);
});

test('a reservation serves the guarantee and uses up the limit, allocated or not; what subroles are charged does, too', () => {
  const parts = new AllocatorParts();
  const agent = parts.agent('a1', 'cpus:8;cpus(eng/db):1;mem(eng):64');
  parts.tree.setQuota('eng', { guarantees: quantities({ cpus: 4, mem: 32 }), limits: quantities({ cpus: 5 }) });
  const eng = parts.tree.find('eng')!;
  const cpus = parts.totals.indexOf('cpus');
  const { quotas } = parts;
  const numbers = (): unknown => [at(quotas.required, cpus), at(quotas.available, cpus), quotas.surplusAt(cpus), limitRoomAt(eng, cpus), eng.isUnsatisfied];
  expect(numbers()).toEqual([3000, 8000, 5000, 4000, true]);
  const member = parts.join('eng/web', 'f1');
  parts.charges.charge(member, agent, resources('cpus:3;cpus(eng/db):1').allocatedTo('eng/web'));
  expect(numbers()).toEqual([0, 5000, 5000, 1000, false]);
  parts.charges.credit(member, agent, resources('cpus:2').allocatedTo('eng/web'));
  expect(numbers()).toEqual([2000, 7000, 5000, 3000, true]);
});

test('what is guaranteed counts whether or not there is a framework; the default quota takes it back', () => {
  const parts = new AllocatorParts();
  parts.tree.setQuota('eng', { guarantees: quantities({ cpus: 4 }), limits: new Map() });
  parts.tree.setQuota('ops', { guarantees: quantities({ cpus: 2 }), limits: new Map() });
  const cpus = parts.totals.indexOf('cpus');
  expect([at(parts.quotas.required, cpus), parts.quotas.isHeadroomRequired, parts.quotas.isEmpty]).toEqual([6000, true, false]);
  parts.tree.setQuota('eng', { guarantees: quantities({ cpus: 1 }), limits: new Map() });
  expect(at(parts.quotas.required, cpus)).toBe(3000);
  for (const role of ['eng', 'ops']) parts.tree.setQuota(role, quotaDefault);
  expect([at(parts.quotas.required, cpus), parts.quotas.isHeadroomRequired, parts.quotas.isEmpty, parts.tree.nodes()]).toEqual([0, false, true, []]);
});

test('a limit that left nothing worth an offer leaves something when a name comes up that it does not limit', () => {
  const parts = new AllocatorParts({}, 32_000);
  parts.agent('a1', 'cpus:4');
  parts.tree.setQuota('eng', { guarantees: new Map(), limits: quantities({ cpus: 0 }) });
  expect(parts.tree.find('eng')!.isClosed).toBe(true);
  parts.agent('a2', 'mem:1024');
  expect(parts.tree.find('eng')!.isClosed).toBe(false);
});

const names = ['cpus', 'mem'] as const;
const roles = ['eng', 'eng/web', 'ops'];
const amount = fc.record({ cpus: fc.nat(6), mem: fc.nat(6) });
const perhaps = fc.option(fc.nat(6), { nil: undefined });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('quota' as const), role: fc.constantFrom('eng', 'ops'), guarantees: amount, limits: fc.record({ cpus: perhaps, mem: perhaps }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('none' as const), role: fc.constantFrom('eng', 'ops') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('agent' as const), total: amount }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('reserved' as const), role: fc.constantFrom(...roles), total: amount }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('charge' as const), role: fc.constantFrom(...roles), used: amount }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat(100) }) },
);

test('after any history required, available, room and what is closed are what sums from scratch say', () => {
  type Amount = Readonly<Record<'cpus' | 'mem', number>>;
  const none: Amount = { cpus: 0, mem: 0 };
  /** An offer needs two units of either. */
  const isWorth = (units: number): boolean => units >= 2;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const parts = new AllocatorParts({}, 2000);
      const { quotas, tree, totals } = parts;
      parts.agent('a0', 'cpus:1;mem:1');
      const agents: Amount[] = [{ cpus: 1, mem: 1 }];
      const reserved: { readonly role: string; readonly total: Amount }[] = [];
      const tasks: { readonly role: string; readonly used: Amount; readonly end: () => void }[] = [];
      const quotaOf = new Map<string, { readonly guarantees: Amount; readonly limits: Readonly<Record<'cpus' | 'mem', number | undefined>> }>();
      for (const [number, one] of steps.entries()) {
        switch (one.kind) {
          case 'quota': {
            const { guarantees } = one;
            const limits = Object.fromEntries(Object.entries(one.limits).flatMap(([name, units]) => (units === undefined ? [] : [[name, units]])));
            quotaOf.set(one.role, one);
            tree.setQuota(one.role, { guarantees: quantities({ ...guarantees }), limits: quantities(limits) });
            break;
          }
          case 'none':
            quotaOf.delete(one.role);
            tree.setQuota(one.role, quotaDefault);
            break;
          case 'agent':
            agents.push(one.total);
            parts.agent(`a${number + 1}`, `cpus:${one.total.cpus};mem:${one.total.mem}`);
            break;
          case 'reserved':
            reserved.push(one);
            parts.agent(`a${number + 1}`, `cpus(${one.role}):${one.total.cpus};mem(${one.role}):${one.total.mem}`);
            break;
          case 'charge': {
            // A stage for each task: where it runs is of no concern to quota.
            const { cpus, mem } = one.used;
            if (cpus + mem === 0) break;
            const bundle = parts.bundle(`cpus:${cpus};mem:${mem}`);
            const agent = parts.agent(`a${number + 1}`, Resources.empty);
            const member = parts.join(one.role, 'f1');
            parts.grant(member, agent, bundle);
            tasks.push({ ...one, end: () => parts.charges.credit(member, agent, bundle.resources.allocatedTo(one.role)) });
            break;
          }
          case 'end': {
            const [task] = tasks.splice(one.which % Math.max(1, tasks.length), 1);
            task?.end();
            break;
          }
        }
        const isBelow = (role: string, top: string): boolean => role === top || role.startsWith(`${top}/`);
        const sum = (all: readonly Amount[], name: 'cpus' | 'mem'): number => all.reduce((units, amounts) => units + amounts[name], 0);
        const consumed = (top: string, name: 'cpus' | 'mem'): number =>
          sum(reserved.filter(({ role }) => isBelow(role, top)).map(({ total }) => total), name) + sum(tasks.filter(({ role }) => isBelow(role, top)).map(({ used }) => used), name);
        const required = (name: 'cpus' | 'mem'): number => [...quotaOf].reduce((units, [top, quota]) => units + Math.max(0, quota.guarantees[name] - consumed(top, name)), 0);
        const available = (name: 'cpus' | 'mem'): number => sum(agents, name) - sum(tasks.map(({ used }) => used), name);
        for (const name of names) {
          const index = totals.indexOf(name);
          expect([name, at(quotas.required, index), at(quotas.available, index)]).toEqual([name, required(name) * 1000, available(name) * 1000]);
          expect(quotas.surplusAt(index)).toBe(Math.max(0, available(name) - required(name)) * 1000);
        }
        const isRequired = names.some((name) => required(name) > 0);
        expect(quotas.isHeadroomRequired).toBe(isRequired);
        expect(quotas.isHeadroomClosed).toBe(isRequired && !names.some((name) => isWorth(available(name) - required(name))));
        expect(quotas.isEmpty).toBe(quotaOf.size === 0);
        for (const top of ['eng', 'ops']) {
          const node = tree.find(top);
          if (node === undefined) continue;
          const { guarantees, limits } = quotaOf.get(top) ?? { guarantees: none, limits: { cpus: undefined, mem: undefined } };
          const room = (name: 'cpus' | 'mem'): number => Math.max(0, (limits[name] ?? Infinity) - consumed(top, name));
          expect(names.map((name) => limitRoomAt(node, totals.indexOf(name)))).toEqual(names.map((name) => room(name) * 1000));
          expect(node.isUnsatisfied).toBe(names.some((name) => guarantees[name] > consumed(top, name)));
          const hasLimits = names.some((name) => limits[name] !== undefined);
          expect(node.isClosed).toBe(hasLimits && !names.some((name) => isWorth(room(name))));
        }
      }
    }),
    { numRuns: 200 },
  );
});

// Cutting

const mountDisk = (units: number, root: string): Resource => aScalar('disk', units * 1000, { disk: { source: { type: 'MOUNT', root, metadata: [] } } });
const pathDisk = aScalar('disk', 2000, { disk: { source: { type: 'PATH', root: '/p', metadata: [] } } });
const roomOf = (room: Readonly<Record<string, number>>) => (name: string): number => (room[name] ?? Infinity) * 1000;

test.each<[claim: string, amounts: Resources, room: Readonly<Record<string, number>>, kept: string]>([
  ['what there is room for stays as it is', resources('cpus:4;mem:64'), { cpus: 4, mem: 100 }, 'cpus:4;mem:64'],
  ['what can be cut is cut to the room, each name to its own', resources('cpus:4;mem:64'), { cpus: 1.5, mem: 32 }, 'cpus:1.5;mem:32'],
  ['a name without room is dropped', resources('cpus:4;mem:64'), { cpus: 0 }, 'mem:64'],
  ['without any room nothing is left', resources('cpus:4'), { cpus: 0 }, ''],
  ['a name without end of room is kept whole', resources('cpus:4'), {}, 'cpus:4'],
  ['a MOUNT disk that fits is kept whole', Resources.of([mountDisk(2, '/m')]), { disk: 2 }, 'disk:2{disk MOUNT /m}'],
  ['a MOUNT disk that does not fit is left whole', Resources.of([mountDisk(2, '/m')]), { disk: 1.999 }, ''],
  ['a PATH disk is cut', Resources.of([pathDisk]), { disk: 1 }, 'disk:1{disk PATH /p}'],
])('%s', (_claim, amounts, room, kept) => {
  for (const seed of [0, 1, 2]) expect(shrink(amounts, roomOf(room), seed).toString()).toBe(kept);
});

test('of several amounts of one name the draws say which goes first; one that does not fit lets the next try', () => {
  const disks = Resources.of([mountDisk(2, '/a'), mountDisk(3, '/b'), aScalar('disk', 1000)]);
  const outcomes = new Set(Array.from({ length: 64 }, (_, seed) => shrink(disks, roomOf({ disk: 3 }), seed).toString()));
  // Of the six orders: b alone; a, then the rest cut from the plain disk or whole after it; the plain one first, then a.
  expect([...outcomes].sort()).toEqual(['disk:1;disk:2{disk MOUNT /a}', 'disk:3{disk MOUNT /b}']);
});

test('for any bag, room and draw: a part of the bag, within the room, in the order of the draws', () => {
  fc.assert(
    fc.property(bags, fc.dictionary(fc.constantFrom('cpus', 'mem', 'disk'), fc.integer({ min: 0, max: 6 }), { noNullPrototype: true }), fc.nat(1000), (bag, room, seed) => {
      const amounts = bag.unallocated().filter(({ value }) => value.kind === 'scalar');
      const kept = shrink(amounts, roomOf(room), seed);
      expect(amounts.contains(kept)).toBe(true);
      let expected = Resources.empty;
      for (const name of amounts.names()) {
        let rest = roomOf(room)(name);
        const entries = [...amounts].filter((resource) => resource.name === name).map((resource) => ({ resource, text: Resources.of([resource]).toString() }));
        entries.sort((a, b) => keyed(seed, hash32(a.text)) - keyed(seed, hash32(b.text)) || (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
        for (const { resource } of entries) {
          const milli = resource.value.kind === 'scalar' ? resource.value.milli : 0;
          const taken = isIndivisible(resource) ? (milli <= rest ? milli : 0) : Math.min(milli, rest);
          expected = expected.plus(Resources.of([{ ...resource, value: { kind: 'scalar', milli: taken } }]));
          rest -= taken;
        }
      }
      expect(kept.toString()).toBe(expected.toString());
      expect(kept.equals(expected)).toBe(true);
    }),
    { numRuns: 300 },
  );
});
