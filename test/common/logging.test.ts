// Proves W1 to W3 of logging: the two line formats, escaping, thresholds, children, targets and what happens when a target fails.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Writable } from 'node:stream';

import { buildSync } from 'esbuild';
import fc from 'fast-check';

import { memoryLog, openLog, type LogOptions } from '../../common/logging';
import type { LogLevel } from '../../common/ports';
import { fakeEnvironment } from './fake-environment';

/** A sink that takes everything at once, or holds it back. */
class Sink extends Writable {
  text = '';
  held: (() => void) | undefined;
  isHolding = false;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    if (this.isHolding) this.held = done;
    else done();
  }
  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

function aLog(options: Partial<LogOptions> = {}) {
  const sink = new Sink();
  const opened = openLog({ component: 'master', level: 'info', format: 'text', clock: fakeEnvironment().clock, target: { kind: 'stream', stream: sink }, ...options });
  return { ...opened, sink };
}

test('a text line has time, level, component, message and fields', () => {
  const { log, sink } = aLog();
  log.write('info', 'Offer rescinded', { offerId: 'm-O1', count: 3, reason: 'agent lost', absent: undefined });
  log.write('error', 'Nothing to say');
  expect(sink.lines).toEqual([
    '2026-01-01T00:00:00.000Z INFO  master  Offer rescinded {offerId=m-O1 count=3 reason="agent lost"}',
    '2026-01-01T00:00:00.000Z ERROR master  Nothing to say',
  ]);
});

test('a JSON line has the same as keys, and a field cannot forge them', () => {
  const { log, sink } = aLog({ format: 'json' });
  log.write('warn', 'Agent lost', { agentId: 'm-S1', level: 'info', error: new Error('reset'), roles: new Set(['a']), tasks: new Map([['t', 1]]), big: 7n });
  expect(JSON.parse(sink.text)).toEqual({
    time: '2026-01-01T00:00:00.000Z',
    level: 'warn',
    component: 'master',
    message: 'Agent lost',
    agentId: 'm-S1',
    error: 'reset',
    roles: ['a'],
    tasks: { t: 1 },
    big: '7',
  });
});

test.each<[LogLevel, LogLevel[]]>([
  ['error', ['error']],
  ['warn', ['error', 'warn']],
  ['info', ['error', 'warn', 'info']],
  ['debug', ['error', 'warn', 'info', 'debug']],
])('at level %s the lines %j are written', (level, written) => {
  const { log, sink } = aLog({ level, format: 'json' });
  for (const each of ['error', 'warn', 'info', 'debug'] as const) log.write(each, 'Line');
  expect(sink.lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(written);
});

test('a child has its own component and keeps the fields of its parents', () => {
  const { log, sink } = aLog();
  log.child('allocator', { masterId: 'm' }).child('drf', { role: 'web' }).write('info', 'Shares changed', { role: 'batch' });
  expect(sink.lines[0]).toMatch(/INFO {2}drf {2}Shares changed \{masterId=m role=batch\}$/);
});

test.each(['text', 'json'] as const)('whatever a %s field or message holds, one event is one line of printable characters', (format) => {
  const { log, sink } = aLog({ format });
  let events = 0;
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue())), (message, fields) => {
      log.write('info', message, { ...fields, forged: 'x\n2026-01-01T00:00:00.000Z ERROR master  Forged\u001b[2J\u0085' });
      events += 1;
      expect(sink.lines).toHaveLength(events);
      expect(sink.lines.at(-1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    }),
  );
});

test('a cyclic field costs its value, not the line', () => {
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  const { log, sink } = aLog();
  log.write('info', 'Odd', { cyclic });
  expect(sink.lines[0]).toMatch(/Odd \{cyclic="\[object Object\]"\}$/);
});

test('a target that does not keep up costs lines, which are counted, and no memory without bound (W2)', () => {
  const { log, sink } = aLog();
  sink.isHolding = true;
  const detail = 'x'.repeat(100_000);
  for (let line = 0; line < 200; line += 1) log.write('info', 'Large', { detail });
  const backlog = sink.writableLength;
  expect(backlog).toBeLessThan(8.5 * 1024 * 1024);
  sink.isHolding = false;
  sink.held?.();
  return new Promise<void>((done) => setImmediate(done)).then(() => {
    log.write('info', 'Back');
    expect(sink.lines.at(-2)).toMatch(/WARN {2}logging {2}Log lines dropped \{count=\d+\}$/);
    expect(sink.lines.at(-1)).toMatch(/Back$/);
    const dropped = Number(/count=(\d+)/.exec(sink.lines.at(-2) ?? '')?.[1]);
    expect(sink.lines.filter((line) => line.includes('Large'))).toHaveLength(200 - dropped);
  });
});

test('a target that fails harms nobody: logging goes quiet', async () => {
  const { log, sink, close } = aLog();
  log.write('info', 'Before');
  sink.destroy(new Error('EPIPE'));
  await new Promise((done) => setImmediate(done));
  expect(() => log.write('info', 'After')).not.toThrow();
  await close();
  expect(sink.lines).toHaveLength(1);
});

describe('to a file', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'allot-log-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('lines are appended to what is there, and all are there after close', async () => {
    const path = join(directory, 'allot.log');
    for (const run of ['first', 'second']) {
      const { log, close } = aLog({ target: { kind: 'file', path } });
      for (let line = 0; line < 500; line += 1) log.write('info', 'Line', { run, line });
      await close();
      log.write('info', 'Too late');
      await close();
    }
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(1_000);
    expect(lines.at(-1)).toMatch(/\{run=second line=499\}$/);
  });

  test('a path that cannot be opened is refused at once with a sentence', () => {
    expect(() => aLog({ target: { kind: 'file', path: join(directory, 'missing', 'allot.log') } })).toThrow(/^Cannot open the log file .*missing.*: ENOENT/);
  });

  test('winston is loaded with the first line that is written, not before (W3)', () => {
    const script = join(directory, 'main.js');
    const contents = `
      import { openLog } from './common/logging';
      import { createEnvironment } from './common/environment';
      const loaded = () => Object.keys(require.cache).some((path) => path.includes('/winston/'));
      const { log } = openLog({ component: 'x', level: 'info', format: 'text', clock: createEnvironment().clock });
      log.write('debug', 'Below the threshold');
      const before = loaded();
      log.write('info', 'Line');
      console.log(JSON.stringify([before, loaded()]));`;
    const root = resolve(__dirname, '../..');
    buildSync({ stdin: { contents, resolveDir: root, loader: 'ts' }, bundle: true, platform: 'node', packages: 'external', outfile: script, logLevel: 'error' });
    const output = execFileSync(process.execPath, [script], { encoding: 'utf8', env: { ...process.env, NODE_PATH: join(root, 'node_modules') }, stdio: ['ignore', 'pipe', 'ignore'] });
    expect(JSON.parse(output)).toEqual([false, true]);
  });
});

test('a memory log keeps lines of all levels and of children', () => {
  const log = memoryLog('agent');
  log.write('debug', 'One', { a: 1 });
  log.child('containerizer', { containerId: 'c' }).write('warn', 'Two');
  expect(log.lines).toEqual([
    { level: 'debug', component: 'agent', message: 'One', fields: { a: 1 } },
    { level: 'warn', component: 'containerizer', message: 'Two', fields: { containerId: 'c' } },
  ]);
});
