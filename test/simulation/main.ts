// The simulation as a command: many seeds, one line each that fails.
//
// Owns:      reading `--seeds 1-1000 --minutes 3 --verbose`, running them, telling what failed and how to see it again.
// Elsewhere: a run (simulation.ts).
// Source: our choice.

import { parseArgs } from 'node:util';
import { simulate, type SimulationOutcome } from './simulation';

interface Wish {
  readonly from: number;
  readonly to: number;
  readonly faultMinutes: number | undefined;
  readonly verbose: boolean;
}

function readWish(): Wish | string {
  let values: { seeds?: string | undefined; minutes?: string | undefined; verbose?: boolean | undefined };
  try {
    ({ values } = parseArgs({ options: { seeds: { type: 'string' }, minutes: { type: 'string' }, verbose: { type: 'boolean' } }, strict: true }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(values.seeds ?? '1-100') ?? [];
  if (from === undefined) return `--seeds: current value is "${values.seeds}", expected a number or a range such as 1-1000`;
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  if (minutes !== undefined && !(minutes > 0)) return `--minutes: current value is "${values.minutes}", expected minutes > 0`;
  return { from: Number(from), to: Number(to ?? from), faultMinutes: minutes, verbose: values.verbose === true };
}

/** What went wrong, the last part of the trace, and how to see it again. */
export function describeFailure(outcome: SimulationOutcome): string {
  const { seed, failure, tail } = outcome;
  return [
    `Seed ${seed} failed: ${failure?.invariant}`,
    `  ${failure?.detail}`,
    ...(failure?.stack === undefined ? [] : [failure.stack]),
    'The last part of the trace:',
    ...tail.map((line) => `  ${line.length > 400 ? `${line.slice(0, 400)}…` : line}`),
    `Seed ${seed} failed: ${failure?.invariant}: ${failure?.detail.split('\n')[0]}`,
    `To see it again: make sim SEEDS=${seed}`,
  ].join('\n');
}

async function main(): Promise<number> {
  const wish = readWish();
  if (typeof wish === 'string') {
    process.stderr.write(`${wish}\n`);
    return 1;
  }
  const failed: number[] = [];
  let virtualMs = 0;
  let eventCount = 0;
  const counts = new Map<string, number>();
  for (let seed = wish.from; seed <= wish.to; seed += 1) {
    const outcome = await simulate({
      seed,
      ...(wish.faultMinutes !== undefined && { faultMinutes: wish.faultMinutes }),
      ...(wish.verbose && { trace: (line) => process.stdout.write(`${line}\n`) }),
    });
    virtualMs += outcome.virtualMs;
    eventCount += outcome.eventCount;
    for (const [name, count] of Object.entries(outcome.counts)) counts.set(name, (counts.get(name) ?? 0) + count);
    if (outcome.failure) {
      failed.push(seed);
      process.stdout.write(`${describeFailure(outcome)}\n\n`);
    }
  }
  const hours = (virtualMs / 3_600_000).toFixed(1);
  process.stdout.write(`${wish.to - wish.from + 1} seeds, ${hours} virtual hours, ${eventCount} events; ${[...counts].map(([name, count]) => `${count} ${name}`).join(', ')}\n`);
  process.stdout.write(failed.length === 0 ? 'Everything held\n' : `${failed.length} seeds failed: ${failed.join(', ')}\n`);
  return failed.length === 0 ? 0 : 1;
}

if (require.main === module) {
  void main().then((status) => {
    process.exitCode = status;
  });
}
