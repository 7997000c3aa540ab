// allot agent: one agent process.
//
// Owns:      declaring the command.
// Elsewhere: the flags and the process (agent/agent-options.ts, agent/main.ts).

import { agentOptions } from '../../agent/agent-options';
import { defineCommand } from '../command';

export const agentCommand = defineCommand({
  table: agentOptions,
  summary: 'Run an agent: the process that offers this machine and runs tasks on it',
  examples: [
    ['allot agent --master pi1.local:5050 --work-dir /var/lib/allot/agent', 'offer all that this machine has'],
    ["allot agent --master pi1.local:5050 --work-dir ~/agent --resources 'cpus:2;mem:1024' --attributes rack:r2", 'offer a part of it, with a remark'],
  ],
  run: async (options, _args, { stop }) => {
    const { runAgent } = require('../../agent/main') as typeof import('../../agent/main');
    await runAgent(options, stop);
    return 0;
  },
});
