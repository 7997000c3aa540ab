// Container exit: how the end of a process is said.
//
// Owns:      sentences and wait statuses for a ContainerExit.
// Elsewhere: what the end means for tasks (executor-termination.ts, command-executor.ts).
// Source: Mesos command executor (`Command exited with status N`, `Command terminated with signal …`); wait(2) for the status.

import type { ContainerExit } from './agent-step';

/** Linux numbers; the same on every architecture that Node runs on. */
const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGSYS: 31,
};

/** As wait(2) packs it: `status << 8`, or the signal's number; -1 when nobody knows. Source: Mesos ExitedExecutor. */
export function waitStatus(exit: ContainerExit): number {
  if (exit.status !== undefined) return exit.status << 8;
  return exit.signal === undefined ? -1 : (signalNumbers[exit.signal] ?? -1);
}

/** `exited with status 3`, `terminated with signal SIGKILL`; undefined when nobody knows. */
export function describeExit(exit: ContainerExit): string | undefined {
  if (exit.status !== undefined) return `exited with status ${exit.status}`;
  return exit.signal === undefined ? undefined : `terminated with signal ${exit.signal}`;
}
