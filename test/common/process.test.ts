// Proves P1 to P4: exit status, last words and signals; first with a process that only records, then with real ones.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { buildSync } from 'esbuild';

import { AllotError } from '../../common/errors';
import { invariant } from '../../common/invariant';
import { isUnread, runMain, type Main, type MainProcess, type StopSignal } from '../../common/process';
import { settle } from './fake-environment';

function aProcess() {
  const listeners = new Map<StopSignal, Set<() => void>>();
  let uncaught: ((error: unknown) => void) | undefined;
  const statuses: number[] = [];
  let errors = '';
  let outputError: Error | undefined;
  const output = (take: (text: string) => void) => ({
    writable: true,
    write(text: string | Uint8Array, done?: (error?: Error) => void) {
      if (outputError === undefined) take(text.toString());
      if (done !== undefined) setImmediate(() => done(outputError));
    },
    on: () => undefined,
  });
  const host: MainProcess = {
    onSignal(signal, listener) {
      const set = listeners.get(signal) ?? new Set();
      listeners.set(signal, set.add(listener));
      return () => set.delete(listener);
    },
    onUncaught(listener) {
      uncaught = listener;
    },
    exit: (status) => statuses.push(status),
    stdout: output(() => undefined),
    stderr: output((text) => {
      errors += text;
    }),
  };
  return {
    host,
    statuses,
    errors: () => errors,
    signal: (signal: StopSignal) => [...(listeners.get(signal) ?? [])].forEach((listener) => listener()),
    failOutput: (code: string) => {
      outputError = Object.assign(new Error(`write ${code}`), { code });
    },
    throwUncaught: (error: unknown) => uncaught?.(error),
    listenerCount: () => [...listeners.values()].reduce((sum, set) => sum + set.size, 0),
  };
}

const failure = new AllotError({ code: 'DIRECTORY_LOCKED', directory: '/d', pid: 7 });

test.each<[claim: string, main: Main, status: number, errors: RegExp]>([
  ['work that ends well exits 0 and says nothing', async () => undefined, 0, /^$/],
  ['a status that the work returns is the exit status', async () => 3, 3, /^$/],
  ['a failure of the world is one line and exit 1', async () => Promise.reject(failure), 1, /^allot agent: Cannot use the directory \/d: .*\n$/],
  ['a bug is a stack and exit 70', async () => invariant(false, 'One and one is three'), 70, /^allot agent: this is a bug.*\nBugError: One and one is three\n +at /],
  ['an unknown error is a bug', async () => Promise.reject(new TypeError('x is not a function')), 70, /TypeError: x is not a function\n +at /],
  ['a cause is told too', async () => Promise.reject(new Error('outer', { cause: new Error('inner') })), 70, /Caused by: Error: inner\n +at /],
  ['something thrown that is no error is told', async () => Promise.reject('words'), 70, /this is a bug.*\nwords\n$/],
  [
    'an error before the first await is treated alike',
    () => {
      throw failure;
    },
    1,
    /^allot agent: Cannot use/,
  ],
])('%s', async (_claim, main, status, errors) => {
  const process = aProcess();
  runMain('allot agent', main, process.host);
  await settle();
  expect(process.statuses).toEqual([status]);
  expect(process.errors()).toMatch(errors);
  expect(process.listenerCount()).toBe(0);
});

test.each<[StopSignal, number]>([
  ['SIGTERM', 143],
  ['SIGINT', 130],
])('%s aborts the signal of the work; work that gives up because of it exits %d, quietly', async (name, status) => {
  const process = aProcess();
  runMain('allot agent', (stop) => new Promise((_resolve, reject) => stop.addEventListener('abort', () => reject(stop.reason))), process.host);
  process.signal(name);
  await settle();
  expect(process.statuses).toEqual([status]);
  expect(process.errors()).toBe('');
});

test('work that ends in order after a signal decides the status itself', async () => {
  const process = aProcess();
  runMain('allot agent', (stop) => new Promise((resolveMain) => stop.addEventListener('abort', () => resolveMain(0))), process.host);
  process.signal('SIGTERM');
  await settle();
  expect(process.statuses).toEqual([0]);
});

test('a second signal forces the end with 130, and what the work does later changes nothing', async () => {
  const process = aProcess();
  let finish = (): void => undefined;
  runMain('allot agent', () => new Promise((resolveMain) => (finish = () => resolveMain(0))), process.host);
  process.signal('SIGTERM');
  await settle();
  expect(process.statuses).toEqual([]);
  process.signal('SIGINT');
  finish();
  await settle();
  expect(process.statuses).toEqual([130]);
});

test('an error that nobody catches ends the process as well', async () => {
  const process = aProcess();
  runMain('allot agent', () => new Promise(() => undefined), process.host);
  process.throwUncaught(new Error('lost'));
  await settle();
  expect(process.statuses).toEqual([70]);
  expect(process.errors()).toMatch(/Error: lost\n/);
});

test('giving up without a signal is a bug, not a stop', async () => {
  const process = aProcess();
  runMain('allot agent', async () => Promise.reject(AbortSignal.abort().reason), process.host);
  await settle();
  expect(process.statuses).toEqual([70]);
});

test('when nobody reads what the work writes it is stopped, and the status is 141 without a word, whatever the work makes of it', async () => {
  for (const makeOfIt of [async () => 0, async (stop: AbortSignal) => stop.throwIfAborted()]) {
    const process = aProcess();
    process.failOutput('EPIPE');
    runMain(
      'allot logs',
      async (stop, { print }) => {
        await print('a line');
        expect([stop.aborted, isUnread(stop)]).toEqual([true, true]);
        return await makeOfIt(stop);
      },
      process.host,
    );
    await settle();
    await settle();
    expect(process.statuses).toEqual([141]);
    expect(process.errors()).toBe('');
  }
});

test('a reader that is found gone only while the last words are written counts as well', async () => {
  const process = aProcess();
  process.failOutput('EPIPE');
  runMain('allot tasks', async (_stop, { print }) => (void print('all at once'), 0), process.host);
  await settle();
  await settle();
  expect(process.statuses).toEqual([141]);
});

test('an output that takes nothing for another reason is a failure of the world', async () => {
  const process = aProcess();
  process.failOutput('ENOSPC');
  runMain('allot tasks', async (_stop, { print }) => await print('a line'), process.host);
  await settle();
  await settle();
  expect(process.statuses).toEqual([1]);
});

describe('a real process', () => {
  let directory = '';
  let script = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'allot-process-'));
    script = join(directory, 'main.js');
    const contents = `
      import { runMain } from './common/process';
      import { AllotError } from './common/errors';
      runMain('test', async (stop, outputs) => {
        switch (process.argv[2]) {
          case 'fail': throw new AllotError({ code: 'OPERATION_FAILED', action: 'fly', detail: 'no wings' });
          case 'lost': setTimeout(() => { throw new Error('from a timer') }, 0); return new Promise(() => undefined);
          case 'large': process.stdout.write('x'.repeat(1_000_000)); return 5;
          case 'endless': while (!stop.aborted) await outputs.print('x'.repeat(10_000)); throw stop.reason;
        }
        const alive = setInterval(() => undefined, 1_000);
        stop.addEventListener('abort', () => {
          process.stdout.write('stopping\\n');
          if (process.argv[2] === 'orderly') clearInterval(alive);
        });
        process.stdout.write('ready\\n');
        await new Promise((resolve) => { if (process.argv[2] === 'orderly') stop.addEventListener('abort', resolve); });
      });`;
    buildSync({ stdin: { contents, resolveDir: resolve(__dirname, '../..'), loader: 'ts' }, bundle: true, platform: 'node', outfile: script, logLevel: 'error' });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function run(mode: string, react: (line: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined) {
    const child = spawn(process.execPath, [script, mode], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      react(data.toString(), (signal) => child.kill(signal));
    });
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, output, errors };
  }

  test('tells a failure in one line and exits 1', async () => {
    expect(await run('fail')).toEqual({ status: 1, output: '', errors: 'test: Cannot fly: no wings\n' });
  });

  test('tells an error thrown from a timer with its stack and exits 70', async () => {
    const { status, errors } = await run('lost');
    expect(status).toBe(70);
    expect(errors).toMatch(/Error: from a timer\n +at /);
  });

  test('loses nothing of a large output to a pipe', async () => {
    const { status, output } = await run('large');
    expect(status).toBe(5);
    expect(output).toHaveLength(1_000_000);
  });

  test('whose reader goes away ends by itself, without a word', async () => {
    const child = spawn(process.execPath, [script, 'endless'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
    child.stdout.once('data', () => child.stdout.destroy());
    const [status] = (await once(child, 'close')) as [number | null];
    expect([status, errors]).toEqual([141, '']);
  });

  test('ends in order on SIGTERM', async () => {
    expect(await run('orderly', (line, kill) => line.includes('ready') && kill('SIGTERM'))).toEqual({ status: 0, output: 'ready\nstopping\n', errors: '' });
  });

  test('that hangs while stopping is forced by a second signal', async () => {
    const { status } = await run('hang', (line, kill) => kill(line.includes('ready') ? 'SIGTERM' : 'SIGINT'));
    expect(status).toBe(130);
  });
});
