// Advertised address: where others find a master that listens everywhere.
//
// Owns:      choosing `host:port` when the operator named none.
// Elsewhere: the flags (master-options.ts), who is told (election, redirections of standbys).
// Source: our choice: an address rather than a host name, because on a home network names often resolve to nothing, or to loopback.

import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

/** The address listened at; for "all of them" the first that another machine can reach, or loopback where there is none. */
export function advertisedHost(listenHost: string, interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces()): string {
  if (listenHost !== '0.0.0.0' && listenHost !== '::') return listenHost;
  const addresses = Object.values(interfaces).flatMap((list) => list ?? []);
  // Link-local ones (169.254.…, fe80:…) mean something else on each machine.
  const reachable = addresses.filter(({ internal, address }) => !internal && !address.startsWith('169.254.') && !/^fe80:/i.test(address));
  const found = reachable.find(({ family }) => family === 'IPv4') ?? (listenHost === '::' ? reachable[0] : undefined);
  return found?.address ?? '127.0.0.1';
}

/** `host:port`, with an IPv6 address in brackets. */
export function joinAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
