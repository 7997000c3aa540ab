// Roles: names in a tree.
//
// Owns:      which role names are valid, and the tree order between them.
// Elsewhere: what a role is due (allocator/), who is reserved what (resources.ts).
// Invariants:
//   L1. `a` is an ancestor of `a/b` and of `a/b/c`; `*` and a plain name like `ab` have no ancestor, and no role is its own.
// Source: Mesos roles (`roles::validate`, `roles::isStrictSubroleOf`) and hierarchical roles.

import { accepted, refused, type Checked } from '../refusal';

/** The role of everything that nobody has reserved. It may be subscribed to, but never reserved for. */
export const unreservedRole = '*';

const slash = '/'.charCodeAt(0);
const forbiddenInComponent = /[\t\n\v\f\r \x7f]/;

/** The rule in words, for refusals. */
export const roleExpectation =
  '"*", or components joined by single "/", none of them empty, ".", "..", "*", starting with "-", or holding whitespace or the delete character';

export function isValidRole(role: string): boolean {
  return role === unreservedRole || role.split('/').every(isValidComponent);
}

/** The role itself, or a refusal that names `field`. */
export function checkRole(role: string, field: string): Checked<string> {
  return isValidRole(role) ? accepted(role) : refused(field, role, roleExpectation);
}

/** Whether `role` lies strictly below `ancestor` in the tree (L1). */
export function isSubroleOf(role: string, ancestor: string): boolean {
  return role.length > ancestor.length && role.charCodeAt(ancestor.length) === slash && role.startsWith(ancestor);
}

/** Nearest first: `a/b/c` has `a/b` and `a`. */
export function ancestorsOf(role: string): string[] {
  const ancestors: string[] = [];
  for (let end = role.lastIndexOf('/'); end > 0; end = role.lastIndexOf('/', end - 1)) ancestors.push(role.slice(0, end));
  return ancestors;
}

function isValidComponent(component: string): boolean {
  return (
    component !== '' && component !== '.' && component !== '..' && component !== '*' && !component.startsWith('-') && !forbiddenInComponent.test(component)
  );
}
