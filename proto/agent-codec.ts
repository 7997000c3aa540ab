// Agent codec: messages between an agent and the master, wire <-> domain.
//
// Owns:      one table for each message of agent.proto.
// Elsewhere: shared messages (vocabulary-codec.ts), the stream (grpc-link.ts), what the messages mean (master/core/, agent/core/).
// Source: agent.proto.

import type { AgentMessage, ExecutorReport, MasterMessage, TaskReport } from '../common/model/agent-protocol';
import { byMember, bytes, codec, count, flag, integer, isRecord, message, Rejection, text, uuidBytes, type Inside } from './codec';
import {
  agentIdMessage,
  agentInfo,
  containerIdMessage,
  executorIdMessage,
  executorInfo,
  frameworkIdMessage,
  frameworkInfo,
  killPolicy,
  sandboxStream,
  taskIdMessage,
  taskInfo,
  taskState,
  taskStatus,
} from './vocabulary-codec';
import type { AgentMessage as WireAgentMessage } from './generated/allot/v1/AgentMessage';
import type { ExecutorReport as WireExecutorReport } from './generated/allot/v1/ExecutorReport';
import type { MasterMessage as WireMasterMessage } from './generated/allot/v1/MasterMessage';
import type { SandboxChunk as WireSandboxChunk } from './generated/allot/v1/SandboxChunk';
import type { TaskReport as WireTaskReport } from './generated/allot/v1/TaskReport';

const taskReport = message<TaskReport, WireTaskReport>((field) => ({
  frameworkId: field.required('framework_id', frameworkIdMessage),
  task: field.required('task', taskInfo),
  executorId: field.required('executor_id', executorIdMessage),
  state: field.required('state', taskState),
  unacknowledged: field.optional(
    'unacknowledged',
    message<NonNullable<TaskReport['unacknowledged']>, Inside<WireTaskReport, 'unacknowledged'>>((inner) => ({
      state: inner.required('state', taskState),
      uuid: inner.required('uuid', uuidBytes),
    })),
  ),
}));

const executorReport = message<ExecutorReport, WireExecutorReport>((field) => ({
  frameworkId: field.required('framework_id', frameworkIdMessage),
  executor: field.required('executor', executorInfo),
}));

/** Bytes of a growing file, as they travel in answers about sandboxes. */
export const sandboxChunk = message<{ readonly offset: number; readonly data: Uint8Array; readonly size: number; readonly ended: boolean }, WireSandboxChunk>(
  (field) => ({
    offset: field.required('offset', count),
    data: field.required('data', bytes),
    size: field.required('size', count),
    ended: field.withDefault('ended', flag, false),
  }),
);

type A<Kind extends AgentMessage['kind']> = Extract<AgentMessage, { readonly kind: Kind }>;
type WireSandboxAnswer = Inside<WireAgentMessage, 'sandbox_answer'>;

/** Success and failure are two members outside, and one union with `ok` inside. */
const sandboxAnswer = codec<A<'sandbox-chunk'>, WireSandboxAnswer>(
  'an answer about a sandbox',
  (wire) => {
    if (!isRecord(wire)) return new Rejection(wire, 'an answer about a sandbox');
    const request = count.decode(wire['request']);
    if (request instanceof Rejection) return request.within('request');
    if (typeof wire['failure'] === 'string') return { kind: 'sandbox-chunk', request, outcome: { ok: false, message: wire['failure'] } };
    const chunk = sandboxChunk.decode(wire['chunk']);
    return chunk instanceof Rejection ? chunk.within('chunk') : { kind: 'sandbox-chunk', request, outcome: { ok: true, ...chunk } };
  },
  ({ request, outcome }) => (outcome.ok ? { request, chunk: sandboxChunk.encode(outcome) } : { request, failure: outcome.message }),
);

export const agentMessage = byMember<AgentMessage, WireAgentMessage>((member) => ({
  register: member(
    'register',
    message<A<'register'>, Inside<WireAgentMessage, 'register'>>((field) => ({
      kind: field.kind('register'),
      info: field.required('info', agentInfo),
      version: field.required('version', text),
    })),
  ),
  reregister: member(
    'reregister',
    message<A<'reregister'>, Inside<WireAgentMessage, 'reregister'>>((field) => ({
      kind: field.kind('reregister'),
      agentId: field.required('agent_id', agentIdMessage),
      info: field.required('info', agentInfo),
      version: field.required('version', text),
      tasks: field.repeated('tasks', taskReport),
      executors: field.repeated('executors', executorReport),
      frameworks: field.repeated('frameworks', frameworkInfo),
    })),
  ),
  'report-part': member(
    'report_part',
    message<A<'report-part'>, Inside<WireAgentMessage, 'report_part'>>((field) => ({
      kind: field.kind('report-part'),
      tasks: field.repeated('tasks', taskReport),
      executors: field.repeated('executors', executorReport),
      frameworks: field.repeated('frameworks', frameworkInfo),
    })),
  ),
  'status-update': member(
    'status_update',
    message<A<'status-update'>, Inside<WireAgentMessage, 'status_update'>>((field) => ({
      kind: field.kind('status-update'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      status: field.required('status', taskStatus),
      latestState: field.required('latest_state', taskState),
    })),
  ),
  'exited-executor': member(
    'exited_executor',
    message<A<'exited-executor'>, Inside<WireAgentMessage, 'exited_executor'>>((field) => ({
      kind: field.kind('exited-executor'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      executorId: field.required('executor_id', executorIdMessage),
      status: field.required('status', integer),
    })),
  ),
  'framework-message': member(
    'framework_message',
    message<A<'framework-message'>, Inside<WireAgentMessage, 'framework_message'>>((field) => ({
      kind: field.kind('framework-message'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      executorId: field.required('executor_id', executorIdMessage),
      data: field.required('data', bytes),
    })),
  ),
  pong: member('pong', message<A<'pong'>, Inside<WireAgentMessage, 'pong'>>((field) => ({ kind: field.kind('pong') }))),
  unregister: member('unregister', message<A<'unregister'>, Inside<WireAgentMessage, 'unregister'>>((field) => ({ kind: field.kind('unregister') }))),
  'sandbox-chunk': member('sandbox_answer', sandboxAnswer),
}));

type M<Kind extends MasterMessage['kind']> = Extract<MasterMessage, { readonly kind: Kind }>;
type WireReregistered = Inside<WireMasterMessage, 'reregistered'>;
type MissingTask = M<'reregistered'>['missingTasks'][number];

export const masterMessage = byMember<MasterMessage, WireMasterMessage>((member) => ({
  registered: member(
    'registered',
    message<M<'registered'>, Inside<WireMasterMessage, 'registered'>>((field) => ({
      kind: field.kind('registered'),
      agentId: field.required('agent_id', agentIdMessage),
      masterId: field.required('master_id', text),
    })),
  ),
  reregistered: member(
    'reregistered',
    message<M<'reregistered'>, WireReregistered>((field) => ({
      kind: field.kind('reregistered'),
      agentId: field.required('agent_id', agentIdMessage),
      masterId: field.required('master_id', text),
      missingTasks: field.repeated(
        'missing_tasks',
        message<MissingTask, Inside<WireReregistered, 'missing_tasks'>>((inner) => ({
          frameworkId: inner.required('framework_id', frameworkIdMessage),
          taskId: inner.required('task_id', taskIdMessage),
        })),
      ),
    })),
  ),
  'report-part-taken': member(
    'report_part_taken',
    message<M<'report-part-taken'>, Inside<WireMasterMessage, 'report_part_taken'>>((field) => ({ kind: field.kind('report-part-taken') })),
  ),
  'registration-refused': member(
    'registration_refused',
    message<M<'registration-refused'>, Inside<WireMasterMessage, 'registration_refused'>>((field) => ({
      kind: field.kind('registration-refused'),
      message: field.required('message', text),
      permanent: field.required('permanent', flag),
    })),
  ),
  'run-task': member(
    'run_task',
    message<M<'run-task'>, Inside<WireMasterMessage, 'run_task'>>((field) => ({
      kind: field.kind('run-task'),
      framework: field.required('framework', frameworkInfo),
      task: field.required('task', taskInfo),
      launchExecutor: field.required('launch_executor', flag),
    })),
  ),
  'kill-task': member(
    'kill_task',
    message<M<'kill-task'>, Inside<WireMasterMessage, 'kill_task'>>((field) => ({
      kind: field.kind('kill-task'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      taskId: field.required('task_id', taskIdMessage),
      killPolicy: field.optional('kill_policy', killPolicy),
    })),
  ),
  'acknowledge-status': member(
    'acknowledge_status',
    message<M<'acknowledge-status'>, Inside<WireMasterMessage, 'acknowledge_status'>>((field) => ({
      kind: field.kind('acknowledge-status'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      taskId: field.required('task_id', taskIdMessage),
      uuid: field.required('uuid', uuidBytes),
    })),
  ),
  'shutdown-executor': member(
    'shutdown_executor',
    message<M<'shutdown-executor'>, Inside<WireMasterMessage, 'shutdown_executor'>>((field) => ({
      kind: field.kind('shutdown-executor'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      executorId: field.required('executor_id', executorIdMessage),
    })),
  ),
  'shutdown-framework': member(
    'shutdown_framework',
    message<M<'shutdown-framework'>, Inside<WireMasterMessage, 'shutdown_framework'>>((field) => ({
      kind: field.kind('shutdown-framework'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
    })),
  ),
  'update-framework': member(
    'update_framework',
    message<M<'update-framework'>, Inside<WireMasterMessage, 'update_framework'>>((field) => ({
      kind: field.kind('update-framework'),
      framework: field.required('framework', frameworkInfo),
    })),
  ),
  'framework-message': member(
    'framework_message',
    message<M<'framework-message'>, Inside<WireMasterMessage, 'framework_message'>>((field) => ({
      kind: field.kind('framework-message'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      executorId: field.required('executor_id', executorIdMessage),
      data: field.required('data', bytes),
    })),
  ),
  ping: member('ping', message<M<'ping'>, Inside<WireMasterMessage, 'ping'>>((field) => ({ kind: field.kind('ping') }))),
  shutdown: member(
    'shutdown',
    message<M<'shutdown'>, Inside<WireMasterMessage, 'shutdown'>>((field) => ({ kind: field.kind('shutdown'), message: field.required('message', text) })),
  ),
  'read-sandbox': member(
    'read_sandbox',
    message<M<'read-sandbox'>, Inside<WireMasterMessage, 'read_sandbox'>>((field) => ({
      kind: field.kind('read-sandbox'),
      request: field.required('request', count),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      executorId: field.required('executor_id', executorIdMessage),
      containerId: field.optional('container_id', containerIdMessage),
      stream: field.required('stream', sandboxStream),
      offset: field.required('offset', integer),
      lengthMax: field.required('length_max', count),
    })),
  ),
}));
