// Jest runs the TypeScript sources directly (swc strips types; `make test` type-checks beforehand).
'use strict';

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' }, sourceMaps: 'inline' },
    ],
  },
  moduleNameMapper: {
    '^allot/sdk$': '<rootDir>/frameworks/sdk/index.ts',
    '^allot/sdk/testing$': '<rootDir>/frameworks/sdk/testing/index.ts',
  },
  cacheDirectory: '<rootDir>/.jest-cache',
  reporters: ['default', '<rootDir>/test/plain-line-reporter.js'],
  maxWorkers: 2,
  // For machines under load; no test waits for time to pass.
  testTimeout: 30_000,
};
