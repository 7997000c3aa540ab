// Eligibility and minimum size as tables.
//
// Proves:    which agents and which of their resources a framework may be offered (reference 5.4, 5.6; offer constraints).

import { mayReceiveAgent, satisfiesConstraints, withoutIncapable } from '../../allocator/eligibility';
import { isAllocatable, minAllocatableFor } from '../../allocator/minimum-size';
import type { Attribute } from '../../common/model/agent';
import type { FrameworkCapability, Quantities } from '../../common/model/framework';
import { Resources, type Resource, type Reservation } from '../../common/model/resources';
import type { AttributeConstraint } from '../../common/model/scheduler-protocol';
import { aFramework, anAgent, quantities, resources } from './allocator-cluster';

const cpusOrMem = [quantities({ cpus: 0.01 }), quantities({ mem: 32 })];

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
  expect(isAllocatable(bundle === '' ? Resources.empty : resources(bundle), list)).toBe(is);
});

test('the own list of a framework for the role goes before the global one, an empty one too', () => {
  const info = aFramework({ roles: ['a', 'b', 'c'], minAllocatable: { a: [quantities({ cpus: 4 })], b: [] } });
  expect(minAllocatableFor(info, 'a', cpusOrMem)).toEqual([quantities({ cpus: 4 })]);
  expect(minAllocatableFor(info, 'b', cpusOrMem)).toEqual([]);
  expect(minAllocatableFor(info, 'c', cpusOrMem)).toBe(cpusOrMem);
});

const cpu: Resource = { name: 'cpus', reservations: [], revocable: false, shared: false, value: { kind: 'scalar', milli: 1000 } };
const reserved = (...roles: string[]): Reservation[] => roles.map((role) => ({ type: 'DYNAMIC', role, labels: [] }));

test.each<[capability: FrameworkCapability, special: Resource]>([
  ['REVOCABLE_RESOURCES', { ...cpu, revocable: true }],
  ['SHARED_RESOURCES', { ...cpu, name: 'disk', shared: true, disk: { persistence: { id: 'v' } } }],
  ['RESERVATION_REFINEMENT', { ...cpu, reservations: reserved('eng', 'eng/web') }],
])('without %s its resources are taken out of a bundle, and only they', (capability, special) => {
  const plain = Resources.of([cpu, { ...cpu, name: 'gold', reservations: reserved('eng') }]);
  const all = plain.plus(Resources.of([special]));
  expect(withoutIncapable(aFramework({ capabilities: [] }), all).toString()).toBe(plain.toString());
  expect(withoutIncapable(aFramework({ capabilities: [capability] }), all).toString()).toBe(all.toString());
});

test('an agent with any GPU is kept for frameworks with GPU_RESOURCES, cpus included', () => {
  expect(mayReceiveAgent(aFramework(), resources('cpus:8;gpus:1'))).toBe(false);
  expect(mayReceiveAgent(aFramework({ capabilities: ['GPU_RESOURCES'] }), resources('cpus:8;gpus:1'))).toBe(true);
  expect(mayReceiveAgent(aFramework(), resources('cpus:8'))).toBe(true);
});

const attributes: readonly Attribute[] = [
  { name: 'rack', kind: 'text', text: 'r1' },
  { name: 'rack', kind: 'text', text: 'r2' },
  { name: 'size', kind: 'scalar', milli: 1000 },
];
const machine = anAgent('cpus:1', { hostname: 'pi-7', attributes, domain: { faultDomain: { region: 'attic', zone: 'shelf' } } });
const homeless = anAgent('cpus:1', { hostname: 'pi-8' });

const attribute = (name: string): AttributeConstraint['selector'] => ({ kind: 'attribute', name });
const pseudo = (name: 'HOSTNAME' | 'REGION' | 'ZONE'): AttributeConstraint['selector'] => ({ kind: 'pseudoattribute', name });
const equals = (value: string): AttributeConstraint['predicate'] => ({ kind: 'text-equals', value });
const differs = (value: string): AttributeConstraint['predicate'] => ({ kind: 'text-not-equals', value });
const exists: AttributeConstraint['predicate'] = { kind: 'exists' };
const isMissing: AttributeConstraint['predicate'] = { kind: 'not-exists' };

test.each<[selector: AttributeConstraint['selector'], predicate: AttributeConstraint['predicate'], machine: boolean, homeless: boolean]>([
  [attribute('rack'), exists, true, false],
  [attribute('rack'), isMissing, false, true],
  [attribute('rack'), equals('r1'), true, false],
  [attribute('rack'), equals('r2'), false, false], // only the first of that name counts
  [attribute('rack'), differs('r1'), false, true],
  [attribute('rack'), differs('r2'), true, true],
  [attribute('size'), equals('1'), true, false], // not a text: satisfies both forms
  [attribute('size'), differs('1'), true, true],
  [pseudo('HOSTNAME'), equals('pi-7'), true, false],
  [pseudo('HOSTNAME'), exists, true, true],
  [pseudo('REGION'), equals('attic'), true, false],
  [pseudo('ZONE'), differs('shelf'), false, true],
  [pseudo('ZONE'), isMissing, false, true],
])('%j with %j: %s for a machine with racks and a domain, %s for one without', (selector, predicate, onMachine, onHomeless) => {
  expect(satisfiesConstraints([[{ selector, predicate }]], machine)).toBe(onMachine);
  expect(satisfiesConstraints([[{ selector, predicate }]], homeless)).toBe(onHomeless);
});

test('groups are alternatives, constraints within a group all hold, and no entry constrains nothing', () => {
  const r1: AttributeConstraint = { selector: attribute('rack'), predicate: equals('r1') };
  const other: AttributeConstraint = { selector: pseudo('HOSTNAME'), predicate: equals('pi-8') };
  expect(satisfiesConstraints([[r1, other]], machine)).toBe(false);
  expect(satisfiesConstraints([[r1], [other]], machine)).toBe(true);
  expect(satisfiesConstraints(undefined, machine)).toBe(true);
});

test('a regular expression never gets this far: the master refuses it, so meeting one is a bug', () => {
  const constraint: AttributeConstraint = { selector: attribute('rack'), predicate: { kind: 'text-matches', regex: 'r.' } };
  expect(() => satisfiesConstraints([[constraint]], machine)).toThrow('regular expressions');
});
