// Streams: writing no faster than the reader reads, and queues that end.
//
// Owns:      back-pressure towards a Node-style writable, the bound of what waits, the bounded queue with its overflow policy.
// Elsewhere: what a frame is and what an overflow means for the link (proto/grpc-link.ts).
// Invariants:
//   S1. After the target's `write` returned false nothing more is handed to it until it emits `drain`.
//   S2. What waits never exceeds `framesMax` frames and `bytesMax` bytes. The frame that would exceed them ends the writer: it is not
//       taken, what waits is dropped, and `overflowed` is called once. Dropping single frames would break the order that links promise.
//   S3. `overflowed` runs after the turn of the caller, never inside `write`, and not after `close`. `close` and `finish` leave no listener.
// Source: Node stream documentation; our choice of policy.

import { invariant } from './invariant';

/** The part of a Node writable, or of a grpc-js call, that is written through. */
export interface WritableTarget<T> {
  /** False: wait for `drain` before the next. */
  write(frame: T): boolean;
  on(event: 'drain', listener: () => void): unknown;
  removeListener(event: 'drain', listener: () => void): unknown;
}

export interface BoundedWriterOptions<T> {
  readonly target: WritableTarget<T>;
  /** Size of a frame in bytes, as it counts against `bytesMax`; an estimate is enough. */
  readonly sizeOf: (frame: T) => number;
  /** Frames that may wait. Default 1024. More: rides out a longer stall of the reader; less: finds out sooner that it is stuck. */
  readonly framesMax?: number;
  /** Bytes that may wait. Default 16 MiB: a few of the largest frames that gRPC takes (4 MiB). */
  readonly bytesMax?: number;
  /** The reader does not keep up: end the link. */
  readonly overflowed: () => void;
}

const framesMaxDefault = 1_024;
const bytesMaxDefault = 16 * 1024 * 1024;

type WriterState =
  | { readonly kind: 'open' }
  /** Waits for the queue to empty, then calls `finished`. */
  | { readonly kind: 'finishing'; readonly finished: () => void }
  | { readonly kind: 'closed' };

export class BoundedWriter<T> {
  private readonly target: WritableTarget<T>;
  private readonly sizeOf: (frame: T) => number;
  private readonly framesMax: number;
  private readonly bytesMax: number;
  private readonly overflowed: () => void;
  private readonly waiting: BoundedQueue<{ readonly frame: T; readonly bytes: number }>;
  private bytesWaiting = 0;
  /** The target said false and has not said `drain` since. */
  private isBlocked = false;
  private state: WriterState = { kind: 'open' };
  private cancelOverflow = false;

  constructor(options: BoundedWriterOptions<T>) {
    this.target = options.target;
    this.sizeOf = options.sizeOf;
    this.framesMax = options.framesMax ?? framesMaxDefault;
    this.bytesMax = options.bytesMax ?? bytesMaxDefault;
    this.overflowed = options.overflowed;
    this.waiting = new BoundedQueue(this.framesMax);
    this.target.on('drain', this.onDrain);
  }

  /** Frames that wait for the reader. */
  get framesWaiting(): number {
    return this.waiting.length;
  }

  /** What those frames come to. */
  get bytesQueued(): number {
    return this.bytesWaiting;
  }

  /** Takes a frame. False: it was not taken, because the writer overflowed just now (S2) or is closed. */
  write(frame: T): boolean {
    if (this.state.kind !== 'open') return false;
    if (!this.isBlocked) {
      this.isBlocked = !this.target.write(frame);
      return true;
    }
    const bytes = this.sizeOf(frame);
    if (this.bytesWaiting + bytes > this.bytesMax || !this.waiting.push({ frame, bytes })) {
      this.release();
      queueMicrotask(() => {
        if (!this.cancelOverflow) this.overflowed();
      });
      return false;
    }
    this.bytesWaiting += bytes;
    return true;
  }

  /** Takes no more, and calls `finished` as soon as the target has taken what waits: at once when nothing does. Not after `close`. */
  finish(finished: () => void): void {
    if (this.state.kind !== 'open') return;
    this.state = { kind: 'finishing', finished };
    this.finishIfEmpty();
  }

  /** Drops what waits and lets go of the target. Twice does nothing. */
  close(): void {
    this.cancelOverflow = true;
    this.release();
  }

  private release(): void {
    this.state = { kind: 'closed' };
    this.waiting.clear();
    this.bytesWaiting = 0;
    this.target.removeListener('drain', this.onDrain);
  }

  private readonly onDrain = (): void => {
    this.isBlocked = false;
    while (!this.isBlocked) {
      const next = this.waiting.shift();
      if (next === undefined) break;
      this.bytesWaiting -= next.bytes;
      this.isBlocked = !this.target.write(next.frame);
    }
    this.finishIfEmpty();
  };

  private finishIfEmpty(): void {
    if (this.state.kind !== 'finishing' || this.waiting.length > 0) return;
    const { finished } = this.state;
    this.release();
    finished();
  }
}

/**
 * A first-in first-out queue of at most `lengthMax` items, each step in constant time on average. Overflow policy `refuse`: push says
 * false and the caller decides; `drop-oldest`: the oldest item makes room, for news that outdates itself (heartbeats, progress).
 */
export class BoundedQueue<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  constructor(
    readonly lengthMax: number,
    private readonly overflow: 'refuse' | 'drop-oldest' = 'refuse',
  ) {
    invariant(lengthMax >= 1, 'A queue has room for at least one item');
  }

  get length(): number {
    return this.items.length - this.head;
  }

  /** False: full, and something was lost: by `refuse` this item, by `drop-oldest` the oldest. */
  push(item: T): boolean {
    const isFull = this.length >= this.lengthMax;
    if (isFull && this.overflow === 'refuse') return false;
    if (isFull) this.shift();
    this.items.push(item);
    return !isFull;
  }

  /** Takes the oldest item out; undefined when empty. */
  shift(): T | undefined {
    if (this.head === this.items.length) return undefined;
    const item = this.items[this.head];
    this.items[this.head] = undefined;
    this.head += 1;
    // Moves the rest to the front once half of the array is spent: each item is moved once on average.
    if (this.head * 2 >= this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  clear(): void {
    this.items = [];
    this.head = 0;
  }
}
