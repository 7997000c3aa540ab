// The README is true: its framework is extracted and run, its test is extracted and passes, its commands exist.
//
// How: the code blocks marked `ts framework` and `ts test` are compiled as a stranger's files would be, importing `allot/sdk` and
//      `allot/sdk/testing`; the framework also runs with a real master and agent in test/integration/commands.test.ts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from '@swc/core';

const root = join(__dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

function blockOf(language: string): string {
  const match = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(readme);
  if (!match?.[1]) throw new Error(`README.md has no block "${language}"`);
  return match[1];
}

/** Compiles the text as TypeScript and runs it as a CommonJS module; `locals` answers its relative imports. */
function load(text: string, locals: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const { code } = transformSync(text, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } });
  const loaded = { exports: {} as Record<string, unknown> };
  // Names that jest resolves must be literal for its module map.
  const resolve = (name: string): unknown => (name === 'allot/sdk' ? require('allot/sdk') : name === 'allot/sdk/testing' ? require('allot/sdk/testing') : locals[name]);
  const run = new Function('require', 'module', 'exports', 'test', 'expect', code) as (...args: unknown[]) => void;
  run(Object.assign(resolve, { main: undefined }), loaded, loaded.exports, test, expect);
  return loaded.exports;
}

const framework = load(blockOf('ts framework'));
load(blockOf('ts test'), { './run-commands': framework });

test('the framework of the README is complete in about forty lines', () => {
  expect(blockOf('ts framework').trimEnd().split('\n').length).toBeLessThanOrEqual(45);
  expect(framework['runCommands']).toBeInstanceOf(Function);
});

test('every make target that the README shows exists', () => {
  const makefile = readFileSync(join(root, 'Makefile'), 'utf8');
  const targets = [...readme.matchAll(/\bmake ([a-z]+)/g)].map((match) => match[1] ?? '').filter((name) => name !== 'j');
  expect(targets).toEqual(expect.arrayContaining(['demo', 'test', 'bench', 'sim', 'build']));
  for (const target of targets) expect(makefile).toMatch(new RegExp(`^${target}:`, 'm'));
});

test.each(['ARCHITECTURE.md', 'allocator/README.md'])('%s, to which the README points, is there and names no missing file', (document) => {
  const text = readFileSync(join(root, document), 'utf8');
  for (const [, path] of text.matchAll(/`((?:common|proto|allocator|master|agent|frameworks|cli|test)\/[a-z0-9/.-]+\.(?:ts|proto|md))`/g)) {
    expect(() => readFileSync(join(root, path ?? ''), 'utf8')).not.toThrow();
  }
  // A bare name is a file beside the document.
  for (const [, name] of text.matchAll(/`([a-z0-9-]+\.ts)`/g)) expect(() => readFileSync(join(root, document, '..', name ?? ''), 'utf8')).not.toThrow();
});
