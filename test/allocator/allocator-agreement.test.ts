// The fast allocator does what the written definition says.
//
// Proves:    on random histories over small universes, rich in special resources and in everything that can happen to an allocator, the allocator and
//            the reference allocator hand out the same bundles in the same order at the same instants, ask the same frameworks to leave the same
//            machines, and have the same charged after every step.
// How:       both are driven in lockstep (allocator-history.ts); a history that they do not agree on is shrunk and printed as a script. ALLOT_RUNS
//            sets the number of histories of each kind.

import fc from 'fast-check';
import { agree, historyArbitrary, type Emphasis } from './allocator-history';

const numRuns = Number(process.env['ALLOT_RUNS'] ?? 120);

const kinds: Readonly<Record<string, Emphasis>> = {
  'of all kinds': {},
  'with a random role sorter': { options: { roleSorter: 'random' } },
  'with a random framework sorter': { options: { frameworkSorter: 'random' }, roles: ['*', 'eng', 'eng/web'] },
  'with both sorters random': { options: { roleSorter: 'random', frameworkSorter: 'random' } },
  'with names that make no share': { options: { fairSharingExcludedNames: new Set(['cpus', 'gold']) } },
  'without the gpu gate, with a region and other minimum sizes': {
    options: { filtersGpus: false, region: 'here', minAllocatable: [new Map([['cpus', 1000]]), new Map([['disk', 400_000]])] },
  },
  'with runs at once, and batches at other times': { options: { eventDelayMs: 0, allocationIntervalMs: 700 }, refuseMs: [0, 1, 700, 1500] },
  'with batches that come before whatever is delayed': { options: { eventDelayMs: 2500 } },
  'in which every crumb is worth an offer': { options: { minAllocatable: [] }, weights: { quota: 2 } },
  'full of quotas': {
    weights: { quota: 5, 'operate-on-free': 2, 'change-machine': 2, recover: 0 },
    machines: ['plain', 'many cpus', 'much memory', 'disks', 'disks only', 'reserved', 'tiny', 'refined', 'custom'],
  },
  'that begin with a recovery': { weights: { quota: 2, recover: 1, 'remove-agent': 2, 'add-agent': 5 } },
  'in which agents report what runs for frameworks that are not back': {
    weights: { charge: 4, 'add-framework': 5, 'remove-framework': 3, 'return-late': 3, allow: 2, quota: 3 },
    isReporting: true,
  },
  'full of filters': {
    weights: { answer: 16, revive: 2, suppress: 4, 'update-framework': 6, 'change-host': 2, 'toggle-framework': 2, quota: 0 },
    machines: ['plain', 'revocable', 'disks', 'reserved', 'shared'],
    refuseMs: [0, 1, 500, 1500, 2500, 5000, 60_000],
  },
  'full of declines without filters': {
    weights: { answer: 16, rescind: 4, quota: 0 },
    machines: ['plain', 'many cpus', 'revocable', 'reserved'],
    refuseMs: [0, 0, 0, 0, 1500],
  },
  'full of reservations and volumes': {
    weights: { operate: 8, 'operate-on-free': 5 },
    machines: ['reserved', 'all reserved', 'refined', 'volumes', 'shared', 'shared twice', 'disks'],
    capabilities: ['SHARED_RESOURCES', 'RESERVATION_REFINEMENT'],
  },
  'full of maintenance': { weights: { window: 5, 'answer-inverse': 5, revive: 3, 'toggle-framework': 2, allow: 2 } },
};

test.each(Object.entries(kinds))('on histories %s, fast and reference allocator agree', (_name, emphasis) => {
  fc.assert(
    fc.property(historyArbitrary(emphasis), (history) => void agree(history, emphasis.options)),
    { numRuns },
  );
});
