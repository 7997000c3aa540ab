// gRPC operator: one question, one answer, over a real socket.
//
// Proves:    answers, refusals, the redirect to the leader, time-outs and cancelling, each ending the question exactly once.

import { Client, credentials, Metadata } from '@grpc/grpc-js';

import { RpcServer } from '../../proto/grpc-channel';
import { operatorClient, serveOperator, type OperatorClient, type OperatorHandler, type OperatorOutcome } from '../../proto/grpc-operator';
import { wireType } from '../../proto/loader';
import type { OperatorCall } from '../../common/model/operator-protocol';
import { countingEnvironment, eventually } from './link-probe';

const environment = countingEnvironment();
const cleanups: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await eventually(() => environment.pendingTimers() === 0);
});

async function aMaster(handler: OperatorHandler): Promise<string> {
  const server = new RpcServer(environment.clock);
  serveOperator(server, handler);
  const port = await server.listen('127.0.0.1:0');
  cleanups.push(() => server.close(0));
  return `127.0.0.1:${port}`;
}

function aClient(address: string, timeoutMs?: number): OperatorClient {
  const client = operatorClient(environment, address, timeoutMs === undefined ? {} : { timeoutMs });
  cleanups.push(() => client.close());
  return client;
}

const ask = (client: OperatorClient, call: OperatorCall): Promise<OperatorOutcome> => new Promise((resolve) => void client.ask(call, resolve));

test('a question is answered', async () => {
  const address = await aMaster((call, reply) => reply(call.ok && call.value.kind === 'get-roles' ? { kind: 'roles', roles: [], omittedCount: 0 } : { kind: 'done' }));
  const client = aClient(address);
  expect(await ask(client, { kind: 'get-roles' })).toEqual({ kind: 'replied', reply: { kind: 'roles', roles: [], omittedCount: 0 } });
  expect(await ask(client, { kind: 'get-agents' })).toEqual({ kind: 'replied', reply: { kind: 'done' } });
});

test('a standby names the leader', async () => {
  const client = aClient(await aMaster((_call, reply) => reply({ kind: 'not-leader', leader: '10.0.0.7:5050' })));
  expect(await ask(client, { kind: 'get-master' })).toEqual({ kind: 'not-leader', leader: '10.0.0.7:5050' });
});

test('a second answer is dropped', async () => {
  const client = aClient(
    await aMaster((_call, reply) => {
      reply({ kind: 'done' });
      reply({ kind: 'unavailable', message: 'never seen' });
    }),
  );
  expect(await ask(client, { kind: 'get-master' })).toEqual({ kind: 'replied', reply: { kind: 'done' } });
});

test.each<[claim: string, request: Buffer, field: string]>([
  ['a question that lacks what it is about', wireType('operator', 'OperatorCall').serialize({ kill_task: {} }), 'kill_task.task_id'],
  ['no question', Buffer.alloc(0), 'message'],
  ['bytes that are no message', Buffer.from([0xff]), 'call'],
])('%s reaches the master as a refusal', async (_claim, request, field) => {
  const fields: string[] = [];
  const address = await aMaster((call, reply) => {
    fields.push(call.ok ? '' : call.refusal.field);
    reply({ kind: 'done' });
  });
  const client = new Client(address, credentials.createInsecure());
  cleanups.push(() => client.close());
  const asIs = (bytes: Buffer): Buffer => bytes;
  await new Promise((resolve) => client.makeUnaryRequest('/allot.v1.Operator/Ask', asIs, asIs, request, new Metadata(), resolve));
  expect(fields).toEqual([field]);
});

test('no answer in time is a failure, and a late one changes nothing', async () => {
  const late: (() => void)[] = [];
  const client = aClient(await aMaster((_call, reply) => void late.push(() => reply({ kind: 'done' }))), 100);
  expect(await ask(client, { kind: 'get-master' })).toEqual({ kind: 'failed', detail: expect.stringContaining('within 100 ms') });
  for (const reply of late) reply();
});

test('nobody there is a failure that says so', async () => {
  const address = await aMaster(() => undefined);
  await cleanups.splice(0)[0]!();
  expect(await ask(aClient(address), { kind: 'get-master' })).toEqual({ kind: 'failed', detail: expect.stringContaining('UNAVAILABLE') });
});

test('a question that was cancelled is never answered, and holds no timer', async () => {
  const answered: OperatorOutcome[] = [];
  const replies: (() => void)[] = [];
  const address = await aMaster((_call, reply) => {
    replies.push(() => reply({ kind: 'done' }));
    // The second question is answered: by then an answer to the first would have arrived.
    if (replies.length === 2) for (const answer of replies) answer();
  });
  const client = aClient(address);
  const cancel = client.ask({ kind: 'get-master' }, (outcome) => answered.push(outcome));
  await eventually(() => replies.length === 1);
  cancel();
  cancel();
  expect(environment.pendingTimers()).toBe(0);
  expect(await ask(client, { kind: 'get-master' })).toEqual({ kind: 'replied', reply: { kind: 'done' } });
  expect(answered).toEqual([]);
});
