// Loader: the wire contract at run time.
//
// Owns:      the one set of options with which .proto files are read, where they are found, and the serializer of each message.
// Elsewhere: TypeScript types of the same contract (generate.js, same options), wire <-> domain (the codecs), programs of one file
//            (bundled-contract.ts).
// Invariants:
//   L1. Decoded messages hold what was on the wire and nothing else: no defaults, absent is absent. Field names are those of the contract,
//       64-bit numbers are doubles, enumerations are names (a number if the contract has no name for it).
//   L2. Files are loaded once per process and set, when first needed: an agent does not pay for the operator's messages.
// Source: the README of @grpc/proto-loader; the cost of loading is in the platform reference, 2.5.

import { existsSync } from 'node:fs';
import path from 'node:path';

import type { MessageTypeDefinition, Options, PackageDefinition } from '@grpc/proto-loader';

import { BugError, invariant } from '../common/invariant';
import { bundledContract, bundledMethod, bundledType } from './bundled-contract';

/** L1. The list in generate.js says the same. */
const loaderOptions: Options = { keepCase: true, longs: Number, enums: String, defaults: false, arrays: false, objects: false, oneofs: false };

/** The files of the contract, each with what it imports. */
export type ContractFile = 'scheduler' | 'agent' | 'executor' | 'operator' | 'registry' | 'checkpoint';

/** Bytes <-> wire object of one message. `deserialize` throws on what is not protobuf; `serialize` takes what the codecs make. */
export interface WireType {
  readonly serialize: (wire: object) => Buffer;
  readonly deserialize: (bytes: Buffer) => object;
}

const loaded = new Map<ContractFile, PackageDefinition>();

/** The message `name` of package allot.v1, as `file` declares or imports it. */
export function wireType(file: ContractFile, name: string): WireType {
  const bundled = bundledContract(file);
  if (bundled !== undefined) return bundledType(bundled, name, loaderOptions);
  const definition = definitionOf(file)[`allot.v1.${name}`];
  invariant(definition && isMessage(definition), `The contract has a message ${name}`);
  return { serialize: definition.serialize, deserialize: definition.deserialize };
}

/** The HTTP/2 path of a method, and the types of its frames. */
export function wireMethod(file: ContractFile, service: string, method: string): { readonly path: string; readonly request: WireType; readonly response: WireType } {
  const bundled = bundledContract(file);
  if (bundled !== undefined) return bundledMethod(bundled, service, method, loaderOptions);
  const definition = definitionOf(file)[`allot.v1.${service}`];
  invariant(definition && !('format' in definition), `The contract has a service ${service}`);
  const found = definition[method];
  invariant(found, `Service ${service} has a method ${method}`);
  return {
    path: found.path,
    request: { serialize: found.requestSerialize, deserialize: found.requestDeserialize },
    response: { serialize: found.responseSerialize, deserialize: found.responseDeserialize },
  };
}

function isMessage(definition: PackageDefinition[string]): definition is MessageTypeDefinition<object, object> {
  return 'format' in definition && 'serialize' in definition;
}

/** All names of the contract in one set, for tests of the contract itself. */
export function contractDefinition(file: ContractFile): PackageDefinition {
  return definitionOf(file);
}

function definitionOf(file: ContractFile): PackageDefinition {
  const known = loaded.get(file);
  if (known !== undefined) return known;
  const directory = contractDirectory();
  // Here and not above: a program with a bundled contract does without.
  const { loadSync } = require('@grpc/proto-loader') as typeof import('@grpc/proto-loader');
  const definition = loadSync(path.join(directory, `${file}.proto`), { ...loaderOptions, includeDirs: [directory] });
  loaded.set(file, definition);
  return definition;
}

/** Beside this module, in the sources and when built; in `proto/` beside a bundle. */
function contractDirectory(): string {
  const candidates = [__dirname, path.join(__dirname, 'proto')];
  const found = candidates.find((directory) => existsSync(path.join(directory, 'vocabulary.proto')));
  if (found === undefined) throw new BugError(`The wire contract (*.proto) is missing; looked in ${candidates.join(' and ')}`);
  return found;
}
