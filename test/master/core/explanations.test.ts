// Explanations: what an operator is told about why, and about what if.
//
// Proves that a question about somebody who is not there, or a change that cannot be, is refused by name; that spans of time count from the moment
// of the answer; that all agents are answered for, within a bound; and that asking changes nothing.

import type { WhatIfChange } from '../../../common/model/explanation';
import { agentId, frameworkId } from '../../../common/model/ids';
import type { OperatorCall, OperatorReply } from '../../../common/model/operator-protocol';
import { addedAgentCountMax, changeCountMax, explanationCountMax } from '../../../master/core/explanations';
import { amounts, anAgentInfo, aTask, launch, ScriptedMaster, type ScriptedScheduler } from './scripted-master';

type Reply<Kind extends OperatorReply['kind']> = Extract<OperatorReply, { readonly kind: Kind }>;

function explained(master: ScriptedMaster, over: Partial<Extract<OperatorCall, { kind: 'explain' }>> = {}): Reply<'explanations'> {
  const reply = master.ask({ kind: 'explain', frameworkId: frameworkId('m-0000'), ...over });
  if (reply.kind !== 'explanations') throw new Error(`no explanations but ${JSON.stringify(reply)}`);
  return reply;
}

/** Two agents of 4 cpus; the framework has declined one for ten minutes and runs something on the other. */
function aCluster(over: ConstructorParameters<typeof ScriptedMaster>[2] = {}): { readonly master: ScriptedMaster; readonly scheduler: ScriptedScheduler } {
  const master = new ScriptedMaster('m', [], over);
  master.registered({ resources: amounts('cpus:4;mem:4096') });
  master.registered({ hostname: 'pi1', resources: amounts('cpus:4;mem:4096') });
  master.skip();
  const scheduler = master.subscribed({ roles: ['eng/web'] });
  master.skip();
  const ids = scheduler.offers.map((offer) => [offer.agentId, master.short(offer.id)] as const);
  const of = (agent: string): string[] => ids.filter(([id]) => id === agent).map(([, id]) => id);
  scheduler.decline(of('m-S0'), 600);
  scheduler.accept(of('m-S1'), [launch(aTask('t', 'm-S1', 'cpus:4;mem:4096'))], 0);
  master.skip();
  return { master, scheduler };
}

test('every agent is answered for, in each role of the framework; what is the same for all is said once', () => {
  const { master } = aCluster();
  const { frameworkName, explanations, omittedCount } = explained(master);
  expect([frameworkName, omittedCount]).toEqual(['batch', 0]);
  expect(explanations.map(({ agentId: id, hostname, role, reason, held, standings, heldBy }) => [id, hostname, role, reason.kind, held.unallocated().toString(), standings.length, heldBy.length])).toEqual([
    ['m-S0', 'pi', 'eng/web', 'filtered', '', 4, 0],
    ['m-S1', 'pi1', 'eng/web', 'nothing-free', 'cpus:4;mem:4096', 0, 0],
  ]);
  expect(explained(master, { agentId: agentId('m-S1') }).explanations).toMatchObject([{ standings: [{ name: 'eng', rank: 1, of: 1 }, {}, {}, { name: 'm-0000' }], heldBy: [{ frameworkId: 'm-0000', role: 'eng/web' }] }]);
});

test('a filter is told by the time that it has left, and the last look by the time since', () => {
  const { master } = aCluster();
  master.skip(60_000);
  const [declined] = explained(master, { agentId: agentId('m-S0') }).explanations;
  const remainingMs = declined?.reason.kind === 'filtered' ? declined.reason.remainingMs : NaN;
  // A filter lapses with the first batch after its time.
  expect(remainingMs).toBeGreaterThan(539_000);
  expect(remainingMs).toBeLessThanOrEqual(541_000);
  expect(declined?.filters).toMatchObject([{ remainingMs }]);
  expect(declined?.lastVisitAgeMs).toBeGreaterThan(59_000);
});

test('quota is explained with what counts against it, offers included', () => {
  const { master } = aCluster();
  master.ask({ kind: 'update-quota', configs: [{ role: 'eng', guarantees: new Map(), limits: new Map([['cpus', 4_000], ['mem', 4_096_000]]) }], force: false });
  master.registered({ hostname: 'pi2', resources: amounts('cpus:1;mem:512') });
  master.skip(2_000);
  const [third] = explained(master, { agentId: agentId('m-S2') }).explanations;
  expect(third).toMatchObject({
    reason: { kind: 'quota', cutByLimit: ['cpus', 'mem'], cutByHeadroom: [] },
    quota: { config: { role: 'eng', limits: new Map([['cpus', 4_000], ['mem', 4_096_000]]) }, consumed: new Map([['cpus', 4_000], ['mem', 4_096_000]]) },
  });
});

test('after a change of leader an agent is unknown until it is back, and offers wait for it where there is quota', () => {
  const agents = [0, 1].map((index) => ({ kind: 'agent', agentId: agentId(`m-S${index}`), info: anAgentInfo({ hostname: `pi${index}` }), version: '1', state: 'admitted' }) as const);
  const master = new ScriptedMaster('m', [...agents, { kind: 'quota', role: 'ops', guarantees: new Map([['cpus', 1_000]]), limits: new Map() }, ...[2, 3].map((index) => ({ ...agents[0]!, agentId: agentId(`m-S${index}`) }))]);
  master.subscribed();
  master.agent().reregister('m-S0', { info: anAgentInfo({ hostname: 'pi0' }) });
  master.skip(60_000);
  expect(explained(master).explanations.map(({ agentId: id, reason }) => [id, reason])).toEqual([
    ['m-S0', { kind: 'recovering', agentCount: 1, agentCountNeeded: 3, remainingMs: 540_000 }],
    ['m-S1', { kind: 'agent-unknown' }],
    ['m-S2', { kind: 'agent-unknown' }],
    ['m-S3', { kind: 'agent-unknown' }],
  ]);
});

test('an answer is bounded, and says how much it leaves out', () => {
  const master = new ScriptedMaster();
  const roles = Array.from({ length: explanationCountMax / 2 }, (_none, index) => `r${index}`);
  master.subscribed({ roles });
  for (let index = 0; index < 3; index += 1) master.registered({ hostname: `pi${index}` });
  const { explanations, omittedCount } = explained(master);
  expect([explanations.length, omittedCount]).toEqual([explanationCountMax, explanationCountMax / 2]);
});

test.each<[claim: string, over: Partial<Extract<OperatorCall, { kind: 'explain' }>>, field: string]>([
  ['a framework that nobody knows', { frameworkId: frameworkId('nobody') }, 'framework_id'],
  ['an agent that nobody knows', { agentId: agentId('nothing') }, 'agent_id'],
])('%s cannot be asked about', (_claim, over, field) => {
  const { master } = aCluster();
  expect(master.ask({ kind: 'explain', frameworkId: frameworkId('m-0000'), ...over })).toMatchObject({ kind: 'refused', refusal: { field } });
});

test('a role that the framework has not is answered, not refused: that is the reason', () => {
  const { master } = aCluster();
  expect(explained(master, { role: 'nobody' }).explanations.map(({ reason }) => reason.kind)).toEqual(['role-not-subscribed', 'role-not-subscribed']);
});

// What if

const whatIf = (master: ScriptedMaster, changes: readonly WhatIfChange[], division: 'next-batch' | 'afresh' = 'afresh'): OperatorReply => master.ask({ kind: 'what-if', changes, division });
const machine = anAgentInfo({ hostname: 'new', resources: amounts('cpus:4;mem:4096') });

test('a weight says who would gain and who would lose, with names and shares', () => {
  const { master } = aCluster();
  master.registered({ hostname: 'pi2', resources: amounts('cpus:4;mem:4096') });
  master.subscribed({ name: 'other', roles: ['ops'] });
  master.skip();
  const answer = whatIf(master, [{ kind: 'weight', role: 'ops', weight: 1_000 }]);
  const of = (role: string) => answer.kind === 'what-if' && answer.effects.find((effect) => effect.role === role);
  expect(answer).toMatchObject({ kind: 'what-if', gains: [{ frameworkName: 'other', role: 'ops' }], loses: [{ frameworkId: 'm-0000', frameworkName: 'batch', role: 'eng/web' }] });
  expect(of('ops')).toMatchObject({ before: { held: expect.any(Map) as unknown }, after: { share: expect.closeTo(2 / 3) as unknown } });
});

test('a framework that would be gone has no position afterwards', () => {
  const { master } = aCluster();
  const answer = whatIf(master, [{ kind: 'remove-framework', frameworkId: frameworkId('m-0000') }]);
  expect(answer).toMatchObject({ effects: [{ frameworkId: 'm-0000', before: { share: 1 } }], gains: [] });
  expect(answer.kind === 'what-if' && answer.effects[0]).not.toHaveProperty('after');
});

test('machines may be added in several kinds, and others taken away', () => {
  const { master } = aCluster();
  const answer = whatIf(master, [{ kind: 'add-agents', info: machine, count: 2 }, { kind: 'add-agents', info: machine, count: 1 }, { kind: 'remove-agents', agentIds: [agentId('m-S0')] }]);
  expect(answer).toMatchObject({ gains: [], loses: [], effects: [{ before: { held: new Map([['cpus', 8_000], ['mem', 8_192_000]]) }, after: { held: new Map([['cpus', 16_000], ['mem', 16_384_000]]) } }] });
});

test('asking changes nothing: the offers that follow are those that would have followed', () => {
  const [asked, left] = [aCluster(), aCluster()];
  for (const change of [{ kind: 'weight', role: 'eng', weight: 7 }, { kind: 'quota', role: 'eng', guarantees: new Map(), limits: new Map([['cpus', 0]]) }, { kind: 'add-agents', info: machine, count: 5 }] satisfies WhatIfChange[]) {
    whatIf(asked.master, [change], 'next-batch');
    whatIf(asked.master, [change], 'afresh');
  }
  explained(asked.master);
  expect(asked.master.changes).toEqual(left.master.changes);
  asked.master.skip(0);
  for (const { scheduler } of [asked, left]) scheduler.call({ kind: 'revive', roles: [] });
  for (const { master } of [asked, left]) master.subscribed({ name: 'other', roles: ['ops'] });
  expect(asked.master.trace(5_000)).toEqual(left.master.trace(5_000));
});

test('a question about the next batch that would stop the master for too long is refused, and says what may be asked instead', () => {
  const { master } = aCluster({ allocation: { whatIfFilterCountMax: 0 } });
  const expected = '"afresh", as the next batch is foreseen with at most 0 decline filters on free agents, and there are 1';
  expect(whatIf(master, [], 'next-batch')).toEqual({ kind: 'refused', refusal: { field: 'division', value: '"next-batch"', expected } });
  expect(whatIf(master, [], 'afresh')).toMatchObject({ kind: 'what-if' });
});

test.each<[claim: string, changes: readonly WhatIfChange[], field: string]>([
  ['a weight of nothing', [{ kind: 'weight', role: 'eng', weight: 0 }], 'changes[0].weight.weight'],
  ['a weight of what is no role', [{ kind: 'weight', role: '-', weight: 1 }], 'changes[0].weight.role'],
  ['a quota below a top-level role', [{ kind: 'quota', role: 'a/b', guarantees: new Map(), limits: new Map() }], 'changes[0].quota.role'],
  ['a guarantee above its limit', [{ kind: 'quota', role: 'a', guarantees: new Map([['cpus', 2]]), limits: new Map([['cpus', 1]]) }], 'changes[0].quota.guarantees["cpus"]'],
  ['no more agents', [{ kind: 'add-agents', info: machine, count: 0 }], 'changes[0].add_agents.count'],
  ['agents without a hostname', [{ kind: 'add-agents', info: { ...machine, hostname: '' }, count: 1 }], 'changes[0].add_agents.agent_info.hostname'],
  ['too many agents in all', [{ kind: 'add-agents', info: machine, count: addedAgentCountMax }, { kind: 'add-agents', info: machine, count: 1 }], 'changes'],
  ['an agent that nobody knows', [{ kind: 'remove-agents', agentIds: [agentId('m-S0'), agentId('x')] }], 'changes[0].remove_agents.agent_ids[1]'],
  ['an agent twice', [{ kind: 'remove-agents', agentIds: [agentId('m-S0')] }, { kind: 'remove-agents', agentIds: [agentId('m-S0')] }], 'changes[1].remove_agents.agent_ids[0]'],
  ['a framework that nobody knows', [{ kind: 'remove-framework', frameworkId: frameworkId('x') }], 'changes[0].remove_framework.framework_id'],
  ['a framework twice', [{ kind: 'remove-framework', frameworkId: frameworkId('m-0000') }, { kind: 'remove-framework', frameworkId: frameworkId('m-0000') }], 'changes[1].remove_framework.framework_id'],
  ['more changes than anybody types', Array.from({ length: changeCountMax + 1 }, () => ({ kind: 'weight', role: 'eng', weight: 1 }) as const), 'changes'],
])('%s: a change that cannot be is refused by name', (_claim, changes, field) => {
  const { master } = aCluster();
  expect(whatIf(master, changes)).toMatchObject({ kind: 'refused', refusal: { field } });
});
