// Regular expressions that cannot blow up: what strangers may ask of a master.
//
// Owns:      the program that an expression becomes, its limits, and running it over a text.
// Elsewhere: the syntax (regex-syntax.ts), sets of characters (character-set.ts), who may set which expressions (master/core/framework-validation.ts).
// Invariants:
//   X1. A match visits each instruction at most once per character of the text: at most program size times (length + 1) steps.
//   X2. The size of a program is known before it is made; nothing longer than the limit is. Memory is in proportion to pattern and size.
//   X3. Nothing is kept between matches.
// Source: Thompson's simulation of all alternatives at once, and Cox's articles on RE2. Ours, because JavaScript's own expressions try one
//         alternative after the other, for years if they must; a native RE2 would have to be compiled on each board; and its port to JavaScript,
//         re2js, writes repetitions and cases out before a program's size can be asked (a second and 200 MB for a pattern of a kilobyte),
//         and keeps up to 8 MB per expression of what it has learned.

import { assertNever, invariant } from '../invariant';
import { isWordCharacter, type CharacterSet } from './character-set';
import { parseRegex, type Boundary, type RegexNode } from './regex-syntax';

export interface RegexLimits {
  /**
   * Longest program, in instructions: one for each character or set that is written, counted as often as its repetition says, one for each
   * `*`, `+`, `?`, `|` and boundary, and one for the end. Default 100. Source: Mesos `--offer_constraints_re2_max_program_size`. RE2 counts a
   * little differently: more for characters beyond ASCII, less for alternatives that begin alike (`pi-1|pi-2` costs it what `pi-(?:1|2)` does).
   */
  readonly programSizeMax: number;
}

/** The default named above. */
export const regexLimitsDefault: RegexLimits = { programSizeMax: 100 };

/** Longest pattern, in characters. Ours, in place of RE2's limit on memory (Mesos: 4096 bytes), which bounds automata that are not built here. */
export const patternLengthMax = 4_096;

/** `expected` completes a refusal: what the pattern should have been, and what is wrong with it. */
export type CompiledRegex = { readonly ok: true; readonly matches: (text: string) => boolean } | { readonly ok: false; readonly expected: string };

export type RegexCompiler = (pattern: string) => CompiledRegex;

/** Makes a compiler with these limits. `matches` asks for the whole text, as RE2's FullMatch does. */
export function regexCompiler({ programSizeMax }: RegexLimits = regexLimitsDefault): RegexCompiler {
  return (pattern) => {
    if (pattern.length > patternLengthMax) return { ok: false, expected: `a regular expression of at most ${patternLengthMax} characters, not ${pattern.length}` };
    const parsed = parseRegex(pattern);
    if (!parsed.ok) return { ok: false, expected: `a regular expression in the syntax of RE2 (${parsed.problem})` };
    const size = sizeOf(parsed.node) + 1;
    if (size > programSizeMax) return { ok: false, expected: `a regular expression of at most ${programSizeMax} instructions, not ${size}` };
    const program = new Program(parsed.node, size);
    return { ok: true, matches: (text) => program.matches(text) };
  };
}

/** Instructions of a tree, without making them. */
function sizeOf(node: RegexNode): number {
  switch (node.kind) {
    case 'set':
    case 'boundary':
      return 1;
    case 'sequence':
      return node.parts.reduce((size, part) => size + sizeOf(part), 0);
    case 'choice':
      return node.parts.reduce((size, part) => size + 1 + sizeOf(part), -1);
    case 'repetition': {
      const size = node.max === 0 ? 0 : sizeOf(node.part);
      if (size === 0) return 0; // The empty text, however often.
      return node.max === Infinity ? Math.max(node.min, 1) * size + 1 : node.max * size + (node.max - node.min);
    }
    default:
      return assertNever(node);
  }
}

/** Places of instructions; what comes next, and for `either` what else. */
type Instruction =
  | { readonly kind: 'take'; readonly set: CharacterSet; readonly next: number }
  | { readonly kind: 'check'; readonly boundary: Boundary; readonly next: number }
  /** `next` is set late where it leads backwards. */
  | { readonly kind: 'either'; next: number; readonly other: number }
  | { readonly kind: 'end' };

class Program {
  private readonly instructions: Instruction[] = [];
  private readonly begin: number;
  /** Per instruction the visit in which it was last entered: two entries of one visit are one (X1). */
  private readonly visits: Uint32Array;

  constructor(node: RegexNode, size: number) {
    this.begin = this.add(node, this.push({ kind: 'end' }));
    invariant(this.instructions.length === size, `A program of ${size} instructions has ${this.instructions.length} (X2)`);
    this.visits = new Uint32Array(size);
  }

  matches(text: string): boolean {
    this.visits.fill(0);
    let visit = 1;
    let before: number | undefined;
    let after = text.codePointAt(0);
    let places = this.entered([this.begin], visit, before, after);
    for (let at = 0; after !== undefined && places.length > 0; ) {
      const code = after;
      at += code > 0xffff ? 2 : 1;
      before = code;
      after = text.codePointAt(at);
      visit += 1;
      places = this.entered(this.taken(places, code), visit, before, after);
    }
    return after === undefined && places.some((place) => this.instruction(place).kind === 'end');
  }

  /** Where those lead that take this character. */
  private taken(places: readonly number[], code: number): number[] {
    const next: number[] = [];
    for (const place of places) {
      const instruction = this.instruction(place);
      if (instruction.kind === 'take' && instruction.set.has(code)) next.push(instruction.next);
    }
    return next;
  }

  /** From `pending` through everything that takes no character, between these two. Empties `pending`. */
  private entered(pending: number[], visit: number, before: number | undefined, after: number | undefined): readonly number[] {
    const places: number[] = [];
    for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
      if (this.visits[place] === visit) continue;
      this.visits[place] = visit;
      const instruction = this.instruction(place);
      switch (instruction.kind) {
        case 'either':
          pending.push(instruction.next, instruction.other);
          break;
        case 'check':
          if (isAt(instruction.boundary, before, after)) pending.push(instruction.next);
          break;
        case 'take':
        case 'end':
          places.push(place);
          break;
        default:
          assertNever(instruction);
      }
    }
    return places;
  }

  // Making it: from the end backwards, so that what comes next is known.

  private push(instruction: Instruction): number {
    return this.instructions.push(instruction) - 1;
  }

  private instruction(place: number): Instruction {
    const instruction = this.instructions[place];
    invariant(instruction, `Instructions lead to instructions, got ${place}`);
    return instruction;
  }

  /** Adds what matches `node` and goes on at `next`; returns where it begins. */
  private add(node: RegexNode, next: number): number {
    switch (node.kind) {
      case 'set':
        return this.push({ kind: 'take', set: node.set, next });
      case 'boundary':
        return this.push({ kind: 'check', boundary: node.boundary, next });
      case 'sequence':
        return node.parts.reduceRight((begin, part) => this.add(part, begin), next);
      case 'choice':
        return node.parts.map((part) => this.add(part, next)).reduceRight((other, begin) => this.push({ kind: 'either', next: begin, other }));
      case 'repetition':
        return sizeOf(node) === 0 ? next : this.addRepetition(node.part, node.min, node.max, next);
      default:
        return assertNever(node);
    }
  }

  private addRepetition(part: RegexNode, min: number, max: number, next: number): number {
    let begin = next;
    let copies = min;
    if (max === Infinity) {
      const loop: Instruction = { kind: 'either', next, other: next };
      const place = this.push(loop);
      loop.next = this.add(part, place);
      begin = min === 0 ? place : loop.next;
      copies = Math.max(0, min - 1);
    } else {
      for (let count = min; count < max; count += 1) begin = this.push({ kind: 'either', next: this.add(part, begin), other: next });
    }
    for (let count = 0; count < copies; count += 1) begin = this.add(part, begin);
    return begin;
  }
}

/** Of the code points on both sides of a place; undefined: none, the text begins or ends here. */
function isAt(boundary: Boundary, before: number | undefined, after: number | undefined): boolean {
  const newline = 0x0a;
  switch (boundary) {
    case 'text-begin':
      return before === undefined;
    case 'text-end':
      return after === undefined;
    case 'line-begin':
      return before === undefined || before === newline;
    case 'line-end':
      return after === undefined || after === newline;
    case 'word-boundary':
      return isWordAt(before) !== isWordAt(after);
    case 'no-word-boundary':
      return isWordAt(before) === isWordAt(after);
    default:
      return assertNever(boundary);
  }
}

function isWordAt(code: number | undefined): boolean {
  return code !== undefined && isWordCharacter(code);
}
