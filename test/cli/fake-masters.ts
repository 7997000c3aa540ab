// Fake masters for tests of commands: each answers as its script says, and remembers what it was asked.
//
// Owns:      operator clients without a network, a command context that keeps what was printed.
// Elsewhere: real masters and agents (test/integration/).

import type { CommandContext } from '../../cli/command';
import { createEnvironment } from '../../common/environment';
import type { OperatorCall } from '../../common/model/operator-protocol';
import type { Environment } from '../../common/ports';
import type { OperatorClient, OperatorOutcome } from '../../proto/grpc-operator';

export type Script = (call: OperatorCall) => OperatorOutcome;

export const refusedConnection: OperatorOutcome = { kind: 'failed', detail: 'UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED' };

/** Masters by address; whoever is not among them refuses connections. */
export class FakeMasters {
  readonly asked: { readonly address: string; readonly call: OperatorCall }[] = [];
  openClients = 0;

  constructor(readonly scripts: Record<string, Script>) {}

  readonly connect = (address: string): OperatorClient => {
    this.openClients += 1;
    let isClosed = false;
    return {
      ask: (call, done) => {
        this.asked.push({ address, call });
        const timer = setImmediate(() => done(this.scripts[address]?.(call) ?? refusedConnection));
        return () => clearImmediate(timer);
      },
      close: () => {
        if (!isClosed) this.openClients -= 1;
        isClosed = true;
      },
    };
  };

  /** Addresses in the order of asking. */
  get path(): readonly string[] {
    return this.asked.map(({ address }) => address);
  }
}

export interface CapturedContext extends CommandContext {
  /** What went to standard output and standard error. */
  readonly printed: () => string;
  readonly remarked: () => string;
}

export function capturedContext(masters: FakeMasters, options: { readonly environment?: Environment; readonly variables?: Readonly<Record<string, string>>; readonly stop?: AbortSignal } = {}): CapturedContext {
  const printed: Buffer[] = [];
  const remarked: Buffer[] = [];
  return {
    environment: options.environment ?? createEnvironment(),
    variables: options.variables ?? {},
    stop: options.stop ?? new AbortController().signal,
    print: (text) => void printed.push(Buffer.from(text)),
    remark: (text) => void remarked.push(Buffer.from(text)),
    connect: masters.connect,
    printed: () => Buffer.concat(printed).toString(),
    remarked: () => Buffer.concat(remarked).toString(),
  };
}
