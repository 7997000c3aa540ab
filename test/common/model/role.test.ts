// Proves the role name rule and the tree order between roles, by table.

import { ancestorsOf, checkRole, isSubroleOf, isValidRole } from '../../../common/model/role';

test.each(['*', 'eng', 'eng/web', 'a/b/c', 'a-b', 'a.b', '...', 'ünï', 'a*', 'a:b'])('%j is a role', (role) => {
  expect(isValidRole(role)).toBe(true);
});

test.each(['', '/', '/eng', 'eng/', 'eng//web', '.', '..', 'eng/.', 'eng/../web', '*/a', 'eng/*', '-eng', 'eng/-web', 'a b', 'a\tb', 'a\nb', 'a\rb', 'a\vb', 'a\fb', 'a\x7fb'])(
  '%j is no role, and the refusal names the field',
  (role) => {
    const checked = checkRole(role, 'roles[0]');
    expect(checked).toMatchObject({ ok: false, refusal: { field: 'roles[0]', value: JSON.stringify(role) } });
  },
);

test.each([
  ['eng/web', 'eng', true],
  ['eng/web/a', 'eng', true],
  ['eng', 'eng', false],
  ['eng', 'eng/web', false],
  ['engine', 'eng', false],
  ['engine/web', 'eng', false],
  ['ops/eng/web', 'eng', false],
  ['eng', '*', false],
])('%s lies below %s: %s', (role, ancestor, expected) => {
  expect(isSubroleOf(role, ancestor)).toBe(expected);
  expect(ancestorsOf(role).includes(ancestor)).toBe(expected);
});

test('ancestors come nearest first, and do not include the role or a root', () => {
  expect(ancestorsOf('a/bb/c')).toEqual(['a/bb', 'a']);
  expect(ancestorsOf('*')).toEqual([]);
});
