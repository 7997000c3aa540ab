// Bundle: the programs of the particle job that must start fast, each as one file.
//
// Owns:      dist/frameworks/particles/executor.bundle.js, which agents fetch by its address and start with Node, with all it needs inside: packages,
//            the program of its threads, and the part of the wire contract that an executor speaks; and job-run.bundle.js, the scheduler's side,
//            which needs no other file to reach a master by its address.
// Elsewhere: when it runs (npm run build, after the compiler), who serves the executor (input-server.ts), who loads the run (commands/run.ts), how
//            the contract is found in a bundle (proto/loader.ts).
'use strict';

const path = require('node:path');
const esbuild = require('esbuild');
const { Root } = require('protobufjs');

const root = path.join(__dirname, '..', '..');
const built = path.join(root, 'dist', 'frameworks', 'particles');

/** The contract file with what it imports, as JSON. Names are kept as they are written, like everywhere (proto/loader.ts, L1). */
function contractJson(file) {
  const contract = new Root();
  contract.resolvePath = (_origin, target) => path.join(root, 'proto', path.basename(target));
  return contract.loadSync(`${file}.proto`, { keepCase: true }).resolveAll().toJSON();
}

const common = {
  bundle: true,
  minify: true,
  // Stacks in a sandbox's stderr are read by people.
  keepNames: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  legalComments: 'none',
  logLevel: 'warning',
};

/**
 * Loaded late or never: what reads *.proto files, which a bundled contract replaces; the log's library, since both programs bring their own log; etcd.
 * The scheduler's side finds them as packages when it needs them; an executor talks to its agent alone and never does.
 */
const external = ['@grpc/proto-loader', 'winston', 'etcd3', 'cockatiel'];

// Everywhere the compiler's output, not its input: modules that are compiled to CommonJS already keep their constants constant, which esbuild turns
// into variables when it joins ES modules. The engine folds constants, and counting is a sixth faster for it.
const worker = esbuild.buildSync({
  ...common,
  // Small as it is; and keeping names of what was shortened costs counting a fortieth.
  minify: false,
  keepNames: false,
  stdin: { contents: `require('./count-worker').serveOrders();`, resolveDir: built, sourcefile: 'count-worker-main.js' },
  // A text that is run has no scope of its own, unlike a file.
  format: 'iife',
  write: false,
});

esbuild.buildSync({
  ...common,
  external,
  entryPoints: [path.join(built, 'executor-main.js')],
  outfile: path.join(built, 'executor.bundle.js'),
  define: {
    ALLOT_BUNDLED_CONTRACT: JSON.stringify({ executor: contractJson('executor') }),
    ALLOT_COUNT_WORKER: JSON.stringify(worker.outputFiles[0].text),
  },
});

esbuild.buildSync({
  ...common,
  external,
  entryPoints: [path.join(built, 'job-run.js')],
  outfile: path.join(built, 'job-run.bundle.js'),
  define: { ALLOT_BUNDLED_CONTRACT: JSON.stringify({ scheduler: contractJson('scheduler') }) },
});
