// Input server: from where agents fetch the executor and the bytes of the input.
//
// Owns:      a small HTTP server on the scheduler's side: one file by byte ranges, the executor's files as a whole.
// Elsewhere: who fetches (piece-count.ts, the agents' fetchers), cutting (chunks.ts).
// Invariants:
//   S1. Nothing is served without the secret in the path, and nothing but the input and the files of the executor.
//   S2. Memory per connection is one buffer: the next piece is read when the last one has been taken by the network.
//   S3. A range is served whole, or the connection is broken: an input that became shorter never looks like a complete range.
// Source: RFC 9110, section 14 (range requests), of which one range with both ends is taken.

import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ByteSource } from './chunks';
import { ParticleFailure } from './failure';

export interface InputServerOptions {
  readonly source: ByteSource;
  /** The files of the executor. */
  readonly executor: Readonly<Record<ExecutorFile, Uint8Array>>;
  /** Where to listen, and what agents are told. Port 0 takes any free one. */
  readonly host: string;
  readonly port: number;
  /** Free of slashes; whoever knows it can read the input. */
  readonly secret: string;
  /** The input could not be read: nobody else will have it from here. May be called more than once. */
  readonly failed: (error: unknown) => void;
}

export interface InputServer {
  readonly port: number;
  readonly inputUrl: string;
  readonly executorUrls: readonly string[];
  /** Open connections: one per thread that counts, and the agents that fetch the executor. */
  connectionCount(): number;
  /** Ends at once; open responses are cut off. */
  close(): Promise<void>;
}

/** What agents fetch: what they start (executor-loader.ts), and the program that it runs. The agent's fetcher names the files in the sandbox alike. */
export const EXECUTOR_FILE = 'particle-executor.js';
export const EXECUTOR_PROGRAM = 'particle-executor.program';
const executorFiles = [EXECUTOR_FILE, EXECUTOR_PROGRAM] as const;
export type ExecutorFile = (typeof executorFiles)[number];

/** Bytes read and sent at a time: large enough that system calls disappear, small enough for a few hundred agents at once. */
const PIECE_BYTES = 1024 * 1024;

/** @throws ParticleFailure CANNOT_SERVE if the address cannot be listened at */
export async function serveInput(options: InputServerOptions): Promise<InputServer> {
  const { host, secret } = options;
  const server = createServer((request, response) => void answer(options, request, response));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.setNoDelay(true);
  });
  // Between two chunks a worker keeps its connection; a job's pauses may be long.
  server.keepAliveTimeout = 10 * 60_000;
  const { port } = await listen(server, options);
  const base = `http://${host.includes(':') ? `[${host}]` : host}:${port}/${secret}`;
  return {
    port,
    inputUrl: `${base}/input`,
    executorUrls: executorFiles.map((file) => `${base}/${file}`),
    connectionCount: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listen(server: Server, { host, port }: InputServerOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const message = `Cannot serve the input at ${host}:${port}: ${error.message}; name an address of this machine that agents reach with --data-address`;
      reject(new ParticleFailure('CANNOT_SERVE', message, { cause: error }));
    });
    // The address of a TCP server is never a pipe's name.
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

async function answer({ source, executor, secret, failed }: InputServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, given = '', file, ...rest] = (request.url ?? '').split('/');
  const executorFile = executorFiles.find((known) => known === file);
  if (!isSame(given, secret) || rest.length > 0 || (file !== 'input' && executorFile === undefined)) return end(response, 404);
  if (request.method !== 'GET') return end(response, 405, { allow: 'GET' });
  if (executorFile !== undefined) {
    const bytes = executor[executorFile];
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.length }).end(bytes);
    return;
  }
  const range = readRange(request.headers.range, source.sizeBytes);
  if (range === undefined) return end(response, 416, { 'content-range': `bytes */${source.sizeBytes}` });
  response.writeHead(206, {
    'content-type': 'text/plain',
    'content-length': range.end - range.start,
    'content-range': `bytes ${range.start}-${range.end - 1}/${source.sizeBytes}`,
  });
  try {
    await send(source, range, response);
  } catch (error) {
    // S3. The reader has gone, or the input cannot be read.
    response.destroy();
    if ((error as { name?: unknown }).name === 'ParticleFailure') failed(error);
  }
}

interface Lane {
  readonly buffer: Buffer;
  /** Resolves when the range before has been sent. */
  free: Promise<void>;
}

/** S2: a buffer made once, as a thread asks for range after range. A new one for each would cost the system its pages, and the collector a round, every few. */
const lanes = new WeakMap<Socket, Lane>();

/** After whatever was asked for on the same connection before. */
function send(source: ByteSource, range: ByteRange, response: ServerResponse): Promise<void> {
  const { socket } = response.req;
  const lane = lanes.get(socket) ?? { buffer: Buffer.allocUnsafeSlow(PIECE_BYTES), free: Promise.resolve() };
  lanes.set(socket, lane);
  const sent = lane.free.then(() => sendNow(source, range, response, lane.buffer));
  lane.free = sent.catch(() => undefined);
  return sent;
}

async function sendNow(source: ByteSource, { start, end }: ByteRange, response: ServerResponse, buffer: Buffer): Promise<void> {
  for (let position = start; position < end; ) {
    const piece = buffer.subarray(0, Math.min(buffer.length, end - position));
    const length = await source.read(piece, position);
    if (length < piece.length) throw new ParticleFailure('INPUT_CHANGED', `Cannot read the input behind byte ${position + length} as it became shorter`);
    await write(response, piece);
    position += length;
  }
  response.end();
}

/** Resolves when the system has taken the bytes, so that their buffer may be used again (S2). */
function write(response: ServerResponse, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error('The reader has gone'));
    // Writes into a connection that has gone are never called back.
    if (response.destroyed) return onClose();
    response.once('close', onClose);
    response.write(piece, (error) => {
      response.off('close', onClose);
      if (error) reject(error);
      else resolve();
    });
  });
}

interface ByteRange {
  readonly start: number;
  /** Behind the last byte. */
  readonly end: number;
}

/** `bytes=first-last`, both included, within the file. */
function readRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d{1,16})-(\d{1,16})$/.exec(header ?? '') ?? [];
  const start = Number(first ?? NaN);
  const end = Number(last ?? NaN) + 1;
  return start < end && end <= sizeBytes ? { start, end } : undefined;
}

/** Without telling by its time how much of a guess is right (S1). */
function isSame(given: string, secret: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(secret)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function end(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { ...headers, 'content-length': 0 }).end();
}
