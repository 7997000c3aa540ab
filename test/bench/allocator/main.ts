// `make bench-allocator`: Mesos's allocator workloads on ours, as tables beside the C++ figures, and as JSON.
//
// Owns:      which workloads there are, their order, one process per cell, where the JSON goes, the exit status: 1 when a count was not what the
//            workload says, or a cell broke. A time never fails anything.
// Elsewhere: the workloads (beside this file), tables and the closing list (report.ts).
//
// `make bench-allocator BENCH="full decline:1000x50"` measures some of them. `node --expose-gc --cpu-prof dist/test/bench/allocator/main.js --cell
// decline:1000x50` measures one in this very process, and prints the JSON that the table is made of.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { runMain } from '../../../common/process';
import { projectRoot } from '../../integration/logged-process';
import { declineOffers, filterMemory } from './decline-offers';
import { eventDriven } from './event-driven';
import { fullAllocation, fullAllocationOwnRoles } from './full-allocation';
import type { CellResult } from './measurement';
import { mixedFrameworks } from './mixed-frameworks';
import { quotaAgainstNone, smallAndLargeQuotas } from './quotas';
import { formatConditions, formatTargets, formatWorkload, summariseTargets, type Machine, type MeasuredCell } from './report';
import { scale } from './scale';
import { changes, singleEvent } from './single-event';
import { sorter } from './sorter';
import { suppression } from './suppression';
import { readWanted, type Wanted, type Workload } from './workload';

const workloads: readonly Workload[] = [
  fullAllocation,
  fullAllocationOwnRoles,
  eventDriven,
  declineOffers,
  sorter,
  smallAndLargeQuotas,
  quotaAgainstNone,
  mixedFrameworks,
  suppression,
  scale,
  singleEvent,
  changes,
  filterMemory,
];

runMain('bench-allocator', async (stop) => {
  const words = process.argv.slice(2);
  const isOneCell = words[0] === '--cell';
  const wanted = readWanted(workloads, isOneCell ? words.slice(1) : words);
  if (typeof wanted === 'string') {
    process.stderr.write(`${wanted}\n`);
    return 1;
  }
  if (globalThis.gc === undefined) process.stderr.write('Started without --expose-gc: memory in use is counted with garbage\n');
  return isOneCell ? measureHere(wanted) : measureAll(wanted, stop);
});

function measureHere(wanted: readonly Wanted[]): number {
  for (const { cells } of wanted) for (const cell of cells) process.stdout.write(`${JSON.stringify(cell.measure())}\n`);
  return 0;
}

async function measureAll(wanted: readonly Wanted[], stop: AbortSignal): Promise<number> {
  const machine: Machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    loadBefore: loadavg()[0] ?? NaN,
  };
  process.stdout.write(`${formatConditions(machine)}\n`);
  const measured: MeasuredCell[] = [];
  for (const workload of wanted) {
    const cells: MeasuredCell[] = [];
    for (const cell of workload.cells) {
      process.stderr.write(`Measuring ${workload.name}, ${cell.name}\n`);
      cells.push({ workload: workload.name, cell: cell.name, ...(await measureInProcess(`${workload.name}:${cell.name}`, stop)) });
    }
    measured.push(...cells);
    process.stdout.write(`\n${formatWorkload(workload, cells)}\n`);
  }
  const summaries = summariseTargets(measured);
  const folder = join(projectRoot(), '.allot', 'bench');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'allocator.json');
  writeFileSync(file, `${JSON.stringify({ machine, cells: measured, targets: summaries }, undefined, 2)}\n`);
  if (summaries.length > 0) process.stdout.write(`\n${formatTargets(summaries)}\n`);
  process.stdout.write(`\nJSON: ${file}\n`);
  const problems = measured.flatMap(({ workload, cell, problems: found }) => found.map((problem) => `${workload} ${cell}: ${problem}`));
  for (const problem of problems) process.stderr.write(`WRONG  ${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

/**
 * A cell in a process of its own, so that nobody's heap and nobody's compiled code is another's. It never waits, so it hears no signal before it is done:
 * a stop kills it.
 */
async function measureInProcess(name: string, stop: AbortSignal): Promise<CellResult> {
  const child = spawn(process.execPath, [...process.execArgv, __filename, '--cell', name], { stdio: ['ignore', 'pipe', 'inherit'], signal: stop, killSignal: 'SIGKILL' });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (status === 0) return JSON.parse(output) as CellResult;
  return { measurements: [], problems: [`Its process ended with ${signal ?? `status ${status}`}`] };
}
