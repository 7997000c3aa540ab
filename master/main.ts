// Master main: one master process, put together from its options.
//
// Owns:      which real part stands behind each port, the order of opening and closing, the health page.
// Elsewhere: what a master does (master-node.ts, core/), flags (master-options.ts), signals and exit status (common/process.ts).
// Invariants:
//   W1. Whatever was opened is closed in reverse order, however the process ends.
//   W2. The master serves before it says so: whoever waits for `Master serving` may dial `address` at once.
//   W3. A clean stop resigns first, so that a standby takes over at once and those who are sent away find it.
// Source: our choice.

import { join, resolve } from 'node:path';

import { createDrfAllocator } from '../allocator/drf-allocator';
import { ClosingOrder } from '../common/closing-order';
import { createEnvironment } from '../common/environment';
import { AllotError, describeError } from '../common/errors';
import { openLog } from '../common/logging';
import { Metrics, processMetrics } from '../common/metrics';
import { refusalError } from '../common/options';
import type { Election, Environment, Log, Registry } from '../common/ports';
import { refused } from '../common/refusal';
import { listenStatusServer, type Health } from '../common/status-server';
import { version } from '../common/version';
import { RpcServer } from '../proto/grpc-channel';
import { serveAgents, serveScheduler } from '../proto/grpc-link';
import { serveOperator } from '../proto/grpc-operator';
import { advertisedHost, joinAddress } from './advertised-address';
import type { MasterConfig } from './core/master-step';
import { EmbeddedRegistry } from './embedded-registry';
import { EtcdElection } from './etcd-election';
import { EtcdRegistry } from './etcd-registry';
import type { MasterOptions } from './master-options';
import { MasterNode, type MasterHealth } from './master-node';
import { masterMetrics } from './metrics';

export { masterOptions, type MasterOptions } from './master-options';

/** How long peers get to take what was sent to them before the connections are cut. */
const closeGraceMs = 2_000;

/** Runs a master until `stop` is aborted. Throws AllotError for what keeps it from starting or going on. */
export async function runMaster(options: MasterOptions, stop: AbortSignal): Promise<void> {
  checkRegistryOptions(options);
  const environment = createEnvironment();
  const opened = new ClosingOrder();
  const { log, close: closeLog } = openLog({ component: 'master', level: options.logLevel, format: options.logFormat, clock: environment.clock });
  opened.add(closeLog);
  try {
    await serve(options, environment, log, opened, stop);
  } finally {
    await opened.closeAll(); // W1
  }
}

async function serve(options: MasterOptions, environment: Environment, log: Log, opened: ClosingOrder, stop: AbortSignal): Promise<void> {
  const failure = new FailureWatch();
  const { election, registry } = await openRegistry(options, environment, log, opened, failure);
  const server = new RpcServer(environment.clock);
  opened.add(() => server.close(closeGraceMs));
  const port = await listen(server, options.ip, options.port);
  const address = options.advertise ?? joinAddress(advertisedHost(options.ip), port);
  const node = new MasterNode({
    config: configOf(options),
    environment,
    election,
    registry,
    registryName: options.registry,
    allocatorFactory: createDrfAllocator,
    address,
    version,
    log,
  });
  // No call can have come in since the port was bound: that takes a turn of the event loop.
  const link = { heartbeatIntervalMs: options.heartbeatIntervalMs, log };
  serveScheduler(server, node.acceptScheduler, link);
  serveAgents(server, node.acceptAgent, link);
  serveOperator(server, (call, reply) => {
    if (call.ok) node.operator(call.value, reply);
    else reply({ kind: 'refused', refusal: call.refusal });
  });

  const metrics = new Metrics(log.child('metrics'));
  metrics.register([...processMetrics(environment.clock), ...masterMetrics(node)]);
  const httpPort = await openStatusServer(options, log, metrics, () => healthOf(node.health), opened);

  opened.add(() => new Promise((done) => node.stop(done))); // W3: added last, so stopped first.
  node.start();
  log.write('info', 'Master serving', {
    address,
    ...(httpPort === undefined ? {} : { httpAddress: joinAddress(advertisedHost(options.ip), httpPort) }),
    registry: options.registry,
    version,
    pid: process.pid,
  });
  await failure.orStopped(stop);
  log.write('info', 'Master stopping');
}

/** Waits for the end, and knows whether it is one to be told. */
class FailureWatch {
  private failure: AllotError | undefined;
  private wake: (() => void) | undefined;

  readonly note = (failure: AllotError): void => {
    this.failure ??= failure;
    this.wake?.();
  };

  async orStopped(stop: AbortSignal): Promise<void> {
    if (this.failure === undefined && !stop.aborted) {
      await new Promise<void>((done) => {
        this.wake = done;
        stop.addEventListener('abort', () => done(), { once: true });
      });
    }
    if (this.failure !== undefined) throw this.failure;
  }
}

function checkRegistryOptions(options: MasterOptions): void {
  if (options.registry === 'etcd') {
    if (options.etcd === undefined) throw refusalError(refused('--etcd', undefined, 'the servers of --registry=etcd, such as 10.0.0.1:2379'));
    return;
  }
  if (options.etcd !== undefined) throw refusalError(refused('--etcd', options.etcd.join(','), 'nothing, unless --registry=etcd is given'));
  if (options.workDir === undefined) throw refusalError(refused('--work-dir', undefined, 'a directory for the embedded registry, such as /var/lib/allot/master'));
}

interface Stores {
  readonly election: Election;
  readonly registry: Registry;
}

async function openRegistry(options: MasterOptions, { clock, ids }: Environment, log: Log, opened: ClosingOrder, failure: FailureWatch): Promise<Stores> {
  if (options.registry === 'etcd') {
    const location = { endpoints: options.etcd ?? [], prefix: options.etcdPrefix };
    const leaseSeconds = Math.ceil(options.electionLeaseMs / 1_000);
    const registry = new EtcdRegistry({ location, clock, leaseSeconds });
    opened.add(() => registry.close());
    return { election: new EtcdElection({ location, clock, leaseSeconds, log: log.child('election') }), registry };
  }
  const directory = join(resolve(options.workDir ?? ''), 'registry');
  const registry = await EmbeddedRegistry.open({ directory, ids, onFailure: failure.note });
  opened.add(() => registry.close());
  if (registry.tornBytes > 0) log.write('warn', 'Unfinished write of the last run dropped', { directory, bytes: registry.tornBytes });
  return { election: registry, registry };
}

async function listen(server: RpcServer, ip: string, port: number): Promise<number> {
  const address = joinAddress(ip, port);
  try {
    return await server.listen(address);
  } catch (error) {
    const detail = describeError(error);
    const hint = detail.includes('EADDRINUSE') ? 'another process listens there; choose another --port, or 0 for any' : detail;
    throw new AllotError({ code: 'LISTEN_FAILED', purpose: "the master's port", address, detail: hint }, { cause: error });
  }
}

async function openStatusServer(options: MasterOptions, log: Log, metrics: Metrics, health: () => Health, opened: ClosingOrder): Promise<number | undefined> {
  if (options.httpPort === 'none') return undefined;
  const status = await listenStatusServer({ host: options.ip, port: options.httpPort, metrics, health, log: log.child('status') });
  opened.add(() => status.close());
  return status.port;
}

/** A standby that knows its leader is as healthy as a leader: both do what they are there for. */
export function healthOf({ role, leader, waitingFor }: MasterHealth): Health {
  const details = { role, ...(leader === undefined ? {} : { leader }), ...(waitingFor === undefined ? {} : { waitingFor }) };
  if (waitingFor !== undefined) return { isHealthy: false, status: `waiting: ${waitingFor}`, details };
  if (role === 'standby' && leader === undefined) return { isHealthy: false, status: 'waiting for a leader to be elected', details };
  return { isHealthy: role === 'leading' || role === 'standby', status: role, details };
}

/** Flags that are no decision of an operator keep the core's documented defaults. */
function configOf(options: MasterOptions): MasterConfig {
  return {
    clusterName: options.cluster,
    allocationIntervalMs: options.allocationIntervalMs,
    allocationEventDelayMs: options.allocationEventDelayMs,
    minAllocatable: options.minAllocatableResources,
    allocation: {
      roleSorter: options.roleSorter,
      frameworkSorter: options.frameworkSorter,
      fairSharingExcludedNames: new Set(options.fairSharingExcludedResourceNames),
      filtersGpus: options.filterGpuResources,
      region: options.region,
      recoveryTimeoutMs: options.quotaRecoveryTimeoutMs,
    },
    regexProgramSizeMax: options.offerConstraintsRe2MaxProgramSize,
    offerTimeoutMs: options.offerTimeoutMs,
    agentTimeoutMs: options.agentTimeoutMs,
    agentReregisterTimeoutMs: options.agentReregisterTimeoutMs,
    launchTimeoutMs: options.launchTimeoutMs,
    heartbeatIntervalMs: options.heartbeatIntervalMs,
    completedFrameworkCountMax: options.maxCompletedFrameworks,
    completedTaskCountMax: options.maxCompletedTasksPerFramework,
    unreachableTaskCountMax: options.maxUnreachableTasksPerFramework,
    operatorTimeoutMs: options.operatorTimeoutMs,
  };
}
