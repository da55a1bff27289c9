/** Look at certificates: find them in their view, copy what they are told by, open their files. */
import * as vscode from 'vscode';
import type { Certificate } from '../../agent/protocol/nouns.ts';
import { chosen, type Dialogs } from '../dialogs.ts';
import type { Handlers } from '../registrar.ts';
import type { Host } from '../state/host.ts';
import { isFileSource } from '../views/certificateActions.ts';
import { stateText } from '../views/certificatesModel.ts';
import { certificateId, certificatesOf, certificateSource, nameOf } from '../views/foundCertificates.ts';
import type { Target } from '../views/node.ts';
import { plain } from '../views/text.ts';
import { requireHost, targetAs, type Asking } from './choose.ts';

export function certificateLooks(
  asking: Asking,
  reveal: (id: string) => Promise<void>,
): Pick<Handlers, 'showCertificate' | 'copyFingerprint' | 'openCertificateFile'> {
  return {
    showCertificate: async (target) => {
      const found = await chooseCertificate(asking, target, 'Show Certificate', () => true);
      if (found !== undefined) await reveal(certificateId(found.host.name, found.certificate));
    },

    copyFingerprint: async (target) => {
      const fits = ({ certificate }: Known): boolean => certificate.fingerprint !== null;
      const found = await chooseCertificate(asking, target, 'Copy Fingerprint', fits);
      const fingerprint = found?.certificate.fingerprint ?? null;
      if (fingerprint === null) return;
      await vscode.env.clipboard.writeText(fingerprint);
      vscode.window.setStatusBarMessage('The SHA-256 fingerprint is in the clipboard', 5000);
    },

    openCertificateFile: async (target) => {
      const fits = ({ host, certificate }: Known): boolean => host.isHere && isFileSource(certificate.source);
      const found = await chooseCertificate(asking, target, 'Open Certificate File', fits);
      // Through the editor's own opener: DER and PKCS#12 are binary, and it asks before it shows such a file.
      if (found !== undefined)
        await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(found.certificate.source));
    },
  };
}

interface Known {
  readonly host: Host;
  readonly certificate: Certificate;
}

/** The certificate of the target (a certificate, or a finding or alert about one), or one that the person picks. */
async function chooseCertificate(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
  title: string,
  fits: (known: Known) => boolean,
): Promise<Known | undefined> {
  const now = new Date();
  const known = certificatesOf(
    hosts.all.map((host) => host.view()),
    now,
  ).map(({ host, certificate }) => ({ host: requireHost(hosts, host), certificate }));
  const given = placeOf(hosts, target);
  if (given !== null) {
    const found = known.find(
      ({ host, certificate }) => host.name === given.host && certificate.source === given.source,
    );
    if (found === undefined)
      throw new Error(`${given.host} does not tell of a certificate ${plain(given.source)} any more`);
    if (!fits(found)) throw new Error(`${title.toLowerCase()}: not possible with ${plain(given.source)}`);
    return found;
  }
  const able = known.filter(fits);
  if (able.length === 0) throw new Error(`${title.toLowerCase()}: no such certificate is known`);
  return await pickCertificate(dialogs, able, title, now);
}

export async function pickCertificate<Choice extends Known>(
  dialogs: Dialogs,
  able: readonly Choice[],
  title: string,
  now: Date,
): Promise<Choice | undefined> {
  const choices = able.map((one) => ({
    label: nameOf(one.certificate),
    description: [stateText(one.certificate, now), one.host.name].join(' · '),
    detail: plain(one.certificate.source),
    value: one,
  }));
  return chosen(await dialogs.pick(choices, { title, placeholder: 'Certificate' }));
}

function placeOf(
  hosts: Asking['hosts'],
  target: Target | undefined,
): { readonly host: string; readonly source: string } | null {
  const certificate = targetAs(target, 'certificate');
  if (certificate !== undefined) return certificate;
  const finding = targetAs(target, 'finding');
  if (finding !== undefined) return withSource(finding.host, certificateSource(finding.finding));
  const given = targetAs(target, 'alert');
  if (given === undefined) return null;
  const alert = requireHost(hosts, given.host).store.data?.alerts.find(({ id }) => id === given.alertId);
  return withSource(given.host, alert === undefined ? null : certificateSource(alert));
}

function withSource(host: string, source: string | null): { readonly host: string; readonly source: string } {
  if (source === null) throw new Error('this is not about a certificate');
  return { host, source };
}
