// Unsupported request: what a valid task asks for that this agent cannot give yet.
//
// Owns:      the list of such things, each with its name on the wire.
// Elsewhere: whether the description is valid at all (the master), what happens to the task (launch.ts).
// Invariants:
//   U1. What an agent would have to ignore it refuses by name: a task that asked for a limit, an image or a health check must not run without.
// Source: Mesos fails such launches ("no containerizer supports …", limits without isolator support); the names are those of its v1 messages.

import type { ContainerInfo } from '../../common/model/command';
import type { TaskInfo } from '../../common/model/task';

/** The dotted wire name of the first thing that cannot be given; undefined when everything can. */
export function findUnsupportedRequest(task: TaskInfo): string | undefined {
  if (task.limits.size > 0) return 'task.limits';
  // A custom executor checks its tasks itself, as in Mesos; those of the command executor would be ours to check.
  if (task.executor === undefined) {
    if (task.healthCheck !== undefined) return 'task.health_check';
    if (task.check !== undefined) return 'task.check';
    return inContainer('task.container', task.container);
  }
  // The container of a task under a custom executor says what that executor shall do with it, and is its business.
  return inContainer('task.executor.container', task.executor.container);
}

function inContainer(path: string, container: ContainerInfo | undefined): string | undefined {
  if (container === undefined) return undefined;
  if (container.type === 'DOCKER') return `${path}.docker`;
  if (container.mesos?.image !== undefined) return `${path}.mesos.image`;
  if (container.volumes.length > 0) return `${path}.volumes`;
  if (container.networkInfos.length > 0) return `${path}.network_infos`;
  if (container.hostname !== undefined) return `${path}.hostname`;
  if (container.linuxInfo !== undefined) return `${path}.linux_info`;
  if (container.rlimitInfo !== undefined) return `${path}.rlimit_info`;
  return container.ttyInfo === undefined ? undefined : `${path}.tty_info`;
}
