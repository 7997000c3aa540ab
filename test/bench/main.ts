// `make bench`: figures of this machine, as a table and as JSON.
//
// Owns:      which benchmarks there are, their order, where the JSON goes. `make bench BENCH="latency memory"` runs some of them.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { runMain } from '../../common/process';
import { projectRoot } from '../integration/logged-process';
import { latencyBench } from './latency-bench';
import { lifecycleBench } from './lifecycle-bench';
import { formatFigures, type Figure } from './measure';
import { memoryBench } from './memory-bench';
import { particlesBench } from './particles-bench';

const benches = new Map<string, () => Promise<readonly Figure[]>>([
  ['latency', latencyBench],
  ['lifecycle', lifecycleBench],
  ['particles', () => particlesBench(10_000_000)],
  ['memory', memoryBench],
]);

// Where it is set, each process that is started reads hundreds of certificates first: tens of milliseconds of every start that are the machine's, not ours.
delete process.env['NODE_EXTRA_CA_CERTS'];

runMain('bench', async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !benches.has(name));
  if (unknown !== undefined) {
    process.stderr.write(`There is no benchmark ${JSON.stringify(unknown)}, expected ${[...benches.keys()].join(', ')}\n`);
    process.exitCode = 1;
    return;
  }
  const figures: Figure[] = [];
  for (const [name, run] of benches) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    process.stderr.write(`Measuring ${name}\n`);
    figures.push(...(await run()));
  }
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memoryGb: Math.round(totalmem() / 2 ** 30), node: process.version };
  const folder = join(projectRoot(), '.allot', 'bench');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'figures.json');
  writeFileSync(file, `${JSON.stringify({ machine, figures }, undefined, 2)}\n`);
  process.stdout.write(`${formatFigures(figures)}\n\n${machine.cores} cores of ${machine.cpu}, ${machine.memoryGb} GB, Node ${machine.node}. JSON: ${file}\n`);
});
