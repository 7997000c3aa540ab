// Plain flags: reading a simple command line without a parser.
//
// Owns:      the fast path for daemons: `--name value`, `--name=value`, `--switch`, `--no-switch`, each once, all known.
// Elsewhere: everything else, help and what to say about mistakes (command-line.ts); what values mean (common/options.ts).
// Invariants:
//   P1. What it reads, it reads as the full parser does; what it is not sure of, it leaves to that one.
// Source: our choice: yargs costs 9 MB of resident memory, a fifth of what an agent on a Pi may have, for one line read once.

import type { OptionTable } from '../common/options';

/** Flags by name, as text or true/false; undefined where the full parser has to look. */
export function readPlainFlags(table: OptionTable, args: readonly string[]): Readonly<Record<string, string | boolean>> | undefined {
  const flags: Record<string, string | boolean> = {};
  for (let at = 0; at < args.length; at += 1) {
    const [, negation = '', name = '', , written] = /^--(no-)?([a-z][a-z0-9-]*)(=(.*))?$/s.exec(args[at] ?? '') ?? [];
    const type = name === 'config' ? 'string' : table.specs[name]?.type;
    if (type === undefined || Object.hasOwn(flags, name)) return undefined;
    if (type === 'boolean') {
      if (written !== undefined) return undefined;
      flags[name] = negation === '';
      continue;
    }
    const value = written ?? args[(at += 1)];
    if (negation !== '' || value === undefined || (written === undefined && value.startsWith('-'))) return undefined;
    flags[name] = value;
  }
  return flags;
}
