// Agent options: what `allot agent` can be told.
//
// Owns:      the table of flags.
// Elsewhere: reading the table (common/options.ts), what --resources may say (declared-resources.ts), building an agent from it (main.ts).
// Source: Mesos agent flags (names and defaults where Mesos has them; gc_delay is called sandbox-retention, after what it does).

import { parseHttpPort } from '../common/http-port';
import { optionTable, type ConfigOf } from '../common/options';
import { parseMasterLocation } from '../common/master-location';
import { parseAttributeText } from '../common/model/attribute-text';
import { checkRole } from '../common/model/role';

const connection = 'Connection';
const machine = 'This machine';
const executors = 'Executors and sandboxes';
const logging = 'Logging and metrics';

export const agentOptions = optionTable('agent', {
  master: {
    type: 'string',
    required: true,
    parse: parseMasterLocation,
    group: connection,
    example: 'pi1.local:5050',
    description: 'Where to look for the master: host:port, several with commas, or etcd://host:port,host:port/prefix',
  },
  'heartbeat-interval': { type: 'duration', default: '5s', min: '100ms', max: '1m', group: connection, description: 'How often this end proves that an idle connection is alive; three missed beats end it. The other end is told, and may beat at another interval' },

  'work-dir': { type: 'string', required: true, group: machine, example: '/var/lib/allot/agent', description: 'Directory of checkpoint and sandboxes; it is the identity of this agent, and only one agent may use it' },
  resources: {
    type: 'string',
    optional: true,
    group: machine,
    example: 'cpus:4;mem:2048;ports:[31000-32000]',
    description: 'What to offer, as text, as a JSON array, or as file:///path with either; names left out (cpus, mem, disk, ports) are measured',
  },
  'default-role': { type: 'string', default: '*', parse: checkRole, group: machine, description: 'Role for which resources without one are reserved; * for nobody' },
  attributes: {
    type: 'string',
    optional: true,
    parse: parseAttributeText,
    group: machine,
    example: 'rack:r2;ssd:true',
    description: 'Remarks about this machine that schedulers may read; arch and os are added',
  },
  hostname: { type: 'string', optional: true, group: machine, example: 'pi7', description: 'What people call this machine; by default its host name' },

  'switch-user': { type: 'boolean', default: true, group: executors, description: 'Run tasks as the user that their framework names; possible only when the agent runs as root' },
  'executor-registration-timeout': { type: 'duration', default: '1m', min: '1s', max: '1d', group: executors, description: 'An executor that has not reported by then is ended; includes the download of its files' },
  'executor-reregistration-timeout': {
    type: 'duration',
    default: '2s',
    min: '100ms',
    max: '15s',
    group: executors,
    description: 'After a restart of the agent, an executor that has not come back by then is ended',
  },
  'executor-shutdown-grace-period': { type: 'duration', default: '5s', max: '1h', group: executors, description: 'Between asking an executor to end and ending it' },
  'sandbox-retention': { type: 'duration', default: '1w', max: '52w', group: executors, description: 'Sandboxes of ended executors are removed after this, whatever room the disk has; name a shorter time where it is small' },
  'max-completed-executors': { type: 'int', default: 150, min: 0, max: 100_000, unit: 'executors', group: executors, description: 'Ended executors whose sandboxes are kept; beyond it the oldest go first' },

  'http-port': { type: 'string', default: 'none', parse: parseHttpPort, group: logging, example: '5081', description: 'Port of /metrics and /health; 0 takes any free one, "none" opens none' },
  'http-ip': { type: 'string', default: '127.0.0.1', group: logging, description: 'Address of /metrics and /health' },
  'log-format': { type: 'choice', choices: ['text', 'json'], default: 'text', group: logging, description: 'How log lines on standard error look' },
  'log-level': { type: 'choice', choices: ['error', 'warn', 'info', 'debug'], default: 'info', group: logging, description: 'Least severe level that is logged' },
});

export type AgentOptions = ConfigOf<typeof agentOptions>;
