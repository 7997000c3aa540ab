// Task validation: which launches are sound.
//
// Owns:      the rules for one task of a LAUNCH, in their order, and the completion of what the framework left out.
// Elsewhere: whether the offers may be used at all (accept.ts); syntax of single fields (proto/'s codecs).
// Invariants:
//   X1. Validation changes nothing. What it returns is complete: allocation roles, framework id of the executor, type of the health check.
//   X2. The first broken rule makes the message; rules are numbered as in the reference, section 10.
// Source: Mesos `validation::task` and the pre-processing of ACCEPT (reference, 9.2). Not here: agents' support of limits (agents refuse
//         those by themselves), and an explicit `share_cgroups: true` on executors, which the domain model cannot tell from the default.

import type { CommandInfo, ContainerInfo, Secret, Volume } from '../../common/model/command';
import { checkExecutorId, checkTaskId } from '../../common/model/ids';
import { sizeOf, taskInfoBytesMax } from '../../common/model/message-size';
import { describeRefusal } from '../../common/refusal';
import { valueEntryCountMax } from '../../common/model/resource-check';
import { itemsIntersect, normalRanges, rangesOverlap } from '../../common/model/resource-value';
import { Resources, isPersistentVolume, reservationRole, type Range, type Resource, type ResourceValue } from '../../common/model/resources';
import type { CheckInfo, ExecutorInfo, HealthCheck, TaskInfo } from '../../common/model/task';
import { executorOn, type Agent, type Framework } from './master-state';
import { strayOn } from './strays';
import { areEqual } from './structural-equality';

/** What a task is held against. */
export interface LaunchContext {
  readonly framework: Framework;
  readonly agent: Agent;
  /** Allocation role of the offers. */
  readonly role: string;
  /** What is left of the offers, with allocation role. */
  readonly remaining: Resources;
}

export interface SoundLaunch {
  readonly ok: true;
  /** Complete (X1). */
  readonly task: TaskInfo;
  /** The executor to be started for it, complete; undefined for command tasks and for executors that already run. */
  readonly newExecutor: ExecutorInfo | undefined;
}

export type LaunchVerdict = SoundLaunch | { readonly ok: false; readonly message: string };

export function validateLaunch(given: TaskInfo, context: LaunchContext): LaunchVerdict {
  const complete = completeTask(given, context);
  const { executor } = complete;
  const running = executor === undefined ? undefined : executorOn(context.agent, context.framework.id, executor.executorId);
  const newExecutor = running === undefined ? executor : undefined;
  const message =
    idMessage(given, context) ?? // 1, 2
    agentMessage(given, context) ?? // 3
    durationsMessage(given) ?? // 4, 5
    (complete.check === undefined ? undefined : checkMessage(complete.check, 'Task uses an invalid check')) ?? // 6
    (complete.healthCheck === undefined ? undefined : healthCheckMessage(complete.healthCheck)) ?? // 7
    resourcesMessage(given.resources, 'Task', context, false) ?? // 8
    (given.command === undefined ? undefined : commandMessage(given.command, "Task's command")) ?? // 9
    (given.container === undefined ? undefined : containerMessage(given.container, "Task's container")) ?? // 10
    limitsMessage(given) ?? // 11
    commandOrExecutorMessage(given) ?? // 12
    (executor === undefined ? undefined : executorMessage(given.executor ?? executor, executor, running?.info, context)) ?? // 13
    (executor === undefined ? undefined : togetherMessage(complete.resources, executor.resources)) ?? // 14
    fitMessage(complete.resources, newExecutor?.resources ?? Resources.empty, context) ?? // 15
    shareCgroupsMessage(given) ?? // 16
    sizeMessage(complete); // Ours: it must fit into a message to its agent.
  return message === undefined ? { ok: true, task: complete, newExecutor } : { ok: false, message };
}

/** Fills in what may be left out (reference, 9.2). */
function completeTask(task: TaskInfo, { role, framework }: LaunchContext): TaskInfo {
  const { executor, healthCheck } = task;
  return {
    ...task,
    resources: task.resources.allocatedTo(role),
    ...(executor === undefined
      ? {}
      : { executor: { ...executor, frameworkId: executor.frameworkId ?? framework.id, resources: executor.resources.allocatedTo(role) } }),
    ...(healthCheck === undefined ? {} : { healthCheck: completeHealthCheck(healthCheck) }),
  };
}

/** Old frameworks set `command` or `http` only. */
function completeHealthCheck(check: HealthCheck): HealthCheck {
  if (check.type !== undefined || (check.command === undefined) === (check.http === undefined)) return check;
  return { ...check, type: check.command === undefined ? 'HTTP' : 'COMMAND' };
}

function idMessage({ taskId }: TaskInfo, { framework, agent }: LaunchContext): string | undefined {
  const checked = checkTaskId(taskId);
  if (!checked.ok) return `Task has an invalid id: ${describeRefusal(checked.refusal)}`;
  if (framework.tasks.has(taskId)) return `Task has duplicate ID: "${taskId}" is in use by this framework`;
  if (framework.unreachableTasks.has(taskId)) return `Task reuses the ID of an unreachable task: "${taskId}"`;
  // The agent would take the new run for the old one.
  if (strayOn(agent, framework, taskId) !== undefined) return `Task has duplicate ID: "${taskId}" still runs on agent "${agent.id}" from before`;
  return undefined;
}

function agentMessage({ agentId }: TaskInfo, { agent }: LaunchContext): string | undefined {
  return agentId === agent.id ? undefined : `Task uses invalid agent "${agentId}" while agent "${agent.id}" is expected`;
}

function durationsMessage({ killPolicy, maxCompletionTimeMs }: TaskInfo): string | undefined {
  if (killPolicy?.gracePeriodMs !== undefined && !(killPolicy.gracePeriodMs >= 0)) return "Task's 'kill_policy.grace_period' must be non-negative";
  if (maxCompletionTimeMs !== undefined && !(maxCompletionTimeMs >= 0)) return "Task's 'max_completion_time' must be non-negative";
  return undefined;
}

function checkMessage(check: CheckInfo, what: string): string | undefined {
  switch (check.type) {
    case undefined:
      return `${what}: 'type' must be set`;
    case 'COMMAND':
      if (check.command === undefined) return `${what}: 'command' must be set for a COMMAND check`;
      if (check.command.value === undefined || check.command.value === '') return `${what}: the command must have a 'value'`;
      break;
    case 'HTTP':
      if (check.http === undefined) return `${what}: 'http' must be set for an HTTP check`;
      if (check.http.path !== undefined && !check.http.path.startsWith('/')) return `${what}: path "${check.http.path}" must start with '/'`;
      break;
    case 'TCP':
      if (check.tcp === undefined) return `${what}: 'tcp' must be set for a TCP check`;
      break;
  }
  const environment = check.command === undefined ? undefined : commandMessage(check.command, `${what}: command`);
  if (environment !== undefined) return environment;
  for (const [name, durationMs] of [
    ['delay_seconds', check.delayMs],
    ['interval_seconds', check.intervalMs],
    ['timeout_seconds', check.timeoutMs],
  ] as const) {
    if (!(durationMs >= 0)) return `${what}: '${name}' must be non-negative`;
  }
  return undefined;
}

function healthCheckMessage(check: HealthCheck): string | undefined {
  const what = 'Task uses an invalid health check';
  const message = checkMessage(check as CheckInfo, what);
  if (message !== undefined) return message;
  const scheme = check.http?.scheme;
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') return `${what}: unsupported HTTP scheme "${scheme}"`;
  return check.gracePeriodMs >= 0 ? undefined : `${what}: 'grace_period_seconds' must be non-negative`;
}

function resourcesMessage(resources: Resources, owner: 'Task' | 'Executor', { role }: LaunchContext, mayBeEmpty: boolean): string | undefined {
  if (resources.isEmpty) return mayBeEmpty ? undefined : `${owner} uses no resources`;
  const volumeIds = new Set<string>();
  for (const resource of resources) {
    const { name, value, disk, allocationRole } = resource;
    if (name === 'gpus' && (value.kind !== 'scalar' || value.milli % 1000 !== 0)) return `${owner} uses invalid resources: gpus must be a whole number`;
    if (disk !== undefined && name !== 'disk') return `${owner} uses invalid resources: ${name} cannot have disk info`;
    if (isPersistentVolume(resource)) {
      const key = `${reservationRole(resource) ?? ''}\u0000${disk?.persistence?.id ?? ''}`;
      if (volumeIds.has(key)) return `${owner} uses duplicate persistence ID "${disk?.persistence?.id ?? ''}"`;
      volumeIds.add(key);
    }
    if (allocationRole !== undefined && allocationRole !== role) {
      return `${owner} uses resources allocated to role "${allocationRole}" while role "${role}" was offered`;
    }
  }
  return mixedRevocabilityMessage(resources, `${owner} mixes`);
}

function mixedRevocabilityMessage(resources: Resources, start: string): string | undefined {
  const revocability = new Map<string, boolean>();
  for (const { name, revocable } of resources) {
    if (revocability.get(name) === !revocable) return `${start} revocable and non-revocable ${name}`;
    revocability.set(name, revocable);
  }
  return undefined;
}

function commandMessage(command: CommandInfo, what: string): string | undefined {
  for (const { name, type, value, secret } of command.environment) {
    if (type === 'VALUE') {
      if (value === undefined) return `${what}: environment variable '${name}' of type 'VALUE' must have a value set`;
      if (secret !== undefined) return `${what}: environment variable '${name}' of type 'VALUE' must not have a secret set`;
    } else {
      if (secret === undefined) return `${what}: environment variable '${name}' of type 'SECRET' must have a secret set`;
      if (value !== undefined) return `${what}: environment variable '${name}' of type 'SECRET' must not have a value set`;
      const message = secretMessage(secret);
      if (message !== undefined) return `${what}: environment variable '${name}' ${message}`;
    }
  }
  return undefined;
}

function secretMessage({ type, reference, value }: Secret): string | undefined {
  if (type === 'REFERENCE') {
    if (reference === undefined) return 'specifies an invalid secret: a secret of type REFERENCE must have the reference set';
    return value === undefined ? undefined : 'specifies an invalid secret: a secret of type REFERENCE must not have the value set';
  }
  if (value === undefined) return 'specifies an invalid secret: a secret of type VALUE must have the value set';
  if (reference !== undefined) return 'specifies an invalid secret: a secret of type VALUE must not have the reference set';
  return value.data.includes(0) ? 'specifies a secret with a null byte, which an environment variable cannot hold' : undefined;
}

function containerMessage(container: ContainerInfo, what: string): string | undefined {
  if (container.type === 'DOCKER') {
    if (container.docker === undefined) return `${what}: DockerInfo 'docker' is not set for a DOCKER container`;
    if (container.docker.parameters.some(({ key }) => key === 'name')) return `${what}: parameter in DockerInfo must not be 'name'`;
  }
  for (const volume of container.volumes) {
    const message = volumeMessage(volume);
    if (message !== undefined) return `${what}: invalid volume "${volume.containerPath}": ${message}`;
  }
  return undefined;
}

function volumeMessage({ hostPath, image, source }: Volume): string | undefined {
  const count = [hostPath, image, source].filter((member) => member !== undefined).length;
  if (count !== 1) return "exactly one of 'host_path', 'image' and 'source' must be set";
  if (source === undefined) return undefined;
  const members: Readonly<Record<typeof source.type, unknown>> = {
    DOCKER_VOLUME: source.dockerVolume,
    SANDBOX_PATH: source.sandboxPath,
    SECRET: source.secret,
    HOST_PATH: source.hostPath,
    CSI_VOLUME: undefined, // Needs static provisioning, which the vocabulary does not carry yet.
  };
  return members[source.type] === undefined ? `'source' of type ${source.type} must have the member of that type set` : undefined;
}

function limitsMessage({ limits, resources }: TaskInfo): string | undefined {
  for (const [name, limit] of limits) {
    if (name !== 'cpus' && name !== 'mem') return `Task sets a limit for "${name}": only cpus and mem may have limits`;
    const request = resources.scalar(name);
    if (request === 0) return `Task sets a limit for ${name} without requesting any`;
    if (!(limit >= request)) return `Task's limit for ${name} (${limit / 1000}) is below its request (${request / 1000})`;
  }
  return undefined;
}

function commandOrExecutorMessage({ command, executor }: TaskInfo): string | undefined {
  if ((command === undefined) !== (executor === undefined)) return undefined;
  return 'Task should have at least one (but not both) of CommandInfo or ExecutorInfo present';
}

function executorMessage(given: ExecutorInfo, complete: ExecutorInfo, running: ExecutorInfo | undefined, context: LaunchContext): string | undefined {
  const { framework } = context;
  if (given.type === 'DEFAULT') {
    if (given.command !== undefined) return "'ExecutorInfo.command' must not be set for 'DEFAULT' executor";
    const { container } = given;
    if (container !== undefined && (container.type !== 'MESOS' || container.mesos?.image !== undefined)) {
      return "'ExecutorInfo.container' must be of type MESOS without an image for 'DEFAULT' executor";
    }
  } else if (given.type === 'CUSTOM' && given.command === undefined) {
    return "'ExecutorInfo.command' must be set for 'CUSTOM' executor";
  }
  const checked = checkExecutorId(given.executorId);
  if (!checked.ok) return `Executor has an invalid id: ${describeRefusal(checked.refusal)}`;
  if (given.shutdownGracePeriodMs !== undefined && !(given.shutdownGracePeriodMs >= 0)) return "ExecutorInfo's 'shutdown_grace_period' must be non-negative";
  if (complete.frameworkId !== framework.id) return `ExecutorInfo has an invalid FrameworkID (Actual: "${complete.frameworkId ?? ''}" vs Expected: "${framework.id}")`;
  const parts =
    (given.command === undefined ? undefined : commandMessage(given.command, "Executor's command")) ??
    (given.container === undefined ? undefined : containerMessage(given.container, "Executor's container")) ??
    resourcesMessage(given.resources, 'Executor', context, true);
  if (parts !== undefined) return parts;
  if (running !== undefined && !areEqual(withoutAllocation(running), withoutAllocation(complete))) {
    return `ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID "${given.executorId}" on agent "${context.agent.id}"`;
  }
  if (given.type === 'DEFAULT') return "'ExecutorInfo.type' must be 'CUSTOM' or unset for a task launched by LAUNCH";
  if (given.command === undefined) return "'ExecutorInfo.command' must be set for a task launched by LAUNCH";
  return [...given.resources].some(({ shared }) => shared) ? 'Executor resources must not contain any shared resource' : undefined;
}

/** The role in whose offer an executor was started is no part of what it is. */
function withoutAllocation(executor: ExecutorInfo): ExecutorInfo {
  return { ...executor, resources: executor.resources.unallocated() };
}

function togetherMessage(ofTask: Resources, ofExecutor: Resources): string | undefined {
  const others = entriesByName(ofExecutor);
  for (const [name, mine] of others.size === 0 ? [] : entriesByName(ofTask)) {
    const other = others.get(name);
    if (other === undefined) continue;
    const isOverlap = rangesOverlap(normalRanges(mine.ranges), normalRanges(other.ranges)) || itemsIntersect(mine.items, other.items);
    if (isOverlap) return `Task and its executor use the same ${name}`;
  }
  return mixedRevocabilityMessage(ofTask.plus(ofExecutor), 'Task and its executor mix');
}

/** The ranges and items of each name, whatever they are reserved for: two uses of one port are two uses. */
function entriesByName(resources: Resources): Map<string, { ranges: Range[]; items: string[] }> {
  const found = new Map<string, { ranges: Range[]; items: string[] }>();
  for (const { name, value } of resources) {
    if (value.kind === 'scalar') continue;
    const entries = found.get(name) ?? { ranges: [], items: [] };
    found.set(name, entries);
    if (value.kind === 'ranges') for (const range of value.ranges) entries.ranges.push(range);
    else for (const item of value.items) entries.items.push(item);
  }
  return found;
}

function fitMessage(ofTask: Resources, ofNewExecutor: Resources, { remaining }: LaunchContext): string | undefined {
  const total = ofTask.plus(ofNewExecutor);
  if (remaining.contains(total)) return scatteringMessage(total, remaining);
  return `Task uses more resources ${briefly(total)} than available ${remaining.isEmpty ? 'nothing' : briefly(remaining)}`;
}

/** Ours: what is left must remain an offer that others can read. */
function scatteringMessage(total: Resources, remaining: Resources): string | undefined {
  // Each range taken makes one piece more at most, so this is seldom looked into.
  if (rangeCountOf(remaining) + rangeCountOf(total) <= valueEntryCountMax) return undefined;
  for (const { name, value } of remaining.minus(total)) {
    if (value.kind === 'ranges' && value.ranges.length > valueEntryCountMax) {
      return `Task leaves ${name} in ${value.ranges.length} pieces, at most ${valueEntryCountMax} can be offered`;
    }
  }
  return undefined;
}

function rangeCountOf(resources: Resources): number {
  let count = 0;
  for (const { value } of resources) if (value.kind === 'ranges') count += value.ranges.length;
  return count;
}

/** Ranges, items and amounts that a message names. What is left of a machine's ports may be in thousands of pieces, and is named to each task that does not fit. */
const namedEntryCountMax = 10;

function briefly(resources: Resources): string {
  const amounts = [...resources.unallocated()];
  const shown = amounts.slice(0, namedEntryCountMax).map(describeBriefly).join(';');
  return amounts.length > namedEntryCountMax ? `${shown} and ${amounts.length - namedEntryCountMax} more amounts` : shown;
}

function describeBriefly(resource: Resource): string {
  const { value } = resource;
  if (value.kind === 'scalar') return Resources.of([resource]).toString();
  const count = value.kind === 'ranges' ? value.ranges.length : value.items.length;
  const first: ResourceValue =
    value.kind === 'ranges' ? { kind: 'ranges', ranges: value.ranges.slice(0, namedEntryCountMax) } : { kind: 'set', items: value.items.slice(0, namedEntryCountMax) };
  const shown = Resources.of([{ ...resource, value: first }]).toString();
  return count > namedEntryCountMax ? `${shown} and ${count - namedEntryCountMax} more` : shown;
}

/** Longest name. Ours: it is kept and reported of each task, and shown in a column. */
const nameLengthMax = 1_000;

function sizeMessage(task: TaskInfo): string | undefined {
  if (task.name.length > nameLengthMax) return `Task's name has ${task.name.length} characters, at most ${nameLengthMax} are kept`;
  const size = sizeOf(task);
  return size > taskInfoBytesMax ? `Task takes up to ${size} bytes with its executor and data, at most ${taskInfoBytesMax} are passed on: let it fetch the rest` : undefined;
}

function shareCgroupsMessage({ container }: TaskInfo): string | undefined {
  return container?.linuxInfo?.shareCgroups === false ? "'share_cgroups' cannot be false on a task launched by LAUNCH" : undefined;
}
