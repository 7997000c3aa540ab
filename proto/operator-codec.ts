// Operator codec: questions of operators and their answers, wire <-> domain.
//
// Owns:      one table for each message of operator.proto.
// Elsewhere: explanations (explanation-codec.ts), shared messages (vocabulary-codec.ts), the call (grpc-operator.ts), the answers (master/core/).
// Source: operator.proto.

import type { AgentSummary, FrameworkSummary, OfferSummary, OperatorCall, OperatorReply, QuotaSummary, RoleSummary, TaskSummary } from '../common/model/operator-protocol';
import type { Quantities } from '../common/model/framework';
import { byMember, codec, count, enumeration, finite, flag, integer, message, nanoseconds, Rejection, text, type Inside, type NamesOf } from './codec';
import { sandboxChunk } from './agent-codec';
import { explanation, whatIfChange, whatIfDivision, whatIfEffect } from './explanation-codec';
import { resourceList } from './resource-codec';
import {
  agentIdMessage,
  agentInfo,
  executorIdMessage,
  frameworkIdMessage,
  frameworkInfo,
  masterInfo,
  offerIdMessage,
  quantitiesMessage,
  quotaConfig,
  refusalMessage,
  sandboxStream,
  taskIdMessage,
  taskReason,
  taskSource,
  taskState,
} from './vocabulary-codec';
import type { AgentSummary as WireAgentSummary } from './generated/allot/v1/AgentSummary';
import type { FrameworkSummary as WireFrameworkSummary } from './generated/allot/v1/FrameworkSummary';
import type { OfferSummary as WireOfferSummary } from './generated/allot/v1/OfferSummary';
import type { OperatorCall as WireCall } from './generated/allot/v1/OperatorCall';
import type { OperatorReply as WireReply } from './generated/allot/v1/OperatorReply';
import type { QuotaSummary as WireQuotaSummary } from './generated/allot/v1/QuotaSummary';
import type { RoleSummary as WireRoleSummary } from './generated/allot/v1/RoleSummary';
import type { TaskSummary as WireTaskSummary } from './generated/allot/v1/TaskSummary';

type C<Kind extends OperatorCall['kind']> = Extract<OperatorCall, { readonly kind: Kind }>;

export const operatorCall = byMember<OperatorCall, WireCall>((member) => ({
  'get-master': member('get_master', message<C<'get-master'>, Inside<WireCall, 'get_master'>>((field) => ({ kind: field.kind('get-master') }))),
  'get-agents': member(
    'get_agents',
    message<C<'get-agents'>, Inside<WireCall, 'get_agents'>>((field) => ({
      kind: field.kind('get-agents'),
      limit: field.optional('limit', count),
      skip: field.optional('skip', count),
    })),
  ),
  'get-frameworks': member(
    'get_frameworks',
    message<C<'get-frameworks'>, Inside<WireCall, 'get_frameworks'>>((field) => ({
      kind: field.kind('get-frameworks'),
      limit: field.optional('limit', count),
      skip: field.optional('skip', count),
    })),
  ),
  'get-tasks': member(
    'get_tasks',
    message<C<'get-tasks'>, Inside<WireCall, 'get_tasks'>>((field) => ({
      kind: field.kind('get-tasks'),
      frameworkId: field.optional('framework_id', frameworkIdMessage),
      includeCompleted: field.withDefault('include_completed', flag, false),
      limit: field.optional('limit', count),
      skip: field.optional('skip', count),
    })),
  ),
  'get-offers': member(
    'get_offers',
    message<C<'get-offers'>, Inside<WireCall, 'get_offers'>>((field) => ({
      kind: field.kind('get-offers'),
      limit: field.optional('limit', count),
      skip: field.optional('skip', count),
    })),
  ),
  'get-roles': member(
    'get_roles',
    message<C<'get-roles'>, Inside<WireCall, 'get_roles'>>((field) => ({
      kind: field.kind('get-roles'),
      limit: field.optional('limit', count),
      skip: field.optional('skip', count),
    })),
  ),
  'kill-task': member(
    'kill_task',
    message<C<'kill-task'>, Inside<WireCall, 'kill_task'>>((field) => ({
      kind: field.kind('kill-task'),
      taskId: field.required('task_id', taskIdMessage),
      frameworkId: field.optional('framework_id', frameworkIdMessage),
    })),
  ),
  teardown: member(
    'teardown',
    message<C<'teardown'>, Inside<WireCall, 'teardown'>>((field) => ({
      kind: field.kind('teardown'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
    })),
  ),
  'set-weight': member(
    'set_weight',
    message<C<'set-weight'>, Inside<WireCall, 'set_weight'>>((field) => ({
      kind: field.kind('set-weight'),
      role: field.required('role', text),
      weight: field.required('weight', finite),
    })),
  ),
  'get-quota': member('get_quota', message<C<'get-quota'>, Inside<WireCall, 'get_quota'>>((field) => ({ kind: field.kind('get-quota') }))),
  'update-quota': member(
    'update_quota',
    message<C<'update-quota'>, Inside<WireCall, 'update_quota'>>((field) => ({
      kind: field.kind('update-quota'),
      configs: field.repeated('quota_configs', quotaConfig),
      force: field.withDefault('force', flag, false),
    })),
  ),
  explain: member(
    'explain',
    message<C<'explain'>, Inside<WireCall, 'explain'>>((field) => ({
      kind: field.kind('explain'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      role: field.optional('role', text),
      agentId: field.optional('agent_id', agentIdMessage),
    })),
  ),
  'what-if': member(
    'what_if',
    message<C<'what-if'>, Inside<WireCall, 'what_if'>>((field) => ({
      kind: field.kind('what-if'),
      changes: field.repeated('changes', whatIfChange),
      division: field.withDefault('division', whatIfDivision, 'next-batch'),
    })),
  ),
  'read-sandbox': member(
    'read_sandbox',
    message<C<'read-sandbox'>, Inside<WireCall, 'read_sandbox'>>((field) => ({
      kind: field.kind('read-sandbox'),
      taskId: field.required('task_id', taskIdMessage),
      frameworkId: field.optional('framework_id', frameworkIdMessage),
      stream: field.required('stream', sandboxStream),
      offset: field.required('offset', integer),
      lengthMax: field.required('length_max', count),
    })),
  ),
}));

const agentSummary = message<AgentSummary, WireAgentSummary>((field) => ({
  id: field.required('agent_id', agentIdMessage),
  info: field.required('agent_info', agentInfo),
  version: field.required('version', text),
  state: field.required(
    'state',
    enumeration<AgentSummary['state'], NamesOf<WireAgentSummary, 'state'>>('a state of an agent')({
      UNKNOWN: null,
      ACTIVE: 'active',
      DISCONNECTED: 'disconnected',
      RECOVERED: 'recovered',
      UNREACHABLE: 'unreachable',
    }),
  ),
  registeredAtMs: field.optional('registered_time', nanoseconds),
  unreachableSinceMs: field.optional('unreachable_time', nanoseconds),
  total: field.whole('total_resources', resourceList),
  offered: field.whole('offered_resources', resourceList),
  allocated: field.whole('allocated_resources', resourceList),
  taskCount: field.required('task_count', count),
}));

const frameworkSummary = message<FrameworkSummary, WireFrameworkSummary>((field) => ({
  id: field.required('framework_id', frameworkIdMessage),
  info: field.required('framework_info', frameworkInfo),
  state: field.required(
    'state',
    enumeration<FrameworkSummary['state'], NamesOf<WireFrameworkSummary, 'state'>>('a state of a framework')({
      UNKNOWN: null,
      CONNECTED: 'connected',
      DISCONNECTED: 'disconnected',
      RECOVERED: 'recovered',
      COMPLETED: 'completed',
    }),
  ),
  suppressedRoles: field.repeated('suppressed_roles', text),
  subscribedAtMs: field.optional('registered_time', nanoseconds),
  offerCount: field.required('offer_count', count),
  taskCount: field.required('task_count', count),
  allocated: field.required('allocated', quantitiesMessage),
  offerHoldMeanMs: field.optional('offer_hold_mean_ms', finite),
}));

const taskSummary = message<TaskSummary, WireTaskSummary>((field) => ({
  id: field.required('task_id', taskIdMessage),
  name: field.required('name', text),
  frameworkId: field.required('framework_id', frameworkIdMessage),
  frameworkName: field.required('framework_name', text),
  agentId: field.required('agent_id', agentIdMessage),
  hostname: field.required('hostname', text),
  executorId: field.optional('executor_id', executorIdMessage),
  role: field.required('role', text),
  state: field.required('state', taskState),
  source: field.optional('source', taskSource),
  reason: field.optional('reason', taskReason),
  message: field.optional('message', text),
  resources: field.whole('resources', resourceList),
  startedAtMs: field.optional('started_time', nanoseconds),
  endedAtMs: field.optional('ended_time', nanoseconds),
}));

const offerSummary = message<OfferSummary, WireOfferSummary>((field) => ({
  id: field.required('id', offerIdMessage),
  frameworkId: field.required('framework_id', frameworkIdMessage),
  agentId: field.required('agent_id', agentIdMessage),
  hostname: field.required('hostname', text),
  role: field.required('role', text),
  resources: field.whole('resources', resourceList),
  ageMs: field.required('age_ms', finite),
  expiresInMs: field.optional('expires_in_ms', finite),
}));

/** Fields that an older master does not fill in. */
const nothing: Quantities = new Map();

const roleSummary = message<RoleSummary, WireRoleSummary>((field) => ({
  role: field.required('role', text),
  weight: field.required('weight', finite),
  share: field.required('share', finite),
  dominantResource: field.optional('dominant_resource', text),
  frameworkIds: field.repeated('frameworks', frameworkIdMessage),
  allocated: field.required('allocated', quantitiesMessage),
  reserved: field.withDefault('reserved', quantitiesMessage, nothing),
  consumed: field.withDefault('consumed', quantitiesMessage, nothing),
  quota: field.optional('quota', quotaConfig),
}));

const quotaSummary = message<QuotaSummary, WireQuotaSummary>((field) => ({
  config: field.required('config', quotaConfig),
  consumed: field.required('consumed', quantitiesMessage),
}));

type R<Kind extends OperatorReply['kind']> = Extract<OperatorReply, { readonly kind: Kind }>;

const chunkReply = codec<R<'sandbox-chunk'>, Inside<WireReply, 'sandbox_chunk'>>(
  sandboxChunk.expected,
  (wire) => {
    const chunk = sandboxChunk.decode(wire);
    return chunk instanceof Rejection ? chunk : { kind: 'sandbox-chunk', ...chunk };
  },
  sandboxChunk.encode,
);

const refusedReply = codec<R<'refused'>, Inside<WireReply, 'refused'>>(
  refusalMessage.expected,
  (wire) => {
    const refusal = refusalMessage.decode(wire);
    return refusal instanceof Rejection ? refusal : { kind: 'refused', refusal };
  },
  (reply) => refusalMessage.encode(reply.refusal),
);

export const operatorReply = byMember<OperatorReply, WireReply>((member) => ({
  master: member(
    'master',
    message<R<'master'>, Inside<WireReply, 'master'>>((field) => ({
      kind: field.kind('master'),
      masterInfo: field.required('master_info', masterInfo),
      electedAtMs: field.required('elected_time', nanoseconds),
      registry: field.required('registry', text),
      agentCount: field.required('agent_count', count),
      frameworkCount: field.required('framework_count', count),
    })),
  ),
  agents: member(
    'agents',
    message<R<'agents'>, Inside<WireReply, 'agents'>>((field) => ({
      kind: field.kind('agents'),
      agents: field.repeated('agents', agentSummary),
      omittedCount: field.withDefault('omitted_count', count, 0),
    })),
  ),
  frameworks: member(
    'frameworks',
    message<R<'frameworks'>, Inside<WireReply, 'frameworks'>>((field) => ({
      kind: field.kind('frameworks'),
      frameworks: field.repeated('frameworks', frameworkSummary),
      omittedCount: field.withDefault('omitted_count', count, 0),
    })),
  ),
  tasks: member(
    'tasks',
    message<R<'tasks'>, Inside<WireReply, 'tasks'>>((field) => ({
      kind: field.kind('tasks'),
      tasks: field.repeated('tasks', taskSummary),
      omittedCount: field.withDefault('omitted_count', count, 0),
    })),
  ),
  offers: member(
    'offers',
    message<R<'offers'>, Inside<WireReply, 'offers'>>((field) => ({
      kind: field.kind('offers'),
      offers: field.repeated('offers', offerSummary),
      omittedCount: field.withDefault('omitted_count', count, 0),
    })),
  ),
  roles: member(
    'roles',
    message<R<'roles'>, Inside<WireReply, 'roles'>>((field) => ({
      kind: field.kind('roles'),
      roles: field.repeated('roles', roleSummary),
      omittedCount: field.withDefault('omitted_count', count, 0),
    })),
  ),
  quota: member('quota', message<R<'quota'>, Inside<WireReply, 'quota'>>((field) => ({ kind: field.kind('quota'), quotas: field.repeated('quotas', quotaSummary) }))),
  explanations: member(
    'explanations',
    message<R<'explanations'>, Inside<WireReply, 'explanations'>>((field) => ({
      kind: field.kind('explanations'),
      frameworkName: field.required('framework_name', text),
      explanations: field.repeated('explanations', explanation),
      omittedCount: field.required('omitted_count', count),
    })),
  ),
  'what-if': member(
    'what_if',
    message<R<'what-if'>, Inside<WireReply, 'what_if'>>((field) => ({
      kind: field.kind('what-if'),
      effects: field.repeated('effects', whatIfEffect),
      gains: field.repeated('gains', whatIfEffect),
      loses: field.repeated('loses', whatIfEffect),
      starves: field.repeated('starves', whatIfEffect),
    })),
  ),
  done: member('done', message<R<'done'>, Inside<WireReply, 'done'>>((field) => ({ kind: field.kind('done') }))),
  'sandbox-chunk': member('sandbox_chunk', chunkReply),
  refused: member('refused', refusedReply),
  unavailable: member(
    'unavailable',
    message<R<'unavailable'>, Inside<WireReply, 'unavailable'>>((field) => ({ kind: field.kind('unavailable'), message: field.required('message', text) })),
  ),
}));
