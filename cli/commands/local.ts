// allot local: a whole cluster on this machine.
//
// Owns:      the flags, what is printed, starting in the background and stopping from elsewhere.
// Elsewhere: the cluster (../local-cluster.ts), the file that tells others of it (../local-state.ts).
// Invariants:
//   N1. One cluster per directory: the state file names its keeper, and the master's registry is locked anyway.
//   N2. When `start` has said that the cluster is up, commands work; when `stop` has returned, nothing of it runs.
// Source: our choice.

import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { AllotError, describeError } from '../../common/errors';
import { optionTable, refusalError, type ConfigOf } from '../../common/options';
import { refused } from '../../common/refusal';
import { abortableDelay, deadlineIn, hasPassed } from '../../common/timing';
import { measureMachine } from '../../agent/detection';
import { parseDeclaredResources } from '../../agent/declared-resources';
import { defineCommand, type CommandContext } from '../command';
import { fairPart, portsPart } from '../fair-part';
import { LocalCluster } from '../local-cluster';
import { LocalProcess } from '../local-process';
import { isAlive, readLocalState, removeLocalState, writeLocalState, type LocalState } from '../local-state';

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
  const cluster = new LocalCluster({ directory, program: [thisProgram()], port: config.port, httpPort: config.httpPort, resources, clock: context.environment.clock });
  try {
    await cluster.start(context.stop);
    const state: LocalState = { pid: process.pid, master: cluster.master, http: cluster.http, agentCount: resources.length };
    writeLocalState(directory, state);
    context.print(describe(state, config, resources[0] ?? ''));
    const failure = await Promise.race([cluster.firstFailure(), aborted(context.stop), hangup()]);
    if (failure !== undefined) throw failure;
    context.remark('allot: Ending the cluster\n');
    return 0;
  } finally {
    await cluster.stop();
    if (readLocalState(directory)?.pid === process.pid) removeLocalState(directory);
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
    const state = readLocalState(directory);
    if (state !== undefined && state.pid === keeper.pid) {
      keeper.release();
      context.print(describe(state, config, resources[0] ?? ''));
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
  const state = readLocalState(directory);
  if (state === undefined) {
    context.remark(`allot: No cluster runs in ${directory}\n`);
    return 0;
  }
  process.kill(state.pid, 'SIGTERM');
  const { clock } = context.environment;
  const deadline = deadlineIn(clock, stopPatienceMs);
  while (isAlive(state.pid)) {
    if (hasPassed(clock, deadline)) throw new AllotError({ code: 'DEADLINE_PASSED', action: `end the cluster of process ${state.pid}`, afterMs: stopPatienceMs });
    await abortableDelay(clock, pollMs, context.stop);
  }
  context.print(`The cluster in ${directory} has ended\n`);
  return 0;
}

function status(config: LocalConfig, context: CommandContext): number {
  const directory = resolve(config.workDir);
  const state = readLocalState(directory);
  context.print(state === undefined ? `No cluster runs in ${directory}\n` : describe(state, config, undefined));
  return state === undefined ? 1 : 0;
}

/** N1. */
function refuseSecond(directory: string, given: string): void {
  const other = readLocalState(directory);
  if (other === undefined) return;
  throw refusalError(refused('--work-dir', given, `a directory without a running cluster; process ${other.pid} keeps one there, end it with "allot local stop --work-dir ${given}"`));
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

function describe({ master, http, agentCount, pid }: LocalState, { workDir, detach }: LocalConfig, resources: string | undefined): string {
  const directory = workDir === '.allot' ? '' : ` --work-dir ${workDir}`;
  const masterFlag = master === '127.0.0.1:5050' ? '' : ` --master ${master}`;
  return [
    `A master and ${agentCount} ${agentCount === 1 ? 'agent' : 'agents'} run on this machine${resources === undefined ? '' : `, each agent with ${resources.replace(/;ports:.*$/, '')}`}`,
    '',
    `  master   ${master}`,
    `  health   http://${http}/health   metrics   http://${http}/metrics`,
    `  logs     ${join(workDir, '*.log')}`,
    '',
    `  look     allot agents${masterFlag}`,
    `  run      allot run${masterFlag} -- echo hello`,
    `  stop     ${detach || pid !== process.pid ? `allot local stop${directory}` : `Ctrl-C, or allot local stop${directory}`}`,
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
