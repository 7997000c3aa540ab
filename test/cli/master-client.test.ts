// Proves Q1 to Q3: a question finds the leader wherever it is told to look, waits while nobody leads, and says plainly when nobody is there.
//
// How: fake masters that answer by script; a fake clock for patience.

import { MasterClient } from '../../cli/master-client';
import { isAllotError } from '../../common/errors';
import { staticAddresses, type AddressSource } from '../../common/leader-session';
import { frameworkId, taskId } from '../../common/model/ids';
import type { OperatorOutcome } from '../../proto/grpc-operator';
import { fakeEnvironment, settle, type FakeEnvironment } from '../common/fake-environment';
import { FakeMasters, type Script } from './fake-masters';

const leads: Script = () => ({ kind: 'replied', reply: { kind: 'agents', agents: [], omittedCount: 0 } });
const pointsTo =
  (leader?: string): Script =>
  () => ({ kind: 'not-leader', ...(leader === undefined ? {} : { leader }) });
const never = new AbortController().signal;

function clientOf(masters: FakeMasters, addresses: readonly string[], environment: FakeEnvironment = fakeEnvironment()): MasterClient {
  return new MasterClient({ location: { kind: 'static', addresses }, environment, connect: masters.connect, addresses: staticAddresses(addresses) });
}

/** Lets time pass until the promise is decided. */
async function after<T>(environment: FakeEnvironment, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const over = (): void => void (isOver = true);
  promise.then(over, over);
  while (!isOver) {
    await settle();
    if (!isOver) environment.clock.advance(environment.clock.nextInMs ?? 0);
  }
  return await promise;
}

test.each<[claim: string, masters: Record<string, Script>, addresses: readonly string[], path: readonly string[]]>([
  ['a leader answers at once', { 'a:1': leads }, ['a:1'], ['a:1']],
  ['a standby points to the leader, also to one that was not named', { 'a:1': pointsTo('b:1'), 'b:1': leads }, ['a:1'], ['a:1', 'b:1']],
  ['a dead master is passed over', { 'b:1': leads }, ['a:1', 'b:1'], ['a:1', 'b:1']],
  ['a standby that knows no leader is passed over', { 'a:1': pointsTo(), 'b:1': leads }, ['a:1', 'b:1'], ['a:1', 'b:1']],
  ['a hint to a dead master does not end the round', { 'a:1': pointsTo('x:1'), 'b:1': leads }, ['a:1', 'b:1'], ['a:1', 'x:1', 'b:1']],
])('%s', async (_claim, scripts, addresses, path) => {
  const masters = new FakeMasters(scripts);
  const client = clientOf(masters, addresses);
  expect(await client.ask({ kind: 'get-agents' }, 'agents', never)).toEqual({ kind: 'agents', agents: [], omittedCount: 0 });
  expect(masters.path).toEqual(path);
  client.close();
  expect(masters.openClients).toBe(0);
});

test('the leader once found is asked first from then on', async () => {
  const masters = new FakeMasters({ 'a:1': pointsTo('b:1'), 'b:1': leads });
  const client = clientOf(masters, ['a:1']);
  await client.ask({ kind: 'get-agents' }, 'agents', never);
  await client.ask({ kind: 'get-agents' }, 'agents', never);
  expect(masters.path).toEqual(['a:1', 'b:1', 'b:1']);
});

test('an election under way is waited for', async () => {
  const environment = fakeEnvironment();
  let hasLeader = false;
  const masters = new FakeMasters({ 'a:1': (call) => (hasLeader ? leads(call) : { kind: 'not-leader' }) });
  environment.clock.schedule(3_000, () => (hasLeader = true));
  await after(environment, clientOf(masters, ['a:1'], environment).ask({ kind: 'get-agents' }, 'agents', never));
  expect(environment.clock.nowMs()).toBeGreaterThanOrEqual(3_000);
  expect(environment.clock.nowMs()).toBeLessThan(3_500);
});

test('two standbys that point to each other are given up after the patience, not asked for ever', async () => {
  const environment = fakeEnvironment();
  const masters = new FakeMasters({ 'a:1': pointsTo('b:1'), 'b:1': pointsTo('a:1') });
  await expect(after(environment, clientOf(masters, ['a:1'], environment).ask({ kind: 'get-agents' }, 'agents', never))).rejects.toThrow(/^Cannot ask the master at a:1: .* says that .* leads, but it does not answer as the leader$/);
  expect(environment.clock.nowMs()).toBeLessThan(11_000);
  expect(masters.asked.length).toBeLessThan(400);
});

test('when nobody listens at all, one round is enough, and the sentence says what to do', async () => {
  const environment = fakeEnvironment();
  const error: unknown = await clientOf(new FakeMasters({}), ['a:1', 'b:1'], environment)
    .ask({ kind: 'get-agents' }, 'agents', never)
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    message: 'Cannot ask the master at a:1, b:1: nobody listens there; start a master, e.g. with "allot local", or name another one with --master',
  });
  expect(environment.clock.nowMs()).toBe(0);
});

test('a leader that just died is waited for where etcd will know its successor', async () => {
  const environment = fakeEnvironment();
  let known: readonly string[] = ['dead:1'];
  environment.clock.schedule(4_000, () => (known = ['new:1']));
  const addresses: AddressSource = {
    current: () => known,
    refresh: (done) => {
      const timer = setImmediate(() => done(undefined));
      return () => clearImmediate(timer);
    },
  };
  const masters = new FakeMasters({ 'new:1': leads });
  const client = new MasterClient({ location: { kind: 'etcd', endpoints: ['e:1'], prefix: '/allot' }, environment, connect: masters.connect, addresses });
  await after(environment, client.ask({ kind: 'get-agents' }, 'agents', never));
  expect(masters.path.at(-1)).toBe('new:1');
});

test('an etcd that cannot be reached is named after the patience', async () => {
  const environment = fakeEnvironment();
  const addresses: AddressSource = {
    current: () => [],
    refresh: (done) => {
      const timer = setImmediate(() => done('Cannot reach etcd at e:1'));
      return () => clearImmediate(timer);
    },
  };
  const client = new MasterClient({ location: { kind: 'etcd', endpoints: ['e:1'], prefix: '/allot' }, environment, connect: new FakeMasters({}).connect, addresses });
  await expect(after(environment, client.ask({ kind: 'get-agents' }, 'agents', never))).rejects.toThrow('Cannot ask the master at etcd://e:1/allot: Cannot reach etcd at e:1');
});

test.each<[claim: string, outcome: OperatorOutcome, code: string, message: string | RegExp]>([
  [
    'a refusal keeps its field, value and expectation',
    { kind: 'replied', reply: { kind: 'refused', refusal: { field: 'task_id', value: '"x"', expected: 'a task that runs' } } },
    'INPUT_REFUSED',
    'task_id: current value is "x", expected a task that runs',
  ],
  ['an agent that is away is said so', { kind: 'replied', reply: { kind: 'unavailable', message: 'Agent a is not here' } }, 'OPERATION_FAILED', 'Cannot get an answer: Agent a is not here'],
  ['an answer to another question is not believed', { kind: 'replied', reply: { kind: 'done' } }, 'OPERATION_FAILED', /it answered "done" where "agents" was expected/],
])('%s', async (_claim, outcome, code, message) => {
  const client = clientOf(new FakeMasters({ 'a:1': () => outcome }), ['a:1']);
  const error: unknown = await client.ask({ kind: 'get-agents' }, 'agents', never).catch((reason: unknown) => reason);
  expect(isAllotError(error) && error.code).toBe(code);
  expect(() => {
    throw error;
  }).toThrow(message);
});

test('an abort ends a question that waits for its answer, and one between two rounds', async () => {
  const environment = fakeEnvironment();
  const masters = new FakeMasters({ 'a:1': pointsTo() });
  const stop = new AbortController();
  const asked = clientOf(masters, ['a:1'], environment).ask({ kind: 'kill-task', taskId: taskId('t'), frameworkId: frameworkId('f') }, 'done', stop.signal);
  await settle();
  stop.abort(new Error('enough'));
  await expect(asked).rejects.toThrow('enough');
  await expect(clientOf(masters, ['a:1'], environment).ask({ kind: 'get-agents' }, 'agents', stop.signal)).rejects.toThrow('enough');
  expect(environment.clock.pendingCount).toBe(0);
});
