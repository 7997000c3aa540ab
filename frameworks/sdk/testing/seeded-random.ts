// Seeded randomness and ids: everything that varies in a virtual cluster comes from one number.
//
// Owns:      the generator, independent streams derived from it, ids made from it.
// Elsewhere: the real ones (common/environment.ts).
// Invariants:
//   Q1. Same seed and same order of draws, same values, on every machine.
//   Q2. Streams of different names do not influence each other: a new draw in one place changes nothing elsewhere.
// Source: sfc32 (Doty-Humphrey, PractRand), passes PractRand and TestU01 at this size; seeding by FNV-1a over seed and name is our choice.

import type { IdSource, Random } from '../../../common/ports';

export class SeededRandom implements Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(
    private readonly seed: number,
    private readonly name = '',
  ) {
    this.a = fnv1a(`${seed}/${name}/a`);
    this.b = fnv1a(`${seed}/${name}/b`);
    this.c = fnv1a(`${seed}/${name}/c`);
    for (let round = 0; round < 12; round += 1) this.draw();
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    return this.draw() / 4_294_967_296;
  }

  /** Uniform integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  /** An independent stream (Q2). */
  stream(name: string): SeededRandom {
    return new SeededRandom(this.seed, `${this.name}/${name}`);
  }

  private draw(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

export class SeededIds implements IdSource {
  constructor(private readonly random: SeededRandom) {}

  uuid(): string {
    let digits = '';
    while (digits.length < 32) digits += this.random.below(0x1_0000).toString(16).padStart(4, '0');
    const variant = (8 + (Number.parseInt(digits.charAt(16), 16) % 4)).toString(16);
    return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20, 32)}`;
  }
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash | 0;
}
