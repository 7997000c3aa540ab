// Domain arbitraries: values of every type that travels, in normal form.
//
// Owns:      fast-check arbitraries of the domain model, as wide as the wire is.
// Elsewhere: the properties that use them (codecs.test.ts, stored-codecs.test.ts).
// Source: our choice; optional fields come and go independently, so that each is once there and once not.

import fc from 'fast-check';

import type { AgentInfo, Attribute, DomainInfo, Unavailability } from '../../common/model/agent';
import type { AgentMessage, ExecutorReport, MasterMessage, TaskReport } from '../../common/model/agent-protocol';
import type { CheckpointRecord } from '../../common/model/checkpoint-record';
import type { CommandInfo, ContainerInfo, Image, Label, NetworkInfo, Parameter, PortMapping, Secret, Volume } from '../../common/model/command';
import type { ExecutorCallEnvelope, ExecutorEvent } from '../../common/model/executor-protocol';
import type { Explanation, Membership, PlainReasonKind, Reason, Standing, WhatIfChange, WhatIfEffect, WhatIfHolding } from '../../common/model/explanation';
import { frameworkCapabilities, type FrameworkInfo, type Quantities } from '../../common/model/framework';
import { agentId, containerId, executorId, frameworkId, offerId, taskId } from '../../common/model/ids';
import type { Filters, Offer, OfferOperation } from '../../common/model/offer';
import type { AgentSummary, FrameworkSummary, OfferSummary, OperatorCall, OperatorReply, QuotaSummary, RoleSummary, TaskSummary } from '../../common/model/operator-protocol';
import { operationStateNumbers, type OperationState, type OperationStatus } from '../../common/model/operation-status';
import type { QuotaConfig } from '../../common/model/quota';
import type { RegistryFact } from '../../common/model/registry-fact';
import { Resources, type Resource } from '../../common/model/resources';
import type { AttributeConstraint, MasterInfo, SchedulerCall, SchedulerCallEnvelope, SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { CheckInfo, DiscoveryInfo, ExecutorInfo, HealthCheck, KillPolicy, TaskInfo } from '../../common/model/task';
import { taskReasonNumbers, taskStateNumbers, type TaskReason, type TaskState, type TaskStatus } from '../../common/model/task-status';
import type { Refusal } from '../../common/refusal';

/** A record whose keys named in `optional` come and go. */
function some<T extends object>(optional: { [Key in keyof T as object extends Pick<T, Key> ? Key : never]-?: fc.Arbitrary<Exclude<T[Key], undefined>> }, required: {
  [Key in keyof T as object extends Pick<T, Key> ? never : Key]: fc.Arbitrary<T[Key]>;
}): fc.Arbitrary<T> {
  return fc.record({ ...optional, ...required }, { requiredKeys: Object.keys(required) as never[] }) as unknown as fc.Arbitrary<T>;
}

const plain = <T extends object>(required: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> => fc.record(required) as unknown as fc.Arbitrary<T>;
const few = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(arbitrary, { maxLength: 2 });
const named = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<ReadonlyMap<string, T>> =>
  few(fc.tuple(fc.stringMatching(/^[a-z]{1,6}$/), arbitrary)).map((entries) => new Map(entries));

const text = fc.oneof(fc.string({ maxLength: 8 }), fc.string({ unit: 'grapheme', maxLength: 4 }), fc.constant('__proto__'));
const flag = fc.boolean();
const count = fc.nat(70_000);
const bytes = fc.uint8Array({ maxLength: 12 });
const uuid = fc.stringMatching(/^[0-9a-f]{32}$/);
const durationMs = fc.oneof(fc.nat(10_000_000), fc.nat(10_000_000).map((micros) => micros / 1000));
const wallMs = fc.integer({ min: 0, max: 4_000_000_000_000 });
const milli = fc.oneof(fc.nat(5_000), fc.integer({ min: 1, max: 9_000_000_000_000 }));
const idText = fc.stringMatching(/^[A-Za-z0-9 _:ä-]{1,12}$/);

const anAgentId = idText.map(agentId);
const aContainerId = idText.map(containerId);
const anExecutorId = idText.map(executorId);
const aFrameworkId = idText.map(frameworkId);
const anOfferId = idText.map(offerId);
const aTaskId = idText.map(taskId);
const aRole = fc.constantFrom('*', 'eng', 'eng/batch', 'ops');

const label = some<Label>({ value: text }, { key: text });
const labels = few(label);
const quantities: fc.Arbitrary<Quantities> = named(milli);

// Resources.

const reservations = fc.constantFrom<Resource['reservations']>(
  [],
  [{ type: 'STATIC', role: 'eng', labels: [] }],
  [{ type: 'DYNAMIC', role: 'eng', principal: 'ops', labels: [{ key: 'a', value: 'b' }, { key: 'c' }] }],
  [
    { type: 'STATIC', role: 'eng', labels: [] },
    { type: 'DYNAMIC', role: 'eng/batch', labels: [] },
  ],
);
const owner = some<Pick<Resource, 'reservations' | 'revocable' | 'shared' | 'providerId' | 'allocationRole'>>(
  { providerId: idText, allocationRole: aRole },
  { reservations, revocable: fc.constant(false), shared: fc.constant(false) },
);
const scalar = fc.tuple(fc.constantFrom('cpus', 'mem', 'bandwidth'), fc.integer({ min: 1, max: 9_000_000_000_000 }), owner, fc.boolean()).map(
  ([name, amount, rest, isRevocable]): Resource => ({
    ...rest,
    name,
    value: { kind: 'scalar', milli: amount },
    revocable: isRevocable && !rest.reservations.some(({ type }) => type === 'DYNAMIC'),
  }),
);
const ports = fc.tuple(fc.nat(1_000), fc.nat(50), owner).map(
  ([begin, length, rest]): Resource => ({ ...rest, name: 'ports', value: { kind: 'ranges', ranges: [{ begin, end: begin + length }, { begin: 5_000, end: 2 ** 53 - 1 }] } }),
);
const devices = fc.tuple(fc.uniqueArray(text, { minLength: 1, maxLength: 3 }), owner).map(
  ([items, rest]): Resource => ({ ...rest, name: 'devices', value: { kind: 'set', items } }),
);
const disks = fc.constantFrom<NonNullable<Resource['disk']>>(
  { source: { type: 'PATH', root: '/mnt/a', metadata: [] } },
  { source: { type: 'MOUNT', root: '/mnt/b', id: 'x', profile: 'fast', vendor: 'v', metadata: [{ key: 'k', value: 'v' }] } },
  { source: { type: 'RAW', metadata: [] } },
  { persistence: { id: 'volume-1', principal: 'ops' }, volume: { containerPath: 'data', mode: 'RW' } },
  { persistence: { id: 'volume-2' }, volume: { containerPath: 'data', hostPath: '/h', mode: 'RO' } },
);
const disk = fc.tuple(fc.integer({ min: 1, max: 1_000_000 }), disks, owner, fc.boolean()).map(
  ([amount, info, rest, isShared]): Resource => ({
    ...rest,
    name: 'disk',
    value: { kind: 'scalar', milli: amount },
    disk: info,
    shared: isShared && info.persistence !== undefined,
  }),
);
const resource = fc.oneof(scalar, ports, devices, disk);
const resources = few(resource).map((list) => Resources.of(list));
const oneResource = resource.map((entry) => Resources.of([entry]));

// Machines and frameworks.

const domain = some<DomainInfo>({ faultDomain: plain<NonNullable<DomainInfo['faultDomain']>>({ region: text, zone: text }) }, {});
const attribute = fc.oneof<fc.Arbitrary<Attribute>[]>(
  plain({ name: text, kind: fc.constant('scalar' as const), milli: fc.integer({ min: -1_000_000, max: 1_000_000_000 }) }),
  plain({ name: text, kind: fc.constant('ranges' as const), ranges: few(plain({ begin: count, end: count })) }),
  plain({ name: text, kind: fc.constant('set' as const), items: few(text) }),
  plain({ name: text, kind: fc.constant('text' as const), text }),
);
const unavailability = some<Unavailability>({ durationMs }, { startMs: wallMs });
const agentInfo = some<AgentInfo>({ id: anAgentId, domain }, { hostname: text, port: fc.nat(65_535), resources, attributes: few(attribute) });
const master = plain<MasterInfo>({ id: idText, address: fc.constantFrom('10.0.0.1:5050', 'master.example:1', '[::1]:65535', 'localhost:5050'), version: text });

type OfferFilter = FrameworkInfo['offerFilters'] extends ReadonlyMap<string, infer Filter> ? Filter : never;
export const frameworkInfo: fc.Arbitrary<FrameworkInfo> = some<FrameworkInfo>(
  { id: aFrameworkId, hostname: text, principal: text, webuiUrl: text },
  {
    user: text,
    name: text,
    roles: fc.uniqueArray(aRole, { maxLength: 3 }),
    capabilities: fc.uniqueArray(fc.constantFrom(...frameworkCapabilities), { maxLength: 4 }),
    failoverTimeoutMs: durationMs,
    checkpoint: flag,
    labels,
    offerFilters: named(plain<OfferFilter>({ minAllocatable: few(quantities) })),
  },
).map((info) => (info.capabilities.includes('MULTI_ROLE') ? info : { ...info, roles: [info.roles[0] ?? '*'] }));

// Commands and containers.

const parameter = plain<Parameter>({ key: text, value: text });
const secret = some<Secret>(
  { reference: some<NonNullable<Secret['reference']>>({ key: text }, { name: text }), value: plain<NonNullable<Secret['value']>>({ data: bytes }) },
  { type: fc.constantFrom('REFERENCE', 'VALUE') },
);
const commandInfo = some<CommandInfo>(
  { value: text, user: text },
  {
    uris: few(some<CommandInfo['uris'][number]>({ outputFile: text }, { value: text, executable: flag, extract: flag, cache: flag })),
    environment: few(some<CommandInfo['environment'][number]>({ value: text, secret }, { name: text, type: fc.constantFrom('VALUE', 'SECRET') })),
    shell: flag,
    arguments: few(text),
  },
);
const image = some<Image>({ docker: plain<NonNullable<Image['docker']>>({ name: text }) }, { type: fc.constantFrom('APPC', 'DOCKER'), cached: flag });
type VolumeSource = NonNullable<Volume['source']>;
const volumeSource = some<VolumeSource>(
  {
    dockerVolume: some<NonNullable<VolumeSource['dockerVolume']>>({ driver: text }, { name: text, driverOptions: few(parameter) }),
    sandboxPath: some<NonNullable<VolumeSource['sandboxPath']>>({ type: fc.constantFrom('SELF', 'PARENT') }, { path: text }),
    secret,
    hostPath: plain<NonNullable<VolumeSource['hostPath']>>({ path: text }),
  },
  { type: fc.constantFrom('DOCKER_VOLUME', 'SANDBOX_PATH', 'SECRET', 'HOST_PATH', 'CSI_VOLUME') },
);
const volume = some<Volume>({ hostPath: text, image, source: volumeSource }, { containerPath: text, mode: fc.constantFrom('RW', 'RO') });
const portMapping = some<PortMapping>({ protocol: text }, { hostPort: count, containerPort: count });
const networkInfo = some<NetworkInfo>(
  { name: text },
  {
    groups: few(text),
    labels,
    ipAddresses: few(some<NetworkInfo['ipAddresses'][number]>({ ipAddress: text }, { protocol: fc.constantFrom('IPv4', 'IPv6') })),
    portMappings: few(portMapping),
  },
);
type Docker = NonNullable<ContainerInfo['docker']>;
type Linux = NonNullable<ContainerInfo['linuxInfo']>;
type RLimit = NonNullable<ContainerInfo['rlimitInfo']>['rlimits'][number];
type Tty = NonNullable<ContainerInfo['ttyInfo']>;
const containerInfo = some<ContainerInfo>(
  {
    docker: some<Docker>(
      { volumeDriver: text },
      {
        image: text,
        network: fc.constantFrom('HOST', 'BRIDGE', 'NONE', 'USER'),
        portMappings: few(portMapping),
        privileged: flag,
        parameters: few(parameter),
        forcePullImage: flag,
      },
    ),
    mesos: some<NonNullable<ContainerInfo['mesos']>>({ image }, {}),
    hostname: text,
    linuxInfo: some<Linux>({ sharePidNamespace: flag, ipcMode: fc.constantFrom('PRIVATE', 'SHARE_PARENT'), shmSizeMb: count }, { shareCgroups: flag }),
    rlimitInfo: plain<NonNullable<ContainerInfo['rlimitInfo']>>({
      rlimits: few(some<RLimit>({ hard: count, soft: count }, { type: fc.constantFrom('RLMT_AS', 'RLMT_NOFILE', 'RLMT_STACK') })),
    }),
    ttyInfo: some<Tty>({ windowSize: plain<NonNullable<Tty['windowSize']>>({ rows: count, columns: count }) }, {}),
  },
  { type: fc.constantFrom('DOCKER', 'MESOS'), volumes: few(volume), networkInfos: few(networkInfo) },
);

// Tasks.

const killPolicy = some<KillPolicy>({ gracePeriodMs: durationMs }, {});
const checkType = fc.constantFrom('COMMAND' as const, 'HTTP' as const, 'TCP' as const);
const healthCheck = some<HealthCheck>(
  {
    type: checkType,
    command: commandInfo,
    http: some<NonNullable<HealthCheck['http']>>({ path: text, scheme: text }, { port: count, statuses: few(count) }),
    tcp: plain<NonNullable<HealthCheck['tcp']>>({ port: count }),
  },
  { delayMs: durationMs, intervalMs: durationMs, timeoutMs: durationMs, gracePeriodMs: durationMs, consecutiveFailures: count },
);
const check = some<CheckInfo>(
  {
    type: checkType,
    command: commandInfo,
    http: some<NonNullable<CheckInfo['http']>>({ path: text }, { port: count }),
    tcp: plain<NonNullable<CheckInfo['tcp']>>({ port: count }),
  },
  { delayMs: durationMs, intervalMs: durationMs, timeoutMs: durationMs },
);
const visibility = fc.constantFrom('FRAMEWORK' as const, 'CLUSTER' as const, 'EXTERNAL' as const);
const discovery = some<DiscoveryInfo>(
  { name: text, environment: text, location: text, version: text },
  { visibility, ports: few(some<DiscoveryInfo['ports'][number]>({ name: text, protocol: text, visibility }, { number: count, labels })), labels },
);
export const executorInfo: fc.Arbitrary<ExecutorInfo> = some<ExecutorInfo>(
  {
    type: fc.constantFrom('DEFAULT', 'CUSTOM'),
    frameworkId: aFrameworkId,
    name: text,
    source: text,
    command: commandInfo,
    container: containerInfo,
    data: bytes,
    discovery,
    shutdownGracePeriodMs: durationMs,
  },
  { executorId: anExecutorId, resources, labels },
);
export const taskInfo: fc.Arbitrary<TaskInfo> = some<TaskInfo>(
  {
    command: commandInfo,
    executor: executorInfo,
    data: bytes,
    container: containerInfo,
    healthCheck,
    check,
    killPolicy,
    discovery,
    maxCompletionTimeMs: durationMs,
  },
  { name: text, taskId: aTaskId, agentId: anAgentId, resources, limits: named(fc.oneof(milli, fc.constant(Infinity))), labels },
);

const state = fc.constantFrom(...(Object.keys(taskStateNumbers) as TaskState[]));
const reason = fc.constantFrom(...(Object.keys(taskReasonNumbers) as TaskReason[]));
const source = fc.constantFrom('SOURCE_MASTER' as const, 'SOURCE_AGENT' as const, 'SOURCE_EXECUTOR' as const);
type CheckStatus = NonNullable<TaskStatus['checkStatus']>;
export const taskStatus: fc.Arbitrary<TaskStatus> = some<TaskStatus>(
  {
    source,
    reason,
    message: text,
    data: bytes,
    agentId: anAgentId,
    executorId: anExecutorId,
    timestampMs: wallMs,
    healthy: flag,
    uuid,
    containerStatus: some<NonNullable<TaskStatus['containerStatus']>>({ containerId: aContainerId, executorPid: count }, { networkInfos: few(networkInfo) }),
    unreachableTimeMs: wallMs,
    checkStatus: some<CheckStatus>(
      {
        type: checkType,
        command: some<NonNullable<CheckStatus['command']>>({ exitCode: fc.integer({ min: -255, max: 255 }) }, {}),
        http: some<NonNullable<CheckStatus['http']>>({ statusCode: count }, {}),
        tcp: some<NonNullable<CheckStatus['tcp']>>({ succeeded: flag }, {}),
      },
      {},
    ),
    limitation: plain<NonNullable<TaskStatus['limitation']>>({ resources }),
  },
  { taskId: aTaskId, state, labels },
);

// Offers and the scheduler's session.

const offer = some<Offer>(
  {
    url: some<NonNullable<Offer['url']>>({ path: text }, { scheme: text, address: some<NonNullable<Offer['url']>['address']>({ hostname: text, ip: text }, { port: count }) }),
    unavailability,
    domain,
    expiresAtMs: wallMs,
  },
  {
    id: anOfferId,
    frameworkId: aFrameworkId,
    agentId: anAgentId,
    hostname: text,
    resources,
    attributes: few(attribute),
    executorIds: few(anExecutorId),
    role: aRole,
  },
);
const filters = plain<Filters>({ refuseSeconds: fc.oneof(fc.nat(100), fc.double({ min: 0, noNaN: true })).map((value) => value + 0) });

type Op<Kind extends OfferOperation['kind']> = Extract<OfferOperation, { readonly kind: Kind }>;
const operation: fc.Arbitrary<OfferOperation> = fc.oneof<fc.Arbitrary<OfferOperation>[]>(
  some<Omit<Op<'launch'>, 'unreadable'>>({ id: text }, { kind: fc.constant('launch'), tasks: few(taskInfo) }),
  some<Op<'launch-group'>>({ id: text }, { kind: fc.constant('launch-group'), executor: executorInfo, tasks: few(taskInfo) }),
  some<Op<'reserve'>>({ id: text }, { kind: fc.constant('reserve'), resources, source: resources }),
  some<Op<'unreserve'>>({ id: text }, { kind: fc.constant('unreserve'), resources }),
  some<Op<'create'>>({ id: text }, { kind: fc.constant('create'), volumes: resources }),
  some<Op<'destroy'>>({ id: text }, { kind: fc.constant('destroy'), volumes: resources }),
  some<Op<'grow-volume'>>({ id: text }, { kind: fc.constant('grow-volume'), volume: oneResource, addition: oneResource }),
  some<Op<'shrink-volume'>>({ id: text }, { kind: fc.constant('shrink-volume'), volume: oneResource, subtractMilli: milli }),
  some<Op<'create-disk'>>({ id: text, targetProfile: text }, { kind: fc.constant('create-disk'), source: oneResource, targetType: fc.constantFrom('MOUNT', 'BLOCK') }),
  some<Op<'destroy-disk'>>({ id: text }, { kind: fc.constant('destroy-disk'), source: oneResource }),
);

const constraint = plain<AttributeConstraint>({
  selector: fc.oneof<fc.Arbitrary<AttributeConstraint['selector']>[]>(
    plain({ kind: fc.constant('attribute' as const), name: text }),
    plain({ kind: fc.constant('pseudoattribute' as const), name: fc.constantFrom('HOSTNAME' as const, 'REGION' as const, 'ZONE' as const) }),
  ),
  predicate: fc.oneof<fc.Arbitrary<AttributeConstraint['predicate']>[]>(
    plain({ kind: fc.constantFrom('exists' as const, 'not-exists' as const) }),
    plain({ kind: fc.constantFrom('text-equals' as const, 'text-not-equals' as const), value: text }),
    plain({ kind: fc.constantFrom('text-matches' as const, 'text-not-matches' as const), regex: text }),
  ),
});
const offerConstraints = named(few(few(constraint)));

type C<Kind extends SchedulerCall['kind']> = Extract<SchedulerCall, { readonly kind: Kind }>;
const k = <const Kind extends string>(kind: Kind): fc.Arbitrary<Kind> => fc.constant(kind);
export const schedulerCalls: { readonly [Kind in SchedulerCall['kind']]: fc.Arbitrary<C<Kind>> } = {
  subscribe: plain<Omit<C<'subscribe'>, 'frameworkId'>>({ kind: k('subscribe'), frameworkInfo, suppressedRoles: few(aRole), offerConstraints }),
  teardown: plain({ kind: k('teardown') }),
  accept: plain<C<'accept'>>({ kind: k('accept'), offerIds: few(anOfferId), operations: few(operation), filters }),
  decline: plain<C<'decline'>>({ kind: k('decline'), offerIds: few(anOfferId), filters }),
  revive: plain<C<'revive'>>({ kind: k('revive'), roles: few(aRole) }),
  suppress: plain<C<'suppress'>>({ kind: k('suppress'), roles: few(aRole) }),
  kill: some<C<'kill'>>({ agentId: anAgentId, killPolicy }, { kind: k('kill'), taskId: aTaskId }),
  shutdown: plain<C<'shutdown'>>({ kind: k('shutdown'), executorId: anExecutorId, agentId: anAgentId }),
  acknowledge: plain<C<'acknowledge'>>({ kind: k('acknowledge'), agentId: anAgentId, taskId: aTaskId, uuid }),
  reconcile: plain<C<'reconcile'>>({ kind: k('reconcile'), tasks: few(some<C<'reconcile'>['tasks'][number]>({ agentId: anAgentId }, { taskId: aTaskId })) }),
  message: plain<C<'message'>>({ kind: k('message'), agentId: anAgentId, executorId: anExecutorId, data: bytes }),
  request: plain<C<'request'>>({
    kind: k('request'),
    // Amounts of nothing are not asked for.
    requests: few(some<C<'request'>['requests'][number]>({ agentId: anAgentId }, { quantities: named(fc.integer({ min: 1, max: 1_000_000 })) })),
  }),
  'update-framework': plain<C<'update-framework'>>({ kind: k('update-framework'), frameworkInfo, suppressedRoles: few(aRole), offerConstraints }),
};
/** A subscription's framework id stands in the envelope too. */
export const schedulerCallEnvelope: fc.Arbitrary<SchedulerCallEnvelope> = some<SchedulerCallEnvelope>(
  { frameworkId: aFrameworkId },
  { number: fc.nat(), call: fc.oneof(...(Object.values(schedulerCalls) as fc.Arbitrary<SchedulerCall>[])) },
).map((envelope) =>
  envelope.call.kind === 'subscribe' && envelope.frameworkId !== undefined ? { ...envelope, call: { ...envelope.call, frameworkId: envelope.frameworkId } } : envelope,
);

const refusal = plain<Refusal>({ field: text, value: text, expected: text });
type E<Kind extends SchedulerEvent['kind']> = Extract<SchedulerEvent, { readonly kind: Kind }>;
export const schedulerEvents: { readonly [Kind in SchedulerEvent['kind']]: fc.Arbitrary<E<Kind>> } = {
  subscribed: plain<E<'subscribed'>>({ kind: k('subscribed'), frameworkId: aFrameworkId, heartbeatIntervalMs: durationMs, masterInfo: master }),
  offers: plain<E<'offers'>>({ kind: k('offers'), offers: few(offer) }),
  rescind: plain<E<'rescind'>>({ kind: k('rescind'), offerId: anOfferId }),
  update: plain<E<'update'>>({ kind: k('update'), status: taskStatus }),
  'operation-update': plain<E<'operation-update'>>({
    kind: k('operation-update'),
    status: some<OperationStatus>({ operationId: text, message: text, agentId: anAgentId }, { state: fc.constantFrom(...(Object.keys(operationStateNumbers) as OperationState[])) }),
  }),
  message: plain<E<'message'>>({ kind: k('message'), agentId: anAgentId, executorId: anExecutorId, data: bytes }),
  failure: some<E<'failure'>>({ agentId: anAgentId, executorId: anExecutorId, status: fc.integer({ min: -1, max: 65_535 }) }, { kind: k('failure') }),
  error: plain<E<'error'>>({ kind: k('error'), message: text }),
  refused: plain<E<'refused'>>({ kind: k('refused'), number: fc.nat(), callKind: fc.constantFrom('accept', 'update-framework', 'unknown'), refusal }),
  heartbeat: plain({ kind: k('heartbeat') }),
};

// The executor's session.

type EC = ExecutorCallEnvelope['call'];
export const executorCalls: { readonly [Kind in EC['kind']]: fc.Arbitrary<Extract<EC, { readonly kind: Kind }>> } = {
  subscribe: plain<Extract<EC, { kind: 'subscribe' }>>({
    kind: k('subscribe'),
    token: text,
    unacknowledgedTasks: few(taskInfo),
    unacknowledgedUpdates: few(taskStatus),
  }),
  update: plain<Extract<EC, { kind: 'update' }>>({ kind: k('update'), status: taskStatus }),
  message: plain<Extract<EC, { kind: 'message' }>>({ kind: k('message'), data: bytes }),
  heartbeat: plain({ kind: k('heartbeat') }),
};
export const executorCallEnvelope = plain<ExecutorCallEnvelope>({
  frameworkId: aFrameworkId,
  executorId: anExecutorId,
  call: fc.oneof(...(Object.values(executorCalls) as fc.Arbitrary<EC>[])),
});
type X<Kind extends ExecutorEvent['kind']> = Extract<ExecutorEvent, { readonly kind: Kind }>;
export const executorEvents: { readonly [Kind in ExecutorEvent['kind']]: fc.Arbitrary<X<Kind>> } = {
  subscribed: plain<X<'subscribed'>>({ kind: k('subscribed'), executorInfo, frameworkInfo, agentInfo, containerId: aContainerId }),
  launch: plain<X<'launch'>>({ kind: k('launch'), task: taskInfo }),
  kill: some<X<'kill'>>({ killPolicy }, { kind: k('kill'), taskId: aTaskId }),
  acknowledged: some<X<'acknowledged'>>({ refusal: text }, { kind: k('acknowledged'), taskId: aTaskId, uuid }),
  message: plain<X<'message'>>({ kind: k('message'), data: bytes }),
  shutdown: plain({ kind: k('shutdown') }),
  error: plain<X<'error'>>({ kind: k('error'), message: text }),
  heartbeat: plain({ kind: k('heartbeat') }),
};

// The agent's session.

const chunk = { offset: count, data: bytes, size: count, ended: flag };
const taskReport = some<TaskReport>(
  { unacknowledged: plain<NonNullable<TaskReport['unacknowledged']>>({ state, uuid }) },
  { frameworkId: aFrameworkId, task: taskInfo, executorId: anExecutorId, state },
);
const executorReport = plain<ExecutorReport>({ frameworkId: aFrameworkId, executor: executorInfo });
type A<Kind extends AgentMessage['kind']> = Extract<AgentMessage, { readonly kind: Kind }>;
type Outcome = A<'sandbox-chunk'>['outcome'];
export const agentMessages: { readonly [Kind in AgentMessage['kind']]: fc.Arbitrary<A<Kind>> } = {
  register: plain<A<'register'>>({ kind: k('register'), info: agentInfo, version: text }),
  reregister: plain<A<'reregister'>>({
    kind: k('reregister'),
    agentId: anAgentId,
    info: agentInfo,
    version: text,
    tasks: few(taskReport),
    executors: few(executorReport),
    frameworks: few(frameworkInfo),
  }),
  'report-part': plain<A<'report-part'>>({ kind: k('report-part'), tasks: few(taskReport), executors: few(executorReport), frameworks: few(frameworkInfo) }),
  'status-update': plain<A<'status-update'>>({ kind: k('status-update'), frameworkId: aFrameworkId, status: taskStatus, latestState: state }),
  'exited-executor': plain<A<'exited-executor'>>({
    kind: k('exited-executor'),
    frameworkId: aFrameworkId,
    executorId: anExecutorId,
    status: fc.integer({ min: -1, max: 65_535 }),
  }),
  'framework-message': plain<A<'framework-message'>>({ kind: k('framework-message'), frameworkId: aFrameworkId, executorId: anExecutorId, data: bytes }),
  pong: plain({ kind: k('pong') }),
  unregister: plain({ kind: k('unregister') }),
  'sandbox-chunk': plain<A<'sandbox-chunk'>>({
    kind: k('sandbox-chunk'),
    request: count,
    outcome: fc.oneof<fc.Arbitrary<Outcome>[]>(plain({ ok: fc.constant(true as const), ...chunk }), plain({ ok: fc.constant(false as const), message: text })),
  }),
};
type M<Kind extends MasterMessage['kind']> = Extract<MasterMessage, { readonly kind: Kind }>;
const stream = fc.constantFrom('stdout' as const, 'stderr' as const);
export const masterMessages: { readonly [Kind in MasterMessage['kind']]: fc.Arbitrary<M<Kind>> } = {
  registered: plain<M<'registered'>>({ kind: k('registered'), agentId: anAgentId, masterId: text }),
  reregistered: plain<M<'reregistered'>>({
    kind: k('reregistered'),
    agentId: anAgentId,
    masterId: text,
    missingTasks: few(plain<M<'reregistered'>['missingTasks'][number]>({ frameworkId: aFrameworkId, taskId: aTaskId })),
  }),
  'report-part-taken': plain({ kind: k('report-part-taken') }),
  'registration-refused': plain<M<'registration-refused'>>({ kind: k('registration-refused'), message: text, permanent: flag }),
  'run-task': plain<M<'run-task'>>({ kind: k('run-task'), framework: frameworkInfo, task: taskInfo, launchExecutor: flag }),
  'kill-task': some<M<'kill-task'>>({ killPolicy }, { kind: k('kill-task'), frameworkId: aFrameworkId, taskId: aTaskId }),
  'acknowledge-status': plain<M<'acknowledge-status'>>({ kind: k('acknowledge-status'), frameworkId: aFrameworkId, taskId: aTaskId, uuid }),
  'shutdown-executor': plain<M<'shutdown-executor'>>({ kind: k('shutdown-executor'), frameworkId: aFrameworkId, executorId: anExecutorId }),
  'shutdown-framework': plain<M<'shutdown-framework'>>({ kind: k('shutdown-framework'), frameworkId: aFrameworkId }),
  'update-framework': plain<M<'update-framework'>>({ kind: k('update-framework'), framework: frameworkInfo }),
  'framework-message': plain<M<'framework-message'>>({ kind: k('framework-message'), frameworkId: aFrameworkId, executorId: anExecutorId, data: bytes }),
  ping: plain({ kind: k('ping') }),
  shutdown: plain<M<'shutdown'>>({ kind: k('shutdown'), message: text }),
  'read-sandbox': some<M<'read-sandbox'>>(
    { containerId: aContainerId },
    { kind: k('read-sandbox'), request: count, frameworkId: aFrameworkId, executorId: anExecutorId, stream, offset: fc.integer(), lengthMax: count },
  ),
};

// Operators.

type Change<Kind extends WhatIfChange['kind']> = Extract<WhatIfChange, { readonly kind: Kind }>;
const whatIfChange = fc.oneof<fc.Arbitrary<WhatIfChange>[]>(
  plain<Change<'weight'>>({ kind: k('weight'), role: aRole, weight: durationMs }),
  plain<Change<'quota'>>({ kind: k('quota'), role: aRole, guarantees: quantities, limits: quantities }),
  plain<Change<'add-agents'>>({ kind: k('add-agents'), info: agentInfo, count }),
  plain<Change<'remove-agents'>>({ kind: k('remove-agents'), agentIds: few(anAgentId) }),
  plain<Change<'remove-framework'>>({ kind: k('remove-framework'), frameworkId: aFrameworkId }),
);
const quotaConfig = plain<QuotaConfig>({ role: aRole, guarantees: quantities, limits: quantities });
type Q<Kind extends OperatorCall['kind']> = Extract<OperatorCall, { readonly kind: Kind }>;
const page = { limit: count, skip: count };
export const operatorCalls: { readonly [Kind in OperatorCall['kind']]: fc.Arbitrary<Q<Kind>> } = {
  'get-master': plain({ kind: k('get-master') }),
  'get-agents': some<Q<'get-agents'>>(page, { kind: k('get-agents') }),
  'get-frameworks': some<Q<'get-frameworks'>>(page, { kind: k('get-frameworks') }),
  'get-tasks': some<Q<'get-tasks'>>({ frameworkId: aFrameworkId, ...page }, { kind: k('get-tasks'), includeCompleted: flag }),
  'get-offers': some<Q<'get-offers'>>(page, { kind: k('get-offers') }),
  'get-roles': some<Q<'get-roles'>>(page, { kind: k('get-roles') }),
  'kill-task': some<Q<'kill-task'>>({ frameworkId: aFrameworkId }, { kind: k('kill-task'), taskId: aTaskId }),
  teardown: plain<Q<'teardown'>>({ kind: k('teardown'), frameworkId: aFrameworkId }),
  'set-weight': plain<Q<'set-weight'>>({ kind: k('set-weight'), role: aRole, weight: fc.double({ min: 0.001, max: 1e6, noNaN: true }) }),
  'get-quota': plain({ kind: k('get-quota') }),
  'update-quota': plain<Q<'update-quota'>>({ kind: k('update-quota'), configs: few(quotaConfig), force: flag }),
  explain: some<Q<'explain'>>({ role: aRole, agentId: anAgentId }, { kind: k('explain'), frameworkId: aFrameworkId }),
  'what-if': plain<Q<'what-if'>>({ kind: k('what-if'), changes: few(whatIfChange), division: fc.constantFrom('next-batch', 'afresh') }),
  'read-sandbox': some<Q<'read-sandbox'>>(
    { frameworkId: aFrameworkId },
    { kind: k('read-sandbox'), taskId: aTaskId, stream, offset: fc.integer(), lengthMax: count },
  ),
};

type W<Kind extends Reason['kind']> = Extract<Reason, { readonly kind: Kind }>;
const membership = plain<Membership>({ frameworkId: aFrameworkId, role: aRole });
const plainReasons: readonly PlainReasonKind[] = [
  'framework-unknown',
  'agent-unknown',
  'role-not-subscribed',
  'framework-inactive',
  'role-suppressed',
  'agent-inactive',
  'agent-not-allowed',
  'nothing-free',
  'gpus',
];
const whyNot = fc.oneof<fc.Arbitrary<Reason>[]>(
  fc.constantFrom(...plainReasons).map((kind) => ({ kind })),
  plain<W<'recovering'>>({ kind: k('recovering'), agentCount: count, agentCountNeeded: count, remainingMs: durationMs }),
  plain<W<'reserved-for-others'>>({ kind: k('reserved-for-others'), roles: few(aRole) }),
  plain<W<'constraint'>>({ kind: k('constraint'), constraint }),
  plain<W<'region'>>({ kind: k('region'), region: text }),
  plain<W<'incapable'>>({ kind: k('incapable'), missing: few(text) }),
  plain<W<'too-small'>>({ kind: k('too-small'), bundle: resources, minAllocatable: few(quantities) }),
  plain<W<'quota'>>({ kind: k('quota'), bundle: resources, cutByLimit: few(text), cutByHeadroom: few(text) }),
  plain<W<'filtered'>>({ kind: k('filtered'), bundle: resources, refused: resources, remainingMs: durationMs }),
  plain<W<'behind'>>({ kind: k('behind'), ahead: few(membership) }),
  plain<W<'by-chance'>>({ kind: k('by-chance'), bundle: resources, rivals: few(membership) }),
  plain<W<'would-be-offered'>>({ kind: k('would-be-offered'), bundle: resources }),
);
const standing = some<Standing>(
  { dominantResource: text, rank: count },
  { name: text, share: durationMs, weight: durationMs, grantCount: count, standsBack: flag, of: count },
);
const explanation = some<Explanation>(
  {
    lastVisitAgeMs: durationMs,
    grantedInLastVisit: plain<NonNullable<Explanation['grantedInLastVisit']>>({ frameworkId: aFrameworkId, role: aRole, othersCount: count }),
    quota: plain<NonNullable<Explanation['quota']>>({ config: quotaConfig, consumed: quantities }),
  },
  {
    frameworkId: aFrameworkId,
    role: aRole,
    agentId: anAgentId,
    hostname: text,
    reason: whyNot,
    held: resources,
    offeredInLastVisit: flag,
    free: resources,
    heldBy: few(plain<Explanation['heldBy'][number]>({ frameworkId: aFrameworkId, role: aRole, resources })),
    standings: few(standing),
    headroom: plain<Explanation['headroom']>({ required: quantities, available: quantities }),
    filters: few(plain<Explanation['filters'][number]>({ refused: resources, remainingMs: durationMs })),
  },
);
const holding = plain<WhatIfHolding>({ share: durationMs, held: quantities });
const effects = few(some<WhatIfEffect>({ before: holding, after: holding }, { frameworkId: aFrameworkId, frameworkName: text, role: aRole }));
const agentSummary = some<AgentSummary>(
  { registeredAtMs: wallMs, unreachableSinceMs: wallMs },
  {
    id: anAgentId,
    info: agentInfo,
    version: text,
    state: fc.constantFrom('active', 'disconnected', 'recovered', 'unreachable'),
    total: resources,
    offered: resources,
    allocated: resources,
    taskCount: count,
  },
);
const frameworkSummary = some<FrameworkSummary>(
  { subscribedAtMs: wallMs, offerHoldMeanMs: durationMs },
  {
    id: aFrameworkId,
    info: frameworkInfo,
    state: fc.constantFrom('connected', 'disconnected', 'recovered', 'completed'),
    suppressedRoles: few(aRole),
    offerCount: count,
    taskCount: count,
    allocated: quantities,
  },
);
const taskSummary = some<TaskSummary>(
  { executorId: anExecutorId, source, reason, message: text, startedAtMs: wallMs, endedAtMs: wallMs },
  { id: aTaskId, name: text, frameworkId: aFrameworkId, frameworkName: text, agentId: anAgentId, hostname: text, role: aRole, state, resources },
);
const offerSummary = some<OfferSummary>(
  { expiresInMs: durationMs },
  { id: anOfferId, frameworkId: aFrameworkId, agentId: anAgentId, hostname: text, role: aRole, resources, ageMs: durationMs },
);
const roleSummary = some<RoleSummary>(
  { dominantResource: text, quota: quotaConfig },
  { role: aRole, weight: durationMs, share: durationMs, frameworkIds: few(aFrameworkId), allocated: quantities, reserved: quantities, consumed: quantities },
);
type R<Kind extends OperatorReply['kind']> = Extract<OperatorReply, { readonly kind: Kind }>;
export const operatorReplies: { readonly [Kind in OperatorReply['kind']]: fc.Arbitrary<R<Kind>> } = {
  master: plain<R<'master'>>({ kind: k('master'), masterInfo: master, electedAtMs: wallMs, registry: text, agentCount: count, frameworkCount: count }),
  agents: plain<R<'agents'>>({ kind: k('agents'), agents: few(agentSummary), omittedCount: count }),
  frameworks: plain<R<'frameworks'>>({ kind: k('frameworks'), frameworks: few(frameworkSummary), omittedCount: count }),
  tasks: plain<R<'tasks'>>({ kind: k('tasks'), tasks: few(taskSummary), omittedCount: count }),
  offers: plain<R<'offers'>>({ kind: k('offers'), offers: few(offerSummary), omittedCount: count }),
  roles: plain<R<'roles'>>({ kind: k('roles'), roles: few(roleSummary), omittedCount: count }),
  quota: plain<R<'quota'>>({ kind: k('quota'), quotas: few(plain<QuotaSummary>({ config: quotaConfig, consumed: quantities })) }),
  explanations: plain<R<'explanations'>>({ kind: k('explanations'), frameworkName: text, explanations: few(explanation), omittedCount: count }),
  'what-if': plain<R<'what-if'>>({ kind: k('what-if'), effects, gains: effects, loses: effects, starves: effects }),
  done: plain({ kind: k('done') }),
  'sandbox-chunk': plain<R<'sandbox-chunk'>>({ kind: k('sandbox-chunk'), ...chunk }),
  refused: plain<R<'refused'>>({ kind: k('refused'), refusal }),
  unavailable: plain<R<'unavailable'>>({ kind: k('unavailable'), message: text }),
};

// What is stored.

type F<Kind extends RegistryFact['kind']> = Extract<RegistryFact, { readonly kind: Kind }>;
export const registryFacts: { readonly [Kind in RegistryFact['kind']]: fc.Arbitrary<F<Kind>> } = {
  agent: some<F<'agent'>>(
    { unreachableSinceMs: wallMs },
    { kind: k('agent'), agentId: anAgentId, info: agentInfo, version: text, state: fc.constantFrom('admitted', 'unreachable') },
  ),
  weight: plain<F<'weight'>>({ kind: k('weight'), role: aRole, weight: fc.double({ min: 0.001, max: 1e6, noNaN: true }) }),
  quota: plain<F<'quota'>>({ kind: k('quota'), role: aRole, guarantees: quantities, limits: quantities }),
};
type K<Kind extends CheckpointRecord['kind']> = Extract<CheckpointRecord, { readonly kind: Kind }>;
export const checkpointRecords: { readonly [Kind in CheckpointRecord['kind']]: fc.Arbitrary<K<Kind>> } = {
  agent: plain<K<'agent'>>({ kind: k('agent'), agentId: anAgentId, info: agentInfo }),
  framework: plain<K<'framework'>>({ kind: k('framework'), framework: frameworkInfo }),
  'framework-removed': plain<K<'framework-removed'>>({ kind: k('framework-removed'), frameworkId: aFrameworkId }),
  executor: plain<K<'executor'>>({
    kind: k('executor'),
    frameworkId: aFrameworkId,
    executor: executorInfo,
    containerId: aContainerId,
    token: text,
    isCommand: flag,
  }),
  'executor-started': plain<K<'executor-started'>>({ kind: k('executor-started'), containerId: aContainerId, pid: count, startedAt: text }),
  'executor-ended': plain<K<'executor-ended'>>({ kind: k('executor-ended'), containerId: aContainerId, endedAtWallMs: wallMs }),
  'executor-removed': plain<K<'executor-removed'>>({ kind: k('executor-removed'), containerId: aContainerId }),
  task: plain<K<'task'>>({ kind: k('task'), frameworkId: aFrameworkId, executorId: anExecutorId, containerId: aContainerId, task: taskInfo }),
  'task-removed': plain<K<'task-removed'>>({ kind: k('task-removed'), frameworkId: aFrameworkId, taskId: aTaskId }),
  update: plain<K<'update'>>({ kind: k('update'), frameworkId: aFrameworkId, status: taskStatus }),
  'update-acknowledged': plain<K<'update-acknowledged'>>({ kind: k('update-acknowledged'), frameworkId: aFrameworkId, taskId: aTaskId, uuid }),
};
