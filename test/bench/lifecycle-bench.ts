// Task life cycles a second through one master: many simulated agents over real gRPC, one scheduler on the SDK.
//
// Owns:      driving as many one-moment tasks as possible, counting those that ended acknowledged.
// Elsewhere: the agents (simulated-agents.ts, a process of its own), the master (a process of its own).

import { createEnvironment } from '../../common/environment';
import { connectScheduler, isTerminal, task } from '../../frameworks/sdk';
import { LoggedProcess } from '../integration/logged-process';
import { ProcessCluster } from '../integration/process-cluster';
import { medianFigure, type Figure } from './measure';

const { clock } = createEnvironment();
const runCount = 5;

/** Ends `taskCount` tasks; the time between the first launch and the last end, in seconds. */
function endTasks(master: string, taskCount: number): Promise<number> {
  const draft = task({ name: 't', command: 'true', resources: { cpus: 0.1, mem: 16 } });
  let toLaunch = taskCount;
  let toEnd = taskCount;
  let startedMs = 0;
  let endedMs = 0;
  const driver = connectScheduler({
    name: 'lifecycle-bench',
    master,
    refuseSeconds: 0,
    demand: () => toLaunch > 0,
    offers(offers) {
      startedMs ||= clock.nowMs();
      for (const offer of offers) {
        const { launched } = driver.launch(offer, Array.from({ length: Math.min(toLaunch, 100) }, () => draft));
        toLaunch -= launched.length;
      }
    },
    update(status) {
      if (!isTerminal(status.state)) return;
      if (status.state !== 'TASK_FINISHED') throw new Error(`${status.taskId}: ${status.state} ${status.message ?? ''}`);
      toEnd -= 1;
      if (toEnd > 0) return;
      endedMs = clock.nowMs();
      driver.stop();
    },
  });
  return driver.run().then(() => (endedMs - startedMs) / 1_000);
}

export async function lifecycleBench(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const agentCount of [100, 1_000]) {
    const cluster = await ProcessCluster.start({ agents: 0 });
    let agents: LoggedProcess | undefined;
    try {
      agents = cluster.run('simulated agents', 'test/bench/simulated-agents.js', [cluster.master, String(agentCount), 'cpus:8;mem:8192']);
      const started = agents;
      while (!started.stdout.includes('ready')) {
        if (!started.isRunning) throw started.failure('ended before its agents were registered');
        await new Promise((resolve) => setImmediate(resolve));
      }
      const taskCount = 20_000;
      await endTasks(cluster.master, taskCount / 4); // Warm-up.
      const rates: number[] = [];
      for (let run = 0; run < runCount; run += 1) rates.push(taskCount / (await endTasks(cluster.master, taskCount)));
      figures.push(medianFigure(`task life cycles, ${agentCount} agents`, rates, 'tasks/s', `one master; ${taskCount} tasks a run, ${runCount} runs; agents and scheduler share the machine with it`));
    } finally {
      await agents?.kill('SIGTERM');
      await cluster.stop();
    }
  }
  return figures;
}
