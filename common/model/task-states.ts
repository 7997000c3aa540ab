// Task states: who may move a task to which state.
//
// Owns:      the table of transitions, grouped by the component allowed to make them, and which states are terminal.
// Elsewhere: the names and numbers of states (task-status.ts), what causes a move (agent/core/, master/core/, executors).
// Invariants:
//   K1. Nothing leaves a terminal state: the first one reported is the one that counts.
//   K2. A task that is TASK_UNREACHABLE may be anything its agent says once the agent is back; only the master takes it there and back.
//   K3. TASK_UNKNOWN is an answer about a task that nobody has, never the state of one.
//   K4. Components keep the precise state. What a framework without PARTITION_AWARE is told is decided when it is told ({@link lostState}):
//       its TASK_LOST of an unreachable task is TASK_UNREACHABLE to us, and may come back.
// Source: Mesos v1 TaskState and `protobuf::isTerminalState`, docs/task-state-reasons.md. Mesos itself checks few transitions; the order
//         STAGING, STARTING, RUNNING, KILLING within an executor's reports is our choice, because an executor that goes back has a bug.

import type { TaskState } from './task-status';

/** The component that makes a transition; it is the `source` of the status that reports it. */
export type TaskStateOwner = 'executor' | 'agent' | 'master';

/** TASK_LOST and TASK_GONE_BY_OPERATOR are terminal in the master's books, though the world may know better. Source: Mesos. */
const terminalStates: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
]);

/** Only frameworks with PARTITION_AWARE know these; the others know TASK_LOST. */
const partitionAwareStates: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_DROPPED',
  'TASK_UNREACHABLE',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNKNOWN',
]);

/** Ends that an executor may report. TASK_LOST and TASK_ERROR are there for executors written for old Mesos. */
const executorEnds = ['TASK_FINISHED', 'TASK_FAILED', 'TASK_KILLED', 'TASK_ERROR', 'TASK_LOST'] as const;

/** Why an agent ends a task whose executor cannot. TASK_DROPPED from any state: an agent that has no record cannot know whether it ran. */
const agentEnds = ['TASK_FAILED', 'TASK_KILLED', 'TASK_LOST', 'TASK_DROPPED', 'TASK_GONE'] as const;

/** Agent away, removed or marked gone; framework removed (TASK_KILLED). */
const masterMoves = ['TASK_UNREACHABLE', 'TASK_LOST', 'TASK_GONE', 'TASK_GONE_BY_OPERATOR', 'TASK_KILLED'] as const;

/** What is not here may not happen. An executor may repeat a state, to report health, checks or labels. */
const transitions: Readonly<Record<TaskStateOwner, Readonly<Partial<Record<TaskState, readonly TaskState[]>>>>> = {
  executor: {
    TASK_STAGING: ['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', ...executorEnds],
    TASK_STARTING: ['TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', ...executorEnds],
    TASK_RUNNING: ['TASK_RUNNING', 'TASK_KILLING', ...executorEnds],
    TASK_KILLING: ['TASK_KILLING', ...executorEnds],
  },
  agent: {
    // TASK_ERROR: the agent itself found the description invalid or unauthorized, so it never started.
    TASK_STAGING: ['TASK_ERROR', ...agentEnds],
    TASK_STARTING: agentEnds,
    TASK_RUNNING: agentEnds,
    TASK_KILLING: agentEnds,
  },
  master: {
    // TASK_ERROR: invalid or unauthorized. TASK_DROPPED: the offer was gone, or the launch deadline passed.
    TASK_STAGING: ['TASK_ERROR', 'TASK_DROPPED', ...masterMoves],
    TASK_STARTING: masterMoves,
    TASK_RUNNING: masterMoves,
    TASK_KILLING: masterMoves,
    // The agent is back and says what became of the task (K2), or it is given up.
    TASK_UNREACHABLE: ['TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', ...terminalStates],
  },
};

/** Whether the task is over for good: its resources are free, its executor forgets it, and no other state may follow (K1). */
export function isTerminal(state: TaskState): boolean {
  return terminalStates.has(state);
}

/** Whether `owner` may report `to` of a task that is in `from`. */
export function mayMove(from: TaskState, to: TaskState, owner: TaskStateOwner): boolean {
  return transitions[owner][from]?.includes(to) === true;
}

/** What to tell a framework about a task in `precise`: TASK_LOST instead of the states that came with PARTITION_AWARE, if it lacks that. */
export function lostState(isPartitionAware: boolean, precise: TaskState): TaskState {
  return !isPartitionAware && partitionAwareStates.has(precise) ? 'TASK_LOST' : precise;
}
