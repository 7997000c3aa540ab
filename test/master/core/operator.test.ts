// Operator: every question gets one answer.
//
// Proves weights (durable before the reply, known to the next leader), kills by task id, and questions relayed to agents.

import { executorId, frameworkId, taskId } from '../../../common/model/ids';
import type { TaskSummary } from '../../../common/model/operator-protocol';
import { newMasterCounters } from '../../../master/core/master-counters';
import type { MasterState } from '../../../master/core/master-state';
import { onOperatorCall } from '../../../master/core/operator';
import { Outgoing } from '../../../master/core/outgoing';
import { Ring } from '../../../master/core/ring';
import { aTask, launch, ScriptedMaster } from './scripted-master';

function withTask() {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0'))]);
  agent.update(scheduler.frameworkId, 't', 'TASK_RUNNING', 1);
  master.skip(2_000);
  return { master, agent, scheduler };
}

const read = { kind: 'read-sandbox', taskId: taskId('t'), stream: 'stdout', offset: 0, lengthMax: 1e9 } as const;

test('a weight is durable before its reply, is shown, and is known to the next leader; weight 1 is no fact', () => {
  const master = new ScriptedMaster();
  master.operator({ kind: 'set-weight', role: 'eng', weight: 2.5 });
  expect(master.trace()).toEqual(['persist put weight eng=2.5', 'op1 done']);
  const next = new ScriptedMaster('n', [{ kind: 'weight', role: 'eng', weight: 2.5 }]);
  next.subscribed();
  expect(next.ask({ kind: 'get-roles' })).toMatchObject({ roles: expect.arrayContaining([expect.objectContaining({ role: 'eng', weight: 2.5 })]) as unknown });
  next.operator({ kind: 'set-weight', role: 'eng', weight: 1 });
  expect(next.trace()).toContain('persist delete weight eng');
});

test('a weight for a role that is longer than a fact may be is refused, and nothing is written', () => {
  const master = new ScriptedMaster();
  expect(master.ask({ kind: 'set-weight', role: 'e'.repeat(70_000), weight: 2 })).toMatchObject({ kind: 'refused', refusal: { field: 'role' } });
  expect(master.changes).toEqual([]);
});

test.each([
  ['role', '/', 1],
  ['weight', 'eng', 0],
  ['weight', 'eng', -1],
  ['weight', 'eng', NaN],
  ['weight', 'eng', Infinity],
])('a bad %s is refused and nothing is written (%s, %d)', (field, role, weight) => {
  const master = new ScriptedMaster();
  expect(master.ask({ kind: 'set-weight', role, weight })).toMatchObject({ kind: 'refused', refusal: { field } });
  expect(master.changes).toEqual([]);
});

test('a task is killed by its id, unless that is unknown or ambiguous', () => {
  const { master, scheduler } = withTask();
  expect(master.ask({ kind: 'kill-task', taskId: taskId('t') })).toEqual({ kind: 'done' });
  expect(master.trace(0)).toEqual(['a1 kill-task t', 'op1 done']);
  expect(master.ask({ kind: 'kill-task', taskId: taskId('x') })).toMatchObject({ refusal: { field: 'task_id' } });
  expect(master.ask({ kind: 'kill-task', taskId: taskId('t'), frameworkId: frameworkId('x') })).toMatchObject({ refusal: { field: 'task_id' } });
  const other = master.subscribed({ name: 'other' });
  scheduler.call({ kind: 'suppress', roles: [] });
  scheduler.decline(scheduler.offers.map(({ id }) => id.slice(2)), 3_600);
  master.skip(2_000);
  other.accept([other.offers.at(-1)?.id.slice(2) ?? ''], [launch(aTask('t', 'm-S0'))]);
  expect(master.ask({ kind: 'kill-task', taskId: taskId('t') })).toMatchObject({ refusal: { field: 'framework_id', expected: expect.stringContaining('m-0000, m-0001') as string } });
  expect(master.ask({ kind: 'kill-task', taskId: taskId('t'), frameworkId: other.frameworkId })).toEqual({ kind: 'done' });
});

test('a sandbox is read through its agent, at most 262144 bytes at a time', () => {
  const { master, agent } = withTask();
  const request = master.operator(read);
  expect(master.trace(0)).toEqual(['a1 read-sandbox t stdout 0+262144']);
  const data = new Uint8Array([104, 105]);
  agent.say({ kind: 'sandbox-chunk', request: 0, outcome: { ok: true, offset: 0, data, size: 2, ended: false } });
  expect(master.replies.get(request)).toEqual({ kind: 'sandbox-chunk', offset: 0, data, size: 2, ended: false });
  agent.say({ kind: 'sandbox-chunk', request: 0, outcome: { ok: false, message: 'again' } });
  expect(master.trace(60_000)).toEqual([`op${request} sandbox-chunk`]);
});

test('a sandbox can be read after its task completed, and after its framework did', () => {
  const { master, agent, scheduler } = withTask();
  agent.update(scheduler.frameworkId, 't', 'TASK_FINISHED', 2);
  scheduler.acknowledge('t', 'm-S0', 2);
  master.skip(0);
  master.operator(read);
  expect(master.trace(0)).toEqual(['a1 read-sandbox t stdout 0+262144']);
  scheduler.call({ kind: 'teardown' });
  master.skip(0);
  master.operator(read);
  expect(master.trace(0)).toEqual(['a1 read-sandbox t stdout 0+262144']);
});

test('an agent that is silent, goes away, fails or is away already is no reason to wait', () => {
  const { master, agent } = withTask();
  const other = master.registered({ hostname: 'other' });
  const silent = master.operator(read);
  other.say({ kind: 'sandbox-chunk', request: 0, outcome: { ok: false, message: 'not mine to answer' } });
  master.skip(9_999);
  expect(master.replies.get(silent)).toBeUndefined();
  master.skip(2);
  expect(master.replies.get(silent)).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('within 10000 ms') as string });
  const failed = master.operator(read);
  agent.say({ kind: 'sandbox-chunk', request: 1, outcome: { ok: false, message: 'no such file' } });
  expect(master.replies.get(failed)).toEqual({ kind: 'unavailable', message: 'no such file' });
  const cut = master.operator(read);
  agent.close();
  expect(master.replies.get(cut)).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('disconnected') as string });
  expect(master.ask(read)).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('is disconnected') as string });
});

test.each([
  ['offset', { ...read, offset: 0.5 }],
  ['length_max', { ...read, lengthMax: 0 }],
  ['task_id', { ...read, taskId: taskId('x') }],
])('a question with a bad %s is refused', (field, call) => {
  expect(withTask().master.ask(call)).toMatchObject({ kind: 'refused', refusal: { field } });
});

test('questions beyond the bound are turned away, and an answered one makes room', () => {
  const { master, agent } = withTask();
  for (let count = 0; count < 1_000; count += 1) master.operator(read);
  expect(master.ask(read)).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('try again later') as string });
  agent.say({ kind: 'sandbox-chunk', request: 500, outcome: { ok: false, message: 'no' } });
  expect(master.replies.get(master.operator(read))).toBeUndefined();
});

test('the master introduces itself, and knows a task by all that people ask for', () => {
  const { master } = withTask();
  expect(master.ask({ kind: 'get-master' })).toMatchObject({ kind: 'master', registry: 'memory', agentCount: 1, frameworkCount: 1 });
  expect(master.ask({ kind: 'get-tasks', frameworkId: frameworkId('x'), includeCompleted: true })).toEqual({ kind: 'tasks', tasks: [], omittedCount: 0 });
  expect(master.ask({ kind: 'get-tasks', includeCompleted: false })).toMatchObject({ tasks: [{ executorId: executorId('t'), frameworkName: 'batch', source: 'SOURCE_EXECUTOR' }] });
});

test('completed tasks are shown, also when a ring of them is longer than the arguments of a call may be', () => {
  const completedTasks = new Ring<TaskSummary>(200_000);
  for (let count = 0; count < 200_000; count += 1) completedTasks.push({} as TaskSummary);
  const ofFramework = { tasks: new Map(), unreachableTasks: new Map(), completedTasks };
  const outgoing = new Outgoing();
  const state = { counters: newMasterCounters(), outgoing, frameworks: new Map([['a', ofFramework]]), completedFrameworks: new Map([['b', { completedTasks }]]) };
  onOperatorCall(state as unknown as MasterState, 1, { kind: 'get-tasks', includeCompleted: true });
  expect(outgoing.take()).toMatchObject([{ kind: 'reply-operator', reply: { kind: 'tasks' } }]);
});
