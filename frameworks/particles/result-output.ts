// Result output: the result of a command on its way to whoever reads it.
//
// Owns:      writing to stdout, and what becomes of a write that fails.
// Elsewhere: what is printed (result-report.ts), the exit status (command-line.ts), progress on stderr (job-display.ts).
// Source: our choice, after what SIGPIPE does to other commands.

import { fileFailure, ParticleFailure } from './failure';

/**
 * Resolves when the system has taken the text.
 *
 * @throws ParticleFailure NOBODY_READS when the reader is gone (`allot-particles count … | true`), CANNOT_WRITE when the disk behind stdout is full
 */
export function printResult(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (!error) resolve();
      else if ((error as NodeJS.ErrnoException).code === 'EPIPE') reject(new ParticleFailure('NOBODY_READS', 'Cannot print the result as nobody reads it'));
      else reject(fileFailure('CANNOT_WRITE', 'standard output', error));
    });
  });
}

/** A failed write is told to who wrote; without a listener it would end the process, too. Progress that nobody reads ends nothing: the result counts. */
export function surviveReaders(): void {
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
}
