// Proves what the end of an executor means for its tasks (reference, scheduler section 13.4), and how executors, frameworks and the agent are ended.

import type { ContainerExit } from '../../../agent/core/agent-step';
import { describeExit, waitStatus } from '../../../agent/core/container-exit';
import type { ContainerId } from '../../../common/model/ids';
import { Resources } from '../../../common/model/resources';
import type { ExecutorInfo } from '../../../common/model/task';
import { aFramework, AgentHarness, anExecutor, anUpdate, aTask, checkpointedStatuses, kinds, launches, records, runTask, shown, statusUpdates, theFrameworkId, toExecutor, toMaster } from './agent-harness';

function withExecutor(change: Partial<ExecutorInfo> = {}, framework = aFramework()): { agent: AgentHarness; container: ContainerId; session: number } {
  const agent = new AgentHarness();
  agent.register();
  const container = agent.launch(aTask('t', { executor: anExecutor('e', change) }), framework);
  const { session } = agent.openExecutor({ kind: 'subscribe', token: agent.token(), unacknowledgedTasks: [], unacknowledgedUpdates: [] });
  return { agent, container, session };
}

const shutdownE = { kind: 'shutdown-executor' as const, frameworkId: theFrameworkId, executorId: anExecutor().executorId };

test.each<[exit: ContainerExit, update: string, message: string, status: number]>([
  [{ status: 3 }, 't TASK_FAILED REASON_EXECUTOR_TERMINATED', 'Executor terminated; exited with status 3', 768],
  [{ signal: 'SIGKILL' }, 't TASK_FAILED REASON_EXECUTOR_TERMINATED', 'Executor terminated; terminated with signal SIGKILL', 9],
  [{}, 't TASK_FAILED REASON_EXECUTOR_TERMINATED', 'Executor terminated', -1],
  [
    { signal: 'SIGKILL', limitation: { reason: 'REASON_CONTAINER_LIMITATION_MEMORY', message: 'Out of memory', resources: Resources.empty } },
    't TASK_FAILED REASON_CONTAINER_LIMITATION_MEMORY',
    'Out of memory',
    9,
  ],
])('an executor that ends with %j ends its tasks as %s', (exit, update, message, status) => {
  const { agent, container, session } = withExecutor();
  const effects = agent.ended(container, exit);
  expect(shown(checkpointedStatuses(effects))).toEqual([update]);
  expect(checkpointedStatuses(effects)[0]).toMatchObject({ message, source: 'SOURCE_AGENT' });
  expect(toMaster(effects)).toContainEqual({ kind: 'exited-executor', frameworkId: theFrameworkId, executorId: 'e', status });
  expect(effects).toContainEqual({ kind: 'close-executor', session });
  expect(records(effects).map((record) => record.kind)).toEqual(['update', 'executor-ended']);
});

test.each<[exit: ContainerExit, status: number, text: string | undefined]>([
  [{ status: 0 }, 0, 'exited with status 0'],
  [{ status: 255 }, 65_280, 'exited with status 255'],
  [{ signal: 'SIGTERM' }, 15, 'terminated with signal SIGTERM'],
  [{ signal: 'SIGNEW' }, -1, 'terminated with signal SIGNEW'],
  [{}, -1, undefined],
])('the end %j is wait status %d', (exit, status, text) => {
  expect(waitStatus(exit)).toBe(status);
  expect(describeExit(exit)).toBe(text);
});

test('a container that could not be started fails all tasks that waited for it', () => {
  const agent = new AgentHarness();
  agent.register();
  const executor = anExecutor();
  const [spec] = launches(agent.say(runTask(aTask('a', { executor })), runTask(aTask('b', { executor }), aFramework(), false)));
  const effects = agent.step({ kind: 'container-failed', containerId: spec!.containerId, message: 'no such URI' });
  expect(shown(checkpointedStatuses(effects))).toEqual(['a TASK_FAILED REASON_CONTAINER_LAUNCH_FAILED', 'b TASK_FAILED REASON_CONTAINER_LAUNCH_FAILED']);
});

test('an executor that does not subscribe in time is ended, and its tasks have failed for that reason', () => {
  const agent = new AgentHarness();
  agent.register();
  const container = agent.launch(aTask('t', { executor: anExecutor() }));
  agent.disconnect();
  expect(agent.advance(59_999)).toEqual([]);
  expect(agent.advance(1)).toEqual([{ kind: 'destroy-container', containerId: container }]);
  expect(shown(checkpointedStatuses(agent.ended(container, { signal: 'SIGKILL' })))).toEqual(['t TASK_FAILED REASON_EXECUTOR_REGISTRATION_TIMEOUT']);
});

test.each<[claim: string, change: Partial<ExecutorInfo>, graceMs: number]>([
  ['the agent’s default', {}, 5_000],
  ['the executor’s own', { shutdownGracePeriodMs: 400 }, 400],
])('a shutdown is polite for a grace period: %s', (_claim, change, graceMs) => {
  const { agent, container } = withExecutor(change);
  expect(toExecutor(agent.say(shutdownE))).toEqual([{ kind: 'shutdown' }]);
  expect(agent.say(shutdownE)).toEqual([]);
  expect(agent.advance(graceMs - 1)).toEqual([]);
  expect(agent.advance(1)).toEqual([{ kind: 'destroy-container', containerId: container }]);
  expect(shown(checkpointedStatuses(agent.ended(container, { signal: 'SIGKILL' })))).toEqual(['t TASK_FAILED REASON_EXECUTOR_TERMINATED']);
});

test('a framework that is shut down gets no more updates, its executors end, and nothing of it stays', () => {
  const { agent, container, session } = withExecutor();
  const command = agent.launch(aTask('c'));
  const effects = agent.say({ kind: 'shutdown-framework', frameworkId: theFrameworkId });
  expect(records(effects)).toEqual([{ kind: 'framework-removed', frameworkId: theFrameworkId }]);
  expect(toExecutor(effects)).toEqual([{ kind: 'shutdown' }]);
  expect(effects).toContainEqual({ kind: 'signal-container', containerId: command, signal: 'SIGTERM' });
  expect(toExecutor(agent.callAs(session, 'e', anUpdate('t', 'TASK_KILLED', '1')))).toMatchObject([{ kind: 'acknowledged' }]);
  const after = [...agent.ended(container, { status: 0 }), ...agent.ended(command, { signal: 'SIGTERM' })];
  expect(toMaster(after)).toEqual([]);
  expect(checkpointedStatuses(after)).toEqual([]);
  agent.disconnect();
  expect(agent.connect()).toMatchObject({ tasks: [], executors: [], frameworks: [] });
  expect(agent.snapshot().map((record) => record.kind)).toEqual(['agent', 'executor', 'executor-ended', 'executor', 'executor-ended']);
});

test('a stop that keeps tasks ends the agent at once and touches nobody', () => {
  const { agent } = withExecutor();
  expect(agent.step({ kind: 'stop', mode: 'keep-tasks' })).toEqual([{ kind: 'exit', reason: 'Stopped, tasks kept', isFailure: false }]);
  expect(agent.say({ kind: 'ping' })).toEqual([]);
  expect(agent.nextDeadlineMs).toBe(Infinity);
});

test('a stop that ends tasks waits for their last updates to be acknowledged, says goodbye, and exits', () => {
  const agent = new AgentHarness();
  agent.register();
  const container = agent.launch(aTask('t'), aFramework([]));
  const first = agent.take();
  const ending = agent.step({ kind: 'stop', mode: 'end-tasks' });
  expect(kinds(ending)).toEqual(['signal-container']);
  agent.ended(container, { signal: 'SIGTERM' });
  const running = agent.acknowledge(first);
  const killed = agent.acknowledge(running);
  expect(shown(statusUpdates(killed))).toEqual(['t TASK_KILLED']);
  const last = agent.acknowledge(killed);
  expect(toMaster(last)).toEqual([{ kind: 'unregister' }]);
  expect(last.at(-1)).toMatchObject({ kind: 'exit', isFailure: false });
});

test('a stop that ends tasks does not wait for acknowledgements for ever', () => {
  const agent = new AgentHarness();
  agent.register();
  const container = agent.launch(aTask('t'));
  agent.step({ kind: 'stop', mode: 'end-tasks' });
  expect(kinds(agent.ended(container, { signal: 'SIGTERM' }))).not.toContain('exit');
  expect(toMaster(agent.advance(4_999))).toEqual([]);
  expect(kinds(agent.advance(1))).toEqual(['send-master', 'exit']);
});

test('an agent sent away by the master ends its tasks and goes without goodbye', () => {
  const { agent, container } = withExecutor();
  expect(toExecutor(agent.say({ kind: 'shutdown', message: 'removed' }))).toEqual([{ kind: 'shutdown' }]);
  const effects = agent.ended(container, { status: 0 });
  expect(toMaster(effects).map((message) => message.kind)).not.toContain('unregister');
  expect(effects.at(-1)).toMatchObject({ kind: 'exit', isFailure: false });
});
