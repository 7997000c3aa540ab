// Turn: what one step of the core has to say, put into the order in which it may leave.
//
// Owns:      collecting the effects of a step.
// Elsewhere: deciding them (the other files of this folder), carrying them out (../agent-node.ts).
// Invariants:
//   T1. Every record of a turn leaves in one checkpoint before anything else of it: no decision has to remember to persist first.
//   T2. To each peer, messages leave in the order in which they were said, and as one batch per turn.
// Source: our choice; output commit (common/effect-outbox.ts) makes T1 a matter of order alone.

import type { AgentMessage } from '../../common/model/agent-protocol';
import type { ExecutorEvent } from '../../common/model/executor-protocol';
import type { LogLevel } from '../../common/ports';
import type { AgentEffect, CheckpointRecord } from './agent-step';

/** Effects that are neither record nor message. */
type Deed = Exclude<AgentEffect, { kind: 'checkpoint' | 'send-master' | 'send-executor' | 'log' }>;

export class Turn {
  private records: CheckpointRecord[] = [];
  private effects: AgentEffect[] = [];
  private master: AgentMessage[] | undefined;
  private readonly executors = new Map<number, ExecutorEvent[]>();

  /** Remembers over a crash. Within a turn the order is kept: a torn journal ends between two records, so the more important comes first. */
  checkpoint(record: CheckpointRecord): void {
    this.records.push(record);
  }

  toMaster(message: AgentMessage): void {
    if (this.master === undefined) {
      this.master = [];
      this.effects.push({ kind: 'send-master', messages: this.master });
    }
    this.master.push(message);
  }

  toExecutor(session: number, event: ExecutorEvent): void {
    let events = this.executors.get(session);
    if (events === undefined) {
      events = [];
      this.executors.set(session, events);
      this.effects.push({ kind: 'send-executor', session, events });
    }
    events.push(event);
  }

  do(deed: Deed): void {
    this.effects.push(deed);
  }

  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.effects.push({ kind: 'log', level, message, fields });
  }

  /** The effects since the last call, in the order of carrying out. */
  take(): readonly AgentEffect[] {
    const effects: readonly AgentEffect[] = this.records.length === 0 ? this.effects : [{ kind: 'checkpoint', records: this.records }, ...this.effects];
    this.records = [];
    this.effects = [];
    this.master = undefined;
    this.executors.clear();
    return effects;
  }
}
