// Tidiness: what a machine can judge fairly about the tree, so that reviews talk about ideas.
//
// Checks:    import arrows (ARCHITECTURE.md, "Layout"), purity of the deciding cores, the one place that touches time and chance, module headers,
//            file names, leftovers. How: the sources are read as text; a rule names the file and what was expected.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';

const root = join(__dirname, '..');
const sourceFolders = ['common', 'proto', 'allocator', 'master', 'agent', 'frameworks', 'cli'];

function typescriptFilesBelow(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith('proto/generated/'));
}

const sources = sourceFolders.flatMap(typescriptFilesBelow);
const tests = typescriptFilesBelow('test');
const textOf = new Map([...sources, ...tests].map((path) => [path, readFileSync(join(root, path), 'utf8')]));
const read = (path: string): string => textOf.get(path) ?? '';

/** The text without comments, so that a rule judges code and not prose. Strings stay; a `//` inside one is rare and harmless here. */
const codeOf = (path: string): string => read(path).replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');

interface Import {
  /** `common/ports`, `node:fs`, `yargs`. */
  readonly target: string;
  readonly isLocal: boolean;
}

function importsOf(path: string): readonly Import[] {
  const found: Import[] = [];
  for (const match of read(path).matchAll(/(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|import\('([^']+)'\)|require\('([^']+)'\)/g)) {
    const name = match[1] ?? match[2] ?? match[3] ?? '';
    const isLocal = name.startsWith('.');
    found.push({ target: isLocal ? posix.normalize(posix.join(dirname(path), name)) : name, isLocal });
  }
  return found;
}

/** Who may import from whom; the longest matching place counts. A place may always import from itself. */
const arrows: readonly { readonly place: string; readonly may: readonly string[] }[] = [
  { place: 'common/model/', may: ['common/refusal', 'common/invariant'] },
  { place: 'common/', may: ['common/'] },
  { place: 'proto/', may: ['common/'] },
  { place: 'allocator/', may: ['common/'] },
  { place: 'master/core/', may: ['common/', 'allocator/'] },
  { place: 'master/', may: ['common/', 'proto/', 'allocator/'] },
  { place: 'agent/core/', may: ['common/'] },
  { place: 'agent/', may: ['common/', 'proto/'] },
  { place: 'frameworks/sdk/', may: ['common/', 'proto/'] },
  { place: 'frameworks/sdk/testing/', may: ['common/', 'proto/', 'allocator/', 'master/', 'agent/', 'frameworks/sdk/'] },
  { place: 'frameworks/particles/', may: ['frameworks/sdk/index', 'frameworks/sdk'] },
  { place: 'cli/', may: ['common/', 'proto/', 'master/', 'agent/', 'frameworks/sdk/'] },
];

const arrowOf = (path: string) =>
  arrows.filter(({ place }) => path.startsWith(place)).reduce((longest, arrow) => (arrow.place.length > longest.place.length ? arrow : longest));

test('imports follow the arrows of the architecture', () => {
  const wrong: string[] = [];
  for (const path of sources) {
    const { place, may } = arrowOf(path);
    for (const { target, isLocal } of importsOf(path)) {
      const isAllowed = target.startsWith(place) || may.some((allowed) => (allowed.endsWith('/') ? target.startsWith(allowed) : target === allowed));
      if (isLocal && !isAllowed) wrong.push(`${path} imports ${target}, expected one of ${[place, ...may].join(', ')}`);
    }
  }
  expect(wrong).toEqual([]);
});

const purePlaces = ['common/model/', 'allocator/', 'master/core/', 'agent/core/'];
/** What the pure places may use of common/ beside the model. */
const pureCommon = ['common/model/', 'common/invariant', 'common/refusal', 'common/ports', 'common/deadlines', 'common/place-heap', 'common/units'];

test('deciding code imports no package and no node module, and holds no promise', () => {
  const wrong: string[] = [];
  for (const path of sources.filter((candidate) => purePlaces.some((place) => candidate.startsWith(place)))) {
    for (const { target, isLocal } of importsOf(path)) {
      if (!isLocal) wrong.push(`${path} imports ${target}`);
      else if (target.startsWith('common/') && !pureCommon.some((allowed) => target === allowed || (allowed.endsWith('/') && target.startsWith(allowed)))) wrong.push(`${path} imports ${target}`);
    }
    const impure = /\b(async|await|Promise|process\.|Buffer)\b/.exec(codeOf(path));
    if (impure) wrong.push(`${path} uses ${impure[0]}`);
  }
  expect(wrong).toEqual([]);
});

test('only the environment touches time and chance', () => {
  const wrong: string[] = [];
  for (const path of sources.filter((candidate) => candidate !== 'common/environment.ts')) {
    const touched = /\b(Date\.now|new Date|Date\(|performance\.now|process\.hrtime|Math\.random|randomUUID|randomBytes|set(?:Timeout|Interval)\()/.exec(codeOf(path));
    if (touched) wrong.push(`${path} uses ${touched[0]}`);
  }
  expect(wrong).toEqual([]);
});

test('every source file says what it owns before its code', () => {
  const wrong = sources.filter((path) => {
    const head = read(path).replace(/^#!.*\n/, '').split('\n').slice(0, 12).join('\n');
    return !/^\/\/ \S/.test(head) || !/^\/\/ Owns: /m.test(head);
  });
  expect(wrong).toEqual([]);
});

test('every test file says what it proves', () => {
  expect(tests.filter((path) => !/^\/\/ \S/.test(read(path)))).toEqual([]);
});

test('files bear the name of one thing', () => {
  const named = (path: string): string => path.split('/').at(-1) ?? '';
  const indexes = ['frameworks/sdk/index.ts', 'frameworks/sdk/testing/index.ts'];
  const wrong = [...sources, ...tests].filter(
    (path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(named(path)) || /^(utils?|helpers?|misc|types)\.ts$/.test(named(path)) || (named(path) === 'index.ts' && !indexes.includes(path)),
  );
  expect(wrong).toEqual([]);
});

test('no enum, no leftover mark, no test narrowed or skipped', () => {
  const wrong: string[] = [];
  const marks = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`);
  for (const path of [...sources, ...tests]) {
    if (/^\s*(export )?(const )?enum /m.test(codeOf(path))) wrong.push(`${path} declares an enum`);
    if (marks.test(read(path))) wrong.push(`${path} has a leftover mark`);
    if (path !== 'test/tidy.test.ts' && /\b(describe|it|test)\.(only|skip)\b/.test(codeOf(path))) wrong.push(`${path} narrows or skips tests`);
  }
  expect(wrong).toEqual([]);
});

test('nothing logs from deciding code, and nobody but the commands writes to the terminal', () => {
  const mayPrint = ['cli/', 'frameworks/particles/', 'common/process.ts', 'common/logging.ts'];
  const wrong = sources.filter((path) => !mayPrint.some((place) => path.startsWith(place)) && /\bconsole\.|process\.std(out|err)\.write/.test(codeOf(path)));
  expect(wrong).toEqual([]);
});
