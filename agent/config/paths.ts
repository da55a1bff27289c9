/** Relative paths of the configuration → absolute ones, and remarks about those that lead nowhere. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { codeOf } from '../thrown.ts';
import { follow } from './issues.ts';
import type { Remark } from './remark.ts';
import type { CertificateSettings } from './certificates.ts';
import type { Sections } from './schema.ts';
import type { LoadedSections } from './sections.ts';
import type { Environment } from './variables.ts';

/** Relative paths begin at `baseDirectory`; `~/` is the home folder of `env`. */
export function resolvePaths(values: Sections, baseDirectory: string, env: Environment): Sections {
  const absolute = (file: string): string => absolutePath(file, baseDirectory, env);
  const optional = (file: string | undefined): string | undefined => (file === undefined ? undefined : absolute(file));
  const { certificates, database, health, logs, mode, runbooks, scripts, server } = values;
  const { tls } = server;
  return {
    ...values,
    certificates: certificatePaths(certificates, absolute),
    database: { ...database, archive_directory: optional(database.archive_directory) },
    health: { ...health, services: health.services.map((service) => ({ ...service, ca: optional(service.ca) })) },
    logs: {
      ...logs,
      archive: {
        ...logs.archive,
        paths: logs.archive.paths?.map(absolute),
        destination: optional(logs.archive.destination),
      },
      journal: { ...logs.journal, directory: optional(logs.journal.directory) },
      cleanup: {
        ...logs.cleanup,
        files: logs.cleanup.files.map((group) => ({ ...group, paths: group.paths.map(absolute) })),
      },
      audit: { ...logs.audit, paths: logs.audit.paths.map(absolute), destination: optional(logs.audit.destination) },
      rotate: logs.rotate?.map((rotation) => ({ ...rotation, paths: rotation.paths.map(absolute) })),
      analyze: { ...logs.analyze, files: logs.analyze.files?.map(absolute) },
      config: optional(logs.config),
      state: optional(logs.state),
    },
    mode: { ...mode, flag_file: optional(mode.flag_file) },
    runbooks: { ...runbooks, directories: runbooks.directories.map(absolute) },
    scripts: { directory: absolute(scripts.directory ?? '.') },
    server: {
      ...server,
      tls: tls && { ...tls, cert: optional(tls.cert), key: optional(tls.key), client_ca: optional(tls.client_ca) },
    },
  };
}

function certificatePaths(settings: CertificateSettings, absolute: (file: string) => string): CertificateSettings {
  const optional = (file: string | undefined): string | undefined => (file === undefined ? undefined : absolute(file));
  /** A bare name is looked for on PATH. */
  const program = (words: string[] | undefined): string[] | undefined =>
    words?.map((word, index) => (index === 0 && word.includes('/') ? absolute(word) : word));
  const { certbot } = settings;
  return {
    ...settings,
    paths: settings.paths.map(absolute),
    ca: optional(settings.ca),
    backup: {
      ...settings.backup,
      paths: settings.backup.paths.map(absolute),
      destination: absolute(settings.backup.destination),
    },
    certbot: {
      ...certbot,
      webroot: optional(certbot.webroot),
      server_ca: optional(certbot.server_ca),
      config_dir: absolute(certbot.config_dir),
      work_dir: optional(certbot.work_dir),
      logs_dir: optional(certbot.logs_dir),
    },
    renew_command: program(settings.renew_command),
    deploy_hook: program(settings.deploy_hook),
    renew: settings.renew.map((one) => ({ ...one, cert: optional(one.cert), key: optional(one.key) })),
    deploy: settings.deploy.map((target) => ({
      ...target,
      cert: optional(target.cert),
      key: optional(target.key),
      chain: optional(target.chain),
      to: {
        cert: optional(target.to.cert),
        key: optional(target.to.key),
        chain: optional(target.to.chain),
        combined: optional(target.to.combined),
      },
      validate: program(target.validate),
      reload: program(target.reload),
    })),
  };
}

/** False also where this user may not look: the agent's may. */
function isMissing(file: string): boolean {
  try {
    fs.statSync(file);
    return false;
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(codeOf(error));
  }
}

/** Warnings for certificate paths, runbook folders and authorities that do not exist now. */
export function missingPaths(sections: LoadedSections, baseDirectory: string, env: Environment): Remark[] {
  const places = [
    { section: 'certificates', key: 'paths', what: 'certificate', code: 'missing-certificate' },
    { section: 'certificates', key: 'ca', what: 'certificate authority', code: 'missing-certificate' },
    { section: 'runbooks', key: 'directories', what: 'runbook folder', code: 'missing-directory' },
    { section: 'server', key: 'tls.cert', what: 'certificate', code: 'missing-certificate' },
    { section: 'server', key: 'tls.key', what: 'key', code: 'missing-certificate' },
    { section: 'server', key: 'tls.client_ca', what: 'certificate authority', code: 'missing-certificate' },
    { section: 'scripts', key: 'directory', what: 'script folder', code: 'missing-directory' },
  ];
  return places.flatMap(({ section, key, what, code }) => {
    const tree = sections.trees.get(section);
    const node = tree === undefined ? null : follow(tree, key.split('.'));
    const scalars = node?.kind === 'list' ? node.items : node === null ? [] : [node];
    return scalars.flatMap((scalar) => {
      if (scalar.kind !== 'scalar' || typeof scalar.value !== 'string') return [];
      const file = fixedPart(absolutePath(scalar.value, baseDirectory, env));
      if (!isMissing(file)) return [];
      const message = `the ${what} ${file} does not exist: correct the path, or create it`;
      return [{ offset: scalar.offset, severity: 'warning' as const, code, task: null, message }];
    });
  });
}

function absolutePath(file: string, baseDirectory: string, env: Environment): string {
  const home = Object.hasOwn(env, 'HOME') ? env['HOME'] : undefined;
  const expanded = file.startsWith('~/') && home !== undefined ? path.join(home, file.slice(2)) : file;
  return path.resolve(baseDirectory, expanded);
}

/** A glob up to its first wildcard, cut at a folder; any other path as it is. */
function fixedPart(file: string): string {
  const parts = file.split(path.sep);
  const wild = parts.findIndex((part) => /[*?[{]/.test(part));
  return wild < 0 || fs.existsSync(file) ? file : parts.slice(0, wild).join(path.sep) || path.sep;
}
