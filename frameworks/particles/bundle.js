// Bundle: the programs of the particle job that must start fast, each as one file.
//
// Owns:      what the build puts into dist/frameworks/particles/ beside the compiler's output:
//              command-line.program          the command `allot-particles`, with yargs and without the counting
//              job-run.program               the scheduler's side of a run, which needs no other file to reach a master by its address
//              particle-executor.program     the executor, with all it needs inside: packages, the program of its threads, its part of the wire contract
//              executor-loader.bundle.js     what agents start to run it
//            and with a program the engine's compiled form of it.
// Elsewhere: when it runs (npm run build, after the compiler), the format of a program and who loads it (program.ts), who serves the executor
//            (input-server.ts), how the contract is found in a bundle (proto/loader.ts), running the job for the compiled forms (code-cache.js).
'use strict';

const { writeFileSync } = require('node:fs');
const path = require('node:path');
const esbuild = require('esbuild');
const { contractCode } = require('../../proto/contract-code');
const { compiledForms } = require('./code-cache');

const root = path.join(__dirname, '..', '..');
const built = path.join(root, 'dist', 'frameworks', 'particles');
const at = (name) => path.join(built, name);

const common = {
  bundle: true,
  // Not the identifiers: stacks in a sandbox's stderr are read by people, and giving shortened functions their names back costs more at each start
  // than reading long ones.
  minifySyntax: true,
  minifyWhitespace: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // One byte a character (program.ts).
  charset: 'ascii',
  // The engine has no way to import from a text that was compiled as a script; as a require it finds the package (program.ts).
  supported: { 'dynamic-import': false },
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
};

/**
 * Loaded late or never: what reads *.proto files, which a bundled contract replaces; the log's library, since both programs bring their own log; etcd.
 * The scheduler's side finds them as packages when it needs them; an executor talks to its agent alone and never does.
 */
const external = ['@grpc/proto-loader', 'winston', 'etcd3', 'cockatiel'];

function textOf(options) {
  return esbuild.buildSync({ ...common, ...options }).outputFiles[0].text;
}

/** The contract file in the place of ALLOT_BUNDLED_CONTRACT (proto/bundled-contract.ts). */
function contractModule(file) {
  const module = at(`${file}-contract.mjs`);
  const code = `import * as protobuf from 'protobufjs/minimal.js';\nconst make = (protobuf) => {\n${contractCode(file)}\n};\n`;
  writeFileSync(module, `${code}export const ALLOT_BUNDLED_CONTRACT = { ${file}: make(protobuf) };\n`);
  return module;
}

// Everywhere the compiler's output, not its input: modules that are compiled to CommonJS already keep their constants constant, which esbuild turns
// into variables when it joins ES modules. The engine folds constants, and counting is a sixth faster for it.
const worker = textOf({
  // Small as it is, and read by people.
  minifySyntax: false,
  minifyWhitespace: false,
  stdin: { contents: `require('./count-worker').serveOrders();`, resolveDir: built, sourcefile: 'count-worker-main.js' },
  // A text that is run has no scope of its own, unlike a file.
  format: 'iife',
});

const texts = {
  // The plain counter stays the file that the compiler made.
  'command-line.program': textOf({ entryPoints: [at('command-line.js')], outfile: at('command-line.program'), external: [at('count.js'), at('generate.js'), at('job-run.js')] }),
  'job-run.program': textOf({ entryPoints: [at('job-run.js')], external, inject: [contractModule('scheduler')] }),
  'particle-executor.program': textOf({ entryPoints: [at('executor-main.js')], external, inject: [contractModule('executor')], define: { ALLOT_COUNT_WORKER: JSON.stringify(worker) } }),
};

writeFileSync(at('executor-loader.bundle.js'), textOf({ entryPoints: [at('executor-loader.js')] }));

const { engine } = require(at('program.js'));

function writeProgram(name, compiled) {
  const text = Buffer.from(texts[name], 'latin1');
  writeFileSync(at(name), Buffer.concat([Buffer.from(`${JSON.stringify({ engine, textBytes: text.length })}\n`), text, compiled]));
}

for (const name of Object.keys(texts)) writeProgram(name, Buffer.alloc(0));
compiledForms(root).then((forms) => {
  for (const name of Object.keys(texts)) if (forms.has(name)) writeProgram(name, forms.get(name));
});
