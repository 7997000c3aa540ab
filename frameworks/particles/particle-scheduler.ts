// Particle scheduler: the particle job as a framework.
//
// Owns:      turning offers into launches, updates into facts of the job, the job's wishes into calls; cutting ahead of the launches; time.
// Elsewhere: every decision about chunks (particle-job.ts), the conversation with the master (the SDK), files and network (job-run.ts).
// Invariants:
//   Q1. An update that brings a result is acknowledged after the result is durable: the handler's promise resolves only then.
//   Q2. One task is one chunk. A place for a task takes `slot` of an offer; an agent's tasks share one executor for the whole job.
//   Q3. Offers are wanted exactly while there is something that could be launched.
//   Q4. Nothing is cut before it is durable for what room, and from where on: a process that goes on finds the same chunks under the same numbers.
// Source: our choice.

import {
  explainMismatch,
  OfferSpace,
  task,
  type Clock,
  type ExecutorInfo,
  type Offer,
  type Resources,
  type SchedulerDriver,
  type SchedulerOptions,
  type TaskDraft,
  type TaskStatus,
} from '../sdk';
import { cutChunk, type ByteSource, type Chunk } from './chunks';
import { chunkTaskId, printChunkData, readChunkProgress, type ChunkResult } from './chunk-task';
import type { JobRoom } from './job-state-file';
import type { JobEffect, JobEnd, JobProgress, ParticleJob } from './particle-job';
import { describeRefusal } from './refusal';

export interface ParticleSchedulerOptions {
  readonly job: ParticleJob;
  /** As given to the job. */
  readonly jobId: string;
  readonly source: ByteSource;
  /** Target size of the chunk that starts there, always the same for the same room: a successor of ours cuts alike. */
  readonly chunkBytesAt: (start: number, room: JobRoom) => number;
  /** As earlier processes have recorded them; none in the first one. */
  readonly rooms: readonly JobRoom[];
  /** What one task takes. */
  readonly slot: Resources;
  readonly executor: ExecutorInfo;
  readonly clock: Clock;
  readonly ids: { uuid(): string };
  readonly journal: {
    /** Resolve when durable. */
    recordFramework(frameworkId: string): Promise<void>;
    recordRoom(room: JobRoom): Promise<void>;
    recordChunk(chunk: Chunk, result: ChunkResult): Promise<void>;
  };
  /** Something went wrong and is dealt with. */
  readonly trouble: (message: string) => void;
  /** Called once: how the job ended, or the error that ended it (of the disk, or a bug). The driver still runs. */
  readonly ended: (end: JobEnd | { readonly kind: 'broken'; readonly error: unknown }) => void;
}

/** Declined remains of offers come back after this. Short, since the next chunk to be tried again may need them. Seconds. */
const REFUSE_SECONDS = 1;

/** Between looks at what has become slow. Far shorter than what counts as slow. */
const TICK_MS = 1_000;

/** A cluster that has turned out to be so many times as large is worth other chunks. */
const ROOM_GROWTH = 1.5;

interface ChunkDraft extends TaskDraft {
  readonly chunk: Chunk;
}

export class ParticleScheduler {
  private readonly job: ParticleJob;
  private cutting: Promise<void> = Promise.resolve();
  private cancelTick: (() => void) | undefined;
  private cancelWake: (() => void) | undefined;
  private frameworkId: string | undefined;
  private readonly rooms: JobRoom[];
  /** Tasks that there was room for at a time, by agent. */
  private readonly placesSeen = new Map<string, number>();
  private isOver = false;
  /** Why nothing fits, when that is so; for people. */
  private mismatch: string | undefined;

  constructor(private readonly options: ParticleSchedulerOptions) {
    this.job = options.job;
    this.rooms = [...options.rooms];
  }

  /** The handlers for a driver. */
  get handlers(): Pick<SchedulerOptions, 'subscribed' | 'offers' | 'update' | 'message' | 'disconnected' | 'demand' | 'refuseSeconds' | 'error' | 'refused'> {
    return {
      refuseSeconds: REFUSE_SECONDS,
      demand: () => this.job.hasWork(this.options.clock.nowMs()),
      subscribed: (frameworkId, driver) => this.subscribed(frameworkId, driver),
      offers: (offers, driver) => this.offered(offers, driver),
      update: (status, driver) => this.updated(status, driver),
      message: ({ data, agentId }) => this.told(data, agentId),
      disconnected: (reason) => this.options.trouble(`the master is away (${reason}); tasks go on`),
      refused: ({ text }) => this.options.trouble(text),
      error: (trouble) => {
        if (trouble.kind === 'handler-failed') this.end({ kind: 'broken', error: trouble.error });
        else this.options.trouble(trouble.message);
      },
    };
  }

  /** Whether a master has taken the framework in this process. */
  get wasSubscribed(): boolean {
    return this.frameworkId !== undefined;
  }

  get progress(): JobProgress {
    return this.job.progress;
  }

  /** What keeps chunks from being launched although some wait and none runs; undefined otherwise. */
  get waitingFor(): string | undefined {
    if (this.isOver || this.job.progress.running > 0) return undefined;
    if (this.frameworkId === undefined) return 'a master';
    return this.mismatch === undefined ? 'offers' : `larger offers: ${this.mismatch}`;
  }

  /** No timer of ours runs any more. */
  close(): void {
    this.isOver = true;
    this.cancelTick?.();
    this.cancelWake?.();
  }

  private async subscribed(frameworkId: string, driver: SchedulerDriver): Promise<void> {
    if (this.frameworkId !== frameworkId) await this.options.journal.recordFramework(frameworkId);
    this.frameworkId = frameworkId;
    if (this.cancelTick === undefined) this.tick(driver);
    // An empty file, or one that an earlier process had finished counting.
    this.checkEnd();
  }

  private async offered(offers: readonly Offer[], driver: SchedulerDriver): Promise<void> {
    const { clock, slot } = this.options;
    const fit: { readonly offer: Offer; room: number; readonly chunks: Chunk[] }[] = [];
    for (const offer of offers) {
      const restMs = this.job.restMs(offer.agentId, clock.nowMs());
      if (restMs > 0) driver.decline([offer], { refuseSeconds: restMs / 1_000 });
      else fit.push({ offer, room: new OfferSpace(offer).count(slot), chunks: [] });
    }
    const roomTotal = fit.reduce((sum, { room }) => sum + room, 0);
    if (roomTotal === 0) this.mismatch = explainMismatch(fit.map(({ offer }) => offer), slot).text || undefined;
    for (const { offer, room } of fit) if (room > 0) this.placesSeen.set(offer.agentId, Math.max(room, this.placesSeen.get(offer.agentId) ?? 0));
    if (roomTotal > 0) await this.noteRoom();
    await this.cutAhead(roomTotal);
    // One chunk an agent in turn, so that few chunks are spread over many agents.
    const taken = new Set<number>();
    for (let wasTaken = true; wasTaken; ) {
      wasTaken = false;
      for (const place of fit) {
        if (place.chunks.length >= place.room) continue;
        const chunk = this.job.takeable(taken.size + 1, clock.nowMs(), place.offer.agentId).find(({ index }) => !taken.has(index));
        if (chunk === undefined) continue;
        taken.add(chunk.index);
        place.chunks.push(chunk);
        wasTaken = true;
      }
    }
    for (const { offer, chunks } of fit) this.launch(offer, chunks, driver);
    this.wakeLater(driver);
  }

  private launch(offer: Offer, chunks: readonly Chunk[], driver: SchedulerDriver): void {
    const { clock, executor, slot, ids, jobId } = this.options;
    if (chunks.length === 0) return; // The driver declines what is left.
    const drafts = chunks.map(
      (chunk): ChunkDraft => ({
        ...task({ name: `chunk ${chunk.index}`, id: chunkTaskId(jobId, chunk.index, ids.uuid()), resources: slot, executor, data: printChunkData(chunk) }),
        chunk,
      }),
    );
    const { launched, rest } = driver.launch(offer, drafts);
    for (const { taskId, draft } of launched) this.carryOut(this.job.launched(draft.chunk.index, taskId, offer.agentId, clock.nowMs()), driver);
    if (launched.length > 0) this.mismatch = undefined;
    else if (rest.length > 0) this.mismatch = explainMismatch([offer], slot.plus(executor.resources)).text || undefined;
  }

  private async updated(status: TaskStatus, driver: SchedulerDriver): Promise<void> {
    const index = this.job.chunkIndexOf(status.taskId);
    // A task that an earlier process launched may be ahead of our cutting.
    if (index !== undefined) await this.cutTo(index);
    const effects = this.job.updated(status, this.options.clock.nowMs());
    for (const effect of effects) {
      if (effect.kind !== 'record') continue;
      await this.options.journal.recordChunk(effect.chunk, effect.result);
      this.carryOut(this.job.recorded(effect.chunk, effect.result), driver);
    }
    this.carryOut(effects, driver);
    this.wakeLater(driver);
    this.checkEnd();
  }

  private told(data: Uint8Array, agentId: string): void {
    const progress = readChunkProgress(data);
    if (progress.ok) this.job.progressed(progress.value);
    else this.options.trouble(`the executor on agent ${agentId} tells what cannot be read: ${describeRefusal(progress.refusal)}`);
  }

  private carryOut(effects: readonly JobEffect[], driver: SchedulerDriver): void {
    for (const effect of effects) {
      // Nothing of a chunk that nobody needs is worth a grace period.
      if (effect.kind === 'kill') driver.kill(effect.taskId, { gracePeriodMs: 0 });
      else if (effect.kind === 'trouble') this.options.trouble(effect.message);
    }
  }

  private checkEnd(): void {
    const { end } = this.job;
    if (end !== undefined) this.end(end);
  }

  private end(end: JobEnd | { readonly kind: 'broken'; readonly error: unknown }): void {
    if (this.isOver) return;
    this.close();
    this.options.ended(end);
  }

  // Cutting: one cut after the other, whoever asks.

  /** Offers tell what there is room for; what is cut later may follow a cluster that turns out to be larger (Q4). */
  private noteRoom(): Promise<void> {
    return this.inTurn(async () => {
      const { job, placesSeen, rooms } = this;
      const from = job.nextCut?.start;
      const [places, agents] = [[...placesSeen.values()].reduce((sum, count) => sum + count, 0), placesSeen.size];
      const known = rooms.at(-1);
      const isNews = known === undefined || places >= ROOM_GROWTH * known.places || (agents > 1 && known.agents === 1);
      if (from === undefined || !isNews) return;
      const room = { from, places, agents };
      await this.options.journal.recordRoom(room);
      rooms.push(room);
    });
  }

  private roomAt(start: number): JobRoom | undefined {
    return this.rooms.findLast(({ from }) => from <= start);
  }

  /** Until `count` chunks wait, or the file is cut. */
  private cutAhead(count: number): Promise<void> {
    return this.cut(() => this.job.takeable(count, this.options.clock.nowMs()).length < count);
  }

  private cutTo(index: number): Promise<void> {
    return this.cut((nextIndex) => nextIndex <= index);
  }

  private cut(isWanted: (nextIndex: number) => boolean): Promise<void> {
    const { source, chunkBytesAt } = this.options;
    return this.inTurn(async () => {
      for (let next = this.job.nextCut; next !== undefined && isWanted(next.index); next = this.job.nextCut) {
        const room = this.roomAt(next.start);
        // Before the first offers nothing of this job can have been launched.
        if (room === undefined) return;
        this.job.addCut(await cutChunk(source, chunkBytesAt(next.start, room), next.index, next.start));
      }
    });
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.cutting.then(work);
    // A failure is told to whoever asked; the next one tries again.
    this.cutting = done.catch(() => undefined);
    return done;
  }

  // Time.

  private tick(driver: SchedulerDriver): void {
    this.cancelTick = this.options.clock.schedule(TICK_MS, () => {
      const { clock } = this.options;
      this.job.copyStragglers(clock.nowMs());
      driver.setDemand(this.job.hasWork(clock.nowMs()));
      this.tick(driver);
    });
  }

  /** When the pause of a chunk is over it is wanted at once, not at the next tick. */
  private wakeLater(driver: SchedulerDriver): void {
    const { clock } = this.options;
    this.cancelWake?.();
    this.cancelWake = undefined;
    const readyMs = this.job.nextReadyMs(clock.nowMs());
    if (readyMs === undefined || this.isOver) return;
    this.cancelWake = clock.schedule(readyMs - clock.nowMs(), () => {
      driver.setDemand(this.job.hasWork(clock.nowMs()));
      this.wakeLater(driver);
    });
  }
}
