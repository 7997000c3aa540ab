// The commands that ask the master: what they ask, and what they show of the answer.
//
// How: the whole command line against a fake master.

import { runCommandLine } from '../../cli/command-line';
import { commands } from '../../cli/commands';
import { agentId, executorId, frameworkId, offerId, taskId } from '../../common/model/ids';
import type { OperatorCall, OperatorReply, TaskSummary } from '../../common/model/operator-protocol';
import { Resources } from '../../common/model/resources';
import { fakeEnvironment, fakeEpochMs } from '../common/fake-environment';
import { capturedContext, FakeMasters } from './fake-masters';

const amounts = (cpus: number, mem: number): Resources => Resources.ofQuantities(new Map([['cpus', cpus * 1_000], ['mem', mem * 1_000]]));
const framework = frameworkId('m-0000');
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

async function run(reply: OperatorReply, ...words: string[]): Promise<{ readonly printed: string; readonly asked: OperatorCall | undefined; readonly address: string | undefined }> {
  const masters = new FakeMasters({ 'm:5050': () => ({ kind: 'replied', reply }), '127.0.0.1:5050': () => ({ kind: 'replied', reply }) });
  const variables: Record<string, string> = words.includes('--default') ? {} : { ALLOT_MASTER: 'm:5050' };
  const context = capturedContext(masters, { environment: fakeEnvironment(), variables });
  expect(await runCommandLine(words.filter((word) => word !== '--default'), context, { commands })).toBe(0);
  expect(masters.openClients).toBe(0);
  return { printed: context.printed(), asked: masters.asked[0]?.call, address: masters.asked[0]?.address };
}

test('agents shows use and total of each, and since when it is there', async () => {
  const agent = { id: agentId('m-S0'), info: { hostname: 'pi7', port: 0, resources: amounts(4, 1024), attributes: [] }, version: '1', state: 'active' as const, registeredAtMs: fakeEpochMs - 120_000 };
  const { printed, asked } = await run({ kind: 'agents', agents: [{ ...agent, total: amounts(4, 1024), offered: amounts(1, 128).allocatedTo('*'), allocated: amounts(0.5, 64).allocatedTo('*'), taskCount: 2 }] }, 'agents');
  expect(asked).toEqual({ kind: 'get-agents' });
  expect(printed).toBe(['ID    HOSTNAME  STATE   TASKS   CPUS      MEM  DISK  OFFERED         SINCE', 'm-S0  pi7       active      2  0.5/4  64/1024   0/0  cpus:1;mem:128  2m00s', ''].join('\n'));
});

test('tasks --all asks for ended ones too, and shows why each ended', async () => {
  const { printed, asked } = await run({ kind: 'tasks', tasks: [task] }, 'tasks', '--all', '--framework', 'm-0000');
  expect(asked).toEqual({ kind: 'get-tasks', includeCompleted: true, frameworkId: framework });
  expect(printed).toBe(
    [
      'ID     NAME  FRAMEWORK  AGENT  STATE        RESOURCES        STARTED  ENDED  WHY',
      'web-1  web   shop       pi7    TASK_FAILED  cpus:0.1;mem:32    1m05s     5s  COMMAND_EXECUTOR_FAILED: Command exited with status 3',
      '',
    ].join('\n'),
  );
});

test('tasks shows running ones only, and as JSON with times for programs', async () => {
  const { printed, asked } = await run({ kind: 'tasks', tasks: [task] }, 'tasks', '--json');
  expect(asked).toEqual({ kind: 'get-tasks', includeCompleted: false });
  expect(JSON.parse(printed)).toEqual([expect.objectContaining({ id: 'web-1', state: 'TASK_FAILED', startedAt: '2025-12-31T23:58:55.000Z' })]);
});

test('frameworks leaves out those that have ended, unless asked', async () => {
  const info = { user: '', name: 'shop', roles: ['a', 'b'], capabilities: [], failoverTimeoutMs: 0, checkpoint: true, labels: [], offerFilters: new Map() };
  const summary = { id: framework, info, suppressedRoles: ['b'], subscribedAtMs: fakeEpochMs, offerCount: 1, taskCount: 2, allocated: new Map([['cpus', 1_000]]), offerHoldMeanMs: 2.345 };
  const reply: OperatorReply = { kind: 'frameworks', frameworks: [{ ...summary, state: 'connected' }, { ...summary, id: frameworkId('m-0001'), state: 'completed' }] };
  expect((await run(reply, 'frameworks')).printed).toBe(
    ['ID      NAME  STATE      ROLES             TASKS  OFFERS  HOLDS  ALLOCATED  SINCE', 'm-0000  shop  connected  a,b (suppressed)      2       1  2.3ms  cpus:1        0s', ''].join('\n'),
  );
  expect((await run(reply, 'frameworks', '-a')).printed).toContain('m-0001');
});

test('offers shows age and end of each, so that a hoarder is seen', async () => {
  const offer = { id: offerId('m-O1'), frameworkId: framework, agentId: agentId('m-S0'), hostname: 'pi7', role: '*', resources: amounts(1, 64).allocatedTo('*'), ageMs: 61_000 };
  expect((await run({ kind: 'offers', offers: [{ ...offer, expiresInMs: 239_000 }, offer] }, 'offers')).printed).toBe(
    [
      'ID    FRAMEWORK  AGENT  ROLE  RESOURCES        AGE  EXPIRES',
      'm-O1  m-0000     pi7    *     cpus:1;mem:64  1m01s    3m59s',
      'm-O1  m-0000     pi7    *     cpus:1;mem:64  1m01s    never',
      '',
    ].join('\n'),
  );
});

test('roles shows weight and share', async () => {
  const roles = [{ role: 'prod', weight: 4, share: 0.12345, dominantResource: 'mem', frameworkIds: [framework], allocated: new Map([['mem', 64_000]]) }];
  expect((await run({ kind: 'roles', roles }, 'roles')).printed).toBe(['ROLE  WEIGHT  SHARE  DOMINANT  FRAMEWORKS  ALLOCATED', 'prod       4  0.123  mem                1  mem:64', ''].join('\n'));
});

test.each<[words: readonly string[], asked: OperatorCall, printed: string]>([
  [['kill', 'web-1'], { kind: 'kill-task', taskId: taskId('web-1') }, 'Kill of task web-1 requested\n'],
  [['kill', 'web-1', '--framework', 'm-0000'], { kind: 'kill-task', taskId: taskId('web-1'), frameworkId: framework }, 'Kill of task web-1 requested\n'],
  [['teardown', 'm-0000'], { kind: 'teardown', frameworkId: framework }, 'Framework m-0000 torn down\n'],
  [['set-weight', 'prod/web', '2.5'], { kind: 'set-weight', role: 'prod/web', weight: 2.5 }, 'Weight of role prod/web is 2.5\n'],
])('%j asks the master and says what was done', async (words, asked, printed) => {
  expect(await run({ kind: 'done' }, ...words)).toMatchObject({ asked, printed });
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
  expect((await run({ kind: 'roles', roles: [] }, ...words)).address).toBe(address);
});

test.each<[words: readonly string[], message: string]>([
  [['kill', 'a/b'], '<task>: current value is "a/b", expected an id without control characters, "/" and "\\"'],
  [['set-weight', 'prod', 'heavy'], '<weight>: current value is "heavy", expected a number above 0'],
  [['set-weight', '/prod', '1'], '<role>: current value is "/prod", expected'],
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
