// Executor environment: the variables that every executor and command task starts with.
//
// Owns:      their names and values, and who wins when one is set twice.
// Elsewhere: MESOS_SANDBOX and MESOS_DIRECTORY, which the containerizer adds because only it knows the path; what the driver reads of them
//            (frameworks/sdk/).
// Invariants:
//   N1. The command's own environment wins over the standard variables, and those over the operator's (config.executorEnvironment).
//   N2. A token is given to the executor that it belongs to, and to no command task.
// Source: Mesos executor environment (reference, scheduler section 18.1); the ALLOT_ names are ours.

import type { CommandInfo } from '../../common/model/command';
import type { TaskInfo } from '../../common/model/task';
import { formatMesosDuration } from '../../common/units';
import type { AgentState, Executor } from './agent-state';

/** How long executors try to come back to an agent that is away. Source: Mesos `--recovery_timeout`. */
export const recoveryTimeoutMs = 15 * 60_000;

/** `task`: the one for which the executor is started. */
export function executorEnvironment(agent: AgentState, executor: Executor, task: TaskInfo, command: CommandInfo): ReadonlyMap<string, string> {
  const { config } = agent;
  const endpoint = `${config.info.hostname}:${config.info.port}`;
  const variables = new Map(config.executorEnvironment);
  const standard: Readonly<Record<string, string | undefined>> = {
    MESOS_FRAMEWORK_ID: executor.framework.id,
    MESOS_EXECUTOR_ID: executor.info.executorId,
    MESOS_AGENT_ENDPOINT: endpoint,
    MESOS_SLAVE_ID: agent.agentId,
    MESOS_SLAVE_PID: `slave(1)@${endpoint}`,
    MESOS_CHECKPOINT: '1',
    MESOS_HTTP_COMMAND_EXECUTOR: '0',
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: formatMesosDuration(executor.info.shutdownGracePeriodMs ?? config.executorShutdownGracePeriodMs),
    MESOS_RECOVERY_TIMEOUT: formatMesosDuration(recoveryTimeoutMs),
    MESOS_SUBSCRIPTION_BACKOFF_MAX: formatMesosDuration(config.executorReregistrationTimeoutMs),
    MESOS_ALLOCATION_ROLE: task.resources.allocationRole,
    ALLOT_FRAMEWORK_ID: executor.framework.id,
    ALLOT_EXECUTOR_ID: executor.info.executorId,
    ...(executor.isCommand ? { MESOS_TASK_ID: task.taskId } : { ALLOT_EXECUTOR_TOKEN: executor.token }),
  };
  for (const [name, value] of Object.entries(standard)) if (value !== undefined) variables.set(name, value);
  for (const variable of command.environment) {
    const value = variable.type === 'SECRET' ? secretText(variable.secret?.value?.data) : variable.value;
    if (value !== undefined) variables.set(variable.name, value);
  }
  return variables;
}

/** The first variable whose secret is only a reference: the agent has nobody to resolve it. Undefined: all can be set. */
export function findUnresolvableSecret(command: CommandInfo): string | undefined {
  return command.environment.find((variable) => variable.type === 'SECRET' && variable.secret?.value === undefined)?.name;
}

function secretText(data: Uint8Array | undefined): string | undefined {
  return data === undefined ? undefined : new TextDecoder().decode(data);
}
