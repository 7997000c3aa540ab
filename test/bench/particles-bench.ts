// The particle job beside the plain single-process program, on the same file, whole processes from start to exit.
//
// Owns:      the sizes; timing the two in turn, the job also with an executor that fetches its input as on another machine, and two plain programs at once,
//            which is what the machine itself gives; checking that all count the same.
// Elsewhere: the programs (frameworks/particles/).

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createEnvironment } from '../../common/environment';
import { projectRoot, type LoggedProcess } from '../integration/logged-process';
import { ProcessCluster } from '../integration/process-cluster';
import { medianFigure, type Figure } from './measure';

const { clock } = createEnvironment();
const program = 'frameworks/particles/main.js';

interface Size {
  readonly particleCount: number;
  readonly runCount: number;
}

interface Timed {
  readonly seconds: number;
  readonly stdout: string;
}

async function timed(start: () => LoggedProcess): Promise<Timed> {
  const startedMs = clock.nowMs();
  const running = start();
  const ended = await running.ended;
  if (ended.status !== 0) throw running.failure(`ended with status ${String(ended.status)}`);
  return { seconds: (clock.nowMs() - startedMs) / 1_000, stdout: running.stdout };
}

/** Twice: a job's start costs the same whatever its size, and beside three times the particles it weighs a third. */
export async function particlesBench(particleCount: number): Promise<readonly Figure[]> {
  const sizes: readonly Size[] = [
    { particleCount, runCount: 5 },
    { particleCount: 3 * particleCount, runCount: 3 },
  ];
  const cluster = await ProcessCluster.start({ agents: 1, resources: 'cpus:2;mem:2048' });
  try {
    const figures: Figure[] = [];
    for (const size of sizes) figures.push(...(await benchOfSize(cluster, size)));
    return figures;
  } finally {
    await cluster.stop();
  }
}

async function benchOfSize(cluster: ProcessCluster, { particleCount, runCount }: Size): Promise<readonly Figure[]> {
  const folder = join(projectRoot(), '.allot', 'bench');
  mkdirSync(folder, { recursive: true });
  const input = join(folder, `particles-${particleCount}.txt`);
  if (!existsSync(input)) await timed(() => cluster.run('generate', program, ['generate', '--count', String(particleCount), '--seed', '1', '--output', input]));
  const count = (): Promise<Timed> => timed(() => cluster.run('count', program, ['count', '--input', input, '--json']));
  const job = (...flags: string[]): Promise<Timed> => timed(() => cluster.run('run', program, ['run', '--master', cluster.master, '--input', input, '--json', '--quiet', ...flags]));
  const runs: { readonly plain: number; readonly twoAtOnce: number; readonly job: number; readonly fetching: number }[] = [];
  for (let run = -1; run < runCount; run += 1) {
    const plain = await count();
    const onCluster = await job();
    const fetching = await job('--no-local-input');
    for (const { stdout } of [onCluster, fetching]) if (plain.stdout !== stdout) throw new Error(`The results differ:\n${plain.stdout}\n${stdout}`);
    if (run < 0) continue; // Warm-up: the page cache.
    const twoAtOnce = await Promise.all([count(), count()]);
    runs.push({ plain: plain.seconds, twoAtOnce: Math.max(...twoAtOnce.map(({ seconds }) => seconds)), job: onCluster.seconds, fetching: fetching.seconds });
  }
  const million = particleCount / 1e6;
  const conditions = `${million} million particles, whole processes, ${runCount} runs in turn, file in the page cache`;
  return [
    medianFigure('particles, single process', runs.map(({ plain }) => million / plain), 'million/s', conditions),
    medianFigure('particles, job on the cluster', runs.map((run) => million / run.job), 'million/s', `${conditions}; one agent with 2 cpus on the machine of the file, which its executor reads itself; the cluster is up`),
    medianFigure('job beside single process', runs.map((run) => run.plain / run.job), 'times as fast', `pair by pair, ${million} million particles`),
    medianFigure('job that fetches the input', runs.map((run) => run.plain / run.fetching), 'times as fast', `as above, but through the scheduler, as executors on other machines do; both ends share the two cores`),
    medianFigure('two single processes at once', runs.map(({ plain, twoAtOnce }) => (2 * plain) / twoAtOnce), 'times as fast', `what two cores of this machine reach beside one; ${million} million particles each`),
  ];
}
