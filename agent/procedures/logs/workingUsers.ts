/** With whose rights logs of a folder are mended: in a folder that somebody else controls, root follows whatever they plant there. */
import path from 'node:path';
import type { UserAndGroup } from './asUser.ts';
import { trustedAs } from './folderTrust.ts';

/** Looks at each folder once. */
export class WorkingUsers {
  readonly #known = new Map<string, Promise<UserAndGroup | null | 'untrusted'>>();

  /** null = our own rights; a user = who else controls the way to the file; `untrusted` = others do too, as in /tmp. */
  of(file: string): Promise<UserAndGroup | null | 'untrusted'> {
    // Whoever is not root has nothing to give away but what is theirs.
    if (process.geteuid?.() !== 0) return Promise.resolve(null);
    const folder = path.dirname(file);
    const known = this.#known.get(folder) ?? trustedAs(folder).catch(() => 'untrusted' as const);
    this.#known.set(folder, known);
    return known;
  }
}
