// The agent's metrics: each event is counted once (V1), and gauges tell the present state.

import type { AgentEffect } from '../../agent/core/agent-step';
import { healthOf } from '../../agent/main';
import { AgentCounters, agentMetrics } from '../../agent/metrics';
import { Metrics } from '../../common/metrics';
import { silentLog } from '../../common/logging';
import type { CheckpointRecord } from '../../common/model/checkpoint-record';
import { agentId, containerId, executorId, frameworkId, taskId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';

const framework = frameworkId('m-0000');
const executor = (id: string): CheckpointRecord => ({
  kind: 'executor',
  frameworkId: framework,
  executor: { executorId: executorId(id), resources: Resources.empty, labels: [] },
  containerId: containerId(id),
  token: '',
  isCommand: true,
});
const task = (id: string): CheckpointRecord => ({
  kind: 'task',
  frameworkId: framework,
  executorId: executorId(id),
  containerId: containerId(id),
  task: { name: id, taskId: taskId(id), agentId: agentId('m-S0'), resources: Resources.empty, limits: new Map(), labels: [] },
});
const update = (id: string, state: 'TASK_RUNNING' | 'TASK_FINISHED'): CheckpointRecord => ({ kind: 'update', frameworkId: framework, status: { taskId: taskId(id), state, labels: [] } });

test('what the core decides is counted once, and what it has is shown', async () => {
  const counters = new AgentCounters();
  const records = [executor('a'), task('a'), executor('b'), task('b'), executor('c'), task('c'), update('a', 'TASK_RUNNING'), update('b', 'TASK_RUNNING'), update('b', 'TASK_FINISHED')];
  const ended: CheckpointRecord = { kind: 'executor-ended', containerId: containerId('b'), endedAtWallMs: 1 };
  const effects: readonly AgentEffect[] = [
    { kind: 'master-established' },
    { kind: 'checkpoint', records },
    { kind: 'checkpoint', records: [ended] },
    // Sent again and again: not counted.
    { kind: 'send-master', messages: [{ kind: 'pong' }] },
  ];
  for (const effect of effects) counters.note(effect);
  const metrics = new Metrics(silentLog);
  metrics.register(agentMetrics({ health: { isRegistered: true }, state: [...records, ended] }, counters));
  const lines = (await metrics.render()).split('\n').filter((line) => line.startsWith('allot_agent_'));
  expect(lines.sort()).toEqual(
    [
      'allot_agent_executors 2',
      'allot_agent_executors_ended_total 1',
      'allot_agent_executors_launched_total 3',
      'allot_agent_registered 1',
      'allot_agent_registrations_total 1',
      'allot_agent_sandbox_reads_total 0',
      'allot_agent_sessions_restarted_total 0',
      'allot_agent_status_updates_total 3',
      'allot_agent_tasks_ended_total{state="finished"} 1',
      'allot_agent_tasks_launched_total 3',
      'allot_agent_tasks{state="finished"} 1',
      'allot_agent_tasks{state="running"} 1',
      'allot_agent_tasks{state="staging"} 1',
      'allot_agent_updates_unacknowledged 3',
    ].sort(),
  );
});

test('an agent is healthy when a master has it in its books, and says what it waits for otherwise', () => {
  expect(healthOf({ isRegistered: true, master: 'a:1' })).toEqual({ isHealthy: true, status: 'registered', details: { master: 'a:1' } });
  expect(healthOf({ isRegistered: false, waitingFor: 'the answer of the master at a:1' })).toMatchObject({ isHealthy: false, status: 'waiting for the answer of the master at a:1' });
});
