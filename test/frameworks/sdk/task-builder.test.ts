// Proves that the builders make what the model means, with Mesos's defaults, and refuse mistakes by the name of what is wrong.

import { command, executor, task } from '../../../frameworks/sdk/task-builder';
import { resources } from '../../../frameworks/sdk/resource-request';

test('text and object say the same amounts, exactly', () => {
  expect(resources({ cpus: 0.1, mem: 32 }).equals(resources('cpus:0.1;mem:32'))).toBe(true);
  expect(resources('cpus:0.1').plus(resources('cpus:0.2')).scalar('cpus')).toBe(300);
});

test('a command is shell text, or a program with arguments', () => {
  expect(command('echo hi', { env: { A: '1' }, uris: ['http://x/y.tgz', { value: 'z', executable: true }] })).toEqual({
    value: 'echo hi',
    shell: true,
    arguments: [],
    environment: [{ name: 'A', type: 'VALUE', value: '1' }],
    uris: [
      { value: 'http://x/y.tgz', executable: false, extract: true, cache: false },
      { value: 'z', executable: true, extract: true, cache: false },
    ],
  });
  expect(command('/bin/ls', { args: ['-l'] })).toMatchObject({ shell: false, value: '/bin/ls', arguments: ['/bin/ls', '-l'] });
});

test('a task is complete but for its place', () => {
  const draft = task({ name: 'n', id: 'i', command: 'true', resources: 'cpus:1', data: 'é', labels: { a: 'b' }, gracePeriodMs: 10, maxCompletionTimeMs: 20 });
  expect(draft).toMatchObject({ name: 'n', taskId: 'i', killPolicy: { gracePeriodMs: 10 }, maxCompletionTimeMs: 20, labels: [{ key: 'a', value: 'b' }] });
  expect(draft.data).toEqual(new Uint8Array([0xc3, 0xa9]));
  expect(task({ name: 'n', executor: executor({ id: 'e', command: 'x' }), resources: 'cpus:1' }).executor?.resources.toString()).toBe('cpus:0.1;mem:32');
});

test.each<[string, () => unknown, string]>([
  ['an amount below a thousandth', () => resources({ cpus: 0.0001 }), 'resources.cpus'],
  ['a negative amount', () => resources({ mem: -1 }), 'resources.mem'],
  ['text that is no amount', () => resources('cpus=1'), 'resources[0]'],
  ['neither command nor executor', () => task({ name: 'n', resources: 'cpus:1' }), 'task "n"'],
  ['both', () => task({ name: 'n', resources: 'cpus:1', command: 'x', executor: executor({ id: 'e', command: 'x' }) }), 'task "n"'],
  ['no resources', () => task({ name: 'n', resources: '', command: 'x' }), 'task "n".resources'],
  ['an id that is none', () => task({ name: 'n', id: 'a/b', resources: 'cpus:1', command: 'x' }), 'task "n".id'],
  ['a negative grace period', () => task({ name: 'n', resources: 'cpus:1', command: 'x', gracePeriodMs: -1 }), 'task "n".gracePeriodMs'],
  ['an executor id that is none', () => executor({ id: '', command: 'x' }), 'executor.id'],
])('%s is refused by name', (_claim, build, field) => {
  expect(build).toThrow(expect.objectContaining({ code: 'INPUT_REFUSED', data: expect.objectContaining({ refusal: expect.objectContaining({ field }) }) }));
});
