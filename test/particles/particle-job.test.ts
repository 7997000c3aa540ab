// Proves that the job counts every chunk exactly once and in file order, whatever comes back in whatever order, and that it gives up on nothing but
// what fails by itself. How: single stories by name, and random histories of launches, ends, losses and late reports against a plain sum.

import * as fc from 'fast-check';
import { taskId, agentId as anAgentId, type TaskReason, type TaskState } from '../../frameworks/sdk';
import { chunkTaskId, printChunkResult, type ChunkResult } from '../../frameworks/particles/chunk-task';
import type { Chunk } from '../../frameworks/particles/chunks';
import { countBytes } from '../../frameworks/particles/count';
import { BREAKS_MAX, FAILURES_MAX, ParticleJob, type JobEffect } from '../../frameworks/particles/particle-job';
import { resultJson } from '../../frameworks/particles/result-report';

/** A line that lands, and one that is malformed. All have the same length, so a chunk is a line. */
const GOOD = '0 1 -2\n';
const BAD = '0 1 -x\n';
const LINE = GOOD.length;

const chunkAt = (index: number): Chunk => ({ index, start: index * LINE, end: (index + 1) * LINE, nextStart: (index + 1) * LINE });

function resultOf(line: string): ChunkResult {
  return countBytes(Buffer.from(line), 'stop');
}

/** A job over lines, driven by hand. Every result that it wants recorded is durable at once. */
class DrivenJob {
  readonly job: ParticleJob;
  readonly effects: JobEffect[] = [];
  readonly recordedIndexes: number[] = [];
  nowMs = 0;
  private attempts = 0;

  constructor(readonly lines: readonly string[]) {
    this.job = new ParticleJob('job', lines.length * LINE);
  }

  /** Cuts and launches up to `count` chunks on the agent. */
  launch(count = 1, agent = 'a1'): readonly string[] {
    for (let next = this.job.nextCut; next !== undefined && this.job.takeable(count, this.nowMs).length < count; next = this.job.nextCut) this.job.addCut(chunkAt(next.index));
    return this.job.takeable(count, this.nowMs, agent).map((chunk) => {
      this.attempts += 1;
      const id = chunkTaskId('job', chunk.index, String(this.attempts));
      this.carryOut(this.job.launched(chunk.index, id, agent, this.nowMs));
      return id;
    });
  }

  report(id: string, state: TaskState, more: { readonly reason?: TaskReason; readonly message?: string; readonly agent?: string; readonly data?: string } = {}): void {
    const index = this.job.chunkIndexOf(id) ?? 0;
    const data = more.data ?? (state === 'TASK_FINISHED' ? printChunkResult(resultOf(this.lines[index] ?? '')) : undefined);
    const { reason, message, agent = 'a1' } = more;
    this.carryOut(
      this.job.updated(
        {
          ...{ taskId: taskId(id), state, agentId: anAgentId(agent) },
          ...(data === undefined ? {} : { data: Buffer.from(data) }),
          ...(reason === undefined ? {} : { reason }),
          ...(message === undefined ? {} : { message }),
        },
        this.nowMs,
      ),
    );
  }

  get killed(): readonly string[] {
    return this.effects.flatMap((effect) => (effect.kind === 'kill' ? [effect.taskId] : []));
  }

  private carryOut(effects: readonly JobEffect[]): void {
    for (const effect of effects) {
      this.effects.push(effect);
      if (effect.kind !== 'record') continue;
      this.recordedIndexes.push(effect.chunk.index);
      this.carryOut(this.job.recorded(effect.chunk, effect.result));
    }
  }
}

const particlesOf = ({ end }: ParticleJob): number | undefined => (end?.kind === 'complete' ? end.count.tally.particles : undefined);

test('a job without a byte is complete before anything was offered', () => {
  expect(new DrivenJob([]).job.end).toMatchObject({ kind: 'complete', count: { lines: 0 } });
});

test('results may come in any order and are put together in file order', () => {
  const driven = new DrivenJob([GOOD, GOOD, GOOD]);
  const ids = driven.launch(3);
  for (const id of [...ids].reverse()) driven.report(id, 'TASK_FINISHED');
  expect(driven.recordedIndexes).toEqual([2, 1, 0]);
  expect(particlesOf(driven.job)).toBe(3);
  expect(driven.job.hasWork(0)).toBe(false);
});

test('a chunk on an agent that became unreachable is given to another at once, the late result of the first is not counted again', () => {
  const driven = new DrivenJob([GOOD]);
  const [first = ''] = driven.launch();
  driven.report(first, 'TASK_UNREACHABLE');
  expect(driven.job.hasWork(0)).toBe(true);
  const [second = ''] = driven.launch(1, 'a2');
  expect(driven.killed).toEqual([first]);
  driven.report(second, 'TASK_FINISHED', { agent: 'a2' });
  driven.report(first, 'TASK_FINISHED');
  expect(driven.recordedIndexes).toEqual([0]);
  expect(particlesOf(driven.job)).toBe(1);
});

test('an agent that comes back before its chunk was given away goes on with it', () => {
  const driven = new DrivenJob([GOOD]);
  const [only = ''] = driven.launch();
  driven.report(only, 'TASK_UNREACHABLE');
  driven.report(only, 'TASK_RUNNING');
  expect(driven.job.hasWork(0)).toBe(false);
  driven.report(only, 'TASK_FINISHED');
  expect(driven.killed).toEqual([]);
  expect(particlesOf(driven.job)).toBe(1);
});

test('a chunk that its executor cannot count is tried a few times, then the job fails and says why', () => {
  const driven = new DrivenJob([GOOD, GOOD]);
  for (let attempt = 1; attempt <= FAILURES_MAX; attempt++) {
    expect(driven.job.end).toBeUndefined();
    const [id = ''] = driven.launch();
    driven.report(id, 'TASK_FAILED', { message: 'no such range' });
  }
  expect(driven.job.end).toEqual({ kind: 'failed', reason: `chunk 0 (bytes 0 to ${LINE}) failed: no such range; it was tried ${FAILURES_MAX} times` });
});

test('executors that die do not use up the tries of failures, but not for ever, and their agents are given growing rests', () => {
  const driven = new DrivenJob([GOOD]);
  const rests: number[] = [];
  for (let attempt = 1; attempt <= BREAKS_MAX; attempt++) {
    expect(driven.job.end).toBeUndefined();
    const [id = ''] = driven.launch();
    driven.report(id, 'TASK_FAILED', { reason: 'REASON_EXECUTOR_TERMINATED' });
    rests.push(driven.job.restMs('a1', driven.nowMs));
    driven.nowMs += rests.at(-1) ?? 0;
  }
  expect(rests.slice(0, 4)).toEqual([250, 1_000, 4_000, 16_000]);
  expect(driven.job.restMs('a2', driven.nowMs)).toBe(0);
  expect(driven.job.end).toMatchObject({ kind: 'failed' });
});

test('the death of an executor with several chunks is one break of its agent', () => {
  const driven = new DrivenJob([GOOD, GOOD, GOOD]);
  for (const id of driven.launch(3)) driven.report(id, 'TASK_FAILED', { reason: 'REASON_EXECUTOR_TERMINATED' });
  expect(driven.job.restMs('a1', 0)).toBe(250);
});

test('what the cluster loses is tried for ever, the second time after a pause that grows', () => {
  const driven = new DrivenJob([GOOD]);
  const pauses: number[] = [];
  for (let attempt = 0; attempt < 12; attempt++) {
    const [id = ''] = driven.launch();
    driven.report(id, 'TASK_DROPPED');
    const pauseMs = (driven.job.nextReadyMs(driven.nowMs) ?? driven.nowMs) - driven.nowMs;
    pauses.push(pauseMs);
    driven.nowMs += pauseMs;
  }
  expect(pauses.slice(0, 4)).toEqual([0, 250, 500, 1_000]);
  expect(pauses.at(-1)).toBe(10_000);
  expect(driven.job.end).toBeUndefined();
});

test('a result that cannot be read is a failure of its task, not of the scheduler', () => {
  const driven = new DrivenJob([GOOD]);
  const [id = ''] = driven.launch();
  driven.report(id, 'TASK_FINISHED', { data: '{"kind":"complete"}' });
  expect(driven.effects).toEqual([{ kind: 'trouble', message: expect.stringContaining('result.count.count') as string }]);
  expect(driven.job.hasWork(0)).toBe(true);
});

test('under the policy stop the first malformed line of the file is named, also when a later one is found first', () => {
  const driven = new DrivenJob([GOOD, BAD, GOOD, BAD, GOOD]);
  const ids = driven.launch(5);
  driven.report(ids[3] ?? '', 'TASK_FINISHED');
  // What is behind it matters no more.
  expect(driven.killed).toEqual([ids[4]]);
  expect(driven.job.end).toBeUndefined();
  driven.report(ids[1] ?? '', 'TASK_FINISHED');
  expect(driven.killed).toEqual([ids[4], ids[2]]);
  driven.report(ids[0] ?? '', 'TASK_FINISHED');
  expect(driven.job.end).toEqual({ kind: 'stopped', fault: expect.stringMatching(/^line 2 is malformed: c is "-x"/) as string });
});

test('the last slow chunk gets a copy on another agent, never on its own, and the loser is killed', () => {
  const driven = new DrivenJob([GOOD, GOOD]);
  const [quick = '', slow = ''] = driven.launch(2);
  driven.nowMs = 1_000;
  driven.report(quick, 'TASK_FINISHED');
  driven.nowMs = 3_500;
  driven.job.copyStragglers(driven.nowMs);
  expect(driven.launch(1, 'a1')).toEqual([]);
  const [copy = ''] = driven.launch(1, 'a2');
  driven.report(copy, 'TASK_FINISHED', { agent: 'a2' });
  expect(driven.killed).toEqual([slow]);
  driven.report(slow, 'TASK_KILLED');
  expect(particlesOf(driven.job)).toBe(2);
});

test('a task of an earlier scheduler that is still running is taken over, one of another job is ended', () => {
  const driven = new DrivenJob([GOOD]);
  driven.job.addCut(chunkAt(0));
  const own = chunkTaskId('job', 0, 'earlier');
  driven.report(own, 'TASK_RUNNING');
  driven.report(chunkTaskId('other', 0, 'x'), 'TASK_RUNNING');
  expect(driven.killed).toEqual([chunkTaskId('other', 0, 'x')]);
  expect(driven.job.hasWork(0)).toBe(false);
  driven.report(own, 'TASK_FINISHED');
  expect(particlesOf(driven.job)).toBe(1);
});

test('results of an earlier scheduler count, and their chunks are neither cut nor launched again', () => {
  const driven = new DrivenJob([GOOD, GOOD, GOOD]);
  for (const index of [0, 2, 2]) driven.job.restore(chunkAt(index), resultOf(GOOD));
  const ids = driven.launch(9);
  expect(ids.map((id) => driven.job.chunkIndexOf(id))).toEqual([1]);
  driven.report(ids[0] ?? '', 'TASK_FINISHED');
  expect(particlesOf(driven.job)).toBe(3);
});

const someEnds: readonly TaskState[] = ['TASK_FINISHED', 'TASK_FINISHED', 'TASK_FINISHED', 'TASK_RUNNING', 'TASK_UNREACHABLE', 'TASK_LOST', 'TASK_DROPPED', 'TASK_GONE', 'TASK_UNKNOWN', 'TASK_KILLED'];

test('whatever happens to tasks in whatever order, every particle is counted exactly once', () => {
  const history = fc.array(fc.record({ kind: fc.constantFrom('launch', 'report', 'report', 'report', 'wait', 'copy'), pick: fc.nat(1_000), state: fc.constantFrom(...someEnds), agent: fc.constantFrom('a1', 'a2') }), { maxLength: 120 });
  fc.assert(
    fc.property(fc.array(fc.constantFrom(GOOD, '1 0 1 \n', '0 0 0 \n', '0 1 2 \n'), { maxLength: 8 }), history, (lines, steps) => {
      const driven = new DrivenJob(lines);
      // Reports may also come late, or again, of tasks that ended long ago.
      const everLaunched: string[] = [];
      for (const { kind, pick, state, agent } of steps) {
        if (kind === 'launch') everLaunched.push(...driven.launch(1 + (pick % 3), agent));
        else if (kind === 'wait') driven.nowMs += pick * 10;
        else if (kind === 'copy') driven.job.copyStragglers(driven.nowMs);
        else if (everLaunched.length > 0) driven.report(everLaunched[pick % everLaunched.length] ?? '', state, { agent });
      }
      // The cluster heals: what waits is launched, and what was launched is finished.
      for (let round = 0; driven.job.end === undefined && round < 1_000; round++) {
        driven.nowMs += 10_000;
        const ids = driven.launch(5, `healed-${round}`);
        for (const id of [...ids, ...everLaunched]) driven.report(id, 'TASK_FINISHED');
      }
      expect([...driven.recordedIndexes].sort((a, b) => a - b)).toEqual(lines.map((_line, index) => index));
      const { end } = driven.job;
      if (end?.kind !== 'complete') throw new Error(`Not complete but ${JSON.stringify(end)}`);
      expect(resultJson(end.count)).toEqual(resultJson(countBytes(Buffer.from(lines.join('')), 'count').count));
      expect(end.count.lines).toBe(lines.length);
    }),
    { numRuns: 300 },
  );
});

test('progress counts what executors tell of running tasks: of two copies the one ahead, nothing of tasks that are away or over, never more than the chunk', () => {
  const driven = new DrivenJob([GOOD, GOOD]);
  const doneBytes = (): number => driven.job.progress.doneBytes;
  const tell = (id: string, bytes: number): void => driven.job.progressed({ taskId: id, bytes, particles: 1 });
  const [first = '', second = ''] = driven.launch(2);
  tell(first, 3);
  tell(first, 4);
  tell('chunk-0.job.unknown', 5);
  tell('chunk-0.another.1', 5);
  expect(driven.job.progress).toMatchObject({ doneBytes: 4, particles: 1, running: 2 });
  driven.report(first, 'TASK_UNREACHABLE');
  expect(doneBytes()).toBe(0);
  const [copy = ''] = driven.launch(1, 'a2');
  tell(copy, 2);
  driven.report(first, 'TASK_RUNNING');
  expect(doneBytes()).toBe(4);
  tell(second, 10 * LINE);
  expect(doneBytes()).toBe(4 + LINE);
  for (const id of [copy, second]) driven.report(id, 'TASK_FINISHED', { agent: 'a2' });
  tell(first, 1);
  expect(driven.job.progress).toMatchObject({ doneBytes: 2 * LINE, particles: 2, running: 0 });
});
