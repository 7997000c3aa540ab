// Local remains: what a local cluster leaves behind whose keeper could not end it.
//
// Owns:      ending masters, agents and tasks that are nobody's children any more.
// Elsewhere: the orderly end (local-cluster.ts), which processes those are (local-state.ts).
// Invariants:
//   E1. As an orderly end would: agents end their tasks, then themselves, then the master; whatever is left after its time is killed, tasks as well.
// Source: our choice.

import { join } from 'node:path';

import { silentLog } from '../common/logging';
import type { Clock } from '../common/ports';
import { PosixContainerizer } from '../agent/posix-containerizer';
import { agentGraceMs, masterGraceMs } from './local-grace';
import type { LocalChild } from './local-state';
import { isGoneWithin, signalProcess } from './process-identity';

/** Resolves when nothing of them runs. `children`: all of them, also those that are gone, for the tasks of an agent may go on without it. */
export async function endRemains(directory: string, children: readonly LocalChild[], clock: Clock): Promise<void> {
  const isMaster = ({ name }: LocalChild): boolean => name === 'master';
  await Promise.all(
    children.filter((child) => !isMaster(child)).map(async (agent) => {
      await endOne(agent, 'SIGUSR1', agentGraceMs, clock);
      await endContainers(join(directory, agent.name), clock);
    }),
  );
  await Promise.all(children.filter(isMaster).map((master) => endOne(master, 'SIGTERM', masterGraceMs, clock)));
}

/** Of an agent that was killed, and could not end its tasks. */
export async function endContainers(agentDirectory: string, clock: Clock): Promise<void> {
  await new PosixContainerizer({ workDir: agentDirectory, clock, log: silentLog, switchUser: false }).destroyOrphans(new Set());
}

async function endOne(child: LocalChild, signal: NodeJS.Signals, graceMs: number, clock: Clock): Promise<void> {
  signalProcess(child, signal);
  if (await isGoneWithin(child, graceMs, clock)) return;
  signalProcess(child, 'SIGKILL');
  await isGoneWithin(child, Infinity, clock);
}
