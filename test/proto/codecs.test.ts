// Codecs: what was said is what is heard, and what cannot be understood is refused by name.
//
// Proves:    for every message of the contract that the domain has: domain -> bytes -> domain gives the same value (D3); garbage in the shape
//            of wire objects, and damaged bytes, are refused and never throw (D1); refusals name the field by its path.
//            Nothing is longer on the wire than common/model/message-size.ts says.
// Elsewhere: the combinators alone (codec.test.ts), stored records (stored-codecs.test.ts), numbers of the contract (contract.test.ts).

import fc from 'fast-check';

import type { AgentInfo } from '../../common/model/agent';
import { sizeOf } from '../../common/model/message-size';
import { agentId, executorId, frameworkId, taskId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import type { Checked } from '../../common/refusal';
import { agentMessage, masterMessage } from '../../proto/agent-codec';
import { decodeChecked, type Codec } from '../../proto/codec';
import { decodeExecutorCall, encodeExecutorCall, executorEvent } from '../../proto/executor-codec';
import { wireType, type ContractFile } from '../../proto/loader';
import { operatorCall, operatorReply } from '../../proto/operator-codec';
import { decodeSchedulerCall, encodeSchedulerCall, schedulerEvent } from '../../proto/scheduler-codec';
import { agentInfo, frameworkInfo, taskInfo, taskStatus } from '../../proto/vocabulary-codec';
import {
  agentMessages,
  executorCallEnvelope,
  executorEvents,
  masterMessages,
  operatorCalls,
  operatorReplies,
  schedulerCallEnvelope,
  schedulerCalls,
  schedulerEvents,
} from './domain-arbitraries';

/** Every conversation, as what goes in and comes out of its codec. */
interface Conversation {
  readonly name: string;
  readonly file: ContractFile;
  readonly message: string;
  readonly values: readonly (readonly [kind: string, arbitrary: fc.Arbitrary<unknown>])[];
  readonly encode: (value: never) => object;
  readonly decode: (wire: unknown) => { readonly ok: boolean };
}

function conversation<T>(file: ContractFile, message: string, values: Readonly<Record<string, fc.Arbitrary<unknown>>>, codec: Codec<T, object>): Conversation {
  return { name: message, file, message, values: Object.entries(values), encode: codec.encode as (value: never) => object, decode: (wire) => decodeChecked(codec, wire) };
}

const conversations: readonly Conversation[] = [
  {
    name: 'SchedulerCall',
    file: 'scheduler',
    message: 'SchedulerCall',
    values: [
      ...Object.entries(schedulerCalls).map(([kind, arbitrary]) => [kind, (arbitrary as fc.Arbitrary<unknown>).map((call) => ({ number: 7, call }))] as const),
      ['in any envelope', schedulerCallEnvelope],
    ],
    encode: encodeSchedulerCall as (value: never) => object,
    decode: decodeSchedulerCall,
  },
  conversation('scheduler', 'SchedulerEvent', schedulerEvents, schedulerEvent),
  {
    name: 'ExecutorCall',
    file: 'executor',
    message: 'ExecutorCall',
    values: [['of any kind', executorCallEnvelope]],
    encode: encodeExecutorCall as (value: never) => object,
    decode: decodeExecutorCall,
  },
  conversation('executor', 'ExecutorEvent', executorEvents, executorEvent),
  conversation('agent', 'AgentMessage', agentMessages, agentMessage),
  conversation('agent', 'MasterMessage', masterMessages, masterMessage),
  conversation('operator', 'OperatorCall', operatorCalls, operatorCall),
  conversation('operator', 'OperatorReply', operatorReplies, operatorReply),
];

/** Resources compare by value, not by how they were built. */
function comparable(value: unknown): unknown {
  if (value instanceof Resources) return { resources: [...value] };
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Map) return { map: Object.fromEntries([...value].map(([key, entry]) => [key, comparable(entry)])) };
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, comparable(entry)]));
}

const rows = conversations.flatMap(({ name, values, ...rest }) => values.map(([kind, arbitrary]) => [name, kind, { ...rest, arbitrary }] as const));

describe('over bytes', () => {
  test.each(rows)('%s %s means the same on the other side', (_name, _kind, { file, message, arbitrary, encode, decode }) => {
    const type = wireType(file, message);
    fc.assert(
      fc.property(arbitrary, (value) => {
        const decoded = decode(type.deserialize(type.serialize(encode(value as never))));
        expect(comparable(decoded)).toEqual({ ok: true, value: comparable(value) });
      }),
      { numRuns: 25 },
    );
  });
});

test.each(rows)('%s %s is no longer than the deciding cores, which cannot encode, take it for', (_name, _kind, { file, message, arbitrary, encode }) => {
  const type = wireType(file, message);
  fc.assert(
    fc.property(arbitrary, (value) => {
      expect(sizeOf(value)).toBeGreaterThanOrEqual(type.serialize(encode(value as never)).length);
    }),
    { numRuns: 100 },
  );
});

describe('garbage', () => {
  /** Objects with the field names of the contract and values of any sort, several levels deep. */
  const names = ['type', 'framework_id', 'value', 'subscribe', 'accept', 'operations', 'launch', 'task_infos', 'resources', 'name', 'scalar', 'ranges', 'range', 'uuid', 'status', 'labels'];
  const { garbage } = fc.letrec<{ garbage: unknown }>((tie) => ({
    garbage: fc.oneof(
      { maxDepth: 6 },
      fc.anything(),
      fc.constantFrom('SUBSCRIBE', 'ACCEPT', 'LAUNCH', 'UPDATE', 'SCALAR', 'OFFERS', 'TASK_RUNNING'),
      fc.dictionary(fc.constantFrom(...names), tie('garbage'), { maxKeys: 6 }),
      fc.array(tie('garbage'), { maxLength: 3 }),
    ),
  }));

  test.each(conversations.map((entry) => [entry.name, entry] as const))('as a wire object of %s is refused, and never throws', (_name, { decode }) => {
    fc.assert(
      fc.property(garbage, (wire) => {
        expect(typeof decode(wire).ok).toBe('boolean');
      }),
      { numRuns: 150 },
    );
  });

  test.each(rows)('%s %s with one field replaced is refused by the path of that field, or still means something', (_name, _kind, { arbitrary, encode, decode }) => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), fc.anything(), (value, position, poison) => {
        const wire = structuredClone(encode(value as never));
        const path = poisonAt(wire, position, poison);
        const decoded = decode(wire) as Checked<unknown>;
        if (!decoded.ok) expect([decoded.refusal.field, path, isNear(decoded.refusal.field, path)]).toEqual([decoded.refusal.field, path, true]);
      }),
      { numRuns: 25 },
    );
  });

  test.each(rows)('%s %s with damaged bytes never gets further than its parser or its codec', (_name, _kind, { file, message, arbitrary, encode, decode }) => {
    const type = wireType(file, message);
    fc.assert(
      fc.property(arbitrary, fc.nat(), fc.nat(255), (value, position, byte) => {
        const bytes = type.serialize(encode(value as never));
        if (bytes.length > 0) bytes[position % bytes.length] = byte;
        const wire = parsed(() => type.deserialize(bytes));
        if (wire !== undefined) expect(typeof decode(wire).ok).toBe('boolean');
      }),
      { numRuns: 15 },
    );
  });
});

function parsed(parse: () => object): object | undefined {
  try {
    return parse();
  } catch {
    // Bytes that are no protobuf are the parser's to refuse; the links turn its exception into a refusal.
    return undefined;
  }
}

/** Replaces one of the places inside of `wire`; returns its path in steps. */
function poisonAt(wire: object, position: number, poison: unknown): string[] {
  const places: { holder: Record<string, unknown>; key: string; path: string[] }[] = [];
  const collect = (holder: object, path: string[]): void => {
    for (const key of Object.keys(holder)) {
      const here = [...path, key];
      places.push({ holder: holder as Record<string, unknown>, key, path: here });
      const inner = (holder as Record<string, unknown>)[key];
      if (typeof inner === 'object' && inner !== null && !(inner instanceof Uint8Array)) collect(inner, here);
    }
  };
  collect(wire, []);
  const place = places[position % Math.max(1, places.length)];
  if (place === undefined) return [];
  place.holder[place.key] = poison;
  return place.path;
}

/** A rule may concern the poisoned field itself, a part of it, or its neighbours, but nothing outside of the same member of the message. */
function isNear(field: string, path: readonly string[]): boolean {
  // Poison that says "absent" for the only member leaves nothing to name.
  return field.startsWith(path[0] ?? '') || (path.length === 1 && field === 'message');
}

describe('refusals', () => {
  const task = {
    name: 'hello',
    task_id: { value: 'hello-1' },
    agent_id: { value: 'a-S0' },
    command: { value: 'true' },
    resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 0.5 } }],
  };
  const acceptOf = (...tasks: unknown[]): object => ({ type: 'ACCEPT', number: 12, accept: { offer_ids: [{ value: 'o' }], operations: [{ type: 'LAUNCH', launch: { task_infos: tasks } }] } });

  const readAccept = (wire: object) => {
    const received = decodeSchedulerCall(wire);
    if (!received.ok || received.value.call.kind !== 'accept') throw new Error('The ACCEPT as a whole was refused');
    return received.value.call;
  };

  test.each<[claim: string, spoiled: object, field: string, expected: RegExp, ids: object]>([
    ['a missing task id', { ...task, task_id: undefined }, 'task_id', /a task id/, { agentId: 'a-S0' }],
    ['an id that is none', { ...task, task_id: { value: 'a/b' } }, 'task_id', /without control characters/, { agentId: 'a-S0' }],
    ['an agent id that is none', { ...task, agent_id: { value: '' } }, 'agent_id', /non-empty/, { taskId: 'hello-1' }],
    ['nothing at all', {}, 'name', /text/, {}],
    ['an amount below nothing', { ...task, resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: -1 } }] }, 'resources[0].scalar.value', /0\.001/, { taskId: 'hello-1', agentId: 'a-S0' }],
    ['half a gpu', { ...task, resources: [{ name: 'gpus', type: 'SCALAR', scalar: { value: 0.5 } }] }, 'resources[0].scalar.value', /whole number/, { taskId: 'hello-1', agentId: 'a-S0' }],
    ['a limit of a task', { ...task, limits: { cpus: { value: -1 } } }, 'limits["cpus"].value', /Infinity/, { taskId: 'hello-1', agentId: 'a-S0' }],
    [
      'protection that the agent cannot give',
      { ...task, container: { type: 'MESOS', linux_info: { seccomp: { profile_name: 'tight' } } } },
      'container.linux_info.seccomp',
      /this release cannot/,
      { taskId: 'hello-1', agentId: 'a-S0' },
    ],
  ])('%s in one task is refused for that task by name, and the tasks around it are read', (_claim, spoiled, field, expected, ids) => {
    const [launch] = readAccept(acceptOf(task, spoiled, task)).operations;
    if (launch?.kind !== 'launch') throw new Error('no launch');
    expect(launch.tasks.map(({ taskId }) => taskId)).toEqual(['hello-1', 'hello-1']);
    expect(launch.unreadable).toEqual([
      { ...ids, refusal: { field: `accept.operations[0].launch.task_infos[1].${field}`, value: expect.any(String) as string, expected: expect.stringMatching(expected) as string } },
    ]);
  });

  test.each<[claim: string, operation: object, read: object]>([
    ['of a type newer than the contract', { type: 99 }, { type: 'UNKNOWN', refusal: { field: 'accept.operations[1].type' }, unreadable: [] }],
    ['with an amount that is none', { type: 'RESERVE', id: { value: 'r' }, reserve: { resources: [{ name: '' }] } }, { id: 'r', type: 'RESERVE', refusal: { field: 'accept.operations[1].reserve.resources[0].type' } }],
    [
      'that is a group with one spoiled task',
      { type: 'LAUNCH_GROUP', launch_group: { executor: { executor_id: { value: 'e' } }, task_group: { tasks: [task, { ...task, task_id: { value: 'u' }, name: undefined }] } } },
      { type: 'LAUNCH_GROUP', unreadable: [{ taskId: 'hello-1' }, { taskId: 'u' }], refusal: { field: 'accept.operations[1].launch_group.task_group.tasks[1].name' } },
    ],
  ])('an operation %s is set apart, and those around it are read', (_claim, operation, read) => {
    const launch = { type: 'LAUNCH', launch: { task_infos: [task] } };
    const { operations } = readAccept({ type: 'ACCEPT', accept: { operations: [launch, operation, launch] } });
    expect(operations).toMatchObject([{ kind: 'launch' }, { kind: 'unreadable', ...read }, { kind: 'launch' }]);
  });

  test('more tasks than any call may have refuse the call, before one of them is looked at', () => {
    const tasks = Array.from({ length: 60_000 }, () => ({}));
    const operation = { type: 'LAUNCH', launch: { task_infos: tasks } };
    expect(decodeSchedulerCall({ type: 'ACCEPT', number: 3, accept: { operations: [operation, operation] } })).toMatchObject({ ok: false, number: 3, refusal: { field: 'accept.operations' } });
  });

  test.each<[claim: string, wire: object, field: string, expected: RegExp]>([
    ['an unknown type of call', { type: 'EXPLODE' }, 'type', /SUBSCRIBE/],
    ['a type newer than the contract', { type: 99 }, 'type', /SUBSCRIBE/],
    ['no type', {}, 'type', /SUBSCRIBE/],
    ['a call without its member', { type: 'KILL' }, 'kill', /what belongs to type KILL/],
    ['a uuid of the wrong length', { type: 'ACKNOWLEDGE', acknowledge: { agent_id: { value: 'a' }, task_id: { value: 't' }, uuid: Buffer.alloc(15) } }, 'acknowledge.uuid', /16 bytes/],
    ['a number below 0', { type: 'TEARDOWN', number: -1 }, 'number', /whole number/],
    ['a call that this release does not know', { type: 'ACCEPT_INVERSE_OFFERS' }, 'type', /one of/],
  ])('%s is refused by name', (_claim, wire, field, expected) => {
    const received = decodeSchedulerCall(wire);
    expect(received).toMatchObject({ ok: false, refusal: { field, expected: expect.stringMatching(expected) } });
  });

  test('a call that cannot be read keeps its number and kind, so that the refusal finds its sender', () => {
    expect(decodeSchedulerCall({ type: 'ACCEPT', number: 12, accept: { offer_ids: [{}] } })).toMatchObject({ ok: false, number: 12, callKind: 'accept' });
    expect(decodeSchedulerCall({ type: 'UPDATE_FRAMEWORK' })).toMatchObject({ ok: false, number: 0, callKind: 'update-framework' });
    expect(decodeSchedulerCall(undefined)).toMatchObject({ ok: false, number: 0, callKind: 'unknown' });
  });

  test('a huge value or key is shortened, a refusal must not be larger than what it refuses', () => {
    const received = decodeSchedulerCall({ type: 'MESSAGE', message: { agent_id: { value: 'x'.repeat(1_000_000) } } });
    expect(received.ok || received.refusal.value.length).toBeLessThan(300);
    const subscribe = decodeSchedulerCall({ type: 'SUBSCRIBE', subscribe: { framework_info: { user: '', name: 'f', offer_filters: { ['x'.repeat(1_000_000)]: 5 } } } });
    expect(subscribe.ok || subscribe.refusal.field.length).toBeLessThan(600);
  });
});

describe('defaults of Mesos', () => {
  test('a command is a shell command, and its archives are unpacked', () => {
    const decoded = decodeChecked(taskInfo, {
      name: 't',
      task_id: { value: 't' },
      agent_id: { value: 'a' },
      command: { uris: [{ value: 'u' }], environment: { variables: [{ name: 'A', value: '1' }] } },
    });
    expect(decoded).toMatchObject({
      ok: true,
      value: { command: { shell: true, uris: [{ extract: true, executable: false, cache: false }], environment: [{ name: 'A', type: 'VALUE', value: '1' }] }, resources: Resources.empty },
    });
  });

  test('checks begin after 15 s, every 10 s, for at most 20 s', () => {
    const decoded = decodeChecked(taskInfo, { name: 't', task_id: { value: 't' }, agent_id: { value: 'a' }, health_check: {}, check: {} });
    expect(decoded).toMatchObject({
      ok: true,
      value: {
        healthCheck: { delayMs: 15_000, intervalMs: 10_000, timeoutMs: 20_000, gracePeriodMs: 10_000, consecutiveFailures: 3 },
        check: { delayMs: 15_000, intervalMs: 10_000, timeoutMs: 20_000 },
      },
    });
  });

  test.each<[seconds: number | undefined, refuseSeconds: number]>([
    [undefined, 5],
    [-1, 5],
    [NaN, 5],
    [0, 0],
    [0.1, 0.1],
    [Infinity, Infinity],
  ])('refuse_seconds %p counts as %p', (seconds, refuseSeconds) => {
    const decoded = decodeSchedulerCall({ type: 'DECLINE', decline: { filters: { refuse_seconds: seconds } } });
    expect(decoded).toMatchObject({ ok: true, value: { call: { filters: { refuseSeconds } } } });
  });

  test('REVIVE and SUPPRESS may come without their member, and mean all roles', () => {
    expect(decodeSchedulerCall({ type: 'REVIVE' })).toMatchObject({ ok: true, value: { call: { kind: 'revive', roles: [] } } });
    expect(decodeSchedulerCall({ type: 'SUPPRESS' })).toMatchObject({ ok: true, value: { call: { kind: 'suppress', roles: [] } } });
  });
});

describe('framework info', () => {
  const info = { user: 'svc', name: 'batch' };
  const multiRole = [{ type: 'MULTI_ROLE' }];

  test.each<[claim: string, wire: object, roles: readonly string[]]>([
    ['no role is the role *', {}, ['*']],
    ['the one role counts without MULTI_ROLE', { role: 'eng' }, ['eng']],
    ['the roles count with MULTI_ROLE', { roles: ['a', 'b'], capabilities: multiRole }, ['a', 'b']],
    ['no roles with MULTI_ROLE are no roles', { capabilities: multiRole }, []],
    ['capabilities of a newer client are skipped', { capabilities: [{ type: 77 }, ...multiRole], roles: ['a'] }, ['a']],
  ])('%s', (_claim, wire, roles) => {
    expect(decodeChecked(frameworkInfo, { ...info, ...wire })).toMatchObject({ ok: true, value: { roles } });
  });

  test.each<[claim: string, wire: object, field: string]>([
    ['a role beside MULTI_ROLE', { role: 'eng', capabilities: multiRole }, 'role'],
    ['roles without MULTI_ROLE', { roles: ['eng'] }, 'roles'],
    ['no name', { name: undefined }, 'name'],
    ['an endless failover time-out', { failover_timeout: Infinity }, 'failover_timeout'],
  ])('%s is refused', (_claim, wire, field) => {
    expect(decodeChecked(frameworkInfo, { ...info, ...wire })).toMatchObject({ ok: false, refusal: { field } });
  });

  test('an empty id is a new framework', () => {
    const decoded = decodeChecked(frameworkInfo, { ...info, id: { value: '' } });
    expect(decoded.ok && 'id' in decoded.value).toBe(false);
  });
});

describe('resources', () => {
  const cpus = { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } };
  const decode = (...resources: object[]): Checked<AgentInfo> => decodeChecked(agentInfo, { hostname: 'h', resources });
  const reservationsOf = (checked: Checked<AgentInfo>): unknown => (checked.ok ? [...checked.value.resources].map(({ reservations }) => reservations) : checked);

  test.each<[claim: string, wire: object, reservations: unknown]>([
    ['role * is unreserved', { role: '*' }, []],
    ['another role alone is a static reservation', { role: 'eng' }, [{ type: 'STATIC', role: 'eng', labels: [] }]],
    [
      'a role with reservation is a dynamic one',
      { role: 'eng', reservation: { principal: 'ops', labels: { labels: [{ key: 'a' }] } } },
      [{ type: 'DYNAMIC', role: 'eng', principal: 'ops', labels: [{ key: 'a' }] }],
    ],
    ['a stack is taken as it is', { reservations: [{ type: 'STATIC', role: 'eng' }] }, [{ type: 'STATIC', role: 'eng', labels: [] }]],
  ])('%s', (_claim, wire, reservations) => {
    expect(reservationsOf(decode({ ...cpus, ...wire }))).toEqual([reservations]);
  });

  test.each<[claim: string, wire: object, field: string]>([
    ['both forms at once', { role: 'eng', reservations: [{ type: 'STATIC', role: 'eng' }] }, 'resources[0].role'],
    ['a dynamic reservation for everybody', { reservation: {} }, 'resources[0].role'],
    ['a type inside the old form', { role: 'eng', reservation: { type: 'DYNAMIC' } }, 'resources[0].reservation.type'],
    ['a stack without a role', { reservations: [{ type: 'STATIC' }] }, 'resources[0].reservations[0].role'],
    ['a stack that refines sideways', { reservations: [{ type: 'STATIC', role: 'a' }, { type: 'DYNAMIC', role: 'b' }] }, 'resources[0].reservations[1].role'],
    ['a value of another type', { ranges: { range: [] } }, 'resources[0].ranges'],
    ['text', { type: 'TEXT' }, 'resources[0].type'],
    ['no amount', { scalar: undefined }, 'resources[0].scalar'],
    ['an amount that is no number', { scalar: { value: NaN } }, 'resources[0].scalar.value'],
    ['no name', { name: '' }, 'resources[0].name'],
  ])('%s is refused by name', (_claim, wire, field) => {
    expect(decode({ ...cpus, ...wire })).toMatchObject({ ok: false, refusal: { field } });
  });

  test('0.1 and 0.2 cpus are 0.3 cpus', () => {
    const decoded = decode(cpus, { ...cpus, scalar: { value: 0.2 } });
    expect(decoded.ok && decoded.value.resources.scalar('cpus')).toBe(300);
  });
});

test('a status travels as Mesos writes it: raw bytes for the uuid, seconds for the time', () => {
  const wire = taskStatus.encode({
    taskId: taskId('t'),
    state: 'TASK_RUNNING',
    source: 'SOURCE_EXECUTOR',
    agentId: agentId('a'),
    executorId: executorId('e'),
    timestampMs: 1_750_000_000_250,
    uuid: '000102030405060708090a0b0c0d0e0f',
    labels: [],
  });
  expect(wire).toEqual({
    task_id: { value: 't' },
    state: 'TASK_RUNNING',
    source: 'SOURCE_EXECUTOR',
    agent_id: { value: 'a' },
    executor_id: { value: 'e' },
    timestamp: 1_750_000_000.25,
    uuid: Buffer.from([...Array(16).keys()]),
  });
});

test('a scheduler that subscribes again says its id in the envelope, once inside is not enough', () => {
  const id = frameworkId('m-0001');
  const decoded = decodeSchedulerCall({ type: 'SUBSCRIBE', framework_id: { value: id }, subscribe: { framework_info: { user: 'u', name: 'n', id: { value: id } } } });
  expect(decoded).toMatchObject({ ok: true, value: { frameworkId: id, call: { kind: 'subscribe', frameworkId: id, frameworkInfo: { id } } } });
});
