// Metrics of the agent: what it has done and what it has, by name and with a sentence each.
//
// Owns:      counting what the core decides; names, help texts and labels of the `allot_agent_…` families.
// Elsewhere: deciding (core/), exposition (common/metrics.ts, common/status-server.ts).
// Invariants:
//   V1. An update is counted when it is entered, once, however often it is sent: the core checkpoints each exactly once.
//   V2. Counting costs an addition per effect; what the agent has is looked up when somebody asks.
// Source: the events of Mesos's `slave/…` metrics; names after prometheus.io/docs/practices/naming.

import { single, type MetricFamily, type MetricSample } from '../common/metrics';
import type { CheckpointRecord } from '../common/model/checkpoint-record';
import { isTerminal } from '../common/model/task-states';
import type { AgentHealth } from './agent-node';
import type { AgentEffect } from './core/agent-step';

/** What is watched: a node, or something that looks like one. */
export interface ObservedAgent {
  readonly health: AgentHealth;
  /** The present state as records. */
  readonly state: readonly CheckpointRecord[];
}

/** Counts effects as they are decided (V1, V2). */
export class AgentCounters {
  registrations = 0;
  sessionsRestarted = 0;
  tasksLaunched = 0;
  updates = 0;
  executorsLaunched = 0;
  executorsEnded = 0;
  sandboxReads = 0;
  /** By state, e.g. `TASK_FINISHED`. */
  readonly tasksEnded = new Map<string, number>();

  /** For {@link AgentNodeOptions.observe}. */
  readonly note = (effect: AgentEffect): void => {
    switch (effect.kind) {
      case 'checkpoint':
        for (const record of effect.records) this.noteRecord(record);
        return;
      case 'master-established':
        this.registrations += 1;
        return;
      case 'restart-master-session':
        this.sessionsRestarted += 1;
        return;
      case 'read-sandbox':
        this.sandboxReads += 1;
        return;
      default:
        return;
    }
  };

  private noteRecord(record: CheckpointRecord): void {
    switch (record.kind) {
      case 'task':
        this.tasksLaunched += 1;
        return;
      case 'executor':
        this.executorsLaunched += 1;
        return;
      case 'executor-ended':
        this.executorsEnded += 1;
        return;
      case 'update': {
        this.updates += 1;
        const { state } = record.status;
        if (isTerminal(state)) this.tasksEnded.set(state, (this.tasksEnded.get(state) ?? 0) + 1);
        return;
      }
      default:
        return;
    }
  }
}

export function agentMetrics(agent: ObservedAgent, counters: AgentCounters): readonly MetricFamily[] {
  return [
    counter('registrations', 'Registrations with a master that were accepted.', () => single(counters.registrations)),
    counter('sessions_restarted', 'Sessions with a master that the agent itself gave up.', () => single(counters.sessionsRestarted)),
    counter('tasks_launched', 'Tasks received and taken on.', () => single(counters.tasksLaunched)),
    { ...counter('tasks_ended', 'Tasks that ended, by state.', () => samplesOf(counters.tasksEnded)), labels: ['state'] },
    counter('status_updates', 'Status updates entered; each is counted once, however often it is sent.', () => single(counters.updates)),
    counter('executors_launched', 'Executors launched, those of command tasks included.', () => single(counters.executorsLaunched)),
    counter('executors_ended', 'Executors that ended, those of command tasks included.', () => single(counters.executorsEnded)),
    counter('sandbox_reads', 'Reads of sandbox files for operators.', () => single(counters.sandboxReads)),
    gauge('registered', 'Whether a master has this agent in its books (1) or not (0).', () => single(agent.health.isRegistered ? 1 : 0)),
    { ...gauge('tasks', 'Tasks that have not ended, or whose end is not acknowledged, by state.', () => samplesOf(taskStates(agent.state))), labels: ['state'] },
    gauge('executors', 'Executors that run now, those of command tasks included.', () => single(runningExecutorCount(agent.state))),
    gauge('updates_unacknowledged', 'Status updates that wait for their acknowledgement.', () => single(unacknowledgedCount(agent.state))),
  ];
}

function counter(noun: string, help: string, collect: () => readonly MetricSample[]): MetricFamily {
  return { name: `allot_agent_${noun}_total`, help, kind: 'counter', collect };
}

function gauge(noun: string, help: string, collect: () => readonly MetricSample[]): MetricFamily {
  return { name: `allot_agent_${noun}`, help, kind: 'gauge', collect };
}

/** `TASK_RUNNING` is `running`. */
function samplesOf(counts: ReadonlyMap<string, number>): readonly MetricSample[] {
  return [...counts].map(([state, value]) => ({ labels: { state: state.replace(/^TASK_/, '').toLowerCase() }, value }));
}

function taskStates(records: readonly CheckpointRecord[]): ReadonlyMap<string, number> {
  const states = new Map<string, string>();
  for (const record of records) {
    if (record.kind === 'task') states.set(`${record.frameworkId}/${record.task.taskId}`, 'TASK_STAGING');
    if (record.kind !== 'update') continue;
    const key = `${record.frameworkId}/${record.status.taskId}`;
    if (states.has(key)) states.set(key, record.status.state);
  }
  const counts = new Map<string, number>();
  for (const state of states.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

function runningExecutorCount(records: readonly CheckpointRecord[]): number {
  const running = new Set<string>();
  for (const record of records) {
    if (record.kind === 'executor') running.add(record.containerId);
    if (record.kind === 'executor-ended') running.delete(record.containerId);
  }
  return running.size;
}

function unacknowledgedCount(records: readonly CheckpointRecord[]): number {
  let count = 0;
  for (const { kind } of records) count += kind === 'update' ? 1 : kind === 'update-acknowledged' ? -1 : 0;
  return count;
}
