// Proves Z2 of the state file and I1 of process identities: a cluster is found while it lives and what is left of it afterwards, and nobody is ever
// signalled who only has the process id of somebody long gone.
//
// How: real processes that do nothing, and the command itself.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runCommandLine } from '../../cli/command-line';
import { commands } from '../../cli/commands';
import { findLocalCluster, removeLocalState, stateFile, writeLocalState, type LocalState } from '../../cli/local-state';
import { identityOf, isAlive, isGoneWithin, signalProcess, type ProcessIdentity } from '../../cli/process-identity';
import { createEnvironment } from '../../common/environment';
import { capturedContext, FakeMasters } from './fake-masters';

const { clock } = createEnvironment();
const cluster = { master: '127.0.0.1:5050', http: '127.0.0.1:5080', agentCount: 3 };
let directory: string;
let started: ChildProcess[] = [];

beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'allot-local-'))));
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  started = [];
  rmSync(directory, { recursive: true, force: true });
});

function aProcess(): { readonly child: ChildProcess; readonly identity: ProcessIdentity } {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  started.push(child);
  const identity = identityOf(child.pid ?? 0);
  if (identity === undefined) throw new Error('The process did not start');
  return { child, identity };
}

const aState = (keeper: ProcessIdentity, change: Partial<LocalState> = {}): LocalState => ({ ...keeper, children: [], cluster, ...change });

async function local(action: string): Promise<{ readonly status: number; readonly printed: string; readonly remarked: string }> {
  const context = capturedContext(new FakeMasters({}));
  const status = await runCommandLine(['local', action, '--work-dir', directory], context, { commands });
  return { status, printed: context.printed(), remarked: context.remarked() };
}

test('a cluster is found while its keeper lives, and what is left of it afterwards', async () => {
  const [keeper, master] = [aProcess(), aProcess()];
  const state = aState(keeper.identity, { children: [{ ...master.identity, name: 'master' }] });
  writeLocalState(directory, state);
  expect(findLocalCluster(directory)).toEqual({ kind: 'kept', state });
  // For scripts.
  expect(JSON.parse(readFileSync(stateFile(directory), 'utf8'))).toMatchObject({ ...cluster, pid: keeper.identity.pid });
  keeper.child.kill('SIGKILL');
  expect(await isGoneWithin(keeper.identity, 5_000, clock)).toBe(true);
  expect(findLocalCluster(directory)).toEqual({ kind: 'left', children: state.children, alive: state.children });
  master.child.kill('SIGKILL');
  expect(await isGoneWithin(master.identity, 5_000, clock)).toBe(true);
  expect(findLocalCluster(directory)).toEqual({ kind: 'left', children: state.children, alive: [] });
  removeLocalState(directory);
  expect(findLocalCluster(directory)).toEqual({ kind: 'none' });
});

test.each<[claim: string, change: Partial<ProcessIdentity>]>([
  ['began at another time', { startedAt: '1' }],
  ['began at that time after another boot', { boot: 'another' }],
])('a process that has the id and %s is somebody else: not alive, and not signalled', async (_claim, change) => {
  const { child, identity } = aProcess();
  const other = { ...identity, ...change };
  expect([isAlive(identity), isAlive(other)]).toEqual([true, false]);
  writeLocalState(directory, aState(other, { children: [{ ...other, name: 'agent-1' }, { ...other, name: 'master' }] }));
  signalProcess(other, 'SIGKILL');
  expect(await local('status')).toEqual({ status: 1, printed: `No cluster runs in ${directory}\n`, remarked: '' });
  expect(await local('stop')).toEqual({ status: 0, printed: '', remarked: `allot: No cluster runs in ${directory}\n` });
  expect(isAlive(identity)).toBe(true);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
});

test.each<[claim: string, text: (identity: ProcessIdentity) => unknown]>([
  ['no JSON', () => undefined],
  ['no object', () => null],
  ['one of an earlier release, without start times', ({ pid }) => ({ pid, ...cluster })],
  ['with a process id that names a group', (identity) => ({ ...identity, pid: -identity.pid, children: [] })],
  ['with a child of a name that leads elsewhere', (identity) => ({ ...identity, children: [{ ...identity, name: '../../etc' }] })],
])('a state file that is %s is none', async (_claim, value) => {
  const { identity } = aProcess();
  writeFileSync(stateFile(directory), JSON.stringify(value(identity)) ?? 'not JSON');
  expect(findLocalCluster(directory)).toEqual({ kind: 'none' });
  expect((await local('stop')).remarked).toBe(`allot: No cluster runs in ${directory}\n`);
  expect(isAlive(identity)).toBe(true);
});

test('a cluster that is being started is not up, and is no place for a second one', async () => {
  const { identity } = aProcess();
  writeLocalState(directory, aState(identity, { cluster: undefined }));
  expect(await local('status')).toMatchObject({ status: 1, printed: expect.stringContaining('is being started') as string });
  await expect(local('start')).rejects.toThrow(`process ${identity.pid} keeps one there`);
});
