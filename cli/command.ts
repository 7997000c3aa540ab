// Command: the shape of one subcommand of `allot`.
//
// Owns:      what a command declares (flags, arguments, examples) and what it gets to do its work.
// Elsewhere: the commands (commands/), reading the command line (command-line.ts), flags (common/options.ts).
// Invariants:
//   C1. Declaring costs nothing: a command loads what its work needs when it runs, because every run of `allot` loads all declarations.
// Source: our choice; one module per command.

import { refusalError, resolveOptions, type ConfigOf, type OptionTable } from '../common/options';
import type { Environment } from '../common/ports';
import type { OperatorClient } from '../proto/grpc-operator';

/** What a command may touch of the outside. */
export interface CommandContext {
  readonly environment: Environment;
  /** The process's environment variables. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGINT or SIGTERM, and when nobody reads what is written. */
  readonly stop: AbortSignal;
  /** Standard output: results. Whoever writes much waits for each write; it never rejects (common/process.ts). */
  readonly print: (text: string | Uint8Array) => void | Promise<void>;
  /** Standard error: everything else. */
  readonly remark: (text: string | Uint8Array) => void | Promise<void>;
  /** Opens a connection to the master at `host:port`. Default: over gRPC. */
  readonly connect?: (address: string) => OperatorClient;
}

/** One argument without a flag. */
export interface Positional {
  /** In angle brackets in the usage. */
  readonly name: string;
  /** What it is, after "expected": `the id of a task`. */
  readonly description: string;
  /** Stands in when it is left out; without it the argument is required. None without one may follow. */
  readonly default?: string;
}

/** What the command line held beside the flags of the table. */
export interface CommandArguments {
  /** In the order of {@link CommandSpec.positionals}. */
  readonly positionals: readonly string[];
  /** Everything after `--`. */
  readonly rest: readonly string[];
}

export interface CommandSpec<Table extends OptionTable> {
  readonly table: Table;
  /** One sentence without its period. */
  readonly summary: string;
  readonly positionals?: readonly Positional[];
  /** What follows `--`, e.g. `COMMAND...`; absent where nothing may. */
  readonly rest?: string;
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  /** Returns the exit status; throws an AllotError for a failure of the world. */
  readonly run: (config: ConfigOf<Table>, args: CommandArguments, context: CommandContext) => Promise<number>;
}

/** A command whose table's type is known to itself only. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly table: OptionTable;
  readonly positionals: readonly Positional[];
  readonly rest: string | undefined;
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  /** `flags` as the command line gave them, unread. */
  readonly run: (flags: Readonly<Record<string, unknown>>, args: CommandArguments, context: CommandContext) => Promise<number>;
}

export function defineCommand<Table extends OptionTable>(spec: CommandSpec<Table>): Command {
  return {
    name: spec.table.command,
    summary: spec.summary,
    table: spec.table,
    positionals: spec.positionals ?? [],
    rest: spec.rest,
    examples: spec.examples,
    run: async (flags, args, context) => {
      const config = resolveOptions(spec.table, { argv: flags, environment: context.variables });
      if (!config.ok) throw refusalError(config);
      return await spec.run(config.value, args, context);
    },
  };
}
