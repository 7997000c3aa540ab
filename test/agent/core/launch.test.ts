// Proves what becomes of a task that the master hands over: what is durable before what (L1), what is refused, and what the container is given.

import { taskId } from '../../../common/model/ids';
import type { TaskInfo } from '../../../common/model/task';
import { aCommand, aFramework, AgentHarness, anExecutor, aTask, kinds, launches, records, runTask, shown, statusUpdates, toMaster, checkpointedStatuses } from './agent-harness';

function registered(): AgentHarness {
  const agent = new AgentHarness();
  agent.register();
  return agent;
}

test('framework, executor and task are durable before the container is asked for', () => {
  const effects = registered().say(runTask(aTask('t', { executor: anExecutor() })));
  expect(kinds(effects)).toEqual(['checkpoint', 'launch-container']);
  expect(records(effects).map((record) => record.kind)).toEqual(['framework', 'executor', 'task']);
});

test('a custom executor gets its identity, its secret and the socket; what the command sets wins', () => {
  const agent = registered();
  const environment = [
    { name: 'GREETING', type: 'VALUE' as const, value: 'hello' },
    { name: 'MESOS_CHECKPOINT', type: 'VALUE' as const, value: '0' },
    { name: 'SECRET', type: 'SECRET' as const, secret: { type: 'VALUE' as const, value: { data: new TextEncoder().encode('s3') } } },
  ];
  const executor = anExecutor('e', { command: aCommand({ environment }), shutdownGracePeriodMs: 90_000 });
  const [spec] = launches(agent.say(runTask(aTask('t', { executor }))));
  expect(Object.fromEntries(spec?.environment ?? [])).toEqual({
    ALLOT_AGENT_SOCKET: '/run/allot.sock',
    ALLOT_EXECUTOR_ID: 'e',
    ALLOT_EXECUTOR_TOKEN: agent.token(),
    ALLOT_FRAMEWORK_ID: 'M-0000',
    GREETING: 'hello',
    MESOS_AGENT_ENDPOINT: 'pi:0',
    MESOS_CHECKPOINT: '0',
    MESOS_EXECUTOR_ID: 'e',
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: '90secs',
    MESOS_FRAMEWORK_ID: 'M-0000',
    MESOS_HTTP_COMMAND_EXECUTOR: '0',
    MESOS_RECOVERY_TIMEOUT: '15mins',
    MESOS_SLAVE_ID: 'M-S1',
    MESOS_SLAVE_PID: 'slave(1)@pi:0',
    MESOS_SUBSCRIPTION_BACKOFF_MAX: '2secs',
    SECRET: 's3',
  });
  expect(spec).toMatchObject({ user: 'pi', executorId: 'e' });
  expect(spec?.resources.scalar('cpus')).toBe(1000);
});

test('a command task is given no secret, because it has nobody to show it to', () => {
  const [spec] = launches(registered().say(runTask(aTask('t', { command: aCommand({ user: 'nobody' }) }))));
  expect(spec?.environment.has('ALLOT_EXECUTOR_TOKEN')).toBe(false);
  expect(spec).toMatchObject({ executorId: 't', user: 'nobody', command: { value: 'sleep 1' } });
});

interface Refused {
  readonly claim: string;
  readonly before: (agent: AgentHarness) => void;
  readonly task: TaskInfo;
  readonly launchExecutor: boolean;
  readonly update: string;
  readonly others: readonly string[];
}

const custom = (id: string): TaskInfo => aTask(id, { executor: anExecutor() });

test.each<Refused>([
  {
    claim: 'needs an executor that is gone',
    before: () => undefined,
    task: custom('t'),
    launchExecutor: false,
    update: 't TASK_DROPPED REASON_EXECUTOR_TERMINATED',
    others: [],
  },
  {
    claim: 'should start an executor that already runs: the master does not know it, so it is shut down too',
    before: (agent) => agent.launch(custom('first')),
    task: custom('t'),
    launchExecutor: true,
    update: 't TASK_DROPPED REASON_EXECUTOR_TERMINATED',
    others: ['exited-executor'],
  },
  {
    claim: 'needs an executor on its way out',
    before: (agent) => {
      agent.launch(custom('first'));
      agent.say({ kind: 'shutdown-executor', frameworkId: aFramework().id!, executorId: anExecutor().executorId });
    },
    task: custom('t'),
    launchExecutor: false,
    update: 't TASK_DROPPED REASON_EXECUTOR_TERMINATED',
    others: [],
  },
  {
    claim: 'is a command whose id is that of a running executor',
    before: (agent) => agent.launch(aTask('first', { executor: anExecutor('t') })),
    task: aTask('t'),
    launchExecutor: true,
    update: 't TASK_DROPPED REASON_TASK_INVALID',
    others: [],
  },
  {
    claim: 'names a secret that the agent cannot look up',
    before: () => undefined,
    task: aTask('t', { command: aCommand({ environment: [{ name: 'KEY', type: 'SECRET', secret: { type: 'REFERENCE', reference: { name: 'vault' } } }] }) }),
    launchExecutor: true,
    update: 't TASK_ERROR REASON_TASK_INVALID',
    others: [],
  },
])('a task is not launched but reported when it $claim', ({ before, task, launchExecutor, update, others }) => {
  const agent = registered();
  before(agent);
  const effects = agent.say(runTask(task, aFramework(), launchExecutor));
  expect(launches(effects)).toEqual([]);
  expect(shown(statusUpdates(effects))).toEqual([update]);
  expect(toMaster(effects).map((message) => message.kind)).toEqual(['status-update', ...others]);
});

test('a task dropped at launch is told to a framework without PARTITION_AWARE as TASK_LOST', () => {
  expect(shown(statusUpdates(registered().say(runTask(custom('t'), aFramework([]), false))))).toEqual(['t TASK_LOST REASON_EXECUTOR_TERMINATED']);
});

test('a task id that is known is not launched again, and its own updates go on undisturbed', () => {
  const agent = registered();
  agent.launch(aTask('t'));
  expect(agent.say(runTask(aTask('t')))).toEqual([]);
  const dropped = agent.say(runTask(custom('u'), aFramework(), false));
  expect(agent.say(runTask(custom('u'), aFramework(), true))).toEqual([]);
  agent.acknowledge(dropped);
  expect(launches(agent.say(runTask(custom('u'), aFramework(), true)))).toHaveLength(1);
});

test('tasks for an executor that has not subscribed wait for it, and share its container', () => {
  const agent = registered();
  expect(launches(agent.say(runTask(custom('a')), runTask(custom('b'), aFramework(), false)))).toHaveLength(1);
  const { effects } = agent.openExecutor({ kind: 'subscribe', token: agent.token(), unacknowledgedTasks: [], unacknowledgedUpdates: [] });
  expect(effects).toMatchObject([{ kind: 'send-executor', events: [{ kind: 'subscribed' }, { kind: 'launch', task: { taskId: taskId('a') } }, { kind: 'launch', task: { taskId: taskId('b') } }] }]);
});

test('a framework on its way out gets no more launches, and no updates about them', () => {
  const agent = registered();
  agent.launch(custom('t'));
  agent.say({ kind: 'shutdown-framework', frameworkId: aFramework().id! });
  expect(agent.say(runTask(aTask('u')))).toEqual([]);
});

const bareContainer = { type: 'MESOS', volumes: [], networkInfos: [] } as const;
const anyCheck = { delayMs: 0, intervalMs: 1, timeoutMs: 1 };

test.each<[name: string, task: TaskInfo]>([
  ['task.limits', aTask('t', { limits: new Map([['cpus', 2_000]]) })],
  ['task.health_check', aTask('t', { healthCheck: { ...anyCheck, gracePeriodMs: 0, consecutiveFailures: 3 } })],
  ['task.check', aTask('t', { check: anyCheck })],
  ['task.container.docker', aTask('t', { container: { ...bareContainer, type: 'DOCKER' } })],
  ['task.container.mesos.image', aTask('t', { container: { ...bareContainer, mesos: { image: { type: 'DOCKER', cached: true } } } })],
  ['task.container.volumes', aTask('t', { container: { ...bareContainer, volumes: [{ containerPath: 'data', mode: 'RW' }] } })],
  ['task.executor.container.network_infos', aTask('t', { executor: anExecutor('e', { container: { ...bareContainer, networkInfos: [{ groups: [], labels: [], ipAddresses: [], portMappings: [] }] } }) })],
])('what this agent would have to ignore it refuses by name: %s', (name, task) => {
  const effects = registered().say(runTask(task));
  expect(launches(effects)).toEqual([]);
  expect(checkpointedStatuses(effects)).toMatchObject([{ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID', message: `This agent cannot do what ${name} asks for` }]);
});

test('checks of tasks under a custom executor are that executor’s business, and an empty container asks for nothing', () => {
  const task = aTask('t', { healthCheck: { ...anyCheck, gracePeriodMs: 0, consecutiveFailures: 3 }, executor: anExecutor('e', { container: bareContainer }) });
  expect(launches(registered().say(runTask(task)))).toHaveLength(1);
});
