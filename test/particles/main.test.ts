// Proves that the command `allot-particles` does as its help says: results on stdout, expected failures in one line with exit status 1.
// How: the sources are bundled into one file and run as a process of their own.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';

const repository = resolve(__dirname, '../..');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'particles-'));
  buildSync({
    entryPoints: [join(repository, 'frameworks/particles/main.ts')],
    outfile: join(folder, 'main.js'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['main.js', ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NODE_PATH: join(repository, 'node_modules') },
  });
  return { status, stdout, stderr };
}

test('a generated file is counted, as JSON, as a report, and as a picture', () => {
  expect(run('generate', '--count', '5000', '--seed', '3', '--output', 'p.txt')).toEqual({ status: 0, stdout: '', stderr: '' });
  const json = run('count', '--input', 'p.txt', '--json', '--svg', 'p.svg');
  expect(json).toMatchObject({ status: 0, stderr: '' });
  expect(Object.keys(JSON.parse(json.stdout) as object)).toEqual(['particles', 'negative', 'positive', 'origin', 'never', 'malformed']);
  expect(JSON.parse(json.stdout)).toMatchObject({ particles: 5000, malformed: 0 });
  expect(readFileSync(join(folder, 'p.svg'), 'utf8')).toContain('5,000 particles');
  expect(run('count', '--input', 'p.txt').stdout).toContain('origin │');
});

test('a malformed line stops the counting by default with one line, and is counted when asked', () => {
  writeFileSync(join(folder, 'bad.txt'), '1 2 3\n1 2 oops\n');
  expect(run('count', '--input', 'bad.txt')).toEqual({
    status: 1,
    stdout: '',
    stderr:
      'allot-particles: Cannot count "bad.txt" as line 2 is malformed: c is "oops", expected a finite decimal number such as -1.5 or 2e3; correct it, or pass --malformed count\n',
  });
  expect(JSON.parse(run('count', '--input', 'bad.txt', '--json', '--malformed', 'count').stdout)).toMatchObject({ particles: 1, malformed: 1 });
});

test('a result that nobody reads ends with 141 and without a word, and the picture is drawn all the same', () => {
  expect(run('generate', '--count', '1000', '--output', 'unread.txt').status).toBe(0);
  const line = `exec 3> >(exit 0); wait $!; ${process.execPath} main.js count --input unread.txt --svg unread.svg >&3`;
  const { status, stderr } = spawnSync('bash', ['-c', line], { cwd: folder, encoding: 'utf8', env: { ...process.env, NODE_PATH: join(repository, 'node_modules') } });
  expect([status, stderr]).toEqual([141, '']);
  expect(readFileSync(join(folder, 'unread.svg'), 'utf8')).toContain('1,000 particles');
});

test.each<[claim: string, words: string[], stderr: string]>([
  ['a missing command', [], 'Name a command: generate, run or count; see allot-particles --help'],
  ['a mistyped command', ['cuont', '--input', 'p.txt'], 'Did you mean count?; see allot-particles --help'],
  ['an unknown flag', ['count', '--input', 'p.txt', '--jsn'], 'Unknown argument: jsn; see allot-particles --help'],
  ['an unknown policy', ['count', '--input', 'p.txt', '--malformed', 'x'], 'Invalid values: Argument: malformed, Given: "x", Choices: "stop", "count"; see allot-particles --help'],
  ['a missing file', ['count', '--input', 'none.txt'], 'Cannot read "none.txt" as there is no such file or folder'],
  ['a folder', ['count', '--input', '.'], 'Cannot read "." as it is a folder'],
  ['a picture in a folder that is not there', ['count', '--input', 'main.js', '--svg', 'none/p.svg'], 'Cannot write "none/p.svg" as there is no such file or folder'],
  ['a picture in the place of a folder', ['run', '--input', 'none.txt', '--svg', '.'], 'Cannot write "." as it is a folder'],
  ['a count that is no number', ['generate', '--count', 'many', '--output', 'q.txt'], 'Cannot generate as --count must be one whole number from 0 to 1000000000000: current value is NaN'],
  ['a negative seed', ['generate', '--count', '1', '--seed', '-1', '--output', 'q.txt'], 'Cannot generate as --seed must be one whole number from 0 to 9007199254740991: current value is -1'],
  ['a run without its input', ['run', '--master', 'localhost:1', '--input', 'none.txt'], 'Cannot read "none.txt" as there is no such file or folder'],
  ['a chunk size that is none', ['run', '--input', 'none.txt', '--chunk-size', '4 tons'], 'Cannot run as --chunk-size must be a size from 1kb to 1gb: current value is "4 tons"'],
  ['a data address without a port', ['run', '--input', 'none.txt', '--data-address', 'here'], 'Cannot run as --data-address must be host:port: current value is "here"'],
  ['a folder that is not there', ['generate', '--count', '1', '--output', 'none/q.txt'], 'Cannot write "none/q.txt" as there is no such file or folder'],
])('%s ends with one line and status 1, and writes nothing', (_claim, words, stderr) => {
  const before = readdirSync(folder);
  expect(run(...words)).toEqual({ status: 1, stdout: '', stderr: `allot-particles: ${stderr}\n` });
  expect(readdirSync(folder)).toEqual(before);
});

test.each([['--help'], ['count', '--help'], ['run', '--help'], ['generate', '--help']])('%s %s explains itself and shows an example', (...words) => {
  const { status, stdout } = run(...words.filter((word) => word !== undefined));
  expect(status).toBe(0);
  expect(stdout).toContain('allot-particles');
  if (words.length > 1) expect(stdout).toContain('Examples:');
});
