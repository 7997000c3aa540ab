// Process identity: a process of which others may learn from a file, and which may be gone by the time they read it.
//
// Owns:      telling whether the process of long ago still is the one that lives under its id; signalling it and nobody else.
// Elsewhere: the process table (agent/process-table.ts), the file (local-state.ts).
// Invariants:
//   I1. Process ids are given again, sooner or later, and start times begin anew with each boot: a process is believed to be the same only with its id,
//       its start time and its boot. Nobody else is ever signalled.
// Source: proc(5); common/directory-lock.ts, which tells holders of locks apart in the same way.

import { readFileSync } from 'node:fs';

import { isSameProcess, processStartTime } from '../agent/process-table';
import { AllotError, describeError } from '../common/errors';
import type { Clock } from '../common/ports';
import { abortableDelay, deadlineIn, hasPassed } from '../common/timing';

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startedAt: string;
  readonly boot: string;
}

/** How often it is looked whether a process has ended. It is not our child, so nobody tells. */
const pollMs = 50;

/** Of a living process; undefined when there is none of that id. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const startedAt = processStartTime(pid);
  return startedAt === undefined ? undefined : { pid, startedAt, boot: bootId() };
}

/** I1. */
export function isAlive({ pid, startedAt, boot }: ProcessIdentity): boolean {
  return boot === bootId() && isSameProcess(pid, startedAt);
}

/** Does nothing when the process is gone. Throws OPERATION_FAILED when it is another user's. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    // Gone since we looked.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
    throw new AllotError({ code: 'OPERATION_FAILED', action: `end process ${identity.pid}`, detail: describeError(error) }, { cause: error });
  }
}

/** Whether the process is gone within `limitMs`. Rejects when `stop` is aborted before. */
export async function isGoneWithin(identity: ProcessIdentity, limitMs: number, clock: Clock, stop?: AbortSignal): Promise<boolean> {
  const deadline = deadlineIn(clock, limitMs);
  while (isAlive(identity)) {
    if (hasPassed(clock, deadline)) return false;
    await abortableDelay(clock, pollMs, stop);
  }
  return true;
}

/** Of this boot of the machine. Where the system does not tell, all boots are one. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    // No Linux, and no process table either: nothing is believed to be alive.
    return '';
  }
}
