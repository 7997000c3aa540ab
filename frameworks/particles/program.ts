// Program: a bundled program with the engine's own compiled form of it, which starts in half the time.
//
// Owns:      reading such a file and running it.
// Elsewhere: making it (bundle.js).
// Invariants:
//   G1. The compiled form is used only by the very engine that made it, and the engine checks it again; any other compiles the text.
// The format: a line of JSON ({@link ProgramHead}), the text in ASCII, the compiled form.
// Source: `vm.Script` and its `cachedData` in the Node documentation; Node 20 has no cache of its own for CommonJS modules.

import { existsSync, readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** The first line of a program. Lengths in bytes. */
export interface ProgramHead {
  /** {@link engine} of whoever compiled it. */
  readonly engine: string;
  readonly textBytes: number;
}

/** Tells engines apart whose compiled forms differ. */
export const engine = `${process.version} ${process.versions.v8} ${process.platform} ${process.arch}`;

/** Runs the program at `path` as a module of this process, and returns its exports. Throws what the file system says. */
export function runProgram(path: string): unknown {
  const bytes = readFileSync(path);
  const headEnd = bytes.indexOf(0x0a) + 1;
  const head = JSON.parse(bytes.toString('latin1', 0, headEnd)) as ProgramHead;
  const textEnd = headEnd + head.textBytes;
  // Latin-1 keeps the text one byte a character in memory, too.
  const text = bytes.toString('latin1', headEnd, textEnd);
  const script = new Script(wrapped(text), { filename: path, ...(head.engine === engine && textEnd < bytes.length ? { cachedData: bytes.subarray(textEnd) } : {}) });
  const program = new Module(path);
  program.filename = path;
  const run = script.runInThisContext() as (...scope: unknown[]) => void;
  // Packages are looked for from where the program lies.
  run.call(program.exports, program.exports, createRequire(path), program, path, dirname(path));
  return program.exports;
}

/** The exports of the program `name` in the folder, where the build has made one of that module; else of the module itself. */
export function loadPart<T>(folder: string, name: string, load: () => T): T {
  const path = join(folder, `${name}.program`);
  return existsSync(path) ? (runProgram(path) as T) : load();
}

/** What a module sees as its own. On the first line, so that positions in stacks are those of the text. */
function wrapped(text: string): string {
  return `(function (exports, require, module, __filename, __dirname) { ${text}\n})`;
}
