// The command `generate`: writes a particle file.
//
// Owns:      its options.
// Elsewhere: the particles (../generate.ts), what happens to a failure (../main.ts).

import type { CommandModule } from 'yargs';
import { ParticleFailure } from '../failure';
import { GENERATE_COUNT_MAX, generateFile, PRECISIONS, type Precision } from '../generate';

interface GenerateArguments {
  readonly count: number;
  readonly seed: number;
  readonly precision: Precision;
  readonly output: string;
}

export const generateCommand: CommandModule<object, GenerateArguments> = {
  command: 'generate',
  describe: 'Write a file of particles; the same count, seed and precision give the same file',
  builder: (yargs) =>
    yargs
      .option('count', { type: 'number', demandOption: true, requiresArg: true, description: 'How many particles, a whole number from 0' })
      .option('seed', { type: 'number', default: 1, requiresArg: true, description: 'Start of the pseudo-random numbers, a whole number from 0' })
      .option('precision', {
        choices: PRECISIONS,
        default: 'full' as const,
        requiresArg: true,
        description: 'Digits of the coefficients: all of a double, as a simulation prints them, or four or five, as people write them',
      })
      .option('output', { type: 'string', demandOption: true, requiresArg: true, description: 'File to write; it appears when it is complete' })
      .example('$0 generate --count 1000000 --seed 7 --output particles.txt', 'A million particles in about a second'),
  handler: async ({ count, seed, precision, output }) => {
    checkWhole('count', count, GENERATE_COUNT_MAX);
    checkWhole('seed', seed, Number.MAX_SAFE_INTEGER);
    await generateFile(output, count, seed, precision);
  },
};

function checkWhole(option: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return;
  throw new ParticleFailure('BAD_OPTION', `Cannot generate as --${option} must be one whole number from 0 to ${max}: current value is ${String(value)}`);
}
