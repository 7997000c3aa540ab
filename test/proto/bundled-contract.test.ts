// Proves that a program with the contract bundled into it speaks the same bytes as one that reads the .proto files. How: the same messages through
// both, in both directions.

import * as protobuf from 'protobufjs/minimal';
import type { IConversionOptions } from 'protobufjs';
import { bundledMethod, bundledType, type BundledContract } from '../../proto/bundled-contract';
import { wireMethod, wireType, type ContractFile } from '../../proto/loader';

const { contractCode } = require('../../proto/contract-code.js') as { contractCode(file: string): string };

/** As the loader's, which says why. */
const options: IConversionOptions = { longs: Number, enums: String, defaults: false, arrays: false, objects: false, oneofs: false };

/** As a bundle has it. */
function compiled(file: ContractFile): BundledContract {
  const make = new Function('protobuf', contractCode(file)) as (library: typeof protobuf) => BundledContract;
  return make(protobuf);
}

const contracts = { executor: compiled('executor'), scheduler: compiled('scheduler') };

test.each<[type: string, wire: object, file?: 'executor' | 'scheduler']>([
  ['ExecutorCall', { type: 'HEARTBEAT' }],
  ['ExecutorCall', { executor_id: { value: 'e' }, framework_id: { value: 'f' }, type: 'SUBSCRIBE', subscribe: { unacknowledged_tasks: [], token: 't' } }],
  ['ExecutorCall', { type: 'UPDATE', update: { status: { task_id: { value: 't' }, state: 'TASK_FINISHED', data: Buffer.from('x'), timestamp: 1.5, uuid: Buffer.alloc(16, 7) } } }],
  ['ExecutorEvent', { type: 'LAUNCH', launch: { task: { name: 'n', task_id: { value: 't' }, resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 0.5 } }] } } }],
  ['ExecutorEvent', { type: 'KILL', kill: { task_id: { value: 't' }, kill_policy: { grace_period: { nanoseconds: 5e9 } } } }],
  ['ExecutorEvent', {}],
  ['SchedulerCall', { type: 'SUBSCRIBE', subscribe: { framework_info: { user: 'u', name: 'n', roles: ['a', 'b'], offer_filters: { a: { min_allocatable_resources: { quantities: [{ quantities: { cpus: { value: 2 } } }] } } } } } }, 'scheduler'],
  ['SchedulerEvent', { type: 'ERROR', error: { message: 'ü' } }, 'scheduler'],
  ['Resource', { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 1, end: 2 ** 40 }, { begin: 0, end: 0 }] } }, 'scheduler'],
  ['Label', { key: 'k' }, 'scheduler'],
])('%s %j is the same bytes and the same object', (name, wire, file = 'executor') => {
  const [bundled, loaded] = [bundledType(contracts[file], name, options), wireType(file, name)];
  const bytes = loaded.serialize(wire);
  expect(bundled.serialize(wire)).toEqual(bytes);
  expect(bundled.deserialize(bytes)).toEqual(loaded.deserialize(bytes));
});

test('methods have the same path and types', () => {
  const [bundled, loaded] = [bundledMethod(contracts.executor, 'Executor', 'Session', options), wireMethod('executor', 'Executor', 'Session')];
  expect(bundled.path).toBe(loaded.path);
  const calls = { calls: [{ type: 'HEARTBEAT' }] };
  expect(bundled.request.serialize(calls)).toEqual(loaded.request.serialize(calls));
  expect(() => bundledMethod(contracts.executor, 'Executor', 'None', options)).toThrow('has a method None');
});

test('a value that the contract does not know arrives as its number, and bytes that are no message are refused', () => {
  const bundled = bundledType(contracts.scheduler, 'TaskStatus', options);
  const loaded = wireType('scheduler', 'TaskStatus');
  const unknown = loaded.serialize({ task_id: { value: 't' }, state: 4_711 });
  expect(bundled.deserialize(unknown)).toEqual(loaded.deserialize(unknown));
  expect(() => bundled.deserialize(Buffer.from([0x0a, 0x7f]))).toThrow('index out of range');
  expect(() => bundledType(contracts.executor, 'None', options)).toThrow('has a message None');
});
