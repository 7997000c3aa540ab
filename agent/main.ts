// Agent main: one agent process, put together from its options.
//
// Owns:      which real part stands behind each port, the order of opening and closing, the signals beyond SIGTERM, the health page.
// Elsewhere: what an agent does (agent-node.ts, core/), flags (agent-options.ts), SIGTERM, SIGINT and exit status (common/process.ts).
// Invariants:
//   W1. Whatever was opened is closed in reverse order, however the process ends.
//   W2. Orphan containers are gone before recovery begins, and the socket of executors is there before they are expected back.
//   W3. SIGTERM leaves tasks running for the agent's next life; SIGUSR1 ends them and says goodbye to the master.
//   W4. An agent loads what it uses, when it uses it: on a small machine every library counts.
// Source: Mesos agent (SIGUSR1: shut down and unregister), our choice for the rest.

import { hostname } from 'node:os';
import { join, resolve } from 'node:path';

import { addressSourceOf } from '../common/address-source';
import { ClosingOrder } from '../common/closing-order';
import { createEnvironment } from '../common/environment';
import { AllotError, describeError } from '../common/errors';
import { openLog } from '../common/logging';
import { makeDirectory } from '../common/make-directory';
import { Metrics, processMetrics } from '../common/metrics';
import type { AgentInfo } from '../common/model/agent';
import { Resources } from '../common/model/resources';
import { refusalError } from '../common/options';
import type { Environment, Log } from '../common/ports';
import { listenStatusServer, type Health } from '../common/status-server';
import { version } from '../common/version';
import { RpcServer } from '../proto/grpc-channel';
import { agentDialer, serveExecutors } from '../proto/grpc-link';
import { AgentNode, type AgentExit, type AgentHealth } from './agent-node';
import type { AgentOptions } from './agent-options';
import type { AgentConfig } from './core/agent-step';
import { knownContainers, namedContainers } from './core/recovery';
import { parseDeclaredResources } from './declared-resources';
import { measureMachine, totalAttributes, totalResources } from './detection';
import { admitExecutors, prepareExecutorSocket } from './executor-socket';
import { JournalCheckpointStore } from './journal-checkpoint-store';
import { AgentCounters, agentMetrics } from './metrics';
import { PosixContainerizer } from './posix-containerizer';

export { agentOptions, type AgentOptions } from './agent-options';

/** How long executors get to take what was sent to them before the connections are cut. They come back to the next life anyway. */
const closeGraceMs = 500;
/** Kill grace of command tasks, and the retries of unacknowledged updates. Source: Mesos constants. */
const killGracePeriodMs = 3_000;
const updateRetryIntervalMs = 10_000;
const updateRetryIntervalMaxMs = 600_000;

/** Runs an agent until `stop` is aborted, SIGUSR1 comes or its master sends it away. Throws AllotError for what keeps it from starting or going on. */
export async function runAgent(options: AgentOptions, stop: AbortSignal): Promise<void> {
  const environment = createEnvironment();
  const opened = new ClosingOrder();
  const { log, close: closeLog } = openLog({ component: 'agent', level: options.logLevel, format: options.logFormat, clock: environment.clock });
  opened.add(closeLog);
  try {
    await serve(options, environment, log, opened, stop);
  } finally {
    await opened.closeAll(); // W1
  }
}

async function serve(options: AgentOptions, environment: Environment, log: Log, opened: ClosingOrder, stop: AbortSignal): Promise<void> {
  const workDir = makeWorkDir(options.workDir);
  const info = describeMachine(options, workDir);
  const checkpointDirectory = join(workDir, 'checkpoint');
  const { store, records, tornBytes } = await JournalCheckpointStore.open({ directory: checkpointDirectory });
  opened.add(() => store.close());
  if (tornBytes > 0) log.write('warn', 'Unfinished write of the last run dropped', { directory: checkpointDirectory, bytes: tornBytes });

  const containerizer = new PosixContainerizer({ workDir, clock: environment.clock, log: log.child('containerizer'), switchUser: options.switchUser });
  await containerizer.destroyOrphans(knownContainers(records)); // W2
  void containerizer.removeForgotten(namedContainers(records)); // Never rejects, and nobody waits for what it removes.

  const isForOtherUsers = options.switchUser && process.getuid?.() === 0;
  const socket = prepareExecutorSocket({ workDir, isForOtherUsers });
  const server = new RpcServer(environment.clock);
  opened.add(() => server.close(closeGraceMs));
  await listen(server, socket);
  admitExecutors(socket, isForOtherUsers);

  const counters = new AgentCounters();
  let ended: (exit: AgentExit) => void = () => undefined;
  const exit = new Promise<AgentExit>((done) => (ended = done));
  const link = { heartbeatIntervalMs: options.heartbeatIntervalMs, log };
  const node = new AgentNode({
    config: configOf(options, info, socket),
    environment,
    dialer: agentDialer(environment, link),
    addresses: addressSourceOf(options.master, environment.clock),
    containerizer,
    checkpoint: store,
    records,
    log,
    observe: counters.note,
    onExit: ended,
  });
  serveExecutors(server, node.acceptExecutor, link);
  const httpPort = await openStatusServer(options, environment, log, node, counters, opened);

  log.write('info', 'Agent starting', {
    hostname: info.hostname,
    resources: info.resources.toString(),
    workDir,
    socket,
    ...(httpPort === undefined ? {} : { httpAddress: `${options.httpIp}:${httpPort}` }),
    version,
    pid: process.pid,
  });
  node.start();
  await untilOver(node, exit, stop, log);
}

/** W3. */
async function untilOver(node: AgentNode, exit: Promise<AgentExit>, stop: AbortSignal, log: Log): Promise<void> {
  const keepTasks = (): void => node.stop('keep-tasks');
  const endTasks = (): void => node.stop('end-tasks');
  process.on('SIGUSR1', endTasks);
  stop.addEventListener('abort', keepTasks, { once: true });
  if (stop.aborted) keepTasks();
  try {
    const { reason, isFailure } = await exit;
    if (isFailure) throw new AllotError({ code: 'OPERATION_FAILED', action: 'keep this agent running', detail: reason });
    log.write('info', 'Agent stopping', { reason });
  } finally {
    process.off('SIGUSR1', endTasks);
    stop.removeEventListener('abort', keepTasks);
  }
}

function makeWorkDir(path: string): string {
  const workDir = resolve(path);
  try {
    makeDirectory(workDir);
  } catch (error) {
    throw new AllotError({ code: 'OPERATION_FAILED', action: `make the work directory ${workDir}`, detail: describeError(error) }, { cause: error });
  }
  return workDir;
}

function describeMachine(options: AgentOptions, workDir: string): AgentInfo {
  const declared = options.resources === undefined ? undefined : parseDeclaredResources(options.resources, '--resources', options.defaultRole);
  if (declared?.ok === false) throw refusalError(declared);
  const resources = declared?.value ?? [];
  const machine = measureMachine(workDir);
  return {
    hostname: options.hostname ?? hostname(),
    port: 0, // Agents listen nowhere: they dial.
    resources: totalResources(Resources.of(resources), new Set(resources.map(({ name }) => name)), machine),
    attributes: totalAttributes(options.attributes ?? [], machine),
  };
}

async function listen(server: RpcServer, socket: string): Promise<void> {
  try {
    await server.listen(`unix:${socket}`);
  } catch (error) {
    throw new AllotError({ code: 'LISTEN_FAILED', purpose: 'the socket of executors', address: socket, detail: describeError(error) }, { cause: error });
  }
}

async function openStatusServer(options: AgentOptions, { clock }: Environment, log: Log, node: AgentNode, counters: AgentCounters, opened: ClosingOrder): Promise<number | undefined> {
  if (options.httpPort === 'none') return undefined;
  const metrics = new Metrics(log.child('metrics'));
  metrics.register([...processMetrics(clock), ...agentMetrics(node, counters)]);
  const status = await listenStatusServer({ host: options.httpIp, port: options.httpPort, metrics, health: () => healthOf(node.health), log: log.child('status') });
  opened.add(() => status.close());
  return status.port;
}

/** Healthy means that a master can send it work. */
export function healthOf({ isRegistered, master, waitingFor }: AgentHealth): Health {
  const details = { ...(master === undefined ? {} : { master }), ...(waitingFor === undefined ? {} : { waitingFor }) };
  return { isHealthy: isRegistered, status: isRegistered ? 'registered' : `waiting for ${waitingFor ?? 'a master'}`, details };
}

function configOf(options: AgentOptions, info: AgentInfo, socket: string): AgentConfig {
  return {
    info,
    version,
    executorRegistrationTimeoutMs: options.executorRegistrationTimeoutMs,
    executorReregistrationTimeoutMs: options.executorReregistrationTimeoutMs,
    executorShutdownGracePeriodMs: options.executorShutdownGracePeriodMs,
    killGracePeriodMs,
    updateRetryIntervalMs,
    updateRetryIntervalMaxMs,
    sandboxRetentionMs: options.sandboxRetentionMs,
    completedExecutorCountMax: options.maxCompletedExecutors,
    executorEnvironment: new Map([['ALLOT_AGENT_SOCKET', socket]]),
  };
}
