// The kernel's process table, as far as the agent needs it.
//
// Owns:      whether a process still is the one we started, and whether anything of a process group lives.
// Elsewhere: starting and ending processes (posix-containerizer.ts).
// Invariants:
//   U1. A zombie is dead: whoever reaps it may take seconds (a pid 1 that is no init), and it holds nothing.
//   U2. A pid alone names nobody: it is believed only together with its start time.
// Source: proc(5), fields 3 (state), 5 (process group) and 22 (start time) of /proc/<pid>/stat, and /proc/uptime.

import { readdirSync, readFileSync } from 'node:fs';

interface ProcessStat {
  readonly state: string;
  readonly processGroup: number;
  readonly startedAt: string;
}

/** Start time of the process in clock ticks since boot, or undefined when there is no such process (or only its zombie). */
export function processStartTime(pid: number): string | undefined {
  const stat = readStat(pid);
  return stat && stat.state !== 'Z' ? stat.startedAt : undefined;
}

/** Whether `pid` lives and is the process that started at `startedAt` (U2). */
export function isSameProcess(pid: number, startedAt: string): boolean {
  return processStartTime(pid) === startedAt;
}

/** Clock ticks of proc(5) per second. 100 to every program on every architecture that Node runs on, whatever the kernel's own tick. */
const ticksPerSecond = 100;

/** How long ago a process started that started at `startedAt`. Both are counted from the boot of the machine, so a clock that is set changes nothing. */
export function ageMsOf(startedAt: string): number {
  const uptimeSeconds = Number.parseFloat(readFileSync('/proc/uptime', 'latin1'));
  return Math.max(0, Math.round((uptimeSeconds - Number(startedAt) / ticksPerSecond) * 1_000));
}

/** Whether any process of the group lives (U1). Cheap when the group is empty, a walk over /proc otherwise. */
export function isGroupAlive(processGroup: number): boolean {
  try {
    process.kill(-processGroup, 0);
  } catch (error) {
    // EPERM: somebody is there, but not ours to signal.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(Number(entry));
    if (stat && stat.processGroup === processGroup && stat.state !== 'Z' && stat.state !== 'X') return true;
  }
  return false;
}

function readStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // Gone, or never there.
    return undefined;
  }
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, , processGroup] = fields;
  const startedAt = fields[19];
  if (state === undefined || processGroup === undefined || startedAt === undefined) return undefined;
  return { state, processGroup: Number(processGroup), startedAt };
}
