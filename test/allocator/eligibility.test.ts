// Eligibility as tables.
//
// Proves:    which agents and which of their resources a framework may be offered (reference 5.6; offer constraints), and which constraint is
//            told of an agent that it may not.

import type { AllocatorOptions } from '../../allocator/allocator';
import { compileConstraints, withoutIncapable, type CompiledConstraints } from '../../allocator/eligibility';
import type { FrameworkLedger } from '../../allocator/framework-ledger';
import type { AgentInfo, Attribute, DomainInfo } from '../../common/model/agent';
import type { FrameworkCapability } from '../../common/model/framework';
import { regexCompiler } from '../../common/model/regex';
import { Resources, type Resource, type Reservation } from '../../common/model/resources';
import type { AttributeConstraint, OfferConstraints } from '../../common/model/scheduler-protocol';
import { aFramework, anAgent, resources } from './allocator-cluster';
import { AllocatorParts } from './allocator-parts';

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

type Gate = ReturnType<FrameworkLedger['gateAt']>;
const abroad: DomainInfo = { faultDomain: { region: 'cellar', zone: 'shelf' } };
const atHome: DomainInfo = { faultDomain: { region: 'attic', zone: 'shelf' } };

test.each<[claim: string, total: string, domain: DomainInfo | undefined, capabilities: readonly FrameworkCapability[], options: Partial<AllocatorOptions>, gate: Gate]>([
  ['an agent with any GPU is kept for frameworks with GPU_RESOURCES, cpus included', 'cpus:8;gpus:1', undefined, [], {}, 'gpus'],
  ['a framework with GPU_RESOURCES may have it', 'cpus:8;gpus:1', undefined, ['GPU_RESOURCES'], {}, undefined],
  ['so may everybody where the operator says so', 'cpus:8;gpus:1', undefined, [], { filtersGpus: false }, undefined],
  ['an agent without GPUs is for everybody', 'cpus:8', undefined, [], {}, undefined],
  ['an agent of another region is kept for frameworks with REGION_AWARE', 'cpus:8', abroad, [], { region: 'attic' }, 'region'],
  ['a framework with REGION_AWARE may have it', 'cpus:8', abroad, ['REGION_AWARE'], { region: 'attic' }, undefined],
  ['an agent of the master\'s region is for everybody', 'cpus:8', atHome, [], { region: 'attic' }, undefined],
  ['an agent without a region is local', 'cpus:8', undefined, [], { region: 'attic' }, undefined],
  ['a master without a region keeps nothing back', 'cpus:8', abroad, [], {}, undefined],
  ['of both gates gpus speak first', 'cpus:8;gpus:1', abroad, [], { region: 'attic' }, 'gpus'],
])('%s', (_claim, total, domain, capabilities, options, gate) => {
  const parts = new AllocatorParts(options);
  const agent = parts.agent('a1', total, domain === undefined ? {} : { domain });
  expect(parts.framework('f1', { capabilities }).gateAt(agent, '*')).toBe(gate);
});

test('gates follow the agent and the framework as they change', () => {
  const parts = new AllocatorParts({ region: 'attic' });
  const agent = parts.agent('a1', 'cpus:8;gpus:1', { domain: abroad });
  const framework = parts.framework('f1');
  framework.replaceInfo(aFramework({ capabilities: ['GPU_RESOURCES'] }), new Map());
  expect(framework.gateAt(agent, '*')).toBe('region');
  agent.replaceInfo(anAgent('cpus:8', { domain: atHome }), parts.bundle('cpus:8'));
  expect(framework.gateAt(agent, '*')).toBeUndefined();
  expect(parts.framework('f2').gateAt(agent, '*')).toBeUndefined();
});

test('constraints speak before the gates, and only in their role', () => {
  const parts = new AllocatorParts();
  const agent = parts.agent('a1', 'cpus:8;gpus:1');
  const offerConstraints: OfferConstraints = new Map([['eng', [[{ selector: { kind: 'attribute', name: 'ssd' }, predicate: { kind: 'exists' } }]]]]);
  const framework = parts.framework('f1', { offerConstraints });
  expect([framework.gateAt(agent, 'eng'), framework.gateAt(agent, 'ops')]).toEqual(['constraint', 'gpus']);
});

test('a bundle is stripped of what needs a capability that the framework lacks; one that needs none is left the same object', () => {
  const parts = new AllocatorParts();
  const special = Resources.of([{ ...cpu, revocable: true }, { ...cpu, name: 'disk', shared: true, disk: { persistence: { id: 'v' } } }, { ...cpu, reservations: reserved('eng', 'eng/web') }]);
  const [plain, all] = [parts.bundle('cpus:1'), parts.bundle(resources('cpus:1').plus(special))];
  const capable = parts.framework('f1', { capabilities: ['REVOCABLE_RESOURCES', 'SHARED_RESOURCES', 'RESERVATION_REFINEMENT'] });
  const incapable = parts.framework('f2', { capabilities: [] });
  expect([capable.capableOf(all), capable.capableOf(plain), incapable.capableOf(plain)]).toEqual([all, plain, plain]);
  expect(incapable.capableOf(plain)).toBe(plain);
  expect(incapable.capableOf(all).resources.toString()).toBe('cpus:1');
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
const like = (regex: string): AttributeConstraint['predicate'] => ({ kind: 'text-matches', regex });
const unlike = (regex: string): AttributeConstraint['predicate'] => ({ kind: 'text-not-matches', regex });

type Groups = readonly (readonly AttributeConstraint[])[];
const compileGroups = (groups: Groups): CompiledConstraints => compileConstraints(new Map([['eng', groups]]), regexCompiler());
const satisfies = (groups: Groups, agent: AgentInfo): boolean => compileGroups(groups).isSatisfied('eng', agent);

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
  [attribute('rack'), like('r[0-9]'), true, false],
  [attribute('rack'), like('r'), false, false],
  [attribute('rack'), like('r2'), false, false],
  [attribute('rack'), unlike('r[0-9]'), false, true],
  [attribute('rack'), unlike('r'), true, true],
  [attribute('size'), like('big'), true, false],
  [attribute('size'), unlike('.*'), true, true],
  [pseudo('HOSTNAME'), like('pi-[0-7]'), true, false],
  [pseudo('HOSTNAME'), unlike('pi-[0-7]'), false, true],
  [pseudo('REGION'), like('(?i)ATTIC|cellar'), true, false],
  [pseudo('ZONE'), unlike('shelf'), false, true],
])('%j with %j: %s for a machine with racks and a domain, %s for one without', (selector, predicate, onMachine, onHomeless) => {
  expect(satisfies([[{ selector, predicate }]], machine)).toBe(onMachine);
  expect(satisfies([[{ selector, predicate }]], homeless)).toBe(onHomeless);
});

const r1: AttributeConstraint = { selector: attribute('rack'), predicate: equals('r1') };
const pi8: AttributeConstraint = { selector: pseudo('HOSTNAME'), predicate: like('pi-8') };
const nowhere: AttributeConstraint = { selector: pseudo('REGION'), predicate: isMissing };

test('groups are alternatives, constraints within a group all hold', () => {
  expect(satisfies([[r1, pi8]], machine)).toBe(false);
  expect(satisfies([[r1], [pi8]], machine)).toBe(true);
});

test('a role without constraints is content with any agent, whatever other roles ask for', () => {
  const constraints = compileGroups([[pi8]]);
  expect(constraints.isSatisfied('ops', machine)).toBe(true);
  expect(constraints.firstFailing('ops', machine)).toBeUndefined();
  expect(constraints.isSatisfied('eng', machine)).toBe(false);
});

test.each<[claim: string, groups: Groups, failing: AttributeConstraint | undefined]>([
  ['the first that fails of the only group', [[r1, pi8, nowhere]], pi8],
  ['of several groups the first one speaks', [[nowhere], [pi8]], nowhere],
  ['nothing, when a later group is satisfied', [[pi8], [r1]], undefined],
])('told of an agent that is passed over: %s', (_claim, groups, failing) => {
  expect(compileGroups(groups).firstFailing('eng', machine)).toBe(failing);
});

test('expressions are compiled once, however many agents are asked about', () => {
  const patterns: string[] = [];
  const constraints = compileConstraints(new Map([['eng', [[pi8, { selector: attribute('rack'), predicate: unlike('r.') }]]]]), (pattern) => {
    patterns.push(pattern);
    return regexCompiler()(pattern);
  });
  for (const agent of [machine, homeless, machine]) constraints.isSatisfied('eng', agent);
  constraints.firstFailing('eng', machine);
  expect(patterns).toEqual(['pi-8', 'r.']);
});

test('an expression that does not compile never gets this far: the owner refuses it, so meeting one is a bug', () => {
  expect(() => compileGroups([[{ selector: attribute('rack'), predicate: like('(') }]])).toThrow('refuses regular expressions');
});
