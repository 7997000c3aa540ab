// Options: what a binary can be told, from one table per binary.
//
// Owns:      the table's shape and the config type inferred from it; precedence; refusals; the yargs declaration; the markdown reference.
// Elsewhere: the tables (each binary's options.ts), grammars of durations and sizes (units.ts), commands and positionals (cli/).
// Invariants:
//   N1. Flag over environment variable over config file over default; the first that is given counts, and is refused if it is wrong, even
//       where a later one would do.
//   N2. A resolved config is frozen and has every property of the table; only options marked `optional` may be undefined.
//   N3. Nothing unknown passes: an unknown flag or file key is refused with the nearest known name. Unknown variables pass, for the
//       environment belongs to everybody.
// Source: our choice. Mesos flags have the same three sources without the file's names.

import { readFileSync } from 'node:fs';

import type { Argv, Options as YargsOptions } from 'yargs';

import { AllotError, describeError } from './errors';
import { assertNever, invariant } from './invariant';
import { accepted, refused, type Checked, type Refusal } from './refusal';
import { suggestionClause } from './suggestion';
import { parseDuration, parseSize } from './units';

interface OptionText {
  /** One sentence without its period: what the option does, and which symptom asks for more or less where it is a tunable. */
  readonly description: string;
  /** Heading in `--help` and in the reference. */
  readonly group: string;
  /** A value worth copying: `cpus:4;mem:2048`. */
  readonly example?: string;
  /** One letter. */
  readonly alias?: string;
  /** Never printed: not in a refusal either. */
  readonly secret?: true;
}

/** Exactly one of three: needed, given if nothing else is, or absent. Defaults of durations and sizes are written as people write them. */
type Presence<Default> = { readonly required: true } | { readonly default: Default } | { readonly optional: true };

export type OptionSpec = OptionText &
  (
    | ({ readonly type: 'string'; /** Reads the text further; the config has what it gives. */ readonly parse?: (text: string, field: string) => Checked<unknown> } & Presence<string>)
    | ({ readonly type: 'int' | 'number'; /** Bounds, inclusive. */ readonly min?: number; readonly max?: number; /** For people: `tasks`. */ readonly unit?: string } & Presence<number>)
    | ({ readonly type: 'boolean' } & Presence<boolean>)
    | ({ readonly type: 'duration' | 'size'; /** Bounds, inclusive, as text. */ readonly min?: string; readonly max?: string } & Presence<string>)
    | ({ readonly type: 'list'; /** Reads each item further. */ readonly parse?: (text: string, field: string) => Checked<unknown>; /** One item each time it is given, commas and all. */ readonly isWhole?: true } & Presence<readonly string[]>)
    | ({ readonly type: 'choice'; readonly choices: readonly string[] } & Presence<string>)
  );

/** Options by flag name in kebab-case, without dashes. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface OptionTable<Specs extends OptionSpecs = OptionSpecs> {
  /** The command's name: part of the variables' names. `agent`: `ALLOT_AGENT_…`. */
  readonly command: string;
  readonly specs: Specs;
}

type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : Name;
type UnitSuffix<Spec> = Spec extends { readonly type: 'duration' } ? 'Ms' : Spec extends { readonly type: 'size' } ? 'Bytes' : '';
type ParsedOf<Spec> = Spec extends { readonly parse: (text: string, field: string) => Checked<infer Parsed> } ? Parsed : string;
type ValueOf<Spec> = Spec extends { readonly type: 'int' | 'number' | 'duration' | 'size' }
  ? number
  : Spec extends { readonly type: 'boolean' }
    ? boolean
    : Spec extends { readonly type: 'choice'; readonly choices: readonly (infer Choice)[] }
      ? Choice
      : Spec extends { readonly type: 'list' }
        ? readonly ParsedOf<Spec>[]
        : ParsedOf<Spec>;

/** The config of a table: `offer-timeout` of type duration becomes `offerTimeoutMs: number`, `log-size-max` of type size `logSizeMaxBytes`. */
export type ConfigOf<Table extends OptionTable> = {
  readonly [Name in keyof Table['specs'] & string as `${CamelCase<Name>}${UnitSuffix<Table['specs'][Name]>}`]:
    | ValueOf<Table['specs'][Name]>
    | (Table['specs'][Name] extends { readonly optional: true } ? undefined : never);
};

/** Where values come from. */
export interface OptionSources {
  /** What yargs parsed. */
  readonly argv: Readonly<Record<string, unknown>>;
  /** `process.env`. A variable set to nothing counts as not set, for there is no other way to unset one in many tools. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads the config file; throws when it cannot. Default: the file system. */
  readonly readFile?: (path: string) => string;
}

/** Every table has it: the config file. */
const configSpec: OptionSpec = {
  type: 'string',
  optional: true,
  description: 'JSON file with options by name; flags and environment variables win over it',
  group: 'General',
  example: '/etc/allot/agent.json',
};
const configName = 'config';

/** Makes a table. A mistake in it, such as a default that its own type refuses, is a bug and throws at once. */
export function optionTable<const Specs extends OptionSpecs>(command: string, specs: Specs): OptionTable<Specs> {
  for (const [name, spec] of Object.entries<OptionSpec>(specs)) {
    invariant(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) && name !== configName && !name.startsWith('no-'), `Not an option name: ${name}`);
    invariant(Number('required' in spec) + Number('default' in spec) + Number('optional' in spec) === 1, `Option ${name} needs one of required, default, optional`);
    if ('default' in spec) {
      const checked = readValue(spec, spec.default, name);
      invariant(checked.ok, `The default of option ${name} breaks its own rule`);
    }
    if (spec.example !== undefined) invariant(readValue(spec, spec.example, name).ok, `The example of option ${name} breaks its own rule`);
  }
  return { command, specs };
}

/** `ALLOT_AGENT_OFFER_TIMEOUT` for option `offer-timeout` of command `agent`. */
export function environmentNameOf(table: OptionTable, name: string): string {
  return `ALLOT_${table.command}_${name}`.replace(/[^A-Za-z0-9]/g, '_').toUpperCase();
}

/** Reads all sources (N1) into a frozen config (N2), or refuses the first that is wrong. */
export function resolveOptions<Table extends OptionTable>(table: Table, sources: OptionSources): Checked<ConfigOf<Table>> {
  const file = readConfigFile(table, sources);
  if (!file.ok) return file;
  const config: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table.specs)) {
    const value = resolveOne(table, name, spec, sources, file.value);
    if (!value.ok) return value;
    config[propertyNameOf(name, spec)] = value.value;
  }
  // The loop made exactly the properties that the type derives from the same table.
  return accepted(Object.freeze(config) as ConfigOf<Table>);
}

interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

function resolveOne(table: OptionTable, name: string, spec: OptionSpec, sources: OptionSources, file: ConfigFile | undefined): Checked<unknown> {
  const flag = sources.argv[name];
  if (flag !== undefined) return readValue(spec, flag, `--${name}`);
  const variable = environmentNameOf(table, name);
  const text = sources.environment[variable];
  if (text !== undefined && text !== '') return readValue(spec, text, variable);
  if (file !== undefined && Object.hasOwn(file.values, name)) return readValue(spec, file.values[name], `"${name}" in ${file.path}`);
  if ('default' in spec) return readValue(spec, spec.default, `--${name}`);
  if ('optional' in spec) return accepted(undefined);
  const example = spec.example === undefined ? '' : `, such as ${spec.example}`;
  return refused(`--${name}`, undefined, `${expectedOf(spec)}${example}; give the flag, the variable ${variable} or the key "${name}" in a config file`);
}

function readConfigFile(table: OptionTable, sources: OptionSources): Checked<ConfigFile | undefined> {
  const path = resolveOne(table, configName, configSpec, sources, undefined);
  if (!path.ok) return path;
  if (typeof path.value !== 'string') return accepted(undefined);
  const field = sources.argv[configName] === undefined ? environmentNameOf(table, configName) : `--${configName}`;
  let values: unknown;
  try {
    values = JSON.parse((sources.readFile ?? readText)(path.value));
  } catch (error) {
    return refused(field, path.value, `a readable JSON file; ${describeError(error)}`);
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return refused(field, path.value, 'a JSON file with an object, option names as keys');
  const names = Object.keys(table.specs);
  for (const key of Object.keys(values)) {
    if (!names.includes(key)) return refused(path.value, key, `the name of an option of allot ${table.command}${suggestionClause(key, names)}`);
  }
  return accepted({ path: path.value, values: values as Readonly<Record<string, unknown>> });
}

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}

function propertyNameOf(name: string, spec: OptionSpec): string {
  const camelCase = name.replace(/-([a-z0-9])/g, (_dash, letter: string) => letter.toUpperCase());
  return `${camelCase}${spec.type === 'duration' ? 'Ms' : spec.type === 'size' ? 'Bytes' : ''}`;
}

/** Reads a value as it came: text from flags and variables, any JSON from a file. */
function readValue(spec: OptionSpec, raw: unknown, field: string): Checked<unknown> {
  const checked = Array.isArray(raw) && spec.type !== 'list' ? refused(field, raw, `${expectedOf(spec)}, given once`) : readTyped(spec, raw, field);
  if (checked.ok || spec.secret !== true) return checked;
  const hidden: Refusal = { ...checked.refusal, value: '(hidden)' };
  return { ok: false, refusal: hidden };
}

function readTyped(spec: OptionSpec, raw: unknown, field: string): Checked<unknown> {
  const refusal = refused(field, raw, expectedOf(spec));
  switch (spec.type) {
    case 'string':
      if (typeof raw !== 'string' || raw === '') return refusal;
      return spec.parse === undefined ? accepted(raw) : spec.parse(raw, field);
    case 'choice':
      if (typeof raw === 'string' && spec.choices.includes(raw)) return accepted(raw);
      return refused(field, raw, `${expectedOf(spec)}${typeof raw === 'string' ? suggestionClause(raw, spec.choices) : ''}`);
    case 'boolean':
      if (typeof raw === 'boolean') return accepted(raw);
      if (raw === 'true' || raw === 'yes' || raw === '1') return accepted(true);
      if (raw === 'false' || raw === 'no' || raw === '0') return accepted(false);
      return refusal;
    case 'int':
    case 'number': {
      const value = typeof raw === 'string' && /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(raw.trim()) ? Number(raw) : raw;
      if (typeof value !== 'number' || !Number.isFinite(value)) return refusal;
      if (spec.type === 'int' && !Number.isSafeInteger(value)) return refusal;
      return value < (spec.min ?? -Infinity) || value > (spec.max ?? Infinity) ? refusal : accepted(value);
    }
    case 'duration':
    case 'size': {
      const parse = spec.type === 'duration' ? parseDuration : parseSize;
      if (typeof raw !== 'string') return refusal;
      const value = parse(raw, field);
      if (!value.ok) return value;
      return isBelow(value.value, spec.min, parse) || isAbove(value.value, spec.max, parse) ? refusal : value;
    }
    case 'list':
      return readList(spec, raw, field, refusal);
    default:
      return assertNever(spec);
  }
}

type UnitParser = (text: string, field: string) => Checked<number>;

function boundOf(text: string, parse: UnitParser): number {
  const bound = parse(text, 'bound');
  invariant(bound.ok, `Not a bound: ${text}`);
  return bound.value;
}

function isBelow(value: number, min: string | undefined, parse: UnitParser): boolean {
  return min !== undefined && value < boundOf(min, parse);
}

function isAbove(value: number, max: string | undefined, parse: UnitParser): boolean {
  return max !== undefined && value > boundOf(max, parse);
}

/** Commas separate items, unless each is whole, and a repeated flag adds more. */
function readList({ parse, isWhole }: Extract<OptionSpec, { readonly type: 'list' }>, raw: unknown, field: string, refusal: Checked<never>): Checked<unknown> {
  const texts: readonly unknown[] = Array.isArray(raw) ? raw : [raw];
  const items: unknown[] = [];
  for (const text of texts) {
    if (typeof text !== 'string') return refusal;
    for (const part of isWhole === true ? [text] : text.split(',').map((item) => item.trim())) {
      if (part === '') return refusal;
      const item = parse === undefined ? accepted(part) : parse(part, field);
      if (!item.ok) return item;
      items.push(item.value);
    }
  }
  return accepted(Object.freeze(items));
}

function expectedOf(spec: OptionSpec): string {
  switch (spec.type) {
    case 'string':
      return 'a text that is not empty';
    case 'choice':
      return `one of ${spec.choices.join(', ')}`;
    case 'boolean':
      return 'true or false';
    case 'int':
    case 'number':
      return `a ${spec.type === 'int' ? 'whole ' : ''}number${spec.unit === undefined ? '' : ` of ${spec.unit}`}${rangeOf(spec)}`;
    case 'duration':
      return `a duration such as 250ms, 5s, 15m or 1h${rangeOf(spec)}`;
    case 'size':
      return `a size such as 64kb, 512mb or 2gb${rangeOf(spec)}`;
    case 'list':
      return spec.isWhole === true ? 'an item that is not empty' : 'items separated by commas, none of them empty';
    default:
      return assertNever(spec);
  }
}

function rangeOf({ min, max }: { readonly min?: number | string; readonly max?: number | string }): string {
  if (min !== undefined && max !== undefined) return `, from ${min} to ${max}`;
  if (min !== undefined) return `, at least ${min}`;
  return max === undefined ? '' : `, at most ${max}`;
}

export interface AddOptionsContext {
  /** The arguments as they were given to yargs: it turns `--dry-run=maybe` into `false` and forgets what was written. */
  readonly args: readonly string[];
  /** Positionals and other names that the command knows beside the table; `--` if it takes arguments after one. */
  readonly alsoKnown?: readonly string[];
}

/**
 * Declares the table on a yargs 17 command. Yargs only splits the line and prints the help: values stay text until {@link resolveOptions}.
 * What nobody knows is refused while yargs parses, as an AllotError INPUT_REFUSED that reaches the `fail` handler.
 */
export function addOptions<Args>(builder: Argv<Args>, table: OptionTable, context: AddOptionsContext): Argv<Args> {
  const specs: readonly (readonly [string, OptionSpec])[] = [...Object.entries(table.specs), [configName, configSpec]];
  const names = specs.map(([name]) => name);
  const aliases = specs.map(([, spec]) => spec.alias).filter((alias) => alias !== undefined);
  const known = new Set([...names, ...aliases, ...(context.alsoKnown ?? []), '_', '$0', 'help', 'version']);
  for (const [name, spec] of specs) builder.option(name, yargsOptionOf(table, name, spec));
  return builder
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'strip-aliased': true,
      'populate--': true,
    })
    .strictCommands()
    .check((argv) => {
      for (const key of Object.keys(argv)) {
        if (known.has(key)) continue;
        if (key === '--') throw refusalError(refused('--', argv[key], 'nothing, for this command takes no arguments after --'));
        const flag = key.length === 1 ? `-${key}` : `--${key}`;
        throw refusalError(refused(flag, argv[key], `a flag of allot ${table.command}${suggestionClause(key, names, (name) => `--${name}`)}`));
      }
      for (const argument of context.args) {
        if (argument === '--') break;
        const [, name, value] = /^--([a-z0-9-]+)=(.*)$/s.exec(argument) ?? [];
        const spec = name === undefined ? undefined : table.specs[name];
        if (spec?.type === 'boolean' && value !== 'true' && value !== 'false') throw refusalError(refused(`--${name}`, value, `true or false, or the flag alone, or --no-${name}`));
      }
      return true;
    }, false);
}

/** A refusal as a failure, for the paths that throw: one readable line and exit 1. */
export function refusalError(refusal: { readonly ok: false; readonly refusal: Refusal }): AllotError {
  return new AllotError({ code: 'INPUT_REFUSED', refusal: refusal.refusal });
}

function yargsOptionOf(table: OptionTable, name: string, spec: OptionSpec): YargsOptions {
  const example = spec.example === undefined ? '' : `, e.g. ${spec.example}`;
  const details = [remarkOf(spec), `env ${environmentNameOf(table, name)}`].filter((text) => text !== '').join('; ');
  const defaultText = defaultTextOf(spec);
  return {
    ...(spec.type === 'boolean' ? { type: 'boolean' } : { type: 'string', requiresArg: true }),
    ...(spec.alias === undefined ? {} : { alias: spec.alias }),
    group: `${spec.group}:`,
    describe: `${spec.description}${example} (${details})`,
    ...(defaultText === undefined ? {} : { defaultDescription: defaultText }),
  };
}

/** Unit, range and whether it is needed: what a person has to know beside the sentence. */
function remarkOf(spec: OptionSpec): string {
  const parts: string[] = [];
  if ('required' in spec) parts.push('required');
  if (spec.type === 'choice') parts.push(spec.choices.join(' | '));
  else if (spec.type === 'list') parts.push(spec.isWhole === true ? 'may be repeated' : 'comma-separated');
  else if (spec.type === 'int' || spec.type === 'number') parts.push(`${spec.unit ?? 'number'}${rangeOf(spec)}`);
  else if (spec.type === 'duration' || spec.type === 'size') parts.push(`${spec.type}${rangeOf(spec)}`);
  return parts.join('; ');
}

function defaultTextOf(spec: OptionSpec): string | undefined {
  if (!('default' in spec)) return undefined;
  return Array.isArray(spec.default) ? spec.default.join(',') : String(spec.default);
}

/** The reference of a table in markdown: one section per group in order of appearance, one row per option. */
export function optionsMarkdown(table: OptionTable): string {
  const specs: readonly (readonly [string, OptionSpec])[] = [...Object.entries(table.specs), [configName, configSpec]];
  const groups = [...new Set(specs.map(([, spec]) => spec.group))];
  return groups
    .map((group) => {
      const rows = specs
        .filter(([, spec]) => spec.group === group)
        .map(([name, spec]) => {
          const flag = `\`--${name}\`${spec.alias === undefined ? '' : `, \`-${spec.alias}\``}`;
          const defaultText = defaultTextOf(spec);
          const presence = 'required' in spec ? 'required' : defaultText === undefined || defaultText === '' ? '' : `\`${defaultText}\``;
          const remark = remarkOf(spec).replace(/^required(; )?/, '');
          const example = spec.example === undefined ? '' : ` Example: \`${spec.example}\`.`;
          return [flag, `\`${environmentNameOf(table, name)}\``, presence, remark, `${spec.description}.${example}`].map((cell) => cell.replace(/\|/g, '\\|')).join(' | ');
        });
      return [`### ${group}`, '', '| Flag | Variable | Default | Value | Meaning |', '| --- | --- | --- | --- | --- |', ...rows.map((row) => `| ${row} |`), ''].join('\n');
    })
    .join('\n');
}
