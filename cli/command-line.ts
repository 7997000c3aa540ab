// Command line: from words to the run of one command.
//
// Owns:      which command is meant, the help, what is said about a word that nobody knows.
// Elsewhere: the commands (commands/, listed in commands.ts), flags and their values (common/options.ts), exit status of failures (common/process.ts).
// Invariants:
//   L1. The command comes first; so no flag's value is ever taken for it.
//   L2. A mistake is one line that names the word, what was expected, and the nearest known word.
//   L3. The parser of words is loaded only where it is needed: not for the daemons when their flags are plain.
// Source: our choice on yargs 17.

import type { Argv } from 'yargs';

import { AllotError, isAllotError } from '../common/errors';
import { addOptions, refusalError } from '../common/options';
import { refused } from '../common/refusal';
import { suggestionClause } from '../common/suggestion';
import { version } from '../common/version';
import type { Command, CommandArguments, CommandContext } from './command';
import { readPlainFlags } from './plain-flags';

/** Widest help that is pleasant to read. */
const helpColumnsMax = 110;

export interface CommandLineOptions {
  readonly commands: readonly Command[];
  /** Width of the terminal, where there is one. */
  readonly columns?: number | undefined;
}

/** Runs `words` (without program and script) and returns the exit status. Throws AllotError for what a person has to mend. */
export async function runCommandLine(words: readonly string[], context: CommandContext, { commands, columns }: CommandLineOptions): Promise<number> {
  const [word, ...args] = words;
  if (word === '--version' || word === 'version') {
    context.print(`${version}\n`);
    return 0;
  }
  if (word === undefined || word === '--help' || word === '-h' || (word === 'help' && args.length === 0)) {
    (word === undefined ? context.remark : context.print)(overview(commands));
    return word === undefined ? 1 : 0;
  }
  if (word === 'help') return await runCommandLine([...args, '--help'], context, { commands, columns });
  const command = commandNamed(word, commands);
  const plain = readPlainFlags(command.table, args);
  if (plain !== undefined && command.positionals.length === 0 && command.rest === undefined) return await command.run(plain, { positionals: [], rest: [] }, context);
  return await runParsed(command, args, context, Math.min(columns ?? helpColumnsMax, helpColumnsMax));
}

function commandNamed(word: string, commands: readonly Command[]): Command {
  const names = commands.map(({ name }) => name);
  const command = commands.find(({ name }) => name === word);
  if (command !== undefined) return command;
  if (word.startsWith('-')) throw refusalError(refused('allot', word, 'a command before all flags, as in "allot tasks --json"; see allot --help'));
  throw refusalError(refused('command', word, `one of ${names.join(', ')}${suggestionClause(word, names)}`));
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'Usage: allot <command> [flags]',
    '',
    'Allot divides the machines of a cluster among frameworks: agents offer what they have, a master decides who is offered it.',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Examples:',
    '  allot local                            a whole cluster on this machine',
    "  allot run -- echo 'hello, cluster'     one command as a task, its output here",
    '  allot tasks --all                      what runs, and what has ended',
    '',
    'Commands find the master by --master, else by the variable ALLOT_MASTER, else at 127.0.0.1:5050.',
    'allot <command> --help says more about each.',
    '',
  ].join('\n');
}

function usageOf({ name, positionals, rest }: Command): string {
  const words = positionals.map((positional) => (positional.default === undefined ? `<${positional.name}>` : `[${positional.name}]`));
  return [`Usage: allot ${name}`, ...words, '[flags]', ...(rest === undefined ? [] : [`-- ${rest}`])].join(' ');
}

async function runParsed(command: Command, args: readonly string[], context: CommandContext, columns: number): Promise<number> {
  const argv = await parse(command, args, columns);
  if (argv['help'] === true) return 0;
  return await command.run(argv, argumentsOf(command, argv), context);
}

async function parse(command: Command, args: readonly string[], columns: number): Promise<Readonly<Record<string, unknown>>> {
  const parser = loadYargs()([...args])
    .scriptName('allot')
    .usage(`${usageOf(command)}\n\n${command.summary}.`)
    .help()
    .alias('help', 'h')
    .group('help', 'General:')
    .version(false)
    .wrap(columns)
    .exitProcess(false)
    .fail((message: string | null, error: unknown) => {
      if (isAllotError(error)) throw error;
      throw new AllotError({ code: 'OPERATION_FAILED', action: 'read the command line', detail: message ?? String(error) });
    });
  addOptions(parser, command.table, { args, alsoKnown: ['h', ...(command.rest === undefined ? [] : ['--'])] });
  for (const [line, meaning] of command.examples) parser.example(line, meaning);
  return await parser.parseAsync();
}

function argumentsOf(command: Command, argv: Readonly<Record<string, unknown>>): CommandArguments {
  const words = wordsOf(argv['_']);
  const positionals = command.positionals.map((positional, index) => {
    const word = words[index] ?? positional.default;
    if (word === undefined) throw refusalError(refused(`<${positional.name}>`, undefined, `${positional.description}; see allot ${command.name} --help`));
    return word;
  });
  const surplus = words[positionals.length];
  if (surplus !== undefined) {
    const hint = command.rest === undefined ? '' : `; what is to run comes after "--", as in ${JSON.stringify(command.examples[0]?.[0] ?? '')}`;
    throw refusalError(refused('argument', surplus, `${positionals.length === 0 ? 'none' : `no more than ${positionals.length}`}${hint}`));
  }
  return { positionals, rest: wordsOf(argv['--']) };
}

function wordsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** L3. */
function loadYargs(): (args: string[]) => Argv {
  return require('yargs') as (args: string[]) => Argv;
}
