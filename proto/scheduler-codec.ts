// Scheduler codec: calls and events of a scheduler's session, wire <-> domain.
//
// Owns:      one table for each message of scheduler.proto that the domain model has, and the envelope of a call.
// Elsewhere: shared messages (vocabulary-codec.ts), the stream (grpc-link.ts), what the calls mean (master/core/).
// Invariants:
//   N1. A call that cannot be read keeps its number and as much of its kind as could be read, so that its refusal finds its sender.
//   N2. An operation of an ACCEPT, or a task of a LAUNCH, that cannot be read does not spoil the call: it is passed on as such, and answered alone.
//       Too many of them do.
// Source: Mesos v1 scheduler API, reference sections 4, 6 and 7.

import type { FrameworkInfo } from '../common/model/framework';
import type {
  AttributeConstraint,
  MasterInfo,
  OfferConstraints,
  ReceivedSchedulerCall,
  SchedulerCall,
  SchedulerCallEnvelope,
  SchedulerEvent,
} from '../common/model/scheduler-protocol';
import type { OfferOperation } from '../common/model/offer';
import type { Refusal } from '../common/refusal';
import { assertNever } from '../common/invariant';
import {
  boxedList,
  byMember,
  bytes,
  byType,
  codec,
  count,
  decodeChecked,
  enumeration,
  integer,
  isRecord,
  message,
  Rejection,
  repeatedCountMax,
  seconds,
  text,
  uuidBytes,
  type Codec,
  type Inside,
  type NamesOf,
  type WireRecord,
} from './codec';
import { resourceList } from './resource-codec';
import {
  agentIdMessage,
  executorIdMessage,
  filters,
  filtersDefault,
  frameworkIdMessage,
  frameworkInfo,
  killPolicy,
  masterInfo,
  newFrameworkId,
  offer,
  offerIdMessage,
  offerOperation,
  tasksOfOperation,
  unreadableTask,
  operationStatus,
  refusalMessage,
  taskIdMessage,
  taskStatus,
} from './vocabulary-codec';
import type { AttributeConstraint as WireConstraint } from './generated/allot/v1/AttributeConstraint';
import type { _allot_v1_Offer_Operation as WireOperation } from './generated/allot/v1/Offer';
import type { OfferConstraints as WireConstraints } from './generated/allot/v1/OfferConstraints';
import type { Request as WireRequest } from './generated/allot/v1/Request';
import type { SchedulerCall as WireCall } from './generated/allot/v1/SchedulerCall';
import type { SchedulerEvent as WireEvent } from './generated/allot/v1/SchedulerEvent';

// ---------------------------------------------------------------------------------------------------------------------------------------
// Offer constraints.

type Selector = AttributeConstraint['selector'];
type WireSelector = Inside<WireConstraint, 'selector'>;
type PseudoattributeName = Extract<Selector, { kind: 'pseudoattribute' }>['name'];

const pseudoattribute = enumeration<PseudoattributeName, NamesOf<WireSelector, 'pseudoattribute_type'>>('a pseudoattribute')({
  UNKNOWN: null,
  HOSTNAME: 'HOSTNAME',
  REGION: 'REGION',
  ZONE: 'ZONE',
});
const selector = byMember<Selector, WireSelector>((member) => ({
  attribute: member('attribute_name', named('attribute', text)),
  pseudoattribute: member('pseudoattribute_type', named('pseudoattribute', pseudoattribute)),
}));

/** A scalar member of a `oneof` as a variant that carries it as its name. */
function named<Kind extends string, Value, Wire>(kind: Kind, inner: Codec<Value, Wire>): Codec<{ readonly kind: Kind; readonly name: Value }, Wire> {
  return codec(
    inner.expected,
    (wire) => {
      const name = inner.decode(wire);
      return name instanceof Rejection ? name : { kind, name };
    },
    (value) => inner.encode(value.name),
  );
}

type Predicate = AttributeConstraint['predicate'];
type WirePredicate = Inside<WireConstraint, 'predicate'>;
/** The same, one variant per kind: several kinds share a variant of the domain type. */
type OnePredicate =
  | { readonly kind: 'exists' }
  | { readonly kind: 'not-exists' }
  | { readonly kind: 'text-equals'; readonly value: string }
  | { readonly kind: 'text-not-equals'; readonly value: string }
  | { readonly kind: 'text-matches'; readonly regex: string }
  | { readonly kind: 'text-not-matches'; readonly regex: string };
type P<Kind extends Predicate['kind']> = Extract<OnePredicate, { readonly kind: Kind }>;

const onePredicate = byMember<OnePredicate, WirePredicate>((member) => ({
  exists: member('exists', message<P<'exists'>, Inside<WirePredicate, 'exists'>>((field) => ({ kind: field.kind('exists') }))),
  'not-exists': member('not_exists', message<P<'not-exists'>, Inside<WirePredicate, 'not_exists'>>((field) => ({ kind: field.kind('not-exists') }))),
  'text-equals': member(
    'text_equals',
    message<P<'text-equals'>, Inside<WirePredicate, 'text_equals'>>((field) => ({ kind: field.kind('text-equals'), value: field.required('value', text) })),
  ),
  'text-not-equals': member(
    'text_not_equals',
    message<P<'text-not-equals'>, Inside<WirePredicate, 'text_not_equals'>>((field) => ({
      kind: field.kind('text-not-equals'),
      value: field.required('value', text),
    })),
  ),
  'text-matches': member(
    'text_matches',
    message<P<'text-matches'>, Inside<WirePredicate, 'text_matches'>>((field) => ({ kind: field.kind('text-matches'), regex: field.required('regex', text) })),
  ),
  'text-not-matches': member(
    'text_not_matches',
    message<P<'text-not-matches'>, Inside<WirePredicate, 'text_not_matches'>>((field) => ({
      kind: field.kind('text-not-matches'),
      regex: field.required('regex', text),
    })),
  ),
}));
const predicate = codec<Predicate, WirePredicate>(onePredicate.expected, onePredicate.decode, (value) => onePredicate.encode(asOne(value)));

function asOne(value: Predicate): OnePredicate {
  switch (value.kind) {
    case 'exists':
    case 'not-exists':
      return { kind: value.kind };
    case 'text-equals':
    case 'text-not-equals':
      return { kind: value.kind, value: value.value };
    case 'text-matches':
    case 'text-not-matches':
      return { kind: value.kind, regex: value.regex };
    default:
      return assertNever(value);
  }
}

export const attributeConstraint = message<AttributeConstraint, WireConstraint>((field) => ({
  selector: field.required('selector', selector),
  predicate: field.required('predicate', predicate),
}));
type WireRoleConstraints = Inside<WireConstraints, 'role_constraints'>[string];
type WireGroup = Inside<WireRoleConstraints, 'groups'>;
const group = boxedList<WireGroup>()('attribute_constraints', attributeConstraint);
const constraintsBox = message<{ readonly roles: OfferConstraints }, WireConstraints>((field) => ({
  roles: field.map('role_constraints', boxedList<WireRoleConstraints>()('groups', group)),
}));
const noConstraints: OfferConstraints = new Map();
const offerConstraints = codec<OfferConstraints, WireConstraints>(
  'offer constraints',
  (wire) => {
    const decoded = constraintsBox.decode(wire);
    return decoded instanceof Rejection ? decoded : decoded.roles;
  },
  (roles) => constraintsBox.encode({ roles }),
);

// ---------------------------------------------------------------------------------------------------------------------------------------
// Calls.

/** SUBSCRIBE without the framework id, which stands in the envelope outside. */
interface BareSubscribe {
  readonly kind: 'subscribe';
  readonly frameworkInfo: FrameworkInfo;
  readonly suppressedRoles: readonly string[];
  readonly offerConstraints: OfferConstraints;
}
type BareCall = Exclude<SchedulerCall, { readonly kind: 'subscribe' }> | BareSubscribe;
type C<Kind extends BareCall['kind']> = Extract<BareCall, { readonly kind: Kind }>;

type ReconcileTask = C<'reconcile'>['tasks'][number];
type ResourceRequest = C<'request'>['requests'][number];
type WireReconcile = Inside<WireCall, 'reconcile'>;

/** A hint of what would be useful, as sums of its scalars: nothing is decided from it, so the identity of its resources is not kept. */
const resourceRequest = codec<ResourceRequest, WireRequest>(
  'a request',
  (wire) => {
    if (!isRecord(wire)) return new Rejection(wire, 'a request');
    const resources = resourceList.decode(wire['resources'] ?? []);
    if (resources instanceof Rejection) return resources.within('resources');
    const quantities = resources.quantities();
    if (!isRecord(wire['agent_id'])) return { quantities };
    const agentId = agentIdMessage.decode(wire['agent_id']);
    return agentId instanceof Rejection ? agentId.within('agent_id') : { agentId, quantities };
  },
  ({ agentId, quantities }) => ({
    ...(agentId !== undefined && { agent_id: agentIdMessage.encode(agentId) }),
    resources: Array.from(quantities, ([name, milli]) => ({ name, type: 'SCALAR' as const, scalar: { value: milli / 1000 } })),
  }),
);

/** N2 */
const offerOperations = codec<readonly OfferOperation[], WireOperation[]>(
  'a list of operations',
  (wire) => {
    if (!Array.isArray(wire)) return new Rejection(wire, 'a list of operations');
    if (wire.length > repeatedCountMax) return new Rejection(wire.length, `at most ${repeatedCountMax} operations`);
    let taskCount = 0;
    for (const operation of wire) taskCount += tasksOfOperation(operation).length;
    if (taskCount > repeatedCountMax) return new Rejection(`${taskCount} tasks`, `at most ${repeatedCountMax} tasks in all`);
    return wire.map((operation: unknown, index) => readOperation(operation, `accept.operations[${index}]`));
  },
  (operations) => operations.map(offerOperation.encode),
);

function readOperation(wire: unknown, place: string): OfferOperation {
  const operation = offerOperation.decode(wire);
  if (operation instanceof Rejection) return unreadableOperation(wire, operation.within(place).toRefusal());
  if (operation.kind !== 'launch' || operation.unreadable === undefined) return operation;
  return { ...operation, unreadable: operation.unreadable.map((task) => ({ ...task, refusal: { ...task.refusal, field: `${place}.${task.refusal.field}` } })) };
}

function unreadableOperation(wire: unknown, refusal: Refusal): OfferOperation {
  const { id, type } = isRecord(wire) ? wire : ({} as WireRecord);
  const idText = isRecord(id) ? id['value'] : undefined;
  return {
    kind: 'unreadable',
    ...(typeof idText === 'string' && { id: idText }),
    type: typeof type === 'string' ? type : 'UNKNOWN',
    refusal,
    unreadable: tasksOfOperation(wire).map((task) => unreadableTask(task, refusal)),
  };
}

const bareCall = byType<BareCall, WireCall, NamesOf<WireCall, 'type'>>((variant) => ({
  subscribe: variant.member(
    'SUBSCRIBE',
    'subscribe',
    message<C<'subscribe'>, Inside<WireCall, 'subscribe'>>((field) => ({
      kind: field.kind('subscribe'),
      frameworkInfo: field.required('framework_info', frameworkInfo),
      suppressedRoles: field.repeated('suppressed_roles', text),
      offerConstraints: field.withDefault('offer_constraints', offerConstraints, noConstraints),
    })),
  ),
  teardown: variant.bare('TEARDOWN', 'teardown'),
  accept: variant.member(
    'ACCEPT',
    'accept',
    message<C<'accept'>, Inside<WireCall, 'accept'>>((field) => ({
      kind: field.kind('accept'),
      offerIds: field.repeated('offer_ids', offerIdMessage),
      operations: field.whole('operations', offerOperations),
      filters: field.withDefault('filters', filters, filtersDefault),
    })),
  ),
  decline: variant.member(
    'DECLINE',
    'decline',
    message<C<'decline'>, Inside<WireCall, 'decline'>>((field) => ({
      kind: field.kind('decline'),
      offerIds: field.repeated('offer_ids', offerIdMessage),
      filters: field.withDefault('filters', filters, filtersDefault),
    })),
  ),
  revive: variant.mayLack(
    'REVIVE',
    'revive',
    message<C<'revive'>, Inside<WireCall, 'revive'>>((field) => ({ kind: field.kind('revive'), roles: field.repeated('roles', text) })),
  ),
  suppress: variant.mayLack(
    'SUPPRESS',
    'suppress',
    message<C<'suppress'>, Inside<WireCall, 'suppress'>>((field) => ({ kind: field.kind('suppress'), roles: field.repeated('roles', text) })),
  ),
  kill: variant.member(
    'KILL',
    'kill',
    message<C<'kill'>, Inside<WireCall, 'kill'>>((field) => ({
      kind: field.kind('kill'),
      taskId: field.required('task_id', taskIdMessage),
      agentId: field.optional('agent_id', agentIdMessage),
      killPolicy: field.optional('kill_policy', killPolicy),
    })),
  ),
  shutdown: variant.member(
    'SHUTDOWN',
    'shutdown',
    message<C<'shutdown'>, Inside<WireCall, 'shutdown'>>((field) => ({
      kind: field.kind('shutdown'),
      executorId: field.required('executor_id', executorIdMessage),
      agentId: field.required('agent_id', agentIdMessage),
    })),
  ),
  acknowledge: variant.member(
    'ACKNOWLEDGE',
    'acknowledge',
    message<C<'acknowledge'>, Inside<WireCall, 'acknowledge'>>((field) => ({
      kind: field.kind('acknowledge'),
      agentId: field.required('agent_id', agentIdMessage),
      taskId: field.required('task_id', taskIdMessage),
      uuid: field.required('uuid', uuidBytes),
    })),
  ),
  reconcile: variant.member(
    'RECONCILE',
    'reconcile',
    message<C<'reconcile'>, WireReconcile>((field) => ({
      kind: field.kind('reconcile'),
      tasks: field.repeated(
        'tasks',
        message<ReconcileTask, Inside<WireReconcile, 'tasks'>>((inner) => ({
          taskId: inner.required('task_id', taskIdMessage),
          agentId: inner.optional('agent_id', agentIdMessage),
        })),
      ),
    })),
  ),
  message: variant.member(
    'MESSAGE',
    'message',
    message<C<'message'>, Inside<WireCall, 'message'>>((field) => ({
      kind: field.kind('message'),
      agentId: field.required('agent_id', agentIdMessage),
      executorId: field.required('executor_id', executorIdMessage),
      data: field.required('data', bytes),
    })),
  ),
  request: variant.member(
    'REQUEST',
    'request',
    message<C<'request'>, Inside<WireCall, 'request'>>((field) => ({ kind: field.kind('request'), requests: field.repeated('requests', resourceRequest) })),
  ),
  'update-framework': variant.member(
    'UPDATE_FRAMEWORK',
    'update_framework',
    message<C<'update-framework'>, Inside<WireCall, 'update_framework'>>((field) => ({
      kind: field.kind('update-framework'),
      frameworkInfo: field.required('framework_info', frameworkInfo),
      suppressedRoles: field.repeated('suppressed_roles', text),
      offerConstraints: field.withDefault('offer_constraints', offerConstraints, noConstraints),
    })),
  ),
}));

/** Reads a call with its envelope; total (N1). */
export function decodeSchedulerCall(wire: unknown): ReceivedSchedulerCall {
  const checked = decodeChecked(callEnvelope, wire);
  return checked.ok ? checked : { ok: false, number: numberOf(wire), callKind: kindOfType(isRecord(wire) ? wire['type'] : undefined), refusal: checked.refusal };
}

export function encodeSchedulerCall(envelope: SchedulerCallEnvelope): WireCall {
  return callEnvelope.encode(envelope);
}

const callEnvelope = codec<SchedulerCallEnvelope, WireCall>(
  'a call',
  (wire) => {
    if (!isRecord(wire)) return new Rejection(wire, 'a call');
    const number = wire['number'] ?? 0;
    const decodedNumber = count.decode(number);
    if (decodedNumber instanceof Rejection) return decodedNumber.within('number');
    const bare = bareCall.decode(wire);
    if (bare instanceof Rejection) return bare;
    const frameworkId = isRecord(wire['framework_id']) ? newFrameworkId.decode(wire['framework_id']) : undefined;
    if (frameworkId instanceof Rejection) return frameworkId.within('framework_id');
    if (frameworkId === undefined) return { number: decodedNumber, call: bare };
    return { number: decodedNumber, frameworkId, call: bare.kind === 'subscribe' ? { ...bare, frameworkId } : bare };
  },
  ({ number, frameworkId, call }) => {
    const wire = bareCall.encode(call);
    const id = frameworkId ?? (call.kind === 'subscribe' ? call.frameworkId : undefined);
    if (id !== undefined) wire.framework_id = frameworkIdMessage.encode(id);
    if (number !== 0) wire.number = number;
    return wire;
  },
);

function numberOf(wire: unknown): number {
  const number = isRecord(wire) ? count.decode(wire['number']) : 0;
  return number instanceof Rejection ? 0 : number;
}

/** `UPDATE_FRAMEWORK` is `update-framework` inside. What is no name of a type is `unknown`. */
function kindOfType(type: unknown): string {
  return typeof type === 'string' && type !== '' ? type.toLowerCase().replaceAll('_', '-') : 'unknown';
}

function typeOfKind(kind: string): string {
  return kind.toUpperCase().replaceAll('-', '_');
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// Events.

type E<Kind extends SchedulerEvent['kind']> = Extract<SchedulerEvent, { readonly kind: Kind }>;

const callKind = codec<string, string>(
  'the name of a call type',
  (wire) => (typeof wire === 'string' ? kindOfType(wire) : new Rejection(wire, 'the name of a call type')),
  typeOfKind,
);

/** What a client assumes of a master that does not say. Ours: the default of both ends. */
const heartbeatIntervalDefaultMs = 5_000;
const unknownMaster: MasterInfo = Object.freeze({ id: '', address: '', version: '' });

export const schedulerEvent = byType<SchedulerEvent, WireEvent, NamesOf<WireEvent, 'type'>>((variant) => ({
  subscribed: variant.member(
    'SUBSCRIBED',
    'subscribed',
    message<E<'subscribed'>, Inside<WireEvent, 'subscribed'>>((field) => ({
      kind: field.kind('subscribed'),
      frameworkId: field.required('framework_id', frameworkIdMessage),
      heartbeatIntervalMs: field.withDefault('heartbeat_interval_seconds', seconds, heartbeatIntervalDefaultMs),
      masterInfo: field.withDefault('master_info', masterInfo, unknownMaster),
    })),
  ),
  offers: variant.member(
    'OFFERS',
    'offers',
    message<E<'offers'>, Inside<WireEvent, 'offers'>>((field) => ({ kind: field.kind('offers'), offers: field.repeated('offers', offer) })),
  ),
  rescind: variant.member(
    'RESCIND',
    'rescind',
    message<E<'rescind'>, Inside<WireEvent, 'rescind'>>((field) => ({ kind: field.kind('rescind'), offerId: field.required('offer_id', offerIdMessage) })),
  ),
  update: variant.member(
    'UPDATE',
    'update',
    message<E<'update'>, Inside<WireEvent, 'update'>>((field) => ({ kind: field.kind('update'), status: field.required('status', taskStatus) })),
  ),
  'operation-update': variant.member(
    'UPDATE_OPERATION_STATUS',
    'update_operation_status',
    message<E<'operation-update'>, Inside<WireEvent, 'update_operation_status'>>((field) => ({
      kind: field.kind('operation-update'),
      status: field.required('status', operationStatus),
    })),
  ),
  message: variant.member(
    'MESSAGE',
    'message',
    message<E<'message'>, Inside<WireEvent, 'message'>>((field) => ({
      kind: field.kind('message'),
      agentId: field.required('agent_id', agentIdMessage),
      executorId: field.required('executor_id', executorIdMessage),
      data: field.required('data', bytes),
    })),
  ),
  failure: variant.member(
    'FAILURE',
    'failure',
    message<E<'failure'>, Inside<WireEvent, 'failure'>>((field) => ({
      kind: field.kind('failure'),
      agentId: field.optional('agent_id', agentIdMessage),
      executorId: field.optional('executor_id', executorIdMessage),
      status: field.optional('status', integer),
    })),
  ),
  error: variant.member(
    'ERROR',
    'error',
    message<E<'error'>, Inside<WireEvent, 'error'>>((field) => ({ kind: field.kind('error'), message: field.required('message', text) })),
  ),
  refused: variant.member(
    'REFUSED',
    'refused',
    message<E<'refused'>, Inside<WireEvent, 'refused'>>((field) => ({
      kind: field.kind('refused'),
      number: field.withDefault('number', count, 0),
      callKind: field.withDefault('call_type', callKind, 'unknown'),
      refusal: field.required('refusal', refusalMessage),
    })),
  ),
  heartbeat: variant.bare('HEARTBEAT', 'heartbeat'),
}));
