// Proves the promises of the product on a few hundred short seeds: whole clusters under random faults (simulation.ts says which promises), and that a
// seed gives the same run to the byte. `make sim SEEDS=1-10000` does more of the same.

import { describeFailure } from './main';
import { simulate, type SimulationOutcome } from './simulation';

const seedCount = 200;
const seedsPerTest = 20;

async function expectToHold(seed: number): Promise<SimulationOutcome> {
  const outcome = await simulate({ seed, faultMinutes: 1 });
  if (outcome.failure !== undefined) throw new Error(describeFailure(outcome));
  return outcome;
}

const batches = Array.from({ length: seedCount / seedsPerTest }, (_, index) => [1 + index * seedsPerTest, (index + 1) * seedsPerTest] as const);
test.each(batches)('everything holds for the seeds %i to %i', async (from, to) => {
  const counts = new Map<string, number>();
  for (let seed = from; seed <= to; seed += 1) {
    const outcome = await expectToHold(seed);
    for (const [name, count] of Object.entries(outcome.counts)) counts.set(name, (counts.get(name) ?? 0) + count);
  }
  // A run in which nothing happens proves nothing.
  for (const name of ['offers', 'starts', 'updates', 'hostileCalls', 'TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED', 'leader killed', 'machine lost', 'quotasSet', 'limitedOffers']) {
    expect([name, counts.get(name) ?? 0]).toEqual([name, expect.any(Number)]);
    expect(counts.get(name) ?? 0).toBeGreaterThan(0);
  }
}, 60_000);

test('the same seed gives the same run to the byte, with and without async handlers, and another seed another', async () => {
  const hashes = new Set<string>();
  for (const seed of [3, 4, 5, 6]) {
    const [first, second] = [await simulate({ seed, faultMinutes: 1 }), await simulate({ seed, faultMinutes: 1 })];
    expect(second.traceHash).toBe(first.traceHash);
    expect(second.eventCount).toBe(first.eventCount);
    hashes.add(first.traceHash);
  }
  expect(hashes.size).toBe(4);
}, 60_000);

test('a failure says the seed, the promise, the last part of the trace and how to see it again', () => {
  const text = describeFailure({
    seed: 7,
    failure: { invariant: 'No offer is with two frameworks', detail: 'O1 (faults, at 1.000 s)', stack: undefined },
    traceHash: '',
    tail: ['0.900s something', '1.000s something else'],
    virtualMs: 1_000,
    eventCount: 10,
    counts: {},
  });
  expect(text).toMatch(/^Seed 7 failed: No offer is with two frameworks\n {2}O1[^]*0\.900s something\n[^]*make sim SEEDS=7$/);
});
