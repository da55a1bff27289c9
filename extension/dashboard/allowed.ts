/** What the person may do on a host now: buttons that would be refused are not shown. */
import type { Role } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import { suffices } from '../state/permissions.ts';

export function allows(host: HostView, least: Role): boolean {
  return host.connection.kind === 'online' && suffices(host.role, least);
}
