/** Trees to back up and to restore, and what the two procedures make of them. */
import { execFileSync } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { backupCertificates } from '../../../agent/procedures/certificates/backupCertificates.ts';
import { part as backupPart } from '../../../agent/procedures/certificates/backupCertificatesWork.ts';
import { restoreCertificates } from '../../../agent/procedures/certificates/restoreCertificates.ts';
import { part as restorePart } from '../../../agent/procedures/certificates/restoreCertificatesWork.ts';
import type { ProcedureContext } from '../../../agent/procedures/define.ts';
import { Folder, perform, type Outcome } from './harness.ts';

export class BackupFolder extends Folder {
  override async create(): Promise<void> {
    await super.create();
    await mkdir(this.path('host'), { mode: 0o755 });
  }

  /** `certificates.backup` for the tree of `plant`. */
  settings(more: Record<string, unknown> = {}): Record<string, unknown> {
    return { backup: { paths: [this.path('host', 'letsencrypt')], destination: this.path('backups'), ...more } };
  }

  /** A tree as certbot keeps it: what is served is a link to what is numbered. */
  async plant(): Promise<void> {
    for (const folder of ['archive/a', 'live/a', 'empty']) {
      await mkdir(this.path('host/letsencrypt', folder), { recursive: true, mode: 0o755 });
    }
    await this.write('host/letsencrypt/archive/a/fullchain1.pem', 'old chain\n', 0o644);
    await this.write('host/letsencrypt/archive/a/privkey1.pem', 'old key\n', 0o600);
    for (const name of ['fullchain', 'privkey']) {
      await symlink(`../../archive/a/${name}1.pem`, this.path('host/letsencrypt/live/a', `${name}.pem`));
    }
    execFileSync('chmod', ['0700', this.path('host/letsencrypt/archive')]);
  }

  async backup(options: Record<string, unknown> = {}, settings = this.settings(), world?: Partial<ProcedureContext>) {
    return withPart(await perform(backupCertificates, options, settings, world), backupPart);
  }

  async restore(options: Record<string, unknown> = {}, settings = this.settings(), world?: Partial<ProcedureContext>) {
    return withPart(await perform(restoreCertificates, options, settings, world), restorePart);
  }

  /** Everything below `host`: a line each, with mode, content and target. */
  async host(): Promise<string[]> {
    return await outlineOf(this.path('host'));
  }

  async archives(): Promise<string[]> {
    return (await readdir(this.path('backups'))).filter((name) => !name.startsWith('.')).sort();
  }
}

/** A line for each file, folder and link below `folder`. */
export async function outlineOf(folder: string, below = ''): Promise<string[]> {
  const lines: string[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const [path, shown] = [join(folder, name), `${below}${name}`];
    const stats = await lstat(path);
    const mode = (stats.mode & 0o7777).toString(8);
    if (stats.isSymbolicLink()) lines.push(`${shown} -> ${await readlink(path)}`);
    else if (stats.isDirectory()) lines.push(`${shown}/ ${mode}`, ...(await outlineOf(path, `${shown}/`)));
    else lines.push(`${shown} ${mode} ${stats.isFile() ? await readFile(path, 'utf8') : 'special'}`.trim());
  }
  return lines;
}

function withPart<Part extends z.ZodObject>(
  { part, ...rest }: Outcome & { readonly part: Record<string, unknown> },
  schema: Part,
): Outcome & z.infer<Part> {
  return { ...rest, ...schema.parse(part) };
}

/** A date of its own for each number, as `--date` takes it. */
export function calendarDay(number: number): string {
  return new Date(Date.UTC(2025, 0, 1 + number)).toISOString().slice(0, 10).replaceAll('-', '');
}
