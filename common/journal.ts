// Journal: facts on disk that survive any crash, in the order they were told.
//
// Owns:      group commit, generations of log and snapshot, recovery, the refusal after trouble with the disk.
// Elsewhere: bytes (journal-format.ts), the file system (journal-files.ts), one process per directory (directory-lock.ts), what records mean
//            and which of them are still needed (agent checkpoint, embedded registry).
// Invariants:
//   J1. `done` without a failure: the records of that append are durable, and so are all before it. Successes are told in the order of appends,
//       and nothing is told inside a call.
//   J2. Recovery yields a prefix of what was appended: everything acknowledged, and of the rest whole appends only.
//   J3. The state is the newest snapshot and all logs of its generation and later, in order. At every instant of a compaction exactly that holds:
//         1. log g is synced; log g+1 is created and synced with its name; appends go there from now on    (state: snapshot g, logs g, g+1)
//         2. snapshot g+1 is written under a temporary name, synced, renamed, the directory synced           (state: snapshot g+1, log g+1)
//         3. files of older generations are removed                                                          (they no longer count)
//   J4. After any failure of the disk, a full one included, nothing more is written or acknowledged: a failed fsync may have dropped what it
//       was to keep, and a later success would lie. The way on is a new start.
//   J5. Damage of what was once synced is never passed over: opening fails with file and offset (JOURNAL_CORRUPT).
// Source: our choice; a pure log with group commit was the fastest durable store measured, and needs no native code (platform, 6).

import { join } from 'node:path';

import { AllotError, describeError, isAllotError } from './errors';
import { invariant } from './invariant';
import {
  encodeFileHeader,
  encodeGroup,
  encodeRecords,
  encodeSnapshotEnd,
  fileHeaderBytes,
  scanJournalFile,
  type JournalFileKind,
  type JournalRecord,
  type JournalScan,
} from './journal-format';
import { nodeJournalFiles, type JournalFile, type JournalFiles } from './journal-files';

export type { JournalRecord } from './journal-format';

export interface JournalOptions {
  /** Created if missing. Belongs to the journal alone. */
  readonly directory: string;
  /** Default: the machine's own file system. */
  readonly files?: JournalFiles;
  /** Bytes that may wait for the disk, default 256 MiB. Beyond them the disk is taken for stuck, and the journal fails (J4). */
  readonly queueBytesMax?: number;
  /** A log is worth compacting from this size on, default 4 MiB: smaller ones are read in milliseconds. See {@link Journal.compactionDue}. */
  readonly compactionBytesMin?: number;
}

/** Called once, never inside the call that asked. `failure`: JOURNAL_FAILED or JOURNAL_CLOSED; whether the records are on disk is unknown. */
export type JournalDone = (failure: AllotError | undefined) => void;

export interface OpenedJournal {
  readonly journal: Journal;
  /** Everything recovered, oldest first. Views into larger buffers: copy what is kept for long. */
  readonly records: readonly JournalRecord[];
  /** Bytes of a last write that had not arrived whole, now cut off; 0 after an orderly end. Worth a log line. */
  readonly tornBytes: number;
}

/** Appends that share one write and one sync hold at most about this much: enough for thousands, small beside a second of disk time. */
const groupBytesMax = 4 * 1024 * 1024;
/** Snapshot bytes encoded in one turn of the event loop. */
const snapshotGroupBytesMax = 512 * 1024;

type Work =
  | { readonly kind: 'append'; readonly body: Buffer; readonly done: JournalDone }
  | { readonly kind: 'compact'; readonly records: readonly JournalRecord[]; readonly done: JournalDone };

export class Journal {
  private queue: Work[] = [];
  private queueBytes = 0;
  private failure: AllotError | undefined;
  /** Set by the first close. */
  private closing: Promise<void> | undefined;
  /** Runs while there is work; never rejects. */
  private working: Promise<void> | undefined;
  /** The snapshot being written beside the log; never rejects. */
  private snapshotting: Promise<void> | undefined;
  private compactionsOpen = 0;

  private constructor(
    private readonly directory: string,
    private readonly files: JournalFiles,
    private readonly limits: { readonly queueBytesMax: number; readonly compactionBytesMin: number },
    private readonly unlock: () => Promise<void>,
    private log: { file: JournalFile; generation: number; groups: number },
    private logBytes: number,
    private snapshotBytes: number,
  ) {}

  /**
   * Opens or creates the journal in a directory and recovers its records. Throws AllotError: DIRECTORY_LOCKED, JOURNAL_CORRUPT (J5),
   * JOURNAL_FAILED.
   */
  static async open(options: JournalOptions): Promise<OpenedJournal> {
    const { directory, files = nodeJournalFiles } = options;
    const limits = {
      queueBytesMax: options.queueBytesMax ?? 256 * 1024 * 1024,
      compactionBytesMin: options.compactionBytesMin ?? 4 * 1024 * 1024,
    };
    const attempt = <T>(operation: string, promise: Promise<T>): Promise<T> => attemptIn(directory, operation, promise);
    await attempt('creating the directory', files.makeDirectory(directory));
    const unlock = await attempt('locking the directory', files.lock(directory));
    try {
      const recovered = await recover(directory, files);
      return {
        journal: new Journal(directory, files, limits, unlock, recovered.log, recovered.logBytes, recovered.snapshotBytes),
        records: recovered.records,
        tornBytes: recovered.tornBytes,
      };
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /** Whether the log has outgrown the snapshot, so that {@link compact} now costs no more than was appended since the last time. */
  get compactionDue(): boolean {
    return this.compactionsOpen === 0 && this.failure === undefined && this.closing === undefined && this.logBytes >= Math.max(this.limits.compactionBytesMin, this.snapshotBytes);
  }

  /** Appends records, all or none of which survive (J1, J2). Payloads are copied before the call returns. */
  append(records: readonly JournalRecord[], done: JournalDone): void {
    this.enqueue(() => ({ kind: 'append', body: encodeRecords(records), done }), done);
  }

  /**
   * Replaces everything appended before this call by `records`, which the caller promises to mean the same (J3). Appends go on meanwhile; `records`
   * and payloads must not change until `done`. One compaction at a time.
   */
  compact(records: readonly JournalRecord[], done: JournalDone): void {
    invariant(this.compactionsOpen === 0 || this.failure !== undefined, 'A journal is compacted once at a time');
    this.enqueue(() => {
      this.compactionsOpen += 1;
      return { kind: 'compact', records, done };
    }, done);
  }

  /** Finishes what was asked for, then closes the files and gives the directory back. Never rejects; failures went to the `done`s. */
  close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  private async finish(): Promise<void> {
    while (this.working !== undefined || this.snapshotting !== undefined) await Promise.all([this.working, this.snapshotting]);
    await this.log.file.close().catch(() => undefined); // All acknowledged bytes are synced: a failing close loses nothing.
    await this.unlock().catch(() => undefined); // A lock file that stays behind is stale as soon as this process ends.
  }

  private enqueue(make: () => Work, done: JournalDone): void {
    const refusal = this.failure ?? (this.closing !== undefined ? new AllotError({ code: 'JOURNAL_CLOSED', directory: this.directory }) : undefined);
    if (refusal !== undefined) {
      process.nextTick(done, refusal);
      return;
    }
    const work = make();
    this.queue.push(work);
    this.queueBytes += bytesOf(work);
    if (this.queueBytes > this.limits.queueBytesMax) {
      this.fail('waiting for the disk', new Error(`${this.queueBytes} bytes wait to be written, more than ${this.limits.queueBytesMax}`));
    }
    // Begins after the caller's turn, so that all it appends in this turn shares one write.
    this.working ??= Promise.resolve().then(() => this.work());
  }

  private async work(): Promise<void> {
    let next: Work | undefined;
    while (this.failure === undefined && (next = this.queue[0]) !== undefined) {
      if (next.kind === 'append') {
        await this.commit(this.takeGroup());
      } else {
        this.queue.shift();
        await this.rotate(next.records, next.done);
      }
    }
    const { failure } = this;
    if (failure !== undefined) {
      for (const work of this.queue) process.nextTick(work.done, failure);
      this.queue = [];
      this.queueBytes = 0;
    }
    this.working = undefined;
  }

  /** The appends at the head of the queue that make one group: at least one. */
  private takeGroup(): (Work & { kind: 'append' })[] {
    const group: (Work & { kind: 'append' })[] = [];
    let bytes = 0;
    for (const work of this.queue) {
      if (work.kind !== 'append' || (group.length > 0 && bytes + work.body.length > groupBytesMax)) break;
      group.push(work);
      bytes += work.body.length;
    }
    this.queue = this.queue.slice(group.length);
    return group;
  }

  private async commit(appends: readonly (Work & { kind: 'append' })[]): Promise<void> {
    const group = encodeGroup(this.log.groups, appends.map((append) => append.body));
    const path = this.path('log', this.log.generation);
    try {
      await attemptIn(this.directory, `writing ${path}`, this.log.file.write(group));
      await attemptIn(this.directory, `syncing ${path}`, this.log.file.sync());
    } catch (error) {
      this.fail(`writing ${path}`, error, appends.map((append) => append.done));
      return;
    }
    this.log.groups += 1;
    this.logBytes += group.length;
    for (const append of appends) {
      this.queueBytes -= bytesOf(append);
      process.nextTick(append.done, undefined);
    }
  }

  /** Step 1 of J3, then starts step 2. */
  private async rotate(records: readonly JournalRecord[], done: JournalDone): Promise<void> {
    const generation = this.log.generation + 1;
    try {
      const file = await createLog(this.directory, this.files, generation);
      const old = this.log.file;
      this.log = { file, generation, groups: 0 };
      await attemptIn(this.directory, 'closing the old log', old.close());
    } catch (error) {
      this.fail(`creating ${this.path('log', generation)}`, error, [done]);
      return;
    }
    const logBytesBefore = this.logBytes;
    this.snapshotting = this.writeSnapshot(generation, records).then(
      (bytes) => {
        this.snapshotting = undefined;
        this.snapshotBytes = bytes;
        this.logBytes -= logBytesBefore;
        this.compactionsOpen -= 1;
        process.nextTick(done, undefined);
      },
      (error: unknown) => {
        this.snapshotting = undefined;
        this.fail(`writing ${this.path('snapshot', generation)}`, error, [done]);
      },
    );
  }

  /** Steps 2 and 3 of J3. */
  private async writeSnapshot(generation: number, records: readonly JournalRecord[]): Promise<number> {
    const path = this.path('snapshot', generation);
    const temporary = `${path}${temporarySuffix}`;
    const attempt = <T>(operation: string, promise: Promise<T>): Promise<T> => attemptIn(this.directory, operation, promise);
    const file = await attempt(`creating ${temporary}`, this.files.create(temporary));
    let bytes = 0;
    try {
      const write = async (part: Buffer): Promise<void> => {
        bytes += part.length;
        await attempt(`writing ${temporary}`, file.write(part));
      };
      await write(encodeFileHeader('snapshot', generation));
      let groups = 0;
      for (const part of partsOf(records)) await write(encodeGroup(groups++, [encodeRecords(part)]));
      await write(encodeSnapshotEnd(groups));
      await attempt(`syncing ${temporary}`, file.sync());
    } finally {
      await file.close();
    }
    await attempt(`renaming ${temporary}`, this.files.rename(temporary, path));
    await attempt(`syncing ${this.directory}`, this.files.syncDirectory(this.directory));
    await attempt('removing older files', removeOlder(this.directory, this.files, generation));
    return bytes;
  }

  /** Enters the failed state (J4) and tells `first`. Who waits in the queue is told by {@link work}, after those before it (J1). */
  private fail(operation: string, error: unknown, first: readonly JournalDone[] = []): void {
    const failure = isAllotError(error) ? error : journalFailed(this.directory, operation, error);
    this.failure ??= failure;
    for (const done of first) process.nextTick(done, this.failure);
  }

  private path(kind: JournalFileKind, generation: number): string {
    return join(this.directory, fileName(kind, generation));
  }
}

function bytesOf(work: Work): number {
  return work.kind === 'append' ? work.body.length : 0;
}

/** Cuts records into parts of about {@link snapshotGroupBytesMax}. */
function* partsOf(records: readonly JournalRecord[]): Generator<readonly JournalRecord[]> {
  let part: JournalRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    part.push(record);
    bytes += record.payload.length;
    if (bytes >= snapshotGroupBytesMax) {
      yield part;
      part = [];
      bytes = 0;
    }
  }
  if (part.length > 0) yield part;
}

const temporarySuffix = '.tmp';

/** `log-0000000007`: the digits make the listing sort by age. */
function fileName(kind: JournalFileKind, generation: number): string {
  return `${kind}-${String(generation).padStart(10, '0')}`;
}

/** Generations present, ascending. */
function generationsOf(kind: JournalFileKind, names: readonly string[]): number[] {
  const pattern = new RegExp(`^${kind}-(\\d{10})$`);
  return names
    .map((name) => pattern.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

async function createLog(directory: string, files: JournalFiles, generation: number): Promise<JournalFile> {
  const path = join(directory, fileName('log', generation));
  const file = await attemptIn(directory, `creating ${path}`, files.create(path));
  try {
    await attemptIn(directory, `writing ${path}`, file.write(encodeFileHeader('log', generation)));
    await attemptIn(directory, `syncing ${path}`, file.sync());
    await attemptIn(directory, `syncing ${directory}`, files.syncDirectory(directory));
    return file;
  } catch (error) {
    await file.close().catch(() => undefined); // The first failure tells more.
    throw error;
  }
}

/** Removes what no longer counts once `generation` has a snapshot (J3). */
async function removeOlder(directory: string, files: JournalFiles, generation: number): Promise<void> {
  const names = await files.list(directory);
  for (const kind of ['snapshot', 'log'] as const) {
    for (const old of generationsOf(kind, names)) {
      if (old < generation) await files.remove(join(directory, fileName(kind, old)));
    }
  }
}

interface Recovered {
  readonly log: { file: JournalFile; generation: number; groups: number };
  readonly logBytes: number;
  readonly snapshotBytes: number;
  readonly records: readonly JournalRecord[];
  readonly tornBytes: number;
}

async function recover(directory: string, files: JournalFiles): Promise<Recovered> {
  const attempt = <T>(operation: string, promise: Promise<T>): Promise<T> => attemptIn(directory, operation, promise);
  const names = await attempt('listing the directory', files.list(directory));
  for (const name of names) {
    if (/^snapshot-\d{10}\.tmp$/.test(name)) await attempt(`removing ${name}`, files.remove(join(directory, name)));
  }
  const snapshotGeneration = generationsOf('snapshot', names).at(-1);
  // A crash may have come before these names were durable. From here on they count: older files go, and records are acted upon.
  await attempt(`syncing ${directory}`, files.syncDirectory(directory));
  const first = snapshotGeneration ?? 0;
  const logs = generationsOf('log', names).filter((generation) => generation >= first);
  if (snapshotGeneration === undefined && logs.length === 0) {
    const file = await createLog(directory, files, 0);
    return { log: { file, generation: 0, groups: 0 }, logBytes: 0, snapshotBytes: 0, records: [], tornBytes: 0 };
  }
  if (logs.length === 0) throw missingFile(directory, first);
  logs.forEach((generation, index) => {
    if (generation !== first + index) throw missingFile(directory, first + index);
  });

  const records: JournalRecord[] = [];
  let snapshotBytes = 0;
  if (snapshotGeneration !== undefined) {
    const scan = await readScan(directory, files, 'snapshot', snapshotGeneration);
    // It got its name only after it was whole and synced: whatever is wrong with it is damage.
    if (scan.end.kind !== 'closed') throw corrupt(directory, 'snapshot', snapshotGeneration, scan.validBytes, 'the snapshot is not whole');
    for (const record of scan.records) records.push(record);
    snapshotBytes = scan.validBytes;
    await attempt('removing older files', removeOlder(directory, files, snapshotGeneration));
  }

  let logBytes = 0;
  let last: (JournalScan & { readonly fileBytes: number }) | undefined;
  for (const [index, generation] of logs.entries()) {
    last = await readScan(directory, files, 'log', generation);
    // A log was whole and synced before the next one was begun.
    if (last.end.kind === 'torn' && index < logs.length - 1) throw corrupt(directory, 'log', generation, last.validBytes, 'the log is cut short');
    for (const record of last.records) records.push(record);
    logBytes += last.validBytes;
  }
  const generation = logs.at(-1);
  invariant(last !== undefined && generation !== undefined, 'At least one log was read');

  const tornBytes = last.fileBytes - last.validBytes;
  let file: JournalFile;
  if (last.validBytes < fileHeaderBytes) {
    file = await createLog(directory, files, generation);
  } else {
    const path = join(directory, fileName('log', generation));
    file = await attempt(`opening ${path}`, files.reopen(path, last.validBytes));
  }
  return { log: { file, generation, groups: last.groups }, logBytes, snapshotBytes, records, tornBytes };
}

async function readScan(directory: string, files: JournalFiles, kind: JournalFileKind, generation: number): Promise<JournalScan & { readonly fileBytes: number }> {
  const path = join(directory, fileName(kind, generation));
  const bytes = await attemptIn(directory, `reading ${path}`, files.read(path));
  const scan = scanJournalFile(bytes, kind, generation);
  if (scan.end.kind === 'damaged') throw corrupt(directory, kind, generation, scan.end.offset, scan.end.detail);
  return { ...scan, fileBytes: bytes.length };
}

function corrupt(directory: string, kind: JournalFileKind, generation: number, offset: number, detail: string): AllotError {
  return new AllotError({ code: 'JOURNAL_CORRUPT', file: join(directory, fileName(kind, generation)), offset, detail });
}

function missingFile(directory: string, logGeneration: number): AllotError {
  return corrupt(directory, 'log', logGeneration, 0, 'the file is missing, though files beside it need it');
}

function journalFailed(directory: string, operation: string, cause: unknown): AllotError {
  return new AllotError({ code: 'JOURNAL_FAILED', directory, operation, detail: describeError(cause) }, { cause });
}

async function attemptIn<T>(directory: string, operation: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw isAllotError(error) ? error : journalFailed(directory, operation, error);
  }
}
