// Proves the text grammar of attributes: round trip by property, kinds and refusals by table.

import fc from 'fast-check';
import type { Attribute } from '../../../common/model/agent';
import { parseAttributeText, printAttributeText } from '../../../common/model/attribute-text';
import { normalRanges } from '../../../common/model/resource-value';
import { rangeLists } from './resource-arbitraries';

test.each<[string, readonly Attribute[]]>([
  ['', []],
  ['rack:r2', [{ name: 'rack', kind: 'text', text: 'r2' }]],
  ['kernel:6.1', [{ name: 'kernel', kind: 'scalar', milli: 6100 }]],
  ['kernel:6.1.0', [{ name: 'kernel', kind: 'text', text: '6.1.0' }]],
  ['slots:[1-2, 3-4]', [{ name: 'slots', kind: 'ranges', ranges: [{ begin: 1, end: 4 }] }]],
  ['url:http://x:80/a b', [{ name: 'url', kind: 'text', text: 'http://x:80/a b' }]],
  ['a:x\nb:y;\n', [{ name: 'a', kind: 'text', text: 'x' }, { name: 'b', kind: 'text', text: 'y' }]],
  ['a:x;a:y', [{ name: 'a', kind: 'text', text: 'x' }, { name: 'a', kind: 'text', text: 'y' }]],
  ['level:-5', [{ name: 'level', kind: 'text', text: '-5' }]],
  ['serial:123456789012345678', [{ name: 'serial', kind: 'text', text: '123456789012345678' }]],
])('%j means %j', (text, attributes) => {
  expect(parseAttributeText(text, '--attributes')).toEqual({ ok: true, value: attributes });
});

test.each([
  ['no colon', 'a:x;rack', 1, '"rack"'],
  ['no name', ':x', 0, '":x"'],
  ['no value', 'rack:', 0, '"rack:"'],
  ['a set', 'zones:{a,b}', 0, '"zones:{a,b}"'],
  ['a broken range', 'slots:[1-', 0, '"slots:[1-"'],
])('%s is refused, naming the entry', (_, text, index, value) => {
  expect(parseAttributeText(text, '--attributes')).toMatchObject({ ok: false, refusal: { field: `--attributes[${index}]`, value } });
});

const name = fc.constantFrom('rack', 'kernel', 'os');
const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  fc.record({ name, kind: fc.constant('scalar' as const), milli: fc.nat(10_000_000) }),
  fc.record({ name, kind: fc.constant('text' as const), text: fc.string() }),
  fc.record({ name, kind: fc.constant('ranges' as const), ranges: rangeLists.map(normalRanges) }),
  fc.record({ name, kind: fc.constant('set' as const), items: fc.array(fc.constantFrom('a', 'b')) }),
);

test('T1: what is printed parses back to the same attributes, and what would not is not printed', () => {
  fc.assert(
    fc.property(fc.array(attribute, { maxLength: 3 }), (attributes) => {
      const text = printAttributeText(attributes);
      if (text !== undefined) expect(parseAttributeText(text, 'a')).toEqual({ ok: true, value: attributes });
    }),
  );
  expect(printAttributeText([{ name: 'rack', kind: 'text', text: 'r2' }, { name: 'kernel', kind: 'scalar', milli: 6100 }])).toBe('rack:r2;kernel:6.1');
  expect(printAttributeText([{ name: 'rack', kind: 'text', text: '6.1' }])).toBeUndefined();
  expect(printAttributeText([{ name: 'rack', kind: 'text', text: 'a;b:c' }])).toBeUndefined();
});
