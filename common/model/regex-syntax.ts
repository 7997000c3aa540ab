// The syntax of regular expressions: RE2's.
//
// Owns:      reading an expression into a tree, and what is wrong with one that cannot be read.
// Elsewhere: sets of characters (character-set.ts), limits, and matching what the tree says (regex.ts).
// Invariants:
//   P1. Reading takes time and memory in proportion to the length of the pattern. Repetitions are noted, not written out.
//   P2. What is not known is refused, never taken literally.
// Source: RE2's syntax with Perl's classes and Unicode, as Mesos sets it. As there, what cannot be matched in linear time is no part of it
//         (back references, looking ahead and behind). Groups only group and laziness is read over, because a match of the whole is asked for.
//         Ours: `\C` (a byte) is refused.

import {
  anyButNewline,
  anyCharacter,
  CharacterSet,
  perlClass,
  posixClass,
  unicodeClass,
  type CharacterClass,
  type CodeRange,
} from './character-set';

/** A condition on a place between characters. Word boundaries are ASCII's. */
export type Boundary = 'text-begin' | 'text-end' | 'line-begin' | 'line-end' | 'word-boundary' | 'no-word-boundary';

export type RegexNode =
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'boundary'; readonly boundary: Boundary }
  /** Of none: the empty text. */
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly parts: readonly RegexNode[] }
  /** `max` may be Infinity. */
  | { readonly kind: 'repetition'; readonly part: RegexNode; readonly min: number; readonly max: number };

export type ParsedRegex = { readonly ok: true; readonly node: RegexNode } | { readonly ok: false; readonly problem: string };

/** Of groups within groups. Source: RE2. */
export const nestingMax = 1_000;
/** Of the counts of one repetition. Source: RE2. */
export const repetitionMax = 1_000;

export function parseRegex(pattern: string): ParsedRegex {
  try {
    return { ok: true, node: new Parser(pattern).parse() };
  } catch (error) {
    if (error instanceof SyntaxProblem) return { ok: false, problem: error.message };
    throw error;
  }
}

/** Never leaves this file. */
class SyntaxProblem extends Error {}

interface Flags {
  /** `i` */
  readonly ignoresCase: boolean;
  /** `m`: `^` and `$` are about lines. */
  readonly isMultiline: boolean;
  /** `s`: `.` takes a newline too. */
  readonly dotTakesNewline: boolean;
}

/** What an escape stands for. */
type Escape =
  | { readonly kind: 'character'; readonly code: number }
  | { readonly kind: 'class'; readonly characterClass: CharacterClass }
  | { readonly kind: 'boundary'; readonly boundary: Boundary };

class Parser {
  private at = 0;
  private depth = 0;
  private isQuoting = false;
  private flags: Flags = { ignoresCase: false, isMultiline: false, dotTakesNewline: false };
  private readonly groupNames = new Set<string>();

  constructor(private readonly pattern: string) {}

  parse(): RegexNode {
    const node = this.choice();
    if (this.at < this.pattern.length) throw this.problem('")" without "("');
    return node;
  }

  private choice(): RegexNode {
    const parts = [this.sequence()];
    while (this.takes('|')) parts.push(this.sequence());
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'choice', parts };
  }

  private sequence(): RegexNode {
    const parts: RegexNode[] = [];
    for (;;) {
      if (this.isQuoting ? this.takes('\\E') : this.takes('\\Q')) this.isQuoting = !this.isQuoting;
      else if (this.at === this.pattern.length || (!this.isQuoting && (this.sees('|') || this.sees(')')))) break;
      else {
        const part = this.isQuoting ? this.literal(this.character()) : this.item();
        if (part !== undefined) parts.push(this.repeated(part));
      }
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'sequence', parts };
  }

  /** One item without what repeats it; undefined for flags, which stand for no text. */
  private item(): RegexNode | undefined {
    const begin = this.at;
    if (this.repetition() !== undefined) throw this.problem('nothing to repeat', begin);
    if (this.takes('(')) return this.group(begin);
    if (this.takes('[')) return { kind: 'set', set: this.set(begin) };
    if (this.takes('.')) return { kind: 'set', set: this.flags.dotTakesNewline ? anyCharacter : anyButNewline };
    if (this.takes('^')) return { kind: 'boundary', boundary: this.flags.isMultiline ? 'line-begin' : 'text-begin' };
    if (this.takes('$')) return { kind: 'boundary', boundary: this.flags.isMultiline ? 'line-end' : 'text-end' };
    if (!this.takes('\\')) return this.literal(this.character());
    const escape = this.escape(begin);
    switch (escape.kind) {
      case 'character':
        return this.literal(escape.code);
      case 'class':
        return { kind: 'set', set: new CharacterSet({ ranges: [], classes: [escape.characterClass], ignoresCase: this.flags.ignoresCase }) };
      case 'boundary':
        return escape;
    }
  }

  private literal(code: number): RegexNode {
    return { kind: 'set', set: new CharacterSet({ ranges: [[code, code]], ignoresCase: this.flags.ignoresCase }) };
  }

  // Repetitions.

  private repeated(part: RegexNode): RegexNode {
    if (this.isQuoting) {
      if (!this.takes('\\E')) return part;
      this.isQuoting = false;
    }
    const begin = this.at;
    const repetition = this.repetition();
    if (repetition === undefined) return part;
    this.takes('?'); // Lazy: of no meaning for a match of the whole.
    const end = this.at;
    if (this.repetition() !== undefined) throw this.problem('a repetition of a repetition, which needs a group', end);
    const { min, max } = repetition;
    if (min > repetitionMax || (max !== Infinity && max > repetitionMax) || min > max) {
      throw this.problem(`a repetition other than {n,m} with n <= m <= ${repetitionMax}`, begin);
    }
    return { kind: 'repetition', part, min, max };
  }

  /** Takes `*`, `+`, `?` or `{n,m}`; a brace that begins no count is a character like others. */
  private repetition(): { readonly min: number; readonly max: number } | undefined {
    if (this.takes('*')) return { min: 0, max: Infinity };
    if (this.takes('+')) return { min: 1, max: Infinity };
    if (this.takes('?')) return { min: 0, max: 1 };
    const counted = this.takesMatching(/\{(\d+)(,(\d*))?\}/y);
    if (counted === undefined) return undefined;
    const [, min = '', range, max = ''] = counted;
    return { min: Number(min), max: range === undefined ? Number(min) : max === '' ? Infinity : Number(max) };
  }

  // Groups.

  private group(begin: number): RegexNode | undefined {
    const outerFlags = this.flags;
    if (this.takes('?')) {
      const name = this.takesMatching(/P?<([A-Za-z0-9_]+)>/y)?.[1];
      if (name !== undefined) {
        if (this.groupNames.has(name)) throw this.problem(`a second group called ${name}`, begin);
        this.groupNames.add(name);
      } else {
        const [, on = '', minus, off = '', end] = this.takesMatching(/([imsU]*)(-([imsU]+))?([:)])/y) ?? [];
        if (end === undefined) throw this.problem('a group of a kind that RE2 does not know', begin);
        this.setFlags(on, true);
        if (minus !== undefined) this.setFlags(off, false);
        if (end === ')') return undefined; // Until the end of the group around.
      }
    }
    this.depth += 1;
    if (this.depth > nestingMax) throw this.problem(`more than ${nestingMax} groups within each other`, begin);
    const node = this.choice();
    if (!this.takes(')')) throw this.problem('"(" without ")"', begin);
    this.depth -= 1;
    this.flags = outerFlags;
    return node;
  }

  /** `U`, which swaps laziness, is read over. */
  private setFlags(letters: string, isOn: boolean): void {
    for (const letter of letters) {
      if (letter === 'i') this.flags = { ...this.flags, ignoresCase: isOn };
      if (letter === 'm') this.flags = { ...this.flags, isMultiline: isOn };
      if (letter === 's') this.flags = { ...this.flags, dotTakesNewline: isOn };
    }
  }

  // Sets.

  private set(begin: number): CharacterSet {
    const isNegated = this.takes('^');
    const ranges: CodeRange[] = [];
    const classes: CharacterClass[] = [];
    // A bracket that would close an empty set is a member.
    for (let isFirst = true; isFirst || !this.takes(']'); isFirst = false) {
      if (this.at === this.pattern.length) throw this.problem('"[" without "]"', begin);
      const member = this.posixMember() ?? this.member();
      if (typeof member === 'number') ranges.push(this.rangeFrom(member));
      else classes.push(member);
    }
    return new CharacterSet({ ranges, classes, isNegated, ignoresCase: this.flags.ignoresCase });
  }

  private posixMember(): CharacterClass | undefined {
    const begin = this.at;
    const [, negation, name] = this.takesMatching(/\[:(\^?)([^\]:]*):\]/y) ?? [];
    if (name === undefined) return undefined;
    const characterClass = posixClass(name, negation === '^');
    if (characterClass === undefined) throw this.problem('a class that RE2 does not know', begin);
    return characterClass;
  }

  /** A character by its code, or a class. */
  private member(): number | CharacterClass {
    const begin = this.at;
    if (!this.takes('\\')) return this.character();
    const escape = this.escape(begin);
    if (escape.kind === 'boundary') throw this.problem('a boundary in a set of characters', begin);
    return escape.kind === 'character' ? escape.code : escape.characterClass;
  }

  private rangeFrom(first: number): CodeRange {
    const begin = this.at;
    // A hyphen before the closing bracket is a member.
    if (!this.sees('-') || this.sees('-]') || this.at + 1 === this.pattern.length) return [first, first];
    this.at += 1;
    const last = this.member();
    if (typeof last !== 'number' || last < first) throw this.problem('a range without an end, or whose end is before its begin', begin);
    return [first, last];
  }

  // Escapes.

  /** What follows a backslash. */
  private escape(begin: number): Escape {
    const [, sign, short, name] = this.takesMatching(/([pP])(?:\{([^}]*)\}|([A-Z]))/y) ?? [];
    if (sign !== undefined) {
      const text = short ?? name ?? '';
      const isNegated = (sign === 'P') !== text.startsWith('^');
      const characterClass = unicodeClass(text.replace('^', ''), isNegated);
      if (characterClass === undefined) throw this.problem('a class of Unicode that is not known', begin);
      return { kind: 'class', characterClass };
    }
    // Octal: a digit other than 0 alone would be a back reference.
    const octal = this.takesMatching(/0[0-7]{0,2}|[1-7][0-7]{1,2}/y)?.[0];
    if (octal !== undefined) return { kind: 'character', code: parseInt(octal, 8) };
    const [hexadecimal, long, twoDigits] = this.takesMatching(/x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/y) ?? [];
    if (hexadecimal !== undefined) {
      const code = parseInt(long ?? twoDigits ?? '', 16);
      if (code > 0x10ffff) throw this.problem('a character beyond \\x{10FFFF}', begin);
      return { kind: 'character', code };
    }
    const letter = String.fromCodePoint(this.character());
    const characterClass = perlClass(letter);
    if (characterClass !== undefined) return { kind: 'class', characterClass };
    const boundary = boundaries.get(letter);
    if (boundary !== undefined) return { kind: 'boundary', boundary };
    const code = controlCharacters.get(letter) ?? (/^[\0-\x7f]$/.test(letter) && !/[A-Za-z0-9]/.test(letter) ? letter.charCodeAt(0) : undefined);
    if (code === undefined) throw this.problem('an escape that RE2 does not know', begin);
    return { kind: 'character', code };
  }

  // Characters.

  private sees(text: string): boolean {
    return this.pattern.startsWith(text, this.at);
  }

  private takes(text: string): boolean {
    const isThere = this.sees(text);
    if (isThere) this.at += text.length;
    return isThere;
  }

  /** `expression` is sticky: it matches here or nowhere. */
  private takesMatching(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.at;
    const match = expression.exec(this.pattern) ?? undefined;
    if (match !== undefined) this.at += match[0].length;
    return match;
  }

  private character(): number {
    const code = this.pattern.codePointAt(this.at);
    if (code === undefined) throw this.problem('a "\\" at the end', this.at - 1);
    this.at += code > 0xffff ? 2 : 1;
    return code;
  }

  private problem(what: string, at = this.at): SyntaxProblem {
    const rest = this.pattern.slice(at, at + 20);
    return new SyntaxProblem(rest === '' ? `${what} at its end` : `${what} at ${JSON.stringify(rest)}`);
  }
}

const boundaries: ReadonlyMap<string, Boundary> = new Map([
  ['A', 'text-begin'],
  ['z', 'text-end'],
  ['b', 'word-boundary'],
  ['B', 'no-word-boundary'],
]);

const controlCharacters: ReadonlyMap<string, number> = new Map([
  ['a', 0x07],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ['v', 0x0b],
]);
