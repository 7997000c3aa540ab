// Character sets: what one place of a regular expression takes.
//
// Owns:      sets of code points, the named ones of the syntax, letters that differ in case only.
// Elsewhere: the notation of sets (regex-syntax.ts), what is done with them (regex.ts).
// Invariants:
//   H1. A set takes memory in proportion to its notation, and a question costs a search in its own ranges: classes of Unicode are asked
//       for and not spelled out, letters of either case are looked up in the text's character and not added to the set.
// Source: RE2 for the names and their members (Perl's and POSIX's are ASCII). Unicode's classes and cases are those of the JavaScript engine.

/** First and last code point. */
export type CodeRange = readonly [first: number, last: number];

/** A class of its own within a set: of Perl or POSIX by its ranges, of Unicode by its test. */
export interface CharacterClass {
  readonly contains: (code: number) => boolean;
  readonly isNegated: boolean;
}

export interface CharacterSetOptions {
  readonly ranges: readonly CodeRange[];
  readonly classes?: readonly CharacterClass[];
  readonly isNegated?: boolean;
  /** Letters that differ in case only are the same. */
  readonly ignoresCase?: boolean;
}

export class CharacterSet {
  private readonly ranges: readonly CodeRange[];
  private readonly classes: readonly CharacterClass[];
  private readonly isNegated: boolean;
  private readonly ignoresCase: boolean;

  constructor({ ranges, classes = [], isNegated = false, ignoresCase = false }: CharacterSetOptions) {
    this.ranges = mergedRanges(ranges);
    this.classes = classes;
    this.isNegated = isNegated;
    this.ignoresCase = ignoresCase;
  }

  has(code: number): boolean {
    const alike = this.ignoresCase ? lettersLike(code) : undefined;
    const meets = (contains: (one: number) => boolean): boolean => (alike === undefined ? contains(code) : alike.some(contains));
    const isIn = meets((one) => isInRanges(this.ranges, one)) || this.classes.some(({ contains, isNegated }) => meets(contains) !== isNegated);
    return isIn !== this.isNegated;
  }
}

const codeMax = 0x10ffff;

export const anyCharacter = new CharacterSet({ ranges: [[0, codeMax]] });
/** What `.` takes unless the flag `s` is set. */
export const anyButNewline = new CharacterSet({ ranges: [[0x0a, 0x0a]], isNegated: true });

/** The ranges of an ASCII class: pairs of first and last character. */
function ranges(pairs: string): readonly CodeRange[] {
  return Array.from({ length: pairs.length / 2 }, (_, index) => [pairs.charCodeAt(2 * index), pairs.charCodeAt(2 * index + 1)]);
}

/** `\d`, `\s`, `\w` by their letter. */
const perlClasses: ReadonlyMap<string, readonly CodeRange[]> = new Map([
  ['d', ranges('09')],
  ['s', ranges('\t\n\f\r  ')],
  ['w', ranges('09AZ__az')],
]);

/** `[:alpha:]` and its like. */
const posixClasses: ReadonlyMap<string, readonly CodeRange[]> = new Map([
  ['alnum', ranges('09AZaz')],
  ['alpha', ranges('AZaz')],
  ['ascii', ranges('\0\x7f')],
  ['blank', ranges('\t\t  ')],
  ['cntrl', ranges('\0\x1f\x7f\x7f')],
  ['digit', ranges('09')],
  ['graph', ranges('!~')],
  ['lower', ranges('az')],
  ['print', ranges(' ~')],
  ['punct', ranges('!/:@[`{~')],
  ['space', ranges('\t\r  ')],
  ['upper', ranges('AZ')],
  ['word', ranges('09AZ__az')],
  ['xdigit', ranges('09AFaf')],
]);

/** The class of `\d` or, negated, `\D`. */
export function perlClass(letter: string): CharacterClass | undefined {
  const lowerCase = letter.toLowerCase();
  return classOf(perlClasses.get(lowerCase), letter !== lowerCase);
}

export function posixClass(name: string, isNegated: boolean): CharacterClass | undefined {
  return classOf(posixClasses.get(name), isNegated);
}

function classOf(members: readonly CodeRange[] | undefined, isNegated: boolean): CharacterClass | undefined {
  return members && { contains: (code) => isInRanges(members, code), isNegated };
}

/** By the name of a general category (`L`, `Lu`), of a script (`Greek`), or `Any`. Undefined: no such class. */
export function unicodeClass(name: string, isNegated: boolean): CharacterClass | undefined {
  const pattern = unicodePattern(name.length <= 2 ? `General_Category=${name}` : name === 'Any' ? name : `Script=${name}`);
  return pattern && { contains: (code) => pattern.test(String.fromCodePoint(code)), isNegated };
}

/** Compiled once, however many expressions name them: there are some hundred. */
const unicodePatterns = new Map<string, RegExp>();

function unicodePattern(property: string): RegExp | undefined {
  const known = unicodePatterns.get(property);
  if (known !== undefined || !/^[A-Za-z_=]+$/.test(property)) return known;
  try {
    const pattern = new RegExp(`\\p{${property}}`, 'u');
    unicodePatterns.set(property, pattern);
    return pattern;
  } catch {
    return undefined; // The only way to ask the engine whether it knows a property.
  }
}

/** Whether `\b` takes it for a part of a word. */
export function isWordCharacter(code: number): boolean {
  return isInRanges(wordRanges, code);
}

const wordRanges = perlClasses.get('w') ?? [];

/** Sorted, without overlap. */
function mergedRanges(parts: readonly CodeRange[]): readonly CodeRange[] {
  const merged: CodeRange[] = [];
  for (const [first, last] of [...parts].sort(([one], [other]) => one - other)) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) merged[merged.length - 1] = [before[0], Math.max(before[1], last)];
    else merged.push([first, last]);
  }
  return merged;
}

function isInRanges(sorted: readonly CodeRange[], code: number): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const range = sorted[middle];
    if (range === undefined || code < range[0]) high = middle;
    else if (code > range[1]) low = middle + 1;
    else return true;
  }
  return false;
}

let orbits: ReadonlyMap<number, readonly number[]> | undefined;

/** The character itself and all that differ from it in case only: `k`, `K` and the Kelvin sign. */
function lettersLike(code: number): readonly number[] {
  orbits ??= caseOrbits();
  return orbits.get(code) ?? [code];
}

/** Beyond it no letter has case. */
const casedCodeMax = 0x1ffff;

/** Made at the first question, in some milliseconds, because few expressions ask. */
function caseOrbits(): ReadonlyMap<number, readonly number[]> {
  const byFold = new Map<number, number[]>();
  for (let code = 0; code <= casedCodeMax; code += 1) {
    const fold = foldOf(code);
    if (fold === code) continue;
    const orbit = byFold.get(fold);
    if (orbit === undefined) byFold.set(fold, [fold, code]);
    else orbit.push(code);
  }
  const found = new Map<number, readonly number[]>();
  for (const orbit of byFold.values()) for (const code of orbit) found.set(code, orbit);
  return found;
}

/** The letter that stands for all that differ in case only. */
function foldOf(code: number): number {
  if (code === dotlessI) return code;
  const upperCase = single(String.fromCodePoint(code).toUpperCase()) ?? code;
  return single(String.fromCodePoint(upperCase).toLowerCase()) ?? upperCase;
}

/** Its capital is I, but only Turkish takes the two for one letter. Source: Unicode's CaseFolding. */
const dotlessI = 0x131;

function single(text: string): number | undefined {
  const code = text.codePointAt(0);
  return code !== undefined && text.length === (code > 0xffff ? 2 : 1) ? code : undefined;
}
