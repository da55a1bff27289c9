/** How certbot is called, and what of its own configuration must be nobody else's. https://eff-certbot.readthedocs.io/en/stable/using.html */
import { access, constants, readdir, readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { CertificateSettings } from '../../config/certificates.ts';
import type { ProcedureContext } from '../define.ts';
import { plain } from './names.ts';
import { checkProgram, findProgram, type Program, ProgramError } from './program.ts';

export interface RenewalTool {
  readonly program: Program;
  readonly env: Readonly<Record<string, string>>;
  /** Longest time, ms. */
  readonly timeout: number;
  /** What its output tells of a failure, as the end of a sentence; null when it tells of none. */
  readonly problemIn: (lines: readonly string[]) => string | null;
}

export interface CertbotRequest {
  /** Name of the certificate for certbot. */
  readonly lineage: string;
  readonly names: readonly string[];
  /** Whether the certificate that is there holds all the names. */
  readonly covered: boolean;
}

/** Throws ProgramError when certbot is missing, can not be called, or would run what others could change. */
export async function prepareCertbot(request: CertbotRequest, context: ProcedureContext): Promise<RenewalTool> {
  const { certbot, renew_timeout: timeout } = context.config.certificates;
  const record = join(certbot.config_dir, 'renewal', `${request.lineage}.conf`);
  const exists = await access(record).then(
    () => true,
    () => false,
  );
  const args = exists && request.covered ? renewArguments(request) : certonlyArguments(request, certbot);
  const program = await findProgram(['certbot', ...args, ...folderArguments(certbot)], context.env);
  await checkHooks(certbot.config_dir, exists ? record : null);
  const env = certbot.server_ca === undefined ? {} : { REQUESTS_CA_BUNDLE: certbot.server_ca };
  return { program, env, timeout, problemIn };
}

/** What is due was decided here, by the share of the lifetime; certbot's own rule is a fixed number of days. */
const always = ['--non-interactive', '--force-renewal'] as const;

function renewArguments({ lineage }: CertbotRequest): string[] {
  return ['renew', ...always, '--no-random-sleep-on-renew', '--cert-name', lineage];
}

function certonlyArguments({ lineage, names }: CertbotRequest, settings: CertificateSettings['certbot']): string[] {
  const { authenticator, webroot, port, address, server, email, key_type: keyType } = settings;
  if (authenticator === 'webroot' && webroot === undefined) {
    throw new ProgramError(
      'certbot needs a folder that the web server serves; name it in certificates.certbot.webroot',
    );
  }
  const proof =
    authenticator === 'webroot'
      ? ['--webroot', '--webroot-path', webroot ?? '']
      : [
          '--standalone',
          ...(port === undefined ? [] : ['--http-01-port', String(port)]),
          ...(address === undefined ? [] : ['--http-01-address', address]),
        ];
  return [
    'certonly',
    ...always,
    '--agree-tos',
    '--renew-with-new-domains',
    ...(email === undefined ? ['--register-unsafely-without-email'] : ['--email', email]),
    ...(server === undefined ? [] : ['--server', server]),
    ...['--key-type', keyType, '--cert-name', lineage],
    ...names.flatMap((name) => ['--domain', name]),
    ...proof,
  ];
}

function folderArguments(settings: CertificateSettings['certbot']): string[] {
  const { config_dir: config, work_dir: work, logs_dir: logs } = settings;
  return [
    ...['--config-dir', config],
    ...(work === undefined ? [] : ['--work-dir', work]),
    ...(logs === undefined ? [] : ['--logs-dir', logs]),
  ];
}

/** certbot hands its hooks to a shell as the user that it runs as (CVE-2023-38198 shows what becomes of that elsewhere). */
async function checkHooks(configDirectory: string, record: string | null): Promise<void> {
  for (const kind of ['pre', 'deploy', 'post']) {
    const folder = join(configDirectory, 'renewal-hooks', kind);
    for (const name of (await readdir(folder).catch(() => [])).sort()) {
      const file = join(folder, name);
      const runs = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (runs) checkProgram(file);
    }
  }
  if (record === null) return;
  checkProgram(record);
  const text = await readFile(record, 'utf8');
  for (const match of text.matchAll(/^\s*(?:pre|post|renew)_hook\s*=\s*(\S+)/gm)) {
    const word = (match[1] ?? '').replace(/^["']/, '');
    if (isAbsolute(word)) checkProgram(word);
  }
}

/** A deploy hook that fails leaves certbot's exit code at 0. */
function problemIn(lines: readonly string[]): string | null {
  const hook = lines.find((line) => /^Hook '.*' reported error code \d+/.test(line));
  if (hook !== undefined) return `certbot says: ${plain(hook)}`;
  const details = lines.filter((line) => /^\s*Detail: |^An unexpected error|^Failed to renew|rror: /.test(line));
  const said = details.slice(0, 2).map((line) => plain(line.trim()));
  return said.length === 0 ? null : `certbot says: ${said.join(' / ').slice(0, 500)}`;
}
