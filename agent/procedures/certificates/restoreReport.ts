/** What people are told of an interrupted restore. */
import type { Finding } from '../../protocol/nouns.ts';
import type { Recovery } from './restoreSwitch.ts';

export function reportRecovery(recovery: Recovery | null, finding: (one: Finding) => void): void {
  if (recovery === null) return;
  const { kind, archive, roots, setAside } = recovery;
  const where = roots.join(', ');
  finding({
    level: 'warning',
    code: 'certificates.restore',
    subject: roots[0] ?? archive,
    message:
      kind === 'undone'
        ? `A restore of ${archive} was interrupted before it changed anything; what it had begun beside ${where} was removed.`
        : `A restore of ${archive} was interrupted while it replaced ${where}; it was finished now. Reload what uses the certificates.`,
  });
  for (const path of setAside) {
    const message = `While the restore was interrupted, something else was put in the place of a restored folder; it was kept as ${path}.`;
    finding({ level: 'warning', code: 'certificates.restore', subject: path, message });
  }
}
