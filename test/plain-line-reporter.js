// Prints the plain closing line `N passed, N failed` that continuous integration reads.
'use strict';

class PlainLineReporter {
  onRunComplete(_contexts, results) {
    // A file that could not even be loaded ran no test, but it is a failure all the same.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    process.stdout.write(`${results.numPassedTests} passed, ${failed} failed\n`);
  }
}

module.exports = PlainLineReporter;
