// Connect: drivers on the real world.
//
// Owns:      the process's part of a scheduler or executor: environment variables, signals, gRPC, the default log.
// Elsewhere: everything else, so that all of it runs in virtual time (scheduler-driver.ts, task-runner.ts).
// Invariants:
//   W1. Importing the SDK loads no transport: only connecting does. So tests of schedulers start in milliseconds.
// Source: our choice.

import { createEnvironment } from '../../common/environment';
import { EtcdAddressSource } from '../../common/etcd-address-source';
import { staticAddresses, type AddressSource } from '../../common/leader-session';
import { logLevels, openLog } from '../../common/logging';
import { parseMasterLocation } from '../../common/master-location';
import type { Environment, Log, LogLevel } from '../../common/ports';
import { refused } from '../../common/refusal';
import { readExecutorEnvironment } from './executor-environment';
import { inputError } from './resource-request';
import { SchedulerDriver } from './scheduler-driver';
import type { SchedulerOptions } from './scheduler-options';
import { TaskRunner, type TaskRunnerOptions } from './task-runner';

export interface ConnectOptions {
  /**
   * `host:port`, `host:port,host:port`, or `etcd://host:port,…/prefix`. Default: the variable ALLOT_MASTER, else `localhost:5050`, where
   * a master on this machine listens.
   */
  readonly master?: string;
  /** Default: lines on stderr, from the level of the variable ALLOT_LOG_LEVEL on, else `warn`. */
  readonly log?: Log;
}

export interface RunSchedulerOptions extends SchedulerOptions, ConnectOptions {
  /**
   * What SIGINT and SIGTERM do: `teardown` (default) ends the framework and its tasks; `failover` leaves the tasks to a successor that
   * comes with the same framework id within the failover timeout. A second signal ends the process at once.
   */
  readonly onSignal?: 'teardown' | 'failover';
}

/** A driver that talks to real masters. To be started with `run` or `start`; signals are the caller's business. Throws INPUT_REFUSED. */
export function connectScheduler(options: SchedulerOptions & ConnectOptions): SchedulerDriver {
  const environment = createEnvironment();
  const log = logOf(options, environment, 'scheduler');
  return new SchedulerDriver(options, {
    environment,
    log,
    dialer: transport().schedulerDialer(environment, { log }),
    addresses: addressesOf(options.master ?? process.env['ALLOT_MASTER'] ?? 'localhost:5050', environment),
  });
}

/**
 * Runs a scheduler until `driver.stop()` or a signal. Rejects with a SchedulerError when the master takes the framework no more, and with
 * INPUT_REFUSED for options that describe none. Whatever else happens, it goes on.
 */
export async function runScheduler(options: RunSchedulerOptions): Promise<void> {
  const driver = connectScheduler(options);
  const forget = onStopSignals(() => driver.stop({ failover: options.onSignal === 'failover' }));
  try {
    await driver.run();
  } finally {
    forget();
  }
}

/**
 * Runs an executor: the last call of its main file, in a process that an agent started. Ends the process when the agent says so (status 0),
 * or was away for the recovery timeout (status 1). Rejects with INPUT_REFUSED, naming the variable, when no agent started it.
 */
export async function runExecutor(options: TaskRunnerOptions & Pick<ConnectOptions, 'log'>): Promise<never> {
  const identity = readExecutorEnvironment(process.env);
  if (!identity.ok) throw inputError(identity.refusal);
  const environment = createEnvironment();
  const log = logOf(options, environment, 'executor');
  const runner = new TaskRunner(options, identity.value, {
    environment,
    log,
    dialer: transport().executorDialer(environment, { log }),
    address: identity.value.socket,
  });
  const forget = onStopSignals(() => runner.shutdown());
  const end = await new Promise<{ readonly kind: string }>((resolve) => {
    runner.whenEnded(resolve);
    runner.start();
  });
  forget();
  // Not left to the event loop: a task function that does not heed its signal would keep the process, and with it the container.
  process.exit(end.kind === 'closed' ? 0 : 1);
}

/**
 * Loads what a connection needs, which else happens when the first driver is made: for a program that has something else to wait for meanwhile, and whose start
 * its user waits for.
 */
export function preloadConnection(): void {
  transport();
}

/** W1. `require`, because a relative dynamic import is not resolved the same way by compiler, test runner and bundler. */
function transport(): typeof import('../../proto/grpc-link') {
  return require('../../proto/grpc-link') as typeof import('../../proto/grpc-link');
}

function addressesOf(master: string, environment: Environment): AddressSource {
  const location = parseMasterLocation(master, 'master');
  if (!location.ok) throw inputError(location.refusal);
  return location.value.kind === 'static' ? staticAddresses(location.value.addresses) : new EtcdAddressSource(location.value, environment.clock);
}

function logOf({ log }: Pick<ConnectOptions, 'log'>, environment: Environment, component: string): Log {
  if (log !== undefined) return log;
  const text = process.env['ALLOT_LOG_LEVEL'] ?? 'warn';
  const level = logLevels.find((known) => known === text);
  if (level === undefined) throw inputError(refused('ALLOT_LOG_LEVEL', text, logLevels.join(', ')).refusal);
  const known = defaultLogs.get(level) ?? openLog({ component: 'allot', level, format: 'text', clock: environment.clock }).log;
  defaultLogs.set(level, known);
  return known.child(component);
}

/** One log on stderr per level and process: a process may make any number of drivers, and each log listens on the stream. */
const defaultLogs = new Map<LogLevel, Log>();

/** 128 + signal number, as shells have it. */
const signalStatuses = { SIGINT: 130, SIGTERM: 143 } as const;

/** The first signal calls `stop`, a second one ends the process. Returns what takes the listeners away. */
function onStopSignals(stop: () => void): () => void {
  let isStopping = false;
  const listeners = (['SIGINT', 'SIGTERM'] as const).map((signal) => {
    const listener = (): void => {
      if (isStopping) process.exit(signalStatuses[signal]);
      isStopping = true;
      process.exitCode = signalStatuses[signal];
      stop();
    };
    process.on(signal, listener);
    return () => void process.off(signal, listener);
  });
  return () => {
    for (const forget of listeners) forget();
  };
}
