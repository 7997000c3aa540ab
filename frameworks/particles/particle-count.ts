// Particle count: what counting a run of whole lines gives.
//
// Owns:      the result of a chunk and of a file, which is the same thing; putting chunks together; its JSON between executor and scheduler.
// Elsewhere: the counting (count.ts), the numbers (tally.ts), the cutting (chunks.ts).
// Invariants:
//   C1. Counting lines and then appending equals appending lines and then counting: the count of a file is the append, in file order, of the
//       counts of its chunks, however it was cut.
//   C2. Line numbers are counted from the beginning of the run. An executor knows nothing of what is before its chunk; `append` shifts the
//       numbers by the lines of what went before, so they are right once all earlier chunks are in.

import { MalformedLine, SHOWN_LENGTH_MAX } from './malformed-line';
import { accepted, Checked, refused } from './refusal';
import { Tally, TallyJson } from './tally';

/** Malformed lines kept with their explanation: the first ones of a run. All are counted. Ten fill a screen's attention, and bound a message. */
export const KEPT_MALFORMED_MAX = 10;

/** The count of a run of whole lines. */
export interface ParticleCount {
  readonly tally: Tally;
  /** Lines of every kind, comments and blank lines too. */
  readonly lines: number;
  /** The first {@link KEPT_MALFORMED_MAX} malformed lines in order. */
  readonly malformedLines: readonly MalformedLine[];
}

/** The count of no lines. */
export function emptyCount(): ParticleCount {
  return { tally: new Tally(), lines: 0, malformedLines: [] };
}

/** The counts of consecutive runs, in file order, as one (C1). None of them is changed. */
export function appendCounts(counts: Iterable<ParticleCount>): ParticleCount {
  const tally = new Tally();
  const malformedLines: MalformedLine[] = [];
  let lines = 0;
  for (const count of counts) {
    tally.merge(count.tally);
    for (const line of count.malformedLines) {
      if (malformedLines.length < KEPT_MALFORMED_MAX) malformedLines.push({ ...line, lineNumber: lines + line.lineNumber });
    }
    lines += count.lines;
  }
  return { tally, lines, malformedLines };
}

/** A count as an executor sends it. */
export interface ParticleCountJson {
  readonly tally: TallyJson;
  readonly lines: number;
  readonly malformedLines: readonly MalformedLine[];
}

export function particleCountToJson(count: ParticleCount): ParticleCountJson {
  return { tally: count.tally.toJSON(), lines: count.lines, malformedLines: count.malformedLines };
}

/** Reads what {@link particleCountToJson} gave, after JSON.parse. Refuses what no counter gives. */
export function particleCountFromJson(json: unknown): Checked<ParticleCount> {
  if (typeof json !== 'object' || json === null) return refused('count', json, 'an object with tally, lines and malformedLines');
  const { tally: tallyJson, lines, malformedLines } = json as Record<string, unknown>;
  const tally = Tally.fromJSON(tallyJson);
  if (!tally.ok) return { ok: false, refusal: { ...tally.refusal, field: `tally.${tally.refusal.field}` } };
  const linesMin = tally.value.particles + tally.value.malformed;
  if (!Number.isSafeInteger(lines) || (lines as number) < linesMin) return refused('lines', lines, `a whole number of at least ${linesMin}`);
  const keptCount = Math.min(tally.value.malformed, KEPT_MALFORMED_MAX);
  if (!Array.isArray(malformedLines) || malformedLines.length !== keptCount) {
    return refused('malformedLines', malformedLines, `a list of the first ${keptCount} malformed lines`);
  }
  let previousNumber = 0;
  for (const [index, line] of (malformedLines as unknown[]).entries()) {
    if (!isMalformedLine(line) || line.lineNumber <= previousNumber || line.lineNumber > (lines as number)) {
      return refused(`malformedLines[${index}]`, line, `a malformed line after line ${previousNumber} and up to line ${String(lines)}`);
    }
    previousNumber = line.lineNumber;
  }
  return accepted({ tally: tally.value, lines: lines as number, malformedLines: malformedLines as MalformedLine[] });
}

/** Longest `expected` text that is believed: ours are shorter, and a report is for people. */
const EXPECTED_LENGTH_MAX = 200;

function isMalformedLine(value: unknown): value is MalformedLine {
  if (typeof value !== 'object' || value === null) return false;
  const line = value as Record<string, unknown>;
  return (
    Number.isSafeInteger(line['lineNumber']) &&
    ['a', 'b', 'c', 'line'].includes(line['field'] as string) &&
    typeof line['value'] === 'string' &&
    // Characters beyond the basic plane are two units long.
    line['value'].length <= 2 * SHOWN_LENGTH_MAX &&
    typeof line['expected'] === 'string' &&
    line['expected'].length <= EXPECTED_LENGTH_MAX
  );
}
