// Invariants: how the code says "this cannot happen".
//
// Owns:      the one way to stop on a bug, and the exhaustiveness check of every switch over a union.
// Elsewhere: refusals that the protocol knows are values (refusal.ts); failures of the world are typed errors (errors.ts).
// Invariants:
//   V1. Nothing catches a BugError to carry on: the process reports it with its stack and ends with status 70.
// Source: our choice, because a state that should not exist must not spread.

/** A broken invariant: a bug of ours, never a mistake of a user or a failure of the world. */
export class BugError extends Error {
  readonly code = 'BUG';
  constructor(message: string) {
    super(message);
    this.name = 'BugError';
  }
}

/** Throws {@link BugError} unless `claim` holds. `message` says what was believed. */
export function invariant(claim: unknown, message: string): asserts claim {
  if (claim === undefined || claim === null || claim === false) throw new BugError(message);
}

/** Closes a switch over a union: a variant without a case does not compile, and an impossible value at run time is a bug. */
export function assertNever(value: never): never {
  throw new BugError(`Unexpected variant: ${JSON.stringify(value)}`);
}
