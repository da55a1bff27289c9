/** Verify, renew and deploy certificates; back them up and restore them. Each is a procedure of the host's agent. */
import type { ProcedureInfo } from '../../agent/protocol/nouns.ts';
import { chosen } from '../dialogs.ts';
import type { CommandName } from '../ids.ts';
import type { Handlers } from '../registrar.ts';
import type { Host } from '../state/host.ts';
import {
  archiveProcedures,
  certificateCall,
  type ArchiveAction,
  type CertificateAction,
  type ProcedureCall,
} from '../views/certificateActions.ts';
import { certificatesOf } from '../views/foundCertificates.ts';
import type { Target } from '../views/node.ts';
import { plain } from '../views/text.ts';
import { pickCertificate } from './certificateLooks.ts';
import { chooseHost, hostChoice, permittedHosts, requireHost, requirePermission, targetAs } from './choose.ts';
import { choicesOf } from './preview.ts';
import { fillAndRun, startProcedure, type ProcedureParts } from './procedureCommands.ts';

type CertificateCommand = Extract<
  CommandName,
  'verifyCertificate' | 'renewCertificate' | 'deployCertificate' | 'backUpCertificates' | 'restoreCertificates'
>;

export function certificateCommands(parts: ProcedureParts): Pick<Handlers, CertificateCommand> {
  return {
    // It only looks, so nothing is asked.
    verifyCertificate: async (target) => {
      const choice = await chooseCertificate(parts, target, 'verify');
      if (choice === undefined) return;
      await startProcedure(parts, choice.host, { ...choice.call, dryRun: false });
    },
    renewCertificate: (target) => fillAbout(parts, target, 'renew'),
    deployCertificate: (target) => fillAbout(parts, target, 'deploy'),
    backUpCertificates: (target) => fillArchive(parts, target, 'backUp'),
    restoreCertificates: (target) => fillArchive(parts, target, 'restore'),
  };
}

const titles: Readonly<Record<CertificateAction | ArchiveAction, string>> = {
  verify: 'Verify Certificate',
  renew: 'Renew Certificate',
  deploy: 'Deploy Certificate',
  backUp: 'Back Up Certificates',
  restore: 'Restore Certificates',
};

/** The form of the procedure with the name of the certificate filled in, then the question with what it does. */
async function fillAbout(parts: ProcedureParts, target: Target | undefined, action: CertificateAction): Promise<void> {
  const choice = await chooseCertificate(parts, target, action);
  if (choice === undefined) return;
  const { host, call } = choice;
  await fillAndRun(parts, host, procedureOf(host, call.procedure), call.options);
}

async function fillArchive(parts: ProcedureParts, target: Target | undefined, action: ArchiveAction): Promise<void> {
  const procedure = archiveProcedures[action];
  const { asking } = parts;
  const title = titles[action];
  let host: Host | undefined;
  if (target !== undefined && 'host' in target) host = await chooseHost(asking, target, title, 'procedures.run');
  else {
    const able = permittedHosts(asking.hosts, 'procedures.run').filter((one) => findProcedure(one, procedure) !== null);
    if (able.length === 0) throw new Error(`no connected host has the procedure ${procedure}`);
    host =
      able.length === 1
        ? able[0]
        : chosen(await asking.dialogs.pick(able.map(hostChoice), { title, placeholder: 'Host' }));
  }
  if (host === undefined) return;
  const options = action === 'restore' ? await chooseBackup(parts, host, title) : {};
  if (options !== undefined) await fillAndRun(parts, host, procedureOf(host, procedure), options);
}

/** Which of the backups that the host has; no question where the agent can not tell. */
async function chooseBackup(
  { asking: { dialogs } }: ProcedureParts,
  host: Host,
  title: string,
): Promise<Record<string, string> | undefined> {
  const { date } = await choicesOf(host, archiveProcedures.restore);
  if (date === undefined) return {};
  if (date.length === 0) throw new Error(`${host.name} has no backup of its certificates: back them up first`);
  const choices = date.map(({ value, description }, index) => ({
    label: value,
    icon: 'archive',
    ...(index === 0 ? { description: 'newest' } : {}),
    detail: description,
    value: { date: value },
  }));
  return chosen(await dialogs.pick(choices, { title: `${title} on ${host.name}`, placeholder: 'Backup' }));
}

interface ChosenCertificate {
  readonly host: Host;
  readonly call: ProcedureCall;
}

/** The certificate of the target, or one that the person picks among those with which it can be done. */
async function chooseCertificate(
  { asking }: ProcedureParts,
  target: Target | undefined,
  action: CertificateAction,
): Promise<ChosenCertificate | undefined> {
  const { hosts, dialogs } = asking;
  const given = targetAs(target, 'certificate');
  if (given !== undefined) {
    const host = requireHost(hosts, given.host);
    // Only then it is known what one may do there, and which certificates there are.
    await host.connected();
    requirePermission(host, 'procedures.run');
    const found = callsOf([host], action).find(({ certificate }) => certificate.source === given.source);
    if (found === undefined)
      throw new Error(
        `${titles[action].toLowerCase()}: not possible with ${plain(given.source)} on ${host.name}${adviceFor(action)}`,
      );
    return found;
  }
  const able = callsOf(permittedHosts(hosts, 'procedures.run'), action);
  if (able.length === 0)
    throw new Error(
      `${titles[action].toLowerCase()}: no connected host has a certificate with which that is possible${adviceFor(action)}`,
    );
  return await pickCertificate(dialogs, able, titles[action], new Date());
}

function adviceFor(action: CertificateAction): string {
  return action === 'verify' ? '' : `; list its domain in certificates.${action} of the configuration`;
}

/** The most urgent first. */
function callsOf(hosts: readonly Host[], action: CertificateAction) {
  const byName = new Map(hosts.map((host) => [host.name, host]));
  return certificatesOf(
    hosts.map((host) => host.view()),
    new Date(),
  ).flatMap(({ host: name, certificate }) => {
    const host = byName.get(name);
    const data = host?.store.data ?? null;
    const call = data === null ? null : certificateCall(action, certificate, data);
    return host === undefined || call === null ? [] : [{ host, certificate, call }];
  });
}

function findProcedure(host: Host, name: string): ProcedureInfo | null {
  return host.store.data?.procedures.find((procedure) => procedure.name === name) ?? null;
}

function procedureOf(host: Host, name: string): ProcedureInfo {
  const found = findProcedure(host, name);
  if (found === null) throw new Error(`the agent of ${host.name} has no procedure ${name}; install a newer one there`);
  return found;
}
