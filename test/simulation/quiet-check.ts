// Quiet check: after faults have stopped, everybody knows the same, and everything is accounted for.
//
// Owns:      comparing schedulers' stores, the master's answers, agents' disks and machines' containers with each other.
// Elsewhere: waiting for agreement, and how long is too long (simulation.ts).
// Invariants:
//   Q1. Each function returns the first difference as a sentence, or undefined when there is none. None of them changes anything.
// Source: DESIGN, "What the simulation asserts": after faults stop, the cluster becomes quiet.

import type { CheckpointRecord } from '../../common/model/checkpoint-record';
import type { TaskSummary } from '../../common/model/operator-protocol';
import type { VirtualAgent, VirtualCluster } from '../../frameworks/sdk/testing';
import { amountsOf, difference, excess, sumOf, type Amounts } from './amounts';
import { endStates } from './term-books';
import { isOver, workerResources, type StoredTask, type Workload } from './workload';

/** Every well-behaved framework is subscribed, its finite work is over, nothing that was killed runs, and what still runs is known identically to all. */
export function findUnsettled(cluster: VirtualCluster, workloads: readonly Workload[]): string | undefined {
  if (!cluster.leader) return 'no master leads';
  const state = cluster.state();
  if (!state) return 'the leader waits for its registry';
  for (const workload of workloads) {
    if (workload.driver?.isSubscribed !== true) return `${workload.name} is not subscribed`;
    if (workload.options.kind === 'service' && workload.wanted !== 0) return `${workload.name} wants ${workload.wanted} more tasks`;
    for (const [taskId, { state: known, isKilled }] of workload.live) {
      if (isKilled) return `${taskId} was killed by its author, and is ${known ?? 'launched and nothing more'}`;
      if (workload.options.kind !== 'service' || known !== 'TASK_RUNNING') return `${taskId} is ${known ?? 'launched and nothing more'} to its scheduler`;
    }
  }
  const live = new Map<string, StoredTask>(workloads.flatMap((workload) => workload.live.map(([taskId, stored]) => [`${workload.frameworkId}/${taskId}`, stored] as const)));
  for (const agent of cluster.agents) {
    const seen = state.agents.filter(({ info, state: presence }) => info.hostname === agent.host && presence === 'active');
    if (seen.length !== 1) return `${agent.host} is ${agent.isAlive ? 'alive' : 'dead'} and the master has ${seen.length} active agents of that name`;
    const pending = findPending(agent.disk.records());
    if (pending !== undefined) return `${agent.host} still waits for the acknowledgement of ${pending}`;
    for (const { frameworkId, environment, executorId } of agent.machine.specs()) {
      const taskId = environment.get('MESOS_TASK_ID');
      const key = `${frameworkId}/${taskId}`;
      if (taskId !== undefined && live.get(key)?.agentId !== seen[0]?.id) return `${agent.host} runs ${key}, which is not live there to its scheduler`;
      if (taskId === undefined && !workloads.some((workload) => workload.frameworkId === frameworkId)) return `${agent.host} runs executor ${executorId} of ${frameworkId}, which is gone`;
    }
  }
  const runningIds = new Set(cluster.agents.flatMap((agent) => agent.machine.specs().map((spec) => `${spec.frameworkId}/${spec.environment.get('MESOS_TASK_ID')}`)));
  for (const key of live.keys()) if (!runningIds.has(key)) return `${key} is running to its scheduler, and nowhere in truth`;
  const tracked = new Map<string, TaskSummary>(state.tasks.map((task) => [`${task.frameworkId}/${task.id}`, task]));
  for (const [key, { agentId }] of live) {
    const task = tracked.get(key);
    if (task?.state !== 'TASK_RUNNING' || task.agentId !== agentId) return `${key} is ${task?.state ?? 'unknown'} to the master, on ${task?.agentId ?? 'no agent'}, and running to its scheduler on ${agentId}`;
  }
  for (const [key, task] of tracked) if (!endStates.has(task.state) && task.state !== 'TASK_UNREACHABLE' && !live.has(key)) return `${key} is ${task.state} to the master, and over to its scheduler`;
  for (const workload of workloads) {
    for (const [taskId, { state: told }] of workload.tasks) {
      const task = tracked.get(`${workload.frameworkId}/${taskId}`);
      // What a scheduler was told first is what counts: an agent that lost its memory may know another end.
      if (task && isOver(told) && !endStates.has(task.state)) return `${taskId} is over (${told}) to its scheduler, and ${task.state} to the master`;
    }
  }
  return findUnaccounted(cluster, workloads);
}

/** What the master counts as allocated is what runs, to the last thousandth. */
function findUnaccounted(cluster: VirtualCluster, workloads: readonly Workload[]): string | undefined {
  for (const summary of cluster.state()?.agents ?? []) {
    if (summary.state !== 'active') continue;
    const agent = cluster.agents.find(({ host }) => host === summary.info.hostname);
    const allocated = amountsOf(summary.allocated);
    const wrong = difference(allocated, agent ? usedOn(agent, workloads) : new Map());
    if (wrong !== undefined) return `${agent?.host}: allocated to the master against running in truth: ${wrong}`;
    const tooMuch = excess(sumOf([allocated, amountsOf(summary.offered)]), amountsOf(summary.total));
    if (tooMuch !== undefined) return `${agent?.host}: ${tooMuch}`;
  }
  return undefined;
}

/** What runs on the machine in truth: containers, and what their authors gave to the tasks in them. Once everybody agrees. */
export function usedOn(agent: VirtualAgent, workloads: readonly Workload[]): Amounts {
  const drafts = new Map(workloads.flatMap(({ tasks }) => [...tasks].map(([taskId, { draft }]) => [taskId, draft] as const)));
  return sumOf(
    agent.machine.specs().map(({ environment }): Amounts => {
      const draft = drafts.get(environment.get('MESOS_TASK_ID') ?? '');
      return draft ? amountsOf(draft.resources) : workerAmounts; // The work of executors is over by then.
    }),
  );
}

const workerAmounts: Amounts = new Map([['cpus', workerResources.cpus * 1_000], ['mem', workerResources.mem * 1_000]]);

/** After all frameworks were torn down: nothing is left of them anywhere, and everything is free. */
export function findLeftover(cluster: VirtualCluster): string | undefined {
  const state = cluster.state();
  if (!state) return 'no master leads, or it waits for its registry';
  for (const framework of state.frameworks) if (framework.state !== 'completed') return `framework ${framework.info.name} is ${framework.state}`;
  for (const task of state.tasks) if (!endStates.has(task.state)) return `task ${task.id} is ${task.state}`;
  if (state.offers.length > 0) return `${state.offers.length} offers are out`;
  for (const agent of state.agents) {
    if (agent.state !== 'active') continue;
    const allocated = amountsOf(agent.allocated);
    if (allocated.size > 0) return `${agent.info.hostname} has ${agent.allocated.toString()} allocated`;
  }
  for (const agent of cluster.agents) {
    const specs = agent.machine.specs();
    if (specs.length > 0) return `${agent.host} still runs ${specs.map(({ executorId }) => executorId).join(', ')}`;
    const pending = findPending(agent.disk.records());
    if (pending !== undefined) return `${agent.host} still waits for the acknowledgement of ${pending}`;
  }
  return undefined;
}

/** No session or timer outlives its purpose: one link an agent, and timers that are few. */
export function findLeak(cluster: VirtualCluster): string | undefined {
  const { leader } = cluster;
  if (!leader) return 'no master leads';
  const links = cluster.network.linkCount(leader.host);
  if (links !== cluster.agents.length) return `${leader.host} holds ${links} links, with ${cluster.agents.length} agents and no framework`;
  for (const agent of cluster.agents) {
    const ofAgent = cluster.network.linkCount(agent.host);
    if (ofAgent !== 1) return `${agent.host} holds ${ofAgent} links, with no executor`;
    if (agent.process.timerCount > 2) return `${agent.host} has ${agent.process.timerCount} timers set`;
  }
  for (const { host, process } of cluster.masters) if (process.timerCount > 4) return `${host} has ${process.timerCount} timers set`;
  return undefined;
}

/** An update in an agent's log that nobody has acknowledged, and whose framework is not gone. */
function findPending(records: readonly CheckpointRecord[]): string | undefined {
  const pending = new Map<string, string>();
  for (const record of records) {
    if (record.kind === 'update') pending.set(`${record.frameworkId}/${record.status.taskId}/${record.status.uuid}`, record.status.state);
    else if (record.kind === 'update-acknowledged') pending.delete(`${record.frameworkId}/${record.taskId}/${record.uuid}`);
    else if (record.kind === 'framework-removed') for (const key of pending.keys()) if (key.startsWith(`${record.frameworkId}/`)) pending.delete(key);
  }
  const [first] = pending;
  return first && `${first[0]} (${first[1]})`;
}
