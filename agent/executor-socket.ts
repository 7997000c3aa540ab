// Executor socket: where executors find their agent.
//
// Owns:      the path of the agent's unix socket, the directory around it, and who may connect.
// Elsewhere: listening (proto/grpc-channel.ts), who may subscribe there (tokens, core/executor-sessions.ts).
// Invariants:
//   S1. The path depends on the work directory alone: an executor finds the next life of its agent where it found the last one.
//   S2. The path has at most 100 bytes, whatever the work directory: the system takes 107, and clients of other languages some fewer.
//   S3. Nobody but the agent's user can make or replace anything beside the socket.
//   S4. Who may pass the directory may connect: that takes the right to write to the socket itself, which a umask takes from others.
// Source: unix(7), sun_path and "Pathname socket ownership and permissions"; our choice of places.

import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { AllotError, describeError } from '../common/errors';

/** S2. */
export const socketPathBytesMax = 100;

export interface ExecutorSocketOptions {
  readonly workDir: string;
  /** Whether executors may run as other users than the agent's, who then have to reach the socket. They still need a token. */
  readonly isForOtherUsers: boolean;
  /** Where a short path is found for a long work directory. Default `/tmp`: not TMPDIR, which may differ in the next life (S1). */
  readonly shortDirectory?: string;
}

/** Makes the directory ready (S3) and returns the socket's path. Throws AllotError OPERATION_FAILED. */
export function prepareExecutorSocket({ workDir, isForOtherUsers, shortDirectory = '/tmp' }: ExecutorSocketOptions): string {
  const path = executorSocketPath(workDir, shortDirectory);
  const directory = join(path, '..');
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const found = lstatSync(directory);
    // In a directory that everybody may write to, somebody else may have been first.
    if (!found.isDirectory() || found.uid !== process.getuid?.()) throw new Error('it belongs to somebody else; remove it, or choose a shorter --work-dir');
    // 0711: others may pass to a name that they know, and see nothing.
    chmodSync(directory, isForOtherUsers ? 0o711 : 0o700);
  } catch (error) {
    throw new AllotError({ code: 'OPERATION_FAILED', action: `prepare the directory ${directory} for the socket of executors`, detail: describeError(error) }, { cause: error });
  }
  return path;
}

/** Lets the executors at `path` in (S4). Once the server listens there, which makes the socket anew. Throws AllotError OPERATION_FAILED. */
export function admitExecutors(path: string, isForOtherUsers: boolean): void {
  try {
    chmodSync(path, isForOtherUsers ? 0o666 : 0o600);
  } catch (error) {
    throw new AllotError({ code: 'OPERATION_FAILED', action: `let executors connect to ${path}`, detail: describeError(error) }, { cause: error });
  }
}

/** In the work directory if that is short enough, else in a directory named after it. */
function executorSocketPath(workDir: string, shortDirectory: string): string {
  const path = join(resolve(workDir), 'run', 'executors.sock');
  if (Buffer.byteLength(path) <= socketPathBytesMax) return path;
  const name = createHash('sha256').update(resolve(workDir)).digest('hex').slice(0, 16);
  return join(shortDirectory, `allot-${name}`, 'executors.sock');
}
