// Task table: the tasks of this framework that are not over, as the scheduler knows them.
//
// Owns:      per live task its agent, the state the user was last told, and whether the user wants it killed; a memory of tasks that ended.
// Elsewhere: asking the master about them (reconciler.ts), telling the user (update-inbox.ts).
// Invariants:
//   T1. A task enters by launch, by an update about it, by a kill, or as known from before; it leaves by a terminal state or TASK_UNKNOWN
//       that the user was told.
//   T2. A wish to kill lasts as long as the task, also beyond a state from which it may come back (TASK_LOST, TASK_UNKNOWN). A launch of the same id is
//       another task.
//   T3. What the user was told is over stays over: later updates are no news. Except TASK_LOST, which without PARTITION_AWARE also means
//       "unreachable", and may come back.
// Source: Mesos task states and reconciliation; `common/model/task-states.ts` K1 to K4.

import type { AgentId, TaskId } from '../../common/model/ids';
import type { KillPolicy } from '../../common/model/task';
import { isTerminal } from '../../common/model/task-states';
import type { TaskState, TaskStatus } from '../../common/model/task-status';
import { RecentMap } from './recent-map';

/** Live tasks of one framework. More than a master of ours carries for all frameworks together; beyond it launches are refused. */
export const taskCountMax = 1_000_000;

/**
 * Ended tasks remembered. Only updates that were under way when a task ended ask for this memory: seconds' worth of ends. Forgetting one
 * lets a late report about it reach the user, as at-least-once delivery allows.
 */
const endedTaskCountMax = 16_384;

/** That the user wants a task killed, and how. */
export interface KillWish {
  readonly policy: KillPolicy | undefined;
}

export interface LiveTask {
  readonly taskId: TaskId;
  agentId: AgentId | undefined;
  /** What the user was last told; undefined before the first update, and when the user asks to be told again. */
  told: { readonly state: TaskState; readonly healthy: boolean | undefined } | undefined;
  /** Set when the user wants it killed (T2). */
  kill: KillWish | undefined;
}

export class TaskTable {
  private readonly live = new Map<TaskId, LiveTask>();
  private readonly ended = new RecentMap<TaskId, TaskState>(endedTaskCountMax);
  /** Wishes to kill tasks that have left, but may come back (T2). */
  private readonly wishes = new RecentMap<TaskId, KillWish>(endedTaskCountMax);
  /** The tasks to be killed among the live ones, so that a resubscription need not look at all. */
  private readonly doomed = new Set<LiveTask>();

  get size(): number {
    return this.live.size;
  }

  get(taskId: TaskId): LiveTask | undefined {
    return this.live.get(taskId);
  }

  all(): Iterable<LiveTask> {
    return this.live.values();
  }

  toKill(): Iterable<LiveTask> {
    return this.doomed;
  }

  /** Whether the user wants it killed, whether it is here now or may come back. */
  wishToKill(taskId: TaskId): KillWish | undefined {
    return this.live.get(taskId)?.kill ?? this.wishes.get(taskId);
  }

  hasEnded(taskId: TaskId): boolean {
    return this.ended.has(taskId);
  }

  /** The task's entry, made when it is new; undefined when there is no room. An ended id that is used again is a new task. */
  add(taskId: TaskId, agentId: AgentId | undefined): LiveTask | undefined {
    const known = this.live.get(taskId);
    if (known !== undefined) {
      known.agentId ??= agentId;
      return known;
    }
    if (this.live.size >= taskCountMax) return undefined;
    this.ended.delete(taskId);
    const task: LiveTask = { taskId, agentId, told: undefined, kill: undefined };
    this.live.set(taskId, task);
    return task;
  }

  /** A new task of that id; what was wished of an earlier one is over. */
  launch(taskId: TaskId, agentId: AgentId): void {
    this.wishes.delete(taskId);
    this.add(taskId, agentId);
  }

  wantKilled(task: LiveTask, policy: KillPolicy | undefined): void {
    task.kill = { policy };
    this.doomed.add(task);
  }

  /** Whether the user learns something from `status` (T3). An answer to the driver's own question that repeats what was told is no news. */
  isNews(status: TaskStatus): boolean {
    const ended = this.ended.get(status.taskId);
    if (ended !== undefined && ended !== 'TASK_LOST') return false;
    if (status.uuid !== undefined || status.reason !== 'REASON_RECONCILIATION') return true;
    const told = this.live.get(status.taskId)?.told;
    return told === undefined || told.state !== status.state || told.healthy !== status.healthy;
  }

  /** The user was told `status` (T1). */
  told(status: TaskStatus): void {
    const { taskId, agentId, state, healthy } = status;
    const wish = this.wishToKill(taskId);
    this.wishes.delete(taskId);
    if (isTerminal(state)) {
      this.remove(taskId);
      this.ended.set(taskId, state);
      if (state === 'TASK_LOST' && wish !== undefined) this.wishes.set(taskId, wish);
    } else if (state === 'TASK_UNKNOWN') {
      // Nobody has it, so nobody will speak of it again; if somebody does after all, that is news.
      this.remove(taskId);
      if (wish !== undefined) this.wishes.set(taskId, wish);
    } else {
      const task = this.add(taskId, agentId);
      if (task === undefined) return;
      task.told = { state, healthy };
      if (wish !== undefined) this.wantKilled(task, wish.policy);
    }
  }

  private remove(taskId: TaskId): void {
    const task = this.live.get(taskId);
    if (task === undefined) return;
    this.live.delete(taskId);
    this.doomed.delete(task);
  }
}
