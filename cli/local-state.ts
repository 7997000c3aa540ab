// Local state: what is known of a local cluster by whoever did not start it.
//
// Owns:      the file `local.json` in the cluster's directory, and what of it is still true.
// Elsewhere: the cluster (local-cluster.ts), ending what is left of one (local-remains.ts), telling processes apart (process-identity.ts), the command
//            (commands/local.ts).
// Invariants:
//   Z1. The file is there from before the first process is started until the last has ended, and is replaced whole: a reader sees all of it or none.
//   Z2. A file whose processes are gone is as good as none, whoever has their process ids now (process-identity.ts, I1).
// Source: our choice, so that scripts can find and stop a cluster.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { bootId, isAlive, type ProcessIdentity } from './process-identity';

/** The master or an agent. */
export interface LocalChild extends ProcessIdentity {
  /** `master`, `agent-1`: also its work directory. */
  readonly name: string;
}

/** Of the process that keeps the cluster: SIGTERM ends all. */
export interface LocalState extends ProcessIdentity {
  /** What it has started so far. */
  readonly children: readonly LocalChild[];
  /** Once the cluster is up. */
  readonly cluster: LocalClusterAddress | undefined;
}

export interface LocalClusterAddress {
  /** `host:port`. */
  readonly master: string;
  /** `host:port` of /metrics and /health. */
  readonly http: string;
  readonly agentCount: number;
}

/** What runs in a directory. */
export type LocalFinding =
  | { readonly kind: 'none' }
  /** Its keeper lives. */
  | { readonly kind: 'kept'; readonly state: LocalState }
  /** Its keeper was killed in this boot of the machine. `alive`: who goes on without it; perhaps nobody, but for tasks. */
  | { readonly kind: 'left'; readonly children: readonly LocalChild[]; readonly alive: readonly LocalChild[] };

export const stateFile = (directory: string): string => join(directory, 'local.json');

/** Scripts find the address at the top, as long as the cluster is up. */
export function writeLocalState(directory: string, { cluster, ...state }: LocalState): void {
  mkdirSync(directory, { recursive: true });
  const file = stateFile(directory);
  writeFileSync(`${file}.new`, `${JSON.stringify({ ...state, ...cluster }, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

export function findLocalCluster(directory: string): LocalFinding {
  const state = readState(directory);
  if (state === undefined || state.boot !== bootId()) return { kind: 'none' };
  if (isAlive(state)) return { kind: 'kept', state };
  return { kind: 'left', children: state.children, alive: state.children.filter(isAlive) };
}

export function removeLocalState(directory: string): void {
  rmSync(stateFile(directory), { force: true });
}

function readState(directory: string): LocalState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(stateFile(directory), 'utf8'));
  } catch {
    // No file, or none of ours.
    return undefined;
  }
  const { children, master, http, agentCount } = Object(value) as Record<string, unknown>;
  if (!isIdentity(value) || !Array.isArray(children) || !children.every(isChild)) return undefined;
  const { pid, startedAt, boot } = value;
  const isUp = typeof master === 'string' && typeof http === 'string' && typeof agentCount === 'number';
  return { pid, startedAt, boot, children, cluster: isUp ? { master, http, agentCount } : undefined };
}

function isIdentity(value: unknown): value is ProcessIdentity {
  const { pid, startedAt, boot } = Object(value) as Record<string, unknown>;
  // Zero and less name groups of processes.
  return Number.isSafeInteger(pid) && Number(pid) > 0 && typeof startedAt === 'string' && typeof boot === 'string';
}

function isChild(value: unknown): value is LocalChild {
  const { name } = Object(value) as Record<string, unknown>;
  return isIdentity(value) && typeof name === 'string' && /^(master|agent-\d+)$/.test(name);
}
