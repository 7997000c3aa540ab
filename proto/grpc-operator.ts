// gRPC operator: questions of operators, one call each.
//
// Owns:      the serving and the asking side of the Operator service.
// Elsewhere: tables of the messages (operator-codec.ts), answers (master/core/), following the leader (cli/).
// Invariants:
//   U1. Every question gets one answer; a second one is dropped, and so is one for a caller that has left.
// Source: operator.proto.

import { Client, credentials, Metadata, type sendUnaryData, type ServerUnaryCall, type ServiceError } from '@grpc/grpc-js';

import type { OperatorCall, OperatorReply } from '../common/model/operator-protocol';
import type { Cancel, Environment, LinkEnd } from '../common/ports';
import { describeRefusal, refused, type Checked } from '../common/refusal';
import { decodeChecked } from './codec';
import { clientOptions, runHandler, type RpcServer } from './grpc-channel';
import { endOfStatus, statusOfEnd } from './grpc-end';
import { wireMethod, type WireType } from './loader';
import { operatorCall, operatorReply } from './operator-codec';

type NotLeader = Extract<LinkEnd, { readonly kind: 'not-leader' }>;

/** Answers one question: with a reply, or by saying that another master has to be asked. */
export type OperatorHandler = (call: Checked<OperatorCall>, reply: (answer: OperatorReply | NotLeader) => void) => void;

const askMethod = (): ReturnType<typeof wireMethod> => wireMethod('operator', 'Operator', 'Ask');
const asIs = (bytes: Buffer): Buffer => bytes;

export function serveOperator(server: RpcServer, handler: OperatorHandler): void {
  const { path, request, response } = askMethod();
  const definition = {
    ask: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  };
  server.grpc.addService(definition, {
    ask: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      let isAnswered = false;
      const reply = (answer: OperatorReply | NotLeader): void => {
        // U1.
        if (isAnswered || call.cancelled) return;
        isAnswered = true;
        if (answer.kind === 'not-leader') done(statusOfEnd(answer));
        else done(null, response.serialize(operatorReply.encode(answer)));
      };
      runHandler(() => handler(decodeCall(request, call.request), reply));
    },
  });
}

function decodeCall(type: WireType, bytes: Buffer): Checked<OperatorCall> {
  try {
    return decodeChecked(operatorCall, type.deserialize(bytes));
  } catch (error) {
    // The parser's only way to say that the bytes are no protobuf of this type.
    return refused('call', `${bytes.length} bytes`, `a message of the wire contract (${error instanceof Error ? error.message : String(error)})`);
  }
}

export type OperatorOutcome =
  | { readonly kind: 'replied'; readonly reply: OperatorReply }
  | NotLeader
  /** Nobody there, no answer in time, or an answer that cannot be read. */
  | { readonly kind: 'failed'; readonly detail: string };

export interface OperatorClient {
  /** `done` is called once, not within this call, and not after the returned cancel. */
  ask(call: OperatorCall, done: (outcome: OperatorOutcome) => void): Cancel;
  close(): void;
}

export interface OperatorClientOptions {
  /** An answer must be there by then. Default 30 s: longer than the master's own patience with an agent (10 s). */
  readonly timeoutMs?: number;
}

/** Asks the master at `host:port`, over a connection of its own. Does not follow the leader. */
export function operatorClient(environment: Environment, address: string, options: OperatorClientOptions = {}): OperatorClient {
  const client = new Client(address, credentials.createInsecure(), clientOptions);
  const timeoutMs = options.timeoutMs ?? 30_000;
  const { path, request, response } = askMethod();
  return {
    ask(question, done) {
      let isOver = false;
      const finish = (outcome: OperatorOutcome): void => {
        if (isOver) return;
        isOver = true;
        cancelTimer();
        done(outcome);
      };
      const call = client.makeUnaryRequest(path, asIs, asIs, request.serialize(operatorCall.encode(question)), new Metadata(), {}, (error, bytes) => {
        finish(error === null && bytes !== undefined ? readReply(response, bytes) : outcomeOfError(error));
      });
      const cancelTimer = environment.clock.schedule(timeoutMs, () => {
        finish({ kind: 'failed', detail: `No answer from ${address} within ${timeoutMs} ms` });
        call.cancel();
      });
      return () => {
        if (isOver) return;
        isOver = true;
        cancelTimer();
        call.cancel();
      };
    },
    close: () => client.close(),
  };
}

function readReply(type: WireType, bytes: Buffer): OperatorOutcome {
  try {
    const checked = decodeChecked(operatorReply, type.deserialize(bytes));
    if (checked.ok) return { kind: 'replied', reply: checked.value };
    return { kind: 'failed', detail: `The answer cannot be read: ${describeRefusal(checked.refusal)}` };
  } catch (error) {
    return { kind: 'failed', detail: `The answer cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function outcomeOfError(error: ServiceError | null): OperatorOutcome {
  const end = error === null ? undefined : endOfStatus(error);
  switch (end?.kind) {
    case 'not-leader':
    case 'failed':
      return end;
    default:
      return { kind: 'failed', detail: error?.message ?? 'The call ended without an answer' };
  }
}
