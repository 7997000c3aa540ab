// Make directory: a folder with all that is missing above it.
//
// Owns:      creating level by level, durably.
// Invariants:
//   M1. When it returns, every name that was made is synced in its parent: what is synced inside survives a crash of the machine.
// Source: our choice; Node's own recursive mkdir never returns for a path below /proc (ENOENT makes it climb and try again for ever), and a mistyped
//         work directory must give an error, not a process that hangs.

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Makes `path` and its missing parents. Nothing happens when it is there. Throws what `mkdir` says of the first level that cannot be made. */
export function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile()) mkdirSync(path); // Says EEXIST, as for whatever else stands in the way.
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.push(at);
  for (const level of missing.reverse()) {
    try {
      mkdirSync(level);
      syncDirectory(dirname(level));
    } catch (error) {
      // Somebody else was faster.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
