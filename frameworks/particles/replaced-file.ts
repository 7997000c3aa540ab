// Replaced file: an output file that is either whole or not there.
//
// Owns:      writing under a temporary name beside the target and renaming when complete; cleaning up when not.
// Elsewhere: what is written (generate.ts, plot.ts).
// Source: our choice, because half a particle file looks like a whole one.

import { access, constants, FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileFailure, ParticleFailure } from './failure';

/**
 * Whether the file at `path` could be replaced as things are: for work that takes long and has its output written at its end.
 * @throws ParticleFailure CANNOT_WRITE if its folder is missing or not writable, or a folder is in its place
 */
export async function checkReplaceable(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK);
  } catch (error) {
    throw fileFailure('CANNOT_WRITE', path, error);
  }
  const existing = await stat(path).catch(() => undefined); // None is fine.
  if (existing?.isDirectory() === true) throw new ParticleFailure('CANNOT_WRITE', `Cannot write "${path}" as it is a folder`);
}

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
