// Launch: what becomes of a task that the master hands to the agent.
//
// Owns:      the checks of a launch, the making of executors, queueing and handing over of tasks.
// Elsewhere: validity of the description (the master), what a command task does once its container runs (command-executor.ts), subscription
//            (executor-sessions.ts).
// Invariants:
//   L1. Framework, executor and task are durable before their container is asked for; so a launch is never repeated after a crash.
//   L2. A task id in the books, or with an update under way, is not launched again.
//   L3. Every task that is not launched is reported, except for a framework or agent on its way out.
// Source: Mesos agent (reference, agent section 15). Command tasks run without an executor process: the agent plays it (command-executor.ts).

import type { MasterMessage } from '../../common/model/agent-protocol';
import { commandExecutorId, containerId, type ExecutorId, type FrameworkId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import type { CommandInfo } from '../../common/model/command';
import type { FrameworkInfo } from '../../common/model/framework';
import type { ExecutorInfo, TaskInfo } from '../../common/model/task';
import type { ContainerSpec } from './agent-step';
import { updateUuid, type AgentState, type Executor, type Framework, type Task } from './agent-state';
import { commandLaunched } from './command-executor';
import { executorEnvironment, findUnresolvableSecret } from './executor-environment';
import { shutdownExecutor } from './executor-termination';
import { isSameValue } from './same-value';
import { reportUnknownTask, type TaskNews } from './task-updates';
import { findUnsupportedRequest } from './unsupported-request';

type RunTask = Extract<MasterMessage, { kind: 'run-task' }>;

export function runTask(agent: AgentState, { framework: info, task, launchExecutor }: RunTask): void {
  const frameworkId = info.id;
  const known = frameworkId === undefined ? undefined : agent.frameworks.get(frameworkId);
  if (frameworkId === undefined || agent.end !== undefined || known?.isTerminating === true) {
    agent.turn.log('info', 'Launch ignored', { frameworkId, taskId: task.taskId });
    return;
  }
  if (known?.tasks.has(task.taskId) === true || agent.updates.has(frameworkId, task.taskId)) {
    agent.turn.log('warn', 'Launch of a known task ignored', { frameworkId, taskId: task.taskId }); // L2: its own updates say what it does
    return;
  }
  const executorId = task.executor?.executorId ?? commandExecutorId(task.taskId);
  const existing = known?.executors.get(executorId);
  const objection = checkLaunch(task, existing, launchExecutor);
  if (objection !== undefined) {
    dropTask(agent, info, frameworkId, executorId, task, objection, launchExecutor);
    // The master does not know the executor that runs here under this id, so it can never use it.
    if (existing !== undefined && !existing.isCommand && launchExecutor) shutdownExecutor(agent, existing);
    return;
  }
  const framework = recordFramework(agent, info, frameworkId);
  if (existing !== undefined) {
    addTask(agent, existing, task, 'queued');
    deliverQueued(agent, existing);
  } else {
    launchExecutorWith(agent, framework, executorId, task);
  }
}

/** Hands all queued tasks to an executor that can take them. */
export function deliverQueued(agent: AgentState, executor: Executor): void {
  if (executor.life.phase !== 'running' || executor.session === undefined) return;
  for (const task of executor.tasks.values()) {
    if (task.place !== 'queued') continue;
    task.place = 'launched';
    executor.hadTask = true;
    agent.turn.toExecutor(executor.session.id, { kind: 'launch', task: task.info });
  }
}

/** Takes over what the master says of a framework, if it says something new. */
export function recordFramework(agent: AgentState, info: FrameworkInfo, id: FrameworkId): Framework {
  const known = agent.frameworks.get(id);
  if (known !== undefined && isSameValue(known.info, info)) return known;
  agent.turn.checkpoint({ kind: 'framework', framework: info });
  if (known === undefined) return agent.addFramework(info, id);
  known.info = info;
  return known;
}

/** Why the task cannot be launched; first failure wins. */
function checkLaunch(task: TaskInfo, existing: Executor | undefined, launchExecutor: boolean): TaskNews | undefined {
  const command = task.executor === undefined ? task.command : task.executor.command;
  if (command === undefined) return { state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID', message: 'The task names neither a command nor an executor with a command' };
  const secret = findUnresolvableSecret(command);
  if (secret !== undefined) {
    return { state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID', message: `Environment variable "${secret}" refers to a secret by name: this agent only takes secrets by value` };
  }
  const unsupported = findUnsupportedRequest(task);
  if (unsupported !== undefined) {
    return { state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID', message: `This agent cannot do what ${unsupported} asks for` };
  }
  if (task.executor === undefined) {
    if (existing === undefined) return undefined;
    return { state: 'TASK_DROPPED', reason: 'REASON_TASK_INVALID', message: `An executor with the id of the task, "${task.taskId}", is still running` };
  }
  const dropped = (message: string): TaskNews => ({ state: 'TASK_DROPPED', reason: 'REASON_EXECUTOR_TERMINATED', message });
  if (existing?.isCommand === true) return dropped('The executor id belongs to a running command task');
  if (existing === undefined) return launchExecutor ? undefined : dropped('The executor that should run the task has terminated');
  if (existing.life.phase === 'terminating') return dropped('The executor that should run the task is terminating');
  return launchExecutor ? dropped('The task should start an executor, but one with its id is running') : undefined;
}

function dropTask(
  agent: AgentState,
  info: FrameworkInfo,
  frameworkId: FrameworkId,
  executorId: ExecutorId,
  task: TaskInfo,
  news: TaskNews,
  launchExecutor: boolean,
): void {
  agent.turn.log('warn', 'Task dropped at launch', { frameworkId, taskId: task.taskId, reason: news.reason, detail: news.message });
  reportUnknownTask(agent, frameworkId, task.taskId, executorId, info, news);
  // The master has already noted an executor for this launch, and must forget it.
  if (launchExecutor && task.executor !== undefined) agent.turn.toMaster({ kind: 'exited-executor', frameworkId, executorId, status: -1 });
}

function launchExecutorWith(agent: AgentState, framework: Framework, executorId: ExecutorId, task: TaskInfo): void {
  const isCommand = task.executor === undefined;
  const info = task.executor ?? commandExecutorInfo(executorId, task);
  const executor = agent.addExecutor({
    framework,
    info,
    containerId: containerId(agent.environment.ids.uuid()),
    token: isCommand ? '' : updateUuid(agent),
    isCommand,
    life: { phase: 'registering', returning: false },
    hadTask: isCommand,
  });
  agent.turn.checkpoint({ kind: 'executor', frameworkId: framework.id, executor: info, containerId: executor.containerId, token: executor.token, isCommand });
  const entry = addTask(agent, executor, task, isCommand ? 'launched' : 'queued');
  const command = info.command;
  if (command === undefined) return; // checkLaunch has seen one
  agent.turn.do({ kind: 'launch-container', spec: containerSpec(agent, executor, task, command) });
  agent.turn.log('info', 'Executor launched', { frameworkId: framework.id, executorId, containerId: executor.containerId });
  if (isCommand) commandLaunched(agent, executor, entry);
  agent.deadlines.set(executor.endDeadline, agent.nowMs + agent.config.executorRegistrationTimeoutMs);
}

function containerSpec(agent: AgentState, executor: Executor, task: TaskInfo, command: CommandInfo): ContainerSpec {
  return {
    containerId: executor.containerId,
    frameworkId: executor.framework.id,
    executorId: executor.info.executorId,
    command,
    environment: executorEnvironment(agent, executor, task, command),
    user: command.user ?? executor.framework.info.user,
    resources: executor.info.resources.plus(task.resources),
  };
}

function addTask(agent: AgentState, executor: Executor, info: TaskInfo, place: 'queued' | 'launched'): Task {
  const { framework, containerId } = executor;
  const executorId = executor.info.executorId;
  const task: Task = { info, executorId, containerId, state: 'TASK_STAGING', place };
  framework.tasks.set(info.taskId, task);
  executor.tasks.set(info.taskId, task);
  agent.turn.checkpoint({ kind: 'task', frameworkId: framework.id, executorId, containerId, task: info });
  return task;
}

/** The executor that the agent plays. It costs nothing beside the task's own resources, as there is no process of it. */
function commandExecutorInfo(executorId: ExecutorId, task: TaskInfo): ExecutorInfo {
  return {
    executorId,
    name: `Command Executor (Task: ${task.taskId})`,
    ...(task.command === undefined ? {} : { command: task.command }),
    resources: Resources.empty,
    labels: [],
  };
}
