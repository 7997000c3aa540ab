// Failure: the world or the input ends a particle command.
//
// Owns:      the one error that a command prints as one line, with exit status 1; turning errors of the file system into it.
// Elsewhere: bugs are any other error and end in a stack and status 70 (main.ts); refused input is a value (refusal.ts).

/** Why a command failed; test `code`, never the class (it differs between realms, and under Jest). */
export type ParticleFailureCode =
  | 'CANNOT_READ' // The file system refused to open or read the input, or the input became shorter under our hands.
  | 'INPUT_CHANGED' // The input was written to, or became another file, while it was counted.
  | 'CANNOT_WRITE' // The file system refused to write the output.
  | 'MALFORMED_LINE' // The input has a malformed line and the policy is `stop`.
  | 'CANNOT_SERVE' // The address at which agents are to fetch the input cannot be listened at.
  | 'STATE_MISMATCH' // The state of an earlier run is of another input.
  | 'STATE_IN_USE' // Another process is at work with the state.
  | 'JOB_FAILED' // A chunk could not be counted, or the cluster takes the job no more.
  | 'NOBODY_READS' // The pipe behind stdout was closed before the result was written.
  | 'INTERRUPTED' // A signal ended the job before it was complete.
  | 'BAD_OPTION'; // The value of an option is out of its range.

/** An expected failure. The message is one sentence without a period: what could not be done, the current value, the next step. */
export class ParticleFailure extends Error {
  constructor(
    readonly code: ParticleFailureCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ParticleFailure';
  }
}

/** The sentence for what the file system says most often; its own words for the rest. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission is denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
};

/** Turns an error of the file system into a failure that names the path; passes everything else on: it is a failure already, or a bug. */
export function fileFailure(code: 'CANNOT_READ' | 'CANNOT_WRITE', path: string, error: unknown): unknown {
  const systemCode = typeof error === 'object' && error !== null && 'syscall' in error && 'code' in error ? String(error.code) : undefined;
  if (systemCode === undefined) return error;
  const verb = code === 'CANNOT_READ' ? 'read' : 'write';
  return new ParticleFailure(code, `Cannot ${verb} "${path}" as ${REASONS[systemCode] ?? (error as Error).message}`, { cause: error });
}
