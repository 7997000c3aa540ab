// JSON: what commands print for programs.
//
// Owns:      the text of `--json`.
// Elsewhere: tables for people (table.ts), the values (common/model/operator-protocol.ts).
// Invariants:
//   J1. Times are ISO 8601 in UTC under the key without its unit (`startedAtMs` is `startedAt`), durations keep theirs; resources are Mesos JSON;
//       amounts of scalars are an object by name, in units.
// Source: our choice, because what a script reads should need no key to be read.

import { formatWallTime } from '../common/environment';
import { resourcesToJson } from '../common/model/resource-json';
import { Resources } from '../common/model/resources';

export function formatJson(value: unknown): string {
  return `${JSON.stringify(plain(value), null, 2)}\n`;
}

function plain(value: unknown): unknown {
  if (value instanceof Resources) return resourcesToJson(value);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, typeof item === 'number' ? item / 1000 : plain(item)]));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => (/(At|Since)Ms$/.test(key) && typeof item === 'number' ? [key.slice(0, -2), formatWallTime(item)] : [key, plain(item)])));
}
