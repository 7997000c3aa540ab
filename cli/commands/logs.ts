// allot logs: what a task has written.
//
// Owns:      the arguments.
// Elsewhere: reading through the master (../sandbox-follower.ts).

import { checkTaskId } from '../../common/model/ids';
import { isAllotError } from '../../common/errors';
import { optionTable, refusalError } from '../../common/options';
import { defineCommand } from '../command';
import { masterFlag, withMaster } from '../master-flag';
import { SandboxFollower } from '../sandbox-follower';
import { frameworkFlag } from './tasks';

export const logsCommand = defineCommand({
  table: optionTable('logs', {
    master: masterFlag,
    framework: frameworkFlag,
    follow: { type: 'boolean', default: false, alias: 'f', group: 'Output', description: 'Go on until the task has ended' },
    stderr: { type: 'boolean', default: false, group: 'Output', description: 'Its standard error instead of its standard output' },
  }),
  summary: 'Print what a task has written, from its agent through the master',
  positionals: [{ name: 'task', description: 'the id of a task that runs or has ended' }],
  examples: [['allot logs web-1', 'what it has written so far'], ['allot logs -f --stderr web-1', 'its errors, as they come']],
  run: async ({ master, framework, follow, stderr }, { positionals: [text] }, context) => {
    const taskId = checkTaskId(text, '<task>');
    if (!taskId.ok) throw refusalError(taskId);
    const file = { taskId: taskId.value, ...(framework === undefined ? {} : { frameworkId: framework }), stream: stderr ? 'stderr' : 'stdout' } as const;
    await withMaster(master, context, async (client) => {
      const follower = new SandboxFollower(client, context.environment.clock, file, context.print);
      const ended = await follower.readAvailable(context.stop);
      // An agent that is away for a moment comes back; a task that is not known will not.
      if (follow && !ended) await follower.follow(context.stop, (error) => isAllotError(error, 'OPERATION_FAILED'));
    });
    return 0;
  },
});
