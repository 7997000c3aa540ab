// Violations: how a checker says that a promise of the product was broken.
//
// Owns:      the error, and the interface of checkers that watch a run.
// Elsewhere: the promises (the …-checker.ts files, each naming its own), the run that is stopped by a violation (simulation.ts).
// Invariants:
//   C1. Checkers keep their own books, from what can be seen on links, disks, in etcd and of containers. They share no code with what they check,
//       except the domain model's data types and, for registry facts, the codec.
// Source: DESIGN, "What the simulation asserts".

import type { ClusterSight } from '../../frameworks/sdk/testing';

/** A broken promise. `invariant` is the promise as one clause. */
export class Violation extends Error {
  constructor(
    readonly invariant: string,
    readonly detail: string,
  ) {
    super(`${invariant}: ${detail}`);
    this.name = 'Violation';
  }
}

/** Watches a run from outside; throws a {@link Violation} as soon as it sees one. */
export interface Checker {
  see(sight: ClusterSight): void;
}

export const isMaster = (host: string): boolean => host.startsWith('master-');
