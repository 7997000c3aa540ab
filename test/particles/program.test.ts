// Proves that a program runs the same with the engine's compiled form, without it, and with one that does not fit. How: programs are written and run in
// this process.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { engine, loadPart, runProgram } from '../../frameworks/particles/program';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'program-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const text = 'const { join } = require("node:path");\nmodule.exports = { here: join(__dirname, "x"), file: __filename, self: module.exports === exports };\nexports.f = () => 1;\n';

function writeProgram(compiled: Uint8Array, by = engine): string {
  const path = join(folder, 'some.program');
  writeFileSync(path, Buffer.concat([Buffer.from(`${JSON.stringify({ engine: by, textBytes: text.length })}\n${text}`), compiled]));
  return path;
}

const wrapped = `(function (exports, require, module, __filename, __dirname) { ${text}\n})`;

test.each<[what: string, compiled: Uint8Array, by: string]>([
  ['no compiled form', Buffer.alloc(0), engine],
  ['its own', new Script(wrapped).createCachedData(), engine],
  ['that of another text', new Script('1 + 1').createCachedData(), engine],
  ['bytes that are none', Buffer.from('no compiled form'), engine],
  ['one of another engine', Buffer.from('whatever it may be'), 'v1.2.3'],
])('a program with %s runs as a module', (_what, compiled, by) => {
  const path = writeProgram(compiled, by);
  expect(runProgram(path)).toMatchObject({ here: join(folder, 'x'), file: path });
});

test('a part is the program where the build has made one, and the module elsewhere', () => {
  expect(loadPart(folder, 'some', () => 'the module')).toBe('the module');
  writeProgram(Buffer.alloc(0));
  expect(loadPart(folder, 'some', () => 'the module')).toMatchObject({ here: join(folder, 'x') });
});

test('a program finds packages from where it lies', () => {
  const packageFolder = join(folder, 'node_modules', 'some-package');
  mkdirSync(packageFolder, { recursive: true });
  writeFileSync(join(packageFolder, 'index.js'), 'module.exports = 42;\n');
  const program = 'module.exports = require("some-package");\n';
  const path = join(folder, 'user.program');
  writeFileSync(path, `${JSON.stringify({ engine, textBytes: program.length })}\n${program}`);
  expect(runProgram(path)).toBe(42);
});
