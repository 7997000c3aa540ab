// Code cache: the engine's compiled form of each program, as it is after the program has done its work once.
//
// Owns:      running one small job on a real cluster while the project is built, and asking the engine in each process what it has compiled.
// Elsewhere: the programs and their files (bundle.js), who checks that a form fits (program.ts).
// Source: `Script.createCachedData` in the Node documentation: it holds the functions that were called until then, which are those that a start needs.
'use strict';

const { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, watch, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

/** From starting a master to the end of the executor; seconds on a Pi. A build must not hang. */
const LIMIT_MS = 30_000;

/** Loaded before a program: when its process ends, it leaves the form of each script that knows its file. */
const recorder = (folder) => `
const vm = require('node:vm');
const { basename, join } = require('node:path');
const { renameSync, writeFileSync } = require('node:fs');
vm.Script = class extends vm.Script {
  constructor(text, options) {
    super(text, options);
    const file = join(${JSON.stringify(folder)}, basename(options?.filename ?? ''));
    if (!file.endsWith('.program')) return;
    process.on('exit', () => {
      writeFileSync(file + '.part', this.createCachedData());
      renameSync(file + '.part', file);
    });
  }
};`;

/** The forms by the name of the program's file. Empty, with a word about it, where no job could be run: forms save time and nothing else. */
async function compiledForms(root) {
  const folder = mkdtempSync(path.join(tmpdir(), 'allot-build-'));
  try {
    const forms = path.join(folder, 'forms');
    mkdirSync(forms);
    await runJob(root, folder, forms);
    return new Map(readdirSync(forms).map((name) => [name, readFileSync(path.join(forms, name))]));
  } catch (error) {
    process.stderr.write(`The programs will start slower than they could, as no job could be run while building: ${error.message}\n`);
    return new Map();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runJob(root, folder, forms) {
  const { ProcessCluster } = require(path.join(root, 'dist', 'test', 'integration', 'process-cluster.js'));
  const bin = path.join(folder, 'bin');
  const recording = path.join(folder, 'recorder.js');
  mkdirSync(bin);
  writeFileSync(recording, recorder(forms));
  // Executors get the agent's PATH and nothing else: what they find there as `node` records, too.
  writeFileSync(path.join(bin, 'node'), `#!/bin/sh\nexec '${process.execPath}' --require '${recording}' "$@"\n`, { mode: 0o755 });
  process.env.PATH = `${bin}:${process.env.PATH}`;
  let limit;
  const late = new Promise((_resolve, reject) => (limit = setTimeout(() => reject(new Error(`it was not over within ${LIMIT_MS / 1_000} s`)), LIMIT_MS)));
  const cluster = await ProcessCluster.start({ agents: 1, resources: 'cpus:2;mem:1024' });
  try {
    const succeeded = async (command, env, ...args) => {
      const running = cluster.run(command, 'frameworks/particles/main.js', [command, ...args], { env });
      if ((await Promise.race([running.ended, late])).status !== 0) throw running.failure('failed');
    };
    const input = path.join(folder, 'particles.txt');
    await succeeded('generate', {}, '--count', '30000', '--output', input);
    const executorEnded = appeared(forms, 'particle-executor.program');
    await succeeded('run', { NODE_OPTIONS: `--require "${recording}"` }, '--master', cluster.master, '--input', input, '--json', '--quiet', '--chunk-size', '256kb');
    await Promise.race([executorEnded, late]);
  } finally {
    clearTimeout(limit);
    await cluster.stop();
  }
}

function appeared(folder, name) {
  return new Promise((resolve, reject) => {
    const watcher = watch(folder, { persistent: false }, (_event, changed) => {
      if (changed !== name) return;
      watcher.close();
      resolve();
    });
    watcher.on('error', reject);
  });
}

module.exports = { compiledForms };
