// Quota: guarantees and limits of roles, from an operator's call to the offers that follow.
//
// Proves that a call is carried out whole or not at all, with refusals that say what the cluster has and uses; that quota is durable before anybody
// hears of it and known to the next leader; which offers are rescinded for it; and that offers follow it from then on.

import type { Quantities } from '../../../common/model/framework';
import type { OperatorReply, QuotaSummary } from '../../../common/model/operator-protocol';
import type { QuotaConfig } from '../../../common/model/quota';
import type { RegistryFact } from '../../../master/core/master-step';
import { quotaConfigCountMax } from '../../../master/core/quota';
import { amounts, anAgentInfo, aTask, launch, ScriptedMaster } from './scripted-master';

type Units = Readonly<Record<string, number>>;
const milli = (units: Units): Quantities => new Map(Object.entries(units).map(([name, amount]) => [name, amount * 1000]));
const quota = (role: string, over: { readonly guarantees?: Units; readonly limits?: Units }): QuotaConfig => ({ role, guarantees: milli(over.guarantees ?? {}), limits: milli(over.limits ?? {}) });
const guaranteed = (role: string, units: Units): QuotaConfig => quota(role, { guarantees: units });
const limited = (role: string, units: Units): QuotaConfig => quota(role, { limits: units });

const update = (configs: readonly QuotaConfig[], force = false) => ({ kind: 'update-quota', configs, force }) as const;

function quotasOf(master: ScriptedMaster): readonly QuotaSummary[] {
  const reply = master.ask({ kind: 'get-quota' });
  if (reply.kind !== 'quota') throw new Error(`no quotas but ${reply.kind}`);
  return reply.quotas;
}

/** Agents of 4 cpus and 4096 MB each. */
function aCluster(agentCount: number): ScriptedMaster {
  const master = new ScriptedMaster();
  for (let index = 0; index < agentCount; index += 1) master.registered({ hostname: `pi${index}`, resources: amounts('cpus:4;mem:4096') });
  master.skip();
  return master;
}

test('a quota is durable before its reply, is shown, and an empty config takes it away', () => {
  const master = aCluster(1);
  master.operator(update([quota('eng', { guarantees: { cpus: 1 }, limits: { cpus: 2, mem: 0 } }), limited('ops', { cpus: 1 })]));
  expect(master.trace()).toEqual(['persist put quota eng guaranteed [cpus:1] limited [cpus:2;mem:0]', 'persist put quota ops guaranteed [] limited [cpus:1]', 'op1 done']);
  expect(quotasOf(master).map(({ config }) => config)).toEqual([quota('eng', { guarantees: { cpus: 1 }, limits: { cpus: 2, mem: 0 } }), limited('ops', { cpus: 1 })]);
  master.skip();
  master.operator(update([quota('ops', {})]));
  expect(master.trace()).toEqual(['persist delete quota ops', 'op3 done']);
  expect(quotasOf(master).map(({ config }) => config.role)).toEqual(['eng']);
});

test('a config replaces what its role had, it does not add to it', () => {
  const master = aCluster(1);
  master.ask(update([quota('eng', { guarantees: { cpus: 1 }, limits: { mem: 64 } })]));
  master.ask(update([guaranteed('eng', { mem: 32 })]));
  expect(quotasOf(master)).toEqual([{ config: guaranteed('eng', { mem: 32 }), consumed: new Map() }]);
});

/** A cluster of 8 cpus in which eng/web uses 3 of them, and ops has 2 reserved. */
function aBusyCluster(): ScriptedMaster {
  const master = new ScriptedMaster();
  master.registered({ resources: amounts('cpus:4;mem:4096') });
  master.registered({ hostname: 'pi1', resources: amounts('cpus:2;cpus(ops):2;mem:4096') });
  const scheduler = master.subscribed({ roles: ['eng/web'] });
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', scheduler.offers[0]?.agentId ?? '', 'cpus:2;mem:64'))], 3_600);
  scheduler.accept(['O1'], [launch(aTask('u', scheduler.offers[1]?.agentId ?? '', 'cpus:1;mem:64'))], 3_600);
  master.skip();
  return master;
}

test.each<[claim: string, configs: readonly QuotaConfig[], field: string, value: string, expected: string]>([
  ['a role below another', [limited('eng/web', { cpus: 9 })], 'quota_configs[0].role', '"eng/web"', 'a top-level role such as "eng"'],
  ['a role twice', [limited('eng', { cpus: 9 }), limited('eng', { cpus: 9 })], 'quota_configs[1].role', '"eng"', 'a role that the call has not named before'],
  ['an amount below nothing', [limited('eng', { cpus: -1 })], 'quota_configs[0].limits["cpus"]', '-1', 'a number from 0'],
  ['a guarantee above its limit', [quota('eng', { guarantees: { cpus: 5 }, limits: { cpus: 4 } })], 'quota_configs[0].guarantees["cpus"]', '5', 'at most 4'],
  ['a limit below what tasks use', [limited('eng', { mem: 128, cpus: 2.5 })], 'quota_configs[0].limits["cpus"]', '2.5', 'at least 3, which role "eng" consumes now; force'],
  ['a limit below what is reserved', [limited('new', {}), limited('ops', { cpus: 1 })], 'quota_configs[1].limits["cpus"]', '1', 'at least 2, which role "ops" consumes now'],
  ['a guarantee of more than there is', [guaranteed('new', { cpus: 8.001 })], 'quota_configs[0].guarantees["cpus"]', '8.001', 'at most 8, as the agents have 8 and all guarantees would be 8.001; force'],
  ['guarantees of more than there is together', [guaranteed('a', { cpus: 5 }), guaranteed('b', { cpus: 4 })], 'quota_configs[0].guarantees["cpus"]', '5', 'at most 4, as the agents have 8 and all guarantees would be 9'],
  ['a guarantee of what no agent has', [guaranteed('new', { gpus: 1 })], 'quota_configs[0].guarantees["gpus"]', '1', 'at most 0, as the agents have 0'],
  ['a good config beside a bad one', [limited('new', { cpus: 1 }), limited('eng', { cpus: 1 })], 'quota_configs[1].limits["cpus"]', '1', 'at least 3'],
  ['a config that is too long a fact', [limited('new', Object.fromEntries(Array.from({ length: 3_000 }, (_none, index) => [`resource-${index}`, 1])))], 'quota_configs[0].limits', expect.stringMatching(/^"\d+ bytes"$/) as string, 'at most 65536 bytes'],
  ['more configs than a transaction takes', Array.from({ length: quotaConfigCountMax + 1 }, (_none, index) => limited(`r${index}`, { cpus: 1 })), 'quota_configs', '101', 'at most 100'],
])('%s: refused by name, and nothing of the call is in force', (_claim, configs, field, value, expected) => {
  const master = aBusyCluster();
  const before = master.changes.length;
  const reply: OperatorReply = master.ask(update(configs));
  expect(reply).toMatchObject({ kind: 'refused', refusal: { field, value, expected: expect.stringContaining(expected) as string } });
  expect(master.changes.slice(before)).toEqual([]);
  expect(quotasOf(master)).toEqual([]);
});

test.each<[claim: string, config: QuotaConfig]>([
  ['a limit below what is in use', limited('eng', { cpus: 1 })],
  ['a guarantee of more than there is', guaranteed('eng', { cpus: 100 })],
])('force sets %s, and tasks go on', (_claim, config) => {
  const master = aBusyCluster();
  expect(master.ask(update([config], true))).toEqual({ kind: 'done' });
  expect(quotasOf(master)).toEqual([{ config, consumed: milli({ cpus: 3, mem: 128 }) }]);
  expect(master.ask({ kind: 'get-tasks', includeCompleted: false })).toMatchObject({ tasks: [{ state: 'TASK_STAGING' }, { state: 'TASK_STAGING' }] });
});

test('force is no excuse for what is no quota', () => {
  expect(aCluster(1).ask(update([limited('eng/web', { cpus: 1 })], true))).toMatchObject({ kind: 'refused', refusal: { field: 'quota_configs[0].role' } });
});

test('the guarantees of roles not named count in the sum, and lowering one makes room for another', () => {
  const master = aCluster(2);
  master.ask(update([guaranteed('a', { cpus: 6 })]));
  expect(master.ask(update([guaranteed('b', { cpus: 4 })]))).toMatchObject({ refusal: { expected: expect.stringContaining('at most 2') as string } });
  expect(master.ask(update([guaranteed('b', { cpus: 4 }), guaranteed('a', { cpus: 4 })]))).toEqual({ kind: 'done' });
});

test('an agent that is away counts as what the cluster has, until it is given up', () => {
  const master = aCluster(1);
  const agent = master.registered({ hostname: 'other', resources: amounts('cpus:4') });
  agent.close();
  expect(master.ask(update([guaranteed('a', { cpus: 8 })]))).toEqual({ kind: 'done' });
  master.skip(100_000);
  expect(master.ask(update([guaranteed('a', { cpus: 8 })]))).toMatchObject({ kind: 'refused' });
});

test('consumption is what is used and reserved, in the whole subtree; an offer is not consumed', () => {
  const master = aBusyCluster();
  const scheduler = master.subscribed({ name: 'greedy', roles: ['eng'] });
  master.skip(2_000);
  expect(scheduler.offers.length).toBeGreaterThan(0);
  master.ask(update([limited('eng', { cpus: 8 }), limited('ops', { cpus: 8 }), limited('new', { cpus: 8 })]));
  expect(quotasOf(master).map(({ config: { role }, consumed }) => [role, consumed])).toEqual([
    ['eng', milli({ cpus: 3, mem: 128 })],
    ['new', new Map()],
    ['ops', milli({ cpus: 2 })],
  ]);
  const roles = master.ask({ kind: 'get-roles' });
  expect(roles).toMatchObject({
    roles: [
      { role: 'eng', consumed: milli({ cpus: 3, mem: 128 }), quota: { limits: milli({ cpus: 8 }) } },
      { role: 'eng/web', consumed: milli({ cpus: 3, mem: 128 }), reserved: new Map() },
      { role: 'new', frameworkIds: [], consumed: new Map(), quota: { limits: milli({ cpus: 8 }) } },
      { role: 'ops', frameworkIds: [], reserved: milli({ cpus: 2 }), consumed: milli({ cpus: 2 }) },
    ],
  });
  expect(roles.kind === 'roles' && roles.roles.find(({ role }) => role === 'eng/web')).not.toHaveProperty('quota');
});

describe('room is made among open offers', () => {
  test('what the role and those below it hold beyond a new limit is rescinded, the newest first, and no more; then the limit holds', () => {
    const master = aCluster(3);
    const scheduler = master.subscribed({ roles: ['eng/web'] });
    expect(master.trace()).toEqual(['s4 subscribed 0000', expect.stringMatching(/^s4 offers O0@.*, O1@.*, O2@.*/)]);
    master.operator(update([limited('eng', { cpus: 5 })]));
    expect(master.trace(0)).toEqual(['persist put quota eng guaranteed [] limited [cpus:5]', 's4 rescind O2', 's4 rescind O1', 'op1 done']);
    scheduler.decline(['O0'], 0);
    const [line, ...others] = master.trace(10_000);
    expect(others).toEqual([]);
    // The second agent is cut to what is left of the limit, the third has no cpus left for the role, but its memory is unlimited.
    expect(line).toMatch(/^s4 offers O3@S\d eng\/web \[cpus:4;mem:4096\], O4@S\d eng\/web \[cpus:1;mem:4096\], O5@S\d eng\/web \[mem:4096\]$/);
  });

  test('offers within the limit stay, and so do those that hold nothing of what is exceeded', () => {
    const master = aCluster(1);
    master.registered({ hostname: 'memory', resources: amounts('mem:4096') });
    master.skip();
    master.subscribed({ roles: ['eng'] });
    master.skip();
    master.operator(update([limited('eng', { cpus: 4 })]));
    expect(master.trace(0)).toEqual(['persist put quota eng guaranteed [] limited [cpus:4]', 'op1 done']);
    master.operator(update([limited('eng', { cpus: 3 })]));
    const offer = master.ask({ kind: 'get-offers' });
    expect(offer).toMatchObject({ offers: [{ hostname: 'memory' }] });
  });

  test('others give back what a new guarantee lacks, and its role is offered that when it comes', () => {
    const master = aCluster(3);
    const ops = master.subscribed({ roles: ['ops'] });
    master.skip();
    master.operator(update([guaranteed('eng', { cpus: 5 })]));
    expect(master.trace(0)).toEqual(['persist put quota eng guaranteed [cpus:5] limited []', 's4 rescind O2', 's4 rescind O1', 'op1 done']);
    // 5 of the 8 cpus that came back are kept free, so ops may have 3 of them again.
    master.skip(5_000);
    const cpusOfOps = (): number => ops.offers.slice(3).reduce((sum, { resources }) => sum + resources.scalar('cpus'), 0);
    expect(cpusOfOps()).toBe(3_000);
    const eng = master.subscribed({ roles: ['eng/web'] });
    master.skip(5_000);
    expect(eng.offers.reduce((sum, { resources }) => sum + resources.scalar('cpus'), 0)).toBe(5_000);
  });

  test('nobody gives back for a guarantee what its own guarantee needs', () => {
    const master = aCluster(2);
    master.ask(update([guaranteed('ops', { cpus: 4 })]));
    const ops = master.subscribed({ roles: ['ops'] });
    const other = master.subscribed({ roles: ['other'] });
    master.skip(5_000);
    expect([ops.offers.length, other.offers.length]).toEqual([1, 1]);
    master.skip();
    master.operator(update([guaranteed('eng', { cpus: 4 })]));
    expect(master.trace(0)).toEqual(['persist put quota eng guaranteed [cpus:4] limited []', `s4 rescind ${master.short(other.offers[0]?.id ?? '')}`, 'op2 done']);
  });

  test('a guarantee that is met already costs nobody an offer', () => {
    const master = aBusyCluster();
    const other = master.subscribed({ roles: ['other'] });
    master.skip(2_000);
    expect(other.offers.length).toBeGreaterThan(0);
    master.operator(update([guaranteed('eng', { cpus: 3, mem: 128 })]));
    expect(master.trace(0)).toEqual(['persist put quota eng guaranteed [cpus:3;mem:128] limited []', 'op1 done']);
  });
});

describe('after a change of leader', () => {
  const agent = (index: number): RegistryFact => ({ kind: 'agent', agentId: `m-S${index}` as never, info: anAgentInfo({ hostname: `pi${index}`, resources: amounts('cpus:4;mem:4096') }), version: '1', state: 'admitted' });
  const agents = [0, 1, 2, 3, 4].map(agent);
  const back = (master: ScriptedMaster, index: number) => master.agent().reregister(`m-S${index}`, { info: anAgentInfo({ hostname: `pi${index}`, resources: amounts('cpus:4;mem:4096') }) });

  test('quota is in force: set at one leader, it limits at the next', () => {
    const first = aCluster(1);
    first.ask(update([limited('eng', { cpus: 1 })]));
    const facts = first.changes.flatMap((change) => (change.kind === 'put' && change.fact.kind === 'quota' ? [change.fact] : []));
    const next = new ScriptedMaster('n', facts);
    next.registered({ resources: amounts('cpus:4;mem:4096') });
    next.subscribed({ roles: ['eng/web'] });
    expect(next.trace(2_000)).toContain('s2 offers O0@S0 eng/web [cpus:1;mem:4096]');
    expect(quotasOf(next).map(({ config }) => config)).toEqual([limited('eng', { cpus: 1 })]);
  });

  test('with quota nothing is offered until four of five agents are back', () => {
    const master = new ScriptedMaster('n', [...agents, { kind: 'quota', ...guaranteed('eng', { cpus: 1 }) }]);
    const ops = master.subscribed({ roles: ['ops'] });
    for (const index of [0, 1, 2]) back(master, index);
    master.skip(100_000);
    expect(ops.offers).toEqual([]);
    back(master, 3);
    master.skip(2_000);
    expect(ops.offers.length).toBeGreaterThan(0);
  });

  test('it waits no longer than it was told to', () => {
    const master = new ScriptedMaster('n', [...agents, { kind: 'quota', ...guaranteed('eng', { cpus: 1 }) }], { allocation: { recoveryTimeoutMs: 30_000 } });
    const ops = master.subscribed({ roles: ['ops'] });
    back(master, 0);
    master.skip(29_000);
    expect(ops.offers).toEqual([]);
    master.skip(3_000);
    expect(ops.offers.length).toBe(1);
  });

  test('without quota nothing waits', () => {
    const master = new ScriptedMaster('n', agents);
    master.subscribed({ roles: ['ops'] });
    back(master, 0);
    expect(master.trace(2_000)).toContain('s1 offers O0@m-S0 ops [cpus:4;mem:4096]');
  });
});
