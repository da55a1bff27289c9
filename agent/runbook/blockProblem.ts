/** Why a shell block is not run as it stands: it would do something else than a person reads in it (Trojan Source, CVE-2021-42574). */
import { hiddenCharacters } from './hiddenCharacters.ts';

/** One sentence, or null when nothing is wrong with the block. */
export function blockProblem(text: string, closed: boolean): string | null {
  if (!closed) return 'the fence is not closed: close it, so that it is clear where the block ends';
  if (text.trim() === '') return 'the block is empty';
  const [hidden] = hiddenCharacters(text).filter(({ deceptive }) => deceptive);
  if (hidden !== undefined) {
    return `line ${hidden.line} of the block has a hidden character (${hidden.name}) at column ${hidden.column}: remove it`;
  }
  const lines = text.split('\n');
  const prompt = lines.findIndex((line) => /^\s*\$ \S/.test(line));
  if (prompt >= 0)
    return `line ${prompt + 1} of the block begins with a prompt (\`$ \`): remove it, or call the block console`;
  return null;
}

/** `<host>` and the like, which a shell would take for redirections: to be filled in before the block is run. Each once. */
export function placeholders(text: string): string[] {
  const found = text.matchAll(/(?<![<\w])<([A-Za-z](?:[A-Za-z0-9_ .-]{0,60}[A-Za-z0-9])?)>(?![>&|])/g);
  return [...new Set([...found].map(([, name]) => name ?? ''))];
}
