// The commands against a real cluster: what a newcomer types, what comes back, and with which status.
//
// How: one cluster of real processes for all tests; each runs the built `allot` as a shell would. The README's framework runs here too, compiled
//      as a stranger's file that imports `allot/sdk` from the installed package.

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { transformSync } from '@swc/core';
import { dist, projectRoot, type LoggedProcess } from './logged-process';
import { ProcessCluster } from './process-cluster';

jest.setTimeout(60_000);

let cluster: ProcessCluster;
beforeAll(async () => {
  cluster = await ProcessCluster.start({ agents: 2, resources: 'cpus:1;mem:512' });
});
afterAll(() => cluster.stop());

async function ended(command: LoggedProcess): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  const { status } = await command.ended;
  return { status, stdout: command.stdout, stderr: command.stderr };
}

/** `allot LINE | head -1` in a shell: what was read, what went to the shell's stderr, and the status of `allot`. */
async function piped(line: string): Promise<{ readonly stdout: string; readonly stderr: string; readonly status: number }> {
  const shell = spawn('bash', ['-c', `${process.execPath} ${join(dist, 'cli/main.js')} ${line} | head -1; exit \${PIPESTATUS[0]}`], {
    env: { ...process.env, ALLOT_MASTER: cluster.master },
  });
  let [stdout, stderr] = ['', ''];
  shell.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  shell.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const status = await new Promise<number>((resolve) => shell.once('close', resolve));
  return { stdout, stderr, status };
}

/** The only live task with that name, once it is in that state. */
async function taskNamed(name: string, state: string): Promise<{ readonly id: string; readonly hostname: string }> {
  for (;;) {
    const { stdout } = await ended(cluster.allot('tasks', '--json'));
    const found = (JSON.parse(stdout) as readonly { id: string; name: string; state: string; hostname: string }[]).find((task) => task.name === name && task.state === state);
    if (found) return found;
  }
}

test.each<[claim: string, line: string, status: number, stdout: string]>([
  ['output and success come back', 'echo hello', 0, 'hello\n'],
  ['a pipe is a line for the shell', 'seq 1 3 | tac', 0, '3\n2\n1\n'],
  ['the exit status is ours', 'echo before; exit 7', 7, 'before\n'],
  ['an end by signal is told as a shell would', 'kill -TERM $$', 143, ''],
])('allot run: %s', async (_claim, line, status, stdout) => {
  expect(await ended(cluster.allot('run', '--', line))).toMatchObject({ status, stdout });
});

test('allot run: what a task writes to stderr goes to stderr', async () => {
  const run = await ended(cluster.allot('run', '--', 'echo good; echo bad >&2'));
  expect([run.status, run.stdout]).toEqual([0, 'good\n']);
  expect(run.stderr).toContain('bad\n');
});

test('allot run: a large output arrives whole', async () => {
  const run = await ended(cluster.allot('run', '--', 'seq 1 20000'));
  expect(run.stdout).toBe(Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join(''));
});

test('allot run: Ctrl-C asks the task to end, and how it ended is our status', async () => {
  const run = cluster.allot('run', '--name', 'interrupted', '--', 'sleep 600');
  await taskNamed('interrupted', 'TASK_RUNNING');
  run.signal('SIGINT');
  expect((await ended(run)).status).toBe(143);
  const { stdout } = await ended(cluster.allot('tasks', '--json'));
  expect(stdout).not.toContain('interrupted');
});

test.each<[claim: string, line: string]>([
  ['of a task that goes on', 'yes'],
  ['of a large output, of a task that may be over', 'seq 1 300000'],
  ['of a task that writes to stderr', 'yes >&2'],
])('allot run %s into a pipe that is closed: the task is ended, the status is 141, and nobody sees a stack', async (_claim, line) => {
  const { stdout, stderr, status } = await piped(`run --name unread -- '${line}' 2>&1`);
  expect([stdout.split('\n').length, stderr, status]).toEqual([2, '', 141]);
  expect((await ended(cluster.allot('tasks', '--json'))).stdout).not.toContain('unread');
});

test('allot logs into a pipe that is closed ends with 141 and without a word', async () => {
  const run = cluster.allot('run', '--name', 'wordy', '--', 'seq 1 300000; while [ ! -e go ]; do sleep 0.05; done');
  const { id, hostname } = await taskNamed('wordy', 'TASK_RUNNING');
  expect(await piped(`logs -f ${id}`)).toEqual({ stdout: '1\n', stderr: '', status: 141 });
  writeFileSync(join(cluster.sandboxOf(Number(hostname.slice('agent-'.length))), 'go'), '');
  expect((await ended(run)).status).toBe(0);
});

test('allot kill ends a task of any framework; its own command hears of it', async () => {
  const run = cluster.allot('run', '--name', 'victim', '--', 'sleep 600');
  const { id } = await taskNamed('victim', 'TASK_RUNNING');
  expect((await ended(cluster.allot('kill', id))).status).toBe(0);
  const { status, stderr } = await ended(run);
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/TASK_KILLED|killed/i);
});

test('allot logs shows what a task has written, and -f what it writes until it ends', async () => {
  const run = cluster.allot('run', '--name', 'talker', '--', 'echo one; while [ ! -e go ]; do sleep 0.05; done; echo two');
  const { id, hostname } = await taskNamed('talker', 'TASK_RUNNING');
  const following = cluster.allot('logs', '-f', id);
  while (!following.stdout.includes('one')) await new Promise((resolve) => setImmediate(resolve));
  expect(await ended(cluster.allot('logs', id))).toMatchObject({ status: 0, stdout: 'one\n' });
  writeFileSync(join(cluster.sandboxOf(Number(hostname.slice('agent-'.length))), 'go'), '');
  expect(await ended(following)).toMatchObject({ status: 0, stdout: 'one\ntwo\n' });
  expect((await ended(run)).stdout).toBe('one\ntwo\n');
});

test('a command survives kill -9 of its agent: the next life of the agent takes it over and tells how it ended', async () => {
  const run = cluster.allot('run', '--name', 'survivor', '--', 'while [ ! -e go ]; do sleep 0.05; done; exit 5');
  const { hostname } = await taskNamed('survivor', 'TASK_RUNNING');
  const index = Number(hostname.slice('agent-'.length));
  await cluster.agents[index]?.kill('SIGKILL');
  await cluster.restartAgent(index);
  writeFileSync(join(cluster.sandboxOf(index), 'go'), '');
  expect((await ended(run)).status).toBe(5);
});

test.each<[command: string, contains: readonly string[]]>([
  ['agents', ['agent-0', 'agent-1']],
  ['frameworks', ['NAME']],
  ['tasks', ['STATE']],
  ['offers', ['AGENT']],
  ['roles', ['WEIGHT']],
])('allot %s prints a table, and --json something that programs can read', async (command, contains) => {
  const table = await ended(cluster.allot(command));
  expect(table.status).toBe(0);
  for (const text of contains) expect(table.stdout).toContain(text);
  expect(Array.isArray(JSON.parse((await ended(cluster.allot(command, '--json'))).stdout))).toBe(true);
});

test.each<[claim: string, args: readonly string[], stderr: RegExp]>([
  ['a mistyped command is told its likely name', ['agnets'], /agents/],
  ['a mistyped flag is told its likely name', ['agents', '--jsno'], /--json/],
  ['a task that is not there is named', ['kill', 'no-such-task'], /no-such-task/],
  ['a master that is not there is named', ['agents', '--master', '127.0.0.1:1'], /127\.0\.0\.1:1/],
  ['an address that is none is told what one looks like', ['agents', '--master', 'nowhere'], /host:port/],
  ['a weight that is none is refused', ['set-weight', 'r', '-1'], /-1/],
  ['resources that are none name the entry', ['agent', '--master', '127.0.0.1:1', '--work-dir', '/nonexistent-here/x', '--resources', 'cpus:lots'], /cpus/],
])('%s, in one line, with a failing status and no stack', async (_claim, args, stderr) => {
  const failed = await ended(cluster.allot(...args));
  expect(failed.status).not.toBe(0);
  expect(failed.stderr).toMatch(stderr);
  expect(failed.stderr).not.toMatch(/\n\s+at /);
});

test('the master answers on /health and /metrics', async () => {
  const serving = await cluster.masters[0]?.logged('Master serving');
  const http = String(serving?.['httpAddress']);
  const health = await fetch(`http://${http}/health`);
  expect([health.status, await health.json()]).toMatchObject([200, { status: 'leading' }]);
  const metrics = await (await fetch(`http://${http}/metrics`)).text();
  expect(metrics).toMatch(/^allot_master_agents\{state="active"\} 2$/m);
});

test('the framework of the README runs on a real cluster, as a file of a stranger who installed the package', async () => {
  const folder = join(cluster.directory, 'stranger');
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(projectRoot(), join(folder, 'node_modules', 'allot'));
  const [, text = ''] = /^```ts framework\n([\s\S]*?)^```$/m.exec(readFileSync(join(projectRoot(), 'README.md'), 'utf8')) ?? [];
  const { code } = transformSync(text, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } });
  writeFileSync(join(folder, 'run-commands.js'), code);
  const child = spawn(process.execPath, ['run-commands.js', 'echo hi', 'exit 3'], { cwd: folder, env: { ...process.env, ALLOT_MASTER: cluster.master } });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const status = await new Promise((resolve) => child.once('close', resolve));
  expect(printed.trim().split('\n').sort()).toEqual(['echo hi: TASK_FINISHED Command exited with status 0', 'exit 3: TASK_FAILED Command exited with status 3']);
  expect(status).toBe(0);
});
