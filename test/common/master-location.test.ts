// Proves the grammar of `--master`: what is read, and that what is not is refused with the offending part.

import { parseAddress, parseMasterLocation, type MasterLocation } from '../../common/master-location';

const fixed = (...addresses: string[]): MasterLocation => ({ kind: 'static', addresses });
const etcd = (prefix: string, ...endpoints: string[]): MasterLocation => ({ kind: 'etcd', endpoints, prefix });

test.each<[claim: string, text: string, location: MasterLocation]>([
  ['one address', 'pi4.local:5050', fixed('pi4.local:5050')],
  ['an IPv4 address', '10.0.0.7:5050', fixed('10.0.0.7:5050')],
  ['an IPv6 address stands in brackets', '[fe80::1]:5050', fixed('[fe80::1]:5050')],
  ['a list keeps its order, spaces do not matter', 'b:2, a:1', fixed('b:2', 'a:1')],
  ['an address named twice counts once', 'a:1,a:1', fixed('a:1')],
  ['etcd with several endpoints and a prefix', 'etcd://e1:2379,e2:2379/clusters/home', etcd('/clusters/home', 'e1:2379', 'e2:2379')],
  ['etcd without a prefix means the usual one', 'etcd://e1:2379', etcd('/allot', 'e1:2379')],
  ['a lone slash names no prefix', 'etcd://e1:2379/', etcd('/allot', 'e1:2379')],
  ['a slash at the end of the prefix does not matter', 'etcd://e1:2379/home/', etcd('/home', 'e1:2379')],
])('%s', (_claim, text, location) => {
  expect(parseMasterLocation(text)).toEqual({ ok: true, value: location });
});

test.each<[claim: string, text: string, part: RegExp]>([
  ['an empty value', '', /"" is not host:port/],
  ['a missing port', 'pi4.local', /"pi4.local" is not host:port/],
  ['port 0', 'a:0', /port from 1 to 65535/],
  ['a port too large', 'a:65536', /port from 1 to 65535/],
  ['an empty place in a list', 'a:1,,b:2', /"" is not host:port/],
  ['a bare IPv6 address', 'fe80::1:5050', /"fe80::1:5050" is not host:port/],
  ['a space within a name', 'a b:1', /"a b:1" is not host:port/],
  ['another scheme', 'http://a:1', /the only scheme is etcd:\/\//],
  ['the scheme of old', 'zk://a:2181/mesos', /the only scheme is etcd:\/\//],
  ['etcd without an endpoint', 'etcd:///allot', /"" is not host:port/],
  ['a prefix with an empty part', 'etcd://e:1/a//b', /an etcd prefix/],
])('%s is refused with the whole value and the reason', (_claim, text, reason) => {
  const checked = parseMasterLocation(text, 'ALLOT_AGENT_MASTER');
  expect(checked.ok).toBe(false);
  if (checked.ok) return;
  expect(checked.refusal.field).toBe('ALLOT_AGENT_MASTER');
  expect(checked.refusal.value).toBe(JSON.stringify(text));
  expect(checked.refusal.expected).toMatch(reason);
});

test('one address is checked under the name of its field', () => {
  expect(parseAddress('a:1', 'leader')).toEqual({ ok: true, value: 'a:1' });
  expect(parseAddress('a', 'leader')).toMatchObject({ ok: false, refusal: { field: 'leader', value: '"a"' } });
});
