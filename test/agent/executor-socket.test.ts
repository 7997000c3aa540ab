// Proves S1 to S3 of the executor socket's place.
//
// How: real directories below a temporary one.

import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { prepareExecutorSocket, socketPathBytesMax } from '../../agent/executor-socket';

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
