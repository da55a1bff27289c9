/** What a restore can not give back as it was, and what is still to be done after it. */
import { lstat, realpath } from 'node:fs/promises';
import type { Finding } from '../../protocol/nouns.ts';
import type { ProcedureContext } from '../define.ts';
import { listsText, withAccessLists } from './accessLists.ts';
import { unknownAccount } from './accounts.ts';
import { type BackupEntry, isWithin, restorableBits, shownName } from './backupEntries.ts';
import { StoreProblem } from './backupStore.ts';
import { pairFiles } from './pair.ts';

interface Given {
  /** May owners be given? */
  readonly owners: boolean;
  readonly context: ProcedureContext;
  readonly finding: (one: Finding) => void;
}

const code = 'certificates.restore';

/** `entries` of an archive that was made on `host`. */
export async function tellOfRights(
  entries: readonly BackupEntry[],
  host: string,
  { finding, owners }: Pick<Given, 'finding' | 'owners'>,
): Promise<void> {
  for (const entry of entries) {
    if (entry.type === 'link' || (entry.mode & ~restorableBits) === 0) continue;
    const [was, becomes] = [entry.mode, entry.mode & restorableBits].map((mode) => mode.toString(8));
    const message = `${entry.path} is restored with mode ${becomes} and not ${was}, for nobody but the owner may write there.`;
    finding({ level: 'warning', code, subject: entry.path, message });
  }
  const [uid, gid] = [process.geteuid?.(), process.getegid?.()];
  const foreign = owners ? undefined : entries.find((entry) => entry.uid !== uid || entry.gid !== gid);
  if (foreign !== undefined) {
    const message = `Owners are not restored, since only root may give files away: ${foreign.path} belonged to ${foreign.uid}:${foreign.gid}.`;
    finding({ level: 'warning', code, subject: foreign.path, message });
  }
  if (!owners) return;
  const stranger = await firstOfNobody(entries);
  if (stranger === null) return;
  const { entry, what } = stranger;
  const message = `${entry.path} is restored as it was on ${shownName(host)}, for ${what}, which is not known on this host; give it to whom it belongs here.`;
  finding({ level: 'warning', code, subject: entry.path, message });
}

async function firstOfNobody(
  entries: readonly BackupEntry[],
): Promise<{ readonly entry: BackupEntry; readonly what: string } | null> {
  for (const [directory, key, noun] of [
    ['passwd', 'uid', 'user'],
    ['group', 'gid', 'group'],
  ] as const) {
    const firsts = new Map(entries.toReversed().map((entry) => [entry[key], entry]));
    for (const [number, entry] of firsts) {
      if (await unknownAccount(directory, number)) return { entry, what: `the ${noun} ${number}` };
    }
  }
  return null;
}

/** Lists of what is there now are gone after a restore of whole folders, and a restore of one domain refuses: the others would lose theirs. */
export async function lookAtLists(
  current: readonly BackupEntry[],
  domain: string | undefined,
  { context, finding }: Pick<Given, 'context' | 'finding'>,
): Promise<void> {
  const listed = await withAccessLists(current, context.signal);
  const [first] = listed;
  if (first === undefined) return;
  if (domain !== undefined) {
    throw new StoreProblem(
      `${listsText(listed)}, which a restore of one domain does not keep; keep a copy of them (getfacl -R -p), take them away (setfacl -b), and give them again after it (setfacl --restore).`,
    );
  }
  const message = `${listsText(listed)}, which a restore does not keep; give them again after it: \`getfacl -R -p\` keeps a copy, \`setfacl --restore\` gives it back.`;
  finding({ level: 'warning', code, subject: first, message });
}

/** A restore of one domain makes everything else anew as it is: throws StoreProblem where it could not. */
export async function refuseUnkeepable(current: readonly BackupEntry[], owners: boolean): Promise<void> {
  const [uid, gid] = [process.geteuid?.(), process.getegid?.()];
  for (const entry of current) {
    if (!owners && (entry.uid !== uid || entry.gid !== gid)) {
      throw new StoreProblem(
        `${entry.path} belongs to ${entry.uid}:${entry.gid}, which only root could keep; run it as root.`,
      );
    }
    if (entry.type === 'link' || ((await lstat(entry.path)).mode & 0o7000) === 0) continue;
    throw new StoreProblem(
      `${entry.path} is setuid, setgid or sticky, which a restore of one domain does not keep; take that away first (chmod a-st).`,
    );
  }
}

/** Services go on with what they have loaded. */
export async function tellOfServices(
  roots: readonly string[],
  { context, finding }: Pick<Given, 'context' | 'finding'>,
): Promise<void> {
  const { certificates } = context.config;
  const domains = new Set<string>();
  for (const target of certificates.deploy) {
    const { cert } = pairFiles(target, certificates);
    if (isWithin(await realpath(cert).catch(() => cert), roots)) domains.add(target.domain);
  }
  for (const domain of domains) {
    const message = `The certificate of ${domain} may have been restored, and its service goes on with the one that it has; deploy it.`;
    const remedy = {
      procedure: 'deploy-certificate',
      options: { domain },
      title: `Deploy the certificate of ${domain}`,
    };
    finding({ level: 'info', code, subject: domain, message, remedy });
  }
  context.print('reload the services that use these certificates: they go on with those that they have loaded');
}
