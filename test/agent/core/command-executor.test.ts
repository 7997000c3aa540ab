// Proves how the agent plays the executor of a command task: the states of its life, the grace of its kill (C1, C2), its completion limit.

import type { ContainerExit } from '../../../agent/core/agent-step';
import type { ContainerId } from '../../../common/model/ids';
import { Resources } from '../../../common/model/resources';
import type { KillPolicy, TaskInfo } from '../../../common/model/task';
import { aFramework, AgentHarness, aTask, checkpointedStatuses, kinds, launches, runTask, shown, theFrameworkId } from './agent-harness';

function running(change: Partial<TaskInfo> = {}, framework = aFramework()): { agent: AgentHarness; container: ContainerId; kill: (killPolicy?: KillPolicy) => ReturnType<AgentHarness['say']> } {
  const agent = new AgentHarness();
  agent.register();
  const task = aTask('t', change);
  const container = agent.launch(task, framework);
  const kill = (killPolicy?: KillPolicy) => agent.say({ kind: 'kill-task', frameworkId: theFrameworkId, taskId: task.taskId, ...(killPolicy === undefined ? {} : { killPolicy }) });
  return { agent, container, kill };
}

test('a command is STARTING when launched and RUNNING when its process is there', () => {
  const agent = new AgentHarness();
  agent.register();
  const launched = agent.say(runTask(aTask('t')));
  expect(checkpointedStatuses(launched)).toMatchObject([{ state: 'TASK_STARTING', source: 'SOURCE_EXECUTOR', executorId: 't' }]);
  const containerId = launches(launched)[0]!.containerId;
  expect(checkpointedStatuses(agent.started(containerId))).toMatchObject([{ state: 'TASK_RUNNING', source: 'SOURCE_EXECUTOR', containerStatus: { containerId, executorPid: 4711 } }]);
});

test.each<[exit: ContainerExit, update: string, message: string]>([
  [{ status: 0 }, 't TASK_FINISHED', 'Command exited with status 0'],
  [{ status: 3 }, 't TASK_FAILED', 'Command exited with status 3'],
  [{ signal: 'SIGSEGV' }, 't TASK_FAILED', 'Command terminated with signal SIGSEGV'],
  [{}, 't TASK_FAILED REASON_EXECUTOR_TERMINATED', 'Command ended unseen, its exit status is unknown'],
  [
    { signal: 'SIGKILL', limitation: { reason: 'REASON_CONTAINER_LIMITATION_MEMORY', message: 'Out of memory', resources: Resources.empty } },
    't TASK_FAILED REASON_CONTAINER_LIMITATION_MEMORY',
    'Out of memory',
  ],
])('a command that ends with %j is %s', (exit, update, message) => {
  const { agent, container } = running();
  const [status] = checkpointedStatuses(agent.ended(container, exit));
  expect(shown([status!])).toEqual([update]);
  expect(status?.message).toBe(message);
});

test('a command that could not be started has failed for that reason', () => {
  const agent = new AgentHarness();
  agent.register();
  const [spec] = launches(agent.say(runTask(aTask('t'))));
  const effects = agent.step({ kind: 'container-failed', containerId: spec!.containerId, message: 'no such file' });
  expect(checkpointedStatuses(effects)).toMatchObject([{ state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LAUNCH_FAILED', message: 'Failed to launch container: no such file' }]);
});

test('a launch that does not come to an end within the registration timeout is given up', () => {
  const agent = new AgentHarness();
  agent.register();
  const [spec] = launches(agent.say(runTask(aTask('t'))));
  const { containerId } = spec!;
  expect(agent.advance(60_000)).toContainEqual({ kind: 'destroy-container', containerId });
  const effects = agent.step({ kind: 'container-failed', containerId, message: 'destroyed' });
  expect(shown(checkpointedStatuses(effects))).toEqual(['t TASK_FAILED REASON_EXECUTOR_REGISTRATION_TIMEOUT']);
});

test('a kill is polite first, and says so to a framework that understands TASK_KILLING', () => {
  const { kill } = running();
  const effects = kill();
  expect(shown(checkpointedStatuses(effects))).toEqual(['t TASK_KILLING']);
  expect(effects).toContainEqual(expect.objectContaining({ kind: 'signal-container', signal: 'SIGTERM' }));
});

test('a framework that does not understand TASK_KILLING hears only of the end', () => {
  const { agent, container, kill } = running({}, aFramework([]));
  expect(checkpointedStatuses(kill())).toEqual([]);
  expect(shown(checkpointedStatuses(agent.ended(container, { signal: 'SIGTERM' })))).toEqual(['t TASK_KILLED']);
});

test('a killed command is KILLED even if it managed to exit with 0', () => {
  const { agent, container, kill } = running();
  kill();
  expect(checkpointedStatuses(agent.ended(container, { status: 0 }))).toMatchObject([{ state: 'TASK_KILLED', message: 'Command exited with status 0', source: 'SOURCE_EXECUTOR' }]);
});

test.each<[claim: string, call: KillPolicy | undefined, task: KillPolicy | undefined, graceMs: number]>([
  ['the call before the task', { gracePeriodMs: 7_000 }, { gracePeriodMs: 9_000 }, 7_000],
  ['the task before the default', undefined, { gracePeriodMs: 9_000 }, 9_000],
  ['a call without a period leaves it to the task', {}, { gracePeriodMs: 9_000 }, 9_000],
  ['the default last', undefined, undefined, 3_000],
])('grace of a kill: %s', (_claim, call, task, graceMs) => {
  const { agent, container, kill } = running(task === undefined ? {} : { killPolicy: task });
  kill(call);
  expect(kinds(agent.advance(graceMs - 1))).not.toContain('destroy-container');
  expect(agent.advance(1)).toContainEqual({ kind: 'destroy-container', containerId: container });
});

test.each<[claim: string, atMs: number, again: KillPolicy | undefined, destroyedAtMs: number]>([
  ['a shorter period counts from the first kill', 2_000, { gracePeriodMs: 5_000 }, 5_000],
  ['one that is over already means at once', 8_000, { gracePeriodMs: 5_000 }, 8_000],
  ['a longer one changes nothing', 2_000, { gracePeriodMs: 60_000 }, 20_000],
  ['a retry changes nothing', 2_000, undefined, 20_000],
])('a repeated kill can only shorten the grace: %s', (_claim, atMs, again, destroyedAtMs) => {
  const { agent, kill } = running();
  const firstMs = agent.nowMs;
  kill({ gracePeriodMs: 20_000 });
  agent.take();
  agent.advance(atMs);
  expect(kinds(kill(again))).not.toContain('signal-container');
  let destroyed = kinds(agent.take()).includes('destroy-container');
  while (!destroyed && agent.nowMs - firstMs < 30_000) destroyed = kinds(agent.advance(500)).includes('destroy-container');
  expect(agent.nowMs - firstMs).toBe(destroyedAtMs);
});

test('a command killed before it started was killed during launch, once nothing of it can start any more', () => {
  const agent = new AgentHarness();
  agent.register();
  const [spec] = launches(agent.say(runTask(aTask('t'))));
  const { containerId } = spec!;
  const effects = agent.say({ kind: 'kill-task', frameworkId: theFrameworkId, taskId: aTask('t').taskId });
  expect(effects).toEqual([{ kind: 'destroy-container', containerId }]);
  expect(shown(checkpointedStatuses(agent.started(containerId)))).toEqual([]);
  expect(shown(checkpointedStatuses(agent.ended(containerId, { signal: 'SIGKILL' })))).toEqual(['t TASK_KILLED REASON_TASK_KILLED_DURING_LAUNCH']);
});

test('a command that takes longer than its limit is ended without grace, and has failed', () => {
  const { agent, container } = running({ maxCompletionTimeMs: 4_000 });
  expect(agent.advance(3_999)).toEqual([]);
  expect(kinds(agent.advance(1))).toEqual(['destroy-container']);
  const [status] = checkpointedStatuses(agent.ended(container, { signal: 'SIGKILL' }));
  expect(status).toMatchObject({ state: 'TASK_FAILED', reason: 'REASON_MAX_COMPLETION_TIME_REACHED', source: 'SOURCE_EXECUTOR' });
});

test('an ended command leaves no deadline but its sandbox and its updates', () => {
  const { agent, container, kill } = running({ maxCompletionTimeMs: 4_000 });
  kill({ gracePeriodMs: 60_000 });
  agent.ended(container, { status: 0 });
  agent.disconnect();
  expect(agent.nextDeadlineMs).toBe(agent.nowMs + agent.config.sandboxRetentionMs);
});
