// Bundled contract: the wire contract inside a program that is one file.
//
// Owns:      reading what a bundler put in the place of ALLOT_BUNDLED_CONTRACT.
// Elsewhere: the code of it (contract-code.js), putting it there (frameworks/particles/bundle.js), the contract as files, and which of the two is taken
//            (loader.ts).
// Invariants:
//   B1. Bytes and objects are those that @grpc/proto-loader makes with the same options: the functions are those of the same library, made when the
//       program was built. Making them, and reading what they are made from, is most of the time that a short-lived executor would spend before its
//       first task.

import type { IConversionOptions, Writer } from 'protobufjs';

import { invariant } from '../common/invariant';
import type { ContractFile, WireType } from './loader';

/** One message, as protobufjs's `Type` has it. */
interface MessageCode {
  encode(message: object): Writer;
  decode(bytes: Uint8Array): object;
  fromObject(object: object): object;
  toObject(message: object, options: IConversionOptions): object;
}

/** What the code of a contract file makes. */
export interface BundledContract {
  /** By name without the package; of a message inside another, `Outer.Inner`. */
  readonly messages: Readonly<Record<string, MessageCode>>;
  /** By `Service/Method`; the names of its frames. */
  readonly methods: Readonly<Record<string, { readonly request: string; readonly response: string }>>;
}

/** Per contract file. Absent where there was no bundler. */
declare const ALLOT_BUNDLED_CONTRACT: Readonly<Record<string, BundledContract>> | undefined;

/** Undefined when the program is no bundle, or the bundle has not got that file. */
export function bundledContract(file: ContractFile): BundledContract | undefined {
  return typeof ALLOT_BUNDLED_CONTRACT === 'undefined' ? undefined : ALLOT_BUNDLED_CONTRACT[file];
}

/** B1. */
export function bundledType(contract: BundledContract, name: string, options: IConversionOptions): WireType {
  const type = contract.messages[name];
  invariant(type, `The contract has a message ${name}`);
  return {
    // Under Node protobufjs writes into Buffers, though its types promise less.
    serialize: (wire) => type.encode(type.fromObject(wire)).finish() as Buffer,
    deserialize: (bytes) => type.toObject(type.decode(bytes), options),
  };
}

export function bundledMethod(contract: BundledContract, service: string, method: string, options: IConversionOptions): { readonly path: string; readonly request: WireType; readonly response: WireType } {
  const found = contract.methods[`${service}/${method}`];
  invariant(found, `Service ${service} has a method ${method}`);
  return {
    path: `/allot.v1.${service}/${method}`,
    request: bundledType(contract, found.request, options),
    response: bundledType(contract, found.response, options),
  };
}
