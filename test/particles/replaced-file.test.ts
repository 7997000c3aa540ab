// Proves that an output is whole or not there, and that only regular files are ever replaced: links, pipes and devices stay what they are. How: real files;
// the device is /dev/null by another name.

import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkReplaceable, replaceFile } from '../../frameworks/particles/replaced-file';

let folder: string;
const at = (name: string): string => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'replaced-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (path: string): Promise<void> => replaceFile(path, (file) => file.writeFile('new'));

test('a file is replaced by a whole one, and a writer that fails leaves the old one and nothing else', async () => {
  for (const before of [undefined, 'old']) {
    if (before !== undefined) writeFileSync(at('out'), before);
    await expect(replaceFile(at('out'), (file) => file.writeFile('ne').then(() => Promise.reject(new Error('no more'))))).rejects.toThrow('no more');
    expect(existsSync(at('out')) ? readFileSync(at('out'), 'utf8') : undefined).toBe(before);
    await put(at('out'));
    expect([readFileSync(at('out'), 'utf8'), readdirSync(folder)]).toEqual(['new', ['out']]);
    rmSync(at('out'));
  }
});

test.each([
  ['to a file', true],
  ['to nothing yet', false],
])('a link %s stays a link, and the file that it leads to is written', async (_claim, exists) => {
  mkdirSync(at('elsewhere'));
  if (exists) writeFileSync(at('elsewhere/file'), 'old');
  symlinkSync('elsewhere/file', at('link'));
  await checkReplaceable(at('link'));
  await put(at('link'));
  expect([lstatSync(at('link')).isSymbolicLink(), readFileSync(at('elsewhere/file'), 'utf8'), readdirSync(at('elsewhere'))]).toEqual([true, 'new', ['file']]);
});

test('a pipe stays a pipe, and its reader gets all of it', async () => {
  execFileSync('mkfifo', [at('pipe')]);
  await checkReplaceable(at('pipe'));
  const reader = import('node:fs/promises').then(({ readFile }) => readFile(at('pipe'), 'utf8'));
  await put(at('pipe'));
  expect([await reader, lstatSync(at('pipe')).isFIFO()]).toEqual(['new', true]);
});

test('a device, also behind a link, stays a device', async () => {
  symlinkSync('/dev/null', at('null'));
  await checkReplaceable(at('null'));
  await put(at('null'));
  expect([lstatSync('/dev/null').isCharacterDevice(), lstatSync(at('null')).isSymbolicLink(), readdirSync(folder)]).toEqual([true, true, ['null']]);
});

test.each<[what: string, path: string, reason: string]>([
  ['a folder', '.', 'it is a folder'],
  ['a path through a file', 'file/x', 'a part of the path is no folder'],
  ['a missing folder', 'missing/x', 'there is no such file or folder'],
])('%s is refused by its name, also beforehand', async (_what, path, reason) => {
  writeFileSync(at('file'), '');
  for (const refused of [checkReplaceable(at(path)), put(at(path))]) {
    await expect(refused).rejects.toMatchObject({ code: 'CANNOT_WRITE', message: `Cannot write "${at(path)}" as ${reason}` });
  }
});
