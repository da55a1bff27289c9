/**
 * Secrets in what is kept for later (a run that waits): each is replaced by the name that leads to it, and looked up again when it
 * is needed, so that none lies in wait on the disk.
 */
import { mapTexts } from './mapTexts.ts';

/** Around a name; of a private-use plane, so that no text of people has them. */
const open = '\u{F0000}';
const close = '\u{F0001}';
const sealed = /\u{F0000}([^\u{F0000}\u{F0001}]{1,500})\u{F0001}/gu;

export class Seal {
  readonly #named: () => ReadonlyMap<string, string>;

  /** `named`: the secrets of the configuration in force by the names that lead to them. */
  constructor(named: () => ReadonlyMap<string, string>) {
    this.#named = named;
  }

  /** A copy of JSON-like data without secrets. */
  close<T>(value: T): T {
    const names = new Map(
      [...this.#named()].filter(([, secret]) => secret !== '').map(([name, secret]) => [secret, name]),
    );
    if (names.size === 0) return value;
    const longestFirst = [...names.keys()].sort((one, other) => other.length - one.length);
    const any = new RegExp(
      longestFirst.map((secret) => secret.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'),
      'g',
    );
    return mapTexts(value, (text) =>
      text.replaceAll(any, (secret) => `${open}${names.get(secret) ?? ''}${close}`),
    ) as T;
  }

  /** The data as it was, with the values of now. Throws when one of its secrets is gone. */
  open<T>(value: T): T {
    const named = this.#named();
    return mapTexts(value, (text) =>
      text.replaceAll(sealed, (_, name: string) => {
        const secret = named.get(name);
        if (secret !== undefined) return secret;
        throw new Error(
          `the secret \`${name}\` that it was asked for with is gone: set it again, or ask for the run anew`,
        );
      }),
    ) as T;
  }
}

/** Sealed data for people: `${NAME}` in the place of each secret. */
export function namesOf<T>(value: T): T {
  return mapTexts(value, (text) => text.replaceAll(sealed, (_, name: string) => `\${${name}}`)) as T;
}
