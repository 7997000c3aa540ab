// The command `count`: counts a particle file in this one process.
//
// Owns:      its options and what it prints where: the result on stdout, nothing else there.
// Elsewhere: counting (../count.ts), the report (../result-report.ts), what happens to a failure (../main.ts).

import type { CommandModule } from 'yargs';
import { ParticleFailure } from '../failure';
import { describeFault, MALFORMED_POLICIES, MalformedPolicy } from '../malformed-line';
import { plotSvg } from '../plot';
import { checkReplaceable, replaceFile } from '../replaced-file';
import { printResult } from '../result-output';
import { resultJson, resultReport } from '../result-report';

interface CountArguments {
  readonly input: string;
  readonly json: boolean;
  readonly svg: string | undefined;
  readonly malformed: MalformedPolicy;
}

/** Columns of the report where the output is no terminal. */
const WIDTH_DEFAULT = 80;

/** Columns beyond which bars get longer but tell no more. */
const WIDTH_MAX = 120;

export const countCommand: CommandModule<object, CountArguments> = {
  command: 'count',
  describe: 'Count where the particles of a file land, in this one process',
  builder: (yargs) =>
    yargs
      .option('input', { type: 'string', demandOption: true, requiresArg: true, description: 'File of particles, one a line: a b c' })
      .option('json', { type: 'boolean', default: false, description: 'Print the counts as one JSON object instead of the report' })
      .option('svg', { type: 'string', requiresArg: true, description: 'Also write a histogram of the landing places to this file' })
      .option('malformed', {
        choices: MALFORMED_POLICIES,
        default: 'stop' as const,
        requiresArg: true,
        description: 'What a malformed line does: stop the counting, or be counted as malformed',
      })
      .example('$0 count --input particles.txt --svg landing.svg', 'Print the report and draw the histogram')
      .example('$0 count --input particles.txt --json --malformed count', 'Counts for a program, malformed lines counted'),
  handler: async ({ input, json, svg, malformed }) => {
    if (svg !== undefined) await checkReplaceable(svg);
    // Here and not above: the other commands start without it.
    const { countFile } = require('../count') as typeof import('../count');
    const outcome = await countFile(input, malformed);
    if (outcome.kind === 'stopped') {
      const { malformedLine } = outcome;
      const cause = `line ${malformedLine.lineNumber} is malformed: ${describeFault(malformedLine)}`;
      throw new ParticleFailure('MALFORMED_LINE', `Cannot count "${input}" as ${cause}; correct it, or pass --malformed count`);
    }
    const width = Math.min(process.stdout.columns ?? WIDTH_DEFAULT, WIDTH_MAX);
    try {
      await printResult(json ? `${JSON.stringify(resultJson(outcome.count))}\n` : resultReport(outcome.count, width));
    } finally {
      // After what counts: a disk that is full by now takes nothing but the picture. Also where nobody reads that: it may have taken hours.
      if (svg !== undefined) await replaceFile(svg, (file) => file.writeFile(plotSvg(outcome.count.tally)));
    }
  },
};
