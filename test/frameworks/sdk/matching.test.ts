// Proves G1 to G3 of matching: by properties over random offers and requests, with a slow obvious counter as reference, and by tables for what
// people read.

import fc from 'fast-check';
import { Resources, type Resource } from '../../../common/model/resources';
import { attributeIs, attributeIsNot, attributeMatches, hasAttribute, hostnameIs } from '../../../frameworks/sdk/agent-predicate';
import { explainMismatch, OfferSpace, pack } from '../../../frameworks/sdk/matching';
import { resources } from '../../../frameworks/sdk/resource-request';
import { executor, task } from '../../../frameworks/sdk/task-builder';
import { aScalar, aVolume, bags, staticFor } from '../../common/model/resource-arbitraries';
import { agentId } from '../../../common/model/ids';
import { anOffer } from './fake-peer';

const offerOf = (bag: Resources, role = 'eng') => ({ ...anOffer({ role }), resources: bag.allocatedTo(role) });
const spaceOf = (text: string, role = 'eng') => new OfferSpace(offerOf(resources(text), role));

/** Amounts as authors ask for them. */
const requests = fc
  .tuple(fc.integer({ min: 1, max: 1500 }), fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 800 }), fc.nat(500))
  .map(([cpus, ports, mem, reservedCpus]) =>
    Resources.of([
      aScalar('cpus', cpus),
      ...(reservedCpus < 250 ? [] : [aScalar('cpus', reservedCpus, { reservations: [staticFor('eng')] })]),
      ...(ports === 0 ? [] : [aScalar('ports', ports * 1000)]),
      ...(mem === 0 ? [] : [aScalar('mem', mem, { reservations: [staticFor('eng')] })]),
    ]),
  );

const sizeOf = ({ value }: Resource): number =>
  value.kind === 'scalar' ? value.milli : value.kind === 'ranges' ? value.ranges.reduce((sum, { begin, end }) => sum + (end - begin + 1) * 1000, 0) : value.items.length * 1000;
const amount = (bag: Resources, name: string): number => [...bag].filter((resource) => resource.name === name).reduce((sum, resource) => sum + sizeOf(resource), 0);

test('what was taken and what is left add up to what was offered, and a piece is as large as was asked', () => {
  fc.assert(
    fc.property(bags, fc.array(requests, { maxLength: 6 }), (bag, wanted) => {
      const offer = offerOf(bag.unallocated());
      const space = new OfferSpace(offer);
      const pieces = wanted.map((request) => [request, space.take(request)] as const);
      const taken = Resources.sum(pieces.map(([, piece]) => piece ?? Resources.empty));
      expect(offer.resources.contains(taken)).toBe(true);
      expect(taken.plus(space.left).equals(offer.resources)).toBe(true);
      for (const [request, piece] of pieces) {
        if (piece === undefined) continue;
        for (const name of request.names()) expect(amount(piece, name)).toBe(amount(request, name));
        for (const resource of piece) expect(resource).toMatchObject({ revocable: false, shared: false, allocationRole: 'eng' });
      }
    }),
    { numRuns: 300 },
  );
});

test('count is the greatest number that fits: that many can be taken, one more cannot', () => {
  fc.assert(
    fc.property(bags, requests, (bag, request) => {
      const offer = offerOf(bag.unallocated());
      const count = new OfferSpace(offer).count(request);
      const space = new OfferSpace(offer);
      expect(space.takeMany(request, count)).toHaveLength(count);
      expect(space.takeMany(request, 1)).toBeUndefined();
      expect(new OfferSpace(offer).takeMany(request, count + 1)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

test('counting agrees with the obvious counter of plain amounts, whatever they are reserved for', () => {
  fc.assert(
    fc.property(fc.nat(5000), fc.nat(5000), fc.integer({ min: 1, max: 700 }), (free, reserved, each) => {
      const bag = Resources.of([aScalar('cpus', free), aScalar('cpus', reserved, { reservations: [staticFor('eng')] })]);
      let count = 0;
      for (let used = each; used <= free + reserved; used += each) count += 1;
      expect(new OfferSpace(offerOf(bag)).count(Resources.of([aScalar('cpus', each)]))).toBe(count);
    }),
  );
});

test.each<[claim: string, offered: string, request: string, count: number]>([
  ['thousandths are exact: 0.1 fits ten times into 1', 'cpus:1', 'cpus:0.1', 10],
  ['the scarcest decides', 'cpus:4;mem:100', 'cpus:1;mem:40', 2],
  ['two ports each of five', 'cpus:9;ports:[1-2,5-7]', 'cpus:1;ports:2', 2],
  ['a named port exists once', 'cpus:9;ports:[1-9]', 'cpus:1;ports:[3-3]', 1],
  ['a port that is not there', 'cpus:9;ports:[1-2]', 'ports:[3-3]', 0],
  ['a named port and any other', 'ports:[1-2]', 'ports:[1-1]', 1],
  ['items of sets count too', 'disks:{sda,sdb,sdc}', 'disks:2', 1],
  ['an unknown resource', 'cpus:9', 'gpus:1', 0],
  ['what only one part can use is counted against the other part too', 'cpus:1;cpus(eng):2', 'cpus:1;cpus(eng):1', 1],
  ['what is reserved for a request described so is not lost to a plain amount', 'cpus:2;cpus(eng):2', 'cpus:1;cpus(eng):1', 2],
])('%s', (_claim, offered, request, count) => {
  expect(spaceOf(offered).count(request)).toBe(count);
});

test('reserved resources are used up before those that others could use too', () => {
  const space = spaceOf('cpus:2;cpus(eng):1');
  expect(space.take('cpus:1.5')?.unallocated().toString()).toBe('cpus:0.5;cpus(eng):1');
  expect(space.left.unallocated().toString()).toBe('cpus:1.5');
  expect(space.taken.unallocated().toString()).toBe('cpus:0.5;cpus(eng):1');
});

test('a plain amount never eats a volume or revocable resources; described in full they can be had', () => {
  const volume = aVolume('v1', 1000);
  const revocable = aScalar('cpus', 500, { revocable: true });
  const space = new OfferSpace(offerOf(Resources.of([volume, revocable])));
  expect(space.take('disk:1')).toBeUndefined();
  expect(space.take('cpus:0.1')).toBeUndefined();
  expect(space.count(Resources.of([volume]))).toBe(1);
  expect(space.take(Resources.of([volume, revocable]))?.unallocated().equals(Resources.of([volume, revocable]))).toBe(true);
  expect(space.left.isEmpty).toBe(true);
});

test('lowest ports first, whole, from several ranges', () => {
  const space = spaceOf('ports:[10-11,20-29]');
  expect(space.take('ports:3')?.unallocated().toString()).toBe('ports:[10-11,20-20]');
  expect(space.left.unallocated().toString()).toBe('ports:[21-29]');
});

test('several offers of one agent are one space', () => {
  const space = new OfferSpace([anOffer({ id: 'o-1', resources: 'cpus:1' }), anOffer({ id: 'o-2', resources: 'cpus:1' })]);
  expect(space.count('cpus:2')).toBe(1);
});

test('a request of nothing is refused, for it would fit without end', () => {
  expect(() => spaceOf('cpus:1').count('')).toThrow('at least one amount');
});

test('an executor is paid for once, and not at all where it runs already', () => {
  const shared = executor({ id: 'e', command: 'run', resources: 'cpus:0.5' });
  const drafts = [1, 2, 3, 4].map((n) => task({ name: `t${n}`, executor: shared, resources: 'cpus:0.5' }));
  const cold = pack(new OfferSpace(anOffer({ resources: 'cpus:2' })), drafts);
  expect(cold.placed).toHaveLength(3);
  expect(cold.placed[0]?.placement.executor?.resources.toString()).toBe('cpus:0.5{allocated to *}');
  const warm = pack(new OfferSpace(anOffer({ resources: 'cpus:2', executorIds: [shared.executorId] })), drafts);
  expect(warm.placed).toHaveLength(4);
  const narrow = new OfferSpace(anOffer({ resources: 'cpus:0.5' }));
  expect(pack(narrow, drafts).placed).toEqual([]);
  expect(narrow.left.scalar('cpus')).toBe(500);
});

test('packing keeps the order, goes on past what is too big, and heeds its maximum', () => {
  const drafts = ['3', '1', '4', '1', '1'].map((cpus, n) => task({ name: `t${n}`, command: 'true', resources: `cpus:${cpus}` }));
  const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name);
  const packed = pack(spaceOf('cpus:5'), drafts);
  expect(names(packed.placed.map(({ draft }) => draft))).toEqual(['t0', 't1', 't3']);
  expect(names(packed.rest)).toEqual(['t2', 't4']);
  expect(names(pack(spaceOf('cpus:5'), drafts, 1).rest)).toEqual(['t1', 't2', 't3', 't4']);
});

describe('predicates', () => {
  const offer = anOffer({
    hostname: 'pi3',
    attributes: [
      { name: 'rack', kind: 'text', text: 'r2' },
      { name: 'rack', kind: 'text', text: 'row1' },
      { name: 'level', kind: 'scalar', milli: 1500 },
      { name: 'slots', kind: 'ranges', ranges: [{ begin: 1, end: 4 }] },
      { name: 'has', kind: 'set', items: ['ssd', 'gpu'] },
    ],
  });
  test.each([
    ['attributeIs, text', attributeIs('rack', 'r2'), true],
    ['attributeIs, a repeated name', attributeIs('rack', 'row1'), true],
    ['attributeIs, another value', attributeIs('rack', 'r3'), false],
    ['attributeIs, scalar', attributeIs('level', 1.5), true],
    ['attributeIs, in a range', attributeIs('slots', 4), true],
    ['attributeIs, outside of a range', attributeIs('slots', 5), false],
    ['attributeIs, in a set', attributeIs('has', 'gpu'), true],
    ['attributeIsNot, that value', attributeIsNot('rack', 'r2'), false],
    ['attributeIsNot, no attribute', attributeIsNot('zone', 'z'), true],
    ['attributeMatches', attributeMatches('rack', /^ro/g), true],
    ['hasAttribute', hasAttribute('zone'), false],
    ['hostnameIs', hostnameIs('pi1', 'pi3'), true],
  ])('%s', (_name, predicate, holds) => {
    expect([predicate.holds(offer), predicate.holds(offer)]).toEqual([holds, holds]);
  });
});

test('a mismatch explains itself with numbers, most frequent reason first, and counts agents, not offers', () => {
  const rack = (text: string) => [{ name: 'rack', kind: 'text', text } as const];
  const list = [
    anOffer({ id: 'o-1', agentId: agentId('S1'), resources: 'cpus:4;mem:1024', attributes: rack('r2') }),
    anOffer({ id: 'o-2', agentId: agentId('S2'), resources: 'cpus:4;mem:512', attributes: rack('r2') }),
    anOffer({ id: 'o-3', agentId: agentId('S3'), resources: 'cpus:4;mem:64', attributes: rack('r1') }),
    anOffer({ id: 'o-4', agentId: agentId('S3'), resources: 'cpus:4;mem:64', attributes: rack('r1') }),
  ];
  expect(explainMismatch(list, 'cpus:1;mem:2048', attributeIs('rack', 'r2'))).toEqual({
    text: 'insufficient mem on 3 agents (2048 wanted, at most 1024 left); attribute rack mismatch on 1',
    reasons: [
      { reason: 'insufficient mem', agentCount: 3 },
      { reason: 'attribute rack mismatch', agentCount: 1 },
    ],
  });
  expect(explainMismatch(list.slice(0, 1), 'cpus:1').text).toBe('');
  expect(explainMismatch(list.slice(0, 1), 'cpus:0.1;ports:[80-80]').text).toBe('insufficient ports on 1 agent (ports:[80-80] wanted, at most none left)');
});
