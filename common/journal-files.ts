// Journal files: what a journal needs of a file system.
//
// Owns:      the interface, and its real implementation on node:fs.
// Elsewhere: when which file is written, synced, renamed (journal.ts); the disk that fails and crashes (test/common/crashing-disk.ts).
// Invariants:
//   D1. Bytes are safe only after `sync` of their file, a name only after `syncDirectory` of its directory.
//   D2. Every method rejects with the system's own error; the journal gives it its meaning.
// Source: fsync(2), rename(2); our choice of cut.

import { open, readdir, readFile, rename, rm, type FileHandle } from 'node:fs/promises';

import { lockDirectory, type Unlock } from './directory-lock';
import { makeDirectory } from './make-directory';

/** An open file that only grows. One call at a time. */
export interface JournalFile {
  /** Appends all of `bytes`, or rejects with an unknown part of them written. */
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface JournalFiles {
  /** Creates the directory, and its parents, durably; does nothing when it exists. */
  makeDirectory(directory: string): Promise<void>;
  /** Claims the directory for this process. Throws AllotError DIRECTORY_LOCKED. */
  lock(directory: string): Promise<Unlock>;
  list(directory: string): Promise<readonly string[]>;
  read(path: string): Promise<Buffer>;
  /** A new, empty file; an older one of that name is emptied. */
  create(path: string): Promise<JournalFile>;
  /** An existing file, cut down to its first `bytes` bytes, which are synced: also those that an earlier process wrote and did not sync. */
  reopen(path: string, bytes: number): Promise<JournalFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  syncDirectory(directory: string): Promise<void>;
}

/** The machine's own file system. */
export const nodeJournalFiles: JournalFiles = {
  async makeDirectory(directory) {
    makeDirectory(directory);
  },
  lock: lockDirectory,
  list: (directory) => readdir(directory),
  read: (path) => readFile(path),
  async create(path) {
    return journalFile(await open(path, 'w', 0o644), 0);
  },
  async reopen(path, bytes) {
    const handle = await open(path, 'r+');
    try {
      await handle.truncate(bytes);
      await handle.sync();
    } catch (error) {
      await handle.close();
      throw error;
    }
    return journalFile(handle, bytes);
  },
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { force: true }),
  syncDirectory,
};

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function journalFile(handle: FileHandle, length: number): JournalFile {
  let position = length;
  return {
    async write(bytes) {
      let written = 0;
      while (written < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position);
        written += bytesWritten;
        position += bytesWritten;
      }
    },
    // The file's length is part of what fdatasync keeps; times of access are not, and cost another write.
    sync: () => handle.datasync(),
    close: () => handle.close(),
  };
}
