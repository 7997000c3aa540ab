// The registry in etcd: one key per fact, every write fenced by the epoch of the term.
//
// Owns:      loading all facts, writing changes.
// Elsewhere: what the facts say (core/), how they are encoded (proto/registry-codec.ts), who may write (etcd-election.ts).
// Invariants:
//   Y1. A write commits only while the leader key still has the creation revision that is the writer's epoch: a deposed master writes nothing.
//   Y2. A read is linearizable (etcd's default), so a new leader sees every write that was ever acknowledged.
// Source: fencing tokens as in Burrows, Chubby (OSDI 2006), here etcd's creation revision.

import type { Etcd3, IOperation } from 'etcd3';
import { connectEtcd, describeEtcdTrouble, leaderKey, registryPrefix, type EtcdLocation } from '../common/etcd-client';
import type { Cancel, Clock, Registry, RegistryEntry, RegistryOutcome, RegistryWrite } from '../common/ports';

/** etcd's default limit of operations in one transaction is 128. */
const transactionOperationCountMax = 100;
/** Facts per read: 1,000 agents of about a kilobyte are a megabyte, well below every message limit. */
const loadPageSize = 1_000;

export class EtcdRegistry implements Registry {
  private client: Promise<Etcd3> | undefined;

  constructor(
    private readonly location: EtcdLocation,
    private readonly clock: Clock,
  ) {}

  load(epoch: string, done: Parameters<Registry['load']>[1]): Cancel {
    let cancelled = false;
    void this.readAll(epoch).then((outcome) => {
      if (!cancelled) done(outcome);
    });
    return () => {
      cancelled = true;
    };
  }

  write(epoch: string, writes: readonly RegistryWrite[], done: (outcome: RegistryOutcome) => void): void {
    void this.writeAll(epoch, writes).then(done);
  }

  async close(): Promise<void> {
    (await this.client)?.close();
    this.client = undefined;
  }

  private connect(): Promise<Etcd3> {
    this.client ??= connectEtcd(this.location, this.clock);
    return this.client;
  }

  private async readAll(epoch: string): Promise<{ readonly kind: 'loaded'; readonly entries: readonly RegistryEntry[] } | Exclude<RegistryOutcome, { kind: 'committed' }>> {
    const prefix = registryPrefix(this.location);
    try {
      const client = await this.connect();
      const entries: RegistryEntry[] = [];
      // `0` follows `/` in the order of bytes: the range is everything below the prefix.
      const end = `${prefix.slice(0, -1)}0`;
      for (let start = prefix; ; ) {
        const page = await client.getAll().inRange({ start, end }).sort('Key', 'Ascend').limit(loadPageSize).exec();
        for (const pair of page.kvs) entries.push({ key: pair.key.toString('utf8').slice(prefix.length), value: pair.value });
        const last = page.kvs.at(-1);
        if (!page.more || !last) break;
        start = `${last.key.toString('utf8')}\u0000`;
      }
      const guard = await client.if(leaderKey(this.location), 'Create', '==', Number(epoch)).then().commit();
      return guard.succeeded ? { kind: 'loaded', entries } : { kind: 'fenced' };
    } catch (error) {
      return { kind: 'failed', detail: describeEtcdTrouble(this.location, error) };
    }
  }

  private async writeAll(epoch: string, writes: readonly RegistryWrite[]): Promise<RegistryOutcome> {
    const prefix = registryPrefix(this.location);
    try {
      const client = await this.connect();
      for (const batch of batches(writes)) {
        const operations: IOperation[] = batch.map((write) =>
          write.kind === 'put' ? client.put(prefix + write.key).value(Buffer.from(write.value)) : client.delete().key(prefix + write.key),
        );
        const result = await client.if(leaderKey(this.location), 'Create', '==', Number(epoch)).then(...operations).commit();
        if (!result.succeeded) return { kind: 'fenced' };
      }
      return { kind: 'committed' };
    } catch (error) {
      return { kind: 'failed', detail: describeEtcdTrouble(this.location, error) };
    }
  }
}

/** etcd refuses a transaction that writes one key twice, so only the last write of a key stays; then cut to its limit. */
function batches(writes: readonly RegistryWrite[]): readonly (readonly RegistryWrite[])[] {
  const last = new Map(writes.map((write) => [write.key, write]));
  const distinct = [...last.values()];
  const cut: RegistryWrite[][] = [];
  for (let start = 0; start < distinct.length; start += transactionOperationCountMax) {
    cut.push(distinct.slice(start, start + transactionOperationCountMax));
  }
  return cut;
}
