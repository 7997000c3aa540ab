// A simulated disk of one agent: what was written survives its process, what was synced survives the machine.
//
// Owns:      the records of one agent's checkpoint over all of its lives.
// Elsewhere: the real store (agent/journal-checkpoint-store.ts).
// Invariants:
//   K1, K2 of agent/checkpoint-store.ts, and:
//   J1. `crash()` keeps what was written, acknowledged or not; `crash(true)` keeps what was synced and any part of what follows it, as disks do.

import type { CheckpointStore } from '../../../agent/checkpoint-store';
import type { CheckpointRecord } from '../../../agent/core/agent-step';
import type { Clock } from '../../../common/ports';
import type { SeededRandom } from './seeded-random';

/** A snapshot pays when the history has grown to this many records beyond the last one. Small, so that simulations meet it often. */
const snapshotRecordCount = 200;

export class SimulatedDisk {
  private written: CheckpointRecord[] = [];
  private syncedCount = 0;
  private snapshotCount = 0;

  constructor(
    private readonly random: SeededRandom,
    /** Sees each record as it is written, synced or not. */
    private readonly observe?: (record: CheckpointRecord) => void,
  ) {}

  /** What a new life of the agent finds. */
  records(): readonly CheckpointRecord[] {
    return [...this.written];
  }

  crash(withMachine = false): void {
    if (withMachine) this.written.length = this.syncedCount + this.random.below(this.written.length - this.syncedCount + 1);
    this.syncedCount = this.written.length;
  }

  /** The store of one life; its callbacks run on that life's clock and die with it. */
  store(clock: Clock): CheckpointStore {
    const disk = this;
    return {
      append(records, done) {
        for (const record of records) {
          disk.written.push(record);
          disk.observe?.(record);
        }
        const upTo = disk.written.length;
        clock.schedule(disk.random.between(0.1, 5), () => {
          disk.syncedCount = Math.max(disk.syncedCount, upTo);
          done({ ok: true });
        });
      },
      get wantsSnapshot() {
        return disk.written.length - disk.snapshotCount > snapshotRecordCount;
      },
      snapshot(records, done) {
        clock.schedule(disk.random.between(0.1, 5), () => {
          disk.written = [...records];
          disk.syncedCount = records.length;
          disk.snapshotCount = records.length;
          done({ ok: true });
        });
      },
    };
  }
}
