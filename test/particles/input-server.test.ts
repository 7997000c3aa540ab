// Proves that the input server gives exact ranges to whoever knows the secret and nothing to anybody else, and that a range is counted whole or not
// at all. How: real HTTP over loopback; the counting side is the worker's own.

import { Agent, request, type IncomingMessage } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { ByteSource } from '../../frameworks/particles/chunks';
import { countBytes } from '../../frameworks/particles/count';
import { EXECUTOR_FILE, EXECUTOR_PROGRAM, serveInput, type InputServer } from '../../frameworks/particles/input-server';
import { RangeConnection } from '../../frameworks/particles/range-connection';
import { countPiece, type PieceOutcome } from '../../frameworks/particles/piece-count';
import { SameFileReader } from '../../frameworks/particles/same-file';
import { generateParticles } from '../../frameworks/particles/generate';

const input = Buffer.concat(Array.from(generateParticles(60_000, 3, 'full'), (piece) => Buffer.from(piece)));
const lineEnd = input.indexOf(0x0a, 2_000_000) + 1;

/** What can be read; less than `sizeBytes` says when the file became shorter. */
let readableBytes: number;
let readCount: number;
/** What the server says of an input that it cannot read. */
let failures: unknown[];
const failed = (error: unknown): void => void failures.push(error);
const source: ByteSource = {
  sizeBytes: input.length,
  read: (into, position) => {
    readCount++;
    return Promise.resolve(input.copy(into, 0, position, Math.min(readableBytes, position + into.length)));
  },
};

const executor = { [EXECUTOR_FILE]: Buffer.from('the loader'), [EXECUTOR_PROGRAM]: Buffer.from('the program') };

let server: InputServer;
let agent: Agent;
let connection: RangeConnection;
let reader: SameFileReader;
beforeEach(async () => {
  readableBytes = input.length;
  readCount = 0;
  failures = [];
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
  connection = new RangeConnection();
  reader = new SameFileReader();
  server = await serveInput({ source, executor, host: '127.0.0.1', port: 0, secret: 'secret', failed });
});
afterEach(async () => {
  agent.destroy();
  connection.close();
  await server.close();
});

function get(url: string, range?: string, method = 'GET'): Promise<{ readonly status: number | undefined; readonly headers: IncomingMessage['headers']; readonly body: Buffer }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers: range === undefined ? {} : { range } }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Counts a chunk as a single piece. */
function countRange(chunk: Parameters<typeof countPiece>[0]): Promise<PieceOutcome> {
  return countPiece(chunk, { index: 0, start: chunk.start, end: chunk.end }, connection, reader);
}

const order = (start: number, end: number) => ({ inputUrl: server.inputUrl, malformed: 'stop' as const, start, end });

test('ranges of every size are the bytes of the file, over one connection', async () => {
  for (const [start, end] of [[0, 1], [0, input.length], [700_000, 1_900_001], [input.length - 1, input.length]] as const) {
    const { status, body, headers } = await get(server.inputUrl, `bytes=${start}-${end - 1}`);
    expect({ status, range: headers['content-range'] }).toEqual({ status: 206, range: `bytes ${start}-${end - 1}/${input.length}` });
    expect(body.equals(input.subarray(start, end))).toBe(true);
  }
  expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
});

test('the files of the executor are served as a whole, under the names that the sandbox shall have', async () => {
  expect(server.executorUrls.map((url) => url.split('/').at(-1))).toEqual(['particle-executor.js', 'particle-executor.program']);
  const bodies = await Promise.all(server.executorUrls.map(async (url) => (await get(url)).body.toString()));
  expect(bodies).toEqual(['the loader', 'the program']);
});

test.each<[what: string, path: string, range: string | undefined, method: string, status: number]>([
  ['no secret', '/input', 'bytes=0-9', 'GET', 404],
  ['a wrong secret', '/secreT/input', 'bytes=0-9', 'GET', 404],
  ['a longer secret', '/secrets/input', 'bytes=0-9', 'GET', 404],
  ['another file', '/secret/../input', 'bytes=0-9', 'GET', 404],
  ['a path below', '/secret/input/x', 'bytes=0-9', 'GET', 404],
  ['no range', '/secret/input', undefined, 'GET', 416],
  ['a range without an end', '/secret/input', 'bytes=5-', 'GET', 416],
  ['a range behind the end', '/secret/input', `bytes=0-${input.length}`, 'GET', 416],
  ['a range that runs backwards', '/secret/input', 'bytes=9-5', 'GET', 416],
  ['several ranges', '/secret/input', 'bytes=0-1,3-4', 'GET', 416],
  ['another method', '/secret/input', 'bytes=0-9', 'DELETE', 405],
])('%s is refused without a byte of the input, and without reading it', async (_what, path, range, method, status) => {
  const { status: given, body } = await get(`http://127.0.0.1:${server.port}${path}`, range, method);
  expect({ given, length: body.length, readCount }).toEqual({ given: status, length: 0, readCount: 0 });
});

test('ranges are counted like their bytes, one after the other over one connection', async () => {
  for (const [start, end] of [[0, lineEnd], [lineEnd, input.length], [0, lineEnd]] as const) {
    const range = await countRange(order(start, end));
    expect(range).toEqual({ kind: 'counted', outcome: countBytes(input.subarray(start, end), 'stop') });
  }
  expect(server.connectionCount()).toBe(1);
});

/** A server that answers each connection's first request with these bytes, cut where they are cut here, then ends the connection. */
async function scripted(pieces: readonly string[], during: (url: string) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const other = createServer((socket) => {
    sockets.add(socket);
    socket.once('data', () => {
      // A turn of the loop between two pieces keeps them apart.
      const [next, ...rest] = pieces;
      const send = (piece: string | undefined, later: readonly string[]): void => {
        if (piece === undefined) socket.end();
        else socket.write(piece, () => setImmediate(() => send(later[0], later.slice(1))));
      };
      send(next, rest);
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  try {
    await during(`http://127.0.0.1:${(other.address() as AddressInfo).port}/x`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => other.close(resolve));
  }
}

test.each<[claim: string, pieces: readonly string[], outcome: object]>([
  ['a head in pieces is a head', ['HTTP/1.1 20', '6 Partial\r\nContent-Le', 'ngth: 6\r\n\r', '\n0 1', ' 2\n'], { kind: 'counted' }],
  ['a body that ends early is broken', ['HTTP/1.1 206 x\r\ncontent-length: 6\r\n\r\n0 1'], { kind: 'broken' }],
  ['a body that is too long is broken', ['HTTP/1.1 206 x\r\ncontent-length: 6\r\n\r\n0 1 2\n0 1 2\n'], { kind: 'broken' }],
  ['another length is refused', ['HTTP/1.1 206 x\r\ncontent-length: 7\r\n\r\n0 1 22\n'], { kind: 'refused' }],
  ['no length is refused', ['HTTP/1.1 206 x\r\n\r\n0 1 2\n'], { kind: 'refused' }],
  ['the whole instead of a range is refused', ['HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n0 1 2\n'], { kind: 'refused' }],
  ['a server in trouble is worth another try', ['HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n'], { kind: 'broken' }],
  ['an endless head is refused', ['HTTP/1.1 206 x\r\n', ...Array.from({ length: 20 }, () => `x: ${'y'.repeat(1_000)}\r\n`)], { kind: 'refused' }],
  ['another protocol is refused or broken, never counted', ['SSH-2.0-OpenSSH\r\n\r\n'], { kind: 'refused' }],
])('%s', async (_claim, pieces, outcome) => {
  await scripted(pieces, async (inputUrl) => {
    expect(await countRange({ inputUrl, malformed: 'stop', start: 0, end: 6 })).toMatchObject(outcome);
  });
});

test('a reader that goes away ends the reading of the file', async () => {
  const before = readCount;
  const socket = connect(server.port, '127.0.0.1', () => socket.write(`GET /secret/input HTTP/1.1\r\nhost: x\r\nrange: bytes=0-${input.length - 1}\r\n\r\n`));
  await new Promise((resolve) => socket.once('data', resolve));
  socket.destroy();
  // The server is fine, and serves the next one.
  expect(failures).toEqual([]);
  expect((await get(server.inputUrl, 'bytes=0-9')).status).toBe(206);
  expect(readCount).toBeGreaterThan(before);
});

test('an input that became shorter breaks the connection, so a part is never taken for the whole', async () => {
  readableBytes = 1_000_000;
  expect(await countRange(order(0, lineEnd))).toMatchObject({ kind: 'broken' });
  expect(failures).toMatchObject([{ code: 'INPUT_CHANGED' }]);
});

test('ranges that are asked for before the ones before are there are served in order, whole, and nothing of one in another', async () => {
  const ranges = Array.from({ length: 40 }, (_unused, index) => [index * 40_000, index * 40_000 + 1_200_000] as const);
  const expected = ranges.map(([start, end]) => input.subarray(start, end));
  const received: Buffer[] = [];
  const socket = connect(server.port, '127.0.0.1');
  socket.write(ranges.map(([start, end]) => `GET /secret/input HTTP/1.1\r\nhost: x\r\nrange: bytes=${start}-${end - 1}\r\n\r\n`).join(''));
  const total = expected.reduce((sum, { length }) => sum + length, 0);
  let length = 0;
  await new Promise<void>((resolve) => socket.on('data', (bytes) => (received.push(bytes), (length += bytes.length) > total && resolve())));
  let rest = Buffer.concat(received);
  for (const body of expected) {
    const headEnd = rest.indexOf('\r\n\r\n') + 4;
    // The last bytes may still be on their way.
    const given = rest.subarray(headEnd, headEnd + body.length);
    expect(given.equals(body.subarray(0, given.length))).toBe(true);
    rest = rest.subarray(headEnd + body.length);
  }
  socket.destroy();
});

test('a server that is gone is broken and worth another try; one that knows no such range is not', async () => {
  expect(await countRange(order(0, input.length + 5))).toMatchObject({ kind: 'refused' });
  await server.close();
  expect(await countRange(order(0, 10))).toMatchObject({ kind: 'broken' });
});

test('under the policy stop a malformed line ends the transfer there', async () => {
  const text = Buffer.concat([Buffer.from('1 2 x\n'), input]);
  const bad = await serveInput({ source: { sizeBytes: text.length, read: (into, position) => Promise.resolve(text.copy(into, 0, position, position + into.length)) }, executor, host: '127.0.0.1', port: 0, secret: 's', failed });
  try {
    const range = await countRange({ inputUrl: bad.inputUrl, malformed: 'stop', start: 0, end: text.length });
    expect(range).toMatchObject({ kind: 'counted', outcome: { kind: 'stopped', malformedLine: { lineNumber: 1 } } });
  } finally {
    await bad.close();
  }
});

test('an address that is taken is refused with the flag that helps', async () => {
  await expect(serveInput({ source, executor, host: '127.0.0.1', port: server.port, secret: 's', failed })).rejects.toMatchObject({
    code: 'CANNOT_SERVE',
    message: expect.stringContaining('--data-address') as string,
  });
});
