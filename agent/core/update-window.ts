// Update window: how much of all updates is under way at a time, and who is next.
//
// Owns:      the bytes under way, in all and per framework; the streams that wait for their turn.
// Elsewhere: what is sent and when again (status-update-manager.ts), the size of a status (common/model/status-size.ts), the link's own bound
//            (proto/stream-link.ts: 32 MiB wait for a slow peer, more end the session).
// Invariants:
//   W1. A stream leaves only while less than `windowBytesMax` is under way in all, and less than `frameworkWindowBytesMax` of its framework.
//   W2. Frameworks take turns; the streams of one leave in the order in which they came. So a scheduler that is away, with results that nobody
//       acknowledges, keeps no other waiting.
//   W3. A stream is under way or waiting, never both, and no more once released.
// Source: our choice. Mesos sends every head at once when it registers, whatever they are long.

import type { FrameworkId } from '../../common/model/ids';
import { burstBytesMax } from '../../common/model/message-size';

/** All together: a burst, a quarter of what a link lets wait, because heads come again after 10 s, 20 s, … and a slow link may still have the first. */
export const windowBytesMax = burstBytesMax;

/**
 * Of one framework: thousands of usual updates, or two of the largest. More is of no use, as acknowledgements of a local scheduler come in
 * milliseconds; and the bytes of all its agents arrive at the one link of its scheduler.
 */
export const frameworkWindowBytesMax = 1024 * 1024;

export class UpdateWindow<Stream extends { readonly frameworkId: FrameworkId }> {
  private readonly underWay = new Map<Stream, number>();
  private readonly frameworkBytes = new Map<FrameworkId, number>();
  private totalBytes = 0;
  /** Next framework first (W2). */
  private readonly waiting = new Map<FrameworkId, Set<Stream>>();

  constructor(private readonly bytesOf: (stream: Stream) => number) {}

  /** The stream has something to send, and waits behind the others of its framework. */
  wait(stream: Stream): void {
    this.release(stream); // W3
    const streams = this.waiting.get(stream.frameworkId);
    if (streams === undefined) this.waiting.set(stream.frameworkId, new Set([stream]));
    else streams.add(stream);
  }

  /** The next stream that may leave (W1), under way from now on. Undefined: none waits, or those that do wait for what is under way. */
  take(): Stream | undefined {
    if (this.totalBytes >= windowBytesMax) return undefined;
    for (const [frameworkId, streams] of this.waiting) {
      const bytesBefore = this.frameworkBytes.get(frameworkId) ?? 0;
      if (bytesBefore >= frameworkWindowBytesMax) continue;
      for (const stream of streams) {
        const bytes = this.bytesOf(stream);
        streams.delete(stream);
        this.waiting.delete(frameworkId);
        if (streams.size > 0) this.waiting.set(frameworkId, streams);
        this.underWay.set(stream, bytes);
        this.frameworkBytes.set(frameworkId, bytesBefore + bytes);
        this.totalBytes += bytes;
        return stream;
      }
    }
    return undefined;
  }

  /** What it sent was acknowledged or is given up, or it waits no longer. */
  release(stream: Stream): void {
    const { frameworkId } = stream;
    const streams = this.waiting.get(frameworkId);
    if (streams?.delete(stream) === true && streams.size === 0) this.waiting.delete(frameworkId);
    const bytes = this.underWay.get(stream);
    if (bytes === undefined) return;
    this.underWay.delete(stream);
    this.totalBytes -= bytes;
    const rest = (this.frameworkBytes.get(frameworkId) ?? 0) - bytes;
    if (rest > 0) this.frameworkBytes.set(frameworkId, rest);
    else this.frameworkBytes.delete(frameworkId);
  }

  /** Nothing is under way any more, and nobody waits. */
  clear(): void {
    this.underWay.clear();
    this.frameworkBytes.clear();
    this.totalBytes = 0;
    this.waiting.clear();
  }
}
