// Proves N1 to N3 of the options: which source wins, what is refused and in which words, what `--help` and the reference show. Through yargs
// itself, as the command line uses it.

import fc from 'fast-check';
import yargs from 'yargs';

import { describeError } from '../../common/errors';
import { parseMasterLocation, type MasterLocation } from '../../common/master-location';
import { addOptions, environmentNameOf, optionsMarkdown, optionTable, resolveOptions, type ConfigOf, type OptionSources } from '../../common/options';
import { describeRefusal } from '../../common/refusal';

const table = optionTable('agent', {
  master: { type: 'string', required: true, parse: parseMasterLocation, description: 'Where to find the master', group: 'Cluster', example: 'pi4.local:5050' },
  'work-dir': { type: 'string', default: '/var/lib/allot', description: 'Directory of sandboxes and checkpoints', group: 'Files', alias: 'd' },
  'public-name': { type: 'string', optional: true, description: 'Name shown to people', group: 'Cluster' },
  port: { type: 'int', default: 5051, min: 0, max: 65_535, description: 'Port of the status server', group: 'Cluster' },
  share: { type: 'number', default: 0.5, min: 0, max: 1, unit: 'cores', description: 'Part of the machine', group: 'Limits' },
  strict: { type: 'boolean', default: false, description: 'Refuses what is odd', group: 'Limits' },
  'shutdown-grace': { type: 'duration', default: '5s', min: '1s', max: '15s', description: 'Between asking and killing', group: 'Limits' },
  'log-size-max': { type: 'size', default: '64mb', description: 'Size of a log | before it is cut', group: 'Files' },
  roles: { type: 'list', default: ['*'], description: 'Roles served', group: 'Cluster' },
  isolation: { type: 'choice', choices: ['posix', 'cgroups'], default: 'posix', description: 'How tasks are kept apart', group: 'Limits' },
  token: { type: 'string', optional: true, secret: true, parse: (text, field) => ({ ok: false, refusal: { field, value: text, expected: 'another token' } }), description: 'Secret', group: 'Cluster' },
});
type AgentConfig = ConfigOf<typeof table>;

// Compiles only while the inferred type is exactly this.
const typed: {
  readonly master: MasterLocation;
  readonly workDir: string;
  readonly publicName: string | undefined;
  readonly port: number;
  readonly share: number;
  readonly strict: boolean;
  readonly shutdownGraceMs: number;
  readonly logSizeMaxBytes: number;
  readonly roles: readonly string[];
  readonly isolation: 'posix' | 'cgroups';
} = {} as AgentConfig;
const strictlyTyped: AgentConfig['isolation'] extends 'posix' | 'cgroups' ? true : false = true;

function sources(given: Partial<OptionSources> & { readonly file?: unknown }): OptionSources {
  return {
    argv: { ...given.argv, ...(given.file === undefined ? {} : { config: '/c.json' }) },
    environment: given.environment ?? {},
    readFile: given.readFile ?? (() => JSON.stringify(given.file)),
  };
}

function resolved(given: Partial<OptionSources> & { readonly file?: unknown }): AgentConfig {
  const checked = resolveOptions(table, sources({ ...given, argv: { master: 'a:1', ...given.argv } }));
  if (!checked.ok) throw new Error(describeRefusal(checked.refusal));
  return checked.value;
}

function refusalOf(given: Partial<OptionSources> & { readonly file?: unknown }): string {
  const checked = resolveOptions(table, sources(given));
  return checked.ok ? 'accepted' : describeRefusal(checked.refusal);
}

test('a config has every property of the table, named with its unit, typed by the table, and frozen (N2)', () => {
  const config = resolved({});
  expect(config).toEqual({
    master: { kind: 'static', addresses: ['a:1'] },
    workDir: '/var/lib/allot',
    publicName: undefined,
    port: 5051,
    share: 0.5,
    strict: false,
    shutdownGraceMs: 5_000,
    logSizeMaxBytes: 64 * 1024 * 1024,
    roles: ['*'],
    isolation: 'posix',
    token: undefined,
  });
  expect(Object.keys(config)).toContain('publicName');
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(config.roles)).toBe(true);
  expect([typed, strictlyTyped]).toHaveLength(2);
});

test('flag wins over variable over file over default, for every combination that is given (N1)', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), fc.boolean(), (flag, variable, file) => {
      const config = resolved({
        argv: flag ? { port: '1' } : {},
        environment: variable ? { ALLOT_AGENT_PORT: '2' } : {},
        file: file ? { port: 3 } : {},
      });
      expect(config.port).toBe(flag ? 1 : variable ? 2 : file ? 3 : 5051);
    }),
  );
});

test('a wrong value is refused even where a later source has a right one', () => {
  expect(refusalOf({ argv: { master: 'a:1', port: 'x' }, environment: { ALLOT_AGENT_PORT: '2' } })).toBe(
    '--port: current value is "x", expected a whole number, from 0 to 65535',
  );
});

test('a variable set to nothing counts as not set', () => {
  expect(resolved({ environment: { ALLOT_AGENT_PORT: '' } }).port).toBe(5051);
});

test('items that are whole keep their commas and spaces: one each time the flag is given', () => {
  const whole = optionTable('run', { env: { type: 'list', isWhole: true, default: [], description: 'A variable', group: 'Task' } });
  expect(resolveOptions(whole, { argv: { env: ['A=1,2', 'B= x '] }, environment: {} })).toEqual({ ok: true, value: { env: ['A=1,2', 'B= x '] } });
  expect(resolveOptions(whole, { argv: {}, environment: { ALLOT_RUN_ENV: 'A=1,2' } })).toEqual({ ok: true, value: { env: ['A=1,2'] } });
  expect(resolveOptions(whole, { argv: { env: '' }, environment: {} })).toMatchObject({ ok: false, refusal: { expected: 'an item that is not empty' } });
});

test('the config file may be named by a variable', () => {
  const readFile = (path: string): string => JSON.stringify({ master: 'f:1', 'public-name': path });
  const checked = resolveOptions(table, { argv: {}, environment: { ALLOT_AGENT_CONFIG: '/from/variable.json' }, readFile });
  expect(checked).toMatchObject({ ok: true, value: { publicName: '/from/variable.json', master: { addresses: ['f:1'] } } });
});

test.each<[claim: string, given: Parameters<typeof resolved>[0], config: Partial<AgentConfig>]>([
  ['a whole number may be a number in a file', { file: { port: 80 } }, { port: 80 }],
  ['a fraction may be written with an exponent', { argv: { share: '5e-1' } }, { share: 0.5 }],
  ['a switch may be said in words', { environment: { ALLOT_AGENT_STRICT: 'yes' } }, { strict: true }],
  ['a switch may be a boolean in a file', { file: { strict: true } }, { strict: true }],
  ['a duration has units', { argv: { 'shutdown-grace': '1500ms' } }, { shutdownGraceMs: 1_500 }],
  ['a size has units', { file: { 'log-size-max': '2gb' } }, { logSizeMaxBytes: 2 ** 31 }],
  ['a list is cut at commas', { environment: { ALLOT_AGENT_ROLES: 'web, batch' } }, { roles: ['web', 'batch'] }],
  ['a repeated flag adds to a list', { argv: { roles: ['web', 'batch,dev'] } }, { roles: ['web', 'batch', 'dev'] }],
  ['a list may be an array in a file', { file: { roles: ['a', 'b'] } }, { roles: ['a', 'b'] }],
])('%s', (_claim, given, config) => {
  expect(resolved(given)).toMatchObject(config);
});

test.each<[claim: string, given: Parameters<typeof refusalOf>[0], line: string]>([
  [
    'a missing required option names all its sources',
    {},
    '--master: current value is nothing, expected a text that is not empty, such as pi4.local:5050; give the flag, the variable ALLOT_AGENT_MASTER or the key "master" in a config file',
  ],
  ['a wrong variable is named', { argv: { master: 'a:1' }, environment: { ALLOT_AGENT_PORT: '70000' } }, 'ALLOT_AGENT_PORT: current value is "70000", expected a whole number, from 0 to 65535'],
  ['a wrong key of a file is named with the file', { argv: { master: 'a:1' }, file: { port: true } }, '"port" in /c.json: current value is true, expected a whole number, from 0 to 65535'],
  ['a fraction is no whole number', { argv: { master: 'a:1', port: '1.5' } }, '--port: current value is "1.5", expected a whole number, from 0 to 65535'],
  ['hexadecimal is not read', { argv: { master: 'a:1', port: '0x10' } }, '--port: current value is "0x10", expected a whole number, from 0 to 65535'],
  ['a unit of numbers is told', { argv: { master: 'a:1', share: '2' } }, '--share: current value is "2", expected a number of cores, from 0 to 1'],
  ['a duration without a unit', { argv: { master: 'a:1', 'shutdown-grace': '5' } }, '--shutdown-grace: current value is "5", expected a duration in whole milliseconds such as "250ms", "5s", "15m", "1h", "1d" or "1w"'],
  ['a duration out of range', { argv: { master: 'a:1', 'shutdown-grace': '1m' } }, '--shutdown-grace: current value is "1m", expected a duration such as 250ms, 5s, 15m or 1h, from 1s to 15s'],
  ['a duration as a bare number in a file', { argv: { master: 'a:1' }, file: { 'shutdown-grace': 5 } }, '"shutdown-grace" in /c.json: current value is 5, expected a duration such as 250ms, 5s, 15m or 1h, from 1s to 15s'],
  ['a choice near a right one', { argv: { master: 'a:1', isolation: 'cgroup' } }, '--isolation: current value is "cgroup", expected one of posix, cgroups (did you mean "cgroups"?)'],
  ['a flag given twice', { argv: { master: ['a:1', 'b:2'] } }, '--master: current value is ["a:1","b:2"], expected a text that is not empty, given once'],
  ['an empty item', { argv: { master: 'a:1', roles: 'a,,b' } }, '--roles: current value is "a,,b", expected items separated by commas, none of them empty'],
  ['what a further reader refuses', { argv: { master: 'zk://a' } }, '--master: current value is "zk://a", expected host:port, host:port,host:port or etcd://host:port,host:port/prefix; the only scheme is etcd://'],
  ['a secret is not shown', { argv: { master: 'a:1', token: 'hush' } }, '--token: current value is (hidden), expected another token'],
  ['an unknown key of a file', { argv: { master: 'a:1' }, file: { 'work-dri': '/x' } }, '/c.json: current value is "work-dri", expected the name of an option of allot agent (did you mean "work-dir"?)'],
  ['a file that is no object', { argv: { master: 'a:1' }, file: [1] }, '--config: current value is "/c.json", expected a JSON file with an object, option names as keys'],
])('%s', (_claim, given, line) => {
  expect(refusalOf(given)).toBe(line);
});

test.each<[claim: string, readFile: () => string, reason: RegExp]>([
  ['a file that is not there', () => { throw new Error("ENOENT: no such file or directory, open '/c.json'"); }, /^--config: .* expected a readable JSON file; ENOENT/],
  ['a file that is not JSON', () => '{"port":', /^--config: .* expected a readable JSON file; .*JSON/],
])('%s is refused with the reason', (_claim, readFile, reason) => {
  expect(refusalOf({ argv: { master: 'a:1', config: '/c.json' }, readFile })).toMatch(reason);
});

describe('on the command line', () => {
  async function parse(...args: string[]): Promise<AgentConfig> {
    let argv: Record<string, unknown> | undefined;
    await yargs(args)
      .locale('en')
      .exitProcess(false)
      .command(
        'agent',
        'Runs an agent',
        (builder) => addOptions(builder, table, { args }),
        (parsed) => {
          argv = parsed;
        },
      )
      .fail((message: string, error: Error | undefined) => {
        throw error ?? new Error(message);
      })
      .parseAsync();
    const checked = resolveOptions(table, { argv: argv ?? {}, environment: {} });
    if (!checked.ok) throw new Error(describeRefusal(checked.refusal));
    return checked.value;
  }

  test('flags reach the config, in all their forms', async () => {
    expect(await parse('agent', '--master', 'a:1', '-d', '/w', '--strict', '--port=0', '--roles', 'a', '--roles', 'b', '--shutdown-grace=2s')).toMatchObject({
      workDir: '/w',
      strict: true,
      port: 0,
      roles: ['a', 'b'],
      shutdownGraceMs: 2_000,
    });
    expect(await parse('agent', '--master=a:1', '--no-strict', '--public-name=0123')).toMatchObject({ strict: false, publicName: '0123' });
    expect(await parse('agent', '--master=a:1', '--strict=true')).toMatchObject({ strict: true });
  });

  test.each<[claim: string, args: string[], line: RegExp]>([
    ['an unknown flag is refused with the nearest known one', ['--mastr', 'a:1'], /^--mastr: .*expected a flag of allot agent \(did you mean "--master"\?\)/],
    ['an unknown letter is refused', ['--master', 'a:1', '-x'], /^-x: .*expected a flag of allot agent/],
    ['a word too many is refused', ['--master', 'a:1', 'extra'], /extra/],
    ['words behind -- are refused where none are taken', ['--master', 'a:1', '--', 'extra'], /^--: .*takes no arguments after --/],
    ['a flag without its value is refused', ['--master'], /master/],
    ['a switch with another value is refused, though yargs would take it for false', ['--master', 'a:1', '--strict=maybe'], /^--strict: current value is "maybe", expected true or false/],
    ['a flag that takes a value cannot be negated', ['--no-master'], /^--master: current value is false/],
    ['a flag given twice is refused', ['--master', 'a:1', '--port', '1', '--port', '2'], /^--port: .*given once/],
  ])('%s', async (_claim, args, line) => {
    await expect(parse('agent', ...args).catch((error: unknown) => Promise.reject(new Error(describeError(error))))).rejects.toThrow(line);
  });

  test('help shows groups, defaults, units, variables and examples', async () => {
    const help = await addOptions(yargs(['--help']).exitProcess(false), table, { args: [] }).wrap(null).getHelp();
    expect(help).toMatch(/Cluster:\n/);
    expect(help).toMatch(/Limits:\n/);
    expect(help).toMatch(/--master +Where to find the master, e\.g\. pi4\.local:5050 \(required; env ALLOT_AGENT_MASTER\)/);
    expect(help).toMatch(/--shutdown-grace +Between asking and killing \(duration, from 1s to 15s; env ALLOT_AGENT_SHUTDOWN_GRACE\).*\[default: 5s\]/);
    expect(help).toMatch(/--share +Part of the machine \(cores, from 0 to 1; /);
    expect(help).toMatch(/--isolation .*posix \| cgroups/);
    expect(help).toMatch(/-d, --work-dir/);
    expect(help).toMatch(/--config/);
  });
});

test('the reference has every option once, under its group, with bars escaped', () => {
  const markdown = optionsMarkdown(table);
  for (const name of [...Object.keys(table.specs), 'config']) expect(markdown.split(`\`--${name}\``)).toHaveLength(2);
  expect(markdown.match(/^### .*/gm)).toEqual(['### Cluster', '### Files', '### Limits', '### General']);
  expect(markdown).toContain('| `--work-dir`, `-d` | `ALLOT_AGENT_WORK_DIR` | `/var/lib/allot` |  | Directory of sandboxes and checkpoints. |');
  expect(markdown).toContain('Size of a log \\| before it is cut.');
  expect(markdown).toContain('| `--master` | `ALLOT_AGENT_MASTER` | required |  | Where to find the master. Example: `pi4.local:5050`. |');
});

test('a variable is named after the command and the option', () => {
  expect(environmentNameOf(table, 'shutdown-grace')).toBe('ALLOT_AGENT_SHUTDOWN_GRACE');
  expect(environmentNameOf({ command: 'local up', specs: {} }, 'x')).toBe('ALLOT_LOCAL_UP_X');
});

const text = { description: 'x', group: 'G' };
test.each<[claim: string, make: () => unknown]>([
  ['a default that its own type refuses', () => optionTable('x', { port: { ...text, type: 'int', default: 7, max: 5 } })],
  ['a duration that is no duration', () => optionTable('x', { wait: { ...text, type: 'duration', default: 'soon' } })],
  ['a name in another case', () => optionTable('x', { workDir: { ...text, type: 'string', default: 'a' } })],
  ['a name that yargs takes for a negation', () => optionTable('x', { 'no-color': { ...text, type: 'boolean', default: false } })],
  ['an example that would be refused', () => optionTable('x', { n: { ...text, type: 'int', default: 1, example: 'many' } })],
])('a table with %s is a bug, found at start', (_claim, make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'BUG' }));
});
