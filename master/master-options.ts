// Master options: what `allot master` can be told.
//
// Owns:      the table of flags, the grammar of --min-allocatable-resources.
// Elsewhere: reading the table (common/options.ts), building a master from it (main.ts).
// Source: Mesos master flags (names and defaults where Mesos has them), split into ip and advertise as there. --region is the part of Mesos's
//         --domain that decides something; --quota-recovery-timeout is fixed in Mesos.

import { parseHttpPort } from '../common/http-port';
import { optionTable, type ConfigOf } from '../common/options';
import { parseAddress } from '../common/master-location';
import type { Quantities } from '../common/model/framework';
import { parseResourceText } from '../common/model/resource-text';
import { accepted, refused, type Checked } from '../common/refusal';

/** `cpus:0.01|mem:32`: bundles separated by `|`, each of one or more scalars separated by `;`. Amounts in thousandths. */
export function parseMinAllocatable(text: string, field: string): Checked<readonly Quantities[]> {
  const bundles: Quantities[] = [];
  for (const part of text.split('|')) {
    const resources = parseResourceText(part, field);
    if (!resources.ok) return resources;
    const bundle = new Map<string, number>();
    for (const { name, value, reservations } of resources.value) {
      if (value.kind !== 'scalar' || reservations.length > 0) return refused(field, part, 'amounts without a role, such as "cpus:0.01|mem:32"');
      bundle.set(name, (bundle.get(name) ?? 0) + value.milli);
    }
    if (bundle.size === 0) return refused(field, text, 'one or more bundles separated by "|", none of them empty, such as "cpus:0.01|mem:32"');
    bundles.push(bundle);
  }
  return accepted(bundles);
}

function parseResourceName(text: string, field: string): Checked<string> {
  return /^[^():;\s]+$/.test(text) ? accepted(text) : refused(field, text, 'names of resources such as gpus');
}

function parsePrefix(text: string, field: string): Checked<string> {
  return /^(\/[A-Za-z0-9._-]+)+$/.test(text) ? accepted(text) : refused(field, text, 'letters, digits, ".", "_" and "-" between slashes, such as /allot');
}

const network = 'Network';
const storage = 'Registry and election';
const scheduling = 'Scheduling';
const timeouts = 'Timeouts';
const logging = 'Logging';

export const masterOptions = optionTable('master', {
  ip: { type: 'string', default: '0.0.0.0', group: network, description: 'Address to listen at; 127.0.0.1 keeps the cluster on this machine' },
  port: { type: 'int', min: 0, max: 65_535, default: 5050, group: network, description: 'Port for agents, frameworks and commands; 0 takes any free one' },
  advertise: {
    type: 'string',
    optional: true,
    parse: parseAddress,
    group: network,
    example: 'pi1.local:5050',
    description: 'host:port at which others reach this master; by default --ip, or the first address of this machine, and --port',
  },
  'http-port': { type: 'string', default: '5080', parse: parseHttpPort, group: network, description: 'Port of /metrics and /health; 0 takes any free one, "none" opens none' },
  'heartbeat-interval': { type: 'duration', default: '5s', min: '100ms', max: '1m', group: network, description: 'How often this end proves that an idle connection is alive; three missed beats end it. The other end is told, and may beat at another interval' },

  'work-dir': { type: 'string', optional: true, group: storage, example: '/var/lib/allot/master', description: 'Directory of the embedded registry; only one master may use it' },
  registry: {
    type: 'choice',
    choices: ['embedded', 'etcd'],
    default: 'embedded',
    group: storage,
    description: 'Where the cluster state is kept: embedded for a single master, etcd for any number of them',
  },
  etcd: { type: 'list', optional: true, parse: parseAddress, group: storage, example: '10.0.0.1:2379,10.0.0.2:2379', description: 'etcd servers, for --registry=etcd' },
  'etcd-prefix': { type: 'string', default: '/allot', parse: parsePrefix, group: storage, description: 'Prefix of all keys in etcd; clusters that share an etcd need different ones' },
  'election-lease': {
    type: 'duration',
    default: '5s',
    min: '2s',
    max: '5m',
    group: storage,
    description: 'After a leader is gone for this long another is elected; longer rides out longer hiccups of etcd, and is rounded up to whole seconds',
  },

  'allocation-interval': { type: 'duration', default: '1s', min: '10ms', max: '5m', group: scheduling, description: 'Period of the allocation over all agents; shorter re-offers declined resources sooner' },
  'allocation-event-delay': {
    type: 'duration',
    default: '5ms',
    max: '1s',
    group: scheduling,
    description: 'How long freed resources wait for others to be offered with them; longer makes fewer and larger offers',
  },
  'min-allocatable-resources': {
    type: 'string',
    default: 'cpus:0.01|mem:32',
    parse: parseMinAllocatable,
    group: scheduling,
    description: 'Smallest bundles worth an offer, of which one must be there',
  },
  'role-sorter': {
    type: 'choice',
    choices: ['drf', 'random'],
    default: 'drf',
    group: scheduling,
    description: 'Order in which roles are asked: drf by weighted dominant share, random by lot with chances after their weights',
  },
  'framework-sorter': {
    type: 'choice',
    choices: ['drf', 'random'],
    default: 'drf',
    group: scheduling,
    description: 'Order in which the frameworks of a role are asked: drf by dominant share, random by lot',
  },
  'fair-sharing-excluded-resource-names': {
    type: 'list',
    default: [],
    parse: parseResourceName,
    group: scheduling,
    example: 'gpus,disk',
    description: 'Resources that count in no share: those that only few can use, or that there is enough of for everybody',
  },
  'filter-gpu-resources': {
    type: 'boolean',
    default: true,
    group: scheduling,
    description: 'Agents with gpus are offered only to frameworks with the capability GPU_RESOURCES; --no-filter-gpu-resources offers them to all',
  },
  region: {
    type: 'string',
    optional: true,
    group: scheduling,
    example: 'eu-west',
    description: 'Region of the masters: agents whose fault domain is in another are offered only to frameworks with the capability REGION_AWARE; without it there is no such rule',
  },
  'quota-recovery-timeout': {
    type: 'duration',
    default: '10m',
    max: '1d',
    group: scheduling,
    description: 'After a change of leader with quotas, offers wait for most agents to come back, at most this long; shorter where agents often stay away, at the risk that guarantees wait',
  },
  'offer-constraints-re2-max-program-size': {
    type: 'int',
    default: 100,
    min: 1,
    max: 10_000,
    unit: 'instructions',
    group: scheduling,
    description: 'Longest regular expression that a framework may set as a constraint on offers; longer ones cost every allocation more, for every agent',
  },
  'offer-timeout': { type: 'duration', default: '5m', min: '100ms', group: scheduling, description: 'Unanswered offers are taken back after this; shorter when schedulers hoard' },
  'max-completed-frameworks': { type: 'int', default: 50, min: 0, max: 100_000, unit: 'frameworks', group: scheduling, description: 'Ended frameworks remembered, for commands only' },
  'max-completed-tasks-per-framework': { type: 'int', default: 1000, min: 0, max: 1_000_000, unit: 'tasks', group: scheduling, description: 'Ended tasks remembered per framework, for commands only' },
  'max-unreachable-tasks-per-framework': {
    type: 'int',
    default: 1000,
    min: 0,
    max: 1_000_000,
    unit: 'tasks',
    group: scheduling,
    description: 'Tasks on unreachable agents remembered per framework; beyond it the oldest are forgotten',
  },

  'agent-timeout': { type: 'duration', default: '75s', min: '1s', max: '15m', group: timeouts, description: 'An agent without connection for this long is unreachable, and its tasks with it' },
  'agent-reregister-timeout': {
    type: 'duration',
    default: '10m',
    min: '1s',
    max: '1d',
    group: timeouts,
    description: 'After a change of leader, agents that do not come back within this are unreachable',
  },
  'launch-timeout': { type: 'duration', default: '5m', min: '1s', max: '1d', group: timeouts, description: 'A task without any news for this long after its launch is killed' },
  'operator-timeout': { type: 'duration', default: '10s', min: '100ms', max: '5m', group: timeouts, description: 'How long a command waits for an agent to answer' },

  cluster: { type: 'string', default: 'allot', group: logging, example: 'shelf', description: 'Name of the cluster, for people' },
  'log-format': { type: 'choice', choices: ['text', 'json'], default: 'text', group: logging, description: 'How log lines on standard error look' },
  'log-level': { type: 'choice', choices: ['error', 'warn', 'info', 'debug'], default: 'info', group: logging, description: 'Least severe level that is logged' },
});

export type MasterOptions = ConfigOf<typeof masterOptions>;
