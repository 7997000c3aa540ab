// Scripted failures: the ones that a reader asks about, each with its exact moment. Proves what becomes of tasks when the leader dies between accepting a
// launch and passing it on, when a path is half-open, when a machine dies before its disk has synced, when a scheduler dies right after a launch, when
// etcd is away for a minute, what becomes of a kill whose agent is away, and that what simulations found stays mended.

import { taskId as brandTaskId } from '../../common/model/ids';
import type { MasterMessage } from '../../common/model/agent-protocol';
import type { SchedulerEvent } from '../../common/model/scheduler-protocol';
import type { SchedulerDriver } from '../../frameworks/sdk/scheduler-driver';
import { executor, task } from '../../frameworks/sdk/task-builder';
import { VirtualCluster, virtualTaskRunner, type ClusterSight, type VirtualClusterOptions } from '../../frameworks/sdk/testing';

/** A cluster with one scheduler that launches `commands` once, and remembers all that it is told. */
class Scene {
  readonly cluster: VirtualCluster;
  readonly told = new Map<string, string[]>();
  readonly starts = new Map<string, number>();
  frameworkId = '';
  private hooks: { readonly matches: (sight: ClusterSight) => boolean; readonly act: () => void }[] = [];
  private isLaunched = false;
  private current: SchedulerDriver | undefined;

  constructor(
    private readonly commands: readonly string[],
    options: VirtualClusterOptions = {},
  ) {
    this.cluster = new VirtualCluster({ masters: 2, ...options, observe: (sight) => this.see(sight) });
    this.startScheduler();
  }

  /** As `act` would by hand, right after the first sight that matches. */
  when(matches: (sight: ClusterSight) => boolean, act: () => void): void {
    this.hooks.push({ matches, act });
  }

  get driver(): SchedulerDriver {
    if (this.current === undefined) throw new Error('There is a scheduler');
    return this.current;
  }

  startScheduler(): void {
    this.current = this.cluster.runScheduler({
      name: 'scene',
      failoverTimeoutMs: 3_600_000,
      ...(this.frameworkId !== '' && { frameworkId: this.frameworkId }),
      knownTasks: this.isLaunched ? this.commands.map((_, index) => ({ taskId: brandTaskId(`t${index}`) })) : [],
      subscribed: (frameworkId) => {
        this.frameworkId = frameworkId;
      },
      offers: ([offer], driver) => {
        if (!offer || this.isLaunched) return;
        this.isLaunched = true;
        driver.launch(offer, this.commands.map((command, index) => task({ name: 't', id: `t${index}`, command, resources: 'cpus:0.1;mem:32' })));
      },
      update: ({ taskId, state }) => {
        const states = this.told.get(taskId) ?? [];
        this.told.set(taskId, states);
        if (states.at(-1) !== state) states.push(state);
      },
    });
  }

  /** Newest state of each task. */
  get states(): (string | undefined)[] {
    return this.commands.map((_, index) => this.told.get(`t${index}`)?.at(-1));
  }

  async untilStates(expected: readonly string[], within = '5m'): Promise<void> {
    await this.cluster.until(() => this.states.join() === expected.join(), { within, what: `states ${expected.join()}` });
  }

  private see(sight: ClusterSight): void {
    if (sight.source === 'container' && sight.sight.kind === 'started') {
      const id = sight.sight.spec.executorId;
      this.starts.set(id, (this.starts.get(id) ?? 0) + 1);
    }
    const due = this.hooks.filter(({ matches }) => matches(sight));
    this.hooks = this.hooks.filter((hook) => !due.includes(hook));
    for (const { act } of due) this.cluster.clock.schedule(0, act);
  }
}

const network = (sight: ClusterSight) => (sight.source === 'network' ? sight.sight : undefined);

/** A message of that kind is sent, or delivered. */
function says(at: 'sent' | 'delivered', kind: (MasterMessage | SchedulerEvent)['kind'] | 'accept') {
  return (sight: ClusterSight): boolean => {
    const seen = network(sight);
    if (seen?.kind !== at) return false;
    return seen.messages.some((message) => {
      const { kind: own, call } = message as { kind?: string; call?: { kind?: string } };
      return (call?.kind ?? own) === kind;
    });
  };
}

const endOrRun = ['TASK_RUNNING', 'TASK_FINISHED', 'TASK_GONE', 'TASK_DROPPED', 'TASK_LOST', 'TASK_UNKNOWN'];

test.each([
  ['as the launch leaves the scheduler', says('sent', 'accept')],
  ['as the launch arrives', says('delivered', 'accept')],
  ['as the launch leaves the master', says('sent', 'run-task')],
  ['as the launch arrives at the agent', says('delivered', 'run-task')],
])('the leader dies %s: each task runs once or its scheduler hears that it never will', async (_claim, moment) => {
  for (let seed = 1; seed <= 5; seed += 1) {
    const scene = new Scene(['sleep 3600', 'sleep 3600', 'true'], { seed });
    scene.when(moment, () => scene.cluster.killLeader());
    await scene.cluster.until(() => scene.states.every((state) => endOrRun.includes(state ?? '')), { within: '2m' });
    await scene.cluster.advance('1m');
    for (const [index, state] of scene.states.entries()) expect(scene.starts.get(`t${index}`) ?? 0).toBe(state === 'TASK_RUNNING' || state === 'TASK_FINISHED' ? 1 : 0);
  }
});

test('a half-open agent is found by silence, its task is unreachable while it is away, and running again when it is back', async () => {
  const scene = new Scene(['sleep 36000']);
  await scene.untilStates(['TASK_RUNNING']);
  scene.cluster.cutOneWay('agent-0', 'host');
  await scene.cluster.advance('30s');
  expect(scene.cluster.state()?.agents).toMatchObject([{ state: 'disconnected' }]);
  expect(scene.states).toEqual(['TASK_RUNNING']);
  await scene.untilStates(['TASK_UNREACHABLE'], '90s');
  scene.cluster.healAgent(0);
  await scene.untilStates(['TASK_RUNNING'], '30s');
  expect(scene.starts.get('t0')).toBe(1);
});

test('a task killed while it is unreachable ends when its agent is back', async () => {
  const scene = new Scene(['sleep 36000'], { agents: [{ resources: 'cpus:1;mem:512' }] });
  await scene.untilStates(['TASK_RUNNING']);
  scene.cluster.cutAgent(0);
  await scene.untilStates(['TASK_UNREACHABLE']);
  expect(scene.driver.kill('t0')).toEqual({ sent: true });
  scene.cluster.healAgent(0);
  await scene.untilStates(['TASK_KILLED'], '1m');
  expect(scene.cluster.agents[0]?.machine.specs()).toEqual([]);
});

test('a kill without a session reaches its task through the next leader, whoever comes back to it first', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const scene = new Scene(['sleep 36000'], { seed, agents: [{ resources: 'cpus:1;mem:512' }] });
    await scene.untilStates(['TASK_RUNNING']);
    const isAgentLate = seed % 2 === 0;
    scene.cluster.killLeader();
    if (isAgentLate) scene.cluster.cutAgent(0);
    await scene.cluster.until(() => !scene.driver.isSubscribed);
    expect(scene.driver.kill('t0')).toEqual({ sent: false, reason: 'not-subscribed' });
    await scene.cluster.until(() => scene.driver.isSubscribed);
    if (isAgentLate) {
      await scene.cluster.advance('1s');
      scene.cluster.healAgent(0);
    }
    await scene.untilStates(['TASK_KILLED'], '2m');
    expect(scene.cluster.agents[0]?.machine.specs()).toEqual([]);
  }
});

test('a machine that dies before its disk has synced has told nobody of what it forgets: the task is dropped or failed, and never runs twice', async () => {
  const ends = new Set<string | undefined>();
  for (let seed = 1; seed <= 30; seed += 1) {
    const scene = new Scene(['sleep 3600'], { seed, agents: [{ resources: 'cpus:1;mem:128' }] });
    scene.when((sight) => sight.source === 'disk' && sight.record.kind === 'task', () => scene.cluster.crashMachine(0));
    await scene.cluster.advance('10s');
    scene.cluster.restartAgent(0);
    await scene.cluster.until(() => /DROPPED|FAILED|GONE/.test(scene.states[0] ?? ''), { within: '3m' });
    ends.add(scene.states[0]);
    expect(scene.starts.get('t0') ?? 0).toBeLessThanOrEqual(1);
    expect(scene.cluster.agents[0]?.machine.specs()).toEqual([]);
  }
  expect([...ends].sort()).toEqual(['TASK_DROPPED', 'TASK_FAILED']);
});

test('a machine that stays away past the timeout and returns without its task answers for it: nothing stays unreachable beside a live agent', async () => {
  const scene = new Scene(['sleep 36000']);
  scene.when(says('sent', 'run-task'), () => scene.cluster.crashMachine(0));
  await scene.untilStates(['TASK_UNREACHABLE']);
  scene.cluster.restartAgent(0);
  await scene.untilStates(['TASK_DROPPED'], '30s');
});

test('a scheduler that dies right after its launch finds its tasks again under its framework id', async () => {
  const scene = new Scene(['sleep 3600', 'true', 'false']);
  scene.when(says('sent', 'accept'), () => scene.cluster.killScheduler('scene'));
  await scene.cluster.advance('30s');
  expect(scene.told.size).toBe(0);
  scene.startScheduler();
  const gone = ['TASK_GONE', 'TASK_UNKNOWN'];
  const ends = ['TASK_RUNNING', 'TASK_FINISHED', 'TASK_FAILED'];
  await scene.cluster.until(() => scene.states.every((state, index) => [...gone, ends[index]].includes(state)), { within: '2m' });
  for (const [index, end] of ends.entries()) {
    expect(scene.starts.get(`t${index}`) ?? 0).toBe(scene.states[index] === end ? 1 : 0);
  }
});

test('etcd is away for a minute: tasks run on and end, nothing is lost, and the masters say what they wait for', async () => {
  const scene = new Scene(['sleep 3600', 'sleep 20', 'sleep 40']);
  await scene.untilStates(['TASK_RUNNING', 'TASK_RUNNING', 'TASK_RUNNING']);
  scene.cluster.etcd.isDown = true;
  await scene.cluster.advance('1m');
  expect(scene.cluster.leader).toBeUndefined();
  expect(scene.cluster.masters.map(({ node }) => node?.health.waitingFor)).toEqual(['Cannot reach the simulated etcd', 'Cannot reach the simulated etcd']);
  expect(scene.states).toEqual(['TASK_RUNNING', 'TASK_RUNNING', 'TASK_RUNNING']);
  scene.cluster.healAll();
  await scene.untilStates(['TASK_RUNNING', 'TASK_FINISHED', 'TASK_FINISHED'], '1m');
  expect([...scene.starts.values()]).toEqual([1, 1, 1]);
  expect(scene.told.get('t0')).toEqual(['TASK_STARTING', 'TASK_RUNNING']);
});

test('a leader that stood still past its lease says nothing more, whatever was waiting for it', async () => {
  const spoke: string[] = [];
  const cluster = new VirtualCluster({
    masters: 2,
    observe: (sight) => {
      const seen = network(sight);
      if (seen?.kind === 'sent' && seen.from.startsWith('master-') && cluster.etcd.leader() !== `${seen.from}:5050`) spoke.push(seen.from);
    },
  });
  await cluster.until(() => cluster.leader !== undefined);
  const stalled = cluster.leader;
  cluster.runScheduler({ name: 's', offers: () => undefined });
  await cluster.advance('2s');
  stalled?.process.stall(12_000);
  await cluster.advance('1m');
  expect(cluster.leader).toBeDefined();
  expect(spoke).toEqual([]);
});

test('an executor that dies while its agent registers is not charged for ever', async () => {
  const worker = virtualTaskRunner({ run: ({ name }) => new Promise((resolve) => (name === 'long' ? undefined : resolve())) });
  const cluster = new VirtualCluster({ executors: { worker } });
  let isLaunched = false;
  cluster.runScheduler({
    name: 's',
    failoverTimeoutMs: 3_600_000,
    offers: ([offer], driver) => {
      if (offer && !isLaunched) isLaunched = driver.launch(offer, [task({ name: 'long', executor: executor({ id: 'w', command: 'worker' }), resources: 'cpus:1;mem:64' })]).launched.length > 0;
    },
  });
  await cluster.until(() => cluster.state()?.tasks[0]?.state === 'TASK_RUNNING');
  expect(cluster.state()?.agents[0]?.allocated.scalar('cpus')).toBe(1_100);
  // A slow master answers the registration late; meanwhile the executor dies.
  cluster.killLeader();
  cluster.network.slow('master-0', 3_000);
  cluster.restartMaster(0);
  let isKilled = false;
  const [agent] = cluster.agents;
  const [spec] = agent?.machine.specs() ?? [];
  await cluster.until(() => {
    if (cluster.state()?.agents[0]?.state === 'active' && !isKilled && spec) {
      isKilled = true;
      agent?.machine.kill(spec.containerId);
    }
    return isKilled;
  });
  cluster.network.healAll();
  await cluster.until(() => (cluster.state()?.agents[0]?.allocated.scalar('cpus') ?? -1) === 0, { within: '1m' });
});
