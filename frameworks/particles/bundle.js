// Bundle: the executor of the particle job as one file, which agents fetch by its address and start with Node.
//
// Owns:      dist/frameworks/particles/executor.bundle.js, with all it needs inside: packages, and the part of the wire contract that an executor speaks.
// Elsewhere: when it runs (npm run build, after the compiler), who serves the file (input-server.ts), how the contract is found in it (proto/loader.ts).
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

esbuild.buildSync({
  // The compiler's output, not its input: modules that are compiled to CommonJS already keep their constants constant, which esbuild turns into
  // variables when it joins ES modules. The engine folds constants, and counting is a sixth faster for it.
  entryPoints: [path.join(built, 'executor-main.js')],
  outfile: path.join(built, 'executor.bundle.js'),
  bundle: true,
  minify: true,
  // Stacks in a sandbox's stderr are read by people.
  keepNames: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  legalComments: 'none',
  logLevel: 'warning',
  define: { ALLOT_BUNDLED_CONTRACT: JSON.stringify({ executor: contractJson('executor') }) },
});
