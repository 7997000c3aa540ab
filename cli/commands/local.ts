// allot local: a whole cluster on this machine.
//
// Owns:      the flags, what is printed, starting in the background and stopping from elsewhere.
// Elsewhere: the cluster (../local-cluster.ts), the file that tells others of it (../local-state.ts), what is left of one (../local-remains.ts).
// Invariants:
//   N1. One cluster per directory: the state file names its keeper, and the master's registry is locked anyway.
//   N2. When `start` has said that the cluster is up, commands work; when `stop` has returned, nothing of it runs, also where its keeper was killed.
// Source: our choice.

import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { AllotError, describeError } from '../../common/errors';
import { optionTable, refusalError, type ConfigOf } from '../../common/options';
import { refused } from '../../common/refusal';
import { abortableDelay } from '../../common/timing';
import { measureMachine } from '../../agent/detection';
import { parseDeclaredResources } from '../../agent/declared-resources';
import { defineCommand, type CommandContext } from '../command';
import { fairPart, portsPart } from '../fair-part';
import { LocalCluster } from '../local-cluster';
import { LocalProcess } from '../local-process';
import { endRemains } from '../local-remains';
import { findLocalCluster, removeLocalState, writeLocalState, type LocalChild, type LocalClusterAddress } from '../local-state';
import { identityOf, isGoneWithin, signalProcess } from '../process-identity';

const table = optionTable('local', {
  agents: { type: 'int', default: 3, min: 1, max: 100, unit: 'agents', group: 'Cluster', description: 'How many agents' },
  resources: {
    type: 'string',
    optional: true,
    group: 'Cluster',
    example: 'cpus:1;mem:512',
    description: 'What each agent offers; by default a fair part of this machine',
  },
  port: { type: 'int', default: 5050, min: 0, max: 65_535, group: 'Cluster', description: 'Port of the master on 127.0.0.1; 0 takes any free one' },
  'http-port': { type: 'int', default: 5080, min: 0, max: 65_535, group: 'Cluster', description: "Port of the master's /metrics and /health; 0 takes any free one" },
  'work-dir': { type: 'string', default: '.allot', group: 'Cluster', description: 'Directory of the cluster: state, logs and sandboxes' },
  detach: { type: 'boolean', default: false, alias: 'd', group: 'Cluster', description: 'Leave the cluster running in the background' },
});
type LocalConfig = ConfigOf<typeof table>;

/** How long `stop` waits for the keeper, who gives agents 15 s and the master 5. */
const stopPatienceMs = 30_000;
const pollMs = 50;

export const localCommand = defineCommand({
  table,
  summary: 'Run a whole cluster on this machine: a master and some agents, each its own process',
  positionals: [{ name: 'action', description: '"start", "stop" or "status"', default: 'start' }],
  examples: [
    ['allot local', 'three agents; Ctrl-C ends all'],
    ["allot local --agents 2 --resources 'cpus:1;mem:512' --port 0 --detach", 'in the background, for a script'],
    ['allot local stop', 'ends the one in the background'],
  ],
  run: async (config, { positionals: [action] }, context) => {
    switch (action) {
      case 'start':
        return config.detach ? await startDetached(config, context) : await keepRunning(config, context);
      case 'stop':
        return await stopOther(config, context);
      case 'status':
        return status(config, context);
      default:
        throw refusalError(refused('<action>', action, '"start", "stop" or "status"'));
    }
  },
});

async function keepRunning(config: LocalConfig, context: CommandContext): Promise<number> {
  const directory = resolve(config.workDir);
  refuseSecond(directory, config.workDir);
  const resources = resourcesOf(config, directory);
  const keeper = identityOf(process.pid);
  if (keeper === undefined) throw new AllotError({ code: 'OPERATION_FAILED', action: 'keep a local cluster', detail: 'this system has no /proc to know processes by' });
  let children: readonly LocalChild[] = [];
  const note = (address?: LocalClusterAddress): void => writeLocalState(directory, { ...keeper, children, cluster: address });
  const started = (all: readonly LocalChild[]): void => {
    children = all;
    note();
  };
  const cluster = new LocalCluster({ directory, program: [thisProgram()], port: config.port, httpPort: config.httpPort, resources, clock: context.environment.clock, started });
  note();
  try {
    await cluster.start(context.stop);
    const address: LocalClusterAddress = { master: cluster.master, http: cluster.http, agentCount: resources.length };
    note(address);
    context.print(describe(address, true, config, resources[0] ?? ''));
    const failure = await Promise.race([cluster.firstFailure(), aborted(context.stop), hangup()]);
    if (failure !== undefined) throw failure;
    context.remark('allot: Ending the cluster\n');
    return 0;
  } finally {
    await cluster.stop();
    const found = findLocalCluster(directory);
    if (found.kind === 'kept' && found.state.pid === keeper.pid) removeLocalState(directory);
  }
}

async function startDetached(config: LocalConfig, context: CommandContext): Promise<number> {
  const directory = resolve(config.workDir);
  refuseSecond(directory, config.workDir);
  const resources = resourcesOf(config, directory);
  const flags = [`--agents=${config.agents}`, `--port=${config.port}`, `--http-port=${config.httpPort}`, `--work-dir=${directory}`];
  if (config.resources !== undefined) flags.push(`--resources=${config.resources}`);
  const keeper = new LocalProcess('local cluster', [thisProgram(), 'local', ...flags], join(directory, 'local.log'), context.environment.clock);
  for (;;) {
    const found = findLocalCluster(directory);
    if (found.kind === 'kept' && found.state.pid === keeper.pid && found.state.cluster !== undefined) {
      keeper.release();
      context.print(describe(found.state.cluster, false, config, resources[0] ?? ''));
      return 0;
    }
    if (!keeper.isRunning) {
      // It has said what was wrong, under this program's name.
      context.remark(`${keeper.lastWords ?? describeError(keeper.failure())}\n`);
      return 1;
    }
    try {
      await abortableDelay(context.environment.clock, pollMs, context.stop);
    } catch (error) {
      await keeper.stop('SIGTERM', stopPatienceMs);
      throw error;
    }
  }
}

async function stopOther(config: LocalConfig, context: CommandContext): Promise<number> {
  const directory = resolve(config.workDir);
  const { clock } = context.environment;
  const found = findLocalCluster(directory);
  if (found.kind === 'kept') {
    signalProcess(found.state, 'SIGTERM');
    if (!(await isGoneWithin(found.state, stopPatienceMs, clock, context.stop))) {
      throw new AllotError({ code: 'DEADLINE_PASSED', action: `end the cluster of process ${found.state.pid}`, afterMs: stopPatienceMs });
    }
  }
  // Of a keeper that was killed, perhaps only just now.
  const rest = findLocalCluster(directory);
  if (rest.kind === 'left') {
    await endRemains(directory, rest.children, clock);
    removeLocalState(directory);
  }
  const hasEnded = found.kind === 'kept' || (found.kind === 'left' && found.alive.length > 0);
  if (hasEnded) context.print(`The cluster in ${directory} has ended\n`);
  else context.remark(`allot: No cluster runs in ${directory}\n`);
  return 0;
}

function status(config: LocalConfig, context: CommandContext): number {
  const directory = resolve(config.workDir);
  const found = findLocalCluster(directory);
  if (found.kind === 'kept') {
    const { cluster, pid } = found.state;
    context.print(cluster === undefined ? `A cluster is being started in ${directory} by process ${pid}\n` : describe(cluster, false, config, undefined));
    return cluster === undefined ? 1 : 0;
  }
  if (found.kind === 'left' && found.alive.length > 0) {
    context.print(`The cluster in ${directory} has lost its keeper; ${namesOf(found.alive)} still run: end them with "allot local stop${directoryFlag(config)}"\n`);
  } else {
    context.print(`No cluster runs in ${directory}\n`);
  }
  return 1;
}

/** N1. */
function refuseSecond(directory: string, given: string): void {
  const other = findLocalCluster(directory);
  const whatRuns =
    other.kind === 'kept'
      ? `process ${other.state.pid} keeps one there, end it`
      : other.kind === 'left' && other.alive.length > 0
        ? `${namesOf(other.alive)} of one whose keeper was killed still run there, end them`
        : undefined;
  if (whatRuns === undefined) return;
  throw refusalError(refused('--work-dir', given, `a directory without a running cluster; ${whatRuns} with "allot local stop --work-dir ${given}"`));
}

function namesOf(children: readonly LocalChild[]): string {
  return children.map(({ name, pid }) => `${name} (process ${pid})`).join(', ');
}

function directoryFlag({ workDir }: LocalConfig): string {
  return workDir === '.allot' ? '' : ` --work-dir ${workDir}`;
}

function resourcesOf({ agents, resources }: LocalConfig, directory: string): readonly string[] {
  if (resources !== undefined) {
    const declared = parseDeclaredResources(resources, '--resources', '*');
    if (!declared.ok) throw refusalError(declared);
    // Agents share the machine's ports, unless the person says otherwise.
    const isPlainText = !resources.startsWith('[') && !resources.startsWith('file://');
    const withPorts = (index: number): string => (isPlainText && declared.value.every(({ name }) => name !== 'ports') ? `${resources};${portsPart(index, agents)}` : resources);
    return Array.from({ length: agents }, (_unused, index) => withPorts(index));
  }
  mkdirSync(directory, { recursive: true });
  const machine = measureMachine(directory);
  return Array.from({ length: agents }, (_unused, index) => fairPart(machine, index, agents));
}

/** `isOurs`: this process keeps it. */
function describe({ master, http, agentCount }: LocalClusterAddress, isOurs: boolean, config: LocalConfig, resources: string | undefined): string {
  const directory = directoryFlag(config);
  const masterFlag = master === '127.0.0.1:5050' ? '' : ` --master ${master}`;
  return [
    `A master and ${agentCount} ${agentCount === 1 ? 'agent' : 'agents'} run on this machine${resources === undefined ? '' : `, each agent with ${resources.replace(/;ports:.*$/, '')}`}`,
    '',
    `  master   ${master}`,
    `  health   http://${http}/health   metrics   http://${http}/metrics`,
    `  logs     ${join(config.workDir, '*.log')}`,
    '',
    `  look     allot agents${masterFlag}`,
    `  run      allot run${masterFlag} -- echo hello`,
    `  stop     ${isOurs ? `Ctrl-C, or allot local stop${directory}` : `allot local stop${directory}`}`,
    '',
  ].join('\n');
}

/** The script that runs now, whether from dist/ or bundled. */
function thisProgram(): string {
  const [, script = ''] = process.argv;
  return script;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((done) => {
    if (signal.aborted) done(undefined);
    else signal.addEventListener('abort', () => done(undefined), { once: true });
  });
}

/** The terminal was closed. Without this the keeper would end at once, and its children, who have sessions of their own, would stay. */
function hangup(): Promise<undefined> {
  return new Promise((done) => void process.once('SIGHUP', () => done(undefined)));
}
