// Sandbox follower: what a task writes, read through the master as it grows.
//
// Owns:      the offset, the pace of asking, patience while the agent is away.
// Elsewhere: one read (../master/core/relays.ts and the agent), printing (commands/).
// Invariants:
//   F1. Every byte is handed on once, in order, whatever fails in between: a failed read is repeated from the same offset.
//   F2. Asked again at once while there is more than one answer holds; else after a pause that grows while nothing comes.
//   F3. Nothing is asked for before what came is written: a slow reader slows the asking, and at most one answer waits for it here.
// Source: our choice of asking instead of streaming: agents are reached over their own stream, where an answer must stay small.

import { isAllotError } from '../common/errors';
import type { FrameworkId, TaskId } from '../common/model/ids';
import type { SandboxStream } from '../common/model/agent-protocol';
import type { Clock } from '../common/ports';
import { abortableDelay, untilAborted } from '../common/timing';
import type { MasterClient } from './master-client';

export interface SandboxFile {
  readonly taskId: TaskId;
  readonly frameworkId?: FrameworkId;
  readonly stream: SandboxStream;
}

/** One answer's worth. Source: the agent protocol's own limit. */
const chunkBytesMax = 262_144;
/** F2. From quick enough for a conversation to a load that nobody notices. */
const pauseMinMs = 100;
const pauseMaxMs = 2_000;

export class SandboxFollower {
  private offset = 0;
  private pauseMs = pauseMinMs;

  /** `write` may take its time (F3); it does not fail. */
  constructor(
    private readonly master: Pick<MasterClient, 'ask'>,
    private readonly clock: Clock,
    private readonly file: SandboxFile,
    private readonly write: (bytes: Uint8Array) => void | Promise<void>,
  ) {}

  /**
   * Reads what is there now: as much as the first answer says there is, for a file may grow faster than it is read. Resolves with whether nothing can
   * follow. Throws what the master answers.
   */
  async readAvailable(signal: AbortSignal): Promise<boolean> {
    const first = await this.readOne(signal);
    let last = first;
    while (last.hasMore && this.offset < first.size) last = await this.readOne(signal);
    return last.ended && !last.hasMore;
  }

  /**
   * Reads until the task has ended and everything was handed on, or `signal` is aborted (then it rejects). `isPatient` says of a refused or failed
   * read whether to go on trying.
   */
  async follow(signal: AbortSignal, isPatient: (error: unknown) => boolean): Promise<void> {
    for (;;) {
      try {
        const { hasMore, ended } = await this.readOne(signal);
        if (hasMore) continue;
        if (ended) return;
      } catch (error) {
        signal.throwIfAborted();
        if (!isAllotError(error) || !isPatient(error)) throw error;
      }
      await abortableDelay(this.clock, this.pauseMs, signal);
      this.pauseMs = Math.min(pauseMaxMs, this.pauseMs * 1.5);
    }
  }

  /** One answer. `hasMore`: the file goes on beyond it. */
  private async readOne(signal: AbortSignal): Promise<{ readonly size: number; readonly hasMore: boolean; readonly ended: boolean }> {
    const { offset, data, size, ended } = await this.master.ask({ kind: 'read-sandbox', ...this.file, offset: this.offset, lengthMax: chunkBytesMax }, 'sandbox-chunk', signal);
    if (data.length === 0) return { size, hasMore: false, ended };
    this.offset = offset + data.length;
    this.pauseMs = pauseMinMs;
    await untilAborted(Promise.resolve(this.write(data)), signal); // F3
    return { size, hasMore: this.offset < size, ended };
  }
}
