// Executor environment: what an agent tells its executor at the start.
//
// Owns:      reading the variables, with the names of Allot and of Mesos.
// Elsewhere: writing them (agent/core/executor-environment.ts), `process.env` itself (connect.ts).
// Source: Mesos executor environment; ALLOT_AGENT_SOCKET and ALLOT_EXECUTOR_TOKEN are ours.

import { checkExecutorId, checkFrameworkId, type ExecutorId, type FrameworkId } from '../../common/model/ids';
import { parseDuration } from '../../common/units';
import { accepted, refused, type Checked } from '../../common/refusal';

/** Source: Mesos `--recovery_timeout`. */
export const recoveryTimeoutMsDefault = 15 * 60_000;
/** Source: Mesos `--executor_shutdown_grace_period`. */
export const shutdownGracePeriodMsDefault = 5_000;
/** Source: Mesos `--executor_reregistration_timeout`, which bounds the pauses between an executor's attempts. */
export const subscriptionBackoffMaxMsDefault = 2_000;

export interface ExecutorIdentity {
  /** Path of the agent's unix socket. */
  readonly socket: string;
  /** Proves to the agent who is calling. */
  readonly token: string;
  readonly frameworkId: FrameworkId;
  readonly executorId: ExecutorId;
  /** How long to try to come back to an agent that is away, then give up. */
  readonly recoveryTimeoutMs: number;
  /** Between SHUTDOWN and the forcible end of the container. */
  readonly shutdownGracePeriodMs: number;
  readonly subscriptionBackoffMaxMs: number;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Refuses by the name of the variable that is missing or wrong. */
export function readExecutorEnvironment(variables: Variables): Checked<ExecutorIdentity> {
  const socket = required(variables, ['ALLOT_AGENT_SOCKET', 'MESOS_DOMAIN_SOCKET']);
  if (!socket.ok) return socket;
  const token = required(variables, ['ALLOT_EXECUTOR_TOKEN', 'MESOS_EXECUTOR_AUTHENTICATION_TOKEN']);
  if (!token.ok) return token;
  const frameworkText = required(variables, ['ALLOT_FRAMEWORK_ID', 'MESOS_FRAMEWORK_ID']);
  const frameworkId = frameworkText.ok ? checkFrameworkId(frameworkText.value, 'ALLOT_FRAMEWORK_ID') : frameworkText;
  if (!frameworkId.ok) return frameworkId;
  const executorText = required(variables, ['ALLOT_EXECUTOR_ID', 'MESOS_EXECUTOR_ID']);
  const executorId = executorText.ok ? checkExecutorId(executorText.value, 'ALLOT_EXECUTOR_ID') : executorText;
  if (!executorId.ok) return executorId;
  const recovery = duration(variables, 'MESOS_RECOVERY_TIMEOUT', recoveryTimeoutMsDefault);
  if (!recovery.ok) return recovery;
  const grace = duration(variables, 'MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD', shutdownGracePeriodMsDefault);
  if (!grace.ok) return grace;
  const backoff = duration(variables, 'MESOS_SUBSCRIPTION_BACKOFF_MAX', subscriptionBackoffMaxMsDefault);
  if (!backoff.ok) return backoff;
  return accepted({
    socket: socket.value,
    token: token.value,
    frameworkId: frameworkId.value,
    executorId: executorId.value,
    recoveryTimeoutMs: recovery.value,
    shutdownGracePeriodMs: grace.value,
    subscriptionBackoffMaxMs: backoff.value,
  });
}

/** The first of `names` that is set; the refusal names the first one. */
function required(variables: Variables, names: readonly [string, ...string[]]): Checked<string> {
  for (const name of names) {
    const value = variables[name];
    if (value !== undefined && value !== '') return accepted(value);
  }
  return refused(names[0], variables[names[0]], 'what the agent sets for executors that it starts');
}

function duration(variables: Variables, name: string, defaultMs: number): Checked<number> {
  const text = variables[name];
  return text === undefined || text === '' ? accepted(defaultMs) : parseDuration(text, name);
}
