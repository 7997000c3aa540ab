// Directory lock: one process works in a directory at a time.
//
// Owns:      lock files `lock-<pid>-<start>-<boot>`, telling a live holder from a dead one.
// Elsewhere: what is kept in the directory (journal.ts).
// Invariants:
//   K1. Announce, then look: a process first creates its own lock file and only then looks for those of others; any that is alive makes it
//       withdraw. Of two processes the one that announced later sees the other, so never do both stay. Both may withdraw; a retry decides.
//   K2. Everything that identifies the holder is in the file's name, so a crash never leaves half a lock.
//   K3. A lock whose process is gone, is a zombie, began at another time or before the last boot is stale; its file is removed. So a kill -9 or
//       a power cut leaves nothing to clean up, and a reused process id fools nobody.
// Not guarded against: processes in different PID namespaces, or on different machines, that share the directory.
// Source: our choice; Node has no flock. proc_pid_stat(5) for state and start time.

import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { AllotError, describeError, isAllotError } from './errors';

/** Gives the directory back. Twice does nothing. */
export type Unlock = () => Promise<void>;

/**
 * Claims an existing directory for this process. Throws AllotError DIRECTORY_LOCKED when a living process has it (this one included),
 * OPERATION_FAILED when the directory cannot be used.
 */
export async function lockDirectory(directory: string): Promise<Unlock> {
  try {
    await mkdir(directory, { recursive: true });
    return await announceAndLook(directory);
  } catch (error) {
    if (isAllotError(error)) throw error;
    throw new AllotError({ code: 'OPERATION_FAILED', action: `lock the directory ${directory}`, detail: describeError(error) }, { cause: error });
  }
}

async function announceAndLook(directory: string): Promise<Unlock> {
  const own = await lockName(process.pid);
  const ownFile = join(directory, own);
  const unlock = async (): Promise<void> => rm(ownFile, { force: true });
  try {
    const file = await open(ownFile, 'wx', 0o644);
    await file.close();
  } catch (error) {
    if (isNodeError(error, 'EEXIST')) throw new AllotError({ code: 'DIRECTORY_LOCKED', directory, pid: process.pid });
    throw error;
  }
  try {
    for (const name of await readdir(directory)) {
      const holder = /^lock-(\d+)-[0-9a-f]+-[0-9a-f]+$/.exec(name);
      if (holder === null || name === own) continue;
      const pid = Number(holder[1]);
      const alive = await lockName(pid).catch(() => undefined); // No such process: the lock is stale (K3).
      if (alive === name) throw new AllotError({ code: 'DIRECTORY_LOCKED', directory, pid });
      await rm(join(directory, name), { force: true });
    }
    return unlock;
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** The lock file name of a living process; rejects when no such process lives. */
async function lockName(pid: number): Promise<string> {
  const [start, boot] = await Promise.all([processStart(pid), bootId()]);
  return `lock-${pid}-${start}-${boot}`;
}

/** Start time in clock ticks since boot; `0` where the system does not tell (then the process id alone decides). */
async function processStart(pid: number): Promise<string> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    if (process.platform === 'linux') throw error;
    // No /proc: signal 0 asks whether the process exists, and throws when not. EPERM means that it does, under another user.
    try {
      process.kill(pid, 0);
    } catch (killError) {
      if (!isNodeError(killError, 'EPERM')) throw killError;
    }
    return '0';
  }
  // The second field, the command in parentheses, may itself hold spaces and parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  if (state === 'Z' || state === 'X') throw new Error(`Process ${pid} is dead`);
  return fields[19] ?? '0';
}

async function bootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).slice(0, 8);
  } catch {
    // Not Linux: a process id that was reused across a boot has to be sorted out by hand.
    return '0';
  }
}

function isNodeError(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
