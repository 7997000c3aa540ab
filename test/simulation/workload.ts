// Workload: frameworks that behave, on the real SDK drivers, with a store that survives their process.
//
// Owns:      what the simulated authors do: which tasks they launch, what they store, how they come back after a crash or a removal.
// Elsewhere: the drivers (frameworks/sdk/), who kills the processes (fault-plan.ts), what must hold in the end (quiet-check.ts).
// Invariants:
//   W1. A task is in the store before its launch leaves, and its id is never used again.
//   W2. An update is stored within its handler, so before it is acknowledged.
//   W3. A wish to kill is in the store before it is said. It is said once in the life of a process: repeating it is the driver's work.
// Source: docs/high-availability-framework-guide.md of Mesos: this is the author it describes.

import { agentId as brandAgentId, taskId as brandTaskId } from '../../common/model/ids';
import type { Offer } from '../../common/model/offer';
import type { TaskInfo } from '../../common/model/task';
import type { TaskStatus } from '../../common/model/task-status';
import { ExecutorDriver } from '../../frameworks/sdk/executor-driver';
import type { SchedulerDriver } from '../../frameworks/sdk/scheduler-driver';
import { executor, task, type TaskDraft } from '../../frameworks/sdk/task-builder';
import { TaskRunner } from '../../frameworks/sdk/task-runner';
import type { SeededRandom, VirtualCluster, VirtualExecutor } from '../../frameworks/sdk/testing';
import { endStates } from './term-books';

/** `batch`: many short commands, some of which fail. `service`: a few that never end. `workers`: tasks inside custom executors. */
export type WorkloadKind = 'batch' | 'service' | 'workers';

export interface StoredTask {
  /** Newest that the author was told; undefined before anything was. */
  state: string | undefined;
  agentId: string;
  readonly draft: TaskDraft;
  /** Its author has asked for its end (W3). */
  isKilled: boolean;
}

export interface WorkloadOptions {
  readonly name: string;
  readonly kind: WorkloadKind;
  readonly role: string;
  /** Tasks in all for batch and workers, tasks at a time for a service. */
  readonly taskCount: number;
  readonly failoverTimeoutMs: number;
  /** Handlers return promises that resolve later. */
  readonly isAsync: boolean;
  readonly random: SeededRandom;
  readonly told: (frameworkId: string, taskId: string, state: string) => void;
}

export class Workload {
  readonly name: string;
  frameworkId: string | undefined;
  readonly tasks = new Map<string, StoredTask>();
  driver: SchedulerDriver | undefined;
  /** Services launch again what ended until this is set. */
  private isWindingDown = false;
  private tasksMade = 0;
  private hasEnded = false;

  constructor(
    readonly options: WorkloadOptions,
    private readonly cluster: VirtualCluster,
  ) {
    this.name = options.name;
  }

  /** Tasks that are not over as far as the author knows. */
  get live(): readonly (readonly [string, StoredTask])[] {
    return [...this.tasks].filter(([, { state }]) => !isOver(state));
  }

  /** Whether its process runs and its driver has not ended. */
  get isAlive(): boolean {
    return !this.hasEnded && this.cluster.schedulerProcess(this.name)?.isAlive === true;
  }

  /** Begins a life of the scheduler's process, with what the store has. */
  start(): void {
    const { name, role, failoverTimeoutMs } = this.options;
    const driver = this.cluster.runScheduler({
      name,
      roles: [role],
      failoverTimeoutMs,
      ...(this.frameworkId === undefined ? {} : { frameworkId: this.frameworkId }),
      knownTasks: this.live.map(([taskId, stored]) => ({ taskId: brandTaskId(taskId), agentId: brandAgentId(stored.agentId) })),
      demand: () => this.wanted > 0,
      refuseSeconds: 2,
      subscribed: (frameworkId) => {
        this.frameworkId = frameworkId;
        return this.later();
      },
      offers: (offers, through) => {
        for (const offer of offers) this.use(offer, through);
        return this.later();
      },
      update: (status) => {
        // Before it is stored: then it comes again, and nothing was told.
        if (this.options.random.chance(0.02)) throw new Error('the store of the simulated author is busy');
        this.store(status);
        // As the README's framework: what is lost is given up, and must not run when its machine comes back.
        if (status.state === 'TASK_UNREACHABLE' && this.options.random.chance(0.5)) this.kill(status.taskId);
        return this.later();
      },
    });
    this.driver = driver;
    this.hasEnded = false;
    for (const [taskId, { isKilled }] of this.live) if (isKilled) driver.kill(taskId);
    driver.whenEnded(({ error }) => {
      if (this.driver === driver) this.hasEnded = true;
      if (error?.code !== 'FRAMEWORK_REMOVED' || this.driver !== driver) return;
      // Gone with all its tasks: a careful author begins anew.
      for (const [, stored] of this.live) stored.state = 'FRAMEWORK_REMOVED';
      this.frameworkId = undefined;
      this.cluster.killScheduler(this.name);
      this.cluster.clock.schedule(1_000, () => {
        if (!this.isAlive) this.start();
      });
    });
  }

  /** Batches launch no more; services keep what they run. */
  windDown(): void {
    this.isWindingDown = true;
    this.driver?.setDemand(this.wanted > 0);
  }

  /** A clean restart: its tasks run on. */
  handOver(): void {
    this.driver?.stop({ failover: true });
  }

  /** Kills a task of its own that is not over. */
  killOne(): void {
    const [taskId] = this.options.random.pick(this.live) ?? [];
    if (taskId !== undefined) this.kill(taskId);
  }

  private kill(taskId: string): void {
    const stored = this.tasks.get(taskId);
    if (stored) stored.isKilled = true;
    this.driver?.kill(taskId, this.options.random.chance(0.5) ? { gracePeriodMs: 500 } : {});
  }

  /** How many tasks it would launch now. */
  get wanted(): number {
    const { kind, taskCount } = this.options;
    if (kind === 'service') return taskCount - this.live.length;
    return this.isWindingDown ? 0 : Math.min(8, taskCount - this.tasksMade);
  }

  private use(offer: Offer, driver: SchedulerDriver): void {
    const count = Math.min(this.wanted, 1 + this.options.random.below(4));
    if (count <= 0) return;
    const drafts = Array.from({ length: count }, (_, index) => this.draft(`${this.name}-${this.tasksMade + index}`));
    const { launched } = driver.launch(offer, drafts);
    for (const { taskId, draft } of launched) this.tasks.set(taskId, { state: undefined, agentId: offer.agentId, draft, isKilled: false });
    this.tasksMade += count; // W1: ids of drafts that found no room are spent too.
  }

  private store(status: TaskStatus): void {
    const { taskId, state, agentId } = status;
    const stored = this.tasks.get(taskId);
    if (!stored || this.frameworkId === undefined) throw new Error(`${this.name} was told of ${taskId}, which it never launched: ${state}`);
    this.options.told(this.frameworkId, taskId, state);
    stored.state = state;
    if (agentId !== undefined) stored.agentId = agentId;
  }

  private draft(id: string): TaskDraft {
    const { kind, random } = this.options;
    // What never ends must fit beside executors on the smallest cluster there is, two agents of one cpu.
    const resources = { cpus: random.pick(kind === 'service' ? [0.1, 0.2, 0.3] : [0.1, 0.3, 0.5, 1]) ?? 1, mem: random.pick([32, 64, 128]) ?? 32 };
    if (kind === 'service') return task({ name: id, id, command: 'sleep 1000000', resources });
    if (kind === 'workers') {
      const work = random.pick(['done 1', 'done 500', 'done 5000', 'done 20000', 'fail 700', 'fail 6000']) ?? 'done 1';
      return task({ name: id, id, executor: workerOf(random.pick(['w1', 'w2']) ?? 'w1'), data: work, resources });
    }
    const command = random.pick(['true', 'sleep 0.2', 'sleep 3', 'sleep 12', 'sleep 40', 'false', 'exit 3', 'no-such-program', 'ignore-term 20']) ?? 'true';
    return task({ name: id, id, command, resources, ...(random.chance(0.1) && { maxCompletionTimeMs: 8_000 }) });
  }

  /** At once, or a promise for later. */
  private later(): Promise<void> | undefined {
    const { isAsync, random } = this.options;
    if (!isAsync || random.chance(0.5)) return undefined;
    return new Promise((resolve) => this.cluster.clock.schedule(random.between(0, 800), resolve));
  }
}

export const workerResources = { cpus: 0.1, mem: 32 };

function workerOf(id: string) {
  return executor({ id, command: 'worker', resources: workerResources });
}

/** Over, or given up: TASK_UNKNOWN is what a master says of a task that nobody has. */
export function isOver(state: string | undefined): boolean {
  return state !== undefined && (endStates.has(state) || state === 'TASK_UNKNOWN' || state === 'FRAMEWORK_REMOVED');
}

/** The executor of `workers`, on the driver itself (no promise), or on the task runner. */
export function worker(isAsync: boolean, started: (frameworkId: string, taskId: string, where: string) => void): VirtualExecutor {
  return ({ identity, connection, container }) => {
    const { clock } = container;
    const where = `executor ${container.spec.containerId}`;
    if (isAsync) {
      const runner = new TaskRunner(
        {
          run: (info, { signal }) => {
            started(identity.frameworkId, info.taskId, where);
            const { isFailing, ms } = workOf(info);
            return new Promise((resolve, reject) => {
              const cancel = clock.schedule(ms, () => (isFailing ? reject(new Error('as told')) : resolve()));
              signal.addEventListener('abort', () => {
                cancel();
                resolve();
              });
            });
          },
        },
        identity,
        connection,
      );
      runner.whenEnded(() => container.exit({ status: 0 }));
      runner.start();
      return;
    }
    const timers = new Map<string, () => void>();
    const driver: ExecutorDriver = new ExecutorDriver(
      identity,
      {
        launch: (info) => {
          const { taskId } = info;
          started(identity.frameworkId, taskId, where);
          driver.update({ taskId, state: 'TASK_RUNNING' });
          const { isFailing, ms } = workOf(info);
          timers.set(taskId, clock.schedule(ms, () => driver.update({ taskId, state: isFailing ? 'TASK_FAILED' : 'TASK_FINISHED' })));
        },
        kill: (taskId) => {
          timers.get(taskId)?.();
          driver.update({ taskId, state: 'TASK_KILLED' });
        },
        shutdown: () => {
          for (const { taskId } of driver.liveTasks) driver.update({ taskId, state: 'TASK_KILLED' });
          driver.flush(2_000, () => driver.close());
        },
      },
      connection,
    );
    driver.whenEnded(() => container.exit({ status: 0 }));
    driver.start();
  };
}

function workOf(info: TaskInfo): { readonly isFailing: boolean; readonly ms: number } {
  const [word, ms] = new TextDecoder().decode(info.data).split(' ');
  return { isFailing: word === 'fail', ms: Number(ms) };
}
