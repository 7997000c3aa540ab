// Local grace: how long the processes of a local cluster get to end in order, whoever ends them.
//
// Owns:      the two times.
// Elsewhere: the orderly end (local-cluster.ts), the end of what was left behind (local-remains.ts).
// Source: our choice.

/** Agents end their tasks first. More than the default grace periods (5 s and 2 s). */
export const agentGraceMs = 15_000;

/** A master only says goodbye. */
export const masterGraceMs = 5_000;
