// Frameworks: subscription, failover, removal.
//
// Proves who gets in, that the newest session wins, that tasks outlive their scheduler for the failover timeout and no longer, and what a
// removal does to agents, books and later subscriptions.

import { agentId, frameworkId, offerId } from '../../../common/model/ids';
import type { FrameworkInfo } from '../../../common/model/framework';
import type { AttributeConstraint, OfferConstraints } from '../../../common/model/scheduler-protocol';
import { frameworkCountMax } from '../../../master/core/master-state';
import type { RegistryFact } from '../../../master/core/master-step';
import { aFramework, anAgentInfo, aTask, launch, ScriptedMaster } from './scripted-master';

const whole = '[cpus:4;mem:4096;ports:[31000-31009]]';

function withRunningTask(over: Partial<FrameworkInfo> = {}) {
  const master = new ScriptedMaster();
  const agent = master.registered();
  const scheduler = master.subscribed(over);
  master.skip();
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0', 'cpus:1;mem:96'))]);
  agent.update(scheduler.frameworkId, 't', 'TASK_RUNNING', 1);
  master.skip(2_000);
  return { master, agent, scheduler, id: scheduler.frameworkId };
}

test('a second session under the same id takes over: the first is told and closed, its offers are void, tasks run on', () => {
  const { master, id } = withRunningTask();
  const second = master.subscribed({ id, name: 'renamed' });
  expect(master.trace(0)).toEqual(['s2 error Framework failed over', 's2 closed', 's3 subscribed 0000', 'a1 update-framework renamed']);
  second.decline(['O1']);
  expect(master.trace(1_500).at(-1)).toBe('s3 offers O2@S0 eng [cpus:3;mem:4000;ports:[31000-31009]]');
});

test('a scheduler that returns within its failover timeout finds its tasks, and the timer of its absence means nothing later', () => {
  const { master, agent, scheduler, id } = withRunningTask({ failoverTimeoutMs: 60_000 });
  scheduler.close();
  expect(master.trace(59_000)).toEqual([]);
  const again = master.subscribed({ id, failoverTimeoutMs: 60_000 });
  master.skip(120_000);
  again.call({ kind: 'reconcile', tasks: [] });
  expect(master.trace(0)).toEqual(['s3 update t TASK_RUNNING master REASON_RECONCILIATION']);
  agent.update(id, 't', 'TASK_FINISHED', 2);
  expect(master.trace(0)).toEqual(['s3 update t TASK_FINISHED executor #2']);
});

test('a scheduler that stays away is removed at its failover timeout, agents shut it down, and its id is refused for ever', () => {
  const { master, scheduler, id } = withRunningTask({ failoverTimeoutMs: 60_000 });
  scheduler.close();
  expect(master.trace(60_001)).toEqual(['a1 shutdown-framework 0000']);
  master.subscribed({ id });
  expect(master.trace()).toEqual(['s3 error Framework has been removed', 's3 closed']);
  expect(master.ask({ kind: 'get-frameworks' })).toMatchObject({ frameworks: [{ id, state: 'completed' }] });
  expect(master.ask({ kind: 'get-tasks', includeCompleted: true })).toMatchObject({ tasks: [{ id: 't', state: 'TASK_KILLED', reason: 'REASON_FRAMEWORK_REMOVED' }] });
});

test('a failover timeout of zero removes the framework with its session', () => {
  const { master, scheduler } = withRunningTask({ failoverTimeoutMs: 0 });
  scheduler.close();
  expect(master.trace(0)).toEqual(['a1 shutdown-framework 0000']);
});

test('TEARDOWN ends the session, tells every agent, sends no update, and frees everything', () => {
  const { master, scheduler } = withRunningTask();
  scheduler.call({ kind: 'teardown' }, { kind: 'reconcile', tasks: [] });
  expect(master.trace()).toEqual(['a1 shutdown-framework 0000', 's2 closed']);
  master.subscribed({ name: 'next' });
  expect(master.trace()).toEqual(['s3 subscribed 0001', `s3 offers O2@S0 eng ${whole}`]);
});

test('an update of a task whose framework is gone makes the agent shut that framework down', () => {
  const { master, agent, scheduler, id } = withRunningTask();
  scheduler.call({ kind: 'teardown' });
  master.skip();
  agent.update(id, 't', 'TASK_FAILED', 9);
  expect(master.trace()).toEqual(['a1 shutdown-framework 0000']);
});

test('an operator removes a framework, whose scheduler is told why', () => {
  const { master, id } = withRunningTask();
  expect(master.ask({ kind: 'teardown', frameworkId: id })).toEqual({ kind: 'done' });
  expect(master.trace()).toEqual(['a1 shutdown-framework 0000', 's2 error Framework has been removed', 's2 closed', 'op1 done']);
  expect(master.ask({ kind: 'teardown', frameworkId: id })).toMatchObject({ kind: 'refused', refusal: { field: 'framework_id' } });
});

test('an id that nobody knows is taken: it is that of a framework from before a change of leader', () => {
  const master = new ScriptedMaster();
  master.subscribed({ id: frameworkId('old-0007') });
  expect(master.trace()).toEqual(['s1 subscribed old-0007']);
});

test('a new framework never gets an id that a scheduler made up before', () => {
  const master = new ScriptedMaster();
  master.subscribed({ id: frameworkId('m-0000') });
  master.subscribed();
  expect(master.trace()).toEqual(['s1 subscribed 0000', 's2 subscribed 0001']);
});

test('only the newest completed frameworks are remembered', () => {
  const master = new ScriptedMaster('m', [], { completedFrameworkCountMax: 2 });
  for (let count = 0; count < 3; count += 1) master.subscribed({ failoverTimeoutMs: 0 }).close();
  expect(master.ask({ kind: 'get-frameworks' })).toMatchObject({ frameworks: [{ id: 'm-0001' }, { id: 'm-0002' }] });
});

const constraints = (group: OfferConstraints extends ReadonlyMap<string, infer Groups> ? Groups : never, role = 'eng'): OfferConstraints => new Map([[role, group]]);
const rack = { kind: 'attribute', name: 'rack' } as const;
const present: AttributeConstraint = { selector: rack, predicate: { kind: 'exists' } };
const matching = (regex: string): AttributeConstraint => ({ selector: rack, predicate: { kind: 'text-matches', regex } });

test.each<[claim: string, field: string, over: Partial<FrameworkInfo>, rest?: { suppressed?: string[]; constraints?: OfferConstraints }]>([
  ['two roles without MULTI_ROLE', 'roles', { roles: ['a', 'b'], capabilities: [] }],
  ['no role without MULTI_ROLE', 'roles', { roles: [], capabilities: [] }],
  ['a role twice', 'roles[1]', { roles: ['a', 'a'] }],
  ['a malformed role', 'roles[0]', { roles: ['a//b'] }],
  ['too many roles', 'roles', { roles: Array.from({ length: 1_001 }, (_, index) => `r${index}`) }],
  ['an empty offer filter', 'offer_filters["eng"].min_allocatable_resources.quantities[0]', { offerFilters: new Map([['eng', { minAllocatable: [new Map()] }]]) }],
  ['a negative offer filter', 'quantities[0].cpus', { offerFilters: new Map([['eng', { minAllocatable: [new Map([['cpus', -1]])] }]]) }],
  ['an endless failover timeout', 'failover_timeout', { failoverTimeoutMs: Infinity }],
  ['a suppressed role that is not its own', 'subscribe.suppressed_roles[0]', {}, { suppressed: ['ops'] }],
  ['a constraint for a role that is not its own', 'role_constraints["ops"]', {}, { constraints: constraints([[]], 'ops') }],
  ['constraints without a group', 'role_constraints["eng"].groups', {}, { constraints: constraints([]) }],
  ['a group without constraints', 'groups[0].attribute_constraints', {}, { constraints: constraints([[]]) }],
  ['a malformed regular expression', 'groups[0].attribute_constraints[1].predicate.text_matches.regex', {}, { constraints: constraints([[matching('r.'), matching('r(')]]) }],
  ['a regular expression that looks ahead', 'predicate.text_matches.regex', {}, { constraints: constraints([[matching('(?=r).*')]]) }],
  ['a regular expression that is too long', 'groups[1].attribute_constraints[0].predicate.text_matches.regex', {}, { constraints: constraints([[matching('r')], [matching('r{100}')]]) }],
  ['a regular expression not to match', 'predicate.text_not_matches.regex', {}, { constraints: constraints([[{ selector: rack, predicate: { kind: 'text-not-matches', regex: '*' } }]]) }],
  ['more constraints than a run should ask', 'offer_constraints.role_constraints', {}, { constraints: constraints([...Array.from({ length: 500 }, () => [present, present]), [present]]) }],
  ['offer filters of more amounts than a run should compare', 'framework_info.offer_filters', { offerFilters: new Map([['eng', { minAllocatable: Array.from({ length: 1_001 }, () => new Map([['cpus', 1]])) }]]) }],
  ['offer filters of more roles than it may have', 'framework_info.offer_filters', { offerFilters: new Map(Array.from({ length: 1_001 }, (_, i) => [`r${i}`, { minAllocatable: [] }])) }],
  ['an info larger than what goes along with every task', 'subscribe.framework_info', { labels: [{ key: 'x'.repeat(65_536) }] }],
  ['too many regular expressions', 'groups[100].attribute_constraints[0].predicate.text_matches.regex', {}, { constraints: constraints(Array.from({ length: 101 }, () => [matching('r')])) }],
])('a subscription with %s is refused by name, and the session is closed', (_claim, field, over, rest = {}) => {
  const master = new ScriptedMaster();
  const scheduler = master.scheduler();
  const offerConstraints = rest.constraints ?? new Map();
  scheduler.call({ kind: 'subscribe', frameworkInfo: aFramework(over), suppressedRoles: rest.suppressed ?? [], offerConstraints });
  expect(scheduler.events).toEqual([{ kind: 'error', message: expect.stringContaining(`${field}: current value is`) as string }]);
  expect(master.isOpen('s1')).toBe(false);
  expect(master.core.gauges().frameworksByState.connected).toBe(0);
});

test('a framework is offered only agents whose hostname matches its regular expression, as it is at the time', () => {
  const master = new ScriptedMaster();
  master.registered({ hostname: 'pi-12' });
  master.registered({ hostname: 'nas' });
  master.registered({ hostname: 'pi-x' });
  const scheduler = master.scheduler();
  const named = (regex: string): OfferConstraints => constraints([[{ selector: { kind: 'pseudoattribute', name: 'HOSTNAME' }, predicate: { kind: 'text-matches', regex } }]]);
  const hostnames = (): string[] => scheduler.offers.map(({ hostname }) => hostname);
  scheduler.call({ kind: 'subscribe', frameworkInfo: aFramework(), suppressedRoles: [], offerConstraints: named('pi-[0-9]+') });
  master.skip();
  expect(hostnames()).toEqual(['pi-12']);
  const update = { kind: 'update-framework', frameworkInfo: aFramework({ id: scheduler.frameworkId }), suppressedRoles: [] } as const;
  scheduler.call({ ...update, offerConstraints: named('(pi-)+x|') });
  master.skip(2_000);
  expect(hostnames()).toEqual(['pi-12', 'pi-x']);
  scheduler.call({ ...update, offerConstraints: named('[') });
  master.skip(2_000);
  expect(hostnames()).toEqual(['pi-12', 'pi-x']);
  expect(scheduler.events).toContainEqual(expect.objectContaining({ kind: 'refused', refusal: expect.objectContaining({ field: expect.stringMatching(/^update_framework\..*\.regex$/) as string, value: '"["' }) as object }));
});

test('how long a regular expression may be is for the operator to say', () => {
  for (const [regexProgramSizeMax, kind] of [[101, 'subscribed'], [100, 'error']] as const) {
    const master = new ScriptedMaster('m', [], { regexProgramSizeMax });
    const scheduler = master.scheduler();
    scheduler.call({ kind: 'subscribe', frameworkInfo: aFramework(), suppressedRoles: [], offerConstraints: constraints([[matching('r{100}')]]) });
    expect(scheduler.events).toMatchObject([{ kind }]);
  }
});

test('a re-subscription must carry the same id twice', () => {
  const master = new ScriptedMaster();
  const scheduler = master.scheduler();
  scheduler.call({ kind: 'subscribe', frameworkId: frameworkId('x'), frameworkInfo: aFramework(), suppressedRoles: [], offerConstraints: new Map() });
  expect(scheduler.events).toMatchObject([{ kind: 'error' }]);
});

test('a re-subscription may not change the principal, and leaves the old session alone; user and checkpoint keep their old value', () => {
  const { master, id } = withRunningTask({ principal: 'p' });
  master.subscribed({ id, principal: 'q' });
  expect(master.trace(0)).toEqual(["s3 error Changing framework's principal is not allowed.", 's3 closed']);
  master.subscribed({ id, principal: 'p', user: 'root', checkpoint: false });
  expect(master.trace(0)).toContain('s2 error Framework failed over');
  expect(master.ask({ kind: 'get-frameworks' })).toMatchObject({ frameworks: [{ info: { user: 'svc', checkpoint: true } }] });
});

test('UPDATE_FRAMEWORK replaces all or nothing: offers of a role that left are rescinded, immutable fields are refused', () => {
  const master = new ScriptedMaster();
  master.registered();
  const scheduler = master.subscribed({ roles: ['eng', 'ops'] });
  master.skip();
  const role = scheduler.offers[0]?.role;
  const id = scheduler.frameworkId;
  const update = (over: Partial<FrameworkInfo>): void =>
    scheduler.call({ kind: 'update-framework', frameworkInfo: aFramework({ id, roles: ['eng', 'ops'], ...over }), suppressedRoles: [], offerConstraints: new Map() });
  for (const over of [{ user: 'root' }, { checkpoint: false }, { principal: 'p' }, { roles: ['a//'] }, { id: frameworkId('other') }]) update(over);
  expect(master.trace(0)).toEqual(
    ['user', 'checkpoint', 'principal', 'roles[0]', 'id'].map((field) => `s2 refused update-framework update_framework.framework_info.${field}`),
  );
  const other = role === 'eng' ? 'ops' : 'eng';
  update({ roles: [other] });
  expect(master.trace(1_500)).toEqual(['s2 rescind O0', `s2 offers O1@S0 ${other} ${whole}`]);
});

test('agents hear of a changed info at once, of further changes together and no sooner than after a second, and of none after its end', () => {
  const master = new ScriptedMaster();
  master.registered();
  const scheduler = master.subscribed();
  const id = scheduler.frameworkId;
  const rename = (name: string): void => scheduler.call({ kind: 'update-framework', frameworkInfo: aFramework({ id, name }), suppressedRoles: [], offerConstraints: new Map() });
  master.skip();
  rename('before anything ran');
  scheduler.accept(['O0'], [launch(aTask('t', 'm-S0'))], 3600);
  expect(master.trace(5_000)).toEqual(['a1 run-task t on a new executor']);
  rename('b');
  expect(master.trace(0)).toEqual(['a1 update-framework b']);
  for (const name of ['c', 'd', 'e']) rename(name);
  expect(master.trace(900)).toEqual([]);
  expect(master.trace(200)).toEqual(['a1 update-framework e']);
  expect(master.trace(5_000)).toEqual([]);
  rename('f');
  rename('g');
  scheduler.call({ kind: 'teardown' });
  expect(master.trace(5_000)).toEqual(['a1 update-framework f', 'a1 shutdown-framework 0000', expect.any(String)]);
});

test('resources of tasks in a role that left are returned when the tasks end', () => {
  const { master, agent, scheduler, id } = withRunningTask();
  scheduler.call({ kind: 'update-framework', frameworkInfo: aFramework({ id, roles: ['ops'] }), suppressedRoles: [], offerConstraints: new Map() });
  master.skip(2_000);
  agent.update(id, 't', 'TASK_FINISHED', 2);
  expect(master.trace()).toContain('s2 offers O3@S0 ops [cpus:1;mem:96]');
});

test('a subscriber to no role is welcome and gets no offers', () => {
  const master = new ScriptedMaster();
  master.registered();
  const scheduler = master.subscribed({ roles: [] });
  scheduler.call({ kind: 'revive', roles: [] }, { kind: 'decline', offerIds: [offerId('m-O0')], filters: { refuseSeconds: 5 } });
  expect(master.trace(5_000)).toEqual(['persist put S0 admitted', 'a1 registered S0', 's2 subscribed 0000']);
});

test('subscriptions that are left behind do not lock the table: for a newcomer the one that is away for longest and has nothing makes room', () => {
  const { master, agent, scheduler, id } = withRunningTask({ failoverTimeoutMs: 1e12 });
  scheduler.close();
  const connected = master.subscribed({ name: 'connected' });
  const left = Array.from({ length: frameworkCountMax - 2 }, () => {
    const one = master.subscribed({ name: 'left', failoverTimeoutMs: 1e12 });
    one.close();
    return one.frameworkId;
  });
  master.skip(0);
  const newcomer = master.subscribed({ name: 'newcomer' });
  expect(newcomer.events[0]?.kind).toBe('subscribed');
  // It never launched anything, so no agent is told of its end; the framework with a task, away for longer, stays.
  expect(agent.messages.filter((message) => message.kind === 'shutdown-framework')).toEqual([]);
  const back = [left[0], left[1], id].map((known) => master.subscribed({ id: frameworkId(known ?? ''), failoverTimeoutMs: 1e12 }));
  expect(back.map(({ events }) => events[0]?.kind)).toEqual(['error', 'subscribed', 'subscribed']);
  expect(master.isOpen(`s${connected.session}`)).toBe(true);
});

test('where all frameworks are there or have something, a newcomer is refused; so it is while agents are awaited that may have something of any', () => {
  const master = new ScriptedMaster();
  for (let count = 0; count < frameworkCountMax; count += 1) master.subscribed();
  expect(master.subscribed().events.at(-1)).toMatchObject({ kind: 'error', message: expect.stringContaining('at most 10000 are taken') as string });
  const registry: RegistryFact[] = [{ kind: 'agent', agentId: agentId('m-S0'), info: anAgentInfo(), version: '1', state: 'admitted' }];
  const next = new ScriptedMaster('n', registry);
  for (let count = 0; count < frameworkCountMax; count += 1) next.subscribed({ failoverTimeoutMs: 1e12 }).close();
  expect(next.subscribed().events.at(-1)?.kind).toBe('error');
  next.agent().reregister('m-S0');
  expect(next.subscribed().events.at(-1)?.kind).toBe('subscribed');
});
