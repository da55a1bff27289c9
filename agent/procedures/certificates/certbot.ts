/** How certbot is called, and what of its own configuration must be nobody else's. https://eff-certbot.readthedocs.io/en/stable/using.html */
import { access, constants, readdir } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { CertificateSettings } from '../../config/certificates.ts';
import { readIfThere } from '../../readIfThere.ts';
import type { ProcedureContext } from '../define.ts';
import { certbotProblem } from './certbotWords.ts';
import { checkProgram, findProgram, type Program, ProgramError } from './program.ts';

export interface RenewalTool {
  readonly program: Program;
  /** How it is called where it went wrong. */
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** Longest time, ms. */
  readonly timeout: number;
  /** What its output tells of a failure, as the end of a sentence; null when it tells of none. */
  readonly problemIn: (lines: readonly string[], exitedWell: boolean) => string | null;
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
  const record = await readRecord(request.lineage, certbot);
  const again = record !== null && request.covered && movesTo(record, certbot) === null;
  const args = again ? renewArguments(request, record, certbot) : certonlyArguments(request, record, certbot);
  const program = await findProgram(['certbot', ...args, ...folderArguments(certbot)], context.env);
  await checkHooks(certbot.config_dir, record);
  const env = certbot.server_ca === undefined ? {} : { REQUESTS_CA_BUNDLE: certbot.server_ca };
  return { program, name: 'certbot', env, timeout, problemIn: certbotProblem };
}

/** Why a certificate that certbot keeps must be issued anew, by another authority; null = it need not. */
export async function otherAuthority(lineage: string, settings: Settings): Promise<string | null> {
  const record = await readRecord(lineage, settings);
  const server = record === null ? null : movesTo(record, settings);
  return server === null
    ? null
    : `it is from ${record?.params.get('server') ?? ''}, and certificates.certbot.server is ${server}`;
}

type Settings = CertificateSettings['certbot'];

/** What certbot remembers of a certificate. */
interface Remembered {
  readonly file: string;
  readonly text: string;
  readonly params: ReadonlyMap<string, string>;
}

async function readRecord(lineage: string, { config_dir: folder }: Settings): Promise<Remembered | null> {
  const file = join(folder, 'renewal', `${lineage}.conf`);
  const text = await readIfThere(file);
  if (text === null) return null;
  const pairs = text.matchAll(/^(\w+) *= *(.*?) *$/gm);
  return { file, text, params: new Map([...pairs].map(([, key = '', value = '']) => [key, value])) };
}

/** The authority of the configuration where it is another one; what only a DNS plugin can prove stays where it is. */
function movesTo({ params }: Remembered, { server }: Settings): string | null {
  const repeatable = ['webroot', 'standalone'].includes(params.get('authenticator') ?? '');
  return server !== undefined && repeatable && params.get('server') !== server ? server : null;
}

/** What is due was decided here, by the share of the lifetime; certbot's own rule is a fixed number of days. */
const always = ['--non-interactive', '--force-renewal'] as const;

function renewArguments(
  { lineage }: CertbotRequest,
  { params }: Remembered,
  { key_type: keyType }: Settings,
): string[] {
  const changed = keyType !== undefined && keyType !== params.get('key_type');
  const key = changed ? ['--key-type', keyType] : [];
  return ['renew', ...always, '--no-random-sleep-on-renew', ...key, '--cert-name', lineage];
}

function certonlyArguments(
  { lineage, names }: CertbotRequest,
  record: Remembered | null,
  settings: Settings,
): string[] {
  const { authenticator, webroot, port, address, server, email, key_type: keyType } = settings;
  const wildcard = names.find((name) => name.startsWith('*'));
  if (wildcard !== undefined) {
    throw new ProgramError(
      `authorities give out ${wildcard} for a proof by DNS alone; issue it once by certbot with its plugin for your DNS server (certbot certonly --cert-name ${lineage} …), from then on it is renewed here`,
    );
  }
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
    // Else what the authority answers is lost on the way (certbotWords.ts).
    '--debug',
    '--agree-tos',
    '--renew-with-new-domains',
    ...(email === undefined ? ['--register-unsafely-without-email'] : ['--email', email]),
    ...(server === undefined ? [] : ['--server', server]),
    ...['--key-type', keyType ?? record?.params.get('key_type') ?? 'ecdsa', '--cert-name', lineage],
    ...names.flatMap((name) => ['--domain', name]),
    ...proof,
  ];
}

function folderArguments(settings: Settings): string[] {
  const { config_dir: config, work_dir: work, logs_dir: logs } = settings;
  return [
    ...['--config-dir', config],
    ...(work === undefined ? [] : ['--work-dir', work]),
    ...(logs === undefined ? [] : ['--logs-dir', logs]),
  ];
}

/** certbot hands its hooks to a shell as the user that it runs as (CVE-2023-38198 shows what becomes of that elsewhere). */
async function checkHooks(configDirectory: string, record: Remembered | null): Promise<void> {
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
  checkProgram(record.file);
  for (const match of record.text.matchAll(/^\s*(?:pre|post|renew)_hook\s*=\s*(\S+)/gm)) {
    const word = (match[1] ?? '').replace(/^["']/, '');
    if (isAbsolute(word)) checkProgram(word);
  }
}
