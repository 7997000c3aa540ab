// What goes into the agent's core and what comes out.
//
// Owns:      AgentInput, AgentEffect, AgentConfig, the checkpoint records: the whole conversation between the deciding core and the node.
// Elsewhere: the decisions (agent.ts and its neighbours in this folder), carrying out (../agent-node.ts), containers (../containerizer.ts).
// Invariants:
//   G1. Effects are carried out in order. A `checkpoint` is durable before any later effect leaves, of the same step or a later one
//       (output commit, as in the master): the agent checkpoints before it acknowledges, launches or reports.
//   G2. The checkpoint records alone rebuild the core: `createAgentCore(config, records, …)` after a crash continues where they end.
//   G3. Executor sessions are numbers given by the node, never reused within a process.
// Source: Mesos agent (checkpoint layout and recovery, reference sections 14 to 18); one journal with records instead of a tree of files is
//         our choice, because a group of them is synced at once and an SD card wears less.

import type { AgentInfo } from '../../common/model/agent';
import type { AgentMessage, MasterMessage, SandboxStream } from '../../common/model/agent-protocol';
import type { CheckpointRecord } from '../../common/model/checkpoint-record';
import type { CommandInfo } from '../../common/model/command';
import type { ExecutorEvent, ReceivedExecutorCall } from '../../common/model/executor-protocol';
import type { ContainerId, ExecutorId, FrameworkId } from '../../common/model/ids';
import type { Resources } from '../../common/model/resources';
import type { LinkEnd, LogLevel } from '../../common/ports';

export type { CheckpointRecord };

/** All times in milliseconds. */
export interface AgentConfig {
  /** Detected and declared; `id` absent. */
  readonly info: AgentInfo;
  readonly version: string;
  /** Container end is forced when the executor has not subscribed by then. Default 1 min. Source: Mesos. */
  readonly executorRegistrationTimeoutMs: number;
  /** After an agent restart, executors have this long to come back. Default 2 s, at most 15 s. Source: Mesos. */
  readonly executorReregistrationTimeoutMs: number;
  /** Between SHUTDOWN and the forcible end. Default 5 s. Source: Mesos. */
  readonly executorShutdownGracePeriodMs: number;
  /** Default kill grace of the built-in command executor: 3 s. Source: Mesos. */
  readonly killGracePeriodMs: number;
  /** First retry of an unacknowledged update; doubles up to the maximum. Default 10 s, 10 min. Source: Mesos. */
  readonly updateRetryIntervalMs: number;
  readonly updateRetryIntervalMaxMs: number;
  /** Sandboxes of ended executors are removed after this. Default 1 week. Source: Mesos. */
  readonly sandboxRetentionMs: number;
  /** Ended executors whose sandboxes can still be read; oldest forgotten (and removed) first. Default 150. Source: Mesos. */
  readonly completedExecutorCountMax: number;
  /** Environment of every executor in addition to the standard variables, e.g. ALLOT_AGENT_SOCKET. */
  readonly executorEnvironment: ReadonlyMap<string, string>;
}

/** How a container ended. */
export interface ContainerExit {
  /** Exit status 0-255; absent when ended by a signal, or when nobody saw the end (agent was away and no trace was left). */
  readonly status?: number;
  /** e.g. `SIGKILL`. */
  readonly signal?: string;
  /** Set when the containerizer knows a better reason than "it ended", e.g. out of memory. */
  readonly limitation?: { readonly reason: 'REASON_CONTAINER_LIMITATION_MEMORY' | 'REASON_CONTAINER_LIMITATION'; readonly message: string; readonly resources: Resources };
}

/** What to start. The sandbox is `containerId`'s own directory. */
export interface ContainerSpec {
  readonly containerId: ContainerId;
  readonly frameworkId: FrameworkId;
  readonly executorId: ExecutorId;
  readonly command: CommandInfo;
  /** Complete environment beside the agent's inherited PATH etc. */
  readonly environment: ReadonlyMap<string, string>;
  readonly user: string;
  /** Executor and queued tasks together; isolation limits follow from it. */
  readonly resources: Resources;
}

export type AgentInput =
  | { readonly kind: 'master-connected'; readonly address: string }
  | { readonly kind: 'master-messages'; readonly messages: readonly MasterMessage[] }
  | { readonly kind: 'master-disconnected'; readonly end: LinkEnd }
  | { readonly kind: 'executor-opened'; readonly session: number }
  | { readonly kind: 'executor-calls'; readonly session: number; readonly calls: readonly ReceivedExecutorCall[] }
  | { readonly kind: 'executor-closed'; readonly session: number; readonly end: LinkEnd }
  | { readonly kind: 'container-started'; readonly containerId: ContainerId; readonly pid: number; readonly startedAt: string }
  /** A container of an earlier life still runs, and has for `ageMs`. */
  | { readonly kind: 'container-found'; readonly containerId: ContainerId; readonly ageMs: number }
  /** Fetching, preparing or starting went wrong; nothing runs. */
  | { readonly kind: 'container-failed'; readonly containerId: ContainerId; readonly message: string }
  /** The container's main process has ended and everything in it is gone. */
  | { readonly kind: 'container-ended'; readonly containerId: ContainerId; readonly exit: ContainerExit }
  | {
      readonly kind: 'sandbox-read';
      readonly request: number;
      readonly outcome:
        | { readonly ok: true; readonly offset: number; readonly data: Uint8Array; readonly size: number }
        | { readonly ok: false; readonly message: string };
    }
  /** SIGTERM etc. `keep-tasks`: the agent goes, executors stay for its successor; `end-tasks`: shut everything down, unregister, then exit. */
  | { readonly kind: 'stop'; readonly mode: 'keep-tasks' | 'end-tasks' }
  | { readonly kind: 'time-advanced' };

export type AgentEffect =
  | { readonly kind: 'checkpoint'; readonly records: readonly CheckpointRecord[] }
  | { readonly kind: 'send-master'; readonly messages: readonly AgentMessage[] }
  /** The registration was accepted: the session counts, backoff starts afresh next time. */
  | { readonly kind: 'master-established' }
  /** Drop the session and dial again (after backoff). */
  | { readonly kind: 'restart-master-session'; readonly reason: string }
  | { readonly kind: 'send-executor'; readonly session: number; readonly events: readonly ExecutorEvent[] }
  | { readonly kind: 'close-executor'; readonly session: number }
  | { readonly kind: 'launch-container'; readonly spec: ContainerSpec }
  /** Politely: signal to the whole container, e.g. SIGTERM. */
  | { readonly kind: 'signal-container'; readonly containerId: ContainerId; readonly signal: 'SIGTERM' | 'SIGKILL' }
  /** Make the container end, whatever it takes; `container-ended` follows. */
  | { readonly kind: 'destroy-container'; readonly containerId: ContainerId }
  /** At recovery: look after a container started by an earlier life; `container-found` follows, or `container-ended` at once if it is gone. */
  | { readonly kind: 'reattach-container'; readonly containerId: ContainerId; readonly pid: number; readonly startedAt: string }
  | { readonly kind: 'remove-sandbox'; readonly containerId: ContainerId }
  | { readonly kind: 'read-sandbox'; readonly request: number; readonly containerId: ContainerId; readonly stream: SandboxStream; readonly offset: number; readonly lengthMax: number }
  /** Everything is said and done; the process may end. */
  | { readonly kind: 'exit'; readonly reason: string; readonly isFailure: boolean }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string; readonly fields: Readonly<Record<string, unknown>> };

/** The agent's deciding core. `createAgentCore(config, records, {random, ids}, nowMs)` in agent.ts makes one; its first effects come from `start`. */
export interface AgentCore {
  /** Effects of recovery; call once, before any step. */
  start(now: { readonly nowMs: number; readonly wallMs: number }): readonly AgentEffect[];
  step(input: AgentInput, now: { readonly nowMs: number; readonly wallMs: number }): readonly AgentEffect[];
  nextDeadlineMs(): number;
  /** The shortest list of records that rebuilds the present state: for compaction of the journal. */
  snapshot(): readonly CheckpointRecord[];
}
