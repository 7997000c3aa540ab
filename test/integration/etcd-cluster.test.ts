// Several etcd servers: one that is down, hangs or is killed costs nobody the leadership, fails no write, and undoes none later.
//
// How: a real etcd cluster of three; a leader that writes one fact after the other while a server is stopped (SIGSTOP) or killed, for longer than its
//      lease is trusted, beside a rival who is never elected. Its claim to lead is looked at all the while.

import { createEnvironment } from '../../common/environment';
import { EtcdAddressSource } from '../../common/etcd-address-source';
import type { RegistryOutcome } from '../../common/ports';
import { EtcdElection } from '../../master/etcd-election';
import { EtcdRegistry } from '../../master/etcd-registry';
import { EtcdServer, freePort } from './etcd-server';
import { RecordingCandidate } from './recording-candidate';

const { clock } = createEnvironment();
jest.setTimeout(90_000);

let cluster: readonly EtcdServer[];
let testCount = 0;
const cleanups: (() => Promise<void>)[] = [];

beforeEach(async () => {
  testCount += 1;
  cluster = await EtcdServer.startCluster(3);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await Promise.all(cluster.map((server) => server.stop()));
});

/** A leader that knows etcd at these addresses. */
async function aLeader(endpoints: readonly string[], leaseSeconds = 3) {
  const location = { endpoints, prefix: `/allot-test-${testCount}` };
  const registry = new EtcdRegistry({ location, clock, leaseSeconds });
  const candidate = new RecordingCandidate(new EtcdElection({ location, clock, leaseSeconds }), 'first:1');
  cleanups.push(() => candidate.resign(), () => registry.close());
  await candidate.next(/^elected/);
  const rival = new RecordingCandidate(new EtcdElection({ location, clock, leaseSeconds }), 'second:2');
  cleanups.unshift(() => rival.resign());
  const outcomes: RegistryOutcome['kind'][] = [];
  let holdsAlways = true;
  const write = async (): Promise<void> => {
    const value = Buffer.from(String(outcomes.length));
    const outcome = await new Promise<RegistryOutcome>((resolve) => registry.write(candidate.epoch ?? '', [{ kind: 'put', key: 'agents/a', value }], resolve));
    outcomes.push(outcome.kind);
    holdsAlways &&= candidate.holds;
  };
  return {
    location,
    candidate,
    write,
    /** Writes one fact after the other for longer than a leader trusts its lease, so that nothing but renewals in between keeps it leading. */
    async work(): Promise<void> {
      const endMs = clock.nowMs() + 0.9 * leaseSeconds * 1_000;
      while (clock.nowMs() < endMs) {
        await write();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    /** Nothing happened to the leader, and the fact is what was written last. */
    async expectUnharmed(): Promise<void> {
      expect(candidate.events.filter((event) => event.startsWith('deposed'))).toEqual([]);
      expect([...new Set(outcomes)]).toEqual(['committed']);
      expect(rival.events.filter((event) => !event.startsWith('trouble'))).toEqual(['leader: first:1']);
      expect(holdsAlways).toBe(true);
      const loaded = await new Promise<unknown>((resolve) => void registry.load(candidate.epoch ?? '', resolve));
      expect(loaded).toEqual({ kind: 'loaded', entries: [{ key: 'agents/a', value: Buffer.from(String(outcomes.length - 1)) }] });
    },
  };
}

const refusing = async (): Promise<string> => `127.0.0.1:${await freePort()}`;

test('servers that are down, the first of the list among them, cost nothing: one leads, writes, and is found', async () => {
  const leader = await aLeader([await refusing(), cluster[0]!.endpoint, await refusing()]);
  await leader.work();
  await leader.expectUnharmed();
  expect(leader.candidate.events.filter((event) => event.startsWith('trouble'))).toEqual([]);
  const source = new EtcdAddressSource(leader.location, clock);
  expect(await new Promise<unknown>((resolve) => void source.refresh(resolve))).toBeUndefined();
  expect(source.current()).toEqual(['first:1']);
});

test('the server in use hangs in mid-work and goes on later: another takes over meanwhile', async () => {
  const followers = await followersOf(cluster);
  const leader = await aLeader(followers.map(({ endpoint }) => endpoint));
  const working = leader.work();
  followers[0]!.pause();
  await working;
  followers[0]!.resume();
  await leader.expectUnharmed();
});

test('a write that a hung server carries out late undoes no later one', async () => {
  const followers = await followersOf(cluster);
  const leader = await aLeader(followers.map(({ endpoint }) => endpoint));
  await leader.write();
  followers[0]!.pause();
  // Asked of the hung server first, then done by the other, where the next one goes at once.
  await leader.write();
  await leader.write();
  followers[0]!.resume();
  // A write through it is behind what it had taken in.
  await fetch(`http://${followers[0]!.endpoint}/v3/kv/put`, { method: 'POST', body: JSON.stringify({ key: btoa('/elsewhere'), value: '' }) });
  await leader.expectUnharmed();
});

test('a server that hangs from the start is left for the next', async () => {
  const followers = await followersOf(cluster);
  followers[0]!.pause();
  const leader = await aLeader(followers.map(({ endpoint }) => endpoint));
  await leader.work();
  followers[0]!.resume();
  await leader.expectUnharmed();
});

test.each<[what: string, strike: (server: EtcdServer) => unknown]>([
  ['is killed', (server) => server.kill()],
  ['hangs', (server) => server.pause()],
])('the server that leads etcd %s in mid-work: its followers elect another, and ours leads on', async (_what, strike) => {
  const followers = await followersOf(cluster);
  const etcdLeader = cluster.find((server) => !followers.includes(server))!;
  // The election in etcd takes one to two seconds, on a busy machine three, and the leader trusts itself for three fifths of its lease.
  const leader = await aLeader([etcdLeader, ...followers].map(({ endpoint }) => endpoint), 10);
  const working = leader.work();
  await strike(etcdLeader);
  await working;
  await leader.expectUnharmed();
});

async function followersOf(servers: readonly EtcdServer[]): Promise<readonly EtcdServer[]> {
  const leads = await Promise.all(servers.map((server) => server.leads()));
  return servers.filter((_, index) => leads[index] === false);
}
