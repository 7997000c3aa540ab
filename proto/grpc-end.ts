// gRPC end: how the end of a session or of a question is told over gRPC.
//
// Owns:      the one table between LinkEnd and gRPC status, and the metadata keys that go with it.
// Elsewhere: who ends what (stream-link.ts, grpc-link.ts, grpc-operator.ts).
// Invariants:
//   B1. endOfStatus(statusOfEnd(end)) tells the same kind of end.
// Source: our choice; the .proto files state it for peers that are not ours.

import { Metadata, status as codes, type StatusObject } from '@grpc/grpc-js';

import { assertNever } from '../common/invariant';
import type { LinkEnd } from '../common/ports';

/** The leader's `host:port`, where it is known. */
const leaderKey = 'allot-leader';

/** A status with the metadata that it travels with. */
export interface EndStatus {
  readonly code: codes;
  readonly details: string;
  readonly metadata: Metadata;
}

export function statusOfEnd(end: LinkEnd): EndStatus {
  const metadata = new Metadata();
  switch (end.kind) {
    case 'closed':
      return { code: codes.OK, details: 'OK', metadata };
    case 'not-leader':
      if (end.leader !== undefined) metadata.set(leaderKey, end.leader);
      return { code: codes.FAILED_PRECONDITION, details: 'This master does not lead', metadata };
    case 'overflow':
      return { code: codes.RESOURCE_EXHAUSTED, details: 'The peer does not read what it is sent', metadata };
    case 'silent':
      return { code: codes.DEADLINE_EXCEEDED, details: 'The peer was not heard in time', metadata };
    case 'failed':
      return { code: codes.ABORTED, details: end.detail, metadata };
    default:
      return assertNever(end);
  }
}

export function endOfStatus(status: Pick<StatusObject, 'code' | 'details' | 'metadata'>): LinkEnd {
  switch (status.code) {
    case codes.OK:
      return { kind: 'closed' };
    case codes.FAILED_PRECONDITION: {
      const [leader] = status.metadata.get(leaderKey);
      return leader === undefined ? { kind: 'not-leader' } : { kind: 'not-leader', leader: leader.toString() };
    }
    case codes.RESOURCE_EXHAUSTED:
      // gRPC's own word for a message over the limit, too; only ours has this text.
      return status.details === statusOfEnd({ kind: 'overflow' }).details ? { kind: 'overflow' } : failed(status);
    case codes.ABORTED:
      return { kind: 'failed', detail: status.details };
    default:
      return failed(status);
  }
}

function failed(status: Pick<StatusObject, 'code' | 'details'>): LinkEnd {
  return { kind: 'failed', detail: `${codes[status.code]}: ${status.details}` };
}
