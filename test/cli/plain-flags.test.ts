// P1: what the fast path reads, the full parser reads the same way; what is not plain is left to it.

import fc from 'fast-check';
import yargs from 'yargs';

import { agentOptions } from '../../agent/agent-options';
import { readPlainFlags } from '../../cli/plain-flags';
import { addOptions } from '../../common/options';

test.each<[claim: string, args: readonly string[], flags: object]>([
  ['nothing at all is plain', [], {}],
  ['a value may follow, or be joined by an equals sign', ['--master', 'a:1', '--work-dir=/d'], { master: 'a:1', 'work-dir': '/d' }],
  ['a switch stands alone, and may be negated', ['--no-switch-user'], { 'switch-user': false }],
  ['a joined value may hold anything', ['--resources=cpus:1;x=--y'], { resources: 'cpus:1;x=--y' }],
  ['the config file is known to every table', ['--config', 'f'], { config: 'f' }],
])('%s', (_claim, args, flags) => {
  expect(readPlainFlags(agentOptions, args)).toEqual(flags);
});

test.each<[claim: string, args: readonly string[]]>([
  ['an unknown flag', ['--wrok-dir', 'd']],
  ['a short flag', ['-h']],
  ['the help', ['--help']],
  ['a word without a flag', ['x']],
  ['a flag given twice', ['--master', 'a:1', '--master', 'b:1']],
  ['a missing value', ['--master']],
  ['a flag where a value should be', ['--master', '--work-dir']],
  ['a switch with a value', ['--switch-user=true']],
  ['a negated flag that is no switch', ['--no-master']],
  ['a double dash', ['--', 'x']],
])('%s is left to the full parser', (_claim, args) => {
  expect(readPlainFlags(agentOptions, args)).toBeUndefined();
});

test('whatever it reads is what the full parser reads', async () => {
  const word = fc.oneof(
    fc.constantFrom('--master', '--work-dir', '--switch-user', '--no-switch-user', '--http-port', '--help', '--', '-v', '--master=', '--master=a:1', '--resources=a=b'),
    fc.constantFrom('a:1', '0', '', '1e3', 'true', '-1'),
  );
  let readCount = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 5 }), async (args) => {
      const plain = readPlainFlags(agentOptions, args);
      if (plain === undefined) return;
      readCount += 1;
      const parser = yargs([...args]).help(false).version(false).exitProcess(false).fail(false);
      const parsed: Readonly<Record<string, unknown>> = await addOptions(parser, agentOptions, { args }).parseAsync();
      const flags = Object.fromEntries(Object.entries(parsed).filter(([key, value]) => !['_', '$0'].includes(key) && value !== undefined));
      expect(plain).toEqual(flags);
    }),
    { numRuns: 300 },
  );
  expect(readCount).toBeGreaterThan(20);
});
