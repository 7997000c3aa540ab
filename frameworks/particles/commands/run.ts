// The command `run`: counts a particle file on a cluster.
//
// Owns:      its options and what it prints where: the result on stdout, everything else on stderr.
// Elsewhere: the run itself (job-run.ts), which is loaded only when there is one: the other commands do without the SDK.

import { basename, dirname } from 'node:path';
import type { CommandModule } from 'yargs';
import { readByteSize } from '../byte-size';
import { ParticleFailure } from '../failure';
import { readHostPort } from '../local-address';
import { MALFORMED_POLICIES, type MalformedPolicy } from '../malformed-line';
import { plotSvg } from '../plot';
import { loadPart } from '../program';
import { checkReplaceable, replaceFile } from '../replaced-file';
import { printResult } from '../result-output';
import { resultJson, resultReport } from '../result-report';

interface RunArguments {
  readonly master: string;
  readonly input: string;
  readonly json: boolean;
  readonly svg: string | undefined;
  readonly malformed: MalformedPolicy;
  readonly 'chunk-size': string | undefined;
  readonly role: string;
  readonly name: string;
  readonly resources: string;
  readonly state: string | undefined;
  readonly 'data-address': string | undefined;
  readonly 'local-input': boolean;
  readonly quiet: boolean;
}

/** Less than this and a task costs more than its counting; more than that and an executor's connection is busy for an hour on a Pi. */
const CHUNK_BYTES = { min: 1024, max: 1024 ** 3 };

/** Columns of the report where the output is no terminal, and beyond which bars get longer but tell no more. */
const WIDTH = { default: 80, max: 120 };

export const runCommand: CommandModule<object, RunArguments> = {
  command: 'run',
  describe: 'Count where the particles of a file land, on a cluster',
  builder: (yargs) =>
    yargs
      .option('master', { type: 'string', default: process.env['ALLOT_MASTER'] ?? 'localhost:5050', requiresArg: true, description: 'host:port, several with commas, or etcd://host:port,host:port/prefix; also ALLOT_MASTER' })
      .option('input', { type: 'string', demandOption: true, requiresArg: true, description: 'File of particles, one a line: a b c. Only this machine needs to have it' })
      .option('json', { type: 'boolean', default: false, description: 'Print the counts as one JSON object instead of the report' })
      .option('svg', { type: 'string', requiresArg: true, description: 'Also write a histogram of the landing places to this file' })
      .option('malformed', { choices: MALFORMED_POLICIES, default: 'stop' as const, requiresArg: true, description: 'What a malformed line does: stop the counting, or be counted as malformed' })
      .option('chunk-size', { type: 'string', requiresArg: true, description: 'Bytes that one task counts, such as 512kb or 16mb; by default a part of the input for each place that the cluster has, at most 128mb' })
      .option('resources', { type: 'string', default: 'cpus:0.5;mem:64', requiresArg: true, description: 'What one task takes of an offer. With half a cpu a core counts one chunk while the next is already there' })
      .option('role', { type: 'string', default: '*', requiresArg: true, description: 'Role for which offers are taken' })
      .option('name', { type: 'string', default: 'particles', requiresArg: true, description: 'Name of the framework' })
      .option('state', { type: 'string', requiresArg: true, description: 'File from which an interrupted run goes on; by default beside the input, as INPUT.allot-state' })
      .option('data-address', { type: 'string', requiresArg: true, description: 'host:port at which agents fetch the input from this machine; by default any port of the address that leads to the master' })
      .option('local-input', { type: 'boolean', default: true, description: 'Executors on this very machine read the input from its file; --no-local-input has them fetch it like all others' })
      .option('quiet', { type: 'boolean', default: false, description: 'No progress on standard error' })
      .example('$0 run --master pi1.local:5050 --input particles.txt --svg landing.svg', 'Count on a cluster and draw the histogram'),
  handler: async (given) => {
    const { input, json, svg, malformed, role, name, resources, quiet, master } = given;
    const options = {
      ...{ master, input, malformed, role, name, resources, quiet, localInput: given['local-input'] },
      ...(given['chunk-size'] === undefined ? {} : { chunkBytes: chunkBytesOf(given['chunk-size']) }),
      stateFile: given.state ?? `${input}.allot-state`,
      ...(given['data-address'] === undefined ? {} : { dataAddress: dataAddressOf(given['data-address']) }),
    };
    if (svg !== undefined) await checkReplaceable(svg);
    const count = await loadJobRun().runJob(options);
    const width = Math.min(process.stdout.columns ?? WIDTH.default, WIDTH.max);
    try {
      await printResult(json ? `${JSON.stringify(resultJson(count))}\n` : resultReport(count, width));
    } finally {
      // After what counts: a disk that is full by now takes nothing but the picture. Also where nobody reads that: it may have taken hours.
      if (svg !== undefined) await replaceFile(svg, (file) => file.writeFile(plotSvg(count.tally)));
    }
  },
};

/** Loaded only when there is a run: the other commands do without the SDK. */
function loadJobRun(): typeof import('../job-run') {
  // A bundle of this module lies one folder up, where the job run's program is.
  const folder = basename(__dirname) === 'commands' ? dirname(__dirname) : __dirname;
  return loadPart(folder, 'job-run', () => require('../job-run') as typeof import('../job-run'));
}

function chunkBytesOf(text: string): number {
  const bytes = readByteSize(text);
  if (bytes !== undefined && bytes >= CHUNK_BYTES.min && bytes <= CHUNK_BYTES.max) return bytes;
  throw new ParticleFailure('BAD_OPTION', `Cannot run as --chunk-size must be a size from 1kb to 1gb: current value is "${text}"`);
}

function dataAddressOf(text: string): { readonly host: string; readonly port: number } {
  const address = readHostPort(text);
  if (address !== undefined) return address;
  throw new ParticleFailure('BAD_OPTION', `Cannot run as --data-address must be host:port: current value is "${text}"`);
}
