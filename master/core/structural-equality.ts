// Structural equality of domain values.
//
// Owns:      whether two descriptions say the same.
// Elsewhere: the algebra of resources, which knows its own equality (common/model/resources.ts).
// Source: Mesos compares ExecutorInfo member by member when a task names an executor that already runs.

import { Resources } from '../../common/model/resources';

/** Whether two domain values are equal: members of objects (a missing member equals undefined), entries of lists in order, bytes, maps by key. */
export function areEqual(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (one instanceof Resources || other instanceof Resources) return one instanceof Resources && other instanceof Resources && one.equals(other);
  if (ArrayBuffer.isView(one) || ArrayBuffer.isView(other)) {
    return one instanceof Uint8Array && other instanceof Uint8Array && one.length === other.length && one.every((byte, index) => byte === other[index]);
  }
  if (Array.isArray(one) || Array.isArray(other)) {
    return Array.isArray(one) && Array.isArray(other) && one.length === other.length && one.every((entry, index) => areEqual(entry, other[index]));
  }
  if (one instanceof Map || other instanceof Map) {
    if (!(one instanceof Map && other instanceof Map) || one.size !== other.size) return false;
    for (const [key, value] of one) if (!other.has(key) || !areEqual(value, other.get(key))) return false;
    return true;
  }
  const left = one as Record<string, unknown>;
  const right = other as Record<string, unknown>;
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) if (!areEqual(left[key], right[key])) return false;
  return true;
}
