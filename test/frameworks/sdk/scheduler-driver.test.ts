// Proves S1 to S8 of the scheduler driver against a scripted master, under a fake clock: no test waits, and but for those about async handlers
// no test has a promise.

import { isAllotError } from '../../../common/errors';
import { staticAddresses } from '../../../common/leader-session';
import type { SchedulerCall, SchedulerCallEnvelope, SchedulerEvent } from '../../../common/model/scheduler-protocol';
import { executorId, taskId } from '../../../common/model/ids';
import { burstBytesMax, sizeOf } from '../../../common/model/message-size';
import type { TaskStatus } from '../../../common/model/task-status';
import { reconcileRoundMs } from '../../../frameworks/sdk/reconciler';
import { resources } from '../../../frameworks/sdk/resource-request';
import { SchedulerDriver, stopTimeoutMs, subscribeTimeoutMs, type SchedulerEnd } from '../../../frameworks/sdk/scheduler-driver';
import type { SchedulerOptions } from '../../../frameworks/sdk/scheduler-options';
import { task } from '../../../frameworks/sdk/task-builder';
import { fakeEnvironment, settle } from '../../common/fake-environment';
import { agent, anOffer, aStatus, FakeDialer, framework, memoryLog, subscribed } from './fake-peer';

type Sent<Kind extends SchedulerCall['kind']> = Extract<SchedulerCall, { kind: Kind }>;

function aDriver(options: Partial<SchedulerOptions> = {}) {
  const environment = fakeEnvironment();
  const dialer = new FakeDialer<SchedulerCallEnvelope, SchedulerEvent>();
  const log = memoryLog();
  const updates: TaskStatus[] = [];
  const driver = new SchedulerDriver(
    { name: 'test', update: (status) => void updates.push(status), offers: () => undefined, ...options },
    { environment, dialer, addresses: staticAddresses(['m:5050']), log },
  );
  const ends: SchedulerEnd[] = [];
  driver.whenEnded((end) => ends.push(end));
  const { clock } = environment;
  const say = (...events: SchedulerEvent[]): void => dialer.link.say(...events);
  /** Calls sent since the last look, of one kind. */
  const sent = <Kind extends SchedulerCall['kind']>(kind: Kind): Sent<Kind>[] =>
    dialer.link.take().flatMap(({ call }) => (call.kind === kind ? [call as Sent<Kind>] : []));
  const kinds = (): string[] => dialer.link.take().map(({ call }) => call.kind);
  const connect = (): void => {
    if (driver.frameworkId === undefined || !dialer.links.some((link) => link.isOpen)) {
      driver.start();
      clock.advance(dialer.links.length === 0 ? 0 : 10_000);
    }
  };
  /** Connects and subscribes, first time or again. */
  const subscribe = (): void => {
    connect();
    say(subscribed());
  };
  const cut = (): void => dialer.link.cut();
  return { driver, dialer, clock, log, updates, ends, say, sent, kinds, connect, subscribe, cut };
}

const aTask = (id: string, amounts = 'cpus:0.5;mem:32') => task({ name: id, id, command: 'true', resources: amounts });
const offers = (...list: ReturnType<typeof anOffer>[]): SchedulerEvent => ({ kind: 'offers', offers: list });
const update = (status: TaskStatus): SchedulerEvent => ({ kind: 'update', status });

/** A driver with live tasks of these ids, everything sent so far looked at. */
function withTasks(ids: readonly string[], options: Partial<SchedulerOptions> = {}) {
  const setup = aDriver({
    ...options,
    offers: (list, driver) => void driver.launch(list, ids.filter((id) => !launched.has(id)).map((id) => (launched.add(id), aTask(id)))),
  });
  const launched = new Set<string>();
  setup.subscribe();
  setup.say(offers(anOffer({ id: 'o-launch', resources: 'cpus:1000;mem:100000' })));
  expect(setup.sent('accept')).toHaveLength(1);
  return setup;
}

describe('subscription', () => {
  test('the first subscription has no id, and every later one has the id that the master gave', () => {
    const ids: string[] = [];
    const { driver, sent, subscribe, connect, cut } = aDriver({ subscribed: (id) => void ids.push(id) });
    connect();
    expect(sent('subscribe')).toMatchObject([{ frameworkInfo: { name: 'test', roles: ['*'], failoverTimeoutMs: 60_000 } }]);
    subscribe();
    expect(driver.frameworkId).toBe(framework);
    cut();
    connect();
    expect(sent('subscribe')).toMatchObject([{ frameworkId: framework, frameworkInfo: { id: framework } }]);
    subscribe();
    expect(ids).toEqual([framework, framework]);
  });

  test('a process that comes back with its old id asks for all its tasks, for it cannot know them', () => {
    const { sent, subscribe } = aDriver({ frameworkId: 'f-1', knownTasks: [{ taskId: taskId('t1'), agentId: agent }] });
    subscribe();
    expect(sent('reconcile').map(({ tasks }) => tasks)).toEqual([[], [{ taskId: 't1', agentId: agent }]]);
  });

  test('no offer is handed out before an async `subscribed` has stored the id', async () => {
    let stored = (): void => undefined;
    const seen: number[] = [];
    const { subscribe, say, clock } = aDriver({
      subscribed: () => new Promise<void>((resolve) => (stored = resolve)),
      offers: (list) => void seen.push(list.length),
    });
    subscribe();
    say(offers(anOffer({ id: 'o-1' })));
    say(offers(anOffer({ id: 'o-2' })));
    await settle();
    expect(seen).toEqual([]);
    stored();
    await settle();
    clock.advance(0);
    expect(seen).toEqual([2]);
  });

  test('a master that lives but does not answer SUBSCRIBE is left for another', () => {
    const { connect, clock, dialer } = aDriver();
    connect();
    clock.advance(subscribeTimeoutMs + 5_000);
    expect(dialer.links.length).toBeGreaterThan(1);
  });

  test.each<[string, string, boolean, string]>([
    ['a refused subscription', 'user "root" is not allowed', false, 'SUBSCRIPTION_REFUSED'],
    ['a successor', 'Framework failed over', true, 'FAILED_OVER'],
    ['a removed framework', 'Framework has been removed', false, 'FRAMEWORK_REMOVED'],
    ['an operator who tears down', 'Framework has been removed', true, 'FRAMEWORK_REMOVED'],
  ])('%s ends the driver with a typed error', (_claim, message, isSubscribed, code) => {
    const { connect, subscribe, say, ends, clock, dialer } = aDriver();
    if (isSubscribed) subscribe();
    else connect();
    say({ kind: 'error', message });
    expect(ends).toMatchObject([{ error: { code, detail: message } }]);
    clock.advance(60_000);
    expect(dialer.links).toHaveLength(1);
    expect(clock.pendingCount).toBe(0);
  });

  test('an error without a known meaning ends the session, not the driver', () => {
    const troubles: string[] = [];
    const { subscribe, say, ends, clock, dialer } = aDriver({ error: (trouble) => void troubles.push(trouble.kind) });
    subscribe();
    say({ kind: 'error', message: 'the moon is full' });
    clock.advance(10_000);
    expect({ ends, troubles, links: dialer.links.length }).toEqual({ ends: [], troubles: ['session-ended'], links: 2 });
  });

  test('run resolves after a stop, and rejects with the typed error', async () => {
    const stopped = aDriver();
    const running = stopped.driver.run();
    stopped.driver.stop();
    stopped.clock.advance(0);
    await expect(running).resolves.toBeUndefined();
    const refused = aDriver();
    const failing = refused.driver.run();
    refused.clock.advance(0);
    refused.say({ kind: 'error', message: 'no' });
    await expect(failing).rejects.toMatchObject({ code: 'SUBSCRIPTION_REFUSED' });
  });

  test.each<[string, Partial<SchedulerOptions>, string]>([
    ['a label of a megabyte', { labels: { note: 'x'.repeat(1024 * 1024) } }, 'framework.labels'],
    ['an empty name', { name: '' }, 'name'],
    ['a role that is none', { roles: ['a//b'] }, 'roles[0]'],
    ['a role named twice', { roles: ['a', 'a'] }, 'roles[1]'],
    ['a negative failover timeout', { failoverTimeoutMs: -1 }, 'failoverTimeoutMs'],
    ['an id that is none', { frameworkId: 'a/b' }, 'frameworkId'],
    ['refuse seconds that are none', { refuseSeconds: NaN }, 'refuseSeconds'],
  ])('%s is refused by the name of its option', (_claim, options, field) => {
    expect(() => aDriver(options)).toThrow(expect.objectContaining({ code: 'INPUT_REFUSED', data: { code: 'INPUT_REFUSED', refusal: expect.objectContaining({ field }) } }));
  });
});

describe('updates', () => {
  test('an update is acknowledged after the handler took it', () => {
    const order: string[] = [];
    const { subscribe, say, dialer } = aDriver({ update: () => void order.push(`handled, ${dialer.link.batches.length} batches`) });
    subscribe();
    dialer.link.take();
    const status = aStatus('t1', 'TASK_RUNNING');
    say(update(status));
    expect(order).toEqual(['handled, 0 batches']);
    expect(dialer.link.take().map(({ call }) => call)).toEqual([{ kind: 'acknowledge', agentId: agent, taskId: 't1', uuid: status.uuid }]);
  });

  test('while an async handler works nothing is acknowledged, so a crash then loses nothing', async () => {
    const finish: (() => void)[] = [];
    const { subscribe, say, sent } = aDriver({ update: () => new Promise<void>((resolve) => finish.push(resolve)) });
    subscribe();
    say(update(aStatus('t1', 'TASK_RUNNING')));
    await settle();
    expect(sent('acknowledge')).toEqual([]);
    finish[0]?.();
    await settle();
    expect(sent('acknowledge')).toHaveLength(1);
  });

  test('updates of a task are handled one after the other and in order; those of another task do not wait', async () => {
    const begun: string[] = [];
    const finish: (() => void)[] = [];
    const { subscribe, say } = aDriver({
      update: ({ taskId: id, state }) => {
        begun.push(`${id} ${state}`);
        return new Promise<void>((resolve) => finish.push(resolve));
      },
    });
    subscribe();
    say(update(aStatus('t1', 'TASK_RUNNING')), update(aStatus('t1', 'TASK_FINISHED')), update(aStatus('t2', 'TASK_RUNNING')));
    expect(begun).toEqual(['t1 TASK_RUNNING', 't2 TASK_RUNNING']);
    finish[0]?.();
    await settle();
    expect(begun.at(-1)).toBe('t1 TASK_FINISHED');
  });

  test('a repetition is acknowledged again and not handled again, also in a later session', () => {
    const { subscribe, say, sent, updates, cut } = aDriver();
    subscribe();
    const status = aStatus('t1', 'TASK_RUNNING');
    say(update(status), update(status));
    expect(sent('acknowledge')).toHaveLength(2);
    cut();
    subscribe();
    say(update(status));
    expect(sent('acknowledge')).toHaveLength(1);
    expect(updates).toEqual([status]);
  });

  test('an update whose handler throws is not acknowledged, is reported, and is handled when it comes again', () => {
    let failures = 1;
    const troubles: unknown[] = [];
    const { subscribe, say, sent, log, ends } = aDriver({
      update: () => {
        if (failures-- > 0) throw new Error('disk full');
      },
      error: (trouble) => void troubles.push(trouble),
    });
    subscribe();
    const status = aStatus('t1', 'TASK_FINISHED');
    say(update(status));
    expect(sent('acknowledge')).toEqual([]);
    expect(troubles).toEqual([{ kind: 'handler-failed', handler: 'update', error: expect.objectContaining({ message: 'disk full' }), status }]);
    expect(log.lines).toContain('error Handler failed');
    expect(ends).toEqual([]);
    say(update(status));
    expect(sent('acknowledge')).toHaveLength(1);
  });

  test('an update without a uuid whose handler rejects is tried again here, for nobody else has it', async () => {
    let failures = 2;
    const seen: string[] = [];
    const { subscribe, say, sent, clock } = aDriver({
      update: async ({ state }) => {
        seen.push(state);
        if (failures-- > 0) throw new Error('not now');
      },
    });
    subscribe();
    say(update(aStatus('t1', 'TASK_LOST', { uuid: undefined })));
    await clock.advanceAndSettle(10_000);
    expect(seen).toEqual(['TASK_LOST', 'TASK_LOST', 'TASK_LOST']);
    expect(sent('acknowledge')).toEqual([]);
  });

  test('after its end a task stays over: a late update is acknowledged and not told', () => {
    const { subscribe, say, sent, updates } = aDriver();
    subscribe();
    say(update(aStatus('t1', 'TASK_FINISHED')), update(aStatus('t1', 'TASK_RUNNING')), update(aStatus('t1', 'TASK_GONE', { uuid: undefined })));
    expect(updates.map(({ state }) => state)).toEqual(['TASK_FINISHED']);
    expect(sent('acknowledge')).toHaveLength(2);
  });

  test('a flood of updates without room is dropped unacknowledged, and the driver lives', () => {
    const { subscribe, say, sent, log } = aDriver({ update: () => new Promise<void>(() => undefined) });
    subscribe();
    for (let n = 0; n < 100; n += 1) say(update(aStatus('t1', 'TASK_RUNNING')));
    expect(sent('acknowledge')).toEqual([]);
    expect(log.lines.filter((line) => line.includes('Update dropped'))).toHaveLength(68);
  });
});

describe('reconciliation', () => {
  test('after a resubscription every live task is asked about until something was heard of it', () => {
    const { cut, subscribe, sent, clock, say } = withTasks(['t1', 't2']);
    cut();
    subscribe();
    expect(sent('reconcile')).toEqual([{ kind: 'reconcile', tasks: [{ taskId: 't1', agentId: agent }, { taskId: 't2', agentId: agent }] }]);
    say(update(aStatus('t1', 'TASK_RUNNING', { uuid: undefined, reason: 'REASON_RECONCILIATION' })));
    clock.advance(10_000);
    const again = sent('reconcile');
    expect(again.length).toBeGreaterThanOrEqual(2);
    expect(new Set(again.flatMap(({ tasks }) => tasks.map((asked) => asked.taskId)))).toEqual(new Set(['t2']));
    say(update(aStatus('t2', 'TASK_GONE', { uuid: undefined, reason: 'REASON_RECONCILIATION' })));
    clock.advance(reconcileRoundMs / 2);
    expect(sent('reconcile')).toEqual([]);
  });

  test('questions without an answer grow rarer, up to one a minute', () => {
    const { cut, subscribe, sent, clock } = withTasks(['t1']);
    cut();
    subscribe();
    const perMinute = [...Array(5)].map(() => (clock.advance(60_000), sent('reconcile').length));
    expect(perMinute[0]).toBeGreaterThan(4);
    expect(perMinute[4]).toBeLessThanOrEqual(2);
    expect(perMinute[4]).toBeGreaterThanOrEqual(1);
  });

  test('nothing is asked without a session', () => {
    const { cut, subscribe, clock, dialer } = withTasks(['t1']);
    cut();
    subscribe();
    cut();
    clock.advance(60_000);
    expect(dialer.link.take().map(({ call }) => call.kind)).toEqual(['subscribe']);
  });

  test('an answer that says nothing new is not told, unless the user asked', () => {
    const { driver, say, updates } = withTasks(['t1']);
    const answer = aStatus('t1', 'TASK_RUNNING', { uuid: undefined, reason: 'REASON_RECONCILIATION' });
    say(update(aStatus('t1', 'TASK_RUNNING')), update(answer));
    expect(updates).toHaveLength(1);
    driver.reconcile();
    say(update(answer));
    expect(updates).toHaveLength(2);
  });

  test('once in a while all is asked, and what the master does not speak of is asked by name', () => {
    const { sent, clock } = withTasks(['t1']);
    clock.advance(reconcileRoundMs * 1.25 + 5_000);
    expect(sent('reconcile').map(({ tasks }) => tasks.length)).toEqual(expect.arrayContaining([0, 1]));
  });

  test('a task that nobody knows is told as such and forgotten', () => {
    const { driver, say, updates } = withTasks(['t1']);
    say(update(aStatus('t1', 'TASK_UNKNOWN', { uuid: undefined, reason: 'REASON_RECONCILIATION' })));
    expect(updates.map(({ state }) => state)).toEqual(['TASK_UNKNOWN']);
    expect(driver.liveTaskCount).toBe(0);
  });
});

describe('kills', () => {
  test('a kill is said again in every session until the task is over', () => {
    const { driver, sent, cut, subscribe, say } = withTasks(['t1']);
    expect(driver.kill('t1', { gracePeriodMs: 500 })).toEqual({ sent: true });
    const kill = { kind: 'kill', taskId: 't1', agentId: agent, killPolicy: { gracePeriodMs: 500 } };
    expect(sent('kill')).toEqual([kill]);
    cut();
    subscribe();
    expect(sent('kill')).toEqual([kill]);
    say(update(aStatus('t1', 'TASK_KILLED')));
    cut();
    subscribe();
    expect(sent('kill')).toEqual([]);
    expect(driver.kill('t1')).toEqual({ sent: false, reason: 'task-ended' });
  });

  test.each<[claim: string, status: Partial<TaskStatus>, isSaidAgain: boolean]>([
    ['is running to a master that answers a question', { state: 'TASK_RUNNING', reason: 'REASON_RECONCILIATION' }, true],
    ['is back with its agent', { state: 'TASK_RUNNING', reason: 'REASON_AGENT_REREGISTERED' }, true],
    ['is being ended, to a master that may not know the newest policy', { state: 'TASK_KILLING', reason: 'REASON_RECONCILIATION' }, true],
    ['makes progress', { state: 'TASK_RUNNING', uuid: 'u' }, true],
    ['is being ended', { state: 'TASK_KILLING', uuid: 'u' }, false],
    ['is unreachable', { state: 'TASK_UNREACHABLE', reason: 'REASON_RECONCILIATION' }, false],
    ['is known to nobody', { state: 'TASK_UNKNOWN', reason: 'REASON_RECONCILIATION' }, false],
    ['is over', { state: 'TASK_KILLED', uuid: 'u' }, false],
  ])('of a task to be killed that %s: the kill is said again only where the one before may not have arrived', (_claim, status, isSaidAgain) => {
    const { driver, sent, say } = withTasks(['t1']);
    say(update(aStatus('t1', 'TASK_RUNNING')));
    driver.kill('t1', { gracePeriodMs: 100 });
    sent('kill');
    say(update({ ...aStatus('t1', 'TASK_RUNNING', { uuid: undefined }), ...status }));
    expect(sent('kill')).toEqual(isSaidAgain ? [{ kind: 'kill', taskId: 't1', agentId: agent, killPolicy: { gracePeriodMs: 100 } }] : []);
  });

  test.each([-1, NaN, Infinity])('a grace period of %s is refused at once: nothing is sent, now or in a later session', (gracePeriodMs) => {
    const { driver, sent, cut, subscribe } = withTasks(['t1']);
    expect(() => driver.kill('t1', { gracePeriodMs })).toThrow(expect.objectContaining({ code: 'INPUT_REFUSED' }));
    cut();
    subscribe();
    expect(sent('kill')).toEqual([]);
  });

  test.each(['TASK_UNKNOWN', 'TASK_LOST'] as const)('a task that was given up as %s and killed is killed when it comes back after all; a new task of its id is not', (state) => {
    const { driver, sent, say } = withTasks(['t1']);
    say(update(aStatus('t1', 'TASK_RUNNING')));
    driver.kill('t1');
    sent('kill');
    say(update(aStatus('t1', state, { uuid: undefined })));
    expect(driver.liveTaskCount).toBe(0);
    say(update(aStatus('t1', 'TASK_RUNNING', { uuid: undefined, reason: 'REASON_AGENT_REREGISTERED' })));
    expect(sent('kill')).toEqual([{ kind: 'kill', taskId: 't1', agentId: agent }]);
    say(update(aStatus('t1', 'TASK_RUNNING', { uuid: undefined, reason: 'REASON_RECONCILIATION' })));
    expect(sent('kill')).toHaveLength(1);
    say(update(aStatus('t1', state, { uuid: undefined })));
    say(offers(anOffer({ id: 'o-2' })));
    driver.launch(anOffer({ id: 'o-2' }), [aTask('t1')]);
    say(update(aStatus('t1', 'TASK_RUNNING')));
    expect(sent('kill')).toEqual([]);
  });

  test('a kill without a session says so and is made up for', () => {
    const { driver, sent, cut, subscribe } = withTasks(['t1']);
    cut();
    expect(driver.kill('t1')).toEqual({ sent: false, reason: 'not-subscribed' });
    subscribe();
    expect(sent('kill')).toHaveLength(1);
  });
});

describe('offers and launches', () => {
  test('what fits is launched, the rest is handed back, and ids are made for drafts without one', () => {
    const drafts = [1, 2, 3].map((n) => ({ ...task({ name: `job ${n}`, command: 'true', resources: { cpus: 0.5, mem: 32 } }), n }));
    const rests: number[] = [];
    const { subscribe, say, sent } = aDriver({
      offers: ([offer], driver) => {
        const { launched, rest, outcome } = driver.launch(offer!, drafts);
        expect(outcome).toEqual({ sent: true });
        expect(launched.map(({ draft }) => draft.n)).toEqual([1, 2]);
        rests.push(...rest.map(({ n }) => n));
      },
    });
    subscribe();
    say(offers(anOffer()));
    const [accept] = sent('accept');
    const tasks = accept?.operations.flatMap((operation) => (operation.kind === 'launch' ? operation.tasks : [])) ?? [];
    expect(rests).toEqual([3]);
    expect(tasks.map(({ taskId: id }) => id)).toEqual([expect.stringMatching(/^job_1\.[0-9a-f-]{36}$/), expect.stringMatching(/^job_2\./)]);
    expect(tasks[0]).not.toHaveProperty('n');
    expect(tasks[0]?.resources.toString()).toBe('cpus:0.5{allocated to *};mem:32{allocated to *}');
  });

  test('what the handler leaves is declined, what it holds stays open, and a throwing handler sits on nothing', () => {
    const { subscribe, say, sent, driver } = aDriver({
      offers: (list, self) => {
        self.hold(...list.filter(({ id }) => id === 'held'));
        if (list.length === 1) throw new Error('oops');
      },
    });
    subscribe();
    say(offers(anOffer({ id: 'held' }), anOffer({ id: 'left' })));
    expect(sent('decline')).toEqual([{ kind: 'decline', offerIds: ['left'], filters: { refuseSeconds: 5 } }]);
    say(offers(anOffer({ id: 'bad' })));
    expect(sent('decline')).toMatchObject([{ offerIds: ['bad'] }]);
    expect(driver.openOffers.map(({ id }) => id)).toEqual(['held']);
    expect(driver.decline(['held', 'gone'] as never)).toEqual({ sent: true });
    expect(sent('decline')).toMatchObject([{ offerIds: ['held'] }]);
    expect(driver.decline(['held'] as never)).toEqual({ sent: false, reason: 'offer-gone' });
  });

  test.each<[string, (setup: ReturnType<typeof aDriver>) => void]>([
    ['rescinded', ({ say }) => say({ kind: 'rescind', offerId: anOffer().id })],
    ['expired', ({ clock }) => clock.advance(30_000)],
    ['lost with its session', ({ cut }) => cut()],
    ['of an earlier session', ({ cut, subscribe }) => (cut(), subscribe())],
  ])('a launch on an offer that was %s is told as TASK_DROPPED, never silent', (_why, lose) => {
    const rescinded: string[] = [];
    const setup = aDriver({ offers: (list, self) => self.hold(...list), rescinded: (id) => void rescinded.push(id) });
    const { subscribe, say, driver, clock, updates, sent } = setup;
    subscribe();
    const offer = anOffer({ expiresAtMs: clock.wallMs() + 30_000 });
    say(offers(offer));
    lose(setup);
    expect(rescinded).toEqual([offer.id]);
    const { outcome, launched } = driver.launch(offer, [aTask('t1')]);
    expect(outcome.sent).toBe(false);
    expect(launched).toHaveLength(1);
    expect(updates).toEqual([]); // Never inside the user's own call.
    clock.advance(0);
    expect(updates).toMatchObject([{ taskId: 't1', state: 'TASK_DROPPED', reason: 'REASON_INVALID_OFFERS', source: 'SOURCE_MASTER', message: expect.stringContaining('Synthesized') }]);
    expect(driver.liveTaskCount).toBe(0);
    expect(sent('accept')).toEqual([]);
  });

  test('a clock that runs ahead of the master does not make offers unusable', () => {
    const { subscribe, say, clock, driver } = aDriver({ offers: (list, self) => self.hold(...list) });
    subscribe();
    say(offers(anOffer({ expiresAtMs: clock.wallMs() - 60_000 })));
    clock.advance(1);
    expect(driver.openOffers).toHaveLength(1);
  });

  test('a refused launch is told as TASK_ERROR, its offer goes back, and the refusal is handed on as a sentence', () => {
    const refusals: string[] = [];
    const { say, dialer, subscribe, clock, updates, sent } = aDriver({
      offers: ([offer], driver) => void driver.launch(offer!, [aTask('t1')]),
      refused: ({ text }) => void refusals.push(text),
    });
    subscribe();
    say(offers(anOffer()));
    const number = dialer.link.take().find(({ call }) => call.kind === 'accept')?.number ?? 0;
    const refusal = { field: 'accept.operations[0]', value: '"x"', expected: 'a launch' };
    say({ kind: 'refused', number, callKind: 'ACCEPT', refusal });
    expect(sent('decline')).toMatchObject([{ offerIds: ['o-1'] }]);
    expect(refusals).toEqual(['ACCEPT was refused: accept.operations[0]: current value is "x", expected a launch']);
    clock.advance(0);
    expect(updates).toMatchObject([{ taskId: 't1', state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID' }]);
  });

  test('an operation that was dropped is handed on and logged; of the tasks beside it nothing is said, for they run', () => {
    const dropped: (string | undefined)[] = [];
    const { say, subscribe, clock, updates, driver, log, sent } = aDriver({
      offers: ([offer], self) => void self.launch(offer!, [aTask('t1')]),
      operationUpdate: ({ operationId, message }) => void dropped.push(operationId, message),
    });
    subscribe();
    say(offers(anOffer()));
    sent('accept');
    say({ kind: 'operation-update', status: { operationId: 'r', state: 'OPERATION_ERROR', message: 'RESERVE is not supported yet' } });
    clock.advance(0);
    expect(dropped).toEqual(['r', 'RESERVE is not supported yet']);
    expect(log.lines).toContain('warn Operation not carried out');
    expect([updates, driver.liveTaskCount, sent('decline')]).toEqual([[], 1, []]);
  });

  test('an id that a live task has is refused before anything is sent', () => {
    const { driver, say, sent } = withTasks(['t1']);
    const errors: unknown[] = [];
    try {
      driver.launch(anOffer({ id: 'o-2' }), [aTask('t1')]);
    } catch (error) {
      errors.push(error);
    }
    expect(isAllotError(errors[0], 'INPUT_REFUSED')).toBe(true);
    // No master could answer by it.
    expect(() => driver.accept([anOffer()], [{ kind: 'launch', tasks: [{ ...driver.launch(anOffer({ id: 'gone' }), [aTask('t2')]).launched[0]!.task, taskId: 'a/b' as never }] }])).toThrow(/taskId/);
    expect(sent('accept')).toEqual([]);
    say(update(aStatus('t1', 'TASK_FINISHED')));
    expect(driver.launch(anOffer({ id: 'o-2' }), [aTask('t1')]).launched).toHaveLength(1);
  });

  test('offers that arrive while an async handler works come in one batch after it', async () => {
    const batches: string[][] = [];
    let done = (): void => undefined;
    const { subscribe, say } = aDriver({
      offers: (list, driver) => {
        batches.push(list.map(({ id }) => id));
        driver.hold(...list);
        return new Promise<void>((resolve) => (done = resolve));
      },
    });
    subscribe();
    say(offers(anOffer({ id: 'o-1' })));
    say(offers(anOffer({ id: 'o-2' })));
    say(offers(anOffer({ id: 'o-3' })), { kind: 'rescind', offerId: anOffer({ id: 'o-2' }).id });
    done();
    await settle();
    expect(batches).toEqual([['o-1'], ['o-3']]);
  });
});

describe('demand', () => {
  test('without demand the subscription is suppressed, and saying the same twice says nothing', () => {
    const { driver, connect, subscribe, sent } = aDriver();
    driver.setDemand(false);
    connect();
    expect(sent('subscribe')).toMatchObject([{ suppressedRoles: ['*'] }]);
    subscribe();
    driver.setDemand(false);
    expect(sent('suppress')).toEqual([]);
    driver.setDemand(true);
    driver.setDemand(true);
    expect(sent('revive')).toEqual([{ kind: 'revive', roles: ['*'] }]);
  });

  test('demand that changed between SUBSCRIBE and its answer, or without a session, is made up for', () => {
    const { driver, connect, say, sent, cut } = aDriver({ roles: ['a', 'b'] });
    connect();
    driver.setDemand(['a']);
    say(subscribed());
    expect(sent('suppress')).toEqual([{ kind: 'suppress', roles: ['b'] }]);
    cut();
    driver.setDemand(['b']);
    connect();
    expect(sent('subscribe')).toMatchObject([{ suppressedRoles: ['a'] }]);
  });

  test('the demand function is asked after every handler: the driver suppresses when nothing is left and revives when something is', () => {
    let pending = 1;
    const { subscribe, say, kinds } = aDriver({
      demand: () => pending > 0,
      offers: ([offer], driver) => {
        pending -= driver.launch(offer!, [aTask('t1')]).launched.length;
      },
      update: () => {
        pending += 1;
      },
    });
    subscribe();
    say(offers(anOffer()));
    expect(kinds()).toEqual(['subscribe', 'accept', 'suppress']);
    say(update(aStatus('t1', 'TASK_LOST')));
    expect(kinds()).toEqual(['acknowledge', 'revive']);
  });

  test('offers for a role without demand go back unseen, and so do held ones', () => {
    const seen: string[] = [];
    const { driver, subscribe, say, sent } = aDriver({
      roles: ['a', 'b'],
      offers: (list, self) => {
        seen.push(...list.map(({ id }) => id));
        self.hold(...list);
      },
    });
    subscribe();
    say(offers(anOffer({ id: 'o-a', role: 'a' })));
    driver.setDemand(['b']);
    expect(sent('decline')).toMatchObject([{ offerIds: ['o-a'] }]);
    say(offers(anOffer({ id: 'o-a2', role: 'a' })));
    expect(sent('decline')).toMatchObject([{ offerIds: ['o-a2'] }]);
    expect(seen).toEqual(['o-a']);
  });
});

describe('calls', () => {
  test('what is said within one turn leaves as one batch', () => {
    const { subscribe, say, dialer } = aDriver({ offers: ([offer], driver) => void (driver.launch(offer!, [aTask('t1')]), driver.kill('t0')) });
    subscribe();
    dialer.link.take();
    say(offers(anOffer()), update(aStatus('t9', 'TASK_RUNNING')));
    expect(dialer.link.batches.map((batch) => batch.map(({ call }) => call.kind))).toEqual([['acknowledge', 'accept', 'kill']]);
    const numbers = dialer.link.take().map(({ number }) => number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(new Set(numbers).size).toBe(3);
  });

  test('without a session every call says so', () => {
    const { driver } = aDriver();
    const no = { sent: false, reason: 'not-subscribed' };
    expect([driver.message(agent, 'e' as never, 'hi'), driver.decline([anOffer()]), driver.reconcile(), driver.revive()]).toEqual([no, no, no, no]);
  });
});

describe('sizes', () => {
  const mib = 1024 * 1024;
  const large = (id: string, bytes: number) => ({ ...aTask(id), data: new Uint8Array(bytes) });

  test('a task that is too large is refused by the name of what is large in it, and nothing is sent: neither the offer nor the session is lost', () => {
    const { driver, subscribe, say, kinds } = aDriver({ offers: (list, self) => self.hold(...list) });
    subscribe();
    say(offers(anOffer({ id: 'o-1' })));
    kinds();
    expect(() => driver.launch(driver.openOffers, [large('t1', 9_000_000)])).toThrow(/^tasks\[0\]\.data: current value is "90\d+ bytes.*", expected at most 1048576 bytes$/);
    expect(() => driver.message(agent, executorId('e'), new Uint8Array(mib + 1))).toThrow('data: current value is "1048577 bytes", expected at most 1048576 bytes');
    expect([kinds(), driver.openOffers.length, driver.liveTaskCount]).toEqual([[], 1, 0]);
    expect(driver.message(agent, executorId('e'), new Uint8Array(mib))).toEqual({ sent: true });
  });

  test('of many large tasks as many are launched as one call can carry, in the order given; the rest is for another offer', () => {
    const { driver, subscribe, say, sent } = aDriver({ offers: (list, self) => self.hold(...list) });
    subscribe();
    say(offers(anOffer({ id: 'o-1', resources: 'cpus:1000;mem:100000' })));
    const drafts = Array.from({ length: 20 }, (_, index) => large(`t${index}`, 900_000));
    const { launched, rest } = driver.launch(driver.openOffers, [drafts[0]!, { ...aTask('too big'), resources: resources('cpus:2000') }, ...drafts.slice(1)]);
    expect(launched.map(({ taskId: id }) => id)).toEqual(['t0', 't1', 't2', 't3', 't4', 't5', 't6', 't7']);
    expect(rest.map(({ name }) => name)).toEqual(['too big', ...drafts.slice(8).map(({ name }) => name)]);
    expect(sent('accept')).toHaveLength(1);
    say(offers(anOffer({ id: 'o-2', resources: 'cpus:1000;mem:100000' })));
    const tasks = drafts.slice(8).map((draft) => ({ ...draft, taskId: taskId(draft.name), agentId: agent }));
    expect(() => driver.accept(driver.openOffers, [{ kind: 'launch', tasks }])).toThrow(/^tasks: current value is "\d+ bytes", expected at most 7340032 bytes in one call$/);
  });

  test('no more tasks are launched in one call than a master takes of a framework that describes itself at length', () => {
    const { driver, subscribe, say, sent } = aDriver({ labels: { note: 'x'.repeat(60_000) }, offers: (list, self) => self.hold(...list) });
    subscribe();
    say(offers(anOffer({ id: 'o-1', resources: 'cpus:1000;mem:100000' })));
    const { launched, rest } = driver.launch(driver.openOffers, Array.from({ length: 200 }, (_, index) => aTask(`t${index}`)));
    const [{ frameworkInfo } = { frameworkInfo: undefined }] = sent('subscribe');
    expect([launched.length + rest.length, launched.length > 100]).toEqual([200, true]);
    expect(launched.length * sizeOf({ ...frameworkInfo, id: framework })).toBeLessThanOrEqual(burstBytesMax);
  });

  test('questions about many tasks are asked in parts', () => {
    const { driver, subscribe, sent } = aDriver();
    subscribe();
    driver.reconcile(Array.from({ length: 2_500 }, (_, index) => taskId(`t${index}`)));
    expect(sent('reconcile').map(({ tasks }) => tasks.length).sort()).toEqual([1_000, 1_000, 500].sort());
  });
});

describe('garbage', () => {
  test('events out of place, of other frameworks, repeated or unknown change nothing and end nothing', () => {
    const seen: string[] = [];
    const { connect, subscribe, say, ends, driver, kinds } = aDriver({ offers: (list) => void seen.push(...list.map(({ id }) => id)) });
    connect();
    kinds();
    say(offers(anOffer({ id: 'early' })), update(aStatus('t1', 'TASK_RUNNING')), { kind: 'refused', number: 7, callKind: 'ACCEPT', refusal: { field: 'f', value: 'v', expected: 'e' } });
    expect(kinds()).toEqual([]);
    subscribe();
    say(subscribed(), { kind: 'martian' } as never, { kind: 'rescind', offerId: 'nobody' as never }, { kind: 'refused', number: 0, callKind: 'UNKNOWN', refusal: { field: 'f', value: 'v', expected: 'e' } });
    say(offers(anOffer({ id: 'foreign', frameworkId: 'f-2' as never }), anOffer({ id: 'mine' }), anOffer({ id: 'mine' })));
    say(update(aStatus('unheard-of', 'TASK_RUNNING', { uuid: undefined })), { kind: 'failure', agentId: agent }, { kind: 'heartbeat' });
    expect({ seen, ends, isSubscribed: driver.isSubscribed }).toEqual({ seen: ['mine'], ends: [], isSubscribed: true });
  });

  test('an answer for another framework is not believed', () => {
    const { subscribe, say, connect, cut, driver, dialer, clock } = aDriver();
    subscribe();
    cut();
    connect();
    say(subscribed('f-2' as never));
    expect(driver.frameworkId).toBe(framework);
    clock.advance(10_000);
    expect(dialer.links).toHaveLength(3);
  });

  test.each(['subscribed', 'offers', 'rescinded', 'operationUpdate', 'message', 'failure', 'refused', 'disconnected', 'error'] as const)(
    'a throwing `%s` handler is survived',
    (handler) => {
      const broken = (): never => {
        throw new Error('broken');
      };
      const { subscribe, say, cut, ends, clock, driver } = aDriver({ [handler]: broken, demand: broken });
      subscribe();
      say(offers(anOffer()), { kind: 'message', agentId: agent, executorId: 'e' as never, data: new Uint8Array() }, { kind: 'failure', agentId: agent });
      say({ kind: 'operation-update', status: { state: 'OPERATION_ERROR' } });
      say({ kind: 'refused', number: 0, callKind: 'KILL', refusal: { field: 'f', value: 'v', expected: 'e' } }, { kind: 'rescind', offerId: anOffer().id });
      cut();
      clock.advance(10_000);
      subscribe();
      expect({ ends, isSubscribed: driver.isSubscribed }).toEqual({ ends: [], isSubscribed: true });
    },
  );
});

describe('stop', () => {
  test('a stop inside the handler acknowledges first, tears down, and has ended when the master confirmed', () => {
    const { subscribe, say, kinds, clock, dialer, ends, log } = aDriver({ update: (_status, driver) => driver.stop() });
    subscribe();
    kinds();
    say(update(aStatus('t1', 'TASK_FINISHED')));
    clock.advance(0);
    expect(kinds()).toEqual(['acknowledge', 'teardown']);
    expect(ends).toEqual([]);
    dialer.link.cut({ kind: 'closed' });
    expect(ends).toEqual([{}]);
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([]); // It is what was asked for.
    expect(clock.pendingCount).toBe(0);
  });

  test('a teardown that may have been lost is said again in the next session', () => {
    const { driver, subscribe, kinds, clock, cut, say, ends } = aDriver();
    subscribe();
    driver.stop();
    clock.advance(0);
    cut();
    clock.advance(3_000);
    expect(kinds()).toEqual(['subscribe']);
    say(subscribed());
    expect(kinds()).toEqual(['teardown']);
    say({ kind: 'error', message: 'Framework has been removed' });
    expect(ends).toEqual([{}]);
  });

  test('without a master a stop ends by itself', () => {
    const { driver, subscribe, cut, clock, ends } = aDriver();
    subscribe();
    cut();
    driver.stop();
    clock.advance(stopTimeoutMs);
    expect(ends).toEqual([{}]);
    expect(clock.pendingCount).toBe(0);
  });

  test('a stop for a successor tears nothing down, and no handler begins after it', () => {
    const { driver, subscribe, say, kinds, clock, ends, updates, dialer } = aDriver();
    subscribe();
    kinds();
    driver.stop({ failover: true });
    say(update(aStatus('t1', 'TASK_FINISHED')));
    clock.advance(0);
    expect({ updates, ends, isOpen: dialer.link.isOpen }).toEqual({ updates: [], ends: [{}], isOpen: false });
    expect(kinds()).toEqual([]);
    expect(driver.kill('t1')).toEqual({ sent: false, reason: 'stopped' });
  });
});
