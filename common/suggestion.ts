// Suggestion: what someone who mistyped a name may have meant.
//
// Owns:      the distance between names, and how near is near enough.
// Elsewhere: where names come from (options.ts, the CLI's commands).
// Source: Damerau-Levenshtein distance in its restricted form (insert, delete, replace, swap neighbours): the four ways to mistype.

/** The candidate nearest to `name`, the first of equals; undefined when none is near enough: at most a third of its letters wrong, but two always. */
export function suggest(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance <= Math.max(2, Math.floor(candidate.length / 3)) && distance < candidate.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** ` (did you mean "--master"?)`, or nothing: to end a sentence with. */
export function suggestionClause(name: string, candidates: readonly string[], print: (candidate: string) => string = (candidate) => candidate): string {
  const suggested = suggest(name, candidates);
  return suggested === undefined ? '' : ` (did you mean ${JSON.stringify(print(suggested))}?)`;
}

/** Fewest single mistypes that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  // rows[i][j]: distance between the first i letters of a and the first j of b. Names are short, so the whole table is affordable.
  const rows: number[][] = Array.from({ length: a.length + 1 }, (_unused, i) => Array.from({ length: b.length + 1 }, (_none, j) => (i === 0 ? j : j === 0 ? i : 0)));
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i += 1) {
    for (let j = 1; j <= b.length; j += 1) {
      let distance = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) distance = Math.min(distance, at(i - 2, j - 2) + 1);
      const row = rows[i];
      if (row !== undefined) row[j] = distance;
    }
  }
  return at(a.length, b.length);
}
