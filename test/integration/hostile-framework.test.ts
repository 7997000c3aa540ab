// A framework of a hostile author against a real master: it changes nothing for anybody else, and is told what was wrong.
//
// How: one real master and one real agent; an honest framework with a running task; beside it a raw session that says what it should not, call by
//      call, and another that sends bytes which are no frames at all. After each, the honest task still runs and the answer names the field.

import * as grpc from '@grpc/grpc-js';
import { createEnvironment } from '../../common/environment';
import { agentId, executorId, frameworkId, offerId, taskId, type FrameworkId } from '../../common/model/ids';
import type { TaskInfo } from '../../common/model/task';
import type { FrameworkInfo } from '../../common/model/framework';
import type { Offer } from '../../common/model/offer';
import { Resources } from '../../common/model/resources';
import type { SchedulerCall, SchedulerCallEnvelope, SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { Link, LinkEnd } from '../../common/ports';
import { connectScheduler, task, type SchedulerDriver, type TaskStatus } from '../../frameworks/sdk';
import { schedulerDialer } from '../../proto/grpc-link';
import { wireMethod } from '../../proto/loader';
import { ProcessCluster } from './process-cluster';

jest.setTimeout(60_000);

const info: FrameworkInfo = {
  user: '', name: 'hostile', roles: ['*'], capabilities: ['MULTI_ROLE', 'PARTITION_AWARE'], failoverTimeoutMs: 0, checkpoint: true, labels: [], offerFilters: new Map(),
};
const subscribe: SchedulerCall = { kind: 'subscribe', frameworkInfo: info, suppressedRoles: [], offerConstraints: new Map() };

/** A scheduler session by hand: says anything, and lets tests wait for what comes back. */
class RawSession {
  readonly events: SchedulerEvent[] = [];
  end: LinkEnd | undefined;
  private waiting: (() => void)[] = [];
  private readonly link: Link<SchedulerCallEnvelope>;
  private number = 0;

  constructor(address: string) {
    this.link = schedulerDialer(createEnvironment()).dial(address, {
      messages: (events) => {
        this.events.push(...events);
        this.wake();
      },
      closed: (end) => {
        this.end = end;
        this.wake();
      },
    });
  }

  say(call: SchedulerCall, id?: FrameworkId): number {
    this.number += 1;
    this.link.send([{ number: this.number, ...(id !== undefined && { frameworkId: id }), call }]);
    return this.number;
  }

  close(): void {
    this.link.close();
  }

  /** The first event, come or yet to come, that fits. */
  async next<Kind extends SchedulerEvent['kind']>(kind: Kind, fits: (event: Extract<SchedulerEvent, { kind: Kind }>) => boolean = () => true): Promise<Extract<SchedulerEvent, { kind: Kind }>> {
    for (;;) {
      const found = this.events.find((event): event is Extract<SchedulerEvent, { kind: Kind }> => event.kind === kind && fits(event as Extract<SchedulerEvent, { kind: Kind }>));
      if (found) return found;
      if (this.end) throw new Error(`The session ended: ${JSON.stringify(this.end)} after ${JSON.stringify(this.events)}`);
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

describe('beside a hostile framework', () => {
  let cluster: ProcessCluster;
  let honest: SchedulerDriver;
  let honestRun: Promise<void>;
  const honestUpdates: TaskStatus[] = [];
  let honestTask: TaskInfo | undefined;
  let hostile: RawSession;
  let hostileId: FrameworkId;

  beforeAll(async () => {
    cluster = await ProcessCluster.start({ agents: 1, resources: 'cpus:2;mem:512' });
    await new Promise<void>((resolve, reject) => {
      honest = connectScheduler({
        name: 'honest',
        master: cluster.master,
        demand: () => honestTask === undefined,
        offers: ([offer]) => {
          if (offer && !honestTask) honestTask = honest.launch(offer, [task({ name: 'steady', command: 'sleep 600', resources: { cpus: 0.5, mem: 32 } })]).launched[0]?.task;
        },
        update: (status) => {
          honestUpdates.push(status);
          if (status.state === 'TASK_RUNNING') resolve();
        },
      });
      honestRun = honest.run();
      honestRun.catch(reject);
    });
  });
  afterAll(async () => {
    honest.stop();
    await honestRun;
    await cluster.stop();
  });
  beforeEach(async () => {
    hostile = new RawSession(cluster.master);
    hostile.say(subscribe);
    hostileId = (await hostile.next('subscribed')).frameworkId;
  });
  afterEach(async () => {
    hostile.close();
    // Nobody has touched the honest task, and its framework still has its session.
    expect(honest.isSubscribed).toBe(true);
    expect(honestUpdates.at(-1)?.state).toBe('TASK_RUNNING');
    const listed = cluster.allot('tasks', '--json');
    expect((await listed.ended).status).toBe(0);
    expect(listed.stdout).toContain(honestTask?.taskId ?? 'no task');
  });

  const anOffer = async (): Promise<Offer> => {
    const [offer] = (await hostile.next('offers')).offers;
    if (!offer) throw new Error('an offers event holds offers');
    return offer;
  };

  const aTask = (offer: Offer, change: Partial<TaskInfo> = {}): TaskInfo => ({
    name: 't', taskId: taskId('t-1'), agentId: offer.agentId, resources: Resources.ofQuantities(new Map([['cpus', 100], ['mem', 16_000]])).allocatedTo('*'), limits: new Map(), labels: [],
    command: { uris: [], environment: [], value: 'true', shell: true, arguments: [] }, ...change,
  });

  test('an offer that never was drops the tasks, each with the reason', async () => {
    const offer = await anOffer();
    hostile.say({ kind: 'accept', offerIds: [offerId('no-such-offer')], operations: [{ kind: 'launch', tasks: [aTask(offer)] }], filters: { refuseSeconds: 0 } }, hostileId);
    const { status } = await hostile.next('update');
    expect([status.state, status.reason]).toEqual(['TASK_DROPPED', 'REASON_INVALID_OFFERS']);
  });

  test('a task of another framework is not killed, not acknowledged, not shut down', async () => {
    const offer = await anOffer();
    const victim = honestTask?.taskId ?? taskId('none');
    hostile.say({ kind: 'kill', taskId: victim, agentId: offer.agentId }, hostileId);
    hostile.say({ kind: 'acknowledge', agentId: offer.agentId, taskId: victim, uuid: '0'.repeat(32) }, hostileId);
    hostile.say({ kind: 'shutdown', executorId: executorId(victim), agentId: offer.agentId }, hostileId);
    hostile.say({ kind: 'message', agentId: offer.agentId, executorId: executorId(victim), data: Buffer.from('x') }, hostileId);
    // The kill is answered as a question about a task that this framework does not have.
    const { status } = await hostile.next('update', ({ status: { taskId: id } }) => id === victim);
    expect(status.state).toBe('TASK_GONE');
  });

  test("calls in another framework's name are refused and name the field", async () => {
    const other = honest.frameworkId ?? frameworkId('none');
    const number = hostile.say({ kind: 'teardown' }, other);
    const refused = await hostile.next('refused', (event) => event.number === number);
    expect(refused.refusal.field).toBe('framework_id');
    expect(refused.refusal.value).toContain(other);
  });

  test('a call before SUBSCRIBE is refused, and the session may still subscribe', async () => {
    const early = new RawSession(cluster.master);
    const number = early.say({ kind: 'revive', roles: [] });
    expect((await early.next('refused', (event) => event.number === number)).refusal.expected).toMatch(/subscribe/i);
    early.say(subscribe);
    await early.next('subscribed');
    early.close();
  });

  test.each<[claim: string, change: Partial<TaskInfo>, message: RegExp]>([
    ['more than the offer holds', { resources: Resources.ofQuantities(new Map([['cpus', 1_000_000], ['mem', 16_000]])).allocatedTo('*') }, /cpus/],
    ['nothing at all', { resources: Resources.empty }, /resources/],
    ['an agent that is not the offer’s', { agentId: agentId('elsewhere') }, /agent/i],
  ])('a task that asks for %s gets TASK_ERROR with the rule', async (_claim, change, message) => {
    const offer = await anOffer();
    hostile.say({ kind: 'accept', offerIds: [offer.id], operations: [{ kind: 'launch', tasks: [aTask(offer, change)] }], filters: { refuseSeconds: 0 } }, hostileId);
    const { status } = await hostile.next('update');
    expect([status.state, status.reason]).toEqual(['TASK_ERROR', 'REASON_TASK_INVALID']);
    expect(status.message).toMatch(message);
  });

  test('the same offer accepted twice runs the task once', async () => {
    const offer = await anOffer();
    const accept: SchedulerCall = { kind: 'accept', offerIds: [offer.id], operations: [{ kind: 'launch', tasks: [aTask(offer, { taskId: taskId('twice') })] }], filters: { refuseSeconds: 0 } };
    hostile.say(accept, hostileId);
    hostile.say(accept, hostileId);
    const dropped = await hostile.next('update', ({ status }) => status.state === 'TASK_DROPPED');
    expect(dropped.status.reason).toBe('REASON_INVALID_OFFERS');
    await hostile.next('update', ({ status }) => status.state === 'TASK_RUNNING' || status.state === 'TASK_STARTING');
  });

  test('a second SUBSCRIBE under the id of a framework takes its session over, and the old one is told', async () => {
    const second = new RawSession(cluster.master);
    second.say({ ...subscribe, frameworkId: hostileId, frameworkInfo: { ...info, id: hostileId } }, hostileId);
    expect((await second.next('subscribed')).frameworkId).toBe(hostileId);
    expect((await hostile.next('error')).message).toBe('Framework failed over');
    second.close();
  });

  test.each<[claim: string, bytes: Buffer]>([
    ['random bytes', Buffer.from('7b226a736f6e223a2274686973206973206e6f2070726f746f627566227d', 'hex')],
    ['a frame that announces more than it holds', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x7f])],
    ['a call whose fields have other types', Buffer.from([0x0a, 0x06, 0x10, 0xff, 0x01, 0x1a, 0x01, 0x08])],
    ['an empty call', Buffer.from([0x0a, 0x00])],
    ['a frame larger than any link takes', Buffer.alloc(20 * 1024 * 1024)],
  ])('a stream of %s disturbs nobody', async (_claim, bytes) => {
    const method = wireMethod('scheduler', 'Scheduler', 'Session');
    const client = new grpc.Client(cluster.master, grpc.credentials.createInsecure());
    const identity = (value: Buffer): Buffer => value;
    const call = client.makeBidiStreamRequest(method.path, identity, identity);
    const answered = new Promise<void>((resolve) => {
      call.once('data', () => resolve());
      call.once('error', () => resolve());
      call.once('end', () => resolve());
    });
    call.on('error', () => undefined);
    call.write(bytes);
    await answered;
    call.cancel();
    client.close();
  });
});
