// Proves B1 to B3 of the embedded registry: who leads, what is remembered over a crash at any moment, what is refused.
//
// How: a disk that remembers every operation (crashing-disk.ts) for crashes; real files for the lock and for damage.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';

import { isAllotError } from '../../common/errors';
import { Journal } from '../../common/journal';
import type { Candidacy, RegistryEntry, RegistryOutcome, RegistryWrite } from '../../common/ports';
import { EmbeddedRegistry } from '../../master/embedded-registry';
import { CrashingDisk, imageAfter, notedBefore, type Crash } from '../common/crashing-disk';
import { fakeEnvironment, settle } from '../common/fake-environment';

const directory = '/registry';

interface Stage {
  readonly registry: EmbeddedRegistry;
  readonly failures: string[];
}

async function opened(disk: CrashingDisk, compactionBytesMin?: number, ids = fakeEnvironment().ids): Promise<Stage> {
  const failures: string[] = [];
  const registry = await EmbeddedRegistry.open({
    directory,
    ids,
    journal: { files: disk, ...(compactionBytesMin === undefined ? {} : { compactionBytesMin }) },
    onFailure: (failure) => failures.push(failure.message),
  });
  return { registry, failures };
}

interface Stand {
  readonly candidacy: Candidacy;
  readonly heard: string[];
  /** Of the newest term. */
  epoch: string;
}

async function stood(registry: EmbeddedRegistry, address = 'm:5050'): Promise<Stand> {
  const heard: string[] = [];
  const stand: { epoch: string } = { epoch: '' };
  const candidacy = registry.campaign(address, {
    elected: (epoch) => {
      stand.epoch = epoch;
      heard.push('elected');
    },
    deposed: (reason) => heard.push(`deposed: ${reason}`),
    leaderChanged: (leader) => heard.push(`leader: ${leader ?? 'none'}`),
    trouble: (message) => heard.push(`trouble: ${message ?? 'none'}`),
  });
  expect(heard).toEqual([]); // Never inside the call.
  await settle();
  return Object.assign(stand, { candidacy, heard });
}

const put = (key: string, text: string): RegistryWrite => ({ kind: 'put', key, value: Buffer.from(text) });
const remove = (key: string): RegistryWrite => ({ kind: 'delete', key });
const write = (registry: EmbeddedRegistry, epoch: string, writes: readonly RegistryWrite[]): Promise<RegistryOutcome> =>
  new Promise((resolve) => registry.write(epoch, writes, resolve));
const load = (registry: EmbeddedRegistry, epoch: string): Promise<{ readonly kind: string; readonly entries?: readonly RegistryEntry[] }> =>
  new Promise((resolve) => registry.load(epoch, resolve));
const factsOf = (outcome: { readonly entries?: readonly RegistryEntry[] }): Record<string, string> =>
  Object.fromEntries((outcome.entries ?? []).map(({ key, value }) => [key, Buffer.from(value).toString()]));

describe('the election of one', () => {
  test('elects its candidate at once, and each term has an epoch of its own', async () => {
    const { registry } = await opened(new CrashingDisk());
    const first = await stood(registry);
    expect(first.heard).toEqual(['leader: m:5050', 'elected']);
    expect(first.candidacy.holds(first.epoch)).toBe(true);
    expect(first.candidacy.holds('another')).toBe(false);
    let told = false;
    first.candidacy.resign(() => (told = true));
    expect(told).toBe(true);
    expect(first.candidacy.holds(first.epoch)).toBe(false);
    const second = await stood(registry);
    expect(second.epoch).not.toBe(first.epoch);
    await registry.close();
  });

  test('hears no more of a candidacy that was given up before it was elected', async () => {
    const { registry } = await opened(new CrashingDisk());
    const heard: string[] = [];
    const note = (what: string) => () => void heard.push(what);
    registry.campaign('m:1', { elected: note('elected'), deposed: note('deposed'), leaderChanged: note('leader'), trouble: note('trouble') }).resign();
    await settle();
    expect(heard).toEqual([]);
    await registry.close();
  });
});

describe('facts', () => {
  test('are there for the next term and for the next life, and a deleted one is not', async () => {
    const disk = new CrashingDisk();
    const { registry } = await opened(disk);
    const { epoch, candidacy } = await stood(registry);
    expect(await load(registry, epoch)).toEqual({ kind: 'loaded', entries: [] });
    expect(await write(registry, epoch, [put('agents/a', '1'), put('weights/é', '2')])).toEqual({ kind: 'committed' });
    expect(await write(registry, epoch, [put('agents/a', '3'), put('agents/b', ''), remove('weights/é')])).toEqual({ kind: 'committed' });
    candidacy.resign();
    const next = await stood(registry);
    expect(factsOf(await load(registry, next.epoch))).toEqual({ 'agents/a': '3', 'agents/b': '' });
    await registry.close();
    const { registry: reborn } = await opened(disk);
    expect(factsOf(await load(reborn, (await stood(reborn)).epoch))).toEqual({ 'agents/a': '3', 'agents/b': '' });
    await reborn.close();
  });

  test('are written by the present term only: an earlier one is fenced and changes nothing', async () => {
    const { registry } = await opened(new CrashingDisk());
    const first = await stood(registry);
    first.candidacy.resign();
    const second = await stood(registry);
    expect(await write(registry, first.epoch, [put('agents/a', '1')])).toEqual({ kind: 'fenced' });
    expect(await load(registry, first.epoch)).toEqual({ kind: 'fenced' });
    expect(await load(registry, second.epoch)).toEqual({ kind: 'loaded', entries: [] });
    await registry.close();
  });

  test('written by a term that ended meanwhile are durable before the next term reads them (B2)', async () => {
    const disk = new CrashingDisk();
    const { registry } = await opened(disk);
    const first = await stood(registry);
    const order: string[] = [];
    registry.write(first.epoch, [put('agents/a', '1')], () => order.push('written'));
    first.candidacy.resign();
    const second = await new Promise<string>((resolve) => {
      registry.campaign('m:1', { elected: resolve, deposed: () => undefined, leaderChanged: () => undefined, trouble: () => undefined });
    });
    const outcome = await load(registry, second).then((loaded) => (order.push('loaded'), loaded));
    expect(order).toEqual(['written', 'loaded']);
    expect(factsOf(outcome)).toEqual({ 'agents/a': '1' });
    await registry.close();
  });

  test('a load that was cancelled is not answered', async () => {
    const { registry } = await opened(new CrashingDisk());
    const { epoch } = await stood(registry);
    let answers = 0;
    registry.load(epoch, () => (answers += 1))();
    await load(registry, epoch);
    expect(answers).toBe(0);
    await registry.close();
  });

  test('that change for ever leave a journal no larger than a few times the facts', async () => {
    const disk = new CrashingDisk();
    const { registry } = await opened(disk, 500);
    const { epoch } = await stood(registry);
    for (let round = 0; round < 200; round += 1) expect(await write(registry, epoch, [put(`agents/${round % 3}`, `value ${round}`)])).toEqual({ kind: 'committed' });
    await registry.close();
    const bytes = [...disk.image.values()].reduce((sum, file) => sum + file.length, 0);
    expect(bytes).toBeLessThan(3_000);
    const { registry: reborn } = await opened(disk);
    expect(factsOf(await load(reborn, (await stood(reborn)).epoch))).toEqual({ 'agents/0': 'value 198', 'agents/1': 'value 199', 'agents/2': 'value 197' });
    await reborn.close();
  });
});

test('a crash at any operation keeps every committed write, and of the one under way all or nothing', async () => {
  const crashArbitrary: fc.Arbitrary<Crash> = fc.record({
    kind: fc.constantFrom('process' as const, 'machine' as const),
    kept: fc.double({ min: 0, max: 1, noNaN: true }),
    tail: fc.constantFrom('cut' as const, 'zeros' as const, 'garbage' as const),
    namesKept: fc.nat(2 ** 32 - 1),
  });
  const writeArbitrary = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.option(fc.string({ maxLength: 5 }))), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.array(writeArbitrary, { minLength: 1, maxLength: 6 }), crashArbitrary, async (batches, crash) => {
      const disk = new CrashingDisk();
      const { registry } = await opened(disk, 60);
      const { epoch } = await stood(registry);
      // What the facts are after so many batches.
      const states: Record<string, string>[] = [{}];
      for (const [index, batch] of batches.entries()) {
        const next = { ...states[index] };
        for (const [key, value] of batch) {
          if (value === null) delete next[key];
          else next[key] = value;
        }
        states.push(next);
        disk.note('begun', index + 1);
        expect(await write(registry, epoch, batch.map(([key, value]) => (value === null ? remove(key) : put(key, value))))).toEqual({ kind: 'committed' });
        disk.note('committed', index + 1);
      }
      await registry.close();
      for (let end = 0; end <= disk.history.length; end += 1) {
        const { registry: reborn } = await opened(new CrashingDisk(imageAfter(disk.history, end, crash)));
        const found = factsOf(await load(reborn, (await stood(reborn)).epoch));
        await reborn.close();
        const allowed = states.slice(notedBefore(disk.history, end, 'committed'), notedBefore(disk.history, end, 'begun') + 1);
        expect(allowed).toContainEqual(found);
      }
    }),
    { numRuns: 25 },
  );
});

test('a disk that fails ends leading for good, and is told once (B3)', async () => {
  const disk = new CrashingDisk();
  const { registry, failures } = await opened(disk);
  const { epoch, candidacy } = await stood(registry);
  disk.failing = (operation) => (operation === 'sync' ? 'ENOSPC: no space left on device' : undefined);
  expect(await write(registry, epoch, [put('agents/a', '1')])).toMatchObject({ kind: 'failed', detail: expect.stringContaining('no space left') });
  expect(await write(registry, epoch, [put('agents/b', '1')])).toMatchObject({ kind: 'failed' });
  await settle();
  expect(failures).toHaveLength(1);
  expect(candidacy.holds(epoch)).toBe(false);
  candidacy.resign();
  const again = await stood(registry);
  expect(again.heard).toEqual([expect.stringMatching(/^trouble: Cannot keep the journal in \/registry: /)]);
  await registry.close();
});

describe('real files', () => {
  let workDir: string;
  beforeEach(() => (workDir = mkdtempSync(join(tmpdir(), 'allot-registry-'))));
  afterEach(() => rmSync(workDir, { recursive: true, force: true }));
  const openReal = (): Promise<EmbeddedRegistry> => EmbeddedRegistry.open({ directory: workDir, ids: fakeEnvironment().ids, onFailure: () => undefined });

  test('a second master on the same directory is refused by name of the first, and admitted once that is gone (B1)', async () => {
    const first = await openReal();
    await expect(openReal()).rejects.toThrow(`Cannot use the directory ${workDir}: process ${process.pid} is using it; stop that process or name another directory`);
    await first.close();
    await (await openReal()).close();
  });

  test('damage in the middle refuses to open, naming the file, and the directory is free afterwards', async () => {
    const registry = await openReal();
    const { epoch } = await stood(registry);
    for (const key of ['agents/a', 'agents/b']) await write(registry, epoch, [put(key, 'x'.repeat(100))]);
    await registry.close();
    const log = join(workDir, readdirSync(workDir).find((name) => name.startsWith('log-')) ?? '');
    const bytes = readFileSync(log);
    bytes.writeUInt8(bytes.readUInt8(60) ^ 0xff, 60);
    writeFileSync(log, bytes);
    await expect(openReal()).rejects.toThrow(`Cannot trust the journal file ${log}`);
    const error: unknown = await openReal().catch((reason: unknown) => reason);
    expect(isAllotError(error, 'JOURNAL_CORRUPT')).toBe(true);
  });

  test.each([
    ['of an unknown type', 7, Buffer.from('?')],
    ['cut short', 1, Buffer.from([9, 0, 0, 0, 65])],
  ])('a whole record %s was written by another program: refused, with what to do', async (_claim, type, payload) => {
    const { journal } = await Journal.open({ directory: workDir });
    await new Promise((resolve) => journal.append([{ type, payload }], resolve));
    await journal.close();
    await expect(openReal()).rejects.toThrow(new RegExp(`^Cannot read the registry in ${workDir}: .*name another --work-dir$`));
  });
});
