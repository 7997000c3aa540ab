// Status update manager: every update reaches its scheduler, in order, once acknowledged no more.
//
// Owns:      one stream per (framework, task): updates not yet acknowledged, the retry timer of the first, what was acknowledged lately.
// Elsewhere: making updates durable and deciding which are valid (task-updates.ts), how much is under way at a time (update-window.ts), the wire
//            (proto/).
// Invariants:
//   U1. Per stream only the head is under way; the next leaves after the head's acknowledgement.
//   U2. While paused nothing leaves. `resume` sends every head and starts its timer afresh, as far as the window has room; the others follow.
//   U3. Nothing enters a stream after a terminal update. Acknowledging that one ends the stream.
//   U4. A uuid enters a stream once, as long as it is pending or among the newest `acknowledgedCountMax`.
//   U5. A head counts as under way until it is acknowledged or its retry is due: what nobody acknowledges holds up others of its framework, not for ever.
// Source: Mesos task status update manager (reference, agent section 18; scheduler section 11.2).

import type { FrameworkId, TaskId } from '../../common/model/ids';
import { isTerminal } from '../../common/model/task-states';
import type { TaskState, TaskStatus } from '../../common/model/task-status';
import { statusBytes } from '../../common/model/status-size';
import type { AgentConfig } from './agent-step';
import { UpdateWindow } from './update-window';

/** An update on its way: it has what acknowledging needs (S1 of task-status.ts). */
export interface PendingUpdate extends TaskStatus {
  readonly uuid: string;
}

/** What is still remembered of an acknowledged update. */
export interface AcknowledgedUpdate {
  readonly uuid: string;
  readonly state: TaskState;
  readonly timestampMs?: number;
}

/** Also the key of its own retry deadline. */
export interface UpdateStream {
  readonly kind: 'update-stream';
  readonly frameworkId: FrameworkId;
  readonly taskId: TaskId;
  readonly pending: PendingUpdate[];
  /** Oldest first. */
  readonly acknowledged: AcknowledgedUpdate[];
  /** Of both (U4). */
  readonly uuids: Set<string>;
  latestState: TaskState;
  intervalMs: number;
}

export type AddOutcome =
  | { readonly kind: 'added' }
  /** Has this uuid already: acknowledge it again, and forget it. */
  | { readonly kind: 'duplicate' }
  /** The task has ended: acknowledge and forget. */
  | { readonly kind: 'late' }
  /** Too many wait for a scheduler that is away: it is dropped. Ending the task is still accepted. */
  | { readonly kind: 'full' };

export type AcknowledgeOutcome = { readonly kind: 'acknowledged'; readonly isTerminal: boolean } | { readonly kind: 'ignored'; readonly why: string };

/** Updates of one task that may wait. More than any executor has a reason to send before its scheduler is back; terminal ones pass always. Ours. */
export const pendingCountMax = 1000;

/**
 * How many acknowledged uuids a stream remembers. Only updates whose ACKNOWLEDGED event was lost with a connection come again, and those are the
 * newest; an older one would be delivered twice, which drivers forgive (uuid). Mesos remembers all, for ever. Ours.
 */
export const acknowledgedCountMax = 32;

export interface StatusUpdatePorts {
  forward(frameworkId: FrameworkId, status: PendingUpdate, latestState: TaskState): void;
  setDeadline(stream: UpdateStream, delayMs: number): void;
  clearDeadline(stream: UpdateStream): void;
}

export class StatusUpdateManager {
  private readonly streams = new Map<FrameworkId, Map<TaskId, UpdateStream>>();
  private isPaused = true;
  private readonly window = new UpdateWindow<UpdateStream>(({ pending: [head] }) => (head === undefined ? 0 : statusBytes(head)));

  constructor(
    private readonly config: Pick<AgentConfig, 'updateRetryIntervalMs' | 'updateRetryIntervalMaxMs'>,
    private readonly ports: StatusUpdatePorts,
  ) {}

  /** Puts the update into its task's stream and sends it if it is the only one waiting. The caller checkpoints it in the same turn. */
  add(frameworkId: FrameworkId, status: PendingUpdate): AddOutcome {
    const existing = this.find(frameworkId, status.taskId);
    if (existing?.uuids.has(status.uuid) === true) return { kind: 'duplicate' };
    if (existing !== undefined && isTerminal(existing.latestState)) return { kind: 'late' };
    if (existing !== undefined && existing.pending.length >= pendingCountMax && !isTerminal(status.state)) return { kind: 'full' };
    const stream = existing ?? this.open(frameworkId, status.taskId, status.state);
    stream.latestState = status.state;
    stream.pending.push(status);
    stream.uuids.add(status.uuid);
    if (stream.pending.length === 1) this.sendHead(stream);
    return { kind: 'added' };
  }

  /** The scheduler has it: sends the next one. A terminal one ends the stream (U3). The caller checkpoints the acknowledgement. */
  acknowledge(frameworkId: FrameworkId, taskId: TaskId, uuid: string): AcknowledgeOutcome {
    const stream = this.find(frameworkId, taskId);
    if (stream === undefined) return { kind: 'ignored', why: 'no update of this task waits' };
    const head = stream.pending[0];
    if (head === undefined) return { kind: 'ignored', why: 'no update of this task waits' };
    if (head.uuid !== uuid) return { kind: 'ignored', why: `the update under way is "${head.uuid}"` };
    this.ports.clearDeadline(stream);
    this.window.release(stream);
    if (isTerminal(head.state)) {
      this.close(frameworkId, taskId);
      return { kind: 'acknowledged', isTerminal: true };
    }
    stream.pending.shift();
    stream.acknowledged.push({ uuid, state: head.state, ...(head.timestampMs === undefined ? {} : { timestampMs: head.timestampMs }) });
    if (stream.acknowledged.length > acknowledgedCountMax) {
      const oldest = stream.acknowledged.shift();
      if (oldest !== undefined) stream.uuids.delete(oldest.uuid);
    }
    this.sendHead(stream);
    return { kind: 'acknowledged', isTerminal: false };
  }

  /** The retry timer of the stream's head is due: sends it again, behind those that wait, and waits twice as long next time. */
  retry(stream: UpdateStream): void {
    const intervalMs = Math.min(stream.intervalMs * 2, this.config.updateRetryIntervalMaxMs);
    this.sendHead(stream, intervalMs);
  }

  /** The master is away. */
  pause(): void {
    this.isPaused = true;
    this.window.clear();
    for (const stream of this.all()) this.ports.clearDeadline(stream);
  }

  /** Registered again: sends the heads (U2). */
  resume(): void {
    this.isPaused = false;
    for (const stream of this.all()) this.sendHead(stream);
  }

  /** The update under way, or waiting to be while paused. */
  head(frameworkId: FrameworkId, taskId: TaskId): PendingUpdate | undefined {
    return this.find(frameworkId, taskId)?.pending[0];
  }

  has(frameworkId: FrameworkId, taskId: TaskId): boolean {
    return this.find(frameworkId, taskId) !== undefined;
  }

  /** Whether the stream has this update, or had it lately (U4). */
  knows(frameworkId: FrameworkId, taskId: TaskId, uuid: string): boolean {
    return this.find(frameworkId, taskId)?.uuids.has(uuid) === true;
  }

  hasFramework(frameworkId: FrameworkId): boolean {
    return this.streams.has(frameworkId);
  }

  /** Whether any update still waits for its acknowledgement. Looks at all streams: for the end of the agent only. */
  get hasPending(): boolean {
    for (const stream of this.all()) if (stream.pending.length > 0) return true;
    return false;
  }

  /** Ends a stream, whatever it holds. */
  close(frameworkId: FrameworkId, taskId: TaskId): void {
    const streams = this.streams.get(frameworkId);
    const stream = streams?.get(taskId);
    if (streams === undefined || stream === undefined) return;
    this.ports.clearDeadline(stream);
    this.window.release(stream);
    streams.delete(taskId);
    if (streams.size === 0) this.streams.delete(frameworkId);
    this.sendWaiting();
  }

  /** Ends all streams of a framework that is gone, without waiting. Source: Mesos. */
  closeFramework(frameworkId: FrameworkId): void {
    for (const taskId of [...(this.streams.get(frameworkId)?.keys() ?? [])]) this.close(frameworkId, taskId);
  }

  /** All streams, for the snapshot. */
  *all(): Iterable<UpdateStream> {
    for (const streams of this.streams.values()) yield* streams.values();
  }

  private find(frameworkId: FrameworkId, taskId: TaskId): UpdateStream | undefined {
    return this.streams.get(frameworkId)?.get(taskId);
  }

  private open(frameworkId: FrameworkId, taskId: TaskId, latestState: TaskState): UpdateStream {
    let streams = this.streams.get(frameworkId);
    if (streams === undefined) {
      streams = new Map();
      this.streams.set(frameworkId, streams);
    }
    const stream: UpdateStream = { kind: 'update-stream', frameworkId, taskId, pending: [], acknowledged: [], uuids: new Set(), latestState, intervalMs: 0 };
    streams.set(taskId, stream);
    return stream;
  }

  /** As soon as the window has room for it. */
  private sendHead(stream: UpdateStream, intervalMs = this.config.updateRetryIntervalMs): void {
    if (this.isPaused) return;
    if (stream.pending.length > 0) {
      stream.intervalMs = intervalMs;
      this.window.wait(stream);
    }
    this.sendWaiting();
  }

  private sendWaiting(): void {
    for (let stream = this.window.take(); stream !== undefined; stream = this.window.take()) {
      const [head] = stream.pending;
      if (head === undefined) continue;
      this.ports.setDeadline(stream, stream.intervalMs);
      this.ports.forward(stream.frameworkId, head, stream.latestState);
    }
  }
}
