// Particle job: which chunks are to be counted, by whom they are being counted, and what has come of it.
//
// Owns:      every decision of the scheduler: what to run next, what to try again and when, what to give up, which result counts, which agents
//            are given a rest, when the job is over.
// Elsewhere: offers, launches and time (particle-scheduler.ts), what survives a crash (job-state-file.ts), cutting (chunks.ts).
// Invariants:
//   J1. The result of a chunk counts once, whatever happens: the first one does, all later ones are dropped.
//   J2. Every chunk is exactly one of: not cut yet, waiting for a launch, being counted, or done. What is lost waits again.
//   J3. Whatever order results come in, they are put together in file order, so line numbers are right and the first malformed line is the first.
//   J4. A chunk whose counting fails is tried a bounded number of times. What the cluster loses is tried for ever, more and more slowly.
//   J5. This module does no I/O, knows no clock and draws no randomness.
// Source: Mesos task states and reasons; copies of stragglers as in Dean and Ghemawat, "MapReduce" (2004), section 3.6 ("backup tasks").

import type { TaskStatus } from '../sdk';
import type { Chunk } from './chunks';
import { chunkIndexOf, readChunkResult, type ChunkProgress, type ChunkResult } from './chunk-task';
import { describeFault } from './malformed-line';
import { appendCounts, emptyCount, type ParticleCount } from './particle-count';
import { describeRefusal } from './refusal';

/** Tries of a chunk that its executor itself reports as failed. More would hide a fault: counting is deterministic, only the network is not. */
export const FAILURES_MAX = 4;

/** Tries of a chunk whose executor did not start, or died. An operator may kill one; ten deaths under the same chunk are no accident. */
export const BREAKS_MAX = 10;

/** Pause before a lost chunk is tried again: none the first time, then doubling. A cluster in trouble must not be flooded. */
const LOSS_PAUSE_MS = { initial: 250, max: 10_000 };

/** Pause of an agent on which an executor broke: short for one that was killed, long for one where executors never start. */
const AGENT_REST_MS = { initial: 250, factor: 4, max: 60_000 };

/** A chunk is copied to an idle place when it takes this many times as long as others did, and at least so long. */
const STRAGGLER = { factor: 3, leastMs: 3_000 };

/** Reasons that speak of the executor's process, not of its work. */
const BREAK_REASONS: ReadonlySet<string | undefined> = new Set([
  'REASON_EXECUTOR_TERMINATED',
  'REASON_EXECUTOR_UNREGISTERED',
  'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
  'REASON_EXECUTOR_REREGISTRATION_TIMEOUT',
  'REASON_CONTAINER_LAUNCH_FAILED',
  'REASON_CONTAINER_UPDATE_FAILED',
  'REASON_CONTAINER_LIMITATION',
  'REASON_CONTAINER_LIMITATION_MEMORY',
  'REASON_CONTAINER_LIMITATION_DISK',
  'REASON_CONTAINER_PREEMPTED',
  'REASON_AGENT_RESTARTED',
  'REASON_GC_ERROR',
]);

/** What the job wants done about it. */
export type JobEffect =
  /** Make the result durable, then call {@link ParticleJob.recorded}; only then may the update be acknowledged. */
  | { readonly kind: 'record'; readonly chunk: Chunk; readonly result: ChunkResult }
  /** Nobody needs this task any more. */
  | { readonly kind: 'kill'; readonly taskId: string }
  /** For people: something went wrong and is being tried again. */
  | { readonly kind: 'trouble'; readonly message: string };

/** How a job ends. */
export type JobEnd =
  | { readonly kind: 'complete'; readonly count: ParticleCount }
  /** A malformed line under the policy `stop`. `fault` says which and why. */
  | { readonly kind: 'stopped'; readonly fault: string }
  /** A chunk could not be counted (J4). */
  | { readonly kind: 'failed'; readonly reason: string };

interface Attempt {
  readonly agentId: string | undefined;
  readonly startedMs: number;
  /** Its agent is unreachable: it may come back, but nobody waits for it. */
  isAway: boolean;
  isKilled: boolean;
  /** As its executor has told. */
  bytes: number;
  particles: number;
}

interface OpenChunk {
  readonly chunk: Chunk;
  readonly attempts: Map<string, Attempt>;
  isWaiting: boolean;
  /** Not launched before this. Monotonic milliseconds. */
  readyAtMs: number;
  /** A result is being made durable: later ones are dropped (J1). */
  isRecording: boolean;
  failures: number;
  breaks: number;
  losses: number;
}

export interface JobProgress {
  /** Also of chunks that are being counted, as far as their executors have told. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly particles: number;
  /** Chunks being counted now. */
  readonly running: number;
}

export class ParticleJob {
  /** Cut and not done, by index. Results far ahead of the slowest chunk are kept in `ahead`; both are bounded by what runs at a time. */
  private readonly open = new Map<number, OpenChunk>();
  private readonly ahead = new Map<number, ChunkResult>();
  /** Done without having been cut in this process: recovered results, until the cut reaches them. */
  private readonly recovered = new Map<number, { readonly chunk: Chunk; readonly result: ChunkResult }>();
  private readonly rests = new Map<string, { count: number; untilMs: number }>();

  private cutIndex = 0;
  private cutPosition = 0;
  /** Chunks before this index are in `prefix`. */
  private prefixIndex = 0;
  private prefix: ParticleCount = emptyCount();
  /** The least chunk that a malformed line has stopped: nothing behind it matters. */
  private stopIndex = Infinity;
  private failure: string | undefined;
  private doneBytes = 0;
  private doneParticles = 0;
  private finishedCount = 0;
  private finishedMs = 0;

  /**
   * @param jobId tells this job's tasks from those of others
   * @param totalBytes size of the input
   */
  constructor(
    private readonly jobId: string,
    private readonly totalBytes: number,
  ) {}

  /** A result that an earlier process has made durable. Before the first cut. A chunk that is recorded twice counts once (J1). */
  restore(chunk: Chunk, result: ChunkResult): void {
    if (!this.recovered.has(chunk.index)) this.recovered.set(chunk.index, { chunk, result });
  }

  // Cutting.

  /** Where the next chunk begins; undefined when the file is cut, or nothing more of it is wanted. Recovered chunks are passed by themselves. */
  get nextCut(): { readonly index: number; readonly start: number } | undefined {
    this.passRecovered();
    const isWanted = this.cutPosition < this.totalBytes && this.cutIndex <= this.stopIndex && this.failure === undefined;
    return isWanted ? { index: this.cutIndex, start: this.cutPosition } : undefined;
  }

  /** The chunk that {@link nextCut} asked for: it waits from now on. */
  addCut(chunk: Chunk): void {
    this.open.set(chunk.index, { chunk, attempts: new Map(), isWaiting: true, readyAtMs: 0, isRecording: false, failures: 0, breaks: 0, losses: 0 });
    this.cutIndex = chunk.index + 1;
    this.cutPosition = chunk.nextStart;
  }

  // Launching.

  /** Whether an offer would be used now. */
  hasWork(nowMs: number): boolean {
    if (this.end !== undefined) return false;
    return this.nextCut !== undefined || this.waiting(nowMs).next().done !== true;
  }

  /** Chunks that wait and may be launched now, at most `countMax`. They wait until {@link launched}. `agentId`: not a second time there. */
  takeable(countMax: number, nowMs: number, agentId?: string): readonly Chunk[] {
    const taken: Chunk[] = [];
    if (this.end !== undefined) return taken;
    for (const entry of this.waiting(nowMs)) {
      if (taken.length >= countMax) break;
      if (agentId === undefined || ![...entry.attempts.values()].some((attempt) => attempt.agentId === agentId && !attempt.isAway)) taken.push(entry.chunk);
    }
    return taken;
  }

  /** When a chunk that waits out a pause may be launched; undefined when there is none. */
  nextReadyMs(nowMs: number): number | undefined {
    const pauses = [...this.open.values()].filter((entry) => entry.isWaiting && entry.readyAtMs > nowMs).map((entry) => entry.readyAtMs);
    return pauses.length === 0 ? undefined : Math.min(...pauses);
  }

  launched(index: number, taskId: string, agentId: string, nowMs: number): readonly JobEffect[] {
    const entry = this.open.get(index);
    if (entry === undefined) return [{ kind: 'kill', taskId }];
    entry.isWaiting = false;
    entry.attempts.set(taskId, { agentId, startedMs: nowMs, isAway: false, isKilled: false, bytes: 0, particles: 0 });
    // The ones that are away would count for nothing when they come back.
    return this.killAttempts(entry, (attempt) => attempt.isAway);
  }

  /** Milliseconds for which nothing shall be launched on the agent; 0 when it is fit. */
  restMs(agentId: string, nowMs: number): number {
    return Math.max(0, (this.rests.get(agentId)?.untilMs ?? 0) - nowMs);
  }

  /** With nothing else to run, lets the slowest chunks wait for a copy. To be called now and then. */
  copyStragglers(nowMs: number): void {
    if (this.hasWork(nowMs) || this.finishedCount === 0) return;
    const limitMs = Math.max(STRAGGLER.leastMs, (STRAGGLER.factor * this.finishedMs) / this.finishedCount);
    for (const entry of this.open.values()) {
      const [only, ...others] = [...entry.attempts.values()];
      const isSlow = only !== undefined && others.length === 0 && nowMs - only.startedMs > limitMs;
      if (isSlow && !entry.isWaiting && !entry.isRecording && entry.chunk.index <= this.stopIndex) entry.isWaiting = true;
    }
  }

  // What comes back.

  /** Which chunk a task is about; undefined for a task of another job. The chunk must be cut before {@link updated}. */
  chunkIndexOf(taskId: string): number | undefined {
    return chunkIndexOf(this.jobId, taskId);
  }

  updated(status: Pick<TaskStatus, 'taskId' | 'state' | 'reason' | 'message' | 'data' | 'agentId'>, nowMs: number): readonly JobEffect[] {
    const { taskId, state, agentId } = status;
    const index = this.chunkIndexOf(taskId);
    const entry = index === undefined ? undefined : this.open.get(index);
    switch (state) {
      case 'TASK_STAGING':
      case 'TASK_STARTING':
      case 'TASK_RUNNING':
      case 'TASK_KILLING':
        return this.alive(entry, taskId, agentId, nowMs);
      case 'TASK_FINISHED':
        return entry === undefined ? [] : this.finished(entry, status, nowMs);
      case 'TASK_FAILED':
      case 'TASK_ERROR':
        return entry === undefined ? [] : this.failed(entry, status, nowMs);
      case 'TASK_UNREACHABLE': {
        if (entry === undefined) return [];
        const attempt = this.attemptOf(entry, taskId, agentId, nowMs);
        attempt.isAway = true;
        return this.again(entry, nowMs, `chunk ${entry.chunk.index} is away with its agent`);
      }
      case 'TASK_KILLED':
      case 'TASK_LOST':
      case 'TASK_DROPPED':
      case 'TASK_GONE':
      case 'TASK_GONE_BY_OPERATOR':
      case 'TASK_UNKNOWN': {
        if (entry === undefined) return [];
        const wasKilled = entry.attempts.get(taskId)?.isKilled === true;
        entry.attempts.delete(taskId);
        if (wasKilled || !this.isOrphan(entry)) return [];
        return this.lost(entry, nowMs, `chunk ${entry.chunk.index} was lost (${state}${status.message ? `: ${status.message}` : ''})`);
      }
      default: {
        const never: never = state;
        throw new Error(`Unknown task state ${String(never)}`);
      }
    }
  }

  /** An executor tells how far a task is. For people only: nothing is decided by it, and what it says of tasks that are not running is passed over. */
  progressed({ taskId, bytes, particles }: ChunkProgress): void {
    const index = this.chunkIndexOf(taskId);
    const attempt = index === undefined ? undefined : this.open.get(index)?.attempts.get(taskId);
    if (attempt !== undefined) Object.assign(attempt, { bytes, particles });
  }

  /** The result of `record` is durable: the chunk is done, and its other attempts are not needed. */
  recorded(chunk: Chunk, result: ChunkResult): readonly JobEffect[] {
    const entry = this.open.get(chunk.index);
    if (entry === undefined) return [];
    this.open.delete(chunk.index);
    this.take(chunk, result);
    const effects = this.killAttempts(entry, () => true);
    if (result.kind !== 'stopped') return effects;
    const behind = [...this.open.values()].filter((other) => other.chunk.index > this.stopIndex);
    for (const other of behind) other.isWaiting = false;
    return [...effects, ...behind.flatMap((other) => this.killAttempts(other, () => true))];
  }

  /** Undefined while there is something to do. */
  get end(): JobEnd | undefined {
    if (this.failure !== undefined) return { kind: 'failed', reason: this.failure };
    this.passRecovered();
    if (this.prefixIndex > this.stopIndex) {
      const [line] = this.prefix.malformedLines;
      return { kind: 'stopped', fault: line === undefined ? 'a line is malformed' : `line ${line.lineNumber} is malformed: ${describeFault(line)}` };
    }
    const isDone = this.cutPosition >= this.totalBytes && this.prefixIndex === this.cutIndex;
    return isDone ? { kind: 'complete', count: this.prefix } : undefined;
  }

  get progress(): JobProgress {
    this.passRecovered();
    let [doneBytes, particles, running] = [this.doneBytes, this.doneParticles, 0];
    for (const { chunk, attempts } of this.open.values()) {
      const here = [...attempts.values()].filter((attempt) => !attempt.isAway);
      if (here.length > 0) running++;
      // Of two that count the same the one that is ahead: the first result counts.
      const [ahead] = here.sort((a, b) => b.bytes - a.bytes);
      doneBytes += Math.min(ahead?.bytes ?? 0, chunk.end - chunk.start);
      particles += ahead?.particles ?? 0;
    }
    return { doneBytes, totalBytes: this.totalBytes, particles, running };
  }

  private *waiting(nowMs: number): Generator<OpenChunk, void, undefined> {
    for (const entry of this.open.values()) {
      if (entry.isWaiting && entry.readyAtMs <= nowMs && entry.chunk.index <= this.stopIndex) yield entry;
    }
  }

  private passRecovered(): void {
    for (let done = this.recovered.get(this.cutIndex); done !== undefined; done = this.recovered.get(this.cutIndex)) {
      this.recovered.delete(this.cutIndex);
      this.cutIndex += 1;
      this.cutPosition = done.chunk.nextStart;
      this.take(done.chunk, done.result);
    }
  }

  /** J3. */
  private take(chunk: Chunk, result: ChunkResult): void {
    this.doneBytes += chunk.nextStart - chunk.start;
    this.doneParticles += result.count.tally.particles;
    if (result.kind === 'stopped') this.stopIndex = Math.min(this.stopIndex, chunk.index);
    this.ahead.set(chunk.index, result);
    for (let next = this.ahead.get(this.prefixIndex); next !== undefined && this.prefixIndex <= this.stopIndex; next = this.ahead.get(this.prefixIndex)) {
      this.ahead.delete(this.prefixIndex);
      this.prefix = appendCounts([this.prefix, next.count]);
      this.prefixIndex += 1;
    }
  }

  private alive(entry: OpenChunk | undefined, taskId: string, agentId: string | undefined, nowMs: number): readonly JobEffect[] {
    // Done already, behind the end, or of another job of this framework: nobody needs it.
    if (entry === undefined || entry.chunk.index > this.stopIndex) return [{ kind: 'kill', taskId }];
    const attempt = this.attemptOf(entry, taskId, agentId, nowMs);
    attempt.isAway = false;
    // A copy of what is being counted would be launched for nothing.
    if (!attempt.isKilled) entry.isWaiting = false;
    return [];
  }

  private finished(entry: OpenChunk, status: Pick<TaskStatus, 'taskId' | 'data' | 'agentId'>, nowMs: number): readonly JobEffect[] {
    const result = readChunkResult(status.data);
    if (!result.ok) return this.failed(entry, { ...status, state: 'TASK_FAILED', message: `its result cannot be read: ${describeRefusal(result.refusal)}` }, nowMs);
    const attempt = entry.attempts.get(status.taskId);
    entry.attempts.delete(status.taskId);
    if (attempt !== undefined) {
      this.finishedCount += 1;
      this.finishedMs += nowMs - attempt.startedMs;
    }
    if (status.agentId !== undefined) this.rests.delete(status.agentId);
    if (entry.isRecording) return [];
    entry.isRecording = true;
    entry.isWaiting = false;
    return [{ kind: 'record', chunk: entry.chunk, result: result.value }];
  }

  /** J4. */
  private failed(entry: OpenChunk, status: Pick<TaskStatus, 'taskId' | 'state' | 'reason' | 'message' | 'agentId'>, nowMs: number): readonly JobEffect[] {
    const { taskId, reason, agentId, message = reason ?? 'no reason was given' } = status;
    const wasKilled = entry.attempts.get(taskId)?.isKilled === true;
    entry.attempts.delete(taskId);
    if (wasKilled || entry.isRecording) return [];
    const isBreak = BREAK_REASONS.has(reason);
    if (isBreak) entry.breaks += 1;
    else entry.failures += 1;
    if (isBreak && agentId !== undefined) this.rest(agentId, nowMs);
    const what = `chunk ${entry.chunk.index} (bytes ${entry.chunk.start} to ${entry.chunk.end}) failed: ${message}`;
    if (entry.breaks >= BREAKS_MAX || entry.failures >= FAILURES_MAX) {
      this.failure ??= `${what}; it was tried ${entry.breaks + entry.failures} times`;
      return [];
    }
    return this.again(entry, nowMs, what);
  }

  private lost(entry: OpenChunk, nowMs: number, what: string): readonly JobEffect[] {
    entry.losses += 1;
    const pauseMs = entry.losses === 1 ? 0 : Math.min(LOSS_PAUSE_MS.max, LOSS_PAUSE_MS.initial * 2 ** (entry.losses - 2));
    return this.again(entry, nowMs + pauseMs, what);
  }

  private again(entry: OpenChunk, readyAtMs: number, what: string): readonly JobEffect[] {
    if (!this.isOrphan(entry)) return [];
    entry.isWaiting = true;
    entry.readyAtMs = readyAtMs;
    return [{ kind: 'trouble', message: `${what}; it is given to another` }];
  }

  /** Whether nobody counts it or is about to (J2). */
  private isOrphan(entry: OpenChunk): boolean {
    if (entry.isRecording || entry.isWaiting || entry.chunk.index > this.stopIndex) return false;
    return ![...entry.attempts.values()].some((attempt) => !attempt.isAway && !attempt.isKilled);
  }

  /** One death of an executor ends several tasks: they are one break of the agent. */
  private rest(agentId: string, nowMs: number): void {
    const rest = this.rests.get(agentId) ?? { count: 0, untilMs: 0 };
    if (nowMs < rest.untilMs) return;
    rest.untilMs = nowMs + Math.min(AGENT_REST_MS.max, AGENT_REST_MS.initial * AGENT_REST_MS.factor ** rest.count);
    rest.count += 1;
    this.rests.set(agentId, rest);
  }

  private attemptOf(entry: OpenChunk, taskId: string, agentId: string | undefined, nowMs: number): Attempt {
    const known = entry.attempts.get(taskId);
    if (known !== undefined) return known;
    const attempt: Attempt = { agentId, startedMs: nowMs, isAway: false, isKilled: false, bytes: 0, particles: 0 };
    entry.attempts.set(taskId, attempt);
    return attempt;
  }

  private killAttempts(entry: OpenChunk, which: (attempt: Attempt) => boolean): readonly JobEffect[] {
    const effects: JobEffect[] = [];
    for (const [taskId, attempt] of entry.attempts) {
      if (attempt.isKilled || !which(attempt)) continue;
      attempt.isKilled = true;
      effects.push({ kind: 'kill', taskId });
    }
    return effects;
  }
}
