/**
 * What this process has learnt to keep to itself. Secrets are only ever added: runs that were started with a value that the
 * configuration no longer has may still print it.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { urlPasswords } from '../config/secrets.ts';
import { Masker, nothingSecret } from './masker.ts';

/** Beyond these the oldest are let go: a password that changes every minute must not fill the memory. */
const mostKept = 500;
const longestCredential = 64 * 1024;
/** Names of variables that hold a secret whatever they are used for. */
const secretName = /(?:PASSWORD|PASSWD|PASSPHRASE|_PASS|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)$/i;

export class Secrets {
  readonly #values = new Set<string>();
  #masker: Masker = nothingSecret;

  constructor(values: Iterable<string> = []) {
    this.learn(values);
  }

  learn(values: Iterable<string>): void {
    let changed = false;
    for (const value of values) {
      // Known ones become the youngest.
      changed = !this.#values.delete(value) || changed;
      this.#values.add(value);
    }
    if (!changed) return;
    for (const value of this.#values) {
      if (this.#values.size <= mostKept) break;
      this.#values.delete(value);
    }
    this.#masker = new Masker(this.#values);
  }

  /** Of all that is known now. */
  get masker(): Masker {
    return this.#masker;
  }

  text(text: string): string {
    return this.#masker.text(text);
  }

  deep<T>(value: T): T {
    return this.#masker.deep(value);
  }
}

/** Secrets of the environment itself: by their names, in URLs, and all credentials that systemd hands over (systemd.exec(5)). */
export function environmentSecrets(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const values = Object.entries(environment).flatMap(([name, value]) => {
    if (value === undefined || value === '') return [];
    // Hiding the name of a user or database everywhere would protect nothing.
    const open = value === environment['PGUSER'] || value === environment['PGDATABASE'];
    return [...(secretName.test(name) && !open ? [value] : []), ...urlPasswords(value)];
  });
  return [...values, ...credentials(environment['CREDENTIALS_DIRECTORY'])];
}

function credentials(folder: string | undefined): readonly string[] {
  if (folder === undefined || folder === '') return [];
  try {
    return readdirSync(folder).flatMap((name) => credential(join(folder, name)));
  } catch {
    // Without the folder there are no credentials.
    return [];
  }
}

function credential(file: string): readonly string[] {
  try {
    const stats = statSync(file);
    if (!stats.isFile() || stats.size > longestCredential) return [];
    const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    return [text, ...urlPasswords(text)];
  } catch {
    // What can not be read here can not be used either.
    return [];
  }
}
