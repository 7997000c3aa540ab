// Strays: runs of a task id that belongs to another agent by now.
//
// Owns:      what an agent still runs under an id that its framework has reused elsewhere, until that run is over.
// Elsewhere: finding them (agents.ts, at re-registration), telling the agent to kill them (agents.ts).
// Invariants:
//   I1. A stray's resources are charged as long as the record exists: the agent really uses them.
//   I2. A stray is nobody's task: its updates end here, acknowledged by the master, so that no scheduler takes one run for another.
// Source: our choice. An agent that was unreachable when the leader changed may return with a task that the new leader never heard of, and
//         that its framework, having been told it was lost, has started again under the same id. Mesos ends its process there.

import type { TaskId } from '../../common/model/ids';
import type { Resources } from '../../common/model/resources';
import type { Agent, Framework, MasterState, Stray } from './master-state';

export function strayOn(agent: Agent, framework: Framework, taskId: TaskId): Stray | undefined {
  return agent.strays.get(keyOf(framework, taskId));
}

/** Records a run whose resources the allocator already has, or is about to get, as charged. */
export function addStray(framework: Framework, agent: Agent, taskId: TaskId, resources: Resources): void {
  const stray: Stray = { framework, agent, taskId, resources };
  agent.strays.set(keyOf(framework, taskId), stray);
  framework.strays.add(stray);
}

/** The run is over; what it had is returned. */
export function removeStray(state: MasterState, stray: Stray): void {
  const { framework, agent, taskId, resources } = stray;
  agent.strays.delete(keyOf(framework, taskId));
  framework.strays.delete(stray);
  state.allocator.recoverResources(framework.id, agent.id, resources, { cause: 'ended', refuseMs: 0 }, state.nowMs);
}

/** No id holds a slash. */
function keyOf(framework: Framework, taskId: TaskId): string {
  return `${framework.id}/${taskId}`;
}
