// Proves L1 and L2 of the command line: the right command with the right words, or one line that says what was wrong.

import { runCommandLine } from '../../cli/command-line';
import { defineCommand, type Command, type CommandArguments } from '../../cli/command';
import { commands } from '../../cli/commands';
import { optionTable } from '../../common/options';
import { version } from '../../common/version';
import { capturedContext, FakeMasters } from './fake-masters';

interface Ran {
  readonly config: unknown;
  readonly args: CommandArguments;
}

let ran: Ran[] = [];
beforeEach(() => (ran = []));

const greet: Command = defineCommand({
  table: optionTable('greet', {
    loud: { type: 'boolean', default: false, group: 'Voice', alias: 'l', description: 'Shout' },
    times: { type: 'int', default: 1, min: 1, group: 'Voice', description: 'How often' },
  }),
  summary: 'Greet somebody',
  positionals: [
    { name: 'whom', description: 'the name of somebody' },
    { name: 'where', description: 'a place', default: 'here' },
  ],
  rest: 'WORDS...',
  examples: [['allot greet Ada -- good morning', 'politely']],
  run: async (config, args) => {
    ran.push({ config, args });
    return 7;
  },
});

async function run(...words: string[]): Promise<{ readonly status: number; readonly printed: string; readonly remarked: string }> {
  const context = capturedContext(new FakeMasters({}), { variables: { ALLOT_GREET_TIMES: '3' } });
  const status = await runCommandLine(words, context, { commands: [...commands, greet] });
  return { status, printed: context.printed(), remarked: context.remarked() };
}

test('flags, arguments and what follows the double dash reach the command, and its status comes back', async () => {
  expect((await run('greet', '--loud', 'Ada', '--', 'good', '--morning')).status).toBe(7);
  expect(ran).toEqual([{ config: { loud: true, times: 3 }, args: { positionals: ['Ada', 'here'], rest: ['good', '--morning'] } }]);
});

test('words that look like numbers stay words', async () => {
  await run('greet', '007', '1e3', '-l', '--times', '2');
  expect(ran).toEqual([{ config: { loud: true, times: 2 }, args: { positionals: ['007', '1e3'], rest: [] } }]);
});

test.each<[claim: string, words: readonly string[], message: string | RegExp]>([
  ['a mistyped command is told the nearest', ['tsks'], /^command: current value is "tsks", expected one of .* \(did you mean "tasks"\?\)$/],
  ['a flag before the command is told its place', ['--json', 'tasks'], 'allot: current value is "--json", expected a command before all flags, as in "allot tasks --json"; see allot --help'],
  ['a mistyped flag is told the nearest', ['greet', 'Ada', '--luod'], '--luod: current value is true, expected a flag of allot greet (did you mean "--loud"?)'],
  ['a missing argument is named', ['greet'], '<whom>: current value is nothing, expected the name of somebody; see allot greet --help'],
  ['an argument too many is named', ['greet', 'a', 'b', 'c'], /^argument: current value is "c", expected no more than 2/],
  ['a wrong value is refused with the flag', ['greet', 'Ada', '--times', '0'], '--times: current value is "0", expected a whole number, at least 1'],
  ['a flag that lacks its value is said so', ['greet', 'Ada', '--times'], /^Cannot read the command line: Not enough arguments following: times$/],
  ['words after the double dash are refused where none are wanted', ['agents', '--', 'x'], /^--: current value is \["x"\], expected nothing/],
  ['a command to run without the double dash is told of it', ['run', 'hostname'], /^argument: current value is "hostname", expected none; what is to run comes after "--"/],
])('%s', async (_claim, words, message) => {
  await expect(run(...words)).rejects.toThrow(message);
  expect(ran).toEqual([]);
});

test('help lists every command with its summary, and is no failure when it was asked for', async () => {
  const asked = await run('--help');
  expect(asked.status).toBe(0);
  for (const { name, summary } of commands) expect(asked.printed).toContain(`${name.padEnd(10)}  ${summary}`);
  const unasked = await run();
  expect([unasked.status, unasked.printed, unasked.remarked]).toEqual([1, '', asked.printed]);
});

test.each(commands.map(({ name }) => name))('allot %s --help says how to use it, with an example, and runs nothing', async (name) => {
  const lines: string[] = [];
  const log = jest.spyOn(console, 'log').mockImplementation((text: string) => void lines.push(text));
  try {
    expect((await run(name, '--help')).status).toBe(0);
    const help = lines.join('\n');
    expect(help).toContain(`Usage: allot ${name}`);
    expect(help).toMatch(/Examples:\n\s+allot /);
  } finally {
    log.mockRestore();
  }
});

test('the version is that of the package', async () => {
  expect((await run('--version')).printed).toBe(`${version}\n`);
});
