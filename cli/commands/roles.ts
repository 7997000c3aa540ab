// allot roles: who is due what.
//
// Owns:      the columns, the flags.
// Elsewhere: the summaries (common/model/operator-protocol.ts), asking (../master-client.ts), printing (../table.ts, ../json.ts).

import { optionTable } from '../../common/options';
import type { RoleSummary } from '../../common/model/operator-protocol';
import { defineCommand } from '../command';
import { formatJson } from '../json';
import { jsonFlag, masterFlag, withMaster } from '../master-flag';
import { formatQuantities, formatTable, type Column } from '../table';

export const roleColumns: readonly Column<RoleSummary>[] = [
  { title: 'ROLE', cell: ({ role }) => role },
  { title: 'WEIGHT', align: 'right', cell: ({ weight }) => String(weight) },
  // Dominant share over weight: the next offer goes to the role with the least.
  { title: 'SHARE', align: 'right', cell: ({ share }) => share.toFixed(3) },
  { title: 'DOMINANT', cell: ({ dominantResource }) => dominantResource ?? '' },
  { title: 'FRAMEWORKS', align: 'right', cell: ({ frameworkIds }) => String(frameworkIds.length) },
  { title: 'ALLOCATED', cell: ({ allocated }) => formatQuantities(allocated) },
];

export const rolesCommand = defineCommand({
  table: optionTable('roles', { master: masterFlag, json: jsonFlag }),
  summary: 'List the roles, with weight and weighted dominant share',
  examples: [['allot roles', 'who is due the next offer: the least share']],
  run: async ({ master, json }, _args, context) => {
    const { roles } = await withMaster(master, context, (client) => client.ask({ kind: 'get-roles' }, 'roles', context.stop));
    context.print(json ? formatJson(roles) : formatTable(roleColumns, roles));
    return 0;
  },
});
