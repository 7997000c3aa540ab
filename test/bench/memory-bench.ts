// Resident memory of an idle master and an idle agent, as the kernel counts it.
//
// Owns:      reading VmRSS and RssAnon after the processes have come to rest.

import { readFileSync } from 'node:fs';
import { createEnvironment } from '../../common/environment';
import { ProcessCluster } from '../integration/process-cluster';
import type { Figure } from './measure';

const { clock } = createEnvironment();
/** After registration, so that start-up garbage has gone and heartbeats have been sent. */
const restMs = 10_000;

function memoryMb(pid: number, field: 'VmRSS' | 'RssAnon'): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? NaN) / 1_024;
}

/** CPU seconds used so far. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export async function memoryBench(): Promise<readonly Figure[]> {
  const cluster = await ProcessCluster.start({ agents: 1 });
  try {
    const processes = [
      ['master', cluster.masters[0]?.pid ?? 0],
      ['agent', cluster.agents[0]?.pid ?? 0],
    ] as const;
    await new Promise<void>((resolve) => void clock.schedule(restMs, resolve));
    const before = processes.map(([, pid]) => cpuSeconds(pid));
    await new Promise<void>((resolve) => void clock.schedule(restMs, resolve));
    return processes.flatMap(([name, pid], index) => [
      { name: `idle ${name}, resident`, value: memoryMb(pid, 'VmRSS'), unit: 'MB', conditions: 'VmRSS 20 s after start; about 33 MB of it is the file-backed Node binary' },
      { name: `idle ${name}, private`, value: memoryMb(pid, 'RssAnon'), unit: 'MB', conditions: 'RssAnon at the same time' },
      { name: `idle ${name}, CPU`, value: ((cpuSeconds(pid) - (before[index] ?? 0)) / restMs) * 100_000, unit: '% of a core', conditions: `over ${restMs / 1_000} s` },
    ]);
  } finally {
    await cluster.stop();
  }
}
