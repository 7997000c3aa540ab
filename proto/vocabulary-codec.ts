// Vocabulary codec: the shared messages, wire <-> domain.
//
// Owns:      one table for each message of vocabulary.proto that the domain model has.
// Elsewhere: how tables work (codec.ts), resources (resource-codec.ts), the conversations (scheduler-codec.ts and its neighbours).
// Invariants:
//   W1. Whatever a framework may say about a task, container or command either has a place in the domain type, or is refused by name
//       (`unsupported`): nothing that it asked for is dropped on the way.
//   W2. A task of a LAUNCH that cannot be read spoils neither its operation nor its call: it is set apart with its refusal.
// Source: reference sections 3 and 4; defaults are Mesos's.

import type { Checked } from '../common/refusal';
import type { AgentInfo, Attribute, DomainInfo, Unavailability } from '../common/model/agent';
import type {
  CommandInfo,
  CommandUri,
  ContainerInfo,
  EnvironmentVariable,
  Image,
  Label,
  NetworkInfo,
  Parameter,
  PortMapping,
  Secret,
  Volume,
  VolumeSource,
} from '../common/model/command';
import { hasCapability, type FrameworkCapability, type FrameworkInfo, type Quantities } from '../common/model/framework';
import {
  checkAgentId,
  checkContainerId,
  checkExecutorId,
  checkFrameworkId,
  checkOfferId,
  checkTaskId,
  type AgentId,
  type ContainerId,
  type ExecutorId,
  type FrameworkId,
  type OfferId,
  type TaskId,
} from '../common/model/ids';
import { refuseSecondsDefault, type Filters, type Offer, type OfferOperation, type UnreadableTask, type Url } from '../common/model/offer';
import { operationStateNumbers, type OperationState, type OperationStatus } from '../common/model/operation-status';
import type { QuotaConfig } from '../common/model/quota';
import { milliOf } from '../common/model/resource-value';
import { unreservedRole } from '../common/model/role';
import type { MasterInfo } from '../common/model/scheduler-protocol';
import type { CheckInfo, DiscoveryInfo, ExecutorInfo, HealthCheck, KillPolicy, TaskInfo } from '../common/model/task';
import {
  taskReasonNumbers,
  taskStateNumbers,
  type CheckStatus,
  type ContainerStatus,
  type TaskReason,
  type TaskSource,
  type TaskState,
  type TaskStatus,
} from '../common/model/task-status';
import type { SandboxStream } from '../common/model/agent-protocol';
import type { Refusal } from '../common/refusal';
import {
  boxed,
  boxedList,
  bytes,
  byType,
  codec,
  count,
  enumeration,
  flag,
  integer,
  isRecord,
  message,
  nanoseconds,
  number,
  Rejection,
  rejectionFrom,
  sameNames,
  seconds,
  text,
  uuidBytes,
  type Codec,
  type FieldTable,
  type Inside,
  type NamesOf,
  type WireRecord,
} from './codec';
import { oneResource, resourceList } from './resource-codec';
import type { AgentInfo as WireAgentInfo } from './generated/allot/v1/AgentInfo';
import type { Attribute as WireAttribute } from './generated/allot/v1/Attribute';
import type { CheckInfo as WireCheckInfo } from './generated/allot/v1/CheckInfo';
import type { CheckStatusInfo as WireCheckStatusInfo } from './generated/allot/v1/CheckStatusInfo';
import type { CommandInfo as WireCommandInfo } from './generated/allot/v1/CommandInfo';
import type { ContainerID as WireContainerID } from './generated/allot/v1/ContainerID';
import type { ContainerInfo as WireContainerInfo } from './generated/allot/v1/ContainerInfo';
import type { ContainerStatus as WireContainerStatus } from './generated/allot/v1/ContainerStatus';
import type { DiscoveryInfo as WireDiscoveryInfo } from './generated/allot/v1/DiscoveryInfo';
import type { DomainInfo as WireDomainInfo } from './generated/allot/v1/DomainInfo';
import type { Environment as WireEnvironment } from './generated/allot/v1/Environment';
import type { ExecutorInfo as WireExecutorInfo } from './generated/allot/v1/ExecutorInfo';
import type { Filters as WireFilters } from './generated/allot/v1/Filters';
import type { FrameworkInfo as WireFrameworkInfo } from './generated/allot/v1/FrameworkInfo';
import type { HealthCheck as WireHealthCheck } from './generated/allot/v1/HealthCheck';
import type { Image as WireImage } from './generated/allot/v1/Image';
import type { KillPolicy as WireKillPolicy } from './generated/allot/v1/KillPolicy';
import type { Label as WireLabel } from './generated/allot/v1/Label';
import type { Labels as WireLabels } from './generated/allot/v1/Labels';
import type { LinuxInfo as WireLinuxInfo } from './generated/allot/v1/LinuxInfo';
import type { MasterInfo as WireMasterInfo } from './generated/allot/v1/MasterInfo';
import type { NetworkInfo as WireNetworkInfo } from './generated/allot/v1/NetworkInfo';
import type { Offer as WireOffer, _allot_v1_Offer_Operation as WireOperation } from './generated/allot/v1/Offer';
import type { OfferFilters as WireOfferFilters } from './generated/allot/v1/OfferFilters';
import type { OperationID as WireOperationID } from './generated/allot/v1/OperationID';
import type { OperationStatus as WireOperationStatus } from './generated/allot/v1/OperationStatus';
import type { OperationState__Output as WireOperationState } from './generated/allot/v1/OperationState';
import type { Parameter as WireParameter } from './generated/allot/v1/Parameter';
import type { Parameters as WireParameters } from './generated/allot/v1/Parameters';
import type { Port as WirePort } from './generated/allot/v1/Port';
import type { Ports as WirePorts } from './generated/allot/v1/Ports';
import type { QuotaConfig as WireQuotaConfig } from './generated/allot/v1/QuotaConfig';
import type { Refusal as WireRefusal } from './generated/allot/v1/Refusal';
import type { ResourceQuantities as WireResourceQuantities } from './generated/allot/v1/ResourceQuantities';
import type { RLimitInfo as WireRLimitInfo } from './generated/allot/v1/RLimitInfo';
import type { SandboxStream__Output as WireSandboxStream } from './generated/allot/v1/SandboxStream';
import type { Secret as WireSecret } from './generated/allot/v1/Secret';
import type { TaskGroupInfo as WireTaskGroupInfo } from './generated/allot/v1/TaskGroupInfo';
import type { TaskInfo as WireTaskInfo } from './generated/allot/v1/TaskInfo';
import type { TaskResourceLimitation as WireTaskResourceLimitation } from './generated/allot/v1/TaskResourceLimitation';
import type { TaskState__Output as WireTaskState } from './generated/allot/v1/TaskState';
import type { TaskStatus as WireTaskStatus } from './generated/allot/v1/TaskStatus';
import type { TTYInfo as WireTTYInfo } from './generated/allot/v1/TTYInfo';
import type { Unavailability as WireUnavailability } from './generated/allot/v1/Unavailability';
import type { URL as WireURL } from './generated/allot/v1/URL';
import type { Volume as WireVolume } from './generated/allot/v1/Volume';

// ---------------------------------------------------------------------------------------------------------------------------------------
// Ids.

/** All id messages look alike outside. */
interface WireId {
  value?: string;
}

/** A refusal names the field that holds the id, not the `value` inside of it: that is what people look for. */
function idOf<T extends string>(expected: string, check: (wire: unknown, field: string) => Checked<T>): Codec<T, WireId> {
  return codec(
    expected,
    (wire) => {
      const checked = check(isRecord(wire) ? wire['value'] : undefined, '');
      return checked.ok ? checked.value : rejectionFrom(checked.refusal);
    },
    (value) => ({ value }),
  );
}

export const frameworkIdMessage = idOf<FrameworkId>('a framework id', checkFrameworkId);
export const agentIdMessage = idOf<AgentId>('an agent id', checkAgentId);
export const offerIdMessage = idOf<OfferId>('an offer id', checkOfferId);
export const taskIdMessage = idOf<TaskId>('a task id', checkTaskId);
export const executorIdMessage = idOf<ExecutorId>('an executor id', checkExecutorId);

const plainContainerId = idOf<ContainerId>('a container id', checkContainerId);
/** Nested containers are not supported: `parent` is refused, because dropping it would name another container. */
export const containerIdMessage = codec<ContainerId, WireContainerID>(
  'a container id',
  (wire) =>
    isRecord(wire) && wire['parent'] !== undefined && wire['parent'] !== null
      ? new Rejection(wire['parent'], 'no value, as this release has no nested containers').within('parent')
      : plainContainerId.decode(wire),
  (value) => ({ value }),
);

const operationIdMessage = boxed<WireOperationID>()('value', text);

/** An empty framework id is none. Source: Mesos. */
export const newFrameworkId = codec<FrameworkId | undefined, WireId>(
  'a framework id',
  (wire) => (isRecord(wire) && (wire['value'] === '' || wire['value'] === undefined) ? undefined : frameworkIdMessage.decode(wire)),
  (value) => ({ value: value ?? '' }),
);

// ---------------------------------------------------------------------------------------------------------------------------------------
// Small things.

const label = message<Label, WireLabel>((field) => ({ key: field.required('key', text), value: field.optional('value', text) }));
export const labels = boxedList<WireLabels>()('labels', label);

const parameter = message<Parameter, WireParameter>((field) => ({ key: field.required('key', text), value: field.required('value', text) }));

const scalarExpected = 'a number >= 0';
const scalarMilli = codec<number, number>(
  scalarExpected,
  (wire) => {
    const milli = typeof wire === 'number' && wire >= 0 ? milliOf(wire) : NaN;
    return Number.isSafeInteger(milli) ? milli + 0 : new Rejection(wire, scalarExpected);
  },
  (milli) => milli / 1000,
);
type WireScalar = Inside<WireAttribute, 'scalar'>;
/** A finite amount >= 0 in thousandths. */
export const scalarMessage = boxed<WireScalar>()('value', scalarMilli);
/** Likewise, but Infinity is allowed and means no limit. Source: Mesos TaskInfo.limits. */
const limitMessage = boxed<WireScalar>()(
  'value',
  codec<number, number>(
    `${scalarExpected}, or Infinity`,
    (wire) => {
      const milli = wire === Infinity ? Infinity : scalarMilli.decode(wire);
      return milli instanceof Rejection ? new Rejection(wire, `${scalarExpected}, or Infinity`) : milli;
    },
    (milli) => milli / 1000,
  ),
);

export const quantities = message<{ readonly quantities: Quantities }, WireResourceQuantities>((field) => ({
  quantities: field.map('quantities', scalarMessage),
}));
/** ResourceQuantities without the box. */
export const quantitiesMessage = codec<Quantities, WireResourceQuantities>(
  'amounts by name',
  (wire) => {
    const value = quantities.decode(wire);
    return value instanceof Rejection ? value : value.quantities;
  },
  (value) => quantities.encode({ quantities: value }),
);

export const quotaConfig = message<QuotaConfig, WireQuotaConfig>((field) => ({
  role: field.required('role', text),
  guarantees: field.map('guarantees', scalarMessage),
  limits: field.map('limits', scalarMessage),
}));

export const refusalMessage = message<Refusal, WireRefusal>((field) => ({
  field: field.withDefault('field', text, ''),
  value: field.withDefault('value', text, ''),
  expected: field.withDefault('expected', text, ''),
}));

export const sandboxStream = enumeration<SandboxStream, WireSandboxStream>('a stream')({
  SANDBOX_STREAM_UNKNOWN: null,
  SANDBOX_STREAM_STDOUT: 'stdout',
  SANDBOX_STREAM_STDERR: 'stderr',
});

export const unavailability = message<Unavailability, WireUnavailability>((field) => ({
  startMs: field.required('start', nanoseconds),
  durationMs: field.optional('duration', nanoseconds),
}));

/** Milliseconds since the epoch as a plain integer: ours. */
export const wholeMs = number('a whole number of milliseconds', Number.isSafeInteger);

// ---------------------------------------------------------------------------------------------------------------------------------------
// Machines and frameworks.

type WireFaultDomain = Inside<WireDomainInfo, 'fault_domain'>;
const faultDomain = message<NonNullable<DomainInfo['faultDomain']>, WireFaultDomain>((field) => ({
  region: field.required('region', boxed<Inside<WireFaultDomain, 'region'>>()('name', text)),
  zone: field.required('zone', boxed<Inside<WireFaultDomain, 'zone'>>()('name', text)),
}));
export const domainInfo = message<DomainInfo, WireDomainInfo>((field) => ({ faultDomain: field.optional('fault_domain', faultDomain) }));

const attributeType = enumeration<Attribute['kind'], NamesOf<WireAttribute, 'type'>>('an attribute type')({
  SCALAR: 'scalar',
  RANGES: 'ranges',
  SET: 'set',
  TEXT: 'text',
});
const attributeScalar = boxed<WireScalar>()(
  'value',
  codec<number, number>(
    'a finite number',
    (wire) => {
      const milli = typeof wire === 'number' ? milliOf(wire) : NaN;
      return Number.isSafeInteger(milli) ? milli + 0 : new Rejection(wire, 'a finite number');
    },
    (milli) => milli / 1000,
  ),
);
const range = message<{ readonly begin: number; readonly end: number }, Inside<Inside<WireAttribute, 'ranges'>, 'range'>>((field) => ({
  begin: field.required('begin', count),
  end: field.required('end', count),
}));
const ranges = boxedList<Inside<WireAttribute, 'ranges'>>()('range', range);
const items = boxedList<Inside<WireAttribute, 'set'>>()('item', text);
const textValue = boxed<Inside<WireAttribute, 'text'>>()('value', text);

const named = <D extends Attribute>(table: FieldTable<D>): FieldTable<D> => table;
const attributeForms = {
  scalar: message<Extract<Attribute, { kind: 'scalar' }>, WireAttribute>((field) =>
    named({ name: field.required('name', text), kind: field.kind('scalar'), milli: field.required('scalar', attributeScalar) }),
  ),
  ranges: message<Extract<Attribute, { kind: 'ranges' }>, WireAttribute>((field) =>
    named({ name: field.required('name', text), kind: field.kind('ranges'), ranges: field.required('ranges', ranges) }),
  ),
  set: message<Extract<Attribute, { kind: 'set' }>, WireAttribute>((field) =>
    named({ name: field.required('name', text), kind: field.kind('set'), items: field.required('set', items) }),
  ),
  text: message<Extract<Attribute, { kind: 'text' }>, WireAttribute>((field) =>
    named({ name: field.required('name', text), kind: field.kind('text'), text: field.required('text', textValue) }),
  ),
};
export const attribute = codec<Attribute, WireAttribute>(
  'an attribute',
  (wire) => {
    if (!isRecord(wire)) return new Rejection(wire, 'an attribute');
    const type = attributeType.decode(wire['type']);
    return type instanceof Rejection ? type.within('type') : attributeForms[type].decode(wire);
  },
  (value) => {
    const form = attributeForms[value.kind] as Codec<Attribute, WireAttribute>;
    return { ...form.encode(value), type: attributeType.encode(value.kind) };
  },
);

/** Source: Mesos `AgentInfo.port`. */
const agentPortDefault = 5051;

export const agentInfo = message<AgentInfo, WireAgentInfo>((field) => ({
  id: field.optional('id', agentIdMessage),
  hostname: field.required('hostname', text),
  port: field.withDefault('port', count, agentPortDefault),
  resources: field.whole('resources', resourceList),
  attributes: field.repeated('attributes', attribute),
  domain: field.optional('domain', domainInfo),
}));

/** Source: Mesos `MasterInfo.port`. */
const masterPortDefault = 5050;

/** `host:port` inside; hostname, port, address and (for IPv4) the number in network order outside. */
export const masterInfo = codec<MasterInfo, WireMasterInfo>(
  'a master',
  (wire) => {
    if (!isRecord(wire)) return new Rejection(wire, 'a master');
    const id = wire['id'];
    if (typeof id !== 'string') return new Rejection(id, 'text').within('id');
    const address = isRecord(wire['address']) ? wire['address'] : {};
    const host = address['hostname'] ?? address['ip'] ?? wire['hostname'];
    if (typeof host !== 'string') return new Rejection(host, 'a host name').within('hostname');
    const port = address['port'] ?? wire['port'] ?? masterPortDefault;
    if (typeof port !== 'number') return new Rejection(port, 'a port number').within('port');
    const version = wire['version'] ?? '';
    if (typeof version !== 'string') return new Rejection(version, 'text').within('version');
    return { id, address: `${host.includes(':') ? `[${host}]` : host}:${port}`, version };
  },
  ({ id, address, version }) => {
    const colon = address.lastIndexOf(':');
    const hostname = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
    const port = Number(address.slice(colon + 1));
    return { id, version, hostname, port, ip: ipv4Number(hostname), address: { hostname, port } };
  },
);

/** In network byte order read as a little-endian number, as Mesos has it: 127.0.0.1 is 16777343. 0 when it is no IPv4 address. */
function ipv4Number(host: string): number {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host);
  if (parts === null) return 0;
  const [a, b, c, d] = parts.slice(1).map(Number) as [number, number, number, number];
  return a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24;
}

type WireCapability = Inside<WireFrameworkInfo, 'capabilities'>;
const capability = enumeration<FrameworkCapability, NamesOf<WireCapability, 'type'>>('a capability')({
  UNKNOWN: null,
  REVOCABLE_RESOURCES: 'REVOCABLE_RESOURCES',
  TASK_KILLING_STATE: 'TASK_KILLING_STATE',
  GPU_RESOURCES: 'GPU_RESOURCES',
  SHARED_RESOURCES: 'SHARED_RESOURCES',
  PARTITION_AWARE: 'PARTITION_AWARE',
  MULTI_ROLE: 'MULTI_ROLE',
  RESERVATION_REFINEMENT: 'RESERVATION_REFINEMENT',
  REGION_AWARE: 'REGION_AWARE',
});
/** Skips what a newer client could do, and an older one's UNKNOWN: a capability is an ability, no request. */
const capabilities = codec<readonly FrameworkCapability[], WireCapability[]>(
  'a list of capabilities',
  (wire) => {
    if (!Array.isArray(wire)) return new Rejection(wire, 'a list of capabilities');
    const known = new Set<FrameworkCapability>();
    for (const entry of wire) {
      const decoded = capability.decode(isRecord(entry) ? entry['type'] : undefined);
      if (!(decoded instanceof Rejection)) known.add(decoded);
    }
    return [...known];
  },
  (value) => value.map((type) => ({ type: capability.encode(type) })),
);

type WireMinAllocatable = Inside<WireOfferFilters, 'min_allocatable_resources'>;
type OfferFilter = FrameworkInfo['offerFilters'] extends ReadonlyMap<string, infer Filter> ? Filter : never;
const offerFilter = message<OfferFilter, WireOfferFilters>((field) => ({
  minAllocatable: field.list('min_allocatable_resources', boxedList<WireMinAllocatable>()('quantities', quantitiesMessage)),
}));

type FrameworkWithoutRoles = Omit<FrameworkInfo, 'roles' | 'id'>;
const frameworkFields = message<FrameworkWithoutRoles, WireFrameworkInfo>((field) => ({
  user: field.required('user', text),
  name: field.required('name', text),
  capabilities: field.whole('capabilities', capabilities),
  failoverTimeoutMs: field.withDefault('failover_timeout', seconds, 0),
  checkpoint: field.withDefault('checkpoint', flag, false),
  hostname: field.optional('hostname', text),
  principal: field.optional('principal', text),
  webuiUrl: field.optional('webui_url', text),
  labels: field.list('labels', labels),
  offerFilters: field.map('offer_filters', offerFilter),
}));
const rolesWith = message<{ readonly roles: readonly string[] }, WireFrameworkInfo>((field) => ({ roles: field.repeated('roles', text) }));
const roleWithout = message<{ readonly role: string }, WireFrameworkInfo>((field) => ({ role: field.withDefault('role', text, unreservedRole) }));

/**
 * With MULTI_ROLE the roles are `roles`, without it the one `role`; the other field must be unset, because the domain type has no place to
 * show it to the master's validation. Whether the roles are good names is the master's question. Source: Mesos, reference 5.3.
 */
export const frameworkInfo = codec<FrameworkInfo, WireFrameworkInfo>(
  'a framework',
  (wire) => {
    if (!isRecord(wire)) return new Rejection(wire, 'a framework');
    const info = frameworkFields.decode(wire);
    if (info instanceof Rejection) return info;
    const roles = decodeRoles(wire, info.capabilities.includes('MULTI_ROLE'));
    if (roles instanceof Rejection) return roles;
    const id = isRecord(wire['id']) ? newFrameworkId.decode(wire['id']) : undefined;
    if (id instanceof Rejection) return id.within('id');
    return id === undefined ? { ...info, roles } : { id, ...info, roles };
  },
  (value) => {
    const wire = frameworkFields.encode(value);
    if (value.id !== undefined) wire.id = frameworkIdMessage.encode(value.id);
    const [role] = value.roles;
    // Several roles without the capability are a mistake of the framework's author, which the master shall see.
    if (hasCapability(value, 'MULTI_ROLE') || value.roles.length !== 1 || role === undefined) wire.roles = [...value.roles];
    else wire.role = role;
    return wire;
  },
);

function decodeRoles(wire: WireRecord, isMultiRole: boolean): readonly string[] | Rejection {
  const decodedRoles = rolesWith.decode(wire);
  if (decodedRoles instanceof Rejection) return decodedRoles;
  const { roles } = decodedRoles;
  if (isMultiRole) {
    const { role } = wire;
    if (role === undefined || role === null || role === '') return roles;
    return new Rejection(role, 'no value beside the capability MULTI_ROLE, which uses "roles"').within('role');
  }
  if (roles.length > 0) return new Rejection(roles, 'no values without the capability MULTI_ROLE, which would use them in place of "role"').within('roles');
  const decodedRole = roleWithout.decode(wire);
  return decodedRole instanceof Rejection ? decodedRole : [decodedRole.role];
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// Commands and containers.

const secret = message<Secret, WireSecret>((field) => ({
  type: field.required(
    'type',
    enumeration<Secret['type'], NamesOf<WireSecret, 'type'>>('a secret type')({ UNKNOWN: null, REFERENCE: 'REFERENCE', VALUE: 'VALUE' }),
  ),
  reference: field.optional(
    'reference',
    message<NonNullable<Secret['reference']>, Inside<WireSecret, 'reference'>>((inner) => ({
      name: inner.required('name', text),
      key: inner.optional('key', text),
    })),
  ),
  value: field.optional(
    'value',
    message<NonNullable<Secret['value']>, Inside<WireSecret, 'value'>>((inner) => ({ data: inner.required('data', bytes) })),
  ),
}));

type WireVariable = Inside<WireEnvironment, 'variables'>;
const variable = message<EnvironmentVariable, WireVariable>((field) => ({
  name: field.required('name', text),
  type: field.withDefault(
    'type',
    enumeration<EnvironmentVariable['type'], NamesOf<WireVariable, 'type'>>('a variable type')({ UNKNOWN: null, VALUE: 'VALUE', SECRET: 'SECRET' }),
    'VALUE',
  ),
  value: field.optional('value', text),
  secret: field.optional('secret', secret),
}));

const uri = message<CommandUri, Inside<WireCommandInfo, 'uris'>>((field) => ({
  value: field.required('value', text),
  executable: field.withDefault('executable', flag, false),
  extract: field.withDefault('extract', flag, true),
  cache: field.withDefault('cache', flag, false),
  outputFile: field.optional('output_file', text),
}));

export const commandInfo = message<CommandInfo, WireCommandInfo>((field) => ({
  uris: field.repeated('uris', uri),
  environment: field.list('environment', boxedList<WireEnvironment>()('variables', variable)),
  value: field.optional('value', text),
  user: field.optional('user', text),
  shell: field.withDefault('shell', flag, true),
  arguments: field.repeated('arguments', text),
}));

const image = message<Image, WireImage>(
  (field) => ({
    type: field.required('type', enumeration<Image['type'], NamesOf<WireImage, 'type'>>('an image type')({ UNKNOWN: null, APPC: 'APPC', DOCKER: 'DOCKER' })),
    docker: field.optional(
      'docker',
      message<NonNullable<Image['docker']>, Inside<WireImage, 'docker'>>((inner) => ({ name: inner.required('name', text) }), {
        unsupported: ['credential', 'config'],
      }),
    ),
    cached: field.withDefault('cached', flag, true),
  }),
  { unsupported: ['appc'] },
);

type WireVolumeSource = Inside<WireVolume, 'source'>;
type WireSandboxPath = Inside<WireVolumeSource, 'sandbox_path'>;
type SandboxPath = NonNullable<VolumeSource['sandboxPath']>;
const volumeSource = message<VolumeSource, WireVolumeSource>(
  (field) => ({
    type: field.required(
      'type',
      enumeration<VolumeSource['type'], NamesOf<WireVolumeSource, 'type'>>('a volume source type')({
        UNKNOWN: null,
        DOCKER_VOLUME: 'DOCKER_VOLUME',
        SANDBOX_PATH: 'SANDBOX_PATH',
        SECRET: 'SECRET',
        HOST_PATH: 'HOST_PATH',
        CSI_VOLUME: 'CSI_VOLUME',
      }),
    ),
    dockerVolume: field.optional(
      'docker_volume',
      message<NonNullable<VolumeSource['dockerVolume']>, Inside<WireVolumeSource, 'docker_volume'>>((inner) => ({
        driver: inner.optional('driver', text),
        name: inner.required('name', text),
        driverOptions: inner.list('driver_options', boxedList<WireParameters>()('parameter', parameter)),
      })),
    ),
    sandboxPath: field.optional(
      'sandbox_path',
      message<SandboxPath, WireSandboxPath>((inner) => ({
        type: inner.optional(
          'type',
          enumeration<NonNullable<SandboxPath['type']>, NamesOf<WireSandboxPath, 'type'>>('a sandbox path type')({ UNKNOWN: null, SELF: 'SELF', PARENT: 'PARENT' }),
        ),
        path: inner.required('path', text),
      })),
    ),
    secret: field.optional('secret', secret),
    hostPath: field.optional(
      'host_path',
      message<NonNullable<VolumeSource['hostPath']>, Inside<WireVolumeSource, 'host_path'>>((inner) => ({ path: inner.required('path', text) }), {
        unsupported: ['mount_propagation'],
      }),
    ),
  }),
  { unsupported: ['csi_volume'] },
);

const volume = message<Volume, WireVolume>((field) => ({
  containerPath: field.required('container_path', text),
  hostPath: field.optional('host_path', text),
  mode: field.required('mode', enumeration<Volume['mode'], NamesOf<WireVolume, 'mode'>>('a volume mode')({ UNKNOWN: null, RW: 'RW', RO: 'RO' })),
  image: field.optional('image', image),
  source: field.optional('source', volumeSource),
}));

const portMapping = message<PortMapping, Inside<WireNetworkInfo, 'port_mappings'>>((field) => ({
  hostPort: field.required('host_port', count),
  containerPort: field.required('container_port', count),
  protocol: field.optional('protocol', text),
}));

type WireIpAddress = Inside<WireNetworkInfo, 'ip_addresses'>;
type IpAddress = NetworkInfo['ipAddresses'][number];
const ipProtocol = enumeration<IpAddress['protocol'], NamesOf<WireIpAddress, 'protocol'>>('a protocol')({ UNKNOWN: null, IPv4: 'IPv4', IPv6: 'IPv6' });
const networkInfo = message<NetworkInfo, WireNetworkInfo>((field) => ({
  name: field.optional('name', text),
  groups: field.repeated('groups', text),
  labels: field.list('labels', labels),
  ipAddresses: field.repeated(
    'ip_addresses',
    message<IpAddress, WireIpAddress>((inner) => ({
      protocol: inner.withDefault('protocol', ipProtocol, 'IPv4'),
      ipAddress: inner.optional('ip_address', text),
    })),
  ),
  portMappings: field.repeated('port_mappings', portMapping),
}));

type DockerInfo = NonNullable<ContainerInfo['docker']>;
type WireDockerInfo = Inside<WireContainerInfo, 'docker'>;
const dockerInfo = message<DockerInfo, WireDockerInfo>((field) => ({
  image: field.required('image', text),
  network: field.withDefault(
    'network',
    enumeration<DockerInfo['network'], NamesOf<WireDockerInfo, 'network'>>('a network')({
      UNKNOWN: null,
      HOST: 'HOST',
      BRIDGE: 'BRIDGE',
      NONE: 'NONE',
      USER: 'USER',
    }),
    'HOST',
  ),
  portMappings: field.repeated('port_mappings', portMapping),
  privileged: field.withDefault('privileged', flag, false),
  parameters: field.repeated('parameters', parameter),
  forcePullImage: field.withDefault('force_pull_image', flag, false),
  volumeDriver: field.optional('volume_driver', text),
}));

type LinuxInfo = NonNullable<ContainerInfo['linuxInfo']>;
const linuxInfo = message<LinuxInfo, WireLinuxInfo>(
  (field) => ({
    sharePidNamespace: field.optional('share_pid_namespace', flag),
    ipcMode: field.optional(
      'ipc_mode',
      enumeration<NonNullable<LinuxInfo['ipcMode']>, NamesOf<WireLinuxInfo, 'ipc_mode'>>('an ipc mode')({
        UNKNOWN: null,
        PRIVATE: 'PRIVATE',
        SHARE_PARENT: 'SHARE_PARENT',
      }),
    ),
    shmSizeMb: field.optional('shm_size', count),
    shareCgroups: field.withDefault('share_cgroups', flag, true),
  }),
  { unsupported: ['capability_info', 'bounding_capabilities', 'effective_capabilities', 'seccomp'] },
);

type RLimit = NonNullable<ContainerInfo['rlimitInfo']>['rlimits'][number];
type WireRLimit = Inside<WireRLimitInfo, 'rlimits'>;
type RLimitName = Exclude<NamesOf<WireRLimit, 'type'>, 'UNKNOWN'>;
const rlimitNames = enumeration<RLimitName, NamesOf<WireRLimit, 'type'>>('a resource limit')({
  UNKNOWN: null,
  RLMT_AS: 'RLMT_AS',
  RLMT_CORE: 'RLMT_CORE',
  RLMT_CPU: 'RLMT_CPU',
  RLMT_DATA: 'RLMT_DATA',
  RLMT_FSIZE: 'RLMT_FSIZE',
  RLMT_LOCKS: 'RLMT_LOCKS',
  RLMT_MEMLOCK: 'RLMT_MEMLOCK',
  RLMT_MSGQUEUE: 'RLMT_MSGQUEUE',
  RLMT_NICE: 'RLMT_NICE',
  RLMT_NOFILE: 'RLMT_NOFILE',
  RLMT_NPROC: 'RLMT_NPROC',
  RLMT_RSS: 'RLMT_RSS',
  RLMT_RTPRIO: 'RLMT_RTPRIO',
  RLMT_RTTIME: 'RLMT_RTTIME',
  RLMT_SIGPENDING: 'RLMT_SIGPENDING',
  RLMT_STACK: 'RLMT_STACK',
});
const rlimit = message<RLimit, WireRLimit>((field) => ({
  // The domain has plain text here; a name that is none is left out by the encoder, and its absence refused by the receiver.
  type: field.required('type', rlimitNames as Codec<string, NamesOf<WireRLimit, 'type'>>),
  hard: field.optional('hard', count),
  soft: field.optional('soft', count),
}));

type WindowSize = NonNullable<NonNullable<ContainerInfo['ttyInfo']>['windowSize']>;
const ttyInfo = message<NonNullable<ContainerInfo['ttyInfo']>, WireTTYInfo>((field) => ({
  windowSize: field.optional(
    'window_size',
    message<WindowSize, Inside<WireTTYInfo, 'window_size'>>((inner) => ({
      rows: inner.required('rows', count),
      columns: inner.required('columns', count),
    })),
  ),
}));

export const containerInfo = message<ContainerInfo, WireContainerInfo>((field) => ({
  type: field.required(
    'type',
    enumeration<ContainerInfo['type'], NamesOf<WireContainerInfo, 'type'>>('a container type')({ UNKNOWN: null, DOCKER: 'DOCKER', MESOS: 'MESOS' }),
  ),
  volumes: field.repeated('volumes', volume),
  docker: field.optional('docker', dockerInfo),
  mesos: field.optional(
    'mesos',
    message<NonNullable<ContainerInfo['mesos']>, Inside<WireContainerInfo, 'mesos'>>((inner) => ({ image: inner.optional('image', image) })),
  ),
  hostname: field.optional('hostname', text),
  networkInfos: field.repeated('network_infos', networkInfo),
  linuxInfo: field.optional('linux_info', linuxInfo),
  rlimitInfo: field.optional(
    'rlimit_info',
    message<NonNullable<ContainerInfo['rlimitInfo']>, WireRLimitInfo>((inner) => ({ rlimits: inner.repeated('rlimits', rlimit) })),
  ),
  ttyInfo: field.optional('tty_info', ttyInfo),
}));

// ---------------------------------------------------------------------------------------------------------------------------------------
// Tasks and executors.

export const killPolicy = message<KillPolicy, WireKillPolicy>((field) => ({ gracePeriodMs: field.optional('grace_period', nanoseconds) }));

/** A check over IPv6 is carried by the contract only; the default may be spelled out. */
function refuseIpv6<Domain, Wire>(inner: Codec<Domain, Wire>): Codec<Domain, Wire> {
  return codec(
    inner.expected,
    (wire) =>
      isRecord(wire) && wire['protocol'] !== undefined && wire['protocol'] !== null && wire['protocol'] !== 'IPv4'
        ? new Rejection(wire['protocol'], 'IPv4, the only protocol of checks in this release').within('protocol')
        : inner.decode(wire),
    inner.encode,
  );
}

type HttpCheck = NonNullable<HealthCheck['http']>;
type TcpCheck = NonNullable<HealthCheck['tcp']>;
/** Defaults are Mesos's. */
const healthCheck = message<HealthCheck, WireHealthCheck>((field) => ({
  type: field.optional(
    'type',
    enumeration<NonNullable<HealthCheck['type']>, NamesOf<WireHealthCheck, 'type'>>('a health check type')({
      UNKNOWN: null,
      COMMAND: 'COMMAND',
      HTTP: 'HTTP',
      TCP: 'TCP',
    }),
  ),
  command: field.optional('command', commandInfo),
  http: field.optional(
    'http',
    refuseIpv6(
      message<HttpCheck, Inside<WireHealthCheck, 'http'>>((inner) => ({
        port: inner.required('port', count),
        path: inner.optional('path', text),
        scheme: inner.optional('scheme', text),
        statuses: inner.repeated('statuses', count),
      })),
    ),
  ),
  tcp: field.optional(
    'tcp',
    refuseIpv6(message<TcpCheck, Inside<WireHealthCheck, 'tcp'>>((inner) => ({ port: inner.required('port', count) }))),
  ),
  delayMs: field.withDefault('delay_seconds', seconds, 15_000),
  intervalMs: field.withDefault('interval_seconds', seconds, 10_000),
  timeoutMs: field.withDefault('timeout_seconds', seconds, 20_000),
  gracePeriodMs: field.withDefault('grace_period_seconds', seconds, 10_000),
  consecutiveFailures: field.withDefault('consecutive_failures', count, 3),
}));

const checkType = enumeration<NonNullable<CheckInfo['type']>, NamesOf<WireCheckInfo, 'type'>>('a check type')({
  UNKNOWN: null,
  COMMAND: 'COMMAND',
  HTTP: 'HTTP',
  TCP: 'TCP',
});
/** Defaults are Mesos's. */
const checkInfo = message<CheckInfo, WireCheckInfo>((field) => ({
  type: field.optional('type', checkType),
  command: field.optional('command', boxed<Inside<WireCheckInfo, 'command'>>()('command', commandInfo)),
  http: field.optional(
    'http',
    message<NonNullable<CheckInfo['http']>, Inside<WireCheckInfo, 'http'>>((inner) => ({
      port: inner.required('port', count),
      path: inner.optional('path', text),
    })),
  ),
  tcp: field.optional(
    'tcp',
    message<NonNullable<CheckInfo['tcp']>, Inside<WireCheckInfo, 'tcp'>>((inner) => ({ port: inner.required('port', count) })),
  ),
  delayMs: field.withDefault('delay_seconds', seconds, 15_000),
  intervalMs: field.withDefault('interval_seconds', seconds, 10_000),
  timeoutMs: field.withDefault('timeout_seconds', seconds, 20_000),
}));

const visibility = enumeration<DiscoveryInfo['visibility'], NamesOf<WireDiscoveryInfo, 'visibility'>>('a visibility')({
  FRAMEWORK: 'FRAMEWORK',
  CLUSTER: 'CLUSTER',
  EXTERNAL: 'EXTERNAL',
});
const discoveryPort = message<DiscoveryInfo['ports'][number], WirePort>((field) => ({
  number: field.required('number', count),
  name: field.optional('name', text),
  protocol: field.optional('protocol', text),
  visibility: field.optional('visibility', visibility),
  labels: field.list('labels', labels),
}));
const discoveryInfo = message<DiscoveryInfo, WireDiscoveryInfo>((field) => ({
  visibility: field.required('visibility', visibility),
  name: field.optional('name', text),
  environment: field.optional('environment', text),
  location: field.optional('location', text),
  version: field.optional('version', text),
  ports: field.list('ports', boxedList<WirePorts>()('ports', discoveryPort)),
  labels: field.list('labels', labels),
}));

export const executorInfo = message<ExecutorInfo, WireExecutorInfo>((field) => ({
  executorId: field.required('executor_id', executorIdMessage),
  type: field.optional(
    'type',
    enumeration<NonNullable<ExecutorInfo['type']>, NamesOf<WireExecutorInfo, 'type'>>('an executor type')({
      UNKNOWN: null,
      DEFAULT: 'DEFAULT',
      CUSTOM: 'CUSTOM',
    }),
  ),
  frameworkId: field.optional('framework_id', frameworkIdMessage),
  name: field.optional('name', text),
  source: field.optional('source', text),
  command: field.optional('command', commandInfo),
  container: field.optional('container', containerInfo),
  resources: field.whole('resources', resourceList),
  data: field.optional('data', bytes),
  discovery: field.optional('discovery', discoveryInfo),
  shutdownGracePeriodMs: field.optional('shutdown_grace_period', nanoseconds),
  labels: field.list('labels', labels),
}));

export const taskInfo = message<TaskInfo, WireTaskInfo>((field) => ({
  name: field.required('name', text),
  taskId: field.required('task_id', taskIdMessage),
  agentId: field.required('agent_id', agentIdMessage),
  resources: field.whole('resources', resourceList),
  limits: field.map('limits', limitMessage),
  command: field.optional('command', commandInfo),
  executor: field.optional('executor', executorInfo),
  data: field.optional('data', bytes),
  container: field.optional('container', containerInfo),
  healthCheck: field.optional('health_check', healthCheck),
  check: field.optional('check', checkInfo),
  killPolicy: field.optional('kill_policy', killPolicy),
  discovery: field.optional('discovery', discoveryInfo),
  maxCompletionTimeMs: field.optional('max_completion_time', nanoseconds),
  labels: field.list('labels', labels),
}));

const taskGroup = boxedList<WireTaskGroupInfo>()('tasks', taskInfo);

// ---------------------------------------------------------------------------------------------------------------------------------------
// Status.

export const taskState: Codec<TaskState, WireTaskState> = sameNames<WireTaskState>('a task state, e.g. TASK_RUNNING', taskStateNumbers);

export const taskSource = enumeration<TaskSource, NamesOf<WireTaskStatus, 'source'>>('a source')({
  SOURCE_MASTER: 'SOURCE_MASTER',
  SOURCE_AGENT: 'SOURCE_AGENT',
  SOURCE_EXECUTOR: 'SOURCE_EXECUTOR',
});

export const taskReason: Codec<TaskReason, NamesOf<WireTaskStatus, 'reason'>> = sameNames<NamesOf<WireTaskStatus, 'reason'>>(
  'a reason, e.g. REASON_RECONCILIATION',
  taskReasonNumbers,
);

/** `cgroup_info` says nothing that anybody here uses, and is skipped: a report is no request. */
const containerStatus = message<ContainerStatus, WireContainerStatus>((field) => ({
  containerId: field.optional('container_id', containerIdMessage),
  executorPid: field.optional('executor_pid', count),
  networkInfos: field.repeated('network_infos', networkInfo),
}));

const checkStatus = message<CheckStatus, WireCheckStatusInfo>((field) => ({
  type: field.optional('type', checkType),
  command: field.optional(
    'command',
    message<NonNullable<CheckStatus['command']>, Inside<WireCheckStatusInfo, 'command'>>((inner) => ({ exitCode: inner.optional('exit_code', integer) })),
  ),
  http: field.optional(
    'http',
    message<NonNullable<CheckStatus['http']>, Inside<WireCheckStatusInfo, 'http'>>((inner) => ({ statusCode: inner.optional('status_code', count) })),
  ),
  tcp: field.optional(
    'tcp',
    message<NonNullable<CheckStatus['tcp']>, Inside<WireCheckStatusInfo, 'tcp'>>((inner) => ({ succeeded: inner.optional('succeeded', flag) })),
  ),
}));

export const taskStatus = message<TaskStatus, WireTaskStatus>((field) => ({
  taskId: field.required('task_id', taskIdMessage),
  state: field.required('state', taskState),
  source: field.optional('source', taskSource),
  reason: field.optional('reason', taskReason),
  message: field.optional('message', text),
  data: field.optional('data', bytes),
  agentId: field.optional('agent_id', agentIdMessage),
  executorId: field.optional('executor_id', executorIdMessage),
  timestampMs: field.optional('timestamp', seconds),
  healthy: field.optional('healthy', flag),
  uuid: field.optional('uuid', uuidBytes),
  labels: field.list('labels', labels),
  containerStatus: field.optional('container_status', containerStatus),
  unreachableTimeMs: field.optional('unreachable_time', nanoseconds),
  checkStatus: field.optional('check_status', checkStatus),
  limitation: field.optional(
    'limitation',
    message<NonNullable<TaskStatus['limitation']>, WireTaskResourceLimitation>((inner) => ({ resources: inner.whole('resources', resourceList) })),
  ),
}));

export const operationState: Codec<OperationState, WireOperationState> = sameNames<WireOperationState>('an operation state, e.g. OPERATION_ERROR', operationStateNumbers);

/** What else a later master says of an operation is skipped: a report is no request. */
export const operationStatus = message<OperationStatus, WireOperationStatus>((field) => ({
  operationId: field.optional('operation_id', operationIdMessage),
  state: field.required('state', operationState),
  message: field.optional('message', text),
  agentId: field.optional('agent_id', agentIdMessage),
}));

// ---------------------------------------------------------------------------------------------------------------------------------------
// Offers.

const url = message<Url, WireURL>((field) => ({
  scheme: field.required('scheme', text),
  address: field.required(
    'address',
    message<Url['address'], Inside<WireURL, 'address'>>((inner) => ({
      hostname: inner.optional('hostname', text),
      ip: inner.optional('ip', text),
      port: inner.required('port', count),
    })),
  ),
  path: field.optional('path', text),
}));

const allocationRole = boxed<Inside<WireOffer, 'allocation_info'>>()('role', text);

export const offer = message<Offer, WireOffer>((field) => ({
  id: field.required('id', offerIdMessage),
  frameworkId: field.required('framework_id', frameworkIdMessage),
  agentId: field.required('agent_id', agentIdMessage),
  hostname: field.required('hostname', text),
  url: field.optional('url', url),
  resources: field.whole('resources', resourceList),
  attributes: field.repeated('attributes', attribute),
  executorIds: field.repeated('executor_ids', executorIdMessage),
  role: field.withDefault('allocation_info', allocationRole, unreservedRole),
  unavailability: field.optional('unavailability', unavailability),
  domain: field.optional('domain', domainInfo),
  expiresAtMs: field.optional('expires_at_ms', wholeMs),
}));

/** Negative and NaN mean the default; the master brings too large a value down to the maximum. Source: Mesos, reference 8.2. */
const refuseSeconds = codec<number, number>(
  'a number of seconds',
  (wire) => {
    if (typeof wire !== 'number') return new Rejection(wire, 'a number of seconds');
    return wire >= 0 ? wire + 0 : refuseSecondsDefault;
  },
  (value) => value,
);
export const filters = message<Filters, WireFilters>((field) => ({ refuseSeconds: field.withDefault('refuse_seconds', refuseSeconds, refuseSecondsDefault) }));
export const filtersDefault: Filters = Object.freeze({ refuseSeconds: refuseSecondsDefault });

type ReadableOperation = Exclude<OfferOperation, { readonly kind: 'unreadable' }>;
/** The operation without its id, which stands beside the members outside. */
type Bare<Operation> = Operation extends unknown ? Omit<Operation, 'id'> : never;
type BareOperation = Bare<ReadableOperation>;
type Op<Kind extends OfferOperation['kind']> = Extract<BareOperation, { readonly kind: Kind }>;

const diskType = boxedDiskType();
function boxedDiskType(): Codec<string, NamesOf<Inside<WireOperation, 'create_disk'>, 'target_type'>> {
  type DiskType = 'PATH' | 'MOUNT' | 'BLOCK' | 'RAW';
  return enumeration<DiskType, NamesOf<Inside<WireOperation, 'create_disk'>, 'target_type'>>('a disk type')({
    UNKNOWN: null,
    PATH: 'PATH',
    MOUNT: 'MOUNT',
    BLOCK: 'BLOCK',
    RAW: 'RAW',
    // The domain has plain text here; a name that is none is left out by the encoder, and its absence refused by the receiver.
  }) as Codec<string, DiskType>;
}

/** W2. Paths of the refusals begin at the operation. */
const launch = codec<Op<'launch'>, Inside<WireOperation, 'launch'>>(
  'a launch',
  (wire) => {
    const infos = isRecord(wire) ? (wire['task_infos'] ?? []) : undefined;
    if (!Array.isArray(infos)) return new Rejection(infos, 'a list of tasks').within('task_infos');
    const tasks: TaskInfo[] = [];
    const unreadable: UnreadableTask[] = [];
    for (let index = 0; index < infos.length; index += 1) {
      const task = taskInfo.decode(infos[index]);
      if (task instanceof Rejection) unreadable.push(unreadableTask(infos[index], task.within(`[${index}]`).within('task_infos').within('launch').toRefusal()));
      else tasks.push(task);
    }
    return { kind: 'launch', tasks, ...(unreadable.length > 0 && { unreadable }) };
  },
  ({ tasks }) => (tasks.length === 0 ? {} : { task_infos: tasks.map(taskInfo.encode) }),
);

/** What of a task's ids can be read. */
export function unreadableTask(wire: unknown, refusal: Refusal): UnreadableTask {
  const given = isRecord(wire) ? wire : {};
  const taskId = taskIdMessage.decode(given['task_id']);
  const agentId = agentIdMessage.decode(given['agent_id']);
  return { ...(!(taskId instanceof Rejection) && { taskId }), ...(!(agentId instanceof Rejection) && { agentId }), refusal };
}

const bareOperation = byType<BareOperation, WireOperation, NamesOf<WireOperation, 'type'>>((variant) => ({
  launch: variant.member('LAUNCH', 'launch', launch),
  'launch-group': variant.member(
    'LAUNCH_GROUP',
    'launch_group',
    message<Op<'launch-group'>, Inside<WireOperation, 'launch_group'>>((field) => ({
      kind: field.kind('launch-group'),
      executor: field.required('executor', executorInfo),
      tasks: field.required('task_group', taskGroup),
    })),
  ),
  reserve: variant.member(
    'RESERVE',
    'reserve',
    message<Op<'reserve'>, Inside<WireOperation, 'reserve'>>((field) => ({
      kind: field.kind('reserve'),
      resources: field.whole('resources', resourceList),
      source: field.whole('source', resourceList),
    })),
  ),
  unreserve: variant.member(
    'UNRESERVE',
    'unreserve',
    message<Op<'unreserve'>, Inside<WireOperation, 'unreserve'>>((field) => ({
      kind: field.kind('unreserve'),
      resources: field.whole('resources', resourceList),
    })),
  ),
  create: variant.member(
    'CREATE',
    'create',
    message<Op<'create'>, Inside<WireOperation, 'create'>>((field) => ({ kind: field.kind('create'), volumes: field.whole('volumes', resourceList) })),
  ),
  destroy: variant.member(
    'DESTROY',
    'destroy',
    message<Op<'destroy'>, Inside<WireOperation, 'destroy'>>((field) => ({ kind: field.kind('destroy'), volumes: field.whole('volumes', resourceList) })),
  ),
  'grow-volume': variant.member(
    'GROW_VOLUME',
    'grow_volume',
    message<Op<'grow-volume'>, Inside<WireOperation, 'grow_volume'>>((field) => ({
      kind: field.kind('grow-volume'),
      volume: field.required('volume', oneResource),
      addition: field.required('addition', oneResource),
    })),
  ),
  'shrink-volume': variant.member(
    'SHRINK_VOLUME',
    'shrink_volume',
    message<Op<'shrink-volume'>, Inside<WireOperation, 'shrink_volume'>>((field) => ({
      kind: field.kind('shrink-volume'),
      volume: field.required('volume', oneResource),
      subtractMilli: field.required('subtract', scalarMessage),
    })),
  ),
  'create-disk': variant.member(
    'CREATE_DISK',
    'create_disk',
    message<Op<'create-disk'>, Inside<WireOperation, 'create_disk'>>((field) => ({
      kind: field.kind('create-disk'),
      source: field.required('source', oneResource),
      targetType: field.required('target_type', diskType),
      targetProfile: field.optional('target_profile', text),
    })),
  ),
  'destroy-disk': variant.member(
    'DESTROY_DISK',
    'destroy_disk',
    message<Op<'destroy-disk'>, Inside<WireOperation, 'destroy_disk'>>((field) => ({
      kind: field.kind('destroy-disk'),
      source: field.required('source', oneResource),
    })),
  ),
}));

/** The messages of all tasks that an operation names, whatever else it says. */
export function tasksOfOperation(wire: unknown): readonly unknown[] {
  if (!isRecord(wire)) return [];
  const { launch: single, launch_group: group, type } = wire;
  const taskGroup = isRecord(group) ? group['task_group'] : undefined;
  const infos = type === 'LAUNCH' && isRecord(single) ? single['task_infos'] : type === 'LAUNCH_GROUP' && isRecord(taskGroup) ? taskGroup['tasks'] : undefined;
  return Array.isArray(infos) ? infos : [];
}

export const offerOperation = codec<OfferOperation, WireOperation>(
  bareOperation.expected,
  (wire) => {
    const operation = bareOperation.decode(wire);
    if (operation instanceof Rejection || !isRecord(wire) || wire['id'] === undefined || wire['id'] === null) return operation;
    const id = operationIdMessage.decode(wire['id']);
    return id instanceof Rejection ? id.within('id') : { ...operation, id };
  },
  (value) => {
    if (value.kind === 'unreadable') return {}; // D2: nobody sends it.
    const wire = bareOperation.encode(value);
    if (value.id !== undefined) wire.id = operationIdMessage.encode(value.id);
    return wire;
  },
);

