// Status updates: what agents report of tasks, and what schedulers acknowledge.
//
// Owns:      the master's part of the path executor, agent, master, scheduler and of the acknowledgement's way back.
// Elsewhere: resending until acknowledged (the agent's status update manager), de-duplication (frameworks/sdk/).
// Invariants:
//   U1. The master keeps no update: it is passed on or dropped, and the agent sends it again until it is acknowledged.
//   U2. A task is completed only when the acknowledgement of its terminal update passes through, so no end goes unheard.
//   U3. An agent speaks for its own tasks only.
//   U4. For each update passed on at most one acknowledgement goes back: what acknowledges anything else is dropped, for its agent would pass it over.
// Source: Mesos `Master::statusUpdate`, `Master::acknowledge` (reference, section 11). Ours: an agent that reports a task of a framework
//         nobody knows is told to shut that framework down, because otherwise it would repeat itself for ever.

import { refused } from '../../common/refusal';
import type { AgentId, FrameworkId, TaskId } from '../../common/model/ids';
import { isTerminal, lostState } from '../../common/model/task-states';
import type { TaskState, TaskStatus } from '../../common/model/task-status';
import { isPartitionAware, refuseCall, sendToAgent, sendToScheduler, type Agent, type Framework, type MasterState, type SchedulerSession } from './master-state';
import { removeStray, strayOn } from './strays';
import { completeParkedTask, completeTask, isAgentsToReport, moveTask, noteUpdate } from './tasks';

export interface AgentUpdate {
  readonly frameworkId: FrameworkId;
  readonly status: TaskStatus;
  readonly latestState: TaskState;
}

export function onStatusUpdate(state: MasterState, agent: Agent, { frameworkId, status: reported, latestState }: AgentUpdate): void {
  state.counters.statusUpdates += 1;
  const framework = state.frameworks.get(frameworkId);
  if (framework === undefined) {
    state.counters.statusUpdatesInvalid += 1;
    sendToAgent(state, agent, { kind: 'shutdown-framework', frameworkId });
    return;
  }
  if (!isAgentsToReport(reported.state) || !isAgentsToReport(latestState)) {
    state.counters.statusUpdatesInvalid += 1;
    return;
  }
  const status: TaskStatus = reported.agentId === agent.id ? reported : { ...reported, agentId: agent.id }; // U3
  const task = framework.tasks.get(status.taskId);
  const stray = strayOn(agent, framework, status.taskId);
  if (stray !== undefined || (task !== undefined && task.agent !== agent)) {
    // Of another run of that id (strays.ts, I2), or a lie.
    state.counters.statusUpdatesInvalid += 1;
    if (stray !== undefined && isTerminal(latestState)) removeStray(state, stray);
    if (status.uuid !== undefined) sendToAgent(state, agent, { kind: 'acknowledge-status', frameworkId, taskId: status.taskId, uuid: status.uuid });
    return;
  }
  // The agent may not know what the framework understands (it reports a missing task of a framework it never met precisely): translated here.
  const told: TaskStatus = { ...status, state: lostState(isPartitionAware(framework), status.state) };
  const isSent = sendToScheduler(state, framework, { kind: 'update', status: told });
  if (!isSent) state.counters.statusUpdatesDropped += 1; // U1
  if (task === undefined) {
    // Completed and forgotten here, but not yet there: the acknowledgement will end it. Or its agent came back without it.
    if (isSent && status.uuid !== undefined) framework.looseUpdateCount += 1;
    if (isTerminal(latestState)) completeParkedTask(state, framework, agent, status);
    return;
  }
  noteUpdate(task, status);
  moveTask(state, task, latestState);
  // Nobody will acknowledge what has no uuid (S1).
  if (isTerminal(status.state) && status.uuid === undefined) completeTask(state, task);
}

const uuidPattern = /^[0-9a-f]{32}$/;

export function onAcknowledge(
  state: MasterState,
  session: SchedulerSession,
  framework: Framework,
  number: number,
  call: { readonly agentId: AgentId; readonly taskId: TaskId; readonly uuid: string },
): void {
  state.counters.acknowledgements += 1;
  if (!uuidPattern.test(call.uuid)) {
    state.counters.acknowledgementsInvalid += 1;
    refuseCall(state, session, number, 'acknowledge', refused('acknowledge.uuid', call.uuid, 'the 16 bytes of a uuid').refusal);
    return;
  }
  const agent = state.agents.get(call.agentId);
  const task = framework.tasks.get(call.taskId);
  const isTracked = task !== undefined && task.agent === agent;
  const isDue = isTracked ? task.update?.uuid === call.uuid && !task.isAcknowledged : framework.looseUpdateCount > 0; // U4
  // Or the agent is away: the update will come again. Source: Mesos.
  if (!isDue || agent?.presence.kind !== 'active') {
    state.counters.acknowledgementsInvalid += 1;
    return;
  }
  sendToAgent(state, agent, { kind: 'acknowledge-status', frameworkId: framework.id, taskId: call.taskId, uuid: call.uuid });
  if (!isTracked) {
    framework.looseUpdateCount -= 1;
    return;
  }
  task.isAcknowledged = true;
  if (task.update !== undefined && isTerminal(task.update.state)) completeTask(state, task); // U2
}
