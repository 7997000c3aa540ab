// What an executor and its agent say to each other, as domain values.
//
// Owns:      ExecutorCall and ExecutorEvent.
// Elsewhere: wire form (proto/executor.proto, proto/executor-codec.ts), meaning (agent/core/), the driver (frameworks/sdk/).
// Source: Mesos v1 executor.Call and executor.Event.

import type { ContainerId, ExecutorId, FrameworkId, TaskId } from './ids';
import type { AgentInfo } from './agent';
import type { FrameworkInfo } from './framework';
import type { ExecutorInfo, KillPolicy, TaskInfo } from './task';
import type { TaskStatus } from './task-status';
import type { Refusal } from '../refusal';

export type ExecutorCall =
  | {
      readonly kind: 'subscribe';
      /** The secret that the agent put into this container's environment (ALLOT_EXECUTOR_TOKEN): proves who is calling. */
      readonly token: string;
      readonly unacknowledgedTasks: readonly TaskInfo[];
      readonly unacknowledgedUpdates: readonly TaskStatus[];
    }
  | { readonly kind: 'update'; readonly status: TaskStatus }
  | { readonly kind: 'message'; readonly data: Uint8Array }
  | { readonly kind: 'heartbeat' };

export interface ExecutorCallEnvelope {
  readonly frameworkId: FrameworkId;
  readonly executorId: ExecutorId;
  readonly call: ExecutorCall;
}

export type ReceivedExecutorCall =
  | { readonly ok: true; readonly value: ExecutorCallEnvelope }
  | { readonly ok: false; readonly callKind: string; readonly refusal: Refusal };

export type ExecutorEvent =
  | {
      readonly kind: 'subscribed';
      readonly executorInfo: ExecutorInfo;
      readonly frameworkInfo: FrameworkInfo;
      readonly agentInfo: AgentInfo;
      readonly containerId: ContainerId;
    }
  | { readonly kind: 'launch'; readonly task: TaskInfo }
  | { readonly kind: 'kill'; readonly taskId: TaskId; readonly killPolicy?: KillPolicy }
  /**
   * The agent is done with the update. Without a `refusal` it has taken it durably; it does not wait for the scheduler. Source: Mesos. With one it has not
   * taken it, and never will: so that the executor need not keep it. Ours.
   */
  | { readonly kind: 'acknowledged'; readonly taskId: TaskId; readonly uuid: string; readonly refusal?: string }
  | { readonly kind: 'message'; readonly data: Uint8Array }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'heartbeat' };
