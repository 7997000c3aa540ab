// The etcd client: one way to reach etcd, with a deadline on every call.
//
// Owns:      how `etcd3` is loaded and configured, the names of our keys.
// Elsewhere: the address form (master-location.ts), what is written and read (master/etcd-election.ts, master/etcd-registry.ts, etcd-address-source.ts).
// Invariants:
//   T1. No call waits longer than its deadline, whatever etcd does. (etcd3's default is to wait for ever: measured 18 s on a stopped server.)
//   T2. etcd3's own retries and circuit breakers are off: an open breaker fails calls that would succeed, and a retried call may act twice.
// Source: our choice, after measuring etcd3 1.1.2; its Election is never used (two leaders for a full lease after a stopped server).

import type { Etcd3 } from 'etcd3';
import type { Clock } from './ports';

export interface EtcdLocation {
  /** `host:port` each. */
  readonly endpoints: readonly string[];
  /** Starts with `/`, does not end with it. Default `/allot` (master-location.ts). */
  readonly prefix: string;
}

/** The key that the leading master holds under its lease; its value is `host:port` of that master. */
export const leaderKey = (location: EtcdLocation): string => `${location.prefix}/leader`;
/** Below it, one key per fact. */
export const registryPrefix = (location: EtcdLocation): string => `${location.prefix}/registry/`;

/** How long one call may take. Longer makes a hung server harder to notice; shorter fails calls during an etcd election (about 1 s). */
export const etcdCallTimeoutMs = 2_000;

/** Loads etcd3 (15 MB, 0.2 s: only who needs it pays) and makes a client; nothing is dialed yet. The caller closes it. */
export async function connectEtcd(location: EtcdLocation, clock: Clock): Promise<Etcd3> {
  const [{ Etcd3: Client }, { noop }] = await Promise.all([import('etcd3'), import('cockatiel')]);
  return new Client({
    hosts: location.endpoints.map((endpoint) => `http://${endpoint}`),
    dialTimeout: etcdCallTimeoutMs,
    grpcOptions: {
      'grpc.keepalive_time_ms': 2_000,
      'grpc.keepalive_timeout_ms': 2_000,
      // Back within half a second after an outage, never slower than every two.
      'grpc.initial_reconnect_backoff_ms': 250,
      'grpc.max_reconnect_backoff_ms': 2_000,
      'grpc.max_receive_message_length': 64 * 1024 * 1024,
    },
    defaultCallOptions: (context) => (context.isStream ? {} : { deadline: clock.wallMs() + etcdCallTimeoutMs }),
    faultHandling: { host: () => noop, global: noop },
  });
}

/** `Cannot reach etcd at a:2379, b:2379: …`, for logs and /health. */
export function describeEtcdTrouble(location: EtcdLocation, error: unknown): string {
  const detail = error instanceof Error ? error.message : String(error);
  return `Cannot reach etcd at ${location.endpoints.join(', ')}: ${detail}`;
}
