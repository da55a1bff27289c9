/** From `server.tls` of the configuration to the certificate that is served, and its fingerprint for other processes. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerSettings } from '../config/server.ts';
import { writeFileAtomic } from '../store/atomicWrite.ts';
import { messageOf } from '../thrown.ts';
import { CertificateKeeper, type CertificateKeeperParts } from './certificateKeeper.ts';
import { ensureSelfSigned, selfSignedFiles } from './selfSigned.ts';

export interface OpenCertificateParts extends Omit<CertificateKeeperParts, 'files'> {
  readonly settings: ServerSettings;
  readonly stateDirectory: string;
}

/** Null without `server.tls`. Rejects with one sentence when there is nothing that can be served. */
export async function openCertificate(parts: OpenCertificateParts): Promise<CertificateKeeper | null> {
  const { settings, stateDirectory, clock, log } = parts;
  const files = certificateFiles(settings, stateDirectory);
  if (files === null) {
    rmSync(fingerprintFile(stateDirectory), { force: true });
    return null;
  }
  try {
    if (settings.tls?.self_signed === true) await ensureSelfSigned(stateDirectory, settings.host_names, clock.now());
    const keeper = new CertificateKeeper({ ...parts, files });
    await announce(stateDirectory, keeper.current.fingerprint);
    keeper.onChange(({ fingerprint }) => {
      announce(stateDirectory, fingerprint).catch((error: unknown) => {
        log.error(
          { err: error },
          'the fingerprint of the new certificate could not be written for "upkeep token create"',
        );
      });
    });
    return keeper;
  } catch (error) {
    const reason = messageOf(error);
    throw new Error(`server.tls: ${reason}`, { cause: error });
  }
}

/** Files of `server.tls`; null without it. */
export function certificateFiles(
  { tls }: ServerSettings,
  stateDirectory: string,
): CertificateKeeperParts['files'] | null {
  if (tls === undefined) return null;
  const { cert, key, client_ca: clientCa = null } = tls;
  if (cert !== undefined && key !== undefined) return { cert, key, clientCa };
  return { ...selfSignedFiles(stateDirectory), clientCa };
}

/** SHA-256 fingerprint of the certificate that the agent of this state folder serves, or served last; null = it serves none. */
export function announcedFingerprint(stateDirectory: string): string | null {
  try {
    return readFileSync(fingerprintFile(stateDirectory), 'utf8').trim();
  } catch {
    return null;
  }
}

async function announce(stateDirectory: string, fingerprint: string): Promise<void> {
  mkdirSync(join(stateDirectory, 'tls'), { recursive: true, mode: 0o700 });
  await writeFileAtomic(fingerprintFile(stateDirectory), `${fingerprint}\n`, 0o600);
}

function fingerprintFile(stateDirectory: string): string {
  return join(stateDirectory, 'tls', 'fingerprint');
}
