// Election and registry against a real etcd: never two leaders, nothing written by a leader that is none, nothing lost over an outage.
//
// How: a real etcd server that is paused (SIGSTOP), killed and restarted; candidates with a short lease in this process. Every moment at which
//      a candidate claims to lead is recorded, and the records are compared.

import { createEnvironment } from '../../common/environment';
import { briefly, closeEtcd, connectEtcd, leaderKey } from '../../common/etcd-client';
import { EtcdAddressSource } from '../../common/etcd-address-source';
import type { RegistryOutcome } from '../../common/ports';
import { EtcdElection } from '../../master/etcd-election';
import { EtcdRegistry } from '../../master/etcd-registry';
import { EtcdServer } from './etcd-server';
import { MutingProxy } from './muting-proxy';
import { RecordingCandidate } from './recording-candidate';

const { clock } = createEnvironment();
jest.setTimeout(60_000);

describe('with a real etcd', () => {
  let etcd: EtcdServer;
  let location: { endpoints: readonly string[]; prefix: string };
  let testCount = 0;
  const candidates: RecordingCandidate[] = [];

  beforeAll(async () => {
    etcd = await EtcdServer.start();
  });
  afterAll(() => etcd.stop());
  beforeEach(() => {
    testCount += 1;
    location = { endpoints: [etcd.endpoint], prefix: `/allot-test-${testCount}` };
  });
  afterEach(async () => {
    etcd.resume();
    await Promise.all(candidates.splice(0).map((candidate) => candidate.resign()));
  });

  function aCandidate(address: string): RecordingCandidate {
    const candidate = new RecordingCandidate(new EtcdElection({ location, clock, leaseSeconds: 2 }), address);
    candidates.push(candidate);
    return candidate;
  }

  const write = (registry: EtcdRegistry, epoch: string, key: string, value: string): Promise<RegistryOutcome> =>
    new Promise((resolve) => registry.write(epoch, [{ kind: 'put', key, value: Buffer.from(value) }], resolve));

  test('one of two leads, the other knows who; when it resigns the other takes over', async () => {
    const first = aCandidate('first:1');
    await first.next(/^elected/);
    const second = aCandidate('second:2');
    await second.next(/^leader: first:1/);
    expect([first.holds, second.holds]).toEqual([true, false]);
    const source = new EtcdAddressSource(location, clock);
    await new Promise<void>((resolve) => void source.refresh((trouble) => { expect(trouble).toBeUndefined(); resolve(); }));
    expect(source.current()).toEqual(['first:1']);
    await Promise.all([first.resign(), second.next(/^elected/)]);
    expect([first.holds, second.holds]).toEqual([false, true]);
  });

  test('when etcd hangs, the leader stops before its lease ends: at no moment do two hold the proof', async () => {
    const [first, second] = [aCandidate('first:1'), aCandidate('second:2')];
    await Promise.race([first.next(/^elected/), second.next(/^elected/)]);
    const [leader, other] = first.holds ? [first, second] : [second, first];
    let bothHeld = false;
    const watching = setInterval(() => {
      bothHeld ||= first.holds && second.holds;
    }, 5);
    try {
      const deposed = leader.next(/^deposed/);
      etcd.pause();
      await deposed;
      expect(leader.holds).toBe(false);
      const reelected = Promise.race([leader.next(/^elected/), other.next(/^elected/)]);
      etcd.resume();
      await reelected;
      expect(bothHeld).toBe(false);
    } finally {
      clearInterval(watching);
    }
  });

  test('a deposed leader writes nothing, and the next one reads everything that was acknowledged', async () => {
    const registry = new EtcdRegistry({ location, clock, leaseSeconds: 2 });
    try {
      const first = aCandidate('first:1');
      await first.next(/^elected/);
      const oldEpoch = first.epoch ?? '';
      expect(await write(registry, oldEpoch, 'agents/a', 'one')).toEqual({ kind: 'committed' });
      const second = aCandidate('second:2');
      await Promise.all([first.resign(), second.next(/^elected/)]);
      expect(await write(registry, oldEpoch, 'agents/a', 'two')).toEqual({ kind: 'fenced' });
      const loaded = await new Promise<unknown>((resolve) => void registry.load(second.epoch ?? '', resolve));
      expect(loaded).toEqual({ kind: 'loaded', entries: [{ key: 'agents/a', value: Buffer.from('one') }] });
      expect(await new Promise<unknown>((resolve) => void registry.load(oldEpoch, resolve))).toEqual({ kind: 'fenced' });
    } finally {
      await registry.close();
    }
  });

  test('more facts than one page or one transaction holds are all written and all read', async () => {
    const registry = new EtcdRegistry({ location, clock, leaseSeconds: 2 });
    try {
      const leader = aCandidate('first:1');
      await leader.next(/^elected/);
      const writes = Array.from({ length: 2_345 }, (_, index) => ({ kind: 'put' as const, key: `agents/${index}`, value: Buffer.from(String(index)) }));
      expect(await new Promise((resolve) => registry.write(leader.epoch ?? '', writes, resolve))).toEqual({ kind: 'committed' });
      const loaded = await new Promise<{ kind: string; entries?: readonly { key: string; value: Uint8Array }[] }>((resolve) => void registry.load(leader.epoch ?? '', resolve));
      expect(new Map(loaded.entries?.map(({ key, value }) => [key, Buffer.from(value).toString()]))).toEqual(new Map(writes.map(({ key, value }) => [key, value.toString()])));
    } finally {
      await registry.close();
    }
  });

  test('long facts are cut into transactions that etcd takes; one that it does not take is a refusal, not an etcd that is out of reach', async () => {
    const registry = new EtcdRegistry({ location, clock, leaseSeconds: 2 });
    try {
      const leader = aCandidate('first:1');
      await leader.next(/^elected/);
      const facts = (count: number, bytes: number) => Array.from({ length: count }, (_, index) => ({ kind: 'put' as const, key: `agents/${index}`, value: Buffer.alloc(bytes, 'x') }));
      const writeFacts = (count: number, bytes: number): Promise<RegistryOutcome> => new Promise((resolve) => registry.write(leader.epoch ?? '', facts(count, bytes), resolve));
      expect(await writeFacts(600, 64 * 1024)).toEqual({ kind: 'committed' });
      const loaded = await new Promise<{ readonly kind: string; readonly entries?: readonly unknown[] }>((resolve) => void registry.load(leader.epoch ?? '', resolve));
      expect(loaded.entries).toHaveLength(600);
      expect(await writeFacts(1, 1_700_000)).toEqual({ kind: 'failed', detail: expect.stringMatching(/^Cannot get it done as etcd at 127.* refuses: .*request is too large/) });
    } finally {
      await registry.close();
    }
  });

  test('an election whose answer got lost is known by the lease when it is asked for again elsewhere, and not undone', async () => {
    const proxy = await MutingProxy.start(etcd.endpoint, 'first:1');
    const etcdClient = await connectEtcd(location, clock);
    try {
      location = { ...location, endpoints: [proxy.endpoint, etcd.endpoint] };
      const candidate = aCandidate('first:1');
      await candidate.next(/^elected/);
      expect(proxy.hasLostAnswers).toBe(true);
      const found = await etcdClient.ask((client) => client.get(leaderKey(location)).exec(), briefly);
      expect(found.kvs[0]?.create_revision).toBe(candidate.epoch);
      // Nothing was written since: the key that the first try put is the key of the term.
      expect(found.header.revision).toBe(candidate.epoch);
    } finally {
      closeEtcd(etcdClient);
      proxy.stop();
    }
  });

  test('a write whose answer got lost is known by its version when it is asked for again elsewhere, and is there once', async () => {
    const proxy = await MutingProxy.start(etcd.endpoint, 'the-second');
    const registry = new EtcdRegistry({ location: { ...location, endpoints: [proxy.endpoint, etcd.endpoint] }, clock, leaseSeconds: 2 });
    try {
      const leader = aCandidate('first:1');
      await leader.next(/^elected/);
      for (const value of ['the-first', 'the-second', 'the-third']) expect(await write(registry, leader.epoch ?? '', 'agents/a', value)).toEqual({ kind: 'committed' });
      expect(proxy.hasLostAnswers).toBe(true);
      const loaded = await new Promise<unknown>((resolve) => void registry.load(leader.epoch ?? '', resolve));
      expect(loaded).toEqual({ kind: 'loaded', entries: [{ key: 'agents/a', value: Buffer.from('the-third') }] });
    } finally {
      await registry.close();
      proxy.stop();
    }
  });

  test('a write of which nobody answered whether it got through is the last of its term', async () => {
    const proxy = await MutingProxy.start(etcd.endpoint, 'the-second');
    const registry = new EtcdRegistry({ location: { ...location, endpoints: [proxy.endpoint] }, clock, leaseSeconds: 2 });
    try {
      const leader = aCandidate('first:1');
      await leader.next(/^elected/);
      expect(await write(registry, leader.epoch ?? '', 'agents/a', 'the-first')).toEqual({ kind: 'committed' });
      expect(await write(registry, leader.epoch ?? '', 'agents/a', 'the-second')).toEqual({ kind: 'failed', detail: expect.stringContaining('Cannot reach etcd at 127.0.0.1') });
      expect(await write(registry, leader.epoch ?? '', 'agents/a', 'the-third')).toEqual({ kind: 'failed', detail: expect.stringContaining('may have got through or not') });
    } finally {
      await registry.close();
      proxy.stop();
    }
  });

  test('a leader whose key is deleted by hand is deposed, and its writes are refused', async () => {
    const registry = new EtcdRegistry({ location, clock, leaseSeconds: 2 });
    const etcdClient = await connectEtcd(location, clock);
    try {
      const leader = aCandidate('first:1');
      await leader.next(/^elected/);
      const oldEpoch = leader.epoch ?? '';
      const deposed = leader.next(/^deposed/);
      await etcdClient.ask((client) => client.delete().key(leaderKey(location)).exec(), briefly);
      expect(await write(registry, oldEpoch, 'agents/a', 'late')).toEqual({ kind: 'fenced' });
      await deposed;
    } finally {
      closeEtcd(etcdClient);
      await registry.close();
    }
  });

  test('when etcd is killed and comes back, the candidate says what it waits for, and leads again with every fact still there', async () => {
    const registry = new EtcdRegistry({ location, clock, leaseSeconds: 2 });
    try {
      const candidate = aCandidate('first:1');
      await candidate.next(/^elected/);
      expect(await write(registry, candidate.epoch ?? '', 'agents/a', 'kept')).toEqual({ kind: 'committed' });
      const [trouble, deposed] = [candidate.next(/^trouble: Cannot reach etcd at 127/), candidate.next(/^deposed/)];
      await etcd.kill();
      await Promise.all([trouble, deposed]);
      const elected = candidate.next(/^elected/);
      await etcd.launch();
      await elected;
      const loaded = await new Promise<unknown>((resolve) => void registry.load(candidate.epoch ?? '', resolve));
      expect(loaded).toEqual({ kind: 'loaded', entries: [{ key: 'agents/a', value: Buffer.from('kept') }] });
    } finally {
      await registry.close();
    }
  });
});
