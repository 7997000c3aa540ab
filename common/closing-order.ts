// Closing order: what was opened is closed, last first, whatever happens in between.
//
// Owns:      the list of what is open, and closing it.
// Elsewhere: what is opened (each binary's main.ts), when (common/process.ts).
// Invariants:
//   D1. Everything added is closed exactly once, in reverse order, also when an earlier one fails to close; the first failure is told.
// Source: Go's defer; Node 20 has no `await using`.

export class ClosingOrder {
  private open: (() => Promise<void>)[] = [];

  /** `close` is called by {@link closeAll}. */
  add(close: () => Promise<void>): void {
    this.open.push(close);
  }

  /** Closes everything added so far (D1). Rejects with the first failure, after all are closed. */
  async closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.open.pop(); close !== undefined; close = this.open.pop()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
