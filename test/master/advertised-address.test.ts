// A master that listens everywhere tells others an address that they can dial.

import type { NetworkInterfaceInfo } from 'node:os';

import { advertisedHost, joinAddress } from '../../master/advertised-address';

const at = (address: string, internal = false): NetworkInterfaceInfo => {
  const common = { address, netmask: '', mac: '', internal, cidr: null };
  return address.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' };
};

test.each<[claim: string, listen: string, interfaces: readonly NetworkInterfaceInfo[], host: string]>([
  ['a particular address is advertised as it is', '10.0.0.5', [at('10.0.0.7')], '10.0.0.5'],
  ['everywhere means the first address that others reach', '0.0.0.0', [at('127.0.0.1', true), at('192.168.1.7'), at('10.0.0.1')], '192.168.1.7'],
  ['link-local addresses mean something else elsewhere', '0.0.0.0', [at('169.254.3.4'), at('10.0.0.1')], '10.0.0.1'],
  ['a machine without a network has itself', '0.0.0.0', [at('127.0.0.1', true)], '127.0.0.1'],
  ['IPv6 everywhere takes an IPv6 address where there is no other', '::', [at('fe80::1'), at('2001:db8::1')], '2001:db8::1'],
  ['IPv4 everywhere does not advertise an IPv6 address', '0.0.0.0', [at('2001:db8::1')], '127.0.0.1'],
])('%s', (_claim, listen, interfaces, host) => {
  expect(advertisedHost(listen, { some: [...interfaces] })).toBe(host);
});

test('an IPv6 address stands in brackets', () => {
  expect(joinAddress('2001:db8::1', 5050)).toBe('[2001:db8::1]:5050');
  expect(joinAddress('10.0.0.1', 5050)).toBe('10.0.0.1:5050');
});
