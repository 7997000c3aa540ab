// Proves the text grammar of resources: round trip by property, meanings and refusals by table.

import fc from 'fast-check';
import { parseResourceText, printResourceText } from '../../../common/model/resource-text';
import { Resources } from '../../../common/model/resources';
import { bags, sayableBags } from './resource-arbitraries';

function parsed(text: string, defaultRole?: string): Resources {
  const result = parseResourceText(text, '--resources', defaultRole);
  if (!result.ok) throw new Error(JSON.stringify(result.refusal));
  return Resources.of(result.value);
}

test('X1: parsing what was printed gives equal resources', () => {
  fc.assert(fc.property(sayableBags, (bag) => parsed(printResourceText(bag) ?? 'unsayable').equals(bag)));
});

test('X1: what the grammar cannot say is not printed', () => {
  fc.assert(
    fc.property(bags, (bag) => {
      const text = printResourceText(bag);
      expect(text === undefined || parsed(text).equals(bag)).toBe(true);
    }),
  );
});

test.each([
  ['', ''],
  ['cpus:4;mem:1024;ports:[31000-32000]', 'cpus:4;mem:1024;ports:[31000-32000]'],
  ['disks(ops):{sda,sdb}', 'disks(ops):{sda,sdb}'],
  [' cpus : 0.5 ;\n mem : 64 ; ', 'cpus:0.5;mem:64'],
  ['cpus:1;cpus:2', 'cpus:3'],
  ['cpus:1;cpus(eng/web):2', 'cpus:1;cpus(eng/web):2'],
  ['cpus(*):1', 'cpus:1'],
  ['ports:[5-9,1-4,8-12]', 'ports:[1-12]'],
  ['cpus:.5;mem:7.', 'cpus:0.5;mem:7'],
  ['cpus:0', ''],
])('%j means %j', (text, meaning) => {
  expect(String(parsed(text))).toBe(meaning);
});

test('an amount of 0 is listed, so that the agent does not detect what the operator said is not there', () => {
  const result = parseResourceText('cpus:0', '--resources');
  expect(result.ok && result.value.map(({ name }) => name)).toEqual(['cpus']);
});

test('the default role reserves what names no role, also against a written "*"', () => {
  expect(String(parsed('cpus:1;mem(ops):2', 'eng'))).toBe('cpus(eng):1;mem(ops):2');
  expect(String(parsed('cpus(*):1', 'eng'))).toBe('cpus:1');
});

test.each([
  ['no colon', 'cpus:1;mem', 1, '"mem"'],
  ['two colons', 'cpus:1:2', 0, '"cpus:1:2"'],
  ['no name', ':1', 0, '":1"'],
  ['no value', 'cpus:', 0, '"cpus:"'],
  ['text as value', 'cpus:many', 0, '"cpus:many"'],
  ['a negative number', 'cpus:-1', 0, '"cpus:-1"'],
  ['an exponent', 'cpus:1e3', 0, '"cpus:1e3"'],
  ['infinity', 'cpus:inf', 0, '"cpus:inf"'],
  ['an unclosed range', 'ports:[1-2', 0, '"ports:[1-2"'],
  ['an empty range list', 'ports:[]', 0, '"ports:[]"'],
  ['a range of one number', 'ports:[1]', 0, '"ports:[1]"'],
  ['a backward range', 'ports:[2-1]', 0, '"ports:[2-1]"'],
  ['an empty set', 'zones:{}', 0, '"zones:{}"'],
  ['an empty item', 'zones:{a,,b}', 0, '"zones:{a,,b}"'],
  ['an unclosed role', 'cpus(eng:1', 0, '"cpus(eng:1"'],
  ['an empty role', 'cpus():1', 0, '"cpus():1"'],
  ['two kinds of one name', 'cpus:1;cpus:{a}', 1, '"cpus:{a}"'],
])('%s is refused, naming the entry', (_, text, index, value) => {
  expect(parseResourceText(text, '--resources')).toMatchObject({ ok: false, refusal: { field: `--resources[${index}]`, value } });
});

test.each([
  ['cpus:0.0001', '--resources[0].scalar.value'],
  ['gpus:0.5', '--resources[0].scalar.value'],
  ['cpus(a//b):1', '--resources[0].reservations[0].role'],
  ['zones:{a,a}', '--resources[0].set.item[1]'],
])('%s breaks a rule of resources and is refused by it', (text, field) => {
  expect(parseResourceText(text, '--resources')).toMatchObject({ ok: false, refusal: { field } });
});
