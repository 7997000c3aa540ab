// Prints the plain closing line `N passed, N failed` that continuous integration reads.
'use strict';

const { writeSync } = require('node:fs');

class PlainLineReporter {
  onRunComplete(_contexts, results) {
    // A file that could not even be loaded ran no test, but it is a failure all the same.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    // Last of all: Jest's own summary is written by a reporter that comes after every other.
    process.once('exit', () => writeSync(1, `${results.numPassedTests} passed, ${failed} failed\n`));
  }
}

module.exports = PlainLineReporter;
