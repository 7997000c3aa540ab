// Roles: names in a tree.
//
// Owns:      which role names are valid, and the tree order between them.
// Elsewhere: what a role is due (allocator/), who is reserved what (resources.ts).
// Invariants:
//   L1. `a` is an ancestor of `a/b` and of `a/b/c`; `*` and a plain name like `ab` have no ancestor, and no role is its own.
//   L2. A role is of bounded length and depth, wherever it comes from: who keeps a record of each ancestor keeps few.
// Source: Mesos roles (`roles::validate`, `roles::isStrictSubroleOf`) and hierarchical roles. Ours: L2, for which Mesos has no bound.

import { accepted, refused, type Checked } from '../refusal';

/** The role of everything that nobody has reserved. It may be subscribed to, but never reserved for. */
export const unreservedRole = '*';

/** Longest role in characters. Ours: that of ids, which stand beside roles in every record, key and table; a longer one is no name. */
export const roleLengthMax = 255;

/**
 * Most components of a role. Ours: each ancestor is a node of the role tree that is looked at in every run of the allocator, and its path a name of its
 * own; organisations are not sixteen departments deep.
 */
export const roleDepthMax = 16;

const slash = '/'.charCodeAt(0);
const forbiddenInComponent = /[\t\n\v\f\r \x7f]/;

/** The rule in words, for refusals. */
export const roleExpectation =
  '"*", or components joined by single "/", none of them empty, ".", "..", "*", starting with "-", or holding whitespace or the delete character; ' +
  `at most ${roleDepthMax} components and ${roleLengthMax} characters`;

export function isValidRole(role: string): boolean {
  if (role === unreservedRole) return true;
  if (role.length > roleLengthMax) return false; // Before anything is made of it.
  const components = role.split('/');
  return components.length <= roleDepthMax && components.every(isValidComponent);
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
