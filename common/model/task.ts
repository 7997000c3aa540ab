// Tasks and executors as described by frameworks.
//
// Owns:      TaskInfo, ExecutorInfo, health checks, checks, kill policy, discovery; and what a master needs of a task once it is launched.
// Elsewhere: what states a task goes through (task-states.ts), what is reported of it (task-status.ts), commands (command.ts).
// Source: Mesos v1 TaskInfo, ExecutorInfo, HealthCheck, CheckInfo, KillPolicy, DiscoveryInfo. Durations are milliseconds here.

import type { AgentId, ExecutorId, FrameworkId, TaskId } from './ids';
import type { CommandInfo, ContainerInfo, Label } from './command';
import type { Resources } from './resources';

export interface KillPolicy {
  /** Between the polite signal and the forcible one. Milliseconds; built-in default 3 s. Source: Mesos. */
  readonly gracePeriodMs?: number;
}

export interface HealthCheck {
  readonly type?: 'COMMAND' | 'HTTP' | 'TCP';
  readonly command?: CommandInfo;
  readonly http?: { readonly port: number; readonly path?: string; readonly scheme?: string; readonly statuses: readonly number[] };
  readonly tcp?: { readonly port: number };
  /** Defaults 15, 10, 20, 10 seconds, and 3. Source: Mesos. */
  readonly delayMs: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly gracePeriodMs: number;
  readonly consecutiveFailures: number;
}

export interface CheckInfo {
  readonly type?: 'COMMAND' | 'HTTP' | 'TCP';
  readonly command?: CommandInfo;
  readonly http?: { readonly port: number; readonly path?: string };
  readonly tcp?: { readonly port: number };
  /** Defaults 15, 10 and 20 seconds. Source: Mesos. */
  readonly delayMs: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export type Visibility = 'FRAMEWORK' | 'CLUSTER' | 'EXTERNAL';

export interface DiscoveryInfo {
  readonly visibility: Visibility;
  readonly name?: string;
  readonly environment?: string;
  readonly location?: string;
  readonly version?: string;
  readonly ports: readonly {
    readonly number: number;
    readonly name?: string;
    readonly protocol?: string;
    readonly visibility?: Visibility;
    readonly labels: readonly Label[];
  }[];
  readonly labels: readonly Label[];
}

export interface ExecutorInfo {
  readonly executorId: ExecutorId;
  readonly type?: 'DEFAULT' | 'CUSTOM';
  readonly frameworkId?: FrameworkId;
  readonly name?: string;
  readonly source?: string;
  readonly command?: CommandInfo;
  readonly container?: ContainerInfo;
  readonly resources: Resources;
  readonly data?: Uint8Array;
  readonly discovery?: DiscoveryInfo;
  /** Between SHUTDOWN and the forcible end of the container. Milliseconds; default the agent's, 5 s. Source: Mesos. */
  readonly shutdownGracePeriodMs?: number;
  readonly labels: readonly Label[];
}

/** Exactly one of `command` and `executor`. */
export interface TaskInfo {
  readonly name: string;
  readonly taskId: TaskId;
  readonly agentId: AgentId;
  readonly resources: Resources;
  /** cpus and mem may be allowed to go above the request; thousandths, Infinity allowed. */
  readonly limits: ReadonlyMap<string, number>;
  readonly command?: CommandInfo;
  readonly executor?: ExecutorInfo;
  readonly data?: Uint8Array;
  readonly container?: ContainerInfo;
  readonly healthCheck?: HealthCheck;
  readonly check?: CheckInfo;
  readonly killPolicy?: KillPolicy;
  readonly discovery?: DiscoveryInfo;
  /** The task is failed when it runs longer. Milliseconds. */
  readonly maxCompletionTimeMs?: number;
  readonly labels: readonly Label[];
}

/**
 * What a master keeps of a launched task, and an agent reports of it: who it is and what it holds. The rest is between its framework and its agent, may be a
 * megabyte, and would be in the master's memory and in every report once for each task.
 */
export function outlineOf({ name, taskId, agentId, resources }: TaskInfo): TaskInfo {
  return { name, taskId, agentId, resources, limits: noLimits, labels: noLabels };
}

const noLimits: TaskInfo['limits'] = new Map();
const noLabels: TaskInfo['labels'] = Object.freeze([]);
