// Range connection: one kept connection over which a thread fetches ranges of the input, into one buffer that it uses again and again.
//
// Owns:      asking for a range, reading the head of the response, handing on its body piece by piece.
// Elsewhere: the serving side (input-server.ts), what is done with the bytes (piece-count.ts).
// Invariants:
//   V1. A fetch is `complete` only when exactly the bytes asked for were handed on.
//   V2. No byte is copied or kept here: a piece is read by the system into the buffer, and is overwritten by the next one.
//   V3. After anything but `complete` the connection is not used again; the next fetch opens a new one.
// Source: RFC 9112, of which a client of our own server needs a response with Content-Length. Node's HTTP client would make a buffer and three
//         events of every 64 KB; for half a gigabyte this way takes a sixth of its time.

import { connect, type Socket } from 'node:net';

/** How a fetch ended. */
export type FetchEnd =
  | { readonly kind: 'complete' }
  /** `take` wanted no more. */
  | { readonly kind: 'enough' }
  /** The connection or the server is away; it may come back. */
  | { readonly kind: 'broken'; readonly reason: string }
  /** The server has no such range, and will have none. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Large enough that system calls disappear, small enough to stay in the second-level cache until it was counted. */
const BUFFER_BYTES = 256 * 1024;

/** Our server's heads have about 200 bytes. */
const HEAD_BYTES_MAX = 8_192;

/** A server that sends nothing for so long is stuck or cut off. Generous: it may be a busy Pi. */
const STALL_MS = 30_000;

interface Fetch {
  readonly length: number;
  readonly take: (piece: Uint8Array) => boolean;
  readonly done: (end: FetchEnd) => void;
  /** What came of the head so far; undefined once it is read. */
  head: Buffer | undefined;
  received: number;
}

export class RangeConnection {
  private socket: Socket | undefined;
  private readonly buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  private fetching: Fetch | undefined;

  /**
   * Fetches the bytes from `start` to before `end` of what is at `url`, and hands them to `take` in order; a piece is valid during the call. One fetch
   * at a time.
   */
  fetch(url: string, start: number, end: number, take: (piece: Uint8Array) => boolean): Promise<FetchEnd> {
    return new Promise((resolve) => {
      const { hostname, port, host, pathname } = new URL(url);
      this.fetching = { length: end - start, take, done: resolve, head: Buffer.alloc(0), received: 0 };
      this.socket ??= this.open(hostname.replace(/^\[|\]$/g, ''), Number(port));
      this.socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nRange: bytes=${start}-${end - 1}\r\n\r\n`);
    });
  }

  /** Ends the connection, and with it a fetch under way. */
  close(): void {
    this.finish({ kind: 'broken', reason: 'closed' });
  }

  private open(host: string, port: number): Socket {
    const socket = connect({
      ...{ host, port, timeout: STALL_MS, noDelay: true },
      onread: {
        buffer: this.buffer,
        callback: (length) => {
          if (socket === this.socket) this.arrived(this.buffer.subarray(0, length));
          return true;
        },
      },
    });
    const ended = (reason: string): void => {
      if (socket === this.socket) this.finish({ kind: 'broken', reason });
    };
    socket.on('error', (error) => ended(error.message));
    socket.on('timeout', () => ended(`no byte from the scheduler for ${STALL_MS / 1_000} s`));
    socket.on('close', () => ended('the scheduler has closed the connection'));
    return socket;
  }

  private arrived(bytes: Buffer): void {
    const { fetching } = this;
    if (fetching === undefined) return this.finish({ kind: 'broken', reason: 'bytes that nobody asked for' });
    const body = fetching.head === undefined ? bytes : this.readHead(fetching, fetching.head, bytes);
    if (body === undefined || body.length === 0) return;
    fetching.received += body.length;
    if (fetching.received > fetching.length) return this.finish({ kind: 'broken', reason: 'more bytes than asked for' });
    if (!fetching.take(body)) return this.finish({ kind: 'enough' });
    if (fetching.received < fetching.length) return;
    this.fetching = undefined;
    fetching.done({ kind: 'complete' });
  }

  /** The part of `bytes` behind the head; undefined while the head is not complete, or when it ended the fetch. */
  private readHead(fetching: Fetch, before: Buffer, bytes: Buffer): Buffer | undefined {
    const head = Buffer.concat([before, bytes.subarray(0, HEAD_BYTES_MAX)]);
    const end = head.indexOf('\r\n\r\n');
    fetching.head = head;
    if (end < 0) {
      if (head.length > HEAD_BYTES_MAX) this.finish({ kind: 'refused', reason: 'what answers is not the scheduler' });
      return undefined;
    }
    const text = head.toString('latin1', 0, end);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
    const length = Number(/\r\ncontent-length: *(\d{1,16})(?:\r|$)/i.exec(text)?.[1] ?? NaN);
    if (status !== 206) this.finish({ kind: status >= 500 ? 'broken' : 'refused', reason: `the scheduler answers with HTTP status ${status}` });
    else if (length !== fetching.length) this.finish({ kind: 'refused', reason: `the scheduler offers ${length} bytes of ${fetching.length}` });
    if (this.fetching !== fetching) return undefined;
    fetching.head = undefined;
    return bytes.subarray(end + 4 - before.length);
  }

  /** V3. */
  private finish(end: FetchEnd): void {
    const { socket, fetching } = this;
    this.socket = undefined;
    this.fetching = undefined;
    socket?.destroy();
    fetching?.done(end);
  }
}
