// A hostile framework: it changes nothing for anybody else, and is told what was wrong.
//
// Proves the checks at the door of the core: order of a session, whose offers, tasks, executors and updates a call may touch.

import { messageDataBytesMax } from '../../../common/model/message-size';
import { executorId, frameworkId, taskId } from '../../../common/model/ids';
import type { SchedulerCall } from '../../../common/model/scheduler-protocol';
import { openingTimeoutMs } from '../../../master/core/master-state';
import { aFramework, anExecutor, anExecutorTask, launch, ScriptedMaster, uuid } from './scripted-master';

/** A victim with a running task on a custom executor, and a hostile framework, which has been told all the ids. */
function scene() {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const victim = master.subscribed({ name: 'victim' });
  master.skip();
  victim.accept(['O0'], [launch(anExecutorTask('t', 'm-S0', anExecutor('e')))]);
  agent.update(victim.frameworkId, 't', 'TASK_RUNNING', 1);
  const hostile = master.subscribed({ name: 'hostile', roles: ['evil'] });
  master.skip(0);
  return { master, agent, victim, hostile };
}

const everyCall: readonly Exclude<SchedulerCall, { kind: 'subscribe' }>[] = [
  { kind: 'teardown' },
  { kind: 'accept', offerIds: [], operations: [], filters: { refuseSeconds: 5 } },
  { kind: 'decline', offerIds: [], filters: { refuseSeconds: 5 } },
  { kind: 'revive', roles: [] },
  { kind: 'suppress', roles: [] },
  { kind: 'kill', taskId: taskId('t') },
  { kind: 'shutdown', executorId: executorId('e'), agentId: 'm-S0' as never },
  { kind: 'acknowledge', agentId: 'm-S0' as never, taskId: taskId('t'), uuid: uuid(1) },
  { kind: 'reconcile', tasks: [] },
  { kind: 'message', agentId: 'm-S0' as never, executorId: executorId('e'), data: new Uint8Array() },
  { kind: 'request', requests: [] },
  { kind: 'update-framework', frameworkInfo: aFramework(), suppressedRoles: [], offerConstraints: new Map() },
];

test.each(everyCall.map((call) => [call.kind, call] as const))('%s before SUBSCRIBE is refused, and the session goes on', (kind, call) => {
  const { master } = scene();
  const session = master.scheduler();
  session.call(call);
  expect(session.events).toEqual([{ kind: 'refused', number: 1, callKind: kind, refusal: expect.objectContaining({ field: 'type', expected: 'SUBSCRIBE as the first call of a session' }) as unknown }]);
  session.subscribe({ name: 'late' });
  expect(session.events.at(-1)?.kind).toBe('subscribed');
});

test.each(everyCall.map((call) => [call.kind, call] as const))("%s in another framework's name is refused, and that framework is untouched", (_kind, call) => {
  const { master, victim, hostile } = scene();
  master.step({ kind: 'scheduler-calls', session: hostile.session, calls: [{ ok: true, value: { number: 7, frameworkId: victim.frameworkId, call } }] });
  expect(master.trace(0)).toEqual([`s3 refused ${call.kind} framework_id`]);
});

test('it cannot kill, acknowledge, shut down or speak to what is not its own: the agent hears nothing of it', () => {
  const { master, agent, hostile } = scene();
  hostile.call({ kind: 'kill', taskId: taskId('t'), agentId: agent.agentId });
  hostile.call({ kind: 'shutdown', executorId: executorId('e'), agentId: agent.agentId });
  hostile.call({ kind: 'acknowledge', agentId: agent.agentId, taskId: taskId('t'), uuid: uuid(1) });
  hostile.call({ kind: 'message', agentId: agent.agentId, executorId: executorId('e'), data: new Uint8Array() });
  expect(master.trace(0)).toEqual(['s3 update t TASK_GONE master REASON_RECONCILIATION']);
});

test('orders repeated in one frame reach the agent once, a kill with the shortest grace period named', () => {
  const { master, agent, victim } = scene();
  const orders: readonly SchedulerCall[] = [
    { kind: 'shutdown', executorId: executorId('e'), agentId: agent.agentId },
    { kind: 'kill', taskId: taskId('t'), killPolicy: { gracePeriodMs: 20_000 } },
    { kind: 'kill', taskId: taskId('t'), killPolicy: { gracePeriodMs: 5_000 } },
    { kind: 'kill', taskId: taskId('t') },
    { kind: 'acknowledge', agentId: agent.agentId, taskId: taskId('t'), uuid: uuid(1) },
    { kind: 'update-framework', frameworkInfo: aFramework({ id: victim.frameworkId, name: 'renamed' }), suppressedRoles: [], offerConstraints: new Map() },
  ];
  victim.call(...Array.from({ length: 100 }, () => orders).flat());
  expect(master.trace(0)).toEqual(['a1 shutdown-executor e', 'a1 acknowledge-status t #1', 'a1 update-framework renamed', 'a1 kill-task t within 5000']);
  // So it is with further frames, as long as a moment lasts.
  const heard = (afterMs: number): readonly string[] => master.trace(afterMs).filter((line) => line.startsWith('a1'));
  for (let frame = 0; frame < 100; frame++) victim.call(...orders, { kind: 'kill', taskId: taskId('t'), killPolicy: { gracePeriodMs: 4_000 - frame } });
  expect(heard(0)).toEqual([]);
  expect(heard(300)).toEqual(['a1 kill-task t within 3901']);
  victim.call(...orders);
  expect(heard(0)).toEqual(['a1 shutdown-executor e']);
  expect(heard(300)).toEqual(['a1 kill-task t within 5000']);
  expect(heard(10_000)).toEqual([]);
});

test('a kill that waits for its moment is forgotten with its task, and with its framework', () => {
  for (const end of ['task', 'framework'] as const) {
    const { master, agent, victim } = scene();
    victim.call({ kind: 'kill', taskId: taskId('t') });
    victim.call({ kind: 'kill', taskId: taskId('t') });
    if (end === 'task') {
      agent.update(victim.frameworkId, 't', 'TASK_KILLED', 7);
      victim.acknowledge('t', agent.agentId, 7);
    } else {
      victim.call({ kind: 'teardown' });
    }
    master.trace(0);
    expect(master.trace(240).filter((line) => line.includes('kill-task'))).toEqual([]);
    expect(master.trace(10_000).filter((line) => line.includes('kill-task'))).toEqual([]);
  }
});

test('messages of one frame to one agent have a bound in bytes, and one that no link would carry is refused', () => {
  const { master, agent, victim } = scene();
  const message = (bytes: number) => ({ kind: 'message', agentId: agent.agentId, executorId: executorId('e'), data: new Uint8Array(bytes) }) as const;
  victim.call(message(messageDataBytesMax + 1));
  expect(master.trace(0)).toEqual(['s2 refused message message.data']);
  victim.call(...Array.from({ length: 8 }, () => message(messageDataBytesMax)));
  expect(master.trace(0)).toEqual(Array.from({ length: 7 }, () => 'a1 framework-message e'));
  expect(master.core.counters.frameworkMessagesDropped).toBe(1);
  const call = { ok: true, value: { number: 1, call: message(0) } } as const;
  master.step({ kind: 'scheduler-calls', session: victim.session, calls: Array.from({ length: 200_000 }, () => call) });
  const bytes = 32 + 3 * (victim.frameworkId.length + 1);
  expect(master.trace(0)).toHaveLength(Math.floor((8 * 1024 * 1024) / bytes));
});

test('a second SUBSCRIBE in one session is refused, and a malformed one ends an unsubscribed session', () => {
  const { master, hostile } = scene();
  hostile.subscribe();
  expect(master.trace(0)).toEqual(['s3 refused subscribe type']);
  const refusal = { field: 'subscribe.framework_info.user', value: 'nothing', expected: 'a text' };
  const fresh = master.scheduler();
  master.step({ kind: 'scheduler-calls', session: fresh.session, calls: [{ ok: false, number: 1, callKind: 'subscribe', refusal }] });
  expect(master.trace(0)).toEqual(['s4 error subscribe.framework_info.user: current value is nothing, expected a text', 's4 closed']);
});

test('a session that never subscribes or registers is ended with the reason, so that idle connections do not pile up; one that did is left alone', () => {
  const master = new ScriptedMaster();
  const known = master.subscribed();
  master.scheduler();
  master.agent();
  master.trace(openingTimeoutMs - 1);
  expect(master.trace(1)).toEqual([
    's2 error The first call, SUBSCRIBE, did not come within 30000 ms',
    's2 closed',
    expect.stringMatching(/^a3 registration-refused/) as unknown,
    'a3 closed',
  ]);
  known.subscribe();
  expect(master.trace(0)).toEqual(['s1 refused subscribe type']);
});

test('a malformed call is refused in its own words, and the calls after it are carried out', () => {
  const { master, hostile } = scene();
  const refusal = { field: 'kill.task_id', value: '""', expected: 'a non-empty id' };
  master.step({
    kind: 'scheduler-calls',
    session: hostile.session,
    calls: [
      { ok: false, number: 5, callKind: 'KILL', refusal },
      { ok: true, value: { number: 6, call: { kind: 'kill', taskId: taskId('x') } } },
    ],
  });
  expect(hostile.events.slice(-2)).toMatchObject([{ kind: 'refused', number: 5, callKind: 'KILL', refusal }, { kind: 'update' }]);
  expect(master.core.counters.schedulerCallsRefused).toBe(1);
});

test.each<[claim: string, call: SchedulerCall, field: string]>([
  ['a role that is not its own', { kind: 'suppress', roles: ['evil', 'eng'] }, 's3 refused suppress suppress.roles[1]'],
  ['reviving a role that is not its own', { kind: 'revive', roles: ['eng'] }, 's3 refused revive revive.roles[0]'],
  ['a uuid that is none', { kind: 'acknowledge', agentId: 'm-S0' as never, taskId: taskId('t'), uuid: 'xyz' }, 's3 refused acknowledge acknowledge.uuid'],
])('%s is refused by name', (_claim, call, line) => {
  const { master, hostile } = scene();
  hostile.call(call);
  expect(master.trace(0)).toEqual([line]);
});

test('an acknowledgement to an agent that is away, or before any update, is dropped and counted', () => {
  const { master, agent, victim } = scene();
  victim.accept(victim.offers.slice(-1).map(({ id }) => id.slice(2)), []);
  agent.close();
  victim.acknowledge('t', 'm-S0', 1);
  victim.acknowledge('t', 'm-S9', 1);
  expect(master.core.counters.acknowledgementsInvalid).toBe(2);
});

test('an agent speaks only for its own tasks, and only in states that are its to report', () => {
  const { master, victim } = scene();
  const other = master.registered({ hostname: 'other' });
  master.skip(0);
  other.update(victim.frameworkId, 't', 'TASK_FINISHED', 9);
  other.update(victim.frameworkId, 'u', 'TASK_UNREACHABLE', 10);
  other.say({ kind: 'status-update', frameworkId: frameworkId('nobody'), status: { taskId: taskId('t'), state: 'TASK_RUNNING', labels: [] }, latestState: 'TASK_RUNNING' });
  expect(master.trace(0)).toEqual(['a4 acknowledge-status t #9', 'a4 shutdown-framework nobody']);
  expect(master.core.counters.statusUpdatesInvalid).toBe(3);
  victim.call({ kind: 'reconcile', tasks: [] });
  expect(master.trace(0)).toEqual(['s2 update t TASK_RUNNING master REASON_RECONCILIATION']);
});

test('calls after its own TEARDOWN in one batch go unheard', () => {
  const { master, hostile } = scene();
  hostile.call({ kind: 'teardown' }, { kind: 'kill', taskId: taskId('t') }, { kind: 'teardown' });
  expect(master.trace(0)).toEqual(['s3 closed']);
});
