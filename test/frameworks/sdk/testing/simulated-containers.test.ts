// Proves that simulated containers keep the promises of the containerizer port, over the lives of an agent and the death of its machine.

import { containerId, executorId, frameworkId, type ContainerId } from '../../../../common/model/ids';
import { Resources } from '../../../../common/model/resources';
import type { ContainerSpec } from '../../../../agent/core/agent-step';
import { SeededRandom } from '../../../../frameworks/sdk/testing/seeded-random';
import { SimulatedMachine } from '../../../../frameworks/sdk/testing/simulated-containers';
import { VirtualClock } from '../../../../frameworks/sdk/testing/virtual-clock';

const theId = containerId('c');

function spec(value: string, id: ContainerId = theId): ContainerSpec {
  const command = { uris: [], environment: [], value, shell: true, arguments: [] };
  return { containerId: id, frameworkId: frameworkId('f'), executorId: executorId('e'), command, environment: new Map(), user: '', resources: Resources.empty };
}

function aMachine(launchFailureProbability = 0) {
  const clock = new VirtualClock();
  const machine = new SimulatedMachine({ clock, random: new SeededRandom(1), launchFailureProbability });
  const life = clock.scope();
  const containerizer = machine.containerizer(life);
  const news: string[] = [];
  let pid = 0;
  const handlers = {
    started: (at: number) => {
      pid = at;
      news.push('started');
    },
    failed: (message: string) => news.push(`failed ${message}`),
    ended: (exit: { status?: number; signal?: string }) => news.push(`ended ${exit.status ?? exit.signal ?? 'unseen'}`),
  };
  return { clock, machine, life, containerizer, news, handlers, pid: () => pid };
}

test.each([
  ['true', 100, ['started', 'ended 0']],
  ['false', 100, ['started', 'ended 1']],
  ['exit 3', 100, ['started', 'ended 3']],
  ['no-such-program', 100, ['started', 'ended 127']],
  ['sleep 5', 100, ['started']],
  ['sleep 5', 6_000, ['started', 'ended 0']],
])('`%s` after %i ms: %j', (command, ms, expected) => {
  const { clock, containerizer, news, handlers } = aMachine();
  containerizer.launch(spec(command), handlers);
  expect(news).toEqual([]);
  clock.advance(ms);
  expect(news).toEqual(expected);
});

test.each([
  ['sleep 100', ['started', 'ended SIGTERM']],
  ['ignore-term 100', ['started']],
])('SIGTERM to `%s`: %j', (command, expected) => {
  const { clock, containerizer, news, handlers } = aMachine();
  containerizer.launch(spec(command), handlers);
  clock.advance(100);
  containerizer.signal(theId, 'SIGTERM');
  clock.advance(100);
  expect(news).toEqual(expected);
  containerizer.destroy(theId);
  clock.advance(100);
  expect(news).toEqual(expected.length === 1 ? ['started', 'ended SIGKILL'] : expected);
});

test('a launch that is destroyed before it began fails, and runs nothing', () => {
  const { clock, machine, containerizer, news, handlers } = aMachine();
  containerizer.launch(spec('sleep 5'), handlers);
  containerizer.destroy(theId);
  clock.advance(100);
  expect([news, machine.specs()]).toEqual([['failed Destroyed while it was being prepared'], []]);
});

test('a launch may fail, if the machine is to fail launches', () => {
  const { clock, containerizer, news, handlers } = aMachine(1);
  containerizer.launch(spec('true'), handlers);
  clock.advance(100);
  expect(news).toEqual(['failed The simulated machine could not start the command']);
});

test('a container outlives its agent, and the next life hears of its end, now or already past', () => {
  const { clock, machine, life, containerizer, news, handlers, pid } = aMachine();
  containerizer.launch(spec('sleep 5'), handlers);
  clock.advance(1_000);
  life.stop();
  machine.agentCrashed();
  const next = machine.containerizer(clock);
  next.reattach(theId, pid(), `boot+${pid()}`, { found: (ageMs) => news.push(`found: ${ageMs > 0}`), ended: (exit) => news.push(`reattached: ${exit.status}`) });
  clock.advance(10_000);
  next.reattach(theId, pid(), `boot+${pid()}`, { found: () => news.push('found too late'), ended: (exit) => news.push(`late: ${exit.status}`) });
  clock.advance(1);
  expect(news).toEqual(['started', 'found: true', 'reattached: 0', 'late: 0']);
});

test('a machine that dies takes its containers with it, unseen', () => {
  const { clock, machine, containerizer, news, handlers } = aMachine();
  containerizer.launch(spec('sleep 5'), handlers);
  clock.advance(100);
  machine.crash();
  clock.advance(10_000);
  expect([news, machine.specs()]).toEqual([['started'], []]);
});

test('what nobody has a record of is ended before the next life recovers', () => {
  const { clock, machine, containerizer, handlers } = aMachine();
  containerizer.launch(spec('sleep 5'), handlers);
  containerizer.launch(spec('sleep 5', containerId('known')), handlers);
  clock.advance(100);
  machine.endOrphans(new Set([containerId('known')]));
  expect(machine.specs().map((one) => one.containerId)).toEqual(['known']);
});

test('what a program prints can be read, from the front and from the back, until its sandbox is removed', () => {
  const { clock, containerizer, handlers } = aMachine();
  containerizer.launch(spec('echo hello'), handlers);
  clock.advance(100);
  const read = (offset: number, lengthMax: number): string => {
    let text = '';
    containerizer.readSandbox(theId, 'stdout', offset, lengthMax, (outcome) => (text = outcome.ok ? new TextDecoder().decode(outcome.data) : outcome.message));
    clock.advance(1);
    return text;
  };
  expect([read(0, 3), read(-3, 100), read(100, 1)]).toEqual(['hel', 'lo\n', '']);
  containerizer.removeSandbox(theId);
  expect(read(0, 1)).toMatch('There is no stdout');
});
