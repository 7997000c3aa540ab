// Regular files in places where somebody else may put something else.
//
// Owns:      opening a file only if it is one.
// Elsewhere: which files (posix-containerizer.ts).
// Invariants:
//   O1. No call waits for anybody: opening a pipe would wait for its other end, and with it the whole agent.
//   O2. No link is followed, and no file is opened that has a second name: neither leads to a file that its owner could not open himself.
// Source: open(2), O_NOFOLLOW, O_NONBLOCK; protected_hardlinks of proc(5), which not every kernel has switched on.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** `flags` as of open(2). Returns the descriptor, which the caller closes. Throws the system's error, or says that it is no regular file. */
export function openRegularFile(path: string, flags: number, mode?: number): number {
  const descriptor = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, mode);
  const stat = fstatSync(descriptor);
  if (stat.isFile() && stat.nlink === 1) return descriptor;
  closeSync(descriptor);
  throw new Error(`${path} is no regular file with just this name`);
}

/** The first `bytesMax` bytes as text. Throws as {@link openRegularFile}. */
export function readSmallFile(path: string, bytesMax: number): string {
  const descriptor = openRegularFile(path, constants.O_RDONLY);
  try {
    const buffer = Buffer.alloc(bytesMax);
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, bytesMax, 0));
  } finally {
    closeSync(descriptor);
  }
}
