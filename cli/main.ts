#!/usr/bin/env node
// The command `allot`.
//
// Owns:      handing the process's words and variables to the command line.
// Elsewhere: the command line (command-line.ts), signals, streams and exit status (common/process.ts).

import { createEnvironment } from '../common/environment';
import { runMain } from '../common/process';
import { runCommandLine } from './command-line';
import { commands } from './commands';

runMain('allot', (stop, outputs) =>
  runCommandLine(process.argv.slice(2), { environment: createEnvironment(), variables: process.env, stop, ...outputs }, { commands, columns: process.stdout.columns }),
);
