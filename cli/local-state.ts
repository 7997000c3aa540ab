// Local state: what is known of a local cluster by whoever did not start it.
//
// Owns:      the file `local.json` in the cluster's directory.
// Elsewhere: the cluster (local-cluster.ts), the command (commands/local.ts).
// Invariants:
//   Z1. The file is there from when the cluster serves until it has ended, and is replaced whole: a reader sees all of it or none.
// Source: our choice, so that scripts can find and stop a cluster.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface LocalState {
  /** Of the process that keeps the cluster; SIGTERM ends all. */
  readonly pid: number;
  /** `host:port`. */
  readonly master: string;
  /** `host:port` of /metrics and /health. */
  readonly http: string;
  readonly agentCount: number;
}

export const stateFile = (directory: string): string => join(directory, 'local.json');

export function writeLocalState(directory: string, state: LocalState): void {
  mkdirSync(directory, { recursive: true });
  const file = stateFile(directory);
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

/** The state of a cluster that lives; undefined when there is none, also when one ended without tidying up. */
export function readLocalState(directory: string): LocalState | undefined {
  try {
    const state = JSON.parse(readFileSync(stateFile(directory), 'utf8')) as LocalState;
    return isAlive(state.pid) ? state : undefined;
  } catch {
    // No file, or none of ours: no cluster that could be talked to.
    return undefined;
  }
}

export function removeLocalState(directory: string): void {
  rmSync(stateFile(directory), { force: true });
}

/** Whether a process of that id exists. A reused id may fool us for as long as the file lies there after a kill -9 of the keeper. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
