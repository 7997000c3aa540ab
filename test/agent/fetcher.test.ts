// The fetcher against a real HTTP server and real files: what arrives in the sandbox, and what is refused.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchUri, outputName } from '../../agent/fetcher';
import type { CommandUri } from '../../common/model/command';

const aUri = (value: string, uri: Partial<CommandUri> = {}): CommandUri => ({ value, executable: false, extract: true, cache: false, ...uri });

let root: string;
let sandbox: string;
let server: Server;
let origin: string;
const never = new AbortController().signal;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'allot-fetcher-'));
  server = createServer((request, response) => {
    if (request.url === '/hang') return; // Never answers.
    if (request.url === '/moved') {
      response.writeHead(302, { location: '/data' }).end();
    } else if (request.url === '/loop') {
      response.writeHead(302, { location: '/loop' }).end();
    } else if (request.url === '/data') {
      response.end('content');
    } else if (request.url === '/archive.tar.gz') {
      response.end(readFileSync(join(root, 'archive.tar.gz')));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  mkdirSync(join(root, 'pack'));
  writeFileSync(join(root, 'pack', 'inside'), 'packed');
  expect(spawnSync('tar', ['-czf', join(root, 'archive.tar.gz'), '-C', join(root, 'pack'), 'inside']).status).toBe(0);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(root, { recursive: true, force: true });
});
beforeEach(() => {
  sandbox = mkdtempSync(join(root, 'sandbox-'));
});

test('a downloaded file bears the name after the last slash', async () => {
  await fetchUri(aUri(`${origin}/data`), sandbox, never);
  expect(readFileSync(join(sandbox, 'data'), 'utf8')).toBe('content');
});

test('a redirection is followed, and the name is that of the first address', async () => {
  await fetchUri(aUri(`${origin}/moved`), sandbox, never);
  expect(readFileSync(join(sandbox, 'moved'), 'utf8')).toBe('content');
});

test('an output file may lie in a folder of the sandbox', async () => {
  await fetchUri(aUri(`${origin}/data`, { outputFile: 'a/b/c' }), sandbox, never);
  expect(readFileSync(join(sandbox, 'a/b/c'), 'utf8')).toBe('content');
});

test('an executable is made executable and never unpacked', async () => {
  await fetchUri(aUri(`${origin}/archive.tar.gz`, { executable: true }), sandbox, never);
  expect(statSync(join(sandbox, 'archive.tar.gz')).mode & 0o111).toBe(0o111);
  expect(existsSync(join(sandbox, 'inside'))).toBe(false);
});

test('an archive is unpacked beside itself, unless extract is off', async () => {
  await fetchUri(aUri(`${origin}/archive.tar.gz`, { extract: false }), sandbox, never);
  expect(existsSync(join(sandbox, 'inside'))).toBe(false);
  await fetchUri(aUri(`${origin}/archive.tar.gz`), sandbox, never);
  expect(readFileSync(join(sandbox, 'inside'), 'utf8')).toBe('packed');
});

test.each<[claim: string, uri: () => CommandUri, message: RegExp]>([
  ['an address that answers 404 is named with its status', () => aUri(`${origin}/nothing`), /Cannot fetch ".*nothing": HTTP status 404/],
  ['a circle of redirections is left', () => aUri(`${origin}/loop`), /more than 5 redirections/],
  ['a scheme that we do not know is refused', () => aUri('ftp://host/file'), /only http:, https:, file: and absolute paths/],
  ['an output file that climbs out of the sandbox is refused', () => aUri(`${origin}/data`, { outputFile: '../data' }), /uri.output_file is "..\/data", expected/],
])('%s', async (_claim, uri, message) => {
  await expect(fetchUri(uri(), sandbox, never)).rejects.toThrow(message);
});

test('an aborted download is given up at once', async () => {
  const abort = new AbortController();
  const fetching = fetchUri(aUri(`${origin}/hang`), sandbox, abort.signal);
  server.once('request', () => abort.abort());
  await expect(fetching).rejects.toThrow(/abort/i);
});

test.each(['..', '/etc/passwd', 'a/../../b', "it's", 'a\\b', ''])('%j is no name for a fetched file', (outputFile) => {
  expect(outputName(aUri('http://host/x', { outputFile })).ok).toBe(false);
});
