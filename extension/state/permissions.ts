/** What a role lets a person do on a host: read from the method table of the wire, so that it is declared once. */
import { methods, type MethodName } from '../../agent/protocol/methods.ts';
import { roles, type Role } from '../../agent/protocol/nouns.ts';

/** False while the role is not known. */
export function suffices(role: Role | null, least: Role): boolean {
  return role !== null && roles.indexOf(role) >= roles.indexOf(least);
}

export function permits(role: Role | null, method: MethodName): boolean {
  return suffices(role, methods[method].role);
}

/** Words for `when` clauses: `operate` may run what is configured, `administer` anything else. */
export function permissionWords(role: Role | null): readonly string[] {
  return [...(suffices(role, 'operator') ? ['operate'] : []), ...(suffices(role, 'admin') ? ['administer'] : [])];
}

/** Why it is refused: one clause without full stop. */
export function lackOfRole(host: string, role: Role | null, method: MethodName): string {
  const own = role === null ? 'yours is not known while it is not connected' : `yours is ${role}`;
  return `on ${host} this needs the role ${methods[method].role}; ${own}`;
}
