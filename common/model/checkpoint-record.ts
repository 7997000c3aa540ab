// Checkpoint records: what an agent remembers over a crash.
//
// Owns:      the records of the agent's journal.
// Elsewhere: when they are written and what they mean together (agent/core/), how they are kept (agent/checkpoint-store.ts), their bytes
//            (proto/checkpoint-codec.ts).
// Source: Mesos agent checkpoints (reference, section 17), as records of one journal instead of a tree of files.

import type { AgentInfo } from './agent';
import type { FrameworkInfo } from './framework';
import type { AgentId, ContainerId, ExecutorId, FrameworkId, TaskId } from './ids';
import type { ExecutorInfo, TaskInfo } from './task';
import type { TaskStatus } from './task-status';

/** What the agent remembers over a crash; each is one record of the journal (proto/checkpoint.proto). */
export type CheckpointRecord =
  | { readonly kind: 'agent'; readonly agentId: AgentId; readonly info: AgentInfo }
  | { readonly kind: 'framework'; readonly framework: FrameworkInfo }
  | { readonly kind: 'framework-removed'; readonly frameworkId: FrameworkId }
  | {
      readonly kind: 'executor';
      readonly frameworkId: FrameworkId;
      readonly executor: ExecutorInfo;
      readonly containerId: ContainerId;
      /** Secret that the executor must show to subscribe. */
      readonly token: string;
      /** The agent itself plays the executor of a command task. */
      readonly isCommand: boolean;
    }
  /** `startedAt`: kernel start time of the process, so that a reused pid is not taken for it. */
  | { readonly kind: 'executor-started'; readonly containerId: ContainerId; readonly pid: number; readonly startedAt: string }
  | { readonly kind: 'executor-ended'; readonly containerId: ContainerId; readonly endedAtWallMs: number }
  /** The sandbox is gone and the executor forgotten. */
  | { readonly kind: 'executor-removed'; readonly containerId: ContainerId }
  | { readonly kind: 'task'; readonly frameworkId: FrameworkId; readonly executorId: ExecutorId; readonly containerId: ContainerId; readonly task: TaskInfo }
  | { readonly kind: 'task-removed'; readonly frameworkId: FrameworkId; readonly taskId: TaskId }
  | { readonly kind: 'update'; readonly frameworkId: FrameworkId; readonly status: TaskStatus }
  | { readonly kind: 'update-acknowledged'; readonly frameworkId: FrameworkId; readonly taskId: TaskId; readonly uuid: string };
