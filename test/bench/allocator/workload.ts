// Workloads: what `make bench-allocator` can be asked for.
//
// Owns:      the shape of a workload and its cells, how they are named on the command line.
// Elsewhere: the workloads themselves (the files beside this one), their processes and their order (main.ts).

import type { CellResult } from './measurement';

/** One size of a workload, measured in a process of its own. */
export interface Cell {
  /** `10000x500`; no spaces, because `make bench-allocator BENCH=decline:10000x500` asks for it alone. */
  readonly name: string;
  measure(): CellResult;
}

export interface Workload {
  /** The word for it on the command line. */
  readonly name: string;
  /** What is done, and what a reader must know to compare. */
  readonly title: string;
  readonly cells: readonly Cell[];
}

/** A workload with those of its cells that were asked for. */
export type Wanted = Workload;

/** What `words` ask for, in the order of `workloads`; no words ask for everything. A sentence when there is no such workload or cell. */
export function readWanted(workloads: readonly Workload[], words: readonly string[]): readonly Wanted[] | string {
  for (const word of words) {
    const [name = '', cellName] = splitOnce(word);
    const workload = workloads.find((candidate) => candidate.name === name);
    if (workload === undefined) return `There is no workload ${JSON.stringify(name)}, expected ${workloads.map((known) => known.name).join(', ')}`;
    if (cellName !== undefined && !workload.cells.some((cell) => cell.name === cellName)) {
      return `There is no cell ${JSON.stringify(cellName)} of workload ${name}, expected ${workload.cells.map((cell) => cell.name).join(', ')}`;
    }
  }
  if (words.length === 0) return workloads;
  return workloads.flatMap((workload) => {
    const cells = workload.cells.filter((cell) => words.includes(workload.name) || words.includes(`${workload.name}:${cell.name}`));
    return cells.length === 0 ? [] : [{ ...workload, cells }];
  });
}

function splitOnce(word: string): readonly string[] {
  const colon = word.indexOf(':');
  return colon < 0 ? [word] : [word.slice(0, colon), word.slice(colon + 1)];
}
