// Proves that a program with the contract bundled into it speaks the same bytes as one that reads the .proto files. How: the same messages through
// both, in both directions.

import { join } from 'node:path';
import { Root, type IConversionOptions } from 'protobufjs';
import { bundledMethod, bundledType } from '../../proto/bundled-contract';
import { wireMethod, wireType } from '../../proto/loader';

/** As the loader's, which says why. */
const options: IConversionOptions = { longs: Number, enums: String, defaults: false, arrays: false, objects: false, oneofs: false };

/** As bundle.js makes it, through JSON and back. */
function bundledExecutorContract(): Root {
  const contract = new Root();
  contract.resolvePath = (_origin, target) => join(__dirname, '../../proto', target.split('/').at(-1) ?? '');
  return Root.fromJSON(contract.loadSync('executor.proto', { keepCase: true }).resolveAll().toJSON());
}

const contract = bundledExecutorContract();

test.each<[type: string, wire: object]>([
  ['ExecutorCall', { type: 'HEARTBEAT' }],
  ['ExecutorCall', { executor_id: { value: 'e' }, framework_id: { value: 'f' }, type: 'SUBSCRIBE', subscribe: { unacknowledged_tasks: [], token: 't' } }],
  ['ExecutorCall', { type: 'UPDATE', update: { status: { task_id: { value: 't' }, state: 'TASK_FINISHED', data: Buffer.from('x'), timestamp: 1.5, uuid: Buffer.alloc(16, 7) } } }],
  ['ExecutorEvent', { type: 'LAUNCH', launch: { task: { name: 'n', task_id: { value: 't' }, resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 0.5 } }] } } }],
  ['ExecutorEvent', { type: 'KILL', kill: { task_id: { value: 't' }, kill_policy: { grace_period: { nanoseconds: 5e9 } } } }],
  ['ExecutorEvent', {}],
])('%s %j is the same bytes and the same object', (name, wire) => {
  const [bundled, loaded] = [bundledType(contract.lookupType(`allot.v1.${name}`), options), wireType('executor', name)];
  const bytes = loaded.serialize(wire);
  expect(bundled.serialize(wire)).toEqual(bytes);
  expect(bundled.deserialize(bytes)).toEqual(loaded.deserialize(bytes));
});

test('methods have the same path and types', () => {
  const [bundled, loaded] = [bundledMethod(contract, 'Executor', 'Session', options), wireMethod('executor', 'Executor', 'Session')];
  expect(bundled.path).toBe(loaded.path);
  const calls = { calls: [{ type: 'HEARTBEAT' }] };
  expect(bundled.request.serialize(calls)).toEqual(loaded.request.serialize(calls));
  expect(() => bundledMethod(contract, 'Executor', 'None', options)).toThrow('has a method None');
});
