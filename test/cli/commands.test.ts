// The commands that ask the master: what they ask, and what they show of the answer.
//
// How: the whole command line against a fake master.

import { runCommandLine } from '../../cli/command-line';
import { commands } from '../../cli/commands';
import type { Explanation, WhatIfEffect } from '../../common/model/explanation';
import { agentId, executorId, frameworkId, offerId, taskId } from '../../common/model/ids';
import type { OperatorCall, OperatorReply, TaskSummary } from '../../common/model/operator-protocol';
import { Resources } from '../../common/model/resources';
import { fakeEnvironment, fakeEpochMs } from '../common/fake-environment';
import { capturedContext, FakeMasters } from './fake-masters';

const amounts = (cpus: number, mem: number): Resources => Resources.ofQuantities(new Map([['cpus', cpus * 1_000], ['mem', mem * 1_000]]));
const framework = frameworkId('m-0000');
const none: ReadonlyMap<string, number> = new Map();
const task: TaskSummary = {
  id: taskId('web-1'),
  name: 'web',
  frameworkId: framework,
  frameworkName: 'shop',
  agentId: agentId('m-S0'),
  hostname: 'pi7',
  executorId: executorId('web-1'),
  role: '*',
  state: 'TASK_FAILED',
  reason: 'REASON_COMMAND_EXECUTOR_FAILED',
  message: 'Command exited with status 3',
  resources: amounts(0.1, 32).allocatedTo('*'),
  startedAtMs: fakeEpochMs - 65_000,
  endedAtMs: fakeEpochMs - 5_000,
};

async function run(reply: OperatorReply, ...words: string[]): Promise<{ readonly printed: string; readonly remarked: string; readonly asked: OperatorCall | undefined; readonly address: string | undefined }> {
  const masters = new FakeMasters({ 'm:5050': () => ({ kind: 'replied', reply }), '127.0.0.1:5050': () => ({ kind: 'replied', reply }) });
  const variables: Record<string, string> = words.includes('--default') ? {} : { ALLOT_MASTER: 'm:5050' };
  const context = capturedContext(masters, { environment: fakeEnvironment(), variables });
  expect(await runCommandLine(words.filter((word) => word !== '--default'), context, { commands })).toBe(0);
  expect(masters.openClients).toBe(0);
  return { printed: context.printed(), remarked: context.remarked(), asked: masters.asked[0]?.call, address: masters.asked[0]?.address };
}

test('agents shows use and total of each, and since when it is there', async () => {
  const agent = { id: agentId('m-S0'), info: { hostname: 'pi7', port: 0, resources: amounts(4, 1024), attributes: [] }, version: '1', state: 'active' as const, registeredAtMs: fakeEpochMs - 120_000 };
  const { printed, asked } = await run({ kind: 'agents', agents: [{ ...agent, total: amounts(4, 1024), offered: amounts(1, 128).allocatedTo('*'), allocated: amounts(0.5, 64).allocatedTo('*'), taskCount: 2 }], omittedCount: 0 }, 'agents');
  expect(asked).toEqual({ kind: 'get-agents', limit: 10_000 });
  expect(printed).toBe(['ID    HOSTNAME  STATE   TASKS   CPUS      MEM  DISK  OFFERED         SINCE', 'm-S0  pi7       active      2  0.5/4  64/1024   0/0  cpus:1;mem:128  2m00s', ''].join('\n'));
});

test('tasks --all asks for ended ones too, and shows why each ended', async () => {
  const { printed, asked } = await run({ kind: 'tasks', tasks: [task], omittedCount: 0 }, 'tasks', '--all', '--framework', 'm-0000');
  expect(asked).toEqual({ kind: 'get-tasks', includeCompleted: true, frameworkId: framework, limit: 10_000 });
  expect(printed).toBe(
    [
      'ID     NAME  FRAMEWORK  AGENT  STATE        RESOURCES        STARTED  ENDED  WHY',
      'web-1  web   shop       pi7    TASK_FAILED  cpus:0.1;mem:32    1m05s     5s  COMMAND_EXECUTOR_FAILED: Command exited with status 3',
      '',
    ].join('\n'),
  );
});

test('tasks shows running ones only, and as JSON with times for programs', async () => {
  const { printed, asked } = await run({ kind: 'tasks', tasks: [task], omittedCount: 0 }, 'tasks', '--json');
  expect(asked).toEqual({ kind: 'get-tasks', includeCompleted: false, limit: 10_000 });
  expect(JSON.parse(printed)).toEqual([expect.objectContaining({ id: 'web-1', state: 'TASK_FAILED', startedAt: '2025-12-31T23:58:55.000Z' })]);
});

test('frameworks leaves out those that have ended, unless asked', async () => {
  const info = { user: '', name: 'shop', roles: ['a', 'b'], capabilities: [], failoverTimeoutMs: 0, checkpoint: true, labels: [], offerFilters: new Map() };
  const summary = { id: framework, info, suppressedRoles: ['b'], subscribedAtMs: fakeEpochMs, offerCount: 1, taskCount: 2, allocated: new Map([['cpus', 1_000]]), offerHoldMeanMs: 2.345 };
  const reply: OperatorReply = { kind: 'frameworks', frameworks: [{ ...summary, state: 'connected' }, { ...summary, id: frameworkId('m-0001'), state: 'completed' }], omittedCount: 0 };
  expect((await run(reply, 'frameworks')).printed).toBe(
    ['ID      NAME  STATE      ROLES             TASKS  OFFERS  HOLDS  ALLOCATED  SINCE', 'm-0000  shop  connected  a,b (suppressed)      2       1  2.3ms  cpus:1        0s', ''].join('\n'),
  );
  expect((await run(reply, 'frameworks', '-a')).printed).toContain('m-0001');
});

test('a list longer than one answer is asked for in parts, up to --limit, and what is not shown is remarked on apart from the output', async () => {
  const list = Array.from({ length: 25 }, (_, index) => ({ ...task, id: taskId(`t${index}`) }));
  const masters = new FakeMasters({
    'm:5050': (call) => {
      if (call.kind !== 'get-tasks') throw new Error(call.kind);
      const { skip = 0, limit = Infinity } = call;
      const tasks = list.slice(skip, skip + Math.min(10, limit));
      return { kind: 'replied', reply: { kind: 'tasks', tasks, omittedCount: list.length - skip - tasks.length } };
    },
  });
  const shown = async (...words: string[]) => {
    const context = capturedContext(masters, { environment: fakeEnvironment(), variables: { ALLOT_MASTER: 'm:5050' } });
    expect(await runCommandLine(['tasks', '--json', ...words], context, { commands })).toBe(0);
    return [(JSON.parse(context.printed()) as { id: string }[]).map(({ id }) => id), context.remarked()];
  };
  const ids = list.map(({ id }) => id);
  expect(await shown()).toEqual([ids, '']);
  expect(await shown('--limit', '12')).toEqual([ids.slice(0, 12), 'allot: 13 more not shown, --limit 25 shows all\n']);
});

test('offers shows age and end of each, so that a hoarder is seen', async () => {
  const offer = { id: offerId('m-O1'), frameworkId: framework, agentId: agentId('m-S0'), hostname: 'pi7', role: '*', resources: amounts(1, 64).allocatedTo('*'), ageMs: 61_000 };
  expect((await run({ kind: 'offers', offers: [{ ...offer, expiresInMs: 239_000 }, offer], omittedCount: 0 }, 'offers')).printed).toBe(
    [
      'ID    FRAMEWORK  AGENT  ROLE  RESOURCES        AGE  EXPIRES',
      'm-O1  m-0000     pi7    *     cpus:1;mem:64  1m01s    3m59s',
      'm-O1  m-0000     pi7    *     cpus:1;mem:64  1m01s    never',
      '',
    ].join('\n'),
  );
});

test('roles shows weight and share', async () => {
  const roles = [{ role: 'prod', weight: 4, share: 0.12345, dominantResource: 'mem', frameworkIds: [framework], allocated: new Map([['mem', 64_000]]), reserved: none, consumed: new Map([['mem', 64_000]]) }];
  expect((await run({ kind: 'roles', roles, omittedCount: 0 }, 'roles')).printed).toBe(['ROLE  WEIGHT  SHARE  DOMINANT  FRAMEWORKS  ALLOCATED', 'prod       4  0.123  mem                1  mem:64', ''].join('\n'));
});

test('roles shows reservations and quotas where there are any, and then what is consumed of them', async () => {
  const role = { role: 'prod', weight: 1, share: 0, frameworkIds: [], allocated: none, reserved: new Map([['cpus', 500]]), consumed: new Map([['cpus', 1_500]]) };
  const quota = { role: 'prod', guarantees: new Map([['cpus', 2_000]]), limits: new Map([['cpus', 3_000], ['gpus', 0]]) };
  expect((await run({ kind: 'roles', roles: [{ ...role, role: 'dev', reserved: none, consumed: none }, { ...role, quota }], omittedCount: 0 }, 'roles')).printed).toBe(
    [
      'ROLE  WEIGHT  SHARE  DOMINANT  FRAMEWORKS  ALLOCATED  RESERVED  GUARANTEE  LIMIT          CONSUMED',
      'dev        1  0.000  -                  0  -          -         -          -              -',
      'prod       1  0.000  -                  0  -          cpus:0.5  cpus:2     cpus:3;gpus:0  cpus:1.5',
      '',
    ].join('\n'),
  );
});

test('quota lists what is set and what is used of it, as JSON in units', async () => {
  const quotas = [{ config: { role: 'prod', guarantees: new Map([['cpus', 2_000]]), limits: none }, consumed: new Map([['cpus', 250]]) }];
  const { printed, asked } = await run({ kind: 'quota', quotas }, 'quota');
  expect(asked).toEqual({ kind: 'get-quota' });
  expect(printed).toBe(['ROLE  GUARANTEE  LIMIT  CONSUMED', 'prod  cpus:2     -      cpus:0.25', ''].join('\n'));
  expect(JSON.parse((await run({ kind: 'quota', quotas }, 'quota', 'list', '--json')).printed)).toEqual([{ config: { role: 'prod', guarantees: { cpus: 2 }, limits: {} }, consumed: { cpus: 0.25 } }]);
});

test.each<[words: readonly string[], asked: OperatorCall, printed: string]>([
  [
    ['quota', 'set', 'prod', '--guarantee', 'cpus:4,mem:8192', '--limit', 'cpus:8', '--force'],
    { kind: 'update-quota', configs: [{ role: 'prod', guarantees: new Map([['cpus', 4_000], ['mem', 8_192_000]]), limits: new Map([['cpus', 8_000]]) }], force: true },
    'Role prod is guaranteed cpus:4;mem:8192 and limited to cpus:8\n',
  ],
  [
    ['quota', 'set', '*', '--limit', 'cpus:0;mem:64'],
    { kind: 'update-quota', configs: [{ role: '*', guarantees: none, limits: new Map([['cpus', 0], ['mem', 64_000]]) }], force: false },
    'Role * is limited to cpus:0;mem:64\n',
  ],
  [['quota', 'remove', 'prod'], { kind: 'update-quota', configs: [{ role: 'prod', guarantees: none, limits: none }], force: false }, 'Role prod has no quota\n'],
  [['kill', 'web-1'], { kind: 'kill-task', taskId: taskId('web-1') }, 'Kill of task web-1 requested\n'],
  [['kill', 'web-1', '--framework', 'm-0000'], { kind: 'kill-task', taskId: taskId('web-1'), frameworkId: framework }, 'Kill of task web-1 requested\n'],
  [['teardown', 'm-0000'], { kind: 'teardown', frameworkId: framework }, 'Framework m-0000 torn down\n'],
  [['set-weight', 'prod/web', '2.5'], { kind: 'set-weight', role: 'prod/web', weight: 2.5 }, 'Weight of role prod/web is 2.5\n'],
])('%j asks the master and says what was done', async (words, asked, printed) => {
  expect(await run({ kind: 'done' }, ...words)).toMatchObject({ asked, printed });
});

const explanation: Explanation = {
  frameworkId: framework,
  role: 'prod',
  agentId: agentId('m-S0'),
  hostname: 'pi7',
  reason: { kind: 'nothing-free' },
  held: Resources.empty,
  offeredInLastVisit: false,
  free: Resources.empty,
  heldBy: [],
  standings: [],
  headroom: { required: none, available: none },
  filters: [],
};

test('explain sums up per role over all agents, and says how many were left out', async () => {
  const explanations = [explanation, { ...explanation, role: 'dev', reason: { kind: 'agent-inactive' as const } }];
  const { printed, remarked, asked } = await run({ kind: 'explanations', frameworkName: 'shop', explanations, omittedCount: 3 }, 'explain', 'm-0000');
  expect(asked).toEqual({ kind: 'explain', frameworkId: framework });
  expect(printed).toBe(
    [
      'Framework m-0000 (shop) in role prod',
      'AGENTS  WHY              FOR EXAMPLE',
      '     1  nothing is free  m-S0 (pi7)',
      '',
      'Framework m-0000 (shop) in role dev',
      'AGENTS  WHY                         FOR EXAMPLE',
      '     1  the agent is not connected  m-S0 (pi7)',
      '',
    ].join('\n'),
  );
  expect(remarked).toBe('allot: 3 more agents and roles are left out; name one with --role or --agent\n');
});

test('explain --agent shows one agent in full, --json all that is known', async () => {
  const reply: OperatorReply = { kind: 'explanations', frameworkName: 'shop', explanations: [explanation], omittedCount: 0 };
  const { printed, asked } = await run(reply, 'explain', 'm-0000', '--role', 'prod', '--agent', 'm-S0');
  expect(asked).toEqual({ kind: 'explain', frameworkId: framework, role: 'prod', agentId: agentId('m-S0') });
  expect(printed).toMatch(/^Framework m-0000 \(shop\) in role prod, agent m-S0 \(pi7\)\nWhy: +nothing is free\n/);
  expect(JSON.parse((await run(reply, 'explain', 'm-0000', '--json')).printed)).toMatchObject([{ agentId: 'm-S0', reason: { kind: 'nothing-free' }, headroom: { required: {} } }]);
  expect((await run({ ...reply, explanations: [] }, 'explain', 'm-0000')).printed).toContain('nothing to explain');
});

const effect = (name: string, before: number | undefined, after: number | undefined): WhatIfEffect => {
  const held = (share: number) => ({ share, held: new Map([['cpus', share * 10_000]].filter(([, milli]) => milli !== 0) as [string, number][]) });
  return { frameworkId: frameworkId(`m-${name}`), frameworkName: name, role: 'prod', ...(before === undefined ? {} : { before: held(before) }), ...(after === undefined ? {} : { after: held(after) }) };
};

test('what-if shows who starves, loses and gains, each once', async () => {
  const [starving, loser, winner, same] = [effect('a', 0.5, 0), effect('b', 0.3, undefined), effect('c', undefined, 0.8), effect('d', 0.2, 0.2)];
  const answer = { kind: 'what-if', effects: [starving, loser, winner, same], gains: [winner], loses: [starving, loser], starves: [starving] } as const;
  const { printed, asked } = await run(answer, 'what-if', '--weight', 'prod=4', '--afresh');
  expect(asked).toEqual({ kind: 'what-if', changes: [{ kind: 'weight', role: 'prod', weight: 4 }], division: 'afresh' });
  expect(printed).toBe(
    [
      'OUTCOME  FRAMEWORK  NAME  ROLE  SHARE   THEN  HOLDS   THEN HOLDS',
      'starves  m-a        a     prod  0.500  0.000  cpus:5  -',
      'loses    m-b        b     prod  0.300      -  cpus:3  -',
      'gains    m-c        c     prod      -  0.800  -       cpus:8',
      '',
    ].join('\n'),
  );
  expect((await run({ ...answer, gains: [], loses: [], starves: [] }, 'what-if', '--weight', 'prod=4')).printed).toBe('Nobody gains, loses or starves, of 4 that take part\n');
  expect(JSON.parse((await run(answer, 'what-if', '--weight', 'prod=4', '--json')).printed)).toMatchObject({ gains: [{ frameworkId: 'm-c', after: { share: 0.8, held: { cpus: 8 } } }] });
});

test('what-if takes every kind of change, several of each', async () => {
  const nobody: OperatorReply = { kind: 'what-if', effects: [], gains: [], loses: [], starves: [] };
  const words = ['--weight', 'a=2,b=0.5', '--quota', 'a=cpus:4;mem:64/cpus:8', '--quota', 'b=/cpus:0', '--quota', 'c=', '--add-agents', '3:cpus:4;mem:64', '--remove-agent', 'm-S0,m-S1', '--remove-framework', 'm-0000'];
  const { asked } = await run(nobody, 'what-if', ...words);
  expect(asked).toEqual({
    kind: 'what-if',
    division: 'next-batch',
    changes: [
      { kind: 'remove-agents', agentIds: ['m-S0', 'm-S1'] },
      { kind: 'remove-framework', frameworkId: 'm-0000' },
      { kind: 'weight', role: 'a', weight: 2 },
      { kind: 'weight', role: 'b', weight: 0.5 },
      { kind: 'quota', role: 'a', guarantees: new Map([['cpus', 4_000], ['mem', 64_000]]), limits: new Map([['cpus', 8_000]]) },
      { kind: 'quota', role: 'b', guarantees: none, limits: new Map([['cpus', 0]]) },
      { kind: 'quota', role: 'c', guarantees: none, limits: none },
      { kind: 'add-agents', count: 3, info: { hostname: 'what-if', port: 0, resources: amounts(4, 64), attributes: [] } },
    ],
  });
});

test('logs prints what is there, byte by byte as it is', async () => {
  const { printed, asked } = await run({ kind: 'sandbox-chunk', offset: 0, data: Buffer.from('hallo\n'), size: 6, ended: false }, 'logs', 'web-1', '--stderr');
  expect(asked).toEqual({ kind: 'read-sandbox', taskId: taskId('web-1'), stream: 'stderr', offset: 0, lengthMax: 262_144 });
  expect(printed).toBe('hallo\n');
});

test.each<[claim: string, words: readonly string[], address: string]>([
  ['the flag wins', ['roles', '--master', '127.0.0.1:5050'], '127.0.0.1:5050'],
  ['the variable is next', ['roles'], 'm:5050'],
  ['without both it is a master on this machine', ['roles', '--default'], '127.0.0.1:5050'],
])('where the master is: %s', async (_claim, words, address) => {
  expect((await run({ kind: 'roles', roles: [], omittedCount: 0 }, ...words)).address).toBe(address);
});

test.each<[words: readonly string[], message: string]>([
  [['kill', 'a/b'], '<task>: current value is "a/b", expected an id without control characters, "/" and "\\"'],
  [['set-weight', 'prod', 'heavy'], '<weight>: current value is "heavy", expected a number above 0'],
  [['set-weight', '/prod', '1'], '<role>: current value is "/prod", expected'],
  [['quota', 'add', 'prod'], '<action>: current value is "add", expected "list", "set" or "remove"'],
  [['quota', 'remov', 'prod'], 'expected "list", "set" or "remove" (did you mean "remove"?)'],
  [['quota', 'list', 'prod'], '<role>: current value is "prod", expected nothing after "list", which shows all roles with quota'],
  [['quota', 'set'], '--guarantee: current value is nothing, expected what the role is guaranteed, or --limit, or both'],
  [['quota', 'set', '--limit', 'cpus:1'], '<role>: current value is nothing, expected the name of a top-level role'],
  [['quota', 'set', 'prod/web', '--limit', 'cpus:1'], '<role>: current value is "prod/web", expected a top-level role such as "prod"'],
  [['quota', 'set', 'prod', '--limit', 'cpus'], '--limit[0]: current value is "cpus", expected name:value'],
  [['quota', 'set', 'prod', '--limit', 'cpus:1,cpus:2'], '--limit: current value is "cpus", expected amounts such as cpus:4,mem:8192, each resource once'],
  [['quota', 'set', 'prod', '--limit', 'cpus(prod):1'], '--limit: current value is "cpus(prod):1", expected amounts such as cpus:4,mem:8192, each resource once and without a role'],
  [['quota', 'set', 'prod', '--guarantee', 'cpus:2', '--limit', 'cpus:1'], '--guarantee["cpus"]: current value is 2, expected at most 1, the limit of the same resource'],
  [['quota', 'remove', 'prod', '--limit', 'cpus:1'], '--limit: current value is "remove", expected this flag only with "set"'],
  [['quota', '--force'], '--force: current value is "list", expected this flag only with "set"'],
  [['explain'], '<framework>: current value is nothing, expected the id of a framework'],
  [['explain', 'a/b'], '<framework>: current value is "a/b", expected an id'],
  [['explain', 'm-0000', '--role', '-'], '--role'],
  [['what-if'], '--weight: current value is nothing, expected at least one change, such as --weight production=4'],
  [['what-if', '--afresh'], '--weight: current value is nothing, expected at least one change'],
  [['what-if', '--weight', 'prod'], '--weight: current value is "prod", expected ROLE=WEIGHT with a number above 0'],
  [['what-if', '--weight', 'prod=0'], '--weight: current value is "prod=0", expected ROLE=WEIGHT with a number above 0'],
  [['what-if', '--quota', 'cpus:4'], '--quota: current value is "cpus:4", expected ROLE=GUARANTEES/LIMITS'],
  [['what-if', '--quota', 'prod=cpus:4/cpus:2'], '--quota["cpus"]: current value is 4, expected at most 2'],
  [['what-if', '--add-agents', 'cpus:4'], '--add-agents: current value is "cpus:4", expected N:RESOURCES'],
  [['what-if', '--add-agents', '0:cpus:4'], '--add-agents: current value is "0:cpus:4", expected N:RESOURCES'],
  [['tasks', '--master', 'zk://a:1'], '--master: current value is "zk://a:1", expected host:port'],
  [['run'], 'COMMAND: current value is nothing, expected what to run after "--", as in "allot run -- hostname"'],
  [['run', '--resources', 'cpus', '--', 'true'], '--resources[0]: current value is "cpus", expected name:value'],
  [['run', '--env', 'A', '--', 'true'], '--env: current value is "A", expected NAME=value'],
  [['local', 'strat'], '<action>: current value is "strat", expected "start", "stop" or "status"'],
])('%j is refused before anybody is asked', async (words, message) => {
  const masters = new FakeMasters({});
  await expect(runCommandLine(words, capturedContext(masters), { commands })).rejects.toThrow(message);
  expect(masters.asked).toEqual([]);
});

test('a variable that is no location is refused by its name', async () => {
  const context = capturedContext(new FakeMasters({}), { variables: { ALLOT_MASTER: 'nowhere' } });
  await expect(runCommandLine(['tasks'], context, { commands })).rejects.toThrow(/^ALLOT_MASTER: current value is "nowhere"/);
});
