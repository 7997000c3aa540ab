// Proves X1 to X6 of the executor driver and N1 to N4 of the task runner against a scripted agent, under a fake clock.

import type { ExecutorCall, ExecutorCallEnvelope, ExecutorEvent } from '../../../common/model/executor-protocol';
import { agentId, containerId, executorId, taskId, type TaskId } from '../../../common/model/ids';
import type { FrameworkCapability } from '../../../common/model/framework';
import type { TaskInfo } from '../../../common/model/task';
import type { TaskStatus } from '../../../common/model/task-status';
import { ExecutorDriver, executorSubscribeTimeoutMs, updateBytesMax, updateCountMax, type ExecutorEnd, type ExecutorHandlers } from '../../../frameworks/sdk/executor-driver';
import { readExecutorEnvironment, type ExecutorIdentity } from '../../../frameworks/sdk/executor-environment';
import { frameworkInfoOf } from '../../../frameworks/sdk/scheduler-options';
import { command, executor, task } from '../../../frameworks/sdk/task-builder';
import { TaskRunner, type TaskContext, type TaskRunnerOptions } from '../../../frameworks/sdk/task-runner';
import { encodeExecutorCall } from '../../../proto/executor-codec';
import { wireType } from '../../../proto/loader';
import { fakeEnvironment, settle } from '../../common/fake-environment';
import { FakeDialer, framework, memoryLog } from './fake-peer';

const mib = 1024 * 1024;

const identity: ExecutorIdentity = {
  socket: '/agent.sock',
  token: 'secret',
  frameworkId: framework,
  executorId: executorId('e-1'),
  recoveryTimeoutMs: 60_000,
  shutdownGracePeriodMs: 5_000,
  subscriptionBackoffMaxMs: 2_000,
};

function subscribedEvent(capabilities: readonly FrameworkCapability[] = ['TASK_KILLING_STATE']): ExecutorEvent {
  return {
    kind: 'subscribed',
    executorInfo: executor({ id: 'e-1', command: 'x' }),
    frameworkInfo: frameworkInfoOf({ name: 'f', roles: ['*'], capabilities }),
    agentInfo: { id: agentId('S1'), hostname: 'a1', port: 0, resources: task({ name: 'x', command: 'x', resources: 'cpus:1' }).resources, attributes: [] },
    containerId: containerId('c-1'),
  };
}

const aTask = (id: string): TaskInfo => {
  const { taskId: _none, ...draft } = task({ name: id, resources: 'cpus:1', command: command('x') });
  return { ...draft, taskId: taskId(id), agentId: agentId('S1') };
};
const launch = (id: string, change: Partial<TaskInfo> = {}): ExecutorEvent => ({ kind: 'launch', task: { ...aTask(id), ...change } });
const kill = (id: string, gracePeriodMs?: number): ExecutorEvent => ({ kind: 'kill', taskId: taskId(id), ...(gracePeriodMs === undefined ? {} : { killPolicy: { gracePeriodMs } }) });
const acknowledge = ({ taskId: id, uuid }: TaskStatus): ExecutorEvent => ({ kind: 'acknowledged', taskId: id, uuid: uuid ?? '' });

function anAgent() {
  const environment = fakeEnvironment();
  const dialer = new FakeDialer<ExecutorCallEnvelope, ExecutorEvent>();
  const log = memoryLog();
  const { clock } = environment;
  const calls = (): ExecutorCall[] => dialer.link.take().map(({ call }) => call);
  const statuses = (): TaskStatus[] => calls().flatMap((call) => (call.kind === 'update' ? [call.status] : []));
  return { connection: { environment, dialer, address: identity.socket, log }, dialer, clock, log, calls, statuses, say: (...events: ExecutorEvent[]) => dialer.link.say(...events) };
}

function aDriver(handlers: Partial<ExecutorHandlers> = {}) {
  const agent = anAgent();
  const launched: TaskId[] = [];
  const killed: TaskId[] = [];
  const driver = new ExecutorDriver(
    identity,
    { launch: ({ taskId: id }) => void launched.push(id), kill: (id) => void killed.push(id), shutdown: (self) => self.close(), ...handlers },
    agent.connection,
  );
  const ends: ExecutorEnd[] = [];
  driver.whenEnded((end) => ends.push(end));
  driver.start();
  agent.clock.advance(0);
  return { ...agent, driver, launched, killed, ends };
}

function aRunner(options: Partial<TaskRunnerOptions> = {}) {
  const agent = anAgent();
  const running = new Map<string, { readonly context: TaskContext; readonly finish: (data?: string) => void; readonly fail: (message: string) => void }>();
  const runner = new TaskRunner(
    {
      run: ({ taskId: id }, context) =>
        new Promise((resolve, reject) => {
          running.set(id, { context, finish: (data) => resolve(data === undefined ? undefined : { data }), fail: (message) => reject(new Error(message)) });
        }),
      ...options,
    },
    identity,
    agent.connection,
  );
  const ends: ExecutorEnd[] = [];
  runner.whenEnded((end) => ends.push(end));
  runner.start();
  agent.clock.advance(0);
  agent.say(subscribedEvent());
  agent.calls();
  const told = (): string[] => agent.statuses().map(({ taskId: id, state }) => `${id} ${state}`);
  return { ...agent, runner, running, ends, told };
}

describe('driver', () => {
  test('the first call proves who we are, and updates are stamped', () => {
    const { driver, say, calls } = aDriver();
    expect(calls()).toEqual([{ kind: 'subscribe', token: 'secret', unacknowledgedTasks: [], unacknowledgedUpdates: [] }]);
    say(subscribedEvent(), launch('t1'));
    expect(driver.update({ taskId: taskId('t1'), state: 'TASK_RUNNING', data: 'x' })).toBe(true);
    expect(calls()).toEqual([
      {
        kind: 'update',
        status: expect.objectContaining({ source: 'SOURCE_EXECUTOR', executorId: 'e-1', agentId: 'S1', uuid: expect.stringMatching(/^[0-9a-f]{32}$/), timestampMs: expect.any(Number) }),
      },
    ]);
  });

  test('after an agent restart everything unacknowledged is said again, in order, and nothing that was acknowledged', () => {
    const { driver, dialer, say, calls, statuses, clock } = aDriver();
    say(subscribedEvent(), launch('t1'), launch('t2'), launch('t3'));
    calls();
    for (const id of ['t1', 't2']) driver.update({ taskId: taskId(id), state: 'TASK_RUNNING' });
    const [first] = statuses();
    say(acknowledge(first!));
    dialer.link.cut();
    driver.update({ taskId: taskId('t1'), state: 'TASK_FINISHED' });
    clock.advance(2_000);
    const [subscribe] = calls();
    if (subscribe?.kind !== 'subscribe') throw new Error('Expected a subscription first');
    expect(subscribe.unacknowledgedTasks.map((info) => info.taskId)).toEqual(['t2', 't3']);
    expect(subscribe.unacknowledgedUpdates.map(({ taskId: id, state }) => `${id} ${state}`)).toEqual(['t2 TASK_RUNNING', 't1 TASK_FINISHED']);
    // Made between SUBSCRIBE and its answer: sent with the answer, once.
    driver.update({ taskId: taskId('t3'), state: 'TASK_FAILED' });
    expect(calls()).toEqual([]);
    say(subscribedEvent());
    expect(statuses().map(({ taskId: id }) => id)).toEqual(['t3']);
  });

  test('an update that the agent refused is not sent again, and its task is still held against a lost launch', () => {
    const { driver, dialer, say, calls, statuses, clock, log } = aDriver();
    say(subscribedEvent(), launch('t1'), launch('t2'));
    calls();
    driver.update({ taskId: taskId('t1'), state: 'TASK_RUNNING' });
    driver.update({ taskId: taskId('t2'), state: 'TASK_FINISHED' });
    say(...statuses().map((status): ExecutorEvent => ({ ...acknowledge(status), refusal: 'why' }) as ExecutorEvent));
    expect(driver.unacknowledgedCount).toBe(0);
    expect(log.lines).toContain('warn Agent refused an update');
    dialer.link.cut();
    clock.advance(2_000);
    expect(calls()).toMatchObject([{ kind: 'subscribe', unacknowledgedTasks: [{ taskId: 't1' }], unacknowledgedUpdates: [] }]);
  });

  test('what is sent again with SUBSCRIBE is acknowledged before its answer, and that counts', () => {
    const { driver, dialer, say, calls, statuses, clock } = aDriver();
    say(subscribedEvent(), launch('t1'));
    calls();
    driver.update({ taskId: taskId('t1'), state: 'TASK_FINISHED' });
    const [finished] = statuses();
    dialer.link.cut();
    clock.advance(2_000);
    say(acknowledge(finished!), subscribedEvent());
    expect(driver.unacknowledgedCount).toBe(0);
  });

  test('a task ends once, and what is not ours is not reported', () => {
    const { driver, say } = aDriver();
    say(subscribedEvent(), launch('t1'));
    expect(driver.update({ taskId: taskId('t1'), state: 'TASK_FINISHED' })).toBe(true);
    expect(driver.update({ taskId: taskId('t1'), state: 'TASK_FAILED' })).toBe(false);
    expect(driver.update({ taskId: taskId('t9'), state: 'TASK_RUNNING' })).toBe(false);
  });

  test('repeated launches, kills of ended tasks, strange acknowledgements and unknown events change nothing', () => {
    const { driver, say, launched, killed, ends } = aDriver();
    say(launch('early'), subscribedEvent(), subscribedEvent(), launch('t1'), launch('t1'), kill('t9'), { kind: 'martian' } as never, { kind: 'error', message: 'odd' });
    driver.update({ taskId: taskId('t1'), state: 'TASK_FINISHED' });
    say(kill('t1'), launch('t1'), { kind: 'acknowledged', taskId: taskId('t1'), uuid: 'f'.repeat(32) });
    expect({ launched, killed, ends, kept: driver.unacknowledgedCount }).toEqual({ launched: ['t1'], killed: [], ends: [], kept: 1 });
  });

  test('an agent that stays away longer than the recovery timeout ends the driver, not before', () => {
    const { say, dialer, clock, ends } = aDriver();
    say(subscribedEvent());
    clock.advance(200_000);
    dialer.link.cut();
    for (let tries = 0; tries < 20; tries += 1) {
      clock.advance(2_900);
      if (dialer.link.isOpen) dialer.link.cut();
    }
    expect(ends).toEqual([]);
    clock.advance(2_000);
    expect(ends).toEqual([{ kind: 'agent-lost', afterMs: 60_000 }]);
    expect(clock.pendingCount).toBe(0);
  });

  test('an agent that lives but does not answer is dialed anew', () => {
    const { clock, dialer } = aDriver();
    clock.advance(executorSubscribeTimeoutMs + 2_000);
    expect(dialer.links.length).toBeGreaterThan(1);
  });

  test('a chatty task fills no memory, and its end always finds room', () => {
    const { driver, say } = aDriver();
    say(subscribedEvent(), launch('t1'));
    let taken = 0;
    while (driver.update({ taskId: taskId('t1'), state: 'TASK_RUNNING' }) && taken <= updateCountMax) taken += 1;
    expect(taken).toBe(updateCountMax);
    expect(driver.update({ taskId: taskId('t1'), state: 'TASK_FINISHED' })).toBe(true);
  });

  test('a chatty task with large data fills no memory either', () => {
    const { driver, say } = aDriver();
    say(subscribedEvent(), launch('t1'));
    const data = new Uint8Array(mib);
    let taken = 0;
    while (driver.update({ taskId: taskId('t1'), state: 'TASK_RUNNING', data }) && taken <= 100) taken += 1;
    expect(taken * mib).toBeLessThanOrEqual(updateBytesMax);
    expect(driver.update({ taskId: taskId('t1'), state: 'TASK_FINISHED', data })).toBe(true);
  });

  test('however much is unacknowledged, it can come back: each message fits a link, what is said at once fits its queue, and all arrives once, in order', () => {
    const { driver, dialer, say, clock } = aDriver();
    say(subscribedEvent());
    const ids = Array.from({ length: 40 }, (_, index) => `t${index}`);
    say(...ids.map((id) => launch(id, { data: new Uint8Array(500_000), executor: executor({ id: 'e-1', command: 'x', data: 'x'.repeat(200_000) }) })));
    dialer.link.cut();
    for (const id of ids) driver.update({ taskId: taskId(id), state: 'TASK_FINISHED', data: new Uint8Array(mib) });
    clock.advance(2_000);
    const size = (call: ExecutorCallEnvelope): number => wireType('executor', 'ExecutorCall').serialize(encodeExecutorCall(call)).length;
    const arrived: string[] = [];
    let unanswered: TaskStatus[] = [];
    const take = (): void => {
      const calls = dialer.link.take();
      for (const call of calls) expect(size(call)).toBeLessThan(8 * mib - 16);
      expect(calls.reduce((sum, call) => sum + size(call), 0)).toBeLessThan(16 * mib);
      unanswered = calls.flatMap(({ call }) => (call.kind === 'update' ? [call.status] : call.kind === 'subscribe' ? call.unacknowledgedUpdates : []));
      arrived.push(...unanswered.map(({ taskId: id }) => id));
    };
    expect(dialer.link.batches).toMatchObject([[{ call: { kind: 'subscribe', unacknowledgedTasks: ids.map((id) => ({ taskId: id, agentId: 'S1' })) } }]]);
    take();
    say(subscribedEvent());
    while (unanswered.length > 0) {
      say(...unanswered.map(acknowledge));
      take();
    }
    expect([arrived, driver.unacknowledgedCount]).toEqual([ids, 0]);
  });

  test.each<[claim: string, answersTo: (sent: readonly TaskStatus[]) => ExecutorEvent[]]>([
    ['refuses', (sent) => sent.map((status): ExecutorEvent => ({ ...acknowledge(status), refusal: 'why' }) as ExecutorEvent)],
    ['cannot read', () => [{ kind: 'error', message: 'update: odd' }]],
  ])('an update that the agent %s does not keep others back', (_claim, answersTo) => {
    const { driver, say, statuses } = aDriver();
    say(subscribedEvent(), ...['t1', 't2', 't3', 't4', 't5', 't6'].map((id) => launch(id)));
    for (const id of ['t1', 't2', 't3', 't4', 't5', 't6']) driver.update({ taskId: taskId(id), state: 'TASK_FINISHED', data: new Uint8Array(mib) });
    const first = statuses();
    expect(first.map(({ taskId: id }) => id)).toEqual(['t1', 't2', 't3']);
    say(...answersTo(first));
    expect(statuses().map(({ taskId: id }) => id)).toEqual(['t4', 't5', 't6']);
  });

  test('a task that would find no place in a SUBSCRIBE fails, and those before it go on', () => {
    const { say, statuses, launched } = aDriver();
    const long = (index: number): string => `${index}-`.padEnd(255, 'x');
    say(subscribedEvent(), ...Array.from({ length: 12_000 }, (_, index) => launch(long(index))));
    const failed = statuses();
    expect(launched.length).toBeGreaterThan(9_000);
    expect(failed.length).toBe(12_000 - launched.length);
    expect(failed[0]).toMatchObject({ state: 'TASK_FAILED', message: `The agent has acknowledged no update yet of ${launched.length} tasks of this executor` });
  });

  test('data that is too large is refused to who gave it, and a long message is cut', () => {
    const { driver, say, statuses } = aDriver();
    say(subscribedEvent(), launch('t1'));
    const data = new Uint8Array(mib + 1);
    expect(() => driver.update({ taskId: taskId('t1'), state: 'TASK_FINISHED', data })).toThrow('data: current value is "1048577 bytes", expected at most 1048576 bytes');
    expect(() => driver.message(data)).toThrow('expected at most 1048576 bytes');
    expect(() => driver.update({ taskId: taskId('t1'), state: 'TASK_RUNNING', labels: [{ key: 'k', value: 'v'.repeat(70_000) }] })).toThrow(/^labels: /);
    expect(driver.update({ taskId: taskId('t1'), state: 'TASK_FINISHED', message: 'm'.repeat(9_000_000) })).toBe(true);
    expect(statuses().map(({ message = '' }) => message.length)).toEqual([16_384]);
  });

  test('a launch handler that throws fails its task and nothing else', () => {
    const { say, statuses, ends, log } = aDriver({
      launch: () => {
        throw new Error('no such program');
      },
    });
    say(subscribedEvent(), launch('t1'));
    expect(statuses()).toMatchObject([{ state: 'TASK_FAILED', message: 'no such program' }]);
    expect(ends).toEqual([]);
    expect(log.lines).toContain('error Handler failed');
  });

  test('a SHUTDOWN in the place of SUBSCRIBED opens the session for last words: they are sent, acknowledged, and waited for', () => {
    const done: string[] = [];
    const { driver, dialer, say, calls, statuses, clock } = aDriver({
      shutdown: (self) => {
        for (const { taskId: id } of self.liveTasks) self.update({ taskId: id, state: 'TASK_KILLED' });
        self.flush(60_000, () => done.push('acknowledged'));
      },
    });
    say(subscribedEvent(), launch('t1'), launch('t2'));
    dialer.link.cut();
    clock.advance(2_000);
    calls();
    driver.update({ taskId: taskId('t1'), state: 'TASK_FINISHED' });
    expect(statuses()).toEqual([]);
    say({ kind: 'shutdown' });
    const last = statuses();
    expect(last.map(({ taskId: id, state }) => `${id} ${state}`)).toEqual(['t1 TASK_FINISHED', 't2 TASK_KILLED']);
    clock.advance(executorSubscribeTimeoutMs + 2_000);
    expect(dialer.links).toHaveLength(2);
    say(...last.map(acknowledge));
    expect(done).toEqual(['acknowledged']);
  });

  test('flush waits for acknowledgements, but not for ever', () => {
    const { driver, say, statuses, clock } = aDriver();
    say(subscribedEvent(), launch('t1'));
    driver.update({ taskId: taskId('t1'), state: 'TASK_FINISHED' });
    const done: string[] = [];
    driver.flush(1_000, () => done.push('acknowledged'));
    clock.advance(500);
    expect(done).toEqual([]);
    say(...statuses().map(acknowledge));
    expect(done).toEqual(['acknowledged']);
    say(launch('t2'));
    driver.update({ taskId: taskId('t2'), state: 'TASK_FINISHED' });
    driver.flush(1_000, () => done.push('gave up'));
    clock.advance(1_000);
    expect(done).toEqual(['acknowledged', 'gave up']);
  });
});

describe('runner', () => {
  test('resolved is FINISHED with its data, rejected is FAILED with its message, several at a time', async () => {
    const { say, running, statuses, told } = aRunner();
    say(launch('t1'), launch('t2'), launch('t3'));
    expect(told()).toEqual(['t1 TASK_RUNNING', 't2 TASK_RUNNING', 't3 TASK_RUNNING']);
    running.get('t2')?.fail('bad input');
    running.get('t1')?.finish('result');
    await settle();
    expect(statuses()).toMatchObject([
      { taskId: 't2', state: 'TASK_FAILED', message: 'bad input' },
      { taskId: 't1', state: 'TASK_FINISHED', data: new TextEncoder().encode('result') },
    ]);
  });

  test('a result that is too large to travel is no result: the task has failed, and says why', () => {
    const { say, told, statuses } = aRunner({ run: () => ({ data: new Uint8Array(mib + 1) }), runningReportDelayMs: 1_000 });
    say(launch('t1'));
    expect(statuses()).toMatchObject([{ state: 'TASK_FAILED', message: 'Its result was refused: data: current value is "1048577 bytes", expected at most 1048576 bytes' }]);
    expect(told()).toEqual([]);
  });

  test('a function that answers at once needs no promise', () => {
    const { say, told } = aRunner({ run: ({ name }) => ({ message: name }) });
    say(launch('t1'));
    expect(told()).toEqual(['t1 TASK_RUNNING', 't1 TASK_FINISHED']);
  });

  test('beyond its concurrency tasks wait in order, say that they start, and can be killed while they wait', async () => {
    const { say, running, told } = aRunner({ concurrency: 1 });
    say(launch('t1'), launch('t2'), launch('t3'), kill('t2'));
    expect(told()).toEqual(['t1 TASK_RUNNING', 't2 TASK_STARTING', 't3 TASK_STARTING', 't2 TASK_KILLED']);
    running.get('t1')?.finish();
    await settle();
    expect(told()).toEqual(['t1 TASK_FINISHED', 't3 TASK_RUNNING']);
    expect(running.has('t2')).toBe(false);
  });

  test('a kill aborts the signal, and what the function then does is KILLED', async () => {
    const { say, running, told, clock } = aRunner();
    say(launch('t1'), launch('t2'));
    told();
    say(kill('t1'), kill('t2'));
    expect(running.get('t1')?.context.signal.aborted).toBe(true);
    running.get('t1')?.finish('too late');
    running.get('t2')?.fail('aborted');
    await settle();
    expect(told()).toEqual(['t1 TASK_KILLING', 't2 TASK_KILLING', 't1 TASK_KILLED', 't2 TASK_KILLED']);
    clock.advance(10_000);
    expect(told()).toEqual([]);
  });

  test.each<[string, ExecutorEvent, ExecutorEvent[], number]>([
    ['of the kill, before that of the task', launch('t1', { killPolicy: { gracePeriodMs: 9_000 } }), [kill('t1', 500)], 500],
    ['of the task', launch('t1', { killPolicy: { gracePeriodMs: 9_000 } }), [kill('t1')], 9_000],
    ['by default', launch('t1'), [kill('t1')], 3_000],
    ['shortened by a second kill', launch('t1'), [kill('t1', 9_000), kill('t1', 1_000)], 1_000],
    ['not prolonged by a second kill', launch('t1'), [kill('t1', 1_000), kill('t1', 9_000)], 1_000],
  ])('a function that does not heed its signal is reported KILLED after the grace period %s', (_claim, launching, kills, graceMs) => {
    const { say, told, clock } = aRunner();
    say(launching, ...kills);
    told();
    clock.advance(graceMs - 1);
    expect(told()).toEqual([]);
    clock.advance(1);
    expect(told()).toEqual(['t1 TASK_KILLED']);
  });

  test('without the capability nobody hears of TASK_KILLING', () => {
    const { say, told } = aRunner();
    say(launch('t0'));
    const other = anAgent();
    const runner = new TaskRunner({ run: () => new Promise(() => undefined) }, identity, other.connection);
    runner.start();
    other.clock.advance(0);
    other.say(subscribedEvent([]), launch('t1'), kill('t1'));
    expect(other.statuses().map(({ state }) => state)).toEqual(['TASK_RUNNING']);
    expect(told()).toEqual(['t0 TASK_RUNNING']);
  });

  test('progress is reported while the task runs, and not after', async () => {
    const { say, running, statuses } = aRunner();
    say(launch('t1'));
    const context = running.get('t1')?.context;
    context?.status({ message: 'half' });
    running.get('t1')?.finish();
    await settle();
    context?.status({ message: 'ghost' });
    expect(statuses().map(({ state, message }) => [state, message])).toEqual([
      ['TASK_RUNNING', undefined],
      ['TASK_RUNNING', 'half'],
      ['TASK_FINISHED', undefined],
    ]);
  });

  test('a shutdown kills all, waits until the ends are acknowledged, and ends', async () => {
    const { say, running, statuses, ends, clock } = aRunner({ concurrency: 1 });
    say(launch('t1'), launch('t2'));
    const before = statuses();
    say({ kind: 'shutdown' });
    running.get('t1')?.fail('aborted');
    await settle();
    const after = statuses();
    expect(after.map(({ taskId: id, state }) => `${id} ${state}`)).toEqual(['t1 TASK_KILLING', 't2 TASK_KILLED', 't1 TASK_KILLED']);
    expect(ends).toEqual([]);
    say(...[...before, ...after].map(acknowledge));
    expect(ends).toEqual([{ kind: 'closed' }]);
    expect(clock.pendingCount).toBe(0);
  });

  test('a shutdown with a stubborn function and a silent agent still ends within the shutdown grace period', () => {
    const { say, ends, clock } = aRunner();
    say(launch('t1'), { kind: 'shutdown' });
    clock.advance(identity.shutdownGracePeriodMs);
    expect(ends).toEqual([{ kind: 'closed' }]);
  });

  test('a lost agent aborts what runs', () => {
    const { say, running, dialer, clock, ends } = aRunner();
    say(launch('t1'));
    dialer.link.cut();
    clock.advance(identity.recoveryTimeoutMs);
    expect(ends).toMatchObject([{ kind: 'agent-lost' }]);
    expect(running.get('t1')?.context.signal.aborted).toBe(true);
  });

  test.each([0, -1, 1.5, NaN])('a concurrency of %s is refused', (concurrency) => {
    expect(() => aRunner({ concurrency })).toThrow('a whole number > 0');
  });

  test('a task that is over within the delay is never reported as running, a longer one is once, and a killed one not afterwards', async () => {
    const { running, say, told, clock } = aRunner({ runningReportDelayMs: 5_000 });
    say(launch('short'), launch('long'), launch('killed'));
    clock.advance(4_999);
    running.get('short')?.finish();
    say({ kind: 'kill', taskId: taskId('killed') });
    await settle();
    expect(told()).toEqual(['killed TASK_KILLING', 'short TASK_FINISHED']);
    clock.advance(1);
    expect(told()).toEqual(['long TASK_RUNNING']);
    running.get('long')?.finish();
    running.get('killed')?.finish();
    await settle();
    clock.advance(60_000);
    expect(told()).toEqual(['long TASK_FINISHED', 'killed TASK_KILLED']);
  });
});

describe('environment', () => {
  const variables = { ALLOT_AGENT_SOCKET: '/s', ALLOT_EXECUTOR_TOKEN: 't', MESOS_FRAMEWORK_ID: 'f', ALLOT_EXECUTOR_ID: 'e' };

  test('is read with the names of Allot or of Mesos, and their defaults', () => {
    expect(readExecutorEnvironment({ ...variables, MESOS_RECOVERY_TIMEOUT: '2mins' })).toEqual({
      ok: true,
      value: { socket: '/s', token: 't', frameworkId: 'f', executorId: 'e', recoveryTimeoutMs: 120_000, shutdownGracePeriodMs: 5_000, subscriptionBackoffMaxMs: 2_000 },
    });
  });

  test.each<[string, Record<string, string | undefined>, string]>([
    ['no socket: no agent started us', { ALLOT_AGENT_SOCKET: undefined }, 'ALLOT_AGENT_SOCKET'],
    ['no token', { ALLOT_EXECUTOR_TOKEN: '' }, 'ALLOT_EXECUTOR_TOKEN'],
    ['no framework', { MESOS_FRAMEWORK_ID: undefined }, 'ALLOT_FRAMEWORK_ID'],
    ['an executor id that is none', { ALLOT_EXECUTOR_ID: 'a/b' }, 'ALLOT_EXECUTOR_ID'],
    ['a duration that is none', { MESOS_RECOVERY_TIMEOUT: 'soon' }, 'MESOS_RECOVERY_TIMEOUT'],
  ])('%s is refused by name', (_claim, change, field) => {
    expect(readExecutorEnvironment({ ...variables, ...change })).toMatchObject({ ok: false, refusal: { field } });
  });
});
