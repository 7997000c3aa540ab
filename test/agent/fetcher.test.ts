// The fetcher against a real HTTP server and real files: what arrives in the sandbox, with whose rights, and what is refused (F1 to F3).
//
// How: where the tests run as root, another user's rights are those of `nobody`; else they are our own, which bound us in the same way.

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
    if (request.url === '/drip') {
      response.write('some, and then no more');
      return;
    }
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

/** Archives of `pack/`, made by a shell in there. */
function anArchive(name: string, shellText: string): string {
  const pack = mkdtempSync(join(root, 'pack-'));
  expect(spawnSync('/bin/sh', ['-ec', `${shellText}\ntar -cf ../${name} *`], { cwd: pack, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  return join(root, name);
}

test('an output file does not leave the sandbox through a link that an archive brought', async () => {
  const outside = mkdtempSync(join(root, 'outside-'));
  await fetchUri(aUri(anArchive('links.tar', `ln -s ${outside} d; mkdir in; ln -s in inner; ln -s ${outside}/owned file`)), sandbox, never);
  for (const [outputFile, why] of [
    ['d/owned', /d\/owned leads out of the sandbox/],
    ['d/new/owned', /leads out of the sandbox/],
    ['file', /file is there already, and no regular file/],
    ['in', /in is there already, and no regular file/],
  ] as const) {
    for (const source of [`${origin}/data`, '/etc/hostname']) await expect(fetchUri(aUri(source, { outputFile }), sandbox, never)).rejects.toThrow(why);
  }
  expect(readdirSync(outside)).toEqual([]);
  await fetchUri(aUri(`${origin}/data`, { outputFile: 'inner/kept' }), sandbox, never);
  expect(readFileSync(join(sandbox, 'in', 'kept'), 'utf8')).toBe('content');
});

test('a pipe is not copied, and nobody waits for its other end', async () => {
  expect(spawnSync('mkfifo', [join(root, 'pipe')]).status).toBe(0);
  await expect(fetchUri(aUri(`file://${join(root, 'pipe')}`), sandbox, never)).rejects.toThrow('it is no regular file');
});

test.each(['drip', 'in/drip'])('an aborted transfer to %s leaves no process in the sandbox, and ends its connection', async (outputFile) => {
  const abort = new AbortController();
  const fetching = fetchUri(aUri(`${origin}/drip`, { outputFile }), sandbox, abort.signal);
  while (!existsSync(join(sandbox, outputFile)) || readFileSync(join(sandbox, outputFile), 'utf8') === '') await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  await expect(fetching).rejects.toThrow(/abort/i);
  while (processesIn(sandbox).length > 0 || (await connectionCount()) > 0) await new Promise((resolve) => setImmediate(resolve));
});

const connectionCount = (): Promise<number> => new Promise((resolve, reject) => server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))));

function processesIn(directory: string): readonly string[] {
  return readdirSync('/proc').filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readlinkSync(`/proc/${entry}/cwd`) === directory;
    } catch {
      return false; // Has just ended, or is a zombie.
    }
  });
}

describe('on behalf of the task’s user', () => {
  const owner = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
  const uid = owner?.uid ?? process.getuid?.();

  beforeEach(() => {
    chmodSync(root, 0o711);
    if (owner !== undefined) chownSync(sandbox, owner.uid, owner.gid);
  });

  test('what is fetched is his: copied, downloaded and unpacked', async () => {
    writeFileSync(join(root, 'tool'), '#!/bin/sh\n', { mode: 0o755 });
    await fetchUri(aUri(join(root, 'tool')), sandbox, never, owner);
    await fetchUri(aUri(`${origin}/archive.tar.gz`, { outputFile: 'in/archive.tar.gz' }), sandbox, never, owner);
    expect(['tool', 'in', 'in/archive.tar.gz', 'inside'].map((name) => statSync(join(sandbox, name)).uid)).toEqual([uid, uid, uid, uid]);
    expect(statSync(join(sandbox, 'tool')).mode & 0o777).toBe(0o755);
  });

  test('a file that he may not read is not fetched for him', async () => {
    writeFileSync(join(root, 'secret'), 'secret');
    chmodSync(join(root, 'secret'), owner === undefined ? 0 : 0o600);
    await expect(fetchUri(aUri(`file://${join(root, 'secret')}`), sandbox, never, owner)).rejects.toThrow(/Permission denied/);
  });

  test('an archive writes where he may, so not through a link into what is not his', async () => {
    const outside = mkdtempSync(join(root, 'outside-'));
    chmodSync(outside, owner === undefined ? 0o500 : 0o755);
    await fetchUri(aUri(anArchive('link.tar', `ln -s ${outside} d`)), sandbox, never, owner);
    anArchive('whole.tar', 'mkdir d; echo x > d/owned; tar -cf ../member.tar d/owned'); // The member without its folder, which would take the link's place.
    await expect(fetchUri(aUri(join(root, 'member.tar')), sandbox, never, owner)).rejects.toThrow(/d\/owned/);
    expect(readdirSync(outside)).toEqual([]);
  });
});

test.each(['..', '/etc/passwd', 'a/../../b', "it's", 'a\\b', ''])('%j is no name for a fetched file', (outputFile) => {
  expect(outputName(aUri('http://host/x', { outputFile })).ok).toBe(false);
});
