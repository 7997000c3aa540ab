// Checkpoint codec: records of an agent's journal, bytes <-> domain.
//
// Owns:      the stored form of one record.
// Elsewhere: framing, checksums and syncing of the journal (agent/), which records are written when (agent/core/).
// Source: checkpoint.proto.

import type { Checked } from '../common/refusal';
import type { CheckpointRecord } from '../common/model/checkpoint-record';
import { byMember, count, decodeChecked, flag, message, nanoseconds, text, uuidBytes, type Inside } from './codec';
import { wireType, type WireType } from './loader';
import { parseStored } from './registry-codec';
import {
  agentIdMessage,
  agentInfo,
  containerIdMessage,
  executorIdMessage,
  executorInfo,
  frameworkIdMessage,
  frameworkInfo,
  taskIdMessage,
  taskInfo,
  taskStatus,
} from './vocabulary-codec';
import type { CheckpointRecord as WireRecord } from './generated/allot/v1/CheckpointRecord';

type K<Kind extends CheckpointRecord['kind']> = Extract<CheckpointRecord, { readonly kind: Kind }>;

const record = byMember<CheckpointRecord, WireRecord>((member) => ({
  agent: member(
    'agent',
    message<K<'agent'>, Inside<WireRecord, 'agent'>>((field) => ({
      kind: field.kind('agent'),
      agentId: field.required('agent_id', agentIdMessage),
      info: field.required('info', agentInfo),
    })),
  ),
  framework: member(
    'framework',
    message<K<'framework'>, Inside<WireRecord, 'framework'>>((field) => ({
      kind: field.kind('framework'),
      framework: field.required('framework', frameworkInfo),
    })),
  ),
  'framework-removed': member(
    'framework_removed',
    message<K<'framework-removed'>, Inside<WireRecord, 'framework_removed'>>((field) => ({
      kind: field.kind('framework-removed'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
    })),
  ),
  executor: member(
    'executor',
    message<K<'executor'>, Inside<WireRecord, 'executor'>>((field) => ({
      kind: field.kind('executor'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      executor: field.required('executor', executorInfo),
      containerId: field.required('container_id', containerIdMessage),
      token: field.required('token', text),
      isCommand: field.required('is_command', flag),
    })),
  ),
  'executor-started': member(
    'executor_started',
    message<K<'executor-started'>, Inside<WireRecord, 'executor_started'>>((field) => ({
      kind: field.kind('executor-started'),
      containerId: field.required('container_id', containerIdMessage),
      pid: field.required('pid', count),
      startedAt: field.required('started_at', text),
    })),
  ),
  'executor-ended': member(
    'executor_ended',
    message<K<'executor-ended'>, Inside<WireRecord, 'executor_ended'>>((field) => ({
      kind: field.kind('executor-ended'),
      containerId: field.required('container_id', containerIdMessage),
      endedAtWallMs: field.required('ended_time', nanoseconds),
    })),
  ),
  'executor-removed': member(
    'executor_removed',
    message<K<'executor-removed'>, Inside<WireRecord, 'executor_removed'>>((field) => ({
      kind: field.kind('executor-removed'),
      containerId: field.required('container_id', containerIdMessage),
    })),
  ),
  task: member(
    'task',
    message<K<'task'>, Inside<WireRecord, 'task'>>((field) => ({
      kind: field.kind('task'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      executorId: field.required('executor_id', executorIdMessage),
      containerId: field.required('container_id', containerIdMessage),
      task: field.required('task', taskInfo),
    })),
  ),
  'task-removed': member(
    'task_removed',
    message<K<'task-removed'>, Inside<WireRecord, 'task_removed'>>((field) => ({
      kind: field.kind('task-removed'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      taskId: field.required('task_id', taskIdMessage),
    })),
  ),
  update: member(
    'update',
    message<K<'update'>, Inside<WireRecord, 'update'>>((field) => ({
      kind: field.kind('update'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      status: field.required('status', taskStatus),
    })),
  ),
  'update-acknowledged': member(
    'update_acknowledged',
    message<K<'update-acknowledged'>, Inside<WireRecord, 'update_acknowledged'>>((field) => ({
      kind: field.kind('update-acknowledged'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      taskId: field.required('task_id', taskIdMessage),
      uuid: field.required('uuid', uuidBytes),
    })),
  ),
}));

let recordType: WireType | undefined;
const typeOfRecord = (): WireType => (recordType ??= wireType('checkpoint', 'CheckpointRecord'));

export function encodeCheckpointRecord(value: CheckpointRecord): Uint8Array {
  return typeOfRecord().serialize(record.encode(value));
}

/** Refuses what is no record and what a newer release has written: an agent must know all of its past. */
export function decodeCheckpointRecord(bytes: Uint8Array): Checked<CheckpointRecord> {
  const wire = parseStored(typeOfRecord(), bytes, 'record');
  return wire.ok ? decodeChecked(record, wire.value, 'record') : wire;
}
