// Logging: life events as lines, for people or for collectors.
//
// Owns:      the two line formats, the level threshold, where lines go, what happens when they cannot go there; a log for tests.
// Elsewhere: the port (ports.ts); what is worth a line (whoever handles the event: never `core/` or `allocator/`).
// Invariants:
//   W1. One event is one line, whatever its fields hold: line breaks and control characters are escaped, so that nobody forges a line.
//   W2. Logging never fails its caller and never grows without bound: beyond `backlogBytesMax` unwritten bytes lines are dropped and counted, and
//       the count is logged as soon as lines flow again.
//   W3. Winston is loaded at the first line that passes the threshold: it costs 4 MB, and many commands never log.
// Source: winston 3 for formatting and transport; our choice of format, `2026-11-20T13:55:00.123Z INFO  master  Offer rescinded {offerId=…}`.

import { closeSync, createWriteStream, openSync } from 'node:fs';
import type { Writable } from 'node:stream';

import type * as Winston from 'winston';

import { formatWallTime } from './environment';
import { AllotError, describeError } from './errors';
import type { Clock, Log, LogLevel } from './ports';

export type LogFormat = 'text' | 'json';

export const logLevels = ['error', 'warn', 'info', 'debug'] as const satisfies readonly LogLevel[];
export const logFormats = ['text', 'json'] as const satisfies readonly LogFormat[];

export type LogFields = Readonly<Record<string, unknown>>;

export interface LogOptions {
  /** Component of the lines of the root log: `master`. */
  readonly component: string;
  /** Least severe level that is written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** For the time of each line. */
  readonly clock: Clock;
  /** A file that lines are appended to, or a stream that stays its owner's. Default: stderr, so that stdout is for results. */
  readonly target?: { readonly kind: 'file'; readonly path: string } | { readonly kind: 'stream'; readonly stream: Writable };
}

export interface OpenedLog {
  readonly log: Log;
  /** Resolves when everything written has gone to its target, and closes the file. Later lines are dropped. Never rejects. */
  close(): Promise<void>;
}

/** Bytes that may wait for a slow disk or pipe. 8 MiB: a minute of heavy debugging. */
const backlogBytesMax = 8 * 1024 * 1024;

/** Opens a log. Throws AllotError OPERATION_FAILED when the file cannot be opened for appending. */
export function openLog(options: LogOptions): OpenedLog {
  const { stream, isOwned } = openTarget(options.target);
  const threshold = logLevels.indexOf(options.level);
  let logger: Winston.Logger | undefined;
  let dropped = 0;
  let isOver = false;
  // A full disk or a reader that went away (`allot agent 2>&1 | head`): there is nowhere left to tell it, and the work is worth more.
  const onError = (): void => {
    isOver = true;
  };
  stream.on('error', onError);

  const emit = (level: LogLevel, component: string, message: string, fields: LogFields): void => {
    logger ??= createWinston(options.format, stream);
    logger.log({ level, message, component, fields, time: formatWallTime(options.clock.wallMs()) });
  };
  const write = (level: LogLevel, component: string, message: string, fields: LogFields): void => {
    if (isOver || logLevels.indexOf(level) > threshold) return;
    if (stream.writableLength > backlogBytesMax) {
      dropped += 1;
      return;
    }
    if (dropped > 0) {
      emit('warn', 'logging', 'Log lines dropped', { count: dropped });
      dropped = 0;
    }
    emit(level, component, message, fields);
  };
  const logOf = (component: string, inherited: LogFields): Log => ({
    write: (level, message, fields) => write(level, component, message, { ...inherited, ...fields }),
    child: (name, fields) => logOf(name, { ...inherited, ...fields }),
  });

  return {
    log: logOf(options.component, {}),
    close: () =>
      new Promise<void>((resolve) => {
        if (isOver) {
          resolve();
          return;
        }
        isOver = true;
        // Winston hands a line on within the call that logs it, so all lines are in the stream by now.
        const done = (): void => {
          logger?.close();
          if (!isOwned) stream.off('error', onError);
          resolve();
        };
        if (isOwned) stream.end(done);
        else stream.write('', done);
      }),
  };
}

function openTarget(target: LogOptions['target']): { readonly stream: Writable; readonly isOwned: boolean } {
  if (target === undefined) return { stream: process.stderr, isOwned: false };
  if (target.kind === 'stream') return { stream: target.stream, isOwned: false };
  try {
    // Opened here once, so that a mistyped path ends the start and not the first line.
    closeSync(openSync(target.path, 'a', 0o644));
  } catch (error) {
    throw new AllotError({ code: 'OPERATION_FAILED', action: `open the log file ${target.path}`, detail: describeError(error) }, { cause: error });
  }
  return { stream: createWriteStream(target.path, { flags: 'a', mode: 0o644 }), isOwned: true };
}

interface LineInfo {
  readonly level: LogLevel;
  readonly message: string;
  readonly component: string;
  readonly fields: LogFields;
  readonly time: string;
}

function createWinston(format: LogFormat, stream: Writable): Winston.Logger {
  // Loaded late on purpose (W3), and synchronously, for a log call does not wait.
  const winston = require('winston') as typeof Winston;
  const print = format === 'text' ? printTextLine : printJsonLine;
  return winston.createLogger({
    levels: Object.fromEntries(logLevels.map((level, severity) => [level, severity])),
    level: 'debug',
    format: winston.format.printf((info) => print(info as unknown as LineInfo)),
    transports: [new winston.transports.Stream({ stream, eol: '\n' })],
  });
}

/** Widest level name: columns line up. */
const levelWidth = Math.max(...logLevels.map((level) => level.length));

function printTextLine({ level, message, component, fields, time }: LineInfo): string {
  const pairs = Object.entries(fields).filter(([, value]) => value !== undefined);
  const tail = pairs.length === 0 ? '' : ` {${pairs.map(([key, value]) => `${key}=${printTextValue(value)}`).join(' ')}}`;
  return `${time} ${level.toUpperCase().padEnd(levelWidth)} ${component}  ${escapeControl(message)}${tail}`;
}

/** Bare where that is unambiguous, JSON otherwise (W1). */
function printTextValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"'={}\p{Cc}]+$/u.test(value) ? value : escapeControl(JSON.stringify(value));
  return escapeControl(toJson(value));
}

function printJsonLine({ level, message, component, fields, time }: LineInfo): string {
  // The line's own keys come first and win: a field of the same name must not forge them.
  const own = { time, level, component, message };
  const rest = Object.fromEntries(Object.entries(fields).filter(([key]) => !Object.hasOwn(own, key)));
  return escapeControl(toJson({ ...own, ...rest }));
}

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value, printable) ?? String(value);
  } catch {
    // Cyclic: better a poor value than a lost line.
    return JSON.stringify(String(value));
  }
}

/** What JSON cannot say, said in words. */
function printable(_key: string, value: unknown): unknown {
  if (value instanceof Error) return describeError(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}

/** JSON leaves U+007F to U+009F and the line separators as they are; terminals do not. */
function escapeControl(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** One line of a {@link memoryLog}. */
export interface MemoryLine {
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Lines that a memory log keeps; the oldest go first. */
const memoryLinesMax = 10_000;

/** A log that keeps its lines, all levels, for tests to look at. Children write into the same list. */
export function memoryLog(component = 'test'): Log & { readonly lines: readonly MemoryLine[] } {
  const lines: MemoryLine[] = [];
  const logOf = (name: string, inherited: LogFields): Log => ({
    write(level, message, fields) {
      if (lines.length === memoryLinesMax) lines.shift();
      lines.push({ level, component: name, message, fields: { ...inherited, ...fields } });
    },
    child: (childName, fields) => logOf(childName, { ...inherited, ...fields }),
  });
  return { ...logOf(component, {}), lines };
}

/** A log that nobody reads. */
export const silentLog: Log = { write: () => undefined, child: () => silentLog };
