// Making directories: all levels, again, and an error instead of a hang where none can be made.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDirectory } from '../../common/make-directory';

const folder = mkdtempSync(join(tmpdir(), 'allot-make-directory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('every missing level is made, and making it again changes nothing', () => {
  const path = join(folder, 'a', 'b', 'c');
  makeDirectory(path);
  makeDirectory(path);
  expect(existsSync(path)).toBe(true);
});

test('where a file stands, and below one, there is an error', () => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => makeDirectory(join(folder, 'file'))).toThrow(/EEXIST/);
  expect(() => makeDirectory(join(folder, 'file', 'below'))).toThrow(/ENOTDIR/);
});

test('below /proc, where nothing can be made, there is an error and no hang', () => {
  expect(() => makeDirectory('/proc/allot-nowhere/x')).toThrow(/ENOENT|EACCES|EPERM/);
});
