// A proxy that loses answers: what it is asked arrives, and from a certain word on nothing comes back.
//
// Owns:      one listening port in front of one server, and what passes.
// Elsewhere: the server (etcd-server.ts), what is proved with it (etcd-election.test.ts).

import { connect, createServer, type Server, type Socket } from 'node:net';

export class MutingProxy {
  private isMute = false;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly muteAfter: string,
  ) {}

  /** In front of `target` (`host:port`); loses every answer once something said to it has contained `muteAfter`. */
  static async start(target: string, muteAfter: string): Promise<MutingProxy> {
    const [host = '', port = ''] = target.split(':');
    const server = createServer();
    const proxy = new MutingProxy(server, muteAfter);
    server.on('connection', (near) => proxy.join(near, connect(Number(port), host)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get endpoint(): string {
    const address = this.server.address();
    return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  /** Whether the word has come. */
  get hasLostAnswers(): boolean {
    return this.isMute;
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private join(near: Socket, far: Socket): void {
    for (const socket of [near, far]) {
      this.sockets.add(socket);
      // The other end may be gone before; that is no matter of this test.
      socket.on('error', () => undefined);
    }
    near.on('data', (bytes) => {
      this.isMute ||= bytes.includes(this.muteAfter);
      far.write(bytes);
    });
    far.on('data', (bytes) => {
      if (!this.isMute) near.write(bytes);
    });
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }
}
