// allot roles: who is due what.
//
// Owns:      the columns, the flags.
// Elsewhere: the summaries (common/model/operator-protocol.ts), asking (../list.ts, ../master-client.ts), printing (../table.ts, ../json.ts).

import { optionTable } from '../../common/options';
import type { RoleSummary } from '../../common/model/operator-protocol';
import { defineCommand } from '../command';
import { formatJson } from '../json';
import { askList, limitFlag } from '../list';
import { jsonFlag, masterFlag, withMaster } from '../master-flag';
import { formatQuantities, formatTable, type Column } from '../table';

/** With a column for what only some clusters have, where one of the roles has it. */
export const roleColumns = (roles: readonly RoleSummary[]): readonly Column<RoleSummary>[] => [
  { title: 'ROLE', cell: ({ role }) => role },
  { title: 'WEIGHT', align: 'right', cell: ({ weight }) => String(weight) },
  // Dominant share over weight: the next offer goes to the role with the least.
  { title: 'SHARE', align: 'right', cell: ({ share }) => share.toFixed(3) },
  { title: 'DOMINANT', cell: ({ dominantResource }) => dominantResource ?? '' },
  { title: 'FRAMEWORKS', align: 'right', cell: ({ frameworkIds }) => String(frameworkIds.length) },
  { title: 'ALLOCATED', cell: ({ allocated }) => formatQuantities(allocated) },
  ...(roles.some(({ reserved }) => reserved.size > 0) ? [{ title: 'RESERVED', cell: ({ reserved }) => formatQuantities(reserved) } satisfies Column<RoleSummary>] : []),
  ...(roles.some(({ quota }) => quota !== undefined) ? quotaColumns : []),
];

const none: RoleSummary['allocated'] = new Map();

/** Consumption is shown beside what it is held against. */
const quotaColumns: readonly Column<RoleSummary>[] = [
  { title: 'GUARANTEE', cell: ({ quota }) => formatQuantities(quota?.guarantees ?? none) },
  { title: 'LIMIT', cell: ({ quota }) => formatQuantities(quota?.limits ?? none) },
  { title: 'CONSUMED', cell: ({ consumed }) => formatQuantities(consumed) },
];

export const rolesCommand = defineCommand({
  table: optionTable('roles', { master: masterFlag, limit: limitFlag, json: jsonFlag }),
  summary: 'List the roles, with weight, weighted dominant share, and what is reserved for them and guaranteed to them',
  examples: [['allot roles', 'who is due the next offer: the least share']],
  run: async ({ master, limit, json }, _args, context) => {
    const roles = await withMaster(master, context, (client) =>
      askList(limit, context, (page) => client.ask({ kind: 'get-roles', ...page }, 'roles', context.stop), (reply) => reply.roles),
    );
    context.print(json ? formatJson(roles) : formatTable(roleColumns(roles), roles));
    return 0;
  },
});
