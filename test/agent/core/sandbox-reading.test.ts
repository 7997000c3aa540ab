// Proves which sandboxes can be read, when they are removed, and that every read is answered (Y1, Y2).

import type { MasterMessage } from '../../../common/model/agent-protocol';
import { containerId, executorId, type ContainerId } from '../../../common/model/ids';
import { aConfig, AgentHarness, aTask, kinds, records, theFrameworkId, toMaster } from './agent-harness';

function read(id: string, change: Partial<Extract<MasterMessage, { kind: 'read-sandbox' }>> = {}): MasterMessage {
  return { kind: 'read-sandbox', request: 70, frameworkId: theFrameworkId, executorId: executorId(id), stream: 'stdout', offset: 0, lengthMax: 10_000_000, ...change };
}

/** Runs the command task `id` to its end and acknowledges everything. */
function runToEnd(agent: AgentHarness, id: string): ContainerId {
  agent.take();
  const container = agent.launch(aTask(id));
  agent.ended(container, { status: 0 });
  let effects = agent.take();
  for (let count = 0; count < 3; count += 1) effects = agent.acknowledge(effects);
  agent.take();
  return container;
}

function registered(change: Partial<typeof aConfig> = {}): AgentHarness {
  const agent = new AgentHarness({ ...aConfig, ...change });
  agent.register();
  return agent;
}

test('what is read of a running task is not the end, of an ended one it is when its last byte was read', () => {
  const agent = registered();
  const container = agent.launch(aTask('t'));
  const answer = (request: number, offset: number) =>
    toMaster(agent.step({ kind: 'sandbox-read', request, outcome: { ok: true, offset, data: new Uint8Array(2), size: 4 } }))[0];
  expect(agent.say(read('t'))).toEqual([{ kind: 'read-sandbox', request: 1, containerId: container, stream: 'stdout', offset: 0, lengthMax: 262_144 }]);
  agent.ended(container, { status: 0 });
  expect(answer(1, 2)).toMatchObject({ kind: 'sandbox-chunk', request: 70, outcome: { ok: true, ended: false } });
  agent.say(read('t'), read('t'));
  expect(answer(2, 0)).toMatchObject({ outcome: { ended: false } });
  expect(answer(3, 2)).toMatchObject({ outcome: { ended: true, offset: 2, size: 4 } });
});

test('an executor that ran twice shows its newest sandbox, an older one by its container', () => {
  const agent = registered();
  const first = runToEnd(agent, 't');
  const second = runToEnd(agent, 't');
  expect(agent.say(read('t'))).toMatchObject([{ containerId: second }]);
  expect(agent.say(read('t', { containerId: first }))).toMatchObject([{ containerId: first }]);
});

test.each([
  ['an executor that never ran', read('nobody')],
  ['a container of another executor', read('nobody', { containerId: containerId('00000000-0000-4000-8000-000000000001') })],
])('%s is answered by a sentence', (_claim, message) => {
  const agent = registered();
  runToEnd(agent, 't');
  expect(toMaster(agent.say(message))).toMatchObject([{ kind: 'sandbox-chunk', request: 70, outcome: { ok: false, message: expect.stringContaining('nobody') } }]);
});

test('reads that pile up are refused instead of queued without bound', () => {
  const agent = registered();
  agent.launch(aTask('t'));
  const effects = agent.say(...Array.from({ length: 65 }, () => read('t')));
  expect(effects.filter((effect) => effect.kind === 'read-sandbox')).toHaveLength(64);
  expect(toMaster(effects)).toMatchObject([{ outcome: { ok: false } }]);
});

test('an answer for a master that is gone is not sent to its successor', () => {
  const agent = registered();
  agent.launch(aTask('t'));
  agent.say(read('t'));
  agent.disconnect();
  agent.register();
  expect(agent.step({ kind: 'sandbox-read', request: 1, outcome: { ok: false, message: 'gone' } })).toEqual([]);
});

test('a sandbox is kept for the retention time and then removed and forgotten', () => {
  const agent = registered({ sandboxRetentionMs: 1000 });
  const container = runToEnd(agent, 't');
  expect(agent.advance(999)).toEqual([]);
  expect(agent.advance(1)).toEqual([{ kind: 'checkpoint', records: [{ kind: 'executor-removed', containerId: container }] }, { kind: 'remove-sandbox', containerId: container }]);
  expect(toMaster(agent.say(read('t')))).toMatchObject([{ outcome: { ok: false } }]);
});

test('more ended executors than may be kept cost the oldest its sandbox', () => {
  const agent = registered({ completedExecutorCountMax: 2 });
  const first = runToEnd(agent, 'a');
  runToEnd(agent, 'b');
  const third = agent.launch(aTask('c'));
  const effects = agent.ended(third, { status: 0 });
  expect(effects).toContainEqual({ kind: 'remove-sandbox', containerId: first });
  expect(records(effects)).toContainEqual({ kind: 'executor-removed', containerId: first });
});

test('a restarted agent keeps to the retention time, and asks again for removals that it may not have lived to see', () => {
  const agent = registered({ sandboxRetentionMs: 1000, completedExecutorCountMax: 1 });
  const removed = runToEnd(agent, 'a');
  const kept = runToEnd(agent, 'b');
  agent.advance(400);
  expect(agent.restart()).toEqual([{ kind: 'remove-sandbox', containerId: removed }]);
  expect(kinds(agent.advance(599))).toEqual([]);
  expect(agent.advance(1)).toContainEqual({ kind: 'remove-sandbox', containerId: kept });
});

test('memory does not grow with tasks that have ended', () => {
  const agent = registered({ completedExecutorCountMax: 3 });
  for (let count = 0; count < 50; count += 1) runToEnd(agent, `t${count}`);
  expect(agent.snapshot().map((record) => record.kind)).toEqual(['agent', 'executor', 'executor-ended', 'executor', 'executor-ended', 'executor', 'executor-ended']);
});
