// Proves what `allot local` rests on: a child is known by what it logs, its last words are told, and it is gone when it has to be.
//
// How: real Node processes of a line or two; waiting is for what they log or for their end.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { LocalProcess } from '../../cli/local-process';
import { createEnvironment } from '../../common/environment';

const { clock } = createEnvironment();
const never = new AbortController().signal;
let directory: string;
let started: LocalProcess[] = [];

beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'allot-local-'))));
afterEach(async () => {
  await Promise.all(started.map((child) => child.stop('SIGKILL', 0)));
  started = [];
  rmSync(directory, { recursive: true, force: true });
});

function start(code: string): LocalProcess {
  const child = new LocalProcess('agent-1', ['-e', code], join(directory, 'logs', 'agent-1.log'), clock);
  started.push(child);
  return child;
}
const line = (fields: object): string => `console.error(${JSON.stringify(JSON.stringify(fields))});`;
const stay = 'setInterval(() => {}, 1e6);';

test('it is ready when it logs the line, whose fields are told', async () => {
  const child = start(`console.error('not a log line'); ${line({ message: 'Other' })} ${line({ message: 'Master serving', address: 'a:1' })} ${stay}`);
  expect(await child.logged('Master serving', never)).toEqual({ message: 'Master serving', address: 'a:1' });
  expect(child.isRunning).toBe(true);
});

test('one that gives up is told in its own last words, with the place of its log', async () => {
  const child = start(`${line({ message: 'Agent starting' })} console.error('allot: Cannot start as the port is taken'); process.exitCode = 1;`);
  await expect(child.logged('Agent registered', never)).rejects.toThrow(
    `Cannot keep the local cluster running: the agent-1 ended with status 1: allot: Cannot start as the port is taken (see ${join(directory, 'logs', 'agent-1.log')})`,
  );
});

test('one that does not heed a polite signal is killed after its grace', async () => {
  const child = start(`process.on('SIGTERM', () => {}); ${line({ message: 'Up' })} ${stay}`);
  await child.logged('Up', never);
  await child.stop('SIGTERM', 50);
  expect(await child.ended).toEqual({ status: null, signal: 'SIGKILL' });
  expect(child.failure().message).toContain('was ended by SIGKILL');
});

test('waiting for a line can be given up', async () => {
  const stop = new AbortController();
  const waiting = start(stay).logged('Never', stop.signal);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});
