// Particle text: from the bytes of a particle file to coefficients.
//
// Owns:      lines and fields, also where a line is split between two pieces of the input; decimal numbers; saying what is wrong with a line.
// Elsewhere: rounding long numbers (long-decimal.ts), what is done with a particle (count.ts), where a file is cut into chunks (chunks.ts).
// Invariants:
//   P1. What is reported depends on the bytes alone, never on how they were divided into pieces.
//   P2. A coefficient is bit for bit Number(text).
//   P3. Every line is exactly one of: a particle, malformed, or nothing (blank, comment); and counted once in `lines`.
//   P4. Memory is bounded: at most one line of LINE_LENGTH_MAX bytes is kept between two pieces.
// The format: lines end in LF or CRLF, the last one need not; three decimal numbers `a b c` separated by spaces or tabs; `#` where a field could
// begin opens a comment to the end of the line. Hexadecimal, NaN, Infinity and numbers beyond the range of doubles are malformed.
// Source: W. D. Clinger, "How to read floating point numbers accurately" (1990), for the fast path of P2.

import { longDecimal } from './long-decimal';
import { MalformedLine, MalformedPolicy, SHOWN_LENGTH_MAX } from './malformed-line';

/** Bytes of a line without its LF. More than any particle needs; a file with longer "lines" is no particle file. Our choice. */
export const LINE_LENGTH_MAX = 65_536;

/** Where the reader delivers, in file order. */
export interface ParticleSink {
  particle(a: number, b: number, c: number): void;
  malformed(line: MalformedLine): void;
}

/** Reads pieces of particle text: `write` each in order, then `end` once. */
export class ParticleTextReader {
  /** The beginning of a line whose end has not come yet; one byte more than a line may have tells that it is too long (P4). */
  private readonly carry = Buffer.allocUnsafe(LINE_LENGTH_MAX + 2);
  private carryLength = 0;
  private linesRead = 0;
  private stopped = false;

  /** @param policy `stop` delivers the first malformed line and ignores all that follows it; `count` delivers every one. */
  constructor(
    private readonly sink: ParticleSink,
    private readonly policy: MalformedPolicy,
  ) {}

  /** Lines read so far, of every kind. */
  get lines(): number {
    return this.linesRead;
  }

  /** Takes the next piece, which may begin and end anywhere and is not kept. False once the policy has stopped the reading. */
  write(piece: Uint8Array): boolean {
    if (this.stopped) return false;
    let start = 0;
    if (this.carryLength > 0) {
      const firstEnd = piece.indexOf(LF);
      this.carryOn(piece, 0, firstEnd < 0 ? piece.length : firstEnd);
      if (firstEnd < 0) return true;
      this.endCarriedLine();
      start = firstEnd + 1;
    }
    let end = piece.length;
    while (end > start && piece[end - 1] !== LF) end--;
    if (end > start) this.scanLines(piece, start, end);
    this.carryOn(piece, end, piece.length);
    return !this.stopped;
  }

  /** Ends the input: a last line without LF is a line. */
  end(): void {
    if (this.carryLength > 0) this.endCarriedLine();
  }

  private carryOn(piece: Uint8Array, start: number, end: number): void {
    const length = Math.min(end - start, LINE_LENGTH_MAX + 1 - this.carryLength);
    this.carry.set(piece.subarray(start, start + length), this.carryLength);
    this.carryLength += length;
  }

  private endCarriedLine(): void {
    this.carry[this.carryLength] = LF;
    const end = this.carryLength + 1;
    this.carryLength = 0;
    this.scanLines(this.carry, 0, end);
  }

  /**
   * Reads whole lines, bytes[end - 1] being LF: every inner loop therefore stops by itself. This is the hot loop of the whole job. It takes
   * the lines that are three plain numbers; all others are read again, with patience, by `readUnusualLine`.
   */
  private scanLines(bytes: Uint8Array, start: number, end: number): void {
    let position = start;
    while (position < end) {
      if (this.stopped) return;
      const lineStart = position;
      let a = 0;
      let b = 0;
      let field = 0;
      let byte = bytes[position] as number;
      while (true) {
        while (byte === SPACE || byte === TAB) byte = bytes[++position] as number;
        let isNegative = false;
        if (byte === MINUS) {
          isNegative = true;
          byte = bytes[++position] as number;
        } else if (byte === PLUS) byte = bytes[++position] as number;

        let digits = 0;
        const integerStart = position;
        while (byte >= ZERO && byte <= NINE) {
          digits = digits * 10 + (byte - ZERO);
          byte = bytes[++position] as number;
        }
        let digitCount = position - integerStart;
        let exponent = 0;
        if (byte === POINT) {
          byte = bytes[++position] as number;
          const fractionStart = position;
          while (byte >= ZERO && byte <= NINE) {
            digits = digits * 10 + (byte - ZERO);
            byte = bytes[++position] as number;
          }
          exponent = fractionStart - position;
          digitCount -= exponent;
        }
        if (digitCount === 0) break;
        const digitsEnd = position;
        if (byte === LOWER_E || byte === UPPER_E) {
          byte = bytes[++position] as number;
          let isExponentNegative = false;
          if (byte === MINUS) {
            isExponentNegative = true;
            byte = bytes[++position] as number;
          } else if (byte === PLUS) byte = bytes[++position] as number;
          const exponentStart = position;
          let written = 0;
          while (byte >= ZERO && byte <= NINE) {
            // Saturates: whatever is beyond EXACT_POWER_MAX is left to Number.
            if (written < 100_000) written = written * 10 + (byte - ZERO);
            byte = bytes[++position] as number;
          }
          if (position === exponentStart) break;
          exponent += isExponentNegative ? -written : written;
        }

        let value = NaN;
        if (exponent <= EXACT_POWER_MAX && exponent >= -EXACT_POWER_MAX) {
          if (digitCount > EXACT_DIGITS_MAX) value = longDecimal(bytes, integerStart, digitsEnd, exponent);
          // Both operands are exact, so the one operation rounds as Number does (Clinger).
          else value = exponent < 0 ? digits / (POWERS_OF_TEN[-exponent] as number) : digits * (POWERS_OF_TEN[exponent] as number);
        }
        if (Number.isNaN(value)) {
          value = Number(text(bytes, integerStart, position));
          if (value === Infinity) break;
        }
        if (isNegative) value = -value;

        if (field === 0) a = value;
        else if (field === 1) b = value;
        else {
          while (byte === SPACE || byte === TAB) byte = bytes[++position] as number;
          if (byte === CR && bytes[position + 1] === LF) byte = bytes[++position] as number;
          if (byte === LF && position - lineStart <= LINE_LENGTH_MAX) {
            this.linesRead++;
            this.sink.particle(a, b, value);
            field = 3;
          }
          break;
        }
        if (byte !== SPACE && byte !== TAB) break;
        field++;
      }
      if (field !== 3) position = this.readUnusualLine(bytes, lineStart);
      position++;
    }
  }

  /** Reads the line from `start` in full, delivers what it is, and returns the position of its LF. */
  private readUnusualLine(bytes: Uint8Array, start: number): number {
    const lineFeed = bytes.indexOf(LF, start);
    this.linesRead++;
    const end = lineFeed > start && bytes[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed;
    if (lineFeed - start > LINE_LENGTH_MAX) {
      this.refuseLine('line', bytes, start, end, `at most ${LINE_LENGTH_MAX} bytes`);
      return lineFeed;
    }
    const fields = fieldBounds(bytes, start, end);
    if (fields.length === 0) return lineFeed;
    if (fields.length !== 3) {
      const count = fields.length === 1 ? '1 field' : `${fields.length} fields`;
      this.refuseLine('line', bytes, (fields[0] as FieldBounds).start, end, `three numbers "a b c" instead of ${count}`);
      return lineFeed;
    }
    const values: number[] = [];
    for (const [index, field] of fields.entries()) {
      const written = text(bytes, field.start, field.end);
      const value = DECIMAL_NUMBER.test(written) ? Number(written) : NaN;
      if (!Number.isFinite(value)) {
        this.refuseLine(COEFFICIENTS[index] ?? 'line', bytes, field.start, field.end, 'a finite decimal number such as -1.5 or 2e3');
        return lineFeed;
      }
      values.push(value);
    }
    this.sink.particle(...(values as [number, number, number]));
    return lineFeed;
  }

  private refuseLine(field: MalformedLine['field'], bytes: Uint8Array, start: number, end: number, expected: string): void {
    if (this.policy === 'stop') this.stopped = true;
    this.sink.malformed({ lineNumber: this.linesRead, field, value: shown(bytes, start, end), expected });
  }
}

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const HASH = 0x23;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const UPPER_E = 0x45;
const LOWER_E = 0x65;

/** 10¹⁵ < 2⁵³: so many digits, leading zeros included, are an exact double whatever they are. */
const EXACT_DIGITS_MAX = 15;

/** 10²² = 2²²·5²² and 5²² < 2⁵³: the greatest power of ten up to which all are exact doubles. */
const EXACT_POWER_MAX = 22;
const POWERS_OF_TEN = Array.from({ length: EXACT_POWER_MAX + 1 }, (_unused, power) => Number(`1e${power}`));

const COEFFICIENTS = ['a', 'b', 'c'] as const;

/** What the hot loop takes for a number, as a pattern: Number itself would also take "", "0x1F" and "Infinity". */
const DECIMAL_NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

interface FieldBounds {
  readonly start: number;
  readonly end: number;
}

function fieldBounds(bytes: Uint8Array, start: number, end: number): FieldBounds[] {
  const fields: FieldBounds[] = [];
  let position = start;
  while (position < end) {
    const byte = bytes[position];
    if (byte === HASH) break;
    if (byte === SPACE || byte === TAB) {
      position++;
      continue;
    }
    const fieldStart = position;
    while (position < end && bytes[position] !== SPACE && bytes[position] !== TAB) position++;
    fields.push({ start: fieldStart, end: position });
  }
  return fields;
}

/** The bytes as text, one character each: for numbers, which are ASCII, and for refusing whatever is not. */
function text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

/** The beginning of a field or line as people wrote it, in UTF-8; a character that is cut in half is left out. */
function shown(bytes: Uint8Array, start: number, end: number): string {
  const length = Math.min(end - start, 4 * SHOWN_LENGTH_MAX);
  const characters = Array.from(Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('utf8'));
  if (characters.length <= SHOWN_LENGTH_MAX && length === end - start) return characters.join('');
  return `${characters.slice(0, SHOWN_LENGTH_MAX - 3).join('')}...`;
}
