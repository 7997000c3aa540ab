// Outgoing: the effects of one step, gathered.
//
// Owns:      the order of the effects of a step, and their batching per session.
// Elsewhere: what is to be said (the rest of this folder); carrying out (../master-node.ts).
// Invariants:
//   G1. What is said to one session keeps its order, and leaves as one batch, except that
//   G2. nothing moves across a `persist`: what was said after it stays behind it (M2).
//   G3. Nothing is said to a session after its close.
// Source: DESIGN, "The wire": what a component has to say to a peer within one turn leaves as one frame.

import type { MasterMessage } from '../../common/model/agent-protocol';
import type { OperatorReply } from '../../common/model/operator-protocol';
import type { SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { LogLevel } from '../../common/ports';
import type { MasterEffect, RegistryChange } from './master-step';

export class Outgoing {
  private effects: MasterEffect[] = [];
  private openPersist: RegistryChange[] | undefined;
  private readonly openEvents = new Map<number, SchedulerEvent[]>();
  private readonly openMessages = new Map<number, MasterMessage[]>();

  /** Makes the changes durable before whatever is said from now on. */
  persist(changes: readonly RegistryChange[]): void {
    if (changes.length === 0) return;
    if (this.openPersist === undefined) {
      this.openPersist = [];
      this.effects.push({ kind: 'persist', changes: this.openPersist });
    }
    for (const change of changes) this.openPersist.push(change); // As arguments of one call a hundred thousand would not fit.
    this.openEvents.clear();
    this.openMessages.clear();
  }

  toScheduler(session: number, event: SchedulerEvent): void {
    const open = this.openEvents.get(session);
    if (open !== undefined) {
      open.push(event);
      return;
    }
    const events = [event];
    this.openEvents.set(session, events);
    this.add({ kind: 'send-scheduler', session, events });
  }

  toAgent(session: number, message: MasterMessage): void {
    const open = this.openMessages.get(session);
    if (open !== undefined) {
      open.push(message);
      return;
    }
    const messages = [message];
    this.openMessages.set(session, messages);
    this.add({ kind: 'send-agent', session, messages });
  }

  closeScheduler(session: number): void {
    this.openEvents.delete(session);
    this.add({ kind: 'close-scheduler', session });
  }

  closeAgent(session: number): void {
    this.openMessages.delete(session);
    this.add({ kind: 'close-agent', session });
  }

  replyOperator(request: number, reply: OperatorReply): void {
    this.add({ kind: 'reply-operator', request, reply });
  }

  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.effects.push({ kind: 'log', level, message, fields });
  }

  /** Everything since the last take. */
  take(): readonly MasterEffect[] {
    const taken = this.effects;
    this.effects = [];
    this.openPersist = undefined;
    this.openEvents.clear();
    this.openMessages.clear();
    return taken;
  }

  /** Adds an effect that others can see: a later persist may no longer join an earlier one (it would hold this one back for nothing). */
  private add(effect: MasterEffect): void {
    this.openPersist = undefined;
    this.effects.push(effect);
  }
}
