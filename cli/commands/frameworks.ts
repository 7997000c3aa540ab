// allot frameworks: who uses the cluster.
//
// Owns:      the columns, the flags.
// Elsewhere: the summaries (common/model/operator-protocol.ts), asking (../list.ts, ../master-client.ts), printing (../table.ts, ../json.ts).

import { optionTable } from '../../common/options';
import type { FrameworkSummary } from '../../common/model/operator-protocol';
import { defineCommand } from '../command';
import { formatJson } from '../json';
import { askList, limitFlag } from '../list';
import { jsonFlag, masterFlag, withMaster } from '../master-flag';
import { formatQuantities, formatSince, formatTable, type Column } from '../table';

export const frameworkColumns = (nowMs: number): readonly Column<FrameworkSummary>[] => [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'NAME', cell: ({ info }) => info.name },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'ROLES', cell: ({ info, suppressedRoles }) => info.roles.map((role) => (suppressedRoles.includes(role) ? `${role} (suppressed)` : role)).join(',') },
  { title: 'TASKS', align: 'right', cell: ({ taskCount }) => String(taskCount) },
  { title: 'OFFERS', align: 'right', cell: ({ offerCount }) => String(offerCount) },
  { title: 'HOLDS', align: 'right', cell: ({ offerHoldMeanMs }) => (offerHoldMeanMs === undefined ? '' : `${offerHoldMeanMs.toFixed(offerHoldMeanMs < 10 ? 1 : 0)}ms`) },
  { title: 'ALLOCATED', cell: ({ allocated }) => formatQuantities(allocated) },
  { title: 'SINCE', align: 'right', cell: ({ subscribedAtMs }) => formatSince(subscribedAtMs, nowMs) },
];

export const frameworksCommand = defineCommand({
  table: optionTable('frameworks', {
    master: masterFlag,
    all: { type: 'boolean', default: false, alias: 'a', group: 'Output', description: 'Also those that have ended, as far as the master remembers them' },
    limit: limitFlag,
    json: jsonFlag,
  }),
  summary: 'List the frameworks, with what they use and how long they hold offers',
  examples: [['allot frameworks', 'who is there'], ['allot frameworks --all', 'who was there, too']],
  run: async ({ master, all, limit, json }, _args, context) => {
    const known = await withMaster(master, context, (client) =>
      askList(limit, context, (page) => client.ask({ kind: 'get-frameworks', ...page }, 'frameworks', context.stop), (reply) => reply.frameworks),
    );
    const frameworks = known.filter(({ state }) => all || state !== 'completed');
    context.print(json ? formatJson(frameworks) : formatTable(frameworkColumns(context.environment.clock.wallMs()), frameworks));
    return 0;
  },
});
