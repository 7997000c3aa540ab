// The registry in etcd: one key per fact, every write fenced by the epoch of the term.
//
// Owns:      loading all facts, writing changes.
// Elsewhere: what the facts say (core/), how they are encoded (proto/registry-codec.ts), who may write (etcd-election.ts), which of several servers
//            is asked (common/etcd-servers.ts).
// Invariants:
//   Y1. A write commits only while the leader key still has the creation revision that is the writer's epoch: a deposed master writes nothing.
//   Y2. A read is linearizable (etcd's default), so a new leader sees every write that was ever acknowledged.
//   Y3. Each transaction commits once at most, and in the order of the writes, however often it was sent: it touches the leader key, and commits only
//       while that key's version is the one after the transaction before. So what a hung server does when it goes on cannot undo a later write, and
//       a version one higher than expected says that an earlier try of the same transaction got through (no one else writes in this term).
// Source: fencing tokens as in Burrows, Chubby (OSDI 2006), here etcd's creation revision, and the key's version as the token of a write.

import type { IRequestOp, ITxnResponse } from 'etcd3';
import { describeError } from '../common/errors';
import { closeEtcd, connectEtcd, leaderKey, registryPrefix, tryMsOf, within, type Etcd, type EtcdLocation } from '../common/etcd-client';
import type { AskLimits } from '../common/etcd-servers';
import type { Cancel, Clock, Registry, RegistryEntry, RegistryOutcome, RegistryWrite } from '../common/ports';

/** etcd's default limit of operations in one transaction is 128. */
const transactionOperationCountMax = 100;
/** etcd's default limit of a request is 1.5 MiB. A fact has 64 KiB at most (common/model/registry-fact.ts). */
const transactionBytesMax = 1024 * 1024;
/** What a write takes beside its key and value. */
const writeOverheadBytes = 32;
/** Facts per read: of the longest they are 32 MiB, half of what is taken in one answer (common/etcd-client.ts). */
const loadPageSize = 500;

/** A term as far as this registry has written in it. */
interface Term {
  readonly epoch: string;
  /** Of the leader key, after the last transaction (Y3); undefined once it is not known whether one got through. */
  version: number | undefined;
}

export interface EtcdRegistryOptions {
  readonly location: EtcdLocation;
  readonly clock: Clock;
  /** Lease of the election in seconds, default 5. A call is given up when a leader that could not renew its lease meanwhile would have stopped. */
  readonly leaseSeconds?: number;
}

export class EtcdRegistry implements Registry {
  private etcd: Promise<Etcd> | undefined;
  private term: Term | undefined;
  private readonly leaderKey: string;
  private readonly leaseMs: number;
  private readonly limits: AskLimits;

  constructor(private readonly options: EtcdRegistryOptions) {
    this.leaderKey = leaderKey(options.location);
    this.leaseMs = (options.leaseSeconds ?? 5) * 1_000;
    this.limits = { callMs: this.leaseMs * 0.6, persists: true };
  }

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
    const etcd = await this.etcd;
    if (etcd) closeEtcd(etcd);
    this.etcd = undefined;
  }

  private connect(): Promise<Etcd> {
    this.etcd ??= connectEtcd(this.options.location, this.options.clock, tryMsOf(this.leaseMs));
    return this.etcd;
  }

  private async readAll(epoch: string): Promise<{ readonly kind: 'loaded'; readonly entries: readonly RegistryEntry[] } | Exclude<RegistryOutcome, { kind: 'committed' }>> {
    const { clock, location } = this.options;
    const prefix = registryPrefix(location);
    try {
      const etcd = await this.connect();
      const entries: RegistryEntry[] = [];
      // `0` follows `/` in the order of bytes: the range is everything below the prefix.
      const end = `${prefix.slice(0, -1)}0`;
      for (let start = prefix; ; ) {
        const range = { start, end };
        const page = await etcd.ask((client, timeoutMs) => client.getAll().inRange(range).sort('Key', 'Ascend').limit(loadPageSize).options(within(clock, timeoutMs)).exec(), this.limits);
        for (const pair of page.kvs) entries.push({ key: pair.key.toString('utf8').slice(prefix.length), value: pair.value });
        const last = page.kvs.at(-1);
        if (!page.more || !last) break;
        start = `${last.key.toString('utf8')}\u0000`;
      }
      this.term = await this.readTerm(etcd, epoch);
      return this.term ? { kind: 'loaded', entries } : { kind: 'fenced' };
    } catch (error) {
      return { kind: 'failed', detail: describeError(error) };
    }
  }

  private async writeAll(epoch: string, writes: readonly RegistryWrite[]): Promise<RegistryOutcome> {
    try {
      const etcd = await this.connect();
      if (this.term?.epoch !== epoch) this.term = await this.readTerm(etcd, epoch);
      const { term } = this;
      if (!term) return { kind: 'fenced' };
      for (const batch of batches(writes)) {
        if (term.version === undefined) return { kind: 'failed', detail: 'Cannot write as an earlier write of the same term may have got through or not' };
        const { version } = term;
        term.version = undefined;
        const result = await this.commit(etcd, term.epoch, version, batch);
        if (!result.succeeded && !isLeaderKeyAt(result, term.epoch, version + 1)) {
          this.term = undefined;
          return { kind: 'fenced' };
        }
        term.version = version + 1;
      }
      return { kind: 'committed' };
    } catch (error) {
      return { kind: 'failed', detail: describeError(error) };
    }
  }

  /** One transaction (Y1, Y3). */
  private commit(etcd: Etcd, epoch: string, version: number, batch: readonly RegistryWrite[]): Promise<ITxnResponse> {
    const prefix = registryPrefix(this.options.location);
    const touch: IRequestOp = { request_put: { key: Buffer.from(this.leaderKey), ignore_value: true, ignore_lease: true } };
    const operations = batch.map((write): IRequestOp => {
      const key = Buffer.from(prefix + write.key);
      return write.kind === 'put' ? { request_put: { key, value: Buffer.from(write.value) } } : { request_delete_range: { key } };
    });
    return etcd.ask(
      (client, timeoutMs) =>
        client
          .if(this.leaderKey, 'Create', '==', Number(epoch))
          .and(this.leaderKey, 'Version', '==', version)
          .then(touch, ...operations)
          .else(client.get(this.leaderKey))
          .options(within(this.options.clock, timeoutMs))
          .commit(),
      this.limits,
    );
  }

  /** Where the term stands; undefined if another has begun. Before its first write: what is under way later may change the version. */
  private async readTerm(etcd: Etcd, epoch: string): Promise<Term | undefined> {
    const found = await etcd.ask((client, timeoutMs) => client.get(this.leaderKey).options(within(this.options.clock, timeoutMs)).exec(), this.limits);
    const [pair] = found.kvs;
    return pair?.create_revision === epoch ? { epoch, version: Number(pair.version) } : undefined;
  }
}

/** Whether the transaction, which did not commit, found the leader key of this term at this version. */
function isLeaderKeyAt(result: ITxnResponse, epoch: string, version: number): boolean {
  const [pair] = result.responses[0]?.response_range?.kvs ?? [];
  return pair?.create_revision === epoch && Number(pair.version) === version;
}

/** etcd refuses a transaction that writes one key twice, so only the last write of a key stays; then cut to its limits. */
function batches(writes: readonly RegistryWrite[]): readonly (readonly RegistryWrite[])[] {
  const last = new Map(writes.map((write) => [write.key, write]));
  const cut: RegistryWrite[][] = [];
  let bytesFree = 0;
  for (const write of last.values()) {
    const bytes = Buffer.byteLength(write.key) + (write.kind === 'put' ? write.value.length : 0) + writeOverheadBytes;
    const open = cut.at(-1);
    if (open !== undefined && open.length < transactionOperationCountMax && bytes <= bytesFree) {
      open.push(write);
      bytesFree -= bytes;
    } else {
      cut.push([write]);
      bytesFree = transactionBytesMax - bytes;
    }
  }
  return cut;
}
