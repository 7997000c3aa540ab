// Proves that the scheduler, on the real SDK, counts every particle exactly once on a cluster whose parts die and come back: agents, machines,
// executors, the leading master, the scheduler itself. How: the in-process cluster in virtual time; the executors are the real program, their
// threads replaced by counting in place; the journal is a list that survives the scheduler's death.

import * as fc from 'fast-check';
import { agentId, command, executor, executorId, resources, SchedulerDriver } from '../../frameworks/sdk';
import { SeededRandom, VirtualCluster, virtualTaskRunner, type VirtualAgentOptions } from '../../frameworks/sdk/testing';
import { chunkResultToJson, printJobData, type ChunkResult } from '../../frameworks/particles/chunk-task';
import type { ByteSource, Chunk } from '../../frameworks/particles/chunks';
import { countBytes } from '../../frameworks/particles/count';
import { countChunk } from '../../frameworks/particles/executor-program';
import { generateParticles } from '../../frameworks/particles/generate';
import { ParticleJob, type JobEnd } from '../../frameworks/particles/particle-job';
import { ParticleScheduler } from '../../frameworks/particles/particle-scheduler';
import { resultJson } from '../../frameworks/particles/result-report';
import type { WorkerAnswer } from '../../frameworks/particles/count-worker';
import type { CountOrder } from '../../frameworks/particles/piece-count';
import type { JobRoom } from '../../frameworks/particles/job-state-file';

const input = Buffer.concat(Array.from(generateParticles(300, 5, 'short'), (piece) => Buffer.from(piece)));
const expected = resultJson(countBytes(input, 'count').count);

const source: ByteSource = {
  sizeBytes: input.length,
  read: (into, position) => Promise.resolve(input.copy(into, 0, position, Math.min(input.length, position + into.length))),
};

/** About thirty chunks. */
const CHUNK_BYTES = 256;
/** How long a chunk takes to count. */
const CHUNK_MS = 2_000;

class ClusterRun {
  readonly cluster: VirtualCluster;
  readonly journal = { frameworkId: undefined as string | undefined, rooms: [] as JobRoom[], chunks: [] as { chunk: Chunk; result: ChunkResult }[] };
  readonly ends: (JobEnd | { readonly kind: 'broken'; readonly error: unknown })[] = [];
  readonly troubles: string[] = [];
  /** For what room each chunk was cut last, by its start. */
  readonly cuts = new Map<number, Pick<JobRoom, 'places' | 'agents'>>();
  driver: SchedulerDriver | undefined;
  scheduler: ParticleScheduler | undefined;

  constructor(options: { readonly seed?: number; readonly masters?: number; readonly agents?: readonly VirtualAgentOptions[] } = {}) {
    this.cluster = new VirtualCluster({
      agents: Array.from({ length: 3 }, () => ({ resources: 'cpus:1;mem:512' })),
      ...options,
      executors: {
        'count-particles': (process) => {
          const { clock } = process.connection.environment;
          const pool = {
            sizeMax: 1,
            // P1 of the pool, with a thread that takes its time; half-way it tells of half the chunk.
            run: ({ start, end, share }: CountOrder, _cpus: number, signal: AbortSignal) =>
              new Promise<WorkerAnswer>((resolve, reject) => {
                const half = clock.schedule(CHUNK_MS / 2 - 1, () => void Atomics.add(share, 1, (end - start) >> 1));
                const done = clock.schedule(CHUNK_MS, () => resolve({ runs: [{ first: 0, last: 0, result: chunkResultToJson(countBytes(input.subarray(start, end), 'stop')) }] }));
                signal.addEventListener('abort', () => {
                  half();
                  done();
                  reject(signal.reason as Error);
                });
              }),
          };
          virtualTaskRunner({ run: (task, context) => countChunk(task, context, pool, clock) })(process);
        },
      },
    });
  }

  /** A scheduler process: the first, or one that goes on from the journal. */
  start(): void {
    const { cluster, journal } = this;
    const connection = cluster.connectScheduler('particles');
    const { clock, ids } = connection.environment;
    const job = new ParticleJob('job', input.length);
    for (const { chunk, result } of journal.chunks) job.restore(chunk, result);
    this.scheduler?.close();
    // A record takes a moment on the disk. When the process dies before, it is as if it had never been written.
    const durable = (write: () => void): Promise<void> =>
      new Promise((resolve) => {
        clock.schedule(3, () => {
          write();
          resolve();
        });
      });
    const scheduler = new ParticleScheduler({
      ...{ job, jobId: 'job', source, chunkBytesAt: (start: number, room: JobRoom) => this.chunkBytesAt(start, room), clock, ids },
      rooms: [...journal.rooms],
      slot: resources('cpus:0.5;mem:64'),
      executor: executor({ id: 'particles-job', command: command('count-particles'), resources: 'mem:64', data: printJobData({ inputUrl: 'http://input', malformed: 'stop' }) }),
      journal: {
        recordFramework: (frameworkId) => durable(() => (journal.frameworkId = frameworkId)),
        recordRoom: (room) => durable(() => journal.rooms.push(room)),
        recordChunk: (chunk, result) => durable(() => journal.chunks.push({ chunk, result })),
      },
      trouble: (message) => void this.troubles.push(message),
      ended: (end) => {
        this.ends.push(end);
        this.driver?.stop();
      },
    });
    this.scheduler = scheduler;
    this.driver = new SchedulerDriver(
      { ...scheduler.handlers, name: 'particles', failoverTimeoutMs: 300_000, ...(journal.frameworkId === undefined ? {} : { frameworkId: journal.frameworkId }) },
      connection,
    );
    this.driver.start();
  }

  /** Other sizes for other rooms, and always of one that is durable (Q4). */
  private chunkBytesAt(start: number, room: JobRoom): number {
    expect(this.journal.rooms.findLast(({ from }) => from <= start)).toEqual(room);
    const { places, agents } = room;
    this.cuts.set(start, { places, agents });
    return CHUNK_BYTES - 8 * Math.min(agents, 4) - (places % 7);
  }

  kill(): void {
    this.scheduler?.close();
    this.cluster.killScheduler('particles');
  }

  async complete(within = '30m'): Promise<void> {
    await this.cluster.until(() => this.ends.length > 0, { within, what: 'the job ends' });
    expect(this.ends).toHaveLength(1);
    const [end] = this.ends;
    if (end?.kind !== 'complete') throw new Error(`The job ended with ${JSON.stringify(end)}\n${this.cluster.describe()}`);
    expect(resultJson(end.count)).toEqual(expected);
    // Exactly once, also in the journal: a second record of a chunk would say that an attempt was counted for nothing.
    const indexes = this.journal.chunks.map(({ chunk }) => chunk.index);
    expect(new Set(indexes).size).toBe(indexes.length);
  }
}

test('on a quiet cluster every agent counts two chunks at a time with one executor, and the framework leaves nothing behind', async () => {
  const run = new ClusterRun();
  run.start();
  await run.cluster.until(() => run.cluster.state()?.tasks.filter(({ state }) => state === 'TASK_RUNNING').length === 6);
  expect(run.cluster.agents.map((agent) => agent.machine.specs().length)).toEqual([1, 1, 1]);
  await run.complete();
  await run.cluster.advance('20s');
  expect(run.cluster.agents.map((agent) => agent.machine.specs().length)).toEqual([0, 0, 0]);
});

test('progress tells of chunks that are being counted, and is exact in the end', async () => {
  const run = new ClusterRun();
  run.start();
  const doneBytes = (): number => run.scheduler?.progress.doneBytes ?? 0;
  await run.cluster.until(() => doneBytes() > 0);
  expect(run.journal.chunks).toEqual([]);
  expect(doneBytes()).toBeLessThanOrEqual((6 * (CHUNK_BYTES + 64)) / 2);
  await run.complete();
  expect(run.scheduler?.progress).toMatchObject({ doneBytes: input.length, particles: 300, running: 0 });
  expect(run.troubles).toEqual([]);
});

test('what an executor tells and nobody can read is named, and changes nothing', async () => {
  const run = new ClusterRun();
  run.start();
  await run.cluster.until(() => run.scheduler?.wasSubscribed === true);
  for (const data of ['rubbish', '{"taskId":"chunk-0.job.1","bytes":-1,"particles":0}']) {
    await run.scheduler?.handlers.message?.({ data: Buffer.from(data), agentId: agentId('a'), executorId: executorId('e') }, run.driver as SchedulerDriver);
  }
  expect(run.troubles).toEqual([
    expect.stringContaining('the executor on agent a tells what cannot be read: message'),
    expect.stringContaining('message.bytes'),
  ]);
  await run.complete();
});

test('a job that goes on after its scheduler died cuts the same chunks, also on a cluster that has become smaller, and follows one that has become larger', async () => {
  const run = new ClusterRun({ agents: [{ resources: 'cpus:1;mem:512' }, { resources: 'cpus:1;mem:512' }, { resources: 'cpus:4;mem:2048' }] });
  run.cluster.crashMachine(2);
  run.start();
  await run.cluster.until(() => run.journal.chunks.length >= 4);
  run.cluster.restartAgent(2);
  await run.cluster.until(() => run.journal.rooms.length > 2 && run.journal.chunks.length >= 10);
  const rooms = [...run.journal.rooms];
  // Agents come one after the other.
  expect(rooms.map(({ places, agents }) => [places, agents])).toEqual([[2, 1], [4, 2], [12, 3]]);
  const cuts = new Map(run.cuts);
  run.kill();
  for (const machine of [1, 2]) run.cluster.crashMachine(machine);
  run.start();
  await run.cluster.until(() => run.journal.chunks.length >= 16, { within: '30m' });
  expect(run.journal.rooms).toEqual(rooms);
  for (const [start, room] of cuts) expect([start, run.cuts.get(start)]).toEqual([start, room]);
  await run.complete();
});

test('with nothing left to launch offers are suppressed, and wanted again when a chunk comes back', async () => {
  const run = new ClusterRun({ agents: [{ resources: 'cpus:100;mem:10000' }, { resources: 'cpus:0.5;mem:128' }] });
  run.start();
  await run.cluster.until(() => (run.cluster.state()?.tasks.length ?? 0) > 20);
  await run.cluster.advance(500);
  expect(run.cluster.state()?.frameworks[0]?.suppressedRoles).toEqual(['*']);
  run.cluster.crashMachine(1);
  run.cluster.restartAgent(1);
  await run.complete();
});

test.each<[what: string, break_: (cluster: VirtualCluster, run: ClusterRun) => void]>([
  ['an agent process is killed and started again', (cluster) => (cluster.killAgent(0), cluster.restartAgent(0))],
  ['a machine is gone for good', (cluster) => cluster.crashMachine(0)],
  ['a machine loses its power for a moment', (cluster) => (cluster.crashMachine(1), cluster.restartAgent(1))],
  ['an agent is cut off', (cluster) => cluster.cutAgent(2)],
  ['the leading master dies', (cluster) => (cluster.killLeader(), cluster.masters.forEach((master) => void (master.isAlive || master.start())))],
  ['the scheduler dies and is started again', (_cluster, run) => (run.kill(), run.start())],
])('%s half-way, and every particle is counted exactly once', async (_what, breakIt) => {
  const run = new ClusterRun();
  run.start();
  await run.cluster.until(() => run.journal.chunks.length > 8);
  breakIt(run.cluster, run);
  await run.complete();
});

test('a scheduler that comes back goes on with the tasks of its predecessor instead of launching them again', async () => {
  const run = new ClusterRun();
  run.start();
  await run.cluster.until(() => run.journal.chunks.length === 6);
  await run.cluster.advance(500);
  const running = run.cluster.state()?.tasks.filter(({ state }) => state === 'TASK_RUNNING').map(({ id }) => id) ?? [];
  expect(running).toHaveLength(6);
  run.kill();
  run.start();
  await run.complete();
  // Those very tasks have brought the next results: none was killed, none repeated.
  const ends = new Map((run.cluster.state()?.tasks ?? []).map(({ id, state }) => [id as string, state]));
  expect(running.map((id) => ends.get(id))).toEqual(running.map(() => 'TASK_FINISHED'));
});

test('in any storm of deaths and cuts every particle is counted exactly once', async () => {
  const faults = ['kill agent', 'crash machine', 'cut', 'heal', 'kill leader', 'kill scheduler', 'restart all'] as const;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), fc.array(fc.record({ fault: fc.constantFrom(...faults), agent: fc.nat(2), afterMs: fc.integer({ min: 0, max: 9_000 }) }), { maxLength: 12 }), async (seed, storm) => {
      const run = new ClusterRun({ seed, masters: 1 + (new SeededRandom(seed).next() < 0.5 ? 1 : 0) });
      const { cluster } = run;
      run.start();
      for (const { fault, agent, afterMs } of storm) {
        await cluster.advance(afterMs);
        if (run.ends.length > 0) break;
        if (fault === 'kill agent') cluster.killAgent(agent);
        else if (fault === 'crash machine') cluster.crashMachine(agent);
        else if (fault === 'cut') cluster.cutAgent(agent);
        else if (fault === 'heal') cluster.healAgent(agent);
        else if (fault === 'kill leader') cluster.killLeader();
        else if (fault === 'kill scheduler') (run.kill(), run.start());
        else cluster.healAll();
      }
      cluster.healAll();
      await run.complete();
    }),
    { numRuns: 60 },
  );
}, 60_000);
