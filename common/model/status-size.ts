// Status size: how large a report about a task may be, and what is reported instead of one that is larger.
//
// Owns:      the limits of a status, finding what exceeds them, the status that takes the place of an end that does.
// Elsewhere: who checks (agent/core/executor-sessions.ts for every executor, frameworks/sdk/executor-driver.ts before it sends), the limits of a
//            message on a link (proto/stream-link.ts).
// Invariants:
//   Z1. A status within the limits fits every message that it travels in, whatever is stamped on it on its way: 1 MiB of data and four more parts of
//       at most 64 KiB, in messages of at most 8 MiB.
//   Z2. An end that is too large is still an end: the task does not stay without one because its result did not fit.
// Source: our choice. Mesos names no limit, and breaks at that of its HTTP parser.

import { sizeOf, utf8Length } from './message-size';
import { isTerminal } from './task-states';
import type { TaskStatus } from './task-status';

/**
 * Most bytes of `data`, 1 MiB. A status is synced to the agent's disk, resent until acknowledged and kept meanwhile, so it is to carry a result's
 * numbers, or where the result lies; and eight of the largest still make less than one link lets wait (32 MiB).
 */
export const statusDataBytesMax = 1024 * 1024;

/** Most bytes of `message`, 64 KiB: a page of explanation or a deep stack trace, for people. Masters keep it with the task. */
export const statusMessageBytesMax = 64 * 1024;

/** Most bytes of each other part that an executor may fill: labels, network infos, limitation. 64 KiB as for the message; usual are a few hundred. */
export const statusPartBytesMax = 64 * 1024;

/** A part of a status that is larger than it may be. */
export interface OversizedPart {
  /** Wire name below the status, e.g. `data`, `container_status.network_infos`. */
  readonly field: string;
  readonly bytes: number;
  readonly bytesMax: number;
}

/** The first part beyond its limit. */
export function findOversizedPart(status: TaskStatus): OversizedPart | undefined {
  return partsOf(status).find(({ bytes, bytesMax }) => bytes > bytesMax);
}

/** About how long the status is on the wire: for who meters what is under way, not for framing. */
export function statusBytes(status: TaskStatus): number {
  return partsOf(status).reduce((sum, { bytes }) => sum + bytes, statusHeadBytes);
}

/** `data: current value has 2097152 bytes, at most 1048576 are taken`. */
export function describeOversizedPart({ field, bytes, bytesMax }: OversizedPart): string {
  return `${field}: current value has ${bytes} bytes, at most ${bytesMax} are taken`;
}

/**
 * What is reported in place of an end that is too large (Z2): the same end without whatever an executor may fill, and a message that says what was too
 * large. A task that finished has failed then: who waits for its result does not get it, and must not take the task for done. Undefined for
 * what is no end.
 */
export function endInPlaceOf(status: TaskStatus, part: OversizedPart): TaskStatus | undefined {
  if (!isTerminal(status.state)) return undefined;
  const { data: _data, limitation: _limitation, containerStatus: _containerStatus, checkStatus: _checkStatus, ...rest } = status;
  const what = status.state === 'TASK_FINISHED' ? 'Its result is lost' : `${status.state} was reported without its details`;
  return { ...rest, state: status.state === 'TASK_FINISHED' ? 'TASK_FAILED' : status.state, message: `${what}: ${describeOversizedPart(part)}`, labels: [] };
}

/** Ids, states, times and what frames them. */
const statusHeadBytes = 256;

function partsOf(status: TaskStatus): readonly OversizedPart[] {
  const { data, message, labels, containerStatus, limitation } = status;
  return [
    { field: 'data', bytes: data?.length ?? 0, bytesMax: statusDataBytesMax },
    { field: 'message', bytes: utf8Length(message ?? ''), bytesMax: statusMessageBytesMax },
    { field: 'labels', bytes: sizeOf(labels), bytesMax: statusPartBytesMax },
    { field: 'container_status.network_infos', bytes: sizeOf(containerStatus?.networkInfos), bytesMax: statusPartBytesMax },
    { field: 'limitation.resources', bytes: sizeOf(limitation?.resources), bytesMax: statusPartBytesMax },
  ];
}
