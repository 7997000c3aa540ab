// What goes into the master's core and what comes out.
//
// Owns:      MasterInput, MasterEffect, MasterConfig: the whole conversation between the deciding core and the node that carries out.
// Elsewhere: the decisions (master.ts and its neighbours in this folder), carrying out (../master-node.ts), the wire (proto/).
// Invariants:
//   M1. A core lives for one term: it is made when its master is elected, from the registry as loaded, and thrown away when deposed.
//   M2. Effects are carried out in order. A `persist` is durable before any later effect leaves, of the same step or a later one: the node
//       holds back what comes after (output commit), so the core need not wait and nobody learns of what is not durable.
//   M3. Sessions are numbers given by the node, never reused within a process. After `close-…` the core hears no more of that session.
// Source: etcd-io/raft's Ready (facts in, one value out), our choice of output commit, because it keeps decisions free of waiting.

import type { AllocatorOptions } from '../../allocator/allocator';
import type { AgentMessage, MasterMessage } from '../../common/model/agent-protocol';
import type { Quantities } from '../../common/model/framework';
import type { AgentId, MasterId } from '../../common/model/ids';
import type { OperatorCall, OperatorReply } from '../../common/model/operator-protocol';
import type { RegistryFact } from '../../common/model/registry-fact';
import type { MasterInfo, ReceivedSchedulerCall, SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { LinkEnd, LogLevel } from '../../common/ports';

export type { RegistryFact };

/** All times in milliseconds. */
export interface MasterConfig {
  /** Shown by `allot roles` and in logs; free text. */
  readonly clusterName: string;
  readonly allocationIntervalMs: number;
  readonly allocationEventDelayMs: number;
  readonly minAllocatable: readonly Quantities[];
  /** What differs from the allocator's own defaults (`allocatorOptionsDefault`). Absent: nothing does. */
  readonly allocation?: AllocationPolicy;
  /** Longest program of a regular expression in offer constraints (common/model/regex.ts), in instructions. Default 100. Source: Mesos. */
  readonly regexProgramSizeMax: number;
  /** Offers are rescinded this long after they were made; Infinity: never. Default 5 min: a scheduler that forgot its offers must not starve others. Ours. */
  readonly offerTimeoutMs: number;
  /** An agent whose session has been gone this long is unreachable. Default 75 s. Source: Mesos (5 pings of 15 s). */
  readonly agentTimeoutMs: number;
  /** After a change of leader, agents that have not come back for this long are unreachable. Default 10 min. Source: Mesos. */
  readonly agentReregisterTimeoutMs: number;
  /** A task without any update for this long after its launch is killed at its agent. Default 5 min. Ours: a launch must not hang for ever. */
  readonly launchTimeoutMs: number;
  /** Told to schedulers in `subscribed`, for those who write their own; the links beat, and announce it to every peer. Default 5 s. */
  readonly heartbeatIntervalMs: number;
  readonly completedFrameworkCountMax: number; // 50. Source: Mesos.
  readonly completedTaskCountMax: number; // per framework, 1000. Source: Mesos.
  readonly unreachableTaskCountMax: number; // per framework, 1000. Source: Mesos.
  /** Answers to read-sandbox and the like are given up after this. Default 10 s. */
  readonly operatorTimeoutMs: number;
}

export type AllocationPolicy = Partial<
  Pick<AllocatorOptions, 'fairSharingExcludedNames' | 'filtersGpus' | 'region' | 'roleSorter' | 'frameworkSorter' | 'recoveryTimeoutMs' | 'recoveryAgentFactor' | 'whatIfFilterCountMax'>
>;

export type RegistryChange =
  | { readonly kind: 'put'; readonly fact: RegistryFact }
  | { readonly kind: 'delete-agent'; readonly agentId: AgentId }
  | { readonly kind: 'delete-weight'; readonly role: string }
  | { readonly kind: 'delete-quota'; readonly role: string };

/** What a new term starts from. */
export interface MasterStart {
  readonly masterId: MasterId;
  readonly masterInfo: MasterInfo;
  readonly registry: readonly RegistryFact[];
  /** e.g. `embedded` or `etcd`, for people. */
  readonly registryName: string;
  readonly electedAtWallMs: number;
}

/** `nowMs` (monotonic) and `wallMs` arrive beside each input. */
export type MasterInput =
  | { readonly kind: 'scheduler-opened'; readonly session: number; readonly peer: string }
  | { readonly kind: 'scheduler-calls'; readonly session: number; readonly calls: readonly ReceivedSchedulerCall[] }
  | { readonly kind: 'scheduler-closed'; readonly session: number; readonly end: LinkEnd }
  | { readonly kind: 'agent-opened'; readonly session: number; readonly peer: string }
  | { readonly kind: 'agent-messages'; readonly session: number; readonly messages: readonly AgentMessage[] }
  | { readonly kind: 'agent-closed'; readonly session: number; readonly end: LinkEnd }
  | { readonly kind: 'operator-call'; readonly request: number; readonly call: OperatorCall }
  /** Some deadline of `nextDeadlineMs` has come. */
  | { readonly kind: 'time-advanced' };

export type MasterEffect =
  | { readonly kind: 'persist'; readonly changes: readonly RegistryChange[] }
  | { readonly kind: 'send-scheduler'; readonly session: number; readonly events: readonly SchedulerEvent[] }
  | { readonly kind: 'close-scheduler'; readonly session: number }
  | { readonly kind: 'send-agent'; readonly session: number; readonly messages: readonly MasterMessage[] }
  | { readonly kind: 'close-agent'; readonly session: number }
  | { readonly kind: 'reply-operator'; readonly request: number; readonly reply: OperatorReply }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string; readonly fields: Readonly<Record<string, unknown>> };

/** The master's deciding core. `createMasterCore(config, start, allocatorFactory, {random, ids})` in master.ts makes one. */
export interface MasterCore {
  step(input: MasterInput, now: { readonly nowMs: number; readonly wallMs: number }): readonly MasterEffect[];
  /** The earliest monotonic time at which `time-advanced` is wanted; Infinity for never. */
  nextDeadlineMs(): number;
}
