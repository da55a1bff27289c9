/** What the person may do on a host now: buttons that would be refused are not shown. */
import { roles, type Role } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';

export function allows(host: HostView, least: Role): boolean {
  if (host.connection.kind !== 'online' || host.role === null) return false;
  return roles.indexOf(host.role) >= roles.indexOf(least);
}
