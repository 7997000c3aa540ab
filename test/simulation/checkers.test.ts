// Proves that the checkers of the simulation can fail: each is shown the very thing that it exists to find, made by hand.

import { agentId, containerId, executorId, frameworkId, offerId, taskId } from '../../common/model/ids';
import type { Offer } from '../../common/model/offer';
import type { QuotaConfig } from '../../common/model/quota';
import { parseResourceText } from '../../common/model/resource-text';
import { Resources } from '../../common/model/resources';
import type { TaskStatus } from '../../common/model/task-status';
import { VirtualCluster, type ClusterSight } from '../../frameworks/sdk/testing';
import { encodeRegistryFact } from '../../proto/registry-codec';
import { amountsOf, difference, excess, sumOf } from './amounts';
import { LeadershipChecker } from './leadership-checker';
import { noQuota, QuotaChecker } from './quota-checker';
import { RegistryChecker } from './registry-checker';
import { ResourceChecker } from './resource-checker';
import { TaskChecker } from './task-checker';
import type { Checker } from './violation';

function resourcesOf(text: string): Resources {
  const parsed = parseResourceText(text, 'text');
  if (!parsed.ok) throw new Error(text);
  return Resources.of(parsed.value);
}

const sent = (from: string, to: string, service: string, messages: readonly unknown[], link = 1): ClusterSight => ({ source: 'network', sight: { kind: 'sent', link, service, from, to, messages } });
const delivered = (from: string, to: string, service: string, messages: readonly unknown[], link = 1): ClusterSight => ({ source: 'network', sight: { kind: 'delivered', link, service, from, to, messages } });

const anOffer = (id: string, resources: string, role = '*'): Offer => ({
  id: offerId(id),
  frameworkId: frameworkId('f'),
  agentId: agentId('S0'),
  hostname: 'agent-0',
  resources: resourcesOf(resources),
  attributes: [],
  executorIds: [],
  role,
});

function withAgent<C extends Checker>(checker: C): C {
  checker.see({ source: 'etcd', sight: { kind: 'elected', address: 'master-0:5050', epoch: '2' } });
  checker.see(delivered('agent-0', 'master-0', 'agents', [{ kind: 'register', info: { resources: resourcesOf('cpus:4;mem:100;ports:[1-2]') } }], 9));
  checker.see(sent('master-0', 'agent-0', 'agents', [{ kind: 'registered', agentId: 'S0' }], 9));
  return checker;
}

const offering = (...offers: Offer[]): ClusterSight => sent('master-0', 's', 'schedulers', [{ kind: 'offers', offers }]);
const running = (id: string, resources: string, role = '*'): ClusterSight =>
  sent('master-0', 'agent-0', 'agents', [{ kind: 'run-task', framework: { id: 'f' }, launchExecutor: true, task: { taskId: taskId(id), resources: resourcesOf(resources).allocatedTo(role) } }], 9);

describe('resources', () => {
  test('an agent may be offered in parts, up to its total', () => {
    expect(() => withAgent(new ResourceChecker()).see(offering(anOffer('O1', 'cpus:3;ports:[1-1]'), anOffer('O2', 'cpus:1;mem:100;ports:[2-2]')))).not.toThrow();
  });

  test.each<[claim: string, sights: ClusterSight[]]>([
    ['more cpus than there are', [offering(anOffer('O1', 'cpus:3'), anOffer('O2', 'cpus:1.001'))]],
    ['a port twice', [offering(anOffer('O1', 'ports:[1-1]'), anOffer('O2', 'ports:[1-2]'))]],
    ['what a task uses', [running('t', 'cpus:2'), offering(anOffer('O1', 'cpus:2.5'))]],
    ['what is offered already', [offering(anOffer('O1', 'cpus:4')), offering(anOffer('O2', 'cpus:1'))]],
  ])('found: %s', (_claim, sights) => {
    const checker = withAgent(new ResourceChecker());
    expect(() => sights.forEach((sight) => checker.see(sight))).toThrow(/never exceeds its total/);
  });

  test('found: one offer made twice', () => {
    const checker = withAgent(new ResourceChecker());
    checker.see(offering(anOffer('O1', 'cpus:1')));
    checker.see(delivered('s', 'master-0', 'schedulers', [{ number: 1, call: { kind: 'decline', offerIds: ['O1'] } }]));
    expect(() => checker.see(offering(anOffer('O1', 'cpus:1')))).toThrow(/two frameworks/);
  });

  test.each<[claim: string, sight: ClusterSight]>([
    ['declined', delivered('s', 'master-0', 'schedulers', [{ number: 1, call: { kind: 'decline', offerIds: ['O1'] } }])],
    ['rescinded', sent('master-0', 's', 'schedulers', [{ kind: 'rescind', offerId: 'O1' }])],
    ['lost with its session', { source: 'network', sight: { kind: 'ended', link: 1, service: 'schedulers', host: 'master-0' } }],
  ])('an offer that was %s is free again', (_claim, sight) => {
    const checker = withAgent(new ResourceChecker());
    checker.see(offering(anOffer('O1', 'cpus:4')));
    checker.see(sight);
    expect(() => checker.see(offering(anOffer('O2', 'cpus:4')))).not.toThrow();
  });

  test('a task is charged until its end is heard', () => {
    const checker = withAgent(new ResourceChecker());
    checker.see(running('t', 'cpus:4'));
    checker.see(delivered('agent-0', 'master-0', 'agents', [{ kind: 'status-update', frameworkId: 'f', status: { taskId: 't' }, latestState: 'TASK_FINISHED' }], 9));
    expect(() => checker.see(offering(anOffer('O1', 'cpus:4')))).not.toThrow();
  });

  test('amounts add up and compare exactly', () => {
    const sum = sumOf([amountsOf(resourcesOf('cpus:0.1;ports:[1-2]')), amountsOf(resourcesOf('cpus:0.2'))]);
    expect(difference(sum, amountsOf(resourcesOf('cpus:0.3;ports:[1-2]')))).toBeUndefined();
    expect(difference(sum, amountsOf(resourcesOf('cpus:0.3;ports:[1-1]')))).toMatch('ports:2');
    expect(excess(sum, amountsOf(resourcesOf('cpus:0.3;ports:[1-9]')))).toBeUndefined();
    expect(excess(sum, amountsOf(resourcesOf('cpus:0.299;ports:[1-9]')))).toMatch('cpus');
  });
});

describe('quotas', () => {
  const limited = (cpus: number): QuotaConfig => ({ role: 'a', guarantees: new Map(), limits: new Map([['cpus', cpus * 1_000]]) });
  const entryOf = (config: QuotaConfig) => encodeRegistryFact({ kind: 'quota', ...config });
  const loaded = (epoch: string, ...configs: QuotaConfig[]): ClusterSight => ({ source: 'etcd', sight: { kind: 'loaded', epoch, entries: configs.map(entryOf) } });
  const written = (config: QuotaConfig, epoch = '2'): ClusterSight => ({
    source: 'etcd',
    sight: { kind: 'applied', epoch, writes: [config.limits.size === 0 ? { kind: 'delete', key: `quotas/${config.role}` } : { kind: 'put', ...entryOf(config) }] },
  });
  const ofAgent = (write: 'unreachable' | 'admitted'): ClusterSight => ({
    source: 'etcd',
    sight: { kind: 'applied', epoch: '2', writes: [{ kind: 'put', ...encodeRegistryFact({ kind: 'agent', agentId: agentId('S0'), info: { hostname: 'agent-0', port: 0, resources: resourcesOf('cpus:4'), attributes: [] }, version: '', state: write }) }] },
  });
  const ended = (link: number, service: string): ClusterSight => ({ source: 'network', sight: { kind: 'ended', link, service, host: 'master-0' } });
  const subscribed = sent('master-0', 's', 'schedulers', [{ kind: 'subscribed', frameworkId: 'f' }], 1);
  const toOther = (...offers: Offer[]): ClusterSight => sent('master-0', 'other', 'schedulers', [{ kind: 'offers', offers }], 2);
  const rescinded = (id: string): ClusterSight => sent('master-0', 's', 'schedulers', [{ kind: 'rescind', offerId: id }]);

  type Step = ClusterSight | { readonly told: QuotaConfig } | { readonly listed: readonly QuotaConfig[] };

  function play(steps: readonly Step[]): QuotaChecker {
    const checker = withAgent(new QuotaChecker());
    for (const step of steps) {
      if ('source' in step) checker.see(step);
      else if ('told' in step) checker.answered('master-0', { kind: 'update-quota', configs: [step.told], force: true }, { kind: 'done' });
      else checker.answered('master-0', { kind: 'get-quota' }, { kind: 'quota', quotas: step.listed.map((config) => ({ config, consumed: new Map() })) });
    }
    return checker;
  }

  const two: readonly Step[] = [written(limited(2)), { told: limited(2) }];

  test('what is offered and used below a role, up to its limit, is in order, and counted', () => {
    const checker = play([...two, running('t', 'cpus:1', 'a'), toOther(anOffer('O1', 'cpus:1;mem:100', 'a/b'), anOffer('O2', 'cpus:2', 'c'))]);
    expect([checker.changeCount, checker.offerCount]).toEqual([1, 1]);
  });

  test.each<[claim: string, steps: Step[]]>([
    ['an offer beyond the limit', [...two, toOther(anOffer('O1', 'cpus:2.001', 'a'))]],
    ['two offers beyond it together, in different roles below it', [...two, offering(anOffer('O1', 'cpus:1', 'a/b')), toOther(anOffer('O2', 'cpus:1.5', 'a'))]],
    ['an offer beside a task', [...two, running('t', 'cpus:1', 'a/b'), toOther(anOffer('O1', 'cpus:1.5', 'a'))]],
    ['an offer beside a task of a framework that has no session, on an agent that is there', [...two, subscribed, running('t', 'cpus:2', 'a'), ended(1, 'schedulers'), toOther(anOffer('O1', 'cpus:1', 'a'))]],
    ['an offer beside a task on an agent that is away', [...two, subscribed, running('t', 'cpus:2', 'a'), ended(9, 'agents'), toOther(anOffer('O1', 'cpus:1', 'a'))]],
    ['more under a limit that is below what is in use', [running('t', 'cpus:3', 'a'), ...two, toOther(anOffer('O1', 'cpus:0.1', 'a'))]],
    ['an open offer that a new limit leaves', [offering(anOffer('O1', 'cpus:3', 'a')), ...two]],
    ['an offer beyond what a leader was given by the registry', [loaded('2', limited(2)), toOther(anOffer('O1', 'cpus:3', 'a'))]],
    ['an offer by a limit that was confirmed to be over', [loaded('2', limited(3)), ...two, toOther(anOffer('O1', 'cpus:3', 'a'))]],
  ])('found: %s', (_claim, steps) => {
    expect(() => play(steps)).toThrow(/does not exceed its limit: a: cpus/);
  });

  test.each<[claim: string, steps: Step[]]>([
    ['a limit below what is in use takes nothing away, and forbids nothing of other resources', [running('t', 'cpus:3', 'a'), ...two, toOther(anOffer('O1', 'mem:100', 'a'))]],
    ['a limit that is written and not confirmed may count or not', [written(limited(1)), toOther(anOffer('O1', 'cpus:3', 'a'))]],
    ['a limit that is taken away may count or not until that is confirmed', [...two, written(noQuota('a')), toOther(anOffer('O1', 'cpus:3', 'a')), { told: noQuota('a') }, { listed: [] }]],
    ['a rescinded offer makes room for a new limit', [offering(anOffer('O1', 'cpus:3', 'a')), written(limited(2)), rescinded('O1'), { told: limited(2) }]],
    ['what ran on an agent that is given up does not count', [...two, subscribed, running('t', 'cpus:2', 'a'), ended(9, 'agents'), ofAgent('unreachable'), toOther(anOffer('O1', 'cpus:1', 'a'))]],
    ['what a framework without session has on an agent that is away may be gone with the framework', [...two, running('t', 'cpus:2', 'a'), ended(9, 'agents'), toOther(anOffer('O1', 'cpus:1', 'a'))]],
    ['a leader that dies before it answers leaves the quota to the registry', [written(limited(2)), { source: 'etcd', sight: { kind: 'elected', address: 'master-0:5050', epoch: '3' } }, loaded('3', limited(2)), { listed: [limited(2)] }]],
  ])('%s', (_claim, steps) => {
    expect(() => play(steps)).not.toThrow();
  });

  test.each<[claim: string, steps: Step[], found: RegExp]>([
    ['a quota confirmed before it is written', [{ told: limited(2) }], /when it is durable/],
    ['a quota confirmed that is not the one that was written', [written(limited(1)), { told: limited(2) }], /when it is durable/],
    ['a quota that a later leader does not list', [loaded('2', limited(2)), { listed: [] }], /quotas that were set/],
    ['another than was set last', [...two, written(limited(3)), { told: limited(3) }, { listed: [limited(2)] }], /quotas that were set/],
    ['one that was taken away', [...two, written(noQuota('a')), { told: noQuota('a') }, { listed: [limited(2)] }], /quotas that were set/],
  ])('found: %s', (_claim, steps, found) => {
    expect(() => play(steps)).toThrow(found);
  });

  test('found: a valid quota refused in spite of force; a master that does not lead, or no longer, has said nothing', () => {
    const checker = withAgent(new QuotaChecker());
    const call = { kind: 'update-quota', configs: [limited(2)], force: true } as const;
    expect(() => checker.answered('master-0', call, { kind: 'not-leader' })).not.toThrow();
    expect(() => checker.answered('master-0', call, { kind: 'unavailable', message: '' })).not.toThrow();
    expect(() => checker.answered('master-0', call, { kind: 'refused', refusal: { field: 'quota_configs[0]', value: '', expected: '' } })).toThrow(/With force/);
  });
});

describe('leadership', () => {
  test('found: a master that speaks without the leader key', async () => {
    const cluster = new VirtualCluster({ masters: 2 });
    await cluster.until(() => cluster.leader !== undefined);
    const checker = new LeadershipChecker(() => cluster.etcd);
    const [leader, other] = cluster.leader?.host === 'master-0' ? ['master-0', 'master-1'] : ['master-1', 'master-0'];
    expect(() => checker.see(sent(leader, 'agent-0', 'agents', [{ kind: 'ping' }]))).not.toThrow();
    expect(() => checker.see(sent(other, 'agent-0', 'agents', [{ kind: 'ping' }]))).toThrow(/At most one master acts/);
  });
});

describe('registry', () => {
  test('found: an agent told that it is admitted before the registry knows, and an acknowledged write that a later leader is not given', () => {
    const { etcd } = new VirtualCluster();
    const checker = new RegistryChecker(() => etcd);
    expect(() => checker.see(sent('master-0', 'agent-0', 'agents', [{ kind: 'registered', agentId: 'S0' }]))).toThrow(/not durable/);
    const value = new Uint8Array([1]);
    const writes = [{ kind: 'put', key: 'k', value }] as const;
    checker.see({ source: 'etcd', sight: { kind: 'applied', epoch: '2', writes } });
    checker.see({ source: 'etcd', sight: { kind: 'acknowledged', epoch: '2', writes } });
    expect(() => checker.see({ source: 'etcd', sight: { kind: 'loaded', epoch: '3', entries: [{ key: 'k', value }] } })).not.toThrow();
    expect(() => checker.see({ source: 'etcd', sight: { kind: 'loaded', epoch: '3', entries: [] } })).toThrow(/later leader/);
  });

  test('an acknowledgement that comes after a later term has written the same key demands nothing', () => {
    const { etcd } = new VirtualCluster();
    const checker = new RegistryChecker(() => etcd);
    const [old, value] = [new Uint8Array([1]), new Uint8Array([2])];
    const first = [{ kind: 'put', key: 'k', value: old }] as const;
    const second = [{ kind: 'put', key: 'k', value }] as const;
    checker.see({ source: 'etcd', sight: { kind: 'applied', epoch: '2', writes: first } });
    checker.see({ source: 'etcd', sight: { kind: 'applied', epoch: '3', writes: second } });
    checker.see({ source: 'etcd', sight: { kind: 'acknowledged', epoch: '3', writes: second } });
    checker.see({ source: 'etcd', sight: { kind: 'acknowledged', epoch: '2', writes: first } });
    expect(() => checker.see({ source: 'etcd', sight: { kind: 'loaded', epoch: '4', entries: [{ key: 'k', value }] } })).not.toThrow();
    expect(() => checker.see({ source: 'etcd', sight: { kind: 'loaded', epoch: '4', entries: [{ key: 'k', value: old }] } })).toThrow(/later leader/);
  });
});

describe('tasks', () => {
  const [agent] = new VirtualCluster().agents;
  if (!agent) throw new Error('There is an agent');
  const status = (state: TaskStatus['state'], uuid: string): TaskStatus => ({ taskId: taskId('t'), state, uuid, labels: [] });
  const logged = (state: TaskStatus['state'], uuid: string): ClusterSight => ({ source: 'disk', agent, record: { kind: 'update', frameworkId: frameworkId('f'), status: status(state, uuid) } });
  const heard = (state: TaskStatus['state'], uuid: string): ClusterSight => delivered('master-0', 's', 'schedulers', [{ kind: 'update', status: status(state, uuid) }]);
  const acknowledged = (uuid: string): ClusterSight => sent('s', 'master-0', 'schedulers', [{ number: 1, call: { kind: 'acknowledge', taskId: 't', uuid } }]);
  const forgotten = (uuid: string): ClusterSight => ({ source: 'disk', agent, record: { kind: 'update-acknowledged', frameworkId: frameworkId('f'), taskId: taskId('t'), uuid } });
  const started: ClusterSight = {
    source: 'container',
    agent,
    sight: {
      kind: 'started',
      spec: {
        containerId: containerId('c'),
        frameworkId: frameworkId('f'),
        executorId: executorId('t'),
        command: { uris: [], environment: [], shell: true, arguments: [] },
        environment: new Map([['MESOS_TASK_ID', 't']]),
        user: '',
        resources: Resources.empty,
      },
    },
  };

  function aChecker(): TaskChecker {
    const checker = new TaskChecker((host) => host === 's');
    checker.see(delivered('master-0', 's', 'schedulers', [{ kind: 'subscribed', frameworkId: 'f' }]));
    return checker;
  }

  test('an update that is logged, heard, acknowledged and forgotten in this order is in order; so is a repetition', () => {
    const checker = aChecker();
    for (const sight of [started, logged('TASK_RUNNING', 'a'), heard('TASK_RUNNING', 'a'), logged('TASK_FINISHED', 'b'), heard('TASK_RUNNING', 'a'), acknowledged('a'), forgotten('a'), heard('TASK_FINISHED', 'b'), heard('TASK_RUNNING', 'a')]) {
      expect(() => checker.see(sight)).not.toThrow();
    }
  });

  test.each<[claim: string, sights: ClusterSight[], found: RegExp]>([
    ['a task that starts twice', [started, started], /started twice/],
    ['an update heard before it was logged', [heard('TASK_RUNNING', 'a')], /in its agent's log/],
    ['updates out of order', [logged('TASK_RUNNING', 'a'), logged('TASK_FINISHED', 'b'), heard('TASK_FINISHED', 'b'), heard('TASK_RUNNING', 'a')], /order of the log/],
    ['an acknowledgement of what was not heard', [logged('TASK_RUNNING', 'a'), acknowledged('a')], /has heard/],
    ['an update forgotten without acknowledgement', [logged('TASK_RUNNING', 'a'), heard('TASK_RUNNING', 'a'), forgotten('a')], /its scheduler acknowledged it/],
  ])('found: %s', (_claim, sights, found) => {
    const checker = aChecker();
    expect(() => sights.forEach((sight) => checker.see(sight))).toThrow(found);
  });

  test('found: another state after an end, except where an end is a guess', () => {
    const checker = aChecker();
    checker.told('f', 't', 'TASK_FINISHED');
    checker.told('f', 't', 'TASK_FINISHED');
    expect(() => checker.told('f', 't', 'TASK_RUNNING')).toThrow(/stays over/);
    checker.told('f', 'u', 'TASK_LOST');
    expect(() => checker.told('f', 'u', 'TASK_RUNNING')).not.toThrow();
  });
});
