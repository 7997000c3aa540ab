// Job run: one run of the particle job on a cluster, from the opened input to the complete count.
//
// Owns:      putting the parts together, the order in which they begin and end, going on from an earlier run, what signals do.
// Elsewhere: options and output (commands/run.ts), the parts themselves.
// Invariants:
//   U1. A count is given only if it is complete and the input is what it was at the beginning.
//   U2. The state file goes when the job is over; it stays when there is something to go on with.
// Source: our choice.

import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { command, connectScheduler, createEnvironment, describeError, executor, isAllotError, preloadConnection, resources, SchedulerError, type ExecutorInfo, type Log, type Resources } from '../sdk';
import { openByteSource, type ByteSource } from './chunks';
import { printJobData } from './chunk-task';
import { fileFailure, ParticleFailure } from './failure';
import { EXECUTOR_FILE, EXECUTOR_PROGRAM, serveInput, type InputServer } from './input-server';
import { JobDisplay } from './job-display';
import { JobStateFile, type JobRoom, type ServedAt } from './job-state-file';
import { localAddressTowards, type HostPort } from './local-address';
import type { MalformedPolicy } from './malformed-line';
import type { ParticleCount } from './particle-count';
import { ParticleJob, type JobEnd } from './particle-job';
import { ParticleScheduler } from './particle-scheduler';
import { identifyFile } from './same-file';

export interface JobRunOptions {
  /** As the SDK takes it. */
  readonly master: string;
  readonly input: string;
  readonly malformed: MalformedPolicy;
  /** Of every chunk. Default: {@link chunkBytesDefault}. */
  readonly chunkBytes?: number;
  readonly role: string;
  readonly name: string;
  /** What one chunk takes while it is counted, as resource text. */
  readonly resources: string;
  readonly stateFile: string;
  /** Where the input is served. Default: any port of the address that leads to the master. */
  readonly dataAddress?: HostPort;
  /** Whether executors on this machine read the input themselves instead of fetching it from here. */
  readonly localInput: boolean;
  readonly quiet: boolean;
}

/**
 * How long tasks and their executors outlive a scheduler that is gone. Long enough to notice and start again; what is finished is in the state
 * file anyway. Milliseconds.
 */
const FAILOVER_TIMEOUT_MS = 5 * 60_000;

/** What the executor itself needs beside its tasks: a Node with the SDK and the stacks of its threads. Its time is that of its tasks. */
const EXECUTOR_RESOURCES = 'mem:64';

/** What a default chunk has at most and at least: ten seconds' work for a core of a Pi; and where a task costs more than its counting. */
const CHUNK_BYTES = { most: 128 * 1024 ** 2, least: 1024 ** 2 };

/** Fewer places than this are treated as so many: more may come, and a job has some chunks to show its progress by. */
const PLACES_LEAST = 4;

/**
 * The size of the chunk that starts at `start`. Large ones, since each task has a fixed cost in all processes.
 *
 * On one agent an equal part of the input for each place: the threads of an executor share what they have (pieces.ts), so they are done at the same time. Among
 * several agents, of which some are faster, an equal part of what is left for each place, down to an 8th of an equal part of the input: small ones in the end,
 * so that all places become idle at about the same time. An 8th, because the last task of a place then keeps it for a few hundredths of the job.
 * Source: guided self-scheduling (Polychronopoulos and Kuck, 1987).
 */
export function chunkBytesDefault(sizeBytes: number, start: number, { places, agents }: Pick<JobRoom, 'places' | 'agents'>): number {
  const within = (bytes: number): number => Math.min(CHUNK_BYTES.most, Math.max(CHUNK_BYTES.least, Math.ceil(bytes)));
  const parts = Math.max(PLACES_LEAST, places);
  if (agents === 1) return within(sizeBytes / parts);
  return Math.max(within(sizeBytes / (8 * parts)), within((sizeBytes - start) / parts));
}

/** How the run ended, as far as the cluster is concerned. */
type RunEnd =
  | JobEnd
  /** `isTornDown`: we have ended the framework; otherwise it was the cluster. */
  | { readonly kind: 'broken'; readonly error: unknown; readonly isTornDown: boolean }
  | { readonly kind: 'interrupted'; readonly signal: string };

/** @throws ParticleFailure for everything that keeps the count from being complete */
export async function runJob(options: JobRunOptions): Promise<ParticleCount> {
  const { input, malformed } = options;
  // Before anything is opened: what cannot run leaves nothing behind.
  const slot = inputOf(() => resources(options.resources));
  if (slot.isEmpty) throw new ParticleFailure('BAD_OPTION', `Cannot run as --resources must be more than nothing: current value is "${options.resources}"`);
  // Beside the disk: loading what a connection needs takes as long as opening the input, and neither waits for the other.
  const opening = openByteSource(input);
  preloadConnection();
  const source = await opening;
  try {
    const modifiedMs = await modifiedMsOf(input);
    const identity = { sizeBytes: source.sizeBytes, modifiedMs, chunkBytes: options.chunkBytes ?? 'default', malformed } as const;
    const { file: state, recovered } = await JobStateFile.open(options.stateFile, identity);
    let isOver = false;
    try {
      const environment = createEnvironment();
      const unreadable = new AbortController();
      const { server, servedAt } = await serve(options, source, recovered.servedAt, () => environment.ids.uuid(), (error) => unreadable.abort(error));
      let end: RunEnd;
      try {
        if (servedAt !== recovered.servedAt) await state.recordServedAt(servedAt);
        const job = new ParticleJob(servedAt.jobId, source.sizeBytes);
        for (const { chunk, result } of recovered.chunks) job.restore(chunk, result);
        end = await schedule(options, { job, source, slot, state, server, environment, servedAt, frameworkId: recovered.frameworkId, rooms: recovered.rooms, unreadable: unreadable.signal });
      } finally {
        await server.close();
      }
      if (end.kind === 'failed' || end.kind === 'interrupted' || (end.kind === 'broken' && end.isTornDown)) await state.recordTornDown();
      // Before anything is said of its lines: they may be gone.
      if (end.kind !== 'interrupted' && (await modifiedMsOf(input)) !== modifiedMs) {
        throw new ParticleFailure('INPUT_CHANGED', `Cannot count "${input}" as the file was changed meanwhile; run the same command again`);
      }
      const count = countOf(end, options);
      isOver = true;
      return count;
    } catch (error) {
      // The state is of no use for a changed input, and the cure of a malformed line changes it.
      const { code } = error as { code?: unknown };
      isOver = code === 'MALFORMED_LINE' || code === 'INPUT_CHANGED';
      throw error;
    } finally {
      if (isOver) await state.remove();
      else await state.close();
    }
  } finally {
    await source.close();
  }
}

async function modifiedMsOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    throw fileFailure('CANNOT_READ', path, error);
  }
}

/** U1. */
function countOf(end: RunEnd, { input, stateFile }: JobRunOptions): ParticleCount {
  const goOn = `run the same command again to go on from "${stateFile}"`;
  switch (end.kind) {
    case 'complete':
      return end.count;
    case 'stopped':
      throw new ParticleFailure('MALFORMED_LINE', `Cannot count "${input}" as ${end.fault}; correct it, or pass --malformed count`);
    case 'failed':
      throw new ParticleFailure('JOB_FAILED', `Cannot count "${input}" as ${end.reason}; mend the cause, then ${goOn}`);
    case 'interrupted':
      throw new ParticleFailure('INTERRUPTED', `Stopped by ${end.signal} before the count was complete; ${goOn}`);
    case 'broken': {
      const { error } = end;
      if (error instanceof SchedulerError) throw new ParticleFailure('JOB_FAILED', `${error.message}; ${goOn}`, { cause: error });
      if (isAllotError(error)) throw new ParticleFailure('BAD_OPTION', describeError(error), { cause: error });
      throw error;
    }
  }
}

/** At the address of an earlier run if that is free, so that its executors and tasks go on. */
async function serve(
  { master, dataAddress, input, localInput }: JobRunOptions,
  source: ByteSource,
  earlier: ServedAt | undefined,
  makeId: () => string,
  failed: (error: unknown) => void,
): Promise<{ readonly server: InputServer; readonly servedAt: ServedAt }> {
  const [loader, program, { host, port }] = await Promise.all([
    readBuilt('executor-loader.bundle.js'),
    readBuilt(EXECUTOR_PROGRAM),
    dataAddress ?? localAddressTowards(master).then((address) => ({ host: address, port: 0 })),
  ]);
  const executor = { [EXECUTOR_FILE]: loader, [EXECUTOR_PROGRAM]: program };
  if (earlier !== undefined && earlier.host === host && (port === 0 || port === earlier.port)) {
    try {
      return { server: await serveInput({ source, executor, host, port: earlier.port, secret: earlier.secret, failed }), servedAt: earlier };
    } catch {
      // Somebody else has the port now. The tasks of the earlier run will not find their data; they are ended when they are heard of.
    }
  }
  const secret = makeId();
  const server = await serveInput({ source, executor, host, port, secret, failed });
  const sameFile = localInput ? await identifyFile(resolve(input)) : undefined;
  return { server, servedAt: { host, port: server.port, secret, jobId: makeId(), ...(sameFile === undefined ? {} : { sameFile }) } };
}

/** What the build has put beside this module. */
async function readBuilt(name: string): Promise<Uint8Array> {
  const path = join(__dirname, name);
  try {
    return await readFile(path);
  } catch (error) {
    throw fileFailure('CANNOT_READ', path, error);
  }
}

interface JobParts {
  readonly job: ParticleJob;
  readonly source: ByteSource;
  readonly slot: Resources;
  readonly state: JobStateFile;
  readonly server: InputServer;
  readonly environment: ReturnType<typeof createEnvironment>;
  readonly servedAt: ServedAt;
  readonly frameworkId: string | undefined;
  readonly rooms: readonly JobRoom[];
  /** Aborted, with the reason, when the input cannot be read any more. */
  readonly unreadable: AbortSignal;
}

/** Runs a scheduler to its end: of the job, by a signal, or because the cluster takes it no more. */
async function schedule(options: JobRunOptions, parts: JobParts): Promise<RunEnd> {
  const first = await scheduleOnce(options, parts, parts.frameworkId);
  // What an earlier process left under its framework was given up meanwhile. What is in the state file is not lost by that.
  const isForgotten = first.end.kind === 'broken' && first.end.error instanceof SchedulerError && first.end.error.code === 'FRAMEWORK_REMOVED';
  if (parts.frameworkId === undefined || first.wasSubscribed || !isForgotten) return first.end;
  return (await scheduleOnce(options, parts, undefined)).end;
}

async function scheduleOnce(options: JobRunOptions, parts: JobParts, frameworkId: string | undefined): Promise<{ readonly end: RunEnd; readonly wasSubscribed: boolean }> {
  const { job, source, slot, state, environment, servedAt, rooms, unreadable } = parts;
  const { clock, ids } = environment;
  let end: RunEnd | undefined;
  const endWith = (reached: RunEnd): void => {
    end ??= reached;
    driver.stop();
  };
  let display: JobDisplay | undefined;
  const trouble = (message: string): void => display?.message(message);
  const scheduler = new ParticleScheduler({
    job,
    jobId: servedAt.jobId,
    source,
    chunkBytesAt: (start, forRoom) => options.chunkBytes ?? chunkBytesDefault(source.sizeBytes, start, forRoom),
    rooms,
    slot,
    executor: executorInfo(options, parts),
    clock,
    ids,
    journal: state,
    trouble,
    ended: (reached) => endWith(reached.kind === 'broken' ? { ...reached, isTornDown: true } : reached),
  });
  const driver = inputOf(() =>
    connectScheduler({
      ...scheduler.handlers,
      name: options.name,
      roles: [options.role],
      failoverTimeoutMs: FAILOVER_TIMEOUT_MS,
      ...(frameworkId === undefined ? {} : { frameworkId }),
      master: options.master,
      log: displayLog(trouble),
    }),
  );
  if (!options.quiet) {
    display = new JobDisplay({
      clock,
      write: (text) => void process.stderr.write(text),
      columns: () => (process.stderr.isTTY ? process.stderr.columns : undefined),
      progress: () => scheduler.progress,
      waitingFor: () => scheduler.waitingFor,
    });
  }
  const forget = onSignals((signal) => endWith({ kind: 'interrupted', signal }));
  const onUnreadable = (): void => endWith({ kind: 'broken', error: unreadable.reason, isTornDown: true });
  unreadable.addEventListener('abort', onUnreadable);
  try {
    await driver.run();
  } catch (error) {
    end ??= { kind: 'broken', error, isTornDown: false };
  } finally {
    forget();
    unreadable.removeEventListener('abort', onUnreadable);
    scheduler.close();
    display?.close(end?.kind === 'complete');
  }
  return { end: end ?? { kind: 'broken', error: new Error('The driver ended by itself'), isTornDown: false }, wasSubscribed: scheduler.wasSubscribed };
}

/** One program, fetched by each agent once; all agents' executors are described alike, so that a successor of ours describes them alike, too. */
function executorInfo({ malformed }: JobRunOptions, { server, servedAt: { jobId, sameFile } }: JobParts): ExecutorInfo {
  return executor({
    id: `particles-${jobId}`,
    name: 'particle executor',
    command: command(`exec node ${EXECUTOR_FILE}`, { uris: server.executorUrls.map((value) => ({ value, extract: false })) }),
    resources: EXECUTOR_RESOURCES,
    data: printJobData({ inputUrl: server.inputUrl, malformed, ...(sameFile === undefined ? {} : { sameFile }) }),
  });
}

/** The driver's warnings among ours. */
function displayLog(trouble: (message: string) => void): Log {
  const log: Log = {
    write: (level, message, fields = {}) => {
      if (level === 'error' || level === 'warn') trouble([message, ...Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`)].join(' '));
    },
    child: () => log,
  };
  return log;
}

/** What the SDK refuses of our options is the user's mistake. */
function inputOf<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (isAllotError(error, 'INPUT_REFUSED')) throw new ParticleFailure('BAD_OPTION', describeError(error), { cause: error });
    throw error;
  }
}

/** The first signal asks for an orderly end, a second one does not wait. */
function onSignals(stop: (signal: string) => void): () => void {
  let isStopping = false;
  const listeners = (['SIGINT', 'SIGTERM'] as const).map((signal) => {
    const listener = (): void => {
      // Shell convention for an interrupted command.
      if (isStopping) process.exit(130);
      isStopping = true;
      stop(signal);
    };
    process.on(signal, listener);
    return () => void process.off(signal, listener);
  });
  return () => {
    for (const forget of listeners) forget();
  };
}
