// Proves that the testing kit does for an author what it says: real masters, agents and drivers in virtual time, parts that can be broken and mended,
// async handlers, executors, and a readable picture when something is never reached.

import { taskId } from '../../../../common/model/ids';
import { Resources } from '../../../../common/model/resources';
import { executor, task, type TaskDraft } from '../../../../frameworks/sdk/task-builder';
import type { SchedulerOptions } from '../../../../frameworks/sdk/scheduler-options';
import { VirtualCluster, virtualTaskRunner } from '../../../../frameworks/sdk/testing';

/** A scheduler that launches `command` once, as soon as it can. */
function once(command: string, states: string[], over: Partial<SchedulerOptions> = {}): SchedulerOptions {
  let isLaunched = false;
  return {
    name: 'once',
    offers: ([offer], driver) => {
      if (offer && !isLaunched) isLaunched = driver.launch(offer, [task({ name: 'one', id: 'one', command, resources: 'cpus:1;mem:128' })]).launched.length > 0;
    },
    update: ({ state }) => {
      states.push(state);
    },
    ...over,
  };
}

test('a scheduler runs a task to its end within virtual seconds', async () => {
  const cluster = new VirtualCluster();
  const states: string[] = [];
  cluster.runScheduler(once('sleep 5', states));
  await cluster.until(() => states.includes('TASK_FINISHED'), { within: '10s' });
  expect(states).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']);
  await cluster.advance(100); // The acknowledgement is on its way.
  expect(cluster.state()?.agents).toMatchObject([{ info: { hostname: 'agent-0' }, state: 'active', taskCount: 0 }]);
});

test('async handlers behave: promises that can settle have settled before time passes on', async () => {
  const cluster = new VirtualCluster();
  const states: string[] = [];
  const update: SchedulerOptions['update'] = async ({ state }) => {
    for (let hop = 0; hop < 20; hop += 1) await Promise.resolve();
    states.push(state);
  };
  cluster.runScheduler(once('true', states, { update }));
  await cluster.until(() => states.includes('TASK_FINISHED'), { within: '2s' });
  expect(states).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']);
});

test('constraints on offers hold as on a real master, regular expressions too', async () => {
  const cluster = new VirtualCluster({ agents: [{ attributes: 'rack:r1' }, { attributes: 'rack:r2' }, {}, { attributes: 'rack:row-2' }] });
  const hostnames = new Set<string>();
  cluster.runScheduler({
    name: 'picky',
    roles: ['eng'],
    offers: (offers) => {
      for (const { hostname } of offers) hostnames.add(hostname);
    },
    offerConstraints: new Map([
      [
        'eng',
        [
          [
            { selector: { kind: 'pseudoattribute', name: 'HOSTNAME' }, predicate: { kind: 'text-matches', regex: 'agent-[1-9][0-9]*' } },
            { selector: { kind: 'attribute', name: 'rack' }, predicate: { kind: 'text-not-matches', regex: 'r\\d+' } },
          ],
        ],
      ],
    ]),
  });
  await cluster.advance('3s');
  expect([...hostnames].sort()).toEqual(['agent-2', 'agent-3']);
});

test('an executor written on the SDK runs in a container, and its result arrives', async () => {
  const worker = virtualTaskRunner({ run: ({ data }) => ({ message: `got ${new TextDecoder().decode(data)}` }) });
  const cluster = new VirtualCluster({ executors: { worker }, agents: [{ resources: 'cpus:2;mem:256' }] });
  const messages: (string | undefined)[] = [];
  cluster.runScheduler({
    name: 'workers',
    offers: ([offer], driver) => {
      if (offer && driver.liveTaskCount === 0 && messages.length === 0) driver.launch(offer, [task({ name: 't', executor: executor({ id: 'w', command: 'worker' }), data: 'work', resources: 'cpus:1;mem:64' })]);
    },
    update: ({ state, message }) => {
      if (state === 'TASK_FINISHED') messages.push(message);
    },
  });
  await cluster.until(() => messages.length > 0);
  expect(messages).toEqual(['got work']);
});

test('programs can be given by name, and see their container', async () => {
  const seen: string[] = [];
  const cluster = new VirtualCluster({
    programs: {
      mine: (process) => {
        seen.push(process.spec.command.value ?? '');
        process.exit({ status: 7 });
      },
    },
  });
  const states: string[] = [];
  cluster.runScheduler(once('mine --well', states));
  await cluster.until(() => states.includes('TASK_FAILED'));
  expect(seen).toEqual(['mine --well']);
});

test('an agent whose report is too large for one message tells the next leader all of it, and its tasks run on', async () => {
  const worker = virtualTaskRunner({ run: (_task, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())) });
  let partCount = 0;
  const cluster = new VirtualCluster({
    masters: 2,
    executors: { worker },
    observe: (sight) => {
      if (sight.source === 'network' && sight.sight.kind === 'delivered') for (const message of sight.sight.messages as readonly { kind?: string }[]) if (message.kind === 'report-part') partCount += 1;
    },
  });
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
  const running = new Set<string>();
  const others: string[] = [];
  const large = (id: string) => executor({ id, command: 'worker', data: new Uint8Array(1_000_000) });
  let waiting: readonly TaskDraft[] = ids.map((id) => task({ name: id, id, executor: large(id), resources: 'cpus:0.1;mem:32' }));
  cluster.runScheduler({
    name: 'large',
    offers: (offers, driver) => {
      // Together they are more than one call carries.
      for (const offer of offers) if (waiting.length > 0) waiting = driver.launch(offer, waiting).rest;
    },
    update: ({ taskId: id, state }) => void (state === 'TASK_RUNNING' ? running.add(id) : others.push(`${id} ${state}`)),
  });
  await cluster.until(() => running.size === ids.length);
  expect(cluster.killLeader()?.isAlive).toBe(false);
  await cluster.until(() => cluster.state()?.tasks.length === ids.length, { within: '2m' });
  await cluster.advance('60s');
  expect(cluster.state()?.tasks.map(({ id, state }) => `${id} ${state}`).sort()).toEqual(ids.map((id) => `${id} TASK_RUNNING`));
  expect([partCount > 0, others]).toEqual([true, []]);
});

test('an ACCEPT whose RESERVE is dropped launches its task all the same, and scheduler and master agree on that', async () => {
  const cluster = new VirtualCluster();
  const heard: string[] = [];
  let isAccepted = false;
  cluster.runScheduler({
    name: 'both',
    offers: ([offer], driver) => {
      if (!offer || isAccepted) return;
      isAccepted = true;
      const { taskId: _chosenBelow, ...draft } = task({ name: 'one', command: 'sleep 600', resources: 'cpus:1;mem:128' });
      const reserved = Resources.ofQuantities(new Map([['cpus', 1_000]]));
      const launched = { ...draft, taskId: taskId('one'), agentId: offer.agentId, resources: Resources.ofQuantities(new Map([['cpus', 1_000], ['mem', 128_000]])) };
      driver.accept([offer], [{ kind: 'reserve', id: 'mine', resources: reserved, source: Resources.empty }, { kind: 'launch', tasks: [launched] }]);
    },
    update: ({ state }) => void heard.push(state),
    operationUpdate: ({ operationId, state, message }) => void heard.push(`${operationId} ${state} ${message}`),
    refused: ({ text }) => void heard.push(text),
  });
  await cluster.advance('60s');
  expect(heard).toEqual([expect.stringMatching(/^mine OPERATION_ERROR accept\.operations\[0\]\.type: .*RESERVE is not supported yet/), 'TASK_STARTING', 'TASK_RUNNING']);
  expect(cluster.state()?.tasks).toMatchObject([{ id: 'one', state: 'TASK_RUNNING' }]);
});

test('tasks outlive the leader, the agent process and the scheduler process', async () => {
  const cluster = new VirtualCluster({ masters: 3 });
  const states: string[] = [];
  const options = once('sleep 60', states);
  const driver = cluster.runScheduler(options);
  await cluster.until(() => states.includes('TASK_RUNNING'));
  expect(cluster.killLeader()?.isAlive).toBe(false);
  await cluster.until(() => cluster.leader !== undefined);
  cluster.killAgent(0);
  await cluster.advance('5s');
  cluster.restartAgent(0);
  const frameworkId = driver.frameworkId ?? '';
  cluster.killScheduler('once');
  await cluster.advance('5s');
  cluster.runScheduler({ ...options, frameworkId });
  await cluster.until(() => states.includes('TASK_FINISHED'), { within: '2m' });
  expect(states.filter((state) => state === 'TASK_FINISHED')).toHaveLength(1);
});

test('what is never reached fails with the seed and a picture of the cluster', async () => {
  const cluster = new VirtualCluster({ seed: 42, agents: [{ resources: 'cpus:0.5;mem:64' }] });
  const states: string[] = [];
  cluster.runScheduler(once('true', states));
  await expect(cluster.until(() => states.length > 0, { within: '10s', what: 'the task starts' })).rejects.toThrow(
    /Not reached within 10s of virtual time \(seed 42\): the task starts[^]*master-0: leading[^]*agent-0: alive[^]*framework once/,
  );
  expect(cluster.clock.nowMs()).toBe(10_000);
});

test('options that make no sense are refused by name', () => {
  expect(() => new VirtualCluster({ agents: [{ resources: 'cpus:many' }] })).toThrow(/resources\[0\]/);
  expect(() => new VirtualCluster().killAgent(1)).toThrow('There are 1 agents, numbered from 0: current value is 1');
});

test('the same seed gives the same run, another seed another', async () => {
  const run = async (seed: number): Promise<string> => {
    const lines: string[] = [];
    const cluster = new VirtualCluster({ seed, masters: 2, observe: (sight) => void lines.push(sight.source === 'log' ? sight.line : JSON.stringify(sight, ['source', 'kind', 'link', 'from', 'to'])) });
    cluster.runScheduler(once('sleep 1', []));
    await cluster.advance('10s');
    return lines.join('\n');
  };
  expect(await run(5)).toBe(await run(5));
  expect(await run(5)).not.toBe(await run(6));
});
