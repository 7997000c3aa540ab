// A process under test: started from dist/, known by what it logs, ended for certain.
//
// Owns:      spawning one of our programs, reading its JSON log lines, waiting for one of them, ending it.
// Elsewhere: which programs make a cluster (process-cluster.ts).

import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';

/** The project's folder, whether this file runs from the sources or from dist/. */
export function projectRoot(from = __dirname): string {
  return existsSync(join(from, 'package.json')) ? from : projectRoot(dirname(from));
}

export const dist = join(projectRoot(), 'dist');

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What is kept of a process's talk, so that a failing test can show it. */
const outputCharactersMax = 200_000;

export class LoggedProcess {
  readonly lines: LogLine[] = [];
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;
  private end: Ended | undefined;
  private readonly child: ChildProcessByStdio<null, Readable, Readable>;
  private waiting: { readonly matches: (line: LogLine) => boolean; readonly resolve: (line: LogLine) => void; readonly reject: (error: Error) => void }[] = [];
  private partial = '';

  /** `program` is a path below dist/, e.g. `cli/main.js`. */
  constructor(
    readonly name: string,
    program: string,
    args: readonly string[],
    options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
  ) {
    this.child = spawn(process.execPath, [join(dist, program), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout = (this.stdout + text).slice(-outputCharactersMax);
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-outputCharactersMax);
      this.readLines(text);
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (status, signal) => {
        this.end = { status, signal };
        resolve(this.end);
        for (const { reject } of this.waiting.splice(0)) reject(this.failure('ended before it logged what was waited for'));
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.end === undefined;
  }

  /** Resolves with the first line, logged already or yet to come, that bears `message` and fits. Rejects when the process ends first. */
  logged(message: string, fits: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    const matches = (line: LogLine): boolean => line.message === message && fits(line);
    const already = this.lines.find(matches);
    if (already) return Promise.resolve(already);
    if (this.end) return Promise.reject(this.failure(`ended before it logged ${JSON.stringify(message)}`));
    return new Promise((resolve, reject) => this.waiting.push({ matches, resolve, reject }));
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Sends the signal and resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    if (this.isRunning) this.child.kill(signal);
    return this.ended;
  }

  failure(what: string): Error {
    return new Error(`${this.name} ${what}\n--- its stdout\n${this.stdout.slice(-3_000)}\n--- its stderr\n${this.stderr.slice(-6_000)}`);
  }

  private readLines(text: string): void {
    const parts = (this.partial + text).split('\n');
    this.partial = parts.pop() ?? '';
    for (const part of parts) {
      if (!part.startsWith('{')) continue;
      const line = JSON.parse(part) as LogLine;
      this.lines.push(line);
      if (this.lines.length > 10_000) this.lines.shift();
      this.waiting = this.waiting.filter(({ matches, resolve }) => {
        if (!matches(line)) return true;
        resolve(line);
        return false;
      });
    }
  }
}
