// Sandboxes: which ended executors can still be looked at, and for how long.
//
// Owns:      the ended executors whose sandboxes exist, oldest first; sandbox reads under way.
// Elsewhere: files (../containerizer.ts), live executors (agent-state.ts), who asks (the master, for an operator: sandbox-reading.ts).
// Invariants:
//   X1. At most `completedExecutorCountMax` are kept; the oldest goes first.
//   X2. At most `readCountMax` reads wait for the disk.
// Source: Mesos agent garbage collection and `--max_completed_executors_per_framework` (reference, agent section 19); one bound for all
//         frameworks together is our choice, because it is the disk of the machine that must not fill.

import type { ContainerId, ExecutorId, FrameworkId } from '../../common/model/ids';
import type { AgentConfig } from './agent-step';

/** Also the key of its own removal deadline. */
export interface EndedExecutor {
  readonly kind: 'ended-executor';
  readonly containerId: ContainerId;
  readonly frameworkId: FrameworkId;
  readonly executorId: ExecutorId;
  readonly isCommand: boolean;
  readonly endedAtWallMs: number;
}

export interface SandboxReadInProgress {
  /** The master's number for it. */
  readonly masterRequest: number;
  /** Whether the executor had ended when the read began: then what the file's end says is final. */
  readonly hadEnded: boolean;
}

/** Reads that may wait for the disk at a time. A few people looking at logs; more is a mistake or an attack. Ours. */
export const readCountMax = 64;

export class Sandboxes {
  private readonly ended = new Map<ContainerId, EndedExecutor>();
  /** The newest ended run of each executor. */
  private readonly latest = new Map<FrameworkId, Map<ExecutorId, ContainerId>>();
  private readonly reads = new Map<number, SandboxReadInProgress>();
  private readsBegun = 0;

  constructor(private readonly config: Pick<AgentConfig, 'completedExecutorCountMax'>) {}

  add(executor: EndedExecutor): void {
    this.ended.set(executor.containerId, executor);
    let latest = this.latest.get(executor.frameworkId);
    if (latest === undefined) {
      latest = new Map();
      this.latest.set(executor.frameworkId, latest);
    }
    latest.set(executor.executorId, executor.containerId);
  }

  remove(executor: EndedExecutor): void {
    this.ended.delete(executor.containerId);
    const latest = this.latest.get(executor.frameworkId);
    if (latest?.get(executor.executorId) === executor.containerId) latest.delete(executor.executorId);
    if (latest?.size === 0) this.latest.delete(executor.frameworkId);
  }

  /** The oldest one above the bound (X1), if there is one. */
  get surplus(): EndedExecutor | undefined {
    if (this.ended.size <= this.config.completedExecutorCountMax) return undefined;
    for (const oldest of this.ended.values()) return oldest;
    return undefined;
  }

  get(containerId: ContainerId): EndedExecutor | undefined {
    return this.ended.get(containerId);
  }

  findLatest(frameworkId: FrameworkId, executorId: ExecutorId): EndedExecutor | undefined {
    const containerId = this.latest.get(frameworkId)?.get(executorId);
    return containerId === undefined ? undefined : this.ended.get(containerId);
  }

  /** Oldest first. */
  all(): Iterable<EndedExecutor> {
    return this.ended.values();
  }

  /** Our number for a new read; undefined when too many are under way (X2). */
  beginRead(read: SandboxReadInProgress): number | undefined {
    if (this.reads.size >= readCountMax) return undefined;
    this.readsBegun += 1;
    this.reads.set(this.readsBegun, read);
    return this.readsBegun;
  }

  /** The read is answered; undefined when nobody waits for it any more. */
  endRead(request: number): SandboxReadInProgress | undefined {
    const read = this.reads.get(request);
    this.reads.delete(request);
    return read;
  }

  /** Who asked is gone. */
  forgetReads(): void {
    this.reads.clear();
  }
}
