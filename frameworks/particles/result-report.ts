// Result report: how a count is shown, the same whether one process or a cluster did the counting.
//
// Owns:      the printed report and the JSON result.
// Elsewhere: the numbers (tally.ts), the pictures (plot.ts), where the report goes (commands/).

import { describeMalformedLine } from './malformed-line';
import { ParticleCount } from './particle-count';
import { plotTerminal } from './plot';
import { printedCount } from './printed-number';

/** The JSON result: these keys and no others, so that two results can be compared as they are. */
export interface ResultJson {
  readonly particles: number;
  readonly negative: number;
  readonly positive: number;
  readonly origin: number;
  readonly never: number;
  readonly malformed: number;
}

export function resultJson(count: ParticleCount): ResultJson {
  const { particles, negative, positive, origin, never, malformed } = count.tally;
  return { particles, negative, positive, origin, never, malformed };
}

/**
 * The report for people, with the histogram, several lines that end in LF.
 * @param width columns of the terminal, as for {@link plotTerminal}
 */
export function resultReport(count: ParticleCount, width: number): string {
  const { tally } = count;
  const numberWidth = Math.max(...[tally.particles, tally.malformed].map((n) => printedCount(n).length));
  const row = (label: string, n: number): string => {
    const share = tally.particles === 0 ? '' : `  ${((100 * n) / tally.particles).toFixed(2).padStart(6)} %`;
    return `  ${label.padEnd(26)}${printedCount(n).padStart(numberWidth)}${share}`;
  };
  const lines = [
    `${'Particles'.padEnd(28)}${printedCount(tally.particles).padStart(numberWidth)}`,
    row('land on the negative side', tally.negative),
    row('land on the positive side', tally.positive),
    row('land at the origin', tally.origin),
    row('never land', tally.never),
  ];
  if (tally.malformed > 0) {
    lines.push(`${'Malformed lines'.padEnd(28)}${printedCount(tally.malformed).padStart(numberWidth)}`);
    lines.push(...count.malformedLines.map((line) => `  ${describeMalformedLine(line)}`));
    const untold = tally.malformed - count.malformedLines.length;
    if (untold > 0) lines.push(`  and ${printedCount(untold)} more`);
  }
  return `${lines.join('\n')}\n\n${plotTerminal(tally, width)}`;
}
