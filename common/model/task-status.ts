// Task status: one report about one task.
//
// Owns:      TaskStatus and the names of its states, sources and reasons with their wire numbers.
// Elsewhere: which component may move a task to which state (task-states.ts), delivery (agent's status update manager, SDK).
// Invariants:
//   S1. A status with a uuid is resent until acknowledged; one without is sent once and must not be acknowledged.
// Source: Mesos v1 TaskStatus, TaskState, TaskStatus.Source, TaskStatus.Reason: names and numbers are theirs.

import type { AgentId, ContainerId, ExecutorId, TaskId } from './ids';
import type { Label, NetworkInfo } from './command';
import type { Resources } from './resources';

/** Wire numbers. STARTING is 0: a missing state must never read as one. */
export const taskStateNumbers = {
  TASK_STARTING: 0,
  TASK_RUNNING: 1,
  TASK_FINISHED: 2,
  TASK_FAILED: 3,
  TASK_KILLED: 4,
  TASK_LOST: 5,
  TASK_STAGING: 6,
  TASK_ERROR: 7,
  TASK_KILLING: 8,
  TASK_DROPPED: 9,
  TASK_UNREACHABLE: 10,
  TASK_GONE: 11,
  TASK_GONE_BY_OPERATOR: 12,
  TASK_UNKNOWN: 13,
} as const;
export type TaskState = keyof typeof taskStateNumbers;

export type TaskSource = 'SOURCE_MASTER' | 'SOURCE_AGENT' | 'SOURCE_EXECUTOR';

export const taskReasonNumbers = {
  REASON_COMMAND_EXECUTOR_FAILED: 0,
  REASON_EXECUTOR_TERMINATED: 1,
  REASON_EXECUTOR_UNREGISTERED: 2,
  REASON_FRAMEWORK_REMOVED: 3,
  REASON_GC_ERROR: 4,
  REASON_INVALID_FRAMEWORKID: 5,
  REASON_INVALID_OFFERS: 6,
  REASON_MASTER_DISCONNECTED: 7,
  REASON_CONTAINER_LIMITATION_MEMORY: 8,
  REASON_RECONCILIATION: 9,
  REASON_AGENT_DISCONNECTED: 10,
  REASON_AGENT_REMOVED: 11,
  REASON_AGENT_RESTARTED: 12,
  REASON_AGENT_UNKNOWN: 13,
  REASON_TASK_INVALID: 14,
  REASON_TASK_UNAUTHORIZED: 15,
  REASON_TASK_UNKNOWN: 16,
  REASON_CONTAINER_PREEMPTED: 17,
  REASON_RESOURCES_UNKNOWN: 18,
  REASON_CONTAINER_LIMITATION: 19,
  REASON_CONTAINER_LIMITATION_DISK: 20,
  REASON_CONTAINER_LAUNCH_FAILED: 21,
  REASON_CONTAINER_UPDATE_FAILED: 22,
  REASON_EXECUTOR_REGISTRATION_TIMEOUT: 23,
  REASON_EXECUTOR_REREGISTRATION_TIMEOUT: 24,
  REASON_TASK_GROUP_INVALID: 25,
  REASON_TASK_GROUP_UNAUTHORIZED: 26,
  REASON_IO_SWITCHBOARD_EXITED: 27,
  REASON_TASK_CHECK_STATUS_UPDATED: 28,
  REASON_TASK_HEALTH_CHECK_STATUS_UPDATED: 29,
  REASON_TASK_KILLED_DURING_LAUNCH: 30,
  REASON_AGENT_REMOVED_BY_OPERATOR: 31,
  REASON_AGENT_REREGISTERED: 32,
  REASON_MAX_COMPLETION_TIME_REACHED: 33,
  REASON_AGENT_DRAINING: 34,
} as const;
export type TaskReason = keyof typeof taskReasonNumbers;

export interface ContainerStatus {
  readonly containerId?: ContainerId;
  readonly executorPid?: number;
  readonly networkInfos: readonly NetworkInfo[];
}

export interface CheckStatus {
  readonly type?: 'COMMAND' | 'HTTP' | 'TCP';
  readonly command?: { readonly exitCode?: number };
  readonly http?: { readonly statusCode?: number };
  readonly tcp?: { readonly succeeded?: boolean };
}

export interface TaskStatus {
  readonly taskId: TaskId;
  readonly state: TaskState;
  readonly source?: TaskSource;
  readonly reason?: TaskReason;
  readonly message?: string;
  /** Delivered, but not kept after delivery. */
  readonly data?: Uint8Array;
  readonly agentId?: AgentId;
  readonly executorId?: ExecutorId;
  /** Wall-clock milliseconds at which the reporter made it. (Seconds as a double on the wire.) */
  readonly timestampMs?: number;
  readonly healthy?: boolean;
  /** 32 lower-case hexadecimal digits of the 16 raw bytes on the wire (S1). Text, because it is a key of maps. */
  readonly uuid?: string;
  readonly labels: readonly Label[];
  readonly containerStatus?: ContainerStatus;
  /** Wall-clock milliseconds since when the agent has been away. */
  readonly unreachableTimeMs?: number;
  readonly checkStatus?: CheckStatus;
  readonly limitation?: { readonly resources: Resources };
}
