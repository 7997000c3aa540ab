// `--resources`: three forms that say the same, and what an agent cannot declare (E1).

import { parseDeclaredResources } from '../../agent/declared-resources';
import { describeRefusal } from '../../common/refusal';

const files: Readonly<Record<string, string>> = { '/etc/r.txt': 'cpus:2;mem:64\n', '/etc/r.json': ' [{"name":"cpus","type":"SCALAR","scalar":{"value":2}}]' };
const readFile = (path: string): string => {
  const text = files[path];
  if (text === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
  return text;
};
const parse = (text: string, defaultRole = '*') => parseDeclaredResources(text, '--resources', defaultRole, readFile);

function named(text: string): readonly string[] {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(describeRefusal(parsed.refusal));
  return parsed.value.map(({ name, value }) => `${name}=${value.kind === 'scalar' ? value.milli : value.kind}`);
}

test.each<[claim: string, text: string, resources: readonly string[]]>([
  ['text', 'cpus:4;mem:1024;ports:[31000-32000]', ['cpus=4000', 'mem=1024000', 'ports=ranges']],
  ['an amount of 0 is kept: it says that there is none', 'cpus:0;mem:64', ['cpus=0', 'mem=64000']],
  ['a JSON array', '[{"name":"cpus","type":"SCALAR","scalar":{"value":1.5}}]', ['cpus=1500']],
  ['a file with text', 'file:///etc/r.txt', ['cpus=2000', 'mem=64000']],
  ['a file with JSON', 'file:///etc/r.json', ['cpus=2000']],
])('%s', (_claim, text, resources) => {
  expect(named(text)).toEqual(resources);
});

test('entries without a role are reserved statically for the default role', () => {
  const parsed = parse('cpus:1', 'prod');
  expect(parsed.ok && parsed.value[0]?.reservations).toEqual([{ type: 'STATIC', role: 'prod', labels: [] }]);
});

const scalar = '"name":"disk","type":"SCALAR","scalar":{"value":1}';
test.each<[claim: string, text: string, message: string | RegExp]>([
  ['a persistent volume', `[{${scalar},"reservations":[{"type":"STATIC","role":"a"}],"disk":{"persistence":{"id":"v"},"volume":{"container_path":"p","mode":"RW"}}}]`, 'expected a resource that is no persistent volume'],
  ['a revocable resource', '[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"revocable":{}}]', 'expected a resource that is not revocable'],
  ['a dynamic reservation', '[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"reservations":[{"type":"DYNAMIC","role":"a"}]}]', 'expected a resource that is reserved statically if at all'],
  ['a file that is not there', 'file:///etc/none', /^--resources: current value is "file:\/\/\/etc\/none", expected file:\/\/\/path of a readable file; ENOENT/],
  ['a file on another machine', 'file://elsewhere/r', /expected file:\/\/\/path of a readable file/],
  ['broken JSON', '[{', /expected a JSON array of resources; /],
  ['a typing error', 'cpus=4', /^--resources\[0\]: current value is "cpus=4"/],
])('%s is refused, naming the entry', (_claim, text, message) => {
  const parsed = parse(text);
  expect(parsed.ok ? 'accepted' : describeRefusal(parsed.refusal)).toEqual(expect.stringMatching(message instanceof RegExp ? message : new RegExp(message)));
});
