// The posix containerizer: a process group and a directory for each executor, on any Unix.
//
// Owns:      sandboxes, starting and ending process groups, noticing their end, reading their output.
// Elsewhere: what runs where and why (core/), limits by cgroups (not in this one), fetching (fetcher.ts), /proc (process-table.ts).
// Invariants:
//   C1-C3 of containerizer.ts, and:
//   X1. Each container is its own session and process group, led by a small shell that outlives the agent and writes the command's exit status
//       into `exit`: so an agent that was away learns how it ended.
//   X2. Layout: <work dir>/containers/<container id>/{sandbox/,pid,exit}. `pid` and `exit` lie outside the sandbox, where the command does not look.
//       `pid` is there before the command runs: a container that an agent started and did not live to remember can be found and ended.
//   X3. Another user who runs the command owns its container's directory from the start: what is fetched is his, and its supervisor writes `pid` and
//       `exit` there. To other containers it may pass by name only, and finds them closed.
//   X4. What leaves the process group by its own `setsid` is not followed; the cgroup containerizer will.
//   X5. What lies in a container's directory is its user's, and may lie: output files, `pid` and `exit` are opened without following links and without
//       waiting, and used only if they are files. So nobody reads with the agent's rights what he may not read with his own, and a pipe keeps no agent.
//   X6. A container's directory stays as long as the core knows of it: what it asked to remove and could not be removed, or what it never knew, is removed
//       when the agent starts again.
// Source: Mesos posix launcher (process tree and session kill). The shell as supervisor is our choice: a megabyte instead of a second Node.

import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants as fsConstants, existsSync, fchownSync, mkdirSync, readdirSync, readFileSync, watch, type FSWatcher } from 'node:fs';
import { chmod, chown, open, rm } from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { basename, join } from 'node:path';
import type { SandboxStream } from '../common/model/agent-protocol';
import { checkContainerId, type ContainerId } from '../common/model/ids';
import type { Cancel, Clock, Log } from '../common/ports';
import type { ContainerHandlers, Containerizer, ReattachHandlers, SandboxRead } from './containerizer';
import type { ContainerExit, ContainerSpec } from './core/agent-step';
import type { Owner } from './errand';
import { fetchUri } from './fetcher';
import { ageMsOf, isGroupAlive, isSameProcess, processStartTime } from './process-table';
import { openRegularFile, readSmallFile } from './regular-file';

export interface PosixContainerizerOptions {
  readonly workDir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether tasks run as the user that their framework names. Possible for root only. */
  readonly switchUser: boolean;
}

/**
 * The supervisor (X1). It outlives the signals that a container is sent as a whole, which are meant for the command, and leaves the status atomically.
 * The command is in the foreground, where a shell waits for it whatever comes: in the background it would start with SIGINT and SIGQUIT ignored, and
 * could not change that. The parentheses are for a program that is called like something the shell does itself (`exit`). What the shell would say of the
 * end (`Terminated`) does not belong into the command's stderr; that there is no such program does. $1 is the exit file, $2 the pid file, the rest
 * the command.
 */
const supervisor = `
trap : HUP INT QUIT TERM USR1 USR2
exit_file=$1; pid_file=$2; shift 2
printf '%s\\n' "$$" > "$pid_file"
exec 3>&2 2>/dev/null
(exec "$@" 2>&3 3>&-)
status=$?
printf '%s\\n' "$status" > "$exit_file.new" && mv "$exit_file.new" "$exit_file"
exit "$status"
`;

/** How often a reattached container, or the rest of a dying group, is looked at. There is no child to wait for then. */
const reattachedPollMs = 1_000;
const dyingPollMs = 20;
/** SIGKILL is repeated this often while a destroyed container still has processes: a fork may have raced with the first. */
const killRepeatMs = 200;

type Container =
  | { readonly phase: 'preparing'; readonly abort: AbortController; readonly handlers: ContainerHandlers }
  | { readonly phase: 'running'; readonly pid: number; readonly stopWatching: Cancel; readonly ended: (exit: ContainerExit) => void; killing?: Cancel };

export class PosixContainerizer implements Containerizer {
  private readonly containers = new Map<ContainerId, Container>();
  private closed = false;

  constructor(private readonly options: PosixContainerizerOptions) {}

  /**
   * Ends every container that an earlier life of the agent started and did not live to checkpoint. To be awaited before the core recovers: it
   * takes such a launch for one that never happened. Source: Mesos destroys orphans at recovery.
   */
  async destroyOrphans(known: ReadonlySet<ContainerId>): Promise<void> {
    for (const containerId of this.directories()) if (!known.has(containerId)) await this.endOrphan(containerId);
  }

  /**
   * Removes the directory of every container but the `named` ones (X6), as nobody else will. After `destroyOrphans` and before any launch;
   * need not be waited for, as it looks once, at once. Never rejects.
   */
  async removeForgotten(named: ReadonlySet<ContainerId>): Promise<void> {
    const forgotten = this.directories().filter((containerId) => !named.has(containerId));
    if (forgotten.length === 0) return;
    this.options.log.write('info', 'Removing forgotten sandboxes', { containerCount: forgotten.length });
    await this.removeAll(forgotten);
  }

  launch(spec: ContainerSpec, handlers: ContainerHandlers): void {
    const abort = new AbortController();
    this.containers.set(spec.containerId, { phase: 'preparing', abort, handlers });
    this.prepareAndStart(spec, handlers, abort.signal).catch((error: unknown) => {
      this.containers.delete(spec.containerId);
      if (!this.closed) handlers.failed(abort.signal.aborted ? 'Destroyed while it was being prepared' : error instanceof Error ? error.message : String(error));
    });
  }

  reattach(containerId: ContainerId, pid: number, startedAt: string, handlers: ReattachHandlers): void {
    const { clock } = this.options;
    let cancelPoll: Cancel = () => undefined;
    let watcher: FSWatcher | undefined;
    const stopWatching = (): void => {
      cancelPoll();
      watcher?.close();
    };
    let isFound = false;
    const look = (): void => {
      cancelPoll();
      if (isSameProcess(pid, startedAt)) {
        cancelPoll = clock.schedule(reattachedPollMs, look);
        if (!isFound) handlers.found(ageMsOf(startedAt));
        isFound = true;
        return;
      }
      stopWatching();
      this.finish(containerId, pid, this.readExit(containerId) ?? {});
    };
    this.containers.set(containerId, { phase: 'running', pid, stopWatching, ended: handlers.ended });
    try {
      // The exit file appears the moment the command ends; the poll is for ends that leave none (SIGKILL to the whole group).
      watcher = watch(this.directory(containerId), () => {
        cancelPoll();
        cancelPoll = clock.schedule(dyingPollMs, look);
      });
      watcher.on('error', () => watcher?.close());
    } catch {
      // No directory or no inotify: the poll does.
    }
    cancelPoll = clock.schedule(0, look);
  }

  signal(containerId: ContainerId, signal: 'SIGTERM' | 'SIGKILL'): void {
    const container = this.containers.get(containerId);
    if (container?.phase === 'running') signalGroup(container.pid, signal);
  }

  destroy(containerId: ContainerId): void {
    const container = this.containers.get(containerId);
    if (!container) return;
    if (container.phase === 'preparing') {
      container.abort.abort();
      return;
    }
    if (container.killing) return;
    const kill = (): void => {
      signalGroup(container.pid, 'SIGKILL');
      container.killing = this.options.clock.schedule(killRepeatMs, kill);
    };
    kill();
  }

  readSandbox(containerId: ContainerId, stream: SandboxStream, offset: number, lengthMax: number, done: (outcome: SandboxRead) => void): void {
    readPart(join(this.sandbox(containerId), stream), offset, lengthMax).then(done, (error: unknown) => {
      const code = (error as NodeJS.ErrnoException).code;
      done({ ok: false, message: code === 'ENOENT' ? `There is no ${stream} of this task (any more)` : `Cannot read ${stream}: ${String(error)}` });
    });
  }

  removeSandbox(containerId: ContainerId): void {
    void this.removeAll([containerId]);
  }

  close(): void {
    this.closed = true;
    for (const container of this.containers.values()) {
      if (container.phase === 'preparing') {
        container.abort.abort();
      } else {
        container.stopWatching();
        container.killing?.();
      }
    }
    this.containers.clear();
  }

  private async prepareAndStart(spec: ContainerSpec, handlers: ContainerHandlers, signal: AbortSignal): Promise<void> {
    // C3, and so that the caller has finished its turn.
    await Promise.resolve();
    const sandbox = this.sandbox(spec.containerId);
    mkdirSync(sandbox, { recursive: true, mode: 0o750 });
    const owner = this.owner(spec.user);
    if (owner) await this.handOver(spec.containerId, owner);
    for (const uri of spec.command.uris) await fetchUri(uri, sandbox, signal, owner);
    signal.throwIfAborted();
    const child = this.start(spec, sandbox, owner);
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(new Error(`Cannot start the command: ${error.message}`)));
    });
    const { pid } = child;
    if (pid === undefined) throw new Error('Cannot start the command: it has no process id');
    const onExit = (status: number | null, exitSignal: NodeJS.Signals | null): void => {
      // The supervisor itself was killed (with the whole group), or it reports the command's status.
      this.finish(spec.containerId, pid, exitSignal === null ? exitOf(status ?? 0) : { signal: exitSignal });
    };
    child.once('exit', onExit);
    this.containers.set(spec.containerId, { phase: 'running', pid, stopWatching: () => child.off('exit', onExit), ended: (exit) => handlers.ended(exit) });
    // The start time is read while the process is ours: its pid cannot have been reused, at worst it is a zombie already.
    handlers.started(pid, processStartTime(pid) ?? '0');
    if (signal.aborted) this.destroy(spec.containerId);
  }

  /** X3. Before anything is fetched, as that user. The supervisor runs as that user too: what it is to write must be that user's. */
  private async handOver(containerId: ContainerId, { uid, gid }: Owner): Promise<void> {
    await chmod(join(this.options.workDir, 'containers'), 0o711);
    const directory = this.directory(containerId);
    await chown(directory, uid, gid);
    await chown(this.sandbox(containerId), uid, gid);
  }

  private start(spec: ContainerSpec, sandbox: string, owner: Owner | undefined): ChildProcess {
    const { command } = spec;
    const program = command.shell ? ['/bin/sh', '-c', command.value ?? ''] : [command.value ?? '', ...command.arguments.slice(1)];
    const outputs: number[] = [];
    try {
      for (const stream of ['stdout', 'stderr'] satisfies SandboxStream[]) outputs.push(openRegularFile(join(sandbox, stream), outputFlags, 0o640));
      // `/dev/stderr` is opened anew by whoever writes to it.
      if (owner) for (const output of outputs) fchownSync(output, owner.uid, owner.gid);
      const child = spawn('/bin/sh', ['-c', supervisor, 'allot-supervisor', join(this.directory(spec.containerId), 'exit'), join(this.directory(spec.containerId), 'pid'), ...program], {
        cwd: sandbox,
        detached: true,
        stdio: ['ignore', ...outputs],
        ...owner,
        env: {
          PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
          HOME: sandbox,
          ...(process.env['LANG'] !== undefined && { LANG: process.env['LANG'] }),
          ...Object.fromEntries(spec.environment),
          MESOS_SANDBOX: sandbox,
          MESOS_DIRECTORY: sandbox,
        },
      });
      // The container outlives us; it must not keep our process from ending.
      child.unref();
      return child;
    } finally {
      for (const output of outputs) closeSync(output);
    }
  }

  /** The command has ended: end what it left behind in its group, and tell once nothing is left (C2). */
  private finish(containerId: ContainerId, pid: number, exit: ContainerExit): void {
    const container = this.containers.get(containerId);
    if (this.closed || container?.phase !== 'running' || container.pid !== pid) return;
    if (isGroupAlive(pid)) {
      signalGroup(pid, 'SIGKILL');
      this.options.clock.schedule(dyingPollMs, () => this.finish(containerId, pid, exit));
      return;
    }
    container.killing?.();
    container.stopWatching();
    this.containers.delete(containerId);
    container.ended(exit);
  }

  private owner(user: string): Owner | undefined {
    if (user === '' || !this.options.switchUser || process.getuid?.() !== 0) return undefined;
    const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((candidate) => candidate.startsWith(`${user}:`));
    const [, , uid, gid] = line?.split(':') ?? [];
    if (uid === undefined || gid === undefined) throw new Error(`Cannot run as user ${JSON.stringify(user)}: this agent knows no such user`);
    return { uid: Number(uid), gid: Number(gid) };
  }

  /** Of all containers of all lives. */
  private directories(): readonly ContainerId[] {
    const directory = join(this.options.workDir, 'containers');
    if (!existsSync(directory)) return []; // Nothing was ever launched.
    return readdirSync(directory).flatMap((name) => {
      const id = checkContainerId(name);
      return id.ok ? [id.value] : [];
    });
  }

  private async endOrphan(containerId: ContainerId): Promise<void> {
    const pid = this.orphanPid(containerId);
    if (pid === undefined) return;
    this.options.log.write('warn', 'Orphan container destroyed', { containerId, pid });
    while (isGroupAlive(pid)) {
      signalGroup(pid, 'SIGKILL');
      await new Promise<void>((resolve) => void this.options.clock.schedule(dyingPollMs, resolve));
    }
  }

  /** One after the other: an old work directory may have thousands. Never rejects: what could not be removed is tried again by the next life. */
  private async removeAll(containerIds: readonly ContainerId[]): Promise<void> {
    for (const containerId of containerIds) {
      await rm(this.directory(containerId), { recursive: true, force: true }).catch((error: unknown) => {
        this.options.log.write('warn', 'Sandbox not removed, the next start of the agent tries again', { containerId, error: String(error) });
      });
    }
  }

  /** The supervisor's pid, if it still runs and is the supervisor of just this container (its command line says so: pids are reused). */
  private orphanPid(containerId: ContainerId): number | undefined {
    try {
      const pid = Number(readSmallFile(join(this.directory(containerId), 'pid'), numberBytesMax));
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return commandLine.includes(join(this.directory(containerId), 'exit')) ? pid : undefined;
    } catch {
      // No pid file or no such process.
      return undefined;
    }
  }

  private readExit(containerId: ContainerId): ContainerExit | undefined {
    try {
      const text = readSmallFile(join(this.directory(containerId), 'exit'), numberBytesMax).trim();
      return /^\d{1,3}$/.test(text) ? exitOf(Number(text)) : undefined;
    } catch {
      // Killed together with its supervisor, or the machine went down, or the command put something else there: nobody saw the end.
      return undefined;
    }
  }

  private directory(containerId: ContainerId): string {
    return join(this.options.workDir, 'containers', containerId);
  }

  private sandbox(containerId: ContainerId): string {
    return join(this.directory(containerId), 'sandbox');
  }
}

const outputFlags = fsConstants.O_WRONLY | fsConstants.O_CREAT | fsConstants.O_APPEND;
/** Of `pid` and `exit`: more than either ever has. */
const numberBytesMax = 32;

const signalNames = new Map<number, string>(Object.entries(osConstants.signals).map(([name, number]) => [number, name]));

/** A shell reports "ended by signal n" as status 128 + n. */
function exitOf(status: number): ContainerExit {
  const signal = status > 128 ? signalNames.get(status - 128) : undefined;
  return signal === undefined ? { status } : { signal };
}

function signalGroup(processGroup: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-processGroup, signal);
  } catch {
    // ESRCH: it has just ended, which is what was wanted.
  }
}

async function readPart(path: string, offset: number, lengthMax: number): Promise<SandboxRead> {
  const file = await open(path, fsConstants.O_RDONLY | fsConstants.O_NOFOLLOW | fsConstants.O_NONBLOCK); // X5
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return { ok: false, message: `${basename(path)} of this task is no file any more` };
    const { size } = stat;
    const start = offset < 0 ? Math.max(0, size + offset) : Math.min(offset, size);
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(lengthMax, size - start)));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    return { ok: true, offset: start, data: buffer.subarray(0, bytesRead), size };
  } finally {
    await file.close();
  }
}
