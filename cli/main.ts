#!/usr/bin/env node
// The command `allot`.
//
// Owns:      handing the process's words, variables and streams to the command line.
// Elsewhere: the command line (command-line.ts), signals and exit status (common/process.ts).

import { createEnvironment } from '../common/environment';
import { runMain } from '../common/process';
import { runCommandLine } from './command-line';
import { commands } from './commands';

runMain('allot', (stop) =>
  runCommandLine(
    process.argv.slice(2),
    {
      environment: createEnvironment(),
      variables: process.env,
      stop,
      print: (text) => void process.stdout.write(text),
      remark: (text) => void process.stderr.write(text),
    },
    { commands, columns: process.stdout.columns },
  ),
);
