// Process: how a binary begins and ends.
//
// Owns:      signals, the exit status, the last line or stack on stderr.
// Elsewhere: what runs in between (each binary's `run`), sentences of errors (errors.ts).
// Invariants:
//   P1. Exit status: 0 or what `main` returns; 1 and one readable line for a failure of the world; 70 (EX_SOFTWARE) and a stack for a
//       bug, wherever it was thrown; 130 when a second signal forced the end; 128 + signal number when `main` gave up because of one.
//   P2. SIGTERM and SIGINT abort the signal handed to `main`, which stops taking work and ends in order. A second one does not wait.
//   P3. What was written to stdout and stderr before the end arrives: the end waits for the pipes.
// Source: sysexits(3), the shell's convention for signals, our choice for the rest.

import { describeError, isAbortError, isAllotError } from './errors';
import type { Cancel } from './ports';

/** A binary's work. Aborted `stop`: end in order, soon. The returned number is the exit status, 0 without one. */
export type Main = (stop: AbortSignal) => Promise<number | void>;

/** What this module needs of `process`; tests hand in their own. */
export interface MainProcess {
  onSignal(signal: StopSignal, listener: () => void): Cancel;
  /** Thrown or rejected with nobody to catch it. */
  onUncaught(listener: (error: unknown) => void): void;
  exit(status: number): void;
  readonly stdout: MainOutput;
  readonly stderr: MainOutput;
}

export interface MainOutput {
  write(text: string, done?: () => void): unknown;
  readonly writable: boolean;
}

/** EX_SOFTWARE of sysexits(3): the fault is ours. */
export const bugExitStatus = 70;

/** Status when a second signal cuts the orderly end short. Shell convention for an interrupted command. */
const forcedExitStatus = 130;

const signalNumbers = { SIGINT: 2, SIGTERM: 15 } as const;
export type StopSignal = keyof typeof signalNumbers;

const nodeProcess: MainProcess = {
  onSignal(signal, listener) {
    process.on(signal, listener);
    return () => process.off(signal, listener);
  },
  onUncaught(listener) {
    process.on('uncaughtException', listener);
    process.on('unhandledRejection', listener);
  },
  exit: (status) => process.exit(status),
  stdout: process.stdout,
  stderr: process.stderr,
};

/** Why `stop` was aborted. An AbortError by name, so that loops give up silently. */
export class StopRequested extends Error {
  constructor(readonly signal: StopSignal) {
    super(`Stopped by ${signal}`);
    this.name = 'AbortError';
  }
}

/**
 * Runs `main` and ends the process by P1. The last call of every binary's `main.ts`; nobody waits for it. `name` begins the error line
 * (`allot agent: Cannot …`).
 */
export function runMain(name: string, main: Main, host: MainProcess = nodeProcess): void {
  const controller = new AbortController();
  let stopping: StopSignal | undefined;
  let ending = false;

  const end = (status: number): void => {
    if (ending) return;
    ending = true;
    // From here on a further signal has its usual meaning: it kills.
    for (const cancel of signalCancels) cancel();
    flush(host.stdout, () => flush(host.stderr, () => host.exit(status)));
  };
  const fail = (error: unknown): void => {
    if (ending) return;
    if (stopping !== undefined && isAbortError(error)) {
      end(128 + signalNumbers[stopping]);
    } else if (isAllotError(error)) {
      host.stderr.write(`${name}: ${describeError(error)}\n`);
      end(1);
    } else {
      host.stderr.write(`${name}: this is a bug, please report it\n${stackOf(error)}\n`);
      end(bugExitStatus);
    }
  };
  const signalCancels = (Object.keys(signalNumbers) as StopSignal[]).map((signal) =>
    host.onSignal(signal, () => {
      if (stopping !== undefined) {
        end(forcedExitStatus);
        return;
      }
      stopping = signal;
      controller.abort(new StopRequested(signal));
    }),
  );
  host.onUncaught(fail);
  try {
    main(controller.signal).then((status) => end(status ?? 0), fail);
  } catch (error) {
    // A `main` that throws before its first await.
    fail(error);
  }
}

function flush(output: MainOutput, done: () => void): void {
  // A closed pipe (`allot tasks | head`) never calls back.
  if (output.writable) output.write('', done);
  else done();
}

function stackOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return describeError(error);
  const stack = 'stack' in error && typeof error.stack === 'string' ? error.stack : describeError(error);
  return 'cause' in error && error.cause !== undefined ? `${stack}\nCaused by: ${stackOf(error.cause)}` : stack;
}
