/** The TypeScript of the product, for tests of what it must not hold. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Names of the files in these folders that hold the pattern, from the root of the repository. */
export function sourcesWith(folders: readonly string[], pattern: RegExp): readonly string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    )
    .filter((name) => name.endsWith('.ts') && pattern.test(readFileSync(join(root, name), 'utf8')));
}
