// Demand: for which roles the framework wants offers, and what the master was told of that.
//
// Owns:      the wanted roles, the suppression stated in this session, and the difference between the two as calls.
// Elsewhere: sending the calls, and declining what is offered without being wanted (scheduler-driver.ts).
// Invariants:
//   D1. Stating the same demand twice says nothing to the master. After `correct` the master's view and ours agree.
// Source: Mesos SUPPRESS, REVIVE and `suppressed_roles`. Stated anew at every subscription, so that no revive can be lost for longer than that.

export type DemandCall = { readonly kind: 'suppress' | 'revive'; readonly roles: readonly string[] };

export class Demand {
  private wanted: ReadonlySet<string>;
  private stated: ReadonlySet<string>;

  constructor(private readonly roles: readonly string[]) {
    this.wanted = new Set(roles);
    this.stated = this.wanted;
  }

  /** true: offers for all roles; false: for none; otherwise for these (others than the framework's own mean nothing). Returns whether it changed. */
  set(demand: boolean | readonly string[]): boolean {
    const roles = typeof demand === 'boolean' ? (demand ? this.roles : []) : this.roles.filter((role) => demand.includes(role));
    const isSame = roles.length === this.wanted.size && roles.every((role) => this.wanted.has(role));
    if (!isSame) this.wanted = new Set(roles);
    return !isSame;
  }

  isWanted(role: string): boolean {
    return this.wanted.has(role);
  }

  /** What SUBSCRIBE says; from then on the master knows it. */
  state(): readonly string[] {
    this.stated = this.wanted;
    return this.roles.filter((role) => !this.wanted.has(role));
  }

  /** The calls that bring the master from what it was told to what is wanted (D1). */
  correct(): readonly DemandCall[] {
    if (this.stated === this.wanted) return [];
    const unwanted = this.roles.filter((role) => this.stated.has(role) && !this.wanted.has(role));
    const wanted = this.roles.filter((role) => !this.stated.has(role) && this.wanted.has(role));
    this.stated = this.wanted;
    // Roles are always named: an empty list would mean all of them.
    return [
      ...(unwanted.length === 0 ? [] : [{ kind: 'suppress', roles: unwanted } as const]),
      ...(wanted.length === 0 ? [] : [{ kind: 'revive', roles: wanted } as const]),
    ];
  }
}
