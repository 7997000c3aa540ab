// Chunk task: what a task of the particle job is called and carries, and what it brings back.
//
// Owns:      the task id, the data of a task and of its executor, the result in the data of TASK_FINISHED, the message that tells how far a task is; reading each
//            of them strictly.
// Elsewhere: who makes tasks (particle-scheduler.ts), who carries them out (executor-program.ts), what a count is (particle-count.ts).
// Invariants:
//   W1. A task id says which chunk of which job it counts, so a scheduler that was started again understands tasks that it has no record of.

import type { CountOutcome } from './count';
import { MALFORMED_POLICIES, type MalformedPolicy } from './malformed-line';
import { particleCountFromJson, particleCountToJson, type ParticleCount, type ParticleCountJson } from './particle-count';
import { accepted, refused, type Checked } from './refusal';
import { fileIdentityFromJson, type FileIdentity } from './same-file';

/** What every task of a job shares: it stands in the executor's data. */
export interface JobData {
  /** Where the bytes of the input are served, by ranges (input-server.ts). */
  readonly inputUrl: string;
  readonly malformed: MalformedPolicy;
  /** Which file it is, for executors on the scheduler's own machine (same-file.ts). Absent: everybody fetches it. */
  readonly sameFile?: FileIdentity;
}

/** The bytes that one task counts: whole lines. */
export interface ChunkData {
  readonly start: number;
  readonly end: number;
}

/** What counting a chunk gave. `stopped`: its last line is malformed and the policy is `stop`; that line is `count.malformedLines[0]`. */
export interface ChunkResult {
  readonly kind: CountOutcome['kind'];
  readonly count: ParticleCount;
}

/** `chunk-12.<job>.<attempt>`. `job` and `attempt` are free of dots. */
export function chunkTaskId(job: string, index: number, attempt: string): string {
  return `chunk-${index}.${job}.${attempt}`;
}

/** Which chunk a task id names; undefined when it is not of this job (W1). */
export function chunkIndexOf(job: string, taskId: string): number | undefined {
  const [, index, taskJob] = /^chunk-(\d{1,15})\.([^.]+)\.[^.]+$/.exec(taskId) ?? [];
  return index === undefined || taskJob !== job ? undefined : Number(index);
}

export function printJobData(data: JobData): string {
  return JSON.stringify(data);
}

export function readJobData(bytes: Uint8Array | undefined): Checked<JobData> {
  const json = readJson(bytes);
  if (!isRecord(json)) return refused('executor.data', json, 'an object with inputUrl and malformed');
  const { inputUrl, malformed } = json;
  if (typeof inputUrl !== 'string' || !inputUrl.startsWith('http://')) return refused('executor.data.inputUrl', inputUrl, 'an http:// address');
  const policy = MALFORMED_POLICIES.find((known) => known === malformed);
  if (policy === undefined) return refused('executor.data.malformed', malformed, `one of ${MALFORMED_POLICIES.join(', ')}`);
  if (json['sameFile'] === undefined) return accepted({ inputUrl, malformed: policy });
  const sameFile = fileIdentityFromJson(json['sameFile']);
  if (!sameFile.ok) return { ok: false, refusal: { ...sameFile.refusal, field: `executor.data.sameFile.${sameFile.refusal.field}` } };
  return accepted({ inputUrl, malformed: policy, sameFile: sameFile.value });
}

export function printChunkData({ start, end }: ChunkData): string {
  return JSON.stringify({ start, end });
}

export function readChunkData(bytes: Uint8Array | undefined): Checked<ChunkData> {
  const json = readJson(bytes);
  if (!isRecord(json)) return refused('task.data', json, 'an object with start and end');
  const { start, end } = json;
  if (!Number.isSafeInteger(start) || (start as number) < 0) return refused('task.data.start', start, 'a byte position from 0');
  if (!Number.isSafeInteger(end) || (end as number) <= (start as number)) return refused('task.data.end', end, `a byte position behind ${String(start)}`);
  return accepted({ start: start as number, end: end as number });
}

/** A result as it goes from thread to thread and from executor to scheduler. */
export interface ChunkResultJson {
  readonly kind: ChunkResult['kind'];
  readonly count: ParticleCountJson;
}

export function chunkResultToJson({ kind, count }: ChunkResult): ChunkResultJson {
  return { kind, count: particleCountToJson(count) };
}

export function printChunkResult(result: ChunkResult): string {
  return JSON.stringify(chunkResultToJson(result));
}

export function readChunkResult(bytes: Uint8Array | undefined): Checked<ChunkResult> {
  return chunkResultFromJson(readJson(bytes));
}

export function chunkResultFromJson(json: unknown): Checked<ChunkResult> {
  if (!isRecord(json)) return refused('result', json, 'an object with kind and count');
  const { kind } = json;
  if (kind !== 'complete' && kind !== 'stopped') return refused('result.kind', kind, 'complete or stopped');
  const count = particleCountFromJson(json['count']);
  if (!count.ok) return { ok: false, refusal: { ...count.refusal, field: `result.count.${count.refusal.field}` } };
  if (kind === 'stopped' && count.value.malformedLines.length === 0) return refused('result.count.malformedLines', [], 'the line that stopped the counting');
  return accepted({ kind, count: count.value });
}

/** How far a task is: a message from its executor, which may get lost. The next one tells more. */
export interface ChunkProgress {
  readonly taskId: string;
  readonly bytes: number;
  readonly particles: number;
}

export function printChunkProgress({ taskId, bytes, particles }: ChunkProgress): string {
  return JSON.stringify({ taskId, bytes, particles });
}

export function readChunkProgress(message: Uint8Array): Checked<ChunkProgress> {
  const json = readJson(message);
  if (!isRecord(json)) return refused('message', json, 'an object with taskId, bytes and particles');
  const { taskId, bytes, particles } = json;
  if (typeof taskId !== 'string') return refused('message.taskId', taskId, 'text');
  for (const [field, count] of Object.entries({ bytes, particles })) {
    if (!Number.isSafeInteger(count) || (count as number) < 0) return refused(`message.${field}`, count, 'a whole number from 0');
  }
  return accepted({ taskId, bytes: bytes as number, particles: particles as number });
}

/** Undefined for what is no JSON: the reader's refusal says what was expected. */
function readJson(bytes: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(bytes ?? []).toString('utf8'));
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
