// The embedded registry: durable facts and a certain leader, for one master that needs no etcd.
//
// Owns:      the facts in memory, their journal under the work directory, terms of a master that has no rival.
// Elsewhere: bytes on disk and the lock on the directory (common/journal.ts), what the facts say (core/, proto/registry-codec.ts), several masters
//            (etcd-registry.ts, etcd-election.ts).
// Invariants:
//   B1. Who holds the directory's lock is the only master: a candidate is elected at once, by nobody else's leave. A second master on the same
//       directory does not start.
//   B2. `committed` means synced to disk; facts are read only after everything written by earlier terms is synced, or known to have failed.
//   B3. Once the disk has failed nobody leads here any more: the journal takes no more writes, and the process has to start anew (journal J4).
// Source: Mesos's replicated log with a quorum of one; a journal of our own needs no native code.

import { AllotError } from '../common/errors';
import { invariant } from '../common/invariant';
import { Journal, type JournalOptions, type JournalRecord } from '../common/journal';
import type { Cancel, Candidacy, Election, ElectionHandlers, IdSource, Registry, RegistryOutcome, RegistryWrite } from '../common/ports';

export interface EmbeddedRegistryOptions {
  /** Belongs to the registry alone; created if missing. */
  readonly directory: string;
  readonly ids: IdSource;
  /** What the journal runs on, for tests; default the machine's file system. */
  readonly journal?: Pick<JournalOptions, 'files' | 'compactionBytesMin'>;
  /** The disk failed (B3). Called once at most, never inside a call. */
  readonly onFailure: (failure: AllotError) => void;
}

interface Term {
  readonly epoch: string;
  readonly candidacy: Candidacy;
}

/** Types of the journal's records. Numbers are never reused. */
const recordTypes = { put: 1, delete: 2 } as const;

export class EmbeddedRegistry implements Registry, Election {
  private term: Term | undefined;
  private candidacy: Candidacy | undefined;
  private failure: AllotError | undefined;

  private constructor(
    private readonly options: EmbeddedRegistryOptions,
    private readonly journal: Journal,
    /** As told to the journal, which may be ahead of the disk (B2). */
    private readonly facts: Map<string, Uint8Array>,
    /** Bytes of a write that the last life did not finish, cut off; worth a log line when above 0. */
    readonly tornBytes: number,
  ) {}

  /** Claims the directory and reads what is there. Throws AllotError: DIRECTORY_LOCKED (B1), JOURNAL_CORRUPT, JOURNAL_FAILED, OPERATION_FAILED. */
  static async open(options: EmbeddedRegistryOptions): Promise<EmbeddedRegistry> {
    const { journal, records, tornBytes } = await Journal.open({ directory: options.directory, ...options.journal });
    const facts = new Map<string, Uint8Array>();
    try {
      for (const record of records) apply(facts, decodeRecord(record, options.directory));
    } catch (error) {
      await journal.close();
      throw error;
    }
    return new EmbeddedRegistry(options, journal, facts, tornBytes);
  }

  campaign(address: string, handlers: ElectionHandlers): Candidacy {
    invariant(this.candidacy === undefined, 'A master stands once at a time');
    const candidacy: Candidacy = {
      holds: (epoch) => this.failure === undefined && this.term?.candidacy === candidacy && this.term.epoch === epoch,
      resign: (done) => {
        if (this.term?.candidacy === candidacy) this.term = undefined;
        if (this.candidacy === candidacy) this.candidacy = undefined;
        done?.();
      },
    };
    this.candidacy = candidacy;
    queueMicrotask(() => {
      if (this.candidacy !== candidacy) return;
      if (this.failure !== undefined) {
        handlers.trouble(this.failure.message);
        return;
      }
      // A UUID never comes again, in this life or another, and that is all that an epoch promises.
      const epoch = this.options.ids.uuid();
      this.term = { epoch, candidacy };
      handlers.leaderChanged(address);
      handlers.elected(epoch);
    });
    return candidacy;
  }

  load(epoch: string, done: Parameters<Registry['load']>[1]): Cancel {
    let cancelled = false;
    // An append of nothing is told after all appends before it: what an earlier term wrote is on disk by then, or has failed (B2).
    this.journal.append([], (failure) => {
      if (failure !== undefined) this.noteFailure(failure);
      if (cancelled) return;
      if (failure !== undefined) done({ kind: 'failed', detail: failure.message });
      else if (this.term?.epoch !== epoch) done({ kind: 'fenced' });
      else done({ kind: 'loaded', entries: [...this.facts].map(([key, value]) => ({ key, value })) });
    });
    return () => {
      cancelled = true;
    };
  }

  write(epoch: string, writes: readonly RegistryWrite[], done: (outcome: RegistryOutcome) => void): void {
    if (this.term?.epoch !== epoch) {
      queueMicrotask(() => done({ kind: 'fenced' }));
      return;
    }
    const records = writes.map(encodeRecord);
    // The journal copies what it is given, the facts are ours from here on.
    for (const record of records) apply(this.facts, decodeRecord(record, this.options.directory));
    this.journal.append(records, (failure) => {
      if (failure !== undefined) this.noteFailure(failure);
      done(failure === undefined ? { kind: 'committed' } : { kind: 'failed', detail: failure.message });
    });
    if (this.journal.compactionDue) this.compact();
  }

  /** Finishes what was asked for and gives the directory back. */
  async close(): Promise<void> {
    this.term = undefined;
    this.candidacy = undefined;
    await this.journal.close();
  }

  /** Shrinks the journal to the facts as they are, beside further writes. */
  private compact(): void {
    const records = [...this.facts].map(([key, value]) => encodeRecord({ kind: 'put', key, value }));
    this.journal.compact(records, (failure) => {
      if (failure !== undefined) this.noteFailure(failure);
    });
  }

  private noteFailure(failure: AllotError): void {
    if (this.failure !== undefined || failure.code === 'JOURNAL_CLOSED') return;
    this.failure = failure;
    queueMicrotask(() => this.options.onFailure(failure));
  }
}

function apply(facts: Map<string, Uint8Array>, write: RegistryWrite): void {
  if (write.kind === 'put') facts.set(write.key, write.value);
  else facts.delete(write.key);
}

/** put: bytes of the key's length (4, little-endian), key, value. delete: key. */
function encodeRecord(write: RegistryWrite): JournalRecord {
  const key = Buffer.from(write.key, 'utf8');
  if (write.kind === 'delete') return { type: recordTypes.delete, payload: key };
  const length = Buffer.alloc(4);
  length.writeUInt32LE(key.length);
  return { type: recordTypes.put, payload: Buffer.concat([length, key, write.value]) };
}

/** The write that a record tells of, in memory of its own. Records are whole (checksums), so what cannot be read was written by another program. */
function decodeRecord({ type, payload }: JournalRecord, directory: string): RegistryWrite {
  const bytes = Buffer.from(payload);
  if (type === recordTypes.delete) return { kind: 'delete', key: bytes.toString('utf8') };
  const valueAt = type === recordTypes.put && bytes.length >= 4 ? 4 + bytes.readUInt32LE(0) : Infinity;
  if (valueAt > bytes.length) {
    throw new AllotError({
      code: 'OPERATION_FAILED',
      action: `read the registry in ${directory}`,
      detail: `it holds a record of type ${type} that this release does not know; start the release that wrote it, or name another --work-dir`,
    });
  }
  return { kind: 'put', key: bytes.toString('utf8', 4, valueAt), value: bytes.subarray(valueAt) };
}
