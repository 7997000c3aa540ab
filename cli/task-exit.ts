// Task exit: the exit status that the end of a command task stands for.
//
// Owns:      which updates are an end, reading the status out of one, the sentence for an end that is not the command's own.
// Elsewhere: the sentences of the built-in command executor (agent/core/container-exit.ts, which a test holds against this file).
// Source: Mesos statuses have no field for it, but fixed sentences; 128 + signal number as shells have it.

import { constants } from 'node:os';

import { isTerminal } from '../common/model/task-states';
import type { TaskStatus } from '../common/model/task-status';

/** What a command returns whose own status nobody knows. */
const unknownStatus = 1;

/** Whether nothing more is to be expected: TASK_UNKNOWN is no end of a task, but nobody has it and nobody will speak of it again. */
export function isEnd({ state }: Pick<TaskStatus, 'state'>): boolean {
  return isTerminal(state) || state === 'TASK_UNKNOWN';
}

/** 0 for a finished task, else the command's own status, 128 + n for signal n, 1 where the task ended for another reason. */
export function exitStatusOf({ state, message = '' }: Pick<TaskStatus, 'state' | 'message'>): number {
  if (state === 'TASK_FINISHED') return 0;
  const exited = /exited with status (\d{1,3})$/.exec(message)?.[1];
  if (exited !== undefined) return Number(exited) || unknownStatus;
  const signal = /terminated with signal (SIG[A-Z0-9]+)$/.exec(message)?.[1];
  const number = signal === undefined ? undefined : constants.signals[signal as NodeJS.Signals];
  return number === undefined ? unknownStatus : 128 + number;
}

/** For an end that {@link isOwnEnd} is not true of. */
export function describeEnd({ taskId, state, message }: Pick<TaskStatus, 'taskId' | 'state' | 'message'>): string {
  const sentence = `Task ${taskId} is ${state}${message === undefined ? '' : `: ${message}`}`;
  return state === 'TASK_UNKNOWN' ? `${sentence}. The master no longer knows it, so nobody can tell how it ended` : sentence;
}

/** Whether the command itself ended so, and has said what there is to say. */
export function isOwnEnd({ state, message = '' }: Pick<TaskStatus, 'state' | 'message'>): boolean {
  return state === 'TASK_FINISHED' || (state === 'TASK_FAILED' && /exited with status \d{1,3}$/.test(message));
}
