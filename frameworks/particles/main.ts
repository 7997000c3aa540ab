#!/usr/bin/env node
// The command `allot-particles`: the particle job, bundled as a sample of a framework.
//
// Owns:      how the command line is loaded.
// Elsewhere: the command line itself (command-line.ts).

import { loadPart } from './program';

const { runCommandLine } = loadPart(__dirname, 'command-line', () => require('./command-line') as typeof import('./command-line'));

void runCommandLine(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
