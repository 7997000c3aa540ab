// Generate: particle files for trying things out.
//
// Owns:      a deterministic mixture of particles, easy and hard, as text; the pseudo-random numbers behind it.
// Elsewhere: what a particle does (landing.ts); writing a file so that it is whole (replaced-file.ts).
// Invariants:
//   G1. The same count and seed give the same bytes, on every machine and in every version (a test pins a digest): counts can be compared.
//   G2. The particles of a file of n are the first n of every longer file with the same seed.
//   G3. Both precisions are the same mixture. `full` writes ordinary particles with as many digits as a double has, as a simulation prints what it
//       computed; `short` with four or five, as a person types or an instrument gives them.
// Source: sfc32, the small fast counter generator of Chris Doty-Humphrey's PractRand: 128 bits of state in four 32-bit words, which is what
// JavaScript is fast at. Its counter word alone makes the period 2³² words at the very least.

import { replaceFile } from './replaced-file';

/** How many digits the coefficients of ordinary particles have (G3). */
export const PRECISIONS = ['full', 'short'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Particles that are at most asked for: a file of about 20 terabytes; the limit is there for typing errors. */
export const GENERATE_COUNT_MAX = 1e12;

/**
 * The text of `count` particles in pieces of about a quarter of a mebibyte. A piece is overwritten by the next one: use it before asking on.
 *
 * @param count a whole number from 0 to {@link GENERATE_COUNT_MAX}
 * @param seed a safe integer from 0
 */
export function* generateParticles(count: number, seed: number, precision: Precision): Generator<Uint8Array, void, undefined> {
  const line = new LineWriter();
  line.comment(`# ${count} particles of seed ${seed}, one a line: a b c of y = a*x^2 + b*x + c`);
  const random = randomWords(seed);
  for (let index = 0; index < count; index++) {
    writeParticle(line, random, precision);
    if (line.isFull) yield line.take();
  }
  yield line.take();
}

/**
 * Writes a particle file, at the pace of the disk: one piece is made when the one before is written.
 * @throws ParticleFailure CANNOT_WRITE if the file system refuses; no file is left then
 */
export async function generateFile(path: string, count: number, seed: number, precision: Precision): Promise<void> {
  await replaceFile(path, async (file) => {
    for (const piece of generateParticles(count, seed, precision)) await file.writeFile(piece);
  });
}

/** A source of whole numbers from 0 to 2³² - 1. */
type RandomWords = () => number;

/** sfc32 seeded with the two words of the seed, and stirred as PractRand does. */
function randomWords(seed: number): RandomWords {
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  function next(): number {
    const word = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + word) | 0;
    return word >>> 0;
  }
  for (let round = 0; round < 15; round++) next();
  return next;
}

/** A whole number from 0 to below - 1. The bias of the remainder is at most below/2³², which no histogram shows. */
function below(random: RandomWords, bound: number): number {
  return random() % bound;
}

/** A whole number from -bound to bound. */
function around(random: RandomWords, bound: number): number {
  return below(random, 2 * bound + 1) - bound;
}

/** One particle of the mixture; each kind's share of a thousand stands at its line. */
function writeParticle(line: LineWriter, random: RandomWords, precision: Precision): void {
  const kind = below(random, 1000);
  if (kind < 860) (precision === 'full' ? writeComputed : writeOrdinary)(line, random); // 860: about a quarter of them never land
  else if (kind < 890) writeOriginLanding(line, random); // 30
  else if (kind < 930) writeStraight(line, random); // 40, one in ten of them hangs still
  else if (kind < 960) writeNearDoubleRoot(line, random); // 30
  else if (kind < 980) writeFarApart(line, random); // 20
  else writeExtreme(line, random); // 20
}

/** Four or five digits with the point anywhere: landing places over some eight decades. */
function writeOrdinary(line: LineWriter, random: RandomWords): void {
  line.fixed(around(random, 9999), below(random, 5));
  line.fixed(around(random, 99999), below(random, 5));
  line.fixed(around(random, 99999), below(random, 5));
  line.endLine();
}

/** Sixteen digits, evenly spread: what a simulation prints of a double. About as many never land as of {@link writeOrdinary}. */
function writeComputed(line: LineWriter, random: RandomWords): void {
  line.fixed(wide(random, 9e15), 15);
  line.fixed(wide(random, 9e15), 14);
  line.fixed(wide(random, 9e15), 13);
  line.endLine();
}

/** A whole number from -bound + 1 to bound - 1 of more digits than one word has; `bound` at most 2⁵³, about 9.007·10¹⁵. */
function wide(random: RandomWords, bound: number): number {
  const magnitude = ((random() >>> 5) * 2 ** 26 + (random() >>> 6)) % bound;
  return random() % 2 === 0 ? magnitude : -magnitude;
}

/** No constant term, and the other root not on the positive side. */
function writeOriginLanding(line: LineWriter, random: RandomWords): void {
  const a = 1 + below(random, 999);
  const b = below(random, 9999);
  const sign = below(random, 2) === 0 ? 1 : -1;
  line.fixed(sign * a, below(random, 3));
  line.fixed(sign * b, below(random, 3));
  line.fixed(0, below(random, 2));
  line.endLine();
}

function writeStraight(line: LineWriter, random: RandomWords): void {
  line.fixed(0, 0);
  line.fixed(below(random, 10) === 0 ? 0 : around(random, 9999), 2);
  line.fixed(around(random, 9999), 2);
  line.endLine();
}

/** (x - root)² lowered or raised by less than b² has digits: the discriminant is 4·nudge beside squares of 14 digits, or exactly 0. */
function writeNearDoubleRoot(line: LineWriter, random: RandomWords): void {
  const root = around(random, 30_000_000);
  const nudge = around(random, 2);
  line.fixed(1, 0);
  line.fixed(-2 * root, 0);
  line.fixed(root * root - nudge, 0);
  line.endLine();
}

/** A middle coefficient so large that the textbook formula loses the small root altogether. */
function writeFarApart(line: LineWriter, random: RandomWords): void {
  line.scientific(around(random, 999), -below(random, 12));
  line.scientific(around(random, 999), below(random, 12));
  line.scientific(around(random, 999), -below(random, 12));
  line.endLine();
}

/** Squares overflow or underflow, roots mostly do not. */
function writeExtreme(line: LineWriter, random: RandomWords): void {
  const size = around(random, 290);
  line.scientific(around(random, 999), size);
  line.scientific(around(random, 999), size + around(random, 8));
  line.scientific(around(random, 999), size + around(random, 8));
  line.endLine();
}

/** Bytes collected before they are handed on. */
const PIECE_BYTES = 256 * 1024;

/** More than the longest line or comment: three numbers of at most 17 digits, sign, point, exponent. */
const LINE_BYTES_MAX = 256;

const LF = 0x0a;
const SPACE = 0x20;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const LOWER_E = 0x65;

/** Writes numbers as decimal text into one buffer. Doing this digit by digit is ten times as fast as joining strings. */
class LineWriter {
  private readonly bytes = Buffer.allocUnsafeSlow(PIECE_BYTES + LINE_BYTES_MAX);
  private length = 0;

  get isFull(): boolean {
    return this.length >= PIECE_BYTES;
  }

  /** What was written since the last call; valid until something is written again. */
  take(): Uint8Array {
    const piece = this.bytes.subarray(0, this.length);
    this.length = 0;
    return piece;
  }

  comment(text: string): void {
    this.length += this.bytes.write(text, this.length, 'latin1');
    this.bytes[this.length++] = LF;
  }

  /** value · 10^-decimals, followed by a space. */
  fixed(value: number, decimals: number): void {
    if (value < 0) this.bytes[this.length++] = MINUS;
    this.digits(Math.abs(value), decimals);
    this.bytes[this.length++] = SPACE;
  }

  /** value · 10^exponent, followed by a space. */
  scientific(value: number, exponent: number): void {
    if (value < 0) this.bytes[this.length++] = MINUS;
    this.digits(Math.abs(value), 0);
    this.bytes[this.length++] = LOWER_E;
    if (exponent < 0) this.bytes[this.length++] = MINUS;
    this.digits(Math.abs(exponent), 0);
    this.bytes[this.length++] = SPACE;
  }

  /** Ends the line in place of the space after its last number. */
  endLine(): void {
    this.bytes[this.length - 1] = LF;
  }

  /** The digits of a whole number < 2⁵³ with a point before the last `decimals` of them, at least one digit before it. */
  private digits(value: number, decimals: number): void {
    let digitCount = 1;
    for (let power = 10; power <= value; power *= 10) digitCount++;
    digitCount = Math.max(digitCount, decimals + 1);
    const end = this.length + digitCount + (decimals > 0 ? 1 : 0);
    let rest = value;
    for (let position = end - 1, written = 0; position >= this.length; position--) {
      if (decimals > 0 && written++ === decimals) {
        this.bytes[position] = POINT;
        continue;
      }
      const tenth = Math.floor(rest / 10);
      this.bytes[position] = ZERO + (rest - tenth * 10);
      rest = tenth;
    }
    this.length = end;
  }
}
