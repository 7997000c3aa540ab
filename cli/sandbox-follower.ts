// Sandbox follower: what a task writes, read through the master as it grows.
//
// Owns:      the offset, the pace of asking, patience while the agent is away.
// Elsewhere: one read (../master/core/relays.ts and the agent), printing (commands/).
// Invariants:
//   F1. Every byte is handed on once, in order, whatever fails in between: a failed read is repeated from the same offset.
//   F2. Asked again at once while there is more than one answer holds; else after a pause that grows while nothing comes.
// Source: our choice of asking instead of streaming: agents are reached over their own stream, where an answer must stay small.

import { isAllotError } from '../common/errors';
import type { FrameworkId, TaskId } from '../common/model/ids';
import type { SandboxStream } from '../common/model/agent-protocol';
import type { Clock } from '../common/ports';
import { abortableDelay } from '../common/timing';
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

  constructor(
    private readonly master: Pick<MasterClient, 'ask'>,
    private readonly clock: Clock,
    private readonly file: SandboxFile,
    private readonly write: (bytes: Uint8Array) => void,
  ) {}

  /** Reads what is there now. Resolves with whether nothing can follow. Throws what the master answers. */
  async readAvailable(signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const chunk = await this.master.ask({ kind: 'read-sandbox', ...this.file, offset: this.offset, lengthMax: chunkBytesMax }, 'sandbox-chunk', signal);
      if (chunk.data.length > 0) {
        this.write(chunk.data);
        this.offset = chunk.offset + chunk.data.length;
        this.pauseMs = pauseMinMs;
      }
      if (this.offset >= chunk.size || chunk.data.length === 0) return chunk.ended;
    }
  }

  /**
   * Reads until the task has ended and everything was handed on, or `signal` is aborted (then it rejects). `isPatient` says of a refused or failed
   * read whether to go on trying.
   */
  async follow(signal: AbortSignal, isPatient: (error: unknown) => boolean): Promise<void> {
    for (;;) {
      try {
        if (await this.readAvailable(signal)) return;
      } catch (error) {
        signal.throwIfAborted();
        if (!isAllotError(error) || !isPatient(error)) throw error;
      }
      await abortableDelay(this.clock, this.pauseMs, signal);
      this.pauseMs = Math.min(pauseMaxMs, this.pauseMs * 1.5);
    }
  }
}
