// `--http-port`: a port, any port, or none.

import { parseHttpPort } from '../../common/http-port';

test.each<[text: string, value: number | 'none']>([['5080', 5080], ['0', 0], ['65535', 65_535], ['none', 'none']])('%j is taken', (text, value) => {
  expect(parseHttpPort(text, 'f')).toEqual({ ok: true, value });
});

test.each(['65536', '-1', 'off', '80 ', '1e3', ''])('%j is refused', (text) => {
  expect(parseHttpPort(text, 'f')).toMatchObject({ ok: false, refusal: { field: 'f' } });
});
