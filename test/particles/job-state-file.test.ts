// Proves that the state of a job survives a crash at any byte of any write, and is never gone on with for another input.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Chunk } from '../../frameworks/particles/chunks';
import { countBytes } from '../../frameworks/particles/count';
import { JobStateFile, type InputIdentity } from '../../frameworks/particles/job-state-file';

const input: InputIdentity = { sizeBytes: 30, modifiedMs: 1_700_000_000_000.5, chunkBytes: 10, malformed: 'stop' };
const chunkAt = (index: number): Chunk => ({ index, start: 10 * index, end: 10 * index + 10, nextStart: 10 * index + 10 });
const result = countBytes(Buffer.from('1 0 -4   \n'), 'stop');
const servedAt = { host: '127.0.0.1', port: 4711, secret: 's', jobId: 'j' };

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'particles-'));
  path = join(folder, 'state');
});
afterEach(() => rm(folder, { recursive: true }));

async function writeJob(): Promise<void> {
  const { file } = await JobStateFile.open(path, input);
  await file.recordServedAt(servedAt);
  await file.recordFramework('f-1');
  await Promise.all([0, 2].map((index) => file.recordChunk(chunkAt(index), result)));
  await file.close();
}

test('what was recorded is found again, and removing leaves nothing', async () => {
  await writeJob();
  const { file, recovered } = await JobStateFile.open(path, input);
  expect(recovered).toMatchObject({ frameworkId: 'f-1', servedAt, chunks: [{ chunk: chunkAt(0) }, { chunk: chunkAt(2) }] });
  expect(recovered.chunks[0]?.result).toEqual(result);
  await file.remove();
  expect(await readdir(folder)).toEqual([]);
});

test('what there was room for is found again', async () => {
  await writeJob();
  const { file, recovered } = await JobStateFile.open(path, input);
  expect(recovered.rooms).toEqual([]);
  const rooms = [{ from: 0, places: 4, agents: 1 }, { from: 1_000, places: 12, agents: 3 }];
  for (const room of rooms) await file.recordRoom(room);
  await file.close();
  const again = await JobStateFile.open(path, input);
  expect(again.recovered.rooms).toEqual(rooms);
  await again.file.close();
});

test('a state of a version that cut other chunks is not gone on with', async () => {
  const json = JSON.stringify({ kind: 'input', version: 1, ...input });
  await writeFile(path, `${createHash('sha256').update(json).digest('hex').slice(0, 16)} ${json}\n`);
  await expect(JobStateFile.open(path, input)).rejects.toMatchObject({ code: 'STATE_MISMATCH', message: expect.stringContaining('as another version of this program wrote it; remove it') as string });
});

test('a framework that was torn down is not come back to', async () => {
  await writeJob();
  const { file } = await JobStateFile.open(path, input);
  await file.recordTornDown();
  await file.close();
  const again = await JobStateFile.open(path, input);
  expect(again.recovered).toMatchObject({ frameworkId: undefined, servedAt });
  await again.file.close();
});

test('a crash at any byte loses only what was being written, and the file can be written on', async () => {
  await writeJob();
  const whole = await readFile(path);
  const recordEnds = [...whole.entries()].filter(([, byte]) => byte === 0x0a).map(([index]) => index + 1);
  // Every byte around the beginning and end of a record, and every 29th between: each costs a few syncs.
  const lengths = [...Array(whole.length + 1).keys()].filter((length) => length % 29 === 0 || [0, ...recordEnds].some((end) => Math.abs(length - end) <= 2));
  for (const length of lengths) {
    await writeFile(path, whole.subarray(0, length));
    const { file, recovered } = await JobStateFile.open(path, input);
    const recordCount = recordEnds.filter((end) => end <= length).length;
    // Before the chunks: the input, the process, where it was served, the framework.
    const chunkCount = Math.max(0, recordCount - 4);
    expect(recovered.chunks).toHaveLength(chunkCount);
    expect(recovered.frameworkId).toBe(recordCount >= 4 ? 'f-1' : undefined);
    await file.recordChunk(chunkAt(1), result);
    await file.close();
    const again = await JobStateFile.open(path, input);
    expect(again.recovered.chunks.map(({ chunk }) => chunk.index)).toEqual([0, 2].slice(0, chunkCount).concat(1));
    await again.file.close();
  }
});

test('a torn tail of zeros, as some file systems leave it, is cut off', async () => {
  await writeJob();
  await appendFile(path, Buffer.alloc(100));
  const { file, recovered } = await JobStateFile.open(path, input);
  expect(recovered.chunks).toHaveLength(2);
  await file.close();
});

test('damage before whole records is no crash: it is refused rather than forgotten', async () => {
  await writeJob();
  const bytes = await readFile(path);
  bytes[bytes.indexOf(0x0a) - 3]! ^= 1;
  await writeFile(path, bytes);
  await expect(JobStateFile.open(path, input)).rejects.toMatchObject({ code: 'CANNOT_READ', message: expect.stringContaining('damaged') as string });
});

test('another file named by mistake is neither read nor overwritten', async () => {
  await writeFile(path, '1 2 3\n4 5 6\n');
  await expect(JobStateFile.open(path, input)).rejects.toMatchObject({ code: 'CANNOT_READ' });
  expect(await readFile(path, 'utf8')).toBe('1 2 3\n4 5 6\n');
});

test.each<[string, Partial<InputIdentity>, string]>([
  ['a longer input', { sizeBytes: 31 }, 'its size in bytes is 30, and now it is 31'],
  ['an input written to since', { modifiedMs: 5 }, 'its time of modification is 1700000000000.5, and now it is 5'],
  ['another chunk size', { chunkBytes: 11 }, 'its chunk size is 10, and now it is 11'],
  ['another policy', { malformed: 'count' }, 'its policy for malformed lines is stop, and now it is count'],
])('%s is refused with the difference and the next step', async (_what, change, difference) => {
  await writeJob();
  await expect(JobStateFile.open(path, { ...input, ...change })).rejects.toMatchObject({
    code: 'STATE_MISMATCH',
    message: `Cannot go on with "${path}" as it belongs to another input or other options: ${difference}; remove it to begin anew, or name another file with --state`,
  });
});

test('a folder that is not there is a failure that names the path', async () => {
  await expect(JobStateFile.open(join(folder, 'none', 'state'), input)).rejects.toMatchObject({ code: 'CANNOT_WRITE' });
});

test('after the disk has refused one record no other is taken, so no half record is written over', async () => {
  const { file } = await JobStateFile.open(path, input);
  await file.close();
  await expect(file.recordFramework('f')).rejects.toBeDefined();
  await expect(file.recordFramework('f')).rejects.toBeDefined();
});

test('a state that another process is at work with is refused with its number, until that process has ended; an earlier start of the machine is over', async () => {
  const other = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => other.once('exit', resolve));
  try {
    const { pid = 0 } = other;
    const startedAt = (await readFile(`/proc/${pid}/stat`, 'latin1')).split(') ')[1]?.split(' ')[19];
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim();
    await writeJob();
    const usedBy = async (process: object): Promise<void> => {
      const json = JSON.stringify({ kind: 'process', ...process });
      await appendFile(path, `${createHash('sha256').update(json).digest('hex').slice(0, 16)} ${json}\n`);
    };
    const opened = async (): Promise<void> => (await JobStateFile.open(path, input)).file.close();
    await usedBy({ pid, startedAt, boot: 'another' });
    await opened();
    await usedBy({ pid, startedAt: '1', boot });
    await opened();
    await usedBy({ pid, startedAt, boot });
    const before = await readFile(path);
    await expect(opened()).rejects.toMatchObject({ code: 'STATE_IN_USE', message: expect.stringContaining(`as process ${pid} is at work with it`) as string });
    expect((await readFile(path)).equals(before)).toBe(true);
  } finally {
    other.kill('SIGKILL');
    await ended;
  }
  const { recovered, file } = await JobStateFile.open(path, input);
  expect(recovered.chunks).toHaveLength(2);
  await file.close();
});
