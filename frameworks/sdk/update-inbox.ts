// Update inbox: status updates on their way to the user.
//
// Owns:      one queue per task, so that updates of a task are handled one at a time and in order; telling repetitions from news by uuid.
// Elsewhere: acknowledging (scheduler-driver.ts), retries of what was not acknowledged (the agent's status update manager).
// Invariants:
//   U1. An update counts as handled only when the user's handler has returned, or its promise has resolved; only then it is acknowledged. So a
//       handler that stores first and returns then loses nothing if its process dies.
//   U2. An update that was handled is not handled again: its repetition is only acknowledged again, for the first one may be lost.
//   U3. An update whose handler failed is not handled: with a uuid its agent repeats it; without one nobody else has it, so it stays at the
//       head of its queue and is tried again here.
//   U4. Every queue is bounded. What finds no room is dropped unacknowledged, and `lost` says so.
// Source: Mesos at-least-once updates; de-duplication by uuid as in its drivers.

import { backoffDelayMs, type Backoff } from '../../common/backoff';
import type { TaskId } from '../../common/model/ids';
import type { TaskStatus } from '../../common/model/task-status';
import type { Cancel, Environment } from '../../common/ports';
import { callHandler, type MaybePromise } from './handler-call';
import { RecentMap } from './recent-map';

/** Updates of one task. An agent sends the next only after an acknowledgement, so more than two or three means a master gone wild. */
const taskQueueLengthMax = 32;

/** Updates of all tasks waiting for slow handlers. Their agents repeat what was dropped, so the bound costs time, not updates. */
export const updateCountMax = 20_000;

/** Handled updates remembered (U2). Repetitions come within an agent's retry interval after a reconnection: seconds' worth of updates. */
const handledCountMax = 32_768;

/** Between tries of an update that only we have (U3). */
const retryBackoff: Backoff = { initialMs: 1_000, factor: 2, maxMs: 30_000 };

export interface UpdateInboxOptions {
  readonly environment: Environment;
  /** False: nothing new for the user; counts as handled without asking. Asked just before handling. */
  readonly isNews: (status: TaskStatus) => boolean;
  /** The user's handler. */
  readonly handle: (status: TaskStatus) => MaybePromise<void>;
  /** U1: to be acknowledged. `wasTold`: the user's handler took it just now; otherwise it was no news, or a repetition (U2). */
  readonly handled: (status: TaskStatus, wasTold: boolean) => void;
  readonly failed: (status: TaskStatus, error: unknown) => void;
  /** No room (U4). */
  readonly lost: (status: TaskStatus) => void;
}

interface TaskQueue {
  readonly updates: TaskStatus[];
  isBusy: boolean;
  attempt: number;
  cancelRetry: Cancel | undefined;
}

export class UpdateInbox {
  private readonly queues = new Map<TaskId, TaskQueue>();
  private readonly done = new RecentMap<string, true>(handledCountMax);
  private count = 0;
  private isPaused = false;
  private isClosed = false;

  constructor(private readonly options: UpdateInboxOptions) {}

  /** Updates taken and not yet handled. */
  get size(): number {
    return this.count;
  }

  push(status: TaskStatus): void {
    if (this.isClosed) return;
    if (status.uuid !== undefined && this.done.has(key(status))) {
      this.options.handled(status, false);
      return;
    }
    const queue = this.queues.get(status.taskId) ?? { updates: [], isBusy: false, attempt: 0, cancelRetry: undefined };
    if (status.uuid !== undefined && queue.updates.some(({ uuid }) => uuid === status.uuid)) return; // Being handled; acknowledged then.
    if (queue.updates.length >= taskQueueLengthMax || this.count >= updateCountMax) {
      this.options.lost(status);
      return;
    }
    this.queues.set(status.taskId, queue);
    queue.updates.push(status);
    this.count += 1;
    this.next(status.taskId, queue);
  }

  /** No handler begins any more; those at work may end, and what they took is still acknowledged. */
  pause(): void {
    this.isPaused = true;
  }

  /** Nothing is handled any more; what is being handled goes unheard. */
  close(): void {
    this.isClosed = true;
    for (const { cancelRetry } of this.queues.values()) cancelRetry?.();
    this.queues.clear();
    this.count = 0;
  }

  private next(taskId: TaskId, queue: TaskQueue): void {
    const status = queue.updates[0];
    if (status === undefined) {
      this.queues.delete(taskId);
      return;
    }
    if (this.isPaused || queue.isBusy || queue.cancelRetry !== undefined) return;
    if (!this.options.isNews(status)) {
      this.finish(taskId, queue, status, false);
      return;
    }
    queue.isBusy = true;
    callHandler(
      () => this.options.handle(status),
      (end) => {
        if (this.isClosed) return;
        queue.isBusy = false;
        if (end.ok) this.finish(taskId, queue, status, true);
        else this.fail(taskId, queue, status, end.error);
      },
    );
  }

  private finish(taskId: TaskId, queue: TaskQueue, status: TaskStatus, wasTold: boolean): void {
    this.shift(queue);
    if (status.uuid !== undefined) this.done.set(key(status), true);
    this.options.handled(status, wasTold);
    if (!this.isClosed) this.next(taskId, queue);
  }

  private fail(taskId: TaskId, queue: TaskQueue, status: TaskStatus, error: unknown): void {
    if (status.uuid === undefined) {
      const { clock, random } = this.options.environment;
      queue.cancelRetry = clock.schedule(backoffDelayMs(retryBackoff, queue.attempt++, random.next()), () => {
        queue.cancelRetry = undefined;
        this.next(taskId, queue);
      });
    } else {
      this.shift(queue);
    }
    this.options.failed(status, error);
    if (!this.isClosed) this.next(taskId, queue);
  }

  private shift(queue: TaskQueue): void {
    queue.updates.shift();
    queue.attempt = 0;
    this.count -= 1;
  }
}

function key({ taskId, uuid }: TaskStatus): string {
  return `${uuid} ${taskId}`;
}
