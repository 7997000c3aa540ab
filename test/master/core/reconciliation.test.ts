// Reconciliation and kills: the truth about tasks, and the end of them.
//
// Proves the table of answers (reference, section 12), the silent cases included, and that a KILL is sent on, answered or ignored as its
// table says (13.1).

import { agentId, taskId, type AgentId } from '../../../common/model/ids';
import type { RegistryFact } from '../../../master/core/master-step';
import { anAgentInfo, aTask, launch, ScriptedMaster } from './scripted-master';

const recovered: RegistryFact = { kind: 'agent', agentId: agentId('old-S0'), info: anAgentInfo(), version: '1', state: 'admitted' };

/** `running` on S0, `ended` there too but unacknowledged, `away` on the unreachable S1; with `isRecovering`, old-S0 is still awaited. */
function cluster(isAware: boolean, isRecovering: boolean) {
  const master = new ScriptedMaster('m', isRecovering ? [recovered] : []);
  const home = master.registered();
  const away = master.registered({ hostname: 'away' });
  const scheduler = master.subscribed({ capabilities: isAware ? ['MULTI_ROLE', 'PARTITION_AWARE'] : ['MULTI_ROLE'] });
  master.skip();
  for (const offer of [...scheduler.offers]) {
    const tasks = offer.agentId === home.agentId ? [aTask('running', offer.agentId), aTask('ended', offer.agentId), aTask('staging', offer.agentId)] : [aTask('away', offer.agentId)];
    scheduler.accept([offer.id.slice(2)], [launch(...tasks)], 3_600);
  }
  home.update(scheduler.frameworkId, 'running', 'TASK_RUNNING', 1);
  home.update(scheduler.frameworkId, 'ended', 'TASK_FAILED', 2);
  away.close();
  master.skip(80_000);
  return { master, home, scheduler };
}

const question = (id: string, agent?: string) => ({ taskId: taskId(id), ...(agent === undefined ? {} : { agentId: agentId(agent) satisfies AgentId }) });

test.each<[situation: string, id: string, agent: string | undefined, aware: string | undefined, other: string | undefined, isRecovering?: boolean]>([
  ['a running task', 'running', 'm-S0', 'TASK_RUNNING', 'TASK_RUNNING'],
  ['a running task, asked without agent', 'running', undefined, 'TASK_RUNNING', 'TASK_RUNNING'],
  ['a running task, asked with a wrong agent', 'running', 'm-S9', 'TASK_RUNNING', 'TASK_RUNNING'],
  ['a running task, while another agent is awaited', 'running', undefined, 'TASK_RUNNING', 'TASK_RUNNING', true],
  ['a task that was just launched', 'staging', 'm-S0', 'TASK_STAGING', 'TASK_STAGING'],
  ['a task that ended and is not acknowledged', 'ended', 'm-S0', 'TASK_FAILED', 'TASK_FAILED'],
  ['an unknown task on an agent that is here', 'x', 'm-S0', 'TASK_GONE', 'TASK_LOST'],
  ['an unknown task on an unreachable agent', 'x', 'm-S1', 'TASK_UNREACHABLE', 'TASK_LOST'],
  ['an unreachable task', 'away', 'm-S1', 'TASK_UNREACHABLE', 'TASK_LOST'],
  ['an unreachable task, asked without agent', 'away', undefined, 'TASK_UNREACHABLE', 'TASK_LOST'],
  ['an unknown task on an unknown agent', 'x', 'm-S9', 'TASK_UNKNOWN', 'TASK_LOST'],
  ['an unknown task, asked without agent', 'x', undefined, 'TASK_UNKNOWN', 'TASK_LOST'],
  ['an unknown task on an agent that is awaited', 'x', 'old-S0', undefined, undefined, true],
  ['an unknown task, asked without agent while one is awaited', 'x', undefined, undefined, undefined, true],
  ['an unknown task on an unknown agent while one is awaited', 'x', 'm-S9', 'TASK_UNKNOWN', 'TASK_LOST', true],
])('explicit: %s', (_situation, id, agent, aware, other, isRecovering = false) => {
  for (const [isAware, expected] of [[true, aware] as const, [false, other] as const]) {
    const { master, scheduler } = cluster(isAware, isRecovering);
    scheduler.call({ kind: 'reconcile', tasks: [question(id, agent)] });
    expect(master.trace(0)).toEqual(expected === undefined ? [] : [`s3 update ${id} ${expected} master REASON_RECONCILIATION`]);
    if (expected === undefined) continue;
    expect(scheduler.updates.at(-1)?.unreachableTimeMs !== undefined).toBe(aware === 'TASK_UNREACHABLE');
    // KILL of what is not tracked is the same question.
    if (aware === 'TASK_RUNNING' || aware === 'TASK_STAGING' || aware === 'TASK_FAILED') continue;
    scheduler.call({ kind: 'kill', ...question(id, agent) });
    expect(master.trace(0)).toEqual([`s3 update ${id} ${expected} master REASON_RECONCILIATION`]);
  }
});

test('implicit: one answer for each task tracked, none for the unreachable and the completed', () => {
  const { master, scheduler } = cluster(true, false);
  scheduler.call({ kind: 'reconcile', tasks: [] });
  const answers = ['running TASK_RUNNING', 'ended TASK_FAILED', 'staging TASK_STAGING'].map((answer) => `s3 update ${answer} master REASON_RECONCILIATION`);
  expect(master.trace(0)).toEqual(answers);
  scheduler.acknowledge('ended', 'm-S0', 2);
  scheduler.call({ kind: 'reconcile', tasks: [] });
  expect(master.trace(0)).toEqual(['a1 acknowledge-status ended #2', answers[0], answers[2]]);
});

test('an answer repeats the state that was passed on, not the newer one whose update is still to come', () => {
  const { master, home, scheduler } = cluster(true, false);
  home.update(scheduler.frameworkId, 'staging', 'TASK_RUNNING', 3, 'TASK_FINISHED');
  master.skip(0);
  scheduler.call({ kind: 'reconcile', tasks: [question('staging')] });
  expect(master.trace(0)).toEqual(['s3 update staging TASK_RUNNING master REASON_RECONCILIATION']);
});

test('asking for more than the bound is refused', () => {
  const { master, scheduler } = cluster(true, false);
  scheduler.call({ kind: 'reconcile', tasks: Array.from({ length: 10_001 }, () => question('x')) });
  expect(master.trace(0)).toEqual(['s3 refused reconcile reconcile.tasks']);
});

test('all is told once, however often one frame asks, so that a small frame does not fill the memory; a later frame is answered again', () => {
  const { scheduler } = cluster(true, false);
  const { length } = scheduler.updates;
  for (const frame of [1, 2]) {
    scheduler.call(...Array.from({ length: 1_000 }, () => ({ kind: 'reconcile', tasks: [] }) as const));
    expect(scheduler.updates).toHaveLength(length + 3 * frame);
  }
  scheduler.call({ kind: 'reconcile', tasks: [] }, { kind: 'teardown' });
  expect(scheduler.updates).toHaveLength(length + 6);
});

test('a frame asks about so many tasks at most, by RECONCILE or by KILL of what is unknown; what goes beyond is refused with the bound', () => {
  const { scheduler } = cluster(true, false);
  const { length } = scheduler.updates;
  const full = { kind: 'reconcile', tasks: Array.from({ length: 10_000 }, () => question('x', 'm-S0')) } as const;
  const kill = { kind: 'kill', ...question('x', 'm-S0') } as const;
  scheduler.call(kill, ...Array.from({ length: 10 }, () => full), kill);
  expect(scheduler.updates).toHaveLength(length + 90_002);
  expect(scheduler.events.at(-2)).toMatchObject({
    kind: 'refused',
    refusal: { field: 'reconcile.tasks', value: '10000', expected: 'at most 100000 tasks asked about in one frame of calls, of which 90001 are asked already' },
  });
  scheduler.call(...Array.from({ length: 10 }, () => full), kill);
  expect(scheduler.events.at(-1)).toMatchObject({ kind: 'refused', callKind: 'kill', refusal: { field: 'kill.task_id' } });
  scheduler.call(kill);
  expect(scheduler.events.at(-1)?.kind).toBe('update');
});

test.each<[claim: string, agent: string | undefined, gracePeriodMs: number | undefined, trace: string[]]>([
  ['goes to the agent', 'm-S0', undefined, ['a1 kill-task running']],
  ['goes to the agent with its policy', undefined, 30_000, ['a1 kill-task running within 30000']],
  ['for another agent is ignored', 'm-S1', undefined, []],
  ['with a negative grace period is refused', undefined, -1, ['s3 refused kill kill.kill_policy.grace_period']],
  ['with a grace period that is no number is refused', undefined, NaN, ['s3 refused kill kill.kill_policy.grace_period']],
])('a KILL of a running task %s, as often as it is said', (_claim, agent, gracePeriodMs, trace) => {
  const { master, scheduler } = cluster(true, false);
  for (let count = 0; count < 2; count += 1) {
    scheduler.call({ kind: 'kill', ...question('running', agent), ...(gracePeriodMs === undefined ? {} : { killPolicy: { gracePeriodMs } }) });
    expect(master.trace(0)).toEqual(trace);
    master.skip(300);
  }
});
