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
