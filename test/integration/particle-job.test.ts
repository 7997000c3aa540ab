// The particle job on real processes: every particle is counted exactly once, whatever dies.
//
// How: a file of a million particles in small chunks, a real cluster, and `kill -9` when the durable state of the run shows that a part of the
//      chunks is counted and the rest is not. The result is compared with the plain single-process program.

import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EtcdServer } from './etcd-server';
import type { LoggedProcess } from './logged-process';
import { LoggedProcess as Program } from './logged-process';
import { ProcessCluster, type ClusterPlan } from './process-cluster';

jest.setTimeout(120_000);

const particles = 'frameworks/particles/main.js';
const particleCount = 1_000_000;
/** Small, so that a kill meets many chunks in every state. */
const chunkBytes = 128 * 1024;

let folder: string;
let input: string;
let expected: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'allot-particles-'));
  input = join(folder, 'particles.txt');
  const generate = new Program('generate', particles, ['generate', '--count', String(particleCount), '--seed', '7', '--output', input]);
  expect((await generate.ended).status).toBe(0);
  const count = new Program('count', particles, ['count', '--input', input, '--json']);
  expect((await count.ended).status).toBe(0);
  expected = count.stdout;
  expect((JSON.parse(expected) as { particles: number }).particles).toBe(particleCount);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let cluster: ProcessCluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

async function aCluster(plan: Partial<ClusterPlan> = {}): Promise<ProcessCluster> {
  cluster = await ProcessCluster.start({ agents: 3, ...plan });
  return cluster;
}

/** By default executors fetch the input, as those on other machines do. */
function startJob(on: ProcessCluster, state: string, localInput: '--local-input' | '--no-local-input' = '--no-local-input'): LoggedProcess {
  return startWith(on, state, localInput, '--chunk-size', `${chunkBytes}b`);
}

function startWith(on: ProcessCluster, state: string, ...flags: readonly string[]): LoggedProcess {
  return on.run('allot-particles run', particles, ['run', '--master', on.master, '--input', input, '--json', '--state', join(folder, state), ...flags]);
}

/** Resolves when the run's durable state holds the results of at least this part of the chunks; fails if the run ends before. */
async function counted(job: LoggedProcess, state: string, part: number): Promise<void> {
  const wanted = part * Math.ceil(statSync(input).size / chunkBytes);
  const path = join(folder, state);
  for (;;) {
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').length : 0;
    if (lines > wanted) return;
    if (!job.isRunning) throw job.failure(`ended before ${part} of its chunks were seen in its state`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function expectExactly(job: LoggedProcess): Promise<void> {
  const ended = await job.ended;
  if (ended.status !== 0) throw job.failure(`ended with ${JSON.stringify(ended)}`);
  expect(job.stdout).toBe(expected);
}

test('a job over three agents counts exactly what a single process counts', async () => {
  const job = startJob(await aCluster(), 'plain');
  await expectExactly(job);
  expect(existsSync(join(folder, 'plain'))).toBe(false);
});

test('executors that read the input from its file count the same, also when one is killed', async () => {
  const on = await aCluster();
  const job = startJob(on, 'local', '--local-input');
  await counted(job, 'local', 0.2);
  const [pid] = on.containerPids(0);
  process.kill(-(pid ?? 0), 'SIGKILL');
  expect(job.isRunning).toBe(true);
  await expectExactly(job);
});

test.each(['--local-input', '--no-local-input'])('chunks of the default size, which two threads share, are counted the same with %s, also when their executor is killed', async (localInput) => {
  const on = await aCluster({ agents: 1, resources: 'cpus:2;mem:512' });
  await expectExactly(startWith(on, 'shared', localInput));
  const ended = on.containerPids(0);
  const job = startWith(on, 'shared', localInput);
  const newest = (): number | undefined => on.containerPids(0).find((pid) => !ended.includes(pid));
  while (job.isRunning && newest() === undefined) await new Promise((resolve) => setTimeout(resolve, 2));
  const pid = newest();
  if (pid === undefined) throw job.failure('ended before its executor was seen');
  process.kill(-pid, 'SIGKILL');
  await expectExactly(job);
});

test('an input that becomes shorter ends the job at once with that reason, and leaves no state that could not be used', async () => {
  const on = await aCluster({ agents: 1 });
  const copy = join(folder, 'copy.txt');
  copyFileSync(input, copy);
  const job = startWith(on, 'shorter', '--input', copy, '--chunk-size', `${chunkBytes}b`, '--no-local-input');
  await counted(job, 'shorter', 0.2);
  truncateSync(copy, 1_000);
  expect((await job.ended).status).toBe(1);
  expect(job.stderr).toContain('as the file was changed meanwhile; run the same command again');
  expect(existsSync(join(folder, 'shorter'))).toBe(false);
});

test('an agent killed half-way: its chunks are counted elsewhere, once', async () => {
  const on = await aCluster();
  const job = startJob(on, 'agent');
  await counted(job, 'agent', 0.2);
  await on.agents[0]?.kill('SIGKILL');
  expect(job.isRunning).toBe(true);
  await expectExactly(job);
});

test('an agent killed and restarted half-way: its executor goes on, and what it counted meanwhile arrives', async () => {
  const on = await aCluster();
  const job = startJob(on, 'restarted-agent');
  await counted(job, 'restarted-agent', 0.2);
  await on.agents[1]?.kill('SIGKILL');
  await on.restartAgent(1);
  await expectExactly(job);
});

test('an executor killed half-way: its chunks are counted again by another, once', async () => {
  const on = await aCluster();
  const job = startJob(on, 'executor');
  await counted(job, 'executor', 0.2);
  const [pid] = on.containerPids(0);
  expect(pid).toBeDefined();
  process.kill(-(pid ?? 0), 'SIGKILL');
  expect(job.isRunning).toBe(true);
  await expectExactly(job);
});

test('the scheduler killed half-way and started again takes up where it was', async () => {
  const on = await aCluster();
  const first = startJob(on, 'scheduler');
  await counted(first, 'scheduler', 0.3);
  await first.kill('SIGKILL');
  const second = startJob(on, 'scheduler');
  await expectExactly(second);
  const listed = on.allot('frameworks', '--json');
  await listed.ended;
  // The same framework came back: it was not counted anew by another.
  expect((JSON.parse(listed.stdout) as readonly unknown[]).length).toBeLessThanOrEqual(1);
});

describe('with etcd and two masters', () => {
  let etcd: EtcdServer;
  beforeAll(async () => {
    etcd = await EtcdServer.start();
  });
  afterAll(() => etcd.stop());

  test('the master is found through etcd', async () => {
    const on = await aCluster({ agents: 1, masters: 2, etcd: etcd.endpoint });
    await expectExactly(startWith(on, 'found', '--master', on.masterInEtcd));
  });

  test('the leading master killed half-way: the other leads, and nothing is counted twice or not at all', async () => {
    const on = await aCluster({ masters: 2, etcd: etcd.endpoint });
    const job = startJob(on, 'leader');
    await counted(job, 'leader', 0.2);
    const leader = await on.leader();
    await leader.kill('SIGKILL');
    expect(job.isRunning).toBe(true);
    await expectExactly(job);
  });

  test('etcd away in the middle of a job: the masters say what they wait for, and the job ends exactly when it is back', async () => {
    const on = await aCluster({ masters: 2, etcd: etcd.endpoint });
    const job = startJob(on, 'etcd');
    await counted(job, 'etcd', 0.2);
    const leader = await on.leader();
    await etcd.kill();
    const waiting = await leader.logged('Waiting for the election');
    expect(String(waiting['waitingFor'])).toMatch(/^Cannot reach etcd at 127\.0\.0\.1:/);
    await leader.logged('Leadership lost');
    await etcd.launch();
    await expectExactly(job);
  });
});
