// Tasks: what is kept of them.
//
// Proves that a record stays small whatever its framework and executor said (T4), while the scheduler hears all of it.

import type { Framework, Agent, MasterState } from '../../../master/core/master-state';
import { textLengthMax } from '../../../master/core/cut-text';
import { addTask, noteUpdate } from '../../../master/core/tasks';
import { executorId, taskId } from '../../../common/model/ids';
import type { TaskStatus } from '../../../common/model/task-status';
import { aCommand, amounts, aTask, launch, ScriptedMaster, uuid } from './scripted-master';

const pages = 'x'.repeat(1_000_000);

function aRecord() {
  const info = aTask('t', 'm-S0', 'cpus:1', { name: pages, data: new Uint8Array(1_000), command: aCommand({ value: pages }), labels: [{ key: pages }] });
  const origin = { info, role: 'eng', resources: amounts('cpus:1'), state: 'TASK_RUNNING', executorId: executorId('t'), isCharged: true } as const;
  return addTask({} as MasterState, { tasks: new Map() } as unknown as Framework, { tasks: new Set() } as unknown as Agent, origin);
}

test('of what the framework described its record has id and name: the rest is with the agent', () => {
  const { info } = aRecord();
  expect(Object.keys(info).sort()).toEqual(['name', 'taskId']);
  expect(info.name).toHaveLength(textLengthMax);
});

test('of an update its record has what reconciliation repeats: no data, no labels, a line of the message, networks if they are few', () => {
  const task = aRecord();
  const network = (address: string) => ({ groups: [], labels: [], ipAddresses: [{ protocol: 'IPv4', ipAddress: address }], portMappings: [] }) as const;
  const status: TaskStatus = {
    taskId: taskId('t'),
    state: 'TASK_RUNNING',
    uuid: uuid(1),
    message: pages,
    data: new Uint8Array(1_000),
    healthy: true,
    labels: [{ key: 'k', value: pages }],
    limitation: { resources: amounts('mem:1') },
    containerStatus: { executorPid: 7, networkInfos: [network('10.0.0.1')] },
  };
  noteUpdate(task, status);
  expect(task.update).toEqual({
    taskId: 't',
    state: 'TASK_RUNNING',
    uuid: uuid(1),
    message: `${pages.slice(0, textLengthMax - 1)}…`,
    healthy: true,
    labels: [],
    containerStatus: { executorPid: 7, networkInfos: [network('10.0.0.1')] },
  });
  noteUpdate(task, { ...status, containerStatus: { executorPid: 7, networkInfos: [network(pages)] } });
  expect(task.update?.containerStatus).toEqual({ executorPid: 7, networkInfos: [] });
});

test('the scheduler hears the whole message, people its beginning, also once the task is over', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0'))]);
  agent.say({ kind: 'status-update', frameworkId: scheduler.frameworkId, status: { taskId: taskId('t'), state: 'TASK_FAILED', message: pages, uuid: uuid(1), labels: [] }, latestState: 'TASK_FAILED' });
  expect(scheduler.updates.at(-1)?.message).toHaveLength(pages.length);
  for (const includeCompleted of [false, true]) {
    const reply = master.ask({ kind: 'get-tasks', includeCompleted });
    expect(reply.kind === 'tasks' && reply.tasks[0]?.message).toHaveLength(textLengthMax);
    scheduler.acknowledge('t', 'm-S0', 1);
  }
});
