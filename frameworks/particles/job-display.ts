// Job display: how a running job looks to whoever waits for it.
//
// Owns:      the progress bar on a terminal, progress lines elsewhere, messages between them.
// Elsewhere: the numbers (particle-job.ts), the result (result-report.ts).
// Invariants:
//   D1. Everything goes to stderr: stdout is for the result alone.
//   D2. On a terminal there is one bar at the bottom, and messages scroll above it.

import type { Clock } from '../sdk';
import type { JobProgress } from './particle-job';
import { printedCount } from './printed-number';

export interface JobDisplayOptions {
  readonly clock: Clock;
  readonly write: (text: string) => void;
  /** Columns of the terminal; undefined where there is none. */
  readonly columns: () => number | undefined;
  readonly progress: () => JobProgress;
  readonly waitingFor: () => string | undefined;
}

/** A bar that moves smoothly, and costs nothing worth measuring. */
const BAR_INTERVAL_MS = 100;

/** Lines in a log: often enough to see that it lives. */
const LINE_INTERVAL_MS = 5_000;

const BAR_WIDTH = 24;

/** Erases the line and returns to its beginning. */
const CLEAR_LINE = '\r\u001b[K';

export class JobDisplay {
  private cancel: (() => void) | undefined;
  private readonly startMs: number;
  private readonly startBytes: number;
  private readonly startParticles: number;
  private lastMessage: string | undefined;

  constructor(private readonly options: JobDisplayOptions) {
    this.startMs = options.clock.nowMs();
    const { doneBytes, particles } = options.progress();
    this.startBytes = doneBytes;
    this.startParticles = particles;
    this.next();
  }

  /** One line for people. The same one twice in a row says nothing new. */
  message(text: string): void {
    if (text === this.lastMessage) return;
    this.lastMessage = text;
    const isTerminal = this.options.columns() !== undefined;
    this.options.write(`${isTerminal ? CLEAR_LINE : ''}allot-particles: ${text}\n`);
    if (isTerminal) this.drawBar();
  }

  /** Ends it. A complete job leaves its full bar, or its last line. */
  close(isComplete: boolean): void {
    this.cancel?.();
    const isTerminal = this.options.columns() !== undefined;
    if (!isComplete) this.options.write(isTerminal ? CLEAR_LINE : '');
    else if (isTerminal) this.options.write(`${CLEAR_LINE}${this.line()}\n`);
    else this.options.write(`${this.line()}\n`);
  }

  private next(): void {
    const isTerminal = this.options.columns() !== undefined;
    this.cancel = this.options.clock.schedule(isTerminal ? BAR_INTERVAL_MS : LINE_INTERVAL_MS, () => {
      if (isTerminal) this.drawBar();
      else this.options.write(`${this.line()}\n`);
      this.next();
    });
  }

  private drawBar(): void {
    // A line that wraps could not be erased.
    this.options.write(`${CLEAR_LINE}${this.line().slice(0, (this.options.columns() ?? 80) - 1)}`);
  }

  private line(): string {
    const { clock, progress, waitingFor, columns } = this.options;
    const { doneBytes, totalBytes, particles, running } = progress();
    const seconds = (clock.nowMs() - this.startMs) / 1_000;
    return progressLine({
      share: totalBytes === 0 ? 1 : doneBytes / totalBytes,
      particles,
      particlesPerSecond: (particles - this.startParticles) / seconds,
      secondsLeft: doneBytes === this.startBytes ? undefined : ((totalBytes - doneBytes) / (doneBytes - this.startBytes)) * seconds,
      running,
      waitingFor: doneBytes === totalBytes ? undefined : waitingFor(),
      hasBar: columns() !== undefined,
    });
  }
}

export interface ProgressFigures {
  /** 0 to 1. */
  readonly share: number;
  readonly particles: number;
  readonly particlesPerSecond: number;
  /** Undefined while nothing is known. */
  readonly secondsLeft: number | undefined;
  readonly running: number;
  readonly waitingFor: string | undefined;
  readonly hasBar: boolean;
}

/** `[########                ]  33 %  333,000 particles  1.2 M/s  2 s left  3 chunks running`. */
export function progressLine(figures: ProgressFigures): string {
  const { share, particles, particlesPerSecond, secondsLeft, running, waitingFor } = figures;
  const filled = Math.floor(share * BAR_WIDTH);
  const parts = [
    // Floor: 100 % means all.
    `${figures.hasBar ? `[${'#'.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] ` : ''}${String(Math.floor(share * 100)).padStart(3)} %`,
    `${printedCount(particles)} particles`,
  ];
  if (particlesPerSecond > 0 && Number.isFinite(particlesPerSecond)) parts.push(`${printedRate(particlesPerSecond)}/s`);
  if (share < 1 && secondsLeft !== undefined) parts.push(`${printedSeconds(secondsLeft)} left`);
  if (waitingFor !== undefined) parts.push(`waiting for ${waitingFor}`);
  else if (share < 1) parts.push(`${running} ${running === 1 ? 'chunk' : 'chunks'} running`);
  return parts.join('  ');
}

function printedRate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(1)} M`;
  return perSecond >= 1e3 ? `${(perSecond / 1e3).toFixed(1)} k` : perSecond.toFixed(0);
}

function printedSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}
