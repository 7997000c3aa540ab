// A scripted peer for drivers: every link that is dialed, what was sent over it, and builders for what it says.
//
// Owns:      the recording dialer, a log that remembers, offers and statuses with sane defaults.
// Elsewhere: virtual time (test/common/fake-environment.ts), the claims (the tests beside this file).

import type { Dialer, Link, LinkEnd, LinkHandler, Log } from '../../../common/ports';
import { agentId, executorId, frameworkId, offerId, taskId } from '../../../common/model/ids';
import type { Offer } from '../../../common/model/offer';
import type { SchedulerEvent } from '../../../common/model/scheduler-protocol';
import type { TaskStatus } from '../../../common/model/task-status';
import { resources } from '../../../frameworks/sdk/resource-request';

export class FakeLink<Out, In> implements Link<Out> {
  readonly batches: (readonly Out[])[] = [];
  isOpen = true;

  constructor(private readonly handler: LinkHandler<In>) {}

  send(messages: readonly Out[]): void {
    if (this.isOpen) this.batches.push([...messages]);
  }
  close(): void {
    this.isOpen = false;
  }
  say(...messages: In[]): void {
    this.handler.messages(messages);
  }
  cut(end: LinkEnd = { kind: 'failed', detail: 'Connection reset' }): void {
    this.isOpen = false;
    this.handler.closed(end);
  }
  /** What was sent since the last call. */
  take(): Out[] {
    return this.batches.splice(0).flat();
  }
}

export class FakeDialer<Out, In> implements Dialer<Out, In> {
  readonly links: FakeLink<Out, In>[] = [];

  dial(_address: string, handler: LinkHandler<In>): Link<Out> {
    const link = new FakeLink<Out, In>(handler);
    this.links.push(link);
    return link;
  }

  get link(): FakeLink<Out, In> {
    const newest = this.links.at(-1);
    if (newest === undefined) throw new Error('Nothing was dialed');
    return newest;
  }
}

export interface MemoryLog extends Log {
  readonly lines: string[];
}

export function memoryLog(): MemoryLog {
  const lines: string[] = [];
  const log: MemoryLog = { lines, write: (level, message) => void lines.push(`${level} ${message}`), child: () => log };
  return log;
}

export const framework = frameworkId('f-1');
export const agent = agentId('S1');

export function subscribed(id = framework): SchedulerEvent {
  return { kind: 'subscribed', frameworkId: id, heartbeatIntervalMs: 5000, masterInfo: { id: 'm', address: 'm:5050', version: '0' } };
}

export function anOffer(change: Partial<Omit<Offer, 'resources' | 'id'>> & { id?: string; resources?: string } = {}): Offer {
  const { id = 'o-1', resources: text = 'cpus:1;mem:128', role = '*', ...rest } = change;
  return {
    id: offerId(id),
    frameworkId: framework,
    agentId: agent,
    hostname: 'a1',
    attributes: [],
    executorIds: [],
    role,
    resources: resources(text).allocatedTo(role),
    ...rest,
  };
}

let uuids = 0;
/** A new uuid each time, unless given; `uuid: undefined` for a status of the master's own. */
export function aStatus(task: string, state: TaskStatus['state'], change: Partial<TaskStatus> | { uuid: undefined } = {}): TaskStatus {
  uuids += 1;
  const { uuid, ...status } = {
    taskId: taskId(task),
    state,
    agentId: agent,
    executorId: executorId(task),
    labels: [],
    uuid: uuids.toString(16).padStart(32, '0') as string | undefined,
    ...change,
  };
  return uuid === undefined ? status : { ...status, uuid };
}
