// The fetcher: brings a command's URIs into the sandbox before it starts.
//
// Owns:      downloading, copying, marking executable, unpacking: what is done, and where it may go.
// Elsewhere: when to fetch and what failure means (posix-containerizer.ts: the launch fails, TASK_FAILED REASON_CONTAINER_LAUNCH_FAILED), with whose
//            rights and for how long (errand.ts).
// Invariants:
//   F1. Nothing is put outside the sandbox: output paths are relative and may not climb, neither by name nor through a link that an archive brought.
//       What an archive unpacks to is the archive's word; it goes where its task may write, and no further (F3).
//   F2. A transfer that brings no byte for the stall timeout is given up; an aborted fetch leaves no process and no socket behind, and nothing that is
//       fetched can make the agent itself wait: only regular files are read and written, and what the agent itself writes it opens without waiting.
//   F3. The agent's disk is read and written with the rights of the task's user. So a task gets no file that its user may not read, no device, and
//       nothing that belongs to another.
// Source: Mesos fetcher (reference, section 20), which is a process of the task's user, too. The cache flag is accepted and every fetch is a fresh one (our choice for now, because a cache
//         is an optimisation that must never change results).

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { basename, isAbsolute, join, normalize } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { accepted, refused, type Checked } from '../common/refusal';
import type { CommandUri } from '../common/model/command';
import { runErrand, type Owner } from './errand';

/** Without a byte for this long a download is given up. Source: Mesos `--fetcher_stall_timeout`, 1 min. */
export const fetchStallTimeoutMs = 60_000;
const redirectCountMax = 5;

/** How an archive is unpacked, by suffix. Source: Mesos's list; what is no archive is left as it is. */
const unpackers: readonly { readonly suffix: RegExp; readonly program: string; readonly args: readonly string[] }[] = [
  { suffix: /\.(tar|tar\.gz|tgz|tar\.bz2|tbz2|tar\.xz|txz)$/, program: 'tar', args: ['-xf'] },
  { suffix: /\.zip$/, program: 'unzip', args: ['-oq'] },
  { suffix: /\.gz$/, program: 'gunzip', args: ['-kf'] },
];

/**
 * Puts a file into the sandbox, which it runs in (F1, F2). $1 is the output path; $2 the file to copy, or empty for standard input; $3 is not empty for
 * an executable. It goes down one folder at a time, and looks where it has come to: a link may lead elsewhere in the sandbox, and nowhere else. The
 * copy keeps the mode of the file, as cp does.
 */
const putFile = `
fail() { printf '%s\\n' "$1" >&2; exit 1; }
sandbox=$(pwd -P)
rest=$1
while :; do
  case $rest in */*) folder=./\${rest%%/*}; rest=\${rest#*/} ;; *) break ;; esac
  [ -d "$folder" ] || mkdir "$folder" || exit 1
  cd -P "$folder" || exit 1
  case $(pwd -P)/ in "$sandbox"/*) ;; *) fail "$1 leads out of the sandbox" ;; esac
done
target=./$rest
if [ -L "$target" ] || { [ -e "$target" ] && [ ! -f "$target" ]; }; then fail "$1 is there already, and no regular file"; fi
if [ -z "$2" ]; then
  cat > "$target" || exit 1
else
  [ -e "$2" ] || fail 'there is no such file, or its user may not look there'
  [ -f "$2" ] || fail 'it is no regular file'
  cp -- "$2" "$target" || exit 1
fi
[ -z "$3" ] || chmod 755 "$target"
`;

/** Brings one URI in, on behalf of `owner` (F3), by default the agent's own user. Rejects with an Error whose message is written for the framework's author. */
export async function fetchUri(uri: CommandUri, sandbox: string, signal: AbortSignal, owner?: Owner): Promise<void> {
  const source = uri.value.trim();
  const name = outputName(uri);
  if (!name.ok) throw new Error(`Cannot fetch ${JSON.stringify(source)}: ${name.refusal.field} is ${name.refusal.value}, expected ${name.refusal.expected}`);
  const errand = { directory: sandbox, owner };
  const put = (file: string, input?: http.IncomingMessage): Promise<void> =>
    runErrand(
      { ...errand, program: '/bin/sh', args: ['-c', putFile, 'allot-fetcher', name.value, file, uri.executable ? 'executable' : ''], ...(input === undefined ? {} : { input }) },
      signal,
    );
  try {
    // No folder to go down into and no rights to give up: then no process is worth it.
    const isPlain = owner === undefined && !name.value.includes('/');
    if (/^https?:\/\//i.test(source)) {
      const content = await request(source, signal, redirectCountMax);
      if (isPlain) await save(content, join(sandbox, name.value), uri, signal);
      else await put('', content);
    } else if (/^file:\/\//i.test(source)) await put(fileURLToPath(source));
    else if (isAbsolute(source)) await put(source);
    else throw new Error('only http:, https:, file: and absolute paths can be fetched');
    const unpacker = uri.extract && !uri.executable ? unpackers.find(({ suffix }) => suffix.test(name.value)) : undefined;
    if (unpacker !== undefined) await runErrand({ ...errand, program: unpacker.program, args: [...unpacker.args, `./${name.value}`] }, signal);
  } catch (error) {
    throw new Error(`Cannot fetch ${JSON.stringify(source)}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** What a task may have put in the way of a file: a link, a pipe, a folder. */
const inTheWay: ReadonlySet<unknown> = new Set(['ELOOP', 'ENXIO', 'EISDIR']);

/** Writes `content` to a file in a folder that is known to be the sandbox's; not through a link, and without waiting for anybody (F1, F2). */
async function save(content: Readable, path: string, { executable }: CommandUri, signal: AbortSignal): Promise<void> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    const file = await open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0o644);
    try {
      if (!(await file.stat()).isFile()) throw Object.assign(new Error('no regular file'), { code: 'ENXIO' });
      if (executable) await file.chmod(0o755);
      await pipeline(content, file.createWriteStream(), { signal });
    } finally {
      await file.close(); // Which the stream has done by itself, if it came so far.
    }
  } catch (error) {
    if (inTheWay.has((error as NodeJS.ErrnoException).code)) throw new Error(`${basename(path)} is there already, and no regular file`, { cause: error });
    throw error;
  } finally {
    content.destroy();
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

/** The answer of the address, or of the one it redirects to, its content still to be read. */
async function request(url: string, signal: AbortSignal, redirectsLeft: number): Promise<http.IncomingMessage> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const asked = (url.startsWith('https') ? https : http).get(url, { signal, timeout: fetchStallTimeoutMs }, resolve);
    asked.on('timeout', () => asked.destroy(new Error(`no byte for ${fetchStallTimeoutMs / 1_000} s`)));
    asked.on('error', reject);
  });
  const status = response.statusCode ?? 0;
  const { location } = response.headers;
  if (status >= 300 && status < 400 && location !== undefined) {
    response.resume();
    if (redirectsLeft === 0) throw new Error(`more than ${redirectCountMax} redirections`);
    return await request(new URL(location, url).toString(), signal, redirectsLeft - 1);
  }
  if (status !== 200) {
    response.resume();
    throw new Error(`HTTP status ${status}`);
  }
  return response;
}
