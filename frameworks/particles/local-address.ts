// Local address: the address of this machine that the cluster can reach.
//
// Owns:      finding it from the way towards the master, and reading HOST:PORT.
// Elsewhere: what is served there (input-server.ts).
// Source: a connected UDP socket sends nothing and knows its own end: the usual way to ask the routing table.

import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { ParticleFailure } from './failure';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port` or `[v6]:port`; undefined for anything else. Port 0 is one. */
export function readHostPort(text: string): HostPort | undefined {
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}

/**
 * The local address that packets to `master` (as `--master` says it; the first one counts) leave from.
 * @throws ParticleFailure CANNOT_SERVE if there is no way there
 */
export async function localAddressTowards(master: string): Promise<string> {
  const first = master.replace(/^etcd:\/\//, '').split(/[,/]/)[0] ?? '';
  const target = readHostPort(first);
  if (target === undefined) return '127.0.0.1'; // The SDK will refuse it with the better words.
  const socket = createSocket(isIPv6(target.host) ? 'udp6' : 'udp4');
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(target.port === 0 ? 1 : target.port, target.host, () => resolve(socket.address().address));
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ParticleFailure('CANNOT_SERVE', `Cannot find an address of this machine towards ${first}: ${why}; name one with --data-address`, { cause: error });
  } finally {
    socket.close();
  }
}
