// Proves K1, K2, S1 and S2 of the agent's checkpoint on a journal: all kinds of records survive, crashes take an unacknowledged tail at most, and what
// cannot be read is refused.
//
// How: a disk that remembers every operation (crashing-disk.ts) for crashes; real files for the lock and for damage.

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { CheckpointRecord } from '../../agent/core/agent-step';
import { JournalCheckpointStore } from '../../agent/journal-checkpoint-store';
import { Journal } from '../../common/journal';
import { agentId, containerId, executorId, frameworkId, taskId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import { CrashingDisk, imageAfter, notedBefore } from '../common/crashing-disk';

const directory = '/checkpoint';
const open = (disk: CrashingDisk, compactionBytesMin?: number) =>
  JournalCheckpointStore.open({ directory, journal: { files: disk, ...(compactionBytesMin === undefined ? {} : { compactionBytesMin }) } });

const framework = frameworkId('m-0000');
const container = containerId('c1');
const removed = (index: number): CheckpointRecord => ({ kind: 'task-removed', frameworkId: framework, taskId: taskId(`t${index}`) });

/** One of each kind. */
const oneOfEach: readonly CheckpointRecord[] = [
  { kind: 'agent', agentId: agentId('m-S0'), info: { hostname: 'pi', port: 0, resources: Resources.ofQuantities(new Map([['cpus', 4_000]])), attributes: [] } },
  {
    kind: 'framework',
    framework: { id: framework, user: '', name: 'f', roles: ['*'], capabilities: [], failoverTimeoutMs: 0, checkpoint: true, labels: [], offerFilters: new Map() },
  },
  { kind: 'executor', frameworkId: framework, executor: { executorId: executorId('e'), resources: Resources.of([]), labels: [] }, containerId: container, token: 'secret', isCommand: false },
  { kind: 'executor-started', containerId: container, pid: 77, startedAt: '123456' },
  {
    kind: 'task',
    frameworkId: framework,
    executorId: executorId('e'),
    containerId: container,
    task: { name: 't', taskId: taskId('t'), agentId: agentId('m-S0'), resources: Resources.ofQuantities(new Map([['mem', 32_000]])), limits: new Map(), labels: [] },
  },
  { kind: 'update', frameworkId: framework, status: { taskId: taskId('t'), state: 'TASK_FINISHED', uuid: '00112233445566778899aabbccddeeff', labels: [] } },
  { kind: 'update-acknowledged', frameworkId: framework, taskId: taskId('t'), uuid: '00112233445566778899aabbccddeeff' },
  { kind: 'task-removed', frameworkId: framework, taskId: taskId('t') },
  { kind: 'executor-ended', containerId: container, endedAtWallMs: 1_700_000_000_000 },
  { kind: 'executor-removed', containerId: container },
  { kind: 'framework-removed', frameworkId: framework },
];

const append = (store: JournalCheckpointStore, records: readonly CheckpointRecord[]): Promise<unknown> => new Promise((resolve) => store.append(records, resolve));
const snapshot = (store: JournalCheckpointStore, records: readonly CheckpointRecord[]): Promise<unknown> => new Promise((resolve) => store.snapshot(records, resolve));

test('every kind of record comes back as it was, in order (K2)', async () => {
  const disk = new CrashingDisk();
  const { store, records } = await open(disk);
  expect(records).toEqual([]);
  expect(await append(store, oneOfEach)).toEqual({ ok: true });
  await store.close();
  const { store: reopened, records: found } = await open(disk);
  expect(found.map(({ kind }) => kind)).toEqual(oneOfEach.map(({ kind }) => kind));
  // Compared as JSON: resources are objects with a text form, and the order of fields does not matter.
  expect(JSON.parse(JSON.stringify(found))).toEqual(JSON.parse(JSON.stringify(oneOfEach)));
  await reopened.close();
});

test('a crash of the machine at any operation takes nothing that was acknowledged (K1)', async () => {
  const disk = new CrashingDisk();
  const { store } = await open(disk);
  for (let index = 0; index < 6; index += 1) {
    await append(store, [removed(index)]);
    disk.note('acknowledged', index + 1);
    if (index === 3) await snapshot(store, [0, 1, 2, 3].map(removed));
  }
  await store.close();
  for (let end = 0; end <= disk.history.length; end += 1) {
    for (const tail of ['cut', 'zeros', 'garbage'] as const) {
      const { store: reborn, records } = await open(new CrashingDisk(imageAfter(disk.history, end, { kind: 'machine', kept: 0.5, tail, namesKept: 0 })));
      await reborn.close();
      expect(records).toEqual([0, 1, 2, 3, 4, 5].slice(0, records.length).map(removed));
      expect(records.length).toBeGreaterThanOrEqual(notedBefore(disk.history, end, 'acknowledged'));
    }
  }
});

test('a snapshot is wanted once the log has grown, and then replaces all before it', async () => {
  const disk = new CrashingDisk();
  const { store } = await open(disk, 400);
  expect(store.wantsSnapshot).toBe(false);
  for (let index = 0; !store.wantsSnapshot; index += 1) {
    expect(index).toBeLessThan(100);
    await append(store, [removed(index)]);
  }
  expect(await snapshot(store, [removed(500)])).toEqual({ ok: true });
  expect(store.wantsSnapshot).toBe(false);
  await append(store, [removed(501)]);
  await store.close();
  const { store: reopened, records } = await open(disk);
  expect(records).toEqual([removed(500), removed(501)]);
  await reopened.close();
});

test('a disk that fails is told to each append, in words', async () => {
  const disk = new CrashingDisk();
  const { store } = await open(disk);
  disk.failing = (operation) => (operation === 'write' ? 'EIO: i/o error' : undefined);
  expect(await append(store, [removed(1)])).toEqual({ ok: false, detail: expect.stringContaining('EIO: i/o error') });
  expect(await append(store, [removed(2)])).toMatchObject({ ok: false });
  await store.close();
});

describe('real files', () => {
  let workDir: string;
  beforeEach(() => (workDir = mkdtempSync(join(tmpdir(), 'allot-checkpoint-'))));
  afterEach(() => rmSync(workDir, { recursive: true, force: true }));

  test('a second agent on the same directory is refused', async () => {
    const { store } = await JournalCheckpointStore.open({ directory: workDir });
    await expect(JournalCheckpointStore.open({ directory: workDir })).rejects.toThrow(/^Cannot use the directory .*: process \d+ is using it/);
    await store.close();
  });

  test.each<[claim: string, name: string, prepare: (directory: string) => void]>([
    ['a new directory', 'new/checkpoint', () => undefined],
    ['the directory of a release that left it open to everybody', '.', (directory) => chmodSync(directory, 0o755)],
  ])('nobody else can look into %s: it holds tokens and secrets (S2)', async (_claim, name, prepare) => {
    prepare(workDir);
    const { store } = await JournalCheckpointStore.open({ directory: join(workDir, name) });
    expect(statSync(join(workDir, name)).mode & 0o777).toBe(0o700);
    await store.close();
  });

  test('damage in the middle is refused, naming file and byte', async () => {
    const { store } = await JournalCheckpointStore.open({ directory: workDir });
    for (let index = 0; index < 3; index += 1) await append(store, [removed(index)]);
    await store.close();
    const log = join(workDir, readdirSync(workDir).find((name) => name.startsWith('log-')) ?? '');
    const bytes = readFileSync(log);
    bytes.writeUInt8(bytes.readUInt8(45) ^ 0xff, 45);
    writeFileSync(log, bytes);
    await expect(JournalCheckpointStore.open({ directory: workDir })).rejects.toThrow(new RegExp(`^Cannot trust the journal file ${log}: .* at byte \\d+`));
  });

  test.each([
    ['of another type', 9, Buffer.from('x'), 'record 1 is of type 9'],
    ['that is no checkpoint record', 1, Buffer.from([0xff, 0xff]), 'record 1 is not understood'],
    ['without a member, as a newer release might write', 1, Buffer.alloc(0), 'record 1 is not understood'],
  ])('one record %s refuses the whole (S1), and leaves the directory free', async (_claim, type, payload, expected) => {
    const { store } = await JournalCheckpointStore.open({ directory: workDir });
    await append(store, [removed(0)]);
    await store.close();
    const { journal } = await Journal.open({ directory: workDir });
    await new Promise((resolve) => journal.append([{ type, payload }], resolve));
    await journal.close();
    const refused = (): Promise<unknown> => JournalCheckpointStore.open({ directory: workDir });
    await expect(refused()).rejects.toThrow(expected);
    await expect(refused()).rejects.toThrow(`Cannot read the checkpoint in ${workDir}`);
  });
});
