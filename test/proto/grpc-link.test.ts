// gRPC link: sessions over real sockets keep what common/ports.ts promises.
//
// Proves:    order, batching, bounds, heartbeats and silence, every kind of end on both sides, and that an ended link leaves nothing behind.
//            Peers that break the rules are played by plain gRPC streams of raw bytes. Everything waits for events; nothing sleeps.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Client, credentials, Metadata, Server, ServerCredentials, status as codes, type ClientDuplexStream, type ServerDuplexStream } from '@grpc/grpc-js';

import type { AgentMessage, MasterMessage } from '../../common/model/agent-protocol';
import type { ExecutorEvent, ReceivedExecutorCall } from '../../common/model/executor-protocol';
import { agentId, executorId, frameworkId, taskId } from '../../common/model/ids';
import type { ReceivedSchedulerCall, SchedulerCallEnvelope, SchedulerEvent } from '../../common/model/scheduler-protocol';
import { linkMessageBytesMax, type Link, type LinkHandler, type Log } from '../../common/ports';
import { joinFrame } from '../../proto/frame';
import { RpcServer } from '../../proto/grpc-channel';
import { agentDialer, executorDialer, schedulerDialer, serveAgents, serveExecutors, serveScheduler } from '../../proto/grpc-link';
import { announcedInterval, announcementOf } from '../../proto/heartbeat-announcement';
import { wireType } from '../../proto/loader';
import { encodeSchedulerCall } from '../../proto/scheduler-codec';
import { frameBytesMax, messageBytesMax, silenceLimitOf, type LinkOptions } from '../../proto/stream-link';
import { countingEnvironment, eventually, LinkProbe } from './link-probe';

const environment = countingEnvironment();
const asIs = (bytes: Buffer): Buffer => bytes;
const cleanups: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await eventually(() => environment.pendingTimers() === 0);
});

interface SchedulerServer {
  readonly server: RpcServer;
  readonly address: string;
  readonly probe: LinkProbe<ReceivedSchedulerCall>;
  /** The first session's link. */
  readonly link: () => Promise<Link<SchedulerEvent>>;
}

async function aSchedulerServer(options: LinkOptions = {}, onOpen: (link: Link<SchedulerEvent>) => void = () => undefined): Promise<SchedulerServer> {
  const server = new RpcServer(environment.clock);
  const probe = new LinkProbe<ReceivedSchedulerCall>();
  const links: Link<SchedulerEvent>[] = [];
  serveScheduler(
    server,
    (link) => {
      links.push(link);
      onOpen(link);
      probe.wake();
      return probe;
    },
    options,
  );
  const port = await server.listen('127.0.0.1:0');
  cleanups.push(() => server.close(0));
  return {
    server,
    address: `127.0.0.1:${port}`,
    probe,
    link: async () => {
      await probe.until(() => links.length > 0);
      return links[0]!;
    },
  };
}

function dialScheduler(address: string, handler: LinkHandler<SchedulerEvent>, options: LinkOptions = {}): Link<SchedulerCallEnvelope> {
  const link = schedulerDialer(environment, options).dial(address, handler);
  cleanups.push(() => link.close());
  return link;
}

const teardown = (number: number): SchedulerCallEnvelope => ({ number, call: { kind: 'teardown' } });
const error = (message: string): SchedulerEvent => ({ kind: 'error', message });
const numbersOf = (calls: readonly ReceivedSchedulerCall[]): number[] => calls.map((call) => (call.ok ? call.value.number : -1));

/** A stream of raw frames to a server of ours. */
function rawClient(address: string, service: string, metadata = new Metadata()): ClientDuplexStream<Buffer, Buffer> {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const call = client.makeBidiStreamRequest(`/allot.v1.${service}/Session`, asIs, asIs, metadata, {});
  call.on('error', () => undefined);
  cleanups.push(() => {
    call.cancel();
    client.close();
  });
  return call;
}

function statusOf(call: ClientDuplexStream<Buffer, Buffer>): Promise<{ code: number; details: string }> {
  return new Promise((resolve) => call.on('status', resolve));
}

/** A server of raw frames. */
async function rawServer(session: (call: ServerDuplexStream<Buffer, Buffer>) => void): Promise<string> {
  const server = new Server();
  const method = {
    path: '/allot.v1.Scheduler/Session',
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  server.addService({ session: method }, { session });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (failure, bound) => (failure === null ? resolve(bound) : reject(failure)));
  });
  cleanups.push(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

describe('saying', () => {
  test('what is said in one turn arrives in that order and as one frame', async () => {
    const { address, probe } = await aSchedulerServer();
    const link = dialScheduler(address, new LinkProbe());
    for (let number = 0; number < 1_000; number += 1) link.send([teardown(number)]);
    expect(numbersOf(await probe.count(1_000))).toEqual([...Array(1_000).keys()]);
    expect(probe.frames).toHaveLength(1);
  });

  test('both directions are open at once', async () => {
    const { address, probe, link } = await aSchedulerServer();
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(address, client).send([teardown(1)]);
    (await link()).send([error('a'), error('b')]);
    expect(await client.count(2)).toEqual([error('a'), error('b')]);
    expect(numbersOf(await probe.count(1))).toEqual([1]);
  });

  test('more than a frame holds is cut into several, in order', async () => {
    const { address, link } = await aSchedulerServer();
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(address, client);
    const half = Math.floor(frameBytesMax / 2);
    const events = ['a', 'b', 'c', 'd', 'e'].map((letter) => error(letter.repeat(half)));
    (await link()).send(events);
    expect((await client.count(5)).map((event) => (event.kind === 'error' ? event.message[0] : '?'))).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(client.frames.length).toBeGreaterThan(2);
  });

  test('a message larger than any frame ends the link at its sender, saying how large it was', async () => {
    const { address, probe, link } = await aSchedulerServer();
    dialScheduler(address, new LinkProbe());
    (await link()).send([error('x'.repeat(messageBytesMax))]);
    expect(probe.ends).toEqual([]);
    expect(await probe.end()).toEqual({ kind: 'failed', detail: expect.stringMatching(/message of 8\d+ bytes is longer than the maximum/) });
  });

  describe('a framework message larger than any frame is left out with a warning, and the link goes on', () => {
    const data = new Uint8Array(linkMessageBytesMax);
    const short = new Uint8Array([1]);
    const warnings: Record<string, unknown>[] = [];
    const log: Log = { write: (level, message, fields) => void warnings.push({ level, message, ...fields }), child: () => log };

    /** Says it between two others, on the link given. */
    async function expectLeftOut<Out extends object, In>(link: Link<Out>, make: (data: Uint8Array) => Out, peer: LinkProbe<In>, isShort: (message: In) => boolean): Promise<void> {
      warnings.length = 0;
      link.send([make(short), make(data), make(short)]);
      link.send([make(data)]);
      link.send([make(short)]);
      expect((await peer.count(3)).map(isShort)).toEqual([true, true, true]);
      expect(peer.ends).toEqual([]);
      const warning = { level: 'warn', message: 'Framework message too long to be sent, left out', bytes: expect.any(Number), bytesMax: linkMessageBytesMax, peer: expect.any(String), leftOutCount: expect.any(Number) };
      expect(warnings).toEqual([warning, warning]);
    }
    const isOneByte = (message: { readonly data?: Uint8Array } | object): boolean => 'data' in message && message.data?.length === 1;
    const names = { agentId: agentId('a'), executorId: executorId('e') };

    test('between scheduler and master', async () => {
      const { address, probe, link } = await aSchedulerServer({ log });
      const client = new LinkProbe<SchedulerEvent>();
      const ours = dialScheduler(address, client, { log });
      await expectLeftOut(await link(), (some) => ({ kind: 'message', ...names, data: some }) as const, client, isOneByte);
      await expectLeftOut(ours, (some) => ({ number: 1, call: { kind: 'message', ...names, data: some } as const }), probe, (call) => call.ok && isOneByte(call.value.call));
    });

    test('between agent and master', async () => {
      const server = new RpcServer(environment.clock);
      const masterSide = new LinkProbe<AgentMessage>();
      let serving: Link<MasterMessage> | undefined;
      serveAgents(server, (link) => ((serving = link), masterSide), { log });
      const port = await server.listen('127.0.0.1:0');
      cleanups.push(() => server.close(0));
      const agentSide = new LinkProbe<MasterMessage>();
      const link = agentDialer(environment, { log }).dial(`127.0.0.1:${port}`, agentSide);
      cleanups.push(() => link.close());
      const make = (some: Uint8Array) => ({ kind: 'framework-message', frameworkId: frameworkId('f'), executorId: executorId('e'), data: some }) as const;
      await expectLeftOut(link, make, masterSide, isOneByte);
      await expectLeftOut(serving!, make, agentSide, isOneByte);
    });

    test('between executor and agent', async () => {
      const server = new RpcServer(environment.clock);
      const agentSide = new LinkProbe<ReceivedExecutorCall>();
      let serving: Link<ExecutorEvent> | undefined;
      serveExecutors(server, (link) => ((serving = link), agentSide), { log });
      cleanups.push(() => server.close(0));
      const executorSide = new LinkProbe<ExecutorEvent>();
      const directory = mkdtempSync(path.join(tmpdir(), 'allot-'));
      cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
      await server.listen(`unix:${path.join(directory, 's')}`);
      const link = executorDialer(environment, { log }).dial(path.join(directory, 's'), executorSide);
      cleanups.push(() => link.close());
      const whose = { frameworkId: frameworkId('f'), executorId: executorId('e') };
      await expectLeftOut(link, (some) => ({ ...whose, call: { kind: 'message', data: some } as const }), agentSide, (call) => call.ok && isOneByte(call.value.call));
      await expectLeftOut(serving!, (some) => ({ kind: 'message', data: some }) as const, executorSide, isOneByte);
    });
  });

  test('a long stream to a reader that reads never overflows, whatever the pace of the writer', async () => {
    const { address, probe } = await aSchedulerServer();
    const link = dialScheduler(address, new LinkProbe());
    for (let round = 0; round < 200; round += 1) {
      link.send(Array.from({ length: 50 }, (_, index) => teardown(round * 50 + index)));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect(numbersOf(await probe.count(10_000))).toEqual([...Array(10_000).keys()]);
  });

  test('nothing is called back inside dial or send', async () => {
    const { address } = await aSchedulerServer();
    let isInside = true;
    const inside: string[] = [];
    const client = new LinkProbe<SchedulerEvent>();
    const handler = {
      messages: (): void => void (isInside && inside.push('messages')),
      closed: (): void => {
        if (isInside) inside.push('closed');
        client.closed({ kind: 'closed' });
      },
    };
    dialScheduler(address, handler).send([teardown(1), { number: 2, call: { kind: 'kill', taskId: 'x'.repeat(messageBytesMax) as never } }]);
    isInside = false;
    await client.end();
    expect(inside).toEqual([]);
  });
});

describe('what cannot be read', () => {
  const callType = wireType('scheduler', 'SchedulerCall');

  test('a scheduler’s malformed calls are passed on as such, and its session goes on', async () => {
    const { address, probe } = await aSchedulerServer();
    const call = rawClient(address, 'Scheduler');
    call.write(joinFrame([callType.serialize({ type: 'KILL', number: 5 }), Buffer.from([0xff]), callType.serialize({ type: 'TEARDOWN', number: 6 })]));
    expect(await probe.count(3)).toMatchObject([
      { ok: false, number: 5, callKind: 'kill', refusal: { field: 'kill' } },
      { ok: false, number: 0, callKind: 'unknown', refusal: { field: 'message' } },
      { ok: true, value: { number: 6 } },
    ]);
    expect(probe.ends).toEqual([]);
  });

  test('bytes that are no frame end the session, as nothing after them can be trusted', async () => {
    const { address, probe } = await aSchedulerServer();
    const call = rawClient(address, 'Scheduler');
    const ended = statusOf(call);
    call.write(Buffer.from([0x0a, 0xff]));
    expect(await probe.end()).toEqual({ kind: 'failed', detail: expect.stringContaining('breaks off') });
    expect(await ended).toMatchObject({ code: codes.ABORTED, details: expect.stringContaining('breaks off') });
  });

  test('an agent’s malformed message ends its link on both sides, naming the field; what came before is heard', async () => {
    const server = new RpcServer(environment.clock);
    const probe = new LinkProbe<AgentMessage>();
    serveAgents(server, () => probe);
    const port = await server.listen('127.0.0.1:0');
    cleanups.push(() => server.close(0));
    const call = rawClient(`127.0.0.1:${port}`, 'AgentGateway');
    const ended = statusOf(call);
    const type = wireType('agent', 'AgentMessage');
    call.write(joinFrame([type.serialize({ pong: {} }), type.serialize({ exited_executor: { framework_id: { value: 'f' } } }), type.serialize({ pong: {} })]));
    expect(await probe.end()).toEqual({ kind: 'failed', detail: expect.stringContaining('exited_executor.executor_id') });
    expect(probe.heard).toEqual([{ kind: 'pong' }]);
    expect(await ended).toMatchObject({ code: codes.ABORTED, details: expect.stringContaining('exited_executor.executor_id') });
  });

  test('a master that talks nonsense is left by its scheduler', async () => {
    const address = await rawServer((call) => call.write(joinFrame([Buffer.alloc(0)])));
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(address, client);
    expect(await client.end()).toEqual({ kind: 'failed', detail: expect.stringContaining('type') });
  });
});

describe('ends', () => {
  test.each<[claim: string, leader: string | undefined]>([
    ['the leader, where it is known', '10.0.0.7:5050'],
    ['only that it does not lead, where nobody does', undefined],
  ])('a standby says %s', async (_claim, leader) => {
    const end = leader === undefined ? ({ kind: 'not-leader' } as const) : ({ kind: 'not-leader', leader } as const);
    const { server, address, probe } = await aSchedulerServer({}, (link) => link.close(end));
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(address, client).send([teardown(1)]);
    expect(await client.end()).toEqual(end);
    await eventually(() => server.sessionCount === 0);
    expect([probe.frames, probe.ends]).toEqual([[], []]);
  });

  test('what was said before the server’s close still arrives, then the end, and the closer hears nothing', async () => {
    const { server, address, probe, link } = await aSchedulerServer();
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(address, client);
    const ours = await link();
    ours.send(Array.from({ length: 100 }, (_, index) => error(String(index))));
    ours.close();
    ours.send([error('too late')]);
    expect(await client.end()).toEqual({ kind: 'closed' });
    expect(client.heard).toHaveLength(100);
    await eventually(() => server.sessionCount === 0);
    expect(probe.ends).toEqual([]);
  });

  test('what was said before the client’s close still arrives, then the end, and the closer hears nothing', async () => {
    const { server, address, probe } = await aSchedulerServer();
    const client = new LinkProbe<SchedulerEvent>();
    const link = dialScheduler(address, client);
    link.send(Array.from({ length: 100 }, (_, index) => teardown(index)));
    link.close();
    link.close();
    expect(await probe.end()).toEqual({ kind: 'closed' });
    expect(probe.heard).toHaveLength(100);
    await eventually(() => server.sessionCount === 0 && environment.pendingTimers() === 0);
    expect(client.ends).toEqual([]);
  });

  test('nobody at the address is a failure, told after dial has returned', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => listener.once('listening', resolve));
    const { port } = listener.address() as AddressInfo;
    await new Promise((resolve) => listener.close(resolve));
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(`127.0.0.1:${port}`, client);
    expect(client.ends).toEqual([]);
    expect(await client.end()).toEqual({ kind: 'failed', detail: expect.stringContaining('UNAVAILABLE') });
  });

  test('an address that is none is a failure too, and no exception', async () => {
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler('\u0000', client);
    expect((await client.end()).kind).toBe('failed');
  });

  test('somebody who takes the connection and says nothing is given up at the connect time-out', async () => {
    const sockets: Socket[] = [];
    const listener = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => listener.once('listening', resolve));
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
      listener.close();
    });
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(`127.0.0.1:${(listener.address() as AddressInfo).port}`, client, { connectTimeoutMs: 50 });
    expect(await client.end()).toEqual({ kind: 'failed', detail: expect.stringContaining('within 50 ms') });
  });

  test('a server that dies takes the link with it', async () => {
    const { server, address, link } = await aSchedulerServer();
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(address, client);
    await link();
    server.grpc.forceShutdown();
    expect((await client.end()).kind).toBe('failed');
  });

  test('a client that dies is a failure at the server', async () => {
    const { address, probe, link } = await aSchedulerServer();
    const call = rawClient(address, 'Scheduler');
    await link();
    call.cancel();
    expect((await probe.end()).kind).toBe('failed');
  });

  test('a server that closes ends all of its sessions in order, and is gone when it says so', async () => {
    const { server, address } = await aSchedulerServer();
    const clients = [new LinkProbe<SchedulerEvent>(), new LinkProbe<SchedulerEvent>()];
    for (const client of clients) dialScheduler(address, client);
    await eventually(() => server.sessionCount === 2);
    await server.close(5_000);
    for (const client of clients) expect(await client.end()).toEqual({ kind: 'closed' });
    expect(server.sessionCount).toBe(0);
  });

  test('a hundred links that came and went leave no timer and no session', async () => {
    const { server, address } = await aSchedulerServer();
    for (let round = 0; round < 10; round += 1) {
      const links = Array.from({ length: 10 }, () => dialScheduler(address, new LinkProbe()));
      await eventually(() => server.sessionCount === 10);
      for (const link of links) link.close();
      await eventually(() => server.sessionCount === 0);
    }
    await eventually(() => environment.pendingTimers() === 0);
  });
});

describe('silence', () => {
  test('a peer that says nothing for the limit is silent, though its connection stands', async () => {
    const address = await rawServer((call) => call.sendMetadata(new Metadata()));
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(address, client, { heartbeatIntervalMs: 20, silenceLimitMs: 60 });
    expect(await client.end()).toEqual({ kind: 'silent' });
  });

  test('a server finds a silent client', async () => {
    const { address, probe } = await aSchedulerServer({ heartbeatIntervalMs: 20, silenceLimitMs: 60 });
    const ended = statusOf(rawClient(address, 'Scheduler').resume());
    expect(await probe.end()).toEqual({ kind: 'silent' });
    expect((await ended).code).toBe(codes.DEADLINE_EXCEEDED);
  });

  test('an idle link beats, and its beats are heard but not passed on', async () => {
    const beats = new LinkProbe<number>();
    const address = await rawServer((call) => {
      call.on('data', (frame: Buffer) => {
        beats.messages([frame.length]);
        call.write(Buffer.alloc(0));
      });
    });
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(address, client, { heartbeatIntervalMs: 10, silenceLimitMs: 2_000 });
    expect(await beats.count(10)).toEqual(Array(10).fill(0));
    expect([client.frames, client.ends]).toEqual([[], []]);
  });

  test('two ends of ours keep an idle link alive beyond the silence limit', async () => {
    const { address, probe, link } = await aSchedulerServer({ heartbeatIntervalMs: 20, silenceLimitMs: 400 });
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(address, client, { heartbeatIntervalMs: 20, silenceLimitMs: 400 });
    const ours = await link();
    const startMs = environment.clock.nowMs();
    await eventually(() => environment.clock.nowMs() - startMs > 500);
    ours.send([error('still here')]);
    expect(await client.count(1)).toEqual([error('still here')]);
    expect(probe.ends).toEqual([]);
  });
});

describe('intervals that differ', () => {
  /** Long enough for the slower end of each pair to be cut by the limit of the faster, if that went by its own interval. */
  const idleFor = async (ms: number): Promise<void> => {
    const startMs = environment.clock.nowMs();
    await eventually(() => environment.clock.nowMs() - startMs > ms);
  };

  test.each([
    ['a server that beats faster than its client', 100, 600],
    ['a client that beats faster than its server', 600, 100],
  ])('%s waits as long as the other needs', async (_claim, ofServer, ofClient) => {
    const { address, probe, link } = await aSchedulerServer({ heartbeatIntervalMs: ofServer });
    const client = new LinkProbe<SchedulerEvent>();
    dialScheduler(address, client, { heartbeatIntervalMs: ofClient });
    const ours = await link();
    await idleFor(900);
    ours.send([error('still here')]);
    await client.until(() => client.frames.length + client.ends.length + probe.ends.length > 0);
    expect([client.heard, client.ends, probe.ends]).toEqual([[error('still here')], [], []]);
  });

  test('a server takes its client at its word: who promises a beat each 100 ms and says nothing is silent after three', async () => {
    const { address, probe } = await aSchedulerServer();
    const startMs = environment.clock.nowMs();
    const metadata = new Metadata();
    metadata.set('allot-heartbeat-interval-ms', '100');
    rawClient(address, 'Scheduler', metadata).resume();
    expect(await probe.end()).toEqual({ kind: 'silent' });
    expect(environment.clock.nowMs() - startMs).toBeLessThan(5_000);
  });

  test('a client takes its server at its word', async () => {
    const address = await rawServer((call) => {
      const metadata = new Metadata();
      metadata.set('allot-heartbeat-interval-ms', '100');
      call.sendMetadata(metadata);
    });
    const client = new LinkProbe<SchedulerEvent>();
    const startMs = environment.clock.nowMs();
    dialScheduler(address, client);
    expect(await client.end()).toEqual({ kind: 'silent' });
    expect(environment.clock.nowMs() - startMs).toBeLessThan(5_000);
  });

  test.each<[said: string | undefined, silenceLimitMs: number]>([
    [undefined, 15_000],
    ['', 15_000],
    ['soon', 15_000],
    ['-1', 15_000],
    ['1e9', 15_000],
    ['250', 750],
    ['30000', 90_000],
    ['0', 300],
    ['1', 300],
    ['9'.repeat(30), 180_000],
  ])('a peer that announces %p is waited for %d ms, and none for ever', (said, silenceLimitMs) => {
    const metadata = new Metadata();
    if (said !== undefined) metadata.set('allot-heartbeat-interval-ms', said);
    expect(silenceLimitOf(announcedInterval(metadata))).toBe(silenceLimitMs);
  });

  test('what is announced is what is read', () => {
    expect(announcedInterval(announcementOf(1_234))).toBe(1_234);
  });
});

describe('overflow', () => {
  const bulk = error('x'.repeat(256 * 1024));

  test('a client that does not read ends its session at the server with overflow, and the session is freed', async () => {
    const { server, address, probe, link } = await aSchedulerServer();
    rawClient(address, 'Scheduler').pause();
    const ours = await link();
    while (probe.ends.length === 0) {
      ours.send([bulk, bulk]);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect(probe.ends).toEqual([{ kind: 'overflow' }]);
    expect(server.sessionCount).toBe(0);
  });

  test('a server that does not read ends the link at its client with overflow', async () => {
    const address = await rawServer((call) => {
      call.sendMetadata(new Metadata());
      call.pause();
    });
    const client = new LinkProbe<SchedulerEvent>();
    const link = dialScheduler(address, client);
    const call: SchedulerCallEnvelope = { number: 1, call: { kind: 'kill', taskId: 'x'.repeat(256 * 1024) as never } };
    while (client.ends.length === 0) {
      link.send([call, call]);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect(client.ends).toEqual([{ kind: 'overflow' }]);
  });

  test('messages that may get lost, however many, end no link and leave room for what must arrive', async () => {
    let reader: ServerDuplexStream<Buffer, Buffer> | undefined;
    const address = await rawServer((call) => {
      call.sendMetadata(new Metadata());
      call.pause();
      reader = call;
    });
    const counts: unknown[] = [];
    const log: Log = { write: (_level, message, fields) => void counts.push(message.includes('does not keep up') && fields?.['leftOutCount']), child: () => log };
    const client = new LinkProbe<SchedulerEvent>();
    const link = dialScheduler(address, client, { log });
    const message: SchedulerCallEnvelope = { number: 1, call: { kind: 'message', agentId: agentId('a'), executorId: executorId('e'), data: new Uint8Array(256 * 1024) } };
    for (let round = 0; round < 300; round += 1) {
      link.send([message, message]); // 150 MB in all.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    // Half of what may wait, beside all those messages.
    for (let index = 0; index < 64; index += 1) link.send([{ number: 2, call: { kind: 'kill', taskId: `${index} ${'x'.repeat(256 * 1024)}` as never } }]);
    link.send([teardown(4_711)]);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect([client.ends, counts.slice(0, 6)]).toEqual([[], [1, 2, 4, 8, 16, 32]]);
    expect(counts.length).toBeLessThan(12);
    const last = wireType('scheduler', 'SchedulerCall').serialize(encodeSchedulerCall(teardown(4_711)));
    await new Promise<void>((resolve) => reader?.on('data', (frame: Buffer) => frame.includes(last) && resolve()).resume());
    expect(client.ends).toEqual([]);
  });

  test('more in one turn than may ever wait is overflow, and not inside send', async () => {
    const { address, probe, link } = await aSchedulerServer();
    dialScheduler(address, new LinkProbe());
    const ours = await link();
    for (let index = 0; index < 200; index += 1) ours.send([bulk]);
    expect(probe.ends).toEqual([]);
    expect(await probe.end()).toEqual({ kind: 'overflow' });
  });
});

describe('the other services', () => {
  test('an agent and its master understand each other', async () => {
    const server = new RpcServer(environment.clock);
    const masterSide = new LinkProbe<AgentMessage>();
    serveAgents(server, (link) => {
      link.send([{ kind: 'ping' }, { kind: 'shutdown-framework', frameworkId: frameworkId('f') }]);
      return masterSide;
    });
    const port = await server.listen('127.0.0.1:0');
    cleanups.push(() => server.close(0));
    const agentSide = new LinkProbe<MasterMessage>();
    const link = agentDialer(environment).dial(`127.0.0.1:${port}`, agentSide);
    cleanups.push(() => link.close());
    link.send([{ kind: 'pong' }, { kind: 'unregister' }]);
    expect(await masterSide.count(2)).toEqual([{ kind: 'pong' }, { kind: 'unregister' }]);
    expect(await agentSide.count(2)).toEqual([{ kind: 'ping' }, { kind: 'shutdown-framework', frameworkId: 'f' }]);
  });

  test('an executor talks over a unix socket, also where an earlier agent left the file behind', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'allot-'));
    cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
    const socket = path.join(directory, 'agent.sock');
    await leaveSocketBehind(socket);
    const server = new RpcServer(environment.clock);
    const agentSide = new LinkProbe<ReceivedExecutorCall>();
    serveExecutors(server, (link) => {
      link.send([{ kind: 'kill', taskId: taskId('t') }]);
      return agentSide;
    });
    await server.listen(`unix:${socket}`);
    cleanups.push(() => server.close(0));
    const executorSide = new LinkProbe<ExecutorEvent>();
    const link = executorDialer(environment).dial(socket, executorSide);
    cleanups.push(() => link.close());
    link.send([{ frameworkId: frameworkId('f'), executorId: executorId('e'), call: { kind: 'heartbeat' } }]);
    expect(await agentSide.count(1)).toEqual([{ ok: true, value: { frameworkId: 'f', executorId: 'e', call: { kind: 'heartbeat' } } }]);
    expect(await executorSide.count(1)).toEqual([{ kind: 'kill', taskId: 't' }]);
  });

  test('a path that no socket can have is refused in words', async () => {
    await expect(new RpcServer(environment.clock).listen(`unix:/tmp/${'x'.repeat(200)}`)).rejects.toThrow(/at most 107 bytes/);
  });

  test('a file that is no socket is never removed', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'allot-'));
    cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
    const file = path.join(directory, 'precious');
    writeFileSync(file, 'data');
    await expect(new RpcServer(environment.clock).listen(`unix:${file}`)).rejects.toThrow();
  });

  test('a port that is taken is an error with the system’s reason', async () => {
    const { address } = await aSchedulerServer();
    await expect(new RpcServer(environment.clock).listen(address)).rejects.toThrow(/EADDRINUSE/);
  });
});

/** A socket file whose process is gone. Node removes the file when a server closes in order, so this one is closed behind its back. */
async function leaveSocketBehind(socket: string): Promise<void> {
  const listener = createServer().listen(socket);
  await new Promise((resolve) => listener.once('listening', resolve));
  const { renameSync } = await import('node:fs');
  renameSync(socket, `${socket}.kept`);
  await new Promise((resolve) => listener.close(resolve));
  renameSync(`${socket}.kept`, socket);
}
