// Registry codec: facts of the registry, bytes <-> domain.
//
// Owns:      the stored form of one fact, and the key under which it is kept.
// Elsewhere: when facts change (master/core/), keeping them (the registries of master/).
// Invariants:
//   F1. One key, one fact; the key is inside the fact too, and the two agree.
// Source: registry.proto.

import { assertNever } from '../common/invariant';
import { accepted, refused, type Checked } from '../common/refusal';
import type { AgentId } from '../common/model/ids';
import type { RegistryFact } from '../common/model/registry-fact';
import type { RegistryEntry } from '../common/ports';
import { byMember, codec, decodeChecked, enumeration, finite, message, nanoseconds, Rejection, text, type Inside, type NamesOf } from './codec';
import { wireType, type WireType } from './loader';
import { agentIdMessage, agentInfo, quotaConfig } from './vocabulary-codec';
import type { RegistryFact as WireFact } from './generated/allot/v1/RegistryFact';

type F<Kind extends RegistryFact['kind']> = Extract<RegistryFact, { readonly kind: Kind }>;
type WireAgent = Inside<WireFact, 'agent'>;

const quotaFact = codec<F<'quota'>, Inside<WireFact, 'quota'>>(
  quotaConfig.expected,
  (wire) => {
    const config = quotaConfig.decode(wire);
    return config instanceof Rejection ? config : { kind: 'quota', ...config };
  },
  quotaConfig.encode,
);

const fact = byMember<RegistryFact, WireFact>((member) => ({
  agent: member(
    'agent',
    message<F<'agent'>, WireAgent>((field) => ({
      kind: field.kind('agent'),
      agentId: field.required('agent_id', agentIdMessage),
      info: field.required('info', agentInfo),
      version: field.required('version', text),
      state: field.required(
        'state',
        enumeration<F<'agent'>['state'], NamesOf<WireAgent, 'state'>>('a state')({ UNKNOWN: null, ADMITTED: 'admitted', UNREACHABLE: 'unreachable' }),
      ),
      unreachableSinceMs: field.optional('unreachable_time', nanoseconds),
    })),
  ),
  weight: member(
    'weight',
    message<F<'weight'>, Inside<WireFact, 'weight'>>((field) => ({
      kind: field.kind('weight'),
      role: field.required('role', text),
      weight: field.required('weight', finite),
    })),
  ),
  quota: member('quota', quotaFact),
}));

let factType: WireType | undefined;
const typeOfFact = (): WireType => (factType ??= wireType('registry', 'RegistryFact'));

export const agentFactKey = (agentId: AgentId): string => `agents/${agentId}`;
/** Roles contain `/`; nothing follows the role, so the key stays unambiguous. */
export const weightFactKey = (role: string): string => `weights/${role}`;
export const quotaFactKey = (role: string): string => `quotas/${role}`;

export function registryFactKey(value: RegistryFact): string {
  switch (value.kind) {
    case 'agent':
      return agentFactKey(value.agentId);
    case 'weight':
      return weightFactKey(value.role);
    case 'quota':
      return quotaFactKey(value.role);
    default:
      return assertNever(value);
  }
}

/** The fact as the registry keeps it, under its key. */
export function encodeRegistryFact(value: RegistryFact): RegistryEntry {
  return { key: registryFactKey(value), value: typeOfFact().serialize(fact.encode(value)) };
}

/** Refuses what is no fact, what a newer release has written, and a fact under another's key (F1): a leader must know all facts. */
export function decodeRegistryFact(key: string, bytes: Uint8Array): Checked<RegistryFact> {
  const wire = parseStored(typeOfFact(), bytes, key);
  if (!wire.ok) return wire;
  const decoded = decodeChecked(fact, wire.value, key);
  if (!decoded.ok) return decoded;
  const ownKey = registryFactKey(decoded.value);
  return ownKey === key ? decoded : refused(key, ownKey, 'the fact that belongs to this key');
}

/** Bytes to a wire object, with the parser's exception as a refusal. */
export function parseStored(type: WireType, bytes: Uint8Array, field: string): Checked<object> {
  try {
    return accepted(type.deserialize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
  } catch (error) {
    return refused(field, `${bytes.length} bytes`, `a record of the wire contract (${error instanceof Error ? error.message : String(error)})`);
  }
}

