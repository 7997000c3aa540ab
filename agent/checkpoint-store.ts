// The checkpoint port: how the agent remembers over a crash.
//
// Owns:      the interface and its promises.
// Elsewhere: the real one (journal-checkpoint-store.ts), the simulated one (frameworks/sdk/testing/), what to remember (core/).
// Invariants:
//   K1. `done({ok: true})` means synced to disk: it survives a crash of the machine.
//   K2. Records come back in the order in which they were appended; an unacknowledged tail may be missing, nothing else.

import type { CheckpointRecord } from './core/agent-step';

export interface CheckpointStore {
  append(records: readonly CheckpointRecord[], done: (outcome: { readonly ok: true } | { readonly ok: false; readonly detail: string }) => void): void;
  /** Whether so much has been appended since the last snapshot that a new one would pay. */
  readonly wantsSnapshot: boolean;
  /** Replaces everything appended so far by `records`, atomically. Asked for only while no append is outstanding. */
  snapshot(records: readonly CheckpointRecord[], done: (outcome: { readonly ok: true } | { readonly ok: false; readonly detail: string }) => void): void;
}
