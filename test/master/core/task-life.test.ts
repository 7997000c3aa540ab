// The life of a task and of its offer, as everybody sees it.
//
// Proves the main path of the master's core, from registration to acknowledgement, by scripts whose trace is every word it said.

import { executorId, taskId } from '../../../common/model/ids';
import { amounts, anExecutor, anExecutorTask, aTask, launch, ScriptedMaster, uuid } from './scripted-master';

const whole = 'cpus:4;mem:4096;ports:[31000-31009]';

test('a task goes from offer to acknowledged end, and its resources are offered again at its end, not at the acknowledgement', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed();
  expect(master.trace()).toEqual(['persist put S0 admitted', 'a1 registered S0', 's2 subscribed 0000', `s2 offers O0@S0 eng [${whole}]`]);

  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0', 'cpus:4;mem:4096'))], 3600);
  expect(master.trace()).toEqual(['a1 run-task t on a new executor']);

  agent.update(scheduler.frameworkId, 't', 'TASK_RUNNING', 1);
  expect(master.trace()).toEqual(['s2 update t TASK_RUNNING executor #1']);
  scheduler.acknowledge('t', 'm-S0', 1);
  expect(master.trace()).toEqual(['a1 acknowledge-status t #1']);

  agent.update(scheduler.frameworkId, 't', 'TASK_FINISHED', 2);
  expect(master.trace()).toEqual(['s2 update t TASK_FINISHED executor #2', `s2 offers O1@S0 eng [${whole}]`]);
  scheduler.acknowledge('t', 'm-S0', 2);
  expect(master.trace()).toEqual(['a1 acknowledge-status t #2']);
  expect(master.core.gauges().tasksByState).toEqual({});
});

test('a terminal latest state frees the resources while the scheduler still sees older updates, and only the terminal acknowledgement forgets the task', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0', whole))]);
  master.skip();
  agent.update(scheduler.frameworkId, 't', 'TASK_RUNNING', 1, 'TASK_FAILED');
  expect(master.trace()).toEqual(['s2 update t TASK_RUNNING executor #1', `s2 offers O1@S0 eng [${whole}]`]);
  scheduler.acknowledge('t', 'm-S0', 1);
  scheduler.accept(['O1'], [launch(aTask('t', 'm-S0', 'cpus:1'))]);
  expect(master.trace()).toEqual(['a1 acknowledge-status t #1', 's2 update t TASK_ERROR master REASON_TASK_INVALID']);
});

test('updates reach a scheduler at most when it is there; the agent sends again, the master keeps nothing', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0'))]);
  master.skip();
  const { frameworkId } = scheduler;
  scheduler.close();
  agent.update(frameworkId, 't', 'TASK_RUNNING', 1);
  expect(master.trace()).toEqual([]);
  expect(master.core.counters.statusUpdatesDropped).toBe(1);
  master.subscribed({ id: frameworkId });
  agent.update(frameworkId, 't', 'TASK_RUNNING', 1);
  expect(master.trace()).toContain('s3 update t TASK_RUNNING executor #1');
});

test('the second task of a custom executor reuses it and is not charged for it; its exit returns what the executor had and is told as a failure', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  const executor = anExecutor('e', 'cpus:1;mem:96');
  scheduler.accept(['O0'], [launch(anExecutorTask('t1', 'm-S0', executor, 'cpus:1;mem:1000'), anExecutorTask('t2', 'm-S0', executor, 'cpus:2;mem:3000'))]);
  expect(master.trace()).toEqual(['a1 run-task t1 on a new executor', 'a1 run-task t2 on a running executor']);
  agent.update(scheduler.frameworkId, 't1', 'TASK_FINISHED', 1);
  agent.update(scheduler.frameworkId, 't2', 'TASK_FINISHED', 2);
  expect(master.trace().at(-1)).toBe('s2 offers O1@S0 eng [cpus:3;mem:4000;ports:[31000-31009]]');
  expect(scheduler.offers.at(-1)?.executorIds).toEqual(['e']);
  agent.say({ kind: 'exited-executor', frameworkId: scheduler.frameworkId, executorId: executorId('e'), status: 256 });
  expect(master.trace()).toEqual(['s2 failure S0 e 256', 's2 offers O2@S0 eng [cpus:1;mem:96]']);
  agent.say({ kind: 'exited-executor', frameworkId: scheduler.frameworkId, executorId: executorId('e'), status: 256 });
  expect(master.trace()).toEqual([]);
});

test('what is said to one session in one step leaves as one batch, in order', () => {
  const master = new ScriptedMaster();
  master.registered();
  const scheduler = master.subscribed();
  master.skip();
  const effects = master.step({
    kind: 'scheduler-calls',
    session: scheduler.session,
    calls: [
      { ok: true, value: { number: 1, call: { kind: 'kill', taskId: taskId('x') } } },
      { ok: true, value: { number: 2, call: { kind: 'kill', taskId: taskId('y') } } },
    ],
  });
  expect(effects).toHaveLength(1);
});

test('messages pass both ways between a scheduler and its executor, best effort', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(anExecutorTask('t', 'm-S0', anExecutor('e')), aTask('command', 'm-S0'))], 3_600);
  master.skip();
  scheduler.call({ kind: 'message', agentId: agent.agentId, executorId: executorId('e'), data: new Uint8Array([1]) });
  agent.say({ kind: 'framework-message', frameworkId: scheduler.frameworkId, executorId: executorId('e'), data: new Uint8Array([2]) });
  scheduler.call({ kind: 'shutdown', agentId: agent.agentId, executorId: executorId('e') });
  scheduler.call({ kind: 'shutdown', agentId: agent.agentId, executorId: executorId('command') });
  expect(master.trace()).toEqual(['a1 framework-message e', 's2 message e', 'a1 shutdown-executor e', 'a1 shutdown-executor command']);
  agent.close();
  master.skip();
  scheduler.call({ kind: 'message', agentId: agent.agentId, executorId: executorId('e'), data: new Uint8Array([1]) });
  expect(master.trace()).toEqual([]);
  expect(master.core.counters.frameworkMessagesDropped).toBe(1);
});

test('each update is acknowledged to its agent once, however often the scheduler says so; one that came again is acknowledged again', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0'))], 3_600);
  agent.update(scheduler.frameworkId, 't', 'TASK_RUNNING', 1);
  master.skip();
  const acknowledge = (number: number) => ({ kind: 'acknowledge', agentId: agent.agentId, taskId: taskId('t'), uuid: uuid(number) }) as const;
  scheduler.call(acknowledge(9), acknowledge(1), acknowledge(1));
  scheduler.call(acknowledge(1));
  expect(master.trace()).toEqual(['a1 acknowledge-status t #1']);
  agent.update(scheduler.frameworkId, 't', 'TASK_RUNNING', 1);
  scheduler.call(acknowledge(1));
  agent.update(scheduler.frameworkId, 't', 'TASK_FINISHED', 2);
  scheduler.call(acknowledge(2), acknowledge(2));
  agent.update(scheduler.frameworkId, 't', 'TASK_FINISHED', 2); // On its way when the acknowledgement was said.
  scheduler.call(acknowledge(2), acknowledge(2));
  expect(master.trace().filter((line) => line.includes('acknowledge'))).toEqual(['a1 acknowledge-status t #1', 'a1 acknowledge-status t #2', 'a1 acknowledge-status t #2']);
  expect(master.core.counters.acknowledgementsInvalid).toBe(5);
});

test('a task without any update is killed at its launch deadline, again as long as the agent is silent, and not once it has spoken', () => {
  const master = new ScriptedMaster('m', [], { launchTimeoutMs: 60_000, offerTimeoutMs: Infinity });
  const agent = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('silent', 'm-S0', 'cpus:2;mem:2048'), aTask('spoken', 'm-S0', 'cpus:2;mem:2048;ports:[31000-31009]'))]);
  agent.update(scheduler.frameworkId, 'spoken', 'TASK_STARTING', 1);
  master.skip(59_000);
  expect(master.trace(2_000)).toEqual(['a1 kill-task silent']);
  expect(master.trace(60_000)).toEqual(['a1 kill-task silent']);
  agent.update(scheduler.frameworkId, 'silent', 'TASK_KILLED', 2);
  expect(master.trace(120_000)).toContain('s2 update silent TASK_KILLED executor #2');
  expect(master.core.counters.launchesTimedOut).toBe(2);
});

test('an operator sees the same figures as the books: total, offered, allocated', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0', 'cpus:1;mem:96'))]);
  agent.update(scheduler.frameworkId, 't', 'TASK_RUNNING', 1);
  master.skip(3_000);
  const reply = master.ask({ kind: 'get-agents' });
  if (reply.kind !== 'agents') throw new Error(reply.kind);
  const [summary] = reply.agents;
  expect(summary?.allocated.unallocated().equals(amounts('cpus:1;mem:96'))).toBe(true);
  expect(summary?.offered.unallocated().equals(amounts('cpus:3;mem:4000;ports:[31000-31009]'))).toBe(true);
  expect(master.ask({ kind: 'get-tasks', includeCompleted: false })).toMatchObject({ kind: 'tasks', tasks: [{ id: 't', state: 'TASK_RUNNING', hostname: 'pi', role: 'eng' }] });
});
