// allot offers: what is held out to whom.
//
// Owns:      the columns, the flags.
// Elsewhere: the summaries (common/model/operator-protocol.ts), asking (../list.ts, ../master-client.ts), printing (../table.ts, ../json.ts).

import { optionTable } from '../../common/options';
import type { OfferSummary } from '../../common/model/operator-protocol';
import { defineCommand } from '../command';
import { formatJson } from '../json';
import { askList, limitFlag } from '../list';
import { jsonFlag, masterFlag, withMaster } from '../master-flag';
import { formatAge, formatTable, type Column } from '../table';

export const offerColumns: readonly Column<OfferSummary>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'FRAMEWORK', cell: ({ frameworkId }) => frameworkId },
  { title: 'AGENT', cell: ({ hostname }) => hostname },
  { title: 'ROLE', cell: ({ role }) => role },
  { title: 'RESOURCES', cell: ({ resources }) => resources.unallocated().toString() },
  { title: 'AGE', align: 'right', cell: ({ ageMs }) => formatAge(ageMs) },
  { title: 'EXPIRES', align: 'right', cell: ({ expiresInMs }) => (expiresInMs === undefined ? 'never' : formatAge(expiresInMs)) },
];

export const offersCommand = defineCommand({
  table: optionTable('offers', { master: masterFlag, limit: limitFlag, json: jsonFlag }),
  summary: 'List the offers that frameworks hold now',
  examples: [['allot offers', 'old ones show a framework that hoards']],
  run: async ({ master, limit, json }, _args, context) => {
    const offers = await withMaster(master, context, (client) =>
      askList(limit, context, (page) => client.ask({ kind: 'get-offers', ...page }, 'offers', context.stop), (reply) => reply.offers),
    );
    context.print(json ? formatJson(offers) : formatTable(offerColumns, offers));
    return 0;
  },
});
