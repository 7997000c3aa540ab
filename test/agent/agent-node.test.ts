// Proves that the node carries out in the right order: nothing leaves before what it rests on is durable (H1), nothing meant for one master session
// is said on another (H4), the journal is rewritten only between commits (H5), and after the end there is silence (H3). Ports are fakes.

import type { CheckpointStore } from '../../agent/checkpoint-store';
import { AgentNode, type AgentExit } from '../../agent/agent-node';
import type { ContainerHandlers, Containerizer } from '../../agent/containerizer';
import type { CheckpointRecord, ContainerSpec } from '../../agent/core/agent-step';
import type { AgentMessage, MasterMessage } from '../../common/model/agent-protocol';
import type { ExecutorEvent, ReceivedExecutorCall } from '../../common/model/executor-protocol';
import type { Link, LinkHandler, Log } from '../../common/ports';
import { staticAddresses } from '../../common/leader-session';
import { fakeEnvironment } from '../common/fake-environment';
import { aConfig, anExecutor, aTask, runTask, theAgentId } from './core/agent-harness';

type Done = Parameters<CheckpointStore['append']>[1];

class FakeCheckpoint implements CheckpointStore {
  readonly records: CheckpointRecord[] = [];
  wantsSnapshot = false;
  snapshots = 0;
  outstanding: (() => void)[] = [];
  failure: string | undefined;

  append(records: readonly CheckpointRecord[], done: Done): void {
    this.outstanding.push(() => {
      if (this.failure === undefined) this.records.push(...records);
      done(this.failure === undefined ? { ok: true } : { ok: false, detail: this.failure });
    });
  }

  snapshot(records: readonly CheckpointRecord[], done: Done): void {
    expect(this.outstanding).toEqual([]);
    this.wantsSnapshot = false;
    this.snapshots += 1;
    this.outstanding.push(() => {
      this.records.splice(0, this.records.length, ...records);
      done({ ok: true });
    });
  }

  /** The disk has caught up with the oldest request, or with all. */
  sync(): void {
    this.outstanding.shift()?.();
  }

  syncAll(): void {
    while (this.outstanding.length > 0) this.sync();
  }
}

class FakeContainerizer implements Containerizer {
  readonly launched: { readonly spec: ContainerSpec; readonly handlers: ContainerHandlers }[] = [];
  isClosed = false;
  launch(spec: ContainerSpec, handlers: ContainerHandlers): void {
    this.launched.push({ spec, handlers });
  }
  reattach(): void {}
  signal(): void {}
  destroy(): void {}
  readSandbox(): void {}
  removeSandbox(): void {}
  close(): void {
    this.isClosed = true;
  }
}

interface FakeLink<Out, In> {
  readonly sent: Out[];
  isClosed: boolean;
  readonly handler: LinkHandler<In>;
}

const silentLog: Log = { write: () => undefined, child: () => silentLog };

function makeNode(records: readonly CheckpointRecord[] = []) {
  const environment = fakeEnvironment();
  const checkpoint = new FakeCheckpoint();
  const containerizer = new FakeContainerizer();
  const masters: FakeLink<AgentMessage, MasterMessage>[] = [];
  const exits: AgentExit[] = [];
  const dialer = {
    dial: (_address: string, handler: LinkHandler<MasterMessage>): Link<AgentMessage> => {
      const link: FakeLink<AgentMessage, MasterMessage> = { sent: [], isClosed: false, handler };
      masters.push(link);
      return { send: (messages) => void link.sent.push(...messages), close: () => void (link.isClosed = true) };
    },
  };
  const node = new AgentNode({ config: aConfig, environment, dialer, addresses: staticAddresses(['m:5050']), containerizer, checkpoint, records, log: silentLog, onExit: (exit) => exits.push(exit) });
  const openExecutor = (): FakeLink<ExecutorEvent, ReceivedExecutorCall> => {
    const sent: ExecutorEvent[] = [];
    const link: { isClosed: boolean } = { isClosed: false };
    const handler = node.acceptExecutor({ send: (events) => void sent.push(...events), close: () => void (link.isClosed = true) }, 'pid 1');
    return Object.assign(link, { sent, handler });
  };
  return { node, environment, checkpoint, containerizer, masters, exits, openExecutor, master: () => masters.at(-1)! };
}

/** Started and registered, with everything durable. */
function registered() {
  const made = makeNode();
  made.node.start();
  made.environment.clock.advance(0);
  made.master().handler.messages([{ kind: 'registered', agentId: theAgentId, masterId: 'M' }]);
  made.checkpoint.syncAll();
  made.master().sent.length = 0;
  return made;
}

test('a launch waits for its records, and its updates for theirs', () => {
  const { checkpoint, containerizer, master } = registered();
  master().handler.messages([runTask(aTask('t'))]);
  expect([containerizer.launched.length, master().sent.length]).toEqual([0, 0]);
  checkpoint.sync();
  expect(containerizer.launched).toHaveLength(1);
  expect(master().sent).toMatchObject([{ kind: 'status-update', status: { state: 'TASK_STARTING' } }]);
});

test('an executor’s update is acknowledged only when it is durable', () => {
  const { checkpoint, containerizer, master, openExecutor } = registered();
  master().handler.messages([runTask(aTask('t', { executor: anExecutor() }))]);
  checkpoint.syncAll();
  const { spec, handlers } = containerizer.launched[0]!;
  handlers.started(7, '1');
  const executor = openExecutor();
  const say = (call: Extract<ReceivedExecutorCall, { ok: true }>['value']['call']) =>
    executor.handler.messages([{ ok: true, value: { frameworkId: spec.frameworkId, executorId: spec.executorId, call } }]);
  say({ kind: 'subscribe', token: spec.environment.get('ALLOT_EXECUTOR_TOKEN') ?? '', unacknowledgedTasks: [], unacknowledgedUpdates: [] });
  checkpoint.syncAll();
  executor.sent.length = 0;
  say({ kind: 'update', status: { taskId: aTask('t').taskId, state: 'TASK_RUNNING', uuid: '1'.repeat(32), labels: [] } });
  expect(executor.sent).toEqual([]);
  checkpoint.syncAll();
  expect(executor.sent).toMatchObject([{ kind: 'acknowledged' }]);
  handlers.ended({ status: 0 });
  expect(executor.isClosed).toBe(false); // That, too, waits for the disk.
  checkpoint.syncAll();
  expect(executor.isClosed).toBe(true);
});

test('what was decided for one master is not said to the next, whose first word must be a registration', () => {
  const { environment, checkpoint, masters, master } = registered();
  master().handler.messages([runTask(aTask('t'))]);
  master().handler.closed({ kind: 'silent' });
  environment.clock.advance(60_000);
  expect(masters.length).toBeGreaterThan(1);
  checkpoint.syncAll();
  expect(masters[0]?.sent).toEqual([]);
  expect(master().sent.map((message) => message.kind)).toEqual(['reregister']);
});

test('a disk that fails ends the agent, and nothing that rested on the failed record leaves', () => {
  const { environment, checkpoint, containerizer, master, exits } = registered();
  checkpoint.failure = 'no space left on device';
  master().handler.messages([runTask(aTask('t'))]);
  checkpoint.syncAll();
  environment.clock.advance(0);
  expect(exits).toEqual([{ reason: 'Cannot write the checkpoint journal: no space left on device', isFailure: true }]);
  expect(containerizer.launched).toEqual([]);
  expect(master().sent).toEqual([]);
});

test('the journal is rewritten when nothing is being written, and what comes meanwhile waits for it', () => {
  const { checkpoint, containerizer, master } = registered();
  checkpoint.wantsSnapshot = true;
  master().handler.messages([runTask(aTask('t'))]);
  expect(checkpoint.snapshots).toBe(0);
  checkpoint.sync();
  expect(checkpoint.snapshots).toBe(1);
  containerizer.launched[0]!.handlers.started(7, '1');
  expect(checkpoint.outstanding).toHaveLength(1); // The rewriting only.
  checkpoint.sync();
  checkpoint.syncAll();
  expect(checkpoint.records.map((record) => record.kind)).toEqual(['agent', 'framework', 'executor', 'task', 'update', 'executor-started', 'update']);
  const successor = makeNode(checkpoint.records);
  successor.node.start();
  successor.environment.clock.advance(0);
  expect(successor.master().sent).toMatchObject([{ kind: 'reregister', tasks: [{ state: 'TASK_RUNNING' }] }]);
});

test('one timer serves the core’s deadlines, and the end leaves none', () => {
  const { node, environment, checkpoint, master, exits, containerizer, openExecutor } = registered();
  master().handler.messages([runTask(aTask('t'))]);
  checkpoint.syncAll();
  environment.clock.advance(10_000);
  expect(master().sent).toHaveLength(2); // The update and its first retry.
  const executor = openExecutor();
  node.stop('keep-tasks');
  environment.clock.advance(0);
  expect(exits).toEqual([{ reason: 'Stopped, tasks kept', isFailure: false }]);
  expect([environment.clock.pendingCount, master().isClosed, containerizer.isClosed, executor.isClosed]).toEqual([0, true, true, true]);
  containerizer.launched[0]!.handlers.ended({ status: 0 });
  master().handler.messages([{ kind: 'ping' }]);
  expect(master().sent).toHaveLength(2);
  expect(openExecutor().isClosed).toBe(true);
});

test('a stop waits for what is still being written', () => {
  const { node, environment, checkpoint, master, exits } = registered();
  master().handler.messages([runTask(aTask('t'))]);
  node.stop('keep-tasks');
  environment.clock.advance(0);
  expect(exits).toEqual([]);
  checkpoint.syncAll();
  environment.clock.advance(0);
  expect(exits).toHaveLength(1);
  expect(checkpoint.records.map((record) => record.kind)).toContain('task');
});

test('a node stopped before it was started just ends', () => {
  const { node, environment, exits } = makeNode();
  node.stop('end-tasks');
  environment.clock.advance(0);
  expect(exits).toEqual([{ reason: 'Stopped before it was started', isFailure: false }]);
});
