// Declared resources: what an operator may say with `--resources`.
//
// Owns:      the three forms (text, JSON, file), the rules that hold for an agent's own declaration.
// Elsewhere: the grammars (common/model/resource-text.ts, resource-json.ts), names left out (detection.ts).
// Invariants:
//   E1. An agent declares what its machine has and for whom it is set aside (statically). What is made at run time, by offers or by an estimate,
//       cannot be declared: volumes, dynamic reservations, revocable and shared resources, allocations.
// Source: Mesos `--resources` and `Containerizer::resources`.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describeError } from '../common/errors';
import { parseResourcesJson, resourceToJson } from '../common/model/resource-json';
import { parseResourceText } from '../common/model/resource-text';
import type { Resource } from '../common/model/resources';
import { accepted, refused, type Checked } from '../common/refusal';

/** The entries as written, those of amount 0 included. `field` names the flag. */
export function parseDeclaredResources(text: string, field: string, defaultRole: string, readFile: (path: string) => string = readText): Checked<readonly Resource[]> {
  const content = text.startsWith('file://') ? contentOf(text, field, readFile) : accepted(text);
  if (!content.ok) return content;
  const resources = content.value.trim().startsWith('[') ? parseJson(content.value, field, defaultRole) : parseResourceText(content.value, field, defaultRole);
  if (!resources.ok) return resources;
  for (const [index, resource] of resources.value.entries()) {
    const trait = undeclarableTrait(resource);
    if (trait !== undefined) return refused(`${field}[${index}]`, resourceToJson(resource), `a resource that ${trait}`);
  }
  return resources;
}

/** What is wrong with it for a declaration (E1), as the rest of "a resource that …". */
function undeclarableTrait({ reservations, disk, revocable, shared, allocationRole }: Resource): string | undefined {
  if (disk?.persistence !== undefined || disk?.volume !== undefined) return 'is no persistent volume, because frameworks create those';
  if (revocable) return 'is not revocable, because an agent offers for good';
  if (shared) return 'is not shared, because only volumes are';
  if (reservations.some(({ type }) => type === 'DYNAMIC')) return 'is reserved statically if at all, because dynamic reservations are made at run time';
  return allocationRole === undefined ? undefined : 'has no allocation_info, because nobody uses it yet';
}

function contentOf(url: string, field: string, readFile: (path: string) => string): Checked<string> {
  try {
    return accepted(readFile(fileURLToPath(url)));
  } catch (error) {
    return refused(field, url, `file:///path of a readable file; ${describeError(error)}`);
  }
}

function parseJson(text: string, field: string, defaultRole: string): Checked<readonly Resource[]> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return refused(field, text, `a JSON array of resources; ${describeError(error)}`);
  }
  return parseResourcesJson(json, field, defaultRole);
}

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}
