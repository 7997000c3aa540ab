// Proves how the agent joins a master: what its registration carries, what must be durable first (R1), and what it answers for tasks it does not know.

import { registrationTimeoutMs } from '../../../agent/core/master-session';
import type { AgentMessage } from '../../../common/model/agent-protocol';
import { agentId, frameworkId, taskId } from '../../../common/model/ids';
import { reportPartBytesMax, taskInfoBytesMax } from '../../../common/model/message-size';
import { agentMessage } from '../../../proto/agent-codec';
import { wireType } from '../../../proto/loader';
import { aConfig, aFramework, AgentHarness, anExecutor, aTask, kinds, records, runTask, shown, statusUpdates, theAgentId, theFrameworkId, toMaster } from './agent-harness';

test('a new agent registers without an id, and its id is durable before anything else leaves', () => {
  const agent = new AgentHarness();
  expect(agent.connect()).toEqual({ kind: 'register', info: aConfig.info, version: '0.1.0' });
  const effects = agent.say({ kind: 'registered', agentId: theAgentId, masterId: 'M' });
  expect(kinds(effects)).toEqual(['checkpoint', 'master-established']);
  expect(records(effects)).toEqual([{ kind: 'agent', agentId: theAgentId, info: aConfig.info }]);
});

test('an agent with a past reregisters under its id, with tasks, custom executors, and frameworks', () => {
  const agent = new AgentHarness();
  agent.register();
  agent.launch(aTask('command'));
  agent.say(runTask(aTask('custom', { executor: anExecutor() })));
  agent.disconnect();
  const opening = agent.connect();
  expect(opening).toMatchObject({
    kind: 'reregister',
    agentId: theAgentId,
    info: { id: theAgentId },
    frameworks: [aFramework()],
    executors: [{ frameworkId: theFrameworkId, executor: anExecutor() }],
    tasks: [
      { task: { taskId: 'command' }, executorId: 'command', state: 'TASK_RUNNING', unacknowledged: { state: 'TASK_STARTING' } },
      { task: { taskId: 'custom' }, executorId: 'e', state: 'TASK_STAGING' },
    ],
  });
});

test('a task that ended stays in the registration until its end is acknowledged', () => {
  const agent = new AgentHarness();
  agent.register();
  const container = agent.launch(aTask('t'));
  agent.ended(container, { status: 0 });
  agent.disconnect();
  expect(agent.connect()).toMatchObject({ tasks: [{ state: 'TASK_FINISHED', unacknowledged: { state: 'TASK_STARTING' } }] });
  let effects = agent.say({ kind: 'reregistered', agentId: theAgentId, masterId: 'M2', missingTasks: [] });
  for (let count = 0; count < 3; count += 1) effects = agent.acknowledge(effects);
  agent.disconnect();
  expect(agent.connect()).toMatchObject({ tasks: [], frameworks: [] });
});

test('an executor that ends while its registration is under way is told after the answer, because the master would charge it for ever', () => {
  const agent = new AgentHarness();
  agent.register();
  const container = agent.launch(aTask('t', { executor: anExecutor() }));
  agent.disconnect();
  expect(agent.connect()).toMatchObject({ executors: [{ executor: { executorId: 'e' } }] });
  expect(toMaster(agent.ended(container, { signal: 'SIGKILL' }))).toEqual([]);
  const effects = agent.say({ kind: 'reregistered', agentId: theAgentId, masterId: 'M', missingTasks: [] });
  expect(toMaster(effects)[0]).toEqual({ kind: 'exited-executor', frameworkId: theFrameworkId, executorId: 'e', status: 9 });
  agent.disconnect();
  expect(agent.connect()).toMatchObject({ executors: [] });
});

test('a master that knows the agent by another id ends it, because two identities would share one work directory', () => {
  const agent = new AgentHarness();
  agent.register();
  agent.disconnect();
  agent.connect();
  const effects = agent.say({ kind: 'reregistered', agentId: agentId('M-S2'), masterId: 'M', missingTasks: [] });
  expect(effects).toMatchObject([{ kind: 'exit', isFailure: true }]);
  expect(agent.step({ kind: 'master-connected', address: 'm' })).toEqual([]);
});

test.each([
  [true, ['exit']],
  [false, ['restart-master-session']],
])('a registration refused (for good: %s) leads to %s', (permanent, expected) => {
  const agent = new AgentHarness();
  agent.connect();
  expect(kinds(agent.say({ kind: 'registration-refused', message: 'full', permanent }))).toEqual(expected);
});

test('a master that does not answer the registration is left', () => {
  const agent = new AgentHarness();
  agent.connect();
  expect(agent.advance(29_999)).toEqual([]);
  expect(kinds(agent.advance(1))).toEqual(['restart-master-session']);
});

test('nothing but its answer is heard before a registration is answered', () => {
  const agent = new AgentHarness();
  agent.connect();
  expect(toMaster(agent.say(runTask(aTask('t')), { kind: 'ping' }))).toEqual([{ kind: 'pong' }]);
  expect(agent.journal).toEqual([]);
});

test('a task that the master misses and the agent never got is dropped, so that it does not stay launched for ever', () => {
  const agent = new AgentHarness();
  agent.register();
  agent.launch(aTask('here'));
  agent.disconnect();
  const effects = agent.register([
    { frameworkId: theFrameworkId, taskId: taskId('here') },
    { frameworkId: theFrameworkId, taskId: taskId('never') },
    { frameworkId: frameworkId('M-0007'), taskId: taskId('unheard') },
  ]);
  expect(shown(statusUpdates(effects))).toEqual(['here TASK_STARTING', 'never TASK_DROPPED REASON_RECONCILIATION', 'unheard TASK_DROPPED REASON_RECONCILIATION']);
  expect(statusUpdates(effects)[1]).toMatchObject({ source: 'SOURCE_AGENT', agentId: theAgentId, uuid: expect.stringMatching(/^[0-9a-f]{32}$/) });
});

test('a framework without PARTITION_AWARE is told TASK_LOST of a task that was dropped', () => {
  const agent = new AgentHarness();
  agent.register();
  agent.launch(aTask('here'), aFramework([]));
  agent.disconnect();
  const effects = agent.register([{ frameworkId: theFrameworkId, taskId: taskId('never') }]);
  expect(shown(statusUpdates(effects))).toContain('never TASK_LOST REASON_RECONCILIATION');
});

test('on every registration each stream begins again with its head and a fresh timer', () => {
  const agent = new AgentHarness();
  agent.register();
  agent.launch(aTask('t'));
  agent.advance(25_000);
  agent.disconnect();
  expect(agent.nextDeadlineMs).toBe(Infinity);
  agent.advance(100_000);
  expect(shown(statusUpdates(agent.register()))).toEqual(['t TASK_STARTING']);
  expect(agent.advance(9_999)).toEqual([]);
  expect(shown(statusUpdates(agent.advance(1)))).toEqual(['t TASK_STARTING']);
});

test('changes of a framework are remembered, and the same again is not written again', () => {
  const agent = new AgentHarness();
  agent.register();
  agent.launch(aTask('t'), aFramework([]));
  expect(agent.say({ kind: 'update-framework', framework: aFramework([]) })).toEqual([]);
  expect(records(agent.say({ kind: 'update-framework', framework: aFramework(['PARTITION_AWARE']) }))).toMatchObject([{ kind: 'framework' }]);
  expect(agent.say({ kind: 'update-framework', framework: aFramework([], frameworkId('M-0009')) })).toEqual([]);
});

test('a changed configuration is told with the next registration and then remembered', () => {
  const agent = new AgentHarness();
  agent.register();
  const changed = new AgentHarness({ ...aConfig, info: { ...aConfig.info, hostname: 'pi-2' } }, agent.journal);
  expect(changed.connect()).toMatchObject({ agentId: theAgentId, info: { hostname: 'pi-2' } });
  expect(records(changed.say({ kind: 'reregistered', agentId: theAgentId, masterId: 'M', missingTasks: [] }))).toMatchObject([{ kind: 'agent', info: { hostname: 'pi-2' } }]);
});

const encodedLength = (message: AgentMessage): number => wireType('agent', 'AgentMessage').serialize(agentMessage.encode(message)).length;
const opening = (agent: AgentHarness): readonly AgentMessage[] => toMaster(agent.step({ kind: 'master-connected', address: 'm:5050' }));

test('a task is reported in outline, and its executor once for all of its tasks: what only they need does not grow with their number', () => {
  const agent = new AgentHarness();
  agent.register();
  const executor = anExecutor('e', { data: new Uint8Array(16 * 1024) });
  for (let i = 0; i < 520; i += 1) {
    const heavy = { data: new Uint8Array(1_000), labels: [{ key: 'x'.repeat(1_000) }] };
    agent.say(runTask(aTask(`t${i}`, { executor, ...heavy }), aFramework(), i === 0));
  }
  agent.disconnect();
  const [report, ...more] = opening(agent);
  if (report?.kind !== 'reregister') throw new Error('no report');
  expect(more).toEqual([]);
  expect(report.tasks).toHaveLength(520);
  expect(report.tasks[0]?.task).toEqual({ name: 't0', taskId: 't0', agentId: theAgentId, resources: aTask('t0').resources, limits: new Map(), labels: [] });
  expect(report.executors).toEqual([{ frameworkId: theFrameworkId, executor }]);
  expect(encodedLength(report)).toBeLessThan(150_000);
});

test('a report too large for one message comes in parts, each when the one before was taken, everything once; the last one registers', () => {
  const agent = new AgentHarness();
  agent.register();
  for (let i = 0; i < 12; i += 1) agent.say(runTask(aTask(`t${i}`, { executor: anExecutor(`e${i}`, { data: new Uint8Array(taskInfoBytesMax - 2_000) }) })));
  agent.disconnect();
  const parts = [...opening(agent)];
  expect(parts).toHaveLength(1);
  while (parts.at(-1)?.kind === 'report-part') {
    agent.advance(registrationTimeoutMs - 1); // It is the answer to a part that must not take longer.
    parts.push(...toMaster(agent.say({ kind: 'report-part-taken' })));
  }
  expect(parts.map(({ kind }) => kind)).toEqual(['report-part', 'report-part', 'reregister']);
  for (const part of parts) expect(encodedLength(part)).toBeLessThan(reportPartBytesMax + 4_000);
  const reports = parts.flatMap((part) => (part.kind === 'report-part' || part.kind === 'reregister' ? [part] : []));
  expect(reports.flatMap(({ executors }) => executors.map(({ executor }) => executor.executorId))).toEqual(Array.from({ length: 12 }, (_, i) => `e${i}`));
  expect(reports.flatMap(({ tasks }) => tasks.map(({ task }) => task.taskId)).sort()).toEqual(Array.from({ length: 12 }, (_, i) => `t${i}`).sort());
  expect(reports.flatMap(({ frameworks }) => frameworks)).toEqual([aFramework()]);
  expect(agent.say({ kind: 'report-part-taken' })).toEqual([]);
  expect(kinds(agent.say({ kind: 'reregistered', agentId: theAgentId, masterId: 'M', missingTasks: [] }))).toContain('master-established');
});

test('a session that breaks amid the parts of a report leaves nothing behind: the next one reports anew', () => {
  const agent = new AgentHarness();
  agent.register();
  for (let i = 0; i < 6; i += 1) agent.say(runTask(aTask(`t${i}`, { executor: anExecutor(`e${i}`, { data: new Uint8Array(taskInfoBytesMax - 2_000) }) })));
  agent.disconnect();
  const [first] = opening(agent);
  agent.disconnect();
  expect(agent.say({ kind: 'report-part-taken' })).toEqual([]);
  expect(opening(agent)).toEqual([first]);
});
