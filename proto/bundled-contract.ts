// Bundled contract: the wire contract inside a program that is one file.
//
// Owns:      reading what a bundler put in the place of ALLOT_BUNDLED_CONTRACT.
// Elsewhere: putting it there (frameworks/particles/bundle.js), the contract as files, and which of the two is taken (loader.ts).
// Invariants:
//   B1. Bytes and objects are those that @grpc/proto-loader makes with the same options: it does the same with the same library. What it does
//       besides, describing every message for reflection, is most of the time that a short-lived executor would spend before its first task.

import { Root, type IConversionOptions, type INamespace, type Type } from 'protobufjs';

import { invariant } from '../common/invariant';
import type { ContractFile, WireType } from './loader';

/** Per contract file, protobufjs's JSON of it and of what it imports; names as they are written. Absent where there was no bundler. */
declare const ALLOT_BUNDLED_CONTRACT: Readonly<Record<string, INamespace>> | undefined;

const roots = new Map<ContractFile, Root>();

/** Undefined when the program is no bundle, or the bundle has not got that file. */
export function bundledContract(file: ContractFile): Root | undefined {
  const json = typeof ALLOT_BUNDLED_CONTRACT === 'undefined' ? undefined : ALLOT_BUNDLED_CONTRACT[file];
  if (json === undefined) return undefined;
  const root = roots.get(file) ?? Root.fromJSON(json);
  roots.set(file, root);
  return root;
}

/** B1. `type` as `Root.lookupType` gives it, also by a path relative to another type's namespace. */
export function bundledType(type: Type, options: IConversionOptions): WireType {
  return {
    // Under Node protobufjs writes into Buffers, though its types promise less.
    serialize: (wire) => type.encode(type.fromObject(wire)).finish() as Buffer,
    deserialize: (bytes) => type.toObject(type.decode(bytes), options),
  };
}

export function bundledMethod(root: Root, service: string, method: string, options: IConversionOptions): { readonly path: string; readonly request: WireType; readonly response: WireType } {
  const found = root.lookupService(`allot.v1.${service}`).methods[method];
  found?.resolve();
  invariant(found?.resolvedRequestType && found.resolvedResponseType, `Service ${service} has a method ${method}`);
  return {
    path: `/allot.v1.${service}/${method}`,
    request: bundledType(found.resolvedRequestType, options),
    response: bundledType(found.resolvedResponseType, options),
  };
}
