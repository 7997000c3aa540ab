// allot teardown: ends one framework with everything it runs.
//
// Owns:      the arguments.
// Elsewhere: what a teardown does (master/core/frameworks.ts), asking (../master-client.ts).

import { checkFrameworkId } from '../../common/model/ids';
import { optionTable, refusalError } from '../../common/options';
import { defineCommand } from '../command';
import { masterFlag, withMaster } from '../master-flag';

export const teardownCommand = defineCommand({
  table: optionTable('teardown', { master: masterFlag }),
  summary: 'End a framework, all its executors and tasks, for good',
  positionals: [{ name: 'framework', description: 'the id of a framework, as allot frameworks shows it' }],
  examples: [['allot teardown 4f…-0001', 'it cannot come back under this id']],
  run: async ({ master }, { positionals: [text] }, context) => {
    const frameworkId = checkFrameworkId(text, '<framework>');
    if (!frameworkId.ok) throw refusalError(frameworkId);
    await withMaster(master, context, (client) => client.ask({ kind: 'teardown', frameworkId: frameworkId.value }, 'done', context.stop));
    context.print(`Framework ${frameworkId.value} torn down\n`);
    return 0;
  },
});
