// The master's flags: what the grammars of its own take and refuse, and what keeps a master from starting before anything is opened.

import { masterOptions, parseMinAllocatable } from '../../master/master-options';
import { healthOf, runMaster } from '../../master/main';
import { resolveOptions } from '../../common/options';

const config = (argv: Readonly<Record<string, unknown>>) => {
  const resolved = resolveOptions(masterOptions, { argv, environment: {} });
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.refusal));
  return resolved.value;
};

test('the smallest bundles are alternatives of amounts, in thousandths', () => {
  expect(parseMinAllocatable('cpus:0.01|mem:32', 'f')).toEqual({ ok: true, value: [new Map([['cpus', 10]]), new Map([['mem', 32_000]])] });
  expect(parseMinAllocatable('cpus:1;mem:64', 'f')).toEqual({ ok: true, value: [new Map([['cpus', 1_000], ['mem', 64_000]])] });
});

test.each(['', '|', 'cpus:1|', 'cpus', 'ports:[1-2]', 'cpus(prod):1'])('%j is no smallest bundle', (text) => {
  expect(parseMinAllocatable(text, 'f')).toMatchObject({ ok: false });
});

test('defaults are those of Mesos where it has them', () => {
  expect(config({})).toMatchObject({
    ip: '0.0.0.0',
    port: 5050,
    httpPort: 5080,
    registry: 'embedded',
    etcdPrefix: '/allot',
    electionLeaseMs: 5_000,
    allocationIntervalMs: 1_000,
    agentTimeoutMs: 75_000,
    agentReregisterTimeoutMs: 600_000,
    minAllocatableResources: [new Map([['cpus', 10]]), new Map([['mem', 32_000]])],
    offerConstraintsRe2MaxProgramSize: 100,
  });
});

test('the order of fair sharing is that of Mesos unless told otherwise, and says so in its words', () => {
  expect(config({})).toMatchObject({ roleSorter: 'drf', frameworkSorter: 'drf', fairSharingExcludedResourceNames: [], filterGpuResources: true, region: undefined, quotaRecoveryTimeoutMs: 600_000 });
  const flags = { 'role-sorter': 'random', 'fair-sharing-excluded-resource-names': 'gpus,disk', 'filter-gpu-resources': false, region: 'eu' };
  expect(config(flags)).toMatchObject({ roleSorter: 'random', fairSharingExcludedResourceNames: ['gpus', 'disk'], filterGpuResources: false, region: 'eu' });
  expect(resolveOptions(masterOptions, { argv: { 'role-sorter': 'fair' }, environment: {} })).toMatchObject({ ok: false, refusal: { field: '--role-sorter' } });
  expect(resolveOptions(masterOptions, { argv: { 'fair-sharing-excluded-resource-names': 'cpus:1' }, environment: {} })).toMatchObject({ ok: false, refusal: { field: '--fair-sharing-excluded-resource-names' } });
});

test.each<[claim: string, flags: Readonly<Record<string, string>>, message: string]>([
  ['the embedded registry needs a directory', {}, '--work-dir: current value is nothing, expected a directory for the embedded registry, such as /var/lib/allot/master'],
  ['etcd needs its servers', { registry: 'etcd' }, '--etcd: current value is nothing, expected the servers of --registry=etcd, such as 10.0.0.1:2379'],
  ['servers without --registry=etcd would be ignored', { etcd: 'a:1', 'work-dir': '/x' }, '--etcd: current value is "a:1", expected nothing, unless --registry=etcd is given'],
])('%s: refused before anything is opened', async (_claim, flags, message) => {
  await expect(runMaster(config(flags), new AbortController().signal)).rejects.toThrow(message);
});

test.each<[health: Parameters<typeof healthOf>[0], isHealthy: boolean, status: string]>([
  [{ role: 'leading', leader: 'a:1' }, true, 'leading'],
  [{ role: 'standby', leader: 'a:1' }, true, 'standby'],
  [{ role: 'standby' }, false, 'waiting for a leader to be elected'],
  [{ role: 'standby', leader: 'a:1', waitingFor: 'Cannot reach etcd at e:1' }, false, 'waiting: Cannot reach etcd at e:1'],
  [{ role: 'loading', leader: 'a:1' }, false, 'loading'],
  [{ role: 'stopped' }, false, 'stopped'],
])('a master that is %j is healthy: %s, and says "%s"', (health, isHealthy, status) => {
  expect(healthOf(health)).toMatchObject({ isHealthy, status });
});
