// Pages: lists of any length are shown in parts that an answer holds.
//
// Proves that the parts together are the list, that what follows is counted, and that a whole answer is one that gRPC carries.

import { agentId, frameworkId } from '../../../common/model/ids';
import type { OperatorReply } from '../../../common/model/operator-protocol';
import { pageOf } from '../../../master/core/pages';
import type { RegistryFact } from '../../../master/core/master-step';
import { wireType } from '../../../proto/loader';
import { operatorReply } from '../../../proto/operator-codec';
import { aFramework, anAgentInfo, aTask, launch, ScriptedMaster } from './scripted-master';

test.each<[claim: string, page: { skip?: number; limit?: number }, shown: number[], omittedCount: number]>([
  ['all of it', {}, [0, 1, 2, 3, 4], 0],
  ['its beginning', { limit: 2 }, [0, 1], 3],
  ['a part from its middle', { skip: 1, limit: 2 }, [1, 2], 2],
  ['its end', { skip: 3 }, [3, 4], 0],
  ['nothing beyond it', { skip: 9 }, [], 0],
  ['nothing, to count it', { limit: 0 }, [], 5],
])('of a list is shown %s', (_claim, page, shown, omittedCount) => {
  expect(pageOf([0, 1, 2, 3, 4], 5, page, (entry) => entry)).toEqual({ shown, omittedCount });
});

test('a part ends before it is too long, and one entry is shown however long it is; no summary is made of what is only counted', () => {
  let summaryCount = 0;
  const summarize = (length: number): string => {
    summaryCount += 1;
    return 'x'.repeat(length);
  };
  const mib = 1024 * 1024;
  const part = pageOf([2 * mib, 4 * mib, 2 * mib, 1, 1], 5, {}, summarize);
  expect([part.shown.map(({ length }) => length / mib), part.omittedCount, summaryCount]).toEqual([[2, 4], 3, 3]);
  expect(pageOf([9 * mib, 1], 2, {}, (length) => 'x'.repeat(length)).shown).toHaveLength(1);
});

const about = [{ name: 'about', kind: 'text', text: 'x'.repeat(100_000) }] as const;
const unreachable = (index: number): RegistryFact => ({ kind: 'agent', agentId: agentId(`old-S${index}`), info: anAgentInfo({ attributes: about }), version: '1', state: 'unreachable', unreachableSinceMs: index });

test('agents that nobody sees any more, however many, do not make the list one that cannot be sent', () => {
  const master = new ScriptedMaster('m', Array.from({ length: 200 }, (_, index) => unreachable(index)));
  const seen = new Set<string>();
  for (let part = 0; part < 3; part += 1) {
    const reply = master.ask({ kind: 'get-agents', skip: seen.size });
    if (reply.kind !== 'agents') throw new Error(reply.kind);
    expect(bytesOf(reply)).toBeLessThan(8 * 1024 * 1024);
    for (const { id } of reply.agents) seen.add(id);
    expect(reply.omittedCount).toBe(200 - seen.size);
  }
  expect(seen.size).toBe(200);
});

const bytesOf = (reply: OperatorReply): number => wireType('operator', 'OperatorReply').serialize(operatorReply.encode(reply)).length;

test('a framework of which an agent of another release says very much is listed with the beginning of that', () => {
  const master = new ScriptedMaster();
  const long = 'x'.repeat(1_000_000);
  master.agent().reregister('m-S7', { frameworks: [{ ...aFramework({ name: long, labels: [{ key: long }], webuiUrl: long }), id: frameworkId('known-elsewhere') }] });
  const reply = master.ask({ kind: 'get-frameworks' });
  expect(reply).toMatchObject({ frameworks: [{ state: 'recovered', info: { roles: ['eng'], labels: [] } }] });
  expect(bytesOf(reply)).toBeLessThan(10_000);
});

test('tasks are counted as they are shown: those tracked, unreachable and completed, of frameworks completed too', () => {
  const master = new ScriptedMaster();
  const agents = ['here', 'away'].map((hostname) => master.registered({ hostname }));
  const scheduler = master.subscribed();
  master.skip();
  for (const { id, agentId: at } of [...scheduler.offers]) scheduler.accept([id.slice(2)], [launch(aTask(`${at} a`, at), aTask(`${at} b`, at))], 3_600);
  agents[1]?.close();
  agents[0]?.update(scheduler.frameworkId, 'm-S0 a', 'TASK_FINISHED', 1);
  master.skip(80_000);
  scheduler.acknowledge('m-S0 a', 'm-S0', 1);
  const count = (includeCompleted: boolean) => master.ask({ kind: 'get-tasks', includeCompleted, limit: 0 });
  expect([count(false), count(true)]).toMatchObject([{ omittedCount: 3 }, { omittedCount: 4 }]);
  scheduler.call({ kind: 'teardown' });
  expect([count(false), count(true)]).toMatchObject([{ omittedCount: 0 }, { omittedCount: 4 }]);
  expect(master.ask({ kind: 'get-frameworks', limit: 0 })).toMatchObject({ omittedCount: 1 });
});
