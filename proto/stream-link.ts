// Stream link: one side of a session, over any duplex stream of frames.
//
// Owns:      batching, the outgoing queue and its bound, heartbeats, silence, the order of the end.
// Elsewhere: gRPC calls as streams of frames (grpc-link.ts), bytes of a frame (frame.ts), back-pressure of one writable (common/streams.ts).
// Invariants:
//   K1. What is said within one turn of the event loop leaves as one frame, or as few frames of at most about `frameBytesMax`.
//   K2. `closed` is called at most once, last, never after our own `close`, and never inside `send`.
//   K3. A message that is too long for the peer is never sent: it is left out, if its owner can do without (`leaveOut`), or ends the link.
//   K5. What its owner can do without is left out, too, while more than `dispensableBytesMax` wait for the peer: however much of it is said, it ends no
//       link and takes no room from what must arrive.
//   K4. After the end no timer, listener or queued byte of the link is left.
// Source: our choice; `../common/ports.ts` says what a link promises.

import { linkMessageBytesMax, type Cancel, type Clock, type Link, type LinkEnd, type LinkHandler, type Log } from '../common/ports';
import { BoundedWriter, type WritableTarget } from '../common/streams';
import { frameMessageCountMax, framedLength, joinFrame } from './frame';

/** How often a link beats where nobody says otherwise, and how often a peer is taken to that does not say. */
export const heartbeatIntervalDefaultMs = 5_000;

/** A peer that beats so often is dead when it was not heard for this long: one beat may be late and one be lost in a busy loop. */
export function silenceLimitOf(peerIntervalMs: number): number {
  return 3 * peerIntervalMs;
}

/** Times in milliseconds. */
export interface LinkOptions {
  /**
   * An empty frame is sent when nothing else was for this long. Default 5 s. More: less traffic when idle; less: the peer finds out sooner that we are
   * dead. The peer is told (heartbeat-announcement.ts), so that its own may differ.
   */
  readonly heartbeatIntervalMs?: number;
  /** A peer that was not heard for this long is dead, whatever it announces. Default: what it announces says ({@link silenceLimitOf}). */
  readonly silenceLimitMs?: number;
  /** A dialled peer must have answered by then. Default 5 s. */
  readonly connectTimeoutMs?: number;
  /** How long an orderly end may take before the stream is cut. Default 5 s. */
  readonly closeLingerMs?: number;
  /** Hears of messages that were left out because they are too long (common/ports.ts, `Link.send`). Default: nobody does. */
  readonly log?: Log;
}

export interface LinkTimes {
  readonly heartbeatIntervalMs: number;
  /** undefined: the peer's interval decides. */
  readonly silenceLimitMs: number | undefined;
  readonly connectTimeoutMs: number;
  readonly closeLingerMs: number;
}

export function linkTimes(options: LinkOptions): LinkTimes {
  return {
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? heartbeatIntervalDefaultMs,
    silenceLimitMs: options.silenceLimitMs,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    closeLingerMs: options.closeLingerMs ?? 5_000,
  };
}

/** Largest gRPC message in either direction: a frame with the longest message in it, which travels alone. */
export const messageBytesMax = linkMessageBytesMax + 16;
/** A frame is full from here on. Large enough that per-frame costs vanish, small enough that a heartbeat behind it is not late. */
export const frameBytesMax = 1024 * 1024;
/** What may wait for a peer that does not read: frames and bytes. Four full receive buffers; a peer further behind is stuck, not slow. */
export const queuedFramesMax = 16_384;
export const queuedBytesMax = 32 * 1024 * 1024;
/** Of these, what messages that may get lost may fill (K5): a quarter, which is as much as a turn of them should ever be. */
export const dispensableBytesMax = queuedBytesMax / 4;

/** The transport under a link. */
export interface FrameStream extends WritableTarget<Buffer> {
  /** Ends our direction in order, after what was written; `end` is what the peer shall be told. */
  finish(end: LinkEnd): void;
  /** Cuts the stream at once. */
  cut(end: LinkEnd): void;
  /** Called once, when the link needs nothing of the stream any more. */
  release(): void;
}

/** What a frame says: its messages, and in words why it says no more. */
export interface DecodedFrame<In> {
  readonly messages: readonly In[];
  readonly failure?: string;
}

export interface StreamLinkParts<Out, In> {
  readonly clock: Clock;
  readonly times: LinkTimes;
  readonly stream: FrameStream;
  readonly encode: (message: Out) => Uint8Array;
  readonly decode: (frame: Buffer) => DecodedFrame<In>;
  /** Whether the link goes on without this message (K3, K5). Called inside `send`: for the log, not for deciding. */
  readonly leaveOut: (message: Out, bytes: number, why: LeftOutBecause) => boolean;
}

/** `behind`: the peer reads more slowly than is said. */
export type LeftOutBecause = 'too long' | 'behind';

const heartbeat = Buffer.alloc(0);

type LinkState =
  | 'open'
  /** Our `close` was called; what was queued is on its way. */
  | 'closing'
  | 'ended';

export class StreamLink<Out, In> implements Link<Out> {
  private state: LinkState = 'open';
  private handler: LinkHandler<In> | undefined;
  private readonly writer: BoundedWriter<Buffer>;
  /** Said in this turn, not yet in a frame. */
  private said: Uint8Array[] = [];
  private saidBytes = 0;
  private flushing: NodeJS.Immediate | undefined;
  private ending: NodeJS.Immediate | undefined;
  private lastSentMs: number;
  private lastHeardMs: number;
  private silenceLimitMs: number;
  private cancelTimer: Cancel = () => undefined;

  constructor(private readonly parts: StreamLinkParts<Out, In>) {
    this.lastSentMs = parts.clock.nowMs();
    this.lastHeardMs = this.lastSentMs;
    this.silenceLimitMs = parts.times.silenceLimitMs ?? silenceLimitOf(heartbeatIntervalDefaultMs);
    this.writer = new BoundedWriter({
      target: parts.stream,
      sizeOf: (frame) => frame.length,
      framesMax: queuedFramesMax,
      bytesMax: queuedBytesMax,
      overflowed: () => this.fail({ kind: 'overflow' }),
    });
    this.armTimer();
  }

  /** Whose link it is; to be called before the first frame can arrive. */
  serve(handler: LinkHandler<In>): void {
    this.handler = handler;
  }

  /** The peer has said how often it beats. */
  peerBeatsEvery(intervalMs: number): void {
    if (this.state !== 'open') return;
    this.silenceLimitMs = this.parts.times.silenceLimitMs ?? silenceLimitOf(intervalMs);
    this.cancelTimer();
    this.armTimer();
  }

  send(messages: readonly Out[]): void {
    if (this.state !== 'open') return;
    for (const message of messages) {
      const encoded = this.parts.encode(message);
      if (encoded.length > linkMessageBytesMax) {
        if (this.parts.leaveOut(message, encoded.length, 'too long')) continue;
        this.failLater({ kind: 'failed', detail: `A message of ${encoded.length} bytes is longer than the maximum of ${linkMessageBytesMax}` });
        return;
      }
      const bytesAhead = this.saidBytes + this.writer.bytesQueued;
      if (bytesAhead + encoded.length > dispensableBytesMax && bytesAhead > 0 && this.parts.leaveOut(message, encoded.length, 'behind')) continue;
      if (this.saidBytes + encoded.length > queuedBytesMax) {
        this.failLater({ kind: 'overflow' });
        return;
      }
      this.said.push(encoded);
      this.saidBytes += framedLength(encoded.length);
    }
    if (this.said.length > 0) this.flushing ??= setImmediate(() => this.flush());
  }

  close(end: LinkEnd = { kind: 'closed' }): void {
    if (this.state !== 'open') return;
    this.flush();
    this.state = 'closing';
    this.stopTimers();
    this.cancelTimer = this.parts.clock.schedule(this.parts.times.closeLingerMs, () => {
      this.parts.stream.cut(end);
      this.release();
    });
    this.writer.finish(() => this.parts.stream.finish(end));
  }

  /** The stream delivered a frame. */
  received(frame: Buffer): void {
    if (this.state !== 'open') return;
    this.lastHeardMs = this.parts.clock.nowMs();
    if (frame.length === 0) return;
    const { messages, failure } = this.parts.decode(frame);
    if (messages.length > 0) this.handler?.messages(messages);
    if (failure !== undefined) this.fail({ kind: 'failed', detail: failure });
  }

  /** The stream is over, by the peer's doing or the network's. */
  over(end: LinkEnd): void {
    const wasOpen = this.state === 'open';
    if (this.state === 'ended') return;
    this.release();
    if (wasOpen) this.handler?.closed(end);
  }

  /** We end the link for a reason that the handler has to hear. */
  fail(end: LinkEnd): void {
    if (this.state !== 'open') return;
    this.release(() => this.parts.stream.cut(end));
    this.handler?.closed(end);
  }

  /** Likewise from inside a call of the handler's owner (K2). */
  private failLater(end: LinkEnd): void {
    this.ending ??= setImmediate(() => {
      this.ending = undefined;
      this.fail(end);
    });
  }

  private flush(): void {
    if (this.flushing !== undefined) clearImmediate(this.flushing);
    this.flushing = undefined;
    const { said } = this;
    if (said.length === 0) return;
    this.said = [];
    this.saidBytes = 0;
    this.lastSentMs = this.parts.clock.nowMs();
    let first = 0;
    let bytes = 0;
    for (let next = 0; next < said.length; next += 1) {
      const length = framedLength(said[next]!.length);
      const isFull = next > first && (bytes + length > frameBytesMax || next - first === frameMessageCountMax);
      if (isFull) {
        if (!this.writer.write(joinFrame(said.slice(first, next)))) return;
        first = next;
        bytes = 0;
      }
      bytes += length;
    }
    this.writer.write(joinFrame(first === 0 ? said : said.slice(first)));
  }

  private armTimer(): void {
    const { clock, times } = this.parts;
    const dueMs = Math.min(this.lastSentMs + times.heartbeatIntervalMs, this.lastHeardMs + this.silenceLimitMs);
    this.cancelTimer = clock.schedule(Math.max(0, dueMs - clock.nowMs()), () => this.onTimer());
  }

  private onTimer(): void {
    const { clock, times } = this.parts;
    const nowMs = clock.nowMs();
    if (this.isSilent(nowMs)) {
      // A loop that was busy for long runs its timers before it reads what has arrived meanwhile: read first, then judge.
      this.ending ??= setImmediate(() => {
        this.ending = undefined;
        if (this.isSilent(clock.nowMs())) this.fail({ kind: 'silent' });
        else this.armTimer();
      });
      return;
    }
    if (nowMs - this.lastSentMs >= times.heartbeatIntervalMs) {
      this.lastSentMs = nowMs;
      // With a queue before it, a heartbeat would only add to what the peer does not read.
      if (this.writer.framesWaiting === 0) this.writer.write(heartbeat);
    }
    this.armTimer();
  }

  private isSilent(nowMs: number): boolean {
    return nowMs - this.lastHeardMs >= this.silenceLimitMs;
  }

  private stopTimers(): void {
    this.cancelTimer();
    if (this.flushing !== undefined) clearImmediate(this.flushing);
    if (this.ending !== undefined) clearImmediate(this.ending);
    this.flushing = undefined;
    this.ending = undefined;
  }

  /** K4. */
  private release(cut: () => void = () => undefined): void {
    this.state = 'ended';
    this.stopTimers();
    this.said = [];
    this.saidBytes = 0;
    this.writer.close();
    cut();
    this.parts.stream.release();
  }
}
