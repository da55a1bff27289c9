/** What can be done about a certificate, by the procedures that its host has and what its configuration looks after. Pure. */
import type { Certificate } from '../../agent/protocol/nouns.ts';
import type { HostData } from '../state/hostData.ts';

export type CertificateAction = 'verify' | 'renew' | 'deploy';
/** About all certificates of a host. */
export type ArchiveAction = 'backUp' | 'restore';

export interface ProcedureCall {
  readonly procedure: string;
  readonly options: Readonly<Record<string, unknown>>;
}

export const archiveProcedures: Readonly<Record<ArchiveAction, string>> = {
  backUp: 'backup-certificates',
  restore: 'restore-certificates',
};

/** Words for `when` clauses. */
const words: Readonly<Record<CertificateAction | ArchiveAction, string>> = {
  verify: 'verifiable',
  renew: 'renewable',
  deploy: 'deployable',
  backUp: 'archivable',
  restore: 'restorable',
};

/** The procedure that does it, with its options; null when it can not be done with this certificate or by this agent. */
export function certificateCall(
  action: CertificateAction,
  certificate: Certificate,
  data: Pick<HostData, 'procedures'>,
): ProcedureCall | null {
  const call = callFor(action, certificate);
  return call !== null && hasProcedure(data, call.procedure) ? call : null;
}

export function hasProcedure({ procedures }: Pick<HostData, 'procedures'>, name: string): boolean {
  return procedures.some((procedure) => procedure.name === name);
}

/** What the host can do about a certificate, for `when` clauses. */
export function actionWords(certificate: Certificate, data: Pick<HostData, 'procedures'> | null): readonly string[] {
  if (data === null) return [];
  const about = (['verify', 'renew', 'deploy'] as const).filter(
    (action) => certificateCall(action, certificate, data) !== null,
  );
  const all = (['backUp', 'restore'] as const).filter((action) => hasProcedure(data, archiveProcedures[action]));
  return [...about, ...all].map((action) => words[action]);
}

/** A path, as opposed to an endpoint. */
export function isFileSource(source: string): boolean {
  return /^([/\\]|[A-Za-z]:[/\\])/.test(source);
}

function callFor(action: CertificateAction, certificate: Certificate): ProcedureCall | null {
  const { source } = certificate;
  switch (action) {
    case 'verify':
      return isFileSource(source)
        ? { procedure: 'verify-certificate', options: { cert: source } }
        : { procedure: 'check-certificates', options: { domain: [source] } };
    case 'renew': {
      const domain = domainFor(certificate, certificate.renewedAs);
      if (domain === null) return null;
      // Renewed and not deployed it would not be served; where there is a target, that is what a person means.
      const deploy = typeof certificate.deployedAs === 'string' ? { deploy: true } : {};
      return { procedure: 'renew-certificate', options: { domain, ...deploy } };
    }
    case 'deploy': {
      const domain = domainFor(certificate, certificate.deployedAs);
      return domain === null ? null : { procedure: 'deploy-certificate', options: { domain } };
    }
  }
}

/** The domain by which the host looks after it; an older agent does not tell, and the first name that can be asked for stands in. */
function domainFor({ names }: Certificate, told: string | null | undefined): string | null {
  return told === undefined ? (names.find((name) => !/^[\d.]+$|[:*]/.test(name)) ?? null) : told;
}
