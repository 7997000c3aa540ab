// Version: which release this is.
//
// Owns:      the version that masters and agents tell each other and people.
// Elsewhere: the same number for npm (package.json; test/common/version.test.ts compares them).
// Source: our choice of a constant, because a bundled agent has no package.json beside it.

export const version = '0.1.0';
