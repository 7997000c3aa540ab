// The log of a virtual cluster: what its processes say, on one line each, with virtual time.
//
// Owns:      the text form of a log line, and the memory of the newest lines.
// Elsewhere: the Log port (common/ports.ts), the real log (common/logging.ts).
// Invariants:
//   T1. At most `linesMax` lines are kept, the newest.
// Source: our choice; a failing test shows them.

import type { Clock, Log, LogLevel } from '../../../common/ports';

/** Lines remembered for the message of a failure. More is no help to a reader. */
const linesMax = 400;

export class VirtualLog {
  private readonly lines: string[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly observe: (line: string) => void = () => undefined,
  ) {}

  /** The log of one process. */
  of(host: string): Log {
    return this.bound(host, {});
  }

  /** Something that the simulation itself did, such as cutting a cable. */
  note(text: string): void {
    this.put(`${this.time()} ${text}`);
  }

  /** The newest lines, oldest first. */
  tail(count: number): readonly string[] {
    return this.lines.slice(-count);
  }

  private bound(who: string, bound: Readonly<Record<string, unknown>>): Log {
    return {
      write: (level: LogLevel, message, fields = {}) => this.put(`${this.time()} ${who} ${level}: ${message}${printFields({ ...bound, ...fields })}`),
      child: (component, fields = {}) => this.bound(`${who}/${component}`, { ...bound, ...fields }),
    };
  }

  private time(): string {
    return `${(this.clock.nowMs() / 1_000).toFixed(3)}s`;
  }

  private put(line: string): void {
    this.lines.push(line);
    if (this.lines.length > 2 * linesMax) this.lines.splice(0, linesMax); // T1, with few moves.
    this.observe(line);
  }
}

function printFields(fields: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) text += ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
  return text;
}
