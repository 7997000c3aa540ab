// Task outcome: what a state means for whoever waits for a task.
//
// Owns:      which states ask for another try.
// Elsewhere: the states and their order (common/model/task-states.ts).
// Source: Mesos docs/task-state-reasons.md and docs/high-availability-framework-guide.md.

import type { TaskState } from '../../common/model/task-status';

const lostStates: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_UNREACHABLE',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNKNOWN',
]);

/**
 * Whether the cluster, not the task, is the reason that no result is to be expected: run it again elsewhere. TASK_UNREACHABLE counts: its
 * agent may come back with the task still running, so `driver.kill` the old one when a new one is launched.
 */
export function isLost(state: TaskState): boolean {
  return lostStates.has(state);
}
