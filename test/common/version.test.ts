// The version in the code is that of the package, so that nobody reports a bug of the wrong release.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { version } from '../../common/version';

test('the version in the code is the version of the package', () => {
  const { version: packaged } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as { version: string };
  expect(version).toBe(packaged);
});
