// Draws: chance, by name.
//
// Proves:    W1 (the order of some is the restriction of the order of all, whoever was named first), that agents are visited in every order alike, and
//            that weighted keys give chances in proportion to weights.
// How:       properties; frequencies over fixed seeds, so that they are the same in every run of the test.

import fc from 'fast-check';
import { inDrawnOrder } from '../../allocator/division';
import { hash32, keyed, mix32, weightedKey } from '../../allocator/draws';
import { AllocatorParts } from './allocator-parts';

test('the mixing step is the finaliser of MurmurHash3', () => {
  expect([mix32(0), mix32(1), mix32(0xffffffff), mix32(-1)]).toEqual([0, 0x514e28b7, 0x81f16f39, 0x81f16f39]);
});

test('draws are unsigned 32-bit integers, and different things have different draws under any seed', () => {
  const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(uint32, uint32, uint32, fc.string(), (seed, one, other, text) => {
      for (const number of [hash32(text), mix32(one), keyed(seed, one)]) {
        expect(Number.isInteger(number) && number >= 0 && number < 2 ** 32).toBe(true);
      }
      expect(keyed(seed, one) === keyed(seed, other)).toBe(one === other);
      expect(mix32(one) === mix32(other)).toBe(one === other);
    }),
  );
});

test('the order of some agents is the restriction of the order of all, whichever came first', () => {
  const parts = new AllocatorParts();
  const agents = Array.from({ length: 40 }, (_, i) => parts.agent(`S${i}`, 'cpus:1'));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.shuffledSubarray(agents), (seed, some) => {
      const meant = new Set(some);
      expect(inDrawnOrder(some, seed).map(({ id }) => id)).toEqual(inDrawnOrder(agents, seed).filter((agent) => meant.has(agent)).map(({ id }) => id));
    }),
  );
});

test('agents are visited by ascending draw, and of those whose names have one hash the smaller name first', () => {
  const parts = new AllocatorParts();
  const twins = ['S722382', 'S539599'];
  expect(hash32(twins[0]!)).toBe(hash32(twins[1]!));
  const agents = [...twins, 'other', 'third'].map((name) => parts.agent(name, 'cpus:1'));
  for (let seed = 0; seed < 20; seed++) {
    const expected = [...agents].sort((a, b) => keyed(seed, a.hash) - keyed(seed, b.hash) || (a.id < b.id ? -1 : 1));
    expect(inDrawnOrder(agents, seed).map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    expect(inDrawnOrder([...agents].reverse(), seed).map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
  }
});

test('each of six orders of three agents comes up alike', () => {
  const parts = new AllocatorParts();
  const agents = ['a1', 'a2', 'a3'].map((name) => parts.agent(name, 'cpus:1'));
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 6000; seed++) {
    const order = inDrawnOrder(agents, seed).map(({ id }) => id).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(100);
});

test('a weighted key is a number above zero for every draw, smaller for more weight', () => {
  for (const draw of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
    expect(Number.isFinite(weightedKey(draw, 1))).toBe(true);
    expect(weightedKey(draw, 1)).toBeGreaterThan(0);
    expect(weightedKey(draw, 2)).toBe(weightedKey(draw, 1) / 2);
  }
});
