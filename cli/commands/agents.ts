// allot agents: what machines the cluster has.
//
// Owns:      the columns, the flags.
// Elsewhere: the summaries (common/model/operator-protocol.ts), asking (../list.ts, ../master-client.ts), printing (../table.ts, ../json.ts).

import { optionTable } from '../../common/options';
import type { AgentSummary } from '../../common/model/operator-protocol';
import { defineCommand } from '../command';
import { formatJson } from '../json';
import { askList, limitFlag } from '../list';
import { jsonFlag, masterFlag, withMaster } from '../master-flag';
import { formatSince, formatTable, formatUse, type Column } from '../table';

export const agentColumns = (nowMs: number): readonly Column<AgentSummary>[] => [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'HOSTNAME', cell: ({ info }) => info.hostname },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'TASKS', align: 'right', cell: ({ taskCount }) => String(taskCount) },
  ...['cpus', 'mem', 'disk'].map((name): Column<AgentSummary> => ({ title: name.toUpperCase(), align: 'right', cell: ({ allocated, total }) => formatUse(allocated.scalar(name), total.scalar(name)) })),
  { title: 'OFFERED', cell: ({ offered }) => offered.filter(({ value }) => value.kind === 'scalar').unallocated().toString() },
  { title: 'SINCE', align: 'right', cell: ({ registeredAtMs, unreachableSinceMs }) => formatSince(unreachableSinceMs ?? registeredAtMs, nowMs) },
];

export const agentsCommand = defineCommand({
  table: optionTable('agents', { master: masterFlag, limit: limitFlag, json: jsonFlag }),
  summary: 'List the agents, with what of theirs is in use',
  examples: [['allot agents', 'used and total per agent'], ['allot agents --json', 'everything, attributes included']],
  run: async ({ master, limit, json }, _args, context) => {
    const agents = await withMaster(master, context, (client) =>
      askList(limit, context, (page) => client.ask({ kind: 'get-agents', ...page }, 'agents', context.stop), (reply) => reply.agents),
    );
    context.print(json ? formatJson(agents) : formatTable(agentColumns(context.environment.clock.wallMs()), agents));
    return 0;
  },
});
