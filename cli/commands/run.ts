// allot run: one command as a task, as if it ran here.
//
// Owns:      the framework of a single task, showing its output, handing on its exit status.
// Elsewhere: the scheduler driver (frameworks/sdk), reading the output (../sandbox-follower.ts), the status (../task-exit.ts).
// Invariants:
//   R1. The command runs at most once: a launch that never came about is tried again, a command that may have begun is not.
//   R2. When this command is over, the task is: it has ended, or its framework is torn down, or dies with the failover timeout.
//   R3. What the task wrote is shown whole before its exit status is returned, as long as its agent can be reached.
//   R4. When nobody reads what is shown any more, the task is told to end, and nothing more is said.
// Source: mesos-execute; the exit status and the output are ours.

import type { FrameworkId } from '../../common/model/ids';
import { parseResourceText } from '../../common/model/resource-text';
import { checkRole } from '../../common/model/role';
import type { TaskStatus } from '../../common/model/task-status';
import type { Cancel } from '../../common/ports';
import { AllotError, isAllotError } from '../../common/errors';
import { optionTable, refusalError, type ConfigOf } from '../../common/options';
import { isUnread } from '../../common/process';
import { accepted, refused, type Checked } from '../../common/refusal';
import type * as Sdk from '../../frameworks/sdk/index';
import { defineCommand, type CommandContext } from '../command';
import type { MasterClient } from '../master-client';
import { masterFlag, masterLocationOf, printMasterLocation, withMaster } from '../master-flag';
import { SandboxFollower } from '../sandbox-follower';
import { describeEnd, exitStatusOf, isEnd, isOwnEnd } from '../task-exit';

/** R2: long enough for a change of leader, short enough that a task whose `allot run` was killed does not stay. */
const failoverTimeoutMs = 30_000;
/** Without a fitting offer for this long, the person is told why. */
const patienceMs = 3_000;
/** R3: how long the next of the output is waited for after the task has ended. What whoever reads here takes his time for does not count. */
const outputPatienceMs = 10_000;
/** How long a killed task may take to end before we leave; its teardown goes on without us. More than the default kill grace of 3 s. */
const killPatienceMs = 10_000;

const table = optionTable('run', {
  master: masterFlag,
  resources: {
    type: 'string',
    default: 'cpus:0.1;mem:32',
    parse: (text, field): Checked<string> => {
      const parsed = parseResourceText(text, field);
      if (!parsed.ok) return parsed;
      return parsed.value.length === 0 ? refused(field, text, 'at least one amount, such as "cpus:0.1;mem:32"') : accepted(text);
    },
    group: 'Task',
    description: 'What the command gets',
    example: 'cpus:1;mem:256',
  },
  name: { type: 'string', optional: true, group: 'Task', description: 'What the task is called; by default the first word of the command' },
  role: { type: 'string', default: '*', parse: checkRole, group: 'Task', description: 'The role in whose name it runs' },
  user: { type: 'string', optional: true, group: 'Task', description: "The user on the agent; by default the agent's own" },
  env: {
    type: 'list',
    isWhole: true,
    default: [],
    parse: (text, field): Checked<readonly [string, string]> => {
      const at = text.indexOf('=');
      return at > 0 ? accepted([text.slice(0, at), text.slice(at + 1)] as const) : refused(field, text, 'NAME=value');
    },
    group: 'Task',
    example: 'LANG=C',
    description: 'An environment variable for the command',
  },
});

export const runCommand = defineCommand({
  table,
  summary: 'Run one command as a task somewhere in the cluster: its output appears here, its exit status is ours',
  rest: 'COMMAND...',
  examples: [
    ['allot run -- hostname', 'on some agent'],
    ["allot run --resources 'cpus:2;mem:1024' -- make -j2", 'with more than the default'],
    ["allot run -- 'ls | wc -l'", 'a single word is a line for the shell'],
  ],
  run: async (config, { rest }, context) => {
    const [first] = rest;
    if (first === undefined) throw refusalError(refused('COMMAND', undefined, 'what to run after "--", as in "allot run -- hostname"'));
    return await withMaster(config.master, context, async (client) => {
      // Whoever mistyped an address learns it now; the driver would look for the master for ever.
      await client.ask({ kind: 'get-master' }, 'master', context.stop);
      return await new SingleTask(config, rest, context, client).run();
    });
  },
});

class SingleTask {
  private readonly sdk = require('../../frameworks/sdk/index') as typeof Sdk;
  private readonly name: string;
  private readonly draft: Sdk.TaskDraft;
  private taskId: Sdk.TaskId | undefined;
  private mismatch = 'no agent has offered anything yet';
  private wasKilled = false;
  private output: Promise<void> | undefined;
  /** Ends the reading of output. */
  private readonly enough = new AbortController();
  private isTaskOver = false;
  /** Writes that whoever reads here has not taken yet. */
  private writeCount = 0;
  private cancelPatience: Cancel = () => undefined;
  private over: (end: TaskStatus | Error) => void = () => undefined;

  constructor(
    private readonly config: ConfigOf<typeof table>,
    words: readonly string[],
    private readonly context: CommandContext,
    private readonly client: MasterClient,
  ) {
    const [program = '', ...args] = words;
    this.name = config.name ?? (program.split(/\s/)[0]?.split('/').at(-1) || 'command');
    this.draft = this.sdk.task({
      name: this.name,
      resources: config.resources,
      command: this.sdk.command(program, {
        env: Object.fromEntries(config.env),
        ...(words.length === 1 ? {} : { args }),
        ...(config.user === undefined ? {} : { user: config.user }),
      }),
    });
  }

  async run(): Promise<number> {
    const { stop, environment } = this.context;
    const driver = this.sdk.connectScheduler({
      name: `allot run ${this.name}`,
      roles: [this.config.role],
      failoverTimeoutMs,
      master: printMasterLocation(masterLocationOf(this.config.master, this.context)),
      demand: () => this.taskId === undefined,
      refuseSeconds: 1,
      offers: (offers, to) => this.offered(offers, to),
      update: (status, to) => this.updated(status, to),
    });
    const end = new Promise<TaskStatus | Error>((done) => (this.over = done));
    driver.whenEnded(({ error }) => this.over(error ?? new Error('The scheduler was stopped')));
    const kill = (): void => this.kill(driver);
    stop.addEventListener('abort', kill, { once: true });
    const cancelRemark = environment.clock.schedule(patienceMs, () => {
      if (this.taskId === undefined) this.context.remark(`allot: Waiting for an offer with ${this.config.resources}: ${this.mismatch}\n`);
    });
    driver.start();
    if (stop.aborted) kill();
    try {
      return await this.finish(await end);
    } finally {
      cancelRemark();
      stop.removeEventListener('abort', kill);
      this.enough.abort();
      await new Promise<void>((done) => {
        driver.whenEnded(() => done());
        driver.stop();
      });
    }
  }

  private offered(offers: readonly Sdk.Offer[], driver: Sdk.SchedulerDriver): void {
    for (const offer of offers) {
      if (this.taskId !== undefined) return;
      const { launched } = driver.launch(offer, [this.draft]);
      this.taskId = launched[0]?.taskId;
    }
    if (this.taskId === undefined) this.mismatch = this.sdk.explainMismatch(offers, this.draft.resources).text;
  }

  private updated(status: TaskStatus, driver: Sdk.SchedulerDriver): void {
    if (status.taskId !== this.taskId) return;
    if (status.state === 'TASK_DROPPED' && !this.wasKilled) {
      this.taskId = undefined; // R1: it never began. The next offer will do.
      return;
    }
    const { frameworkId } = driver;
    if (status.state === 'TASK_RUNNING' && frameworkId !== undefined) this.output ??= this.showOutput(frameworkId, status.taskId);
    if (status.state === 'TASK_UNREACHABLE') this.context.remark('allot: The agent of the task is away; waiting for it\n');
    if (isEnd(status)) this.over(status);
  }

  private kill(driver: Sdk.SchedulerDriver): void {
    this.wasKilled = true;
    if (this.isTaskOver || isUnread(this.context.stop)) this.enough.abort(); // R4
    const { clock } = this.context.environment;
    if (this.taskId === undefined) this.over(new Error('Interrupted before the task was launched'));
    else driver.kill(this.taskId);
    clock.schedule(killPatienceMs, () => this.over(new Error('The task was told to end, and has not said that it did')));
  }

  /** R3. */
  private async finish(end: TaskStatus | Error): Promise<number> {
    if (end instanceof Error) {
      this.context.stop.throwIfAborted();
      throw new AllotError({ code: 'OPERATION_FAILED', action: `run ${this.name}`, detail: end.message }, { cause: end });
    }
    if (this.output !== undefined) {
      this.isTaskOver = true;
      this.renewPatience();
      await this.output;
      this.cancelPatience();
    }
    if (!isOwnEnd(end) && !isUnread(this.context.stop)) this.context.remark(`allot: ${describeEnd(end)}\n`);
    return exitStatusOf(end);
  }

  private renewPatience(): void {
    this.cancelPatience();
    if (this.isTaskOver && this.writeCount === 0) this.cancelPatience = this.context.environment.clock.schedule(outputPatienceMs, () => this.enough.abort());
  }

  private async show(write: (bytes: Uint8Array) => void | Promise<void>, bytes: Uint8Array): Promise<void> {
    this.writeCount += 1;
    this.cancelPatience();
    await write(bytes);
    this.writeCount -= 1;
    this.renewPatience();
  }

  /** Both streams until their ends, or until there was enough. Rejects for a bug only. */
  private async showOutput(frameworkId: FrameworkId, taskId: Sdk.TaskId): Promise<void> {
    const { clock } = this.context.environment;
    const follow = async (stream: 'stdout' | 'stderr', write: (bytes: Uint8Array) => void | Promise<void>): Promise<void> => {
      const follower = new SandboxFollower(this.client, clock, { frameworkId, taskId, stream }, (bytes) => this.show(write, bytes));
      try {
        await follower.follow(this.enough.signal, (error) => isAllotError(error));
      } catch (error) {
        if (!this.enough.signal.aborted) throw error;
        // Enough was seen: the task is over and its agent is away, or we are going.
      }
    };
    await Promise.all([follow('stdout', this.context.print), follow('stderr', this.context.remark)]);
  }
}
