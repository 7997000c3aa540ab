// The fetcher: brings a command's URIs into the sandbox before it starts.
//
// Owns:      downloading, copying, marking executable, unpacking.
// Elsewhere: when to fetch and what failure means (posix-containerizer.ts: the launch fails, TASK_FAILED REASON_CONTAINER_LAUNCH_FAILED).
// Invariants:
//   F1. Nothing is written outside the sandbox: output paths are relative and may not climb.
//   F2. A transfer that brings no byte for the stall timeout is given up; an aborted fetch leaves no process and no socket behind.
// Source: Mesos fetcher (reference, section 20). The cache flag is accepted and every fetch is a fresh one (our choice for now, because a cache
//         is an optimisation that must never change results).

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { chmod, copyFile, mkdir } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { accepted, refused, type Checked } from '../common/refusal';
import type { CommandUri } from '../common/model/command';

/** Without a byte for this long a download is given up. Source: Mesos `--fetcher_stall_timeout`, 1 min. */
export const fetchStallTimeoutMs = 60_000;
const redirectCountMax = 5;

/** How an archive is unpacked, by suffix. Source: Mesos's list; what is no archive is left as it is. */
const unpackers: readonly { readonly suffix: RegExp; readonly command: (file: string) => readonly [string, ...string[]] }[] = [
  { suffix: /\.(tar|tar\.gz|tgz|tar\.bz2|tbz2|tar\.xz|txz)$/, command: (file) => ['tar', '-xf', file] },
  { suffix: /\.zip$/, command: (file) => ['unzip', '-oq', file] },
  { suffix: /\.gz$/, command: (file) => ['gunzip', '-kf', file] },
];

/** Brings one URI in. Rejects with an Error whose message is written for the framework's author. */
export async function fetchUri(uri: CommandUri, sandbox: string, signal: AbortSignal): Promise<void> {
  const source = uri.value.trim();
  const name = outputName(uri);
  if (!name.ok) throw new Error(`Cannot fetch ${JSON.stringify(source)}: ${name.refusal.field} is ${name.refusal.value}, expected ${name.refusal.expected}`);
  const target = join(sandbox, name.value);
  await mkdir(dirname(target), { recursive: true });
  try {
    if (/^https?:\/\//i.test(source)) await download(source, target, signal, redirectCountMax);
    else if (/^file:\/\//i.test(source)) await copyFile(fileURLToPath(source), target);
    else if (isAbsolute(source)) await copyFile(source, target);
    else throw new Error('only http:, https:, file: and absolute paths can be fetched');
    if (uri.executable) await chmod(target, 0o755);
    else if (uri.extract) await unpack(target, sandbox, signal);
  } catch (error) {
    throw new Error(`Cannot fetch ${JSON.stringify(source)}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** The relative path in the sandbox that the URI goes to (F1). */
export function outputName(uri: CommandUri): Checked<string> {
  const text = uri.outputFile ?? uri.value.trim().slice(uri.value.trim().lastIndexOf('/') + 1);
  const path = normalize(text);
  if (text === '' || path === '.' || isAbsolute(path) || path === '..' || path.startsWith('../') || /[\\'\0]/.test(text)) {
    return refused(uri.outputFile === undefined ? 'uri.value' : 'uri.output_file', text, 'a file name, or a relative path that stays in the sandbox');
  }
  return accepted(path);
}

async function download(url: string, target: string, signal: AbortSignal, redirectsLeft: number): Promise<void> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = (url.startsWith('https') ? https : http).get(url, { signal, timeout: fetchStallTimeoutMs }, resolve);
    request.on('timeout', () => request.destroy(new Error(`no byte for ${fetchStallTimeoutMs / 1_000} s`)));
    request.on('error', reject);
  });
  const status = response.statusCode ?? 0;
  const { location } = response.headers;
  if (status >= 300 && status < 400 && location !== undefined) {
    response.resume();
    if (redirectsLeft === 0) throw new Error(`more than ${redirectCountMax} redirections`);
    await download(new URL(location, url).toString(), target, signal, redirectsLeft - 1);
    return;
  }
  if (status !== 200) {
    response.resume();
    throw new Error(`HTTP status ${status}`);
  }
  await pipeline(response, createWriteStream(target), { signal });
}

async function unpack(file: string, sandbox: string, signal: AbortSignal): Promise<void> {
  const unpacker = unpackers.find(({ suffix }) => suffix.test(file));
  if (!unpacker) return;
  const [program, ...args] = unpacker.command(file);
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, args, { cwd: sandbox, stdio: ['ignore', 'ignore', 'pipe'], signal });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      if (said.length < 500) said += chunk.toString('utf8');
    });
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve();
      else reject(new Error(`${program} ended with status ${status ?? 'unknown'}: ${said.trim()}`));
    });
  });
}
