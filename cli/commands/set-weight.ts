// allot set-weight: how much a role is due beside the others.
//
// Owns:      the arguments.
// Elsewhere: what a weight does (allocator/), keeping it (the registry), asking (../master-client.ts).

import { checkRole } from '../../common/model/role';
import { optionTable, refusalError } from '../../common/options';
import { refused } from '../../common/refusal';
import { defineCommand } from '../command';
import { masterFlag, withMaster } from '../master-flag';

export const setWeightCommand = defineCommand({
  table: optionTable('set-weight', { master: masterFlag }),
  summary: 'Set the weight of a role: with weight 2 it is due twice of what a role with weight 1 is',
  positionals: [
    { name: 'role', description: 'the name of a role' },
    { name: 'weight', description: 'a number above 0; 1 is what every role has at first' },
  ],
  examples: [['allot set-weight production 4', 'kept over changes of leader'], ['allot set-weight production 1', 'back to what others have']],
  run: async ({ master }, { positionals: [roleText = '', weightText = ''] }, context) => {
    const role = checkRole(roleText, '<role>');
    if (!role.ok) throw refusalError(role);
    const weight = /^(\d+(\.\d*)?|\.\d+)$/.test(weightText) ? Number(weightText) : NaN;
    if (!(weight > 0)) throw refusalError(refused('<weight>', weightText, 'a number above 0'));
    await withMaster(master, context, (client) => client.ask({ kind: 'set-weight', role: role.value, weight }, 'done', context.stop));
    context.print(`Weight of role ${role.value} is ${weight}\n`);
    return 0;
  },
});
