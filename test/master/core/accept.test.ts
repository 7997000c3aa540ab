// Accept: offers become tasks, or every task is answered.
//
// Proves the table of offer validation (first failure wins, own offers void, foreign ones untouched), what each operation of a call takes, and
// that nothing of an offer is lost whatever the call says.

import type { OfferOperation } from '../../../common/model/offer';
import type { TaskInfo } from '../../../common/model/task';
import { offerId, taskId } from '../../../common/model/ids';
import { Resources } from '../../../common/model/resources';
import { wireType } from '../../../proto/loader';
import { decodeSchedulerCall, encodeSchedulerCall } from '../../../proto/scheduler-codec';
import { aCommand, amounts, anAgentInfo, anExecutor, anExecutorTask, aTask, launch, ScriptedMaster, type ScriptedAgent } from './scripted-master';

/** Two agents, all of which `mine` holds as O0 and O1. */
function twoAgents(capabilities: readonly ('MULTI_ROLE' | 'PARTITION_AWARE')[] = ['MULTI_ROLE', 'PARTITION_AWARE']) {
  const master = new ScriptedMaster();
  master.registered({ hostname: 'one' });
  master.registered({ hostname: 'two' });
  const mine = master.subscribed({ capabilities });
  master.skip();
  const agentOf = (offer: string): string => mine.offers.find(({ id }) => id === `m-${offer}`)?.agentId ?? '';
  return { master, mine, agentOf };
}

test.each([
  ['gone', ['O9']],
  ['named twice', ['O0', 'O0']],
  ['none', []],
  ['of two agents', ['O0', 'O1']],
])('with offers that are %s, each task is dropped, or lost for a framework that knows no better, and the offers return', (_claim, offers) => {
  for (const [told, capabilities] of [
    ['TASK_DROPPED', ['MULTI_ROLE', 'PARTITION_AWARE']],
    ['TASK_LOST', ['MULTI_ROLE']],
  ] as const) {
    const { master, mine, agentOf } = twoAgents(capabilities);
    mine.accept(offers, [launch(aTask('t', agentOf('O0')), aTask('u', agentOf('O0')))]);
    expect(master.trace(0)).toEqual([`s3 update t ${told} master REASON_INVALID_OFFERS`, `s3 update u ${told} master REASON_INVALID_OFFERS`]);
    const voided = new Set(offers.filter((offer) => offer !== 'O9')).size;
    expect(master.trace(2_000).join().match(/@S/g) ?? []).toHaveLength(voided);
  }
});

test('one gone offer among good ones voids all of them', () => {
  const { master, mine, agentOf } = twoAgents();
  mine.accept(['O0', 'O9'], [launch(aTask('t', agentOf('O0')))]);
  expect(master.trace(0)).toEqual(['s3 update t TASK_DROPPED master REASON_INVALID_OFFERS']);
  mine.accept(['O0'], [launch(aTask('t', agentOf('O0')))]);
  expect(master.trace(0)).toEqual(['s3 update t TASK_DROPPED master REASON_INVALID_OFFERS']);
});

test('offers of two roles cannot be used together', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed({ roles: ['a'] });
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0', 'cpus:1;mem:96'))]);
  master.skip(1_500);
  scheduler.call({ kind: 'suppress', roles: ['a'] });
  scheduler.call({
    kind: 'update-framework',
    frameworkInfo: frameworkOf(master, ['a', 'b']),
    suppressedRoles: ['a'],
    offerConstraints: new Map(),
  });
  agent.update(scheduler.frameworkId, 't', 'TASK_FINISHED', 1);
  master.skip(1_500);
  expect(scheduler.offers.map(({ role }) => role)).toEqual(['a', 'a', 'b']);
  scheduler.accept(['O1', 'O2'], [launch(aTask('u', 'm-S0'))]);
  expect(master.trace(0)).toEqual(['s2 update u TASK_DROPPED master REASON_INVALID_OFFERS']);
});

function frameworkOf(master: ScriptedMaster, roles: string[]) {
  const reply = master.ask({ kind: 'get-frameworks' });
  const info = reply.kind === 'frameworks' ? reply.frameworks[0]?.info : undefined;
  if (info === undefined) throw new Error('no framework');
  return { ...info, roles };
}

test('several offers of one agent and role are one purse', () => {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed();
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0', 'cpus:2;mem:2048'))]);
  master.skip(1_500); // O1: the rest.
  agent.update(scheduler.frameworkId, 't', 'TASK_FINISHED', 1);
  master.skip(); // O2: what t had.
  scheduler.accept(['O1', 'O2'], [launch(aTask('u', 'm-S0', 'cpus:4;mem:4096'))]);
  expect(master.trace(0)).toEqual(['a1 run-task u on a new executor']);
});

test('tasks are taken one by one: one that does not fit is an error, the next is still tried', () => {
  const { master, mine, agentOf } = twoAgents();
  const agent = agentOf('O0');
  mine.accept(['O0'], [launch(aTask('a', agent, 'cpus:3'), aTask('b', agent, 'cpus:2'), aTask('c', agent, 'cpus:1'), aTask('c', agent, 'mem:64'))]);
  expect(master.trace(0).map((line) => line.replace(/^[as]\d /, ''))).toEqual([
    'run-task a on a new executor',
    'run-task c on a new executor',
    'update b TASK_ERROR master REASON_TASK_INVALID',
    'update c TASK_ERROR master REASON_TASK_INVALID',
  ]);
});

/** As a decoder sets apart what it cannot read. */
const refusal = { field: 'accept.operations[0].launch.task_infos[1].resources[0].scalar.value', value: '0.5', expected: 'a whole number of gpus' };

test('of fifty tasks the one that cannot be read is an error, and forty-nine run', () => {
  const { master, mine, agentOf } = twoAgents();
  const agent = agentOf('O0');
  const tasks = Array.from({ length: 49 }, (_, i) => aTask(`t${i}`, agent, 'cpus:0.05'));
  mine.accept(['O0'], [{ ...launch(...tasks), unreadable: [{ taskId: taskId('bad'), refusal }] }]);
  expect(master.trace(0).filter((line) => line.startsWith('s'))).toEqual(['s3 update bad TASK_ERROR master REASON_TASK_INVALID']);
  expect(mine.updates.at(-1)?.message).toBe(`${refusal.field}: current value is 0.5, expected a whole number of gpus`);
  expect(master.core.counters).toMatchObject({ tasksLaunched: 49, tasksEnded: { TASK_ERROR: 1 }, schedulerCallsRefused: 0 });
});

test('the same from bytes to agents: one task with half a gpu among fifty', () => {
  const { master, mine, agentOf } = twoAgents();
  const tasks = Array.from({ length: 50 }, (_, i) => aTask(`t${i}`, agentOf('O0'), i === 20 ? 'gpus:1' : 'cpus:0.05'));
  const type = wireType('scheduler', 'SchedulerCall');
  const wire = encodeSchedulerCall({ number: 9, call: { kind: 'accept', offerIds: [offerId('m-O0')], operations: [launch(...tasks)], filters: { refuseSeconds: 0 } } });
  const gpus = wire.accept?.operations?.[0]?.launch?.task_infos?.[20]?.resources?.[0]?.scalar;
  if (!gpus) throw new Error('no gpus');
  gpus.value = 0.5;
  master.step({ kind: 'scheduler-calls', session: mine.session, calls: [decodeSchedulerCall(type.deserialize(type.serialize(wire)))] });
  expect(mine.events.at(-1)).toMatchObject({ kind: 'update', status: { taskId: 't20', state: 'TASK_ERROR', message: expect.stringContaining('task_infos[20].resources[0].scalar.value') as string } });
  expect(master.core.counters.tasksLaunched).toBe(49);
});

test('a task without a readable id is answered as a part of its operation, naming its place; an operation that cannot be read by its tasks or itself', () => {
  const { master, mine, agentOf } = twoAgents();
  const operations: OfferOperation[] = [
    { ...launch(), unreadable: [{ refusal: { ...refusal, field: 'accept.operations[0].launch.task_infos[7].task_id' } }] },
    { kind: 'unreadable', type: 'LAUNCH_GROUP', refusal, unreadable: [{ taskId: taskId('g'), refusal }] },
    { kind: 'unreadable', type: 'RESERVE', id: 'r', refusal, unreadable: [] },
    launch(aTask('t', agentOf('O0'))),
  ];
  mine.accept(['O0'], operations);
  expect(master.trace(0).filter((line) => line.startsWith('s'))).toEqual([
    's3 operation-update OPERATION_ERROR',
    's3 update g TASK_ERROR master REASON_TASK_GROUP_INVALID',
    's3 operation-update OPERATION_ERROR r',
  ]);
  expect(mine.events.find((event) => event.kind === 'operation-update')).toMatchObject({ status: { message: expect.stringContaining('task_infos[7].task_id') as string } });
  expect(master.core.counters.tasksLaunched).toBe(1);
  mine.accept(['O9'], operations.slice(0, 2));
  expect(master.trace(0)).toEqual(['s3 operation-update OPERATION_ERROR', 's3 update g TASK_DROPPED master REASON_INVALID_OFFERS']);
});

test('a LAUNCH of nothing but tasks that cannot be read is no DECLINE: it is answered, and its offers are used up', () => {
  const { master, mine } = twoAgents();
  mine.accept(['O0'], [{ ...launch(), unreadable: [{ taskId: taskId('bad'), refusal }] }], 60);
  expect(master.trace(1_500)).toEqual(['s3 update bad TASK_ERROR master REASON_TASK_INVALID']);
  expect(master.core.gauges().offersOutstanding).toBe(1);
});

test('a message about a task quotes at most a thousand characters of what its framework said', () => {
  const { mine, agentOf } = twoAgents();
  mine.accept(['O0'], [launch(aTask('t', agentOf('O0'), 'cpus:1', { command: aCommand({ environment: [{ name: 'x'.repeat(100_000), type: 'VALUE' }] }) }))]);
  expect(mine.updates.at(-1)?.message).toHaveLength(1_000);
});

test('operations of later releases are dropped by name, each with its own answer, and the operations after them still run', () => {
  const { master, mine, agentOf } = twoAgents();
  const agent = agentOf('O0');
  const operations: OfferOperation[] = [
    { kind: 'reserve', resources: amounts('cpus:1'), source: Resources.empty },
    { kind: 'grow-volume', id: 'grow', volume: Resources.empty, addition: Resources.empty },
    { kind: 'launch-group', executor: anExecutor('pod'), tasks: [aTask('g', agent)] },
    { kind: 'launch-group', id: 'empty', executor: anExecutor('pod'), tasks: [] },
    { kind: 'launch', id: 'op', tasks: [aTask('i', agent)] },
    launch(aTask('t', agent)),
  ];
  mine.accept(['O0'], operations);
  expect(master.trace(0).filter((line) => line.startsWith('s'))).toEqual([
    's3 operation-update OPERATION_ERROR',
    's3 operation-update OPERATION_ERROR grow',
    's3 update g TASK_ERROR master REASON_TASK_GROUP_INVALID',
    's3 operation-update OPERATION_ERROR empty',
    's3 update i TASK_ERROR master REASON_TASK_INVALID',
  ]);
  expect(mine.events.find((event) => event.kind === 'operation-update')).toEqual({
    kind: 'operation-update',
    status: { state: 'OPERATION_ERROR', message: 'accept.operations[0].type: current value is "RESERVE", expected LAUNCH: RESERVE is not supported yet by this master', agentId: agent },
  });
  expect(master.core.counters).toMatchObject({ tasksLaunched: 1, operationsDropped: 3, schedulerCallsRefused: 0 });
});

test('with offers that cannot be used, every operation is answered, and none of the answers says that the call changed nothing', () => {
  const { master, mine, agentOf } = twoAgents();
  const agent = agentOf('O0');
  mine.accept(['O0', 'O9'], [{ kind: 'unreserve', id: 'u', resources: amounts('cpus:1') }, launch(aTask('t', agent)), { kind: 'launch-group', executor: anExecutor('pod'), tasks: [aTask('g', agent)] }]);
  expect(master.trace(0)).toEqual([
    's3 operation-update OPERATION_ERROR u',
    's3 update t TASK_DROPPED master REASON_INVALID_OFFERS',
    's3 update g TASK_DROPPED master REASON_INVALID_OFFERS',
  ]);
  expect(mine.events.find((event) => event.kind === 'operation-update')).toMatchObject({ status: { message: 'Offer m-O9 is no longer valid' } });
});

test('an ACCEPT that launches nothing is a DECLINE', () => {
  const { master, mine } = twoAgents();
  mine.accept(['O0'], [], 60);
  mine.accept(['O1'], [launch()], 60);
  expect(master.trace(59_000)).toEqual([]);
  expect(master.core.counters).toMatchObject({ offersDeclined: 2, offersAccepted: 0 });
});

test('an ACCEPT that launches nothing passes over offers that are gone, as a DECLINE does; one without offers is refused', () => {
  const { master, mine } = twoAgents();
  mine.accept(['O0', 'O9', 'O1', 'O0'], [], 60);
  expect(master.trace(0)).toEqual([]);
  expect(master.core.counters).toMatchObject({ offersDeclined: 2, offersDiscarded: 0 });
  mine.accept([], [launch()]);
  expect(master.trace(0)).toEqual(['s3 refused accept accept.offer_ids']);
});

test("a DECLINE that names another framework's offer is refused and changes nothing: none of the sender's own offers goes back", () => {
  const { master, mine } = twoAgents();
  master.registered({ hostname: 'three' });
  const other = master.subscribed({ name: 'other' });
  master.skip();
  const foreign = other.offers[0]?.id.slice(2) ?? '';
  mine.decline(['O0', foreign, 'O1']);
  mine.accept(['O0', foreign, 'O1'], []);
  expect(master.trace(0)).toEqual(['s3 refused decline decline.offer_ids[1]', 's3 refused accept accept.offer_ids[1]']);
  expect(master.core.gauges().offersOutstanding).toBe(3);
  mine.decline(['O0', 'O1']);
  expect(master.core.counters.offersDeclined).toBe(2);
});

test("another framework's offer is neither used nor ended by ACCEPT or DECLINE", () => {
  const { master, mine, agentOf } = twoAgents();
  const thief = master.subscribed({ name: 'thief' });
  master.skip();
  thief.accept(['O0'], [launch(aTask('t', agentOf('O0')))]);
  thief.accept(['O0'], []);
  thief.decline(['O0', 'O9']);
  expect(master.trace(0)).toEqual(['s4 update t TASK_DROPPED master REASON_INVALID_OFFERS', 's4 refused accept accept.offer_ids[0]', 's4 refused decline decline.offer_ids[0]']);
  mine.accept(['O0'], [launch(aTask('t', agentOf('O0')))]);
  expect(master.trace(0)).toHaveLength(1);
  expect(master.core.counters.tasksLaunched).toBe(1);
});

test('lists beyond their bound are refused, and the offers stay', () => {
  const { master, mine, agentOf } = twoAgents();
  const tasks = Array.from({ length: 10_001 }, () => aTask('t', agentOf('O0')));
  mine.accept(['O0'], [launch(...tasks)]);
  mine.accept(Array.from({ length: 10_001 }, () => 'O0'), []);
  mine.decline(Array.from({ length: 10_001 }, () => 'O0'));
  expect(master.trace(0)).toEqual(['s3 refused accept accept.operations', 's3 refused accept accept.offer_ids', 's3 refused decline decline.offer_ids']);
  expect(master.core.gauges().offersOutstanding).toBe(2);
});

test('what one call makes of small tasks and a large framework is bounded, as a copy of its info goes along with each', () => {
  const master = new ScriptedMaster();
  master.registered();
  const large = master.subscribed({ labels: [{ key: 'x'.repeat(60_000) }] });
  master.skip();
  const tasks = Array.from({ length: 200 }, (_, i) => aTask(`t${i}`, 'm-S0', 'cpus:0.001'));
  large.accept(['O0'], [launch(...tasks)]);
  expect(master.trace(0)).toEqual(['s2 refused accept accept.operations']);
  expect(large.events.at(-1)).toMatchObject({ refusal: { expected: expect.stringMatching(/^at most 139 tasks in one call/) as string } });
  large.accept(['O0'], [launch(...tasks.slice(0, 139))]);
  expect(master.core.counters.tasksLaunched).toBe(139);
});

test('executors of one framework are described in a bounded number of bytes, and one that ends makes room', () => {
  const master = new ScriptedMaster();
  const agent = master.registered({ resources: amounts('cpus:1000;mem:100000') });
  const scheduler = master.subscribed();
  master.skip();
  const tasks = Array.from({ length: 66 }, (_, i) => anExecutorTask(`t${i}`, 'm-S0', anExecutor(`e${i}`, 'cpus:0.1', { data: new Uint8Array(1024 * 1024 - 2_000) }), 'cpus:0.1'));
  const sent = (): number => master.core.counters.tasksLaunched;
  // As many at a time as are sent to an agent before it has read them.
  for (let next = 0; next < 65; next += 13) {
    scheduler.accept([scheduler.offers.at(-1)?.id.slice(2) ?? ''], [launch(...tasks.slice(next, next + 13))], 0);
    for (let i = 0; i < 3; i++) agent.say({ kind: 'pong' });
    master.skip(1_500);
  }
  expect([sent(), scheduler.updates.filter(({ source }) => source === 'SOURCE_MASTER').at(-1)?.message]).toEqual([64, expect.stringContaining('would take more than 67108864 bytes to describe') as string]);
  const open = scheduler.offers.at(-1)?.id.slice(2) ?? '';
  agent.say({ kind: 'exited-executor', frameworkId: scheduler.frameworkId, executorId: tasks[0]!.executor!.executorId, status: 0 });
  scheduler.accept([open], [launch(...tasks.slice(65))]);
  expect(sent()).toBe(65);
});

describe('launches that an agent may not have read', () => {
  /** An agent that has room for everything, and answers no ping unless it is told to. */
  function aSlowAgent() {
    const master = new ScriptedMaster();
    const resources = amounts('cpus:1000;mem:100000');
    const agent = master.registered({ resources });
    const scheduler = master.subscribed();
    master.skip();
    const dropped = (of = scheduler): readonly string[] => of.updates.flatMap(({ taskId: id, state }) => (state === 'TASK_DROPPED' ? [id] : []));
    const use = (tasks: readonly TaskInfo[], of = scheduler, on = 'm-S0'): void => {
      master.skip(1_500);
      of.accept([of.offers.filter(({ agentId }) => agentId === on).at(-1)?.id.slice(2) ?? ''], [launch(...tasks)], 0);
    };
    return { master, agent, resources, scheduler, dropped, use };
  }
  const large = (id: string, on = 'm-S0'): TaskInfo => ({ ...aTask(id, on, 'cpus:0.1'), data: new Uint8Array(1024 * 1024 - 2_000) });
  const many = (prefix: string, count: number): readonly TaskInfo[] => Array.from({ length: count }, (_, i) => large(`${prefix}${i}`));
  const pings = (agent: ScriptedAgent): number => agent.messages.filter(({ kind }) => kind === 'ping').length;

  test('are bounded in bytes: a task beyond is dropped, and may be launched when the agent has answered a ping behind the others', () => {
    const { master, agent, scheduler, dropped, use } = aSlowAgent();
    master.registered({ hostname: 'other' });
    use([...many('t', 17), aTask('small', 'm-S0', 'cpus:0.1')]);
    expect(dropped()).toEqual(['t16']);
    expect(scheduler.updates.at(-1)?.message).toMatch(/^Launches of 16\d{6} bytes are under way to agent m-S0, at most 16777216 are sent before it has read them/);
    expect(pings(agent)).toBe(2); // The first came with the registration.
    use([large('elsewhere', 'm-S1')], scheduler, 'm-S1');
    expect(dropped()).toEqual(['t16']); // Another agent is none of its business.
    // What is heard of the tasks says nothing of what was sent behind them.
    agent.update(scheduler.frameworkId, 't0', 'TASK_STARTING', 1);
    use([large('u')]);
    expect(dropped()).toEqual(['t16', 'u']);
    agent.say({ kind: 'pong' }); // It has read two.
    expect(pings(agent)).toBe(3);
    use(many('v', 3));
    expect(dropped()).toEqual(['t16', 'u', 'v2']);
    for (let i = 0; i < 3; i++) agent.say({ kind: 'pong' });
    use(many('w', 16));
    expect(dropped()).toEqual(['t16', 'u', 'v2']);
  });

  test('count whatever becomes of their tasks and framework', () => {
    const { master, scheduler, dropped, use } = aSlowAgent();
    scheduler.call({ kind: 'teardown' });
    for (let round = 0; round < 4; round++) {
      const passing = master.subscribed({ name: `passing ${round}` });
      use(many(`t${round}-`, 8), passing);
      expect(dropped(passing)).toHaveLength(round < 2 ? 0 : 8);
      passing.call({ kind: 'teardown' });
    }
    expect(master.core.counters.tasksLaunched).toBe(16);
  });

  test('do not include those of tasks that stay STAGING for long, so nobody keeps others off an agent', () => {
    const { master, agent, dropped, use } = aSlowAgent();
    use(many('t', 16));
    for (let i = 0; i < 2; i++) agent.say({ kind: 'pong' });
    const another = master.subscribed({ name: 'another' });
    use(many('a', 16), another);
    expect(dropped(another)).toEqual([]);
  });

  test('are none in a new session', () => {
    const { master, agent, resources, dropped, use } = aSlowAgent();
    use(many('t', 16));
    agent.close();
    const again = master.agent();
    again.reregister('m-S0', { info: { ...anAgentInfo(), resources } });
    again.say({ kind: 'pong' });
    use(many('u', 16));
    expect(dropped()).toEqual([]);
  });

  test('cost no ping when they are small', () => {
    const { agent, use } = aSlowAgent();
    use(Array.from({ length: 500 }, (_, i) => aTask(`t${i}`, 'm-S0', 'cpus:0.1')));
    expect(pings(agent)).toBe(1);
  });
});

test('an offer says all of the agent that a scheduler may read', () => {
  const master = new ScriptedMaster();
  const attributes = [{ name: 'rack', kind: 'text', text: 'r2' }] as const;
  master.registered({ ...anAgentInfo(), port: 5051, attributes, domain: { faultDomain: { region: 'eu', zone: 'a' } } });
  const scheduler = master.subscribed();
  master.skip();
  expect(scheduler.offers[0]).toMatchObject({ hostname: 'pi', url: { address: { hostname: 'pi', port: 5051 } }, attributes, domain: { faultDomain: { zone: 'a' } }, executorIds: [] });
});

test('a framework that launches and returns the rest has a use for offers, and goes before one that returns everything', () => {
  const master = new ScriptedMaster();
  master.registered();
  master.registered({ hostname: 'pi2' });
  const busy = master.subscribed();
  const idle = master.subscribed({ name: 'idle' });
  master.skip();
  const [offer] = busy.offers;
  expect([busy.offers.length, idle.offers.length]).toEqual([1, 1]);
  busy.accept([master.short(offer?.id ?? '')], [launch(aTask('t', offer?.agentId ?? ''))], 0);
  idle.decline([master.short(idle.offers[0]?.id ?? '')], 0);
  master.skip(1_000);
  // By shares alone it would be the idle one's turn: it holds nothing.
  expect([busy.offers.length, idle.offers.length]).toEqual([3, 1]);
});
