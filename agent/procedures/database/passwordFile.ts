/** The password file of libpq (.pgpass). PostgreSQL manual: "The Password File" (libpq-pgpass). */
import { readFile, stat } from 'node:fs/promises';
import type { DatabaseTarget } from './target.ts';

/** The password that the file gives for a connection; undefined without file, without match, or when others may read the file. */
export async function passwordFromFile(path: string, target: DatabaseTarget): Promise<string | undefined> {
  let text: string;
  try {
    const status = await stat(path);
    if (!status.isFile() || (status.mode & 0o077) !== 0) return undefined;
    text = await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
  return findPassword(text, target);
}

/** First line that fits wins; `*` fits anything; `\:` and `\\` are escapes; a Unix socket counts as `localhost`. */
export function findPassword(text: string, target: DatabaseTarget): string | undefined {
  const host = target.host.startsWith('/') ? 'localhost' : target.host;
  const wanted = [host, String(target.port), target.database, target.user];
  for (const line of text.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = splitFields(line);
    const password = fields[4];
    if (password === undefined || password === '') continue;
    if (wanted.every((value, index) => fields[index] === '*' || fields[index] === value)) return password;
  }
  return undefined;
}

function splitFields(line: string): string[] {
  const fields: string[] = [];
  let field = '';
  for (let index = 0; index < line.length; index++) {
    const character = line.charAt(index);
    if (character === '\\' && index + 1 < line.length) field += line.charAt(++index);
    else if (character === ':' && fields.length < 4) {
      fields.push(field);
      field = '';
    } else field += character;
  }
  return [...fields, field];
}
