// List: long lists of the master, asked for a part at a time.
//
// Owns:      `--limit`, asking until it is reached or the list is at its end, the line about what is not shown.
// Elsewhere: how much one answer holds (master/core/pages.ts), asking (master-client.ts), printing (table.ts, json.ts).
// Source: ours; the line is on standard error, so that a program that reads the list reads nothing else.

import type { Page, Rest } from '../common/model/operator-protocol';
import type { OptionSpec } from '../common/options';
import type { CommandContext } from './command';

/** Ours: some pages of a screen more than anybody reads, and a fraction of a second. Programs name what they can take. */
const limitDefault = 10_000;

export const limitFlag = {
  type: 'int',
  min: 1,
  default: limitDefault,
  group: 'Output',
  description: 'Show at most so many',
} as const satisfies OptionSpec;

/** Asks for one part after the other, and remarks on what is left out. Entries that come or go meanwhile may be shown twice, or not. */
export async function askList<Reply extends Rest, Entry>(
  limit: number,
  context: CommandContext,
  ask: (page: Page) => Promise<Reply>,
  entriesOf: (reply: Reply) => readonly Entry[],
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (;;) {
    const reply = await ask({ limit: limit - entries.length, ...(entries.length === 0 ? {} : { skip: entries.length }) });
    const more = entriesOf(reply);
    for (const entry of more) entries.push(entry);
    if (reply.omittedCount > 0 && more.length > 0 && entries.length < limit) continue;
    if (reply.omittedCount > 0) context.remark(`allot: ${reply.omittedCount} more not shown, --limit ${entries.length + reply.omittedCount} shows all\n`);
    return entries;
  }
}
