// Demo: a real particle job on a real cluster on this machine, as `make demo` runs it.
//
// Owns:      the order of what is shown, and that nothing is left running: a cluster is started, a file generated, counted on the cluster, counted
//            again by the plain program, the two results compared.
// Elsewhere: each step is a program of its own, the same that everybody uses: `allot local` (cli/), `allot-particles` (main.ts).
// Invariants:
//   O1. However the demo ends, the cluster ends with it, unless KEEP=1 asks for it and all went well.
//   O2. It can be repeated: what an earlier one left is ended or overwritten.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createEnvironment } from '../sdk';

const PARTICLE_COUNT = 1_000_000;
const SEED = 2026;
const AGENT_COUNT = 3;

/** Each agent's offer: room for two chunks at a time, on any machine. Nothing enforces it here; it is what the scheduler plans with. */
const AGENT_RESOURCES = 'cpus:1;mem:256';

const project = join(__dirname, '..', '..', '..');
const folder = join(project, '.allot', 'demo');
const shown = (path: string): string => relative(process.cwd(), path) || '.';

const particlesFile = join(folder, 'particles.txt');
const plotFile = join(folder, 'landing-places.svg');
const clusterFolder = join(folder, 'cluster');
/** Where `allot local` says what it runs, for scripts. */
const clusterState = join(clusterFolder, 'local.json');

const allot = join(project, 'dist', 'cli', 'main.js');
const allotParticles = join(__dirname, 'main.js');

/** A step that did not do what it should; its own words are on the terminal already. */
class StepFailed extends Error {}

const children = new Set<ChildProcess>();
let interruptedBy: NodeJS.Signals | undefined;

/** Runs one of our programs to its end and returns what it printed. Its stderr is ours: the progress bar is drawn there. */
function run(program: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    if (interruptedBy !== undefined && args[1] !== 'stop') return reject(new StepFailed(`Stopped by ${interruptedBy}`));
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    child.on('error', reject);
    child.on('close', (status, signal) => {
      children.delete(child);
      if (status === 0) resolve(printed);
      else reject(new StepFailed(`${shown(program)} ${args[0] ?? ''} ended with ${signal ?? `status ${String(status)}`}`));
    });
  });
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function startCluster(): Promise<string> {
  await stopCluster();
  await run(allot, 'local', 'start', '--detach', '--agents', String(AGENT_COUNT), '--resources', AGENT_RESOURCES, '--port', '0', '--http-port', '0', '--work-dir', clusterFolder);
  const { master } = JSON.parse(readFileSync(clusterState, 'utf8')) as { readonly master: string };
  return master;
}

/** Nothing to do when none runs, or none ever did. */
async function stopCluster(): Promise<void> {
  if (existsSync(clusterState)) await run(allot, 'local', 'stop', '--work-dir', clusterFolder);
}

async function show(): Promise<void> {
  const { clock } = createEnvironment();
  const timed = async <T>(work: Promise<T>): Promise<readonly [T, string]> => {
    const startMs = clock.nowMs();
    const result = await work;
    return [result, `${((clock.nowMs() - startMs) / 1_000).toFixed(1)} s`];
  };

  say(`Starting a master and ${AGENT_COUNT} agents, and generating ${PARTICLE_COUNT.toLocaleString('en')} particles from seed ${SEED}`);
  const [master] = await Promise.all([
    startCluster(),
    run(allotParticles, 'generate', '--count', String(PARTICLE_COUNT), '--seed', String(SEED), '--output', particlesFile),
  ]);
  say(`The master serves at ${master}; the particles are in ${shown(particlesFile)}\n`);

  say('Counting on the cluster where they land');
  // A state that an interrupted demo left is of no use to this one: what is shown is a whole run.
  const stateFile = join(folder, 'particles.allot-state');
  rmSync(stateFile, { force: true });
  const [report, jobTime] = await timed(run(allotParticles, 'run', '--master', master, '--input', particlesFile, '--svg', plotFile, '--state', stateFile));
  say(`\n${report}`);

  const [plainReport, plainTime] = await timed(run(allotParticles, 'count', '--input', particlesFile));
  if (report !== plainReport) {
    say(`The plain program counts otherwise:\n\n${plainReport}`);
    throw new StepFailed('The cluster and the plain program differ');
  }
  say(`The plain single-process program counts exactly the same (cluster ${jobTime} with everything, plain ${plainTime}; a file this small is for looking)`);
  say(`The plot is in ${shown(plotFile)}`);
  if (process.env['KEEP'] !== '1') return;
  const command = `node ${shown(allot)}`;
  say(
    [
      '\nThe cluster stays up. To look at it:',
      ...['agents', 'frameworks', 'tasks', 'roles'].map((noun) => `  ${command} ${noun} --master ${master}`),
      `  node ${shown(allotParticles)} run --master ${master} --input ${shown(particlesFile)}`,
      'To stop it:',
      `  ${command} local stop --work-dir ${shown(clusterFolder)}`,
    ].join('\n'),
  );
}

/** The exit status. */
async function main(): Promise<number> {
  const interrupt = (signal: NodeJS.Signals): void => {
    interruptedBy ??= signal;
    for (const child of children) child.kill('SIGTERM');
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  // Nobody looks any more (`make demo | head -1`), and O1 holds all the same. stderr is where it is told, so of its own errors nothing can be.
  process.stdout.on('error', () => interrupt('SIGPIPE'));
  process.stderr.on('error', () => undefined);
  mkdirSync(folder, { recursive: true });
  let isKept = false;
  try {
    await show();
    isKept = process.env['KEEP'] === '1';
    return 0;
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    if (interruptedBy !== 'SIGPIPE') process.stderr.write(`demo: ${error.message}\n`);
    return interruptedBy === undefined ? 1 : interruptedBy === 'SIGPIPE' ? 141 : 130;
  } finally {
    if (!isKept) {
      await stopCluster().then(
        () => say('The cluster has ended'),
        (error: unknown) => process.stderr.write(`demo: ${String(error)}\n`),
      );
    }
  }
}

void main().then((status) => {
  process.exitCode = status;
});
