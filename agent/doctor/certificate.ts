/** The certificate that the agent shows, and whether it may listen where it is told to. */
import { existsSync, statSync } from 'node:fs';
import { connect } from '../cli/client.ts';
import { configuredListen } from '../defaults.ts';
import type { Finding } from '../protocol/nouns.ts';
import { expiryProblem, readCertificate } from '../server/certificate.ts';
import { formatAddress, isLoopback } from '../server/listenAddress.ts';
import { certificateFiles } from '../server/openCertificate.ts';
import { messageOf } from '../thrown.ts';
import { found, type Look, type Place } from './place.ts';

const day = 86_400_000;
const soonDays = 21;

export const lookAtCertificate: Look = async (place) => {
  const { config, stateDirectory } = place;
  if (config === null) return [];
  const files = certificateFiles(config.server, stateDirectory);
  if (files === null) return lookAtPlain(config.server.listen);
  if (config.server.tls?.self_signed === true && !existsSync(files.cert))
    return [found('info', 'tls', files.cert, 'the agent makes it at its next start')];
  try {
    const certificate = readCertificate(files);
    const days = Math.floor((certificate.notAfter.getTime() - Date.now()) / day);
    const dates = expiryProblem(certificate, Date.now());
    const told = `SHA-256 ${certificate.fingerprint}, ${days} day(s) left`;
    const first =
      dates !== null
        ? found('critical', 'tls', files.cert, dates)
        : found(days < soonDays ? 'warning' : 'ok', 'tls', files.cert, days < soonDays ? `${told}: renew it` : told);
    return [first, ...lookAtKey(files.key), ...(await lookAtServed(place, certificate.fingerprint))];
  } catch (error) {
    return [found('critical', 'tls', files.cert, messageOf(error))];
  }
};

function lookAtPlain(listen: string | undefined): readonly Finding[] {
  const address = configuredListen(listen);
  if (address === null || isLoopback(address.host)) return [];
  const message = 'without server.tls the agent does not listen beyond this machine: set it, or listen on 127.0.0.1';
  return [found('critical', 'tls', formatAddress(address), message)];
}

function lookAtKey(key: string): readonly Finding[] {
  const mode = statSync(key).mode & 0o777;
  if ((mode & 0o007) === 0) return [];
  return [
    found('critical', 'tls', key, `everybody on this host can read it (mode ${mode.toString(8)}): chmod 600 ${key}`),
  ];
}

/** Does the running agent show what lies in the file? */
async function lookAtServed({ holder, socket }: Place, fingerprint: string): Promise<readonly Finding[]> {
  if (holder === null) return [];
  try {
    const client = await connect({ socket });
    const served = client.hello.host.certificateFingerprint ?? null;
    await client.close();
    if (served === fingerprint) return [];
    const shown = served === null ? 'no certificate' : `another one (SHA-256 ${served})`;
    return [found('warning', 'tls', socket, `the agent shows ${shown}: see its alerts and log, then restart it`)];
  } catch {
    // That it does not answer is another look's finding.
    return [];
  }
}
