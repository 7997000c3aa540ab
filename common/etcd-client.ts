// The etcd client: one way to reach etcd, with a deadline on every call.
//
// Owns:      how `etcd3` is loaded and configured, which of its errors pass, the names of our keys.
// Elsewhere: which server is asked and when another (etcd-servers.ts), the address form (master-location.ts), what is written and read
//            (master/etcd-election.ts, master/etcd-registry.ts, etcd-address-source.ts).
// Invariants:
//   T1. No call waits longer than its deadline, whatever etcd does. (etcd3's default is to wait for ever: measured 18 s on a stopped server.)
//   T2. etcd3's own retries, circuit breakers and choice of a server are not used: an open breaker fails calls that would succeed, and whether a
//       question may be asked twice only its asker knows. Each client has one server.
// Source: our choice, after measuring etcd3 1.1.2; its Election is never used (two leaders for a full lease after a stopped server).

import type { Etcd3 } from 'etcd3';
import { EtcdServers, type AskLimits } from './etcd-servers';
import type { Clock, Log } from './ports';

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

/** How long one server may take. Longer makes a hung server harder to notice; shorter fails calls during an etcd election (about 1 s). */
export const etcdCallTimeoutMs = 2_000;

/** For who asks again by itself and wants to hear soon. */
export const briefly: AskLimits = { callMs: etcdCallTimeoutMs, persists: false };

/** Three servers one after the other are all asked within {@link etcdCallTimeoutMs}. */
const tryMsDefault = 600;

/**
 * How long a server is waited for before the next is asked as well: an eighth of the lease, so that five tries fit into the part of it during which
 * a leader trusts itself, but not less than a busy disk may need, nor more than lets three servers be asked in one call.
 */
export function tryMsOf(leaseMs: number): number {
  return Math.min(tryMsDefault, Math.max(100, leaseMs / 8));
}

export type Etcd = EtcdServers<Etcd3>;

/** Options of one call to etcd3 that has to be over within `timeoutMs` (T1). */
export const within = (clock: Clock, timeoutMs: number): { readonly deadline: number } => ({ deadline: clock.wallMs() + timeoutMs });

/**
 * Loads etcd3 (15 MB, 0.2 s: only who needs it pays) and makes a client per server; nothing is dialed yet. To be given to {@link closeEtcd}. `log` hears
 * of servers that do not answer while others do, each time that the choice moves on.
 */
export async function connectEtcd(location: EtcdLocation, clock: Clock, tryMs = tryMsDefault, log?: Log): Promise<Etcd> {
  const [{ Etcd3: Client, castGrpcError, isRecoverableError }, { noop }] = await Promise.all([import('etcd3'), import('cockatiel')]);
  const client = (endpoint: string): Etcd3 =>
    new Client({
      hosts: `http://${endpoint}`,
      dialTimeout: etcdCallTimeoutMs,
      grpcOptions: {
        'grpc.keepalive_time_ms': 2_000,
        'grpc.keepalive_timeout_ms': 2_000,
        // Back within half a second after an outage, never slower than every two.
        'grpc.initial_reconnect_backoff_ms': 250,
        'grpc.max_reconnect_backoff_ms': 2_000,
        'grpc.max_receive_message_length': 64 * 1024 * 1024,
      },
      defaultCallOptions: (context) => (context.isStream ? {} : within(clock, etcdCallTimeoutMs)),
      faultHandling: { host: () => noop, global: noop },
    });
  return new EtcdServers({
    clock,
    servers: location.endpoints.map((address) => ({ address, client: client(address) })),
    tryMs,
    tryTimeoutMs: etcdCallTimeoutMs,
    moved: (from, to, detail) => log?.write('warn', 'An etcd server does not answer, another does', { from, to, reason: detail ?? 'no answer in time' }),
    isPassing: (error) => typeof error === 'object' && error !== null && isRecoverableError(castGrpcError(error as Error)),
  });
}

export function closeEtcd(etcd: Etcd): void {
  etcd.close((client) => client.close());
}
