// Same file: an input that an executor finds on its own machine.
//
// Owns:      what tells that a path leads to the very file that a scheduler has open, and reading it from there.
// Elsewhere: fetching it from the scheduler when it does not (range-connection.ts), which of the two is tried first (piece-count.ts).
// Invariants:
//   M1. A file is taken for the scheduler's only if it is on the same running system, and the same file there, unchanged since: a copy of the same
//       name and size on another machine is not.
//   M2. No byte is kept here: a piece is read into one buffer, and is overwritten by the next one.
// Source: short-circuit local reads of HDFS (HDFS-347). A cluster brings the work to the data where it can: on a small one the machine that has the
//         input is often an agent itself, and serving bytes to oneself costs a seventh of counting them.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { accepted, refused, type Checked } from './refusal';
import { bootId } from './running-process';

/** Which file it is. Numbers that a double does not hold are decimal text. */
export interface FileIdentity {
  /** Absolute. */
  readonly path: string;
  /** Of the running system: two machines differ, and one before and after it was started. */
  readonly boot: string;
  readonly device: string;
  readonly inode: string;
  readonly sizeBytes: number;
  /** Nanoseconds since 1970: of the last write, and of the last change of any kind, which no program can set. */
  readonly modifiedNs: string;
  readonly changedNs: string;
}

/** Reads what `JSON.stringify` made of an identity. */
export function fileIdentityFromJson(json: unknown): Checked<FileIdentity> {
  if (typeof json !== 'object' || json === null) return refused('file', json, 'an object that tells a file from others');
  const { path, boot, device, inode, sizeBytes, modifiedNs, changedNs } = json as Readonly<Record<string, unknown>>;
  const texts = { path, boot, device, inode, modifiedNs, changedNs };
  for (const [field, value] of Object.entries(texts)) if (typeof value !== 'string') return refused(field, value, 'text');
  if (!Number.isSafeInteger(sizeBytes)) return refused('sizeBytes', sizeBytes, 'a whole number');
  return accepted({ ...(texts as Record<keyof typeof texts, string>), sizeBytes: sizeBytes as number });
}

/** The file at an absolute path; undefined where it cannot be told from others (no Linux). */
export async function identifyFile(path: string): Promise<FileIdentity | undefined> {
  const boot = bootId();
  return boot === undefined ? undefined : identityOf(path, boot, await stat(path, { bigint: true }));
}

/** Large enough that system calls disappear, small enough to stay in the second-level cache until it was counted. As count.ts has it. */
const BUFFER_BYTES = 256 * 1024;

/** Reads files that are the same, one at a time, and keeps the last one open. */
export class SameFileReader {
  private readonly buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  private opened: { readonly identity: string; readonly descriptor: number | undefined } | undefined;

  /**
   * Hands the bytes from `start` to before `end` to `take` in order, until it wants no more; a piece is valid during the call. False when the file is
   * not here (M1), or could not be read to the end: then what was handed on is of no use.
   */
  read(identity: FileIdentity, start: number, end: number, take: (piece: Uint8Array) => boolean): boolean {
    const descriptor = this.open(identity);
    if (descriptor === undefined) return false;
    try {
      for (let position = start; position < end; ) {
        const length = readSync(descriptor, this.buffer, 0, Math.min(BUFFER_BYTES, end - position), position);
        if (length === 0) return false;
        if (!take(this.buffer.subarray(0, length))) return true;
        position += length;
      }
      return true;
    } catch {
      // The disk, or the network behind it: the scheduler may be better off.
      return false;
    }
  }

  close(): void {
    if (this.opened?.descriptor !== undefined) closeSync(this.opened.descriptor);
    this.opened = undefined;
  }

  /** Looked at once: a file that is not here will not come. */
  private open(identity: FileIdentity): number | undefined {
    const wanted = JSON.stringify(identity);
    if (this.opened?.identity !== wanted) {
      this.close();
      this.opened = { identity: wanted, descriptor: openSame(identity) };
    }
    return this.opened.descriptor;
  }
}

function openSame(wanted: FileIdentity): number | undefined {
  try {
    const boot = bootId();
    if (boot === undefined || boot !== wanted.boot) return undefined;
    const descriptor = openSync(wanted.path, 'r');
    // Of what is open, not of what is at the path by then.
    const found = identityOf(wanted.path, boot, fstatSync(descriptor, { bigint: true }));
    if (Object.keys(found).every((key) => found[key as keyof FileIdentity] === wanted[key as keyof FileIdentity])) return descriptor;
    closeSync(descriptor);
    return undefined;
  } catch {
    // No such path here, or not for this user.
    return undefined;
  }
}

interface FileNumbers {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

function identityOf(path: string, boot: string, { dev, ino, size, mtimeNs, ctimeNs }: FileNumbers): FileIdentity {
  return { path, boot, device: String(dev), inode: String(ino), sizeBytes: Number(size), modifiedNs: String(mtimeNs), changedNs: String(ctimeNs) };
}
