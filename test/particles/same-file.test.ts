// Proves that an executor takes a file on its machine for the scheduler's only when it is that very file, unchanged, and that it gives exactly the bytes
// asked for. How: real files; machines that differ are told apart by what the identity says.

import { appendFileSync, chmodSync, copyFileSync, mkdtempSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countBytes } from '../../frameworks/particles/count';
import { printJobData, readJobData } from '../../frameworks/particles/chunk-task';
import { generateParticles } from '../../frameworks/particles/generate';
import { RangeConnection } from '../../frameworks/particles/range-connection';
import { countPiece } from '../../frameworks/particles/piece-count';
import { fileIdentityFromJson, identifyFile, SameFileReader, type FileIdentity } from '../../frameworks/particles/same-file';

const bytes = Buffer.concat(Array.from(generateParticles(20_000, 5, 'full'), (piece) => Buffer.from(piece)));
let folder: string;
let path: string;
let identity: FileIdentity;
let reader: SameFileReader;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'same-file-'));
  path = join(folder, 'particles.txt');
  writeFileSync(path, bytes);
  const found = await identifyFile(path);
  if (found === undefined) throw new Error('These tests need Linux');
  identity = found;
  reader = new SameFileReader();
});
afterEach(() => {
  reader.close();
  rmSync(folder, { recursive: true });
});

function read(start: number, end: number, of = identity): Buffer | undefined {
  const pieces: Buffer[] = [];
  return reader.read(of, start, end, (piece) => pieces.push(Buffer.from(piece)) > 0) ? Buffer.concat(pieces) : undefined;
}

test('ranges of every size are the bytes of the file', () => {
  for (const [start, end] of [[0, 1], [0, bytes.length], [300_000, 800_001], [bytes.length - 1, bytes.length]] as const) {
    expect(read(start, end)?.equals(bytes.subarray(start, end))).toBe(true);
  }
});

test('who wants no more gets no more', () => {
  const lengths: number[] = [];
  expect(reader.read(identity, 0, bytes.length, (piece) => lengths.push(piece.length) < 2)).toBe(true);
  expect(lengths).toEqual([256 * 1024, 256 * 1024]);
});

test.each<[what: string, change: () => void]>([
  ['that was appended to', () => appendFileSync(path, '1 2 3\n')],
  ['that was written again with as many bytes', () => writeFileSync(path, bytes)],
  ['whose time of writing was set back', () => utimesSync(path, 1, 1)],
  ['whose rights were changed', () => chmodSync(path, 0o600)],
  ['that was replaced by a copy', () => (copyFileSync(path, `${path}.copy`), renameSync(`${path}.copy`, path))],
  ['that is gone', () => rmSync(path)],
])('a file %s is not the same', (_what, change) => {
  change();
  expect(read(0, 10)).toBeUndefined();
});

test('the same numbers on another machine, or before it was started again, are another file', () => {
  expect(read(0, 10, { ...identity, boot: '00000000-0000-0000-0000-000000000000' })).toBeUndefined();
});

test('a file that becomes shorter while it is read is given up, never taken for complete', () => {
  expect(read(0, 10)).toBeDefined();
  truncateSync(path, 1_000);
  expect(read(0, bytes.length)).toBeUndefined();
});

test('a range is counted from the file without a connection, and what cannot be read is fetched', async () => {
  const connection = new RangeConnection();
  const order = { inputUrl: 'http://127.0.0.1:1/x/input', malformed: 'stop', sameFile: identity, start: 0, end: bytes.length } as const;
  expect(await countPiece(order, { index: 0, start: 0, end: bytes.length }, connection, reader)).toEqual({ kind: 'counted', outcome: countBytes(bytes, 'stop') });
  truncateSync(path, 1_000);
  expect(await countPiece(order, { index: 0, start: 0, end: bytes.length }, connection, reader)).toMatchObject({ kind: 'broken', reason: expect.stringContaining('ECONNREFUSED') as string });
  connection.close();
});

test('an identity survives its way to the executor, and what is none is refused by name', () => {
  const data = { inputUrl: 'http://x', malformed: 'stop', sameFile: identity } as const;
  expect(readJobData(Buffer.from(printJobData(data)))).toEqual({ ok: true, value: data });
  expect(fileIdentityFromJson({ ...identity, inode: 7 })).toMatchObject({ ok: false, refusal: { field: 'inode' } });
  expect(readJobData(Buffer.from(JSON.stringify({ ...data, sameFile: { ...identity, sizeBytes: 'many' } })))).toMatchObject({
    refusal: { field: 'executor.data.sameFile.sizeBytes' },
  });
});
