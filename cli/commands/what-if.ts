// allot what-if: who would get what if things were different.
//
// Owns:      the arguments and their grammar, the columns.
// Elsewhere: working it out (allocator/), asking (../master-client.ts), printing (../table.ts, ../json.ts).

import type { WhatIfChange, WhatIfEffect } from '../../common/model/explanation';
import { checkAgentId, checkFrameworkId, type AgentId } from '../../common/model/ids';
import { checkQuotaConfig, type QuotaConfig } from '../../common/model/quota';
import { parseResourceText } from '../../common/model/resource-text';
import { Resources } from '../../common/model/resources';
import { checkRole } from '../../common/model/role';
import { optionTable, refusalError, type ConfigOf } from '../../common/options';
import { accepted, refused, type Checked } from '../../common/refusal';
import { amountsOf, parseAmount } from '../amounts';
import { defineCommand } from '../command';
import { formatJson } from '../json';
import { jsonFlag, masterFlag, withMaster } from '../master-flag';
import { formatQuantities, formatTable, type Column } from '../table';

type Change<Kind extends WhatIfChange['kind']> = Extract<WhatIfChange, { readonly kind: Kind }>;

/** `production=4`. */
function parseWeight(text: string, field: string): Checked<Change<'weight'>> {
  const [, roleText = '', number = ''] = /^([^=]*)=(\d+(?:\.\d*)?|\.\d+)$/.exec(text) ?? [];
  if (!(Number(number) > 0)) return refused(field, text, 'ROLE=WEIGHT with a number above 0, such as production=4');
  const role = checkRole(roleText, field);
  return role.ok ? accepted({ kind: 'weight', role: role.value, weight: Number(number) }) : role;
}

/** `production=cpus:4;mem:8192/cpus:8`: guarantees, then limits; either may be empty. */
function parseQuota(text: string, field: string): Checked<Change<'quota'>> {
  const [, role = '', guaranteeText = '', limitText = ''] = /^([^=]+)=([^/]*)(?:\/([^/]*))?$/.exec(text) ?? [];
  if (role === '') return refused(field, text, 'ROLE=GUARANTEES/LIMITS, such as "production=cpus:4;mem:8192/cpus:8" or "production=/cpus:8"');
  const guarantees = amounts(guaranteeText, field);
  if (!guarantees.ok) return guarantees;
  const limits = amounts(limitText, field);
  if (!limits.ok) return limits;
  const config: Checked<QuotaConfig> = checkQuotaConfig({ role, guarantees: guarantees.value, limits: limits.value }, { role: field, guarantees: field, limits: field });
  return config.ok ? accepted({ kind: 'quota', ...config.value }) : config;
}

function amounts(text: string, field: string): Checked<QuotaConfig['limits']> {
  if (text === '') return accepted(new Map<string, number>());
  const parsed = parseAmount(text, field);
  return parsed.ok ? amountsOf([parsed.value], field) : parsed;
}

/** `3:cpus:4;mem:4096`. */
function parseAgents(text: string, field: string): Checked<Change<'add-agents'>> {
  const [, count = '', resourceText = ''] = /^(\d+):(.+)$/.exec(text) ?? [];
  if (!(Number(count) >= 1)) return refused(field, text, 'N:RESOURCES, such as "3:cpus:4;mem:4096"');
  const resources = parseResourceText(resourceText, field);
  if (!resources.ok) return resources;
  return accepted({ kind: 'add-agents', count: Number(count), info: { hostname: 'what-if', port: 0, resources: Resources.of(resources.value), attributes: [] } });
}

const table = optionTable('what-if', {
  master: masterFlag,
  weight: { type: 'list', optional: true, parse: parseWeight, group: 'Changes', example: 'production=4', description: 'Another weight of a role; may be repeated, as all changes' },
  quota: {
    type: 'list',
    optional: true,
    parse: parseQuota,
    group: 'Changes',
    example: 'production=cpus:4;mem:8192/cpus:8',
    description: 'Another quota of a role: guarantees, a slash, limits; nothing takes it away',
  },
  'add-agents': { type: 'list', optional: true, parse: parseAgents, group: 'Changes', example: '3:cpus:4;mem:4096', description: 'So many more agents, each with these resources' },
  'remove-agent': { type: 'list', optional: true, parse: checkAgentId, group: 'Changes', description: 'Without the agent with this id' },
  'remove-framework': { type: 'list', optional: true, parse: checkFrameworkId, group: 'Changes', description: 'Without the framework with this id' },
  afresh: {
    type: 'boolean',
    default: false,
    group: 'Question',
    description: 'Divide the whole cluster anew, as if nothing were held: where things tend to as tasks end. Otherwise: what the next batch hands out on top of what is held',
  },
  json: jsonFlag,
});

interface Row extends WhatIfEffect {
  readonly outcome: string;
}

const share = (holding: WhatIfEffect['before']): string => (holding === undefined ? '' : holding.share.toFixed(3));

export const whatIfColumns: readonly Column<Row>[] = [
  { title: 'OUTCOME', cell: ({ outcome }) => outcome },
  { title: 'FRAMEWORK', cell: ({ frameworkId }) => frameworkId },
  { title: 'NAME', cell: ({ frameworkName }) => frameworkName },
  { title: 'ROLE', cell: ({ role }) => role },
  { title: 'SHARE', align: 'right', cell: ({ before }) => share(before) },
  { title: 'THEN', align: 'right', cell: ({ after }) => share(after) },
  { title: 'HOLDS', cell: ({ before }) => (before === undefined ? '' : formatQuantities(before.held)) },
  { title: 'THEN HOLDS', cell: ({ after }) => (after === undefined ? '' : formatQuantities(after.held)) },
];

export const whatIfCommand = defineCommand({
  table,
  summary: 'Say who would gain, lose and starve if weights, quotas, agents or frameworks were different; changes nothing',
  examples: [
    ['allot what-if --weight production=4 --afresh', 'where a weight would lead'],
    ["allot what-if --quota 'production=cpus:4;mem:8192/cpus:8'", 'who would wait for a guarantee'],
    ["allot what-if --add-agents '3:cpus:4;mem:4096'", 'who would get three more machines'],
    ['allot what-if --remove-agent 4f…-S3 --afresh', 'who would miss one'],
  ],
  run: async (flags, _args, context) => {
    const changes = changesOf(flags);
    if (changes.length === 0) throw refusalError(refused('--weight', undefined, 'at least one change, such as --weight production=4; see allot what-if --help'));
    const question = { kind: 'what-if', changes, division: flags.afresh ? 'afresh' : 'next-batch' } as const;
    const { kind: _kind, ...answer } = await withMaster(flags.master, context, (client) => client.ask(question, 'what-if', context.stop));
    if (flags.json) {
      context.print(formatJson(answer));
      return 0;
    }
    const rows = rowsOf(answer);
    context.print(rows.length === 0 ? `Nobody gains, loses or starves, of ${answer.effects.length} that take part\n` : formatTable(whatIfColumns, rows));
    return 0;
  },
});

/** Machines and frameworks go before others come; the order among the kinds is otherwise of no consequence. */
function changesOf(flags: ConfigOf<typeof table>): WhatIfChange[] {
  const agentIds: readonly AgentId[] = flags.removeAgent ?? [];
  return [
    ...(agentIds.length === 0 ? [] : [{ kind: 'remove-agents', agentIds } as const]),
    ...(flags.removeFramework ?? []).map((frameworkId) => ({ kind: 'remove-framework', frameworkId }) as const),
    ...(flags.weight ?? []),
    ...(flags.quota ?? []),
    ...(flags.addAgents ?? []),
  ];
}

/** Each once: who is left with nothing starves, however much that is less than before. */
function rowsOf({ gains, loses, starves }: { readonly [Outcome in 'gains' | 'loses' | 'starves']: readonly WhatIfEffect[] }): Row[] {
  const keyOf = ({ frameworkId, role }: WhatIfEffect): string => `${frameworkId} ${role}`;
  const starving = new Set(starves.map(keyOf));
  const as = (effects: readonly WhatIfEffect[], outcome: string): Row[] => effects.map((effect) => ({ ...effect, outcome }));
  return [...as(starves, 'starves'), ...as(loses.filter((effect) => !starving.has(keyOf(effect))), 'loses'), ...as(gains, 'gains')];
}
