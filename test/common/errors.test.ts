// Proves that every failure has a readable line, and that anything thrown can be told in one.

import { AllotError, describeError, isAbortError, isAllotError, type AllotErrorCode, type AllotErrorData } from '../../common/errors';
import { BugError } from '../../common/invariant';

const examples: { readonly [Code in AllotErrorCode]: readonly [Extract<AllotErrorData, { code: Code }>, string] } = {
  INPUT_REFUSED: [
    { code: 'INPUT_REFUSED', refusal: { field: '--port', value: '"x"', expected: 'a whole number' } },
    '--port: current value is "x", expected a whole number',
  ],
  OPERATION_FAILED: [{ code: 'OPERATION_FAILED', action: 'read the file a', detail: 'it is a directory' }, 'Cannot read the file a: it is a directory'],
  LISTEN_FAILED: [
    { code: 'LISTEN_FAILED', purpose: 'the status server', address: '0.0.0.0:80', detail: 'permission denied' },
    'Cannot open the status server at 0.0.0.0:80: permission denied',
  ],
  DEADLINE_PASSED: [{ code: 'DEADLINE_PASSED', action: 'reach the master', afterMs: 500 }, 'Cannot reach the master: no answer within 500 ms'],
  ETCD_UNREACHABLE: [{ code: 'ETCD_UNREACHABLE', addresses: ['a:1', 'b:2'], detail: 'connection refused' }, 'Cannot reach etcd at a:1, b:2: connection refused'],
  ETCD_REFUSED: [{ code: 'ETCD_REFUSED', address: 'a:1', detail: 'request is too large' }, 'Cannot get it done as etcd at a:1 refuses: request is too large'],
  DIRECTORY_LOCKED: [
    { code: 'DIRECTORY_LOCKED', directory: '/d', pid: 7 },
    'Cannot use the directory /d: process 7 is using it; stop that process or name another directory',
  ],
  JOURNAL_CORRUPT: [
    { code: 'JOURNAL_CORRUPT', file: '/d/log', offset: 20, detail: 'a record is damaged' },
    'Cannot trust the journal file /d/log: a record is damaged at byte 20; restore the directory from a backup, or move it away to start without its records',
  ],
  JOURNAL_FAILED: [
    { code: 'JOURNAL_FAILED', directory: '/d', operation: 'writing /d/log', detail: 'ENOSPC' },
    'Cannot keep the journal in /d: writing /d/log failed: ENOSPC; mend the disk or free space, then start again',
  ],
  JOURNAL_CLOSED: [{ code: 'JOURNAL_CLOSED', directory: '/d' }, 'Cannot use the journal in /d: it is closed'],
};

test.each(Object.values(examples))('$code has a sentence that says what, why and what next', (data, sentence) => {
  const error = new AllotError(data);
  expect(error.message).toBe(sentence);
  expect(describeError(error)).toBe(sentence);
  expect(error.code).toBe(data.code);
  expect(error.data).toBe(data);
});

test('the cause is kept', () => {
  const cause = new Error('EIO');
  expect(new AllotError({ code: 'JOURNAL_CLOSED', directory: '/d' }, { cause }).cause).toBe(cause);
});

test('an error is known by its code, also when its class comes from another realm', () => {
  const foreign = { code: 'DIRECTORY_LOCKED', data: { code: 'DIRECTORY_LOCKED', directory: '/d', pid: 7 }, message: 'x' };
  expect(isAllotError(foreign)).toBe(true);
  expect(isAllotError(foreign, 'DIRECTORY_LOCKED')).toBe(true);
  expect(isAllotError(foreign, 'JOURNAL_CLOSED')).toBe(false);
});

test.each<[claim: string, thrown: unknown]>([
  ['a system error, though it has a code, is not one of ours', Object.assign(new Error('x'), { code: 'ENOENT' })],
  ['a name of every object is not a code', { code: 'toString', data: {} }],
  ['nothing', undefined],
  ['a bug', new BugError('The sky is above')],
])('%s', (_claim, thrown) => {
  expect(isAllotError(thrown)).toBe(false);
});

const cyclic: { self?: unknown } = {};
cyclic.self = cyclic;

test.each<[thrown: unknown, line: string]>([
  [new Error('one\n  two'), 'one two'],
  ['a string', 'a string'],
  [undefined, 'undefined'],
  [null, 'null'],
  [42, '42'],
  [new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('connect ECONNREFUSED 127.0.0.1:1')]), 'connect ECONNREFUSED ::1:1; connect ECONNREFUSED 127.0.0.1:1'],
  [Object.assign(new Error(''), { code: 'ECONNRESET' }), 'ECONNRESET'],
  [new TypeError(''), 'TypeError'],
  [{ reason: 'x' }, '{"reason":"x"}'],
  [cyclic, '[object Object]'],
])('%p is told in one line', (thrown, line) => {
  expect(describeError(thrown)).toBe(line);
});

test('giving up on purpose is told apart from failure', () => {
  const controller = new AbortController();
  controller.abort();
  expect(isAbortError(controller.signal.reason)).toBe(true);
  expect(isAbortError(new Error('x'))).toBe(false);
});
