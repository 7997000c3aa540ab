// Task runner: an executor whose tasks are calls of one function.
//
// Owns:      turning what the function does into task states, how many calls run at a time, kill with grace, the orderly end.
// Elsewhere: the conversation with the agent (executor-driver.ts), the process (connect.ts).
// Invariants:
//   N1. Each launched task gets exactly one terminal update: FINISHED when `run` returned or resolved, FAILED when it threw or rejected,
//       KILLED when it was killed or the executor shut down, whatever `run` did then.
//   N2. At most `concurrency` calls run at a time; the others wait in order of launch, as TASK_STARTING, and may be killed while they do.
//   N3. After a kill, `run` has the grace period to end. Then KILLED is reported although the call may still be at work: a function cannot be
//       ended by force, so it must heed its signal.
//   N4. The runner ends when the agent says so or is lost; before, it waits for the acknowledgement of what it reported, in bounded time.
// Source: Mesos executor obligations and kill policy (default 3 s; a repeated kill may only shorten it); the function form is ours.

import { describeError, isAllotError } from '../../common/errors';
import type { TaskId } from '../../common/model/ids';
import { hasCapability } from '../../common/model/framework';
import type { KillPolicy, TaskInfo } from '../../common/model/task';
import type { Cancel } from '../../common/ports';
import { refused } from '../../common/refusal';
import { ExecutorDriver, type ExecutorConnection, type ExecutorEnd, type TaskReport } from './executor-driver';
import type { ExecutorIdentity } from './executor-environment';
import { callHandler, type MaybePromise } from './handler-call';
import { inputError } from './resource-request';

/** What `run` is given besides its task. */
export interface TaskContext {
  /** Aborted when the task is killed or the executor shuts down: end soon. */
  readonly signal: AbortSignal;
  /** Reports progress: another TASK_RUNNING with a message or data. Use sparingly: each is stored on the agent's disk. Throws INPUT_REFUSED for data of more than 1 MiB. */
  status(report: Pick<TaskReport, 'message' | 'data' | 'healthy'>): void;
  /** Sends bytes to the scheduler, at most once; false when the agent is away. Throws INPUT_REFUSED for more than 1 MiB. */
  message(data: string | Uint8Array): boolean;
}

/** What `run` may return for the scheduler: it arrives in the status of TASK_FINISHED. With data of more than 1 MiB the task is TASK_FAILED instead. */
export interface TaskResult {
  readonly data?: string | Uint8Array;
  readonly message?: string;
}

export interface TaskRunnerOptions {
  readonly run: (task: TaskInfo, context: TaskContext) => MaybePromise<TaskResult | void>;
  /** Calls at a time. Default: as many as the agent launches, for resources bound them already. Less when tasks share something scarcer. */
  readonly concurrency?: number;
  /**
   * TASK_RUNNING is reported when `run` is not over after this. Milliseconds, default 0: at once. Some seconds suit tasks that are mostly shorter: every update
   * is written to the agent's disk and acknowledged all the way back, and the end of a short task says enough. Far less than the master's launch timeout.
   */
  readonly runningReportDelayMs?: number;
  /** Bytes from the scheduler. */
  readonly message?: (data: Uint8Array) => MaybePromise<void>;
}

/** Source: Mesos `KillPolicy` default. */
const gracePeriodMsDefault = 3_000;

/** Of the shutdown grace period, this much is kept for reporting. Source: Mesos command executor (2 s of 5 s). */
const reportReserveMs = 2_000;

interface RunningTask {
  readonly task: TaskInfo;
  readonly controller: AbortController;
  isStarted: boolean;
  isKilled: boolean;
  /** When the grace period is over; Infinity while nobody wants it killed. */
  killDueMs: number;
  cancelGrace: Cancel | undefined;
  cancelRunningReport: Cancel | undefined;
}

export class TaskRunner {
  readonly driver: ExecutorDriver;
  private readonly tasks = new Map<TaskId, RunningTask>();
  private readonly waiting: RunningTask[] = [];
  private readonly concurrency: number;
  private startedCount = 0;
  private knowsKilling = false;
  private isShuttingDown = false;

  /** Throws INPUT_REFUSED for a concurrency that is none. */
  constructor(
    private readonly options: TaskRunnerOptions,
    private readonly identity: ExecutorIdentity,
    private readonly connection: ExecutorConnection,
  ) {
    const { concurrency = Infinity } = options;
    if (!(concurrency === Infinity || (Number.isInteger(concurrency) && concurrency > 0))) {
      throw inputError(refused('concurrency', concurrency, 'a whole number > 0').refusal);
    }
    this.concurrency = concurrency;
    this.driver = new ExecutorDriver(
      identity,
      {
        subscribed: ({ frameworkInfo }) => {
          this.knowsKilling = hasCapability(frameworkInfo, 'TASK_KILLING_STATE');
        },
        launch: (task) => this.launched(task),
        kill: (taskId, policy) => this.kill(taskId, policy),
        message: (data) => options.message?.(data),
        shutdown: () => this.shutdown(),
      },
      connection,
    );
    // Whatever still runs is told; nobody is left to report it to.
    this.driver.whenEnded(() => {
      for (const entry of this.tasks.values()) {
        entry.cancelGrace?.();
        entry.cancelRunningReport?.();
        entry.controller.abort();
      }
    });
  }

  /** Begins; {@link whenEnded} tells how it ended. */
  start(): void {
    this.driver.start();
  }

  whenEnded(listener: (end: ExecutorEnd) => void): void {
    this.driver.whenEnded(listener);
  }

  /** Kills all tasks, reports them, ends. Twice does nothing. */
  shutdown(): void {
    if (this.isShuttingDown) return;
    this.isShuttingDown = true;
    const graceMs = Math.max(0, this.identity.shutdownGracePeriodMs - reportReserveMs);
    for (const taskId of [...this.tasks.keys()]) this.kill(taskId, { gracePeriodMs: graceMs });
    this.endWhenIdle();
  }

  private launched(task: TaskInfo): void {
    const entry: RunningTask = { task, controller: new AbortController(), isStarted: false, isKilled: false, killDueMs: Infinity, cancelGrace: undefined, cancelRunningReport: undefined };
    this.tasks.set(task.taskId, entry);
    if (this.isShuttingDown) {
      this.over(entry, { state: 'TASK_KILLED', message: 'The executor shuts down' });
    } else if (this.startedCount < this.concurrency) {
      this.begin(entry);
    } else {
      this.waiting.push(entry);
      this.driver.update({ taskId: task.taskId, state: 'TASK_STARTING' });
    }
  }

  private begin(entry: RunningTask): void {
    const { task, controller } = entry;
    const { taskId } = task;
    entry.isStarted = true;
    this.startedCount += 1;
    this.reportRunning(entry);
    const context: TaskContext = {
      signal: controller.signal,
      status: (report) => {
        if (this.tasks.has(taskId) && !entry.isKilled) this.driver.update({ ...report, taskId, state: 'TASK_RUNNING' });
      },
      message: (data) => this.driver.message(data),
    };
    callHandler(
      () => this.options.run(task, context),
      (end) => {
        this.startedCount -= 1;
        if (entry.isKilled) this.over(entry, { state: 'TASK_KILLED' });
        else if (end.ok) this.over(entry, { state: 'TASK_FINISHED', ...resultOf(end.value) });
        else this.over(entry, { state: 'TASK_FAILED', message: describeError(end.error) });
        this.beginWaiting();
      },
    );
  }

  private reportRunning(entry: RunningTask): void {
    const { taskId } = entry.task;
    const { runningReportDelayMs = 0 } = this.options;
    const report = (): void => {
      if (!entry.isKilled) this.driver.update({ taskId, state: 'TASK_RUNNING' });
    };
    if (runningReportDelayMs <= 0) report();
    else entry.cancelRunningReport = this.connection.environment.clock.schedule(runningReportDelayMs, report);
  }

  private beginWaiting(): void {
    while (this.startedCount < this.concurrency) {
      const entry = this.waiting.shift();
      if (entry === undefined) return;
      this.begin(entry);
    }
  }

  private kill(taskId: TaskId, policy: KillPolicy | undefined): void {
    const entry = this.tasks.get(taskId);
    if (entry === undefined) return;
    if (!entry.isStarted) {
      this.waiting.splice(this.waiting.indexOf(entry), 1);
      this.over(entry, { state: 'TASK_KILLED', message: 'Killed before it began' });
      return;
    }
    const { clock } = this.connection.environment;
    const graceMs = policy?.gracePeriodMs ?? entry.task.killPolicy?.gracePeriodMs ?? gracePeriodMsDefault;
    const isFirst = !entry.isKilled;
    entry.isKilled = true;
    const dueMs = clock.nowMs() + graceMs;
    if (dueMs < entry.killDueMs) {
      entry.cancelGrace?.();
      entry.killDueMs = dueMs;
      entry.cancelGrace = clock.schedule(graceMs, () => this.over(entry, { state: 'TASK_KILLED', message: `Did not end within its grace period of ${graceMs} ms` }));
    }
    if (!isFirst) return;
    if (this.knowsKilling) this.driver.update({ taskId, state: 'TASK_KILLING' });
    // Listeners may end the task at once, so everything is in place before.
    entry.controller.abort();
  }

  /** N1: the first end counts. */
  private over(entry: RunningTask, report: Omit<TaskReport, 'taskId'>): void {
    const { taskId } = entry.task;
    if (this.tasks.get(taskId) !== entry) return;
    this.tasks.delete(taskId);
    entry.cancelGrace?.();
    entry.cancelRunningReport?.();
    this.reportEnd(taskId, report);
    if (this.isShuttingDown) this.endWhenIdle();
  }

  /** A result that cannot travel is none: its task has failed, and the end says why. */
  private reportEnd(taskId: TaskId, report: Omit<TaskReport, 'taskId'>): void {
    try {
      this.driver.update({ ...report, taskId });
    } catch (error) {
      if (!isAllotError(error, 'INPUT_REFUSED')) throw error;
      this.driver.update({ taskId, state: 'TASK_FAILED', message: `Its result was refused: ${describeError(error)}` });
    }
  }

  private endWhenIdle(): void {
    if (this.tasks.size === 0) this.driver.flush(reportReserveMs, () => this.driver.close());
  }
}

function resultOf(value: TaskResult | void): Pick<TaskReport, 'data' | 'message'> {
  if (typeof value !== 'object' || value === null) return {};
  return { ...(value.data === undefined ? {} : { data: value.data }), ...(value.message === undefined ? {} : { message: value.message }) };
}
