// Operation status: what became of one operation of an ACCEPT that is no launch.
//
// Owns:      the states of operations, and the report about one.
// Elsewhere: the operations themselves (offer.ts), reports about tasks (task-status.ts).
// Source: Mesos v1 OperationState (names and numbers) and OperationStatus. Of its members those are kept that this release has something to say in;
//         only OPERATION_ERROR is said so far, as no operation but a launch is carried out.

import type { AgentId } from './ids';

export const operationStateNumbers = {
  OPERATION_UNSUPPORTED: 0,
  OPERATION_PENDING: 1,
  OPERATION_FINISHED: 2,
  OPERATION_FAILED: 3,
  OPERATION_ERROR: 4,
  OPERATION_DROPPED: 5,
  OPERATION_UNREACHABLE: 6,
  OPERATION_GONE_BY_OPERATOR: 7,
  OPERATION_RECOVERING: 8,
  OPERATION_UNKNOWN: 9,
} as const;

export type OperationState = keyof typeof operationStateNumbers;

export interface OperationStatus {
  /** As the framework gave it; absent when it gave none. Mesos says nothing of such an operation; here nothing fails in silence. */
  readonly operationId?: string;
  /** `OPERATION_ERROR`: it was dropped, and the rest of its ACCEPT was carried out. */
  readonly state: OperationState;
  /** Names the place in the call: `accept.operations[1].type: current value is "RESERVE", expected ...`. */
  readonly message?: string;
  readonly agentId?: AgentId;
}
