// Proves J1 to J5 of the journal. Most of it against a disk that can stop at every single operation and every byte; then once more against real
// files, with copies cut at every byte.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';

import { Journal, type JournalRecord } from '../../common/journal';
import { encodeFileHeader, encodeGroup, encodeRecords, encodeSnapshotEnd, scanJournalFile } from '../../common/journal-format';
import { crc32 } from '../../common/crc32';
import { CrashingDisk, imageAfter, notedBefore, type Crash, type DiskImage } from './crashing-disk';

const directory = '/journal';
/** Record number `index` of a history: recognisable, of varying size. */
const record = (index: number): JournalRecord => ({ type: index % 256, payload: Buffer.from(`${index}:${'x'.repeat((index * 7) % 23)}`) });
const numberOf = ({ type, payload }: JournalRecord): number => {
  const index = Number(Buffer.from(payload).toString().split(':')[0]);
  expect(type).toBe(index % 256);
  return index;
};
const upTo = (count: number): number[] => Array.from({ length: count }, (_unused, index) => index);

const append = (journal: Journal, records: readonly JournalRecord[]): Promise<unknown> => new Promise((resolve) => journal.append(records, resolve));
const compact = (journal: Journal, records: readonly JournalRecord[]): Promise<unknown> => new Promise((resolve) => journal.compact(records, resolve));

async function recoveredFrom(image: DiskImage): Promise<number[]> {
  const { journal, records } = await Journal.open({ directory, files: new CrashingDisk(image) });
  const numbers = records.map(numberOf);
  await journal.close();
  return numbers;
}

type Step = { readonly kind: 'append'; readonly count: number } | { readonly kind: 'compact' } | { readonly kind: 'settle' } | { readonly kind: 'reopen' };

/** Runs a history and notes what was handed over and acknowledged at each moment. Returns the disk, and after how many records an append ended. */
async function runHistory(steps: readonly Step[]): Promise<{ readonly disk: CrashingDisk; readonly boundaries: ReadonlySet<number> }> {
  const disk = new CrashingDisk();
  const boundaries = new Set([0]);
  let { journal } = await Journal.open({ directory, files: disk });
  let handedOver = 0;
  let compacting: Promise<unknown> = Promise.resolve();
  for (const step of steps) {
    switch (step.kind) {
      case 'append': {
        const records = upTo(step.count).map((index) => record(handedOver + index));
        handedOver += step.count;
        boundaries.add(handedOver);
        disk.note('handed-over', handedOver);
        const end = handedOver;
        journal.append(records, (failure) => {
          if (failure === undefined) disk.note('acknowledged', end);
        });
        break;
      }
      case 'compact':
        await compacting;
        compacting = compact(journal, upTo(handedOver).map(record));
        break;
      case 'settle':
        await append(journal, []);
        break;
      case 'reopen':
        await journal.close();
        ({ journal } = await Journal.open({ directory, files: disk }));
        break;
    }
  }
  await journal.close();
  return { disk, boundaries };
}

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'settle' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'compact' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'reopen' }) },
);
const crashArbitrary: fc.Arbitrary<Crash> = fc.record({
  kind: fc.constantFrom('process' as const, 'machine' as const),
  kept: fc.double({ min: 0, max: 1, noNaN: true }),
  tail: fc.constantFrom('cut' as const, 'zeros' as const, 'garbage' as const),
  namesKept: fc.nat(2 ** 32 - 1),
});

describe('a crash', () => {
  test('at any operation of any history loses nothing acknowledged, invents nothing and splits no append (J2, J3)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { minLength: 1, maxLength: 14 }), fc.array(crashArbitrary, { minLength: 3, maxLength: 3 }), async (steps, crashes) => {
        const { disk, boundaries } = await runHistory(steps);
        for (let end = 0; end <= disk.history.length; end += 1) {
          for (const crash of crashes) {
            const recovered = await recoveredFrom(imageAfter(disk.history, end, crash));
            expect(recovered).toEqual(upTo(recovered.length));
            expect(recovered.length).toBeGreaterThanOrEqual(notedBefore(disk.history, end, 'acknowledged'));
            expect(recovered.length).toBeLessThanOrEqual(notedBefore(disk.history, end, 'handed-over'));
            expect(boundaries.has(recovered.length)).toBe(true);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test('at any byte of any write leaves whole appends only', async () => {
    const { disk } = await runHistory([{ kind: 'append', count: 2 }, { kind: 'settle' }, { kind: 'append', count: 3 }, { kind: 'settle' }, { kind: 'compact' }, { kind: 'append', count: 1 }]);
    let crashes = 0;
    for (const [end, operation] of disk.history.entries()) {
      if (operation.kind !== 'write') continue;
      for (let bytes = 0; bytes <= operation.bytes.length; bytes += 1) {
        const kept = operation.bytes.length === 0 ? 0 : bytes / operation.bytes.length;
        const recovered = await recoveredFrom(imageAfter(disk.history, end, { kind: 'process', kept, tail: 'cut', namesKept: 0 }));
        expect([0, 2, 5, 6]).toContain(recovered.length);
        expect(recovered.length).toBeGreaterThanOrEqual(notedBefore(disk.history, end, 'acknowledged'));
        crashes += 1;
      }
    }
    expect(crashes).toBeGreaterThan(200);
  });

  test('after or during the recovery from another crash loses nothing either: what was recovered once stays, and new records follow it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { minLength: 1, maxLength: 8 }), crashArbitrary, crashArbitrary, async (steps, first, second) => {
        const { disk } = await runHistory(steps);
        for (let end = 0; end <= disk.history.length; end += 1) {
          const again = first.kind === 'process' ? CrashingDisk.resumed(disk.history, end, first.kept) : new CrashingDisk(imageAfter(disk.history, end, first));
          if (first.kind === 'machine') again.note('acknowledged', notedBefore(disk.history, end, 'acknowledged'));
          const begin = again.history.length;
          const { journal, records } = await Journal.open({ directory, files: again });
          // Somebody may have acted on what was recovered.
          again.note('acknowledged', records.length);
          expect(await append(journal, [record(records.length)])).toBeUndefined();
          again.note('acknowledged', records.length + 1);
          await journal.close();
          for (let later = begin; later <= again.history.length; later += 1) {
            const recovered = await recoveredFrom(imageAfter(again.history, later, second));
            expect(recovered).toEqual(upTo(recovered.length));
            expect(recovered.length).toBeGreaterThanOrEqual(notedBefore(again.history, later, 'acknowledged'));
          }
        }
      }),
      { numRuns: 25 },
    );
  });
});

test('a snapshot renamed just before one crash is safe before anything older is removed, whatever names the next crash keeps', async () => {
  const { disk } = await runHistory([{ kind: 'append', count: 3 }, { kind: 'settle' }, { kind: 'compact' }, { kind: 'settle' }]);
  const renamed = disk.history.findIndex((operation) => operation.kind === 'rename') + 1;
  expect(renamed).toBeGreaterThan(0);
  const again = CrashingDisk.resumed(disk.history, renamed, 1);
  const begin = again.history.length;
  const { journal } = await Journal.open({ directory, files: again });
  await journal.close();
  for (let later = begin; later <= again.history.length; later += 1) {
    for (let namesKept = 0; namesKept < 64; namesKept += 1) {
      expect(await recoveredFrom(imageAfter(again.history, later, { kind: 'machine', kept: 0, tail: 'cut', namesKept }))).toEqual(upTo(3));
    }
  }
});

describe('damage', () => {
  async function aLog(): Promise<{ readonly image: DiskImage; readonly lastGroupBegin: number; readonly path: string }> {
    const disk = new CrashingDisk();
    const { journal } = await Journal.open({ directory, files: disk });
    const path = `${directory}/log-0000000000`;
    for (const index of upTo(4)) {
      if (index === 3) disk.note('last', disk.image.get(path)?.length ?? 0);
      await append(journal, [record(2 * index), record(2 * index + 1)]);
    }
    await journal.close();
    return { image: disk.image, lastGroupBegin: notedBefore(disk.history, disk.history.length, 'last'), path };
  }

  test('of any byte before the last group is refused with the file and the place, never passed over (J5)', async () => {
    const { image, lastGroupBegin, path } = await aLog();
    for (let at = 0; at < lastGroupBegin; at += 1) {
      const bytes = Buffer.from(image.get(path) ?? []);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
      const failure: unknown = await recoveredFrom(new Map([[path, bytes]])).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'JOURNAL_CORRUPT', data: { file: path } });
      expect((failure as { data: { offset: number } }).data.offset).toBeLessThanOrEqual(at);
    }
  });

  test('of the last group cannot be told from a torn write: the group is cut off, all before it stays', async () => {
    const { image, lastGroupBegin, path } = await aLog();
    const whole = image.get(path) ?? Buffer.alloc(0);
    for (let at = lastGroupBegin; at < whole.length; at += 1) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
      expect(await recoveredFrom(new Map([[path, bytes]]))).toEqual(upTo(6));
    }
  });

  test('of any byte of a snapshot, or its loss, is refused', async () => {
    const { disk } = await runHistory([{ kind: 'append', count: 3 }, { kind: 'compact' }, { kind: 'settle' }]);
    const path = `${directory}/snapshot-0000000001`;
    const whole = disk.image.get(path);
    if (whole === undefined) throw new Error('No snapshot was written');
    for (let at = 0; at < whole.length; at += 1) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x01, at);
      await expect(recoveredFrom(new Map([...disk.image, [path, bytes]]))).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
      await expect(recoveredFrom(new Map([...disk.image, [path, whole.subarray(0, at)]]))).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    }
    const without = new Map([...disk.image].filter(([name]) => name !== path));
    await expect(recoveredFrom(without)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
  });

  test('by a missing log is refused, with the name of the missing file', async () => {
    const { disk } = await runHistory([{ kind: 'append', count: 3 }, { kind: 'compact' }, { kind: 'settle' }]);
    const without = new Map([...disk.image].filter(([name]) => !name.includes('/log-')));
    await expect(recoveredFrom(without)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT', data: { file: `${directory}/log-0000000001` } });
  });

  test.each<[claim: string, bytes: Buffer, detail: RegExp]>([
    ['a file of another format version', withVersion(9), /version is 9/],
    ['a snapshot under the name of a log', encodeFileHeader('snapshot', 0), /not a journal log/],
    ['a file of another generation', encodeFileHeader('log', 5), /generation 5/],
    ['a group out of its order', Buffer.concat([encodeFileHeader('log', 0), encodeGroup(1, [])]), /group 1 stands where group 0/],
  ])('%s is refused by name', (_claim, bytes, detail) => {
    const { end } = scanJournalFile(bytes, 'log', 0);
    expect(end.kind === 'damaged' ? end.detail : end.kind).toMatch(detail);
  });

  test('behind the end of a snapshot is seen', () => {
    const bytes = Buffer.concat([encodeFileHeader('snapshot', 1), encodeGroup(0, [encodeRecords([record(1)])]), encodeSnapshotEnd(1), Buffer.from('more')]);
    expect(scanJournalFile(bytes, 'snapshot', 1).end).toMatchObject({ kind: 'damaged', detail: 'bytes follow the end of the snapshot' });
  });
});

function withVersion(version: number): Buffer {
  const header = encodeFileHeader('log', 0);
  header.writeUInt32LE(version, 8);
  header.writeUInt32LE(crc32(header, 0, 16), 16);
  return header;
}

describe('group commit', () => {
  test('all appends of a turn share one write and one sync, and done comes in order', async () => {
    const disk = new CrashingDisk();
    const { journal } = await Journal.open({ directory, files: disk });
    const before = disk.history.length;
    const order: number[] = [];
    const waits = upTo(500).map(
      (index) =>
        new Promise<void>((resolve) =>
          journal.append([record(index)], () => {
            order.push(index);
            resolve();
          }),
        ),
    );
    expect(order).toEqual([]);
    await Promise.all(waits);
    expect(disk.history.slice(before).map((operation) => operation.kind)).toEqual(['write', 'sync']);
    expect(order).toEqual(upTo(500));
    await journal.close();
    expect(await recoveredFrom(disk.image)).toEqual(upTo(500));
  });

  test('a payload may be reused as soon as append has returned', async () => {
    const disk = new CrashingDisk();
    const { journal } = await Journal.open({ directory, files: disk });
    const payload = Buffer.from('0:');
    const durable = append(journal, [{ type: 0, payload }]);
    payload.fill(0x39);
    await durable;
    await journal.close();
    expect(await recoveredFrom(disk.image)).toEqual([0]);
  });
});

describe('compaction', () => {
  test('becomes due when the log has outgrown the minimum and the snapshot, and leaves one snapshot and one log', async () => {
    const disk = new CrashingDisk();
    const { journal } = await Journal.open({ directory, files: disk, compactionBytesMin: 1_000 });
    let appended = 0;
    while (!journal.compactionDue) await append(journal, [record(appended++)]);
    expect(appended).toBeGreaterThan(10);
    const compacted = compact(journal, upTo(appended).map(record));
    expect(journal.compactionDue).toBe(false);
    expect(await compacted).toBeUndefined();
    expect([...disk.image.keys()].sort()).toEqual([`${directory}/log-0000000001`, `${directory}/snapshot-0000000001`]);
    expect(journal.compactionDue).toBe(false);
    await journal.close();
    expect(await recoveredFrom(disk.image)).toEqual(upTo(appended));
  });

  test('may shrink the records to what still matters', async () => {
    const disk = new CrashingDisk();
    const { journal } = await Journal.open({ directory, files: disk });
    await append(journal, upTo(50).map(record));
    journal.compact([record(7)], () => undefined);
    await append(journal, [record(8)]);
    await journal.close();
    expect(await recoveredFrom(disk.image)).toEqual([7, 8]);
  });

  test('does not make appends wait for the snapshot', async () => {
    const disk = new CrashingDisk();
    const { journal } = await Journal.open({ directory, files: disk });
    const order: string[] = [];
    const large = upTo(40).map((index) => ({ type: index, payload: Buffer.alloc(200_000) }));
    const compacted = compact(journal, large).then(() => order.push('snapshot'));
    const appended = append(journal, [record(0)]).then(() => order.push('append'));
    await Promise.all([compacted, appended]);
    expect(order).toEqual(['append', 'snapshot']);
    await journal.close();
  });
});

describe('a disk that fails', () => {
  test.each<[operation: string, path: string, failure: string]>([
    ['write', 'log', 'ENOSPC: no space left on device, write'],
    ['sync', 'log', 'EIO: i/o error, fdatasync'],
  ])('at %s of the %s is told to everybody who waits, and the journal refuses from then on (J4)', async (operation, path, failure) => {
    const disk = new CrashingDisk();
    const { journal } = await Journal.open({ directory, files: disk });
    expect(await append(journal, [record(0)])).toBeUndefined();
    disk.failing = (failing, where) => (failing === operation && where.includes(path) ? failure : undefined);
    const first = append(journal, [record(1)]);
    await Promise.resolve();
    const failures = await Promise.all([first, append(journal, [record(2)])]);
    for (const error of failures) expect(error).toMatchObject({ code: 'JOURNAL_FAILED', data: { directory, detail: failure } });
    disk.failing = () => undefined;
    const operations = disk.history.length;
    expect(await append(journal, [record(3)])).toMatchObject({ code: 'JOURNAL_FAILED' });
    expect(await compact(journal, [])).toMatchObject({ code: 'JOURNAL_FAILED' });
    expect(journal.compactionDue).toBe(false);
    await journal.close();
    expect(disk.history.length).toBe(operations);
    const recovered = await recoveredFrom(disk.image);
    expect(recovered.slice(0, 1)).toEqual([0]);
    expect(recovered).toEqual(upTo(recovered.length));
  });

  test.each(['create', 'write', 'sync', 'rename'])('at %s of a snapshot fails the compaction and the journal, and loses nothing', async (operation) => {
    const disk = new CrashingDisk();
    const { journal } = await Journal.open({ directory, files: disk });
    await append(journal, [record(0), record(1)]);
    disk.failing = (failing, where) => (failing === operation && where.includes('snapshot') ? 'EIO: i/o error' : undefined);
    expect(await compact(journal, [record(0), record(1)])).toMatchObject({ code: 'JOURNAL_FAILED' });
    expect(await append(journal, [record(2)])).toMatchObject({ code: 'JOURNAL_FAILED' });
    await journal.close();
    expect(await recoveredFrom(disk.image)).toEqual([0, 1]);
  });

  test('that hangs is given up when more waits for it than the bound allows', async () => {
    const { journal } = await Journal.open({ directory, files: new CrashingDisk(), queueBytesMax: 1_000 });
    const outcomes = await Promise.all(upTo(3).map(() => append(journal, [{ type: 0, payload: Buffer.alloc(400) }])));
    expect(outcomes).toEqual(outcomes.map(() => expect.objectContaining({ code: 'JOURNAL_FAILED' })));
    expect(String(outcomes[0])).toMatch(/bytes wait to be written, more than 1000/);
    await journal.close();
  });

  test('while the journal is opened fails the opening with a sentence that says what to do', async () => {
    const disk = new CrashingDisk();
    disk.failing = (operation) => (operation === 'create' ? 'EROFS: read-only file system' : undefined);
    await expect(Journal.open({ directory, files: disk })).rejects.toThrow(/^Cannot keep the journal in \/journal: creating .*EROFS.*; mend the disk/);
  });
});

test('a closed journal refuses, and closing twice does nothing; what was asked for before is durable', async () => {
  const disk = new CrashingDisk();
  const { journal } = await Journal.open({ directory, files: disk });
  const last = append(journal, [record(0)]);
  await Promise.all([journal.close(), journal.close()]);
  expect(await last).toBeUndefined();
  expect(await append(journal, [record(1)])).toMatchObject({ code: 'JOURNAL_CLOSED' });
  expect(await recoveredFrom(disk.image)).toEqual([0]);
});

describe('on real files', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'allot-journal-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  test('records survive reopening and compaction in a directory that did not exist', async () => {
    const nested = join(root, 'a', 'b');
    const first = await Journal.open({ directory: nested });
    await append(first.journal, upTo(10).map(record));
    await compact(first.journal, upTo(10).map(record));
    await append(first.journal, [record(10)]);
    await first.journal.close();
    const second = await Journal.open({ directory: nested });
    expect(second.records.map(numberOf)).toEqual(upTo(11));
    expect(second.tornBytes).toBe(0);
    await second.journal.close();
    expect(readdirSync(nested).sort()).toEqual(['log-0000000001', 'snapshot-0000000001']);
  });

  test('a copy of the log cut at any byte recovers whole appends, and at least those acknowledged before that byte', async () => {
    const original = join(root, 'original');
    const { journal } = await Journal.open({ directory: original });
    const path = 'log-0000000000';
    const acknowledged: { readonly bytes: number; readonly count: number }[] = [{ bytes: 0, count: 0 }];
    for (const index of upTo(4)) {
      await append(journal, [record(2 * index), record(2 * index + 1)]);
      acknowledged.push({ bytes: readFileSync(join(original, path)).length, count: 2 * index + 2 });
    }
    await journal.close();
    const length = readFileSync(join(original, path)).length;
    for (let bytes = 0; bytes <= length; bytes += 1) {
      const copy = join(root, 'copy');
      cpSync(original, copy, { recursive: true });
      truncateSync(join(copy, path), bytes);
      const opened = await Journal.open({ directory: copy });
      const safe = acknowledged.findLast((mark) => mark.bytes <= bytes)?.count ?? 0;
      expect(opened.records.map(numberOf)).toEqual(upTo(safe));
      await opened.journal.close();
      rmSync(copy, { recursive: true });
    }
  });

  test('a second journal in the same directory is refused until the first is closed', async () => {
    const first = await Journal.open({ directory: root });
    await expect(Journal.open({ directory: root })).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED' });
    await first.journal.close();
    const second = await Journal.open({ directory: root });
    await second.journal.close();
  });

  test('a directory that cannot be used is refused with a sentence, and a failed opening leaves no lock behind', async () => {
    writeFileSync(join(root, 'file'), '');
    await expect(Journal.open({ directory: join(root, 'file') })).rejects.toMatchObject({ code: 'JOURNAL_FAILED' });
    writeFileSync(join(root, 'log-0000000003'), encodeFileHeader('log', 3));
    await expect(Journal.open({ directory: root })).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    expect(readdirSync(root).filter((name) => name.startsWith('lock'))).toEqual([]);
  });
});

test('the check sum is CRC-32 as everybody computes it', () => {
  expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  expect(crc32(Buffer.from('xx123456789yy'), 2, 11)).toBe(0xcbf43926);
  expect(crc32(Buffer.alloc(0))).toBe(0);
});
