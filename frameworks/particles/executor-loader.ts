// Executor loader: what agents start for the particle job.
//
// Owns:      running the executor's program, which agents fetch beside it.
// Elsewhere: the program (executor-main.ts).

import { join } from 'node:path';
import { runProgram } from './program';

runProgram(join(__dirname, 'particle-executor.program'));
