// Replaced file: an output file that is either whole or not there.
//
// Owns:      writing under a temporary name beside the target and renaming when complete; cleaning up when not; what is no regular file.
// Elsewhere: what is written (generate.ts, plot.ts).
// Invariants:
//   E1. A link stays a link: the file that it leads to is replaced.
//   E2. What is no regular file (a pipe, a terminal, /dev/null) stays what it is: it is written into.
// Source: our choice, because half a particle file looks like a whole one.

import { access, constants, FileHandle, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileFailure, ParticleFailure } from './failure';

/**
 * Whether the file at `path` could be replaced as things are: for work that takes long and has its output written at its end.
 * @throws ParticleFailure CANNOT_WRITE if its folder is missing or not writable, or a folder is in its place
 */
export async function checkReplaceable(path: string): Promise<void> {
  try {
    const target = await targetOf(path);
    await access(target.kind === 'file' ? dirname(target.path) : path, constants.W_OK);
  } catch (error) {
    throw fileFailure('CANNOT_WRITE', path, error);
  }
}

/**
 * Replaces the file at `path` by what `write` writes into the handle, from its beginning to its end. The handle is closed here. If anything fails, the old
 * file stays as it was and the temporary one is removed.
 * @throws ParticleFailure CANNOT_WRITE if the file system refuses; whatever `write` throws otherwise
 */
export async function replaceFile(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    const target = await targetOf(path);
    if (target.kind === 'file') await replace(target.path, write);
    else await writeInto(path, write);
  } catch (error) {
    throw fileFailure('CANNOT_WRITE', path, error);
  }
}

async function replace(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  // The process id keeps two writers of the same target apart.
  const temporaryPath = `${path}.${process.pid}.partial`;
  try {
    await writeInto(temporaryPath, write);
    await rename(temporaryPath, path);
  } catch (error) {
    await rm(temporaryPath, { force: true });
    throw error;
  }
}

async function writeInto(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, 'w');
  try {
    await write(file);
  } finally {
    await file.close();
  }
}

/** The file to be replaced, which need not exist; or something else, which is written into. */
async function targetOf(path: string): Promise<{ readonly kind: 'file'; readonly path: string } | { readonly kind: 'other' }> {
  const existing = await unlessMissing(stat(path));
  if (existing === undefined) {
    // Nothing yet, or a link to nothing yet (E1).
    const link = await readlink(path).catch(() => undefined);
    return { kind: 'file', path: link === undefined ? path : resolve(dirname(path), link) };
  }
  if (existing.isDirectory()) throw new ParticleFailure('CANNOT_WRITE', `Cannot write "${path}" as it is a folder`);
  // A descriptor of ours by its name in /proc may be a file that has no name any more.
  const real = existing.isFile() ? await unlessMissing(realpath(path)) : undefined;
  return real === undefined ? { kind: 'other' } : { kind: 'file', path: real };
}

async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
