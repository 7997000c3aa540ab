// allot tasks: what runs where.
//
// Owns:      the columns, the flags.
// Elsewhere: the summaries (common/model/operator-protocol.ts), asking (../list.ts, ../master-client.ts), printing (../table.ts, ../json.ts).

import { checkFrameworkId } from '../../common/model/ids';
import { optionTable, type OptionSpec } from '../../common/options';
import type { TaskSummary } from '../../common/model/operator-protocol';
import { defineCommand } from '../command';
import { formatJson } from '../json';
import { askList, limitFlag } from '../list';
import { jsonFlag, masterFlag, withMaster } from '../master-flag';
import { formatSince, formatTable, type Column } from '../table';

/** Also for other commands about one task. */
export const frameworkFlag = {
  type: 'string',
  optional: true,
  parse: checkFrameworkId,
  group: 'Cluster',
  description: 'Id of the framework; needed only where two frameworks have a task of the same id',
} as const satisfies OptionSpec;

/** `all`: with why and when tasks ended. */
export const taskColumns = (nowMs: number, all: boolean): readonly Column<TaskSummary>[] => [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'FRAMEWORK', cell: ({ frameworkName }) => frameworkName },
  { title: 'AGENT', cell: ({ hostname }) => hostname },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'RESOURCES', cell: ({ resources }) => resources.unallocated().toString() },
  { title: 'STARTED', align: 'right', cell: ({ startedAtMs }) => formatSince(startedAtMs, nowMs) },
  ...(all
    ? ([
        { title: 'ENDED', align: 'right', cell: ({ endedAtMs }) => formatSince(endedAtMs, nowMs) },
        { title: 'WHY', cell: ({ reason, message }) => [reason?.replace(/^REASON_/, ''), message].filter((part) => part !== undefined && part !== '').join(': ') },
      ] satisfies Column<TaskSummary>[])
    : []),
];

export const tasksCommand = defineCommand({
  table: optionTable('tasks', {
    master: masterFlag,
    framework: { ...frameworkFlag, description: 'Only the tasks of the framework with this id' },
    all: { type: 'boolean', default: false, alias: 'a', group: 'Output', description: 'Also those that have ended, with the reason, as far as the master remembers them' },
    limit: limitFlag,
    json: jsonFlag,
  }),
  summary: 'List the tasks, with their state and place',
  examples: [['allot tasks', 'what runs'], ['allot tasks --all', 'what ran, and why it ended'], ['allot tasks --json --all', 'the same for a program']],
  run: async ({ master, framework, all, limit, json }, _args, context) => {
    const question = { kind: 'get-tasks', includeCompleted: all, ...(framework === undefined ? {} : { frameworkId: framework }) } as const;
    const tasks = await withMaster(master, context, (client) =>
      askList(limit, context, (page) => client.ask({ ...question, ...page }, 'tasks', context.stop), (reply) => reply.tasks),
    );
    context.print(json ? formatJson(tasks) : formatTable(taskColumns(context.environment.clock.wallMs(), all), tasks));
    return 0;
  },
});
