// The particle job beside the plain single-process program, on the same file, whole processes from start to exit.
//
// Owns:      timing the two in turn, checking that both count the same.
// Elsewhere: the programs (frameworks/particles/).

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createEnvironment } from '../../common/environment';
import { projectRoot, type LoggedProcess } from '../integration/logged-process';
import { ProcessCluster } from '../integration/process-cluster';
import { medianFigure, type Figure } from './measure';

const { clock } = createEnvironment();
const runCount = 5;
const program = 'frameworks/particles/main.js';

async function timed(start: () => LoggedProcess): Promise<{ readonly seconds: number; readonly stdout: string }> {
  const startedMs = clock.nowMs();
  const running = start();
  const ended = await running.ended;
  if (ended.status !== 0) throw running.failure(`ended with status ${String(ended.status)}`);
  return { seconds: (clock.nowMs() - startedMs) / 1_000, stdout: running.stdout };
}

export async function particlesBench(particleCount: number): Promise<readonly Figure[]> {
  const cluster = await ProcessCluster.start({ agents: 1, resources: 'cpus:2;mem:2048' });
  try {
    const folder = join(projectRoot(), '.allot', 'bench');
    mkdirSync(folder, { recursive: true });
    const input = join(folder, `particles-${particleCount}.txt`);
    if (!existsSync(input)) await timed(() => cluster.run('generate', program, ['generate', '--count', String(particleCount), '--seed', '1', '--output', input]));
    const plain: number[] = [];
    const job: number[] = [];
    for (let run = -1; run < runCount; run += 1) {
      const count = await timed(() => cluster.run('count', program, ['count', '--input', input, '--json']));
      const onCluster = await timed(() => cluster.run('run', program, ['run', '--master', cluster.master, '--input', input, '--json', '--quiet']));
      if (count.stdout !== onCluster.stdout) throw new Error(`The results differ:\n${count.stdout}\n${onCluster.stdout}`);
      if (run < 0) continue; // Warm-up: the page cache.
      plain.push(count.seconds);
      job.push(onCluster.seconds);
    }
    const conditions = `${particleCount} particles, whole processes, ${runCount} runs in turn, file in the page cache`;
    return [
      medianFigure('particles, single process', plain.map((seconds) => particleCount / seconds / 1e6), 'million/s', conditions),
      medianFigure('particles, job on the cluster', job.map((seconds) => particleCount / seconds / 1e6), 'million/s', `${conditions}; one agent with 2 cpus; the cluster is up`),
      medianFigure('job beside single process', job.map((seconds, run) => (plain[run] ?? NaN) / seconds), 'times as fast', 'pair by pair'),
    ];
  } finally {
    await cluster.stop();
  }
}
