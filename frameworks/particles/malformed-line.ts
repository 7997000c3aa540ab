// Malformed lines: what a particle file holds that is no particle.
//
// Owns:      how such a line is described, and what a job may do about it.
// Elsewhere: finding them (particle-text.ts), carrying them from chunk to file (particle-count.ts).

/** What a malformed line does to the job: `stop` ends it there, `count` counts the line as malformed and goes on. */
export const MALFORMED_POLICIES = ['stop', 'count'] as const;
export type MalformedPolicy = (typeof MALFORMED_POLICIES)[number];

/** A line that is neither a particle, nor a comment, nor blank. */
export interface MalformedLine {
  /** 1-based, counted from the beginning of what was read: the file, or one chunk of it (particle-count.ts turns one into the other). */
  readonly lineNumber: number;
  /** What is wrong: the coefficient `a`, `b` or `c`, or the `line` as a whole. */
  readonly field: 'a' | 'b' | 'c' | 'line';
  /** The offending text, at most {@link SHOWN_LENGTH_MAX} characters of it. */
  readonly value: string;
  /** What would have been accepted. */
  readonly expected: string;
}

/** Enough of a field to recognise it in an editor; a line may be a megabyte of rubbish. */
export const SHOWN_LENGTH_MAX = 60;

/** The fault alone, e.g. `b is "0x1F", expected a finite decimal number such as -1.5 or 2e3`. */
export function describeFault(line: MalformedLine): string {
  return `${line.field === 'line' ? 'it' : line.field} is ${JSON.stringify(line.value)}, expected ${line.expected}`;
}

/** One sentence for people, e.g. `line 7: b is "0x1F", expected a finite decimal number such as -1.5 or 2e3`. */
export function describeMalformedLine(line: MalformedLine): string {
  return `line ${line.lineNumber}: ${describeFault(line)}`;
}
