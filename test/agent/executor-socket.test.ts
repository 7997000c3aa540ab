// Proves S1 to S4 of the executor socket's place.
//
// How: real directories below a temporary one, a real server, and a process that connects. Only root can make one of another user; elsewhere it is one
// of our own, for which the same has to work, and the modes say the rest.

import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { admitExecutors, prepareExecutorSocket, socketPathBytesMax } from '../../agent/executor-socket';
import { createEnvironment } from '../../common/environment';
import { RpcServer } from '../../proto/grpc-channel';

let top: string;
beforeEach(() => (top = mkdtempSync(join(tmpdir(), 'allot-'))));
afterEach(() => rmSync(top, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const longWorkDir = (): string => join(top, 'x'.repeat(120));

test('the socket lies in the work directory, which only the agent may look into', () => {
  const workDir = join(top, 'agent');
  expect(prepareExecutorSocket({ workDir, isForOtherUsers: false })).toBe(join(workDir, 'run', 'executors.sock'));
  expect(modeOf(join(workDir, 'run'))).toBe(0o700);
});

test('executors of other users may pass, and not look', () => {
  const workDir = join(top, 'agent');
  prepareExecutorSocket({ workDir, isForOtherUsers: false });
  prepareExecutorSocket({ workDir, isForOtherUsers: true });
  expect(modeOf(join(workDir, 'run'))).toBe(0o711);
});

/** What a process says that connects to the socket, as `nobody` if we may make one. */
function connect(path: string): Promise<string> {
  const program = `require('net').connect(process.argv[1]).on('connect', () => { console.log('connected'); process.exit(); }).on('error', (error) => console.log(error.code))`;
  const child = spawn(process.execPath, ['-e', program, path], { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'], ...(isRoot && { uid: 65_534, gid: 65_534 }) });
  return new Promise((resolve) => {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.on('close', () => resolve(said.trim()));
  });
}
const isRoot = process.getuid?.() === 0;

test.each<[claim: string, isForOtherUsers: boolean, mode: number, answer: string]>([
  ['an executor of another user can connect, whatever the umask of the agent', true, 0o666, 'connected'],
  ['where all executors are of the agent’s user, nobody else can connect', false, 0o600, isRoot ? 'EACCES' : 'connected'],
])('%s', async (_claim, isForOtherUsers, mode, answer) => {
  chmodSync(top, 0o755);
  mkdirSync(join(top, 'agent'));
  const path = prepareExecutorSocket({ workDir: join(top, 'agent'), isForOtherUsers });
  const server = new RpcServer(createEnvironment().clock);
  try {
    await server.listen(`unix:${path}`);
    admitExecutors(path, isForOtherUsers);
    expect([modeOf(path), await connect(path)]).toEqual([mode, answer]);
  } finally {
    await server.close(100);
  }
});

test('a long work directory has a short path elsewhere, the same in every life and another for every work directory', () => {
  const prepare = (workDir: string): string => prepareExecutorSocket({ workDir, isForOtherUsers: false, shortDirectory: top });
  const path = prepare(longWorkDir());
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(socketPathBytesMax);
  expect(path.startsWith(join(top, 'allot-'))).toBe(true);
  expect(prepare(longWorkDir())).toBe(path);
  expect(prepare(`${longWorkDir()}y`)).not.toBe(path);
  expect(modeOf(join(path, '..'))).toBe(0o700);
});

test('a directory that somebody else may have put there is refused, naming it', () => {
  const prepare = (): string => prepareExecutorSocket({ workDir: longWorkDir(), isForOtherUsers: false, shortDirectory: top });
  const directory = join(prepare(), '..');
  rmSync(directory, { recursive: true });
  mkdirSync(join(top, 'elsewhere'));
  symlinkSync(join(top, 'elsewhere'), directory);
  expect(prepare).toThrow(`Cannot prepare the directory ${directory} for the socket of executors: `);
});
