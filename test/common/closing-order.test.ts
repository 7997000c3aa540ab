// D1: everything opened is closed once, last first, also when closing fails.

import { ClosingOrder } from '../../common/closing-order';

test('everything is closed once, last first, and the first failure is told after all', async () => {
  const closed: string[] = [];
  const order = new ClosingOrder();
  for (const name of ['a', 'b', 'c']) {
    order.add(async () => {
      closed.push(name);
      if (name !== 'a') throw new Error(`${name} does not close`);
    });
  }
  await expect(order.closeAll()).rejects.toThrow('c does not close');
  expect(closed).toEqual(['c', 'b', 'a']);
  await order.closeAll();
  expect(closed).toEqual(['c', 'b', 'a']);
});
