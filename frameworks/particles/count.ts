// Count: the plain counter, one process and one thread.
//
// Owns:      counting the particles of bytes and of a file; it is what an executor runs on each chunk, and the honest baseline of the cluster job.
// Elsewhere: reading text (particle-text.ts), landing (landing.ts), what comes out (particle-count.ts).

import { open } from 'node:fs/promises';
import { fileFailure } from './failure';
import { landingPlace } from './landing';
import { MalformedLine, MalformedPolicy } from './malformed-line';
import { KEPT_MALFORMED_MAX, ParticleCount } from './particle-count';
import { ParticleSink, ParticleTextReader } from './particle-text';
import { Tally } from './tally';

/** How counting ended. Under the policy `stop`, `stopped` names the first malformed line; its count is of the lines up to that one. */
export type CountOutcome =
  | { readonly kind: 'complete'; readonly count: ParticleCount }
  | { readonly kind: 'stopped'; readonly count: ParticleCount; readonly malformedLine: MalformedLine };

/** Counts particles piece by piece: `write` each piece of the text in order, then `end` once. */
export class ParticleCounter {
  private readonly tally = new Tally();
  private readonly malformedLines: MalformedLine[] = [];
  private readonly reader: ParticleTextReader;

  constructor(private readonly policy: MalformedPolicy) {
    this.reader = new ParticleTextReader(this.sink(), policy);
  }

  /** Takes the next piece, cut anywhere; it is not kept, so its buffer may be reused. False once nothing more is wanted. */
  write(piece: Uint8Array): boolean {
    return this.reader.write(piece);
  }

  /** Ends the text and tells the outcome. The counter must not be used afterwards. */
  end(): CountOutcome {
    this.reader.end();
    const count: ParticleCount = { tally: this.tally, lines: this.reader.lines, malformedLines: this.malformedLines };
    const malformedLine = this.malformedLines[0];
    return this.policy === 'stop' && malformedLine !== undefined ? { kind: 'stopped', count, malformedLine } : { kind: 'complete', count };
  }

  private sink(): ParticleSink {
    const { tally, malformedLines } = this;
    return {
      particle: (a, b, c) => tally.add(landingPlace(a, b, c)),
      malformed: (line) => {
        tally.addMalformed();
        if (malformedLines.length < KEPT_MALFORMED_MAX) malformedLines.push(line);
      },
    };
  }
}

/** Counts a run of whole lines at once, e.g. one chunk. Line numbers are counted from its first line (particle-count.ts, C2). */
export function countBytes(bytes: Uint8Array, policy: MalformedPolicy): CountOutcome {
  const counter = new ParticleCounter(policy);
  counter.write(bytes);
  return counter.end();
}

/** Each way through reading and landing once: signs, sizes, lengths and forms of numbers, straight flights, places at the origin, lines that are none. */
const EVERY_KIND = [
  ...['-4.090758316714123 -58.77007132803535 221.0251864234955', '4.090758316714123 58.77007132803535 -221.0251864234955', '2 1 7', '-1.5 2e1 3.25', '1e-3 +5 -1E+2'],
  ...['1 2 1', '1 -2 1', '-1 2 -1', '1 0 -4', '1 0 4', '-1 0 4', '2 3 0', '2 -3 0', '-2 3 0', '3 0 0'],
  ...['0 0 0', '0 0 1', '0 1 0', '0 2.5 1', '0 -1 -3', '123456789012345678 1.5 1234567890123456789012'],
  ...['1e-200 1e150 1e-100', '1e100 1 1e-300', '-1e200 1e300 1', '5e-324 1 -1', '3 3e-110 4', '3 3e-110 -4', '3 1e300 -4', '3 -1e300 -4', '-3 1e300 -4'],
  ...['# comment', '', ' 1\t2  3 '],
];

/** So often the engine begins to take notes of a function's operands; more only costs time. Measured. */
const REHEARSALS = 5;

/**
 * Counts a few lines of every kind for nothing, once in a thread before real work. The engine compiles the loop for what it has seen until then, and throws that
 * away at the first line of another kind, which in a large file comes tens of milliseconds later; a thread that has seen everything is compiled once.
 */
export function rehearse(): CountOutcome {
  return countBytes(Buffer.from(`${EVERY_KIND.join('\n')}\n`.repeat(REHEARSALS)), 'count');
}

/** Bytes read at a time: large enough that the system call disappears, small enough to stay in the second-level cache. */
const READ_BYTES = 256 * 1024;

/**
 * Counts the particles of a file, reading it once, piece by piece, into one buffer.
 * @throws ParticleFailure CANNOT_READ if the file cannot be opened or read
 */
export async function countFile(path: string, policy: MalformedPolicy): Promise<CountOutcome> {
  try {
    const file = await open(path, 'r');
    try {
      rehearse();
      const counter = new ParticleCounter(policy);
      const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
      let isWanted = true;
      while (isWanted) {
        const { bytesRead } = await file.read(buffer, 0, READ_BYTES, null);
        if (bytesRead === 0) break;
        isWanted = counter.write(bytesRead === READ_BYTES ? buffer : buffer.subarray(0, bytesRead));
      }
      return counter.end();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileFailure('CANNOT_READ', path, error);
  }
}
