// Runs every argument as a shell command on the cluster, again where the cluster lost it, prints how each ended, and exits.
//
//   ALLOT_MASTER=localhost:5050 node forty-lines.js 'uname -m' 'sleep 5' 'exit 3'

import { describeError, isLost, isTerminal, runScheduler, task, type SchedulerOptions, type TaskDraft, type TaskId } from 'allot/sdk';

export function runCommands(commands: readonly string[], print: (line: string) => void): SchedulerOptions {
  let waiting: readonly TaskDraft[] = commands.map((text) => task({ name: text, command: text, resources: { cpus: 0.1, mem: 32 } }));
  const running = new Map<TaskId, TaskDraft>();

  return {
    name: 'forty-lines',
    demand: () => waiting.length > 0, // The driver suppresses offers while nothing waits.

    offers(offers, driver) {
      for (const offer of offers) {
        const { launched, rest } = driver.launch(offer, waiting); // As many as fit; what is not used is declined.
        for (const { taskId, draft } of launched) running.set(taskId, draft);
        waiting = rest;
      }
    },

    update(status, driver) {
      const draft = running.get(status.taskId);
      if (draft === undefined || !(isTerminal(status.state) || isLost(status.state))) return;
      running.delete(status.taskId);
      if (isLost(status.state)) {
        driver.kill(status.taskId); // Its machine may come back.
        waiting = [...waiting, draft];
      } else {
        print(`${draft.name}: ${status.state} ${status.message ?? ''}`.trimEnd());
      }
      if (waiting.length + running.size === 0) driver.stop();
    },
  };
}

if (require.main === module) {
  runScheduler(runCommands(process.argv.slice(2), console.log)).catch((error: unknown) => console.error(describeError(error)));
}
