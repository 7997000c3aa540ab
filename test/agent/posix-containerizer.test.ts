// The posix containerizer with real processes: what its port promises (C1-C3), shown by starting, signalling, killing and taking over.
//
// How: real shells in a temporary work directory; waiting is for the callbacks that the port promises, never for a time.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { PosixContainerizer } from '../../agent/posix-containerizer';
import { isGroupAlive } from '../../agent/process-table';
import type { ContainerExit, ContainerSpec } from '../../agent/core/agent-step';
import { createEnvironment } from '../../common/environment';
import { containerId, executorId, frameworkId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import type { Log } from '../../common/ports';

const silentLog: Log = { write: () => undefined, child: () => silentLog };

interface Outcome {
  readonly started?: { readonly pid: number; readonly startedAt: string };
  readonly failed?: string;
  readonly exit?: ContainerExit;
}

describe('PosixContainerizer', () => {
  let workDir: string;
  let containerizer: PosixContainerizer;
  let count = 0;

  beforeEach(() => {
    workDir = mkdtempSync(join(tmpdir(), 'allot-containerizer-'));
    containerizer = newContainerizer();
  });
  afterEach(() => {
    containerizer.close();
    rmSync(workDir, { recursive: true, force: true });
  });

  function newContainerizer(switchUser = false): PosixContainerizer {
    return new PosixContainerizer({ workDir, clock: createEnvironment().clock, log: silentLog, switchUser });
  }

  function aSpec(shellText: string, spec: Partial<ContainerSpec> = {}): ContainerSpec {
    count += 1;
    return {
      containerId: containerId(`c-${count}`),
      frameworkId: frameworkId('f'),
      executorId: executorId('e'),
      command: { uris: [], environment: [], value: shellText, shell: true, arguments: [] },
      environment: new Map([['GREETING', 'hello']]),
      user: '',
      resources: Resources.empty,
      ...spec,
    };
  }

  /** Launches and runs `onStarted` when started; resolves with how it went once it is over. */
  function run(spec: ContainerSpec, onStarted: (pid: number, startedAt: string) => void = () => undefined): Promise<Outcome> {
    return new Promise((resolve) => {
      let started: { pid: number; startedAt: string } | undefined;
      containerizer.launch(spec, {
        started: (pid, startedAt) => {
          started = { pid, startedAt };
          onStarted(pid, startedAt);
        },
        failed: (failed) => resolve({ failed }),
        ended: (exit) => resolve({ ...(started && { started }), exit }),
      });
    });
  }

  const sandboxFile = (spec: ContainerSpec, name: string): string => join(workDir, 'containers', spec.containerId, 'sandbox', name);

  /** Resolves when `claim` holds, looked at whenever the event loop comes round. */
  async function until(claim: () => boolean): Promise<void> {
    while (!claim()) await new Promise((resolve) => setImmediate(resolve));
  }

  test.each<[claim: string, shellText: string, exit: ContainerExit]>([
    ['a command that succeeds ends with status 0', 'exit 0', { status: 0 }],
    ['a command that fails ends with its status', 'exit 7', { status: 7 }],
    ['a status above the signals is a status', 'exit 250', { status: 250 }],
    ['a command that ends by a signal says which', 'kill -KILL $$', { signal: 'SIGKILL' }],
    ['a command that is not there ends with 127', 'no-such-program-anywhere 2>/dev/null', { status: 127 }],
    ['a command may be interrupted, as anywhere', 'kill -INT $$; echo survived', { signal: 'SIGINT' }],
    ['a command may be made to quit, as anywhere', 'ulimit -c 0; kill -QUIT $$; echo survived', { signal: 'SIGQUIT' }],
    ['a command may handle what it is interrupted with, and its supervisor outlives it', 'trap "exit 5" INT; kill -INT 0; sleep 600', { status: 5 }],
    ['a command may signal all that it started', 'trap "exit 6" USR1; kill -USR1 0; sleep 600', { status: 6 }],
  ])('%s', async (_claim, shellText, exit) => {
    expect((await run(aSpec(shellText))).exit).toEqual(exit);
  });

  test('what a command prints is in its sandbox, and can be read in parts from either end', async () => {
    const spec = aSpec('echo "$GREETING from $PWD"; echo trouble >&2');
    await run(spec);
    expect(readFileSync(sandboxFile(spec, 'stdout'), 'utf8')).toBe(`hello from ${join(workDir, 'containers', spec.containerId, 'sandbox')}\n`);
    const read = (stream: 'stdout' | 'stderr', offset: number): Promise<string> =>
      new Promise((resolve) => {
        containerizer.readSandbox(spec.containerId, stream, offset, 100, (outcome) => resolve(outcome.ok ? Buffer.from(outcome.data).toString() : outcome.message));
      });
    expect(await read('stderr', 0)).toBe('trouble\n');
    expect(await read('stderr', -3)).toBe('le\n');
    expect(await read('stdout', 10_000)).toBe('');
  });

  test.each<[claim: string, replace: string]>([
    ['a link', 'ln -sf /etc/hostname stdout'],
    ['a pipe', 'rm stdout; mkfifo stdout'],
    ['a folder', 'rm stdout; mkdir stdout'],
  ])('a command that puts %s in the place of its output is not read through it', async (_claim, replace) => {
    const spec = aSpec(replace);
    expect((await run(spec)).exit).toEqual({ status: 0 });
    const outcome = await new Promise<{ readonly ok: boolean }>((resolve) => containerizer.readSandbox(spec.containerId, 'stdout', 0, 100, resolve));
    expect(outcome.ok).toBe(false);
  });

  test.each<[claim: string, make: string]>([
    ['a pipe', 'mkfifo stdout'],
    ['a link', 'ln -s /etc/hostname stdout'],
    ['a second name of another file', 'echo x > file; ln file stdout'],
  ])('an archive that brings %s in the place of the output fails its own launch, and keeps the agent from nothing', async (_claim, make) => {
    const pack = join(workDir, 'pack');
    mkdirSync(pack);
    expect(spawnSync('/bin/sh', ['-c', `${make}; tar -cf ../pack.tar .`], { cwd: pack }).status).toBe(0);
    const spec = aSpec('exit 0');
    const uri = { value: join(workDir, 'pack.tar'), executable: false, extract: true, cache: false };
    expect((await run({ ...spec, command: { ...spec.command, uris: [uri] } })).failed).toMatch(/stdout/);
  });

  test('arguments without a shell reach the program as they are', async () => {
    const spec = aSpec('', { command: { uris: [], environment: [], value: '/bin/echo', shell: false, arguments: ['echo', 'a  b', '$HOME', '*'] } });
    expect((await run(spec)).exit).toEqual({ status: 0 });
    expect(readFileSync(sandboxFile(spec, 'stdout'), 'utf8')).toBe('a  b $HOME *\n');
  });

  test.each(['exit', 'exec', 'no-such-program'])('a program called %s is looked for, not done by the supervisor, and that it is not there is said in its stderr', async (value) => {
    const spec = aSpec('', { command: { uris: [], environment: [], value, shell: false, arguments: [value, '0'] } });
    expect((await run(spec)).exit).toEqual({ status: 127 });
    expect(readFileSync(sandboxFile(spec, 'stderr'), 'utf8')).toMatch(`${value}: not found`);
    expect(readFileSync(join(workDir, 'containers', spec.containerId, 'exit'), 'utf8')).toBe('127\n');
  });

  test('the end of a command by a signal is not commented in its stderr, of which it has but the one', async () => {
    const spec = aSpec('[ -e /proc/$$/fd/3 ] || echo closed; kill -TERM $$');
    expect((await run(spec)).exit).toEqual({ signal: 'SIGTERM' });
    expect([readFileSync(sandboxFile(spec, 'stdout'), 'utf8'), readFileSync(sandboxFile(spec, 'stderr'), 'utf8')]).toEqual(['closed\n', '']);
  });

  test('SIGTERM reaches the command and not its supervisor: the status is the one that the command chose', async () => {
    const spec = aSpec('trap "exit 5" TERM; echo ready; while :; do sleep 0.01; done');
    const over = run(spec);
    await until(() => existsSync(sandboxFile(spec, 'stdout')) && readFileSync(sandboxFile(spec, 'stdout'), 'utf8') === 'ready\n');
    containerizer.signal(spec.containerId, 'SIGTERM');
    expect((await over).exit).toEqual({ status: 5 });
  });

  test('a command that ends takes what it left in the background with it, before its end is told', async () => {
    const outcome = await run(aSpec('sleep 600 & sleep 600 & exit 3'));
    expect(outcome.exit).toEqual({ status: 3 });
    expect(isGroupAlive(outcome.started?.pid ?? 0)).toBe(false);
  });

  test('destroying ends a command that ignores every polite signal', async () => {
    const spec = aSpec('trap "" TERM INT HUP; while :; do sleep 0.01; done');
    const outcome = await run(spec, () => containerizer.destroy(spec.containerId));
    expect(outcome.exit).toEqual({ signal: 'SIGKILL' });
    expect(isGroupAlive(outcome.started?.pid ?? 0)).toBe(false);
  });

  test('destroying a launch that is still being prepared makes it fail, and nothing runs', async () => {
    const spec = aSpec('echo ran');
    const over = run(spec);
    containerizer.destroy(spec.containerId);
    expect((await over).failed).toMatch('Destroyed while it was being prepared');
    expect(existsSync(sandboxFile(spec, 'stdout'))).toBe(false);
  });

  test('a URI that cannot be fetched fails the launch and names the URI', async () => {
    const spec = aSpec('exit 0');
    const uri = { value: '/no/such/file', executable: false, extract: true, cache: false };
    expect((await run({ ...spec, command: { ...spec.command, uris: [uri] } })).failed).toMatch('Cannot fetch "/no/such/file"');
  });

  test('a fetched executable lies in the sandbox and runs', async () => {
    const tool = join(workDir, 'tool');
    writeFileSync(tool, '#!/bin/sh\nexit 9\n');
    const spec = aSpec('./renamed');
    const uri = { value: `file://${tool}`, executable: true, extract: true, cache: false, outputFile: 'renamed' };
    expect((await run({ ...spec, command: { ...spec.command, uris: [uri] } })).exit).toEqual({ status: 9 });
  });

  test('a command in the name of another user reaches its sandbox by path and leaves its status, so that its end is not lost with the agent', async () => {
    // Only root can switch; for others the agent's own user is the one that has to work.
    const user = process.getuid?.() === 0 ? 'nobody' : userInfo().username;
    chmodSync(workDir, 0o755);
    containerizer.close();
    containerizer = newContainerizer(true);
    const spec = aSpec('cd / && cd "$MESOS_SANDBOX" && id -un && echo warned > /dev/stderr && exit 5', { user });
    expect((await run(spec)).exit).toEqual({ status: 5 });
    expect([readFileSync(sandboxFile(spec, 'stdout'), 'utf8'), readFileSync(sandboxFile(spec, 'stderr'), 'utf8')]).toEqual([`${user}\n`, 'warned\n']);
    expect(readFileSync(join(workDir, 'containers', spec.containerId, 'exit'), 'utf8')).toBe('5\n');
  });

  test.each(['ends while an agent watches', 'ended while no agent was there'])('a container of an earlier life that %s tells its status', async (when) => {
    const spec = aSpec('while [ ! -e go ]; do sleep 0.01; done; exit 4');
    const started = await new Promise<{ pid: number; startedAt: string }>((resolve) => void run(spec, (pid, startedAt) => resolve({ pid, startedAt })));
    containerizer.close();
    const go = (): void => writeFileSync(sandboxFile(spec, 'go'), '');
    if (when.includes('no agent')) {
      go();
      await until(() => !isGroupAlive(started.pid));
    }
    containerizer = newContainerizer();
    const ages: number[] = [];
    const found = (ageMs: number): void => {
      ages.push(ageMs);
      go();
    };
    const exit = new Promise<ContainerExit>((ended) => containerizer.reattach(spec.containerId, started.pid, started.startedAt, { found, ended }));
    expect(await exit).toEqual({ status: 4 });
    expect(ages).toEqual(when.includes('no agent') ? [] : [expect.any(Number)]);
    expect(Math.max(0, ...ages)).toBeLessThan(60_000);
  });

  test.each<[claim: string, replace: string]>([
    ['a pipe', 'mkfifo'],
    ['a link', 'ln -s /proc/uptime'],
    ['words', 'f() { echo words > "$1"; }; f'],
  ])('a command that puts %s in the place of its exit status has ended unseen, and does not keep the next life of the agent waiting', async (_claim, make) => {
    const spec = aSpec(`while [ ! -e go ]; do sleep 0.01; done; ${make} ../exit; kill -KILL 0`);
    const started = await new Promise<{ pid: number; startedAt: string }>((resolve) => void run(spec, (pid, startedAt) => resolve({ pid, startedAt })));
    containerizer.close();
    writeFileSync(sandboxFile(spec, 'go'), '');
    await until(() => !isGroupAlive(started.pid));
    containerizer = newContainerizer();
    expect(await new Promise<ContainerExit>((ended) => containerizer.reattach(spec.containerId, started.pid, started.startedAt, { found: () => undefined, ended }))).toEqual({});
  });

  test('a pipe in the place of a pid file does not keep an agent from starting', async () => {
    const directory = join(workDir, 'containers', 'c-pipe');
    mkdirSync(directory, { recursive: true });
    expect(spawnSync('mkfifo', [join(directory, 'pid')]).status).toBe(0);
    await containerizer.destroyOrphans(new Set());
  });

  test('directories of containers that nobody knows any more are removed, the others stay', async () => {
    const [named, forgotten] = [aSpec('exit 0'), aSpec('mkdir -p a/b; touch a/b/c')];
    await Promise.all([run(named), run(forgotten)]);
    await containerizer.removeForgotten(new Set([named.containerId]));
    expect(existsSync(join(workDir, 'containers', forgotten.containerId))).toBe(false);
    expect(existsSync(sandboxFile(named, 'stdout'))).toBe(true);
  });

  test('a container that an earlier life did not live to remember is ended; one that it remembers is left alone', async () => {
    const [known, orphan] = [aSpec('sleep 600'), aSpec('sleep 600')];
    const pids = await Promise.all([known, orphan].map((spec) => new Promise<number>((resolve) => void run(spec, resolve))));
    await until(() => existsSync(join(workDir, 'containers', orphan.containerId, 'pid')) && existsSync(join(workDir, 'containers', known.containerId, 'pid')));
    containerizer.close();
    containerizer = newContainerizer();
    await containerizer.destroyOrphans(new Set([known.containerId]));
    expect(pids.map((pid) => isGroupAlive(pid))).toEqual([true, false]);
    process.kill(-(pids[0] ?? 0), 'SIGKILL');
  });
});
