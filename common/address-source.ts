// Address source: from what `--master` says to addresses that can be dialed.
//
// Owns:      the choice between a fixed list and etcd.
// Elsewhere: the grammar (master-location.ts), asking etcd (etcd-address-source.ts), dialing (leader-session.ts).
// Source: our choice.

import { EtcdAddressSource } from './etcd-address-source';
import { staticAddresses, type AddressSource } from './leader-session';
import type { MasterLocation } from './master-location';
import type { Clock } from './ports';

/** Loads the etcd client only when etcd is asked for the first time. */
export function addressSourceOf(location: MasterLocation, clock: Clock): AddressSource {
  return location.kind === 'etcd' ? new EtcdAddressSource(location, clock) : staticAddresses(location.addresses);
}
