// Proves K1 and K3 of the directory lock: a living holder keeps others out, a dead one keeps nobody out, and of many who start at once one stays at most.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { lockDirectory } from '../../common/directory-lock';

let directory = '';
let child: ChildProcess | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'allot-lock-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  child = undefined;
  rmSync(directory, { recursive: true, force: true });
});

const locks = (): string[] => readdirSync(directory).filter((name) => name.startsWith('lock-'));

/** A living process, and the lock file name that it would have. */
async function aProcess(): Promise<{ readonly pid: number; readonly lock: string }> {
  child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
  return { pid, lock: `lock-${pid}-${start}-${boot}` };
}

test('a lock is taken, refused to a second taker, and free again after unlock', async () => {
  const unlock = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'DIRECTORY_LOCKED', data: { directory, pid: process.pid } });
  await unlock();
  await unlock();
  expect(locks()).toEqual([]);
  await (await lockDirectory(directory))();
});

test('a living process keeps the directory, and the refused one leaves nothing behind; when it dies the directory is free', async () => {
  const other = await aProcess();
  writeFileSync(join(directory, other.lock), '');
  await expect(lockDirectory(directory)).rejects.toThrow(`process ${other.pid} is using it`);
  expect(locks()).toEqual([other.lock]);
  const gone = once(child ?? process, 'exit');
  child?.kill('SIGKILL');
  await gone;
  const unlock = await lockDirectory(directory);
  expect(locks()).toHaveLength(1);
  expect(locks()).not.toContain(other.lock);
  await unlock();
});

test.each<[claim: string, change: (lock: string) => string]>([
  ['a process id that was reused by a process of another start time', (lock) => lock.replace(/-\d+-(\w+)$/, '-1-$1')],
  ['a holder from before the last boot', (lock) => lock.replace(/-\w+$/, '-00000000')],
])('%s holds nothing', async (_claim, change) => {
  const other = await aProcess();
  expect(change(other.lock)).not.toBe(other.lock);
  writeFileSync(join(directory, change(other.lock)), '');
  const unlock = await lockDirectory(directory);
  expect(locks()).toHaveLength(1);
  await unlock();
});

test('files of others are left alone', async () => {
  writeFileSync(join(directory, 'lock-of-another-kind'), '');
  await (await lockDirectory(directory))();
  expect(locks()).toEqual(['lock-of-another-kind']);
});

test('a directory that cannot be made is refused with a sentence', async () => {
  writeFileSync(join(directory, 'file'), '');
  await expect(lockDirectory(join(directory, 'file'))).rejects.toMatchObject({ code: 'OPERATION_FAILED' });
});
