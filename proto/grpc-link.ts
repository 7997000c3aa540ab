// gRPC link: sessions of schedulers, agents and executors over gRPC streams.
//
// Owns:      a gRPC call as a stream of frames, on the dialling and on the serving side; one dialer and one server function per service.
// Elsewhere: batching, heartbeats, bounds (stream-link.ts), connections (grpc-channel.ts), statuses (grpc-end.ts), codecs (their files).
// Invariants:
//   J1. A server answers a session at once with headers, so that a dialler knows in one round trip that somebody is there.
//   J2. Each end announces its heartbeat interval with its first headers, and judges the other's silence by what that one announced.
//   J3. A scheduler's or executor's message that cannot be read is passed on as such; an agent's or a master's ends the link naming the field.
// Source: common/ports.ts; the .proto files say the same to others.

import { Client, credentials, type ClientDuplexStream, type ServerDuplexStream, type StatusObject } from '@grpc/grpc-js';

import type { AgentMessage, MasterMessage } from '../common/model/agent-protocol';
import type { ExecutorCallEnvelope, ExecutorEvent, ReceivedExecutorCall } from '../common/model/executor-protocol';
import type { ReceivedSchedulerCall, SchedulerCallEnvelope, SchedulerEvent } from '../common/model/scheduler-protocol';
import { linkMessageBytesMax, type Accept, type Cancel, type Dialer, type Environment, type Link, type LinkEnd, type LinkHandler, type Log } from '../common/ports';
import { describeRefusal, refused, type Checked } from '../common/refusal';
import { agentMessage, masterMessage } from './agent-codec';
import { decodeChecked, type Codec } from './codec';
import { decodeExecutorCall, encodeExecutorCall, executorEvent } from './executor-codec';
import { splitFrame } from './frame';
import { clientOptions, runHandler, socketAddress, type RpcServer } from './grpc-channel';
import { endOfStatus, statusOfEnd } from './grpc-end';
import { announcedInterval, announcementOf } from './heartbeat-announcement';
import { wireMethod, wireType, type ContractFile, type WireType } from './loader';
import { decodeSchedulerCall, encodeSchedulerCall, schedulerEvent } from './scheduler-codec';
import { dispensableBytesMax, linkTimes, StreamLink, type DecodedFrame, type FrameStream, type LeftOutBecause, type LinkOptions, type LinkTimes, type StreamLinkParts } from './stream-link';

// ---------------------------------------------------------------------------------------------------------------------------------------
// The three services.

export function schedulerDialer(environment: Environment, options: LinkOptions = {}): Dialer<SchedulerCallEnvelope, SchedulerEvent> {
  return dialer(environment, options, {
    path: pathOf('scheduler', 'Scheduler'),
    encode: encoder(wireType('scheduler', 'SchedulerCall'), encodeSchedulerCall),
    mayGetLost: ({ call }) => call.kind === 'message',
    decode: strictDecoder(wireType('scheduler', 'SchedulerEvent'), schedulerEvent),
  });
}

export function serveScheduler(server: RpcServer, accept: Accept<SchedulerEvent, ReceivedSchedulerCall>, options: LinkOptions = {}): void {
  serve(server, accept, options, {
    path: pathOf('scheduler', 'Scheduler'),
    encode: encoder(wireType('scheduler', 'SchedulerEvent'), schedulerEvent.encode),
    mayGetLost: ({ kind }) => kind === 'message',
    decode: lenientDecoder(wireType('scheduler', 'SchedulerCall'), decodeSchedulerCall, (refusal) => ({ ok: false, number: 0, callKind: 'unknown', refusal })),
  });
}

export function agentDialer(environment: Environment, options: LinkOptions = {}): Dialer<AgentMessage, MasterMessage> {
  return dialer(environment, options, {
    path: pathOf('agent', 'AgentGateway'),
    encode: encoder(wireType('agent', 'AgentMessage'), agentMessage.encode),
    mayGetLost: ({ kind }) => kind === 'framework-message',
    decode: strictDecoder(wireType('agent', 'MasterMessage'), masterMessage),
  });
}

export function serveAgents(server: RpcServer, accept: Accept<MasterMessage, AgentMessage>, options: LinkOptions = {}): void {
  serve(server, accept, options, {
    path: pathOf('agent', 'AgentGateway'),
    encode: encoder(wireType('agent', 'MasterMessage'), masterMessage.encode),
    mayGetLost: ({ kind }) => kind === 'framework-message',
    decode: strictDecoder(wireType('agent', 'AgentMessage'), agentMessage),
  });
}

/** Dials the path of the agent's unix socket. */
export function executorDialer(environment: Environment, options: LinkOptions = {}): Dialer<ExecutorCallEnvelope, ExecutorEvent> {
  const overSocket = dialer<ExecutorCallEnvelope, ExecutorEvent>(environment, options, {
    path: pathOf('executor', 'Executor'),
    encode: encoder(wireType('executor', 'ExecutorCall'), encodeExecutorCall),
    mayGetLost: ({ call }) => call.kind === 'message',
    decode: strictDecoder(wireType('executor', 'ExecutorEvent'), executorEvent),
  });
  return { dial: (path, handler) => overSocket.dial(socketAddress(path), handler) };
}

export function serveExecutors(server: RpcServer, accept: Accept<ExecutorEvent, ReceivedExecutorCall>, options: LinkOptions = {}): void {
  serve(server, accept, options, {
    path: pathOf('executor', 'Executor'),
    encode: encoder(wireType('executor', 'ExecutorEvent'), executorEvent.encode),
    mayGetLost: ({ kind }) => kind === 'message',
    decode: lenientDecoder(wireType('executor', 'ExecutorCall'), decodeExecutorCall, (refusal) => ({ ok: false, callKind: 'unknown', refusal })),
  });
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// Messages of a session.

interface SessionCodec<Out, In> {
  readonly path: string;
  readonly encode: (message: Out) => Uint8Array;
  /** Messages between a framework and its executors: nobody relies on them. Source: Mesos, whose framework messages are best-effort. */
  readonly mayGetLost: (message: Out) => boolean;
  readonly decode: (frame: Buffer) => DecodedFrame<In>;
}

function pathOf(file: ContractFile, service: string): string {
  return wireMethod(file, service, 'Session').path;
}

function encoder<Out>(type: WireType, encode: (message: Out) => object): (message: Out) => Uint8Array {
  return (message) => type.serialize(encode(message));
}

type RefusalOf = Extract<Checked<never>, { ok: false }>['refusal'];

/** J3 for schedulers and executors. */
function lenientDecoder<In>(type: WireType, decode: (wire: unknown) => In, unreadable: (refusal: RefusalOf) => In): (frame: Buffer) => DecodedFrame<In> {
  return (frame) => {
    const parts = splitFrame(frame);
    if (typeof parts === 'string') return { messages: [], failure: `Received ${parts}` };
    return {
      messages: parts.map((bytes) => {
        const wire = parse(type, bytes);
        return wire.ok ? decode(wire.value) : unreadable(wire.refusal);
      }),
    };
  };
}

/** J3 for agents and masters. */
function strictDecoder<In>(type: WireType, codec: Codec<In, unknown>): (frame: Buffer) => DecodedFrame<In> {
  return (frame) => {
    const parts = splitFrame(frame);
    if (typeof parts === 'string') return { messages: [], failure: `Received ${parts}` };
    const messages: In[] = [];
    for (const bytes of parts) {
      const wire = parse(type, bytes);
      const checked = wire.ok ? decodeChecked(codec, wire.value) : wire;
      if (!checked.ok) return { messages, failure: `Received a message that cannot be read: ${describeRefusal(checked.refusal)}` };
      messages.push(checked.value);
    }
    return { messages };
  };
}

function parse(type: WireType, bytes: Buffer): Checked<object> {
  try {
    return { ok: true, value: type.deserialize(bytes) };
  } catch (error) {
    // The parser's only way to say that the bytes are no protobuf of this type.
    return refused('message', `${bytes.length} bytes`, `a message of the wire contract (${error instanceof Error ? error.message : String(error)})`);
  }
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** StreamLinkParts.leaveOut of one session. Each time that twice as many were left out there is a warning, so that no flood fills the log. */
function leaveOutOf<Out>({ mayGetLost }: Pick<SessionCodec<Out, never>, 'mayGetLost'>, log: Log | undefined, peer: string): StreamLinkParts<Out, never>['leaveOut'] {
  const counts: Record<LeftOutBecause, number> = { 'too long': 0, behind: 0 };
  const texts = { 'too long': 'Framework message too long to be sent, left out', behind: 'Framework message left out, as the peer does not keep up' };
  return (message, bytes, why) => {
    if (!mayGetLost(message)) return false;
    const leftOutCount = ++counts[why];
    if (Number.isInteger(Math.log2(leftOutCount))) log?.write('warn', texts[why], { peer, bytes, bytesMax: why === 'behind' ? dispensableBytesMax : linkMessageBytesMax, leftOutCount });
    return true;
  };
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// The dialling side.

function dialer<Out, In>(environment: Environment, options: LinkOptions, codec: SessionCodec<Out, In>): Dialer<Out, In> {
  const times = linkTimes(options);
  return {
    dial: (address, handler) => dial(environment, times, options.log, codec, address, handler),
  };
}

function dial<Out, In>(
  environment: Environment,
  times: LinkTimes,
  log: Log | undefined,
  codec: SessionCodec<Out, In>,
  address: string,
  handler: LinkHandler<In>,
): Link<Out> {
  let client: Client;
  try {
    client = new Client(address, credentials.createInsecure(), clientOptions);
  } catch (error) {
    return stillborn(handler, { kind: 'failed', detail: `Cannot dial "${address}": ${error instanceof Error ? error.message : String(error)}` });
  }
  const call = client.makeBidiStreamRequest(codec.path, asIs, asIs, announcementOf(times.heartbeatIntervalMs), {});
  const { clock } = environment;
  let cancelConnect: Cancel = () => undefined;
  const stream = new ClientStream(call, () => {
    cancelConnect();
    client.close();
  });
  const link = new StreamLink<Out, In>({ clock, times, stream, encode: codec.encode, decode: codec.decode, leaveOut: leaveOutOf(codec, log, address) });
  link.serve(handler);
  cancelConnect = clock.schedule(times.connectTimeoutMs, () => {
    link.fail({ kind: 'failed', detail: `No answer from ${address} within ${times.connectTimeoutMs} ms` });
  });
  call.on('metadata', (metadata) => {
    cancelConnect();
    link.peerBeatsEvery(announcedInterval(metadata)); // J2.
  });
  call.on('data', (frame: Buffer) => link.received(frame));
  call.on('status', (status: StatusObject) => link.over(endOfStatus(status)));
  // Each error comes as a status too; without a listener it would end the process.
  call.on('error', () => undefined);
  return link;
}

/** A link that never came to be; its end arrives like any other (O1). */
function stillborn<Out, In>(handler: LinkHandler<In>, end: LinkEnd): Link<Out> {
  const telling = setImmediate(() => handler.closed(end));
  return { send: () => undefined, close: () => clearImmediate(telling) };
}

class ClientStream implements FrameStream {
  constructor(
    private readonly call: ClientDuplexStream<Buffer, Buffer>,
    private readonly released: () => void,
  ) {}

  write(frame: Buffer): boolean {
    return this.call.write(frame);
  }

  on(event: 'drain', listener: () => void): void {
    this.call.on(event, listener);
  }

  removeListener(event: 'drain', listener: () => void): void {
    this.call.removeListener(event, listener);
  }

  /** A client has no status to send: the end of its direction says `closed`. */
  finish(): void {
    this.call.end();
  }

  cut(): void {
    this.call.cancel();
  }

  release(): void {
    this.released();
  }
}

// ---------------------------------------------------------------------------------------------------------------------------------------
// The serving side.

function serve<Out, In>(server: RpcServer, accept: Accept<Out, In>, options: LinkOptions, codec: SessionCodec<Out, In>): void {
  const times = linkTimes(options);
  const definition = {
    session: {
      path: codec.path,
      requestStream: true,
      responseStream: true,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  };
  server.grpc.addService(definition, {
    session: (call: ServerDuplexStream<Buffer, Buffer>) => {
      let forget: () => void = () => undefined;
      const stream = new ServerStream(call, () => forget());
      const leaveOut = leaveOutOf(codec, options.log, call.getPeer());
      const link = new StreamLink<Out, In>({ clock: server.clock, times, stream, encode: codec.encode, decode: codec.decode, leaveOut });
      forget = server.onClose(() => link.close());
      // J1 and J2.
      call.sendMetadata(announcementOf(times.heartbeatIntervalMs));
      link.peerBeatsEvery(announcedInterval(call.metadata));
      call.on('data', (frame: Buffer) => link.received(frame));
      // A cancelled call of a living peer ends its direction, too, just before it is reset. So we answer with our end, and judge by what
      // became of the stream once that is out; `cancelled` comes in either case.
      call.on('end', () => call.end());
      call.on('cancelled', () => link.over(wasReset(call) ? { kind: 'failed', detail: 'The connection or the call was given up by the peer' } : { kind: 'closed' }));
      // Errors of the call are followed by `cancelled`; without a listener they would end the process.
      call.on('error', () => undefined);
      runHandler(() => link.serve(accept(link, call.getPeer())));
    },
  });
}

class ServerStream implements FrameStream {
  constructor(
    private readonly call: ServerDuplexStream<Buffer, Buffer>,
    private readonly released: () => void,
  ) {}

  write(frame: Buffer): boolean {
    // After the peer's goodbye nothing is taken any more; the end of the link is on its way.
    return this.call.writableEnded || this.call.write(frame);
  }

  on(event: 'drain', listener: () => void): void {
    this.call.on(event, listener);
  }

  removeListener(event: 'drain', listener: () => void): void {
    this.call.removeListener(event, listener);
  }

  finish(end: LinkEnd): void {
    if (end.kind === 'closed') this.call.end();
    // gRPC's way to end a call with a status: sent after what was written before.
    else this.call.emit('error', statusOfEnd(end));
  }

  cut(end: LinkEnd): void {
    this.finish(end);
    // The status waits behind what the peer does not read, possibly for ever.
    if (this.call.writableLength > 0) http2StreamOf(this.call)?.close?.(http2Cancel);
  }

  release(): void {
    this.released();
  }
}

/** Source: RFC 9113, section 7. */
const http2Cancel = 8;

function wasReset(call: ServerDuplexStream<Buffer, Buffer>): boolean {
  const code = http2StreamOf(call)?.rstCode;
  return code === undefined ? !call.readableEnded : code !== 0;
}

/**
 * The HTTP/2 stream under a call of the server. grpc-js has no public way to reset it or to ask how it ended; where a later version keeps it
 * elsewhere, an orderly end is told by the end of the data alone, and a peer that does not read is left to its keepalive.
 */
function http2StreamOf(call: ServerDuplexStream<Buffer, Buffer>): { readonly rstCode?: number; readonly close?: (code: number) => void } | undefined {
  return (call as unknown as { readonly call?: { readonly stream?: { readonly rstCode?: number; readonly close?: (code: number) => void } } }).call?.stream;
}
