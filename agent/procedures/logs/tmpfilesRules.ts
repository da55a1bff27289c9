/** Which paths systemd-tmpfiles(8) leaves alone when it cleans up: the `x` and `X` lines of tmpfiles.d(5). */
import type { ProcedureContext } from '../define.ts';
import { pipedTool } from './pipedTool.ts';

/** Says by which line a file is to stay; null = by none. */
export type KeepRules = (file: string) => string | null;

/** The rules of this host; none where there is no systemd-tmpfiles. */
export async function tmpfilesRules(context: Pick<ProcedureContext, 'env' | 'signal'>): Promise<KeepRules> {
  const { lines } = await pipedTool(context, 'systemd-tmpfiles', ['--cat-config', '--no-pager']);
  return parseTmpfiles(lines);
}

export function parseTmpfiles(lines: readonly string[]): KeepRules {
  const rules = lines.flatMap((line) => {
    const [type = '', place = ''] = line.trim().split(/\s+/);
    if (!/^[xX]/.test(type) || !place.startsWith('/')) return [];
    // `x`: with all that is below; `X`: the path itself. What a specifier (%b) stands for is not looked up: it matches anything.
    const pattern = place.replaceAll(/%./g, '*').replaceAll(/[.+^${}()|\\]/g, String.raw`\$&`);
    const below = type.startsWith('x') ? '(?:/.*)?' : '';
    const text = pattern.replaceAll('*', '[^/]*').replaceAll('?', '[^/]').replaceAll('[!', '[^');
    try {
      return [{ line: `${type} ${place}`, matches: new RegExp(`^${text}${below}$`) }];
    } catch {
      return [];
    }
  });
  return (file) => rules.find(({ matches }) => matches.test(file))?.line ?? null;
}
