// Proves the table of task states against a second one, written as a picture: every pair of states crossed with every component.
// What the picture leaves blank must be refused.

import { isTerminal, lostState, mayMove, type TaskStateOwner } from '../../../common/model/task-states';
import { taskStateNumbers, type TaskState } from '../../../common/model/task-status';

const states = Object.keys(taskStateNumbers) as TaskState[];
const owners: readonly TaskStateOwner[] = ['executor', 'agent', 'master'];

// Rows: from. Columns: to, by their first letters below. E: executor, A: agent, M: master, "." nobody.
const columns: readonly TaskState[] = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNREACHABLE',
  'TASK_UNKNOWN',
];
const picture: Readonly<Partial<Record<TaskState, string>>> = {
  //                 STAG STAR RUN KILLG FIN FAIL KILLD ERR LOST DROP GONE OPER UNRE UNKN
  TASK_STAGING: '    .    E    E   E     E   EA   EAM   EAM EAM  AM   AM   M    M    .',
  TASK_STARTING: '   .    E    E   E     E   EA   EAM   E   EAM  A    AM   M    M    .',
  TASK_RUNNING: '    .    .    E   E     E   EA   EAM   E   EAM  A    AM   M    M    .',
  TASK_KILLING: '    .    .    .   E     E   EA   EAM   E   EAM  A    AM   M    M    .',
  TASK_UNREACHABLE: 'M    M    M   M     M   M    M     M   M    M    M    M    .    .',
};
const letterOf = { executor: 'E', agent: 'A', master: 'M' } as const;

test('the picture and the table know the same states', () => {
  expect([...columns].sort()).toEqual([...states].sort());
  for (const row of Object.values(picture)) expect(row?.trim().split(/\s+/)).toHaveLength(states.length);
});

describe.each(owners)('the %s', (owner) => {
  test.each(states)('moves a task from %s only where it may', (from) => {
    const cells = picture[from]?.trim().split(/\s+/) ?? [];
    const expected = columns.filter((_, i) => cells[i]?.includes(letterOf[owner]) === true);
    expect(columns.filter((to) => mayMove(from, to, owner))).toEqual(expected);
  });
});

test('K1: nothing leaves a terminal state, and every other state of a task has a way to an end', () => {
  for (const from of states) {
    const moves = owners.flatMap((owner) => states.filter((to) => mayMove(from, to, owner)));
    if (isTerminal(from)) expect(moves).toEqual([]);
    else if (from !== 'TASK_UNKNOWN') expect(moves.some(isTerminal)).toBe(true);
  }
});

test('K2: only the master takes a task to TASK_UNREACHABLE and back, to whatever its agent says', () => {
  for (const state of ['TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING'] as const) {
    expect(owners.filter((owner) => mayMove(state, 'TASK_UNREACHABLE', owner))).toEqual(['master']);
    expect(owners.filter((owner) => mayMove('TASK_UNREACHABLE', state, owner))).toEqual(['master']);
  }
});

test('terminal are exactly the states after which Mesos frees the resources for good', () => {
  expect(states.filter(isTerminal).sort()).toEqual(
    ['TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED', 'TASK_ERROR', 'TASK_LOST', 'TASK_DROPPED', 'TASK_GONE', 'TASK_GONE_BY_OPERATOR'].sort(),
  );
});

test.each(states)('a framework with PARTITION_AWARE is told %s as it is', (state) => {
  expect(lostState(true, state)).toBe(state);
});

test('K4: a framework without PARTITION_AWARE is told TASK_LOST for exactly the states that it cannot know', () => {
  const replaced = states.filter((state) => lostState(false, state) !== state);
  expect(replaced.sort()).toEqual(['TASK_DROPPED', 'TASK_GONE', 'TASK_GONE_BY_OPERATOR', 'TASK_UNKNOWN', 'TASK_UNREACHABLE']);
  expect(new Set(replaced.map((state) => lostState(false, state)))).toEqual(new Set(['TASK_LOST']));
});
