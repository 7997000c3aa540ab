// Errand: a small program that does one thing to a sandbox, with the rights of the user whose sandbox it is.
//
// Owns:      running it, feeding it, ending it, what it said when it failed.
// Elsewhere: which programs (fetcher.ts), the commands of tasks themselves (posix-containerizer.ts).
// Invariants:
//   N1. An errand has its user's rights alone, no group of the agent's and none of its environment but PATH: what it is told to read or write by a
//       framework, that user could have read or written himself.
//   N2. An errand that is over or aborted has left no process behind: it is a process group, and ended as one.
// Source: Mesos runs its fetcher as the task's user, in a process of its own.

import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** The user on whose behalf something is done, where that is not the agent's own. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface Errand {
  readonly program: string;
  readonly args: readonly string[];
  /** Where it runs. */
  readonly directory: string;
  readonly owner: Owner | undefined;
  /** Its standard input; nothing if absent. Destroyed in the end, whatever happens. */
  readonly input?: Readable;
}

/** What is kept of standard error: enough for a sentence or two. */
const saidLengthMax = 500;

/** Resolves when the program has succeeded. Rejects with what it said, with what went wrong with its input, or with the signal's reason. */
export async function runErrand(errand: Errand, signal: AbortSignal): Promise<void> {
  let endGroup: () => void = () => undefined;
  try {
    signal.throwIfAborted();
    const child = start(errand);
    endGroup = () => endGroupOf(child);
    signal.addEventListener('abort', endGroup, { once: true });
    const ended = untilEnded(child, errand.program);
    const fed = errand.input === undefined || child.stdin === null ? undefined : pipeline(errand.input, child.stdin);
    // A program that refuses stops reading: then its own words say more than the broken pipe.
    const [end, feeding] = await Promise.allSettled([ended, fed]);
    signal.throwIfAborted();
    for (const outcome of [end, feeding]) if (outcome.status === 'rejected') throw outcome.reason;
  } finally {
    signal.removeEventListener('abort', endGroup);
    endGroup();
    errand.input?.destroy();
  }
}

function start({ program, args, directory, owner, input }: Errand): ChildProcess {
  return spawn(program, args, {
    cwd: directory,
    detached: true, // N2
    stdio: [input === undefined ? 'ignore' : 'pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' }, // N1
    ...owner,
  });
}

function untilEnded(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text.slice(0, Math.max(0, saidLengthMax - said.length));
    });
    child.once('error', reject);
    child.once('close', (status) => (status === 0 ? resolve() : reject(new Error(said.trim() || `${program} ended with status ${status ?? 'unknown'}`))));
  });
}

function endGroupOf({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: nothing of it is left, which is what was wanted.
  }
}
