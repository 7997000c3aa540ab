// The master node: acts only while it can prove that it leads, sends only what rests on durable facts, and says where else to go.
//
// How: real nodes over the simulated etcd and network in virtual time; links by hand that record what reaches them.

import { createDrfAllocator } from '../../allocator/drf-allocator';
import { memoryLog } from '../../common/logging';
import type { MasterMessage } from '../../common/model/agent-protocol';
import type { OperatorReply } from '../../common/model/operator-protocol';
import type { Link, LinkEnd, Registry } from '../../common/ports';
import { MasterNode } from '../../master/master-node';
import { SeededIds, SeededRandom } from '../../frameworks/sdk/testing/seeded-random';
import { SimulatedEtcd } from '../../frameworks/sdk/testing/simulated-etcd';
import { VirtualClock } from '../../frameworks/sdk/testing/virtual-clock';
import { aFramework, anAgentInfo, config } from './core/scripted-master';

function aWorld() {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const etcd = new SimulatedEtcd({ clock, random: random.stream('etcd') });
  const start = (name: string, through: (registry: Registry) => Registry = (registry) => registry) => {
    const scope = clock.scope();
    const log = memoryLog();
    const { election, registry } = etcd.ports(name, scope);
    const node = new MasterNode({
      config,
      environment: { clock: scope, random: random.stream(name), ids: new SeededIds(random.stream(`${name} ids`)) },
      election,
      registry: through(registry),
      registryName: 'simulated',
      allocatorFactory: createDrfAllocator,
      address: `${name}:5050`,
      version: 'test',
      log,
    });
    node.start();
    return { node, log };
  };
  return { clock, etcd, start };
}

class RecordedLink implements Link<MasterMessage> {
  readonly sent: MasterMessage[] = [];
  end: LinkEnd | undefined;
  send(messages: readonly MasterMessage[]): void {
    this.sent.push(...messages);
  }
  close(end: LinkEnd = { kind: 'closed' }): void {
    this.end = end;
  }
}

/** Registers an agent at the node; what the node says to it is in the link. */
function anAgentAt(node: MasterNode, hostname = 'pi'): RecordedLink {
  const link = new RecordedLink();
  node.acceptAgent(link, 'peer').messages([{ kind: 'register', info: anAgentInfo({ hostname }), version: 'test' }]);
  return link;
}

test('a node that does not lead closes every session with the address of the one that does', () => {
  const { clock, start } = aWorld();
  const first = start('first');
  clock.advance(1_000);
  const second = start('second');
  clock.advance(1_000);
  expect([first.node.health.role, second.node.health.role]).toEqual(['leading', 'standby']);
  expect(anAgentAt(second.node).end).toEqual({ kind: 'not-leader', leader: 'first:5050' });
  const replies: (OperatorReply | { readonly kind: 'not-leader' })[] = [];
  second.node.operator({ kind: 'get-agents' }, (reply) => replies.push(reply));
  expect(replies).toEqual([{ kind: 'not-leader', leader: 'first:5050' }]);
});

test('an agent is told that it is registered only when the registry has it', () => {
  const { clock, etcd, start } = aWorld();
  const { node } = start('only');
  clock.advance(1_000);
  const link = anAgentAt(node);
  expect([link.sent, etcd.contents().size]).toEqual([[], 0]);
  while (link.sent.length === 0) expect(clock.advanceToNext()).toBe(true);
  expect([link.sent[0]?.kind, etcd.contents().size]).toEqual(['registered', 1]);
});

test('when the answer to a write is lost, nothing that rested on it is sent, and the node stands by before it leads again', () => {
  const { clock, etcd, start } = aWorld();
  const { node, log } = start('only');
  clock.advance(1_000);
  etcd.answerLossProbability = 1;
  const link = anAgentAt(node);
  clock.advance(2_500);
  expect(link.sent).toEqual([]);
  expect(link.end?.kind).toBe('not-leader');
  expect(log.lines.some(({ message }) => message === 'Leadership lost')).toBe(true);
  etcd.answerLossProbability = 0;
  clock.advance(20_000);
  expect(node.health.role).toBe('leading');
});

test('a master that meets a fact it cannot read does not lead, and says which: leading would write over what a newer release promised to keep', () => {
  const { clock, start } = aWorld();
  let isReadable = false;
  const { node, log } = start('only', (registry) => ({
    load: (epoch, done) =>
      registry.load(epoch, (outcome) =>
        done(outcome.kind !== 'loaded' || isReadable ? outcome : { kind: 'loaded', entries: [...outcome.entries, { key: 'agents/x', value: new Uint8Array() }] }),
      ),
    write: (epoch, writes, done) => registry.write(epoch, writes, done),
  }));
  clock.advance(10_000);
  expect(node.health.role).not.toBe('leading');
  expect(node.health.waitingFor).toMatch('registry fact agents/x is not understood');
  expect(log.lines.filter(({ message }) => message === 'Registry fact not understood')).toHaveLength(1);
  isReadable = true;
  clock.advance(10_000);
  expect(node.health).toEqual({ role: 'leading', leader: 'only:5050' });
});

test('a leader cut off from etcd stops before another can win, and the next one knows every agent that was told it is registered', () => {
  const { clock, etcd, start } = aWorld();
  const first = start('first');
  clock.advance(1_000);
  const second = start('second');
  const link = anAgentAt(first.node);
  clock.advance(1_000);
  expect(link.sent.map(({ kind }) => kind)).toContain('registered');
  etcd.cut('first');
  while (second.node.health.role !== 'leading') {
    expect(clock.advanceToNext()).toBe(true);
    if (second.node.health.role === 'loading') expect(first.node.health.role).toBe('standby');
  }
  expect(link.end?.kind).toBe('not-leader');
  expect(first.node.health.waitingFor).toMatch('Cannot reach');
  const replies: unknown[] = [];
  second.node.operator({ kind: 'get-agents' }, (reply) => replies.push(reply));
  clock.advance(10);
  expect(replies).toMatchObject([{ kind: 'agents', agents: [{ state: 'recovered', info: { hostname: 'pi' } }] }]);
});

test('a stalled leader that wakes up late sends nothing, because it asks for its proof first', () => {
  const { clock, start } = aWorld();
  const { node } = start('only');
  clock.advance(1_000);
  const link = new RecordedLink();
  const handler = node.acceptAgent(link, 'peer');
  // The process stands still beyond its deadline: time passes, and its timers have not run yet when the next frame is handled.
  Object.defineProperty(clock, 'present', { value: clock.nowMs() + 4_000, writable: true });
  handler.messages([{ kind: 'register', info: anAgentInfo(), version: 'test' }]);
  expect(node.health.role).toBe('standby');
  expect(link.end?.kind).toBe('not-leader');
});

test('stopping resigns: a standby takes over at once, not after the lease', () => {
  const { clock, start } = aWorld();
  const first = start('first');
  clock.advance(1_000);
  const second = start('second');
  clock.advance(1_000);
  let isDone = false;
  first.node.stop(() => (isDone = true));
  const stoppedMs = clock.nowMs();
  while (second.node.health.role !== 'leading') expect(clock.advanceToNext()).toBe(true);
  expect(isDone).toBe(true);
  expect(clock.nowMs() - stoppedMs).toBeLessThan(2_000);
  expect(first.node.health).toEqual({ role: 'stopped' });
});

test('a quota that its operator was told is set is in force at the next leader, and one that was removed is not', () => {
  const { clock, start } = aWorld();
  const first = start('first');
  clock.advance(1_000);
  const second = start('second');
  clock.advance(1_000);
  const replies: unknown[] = [];
  const quota = (role: string, cpus: number) => ({ role, guarantees: new Map<string, number>(), limits: cpus < 0 ? new Map<string, number>() : new Map([['cpus', cpus]]) });
  for (const configs of [[quota('eng', 0), quota('ops', 2_000)], [quota('ops', -1)]]) {
    first.node.operator({ kind: 'update-quota', configs, force: false }, (reply) => replies.push(reply));
    clock.advance(100);
  }
  expect(replies).toEqual([{ kind: 'done' }, { kind: 'done' }]);
  first.node.stop(() => undefined);
  while (second.node.health.role !== 'leading') expect(clock.advanceToNext()).toBe(true);
  second.node.operator({ kind: 'get-quota' }, (reply) => replies.push(reply));
  clock.advance(10);
  expect(replies[2]).toEqual({ kind: 'quota', quotas: [{ config: quota('eng', 0), consumed: new Map() }] });
});

test('steps are timed, those with a run of the allocator apart, anew in each term; a standby has none', () => {
  const { clock, start } = aWorld();
  const { node } = start('first');
  expect(node.stepTimes).toBeUndefined();
  clock.advance(1_000);
  const counts = (): (number | undefined)[] => [node.stepTimes?.other.count, node.stepTimes?.allocating.count];
  const link = new RecordedLink();
  const agent = node.acceptAgent(link, 'peer');
  agent.messages([{ kind: 'register', info: anAgentInfo(), version: 'test' }]);
  clock.advance(100);
  agent.messages([{ kind: 'pong' }]);
  expect(counts()).toEqual([expect.any(Number), 0]);
  const scheduler = node.acceptScheduler({ send: () => undefined, close: () => undefined }, 'peer');
  scheduler.messages([{ ok: true, value: { number: 1, call: { kind: 'subscribe', frameworkInfo: aFramework(), suppressedRoles: [], offerConstraints: new Map() } } }]);
  clock.advance(100);
  const [other = 0, allocating = 0] = counts();
  expect([other > 3, allocating]).toEqual([true, node.core?.allocatorRuns]);
  expect(allocating).toBeGreaterThan(0);
  node.stop(() => undefined);
  expect(node.stepTimes).toBeUndefined();
});
