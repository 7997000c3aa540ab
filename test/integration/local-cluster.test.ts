// Proves K1 to K3 of `allot local`, and N1 and N2: it is up when it says so, ends as a whole however it ends, and leaves nothing running, not even where its
// keeper was killed.
//
// How: real clusters of one agent, with a task that would run for ten minutes; what runs is read from the processes' own state file.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityOf, isAlive, isGoneWithin, type ProcessIdentity } from '../../cli/process-identity';
import { endContainers, endRemains } from '../../cli/local-remains';
import { findLocalCluster, stateFile, type LocalChild } from '../../cli/local-state';
import { createEnvironment } from '../../common/environment';
import { LoggedProcess } from './logged-process';

jest.setTimeout(60_000);

const { clock } = createEnvironment();
let directory: string;
let others: LoggedProcess[] = [];
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'allot-local-'))));
afterEach(async () => {
  const found = findLocalCluster(directory);
  await Promise.all(others.map((child) => child.kill('SIGKILL')));
  others = [];
  // Whatever a failing test has left.
  if (found.kind !== 'none') await endRemains(directory, found.kind === 'kept' ? found.state.children : found.children, clock);
  await endContainers(join(directory, 'agent-1'), clock);
  rmSync(directory, { recursive: true, force: true });
});

function allot(...args: string[]): LoggedProcess {
  const child = new LoggedProcess(`allot ${args.join(' ')}`, 'cli/main.js', args);
  others.push(child);
  return child;
}
const local = (action: string, ...flags: string[]): LoggedProcess => allot('local', action, '--work-dir', directory, ...flags);
const startFlags = ['--agents', '1', '--resources', 'cpus:1;mem:256', '--port', '0', '--http-port', '0'];

async function ended(child: LoggedProcess): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  const { status } = await child.ended;
  return { status, stdout: child.stdout, stderr: child.stderr };
}

interface Running {
  readonly master: string;
  readonly keeper: ProcessIdentity;
  readonly children: readonly LocalChild[];
}

/** What runs, once the cluster is up. */
async function running(keeper?: LoggedProcess): Promise<Running> {
  while (keeper?.isRunning === true && !keeper.stdout.includes('allot local stop')) await new Promise((resolve) => setImmediate(resolve));
  const found = findLocalCluster(directory);
  if (found.kind !== 'kept' || found.state.cluster === undefined) throw keeper?.failure('is not up') ?? new Error('No cluster is up');
  const { cluster, children, ...identity } = found.state;
  return { master: cluster.master, keeper: identity, children };
}

/** Runs a task that would go on for long, and returns its process. */
async function aTask({ master }: Running): Promise<ProcessIdentity> {
  const run = allot('run', '--master', master, '--', 'echo $$; exec sleep 600');
  while (run.isRunning && !run.stdout.includes('\n')) await new Promise((resolve) => setImmediate(resolve));
  const identity = identityOf(Number(run.stdout));
  if (identity === undefined) throw run.failure('is not running');
  return identity;
}

async function expectNothingLeft({ keeper, children }: Running, ...tasks: ProcessIdentity[]): Promise<void> {
  expect(children.map(({ name }) => name)).toEqual(['master', 'agent-1']);
  for (const process of [keeper, ...children, ...tasks]) expect([process, isAlive(process)]).toEqual([process, false]);
  expect(findLocalCluster(directory).kind).not.toBe('kept');
}

test('in the background: up with its agents when the start returns, found by status, and gone with its tasks when the stop returns (K1, K2, N2)', async () => {
  expect(await ended(local('start', '--detach', ...startFlags))).toMatchObject({ status: 0, stderr: '' });
  const cluster = await running();
  expect(JSON.parse(readFileSync(stateFile(directory), 'utf8'))).toMatchObject({ master: cluster.master, agentCount: 1 });
  expect(JSON.parse((await ended(allot('agents', '--json', '--master', cluster.master))).stdout)).toMatchObject([{ state: 'active' }]);
  const task = await aTask(cluster);
  expect(await ended(local('status'))).toMatchObject({ status: 0, stdout: expect.stringContaining(cluster.master) as string });
  expect(await ended(local('start', ...startFlags))).toMatchObject({ status: 1, stderr: expect.stringContaining(`process ${cluster.keeper.pid} keeps one there`) as string });
  expect(await ended(local('stop'))).toMatchObject({ status: 0, stdout: `The cluster in ${directory} has ended\n` });
  await expectNothingLeft(cluster, task);
  expect(await ended(local('status'))).toMatchObject({ status: 1, stdout: `No cluster runs in ${directory}\n` });
});

test('a keeper that is killed leaves the cluster running: status says so, a second start is refused, and stop ends all of it (N1, N2)', async () => {
  expect((await ended(local('start', '--detach', ...startFlags))).status).toBe(0);
  const cluster = await running();
  const task = await aTask(cluster);
  process.kill(cluster.keeper.pid, 'SIGKILL');
  expect(await isGoneWithin(cluster.keeper, 5_000, clock)).toBe(true);
  expect(await ended(local('status'))).toMatchObject({ status: 1, stdout: expect.stringMatching(/lost its keeper; master \(process \d+\), agent-1 \(process \d+\) still run/) as string });
  expect(await ended(local('start', ...startFlags))).toMatchObject({ status: 1, stderr: expect.stringContaining('allot local stop') as string });
  expect(await ended(local('stop'))).toMatchObject({ status: 0, stdout: `The cluster in ${directory} has ended\n` });
  await expectNothingLeft(cluster, task);
});

test('in the foreground: Ctrl-C ends it as a whole, with its tasks (K2)', async () => {
  const keeper = local('start', ...startFlags);
  const cluster = await running(keeper);
  const task = await aTask(cluster);
  keeper.signal('SIGINT');
  expect(await ended(keeper)).toMatchObject({ status: 0, stderr: 'allot: Ending the cluster\n' });
  await expectNothingLeft(cluster, task);
});

test('when one of it dies the rest ends, and the keeper says which one and where its log is (K2)', async () => {
  const keeper = local('start', ...startFlags);
  const cluster = await running(keeper);
  const task = await aTask(cluster);
  process.kill(cluster.children.find(({ name }) => name === 'agent-1')?.pid ?? 0, 'SIGKILL');
  expect(await ended(keeper)).toMatchObject({ status: 1, stderr: expect.stringMatching(/the agent-1 was ended by SIGKILL.*agent-1\.log/) as string });
  await expectNothingLeft(cluster, task);
});

test('a second signal does not wait, and still no process of the cluster outlives it; what it did not end, stop does (K3)', async () => {
  const keeper = local('start', ...startFlags);
  const cluster = await running(keeper);
  // Its agent cannot end in order while it is stopped.
  process.kill(cluster.children.find(({ name }) => name === 'agent-1')?.pid ?? 0, 'SIGSTOP');
  keeper.signal('SIGINT');
  while (keeper.isRunning && !keeper.stderr.includes('Ending the cluster')) await new Promise((resolve) => setImmediate(resolve));
  keeper.signal('SIGINT');
  expect((await ended(keeper)).status).toBe(130);
  for (const child of cluster.children) expect(await isGoneWithin(child, 5_000, clock)).toBe(true);
  expect(await ended(local('stop'))).toMatchObject({ status: 0, stderr: `allot: No cluster runs in ${directory}\n` });
  await expectNothingLeft(cluster);
});

test('a start that fails says why in one line, and leaves nothing (K1)', async () => {
  expect((await ended(local('start', '--detach', ...startFlags))).status).toBe(0);
  const { master } = await running();
  const other = mkdtempSync(join(tmpdir(), 'allot-local-'));
  const failed = await ended(allot('local', '--work-dir', other, '--detach', '--agents', '1', '--resources', 'cpus:1;mem:256', '--http-port', '0', '--port', master.split(':')[1] ?? ''));
  expect(failed).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/^allot: Cannot [^\n]*\n$/) as string });
  expect(findLocalCluster(other)).toEqual({ kind: 'none' });
  rmSync(other, { recursive: true, force: true });
  expect((await ended(local('stop'))).status).toBe(0);
});
