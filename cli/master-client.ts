// Master client: questions to whichever master leads.
//
// Owns:      finding the leader for one question, patience while nobody leads, the sentence when nobody answers.
// Elsewhere: one call to one master (proto/grpc-operator.ts), the forms of `--master` (common/master-location.ts).
// Invariants:
//   Q1. A question is asked again only where it may be: all of the operator's questions have the same effect twice as once.
//   Q2. Hints to the leader are followed at most `redirectsMax` times in a row; then the round begins anew, after a pause.
//   Q3. While a master answers but none leads, or etcd is to know the leader, the question waits up to `patienceMs`; when nobody answers at all,
//       one round is enough.
// Source: our choice; an election takes a few seconds, and a person would only type the command again.

import { AllotError } from '../common/errors';
import type { AddressSource } from '../common/leader-session';
import type { MasterLocation } from '../common/master-location';
import type { OperatorCall, OperatorReply } from '../common/model/operator-protocol';
import type { Environment } from '../common/ports';
import { abortableDelay, deadlineIn, hasPassed } from '../common/timing';
import { refusalError } from '../common/options';
import type { OperatorClient, OperatorOutcome } from '../proto/grpc-operator';

export interface MasterClientOptions {
  readonly location: MasterLocation;
  readonly environment: Environment;
  readonly connect: (address: string) => OperatorClient;
  /** Knows addresses to begin with. */
  readonly addresses: AddressSource;
  /** Q3. Default 10 s: two leases of the default election. */
  readonly patienceMs?: number;
}

/** Q2. As for agents and drivers. */
const redirectsMax = 5;
const pauseMs = 250;

type Reply<Kind extends OperatorReply['kind']> = Extract<OperatorReply, { readonly kind: Kind }>;

export class MasterClient {
  private readonly clients = new Map<string, OperatorClient>();
  /** Who answered last: asked first the next time. */
  private leader: string | undefined;

  constructor(private readonly options: MasterClientOptions) {}

  /**
   * Asks the leader and returns its answer of the expected kind. Throws AllotError: INPUT_REFUSED (the master refused the question),
   * OPERATION_FAILED (nobody leads or answers, or the answer must wait), or the reason of `signal`.
   */
  async ask<Kind extends Exclude<OperatorReply['kind'], 'refused' | 'unavailable'>>(
    call: OperatorCall,
    kind: Kind,
    signal: AbortSignal,
  ): Promise<Reply<Kind>> {
    const reply = await this.askLeader(call, signal);
    if (reply.kind === 'refused') throw refusalError({ ok: false, refusal: reply.refusal });
    if (reply.kind === 'unavailable') throw failed('get an answer', reply.message);
    if (reply.kind !== kind) throw failed('understand the master', `it answered "${reply.kind}" where "${kind}" was expected`);
    return reply as Reply<Kind>;
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
    this.clients.clear();
  }

  private async askLeader(call: OperatorCall, signal: AbortSignal): Promise<OperatorReply> {
    const { clock } = this.options.environment;
    const deadline = deadlineIn(clock, this.options.patienceMs ?? 10_000);
    for (;;) {
      signal.throwIfAborted();
      const round = await this.round(call, signal);
      if (round.kind === 'replied') return round.reply;
      if (!round.isWorthWaiting || hasPassed(clock, deadline)) throw failed(`ask the master at ${this.describeLocation()}`, round.detail);
      await abortableDelay(clock, pauseMs, signal);
    }
  }

  /** Asks every known master once, and whom they point to. */
  private async round(call: OperatorCall, signal: AbortSignal): Promise<{ readonly kind: 'replied'; readonly reply: OperatorReply } | { readonly kind: 'none'; readonly detail: string; readonly isWorthWaiting: boolean }> {
    const { addresses, trouble } = await this.addresses();
    const waiting = [...new Set([...(this.leader === undefined ? [] : [this.leader]), ...addresses])];
    let detail = trouble ?? 'no master leads at present';
    // etcd itself, or a leader whose key has not lapsed yet: both may be gone for a moment only.
    let isWorthWaiting = this.options.location.kind === 'etcd';
    let redirects = 0;
    for (let address = waiting.shift(); address !== undefined; address = waiting.shift()) {
      const outcome = await this.askOne(address, call, signal);
      if (outcome.kind === 'replied') {
        this.leader = address;
        return outcome;
      }
      if (this.leader === address) this.leader = undefined;
      if (outcome.kind === 'failed') {
        detail = describeFailure(outcome.detail);
        continue;
      }
      isWorthWaiting = true;
      detail = outcome.leader === undefined ? 'no master leads at present' : `${address} says that ${outcome.leader} leads, but it does not answer as the leader`;
      redirects += 1;
      if (outcome.leader !== undefined && outcome.leader !== address && redirects <= redirectsMax) waiting.unshift(outcome.leader);
    }
    return { kind: 'none', detail, isWorthWaiting };
  }

  private askOne(address: string, call: OperatorCall, signal: AbortSignal): Promise<OperatorOutcome> {
    let client = this.clients.get(address);
    if (client === undefined) {
      client = this.options.connect(address);
      this.clients.set(address, client);
    }
    const asked = client;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        cancel();
        reject(signal.reason);
      };
      const cancel = asked.ask(call, (outcome) => {
        signal.removeEventListener('abort', onAbort);
        resolve(outcome);
      });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  private async addresses(): Promise<{ readonly addresses: readonly string[]; readonly trouble?: string }> {
    const { addresses: source } = this.options;
    const trouble = await new Promise<string | undefined>((resolve) => {
      if (source.refresh === undefined) resolve(undefined);
      else source.refresh(resolve);
    });
    const addresses = source.current();
    return trouble === undefined || addresses.length > 0 ? { addresses } : { addresses, trouble };
  }

  private describeLocation(): string {
    const { location } = this.options;
    return location.kind === 'static' ? location.addresses.join(', ') : `etcd://${location.endpoints.join(',')}${location.prefix}`;
  }
}

/** The usual failure in words that say what to do. */
function describeFailure(detail: string): string {
  if (detail.includes('ECONNREFUSED')) return 'nobody listens there; start a master, e.g. with "allot local", or name another one with --master';
  if (detail.includes('Name resolution failed') || detail.includes('ENOTFOUND')) return 'the host name is not known; name another master with --master';
  return detail;
}

function failed(action: string, detail: string): AllotError {
  return new AllotError({ code: 'OPERATION_FAILED', action, detail });
}
