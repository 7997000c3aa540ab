// allot kill: ends one task.
//
// Owns:      the arguments.
// Elsewhere: what a kill does (master/core/kills.ts), asking (../master-client.ts).

import { checkTaskId } from '../../common/model/ids';
import { optionTable, refusalError } from '../../common/options';
import { defineCommand } from '../command';
import { masterFlag, withMaster } from '../master-flag';
import { frameworkFlag } from './tasks';

export const killCommand = defineCommand({
  table: optionTable('kill', { master: masterFlag, framework: frameworkFlag }),
  summary: 'End a task: politely first, then for certain; its framework is told',
  positionals: [{ name: 'task', description: 'the id of a task that runs' }],
  examples: [['allot kill web-1', 'allot tasks shows when it has ended'], ['allot kill web-1 --framework 4f…-0001', 'where two frameworks have a web-1']],
  run: async ({ master, framework }, { positionals: [text] }, context) => {
    const taskId = checkTaskId(text, '<task>');
    if (!taskId.ok) throw refusalError(taskId);
    const question = { kind: 'kill-task', taskId: taskId.value, ...(framework === undefined ? {} : { frameworkId: framework }) } as const;
    await withMaster(master, context, (client) => client.ask(question, 'done', context.stop));
    context.print(`Kill of task ${taskId.value} requested\n`);
    return 0;
  },
});
