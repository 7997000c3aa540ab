// Agent ledger: what is free.
//
// Proves:    G1 to G4 by examples, and by histories in which more is charged than there is: free is never negative, and is right again as soon as
//            enough has ended. Histories over everything that can be held are in charges.test.ts.

import fc from 'fast-check';
import type { AgentLedger } from '../../allocator/agent-ledger';
import { Resources } from '../../common/model/resources';
import { aScalar, aVolume } from '../common/model/resource-arbitraries';
import { anAgent, resources } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';

const sharedVolume = Resources.of([aVolume('s', 2000, { shared: true })]);
const freeOf = (agent: AgentLedger): string => agent.free.resources.toString();

test('with nothing charged, free is the very total, whatever happened before', () => {
  const parts = new AllocatorParts();
  const agent = parts.agent('a1', 'cpus:4;mem:1024');
  const member = parts.join('*', 'f1');
  expect(agent.free).toBe(agent.total);
  parts.charges.charge(member, agent, resources('cpus:5').allocatedTo('*')); // more than there is
  parts.charges.credit(member, agent, resources('cpus:2').allocatedTo('*'));
  parts.charges.credit(member, agent, resources('cpus:3').allocatedTo('*'));
  expect(agent.free).toBe(agent.total);
});

test('a shared volume stays free while it is used, however many use it, and beside whatever else is taken', () => {
  const parts = new AllocatorParts();
  const agent = parts.agent('a1', resources('cpus:4').plus(sharedVolume));
  const [f1, f2] = [parts.join('eng', 'f1'), parts.join('eng', 'f2')];
  parts.grant(f1, agent, agent.free);
  expect(freeOf(agent)).toBe(sharedVolume.toString());
  parts.grant(f2, agent, agent.free);
  parts.grant(f2, agent, agent.free);
  expect(freeOf(agent)).toBe(sharedVolume.toString());
  parts.charges.credit(f1, agent, agent.holdingOf(f1)!.allocated);
  expect(freeOf(agent)).toBe(agent.total.resources.toString());
  expect(agent.holdings).toHaveLength(1);
});

test('what an agent runs for a framework that is not known is not free', () => {
  const parts = new AllocatorParts();
  const agent = parts.agent('a1', 'cpus:4');
  agent.unclaimed = parts.bundle('cpus:3');
  agent.recount();
  expect(freeOf(agent)).toBe('cpus:1');
  const member = parts.join('*', 'f1');
  parts.grant(member, agent, agent.free);
  parts.charges.credit(member, agent, resources('cpus:1').allocatedTo('*'));
  expect(freeOf(agent)).toBe('cpus:1');
  agent.unclaimed = parts.nothing;
  agent.recount();
  expect(agent.free).toBe(agent.total);
});

test('an agent that came back smaller than what runs on it has nothing of that free until enough has ended, and what is not short is free all the while', () => {
  const parts = new AllocatorParts();
  const agent = parts.agent('a1', 'cpus:4;mem:1024');
  const member = parts.join('*', 'f1');
  parts.charges.charge(member, agent, resources('cpus:3').allocatedTo('*'));
  parts.replaceTotal(agent, 'cpus:2;mem:512');
  expect(freeOf(agent)).toBe('mem:512');
  parts.charges.credit(member, agent, resources('cpus:0.5').allocatedTo('*'));
  expect(freeOf(agent)).toBe('mem:512');
  parts.charges.credit(member, agent, resources('cpus:1').allocatedTo('*'));
  expect(freeOf(agent)).toBe('cpus:0.5;mem:512');
});

test('new info brings its GPUs, its region, its total, and forgets what was known of refusals', () => {
  const parts = new AllocatorParts();
  const agent = parts.agent('a1', 'cpus:4;gpus:1', { domain: { faultDomain: { region: 'attic', zone: 'shelf' } } });
  expect([agent.hasGpus, agent.region]).toEqual([true, 'attic']);
  agent.refusals.recall(agent.free);
  agent.refusals.add(7);
  agent.replaceInfo(anAgent('cpus:2', { hostname: 'other' }), parts.bundle('cpus:2'));
  expect([agent.hasGpus, agent.region, agent.info.hostname, freeOf(agent), agent.refusals.has(7)]).toEqual([false, undefined, 'other', 'cpus:2', false]);
});

test.each([
  [true, true, true],
  [false, true, false],
  [true, false, false],
])('active %s and allowed %s: takes part %s', (isActive, isAllowed, takesPart) => {
  const agent = new AllocatorParts().agent('a1', 'cpus:4');
  agent.isActive = isActive;
  agent.isAllowed = isAllowed;
  expect(agent.takesPart).toBe(takesPart);
});

const units = fc.integer({ min: 0, max: 3 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('charge' as const), who: fc.nat(2), cpus: units, mem: units, copies: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('unclaimed' as const), cpus: units, mem: units }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('total' as const), cpus: fc.integer({ min: 0, max: 8 }), mem: fc.integer({ min: 0, max: 8 }), isShared: fc.boolean() }) },
);

test('whatever is charged, however much more than there is, free is what is left of each name and never below nothing', () => {
  const amounts = (cpus: number, mem: number): Resources => Resources.of([aScalar('cpus', cpus * 1000), aScalar('mem', mem * 1000)]);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, readsAlways) => {
      const parts = new AllocatorParts();
      const agent = parts.agent('a1', amounts(4, 4));
      const members = ['f1', 'f2', 'f3'].map((framework) => parts.join('*', framework));
      const tasks: { readonly who: number; readonly used: Resources }[] = [];
      let total = { cpus: 4, mem: 4, isShared: false };
      let unclaimed = amounts(0, 0);
      for (const [number, one] of steps.entries()) {
        switch (one.kind) {
          case 'charge': {
            const used = Array.from({ length: one.copies }).reduce<Resources>((sum) => sum.plus(sharedVolume), amounts(one.cpus, one.mem));
            if (used.isEmpty) break;
            tasks.push({ who: one.who, used });
            parts.charges.charge(members[one.who]!, agent, used.allocatedTo('*'));
            break;
          }
          case 'end': {
            const [task] = tasks.splice(one.which % Math.max(1, tasks.length), 1);
            if (task !== undefined) parts.charges.credit(members[task.who]!, agent, task.used.allocatedTo('*'));
            break;
          }
          case 'unclaimed':
            unclaimed = amounts(one.cpus, one.mem);
            agent.unclaimed = parts.bundle(unclaimed);
            agent.recount();
            break;
          case 'total':
            total = one;
            parts.replaceTotal(agent, one.isShared ? amounts(one.cpus, one.mem).plus(sharedVolume) : amounts(one.cpus, one.mem));
            break;
        }
        // Free is kept current only once it was read: histories with and without readings in between are different ones.
        if (!readsAlways && number < steps.length - 1) continue;
        const left = (name: 'cpus' | 'mem'): number => Math.max(0, total[name] * 1000 - tasks.reduce((sum, { used }) => sum + used.scalar(name), unclaimed.scalar(name)));
        const expected = Resources.of([aScalar('cpus', left('cpus')), aScalar('mem', left('mem'))]).plus(total.isShared ? sharedVolume : Resources.empty);
        expect(freeOf(agent)).toBe(expected.toString());
      }
    }),
    { numRuns: 300 },
  );
});
