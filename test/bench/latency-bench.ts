// Accept-to-running latency: from the scheduler's ACCEPT to its TASK_RUNNING, through real processes.
//
// Owns:      three ways to run a task: a shell command, a new executor, an executor that is already there.
// Elsewhere: the cluster (../integration/process-cluster.ts), the executor (idle-executor.ts).

import { join } from 'node:path';
import { createEnvironment } from '../../common/environment';
import { command, connectScheduler, executor, isTerminal, task, type TaskDraft, type TaskId } from '../../frameworks/sdk';
import { dist } from '../integration/logged-process';
import { ProcessCluster } from '../integration/process-cluster';
import { medianFigure, type Figure } from './measure';

const { clock } = createEnvironment();

/** Runs one draft after the other, each launched when the one before is over; the latencies in ms. */
function runInTurn(master: string, drafts: readonly TaskDraft[]): Promise<readonly number[]> {
  const latencies: number[] = [];
  const waiting = [...drafts];
  let current: { readonly taskId: TaskId; readonly acceptedMs: number } | undefined;
  const driver = connectScheduler({
    name: 'latency-bench',
    master,
    refuseSeconds: 0,
    demand: () => waiting.length > 0,
    offers(offers) {
      for (const offer of offers) {
        const [next] = waiting;
        if (current || !next) return;
        const acceptedMs = clock.nowMs();
        const [launched] = driver.launch(offer, [next]).launched;
        if (!launched) continue;
        waiting.shift();
        current = { taskId: launched.taskId, acceptedMs };
      }
    },
    update(status) {
      if (!current || status.taskId !== current.taskId) return;
      if (status.state === 'TASK_RUNNING') latencies.push(clock.nowMs() - current.acceptedMs);
      if (!isTerminal(status.state)) return;
      if (status.state !== 'TASK_FINISHED') throw new Error(`${status.taskId}: ${status.state} ${status.message ?? ''}`);
      current = undefined;
      if (waiting.length === 0) driver.stop();
    },
  });
  return driver.run().then(() => latencies);
}

export async function latencyBench(): Promise<readonly Figure[]> {
  const cluster = await ProcessCluster.start({ agents: 1, resources: 'cpus:2;mem:2048' });
  try {
    const resources = { cpus: 0.1, mem: 32 };
    const anExecutor = (id: string) => executor({ id, command: command(process.execPath, { args: [join(dist, 'test/bench/idle-executor.js')] }) });
    const named = (count: number, draft: (index: number) => TaskDraft): readonly TaskDraft[] => Array.from({ length: count }, (_, index) => draft(index));
    const commands = await runInTurn(cluster.master, named(20, (index) => task({ name: `command-${index}`, command: 'true', resources })));
    const fresh = await runInTurn(cluster.master, named(10, (index) => task({ name: `new-${index}`, executor: anExecutor(`new-${index}`), resources })));
    const [, ...reused] = await runInTurn(cluster.master, named(201, (index) => task({ name: `reused-${index}`, executor: anExecutor('reused'), resources })));
    const conditions = (count: number): string => `1 agent, one task at a time, ${count} tasks; the rest are processes of this machine`;
    return [
      medianFigure('accept to running, shell command', commands, 'ms', conditions(commands.length)),
      medianFigure('accept to running, new executor', fresh, 'ms', `${conditions(fresh.length)}; the executor is a Node program on the SDK`),
      medianFigure('accept to running, reused executor', reused, 'ms', conditions(reused.length)),
    ];
  } finally {
    await cluster.stop();
  }
}
