// Proves that the sample framework, as authors read it, launches what fits, tries again what was lost, prints, and ends.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { staticAddresses } from '../../../common/leader-session';
import type { TaskId } from '../../../common/model/ids';
import type { SchedulerCallEnvelope, SchedulerEvent } from '../../../common/model/scheduler-protocol';
import { SchedulerDriver } from '../../../frameworks/sdk/scheduler-driver';
import { fakeEnvironment } from '../../common/fake-environment';
import { anOffer, aStatus, FakeDialer, memoryLog, subscribed } from './fake-peer';
import { runCommands } from './forty-lines';

test('three commands over two offers: one is lost and runs again, each result is printed, and the framework tears itself down', () => {
  const environment = fakeEnvironment();
  const dialer = new FakeDialer<SchedulerCallEnvelope, SchedulerEvent>();
  const printed: string[] = [];
  const driver = new SchedulerDriver(runCommands(['true', 'false', 'sleep 1'], (line) => printed.push(line)), {
    environment,
    dialer,
    addresses: staticAddresses(['m:5050']),
    log: memoryLog(),
  });
  let ended = 0;
  driver.whenEnded(() => (ended += 1));
  driver.start();
  environment.clock.advance(0);
  const launched = (): TaskId[] =>
    dialer.link.take().flatMap(({ call }) => (call.kind === 'accept' ? call.operations.flatMap((op) => (op.kind === 'launch' ? op.tasks.map(({ taskId }) => taskId) : [])) : []));
  const report = (id: TaskId | undefined, state: 'TASK_FINISHED' | 'TASK_FAILED' | 'TASK_UNREACHABLE', message?: string): void =>
    dialer.link.say({ kind: 'update', status: aStatus(id ?? 'nobody', state, message === undefined ? {} : { message }) });

  dialer.link.say(subscribed(), { kind: 'offers', offers: [anOffer({ id: 'o-1', resources: 'cpus:0.2;mem:64' }), anOffer({ id: 'o-2', resources: 'cpus:8;mem:512' })] });
  const [first, second, third, ...others] = launched();
  expect(others).toEqual([]);
  report(first, 'TASK_FINISHED');
  report(second, 'TASK_FAILED', 'Command exited with status 1');
  report(third, 'TASK_UNREACHABLE');
  expect(dialer.link.batches.flat().map(({ call }) => call.kind)).toEqual(['acknowledge', 'acknowledge', 'kill', 'acknowledge', 'revive']);
  dialer.link.say({ kind: 'offers', offers: [anOffer({ id: 'o-3' })] });
  const [again] = launched();
  expect(again).not.toBe(third);
  report(again, 'TASK_FINISHED');
  environment.clock.advance(0);
  expect(dialer.link.take().map(({ call }) => call.kind)).toContain('teardown');
  dialer.link.cut({ kind: 'closed' });
  expect(printed).toEqual(['true: TASK_FINISHED', 'false: TASK_FAILED Command exited with status 1', 'sleep 1: TASK_FINISHED']);
  expect(ended).toBe(1);
});

test('the sample is what the README promises: forty lines', () => {
  const lines = readFileSync(join(__dirname, 'forty-lines.ts'), 'utf8').trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(40);
});
