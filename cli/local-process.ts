// Local process: one master or agent of a local cluster.
//
// Owns:      starting it with its log in a file, waiting for a line of that log, its end.
// Elsewhere: which processes make a cluster (local-cluster.ts).
// Invariants:
//   T1. The child has a session of its own, so that a Ctrl-C in the terminal reaches its keeper alone, who ends everything in order.
//   T2. The log goes straight into the file: a child does not depend on its keeper for writing.
// Source: our choice.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { AllotError } from '../common/errors';
import type { Clock } from '../common/ports';
import { abortableDelay, deadlineIn, hasPassed } from '../common/timing';

/** How a child ended, in words. */
export interface ChildEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How often the log is looked at while a line is waited for. */
const pollMs = 30;
/** A process that has not said so by then will not. Generous, because a busy Pi takes seconds to load. */
const readyTimeoutMs = 60_000;

export class LocalProcess {
  readonly ended: Promise<ChildEnd>;
  private readonly child: ChildProcess;
  private end: ChildEnd | undefined;

  /** `args` are those of `node`. The log file is emptied. */
  constructor(
    readonly name: string,
    args: readonly string[],
    private readonly logFile: string,
    private readonly clock: Clock,
  ) {
    mkdirSync(dirname(logFile), { recursive: true });
    const log = openSync(logFile, 'w');
    try {
      this.child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log] });
    } finally {
      closeSync(log);
    }
    this.ended = new Promise((resolve) => {
      const over = (end: ChildEnd): void => {
        this.end ??= end;
        resolve(this.end);
      };
      this.child.once('exit', (status, signal) => over({ status, signal }));
      // Not started at all.
      this.child.once('error', () => over({ status: null, signal: null }));
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get isRunning(): boolean {
    return this.end === undefined;
  }

  /** Lets this process end without it. */
  release(): void {
    this.child.unref();
  }

  /** The first log line with this message. Throws OPERATION_FAILED with the process's last words when it ends, or does not say it in time. */
  async logged(message: string, stop: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    const deadline = deadlineIn(this.clock, readyTimeoutMs);
    for (;;) {
      for (const line of this.lines()) {
        const fields = parseLine(line);
        if (fields?.['message'] === message) return fields;
      }
      if (this.end !== undefined) throw this.failure();
      if (hasPassed(this.clock, deadline)) throw new AllotError({ code: 'DEADLINE_PASSED', action: `start the ${this.name} (see ${this.logFile})`, afterMs: readyTimeoutMs });
      await abortableDelay(this.clock, pollMs, stop);
    }
  }

  /** Why it is gone, in its own last words. */
  failure(): AllotError {
    const { status = null, signal = null } = this.end ?? {};
    const how = signal === null ? `ended with status ${status ?? 'unknown'}` : `was ended by ${signal}`;
    const words = this.lastWords;
    return new AllotError({ code: 'OPERATION_FAILED', action: 'keep the local cluster running', detail: `the ${this.name} ${how}${words === undefined ? '' : `: ${words}`} (see ${this.logFile})` });
  }

  /** The last line that is no log line: what a process says when it gives up. */
  get lastWords(): string | undefined {
    return this.lines().filter((line) => parseLine(line) === undefined).at(-1);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.child.kill(signal);
  }

  /** Signals, and SIGKILL after `graceMs`. Resolves when it is gone. */
  async stop(signal: NodeJS.Signals, graceMs: number): Promise<void> {
    this.signal(signal);
    const cancel = this.clock.schedule(graceMs, () => this.signal('SIGKILL'));
    await this.ended;
    cancel();
  }

  private lines(): readonly string[] {
    return readFileSync(this.logFile, 'utf8').split('\n').filter((line) => line !== '');
  }
}

function parseLine(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    // Half a line, or one that is not from the log.
    return undefined;
  }
}
