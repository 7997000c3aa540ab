// Proves what custom executors may say and when they are believed: identity (S1), refusals that disturb nobody (S2), acknowledgement after
// durability (S3), and coming back after a broken connection or a restarted agent.

import { strangerCountMax } from '../../../agent/core/executor-sessions';
import type { ExecutorCall } from '../../../common/model/executor-protocol';
import { executorId, frameworkId, taskId } from '../../../common/model/ids';
import { messageDataBytesMax } from '../../../common/model/message-size';
import { statusDataBytesMax, statusMessageBytesMax, statusPartBytesMax } from '../../../common/model/status-size';
import type { TaskStatus } from '../../../common/model/task-status';
import { aFramework, AgentHarness, anExecutor, anUpdate, aTask, checkpointedStatuses, kinds, runTask, shown, statusUpdates, theAgentId, theFrameworkId, toExecutor, toMaster } from './agent-harness';

type Subscribe = Extract<ExecutorCall, { kind: 'subscribe' }>;

function subscribe(agent: AgentHarness, change: Partial<Subscribe> = {}): Subscribe {
  return { kind: 'subscribe', token: agent.token(), unacknowledgedTasks: [], unacknowledgedUpdates: [], ...change };
}

const custom = (id: string) => aTask(id, { executor: anExecutor() });

/** An agent with executor `e` subscribed and task `t` delivered to it. */
function withExecutor(): { agent: AgentHarness; session: number } {
  const agent = new AgentHarness();
  agent.register();
  agent.launch(custom('t'));
  return { agent, session: agent.openExecutor(subscribe(agent)).session };
}

test('an executor is told who it is before its tasks', () => {
  const agent = new AgentHarness();
  agent.register();
  const container = agent.launch(custom('t'));
  const { effects } = agent.openExecutor(subscribe(agent));
  const [subscribed, launch] = toExecutor(effects);
  expect(subscribed).toMatchObject({
    kind: 'subscribed',
    executorInfo: { executorId: 'e', frameworkId: theFrameworkId },
    frameworkInfo: aFramework(),
    agentInfo: { id: theAgentId, hostname: 'pi' },
    containerId: container,
  });
  expect(launch).toMatchObject({ kind: 'launch', task: { taskId: 't' } });
});

test.each<[claim: string, calls: (agent: AgentHarness) => ExecutorCall]>([
  ['a wrong token', (agent) => subscribe(agent, { token: 'guess' })],
  ['an empty token', (agent) => subscribe(agent, { token: '' })],
  ['another call than SUBSCRIBE first', () => anUpdate('t', 'TASK_RUNNING', '1')],
])('%s ends the session with an error, and the executor itself can still come', (_claim, call) => {
  const agent = new AgentHarness();
  agent.register();
  agent.launch(custom('t'));
  const { effects } = agent.openExecutor(call(agent));
  expect(kinds(effects)).toEqual(['send-executor', 'close-executor']);
  expect(toExecutor(effects)).toMatchObject([{ kind: 'error' }]);
  expect(toExecutor(agent.openExecutor(subscribe(agent)).effects)).toMatchObject([{ kind: 'subscribed' }, { kind: 'launch' }]);
});

test('a command task has no session, so nobody can take it over with an empty token', () => {
  const agent = new AgentHarness();
  agent.register();
  agent.launch(aTask('e'));
  expect(kinds(agent.openExecutor(subscribe(agent, { token: '' })).effects)).toEqual(['send-executor', 'close-executor']);
});

test('a connection that says nothing is closed', () => {
  const agent = new AgentHarness();
  agent.openExecutor();
  expect(agent.advance(9_999)).toEqual([]);
  expect(kinds(agent.advance(1))).toEqual(['send-executor', 'close-executor']);
});

test('strangers that open one connection after the other lose the oldest, and an executor comes through', () => {
  const agent = new AgentHarness();
  agent.register();
  agent.launch(custom('t'));
  const executor = agent.openExecutor(subscribe(agent)).session;
  const first = agent.openExecutor().session;
  agent.take();
  for (let count = 1; count < strangerCountMax; count += 1) agent.openExecutor();
  expect(agent.take()).toEqual([]);
  agent.openExecutor();
  expect(agent.take()).toMatchObject([{ kind: 'send-executor', session: first, events: [{ kind: 'error' }] }, { kind: 'close-executor', session: first }]);
  expect(toExecutor(agent.openExecutor(subscribe(agent)).effects)).toMatchObject([{ kind: 'subscribed' }]);
  expect(agent.take()).toContainEqual({ kind: 'close-executor', session: executor });
});

test('an update is durable before the executor or the master hears of it, and acknowledged without waiting for the scheduler', () => {
  const { agent, session } = withExecutor();
  const effects = agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', 'a1'));
  expect(effects[0]).toMatchObject({ kind: 'checkpoint', records: [{ kind: 'update', status: { state: 'TASK_RUNNING' } }] });
  expect(toExecutor(effects)).toEqual([{ kind: 'acknowledged', taskId: 't', uuid: 'a1'.padStart(32, '0') }]);
  expect(toMaster(effects)).toMatchObject([{ kind: 'status-update', latestState: 'TASK_RUNNING', status: { source: 'SOURCE_EXECUTOR', agentId: theAgentId, executorId: 'e' } }]);
});

test('an update that comes again is acknowledged again and goes no further', () => {
  const { agent, session } = withExecutor();
  agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', '1'));
  const again = agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', '1'));
  expect(kinds(again)).toEqual(['send-executor']);
  expect(toExecutor(again)).toMatchObject([{ kind: 'acknowledged' }]);
});

test('the first end of a task counts: a later one is acknowledged and forgotten, also when the first was acknowledged by the scheduler', () => {
  const { agent, session } = withExecutor();
  const finished = agent.callAs(session, 'e', anUpdate('t', 'TASK_FINISHED', '1'));
  expect(kinds(agent.callAs(session, 'e', anUpdate('t', 'TASK_FAILED', '2')))).toEqual(['send-executor']);
  agent.acknowledge(finished);
  const late = agent.callAs(session, 'e', anUpdate('t', 'TASK_FAILED', '3'));
  expect(toExecutor(late)).toMatchObject([{ kind: 'acknowledged' }]);
  expect(toMaster(late)).toEqual([]);
});

test.each<[claim: string, taskId: string, change: Partial<TaskStatus>]>([
  ['a task of another executor', 'other', {}],
  ['a task that nobody has', 'nobody', {}],
  ['a state that is not an executor’s to report', 't', { state: 'TASK_STAGING' }],
  ['a state that only a master says', 't', { state: 'TASK_GONE_BY_OPERATOR' }],
  ['a source that is not its own', 't', { source: 'SOURCE_MASTER' }],
  ['another executor’s id', 't', { executorId: executorId('f') }],
])('an update about %s is refused, and nobody else notices', (_claim, id, change) => {
  const { agent, session } = withExecutor();
  agent.say(runTask(aTask('other', { executor: anExecutor('f') })));
  const effects = agent.callAs(session, 'e', anUpdate(id, 'TASK_RUNNING', '1', change));
  expect(kinds(effects)).toEqual(['send-executor']);
  expect(toExecutor(effects, session)).toEqual([{ kind: 'acknowledged', taskId: id, uuid: '1'.padStart(32, '0'), refusal: expect.stringContaining(`Update of task "${id}" refused: `) }]);
});

test('a refused update without a uuid, which nobody would send again, is answered by an error', () => {
  const { agent, session } = withExecutor();
  const { uuid: _uuid, ...status } = anUpdate('nobody', 'TASK_RUNNING', '1').status;
  expect(toExecutor(agent.callAs(session, 'e', { kind: 'update', status }))).toEqual([{ kind: 'error', message: 'Update of task "nobody" refused: this executor runs no such task' }]);
});

test('a task that is running cannot start again', () => {
  const { agent, session } = withExecutor();
  agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', '1'));
  expect(toExecutor(agent.callAs(session, 'e', anUpdate('t', 'TASK_STARTING', '2')))).toMatchObject([{ kind: 'acknowledged', refusal: expect.stringContaining('TASK_STARTING') }]);
});

const oversized: readonly [part: string, change: Partial<TaskStatus>][] = [
  ['data', { data: new Uint8Array(statusDataBytesMax + 1) }],
  ['message', { message: 'é'.repeat(statusMessageBytesMax / 2 + 1) }],
  ['labels', { labels: Array.from({ length: 10_000 }, () => ({ key: '' })) }],
  ['container_status.network_infos', { containerStatus: { networkInfos: [{ name: 'n'.repeat(statusPartBytesMax), groups: [], labels: [], ipAddresses: [], portMappings: [] }] } }],
];

test.each(oversized)('an end with more %s than a status may have is still an end: without its details, and naming what was too large', (part, change) => {
  const { agent, session } = withExecutor();
  agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', '1'));
  const update = anUpdate('t', 'TASK_FINISHED', '2', change);
  const effects = agent.callAs(session, 'e', update);
  const sentence = expect.stringMatching(new RegExp(`${part}: current value has \\d+ bytes, at most \\d+ are taken`));
  expect(toExecutor(effects)).toMatchObject([{ kind: 'acknowledged', uuid: '2'.padStart(32, '0'), refusal: sentence }]);
  const [end] = checkpointedStatuses(effects);
  expect(end).toMatchObject({ state: 'TASK_FAILED', message: sentence, labels: [], containerStatus: { networkInfos: [] } });
  expect(end?.data).toBeUndefined();
  expect(toExecutor(agent.callAs(session, 'e', update))).toMatchObject([{ kind: 'acknowledged' }]);
});

test('an end that is too large keeps its state, unless the task would be taken for done', () => {
  const { agent, session } = withExecutor();
  const [, tooMuch] = oversized[0] ?? [];
  expect(checkpointedStatuses(agent.callAs(session, 'e', anUpdate('t', 'TASK_KILLED', '1', tooMuch)))).toMatchObject([{ state: 'TASK_KILLED' }]);
});

test('an update that is no end and too large is refused, and one of just the size is taken', () => {
  const { agent, session } = withExecutor();
  const refused = agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', '1', { data: new Uint8Array(statusDataBytesMax + 1) }));
  expect(checkpointedStatuses(refused)).toEqual([]);
  expect(toExecutor(refused)).toMatchObject([{ kind: 'acknowledged', refusal: `Update of task "t" refused: data: current value has ${statusDataBytesMax + 1} bytes, at most ${statusDataBytesMax} are taken` }]);
  expect(shown(checkpointedStatuses(agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', '2', { data: new Uint8Array(statusDataBytesMax) }))))).toEqual(['t TASK_RUNNING']);
});

test('a call in another executor’s name, or one that could not be read, is answered by an error', () => {
  const { agent, session } = withExecutor();
  expect(toExecutor(agent.callAs(session, 'f', { kind: 'message', data: new Uint8Array(1) }))).toMatchObject([{ kind: 'error' }]);
  const unread = agent.step({ kind: 'executor-calls', session, calls: [{ ok: false, callKind: 'update', refusal: { field: 'update.status', value: 'nothing', expected: 'a status' } }] });
  expect(toExecutor(unread)).toEqual([{ kind: 'error', message: 'update: update.status: current value is nothing, expected a status' }]);
});

test('messages pass both ways, and are dropped where nobody can take them', () => {
  const { agent, session } = withExecutor();
  const data = new Uint8Array([1]);
  expect(toMaster(agent.callAs(session, 'e', { kind: 'message', data }))).toEqual([{ kind: 'framework-message', frameworkId: theFrameworkId, executorId: 'e', data }]);
  const toE = { kind: 'framework-message' as const, frameworkId: theFrameworkId, executorId: executorId('e'), data };
  expect(toExecutor(agent.say(toE))).toEqual([{ kind: 'message', data }]);
  expect(agent.say({ ...toE, frameworkId: frameworkId('M-9') })).toEqual([]);
  agent.disconnect();
  expect(agent.callAs(session, 'e', { kind: 'message', data })).toEqual([]);
});

test('a message that would not fit the agent’s own session is refused to its sender', () => {
  const { agent, session } = withExecutor();
  const effects = agent.callAs(session, 'e', { kind: 'message', data: new Uint8Array(messageDataBytesMax + 1) });
  expect(toExecutor(effects)).toEqual([{ kind: 'error', message: `message.data: current value has ${messageDataBytesMax + 1} bytes, at most ${messageDataBytesMax} are taken` }]);
  expect(toMaster(effects)).toEqual([]);
  expect(toMaster(agent.callAs(session, 'e', { kind: 'message', data: new Uint8Array(messageDataBytesMax) }))).toHaveLength(1);
});

test('a newer session replaces the older one without an error', () => {
  const { agent, session } = withExecutor();
  agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', '1'));
  const { effects } = agent.openExecutor(subscribe(agent));
  expect(effects).toContainEqual({ kind: 'close-executor', session });
  expect(toExecutor(effects, session)).toEqual([]);
});

test('tasks that come while the connection is down wait for it', () => {
  const { agent, session } = withExecutor();
  agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', '1'));
  agent.step({ kind: 'executor-closed', session, end: { kind: 'silent' } });
  expect(toExecutor(agent.say(runTask(custom('u'), aFramework(), false)))).toEqual([]);
  expect(toExecutor(agent.openExecutor(subscribe(agent)).effects)).toMatchObject([{ kind: 'subscribed' }, { kind: 'launch', task: { taskId: 'u' } }]);
});

test('a launch lost with the connection is dropped, one that arrived is kept: never run twice', () => {
  const { agent, session } = withExecutor();
  agent.say(runTask(custom('u'), aFramework(), false));
  agent.step({ kind: 'executor-closed', session, end: { kind: 'silent' } });
  const { effects } = agent.openExecutor(subscribe(agent, { unacknowledgedTasks: [custom('u')] }));
  expect(shown(statusUpdates(effects))).toEqual(['t TASK_DROPPED REASON_AGENT_RESTARTED']);
  expect(toExecutor(effects)).toMatchObject([{ kind: 'subscribed' }]);
});

test('updates resent with a subscription take the normal path, and long-ended tasks among them are waved through', () => {
  const { agent, session } = withExecutor();
  agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', '1'));
  agent.step({ kind: 'executor-closed', session, end: { kind: 'silent' } });
  const resent = [anUpdate('t', 'TASK_RUNNING', '1'), anUpdate('t', 'TASK_FINISHED', '2'), anUpdate('old', 'TASK_FINISHED', '3')];
  const { effects } = agent.openExecutor(subscribe(agent, { unacknowledgedUpdates: resent.map((call) => call.status) }));
  expect(shown(checkpointedStatuses(effects))).toEqual(['t TASK_FINISHED']);
  expect(toExecutor(effects).map((event) => event.kind)).toEqual(['acknowledged', 'acknowledged', 'acknowledged', 'subscribed']);
});

test('an executor that subscribes with nothing to do and nothing done is shut down', () => {
  const agent = new AgentHarness();
  agent.register();
  agent.launch(custom('t'));
  agent.say({ kind: 'kill-task', frameworkId: theFrameworkId, taskId: taskId('t') });
  expect(toExecutor(agent.openExecutor(subscribe(agent)).effects)).toEqual([{ kind: 'shutdown' }]);
});

test('an executor that subscribes while it is being shut down hears so, and its last words are taken', () => {
  const { agent, session } = withExecutor();
  agent.step({ kind: 'executor-closed', session, end: { kind: 'silent' } });
  agent.say({ kind: 'shutdown-executor', frameworkId: theFrameworkId, executorId: executorId('e') });
  const { session: again, effects } = agent.openExecutor(subscribe(agent));
  expect(toExecutor(effects)).toEqual([{ kind: 'shutdown' }]);
  expect(shown(statusUpdates(agent.callAs(again, 'e', anUpdate('t', 'TASK_KILLED', '1'))))).toEqual(['t TASK_KILLED']);
});

test('an executor that floods a stream while the scheduler is away is told to stop, but may still end its task', () => {
  const { agent, session } = withExecutor();
  for (let count = 0; count < 1000; count += 1) agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', `a${count}`));
  expect(toExecutor(agent.callAs(session, 'e', anUpdate('t', 'TASK_RUNNING', 'b')))).toMatchObject([{ kind: 'acknowledged', refusal: expect.stringContaining('too many updates') }]);
  expect(toExecutor(agent.callAs(session, 'e', anUpdate('t', 'TASK_FINISHED', 'c')))).toMatchObject([{ kind: 'acknowledged' }]);
});
