// Process: how a binary begins and ends.
//
// Owns:      signals, the exit status, the last line or stack on stderr, writing to stdout and stderr, readers that go away.
// Elsewhere: what runs in between (each binary's `run`), sentences of errors (errors.ts).
// Invariants:
//   P1. Exit status: 0 or what `main` returns; 1 and one readable line for a failure of the world; 70 (EX_SOFTWARE) and a stack for a
//       bug, wherever it was thrown; 130 when a second signal forced the end; 128 + signal number when `main` gave up because of one.
//   P2. SIGTERM and SIGINT abort the signal handed to `main`, which stops taking work and ends in order. A second one does not wait.
//   P3. What was written to stdout and stderr before the end arrives: the end waits for the pipes.
//   P4. When nobody reads what `main` writes (`allot logs TASK | head -1`), `stop` is aborted, and the exit status is 141 without a word, as of any
//       command that SIGPIPE ends. Log lines that nobody reads end nothing (logging.ts): a daemon's work is worth more.
// Source: sysexits(3), the shell's convention for signals, our choice for the rest.

import { AllotError, describeError, isAbortError, isAllotError } from './errors';
import type { Cancel } from './ports';

/** A binary's work. Aborted `stop`: end in order, soon. The returned number is the exit status, 0 without one. */
export type Main = (stop: AbortSignal, outputs: Outputs) => Promise<number | void>;

/**
 * Where `main` writes. Each call resolves when the system has taken the text, and never rejects: a closed pipe aborts `stop` (P4), a full disk ends the
 * process. Whoever writes much waits before writing more, else it piles up here.
 */
export interface Outputs {
  /** Standard output. */
  readonly print: (text: string | Uint8Array) => Promise<void>;
  /** Standard error. */
  readonly remark: (text: string | Uint8Array) => Promise<void>;
}

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
  write(text: string | Uint8Array, done?: (error?: Error | null) => void): unknown;
  /** Each failed write is also told here; without a listener it would end the process. */
  on(event: 'error', listener: (error: Error) => void): unknown;
  readonly writable: boolean;
}

/** EX_SOFTWARE of sysexits(3): the fault is ours. */
export const bugExitStatus = 70;

/** Status when a second signal cuts the orderly end short. Shell convention for an interrupted command. */
const forcedExitStatus = 130;

const signalNumbers = { SIGINT: 2, SIGTERM: 15, SIGPIPE: 13 } as const;
/** SIGPIPE is never sent to us, for Node ignores it; it stands for a reader that went away (P4). */
export type StopReason = keyof typeof signalNumbers;
export type StopSignal = Exclude<StopReason, 'SIGPIPE'>;
const stopSignals: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

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
  constructor(readonly signal: StopReason) {
    super(`Stopped by ${signal}`);
    this.name = 'AbortError';
  }
}

/** Whether `stop` was aborted because nobody reads what is written (P4): then nothing more needs to be said. */
export function isUnread(stop: AbortSignal): boolean {
  return stop.aborted && (stop.reason as Partial<StopRequested> | undefined)?.signal === 'SIGPIPE';
}

/**
 * Runs `main` and ends the process by P1. The last call of every binary's `main.ts`; nobody waits for it. `name` begins the error line
 * (`allot agent: Cannot …`).
 */
export function runMain(name: string, main: Main, host: MainProcess = nodeProcess): void {
  const controller = new AbortController();
  let stopping: StopReason | undefined;
  let isUnreadPipe = false;
  let ending = false;

  const end = (status: number): void => {
    if (ending) return;
    ending = true;
    // From here on a further signal has its usual meaning: it kills.
    for (const cancel of signalCancels) cancel();
    // The last of the writes may be the one that finds the reader gone.
    flush(host.stdout, () => flush(host.stderr, () => host.exit(isUnreadPipe && status !== bugExitStatus ? 128 + signalNumbers.SIGPIPE : status)));
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
  const stop = (reason: StopReason): void => {
    stopping = reason;
    controller.abort(new StopRequested(reason));
  };
  const signalCancels = stopSignals.map((signal) =>
    host.onSignal(signal, () => {
      if (stopping !== undefined) end(forcedExitStatus);
      else stop(signal);
    }),
  );
  const writeTo =
    (output: MainOutput, outputName: string) =>
    (text: string | Uint8Array): Promise<void> =>
      new Promise((resolve) => {
        output.write(text, (error) => {
          if ((error as NodeJS.ErrnoException | null | undefined)?.code === 'EPIPE') {
            isUnreadPipe = true;
            if (stopping === undefined) stop('SIGPIPE');
          } else if (error) {
            fail(new AllotError({ code: 'OPERATION_FAILED', action: `write to ${outputName}`, detail: describeError(error) }, { cause: error }));
          }
          resolve();
        });
      });
  // Who wrote knows already: `writeTo` above, or the log.
  for (const output of [host.stdout, host.stderr]) output.on('error', () => undefined);
  host.onUncaught(fail);
  try {
    main(controller.signal, { print: writeTo(host.stdout, 'standard output'), remark: writeTo(host.stderr, 'standard error') }).then((status) => end(status ?? 0), fail);
  } catch (error) {
    // A `main` that throws before its first await.
    fail(error);
  }
}

function flush(output: MainOutput, done: () => void): void {
  // A destroyed stream need not call back.
  if (output.writable) output.write('', done);
  else done();
}

function stackOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return describeError(error);
  const stack = 'stack' in error && typeof error.stack === 'string' ? error.stack : describeError(error);
  return 'cause' in error && error.cause !== undefined ? `${stack}\nCaused by: ${stackOf(error.cause)}` : stack;
}
