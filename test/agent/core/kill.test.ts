// Proves the table of what a KILL finds at the agent (reference, scheduler section 13.2), row by row.

import { frameworkId, taskId, type FrameworkId } from '../../../common/model/ids';
import { aFramework, AgentHarness, anExecutor, aTask, checkpointedStatuses, runTask, shown, theFrameworkId, toExecutor } from './agent-harness';

const custom = (id: string) => aTask(id, { executor: anExecutor() });

function subscribeE(agent: AgentHarness): number {
  return agent.openExecutor({ kind: 'subscribe', token: agent.token(), unacknowledgedTasks: [], unacknowledgedUpdates: [] }).session;
}

interface Row {
  readonly situation: string;
  readonly before: (agent: AgentHarness) => void;
  readonly framework?: FrameworkId;
  readonly updates: readonly string[];
  readonly events: readonly string[];
}

test.each<Row>([
  { situation: 'framework unknown', before: () => undefined, framework: frameworkId('M-9'), updates: [], events: [] },
  {
    situation: 'framework terminating',
    before: (agent) => {
      agent.launch(custom('t'));
      subscribeE(agent);
      agent.say({ kind: 'shutdown-framework', frameworkId: theFrameworkId });
    },
    updates: [],
    events: [],
  },
  {
    situation: 'executor not yet registered',
    before: (agent) => agent.launch(custom('t')),
    updates: ['t TASK_KILLED REASON_TASK_KILLED_DURING_LAUNCH'],
    events: [],
  },
  {
    situation: 'executor connected, task delivered',
    before: (agent) => {
      agent.launch(custom('t'));
      subscribeE(agent);
    },
    updates: [],
    events: ['kill'],
  },
  {
    situation: 'executor away, task queued meanwhile: killed without it, and it stays for its other task',
    before: (agent) => {
      agent.launch(custom('first'));
      agent.step({ kind: 'executor-closed', session: subscribeE(agent), end: { kind: 'silent' } });
      agent.say(runTask(custom('t'), aFramework(), false));
    },
    updates: ['t TASK_KILLED REASON_TASK_KILLED_DURING_LAUNCH'],
    events: [],
  },
  {
    situation: 'executor terminating',
    before: (agent) => {
      agent.launch(custom('t'));
      subscribeE(agent);
      agent.say({ kind: 'shutdown-executor', frameworkId: theFrameworkId, executorId: anExecutor().executorId });
    },
    updates: [],
    events: [],
  },
  {
    situation: 'task ended, its end not yet acknowledged',
    before: (agent) => {
      const container = agent.launch(aTask('t'));
      agent.ended(container, { status: 0 });
    },
    updates: [],
    events: [],
  },
  {
    situation: 'task unknown',
    before: (agent) => agent.launch(aTask('another')),
    updates: ['t TASK_DROPPED REASON_EXECUTOR_TERMINATED'],
    events: [],
  },
  {
    situation: 'agent on its way out',
    before: (agent) => {
      agent.launch(custom('t'));
      subscribeE(agent);
      agent.step({ kind: 'stop', mode: 'end-tasks' });
    },
    updates: [],
    events: [],
  },
])('a kill when: $situation', ({ before, framework = theFrameworkId, updates, events }) => {
  const agent = new AgentHarness();
  agent.register();
  before(agent);
  const effects = agent.say({ kind: 'kill-task', frameworkId: framework, taskId: taskId('t') });
  expect(shown(checkpointedStatuses(effects))).toEqual(updates);
  expect(toExecutor(effects).map((event) => event.kind)).toEqual(events);
});

test('the policy of the call reaches the executor, and a kill lost with the connection is said again', () => {
  const agent = new AgentHarness();
  agent.register();
  agent.launch(custom('t'));
  const session = subscribeE(agent);
  agent.callAs(session, 'e', { kind: 'update', status: { taskId: taskId('t'), state: 'TASK_RUNNING', uuid: '1'.repeat(32), labels: [] } });
  const effects = agent.say({ kind: 'kill-task', frameworkId: theFrameworkId, taskId: taskId('t'), killPolicy: { gracePeriodMs: 1 } });
  const kill = { kind: 'kill', taskId: 't', killPolicy: { gracePeriodMs: 1 } };
  expect(toExecutor(effects)).toEqual([kill]);
  const again = agent.openExecutor({ kind: 'subscribe', token: agent.token(), unacknowledgedTasks: [], unacknowledgedUpdates: [] });
  expect(toExecutor(again.effects)).toMatchObject([{ kind: 'subscribed' }, kill]);
});
