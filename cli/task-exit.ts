// Task exit: the exit status that the end of a command task stands for.
//
// Owns:      reading the status out of a terminal update.
// Elsewhere: the sentences of the built-in command executor (agent/core/container-exit.ts, which a test holds against this file).
// Source: Mesos statuses have no field for it, but fixed sentences; 128 + signal number as shells have it.

import { constants } from 'node:os';

import type { TaskStatus } from '../common/model/task-status';

/** What a command returns whose own status nobody knows. */
const unknownStatus = 1;

/** 0 for a finished task, else the command's own status, 128 + n for signal n, 1 where the task ended for another reason. */
export function exitStatusOf({ state, message = '' }: Pick<TaskStatus, 'state' | 'message'>): number {
  if (state === 'TASK_FINISHED') return 0;
  const exited = /exited with status (\d{1,3})$/.exec(message)?.[1];
  if (exited !== undefined) return Number(exited) || unknownStatus;
  const signal = /terminated with signal (SIG[A-Z0-9]+)$/.exec(message)?.[1];
  const number = signal === undefined ? undefined : constants.signals[signal as NodeJS.Signals];
  return number === undefined ? unknownStatus : 128 + number;
}

/** Whether the command itself ended so, and has said what there is to say. */
export function isOwnEnd({ state, message = '' }: Pick<TaskStatus, 'state' | 'message'>): boolean {
  return state === 'TASK_FINISHED' || (state === 'TASK_FAILED' && /exited with status \d{1,3}$/.test(message));
}
