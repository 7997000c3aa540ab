// Task builder: tasks, commands and executors from plain strings.
//
// Owns:      the short forms in which authors describe what to run, and their defaults.
// Elsewhere: what the full forms mean (common/model/), where a task runs (matching.ts), its id when none was given (scheduler-driver.ts).
// Invariants:
//   B1. What a builder returns is a plain value of the model: everything may be changed by spreading, nothing is hidden in it.
// Source: Mesos TaskInfo, CommandInfo, ExecutorInfo and their defaults.

import type { CommandInfo, CommandUri, ContainerInfo, Label } from '../../common/model/command';
import { checkExecutorId, checkTaskId, type TaskId } from '../../common/model/ids';
import type { ExecutorInfo, TaskInfo } from '../../common/model/task';
import { taskInfoBytesMax } from '../../common/model/message-size';
import { refused, type Checked } from '../../common/refusal';
import { checkMessageSize } from './message-size';
import { inputError, resources, type ResourceRequest } from './resource-request';

/**
 * A task before it has a place: no agent, and amounts instead of an agent's concrete resources. Without an id each launch makes one
 * (`name.<uuid>`), so that a draft may be launched again: a second try is a new task.
 */
export interface TaskDraft extends Omit<TaskInfo, 'taskId' | 'agentId'> {
  readonly taskId?: TaskId;
}

export interface TaskOptions {
  /** For people; also the stem of the id when `id` is not given. */
  readonly name: string;
  /** Unique among the framework's live tasks; better never used twice. Default: made at each launch. */
  readonly id?: string;
  readonly resources: ResourceRequest;
  /** Shell text or {@link command}'s result. Exactly one of `command` and `executor`. */
  readonly command?: string | CommandInfo;
  readonly executor?: ExecutorInfo;
  /** Bytes for the executor; text is sent as UTF-8. */
  readonly data?: string | Uint8Array;
  readonly container?: ContainerInfo;
  readonly labels?: Readonly<Record<string, string>>;
  /** Between the polite and the forcible end. Milliseconds; default 3000. Source: Mesos. */
  readonly gracePeriodMs?: number;
  /** The task is failed when it runs longer. Milliseconds; default: no limit. */
  readonly maxCompletionTimeMs?: number;
}

/** Describes a task: `task({ name: 'hello', command: 'echo hello', resources: { cpus: 0.1, mem: 32 } })`. Throws INPUT_REFUSED, also for more than 1 MiB in all. */
export function task(options: TaskOptions): TaskDraft {
  const { name, id, executor: executorInfo, data, container, gracePeriodMs, maxCompletionTimeMs } = options;
  const commandInfo = typeof options.command === 'string' ? command(options.command) : options.command;
  const field = `task ${JSON.stringify(name)}`;
  if ((commandInfo === undefined) === (executorInfo === undefined)) {
    throw inputError(refused(field, commandInfo === undefined ? 'neither' : 'both', 'exactly one of command and executor').refusal);
  }
  const amounts = resources(options.resources);
  if (amounts.isEmpty) throw inputError(refused(`${field}.resources`, '', 'at least one amount such as "cpus:0.1;mem:32"').refusal);
  checkDuration(gracePeriodMs, `${field}.gracePeriodMs`);
  checkDuration(maxCompletionTimeMs, `${field}.maxCompletionTimeMs`);
  const draft: TaskDraft = {
    name,
    ...(id === undefined ? {} : { taskId: valueOf(checkTaskId(id, `${field}.id`)) }),
    resources: amounts,
    limits: new Map(),
    ...(commandInfo === undefined ? {} : { command: commandInfo }),
    ...(executorInfo === undefined ? {} : { executor: executorInfo }),
    ...(data === undefined ? {} : { data: bytesOf(data) }),
    ...(container === undefined ? {} : { container }),
    ...(gracePeriodMs === undefined ? {} : { killPolicy: { gracePeriodMs } }),
    ...(maxCompletionTimeMs === undefined ? {} : { maxCompletionTimeMs }),
    labels: labelsOf(options.labels),
  };
  // Said now, where the author is looking, and again at the launch of what was changed since.
  checkMessageSize(draft, field, taskInfoBytesMax);
  return draft;
}

export interface CommandOptions {
  /** What to fetch into the sandbox before the start: URIs with Mesos's defaults (archives are unpacked), or in full. */
  readonly uris?: readonly (string | (Partial<CommandUri> & Pick<CommandUri, 'value'>))[];
  readonly env?: Readonly<Record<string, string>>;
  /** On the agent; default the agent's own user. */
  readonly user?: string;
  /** With arguments the text is a program, started without a shell. argv[0] is added. */
  readonly args?: readonly string[];
}

/** `command('make test')` runs in `/bin/sh -c`; `command('/usr/bin/make', { args: ['test'] })` without a shell. */
export function command(text: string, options: CommandOptions = {}): CommandInfo {
  const { uris = [], env = {}, user, args } = options;
  return {
    uris: uris.map((uri) => ({ executable: false, extract: true, cache: false, ...(typeof uri === 'string' ? { value: uri } : uri) })),
    environment: Object.entries(env).map(([name, value]) => ({ name, type: 'VALUE', value })),
    value: text,
    ...(user === undefined ? {} : { user }),
    shell: args === undefined,
    arguments: args === undefined ? [] : [text, ...args],
  };
}

export interface ExecutorOptions {
  /** Tasks with the same executor id on the same agent share one process. */
  readonly id: string;
  readonly name?: string;
  readonly command: string | CommandInfo;
  /** What the executor itself uses, besides its tasks; taken from unreserved resources. Default cpus:0.1;mem:32, Mesos's minimum advice. */
  readonly resources?: ResourceRequest;
  /** Between SHUTDOWN and the forcible end. Milliseconds; default the agent's, 5000. Source: Mesos. */
  readonly shutdownGracePeriodMs?: number;
  readonly data?: string | Uint8Array;
  readonly container?: ContainerInfo;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Describes a custom executor, for `task({ executor })`. The same description must be used for all tasks that share it. */
export function executor(options: ExecutorOptions): ExecutorInfo {
  const { id, name, shutdownGracePeriodMs, data, container } = options;
  checkDuration(shutdownGracePeriodMs, 'executor.shutdownGracePeriodMs');
  return {
    executorId: valueOf(checkExecutorId(id, 'executor.id')),
    type: 'CUSTOM',
    ...(name === undefined ? {} : { name }),
    command: typeof options.command === 'string' ? command(options.command) : options.command,
    resources: resources(options.resources ?? { cpus: 0.1, mem: 32 }),
    ...(shutdownGracePeriodMs === undefined ? {} : { shutdownGracePeriodMs }),
    ...(data === undefined ? {} : { data: bytesOf(data) }),
    ...(container === undefined ? {} : { container }),
    labels: labelsOf(options.labels),
  };
}

/** Text as UTF-8; bytes as they are. */
export function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : data;
}

function labelsOf(labels: Readonly<Record<string, string>> = {}): readonly Label[] {
  return Object.entries(labels).map(([key, value]) => ({ key, value }));
}

/** Throws INPUT_REFUSED. */
export function checkDuration(ms: number | undefined, field: string): void {
  if (ms !== undefined && !(Number.isFinite(ms) && ms >= 0)) throw inputError(refused(field, ms, 'milliseconds >= 0').refusal);
}

function valueOf<T>(checked: Checked<T>): T {
  if (!checked.ok) throw inputError(checked.refusal);
  return checked.value;
}
