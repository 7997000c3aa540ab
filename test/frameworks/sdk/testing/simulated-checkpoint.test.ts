// Proves what a simulated disk keeps: everything over the death of a process, at least what was synced over the death of a machine, in order.

import type { CheckpointRecord } from '../../../../common/model/checkpoint-record';
import { frameworkId } from '../../../../common/model/ids';
import { SeededRandom } from '../../../../frameworks/sdk/testing/seeded-random';
import { SimulatedDisk } from '../../../../frameworks/sdk/testing/simulated-checkpoint';
import { VirtualClock } from '../../../../frameworks/sdk/testing/virtual-clock';

const record = (name: string): CheckpointRecord => ({ kind: 'framework-removed', frameworkId: frameworkId(name) });
const names = (disk: SimulatedDisk): string[] => disk.records().map((one) => (one.kind === 'framework-removed' ? one.frameworkId : one.kind));

function aDisk(seed = 1) {
  const clock = new VirtualClock();
  const disk = new SimulatedDisk(new SeededRandom(seed));
  return { clock, disk, store: disk.store(clock) };
}

test('an append is acknowledged later, and survives its process from the moment it was written', () => {
  const { clock, disk, store } = aDisk();
  let isSynced = false;
  store.append([record('a')], () => (isSynced = true));
  expect(isSynced).toBe(false);
  disk.crash();
  expect(names(disk)).toEqual(['a']);
  clock.advance(10);
  expect(isSynced).toBe(true);
});

test('a machine that dies keeps all that was acknowledged and some beginning of the rest', () => {
  const kept = new Set<string>();
  for (let seed = 1; seed <= 30; seed += 1) {
    const { clock, disk, store } = aDisk(seed);
    store.append([record('a'), record('b')], () => undefined);
    clock.advance(10);
    store.append([record('c'), record('d')], () => undefined);
    disk.crash(true);
    kept.add(names(disk).join(''));
  }
  expect([...kept].sort()).toEqual(['ab', 'abc', 'abcd']);
});

test('a snapshot replaces everything at once, or nothing when the machine dies first', () => {
  const { clock, disk, store } = aDisk();
  store.append([record('a'), record('b')], () => undefined);
  clock.advance(10);
  store.snapshot([record('s')], () => undefined);
  expect(names(disk)).toEqual(['a', 'b']);
  clock.advance(10);
  disk.crash(true);
  expect(names(disk)).toEqual(['s']);
});

test('a snapshot is wanted when the history has grown, and no more after it', () => {
  const { clock, disk, store } = aDisk();
  for (let count = 0; count < 300; count += 1) store.append([record(`r${count}`)], () => undefined);
  clock.advance(10);
  expect(store.wantsSnapshot).toBe(true);
  store.snapshot(disk.records().slice(0, 1), () => undefined);
  clock.advance(10);
  expect(store.wantsSnapshot).toBe(false);
});
