// The contract: names and numbers are those of Mesos v1, for ever.
//
// Proves:    each field number of a message that has a Mesos counterpart, and each value of each enumeration, against the reference; our own
//            additions are numbered from 100; singular fields keep their presence; numbers of stored records never change.
// Source:    reference, section 4 and 14 to 16.

import { taskReasonNumbers, taskStateNumbers } from '../../common/model/task-status';
import { contractDefinition, wireMethod, wireType, type ContractFile } from '../../proto/loader';

interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly oneofIndex?: number;
  readonly options?: { readonly packed?: boolean } | null;
  readonly type: string;
}
interface EnumDescriptor {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}
interface MessageDescriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
  readonly nestedType: readonly MessageDescriptor[];
  readonly enumType: readonly EnumDescriptor[];
}

const files: readonly ContractFile[] = ['scheduler', 'agent', 'executor', 'operator', 'registry', 'checkpoint'];
const messages = new Map<string, MessageDescriptor>();
const enums = new Map<string, EnumDescriptor>();

function collect(name: string, message: MessageDescriptor): void {
  messages.set(name, message);
  for (const inner of message.enumType) enums.set(`${name}.${inner.name}`, inner);
  for (const inner of message.nestedType) collect(`${name}.${inner.name}`, inner);
}

for (const file of files) {
  for (const [name, definition] of Object.entries(contractDefinition(file))) {
    if (!('format' in definition)) continue;
    const short = name.replace('allot.v1.', '');
    if (String(definition.format).includes('Enum')) enums.set(short, definition.type as EnumDescriptor);
    else collect(short, definition.type as MessageDescriptor);
  }
}

function numbersOf(name: string): string {
  const found = messages.get(name);
  if (found === undefined) return 'missing';
  return [...found.field].sort((a, b) => a.number - b.number).map((field) => `${field.name}=${field.number}`).join(' ');
}

function valuesOf(name: string): string {
  const found = enums.get(name);
  if (found === undefined) return 'missing';
  return [...found.value].sort((a, b) => a.number - b.number).map((value) => `${value.name}=${value.number}`).join(' ');
}

test.each<[message: string, fields: string]>([
  ['FrameworkID', 'value=1'],
  ['OfferID', 'value=1'],
  ['AgentID', 'value=1'],
  ['TaskID', 'value=1'],
  ['ExecutorID', 'value=1'],
  ['ResourceProviderID', 'value=1'],
  ['OperationID', 'value=1'],
  ['ContainerID', 'value=1 parent=2'],
  ['UUID', 'value=1'],
  ['TimeInfo', 'nanoseconds=1'],
  ['DurationInfo', 'nanoseconds=1'],
  ['Address', 'hostname=1 ip=2 port=3'],
  ['URL', 'scheme=1 address=2 path=3 query=4 fragment=5'],
  ['Parameter', 'key=1 value=2'],
  ['Unavailability', 'start=1 duration=2'],
  ['Labels', 'labels=1'],
  ['Label', 'key=1 value=2'],
  [
    'FrameworkInfo',
    'user=1 name=2 id=3 failover_timeout=4 checkpoint=5 role=6 hostname=7 principal=8 webui_url=9 capabilities=10 labels=11 roles=12 offer_filters=13',
  ],
  ['FrameworkInfo.Capability', 'type=1'],
  ['OfferFilters', 'min_allocatable_resources=1'],
  ['OfferFilters.MinAllocatableResources', 'quantities=1'],
  ['ResourceQuantities', 'quantities=1'],
  ['QuotaConfig', 'role=1 guarantees=2 limits=3'],
  ['OperatorCall.UpdateQuota', 'force=1 quota_configs=2'],
  ['MasterInfo', 'id=1 ip=2 port=3 pid=4 hostname=5 version=6 address=7 domain=8 capabilities=9'],
  ['AgentInfo', 'hostname=1 resources=3 attributes=5 id=6 port=8 domain=10'],
  ['DomainInfo', 'fault_domain=1'],
  ['DomainInfo.FaultDomain', 'region=1 zone=2'],
  ['Value.Scalar', 'value=1'],
  ['Value.Range', 'begin=1 end=2'],
  ['Value.Ranges', 'range=1'],
  ['Value.Set', 'item=1'],
  ['Value.Text', 'value=1'],
  ['Attribute', 'name=1 type=2 scalar=3 ranges=4 text=5 set=6'],
  [
    'Resource',
    'name=1 type=2 scalar=3 ranges=4 set=5 role=6 disk=7 reservation=8 revocable=9 shared=10 allocation_info=11 provider_id=12 reservations=13',
  ],
  ['Resource.ReservationInfo', 'principal=1 labels=2 role=3 type=4'],
  ['Resource.DiskInfo', 'persistence=1 volume=2 source=3'],
  ['Resource.DiskInfo.Persistence', 'id=1 principal=2'],
  ['Resource.DiskInfo.Source', 'type=1 path=2 mount=3 id=4 metadata=5 profile=6 vendor=7'],
  ['Resource.AllocationInfo', 'role=1'],
  [
    'Offer',
    'id=1 framework_id=2 agent_id=3 hostname=4 resources=5 executor_ids=6 attributes=7 url=8 unavailability=9 allocation_info=10 domain=11 expires_at_ms=100',
  ],
  ['InverseOffer', 'id=1 url=2 framework_id=3 agent_id=4 unavailability=5 resources=6'],
  ['Filters', 'refuse_seconds=1'],
  ['Request', 'agent_id=1 resources=2'],
  [
    'Offer.Operation',
    'type=1 launch=2 reserve=3 unreserve=4 create=5 destroy=6 launch_group=7 id=12 grow_volume=13 shrink_volume=14 create_disk=15 destroy_disk=16',
  ],
  ['Offer.Operation.Launch', 'task_infos=1'],
  ['Offer.Operation.LaunchGroup', 'executor=1 task_group=2'],
  ['Offer.Operation.Reserve', 'resources=1 source=2'],
  ['Offer.Operation.GrowVolume', 'volume=1 addition=2'],
  ['Offer.Operation.ShrinkVolume', 'volume=1 subtract=2'],
  ['Offer.Operation.CreateDisk', 'source=1 target_type=2 target_profile=3'],
  [
    'TaskInfo',
    'name=1 task_id=2 agent_id=3 resources=4 executor=5 data=6 command=7 health_check=8 container=9 labels=10 discovery=11 kill_policy=12 check=13 max_completion_time=14 limits=15',
  ],
  ['TaskGroupInfo', 'tasks=1'],
  [
    'ExecutorInfo',
    'executor_id=1 data=4 resources=5 command=7 framework_id=8 name=9 source=10 container=11 discovery=12 shutdown_grace_period=13 labels=14 type=15',
  ],
  ['CommandInfo', 'uris=1 environment=2 value=3 user=5 shell=6 arguments=7'],
  ['CommandInfo.URI', 'value=1 executable=2 extract=3 cache=4 output_file=5'],
  ['Environment.Variable', 'name=1 value=2 type=3 secret=4'],
  ['Secret', 'type=1 reference=2 value=3'],
  ['ContainerInfo', 'type=1 volumes=2 docker=3 hostname=4 mesos=5 network_infos=7 linux_info=8 rlimit_info=9 tty_info=10'],
  ['ContainerInfo.DockerInfo', 'image=1 network=2 port_mappings=3 privileged=4 parameters=5 force_pull_image=6 volume_driver=7'],
  ['Volume', 'container_path=1 host_path=2 mode=3 image=4 source=5'],
  ['Volume.Source', 'type=1 docker_volume=2 sandbox_path=3 secret=4 host_path=5 csi_volume=6'],
  ['NetworkInfo', 'groups=3 labels=4 ip_addresses=5 name=6 port_mappings=7'],
  ['NetworkInfo.IPAddress', 'protocol=1 ip_address=2'],
  [
    'LinuxInfo',
    'capability_info=1 bounding_capabilities=2 effective_capabilities=3 share_pid_namespace=4 seccomp=5 ipc_mode=6 shm_size=7 share_cgroups=8',
  ],
  ['KillPolicy', 'grace_period=1'],
  [
    'HealthCheck',
    'http=1 delay_seconds=2 interval_seconds=3 timeout_seconds=4 consecutive_failures=5 grace_period_seconds=6 command=7 type=8 tcp=9',
  ],
  ['HealthCheck.HTTPCheckInfo', 'port=1 path=2 scheme=3 statuses=4 protocol=5'],
  ['HealthCheck.TCPCheckInfo', 'port=1 protocol=2'],
  ['CheckInfo', 'type=1 command=2 http=3 delay_seconds=4 interval_seconds=5 timeout_seconds=6 tcp=7'],
  ['CheckStatusInfo', 'type=1 command=2 http=3 tcp=4'],
  [
    'TaskStatus',
    'task_id=1 state=2 data=3 message=4 agent_id=5 timestamp=6 executor_id=7 healthy=8 source=9 reason=10 uuid=11 labels=12 container_status=13 unreachable_time=14 check_status=15 limitation=16',
  ],
  ['ContainerStatus', 'network_infos=1 cgroup_info=2 executor_pid=3 container_id=4'],
  ['OperationStatus', 'operation_id=1 state=2 message=3 converted_resources=4 uuid=5 agent_id=6 resource_provider_id=7'],
  ['DiscoveryInfo', 'visibility=1 name=2 environment=3 location=4 version=5 ports=6 labels=7'],
  ['Port', 'number=1 name=2 protocol=3 visibility=4 labels=5'],
  [
    'SchedulerCall',
    'framework_id=1 type=2 subscribe=3 accept=4 decline=5 kill=6 shutdown=7 acknowledge=8 reconcile=9 message=10 request=11 accept_inverse_offers=13 decline_inverse_offers=14 revive=15 suppress=16 acknowledge_operation_status=17 reconcile_operations=18 update_framework=19 number=100',
  ],
  ['SchedulerCall.Accept', 'offer_ids=1 operations=2 filters=3'],
  ['SchedulerCall.Acknowledge', 'agent_id=1 task_id=2 uuid=3'],
  ['AttributeConstraint', 'selector=1 predicate=2'],
  ['AttributeConstraint.Selector', 'pseudoattribute_type=1 attribute_name=2'],
  ['AttributeConstraint.Predicate', 'exists=1 not_exists=2 text_equals=3 text_not_equals=4 text_matches=5 text_not_matches=6'],
  [
    'SchedulerEvent',
    'type=1 subscribed=2 offers=3 rescind=4 update=5 message=6 failure=7 error=8 inverse_offers=9 rescind_inverse_offer=10 update_operation_status=11 refused=100',
  ],
  ['ExecutorCall', 'executor_id=1 framework_id=2 type=3 subscribe=4 update=5 message=6'],
  ['ExecutorCall.Subscribe', 'unacknowledged_tasks=1 unacknowledged_updates=2 token=100'],
  ['ExecutorCall.Message', 'data=2'],
  ['ExecutorEvent', 'type=1 subscribed=2 acknowledged=3 launch=4 kill=5 message=6 error=7 launch_group=8'],
  ['ExecutorEvent.Subscribed', 'executor_info=1 framework_info=2 agent_info=3 container_id=4'],
  // Stored: a number that has been released stays.
  ['RegistryFact', 'agent=1 weight=2 quota=3'],
  ['RegistryFact.Agent', 'agent_id=1 info=2 version=3 state=4 unreachable_time=5'],
  [
    'CheckpointRecord',
    'agent=1 framework=2 framework_removed=3 executor=4 executor_started=5 executor_ended=6 executor_removed=7 task=8 task_removed=9 update=10 update_acknowledged=11',
  ],
])('%s has the fields and numbers that peers and stored records rely on', (message, fields) => {
  expect(numbersOf(message)).toBe(fields);
});

const listed = (numbers: Readonly<Record<string, number>>): string => Object.entries(numbers).map(([name, number]) => `${name}=${number}`).join(' ');

test.each<[enumeration: string, values: string]>([
  ['TaskState', listed(taskStateNumbers)],
  ['TaskStatus.Reason', listed(taskReasonNumbers)],
  ['TaskStatus.Source', 'SOURCE_MASTER=0 SOURCE_AGENT=1 SOURCE_EXECUTOR=2'],
  [
    'OperationState',
    'OPERATION_UNSUPPORTED=0 OPERATION_PENDING=1 OPERATION_FINISHED=2 OPERATION_FAILED=3 OPERATION_ERROR=4 OPERATION_DROPPED=5 OPERATION_UNREACHABLE=6 OPERATION_GONE_BY_OPERATOR=7 OPERATION_RECOVERING=8 OPERATION_UNKNOWN=9',
  ],
  [
    'FrameworkInfo.Capability.Type',
    'UNKNOWN=0 REVOCABLE_RESOURCES=1 TASK_KILLING_STATE=2 GPU_RESOURCES=3 SHARED_RESOURCES=4 PARTITION_AWARE=5 MULTI_ROLE=6 RESERVATION_REFINEMENT=7 REGION_AWARE=8',
  ],
  ['MasterInfo.Capability.Type', 'UNKNOWN=0 AGENT_UPDATE=1 AGENT_DRAINING=2 QUOTA_V2=3'],
  ['Value.Type', 'SCALAR=0 RANGES=1 SET=2 TEXT=3'],
  ['Resource.ReservationInfo.Type', 'UNKNOWN=0 STATIC=1 DYNAMIC=2'],
  ['Resource.DiskInfo.Source.Type', 'UNKNOWN=0 PATH=1 MOUNT=2 BLOCK=3 RAW=4'],
  [
    'Offer.Operation.Type',
    'UNKNOWN=0 LAUNCH=1 RESERVE=2 UNRESERVE=3 CREATE=4 DESTROY=5 LAUNCH_GROUP=6 GROW_VOLUME=11 SHRINK_VOLUME=12 CREATE_DISK=13 DESTROY_DISK=14',
  ],
  ['ExecutorInfo.Type', 'UNKNOWN=0 DEFAULT=1 CUSTOM=2'],
  ['Environment.Variable.Type', 'UNKNOWN=0 VALUE=1 SECRET=2'],
  ['Secret.Type', 'UNKNOWN=0 REFERENCE=1 VALUE=2'],
  ['ContainerInfo.Type', 'UNKNOWN=0 DOCKER=1 MESOS=2'],
  ['ContainerInfo.DockerInfo.Network', 'UNKNOWN=0 HOST=1 BRIDGE=2 NONE=3 USER=4'],
  ['Volume.Mode', 'UNKNOWN=0 RW=1 RO=2'],
  ['Volume.Source.Type', 'UNKNOWN=0 DOCKER_VOLUME=1 SANDBOX_PATH=2 SECRET=3 HOST_PATH=4 CSI_VOLUME=5'],
  ['LinuxInfo.IpcMode', 'UNKNOWN=0 PRIVATE=1 SHARE_PARENT=2'],
  ['HealthCheck.Type', 'UNKNOWN=0 COMMAND=1 HTTP=2 TCP=3'],
  ['CheckInfo.Type', 'UNKNOWN=0 COMMAND=1 HTTP=2 TCP=3'],
  ['DiscoveryInfo.Visibility', 'FRAMEWORK=0 CLUSTER=1 EXTERNAL=2'],
  ['AttributeConstraint.Selector.PseudoattributeType', 'UNKNOWN=0 HOSTNAME=1 REGION=2 ZONE=3'],
  [
    'SchedulerCall.Type',
    'UNKNOWN=0 SUBSCRIBE=1 TEARDOWN=2 ACCEPT=3 DECLINE=4 REVIVE=5 KILL=6 SHUTDOWN=7 ACKNOWLEDGE=8 RECONCILE=9 MESSAGE=10 REQUEST=11 SUPPRESS=12 ACCEPT_INVERSE_OFFERS=13 DECLINE_INVERSE_OFFERS=14 ACKNOWLEDGE_OPERATION_STATUS=15 RECONCILE_OPERATIONS=16 UPDATE_FRAMEWORK=17',
  ],
  [
    'SchedulerEvent.Type',
    'UNKNOWN=0 SUBSCRIBED=1 OFFERS=2 RESCIND=3 UPDATE=4 MESSAGE=5 FAILURE=6 ERROR=7 HEARTBEAT=8 INVERSE_OFFERS=9 RESCIND_INVERSE_OFFER=10 UPDATE_OPERATION_STATUS=11 REFUSED=100',
  ],
  ['ExecutorCall.Type', 'UNKNOWN=0 SUBSCRIBE=1 UPDATE=2 MESSAGE=3 HEARTBEAT=4'],
  [
    'ExecutorEvent.Type',
    'UNKNOWN=0 SUBSCRIBED=1 LAUNCH=2 KILL=3 ACKNOWLEDGED=4 MESSAGE=5 ERROR=6 SHUTDOWN=7 LAUNCH_GROUP=8 HEARTBEAT=9',
  ],
])('%s has the values of Mesos', (enumeration, values) => {
  expect(valuesOf(enumeration)).toBe(values);
});

test('every singular field keeps its presence, because unset and zero mean different things', () => {
  const lost = [...messages].flatMap(([message, { field }]) =>
    field.filter(({ label, oneofIndex }) => label !== 'LABEL_REPEATED' && (oneofIndex === undefined || oneofIndex < 0)).map(({ name }) => `${message}.${name}`),
  );
  // Entries of maps always have both, and are no messages of ours.
  expect(lost.filter((name) => !/Entry\.(key|value)$/.test(name))).toEqual([]);
});

test('an absent field is absent after the parser, and an unknown enumeration value is its number, so that codecs can refuse it', () => {
  const type = wireType('scheduler', 'TaskStatus');
  expect(type.deserialize(Buffer.alloc(0))).toEqual({});
  // Field 2 (state), value 99.
  expect(type.deserialize(Buffer.from([0x10, 99]))).toEqual({ state: 99 });
});

test('repeated numbers are written unpacked, as Mesos reads them, and read in both forms', () => {
  const type = wireType('scheduler', 'HealthCheck');
  expect(type.serialize({ http: { statuses: [200, 204] } })).toEqual(Buffer.from([0x0a, 6, 0x20, 0xc8, 0x01, 0x20, 0xcc, 0x01]));
  expect(type.deserialize(Buffer.from([0x0a, 6, 0x22, 0x04, 0xc8, 0x01, 0xcc, 0x01]))).toEqual({ http: { statuses: [200, 204] } });
});

test('methods have the paths that other languages generate', () => {
  expect(wireMethod('scheduler', 'Scheduler', 'Session').path).toBe('/allot.v1.Scheduler/Session');
  expect(wireMethod('agent', 'AgentGateway', 'Session').path).toBe('/allot.v1.AgentGateway/Session');
  expect(wireMethod('executor', 'Executor', 'Session').path).toBe('/allot.v1.Executor/Session');
  expect(wireMethod('operator', 'Operator', 'Ask').path).toBe('/allot.v1.Operator/Ask');
});
