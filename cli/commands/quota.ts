// allot quota: what roles are guaranteed, and what they may not exceed.
//
// Owns:      the arguments, the columns.
// Elsewhere: what quota does (allocator/), its rules (common/model/quota.ts, master/core/quota.ts), keeping it (the registry), asking
//            (../master-client.ts), printing (../table.ts, ../json.ts).

import { checkQuotaConfig, isDefaultQuota, type QuotaConfig } from '../../common/model/quota';
import { optionTable, refusalError, type ConfigOf } from '../../common/options';
import type { QuotaSummary } from '../../common/model/operator-protocol';
import { refused, type Checked } from '../../common/refusal';
import { suggestionClause } from '../../common/suggestion';
import { amountsOf, parseAmount } from '../amounts';
import { defineCommand, type CommandContext } from '../command';
import { formatJson } from '../json';
import { jsonFlag, masterFlag, withMaster } from '../master-flag';
import { formatQuantities, formatTable, type Column } from '../table';

export const quotaColumns: readonly Column<QuotaSummary>[] = [
  { title: 'ROLE', cell: ({ config }) => config.role },
  { title: 'GUARANTEE', cell: ({ config }) => formatQuantities(config.guarantees) },
  { title: 'LIMIT', cell: ({ config }) => formatQuantities(config.limits) },
  { title: 'CONSUMED', cell: ({ consumed }) => formatQuantities(consumed) },
];

const table = optionTable('quota', {
  master: masterFlag,
  guarantee: {
    type: 'list',
    optional: true,
    parse: parseAmount,
    group: 'Quota',
    example: 'cpus:4,mem:8192',
    description: 'For "set": what is kept free for the role and those below it while they do not use it',
  },
  limit: {
    type: 'list',
    optional: true,
    parse: parseAmount,
    group: 'Quota',
    example: 'cpus:8',
    description: 'For "set": what the role and those below it may have at most; a resource that is not named has no limit, 0 is one',
  },
  force: { type: 'boolean', default: false, group: 'Quota', description: 'For "set": also when more is in use than the limit, or when the agents have less than all guarantees together' },
  json: jsonFlag,
});
type QuotaFlags = ConfigOf<typeof table>;

const actions = ['list', 'set', 'remove'];

export const quotaCommand = defineCommand({
  table,
  summary: 'List, set and remove quotas: what a role is guaranteed, and what it may not exceed',
  positionals: [
    { name: 'action', description: '"list", "set" or "remove"', default: 'list' },
    { name: 'role', description: 'the name of a top-level role', default: '' },
  ],
  examples: [
    ['allot quota', 'what is set, and what is used of it'],
    ['allot quota set production --guarantee cpus:4,mem:8192 --limit cpus:8', 'replaces what the role had; kept over changes of leader'],
    ['allot quota set batch --limit cpus:0', 'no cpus for this role beyond those in use'],
    ['allot quota remove production', 'no guarantee and no limit any more'],
  ],
  run: async (flags, { positionals: [action = '', role = ''] }, context) => {
    switch (action) {
      case 'list':
        return await list(flags, role, context);
      case 'set':
        return await update(flags, configOf(flags, role), context);
      case 'remove':
        refuseAmounts(flags, action);
        return await update(flags, checked({ role, guarantees: new Map(), limits: new Map() }), context);
      default:
        throw refusalError(refused('<action>', action, `"list", "set" or "remove"${suggestionClause(action, actions)}`));
    }
  },
});

async function list(flags: QuotaFlags, role: string, context: CommandContext): Promise<number> {
  if (role !== '') throw refusalError(refused('<role>', role, 'nothing after "list", which shows all roles with quota'));
  refuseAmounts(flags, 'list');
  const { quotas } = await withMaster(flags.master, context, (client) => client.ask({ kind: 'get-quota' }, 'quota', context.stop));
  context.print(flags.json ? formatJson(quotas) : formatTable(quotaColumns, quotas));
  return 0;
}

async function update({ master, force }: QuotaFlags, config: QuotaConfig, context: CommandContext): Promise<number> {
  await withMaster(master, context, (client) => client.ask({ kind: 'update-quota', configs: [config], force }, 'done', context.stop));
  context.print(`${describe(config)}\n`);
  return 0;
}

function describe(config: QuotaConfig): string {
  const { role, guarantees, limits } = config;
  if (isDefaultQuota(config)) return `Role ${role} has no quota`;
  const parts = [...(guarantees.size === 0 ? [] : [`guaranteed ${formatQuantities(guarantees)}`]), ...(limits.size === 0 ? [] : [`limited to ${formatQuantities(limits)}`])];
  return `Role ${role} is ${parts.join(' and ')}`;
}

/** Twice the same question has the same effect (master-client.ts, Q1): a config replaces, it does not add. */
function configOf({ guarantee, limit }: QuotaFlags, role: string): QuotaConfig {
  if (guarantee === undefined && limit === undefined) {
    throw refusalError(refused('--guarantee', undefined, 'what the role is guaranteed, or --limit, or both; allot quota remove takes quota away'));
  }
  return checked({ role, guarantees: valueOf(amountsOf(guarantee ?? [], '--guarantee')), limits: valueOf(amountsOf(limit ?? [], '--limit')) });
}

function checked(config: QuotaConfig): QuotaConfig {
  if (config.role === '') throw refusalError(refused('<role>', undefined, 'the name of a top-level role; see allot quota --help'));
  return valueOf(checkQuotaConfig(config, { role: '<role>', guarantees: '--guarantee', limits: '--limit' }));
}

function refuseAmounts({ guarantee, limit, force }: QuotaFlags, action: string): void {
  const given = guarantee !== undefined ? '--guarantee' : limit !== undefined ? '--limit' : force ? '--force' : undefined;
  if (given !== undefined) throw refusalError(refused(given, action, 'this flag only with "set", as in "allot quota set ROLE --limit cpus:8"'));
}

function valueOf<Value>(outcome: Checked<Value>): Value {
  if (!outcome.ok) throw refusalError(outcome);
  return outcome.value;
}
