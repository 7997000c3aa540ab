// A hostile framework: says whatever it likes on a raw link, and uses what it overheard of others.
//
// Owns:      the calls of a hostile author: malformed, out of order, repeated, oversized, about offers, tasks and updates that are not its own.
// Elsewhere: that nobody else notices (the checkers, quiet-check.ts).
// Invariants:
//   H1. It does not subscribe under another's framework id: without authentication that is a failover, and legitimate.
// Source: the "framework of a hostile author".

import { agentId, executorId, frameworkId, offerId, taskId } from '../../common/model/ids';
import { Resources } from '../../common/model/resources';
import type { ReceivedSchedulerCall, SchedulerCall, SchedulerCallEnvelope, SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { TaskInfo } from '../../common/model/task';
import type { Dialer, Link } from '../../common/ports';
import { frameworkInfoOf } from '../../frameworks/sdk/scheduler-options';
import { command } from '../../frameworks/sdk/task-builder';
import type { ClusterSight, SeededRandom, VirtualCluster } from '../../frameworks/sdk/testing';

/** Overheard names kept of each kind. */
const overheardMax = 50;

/** What a decoder says of what it cannot read. */
const unreadable = { field: 'accept.operations[0].launch.task_infos[0]', value: '"\\u0000"', expected: 'a task' };

type Said = SchedulerCallEnvelope | ReceivedSchedulerCall;

export class HostileFramework {
  private link: Link<Said> | undefined;
  private address = 0;
  private isOver = false;
  private readonly overheard = { offers: [] as string[], tasks: [] as string[], agents: [] as string[], frameworks: [] as string[], updates: [] as { taskId: string; agentId: string; uuid: string }[] };
  private readonly ownOffers: { id: string; agentId: string; resources: Resources }[] = [];
  callCount = 0;

  constructor(
    private readonly cluster: VirtualCluster,
    private readonly random: SeededRandom,
    readonly name = 'hostile',
  ) {}

  start(): void {
    const connection = this.cluster.connectScheduler(this.name);
    // The world's dialer takes what this one says; the type of a link is only a promise.
    const dialer = connection.dialer as Dialer<Said, SchedulerEvent>;
    this.dial(dialer);
    this.chatter();
  }

  /** No more calls; the process dies. */
  stop(): void {
    this.isOver = true;
    this.cluster.killScheduler(this.name);
  }

  /** Listens to everything that is sent to anybody. */
  see(sight: ClusterSight): void {
    if (sight.source !== 'network' || sight.sight.kind !== 'sent' || sight.sight.service !== 'schedulers' || !sight.sight.from.startsWith('master-')) return;
    const keep = <T>(list: T[], item: T): void => {
      list.push(item);
      if (list.length > overheardMax) list.shift();
    };
    for (const event of sight.sight.messages as readonly SchedulerEvent[]) {
      if (event.kind === 'subscribed') keep(this.overheard.frameworks, event.frameworkId);
      if (event.kind === 'offers') {
        for (const offer of event.offers) {
          keep(this.overheard.offers, offer.id);
          keep(this.overheard.agents, offer.agentId);
        }
      }
      if (event.kind === 'update') {
        keep(this.overheard.tasks, event.status.taskId);
        if (event.status.uuid !== undefined && event.status.agentId !== undefined) keep(this.overheard.updates, { taskId: event.status.taskId, agentId: event.status.agentId, uuid: event.status.uuid });
      }
    }
  }

  private dial(dialer: Dialer<Said, SchedulerEvent>): void {
    const { addresses, clock } = this.cluster;
    const address = addresses[this.address % addresses.length] ?? '';
    this.ownOffers.length = 0;
    this.link = dialer.dial(address, {
      messages: (events) => {
        for (const event of events) {
          if (event.kind !== 'offers') continue;
          for (const { id, agentId: at, resources } of event.offers) this.ownOffers.push({ id, agentId: at, resources });
          if (this.ownOffers.length > overheardMax) this.ownOffers.splice(0, this.ownOffers.length - overheardMax);
        }
      },
      closed: () => {
        this.address += 1;
        this.link = undefined;
        clock.schedule(1_000, () => {
          if (!this.isOver) this.dial(dialer);
        });
      },
    });
    // Sometimes it forgets to subscribe first.
    if (this.random.chance(0.9)) this.say(this.subscribe());
  }

  private chatter(): void {
    this.cluster.clock.schedule(this.random.between(100, 2_500), () => {
      if (this.isOver) return;
      const batch = Array.from({ length: 1 + this.random.below(4) }, () => this.nonsense());
      // The same again and again: a frame carries a hundred thousand calls of a few bytes.
      const said = this.random.chance(0.1) ? Array.from({ length: this.random.pick([2, 50, 500]) ?? 2 }, () => batch).flat() : batch;
      this.callCount += said.length;
      this.link?.send(said);
      this.chatter();
    });
  }

  private say(call: SchedulerCall): void {
    this.callCount += 1;
    this.link?.send([this.envelope(call)]);
  }

  private envelope(call: SchedulerCall): SchedulerCallEnvelope {
    const foreign = this.random.chance(0.05) ? this.random.pick(this.overheard.frameworks) : undefined;
    return { number: this.random.below(1_000), call, ...(foreign !== undefined && call.kind !== 'subscribe' && { frameworkId: frameworkId(foreign) }) };
  }

  private subscribe(): SchedulerCall {
    const frameworkInfo = frameworkInfoOf({ name: this.name, roles: [this.random.pick(['hostile', '*', 'a/b']) ?? '*'], failoverTimeoutMs: 0 });
    return { kind: 'subscribe', frameworkInfo, suppressedRoles: this.random.chance(0.1) ? ['no-such-role'] : [], offerConstraints: new Map() };
  }

  private nonsense(): Said {
    const { random, overheard } = this;
    const offer = random.pick(overheard.offers) ?? 'no-such-offer';
    const agent = agentId(random.pick(overheard.agents) ?? 'no-such-agent');
    const someTask = taskId(random.pick(overheard.tasks) ?? 'no-such-task');
    const filters = { refuseSeconds: random.pick([Number.NaN, -5, 0, 1, 1e12]) ?? 0 };
    switch (random.below(17)) {
      case 0:
        return { ok: false, number: random.below(100), callKind: random.pick(['accept', 'subscribe', 'nonsense']) ?? '', refusal: { field: 'accept.offer_ids', value: '"\\u0000"', expected: 'an id' } };
      case 1:
        return this.envelope(this.subscribe());
      case 2:
        return this.envelope({ kind: 'decline', offerIds: [offerId(random.pick(this.ownOffers)?.id ?? offer), offerId(offer), offerId('no-such-offer'), offerId(offer)], filters });
      case 3:
        return this.envelope({ kind: 'accept', offerIds: [offerId(offer)], operations: [{ kind: 'launch', tasks: [this.task(agent, Resources.empty)] }], filters });
      case 4: {
        const other = overheard.updates.length > 0 ? random.pick(overheard.updates) : undefined;
        return this.envelope({ kind: 'acknowledge', agentId: agentId(other?.agentId ?? 'nobody'), taskId: taskId(other?.taskId ?? 'nothing'), uuid: other?.uuid ?? 'no uuid' });
      }
      case 5:
        return this.envelope({ kind: 'kill', taskId: someTask, agentId: agent });
      case 6:
        return this.envelope({ kind: 'shutdown', executorId: executorId('w1'), agentId: agent });
      case 7:
        return this.envelope({ kind: 'message', agentId: agent, executorId: executorId('w1'), data: new Uint8Array(1_000) });
      case 8:
        return this.envelope({ kind: 'reconcile', tasks: [{ taskId: someTask, agentId: agent }, { taskId: someTask }] });
      case 9:
        return this.envelope(random.chance(0.1) ? { kind: 'teardown' } : { kind: 'revive', roles: ['no-such-role'] });
      case 10:
        return this.envelope({ kind: 'suppress', roles: random.chance(0.5) ? [] : ['no-such-role'] });
      case 11:
        return this.envelope({ kind: 'accept', offerIds: [], operations: [], filters });
      case 12:
        return this.envelope({ kind: 'reconcile', tasks: [] });
      case 13:
        // Of its own, perhaps: those it may kill, with any patience.
        return this.envelope({ kind: 'kill', taskId: taskId('mine'), killPolicy: { gracePeriodMs: random.pick([0, 10, 5_000, -1]) ?? 0 } });
      case 14:
        return this.envelope({ kind: 'shutdown', executorId: executorId(random.pick(['mine', someTask]) ?? 'mine'), agentId: agent });
      default: {
        // Its own offer, used for one task id again and again, or for far too much; then used again.
        const own = random.pick(this.ownOffers);
        const resources = random.chance(0.2) ? Resources.ofQuantities(new Map([['cpus', 1e9]])) : (own?.resources ?? Resources.empty);
        const launch = { kind: 'launch', tasks: [this.task(agentId(own?.agentId ?? agent), resources)] } as const;
        // What no master carries out, around what it does.
        const reserve = { kind: 'reserve', resources, source: resources } as const;
        const spoiled = { ...launch, unreadable: [{ taskId: taskId('spoiled'), refusal: unreadable }, { refusal: unreadable }] } as const;
        const operations = random.pick([[launch], [spoiled], [launch, launch], [reserve, launch, { kind: 'destroy', id: 'x', volumes: resources } as const]]) ?? [];
        return this.envelope({ kind: 'accept', offerIds: [offerId(own?.id ?? offer)], operations, filters });
      }
    }
  }

  private task(agent: TaskInfo['agentId'], resources: Resources): TaskInfo {
    const { random } = this;
    return {
      name: '',
      taskId: taskId(random.pick(['mine', 'mine too', random.pick(this.overheard.tasks) ?? 'mine']) ?? 'mine'),
      agentId: agent,
      resources,
      limits: new Map(),
      command: command(random.pick(['sleep 7', 'ignore-term 100', 'false']) ?? 'false'),
      labels: [],
    };
  }
}
