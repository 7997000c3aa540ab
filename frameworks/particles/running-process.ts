// Running process: who is at work on something that only one process at a time may use.
//
// Owns:      what names a process of a machine for good, and whether it still runs.
// Elsewhere: what is used by one at a time (job-state-file.ts).
// Invariants:
//   N1. A pid alone names nobody: it is believed only together with its start time and the running system. A zombie has ended.
// Source: proc(5), fields 3 (state) and 22 (start time) of /proc/<pid>/stat. Elsewhere than on Linux nobody is known to run.

import { readFileSync } from 'node:fs';

export interface RunningProcess {
  readonly pid: number;
  /** Clock ticks from the start of the system. */
  readonly startedAt: string;
  /** {@link bootId}. */
  readonly boot: string;
}

/** Undefined where processes cannot be told apart (no Linux). */
export function thisProcess(): RunningProcess | undefined {
  const [startedAt, boot] = [startOf(process.pid), bootId()];
  return startedAt === undefined || boot === undefined ? undefined : { pid: process.pid, startedAt, boot };
}

/** Whether another process than this one is meant, and still runs on this machine. */
export function isAnotherRunning({ pid, startedAt, boot }: RunningProcess): boolean {
  return pid !== process.pid && boot === bootId() && startOf(pid) === startedAt;
}

/** Of the running system: two machines differ, and one before and after it was started. */
export function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim() || undefined;
  } catch {
    return undefined;
  }
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
