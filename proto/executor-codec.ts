// Executor codec: calls and events of an executor's session, wire <-> domain.
//
// Owns:      one table for each message of executor.proto that the domain model has, and the envelope of a call.
// Elsewhere: shared messages (vocabulary-codec.ts), the stream (grpc-link.ts), what the calls mean (agent/core/).
// Source: Mesos v1 executor API, reference section 18.

import type { ExecutorCall, ExecutorCallEnvelope, ExecutorEvent, ReceivedExecutorCall } from '../common/model/executor-protocol';
import { boxed, bytes, byType, codec, decodeChecked, isRecord, message, Rejection, text, uuidBytes, type Inside, type NamesOf } from './codec';
import {
  agentInfo,
  containerIdMessage,
  executorIdMessage,
  executorInfo,
  frameworkIdMessage,
  frameworkInfo,
  killPolicy,
  taskIdMessage,
  taskInfo,
  taskStatus,
} from './vocabulary-codec';
import type { ExecutorCall as WireCall } from './generated/allot/v1/ExecutorCall';
import type { ExecutorEvent as WireEvent } from './generated/allot/v1/ExecutorEvent';

type C<Kind extends ExecutorCall['kind']> = Extract<ExecutorCall, { readonly kind: Kind }>;
type WireUpdate = Inside<WireCall, 'update'>;

const call = byType<ExecutorCall, WireCall, NamesOf<WireCall, 'type'>>((variant) => ({
  subscribe: variant.member(
    'SUBSCRIBE',
    'subscribe',
    message<C<'subscribe'>, Inside<WireCall, 'subscribe'>>((field) => ({
      kind: field.kind('subscribe'),
      token: field.required('token', text),
      unacknowledgedTasks: field.repeated('unacknowledged_tasks', taskInfo),
      unacknowledgedUpdates: field.repeated('unacknowledged_updates', boxed<WireUpdate>()('status', taskStatus)),
    })),
  ),
  update: variant.member(
    'UPDATE',
    'update',
    message<C<'update'>, WireUpdate>((field) => ({ kind: field.kind('update'), status: field.required('status', taskStatus) })),
  ),
  message: variant.member(
    'MESSAGE',
    'message',
    message<C<'message'>, Inside<WireCall, 'message'>>((field) => ({ kind: field.kind('message'), data: field.required('data', bytes) })),
  ),
  heartbeat: variant.bare('HEARTBEAT', 'heartbeat'),
}));

const sender = message<Omit<ExecutorCallEnvelope, 'call'>, WireCall>((field) => ({
  frameworkId: field.required('framework_id', frameworkIdMessage),
  executorId: field.required('executor_id', executorIdMessage),
}));

const callEnvelope = codec<ExecutorCallEnvelope, WireCall>(
  'a call',
  (wire) => {
    const from = sender.decode(wire);
    if (from instanceof Rejection) return from;
    const decoded = call.decode(wire);
    return decoded instanceof Rejection ? decoded : { ...from, call: decoded };
  },
  (envelope) => Object.assign(call.encode(envelope.call), sender.encode(envelope)),
);

/** Reads a call with its envelope; total: what cannot be read keeps as much of its kind as could be. */
export function decodeExecutorCall(wire: unknown): ReceivedExecutorCall {
  const checked = decodeChecked(callEnvelope, wire);
  if (checked.ok) return checked;
  const type = isRecord(wire) ? wire['type'] : undefined;
  return { ok: false, callKind: typeof type === 'string' ? type.toLowerCase() : 'unknown', refusal: checked.refusal };
}

export function encodeExecutorCall(envelope: ExecutorCallEnvelope): WireCall {
  return callEnvelope.encode(envelope);
}

type E<Kind extends ExecutorEvent['kind']> = Extract<ExecutorEvent, { readonly kind: Kind }>;

export const executorEvent = byType<ExecutorEvent, WireEvent, NamesOf<WireEvent, 'type'>>((variant) => ({
  subscribed: variant.member(
    'SUBSCRIBED',
    'subscribed',
    message<E<'subscribed'>, Inside<WireEvent, 'subscribed'>>((field) => ({
      kind: field.kind('subscribed'),
      executorInfo: field.required('executor_info', executorInfo),
      frameworkInfo: field.required('framework_info', frameworkInfo),
      agentInfo: field.required('agent_info', agentInfo),
      containerId: field.required('container_id', containerIdMessage),
    })),
  ),
  launch: variant.member(
    'LAUNCH',
    'launch',
    message<E<'launch'>, Inside<WireEvent, 'launch'>>((field) => ({ kind: field.kind('launch'), task: field.required('task', taskInfo) })),
  ),
  kill: variant.member(
    'KILL',
    'kill',
    message<E<'kill'>, Inside<WireEvent, 'kill'>>((field) => ({
      kind: field.kind('kill'),
      taskId: field.required('task_id', taskIdMessage),
      killPolicy: field.optional('kill_policy', killPolicy),
    })),
  ),
  acknowledged: variant.member(
    'ACKNOWLEDGED',
    'acknowledged',
    message<E<'acknowledged'>, Inside<WireEvent, 'acknowledged'>>((field) => ({
      kind: field.kind('acknowledged'),
      taskId: field.required('task_id', taskIdMessage),
      uuid: field.required('uuid', uuidBytes),
      refusal: field.optional('refusal', text),
    })),
  ),
  message: variant.member(
    'MESSAGE',
    'message',
    message<E<'message'>, Inside<WireEvent, 'message'>>((field) => ({ kind: field.kind('message'), data: field.required('data', bytes) })),
  ),
  shutdown: variant.bare('SHUTDOWN', 'shutdown'),
  error: variant.member(
    'ERROR',
    'error',
    message<E<'error'>, Inside<WireEvent, 'error'>>((field) => ({ kind: field.kind('error'), message: field.required('message', text) })),
  ),
  heartbeat: variant.bare('HEARTBEAT', 'heartbeat'),
}));
