// Agents: admission, absence, return, and a change of leader.
//
// Proves that the registry knows first, that a task is never given up without its framework hearing so, and that whatever an agent brings
// back is tracked, corrected or shut down.

import type { AgentMessage, TaskReport } from '../../../common/model/agent-protocol';
import { agentId, executorId, frameworkId, taskId } from '../../../common/model/ids';
import type { RegistryFact } from '../../../master/core/master-step';
import { aFramework, amounts, anAgentInfo, anExecutor, anExecutorTask, aTask, launch, ScriptedMaster, uuid } from './scripted-master';
import { agentCountMax } from '../../../master/core/master-state';

const whole = '[cpus:4;mem:4096;ports:[31000-31009]]';

function withRunningTask(capabilities: ('MULTI_ROLE' | 'PARTITION_AWARE')[] = ['MULTI_ROLE', 'PARTITION_AWARE']) {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed({ capabilities });
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0', 'cpus:4;mem:4096;ports:[31000-31009]'))]);
  agent.update(scheduler.frameworkId, 't', 'TASK_RUNNING', 1);
  master.skip(2_000);
  const report: TaskReport = { ...agent.launched()[0]!, state: 'TASK_RUNNING', unacknowledged: { state: 'TASK_RUNNING', uuid: uuid(1) } };
  return { master, agent, scheduler, id: scheduler.frameworkId, report, framework: aFramework({ id: scheduler.frameworkId, capabilities }) };
}

test.each([
  ['TASK_UNREACHABLE', ['MULTI_ROLE', 'PARTITION_AWARE'] as const],
  ['TASK_LOST', ['MULTI_ROLE'] as const],
])('an agent that stays away is unreachable: in the registry first, then its tasks are %s, then every framework hears of the failure', (told, capabilities) => {
  const { master, agent, scheduler } = withRunningTask([...capabilities]);
  master.subscribed({ name: 'bystander' });
  master.skip(0);
  agent.close();
  expect(master.trace(74_999)).toEqual([]);
  expect(master.trace(2)).toEqual(['persist put S0 unreachable', `s2 update t ${told} master REASON_AGENT_REMOVED`, 's2 failure S0', 's3 failure S0']);
  expect(scheduler.updates.at(-1)?.unreachableTimeMs).toBeGreaterThan(0);
  expect(master.ask({ kind: 'get-agents' })).toMatchObject({ agents: [{ id: 'm-S0', state: 'unreachable' }] });
});

test('an unreachable agent returns with its tasks: reachable in the registry first, tracked and charged again, nothing killed', () => {
  const { master, agent, id, report, framework } = withRunningTask();
  agent.close();
  master.skip(80_000);
  const back = master.agent();
  back.reregister('m-S0', { tasks: [report], frameworks: [framework] });
  expect(master.trace(2_000)).toEqual(['persist put S0 admitted', 's2 update t TASK_RUNNING master REASON_AGENT_REREGISTERED', 'a3 reregistered S0', 'a3 update-framework batch']);
  back.update(id, 't', 'TASK_FINISHED', 2);
  expect(master.trace()).toEqual(['s2 update t TASK_FINISHED executor #2', `s2 offers O1@S0 eng ${whole}`]);
});

test('an unreachable agent that returns without a task answers for it, so that the task does not stay unreachable beside a live agent', () => {
  const { master, agent, scheduler, id, framework } = withRunningTask();
  agent.close();
  master.skip(80_000);
  const back = master.agent();
  back.reregister('m-S0', { tasks: [], frameworks: [framework] });
  expect(back.messages[0]).toMatchObject({ kind: 'reregistered', missingTasks: [{ frameworkId: id, taskId: 't' }] });
  master.skip(10);
  // While the answer is on its way a question is not answered by a guess that may contradict it.
  scheduler.call({ kind: 'reconcile', tasks: [{ taskId: taskId('t'), agentId: agentId('m-S0') }] });
  expect(scheduler.updates.at(-1)?.state).toBe('TASK_UNREACHABLE');
  back.update(id, 't', 'TASK_DROPPED', 2);
  expect(scheduler.updates.at(-1)).toMatchObject({ state: 'TASK_DROPPED', uuid: uuid(2) });
  expect(master.ask({ kind: 'get-tasks', includeCompleted: true })).toMatchObject({ tasks: [{ id: 't', state: 'TASK_DROPPED' }] });
});

test('an agent that returns without its tasks answers for its own alone, and not for those that were forgotten meanwhile', () => {
  const master = new ScriptedMaster('m', [], { unreachableTaskCountMax: 2 });
  const agents = ['one', 'other'].map((hostname) => master.registered({ hostname }));
  const scheduler = master.subscribed();
  master.skip();
  for (const { id, agentId: at } of [...scheduler.offers]) scheduler.accept([id.slice(2)], [launch(aTask(`${at} a`, at), aTask(`${at} b`, at))], 3_600);
  for (const agent of agents) {
    agent.close();
    master.skip(80_000);
  }
  master.agent().reregister('m-S0', { frameworks: [aFramework({ id: scheduler.frameworkId })] });
  master.agent().reregister('m-S1', { frameworks: [aFramework({ id: scheduler.frameworkId })] });
  const missing = master.trace(0).filter((line) => line.includes(' reregistered '));
  expect(missing).toEqual(['a4 reregistered S0', 'a5 reregistered S1 missing S1 a missing S1 b']);
});

test('an agent that returns in time keeps everything, and the registry is left alone', () => {
  const { master, agent, report, framework } = withRunningTask();
  agent.close();
  master.skip(30_000);
  master.agent().reregister('m-S0', { tasks: [report], frameworks: [framework] });
  expect(master.trace(200_000)).toEqual(['a3 reregistered S0', 'a3 update-framework batch']);
});

test('a second session of an agent replaces the first, whose silence was not noticed yet', () => {
  const { master, report, framework } = withRunningTask();
  master.agent().reregister('m-S0', { tasks: [report], frameworks: [framework] });
  expect(master.trace(100_000)).toEqual(['a1 closed', 'a3 reregistered S0', 'a3 update-framework batch']);
});

test('a second machine under the id of one that is at work is refused for good, and changes nothing', () => {
  const { master } = withRunningTask();
  master.agent().reregister('m-S0', { info: anAgentInfo({ hostname: 'copy' }) });
  expect(master.trace(100_000)).toEqual(['a3 registration-refused for good', 'a3 closed']);
});

test('a task that the returning agent does not have is named as missing, frees its resources at once, and stays until the agent ends it', () => {
  const { master, agent, scheduler, id } = withRunningTask();
  agent.close();
  const back = master.agent();
  back.reregister('m-S0');
  expect(master.trace()).toEqual(['a3 reregistered S0 missing t']);
  expect(master.trace(1_500)).toEqual([`s2 offers O1@S0 eng ${whole}`]);
  back.update(id, 't', 'TASK_DROPPED', 5);
  scheduler.acknowledge('t', 'm-S0', 5);
  expect(master.trace(0)).toEqual(['s2 update t TASK_DROPPED executor #5', 'a3 acknowledge-status t #5']);
  scheduler.call({ kind: 'reconcile', tasks: [] });
  expect(master.trace(0)).toEqual([]);
});

test('an agent that says precisely what became of a task is translated for a framework that knows only TASK_LOST', () => {
  const { master, agent, id } = withRunningTask(['MULTI_ROLE']);
  agent.update(id, 't', 'TASK_DROPPED', 5);
  expect(master.trace(0)).toEqual(['s2 update t TASK_LOST executor #5']);
});

test('a kill that the agent was away for is repeated when it returns with the task', () => {
  const { master, agent, scheduler, report, framework } = withRunningTask();
  agent.close();
  scheduler.call({ kind: 'kill', taskId: report.task.taskId, killPolicy: { gracePeriodMs: 7 } });
  expect(master.trace(0)).toEqual([]);
  master.agent().reregister('m-S0', { tasks: [report], frameworks: [framework] });
  expect(master.trace(0)).toEqual(['a3 reregistered S0', 'a3 kill-task t', 'a3 update-framework batch']);
});

test('a framework that was torn down while the agent was away is shut down there, and nothing of it is tracked', () => {
  const { master, agent, scheduler, report, framework } = withRunningTask();
  agent.close();
  scheduler.call({ kind: 'teardown' });
  master.skip();
  master.agent().reregister('m-S0', { tasks: [report], frameworks: [framework] });
  expect(master.trace(5_000)).toEqual(['a3 reregistered S0', 'a3 shutdown-framework 0000']);
  expect(master.core.gauges().tasksByState).toEqual({});
});

test('an executor that is gone when the agent returns gives its resources back', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(anExecutorTask('t', 'm-S0', anExecutor('e', 'cpus:1;mem:96'), 'cpus:3;mem:4000;ports:[31000-31009]'))]);
  agent.update(scheduler.frameworkId, 't', 'TASK_FINISHED', 1);
  scheduler.acknowledge('t', 'm-S0', 1);
  master.skip();
  agent.close();
  master.agent().reregister('m-S0', { frameworks: [aFramework({ id: scheduler.frameworkId })] });
  expect(master.trace(1_500).at(-1)).toBe(`s2 offers O2@S0 eng ${whole}`);
});

test('an agent that unregisters is deleted, and its tasks are lost for every kind of framework', () => {
  const { master, agent } = withRunningTask();
  agent.say({ kind: 'unregister' });
  expect(master.trace(100_000)).toEqual(['persist delete S0', 's2 update t TASK_LOST master REASON_AGENT_REMOVED', 's2 failure S0', 'a1 closed']);
});

const admitted = (id: string): RegistryFact => ({ kind: 'agent', agentId: agentId(id), info: anAgentInfo({ id: agentId(id) }), version: '1', state: 'admitted' });

test('a new leader adopts what a re-registering agent brings; the framework finds its task, and is offered what is really free', () => {
  const { report, framework } = withRunningTask();
  const next = new ScriptedMaster('n', [admitted('m-S0')]);
  next.agent().reregister('m-S0', { tasks: [{ ...report, task: aTask('t', 'm-S0', 'cpus:1;mem:96') }], frameworks: [framework] });
  expect(next.trace()).toEqual(['a1 reregistered m-S0']);
  expect(next.ask({ kind: 'get-frameworks' })).toMatchObject({ frameworks: [{ id: 'm-0000', state: 'recovered', taskCount: 1 }] });
  const scheduler = next.subscribed({ id: frameworkId('m-0000') });
  scheduler.call({ kind: 'reconcile', tasks: [] });
  expect(next.trace()).toEqual([
    'op1 frameworks',
    's2 subscribed m-0000',
    'a1 update-framework batch',
    's2 update t TASK_RUNNING master REASON_RECONCILIATION',
    's2 offers O0@m-S0 eng [cpus:3;mem:4000;ports:[31000-31009]]',
  ]);
  scheduler.acknowledge('t', 'm-S0', 1);
  expect(next.trace()).toEqual(['a1 acknowledge-status t #1']);
});

test('an agent that the new leader waits for in vain is unreachable after the re-registration timeout', () => {
  const next = new ScriptedMaster('n', [admitted('m-S0'), admitted('m-S1')]);
  next.subscribed({ roles: [] });
  next.agent().reregister('m-S1');
  next.skip();
  expect(next.trace(600_000)).toEqual(['persist put m-S0 unreachable', 's1 failure m-S0']);
});

test('a framework that only agents know is waited for, but not for ever: no orphans', () => {
  const { report, framework } = withRunningTask();
  const next = new ScriptedMaster('n', [admitted('m-S0')]);
  next.agent().reregister('m-S0', { tasks: [report], frameworks: [{ ...framework, failoverTimeoutMs: 0 }] });
  expect(next.trace(599_000)).toEqual(['a1 reregistered m-S0']);
  expect(next.trace(2_000)).toEqual(['a1 shutdown-framework m-0000']);
});

test('an agent that no registry knows is re-admitted', () => {
  const master = new ScriptedMaster();
  master.agent().reregister('old-S7');
  expect(master.trace()).toEqual(['persist put old-S7 admitted', 'a1 reregistered old-S7']);
});

test('a run forgotten while its agent was away does not become a second task of that id: killed, its updates end here, its resources are not offered before its end', () => {
  const { id, report, framework } = withRunningTask();
  const forgetful = new ScriptedMaster('n'); // Knows nothing of the first run.
  const first = forgetful.registered();
  const again = forgetful.subscribed({ id });
  forgetful.skip();
  again.accept(['O0'], [launch(aTask('t', first.agentId))]);
  const returning = forgetful.agent();
  returning.reregister('m-S0', { tasks: [report], frameworks: [framework] });
  returning.update(id, 't', 'TASK_RUNNING', 7);
  expect(forgetful.trace(0)).toEqual([
    'a1 run-task t on a new executor',
    'persist put m-S0 admitted',
    'a3 reregistered m-S0',
    'a3 kill-task t',
    'a3 update-framework batch',
    'a3 acknowledge-status t #7',
  ]);
  expect(forgetful.trace(2_000).filter((line) => line.includes('m-S0'))).toEqual([]);
  returning.update(id, 't', 'TASK_KILLED', 8);
  expect(forgetful.trace()).toEqual(['a3 acknowledge-status t #8', `s2 offers O2@m-S0 eng ${whole}`]);
});

const running = (over: Partial<TaskReport> = {}): TaskReport => ({
  frameworkId: frameworkId('f'),
  task: aTask('t', 'x-S0', 'cpus:3'),
  executorId: executorId('t'),
  state: 'TASK_RUNNING',
  ...over,
});

test.each<[claim: string, over: Partial<Extract<AgentMessage, { kind: 'reregister' }>>]>([
  ['tasks that use more than it has', { tasks: [running(), running({ task: aTask('u', 'x-S0', 'cpus:3') })] }],
  ['two tasks on the same ports', { tasks: [running({ task: aTask('t', 'x-S0', 'ports:[31000-31001]') }), running({ task: aTask('u', 'x-S0', 'ports:[31001-31002]') })] }],
  ['an executor that is too large', { executors: [{ frameworkId: frameworkId('f'), executor: anExecutor('e', 'cpus:9') }] }],
  ['a state that is not an agent\'s to report', { tasks: [running({ state: 'TASK_UNREACHABLE' })] }],
  ['a malformed framework', { frameworks: [aFramework({ id: frameworkId('f'), roles: ['/'] })] }],
  ['a malformed id', { agentId: '../x' as never }],
  ['no hostname', { info: anAgentInfo({ hostname: '' }) }],
])('a report with %s is refused whole', (_claim, over) => {
  const master = new ScriptedMaster();
  master.agent().reregister('x-S0', { frameworks: [aFramework({ id: frameworkId('f') })], ...over });
  // What it says of its machine it will say again; its tasks may be others by then.
  expect(master.trace(2_000)).toEqual([`a1 registration-refused${over.info === undefined ? '' : ' for good'}`, 'a1 closed']);
  expect(master.core.gauges()).toMatchObject({ agentsByState: { active: 0 }, frameworksByState: { recovered: 0 } });
});

test('a known task is held against what it was given, whatever its agent says it uses', () => {
  const { master, agent, report, framework } = withRunningTask();
  agent.close();
  master.agent().reregister('m-S0', { tasks: [{ ...report, task: aTask('t', 'm-S0', 'cpus:0.1') }, running({ frameworkId: framework.id!, task: aTask('u', 'm-S0', 'cpus:3') })], frameworks: [framework] });
  expect(master.trace(0)).toEqual(['a3 registration-refused', 'a3 closed']);
});

test('a task of a framework nobody described is not tracked, and is shut down', () => {
  const master = new ScriptedMaster();
  master.agent().reregister('x-S0', { tasks: [running()] });
  expect(master.trace()).toEqual(['persist put x-S0 admitted', 'a1 reregistered x-S0', 'a1 shutdown-framework f']);
});

test('a session that does not begin with a registration is closed', () => {
  const master = new ScriptedMaster();
  master.agent().say({ kind: 'pong' });
  expect(master.trace()).toEqual(['a1 registration-refused', 'a1 closed']);
});

test('an agent that brings more than before is offered with it, and the registry learns of it first', () => {
  const { master, agent, report, framework } = withRunningTask();
  agent.close();
  master.skip(0);
  const info = anAgentInfo({ resources: amounts('cpus:6;mem:8192;ports:[31000-31009]') });
  master.agent().reregister('m-S0', { info, tasks: [report], frameworks: [framework] });
  expect(master.trace()).toEqual(['persist put S0 admitted', 'a3 reregistered S0', 'a3 update-framework batch', 's2 offers O1@S0 eng [cpus:2;mem:4096]']);
});

test('an agent that has been unreachable for two weeks is forgotten, in the registry first, and is admitted like a stranger when it returns', () => {
  const weeksMs = 14 * 24 * 3_600_000;
  const wallMs = new ScriptedMaster().wallOffsetMs + 1_000;
  const since = (id: string, sinceMs: number): RegistryFact => ({ ...admitted(id), state: 'unreachable', unreachableSinceMs: sinceMs }) as RegistryFact;
  const master = new ScriptedMaster('n', [since('m-S1', wallMs - weeksMs + 900_000), since('m-S0', wallMs - weeksMs), since('m-S2', wallMs)]);
  expect(master.trace(899_999)).toEqual([]);
  expect(master.trace(1)).toEqual(['persist delete m-S0']);
  expect(master.trace(900_000)).toEqual(['persist delete m-S1']);
  expect(master.ask({ kind: 'get-agents' })).toMatchObject({ agents: [{ id: 'm-S2' }] });
  master.skip(0);
  master.agent().reregister('m-S0');
  expect(master.trace()).toEqual(['persist put m-S0 admitted', 'a1 reregistered m-S0']);
});

test('of many that come of age together a thousand are forgotten in a step, and the others at once after it', () => {
  const old = Array.from({ length: 2_500 }, (_, index): RegistryFact => ({ ...admitted(`m-S${index}`), state: 'unreachable', unreachableSinceMs: 0 }) as RegistryFact);
  const master = new ScriptedMaster('n', old);
  master.nowMs += 900_000;
  const counts = [1, 2, 3].map(() => {
    const effects = master.step({ kind: 'time-advanced' });
    master.nowMs = master.core.nextDeadlineMs();
    return effects.flatMap((effect) => (effect.kind === 'persist' ? [effect.changes.length] : []));
  });
  expect(counts.flat()).toEqual([1_000, 1_000, 500]);
});

test('many agents given up at once are one write and, for each framework, one batch', () => {
  const master = new ScriptedMaster('n', Array.from({ length: 20 }, (_, index) => admitted(`m-S${index}`)));
  master.subscribed();
  master.advance(599_999);
  master.nowMs += 10;
  const effects = master.step({ kind: 'time-advanced' });
  expect(effects.filter((effect) => effect.kind !== 'log').map((effect) => effect.kind)).toEqual(['persist', 'send-scheduler']);
});

test('an agent beyond the bound is refused for now, with an id or without, and nothing is written for it; one that is known returns', () => {
  const master = new ScriptedMaster();
  for (let count = 0; count < agentCountMax; count += 1) master.registered();
  master.skip(0);
  const { length } = master.changes;
  master.registered();
  master.agent().reregister('x-S0');
  const refused = (session: number): string[] => [`a${session} registration-refused`, `a${session} closed`];
  expect(master.trace(0)).toEqual([...refused(agentCountMax + 1), ...refused(agentCountMax + 2)]);
  master.agent().reregister('m-S0');
  expect(master.trace(0)).toEqual(['a1 closed', `a${agentCountMax + 3} reregistered S0`]);
  expect(master.changes).toHaveLength(length);
});

test('an id that a machine made up is not given to another one, neither while it is there nor while it is unreachable', () => {
  const master = new ScriptedMaster();
  const maker = master.agent();
  maker.reregister('m-S0', { info: anAgentInfo({ hostname: 'evil' }) });
  const gone = master.agent();
  gone.reregister('m-S2', { info: anAgentInfo({ hostname: 'gone' }) });
  gone.close();
  master.skip(80_000);
  expect([master.registered().agentId, master.registered().agentId]).toEqual(['m-S1', 'm-S3']);
  maker.close();
  master.skip(80_000);
  expect(master.core.gauges().agentsByState).toMatchObject({ active: 2, unreachable: 2 });
});

test('nothing of a new agent is offered before it has answered under its id, so an id that it never heard of holds no task', () => {
  const master = new ScriptedMaster();
  master.subscribed();
  const unheard = master.agent();
  unheard.say({ kind: 'register', info: anAgentInfo(), version: '1' });
  expect(master.trace(10_000).filter((line) => line.includes('offers'))).toEqual([]);
  unheard.close();
  const again = master.agent();
  again.say({ kind: 'register', info: anAgentInfo(), version: '1' });
  master.skip();
  again.say({ kind: 'pong' });
  expect(master.trace().filter((line) => line.includes('offers'))).toEqual([expect.stringContaining('@S1')]);
  again.say({ kind: 'pong' }, { kind: 'pong' });
  expect(master.trace(0)).toEqual([]);
});

test.each<[field: string, over: Parameters<typeof anAgentInfo>[0], version?: string]>([
  ['agent_info.attributes', { attributes: Array.from({ length: 3_000 }, (_, index) => ({ kind: 'text', name: `label-${index}`, text: 'of some length' })) }],
  ['agent_info.hostname', { hostname: 'h'.repeat(70_000) }],
  ['agent_info.resources', { resources: amounts(`ports:[${Array.from({ length: 10_000 }, (_, index) => `${2 * index}-${2 * index}`).join(',')}]`) }],
  ['version', {}, 'v'.repeat(70_000)],
])('an agent whose %s would make too long a fact is refused for good, by name, before the registry is asked; also when it comes back', (field, over, version = '0') => {
  const master = new ScriptedMaster();
  const refusal = { kind: 'registration-refused', permanent: true, message: expect.stringMatching(new RegExp(`^${field}: current value is "\\d+ bytes"`)) };
  const agent = master.agent();
  agent.say({ kind: 'register', info: anAgentInfo(over), version });
  expect(agent.messages).toEqual([refusal]);
  const known = master.registered();
  known.close();
  const back = master.agent();
  master.skip();
  back.say({ kind: 'reregister', agentId: agentId('m-S0'), info: anAgentInfo(over), version, frameworks: [], executors: [], tasks: [] });
  expect(back.messages).toEqual([refusal]);
  expect(master.trace().filter((line) => line.startsWith('persist'))).toEqual([]);
});
