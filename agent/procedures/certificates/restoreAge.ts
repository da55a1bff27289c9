/** A backup is of an earlier day: what its certificates are worth today. */
import { X509Certificate } from 'node:crypto';
import type { Finding } from '../../protocol/nouns.ts';
import type { BackupEntry } from './backupEntries.ts';
import { readPlainFile } from './backupTree.ts';
import { alternativeNames } from './names.ts';
import { pemBlocks } from './pem.ts';
import { day } from './problems.ts';
import type { MadeEntry } from './restoreScope.ts';

/** Tells of certificates that a restore brings back although they have expired, or end before those that they replace. */
export async function tellOfAge(
  restored: AsyncIterable<MadeEntry>,
  current: readonly BackupEntry[],
  now: Date,
  finding: (one: Finding) => void,
): Promise<void> {
  const before = await newestEnds(contentsOf(current));
  for (const [names, end] of await newestEnds(restored)) {
    const replaced = before.get(names);
    const [domain = ''] = names.split(' ');
    const common = { code: 'certificates.restore', subject: domain };
    if (end <= now) {
      const message = `The certificate of ${domain} in the archive has expired on ${day(end)}; renew it after the restore.`;
      const remedy = {
        procedure: 'renew-certificate',
        options: { domain },
        title: `Renew the certificate of ${domain}`,
      };
      finding({ ...common, level: 'warning', message, remedy });
    } else if (replaced !== undefined && replaced > end) {
      const message = `The certificate of ${domain} in the archive ends on ${day(end)}, before the one that it replaces (${day(replaced)}).`;
      finding({ ...common, level: 'info', message });
    }
  }
}

/** The latest end of the certificates with the same names, authorities left out. */
async function newestEnds(files: AsyncIterable<MadeEntry>): Promise<Map<string, Date>> {
  const ends = new Map<string, Date>();
  for await (const { entry, content } of files) {
    const leaf = entry.type === 'file' ? leafOf(content) : null;
    if (leaf === null) continue;
    const names = alternativeNames(leaf).join(' ');
    const known = ends.get(names);
    if (known === undefined || known < leaf.validToDate) ends.set(names, leaf.validToDate);
  }
  return ends;
}

const largest = 256 * 1024;

function leafOf(content: Buffer): X509Certificate | null {
  if (content.length > largest) return null;
  for (const { label, text } of pemBlocks(content.toString('latin1'))) {
    if (label !== 'CERTIFICATE') continue;
    try {
      const certificate = new X509Certificate(text);
      return certificate.ca || certificate.subjectAltName === undefined ? null : certificate;
    } catch {
      // A restore gives back what there was; whether it is any good is for verify-certificate to say.
      return null;
    }
  }
  return null;
}

async function* contentsOf(entries: readonly BackupEntry[]): AsyncGenerator<MadeEntry> {
  for (const entry of entries) if (entry.type === 'file') yield { entry, content: await readPlainFile(entry.path) };
}
