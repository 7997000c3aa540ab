// Contract code: a file of the wire contract as a program, for bundles.
//
// Owns:      the text of a module with the functions that protobufjs makes of each message at run time, made once, when a program is built.
// Elsewhere: who bundles it (frameworks/particles/bundle.js), who calls it (bundled-contract.ts).
// Source: protobufjs 7, `Type.setup`: the functions are those, with the same names in their scope. Our choice, because resolving the contract and
//         compiling its functions takes a program that lives for seconds 50 ms at each start.
'use strict';

const path = require('node:path');
const { Enum, Root, Type } = require('protobufjs');
const converter = require('protobufjs/src/converter');
const decoder = require('protobufjs/src/decoder');
const encoder = require('protobufjs/src/encoder');

/** A file of the contract with what it imports. Names are kept as they are written, like everywhere (loader.ts, L1). */
function loadContract(file) {
  const contract = new Root();
  contract.resolvePath = (_origin, target) => path.join(__dirname, path.basename(target));
  return contract.loadSync(`${file}.proto`, { keepCase: true }).resolveAll();
}

/**
 * The function body that makes the `BundledContract` (bundled-contract.ts) of a contract file from `protobuf`, the smallest build of protobufjs: what its
 * services say and hear, and every message in that.
 */
function contractCode(file) {
  const contract = loadContract(file);
  /** Types and enumerations by the number under which the program knows them. */
  const known = new Map();
  const numberOf = (resolved) => {
    if (!known.has(resolved)) known.set(resolved, known.size);
    return known.get(resolved);
  };
  const methods = {};
  for (const service of contract.lookup('allot.v1').nestedArray.filter((nested) => nested.methods !== undefined)) {
    for (const method of service.methodsArray) {
      methods[`${service.name}/${method.name}`] = { request: nameOf(method.resolvedRequestType), response: nameOf(method.resolvedResponseType) };
      numberOf(method.resolvedRequestType);
      numberOf(method.resolvedResponseType);
    }
  }
  const lines = [PRELUDE];
  // A map is read in the order of insertion, also while it grows.
  for (const [resolved, number] of known) {
    if (resolved instanceof Enum) {
      // As protobufjs has it: `values` leads both ways.
      lines.push(`known[${number}] = { values: Object.assign(Object.create(${JSON.stringify(resolved.valuesById)}), ${JSON.stringify(resolved.values)}) };`);
      continue;
    }
    const types = resolved.fieldsArray.map((field) => (field.resolve().resolvedType === null ? 'null' : `known[${numberOf(field.resolvedType)}]`));
    const functions = {
      ctor: Type.generateConstructor(resolved).toString(resolved.name),
      encode: encoder(resolved).toString(`${resolved.name}$encode`),
      decode: decoder(resolved).toString(`${resolved.name}$decode`),
      fromObject: converter.fromObject(resolved).toString(`${resolved.name}$fromObject`),
      toObject: converter.toObject(resolved).toString(`${resolved.name}$toObject`),
    };
    const made = Object.entries(functions).map(([name, text]) => `${name}: ${text}`);
    const scope = types.some((type) => type !== 'null') ? [`const types = [${types.join(', ')}];`] : [];
    lines.push(`known[${number}] = messages[${JSON.stringify(nameOf(resolved))}] = late((self) => {`, ...scope, `Object.assign(self, {\n${made.join(',\n')}\n});`, '});');
  }
  lines.push(`return { messages, methods: ${JSON.stringify(methods)} };`);
  return lines.join('\n');
}

/** A program uses few of the messages: the functions of each are made when the first of them is called. */
const PRELUDE = `
const { Reader, Writer, util } = protobuf;
const known = [];
const messages = {};
const late = (make) => ({
  encode(message, writer, depth) { make(this); return this.encode(message, writer, depth); },
  decode(reader, length, end, depth) { make(this); return this.decode(reader, length, end, depth); },
  fromObject(object, depth) { make(this); return this.fromObject(object, depth); },
  toObject(message, options, depth) { make(this); return this.toObject(message, options, depth); },
});`;

/** Without the package. */
function nameOf(type) {
  return type.fullName.replace(/^\.allot\.v1\./, '');
}

module.exports = { contractCode };
