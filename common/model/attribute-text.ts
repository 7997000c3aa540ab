// Attribute text: `rack:r2;kernel:6.1;ports:[1-2]`, what an operator says about a machine.
//
// Owns:      the text grammar of attributes, both ways.
// Elsewhere: the Attribute type (agent.ts), resources (resource-text.ts), who reads attributes (offer constraints, frameworks).
// Invariants:
//   T1. Parsing what was printed gives the same attributes.
// Source: Mesos `--attributes`: entries end at `;` or the end of the line, and split at their first `:`, so text may hold more of them.

import { accepted, refused, type Checked } from '../refusal';
import type { Attribute } from './agent';
import { checkScalar } from './resource-check';
import { parseDecimalText, parseRangesText } from './resource-text';
import { formatMilli, formatValue } from './resource-value';

/** In the order written; names may repeat. Refusals name the entry: `<field>[2]`. */
export function parseAttributeText(text: string, field: string): Checked<readonly Attribute[]> {
  const attributes: Attribute[] = [];
  for (const entry of text.split(/[;\n]/).map((part) => part.trim()).filter((part) => part !== '')) {
    const attribute = parseEntry(entry, `${field}[${attributes.length}]`);
    if (!attribute.ok) return attribute;
    attributes.push(attribute.value);
  }
  return accepted(attributes);
}

/** The text that parses back to `attributes`; undefined when one is a set, or text that the grammar would read as something else. */
export function printAttributeText(attributes: readonly Attribute[]): string | undefined {
  const text = attributes.map((attribute) => `${attribute.name}:${printValue(attribute)}`).join(';');
  const parsed = parseAttributeText(text, 'attributes');
  const isSame = parsed.ok && parsed.value.length === attributes.length && parsed.value.every((read, i) => isSameAttribute(read, attributes[i]!));
  return isSame ? text : undefined;
}

function parseEntry(entry: string, field: string): Checked<Attribute> {
  const colon = entry.indexOf(':');
  const name = entry.slice(0, Math.max(0, colon)).trim();
  const text = entry.slice(colon + 1).trim();
  if (name === '' || text === '') return refused(field, entry, 'name:value');
  if (text.startsWith('{')) return refused(field, entry, `${name}:value, where the value is a number, ranges or text, as attributes have no sets`);
  if (text.startsWith('[')) {
    const ranges = parseRangesText(text.replace(/\s/g, ''));
    return ranges === undefined ? refused(field, entry, `${name}:[begin-end,...]`) : accepted({ name, kind: 'ranges', ranges });
  }
  const units = parseDecimalText(text);
  const milli = units === undefined ? undefined : checkScalar(units, field);
  // Digits beyond what an amount can be, such as a serial number, are text: nothing of them is lost.
  return accepted(milli?.ok === true ? { name, kind: 'scalar', milli: milli.value } : { name, kind: 'text', text });
}

function printValue(attribute: Attribute): string {
  switch (attribute.kind) {
    case 'scalar':
      return formatMilli(attribute.milli);
    case 'text':
      return attribute.text;
    case 'ranges':
    case 'set':
      return formatValue(attribute);
  }
}

function isSameAttribute(a: Attribute, b: Attribute): boolean {
  return a.name === b.name && a.kind === b.kind && printValue(a) === printValue(b);
}
