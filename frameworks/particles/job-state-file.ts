// Job state file: what a scheduler needs to go on after it was killed.
//
// Owns:      an append-only file beside the input: which input, which framework, where it was served, for what room it was cut, and the
//            result of every finished chunk.
// Elsewhere: what is done with it (job-run.ts, particle-scheduler.ts).
// Invariants:
//   F1. When `record…` resolves, the record is on the disk: it was synced. Records that wait together are synced together.
//   F2. Whatever byte a crash stops a write at, all records before it are read again, and what was torn is cut off.
//   F3. A state of another input, or under other options that change what a chunk is or counts, is never gone on with.
//   F4. A process that runs and has the file is not disturbed: the file says whose it is.
// The format: one record a line, `<checksum> <JSON>`; the first is the input. A checksum is the first 16 hexadecimal digits of the SHA-256 of the
// JSON text.

import { createHash } from 'node:crypto';
import { open, readFile, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { chunkResultFromJson, type ChunkResult } from './chunk-task';
import type { Chunk } from './chunks';
import { fileFailure, ParticleFailure } from './failure';
import type { MalformedPolicy } from './malformed-line';
import { isAnotherRunning, thisProcess, type RunningProcess } from './running-process';
import type { FileIdentity } from './same-file';
import { particleCountToJson } from './particle-count';

/** F3. A file that was written to has another time, even if it is as long as before. */
export interface InputIdentity {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** `default`: as the size of the input and the room tell. */
  readonly chunkBytes: number | 'default';
  readonly malformed: MalformedPolicy;
}

/** Under which address and names tasks were started: a successor at the same address goes on with them. */
export interface ServedAt {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  readonly jobId: string;
  /** As executors were told: a successor describes them alike. */
  readonly sameFile?: FileIdentity;
}

/** What the cluster had room for when the chunk at `from`, and those behind it, were cut: the default sizes of chunks follow from it. */
export interface JobRoom {
  /** The byte from which on it counts. */
  readonly from: number;
  /** Tasks at a time. */
  readonly places: number;
  /** On so many agents. */
  readonly agents: number;
}

/** What an earlier process has left. */
export interface RecoveredState {
  readonly frameworkId: string | undefined;
  readonly servedAt: ServedAt | undefined;
  /** Ascending; none before the first chunk was cut. */
  readonly rooms: readonly JobRoom[];
  readonly chunks: readonly { readonly chunk: Chunk; readonly result: ChunkResult }[];
}

/** Changes when older programs could not go on with the file, or we not with theirs: 1 and 2 cut other chunks. */
const VERSION = 3;

const LABELS: Readonly<Record<keyof InputIdentity, string>> = {
  sizeBytes: 'size in bytes',
  modifiedMs: 'time of modification',
  chunkBytes: 'chunk size',
  malformed: 'policy for malformed lines',
};

export class JobStateFile {
  private waiting: { readonly line: string; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  private isWriting = false;
  /** What the disk said first. Nothing is appended behind what may be half a record (F2). */
  private failure: unknown;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /**
   * Opens or makes the file.
   * @throws ParticleFailure CANNOT_WRITE, CANNOT_READ, STATE_MISMATCH when it belongs to another input (F3), or STATE_IN_USE (F4)
   */
  static async open(path: string, input: InputIdentity): Promise<{ readonly file: JobStateFile; readonly recovered: RecoveredState }> {
    try {
      const bytes = await readExisting(path);
      const { records, lengthBytes } = readRecords(path, bytes);
      checkUser(path, records);
      const recovered = recover(path, records, input);
      const handle = await open(path, bytes === undefined ? 'ax' : 'a');
      const file = new JobStateFile(path, handle);
      try {
        if (bytes !== undefined && lengthBytes < bytes.length) await handle.truncate(lengthBytes);
        const isNew = records.length === 0;
        const user = thisProcess();
        await file.record(...(isNew ? [{ kind: 'input', version: VERSION, ...input }] : []), ...(user === undefined ? [] : [{ kind: 'process', ...user }]));
        if (isNew) await syncDirectory(path);
      } catch (error) {
        await handle.close();
        throw error;
      }
      return { file, recovered };
    } catch (error) {
      const failure = fileFailure('CANNOT_WRITE', path, error);
      if (failure === error) throw error;
      throw new ParticleFailure('CANNOT_WRITE', `${(failure as Error).message}; name another file with --state`, { cause: error });
    }
  }

  recordFramework(frameworkId: string): Promise<void> {
    return this.record({ kind: 'framework', frameworkId });
  }

  /** The framework is gone with all its tasks, in order: a successor begins a new one. */
  recordTornDown(): Promise<void> {
    return this.record({ kind: 'torn-down' });
  }

  /** Before the chunk at `from` is cut. */
  recordRoom({ from, places, agents }: JobRoom): Promise<void> {
    return this.record({ kind: 'room', from, places, agents });
  }

  recordServedAt(servedAt: ServedAt): Promise<void> {
    return this.record({ kind: 'served-at', ...servedAt });
  }

  recordChunk(chunk: Chunk, result: ChunkResult): Promise<void> {
    const { index, start, end, nextStart } = chunk;
    return this.record({ kind: 'chunk', index, start, end, nextStart, result: { kind: result.kind, count: particleCountToJson(result.count) } });
  }

  /** After the last record has resolved. */
  async close(): Promise<void> {
    await this.file.close();
  }

  /** Closes and removes: the job is over and there is nothing to go on with. */
  async remove(): Promise<void> {
    await this.file.close();
    try {
      await unlink(this.path);
    } catch (error) {
      // Somebody tidied up: so be it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fileFailure('CANNOT_WRITE', this.path, error);
    }
  }

  private record(...records: readonly object[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const lines = records.map((record) => JSON.stringify(record)).map((json) => `${checksum(json)} ${json}\n`);
      this.waiting.push({ line: lines.join(''), resolve, reject });
      if (!this.isWriting) void this.writeWaiting();
    });
  }

  /** Never rejects: each record is told by its own promise. */
  private async writeWaiting(): Promise<void> {
    this.isWriting = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        if (this.failure !== undefined) throw this.failure;
        await this.file.appendFile(batch.map(({ line }) => line).join(''));
        await this.file.datasync();
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.failure = fileFailure('CANNOT_WRITE', this.path, error);
        for (const { reject } of batch) reject(this.failure);
      }
    }
    this.isWriting = false;
  }
}

async function readExisting(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileFailure('CANNOT_READ', path, error);
  }
}

/** A new name is durable when its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

type JsonRecord = Readonly<Record<string, unknown>>;

/** F2: the records up to the first that is not whole, which must be the last. */
function readRecords(path: string, bytes: Buffer | undefined): { readonly records: readonly JsonRecord[]; readonly lengthBytes: number } {
  const records: JsonRecord[] = [];
  let position = 0;
  if (bytes === undefined) return { records, lengthBytes: 0 };
  for (let lineEnd = bytes.indexOf(LF); lineEnd >= 0; lineEnd = bytes.indexOf(LF, position)) {
    const record = readLine(bytes.toString('utf8', position, lineEnd));
    if (record === undefined) break;
    records.push(record);
    position = lineEnd + 1;
  }
  // A crash tears what was not synced, at the end. Whole records behind a damaged one mean that the disk, or somebody, has changed the file.
  for (let lineEnd = bytes.indexOf(LF, position), start = position; lineEnd >= 0; start = lineEnd + 1, lineEnd = bytes.indexOf(LF, start)) {
    if (start > position && readLine(bytes.toString('utf8', start, lineEnd)) !== undefined) throw damaged(path, position);
  }
  if (records.length === 0 && bytes.length > 0 && !looksLikeOurs(bytes)) throw damaged(path, 0);
  return { records, lengthBytes: position };
}

/** A torn first record of ours, as against some other file that was named by mistake. */
function looksLikeOurs(bytes: Buffer): boolean {
  const head = bytes.toString('utf8', 0, CHECKSUM_LENGTH + 2);
  return head.length < CHECKSUM_LENGTH + 2 ? /^[0-9a-f]* ?$/.test(head) : /^[0-9a-f]{16} \{$/.test(head) || /^\0+$/.test(head);
}

function damaged(path: string, position: number): ParticleFailure {
  return new ParticleFailure('CANNOT_READ', `Cannot go on with "${path}" as it is damaged, or no state of a particle job, at byte ${position}; remove it to begin anew, or name another file with --state`);
}

const LF = 0x0a;
const CHECKSUM_LENGTH = 16;

function readLine(line: string): JsonRecord | undefined {
  const json = line.slice(CHECKSUM_LENGTH + 1);
  if (line.slice(0, CHECKSUM_LENGTH + 1) !== `${checksum(json)} `) return undefined;
  // With its checksum right it is what we once wrote.
  return JSON.parse(json) as JsonRecord;
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, CHECKSUM_LENGTH);
}

/** F4. The newest one counts. */
function checkUser(path: string, records: readonly JsonRecord[]): void {
  const user = records.findLast(({ kind }) => kind === 'process') as unknown as RunningProcess | undefined;
  if (user === undefined || !isAnotherRunning(user)) return;
  throw new ParticleFailure('STATE_IN_USE', `Cannot use "${path}" as process ${user.pid} is at work with it; wait for its end, or name another file with --state`);
}

function recover(path: string, records: readonly JsonRecord[], input: InputIdentity): RecoveredState {
  let frameworkId: string | undefined;
  let servedAt: ServedAt | undefined;
  const rooms: JobRoom[] = [];
  const chunks: { chunk: Chunk; result: ChunkResult }[] = [];
  for (const record of records) {
    switch (record['kind']) {
      case 'input':
        checkInput(path, record, input);
        break;
      case 'process':
        break; // F4.
      case 'framework':
        frameworkId = record['frameworkId'] as string;
        break;
      case 'torn-down':
        frameworkId = undefined;
        break;
      case 'served-at':
        servedAt = record as unknown as ServedAt;
        break;
      case 'room': {
        const { from, places, agents } = record as unknown as JobRoom;
        rooms.push({ from, places, agents });
        break;
      }
      case 'chunk': {
        const { index, start, end, nextStart } = record as unknown as Chunk;
        const result = chunkResultFromJson(record['result']);
        if (result.ok) chunks.push({ chunk: { index, start, end, nextStart }, result: result.value });
        break;
      }
      default:
        throw otherVersion(path);
    }
  }
  return { frameworkId, servedAt, rooms, chunks };
}

function otherVersion(path: string): ParticleFailure {
  return new ParticleFailure('STATE_MISMATCH', `Cannot go on with "${path}" as another version of this program wrote it; remove it to begin anew, or name another file with --state`);
}

/** F3. */
function checkInput(path: string, record: JsonRecord, input: InputIdentity): void {
  if (record['version'] !== VERSION) throw otherVersion(path);
  for (const key of Object.keys(LABELS) as (keyof InputIdentity)[]) {
    if (record[key] === input[key]) continue;
    const difference = `its ${LABELS[key]} is ${String(record[key])}, and now it is ${String(input[key])}`;
    throw new ParticleFailure('STATE_MISMATCH', `Cannot go on with "${path}" as it belongs to another input or other options: ${difference}; remove it to begin anew, or name another file with --state`);
  }
}
