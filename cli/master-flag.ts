// Master flag: `--master` of the commands that ask the master.
//
// Owns:      its declaration, where it comes from when it is not given, opening a client from it.
// Elsewhere: asking (master-client.ts), the forms (common/master-location.ts).
// Source: our choice of ALLOT_MASTER, which the SDK reads too, so that one variable points everything at a cluster.

import { addressSourceOf } from '../common/address-source';
import { parseMasterLocation, type MasterLocation } from '../common/master-location';
import { refusalError, type OptionSpec } from '../common/options';
import type { CommandContext } from './command';
import { MasterClient } from './master-client';

const masterDefault = '127.0.0.1:5050';

export const masterFlag = {
  type: 'string',
  optional: true,
  parse: parseMasterLocation,
  group: 'Cluster',
  example: 'pi1.local:5050',
  description: 'Where the master is: host:port, several with commas, or etcd://host:port,host:port/prefix; by default the variable ALLOT_MASTER, or 127.0.0.1:5050',
} as const satisfies OptionSpec;

export const jsonFlag = {
  type: 'boolean',
  default: false,
  group: 'Output',
  description: 'Print JSON for programs instead of a table for people',
} as const satisfies OptionSpec;

/** What `--master`, ALLOT_MASTER or the default say. Throws AllotError INPUT_REFUSED for a variable that is no location. */
export function masterLocationOf(flag: MasterLocation | undefined, context: CommandContext): MasterLocation {
  if (flag !== undefined) return flag;
  const variable = context.variables['ALLOT_MASTER'];
  const location = parseMasterLocation(variable === undefined || variable === '' ? masterDefault : variable, 'ALLOT_MASTER');
  if (!location.ok) throw refusalError(location);
  return location.value;
}

/** The text that names the location again, for other programs. */
export function printMasterLocation(location: MasterLocation): string {
  return location.kind === 'static' ? location.addresses.join(',') : `etcd://${location.endpoints.join(',')}${location.prefix}`;
}

/** Opens a client, lets `use` work with it, and closes it. */
export async function withMaster<Result>(flag: MasterLocation | undefined, context: CommandContext, use: (master: MasterClient) => Promise<Result>): Promise<Result> {
  const { environment } = context;
  const location = masterLocationOf(flag, context);
  const master = new MasterClient({
    location,
    environment,
    connect: context.connect ?? ((address) => transport().operatorClient(environment, address)),
    addresses: addressSourceOf(location, environment.clock),
  });
  try {
    return await use(master);
  } finally {
    master.close();
  }
}

/** Loaded when a question is asked: declaring a command costs nothing (command.ts, C1). `require`, because it is resolved alike everywhere. */
function transport(): typeof import('../proto/grpc-operator') {
  return require('../proto/grpc-operator') as typeof import('../proto/grpc-operator');
}
