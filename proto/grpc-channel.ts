// gRPC channel: how every gRPC connection of Allot is set up, and the server that accepts them.
//
// Owns:      channel options of both ends, binding, the end of a server.
// Elsewhere: sessions (grpc-link.ts), questions of operators (grpc-operator.ts).
// Invariants:
//   H1. Both ends send HTTP/2 pings: a peer that vanished without a word is noticed in about 10 s even by an end that only listens.
//   H2. Each client has a connection of its own: what goes wrong with one session goes wrong with no other.
// Source: measurements in the platform reference, section 2.

import { lstatSync, unlinkSync } from 'node:fs';

import { logVerbosity, Server, ServerCredentials, setLogVerbosity, type ChannelOptions } from '@grpc/grpc-js';

import type { Clock } from '../common/ports';
import { messageBytesMax } from './stream-link';

// grpc-js prints to stderr on its own otherwise; whatever goes wrong reaches us as a status or an error, and is logged once, by us.
setLogVerbosity(logVerbosity.NONE);

/** H1. Noticed 7.2 s after the cut in a measurement. */
const keepaliveIntervalMs = 5_000;

const sharedOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': keepaliveIntervalMs,
  'grpc.keepalive_timeout_ms': keepaliveIntervalMs,
  'grpc.max_send_message_length': messageBytesMax,
  'grpc.max_receive_message_length': messageBytesMax,
};

export const clientOptions: ChannelOptions = {
  ...sharedOptions,
  'grpc.keepalive_permit_without_calls': 1,
  // The registry of debugging data that nobody reads. Servers keep it: in grpc-js 1.14 `forceShutdown` finds its connections only there.
  'grpc.enable_channelz': 0,
  // H2.
  'grpc.use_local_subchannel_pool': 1,
  // A session that breaks is over: its owner decides when and where to dial again.
  'grpc.enable_retries': 0,
  // Links go where they are told; a proxy from the environment would see only half of what keeps them alive.
  'grpc.enable_http_proxy': 0,
};

/** Longest path of a unix socket in bytes. Source: Linux `sockaddr_un`, 108 with the closing zero. */
const socketPathBytesMax = 107;

/** A socket's path as gRPC wants it. */
export function socketAddress(path: string): string {
  return path.startsWith('unix:') ? path : `unix:${path}`;
}

/**
 * Runs a handler of ours inside a callback of grpc-js, which would answer an exception with status UNKNOWN and carry on: what escapes from us
 * is a bug, and has to reach the process.
 */
export function runHandler(handler: () => void): void {
  try {
    handler();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** A gRPC server: services are added first (`serveScheduler` and its like), then it listens. */
export class RpcServer {
  readonly grpc = new Server(sharedOptions);
  private readonly endings = new Set<() => void>();

  constructor(readonly clock: Clock) {}

  /**
   * Takes calls at `host:port` (0: a port of the system's choice) or `unix:/path`, and resolves with the port (0 for a socket). A socket file
   * that an earlier life left behind is replaced. Rejects with the system's reason.
   */
  async listen(address: string): Promise<number> {
    if (address.startsWith('unix:')) prepareSocket(address.slice('unix:'.length));
    return await new Promise<number>((resolve, reject) => {
      this.grpc.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
        if (error !== null) reject(error);
        else resolve(Math.max(0, port));
      });
    });
  }

  /** Runs `ending` when the server closes, unless the returned function was called before. */
  onClose(ending: () => void): () => void {
    this.endings.add(ending);
    return () => this.endings.delete(ending);
  }

  /** How many sessions are open. */
  get sessionCount(): number {
    return this.endings.size;
  }

  /** Takes no more calls, ends all sessions in order, and resolves when they are over; after `graceMs` it cuts them. */
  async close(graceMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.clock.schedule(graceMs, () => this.grpc.forceShutdown());
      this.grpc.tryShutdown(() => {
        cancel();
        resolve();
      });
      for (const ending of [...this.endings]) ending();
    });
  }
}

function prepareSocket(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes > socketPathBytesMax) {
    throw new Error(`Cannot listen at "${path}" as the path of a unix socket has at most ${socketPathBytesMax} bytes: it has ${bytes}`);
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  // Anything but a socket is somebody's file: binding will fail and say so.
  if (found?.isSocket() === true) unlinkSync(path);
}
