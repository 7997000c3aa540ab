// The exit status of `allot run` follows from the sentences of the built-in command executor; this test holds the two against each other.

import { describeExit } from '../../agent/core/container-exit';
import { describeEnd, exitStatusOf, isEnd, isOwnEnd } from '../../cli/task-exit';
import { taskId } from '../../common/model/ids';
import type { TaskStatus } from '../../common/model/task-status';

const said = (state: TaskStatus['state'], exit: Parameters<typeof describeExit>[0]): Pick<TaskStatus, 'state' | 'message'> => ({ state, message: `Command ${describeExit(exit) ?? ''}` });

test.each<[claim: string, status: Pick<TaskStatus, 'state' | 'message'>, exit: number, own: boolean]>([
  ['a finished command is 0', said('TASK_FINISHED', { status: 0 }), 0, true],
  ['a failed one has its own status', said('TASK_FAILED', { status: 3 }), 3, true],
  ['the largest status comes through', said('TASK_FAILED', { status: 255 }), 255, true],
  ['a signal is 128 and its number', said('TASK_FAILED', { signal: 'SIGKILL' }), 137, false],
  ['a killed task has the status of its signal', said('TASK_KILLED', { signal: 'SIGTERM' }), 143, false],
  ['a killed task that ended by itself has its own status, and is remarked upon', said('TASK_KILLED', { status: 7 }), 7, false],
  ['a killed task never counts as a success', said('TASK_KILLED', { status: 0 }), 1, false],
  ['an unknown signal is 1', { state: 'TASK_FAILED', message: 'Command terminated with signal SIGWEIRD' }, 1, false],
  ['a launch that failed is 1', { state: 'TASK_FAILED', message: 'Failed to launch container: no space' }, 1, false],
  ['a lost task is 1', { state: 'TASK_GONE' }, 1, false],
])('%s', (_claim, status, exit, own) => {
  expect(exitStatusOf(status)).toBe(exit);
  expect(isOwnEnd(status)).toBe(own);
});

test('a task that nobody knows any more is over for whoever waits for it: with a sentence, and a status that is no success', () => {
  const status = { taskId: taskId('t'), state: 'TASK_UNKNOWN', message: 'Reconciliation: Task is unknown' } as const;
  expect([isEnd(status), isOwnEnd(status), exitStatusOf(status)]).toEqual([true, false, 1]);
  expect(describeEnd(status)).toBe('Task t is TASK_UNKNOWN: Reconciliation: Task is unknown. The master no longer knows it, so nobody can tell how it ended');
});

test.each<[state: TaskStatus['state'], is: boolean]>([
  ['TASK_RUNNING', false],
  ['TASK_UNREACHABLE', false],
  ['TASK_GONE', true],
  ['TASK_KILLED', true],
])('%s is an end: %s', (state, is) => {
  expect(isEnd({ state })).toBe(is);
});
