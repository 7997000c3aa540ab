// Cut text: the beginning of what somebody wrote.
//
// Owns:      how much of a text is kept for people.
// Elsewhere: what is kept (tasks.ts, summaries.ts).
// Source: ours.

/**
 * Characters of a text that is kept for people: names, messages of statuses. Ours: more than a line of a table shows; a hundred thousand tasks
 * whose executors end with pages of text must not fill the memory.
 */
export const textLengthMax = 1_024;

/** By characters joined anew: an engine keeps the whole text behind a slice of it. */
export function cutText(text: string): string {
  return text.length <= textLengthMax ? text : [...text.slice(0, textLengthMax - 1), '…'].join('');
}
