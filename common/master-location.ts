// Master location: where to look for the master, as `--master` says it.
//
// Owns:      the grammar `host:port`, `host:port,host:port`, `etcd://host:port,host:port/prefix`, and that of one `host:port`.
// Elsewhere: trying the addresses (leader-session.ts), asking etcd for the leader (master side, injected as an AddressSource).
// Source: Mesos `--master` (`host:port`, `zk://…/path`) with etcd in ZooKeeper's place.

import { accepted, refused, type Checked } from './refusal';

/** What `--master` named. Lists are non-empty and free of repetition, in the order given. */
export type MasterLocation =
  | { readonly kind: 'static'; readonly addresses: readonly string[] }
  /** `prefix` begins with a slash and does not end with one. */
  | { readonly kind: 'etcd'; readonly endpoints: readonly string[]; readonly prefix: string };

/** Keys of a cluster in etcd begin with this where nobody says otherwise. */
export const etcdPrefixDefault = '/allot';

const etcdScheme = 'etcd://';

/** What a person is told to write. */
const locationExpected = 'host:port, host:port,host:port or etcd://host:port,host:port/prefix';

/** Parses a `--master` value; `field` names the flag, variable or file key it came from. */
export function parseMasterLocation(text: string, field = '--master'): Checked<MasterLocation> {
  if (text.startsWith(etcdScheme)) return parseEtcdLocation(text, field);
  if (text.includes('://')) return refused(field, text, `${locationExpected}; the only scheme is etcd://`);
  const addresses = parseAddressList(text, field, text);
  return addresses.ok ? accepted({ kind: 'static', addresses: addresses.value }) : addresses;
}

function parseEtcdLocation(text: string, field: string): Checked<MasterLocation> {
  const rest = text.slice(etcdScheme.length);
  const slash = rest.indexOf('/');
  const endpoints = parseAddressList(slash < 0 ? rest : rest.slice(0, slash), field, text);
  if (!endpoints.ok) return endpoints;
  const prefix = slash < 0 || slash === rest.length - 1 ? etcdPrefixDefault : rest.slice(slash).replace(/\/+$/, '');
  if (!/^(\/[A-Za-z0-9._-]+)+$/.test(prefix)) {
    return refused(field, text, 'an etcd prefix of letters, digits, ".", "_" and "-" between slashes, such as /allot');
  }
  return accepted({ kind: 'etcd', endpoints: endpoints.value, prefix });
}

function parseAddressList(list: string, field: string, whole: string): Checked<readonly string[]> {
  const addresses: string[] = [];
  for (const part of list.split(',')) {
    const address = parseAddress(part.trim(), field);
    if (!address.ok) return refused(field, whole, `${locationExpected}; ${JSON.stringify(part.trim())} is not ${address.refusal.expected}`);
    if (!addresses.includes(address.value)) addresses.push(address.value);
  }
  return accepted(addresses);
}

/** Checks one `host:port`: a name, an IPv4 address or an IPv6 address in brackets, and a port in 1..65535. */
export function parseAddress(text: string, field: string): Checked<string> {
  const match = /^(\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2] ?? 0);
  if (match === null || port < 1 || port > 65_535) return refused(field, text, 'host:port with a port from 1 to 65535');
  return accepted(text);
}
