// Proves the role name rule with its bounds (L2), and the tree order between roles, by table.

import { ancestorsOf, checkRole, isSubroleOf, isValidRole, roleDepthMax, roleLengthMax } from '../../../common/model/role';

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

const deep = (levels: number): string => Array.from({ length: levels }, () => 'a').join('/');

test('a role has at most 16 levels and 255 characters, because each level is a node that every run of the allocator looks at', () => {
  expect([isValidRole(deep(roleDepthMax)), isValidRole('r'.repeat(roleLengthMax))]).toEqual([true, true]);
  for (const role of [deep(roleDepthMax + 1), 'r'.repeat(roleLengthMax + 1), deep(1_000_000)]) {
    expect(checkRole(role, 'roles[0]')).toMatchObject({ ok: false, refusal: { field: 'roles[0]', expected: expect.stringContaining('at most 16 components and 255 characters') as string } });
  }
});

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
