// Proves that importing the SDK loads no transport (W1), and that mistakes in options and variables are told by name before anything is dialed.

import { connectScheduler, runExecutor, runScheduler } from '../../../frameworks/sdk/index';

let loads = 0;
jest.mock('../../../proto/grpc-link', () => {
  loads += 1;
  return { schedulerDialer: () => ({ dial: () => ({ send: () => undefined, close: () => undefined }) }) };
});

test('importing the SDK loads no transport; connecting does', () => {
  expect(loads).toBe(0);
  connectScheduler({ name: 'x', master: 'localhost:1' });
  expect(loads).toBe(1);
});

test('many drivers in one process share one log: their number does not add listeners to stderr', () => {
  connectScheduler({ name: 'x', master: 'localhost:1' });
  const before = process.stderr.listenerCount('error');
  for (let count = 0; count < 20; count += 1) connectScheduler({ name: `x-${count}`, master: 'localhost:1' });
  expect(process.stderr.listenerCount('error')).toBe(before);
});

test.each(['nowhere', 'http://m:5050', 'm:0', ''])('the master %j is refused by the name of its option', async (master) => {
  await expect(runScheduler({ name: 'x', master })).rejects.toMatchObject({ code: 'INPUT_REFUSED', data: { refusal: { field: 'master' } } });
});

test('an executor that no agent started says which variable is missing', async () => {
  await expect(runExecutor({ run: () => undefined })).rejects.toMatchObject({ code: 'INPUT_REFUSED', data: { refusal: { field: 'ALLOT_AGENT_SOCKET' } } });
});
