// Decline filters: containment, lapse, early removal, bounds.
//
// Proves:    F1 to F5, and that what agents, memberships and the heap know of filters always tells the same story. When a filter lapses is told by
//            whoever installs it; that this is with the first batch after its time is proved in drf-allocator.test.ts.
// How:       tables and examples; then random histories against a plain list of filters.

import fc from 'fast-check';
import type { AgentLedger } from '../../allocator/agent-ledger';
import { DeclineFilters, filtersPerPlaceMax } from '../../allocator/decline-filters';
import type { Membership } from '../../allocator/role-node';
import { Resources } from '../../common/model/resources';
import { aScalar } from '../common/model/resource-arbitraries';
import { resources } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';

/** No filters yet, two agents, and frameworks in the role `*`. */
class Refusals extends AllocatorParts {
  readonly filters = new DeclineFilters();
  readonly here = this.agent('a1', 'cpus:8;mem:8192');
  readonly there = this.agent('a2', 'cpus:8;mem:8192');

  of(framework: string): Membership {
    return this.member('*', framework);
  }

  add(framework: string, agent: AgentLedger, refused: string | Resources, lapsesAtMs: number): void {
    this.filters.add(this.of(framework), agent, this.bundle(refused), lapsesAtMs);
  }

  refuses(framework: string, agent: AgentLedger, offered: string | Resources): boolean {
    return this.filters.refuses(this.of(framework), agent, this.bundle(offered));
  }

  lapse(nowMs: number): string[] {
    const gone: string[] = [];
    this.filters.lapse(nowMs, ({ frameworkId }, { id }) => gone.push(`${frameworkId} on ${id}`));
    return gone;
  }
}

const revocableCpus = Resources.of([aScalar('cpus', 1000, { revocable: true })]);

test.each<[claim: string, refused: string | Resources, offered: string | Resources, isRefused: boolean]>([
  ['the same bundle is refused', 'cpus:2;mem:512', 'cpus:2;mem:512', true],
  ['less of it is refused', 'cpus:2;mem:512', 'cpus:2;mem:256', true],
  ['part of it is refused', 'cpus:2;mem:512', 'mem:512', true],
  ['more of one passes, even with less of another', 'cpus:2;mem:512', 'cpus:3;mem:256', false],
  ['something new passes', 'cpus:2;mem:512', 'cpus:2;mem:512;ports:[1-2]', false],
  ['a reserved amount is not the unreserved one', 'cpus:2', 'cpus(eng):1', false],
  ['a revocable amount is not the regular one', 'cpus:2', revocableCpus, false],
  ['a regular and revocable bundle refuses both', resources('cpus:2').plus(revocableCpus), revocableCpus, true],
])('%s', (_claim, refused, offered, isRefused) => {
  const refusals = new Refusals();
  const { here, there } = refusals;
  refusals.add('f1', here, refused, 1000);
  expect(refusals.refuses('f1', here, offered)).toBe(isRefused);
  expect(refusals.refuses('f2', here, offered)).toBe(false);
  expect(refusals.refuses('f1', there, offered)).toBe(false);
});

test('a filter is for one role: what a framework declines in one it may still be offered in another', () => {
  const refusals = new Refusals();
  const [eng, ops] = [refusals.member('eng', 'f1'), refusals.member('ops', 'f1')];
  refusals.filters.add(eng, refusals.here, refusals.bundle('cpus:1'), 1000);
  expect([eng, ops].map((member) => refusals.filters.refuses(member, refusals.here, refusals.bundle('cpus:1')))).toEqual([true, false]);
});

test('a filter lives until just before it lapses and is gone then, oldest first', () => {
  const refusals = new Refusals();
  const { filters, here, there } = refusals;
  refusals.add('f1', there, 'cpus:1', 2000);
  refusals.add('f2', here, 'cpus:1', 1000);
  refusals.add('f1', here, 'cpus:1', 1000);
  expect(filters.nextLapseMs).toBe(1000);
  expect(refusals.lapse(999.9)).toEqual([]);
  expect(refusals.lapse(1000)).toEqual(['f2 on a1', 'f1 on a1']);
  expect([filters.size, filters.nextLapseMs]).toEqual([1, 2000]);
  expect(refusals.lapse(2000.1)).toEqual(['f1 on a2']);
  expect([filters.size, filters.nextLapseMs]).toEqual([0, Infinity]);
});

test('a filter that another makes superfluous is not kept, whichever came first; others coexist', () => {
  const refusals = new Refusals();
  const { filters, here } = refusals;
  refusals.add('f1', here, 'cpus:1', 1000);
  refusals.add('f1', here, 'cpus:2', 1000);
  refusals.add('f1', here, 'cpus:1', 900);
  expect(filters.size).toBe(1);
  refusals.add('f1', here, 'cpus:1', 5000); // smaller, but outlives the other
  refusals.add('f1', here, 'mem:512', 1000);
  expect(filters.size).toBe(3);
  refusals.lapse(1000);
  expect(refusals.refuses('f1', here, 'cpus:1')).toBe(true);
  expect(refusals.refuses('f1', here, 'cpus:2')).toBe(false);
});

test.each<[claim: string, lapsesAtMs: (i: number) => number, pushedOut: number]>([
  ['the one that would lapse first', (i) => 1000 + ((i + 3) % (filtersPerPlaceMax + 1)), filtersPerPlaceMax - 2],
  ['of equals the oldest', () => 1000, 0],
])('one filter too many at a place pushes out %s', (_claim, lapsesAtMs, pushedOut) => {
  const refusals = new Refusals();
  const refused = Array.from({ length: filtersPerPlaceMax + 1 }, (_, i) => `cpus:${i + 1};mem:${100 - i}`);
  for (const [i, amounts] of refused.entries()) refusals.add('f1', refusals.here, amounts, lapsesAtMs(i));
  expect(refusals.filters.size).toBe(filtersPerPlaceMax);
  expect(refused.filter((amounts) => !refusals.refuses('f1', refusals.here, amounts))).toEqual([refused[pushedOut]]);
});

test('filters that end together share a lapse, whoever refused whatever, on however many agents', () => {
  const refusals = new Refusals();
  const { filters } = refusals;
  const member = refusals.of('f1');
  const agents = Array.from({ length: 100 }, (_, i) => refusals.agent(`many-${i}`, 'cpus:8'));
  for (const [i, agent] of agents.entries()) refusals.add('f1', agent, `cpus:${1 + (i % 7)}`, 1000);
  refusals.add('f2', agents[0]!, 'cpus:1', 1000);
  expect([filters.size, filters.lapseCount, filters.countOf(member), filters.entryCount]).toEqual([101, 1, 100, 101]);
  filters.removeOfAgent(agents[50]!);
  refusals.add('f1', agents[50]!, 'cpus:1', 1000); // the lapse has two entries of it now
  expect(refusals.lapse(1000)).toHaveLength(101);
  expect([filters.size, filters.lapseCount, filters.countOf(member), filters.entryCount]).toEqual([0, 0, 0, 0]);
});

test('whoever declines and revives again and again leaves at most as many dead entries as there are live filters, and a few', () => {
  const refusals = new Refusals();
  const { filters } = refusals;
  const agents = Array.from({ length: 100 }, (_, i) => refusals.agent(`many-${i}`, 'cpus:8'));
  for (const agent of agents) refusals.add('f1', agent, 'cpus:1', 1000);
  for (let round = 0; round < 50; round++) {
    for (const agent of agents) refusals.add('f2', agent, 'cpus:1', 1000);
    filters.removeOfMember(refusals.of('f2'));
    expect(filters.entryCount).toBeLessThanOrEqual(2 * 100 + 64);
  }
  refusals.add('f2', agents[99]!, 'cpus:1', 1000);
  expect(refusals.lapse(1000)).toEqual([...agents.map(({ id }) => `f1 on ${id}`), 'f2 on many-99']);
});

test('a lapse that is gone is not shared any more: a later equal refusal lives and lapses for itself', () => {
  const refusals = new Refusals();
  refusals.add('f1', refusals.here, 'cpus:1', 1000);
  refusals.filters.removeOfMember(refusals.of('f1'));
  refusals.add('f1', refusals.here, 'cpus:1', 1000);
  expect([refusals.filters.size, refusals.filters.nextLapseMs]).toEqual([1, 1000]);
  expect(refusals.lapse(1000)).toEqual(['f1 on a1']);
});

test.each<[claim: string, change: (refusals: Refusals) => void]>([
  ['a filter that lapses', (refusals) => refusals.lapse(1000)],
  ['a filter that goes with all of its membership', (refusals) => refusals.filters.removeOfMember(refusals.of('f1'))],
  ['a filter that goes with all of its agent', (refusals) => refusals.filters.removeOfAgent(refusals.here)],
  ['a filter that is pushed out', (refusals) => { for (let i = 1; i <= filtersPerPlaceMax; i++) refusals.add('f1', refusals.here, `cpus:${1 + i};mem:${100 - i}`, 2000); }],
])('%s takes with it what the agent remembers of it, and of nobody else', (_claim, change) => {
  const refusals = new Refusals();
  const { here } = refusals;
  refusals.add('f1', here, 'cpus:1;mem:100', 1000);
  for (const framework of ['f1', 'f2']) here.refusals.add(refusals.of(framework).index);
  change(refusals);
  expect(['f1', 'f2'].map((framework) => here.refusals.has(refusals.of(framework).index))).toEqual([false, true]);
});

interface PlainFilter {
  readonly framework: string;
  readonly agent: 'here' | 'there';
  readonly cpus: number;
  readonly mem: number;
  readonly lapsesAtMs: number;
}

test('after any history, agents, memberships and heap agree with a plain list', () => {
  const framework = fc.constantFrom('f1', 'f1', 'f1', 'f2', 'f3');
  const agent = fc.constantFrom<'here' | 'there'>('here', 'here', 'there');
  const units = fc.integer({ min: 1, max: 5 });
  const step = fc.oneof(
    { weight: 9, arbitrary: fc.record({ kind: fc.constant('add' as const), framework, agent, cpus: units, mem: units, lapsesAtMs: fc.integer({ min: 1, max: 9 }) }) },
    fc.record({ kind: fc.constant('member' as const), framework }),
    fc.record({ kind: fc.constant('agent' as const), agent }),
    fc.record({ kind: fc.constant('lapse' as const), nowMs: fc.integer({ min: 0, max: 4 }) }),
  );
  const amounts = (cpus: number, mem: number): string => `cpus:${cpus};mem:${mem}`;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const refusals = new Refusals();
      const { filters } = refusals;
      let list: PlainFilter[] = [];
      for (const one of steps) {
        if (one.kind === 'add') {
          const { kind: _, ...added } = one;
          refusals.add(one.framework, refusals[one.agent], amounts(one.cpus, one.mem), one.lapsesAtMs);
          const isThere = (filter: PlainFilter): boolean => filter.framework === one.framework && filter.agent === one.agent;
          const covers = (a: PlainFilter, b: PlainFilter): boolean => a.lapsesAtMs >= b.lapsesAtMs && a.cpus >= b.cpus && a.mem >= b.mem;
          if (!list.some((filter) => isThere(filter) && covers(filter, added))) {
            list = list.filter((filter) => !(isThere(filter) && covers(added, filter)));
            const others = list.filter(isThere);
            if (others.length >= filtersPerPlaceMax) {
              const first = others.reduce((a, b) => (b.lapsesAtMs < a.lapsesAtMs ? b : a)); // of equals the oldest
              list = list.filter((filter) => filter !== first);
            }
            list.push(added);
          }
        } else if (one.kind === 'member') {
          list = list.filter((filter) => filter.framework !== one.framework);
          filters.removeOfMember(refusals.of(one.framework));
        } else if (one.kind === 'agent') {
          list = list.filter((filter) => filter.agent !== one.agent);
          filters.removeOfAgent(refusals[one.agent]);
        } else {
          const lapsed = list.filter((filter) => filter.lapsesAtMs <= one.nowMs);
          list = list.filter((filter) => filter.lapsesAtMs > one.nowMs);
          expect(refusals.lapse(one.nowMs).sort()).toEqual(lapsed.map((filter) => `${filter.framework} on ${refusals[filter.agent].id}`).sort());
        }
        expect(filters.size).toBe(list.length);
        expect(filters.nextLapseMs).toBe(Math.min(Infinity, ...list.map(({ lapsesAtMs }) => lapsesAtMs)));
        for (const name of ['f1', 'f2', 'f3']) {
          const own = list.filter((filter) => filter.framework === name);
          expect(filters.countOf(refusals.of(name))).toBe(own.length);
          for (const where of ['here', 'there'] as const) {
            const live = own.filter((filter) => filter.agent === where);
            const found = filters.at(refusals.of(name), refusals[where]).map(({ refused, lapsesAtMs }) => `${refused.resources.toString()} until ${lapsesAtMs}`);
            expect(found.sort()).toEqual(live.map(({ cpus, mem, lapsesAtMs }) => `${amounts(cpus, mem)} until ${lapsesAtMs}`).sort());
          }
        }
        if (one.kind === 'add') {
          const isRefused = list.some((filter) => filter.framework === one.framework && filter.agent === one.agent && filter.cpus >= one.mem && filter.mem >= one.cpus);
          expect(refusals.refuses(one.framework, refusals[one.agent], amounts(one.mem, one.cpus))).toBe(isRefused);
        }
      }
      for (const name of ['f1', 'f2', 'f3']) filters.removeOfMember(refusals.of(name));
      expect([filters.size, filters.nextLapseMs, refusals.here.filters, refusals.there.filters]).toEqual([0, Infinity, undefined, undefined]);
    }),
    { numRuns: 200 },
  );
});
