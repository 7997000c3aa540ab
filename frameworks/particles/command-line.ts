// Command line: what `allot-particles` understands.
//
// Owns:      the list of commands, and the exit status: 0 done, 1 an expected failure in one line, 130 interrupted, 141 without a word where
//            nobody reads the result, 70 a bug with its stack.
// Elsewhere: each command is a module of commands/.

import yargs from 'yargs';
import { countCommand } from './commands/count';
import { generateCommand } from './commands/generate';
import { runCommand } from './commands/run';
import { ParticleFailure } from './failure';
import { surviveReaders } from './result-output';

/** Runs the command that the words say, and resolves with the exit status. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  surviveReaders();
  try {
    await yargs(words)
      .scriptName('allot-particles')
      .usage('$0 <command>\n\nEvery particle flies on its parabola y = a·x² + b·x + c; the job counts where particles come down.')
      .command(generateCommand)
      .command(runCommand)
      .command(countCommand)
      .demandCommand(1, 'Name a command: generate, run or count')
      .recommendCommands()
      .strict()
      // A flag given twice counts as given last, as in most commands; yargs would make a list of both.
      .parserConfiguration({ 'duplicate-arguments-array': false })
      .version(false)
      .wrap(Math.min(process.stdout.columns ?? 100, 100))
      // Without these yargs prints the whole help for each mistake, and ends the process itself. A message is its own; an error alone is ours.
      .fail((message: string | null, error: Error) => {
        throw message ? new ParticleFailure('BAD_OPTION', `${message}; see allot-particles --help`) : error;
      })
      .exitProcess(false)
      .parseAsync();
    return 0;
  } catch (error) {
    const { name, message, stack, code } = (error instanceof Error ? error : new Error(String(error))) as Error & { readonly code?: unknown };
    const oneLine = message.replace(/\s*\n\s*/g, ' ');
    // As of a command that SIGPIPE ends.
    if (code === 'NOBODY_READS') return 141;
    if (name === 'ParticleFailure') return ended(code === 'INTERRUPTED' ? 130 : 1, oneLine);
    return ended(70, stack ?? message);
  }
}

function ended(status: number, message: string): number {
  process.stderr.write(`allot-particles: ${message}\n`);
  return status;
}
