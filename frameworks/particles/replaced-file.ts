// Replaced file: an output file that is either whole or not there.
//
// Owns:      writing under a temporary name beside the target and renaming when complete; cleaning up when not.
// Elsewhere: what is written (generate.ts, plot.ts).
// Source: our choice, because half a particle file looks like a whole one.

import { FileHandle, open, rename, rm } from 'node:fs/promises';
import { fileFailure } from './failure';

/**
 * Replaces the file at `path` by what `write` writes into the handle. The handle is closed here. If anything fails, the old file stays as it
 * was and the temporary one is removed.
 * @throws ParticleFailure CANNOT_WRITE if the file system refuses; whatever `write` throws otherwise
 */
export async function replaceFile(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  // The process id keeps two writers of the same target apart.
  const temporaryPath = `${path}.${process.pid}.partial`;
  try {
    const file = await open(temporaryPath, 'w');
    try {
      await write(file);
    } finally {
      await file.close();
    }
    await rename(temporaryPath, path);
  } catch (error) {
    await rm(temporaryPath, { force: true });
    throw fileFailure('CANNOT_WRITE', path, error);
  }
}
