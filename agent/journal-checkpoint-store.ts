// The checkpoint store on a journal: what the agent remembers, on the disk of its machine.
//
// Owns:      opening the agent's journal, turning its bytes into records and back.
// Elsewhere: framing, group commit, crashes (common/journal.ts); the bytes of one record (proto/checkpoint-codec.ts); what to remember (core/).
// Invariants:
//   K1, K2 of checkpoint-store.ts, and:
//   S1. A journal with one record that cannot be read is refused whole: an agent that forgot a part of its past would tell its master lies.
//   S2. Only the agent's user can look into the journal: it has the tokens of executors, secrets of tasks, and what they were given and answered.
// Source: Mesos agent `--strict` recovery, without the lenient mode.

import { chmod } from 'node:fs/promises';

import { AllotError } from '../common/errors';
import { Journal, type JournalOptions, type JournalRecord } from '../common/journal';
import { nodeJournalFiles, type JournalFiles } from '../common/journal-files';
import { describeRefusal } from '../common/refusal';
import { decodeCheckpointRecord, encodeCheckpointRecord } from '../proto/checkpoint-codec';
import type { CheckpointStore } from './checkpoint-store';
import type { CheckpointRecord } from './core/agent-step';

export interface JournalCheckpointStoreOptions {
  /** Belongs to the checkpoint alone; created if missing. One agent at a time works in it. */
  readonly directory: string;
  /** What the journal runs on, for tests; default the machine's file system (S2). */
  readonly journal?: Pick<JournalOptions, 'files' | 'compactionBytesMin'>;
}

export interface OpenedCheckpoint {
  readonly store: JournalCheckpointStore;
  /** Everything remembered, oldest first. */
  readonly records: readonly CheckpointRecord[];
  /** Bytes of a write that the last life did not finish, cut off; worth a log line when above 0. */
  readonly tornBytes: number;
}

/** S2, also for the directory of an earlier release. The files in it need no more. */
const privateFiles: JournalFiles = {
  ...nodeJournalFiles,
  async makeDirectory(directory) {
    await nodeJournalFiles.makeDirectory(directory);
    await chmod(directory, 0o700);
  },
};

type Done = Parameters<CheckpointStore['append']>[1];

/** The one type of journal record: which of the checkpoint's records it is stands inside, in protobuf. */
const recordType = 1;

/**
 * Size at which the log is worth rewriting, 1 MiB: a thousand tasks or so. Smaller than the journal's own default, because an agent restarts more
 * often than it works hard, and what it reads at start stays in the memory of a small machine.
 */
const compactionBytesMin = 1024 * 1024;

export class JournalCheckpointStore implements CheckpointStore {
  private constructor(private readonly journal: Journal) {}

  /** Throws AllotError: DIRECTORY_LOCKED, JOURNAL_CORRUPT, JOURNAL_FAILED; OPERATION_FAILED for a record of another program (S1). */
  static async open({ directory, journal: options }: JournalCheckpointStoreOptions): Promise<OpenedCheckpoint> {
    const { journal, records, tornBytes } = await Journal.open({ directory, compactionBytesMin, files: privateFiles, ...options });
    try {
      return { store: new JournalCheckpointStore(journal), records: records.map((record, index) => decode(record, index, directory)), tornBytes };
    } catch (error) {
      await journal.close();
      throw error;
    }
  }

  get wantsSnapshot(): boolean {
    return this.journal.compactionDue;
  }

  append(records: readonly CheckpointRecord[], done: Done): void {
    this.journal.append(records.map(encode), (failure) => done(outcomeOf(failure)));
  }

  snapshot(records: readonly CheckpointRecord[], done: Done): void {
    this.journal.compact(records.map(encode), (failure) => done(outcomeOf(failure)));
  }

  /** Finishes what was asked for and gives the directory back. */
  close(): Promise<void> {
    return this.journal.close();
  }
}

function outcomeOf(failure: AllotError | undefined): Parameters<Done>[0] {
  return failure === undefined ? { ok: true } : { ok: false, detail: failure.message };
}

function encode(record: CheckpointRecord): JournalRecord {
  return { type: recordType, payload: encodeCheckpointRecord(record) };
}

function decode({ type, payload }: JournalRecord, index: number, directory: string): CheckpointRecord {
  const decoded = type === recordType ? decodeCheckpointRecord(payload) : undefined;
  if (decoded?.ok === true) return decoded.value;
  throw new AllotError({
    code: 'OPERATION_FAILED',
    action: `read the checkpoint in ${directory}`,
    detail: `record ${index} ${decoded === undefined ? `is of type ${type}, which this release does not know` : `is not understood (${describeRefusal(decoded.refusal)})`}; start the release that wrote it, or name another --work-dir`,
  });
}
