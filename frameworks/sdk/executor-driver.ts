// Executor driver: an executor's side of its conversation with the agent.
//
// Owns:      the subscription and its return while the agent restarts; stamping updates; keeping them until the agent has them.
// Elsewhere: doing the tasks (task-runner.ts, or the author), heartbeats (the link), the variables (executor-environment.ts).
// Invariants:
//   X1. An update is kept, and sent again in every session, until the agent acknowledged or refused it. Updates of a task leave in the order made.
//   X2. A task gets at most one terminal update, and none after it.
//   X3. A launch is handed out once: repetitions are ignored.
//   X4. The driver ends by `close`, or after the agent was away for the recovery timeout. While the agent is away tasks go on.
//   X5. Kept updates are bounded: ends of tasks always find room (as many as there are tasks), others only up to `updateCountMax` and `updateBytesMax`.
//   X6. No message is larger than a link carries, and no burst more than it queues, however much is kept: SUBSCRIBE names unacknowledged tasks by their ids
//       alone, which is all that an agent asks of them, and carries the oldest updates; the others follow once it was answered, as fast as the agent
//       acknowledges. So an executor can always come back.
// Source: Mesos v1 executor API and executor obligations (unacknowledged tasks and updates at re-subscription, recovery timeout).

import type { Backoff } from '../../common/backoff';
import { describeError } from '../../common/errors';
import { describeLinkEnd, LeaderSession, staticAddresses } from '../../common/leader-session';
import type { ExecutorCall, ExecutorCallEnvelope, ExecutorEvent } from '../../common/model/executor-protocol';
import type { AgentId, TaskId } from '../../common/model/ids';
import type { Label } from '../../common/model/command';
import { Resources } from '../../common/model/resources';
import type { KillPolicy, TaskInfo } from '../../common/model/task';
import { findOversizedPart, statusBytes } from '../../common/model/status-size';
import { isTerminal } from '../../common/model/task-states';
import type { TaskReason, TaskState, TaskStatus } from '../../common/model/task-status';
import { sizeOf } from '../../common/model/message-size';
import type { Cancel, Dialer, Environment, LinkEnd, Log } from '../../common/ports';
import { refused } from '../../common/refusal';
import type { ExecutorIdentity } from './executor-environment';
import { callHandler, type MaybePromise } from './handler-call';
import { RecentMap } from './recent-map';
import { checkDataSize } from './message-size';
import { inputError } from './resource-request';
import { bytesOf } from './task-builder';

/** What an executor may report of a task. */
export interface TaskReport {
  readonly taskId: TaskId;
  readonly state: Exclude<TaskState, 'TASK_STAGING' | 'TASK_DROPPED' | 'TASK_UNREACHABLE' | 'TASK_GONE' | 'TASK_GONE_BY_OPERATOR' | 'TASK_UNKNOWN'>;
  readonly reason?: TaskReason;
  readonly message?: string;
  /** Text is sent as UTF-8. */
  readonly data?: string | Uint8Array;
  readonly healthy?: boolean;
  readonly labels?: readonly Label[];
}

export type ExecutorSubscription = Omit<Extract<ExecutorEvent, { kind: 'subscribed' }>, 'kind'>;

/** The author's part. A handler that throws is logged; it ends nothing. */
export interface ExecutorHandlers {
  /** The agent has taken us, the first time or again. */
  subscribed?(subscription: ExecutorSubscription, driver: ExecutorDriver): MaybePromise<void>;
  /** Run this. Report TASK_STARTING or TASK_RUNNING soon, and one terminal state in the end. */
  launch(task: TaskInfo, driver: ExecutorDriver): MaybePromise<void>;
  /** End this task, politely until the grace period is over; it is ours and not over yet. May be repeated. */
  kill(taskId: TaskId, policy: KillPolicy | undefined, driver: ExecutorDriver): MaybePromise<void>;
  /** Bytes from the scheduler. */
  message?(data: Uint8Array, driver: ExecutorDriver): MaybePromise<void>;
  /** End all tasks, report them, then `flush` and `close`: the container is destroyed after the shutdown grace period. */
  shutdown(driver: ExecutorDriver): MaybePromise<void>;
  /** The agent is away, perhaps only restarting. */
  disconnected?(reason: string, driver: ExecutorDriver): MaybePromise<void>;
}

export interface ExecutorConnection {
  readonly environment: Environment;
  readonly dialer: Dialer<ExecutorCallEnvelope, ExecutorEvent>;
  /** As the dialer wants it. */
  readonly address: string;
  readonly log: Log;
}

/** Why an executor driver ended. */
export type ExecutorEnd = { readonly kind: 'closed' } | { readonly kind: 'agent-lost'; readonly afterMs: number };

/** SUBSCRIBE is answered within this, or the session is made anew: the agent answers in milliseconds unless it is stuck. */
export const executorSubscribeTimeoutMs = 15_000;

/** Live tasks of one executor; a launch beyond it is answered with TASK_FAILED. Bounded in truth by the agent's resources. */
export const executorTaskCountMax = 100_000;

/** Kept updates that are no ends (X5). While an agent is away a chatty task must not fill our memory; its next state says more than its last. */
export const updateCountMax = 10_000;

/** Of the same, bytes. */
export const updateBytesMax = 32 * 1024 * 1024;

/**
 * Of updates in a SUBSCRIBE, and then of those that the agent has not acknowledged yet (X6). Half of what a message may hold; a burst of several never fills
 * the link's queue of 32 MiB. The rest of the half is for tasks.
 */
const windowBytes = 4 * 1024 * 1024;

/** Of the ids of unacknowledged tasks: some ten thousands. A launch beyond is answered with TASK_FAILED, for it would have no place in a SUBSCRIBE (X6). */
const taskIdsBytesMax = 3 * 1024 * 1024;

/** Longest message of an update in characters, within what a status may hold of them; the rest is cut off: it is for people, and often an error that quotes. */
const messageLengthMax = 16_384;

/** Ended tasks remembered against repeated launches, which an agent makes only across its own restart. */
const endedCountMax = 4_096;

/** The first retry soon, because an agent restarts in a second or two; the greatest pause is the agent's own wish. */
function agentBackoff(maxMs: number): Backoff {
  return { initialMs: Math.min(200, maxMs), factor: 2, maxMs };
}

/** What the session logs speaks of masters; the driver tells the same of its agent itself. */
const silentLog: Log = { write: () => undefined, child: () => silentLog };

/** An update that the agent has not acknowledged. */
interface KeptUpdate {
  readonly status: TaskStatus;
  readonly bytes: number;
  /** Sent in this session, so it counts for the window. */
  isSent: boolean;
}

type ExecutorState = 'new' | 'connecting' | 'subscribing' | 'subscribed' | 'ended';

export class ExecutorDriver {
  private readonly environment: Environment;
  private readonly log: Log;
  private readonly session: LeaderSession<ExecutorCallEnvelope, ExecutorEvent>;

  private state: ExecutorState = 'new';
  private agentId: AgentId | undefined;
  private readonly live = new Map<TaskId, TaskInfo>();
  /** Tasks of which the agent has acknowledged nothing yet: it may have forgotten their launch. */
  private readonly unacknowledgedTasks = new Map<TaskId, TaskInfo>();
  private unacknowledgedTaskBytes = 0;
  private readonly unacknowledgedUpdates = new Map<string, KeptUpdate>();
  /** Of those that are no ends (X5). */
  private progressCount = 0;
  private progressBytes = 0;
  /** Not sent in this session, in the order made. */
  private readonly unsent = new Set<KeptUpdate>();
  private windowUsed = 0;
  private readonly ended = new RecentMap<TaskId, true>(endedCountMax);
  private cancelSubscribeTimeout: Cancel | undefined;
  private cancelRecoveryTimeout: Cancel | undefined;
  private flushes: { readonly done: () => void; readonly cancel: Cancel }[] = [];
  private outbox: ExecutorCall[] = [];
  private turnDepth = 0;
  private end: ExecutorEnd | undefined;
  private endListeners: ((end: ExecutorEnd) => void)[] = [];

  constructor(
    private readonly identity: ExecutorIdentity,
    private readonly handlers: ExecutorHandlers,
    connection: ExecutorConnection,
  ) {
    this.environment = connection.environment;
    this.log = connection.log;
    this.session = new LeaderSession({
      environment: this.environment,
      dialer: connection.dialer,
      addresses: staticAddresses([connection.address]),
      backoff: agentBackoff(identity.subscriptionBackoffMaxMs),
      log: silentLog,
      handlers: {
        connected: () => this.subscribe(),
        messages: (events) =>
          this.turn(() => {
            for (const event of events) if (this.state !== 'ended') this.received(event);
          }),
        disconnected: (end) => this.turn(() => this.disconnected(end)),
      },
    });
  }

  get isSubscribed(): boolean {
    return this.state === 'subscribed';
  }

  /** Tasks launched and not yet reported as over. */
  get liveTasks(): readonly TaskInfo[] {
    return [...this.live.values()];
  }

  /** Updates that the agent has neither acknowledged nor refused. */
  get unacknowledgedCount(): number {
    return this.unacknowledgedUpdates.size;
  }

  /** Connects, and keeps at it for the recovery timeout. Once per driver. */
  start(): void {
    if (this.state !== 'new') return;
    this.state = 'connecting';
    this.armRecovery();
    this.session.start();
  }

  /** Calls `listener` once, when the driver has ended; at once if it has. */
  whenEnded(listener: (end: ExecutorEnd) => void): void {
    if (this.end !== undefined) listener(this.end);
    else this.endListeners.push(listener);
  }

  /**
   * Reports a task's state; it is sent now or as soon as the agent is back. False: nothing is reported, because the task is not ours or over
   * already (X2), or because too many unacknowledged updates wait and this one is no end (X5). Throws INPUT_REFUSED for data of more than 1 MiB, and for
   * labels of more than 64 KiB (common/model/status-size.ts).
   */
  update(report: TaskReport): boolean {
    const task = this.live.get(report.taskId);
    if (task === undefined || this.state === 'ended') return false;
    const isEnd = isTerminal(report.state);
    if (!isEnd && (this.progressCount >= updateCountMax || this.progressBytes >= updateBytesMax)) return false;
    const { data, message, labels = [], ...rest } = report;
    const status: TaskStatus = {
      ...rest,
      source: 'SOURCE_EXECUTOR',
      ...(message === undefined ? {} : { message: message.length <= messageLengthMax ? message : `${message.slice(0, messageLengthMax - 1)}…` }),
      ...(data === undefined ? {} : { data: bytesOf(data) }),
      ...(this.agentId === undefined ? {} : { agentId: this.agentId }),
      executorId: this.identity.executorId,
      timestampMs: this.environment.clock.wallMs(),
      // 16 raw bytes on the wire.
      uuid: this.environment.ids.uuid().replaceAll('-', ''),
      labels,
    };
    const oversized = findOversizedPart(status);
    if (oversized !== undefined) throw inputError(refused(oversized.field, `${oversized.bytes} bytes`, `at most ${oversized.bytesMax} bytes`).refusal);
    this.keep(status);
    if (isEnd) {
      this.live.delete(report.taskId);
      this.ended.set(report.taskId, true);
    }
    this.sendUpdates();
    return true;
  }

  /** Bytes for the scheduler, at most once. False: the agent is away, nothing was sent. Throws INPUT_REFUSED for more than 1 MiB. */
  message(data: string | Uint8Array): boolean {
    const bytes = checkDataSize(bytesOf(data));
    if (this.state !== 'subscribed') return false;
    this.send({ kind: 'message', data: bytes });
    return true;
  }

  /** Calls `done` when the agent has acknowledged everything reported so far and since, or after `limitMs`. Before `close`. */
  flush(limitMs: number, done: () => void): void {
    const entry = {
      done,
      cancel: this.environment.clock.schedule(this.unacknowledgedUpdates.size === 0 || this.state === 'ended' ? 0 : limitMs, () => {
        this.flushes = this.flushes.filter((other) => other !== entry);
        done();
      }),
    };
    this.flushes.push(entry);
  }

  /** Ends the driver: no handler runs any more. What was not acknowledged is lost with the process; its agent reports the tasks as failed. */
  close(): void {
    this.finish({ kind: 'closed' });
  }

  private subscribe(): void {
    this.state = 'subscribing';
    this.unsent.clear();
    this.windowUsed = 0;
    for (const update of this.unacknowledgedUpdates.values()) {
      update.isSent = false;
      this.unsent.add(update);
    }
    this.send({
      kind: 'subscribe',
      token: this.identity.token,
      unacknowledgedTasks: [...this.unacknowledgedTasks.values()],
      unacknowledgedUpdates: this.takeUpdates(),
    });
    this.cancelSubscribeTimeout = this.environment.clock.schedule(executorSubscribeTimeoutMs, () =>
      this.session.restart(`SUBSCRIBE was not answered within ${executorSubscribeTimeoutMs} ms`),
    );
  }

  private received(event: ExecutorEvent): void {
    if (event.kind === 'heartbeat') return;
    if (event.kind === 'subscribed') {
      const { kind: _kind, ...subscription } = event;
      this.subscribed(subscription);
      return;
    }
    if (event.kind === 'shutdown') {
      // Also sent instead of SUBSCRIBED, to an executor that is no longer wanted; its agent waits for the last words all the same.
      if (this.state === 'subscribing') this.sessionStands();
      this.tell('shutdown', () => this.handlers.shutdown(this));
      return;
    }
    if (event.kind === 'error') {
      this.log.write('warn', 'Agent refused a call', { reason: event.message });
      // If it was an update, one that could not be read, it will not be acknowledged in this session: others must not wait for it.
      this.windowUsed = 0;
      this.sendUpdates();
      return;
    }
    if (event.kind === 'acknowledged') {
      // Those of updates in SUBSCRIBE come before its answer.
      if (this.state === 'subscribing' || this.state === 'subscribed') this.acknowledged(event);
      return;
    }
    if (this.state !== 'subscribed') {
      this.log.write('debug', 'Event ignored outside of a subscription', { event: event.kind });
      return;
    }
    switch (event.kind) {
      case 'launch':
        this.launched(event.task);
        return;
      case 'kill':
        // Of a task that is over the agent has the end, or will have it soon.
        if (this.live.has(event.taskId)) this.tell('kill', () => this.handlers.kill(event.taskId, event.killPolicy, this));
        return;
      case 'message':
        this.tell('message', () => this.handlers.message?.(event.data, this));
        return;
      default: {
        const unknown: never = event;
        this.log.write('warn', 'Unknown event ignored', { event: (unknown as { kind?: unknown }).kind });
      }
    }
  }

  private subscribed(subscription: ExecutorSubscription): void {
    if (this.state !== 'subscribing') return;
    this.agentId = subscription.agentInfo.id ?? this.agentId;
    this.sessionStands();
    this.log.write('info', 'Subscribed', { executorId: this.identity.executorId, agentId: this.agentId });
    this.tell('subscribed', () => this.handlers.subscribed?.(subscription, this));
  }

  /** SUBSCRIBE was answered: what could not be part of it follows. */
  private sessionStands(): void {
    this.cancelSubscribeTimeout?.();
    this.cancelRecoveryTimeout?.();
    this.cancelRecoveryTimeout = undefined;
    this.state = 'subscribed';
    this.session.established();
    this.sendUpdates();
  }

  private launched(task: TaskInfo): void {
    const { taskId } = task;
    if (this.live.has(taskId) || this.ended.has(taskId)) {
      this.log.write('debug', 'Repeated launch ignored', { taskId });
      return;
    }
    const isFull = this.live.size >= executorTaskCountMax;
    this.live.set(taskId, task);
    if (isFull) this.update({ taskId, state: 'TASK_FAILED', message: `The executor runs ${executorTaskCountMax} tasks already` });
    else if (!this.keepTask(task)) this.update({ taskId, state: 'TASK_FAILED', message: `The agent has acknowledged no update yet of ${this.unacknowledgedTasks.size} tasks of this executor` });
    else this.tell('launch', () => this.handlers.launch(task, this), taskId);
  }

  private acknowledged({ taskId, uuid, refusal }: Extract<ExecutorEvent, { kind: 'acknowledged' }>): void {
    const update = this.unacknowledgedUpdates.get(uuid);
    if (update === undefined || update.status.taskId !== taskId) return;
    const { state } = update.status;
    this.unacknowledgedUpdates.delete(uuid);
    if (refusal !== undefined) this.log.write('warn', 'Agent refused an update', { taskId, state, reason: refusal });
    // A refusal of anything but the end leaves it open whether the agent knows that we have the task.
    if (refusal === undefined || isTerminal(state)) this.forgetTask(taskId);
    if (!isTerminal(state)) {
      this.progressCount -= 1;
      this.progressBytes -= update.bytes;
    }
    if (update.isSent) this.windowUsed = Math.max(0, this.windowUsed - update.bytes);
    this.unsent.delete(update);
    this.sendUpdates();
    if (this.unacknowledgedUpdates.size > 0) return;
    for (const { done, cancel } of this.flushes.splice(0)) {
      cancel();
      done();
    }
  }

  private keep(status: TaskStatus): void {
    const update: KeptUpdate = { status, bytes: statusBytes(status), isSent: false };
    if (status.uuid !== undefined) this.unacknowledgedUpdates.set(status.uuid, update);
    if (!isTerminal(status.state)) {
      this.progressCount += 1;
      this.progressBytes += update.bytes;
    }
    // Without a session it is part of the next SUBSCRIBE.
    if (this.state === 'subscribing' || this.state === 'subscribed') this.unsent.add(update);
  }

  private sendUpdates(): void {
    if (this.state === 'subscribed') for (const status of this.takeUpdates()) this.send({ kind: 'update', status });
  }

  /** X6: what the window lets through of what was not sent yet. One is let through whatever its size. */
  private takeUpdates(): readonly TaskStatus[] {
    const taken: TaskStatus[] = [];
    for (const update of this.unsent) {
      if (this.windowUsed > 0 && this.windowUsed + update.bytes > windowBytes) break;
      this.windowUsed += update.bytes;
      update.isSent = true;
      this.unsent.delete(update);
      taken.push(update.status);
    }
    return taken;
  }

  /** X6: only what the agent asks of it. False: there is no room. */
  private keepTask({ taskId, agentId }: TaskInfo): boolean {
    const kept: TaskInfo = { name: '', taskId, agentId, resources: Resources.empty, limits: new Map(), labels: [] };
    const bytes = sizeOf(kept);
    if (this.unacknowledgedTaskBytes + bytes > taskIdsBytesMax) return false;
    this.unacknowledgedTasks.set(taskId, kept);
    this.unacknowledgedTaskBytes += bytes;
    return true;
  }

  private forgetTask(taskId: TaskId): void {
    const kept = this.unacknowledgedTasks.get(taskId);
    if (kept === undefined) return;
    this.unacknowledgedTasks.delete(taskId);
    this.unacknowledgedTaskBytes -= sizeOf(kept);
  }

  private disconnected(end: LinkEnd): void {
    this.cancelSubscribeTimeout?.();
    this.outbox = [];
    const wasSubscribed = this.state === 'subscribed';
    this.state = 'connecting';
    this.armRecovery();
    if (!wasSubscribed) return;
    const reason = describeLinkEnd(end);
    this.log.write('warn', 'Agent not connected', { reason });
    this.tell('disconnected', () => this.handlers.disconnected?.(reason, this));
  }

  /** From the first moment without a subscription; attempts do not prolong it. */
  private armRecovery(): void {
    const { recoveryTimeoutMs } = this.identity;
    this.cancelRecoveryTimeout ??= this.environment.clock.schedule(recoveryTimeoutMs, () => {
      this.log.write('error', 'Agent did not come back', { afterMs: recoveryTimeoutMs });
      this.finish({ kind: 'agent-lost', afterMs: recoveryTimeoutMs });
    });
  }

  /** A launch handler that throws has not taken its task. */
  private tell(handler: keyof ExecutorHandlers, run: () => MaybePromise<void>, launching?: TaskId): void {
    callHandler(run, (end) => {
      if (end.ok || this.state === 'ended') return;
      this.log.write('error', 'Handler failed', { handler, reason: describeError(end.error) });
      if (launching !== undefined) this.update({ taskId: launching, state: 'TASK_FAILED', message: describeError(end.error) });
    });
  }

  private send(call: ExecutorCall): void {
    this.outbox.push(call);
    if (this.turnDepth === 0) this.flushOutbox();
  }

  private flushOutbox(): void {
    if (this.outbox.length === 0) return;
    const { frameworkId, executorId } = this.identity;
    const batch = this.outbox.map((call): ExecutorCallEnvelope => ({ frameworkId, executorId, call }));
    this.outbox = [];
    this.session.send(batch); // When the link has just ended, the next SUBSCRIBE says it all again (X1).
  }

  /** What is said within one turn leaves as one batch. */
  private turn(work: () => void): void {
    this.turnDepth += 1;
    try {
      work();
    } finally {
      this.turnDepth -= 1;
      if (this.turnDepth === 0) this.flushOutbox();
    }
  }

  private finish(end: ExecutorEnd): void {
    if (this.state === 'ended') return;
    this.flushOutbox();
    this.state = 'ended';
    this.cancelSubscribeTimeout?.();
    this.cancelRecoveryTimeout?.();
    for (const { cancel } of this.flushes.splice(0)) cancel();
    this.session.close();
    this.end = end;
    for (const listener of this.endListeners.splice(0)) listener(end);
  }
}
