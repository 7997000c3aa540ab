// What an agent and the master say to each other, as domain values.
//
// Owns:      AgentMessage (agent to master) and MasterMessage (master to agent).
// Elsewhere: wire form (proto/agent.proto, proto/agent-codec.ts), meaning (master/core/, agent/core/).
// Invariants:
//   P1. An agent's session opens with `register` or `reregister`, which is resent on no session: a new try is a new session. Before a `reregister` whose
//       report is too large for one message come its parts, each sent when the one before was taken.
//   P2. An agent listens only to its newest session; whatever else arrives late is from a master that no longer counts.
// Source: Mesos internal messages (RegisterSlave, ReregisterSlave, RunTask, StatusUpdate, ...), here over one stream that the agent opens.

import type { AgentId, ContainerId, ExecutorId, FrameworkId, TaskId } from './ids';
import type { AgentInfo } from './agent';
import type { FrameworkInfo } from './framework';
import type { ExecutorInfo, KillPolicy, TaskInfo } from './task';
import type { TaskState, TaskStatus } from './task-status';

/** A task as an agent reports it: everything a new leader needs to know. */
export interface TaskReport {
  readonly frameworkId: FrameworkId;
  /** Its outline (`outlineOf`): name, ids and resources. */
  readonly task: TaskInfo;
  /** Id of the executor that runs it; equals the task id for command tasks. */
  readonly executorId: ExecutorId;
  /** Newest state known to the agent. */
  readonly state: TaskState;
  /** State and uuid of the head of the update stream: the last one sent up and not yet acknowledged, if any. */
  readonly unacknowledged?: { readonly state: TaskState; readonly uuid: string };
}

export interface ExecutorReport {
  readonly frameworkId: FrameworkId;
  readonly executor: ExecutorInfo;
}

export type SandboxStream = 'stdout' | 'stderr';

/** What an agent runs, or a part of it. */
export interface ReportPart {
  /** Pending, queued, launched and terminal-but-unacknowledged tasks. */
  readonly tasks: readonly TaskReport[];
  /** Custom executors alive; those of command tasks are implied by their tasks. */
  readonly executors: readonly ExecutorReport[];
  readonly frameworks: readonly FrameworkInfo[];
}

export type AgentMessage =
  | { readonly kind: 'register'; readonly info: AgentInfo; readonly version: string }
  /** With the report, or the last part of it. */
  | ({ readonly kind: 'reregister'; readonly agentId: AgentId; readonly info: AgentInfo; readonly version: string } & ReportPart)
  /** Answered with `report-part-taken`. */
  | ({ readonly kind: 'report-part' } & ReportPart)
  | {
      readonly kind: 'status-update';
      readonly frameworkId: FrameworkId;
      readonly status: TaskStatus;
      /** Newest state known to the agent; terminal lets the master free the resources before older updates are acknowledged. Source: Mesos. */
      readonly latestState: TaskState;
    }
  | { readonly kind: 'exited-executor'; readonly frameworkId: FrameworkId; readonly executorId: ExecutorId; readonly status: number }
  | { readonly kind: 'framework-message'; readonly frameworkId: FrameworkId; readonly executorId: ExecutorId; readonly data: Uint8Array }
  | { readonly kind: 'pong' }
  /** Clean goodbye: the agent has ended its tasks and will not come back soon. */
  | { readonly kind: 'unregister' }
  | {
      readonly kind: 'sandbox-chunk';
      readonly request: number;
      readonly outcome:
        | { readonly ok: true; readonly offset: number; readonly data: Uint8Array; readonly size: number; readonly ended: boolean }
        | { readonly ok: false; readonly message: string };
    };

export type MasterMessage =
  | { readonly kind: 'registered'; readonly agentId: AgentId; readonly masterId: string }
  | {
      readonly kind: 'reregistered';
      readonly agentId: AgentId;
      readonly masterId: string;
      /** Tasks that the master believed to be there and the agent did not report: the agent answers each with TASK_DROPPED. */
      readonly missingTasks: readonly { readonly frameworkId: FrameworkId; readonly taskId: TaskId }[];
    }
  | { readonly kind: 'report-part-taken' }
  /** The agent may not join; it ends (`permanent`), or tries again later. */
  | { readonly kind: 'registration-refused'; readonly message: string; readonly permanent: boolean }
  | {
      readonly kind: 'run-task';
      readonly framework: FrameworkInfo;
      readonly task: TaskInfo;
      /** Whether the master believes that this launch starts a new executor. A contradiction drops the task. Source: Mesos. */
      readonly launchExecutor: boolean;
    }
  | { readonly kind: 'kill-task'; readonly frameworkId: FrameworkId; readonly taskId: TaskId; readonly killPolicy?: KillPolicy }
  | { readonly kind: 'acknowledge-status'; readonly frameworkId: FrameworkId; readonly taskId: TaskId; readonly uuid: string }
  | { readonly kind: 'shutdown-executor'; readonly frameworkId: FrameworkId; readonly executorId: ExecutorId }
  | { readonly kind: 'shutdown-framework'; readonly frameworkId: FrameworkId }
  | { readonly kind: 'update-framework'; readonly framework: FrameworkInfo }
  | { readonly kind: 'framework-message'; readonly frameworkId: FrameworkId; readonly executorId: ExecutorId; readonly data: Uint8Array }
  | { readonly kind: 'ping' }
  /** End all executors, then the agent. */
  | { readonly kind: 'shutdown'; readonly message: string }
  | {
      readonly kind: 'read-sandbox';
      readonly request: number;
      readonly frameworkId: FrameworkId;
      readonly executorId: ExecutorId;
      readonly containerId?: ContainerId;
      readonly stream: SandboxStream;
      /** Byte offset; negative counts from the end. */
      readonly offset: number;
      /** At most 262 144 bytes come back. */
      readonly lengthMax: number;
    };
