// Status server: `/metrics` and `/health` over plain HTTP.
//
// Owns:      the listener, its two pages, what they answer when something fails.
// Elsewhere: the numbers (metrics.ts), what healthy means (each binary's callback), the operator API (master/).
// Invariants:
//   H1. A request cannot harm the process: it has no body that counts, headers and time are bounded, connections too, and an error in a page is an answer.
//   H2. After `close` has resolved no connection and no listener is left.
// Source: Prometheus scrape protocol; 200/503 as load balancers and container managers expect of a health check.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { AllotError, describeError } from './errors';
import type { Metrics } from './metrics';
import type { Log } from './ports';

/** What `/health` answers: 200 when healthy, else 503; `status` and the details as JSON. */
export interface Health {
  readonly isHealthy: boolean;
  /** One word or clause for people: `leading`, `waiting for etcd`. */
  readonly status: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface StatusServerOptions {
  /** Address to listen at; `0.0.0.0` or `::` for all. */
  readonly host: string;
  /** 0: any free port, told by {@link StatusServer.port}. */
  readonly port: number;
  readonly metrics: Metrics;
  /** Asked at each request; cheap. */
  readonly health: () => Health;
  readonly log: Log;
}

export interface StatusServer {
  readonly port: number;
  /** Stops listening and cuts what is open. Twice does nothing more. */
  close(): Promise<void>;
}

/** Far more than scrapers and health checks need; beyond it new connections are dropped. */
const connectionsMax = 100;
/** A page takes milliseconds: a client that needs longer to ask or to be gone is stuck. */
const requestTimeoutMs = 10_000;

/** Listens, or throws AllotError LISTEN_FAILED saying why not. */
export async function listenStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const server = createServer({ requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs, keepAliveTimeout: requestTimeoutMs }, (request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      options.log.write('error', 'Status page failed', { path: request.url, error });
      if (response.headersSent) response.destroy();
      else send(response, 500, 'text/plain; charset=utf-8', `${describeError(error)}\n`);
    });
  });
  server.maxConnections = connectionsMax;
  await listen(server, options);
  let closing: Promise<void> | undefined;
  return {
    // A server that listens on TCP has an address with a port.
    port: (server.address() as AddressInfo).port,
    close() {
      closing ??= new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closing;
    },
  };
}

function listen(server: Server, { host, port, log }: StatusServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error & { readonly code?: string }): void => {
      const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
      reject(new AllotError({ code: 'LISTEN_FAILED', purpose: 'the status server', address, detail: bindFailures.get(error.code ?? '') ?? describeError(error) }, { cause: error }));
    };
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      // Out of file descriptors while accepting, for example: the next connection may do better.
      server.on('error', (error) => log.write('warn', 'Status server in trouble', { error }));
      resolve();
    });
  });
}

/** The ways in which binding usually fails, and what to do. */
const bindFailures: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'another process listens there; choose another port, or 0 for any'],
  ['EACCES', 'not permitted; ports below 1024 need privileges, choose a higher one'],
  ['EADDRNOTAVAIL', 'this machine does not have that address; 0.0.0.0 means all of its addresses'],
  ['ENOTFOUND', 'the host name is not known'],
]);

async function answer(options: StatusServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume(); // A body is not wanted, and must not stay in the way.
  const path = (request.url ?? '/').split('?', 1)[0];
  if (path !== '/metrics' && path !== '/health') {
    send(response, 404, 'text/plain; charset=utf-8', 'Not found: this server has /metrics and /health\n');
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    send(response, 405, 'text/plain; charset=utf-8', 'Only GET and HEAD are answered\n');
  } else if (path === '/metrics') {
    send(response, 200, options.metrics.contentType, await options.metrics.render());
  } else {
    const { isHealthy, status, details } = options.health();
    send(response, isHealthy ? 200 : 503, 'application/json', `${JSON.stringify({ ...details, status })}\n`);
  }
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  // Node leaves the body of an answer to HEAD out by itself.
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body), 'Cache-Control': 'no-store' });
  response.end(body);
}
