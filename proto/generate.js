// Generates the TypeScript types of the wire contract, and puts the contract where the built code looks for it.
//
// Owns:      proto/generated/ (types of every message and service) and dist/proto/*.proto (read by proto/loader.ts at run time).
// Elsewhere: the options that decide what decoded messages look like at run time (loader.ts); the two lists must say the same.
// Source: our choice, because a type written by hand drifts from the contract, and a generated file in the repository drifts from its source.
'use strict';

const { execFileSync } = require('node:child_process');
const { copyFileSync, mkdirSync, readdirSync, rmSync } = require('node:fs');
const path = require('node:path');

const source = __dirname;
const types = path.join(source, 'generated');
const built = path.join(source, '..', 'dist', 'proto');

const contract = readdirSync(source)
  .filter((name) => name.endsWith('.proto'))
  .sort();

// A message that was removed from the contract must not leave its type behind.
rmSync(types, { recursive: true, force: true });
mkdirSync(types, { recursive: true });
execFileSync(
  process.execPath,
  [
    path.join(path.dirname(require.resolve('@grpc/proto-loader/package.json')), 'build', 'bin', 'proto-loader-gen-types.js'),
    '--keepCase',
    '--longs=Number',
    '--enums=String',
    '--grpcLib=@grpc/grpc-js',
    `--includeDirs=${source}`,
    `--outDir=${types}`,
    ...contract,
  ],
  { cwd: source, stdio: ['ignore', 'ignore', 'inherit'] },
);

// One root file per .proto comes along, for programs that load the contract with the generator's own options; ours is loader.ts.
for (const name of contract) rmSync(path.join(types, name.replace(/\.proto$/, '.ts')), { force: true });

mkdirSync(built, { recursive: true });
for (const name of contract) copyFileSync(path.join(source, name), path.join(built, name));
