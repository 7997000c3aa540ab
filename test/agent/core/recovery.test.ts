// Proves that a restarted agent goes on where its journal ends: containers taken up again, executors given time to come back, updates resent, and
// what was half-done completed or undone (J1 to J4). Random crashes: agent-history.test.ts.

import { knownContainers, namedContainers } from '../../../agent/core/recovery';
import { aConfig, aFramework, AgentHarness, anExecutor, anUpdate, aTask, checkpointedStatuses, kinds, launches, records, runTask, shown, statusUpdates, theAgentId, theFrameworkId, toExecutor } from './agent-harness';

function registered(): AgentHarness {
  const agent = new AgentHarness();
  agent.register();
  return agent;
}

test('a new agent recovers nothing', () => {
  expect(new AgentHarness().take()).toEqual([]);
});

test('a command task just goes on, and its end is reported', () => {
  const agent = registered();
  const container = agent.launch(aTask('t'));
  expect(agent.restart()).toEqual([{ kind: 'reattach-container', containerId: container, pid: 4711, startedAt: '99' }]);
  expect(shown(statusUpdates(agent.register()))).toEqual(['t TASK_STARTING']);
  expect(shown(checkpointedStatuses(agent.ended(container, { status: 0 })))).toEqual(['t TASK_FINISHED']);
});

test('a command whose start was not yet reported is reported running', () => {
  const agent = registered();
  const container = agent.launch(aTask('t'));
  const cut = agent.journal.slice(0, agent.journal.findIndex((record) => record.kind === 'executor-started') + 1);
  expect(shown(checkpointedStatuses(agent.restart(cut)))).toEqual(['t TASK_RUNNING']);
  expect(knownContainers(cut)).toEqual(new Set([container]));
});

test('a kill under way is taken up again where the framework was told of it', () => {
  const agent = registered();
  const container = agent.launch(aTask('t'));
  agent.say({ kind: 'kill-task', frameworkId: theFrameworkId, taskId: aTask('t').taskId });
  expect(kinds(agent.restart())).toEqual(['reattach-container', 'signal-container']);
  expect(agent.advance(3_000)).toContainEqual({ kind: 'destroy-container', containerId: container });
  expect(shown(checkpointedStatuses(agent.ended(container, { signal: 'SIGKILL' })))).toEqual(['t TASK_KILLED']);
});

test('a completion limit counts the time for which the process has run, whatever wall time says after a restart', () => {
  const agent = registered();
  const container = agent.launch(aTask('t', { maxCompletionTimeMs: 10_000 }));
  agent.acknowledge(agent.acknowledge(agent.take()));
  // It began in 1970, and then the machine learned what time it is.
  agent.restart(agent.snapshot().map((record) => (record.kind === 'update' ? { ...record, status: { ...record.status, timestampMs: 0 } } : record)));
  expect(agent.advance(3_600_000)).toEqual([]);
  agent.found(container, 7_000);
  expect(agent.advance(2_999)).toEqual([]);
  expect(agent.advance(1)).toEqual([{ kind: 'destroy-container', containerId: container }]);
});

test('a launch that was recorded but never seen to start has failed', () => {
  const agent = registered();
  const [spec] = launches(agent.say(runTask(aTask('t', { executor: anExecutor() }))));
  const effects = agent.restart();
  expect(shown(checkpointedStatuses(effects))).toEqual(['t TASK_FAILED REASON_EXECUTOR_TERMINATED']);
  expect(effects).toContainEqual({ kind: 'destroy-container', containerId: spec!.containerId });
  expect(knownContainers(agent.journal).size).toBe(0);
});

test('every container whose sandbox the agent still looks after is named, also in a rewritten journal, and none that it has removed', () => {
  const agent = new AgentHarness({ ...aConfig, completedExecutorCountMax: 1 });
  agent.register();
  const [removed, ended, running] = ['1', '2', '3'].map((id) => agent.launch(aTask(id)));
  agent.ended(removed!, { status: 0 });
  agent.ended(ended!, { status: 0 });
  const [pending] = launches(agent.say(runTask(aTask('4'))));
  expect(namedContainers(agent.journal)).toEqual(new Set([removed, ended, running, pending?.containerId]));
  expect(namedContainers(agent.snapshot())).toEqual(new Set([ended, running, pending?.containerId]));
});

test('an executor that comes back after a restart goes on with what it has', () => {
  const agent = registered();
  const task = aTask('t', { executor: anExecutor() });
  const container = agent.launch(task);
  const token = agent.token();
  agent.openExecutor({ kind: 'subscribe', token, unacknowledgedTasks: [], unacknowledgedUpdates: [] });
  expect(kinds(agent.restart())).toEqual(['reattach-container']);
  const update = anUpdate('t', 'TASK_RUNNING', '1');
  const { effects } = agent.openExecutor({ kind: 'subscribe', token, unacknowledgedTasks: [task], unacknowledgedUpdates: [update.status] });
  expect(toExecutor(effects)).toMatchObject([{ kind: 'acknowledged' }, { kind: 'subscribed', containerId: container, agentInfo: { id: theAgentId } }]);
  expect(agent.advance(2_000)).toEqual([]);
  expect(shown(statusUpdates(agent.register()))).toEqual(['t TASK_RUNNING']);
});

test.each([
  [aFramework(), 't TASK_GONE REASON_EXECUTOR_REREGISTRATION_TIMEOUT'],
  [aFramework([]), 't TASK_LOST REASON_EXECUTOR_REREGISTRATION_TIMEOUT'],
])('an executor that does not come back in time is ended, and its tasks are gone', (framework, update) => {
  const agent = registered();
  const container = agent.launch(aTask('t', { executor: anExecutor() }), framework);
  agent.restart();
  expect(agent.advance(1_999)).toEqual([]);
  expect(agent.advance(1)).toEqual([{ kind: 'destroy-container', containerId: container }]);
  expect(shown(checkpointedStatuses(agent.ended(container, { signal: 'SIGKILL' })))).toEqual([update]);
});

test('updates that were not acknowledged are sent again in order, those that were are not', () => {
  const agent = registered();
  const container = agent.launch(aTask('t'));
  const first = agent.take();
  agent.ended(container, { status: 0 });
  agent.acknowledge(first);
  agent.restart();
  const running = agent.register();
  expect(shown(statusUpdates(running))).toEqual(['t TASK_RUNNING']);
  const finished = agent.acknowledge(running);
  expect(shown(statusUpdates(finished))).toEqual(['t TASK_FINISHED']);
  expect(records(agent.acknowledge(finished)).map((record) => record.kind)).toEqual(['update-acknowledged', 'task-removed', 'framework-removed']);
});

test.each<[state: 'TASK_FINISHED' | 'TASK_RUNNING', sent: string]>([
  ['TASK_FINISHED', 't TASK_FAILED'],
  ['TASK_RUNNING', 't TASK_RUNNING'],
])('a %s that is larger than any message, in the journal of an earlier release, does not end the session at every registration', (state, sent) => {
  const agent = registered();
  agent.launch(aTask('t', { executor: anExecutor() }));
  const { status } = anUpdate('t', state, '1', { data: new Uint8Array(9 * 1024 * 1024) });
  agent.restart([...agent.journal, { kind: 'update', frameworkId: theFrameworkId, status }]);
  const [head] = statusUpdates(agent.register());
  expect(shown(head === undefined ? [] : [head])).toEqual([sent]);
  expect(head?.uuid).toBe(status.uuid);
  expect(head?.data).toBeUndefined();
});

test('an update resent by its executor is known after a rewritten journal too', () => {
  const agent = registered();
  const task = aTask('t', { executor: anExecutor() });
  agent.launch(task);
  const token = agent.token();
  const { session } = agent.openExecutor({ kind: 'subscribe', token, unacknowledgedTasks: [], unacknowledgedUpdates: [] });
  const update = anUpdate('t', 'TASK_RUNNING', '1');
  agent.acknowledge(agent.callAs(session, 'e', update));
  agent.restart(agent.snapshot());
  const { effects } = agent.openExecutor({ kind: 'subscribe', token, unacknowledgedTasks: [task], unacknowledgedUpdates: [update.status] });
  expect(checkpointedStatuses(effects)).toEqual([]);
  expect(toExecutor(effects)).toMatchObject([{ kind: 'acknowledged' }, { kind: 'subscribed' }]);
});

test('a framework shut down before the crash is not reported after it, and its executors are ended', () => {
  const agent = registered();
  const container = agent.launch(aTask('t', { executor: anExecutor() }));
  agent.say({ kind: 'shutdown-framework', frameworkId: theFrameworkId });
  for (const journal of [[...agent.journal], agent.snapshot()]) {
    expect(kinds(agent.restart(journal))).toEqual(['reattach-container']);
    expect(agent.connect()).toMatchObject({ tasks: [], executors: [], frameworks: [] });
    expect(agent.advance(5_000)).toContainEqual({ kind: 'destroy-container', containerId: container });
  }
});

test('records that fit nothing are skipped, so that a damaged journal does not keep the agent from starting', () => {
  const agent = new AgentHarness(aConfig, [
    { kind: 'agent', agentId: theAgentId, info: aConfig.info },
    { kind: 'task', frameworkId: theFrameworkId, executorId: anExecutor().executorId, containerId: 'c' as never, task: aTask('t') },
    { kind: 'executor-started', containerId: 'c' as never, pid: 1, startedAt: '' },
    { kind: 'executor-ended', containerId: 'c' as never, endedAtWallMs: 0 },
    { kind: 'update-acknowledged', frameworkId: theFrameworkId, taskId: aTask('t').taskId, uuid: '' },
    { kind: 'framework-removed', frameworkId: theFrameworkId },
  ]);
  expect(agent.connect()).toMatchObject({ kind: 'reregister', tasks: [] });
});
