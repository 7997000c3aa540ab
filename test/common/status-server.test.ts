// Proves the pages of the status server, over real sockets on ports that the system chooses, and H1 and H2.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

import { memoryLog, silentLog } from '../../common/logging';
import { Metrics, single } from '../../common/metrics';
import { listenStatusServer, type Health, type StatusServer } from '../../common/status-server';

let server: StatusServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function aServer(health: () => Health = () => ({ isHealthy: true, status: 'leading' }), log = memoryLog()) {
  const metrics = new Metrics(silentLog);
  metrics.register([{ name: 'allot_test_things', help: 'Things there are.', kind: 'gauge', collect: () => single(42) }]);
  server = await listenStatusServer({ host: '127.0.0.1', port: 0, metrics, health, log });
  return { server, url: `http://127.0.0.1:${server.port}`, log };
}

test('/metrics is what Prometheus reads', async () => {
  const { url } = await aServer();
  const response = await fetch(`${url}/metrics?x=1`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await response.text()).toContain('# TYPE allot_test_things gauge\nallot_test_things 42\n');
});

test.each<[Health, number, unknown]>([
  [{ isHealthy: true, status: 'leading', details: { agents: 3 } }, 200, { status: 'leading', agents: 3 }],
  [{ isHealthy: false, status: 'waiting for etcd', details: { trouble: 'Cannot reach etcd' } }, 503, { status: 'waiting for etcd', trouble: 'Cannot reach etcd' }],
])('/health of %j answers %d', async (health, status, body) => {
  const { url } = await aServer(() => health);
  const response = await fetch(`${url}/health`);
  expect(response.status).toBe(status);
  expect(await response.json()).toEqual(body);
});

test.each<[method: string, path: string, status: number]>([
  ['GET', '/', 404],
  ['GET', '/metrics/x', 404],
  ['POST', '/health', 405],
  ['HEAD', '/health', 200],
])('%s %s answers %d', async (method, path, status) => {
  const { url } = await aServer();
  const response = await fetch(`${url}${path}`, { method, ...(method === 'POST' ? { body: 'x'.repeat(100_000) } : {}) });
  await response.text();
  expect(response.status).toBe(status);
});

test('a page that fails answers 500 with the reason, and the server lives on', async () => {
  let calls = 0;
  const { url, log } = await aServer(() => {
    calls += 1;
    if (calls === 1) throw new Error('no idea');
    return { isHealthy: true, status: 'well' };
  });
  const response = await fetch(`${url}/health`);
  expect([response.status, await response.text()]).toEqual([500, 'no idea\n']);
  expect(log.lines.map((line) => line.message)).toEqual(['Status page failed']);
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

test('a port that is taken is refused with what to do', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const listening = listenStatusServer({ host: '127.0.0.1', port, metrics: new Metrics(silentLog), health: () => ({ isHealthy: true, status: '' }), log: silentLog });
  await expect(listening).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: `Cannot open the status server at 127.0.0.1:${port}: another process listens there; choose another port, or 0 for any`,
  });
  other.close();
});

test('an address that is not ours is refused with what to do', async () => {
  const listening = listenStatusServer({ host: '192.0.2.1', port: 0, metrics: new Metrics(silentLog), health: () => ({ isHealthy: true, status: '' }), log: silentLog });
  await expect(listening).rejects.toThrow(/^Cannot open the status server at 192\.0\.2\.1:0: this machine does not have that address/);
});

test('close cuts connections that say nothing, and the port is free (H2)', async () => {
  const { server: listening } = await aServer();
  const idle = connect(listening.port, '127.0.0.1');
  await once(idle, 'connect');
  const closed = once(idle, 'close');
  await Promise.all([listening.close(), listening.close()]);
  idle.destroy();
  await closed;
  const refused = connect(listening.port, '127.0.0.1');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
});
